"""Does the profile matter, or how often it is sampled? Profiles x sampling rates x budgets, each cell at its best peak.

Trains a small network on scikit-learn's digits under every profile, sampled at every rate, over three budgets, after
Chen, Wolfe and Kyrillidis, "REX: Revisiting Budgeted Training with an Improved Schedule" (2022). Every cell gets the
peak that is best for it, and cells are compared seed by seed: what is less than two standard errors is not shown, and
the program says so.

    python examples/rex_grid.py --seeds 16 -o rex_grid.png

prints, for each budget, the test error of every cell, its difference to REX at every update, and what follows from
these numbers and what does not. Two cores take about five minutes for 16 seeds.
"""

from __future__ import annotations

import argparse
import functools
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

import lrsched as lrs

PROFILES = {"exponential": lrs.exponential(5), "linear": lrs.linear(), "REX": lrs.rex(), "cosine": lrs.cosine()}
SAMPLINGS: dict[str, dict[str, Any] | None] = {
    "50-75": {"at": (0.5, 0.75)},
    "33-66": {"at": (1 / 3, 2 / 3)},
    "25-50-75": {"at": (0.25, 0.5, 0.75)},
    "10 %": {"times": 10},
    "5 %": {"times": 20},
    "1 %": {"times": 100},
    "every update": None,
}
EVERY = list(SAMPLINGS).index("every update")
EXPONENTIAL, LINEAR, REX = (list(PROFILES).index(name) for name in ("exponential", "linear", "REX"))
BUDGETS = [37, 150, 600]
TRAINING, BATCH, HIDDEN, MOMENTUM = 1200, 32, 64, 0.9
LEAST, LARGEST = 0.05, 1.2
AT_ONCE = 4  # seeds in one call


def schedule(profile: lrs.Profile, sampling: dict[str, Any] | None, steps: int) -> lrs.Schedule:
    """A profile, sampled, over a budget; with more samples than updates it is sampled at every update."""
    if sampling is None or sampling.get("times", 0) > steps:
        return profile.over(steps)
    return profile.sampled(**sampling).over(steps)


def rates(steps: int) -> np.ndarray:
    """The rates of every cell at a peak of 1, of shape (profiles x samplings, steps)."""
    return np.stack([schedule(p, how, steps).sample(steps) for p in PROFILES.values() for how in SAMPLINGS.values()])


@functools.cache
def data() -> tuple[Any, Any]:
    """Training and test digits, the same split every time."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = np.float32(x[order] / 16.0), y[order]
    return (x[:TRAINING], y[:TRAINING]), (x[TRAINING:], y[TRAINING:])


def start(key: Any) -> dict[str, Any]:
    """The weights of a network with one hidden layer."""
    first, second = jax.random.split(key)
    return {
        "a": jax.random.normal(first, (64, HIDDEN)) * (2 / 64) ** 0.5,
        "c": jnp.zeros(HIDDEN),
        "b": jax.random.normal(second, (HIDDEN, 10)) * (1 / HIDDEN) ** 0.5,
        "d": jnp.zeros(10),
    }


def logits(weights: dict[str, Any], x: Any) -> Any:
    """What the network says."""
    return jax.nn.relu(x @ weights["a"] + weights["c"]) @ weights["b"] + weights["d"]


def train(rates: Any, seed: Any) -> Any:
    """The test error after one update at each rate; the seed sets the weights and the order of the examples."""
    (x, y), (test_x, test_y) = jax.tree.map(jnp.asarray, data())
    weights_key, order_key = jax.random.split(jax.random.key(seed))
    epochs = -(-len(rates) * BATCH // TRAINING)
    order = jax.vmap(lambda key: jax.random.permutation(key, TRAINING))(jax.random.split(order_key, epochs))
    batches = order.reshape(-1)[: len(rates) * BATCH].reshape(len(rates), BATCH)

    def loss(weights: Any, chosen: Any) -> Any:
        said = jax.nn.log_softmax(logits(weights, x[chosen]))
        return -jnp.take_along_axis(said, y[chosen, None], 1).mean()

    def update(carried: Any, given: Any) -> tuple[Any, None]:
        weights, moving = carried
        rate, chosen = given
        moving = jax.tree.map(lambda m, g: MOMENTUM * m + g, moving, jax.grad(loss)(weights, chosen))
        return (jax.tree.map(lambda w, m: w - rate * m, weights, moving), moving), None

    weights = start(weights_key)
    (weights, _), _ = jax.lax.scan(update, (weights, jax.tree.map(jnp.zeros_like, weights)), (rates, batches))
    return jnp.mean(logits(weights, test_x).argmax(-1) != test_y)


def errors(steps: int, peaks: np.ndarray, seeds: int, told: Any) -> np.ndarray:
    """Test errors in percent, of shape (profiles, samplings, peaks, seeds), from one program."""
    cells = jnp.asarray(rates(steps), jnp.float32)
    over_seeds = jax.vmap(train, in_axes=(None, 0))
    over_peaks = jax.vmap(lambda cell, peak, seed: over_seeds(peak * cell, seed), in_axes=(None, 0, None))
    program = jax.jit(jax.vmap(over_peaks, in_axes=(0, None, None)))
    found = []
    for begin in range(0, seeds, AT_ONCE):
        chosen = jnp.arange(begin, begin + AT_ONCE)  # always as many, so that one program does
        found.append(np.asarray(program(cells, jnp.asarray(peaks, jnp.float32), chosen)))
        told(min(begin + AT_ONCE, seeds))
    whole = np.concatenate(found, axis=-1)[..., :seeds]
    return 100 * whole.reshape(len(PROFILES), len(SAMPLINGS), len(peaks), seeds)


def at_best_peak(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The errors of every cell at the peak of its lowest mean, (profiles, samplings, seeds), and which peak that is."""
    best = found.mean(axis=-1).argmin(axis=-1)
    return np.take_along_axis(found, best[..., None, None], axis=2)[:, :, 0], best


def difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The mean of a - b over seeds, and its standard error."""
    d = a - b
    return float(d.mean()), float(d.std(ddof=1) / len(d) ** 0.5)


def table(steps: int, cells: np.ndarray, best: np.ndarray, peaks: np.ndarray) -> list[str]:
    """Test errors of a budget with standard errors, peaks, and differences to REX at every update."""
    head = f"{'':<14}" + "".join(f"{name:>24}" for name in PROFILES)
    lines = [f"\n{steps} updates, {steps * BATCH / TRAINING:.1f} epochs: test error in % (best peak)", head]
    for j, name in enumerate(SAMPLINGS):
        texts = []
        for i in range(len(PROFILES)):
            mean, error = cells[i, j].mean(), cells[i, j].std(ddof=1) / cells.shape[-1] ** 0.5
            edge = "!" if best[i, j] in (0, len(peaks) - 1) else " "
            texts.append(f"{mean:10.2f} ± {error:.2f} ({peaks[best[i, j]]:.2g}{edge})".rjust(24))
        lines.append(f"{name:<14}" + "".join(texts))
    lines += ["less REX at every update, by seed", head]
    for j, name in enumerate(SAMPLINGS):
        pairs = [difference(cells[i, j], cells[REX, EVERY]) for i in range(len(PROFILES))]
        lines.append(f"{name:<14}" + "".join(_signed(*pair).rjust(24) for pair in pairs))
    return lines


def _signed(mean: float, error: float) -> str:
    return f"{mean:+.2f} ± {error:.2f}{'*' if abs(mean) > 2 * error else ' '}"


def claims(budgets: list[int], cells: dict[int, np.ndarray]) -> list[str]:
    """What the numbers show, and what they do not; a claim holds if it does by two standard errors."""
    shown, open_ = [], []
    for steps in budgets:
        rex, exponential, linear = (cells[steps][i, EVERY] for i in (REX, EXPONENTIAL, LINEAR))
        worse = [difference(cell, rex) for cell in cells[steps][EXPONENTIAL]]
        count = sum(mean > 2 * error for mean, error in worse)
        text = f"{steps}: exponential at {count} of {len(worse)} sampling rates is worse than REX at every update"
        (shown if count == len(worse) else open_).append(text)
        mean, error = difference(cells[steps][EXPONENTIAL, 0], exponential)
        text = f"{steps}: exponential held at 50-75 against exponential at every update, {_signed(mean, error)}"
        (shown if mean < -2 * error else open_).append(text)
        least = min(range(len(PROFILES)), key=lambda i: cells[steps][i, EVERY].mean())
        mean, error = difference(rex, cells[steps][least, EVERY])
        text = f"{steps}: REX is within two standard errors of the best at every update, {_signed(mean, error)}"
        (shown if mean <= 2 * error else open_).append(text)
        mean, error = difference(rex, linear)
        text = f"{steps}: REX is better than linear, {_signed(mean, error)}"
        (shown if mean < -2 * error else open_).append(text)
    return ["\nshown:", *(f"  {text}" for text in shown), "not shown:", *(f"  {text}" for text in open_)]


def draw(budgets: list[int], cells: dict[int, np.ndarray], file: Path) -> None:
    """A panel a budget: the error of each profile over the sampling rates, with standard errors."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(budgets), figsize=(4.4 * len(budgets), 4), layout="constrained", squeeze=False)
    for ax, steps in zip(panels[0], budgets, strict=True):
        for i, name in enumerate(PROFILES):
            mean, error = cells[steps][i].mean(-1), cells[steps][i].std(-1, ddof=1) / cells[steps].shape[-1] ** 0.5
            ax.errorbar(np.arange(len(SAMPLINGS)) + 0.08 * (i - 1.5), mean, error, fmt="o-", ms=4, lw=1, label=name)
        ax.set_xticks(range(len(SAMPLINGS)), list(SAMPLINGS), rotation=35, ha="right")
        ax.set(title=f"{steps} updates", yscale="log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}")
        ax.grid(alpha=0.25, which="both")
        ax.spines[["top", "right"]].set_visible(False)
    panels[0, 0].set_ylabel("test error in %, at the best peak")
    panels[0, 0].legend(frameon=False)
    figure.savefig(file, dpi=100)


