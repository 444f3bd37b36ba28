"""Profiles: shapes over progress, and the combinators that make new shapes of them.

Every kind gives its shape twice: ``p`` and ``1 - p``, both accurate, from what is done and what is left.
"""

# ruff: noqa: F401 (what other code knows by the names of this package)

from lrsched.algebra.fields import check_increasing
from lrsched.algebra.profile import Pair, Profile, lift
from lrsched.profiles.operators import (
    Bent,
    Delayed,
    Mirrored,
    Negative,
    Normalised,
    Power,
    Product,
    Reversed,
    SampledAt,
    SampledTimes,
    Sum,
    Warped,
    ends_of,
    raised,
)
from lrsched.profiles.piecewise import (
    Knots,
    Pchip,
    Phases,
    Staircase,
    choose,
    choose_pair,
    knots,
    line,
    pchip,
    phases,
    staircase,
)
from lrsched.profiles.shapes import (
    HALF_PI,
    STEEPEST,
    TINY,
    TREE,
    Cosine,
    Exponential,
    Flat,
    InverseTime,
    Linear,
    Logarithmic,
    OneMinusPower,
    Polynomial,
    Rex,
    Tanh,
    bend,
    cosine,
    exponential,
    flat,
    inverse_time,
    linear,
    logarithmic,
    one_minus_power,
    polynomial,
    power_of,
    power_rest,
    rex,
    smaller,
    tanh,
)

__all__ = [
    "Profile",
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
