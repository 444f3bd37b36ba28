"""Schedules that are not made of other schedules: a value for every step, each with one formula."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched import _fields, _host
from lrsched._clock import Clock, Progress, number_of
from lrsched._errors import check_count, fail
from lrsched._fields import any_jax, is_jax
from lrsched._node import forget, kind
from lrsched._schedule import Schedule
from lrsched._term import named
from lrsched.profiles import Linear, Profile, check_increasing

if TYPE_CHECKING:
    from lrsched._blends import Choice
    from lrsched._term import Builder, Term

__all__ = [
    "chebyshev_steps",
    "constant",
    "custom",
    "exponential_decay",
    "geometric",
    "hold",
    "inverse_sqrt",
    "inverse_time_decay",
    "multi_step",
    "piecewise",
    "power_decay",
    "range_sweep",
    "register",
    "silver_steps",
    "step_decay",
    "table",
    "warmup",
]

LINEAR = Linear()
MOSTLY = 0.51


def blend(x: Progress, profile: Profile | Choice, start: Any, end: Any) -> Term:
    """``end + (start - end) * p``, measured from the end of smaller value, with both ends exact."""
    b, x = x.b, x if profile.first is None else x.simple()
    start, end = b.floats(start), b.floats(end)
    same = start.op == end.op == "const" and start.args[0] == end.args[0]
    if same or (x.left.equals(0) and profile.last == 0.0):
        return b.settled(end)
    falling = _falls(b, start, end)
    if b.exact_ends and not b.branching and (profile.sided or not falling.is_const):
        gap = _gap(falling, start, end) if b.weighed and profile.steady else None
        return _from_both_ends(x, profile, start, end) if gap is None else _from_one_end(x, profile, gap, start, end)
    near, far = _levels(falling, start, end)
    weight, span = _weight(x, profile, falling), _span(near, far)
    value = _between(near, far, span, weight)
    if b.exact_ends and not b.branching and profile.first == 1.0 and profile.last == 0.0:
        return b.where(_at_far_end(x, falling), far, value)  # where the weight is 0, near is exact by itself
    if (profile.first is None and value is weight) or (not b.exact_ends and _reaches(near, far, span)):
        return value
    if profile.first == 1.0:
        return _with_exact_ends(x, profile, value, start, end, near, far)
    known = not getattr(profile, "_arrays", False)  # else the far end keeps the gradient of what the run knows
    return b.where(b.eq(weight, 1.0), far if known else b.add(b.mul(span, b.sub(weight, 1.0)), far), value)


def _weight(x: Progress, profile: Profile | Choice, falling: Term) -> Term:
    """p where the size falls, 1 - p where it rises."""
    b = x.b
    if falling.op == "const":
        return b.floats(b.settled(profile.side(x, not falling.args[0])))
    p, q = (b.floats(b.settled(v)) for v in profile.formula(x))
    return b.where(falling, p, q)


def _levels(falling: Term, start: Term, end: Term) -> tuple[Term, Term]:
    """The level of smaller size and the other one."""
    b, index = falling.b, _index(start, end)
    if not b.scalar or index is None or falling.is_const:
        return b.where(falling, end, start), b.where(falling, start, end)
    first, second = _array(start), _array(end)
    down = np.abs(first) >= np.abs(second)
    return b.column(np.where(down, second, first), index), b.column(np.where(down, first, second), index)


def _index(near: Term, far: Term) -> Term | None:
    """The index of two levels that are known in every piece; None if they are not, or the same in all."""
    columns = [t for t in (near, far) if t.op == "column"]
    known = all(t.op in ("const", "column") and not is_jax(t.args[0]) for t in (near, far))
    return columns[0].args[1] if columns and known else None


def _from_both_ends(x: Progress, profile: Profile | Choice, start: Term, end: Term) -> Term:
    """``end + span * p`` where p is the smaller, ``start - span * (1 - p)`` elsewhere: both ends are exact as they are.

    Nothing cancels whichever end is the smaller, so that it need not be known.
    """
    b = x.b
    start, end = b.settled(start), b.settled(end)
    later, weight = profile.nearer(x)
    part = b.mul(b.sub(start, end), weight)
    return b.where(later, b.add(part, end), b.sub(start, part))


def _gap(falling: Term, start: Term, end: Term) -> Term | None:
    """What leads from the smaller of two known levels of one sign exactly to the other, in the target's numbers."""
    b = falling.b
    if not falling.is_const or any(t.op not in ("const", "column") or is_jax(t.args[0]) for t in (start, end)):
        return None
    near, far = np.broadcast_arrays(*(_array(t) for t in _levels(falling, start, end)))
    if np.any(np.sign(near) * np.sign(far) < 0):
        return None
    gap, index = _host.gap(near, far, b.single), _index(start, end)
    if gap is None:
        return None
    return b.lift(float(gap)) if index is None else b.column(gap, index)


