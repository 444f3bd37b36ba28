"""Schedules as JAX pytrees: leaves, structure, traces, batches, gradients, limits."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

import alone
import lrsched as lrs
import strategies
from lrsched.algebra import constructor, fields, registry

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

from lrsched.combinators.traced_pieces import RunningSums  # noqa: E402

SEEDS = range(60)


def apply(schedule, t):
    return schedule(t)


@pytest.mark.parametrize("seed", SEEDS)
def test_flattening_and_back_gives_an_equal_schedule(seed):
    schedule = strategies.seeded(seed, depth=4, big=False)
    leaves, structure = jax.tree.flatten(schedule)
    again = jax.tree.unflatten(structure, leaves)
    assert again == schedule
    assert repr(again) == repr(schedule)
    assert all(np.asarray(leaf).dtype.kind in "if" for leaf in leaves)


def test_real_numbers_are_float_leaves_and_counts_integer_leaves():
    lr = 3e-4 * (lrs.warmup(500) >> lrs.cosine().over(9_500, end=0.1))
    assert jax.tree.leaves(lr) == [3e-4, 500, 0.0, 1.0, 9_500, 1.0, 0.1]


def test_equal_pieces_share_one_leaf_per_field():
    many = lrs.plan(1_000, *(lrs.linear().over(10, 1.0 + i, 0.5) for i in range(100)))
    leaves = jax.tree.leaves(many)
    assert [np.shape(leaf) for leaf in leaves] == [(100,)] * 3


def test_leaves_have_paths_that_name_the_field():
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(lrs.warmup(5))[0]]
    assert paths == [".warmup.steps", ".warmup.start", ".warmup.end"]


def test_unflattening_never_validates():
    structure = jax.tree.structure(lrs.warmup(5))
    strange = jax.tree.unflatten(structure, [object(), "a", -7])
    assert jax.tree.leaves(strange)[1] == "a"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lrs.warmup(5) >> lrs.cosine().over(20, end=0.1), lrs.warmup(9, 0.5) >> lrs.cosine().over(33, 2.0, 0.3)),
        (lrs.rex(0.5).over(20), lrs.rex(0.9).over(40)),
        (lrs.cosine().over(10).restarted(t_mult=2), lrs.cosine().over(7).restarted(t_mult=2)),
        (lrs.piecewise([3, 5], [1, 2, 3]), lrs.piecewise([4, 9], [3, 2, 0.5])),
        (lrs.exponential_decay(0.9), lrs.exponential_decay(0.99)),
    ],
    ids=repr,
)
def test_one_trace_serves_schedules_that_differ_in_numbers(first, second):
    traces = []

    @jax.jit
    def run(schedule, t):
        traces.append(1)
        return schedule(t)

    steps = jnp.arange(60)
    for schedule in (first, second):
        found = np.asarray(run(schedule, steps), dtype=np.float64)
        np.testing.assert_allclose(found, schedule(np.arange(60)), rtol=3e-6, atol=1e-30)
    assert len(traces) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_schedule_passed_as_an_argument_gives_its_values(seed):
    schedule = strategies.single(strategies.seeded(seed, depth=3, big=False))
    steps = np.arange(0, 90)
    constant = np.asarray(jax.jit(schedule)(jnp.asarray(steps)), dtype=np.float64)
    try:
        passed = np.asarray(jax.jit(apply)(schedule, jnp.asarray(steps)), dtype=np.float64)
    except lrs.ScheduleError as error:
        assert "known before the run" in str(error) and schedule.stretches
        return
    size = np.max(np.abs(constant[np.isfinite(constant)]), initial=1e-30)
    assert np.array_equal(np.isfinite(passed), np.isfinite(constant))
    close = np.isclose(passed, constant, rtol=1e-4, atol=1e-4 * size, equal_nan=True)
    assert close.mean() > 0.97, (schedule, np.flatnonzero(~close), passed[~close], constant[~close])


FOUND = {  # what random search found wrong of schedules that are arguments
    "delays that come to the whole length": "linear().delayed(0.875).over(2, start=2.0, end=0.5)",
    "delays in growing cycles": "linear().delayed(0.125).over(1, start=2.0, end=0.5).restarted(t_mult=2.0)",
    "no steps at all under a stretch": "exponential(rate=-1.0).over(0, start=1.5, end=3.0).lasting(20).stretched(3.0)",
    "no steps at all, moved on": "exponential(rate=-1.0).over(0, start=1.5, end=3.0).lasting(4).advanced(2)",
    "two pieces, the last without steps": "warmup(2, start=-2.0, end=2.0) >> linear().over(0, start=2.5, end=-2.5)",
    "many pieces, the last without steps": "warmup(2) >> hold(3) >> linear().over(4) >> hold(1) >> warmup(2) "
    ">> hold(2) >> linear().over(2) >> linear().over(0, start=2.5, end=-2.5)",
    "samples held before a delay": "inverse_sqrt(10.0).sampled(every=11).delayed(12)",
    "samples and a policy": "linear().over(3, start=0.25, end=4).sampled(every=2).after('extrapolate')",
    "no boundaries": "piecewise((), (1.5,)).advanced(10).sampled(at=(0, 2, 3, 12))",
    "boundaries in growing cycles": "piecewise((1, 2, 3), (1, 2, 3, 4)).lasting(4).restarted(t_mult=3.0).stretched(1.5)",
    "noise before a delay": "warmup(3, start=2.25, end=-0.5).perturbed(0.5, 1).delayed(10)",
    "a stretched sequence of many pieces": "(warmup(2) >> hold(3) >> warmup(4) >> warmup(1) >> hold(2) "
    ">> linear().over(2)).stretched(1.5).stretched(2.0)",
    "cycles of a stretched length": "warmup(2, start=0.25, end=2.0).stretched(0.75).restarted(times=2, t_mult=1.5)",
    "a joint where a stretch begins": "(warmup(5).stretched(1.0) >> linear().over(12, start=3.0).stretched(2.0) "
    ">> warmup(5).stretched(3.0)).extended(5, 51)",
    "whole epochs at the end of a stretch": "geometric(3, 4.5, 1.3125).per_epoch(8).extended(5, 25)",
    "held before a boundary at 0": "piecewise((0, 1), (3.0, 4.0, 5.0)).lasting(0).lasting(4)",
    "a table read by a delayed and advanced clock": "table((1.0, 3.5, 0.25)).delayed(2).advanced(1)",
    "a last part squeezed between two steps": "(hold(9, 0.5) >> warmup(1, 3.0, 4.0)).lasting(11).stretched(0.5)",
    "a squeezed part and one without steps": "(warmup(9) >> warmup(1, 3.0, 4.0) >> warmup(0, 6.0, 7.0)).lasting(11)"
    ".stretched(0.5)",
    "an empty last part behind the clock": "(cosine().over(1, 3.5, -1.0) >> warmup(0, -1.0, 0.125)).lasting(2).advanced(2)",
    "a delay of whole steps under a stretch": "linear().delayed(0.3).over(8, start=0.5, end=3.5).stretched(1.3)",
    "parts that are all without steps": "warmup(0, 6.0, 7.0) >> piecewise((3,), (1.0, 2.0)).lasting(0)",
    "joints in cycles of fixed lengths": "(hold(3, 1.0) >> hold(3, 2.0) >> hold(3, 3.0)).restarted(times=3, t_mult=1.5)",
    "tables among many parts of fixed lengths": "(warmup(3) >> table((0.0, 0.5)) >> table((2.0, 3.5)) >> hold(2, 2.0) "
    ">> hold(3, 3.0) >> hold(1, 4.0) >> hold(2, 5.0)).reversed().restarted(times=2, t_mult=1.5)",
    "fixed lengths among many parts": "cosine().over(3).restarted(t_mult=1.5).lasting(9) >> hold(2) "
    ">> cosine().over(3, start=2.0).restarted(t_mult=1.5).lasting(9) >> hold(1) >> hold(4) >> hold(3)",
    "like cycles of fixed lengths": "multi_step((2, 3), gamma=0.5).lasting(4).restarted(times=3, t_mult=1.5) "
    ">> multi_step((2, 3), gamma=0.25).lasting(4).restarted(times=3, t_mult=1.5)",
    "a clock that is ahead and runs back": "(hold(4, 2.0) >> linear().over(1, end=0.25)).reversed().lasting(1).advanced(1)",
    "nothing left of a part": "table((3.0, 1.0, 2.0, 0.5)).lasting(3).advanced(3)",
    "nothing left of a policy": "linear().over(40).after(0.0).stretched(2.0**-17)",
    "a squeeze of all that is counted": "(hold(2, 1.0) >> hold(3, 2.0) >> table((3.0, 4.0))).restarted().stretched(2.0**-17)",
    "a rise that begins a step before a squeeze": "warmup(7, start=0.5, end=2.5, skip_zero=True).lasting(5)"
    ".restarted(times=4, t_mult=5.225).stretched(9.999999747378752e-06)",
    "a jump a little after a whole step": "warmup(10, start=3.5, end=1.75, skip_zero=True, "
    "profile=staircase((0.10000000149011612, 0.5), (0.0, 0.5, 1.0)))",
    "a squeezed clock that has gone past its end": "step_decay(2, 0.5).lasting(4).advanced(4).stretched(0.5)",
    "a clock that has gone past its end, and an odd squeeze": "step_decay(2, 0.5).lasting(4).advanced(4)"
    ".stretched(0.30000001192092896)",
    "jumps under a stretch": "staircase((0.30000001192092896, 0.8999999761581421), (1.0, 2.0, 3.0)).over(10)"
    ".stretched(2.0)",
    "jumps in a part of a stretched sequence": "(hold(3) >> staircase((0.5, 0.699999988079071), (1.0, 2.0, 3.0)).over(10) "
    ">> hold(5)).stretched(1.100000023841858)",
    "samples at shares under a stretch": "linear().sampled(at=(0.10000000149011612, 0.8999999761581421)).over(100)"
    ".stretched(1.100000023841858)",
    "an end before the beginning of a stretch": "step_decay(1, 0.5).lasting(2).lasting(10).advanced(5).stretched(0.5)",
    "a length of half a step and a little": "warmup(5, 0.75, 2.5).stretched(0.10000000149011612).stretched(4.25).mirrored()",
}


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND)
def test_what_went_wrong_for_an_argument(text):
    schedule, steps = lrs.parse(text), np.arange(60)
    try:
        found = np.asarray(jax.jit(apply)(schedule, jnp.asarray(steps)))
    except lrs.ScheduleError as error:  # a stretch inside another one, or of growing cycles
        assert "known before the run" in str(error) and ("stretched" in text) + ("extended" in text) + text.count(
            "t_mult"
        )
        found = np.asarray(jax.jit(schedule)(jnp.asarray(steps)))
    np.testing.assert_allclose(found, schedule(steps), rtol=3e-6, atol=1e-6)


def test_fractional_growth_of_a_length_that_only_the_run_knows_is_refused():
    with pytest.raises(lrs.ScheduleError, match="t_mult must be a whole number"):
        jax.jit(lambda n: lrs.cosine().over(n).restarted(times=3, t_mult=1.5)(5))(4)


def test_an_argument_far_out():
    """The last of the growing cycles that begin below the last step, and an end between two steps."""
    for text in (
        "linear().over(100).restarted(t_mult=10.0, gamma=2.0)",
        "warmup(12, -2.0).extended(7, 15)",
        "(hold(3, 2.0) >> hold(4, 5.0) >> table((1.0, 2.0))).restarted(t_mult=10.0)",
        "cosine().over(14).reversed().restarted(t_mult=10.0)",
        "cosine().over(14).mirrored().restarted(t_mult=10.0)",
        "constant(1.0).perturbed(0.5, 3).stretched(1.375)",
        "table((1.0, 2.0, 3.0, 4.0)).restarted().stretched(1.2999999523162842)",
        "rex().over(100000).restarted().stretched(17.25)",
    ):
        schedule = lrs.parse(text)
        for t in (2**24 - 1, 2**24 + 1, 2 * 10**9, 2**31 - 1):
            np.testing.assert_allclose(float(jax.jit(apply)(schedule, t)), schedule(t), rtol=1e-6, err_msg=text)
    assert float(jax.jit(apply)(lrs.linear().over(10**8 + 1, endpoint=True), 10**8 - 10)) == pytest.approx(
        1e-7, rel=1e-6
    )
    assert float(jax.jit(apply)(lrs.parse("warmup(12, -2.0, -0.5).extended(7, 15)"), 31)) == -0.5


def test_what_is_extended_keeps_its_steps_and_its_digits_to_the_end():
    for text, steps in (
        ("logarithmic(1.64).over(100, start=0.5, end=2.0**-17, endpoint=True).extended(3, 102)", (52, 99, 100, 101)),
        ("step_decay(18_000, 0.5).lasting(90_000).extended(70_035, 135_000)", (76_427, 76_428, 76_429, 134_999)),
        (
            "(hold(10**7, 3.0) >> hold(10**7, 2.0) >> hold(10**7)).extended(5, 5 * 10**7)",
            (16666668, 33333336, 33333337),
        ),
        ("cosine().over(3 * 10**8).extended(10**8, 10**9)", (0, 10**8, 5 * 10**8, 10**9 - 1, 10**9)),
        ("step_decay(1, 0.5).lasting(2).lasting(5).extended(4, 10)", (0, 1, 2, 3, 4, 9, 10)),
    ):
        schedule = lrs.parse(text)
        found = jax.jit(apply)(schedule, jnp.array(steps))
        np.testing.assert_allclose(found, [schedule(t) for t in steps], rtol=1e-6, err_msg=text)


def test_what_is_extended_in_the_run_by_lengths_of_which_some_are_known():
    def made(n, at, total):
        return (lrs.hold(150_000, 3.0) >> lrs.hold(50_000, 2.0) >> lrs.hold(n)).extended(at, total)

    numbers, steps = (100_000, 1_000, 500_000), jnp.array([249_664, 249_665, 249_666, 333_109, 333_110, 333_111])
    expected = made(*numbers)(np.asarray(steps))
    for place in range(3):

        @jax.jit
        def found(number, place=place):
            return made(*numbers[:place], number, *numbers[place + 1 :])(steps)

        np.testing.assert_array_equal(found(numbers[place]), expected)
    assert set(expected.tolist()) == {1.0, 2.0, 3.0}


def test_the_first_power_of_a_number_is_that_number():
    gammas = np.linspace(0.25, 6.0, 1_000, dtype=np.float32)
    found = jax.jit(jax.vmap(apply, in_axes=(0, None)))(jax.vmap(lrs.exponential_decay)(gammas), 1)
    np.testing.assert_array_equal(found, gammas)


def test_shares_and_stretched_lengths_are_exact_for_the_numbers_as_stored():
    from lrsched.targets._jax import OPERATIONS

    rng = np.random.default_rng(3)
    shares = (rng.random(3_000) * 2.0 ** -rng.integers(0, 30, 3_000)).astype(np.float32)
    shares[::3] = rng.integers(1, 64, 1_000) / 2.0 ** rng.integers(0, 9, 1_000)  # ties
    counts = rng.integers(0, 2.0 ** rng.integers(1, 25, 3_000)).astype(np.int32)
    expected = [round(Fraction(float(x)) * int(n)) for x, n in zip(shares, counts, strict=True)]
    np.testing.assert_array_equal(jax.jit(OPERATIONS["share"])(shares, counts), expected)


def test_products_of_two_words_are_divided_exactly():
    from lrsched.targets._jax import OPERATIONS

    rnd, rows = random.Random(5), []
    ends = (1, 2, 3, 2**16, 2**31 - 1)
    while len(rows) < 20_000:
        t, times, over = (rnd.choice((*ends, rnd.randrange(1, 2 ** rnd.randint(1, 31)))) for _ in range(3))
        more = rnd.choice((0, over - 1, rnd.randrange(over)))
        if (t * times + more) // over < 2**31:
            rows.append((t, times, over, more))
    columns = [np.array(column, dtype=np.int32) for column in zip(*rows, strict=True)]
    expected = [divmod(t * times + more, over) for t, times, over, more in rows]
    for operation, results in zip(("muldiv", "mulmod"), zip(*expected, strict=True), strict=True):
        np.testing.assert_array_equal(jax.jit(OPERATIONS[operation])(*columns), results)


def test_a_thousand_pieces_passed_as_an_argument_give_their_values():
    many = lrs.plan(10_000, *((lrs.cosine() if i % 3 else lrs.rex()).over(10, 1 + i % 7, 0.5) for i in range(1_000)))
    steps = np.arange(0, 10_050, 7)
    found = jax.jit(apply)(many, jnp.asarray(steps))
    np.testing.assert_allclose(np.asarray(found), many(steps), rtol=5e-6)


def test_nested_stacks_give_their_values():
    inner = [(lrs.warmup(2) >> lrs.linear().over(3, 1.0 + i, 0.1)) * (0.5 + i) for i in range(7)]
    many = lrs.plan(35, *inner)
    steps = np.arange(40)
    np.testing.assert_allclose(np.asarray(jax.jit(apply)(many, jnp.asarray(steps))), many(steps), rtol=3e-6)
    assert jax.tree.map(lambda x: x, many) == many


def test_a_batch_of_schedules_trains_under_vmap_in_one_trace():
    peaks, lengths = jnp.linspace(0.01, 0.3, 64), jnp.arange(20, 84)
    traces = []

    @jax.jit
    def train(peak, n):
        traces.append(1)
        schedule = peak * (lrs.warmup(5) >> lrs.cosine().over(n))

        def step(w, t):
            return w - schedule(t) * 2 * (w - 1.0), schedule(t)

        return jax.lax.scan(step, 0.0, jnp.arange(100))

    _, rates = jax.vmap(train)(peaks, lengths)
    assert len(traces) == 1
    for i in (0, 31, 63):
        expected = float(peaks[i]) * (lrs.warmup(5) >> lrs.cosine().over(int(lengths[i])))
        np.testing.assert_allclose(rates[i], expected.sample(100), rtol=5e-6, atol=1e-12)


@pytest.mark.parametrize(
    "schedule",
    [
        0.3 * (lrs.warmup(5) >> lrs.cosine().over(20, end=0.1)),
        lrs.polynomial(0.5).over(10),
        lrs.one_minus_power(0.5).over(10),
        lrs.rex(0.3).over(10, 1.0, 0.2),
        lrs.inverse_sqrt(4.5),
        lrs.power_decay(4.5, 0.7),
        lrs.exponential_decay(0.9),
        lrs.geometric(10, 1e-3, 1.0),
        lrs.cosine().over(5).restarted(gamma=0.5),
        lrs.linear().warped(1.5).over(10) ** 0.5,
        lrs.knots((0, 0.4, 1), (1, 0.2, 0)).over(10),
        lrs.tanh().normalised().over(12),
    ],
    ids=repr,
)
def test_gradients_are_finite_and_right_at_joints_and_ends(schedule):
    leaves, structure = jax.tree.flatten(schedule)
    places = [i for i, leaf in enumerate(leaves) if np.asarray(leaf).dtype.kind == "f"]

    def value(numbers, t):
        mixed = list(leaves)
        for i, number in zip(places, numbers, strict=True):
            mixed[i] = number
        return jax.tree.unflatten(structure, mixed)(t)

    numbers = [jnp.asarray(leaves[i], jnp.float32) for i in places]
    slopes = jax.jit(jax.vmap(jax.grad(value), in_axes=(None, 0)))(numbers, jnp.arange(30))
    for slope in slopes:
        assert np.isfinite(slope).all()
    if np.ndim(leaves[places[0]]) == 0:
        change = 1e-3 * max(abs(leaves[places[0]]), 1e-3)
        high = jax.tree.unflatten(structure, [leaf + change * (i == places[0]) for i, leaf in enumerate(leaves)])
        low = jax.tree.unflatten(structure, [leaf - change * (i == places[0]) for i, leaf in enumerate(leaves)])
        expected = (high(np.arange(30)) - low(np.arange(30))) / (2 * change)
        np.testing.assert_allclose(slopes[0], expected, rtol=0.02, atol=0.02 * np.abs(expected).max())


@pytest.mark.parametrize(
    "inner",
    [
        lrs.linear().over(100),
        lrs.cosine().over(7).restarted(),
        lrs.warmup(11) >> lrs.linear().over(80) >> lrs.rex().over(9),
        lrs.warmup(11, skip_zero=True),
        lrs.inverse_sqrt(4.5),
    ],
    ids=repr,
)
def test_the_gradient_for_a_stretch(inner):
    """Local steps are counted in integers, which have none: it comes with the scale."""
    k, change, steps = 1.37, 1e-6, np.arange(1, 90)
    found = jax.jit(jax.vmap(jax.grad(lambda k, t: inner.stretched(k)(t)), in_axes=(None, 0)))(k, steps)
    expected = (inner.stretched(k + change)(steps) - inner.stretched(k - change)(steps)) / (2 * change)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())
    assert jax.grad(lambda k: inner.stretched(k)(7))(k) == pytest.approx(float(found[6]), rel=1e-5), (
        "outside of a jit too"
    )


def test_a_traced_number_may_stand_wherever_a_real_number_may():
    @jax.jit
    def run(peak, t):
        return (peak * lrs.warmup(10, start=peak / 4) + lrs.constant(peak)).clipped(0.0, peak * 1.5)(t)

    schedule = (0.5 * lrs.warmup(10, start=0.125) + lrs.constant(0.5)).clipped(0.0, 0.75)
    np.testing.assert_allclose(run(0.5, jnp.arange(20)), schedule.sample(20), rtol=1e-6)


def test_a_schedule_that_holds_arrays_says_so():
    held = lrs.warmup(5, end=jnp.float32(0.5))
    assert "holds JAX arrays" in repr(held)
    for use in (hash, lambda s: s == lrs.warmup(5), lambda s: s.to_json(), lambda s: s.sample(3)):
        with pytest.raises(TypeError, match="holds JAX arrays"):
            use(held)
    assert float(held(3)) == pytest.approx(0.3)


@pytest.mark.parametrize(
    "schedule",
    [
        lrs.linear().over(3 * 10**9),
        lrs.piecewise([5, 3 * 10**9], [1, 2, 3]),
        lrs.plan(3 * 10**9, *(lrs.linear().over(3 * 10**8) for _ in range(10))),
        lrs.warmup(2 * 10**9) >> lrs.cosine().over(2 * 10**9),
    ],
    ids=repr,
)
def test_counts_beyond_int32_are_refused_as_leaves_and_right_as_constants(schedule):
    with pytest.raises(lrs.ScheduleError, match="int32"):
        jax.jit(apply)(schedule, jnp.int32(5))
    for t in (0, 1, 10**6, 2**31 - 1):
        assert float(jax.jit(schedule)(jnp.int32(t))) == pytest.approx(schedule(t), rel=1e-6)


@pytest.mark.parametrize("first", ["jax", "lrsched"])
def test_either_import_order_registers(first):
    second = "lrsched" if first == "jax" else "jax"
    code = f"import {first}, {second}; import jax, lrsched; print(jax.jit(lambda s: s(3))(lrsched.warmup(4)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.75"


ORDERS = {
    "a module, then JAX": "from lrsched.schedules import hold; import jax",
    "JAX, then a module": "import jax; from lrsched.schedules import hold",
    "the bare package, JAX, a name": "import lrsched, jax; from lrsched import hold",
    "looked for before it is imported": "from lrsched import hold; import importlib.util as u; u.find_spec('jax'); import jax",
    "imported by a thread": "import threading, numpy; t = threading.Thread(target=__import__, args=['jax']); t.start(); "
    "from lrsched import hold; t.join(); import jax",
}


@pytest.mark.parametrize("order", ORDERS)
def test_leaves_are_found_in_every_order_of_imports(order):
    code = f"{ORDERS[order]}; import pickle; print(jax.tree.leaves([hold(5, 2.0), pickle.loads(bytes.fromhex(sys.argv[1]))]))"
    saved = pickle.dumps(lrs.rex(0.5)).hex()
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}", saved], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[5, 2.0, 0.5]"


def test_modules_can_be_the_first_where_jax_was_imported_before():
    done = subprocess.run([sys.executable, alone.__file__, "jax"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(alone.modules()[::3]) > 20


def test_a_kind_made_later_is_registered_too():
    from lrsched.profiles import Profile

    @constructor.kind("tests_late")
    class Late(Profile):
        level: float = fields.real(default=0.5)

        def formula(self, x):
            return x.b.floats(self.level) * x.z, 1.0 - x.b.floats(self.level) * x.z

    try:
        assert float(jax.jit(apply)(Late().over(4), jnp.int32(2))) == 0.25
    finally:
        del registry.KINDS["tests_late"]


STEPS = [np.int32(7), np.uint32(7), np.int8(7), 7, jnp.int16(7), jnp.uint8(7), jnp.float32(7.0), np.int64(7)]


@pytest.mark.parametrize("t", STEPS, ids=lambda t: type(t).__name__ + str(getattr(t, "dtype", "")))
def test_every_type_of_step_gives_the_same_value(t):
    schedule = lrs.warmup(10) >> lrs.cosine().over(20)
    assert float(jax.jit(schedule)(t)) == float(jax.jit(schedule)(jnp.int32(7)))


def test_unsigned_steps_beyond_int32_count_as_its_largest():
    schedule = lrs.linear().over(2**31 - 1)
    assert float(jax.jit(schedule)(jnp.uint32(2**32 - 1))) == 0.0


def test_negative_traced_steps_count_as_0():
    assert float(jax.jit(lrs.linear().over(4))(jnp.int32(-3))) == 1.0


def test_shard_map_and_pmap_on_two_devices():
    code = """
