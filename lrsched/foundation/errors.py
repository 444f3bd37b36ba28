"""Errors, and the checks of plain arguments that raise them.

Every message reads ``where: argument must be <what is allowed>, got <value>``.
"""

from __future__ import annotations

import math
import numbers
import operator
from typing import Any, NoReturn

__all__ = ["ScheduleError", "ScheduleTypeError", "check_choice", "check_count", "check_real", "fail"]


class ScheduleError(ValueError):
    """A schedule, an argument or a text that has no meaning; says what is wrong and what is allowed."""

    told: tuple[str, str, Any] | None = None  # the argument, what is allowed, the value given

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {name: value for name, value in self.__dict__.items() if name != "told"}
        return _again, (type(self), self.args, kept)


def _again(kind: type[ScheduleError], arguments: tuple[Any, ...], kept: dict[str, Any]) -> ScheduleError:
    """An error read back by ``pickle``, without the value that was refused."""
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(kept)
    return error


class ScheduleTypeError(ScheduleError, TypeError):
    """An argument of the wrong kind; caught by ``except TypeError`` as well as by ``except ScheduleError``."""


def show(value: object) -> str:
    """The value as it appears in a message: its ``repr``, cut when long."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a repr may fail in any way
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else text[:77] + "..."


def fail(where: str, argument: str, allowed: str, value: object, *, wrong_type: bool = False) -> NoReturn:
    """Raise the error for ``argument`` of ``where``; ``wrong_type=True`` says that its type is at fault."""
    error = (ScheduleTypeError if wrong_type else ScheduleError)(
        f"{where}: {argument} must be {allowed}, got {show(value)}"
    )
    error.told = (argument, allowed, value)
    raise error


def check_real(where: str, argument: str, value: Any, allowed: str = "a finite number") -> float:
    """``value`` as a finite ``float``; booleans, strings, complex numbers and arrays are refused."""
    given: Any = value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        if hasattr(given, "dtype") and getattr(given, "shape", None) == () and given.dtype.kind in "iuf":
            value = given.item()
        else:
            fail(where, argument, allowed, value, wrong_type=True)
    try:
        number = float(value)
    except OverflowError:
        fail(where, argument, allowed, value)
    if not math.isfinite(number):
        fail(where, argument, allowed, value)
    return number + 0.0  # -0.0 becomes 0.0


def check_count(where: str, argument: str, value: Any, smallest: int = 0) -> int:
    """``value`` as an ``int`` of at least ``smallest``; floats with an integer value are refused too."""
    allowed = f"an integer >= {smallest}"
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        fail(where, argument, allowed, value, wrong_type=True)
    try:
        number = operator.index(value)
    except TypeError:
        fail(where, argument, allowed, value, wrong_type=True)
    if number < smallest:
        fail(where, argument, allowed, value)
    return int(number)


def check_choice(where: str, argument: str, value: object, choices: tuple[object, ...]) -> Any:
    """``value`` if it is one of ``choices``."""
    for choice in choices:
        if type(value) is type(choice) and value == choice:
            return value
    stranger = not isinstance(value, tuple({type(choice) for choice in choices}))
    fail(where, argument, "one of " + ", ".join(map(repr, choices)), value, wrong_type=stranger)
