"""A schedule as rows of steps, each of which is filled in one way: held, straight, a wave, repeated or computed."""

from __future__ import annotations

import bisect
import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from lrsched.foundation.errors import LIMIT
from lrsched.foundation.records import Record
from lrsched.ir.term import Term
from lrsched.ir.walk import in_order
from lrsched.sampling.lines import line, wave
from lrsched.sampling.program import BLOCK, LARGEST, SMALLEST, Program, lowered
from lrsched.targets.emit import change_of

__all__ = ["Row", "fill", "rows"]

SHORTEST = 256  # steps of a row on average; where rows are shorter, all steps are computed at once
SHORTEST_COMPUTED = 4_096  # the same for a row with a program of its own
WORTH = 4 * BLOCK  # steps that are worth a program of their own
MOST_CUTS = 16
FEW = 8  # rows that are neither too many nor searched for the first
STOP = operator.attrgetter("stop")


class Affine(Record):
    """``factor * value + shift``: what is done outside to the values of a part."""

    factor: float = 1.0
    shift: float = 0.0

    def __call__(self, value: float) -> float:
        return self.factor * value + self.shift

    def after(self, factor: float, shift: float) -> Affine | None:
        """This done to ``factor * value + shift``; None where a number leaves the ordinary ones."""
        found = Affine(self.factor * factor, self(shift))
        return found if SMALLEST < abs(found.factor) < LARGEST and abs(found.shift) < LARGEST else None


class Place(Record):
    """A part in the whole: its step 0 is the step ``origin`` of the whole, its values are changed by ``affine``."""

    part: Any
    origin: int
    affine: Affine

    def lowered(self, low: int, high: int) -> Term:
        """The values of its steps in [low, high] as a term."""
        return lowered(self.part, low, high, self.affine.factor, self.affine.shift)


class Row:
    """Steps from ``start`` to ``stop - 1`` of a schedule."""

    def __init__(self, place: Place, start: int, stop: int) -> None:
        self.place, self.start, self.stop = place, start, stop

    def fill(self, whole: Any, first: int, out: Any) -> None:
        """Write the values of as many steps as ``out`` has, from ``first`` on; ``whole`` is the schedule."""
        raise NotImplementedError


class Level(Row):
    """One value."""

    def fill(self, whole: Any, first: int, out: Any) -> None:
        out[:] = whole(first)


class Ramp(Row):
    """A line or half a wave between two levels, counted from the smaller; at its ends what single steps say."""

    def __init__(self, place: Place, start: int, stop: int, ramp: Any) -> None:
        super().__init__(place, start, stop)
        self.begun, self.steps, self.waves = place.origin - ramp.ahead, ramp.steps, ramp.waves
        begin, end = place.affine(ramp.start), place.affine(ramp.end)
        self.up = abs(begin) < abs(end)
        self.near, self.gap = (begin, end - begin) if self.up else (end, begin - end)
        self.slope, self.angle = self.gap / self.steps, math.pi / 2 / self.steps
        self.ends: list[float | None] = [None, None]

    @property
    def ordinary(self) -> bool:
        """Whether what it gains in a step is an ordinary number."""
        return self.gap == 0.0 or SMALLEST < abs(self.slope) < LARGEST

    def fill(self, whole: Any, first: int, out: Any) -> None:
        done = first - self.begun
        left, n = self.steps - done, len(out)
        if self.waves:
            wave(out, done if self.up else left, self.up, self.angle, self.gap, self.near)
        else:
            line(out, done if self.up else left, self.up, self.slope, self.near)
        for i, end in ((-done, 0), (left, 1)):
            if 0 <= i < n:
                if self.ends[end] is None:
                    self.ends[end] = whole(self.begun + end * self.steps)
                out[i] = self.ends[end]


class Held(Row):
    """Values that change at few steps."""

    def __init__(self, place: Place, start: int, stop: int) -> None:
        super().__init__(place, start, stop)
        self.program = Program(place.lowered(0, LIMIT), exact=True)

    def fill(self, whole: Any, first: int, out: Any) -> None:
        for low in range(0, len(out), WORTH):
            block = out[low : low + WORTH]
            begin = first + low - self.place.origin
            changes = self.place.part.changes(begin, begin + len(block))
            with np.errstate(all="ignore"):
                values = self.program.at(np.concatenate(([begin], changes)))
            block[:] = np.repeat(values, np.diff(changes, prepend=begin, append=begin + len(block)))


class Repeated(Row):
    """The first steps of a part, again and again."""

    def __init__(self, place: Place, start: int, stop: int, period: int) -> None:
        super().__init__(place, start, stop)
        self.period = period
        self.rows = _few(_rows(place, 0, period), place, 0, period)

    def fill(self, whole: Any, first: int, out: Any) -> None:
        at, n = (first - self.place.origin) % self.period, len(out)
        done = min(n, self.period)
        before = min(done, self.period - at)
        fill(whole, self.rows, self.place.origin + at, out[:before])
        fill(whole, self.rows, self.place.origin, out[before:done])
        while done < n:
            more = min(done, n - done)
            out[done : done + more] = out[:more]
            done += more


