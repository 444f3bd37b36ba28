"""What generated fillers call: where comparisons and quotients change, half waves by angle addition, what repeats."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lrsched.ir.term import Term
from lrsched.sampling.array_code import BLOCK
from lrsched.targets._numpy import TARGET

__all__ = ["CALLED", "Repeated"]

TABLE = 1_024
KEPT = 8  # tables of waves
ROWS = 64  # a product of a thousand columns and more rows than these would wake the threads of BLAS
COLUMNS = 6  # holds shorter than this are written step by step of the hold, all holds at once

RAMP = np.arange(BLOCK, dtype=np.float64)
DOWN = RAMP[::-1].copy()
RAMP.flags.writeable = DOWN.flags.writeable = False


def crossing(factor: int, offset: int, bound: int, t: int, end: int) -> tuple[bool, int]:
    """Whether ``factor * t + offset < bound``, and the end of the range on which that stays."""
    holds = factor * t + offset < bound
    if factor > 0 and holds:
        end = min(end, -((offset - bound) // factor))
    elif factor < 0 and not holds:
        end = min(end, (offset - bound) // -factor + 1)
    return holds, end


def changing(test: Callable[[int], bool], t: int, end: int) -> tuple[bool, int]:
    """Whether the test holds at ``t``, and where it first changes, if it changes once."""
    holds = test(t)
    low, size = t, 1
    while low + size < end and test(low + size) == holds:
        low, size = low + size, 2 * size
    high = min(low + size, end)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if test(middle) == holds else (low, middle)
    return holds, high


def meeting(factor: int, offset: int, t: int, end: int) -> tuple[bool, int]:
    """Whether ``factor * t + offset == 0``, and the end of the range on which that stays."""
    if factor == 0:
        return offset == 0, end
    step, left = divmod(-offset, factor)
    if left or not t <= step < end:
        return False, end
    return (True, t + 1) if step == t else (False, step)


def passing(table: list[int], factor: int, offset: int, t: int, end: int) -> tuple[int, int]:
    """How many thresholds ``factor * t + offset`` has passed, and the end of the range on which that stays."""
    count = bisect.bisect_right(table, factor * t + offset)
    if factor > 0:
        end = min(end, -((offset - table[count]) // factor))
    elif factor < 0 and count:
        end = min(end, (offset - table[count - 1]) // -factor + 1)
    return count, end


def multiple(factor: int, offset: int, count: int, over: int, end: int) -> int:
    """The end of the range on which ``(factor * t + offset) // over`` is ``count``."""
    if factor > 0:
        return min(end, -((offset - (count + 1) * over) // factor))
    return min(end, (offset - count * over) // -factor + 1) if factor < 0 else end


def steady(line: Callable[[int], float], t: int, end: int) -> tuple[int, int]:
    """floor(line(t)), and the end of the range on which it stays."""
    value = math.floor(line(t))
    return value, changing(lambda k: math.floor(line(k)) == value, t, end)[1]


# ---- half waves


def wave(
    out: Any, first: int, sign: int, angle: float, factor: float, shift: float, tables: dict[Any, Any], spare: Any
) -> None:
    """Fill ``out`` with ``factor * sin(angle * m)**2 + shift`` for m = first, first + sign, ...

    Rows of the table times (sin^2 a, sin a cos a, cos^2 a, 1) of each row's smallest angle.
    """
    table = tables.get((angle, sign))
    if table is None:
        if len(tables) >= KEPT:
            tables.clear()
        table = tables[angle, sign] = _table(angle, sign)
    size = len(out)
    most = ROWS if spare is None else len(spare) // TABLE
    for low in range(0, size - size % TABLE, most * TABLE):
        rows = min(most, (size - low) // TABLE)
        firsts = np.arange(low, low + rows * TABLE, TABLE, dtype=np.float64)
        smallest = first + firsts if sign > 0 else (first - (TABLE - 1)) - firsts
        block = out[low : low + rows * TABLE] if spare is None else spare[: rows * TABLE]
        np.matmul(_weights(smallest, angle, factor, shift), table, out=block.reshape(rows, TABLE))
        if spare is not None:
            out[low : low + rows * TABLE] = block
    rest = size % TABLE
    if rest:
        at = first + sign * (size - rest)
        smallest = np.array([at if sign > 0 else at - (rest - 1)], dtype=np.float64)
        part = table[:, :rest] if sign > 0 else table[:, TABLE - rest :]
        out[size - rest :] = (_weights(smallest, angle, factor, shift) @ part)[0]


def _weights(smallest: Any, angle: float, factor: float, shift: float) -> Any:
    """What multiplies the rows of the table, for each smallest angle."""
    turned = smallest * angle
    sine, cosine = np.sin(turned), np.cos(turned)
    weights = np.empty((len(turned), 4))
    np.multiply(sine, sine, out=weights[:, 0])
    np.multiply(sine, cosine, out=weights[:, 1])
    np.multiply(cosine, cosine, out=weights[:, 2])
    weights *= factor
    weights[:, 3] = shift
    return weights


def _table(angle: float, sign: int) -> Any:
    """(cos^2, 2 sin cos, sin^2, 1) of the multiples of an angle, counted up or down."""
    turn = RAMP[:TABLE] * angle
    sine, cosine = np.sin(turn), np.cos(turn)
    table = np.stack([cosine * cosine, 2.0 * sine * cosine, sine * sine, np.ones(TABLE)])
    return table if sign > 0 else np.ascontiguousarray(table[:, ::-1])


# ---- what repeats


class Repeated:
    """A function of the quotient or of the step in the cycle, compiled when it is first called."""

    def __init__(self, root: Term, size: Any) -> None:
        self.root: Term | None = root
        self.size = size
        self.made: Callable[[Any], Any] | None = None

    def __call__(self, first: int, last: int) -> Any:
        """The values from ``first`` to ``last - 1``."""
        root = self.root
        if root is not None:
            self.made = TARGET.load(*TARGET.function(root))
            self.root = None
        assert self.made is not None
        steps = np.arange(first, last, dtype=np.float64)
        return np.broadcast_to(self.made(steps), steps.shape)


class HeldPart:
    """Values that stay for some steps; those to come are computed ahead, as many as a block has steps, ``most``."""

    def __init__(self, values: Repeated, most: int) -> None:
        self.values, self.most, self.first, self.ahead = values, most, 0, np.empty(0)

    def fill(self, factor: int, offset: int, over: int, i: int, end: int, out: Any) -> None:
        """The values at ``(factor * t + offset) // over`` for the steps from ``i`` on, as many as ``out`` takes."""
        at, n = factor * i + offset, len(out)
        first, rest = divmod(at, over)
        last = (at + factor * (n - 1)) // over
        if first < self.first or last >= self.first + len(self.ahead):
            final = min((factor * (end - 1) + offset) // over, first + self.most - 1)
            self.first, self.ahead = first, self.values(first, final + 1)
        values = self.ahead[first - self.first : last + 1 - self.first]
        if factor == 1:
            self._even(values, over, rest, out)
            return
        bounds = -((rest - over * np.arange(len(values) + 1)) // factor) if factor else np.zeros(2, dtype=np.int64)
        bounds[0], bounds[-1] = 0, n
        out[:] = np.repeat(values, bounds[1:] - bounds[:-1])

    def _even(self, values: Any, over: int, rest: int, out: Any) -> None:
        """Holds of one length, of which the first has lasted some steps."""
        n = len(out)
        head = min(over - rest, n)
        whole = (n - head) // over
        tail = head + whole * over
        out[:head], middle = values[0], values[1 : 1 + whole]
        if over < COLUMNS:
            for j in range(head, head + over):
                out[j:tail:over] = middle
        else:
            out[head:tail].reshape(whole, over)[...] = middle[:, None]
        out[tail:] = values[-1]


class CyclicPart:
    """Values that come again after some steps: a table of one cycle and a block more, of ``most`` steps."""

    def __init__(self, values: Repeated, most: int) -> None:
        self.values, self.most, self.table = values, most, np.empty(0)

    def read(self, at: int, n: int) -> Any:
        """The values of ``n`` steps from ``at`` on; not to be written to."""
        size = self.values.size
        if not len(self.table):
            self.table = np.empty(size + self.most)
            self.table[:size], made = self.values(0, size), size
            while made < len(self.table):
                more = min(made, len(self.table) - made)
                self.table[made : made + more] = self.table[:more]
                made += more
        first = at % size
        return self.table[first : first + n]


CALLED: dict[str, Any] = {
    "bisect": bisect.bisect_right,
    "changing": changing,
    "crossing": crossing,
    "cycle": CyclicPart,
    "down": DOWN,
    "hold": HeldPart,
    "meeting": meeting,
    "multiple": multiple,
    "passing": passing,
    "ramp": RAMP,
    "steady": steady,
    "wave": wave,
}
