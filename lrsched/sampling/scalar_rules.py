"""Rules for values that follow the step: comparisons, quotients and look-ups that hold on a range, lines in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lrsched.sampling.scalar_code import Skeleton
from lrsched.sampling.values import (
    LARGEST,
    ONE,
    SMALLEST,
    ZERO,
    Affine,
    Linear,
    Node,
    Scalar,
    UnfitError,
    Value,
    literal,
)

__all__ = ["RULES", "equal", "gather", "place", "repeated", "search", "tame", "times"]


# ---- integers in scalar code


def plus(w: Skeleton, a: Scalar, c: Scalar) -> Scalar:
    """a + c of scalars."""
    if a.value is not None and c.value is not None:
        return literal(a.value + c.value)
    if a.value == 0:
        return c
    if c.value == 0:
        return a
    if a.minus is not None and c.minus is None:
        a, c = c, a
    if c.minus is not None:
        return w.let(f"{a.text} - {c.minus.text}", 0.0, a.most + c.most)
    if c.value is not None and c.value < 0:
        return w.let(f"{a.text} - {literal(-c.value).text}", 0.0, a.most + c.most)
    return w.let(f"{a.text} + {c.text}", 0.0, a.most + c.most)


def minus(w: Skeleton, a: Scalar, c: Scalar) -> Scalar:
    """a - c of scalars."""
    return plus(w, a, opposite(w, c))


def opposite(w: Skeleton, a: Scalar) -> Scalar:
    """-a of a scalar."""
    if a.value is not None:
        return literal(-a.value)
    negative = w.let(f"-{a.text}")
    return a.minus or Scalar(negative.text, None, a.least, a.most, a, a.nonzero)


def times(w: Skeleton, a: Scalar, c: Scalar) -> Scalar:
    """a * c of scalars."""
    if a.value is not None and c.value is not None:
        return literal(a.value * c.value)
    if a.value == 1:
        return c
    if c.value == 1:
        return a
    most = a.most * c.most if a.most and c.most else 0.0
    return w.let(f"{a.text} * {c.text}", a.least * c.least, most)


def here(w: Skeleton, a: Affine) -> Scalar:
    """The value at the first step of the range."""
    if a.factor.value == 1:
        return Scalar("t") if a.offset.value == 0 else w.let(f"t + {a.offset.text}")
    if a.factor.value == -1:
        return w.let(f"{a.offset.text} - t")
    return w.let(f"{a.factor.text} * t + {a.offset.text}")


# ---- conditions


def below(w: Skeleton, a: Affine, bound: Scalar) -> Scalar:
    """a < bound, and the range ends where that changes."""
    if a.sign == 1:
        step = minus(w, bound, a.offset)
        w.line(f"if t < {step.text} < end: end = {step.text}")
        return w.let(f"t < {step.text}")
    if a.sign == -1:
        step = minus(w, a.offset, bound)
        w.line(f"if t <= {step.text} < end: end = {step.text} + 1")
        return w.let(f"t > {step.text}")
    holds = w.name()
    w.line(f"{holds}, end = crossing({a.factor.text}, {a.offset.text}, {bound.text}, t, end)")
    return Scalar(holds)


def compare(w: Skeleton, strict: bool, a: Value, c: Value) -> Value | None:
    """a < c or a <= c."""
    a, c = _whole(a, c, strict), _whole(c, a, not strict)
    if isinstance(a, Affine) and isinstance(c, Affine):
        gap = _affine(minus(w, a.factor, c.factor), minus(w, a.offset, c.offset))
        return compare(w, strict, gap, literal(0))
    if isinstance(a, Affine) and isinstance(c, Scalar):
        return below(w, a, c if strict else plus(w, c, literal(1)))
    if isinstance(c, Affine) and isinstance(a, Scalar):
        return w.let(f"not {below(w, c, plus(w, a, literal(1)) if strict else a).text}")
    sign = "<" if strict else "<="
    if isinstance(a, Scalar) and isinstance(c, Scalar):
        return w.let(f"{a.text} {sign} {c.text}")
    return _reached(w, a, sign, c)


def _whole(a: Value, c: Value, up: bool) -> Value:
    """An integer as one, or a number beside it as the integer that compares alike."""
    plain = isinstance(a, Linear) and isinstance(a.base, Affine) and a.factor.value == 1 and a.shift.value == 0
    other = isinstance(c, Linear) and isinstance(c.base, Affine) and c.factor.value == 1 and c.shift.value == 0
    if plain and isinstance(c, Scalar) and c.value is not None and abs(c.value) < 2**53:
        return a.base  # type: ignore[union-attr]
    if other and isinstance(a, Scalar) and a.value is not None and abs(a.value) < 2**53:
        return literal(math.floor(a.value) if up else math.ceil(a.value))
    return a


def _reached(w: Skeleton, a: Value, sign: str, c: Value) -> Scalar | None:
    """A comparison of a line with a number: it changes once, at the step found by halving."""
    first, second = _line(a), _line(c)
    if first is None or second is None or isinstance(a, Linear) == isinstance(c, Linear):
        return None
    holds = w.name()
    w.line(f"{holds}, end = changing(lambda k: {first} {sign} {second}, t, end)")
    return Scalar(holds)


def _line(a: Value) -> str | None:
    """A line at step k."""
    if isinstance(a, Linear) and isinstance(a.base, Affine):
        return f"({a.base.factor.text} * k + {a.base.offset.text}) * {a.factor.text} + {a.shift.text}"
    return a.text if isinstance(a, Scalar) else None


def place(w: Skeleton, a: Value, c: Value) -> Scalar | None:
    """The step at which a step counted up or down equals a number."""
    if isinstance(a, Linear) and isinstance(a.base, Affine) and a.factor.value == 1 and a.shift.value == 0:
        a = a.base
        if isinstance(c, Scalar) and c.value is not None and c.value != int(c.value):
            return literal(-1)
        c = literal(int(c.value)) if isinstance(c, Scalar) and c.value is not None else c
    if not isinstance(a, Affine) or not isinstance(c, Scalar) or not a.sign:
        return None
    return minus(w, c, a.offset) if a.sign == 1 else minus(w, a.offset, c)


def meets(w: Skeleton, a: Value, c: Value) -> Value | None:
    """a == c: the step at which that holds is a range of its own."""
    step = place(w, a, c) or place(w, c, a)
    if step is None and isinstance(a, Affine | Scalar) and isinstance(c, Affine | Scalar):
        return equal(w, a, c)
    return None if step is None else at_once(w, step)


def at_once(w: Skeleton, step: Scalar) -> Scalar:
    """Whether the range is this one step."""
    w.line(f"if t < {step.text} < end: end = {step.text}")
    found = w.let(f"t == {step.text}")
    w.line(f"if {found.text}: end = t + 1")
    return found


def equal(w: Skeleton, a: Value, c: Value) -> Value:
    """a == c where neither is a plain step."""
    if isinstance(a, Scalar) and isinstance(c, Scalar):
        return w.let(f"{a.text} == {c.text}")
    if isinstance(a, Affine | Scalar) and isinstance(c, Affine | Scalar):
        gap = sub(w, a, c)
        if isinstance(gap, Scalar):
            return w.let(f"{gap.text} == 0")
        assert isinstance(gap, Affine)
        found = w.name()
        w.line(f"{found}, end = meeting({gap.factor.text}, {gap.offset.text}, t, end)")
        return Scalar(found)
    return w.node("eq", a, c)


def extreme(w: Skeleton, smaller: bool, a: Value, c: Value) -> Value | None:
    """The smaller or the larger of integers: one of them on the whole range."""
    if not isinstance(a, Affine | Scalar) or not isinstance(c, Affine | Scalar):
        return None
    first = compare(w, False, a, c)
    assert isinstance(first, Scalar)
    one, other = (a, c) if smaller else (c, a)
    return w._joined(first, one, [], other, [])


# ---- quotients and look-ups


def quotient(w: Skeleton, a: Value, factor: Value, over: Value, more: Value) -> Value | None:
    """floor((a * factor + more) / over), and the range ends where that changes."""
    if not isinstance(factor, Scalar) or not isinstance(over, Scalar) or not isinstance(more, Scalar):
        return None
    if isinstance(a, Scalar):
        return w.let(f"{plus(w, times(w, a, factor), more).text} // {over.text}")
    if not isinstance(a, Affine):
        return None
    a = Affine(times(w, a.factor, factor), plus(w, times(w, a.offset, factor), more))
    count = w.let(f"{here(w, a).text} // {over.text}")
    if a.sign == 1:
        w.ends(minus(w, w.let(f"({count.text} + 1) * {over.text}"), a.offset).text)
    elif a.sign == -1:
        w.ends(w.let(f"{a.offset.text} - {count.text} * {over.text} + 1").text)
    else:
        w.line(f"end = multiple({a.factor.text}, {a.offset.text}, {count.text}, {over.text}, end)")
    return count


def scaled_rest(w: Skeleton, a: Value, factor: Value, over: Value, more: Value) -> Value | None:
    """(a * factor + more) mod over."""
    count = quotient(w, a, factor, over, more)
    if not isinstance(count, Scalar) or not all(isinstance(x, Scalar) for x in (factor, over, more)):
        return None
    assert isinstance(factor, Scalar) and isinstance(over, Scalar) and isinstance(more, Scalar)
    offset = minus(w, more, times(w, count, over))
    if isinstance(a, Scalar):
        return plus(w, times(w, a, factor), offset)
    assert isinstance(a, Affine)
    return Affine(times(w, a.factor, factor), plus(w, times(w, a.offset, factor), offset))


def rest(w: Skeleton, a: Value, over: Value) -> Value | None:
    """a - over * floor(a / over)."""
    count = quotient(w, a, literal(1), over, literal(0))
    if not isinstance(a, Affine) or not isinstance(count, Scalar) or not isinstance(over, Scalar):
        return None
    return Affine(a.factor, w.let(f"{a.offset.text} - {count.text} * {over.text}"))


def repeated(w: Skeleton, op: str, name: str, a: Value, *numbers: Any) -> Node:
    """Values that repeat with the quotient, or with the remainder, of a step counted up."""
    if not isinstance(a, Affine) or a.factor.value is None or a.factor.value <= 0:
        raise UnfitError
    if op == "cycle":
        if a.factor.value != 1:
            raise UnfitError
        return w.node(op, name, a)
    factor, over, more = numbers
    a = Affine(times(w, a.factor, factor), plus(w, times(w, a.offset, factor), more))
    if not 2 * a.factor.value <= over.value:
        raise UnfitError
    return w.node(op, name, a, over)


def floor(w: Skeleton, a: Value) -> Value | None:
    """The integer at or below a line: constant until the step found by halving."""
    line = _line(a)
    if isinstance(a, Affine) or line is None:
        return a if isinstance(a, Affine) else None
    found = w.name()
    w.line(f"{found}, end = steady(lambda k: {line}, t, end)")
    return Scalar(found)


def search(w: Skeleton, thresholds: Any, t: Value) -> Value:
    """The number of thresholds passed; the range ends at the next."""
    if not isinstance(thresholds, np.ndarray):
        raise UnfitError
    table = w.table(thresholds)
    if isinstance(t, Scalar):
        return w.let(f"bisect({table}, {t.text})")
    if not isinstance(t, Affine):
        return w.node("search", w.table(thresholds, "array"), t)
    if t.sign != 1:
        found = w.name()
        w.line(f"{found}, end = passing({table}, {t.factor.text}, {t.offset.text}, t, end)")
        return Scalar(found)
    step = here(w, t)
    if step.text != "t" or (thresholds[1:] <= thresholds[:-1]).any():
        count = w.let(f"bisect({table}, {step.text})")
        w.ends(minus(w, w.let(f"{table}[{count.text}]"), t.offset).text)
        return count
    place, coming = w.kept(table)  # most ranges begin where the one before them ended
    count = w.let(f"{place} = {place} + 1 if t == {coming} else bisect({table}, t)")
    w.ends(w.let(f"{coming} = {table}[{count.text}]").text)
    return count


def gather(w: Skeleton, values: Any, index: Value) -> Value:
    """An entry of a table."""
    if not isinstance(values, np.ndarray) or values.dtype.kind == "O":
        raise UnfitError
    if isinstance(index, Scalar):
        sizes = np.abs(values[values != 0].astype(np.float64))
        least, most = (float(sizes.min()), float(sizes.max())) if sizes.size else (0.0, 0.0)
        return w.let(f"{w.table(values)}[{index.text}]", least, most, sizes.size == values.size)
    return w.node("gather", w.table(values, "array"), index)


# ---- lines


def add(w: Skeleton, a: Value, c: Value) -> Value | None:
    """a + c."""
    if isinstance(a, Scalar):
        a, c = c, a
    if isinstance(a, Affine) and isinstance(c, Affine):
        return _affine(plus(w, a.factor, c.factor), plus(w, a.offset, c.offset))
    if not isinstance(c, Scalar):
        return None
    if isinstance(a, Affine):
        return Affine(a.factor, plus(w, a.offset, c))
    if isinstance(a, Linear) and (a.shift.value == 0 or _plain(a)):
        return Linear(a.factor, a.base, plus(w, a.shift, c))
    return Linear(ONE, a, c) if isinstance(a, Node) else Linear(ONE, w.node("real", a), c)


def _plain(a: Linear) -> bool:
    """Whether this is a line or a wave, whose own rounding covers that of another shift; others are rounded alone."""
    return isinstance(a.base, Affine) or a.base.op == "wave" or a.base.counts


def _affine(factor: Scalar, offset: Scalar) -> Value:
    return offset if factor.value == 0 else Affine(factor, offset)


def neg(w: Skeleton, a: Value) -> Value:
    """-a."""
    if isinstance(a, Scalar):
        return opposite(w, a)
    if isinstance(a, Affine):
        return Affine(opposite(w, a.factor), opposite(w, a.offset))
    if isinstance(a, Linear):
        return Linear(opposite(w, a.factor), a.base, opposite(w, a.shift))
    return Linear(literal(-1.0), a, ZERO)


def sub(w: Skeleton, a: Value, c: Value) -> Value | None:
    """a - c."""
    if isinstance(c, Scalar) or isinstance(a, Scalar) or (isinstance(a, Affine) and isinstance(c, Affine)):
        return add(w, a, neg(w, c))
    return None


def mul(w: Skeleton, a: Value, c: Value) -> Value | None:
    """a * c, and the square of a sine as a wave."""
    if a is c and isinstance(a, Node) and a.op == "sin":
        angle = a.operands[0]
        if isinstance(angle, Linear) and isinstance(angle.base, Affine) and angle.base.sign and angle.shift.value == 0:
            return Node("wave", (angle.base, angle.factor))
    if isinstance(a, Scalar):
        a, c = c, a
    if not isinstance(c, Scalar):
        return None
    if isinstance(a, Affine):
        return _affine(times(w, a.factor, c), times(w, a.offset, c))
    if isinstance(a, Linear) and tame(a.factor, c) and (a.shift.value == 0 or (tame(a.shift, c) and _plain(a))):
        shift = ZERO if a.shift.value == 0 else times(w, a.shift, c)
        return Linear(times(w, a.factor, c), a.base, shift)
    return _scaled(w, a, c)


def tame(a: Scalar, c: Scalar) -> bool:
    """Whether a product of sizes stays within the normal numbers."""
    return a.least * c.least > SMALLEST and a.most * c.most < LARGEST


def _scaled(w: Skeleton, a: Value, c: Scalar) -> Value:
    base = w.node("real", a) if isinstance(a, Linear) else a
    assert isinstance(base, Node)
    return Linear(c, base, ZERO)


def div(w: Skeleton, a: Value, c: Value) -> Value | None:
    """a / c; by a number of ordinary size, a multiple."""
    if not isinstance(c, Scalar) or not c.nonzero or not SMALLEST < c.least <= c.most < LARGEST:
        return None
    if c.value is not None:
        return mul(w, a, literal(1.0 / c.value))
    return mul(w, a, w.let(f"1.0 / {c.text}", 1.0 / c.most, 1.0 / c.least))


def real(w: Skeleton, a: Value) -> Value:
    """An integer as a real number."""
    return Linear(ONE, a, ZERO) if isinstance(a, Affine) else a


RULES: dict[str, Callable[..., Value | None]] = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "neg": neg,
    "div": div,
    "real": real,
    "floor": floor,
    "lt": lambda w, a, c: compare(w, True, a, c),
    "le": lambda w, a, c: compare(w, False, a, c),
    "eq": meets,
    "minimum": lambda w, a, c: extreme(w, True, a, c),
    "maximum": lambda w, a, c: extreme(w, False, a, c),
    "floordiv": lambda w, a, over: quotient(w, a, literal(1), over, literal(0)),
    "muldiv": quotient,
    "mulmod": scaled_rest,
    "mod": rest,
}
