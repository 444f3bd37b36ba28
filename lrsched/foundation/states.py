"""States read from data: what each entry may be is declared once, and all of them are read before anything is assigned.

A state is a class whose fields have readers as defaults; :func:`read_state` calls them and gives a frozen record:

    class Saved(State):
        last_epoch: Any = entry(step)
        rows: tuple[int, ...] = list_of(whole())

A reader is a function of the place that asks, the name of the entry and what was found there; it returns what the entry
is, or raises an error that names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lrsched.foundation.errors import LIMIT, check_choice, check_count, check_real, fail, listed, show
from lrsched.foundation.records import Record

__all__ = [
    "State",
    "entry",
    "list_of",
    "mapping_of",
    "none_or",
    "one_of",
    "read_state",
    "real",
    "step",
    "text",
    "tuple_of",
    "whole",
]

Read = Callable[[str, str, Any], Any]


class State(Record):
    """What a state was read as."""


Some = TypeVar("Some", bound=State)


def read_state(
    where: str, record: type[Some], data: Any, argument: str = "state_dict", what: str = "the state"
) -> Some:
    """The record of a kind that the data are: every entry, and no other.

    Raises:
        ScheduleError: they are not; the message names the entry and what is there.
    """
    if not isinstance(data, Mapping):
        fail(where, argument, f"a mapping, {what}", data, wrong_type=True)
    readers: dict[str, Read] = record._defaults
    if surplus := listed(name for name in data if name not in readers):
        fail(where, argument, what, f"a state with {surplus}")
    values = {}
    for name, read in readers.items():
        if name not in data:
            fail(where, argument, what, f"a state without {listed(name for name in readers if name not in data)}")
        values[name] = read(where, name, data[name])
    return record(**values)


def entry(read: Read) -> Any:
    """A reader as the default of a field, which has the type of what it reads."""
    return read


def one_of(*choices: Any) -> Any:
    """One of some values."""
    return lambda where, name, value: check_choice(where, name, value, choices)


def whole(low: int = 0) -> Any:
    """A whole number of at least ``low``, below 2**53."""

    def read(where: str, name: str, value: Any) -> int:
        if isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f":
            fail(where, name, f"an integer >= {low}", value, wrong_type=True)
        return check_count(where, name, value, low)

    return read


def real(low: float = -math.inf, high: float = math.inf, allowed: str = "a finite number") -> Any:
    """A finite number in [low, high]."""
    return lambda where, name, value: check_real(where, name, value, allowed, low, high)


def step(where: str, name: str, value: Any) -> Any:
    """A step: an integer, or a real number, in [0, 2**53)."""
    number = value if type(value) is int else check_real(where, name, value, "a step >= 0")
    if number < 0:
        fail(where, name, "a step >= 0", value)
    if number >= LIMIT:
        fail(where, name, "a step below 2**53", value)
    return number


def text(where: str, name: str, value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        fail(where, name, "a string", value, wrong_type=True)
    return value


def none_or(read: Read) -> Any:
    """None, or what another reader takes."""
    return lambda where, name, value: None if value is None else read(where, name, value)


def list_of(read: Read, size: int | None = None) -> Any:
    """A list of alike entries, ``size`` of them if that is given, as a tuple."""
    return lambda where, name, value: tuple(
        read(where, f"{name}[{i}]", item) for i, item in enumerate(_items(where, name, value, size))
    )


def tuple_of(*readers: Read) -> Any:
    """A list with a reader for each entry, as a tuple."""
    return lambda where, name, value: tuple(
        read(where, f"{name}[{i}]", item)
        for i, (read, item) in enumerate(zip(readers, _items(where, name, value, len(readers)), strict=True))
    )


def mapping_of(key: Read, read: Read) -> Any:
    """A mapping with keys and values of one kind each."""

    def entries(where: str, name: str, value: Any) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            fail(where, name, "a mapping", value, wrong_type=True)
        return {key(where, f"a key of {name}", k): read(where, f"{name}[{show(k)}]", item) for k, item in value.items()}

    return entries


def _items(where: str, name: str, value: Any, size: int | None) -> Any:
    if not isinstance(value, list | tuple):
        fail(where, name, "a list", value, wrong_type=True)
    if size is not None and len(value) != size:
        fail(where, name, f"a list of {size}", value)
    return value
