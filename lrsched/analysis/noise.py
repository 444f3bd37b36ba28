"""Two readings of the noise in gradients: of a rate and a batch, and of gradients at two batch sizes."""

from __future__ import annotations

import math
from typing import Any

from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import ABOVE_0, BELOW_1, check_real, fail
from lrsched.foundation.numbers import any_jax, is_jax

__all__ = ["gradient_noise_scale", "noise_scale"]


def noise_scale(rate: Any, batch: Any, momentum: Any = 0.0) -> Any:
    """The noise scale of SGD: what stays the same when the rate grows with the batch.

    Formula: rate / (batch * (1 - momentum))

    Args:
        rate: the rate, >= 0, or a schedule, for a schedule of the noise scale.
        batch: samples in an update, > 0, or a schedule.
        momentum: in [0, 1).

    Raises:
        ScheduleError: an argument outside its range.

    Source: Smith and Le, "A Bayesian Perspective on Generalization and Stochastic Gradient Descent" (2018).

    Example:
        >>> import lrsched as lrs
        >>> lrs.analysis.noise_scale(0.125, 256, momentum=0.5)
        0.0009765625
        >>> lrs.analysis.noise_scale(0.125 * lrs.linear().over(100), 256, momentum=0.5)(50)
        0.00048828125
    """
    rate = _number("noise_scale", "rate", rate, "a number >= 0, or a schedule", 0.0)
    batch = _number("noise_scale", "batch", batch, "a number > 0, or a schedule", ABOVE_0)
    momentum = _number("noise_scale", "momentum", momentum, "a number in [0, 1)", 0.0, BELOW_1)
    return rate / (batch * (1.0 - momentum))


def gradient_noise_scale(small: Any, large: Any, b: Any, B: Any) -> Any:
    """The batch size at which noise and signal of the gradient are equal, from squared norms at two batch sizes.

    Formula: |G|**2 = (B |G_B|**2 - b |G_b|**2) / (B - b); tr = (|G_b|**2 - |G_B|**2) / (1/b - 1/B); tr / |G|**2

    Args:
        small, large: means of the *squared* norm of the gradient at the batch sizes b and B, > 0.
        b, B: batch sizes, b < B.

    Raises:
        ScheduleError: an argument outside its range, or means so noisy that one of the two estimates is not positive.

    Source: McCandlish et al., "An Empirical Model of Large-Batch Training" (2018).

    Example:
        >>> import lrsched as lrs
        >>> lrs.analysis.gradient_noise_scale(5.0, 2.0, b=32, B=128)
        128.0
    """
    where = "gradient_noise_scale"
    given = {"small": small, "large": large, "b": b, "B": B}
    small, large, b, B = (_number(where, name, x, "a number > 0", ABOVE_0) for name, x in given.items())
    traced = any_jax((small, large, b, B))
    if not traced and b >= B:
        fail(where, "b", f"below B, {B:g}", b)
    signal, spread = (B * large - b * small) / (B - b), (small - large) / (1.0 / b - 1.0 / B)
    if not traced and min(signal, spread) <= 0.0:
        told = "of means that are less noisy: they give no positive estimate, so average over more batches"
        fail(where, "small and large", told, f"{small:g} and {large:g}")
    return spread / signal


def _number(where: str, name: str, value: Any, allowed: str, low: float, high: float = math.inf) -> Any:
    """A number in its range; schedules, where they are allowed, and JAX values as they are."""
    if is_jax(value) or (isinstance(value, Schedule) and "schedule" in allowed):
        return value
    return check_real(where, name, value, allowed, low, high)
