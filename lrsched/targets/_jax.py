"""JAX on arrays and tracers: float32 (float64 under x64), integer steps, nothing but elementwise operations."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lrsched.foundation.records import replaced
from lrsched.ir.jax_integers import int_type, shifted, wide_product
from lrsched.ir.runtime_scale import quotient
from lrsched.ir.term import Builder, Term, named
from lrsched.targets.array_calls import CallTarget
from lrsched.targets.clamp_elimination import unclamped
from lrsched.targets.emit import emit, plain_number
from lrsched.targets.threshold_search import passed, passed_by_rows, read

LARGEST = 3e38
SMALLEST = 1e-37
NEGLIGIBLE = 2.0**-32
TO_LOG2 = float(np.float32(2 / np.log(2)))
TO_LOG2_REST = 2 / np.log(2) - TO_LOG2


def real_type() -> Any:
    """The type that schedules compute in: float32, or float64 under x64."""
    return jnp.result_type(float)


def _real(a: Any) -> Any:
    a, dtype = jnp.asarray(a), real_type()
    return a if a.dtype == dtype else lax.convert_element_type(a, dtype)


def _search(thresholds: Any, t: Any) -> Any:
    """How many of the thresholds are passed."""
    if hasattr(thresholds, "count"):
        return thresholds.count(t)
    thresholds, known = _fitting(thresholds), isinstance(thresholds, np.ndarray)
    if not np.issubdtype(thresholds.dtype, np.integer):
        thresholds = (np if known else jnp).ceil(thresholds).astype(int_type())
    return (passed if known else passed_by_rows)(thresholds, jnp.asarray(t))


def _fitting(table: Any) -> Any:
    """Integers as the clock's integers, held at the largest where they are beyond it."""
    if isinstance(table, np.ndarray):
        if table.dtype.kind in "iuO":
            info = np.iinfo(int_type())
            return np.clip(table, info.min, info.max).astype(int_type())
        with np.errstate(over="ignore"):
            return table.astype(real_type())
    return table


def _gather(table: Any, index: Any) -> Any:
    if hasattr(table, "before"):
        return table.before(index)
    return read(_fitting(table), jnp.asarray(index))


def _muldiv(t: Any, times: Any, over: Any, more: Any) -> Any:
    """floor((t * times + more) / over)."""
    return _divided(t, times, over, more)[0].astype(int_type())


def _mulmod(t: Any, times: Any, over: Any, more: Any) -> Any:
    """(t * times + more) mod over; wrapped around where it is beyond the integers with a sign."""
    return _divided(t, times, over, more)[1].astype(int_type())


def _divided(t: Any, times: Any, over: Any, more: Any) -> tuple[Any, Any]:
    """t * times + more divided by over, and the rest: a product of two words, two estimates in floats, each below it.

    The first leaves a quotient of 2**13 or less, the second one of at most 1 (2**15 in 64 bits).
    """
    word, real = (jnp.uint32, jnp.float32) if int_type() == jnp.int32 else (jnp.uint64, jnp.float64)
    t, times, over, more = (_word(x, word) for x in (t, times, over, more))
    width, digits = t.dtype.itemsize * 8, np.finfo(real).nmant
    high, low = wide_product(t, times)
    low = low + more
    high = high + (low < more).astype(word)
    quotient = jnp.zeros_like(high * over)
    for _ in range(2):
        size = high.astype(real) * 2.0**width + low.astype(real)
        part = (size / over.astype(real) * (1.0 - 2.0 ** (3 - digits))).astype(word)
        quotient, (high, low) = quotient + part, _less(high, low, part, over)
    once = ((high > 0) | (low >= over)).astype(word)
    return quotient + once, low - once * over


def _word(x: Any, word: Any) -> Any:
    """An integer as an unsigned one, a plain number beyond the signed ones too."""
    return jnp.asarray(np.array(x, dtype=np.dtype(word))) if isinstance(x, int) else jnp.asarray(x).astype(word)


def _less(high: Any, low: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """(high, low) - a * b in two words."""
    back_high, back_low = wide_product(a, b)
    return high - back_high - (low < back_low).astype(high.dtype), low - back_low


def _mix(x: Any) -> Any:
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)


