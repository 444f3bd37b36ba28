"""Sequences: one schedule after another."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from lrsched.algebra import fields
from lrsched.algebra.batching import Stack, longer
from lrsched.algebra.constructor import kind
from lrsched.algebra.node import refuse_placeholders, set_field
from lrsched.algebra.rescaling import Scale, rescale
from lrsched.algebra.schedule import Laid, Part, Schedule
from lrsched.combinators.pieces import Pieces
from lrsched.combinators.shared_blends import blend_of
from lrsched.foundation.errors import LIMIT, check_duration, fail
from lrsched.foundation.numbers import all_plain, is_jax
from lrsched.ir.clock import Clock
from lrsched.ir.term import Term


def _may_follow(first: Sequence, others: tuple[Any, ...]) -> bool:
    """Whether single parts can be put behind a sequence, as far as can be told without looking at all of it."""
    single = all(isinstance(other, Schedule) and not isinstance(other, Sequence) for other in others)
    before = (first.parts[-1], *others[:-1]) if isinstance(first.parts, tuple) and single else ()
    return bool(before) and not any(isinstance(part.duration, float) for part in before)


def _may_precede(others: tuple[Any, ...], last: Sequence) -> bool:
    """Whether single parts can be put before a sequence, as far as can be told without looking at all of it."""
    single = all(isinstance(other, Schedule) and not isinstance(other, Sequence) for other in others)
    return single and isinstance(last.parts, tuple) and not any(isinstance(part.duration, float) for part in others)


@kind("sequence")
class Sequence(Schedule):
    """Schedules one after the other, each on its own clock: ``a >> b``."""

    parts: tuple[Schedule, ...] = fields.nodes("Schedule")
    shows_parts = True

    @classmethod
    def of(cls, first: Any, *others: Any) -> Schedule:
        """See :func:`sequence`."""
        schedules = (first, *others)
        if isinstance(first, Sequence) and _may_follow(first, others):
            return _lasting(longer(first, others), first, others) if others else first
        if isinstance(schedules[-1], Sequence) and _may_precede(schedules[:-1], schedules[-1]):
            return _lasting(longer(schedules[-1], schedules[:-1], before=True), schedules[-1], schedules[:-1])
        parts: list[Schedule] = []
        for i, schedule in enumerate(schedules):
            if not isinstance(schedule, Schedule):
                fail("then", f"argument {i}", "a schedule", schedule, wrong_type=True)
            parts.extend(schedule.parts if isinstance(schedule, Sequence) else (schedule,))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def validate(self) -> None:
        if len(self.parts) < 2:
            fail(">>", "parts", "at least two schedules", self.parts)
        if Sequence in map(type, self.parts):
            flat = (part.parts if isinstance(part, Sequence) else (part,) for part in self.parts)
            set_field(self, "parts", tuple(itertools.chain.from_iterable(flat)))
        total: Any = 0
        for i, part in enumerate(self.parts[:-1]):
            duration = part.duration
            if isinstance(duration, float):
                fail(">>", f"the left side (part {i})", "a schedule of finite duration", part)
            total += duration
        last = self.parts[-1].duration
        total = total if isinstance(last, float) else total + last  # what never ends begins at a step too
        if type(total) is int and total >= LIMIT:
            check_duration(self.where(), total)

    @property
    def duration(self) -> Any:
        memo = self._memo
        if "duration" not in memo:
            stacked = isinstance(self.parts, Stack)
            memo["duration"] = _stacked_pieces(self.parts).total if stacked else _total(self.parts)
        return memo["duration"]

    def formula(self, clock: Clock) -> Term:
        if isinstance(self.parts, Stack):
            return _stacked_pieces(self.parts).formula(clock)
        lengths = [part.duration for part in self.parts]
        plain = all_plain(lengths)
        some = lengths if plain else [is_jax(n) or n != 0 for n in lengths]
        parts = [*itertools.compress(self.parts, some)] or [self.parts[-1]]
        return Pieces(parts, [*itertools.compress(lengths, some)]).formula(clock)

    def parts_in_time(self, stop: Any = None) -> Iterable[Part]:
        start = 0
        for i, part in enumerate(self.parts, 1):
            yield Part(part, start, last=i == len(self.parts))
            start += part.duration

    @property
    def goes_on(self) -> bool:
        last: Schedule = self.parts.last if isinstance(self.parts, Stack) else self.parts[-1]
        return last.goes_on

    @property
    def reach(self) -> float:
        last: Any = self.parts[-1].reach
        return last if last == math.inf else min(LIMIT, last + sum(part.duration for part in self.parts[:-1]))

    def edge(self, t: int, back: bool = False, ends: bool = False) -> int | None:
        parts, starts = self.parts, self._starts()
        places = (
            range(bisect.bisect_left(starts, t) - 1, -1, -1)
            if back
            else range(bisect.bisect_right(starts, max(t, 0)) - 1, len(parts))
        )
        for i in places:
            found = parts[i].edge(t - starts[i], back, ends)
            if found is not None:
                return starts[i] + found
            joint = starts[i] if back else starts[i + 1] if i + 1 < len(parts) else 0
            if not ends and joint:
                return joint if 0 < joint < self.duration else None if not back else self.edge(joint, back)
        return None

    def laid(self, first: int, last: int) -> Iterable[Laid] | None:
        starts = self._starts()
        begun = bisect.bisect_left(starts, last)
        ends = [*starts[1:begun], last]
        rows = zip(self.parts, starts, ends, strict=False)
        return (Laid(part, start, end - start) for part, start, end in rows if first < end and start < end)

    def _starts(self) -> list[int]:
        """The first steps of the parts."""
        memo = self._memo
        if "starts" not in memo:
            memo["starts"] = [*itertools.accumulate((part.duration for part in self.parts[:-1]), initial=0)]
        starts: list[int] = memo["starts"]
        return starts

    def in_cycle(self, t: int) -> bool:
        for part in self.parts:
            if t < part.duration:
                return part.in_cycle(t)
            t -= part.duration
        return False

    def _first_value(self) -> Any:
        begun = None if self._arrays else blend_of(self.parts[0])
        if begun is not None and begun.profile.first == 1.0 and begun.steps > 0:
            return begun.start
        return self(0)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        starts = self._starts()
        return Sequence(tuple(rescale(part, scale.since(at)) for part, at in zip(self.parts, starts, strict=True)))


def sequence(*schedules: Any) -> Schedule:
    """The schedules one after the other, flattened; a single one is itself."""
    return Sequence.of(*schedules)


def _total(parts: tuple[Schedule, ...]) -> Any:
    lengths = [part.duration for part in parts]
    if {*map(type, lengths)} == {int}:
        return sum(lengths)
    for part, length in zip(parts, lengths, strict=True):
        if not (isinstance(length, int | np.ndarray | Term) or is_jax(length) or length is math.inf):
            refuse_placeholders(part, "added up")  # what a map over a tree put in the place of a count
    return math.inf if any(isinstance(n, float) for n in lengths) else sum(lengths)


def _lasting(whole: Sequence, known: Sequence, others: tuple[Schedule, ...]) -> Sequence:
    """The sequence that a known one and others make, its duration checked without looking at all parts again."""
    if not whole._arrays:
        duration = whole._memo["duration"] = known.duration + sum(part.duration for part in others)
        check_duration(whole.where(), whole._starts()[-1] if duration == math.inf else duration)
    return whole


def _stacked_pieces(stack: Any) -> Any:
    from lrsched.combinators.traced_pieces import StackedPieces

    return StackedPieces(stack)
