"""Profiles made of profiles: sums, products, powers, and changes of progress."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.fields import check_increasing
from lrsched.algebra.node import flatten_left, holds_arrays
from lrsched.algebra.profile import Pair, Profile
from lrsched.foundation.errors import fail
from lrsched.foundation.numbers import is_jax
from lrsched.ir.clock import lowered
from lrsched.ir.progress import Progress
from lrsched.ir.term import Builder, Term
from lrsched.profiles.piecewise import choose_pair
from lrsched.profiles.shapes import TREE, Flat, Linear, bend, power_of, power_rest

# ---- combinators


@kind("profile.sum")
class Sum(Profile):
    """The sum of profiles, added from left to right."""

    parts: tuple[Profile, ...] = fields.nodes("Profile")
    first, last = None, None
    validate = flatten_left

    def formula(self, x: Progress) -> Pair:
        total = self.parts[0].formula(x)[0]
        for part in self.parts[1:]:
            total = x.b.add(total, part.formula(x)[0])
        return total, 1.0 - total


@kind("profile.product")
class Product(Profile):
    """The product of profiles, multiplied from left to right."""

    parts: tuple[Profile, ...] = fields.nodes("Profile")
    first, last = None, None
    validate = flatten_left

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

    profile: Profile = fields.node("Profile")
    power: float = fields.real()
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

    profile: Profile = fields.node("Profile")
    first, last = None, None

    def validate(self) -> None:
        if isinstance(self.profile, Flat) and not is_jax(self.profile.level):
            fail("-", "the profile", "no flat one: negate its level", self.profile)

    def formula(self, x: Progress) -> Pair:
        p, _ = self.profile.formula(x)
        return x.b.neg(p), 1.0 + p


@kind("profile.bent", method="bent")
class Bent(Profile):
    """See :meth:`Profile.bent`."""

    profile: Profile = fields.node("Profile")
    d: float = fields.real(high=1.0, open_high=True)
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        p, q = self.profile.formula(x)
        return bend(x.b, x.b.lift(p), x.b.lift(q), self.d)


@kind("profile.warped", method="warped")
class Warped(Profile):
    """See :meth:`Profile.warped`."""

    profile: Profile = fields.node("Profile")
    k: float = fields.positive()
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        b, rest = x.b, power_rest(x.reversed(), self.k)
        done = power_of(x, x.u, x.done, self.k)
        return self.profile.formula(Progress(b, done, rest, b.lift(1.0), stepped=False))


@kind("profile.reversed", method="reversed")
class Reversed(Profile):
    """See :meth:`Profile.reversed`."""

    profile: Profile = fields.node("Profile")
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        return self.profile.formula(x.reversed())

    @property
    def ramp(self) -> Any:
        inner = self.profile.ramp
        return inner and (inner[0], not inner[1])


def rise(profile: Profile = Linear()) -> Profile:  # noqa: B008
    """A profile reversed, ``profile.reversed()``: a warm-up as a share of the run, from 0 up to 1.

    Args:
        profile: the shape, as it would fall.

    Raises:
        ScheduleError: ``profile`` is no profile.

    Example:
        >>> from lrsched import cosine, plan, rise
        >>> rise()
        linear().reversed()
        >>> plan(2000, (0.03, rise()), cosine())
        linear().reversed().over(60) >> cosine().over(1940)
    """
    if not isinstance(profile, Profile):
        fail("rise", "profile", "a Profile", profile, wrong_type=True)
    return profile.reversed()


@kind("profile.mirrored", method="mirrored")
class Mirrored(Profile):
    """See :meth:`Profile.mirrored`."""

    profile: Profile = fields.node("Profile")
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        return self.profile.formula(x.mirrored())


@kind("profile.delayed", method="delayed")
class Delayed(Profile):
    """See :meth:`Profile.delayed`."""

    profile: Profile = fields.node("Profile")
    share: float = fields.real(low=0.0, high=1.0)
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

    profile: Profile = fields.node("Profile")
    first, last = None, None

    def validate(self) -> None:
        known = isinstance(self.profile, Normalised) or holds_arrays(self.profile)
        if not known and self.profile(0.0) == self.profile(1.0):
            fail(self.where(), "profile", "one whose ends differ", self.profile)

    def formula(self, x: Progress) -> Pair:
        b = x.b
        (p, q), (p0, q0), (p1, q1) = (lowered(self.profile, place) for place in (x, *ends_of(x)))
        span = b.lift(p0) - p1
        rise = b.lift(p0) - p if _smaller((p0, p1), (q0, q1)) else b.lift(q) - q0
        down, up = (b.lift(p) - p1) / span, rise / span
        if self.profile.between_ends:  # what rounding puts beyond an end is at it
            down, up = (b.maximum(b.minimum(b.floats(b.settled(v)), 1.0), 0.0) for v in (down, up))
        start, stop = b.eq(x.done, 0), b.eq(x.left, 0)
        return (
            b.where(start, 1.0, b.where(stop, 0.0, down)),
            b.where(start, 0.0, b.where(stop, 1.0, up)),
        )


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
    nothing = b.lift(0 if x.total.dtype == "i" else 0.0)
    return (
        Progress(b, nothing, x.total, x.total, x.stepped, x.unit),
        Progress(b, x.total, nothing, x.total, x.stepped, x.unit),
    )


@kind("profile.sampled_times", method="sampled")
class SampledTimes(Profile):
    """See :meth:`Profile.sampled`."""

    profile: Profile = fields.node("Profile")
    times: int = fields.count(low=1)
    first, last = None, None

    def formula(self, x: Progress) -> Pair:
        b, times = x.b, x.b.lift(self.times)
        index = x.index(times)
        return self.profile.formula(Progress(b, index, b.sub(times, index), times, stepped=False))

    def changes(self, steps: int, first: int, last: int) -> NDArray[np.int64] | None:
        passed, coming = first * self.times // steps, (last - 1) * self.times // steps
        if self.times > steps:
            return None
        samples = np.arange(passed + 1, coming + 1).astype(np.int64 if coming * steps < 2**63 else object)
        return (-(samples * -steps // self.times)).astype(np.int64)


@kind("profile.sampled_at", method="sampled")
class SampledAt(Profile):
    """See :meth:`Profile.sampled`."""

    profile: Profile = fields.node("Profile")
    at: tuple[float, ...] = fields.reals(low=0.0, high=1.0, least=1)
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
