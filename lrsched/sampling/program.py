"""A formula as operations on arrays, one after the other, in place, in blocks of steps that stay in cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched.foundation.records import Record
from lrsched.ir.lower import lower
from lrsched.ir.term import Term, named
from lrsched.ir.walk import arguments, below, in_order
from lrsched.targets._numpy import OPERATIONS, TARGET

BLOCK = 16_384
RAMP = np.arange(BLOCK, dtype=np.float64)
DOWN = RAMP[::-1].copy()
RAMP.flags.writeable = DOWN.flags.writeable = False
LOGICAL = (np.less, np.less_equal, np.equal)
IN_PLACE = frozenset(op for op, f in OPERATIONS.items() if isinstance(f, np.ufunc) and f.nout == 1 and f not in LOGICAL)
DECIDING = frozenset({"lt", "le", "eq", "floor", "share", "checked"})  # a rounding below them is no rounding above
LINEAR = frozenset({"real", "neg", "add", "sub", "mul", "div"})
SMALLEST, LARGEST = 1e-280, 1e280  # products of numbers between them are as exact as numbers can be


def lowered(part: Any, low: int, high: int, factor: float = 1.0, shift: float = 0.0) -> Term:
    """``factor * part + shift`` for whole steps in [low, high]; what these steps decide is decided."""
    value = lower(part, TARGET.builder(), low, high)
    value = value if factor == 1.0 else _times(value, factor)
    return value if shift == 0.0 else value.b.add(value, value.b.lift(shift))


def _times(term: Term, factor: float) -> Term:
    """The term times a number; of a quotient its first operand, where that is a line."""
    line = _coefficients(term.args[0]) if term.op == "div" else None
    if line is not None and line[0]:
        return term.b.div(term.b.mul(term.b.lift(factor), term.args[0]), term.args[1])
    return term.b.mul(term.b.lift(factor), term)


class Line(Record):
    """``slope * m + shift`` at the step m after ``origin``, or before it where it does not run ``up``.

    A block is a table of what the line gains within it, and its value where it is nearest to the shift: both have
    one sign, so that nothing cancels.
    """

    up: bool
    origin: int
    slope: float
    shift: float

    def table(self, size: int) -> Any:
        """The gain within a block of that size."""
        return self.part(RAMP if self.up else DOWN, size) * self.slope

    def part(self, table: Any, size: int) -> Any:
        """What a smaller block needs of a table."""
        return table[:size] if self.up else table[len(table) - size :]

    def least(self, first: int, size: int) -> float:
        """The value that is nearest to the shift, of the steps of a block."""
        return (first - self.origin if self.up else self.origin - first - size + 1) * self.slope + self.shift


def _line(term: Term, low: int, high: int) -> Line | None:
    """A term as a line on the steps in [low, high], if it is one and nothing cancels in it."""
    slope, start = _coefficients(term) or (Fraction(0), Fraction(0))
    first, last = slope * low + start, slope * high + start
    if not slope or first * last < 0:
        return None
    up = abs(first) <= abs(last)
    ordinary = SMALLEST < abs(slope) < LARGEST and max(abs(first), abs(last)) < LARGEST
    gain, near = (slope, first) if up else (-slope, last)
    return Line(up, low if up else high, float(gain), float(near)) if ordinary else None


def _coefficients(term: Term) -> tuple[Fraction, Fraction] | None:
    """The slope of a term that is a straight line in the step, and its value at step 0, exactly; a number has none."""
    term = named(term)
    if term.op == "step":
        return Fraction(1), Fraction(0)
    if term.op not in LINEAR:
        number = term.value
        return None if number is None or not math.isfinite(number) else (Fraction(0), Fraction(number))
    lines = [_coefficients(a) for a in term.args]
    first, last = lines[0] if len(lines) == 2 else (Fraction(0), Fraction(0)), lines[-1]
    if first is None or last is None:
        return None
    (slope, start), (other, more) = first, last
    if term.op == "mul":
        return None if slope and other else (slope * more + start * other, start * more)
    if term.op == "div":
        return None if other or not more else (slope / more, start / more)
    sign = -1 if term.op in ("sub", "neg") else 1
    return slope + sign * other, start + sign * more


class Program:
    """The operations that compute a term, each with the places of its operands and of its result.

    A result lies in a buffer, which the next operation may have once nobody reads it any more, or in an array of its
    own, where the operation makes one. ``exact`` gives the bits of the formula; else lines are added up from tables.
    """

    def __init__(self, root: Term, exact: bool = False) -> None:
        self.operations: list[tuple[Callable[..., Any], list[int], int, int | None]] = []
        self.constants: list[Any] = [None]  # by place; steps that are given are at the first
        self.lines: list[tuple[Line, int, int]] = []  # with the places of the table and of the number added to it
        self.buffers = 0
        self.counts = False  # whether it reads the steps themselves
        lines: dict[int, Line] = {}
        terms = in_order(root).values()
        precise = below(a for term in terms if term.op in DECIDING for a in arguments(term))
        low, high = next(((term.lo, term.hi) for term in terms if term.op == "step"), (0, 0))

        def needed(term: Term) -> list[Term]:
            line = None if exact or term.num in precise else _line(term, low, high)
            if line is not None:
                lines[term.num] = line
            return [] if line is not None else arguments(term)

        places: dict[int, int] = {}
        for term in in_order(root, needed=needed).values():
            line = lines.get(term.num)
            places[term.num] = self._add_line(line) if line is not None else self._place_of(term, places)
        self.result = places[named(root).num]
        self._share_buffers()

    # ---- the operations

    def _place_of(self, term: Term, places: dict[int, int]) -> int:
        """The place of a term, whose arguments have theirs."""
        op = term.op
        if op == "step":
            self.counts = True
            return 0
        if op == "const":
            value = term.args[0]
            return self._place(float(value) if isinstance(value, Fraction) else value)
        if op == "real":
            return places[arguments(term)[0].num]
        if op == "call":
            made, *values = term.args
            return self._operation(_calling(made), [places[named(value).num] for value in values], None)
        operands = [places[named(a).num] if type(a) is Term else self._place(a) for a in term.args]
        return self._operation(OPERATIONS[op], operands, 0 if op in IN_PLACE else None)

    def _add_line(self, line: Line) -> int:
        table, least = self._place(), self._place()
        self.lines.append((line, table, least))
        return self._operation(np.add, [table, least], 0)

    def _operation(self, function: Callable[..., Any], operands: list[int], buffer: int | None) -> int:
        target = self._place()
        self.operations.append((function, operands, target, buffer))
        return target

    def _place(self, value: Any = None) -> int:
        self.constants.append(value)
        return len(self.constants) - 1

    def _share_buffers(self) -> None:
        """Give each result that can be written into one a buffer that is free when it is computed."""
        last = {place: i for i, (_, operands, _, _) in enumerate(self.operations) for place in operands}
        lying: dict[int, int] = {}
        free: list[int] = []
        for i, (function, operands, target, buffer) in enumerate(self.operations):
            free += [lying.pop(place) for place in {*operands} if last[place] == i and place in lying]
            if buffer is None:
                continue
            if not free:
                free.append(self.buffers)
                self.buffers += 1
            lying[target] = free.pop()
            self.operations[i] = function, operands, target, lying[target]

    # ---- values

    def fill(self, first: int, out: Any) -> None:
        """Write the values of as many steps as ``out`` has, from ``first`` on."""
        places, n = [*self.constants], min(len(out), BLOCK)
        tables = [(line, table, least, line.table(n)) for line, table, least in self.lines]
        buffers = [np.empty(n) for _ in range(self.buffers)]
        for low in range(0, len(out), BLOCK):
            block = out[low : low + BLOCK]
            if low == 0 or len(block) < n:
                n = len(block)
                buffers = [buffer[:n] for buffer in buffers]
                for line, table, _, values in tables:
                    places[table] = line.part(values, n)
            for line, _, least, _ in tables:
                places[least] = line.least(first + low, n)
            places[0] = RAMP[:n] + float(first + low) if self.counts else None
            self._compute(places, buffers, block)

    def at(self, steps: Any) -> Any:
        """The values at some steps."""
        out = np.empty(len(steps))
        for low in range(0, len(steps), BLOCK):
            block = out[low : low + BLOCK]
            buffers = [np.empty(len(block)) for _ in range(self.buffers)]
            self._compute([steps[low : low + BLOCK].astype(np.float64), *self.constants[1:]], buffers, block)
        return out

    def _compute(self, places: list[Any], buffers: list[Any], out: Any) -> None:
        """The values of a block of steps; the last operation writes them."""
        for function, operands, target, buffer in self.operations:
            values = [places[i] for i in operands]
            if buffer is None:
                places[target] = function(*values)
            elif target == self.result:
                function(*values, out=out)
                return
            else:
                places[target] = function(*values, out=buffers[buffer])
        out[...] = places[self.result]


def _calling(made: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the step and its numbers, which are made a function of the step first."""
    return lambda t, *numbers: OPERATIONS["call"](made(*numbers), t)
