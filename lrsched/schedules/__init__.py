"""Schedules that are not made of other schedules: a value for every step, each with one formula."""

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