def at_least(least: int) -> Callable[[str], int]:
    """A reader of integers that are not too small to mean anything."""

    def read(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, got {text}")
        return int(text)

    return read


def picture(text: str) -> Path:
    """The name of a picture that can be written, looked at before anything is trained."""
    file = Path(text)
    if file.suffix not in (".png", ".svg", ".pdf") or not file.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"must end in .png, .svg or .pdf, in a folder that is there, got {text}")
    return file


def main() -> None:
    """Run the study, and print what it shows and what it does not."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--budgets", type=at_least(1), nargs="+", default=BUDGETS, help="updates of each budget")
    parser.add_argument("--peaks", type=at_least(1), default=8, help=f"how many, from {LEAST} to {LARGEST}")
    parser.add_argument("--seeds", type=at_least(2), default=16, help="at least 2")
    parser.add_argument("-o", "--output", type=picture, help="a picture to write")
    chosen = parser.parse_args()
    peaks, cells, begun = np.geomspace(LEAST, LARGEST, chosen.peaks), {}, time.perf_counter()
    for steps in chosen.budgets:

        def told(done: int, steps: int = steps) -> None:
            sys.stderr.write(f"{steps} updates: {done} of {chosen.seeds} seeds, {time.perf_counter() - begun:.0f} s\n")

        cells[steps], best = at_best_peak(errors(steps, peaks, chosen.seeds, told))
        sys.stdout.write("\n".join(table(steps, cells[steps], best, peaks)) + "\n")
    sys.stdout.write("\n".join(claims(chosen.budgets, cells)) + "\n")
    runs = len(chosen.budgets) * len(PROFILES) * len(SAMPLINGS) * chosen.peaks * chosen.seeds
    sys.stdout.write(
        "\n* more than two standard errors: of so many differences a few are so by chance.\n"
        "! the best peak is the least or largest tried: this cell may be worse than it could be.\n"
        "The best peak is chosen on the test error that is shown, for every cell alike.\n"
        f"{runs:,} runs, {chosen.seeds} seeds, {time.perf_counter() - begun:.0f} s on {os.cpu_count()} cores, "
        f"{platform.machine()}, jax {jax.__version__}.\n"
    )
    if chosen.output:
        draw(chosen.budgets, cells, chosen.output)


if __name__ == "__main__":
    main()
