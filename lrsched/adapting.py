"""What adapters to frameworks build on, besides the algebra itself: checks of arguments and walks over fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrsched.algebra.fields import field_of, names_of
from lrsched.algebra.node import Node, children, holds_arrays, walk
from lrsched.algebra.registry import BASES
from lrsched.algebra.serial import from_dict
from lrsched.feedback import Greedy, Plateau
from lrsched.foundation.errors import (
    ScheduleError,
    ScheduleTypeError,
    check_choice,
    check_count,
    check_real,
    fail,
    show,
)
from lrsched.foundation.files import drafted, replacing
from lrsched.foundation.numbers import is_jax
from lrsched.foundation.records import replaced
from lrsched.foundation.states import (
    State,
    entry,
    list_of,
    mapping_of,
    none_or,
    one_of,
    read_state,
    real,
    step,
    text,
    tuple_of,
    whole,
)

__all__ = [
    "Node",
    "State",
    "ScheduleTypeError",
    "check_choice",
    "check_count",
    "check_real",
    "children",
    "drafted",
    "entry",
    "fail",
    "field_of",
    "holds_arrays",
    "is_jax",
    "none_or",
    "mapping_of",
    "names_of",
    "one_of",
    "read_state",
    "replaced",
    "real",
    "replacing",
    "tuple_of",
    "saved_rule",
    "saved_rule_state",
    "saved_schedule",
    "list_of",
    "step",
    "text",
    "walk",
    "whole",
]


def saved_schedule(where: str, name: str, value: Any) -> Any:
    """The reader of a schedule of plain numbers, as ``to_dict`` wrote it."""
    try:
        found = from_dict(value)
    except ScheduleError as error:
        raise ScheduleError(f"{where}: {name} must be a schedule, got {show(value)}: {error}") from None
    if not isinstance(found, BASES["Schedule"]) or holds_arrays(found):
        fail(where, name, "a schedule of plain numbers", found)
    return found


def saved_rule(where: str, name: str, value: Any) -> Any:
    """The reader of a rule that follows a metric, as ``to_dict`` wrote it."""
    if not isinstance(value, Mapping):
        fail(where, name, "the arguments of a rule", value, wrong_type=True)
    try:
        return (Greedy if "window" in value else Plateau).from_dict(value)
    except ScheduleError as error:
        raise ScheduleError(f"{where}: {name} must be a rule, got {show(value)}: {error}") from None


def saved_rule_state(followed: Any) -> Any:
    """The reader of what a rule remembers."""
    return followed._read
