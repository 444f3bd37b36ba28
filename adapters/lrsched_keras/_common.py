"""What the parts of this package share."""

from __future__ import annotations

import numbers
from typing import Any

import lrsched as lrs
from lrsched.adapting import fail, holds_arrays

__all__ = ["concrete_schedule"]


def concrete_schedule(where: str, given: Any, argument: str = "schedule") -> lrs.Schedule:
    """The schedule that was given, or a number as one; it must hold plain numbers only."""
    if isinstance(given, numbers.Real) and not isinstance(given, bool):
        return lrs.constant(float(given))
    if isinstance(given, lrs.Profile):
        fail(where, argument, "a schedule (profile.over(steps) makes one)", given, wrong_type=True)
    if not isinstance(given, lrs.Schedule):
        fail(where, argument, "a schedule or a number", given, wrong_type=True)
    if holds_arrays(given):
        fail(where, argument, "a schedule of plain numbers, not of arrays", type(given).__name__)
    return given
