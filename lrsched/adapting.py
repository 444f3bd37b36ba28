"""What adapters to frameworks build on, besides the algebra itself: checks of arguments, states, walks over fields."""

# ruff: noqa: F403, PLC0414 (what adapters import from here)

from __future__ import annotations

import numbers as kinds_of_numbers
from collections.abc import Mapping
from typing import Any

from lrsched.algebra.fields import field_of as field_of
from lrsched.algebra.fields import names_of as names_of
from lrsched.algebra.node import Node as Node
from lrsched.algebra.node import holds_arrays as holds_arrays
from lrsched.algebra.registry import BASES, built
from lrsched.algebra.serial import from_dict
from lrsched.feedback import Greedy, Plateau
from lrsched.foundation.errors import A_SCHEDULE as A_SCHEDULE
from lrsched.foundation.errors import ScheduleError, listed, show
from lrsched.foundation.errors import check_choice as check_choice
from lrsched.foundation.errors import check_count as check_count
from lrsched.foundation.errors import check_real as check_real
from lrsched.foundation.errors import fail as fail
from lrsched.foundation.files import drafted as drafted
from lrsched.foundation.files import replacing as replacing
from lrsched.foundation.numbers import is_jax as is_jax
from lrsched.foundation.numbers import is_number as is_number
from lrsched.foundation.states import *
from lrsched.inspection.joint_rules import first_error as first_error
from lrsched.text import read, told


def given_schedule(
    where: str, argument: str, value: Any, names: Mapping[str, Any] | None = None, *, arrays: bool = False
) -> Any:
    """What a caller gave as a schedule: one as it is, a number as that constant, text and data of ``to_dict`` read.

    Args:
        names: numbers for the names in a text, all of which the text uses.
        arrays: whether a schedule, or a number, may hold arrays.

    Raises:
        ScheduleError: it is none of these; for a text with the line and a caret under the mistake.
    """
    if isinstance(value, str):
        value = _read(where, argument, value, names or {})
    elif names:
        used = listed(names)
        fail(where, argument, f"a text that uses the names given ({used})", value, wrong_type=True)
    elif isinstance(value, Mapping) and "kind" in value:
        value = _from_data(where, argument, value)
    elif (isinstance(value, kinds_of_numbers.Real) and not isinstance(value, bool)) or (arrays and is_jax(value)):
        value = built("constant", value if is_jax(value) else check_real(where, argument, value))
    if isinstance(value, BASES["Profile"]):
        fail(where, argument, A_SCHEDULE, value, wrong_type=True)
    if not isinstance(value, BASES["Schedule"]):
        fail(where, argument, "a schedule, a number or a text", value, wrong_type=True)
    if not arrays and holds_arrays(value):
        fail(where, argument, "a schedule of plain numbers, not of arrays", type(value).__name__)
    return value


def _read(where: str, argument: str, text: str, names: Mapping[str, Any]) -> Any:
    try:
        found, used = read(text, names, bare=True)
    except ScheduleError as error:
        raise ScheduleError(f"{where}: {argument}: {told(error)}") from None
    unused = [name for name in names if name not in used]
    if unused:
        fail(where, argument, f"a text that uses {listed(unused)}", text)
    return found


def _from_data(where: str, argument: str, data: Mapping[str, Any]) -> Any:
    try:
        return from_dict({"format": 1, **data})
    except ScheduleError as error:
        raise ScheduleError(f"{where}: {argument}: {error}") from None


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
