"""Profiles: shapes over progress, and the combinators that make new shapes of them.

Every kind gives its shape twice: ``p`` and ``1 - p``, both accurate, from what is done and what is left. ``shapes``
has those of one formula each, ``piecewise`` those made of points, steps and phases, ``operators`` what changes or
combines profiles and is made by the methods of :class:`Profile`.

It may import ``algebra`` and what is below; a profile knows no schedule. A new one touches one file of the product,
with its class, the lower-case name that makes it and a place in ``__all__``, besides the public list; an operator
also has a method in ``algebra/profile.py``.
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
