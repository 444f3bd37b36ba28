"""Profiles of one formula each: lines, waves, powers, exponentials and their kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.profile import Pair, Profile, smaller
from lrsched.ir.progress import Progress
from lrsched.ir.term import Builder, Term

HALF_PI = np.pi / 2


def tiny(b: Builder) -> float:
    """A number next to 0 whose inverse is one too, on the target."""
    return 1e-37 if b.single else 1e-300


def power_of(x: Progress, base: Term, left: Term, power: Any) -> Term:
    """``base**power`` for a base in [0, 1] that is 0 where ``left`` is; its gradient is finite there."""
    b = x.b
    if b.branching or base.is_const:
        return b.pow(base, power)
    return b.where(b.eq(left, 0), 0.0, b.pow(b.maximum(base, tiny(b)), power))


def power_rest(x: Progress, power: Any) -> Term:
    """``1 - z**power`` without cancellation, where z is what is left."""
    b = x.b
    known = b.lift(power)
    if known.equals(1):
        return x.u
    u, z = x.u, b.maximum(x.z, tiny(b))
    if known.equals(2):
        return u * (1.0 + x.z)
    if known.equals(0.5):
        return u / (1.0 + b.pow(x.z if b.branching else z, 0.5))
    late, power = b.le(x.left, x.done), b.floats(power)
    if b.branching:
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


@kind("flat")
class Flat(Profile):
    """The constant profile ``p(u) = level``, 1 unless said otherwise.

    Example:
        >>> from lrsched import flat
        >>> flat()(0.3)
        1.0
    """

    level: float = fields.real(default=1.0)
    first, last = None, None

    def __neg__(self) -> Profile:
        return Flat(-self.level)

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

    between_ends = True
    ramp = ("line", False)

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

    between_ends = True
    sided = steady = True
    ramp = ("wave", False)

    def nearer(self, x: Progress) -> Pair:
        later, part = smaller(x.b, x.left, x.done)
        return later, self._square(x, part)

    def side(self, x: Progress, rest: bool) -> Term:
        b = x.b
        if b.weighed:  # the sine of nearly a quarter turn is 1, and its slope 0: nothing is lost on that side either
            return self._square(x, x.done if rest else x.left)
        late = b.le(x.left, x.done)
        if b.branching:
            done, left = _half(self._square(x, x.done)), _half(self._square(x, x.left))
        else:
            done = left = self._square(x, b.minimum(x.done, x.left))
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

    between_ends = True
    power: float = fields.positive(default=2.0)

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

    between_ends = True
    power: float = fields.positive(default=0.5)

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

    between_ends = True
    rate: float = fields.real(default=4.0)
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

    between_ends = True
    rate: float = fields.real(low=-1.0, open_low=True, allowed="a finite number > -1")
    last = None

    def formula(self, x: Progress) -> Pair:
        grown = x.b.floats(self.rate) * x.u
        return 1.0 / (1.0 + grown), grown / (1.0 + grown)


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

    between_ends = True
    rate: float = fields.positive()

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

    between_ends = True
    bend: float = fields.real(default=0.5, high=1.0, open_high=True)

    def formula(self, x: Progress) -> Pair:
        return bend(x.b, x.z, x.u, self.bend)

    def nearer(self, x: Progress) -> Pair:
        p, q = x.b.floats(x.left), (1.0 - x.b.floats(self.bend)) * x.b.floats(x.done)
        first, least = smaller(x.b, p, q)
        return first, least / (p + q)


@kind("tanh")
class Tanh(Profile):
    """``p(u) = (1 - tanh(lower + (upper - lower)*u)) / 2``; neither end is exact. Hsueh, Li and Wu (2019).

    Example:
        >>> from lrsched import tanh
        >>> round(tanh(-6.0, 3.0)(2 / 3), 6)
        0.5
    """

    between_ends = True
    lower: float = fields.real(default=-6.0)
    upper: float = fields.real(default=3.0)
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