def _from_one_end(x: Progress, profile: Profile | Choice, gap: Term, start: Term, end: Term) -> Term:
    """``near + gap * p`` where p is exactly 0 and 1 at its ends, and as exact as it can be near them."""
    b, falling = x.b, _falls(x.b, start, end)
    return b.add(b.mul(gap, _weight(x, profile, falling)), b.where(falling, end, start))


def _between(near: Term, far: Term, span: Term, weight: Term) -> Term:
    """``near + span * weight``; counted from ``far`` where the weight is 1 less something small."""
    b = weight.b
    if b.scalar and weight.op == "where":
        condition, yes, no = weight.args
        return b.where(condition, _between(near, far, span, yes), _between(near, far, span, no))
    if b.scalar and weight.op == "sub" and weight.args[0].equals(1.0) and _reaches(near, far, span):
        rest = weight.args[1]
        if rest.hi <= MOSTLY:
            return _crest(near, far, named(rest)) or b.sub(far, b.mul(span, rest))
    return b.add(b.mul(span, weight), near)


def _crest(near: Term, far: Term, rest: Term) -> Term | None:
    """``far - (far - near) * sin(a)**2`` as ``middle + half * cos(2a)``, for levels of one sign and a constant pace."""
    wave, again = rest.args if rest.op == "mul" else (rest, None)
    angle = wave.args[0] if wave is again and wave.op == "sin" else rest
    if angle.op != "mul" or angle.args[1].op != "const":
        return None
    b, index, low, high = rest.b, _index(near, far), near.args[0], far.args[0]
    middle = low / 2 + high / 2
    half = high - middle
    one_sign = ((low >= 0) & (high >= 0)) | ((low <= 0) & (high <= 0))
    fits = one_sign & (middle + half == high)
    if not (fits if index is None else np.all(fits)):
        return None
    wave = b.cos(b.mul(angle.args[0], 2 * angle.args[1].args[0]))
    if index is None:
        return b.add(b.mul(half, wave), middle)
    return b.add(b.mul(b.column(half, index), wave), b.column(middle, index))


def _reaches(near: Term, far: Term, span: Term) -> bool:
    """Whether near + span is far, exactly."""
    if near.op == far.op == "const":
        return bool(near.args[0] + span.args[0] == far.args[0])
    known = near.b.scalar and _index(near, far) is not None
    return known and _host.every(_array(near) + _array(span) == _array(far))


def _span(near: Term, far: Term) -> Term:
    """far - near, one unit in its last place aside where near + span would else miss far."""
    b = near.b
    if near.op == far.op == "const":
        span = far - near
        return b.lift(_host.reaching(near.args[0], far.args[0], span.args[0])) if span.op == "const" else span
    index = _index(near, far)
    if index is None or not b.scalar:
        return far - near
    with np.errstate(all="ignore"):
        first, second = _array(near), _array(far)
        return b.column(_host.reaching(first, second, second - first), index)


def _sizes(level: Term) -> tuple[Any, Any]:
    """The least and the largest size that a level may have."""
    low, high = sorted((abs(level.lo), abs(level.hi)))
    return 0 if level.lo < 0 < level.hi else low, high


def _falls(b: Builder, start: Term, end: Term) -> Term:
    """Whether the size falls from start to end; known at once for plain numbers and for columns that agree."""
    if start.op == end.op == "const":
        return b.lift(abs(start.value) >= abs(end.value))
    if start.is_const and end.is_const and "bound" not in (start.op, end.op):
        (low, most), (least, high) = map(_sizes, (start, end))
        if low >= high or most <= least:
            return b.lift(low >= high)
        first, second = (np.abs(_array(v)) for v in (start, end))
        if _host.every(first >= second):
            return b.lift(True)
        if _host.every(first <= second):
            return b.lift(False)
        index = next(t.args[1] for t in (start, end) if t.op == "column")
        return b.eq(b.settled(b.column((first >= second).astype(np.int64), index)), 1)
    return b.le(end * end, start * start)


def _array(term: Term) -> Any:
    return np.asarray(term.args[0], dtype=np.float64)


def _with_exact_ends(
    x: Progress, profile: Profile | Choice, value: Term, start: Term, end: Term, near: Term, far: Term
) -> Term:
    """The value, replaced at an end where rounding could move it off the number given."""
    b = x.b
    if profile.last == 0.0 and not (near is end and b.exact_ends is False):
        value = b.where(b.eq(x.left, 0), end, value)
    if profile.first == 1.0 and not (near is start and b.exact_ends is False):
        value = b.where(b.eq(x.done, 0), start, value)
    return value


