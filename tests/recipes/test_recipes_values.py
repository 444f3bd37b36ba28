"""The numbers of every recipe, against the published formula written out in plain arithmetic, at every step.

A case draws arguments and gives the recipe's schedule and its formula as a function of the step; formulas come from
the papers and the tables of peers, never from the recipe. Steps run beyond the end of the schedule.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Callable, Iterable
from fractions import Fraction
from math import ceil, cos, exp, floor, log, pi, sqrt, tanh
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import recipes

Case = tuple[Any, Callable[[Any], float], Iterable[Any]]
CASES: dict[str, list[Callable[[Any], Any]]] = {}
STEPS = range(260)
SHARES = [i / 64 for i in range(65)]


def case(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A case of the recipe that its function is called like; another of the same recipe adds "_" and a word."""
    name = max((n for n in recipes.__all__ if make.__name__ == n or make.__name__.startswith(n + "__")), key=len)
    CASES.setdefault(name, []).append(make)
    return make


class Draw(random.Random):
    """Arguments of a usual size."""

    def rate(self) -> float:
        return round(10 ** self.uniform(-4, 0), 6)

    def share(self, low: float = 0.0, high: float = 0.9) -> float:
        return self.choice([low, round(self.uniform(low, high), 3)])

    def some(self, low: float, high: float) -> float:
        return round(self.uniform(low, high), 4)


def clip(x: float) -> float:
    return min(max(x, 0.0), 1.0)


def half_wave(u: float) -> float:
    return (1 + cos(pi * clip(u))) / 2


def down(b: float, e: float, shape: float) -> float:
    """From the peak b to the share e of it."""
    return b * (e + (1 - e) * shape)


# ---- warm-ups, then a decay


@case
def warmup_cosine(r: Draw) -> Any:
    b, w, n, e = r.rate(), r.randrange(0, 40), r.randrange(50, 200), r.share()
    return recipes.warmup_cosine(b, n, w, e), lambda t: b * t / w if t < w else down(b, e, half_wave((t - w) / (n - w)))


@case
def warmup_linear(r: Draw) -> Any:
    b, w, n, e = r.rate(), r.randrange(0, 40), r.randrange(50, 200), r.share()
    return (
        recipes.warmup_linear(b, n, w, e),
        lambda t: b * t / w if t < w else down(b, e, max(0, n - t) / max(1, n - w)),
    )


@case
def warmup_polynomial(r: Draw) -> Any:
    b, w, n, e, p = r.rate(), r.randrange(0, 40), r.randrange(50, 200), r.share(), r.some(0.3, 4)
    lr = recipes.warmup_polynomial(b, n, w, p, e)
    return lr, lambda t: b * t / w if t < w else down(b, e, (1 - min(t - w, n - w) / (n - w)) ** p)


@case
def warmup_constant(r: Draw) -> Any:
    b, w, s = r.rate(), r.randrange(1, 90), r.share()
    return recipes.warmup_constant(b, w, s), lambda t: b * (s + (1 - s) * t / w) if t < w else b


COOLDOWNS = {
    "linear": (lrs.linear(), lambda f: 1 - f),
    "cosine": (lrs.cosine(), half_wave),
    "1-sqrt": (lrs.one_minus_power(), lambda f: 1 - sqrt(f)),
    "square": (lrs.one_minus_power(2.0), lambda f: 1 - f**2),
    "power": (lrs.one_minus_power(1.7), lambda f: 1 - f**1.7),
    "mirror": (recipes.mirror_cosine_cooldown(), lambda f: 2 * (1 - f) - half_wave(f)),
    "megatron": (recipes.exponential_cooldown(), lambda f: 2 * 0.5**f - 1),
    "timm exp": (recipes.exponential_cooldown(0.1), lambda f: (0.1**f - 0.1) / (1 - 0.1)),
}


@case
def warmup_stable_decay(r: Draw) -> Any:
    b, w, s, d, e = r.rate(), r.randrange(0, 40), r.randrange(0, 60), r.randrange(1, 90), r.share()
    cooldown, f = COOLDOWNS[r.choice(list(COOLDOWNS))]
    lr = recipes.warmup_stable_decay(b, w + s + d, w, d, e, cooldown)
    return lr, lambda t: b * t / w if t < w else b if t < w + s else down(b, e, f(clip((t - w - s) / d)))


@case
def warmup_stable_decay__exponential_to_the_ratio(r: Draw) -> Any:
    """epfml "exp": r**f."""
    b, w, s, d, e = r.rate(), r.randrange(0, 40), r.randrange(0, 60), r.randrange(1, 90), r.some(0.01, 0.5)
    lr = recipes.warmup_stable_decay(b, w + s + d, w, d, e, recipes.exponential_cooldown(e))
    return lr, lambda t: b * t / w if t < w else b if t < w + s else b * e ** clip((t - w - s) / d)


@case
def warmup_stable_decay__inverse_linear(r: Draw) -> Any:
    """WSD-S: 1 / (x / r + (1 - x))."""
    b, w, s, d, e = r.rate(), r.randrange(0, 40), r.randrange(0, 60), r.randrange(1, 90), r.some(0.01, 0.5)
    lr = recipes.warmup_stable_decay(b, w + s + d, w, d, e, recipes.inverse_linear_cooldown(e))

    def formula(t: int) -> float:
        x = clip((t - w - s) / d)
        return b * t / w if t < w else b if t < w + s else b / (x / e + (1 - x))

    return lr, formula


@case
def trapezoid(r: Draw) -> Any:
    b, w, s, d, e = r.rate(), r.randrange(0, 40), r.randrange(0, 60), r.randrange(1, 90), r.share()
    lr = recipes.trapezoid(b, w + s + d, w, d, e)
    return lr, lambda t: b * t / w if t < w else down(b, e, 1 - clip((t - w - s) / d))


@case
def trapezoid__torchtitan(r: Draw) -> Any:
    """Its lambda: the warm-up reaches its peak an update early, the fall ends one after the last."""
    b, w, d = r.rate(), r.randrange(1, 40), r.randrange(1, 60)
    n = w + d + r.randrange(0, 60)
    stable = n + 1 - w - d

    def formula(t: int) -> float:
        if t < w:
            return b * (t + 1) / w
        return b * (1 - clip((t + 1 - w - stable) / d))

    return recipes.trapezoid(b, n + 1, w, d).advanced(1), formula


# ---- the shape of the rise


@case
def linear_warmup(r: Draw) -> Any:
    b, w, s = r.rate(), r.randrange(1, 90), r.share()
    return recipes.linear_warmup(b, w, s), lambda t: b * (s + (1 - s) * min((t + 1) / w, 1))


@case
def batch_warmup(r: Draw) -> Any:
    b, w, k = r.rate(), r.randrange(1, 90), r.some(1, 32)
    return recipes.batch_warmup(b, w, k), lambda t: b * ((k - 1) * min(t, w) / w + 1)


@case
def geometric_warmup(r: Draw) -> Any:
    b, w, s = r.rate(), r.randrange(1, 90), r.some(1e-3, 0.5)
    return recipes.geometric_warmup(b, w, s), lambda t: b * s * (b / (b * s)) ** min(t / w, 1)


@case
def logarithmic_warmup(r: Draw) -> Any:
    b, w, s = r.rate(), r.randrange(2, 90), r.share()
    return recipes.logarithmic_warmup(
        b, w, s
    ), lambda t: b * (s + (1 - s) * (log(t + 1) / log(max(2, w)) if t < w else 1))


