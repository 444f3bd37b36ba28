"""The exact value of any expression, and how far a result may lie from it: an interpreter of plain data.

It shares no code with the library: it walks ``expression.to_dict()`` with exact fractions for time and 50-digit
numbers for values. ``value(data, t, kind)`` returns the value and the bound that follows from the promise: 8 units
in the last place for a shape in float64, 16 in float32, twice the condition number more for a steep one, carried
through the operators to first order, and one unit for each operator.

Time is a triple. ``own`` decides which piece, cycle or sample is meant and stays below the duration; ``at`` is what
formulas see and may equal the duration; updates happen at ``zero + k * gap``.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf

mp.dps = 50
DEEP = 400
INF = math.inf
Data = dict[str, Any]


class Unsure(Exception):  # noqa: N818 - an answer, not an error
    """The value hangs on a rounding that the promise leaves open (a jump, a pole), so there is nothing to compare."""


@dataclasses.dataclass(frozen=True)
class Format:
    """A floating type: bits of precision, range, and what a shape and a power may be off by in units in the last place.

    In float32 a power is XLA's, which is no rounded one.
    """

    shape: float
    power: float
    bits: int
    tiny: float
    huge: float

    def ulp(self, x: Any) -> float:
        """One unit in the last place of x; below the smallest normal number, that number."""
        size = abs(float(x))
        if size < self.tiny:
            return self.tiny
        if size > self.huge:
            raise Unsure("overflow")
        return math.ldexp(1.0, math.frexp(size)[1] - self.bits)

    def rounding(self, x: Any) -> float:
        """How far the nearest number of the type may be from x: nothing if x is one."""
        if x == 0:
            return 0.0
        unit = self.ulp(x)
        return 0.0 if x / unit == mp.floor(x / unit) and abs(x) >= self.tiny else unit / 2


FLOAT64 = Format(8, 1, 53, 2.0**-1022, 1.7e308)
FLOAT32 = Format(16, 8, 24, 2.0**-126, 3.4e38)


@dataclasses.dataclass(frozen=True)
class Value:
    """An exact value and the largest error allowed."""

    x: Any
    err: float

    @property
    def is_zero(self) -> bool:
        return self.x == 0 and self.err == 0

    def known(self) -> Value:
        """The value, if it is finite."""
        if not mp.isfinite(self.x):
            raise Unsure("infinite or undefined")
        return self


@dataclasses.dataclass(frozen=True)
class Time:
    own: Fraction
    at: Fraction
    gap: Fraction = Fraction(1)
    zero: Fraction = Fraction(0)

    def since(self, start: Any) -> Time:
        return Time(self.own - start, self.at - start, self.gap, self.zero - start)

    def stretched(self, k: Fraction) -> Time:
        return Time(self.own / k, self.at / k, self.gap / k, self.zero / k)

    def ended(self, n: Any) -> Time:
        """Held at the end of n steps: owned by the step before it."""
        own = self.own if self.own < n else Fraction(n - 1)
        return dataclasses.replace(self, own=own, at=min(self.at, Fraction(n)))

    def backwards(self, n: Any) -> Time:
        """n - time; what is read at the end belongs to the last step before it, however long the steps are."""
        at = n - self.at
        return Time(at if at < n else max(at - 1, Fraction(0)), at, self.gap, n - self.zero)


@dataclasses.dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` in steps (exact fractions), or a computed number between 0 and 1 with its errors."""

    done: Any
    total: Any
    stepped: bool
    err: float = 0.0
    rest_err: float = 0.0

    @property
    def u(self) -> Any:
        return real(self.done) / real(self.total)

    @property
    def z(self) -> Any:
        return real(self.left) / real(self.total)

    @property
    def left(self) -> Any:
        return self.total - self.done

    def turned(self) -> Progress:
        return Progress(self.left, self.total, self.stepped, self.rest_err, self.err)

    def place(self, share: Any) -> Any:
        exact = share if isinstance(share, Fraction) else Fraction(share)
        if self.stepped:
            return Fraction(round(exact * self.total))
        return exact * self.total if isinstance(self.total, Fraction) else real(exact) * self.total

    def before(self, place: Any) -> bool:
        """Whether less than ``place`` is done; unsure within the error."""
        if (self.err or self.rest_err) and abs(real(self.done) - real(place)) <= 2 * max(self.err, self.rest_err):
            raise Unsure("a jump within the error of the progress")
        return bool(self.done < place if isinstance(self.done, Fraction) else self.done < real(place))

    def section(self, start: Any, stop: Any) -> Progress:
        if start == stop:
            return Progress(Fraction(1), Fraction(1), self.stepped)
        if not isinstance(self.done, Fraction):
            start, stop = real(start), real(stop)
        done = min(max(self.done - start, 0 * start), stop - start)
        slack = 0.0 if self.stepped else 2.0**-52 * float(self.total)
        return dataclasses.replace(
            self, done=done, total=stop - start, err=self.err + slack, rest_err=self.rest_err + slack
        )


def real(x: Any) -> Any:
    """A number of the oracle's own precision."""
    return mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else mpf(x)


