"""Does a bound that knows nothing of the problem rank schedules, and move a tuned peak? Fourteen shapes on digits.

Trains (a) a softmax regression and (b) a small network with momentum on scikit-learn's digits, 30 % of them wrongly
labelled, under fourteen shapes, each at many peaks. ``lrsched.analysis.convex_bound`` sees the rates alone. The program
says how its order of the shapes agrees with the order of their tuned losses, how well a peak that was tuned for one
shape becomes one for the others, and where the bound is wrong.

    python examples/bound_study.py -o bound_study.png

takes about two minutes on two cores; --seeds, --steps and --peaks make it smaller.
"""

from __future__ import annotations

import argparse
import dataclasses
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

REFERENCES = ("linear", "cosine")  # the shapes that peaks are tuned for, fixed before the study was run
AGREES, FOLLOWS, HALF = 0.8, 0.9, 0.5  # what is asked: of the ranks, of the logarithms of peaks, of the regret
TRAINING, HIDDEN, NOISE = 1200, 64, 0.3
HIGHEST = 1e3  # a loss that counts as diverged


@dataclasses.dataclass(frozen=True)
class Part:
    """One of the two studies."""

    name: str
    steps: int
    peaks: tuple[float, ...]
    seeds: int
    batch: int
    momentum: float
    hidden: bool  # a network with one hidden layer, or none
    middle: Callable[..., Any]  # of the losses over seeds


REGRESSION = "softmax regression, batch 4"
NETWORK = "network 64-64-10, momentum .9, batch 32"
PARTS = {
    "a": Part(REGRESSION, 1000, tuple(np.geomspace(0.002, 2, 20)), 24, 4, 0.0, False, np.mean),
    "b": Part(NETWORK, 300, tuple(np.geomspace(0.005, 0.64, 12)), 16, 32, 0.9, True, np.median),
}


def shapes(steps: int) -> dict[str, lrs.Schedule]:
    """The shapes, each with peak 1."""
    cooldown = {
        "wsd .2": (0.2, lrs.linear()),
        "wsd .2 1-sqrt": (0.2, lrs.one_minus_power()),
        "wsd .5": (0.5, lrs.linear()),
    }
    profiles = {
        "linear": lrs.linear(),
        "cosine": lrs.cosine(),
        "rex": lrs.rex(),
        "rex .9": lrs.rex(0.9),
        "poly 2": lrs.polynomial(2.0),
        "poly 4": lrs.polynomial(4.0),
        "1-sqrt": lrs.one_minus_power(),
        "exponential 5": lrs.exponential(5.0),
        "step 50-75": lrs.staircase((0.5, 0.75), (1.0, 0.1, 0.01)),
    }
    return {
        **{name: profile.over(steps) for name, profile in profiles.items()},
        **{name: lrs.plan(steps, lrs.flat(), last) for name, last in cooldown.items()},
        "constant": lrs.hold(steps),
        "inverse sqrt": lrs.inverse_sqrt(steps / 10),
    }


