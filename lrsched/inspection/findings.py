"""Findings, and where on the clock of the run each part of an expression lies."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from lrsched.algebra.node import children
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.cycles import Restarted, Reversed
from lrsched.combinators.sampled import PerEpoch
from lrsched.combinators.sequence import Sequence
from lrsched.combinators.shifting import Advanced, Delayed
from lrsched.combinators.stretching import Stretched
from lrsched.schedules.spans import Warmup

__all__ = ["Finding", "Placed", "Run", "SEVERITIES", "alike", "placed", "rises"]


SEVERITIES = ("note", "warning", "error")
PLACES = 5000


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something worth knowing before the run: how severe, from which step on, what, and what to do about it.

    ``name`` is the same for all findings of one kind, for programs; ``severity`` is "note", "warning" or "error".
    """

    severity: str
    step: int
    sentence: str
    remedy: str
    name: str

    def __str__(self) -> str:
        return f"{self.severity} at step {self.step:,}: {self.sentence} {self.remedy}"


@dataclasses.dataclass(frozen=True)
class Run:
    """What the rules look at: the schedule, the run, and where each part lies in it."""

    schedule: Schedule
    steps: int
    limit: float | None
    steps_per_epoch: int | None
    parts: tuple[Placed, ...]

    def value(self, step: int) -> float:
        """The value of one update."""
        return float(self.schedule(step))


@dataclasses.dataclass(frozen=True)
class Placed:
    """A part of the expression, on the clock of the run: its local step 0 is at ``start``, one takes ``pace`` steps.

    ``last`` says that the part decides what comes at the end of the whole.
    """

    node: Schedule
    start: Fraction
    pace: Fraction
    last: bool

    def at(self, step: Any) -> int:
        """The step of the run at which a local step begins."""
        return math.ceil(self.start + step * self.pace)


def placed(
    schedule: Schedule, start: Any = Fraction(0), pace: Any = Fraction(1), last: bool = True
) -> Iterator[Placed]:
    """The schedule and the parts of it that run forwards, each with its place; of a cycle, the first one."""
    yield Placed(schedule, start, pace, last)
    if isinstance(schedule, Sequence):
        local = 0
        for i, part in enumerate(schedule.parts):
            yield from placed(part, start + local * pace, pace, last and i == len(schedule.parts) - 1)
            local += part.duration
    elif isinstance(schedule, Stretched):
        yield from placed(schedule.schedule, start, pace * Fraction(schedule.k), last)
    elif isinstance(schedule, PerEpoch):
        yield from placed(schedule.schedule, start, pace * schedule.steps_per_epoch, last)
    elif isinstance(schedule, Delayed):
        yield from placed(schedule.schedule, start + schedule.k * pace, pace, last)
    elif isinstance(schedule, Advanced):
        yield from placed(schedule.schedule, start - schedule.k * pace, pace, last)
    elif not isinstance(schedule, Reversed):
        for child in children(schedule):
            if isinstance(child, Schedule):
                yield from placed(child, start, pace, last and not isinstance(schedule, Restarted))


def rises(node: Schedule) -> bool:
    """Whether a part is a warm-up."""
    return isinstance(node, Warmup) and abs(node.start) < abs(node.end)


def alike(a: float, b: float, share: float = 1e-3) -> bool:
    """Whether two values differ by no more than a share of the larger."""
    return abs(a - b) <= share * max(abs(a), abs(b))