class Oracle:
    """Values in one floating type."""

    def __init__(self, kind: Format) -> None:
        self.kind = kind

    # ---- numbers

    def number(self, x: Any) -> Value:
        """A number as it was given, rounded once."""
        x = real(x)
        return Value(x, self.kind.rounding(x))

    def shape(self, x: Any, steepness: Any = 0.0, scale: Any = None) -> Value:
        """A value computed as one shape; ``scale`` is the number whose last place counts, if not the value's."""
        steep = 2 * float(steepness) if steepness > 4 else 0.0
        return Value(x, (self.kind.shape + steep) * self.kind.ulp(x if scale is None else scale))

    def add(self, a: Value, b: Value) -> Value:
        a, b = a.known(), b.known()
        x = a.x + b.x
        if a.is_zero or b.is_zero:
            return Value(x, a.err + b.err)
        return Value(x, a.err + b.err + (self.kind.ulp(x) if x or a.err or b.err else 0.0))

    def mul(self, a: Value, b: Value) -> Value:
        a, b = a.known(), b.known()
        if a.is_zero or b.is_zero:
            return Value(mpf(0), 0.0)
        x = a.x * b.x
        return Value(x, float(abs(a.x)) * b.err + float(abs(b.x)) * a.err + self.kind.ulp(x))

    def div(self, a: Value, b: Value) -> Value:
        a, b = a.known(), b.known()
        if b.is_zero:
            if not a.is_zero and abs(a.x) <= a.err:
                raise Unsure("0/0 or x/0")
            return Value(mp.nan if a.is_zero else mp.inf, 0.0)
        if b.err > 1e-3 * abs(b.x):
            raise Unsure("division by nearly nothing")
        if a.is_zero:
            return a
        x = a.x / b.x
        return Value(x, float((a.err + abs(x) * b.err) / abs(b.x)) + self.kind.ulp(x))

    def pow(self, a: Value, c: float) -> Value:
        a = a.known()
        whole = float(c).is_integer()
        if c == 0:
            return Value(mpf(1), 0.0)
        if a.is_zero:
            return Value(mpf(0) if c > 0 else mp.inf, 0.0)
        if a.err > 1e-3 * abs(a.x):
            raise Unsure("a power of nearly nothing")
        if a.x < 0 and not whole:
            return Value(mp.nan, 0.0)
        x = a.x ** (int(c) if whole else mpf(c))
        return Value(x, float(abs(c * x / a.x)) * a.err + self.kind.power * self.kind.ulp(x))

    def pick(self, choose: Callable[..., Any], values: list[Value]) -> Value:
        best = choose(values, key=lambda v: v.known().x)
        near = [v.err for v in values if abs(v.x - best.x) <= v.err + best.err]
        return Value(best.x, max(near))

    # ---- progress profiles: p(u)

    def profile(self, data: Data, x: Progress) -> Value:
        return PROFILES[data["kind"]](self, data, x)

    def plain(self, x: Progress, p: Callable[[Any, Any], Any], steepness: Any = 0.0, exact: str = "") -> Value:
        """A profile given by a formula of u and z; ``exact`` says at which ends it is a number given."""
        value = p(x.u, x.z)
        if ("0" in exact and x.done == 0) or ("1" in exact and x.left == 0):
            return Value(value, 0.0)
        found = self.shape(value, steepness)
        if not (x.err or x.rest_err):
            return found
        size = real(x.total)
        nudge = mpf(10) ** -25
        inner = min(max(x.u, 2 * nudge), 1 - 2 * nudge)
        slope = abs(p(inner + nudge, 1 - inner - nudge) - p(inner - nudge, 1 - inner + nudge)) / (2 * nudge)
        carried = float(slope * 2 * min(x.err, x.rest_err) / size) + 4 * (1 + float(steepness)) * self.kind.ulp(value)
        if x.err + x.rest_err > 0.01 * size:
            raise Unsure("progress is not known well")
        return Value(value, found.err + carried)

    # ---- schedules

    def schedule(self, data: Data, t: Time) -> Value:
        return SCHEDULES[data["kind"]](self, data, t)

    def blend(self, data: Data, x: Progress, start: float, end: float) -> Value:
        """end + (start - end) * p."""
        p = self.profile(data, x)
        low, high = real(start), real(end)
        if start == end:
            return self.number(start)
        if p.err == 0 and p.x in (0, 1):
            return self.number(start if p.x == 1 else end)
        value = high + (low - high) * p.known().x
        if mp.dps < DEEP and 0 < abs(value) < mpf(10) ** -20 * max(abs(low), abs(high)):
            with mp.workdps(DEEP):  # what is left of such a difference has lost the digits
                return self.blend(data, x, start, end)
        mixed = start * end < 0 or not 0 <= p.x <= 1
        scale = max(abs(low), abs(high), abs(value)) if mixed else value
        if mixed or data["kind"] not in PLAIN:
            units = 3 * self.kind.ulp(scale)
            least = self.kind.shape * self.kind.ulp(scale) if single_shape(data) else 0.0
            return Value(value, max(float(abs(low - high)) * p.err + units, least))
        steep = p.err / self.kind.ulp(p.x) - self.kind.shape if p.x else 0.0
        return Value(value, (self.kind.shape + max(steep, 0.0)) * self.kind.ulp(scale))


