"""What the parts of this package share."""

from __future__ import annotations

from typing import Any

import lrsched as lrs
from lrsched.adapting import given_schedule

__all__ = ["concrete_schedule"]


def concrete_schedule(where: str, given: Any, argument: str = "schedule") -> lrs.Schedule:
    """The schedule that was given, or a number, a text or data as one; it must hold plain numbers only."""
    found: lrs.Schedule = given_schedule(where, argument, given)
    return found
