"""Rules that need what training reports: plateau, LARS warm-up, the range test."""

from __future__ import annotations

import json

import numpy as np
import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
import jax.numpy as jnp  # noqa: E402

from lrsched_optax import at, current, inject, lars_warmup, range_test, reduce_on_plateau  # noqa: E402

LR = 0.5 * lrs.warmup(4) * lrs.cosine().over(20)
METRICS = np.round(np.random.default_rng(1).normal(size=60).cumsum() / 4 + 8, 2).tolist()
RULES = {
    "default": lrs.Plateau(factor=0.5, patience=2, cooldown=1, smallest=1e-3),
    "torch": lrs.Plateau(factor=0.5, patience=1, cooldown=2, dialect="torch"),
    "keras": lrs.Plateau(factor=0.5, patience=3, dialect="keras"),
    "average": lrs.Plateau(factor=0.5, patience=1, average=3),
    "greedy": lrs.Greedy(),
}


def scales(tx, metrics, state=None):
    """The multiplier after every metric, and the last state."""
    update = jax.jit(lambda state, value: tx.update(jnp.ones(()), state, value=value))
    state, found = tx.init(jnp.ones(())) if state is None else state, []
    for metric in metrics:
        updates, state = update(state, metric)
        found.append(float(updates))
    return found, state


@pytest.mark.parametrize("name", RULES)
def test_the_updates_are_scaled_as_the_rule_says(name):
    found, state = scales(reduce_on_plateau(RULES[name]), METRICS)
    np.testing.assert_allclose(found, RULES[name].replay(METRICS), rtol=1e-6)
    assert len(set(found)) > 2 and float(current(state)["plateau_scale"]) == pytest.approx(found[-1])


def test_the_dialect_decides_as_optax_does():
    rule = lrs.Plateau(factor=0.5, patience=2, cooldown=1, threshold=0.01, dialect="optax", average=2)
    peer = optax.contrib.reduce_on_plateau(factor=0.5, patience=2, cooldown=1, rtol=0.01, accumulation_size=2)
    assert scales(reduce_on_plateau(rule), METRICS)[0] == scales(peer, METRICS)[0]


RESTS = lrs.Plateau(factor=0.5, patience=2, cooldown=3, smallest=1e-3)


@pytest.mark.parametrize(
    "rule", [RESTS, *RULES.values(), lrs.Plateau(patience=1, cooldown=2, dialect="optax")], ids=repr
)
def test_a_run_restored_anywhere_continues_bit_for_bit(rule):
    """Every state of a jitted run goes through JSON and back, in the middle of patience and of cooldown too."""
    tx = optax.chain(optax.sgd(LR, momentum=0.9), reduce_on_plateau(rule))
    start = {"w": jnp.asarray([1.0, -2.0, 0.5])}

    @jax.jit
    def update(params, state, metric):
        gradients = jax.tree.map(jnp.cos, params)
        updates, state = tx.update(gradients, state, params, value=metric)
        return optax.apply_updates(params, updates), state

    run = [(start, tx.init(start))]
    for metric in METRICS:
        run.append(update(*run[-1], metric))
    waiting = {int(state[-1].plateau.bad) for _, state in run}
    resting = {int(state[-1].plateau.cooldown) for _, state in run}
    if rule is RESTS:
        assert {0, 1, 2} <= waiting and {0, 1, 2, 3} <= resting
    structure = jax.tree.structure(run[0])
    for stop, metric in enumerate(METRICS):
        leaves = jax.tree.leaves(run[stop])
        stored = json.loads(json.dumps([np.asarray(x).tolist() for x in leaves]))
        restored = [jnp.asarray(x, like.dtype) for x, like in zip(stored, leaves, strict=True)]
        again = update(*jax.tree.unflatten(structure, restored), metric)
        for x, y in zip(jax.tree.leaves(again), jax.tree.leaves(run[stop + 1]), strict=True):
            assert x.dtype == y.dtype and np.asarray(x).tobytes() == np.asarray(y).tobytes(), stop


def test_a_plateau_rule_in_a_chain_traces_once_and_scales_the_schedule():
    schedule, traces = lrs.linear().over(20, 1.0, 0.5), []
    tx = optax.chain(inject(optax.sgd, learning_rate=schedule), reduce_on_plateau(RULES["default"]))

    @jax.jit
    def update(state, value):
        traces.append(1)
        return tx.update(jnp.ones(()), state, value=value)

    state, expected = tx.init(jnp.ones(())), RULES["default"].replay(METRICS[:20])
    for t in range(20):
        updates, state = update(state, METRICS[t])
        assert float(updates) == pytest.approx(-schedule(t) * expected[t], rel=1e-6)
    assert len(traces) == 1
    assert set(current(state)) == {"learning_rate", "plateau_scale"} and int(at(state)) == 20


