"""The picture of a comparison: rates, bounds along the run, and what AdamW averages over."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrsched.analysis.averages import averaging
from lrsched.analysis.bound import convex_bound, convex_bound_curve
from lrsched.analysis.rates import rates_of
from lrsched.analysis.records import number
from lrsched.display.plotting import plot, stacked
from lrsched.foundation.errors import shortened
from lrsched.inspection.describe import spread

__all__ = ["draw_comparison"]

POINTS, WIDEST = 100, 60


def draw_comparison(found: Any, ax: Any = None) -> Any:
    """Panels one above the other; ``ax`` is as many axes as there are panels, two, or three with weight decay."""
    found.concrete("drawn")
    panels = [_rates, _bounds] if found.weight_decay is None else [_rates, _bounds, _shares]
    made = stacked(len(panels), ax, 1.0 + 2.5 * len(panels))
    for axis, draw in zip(made, panels, strict=True):
        draw(axis, found)
    made[-1].set_xlabel("update")
    return made


def _rates(axis: Any, found: Any) -> None:
    """The rates as given; after a transfer at the peaks to use, with their ranges, and the tuned run."""
    named = {}
    for i, row in enumerate(found.rows):
        scale = row.transfer.peak / row.peak if row.transfer else 1.0
        named[f"{i + 1}  {shortened(row.name, WIDEST)}"] = scale * row.schedule if row.transfer else row.schedule
    plot(named, found.steps, ax=axis)
    if found.tuned:
        schedule, peak, steps = found.tuned
        rates = rates_of("plot", schedule, steps)
        axis.plot(np.arange(steps), rates * (peak / rates.max()), "--", color="0.6", label=f"tuned, peak {peak:g}")
        axis.set_xlim(0, max(steps, found.steps))
        for i, row in enumerate(found.rows):
            shares = row.schedule.sample(found.steps) / row.peak
            ends = shares * row.transfer.low, shares * row.transfer.high
            axis.fill_between(np.arange(found.steps), *ends, color=f"C{i}", alpha=0.15, linewidth=0)
        axis.legend(frameon=False, fontsize="small")
    axis.set(xlabel="", ylabel="rate, at the peak to use" if found.tuned else "rate", ylim=(0, None))


def _bounds(axis: Any, found: Any) -> None:
    """From a quarter of the run on, where shapes begin to differ."""
    even = spread(1, found.steps, min(POINTS, found.steps))
    highest = 0.0
    for i, row in enumerate(found.rows):
        rates = row.schedule.sample(found.steps)
        values = convex_bound_curve(rates * convex_bound(rates).multiple, at=even).values * np.sqrt(found.steps)
        known = np.isfinite(values)
        axis.plot(even[known], values[known], color=f"C{i}", label=f"{i + 1}  shape {row.shape:.3f}")
        highest = max(highest, *values[known & (even >= found.steps / 4)])
    axis.set(ylabel="worst case x sqrt(steps),\neach at its own best peak", ylim=(0, 1.1 * highest))
    axis.legend(frameon=False, fontsize="small")


def _shares(axis: Any, found: Any) -> None:
    for i, row in enumerate(found.rows):
        scale = row.transfer.peak / row.peak if row.transfer else 1.0
        one = averaging(scale * row.schedule, found.weight_decay, found.steps)
        label = f"{i + 1}  window {number(one.window)}, init {one.init:.2f}"
        axis.plot(np.arange(found.steps), one.weights, color=f"C{i}", label=label)
    axis.set(ylabel="share of each update\nin the last weights", ylim=(0, None))
    axis.legend(frameon=False, fontsize="small")
