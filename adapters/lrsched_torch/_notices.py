"""Warnings: of what may be meant and seldom is."""

from __future__ import annotations

import functools
import sys
import time
import warnings

import lrsched as lrs
from lrsched.adapting import first_error
from lrsched_torch._rules import Plan

__all__ = ["alarm", "warn"]

MOST = 0.01  # seconds that the checks of one scheduler may take

_mistake = functools.lru_cache(maxsize=256)(first_error)


def warn(message: str) -> None:
    """Warn at the line of the program that called this package."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("lrsched_torch"):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, lrs.ScheduleWarning, stacklevel=level)


def alarm(where: str, plan: Plan) -> None:
    """Warn of the first schedule that has a mistake at a joint, as far as the time allows to look."""
    until = time.perf_counter() + MOST
    for key, rule in plan.items():
        for schedule in dict.fromkeys(rule.schedules):
            if time.perf_counter() > until:
                return
            found = _mistake(schedule)
            if found is not None:
                warn(
                    f"{where}: {key}={schedule!r}: {found.sentence} {found.remedy} (check=False says that it is meant.)"
                )
                return