def test_an_update_without_a_metric_says_so():
    tx = reduce_on_plateau(RULES["default"])
    _, state = scales(tx, METRICS[:9])
    updates, after = tx.update(jnp.ones(3, jnp.bfloat16), state, value=None)
    assert after == state and updates.dtype == jnp.bfloat16
    with pytest.raises(TypeError, match="value=metric"):
        tx.update(jnp.ones(3), state)
    with pytest.raises(TypeError, match="reduce_on_plateau: plateau must be"):
        reduce_on_plateau(0.1)


def test_a_plateau_rule_runs_in_a_scan():
    tx = reduce_on_plateau(RULES["default"])

    def step(state, value):
        updates, state = tx.update(jnp.ones(()), state, value=value)
        return state, updates

    _, found = jax.jit(lambda s, m: jax.lax.scan(step, s, m))(tx.init(jnp.ones(())), jnp.asarray(METRICS, jnp.float32))
    assert found.tolist() == pytest.approx(RULES["default"].replay(METRICS))


# ---- LARS warm-up


LAYERS = {"w": jnp.asarray([[1.0, -2.0], [0.5, 3.0]]), "b": jnp.asarray([0.1, 0.0]), "zero": jnp.zeros(2)}


def train(tx, steps, params=LAYERS, start=0):
    """Parameters of a run whose gradients change with the step."""
    state = tx.init(params)
    update = jax.jit(tx.update)
    rows = []
    for t in range(start, start + steps):
        gradients = jax.tree.map(lambda x, t=t: jnp.cos(x * (t + 1)) + 0.1, params)
        updates, state = update(gradients, state, params)
        params = optax.apply_updates(params, updates)
        rows.append(params)
    return rows, state


@pytest.mark.parametrize("mask", [True, {"w": True, "b": False, "zero": True}], ids=["all", "some"])
def test_lars_warmup_is_lars_while_it_lasts(mask):
    own = optax.chain(
        optax.add_decayed_weights(1e-2), lars_warmup(LR, 30, coefficient=0.02, mask=mask), optax.trace(0.9)
    )
    peer = optax.lars(LR, 1e-2, trust_coefficient=0.02, trust_ratio_mask=mask)
    for first, second in zip(train(own, 12)[0], train(peer, 12)[0], strict=True):
        for key in LAYERS:
            np.testing.assert_allclose(first[key], second[key], rtol=2e-5, atol=1e-7, err_msg=key)


def test_after_the_lars_warmup_the_schedule_alone_counts():
    tx = lars_warmup(LR, 3, coefficient=0.02)
    rows, state = train(tx, 8)
    assert int(at(state)) == 8 and float(current(state)["learning_rate"]) == pytest.approx(LR(7), rel=1e-6)
    for t in (3, 5, 7):
        gradients = jax.tree.map(lambda x, t=t: jnp.cos(x * (t + 1)) + 0.1, rows[t - 1])
        for key, g in gradients.items():
            np.testing.assert_allclose(rows[t][key], rows[t - 1][key] - LR(t) * g, rtol=1e-5, atol=1e-6)
    gradient = jnp.cos(LAYERS["w"] * 1.0) + 0.1
    ratio = lrs.trust_ratio(float(jnp.linalg.norm(LAYERS["w"])), float(jnp.linalg.norm(gradient)), coefficient=0.02)
    updates, _ = tx.update({"w": gradient}, tx.init(None)._replace(step=jnp.int32(2)), {"w": LAYERS["w"]})
    np.testing.assert_allclose(updates["w"], -LR(2) * ratio * gradient, rtol=1e-5)


def test_a_lars_warmup_may_count_samples():
    tx, by_update = lars_warmup(LR.stretched(16), 48, coefficient=0.02), lars_warmup(LR, 3, coefficient=0.02)
    state, other = tx.init(LAYERS), by_update.init(LAYERS)
    for t in range(6):
        found, state = tx.update(LAYERS, state, LAYERS, count=16)
        expected, other = by_update.update(LAYERS, other, LAYERS)
        assert int(at(state)) == 16 * (t + 1)
        for key in LAYERS:
            np.testing.assert_allclose(found[key], expected[key], rtol=3e-6, atol=1e-7)
    with pytest.raises(lrs.ScheduleError, match=r"lars_warmup: learning_rate must be .* counter"):
        lars_warmup(lrs.linear().over(10**12), 3).update(LAYERS, state, LAYERS, count=16)


