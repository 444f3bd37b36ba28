"""`lrsched demo`: four schedules train the same small network on real data, and the results stand side by side.

The network is a two-layer perceptron, the data are scikit-learn's digits (1797 images of 8 x 8 pixels), the optimizer
is Optax's SGD with momentum. The schedule goes into Optax as it is and is evaluated inside the jitted step. The budget
is short, five epochs, since there the schedule matters; and each schedule trains five networks, from other weights and
on other batches, since one alone says little. Needs the extra `demo`, whose packages are imported when the demo runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import lrsched as lrs
from lrsched.cli.outputs import drawn

PEAK = 0.5
REPEATS = 5
BATCH = 64
PIXELS, HIDDEN, DIGITS = 64, 128, 10
HELD_OUT = 0.3


class Data(NamedTuple):
    """The digits, pixels in [0, 1], split into a training and a held-out part."""

    images: NDArray[np.float32]
    labels: NDArray[np.int32]
    held_out_images: NDArray[np.float32]
    held_out_labels: NDArray[np.int32]


@dataclass(frozen=True)
class Run:
    """What training under one schedule gave, for each network.

    ``losses`` (updates, networks) are those of the batches, ``accuracies`` the shares of held-out digits read right.
    """

    schedule: lrs.Schedule
    losses: NDArray[np.float32]
    accuracies: NDArray[np.float64]

    @property
    def accuracy(self) -> float:
        """The mean share of held-out digits read right."""
        return float(self.accuracies.mean())


def schedules(steps: int, peak: float = PEAK) -> dict[str, lrs.Schedule]:
    """Declare the four schedules of the demo for a run of `steps` updates."""
    rise = steps // 10
    return {
        "constant": lrs.constant(peak),
        "warm-up + cosine": peak * (lrs.warmup(rise) >> lrs.cosine().over(steps - rise)),
        "REX, per iteration": peak * lrs.rex().over(steps).sampled(every=1),
        "one-cycle": lrs.recipes.one_cycle(peak, steps),
    }


def run(steps: int = 100, seed: int = 0, plot: Path | None = None) -> int:
    """Train under every schedule, print the table, write the picture if asked to, and return the exit status 0."""
    import jax  # noqa: F401 (what is missing is said before anything is trained)
    import optax  # noqa: F401
    import sklearn  # noqa: F401
    from rich.console import Console

    if plot is not None:
        import matplotlib as mpl  # noqa: F401
    console = Console()
    data = load(seed)
    console.print(
        f"{len(data.labels)} digits to learn from, {len(data.held_out_labels)} held out. Under each schedule, "
        f"{REPEATS} small networks make {steps} updates of {BATCH} digits.",
        highlight=False,
    )
    declared = schedules(steps)
    console.print()
    console.print(expressions(declared))
    console.print()
    runs = train_all(declared, data, steps, seed, console)
    console.print()
    console.print(table(runs, steps))
    if plot is not None:
        console.print(drawn(lambda: figure(runs, steps), plot), highlight=False)
    return 0


def load(seed: int) -> Data:
    """Load the digits and hold out a share of every class."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits: Any = load_digits()
    images, labels = (digits.data / 16).astype(np.float32), digits.target.astype(np.int32)
    every: Any = np.arange(len(labels))
    kept, held = train_test_split(every, test_size=HELD_OUT, random_state=seed % 2**32, stratify=labels)
    return Data(images[kept], labels[kept], images[held], labels[held])