import jax, jax.numpy as jnp, numpy as np, lrsched as lrs
from jax.sharding import Mesh, PartitionSpec as P
s = lrs.warmup(10) >> lrs.cosine().over(20)
t = jnp.arange(40)
mesh = Mesh(np.array(jax.devices()), ("x",))
a = jax.jit(jax.shard_map(s, mesh=mesh, in_specs=P("x"), out_specs=P("x")))(t)
b = jax.shard_map(lambda s, t: s(t), mesh=mesh, in_specs=(P(), P("x")), out_specs=P("x"))(s, t)
c = jax.pmap(s)(t.reshape(2, 20)).reshape(-1)
for y in (a, b, c):
    np.testing.assert_allclose(y, s.sample(40), rtol=2e-6, atol=1e-12)
print(len(jax.devices()))
"""
    env = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **env}, check=False
    )
    assert done.stdout.strip() == "2", done.stderr[-2000:]


# ---- finding the piece among many


@pytest.mark.parametrize("endless", [False, True])
@pytest.mark.parametrize("size", [1, 2, 7, 31, 32, 33, 64, 1_000, 1_024, 1_025, 1_100])
def test_the_piece_that_a_step_lies_in(size, endless):
    """Among pieces some of which own no step, also beyond the last, for one step, many, and a batch of lengths."""
    rng = np.random.default_rng(size)
    rows = rng.integers(0, 4, (3, size)).astype(np.int32) * rng.integers(0, 2, (3, size), dtype=np.int32)
    rows[:, 0] += 1
    if size > 1:
        rows[0, -1] = 0
    if endless:
        rows[:, -1] = 0

    def found(lengths, t):
        sums = RunningSums(lengths, endless)
        index = sums.count(t)
        return index, sums.before(index)

    steps = np.unique(np.r_[0, rng.integers(0, rows.sum(1).max() + 5, 60), rows.sum(1), rows.sum(1).max() - 1])
    batched = jax.jit(jax.vmap(found, in_axes=(0, None)))(rows, steps)
    alone = jax.jit(found)
    for row, (index, start) in zip(rows, zip(*batched, strict=True), strict=True):
        last = steps if endless else np.minimum(steps, row.sum() - 1)
        expected = np.searchsorted(row.cumsum()[: size - endless], last, side="right")
        np.testing.assert_array_equal(index, expected)
        np.testing.assert_array_equal(start, row.cumsum()[expected] - row[expected])
        for t in (steps[0], steps[len(steps) // 2], steps[-1]):
            place = expected[steps == t][0]
            assert [int(x) for x in alone(row, t)] == [place, row[:place].sum()]


def test_a_gradient_for_a_schedule_outside_jit_is_a_schedule_of_gradients():
    schedule = lrs.table((1.0, 2.0, 3.0)) * lrs.linear().over(4, 5.0)
    gradient = jax.grad(lambda s: s(jnp.int32(3)), allow_int=True)(schedule)
    kinds = [leaf.dtype for leaf in jax.tree_util.tree_leaves(gradient)]
    assert [kind == jax.dtypes.float0 for kind in kinds] == [False, True, False, False]
    assert gradient.parts[1].start == 0.75
    assert gradient.parts[1].end == 2.25


def test_a_scalar_and_a_batch_have_the_same_zero():
    for schedule in (-lrs.linear().over(4), 0.0 - lrs.linear().over(4), lrs.linear().over(4)):
        alone = jax.jit(lambda t, s=schedule: s(t))(jnp.int32(4))
        batch = jax.jit(lambda t, s=schedule: s(t))(jnp.full(3, 4))
        mapped = jax.jit(jax.vmap(lambda t, s=schedule: s(t)))(jnp.full(3, 4))
        assert np.array(alone).tobytes() * 3 == np.array(batch).tobytes() == np.array(mapped).tobytes()


LONG = 2**42
LONG_RUNS = [
    lrs.cosine().over(LONG).reversed(),
    (lrs.cosine().over(LONG) >> lrs.hold(4)).reversed(),
    lrs.warmup(LONG, skip_zero=True),
    lrs.cosine().mirrored().over(10**12 + 7),
    lrs.rex().sampled(times=100_000).over(LONG),
]


@pytest.mark.parametrize("schedule", LONG_RUNS, ids=repr)
def test_a_run_too_long_for_int32_is_right_as_a_constant(schedule):
    steps = [0, 1, 5, 2**24 + 1, 2**30, 2**31 - 2, 2**31 - 1]
    found = jax.jit(schedule)(jnp.array(steps, jnp.int32))
    np.testing.assert_allclose(found, [schedule(t) for t in steps], rtol=5e-6, atol=1e-38)
    assert float(jax.jit(schedule)(jnp.int32(2**31 - 1))) >= 0


def test_a_start_beyond_int32_is_refused_where_phases_are_counted_from_it_and_right_elsewhere():
    cycles = lrs.linear().over(10).restarted()
    for schedule in (cycles.advanced(2**31), cycles.advanced(7).advanced(2**31 - 7), lrs.step_decay(7).advanced(2**40)):
        with pytest.raises(lrs.ScheduleError, match="advanced: k must be at most 2147483647"):
            schedule(jnp.int32(5))
        assert schedule(5) >= 0
    assert float(cycles.advanced(2**31 - 1)(jnp.int32(5))) == np.float32(cycles.advanced(2**31 - 1)(5))
    power = lrs.inverse_sqrt(1e9).advanced(2**40)
    assert float(power(jnp.int32(5))) == pytest.approx(power(5), rel=1e-6)


def test_an_expression_that_holds_arrays_says_so_when_it_is_compared_with_itself() -> None:
    """One object is no exception; containers, which ask for identity first, still find it."""
    held = lrs.hold(3, jnp.float32(0.5))
    with pytest.raises(TypeError, match="cannot be compared"):
        held == held  # noqa: B015
    several = [held, lrs.hold(3)]
    assert several.index(held) == 0
