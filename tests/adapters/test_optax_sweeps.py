"""Bare schedules in Optax, batches of schedules, hypergradients, long horizons."""

from __future__ import annotations

import random

import numpy as np
import pytest

import lrsched as lrs
import strategies
from lrsched.algebra import node

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
import jax.numpy as jnp  # noqa: E402

from lrsched_optax import as_schedule, stack, tabulate  # noqa: E402

LR = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(7, end=0.1))
KINDS = [kind for kind in strategies.kinds_of("Schedule") if not kind.kind_name.startswith("tests_")]


def drawn(kind, seed, depth=2):
    """An expression of a kind that has a value at every step on the host, with the numbers that its leaves have."""
    for attempt in range(seed, seed + 1_000, 50):
        found = strategies.Maker(random.Random(attempt), big=False).one_of(kind, depth)
        if not any(n.kind_name == "after" and n.policy == "error" for n in node.walk(found)):
            return strategies.single(found)
    raise AssertionError(f"every {kind.kind_name} drawn has an error policy")


# ---- a bare schedule


def rates_used(tx, steps, **extra):
    """The rate of each update of a jitted loop: the updates of a gradient of 1 under SGD, negated."""

    def step(state, _):
        updates, state = tx.update(jnp.ones(()), state, jnp.ones(()), **extra)
        return state, -updates

    return np.asarray(jax.jit(lambda: jax.lax.scan(step, tx.init(jnp.ones(())), None, length=steps)[1])())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind_name)
def test_an_optimizer_loop_uses_every_kinds_rate_at_every_update(kind):
    schedule = drawn(kind, 5, depth=3)
    expected = np.asarray(jax.jit(schedule)(jnp.arange(40)))
    np.testing.assert_array_equal(rates_used(optax.sgd(schedule), 40), expected)
    finite = np.isfinite(expected)
    size = np.max(np.abs(expected[finite]), initial=0.0)
    np.testing.assert_allclose(expected[finite], schedule.sample(40)[finite], rtol=5e-6, atol=5e-6 * size)


PLACES = {
    "sgd": lambda s: optax.sgd(s),
    "scale_by_schedule": lambda s: optax.chain(optax.scale_by_schedule(s), optax.scale(-1.0)),
    "inject_hyperparams": lambda s: optax.inject_hyperparams(optax.sgd)(learning_rate=s),
    "multi_transform": lambda s: optax.multi_transform({"a": optax.sgd(s)}, "a"),
    "masked": lambda s: optax.masked(optax.sgd(s), True),
    "apply_if_finite": lambda s: optax.apply_if_finite(optax.sgd(s), 3),
    "as_schedule": lambda s: optax.sgd(as_schedule(s)),
    "join_schedules": lambda s: optax.sgd(optax.join_schedules([s], [])),
    "scale_by_learning_rate": lambda s: optax.scale_by_learning_rate(s),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_bare_schedule_goes_wherever_optax_takes_a_callable(place):
    np.testing.assert_allclose(rates_used(PLACES[place](LR), 14), LR.sample(14), rtol=3e-6, atol=1e-12)


def test_a_schedule_under_multi_steps_counts_its_updates():
    rates = rates_used(optax.MultiSteps(optax.sgd(LR), every_k_schedule=3), 30)
    np.testing.assert_allclose(rates[2::3], LR.sample(10), rtol=3e-6, atol=1e-12)


def test_a_schedule_may_say_how_many_steps_accumulate():
    every = lrs.piecewise([2], [1, 2])
    rates = rates_used(optax.MultiSteps(optax.sgd(1.0), every_k_schedule=lambda n: every(n).astype(jnp.int32)), 8)
    np.testing.assert_array_equal(rates, [1, 1, 0, 1, 0, 1, 0, 1])


def test_a_bare_schedule_in_contrib():
    tx = optax.contrib.schedule_free(optax.sgd(LR), LR, b1=0.9)
    assert np.isfinite(rates_used(tx, 6)).all()


@pytest.mark.parametrize("dtype", [None, jnp.float32, jnp.bfloat16, jnp.float16])
def test_as_schedule_has_one_dtype(dtype):
    rate = as_schedule(LR, dtype)
    wanted = jnp.dtype(dtype or jnp.float32)
    for count in (3, np.int64(3), jnp.uint32(3), jnp.arange(4)):
        assert rate(count).dtype == wanted and jax.jit(rate)(count).dtype == wanted
    assert not rate(3).weak_type
    with jax.enable_x64(True):
        assert as_schedule(LR)(3).dtype == jnp.float32
        assert as_schedule(LR, jnp.float64)(3).dtype == jnp.float64


def test_as_schedule_takes_numbers_and_traced_schedules_and_refuses_the_rest():
    assert float(as_schedule(0.25)(7)) == 0.25
    assert float(jax.jit(lambda s, t: as_schedule(s)(t))(LR, 3)) == pytest.approx(0.1)
    for wrong in (lrs.cosine(), "cosine", None):
        with pytest.raises(lrs.ScheduleError, match=r"as_schedule: s(:| must be a schedule)"):
            as_schedule(wrong)
    for dtype in (bool, complex, "no"):
        with pytest.raises(lrs.ScheduleError, match="dtype must be"):
            as_schedule(LR, dtype)


# ---- batches


def make(peak, warm, length, power, milestone):
    decay = lrs.polynomial(power).over(length, end=0.1)
    return peak * (lrs.warmup(warm) >> decay) * lrs.multi_step([milestone], 0.5)


NUMBERS = [(0.01 * (i + 1), 1 + i % 5, 10 + i, 0.5 + i / 32, 5 + i) for i in range(64)]
DATA = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)


