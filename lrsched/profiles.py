"""Profiles: shapes over progress, and the combinators that make new shapes of them.

Every kind gives its shape twice: ``p`` and ``1 - p``, both accurate, from what is done and what is left.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lrsched import _fields, _host, _pytree  # noqa: F401 (every kind is a pytree)
from lrsched._clock import Progress, lowered, number_of, unit_progress
from lrsched._errors import ScheduleError, fail
from lrsched._node import BASES, NO_NUMBERS, Node, kind
from lrsched._pace import pace_of
from lrsched._term import Builder, Term

if TYPE_CHECKING:
    from lrsched._schedule import Schedule

__all__ = [
    "Profile",
    "cosine",
    "exponential",
    "flat",
    "inverse_time",
    "knots",
    "linear",
    "logarithmic",
    "one_minus_power",
    "pchip",
    "phases",
    "polynomial",
    "rex",
    "staircase",
    "tanh",
]

Pair = tuple[Any, Any]
HALF_PI = np.pi / 2
TINY = 1e-37


class Profile(Node):
    """A shape ``p(u)`` over progress ``u`` in [0, 1], most often falling from 1 to 0.

    Call it with a number, a NumPy array or a JAX array; ``+ - * **`` combine profiles and numbers;
    :meth:`over` lays it over a number of steps.

    Example:
        >>> from lrsched import cosine, linear
        >>> round((cosine() * linear())(0.5), 6)
        0.25
    """

    __slots__ = ()
    first: ClassVar[float | None] = 1.0
    last: ClassVar[float | None] = 0.0
    sided: ClassVar[bool] = False
    steady: ClassVar[bool] = False

    if TYPE_CHECKING:

        def __call__(self, u: Any) -> Any:
            """The value at progress u."""

    def formula(self, x: Progress) -> Pair:
        """(p, 1 - p) at progress x."""
        return self.side(x, False), self.side(x, True)

    def side(self, x: Progress, rest: bool) -> Any:
        """1 - p at progress x if it is the ``rest`` that is asked for, else p; kinds define this or the formula."""
        return self.formula(x)[rest]

    def nearer(self, x: Progress) -> Pair:
        """Whether p <= 1 - p at progress x, and the smaller of the two."""
        b = x.b
        p, q = (b.floats(b.settled(v)) for v in self.formula(x))
        return smaller(b, p, q)

    def as_power(self) -> tuple[Any, bool] | None:
        """The exponent of a profile that is a power of what is left, or (True) 1 less a power of what is done."""
        return None

    def over(self, steps: Any, start: Any = 1.0, end: Any = 0.0, endpoint: bool = False) -> Schedule:
        """The schedule ``end + (start - end) * p(t / steps)`` of ``steps`` steps.

        Args:
            steps: the duration, an integer >= 0, in updates.
            start: the value where the profile is 1.
            end: the value where the profile is 0.
            endpoint: reach u = 1 at the last update (``t / (steps - 1)``), as ``numpy.linspace`` does.

        Raises:
            ScheduleError: ``steps`` is no integer >= 0, or an end is not finite.

        Example:
            >>> from lrsched import linear
            >>> linear().over(4, end=0.2).sample(5).tolist()
            [1.0, 0.8, 0.6000000000000001, 0.4, 0.2]
        """
        from lrsched.schedules import Over

        return Over(self, steps, start, end, endpoint)

    def bent(self, d: Any) -> Profile:
        """``y / ((1 - d) + d*y)`` of the profile's value y: d > 0 stays high longer; ``d < 1``.

        ``linear().bent(d)`` has the values of ``rex(d)``. Chen, Wolfe and Kyrillidis (2022).
        """
        return Bent(self, d)

    def warped(self, k: Any) -> Profile:
        """``p(u**k)``, k > 0: the k-decay of Zhang and Li (2020)."""
        return Warped(self, k)

    def reversed(self) -> Profile:
        """``p(1 - u)``."""
        return Reversed(self)

    def mirrored(self) -> Profile:
        """There and back: ``p(2u)`` in the first half, ``p(2 - 2u)`` in the second."""
        return Mirrored(self)

    def delayed(self, share: Any) -> Profile:
        """Hold the first level for a share of the whole, then run the profile in the rest."""
        return Delayed(self, share)

    def normalised(self) -> Profile:
        """``(p(u) - p(1)) / (p(0) - p(1))``: from exactly 1 to exactly 0."""
        return Normalised(self)

    def sampled(self, times: int | None = None, *, at: Any = None) -> Profile:
        """Sample and hold: read the profile ``times`` times at equal distances, or at the shares ``at``.

        Args:
            times: number of equal intervals; the value held in each is the profile at its beginning.
            at: increasing shares in (0, 1]; before the first, the value at u = 0 is held.

        Example:
            >>> from lrsched import linear
            >>> linear().sampled(times=2).over(4).sample(4).tolist()
            [1.0, 1.0, 0.5, 0.5]
        """
        if (times is None) == (at is None):
            raise ScheduleError("sampled: give exactly one of times and at")
        return SampledTimes(self, times) if at is None else SampledAt(self, at)  # type: ignore[arg-type]

    def __add__(self, other: Any) -> Profile:
        return _joined(Sum, self, other)

    def __radd__(self, other: Any) -> Profile:
        return _joined(Sum, other, self)

    def __sub__(self, other: Any) -> Profile:
        lifted = lift(other)
        return NotImplemented if lifted is None else _joined(Sum, self, -lifted)

    def __rsub__(self, other: Any) -> Profile:
        return _joined(Sum, other, -self)

    def __mul__(self, other: Any) -> Profile:
        return _joined(Product, self, other)

    def __rmul__(self, other: Any) -> Profile:
        return _joined(Product, other, self)

    def __pow__(self, power: Any) -> Profile:
        return NotImplemented if isinstance(power, Node) else Power(self, power)

    def __neg__(self) -> Profile:
        return Flat(-self.level) if isinstance(self, Flat) else Negative(self)


BASES["Profile"] = Profile


def lift(value: Any) -> Profile | None:
    """A number as a flat profile; None for anything that is neither number nor profile."""
    if isinstance(value, Profile):
        return value
    return None if isinstance(value, NO_NUMBERS) else Flat(value)


def _joined(kind: type[Sum | Product], a: Any, b: Any) -> Profile:
    """``a`` and ``b`` under an n-ary operator, flattened on the left, as it is evaluated."""
    first, second = lift(a), lift(b)
    if first is None or second is None:
        return NotImplemented
    return kind((*first.parts, second) if isinstance(first, kind) else (first, second))


def power_of(x: Progress, base: Term, left: Term, power: Any) -> Term:
    """``base**power`` for a base in [0, 1] that is 0 where ``left`` is; its gradient is finite there."""
    b = x.b
    if b.branching or base.is_const:
        return b.pow(base, power)
    return b.where(b.eq(left, 0), 0.0, b.pow(b.maximum(base, TINY), power))


def power_rest(x: Progress, power: Any) -> Term:
    """``1 - z**power`` without cancellation, where z is what is left."""
    b = x.b
    known = b.lift(power)
    if known.equals(1):
        return x.u
    u, z = x.u, b.maximum(x.z, TINY)
    if known.equals(2):
        return u * (1.0 + x.z)
    if known.equals(0.5):
        return u / (1.0 + b.pow(x.z if b.branching else z, 0.5))
    late, power = b.le(x.left, x.done), b.floats(power)
    if b.scalar:
        rest = b.where(late, -b.expm1(b.log(z) * power), -b.expm1(b.log1p(-_half(u)) * power))
    else:
        rest = -b.expm1(b.where(late, b.log(z), b.log1p(-b.where(late, 0.0, u))) * power)
    return b.where(b.eq(x.left, 0), 1.0, rest)


def _half(share: Term) -> Term:
    """A term known to be at most a half (and a rounding) where it is used."""
    return share.b.narrow(share, hi=share.b.lift(0.51))


def bend(b: Builder, p: Any, q: Any, d: Any) -> Pair:
    """The odds of p multiplied by 1 / (1 - d), as (p, 1 - p)."""
    d = b.lift(d)
    upright, hanging = (1.0 - d) + d * p, 1.0 - d * q
    below = hanging if d.hi < 0 else upright if d.lo >= 0 else b.where(b.lt(d, 0.0), hanging, upright)
    return p / below, (1.0 - d) * q / below


def _smaller_share(b: Builder, p: Any, q: Any) -> Pair:
    """Whether p / (p + q) is at most the half, and the smaller of it and q / (p + q)."""
    first, least = smaller(b, b.lift(p), b.lift(q))
    return first, least / (p + q)


def smaller(b: Builder, p: Term, q: Term) -> tuple[Term, Term]:
    """Whether p <= q, and the smaller one: of reals a choice, since a minimum has half of both gradients at a tie."""
    first = b.le(p, q)
    return first, b.where(first, p, q) if "f" in (p.kind, q.kind) else b.minimum(p, q)


@kind("flat")
class Flat(Profile):
    """The constant profile ``p(u) = level``, 1 unless said otherwise.

    Example:
        >>> from lrsched import flat
        >>> flat()(0.3)
        1.0
    """

    level: float = _fields.real(default=1.0)
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        level = x.b.floats(self.level)
        return level, 1.0 - level


@kind("linear")
class Linear(Profile):
    """Linear decay ``p(u) = 1 - u``.

    Example:
        >>> from lrsched import linear
        >>> linear()(0.25)
        0.75
    """

    def side(self, x: Progress, rest: bool) -> Term:
        return x.u if rest else x.z

    def nearer(self, x: Progress) -> Pair:
        later, part = smaller(x.b, x.left, x.done)
        return later, x.b.div(part, x.total)


@kind("cosine")
class Cosine(Profile):
    """Half a cosine wave, ``p(u) = (1 + cos(pi*u)) / 2``. Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import cosine
        >>> round(cosine()(0.25), 6)
        0.853553
    """

    sided = steady = True

    def nearer(self, x: Progress) -> Pair:
        later, part = smaller(x.b, x.left, x.done)
        return later, self._square(x, part)

    def side(self, x: Progress, rest: bool) -> Term:
        b = x.b
        if b.weighed:  # the sine of nearly a quarter turn is 1, and its slope 0: nothing is lost on that side either
            return self._square(x, x.done if rest else x.left)
        late = b.le(x.left, x.done)
        if b.branching:
            done, left = self._square(x, x.done), self._square(x, x.left)
        else:
            done = left = self._square(x, b.minimum(x.done, x.left))
        if b.scalar:
            done, left = _half(done), _half(left)
        return b.where(late, 1.0 - left, done) if rest else b.where(late, left, 1.0 - done)

    def _square(self, x: Progress, part: Term) -> Term:
        sine = x.b.sin(x.b.floats(part) * x.b.div(HALF_PI, x.total))
        return sine * sine


@kind("polynomial")
class Polynomial(Profile):
    """Polynomial decay ``p(u) = (1 - u)**power``, power > 0.

    Example:
        >>> from lrsched import polynomial
        >>> polynomial(2.0)(0.5)
        0.25
    """

    power: float = _fields.positive(default=2.0)

    def side(self, x: Progress, rest: bool) -> Term:
        return power_rest(x, self.power) if rest else power_of(x, x.z, x.left, self.power)

    def as_power(self) -> tuple[Any, bool] | None:
        return self.power, False


@kind("one_minus_power")
class OneMinusPower(Profile):
    """``p(u) = 1 - u**power``: 0.5 is the 1-sqrt cooldown, 2 is 1-square. Haegele et al. (2024).

    Example:
        >>> from lrsched import one_minus_power
        >>> one_minus_power(0.5)(0.25)
        0.5
    """

    power: float = _fields.positive(default=0.5)

    def side(self, x: Progress, rest: bool) -> Term:
        return power_of(x, x.u, x.done, self.power) if rest else power_rest(x.reversed(), self.power)

    def as_power(self) -> tuple[Any, bool] | None:
        return self.power, True


@kind("exponential")
class Exponential(Profile):
    """Exponential decay ``p(u) = exp(-rate*u)``; it ends at exp(-rate), not at 0.

    Example:
        >>> from lrsched import exponential
        >>> round(exponential(4.0)(1.0), 6)
        0.018316
    """

    rate: float = _fields.real(default=4.0)
    last = None

    def formula(self, x: Progress) -> Pair:
        exponent = x.b.floats(self.rate) * x.u
        return x.b.exp(-exponent), -x.b.expm1(-exponent)


@kind("inverse_time")
class InverseTime(Profile):
    """``p(u) = 1 / (1 + rate*u)``, rate > -1.

    Example:
        >>> from lrsched import inverse_time
        >>> inverse_time(1.0)(1.0)
        0.5
    """

    rate: float = _fields.real(low=-1.0, open_low=True, allowed="a finite number > -1")
    last = None

    def formula(self, x: Progress) -> Pair:
        grown = x.b.floats(self.rate) * x.u
        return 1.0 / (1.0 + grown), grown / (1.0 + grown)

    def nearer(self, x: Progress) -> Pair:
        return _smaller_share(x.b, x.b.lift(1.0), x.b.floats(self.rate) * x.u)


@kind("logarithmic")
class Logarithmic(Profile):
    """``p(u) = 1 - log(1 + rate*u) / log(1 + rate)``, rate > 0: the logarithm of progress, fast first, then slow.

    As the profile of a warm-up of w steps, ``logarithmic(w)`` gives log(t + 1) / log(w + 1).

    Example:
        >>> from lrsched import logarithmic, warmup
        >>> round(logarithmic(3.0)(1 / 3), 12)
        0.5
        >>> warmup(3, profile=logarithmic(3.0)).sample(4).round(6).tolist()
        [0.0, 0.5, 0.792481, 1.0]
    """

    rate: float = _fields.positive()

    def formula(self, x: Progress) -> Pair:
        b, rate = x.b, x.b.floats(self.rate)
        whole = b.log1p(rate)
        left = b.minimum(b.log1p(rate * x.z / (1.0 + rate * x.u)) / whole, 1.0)
        done = b.minimum(b.log1p(rate * x.u) / whole, 1.0)
        return b.where(b.eq(x.done, 0), 1.0, left), b.where(b.eq(x.left, 0), 1.0, done)


@kind("rex")
class Rex(Profile):
    """REX, ``p(u) = z / ((1 - bend) + bend*z)`` with ``z = 1 - u``; bend < 1.

    0.5 is the paper's, 0.9 that of some implementations, 0 is linear. Chen, Wolfe and Kyrillidis (2022).

    Example:
        >>> from lrsched import rex
        >>> round(rex()(0.5), 6)
        0.666667
    """

    bend: float = _fields.real(default=0.5, high=1.0, open_high=True)

    def formula(self, x: Progress) -> Pair:
        return bend(x.b, x.z, x.u, self.bend)

    def nearer(self, x: Progress) -> Pair:
        b = x.b
        return _smaller_share(b, b.floats(x.left), (1.0 - b.floats(self.bend)) * b.floats(x.done))


@kind("tanh")
class Tanh(Profile):
    """``p(u) = (1 - tanh(lower + (upper - lower)*u)) / 2``; neither end is exact. Hsueh, Li and Wu (2019).

    Example:
        >>> from lrsched import tanh
        >>> round(tanh(-6.0, 3.0)(2 / 3), 6)
        0.5
    """

    lower: float = _fields.real(default=-6.0)
    upper: float = _fields.real(default=3.0)
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        doubled = self._argument(x)
        return 1.0 / (1.0 + x.b.exp(doubled)), 1.0 / (1.0 + x.b.exp(-doubled))

    def nearer(self, x: Progress) -> Pair:
        b, doubled = x.b, self._argument(x)
        return b.le(0.0, doubled), 1.0 / (1.0 + b.exp(b.maximum(doubled, -doubled)))

    def _argument(self, x: Progress) -> Term:
        b = x.b
        low, high = b.floats(self.lower), b.floats(self.upper)
        return b.where(b.le(x.done, x.left), low + (high - low) * x.u, high - (high - low) * x.z) * 2.0


STEEPEST = 1e100
TREE = 4  # segments, above which they are the rows of a table


class _Shaped(Profile):
    """What profiles through given points share."""

    __slots__ = ()

    def validate(self) -> None:
        xs, ys, where = self.xs, self.ys, self.where()  # type: ignore[attr-defined]
        check_increasing(where, "xs", xs)
        if isinstance(xs, tuple) and isinstance(ys, tuple):
            if len(xs) != len(ys):
                fail(where, "ys", f"as long as xs, which has {len(xs)} entries", ys)
            if xs[0] != 0.0 or xs[-1] != 1.0:
                fail(where, "xs", "increasing from 0 to 1", xs)
            plain = all(isinstance(number, float) for number in (*xs, *ys))
            pairs = zip(itertools.pairwise(xs), itertools.pairwise(ys), strict=True) if plain else ()
            if any(abs(b - a) > STEEPEST * (y - x) for (x, y), (a, b) in pairs):
                fail(where, "xs", f"so far apart that no slope between points is above {STEEPEST:g}", xs)

    def segments(self, x: Progress, shape: Callable[[Callable[[Any], Any], Progress], Any]) -> Any:
        """The segment's shape at its own progress, from a function that picks the segment's number of several."""
        b, xs, ys = x.b, self.xs, self.ys  # type: ignore[attr-defined]
        count = len(xs) - 1
        places = [0, *(_place(x, xs[i]) for i in range(1, count)), number_of(x.total)]
        plain = isinstance(xs, tuple) and isinstance(ys, tuple) and _fields.all_plain((*xs, *ys))
        ranges = b.branching and b.exact_ends  # only their first and last segments are held at an end
        first, stop = int(ranges), count - (ranges or x.left is not b.sub(x.total, x.done))
        index = x.passed(places[first + 1 : stop]) if plain else None

        def one(i: int) -> Any:
            section = x.section(places[i], places[i + 1], inside=index is not None)
            return shape(lambda values: values[i], section.simple() if b.branching and 0 < i < count - 1 else section)

        if index is None or count <= TREE:
            return choose(b, lambda i: x.before(places[i]), one, 0, count)

        def read(values: Any) -> Term:
            return b.column([number_of(v) if type(v) is Term else v for v in values[first:stop]], index)

        many = x.section(read(places), read(places[1:]), inside=True)
        value = shape(read, many.simple() if ranges else many)
        value = b.where(x.before(places[1]), one(0), value) if first else value
        return b.where(x.before(places[stop]), value, one(stop)) if stop < count else value


def _place(x: Progress, share: Any) -> Any:
    """The exact (not rounded) amount done at a share."""
    b, total = x.b, x.total
    if isinstance(share, int | float) and total.is_const and total.kind in "iq" and not _fields.is_jax(total.args[0]):
        if total.op != "const":
            return b.mul(total, Fraction(share))
        place = total.args[0] * Fraction(share)
        return place.numerator if place.denominator == 1 else place
    if isinstance(total.value, float) and isinstance(share, int | float):
        return Fraction(total.value) * Fraction(share)
    return b.mul(b.floats(total), share)


def _reached(x: Progress, share: Any) -> Any:
    """The place of a jump: the first whole step there, where only the run knows the share and steps are whole."""
    pace = pace_of(x.b, share) if x.done.kind == x.total.kind == "i" else None
    return _place(x, share) if pace is None else pace.edge(x.total)


def choose(b: Builder, before: Callable[[int], Term], part: Callable[[int], Any], first: int, stop: int) -> Any:
    """The value of the part of some that the progress is in, by halves, given whether it is before each.

    Parts that it is never in are not asked for.
    """
    if stop - first == 1:
        return part(first)
    middle = (first + stop) // 2
    condition = before(middle)
    if condition.op == "const":
        return choose(b, before, part, *((first, middle) if condition.args[0] else (middle, stop)))
    return b.where(condition, choose(b, before, part, first, middle), choose(b, before, part, middle, stop))


def choose_pair(b: Builder, before: Callable[[int], Term], part: Callable[[int], Pair], count: int) -> Pair:
    """The same for pairs, each part lowered once."""
    pair, asked = functools.cache(part), functools.cache(before)
    p = choose(b, asked, lambda i: pair(i)[0], 0, count)
    return p, choose(b, asked, lambda i: pair(i)[1], 0, count)


def check_increasing(where: str, argument: str, values: Any) -> None:
    """Refuse a tuple of numbers that does not increase."""
    if isinstance(values, tuple) and not _fields.any_jax(values):
        for before, after in itertools.pairwise(values):
            if not before < after:
                fail(where, argument, "increasing", values)


@kind("knots")
class Knots(_Shaped):
    """Straight lines through the points (xs, ys); xs increase from 0 to 1.

    Example:
        >>> from lrsched import knots
        >>> round(knots((0, 0.5, 1), (1, 0.2, 0))(0.25), 6)
        0.6
    """

    xs: tuple[float, ...] = _fields.reals(low=0.0, high=1.0, least=2)
    ys: tuple[float, ...] = _fields.reals(least=2)
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        value = self.segments(x, lambda of, s: line(x.b, of(self.ys), of(self.ys[1:]), s.z, s.u))
        return value, 1.0 - value


def line(b: Builder, start: Any, end: Any, p: Any, q: Any) -> Any:
    """The value that is ``start`` where p is 1 and ``end`` where q = 1 - p is 1, exactly."""
    start, end = b.floats(start), b.floats(end)
    if start.op == end.op == "const":
        if start.args[0] == end.args[0]:
            return start
        (near, far), part = ((end, start), p) if abs(start.args[0]) > abs(end.args[0]) else ((start, end), q)
        gap = _host.gap(near.args[0], far.args[0], b.single)
        if gap is not None:
            return near + float(gap) * part
    return start * p + end * q


@kind("pchip")
class Pchip(_Shaped):
    """A monotone cubic through the points (xs, ys); xs increase from 0 to 1. Fritsch and Carlson (1980).

    Example:
        >>> from lrsched import pchip
        >>> pchip((0, 0.5, 1), (1, 0.5, 0))(0.25)
        0.75
    """

    xs: tuple[float, ...] = _fields.reals(low=0.0, high=1.0, least=2)
    ys: tuple[float, ...] = _fields.reals(least=2)
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        slopes = _slopes(x.b, self.xs, self.ys)
        value = self.segments(x, lambda of, s: self._cubic(of, s, slopes))
        return value, 1.0 - value

    def _cubic(self, of: Callable[[Any], Any], s: Progress, slopes: list[Any]) -> Any:
        b, u, z = s.b, s.u, s.z
        width = b.lift(of(self.xs[1:])) - of(self.xs)
        start, end = b.floats(of(self.ys)), b.floats(of(self.ys[1:]))
        out = (z * z) * (start * (1.0 + 2.0 * u) + (width * of(slopes)) * u)
        back = (u * u) * (end * (1.0 + 2.0 * z) - (width * of(slopes[1:])) * z)
        return out + back


def _slopes(b: Builder, xs: Any, ys: Any) -> list[Any]:
    """The derivative at each point: weighted harmonic means inside, three-point formulas at the ends."""
    n = len(xs)
    widths = [b.lift(xs[i + 1]) - xs[i] for i in range(n - 1)]
    rises = [(b.floats(ys[i + 1]) - ys[i]) / widths[i] for i in range(n - 1)]
    if n == 2:
        return [rises[0], rises[0]]
    inner = [_harmonic(b, widths[i - 1], widths[i], rises[i - 1], rises[i]) for i in range(1, n - 1)]
    return [
        _edge(b, widths[0], widths[1], rises[0], rises[1]),
        *inner,
        _edge(b, widths[-1], widths[-2], rises[-1], rises[-2]),
    ]


def _harmonic(b: Builder, h0: Any, h1: Any, d0: Any, d1: Any) -> Any:
    same = b.lt(0.0, d0 * d1)
    d0, d1 = b.where(same, d0, 1.0), b.where(same, d1, 1.0)
    w0, w1 = 2.0 * h1 + h0, h1 + 2.0 * h0
    return b.where(same, (w0 + w1) / (w0 / d0 + w1 / d1), 0.0)


def _edge(b: Builder, h0: Any, h1: Any, d0: Any, d1: Any) -> Any:
    slope = ((2.0 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
    wrong = b.le(slope * d0, 0.0)
    steep = b.where(b.le(d0 * d1, 0.0), b.lt(9.0 * d0 * d0, slope * slope), False)
    return b.where(wrong, 0.0, b.where(steep, 3.0 * d0, slope))


@kind("staircase")
class Staircase(Profile):
    """Piecewise constant: ``levels[i]`` from ``at[i-1]`` on; one level more than there are places.

    Example:
        >>> from lrsched import staircase
        >>> staircase(at=(0.5, 0.75), levels=(1, 0.1, 0.01))(0.5)
        0.1
    """

    at: tuple[float, ...] = _fields.reals(low=0.0, high=1.0)
    levels: tuple[float, ...] = _fields.reals(least=1)
    first, last = None, None

    def validate(self) -> None:
        check_increasing(self.where(), "at", self.at)
        if isinstance(self.levels, tuple) and isinstance(self.at, tuple) and len(self.levels) != len(self.at) + 1:
            fail(self.where(), "levels", f"one more than the {len(self.at)} places", self.levels)

    def formula(self, x: Progress) -> Pair:
        b, levels = x.b, self.levels
        places = [_reached(x, self.at[i]) for i in range(len(self.at))]
        plain = isinstance(levels, tuple) and _fields.all_plain(levels)
        index = x.passed(places) if plain and len(levels) > TREE else None
        level = b.column(levels, index) if index is not None else self._level(x, places)
        return level, 1.0 - level

    def _level(self, x: Progress, places: list[Any]) -> Any:
        b, levels, count = x.b, self.levels, len(places) + 1
        return choose(
            b, lambda i: x.before_jump(self.at[i - 1], places[i - 1]), lambda i: b.floats(levels[i]), 0, count
        )


def phases(*parts: tuple[Any, Profile]) -> Profile:
    """Profiles end to end: ``phases((weight, profile), ...)``; weights are positive and normalised by their sum.

    Example:
        >>> from lrsched import flat, linear, phases
        >>> phases((3, flat()), (1, linear())).over(8).sample(9).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0]
    """
    if not parts:
        raise ScheduleError("phases: give at least one (weight, profile)")
    for i, part in enumerate(parts):
        if not isinstance(part, tuple | list) or len(part) != 2:
            fail("phases", f"part {i}", "a pair (weight, profile)", part, kind=True)
    return Phases(tuple(part[0] for part in parts), tuple(part[1] for part in parts))


@kind("phases")
class Phases(Profile):
    """Profiles end to end; made by :func:`phases`."""

    weights: tuple[float, ...] = _fields.reals(low=0.0, open_low=True, least=1)
    profiles: tuple[Profile, ...] = _fields.nodes("Profile")
    first, last = None, None

    def validate(self) -> None:
        if isinstance(self.weights, tuple) and len(self.weights) != len(self.profiles):
            fail(self.where(), "weights", f"as many as the {len(self.profiles)} profiles", self.weights)

    def shares(self, b: Builder) -> list[Any]:
        """The share of the whole at which each profile but the first begins, exactly."""
        weights = [self.weights[i] for i in range(len(self.profiles))]
        if all(isinstance(w, int | float) for w in weights):
            *starts, total = itertools.accumulate(map(Fraction, weights))
            return [start / total for start in starts]
        sums = [b.floats(weights[0])]
        for weight in weights[1:]:
            sums.append(sums[-1] + b.floats(weight))
        return [part / sums[-1] for part in sums[:-1]]

    def formula(self, x: Progress) -> Pair:
        shares = self.shares(x.b)
        places = [0, *(x.place(share) for share in shares), x.total]
        return choose_pair(
            x.b,
            lambda i: x.before_share(shares[i - 1], places[i]),
            lambda i: self.profiles[i].formula(x.section(places[i], places[i + 1])),
            len(self.profiles),
        )


# ---- combinators


@kind("profile.sum")
class Sum(Profile):
    """The sum of profiles, added from left to right."""

    parts: tuple[Profile, ...] = _fields.nodes("Profile")
    first, last = None, None

    def validate(self) -> None:
        from lrsched.combinators import flatten_left

        flatten_left(self)

    def formula(self, x: Progress) -> Pair:
        total = self.parts[0].formula(x)[0]
        for part in self.parts[1:]:
            total = x.b.add(total, part.formula(x)[0])
        return total, 1.0 - total


@kind("profile.product")
class Product(Profile):
    """The product of profiles, multiplied from left to right."""

    parts: tuple[Profile, ...] = _fields.nodes("Profile")
    first, last = None, None

    def validate(self) -> None:
        from lrsched.combinators import flatten_left

        flatten_left(self)

    def formula(self, x: Progress) -> Pair:
        b = x.b
        p, q = self.parts[0].formula(x)
        for part in self.parts[1:]:
            other = part.formula(x)
            p, q = b.mul(p, other[0]), _rest_of_product(b, (p, q), other)
        return p, q


def _rest_of_product(b: Builder, one: Pair, other: Pair) -> Term:
    """1 - p * p2, exactly 1 where either is 0: both of a pair are rounded, so that they need not add up to 1."""
    (p, q), (p2, q2) = one, other
    return b.where(b.eq(b.mul(p, p2), 0.0), 1.0, b.add(q, b.mul(p, q2)))


@kind("profile.power")
class Power(Profile):
    """A profile raised to a number."""

    profile: Profile = _fields.node("Profile")
    power: float = _fields.real()
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        p, _ = self.profile.formula(x)
        value = raised(x.b, x.b.floats(p), self.power)
        return value, 1.0 - value


def raised(b: Builder, base: Term, power: Any) -> Term:
    """base**power with a finite gradient where the base is 0 and the power positive."""
    known = b.lift(power)
    whole = known.op == "const" and float(known.args[0]).is_integer()
    if b.branching or base.is_const or whole or (known.op == "const" and known.args[0] < 0):
        return b.pow(base, power)
    zero = b.eq(base, 0.0)
    there = b.where(b.lt(0.0, known), 0.0, b.where(b.eq(known, 0.0), 1.0, math.inf))
    return b.where(zero, there, b.pow(b.where(zero, 1.0, base), power))


@kind("profile.negative")
class Negative(Profile):
    """Minus a profile."""

    profile: Profile = _fields.node("Profile")
    first, last = None, None

    def validate(self) -> None:
        if isinstance(self.profile, Flat) and not _fields.is_jax(self.profile.level):
            fail("-", "the profile", "no flat one: negate its level", self.profile)

    def formula(self, x: Progress) -> Pair:
        p, _ = self.profile.formula(x)
        return x.b.neg(p), 1.0 + p


@kind("profile.bent", method="bent")
class Bent(Profile):
    """See :meth:`Profile.bent`."""

    profile: Profile = _fields.node("Profile")
    d: float = _fields.real(high=1.0, open_high=True)
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        p, q = self.profile.formula(x)
        return bend(x.b, x.b.lift(p), x.b.lift(q), self.d)

    def nearer(self, x: Progress) -> Pair:
        p, q = (x.b.floats(x.b.settled(v)) for v in self.profile.formula(x))
        return _smaller_share(x.b, p, (1.0 - x.b.floats(self.d)) * q)


@kind("profile.warped", method="warped")
class Warped(Profile):
    """See :meth:`Profile.warped`."""

    profile: Profile = _fields.node("Profile")
    k: float = _fields.positive()
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        b, rest = x.b, power_rest(x.reversed(), self.k)
        done = power_of(x, x.u, x.done, self.k)
        return self.profile.formula(Progress(b, done, rest, b.lift(1.0), stepped=False))


@kind("profile.reversed", method="reversed")
class Reversed(Profile):
    """See :meth:`Profile.reversed`."""

    profile: Profile = _fields.node("Profile")
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        return self.profile.formula(x.reversed())


@kind("profile.mirrored", method="mirrored")
class Mirrored(Profile):
    """See :meth:`Profile.mirrored`."""

    profile: Profile = _fields.node("Profile")
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        return self.profile.formula(x.mirrored())


@kind("profile.delayed", method="delayed")
class Delayed(Profile):
    """See :meth:`Profile.delayed`."""

    profile: Profile = _fields.node("Profile")
    share: float = _fields.real(low=0.0, high=1.0)
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        b, place = x.b, x.place(self.share)
        whole = b.eq(place, x.total)
        if whole.equals(True):
            return self._held(x)
        pair = self.profile.formula(x.section(place, x.total))
        if whole.equals(False):
            return pair
        return tuple(b.where(whole, all_, some) for all_, some in zip(self._held(x), pair, strict=True))  # type: ignore[return-value]

    def _held(self, x: Progress) -> Pair:
        """The first level until the end."""
        b = x.b
        early, late = (lowered(self.profile, end) for end in ends_of(x))
        return tuple(b.where(b.eq(x.left, 0), q, p) for p, q in zip(early, late, strict=True))  # type: ignore[return-value]


@kind("profile.normalised", method="normalised")
class Normalised(Profile):
    """See :meth:`Profile.normalised`."""

    profile: Profile = _fields.node("Profile")
    first, last = None, None

    def validate(self) -> None:
        from lrsched._node import holds_arrays

        known = isinstance(self.profile, Normalised) or holds_arrays(self.profile)
        if not known and _level(self.profile):
            fail(self.where(), "profile", "one whose ends differ", self.profile)

    def formula(self, x: Progress) -> Pair:
        b = x.b
        (p, q), (p0, q0), (p1, q1) = (lowered(self.profile, place) for place in (x, *ends_of(x)))
        span = b.lift(p0) - p1
        rise = b.lift(p0) - p if _smaller((p0, p1), (q0, q1)) else b.lift(q) - q0
        down, up = (b.lift(p) - p1) / span, rise / span
        start, stop = b.eq(x.done, 0), b.eq(x.left, 0)
        return (
            b.where(start, 1.0, b.where(stop, 0.0, down)),
            b.where(start, 0.0, b.where(stop, 1.0, up)),
        )


def _level(profile: Profile) -> bool:
    """Whether a profile of plain numbers begins and ends with the same value."""
    b = Builder(branching=True, limit=2**63 - 1, real_steps=True)
    first, last = (b.floats(b.settled(lowered(profile, end)[0])) for end in ends_of(unit_progress(b)))
    known = first.op == last.op == "const"
    return bool(first.args == last.args if known else profile(0.0) == profile(1.0))


def _smaller(one: Pair, other: Pair) -> bool:
    """Whether the numbers of one pair are known to be the smaller ones: their differences keep the more digits."""
    sizes: list[list[Any]] = [[getattr(value, "value", value) for value in pair] for pair in (one, other)]
    if not all(isinstance(value, int | float | Fraction) for pair in sizes for value in pair):
        return False
    low, high = (max(abs(float(value)) for value in pair) for pair in sizes)
    return low < high


def ends_of(x: Progress) -> tuple[Progress, Progress]:
    """The same progress at its beginning and at its end."""
    b = x.b
    nothing = b.lift(0 if x.total.kind == "i" else 0.0)
    return (
        Progress(b, nothing, x.total, x.total, x.stepped, x.unit),
        Progress(b, x.total, nothing, x.total, x.stepped, x.unit),
    )


@kind("profile.sampled_times", method="sampled")
class SampledTimes(Profile):
    """See :meth:`Profile.sampled`."""

    profile: Profile = _fields.node("Profile")
    times: int = _fields.count(low=1)
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        b, times = x.b, x.b.lift(self.times)
        index = x.index(times)
        return self.profile.formula(Progress(b, index, b.sub(times, index), times, stepped=False))


@kind("profile.sampled_at", method="sampled")
class SampledAt(Profile):
    """See :meth:`Profile.sampled`."""

    profile: Profile = _fields.node("Profile")
    at: tuple[float, ...] = _fields.reals(low=0.0, high=1.0, least=1)
    first, last = None, None

    def validate(self) -> None:
        check_increasing(self.where(), "at", self.at)

    def formula(self, x: Progress) -> Pair:
        b = x.b
        places = [0, *(x.place(self.at[i]) for i in range(len(self.at)))]

        def read(place: Any) -> Pair:
            done = b.lift(place)
            return self.profile.formula(Progress(b, done, b.sub(x.total, done), x.total, x.stepped, x.unit))

        index = x.passed(places[1:]) if len(places) > TREE else None
        if index is not None:
            return read(b.column(places, index))
        return choose_pair(
            b, lambda i: x.before_share(self.at[i - 1], places[i]), lambda i: read(places[i]), len(places)
        )


flat = Flat
linear = Linear
cosine = Cosine
polynomial = Polynomial
exponential = Exponential
inverse_time = InverseTime
logarithmic = Logarithmic
rex = Rex
tanh = Tanh
one_minus_power = OneMinusPower
knots = Knots
pchip = Pchip
staircase = Staircase
