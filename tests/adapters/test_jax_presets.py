"""Every preset under jit: the values of the host, to the digits of float32, for fractional arguments too."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import presets

jax = pytest.importorskip("jax")

X64 = bool(jax.config.jax_enable_x64)
NEAR, FAR = np.arange(90), np.linspace(90, 2**31 - 2, 30).astype(np.int64)
HEAT = lrs.inverse_time_decay(0.3)
T, X, K, H, M, W = presets.torch, presets.optax, presets.keras, presets.transformers, presets.timm, presets.warmup_scheduler  # fmt: skip
CYCLES = {"t_initial": 7, "lr_min": 0.01, "cycle_decay": 0.7, "cycle_limit": 4, "warmup_t": 3}
MADE: list[Callable[[], lrs.Schedule]] = [
    lambda: T.StepLR(0.3, 7, 0.3),
    lambda: T.MultiStepLR(0.3, [5, 5, 31], 0.3),
    lambda: T.ConstantLR(0.3, 0.4, 9),
    lambda: T.LinearLR(0.3, 0.1, 0.9, 13),
    lambda: T.ExponentialLR(0.3, 0.97),
    lambda: T.PolynomialLR(0.3, 31, 1.7),
    lambda: T.CosineAnnealingLR(0.3, 9.3, 0.02),
    lambda: T.CosineAnnealingLR(0.3, 9, 0.02),
    lambda: T.CosineAnnealingWarmRestarts(0.3, 5, 3, 0.01),
    lambda: T.CyclicLR(0.1, 0.3, 6.5, 2.2, mode="triangular2"),
    lambda: T.CyclicLR(0.1, 0.3, 6.5, 2.2, mode="exp_range", gamma=0.98),
    lambda: T.CyclicLR(0.1, 0.3, 5, 9, scale_fn=HEAT),
    lambda: T.CyclicLR_momentum(0.1, 0.3, 4.4, 7),
    lambda: T.OneCycleLR(0.3, 71, 0.31),
    lambda: T.OneCycleLR(0.3, 71, 0.31, "linear", three_phase=True),
    lambda: T.OneCycleLR_momentum(0.3, 71, 0.31),
    lambda: T.LambdaLR(0.3, HEAT),
    lambda: T.MultiplicativeLR(0.3, lrs.table([1.0, 0.9, 0.7, 0.99])),
    lambda: T.SequentialLR(0.3, [T.LinearLR(0.3, 0.1), T.CosineAnnealingLR(0.3, 17)], [6]),
    lambda: T.ChainedScheduler([T.ConstantLR(0.3, 0.1, 6), T.ExponentialLR(0.3, 0.95)], 0.3),
    lambda: T.SWALR(0.3, 0.05, 12),
    lambda: X.constant_schedule(0.3),
    lambda: X.linear_schedule(0.3, 0.01, 40, 7),
    lambda: X.polynomial_schedule(0.3, 0.01, 1.7, 40, 7),
    lambda: X.piecewise_constant_schedule(0.3, {11: 0.5, 40: 0.3}),
    lambda: X.piecewise_interpolate_schedule("cosine", 0.3, {11: 0.5, 40: 0.3}),
    lambda: X.exponential_decay(0.3, 13, 0.7, 5, end_value=0.05),
    lambda: X.exponential_decay(0.3, 13, 0.7, 5, staircase=True),
    lambda: X.cosine_decay_schedule(0.3, 61, 0.1, 1.7),
    lambda: X.warmup_constant_schedule(0.01, 0.3, 9),
    lambda: X.warmup_cosine_decay_schedule(0.01, 0.3, 9, 61, 0.02, 1.3),
    lambda: X.warmup_exponential_decay_schedule(0.01, 0.3, 9, 13, 0.7),
    lambda: X.sgdr_schedule([{"init_value": 0.0, "peak_value": 0.3, "warmup_steps": 3, "decay_steps": 30}] * 2),
    lambda: X.cosine_onecycle_schedule(61, 0.3),
    lambda: X.linear_onecycle_schedule(61, 0.3),
    lambda: X.join_schedules([X.constant_schedule(0.3), X.cosine_decay_schedule(0.2, 31)], [17]),
    lambda: K.ExponentialDecay(0.3, 6.7, 0.8),
    lambda: K.ExponentialDecay(0.3, 6.7, 0.8, staircase=True),
    lambda: K.InverseTimeDecay(0.3, 6.7, 0.8),
    lambda: K.InverseTimeDecay(0.3, 6.7, 0.8, staircase=True),
    lambda: K.PolynomialDecay(0.3, 33.3, 0.01, 1.7),
    lambda: K.PolynomialDecay(0.3, 12, 0.01, 1.7, cycle=True),
    lambda: K.PiecewiseConstantDecay([11, 40], [0.3, 0.2, 0.1]),
    lambda: K.CosineDecay(0.3, 33.3, 0.1),
    lambda: K.CosineDecay(0.01, 33, 0.1, warmup_target=0.3, warmup_steps=9),
    lambda: K.CosineDecayRestarts(0.3, 5, 1.37, 0.8, 0.1),
    lambda: K.CosineDecayRestarts(0.3, 5.7, 1.0, 0.98),
    lambda: K.CosineDecayRestarts(0.3, 5, 2.0, 0.8, 0.1),
    lambda: H.get_constant_schedule(0.3),
    lambda: H.get_constant_schedule_with_warmup(0.3, 9),
    lambda: H.get_linear_schedule_with_warmup(0.3, 9, 61),
    lambda: H.get_cosine_schedule_with_warmup(0.3, 9, 61, 0.77),
    lambda: H.get_cosine_with_hard_restarts_schedule_with_warmup(0.3, 9, 61, 3),
    lambda: H.get_polynomial_decay_schedule_with_warmup(0.3, 9, 61, power=1.7),
    lambda: H.get_inverse_sqrt_schedule(0.3, 9, 23),
    lambda: H.get_cosine_with_min_lr_schedule_with_warmup(0.3, 9, 61, 0.77, min_lr_rate=0.1),
    lambda: H.get_cosine_with_min_lr_schedule_with_warmup_lr_rate(0.3, 9, 61, min_lr_rate=0.1, warmup_lr_rate=0.2),
    lambda: H.get_wsd_schedule(0.3, 9, 20, num_stable_steps=30, min_lr_ratio=0.1),
    lambda: H.get_scheduler("cosine", 0.3, 9, 61),
    lambda: M.CosineLRScheduler(0.3, **CYCLES, cycle_mul=1.37, k_decay=1.3),
    lambda: M.CosineLRScheduler(0.3, **CYCLES, cycle_mul=2.0),
    lambda: M.PolyLRScheduler(0.3, **CYCLES, cycle_mul=0.77, power=1.7),
    lambda: M.TanhLRScheduler(0.3, **CYCLES, cycle_mul=1.5, warmup_prefix=True),
    lambda: M.StepLRScheduler(0.3, 6.7, 0.8, warmup_t=5),
    lambda: M.MultiStepLRScheduler(0.3, [11, 40], 0.3),
    lambda: M.WSDLRScheduler(0.3, 60, 20, 0.01, "power", 7.3, 0.6, "exp", warmup_t=9),
    lambda: W.GradualWarmupScheduler(0.3, 2.5, 9, HEAT),
]  # fmt: skip
BLOCKS = 6


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_preset_has_the_values_of_the_host(block: int) -> None:
    """In programs of several presets: every step of the run, and steps up to the last that int32 has."""
    schedules = [make() for make in MADE[block::BLOCKS]]
    steps = np.concatenate([NEAR, FAR])
    functions = [lrs.compile(schedule, "jax") for schedule in schedules]
    found = jax.jit(lambda t: [f(t) for f in functions])(steps.astype(np.int64 if X64 else np.int32))
    for schedule, values in zip(schedules, found, strict=True):
        exact = schedule(steps)
        assert np.abs(values - exact).max() <= 1e-6 * np.abs(exact).max(), schedule


def test_no_preset_is_left_out() -> None:
    text = inspect.getsource(inspect.getmodule(test_no_preset_is_left_out))  # type: ignore[arg-type]
    letters: dict[str, Any] = {"torch": "T", "optax": "X", "keras": "K", "transformers": "H", "timm": "M", "warmup_scheduler": "W"}  # fmt: skip
    for library, letter in letters.items():
        for name in getattr(presets, library).__all__:
            assert name == "SCHEDULERS" or f"{letter}.{name}(" in text, name