def _noise(seed: Any, t: Any) -> Any:
    if isinstance(seed, int):
        low, top = jnp.uint32(seed & 0xFFFFFFFF), jnp.uint32((seed >> 32) ^ 0x9E3779B9)
    else:
        low, top = _words(seed)
        top = top ^ jnp.uint32(0x9E3779B9)
    t_low, t_high = _words(t)
    x = _mix(_mix(_mix(_mix(t_low) ^ t_high) ^ low) ^ top)
    return (x >> 8).astype(real_type()) * 2.0**-23 - 1.0


def _words(x: Any) -> tuple[Any, Any]:
    x = jnp.asarray(x)
    x = x if jnp.issubdtype(x.dtype, jnp.integer) else x.astype(int_type())
    if x.dtype.itemsize == 8:
        return (x & 0xFFFFFFFF).astype(jnp.uint32), (x >> 32).astype(jnp.uint32)
    return x.astype(jnp.uint32), jnp.uint32(0)


def _valuation(t: Any) -> Any:
    t = jnp.asarray(t)
    return lax.population_count((t & -t) - 1)


def _share(x: Any, n: Any) -> Any:
    """round(x * n), ties to even, of the exact product; the largest integer where it is beyond it."""
    x, n, limit = jnp.asarray(x, real_type()), jnp.asarray(n, int_type()), np.iinfo(int_type()).max
    lift, times, over = quotient(x)
    parts, less = shifted(n, over, times)
    whole, rest = lax.div(*jnp.broadcast_arrays(parts, lift)), lax.rem(*jnp.broadcast_arrays(parts, lift))
    twice = jnp.where(lift > 1, 2 * rest - lift, less - (times - less))
    more = jnp.where(lift > 1, less, 0)
    up = (twice > 0) | ((twice == 0) & ((more > 0) | (whole & 1 == 1)))
    return jnp.where(x > 0, jnp.where(x * n >= limit, limit, whole + up), 0)


def _log1p(a: Any) -> Any:
    """Kahan's form, since XLA's own loses digits under x64."""
    if real_type() != jnp.float64:
        return jnp.log1p(a)
    one_plus = 1.0 + a
    near = one_plus == 1.0
    safe = jnp.where(near | (one_plus <= 0), 2.0, one_plus)
    value = jnp.log(safe) * (a / (safe - 1.0))
    return jnp.where(near, a, jnp.where(one_plus <= 0, jnp.log(one_plus), value))


def _mul(a: Any, b: Any) -> Any:
    """a * b; the barriers keep XLA from regrouping products, which it does for scalars and not for batches."""
    return _kept(a) * _kept(b)


def _kept(x: Any) -> Any:
    return lax.optimization_barrier(x) if hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating) else x  # type: ignore[no-untyped-call]


def _rounded(product: Any) -> Any:
    """A product below the largest number, rounded before it is added: LLVM fuses the two for batches alone."""
    return jnp.minimum(product, LARGEST)


def _apart(product: Any) -> Any:
    """A product of any size, rounded before it is added."""
    return jnp.where(product == product, product, jnp.nan)


def _summing(op: str) -> Callable[[Term], str]:
    """How a sum or a difference is written: each product in it is rounded by itself."""

    def operand(i: int, term: Term) -> str:
        if term.dtype != "f" or named(term).op != "mul":
            return f"{{{i}}}"
        share = _share_of(named(term))
        if share is not None:
            return f"{'minimum' if share > 0 else 'maximum'}({{{i}}}, {share!r})"
        return f"{'rounded' if term.hi < LARGEST else 'apart'}({{{i}}})"

    return lambda term: f"{op}({', '.join(operand(*pair) for pair in enumerate(term.args))})"


def _by_count(op: str, wide: str) -> Callable[[Term], str]:
    """How an operation of two arguments is written, one of which may come in two words."""
    return lambda term: f"{op}({{0}}, {{1}})" if len(term.args) == 2 else f"{wide}({{0}}, {{1}}, {{2}})"


def _share_of(product: Term) -> float | None:
    """The constant of which a product is a share between 0 and 1: a bound that is no further number."""
    for constant, weight in (product.args, product.args[::-1]):
        if isinstance(constant.value, float) and constant.value and weight.lo >= 0 and weight.hi <= 1:
            return constant.value
    return None


