"""A profile where a schedule is meant: an error as soon as a step is counted, the same sentence everywhere."""

from __future__ import annotations

import numpy as np
import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

SENTENCE = r"a schedule \(profile\.over\(steps\) makes one\)"
PROFILE = 1e-3 * lrs.cosine()
INTEGERS = [jnp.int32(0), jnp.uint8(1), jnp.zeros(3, jnp.int16), jnp.arange(4)]


@pytest.mark.parametrize("profile", [PROFILE, lrs.rex(), lrs.phases((1, lrs.flat()), (2, lrs.linear()))], ids=repr)
@pytest.mark.parametrize("t", INTEGERS, ids=lambda t: f"{t.dtype}{t.shape}")
def test_a_profile_called_with_integers_of_jax_is_an_error(profile, t):
    traced = jax.tree.map(jnp.asarray, profile)
    for call in (profile, jax.jit(profile), lrs.compile(profile, "jax"), traced, jax.jit(lambda t: profile(t))):
        with pytest.raises(TypeError, match=rf"profile: progress must be a number in \[0, 1\]; .* {SENTENCE}, got"):
            call(t)
    with pytest.raises(TypeError, match=SENTENCE):
        jax.jit(lambda p, t: p(t))(profile, t)
    with pytest.raises(TypeError, match=SENTENCE):
        jax.vmap(profile)(jnp.arange(2))


def test_progress_stays_a_real_number():
    u = np.linspace(0, 1, 5)
    for call in (PROFILE, jax.jit(PROFILE), jax.vmap(PROFILE), lambda u: jax.jit(lambda p, u: p(u))(PROFILE, u)):
        np.testing.assert_allclose(call(jnp.asarray(u, jnp.float32)), PROFILE(u), rtol=1e-6, atol=1e-10)
    assert PROFILE(jnp.bfloat16(0.5)) == pytest.approx(5e-4) and PROFILE(0) == 1e-3 and PROFILE(np.int64(1)) == 0.0
    assert PROFILE(np.array([0, 1])).tolist() == [1e-3, 0.0]


def test_a_profile_called_with_a_count_of_the_host_is_the_same_error():
    for t in (2, np.int64(7), -1, np.arange(3)):
        with pytest.raises(lrs.ScheduleError, match=rf"progress must be a number in \[0, 1\]; .* {SENTENCE}, got"):
            PROFILE(t)
    with pytest.raises(lrs.ScheduleError, match=r"progress must be a number in \[0, 1\], got 1.5"):
        PROFILE(1.5)


def test_optax_does_not_train_at_rate_0():
    optax = pytest.importorskip("optax")
    from lrsched_optax import as_schedule, inject

    params = jnp.ones(2)
    for factory in (optax.sgd, optax.adamw, optax.inject_hyperparams(optax.sgd)):
        tx = factory(PROFILE)
        with pytest.raises(TypeError, match=SENTENCE):
            tx.update(params, tx.init(params), params)
        with pytest.raises(TypeError, match=SENTENCE):
            jax.jit(tx.update)(params, tx.init(params), params)
    wrong = [
        lambda: inject(optax.sgd, learning_rate=PROFILE),
        lambda: inject(optax.sgd, learning_rate={"a": 0.1, "*": PROFILE}),
        lambda: inject(lambda **options: optax.sgd(**options), learning_rate=PROFILE),
        lambda: as_schedule(PROFILE),
        lambda: optax.MultiSteps(optax.sgd(0.1), every_k_schedule=4 * lrs.linear()).update(
            params, optax.MultiSteps(optax.sgd(0.1), every_k_schedule=4).init(params)
        ),
    ]
    for make in wrong:
        with pytest.raises(TypeError, match=SENTENCE):
            make()
    with pytest.raises(lrs.ScheduleError, match=r"learning_rate\['\*'\] must be a schedule .*, or a number, got None"):
        inject(optax.sgd, learning_rate={"a": lrs.constant(0.1), "*": None})
