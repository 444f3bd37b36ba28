"""Ranges of steps, evaluated piece by piece.

On a range in which no piece, cycle or sample changes, most of a schedule is a number, a step plus a number, or a
multiple of something plus a number. :func:`resolve` finds the longest such beginning of a range and reduces the
schedule to what is left of it; :class:`Runner` computes that in blocks, in place. Half waves of sines are filled by
angle addition from a table, with positive terms only, so that their last values keep all their digits.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched import _host
from lrsched._term import Term
from lrsched.targets._numpy import OPERATIONS

__all__ = ["Runner", "Split", "resolve"]

BLOCK = 16_384
TABLE = 1_024


class Split(Exception):  # noqa: N818 - a message between two functions, not an error
    """The range has to end at step ``at`` for the schedule to be one formula on it."""

    def __init__(self, at: int) -> None:
        self.at = at


@dataclasses.dataclass(frozen=True)
class Affine:
    """``sign * step + offset``, an integer."""

    sign: int
    offset: int

    def at(self, step: int) -> int:
        """The value at a step."""
        return self.sign * step + self.offset


@dataclasses.dataclass(eq=False)
class Node:
    """An operation on arrays: ``operation`` is a NumPy function, or "wave", "patch"."""

    operation: Any
    operands: tuple[Any, ...]
    uses: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Linear:
    """``factor * base + shift`` of an affine step or an array."""

    factor: float
    base: Affine | Node
    shift: float


Value = Any  # a plain number, an Affine, a Linear or a Node


def resolve(root: Term, lo: int, hi: int) -> Value:
    """The schedule on the steps lo .. hi - 1, or a :class:`Split`."""
    return _Resolver(lo, hi).value(root)


class _Resolver:
    def __init__(self, lo: int, hi: int) -> None:
        self.lo, self.hi = lo, hi
        self.known: dict[int, Value] = {}

    def value(self, term: Term) -> Value:
        found = self.known.get(term.num)
        if found is None:
            found = self.known[term.num] = self._value(term)
        return found

    def _value(self, term: Term) -> Value:
        op = term.op
        if op == "const":
            value = term.args[0]
            return float(value) if isinstance(value, Fraction) else value
        if op == "step":
            return Affine(1, 0) if self.hi - self.lo > 1 else self.lo
        special = _SPECIAL.get(op)
        if special is not None:
            return special(self, term)
        operands = tuple(self.value(a) for a in term.args)
        if all(isinstance(x, int | float) for x in operands):
            return _host.fold(op, list(operands))
        rule = _RULES.get(op)
        value = rule(self, *operands) if rule is not None else None
        return self.node(OPERATIONS[op], *operands) if value is None else value

    def node(self, operation: Any, *operands: Value) -> Node:
        """An operation on arrays; counts the uses of its operands."""
        for operand in operands:
            base = operand.base if isinstance(operand, Linear) else operand
            if isinstance(base, Node):
                base.uses += 1
        return Node(operation, operands)

    # -- integers

    def crossing(self, a: Affine, bound: float, strict: bool) -> bool:
        """Whether ``a < bound`` (``a <= bound`` unless strict) on the whole range; splits where that changes."""

        def holds(step: int) -> bool:
            return a.at(step) < bound if strict else a.at(step) <= bound

        first, last = holds(self.lo), holds(self.hi - 1)
        if first == last:
            return first
        limit = math.ceil(bound) if strict else math.floor(bound) + 1
        raise Split(limit - a.offset if a.sign > 0 else a.offset - limit + 1)

    def compare(self, strict: bool, a: Value, c: Value) -> Value:
        """a < c or a <= c."""
        if isinstance(a, Affine) and isinstance(c, int | float):
            return self.crossing(a, c, strict)
        if isinstance(c, Affine) and isinstance(a, int | float):
            return not self.crossing(c, a, not strict)
        if isinstance(a, Affine) and isinstance(c, Affine):
            if a.sign == c.sign:
                return a.offset < c.offset if strict else a.offset <= c.offset
            return self.crossing(Affine(a.sign, 0), (c.offset - a.offset) / 2, strict)
        return None

    def extreme(self, smaller: bool, a: Value, c: Value) -> Value:
        """The smaller or the larger, where one is so on the whole range."""
        first = self.compare(False, a, c)
        if first is None:
            return None
        return (a if first else c) if smaller else (c if first else a)

    def quotient(self, a: Value, times: int, over: int) -> Value:
        """floor(a * times / over) of a rising step; splits where it changes."""
        if not isinstance(a, Affine) or not isinstance(over, int) or not isinstance(times, int):
            return None
        first, last = a.at(self.lo) * times // over, a.at(self.hi - 1) * times // over
        if first == last:
            return first
        if a.sign > 0:
            raise Split(-(-(first + 1) * over // times) - a.offset)
        raise Split(a.offset - (-(-first * over // times)) + 1)

    def search(self, term: Term) -> Value:
        """The number of thresholds passed; splits at the next."""
        table, t = term.args[0], self.value(term.args[1])
        if not isinstance(t, Affine):
            if isinstance(t, int | float):
                return int(np.searchsorted(table, t, side="right"))
            return self.node(OPERATIONS["search"], table, t)
        first, last = (int(np.searchsorted(table, t.at(s), side="right")) for s in (self.lo, self.hi - 1))
        if first == last:
            return first
        raise Split(int(table[first]) - t.offset if t.sign > 0 else t.offset - int(table[first - 1]) + 1)

    def gather(self, term: Term) -> Value:
        """table[index]."""
        table, index = term.args[0], self.value(term.args[1])
        if isinstance(index, int | float):
            return table[int(index)].item()
        return self.node(OPERATIONS["gather"], table, index)

    # -- reals

    def where(self, term: Term) -> Value:
        """One side of a condition; an exception at a single step becomes a patch."""
        condition, yes, no = term.args
        if condition.op == "eq":
            place = self._place(condition)
            if place is not None:
                if not self.lo <= place < self.hi:
                    return self.value(no)
                other, single = self.value(no), _Resolver(place, place + 1).value(yes)
                if self.hi - self.lo == 1:
                    return single
                if isinstance(single, int | float):
                    return self.node("patch", other, place, float(single))
        chosen = self.value(condition)
        if isinstance(chosen, bool | int | float):
            return self.value(yes) if chosen else self.value(no)
        return self.node(np.where, chosen, self.value(yes), self.value(no))

    def _place(self, condition: Term) -> int | None:
        a, c = self.value(condition.args[0]), self.value(condition.args[1])
        if isinstance(c, Affine):
            a, c = c, a
        if isinstance(a, Affine) and isinstance(c, int | float) and c == int(c):
            return a.sign * (int(c) - a.offset)
        return None

    def call(self, term: Term) -> Value:
        """A registered function of the steps."""
        function, t, numbers = term.args
        keywords = {key: self.value(value) for key, value in numbers}
        return self.node(lambda steps: OPERATIONS["call"](function, steps, **keywords), self.value(t))

    def checked(self, term: Term) -> Value:
        """The value, unless the range lies past the end."""
        wrong = self.value(term.args[0])
        if not isinstance(wrong, Node):
            return OPERATIONS["checked"](wrong, self.value(term.args[1]))
        return self.node(OPERATIONS["checked"], wrong, self.value(term.args[1]))

    def add(self, a: Value, c: Value) -> Value:
        """a + c."""
        if isinstance(a, int | float):
            a, c = c, a
        if isinstance(c, int | float):
            if isinstance(a, Affine) and isinstance(c, int):
                return Affine(a.sign, a.offset + c)
            if isinstance(a, Linear):
                return Linear(a.factor, a.base, a.shift + c)
            return Linear(1.0, a, float(c))
        if isinstance(a, Affine) and isinstance(c, Affine):
            total = a.offset + c.offset
            return total if a.sign != c.sign else self.scaled(Affine(a.sign, 0), 2.0, float(total))
        return None

    def scaled(self, base: Affine, factor: float, shift: float) -> Value:
        """A multiple of the step plus a number."""
        return Linear(factor, base, shift)

    def negated(self, a: Value) -> Value:
        """-a."""
        if isinstance(a, Affine):
            return Affine(-a.sign, -a.offset)
        return Linear(-a.factor, a.base, -a.shift) if isinstance(a, Linear) else Linear(-1.0, a, 0.0)

    def sub(self, a: Value, c: Value) -> Value:
        """a - c."""
        if isinstance(c, int | float):
            return self.add(a, -c)
        return (
            self.add(a, self.negated(c))
            if isinstance(a, int | float | Affine) and not isinstance(c, Node)
            else (self.add(a, self.negated(c)) if isinstance(a, int | float) else None)
        )

    def mul(self, a: Value, c: Value) -> Value:
        """a * c, and the square of a sine as a wave."""
        if a is c and isinstance(a, Node) and a.operation is np.sin:
            angle = a.operands[0]
            if isinstance(angle, Linear) and isinstance(angle.base, Affine) and angle.shift == 0.0:
                return self.node("wave", angle.base, angle.factor)
        if isinstance(a, int | float):
            a, c = c, a
        if isinstance(c, int | float):
            if isinstance(a, Linear):
                return Linear(a.factor * c, a.base, a.shift * c)
            return Linear(float(c), a, 0.0)
        return None

    def div(self, a: Value, c: Value) -> Value:
        """a / c; by a number, a multiple."""
        if isinstance(c, int | float) and c != 0 and math.isfinite(1.0 / c):
            if isinstance(a, Linear):
                return Linear(a.factor / c, a.base, a.shift / c)
            return Linear(1.0 / c, a, 0.0)
        return None


_SPECIAL: dict[str, Callable[[_Resolver, Term], Value]] = {
    "search": _Resolver.search,
    "gather": _Resolver.gather,
    "where": _Resolver.where,
    "call": _Resolver.call,
    "checked": _Resolver.checked,
}
_RULES: dict[str, Callable[..., Value]] = {
    "add": _Resolver.add,
    "sub": _Resolver.sub,
    "mul": _Resolver.mul,
    "neg": _Resolver.negated,
    "div": _Resolver.div,
    "lt": lambda self, a, c: self.compare(True, a, c),
    "le": lambda self, a, c: self.compare(False, a, c),
    "minimum": lambda self, a, c: self.extreme(True, a, c),
    "maximum": lambda self, a, c: self.extreme(False, a, c),
    "floordiv": lambda self, a, k: self.quotient(a, 1, k),
    "muldiv": _Resolver.quotient,
    "mod": lambda self, a, k: None if self.quotient(a, 1, k) is None else self.add(a, -k * self.quotient(a, 1, k)),
    "floor": lambda self, a: a if isinstance(a, Affine) else None,
    "real": lambda self, a: a,
}


class Runner:
    """Computes resolved values block by block into an output, with buffers of a fixed size."""

    def __init__(self) -> None:
        self.ramp = np.arange(BLOCK, dtype=np.float64)
        self.free: list[Any] = []
        self.waves: dict[tuple[float, float], Any] = {}

    def fill(self, value: Value, lo: int, hi: int, out: Any) -> None:
        """Write the value on the steps lo .. hi - 1 into ``out``."""
        if isinstance(value, int | float):
            out[:] = value
            return
        if self.wave(value, lo, hi, out):
            return
        for low in range(lo, hi, BLOCK):
            high = min(low + BLOCK, hi)
            self._block(value, low, high, out[low - lo : high - lo])

    def _block(self, value: Value, lo: int, hi: int, out: Any) -> None:
        state = _Block(self, lo, hi)
        target = out if out.dtype == np.float64 else None
        result = state.array(value, target)
        if result is not out:
            out[:] = result
        self.free.extend(state.taken)

    def buffer(self) -> Any:
        """A block of floats to write in."""
        return self.free.pop() if self.free else np.empty(BLOCK)

    def wave(self, value: Value, lo: int, hi: int, out: Any) -> bool:
        """Fill a multiple of a squared sine, plus a number, by angle addition; False if the value is none."""
        linear = value if isinstance(value, Linear) else Linear(1.0, value, 0.0)
        factor, base, shift = linear.factor, linear.base, linear.shift
        if isinstance(base, Node) and base.operation == "patch":
            inner, place, single = base.operands
            if factor != 1.0 or shift != 0.0 or not self.wave(inner, lo, hi, out):
                return False
            out[place - lo] = single
            return True
        if not (isinstance(base, Node) and base.operation == "wave") or out.dtype != np.float64 or hi - lo < 4096:
            return False
        steps, angle = base.operands
        self._waves(steps, angle, factor, shift, lo, hi, out)
        return True

    def _waves(self, steps: Affine, angle: float, factor: float, shift: float, lo: int, hi: int, out: Any) -> None:
        """Rows of the table times (sin^2 a, sin a cos a, cos^2 a, 1) of each row's first angle."""
        rows = (hi - lo) // TABLE
        whole = rows * TABLE
        table = self._table(angle, shift)
        firsts = np.arange(lo, lo + whole, TABLE, dtype=np.float64)
        smallest = firsts + steps.offset if steps.sign > 0 else steps.offset - (firsts + (TABLE - 1))
        sine, cosine = np.sin(smallest * angle), np.cos(smallest * angle)
        weights = np.stack([sine * sine, sine * cosine, cosine * cosine, np.ones(rows)], axis=1)
        weights[:, :3] *= factor
        np.matmul(weights, table if steps.sign > 0 else table[:, ::-1], out=out[:whole].reshape(rows, TABLE))
        if whole < hi - lo:
            rest = Linear(factor, Node("wave", (steps, angle)), shift)
            self._block(rest, lo + whole, hi, out[whole:])

    def _table(self, angle: float, shift: float) -> Any:
        key = (angle, shift)
        if key not in self.waves:
            if len(self.waves) > 8:
                self.waves.clear()
            turn = np.arange(TABLE) * angle
            sine, cosine = np.sin(turn), np.cos(turn)
            self.waves[key] = np.stack([cosine * cosine, 2.0 * sine * cosine, sine * sine, np.full(TABLE, shift)])
        return self.waves[key]


