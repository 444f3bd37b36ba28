"""Pictures of schedules with matplotlib."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lrsched.algebra.schedule import Schedule
from lrsched.display.terminal import envelope
from lrsched.foundation.errors import SHOWN, ScheduleTypeError, check_count, fail, printable, shortened, show
from lrsched.inspection.describe import defined, describe, horizon
from lrsched.inspection.description import WIDEST, Description, number

POINTS = 2000
SCALE = re.compile(r"^[\d.e+-]+ \* ")


def plot(schedules: Any, steps: int | None = None, *, ax: Any = None, log: bool = False) -> Any:
    """Draw schedules over a run.

    Args:
        schedules: one schedule, a list of them, or a dict of them by name. A dict of such dicts draws one panel for
            each, one above the other, for hyperparameters whose values have little in common.
        steps: length of the run; by default that of the longest schedule.
        ax: axes to draw on (one for each panel); new ones by default.
        log: a logarithmic scale of values.

    Returns:
        The axes, or a list of them for several panels.

    Raises:
        ScheduleError: there is nothing to draw, or an argument is no schedule.

    Example:
        >>> import lrsched as lrs
        >>> import matplotlib; matplotlib.use("Agg")
        >>> axes = lrs.plot({"REX": lrs.rex().over(100), "cosine": lrs.cosine().over(100)})
        >>> [line.get_label() for line in axes.lines]
        ['REX', 'cosine']
    """
    panels = _panels(schedules)
    if steps is None:
        steps = max(horizon(s) for panel in panels.values() for s in panel.values())
    steps = check_count("plot", "steps", steps, 1)
    axes = stacked(len(panels), ax, 1.2 + 2.6 * len(panels))
    for axis, (title, panel) in zip(axes, panels.items(), strict=True):
        _panel(axis, panel, steps, log)
        axis.set_ylabel(_literal(title))
    axes[-1].set_xlabel("step")
    return axes[0] if len(axes) == 1 else axes


def _panels(schedules: Any) -> dict[str, dict[str, Schedule]]:
    """The schedules by panel and name."""
    if isinstance(schedules, Schedule):
        schedules = {"": schedules}
    elif isinstance(schedules, list | tuple):
        schedules = {shortened(repr(s), WIDEST): s for s in schedules}
    if not isinstance(schedules, Mapping) or not schedules:
        fail(
            "plot",
            "schedules",
            "a schedule, a list or a dict of schedules, or a dict of dicts",
            schedules,
            wrong_type=True,
        )
    if not all(isinstance(v, Mapping) for v in schedules.values()):
        schedules = {"value": schedules}
    for panel in schedules.values():
        for name, schedule in panel.items():
            if not isinstance(schedule, Schedule):
                fail(
                    "plot",
                    f"schedules[{show(name)}]",
                    "a schedule; a profile needs .over(steps)",
                    schedule,
                    wrong_type=True,
                )
            schedule.concrete("drawn")
    return {str(k): {str(n): s for n, s in v.items()} for k, v in schedules.items()}


def _literal(name: str) -> str:
    """A name as matplotlib draws it: letter by letter, none of it as a formula."""
    return shortened(printable(name, "\n"), SHOWN).replace("$", r"\$")


def stacked(count: int, ax: Any, height: float) -> list[Any]:
    """The axes that are given, or new ones of a height one above the other, without frames above and to the right."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(count, 1, sharex=True, squeeze=False, figsize=(8.0, height), layout="constrained")[1]
    made = list(np.ravel(ax))
    if len(made) != count:
        raise ScheduleTypeError(f"plot: ax must be {count} axes, one for each panel, got {len(made)}")
    for axis in made:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    return made


def _panel(axis: Any, panel: dict[str, Schedule], steps: int, log: bool) -> None:
    for i, (name, schedule) in enumerate(panel.items()):
        _line(axis, schedule, steps, _literal(name), f"C{i}")
    axis.set_xlim(0, steps)
    if log:
        axis.set_yscale("log")
    else:
        axis.yaxis.set_major_formatter("{x:.4g}")
    if len(panel) == 1:
        _phases(axis, describe(next(iter(panel.values())), steps))
    if any(panel):
        axis.legend(frameon=False, fontsize="small")


