"""Whole numbers, names in texts, and schedules that Optax joins."""

from __future__ import annotations

import numpy as np
import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
import jax.numpy as jnp  # noqa: E402

from lrsched_optax import as_schedule  # noqa: E402

WHOLE = {
    "piecewise": lrs.piecewise([3, 7], [1, 4, 64]),
    "ramp of whole steps": lrs.linear().over(56, start=8, end=64),
    "sampled ramp": 8 * (1 + lrs.linear().reversed().over(40).sampled(every=10) * 4),
    "growing": 16 * lrs.step_decay(100, 2.0).lasting(500),
    "powers of two": lrs.geometric(20, 1, 2**20),
    "thirds of a ramp": 3 * lrs.linear().over(30, start=0.1, end=10.1) - 0.3,
    "constant": lrs.constant(3),
    "sequence": lrs.hold(10, 128) >> lrs.hold(5, 256) >> lrs.constant(512),
    "late": lrs.piecewise([3 * 10**6, 2 * 10**9], [1, 2**20, 7]),
    "thirds": lrs.linear().over(3, start=0.0, end=3.0) + 0.0,
    "below zero": lrs.piecewise([2], [-3, 5]),
}
COUNTS = [0, 1, 2, 3, 6, 7, 8, 39, 40, 55, 56, 57, 99, 100, 499, 500, 10**6, 3 * 10**6 - 1, 3 * 10**6, 2 * 10**9]


@pytest.mark.parametrize("schedule", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("dtype", ["int32", jnp.int32, np.dtype("int32")])
def test_whole_numbers_are_exact_on_every_path(schedule, dtype):
    number = as_schedule(schedule, dtype)
    expected = [round(schedule(t)) for t in COUNTS]
    assert [int(number(t)) for t in COUNTS] == expected == [int(number(np.int64(t))) for t in COUNTS]
    steps = jnp.array(COUNTS)
    for found in (number(steps), jax.jit(number)(steps), jax.vmap(number)(steps), jax.lax.map(number, steps)):
        assert found.dtype == jnp.int32 and found.tolist() == expected
    assert number(3).dtype == jnp.int32 and not number(3).weak_type
    assert int(number(-5)) == int(number(jnp.int32(-5))) == expected[0]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (lrs.linear().over(5, start=8, end=64), r"whole numbers, got 19\.2\d* at step 1"),
        (lrs.hold(3, 2.5), r"whole numbers, got 2\.5 at step 0"),
        (64 * lrs.step_decay(2 * 10**6, 0.5), r"whole numbers, got 0\.5 at step 14000000"),
        (
            lrs.hold(3 * 10**6) >> lrs.linear().over(10**6, start=1, end=9),
            r"whole numbers, got 1\.000008 at step 3000001",
        ),
        (lrs.constant(1) / lrs.piecewise([5], [1, 0]), r"whole numbers, got inf at step 5"),
        (lrs.hold(3, 4).after("error"), r"whole numbers at every step: step must be below the duration"),
        (lrs.piecewise([4], [1, 2**31]), r"numbers within int32, got 2147483648\.0 at step 4"),
        (lrs.piecewise([4], [1, 2**25 + 1]), r"hold exactly \(enable x64, .*\), got 33554433\.0 at step 4"),
        (lrs.linear().over(0, start=0.0, end=1.5), r"whole numbers, got 1\.5 at step 0"),
        (jax.tree.map(jnp.asarray, lrs.hold(3, 2.0)), "plain numbers"),
        (lrs.cosine(), r"a schedule \(profile\.over\(steps\) makes one\)"),
    ],
    ids=lambda x: "" if isinstance(x, str) else repr(x)[:30],
)
def test_what_is_not_whole_says_at_which_step(schedule, message):
    with pytest.raises(lrs.ScheduleError, match="as_schedule: s must be .*" + message):
        as_schedule(schedule, "int32")


def test_made_inside_a_program_it_is_looked_at_too():
    every = lrs.piecewise([3], [1, 4])
    assert jax.jit(lambda t: as_schedule(every, "int32")(t))(jnp.arange(5)).tolist() == [1, 1, 1, 4, 4]
    with pytest.raises(lrs.ScheduleError, match="whole numbers"):
        jax.jit(lambda t: as_schedule(0.5 * every, "int32")(t))(3)


