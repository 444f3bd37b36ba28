"""The few operations that a reducer needs, on Python floats or on JAX scalars, so that each rule is written once.

JAX is never imported here unless a value is already one of its arrays or tracers, or a JAX dtype is asked for.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import struct
from collections.abc import Callable
from typing import Any

from lrsched.foundation.errors import fail
from lrsched.foundation.numbers import is_jax, is_number

COUNTS = 2**31  # counts lie below it, as JAX holds them


@dataclasses.dataclass(frozen=True)
class Scalars:
    """What a rule may do with numbers besides comparing, adding, multiplying and dividing them.

    ``narrow`` rounds to float32 where Python's wider floats stand in for a float32 computation; ``in_double`` calls a
    function of reals that gives a truth value with its arguments in float64, so that it decides as on Python floats.
    """

    where: Callable[[Any, Any, Any], Any]
    maximum: Callable[[Any, Any], Any]
    minimum: Callable[[Any, Any], Any]
    real: Callable[[Any], Any]
    count: Callable[[Any], Any]
    single: Callable[[Any], Any]
    narrow: Callable[[Any], Any]
    in_double: Callable[..., Any]


def single(value: float) -> float:
    """``value`` rounded to float32 (ties to even, infinite past its range), as a ``float``."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _call(function: Callable[..., Any], *values: float) -> Any:
    return function(*values)


def _where(condition: bool, yes: Any, no: Any) -> Any:
    return yes if condition else no


FLOATS = Scalars(
    where=_where, maximum=max, minimum=min, real=float, count=int, single=single, narrow=single, in_double=_call
)


def on_jax(dtype: Any = None) -> Scalars:
    """The operations on JAX scalars whose reals have ``dtype`` (None: float32, or float64 where x64 is enabled)."""
    import jax.numpy as jnp

    dtype = str(jnp.dtype(jnp.result_type(float) if dtype is None else dtype))
    return Scalars(
        where=jnp.where,
        maximum=jnp.maximum,
        minimum=jnp.minimum,
        real=lambda value: jnp.asarray(value, dtype),
        count=lambda value: jnp.asarray(value, "int32"),
        single=lambda value: jnp.asarray(value, "float32"),
        narrow=lambda value: value,
        in_double=_in_double,
    )


def _in_double(function: Callable[..., Any], *values: Any) -> Any:
    """``function`` of JAX scalars in float64, x64 enabled or not; only its truth value leaves."""
    import jax
    import jax.experimental

    home: Any = jax if hasattr(jax, "enable_x64") else jax.experimental
    with home.enable_x64(True):
        wide = [jax.lax.convert_element_type(jax.lax.stop_gradient(value), "float64") for value in values]
        return function(*wide)


def real_scalar(where: str, argument: str, value: Any) -> Any:
    """``value`` as a ``float``, NaN and infinities included, or the JAX scalar that it is.

    Raises:
        ScheduleError: for None, text, booleans, complex numbers and arrays that are not scalars.
    """
    allowed = "a real number or a real array of shape ()"
    if is_jax(value):
        if value.shape != () or not is_number(value):
            fail(where, argument, allowed, value, wrong_type=True)
        return value
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        fail(where, argument, allowed, value, wrong_type=True)
    try:
        return float(value)
    except OverflowError:
        fail(where, argument, "within the range of a float", value)
