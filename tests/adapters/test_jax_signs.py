"""Sign and order of profiles in float32, near the ends of long schedules: for every shape and every method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")

SHAPES = [
    lrs.linear(),
    lrs.cosine(),
    lrs.polynomial(0.9),
    lrs.polynomial(3.0),
    lrs.exponential(),
    lrs.inverse_time(3.0),
    lrs.logarithmic(2.0),
    lrs.rex(),
    lrs.tanh(),
    lrs.one_minus_power(0.5),
    lrs.one_minus_power(2.0),
]
METHODS: dict[str, Callable[[Any], Any]] = {
    "alone": lambda p: p,
    "normalised": lambda p: p.normalised(),
    "bent": lambda p: p.bent(0.7),
    "bent back": lambda p: p.bent(-0.7),
    "warped": lambda p: p.warped(1.5),
    "power": lambda p: p**0.5,
    "delayed": lambda p: p.delayed(0.3),
    "normalised and bent": lambda p: p.normalised().bent(0.7),
    "normalised and warped": lambda p: p.normalised().warped(0.5),
}


@pytest.mark.parametrize("n", [1_000, 10**6, 10**8])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_a_shape_never_leaves_its_ends_and_never_turns(shape: Any, method: str, n: int) -> None:
    profile = METHODS[method](shape)
    steps = np.unique(np.concatenate([np.arange(20), n // 2 + np.arange(-5, 6), n - np.arange(20)])).astype(np.int32)
    for start, end in ((1.0, 0.0), (0.0, 1.0)):
        values = np.asarray(jax.jit(profile.over(n, start, end))(steps))
        assert values.dtype == np.float32 and np.all((values >= 0.0) & (values <= 1.0))
        sizes = np.ones_like(values) if method == "power" else values  # XLA's powers are right to a rounding of 1
        turned = np.diff(values if end else -values)
        assert np.all(turned >= -2 * np.spacing(sizes[1:])), (start, end)
