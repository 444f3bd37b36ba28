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
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

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
from lrsched.foundation.errors import ScheduleError, ScheduleWarning
from lrsched.profiles import *
from lrsched.schedules import *
from lrsched.targets import register_target

if TYPE_CHECKING:
    from lrsched import analysis as analysis
    from lrsched import grouping as grouping
    from lrsched import presets as presets
    from lrsched import recipes as recipes
    from lrsched import units as units
    from lrsched.algebra.serial import from_dict as from_dict
    from lrsched.algebra.serial import from_json as from_json
    from lrsched.analysis.comparing import compare as compare
    from lrsched.discovery import diverged as diverged
    from lrsched.discovery import smooth as smooth
    from lrsched.discovery import suggest as suggest
    from lrsched.discovery import trust_ratio as trust_ratio
    from lrsched.display.plotting import plot as plot
    from lrsched.feedback import Greedy as Greedy
    from lrsched.feedback import Plateau as Plateau
    from lrsched.feedback import agreed as agreed
    from lrsched.inspection.identify import identify as identify
    from lrsched.layers import discriminative as discriminative
    from lrsched.layers import layerwise as layerwise
    from lrsched.layers import unfreezing as unfreezing
    from lrsched.text import ParseError as ParseError
    from lrsched.text import names as names
    from lrsched.text import parse as parse
    from lrsched.text import profile as profile
    from lrsched.text import schedule as schedule

LATER = {  # where the names are that few programs need: each is loaded by itself, when it is first used
    "Greedy": "feedback",
    "ParseError": "text",
    "Plateau": "feedback",
    "agreed": "feedback",
    "analysis": "",
    "compare": "analysis.comparing",
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

__all__ = ["Profile", "Schedule", "ScheduleError", "ScheduleWarning", "register_target"]
__all__ += combinators.__all__
__all__ += profiles.__all__
__all__ += schedules.__all__
__version__ = "0.1.0"

if not TYPE_CHECKING:
    __all__ += [*LATER]  # noqa: PLE0604 (names all the same)

    def __getattr__(name):
        if name not in LATER:
            raise AttributeError(f"module 'lrsched' has no attribute {name!r}")
        home = import_module(f"lrsched.{LATER[name] or name}")
        found = globals()[name] = getattr(home, name) if LATER[name] else home
        return found


class _Moved(ModuleType):
    """A module under the name that it had, which pickles hold; nothing is loaded before it is asked for something."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(f"lrsched.{MOVED[self.__name__]}"), name)


MOVED = {
    "lrsched._errors": "foundation.errors",
    "lrsched._plan": "combinators.planning",
    "lrsched._schedule": "algebra.schedule",
    "lrsched.checks": "inspection.findings",
    "lrsched.describe": "inspection.description",
    "lrsched.fitting": "inspection.identify",
    "lrsched.plotting": "display.plotting",
}
sys.modules.update({name: _Moved(name) for name in MOVED})


def __dir__() -> list[str]:
    return sorted(
        {*__all__, "compile", "compiler", "sum", "targets", *(name for name in globals() if name[:2] == "__")}
    )