@functools.cache
def data() -> tuple[Any, Any]:
    """Training digits, a share of them with another label, the same every time."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))[:TRAINING]
    x, y = np.float32((x - x.mean(0)) / np.maximum(x.std(0), 1e-6))[order], y[order]
    wrong = rng.random(TRAINING) < NOISE
    return x, np.where(wrong, (y + rng.integers(1, 10, TRAINING)) % 10, y)


def start(part: Part, key: Any) -> dict[str, Any]:
    """The first weights."""
    if not part.hidden:
        return {"b": jnp.zeros((64, 10)), "d": jnp.zeros(10)}
    first, second = jax.random.split(key)
    return {
        "a": jax.random.normal(first, (64, HIDDEN)) * (2 / 64) ** 0.5,
        "c": jnp.zeros(HIDDEN),
        "b": jax.random.normal(second, (HIDDEN, 10)) * (1 / HIDDEN) ** 0.5,
        "d": jnp.zeros(10),
    }


def cross_entropy(weights: dict[str, Any], x: Any, y: Any) -> Any:
    """The mean loss."""
    hidden = jax.nn.relu(x @ weights["a"] + weights["c"]) if "a" in weights else x
    said = jax.nn.log_softmax(hidden @ weights["b"] + weights["d"])
    return -jnp.take_along_axis(said, y[:, None], 1).mean()


def train(part: Part, rates: Any, seed: Any) -> Any:
    """The loss on all training digits after one update at each rate."""
    x, y = map(jnp.asarray, data())
    weights_key, batch_key = jax.random.split(jax.random.key(seed))
    batches = jax.random.randint(batch_key, (len(rates), part.batch), 0, TRAINING)

    def update(carried: Any, given: Any) -> tuple[Any, None]:
        weights, moving = carried
        rate, chosen = given
        slopes = jax.grad(cross_entropy)(weights, x[chosen], y[chosen])
        moving = jax.tree.map(lambda m, g: part.momentum * m + g, moving, slopes)
        return (jax.tree.map(lambda w, m: w - rate * m, weights, moving), moving), None

    weights = start(part, weights_key)
    (weights, _), _ = jax.lax.scan(update, (weights, jax.tree.map(jnp.zeros_like, weights)), (rates, batches))
    return cross_entropy(weights, x, y)


def losses(part: Part, rates: np.ndarray, told: Callable[[int], None]) -> np.ndarray:
    """Final losses, of shape (shapes, peaks, seeds), inf where a run diverged; a seed has its own batches."""
    cells = rates[:, None] * np.array(part.peaks)[:, None]
    over_cells = jax.vmap(jax.vmap(functools.partial(train, part), in_axes=(0, None)), in_axes=(0, None))
    program = jax.jit(over_cells)
    found = []
    for seed in range(part.seeds):
        found.append(np.asarray(program(jnp.asarray(cells, jnp.float32), seed), float))
        told(seed + 1)
    return np.nan_to_num(np.stack(found, axis=-1), nan=np.inf)


def read_at(curve: np.ndarray, peaks: np.ndarray, peak: float) -> float:
    """The loss at a peak between those that were tried: in logarithms, by a cubic that never undershoots them."""
    place = np.clip(np.log(peak / peaks[0]) / np.log(peaks[-1] / peaks[0]), 0, 1)
    heights = np.log(np.minimum(curve, HIGHEST))
    return float(np.exp(lrs.pchip(tuple(np.linspace(0, 1, len(peaks))), tuple(heights.tolist()))(float(place))))


def best(curve: np.ndarray, peaks: np.ndarray) -> float:
    """The best peak: where a parabola through the lowest loss and its neighbours, in logarithms, is lowest."""
    i = int(np.argmin(curve))
    if not 0 < i < len(peaks) - 1:
        return float(peaks[i])
    left, middle, right = np.log(np.minimum(curve[i - 1 : i + 2], HIGHEST))
    bend = left - 2 * middle + right
    return float(peaks[i] * (peaks[1] / peaks[0]) ** ((left - right) / (2 * bend) if bend > 0 else 0.0))


def ranks(values: Any) -> np.ndarray:
    """1 for the smallest."""
    return np.argsort(np.argsort(values)) + 1


@dataclasses.dataclass(frozen=True)
class Found:
    """What one part gave, a row a shape."""

    names: tuple[str, ...]
    shape: np.ndarray  # of the bound
    multiple: np.ndarray
    peak: np.ndarray  # tuned
    loss: np.ndarray
    error: np.ndarray  # standard error of the loss
    curves: np.ndarray
    peaks: np.ndarray

    @property
    def agreement(self) -> float:
        """The correlation of the ranks of the bound and of the tuned losses."""
        return float(np.corrcoef(ranks(self.shape), ranks(self.loss))[0, 1])

    @property
    def following(self) -> float:
        """The correlation of the logarithms of the bound's multiples and of the tuned peaks."""
        return float(np.corrcoef(np.log(self.multiple), np.log(self.peak))[0, 1])

    def moved(self, reference: str) -> np.ndarray:
        """The peaks of all shapes by the theory, from the tuned one of a reference."""
        i = self.names.index(reference)
        return self.peak[i] * self.multiple / self.multiple[i]

    def transfer(self, reference: str) -> tuple[float, float, float, float]:
        """From one shape's peak to the others': rms error of the logarithm and mean regret, moved and left alone."""
        i = self.names.index(reference)
        found = []
        for peaks in (self.moved(reference), np.full(len(self.names), self.peak[i])):
            others = np.arange(len(self.names)) != i
            at = np.array([read_at(c, self.peaks, p) for c, p in zip(self.curves, peaks, strict=True)])
            found.append(float(np.sqrt(np.mean(np.log(peaks / self.peak)[others] ** 2))))
            found.append(float((at - self.loss)[others].mean()))
        return found[0], found[1], found[2], found[3]

    def wrong(self) -> list[str]:
        """Pairs that the bound orders with confidence (2 %) and the losses the other way (two standard errors)."""
        said = []
        for i, j in np.argwhere(self.shape[:, None] * 1.02 < self.shape[None, :]):
            gap = self.loss[i] - self.loss[j]
            if gap > 2 * np.hypot(self.error[i], self.error[j]):
                said.append((gap, f"{self.names[j]} is ranked behind {self.names[i]}, and ends {gap:.4f} better"))
        return [text for _, text in sorted(said, reverse=True)]


