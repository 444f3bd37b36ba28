"""What the formula of a schedule is given: a clock.

A clock is a pair. ``own`` is the step that decides which piece, cycle or sample is meant (it stays below the
duration), ``at`` is the step that the formula sees (it may equal the duration). So the value held after the end is
the formula of the last piece at its own end. A stretched clock also carries an exact scale, and the fraction of a
step by which a piece starts after a whole one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lrsched.foundation.errors import ScheduleError
from lrsched.foundation.records import Record, replaced
from lrsched.ir.columns import aligned
from lrsched.ir.exact_steps import NEAR, ExactPart, capped_steps, exact_constant, minus, number_of, reached, whole_steps
from lrsched.ir.progress import Progress, ended, remaining
from lrsched.ir.runtime_scale import Pace
from lrsched.ir.term import identity

if TYPE_CHECKING:
    from lrsched.ir.term import Builder, Term

__all__ = ["Clock", "forked", "lowered"]


MOST_FORKS = 8  # above one another that double what is inside each time


class Clock(Record):
    """Local time ``(at - offset) / scale`` in steps; ``inside`` says that it never passes the duration.

    ``most`` is the local time at which a stretched clock stops: its last step may lie beyond. ``least`` is the same
    for one that runs back. Whole local steps are counted from where the stretch began, so that they stay exact: local
    time is also
    ``(at + gone - root) / scale - past``; ``pace`` is the scale as integers where only the run knows it.
    """

    b: Builder
    own: Term
    at: Term
    scale: Any = 1
    offset: Any = 0
    inside: bool = False
    most: Any = None
    least: Any = None
    gone: Any = 0
    past: Any = 0
    root: Any = 0
    pace: Pace | None = None

    @property
    def plain(self) -> bool:
        """Whether local time is ``at`` itself."""
        return isinstance(self.scale, int) and self.scale == 1 and isinstance(self.offset, int) and self.offset == 0

    def moved(self, own: Any, at: Any) -> Clock:
        """The same clock at another time."""
        return replaced(self, own=self.b.lift(own), at=self.b.lift(at), inside=False, most=None)

    def within(self, inside: bool) -> Clock:
        """The same clock, with another promise about its end."""
        return replaced(self, inside=inside)

    def edge(self, step: Any) -> Any:
        """The first step of this clock at or after local step ``step``."""
        if self.plain:
            return step
        exact = self.b.lift(self.scale) * step + self.offset
        if exact.op == "const":
            edge = math.ceil(exact.args[0])
            return min(edge, 0) if self.begun_past(step) else edge
        if not exact.is_const and self.counted and all(self.knows(x) for x in (self.scale, self.root, step)):
            return self._counted_edge(self.b.lift(step).args[0])
        if self.pace is not None and self.b.lift(step).dtype == "i":
            return self.since_root(self.pace.edge(self.b.add(step, self.past)))
        amount = self.b.lift(self.scale) * step
        if self.part is not None and exact_constant(amount):
            whole, rest = self.part.later(amount)
            return self.b.add(whole, rest.above)
        below = self.b.floor(-(exact - self.slack))
        return -(self.b.maximum(below, -self.b.limit) if exact.dtype == "f" else below)

    @property
    def part(self) -> ExactPart | None:
        """The part of a step after which the clock begins, where it is known exactly and is another in each cycle."""
        return self.b.exact_parts.get(self.b.lift(self.offset))

    @property
    def slack(self) -> float:
        """By how much of a step an edge may be off: 0 where the stretch is known before the run."""
        if all(x.dtype != "f" or x in self.b.exact_parts for x in map(self.b.lift, (self.scale, self.offset))):
            return 0
        return NEAR if self.b.single else NEAR**2

    def begun_past(self, step: Any) -> bool:
        """Whether the clock is past a local step from its beginning on."""
        return self.least is not None and self.b.le(step, self.least).value is True

    def _counted_edge(self, step: Any) -> Term:
        """The edge in integers, counted from where the stretch began: the offset is no constant."""
        b, scale = self.b, Fraction(self.scale)
        start = scale * step + self.root
        grain = Fraction(1, math.lcm(scale.denominator, Fraction(start).denominator))
        return b.sub(whole_steps(b, b.lift(self.past), scale, grain - 1 - start), self.gone)

    def _in_stretch(self, step: Term) -> Term:
        """How many steps of a pace have been made at a step."""
        b, root = self.b, self.b.lift(self.root)
        return b.sub(b.minimum(b.add(step, self.gone), b.add(b.limit, root)), root)

    @property
    def elapsed(self) -> Term:
        """Local time in steps of the clock; below 0 before its beginning."""
        b, past = self.b, self.b.lift(self.past)
        if self.pace is None or self.at.dtype != "i":
            return minus(b, self.at, self.offset)
        t = self._in_stretch(self.at)
        whole, _, missing = self.pace.scaled(b.maximum(past, 0), self.scale)
        done = b.floats(b.sub(b.sub(t, whole), 1)) + missing
        return b.where(b.lt(past, 0), b.floats(t) - b.floats(past) * self.scale, done)

    def since_root(self, steps: Term) -> Term:
        """The step of this clock that is as many after the stretch began, which is at a step or before the first."""
        return self.b.sub(self.b.add(steps, self.root), self.gone)

    def knows(self, value: Any) -> bool:
        """Whether a value is one plain number."""
        return self.b.lift(value).op == "const"

    def since(self, step: Any) -> Clock:
        """The clock of a piece that starts at local step ``step``."""
        if self.plain:
            own, at = (self._below_limit(x, step) for x in (self.own, self.at))
            step = reached(self.b, self.b.lift(step))
            return replaced(self, own=self.b.sub(own, step), at=self.b.sub(at, step), inside=False)
        whole, offset = self._start(step)
        return replaced(
            self,
            own=self.b.sub(self.own, whole),
            at=self.b.sub(self.at, whole),
            offset=offset,
            inside=False,
            most=None if self.most is None else number_of(self.b.lift(self.most) - step),
            least=None if self.least is None else number_of(self.b.lift(self.least) - step),
            gone=number_of(self.b.add(self.gone, whole)),
            past=number_of(self.b.add(self.past, step)),
        )

    def _start(self, step: Any) -> tuple[Term, Any]:
        """Where a local step is, as a whole step of the clock and a part of one."""
        b, amount = self.b, self.b.lift(self.scale) * step
        if self.part is not None and exact_constant(amount):
            whole, part = self.part.later(amount)
            return whole, part.real
        start = amount + self.offset
        ahead = start.op not in ("const", "column") and isinstance(step, int) and step < 0
        whole = b.neg(b.floor(-start)) if ahead else b.floor(start)  # so that nothing is rounded away
        if whole.is_const and self.at.hi - whole.lo > b.limit:
            whole = b.maximum(whole, 0)  # so far back that the step would leave the integers: the offset keeps it
        whole = reached(b, whole)
        return whole, number_of(start - whole)

    def _below_limit(self, t: Term, step: Any) -> Term:
        """A step that stays an integer of the target when a negative plain number is taken off."""
        backwards = isinstance(step, int) and step < 0 and t.dtype == "i" and not t.is_const
        beyond = backwards and self.b.limit < t.hi - step < 2 * self.b.limit
        return self.b.minimum(t, self.b.limit + step) if beyond else t

    def stretched(self, scale: Any, pace: Pace | None = None) -> Clock:
        """The clock that runs ``scale`` times slower; ``pace`` is the scale as integers, if the run alone knows it."""
        most, least = (None if x is None else number_of(self.b.div(x, scale)) for x in (self.most, self.least))
        whole = isinstance(self.scale, int) and self.scale == 1 and self.b.lift(self.offset).dtype == "i"
        pace = pace if whole else None
        same = self.plain and getattr(scale, "op", "") == "column"
        scale = scale if same else number_of(self.b.lift(self.scale) * scale)
        moved = replaced(self, scale=scale, inside=False, gone=0, past=0, root=self.offset, pace=pace)
        return replaced(moved, most=most, least=least)

    @property
    def counted(self) -> bool:
        """Whether the stretch is known exactly, so that local steps can be counted in integers."""
        known = [self.b.lift(x) for x in (self.scale, self.root)]
        return all(map(exact_constant, known)) and aligned(self.b, known) is not None

    def whole(self, step: Term, times: Any = 1, over: Any = 1) -> Term:
        """floor(local * times / over) at a step of this clock, in integers; ``over`` divides in whole numbers."""
        b, scale, root, past = self.b, self.b.lift(self.scale), self.b.lift(self.root), self.b.lift(self.past)
        total = b.known(b.add(step, self.gone), lo=0)  # counted from where the stretch began, whose first step is 0
        if self.pace is not None:
            count = b.sub(self.pace.whole(self._in_stretch(step)), past)
            return b.maximum(b.floordiv(b.maximum(count, 0), over), 0)
        if all(self.knows(x) for x in (scale, root, past, times, over)):
            ratio = Fraction(b.lift(times).args[0]) / (scale.args[0] * b.lift(over).args[0])
            return b.maximum(capped_steps(b, total, ratio, (root.args[0] + past.args[0] * scale.args[0]) * ratio), 0)
        ratio = b.div(times, scale)
        count, past = whole_steps(b, total, ratio, root * ratio), b.mul(past, times)
        if past.is_const and count.hi - past.lo > b.limit:
            count = b.minimum(count, b.limit + b.minimum(past, 0))
        count = b.sub(count, past)
        return b.maximum(b.floordiv(b.maximum(count, 0), over), 0)

    def split(
        self, step: Any, before: Callable[[Clock], Term], after: Callable[[Clock], Term], never: Any = False
    ) -> Term:
        """``before`` on the local steps below ``step``, ``after`` on the others (not shifted) but where ``never``."""
        b = self.b
        edge = b.lift(self.edge(step)) if never is False else b.where(never, b.limit, self.edge(step))
        condition = b.lt(self.own, edge)
        if condition.op == "const":
            return before(self.within(True)) if condition.args[0] else after(self)
        same = self.own is self.at
        edge = self._within_integers(edge)
        yes, no = (condition, True), (condition, False)
        below = b.narrow(self.own, hi=edge - 1, on=yes)
        above = b.narrow(self.own, lo=edge, on=no)
        early = below if same else b.narrow(self.at, hi=edge, on=yes)
        late = above if same else b.narrow(self.at, lo=edge, on=no)
        first = before(replaced(self, own=below, at=early, inside=True))
        return b.where(condition, first, after(replaced(self, own=above, at=late)))

    def finite(self, steps: Any, formula: Callable[[Clock], Term], begun: Any = None) -> Term:
        """``formula`` on the local steps up to ``steps``, and what it gives there for ever after.

        Squeezed, the clock stops at local step ``begun`` where the end comes no later.
        """
        if self.inside:
            return formula(self if self.plain else replaced(self, most=self._least(steps)))
        b = self.b
        if not self.plain:
            return formula(self.clamped(steps, begun))
        if b.branching and b.lift(steps).op == "const" and not self.at.is_const and self.at.hi > steps:
            if steps == 0:
                return formula(self.stopped(steps))
            return self.split(steps, formula, lambda clock: formula(clock.stopped(steps)))
        return formula(self.clamped(steps))

    def stopped(self, steps: Any) -> Clock:
        """The clock for ever at the end of ``steps`` steps."""
        return replaced(self, own=self.b.lift(steps) - 1, at=self.b.lift(steps), inside=True)

    def clamped(self, steps: Any, begun: Any = None) -> Clock:
        """The clock that stops at the end of ``steps`` steps, or at local step ``begun`` if that comes later."""
        b, end = self.b, self.b.lift(self.edge(steps))
        last = end - 1 if begun is None else b.maximum(end - 1, self.edge(begun))
        own = b.minimum(self.own, self._within_integers(last))
        at = own if self.own is self.at and own is self.own else b.minimum(self.at, self._within_integers(end))
        if end.lo <= 0 and end.op != "const":  # over before it begins, in some pieces: its first step is past the end
            first = 0 if b.lift(self.offset).lo > -1 else b.minimum(self.edge(0), 0)
            own, at = b.maximum(own, first), at if self.plain else b.maximum(at, 0)
        return replaced(self, own=own, at=at, inside=True, most=None if self.plain else self._least(steps))

    def _within_integers(self, edge: Any) -> Term:
        """An edge, or the last step there is where it lies beyond."""
        edge = self.b.lift(edge)
        beyond = edge.is_const and edge.dtype == "i" and edge.hi > self.b.limit
        return self.b.minimum(edge, self.b.limit) if beyond else edge

    def _least(self, steps: Any) -> Any:
        """Where the clock stops, if it also stops after ``steps`` local steps."""
        return steps if self.most is None else number_of(self.b.minimum(self.most, steps))

    def progress(self, steps: Any) -> Progress:
        """How far the clock is through ``steps`` local steps; stays at the end after them."""
        b = self.b
        length = b.lift(steps) if self.plain else b.lift(self.scale) * steps
        if length.equals(0) or b.lift(steps).equals(0):
            return Progress(b, b.lift(1), b.lift(0), b.lift(1), stepped=True)
        x = self._begun(replaced(self._through(length, steps), unit=self.scale), length)
        if self._ends_before(steps):
            x = self._stopped(x, length, steps)
        return x if x.total.lo > 0 else ended(x)

    def _ends_before(self, steps: Any) -> bool:
        """Whether the clock may stop before ``steps`` local steps."""
        return self.most is not None and self.most is not steps and self.b.le(steps, self.most).value is not True

    def _begun(self, x: Progress, length: Term) -> Progress:
        """The progress that begins where a clock that runs back stops."""
        b = self.b
        if self.least is None or b.le(self.least, 0).value is True:
            return x
        place = b.minimum(b.lift(self.least) * self.scale, length)
        return replaced(x, done=b.maximum(x.done, place), left=b.minimum(x.left, length - place), paced=None)

    def _stopped(self, x: Progress, length: Term, steps: Any) -> Progress:
        """The progress that stays where the clock stops."""
        b, most = self.b, self.b.lift(self.most)
        place = most * self.scale
        place = b.maximum(place, 0) if place.lo < 0 else place  # over before a section begins
        if most.dtype == "f":  # the end but for roundings is the end
            place = b.where(b.le(b.mul(b.floats(steps), 1 - NEAR**2), most), length, place)
        raw = x.raw
        if raw is not None and self.knows(self.most):
            raw = replaced(raw, at=b.minimum(raw.at, self._within_integers(self.edge(self.most))))
        return replaced(x, done=b.minimum(x.done, place), left=b.maximum(x.left, length - place), raw=raw)

    def _through(self, length: Term, steps: Any) -> Progress:
        b = self.b
        if self.pace is not None and self.at.dtype == b.lift(steps).dtype == "i":
            return self._at_pace(self.pace, b.floats(length), steps)
        if self.offset_is_zero() and (length.dtype == "i" or self.at.dtype == "f"):
            known = length.op in ("const", "column") and length.dtype == "i"
            if self.inside and length.dtype == "i" and (not known or length.hi <= b.limit):
                return self._progress(self.at, length)
            return self._progress(b.minimum(self.at, b.minimum(length, b.limit) if known else length), length)
        elapsed = b.minimum(minus(b, self.at, self.offset), b.floats(length))
        left = b.maximum(b.neg(self._beyond(length)), 0.0)
        left = b.minimum(left, b.floats(length))
        if self.slack:
            left = b.where(b.le(left, b.mul(b.floats(length), self.slack**2 * 4.0)), 0.0, left)
        total = length if self.counted else b.floats(length)
        raw = self if self.counted and self.at.dtype == "i" else None
        if raw is not None and raw.most is not None and not self._ends_before(steps):
            raw = replaced(raw, most=None)
        return Progress(b, b.maximum(elapsed, 0.0), left, total, stepped=True, raw=raw)

    def _at_pace(self, pace: Pace, total: Term, steps: Any) -> Progress:
        """The progress of a clock whose pace is known: what is left is counted in integers too."""
        b = self.b
        whole, part, _ = pace.scaled(b.maximum(b.add(steps, self.past), 0), self.scale)
        done = b.minimum(b.maximum(self.elapsed, 0.0), total)
        left = b.maximum(b.floats(b.sub(whole, self._in_stretch(self.at))) + part, 0.0)
        left = b.where(b.le(done, 0.0), total, b.minimum(left, total))
        return Progress(b, done, left, total, stepped=True, paced=(self, steps))

    def stops_before(self, step: Term, before: Term, steps: Any) -> Term:
        """Whether the clock is before a local step, or stops before it although its last step lies beyond."""
        most = self.most
        return before if most is None or most is steps else self.b.where(self.b.lt(most, step), True, before)

    def short_of(self, step: Term, part: Term) -> Term:
        """Whether a clock whose pace is known is before a local step, not below 0, and a small part of one."""
        b, pace = self.b, self.pace
        assert pace is not None
        whole, rest, _ = pace.scaled(b.maximum(step, 0), self.scale)
        return b.lt(b.floats(b.sub(self._in_stretch(self.at), whole)), rest + part * self.scale)

    def _beyond(self, length: Term) -> Term:
        """How far the clock is past ``length``: the whole steps are taken off first, so nothing cancels."""
        b, offset = self.b, self.b.lift(self.offset)
        known = offset.is_const and offset.dtype != "f"
        if known or self.at.dtype != "i" or not exact_constant(length) or length.hi > b.limit:
            return minus(b, self.at, offset + length)
        if self.part is not None:
            whole, end = self.part.later(length)
            return b.sub(b.floats(b.sub(self.at, whole)), end.real)
        near = b.floor(length + Fraction(1, 2))
        return b.sub(b.floats(b.sub(self.at, near)), b.add(offset, b.floats(length - near)))

    def offset_is_zero(self) -> bool:
        """Whether the piece starts on a whole step."""
        return self.b.lift(self.offset).equals(0)

    def _progress(self, elapsed: Term, length: Term) -> Progress:
        b = self.b
        if length.op in ("const", "column"):
            return Progress(b, elapsed, remaining(b, elapsed, length), length, stepped=True)
        left = b.sub(length, elapsed) if self.inside else b.maximum(b.sub(length, elapsed), 0)
        return Progress(b, elapsed, left, length, stepped=True)


def lowered(expression: Any, x: Clock | Progress) -> Any:
    """The formula of an expression, lowered once for each clock or progress of a builder."""
    known, name = x.b.lowered, (id(expression), *_name(x))
    if name not in known:
        known[name] = expression.formula(x), expression, x  # which stay, so that no other has their number
    return known[name][0]


def forked(expression: Any, clock: Clock, both: Callable[[], Term]) -> Term:
    """What an expression makes of ``both`` sides of a clock; an error where such forks nest beyond all measure."""
    b = clock.b
    clocks = b.clocks.setdefault(id(expression), [expression])  # which stays, so that no other has its number
    clocks.append(clock)
    if b.forks >= MOST_FORKS and len(clocks) > 1 << MOST_FORKS:
        raise ScheduleError(
            f"{expression.where()}: extended, mirrored and restarted nest so deep that what is inside would be "
            f"computed on more than {1 << MOST_FORKS} clocks; nest fewer of them"
        )
    b.forks += 1
    try:
        return both()
    finally:
        b.forks -= 1


def _name(record: Record) -> Iterator[Any]:
    """What tells a record from others of its type."""
    for value in record.__dict__.values():
        if isinstance(value, Clock):
            yield from _name(value)
        else:
            yield identity(value)
