"""Learning-rate schedules as an algebra: immutable values that compose, print, compile and are stored.

A schedule gives the rate of every update. It is built from shapes, lengths and operators, called with a step, traced
by JAX, and taken by PyTorch, Optax and Keras through thin adapters:

    >>> import lrsched as lrs
    >>> from lrsched import cosine, plan, warmup
    >>> lr = 3e-4 * (warmup(500) >> cosine().over(9_500, end=0.1))   # warm up, then decay
    >>> lr(0), lr(500)                                               # the rates of two updates
    (0.0, 0.0003)
    >>> lr == 3e-4 * plan(10_000, warmup(500), (None, cosine(), 0.1))     # the same, laid out over a run
    True
    >>> lr.sample(3).tolist()                                        # a vector, one rate per update
    [0.0, 6e-07, 1.2e-06]
    >>> lr.restarted(times=2, gamma=0.5).duration                    # methods make new schedules
    20000
    >>> lrs.parse(repr(lr)) == lr                                    # plain data: print, store, read back
    True

``lr.check(10_000)`` says what may be wrong with it, ``lr.describe()`` what it does, ``lr.plot()`` draws it;
``lrs.recipes`` holds the schedules of papers and training runs.

``import lrsched`` loads NumPy and the core; the names in ``LATER`` load what they take when they are first used.
"""

# ruff: noqa: F403
from typing import TYPE_CHECKING

from lrsched import combinators as combinators
from lrsched import compiler as compiler
from lrsched import profiles as profiles
from lrsched import schedules as schedules
from lrsched import targets as targets
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.combinators import *
from lrsched.combinators import sum as sum
from lrsched.compiler import compile as compile
from lrsched.foundation.errors import ScheduleError
from lrsched.profiles import *
from lrsched.schedules import *
from lrsched.targets import register_target

if TYPE_CHECKING:
    from lrsched import grouping, presets, recipes, units
    from lrsched.algebra.serial import from_dict, from_json
    from lrsched.discovery import diverged, smooth, suggest, trust_ratio
    from lrsched.display.plotting import plot
    from lrsched.feedback import Greedy, Plateau, agreed
    from lrsched.inspection.identify import identify
    from lrsched.layers import discriminative, layerwise, unfreezing
    from lrsched.text import ParseError, names, parse, profile, schedule

LATER = {  # where the names are that few programs need: each is loaded by itself, when it is first used
    "Greedy": "feedback",
    "ParseError": "text",
    "Plateau": "feedback",
    "agreed": "feedback",
    "discriminative": "layers",
    "diverged": "discovery",
    "from_dict": "algebra.serial",
    "from_json": "algebra.serial",
    "grouping": "",
    "identify": "inspection.identify",
    "layerwise": "layers",
    "names": "text",
    "parse": "text",
    "plot": "display.plotting",
    "presets": "",
    "profile": "text",
    "recipes": "",
    "schedule": "text",
    "smooth": "discovery",
    "suggest": "discovery",
    "trust_ratio": "discovery",
    "unfreezing": "layers",
    "units": "",
}

__all__ = ["Profile", "Schedule", "ScheduleError", "register_target"]
__all__ += combinators.__all__
__all__ += profiles.__all__
__all__ += schedules.__all__
__all__ += [
    "Greedy",
    "ParseError",
    "Plateau",
    "agreed",
    "discriminative",
    "diverged",
    "from_dict",
    "from_json",
    "grouping",
    "identify",
    "layerwise",
    "names",
    "parse",
    "plot",
    "presets",
    "profile",
    "recipes",
    "schedule",
    "smooth",
    "suggest",
    "trust_ratio",
    "unfreezing",
    "units",
]

__version__ = "0.1.0"

if not TYPE_CHECKING:

    def __getattr__(name):
        if name not in LATER:
            raise AttributeError(f"module 'lrsched' has no attribute {name!r}")
        from importlib import import_module

        home = import_module(f"lrsched.{LATER[name] or name}")
        found = globals()[name] = getattr(home, name) if LATER[name] else home
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER})
