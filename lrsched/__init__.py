"""An algebra of learning-rate schedules: immutable values, compiled to Python, NumPy and JAX."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lrsched import _pytree
from lrsched._errors import ScheduleError
from lrsched._schedule import Schedule
from lrsched.combinators import maximum, minimum
from lrsched.combinators import sum as sum
from lrsched.compiler import compile as compile
from lrsched.plan import plan
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

if TYPE_CHECKING:
    from lrsched import grouping, presets, recipes, units
    from lrsched.discovery import diverged, smooth, suggest, trust_ratio
    from lrsched.feedback import Greedy, Plateau, agreed
    from lrsched.fitting import identify
    from lrsched.layers import discriminative, layerwise, unfreezing
    from lrsched.plotting import plot
    from lrsched.serial import from_dict, from_json
    from lrsched.text import ParseError, parse

# where the names are that few programs need: loaded when first used
LATER = {
    "grouping": "grouping",
    "presets": "presets",
    "recipes": "recipes",
    "units": "units",
    "agreed": "feedback",
    "discriminative": "layers",
    "layerwise": "layers",
    "unfreezing": "layers",
    "diverged": "discovery",
    "smooth": "discovery",
    "suggest": "discovery",
    "trust_ratio": "discovery",
    "Greedy": "feedback",
    "Plateau": "feedback",
    "identify": "fitting",
    "plot": "plotting",
    "from_dict": "serial",
    "from_json": "serial",
    "ParseError": "text",
    "parse": "text",
}

__all__ = [
    "Greedy",
    "ParseError",
    "Plateau",
    "Profile",
    "Schedule",
    "ScheduleError",
    "agreed",
    "chebyshev_steps",
    "constant",
    "cosine",
    "custom",
    "discriminative",
    "diverged",
    "exponential",
    "exponential_decay",
    "flat",
    "from_dict",
    "from_json",
    "geometric",
    "grouping",
    "hold",
    "identify",
    "inverse_sqrt",
    "inverse_time",
    "inverse_time_decay",
    "knots",
    "layerwise",
    "linear",
    "logarithmic",
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
    "presets",
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
    "unfreezing",
    "units",
    "warmup",
]

__version__ = "0.1.0"

_pytree.install()


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module 'lrsched' has no attribute {name!r}")
    module = importlib.import_module(f"lrsched.{LATER[name]}")
    found = globals()[name] = module if LATER[name] == name else getattr(module, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER})
