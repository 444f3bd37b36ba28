"""A formula as operations on arrays, one after the other, in place, in blocks of steps that stay in cache."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched.foundation.records import Record
from lrsched.ir.lower import lower
from lrsched.ir.term import Term, named
from lrsched.ir.walk import arguments, below, in_order
from lrsched.targets._numpy import OPERATIONS, TARGET

__all__ = ["BLOCK", "DOWN", "LARGEST", "RAMP", "SMALLEST", "Program", "lowered"]

BLOCK = 16_384
RAMP = np.arange(BLOCK, dtype=np.float64)
DOWN = RAMP[::-1].copy()
RAMP.flags.writeable = DOWN.flags.writeable = False
LOGICAL = (np.less, np.less_equal, np.equal)
IN_PLACE = frozenset(op for op, f in OPERATIONS.items() if isinstance(f, np.ufunc) and f.nout == 1 and f not in LOGICAL)
DECIDING = frozenset({"lt", "le", "eq", "floor", "share", "checked"})  # a rounding below them is no rounding above
SMALLEST, LARGEST = 1e-280, 1e280  # products of numbers between them are as exact as numbers can be


def lowered(part: Any, low: int, high: int, factor: float = 1.0, shift: float = 0.0) -> Term:
    """``factor * part + shift`` for whole steps in [low, high]; what these steps decide is decided."""
    value = lower(part, TARGET.builder(), low, high)
    value = value if factor == 1.0 else _times(value, factor)
    return value if shift == 0.0 else value.b.add(value, value.b.lift(shift))


def _times(term: Term, factor: float) -> Term:
    """The term times a number; of a quotient its first operand, where that is a line."""
    if term.op == "div" and Line.of(term.args[0]):
        return term.b.div(term.b.mul(term.b.lift(factor), term.args[0]), term.args[1])
    return term.b.mul(term.b.lift(factor), term)


class Line(Record):
    """``factor * (sign * step + offset) + shift``: one addition to a table of its gain within a block."""

    sign: int
    offset: int
    factor: float = 1.0
    shift: float = 0.0

    @classmethod
    def of(cls, term: Term) -> Line | None:
        """A term as a line, if it is one in which nothing cancels."""
        term = named(term)
        if term.op == "step":
            return cls(1, 0)
        if term.op in ("real", "neg"):
            inner = cls.of(term.args[0])
            return inner and inner._times(1.0 if term.op == "real" else -1.0)
        if term.op not in ("add", "sub", "mul", "div"):
            return None
        a, c = (named(x) for x in term.args)
        known, other = (a, c) if a.op == "const" and term.op != "div" else (c, a)
        line, number = cls.of(other) if known.op == "const" else None, known.value
        if line is None or not SMALLEST < abs(number) < LARGEST:
            return None
        low, high = other.lo, other.hi
        if type(number) is not int or term.op in ("mul", "div"):
            line = line._upward(low, high)
        if line is None or term.op in ("mul", "div"):
            return line and line._times(float(number) if term.op == "mul" else 1.0 / number)
        if term.op == "sub" and known is a:
            line, low, high = line._times(-1.0), -high, -low
        return line and line._plus(-number if term.op == "sub" and known is c else number, low, high)

    def _upward(self, low: float, high: float) -> Line | None:
        """This line, which lies between two values, as steps counted from 0 up before they are rounded."""
        if low >= 0 or self.factor != 1.0 or self.shift != 0.0:
            return self
        return Line(-self.sign, -self.offset, -1.0) if high <= 0 else None

    def _times(self, factor: float) -> Line | None:
        """This line times a number."""
        if factor == -1.0 and self.factor == 1.0 and self.shift == 0.0:
            return Line(-self.sign, -self.offset)
        found = Line(self.sign, self.offset, self.factor * factor, self.shift * factor)
        return found if SMALLEST < abs(found.factor) < LARGEST else None

    def _plus(self, number: Any, low: float, high: float) -> Line | None:
        """This line, which lies between two values, and a number."""
        if type(number) is int and self.factor == 1.0 and self.shift == 0.0:
            return Line(self.sign, self.offset + number)
        cancels = low < 0 if number > 0 else high > 0
        return None if cancels else Line(self.sign, self.offset, self.factor, self.shift + number)

    def table(self) -> Any:
        """The gain within a block, of the steps counted from the least."""
        steps = RAMP if self.sign > 0 else DOWN
        return steps if self.factor == 1.0 else steps * self.factor

    def least(self, first: int, n: int) -> float:
        """The value that is nearest to the shift, of n steps."""
        return (self.offset + (first if self.sign > 0 else 1 - first - n)) * self.factor + self.shift


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
        decides = [a for term in in_order(root).values() if term.op in DECIDING for a in arguments(term)]
        precise = below(decides)

        def needed(term: Term) -> list[Term]:
            line = None if exact or term.num in precise else Line.of(term)
            if line is not None:
                lines[term.num] = line
            return [] if line is not None else arguments(term)

        places: dict[int, int] = {}
        for term in in_order(root, needed=needed).values():
            line = lines.get(term.num)
            places[term.num] = self._line(line) if line is not None else self._place_of(term, places)
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

    def _line(self, line: Line) -> int:
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
        tables = [(line, table, least, line.table()) for line, table, least in self.lines]
        buffers = [np.empty(n) for _ in range(self.buffers)]
        for low in range(0, len(out), BLOCK):
            block = out[low : low + BLOCK]
            if low == 0 or len(block) < n:
                n = len(block)
                buffers = [buffer[:n] for buffer in buffers]
                for line, table, _, values in tables:
                    places[table] = values[:n] if line.sign > 0 else values[BLOCK - n :]
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