def single_shape(data: Data) -> bool:
    """Whether a profile is one shape, whatever way it is run through: its bound is a single shape's."""
    while data["kind"] in ("profile.mirrored", "profile.reversed", "profile.delayed", "profile.sampled_times"):
        data = data["profile"]
    return data["kind"] in PLAIN


PROFILES: dict[str, Callable[[Oracle, Data, Progress], Value]] = {}
SCHEDULES: dict[str, Callable[[Oracle, Data, Time], Value]] = {}
PLAIN: set[str] = set()


def profile(name: str, *, plain: bool = True) -> Callable[[Any], Any]:
    def keep(function: Any) -> Any:
        PROFILES[name] = function
        if plain:
            PLAIN.add(name)
        return function

    return keep


def schedule(name: str) -> Callable[[Any], Any]:
    def keep(function: Any) -> Any:
        SCHEDULES[name] = function
        return function

    return keep


# ---------------------------------------------------------------- profiles


@profile("flat")
def _flat(o: Oracle, d: Data, x: Progress) -> Value:
    return o.number(d["level"])


@profile("linear")
def _linear(o: Oracle, d: Data, x: Progress) -> Value:
    return o.plain(x, lambda u, z: z, exact="01")


@profile("cosine")
def _cosine(o: Oracle, d: Data, x: Progress) -> Value:
    return o.plain(x, lambda u, z: mp.sin(mp.pi * z / 2) ** 2, exact="01")


@profile("polynomial")
def _polynomial(o: Oracle, d: Data, x: Progress) -> Value:
    return o.plain(x, lambda u, z: z ** real(d["power"]), d["power"], exact="01")


@profile("one_minus_power")
def _one_minus_power(o: Oracle, d: Data, x: Progress) -> Value:
    k = real(d["power"])
    return o.plain(x, lambda u, z: -mp.expm1(k * mp.log(u)) if u else mpf(1), d["power"], exact="01")


@profile("exponential")
def _exponential(o: Oracle, d: Data, x: Progress) -> Value:
    return o.plain(x, lambda u, z: mp.exp(-real(d["rate"]) * u), abs(d["rate"] * x.u), exact="0")


@profile("inverse_time")
def _inverse_time(o: Oracle, d: Data, x: Progress) -> Value:
    grown = real(d["rate"]) * x.u
    return o.plain(x, lambda u, z: 1 / (1 + real(d["rate"]) * u), abs(grown / (1 + grown)), exact="0")


@profile("logarithmic")
def _logarithmic(o: Oracle, d: Data, x: Progress) -> Value:
    rate = real(d["rate"])
    return o.plain(x, lambda u, z: mp.log1p(rate * z / (1 + rate * u)) / mp.log1p(rate), exact="01")


@profile("rex")
def _rex(o: Oracle, d: Data, x: Progress) -> Value:
    b = real(d["bend"])
    return o.plain(x, lambda u, z: z / ((1 - b) + b * z), exact="01")


@profile("tanh")
def _tanh(o: Oracle, d: Data, x: Progress) -> Value:
    low, high = real(d["lower"]), real(d["upper"])
    p: Any = lambda u, z: 1 / (1 + mp.exp(2 * (low + (high - low) * u)))  # noqa: E731
    largest = 2 * max(abs(low), abs(high))
    return o.plain(x, p, largest * (1 - p(x.u, x.z)))


def part_of(x: Progress, places: list[Any]) -> int:
    """How many of the places are passed."""
    return sum(not x.before(place) for place in places)


def place_of(x: Progress, share: float) -> Any:
    """A place that is not rounded to a step."""
    return Fraction(share) * x.total if isinstance(x.total, Fraction) else mpf(share) * x.total


@profile("knots", plain=False)
def _knots(o: Oracle, d: Data, x: Progress) -> Value:
    xs, ys = d["xs"], d["ys"]
    i = part_of(x, [place_of(x, share) for share in xs[1:-1]])
    s = x.section(place_of(x, xs[i]), place_of(x, xs[i + 1]))
    low, high = real(ys[i]), real(ys[i + 1])
    value = low + (high - low) * s.u
    if ys[i] == ys[i + 1]:
        return o.number(ys[i])
    found = o.shape(value, 0.0, max(abs(low), abs(high)) if ys[i] * ys[i + 1] < 0 else value)
    return Value(value, found.err + float(abs(high - low) / real(s.total)) * min(x.err, x.rest_err) * 2)


@profile("pchip", plain=False)
def _pchip(o: Oracle, d: Data, x: Progress) -> Value:
    xs, ys = list(map(Fraction, d["xs"])), list(map(Fraction, d["ys"]))
    slopes = monotone_slopes(xs, ys)
    i = part_of(x, [place_of(x, share) for share in d["xs"][1:-1]])
    s = x.section(place_of(x, d["xs"][i]), place_of(x, d["xs"][i + 1]))
    width, u = real(xs[i + 1] - xs[i]), s.u
    a, b, m0, m1 = (real(v) for v in (ys[i], ys[i + 1], slopes[i], slopes[i + 1]))
    value = (
        (2 * u**3 - 3 * u**2 + 1) * a + (u**3 - 2 * u**2 + u) * width * m0
        + (3 * u**2 - 2 * u**3) * b + (u**3 - u**2) * width * m1
    )  # fmt: skip
    size = max(abs(a), abs(b), abs(value), abs(width * m0) * u * s.z, abs(width * m1) * u * s.z)
    steepest = float(3 * (abs(b - a) + abs(width * m0) + abs(width * m1)) / real(s.total))
    return Value(value, o.shape(value, 0.0, size).err + steepest * min(x.err, x.rest_err) * 2)