def quadratic(schedule, seed, traces=None, steps=40):
    """The last parameters and the rates of a small run."""
    if traces is not None:
        traces.append(1)
    tx = optax.sgd(schedule, momentum=0.5)
    start = jax.random.normal(jax.random.key(seed), (3,))

    def step(carry, t):
        params, state = carry
        gradient = jax.grad(lambda w: jnp.mean((DATA @ w - 1.0) ** 2))(params)
        updates, state = tx.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), schedule(t)

    (params, _), rates = jax.lax.scan(step, (start, tx.init(start)), jnp.arange(steps))
    return params, rates


def test_64_schedules_and_8_seeds_train_in_one_trace():
    schedules = [make(*numbers) for numbers in NUMBERS]
    traces = []
    one = jax.vmap(lambda s, seed: quadratic(s, seed, traces), in_axes=(None, 0))
    params, rates = jax.jit(jax.vmap(one, in_axes=(0, None)))(stack(schedules), jnp.arange(8))
    assert len(traces) == 1 and params.shape == (64, 8, 3)
    for i in range(64):
        np.testing.assert_allclose(rates[i, 0], schedules[i].sample(40), rtol=1e-5, atol=1e-8)
    for i in (0, 17, 63):
        np.testing.assert_allclose(params[i, 2], jax.jit(quadratic, static_argnums=0)(schedules[i], 2)[0], rtol=1e-3)


def test_another_batch_of_numbers_does_not_retrace():
    traces = []
    train = jax.jit(jax.vmap(lambda s: quadratic(s, 0, traces)))
    train(stack([make(*numbers) for numbers in NUMBERS[:8]]))
    train(stack([make(*numbers) for numbers in NUMBERS[8:16]]))
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("first", "other", "words"),
    [
        (lrs.linear().over(5), lrs.cosine().over(5), "linear there, cosine here"),
        (lrs.multi_step([3]), lrs.multi_step([3, 4]), "1 there, 2 here"),
        (LR, LR >> lrs.constant(1.0) if LR.duration < np.inf else LR * 2, ""),
        (lrs.cosine().over(5).restarted(2), lrs.cosine().over(5).restarted(3), "2 there, 3 here"),
        (lrs.warmup(5), lrs.warmup(5, skip_zero=True), "False there, True here"),
    ],
)
def test_stack_says_what_differs(first, other, words):
    with pytest.raises(lrs.ScheduleError, match=r"schedules\[1\].*schedules\[0\], which differs in .*" + words):
        stack([first, other])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([], "at least one schedule, got"),
        (LR, "schedules must be a sequence of schedules"),
        ([LR, 0.1], r"schedules\[1\] must be a schedule"),
    ],
    ids=["none", "one", "a number"],
)
@pytest.mark.parametrize("function", [stack, lambda s: tabulate(s, 5)], ids=["stack", "tabulate"])
def test_what_cannot_be_stacked_is_an_error(function, wrong, words):
    with pytest.raises(lrs.ScheduleError, match=words):
        function(wrong)


