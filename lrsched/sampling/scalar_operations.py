"""The operations on values that follow the step: comparisons, quotients and look-ups hold on a range, lines lie in it.

One function an operation. It takes the scalar code to write to and what its operands are on the range, shortens the
range to where its result stays, and gives the result; None where nothing but an operation on arrays will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lrsched.sampling.scalar_code import ScalarCode
from lrsched.sampling.values import (
    LARGEST,
    ONE,
    SMALLEST,
    ZERO,
    Affine,
    ArrayOp,
    Line,
    Scalar,
    UnfitError,
    Value,
    literal,
)

__all__ = ["SCALAR_OPERATIONS", "at_single_step", "equal", "repeated", "stays_normal", "step_of_equality", "times"]


# ---- integers in scalar code


def plus(code: ScalarCode, a: Scalar, c: Scalar) -> Scalar:
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
        return code.let(f"{a.text} - {c.minus.text}", 0.0, a.most + c.most)
    if c.value is not None and c.value < 0:
        return code.let(f"{a.text} - {literal(-c.value).text}", 0.0, a.most + c.most)
    return code.let(f"{a.text} + {c.text}", 0.0, a.most + c.most)


def minus(code: ScalarCode, a: Scalar, c: Scalar) -> Scalar:
    """a - c of scalars."""
    return plus(code, a, opposite(code, c))


def opposite(code: ScalarCode, a: Scalar) -> Scalar:
    """-a of a scalar."""
    if a.value is not None:
        return literal(-a.value)
    negative = code.let(f"-{a.text}")
    return a.minus or Scalar(negative.text, None, a.least, a.most, a, a.nonzero)


def times(code: ScalarCode, a: Scalar, c: Scalar) -> Scalar:
    """a * c of scalars."""
    if a.value is not None and c.value is not None:
        return literal(a.value * c.value)
    if a.value == 1:
        return c
    if c.value == 1:
        return a
    most = a.most * c.most if a.most and c.most else 0.0
    return code.let(f"{a.text} * {c.text}", a.least * c.least, most)


def at_first(code: ScalarCode, a: Affine) -> Scalar:
    """The value at the first step of the range."""
    if a.factor.value == 1:
        return Scalar("t") if a.offset.value == 0 else code.let(f"t + {a.offset.text}")
    if a.factor.value == -1:
        return code.let(f"{a.offset.text} - t")
    return code.let(f"{a.factor.text} * t + {a.offset.text}")


# ---- conditions


def below(code: ScalarCode, a: Affine, bound: Scalar) -> Scalar:
    """a < bound, and the range ends where that changes."""
    if a.sign == 1:
        step = minus(code, bound, a.offset)
        code.line(f"if t < {step.text} < end: end = {step.text}")
        return code.let(f"t < {step.text}")
    if a.sign == -1:
        step = minus(code, a.offset, bound)
        code.line(f"if t <= {step.text} < end: end = {step.text} + 1")
        return code.let(f"t > {step.text}")
    holds = code.name()
    code.line(f"{holds}, end = crossing({a.factor.text}, {a.offset.text}, {bound.text}, t, end)")
    return Scalar(holds)


def compare(code: ScalarCode, strict: bool, a: Value, c: Value) -> Value | None:
    """a < c or a <= c."""
    a, c = _as_integer(a, c, strict), _as_integer(c, a, not strict)
    if isinstance(a, Affine) and isinstance(c, Affine):
        gap = _affine(minus(code, a.factor, c.factor), minus(code, a.offset, c.offset))
        return compare(code, strict, gap, literal(0))
    if isinstance(a, Affine) and isinstance(c, Scalar):
        return below(code, a, c if strict else plus(code, c, literal(1)))
    if isinstance(c, Affine) and isinstance(a, Scalar):
        return code.let(f"not {below(code, c, plus(code, a, literal(1)) if strict else a).text}")
    sign = "<" if strict else "<="
    if isinstance(a, Scalar) and isinstance(c, Scalar):
        return code.let(f"{a.text} {sign} {c.text}")
    return _line_crossing(code, a, sign, c)


def _as_integer(a: Value, c: Value, up: bool) -> Value:
    """An integer as one, or a number beside it as the integer that compares alike."""
    whole = _counted(a)
    if whole is not None and isinstance(c, Scalar) and c.value is not None and abs(c.value) < 2**53:
        return whole
    if _counted(c) is not None and isinstance(a, Scalar) and a.value is not None and abs(a.value) < 2**53:
        return literal(math.floor(a.value) if up else math.ceil(a.value))
    return a


def _counted(a: Value) -> Affine | None:
    """The integer of which this is the real number."""
    if isinstance(a, Line) and isinstance(a.base, Affine) and a.factor.value == 1 and a.shift.value == 0:
        return a.base
    return None


def _line_crossing(code: ScalarCode, a: Value, sign: str, c: Value) -> Scalar | None:
    """A comparison of a line with a number: it changes once, at the step found by halving."""
    first, second = _line_text(a), _line_text(c)
    if first is None or second is None or isinstance(a, Line) == isinstance(c, Line):
        return None
    holds = code.name()
    code.line(f"{holds}, end = changing(lambda k: {first} {sign} {second}, t, end)")
    return Scalar(holds)


def _line_text(a: Value) -> str | None:
    """A line at step k."""
    if isinstance(a, Line) and isinstance(a.base, Affine):
        return f"({a.base.factor.text} * k + {a.base.offset.text}) * {a.factor.text} + {a.shift.text}"
    return a.text if isinstance(a, Scalar) else None


def step_of_equality(code: ScalarCode, a: Value, c: Value) -> Scalar | None:
    """The step at which one is equal to the other, where one is a step counted up or down and the other a number."""
    return _step_at(code, a, c) or _step_at(code, c, a)


def _step_at(code: ScalarCode, a: Value, c: Value) -> Scalar | None:
    """The step at which ``a``, a step counted up or down, is the number ``c``."""
    whole = _counted(a)
    if whole is not None:
        a = whole
        if isinstance(c, Scalar) and c.value is not None and c.value != int(c.value):
            return literal(-1)
        c = literal(int(c.value)) if isinstance(c, Scalar) and c.value is not None else c
    if not isinstance(a, Affine) or not isinstance(c, Scalar) or not a.sign:
        return None
    return minus(code, c, a.offset) if a.sign == 1 else minus(code, a.offset, c)


def equality(code: ScalarCode, a: Value, c: Value) -> Value:
    """a == c: the step at which that holds is a range of its own."""
    step = step_of_equality(code, a, c)
    return equal(code, a, c) if step is None else at_single_step(code, step)


def at_single_step(code: ScalarCode, step: Scalar) -> Scalar:
    """Whether the range is this one step."""
    code.line(f"if t < {step.text} < end: end = {step.text}")
    found = code.let(f"t == {step.text}")
    code.line(f"if {found.text}: end = t + 1")
    return found


def equal(code: ScalarCode, a: Value, c: Value) -> Value:
    """a == c where neither is a plain step."""
    if isinstance(a, Scalar) and isinstance(c, Scalar):
        return code.let(f"{a.text} == {c.text}")
    if isinstance(a, Affine | Scalar) and isinstance(c, Affine | Scalar):
        gap = sub(code, a, c)
        if isinstance(gap, Scalar):
            return code.let(f"{gap.text} == 0")
        assert isinstance(gap, Affine)
        found = code.name()
        code.line(f"{found}, end = meeting({gap.factor.text}, {gap.offset.text}, t, end)")
        return Scalar(found)
    return code.array_op("eq", a, c)


def extreme(code: ScalarCode, smaller: bool, a: Value, c: Value) -> Value | None:
    """The smaller or the larger of integers: one of them on the whole range."""
    if not isinstance(a, Affine | Scalar) or not isinstance(c, Affine | Scalar):
        return None
    first = compare(code, False, a, c)
    assert isinstance(first, Scalar)
    one, other = (a, c) if smaller else (c, a)
    return code.joined(first, one, other)


def checked(code: ScalarCode, wrong: Value, value: Value) -> Value:
    """The value, and an error on ranges where something is wrong."""
    if not isinstance(wrong, Scalar):
        raise UnfitError
    code.line(f"if {wrong.text}: checked(True, 0.0)")
    return value


# ---- quotients and look-ups


def quotient(code: ScalarCode, a: Value, factor: Value, over: Value, more: Value) -> Scalar | None:
    """floor((a * factor + more) / over), and the range ends where that changes."""
    if not isinstance(factor, Scalar) or not isinstance(over, Scalar) or not isinstance(more, Scalar):
        return None
    if not isinstance(a, Affine):
        return None
    a = Affine(times(code, a.factor, factor), plus(code, times(code, a.offset, factor), more))
    count = code.let(f"{at_first(code, a).text} // {over.text}")
    if a.sign == 1:
        code.ends(minus(code, code.let(f"({count.text} + 1) * {over.text}"), a.offset).text)
    elif a.sign == -1:
        code.ends(code.let(f"{a.offset.text} - {count.text} * {over.text} + 1").text)
    else:
        code.line(f"end = multiple({a.factor.text}, {a.offset.text}, {count.text}, {over.text}, end)")
    return count


def scaled_remainder(code: ScalarCode, a: Value, factor: Value, over: Value, more: Value) -> Value | None:
    """(a * factor + more) mod over."""
    count = quotient(code, a, factor, over, more)
    if count is None:
        return None
    assert isinstance(a, Affine)
    assert isinstance(factor, Scalar) and isinstance(over, Scalar) and isinstance(more, Scalar)
    offset = minus(code, more, times(code, count, over))
    return Affine(times(code, a.factor, factor), plus(code, times(code, a.offset, factor), offset))


def remainder(code: ScalarCode, a: Value, over: Value) -> Value | None:
    """a - over * floor(a / over)."""
    count = quotient(code, a, literal(1), over, literal(0))
    if count is None:
        return None
    assert isinstance(a, Affine) and isinstance(over, Scalar)
    return Affine(a.factor, code.let(f"{a.offset.text} - {count.text} * {over.text}"))


def repeated(code: ScalarCode, op: str, name: str, a: Value, *numbers: Any) -> ArrayOp:
    """Values that repeat with the quotient, or with the remainder, of a step counted up."""
    if not isinstance(a, Affine) or a.factor.value is None or a.factor.value <= 0:
        raise UnfitError
    if op == "cycle":
        if a.factor.value != 1:
            raise UnfitError
        return code.array_op(op, name, a)
    factor, over, more = numbers
    a = Affine(times(code, a.factor, factor), plus(code, times(code, a.offset, factor), more))
    if not 2 * a.factor.value <= over.value:
        raise UnfitError
    return code.array_op(op, name, a, over)


def floor(code: ScalarCode, a: Value) -> Value | None:
    """The integer at or below a line: constant until the step found by halving."""
    line = _line_text(a)
    if isinstance(a, Affine) or line is None:
        return a if isinstance(a, Affine) else None
    found = code.name()
    code.line(f"{found}, end = steady(lambda k: {line}, t, end)")
    return Scalar(found)


def search(code: ScalarCode, thresholds: Any, t: Value) -> Value:
    """The number of thresholds passed; the range ends at the next."""
    if not isinstance(thresholds, np.ndarray):
        raise UnfitError
    table = code.table(thresholds)
    if isinstance(t, Scalar):
        return code.let(f"bisect({table}, {t.text})")
    if not isinstance(t, Affine):
        return code.array_op("search", code.table(thresholds, "array"), t)
    if t.sign != 1:
        found = code.name()
        code.line(f"{found}, end = passing({table}, {t.factor.text}, {t.offset.text}, t, end)")
        return Scalar(found)
    step = at_first(code, t)
    if step.text != "t" or (thresholds[1:] <= thresholds[:-1]).any():
        count = code.let(f"bisect({table}, {step.text})")
        code.ends(minus(code, code.let(f"{table}[{count.text}]"), t.offset).text)
        return count
    passed, coming = code.kept(table)  # most ranges begin where the one before them ended
    count = code.let(f"{passed} = {passed} + 1 if t == {coming} else bisect({table}, t)")
    code.ends(code.let(f"{coming} = {table}[{count.text}]").text)
    return count


def gather(code: ScalarCode, values: Any, index: Value) -> Value:
    """An entry of a table."""
    if not isinstance(values, np.ndarray) or values.dtype.kind == "O":
        raise UnfitError
    if isinstance(index, Scalar):
        sizes = np.abs(values[values != 0].astype(np.float64))
        least, most = (float(sizes.min()), float(sizes.max())) if sizes.size else (0.0, 0.0)
        return code.let(f"{code.table(values)}[{index.text}]", least, most, sizes.size == values.size)
    return code.array_op("gather", code.table(values, "array"), index)


# ---- lines


def add(code: ScalarCode, a: Value, c: Value) -> Value | None:
    """a + c."""
    if isinstance(a, Scalar):
        a, c = c, a
    if isinstance(a, Affine) and isinstance(c, Affine):
        return _affine(plus(code, a.factor, c.factor), plus(code, a.offset, c.offset))
    if not isinstance(c, Scalar):
        return None
    if isinstance(a, Affine):
        return Affine(a.factor, plus(code, a.offset, c))
    if isinstance(a, Line) and (a.shift.value == 0 or _is_line_or_wave(a)):
        return Line(a.factor, a.base, plus(code, a.shift, c))
    return Line(ONE, a, c) if isinstance(a, ArrayOp) else Line(ONE, code.array_op("real", a), c)


def _is_line_or_wave(a: Line) -> bool:
    """Whether this is a line or a wave, whose own rounding covers that of another shift; others are rounded alone."""
    return isinstance(a.base, Affine) or a.base.op == "wave" or a.base.counts


def _affine(factor: Scalar, offset: Scalar) -> Value:
    """``factor * step + offset``, a number where the factor is 0."""
    return offset if factor.value == 0 else Affine(factor, offset)


def neg(code: ScalarCode, a: Value) -> Value:
    """-a."""
    if isinstance(a, Scalar):
        return opposite(code, a)
    if isinstance(a, Affine):
        return Affine(opposite(code, a.factor), opposite(code, a.offset))
    if isinstance(a, Line):
        return Line(opposite(code, a.factor), a.base, opposite(code, a.shift))
    return Line(literal(-1.0), a, ZERO)


def sub(code: ScalarCode, a: Value, c: Value) -> Value | None:
    """a - c."""
    if isinstance(c, Scalar) or isinstance(a, Scalar) or (isinstance(a, Affine) and isinstance(c, Affine)):
        return add(code, a, neg(code, c))
    return None


def mul(code: ScalarCode, a: Value, c: Value) -> Value | None:
    """a * c, and the square of a sine as a wave."""
    if a is c and isinstance(a, ArrayOp) and a.op == "sin":
        angle = a.operands[0]
        if isinstance(angle, Line) and isinstance(angle.base, Affine) and angle.base.sign and angle.shift.value == 0:
            return ArrayOp("wave", (angle.base, angle.factor))
    if isinstance(a, Scalar):
        a, c = c, a
    if not isinstance(c, Scalar):
        return None
    if isinstance(a, Affine):
        return _affine(times(code, a.factor, c), times(code, a.offset, c))
    if isinstance(a, Line) and stays_normal(a.factor, c):
        if a.shift.value == 0:
            return Line(times(code, a.factor, c), a.base, ZERO)
        if stays_normal(a.shift, c) and _is_line_or_wave(a):
            shift = times(code, a.shift, c)
            return Line(times(code, a.factor, c), a.base, shift)
    return Line(c, a if isinstance(a, ArrayOp) else code.array_op("real", a), ZERO)


def stays_normal(a: Scalar, c: Scalar) -> bool:
    """Whether a product of sizes stays within the normal numbers."""
    return a.least * c.least > SMALLEST and a.most * c.most < LARGEST


def div(code: ScalarCode, a: Value, c: Value) -> Value | None:
    """a / c; by a number of ordinary size, a multiple."""
    if not isinstance(c, Scalar) or not c.nonzero or not SMALLEST < c.least <= c.most < LARGEST:
        return None
    if c.value is not None:
        return mul(code, a, literal(1.0 / c.value))
    return mul(code, a, code.let(f"1.0 / {c.text}", 1.0 / c.most, 1.0 / c.least))


def real(code: ScalarCode, a: Value) -> Value:
    """An integer as a real number."""
    return Line(ONE, a, ZERO) if isinstance(a, Affine) else a


SCALAR_OPERATIONS: dict[str, Callable[..., Value | None]] = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "neg": neg,
    "div": div,
    "real": real,
    "floor": floor,
    "lt": lambda code, a, c: compare(code, True, a, c),
    "le": lambda code, a, c: compare(code, False, a, c),
    "eq": equality,
    "minimum": lambda code, a, c: extreme(code, True, a, c),
    "maximum": lambda code, a, c: extreme(code, False, a, c),
    "floordiv": lambda code, a, over: quotient(code, a, literal(1), over, literal(0)),
    "muldiv": quotient,
    "mulmod": scaled_remainder,
    "mod": remainder,
    "search": search,
    "gather": gather,
    "checked": checked,
}
