"""Stretches of a log of rates: where they may begin and end, and the named shape that fits one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lrsched.algebra.fields import names_of
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.inspection.describe import spread
from lrsched.profiles.shapes import Cosine, Exponential, Linear, OneMinusPower, Polynomial, Rex
from lrsched.schedules.endless import ExponentialDecay, InverseSqrt, InverseTimeDecay
from lrsched.schedules.spans import Hold, Over, Warmup

POINTS = 400
HOPELESS = 0.05
LEVEL = 3
DEGREE = 16
PLAIN = (Linear(), Cosine(), OneMinusPower(), OneMinusPower(2.0), Polynomial(2.0), Rex(), Polynomial(0.5))
CURVED: tuple[tuple[Callable[[float], Profile], float, float], ...] = (
    (lambda x: Polynomial(math.exp(x)), -2.5, 2.5),
    (lambda x: OneMinusPower(math.exp(x)), -2.5, 2.5),
    (Rex, -6.0, 0.97),
    (lambda x: Exponential(math.exp(x)), -2.5, 3.5),
)
SHAPES: dict[type[Profile], Callable[[Any, Any], Any]] = {
    Linear: lambda p, u: 1.0 - u,
    Cosine: lambda p, u: np.cos(0.5 * np.pi * u) ** 2,
    Polynomial: lambda p, u: (1.0 - u) ** p.power,
    OneMinusPower: lambda p, u: 1.0 - u**p.power,
    Rex: lambda p, u: (1.0 - u) / (1.0 - p.bend * u),
    Exponential: lambda p, u: np.exp(-p.rate * u),
}


def _shape(profile: Profile, t: Any, n: float) -> Any:
    """The values of a profile, without compiling it."""
    return SHAPES[type(profile)](profile, np.clip(t / max(n, 1), 0.0, 1.0))


@dataclasses.dataclass(frozen=True)
class Fit:
    """A stretch of steps, and the schedule that makes it: a named shape, or else its own numbers."""

    start: int
    stop: int
    schedule: Any
    recognised: bool
    weight: int = 0


# ---- where a stretch may begin


def cuts(steps: Any, rates: Any, most: int, loudest: float = 1e-4) -> list[int]:
    """The steps at which one stretch may hand over to the next, both ends of the log included; ``most`` if possible.

    What looks like rounding is passed over, ever more of it, up to ``loudest``, while there are too many cuts.
    """
    noise, found = 1e-13, _cuts(steps, rates, 1e-13)
    while len(found) > most and noise < loudest:
        noise *= 4
        found = _cuts(steps, rates, noise)
    return found


def walls(steps: Any, rates: Any) -> list[tuple[int, int]]:
    """Steps of jumps and extremes, over which no shape goes; an extreme lies somewhere between its two steps."""
    found = [(i, i) for i in _jumps(rates, 1e-4)] + _turns(rates, 1e-4)
    return [(int(steps[a]), int(steps[b])) for a, b in found]


def _cuts(steps: Any, rates: Any, noise: float) -> list[int]:
    sharp, slope = _sharp(steps, rates, noise)
    index = {*_jumps(rates, noise), *(after for _, after in _turns(rates, noise))}
    index |= {i + k for i in sharp for k in (1, 2)} | {i for run in _runs(rates, noise) for i in run}
    inner = [int(steps[i]) for i in index if 0 < i < len(rates) - 1]
    inner += _crossings(steps, rates, sharp, slope)
    return sorted({int(steps[0]), int(steps[-1]) + 1, *inner})


def _jumps(v: Any, noise: float) -> list[int]:
    size = np.abs(np.diff(v))
    around = np.maximum(np.r_[0.0, size[:-1]], np.r_[size[1:], 0.0])
    return (np.flatnonzero((size > 8 * around) & (size > 100 * noise)) + 1).tolist()


def _turns(v: Any, noise: float) -> list[tuple[int, int]]:
    """The two indices between which each inner extreme lies."""
    d = np.diff(v)
    moving = np.flatnonzero(np.abs(d) > noise)
    signs = np.sign(d[moving])
    return [(int(moving[i]), int(moving[i + 1])) for i in np.flatnonzero(signs[1:] != signs[:-1])]


def _sharp(steps: Any, v: Any, noise: float) -> tuple[list[int], Any]:
    """The first of each three indices between which the slope changes at once, and all slopes."""
    if len(v) < 5:
        return [], None
    slope = np.diff(v) / np.diff(steps)
    bend = np.abs(np.diff(slope))
    around = np.maximum(np.r_[0.0, 0.0, bend[:-2]], np.r_[bend[2:], 0.0, 0.0])
    sharp = (bend > 6 * around) & (bend > 50 * noise / np.min(np.diff(steps)))
    return np.flatnonzero(sharp).tolist(), slope


def _crossings(steps: Any, v: Any, sharp: list[int], slope: Any) -> list[int]:
    """Steps between two logged ones at which the lines on both sides meet."""
    meets, known = [], set(sharp)
    for i in sharp:
        if i + 1 not in known or i + 3 >= len(v) or slope[i] == slope[i + 2]:
            continue
        gap = float(steps[i + 2] - steps[i + 1])
        past = (v[i + 2] - gap * slope[i + 2] - v[i + 1]) / (slope[i] - slope[i + 2])
        if 0.5 < past < gap - 0.5:
            meets.append(int(steps[i + 1]) + round(float(past)))
    return meets


def _runs(v: Any, noise: float) -> Iterator[tuple[int, int]]:
    """First and last index of level stretches."""
    level = np.abs(np.diff(v)) <= noise
    edges = np.flatnonzero(np.diff(np.r_[False, level, False].astype(int)))
    for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if b - a >= 3:
            yield a, b


# ---- what fits one


def best_fit(steps: Any, rates: Any, start: int, stop: int, tolerance: float, last: bool) -> Fit | None:
    """The simplest shape that fits the log from ``start`` up to ``stop``, if one does."""
    low, high = np.searchsorted(steps, (start, stop))
    t, v = steps[low:high] - start, rates[low:high]
    if len(t) == 0:
        return None
    n = stop - start
    if np.ptp(v) <= tolerance * 0.1:
        return Fit(start, stop, Hold(n, shortest(float(np.median(v)), 0.1 * tolerance)), len(t) >= LEVEL)
    picked = spread(0, len(t) - 1, POINTS)
    if len(t) < 4 or not _smooth(t[picked], v[picked], tolerance):
        return None
    if last:
        for tail in _tails(t[picked], v[picked], tolerance):
            if _is_near(tail, t, v, tolerance):
                return Fit(start, stop, tail, True, 1)
    gap = int(t[-1] - t[-2]) if last else 0
    for length, profile, weight in _tries(t[picked], v[picked], n, tolerance, gap):
        made = _fitted(profile, t, v, picked, length, n, tolerance, start == 0, last)
        if made is not None and _is_near(made, t, v, tolerance):
            return Fit(start, stop, made, True, 1 + weight)
    return None


def _is_near(schedule: Schedule, t: Any, v: Any, tolerance: float) -> bool:
    return bool(np.max(np.abs(schedule(t) - v)) <= tolerance)


def _smooth(t: Any, v: Any, tolerance: float) -> bool:
    """Whether a shape can go through the middle of a stretch: all of them are close to polynomials there."""
    inside = (t >= 0.2 * t[-1]) & (t <= 0.8 * t[-1])
    degree = min(DEGREE, int(np.count_nonzero(inside)) // 3)
    if degree < DEGREE // 2:
        return True
    x = t[inside] / t[-1] * (10 / 3) - 5 / 3
    basis = np.polynomial.chebyshev.chebvander(x, degree)
    rest = basis @ np.linalg.lstsq(basis, v[inside], rcond=None)[0] - v[inside]
    return bool(np.max(np.abs(rest)) <= 10 * tolerance + 3.0**-degree)


def _tries(t: Any, v: Any, n: int, tolerance: float, gap: int) -> Iterator[tuple[int, Profile, int]]:
    """Lengths and shapes to try, and what each costs.

    The last stretch of a log whose last two steps are ``gap`` > 0 apart may go on after the log or end with it.
    """
    if gap > 1:
        yield n - 1 + gap, Linear(), 0
    for weight, profile in enumerate(_candidates(t, v, n, tolerance)):
        yield n, profile, weight
    if not gap:
        return
    for weight, profile in enumerate(PLAIN, 20):
        yield n - 1, profile, weight
        if gap > 1:
            yield n - 1 + gap, profile, weight
    for weight, profile in enumerate(PLAIN[1:], 40):
        lengths = math.log(n), math.log(20 * n)
        found = math.exp(_searched(lambda x, p=profile: _shape(p, t, math.exp(x)), v, *lengths, tolerance))  # type: ignore[misc]
        if _distance(profile, t, v, found) <= tolerance:
            yield from ((int(length), profile, weight) for length in (shortest(found, 1e-3 * found), round(found)))


def _candidates(t: Any, v: Any, n: int, tolerance: float) -> Iterator[Profile]:
    """Shapes to try, the plain ones first; upside down ones are fitted as the same shape run backwards in value."""
    yield from PLAIN
    for make, low, high in CURVED:
        yield make(_searched(lambda x, make=make: _shape(make(x), t, n), v, low, high, tolerance))  # type: ignore[misc]


def _tails(t: Any, v: Any, tolerance: float) -> Iterator[Schedule]:
    """Endless decays from the first value on: their inverse, its square or their logarithm is a line."""
    if not (v > 0).all() or v[0] <= v[-1]:
        return
    for shape, line in (("sqrt", 1.0 / v**2), ("time", 1.0 / v), ("power", np.log(v))):
        slope, base = np.polyfit(t.astype(float), line, 1)
        if np.max(np.abs(slope * t + base - line)) > 1e-3 * np.ptp(line):
            continue
        if shape == "sqrt" and slope > 0 and base > 0:
            k = max(1, round(base / slope))
            yield _times(base**-0.5, InverseSqrt(_few(base / slope)).advanced(k), tolerance)
        elif shape == "time" and slope > 0 and base > 0:
            yield _times(1.0 / base, InverseTimeDecay(_few(slope / base)), tolerance)
        elif shape == "power":
            gamma = _few(math.exp(slope))
            if len(repr(gamma)) <= 7 and gamma > 0:
                yield _times(math.exp(base), ExponentialDecay(gamma), tolerance)
    level = np.flatnonzero(np.abs(v - v[0]) > tolerance)
    if level.size:
        timescale = float(np.median((t * v**2)[level[len(level) // 2 :]])) / float(v[0]) ** 2
        yield _times(float(v[0]), InverseSqrt(_few(timescale)), tolerance)


def _few(x: float) -> float:
    """The number with the digits that a fit is good for."""
    return float(f"{x:.6g}")


def _times(level: float, schedule: Schedule, tolerance: float) -> Schedule:
    level = shortest(level, 0.1 * tolerance)
    return schedule if level == 1.0 else level * schedule


def _searched(curve: Callable[[float], Any], v: Any, low: float, high: float, enough: float) -> float:
    """The number whose curve comes closest to the values: a grid, then ever finer ones while they help."""
    best = low
    for i in range(9):
        grid = np.linspace(low, high, 13)
        costs = _distances(np.stack([curve(float(x)) for x in grid]), v)
        best = float(grid[int(np.argmin(costs))])
        if not np.min(costs) <= max(min(HOPELESS, 2.0 * 6.0**-i), enough):
            return best
        width = (high - low) / 12
        low, high = max(low, best - width), min(high, best + width)
    return best


def _distance(profile: Profile, t: Any, v: Any, n: float) -> float:
    return float(_distances(_shape(profile, t, n)[None], v)[0])


def _distances(curves: Any, v: Any) -> Any:
    """The largest deviation of the best blend of each curve."""
    middle = curves - curves.mean(axis=1, keepdims=True)
    size = np.maximum(np.einsum("ij,ij->i", middle, middle), 1e-300)
    rest = v - v.mean() - (middle @ v / size)[:, None] * middle
    return np.max(np.abs(rest), axis=1)


def _fitted(
    profile: Profile, t: Any, v: Any, picked: Any, length: int, n: int, tolerance: float, first: bool, last: bool
) -> Schedule | None:
    """The schedule of a shape with its best ends in few digits, if it is near the values that were picked."""
    profile = _tidied(profile, t[picked], v[picked], length, tolerance)
    p = _shape(profile, t[picked], length)
    start, end = _levels(p, v[picked], tolerance)
    if last and length == n > 1 and isinstance(profile, Linear) and end < 0 <= float(v[-1]):
        return _fitted(profile, t, v, picked, n - 1, n, tolerance, first, last)
    rises = first and abs(start) < abs(end) and length == n
    if rises and start != 0 and t[-1] == n - 1:
        early = Warmup(n, 0.0, shortest(float(v[-1]), 0.1 * tolerance), profile, skip_zero=True)
        shown = early.end * (1.0 - _shape(profile, t[picked] + 1, n))
        if np.max(np.abs(shown - v[picked])) <= 1.01 * tolerance and _is_near(early, t, v, tolerance):
            return early
    if np.max(np.abs(end + (start - end) * p - v[picked])) > 1.01 * tolerance:
        return None
    if length == n - 1:
        return Over(profile, n, start, end, endpoint=True)
    return Warmup(n, start, end, profile) if rises else Over(profile, length, start, end)


def _levels(p: Any, v: Any, tolerance: float) -> tuple[float, float]:
    """Start and end of the best blend ``end + (start - end) * p`` in few digits; 1 and 0 where these fit as well."""
    best = np.linalg.lstsq(np.stack([p, 1.0 - p], axis=1), v, rcond=None)[0]
    start, end = (shortest(float(level), 0.1 * tolerance) for level in best)
    for a, b in ((1.0, 0.0), (0.0, 1.0), (1.0, end), (start, 0.0)):
        near = max(abs(a - start), abs(b - end)) <= tolerance
        if near and np.max(np.abs(b + (a - b) * p - v)) <= 0.5 * tolerance:
            return a, b
    return start, end


def _tidied(profile: Profile, t: Any, v: Any, n: int, tolerance: float) -> Profile:
    """The profile with its number in the fewest digits that fit as well."""
    names = names_of(type(profile))
    if not names:
        return profile
    (name,) = names
    value = getattr(profile, name)
    goal = max(0.3 * tolerance, 1.5 * _distance(profile, t, v, n))
    for digits in range(1, 12):
        number = float(f"{value:.{digits}g}")
        if name == "bend" and number >= 1.0:
            continue
        short = type(profile)(number)
        if _distance(short, t, v, n) <= goal:
            return Linear() if name == "power" and number == 1.0 else short
    return profile


def shortest(x: float, slack: float) -> float:
    """The number of fewest digits that is no further than ``slack`` from x."""
    if abs(x) < slack:
        return 0.0
    numbers = (float(f"{x:.{digits}g}") for digits in range(1, 17))
    return next((number for number in numbers if abs(number - x) <= slack), x)
