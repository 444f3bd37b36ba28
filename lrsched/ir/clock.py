"""What the formula of a schedule is given: a clock.

``own`` is the step that decides which piece, cycle or sample is meant (it stays below the duration), ``at`` is the
local time that the formula sees (it may equal the duration). So the value held after the end is the formula of the
last piece at its own end. On a stretched clock ``own`` is a step of the clock outside, and local time is that of the
stretch there, but where ``at`` says otherwise: at the end, which is known, and at real steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lrsched.foundation.errors import ScheduleError
from lrsched.foundation.records import Record, replaced
from lrsched.ir.exact_steps import exact_constant, reached
from lrsched.ir.progress import Progress, ended, remaining
from lrsched.ir.stretch import Line, Stretch
from lrsched.ir.term import identity

if TYPE_CHECKING:
    from lrsched.ir.runtime_scale import Pace
    from lrsched.ir.term import Builder, Term


MOST_FORKS = 8  # above one another that double what is inside each time


class Clock(Record):
    """Local time in steps; ``inside`` says that it never passes the duration.

    ``at`` is None where local time is that of the ``stretch``, at step ``own`` or, if it is another, ``read``, but no
    more than ``most``.
    """

    b: Builder
    own: Term
    at: Any
    inside: bool = False
    stretch: Stretch | None = None
    read: Term | None = None
    most: Any = None

    @property
    def plain(self) -> bool:
        """Whether steps are those of the clock outside, from some step on."""
        return self.stretch is None

    @property
    def single(self) -> bool:
        """Whether the step that decides is the one that is read."""
        return self.at is (self.own if self.stretch is None else None) and self.read is None

    @property
    def seen(self) -> Term:
        """The step of the clock outside that is read."""
        return self.own if self.read is None else self.read

    def within(self, inside: bool) -> Clock:
        """The same clock, with another promise about its end."""
        return replaced(self, inside=inside)

    def before(self, step: Any) -> Term:
        """Whether the piece that begins at local step ``step`` has not."""
        return self.b.lt(self.own, step) if self.stretch is None else self.stretch.before(self.own, step)

    def whole(self, over: Any = 1, times: Any = 1) -> Term:
        """The whole number at or below local time * times / over, where pieces are chosen."""
        if self.stretch is None:
            return self.b.floordiv(self.b.mul(self.own, times), over)
        return self.stretch.whole(self.own, times, over)

    def whole_seen(self, over: Any = 1) -> Term:
        """The whole number at or below local time / over, where it is read."""
        if self.stretch is not None and self.at is None:
            seen = self.stretch.whole(self.seen, 1, over)
            return seen if self.most is None else self.b.minimum(seen, self.b.floordiv(self.most, over))
        return self.b.floordiv(self.b.floor(self.at), over)

    @property
    def time(self) -> Term:
        """Local time: an integer where it can be."""
        b, stretch = self.b, self.stretch
        if stretch is None or self.at is not None:
            return self.at
        ahead = stretch.fixed and not stretch.back and b.lift(stretch.scale).equals(1)
        if ahead and isinstance(stretch.offset, int):  # beyond the integers of the target it wraps around
            return b.sub(self.seen, stretch.offset)
        return b.div(b.maximum(stretch.past(self.seen, 0), 0), stretch.scale)

    def since(self, step: Any) -> Clock:
        """The clock of a piece that starts at local step ``step``."""
        b = self.b
        if self.stretch is not None:
            at, most = (x if x is None else b.sub(x, step) for x in (self.at, self.most))
            return replaced(self, at=at, most=most, stretch=self.stretch.since(step), inside=False)
        own, at = (self._below_limit(x, step) for x in (self.own, self.at))
        step = reached(b, b.lift(step))
        return Clock(b, b.sub(own, step), b.sub(at, step))

    def _below_limit(self, t: Term, step: Any) -> Term:
        """A step that stays an integer of the target when a negative plain number is taken off."""
        backwards = isinstance(step, int) and step < 0 and t.dtype == "i" and not t.is_const
        beyond = backwards and self.b.limit < t.hi - step < 2 * self.b.limit
        return self.b.minimum(t, self.b.limit + step) if beyond else t

    def stretched(self, scale: Any, pace: Pace | None = None) -> Clock:
        """The clock that runs ``scale`` times slower; ``pace`` is the scale where only the run knows it."""
        b, at, read = self.b, None if self.single else self.at, self.read
        if at is not None and at.op != "const" and not b.real_steps:
            at, read = None, at  # the end, which only the run knows
        at = at if at is None else b.div(at, scale)
        if self.stretch is None:
            rate = Line(b, scale) if pace is None else pace
            return Clock(b, b.known(self.own, lo=0), at, stretch=Stretch(b, rate), read=read)
        most = self.most if self.most is None else b.floor(b.div(self.most, scale))
        return replaced(self, at=at, most=most, stretch=self.stretch.again(scale, pace), inside=False)

    def turned(self, length: Any) -> Clock:
        """The clock that runs back from local time ``length``, which is owned by the step that is read."""
        b, stretch = self.b, self.stretch
        if stretch is None and isinstance(length, int) and length > b.limit:
            return self.stretched(1).turned(length)
        at: Any = None if self.at is None else b.sub(length, self.at)
        if stretch is not None and (at is None or at.op != "const"):
            return Clock(b, self.seen, at, stretch=stretch.turned(length))
        return Clock(b, at if at.dtype == "i" else b.minimum(b.floor(at), b.lift(length) - 1), at)

    def split(
        self, step: Any, before: Callable[[Clock], Term], after: Callable[[Clock], Term], never: Any = False
    ) -> Term:
        """``before`` on the local steps below ``step``, ``after`` on the others (not shifted) but where ``never``."""
        b, stretch = self.b, self.stretch
        condition = self.before(step) if never is False else b.where(never, True, self.before(step))
        early = self._until(step)
        if condition.op == "const":
            return before(early) if condition.args[0] else after(self)
        if stretch is not None and (not stretch.fixed or stretch.back or not exact_constant(b.lift(step))):
            return b.where(condition, before(early), after(self))
        edge = self._within_integers(b.lift(step) if stretch is None else stretch.edge(step))
        yes, no = (condition, True), (condition, False)
        below = b.narrow(self.own, hi=edge - 1, on=yes)
        above = b.narrow(self.own, lo=edge, on=no)
        soon = early.at if stretch else below if self.single else b.narrow(self.at, hi=edge, on=yes)
        late = self.at if stretch else above if self.single else b.narrow(self.at, lo=edge, on=no)
        first = before(replaced(early, own=below, at=soon))
        return b.where(condition, first, after(replaced(self, own=above, at=late)))

    def _until(self, step: Any) -> Clock:
        """The clock of a piece that ends at a local step and is owned by a step before it."""
        at = self.at if self.single or self.at is None else self.b.minimum(self.at, step)
        most = self.most if self.read is None else step if self.most is None else self.b.minimum(self.most, step)
        return replaced(self, at=at, most=most, inside=True)

    def finite(self, steps: Any, formula: Callable[[Clock], Term], apart: bool = False, begun: Any = None) -> Term:
        """``formula`` on the local steps up to ``steps``, and what it gives there for ever after.

        ``apart`` says that something inside stretches the clock, so that the end is lowered by itself.
        """
        b = self.b
        if self.stretch is not None:
            if self.inside:
                return formula(self._until(steps))
            return self.split(steps, formula, lambda clock: formula(clock.stopped(steps)))
        if self.inside:
            return formula(self)
        known = b.lift(steps).op == "const"
        if (apart and self.single) or (b.branching and known and not self.at.is_const and self.at.hi > steps):
            if b.lift(steps).equals(0):
                return formula(self.stopped(steps))
            return self.split(steps, formula, lambda clock: formula(clock.stopped(steps)))
        return formula(self._clamped(steps, begun))

    def stopped(self, steps: Any) -> Clock:
        """The clock for ever at the end of ``steps`` steps."""
        end = self.b.lift(steps)
        return Clock(self.b, end - 1, end, inside=True)

    def _clamped(self, steps: Any, begun: Any) -> Clock:
        """The clock that stops at the end of ``steps`` steps; the last piece with a step begins at ``begun``."""
        b, end = self.b, self.b.lift(steps)
        last = end - 1 if begun is None else b.maximum(end - 1, begun)
        own = b.minimum(self.own, self._within_integers(last))
        at = own if self.single and own is self.own else b.minimum(self.at, self._within_integers(end))
        own = b.maximum(own, 0) if end.lo <= 0 and end.op != "const" else own
        return Clock(b, own, at, inside=True)

    def _within_integers(self, edge: Any) -> Term:
        """An edge, or the last step there is where it lies beyond."""
        edge = reached(self.b, self.b.lift(edge))
        return self.b.minimum(edge, self.b.limit) if edge.op == "const" and edge.hi > self.b.limit else edge

    def progress(self, steps: Any) -> Progress:
        """How far the clock is through ``steps`` local steps; stays at the end after them."""
        b, stretch, n = self.b, self.stretch, self.b.lift(steps)
        if self.read is not None:
            x = replaced(self, own=self.read, read=None).progress(steps)
            cut = self.most is not None and self.most is not steps and b.lift(self.most) is not n
            return x.until(self.most) if cut else x
        if n.equals(0):
            return Progress(b, b.lift(1), b.lift(0), b.lift(1), stepped=True)
        if stretch is None or self.at is not None:
            x = self._plain_progress(n)
        elif isinstance(stretch.rate, Line):
            x = self._line_progress(stretch, n)
        else:
            x = self._pace_progress(stretch, n)
        return x if x.total.lo > 0 else ended(x)

    def _plain_progress(self, length: Term) -> Progress:
        b, at = self.b, self.at
        known = length.op in ("const", "column")
        if not (self.inside and self.stretch is None and (not known or length.hi <= b.limit)):
            at = b.minimum(at, b.minimum(length, b.limit) if known and not at.is_const else length)
        if known:
            return Progress(b, at, remaining(b, at, length), length, stepped=True)
        left = b.sub(length, at) if self.inside else b.maximum(b.sub(length, at), 0)
        return Progress(b, at, left, length, stepped=True)

    def _line_progress(self, stretch: Stretch, steps: Term) -> Progress:
        """Counted from both ends, in steps of the clock outside."""
        b, length = self.b, self.b.lift(stretch.scale) * steps
        done, left = stretch.past(self.own, 0), stretch.until(self.own, steps)
        whole = done.dtype == left.dtype == length.dtype == "i"
        if not (whole and self.inside):
            done, left = (b.maximum(b.minimum(x, length), 0) for x in (done, left))
        if not whole:
            done, left = b.floats(done), b.floats(left)
        return Progress(b, done, left, length, stepped=True, unit=stretch.scale, clock=self)

    def _pace_progress(self, stretch: Stretch, steps: Term) -> Progress:
        b = self.b
        total = b.mul(b.floats(stretch.scale), b.floats(steps))
        done = b.minimum(b.maximum(stretch.past(self.own, 0), 0.0), total)
        left = b.maximum(stretch.until(self.own, steps), 0.0)
        left = b.where(b.le(done, 0.0), total, b.minimum(left, total))
        return Progress(b, done, left, total, stepped=True, unit=stretch.scale, clock=self, steps=steps)


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
