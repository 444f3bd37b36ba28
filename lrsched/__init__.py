"""An algebra of learning-rate schedules: immutable values, compiled to Python, NumPy and JAX.

``import lrsched`` loads no other module. The first use of a name, as in ``lrsched.warmup`` or
``from lrsched import warmup``, loads NumPy and the core with all of its names; those in ``LATER`` load what they take
when they are first used.
"""

TYPE_CHECKING = False  # what type checkers take for true; the module typing takes longer to load than this one
if TYPE_CHECKING:
    from lrsched import combinators as combinators
    from lrsched import compiler as compiler
    from lrsched import grouping, presets, recipes, units
    from lrsched import profiles as profiles
    from lrsched import schedules as schedules
    from lrsched import targets as targets
    from lrsched.algebra.schedule import Schedule
    from lrsched.combinators import maximum, minimum
    from lrsched.combinators import sum as sum
    from lrsched.combinators.planning import plan
    from lrsched.compiler import compile as compile
    from lrsched.discovery import diverged, smooth, suggest, trust_ratio
    from lrsched.display.plotting import plot
    from lrsched.feedback import Greedy, Plateau, agreed
    from lrsched.foundation.errors import ScheduleError
    from lrsched.inspection.identify import identify
    from lrsched.layers import discriminative, layerwise, unfreezing
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
    from lrsched.serial import from_dict, from_json
    from lrsched.targets import register_target
    from lrsched.text import ParseError, parse

# modules, and where the names are that few programs need: each is loaded by itself
LATER = {
    "combinators": "combinators",
    "compiler": "compiler",
    "profiles": "profiles",
    "schedules": "schedules",
    "targets": "targets",
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
    "identify": "inspection.identify",
    "plot": "display.plotting",
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

CORE = {*__all__, "compile", "sum"} - LATER.keys()  # what is loaded together

if not TYPE_CHECKING:

    def __getattr__(name):
        if name in CORE:
            from lrsched.combinators import core

            globals().update({each: getattr(core, each) for each in CORE})
            return globals()[name]
        if name not in LATER:
            raise AttributeError(f"module 'lrsched' has no attribute {name!r}")
        from importlib import import_module

        module = import_module(f"lrsched.{LATER[name]}")
        found = globals()[name] = module if LATER[name] == name else getattr(module, name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *CORE, *LATER})
