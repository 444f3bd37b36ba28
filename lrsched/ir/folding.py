"""Arithmetic on constants while a schedule is compiled: exact on integers and fractions, IEEE on floats."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

MASK = 0xFFFFFFFF


def reaching(near: Any, far: Any, span: Any) -> Any:
    """The span, or the number next to it that leads from near to far."""
    met = near + span == far
    if met if isinstance(span, float) else every(met):
        return span
    for candidate in (span, np.nextafter(span, np.inf), np.nextafter(span, -np.inf)):
        span = np.where((near + span != far) & (near + candidate == far), candidate, span)
    return span if np.ndim(span) else float(span)


def gap(near: Any, far: Any, single: bool) -> Any:
    """What leads from near exactly to far in a target's numbers, as doubles; None where nothing finite does."""
    dtype = np.float32 if single else np.float64
    with np.errstate(all="ignore"):
        first, last = dtype(near), dtype(far)
        found = np.asarray(reaching(first, last, last - first))
        exact = np.all(np.isfinite(found) & (first + found == last))
    return found.astype(np.float64) if exact else None


def to_float(value: Any) -> float:
    """The nearest double; integers and fractions beyond the doubles become infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def to_floats(values: np.ndarray) -> np.ndarray:
    """A column as doubles."""
    try:
        return values.astype(np.float64)
    except OverflowError:
        return np.array([to_float(v) for v in values], dtype=np.float64)


def every(truths: Any) -> bool:
    """Whether all truths of an array hold; the first ``all`` in a process takes as long as hundreds of these."""
    return 0 not in truths.tobytes()


def narrowed(values: Any) -> np.ndarray:
    """A column in its simplest exact form: int64, else objects (fractions), else float64."""
    column = None if type(values) is list else np.asarray(values)
    if column is not None and column.dtype.kind != "O":
        return column.astype(np.int64 if column.dtype.kind in "iub" else np.float64, copy=False)
    given: list[Any] = values if column is None else column.tolist()
    numbers = [v.numerator if type(v) is Fraction and v.denominator == 1 else v for v in given]
    types = set(map(type, numbers))
    if types <= {int, bool} and min(numbers) > -(2**62) and max(numbers) < 2**62:
        return np.array(numbers, dtype=np.int64)
    held = np.array(numbers, dtype=object)
    return to_floats(held) if any(issubclass(x, float) for x in types) else held


def mix(x: int) -> int:
    """A bijection of the 32-bit integers whose output bits each depend on every input bit."""
    x &= MASK
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & MASK
    x = ((x ^ (x >> 15)) * 0x846CA68B) & MASK
    return x ^ (x >> 16)


def noise(seed: int, t: int) -> float:
    """The noise of step t: 24 random bits of a hash of seed and step, as a number in [-1, 1)."""
    x = mix(mix(mix(mix(t) ^ (t >> 32)) ^ (seed & MASK)) ^ (seed >> 32) ^ 0x9E3779B9)
    return (x >> 8) * 2.0**-23 - 1.0


def log2_parts(base: float) -> tuple[float, float]:
    """log2(base) as a number of 12 bits and the rest."""
    logarithm = np.log2(np.longdouble(base))
    mantissa, power = np.frexp(np.float64(logarithm))
    first = float(np.ldexp(np.round(mantissa * 2.0**12), int(power) - 12))
    return first, float(logarithm - np.longdouble(first))


def _on_floats(function: Callable[..., Any]) -> Callable[..., float]:
    """A function of NumPy on doubles, without warnings."""

    def compute(*args: Any) -> float:
        with np.errstate(all="ignore"):
            return float(function(*(np.float64(to_float(a)) for a in args)))

    return compute


def _divide(a: Any, c: Any) -> Any:
    if c == 0:
        return _on_floats(np.divide)(a, c)
    return to_float(a) / to_float(c) if isinstance(a, float) or isinstance(c, float) else Fraction(a, c)


def _exact(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Exact unless a float takes part; then double arithmetic."""

    def compute(a: Any, c: Any) -> Any:
        return function(to_float(a), to_float(c)) if isinstance(a, float) or isinstance(c, float) else function(a, c)

    return compute


def power(a: Any, c: Any) -> float:
    """a**c in doubles."""
    try:
        return math.pow(to_float(a), to_float(c))
    except (OverflowError, ValueError):
        return _on_floats(np.power)(a, c)


def _floor(a: Any) -> Any:
    return math.floor(a) if math.isfinite(a) else a


FOLD: dict[str, Callable[..., Any]] = {
    "add": _exact(operator.add),
    "sub": _exact(operator.sub),
    "mul": _exact(operator.mul),
    "neg": operator.neg,
    "minimum": lambda a, c: min(a, c) if a == a and c == c else math.nan,
    "maximum": lambda a, c: max(a, c) if a == a and c == c else math.nan,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "muldiv": lambda a, m, d, p: (a * m + p) // d,
    "mulmod": lambda a, m, d, p: (a * m + p) % d,
    "floor": _floor,
    "real": to_float,
    "div": _divide,
    "sqrt": _on_floats(np.sqrt),
    "exp": _on_floats(np.exp),
    "expm1": _on_floats(np.expm1),
    "log": _on_floats(np.log),
    "log1p": _on_floats(np.log1p),
    "sin": _on_floats(np.sin),
    "pow": power,
    "ipow": power,
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "where": lambda c, a, d: a if c else d,
    "noise": noise,
    "valuation": lambda t: (t & -t).bit_length() - 1,
    "share": lambda x, n: round(Fraction(x) * n),
}


def fold(op: str, values: list[Any]) -> Any:
    """The value of an operation on plain numbers."""
    return FOLD[op](*values)


EXACT = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}  # what holds where no float takes part
IEEE: dict[str, Callable[..., Any]] = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
ON_COLUMNS = frozenset(FOLD) - {"lt", "le", "eq", "where", "noise", "muldiv", "mulmod"}


def on_columns(op: str, values: list[Any]) -> np.ndarray:
    """The value of an operation on columns and plain numbers, one result per piece; no index is past the shortest."""
    size = min(len(v) for v in values if isinstance(v, np.ndarray))
    if op in IEEE and any(v.dtype.kind == "f" if isinstance(v, np.ndarray) else isinstance(v, float) for v in values):
        with np.errstate(all="ignore"):
            return IEEE[op](*(to_floats(v[:size]) if isinstance(v, np.ndarray) else to_float(v) for v in values))
    columns = [v[:size].tolist() if isinstance(v, np.ndarray) else [v] * size for v in values]
    return narrowed(list(map(EXACT.get(op) or FOLD[op], *columns)))
