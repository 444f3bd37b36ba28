"""A clock that runs slower than another: its local steps counted in integers, its local time from both sides."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lrsched.foundation.errors import ScheduleError
from lrsched.foundation.records import Record, replaced
from lrsched.ir.exact_steps import (
    capped_steps,
    either_sign,
    exact_constant,
    far_minus,
    line,
    minus,
    number_of,
    whole_share,
    whole_steps,
)

if TYPE_CHECKING:
    from lrsched.ir.runtime_scale import Pace
    from lrsched.ir.term import Builder, Term


class Line(Record):
    """``x = (t - offset) / scale`` for exact numbers, or columns of them; the scale is positive."""

    b: Builder
    scale: Any
    offset: Any = 0

    def place(self, x: Any) -> Term:
        """The exact time at which a local time comes."""
        place = self.b.lift(self.scale) * x if self.offset == 0 else self.b.lift(self.scale) * x + self.offset
        return place if exact_constant(place) else too_fine()

    def floor(self, t: Term, times: Any = 1) -> Term:
        """The whole number at or below x * times."""
        b, ratio = self.b, self.b.div(times, self.scale)
        shift = self.b.lift(self.offset) * ratio
        if ratio.op == shift.op == "const":
            return capped_steps(b, t, Fraction(ratio.args[0]), Fraction(shift.args[0]))
        return whole_steps(b, t, ratio, shift)

    def ceil(self, t: Term, times: Any = 1, begun: bool = False) -> Term:
        """The whole number at or above x * times; where x has not ``begun``, by what is left until it is 0."""
        b, ratio, offset = self.b, self.b.div(times, self.scale), self.b.lift(self.offset)
        if begun:
            return b.neg(whole_steps(b, t, -ratio, -(offset * ratio)))
        last = b.minimum(b.neg(b.floor(-offset)), b.limit)
        return b.neg(whole_steps(b, b.known(b.sub(last, t), lo=0), ratio, (last - offset) * ratio))

    def modulo(self, t: Term, times: Any, over: Any, back: bool) -> Term:
        """The whole number at or below x * times modulo ``over``; of -x, if it runs ``back``."""
        b, ratio = self.b, self.b.div(-times if back else times, self.scale)
        steep, first, rest = line(b, t, ratio, b.lift(self.offset) * ratio)
        known = b.add(b.mulmod(t, b.mod(steep, over), over), b.mod(first, over))
        return b.mod(b.add(known, b.mod(rest, over)), over)

    def gap(self, t: Term, turns: Any, unit: Any, back: bool) -> Term:
        """``t`` minus the time at which x is ``turns * unit``, an integer if it is one; ``back`` is the other way."""
        b = self.b

        def known(size: Term, sign: int) -> Term:
            gap = far_minus(b, t, size, sign, b.lift(self.scale) * unit, b.lift(self.offset))
            return b.neg(gap) if back else gap

        if type(turns) is not int:
            return either_sign(b, turns, known)
        place = b.lift(self.offset)
        fits = place.dtype == "i" and -b.limit <= t.lo - place.hi and t.hi - place.lo <= b.limit
        if not fits:
            return b.neg(minus(b, t, place)) if back else minus(b, t, place)
        return b.sub(place, t) if back else b.sub(t, place)


class Stretch(Record):
    """Local time ``(x - turns * unit) / parts``, or minus that if it runs ``back``.

    ``rate`` gives x: a :class:`Line` where the stretch is known before the run, else a :class:`Pace`. ``turns`` are
    whole numbers that only the run knows: cycles of ``unit`` steps that are done; ``parts`` is one too, as a rule 1.
    ``span`` is the length of a cycle, which x does not pass from there on.
    """

    b: Builder
    rate: Line | Pace
    turns: Any = 0
    unit: Any = 1
    span: Any = None
    parts: Any = 1
    back: bool = False

    @property
    def scale(self) -> Any:
        """How many steps a local step takes."""
        return self.rate.scale if self.parts == 1 else self.b.mul(self.rate.scale, self.parts)

    @property
    def offset(self) -> Any:
        """The time at which local time is 0, without ``turns``."""
        return self.rate.offset if isinstance(self.rate, Line) else 0

    @property
    def fixed(self) -> bool:
        """Whether each local time comes at a known time."""
        return type(self.turns) is int and isinstance(self.rate, Line)

    def most(self, t: Term) -> Any:
        """How many local steps may pass, without those of whole cycles; 0 where only the run knows."""
        if not isinstance(self.rate, Line):
            return 0
        return self.b.div(self.offset if self.back else self.b.sub(t.hi, self.offset), self.rate.scale).hi

    def since(self, step: Any) -> Stretch:
        """The stretch with its local time counted from a local step."""
        if isinstance(step, int) and step == 0:
            return self
        step = self.b.lift(self.parts) * (self.b.neg(step) if self.back else step)
        if isinstance(self.rate, Line) and exact_constant(step):
            return replaced(self, rate=replaced(self.rate, offset=number_of(self.rate.place(step))))
        turns = self.turns if self.fixed or self.unit == 1 else self.b.mul(self.turns, self.unit)
        return replaced(self, turns=self.b.add(turns, step), unit=1)

    def cycle(self, index: Term, length: Any) -> Stretch:
        """The stretch of the cycle of so many local steps that is the one of that number."""
        size = self.b.lift(self.parts) * length
        span = size.args[0] if isinstance(self.rate, Line) and exact_constant(size) and size.op == "const" else None
        if self.fixed and span is not None:
            return replaced(self, turns=self.b.neg(index) if self.back else index, unit=span, span=span)
        return replaced(self.since(self.b.mul(index, length)), span=span)

    def turned(self, length: Any) -> Stretch:
        """The stretch that runs back from local time ``length``."""
        return replaced(self.since(length), back=not self.back)

    def again(self, scale: Any, pace: Pace | None) -> Stretch:
        """The stretch that runs slower still: by any known number, or by a whole one."""
        b, scale = self.b, self.b.lift(scale if pace is None or not pace.is_whole else pace.over)
        if scale.dtype == "i" and not (self.fixed and exact_constant(scale)):
            return replaced(self, parts=b.mul(self.parts, scale))
        if not self.fixed or not exact_constant(scale):
            too_fine()
        return replaced(self, rate=replaced(self.rate, scale=number_of(b.lift(self.rate.scale) * scale)))

    def whole(self, t: Term, times: Any = 1, over: Any = 1) -> Term:
        """The whole number at or below local time * times / over, at least 0; ``over`` is a whole number."""
        b = self.b
        if self.fixed and exact_constant(b.lift(over)):
            return self._counted(t, b.div(times, over))
        over = b.mul(self.parts, over)
        if self.span is None:
            return b.floordiv(self._counted(t, times), over)
        count = self._counted_in_span(t)
        if b.lift(times).equals(1):
            return b.floordiv(count, over)
        part = self.rate.modulo(t, times, times, self.back)  # type: ignore[union-attr] # a span is that of a line
        return whole_share(b, count, part, times, over)

    def _counted(self, t: Term, times: Any) -> Term:
        b = self.b
        turns = b.lift(0) if self.fixed else b.mul(b.mul(self.turns, self.unit), times)
        if self.back:
            count = b.sub(turns, self.rate.ceil(t, times, begun=not self.fixed))
        else:
            count = b.sub(self.rate.floor(t, times), turns)
        return b.maximum(count, 0)

    def _counted_in_span(self, t: Term) -> Term:
        """Whole local steps, counted modulo twice the span, so that nothing on the way is beyond the integers."""
        b, most = self.b, 2 * self.span
        if 3 * most > b.limit:
            return self._counted(t, 1) if self.most(t) <= b.limit else too_fine()
        x = self.rate.modulo(t, 1, most, self.back)  # type: ignore[union-attr] # a span is that of a line
        done = b.mul(b.mod(self.turns, most // self.unit), self.unit)
        return b.mod(b.add(x, done) if self.back else b.sub(x, done), most)

    def edge(self, step: Any) -> Term:
        """The first time at which a known local step has come; at which it has no more, if the stretch runs back."""
        b, place, scale = self.b, self.b.lift(self.since(step).offset), self.b.lift(self.rate.scale)
        if self.fixed:
            return b.floor(place) + 1 if self.back else b.neg(b.floor(-place))

        def known(size: Term, sign: int) -> Term:
            if self.back:
                return b.add(whole_steps(b, size, scale * self.unit * sign, -place), 1)
            return b.neg(whole_steps(b, size, scale * self.unit * -sign, place))

        return either_sign(b, self.b.lift(self.turns), known)

    def before(self, t: Term, step: Any) -> Term:
        """Whether less than ``step`` has passed at time t."""
        b, step = self.b, self.b.lift(step)
        if isinstance(self.rate, Line) and exact_constant(step) and (self.fixed or step.dtype == "q"):
            return b.le(self.edge(step), t) if self.back else b.lt(t, self.edge(step))
        return b.lt(self.whole(t), step)

    def past(self, t: Term, step: Any) -> Term:
        """How far local time is past a local step, in steps of the clock outside."""
        start = self.since(step)
        return start.rate.gap(t, start.turns, start.unit, self.back)

    def until(self, t: Term, step: Any) -> Term:
        """How far a local step is ahead, in steps of the clock outside."""
        start = self.since(step)
        return start.rate.gap(t, start.turns, start.unit, not self.back)


def too_fine() -> Any:
    """The error for a stretch inside of another whose joints cannot be told exactly."""
    raise ScheduleError(
        "this schedule changes its pieces too finely: a stretch inside of another one, or of cycles under one, needs "
        "numbers that are known before the run, and not too many cycles; stretch by a whole number, or once"
    )