def _at_far_end(x: Progress, falling: Term) -> Term:
    """Whether all is left of what falls, or all is done of what rises."""
    if falling.op == "const":
        return x.b.eq(x.done if falling.args[0] else x.left, 0)
    return x.b.eq(x.b.where(falling, x.left, x.done), x.total)


@kind("over", method="over")
class Over(Schedule):
    """A profile over a number of steps; see :meth:`lrsched.Profile.over`."""

    profile: Profile = _fields.node("Profile")
    steps: int = _fields.count()
    start: float = _fields.real(default=1.0)
    end: float = _fields.real(default=0.0)
    endpoint: bool = _fields.static("flag", default=False, choices=(False, True))

    @property
    def duration(self) -> Any:
        return self.steps

    def formula(self, clock: Clock) -> Term:
        return clock.finite(self.steps, self._blend)

    def _blend(self, clock: Clock) -> Term:
        b = clock.b
        if self.endpoint:
            last = b.minimum(b.maximum(b.lift(self.steps) - 1, 1), self.steps)
            x = clock.within(False).progress(number_of(last))
        else:
            x = clock.progress(self.steps)
        return blend(x, self.profile, self.start, self.end)


@kind("warmup")
class Warmup(Schedule):
    """A rise ``start -> end`` over ``steps`` steps, held after: ``start + (end - start) * t / steps``.

    ``warmup(w) >> s`` runs ``s`` after the rise; ``warmup(w) * s`` runs both on one clock.

    Args:
        steps: an integer >= 0, in updates.
        start, end: the values before and after.
        profile: the shape of the rise, turned upside down.
        skip_zero: use (t + 1) / steps, so that the first update is not made with ``start``.

    Raises:
        ScheduleError: an argument is out of its range; names it and its value.

    Example:
        >>> from lrsched import warmup
        >>> warmup(4).sample(6).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    steps: int = _fields.count()
    start: float = _fields.real(default=0.0)
    end: float = _fields.real(default=1.0)
    profile: Profile = _fields.node("Profile", default=LINEAR)
    skip_zero: bool = _fields.static("flag", default=False, choices=(False, True))

    @property
    def duration(self) -> Any:
        return self.steps

    def formula(self, clock: Clock) -> Term:
        return clock.finite(self.steps, self._rise)

    def _rise(self, clock: Clock) -> Term:
        if self.skip_zero:
            x = clock.since(-1).within(False).progress(self.steps)
            return blend(x, self.profile, self.start, self.end)
        return blend(clock.progress(self.steps), self.profile, self.start, self.end)


@kind("constant")
class Constant(Schedule):
    """The same value for ever.

    Example:
        >>> from lrsched import constant
        >>> constant(0.1)(10**9)
        0.1
    """

    value: float = _fields.real()

    @property
    def duration(self) -> Any:
        return math.inf

    def formula(self, clock: Clock) -> Term:
        return clock.b.floats(self.value)


@kind("hold")
class Hold(Schedule):
    """The same value for a number of steps.

    Example:
        >>> from lrsched import hold, linear
        >>> (hold(2) >> linear().over(2)).sample(4).tolist()
        [1.0, 1.0, 1.0, 0.5]
    """

    steps: int = _fields.count()
    value: float = _fields.real(default=1.0)

    @property
    def duration(self) -> Any:
        return self.steps

    def formula(self, clock: Clock) -> Term:
        return clock.b.floats(self.value)


class _Endless(Schedule):
    """What schedules without an end share."""

    __slots__ = ()

    @property
    def duration(self) -> Any:
        return math.inf


def index_of(clock: Clock, every: Any = 1) -> Term:
    """The local step that decides which piece is meant, as an integer; in whole parts of ``every`` steps."""
    return clock.b.floordiv(clock.own, every) if clock.plain else _whole(clock, clock.own, every)


def index_at(clock: Clock, every: Any = 1) -> Term:
    """The local step that the formula sees, as an integer; in whole parts of ``every`` steps."""
    b = clock.b
    if clock.plain:
        return b.floordiv(b.floor(clock.at), every)
    index = _whole(clock, clock.at, every)
    return index if clock.most is None else b.minimum(index, b.floordiv(b.floor(clock.most), every))


def _whole(clock: Clock, step: Term, every: Any) -> Term:
    """The whole local steps of a stretched clock at one of its steps, exactly where the stretch is known exactly."""
    b = clock.b
    first = 0 if clock.least is None else b.maximum(b.floordiv(b.floor(clock.least), every), 0)
    if step.kind == "i" and (clock.counted or clock.pace is not None):
        return b.maximum(clock.whole(step, 1, every), first)
    local = b.div(b.floats(step) - (b.floats(clock.offset) - clock.slack), b.floats(clock.scale))
    return b.maximum(b.floordiv(b.maximum(b.floor(local), 0), every), first)


def time_of(clock: Clock) -> Term:
    """The local time as a number: an integer where it can be."""
    b = clock.b
    if clock.plain:
        return clock.at
    time = b.maximum(clock.elapsed, 0.0) / b.floats(clock.scale)
    if clock.least is not None:
        time = b.maximum(time, b.floats(clock.least))
    return time if clock.most is None else b.minimum(time, b.floats(clock.most))


def whole_time(clock: Clock) -> Term:
    """The local time, an integer on a clock that is merely ahead: beyond the target's integers it wraps around."""
    ahead = isinstance(clock.scale, int) and clock.scale == 1 and isinstance(clock.offset, int)
    return clock.b.sub(clock.at, clock.offset) if ahead and clock.most is None else time_of(clock)


