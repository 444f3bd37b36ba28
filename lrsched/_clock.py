"""What a formula is given: a clock for schedules, a progress for profiles.

A clock is a pair. ``own`` is the step that decides which piece, cycle or sample is meant (it stays below the
duration), ``at`` is the step that the formula sees (it may equal the duration). So the value held after the end is
the formula of the last piece at its own end. A stretched clock also carries an exact scale, and the fraction of a
step by which a piece starts after a whole one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched._digital import Line
from lrsched._errors import ScheduleError, fail
from lrsched._fields import is_jax
from lrsched._pace import Pace, pace_of
from lrsched._record import Record, replaced
from lrsched._term import identity

if TYPE_CHECKING:
    from lrsched._term import Builder, Term

__all__ = ["Clock", "Progress", "forked", "lowered", "number_of", "unit_progress"]

WIDEST = 2**62 - 1  # of the integers of a column
MOST_FORKS = 8  # above one another that double what is inside each time
NEAR = 2.0**-12  # how near to a step a place of roundings in float32 counts as on it


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
            return min(edge, 0) if self._before(step) else edge
        if not exact.is_const and self.counted and all(self._known(x) for x in (self.scale, self.root, step)):
            return self._counted_edge(self.b.lift(step).args[0])
        if self.pace is not None and self.b.lift(step).kind == "i":
            return self._since_root(self.pace.edge(self.b.add(step, self.past)))
        below = self.b.floor(-(exact - self.slack))
        return -(self.b.maximum(below, -self.b.limit) if exact.kind == "f" else below)

    @property
    def slack(self) -> float:
        """By how much of a step a place may miss one that it is: 0 where the stretch is known before the run."""
        if all(x.kind != "f" or x in self.b.places for x in map(self.b.lift, (self.scale, self.offset))):
            return 0
        return NEAR if self.b.single else NEAR**2

    def _before(self, step: Any) -> bool:
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
        if self.pace is None or self.at.kind != "i":
            return minus(b, self.at, self.offset)
        t = self._in_stretch(self.at)
        whole, _, missing = self.pace.place(b.maximum(past, 0), self.scale)
        done = b.floats(b.sub(b.sub(t, whole), 1)) + missing
        return b.where(b.lt(past, 0), b.floats(t) - b.floats(past) * self.scale, done)

    def _since_root(self, steps: Term) -> Term:
        """The step of this clock that is as many after the stretch began, which is at a step or before the first."""
        return self.b.sub(self.b.add(steps, self.root), self.gone)

    def _known(self, value: Any) -> bool:
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
        place = b.places.get(b.lift(self.offset))
        if place is not None and exact_constant(amount):
            whole, place = place.later(amount)
            return whole, place.part
        start = amount + self.offset
        ahead = start.op not in ("const", "column") and isinstance(step, int) and step < 0
        whole = b.neg(b.floor(-start)) if ahead else b.floor(start)  # so that no place is rounded away
        if whole.is_const and self.at.hi - whole.lo > b.limit:
            whole = b.maximum(whole, 0)  # so far back that the step would leave the integers: the offset keeps it
        whole = reached(b, whole)
        return whole, number_of(start - whole)

    def _below_limit(self, t: Term, step: Any) -> Term:
        """A step that stays an integer of the target when a negative plain number is taken off."""
        backwards = isinstance(step, int) and step < 0 and t.kind == "i" and not t.is_const
        beyond = backwards and self.b.limit < t.hi - step < 2 * self.b.limit
        return self.b.minimum(t, self.b.limit + step) if beyond else t

    def stretched(self, scale: Any, pace: Pace | None = None) -> Clock:
        """The clock that runs ``scale`` times slower; ``pace`` is the scale as integers, if the run alone knows it."""
        most, least = (None if x is None else number_of(self.b.div(x, scale)) for x in (self.most, self.least))
        whole = isinstance(self.scale, int) and self.scale == 1 and self.b.lift(self.offset).kind == "i"
        pace = pace if whole else None
        same = self.plain and getattr(scale, "op", "") == "column"
        scale = scale if same else number_of(self.b.lift(self.scale) * scale)
        moved = replaced(self, scale=scale, inside=False, gone=0, past=0, root=self.offset, pace=pace)
        return replaced(moved, most=most, least=least)

    @property
    def counted(self) -> bool:
        """Whether the stretch is known exactly, so that local steps can be counted in integers."""
        known = [self.b.lift(x) for x in (self.scale, self.root)]
        return all(map(exact_constant, known)) and self.b.aligned(known) is not None

    def whole(self, step: Term, times: Any = 1, over: Any = 1) -> Term:
        """floor(local * times / over) at a step of this clock, in integers; ``over`` divides in whole numbers."""
        b, scale, root, past = self.b, self.b.lift(self.scale), self.b.lift(self.root), self.b.lift(self.past)
        total = b.add(step, self.gone)
        if self.pace is not None:
            count = b.sub(self.pace.whole(self._in_stretch(step)), past)
            return b.maximum(b.floordiv(b.maximum(count, 0), over), 0)
        if all(self._known(x) for x in (scale, root, past, times, over)):
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
        beyond = edge.is_const and edge.kind == "i" and edge.hi > self.b.limit
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
        if self.most is not None and self.most is not steps and b.le(steps, self.most).value is not True:
            x = self._stopped(x, length, steps)
        return x if x.total.lo > 0 else _ended(x)

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
        if most.kind == "f":  # the end but for roundings is the end
            place = b.where(b.le(b.mul(b.floats(steps), 1 - NEAR**2), most), length, place)
        raw = x.raw
        if raw is not None and self._known(self.most):
            raw = replaced(raw, at=b.minimum(raw.at, self._within_integers(self.edge(self.most))))
        return replaced(x, done=b.minimum(x.done, place), left=b.maximum(x.left, length - place), raw=raw)

    def _through(self, length: Term, steps: Any) -> Progress:
        b = self.b
        if self.pace is not None and self.at.kind == b.lift(steps).kind == "i":
            return self._at_pace(self.pace, b.floats(length), steps)
        if self.offset_is_zero() and (length.kind == "i" or self.at.kind == "f"):
            known = length.op in ("const", "column") and length.kind == "i"
            if self.inside and length.kind == "i" and (not known or length.hi <= b.limit):
                return self._progress(self.at, length)
            return self._progress(b.minimum(self.at, b.minimum(length, b.limit) if known else length), length)
        elapsed = b.minimum(minus(b, self.at, self.offset), b.floats(length))
        left = b.maximum(b.neg(self._beyond(length)), 0.0)
        left = b.minimum(left, b.floats(length))
        if self.slack:
            left = b.where(b.le(left, b.mul(b.floats(length), self.slack**2 * 4.0)), 0.0, left)
        total = length if self.counted else b.floats(length)
        raw = self if self.counted and self.at.kind == "i" else None
        return Progress(b, b.maximum(elapsed, 0.0), left, total, stepped=True, raw=raw)

    def _at_pace(self, pace: Pace, total: Term, steps: Any) -> Progress:
        """The progress of a clock whose pace is known: what is left is counted in integers too."""
        b = self.b
        whole, part, _ = pace.place(b.maximum(b.add(steps, self.past), 0), self.scale)
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
        whole, rest, _ = pace.place(b.maximum(step, 0), self.scale)
        return b.lt(b.floats(b.sub(self._in_stretch(self.at), whole)), rest + part * self.scale)

    def _beyond(self, length: Term) -> Term:
        """How far the clock is past ``length``: the whole steps are taken off first, so nothing cancels."""
        b, offset = self.b, self.b.lift(self.offset)
        known = offset.is_const and offset.kind != "f"
        if known or self.at.kind != "i" or not exact_constant(length) or length.hi > b.limit:
            return minus(b, self.at, offset + length)
        place = b.places.get(offset)
        if place is not None:
            whole, end = place.later(length)
            return b.sub(b.floats(b.sub(self.at, whole)), end.part)
        near = b.floor(length + Fraction(1, 2))
        return b.sub(b.floats(b.sub(self.at, near)), b.add(offset, b.floats(length - near)))

    def offset_is_zero(self) -> bool:
        """Whether the piece starts on a whole step."""
        return self.b.lift(self.offset).equals(0)

    def _progress(self, elapsed: Term, length: Term) -> Progress:
        b = self.b
        if length.op in ("const", "column"):
            return Progress(b, elapsed, _remaining(b, elapsed, length), length, stepped=True)
        left = b.sub(length, elapsed) if self.inside else b.maximum(b.sub(length, elapsed), 0)
        return Progress(b, elapsed, left, length, stepped=True)


def _ended(x: Progress) -> Progress:
    """The progress that is at its end where it has no length."""
    b, whole = x.b, x.done.kind == x.left.kind == x.total.kind == "i"
    total = b.maximum(x.total, 1 if x.total.kind == "i" else 1e-30)
    return replaced(x, done=b.sub(total, x.left) if whole else b.add(x.done, b.sub(total, x.total)), total=total)


def lowered(node: Any, x: Clock | Progress) -> Any:
    """The formula of an expression, lowered once for each clock or progress of a builder."""
    known, name = x.b.lowered, (id(node), *_name(x))
    if name not in known:
        known[name] = node.formula(x), node, x  # which stay, so that no other has their number
    return known[name][0]


def forked(node: Any, clock: Clock, both: Callable[[], Term]) -> Term:
    """What an expression makes of ``both`` sides of a clock; an error where such forks nest beyond all measure."""
    b = clock.b
    clocks = b.clocks.setdefault(id(node), [node])  # which stays, so that no other has its number
    clocks.append(clock)
    if b.forks >= MOST_FORKS and len(clocks) > 1 << MOST_FORKS:
        raise ScheduleError(
            f"{node.where()}: extended, mirrored and restarted nest so deep that what is inside would be computed on "
            f"more than {1 << MOST_FORKS} clocks; nest fewer of them"
        )
    b.forks += 1
    try:
        return both()
    finally:
        b.forks -= 1


def _name(record: Record) -> Iterator[Any]:
    """What tells a record from others of its kind."""
    for value in record.__dict__.values():
        if isinstance(value, Clock):
            yield from _name(value)
        else:
            yield identity(value)


def number_of(term: Term) -> Any:
    """The plain number of a constant term, else the term."""
    return term.args[0] if term.op == "const" else term


def _remaining(b: Builder, elapsed: Term, length: Term) -> Term:
    """length - elapsed, also where the length is no integer of the target."""
    if elapsed.kind == "i" and length.kind == "i" and length.hi > b.limit:
        whole = b.minimum(length, b.limit)
        return b.add(b.floats(b.sub(whole, elapsed)), b.floats(length - whole))
    return b.sub(length, elapsed)


def reached(b: Builder, starts: Term) -> Term:
    """Where pieces start, as integers of the target: those that no step reaches start at the last one."""
    if starts.op != "column" or not exact_constant(starts):
        return starts
    last = min(b.limit, WIDEST)
    return starts if starts.hi <= last and starts.kind == "i" else b.minimum(starts, last)


def minus(b: Builder, t: Term, amount: Any) -> Term:
    """t - amount as a real number: the nearest whole number is taken off in integers, so nothing cancels."""
    amount = b.lift(amount)
    fits = not t.hi - amount.lo > b.limit
    if amount.kind == "i" and t.kind == "i" and max(abs(amount.lo), abs(amount.hi)) <= b.limit and fits:
        return b.floats(b.sub(t, amount))
    if not amount.is_const or amount.kind == "f" or t.kind == "f":
        return b.sub(b.floats(t), b.floats(amount))
    whole = b.floor(amount + Fraction(1, 2))
    kept = b.maximum(b.minimum(whole, min(b.limit, WIDEST)), -b.limit if fits else 0)
    return b.sub(b.floats(b.sub(t, kept)), b.floats(amount - kept))


class Progress(Record):
    """``done`` of ``total`` with ``left`` remaining: ``u = done / total``, ``z = left / total = 1 - u``.

    ``stepped`` says that the total is a number of steps, each ``unit`` long, so that a share of it is a whole step.
    ``raw`` is the clock whose local time, times ``unit``, is what is done, where that is known exactly. ``whole``
    says that all of it is exactly 1, although XLA and ranges multiply by a rounded 1 / total. ``paced`` is a clock
    whose pace is known and the whole steps that it runs through.
    """

    b: Builder
    done: Term
    left: Term
    total: Term
    stepped: bool
    unit: Any = 1
    raw: Clock | None = None
    whole: bool = True
    paced: tuple[Clock, Any] | None = None

    @property
    def u(self) -> Term:
        """Progress from 0 to 1."""
        return self._share(self.done, self.left)

    @property
    def z(self) -> Term:
        """1 - u, without cancellation."""
        return self._share(self.left, self.done)

    def _share(self, part: Term, rest: Term) -> Term:
        b, share = self.b, self.b.div(part, self.total)
        if not self.whole or share.op != "div":
            return share
        if b.weighed and share.args[1].is_const:
            return b.where(b.le(rest, 0), 1.0, share)
        if not b.exact_ends or not b.branching:
            return share
        while rest.op == "minimum" and rest.args[1].is_const and rest.args[1].lo > 0:
            rest = rest.args[0]
        return b.where(b.eq(rest, 0), 1.0, share)

    def simple(self) -> Progress:
        """The progress of a shape that is held at its ends by itself."""
        return replaced(self, whole=False)

    def reversed(self) -> Progress:
        """Run from the end."""
        return replaced(self, done=self.left, left=self.done, raw=None, paced=None)

    def mirrored(self) -> Progress:
        """There in the first half, back in the second."""
        if self.raw is not None or self.paced is not None:
            return replaced(self, raw=None, paced=None).mirrored()
        b = self.b
        nearer = b.minimum(self.done, self.left)
        whole = nearer.kind == "i" and self.total.hi <= b.limit
        done = nearer * 2 if whole else b.floats(nearer) * 2.0
        if whole and self.left.kind == "i":
            return replaced(self, done=done, left=b.sub(self.total, done))
        later = b.lt(self.left, self.done)
        left = b.where(later, b.sub(self.done, self.left), b.sub(self.left, self.done))
        return replaced(self, done=done, left=left)

    def place(self, share: Any) -> Any:
        """How much is done at a share of the total: a whole step where the total is in steps."""
        b, total = self.b, self.total
        if self.paced is not None:
            return b.mul(b.floats(b.share(share, self.paced[1])), self.unit)
        steps = total if isinstance(self.unit, int) and self.unit == 1 else b.div(total, self.unit)
        if self.stepped and steps.kind == "f" and b.lift(self.unit).kind == "f":
            steps = b.floor(b.add(steps, 0.5))
        if self.stepped and steps.kind == "i":
            return number_of(b.share(share, steps) * self.unit)
        if self.stepped:
            return b.floor(b.mul(steps, share) + 0.5) * self.unit
        exact = isinstance(total.value, int | float | Fraction) and isinstance(share, int | float | Fraction)
        return Fraction(total.value) * Fraction(share) if exact else b.mul(total, share)

    def before(self, place: Any) -> Term:
        """Whether less than ``place`` is done."""
        raw, b, place = self.raw, self.b, self.b.lift(place)
        if place.equals(0) or (raw is not None and raw._before(b.div(place, self.unit))):
            return b.lift(False)
        if raw is not None and place.kind in "iq":
            local = b.div(place, self.unit)
            if b.lift(raw.offset).is_const or not local.is_const:
                return b.lt(raw.at, b.neg(b.floor(-(place + raw.offset))))
            return b.lt(raw.at, raw.edge(number_of(local)))
        if self.done.kind == "i" and place.kind == "q":
            return b.lt(self.done, b.neg(b.floor(-place)))
        return b.lt(self.done, place)

    def passed(self, places: Sequence[Any]) -> Term | None:
        """How many of the increasing places are done, where whole steps tell it; None where only comparisons do."""
        raw = self.raw
        t, offset = (self.done, 0) if raw is None else (raw.at, raw.offset)
        known = t.kind == "i" and all(isinstance(x, int | Fraction) for x in (offset, *places))
        if not known or self.paced is not None or (raw is not None and raw.least is not None):
            return None
        edges = [min(math.ceil(place + offset), WIDEST) for place in places]
        return self.b.search(np.array(edges, dtype=np.int64), t)

    def before_share(self, share: Any, place: Any) -> Term:
        """Whether less than the place of a share is done, a whole step."""
        if self.paced is None:
            return self.before(place)
        clock, steps = self.paced
        step = self.b.share(share, steps)
        return clock.stops_before(step, self.b.lt(clock.at, clock.edge(step)), steps)

    def before_jump(self, share: Any, place: Any) -> Term:
        """Whether less than the place of a share is done, wherever between steps it is."""
        b, pace = self.b, pace_of(self.b, share)
        if self.paced is None or pace is None:
            return self.before(place)
        clock, steps = self.paced
        whole, part, missing = pace.place(b.lift(steps), share)
        up = b.lt(missing, part)
        step = b.add(b.add(whole, b.where(up, 1, 0)), clock.past)
        near = clock.short_of(step, b.where(up, b.neg(missing), part))
        near = b.where(b.lt(step, 0), self.before(place), near)
        return clock.stops_before(b.floats(whole) + part, near, steps)

    def section(self, start: Any, stop: Any, inside: bool = False) -> Progress:
        """Progress within [start, stop] of what is done, held outside; ``inside`` promises that it is never outside."""
        b = self.b
        start, stop = b.lift(start), b.lift(stop)
        raw = self.raw
        if raw is not None:
            first, last = b.div(start, self.unit), b.div(stop, self.unit)
            if exact_constant(first) and exact_constant(last) and not last.equals(first.value):
                x = raw.since(number_of(first)).progress(number_of(last - first))
                return replaced(x, whole=self.whole, stepped=self.stepped, raw=x.raw if first.kind == "i" else None)
            raw = raw.since(number_of(first)) if first.kind == "i" else None
        total = stop - start
        done = self._less(start)
        left = b.neg(self._less(stop)) if not stop.equals(_value(self.total)) else self.left
        if inside and total.is_const and total.lo > 0:
            return Progress(b, done, left, total, self.stepped, self.unit)
        done = done if b.branching and start.equals(0) else b.maximum(done, 0)
        left = left if left is self.left else b.maximum(left, 0)
        if total.op == "const" and total.args[0] == 0:
            return Progress(b, b.lift(1), b.lift(0), b.lift(1), self.stepped)
        done, left, safe = b.minimum(done, total), b.minimum(left, total), total
        if not (total.op == "const" or total.lo > 0):
            safe = b.maximum(total, 1e-30 if total.kind == "f" else 1)
            done = b.add(done, b.sub(safe, total))  # what has no length is at its end
        return Progress(b, done, left, safe, self.stepped, self.unit, raw)

    def _less(self, amount: Term) -> Term:
        if amount.equals(0):
            return self.done
        if self.done.kind == "i":
            return self.b.sub(self.done, amount) if amount.kind == "i" else minus(self.b, self.done, amount)
        return self.b.sub(self.done, self.b.floats(amount))

    def index(self, times: Any) -> Term:
        """floor(u * times), exactly."""
        b = self.b
        number = b.lift(times)
        if self.done.kind == "i" and self.total.op == number.op == "const" and self.total.hi > b.limit:
            if number.hi > b.limit:
                fail("sampled", "times", f"at most {b.limit} over so many steps on this target", number.args[0])
            slope = Fraction(number.args[0]) / self.total.args[0]
            return b.minimum(capped_steps(b, self.done, slope, Fraction(0)), times)
        if self.done.kind == "i" and self.total.kind == "i":
            return b.muldiv(self.done, times, self.total)
        if self.raw is not None and b.lift(times).op == "const" and b.div(self.total, self.unit).kind == "i":
            index = self.raw.whole(self.raw.at, times, b.div(self.total, self.unit))
            if self.raw.least is not None:
                index = b.maximum(index, b.floor(b.div(b.mul(self.raw.least, times) * self.unit, self.total)))
            return b.minimum(index, times)
        index = b.floor(b.div(b.mul(self.done, times), self.total))
        return b.where(b.le(self.left, 0), times, b.minimum(index, b.sub(times, 1)))

    def after(self, f: Callable[[Term], Term], g: Callable[[Term], Term]) -> Progress:
        """Progress f(u) with remainder g(z), both accurate."""
        return Progress(self.b, f(self.u), g(self.z), self.b.lift(1), stepped=False)


def exact_constant(x: Term) -> bool:
    """Whether a term is an exact number, or a column of them."""
    return x.is_const and x.kind in "iq" and not is_jax(x.args[0])


def whole_steps(b: Builder, t: Term, ratio: Any, shift: Any = 0) -> Term:
    """floor(t * ratio - shift) for an integer t up to the limit and exact constants or columns, exactly."""
    ratio, start = b.lift(ratio), -b.lift(shift)
    if -b.limit <= t.lo < 0 and t.hi - t.lo <= b.limit:  # products are of numbers without a sign
        return whole_steps(b, b.sub(t, t.lo), ratio, -(start + ratio * t.lo))
    narrow = "column" in (ratio.op, start.op)
    steep, first, times, over, more = _rows(b, (ratio, start), lambda k, c: _row(k, c, b.limit, narrow))
    floor = b.add(b.muldiv(t, times, over, more), first)
    return floor if steep.equals(0) else b.add(b.mul(t, steep), floor)


def words(clock: Clock, step: Term) -> tuple[Term, Term]:
    """The whole local steps at ``step`` modulo 2**32, and how many times 2**32 they hold, where integers are narrow.

    Elsewhere, and where the local time is no known line, this is ``step`` itself and 0.
    """
    b, at, zero = clock.b, clock.at, clock.b.lift(0)
    bends = [x for x in (clock.most, clock.least) if x is not None]
    known = all(clock._known(x) for x in (clock.scale, clock.root, clock.past, clock.gone, *bends))
    if not b.single or at.kind != "i" or not known:
        return step, zero
    scale, root, past, gone, *_ = (
        Fraction(b.lift(x).args[0]) for x in (clock.scale, clock.root, clock.past, clock.gone)
    )
    slope, start = 1 / scale, (gone - root) / scale - past
    if math.floor(min(at.hi, b.limit) * slope + start) <= b.limit:
        return step, zero
    if at.op == "const":
        whole = _clamped(math.floor(at.args[0] * slope + start), clock)
        return b.lift(_signed(whole)), b.lift(whole >> 32)
    steep, first, times, over, more = _row(slope, start, b.limit, narrow=False)
    low = b.add(_wrapped(b, at, steep, first), b.muldiv(at, times, over, more))
    high = capped_steps(b, at, slope / 2**32, -start / 2**32)
    for bend, late in ((clock.most, True), (clock.least, False)):
        if bend is not None:
            edge = math.ceil((Fraction(b.lift(bend).args[0]) - start) * scale)
            passed, held = (b.le(edge, at) if late else b.lt(at, edge)), math.floor(b.lift(bend).args[0])
            low, high = b.where(passed, _signed(held), low), b.where(passed, held >> 32, high)
    return low, high


def _clamped(whole: int, clock: Clock) -> int:
    """A whole local step within the bends of the clock."""
    least, most = (None if x is None else math.floor(clock.b.lift(x).args[0]) for x in (clock.least, clock.most))
    whole = whole if most is None else min(whole, most)
    return whole if least is None else max(whole, least)


def _wrapped(b: Builder, t: Term, times: int, more: int) -> Term:
    """t * times + more modulo 2**32, in integers of 32 bits that wrap around."""
    return b.add(b.mul(t, _signed(times)), _signed(more))


def _signed(x: int) -> int:
    """An integer modulo 2**32, as an integer of 32 bits with a sign."""
    return (x + 2**31) % 2**32 - 2**31


def capped_steps(b: Builder, t: Term, ratio: Fraction, shift: Fraction) -> Term:
    """floor(t * ratio - shift), or the largest integer of the target where it is beyond it."""
    if t.hi * ratio - shift < b.limit + 1:
        return whole_steps(b, t, ratio, shift)
    last = math.ceil((b.limit + 1 + shift) / ratio) - 1
    return b.where(b.lt(last, t), b.limit, whole_steps(b, b.minimum(t, last), ratio, shift))


class Place(Record):
    """A part of a step, ``(count - over // 2) / over + slack``, which is counted in integers between -1/2 and 1/2."""

    b: Builder
    count: Term
    over: Term
    slack: Term

    @property
    def part(self) -> Term:
        """The part as a real number, known to the builder as this place."""
        b = self.b
        part = b.div(b.floats(b.sub(self.count, b.floordiv(self.over, 2))), b.floats(self.over))
        part = b.add(part, self.slack)
        b.places[part] = self
        return part

    @property
    def turned(self) -> Place:
        """The place as far before a whole step as this one is after it."""
        b = self.b
        return replaced(self, count=b.sub(b.floordiv(self.over, 2) * 2, self.count), slack=b.neg(self.slack))

    def later(self, amount: Term) -> tuple[Term, Place]:
        """How many whole steps there are to what is an exact number of steps later, and its place."""
        b = self.b

        def row(exact: Fraction, over: Fraction) -> tuple[Any, ...]:
            more = round(exact * over)
            whole, part = divmod(more, int(over))
            return whole, whole + 1, over - part, part, part - over, float(exact - more / over)

        whole, next_, missing, more, less, slack = _rows(b, (amount, self.over), row)
        carried = b.le(missing, self.count)
        count = b.add(self.count, b.where(carried, b.settled(less), b.settled(more)))
        place = replaced(self, count=count, slack=b.add(self.slack, slack))
        return b.where(carried, b.settled(next_), b.settled(whole)), place


def multiple(b: Builder, t: Term, amount: Term, start: Term) -> tuple[Term, Place]:
    """t * amount + start for an integer t and exact constants or columns: the nearest whole number, and the place."""

    def row(slope: Fraction, first: Fraction) -> tuple[Any, ...]:
        steep = math.floor(slope)
        over = math.lcm(slope.denominator, first.denominator)
        over = over if over <= b.limit else (slope - steep).limit_denominator(b.limit).denominator
        times, more = round((slope - steep) * over), round(first * over)
        slack = float(slope - steep - Fraction(times, over)), float(first - Fraction(more, over))
        return (steep, times, over, *divmod(more + over // 2, over), *slack)

    steep, times, over, first, more, lean, slack = _rows(b, (amount, start), row)
    whole = b.add(b.add(b.mul(t, steep), b.muldiv(t, times, over, more)), first)
    slack = slack if lean.equals(0) else b.add(b.mul(b.floats(t), lean), slack)
    return whole, Place(b, b.mulmod(t, times, over, more), over, slack)


def _rows(b: Builder, terms: tuple[Term, ...], row: Callable[..., tuple[int, ...]]) -> list[Term]:
    """A function of exact numbers that gives integers, on constants or row by row on columns."""
    terms = tuple(b.aligned(terms) or ())
    columns = [x for x in terms if x.op == "column"]
    size = len(columns[0].args[0]) if columns else 1
    given = (x.args[0].tolist() if x.op == "column" else [x.args[0]] * size for x in terms)
    found = zip(*(row(*map(Fraction, values)) for values in zip(*given, strict=True)), strict=True)
    if not columns:
        return [b.lift(values[0]) for values in found]
    return [b.column(np.array(values, dtype=object), columns[0].args[1]) for values in found]


def _row(slope: Fraction, start: Fraction, limit: int, narrow: bool) -> tuple[int, int, int, int, int]:
    """A line as whole steps, a whole start, and a fraction (t * times + more) / over between 0 and 1."""
    steep, first = math.floor(slope), math.floor(start)
    line = Line.through(slope - steep, start - first, limit)
    if narrow and line.over > limit:
        line = Line.through(slope - steep, start - first, limit // 2)
    more = math.floor(Fraction(line.more, line.over))
    return steep, first + more, line.times, line.over, line.more - more * line.over


def _value(term: Term) -> Any:
    return term.args[0] if term.op == "const" else math.nan


def unit_progress(b: Builder) -> Progress:
    """The progress of a profile that is called by itself: a number u in [0, 1]."""
    u = b.step(0, 1)
    return Progress(b, u, b.sub(1.0, u), b.lift(1.0), stepped=False)