def monotone_slopes(xs: list[Fraction], ys: list[Fraction]) -> list[Fraction]:
    """Fritsch and Carlson's slopes: harmonic means inside, one-sided three-point formulas at the ends."""
    h = [b - a for a, b in itertools.pairwise(xs)]
    d = [(b - a) / w for a, b, w in zip(ys, ys[1:], h, strict=False)]
    if len(d) == 1:
        return [d[0], d[0]]
    inner = []
    for i in range(1, len(d)):
        if d[i - 1] * d[i] <= 0:
            inner.append(Fraction(0))
            continue
        w0, w1 = 2 * h[i] + h[i - 1], h[i] + 2 * h[i - 1]
        inner.append((w0 + w1) / (w0 / d[i - 1] + w1 / d[i]))
    return [one_sided(h[0], h[1], d[0], d[1]), *inner, one_sided(h[-1], h[-2], d[-1], d[-2])]


def one_sided(h0: Fraction, h1: Fraction, d0: Fraction, d1: Fraction) -> Fraction:
    slope = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
    if slope * d0 <= 0:
        return Fraction(0)
    return 3 * d0 if d0 * d1 <= 0 and abs(slope) > 3 * abs(d0) else slope


@profile("staircase")
def _staircase(o: Oracle, d: Data, x: Progress) -> Value:
    return o.number(d["levels"][part_of(x, [place_of(x, share) for share in d["at"]])])


@profile("phases", plain=False)
def _phases(o: Oracle, d: Data, x: Progress) -> Value:
    weights = list(map(Fraction, d["weights"]))
    places = [x.place(sum(weights[:i]) / sum(weights)) for i in range(1, len(weights))]
    i = part_of(x, places)
    edges = [Fraction(0), *places, x.total]
    return o.profile(d["profiles"][i], x.section(edges[i], edges[i + 1]))


@profile("profile.sum", plain=False)
def _profile_sum(o: Oracle, d: Data, x: Progress) -> Value:
    return folded(o.add, [o.profile(p, x) for p in d["parts"]])


@profile("profile.product", plain=False)
def _profile_product(o: Oracle, d: Data, x: Progress) -> Value:
    return folded(o.mul, [o.profile(p, x) for p in d["parts"]])


def folded(operation: Callable[[Value, Value], Value], values: list[Value]) -> Value:
    result = values[0]
    for v in values[1:]:
        result = operation(result, v)
    return result


@profile("profile.power", plain=False)
def _profile_power(o: Oracle, d: Data, x: Progress) -> Value:
    return o.pow(o.profile(d["profile"], x), d["power"])


@profile("profile.negative", plain=False)
def _profile_negative(o: Oracle, d: Data, x: Progress) -> Value:
    p = o.profile(d["profile"], x)
    return Value(-p.x, p.err)


@profile("profile.bent", plain=False)
def _bent(o: Oracle, d: Data, x: Progress) -> Value:
    p, k = o.profile(d["profile"], x).known(), real(d["d"])
    below = (1 - k) + k * p.x
    grown = float(abs(k)) * p.err + 2 * o.kind.ulp(max(abs(1 - k), abs(k * p.x), abs(below)))
    if grown > 1e-3 * abs(below):
        raise Unsure("the pole of a bent profile")
    value = p.x / below
    if p.is_zero or (p.err == 0 and p.x == 1):
        return Value(value, 0.0)
    return Value(value, float((1 - k) / below**2) * p.err + float(abs(value / below)) * grown + 2 * o.kind.ulp(value))


@profile("profile.warped", plain=False)
def _warped(o: Oracle, d: Data, x: Progress) -> Value:
    k = real(d["k"])
    done = x.u**k if x.done else mpf(0)
    rest = -mp.expm1(k * mp.log(x.u)) if x.done else mpf(1)
    if x.done == 0 or x.left == 0:
        return o.profile(d["profile"], Progress(Fraction(int(x.left == 0)), Fraction(1), False))
    grown = 4 + 2 * float(k) * float(x.z + x.u * abs(mp.log(x.u)))
    carried = float(k * done / x.u) * 2 * min(x.err, x.rest_err) / float(real(x.total))
    err, rest_err = (grown * o.kind.ulp(v) + carried for v in (done, rest))
    return o.profile(d["profile"], Progress(done, mpf(1), False, err, rest_err))


@profile("profile.reversed", plain=False)
def _profile_reversed(o: Oracle, d: Data, x: Progress) -> Value:
    return o.profile(d["profile"], x.turned())


