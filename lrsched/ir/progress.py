"""What the formula of a profile is given: what is done, what is left, both accurate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.foundation.errors import fail
from lrsched.foundation.records import Record, replaced
from lrsched.ir.exact_steps import WIDEST, capped_steps, exact_constant, minus, number_of, whole_share, whole_steps
from lrsched.ir.runtime_scale import pace_of

if TYPE_CHECKING:
    from lrsched.ir.clock import Clock
    from lrsched.ir.term import Builder, Term


def ended(x: Progress) -> Progress:
    """The progress that is at its end where it has no length."""
    b, whole = x.b, x.done.dtype == x.left.dtype == x.total.dtype == "i"
    total = b.maximum(x.total, 1 if x.total.dtype == "i" else 1e-30)
    return replaced(x, done=b.sub(total, x.left) if whole else b.add(x.done, b.sub(total, x.total)), total=total)


def remaining(b: Builder, elapsed: Term, length: Term) -> Term:
    """length - elapsed, also where the length is no integer of the target."""
    if elapsed.dtype == "i" and length.dtype == "i" and length.hi > b.limit:
        whole = b.minimum(length, b.limit)
        return b.add(b.floats(b.sub(whole, elapsed)), b.floats(length - whole))
    return b.sub(length, elapsed)


class Progress(Record):
    """``done`` of ``total`` with ``left`` remaining: ``u = done / total``, ``z = left / total = 1 - u``.

    ``stepped`` says that the total is a number of steps, each ``unit`` long, so that a share of it is a whole step.
    ``clock`` is the stretched one whose local time, times ``unit``, is what is done; ``steps`` are the local steps
    that it runs through, where the unit is a number that only the run knows. ``whole`` says that all of it is exactly
    1, although XLA and ranges multiply by a rounded 1 / total.
    """

    b: Builder
    done: Term
    left: Term
    total: Term
    stepped: bool
    unit: Any = 1
    clock: Clock | None = None
    steps: Any = None
    whole: bool = True

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
        return share

    def simple(self) -> Progress:
        """The progress of a shape that is held at its ends by itself."""
        return replaced(self, whole=False)

    def reversed(self) -> Progress:
        """Run from the end."""
        return replaced(self, done=self.left, left=self.done, clock=None, steps=None)

    def mirrored(self) -> Progress:
        """There in the first half, back in the second."""
        b = self.b
        nearer = b.minimum(self.done, self.left)
        whole = nearer.dtype == "i" and self.total.hi <= b.limit
        done = nearer * 2 if whole else b.floats(nearer) * 2.0
        if whole and self.left.dtype == "i":
            return replaced(self, done=done, left=b.sub(self.total, done), clock=None, steps=None)
        later = b.lt(self.left, self.done)
        left = b.where(later, b.sub(self.done, self.left), b.sub(self.left, self.done))
        return replaced(self, done=done, left=left, clock=None, steps=None)

    def place(self, share: Any) -> Any:
        """How much is done at a share of the total: a whole step where the total is in steps."""
        b, total = self.b, self.total
        if self.steps is not None:
            return b.mul(b.floats(b.share(share, self.steps)), self.unit)
        steps = total if isinstance(self.unit, int) and self.unit == 1 else b.div(total, self.unit)
        if self.stepped and steps.dtype == "f" and b.lift(self.unit).dtype == "f":
            steps = b.floor(b.add(steps, 0.5))
        if self.stepped and steps.dtype == "i":
            return number_of(b.share(share, steps) * self.unit)
        if self.stepped:
            return b.floor(b.mul(steps, share) + 0.5) * self.unit
        exact = isinstance(total.value, int | float | Fraction) and isinstance(share, int | float | Fraction)
        return Fraction(total.value) * Fraction(share) if exact else b.mul(total, share)

    def before(self, place: Any) -> Term:
        """Whether less than ``place`` is done."""
        b, place = self.b, self.b.lift(place)
        if place.equals(0):
            return b.lift(False)
        if self.clock is not None and exact_constant(place):
            return self.clock.before(b.div(place, self.unit))
        if self.done.dtype == "i" and place.dtype == "q":
            return b.lt(self.done, b.neg(b.floor(-place)))
        return b.lt(self.done, place)

    def passed(self, places: Sequence[Any]) -> Term | None:
        """How many of the increasing places are done, where whole steps tell it; None where only comparisons do."""
        clock, t, edges = self.clock, self.done, list(places)
        if not all(isinstance(x, int | Fraction) for x in edges):
            return None
        if clock is not None:
            t, stretch = clock.own, clock.stretch
            if stretch is None or not stretch.fixed or stretch.back or not isinstance(stretch.offset, int | Fraction):
                return None
            edges = [place + stretch.offset for place in edges]
        if t.dtype != "i":
            return None
        begun = sum(place <= 0 for place in places)  # and are done before a section has begun
        return self.b.maximum(
            self.b.search(np.array([min(math.ceil(x), WIDEST) for x in edges], dtype=np.int64), t), begun
        )

    def before_share(self, share: Any, place: Any) -> Term:
        """Whether less than the place of a share is done, a whole step."""
        if self.clock is None or self.steps is None:
            return self.before(place)
        return self.clock.before(self.b.share(share, self.steps))

    def before_jump(self, share: Any, place: Any) -> Term:
        """Whether less than the place of a share is done, wherever between steps it is."""
        b, clock, pace = self.b, self.clock, pace_of(self.b, share)
        if clock is None or clock.stretch is None or self.steps is None or pace is None:
            return self.before(place)
        whole, part, missing = pace.scaled(b.lift(self.steps))
        up = b.lt(missing, part)
        past = clock.stretch.past(clock.own, b.add(whole, b.where(up, 1, 0)))
        return b.lt(past, b.where(up, b.neg(missing), part) * self.unit)

    def section(self, start: Any, stop: Any, inside: bool = False) -> Progress:
        """Progress within [start, stop] of what is done, held outside; ``inside`` promises that it is never outside."""
        b = self.b
        start, stop = b.lift(start), b.lift(stop)
        clock = self.clock
        if clock is not None:
            first, last = b.div(start, self.unit), b.div(stop, self.unit)
            if exact_constant(first) and exact_constant(last) and not last.equals(first.value):
                x = clock.since(number_of(first)).progress(number_of(last - first))
                if not inside:  # it may not have begun
                    x = replaced(x, done=b.maximum(x.done, 0), left=b.minimum(x.left, x.total))
                return replaced(
                    x, whole=self.whole, stepped=self.stepped, clock=x.clock if first.dtype == "i" else None
                )
            clock = clock.since(number_of(first)) if first.dtype == "i" else None
        total = stop - start
        done = self._less(start)
        left = b.neg(self._less(stop)) if not stop.equals(self.total.value) else self.left
        if inside and total.is_const and total.lo > 0:
            return Progress(b, done, left, total, self.stepped, self.unit)
        done = done if b.branching and start.equals(0) else b.maximum(done, 0)
        left = left if left is self.left else b.maximum(left, 0)
        if total.op == "const" and total.args[0] == 0:
            return Progress(b, b.lift(1), b.lift(0), b.lift(1), self.stepped)
        done, left, safe = b.minimum(done, total), b.minimum(left, total), total
        if not (total.op == "const" or total.lo > 0):
            safe = b.maximum(total, 1e-30 if total.dtype == "f" else 1)
            done = b.add(done, b.sub(safe, total))  # what has no length is at its end
        return Progress(b, done, left, safe, self.stepped, self.unit, clock)

    def until(self, step: Any) -> Progress:
        """The progress that is cut at a local step."""
        b, most = self.b, self.b.lift(step) * self.unit
        done, left = b.minimum(self.done, most), b.maximum(self.left, b.sub(self.total, most))
        return replaced(self, done=done, left=left, clock=None, steps=None)

    def _less(self, amount: Term) -> Term:
        if amount.equals(0):
            return self.done
        if self.done.dtype == "i":
            return self.b.sub(self.done, amount) if amount.dtype == "i" else minus(self.b, self.done, amount)
        return self.b.sub(self.done, self.b.floats(amount))

    def index(self, times: Any) -> Term:
        """floor(u * times), exactly."""
        b = self.b
        number = b.lift(times)
        if self.done.dtype == "i" and self.total.op == number.op == "const" and self.total.hi > b.limit:
            if number.hi > b.limit:
                fail("sampled", "times", f"at most {b.limit} over so many steps on this target", number.args[0])
            slope = Fraction(number.args[0]) / self.total.args[0]
            return b.minimum(capped_steps(b, self.done, slope, Fraction(0)), times)
        if self.done.dtype == "i" and exact_constant(self.total) and exact_constant(number) and self.total.hi > b.limit:
            return b.minimum(whole_steps(b, self.done, b.div(number, self.total)), times)
        if self.done.dtype == "i" and self.total.dtype == "i":
            return b.muldiv(self.done, times, self.total)
        if self.clock is not None and number.op == "const" and b.div(self.total, self.unit).dtype == "i":
            steps = b.div(self.total, self.unit)
            return b.minimum(self.clock.whole(steps, times), times)
        stretch: Any = self.clock and self.clock.stretch
        if self.clock is not None and self.steps is not None and not stretch.back and type(stretch.parts) is int:
            whole, part = b.minimum(self.clock.whole(), self.steps), stretch.rate.part(self.clock.own, times)
            return b.minimum(whole_share(b, whole, part, times, self.steps), times)
        index = b.floor(b.div(b.mul(self.done, times), self.total))
        return b.where(b.le(self.left, 0), times, b.minimum(index, b.sub(times, 1)))

    def after(self, f: Callable[[Term], Term], g: Callable[[Term], Term]) -> Progress:
        """Progress f(u) with remainder g(z), both accurate."""
        return Progress(self.b, f(self.u), g(self.z), self.b.lift(1), stepped=False)


def unit_progress(b: Builder) -> Progress:
    """The progress of a profile that is called by itself: a number u in [0, 1]."""
    u = b.step(0, 1)
    return Progress(b, u, b.sub(1.0, u), b.lift(1.0), stepped=False)