def study(part: Part, names: tuple[str, ...], told: Callable[[int], None]) -> Found:
    """Train, tune and judge."""
    known = shapes(part.steps)
    rates = np.stack([known[name].sample(part.steps) for name in names])
    bounds = [lrs.analysis.convex_bound(one) for one in rates]
    runs, peaks = losses(part, rates, told), np.array(part.peaks)
    curves = part.middle(runs, axis=-1)
    spread = runs[np.arange(len(names)), curves.argmin(1)].std(-1, ddof=1) / runs.shape[-1] ** 0.5
    tuned = np.array([best(curve, peaks) for curve in curves])
    shape, multiple = (np.array([getattr(one, field) for one in bounds]) for field in ("shape", "multiple"))
    return Found(names, shape, multiple, tuned, curves.min(1), spread, curves, peaks)


def report(part: Part, found: Found) -> list[str]:
    """The table of one part, and what follows."""
    head = f"{'':<15}{'bound':>8}{'rank':>6}{'tuned loss':>19}{'rank':>6}{'best peak':>11}"
    lines = [f"\n{part.name}: {part.steps} updates, {len(part.peaks)} peaks, {part.seeds} seeds"]
    lines.append(head + "".join(f"{f'from {name}':>14}" for name in REFERENCES))
    by_bound, by_loss = ranks(found.shape), ranks(found.loss)
    for i in np.argsort(found.shape):
        bound = f"{found.shape[i]:8.3f}{by_bound[i]:6d}"
        tuned = f"{found.loss[i]:10.4f} ± {found.error[i]:.4f}{by_loss[i]:6d}{found.peak[i]:11.3g}"
        moved = "".join(f"{found.moved(name)[i]:14.3g}" for name in REFERENCES)
        lines.append(f"{found.names[i]:<15}{bound}{tuned}{moved}")
    lines.append(f"{_ok(found.agreement >= AGREES)} ranks agree by {found.agreement:.3f} (asked: {AGREES})")
    lines.append(f"{_ok(found.following >= FOLLOWS)} peaks follow by {found.following:.3f} (asked: {FOLLOWS})")
    for name in REFERENCES:
        moved, regret, left, without = found.transfer(name)
        lines.append(
            f"{_ok(regret <= HALF * without)} from {name}: rms error of log peak {moved:.3f}, left alone {left:.3f}; "
            f"loss above the tuned one {regret:.4f}, left alone {without:.4f} (asked: {HALF:g} of that)"
        )
    return [*lines, "where the bound is wrong:", *(f"  {text}" for text in found.wrong()[:5] or ["nowhere here"])]


