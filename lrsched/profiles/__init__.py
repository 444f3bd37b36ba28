"""Profiles: shapes over progress, and the combinators that make new shapes of them.

Every kind gives its shape twice: ``p`` and ``1 - p``, both accurate, from what is done and what is left.
"""

from lrsched.algebra.profile import Profile as Profile
from lrsched.profiles import operators as operators
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
    "staircase",
    "tanh",
]