def test_types_of_whole_numbers():
    assert as_schedule(lrs.constant(200), "uint8")(0).dtype == jnp.uint8
    for dtype, schedule in (("int8", lrs.constant(200)), ("uint32", lrs.constant(-1))):
        with pytest.raises(lrs.ScheduleError, match=f"within {dtype}, got"):
            as_schedule(schedule, dtype)
    for dtype in ("int64", int, "uint64"):
        with pytest.raises(lrs.ScheduleError, match="dtype must be an integer dtype of 64 bits only when"):
            as_schedule(lrs.constant(1), dtype)
    with jax.enable_x64(True):
        number = as_schedule(lrs.piecewise([4], [1, 2**40 + 1]), "int64")
        assert int(number(jnp.int64(4))) == int(number(4)) == 2**40 + 1
        assert int(as_schedule(lrs.piecewise([4], [1, 2**25 + 1]), "int32")(jnp.int32(9))) == 2**25 + 1


def accumulated(tx, steps=24):
    """The parameters of a run whose gradients differ."""
    params = jnp.zeros(3)
    state = tx.init(params)
    update = jax.jit(tx.update)
    path = []
    for t in range(steps):
        updates, state = update(jnp.arange(3.0) + t, state, params)
        params = optax.apply_updates(params, updates)
        path.append(params)
    return np.array(path)


def test_accumulation_by_a_schedule_trains_as_the_hand_written_one():
    own = optax.MultiSteps(optax.adam(0.1), every_k_schedule=as_schedule(lrs.piecewise([3], [1, 4]), "int32"))
    hand = optax.MultiSteps(optax.adam(0.1), every_k_schedule=lambda n: jnp.where(n < 3, 1, 4))
    np.testing.assert_array_equal(accumulated(own), accumulated(hand))
    ramp = optax.MultiSteps(
        optax.sgd(0.1), every_k_schedule=as_schedule(lrs.linear().over(4, start=1, end=5), jnp.int32)
    )
    moved = np.flatnonzero(np.any(np.diff(accumulated(ramp), axis=0, prepend=0) != 0, axis=1))
    assert moved.tolist() == [0, 2, 5, 9, 14, 19]


def test_names_in_a_text():
    rate = as_schedule("3e-4 * (warmup(w) >> cosine().over(total - w))", total=100, w=10)
    expected = 3e-4 * (lrs.warmup(10) >> lrs.cosine().over(90))
    np.testing.assert_allclose(rate(jnp.arange(120)), expected.sample(120), rtol=2e-6, atol=1e-10)
    assert int(as_schedule("piecewise([s], [1, 4])", "int32", s=5)(5)) == 4
    assert float(as_schedule("0.25")(3)) == 0.25
    assert float(as_schedule(expected.to_dict())(10)) == pytest.approx(3e-4)
    for wrong, names in (("cosine().over(total)", {}), ("cosine().over(5)", {"total": 5}), (expected, {"total": 5})):
        with pytest.raises(lrs.ScheduleError, match=r"as_schedule: s.*total"):
            as_schedule(wrong, **names)


# ---- join_schedules

PIECES = (lrs.warmup(10), lrs.cosine().over(5))


def test_joined_by_optax_a_schedule_says_what_to_write():
    """On the host Optax asks every piece at every step, with a negative one before it begins."""
    joined = optax.join_schedules(PIECES, [10])
    for t in (5, np.int64(5), np.arange(3)):
        with pytest.raises(
            lrs.ScheduleError, match=r"step must be .*first\.lasting\(n\) >> then.*lrsched_optax\.as_schedule"
        ):
            joined(t)
    with pytest.raises(lrs.ScheduleError, match=r"step must be a finite number >= 0, got -0\.5"):
        PIECES[0](-0.5)
    ours = PIECES[0].lasting(10) >> PIECES[1]
    allowed = optax.join_schedules([as_schedule(piece) for piece in PIECES], [10])
    for t in (0, 5, 9, 10, 12, 20):
        assert float(allowed(t)) == pytest.approx(ours(t), rel=1e-6, abs=1e-9)
        assert float(joined(jnp.int32(t))) == pytest.approx(ours(t), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("dtype", ["bool", "complex64", "key"])
def test_a_type_of_no_numbers_is_refused_by_the_function_that_was_called(dtype):
    with pytest.raises(TypeError, match=r"^as_schedule: dtype must be a floating or integer dtype, got"):
        as_schedule(lrs.constant(1.0), dtype)
