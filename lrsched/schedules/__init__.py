"""Schedules that are not made of other schedules: a value for every step, each with one formula.

``spans`` have a number of steps (a profile laid over them, a rise, a hold), ``endless`` have none, ``tables`` have a
value for each step, ``custom`` are functions of the user's. ``blend`` is the way from one level to another that all
spans share: exact at both ends, by as few operations as the profile allows.

It may import ``profiles`` and what is below, and no combinator. A new schedule touches the file of its family, with
its class, the lower-case name that makes it and a place in ``__all__``, besides the public list.
"""

from typing import Any

from lrsched.algebra.registry import class_named
from lrsched.schedules.custom import custom, register
from lrsched.schedules.endless import (
    exponential_decay,
    inverse_sqrt,
    inverse_time_decay,
    multi_step,
    piecewise,
    power_decay,
    step_decay,
)
from lrsched.schedules.endless import index_of as index_of
from lrsched.schedules.spans import constant, hold, warmup
from lrsched.schedules.tables import chebyshev_steps, geometric, range_sweep, silver_steps, table

__all__ = [
    "chebyshev_steps",
    "constant",
    "custom",
    "exponential_decay",
    "geometric",
    "hold",
    "inverse_sqrt",
    "inverse_time_decay",
    "multi_step",
    "piecewise",
    "power_decay",
    "range_sweep",
    "register",
    "silver_steps",
    "step_decay",
    "table",
    "warmup",
]


def __getattr__(name: str) -> Any:
    return class_named(__name__, name)