@profile("profile.mirrored", plain=False)
def _profile_mirrored(o: Oracle, d: Data, x: Progress) -> Value:
    near = x if x.done <= x.left else x.turned()
    return o.profile(d["profile"], dataclasses.replace(near, done=2 * near.done, err=2 * near.err,
                                                       rest_err=2 * near.err))  # fmt: skip


@profile("profile.delayed", plain=False)
def _profile_delayed(o: Oracle, d: Data, x: Progress) -> Value:
    place = x.place(d["share"])
    if place == x.total:  # held until the end
        first = dataclasses.replace(x, done=0 * x.total, err=0.0, rest_err=0.0)
        return o.profile(d["profile"], x if x.left == 0 else first)
    return o.profile(d["profile"], x.section(place, x.total))


@profile("profile.normalised", plain=False)
def _normalised(o: Oracle, d: Data, x: Progress) -> Value:
    if x.done == 0 or x.left == 0:
        return Value(mpf(int(x.done == 0)), 0.0)
    still = {"err": 0.0, "rest_err": 0.0}
    first = o.profile(d["profile"], dataclasses.replace(x, done=0 * x.total, **still))
    last = o.profile(d["profile"], dataclasses.replace(x, done=x.total, **still))
    minus = Value(-last.known().x, last.err)
    return o.div(o.add(o.profile(d["profile"], x), minus), o.add(first, minus))


@profile("profile.sampled_times", plain=False)
def _sampled_times(o: Oracle, d: Data, x: Progress) -> Value:
    times = Fraction(d["times"])
    index = Fraction(math.floor(times * x.done / x.total)) if isinstance(x.done, Fraction) else None
    if index is None:
        exact = real(times) * x.done / x.total
        index = Fraction(int(mp.floor(exact)))
        if abs(exact - mp.nint(exact)) <= 2 * real(times) * max(x.err, x.rest_err) / x.total:
            raise Unsure("a sample within the error of the progress")
    elif (x.err or x.rest_err) and index == times * x.done / x.total and x.left:
        raise Unsure("a sample within the error of the progress")
    return o.profile(d["profile"], Progress(index, times, False))


@profile("profile.sampled_at", plain=False)
def _profile_sampled_at(o: Oracle, d: Data, x: Progress) -> Value:
    places = [x.place(share) for share in d["at"]]
    i = part_of(x, places)
    done = 0 * x.total if i == 0 else places[i - 1]
    if not isinstance(x.done, Fraction):
        done = real(done)
    return o.profile(d["profile"], dataclasses.replace(x, done=done, err=0.0, rest_err=0.0))


# ---------------------------------------------------------------- schedules


def duration(d: Data) -> Any:
    """Number of steps, or infinity."""
    name = d["kind"]
    if name in ("over", "warmup", "hold", "geometric", "silver_steps", "chebyshev_steps"):
        return d["steps"]
    if name in ("sum", "product", "minimum", "maximum", "quotient"):
        parts = d["parts"] if "parts" in d else [d["left"], d["right"]]
        return max((duration(p) for p in parts if p["kind"] != "constant"), default=INF)
    return DURATIONS.get(name, lambda d: duration(d["schedule"]) if "schedule" in d else INF)(d)


def finite_or(f: Callable[[Data, int], Any]) -> Callable[[Data], Any]:
    def of(d: Data) -> Any:
        n = duration(d["schedule"])
        return n if n == INF else f(d, n)

    return of


DURATIONS: dict[str, Callable[[Data], Any]] = {
    "table": lambda d: len(d["values"]),
    "sequence": lambda d: sum(duration(p) for p in d["parts"]),
    "restarted": lambda d: INF if d["times"] is None else sum(cycle_lengths(d, d["times"])),
    "mirrored": lambda d: 2 * duration(d["schedule"]),
    "stretched": finite_or(lambda d, n: round(n * Fraction(d["k"]))),
    "extended": lambda d: d["total"],
    "advanced": finite_or(lambda d, n: n - d["k"]),
    "delayed": finite_or(lambda d, n: n + d["k"]),
    "lasting": lambda d: d["n"],
    "per_epoch": finite_or(lambda d, n: n * d["steps_per_epoch"]),
    "custom": lambda d: CUSTOM[d["name"]][1],
}
CUSTOM: dict[str, tuple[Callable[..., Any], Any]] = {}


def cycle_lengths(d: Data, count: int) -> list[int]:
    first, ratio = duration(d["schedule"]), Fraction(d["t_mult"])
    return [max(1, round(first * ratio**i)) for i in range(count)]


def goes_on(d: Data) -> bool:
    """Whether a policy decides what comes after the duration."""
    name = d["kind"]
    if name == "after":
        return d["policy"] != "hold"
    if name == "sequence":
        return goes_on(d["parts"][-1])
    if name in ("restarted", "lasting", "reversed", "mirrored", "extended"):
        return False
    below = [v for v in d.values() if isinstance(v, dict)] + list(d.get("parts", []))
    return any(goes_on(p) for p in below if p["kind"] in SCHEDULES)


def held(d: Data, t: Time) -> Time:
    """The time of a changed schedule: it stops at the duration unless a policy inside goes on."""
    n = duration(d)
    return t if n == INF or goes_on(d["schedule"]) else t.ended(n)


