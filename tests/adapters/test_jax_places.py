"""Where a step lies among thresholds under JAX: grids, comparisons and rows against NumPy's search."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from lrsched.targets import threshold_search  # noqa: E402


def at_random(seed: int, kind: type = np.int32) -> np.ndarray:
    """Increasing thresholds: few or many, near or far from each other, some equal, some at the ends of the type."""
    rng, most = np.random.default_rng(seed), np.iinfo(kind).max
    count = 1 + seed // 6 if seed % 6 == 1 else int(rng.integers(1, 200))
    reach = (5, 50, 3_000, 10**6, most)[seed % 5]
    found = np.sort(rng.integers(0, reach, count))
    if seed % 3 == 0:
        found = np.cumsum(rng.integers(3, 30, count)) + int(rng.integers(0, 10**6))
    if seed % 5 == 4:
        found = 10 * np.arange(5, count + 10)
    if seed % 4 == 0:
        found = np.unique(found)
    if seed % 7 == 0:
        found -= 3
    if seed % 8 == 0:
        found[-1] = most
    return found.astype(kind)


def near(thresholds: np.ndarray) -> np.ndarray:
    """Steps at, before and after thresholds, and the first and last of all."""
    kind, most = thresholds.dtype, np.iinfo(thresholds.dtype).max
    after = np.where(thresholds < most, thresholds, most - 1) + 1
    return np.unique(np.concatenate([[0, 1, most], thresholds, thresholds - 1, after]).clip(0)).astype(kind)


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("seed", range(20))
def test_as_many_are_passed_as_numpy_finds(seed: int, kind: type) -> None:
    thresholds = at_random(seed, kind)
    steps = near(thresholds)
    wanted = np.searchsorted(thresholds, steps, side="right")
    with jax.enable_x64(kind is np.int64):
        function = jax.jit(lambda t: threshold_search.passed(thresholds, t))
        np.testing.assert_array_equal(np.asarray(function(steps)), wanted)
        for i in (0, len(steps) // 2, len(steps) - 1):
            assert int(function(steps[i])) == wanted[i]


def test_every_way_of_searching_is_met() -> None:
    """The most thresholds in a box, 0 for counts by rows."""
    ways = set()
    for seed in range(20):
        thresholds = at_random(seed)
        boxes = (
            m
            for m in range(1, min(threshold_search.CLOSE + 1, len(thresholds)))
            if threshold_search._boxes(thresholds, m) is not None
        )
        ways.add(next(boxes, 0) if len(thresholds) > threshold_search.CLOSE else "few")
    assert ways == {"few", 0, 1, 2, 3, 4}