def _pow(a: Any, c: Any) -> Any:
    """a**c; what a constant c loses in float32 is made good, since it counts once for every halving of a."""
    rest = c - float(np.float32(c)) if isinstance(c, float) and real_type() != jnp.float64 else 0.0
    power = jnp.power(a, c)
    if abs(rest) < NEGLIGIBLE:
        return power
    return power * jnp.exp(jnp.log(jnp.clip(a, SMALLEST, LARGEST)) * rest)


def _ipow(base: Any, exponent: Any) -> Any:
    """base**n for integers n, as exact as float32 can say it at any n."""
    if real_type() == jnp.float64:
        return jnp.power(base, _real(exponent))
    return _traced_power(jnp.asarray(base, jnp.float32), jnp.asarray(exponent))


def _power_by_parts(first: Any, second: Any, c: Any) -> Any:
    """base**c from log2(base), a number of 12 bits and the rest: the product that decides is exact, then rounded.

    Integers are powers >= 0, also where they have wrapped around.
    """
    first, second, c = jnp.asarray(first, jnp.float32), jnp.asarray(second, jnp.float32), jnp.asarray(c)
    if c.dtype.kind == "i":
        n = c.astype(jnp.uint32)
        upper = lax.reduce_precision(n.astype(jnp.float32), 8, 11)
        lower = (n - upper.astype(jnp.uint32)).astype(jnp.int32).astype(jnp.float32)
    else:
        most = 400.0 / jnp.maximum(jnp.abs(first), 1e-35)
        c = jnp.clip(c, -most, most)
        upper = lax.reduce_precision(c, 8, 11)
        lower = c - upper
    whole = jnp.round(first * upper)
    fraction = (first * upper - whole) + _rounded(lower * first) + _rounded((upper + lower) * second)
    shift = jnp.clip(whole, -400.0, 400.0).astype(jnp.int32)
    half = shift >> 1
    return jnp.exp2(jnp.clip(fraction, -1.0, 1.0)) * _power_of_two(half) * _power_of_two(shift - half)


@jax.custom_jvp
def _traced_power(base: Any, exponent: Any) -> Any:
    return jnp.where(exponent == 1, base, _power_by_parts(*_log2_parts(base), exponent))


@_traced_power.defjvp
def _traced_power_slope(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[Any, Any]:
    base, exponent = primals
    value = _traced_power(base, exponent)
    return value, tangents[0] * (_real(exponent) * (value / base))


def _log2_parts(base: Any) -> tuple[Any, Any]:
    """log2(base) as a number of 12 bits and the rest.

    The base is a mantissa near 1 and a power of 2; the mantissa's logarithm is twice the inverse hyperbolic tangent
    of (m - 1) / (m + 1), a quotient taken to twice the digits.
    """
    bits = lax.bitcast_convert_type(base, jnp.int32)
    power = ((bits - 0x3F3504F3) >> 23).astype(jnp.int32)
    m = lax.bitcast_convert_type(bits - (power << 23), jnp.float32)
    above, below = m - 1.0, m + 1.0
    one = below - m
    below_rest = (m - (below - one)) + (1.0 - one)
    s = above / below
    product, product_rest = _exact_product(s, below)
    rest = ((above - product) - product_rest - s * below_rest) / below
    square = s * s
    tail = square * (1 / 3 + square * (1 / 5 + square * (1 / 7 + square * (1 / 9))))
    high, low = _exact_product(s, jnp.float32(TO_LOG2))
    low = low + s * jnp.float32(TO_LOG2_REST) + (rest + s * tail) * jnp.float32(TO_LOG2)
    total, whole = high + low, power.astype(jnp.float32)
    first = lax.reduce_precision(whole + total, 8, 11)
    return first, ((whole - first) + total) + (low - (total - high))


def _exact_product(a: Any, b: Any) -> tuple[Any, Any]:
    """a * b in float32, and what its rounding has lost."""
    product = a * b
    a_high, b_high = (lax.reduce_precision(x, 8, 11) for x in (a, b))
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _power_of_two(n: Any) -> Any:
    """2**n in float32, exactly: infinite above its range, 0 below."""
    bits = jnp.clip(n + 127, 0, 255).astype(jnp.int32) << 23
    return lax.bitcast_convert_type(bits, jnp.float32)


def _checked(wrong: Any, value: Any) -> Any:
    return jnp.where(wrong, jnp.nan, value)


def _call(function: Any, t: Any) -> Any:
    return function(jnp, jnp.asarray(t, real_type()))


def _floor(a: Any) -> Any:
    return jnp.floor(a).astype(int_type())


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": _mul,
    "neg": lambda a: -a,
    "minimum": jnp.minimum,
    "maximum": jnp.maximum,
    "floordiv": lambda a, b: lax.div(*_pair(a, b)),
    "mod": lambda a, b: lax.rem(*_pair(a, b)),
    "muldiv": _muldiv,
    "mulmod": _mulmod,
    "floor": _floor,
    "real": _real,
    "div": operator.truediv,
    "sqrt": jnp.sqrt,
    "exp": jnp.exp,
    "expm1": jnp.expm1,
    "log": jnp.log,
    "log1p": _log1p,
    "sin": jnp.sin,
    "pow": _pow,
    "ipow": _ipow,
    "lt": operator.lt,
    "le": operator.le,
    "eq": operator.eq,
    "where": jnp.where,
    "search": _search,
    "gather": _gather,
    "noise": _noise,
    "valuation": _valuation,
    "share": _share,
    "checked": _checked,
    "call": _call,
}


