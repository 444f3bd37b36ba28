"""The numbers of a text: Python's own, and where a length is rounded from the exact one.

A literal, and a number bound to a name, is the real number that its float64 is. Arithmetic gives Python's float, bit
for bit, as it always did, and beside it the exact number: ``warmup(0.03 * total)`` takes the same step as the share
0.03 of ``total`` steps does.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched.foundation.errors import fail
from lrsched.foundation.numbers import is_jax

ROOM = 4096  # the most bits of a numerator and denominator; beyond, the exact number is the float64 again
LARGEST_INT, LARGEST_POWER = 10**40, 1100

APPLY: dict[str, Callable[[Any, Any], Any]] = {
    ">>": lambda a, b: a >> b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "**": lambda a, b: a**b,
}


class Computed(float):
    """What arithmetic gives: a float, and as an index the exact number rounded once, ties to even."""

    __slots__ = ("exact",)
    exact: Fraction

    def __index__(self) -> int:
        """The step that the number is; below 0, one below 0, so that no length is made of it."""
        return round(self.exact) if self.exact >= 0 else math.floor(self.exact)


def computed(value: float, exact: Fraction) -> Computed:
    """A float with its exact number."""
    self = Computed(value)
    self.exact = exact
    return self


class PowerError(ArithmeticError):
    """A power that is not computed, since it would be too large."""


def is_plain(value: Any) -> bool:
    """Whether a value is one of Python's own numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a number, a JAX value included."""
    return is_plain(value) or is_jax(value)


def negated(value: Any) -> Any:
    """A number with the other sign."""
    return computed(-value, -value.exact) if isinstance(value, Computed) else -value


def too_large(value: Any) -> bool:
    """Whether a plain number is larger than any that is read."""
    return abs(value) > LARGEST_INT if isinstance(value, int) else math.isinf(value)


def applied(sign: str, a: Any, b: Any) -> Any:
    """An operation of two plain numbers; PowerError where it would be too large."""
    if sign == "**" and abs(b) * max(1.0, math.log2(abs(a) + 2)) > LARGEST_POWER:
        raise PowerError("this power is too large")
    value = APPLY[sign](a, b)
    if isinstance(value, complex):
        raise ValueError("this has no real value")
    if isinstance(value, int) or not math.isfinite(value):
        return value
    first, second = (x.exact if isinstance(x, Computed) else Fraction(x) for x in (a, b))
    return computed(value, _exact(sign, first, second, value))


def applied_by_jax(sign: str, a: Any, b: Any) -> Any:
    """An operation of numbers of which one is JAX's: on real numbers, since its integers would wrap."""
    import jax.numpy as jnp

    real = jnp.result_type(float)
    return APPLY[sign](
        *(x.astype(real) if is_jax(x) and x.dtype.kind in "iu" else float(x) if is_plain(x) else x for x in (a, b))
    )


def _exact(sign: str, a: Any, b: Any, value: float) -> Fraction:
    """The exact result; where it has no fraction, or one of too many digits, the one that the float64 is."""
    if sign == "**" and (b.denominator > 1 or abs(b) * _bits(a) > ROOM):
        return Fraction(value)
    exact = Fraction(APPLY[sign](a, int(b) if sign == "**" else b))
    return exact if _bits(exact) <= ROOM else Fraction(value)


def _bits(exact: Fraction) -> int:
    return max(exact.numerator.bit_length(), exact.denominator.bit_length())


def given(name: str, value: Any) -> Any:
    """The number that is bound to a name: an int, a float, a JAX scalar, or a fraction as what arithmetic gives."""
    allowed, whatever = "a number", value
    if is_jax(whatever):
        if whatever.shape != () or whatever.dtype.kind in "bc":
            fail("parse", name, "a single real number", value, wrong_type=True)
        return value
    if isinstance(value, np.ndarray | np.generic) and value.shape == ():
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        fail("parse", name, allowed, value, wrong_type=True)
    if isinstance(value, Fraction) and value.denominator == 1:
        value = int(value)
    try:
        found = int(value) if isinstance(value, numbers.Integral) else float(value)
    except OverflowError:
        fail("parse", name, "a number of float64", value)
    if found != found or (isinstance(found, int) and too_large(found)):
        fail("parse", name, f"{allowed}, at most {float(LARGEST_INT):.0e} if it is an integer", value)
    if not isinstance(value, Fraction):
        return found
    return computed(found, value if _bits(value) <= ROOM else Fraction(found))