@case
def saturating_warmup(r: Draw) -> Any:
    b, tau = r.rate(), r.some(1, 300)
    return recipes.saturating_warmup(b, tau), lambda t: b * (1 - exp(-(t + 1) / tau))


@case
def untuned_exponential(r: Draw) -> Any:
    b, beta2 = r.rate(), r.choice([0.9, 0.95, 0.99, 0.999])
    return recipes.untuned_exponential(b, beta2), lambda t: b * (1 - exp(-(1 - beta2) * (t + 1)))


@case
def untuned_linear(r: Draw) -> Any:
    b, beta2 = r.rate(), r.choice([0.9, 0.95, 0.98, 0.99])
    return recipes.untuned_linear(b, beta2), lambda t: b * min(1, (1 - beta2) / 2 * (t + 1))


@case
def cosine_warmup(r: Draw) -> Any:
    b, w, s = r.rate(), r.randrange(1, 90), r.share()
    return recipes.cosine_warmup(b, w, s), lambda t: b * (s + (1 - s) * (1 - cos(pi * min(t / w, 1))) / 2)


@case
def polynomial_warmup(r: Draw) -> Any:
    b, w, s, p = r.rate(), r.randrange(1, 90), r.share(), r.some(0.3, 4)
    return recipes.polynomial_warmup(b, w, p, s), lambda t: b * (s + (1 - s) * min(t / w, 1) ** p)


@case
def root_warmup(r: Draw) -> Any:
    b, w, s = r.rate(), r.randrange(1, 90), r.share()
    return recipes.root_warmup(b, w, s), lambda t: b * (s + (1 - s) * (1 - sqrt(1 - min(t / w, 1))))


# ---- inverse square roots and power laws


@case
def inverse_sqrt_lr(r: Draw) -> Any:
    b, w, s = r.rate(), r.randrange(1, 90), r.share()
    return recipes.inverse_sqrt_lr(b, w, s), lambda t: b * (s + (1 - s) * t / w) if t < w else b * sqrt(w / max(t, w))


@case
def noam(r: Draw) -> Any:
    d, w, f = r.randrange(8, 2048), r.randrange(1, 90), r.some(0.1, 3)
    return recipes.noam(d, w, f), lambda t: f * d**-0.5 * min((t + 1) ** -0.5, (t + 1) * w**-1.5)


@case
def inverse_sqrt_shifted(r: Draw) -> Any:
    b, w, tau = r.rate(), r.randrange(0, 90), r.some(1, 300)
    return recipes.inverse_sqrt_shifted(b, w, tau), lambda t: b * t / w if t < w else b / sqrt(1 + (t - w) / tau)


@case
def inverse_sqrt_shifted__transformers(r: Draw) -> Any:
    b, w, tau = r.rate(), r.randrange(1, 90), r.randrange(1, 300)
    return recipes.inverse_sqrt_shifted(b, w, tau), lambda t: b * t / w if t < w else b * sqrt(tau / (t + tau - w))


@case
def inverse_sqrt_shifted__init2winit(r: Draw) -> Any:
    b, s = r.rate(), r.some(1, 300)
    return recipes.inverse_sqrt_shifted(b, 0, s), lambda t: b * sqrt(s) / sqrt(t + s)


@case
def inverse_sqrt_raw(r: Draw) -> Any:
    w, f = r.randrange(1, 90), r.some(0.1, 3)
    return recipes.inverse_sqrt_raw(w, f), lambda t: f / sqrt(max(t, w))


@case
def inverse_sqrt_hold(r: Draw) -> Any:
    b, tau, w = r.rate(), r.randrange(1, 90), r.randrange(0, 60)
    return recipes.inverse_sqrt_hold(b, tau, w), lambda t: b * min(1, (max(t + w, 1) / tau) ** -0.5)


@case
def inverse_sqrt_since(r: Draw) -> Any:
    b, w = r.rate(), r.randrange(0, 90)
    return (
        recipes.inverse_sqrt_since(b, w),
        lambda t: b * (t + 1) / (w + 1) if t <= w else b * sqrt((w + 1) / (t + 1)),
    )


@case
def inverse_sqrt_floor(r: Draw) -> Any:
    b, w, a = r.rate(), r.randrange(1, 90), r.share()
    return recipes.inverse_sqrt_floor(b, w, a), lambda t: b * t / w if t < w else a * b + (b - a * b) * sqrt(w / t)


@case
def power_law(r: Draw) -> Any:
    b, w, a = r.rate(), r.randrange(1, 90), r.some(0.1, 2)
    return recipes.power_law(b, w, a), lambda t: b * t / w if t < w else b * (t / w) ** -a


@case
def noam_hold(r: Draw) -> Any:
    b, w, h, a = r.rate(), r.randrange(1, 60), r.randrange(0, 60), r.some(0.1, 2)
    return (
        recipes.noam_hold(b, w, h, a),
        lambda t: b * t / w if t < w else b if t < w + h else b * w**a / max(1, (t - h) ** a),
    )


# ---- drops


@case
def constant_factor(r: Draw) -> Any:
    b, n, f = r.rate(), r.randrange(0, 90), r.share()
    return recipes.constant_factor(b, n, f), lambda t: b * (f if t < n else 1)