@kind("multi_step")
class MultiStep(_Endless):
    """``gamma**k`` after k milestones; a milestone m takes effect at t >= m, and counts as often as it is given.

    Example:
        >>> from lrsched import multi_step
        >>> multi_step([2, 3]).sample(4).tolist()
        [1.0, 1.0, 0.1, 0.010000000000000002]
    """

    milestones: tuple[int, ...] = _fields.counts()
    gamma: float = _fields.positive(default=0.1)

    def validate(self) -> None:
        check_sorted(self.where(), "milestones", self.milestones)

    def formula(self, clock: Clock) -> Term:
        b, size = clock.b, len(self.milestones)
        index = piece_index(clock, self.milestones)
        gamma = b.lift(self.gamma)
        if gamma.op == "const":
            return b.gather(np.array(powers(gamma.args[0], size + 1)), index)
        return b.ipow(gamma, index)

    def edges(self, stop: Any) -> list[int]:
        return [int(m) for m in self.milestones]

    def _rescaled(self, ratio: Any, steps: Any) -> Schedule:
        return MultiStep(tuple(round(m * ratio) for m in self.milestones), self.gamma)


def powers(base: float, count: int) -> list[float]:
    """base**0, base**1, ...; infinity beyond the doubles."""
    try:
        return [math.pow(base, k) for k in range(count)]
    except (OverflowError, ValueError):
        return [_host.power(base, k) for k in range(count)]


def check_sorted(where: str, argument: str, values: Any) -> None:
    """Refuse a tuple of numbers that falls somewhere."""
    if isinstance(values, tuple) and not any_jax(values) and list(values) != sorted(values):
        fail(where, argument, "in increasing order", values)


def piece_index(clock: Clock, starts: Any) -> Term:
    """How many of the local steps ``starts`` have come."""
    b = clock.b
    if len(starts) == 0:
        return b.lift(0)
    if is_jax(starts) and clock.plain:
        return b.search(starts, clock.own)
    if is_jax(starts) or any_jax(starts):
        edges = [clock.edge(starts[i]) for i in range(len(starts))]
        if all(getattr(edge, "op", "bound") in ("const", "bound") for edge in edges):
            return b.search(_stacked(edges), clock.own)
        return b.search(_stacked([starts[i] for i in range(len(starts))]), index_of(clock))
    return count_passed(clock, starts)


def count_passed(clock: Clock, starts: Any) -> Term:
    """How many of the local steps ``starts``, plain integers, have come."""
    b, edges = clock.b, starts if clock.plain else [clock.edge(n) for n in starts]
    if clock.plain or all(isinstance(e, int) for e in edges):
        return b.search(_thresholds(edges), clock.own)
    return b.search(_thresholds(starts), index_of(clock))


def _thresholds(steps: Any) -> Any:
    """Steps as 64-bit integers; what lies beyond them is beyond every clock too."""
    return np.array([min(n, 2**62) for n in steps] if max(steps, default=0) > 2**62 else steps, dtype=np.int64)


def _stacked(values: list[Any]) -> Any:
    import jax.numpy as jnp

    return jnp.stack([jnp.asarray(v if not hasattr(v, "args") else v.args[0]) for v in values])


