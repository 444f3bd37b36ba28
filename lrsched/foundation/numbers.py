"""Plain numbers and JAX values told apart, without importing JAX."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched.foundation.errors import fail


def is_jax(value: object) -> bool:
    """Whether ``value`` is a JAX array or tracer; never imports JAX."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, getattr(jax, "Array", ()))


def all_plain(values: Iterable[Any]) -> bool:
    """Whether all are Python's own numbers."""
    return {int, float}.issuperset(map(type, values))


def any_jax(values: Sequence[Any]) -> bool:
    """Whether one of several numbers is a JAX array or tracer."""
    return not all_plain(values) and any(map(is_jax, values))


def is_opaque(value: object) -> bool:
    """Whether ``value`` is a leaf that only JAX can compute with: an array or a tracer."""
    return is_jax(value) or isinstance(value, np.ndarray)


def is_whole(value: Any) -> bool:
    """Whether ``value`` is an integer, or an array of them."""
    if is_opaque(value):
        return getattr(value.dtype, "kind", "O") in "iu"
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether ``value`` is a real number, or an array of them; random keys, booleans and objects are none."""
    if is_opaque(value):
        dtype = value.dtype
        return getattr(dtype, "kind", "O") in "iuf" or getattr(dtype, "name", "").startswith(("bfloat", "float"))
    return isinstance(value, int | float) and not isinstance(value, bool)


def float_type(where: str, dtype: Any) -> np.dtype[Any]:
    """A floating type of NumPy's, or one that was added to them, such as bfloat16."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        fail(where, "dtype", "a floating type", dtype, wrong_type=True)
    if found.kind != "f" and not found.name.startswith(("bfloat", "float")):
        fail(where, "dtype", "a floating type", dtype)
    return found


def share_of(share: float, steps: int) -> int:
    """The step that a share of ``steps`` steps is: ``round(share * steps)``, ties to even, in exact arithmetic."""
    return round(Fraction(share) * steps)
