"""Profiles in pieces: knots, steps, and phases."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.fields import check_increasing
from lrsched.algebra.profile import Pair, Profile
from lrsched.foundation.errors import ScheduleError, fail
from lrsched.foundation.numbers import all_plain, is_jax
from lrsched.ir import folding
from lrsched.ir.exact_steps import number_of
from lrsched.ir.progress import Progress
from lrsched.ir.runtime_scale import pace_of
from lrsched.ir.term import Builder, Term
from lrsched.profiles.shapes import STEEPEST, TREE


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

    def formula(self, x: Progress) -> Pair:
        value, ys = self.side(x, False), self.ys  # type: ignore[attr-defined]
        within = isinstance(ys, tuple) and all(isinstance(y, float) and 0.0 <= y <= 1.0 for y in ys)
        return value, self.side(x, True) if within else 1.0 - value  # else errors of both would add up in products

    def segments(self, x: Progress, shape: Callable[[Callable[[Any], Any], Progress], Any]) -> Any:
        """The segment's shape at its own progress, from a function that picks the segment's number of several."""
        b, xs, ys = x.b, self.xs, self.ys  # type: ignore[attr-defined]
        count = len(xs) - 1
        places = [0, *(_place(x, xs[i]) for i in range(1, count)), number_of(x.total)]
        plain = isinstance(xs, tuple) and isinstance(ys, tuple) and all_plain((*xs, *ys))
        stop = count - (x.left is not b.sub(x.total, x.done))
        index = x.passed(places[1:stop]) if plain else None

        def one(i: int) -> Any:
            section = x.section(places[i], places[i + 1], inside=index is not None)
            return shape(lambda values: values[i], section.simple() if b.branching and 0 < i < count - 1 else section)

        if index is None or count <= TREE:
            return choose(b, lambda i: x.before(places[i]), one, 0, count)

        def read(values: Any) -> Term:
            return b.column([number_of(v) if type(v) is Term else v for v in values[:stop]], index)

        many = x.section(read(places), read(places[1:]), inside=True)
        value = shape(read, many)
        return b.where(x.before(places[stop]), value, one(stop)) if stop < count else value


def _place(x: Progress, share: Any) -> Any:
    """The exact (not rounded) amount done at a share."""
    b, total = x.b, x.total
    if isinstance(share, int | float) and total.is_const and total.dtype in "iq" and not is_jax(total.args[0]):
        if total.op != "const":
            return b.mul(total, Fraction(share))
        place = total.args[0] * Fraction(share)
        return place.numerator if place.denominator == 1 else place
    if isinstance(total.value, float) and isinstance(share, int | float):
        return Fraction(total.value) * Fraction(share)
    return b.mul(b.floats(total), share)


def _reached(x: Progress, share: Any) -> Any:
    """The place of a jump: the first whole step there, where only the run knows the share and steps are whole."""
    pace = pace_of(x.b, share) if x.done.dtype == x.total.dtype == "i" else None
    return _place(x, share) if pace is None else pace.first(x.total)


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


@kind("knots")
class Knots(_Shaped):
    """Straight lines through the points (xs, ys); xs increase from 0 to 1.

    Example:
        >>> from lrsched import knots
        >>> round(knots((0, 0.5, 1), (1, 0.2, 0))(0.25), 6)
        0.6
    """

    xs: tuple[float, ...] = fields.reals(low=0.0, high=1.0, least=2)
    ys: tuple[float, ...] = fields.reals(least=2)
    first, last = None, None

    def side(self, x: Progress, rest: bool) -> Term:
        ys = _rests(x.b, self.ys) if rest else self.ys
        return self.segments(x, lambda of, s: line(x.b, of(ys), of(ys[1:]), s.z, s.u))


def _rests(b: Builder, levels: Any) -> Any:
    """1 less each of the levels: what a profile through them leaves, as exact where that is small as they are."""
    if not isinstance(levels, tuple):
        return 1.0 - levels
    return tuple(1.0 - y if isinstance(y, float) else b.sub(1.0, y) for y in levels)


def line(b: Builder, start: Any, end: Any, p: Any, q: Any) -> Any:
    """The value that is ``start`` where p is 1 and ``end`` where q = 1 - p is 1, exactly."""
    start, end = b.floats(start), b.floats(end)
    if start.op == end.op == "const":
        if start.args[0] == end.args[0]:
            return start
        (near, far), part = ((end, start), p) if abs(start.args[0]) > abs(end.args[0]) else ((start, end), q)
        gap = folding.gap(near.args[0], far.args[0], b.single)
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

    xs: tuple[float, ...] = fields.reals(low=0.0, high=1.0, least=2)
    ys: tuple[float, ...] = fields.reals(least=2)
    first, last = None, None

    def side(self, x: Progress, rest: bool) -> Term:
        b, ys, slopes = x.b, self.ys, _slopes(x.b, self.xs, self.ys)
        if rest:
            ys, slopes = _rests(b, ys), [b.neg(slope) for slope in slopes]
        return self.segments(x, lambda of, s: self._cubic(of, s, ys, slopes))

    def _cubic(self, of: Callable[[Any], Any], s: Progress, ys: Any, slopes: list[Any]) -> Any:
        b, u, z = s.b, s.u, s.z
        width = b.lift(of(self.xs[1:])) - of(self.xs)
        start, end = b.floats(of(ys)), b.floats(of(ys[1:]))
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

    at: tuple[float, ...] = fields.reals(low=0.0, high=1.0)
    levels: tuple[float, ...] = fields.reals(least=1)
    first, last = None, None

    def validate(self) -> None:
        check_increasing(self.where(), "at", self.at)
        if isinstance(self.levels, tuple) and isinstance(self.at, tuple) and len(self.levels) != len(self.at) + 1:
            fail(self.where(), "levels", f"one more than the {len(self.at)} places", self.levels)

    def formula(self, x: Progress) -> Pair:
        b, levels = x.b, self.levels
        places = [_reached(x, self.at[i]) for i in range(len(self.at))]
        plain = isinstance(levels, tuple) and all_plain(levels)
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
            fail("phases", f"part {i}", "a pair (weight, profile)", part, wrong_type=True)
    return Phases(tuple(part[0] for part in parts), tuple(part[1] for part in parts))


@kind("phases")
class Phases(Profile):
    """Profiles end to end; made by :func:`phases`."""

    weights: tuple[float, ...] = fields.reals(low=0.0, open_low=True, least=1)
    profiles: tuple[Profile, ...] = fields.nodes("Profile")
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


knots = Knots
pchip = Pchip
staircase = Staircase