@schedule("over")
def _over(o: Oracle, d: Data, t: Time) -> Value:
    t = t.ended(d["steps"])
    total = Fraction(min(max(d["steps"] - 1, 1), d["steps"]) if d["endpoint"] else d["steps"])
    return o.blend(d["profile"], laid(t.at, total), d["start"], d["end"])


def laid(at: Fraction, total: Fraction) -> Progress:
    if total == 0:
        return Progress(Fraction(1), Fraction(1), True)
    return Progress(min(max(at, Fraction(0)), total), total, True)


@schedule("warmup")
def _warmup(o: Oracle, d: Data, t: Time) -> Value:
    at = t.ended(d["steps"]).at + d["skip_zero"]
    return o.blend(d["profile"], laid(at, Fraction(d["steps"])), d["start"], d["end"])


@schedule("constant")
@schedule("hold")
def _number(o: Oracle, d: Data, t: Time) -> Value:
    return o.number(d["value"])


@schedule("multi_step")
def _multi_step(o: Oracle, d: Data, t: Time) -> Value:
    return given(o, real(d["gamma"]) ** sum(m <= t.own for m in d["milestones"]))


def given(o: Oracle, x: Any) -> Value:
    """A power that is a number given where it is 1."""
    return o.number(x) if x == 1 else o.shape(x)


@schedule("step_decay")
def _step_decay(o: Oracle, d: Data, t: Time) -> Value:
    return given(o, real(d["gamma"]) ** math.floor(t.own / d["every"]))


@schedule("piecewise")
def _piecewise(o: Oracle, d: Data, t: Time) -> Value:
    return o.number(d["values"][sum(m <= t.own for m in d["boundaries"])])


@schedule("exponential_decay")
def _exponential_decay(o: Oracle, d: Data, t: Time) -> Value:
    """A power of a whole number of updates keeps the bound of any shape, however fast it is.

    On a stretched clock the exponent is a quotient, rounded as every real number is, and a fast power adds its
    condition number to the bound as other steep shapes do, at whole local steps as between them.
    """
    value = real(d["gamma"]) ** real(t.at)
    whole = t.at == int(t.at) and t.gap == 1
    return given(o, value) if whole or t.at == 0 else o.shape(value, abs(t.at * mp.log(real(d["gamma"]))))


@schedule("inverse_time_decay")
def _inverse_time_decay(o: Oracle, d: Data, t: Time) -> Value:
    return given(o, 1 / (1 + real(d["rate"]) * real(t.at)))


@schedule("inverse_sqrt")
def _inverse_sqrt(o: Oracle, d: Data, t: Time) -> Value:
    scale = real(d["timescale"])
    return given(o, mp.sqrt(scale / max(real(t.at), scale)))


@schedule("power_decay")
def _power_decay(o: Oracle, d: Data, t: Time) -> Value:
    scale = real(d["timescale"])
    value = (scale / max(real(t.at), scale)) ** real(d["power"])
    return o.number(value) if value == 1 else o.shape(value, d["power"])


@schedule("geometric")
def _geometric(o: Oracle, d: Data, t: Time) -> Value:
    x = laid(t.ended(d["steps"]).at, Fraction(d["steps"]))
    start, end = real(d["start"]), real(d["end"])
    if x.done == 0 or x.left == 0:
        return o.number(start if x.done == 0 else end)
    logarithm = mp.log(end / start)
    value = start * mp.exp(logarithm * x.u)
    return o.shape(value, abs(logarithm) if abs(logarithm) > 4 else 0.0)


@schedule("table")
def _table(o: Oracle, d: Data, t: Time) -> Value:
    values, at = d["values"], t.at
    last = len(values) - 1
    i = min(math.floor(at if d["interpolate"] else t.own), last)
    if not d["interpolate"] or i == last or at == i:
        return o.number(values[max(i, 0)])
    a, b, part = real(values[i]), real(values[i + 1]), real(at - i)
    value = a + (b - a) * part
    return o.shape(value, 0.0, max(abs(a), abs(b)) if values[i] * values[i + 1] < 0 else value)


@schedule("silver_steps")
def _silver_steps(o: Oracle, d: Data, t: Time) -> Value:
    number = math.floor(t.ended(d["steps"]).at) + 1
    return o.shape(1 + (1 + mp.sqrt(2)) ** ((number & -number).bit_length() - 2))


@schedule("chebyshev_steps")
def _chebyshev_steps(o: Oracle, d: Data, t: Time) -> Value:
    n = d["steps"]
    place = min(max(math.floor(t.own), 0), n - 1)
    i = fractal(n)[place] if d["fractal"] else place
    low, high = real(d["smallest"]), real(d["largest"])
    return o.shape(1 / ((high + low) / 2 - (high - low) / 2 * mp.cos((i + mpf(1) / 2) * mp.pi / n)))


def fractal(n: int) -> list[int]:
    order = [0]
    while len(order) < n:
        size = 2 * len(order)
        order = [i for j in order for i in (j, size - 1 - j)]
    return order


