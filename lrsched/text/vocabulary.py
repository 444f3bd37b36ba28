"""The names that a text may use: functions, methods and constants of the library, and what a number may be called."""

from __future__ import annotations

import difflib
import functools
import keyword
import math
from collections.abc import Callable, Iterable
from typing import Any

from lrsched.algebra.profile import Profile
from lrsched.algebra.registry import KINDS, ON_NEW_KIND
from lrsched.algebra.schedule import Schedule
from lrsched.algebra.spelling import _OPERATORS

CONSTANTS = {"None": None, "True": True, "False": False, "inf": math.inf}
PREFIXES = ("lrs", "lrsched", "recipes", "presets")
# fmt: off
ELSEWHERE = frozenset({  # the library's other public names, and the argument that is the text itself
    "Greedy", "ParseError", "Plateau", "Profile", "Schedule", "ScheduleError", "ScheduleWarning", "agreed",
    "analysis", "combinators", "compare", "compile", "compiler", "discriminative", "diverged", "from_dict",
    "from_json", "grouping", "identify", "layerwise", "names", "parse", "plot", "profile", "profiles", "register",
    "register_target", "schedule", "schedules", "smooth", "suggest", "sum", "targets", "text", "trust_ratio",
    "unfreezing", "units",
})
# fmt: on


@functools.cache
def functions() -> dict[str, Callable[..., Any]]:
    """The names that an expression may call: the library's, and every registered kind that is made by its name."""
    from lrsched import combinators, profiles, recipes, schedules

    modules = (recipes, profiles, schedules, combinators)
    found: dict[str, Callable[..., Any]] = {name: getattr(m, name) for m in modules for name in m.__all__}
    del found["register"]
    for name, kind in KINDS.items():
        if name.isidentifier() and not kind.method and name not in _OPERATORS:
            found.setdefault(name, kind)
    return found


@functools.cache
def methods(base: type) -> frozenset[str]:
    """The methods of a base that make a new expression: those that say so."""
    made = ((name, getattr(value, "__annotations__", {}).get("return")) for name, value in vars(base).items())
    return frozenset(name for name, result in made if result in ("Schedule", "Profile") and not name.startswith("_"))


@functools.lru_cache(1000)
def can_be_given(name: str) -> bool:
    """Whether a number may be called so: by an identifier that is none of the library's names."""
    own: tuple[Any, ...] = (functions(), PREFIXES, CONSTANTS, ELSEWHERE, methods(Schedule), methods(Profile))
    is_name = name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
    return is_name and not any(name in names for names in own)


def _forget(kind: object) -> None:
    functions.cache_clear()
    can_be_given.cache_clear()


ON_NEW_KIND.append(_forget)


def foreign(name: str) -> str:
    """Where a name of another library is found."""
    from lrsched import presets

    owner = next((p for p in presets.__all__ if name in getattr(presets, p).__all__), None)
    return f"; lrs.presets.{owner}.{name}, called in Python, prints as an expression" if owner else ""


def nearest(name: str, known: Iterable[Any]) -> str:
    """The known name that looks most like one, as a question; upper and lower case are the same."""
    lower = {str(k).lower().replace("_", ""): str(k) for k in known}
    near = difflib.get_close_matches(name[:100].lower().replace("_", ""), list(lower), 1)
    return f"; did you mean {lower[near[0]]!r}?" if near else ""