def _pair(a: Any, b: Any) -> tuple[Any, Any]:
    a, b = jnp.broadcast_arrays(jnp.asarray(a, int_type()), jnp.asarray(b, int_type()))
    return a, b


def _once(value: Any) -> Any:
    """The same scalar divided by a 1 that XLA does not see: a division, which it computes once.

    Otherwise it copies the schedule's arithmetic into the update of every parameter array of a training step.
    """
    return lax.div(value, lax.optimization_barrier(lax.full_like(value, 1)))  # type: ignore[no-untyped-call]


def folded(limit: int, op: str, values: list[Any]) -> Any:
    """An operation on constants of which some are JAX values."""
    return jnp.asarray(OPERATIONS[op](*(_lifted(v, limit) for v in values)))


def _lifted(value: Any, limit: int) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > limit:
        return float(value)
    return float(value) if not isinstance(value, bool | int) and not hasattr(value, "dtype") else value


def _number(value: Any, dtype: str) -> str:
    """A constant; what is beyond the reals of the program is infinite, as it is for what computes it."""
    beyond = isinstance(value, float) and abs(value) > float(np.finfo(real_type()).max)
    return plain_number(math.copysign(math.inf, value) if beyond else value, dtype)


class JaxTarget(CallTarget):
    """Generates a function of an array of steps or a tracer."""

    def __init__(self) -> None:
        super().__init__("jax", OPERATIONS, pow=_by_count("pow", "power_by_parts"))
        self.dialect = replaced(self.dialect, number=_number)
        sums = {op: _summing(op) for op in ("add", "sub")}
        self.exact = replaced(self.dialect, templates={**self.dialect.templates, **sums})
        self.helpers = {"rounded": _rounded, "apart": _apart, "power_by_parts": _power_by_parts}

    def builder(self, real_steps: bool = False) -> Builder:
        """A builder of terms for the integers that JAX has now."""
        limit = int(np.iinfo(int_type()).max)
        options: dict[str, Any] = {"branching": False, "weighed": True}
        return Builder(limit=limit, real_steps=real_steps, constants=functools.partial(folded, limit), **options)

    def written(self, root: Term, objects: dict[str, Any]) -> list[str]:
        """A constant of the program has sums that give the same bits alone, in batches and in loops."""
        root = unclamped(root)
        lines = emit(root, self.exact, objects)
        plain = all(isinstance(value, np.ndarray) or callable(value) for value in objects.values())
        return lines if plain else super().written(root, objects)

    def run(self, function: Callable[[Any], Any], t: Any) -> Any:
        """The generated function on steps of any integer or real type; negative steps count as 0."""
        t = jnp.asarray(t)
        if t.dtype.kind == "u":
            t = jnp.minimum(t, jnp.asarray(np.iinfo(int_type()).max).astype(t.dtype))
        dtype, first = (int_type(), 0) if t.dtype.kind in "iu" else (real_type(), 0.0)
        steps = jnp.maximum(t.astype(dtype), first)
        value = _real(function(steps))
        return _once(value) if t.ndim == 0 else jnp.broadcast_to(value, t.shape)


TARGET = JaxTarget()