@case
def step_lr(r: Draw) -> Any:
    b, k, g = r.rate(), r.randrange(1, 90), r.some(0.1, 1)
    return recipes.step_lr(b, k, g), lambda t: b * g ** (t // k)


@case
def multi_step_lr(r: Draw) -> Any:
    b, ms, g = r.rate(), sorted(r.sample(range(1, 200), 4)), r.some(0.1, 1)
    return recipes.multi_step_lr(b, ms, g), lambda t: b * g ** sum(t >= m for m in ms)


@case
def piecewise_constant(r: Draw) -> Any:
    ms, vs = sorted(r.sample(range(200), 4)), [r.rate() for _ in range(5)]
    return recipes.piecewise_constant(ms, vs), lambda t: vs[bisect.bisect_left(ms, t)]


# ---- exponentials


@case
def exponential_lr(r: Draw) -> Any:
    b, g = r.rate(), r.some(0.9, 1)
    return recipes.exponential_lr(b, g), lambda t: b * g**t


@case
def exponential_every(r: Draw) -> Any:
    b, tau, g = r.rate(), r.some(1, 90), r.some(0.1, 1)
    return recipes.exponential_every(b, tau, g), lambda t: b * g ** (t / tau)


@case
def half_life(r: Draw) -> Any:
    b, h = r.rate(), r.some(1, 90)
    return recipes.half_life(b, h), lambda t: b * 2 ** (-t / h)


@case
def natural_exponential(r: Draw) -> Any:
    b, g = r.rate(), r.some(0, 0.1)
    return recipes.natural_exponential(b, g), lambda t: b * exp(-g * t)


@case
def geometric_decay(r: Draw) -> Any:
    b, n, e = r.rate(), r.randrange(1, 200), r.some(1e-3, 0.5)
    return recipes.geometric_decay(b, n, e), lambda t: b * exp(log(e) * min(t / n, 1))


@case
def decaying_exponential(r: Draw) -> Any:
    low, high, n = r.rate() / 10, 1.0, r.randrange(1, 200)
    return recipes.decaying_exponential(high, n, low), lambda t: low + (high - low) * exp(-4 * min(t / n, 1))


@case
def compounding(r: Draw) -> Any:
    start, stop = r.rate(), r.rate()
    g = r.some(1.001, 1.1) if start < stop else r.some(0.9, 0.999)
    best = min if start < stop else max
    return recipes.compounding(start, stop, g), lambda t: best(start * g**t, stop)


# ---- polynomials and inverse time


@case
def linear_decay(r: Draw) -> Any:
    b, n, e = r.rate(), r.randrange(1, 200), r.share()
    return recipes.linear_decay(b, n, e), lambda t: b * (1 + (e - 1) * min(t, n) / n)


@case
def linear_ramp(r: Draw) -> Any:
    a, e, n, wait = r.rate(), r.rate(), r.randrange(1, 150), r.randrange(0, 60)
    return recipes.linear_ramp(a, e, n, wait), lambda t: a + (e - a) * clip((t - wait) / n)


@case
def budgeted_linear(r: Draw) -> Any:
    b, percent = r.rate(), r.choice([1, 5, 10, 25, 50, 100])
    return recipes.budgeted_linear(b, 200, percent / 100), lambda t: b * max(0, 1 - t / (2 * percent))


@case
def polynomial_decay(r: Draw) -> Any:
    b, n, e, q = r.rate(), r.randrange(1, 200), r.share(), r.some(0.3, 4)
    return recipes.polynomial_decay(b, n, q, e), lambda t: (b - e * b) * (1 - min(t, n) / n) ** q + e * b


@case
def power_ramp(r: Draw) -> Any:
    a, e, n, q = r.rate(), r.rate(), r.randrange(1, 200), r.some(0.3, 4)
    return recipes.power_ramp(a, e, n, q), lambda t: a + (e - a) * clip(t / n) ** q


@case
def inverse_time_lr(r: Draw) -> Any:
    b, g, d = r.rate(), r.some(0, 2), r.some(0.3, 2)
    return recipes.inverse_time_lr(b, g, d), lambda t: b / (1 + g * t) ** d


@case
def inverse_time_lr__unnormalised_power_law(r: Draw) -> Any:
    b, a = r.rate(), r.some(0.1, 2)
    return recipes.inverse_time_lr(b, 1.0, a), lambda t: b * (t + 1) ** -a


@case
def inverse_time_stairs(r: Draw) -> Any:
    b, k, g = r.rate(), r.randrange(1, 60), r.some(0, 2)
    return recipes.inverse_time_stairs(b, k, g), lambda t: b / (1 + g * floor(t / k))


@case
def inverse_time_to(r: Draw) -> Any:
    b, n, e = r.rate(), r.randrange(1, 200), r.some(0.01, 0.9)
    return recipes.inverse_time_to(b, n, e), lambda t: b / (1 + (1 / e - 1) * min(t, n) / n)


# ---- cosines


@case
def cosine_decay(r: Draw) -> Any:
    b, n, e = r.rate(), r.randrange(1, 200), r.share()
    return recipes.cosine_decay(b, n, e), lambda t: e * b + (b - e * b) * (1 + cos(pi * min(t, n) / n)) / 2


@case
def cosine_power(r: Draw) -> Any:
    b, n, a, x = r.rate(), r.randrange(1, 200), r.share(), r.some(0.3, 4)
    return recipes.cosine_power(b, n, x, a), lambda t: b * ((1 - a) * half_wave(t / n) ** x + a)


@case
def quarter_cosine(r: Draw) -> Any:
    b, n, e = r.rate(), r.randrange(1, 200), r.share()
    return recipes.quarter_cosine(b, n, e), lambda t: b * e + (b - b * e) * cos(pi * clip(t / n) / 2)


@case
def cosine_linear(r: Draw) -> Any:
    b, n, e = r.rate(), r.randrange(1, 200), r.share()
    return recipes.cosine_linear(b, n, e), lambda t: e * b + (1 - clip(t / n)) * (b - e * b) * half_wave(t / n)


@case
def k_decay(r: Draw) -> Any:
    b, n, e, k = r.rate(), r.randrange(1, 200), r.share(), r.some(0.3, 4)
    lr = recipes.k_decay(b, n, k, e)
    return lr, lambda t: e * b + 0.5 * (b - e * b) * (1 + cos(pi * min(t, n) ** k / n**k))


@case
def k_decay__polynomial(r: Draw) -> Any:
    b, n, e, k, q = r.rate(), r.randrange(1, 200), r.share(), r.some(0.3, 4), r.some(0.3, 4)
    lr = recipes.k_decay(b, n, k, e, lrs.polynomial(q))
    return lr, lambda t: e * b + (b - e * b) * (1 - min(t, n) ** k / n**k) ** q


@case
def flat_cosine(r: Draw) -> Any:
    b, n, e = r.rate(), 4 * r.randrange(1, 50), r.share()
    return recipes.flat_cosine(b, n, 0.75, e), lambda t: down(b, e, half_wave((t - 0.75 * n) / (n - 0.75 * n)))


@case
def flat_linear(r: Draw) -> Any:
    b, n, e, percent = r.rate(), 20 * r.randrange(1, 10), r.share(), 5 * r.randrange(0, 20)
    cut = n * percent // 100
    return recipes.flat_linear(b, n, percent / 100, e), lambda t: down(b, e, 1 - clip((t - cut) / (n - cut)))


# ---- profiles of papers


@case
def refined_decay(r: Draw) -> Any:
    b, n, power = r.rate(), r.randrange(1, 30), r.choice([1.0, 2.0, 1.5])
    norms = [r.some(0.2, 9) for _ in range(n)]
    w = [x**-power for x in norms]
    values = [b * w[t] * sum(w[t + 1 :]) * n / sum(w) ** 2 for t in range(n)]
    return recipes.refined_decay(b, norms, power), lambda t: values[min(t, n - 1)], range(60)


@case
def rex_decay(r: Draw) -> Any:
    b, n = r.rate(), r.randrange(1, 200)
    return recipes.rex_decay(b, n), lambda t: b * (1 - clip(t / n)) / (0.5 + 0.5 * (1 - clip(t / n)))


@case
def rex_decay__of_lrschedules(r: Draw) -> Any:
    low, n = r.rate(), r.randrange(1, 200)

    def formula(t: int) -> float:
        z = 1 - clip(t / n)
        return low + (1 - low) * z / (0.1 + 0.9 * z)

    return recipes.rex_decay(1.0, n, 0.9, low), formula


@case
def rex_decay__of_init2winit(r: Draw) -> Any:
    b, n, beta = r.rate(), r.randrange(1, 200), r.some(0.05, 1.5)
    return recipes.rex_decay(b, n, 1 - beta), lambda t: b * (1 - clip(t / n)) / (1 - clip(t / n) * (1 - beta))


RATES: dict[str, list[float]] = {
    "50-75": [0, 50, 75],
    "33-66": [0, 33, 66],
    "25-50-75": [0, 25, 50, 75],
    "10%": list(range(0, 100, 10)),
    "5%": list(range(0, 100, 5)),
    "1%": list(range(100)),
}
GRID = {
    "REX": (lrs.rex(), lambda u: 2 * (1 - u) / (2 - u)),
    "REX 0.9": (lrs.rex(0.9), lambda u: (1 - u) / (0.1 + 0.9 * (1 - u))),
    "linear": (lrs.linear(), lambda u: 1 - u),
    "exponential": (lrs.exponential(), lambda u: exp(-4 * u)),
    "cosine": (lrs.cosine(), half_wave),
}


def held(rate: str, t: int, n: int) -> float:
    """The last sample point that is not after t / n: percents, at whole steps when n is a multiple of 100."""
    return t / n if rate == "every" else max(p for p in RATES[rate] if p * n <= 100 * t) / 100


@case
def sampled_decay(r: Draw) -> Any:
    b, n, rate, (profile, p) = (
        r.rate(),
        r.choice([100, 200]),
        r.choice([*RATES, "every"]),
        r.choice(list(GRID.values())),
    )
    lr = recipes.sampled_decay(b, n, profile, rate)
    end = 1.0 if rate in ("10%", "5%", "1%", "every") else RATES[rate][-1] / 100
    return lr, lambda t: b * p(held(rate, t, n) if t < n else end)


@case
def sampling_rate(r: Draw) -> Any:
    rate, (profile, p) = r.choice([*RATES, "every"]), r.choice(list(GRID.values()))
    return recipes.sampling_rate(profile, rate).over(200).lasting(199), lambda t: p(held(rate, min(t, 199), 200))


@case
def tanh_decay(r: Draw) -> Any:
    b, n, e, low, high = r.rate(), r.randrange(1, 200), r.share(), r.some(-8, 0), r.some(0.5, 4)
    lr = recipes.tanh_decay(b, n, low, high, e)
    return lr, lambda t: e * b + 0.5 * (b - e * b) * (1 - tanh(low * (1 - clip(t / n)) + high * clip(t / n)))


@case
def tanh_decay__as_a_sigmoid(r: Draw) -> Any:
    b, n, k, c = r.rate(), r.randrange(1, 200), r.some(4, 20), r.some(0.2, 0.8)
    return recipes.tanh_decay(b, n, -k * c / 2, k * (1 - c) / 2), lambda t: b / (1 + exp(k * (clip(t / n) - c)))


@case
def bent_cosine(r: Draw) -> Any:
    b, n, m, phi = r.rate(), r.randrange(1, 200), r.share(), r.some(0.1, 4)

    def formula(t: int) -> float:
        c = cos(pi * clip(t / n))
        return m * b + (b - m * b) * 2 * (1 + c) / (2 * phi + (2 - phi) * (1 + c))

    return recipes.bent_cosine(b, n, phi, m), formula


@case
def one_minus_square_power(r: Draw) -> Any:
    b, n, e, a = r.rate(), r.randrange(1, 200), r.share(), r.some(0.3, 4)
    return recipes.one_minus_square_power(b, n, a, e), lambda t: down(b, e, (1 - clip(t / n) ** 2) ** (a / 2))


@case
def knot_profile(r: Draw) -> Any:
    b, n = r.rate(), 40 * r.randrange(1, 6)
    xs, ys = [0, *sorted(r.sample(range(1, 40), 3)), 40], [r.share() for _ in range(5)]
    lr = recipes.knot_profile(b, n, [x / 40 for x in xs], ys)
    return lr, lambda t: b * float(np.interp(40 * t / n, xs, ys))


@case
def smooth_profile(r: Draw) -> Any:
    interpolate = pytest.importorskip("scipy.interpolate")
    b, n = r.rate(), 40 * r.randrange(1, 6)
    xs = [x / 40 for x in (0, *sorted(r.sample(range(1, 40), 3)), 40)]
    ys = sorted((r.some(0, 1) for _ in range(5)), reverse=True)
    curve = interpolate.PchipInterpolator(xs, ys)
    return recipes.smooth_profile(b, n, xs, ys), lambda t: b * float(curve(clip(t / n)))


def hyperbola(t: float, n: int, bound: int) -> float:
    return sqrt((n - t) / bound * (2 - (n + t) / bound))


@case
def hyperbolic_decay(r: Draw) -> Any:
    b, n, m = r.rate(), r.randrange(1, 200), r.share()
    bound = n + r.randrange(0, 200)

    def formula(t: int) -> float:
        return b + (b - m * b) * (hyperbola(min(t, n), n, bound) - hyperbola(0, n, bound))

    return recipes.hyperbolic_decay(b, n, bound, m), formula


@case
def exp_hyperbolic_decay(r: Draw) -> Any:
    b, n, m = r.rate(), r.randrange(1, 200), r.some(0.01, 0.5)
    bound = n + r.randrange(0, 200)

    def formula(t: int) -> float:
        return b * (b / (m * b)) ** (hyperbola(min(t, n), n, bound) - hyperbola(0, n, bound))

    return recipes.exp_hyperbolic_decay(b, n, bound, m), formula


def points_of(r: Draw) -> list[tuple[int, float]]:
    return [(m, r.rate()) for m in sorted(r.sample(range(200), 5))]


@case
def piecewise_linear(r: Draw) -> Any:
    points = points_of(r)
    return recipes.piecewise_linear(points), lambda t: float(np.interp(t, *zip(*points, strict=True)))


@case
def piecewise_cosine(r: Draw) -> Any:
    points = points_of(r)

    def formula(t: int) -> float:
        for (a, v), (z, w) in itertools.pairwise(points):
            if a <= t < z:
                return v + (w - v) * (1 - cos(pi * (t - a) / (z - a))) / 2
        return points[0][1] if t < points[0][0] else points[-1][1]

    return recipes.piecewise_cosine(points), formula


# ---- cycles


def smith(t: float, s: int) -> tuple[float, int]:
    """Height and number of the cycle in the code of the paper."""
    cycle = floor(1 + t / (2 * s))
    return max(0.0, 1 - abs(t / s - 2 * cycle + 1)), cycle


@case
def triangular(r: Draw) -> Any:
    low, s = r.rate() / 10, r.randrange(1, 60)
    return recipes.triangular(low, 1.0, s), lambda t: low + (1.0 - low) * smith(t, s)[0]


@case
def triangular2(r: Draw) -> Any:
    low, s = r.rate() / 10, r.randrange(1, 60)
    return recipes.triangular2(low, 1.0, s), lambda t: low + (1.0 - low) * smith(t, s)[0] / 2 ** (smith(t, s)[1] - 1)


@case
def exp_range(r: Draw) -> Any:
    low, s, g = r.rate() / 10, r.randrange(1, 60), r.some(0.9, 1)
    return recipes.exp_range(low, 1.0, s, g), lambda t: low + (1.0 - low) * smith(t, s)[0] * g**t


@case
def cyclic(r: Draw) -> Any:
    low, up, fall, g = r.rate() / 10, r.randrange(1, 60), r.randrange(1, 60), r.choice([1.0, 0.5, 0.8])

    def formula(t: int) -> float:
        """As PyTorch's CyclicLR computes it."""
        cycle, inside = t // (up + fall), t % (up + fall)
        f = inside / up if inside <= up else 1 - (inside - up) / fall
        return low + (1.0 - low) * f * g**cycle

    return recipes.cyclic(low, 1.0, up, fall, g), formula


@case
def abs_sine(r: Draw) -> Any:
    low, period, g = r.rate() / 10, r.randrange(1, 60), r.choice([1.0, 0.5])
    lr = recipes.abs_sine(low, 1.0, period, g)
    return lr, lambda t: low + (1.0 - low) * abs(math.sin(pi * (t % period) / period)) * g ** (t // period)


@case
def growth_decay(r: Draw) -> Any:
    low, s, (up, p), (fall, q) = r.rate() / 10, r.randrange(1, 60), *r.choices(list(GRID.values()), k=2)

    def formula(t: int) -> float:
        """Even half cycles grow as max - range * decay(u), odd ones decay."""
        u = (t % s) / s
        return 1.0 - (1.0 - low) * p(u) if (t // s) % 2 == 0 else low + (1.0 - low) * q(u)

    return recipes.growth_decay(low, 1.0, s, up, fall), formula


def cycles_of(first: int, growth: float, count: int) -> list[tuple[int, int]]:
    """Start and length of each cycle, by the loop of the paper."""
    spans, start, length = [], 0, float(first)
    for _ in range(count):
        spans.append((start, round(length)))
        start, length = start + round(length), length * growth
    return spans


def cycle_at(t: int, spans: list[tuple[int, int]]) -> tuple[int, float]:
    """Number of the cycle and the share of it that is done."""
    i = bisect.bisect_right([start for start, _ in spans], t) - 1
    return i, (t - spans[i][0]) / spans[i][1]


@case
def sgdr(r: Draw) -> Any:
    b, first, m, g, e = r.rate(), r.randrange(1, 40), r.choice([1, 2, 3]), r.choice([1.0, 0.5]), r.share()
    spans = cycles_of(first, m, 300)

    def formula(t: int) -> float:
        i, u = cycle_at(t, spans)
        return g**i * (e * b + 0.5 * (b - e * b) * (1 + cos(pi * u)))

    return recipes.sgdr(b, first, m, g, e), formula


@case
def sgdr__cycle_limit(r: Draw) -> Any:
    b, first, m, times, e = r.rate(), r.randrange(1, 20), r.choice([1, 2]), r.randrange(1, 4), r.share()
    spans = cycles_of(first, m, 300)

    def formula(t: int) -> float:
        i, u = cycle_at(t, spans)
        return e * b + 0.5 * (b - e * b) * (1 + cos(pi * u)) if i < times else e * b

    return recipes.sgdr(b, first, m, 1.0, e, times), formula


@case
def sgdr_floor(r: Draw) -> Any:
    """Keras: initial * ((1 - alpha) * m_mul**i * (1 + cos) / 2 + alpha)."""
    b, first, m, g, a = r.rate(), r.randrange(1, 40), r.choice([1, 2, 1.5]), r.choice([1.0, 0.5]), r.share()
    spans = cycles_of(first, m, 300)

    def formula(t: int) -> float:
        i, u = cycle_at(t, spans)
        return b * ((1 - a) * g**i * 0.5 * (1 + cos(pi * u)) + a)

    return recipes.sgdr_floor(b, first, a, m, g), formula


@case
def cosine_periods(r: Draw) -> Any:
    b, e = r.rate(), r.share()
    periods, weights = [r.randrange(1, 60) for _ in range(3)], [r.some(0.1, 1) for _ in range(3)]
    starts = [0, *itertools.accumulate(periods)]

    def formula(t: int) -> float:
        """mmengine's CosineRestartLR."""
        if t >= starts[-1]:
            return e * b
        i = bisect.bisect_right(starts, t) - 1
        return e * b + 0.5 * (b * weights[i] - e * b) * (1 + cos(pi * (t - starts[i]) / periods[i]))

    return recipes.cosine_periods(b, periods, weights, [e] * 3), formula


@case
def cosine_periods__of_ignite(r: Draw) -> Any:
    """T <- int(T * mult) after each cycle, the start and the end each by a factor of its own."""
    n, grow, up, low = r.randrange(5, 40), r.some(1, 2), r.some(0.5, 1), r.some(0.5, 1)
    start, end, cycles, rates = 1.0, 0.1, [], []
    for _ in range(3):
        cycles.append((n, start, end))
        rates += [start + (end - start) / 2 * (1 - cos(pi * k / n)) for k in range(n)]
        n, start, end = int(n * grow), start * up, end * low
    lr = recipes.cosine_periods(1.0, *zip(*cycles, strict=True))
    return lr, lambda t: rates[t], range(len(rates))


@case
def sgdr_warmup(r: Draw) -> Any:
    """CosineAnnealingWarmupRestarts: the least rate is the same in all cycles, the peak is times gamma**i."""
    b, w, first, m, g, low = (
        r.rate(),
        r.randrange(0, 10),
        r.randrange(11, 40),
        r.choice([1, 2]),
        r.some(0.3, 1),
        r.share(),
    )
    spans = cycles_of(first, m, 3)

    def formula(t: int) -> float:
        if t >= sum(spans[-1]):
            return low * b
        i, _ = cycle_at(t, spans)
        c, n, top = t - spans[i][0], spans[i][1], b * g**i
        return (top - low * b) * c / w + low * b if c < w else low * b + (top - low * b) * half_wave((c - w) / (n - w))

    return recipes.sgdr_warmup(b, first, w, 3, m, g, low), formula


@case
def snapshot(r: Draw) -> Any:
    b, m = r.rate(), r.randrange(1, 9)
    n = r.randrange(m, 200)
    width = ceil(n / m)
    lr = recipes.snapshot(b, n, m)
    # the paper counts from 1
    return lr, lambda t: b / 2 * (cos(pi * ((t + 1 - 1) % width) / width) + 1), range(n)


@case
def sawtooth(r: Draw) -> Any:
    low, period, (profile, p) = r.rate() / 10, r.randrange(1, 60), r.choice(list(GRID.values()))
    return recipes.sawtooth(1.0, low, period, profile), lambda t: low + (1.0 - low) * p((t % period) / period)


@case
def multi_period_cosine(r: Draw) -> Any:
    b, c = r.rate(), r.choice([0.5, 1, 1.5, 2, 3.25])
    n = r.choice([r.randrange(1, 200), 2 * 39 * r.randrange(1, 3)])
    return recipes.multi_period_cosine(b, n, c), lambda t: b * max(0.0, 0.5 * (1 + cos(2 * pi * c * t / n)))


@case
def polynomial_cycles(r: Draw) -> Any:
    b, n, e, q = r.rate(), r.randrange(1, 60), r.share(), r.choice([1.0, 0.5, 2.0])

    def formula(t: int) -> float:
        n_now = n * max(1, ceil(t / n))
        return (b - e * b) * (1 - t / n_now) ** q + e * b

    return recipes.polynomial_cycles(b, n, e, q), formula


# ---- one cycle


@case
def one_cycle(r: Draw) -> Any:
    """Optax's cosine_onecycle, whose knots are at 0, pct * N and N."""
    b, n, pct, div, final = r.rate(), 10 * r.randrange(1, 20), r.choice([0.2, 0.3, 0.4]), r.some(2, 50), r.some(10, 1e4)
    up = round(pct * n)

    def formula(t: int) -> float:
        if t < up:
            return b / div + (b - b / div) * (1 - cos(pi * t / up)) / 2
        return b / (div * final) + (b - b / (div * final)) * half_wave((t - up) / (n - up))

    return recipes.one_cycle(b, n, pct, 1 / div, 1 / (div * final)), formula


@case
def one_cycle_momentum(r: Draw) -> Any:
    n, high, low = 10 * r.randrange(1, 20), 0.95, 0.85
    up = 3 * n // 10

    def formula(t: int) -> float:
        if t < up:
            return low + (high - low) * half_wave(t / up)
        return high - (high - low) * half_wave((t - up) / (n - up))

    return recipes.one_cycle_momentum(n), formula


@case
def one_cycle_three_phase(r: Draw) -> Any:
    """Three straight lines: Optax's linear_onecycle with pct_final twice pct_start."""
    b, n = r.rate(), 10 * r.randrange(1, 20)
    up, low, last = 3 * n // 10, b / 25, b / 25e4
    knots = [(0, low), (up, b), (2 * up, low), (n, last)]
    lr = recipes.one_cycle_three_phase(b, n, profile=lrs.linear())
    return lr, lambda t: float(np.interp(t, *zip(*knots, strict=True)))


@case
def one_cycle_decay(r: Draw) -> Any:
    low, up, fall, g = r.rate() / 10, r.randrange(1, 60), r.randrange(1, 60), r.some(0, 1)

    def formula(t: int) -> float:
        if t < up + fall:
            return float(np.interp(t, [0, up, up + fall], [low, 1.0, low]))
        return low / (1 + g * (t - up - fall))

    return recipes.one_cycle_decay(low, 1.0, up, fall, g), formula


@case
def slanted_triangular(r: Draw) -> Any:
    b, n, frac, ratio = r.rate(), r.randrange(20, 200), r.some(0.06, 0.5), r.randrange(2, 64)
    cut = floor(n * frac)

    def formula(t: int) -> float:
        p = t / cut if t < cut else 1 - (min(t, n) - cut) / (n - cut)
        return b * (1 + p * (ratio - 1)) / ratio

    return recipes.slanted_triangular(b, n, frac, ratio), formula


@case
def tri_stage(r: Draw) -> Any:
    b, w, h, d, first, last = r.rate(), *(r.randrange(1, 60) for _ in range(3)), r.some(0.01, 0.5), r.some(0.01, 0.5)

    def formula(t: int) -> float:
        if t < w:
            return first * b + (b - first * b) * t / w
        return b * exp(log(last) * clip((t - w - h) / d))

    return recipes.tri_stage(b, w, h, d, first, last), formula


# ---- language models


@case
def exponential_cooldown(r: Draw) -> Any:
    ratio = r.some(0.01, 0.9)
    return recipes.exponential_cooldown(ratio), lambda x: (ratio**x - ratio) / (1 - ratio), SHARES


@case
def mirror_cosine_cooldown(r: Draw) -> Any:
    return recipes.mirror_cosine_cooldown(), lambda x: 2 * (1 - x) - (1 + cos(pi * x)) / 2, SHARES


@case
def inverse_linear_cooldown(r: Draw) -> Any:
    ratio = r.some(0.01, 0.9)
    return recipes.inverse_linear_cooldown(ratio), lambda x: (1 / (x / ratio + 1 - x) - ratio) / (1 - ratio), SHARES


@case
def lowered_linear_cooldown(r: Draw) -> Any:
    at, level = r.randrange(1, 64) / 64, r.some(0.1, 0.5)
    return recipes.lowered_linear_cooldown(at, level), lambda x: float(np.interp(x, [0, at, 1], [1, level, 0])), SHARES


@case
def minicpm(r: Draw) -> Any:
    b, w, s, d, half = r.rate(), *(r.randrange(1, 60) for _ in range(3)), r.some(1, 40)
    lr = recipes.minicpm(b, w + s + d, w, d, half)
    return lr, lambda t: b * t / w if t < w else b if t < w + s else b * 0.5 ** (min(t - w - s, d) / half)


@case
def capacity_decay(r: Draw) -> Any:
    b, n, beta = r.rate(), r.randrange(1, 200), r.some(0.6, 3)
    return recipes.capacity_decay(b, n, beta), lambda t: b * (1 - clip(t / n)) ** (2 * beta - 1)


@case
def decaying_stable(r: Draw) -> Any:
    """timm's WSDLRScheduler with a stable part that falls."""
    b, w, s, d, tau, q, e = r.rate(), *(r.randrange(1, 60) for _ in range(3)), r.some(5, 90), r.some(0.3, 1), r.share()

    def formula(t: int) -> float:
        if t < w:
            return b * t / w
        if t >= w + s + d:
            return e * b
        f = 1 - sqrt(max(0, t - w - s) / d)
        return e * b + (max(b * (1 + (t - w) / tau) ** -q, e * b) - e * b) * f

    return recipes.decaying_stable(b, w + s + d, w, d, tau, q, e), formula


@case
def rsqrt_cooldown(r: Draw) -> Any:
    """big_vision: min(1, (T - t) / cooldown) on all of it."""
    b, w, n, c, tau = r.rate(), r.randrange(1, 60), r.randrange(130, 200), r.randrange(1, 60), r.some(5, 90)

    def formula(t: int) -> float:
        rate = b * t / w if t < w else b / sqrt(1 + (t - w) / tau)
        return rate * clip((n - t) / c)

    return recipes.rsqrt_cooldown(b, n, w, c, tau), formula


@case
def power_scheduler(r: Draw) -> Any:
    most, n, batch, w, d = r.some(0.005, 0.05), 10**10, r.randrange(16, 512), 10**8, 10**9
    a, power = 4.0, -0.51

    def stable(x: int) -> float:
        return min(most, batch * a * max(x, 1) ** power)

    def formula(x: int) -> float:
        if x < n - d:
            return stable(x) * min(x / w, 1)
        return stable(n - d) * max(0, (n - x) / d)

    return recipes.power_scheduler(most, n, batch, w, d), formula, [i * 10**8 for i in range(120)]


@case
def power_lr(r: Draw) -> Any:
    b, w, n, d, q = r.rate(), r.randrange(1, 60), r.randrange(130, 200), r.randrange(1, 60), r.some(0.2, 1)

    def formula(t: int) -> float:
        if t < w:
            return b * t / w
        return b * (min(t, n - d) / w) ** -q * min(1, max(0, n - t) / d)

    return recipes.power_lr(b, n, w, d, q), formula


@case
def wsd_s(r: Draw) -> Any:
    b, periods, w, d = r.rate(), [r.randrange(45, 90) for _ in range(3)], r.randrange(1, 20), r.randrange(1, 20)
    peaks, e = r.choice([None, [1.0, 0.8, 0.6]]), r.share()
    starts = [0, *itertools.accumulate(periods)]

    def formula(t: int) -> float:
        i = min(bisect.bisect_right(starts, t) - 1, 2)
        top, left = b * (peaks[i] if peaks else 1.0), starts[i + 1] - t
        return top * t / w if t < w else top * (e + (1 - e) * clip(left / d))

    return recipes.wsd_s(b, periods, w, d, e, peaks), formula


@case
def infinite_schedule(r: Draw) -> Any:
    b, w, c, n, a = r.rate(), *(r.randrange(1, 60) for _ in range(4))
    level, end = b * r.some(0.1, 0.5), b * r.some(0.001, 0.1)

    def formula(t: int) -> float:
        if t < w:
            return b * t / w
        if t < w + c:
            return level + (b - level) / 2 * (1 + cos(pi * (t - w) / c))
        return level * (end / level) ** clip((t - w - c - n) / a)

    return recipes.infinite_schedule(b, w, c, n, a, level / b, end / b), formula


@case
def infinite_schedule__inverse_root(r: Draw) -> Any:
    b, w, c, k, level = r.rate(), r.randrange(1, 60), r.randrange(1, 60), r.some(1, 50), r.some(0.1, 0.5)

    def formula(t: int) -> float:
        """1 / sqrt, interpolated so that it meets the constant."""
        x = clip((t - w) / c)
        low = 1 / sqrt(1 + k)
        return b * t / w if t < w else b * (level + (1 - level) * (1 / sqrt(1 + k * x) - low) / (1 - low))

    profile = (lrs.inverse_time(k) ** 0.5).normalised()
    return recipes.infinite_schedule(b, w, c, 500, 10, level, profile=profile), formula


@case
def half_cosine(r: Draw) -> Any:
    b, w, n, e = r.rate(), r.randrange(1, 60), r.randrange(70, 200), r.share()

    def formula(t: int) -> float:
        middle = e * b + (b - e * b) / 2
        return middle * t / w if t < w else e * b + (b - e * b) * half_wave(0.5 + 0.5 * clip((t - w) / (n - w)))

    return recipes.half_cosine(b, n, w, e), formula


@case
def deepseek_multi_step(r: Draw) -> Any:
    b, n, w = r.rate(), 10 * r.randrange(5, 20), r.randrange(1, 30)
    lr = recipes.deepseek_multi_step(b, n, w)
    return lr, lambda t: b * min(t / w, 1) * (1 if t < 8 * n // 10 else 0.316 if t < 9 * n // 10 else 0.1)


T = 10**12


def around(*steps: int) -> list[int]:
    """The steps, those beside them, and places between."""
    near = {s + i for s in (0, *steps) for i in (-1, 0, 1)}
    between = {a + (b - a) * k // 8 for a, b in itertools.pairwise((0, *steps)) for k in range(8)}
    return sorted(s for s in near | between if s >= 0)


@case
def deepseek_v2(r: Draw) -> Any:
    w = 2000 * 2304 * 4096

    def formula(x: int) -> float:
        return 2.4e-4 * min(x / w, 1) * 0.316 ** ((x >= 4.86 * T) + (x >= 7.29 * T))

    return recipes.deepseek_v2(), formula, around(w, 4860 * 10**9, 7290 * 10**9, 8100 * 10**9)


@case
def deepseek_v2_batch(r: Draw) -> Any:
    return recipes.deepseek_v2_batch(), lambda x: 2304 + (9216 - 2304) * min(x / 225e9, 1), around(225 * 10**9, T)


@case
def deepseek_v2_lite(r: Draw) -> Any:
    w = 2000 * 4608 * 4096

    def formula(x: int) -> float:
        return 4.2e-4 * min(x / w, 1) * 0.316 ** ((x >= 4.56 * T) + (x >= 5.13 * T))

    return recipes.deepseek_v2_lite(), formula, around(w, 4560 * 10**9, 5130 * 10**9, 5700 * 10**9)


@case
def deepseek_v3(r: Draw) -> Any:
    w = 2000 * 3072 * 4096

    def formula(x: int) -> float:
        if x < 10 * T:
            return 2.2e-4 * min(x / w, 1)
        if x < 14.3 * T:
            return 2.2e-5 + (2.2e-4 - 2.2e-5) * half_wave((x - 10 * T) / (4.3 * T))
        return 2.2e-5 if x < 14_633 * 10**9 else 7.3e-6

    lr = recipes.deepseek_v3()
    assert lr.duration == 14_800 * 10**9
    return lr, formula, around(w, 10 * T, 14_300 * 10**9, 14_633 * 10**9, 14_800 * 10**9)


@case
def deepseek_v3_batch(r: Draw) -> Any:
    return recipes.deepseek_v3_batch(), lambda x: 3072 + (15360 - 3072) * min(x / 469e9, 1), around(469 * 10**9, T)


@case
def kimi_k2(r: Draw) -> Any:
    w = 500 * 67 * 10**6
    a, z, end = w + 10 * T, w + 15_500 * 10**9, w + 15_960 * 10**9

    def formula(x: int) -> float:
        if x < a:
            return 2e-4 * min(x / w, 1)
        if x < z:
            return 2e-5 + (2e-4 - 2e-5) * half_wave((x - a) / (z - a))
        return 7e-6 + (2e-5 - 7e-6) * max(0, end - x) / (end - z)

    return recipes.kimi_k2(), formula, around(w, a, z, end)


@case
def llama3_405b(r: Draw) -> Any:
    def formula(t: int) -> float:
        return 8e-5 * t / 8000 if t < 8000 else 8e-7 + (8e-5 - 8e-7) * half_wave((t - 8000) / (1_200_000 - 8000))

    return recipes.llama3_405b(), formula, around(8000, 1_200_000, 1_300_000)


@case
def olmo2_32b(r: Draw) -> Any:
    w, n = 2000 * 2048 * 4096, 6500 * 10**9

    def formula(x: int) -> float:
        return 6e-4 * x / w if x < w else 6e-5 + (6e-4 - 6e-5) * half_wave((x - w) / (n - w))

    return recipes.olmo2_32b(), formula, around(w, n)


@case
def olmo3_7b(r: Draw) -> Any:
    first, turn, last = 1_192_092, 597_046, 1_668_930

    def formula(t: int) -> float:
        if t < 2000:
            return 3e-4 * t / 2000
        if t < turn:
            return 3e-5 + (3e-4 - 3e-5) * half_wave((t - 2000) / (first - 2000))
        return 3e-5 + (3e-4 - 3e-5) * half_wave(0.5 + 0.5 * min(1, (t - turn) / (last - turn)))

    return recipes.olmo3_7b(), formula, around(2000, turn, last, last + 10)


@case
def olmo3_anneal(r: Draw) -> Any:
    n, w = r.randrange(50, 200), r.choice([0, 20])
    b = 2.0712352850360292e-4
    return recipes.olmo3_anneal(n, w), lambda t: b * t / w if t < w else b * max(0, n - t) / (n - w)


@case
def llama3_batch(r: Draw) -> Any:
    return (
        recipes.llama3_batch(),
        lambda n: 4e6 * 2 ** ((n >= 252e6) + (n >= 2.87e12)),
        around(252 * 10**6, 2870 * 10**9),
    )


@case
def llama3_anneal(r: Draw) -> Any:
    b = r.rate()
    return recipes.llama3_anneal(b), lambda n: b * max(0, 1 - n / 40e6), around(40 * 10**6)


@case
def smollm3(r: Draw) -> Any:
    start, last = 4_198_001 - 1, 4_720_000

    def formula(t: int) -> float:
        return 2e-4 * min(t / 2000, 1, max(0, last - t) / (last - start))

    lr = recipes.smollm3()
    assert lr.duration == last
    return lr, formula, around(2000, start, last)


@case
def apertus_8b(r: Draw) -> Any:
    w, stop, last = 4_096_000 * 4096, 13_500 * 10**9, 15 * T

    def formula(n: int) -> float:
        if n < w:
            return 1.1e-4 * (0.1 + 0.9 * n / w)
        return 1.1e-4 * (0.1 + 0.9 * (1 - sqrt(clip((n - stop) / (last - stop)))))

    return recipes.apertus_8b(), formula, around(w, stop, last)


@case
def apertus_8b_batch(r: Draw) -> Any:
    return recipes.apertus_8b_batch(), lambda n: 4_194_304 / 4096 * (1 + (n >= 8e12)), around(8 * T)


@case
def glm45(r: Draw) -> Any:
    n, w = r.randrange(10**12, 10**13), r.randrange(10**10, 10**11)

    def formula(x: int) -> float:
        return 2.5e-4 * x / w if x < w else 2.5e-5 + (2.5e-4 - 2.5e-5) * half_wave((x - w) / (n - w))

    return recipes.glm45(n, w), formula, around(w, n)


@case
def glm45_batch(r: Draw) -> Any:
    return recipes.glm45_batch(), lambda n: 16e6 + 48e6 * min(n / 500e9, 1), around(500 * 10**9, T)


@case
def radam_rectification(r: Draw) -> Any:
    """As ``torch.optim.RAdam`` computes it, the powers with more digits."""
    beta = Fraction(r.choice([0.9, 0.95, 0.98, 0.999, r.some(0.7, 0.99)]))
    limit = 2 / (1 - beta) - 1

    def formula(t: int) -> float:
        gone = Fraction(float(beta)) ** (t + 1) if t < 60 else Fraction(float(beta) ** (t + 1))
        length = limit - 2 * (t + 1) * gone / (1 - gone)
        if length <= 5:
            return 0.0
        return sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length))

    return recipes.radam_rectification(float(beta)), formula, [*range(60), *range(60, 20_000, 97)]


# ---- companions


@case
def momentum_warmup(r: Draw) -> Any:
    return recipes.momentum_warmup(), lambda t: (1 - min(t / 300, 1)) * 0.85 + min(t / 300, 1) * 0.95, range(400)


@case
def adafactor_beta2(r: Draw) -> Any:
    c, off = r.choice([0.8, 1.0, r.some(0.3, 1)]), r.randrange(0, 30)
    return recipes.adafactor_beta2(c, off), lambda t: 1 - max(t + 1 - off, 1) ** -c


@case
def bias_corrected_decay(r: Draw) -> Any:
    d = r.some(0.1, 0.999)
    return recipes.bias_corrected_decay(d), lambda t: d * (1 - d**t) / (1 - d ** (t + 1))


@case
def ema_warmup(r: Draw) -> Any:
    d, w = r.some(0.5, 0.999), r.randrange(1, 60)
    return recipes.ema_warmup(d, w), lambda t: (t + 1) / (2 + t) if t < w else d


@case
def weight_decay_ramp(r: Draw) -> Any:
    a, e, n = r.rate(), r.rate(), r.randrange(1, 200)
    return recipes.weight_decay_ramp(a, e, n, lrs.cosine()), lambda t: e + (a - e) * half_wave(t / n)


@case
def weight_decay_to_zero(r: Draw) -> Any:
    wd, n = r.rate(), r.randrange(1, 200)
    return recipes.weight_decay_to_zero(wd, n), lambda t: wd * max(0, 1 - t / n)


@case
def adamc_weight_decay(r: Draw) -> Any:
    wd, b, n = r.rate(), r.rate(), r.randrange(1, 200)
    lr = recipes.adamc_weight_decay(wd, b * lrs.cosine().over(n), b)
    return lr, lambda t: wd * (b * half_wave(t / n)) / b


@case
def linear_scaling(r: Draw) -> Any:
    n, base = r.randrange(1, 200), r.randrange(1, 256)
    return recipes.linear_scaling(lrs.warmup(n, 32, 512), base), lambda t: (32 + 480 * min(t / n, 1)) / base


@case
def sqrt_scaling(r: Draw) -> Any:
    n, base = r.randrange(1, 200), r.randrange(1, 256)
    return recipes.sqrt_scaling(lrs.warmup(n, 32, 512), base), lambda t: sqrt((32 + 480 * min(t / n, 1)) / base)


@case
def seesaw__rate(r: Draw) -> Any:
    b, n, e = r.rate(), r.randrange(1, 200), r.some(0.01, 0.9)
    return recipes.seesaw(b, 256, n, end=e).rate, lambda t: b * sqrt(e + (1 - e) * half_wave(t / n))


@case
def seesaw__batch(r: Draw) -> Any:
    n, e = r.randrange(1, 200), r.some(0.01, 0.9)
    return recipes.seesaw(1.0, 256, n, lrs.linear(), e).batch, lambda t: 256 / (e + (1 - e) * (1 - clip(t / n)))


@case
def swa(r: Draw) -> Any:
    """PyTorch's SWALR with anneal_strategy="cos" after a cosine."""
    b, n, at, k, level = r.rate(), r.randrange(100, 200), r.randrange(1, 90), r.randrange(0, 40), r.rate()

    def formula(t: int) -> float:
        before = b * half_wave(min(t, at) / n)
        x = (1 - half_wave((t - at) / k)) if k else 1.0
        return before if t < at else level * x + before * (1 - x)

    return recipes.swa(b * lrs.cosine().over(n), at, level, k), formula


@case
def silver(r: Draw) -> Any:
    """The recursion h, 1 + rho**(k - 1), h."""
    levels, smoothness = r.randrange(1, 7), r.some(0.1, 10)
    steps: list[float] = []
    for k in range(levels):
        steps = [*steps, 1 + (1 + sqrt(2)) ** (k - 1), *steps]
    assert sum(steps) == pytest.approx((1 + sqrt(2)) ** levels - 1)
    return recipes.silver(smoothness, levels), lambda t: steps[t] / smoothness, range(len(steps))


@case
def grimmer_long_steps(r: Draw) -> Any:
    pattern = r.choice([(2.999, 1.5), (1.5, 4.899, 1.5), (1.5, 2.2, 1.5, 11.999, 1.5, 2.2, 1.5)])
    lr = recipes.grimmer_long_steps(2.0, len(pattern))
    return lr, lambda t: pattern[t % len(pattern)] / 2.0


@case
def chebyshev_fractal(r: Draw) -> Any:
    b, n, k = r.rate(), 2 ** r.randrange(0, 6), r.some(1.5, 100)
    order = [0]
    while len(order) < n:
        order = [x for p in order for x in (p, 2 * len(order) - 1 - p)]

    def formula(t: int) -> float:
        i = order[t % n]
        return b / ((1 + 1 / k) / 2 - (1 - 1 / k) / 2 * cos((i + 0.5) * pi / n))

    return recipes.chebyshev_fractal(b, n, k), formula


# ---- all of them


@pytest.mark.parametrize(
    "make", [make for makes in CASES.values() for make in makes], ids=lambda make: make.__name__.removesuffix("_")
)
def test_the_published_formula_at_every_step(make: Callable[[Any], Any]) -> None:
    for seed in range(6):
        schedule, formula, *rest = make(Draw(f"{make.__name__} {seed}"))
        steps = list(rest[0] if rest else STEPS)
        exact = np.array([formula(t) for t in steps])
        found = np.array([schedule(t) for t in steps])
        size = float(np.max(np.abs(exact)))
        worst = int(np.argmax(np.abs(found - exact)))
        assert np.abs(found - exact).max() <= 1e-12 * size, (
            f"{schedule!r} at {steps[worst]}: {found[worst]!r}, formula {exact[worst]!r}"
        )
        if isinstance(schedule, lrs.Schedule | lrs.Profile):
            assert lrs.parse(repr(schedule)) == schedule and "recipes" not in repr(schedule)


def test_every_recipe_has_its_formula_here() -> None:
    assert set(CASES) | {"merge_weights"} == set(recipes.__all__)


@pytest.mark.parametrize("profile", [lrs.linear(), lrs.cosine(), lrs.one_minus_power(), lrs.rex(0.9)])
def test_merging_acts_like_the_decay(profile: Any) -> None:
    """The merged weights are those of gradient descent whose k last updates were scaled by the profile."""
    rnd = random.Random(0)
    updates = [rnd.gauss(0, 1) for _ in range(12)]
    weights = recipes.merge_weights(profile, 12)
    checkpoints = list(itertools.accumulate(updates, initial=5.0))[:12]
    decayed = 5.0 + sum(profile(i / 12) * g for i, g in enumerate(updates, 1))
    assert float(weights @ np.array(checkpoints)) == pytest.approx(decayed - profile(1.0) * updates[-1], rel=1e-12)
    assert weights.sum() == pytest.approx(1.0) and weights.min() >= 0
