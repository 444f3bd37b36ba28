"""Errors of what a function is made of, told in the names of its own arguments."""

from __future__ import annotations

import functools
import inspect
import numbers
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lrsched.foundation.errors import ScheduleError, fail

__all__ = ["speaking", "speaking_as"]


@contextmanager
def speaking_as(where: str, **names: str) -> Iterator[None]:
    """Errors of the kinds that ``where`` is made of, in the names of its own arguments."""
    try:
        yield
    except ScheduleError as error:
        if error.told is None or str(error).startswith(f"{where}: "):
            raise
        argument, allowed, value = error.told
        told = (names.get(argument, argument), allowed, value, isinstance(error, TypeError))
    else:
        return
    fail(where, *told[:3], wrong_type=told[3])


def speaking(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose errors are in the names of its own arguments, whatever it is made of."""

    @functools.wraps(function)
    def call(*args: Any, **values: Any) -> Any:
        try:
            return function(*args, **values)
        except (TypeError, ValueError, AttributeError) as error:
            told = _blamed(function, args, values, error)
            if told is None:
                raise
        return fail(function.__name__, *told[:3], wrong_type=told[3])

    return call


def _blamed(function: Any, args: Any, values: Any, error: Exception) -> tuple[str, str, Any, bool] | None:
    """The argument that an error is about, what is allowed, its value, and whether its type is at fault."""
    if str(error).startswith((f"{function.__name__}: ", f"{function.__name__}(")):
        return None
    signature = inspect.signature(function)
    try:
        given = signature.bind(*args, **values).arguments
    except TypeError:
        return None
    if isinstance(error, ScheduleError):
        return _told_before(given, error)
    expected = {name: _EXPECTED.get(str(signature.parameters[name].annotation), "") for name in given}
    wrong = [name for name, allowed in expected.items() if allowed and not _plausible(allowed, given[name])]
    return (wrong[0], expected[wrong[0]], given[wrong[0]], True) if wrong else None


def _told_before(given: dict[str, Any], error: ScheduleError) -> tuple[str, str, Any, bool] | None:
    """The argument that has the value, or else the name, of which an error of something inside speaks."""
    if error.told is None:
        return None
    argument, allowed, value = error.told
    same = [name for name, x in given.items() if x is value] or [n for n, x in given.items() if _same(x, value)]
    if argument not in same and len(same) != 1:
        return None
    return argument if argument in same else same[0], allowed, value, isinstance(error, TypeError)


_EXPECTED = {"Any": "a finite number", "float": "a finite number", "int": "an integer", "Profile": "a Profile"}


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and isinstance(a, int | float | str) and (a == b or (a != a and b != b))


def _plausible(allowed: str, value: Any) -> bool:
    """Whether a value is of the kind that is allowed; an array, a tracer and a schedule count as numbers."""
    if allowed == "a Profile":
        return hasattr(value, "over")
    number = isinstance(value, numbers.Real) or hasattr(value, "dtype") or hasattr(value, "duration")
    return number and not isinstance(value, bool)