def _line(axis: Any, schedule: Schedule, steps: int, name: str, color: str) -> None:
    known = defined(schedule, steps)
    if known <= POINTS:
        values = schedule.sample(known)
        cuts = [t for t in schedule.boundaries(known) if _jumps(values, t)] if known > 1 else []
        t, v = np.arange(known, dtype=float), values
        axis.plot(np.insert(t, cuts, t[cuts]), np.insert(v, cuts, v[np.array(cuts, int) - 1]), label=name, color=color)
        return
    low, high = envelope(schedule, known, POINTS)
    middle = (np.arange(POINTS) + 0.5) * known / POINTS
    axis.plot(middle, high, label=name, color=color)
    if np.any(high - low > 0.02 * np.nanmax(np.abs(high))):
        axis.fill_between(middle, low, high, color=color, alpha=0.3, linewidth=0)


def _jumps(values: Any, t: int) -> bool:
    """Whether the value jumps at a boundary, so that the line goes straight up or down there."""
    around = np.abs(np.diff(values[max(0, t - 2) : t + 2]))
    here = abs(values[t] - values[t - 1])
    beside = around.sum() - here
    return bool(here > 1e-6 * np.nanmax(np.abs(values)) and here > 4 * beside)


# ---- phases

LABELLED = 12
FONT = 7.0
WIDE = 0.6
ROWS = 3


def _phases(axis: Any, shown: Description) -> None:
    """Every other phase shaded, each with what it is above it; where words do not fit, with a number."""
    if not shown.complete or len(shown.segments) < 2:
        return
    for segment in shown.segments[1::2]:
        axis.axvspan(segment.start, segment.stop, color="black", alpha=0.05, linewidth=0)
    texts = [(segment, text) for segment, text in _named(shown) if text]
    if len(texts) > LABELLED:
        return
    width = axis.get_window_extent().width / axis.figure.dpi * 72
    for choice in (texts, [(segment, str(i)) for i, (segment, _) in enumerate(texts, 1)]):
        rows = _rows(choice, shown.steps, width)
        if rows is not None:
            for (_, text), (row, left) in zip(choice, rows, strict=True):
                _label(axis, text, left / width, row)
            return


def _named(shown: Description) -> Iterator[tuple[Any, str]]:
    """Each phase with its text: the number of a cycle, the level of what is level, or the expression in short."""
    before = ""
    for segment in shown.segments:
        cycle, of, expression = segment.expression.partition(" of ")
        if of:
            text = "" if cycle == before else cycle
        elif segment.first == segment.last and "sampled" not in expression and segment.expression != "held":
            text = number(segment.first)
        else:
            text = shortened(SCALE.sub("", segment.expression), 40)
        before = cycle if of else ""
        yield segment, text


def _rows(texts: list[tuple[Any, str]], steps: int, width: float) -> list[tuple[int, float]] | None:
    """Row and left edge, in points, of each label so that none meets another, or None."""
    ends = [-math.inf] * ROWS
    found = []
    for segment, text in texts:
        long = WIDE * FONT * len(text)
        middle = (segment.start + segment.stop) / 2 / steps * width
        left = min(max(0.0, middle - long / 2), width - long)
        row = next((i for i, end in enumerate(ends) if end + FONT < left or end == -math.inf), None)
        if row is None or long > width:
            return None
        ends[row] = left + long
        found.append((row, left))
    return found


def _label(axis: Any, text: str, left: float, row: int) -> None:
    axis.annotate(
        _literal(text),
        (left, 1.0),
        xycoords="axes fraction",
        xytext=(0, 3 + 1.4 * FONT * row),
        textcoords="offset points",
        fontsize=FONT,
        color="0.4",
        annotation_clip=False,
    )