def train_all(declared: Mapping[str, lrs.Schedule], data: Data, steps: int, seed: int, console: Any) -> dict[str, Run]:
    """Train the same network, from the same weights and on the same batches, under each schedule."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console) as progress:
        runs = {}
        for name, schedule in declared.items():
            task = progress.add_task(name, total=steps)
            runs[name] = train(schedule, data, steps, seed, partial(progress.advance, task))
    return runs


def train(schedule: lrs.Schedule, data: Data, steps: int, seed: int, advance: Callable[[], None]) -> Run:
    """Train networks under one schedule: one jitted step for all of them, called `steps` times."""
    import jax
    import optax

    optimizer = optax.sgd(learning_rate=schedule, momentum=0.9)
    images, labels = jax.numpy.asarray(data.images), jax.numpy.asarray(data.labels)

    @jax.jit
    @jax.vmap
    def step(params: Any, state: Any, picked: Any) -> tuple[Any, Any, Any]:
        value, gradient = jax.value_and_grad(loss)(params, images[picked], labels[picked])
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state, value

    seeds = range(REPEATS * seed, REPEATS * (seed + 1))
    params: Any = jax.tree.map(lambda *leaves: np.stack(leaves), *map(initial, seeds))
    state = jax.vmap(optimizer.init)(params)
    losses = []
    for picked in np.stack([batches(len(data.labels), steps, s) for s in seeds], axis=1):
        params, state, value = step(params, state, picked)
        losses.append(value)
        advance()
    read = np.argmax(jax.vmap(logits, (0, None))(params, data.held_out_images), axis=2)
    return Run(schedule, np.asarray(losses), np.mean(read == data.held_out_labels, axis=1))


def batches(size: int, steps: int, seed: int) -> NDArray[np.int32]:
    """Pick the digits of every update: a new order each epoch, its incomplete last batch dropped."""
    random = np.random.default_rng(seed)
    per_epoch = size // BATCH
    epochs = [random.permutation(size)[: per_epoch * BATCH] for _ in range(math.ceil(steps / per_epoch))]
    return np.concatenate(epochs).astype(np.int32).reshape(-1, BATCH)[:steps]


def initial(seed: int) -> dict[str, Any]:
    """Draw the weights of the network (He's scale), as NumPy arrays."""
    random = np.random.default_rng(seed)
    shapes = {"hidden": (PIXELS, HIDDEN), "output": (HIDDEN, DIGITS)}
    weights = {name: random.normal(0, math.sqrt(2 / rows), (rows, columns)) for name, (rows, columns) in shapes.items()}
    biases = {f"{name} bias": np.zeros(columns) for name, (_, columns) in shapes.items()}
    return {name: value.astype(np.float32) for name, value in (weights | biases).items()}


def logits(params: Mapping[str, Any], images: Any) -> Any:
    """Score the ten digits for every image."""
    import jax

    hidden = jax.nn.relu(images @ params["hidden"] + params["hidden bias"])
    return hidden @ params["output"] + params["output bias"]


def loss(params: Mapping[str, Any], images: Any, labels: Any) -> Any:
    """Mean cross-entropy of a batch."""
    import optax

    return optax.softmax_cross_entropy_with_integer_labels(logits(params, images), labels).mean()


def expressions(declared: Mapping[str, lrs.Schedule]) -> Any:
    """Lay out the schedules by name, as what they are."""
    from rich.table import Table
    from rich.text import Text

    result = Table.grid(padding=(0, 2, 0, 0))
    result.add_column(no_wrap=True)
    for name, schedule in declared.items():
        result.add_row(Text(name, style="bold"), repr(schedule))
    return result


def table(runs: Mapping[str, Run], steps: int) -> Any:
    """Lay out accuracies, final loss and the rates at a few steps."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = (0, steps // 2, steps - 1)
    result = Table(box=SIMPLE_HEAD, pad_edge=False, caption_justify="left")
    result.caption = f"accuracy: on held-out digits, of {REPEATS} networks; t: the rate of that update"
    result.add_column("schedule", no_wrap=True)
    for heading in ("accuracy", "worst..best", "loss", *(f"t = {t}" for t in shown)):
        result.add_column(heading, justify="right", no_wrap=True)
    for name, one in runs.items():
        tail = float(one.losses[-(steps // 10) :].mean())
        rates = (f"{one.schedule(t):.2g}" for t in shown)
        each = f"{100 * one.accuracies.min():.1f}..{100 * one.accuracies.max():.1f}"
        result.add_row(name, f"{one.accuracy:.1%}", each, f"{tail:.3f}", *rates)
    return result


def figure(runs: Mapping[str, Run], steps: int) -> Any:
    """Draw the rates, and the training losses averaged over a twenty-fifth of the run."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(10, 4), layout="constrained")
    rates, losses = made.subplots(1, 2)
    width = max(1, steps // 25)
    for name, one in runs.items():
        rates.plot(one.schedule.sample(steps), label=name)
        smooth = np.convolve(one.losses.mean(axis=1), np.full(width, 1 / width), mode="valid")
        losses.plot(np.arange(width - 1, steps), smooth, label=name)
    rates.set(title="Learning rate", xlabel="step", ylabel="rate")
    losses.set(title=f"Training loss (mean of {REPEATS} networks)", xlabel="step", ylabel="cross-entropy", yscale="log")
    rates.legend(frameon=False)
    for axes in (rates, losses):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return made
