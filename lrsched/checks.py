"""What may be wrong with a schedule in a run of given length, found before the run.

The rules are in ``_rules`` (values, lengths, units) and ``_joints`` (joints and shapes); each is a generator of
findings. :func:`placed` tells them where on the clock of the run each part of an expression lies.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from lrsched._errors import check_count, check_real, fail
from lrsched._node import children
from lrsched._schedule import Schedule
from lrsched._sequence import Sequence
from lrsched.combinators import (
    Advanced,
    Delayed,
    PerEpoch,
    Restarted,
    Reversed,
    Stretched,
)
from lrsched.schedules import (
    Warmup,
)

__all__ = ["SEVERITIES", "Finding", "Placed", "Run", "alike", "check", "placed", "rises"]

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


def check(
    schedule: Schedule, steps: int, *, limit: float | None = None, steps_per_epoch: int | None = None
) -> tuple[Finding, ...]:
    """See :meth:`lrsched.Schedule.check`."""
    schedule.concrete("checked")
    steps = check_count("check", "steps", steps, 1)
    if limit is not None:
        limit = check_real("check", "limit", limit, "a number > 0, or None")
        if limit <= 0:
            fail("check", "limit", "a number > 0, or None", limit)
    if steps_per_epoch is not None:
        steps_per_epoch = check_count("check", "steps_per_epoch", steps_per_epoch, 1)
    from lrsched._joints import RULES as SHAPES
    from lrsched._rules import RULES

    parts = tuple(itertools.islice(placed(schedule), PLACES))
    run = Run(schedule, steps, limit, steps_per_epoch, parts)
    found = {finding for rule in (*RULES, *SHAPES) for finding in rule(run)}
    return tuple(sorted(found, key=lambda f: (-SEVERITIES.index(f.severity), f.step, f.name)))


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