def test_a_stack_of_durations_beyond_int32_is_refused_and_tabulated():
    long = [lrs.linear().over(3 * 10**9), lrs.linear().over(4 * 10**9)]
    with pytest.raises(lrs.ScheduleError, match="int32"):
        stack(long)
    assert tabulate(long, 3).values.shape == (2, 3)


def apply(schedule, t):
    return schedule(t)


@pytest.mark.parametrize(
    "schedule",
    [
        lrs.multi_step([3], 0.5) * lrs.multi_step([4], 0.25),
        lrs.linear().over(5) + lrs.linear().over(7, 2.0, 1.0) + lrs.linear().over(9),
        lrs.minimum(lrs.piecewise([3], [1, 2]), lrs.piecewise([4], [1, 3])),
        lrs.maximum(lrs.table([3, 2, 1]), lrs.table([2, 4, 0])),
        (lrs.linear() * lrs.linear() + lrs.linear().warped(2.0)).over(9),
        lrs.phases((1, lrs.cosine()), (2, lrs.cosine()), (1, lrs.linear())).over(12),
        lrs.plan(20, *((lrs.linear().over(5) * lrs.linear().over(5, 2.0 + i)) for i in range(4))),
    ],
    ids=repr,
)
def test_operands_of_one_kind_are_passed_as_arguments(schedule):
    found = jax.jit(apply)(schedule, jnp.arange(24))
    np.testing.assert_allclose(found, schedule.sample(24), rtol=3e-6, atol=1e-7)
    assert float(jax.jit(apply)(schedule, jnp.int32(3))) == pytest.approx(schedule(3), rel=3e-6)
    batch = jax.jit(jax.vmap(apply, in_axes=(0, None)))(stack([schedule, schedule]), jnp.arange(24))
    np.testing.assert_allclose(batch[1], found, rtol=3e-6, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind_name)
def test_stack_takes_every_kind(kind):
    schedule = drawn(kind, 3)
    rows = jax.jit(jax.vmap(apply, in_axes=(0, None)))(stack([schedule] * 3), jnp.arange(30))
    expected = schedule.sample(30)
    np.testing.assert_array_equal(rows[0], rows[2])
    size = np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)
    np.testing.assert_allclose(rows[1], expected, rtol=2e-5, atol=2e-5 * size)


def test_tabulate_gives_any_schedules_one_form():
    mixed = [
        LR,
        lrs.rex().over(30),
        lrs.multi_step([4, 9]),
        lrs.constant(0.3),
        lrs.cosine().over(6).restarted(t_mult=2),
    ]
    traces = []
    _, rates = jax.jit(jax.vmap(lambda s: quadratic(s, 0, traces)))(tabulate(mixed, 40))
    assert len(traces) == 1
    for row, schedule in zip(rates, mixed, strict=True):
        np.testing.assert_allclose(row, schedule.sample(40), rtol=1e-6)
    short = tabulate(mixed, 10)
    np.testing.assert_allclose(
        jax.vmap(lambda s: s(jnp.int32(500)))(short), [schedule.sample(10)[-1] for schedule in mixed], rtol=1e-6
    )
    with pytest.raises(lrs.ScheduleError, match="steps must be an integer >= 1"):
        tabulate(mixed, 0)


def test_a_sweep_over_injected_schedules():
    from lrsched_optax import current, inject

    @jax.jit
    @jax.vmap
    def train(rate, decay):
        tx = inject(optax.adamw, learning_rate=rate, weight_decay=decay)

        def step(carry, _):
            params, state = carry
            updates, state = tx.update(2 * params, state, params)
            return (params + updates, state), current(state)

        return jax.lax.scan(step, (jnp.ones(3), tx.init(jnp.ones(3))), None, length=9)[1]

    rates = [0.1 * (k + 1) * lrs.cosine().over(9) for k in range(3)]
    decays = [lrs.linear().over(5, 0.1 * k) for k in range(3)]
    shown = train(stack(rates), stack(decays))
    for k in range(3):
        np.testing.assert_allclose(shown["learning_rate"][k], rates[k].sample(9), rtol=5e-6, atol=1e-8)
        np.testing.assert_allclose(shown["weight_decay"][k], decays[k].sample(9), rtol=5e-6, atol=1e-8)


# ---- hypergradients


