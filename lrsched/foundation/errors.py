"""Errors, and the checks of plain arguments that raise them.

Every message reads ``where: argument must be <what is allowed>, got <value>``.
"""

from __future__ import annotations

import math
import numbers
import operator
import re
from collections.abc import Iterable
from typing import Any, NoReturn

ABOVE_0, BELOW_1 = math.ulp(0.0), math.nextafter(1.0, 0.0)  # the numbers next to a bound that is excluded
LIMIT = 2**53  # every count lies below it: lengths, boundaries, steps; below it, every integer is a float
A_SCHEDULE = "a schedule (profile.over(steps) makes one)"  # what must stand where a profile was given
EARLIER = (  # said of steps below 0, which nobody means
    "schedules in a row are first.lasting(n) >> then; optax.join_schedules takes lrsched_optax.as_schedule(s)"
)
SHOWN, LISTED = 80, 200  # the most characters that a message shows of one value, and of a list of names
BRACKETS: dict[Any, tuple[str, str]] = {
    list.__repr__: ("[", "]"),
    tuple.__repr__: ("(", ")"),
    set.__repr__: ("{", "}"),
    dict.__repr__: ("{", "}"),
}


class ScheduleError(ValueError):
    """A schedule, an argument or a text that has no meaning; says what is wrong and what is allowed."""

    told: tuple[str, str, Any] | None = None  # the argument, what is allowed, the value given
    ag_pass_through = True  # TensorFlow's AutoGraph hands the error on as it is, inside tf.function too

    def __reduce__(self) -> tuple[Any, ...]:
        kept = {name: value for name, value in self.__dict__.items() if name != "told"}
        return _again, (type(self), self.args, kept)


def _again(cls: type[ScheduleError], arguments: tuple[Any, ...], kept: dict[str, Any]) -> ScheduleError:
    """An error read back by ``pickle``, without the value that was refused."""
    error = cls.__new__(cls, *arguments)
    error.__dict__.update(kept)
    return error


class ScheduleTypeError(ScheduleError, TypeError):
    """An argument of the wrong kind; caught by ``except TypeError`` as well as by ``except ScheduleError``."""


class ScheduleWarning(UserWarning):
    """Something that may be meant and seldom is: a schedule that jumps, a report that never comes."""


def show(value: object) -> str:
    """The value as it appears in a message: one line of its ``repr``, of which no more is spelled than is shown."""
    try:
        text = _spelled(value, SHOWN + 1)
    except Exception:  # noqa: BLE001 - a repr may fail in any way
        text = f"<{type(value).__name__}>"
    return shortened(printable(re.sub(r"\s*\n\s*", " ", text)), SHOWN)


def _spelled(value: Any, room: int) -> str:
    """The ``repr`` of a value, or at least its first ``room`` characters."""
    spell: Any = type(value).__repr__
    if spell in (str.__repr__, bytes.__repr__, bytearray.__repr__):
        return repr(value[: max(room, 1)])
    if spell not in BRACKETS or not value:
        return repr(value)
    opening, closing = BRACKETS[spell]
    text, between = opening, ""
    for item in value.items() if spell is dict.__repr__ else value:
        if len(text) > room:
            return text
        text += between
        if spell is dict.__repr__:
            text += _spelled(item[0], room - len(text)) + ": "
            item = item[1]
        text += _spelled(item, room - len(text)) if len(text) <= room else ""
        between = ", "
    return text + ("," if spell is tuple.__repr__ and len(value) == 1 else "") + closing


def printable(text: str, kept: str = "") -> str:
    """The text with what cannot be printed, but for the characters ``kept``, as Python escapes it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in kept else repr(c)[1:-1] for c in text)


def shortened(text: str, most: int) -> str:
    """The text, cut to ``most`` characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def listed(names: Iterable[Any], most: int = LISTED) -> str:
    """Names one after another, in at most about ``most`` characters."""
    text = ""
    for name in names:
        if len(text) > most:
            return text + ", ..."
        shown = printable(name[: most + 1]) if isinstance(name, str) else show(name)
        text += (", " if text else "") + shortened(shown, most)
    return text


def fail(where: str, argument: str, allowed: str, value: object, *, wrong_type: bool = False) -> NoReturn:
    """Raise the error for ``argument`` of ``where``; ``wrong_type=True`` says that its type is at fault."""
    error = (ScheduleTypeError if wrong_type else ScheduleError)(
        f"{where}: {argument} must be {allowed}, got {show(value)}"
    )
    error.told = (argument, allowed, value)
    raise error


def check_real(
    where: str,
    argument: str,
    value: Any,
    allowed: str = "a finite number",
    low: float = -math.inf,
    high: float = math.inf,
) -> float:
    """``value`` as a finite ``float`` in [low, high]; booleans, strings, complex numbers and arrays are refused."""
    given: Any = value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        dtype = getattr(given, "dtype", None)
        if getattr(dtype, "kind", "O") in "iuf" and getattr(given, "shape", None) == ():
            value = given.item()
        else:
            fail(where, argument, allowed, value, wrong_type=True)
    try:
        number = float(value)
    except OverflowError:
        fail(where, argument, allowed, value)
    except TypeError:  # a span of time is an integer of NumPy's, and none
        fail(where, argument, allowed, value, wrong_type=True)
    if not (math.isfinite(number) and low <= number <= high):
        fail(where, argument, allowed, value)
    return number + 0.0  # -0.0 becomes 0.0


def check_count(where: str, argument: str, value: Any, smallest: int = 0, below: float = LIMIT) -> int:
    """``value`` as an ``int`` from ``smallest`` to ``below``; a float may stand for it if it is whole, as 1e4 is."""
    allowed = f"an integer >= {smallest}"
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        fail(where, argument, allowed, value, wrong_type=True)
    try:
        number = operator.index(value)
    except TypeError:
        if not _is_whole(value):
            fail(where, argument, allowed, value, wrong_type=True)
        number = int(value)
    if number < smallest:
        fail(where, argument, allowed, value)
    if number >= below:
        fail(where, argument, f"{allowed} and below {power_of_two(below)}", value)
    return int(number)


def _is_whole(value: Any) -> bool:
    """Whether a value is a float, of Python or NumPy, that is a whole number."""
    is_float = isinstance(value, float) or (isinstance(value, numbers.Real) and hasattr(value, "dtype"))
    return is_float and bool(value % 1 == 0) and abs(float(value)) < LIMIT


def check_duration(where: str, duration: Any) -> None:
    """Refuse a duration that is no count: lengths that are counts may add up to one that is none."""
    if type(duration) is int and duration >= LIMIT:
        fail(where, "the duration", f"below {power_of_two(LIMIT)}", duration)


def power_of_two(number: Any) -> str:
    """A limit as it is best read: ``2**53``, or its digits."""
    exponent = number.bit_length() - 1
    return f"2**{exponent}" if number == 1 << exponent else f"{number:,}"


def check_choice(where: str, argument: str, value: object, choices: tuple[object, ...]) -> Any:
    """``value`` if it is one of ``choices``."""
    for choice in choices:
        if type(value) is type(choice) and value == choice:
            return value
    stranger = not isinstance(value, tuple({type(choice) for choice in choices}))
    fail(where, argument, "one of " + ", ".join(map(repr, choices)), value, wrong_type=stranger)
