"""Ranges of steps as vectors of values: the rows of a schedule, kept, and filled for each range that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrsched.foundation.errors import LIMIT
from lrsched.sampling.program import BLOCK
from lrsched.sampling.rows import Row, fill, rows

DOUBLE = np.dtype(np.float64)
MOST_KEPT = 2**22  # steps whose rows are kept and added to; beyond them a range begins anew


def filler(schedule: Any) -> Filler:
    """The filler of a schedule, one for all its ranges."""
    memo = schedule._memo
    found: Filler | None = memo.get("filler")
    if found is None:
        found = memo["filler"] = Filler(min(LIMIT, schedule.reach))
    return found


class Filler:
    """Fills vectors with a schedule's values; the rows of the last range and of what lies before it are kept."""

    def __init__(self, reach: float) -> None:
        self.reach = reach
        self._kept: tuple[int, int, list[Row]] = (0, 0, [])

    def fill(self, schedule: Any, first: int, last: int, out: Any) -> None:
        """Write the values of steps ``first`` to ``last - 1``."""
        found = self._rows(schedule, first, last)
        if out.dtype == DOUBLE and out.flags.c_contiguous:
            fill(schedule, found, first, out)
            return
        buffer = np.empty(min(last - first, 4 * BLOCK))
        with np.errstate(all="ignore"):
            for low in range(0, last - first, len(buffer) or 1):
                part = buffer[: last - first - low]
                fill(schedule, found, first + low, part)
                out[low : low + len(part)] = part

    def _rows(self, schedule: Any, first: int, last: int) -> list[Row]:
        """The rows of a range; of one that goes on where the rows end that are kept, more than it needs."""
        low, high, found = self._kept
        if low <= first and last <= high:
            return found
        if low <= first <= high and 0 < high - low < MOST_KEPT:
            wanted = (low, max(last, int(min(2 * high - low, self.reach))))
        else:
            wanted = (first, last)
        found = rows(schedule.twin(), *wanted)
        self._kept = (*wanted, found)
        return found
