"""Curves as text, two by four dots a character."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lrsched.inspection.describe import spread
from lrsched.inspection.description import number

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK = 0x2800
LONGEST = 1 << 20


def envelope(schedule: Any, steps: int, columns: int) -> tuple[Any, Any]:
    """The smallest and the largest value in each of ``columns`` equal stretches of a run; NaN where there is none."""
    if steps <= LONGEST:
        values = schedule.sample(steps)
        looked = np.arange(steps)
    else:
        looked = spread(0, steps - 1, 64 * columns)
        values = np.array([schedule(int(t)) for t in looked])
    column = looked * columns // steps
    low, high = np.full(columns, math.inf), np.full(columns, -math.inf)
    finite = np.isfinite(values)
    np.minimum.at(low, column[finite], values[finite])
    np.maximum.at(high, column[finite], values[finite])
    empty = low > high
    low[empty] = high[empty] = math.nan
    if steps < columns:
        held = np.arange(columns) * steps // columns
        low, high = (np.where(np.isfinite(values), values, math.nan)[held] for _ in range(2))
    return low, high


def limits(values: Any) -> tuple[float, float]:
    """The ends of a scale on which all values have room, 0 among them unless all are negative."""
    known = np.asarray(values)[np.isfinite(values)]
    bottom, top = (min(0.0, float(np.min(known))), float(np.max(known))) if known.size else (0.0, 1.0)
    if top == bottom:
        bottom, top = (0.0, top) if top > 0 else (bottom - 1.0, bottom + 1.0)
    return bottom, top


def curve(schedule: Any, steps: int, width: int = 64, height: int = 13) -> list[str]:
    """The schedule's curve in a run, as lines of ``width`` characters and a scale on the left."""
    low, high = envelope(schedule, steps, 2 * width)
    known = np.isfinite(low)
    bottom, top = limits([low, high])
    rows = 4 * height
    grid = np.zeros((rows, 2 * width), dtype=bool)
    level = [(rows - 1) * (1.0 - (np.where(known, v, bottom) - bottom) / (top - bottom)) for v in (high, low)]
    first, last = (np.rint(v).astype(int) for v in level)
    for x in np.flatnonzero(known):
        near = first[x - 1] if x and known[x - 1] else first[x]
        grid[min(first[x], max(near, first[x])) : max(last[x], min(near, last[x])) + 1, x] = True
    return _framed(_characters(grid), steps, bottom, top, width)


def _characters(grid: Any) -> list[str]:
    height, width = grid.shape[0] // 4, grid.shape[1] // 2
    codes = np.full((height, width), BLANK)
    for i, row in enumerate(DOTS):
        for j, dot in enumerate(row):
            codes += dot * grid[i::4, j::2]
    return ["".join(map(chr, row)).replace(chr(BLANK), " ").rstrip() for row in codes]


def _framed(lines: list[str], steps: int, bottom: float, top: float, width: int) -> list[str]:
    middle = len(lines) // 2
    marks = {
        0: number(top),
        middle: f"{top - (top - bottom) * middle / (len(lines) - 1):.2g}",
        len(lines) - 1: number(bottom),
    }
    margin = max(map(len, marks.values()))
    framed = [f"{marks.get(i, ''):>{margin}} ┤{line}" for i, line in enumerate(lines)]
    end = f"{steps - 1:,}"
    framed.append(" " * margin + " └" + "─" * width)
    framed.append(" " * (margin + 2) + "0" + end.rjust(width - 1))
    return framed
