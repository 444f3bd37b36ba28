"""Schedules that are not made of other schedules: a value for every step, each with one formula.

``spans`` have a number of steps (a profile laid over them, a rise, a hold), ``endless`` have none, ``tables`` have a
value for each step, ``custom`` are functions of the user's. ``blend`` is the way from one level to another that all
spans share: exact at both ends, by as few operations as the profile allows.

It may import ``profiles`` and what is below, and no combinator. A new schedule touches the file of its family, with
its class, the lower-case name that makes it and a place in ``__all__``, besides the public list.
"""

# ruff: noqa: F401 (what other code knows by the names of this package)

from lrsched.schedules.blend import LINEAR, MOSTLY
from lrsched.schedules.custom import FUNCTIONS, Custom, custom, register
from lrsched.schedules.endless import (
    ExponentialDecay,
    InverseSqrt,
    InverseTimeDecay,
    MultiStep,
    Piecewise,
    PowerDecay,
    StepDecay,
    check_sorted,
    count_passed,
    decay_after,
    exponential_decay,
    index_at,
    index_of,
    inverse_sqrt,
    inverse_time_decay,
    multi_step,
    piece_index,
    piecewise,
    power_decay,
    powers,
    read,
    step_decay,
    time_of,
    whole_time,
)
from lrsched.schedules.spans import Constant, Hold, Over, Warmup, constant, hold, warmup
from lrsched.schedules.tables import (
    ChebyshevSteps,
    Geometric,
    SilverSteps,
    Table,
    chebyshev_steps,
    fractal_order,
    geometric,
    range_sweep,
    silver_power,
    silver_steps,
    table,
)

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