class _Block:
    """One block: arrays of what has been computed, buffers given back after their last use."""

    def __init__(self, runner: Runner, lo: int, hi: int) -> None:
        self.runner, self.lo, self.hi, self.size = runner, lo, hi, hi - lo
        self.known: dict[int, Any] = {}
        self.left: dict[int, int] = {}
        self.taken: list[Any] = []

    def new(self) -> Any:
        """A vector of the block's length."""
        buffer = self.runner.buffer()
        self.taken.append(buffer)
        return buffer[: self.size]

    def array(self, value: Value, out: Any = None) -> Any:
        """The value as a vector or a number."""
        if isinstance(value, int | float | np.ndarray):
            return value
        if isinstance(value, Affine):
            return self.steps(value, out)
        if isinstance(value, Linear):
            base = self.array(value.base, out)
            last = not isinstance(value.base, Node) or self.done(value.base)
            target = out if out is not None else base if last else self.new()
            if value.factor != 1.0:
                base = np.multiply(base, value.factor, out=target)
            return np.add(base, value.shift, out=target) if value.shift != 0.0 else base
        return self.node(value, out)

    def done(self, node: Node) -> bool:
        """Note one more use; whether it was the last."""
        self.left[id(node)] = self.left.get(id(node), node.uses) - 1
        return self.left[id(node)] < 0

    def steps(self, value: Affine, out: Any) -> Any:
        ramp, target = self.runner.ramp[: self.size], self.new() if out is None else out
        if value.sign > 0:
            return np.add(ramp, float(self.lo + value.offset), out=target)
        return np.subtract(float(value.offset - self.lo), ramp, out=target)

    def node(self, node: Node, out: Any) -> Any:
        if id(node) in self.known:
            return self.known[id(node)]
        target = self.new() if node.uses > 1 or out is None else out
        result = self._compute(node, target)
        if node.uses > 1:
            self.known[id(node)] = result
        return result

    def _compute(self, node: Node, target: Any) -> Any:
        if node.operation == "patch":
            inner, place, single = node.operands
            result = self.array(inner, target)
            if self.lo <= place < self.hi:
                result = np.array(np.broadcast_to(result, self.size)) if result is not target else result
                result[place - self.lo] = single
            return result
        if node.operation == "wave":
            steps, angle = node.operands
            sine = np.sin(np.multiply(self.steps(steps, target), angle, out=target), out=target)
            return np.multiply(sine, sine, out=target)
        operands = [self.array(x) for x in node.operands]
        if isinstance(node.operation, np.ufunc) and node.operation.nout == 1 and not _logical(node.operation):
            return node.operation(*operands, out=target)
        return node.operation(*operands)


def _logical(operation: Any) -> bool:
    return operation in (np.less, np.less_equal, np.equal)
