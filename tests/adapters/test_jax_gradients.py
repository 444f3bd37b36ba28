"""Gradients for every real number of any schedule, under ``jit``, against differences of the host's values."""

from __future__ import annotations

import random

import numpy as np
import pytest

import lrsched as lrs
import strategies
from lrsched.algebra import batching

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

STEPS = np.arange(40)
SEEDS = range(10)


def gradients(schedule):
    """For each leaf that is real, its place and its gradient at every step."""
    leaves, structure = jax.tree.flatten(schedule)
    places = [i for i, leaf in enumerate(leaves) if np.asarray(leaf).dtype.kind == "f"]

    def value(numbers, t):
        given = dict(enumerate(leaves)) | dict(zip(places, numbers, strict=True))
        return jax.tree.unflatten(structure, given.values())(t)

    with jax.enable_x64(True):
        numbers = [jnp.asarray(leaves[i], float) for i in places]
        found = jax.jit(jax.vmap(jax.grad(value), in_axes=(None, 0)))(numbers, STEPS)
        return [(i, np.asarray(slope).reshape(len(STEPS), -1)) for i, slope in zip(places, found, strict=True)]


def moved(schedule, place, entry, change):
    """The schedule with one number of one leaf changed, checked as when it is built."""
    leaves, structure = jax.tree.flatten(schedule)
    numbers = np.array(leaves[place], dtype=np.float64)
    numbers.reshape(-1)[entry] += change
    leaves[place] = numbers if numbers.ndim else numbers.item()
    return lrs.from_dict(jax.tree.unflatten(structure, leaves).to_dict())


def differences(schedule, place, entry, number):
    """The slope for a number, how far it may be off, and where the value has one: no kink, jump or pole."""
    change = 1e-5 * max(abs(number), 1e-2)
    middle, *beside = (np.asarray(moved(schedule, place, entry, d)(STEPS)) for d in (0.0, change, -change))
    with np.errstate(all="ignore"):
        right, left = (beside[0] - middle) / change, (middle - beside[1]) / change
        mean, noise = (right + left) / 2, 1e-14 * np.abs(middle) / change + 1e-9
        smooth = np.isfinite(mean) & (np.abs(right - left) <= 1e-2 * np.abs(mean) + 10 * noise)
    return mean, 1e-2 * np.abs(mean) + 20 * noise, smooth


def compared(schedule, rnd, most=6):
    """How many slopes for at most so many numbers were compared, all of them right."""
    found, leaves = gradients(schedule), jax.tree.leaves(schedule)
    numbers = [(slopes[:, j], i, j, x) for i, slopes in found for j, x in enumerate(np.ravel(leaves[i]).tolist())]
    count = 0
    for slopes, place, entry, number in rnd.sample(numbers, min(most, len(numbers))):
        try:
            expected, allowed, smooth = differences(schedule, place, entry, number)
        except lrs.ScheduleError:  # at the end of its range, or an error by a policy
            continue
        where = np.flatnonzero(smooth & ~(np.abs(slopes - expected) <= allowed))
        assert not where.size, (schedule, place, entry, where, slopes[where], expected[where])
        count += int(smooth.sum())
    return count


def unlike(schedule, rnd):
    """The schedule with no two numbers alike, as far as its fields allow: no operands that tie everywhere."""

    def nearly(value):
        if isinstance(value, tuple):
            return tuple(map(nearly, value))
        return value * (1 - 1e-3 * rnd.random()) if isinstance(value, float) else value

    try:
        return lrs.from_dict(batching.map_every_leaf(schedule, nearly).to_dict())
    except lrs.ScheduleError:
        return schedule


def test_gradients_of_any_schedule():
    count = 0
    for seed in SEEDS:
        rnd = random.Random(seed)
        count += compared(unlike(strategies.seeded(seed, depth=2, big=False), rnd), rnd)
    assert count > 500


FOUND = {  # what this search found wrong
    "levels that are 0 and 1": "warmup(10, start=3.0, end=-2.0, profile=staircase((0.3, 0.5), (0.0, 0.7, 1.0)))",
    "a point that is 0": "warmup(5, start=0.5, profile=knots((0.0, 0.07, 1.0), (0.0, 2.75, 0.0)))",
    "the middle of a wave": "cosine().over(5, start=-1.5, end=0.5).restarted(t_mult=2.0).stretched(2.0)",
}


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND)
def test_gradients_that_were_wrong(text):
    assert compared(lrs.parse(text), random.Random(0), most=20) > 50