def _ok(holds: bool) -> str:
    return "yes:" if holds else "NO: "


def draw(parts: list[Part], found: list[Found], file: Path) -> None:
    """A row a part: tuned losses against the bound, and tuned peaks against its multiples."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(len(parts), 2, figsize=(11, 4.2 * len(parts)), layout="constrained", squeeze=False)
    for (left, right), part, one in zip(panels, parts, found, strict=True):
        i = one.names.index(REFERENCES[0])
        left.errorbar(one.shape, one.loss, one.error, fmt="o", ms=4)
        right.plot(one.multiple, one.peak, "o", ms=4)
        line = np.array([one.multiple.min(), one.multiple.max()])
        right.plot(line, line * one.peak[i] / one.multiple[i], color="0.6", label=f"moved from {REFERENCES[0]}")
        right.axhline(one.peak[i], color="0.6", ls="--", label="left alone")
        for x, loss, multiple, peak, name in zip(one.shape, one.loss, one.multiple, one.peak, one.names, strict=True):
            left.annotate(name, (x, loss), xytext=(4, 3), textcoords="offset points", fontsize=7)
            right.annotate(name, (multiple, peak), xytext=(4, 3), textcoords="offset points", fontsize=7)
        left.set(xlabel="shape of the bound", ylabel="loss at the best peak", title=part.name)
        right.set(xlabel="best multiple of the bound", ylabel="best peak", xscale="log", yscale="log")
        right.legend(frameon=False, fontsize="small")
        for axis in (right.xaxis, right.yaxis):
            axis.set_major_formatter("{x:.3g}")
            axis.set_minor_formatter("{x:.3g}")
            axis.set_tick_params(labelsize=7, which="both")
        for ax in (left, right):
            ax.grid(alpha=0.25)
            ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=150)


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
    """Run both parts, and print what they show and where the bound is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--shapes", nargs="+", choices=tuple(shapes(10)), default=list(shapes(10)), metavar="NAME")
    parser.add_argument("--steps", type=at_least(1), help="updates of a run (default: 1000 and 300)")
    parser.add_argument("--peaks", type=at_least(3), help="at least 3 (default: 20 and 12)")
    parser.add_argument("--seeds", type=at_least(2), help="at least 2 (default: 24 and 16)")
    parser.add_argument("-o", "--output", type=picture, help="a picture to write")
    chosen = parser.parse_args()
    names, begun = tuple(dict.fromkeys([*REFERENCES, *chosen.shapes])), time.perf_counter()
    parts, found = [], []
    for name in chosen.parts:
        part = PARTS[name]
        peaks = np.geomspace(part.peaks[0], part.peaks[-1], chosen.peaks or len(part.peaks))
        steps, seeds = chosen.steps or part.steps, chosen.seeds or part.seeds
        parts.append(dataclasses.replace(part, steps=steps, seeds=seeds, peaks=tuple(peaks)))

        def told(done: int, name: str = name, seeds: int = seeds) -> None:
            sys.stderr.write(f"{name}: {done} of {seeds} seeds, {time.perf_counter() - begun:.0f} s\n")

        found.append(study(parts[-1], names, told))
        sys.stdout.write("\n".join(report(parts[-1], found[-1])) + "\n")
        sys.stdout.flush()
    seconds = time.perf_counter() - begun
    sys.stdout.write(f"\n{seconds:.0f} s on {os.cpu_count()} cores, {platform.machine()}, jax {jax.__version__}\n")
    if chosen.output:
        draw(parts, found, chosen.output)


if __name__ == "__main__":
    main()