def test_lars_warmup_needs_the_parameters():
    tx = lars_warmup(0.1, 3)
    with pytest.raises(lrs.ScheduleError, match="needs the parameters"):
        tx.update(LAYERS, tx.init(LAYERS))
    for wrong in ({"steps": -1}, {"steps": 1.5}, {"steps": 3, "coefficient": -1.0}):
        with pytest.raises(lrs.ScheduleError):
            lars_warmup(0.1, **wrong)


# ---- the range test


def digits(seed=0):
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = (x[order] / 16.0).astype(np.float32), y[order]
    batches = [(x[i : i + 64], y[i : i + 64]) for i in range(0, 1_728, 64)]
    first, second = jax.random.split(jax.random.key(seed))
    params = {
        "a": jax.random.normal(first, (64, 32)) / 8,
        "b": jax.random.normal(second, (32, 10)) / np.sqrt(32),
    }
    return params, batches


def loss(params, batch):
    x, y = batch
    logits = jnp.tanh(x @ params["a"]) @ params["b"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def test_a_range_test_stops_and_changes_nothing():
    params, batches = digits()
    before = jax.tree.map(np.asarray, params)
    seen = []
    found = range_test(loss, params, batches, steps=120, largest=1e3, progress=lambda *row: seen.append(row))
    assert 20 < len(found.losses) < 120 and len(seen) == len(found.rates) == len(found.losses)
    np.testing.assert_allclose(found.rates, lrs.range_sweep(1e-7, 1e3, 120).sample(120)[: len(found.rates)])
    assert lrs.diverged(lrs.smooth(found.losses)) == len(found.losses) - 1
    for key, value in before.items():
        np.testing.assert_array_equal(params[key], value)
    assert found.suggestions == lrs.suggest(found.rates, found.losses)


def best_of_a_grid(optimizer, rates):
    """The rate with the lowest loss after two epochs, over all rates of a grid in one program."""
    params, batches = digits()
    x, y = (jnp.stack([np.asarray(batch[k]) for batch in batches]) for k in (0, 1))

    def final(rate):
        tx = inject(optimizer, learning_rate=rate)

        def step(carry, i):
            params, state = carry
            gradients = jax.grad(loss)(params, (x[i % len(x)], y[i % len(x)]))
            updates, state = tx.update(gradients, state, params)
            return (optax.apply_updates(params, updates), state), None

        (params_, _), _ = jax.lax.scan(step, (params, tx.init(params)), jnp.arange(2 * len(x)))
        return loss(params_, (x.reshape(-1, 64), y.reshape(-1)))

    losses = np.asarray(jax.jit(jax.vmap(final))(jnp.asarray(rates, jnp.float32)))
    return rates[int(np.nanargmin(losses))]


@pytest.mark.parametrize(("optimizer", "largest"), [(optax.sgd, 100.0), (optax.adam, 10.0)], ids=["sgd", "adam"])
def test_the_range_test_suggests_a_rate_near_the_best_of_a_grid(optimizer, largest):
    best = best_of_a_grid(optimizer, np.geomspace(1e-4, 10.0, 31))
    sweep = {"smallest": 1e-5, "largest": largest, "steps": 140, "smoothing": 0.9}
    for seed in (0, 1, 2):
        params, batches = digits(seed)
        found = range_test(loss, params, batches, optimizer=optimizer, **sweep)
        assert best / 3 <= found.suggestions.steepest <= best * 3, (best, found.suggestions)


def test_a_range_test_draws_its_suggestions(tmp_path):
    pytest.importorskip("matplotlib")
    params, batches = digits()
    axes = range_test(loss, params, iter(batches), steps=60).plot()
    labels = [line.get_label() for line in axes.lines]
    assert labels[:2] == ["loss", "smoothed"] and any(label.startswith("minimum") for label in labels)
    axes.figure.savefig(tmp_path / "range.png")


def test_progress_goes_to_standard_error(capsys):
    range_test(lambda w, x: jnp.sum((w - x) ** 2), jnp.ones(2), [jnp.zeros(2)], steps=5, largest=1e-3, progress=True)
    assert "range test 5/5" in capsys.readouterr().err


def test_a_range_test_without_data_is_an_error():
    with pytest.raises(lrs.ScheduleError, match="range_test: batches must be at least one batch"):
        range_test(loss, {}, [], steps=5)
    with pytest.raises(lrs.ScheduleError, match="divergence"):
        range_test(loss, {}, [1], steps=5, divergence=0.5)