@kind("step_decay")
class StepDecay(_Endless):
    """``gamma**(t // every)``.

    Example:
        >>> from lrsched import step_decay
        >>> step_decay(2, gamma=0.5).sample(5).tolist()
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: int = _fields.count(low=1)
    gamma: float = _fields.positive(default=0.1)

    def formula(self, clock: Clock) -> Term:
        return clock.b.ipow(self.gamma, index_of(clock, self.every))

    def edges(self, stop: Any) -> Any:
        return range(self.every, math.ceil(stop), self.every)

    def _rescaled(self, ratio: Any, steps: Any) -> Schedule:
        return StepDecay(max(1, round(self.every * ratio)), self.gamma)


@kind("piecewise")
class Piecewise(_Endless):
    """Piecewise constant; made by :func:`piecewise`."""

    starts: tuple[int, ...] = _fields.counts(label="boundaries")
    values: tuple[float, ...] = _fields.reals(least=1)

    def validate(self) -> None:
        check_increasing(self.where(), "boundaries", self.starts)
        plain = isinstance(self.values, tuple) and isinstance(self.starts, tuple)
        if plain and len(self.values) != len(self.starts) + 1:
            fail(self.where(), "values", f"one more than the {len(self.starts)} boundaries", self.values)

    def formula(self, clock: Clock) -> Term:
        return read(clock.b, self.values, piece_index(clock, self.starts))

    def edges(self, stop: Any) -> list[int]:
        return [int(m) for m in self.starts]

    def _rescaled(self, ratio: Any, steps: Any) -> Schedule:
        later = {round(m * ratio): value for m, value in zip(self.starts, self.values[1:], strict=True)}
        return Piecewise(tuple(later), (self.values[0], *later.values()))


def read(b: Builder, values: Any, index: Term) -> Term:
    """values[index] for a tuple of numbers or a JAX array."""
    if not is_jax(values):
        values = _stacked(list(values)) if any_jax(values) else np.array(values, dtype=np.float64)
    return b.gather(values, index)


@kind("exponential_decay")
class ExponentialDecay(_Endless):
    """``gamma**t``.

    Example:
        >>> from lrsched import exponential_decay
        >>> exponential_decay(0.5).sample(3).tolist()
        [1.0, 0.5, 0.25]
    """

    gamma: float = _fields.positive()

    def formula(self, clock: Clock) -> Term:
        t = whole_time(clock)
        return clock.b.ipow(self.gamma, t) if t.kind == "i" else clock.b.pow(self.gamma, t)

    def _rescaled(self, ratio: Any, steps: Any) -> Schedule:
        return ExponentialDecay(self.gamma ** float(1 / ratio))


@kind("inverse_time_decay")
class InverseTimeDecay(_Endless):
    """``1 / (1 + rate*t)``, rate >= 0 in 1/updates.

    Example:
        >>> from lrsched import inverse_time_decay
        >>> inverse_time_decay(1.0).sample(3).tolist()
        [1.0, 0.5, 0.3333333333333333]
    """

    rate: float = _fields.real(low=0.0)

    def formula(self, clock: Clock) -> Term:
        return 1.0 / (clock.b.floats(time_of(clock)) * clock.b.floats(self.rate) + 1.0)

    def _rescaled(self, ratio: Any, steps: Any) -> Schedule:
        return InverseTimeDecay(float(self.rate / ratio))


@kind("inverse_sqrt")
class InverseSqrt(_Endless):
    """``sqrt(timescale / max(t, timescale))``: 1 up to ``timescale`` steps, then falling. Vaswani et al. (2017).

    Example:
        >>> from lrsched import inverse_sqrt
        >>> inverse_sqrt(4)(16)
        0.5
    """

    timescale: float = _fields.positive()

    def formula(self, clock: Clock) -> Term:
        return decay_after(clock, self.timescale, clock.b.sqrt)

    def _rescaled(self, ratio: Any, steps: Any) -> Schedule:
        return InverseSqrt(float(self.timescale * ratio))


def decay_after(clock: Clock, timescale: Any, shape: Callable[[Term], Term]) -> Term:
    """``shape(timescale / t)`` after ``timescale`` steps, 1 before."""
    b, scale = clock.b, clock.b.floats(timescale)
    t = b.floats(time_of(clock))
    early = b.le(t, scale)
    return b.where(early, 1.0, shape(b.minimum(scale / b.narrow(t, lo=scale), 1.0)))


@kind("power_decay")
class PowerDecay(_Endless):
    """``(timescale / max(t, timescale))**power``: 1 up to ``timescale`` steps, then a power law.

    Example:
        >>> from lrsched import power_decay
        >>> power_decay(4, power=1.0)(16)
        0.25
    """

    timescale: float = _fields.positive()
    power: float = _fields.positive()

    def formula(self, clock: Clock) -> Term:
        return decay_after(clock, self.timescale, lambda x: clock.b.pow(x, self.power))

    def _rescaled(self, ratio: Any, steps: Any) -> Schedule:
        return PowerDecay(float(self.timescale * ratio), self.power)


@kind("geometric")
class Geometric(Schedule):
    """A geometric ramp ``start * (end / start)**(t / steps)`` over ``steps`` steps; both ends are positive.

    Example:
        >>> from lrsched import geometric
        >>> geometric(2, 1e-4, 1.0).sample(3).round(6).tolist()
        [0.0001, 0.01, 1.0]
    """

    steps: int = _fields.count()
    start: float = _fields.positive()
    end: float = _fields.positive()

    @property
    def duration(self) -> Any:
        return self.steps

    def formula(self, clock: Clock) -> Term:
        return clock.finite(self.steps, self._ramp)

    def _ramp(self, clock: Clock) -> Term:
        b, x = clock.b, clock.progress(self.steps).simple()
        start, end = b.floats(self.start), b.floats(self.end)
        range_ = b.log(end) - b.log(start)
        late = b.le(x.left, x.done)
        share = b.where(late, -(range_ * x.z), range_ * x.u)
        value = b.mul(b.exp(share), b.where(late, end, start))
        return b.where(b.eq(x.left, 0), end, value) if b.exact_ends else value


@kind("table")
class Table(Schedule):
    """The values given, one a step; the last is held.

    Args:
        values: at least one number.
        interpolate: between steps (of a stretched or real clock), draw straight lines.

    Example:
        >>> from lrsched import table
        >>> table([3, 1, 2]).sample(4).tolist()
        [3.0, 1.0, 2.0, 2.0]
    """

    values: tuple[float, ...] = _fields.reals(least=1)
    interpolate: bool = _fields.static("flag", default=False, choices=(False, True))

    @property
    def duration(self) -> Any:
        return len(self.values)

    def formula(self, clock: Clock) -> Term:
        b, size = clock.b, len(self.values)
        index = b.minimum((index_at if self.interpolate else index_of)(clock.within(False)), size - 1)
        value = read(b, self.values, index)
        exact = clock.plain and clock.at.kind == "i"
        if exact or not self.interpolate:
            return value
        following = read(b, self.values, b.minimum(index + 1, size - 1))
        part = b.minimum(b.floats(time_of(clock)) - b.floats(index), 1.0)
        return b.where(b.lt(index, size - 1), value * (1.0 - part) + following * part, value)

    def _rescaled(self, ratio: Any, steps: Any) -> Schedule:
        sampled = [self.values[min(int(i / ratio), len(self.values) - 1)] for i in range(steps)]
        return Table(tuple(sampled) or self.values[-1:], self.interpolate)


@kind("silver_steps")
class SilverSteps(Schedule):
    """Silver step sizes ``1 + rho**(nu(t+1) - 1)``, rho = 1 + sqrt 2, nu the exponent of 2. Altschuler, Parrilo (2023).

    Multiply by 1/L; stop after 2**k - 1 steps only.

    Example:
        >>> from lrsched import silver_steps
        >>> [round(x, 3) for x in silver_steps(3).sample(3).tolist()]
        [1.414, 2.0, 1.414]
    """

    steps: int = _fields.count()

    @property
    def duration(self) -> Any:
        return self.steps

    def formula(self, clock: Clock) -> Term:
        levels = np.array([1.0 + silver_power(k - 1) for k in range(64)])
        return clock.finite(self.steps, lambda c: c.b.gather(levels, c.b.valuation(index_at(c) + 1)))


def silver_power(k: int) -> float:
    """(1 + sqrt 2)**k, k >= -1, rounded once: a + b * sqrt 2 for integers a and b."""
    a, b = -1, 1
    for _ in range(k + 1):
        a, b = a + 2 * b, a + b
    return float(Fraction((a << 200) + math.isqrt(2 * b * b << 400), 1 << 200))


@kind("chebyshev_steps")
class ChebyshevSteps(Schedule):
    """Chebyshev step sizes ``1 / ((M+m)/2 - (M-m)/2 * cos((i+1/2)*pi/n))`` for a spectrum [m, M].

    In the fractal order (n a power of 2) every prefix is stable. Agarwal, Goel and Zhang (2021).

    Args:
        steps: n, an integer >= 1, a power of 2 when fractal.
        smallest, largest: m and M, positive.
        fractal: reorder the steps so that no run of them diverges.

    Example:
        >>> from lrsched import chebyshev_steps
        >>> [round(x, 4) for x in chebyshev_steps(4, 0.1, 1.0).sample(4).tolist()]
        [7.4486, 1.0355, 2.647, 1.3846]
    """

    steps: int = _fields.static("count", low=1)
    smallest: float = _fields.positive()
    largest: float = _fields.positive()
    fractal: bool = _fields.static("flag", default=True, choices=(False, True))

    def validate(self) -> None:
        if self.steps > 2**24:
            fail(self.where(), "steps", f"at most {2**24}: the sizes are tabulated", self.steps)
        if self.fractal and self.steps & (self.steps - 1):
            fail(self.where(), "steps", "a power of 2 in the fractal order", self.steps)
        if not is_jax(self.smallest) and not is_jax(self.largest) and self.smallest > self.largest:
            fail(self.where(), "smallest", f"at most largest, {self.largest!r}", self.smallest)

    @property
    def duration(self) -> Any:
        return self.steps

    def formula(self, clock: Clock) -> Term:
        b, n = clock.b, self.steps
        order = fractal_order(n) if self.fractal else np.arange(n)
        squares = np.sin((order + 0.5) * (np.pi / (2 * n))) ** 2
        square = b.gather(squares, b.minimum(index_of(clock.within(False)), n - 1))
        low, high = b.floats(self.smallest), b.floats(self.largest)
        return 1.0 / (low + (high - low) * square)

    def _rescaled(self, ratio: Any, steps: Any) -> Schedule:
        if (self.fractal and steps & (steps - 1)) or not steps:
            return self.stretched(float(ratio))
        return ChebyshevSteps(steps, self.smallest, self.largest, self.fractal)


def fractal_order(n: int) -> Any:
    """The order 0, n-1, ... in which Chebyshev steps stay stable; n is a power of 2."""
    order = np.zeros(1, dtype=np.int64)
    while len(order) < n:
        order = np.stack([order, 2 * len(order) - 1 - order], axis=1).reshape(-1)
    return order


def range_sweep(smallest: Any = 1e-7, largest: Any = 10.0, steps: int = 100, spacing: str = "geometric") -> Schedule:
    """The rates of a learning-rate range test: ``smallest -> largest`` over ``steps`` steps. Smith (2017).

    ``geometric(steps, smallest, largest)``, or ``linear().over(steps, smallest, largest)`` with ``spacing="linear"``.

    Example:
        >>> from lrsched import range_sweep
        >>> round(range_sweep(1e-4, 1.0, 4)(2), 6)
        0.01
    """
    from lrsched._errors import check_choice
    from lrsched._naming import speaking_as

    check_choice("range_sweep", "spacing", spacing, ("geometric", "linear"))
    with speaking_as("range_sweep", start="smallest", end="largest"):
        return LINEAR.over(steps, smallest, largest) if spacing == "linear" else Geometric(steps, smallest, largest)


FUNCTIONS: dict[str, tuple[Callable[..., Any], Any]] = {}


class Called:
    """A registered function and the names of its numbers: what generated code calls, so that no name is written there.

    ``called(*values)(xp, t)`` is ``function(xp, t, **numbers)``, whose shape and kind are checked.
    """

    __slots__ = ("function", "name", "names")

    def __init__(self, name: str, function: Callable[..., Any], names: tuple[str, ...]) -> None:
        self.name, self.function, self.names = name, function, names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Called) and (self.function, self.names) == (other.function, other.names)

    def __hash__(self) -> int:
        return hash((self.name, self.names))

    def __call__(self, *values: Any) -> Callable[[Any, Any], Any]:
        numbers = dict(zip(self.names, values, strict=True))

        def bound(xp: Any, t: Any) -> Any:
            try:
                result = self.function(xp, t, **numbers)
            except Exception as error:
                error.add_note(f"raised by the function registered as {self.name!r}")
                raise
            if getattr(result, "shape", None) != t.shape or _kind_of(result) not in NUMERIC:
                self.check(result, t)
            return result

        return bound

    def check(self, result: Any, t: Any) -> None:
        """Refuse what is neither a number nor an array of numbers of the steps' shape."""
        plain = isinstance(result, int | float)
        if not plain and (not hasattr(result, "shape") or _kind_of(result) not in NUMERIC):
            allowed = "an array of numbers of the shape of t"
            fail(f"custom({self.name!r})", "the result of the registered function", allowed, result, kind=True)
        shape = () if plain else tuple(result.shape)
        if shape not in ((), tuple(t.shape)):
            allowed = f"an array of the shape of t, {tuple(t.shape)}"
            fail(f"custom({self.name!r})", "the result of the registered function", allowed, shape)


