"""An algebra of learning-rate schedules: immutable values, compiled to Python, NumPy and JAX."""

from lrsched import _pytree, recipes
from lrsched._errors import ScheduleError
from lrsched._schedule import Schedule
from lrsched.combinators import maximum, minimum
from lrsched.combinators import sum as sum
from lrsched.compiler import compile as compile
from lrsched.discovery import diverged, smooth, suggest, trust_ratio
from lrsched.feedback import Greedy, Plateau
from lrsched.identify import identify
from lrsched.plan import plan
from lrsched.plotting import plot
from lrsched.profiles import (
    Profile,
    cosine,
    exponential,
    flat,
    inverse_time,
    knots,
    linear,
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
from lrsched.serial import from_dict, from_json
from lrsched.targets import register_target
from lrsched.text import ParseError, parse

__all__ = [
    "Greedy",
    "ParseError",
    "Plateau",
    "Profile",
    "Schedule",
    "ScheduleError",
    "chebyshev_steps",
    "constant",
    "cosine",
    "custom",
    "diverged",
    "exponential",
    "exponential_decay",
    "flat",
    "from_dict",
    "from_json",
    "geometric",
    "hold",
    "identify",
    "inverse_sqrt",
    "inverse_time",
    "inverse_time_decay",
    "knots",
    "linear",
    "maximum",
    "minimum",
    "multi_step",
    "one_minus_power",
    "parse",
    "pchip",
    "phases",
    "piecewise",
    "plan",
    "plot",
    "polynomial",
    "power_decay",
    "range_sweep",
    "recipes",
    "register",
    "register_target",
    "rex",
    "silver_steps",
    "smooth",
    "staircase",
    "step_decay",
    "suggest",
    "table",
    "tanh",
    "trust_ratio",
    "warmup",
]

__version__ = "0.1.0"

_pytree.install()
