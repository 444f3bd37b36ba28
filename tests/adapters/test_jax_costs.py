"""Counted costs under JAX: instructions after optimisation, which neither noise nor a fast machine can hide."""

from __future__ import annotations

import re

import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402


def instructions(function, *arguments):
    """How many instructions the compiled program has: inside fusions too, parameters and constants included."""
    text = jax.jit(function).lower(*arguments).compile().as_text()
    return len(re.findall(r"^\s*(?:ROOT )?%\S+ = .*? [a-z][a-z\-]*\(", text, re.MULTILINE))


def pieces(count):
    """Many pieces of one kind."""
    return lrs.plan(10 * count, *(lrs.linear().over(10, 1 + i % 7, 0.5) for i in range(count)))


def apply(schedule, t):
    return schedule(t)


STEP = 3
WARMUP_COSINE = 3e-4 * (lrs.warmup(500) >> lrs.cosine().over(9_500, end=0.1))


def test_warmup_and_cosine():
    """Optax's schedule of the same values, less exact, takes 32."""
    assert instructions(WARMUP_COSINE, jnp.int32(STEP)) <= 28


SHORT = {
    "warm-up": (lrs.warmup(500) >> lrs.linear().over(9_500), 23),
    "cosine": (lrs.cosine().over(1_000), 15),
    "restarts": (lrs.cosine().over(100).restarted(), 17),
    "one cycle": (lrs.recipes.one_cycle(1e-3, 1_000), 35),
    "overlap": (lrs.warmup(50) * lrs.cosine().over(100).restarted(), 26),
}


@pytest.mark.parametrize(("schedule", "most"), SHORT.values(), ids=SHORT)
def test_short_schedules(schedule, most):
    assert instructions(schedule, jnp.int32(STEP)) <= most


def test_a_thousand_pieces_and_ten_thousand():
    assert instructions(pieces(1_000), jnp.int32(STEP)) <= 52
    assert instructions(pieces(10_000), jnp.int32(STEP)) <= 52


def test_the_size_does_not_grow_with_the_number_of_pieces():
    few, many = (instructions(pieces(n), jnp.int32(STEP)) for n in (100, 1_000))
    assert many <= few + 5


def test_few_kernels():
    """Each takes XLA about as long to compile as any other: pieces of like lengths are found in the one that uses them."""
    texts = [jax.jit(pieces(n)).lower(jnp.int32(STEP)).compile().as_text() for n in (6, 100, 1_000, 10_000)]
    assert [text.count(" fusion(") for text in texts] == [1, 1, 1, 1]


def thousand(*profiles):
    """A thousand pieces, the profiles in turn."""
    return lrs.plan(10_000, *(profiles[i % len(profiles)].over(10, 1 + i % 7, 0.5) for i in range(1_000)))


def in_batches(schedule):
    """Three of a schedule, for ``vmap``."""
    return jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * 3), schedule)


PROFILES = (
    lrs.linear(),
    lrs.cosine(),
    lrs.exponential(),
    lrs.rex(),
    lrs.polynomial(),
    lrs.polynomial(0.9),
    lrs.one_minus_power(),
    lrs.inverse_time(3.0),
    lrs.logarithmic(3.0),
    lrs.tanh(),
)


@pytest.mark.parametrize("profile", PROFILES, ids=repr)
def test_a_thousand_pieces_as_an_argument(profile):
    schedule = thousand(profile)
    assert instructions(apply, schedule, jnp.int32(STEP)) <= 100
    assert instructions(jax.vmap(apply, in_axes=(0, None)), in_batches(schedule), jnp.int32(STEP)) <= 135


MIXES = {
    "three": ((lrs.linear(), lrs.cosine(), lrs.rex()), 76, 130),
    "powers": ((lrs.linear(), lrs.polynomial(), lrs.one_minus_power()), 92, 155),
}


@pytest.mark.parametrize(("profiles", "fixed", "argument"), MIXES.values(), ids=MIXES)
def test_a_thousand_pieces_of_three_kinds(profiles, fixed, argument):
    """As an argument it has ten leaves or more, each a parameter of the program and of a fusion in it."""
    schedule = thousand(*profiles)
    assert instructions(schedule, jnp.int32(STEP)) <= fixed
    assert instructions(apply, schedule, jnp.int32(STEP)) <= argument


@pytest.mark.parametrize("count", [1_025, 10_000])
def test_more_pieces_as_an_argument(count):
    assert instructions(apply, pieces(count), jnp.int32(STEP)) <= 175


@pytest.mark.parametrize("schedule", [WARMUP_COSINE, pieces(100), pieces(1_000)], ids=["short", "100", "1000"])
def test_a_training_step_computes_the_rate_once(schedule):
    def train(params, t, rate):
        lr = rate(t)
        return [p - lr * (2 * p) for p in params]

    params = [jnp.ones(4) for _ in range(60)]
    constant = instructions(lambda p, t: train(p, t, lambda t: jnp.float32(0.1)), params, jnp.int32(STEP))
    scheduled = instructions(lambda p, t: train(p, t, schedule), params, jnp.int32(STEP))
    alone = instructions(schedule, jnp.int32(STEP))
    assert scheduled - constant <= alone + 130