@schedule("custom")
def _custom(o: Oracle, d: Data, t: Time) -> Value:
    function, n = CUSTOM[d["name"]]
    at = t.at if n == INF else t.ended(n).at
    return o.shape(function(real(at), **{k: real(v) for k, v in d["numbers"]}))


@schedule("sequence")
def _sequence(o: Oracle, d: Data, t: Time) -> Value:
    parts, starts, start = [], [], 0
    for part in d["parts"]:
        if duration(part):
            parts.append(part)
            starts.append(start)
            start += duration(part)
    if not parts:
        return o.schedule(d["parts"][-1], t)
    i = max([i for i, s in enumerate(starts) if s <= t.own], default=0)
    return o.schedule(parts[i], t.since(starts[i]))


@schedule("sum")
def _sum(o: Oracle, d: Data, t: Time) -> Value:
    return folded(o.add, [o.schedule(p, t) for p in d["parts"]])


@schedule("product")
def _product(o: Oracle, d: Data, t: Time) -> Value:
    return folded(o.mul, [o.schedule(p, t) for p in d["parts"]])


@schedule("minimum")
def _minimum(o: Oracle, d: Data, t: Time) -> Value:
    return o.pick(min, [o.schedule(p, t) for p in d["parts"]])


@schedule("maximum")
def _maximum(o: Oracle, d: Data, t: Time) -> Value:
    return o.pick(max, [o.schedule(p, t) for p in d["parts"]])


@schedule("quotient")
def _quotient(o: Oracle, d: Data, t: Time) -> Value:
    return o.div(o.schedule(d["left"], t), o.schedule(d["right"], t))


@schedule("power")
def _power(o: Oracle, d: Data, t: Time) -> Value:
    return o.pow(o.schedule(d["schedule"], t), d["power"])


@schedule("raised")
def _raised(o: Oracle, d: Data, t: Time) -> Value:
    base, v = real(d["base"]), o.schedule(d["schedule"], t).known()
    if v.is_zero or base == 1:
        return Value(mpf(1), 0.0)
    slope = abs(mp.log(base))
    if float(slope) * v.err > 1e-3 or abs(v.x) * slope > 80:
        raise Unsure("a power that is not known well, or beyond the range")
    x = base**v.x
    return Value(x, float(abs(x) * slope) * v.err + o.kind.power * o.kind.ulp(x))


@schedule("negative")
def _negative(o: Oracle, d: Data, t: Time) -> Value:
    v = o.schedule(d["schedule"], t)
    return Value(-v.x, v.err)


@schedule("clipped")
def _clipped(o: Oracle, d: Data, t: Time) -> Value:
    return o.pick(min, [o.pick(max, [o.schedule(d["schedule"], t), o.number(d["low"])]), o.number(d["high"])])


@schedule("perturbed")
def _perturbed(o: Oracle, d: Data, t: Time) -> Value:
    t = held(d, t)
    wave = o.mul(o.number(d["scale"]), Value(real(noise(d["seed"], math.floor(t.at))), 0.0))
    return o.mul(o.schedule(d["schedule"], t), o.add(wave, Value(mpf(1), 0.0)))


