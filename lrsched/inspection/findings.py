"""Findings, and where on the clock of the run each part of an expression lies: its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from lrsched.algebra.schedule import Part, Schedule
from lrsched.schedules.spans import Warmup

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
    parts: tuple[Part, ...]

    def value(self, step: int) -> float:
        """The value of one update."""
        return float(self.schedule(step))


def placed(whole: Part) -> Iterator[Part]:
    """A part on the clock of the run, and the parts of it that run forwards, on the same clock; of cycles the first."""
    yield whole
    for part in whole.schedule.parts_in_time():
        start = whole.start + part.start * whole.pace
        yield from placed(Part(part.schedule, start, whole.pace * part.pace, whole.last and part.last, part.cycle))


def end_of(schedule: Schedule) -> float:
    """The value where a finite schedule ends, whatever comes after it."""
    return float(schedule.after("hold")(int(schedule.duration)))


def rises(node: Schedule) -> bool:
    """Whether a part is a warm-up."""
    return isinstance(node, Warmup) and abs(node.start) < abs(node.end)


def alike(a: float, b: float, share: float = 1e-3) -> bool:
    """Whether two values differ by no more than a share of the larger."""
    return abs(a - b) <= share * max(abs(a), abs(b))