def test_a_hypergradient_through_training_equals_finite_differences():
    def loss(schedule):
        params, _ = quadratic(schedule, 0, steps=15)
        return jnp.mean((DATA @ params - 1.0) ** 2)

    with jax.enable_x64(True):
        schedule = 0.1 * (lrs.warmup(5) >> lrs.polynomial(1.5).over(10, end=0.1))
        leaves, structure = jax.tree.flatten(schedule)
        slopes = jax.tree.leaves(
            jax.grad(loss, allow_int=True)(jax.tree.unflatten(structure, [jnp.asarray(x) for x in leaves]))
        )
        run = jax.jit(loss)
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, float):
                moved = [[x + d * (i == j) for j, x in enumerate(leaves)] for d in (1e-4, -1e-4)]
                high, low = (float(run(jax.tree.unflatten(structure, row))) for row in moved)
                assert float(slopes[i]) == pytest.approx((high - low) / 2e-4, rel=1e-3, abs=1e-7), i


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind_name)
def test_gradients_of_every_kind_are_finite_inside_the_run(kind):
    schedule = drawn(kind, 11)
    steps = jnp.arange(24)
    inside = np.isfinite(schedule(np.arange(24)))
    leaves, structure = jax.tree.flatten(schedule)
    places = [i for i, leaf in enumerate(leaves) if np.asarray(leaf).dtype.kind == "f"]

    def value(numbers, t):
        mixed = list(leaves)
        for i, number in zip(places, numbers, strict=True):
            mixed[i] = number
        return jax.tree.unflatten(structure, mixed)(t)

    numbers = [jnp.asarray(leaves[i], jnp.float32) for i in places]
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(value), in_axes=(None, 0)))(numbers, steps)
    assert (inside & np.isfinite(values)).sum() >= 8, schedule
    for slope in slopes:
        ok = np.isfinite(slope).reshape(24, -1).all(1)
        assert (ok | ~inside | ~np.isfinite(values)).all(), (schedule, np.flatnonzero(~ok))


# ---- long runs, many pieces


@pytest.mark.parametrize("t", [0, 1, 2**30, 2**31 - 1])
def test_a_horizon_of_tokens_evaluates_right_as_a_constant(t):
    schedule = 3e-4 * (lrs.warmup(10**9) >> lrs.cosine().over(10**12 - 10**9, end=0.1))
    assert float(jax.jit(as_schedule(schedule))(t)) == pytest.approx(schedule(t), rel=1e-6)
    with jax.enable_x64(True):
        for far in (t, 10**11 + t, 10**12, 10**13):
            assert float(jax.jit(schedule)(jnp.int64(far))) == pytest.approx(schedule(far), rel=1e-12)
            assert float(jax.jit(apply)(schedule, jnp.int64(far))) == pytest.approx(schedule(far), rel=1e-9)


@pytest.mark.parametrize(
    "count", [2**31, 2**40, np.int64(2**31), np.uint32(2**31), np.array([3, 2**40]), -(2**40)], ids=repr
)
def test_a_count_that_jax_would_wrap_is_refused(count):
    rate = as_schedule(lrs.linear().over(10**12))
    with pytest.raises(lrs.ScheduleError, match="as_schedule: count must be within int32"):
        rate(count)
    with jax.enable_x64(True):
        steps = np.maximum(np.asarray(count, np.int64), 0)
        expected = lrs.linear().over(10**12)(steps)
        np.testing.assert_allclose(as_schedule(lrs.linear().over(10**12), jnp.float64)(count), expected, rtol=1e-12)


def test_int32_counters_count_exactly_to_their_end():
    schedule = lrs.multi_step([2**31 - 2], 0.5) * lrs.multi_step([2**31 - 1], 0.25)
    for t, expected in ((2**31 - 3, 1.0), (2**31 - 2, 0.5), (2**31 - 1, 0.125)):
        assert float(jax.jit(schedule)(jnp.int32(t))) == expected
        assert float(jax.jit(apply)(schedule, jnp.int32(t))) == expected


def test_a_batch_of_a_thousand_pieces():
    def pieces(scale):
        return lrs.plan(
            10_000, *((lrs.cosine() if i % 3 else lrs.rex()).over(10, scale + i % 7, 0.5) for i in range(1_000))
        )

    made = [pieces(scale) for scale in (1.0, 2.0, 3.0)]
    steps = np.arange(0, 10_050, 37)
    found = jax.jit(jax.vmap(lambda s: s(jnp.asarray(steps))))(stack(made))
    for row, schedule in zip(found, made, strict=True):
        np.testing.assert_allclose(row, schedule(steps), rtol=5e-6)