NUMERIC = "fiubV"  # V: the small floating types that were added to NumPy's


def _kind_of(result: Any) -> str:
    """The letter of an array's type; that of real numbers for types that are not NumPy's."""
    kind: str = getattr(getattr(result, "dtype", None), "kind", "f")
    return kind


def register(
    name: str, duration: int | None = None, *, replace: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register ``f(xp, t, **numbers)`` as the formula of ``custom(name, **numbers)``.

    Args:
        name: the name under which it is stored and read back; register it before reading.
        duration: number of steps, or None for ever.
        replace: whether another function may have the name already; schedules that use it then follow the new one.

    The function takes an array namespace (``numpy`` or ``jax.numpy``), the steps and the numbers, and returns an
    array of the same shape.

    Raises:
        ScheduleError: another function or duration has the name; the same definition again is no other.

    Example:
        >>> import lrsched as lrs
        >>> @lrs.register("docs_sawtooth")
        ... def sawtooth(xp, t, *, period):
        ...     return 1.0 - xp.mod(t, period) / period
        >>> lrs.custom("docs_sawtooth", period=4.0)(3)
        0.25
    """
    if not isinstance(name, str) or not name:
        fail("register", "name", "a non-empty string", name, kind=True)
    if "\\" in repr(name):
        fail("register", "name", "a string that is read back as it is printed, without escapes", name)
    if duration is not None:
        duration = check_count("register", "duration", duration)
    lasts = math.inf if duration is None else duration

    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(function):
            fail("register", "function", "a callable f(xp, t, **numbers)", function, kind=True)
        known = FUNCTIONS.get(name)
        if known is not None and known[1] == lasts and _same_function(known[0], function):
            return function
        if known is not None and not replace:
            advice = "a name that no other function has (or say replace=True)"
            fail("register", "name", advice, name)
        FUNCTIONS[name] = (function, lasts)
        if known is not None:
            forget(lambda part: isinstance(part, Custom) and part.name == name)
        return function

    return keep


def _same_function(one: Any, other: Any) -> bool:
    """Whether two functions compute the same: one definition that has run twice, as cells of notebooks do."""
    if one is other:
        return True
    if not (inspect.isfunction(one) and inspect.isfunction(other)):
        return False
    about = [
        (f.__defaults__, f.__kwdefaults__, [cell.cell_contents for cell in f.__closure__ or ()]) for f in (one, other)
    ]
    codes = [f.__code__.replace(co_firstlineno=1, co_filename="", co_linetable=b"") for f in (one, other)]
    try:
        return codes[0] == codes[1] and bool(about[0] == about[1]) and one.__globals__ is other.__globals__
    except Exception:  # noqa: BLE001 - values of strangers may refuse to be compared in any way
        return False


def custom(name: str, /, **numbers: Any) -> Schedule:
    """A schedule computed by a function registered with :func:`register`; its numbers are named arguments."""
    return Custom(name, tuple(numbers.items()))


@kind("custom")
class Custom(Schedule):
    """A registered function of the step; made by :func:`custom`."""

    name: str = _fields.static("str")
    numbers: tuple[tuple[str, float], ...] = _fields.numbers()

    def validate(self) -> None:
        if self.name not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS)) or "none yet"
            fail(self.where(), "name", f"registered with lrsched.register first (registered: {known})", self.name)
        given = dict(self.numbers)
        try:
            inspect.signature(FUNCTIONS[self.name][0]).bind(None, None, **given)
        except TypeError as error:
            fail(self.where(), "numbers", f"those that {self.name!r} takes ({error})", given)
        except ValueError:  # a function of C that tells no signature
            return

    @property
    def duration(self) -> Any:
        return FUNCTIONS[self.name][1]

    def formula(self, clock: Clock) -> Term:
        function, duration = FUNCTIONS[self.name]
        called = Called(self.name, function, tuple(name for name, _ in self.numbers))
        values = [value for _, value in self.numbers]
        if duration == math.inf:
            return clock.b.call(called, time_of(clock), values)
        return clock.finite(duration, lambda c: c.b.call(called, time_of(c), values))


warmup = Warmup
constant = Constant
hold = Hold
multi_step = MultiStep
step_decay = StepDecay


def piecewise(boundaries: Any, values: Any) -> Schedule:
    """Piecewise constant: ``values[i]`` from step ``boundaries[i-1]`` on; one value more than boundaries.

    Example:
        >>> from lrsched import piecewise
        >>> piecewise([2, 3], [1, 0.5, 0.1]).sample(4).tolist()
        [1.0, 1.0, 0.5, 0.1]
    """
    return Piecewise(boundaries, values)


exponential_decay = ExponentialDecay
inverse_time_decay = InverseTimeDecay
inverse_sqrt = InverseSqrt
power_decay = PowerDecay
geometric = Geometric
table = Table
silver_steps = SilverSteps
chebyshev_steps = ChebyshevSteps
