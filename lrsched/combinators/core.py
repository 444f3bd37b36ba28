"""What the first use of a name loads: every kind, and all that building and calling a schedule takes.

Its modules are imported in no particular order, and each can be the first that a program imports, without this one:
none needs another that is not among its own imports. What reads the registry of kinds takes it from here, where it
is complete.
"""

# ruff: noqa: F401, PLC0414
from lrsched.algebra.registry import KINDS as KINDS
from lrsched.algebra.schedule import Schedule
from lrsched.combinators import maximum, minimum, sum
from lrsched.combinators.planning import plan
from lrsched.compiler import compile
from lrsched.foundation.errors import ScheduleError
from lrsched.profiles import (
    Profile,
    cosine,
    exponential,
    flat,
    inverse_time,
    knots,
    linear,
    logarithmic,
    one_minus_power,
    pchip,
    phases,
    polynomial,
    rex,
    staircase,
    tanh,
)
from lrsched.schedules import (
    chebyshev_steps,
    constant,
    custom,
    exponential_decay,
    geometric,
    hold,
    inverse_sqrt,
    inverse_time_decay,
    multi_step,
    piecewise,
    power_decay,
    range_sweep,
    register,
    silver_steps,
    step_decay,
    table,
    warmup,
)
from lrsched.targets import register_target