def noise(seed: int, t: int) -> Fraction:
    """24 bits of the documented hash of seed and step, in [-1, 1)."""

    def mixed(x: int) -> int:
        x = ((x ^ (x >> 16)) * 0x7FEB352D) % 2**32
        x = ((x ^ (x >> 15)) * 0x846CA68B) % 2**32
        return x ^ (x >> 16)

    x = mixed(mixed(mixed(mixed(t % 2**32) ^ (t // 2**32)) ^ (seed % 2**32)) ^ (seed // 2**32) ^ 0x9E3779B9)
    return Fraction(x // 256, 2**23) - 1


@schedule("restarted")
def _restarted(o: Oracle, d: Data, t: Time) -> Value:
    first, ratio = duration(d["schedule"]), Fraction(d["t_mult"])
    if d["times"] is not None:
        t = t.ended(duration(d))
    if ratio == 1:
        i = max(math.floor(t.own / first), 0)
        start, length = i * first, first
    else:
        i, start, power = 0, 0, Fraction(first)
        length = first
        while start + length <= t.own and (d["times"] is None or i + 1 < d["times"]):
            i, start, power = i + 1, start + length, power * ratio
            length = max(1, round(power))
    value = o.schedule(d["schedule"], t.since(start).stretched(Fraction(length, first)).ended(first))
    return value if d["gamma"] == 1 or i == 0 else o.mul(value, o.number(real(d["gamma"]) ** i))


@schedule("reversed")
def _reversed(o: Oracle, d: Data, t: Time) -> Value:
    n = duration(d["schedule"])
    return o.schedule(d["schedule"], t.ended(n).backwards(n))


@schedule("mirrored")
def _mirrored(o: Oracle, d: Data, t: Time) -> Value:
    n = duration(d["schedule"])
    t = t.ended(2 * n)
    if t.own < n < t.at:
        raise Unsure("one update spans the way back")
    if t.own < n:
        return o.schedule(d["schedule"], t)
    return o.schedule(d["schedule"], t.since(n).backwards(n))


@schedule("stretched")
def _stretched(o: Oracle, d: Data, t: Time) -> Value:
    if duration(d) == 0:
        return o.schedule(d["schedule"], t_of(0, 0))
    return o.schedule(d["schedule"], held(d, t).stretched(Fraction(d["k"])))


@schedule("extended")
def _extended(o: Oracle, d: Data, t: Time) -> Value:
    t = t.ended(d["total"])
    if t.own < d["at"]:  # a piece that ends there
        return o.schedule(d["schedule"], dataclasses.replace(t, at=min(t.at, Fraction(d["at"]))))
    ratio = Fraction(d["total"] - d["at"], duration(d["schedule"]) - d["at"])
    return o.schedule(d["schedule"], t.since(d["at"]).stretched(ratio).since(-d["at"]))


@schedule("advanced")
def _advanced(o: Oracle, d: Data, t: Time) -> Value:
    return o.schedule(d["schedule"], held(d, t).since(-d["k"]))


@schedule("delayed")
def _delayed(o: Oracle, d: Data, t: Time) -> Value:
    if t.own < d["k"]:
        return o.schedule(d["schedule"], Time(Fraction(0), Fraction(0)))
    return o.schedule(d["schedule"], t.since(d["k"]))


@schedule("lasting")
def _lasting(o: Oracle, d: Data, t: Time) -> Value:
    if d["n"] == 0:
        return o.schedule(d["schedule"], Time(Fraction(0), Fraction(0)))
    return o.schedule(d["schedule"], t.ended(d["n"]))


@schedule("after_value")
@schedule("after")
def _after(o: Oracle, d: Data, t: Time) -> Value:
    inner, policy = d["schedule"], d["policy"]
    n = duration(inner)
    if t.own < n or policy == "hold":
        return o.schedule(inner, t.ended(n))
    if not isinstance(policy, str):
        return o.number(policy)
    if policy == "error":
        return Value(mp.nan, 0.0)
    if policy == "extrapolate":
        last = o.schedule(inner, t_of(n - 1, n))
        before = o.schedule(inner, t_of(n - 1, n - 1))
        slope = o.add(last, Value(-before.known().x, before.err))
        return o.add(o.mul(slope, o.number(t.at - n)), last)
    i = math.floor(t.own / n)
    cycle = t.since(i * n).ended(n)
    return o.schedule(inner, cycle.backwards(n) if policy == "mirror" and i % 2 else cycle)


def t_of(own: int, at: int) -> Time:
    return Time(Fraction(own), Fraction(at))


@schedule("sampled_every")
def _sampled_every(o: Oracle, d: Data, t: Time) -> Value:
    t = held(d, t)
    own, at = (math.floor(x / d["every"]) * d["every"] for x in (t.own, t.at))
    return o.schedule(d["schedule"], t_of(max(own, at - 1), at))


@schedule("sampled_at")
def _sampled_at(o: Oracle, d: Data, t: Time) -> Value:
    t = held(d, t)
    own, at = (max([s for s in d["at"] if s <= x], default=0) for x in (t.own, t.at))
    return o.schedule(d["schedule"], t_of(max(own, at - 1), at))


@schedule("per_epoch")
def _per_epoch(o: Oracle, d: Data, t: Time) -> Value:
    own, at = (math.floor(x / d["steps_per_epoch"]) for x in (t.own, t.at))
    return o.schedule(d["schedule"], t_of(max(own, at - 1), at))


# ---------------------------------------------------------------- comparing


def value(data: Data, t: Any, kind: Format = FLOAT64, own: Any = None) -> Value:
    """The exact value of a schedule at step t (or of a profile at progress t), and the error allowed.

    ``own`` is the step that decides which piece is meant, if not t.

    Raises:
        Unsure: there is nothing to compare with.
    """
    oracle, t = Oracle(kind), Fraction(t)
    if data["kind"] in PROFILES:
        return oracle.profile(data, Progress(t, Fraction(1), False, 0.0, kind.ulp(1 - t) / 2))
    return oracle.schedule(data, Time(t if own is None else own, t))


def complaint(data: Data, t: Any, result: float, kind: Format = FLOAT64, own: Any = None) -> str:
    """What is wrong with a result, or an empty string."""
    try:
        exact = value(data, t, kind, own)
        allowed = max(exact.err, kind.rounding(exact.x) if mp.isfinite(exact.x) else 0.0)
        if mp.isfinite(exact.x):
            kind.ulp(exact.x)
    except Unsure:
        return ""
    if mp.isnan(allowed):
        return ""
    if mp.isnan(exact.x) or mp.isinf(exact.x):
        right = result != result if mp.isnan(exact.x) else abs(result) == INF
    elif not math.isfinite(result):
        right = False
    else:
        slack = kind.tiny if abs(exact.x) < kind.tiny else 0.0
        right = abs(mpf(result) - exact.x) <= max(allowed, slack) * (1 + 1e-9)
    if right:
        return ""
    off = abs(mpf(result) - exact.x) / kind.ulp(exact.x) if math.isfinite(result) and mp.isfinite(exact.x) else INF
    return (
        f"step {t}: got {result!r}, exact {mp.nstr(exact.x, 20)}, off by {mp.nstr(off, 4)} ULP, allowed {allowed:.3g}"
    )
