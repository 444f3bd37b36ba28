"""Profiles: shapes over progress, and the combinators that make new shapes of them.

Every kind gives its shape twice: ``p`` and ``1 - p``, both accurate, from what is done and what is left. ``shapes``
has those of one formula each, ``piecewise`` those made of points, steps and phases, ``operators`` what changes or
combines profiles and is made by the methods of :class:`Profile`.

It may import ``algebra`` and what is below; a profile knows no schedule. A new one touches one file of the product,
with its class, the lower-case name that makes it and a place in ``__all__``, besides the public list; an operator
also has a method in ``algebra/profile.py``.
"""

from typing import Any

from lrsched.algebra.profile import Profile as Profile
from lrsched.algebra.registry import class_named
from lrsched.profiles import operators as operators
from lrsched.profiles.operators import rise
from lrsched.profiles.piecewise import knots, pchip, phases, staircase
from lrsched.profiles.shapes import (
    cosine,
    exponential,
    flat,
    inverse_time,
    linear,
    logarithmic,
    one_minus_power,
    polynomial,
    rex,
    tanh,
)

__all__ = [
    "cosine",
    "exponential",
    "flat",
    "inverse_time",
    "knots",
    "linear",
    "logarithmic",
    "one_minus_power",
    "pchip",
    "phases",
    "polynomial",
    "rex",
    "rise",
    "staircase",
    "tanh",
]


def __getattr__(name: str) -> Any:
    return class_named(__name__, name)
