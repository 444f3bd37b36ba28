"""Lines on the integer grid: small numbers that give the same floor as a line with long ones."""

from __future__ import annotations

import math
from fractions import Fraction

from lrsched.foundation.records import Record


class FloorLine(Record):
    """floor((t * times + more) / over) for integers t."""

    times: int
    more: int
    over: int

    def at(self, t: int) -> int:
        """The whole number at or below the line at t."""
        return (t * self.times + self.more) // self.over

    @classmethod
    def through(cls, slope: Fraction, start: Fraction, limit: int) -> FloorLine:
        """A line with the floor of ``t * slope + start`` for every t in [0, limit]; ``over`` is at most 2 * limit.

        Both are in [0, 1). Lowered until it meets a point of the grid, the line has the same floors, and so has each
        line through that point whose slope lies between the nearest fractions with denominators up to the limit.
        """
        over = math.lcm(slope.denominator, start.denominator)
        exact = cls(int(slope * over), int(start * over), over)
        if not start:
            near = fitting_below(slope, limit)
            return cls(near.numerator, 0, near.denominator)
        if over <= limit:
            return exact
        t = lowest(exact.times, exact.more, over, limit)
        near = _between(slope, limit)
        return cls(near.numerator, exact.at(t) * near.denominator - near.numerator * t, near.denominator)


def _between(slope: Fraction, limit: int) -> Fraction:
    """A fraction between the same neighbours, among those with denominators up to the limit, as a slope."""
    if slope.denominator <= limit:
        return slope
    a, b, c, d = neighbours(slope, limit)
    return Fraction(a + c, b + d)


def lowest(times: int, more: int, over: int, limit: int) -> int:
    """The t in [0, limit] where (t * times + more) % over is least.

    ``short`` steps lower the remainder by ``down`` and ``long`` steps raise it by ``up``; joining them, as Euclid
    does, gives the next ones. The first step that still lowers it is taken as often as it can be.
    """
    t, height = 0, more % over
    short, down, long, up = 1, -times % over, 1, times % over
    while down and up:
        taken = min(height // down, (limit - t) // short)
        t, height = t + taken * short, height - taken * down
        if height >= down or down == up:
            return t
        if down > up:
            joined, needed = (down - 1) // up, -((height - down) // up)
            if needed <= joined:
                if t + short + needed * long > limit:
                    return t
                t, height = t + short + needed * long, height - (down - needed * up)
            short, down = short + joined * long, down - joined * up
        else:
            joined = (up - 1) // down
            long, up = long + joined * short, up - joined * down
    return t


def fitting_below(ratio: Fraction, limit: int) -> Fraction:
    """The largest fraction <= ratio with a denominator <= limit: the same floor(t * ratio) for every t <= limit."""
    if ratio.denominator <= limit:
        return ratio
    a, b, _, _ = neighbours(ratio, limit)
    return Fraction(a, b)


def neighbours(ratio: Fraction, limit: int) -> tuple[int, int, int, int]:
    """The fractions a / b < ratio < c / d next to one that has a denominator above the limit, with none above it."""
    p, q = ratio.numerator, ratio.denominator
    a, b, c, d = p // q, 1, p // q + 1, 1
    low, high = p % q, q - p % q  # p * b - a * q and c * q - p * d
    while True:
        steps = min(low // high, (limit - b) // d)
        a, b, low = a + steps * c, b + steps * d, low - steps * high
        if b + d > limit:
            return a, b, c, d
        steps = min((high - 1) // low, (limit - d) // b)
        c, d, high = c + steps * a, d + steps * b, high - steps * low
        if b + d > limit:
            return a, b, c, d