class Computed(Row):
    """A formula, step by step; of many steps the first and the last, which may be ends, as single steps say."""

    program: Program | None = None

    def fill(self, whole: Any, first: int, out: Any) -> None:
        place, many, n = self.place, self.stop - self.start >= BLOCK, len(out)
        if self.program is None:
            low, high = self.start + many - place.origin, self.stop - 1 - many - place.origin
            self.program = Program(place.lowered(low, high), exact=not many)
        before, after = many and first == self.start, many and first + n == self.stop
        with np.errstate(all="ignore"):
            self.program.fill(first + before - place.origin, out[before : max(n - after, before)])
        if before:
            out[0] = whole(first)
        if after:
            out[-1] = whole(first + n - 1)


def fill(whole: Any, found: list[Row], first: int, out: Any) -> None:
    """Write the values of as many steps as ``out`` has, from ``first`` on, by the rows in which they lie."""
    last = first + len(out)
    i = bisect.bisect_right(found, first, key=STOP) if len(found) > FEW else 0
    for row in found[i:] if i else found:
        low, high = row.start, row.stop
        if first <= low and high <= last:
            row.fill(whole, low, out[low - first : high - first])
        elif low >= last:
            break
        elif first < high:
            low, high = max(first, low), min(last, high)
            row.fill(whole, low, out[low - first : high - first])


def rows(schedule: Any, first: int, last: int) -> list[Row]:
    """The rows of a schedule from step ``first`` to ``last - 1``."""
    place = Place(schedule, 0, Affine())
    return _few(_rows(place, first, last), place, first, last)


def _few(found: Iterator[Row], place: Place, first: int, last: int) -> list[Row]:
    """The rows, or one that computes all of their steps at once where they are short."""
    some: list[Row] = []
    rows = programs = 0
    for row in found:
        rows, programs = rows + 1, programs + isinstance(row, Computed | Held)
        if rows > FEW + (last - first) // SHORTEST or programs > FEW + (last - first) // SHORTEST_COMPUTED:
            return [Computed(place, place.origin + first, place.origin + last)]
        some.append(row)
    return some


def _rows(place: Place, first: int, last: int) -> Iterator[Row]:
    """The rows of a part from its step ``first`` to its ``last - 1``; past its end it stays what it is there."""
    part = place.part
    end = last if part.goes_on else int(min(last, part.lasts))
    if first < end:
        yield from _within(place, first, end)
    if max(first, end) < last:
        yield Level(place, place.origin + max(first, end), place.origin + last)


def _within(place: Place, first: int, last: int) -> Iterator[Row]:
    """The rows of steps that are not past the end of a part."""
    row, scaled = _one(place, first, last), place.part.scaled()
    affine = place.affine.after(*scaled[1:]) if scaled else None
    laid = None if row or scaled else place.part.laid(first, last)
    if row is not None:
        yield row
    elif scaled and affine:
        yield from _rows(Place(scaled[0], place.origin, affine), first, last)
    elif laid is not None:
        for piece in laid:
            yield from _laid(place, piece, first, last)
    else:
        yield from _computed(place, first, last, [MOST_CUTS])


def _one(place: Place, first: int, last: int) -> Row | None:
    """The steps as one row, where a part is level, straight, half a wave, or changes at few steps."""
    start, stop, ramp = place.origin + first, place.origin + last, place.part.ramp()
    if place.part.is_level:
        return Level(place, start, stop)
    row = Ramp(place, start, stop, ramp) if ramp else None
    if row is not None and row.ordinary:
        return row
    near = min(last, first + WORTH)
    changes = place.part.changes(first, near)
    return Held(place, start, stop) if changes is not None and 2 * len(changes) < near - first else None


def _laid(place: Place, laid: Any, first: int, last: int) -> Iterator[Row]:
    """The rows of what a part is made of."""
    affine = place.affine.after(laid.factor, 0.0)
    low, high = max(first - laid.start, 0), min(last - laid.start, laid.length * laid.times)
    if low >= high:
        return
    inner = Place(laid.part, place.origin + laid.start, affine or place.affine)
    if affine is None:
        yield Computed(place, inner.origin + low, inner.origin + high)
    elif laid.times == 1:
        yield from _rows(inner, low, high)
    else:
        yield Repeated(inner, inner.origin + low, inner.origin + high, laid.length)


def _computed(place: Place, first: int, last: int, cuts: list[int]) -> Iterator[Row]:
    """The steps as they are computed; in long runs cut where a condition on the step changes."""
    cut = _cut(place, first, last - 1) if last - first >= WORTH and cuts[0] else None
    if cut is None:
        yield Computed(place, place.origin + first, place.origin + last)
        return
    cuts[0] -= 1
    yield from _computed(place, first, cut, cuts)
    yield from _computed(place, cut, last, cuts)


def _cut(place: Place, low: int, high: int) -> int | None:
    """The first step at which some condition of the formula is not what it is before."""
    for term in in_order(place.lowered(low, high)).values():
        clamp = term.op in ("minimum", "maximum") and term.dtype == "i"
        step, _ = change_of(term.b.le(*term.args) if clamp else term, low, high) or (low, True)
        if low < step <= high:
            return step
    return None
