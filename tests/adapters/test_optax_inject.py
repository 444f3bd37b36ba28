"""Injected hyperparameters: every factory, the values in sight, groups, nesting, dtypes, samples."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
import jax.numpy as jnp  # noqa: E402

from lrsched_optax import InjectState, at, current, inject, labels, paths  # noqa: E402

LR = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(7, end=0.1))
PARAMS = {"body": {"w": jnp.ones((3, 2)), "b": jnp.zeros(2)}, "head": {"w": jnp.full((2, 2), 0.5), "b": jnp.ones(2)}}


def total(params):
    return sum(jnp.sum(jnp.sin(x + 0.3) ** 2) for x in jax.tree.leaves(params))


gradients = jax.grad(total)


def run(tx, params=PARAMS, steps=12, **extra):
    """The parameters after some jitted updates, and every state on the way."""

    @jax.jit
    def update(params, state):
        updates, state = tx.update(gradients(params), state, params, **extra)
        return optax.apply_updates(params, updates), state

    state, states = jax.jit(tx.init)(params), []
    for _ in range(steps):
        params, state = update(params, state)
        states.append(state)
    return params, states


def close(first, second, **tolerance):
    for x, y in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(np.asarray(x, np.float64), np.asarray(y, np.float64), **tolerance)


def factories():
    """Every optimizer of Optax that takes a learning rate and needs no other argument."""
    found = {}
    for module, prefix in ((optax, ""), (optax.contrib, "contrib.")):
        for name in dir(module):
            made = getattr(module, name)
            if inspect.isfunction(made) and not name.startswith("_"):
                known = inspect.signature(made).parameters
                needed = [p for p in known.values() if p.default is inspect.Parameter.empty and p.kind not in (2, 4)]
                if "learning_rate" in known and all(p.name == "learning_rate" for p in needed):
                    found[prefix + name] = made
    return found


FACTORIES = factories()
LOSS = {"value": 1.0}
SMALL = {"w": jnp.ones((3, 2))}
SEARCH = {"value": 1.0, "grad": SMALL, "value_fn": total}
NEEDED = {
    "contrib.momo": LOSS,
    "contrib.momo_adam": LOSS,
    "polyak_sgd": LOSS,
    "contrib.sophia": {"obj_fn": total},
    "lbfgs": SEARCH,
}


@pytest.mark.filterwarnings("ignore:Specifying a key", "ignore:`optimistic_adam` is deprecated")
@pytest.mark.parametrize("name", sorted(FACTORIES))
def test_every_factory_uses_the_value_of_each_step(name):
    schedule = 0.1 * lrs.linear().over(8)
    tx = inject(FACTORIES[name], learning_rate=schedule)
    params, states = run(tx, SMALL, steps=3, **NEEDED.get(name, {}))
    rates = [float(current(state)["learning_rate"]) for state in states]
    np.testing.assert_allclose(rates, schedule.sample(3), rtol=2e-6)
    assert [int(at(state)) for state in states] == [1, 2, 3]
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(params))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "lion", "rmsprop", "lamb", "adafactor"])
def test_the_parameters_are_those_of_the_bare_schedule(name):
    close(run(inject(FACTORIES[name], learning_rate=LR))[0], run(FACTORIES[name](LR))[0], rtol=3e-6, atol=1e-7)


def test_any_hyperparameter_may_follow_a_schedule():
    scheduled = {
        "b1": lrs.linear().over(10, 0.9, 0.5),
        "b2": lrs.linear().over(10, 0.99, 0.9),
        "eps": lrs.geometric(10, 1e-8, 1e-3),
        "weight_decay": 0.1 * lrs.warmup(4),
    }
    tx = inject(optax.adamw, learning_rate=LR, **scheduled)
    params, states = run(tx)
    for t, state in enumerate(states):
        for name, schedule in {"learning_rate": LR, **scheduled}.items():
            assert float(current(state)[name]) == pytest.approx(schedule(t), rel=2e-6, abs=1e-12), name
    peer = optax.inject_hyperparams(optax.adamw)(learning_rate=LR, **scheduled)
    close(params, run(peer)[0], rtol=1e-6)


def test_momentum_and_constants_are_shown_and_kept():
    tx = inject(optax.sgd, learning_rate=LR, momentum=lrs.constant(0.9), nesterov=True)
    params, states = run(tx)
    assert {k: round(float(v), 6) for k, v in current(states[0]).items()} == {"learning_rate": 0.0, "momentum": 0.9}
    close(params, run(optax.sgd(LR, momentum=0.9, nesterov=True))[0], rtol=3e-6)
    state = inject(optax.sgd, learning_rate=0.25).init(PARAMS)
    assert float(current(state)["learning_rate"]) == 0.25


def test_before_the_first_update_the_first_values_are_shown():
    state = inject(optax.sgd, learning_rate=lrs.linear().over(4, 0.5)).init(PARAMS)
    assert float(current(state)["learning_rate"]) == 0.5 and int(at(state)) == 0


def nestings():
    own = inject(optax.sgd, learning_rate=LR)
    yield "chain", optax.chain(optax.clip_by_global_norm(1.0), own, optax.identity()), 1
    yield "masked", optax.masked(own, {"body": True, "head": False}), 1
    yield "multi_transform", optax.multi_transform({"a": own, "b": optax.set_to_zero()}, {"body": "a", "head": "b"}), 1
    yield "MultiSteps", optax.MultiSteps(own, every_k_schedule=3), 3
    yield "apply_if_finite", optax.apply_if_finite(own, 3), 1
    yield "flatten", optax.flatten(own), 1
    yield "lookahead of chains", optax.chain(optax.chain(optax.chain(own))), 1
    yield "inject inside", inject(lambda decay: optax.chain(optax.add_decayed_weights(decay), own), decay=0.1), 1


@pytest.mark.parametrize(("name", "tx", "every"), list(nestings()), ids=lambda x: x if isinstance(x, str) else "")
def test_values_and_steps_are_read_out_of_any_nesting(name, tx, every):
    _, states = run(tx, steps=9)
    for i, state in enumerate(states):
        done = (i + 1) // every
        assert int(at(state)) == done
        expected = LR(max(done - 1, 0))
        assert float(current(state)["learning_rate"]) == pytest.approx(expected, rel=2e-6, abs=1e-12)


def test_names_that_occur_twice_say_where():
    tx = optax.multi_transform(
        {"a": inject(optax.sgd, learning_rate=LR), "b": inject(optax.adam, learning_rate=0.5 * LR, b1=0.8)},
        {"body": "a", "head": "b"},
    )
    _, states = run(tx, steps=6)
    found = current(states[-1])
    assert set(found) == {"a/learning_rate", "b/learning_rate", "b1"}
    assert float(found["b/learning_rate"]) == pytest.approx(0.5 * LR(5), rel=1e-6)


def test_states_of_optax_are_read_too():
    injected = optax.inject_hyperparams(optax.adam)(learning_rate=LR)
    _, states = run(injected, steps=5)
    assert float(current(states[-1])["learning_rate"]) == pytest.approx(LR(4), rel=1e-6)
    assert int(at(states[-1])) == 5
    _, states = run(optax.adamw(LR), steps=5)
    assert int(at(states[-1])) == 5
    with pytest.raises(lrs.ScheduleError, match="current: opt_state must be"):
        current(optax.adam(0.1).init(PARAMS))


# ---- groups


BY_PATTERN = {"head/*": LR, "*": 0.1 * LR}


def test_groups_by_pattern_equal_one_optimizer_each():
    params, states = run(inject(optax.adam, learning_rate=BY_PATTERN))
    peer = optax.multi_transform(
        {"h": optax.adam(LR), "b": optax.adam(0.1 * LR)}, {"head": {"w": "h", "b": "h"}, "body": {"w": "b", "b": "b"}}
    )
    close(params, run(peer)[0], rtol=2e-6)
    shown = current(states[-1])["learning_rate"]
    assert {k: float(v) for k, v in shown.items()} == pytest.approx({"head/*": LR(11), "*": 0.1 * LR(11)}, rel=1e-6)


def test_hyperparameters_may_be_grouped_differently():
    tx = inject(optax.adamw, learning_rate=BY_PATTERN, weight_decay={"*/b": 0.0, "*": lrs.constant(0.3)}, b1=0.8)
    labels = {"body": {"w": "bw", "b": "bb"}, "head": {"w": "hw", "b": "hb"}}
    peer = optax.multi_transform(
        {
            key: optax.adamw(LR if key[0] == "h" else 0.1 * LR, b1=0.8, weight_decay=0.3 if key[1] == "w" else 0.0)
            for key in ("bw", "bb", "hw", "hb")
        },
        labels,
    )
    close(run(tx)[0], run(peer)[0], rtol=2e-6)


@pytest.mark.parametrize(
    "labels", [{"body": "slow", "head": "fast"}, lambda p: {k: {"body": "slow", "head": "fast"}[k] for k in p}]
)
def test_groups_by_label(labels):
    tx = inject(optax.sgd, labels=labels, learning_rate={"slow": 0.1 * LR, "fast": LR}, momentum=0.9)
    patterns = inject(optax.sgd, learning_rate={"body/*": 0.1 * LR, "head/*": LR}, momentum=0.9)
    close(run(tx)[0], run(patterns)[0], rtol=0)


def test_layers_and_unfreezing_are_groups_like_any_other():
    params = {"embed": jnp.ones(2), "blocks": [{"w": jnp.ones(2)} for _ in range(3)], "head": {"w": jnp.ones(2)}}
    layers = lrs.grouping.layer_patterns("embed", "blocks/{}/*", "head/*", paths=paths(params))
    rates = lrs.unfreezing(lrs.layerwise(LR, len(layers), 0.5), 2)
    tx = inject(optax.sgd, learning_rate=dict(zip(layers, rates, strict=True)))
    before, states = params, tx.init(params)
    update = jax.jit(tx.update)
    for t in range(12):
        updates, states = update(jax.tree.map(jnp.ones_like, params), states, params)
        expected = [rates[0], *rates[1:4], rates[4]]
        got = [updates["embed"], *(block["w"] for block in updates["blocks"]), updates["head"]["w"]]
        for layer, (rate, value) in enumerate(zip(expected, got, strict=True)):
            np.testing.assert_allclose(value, -rate(t), rtol=2e-6, atol=1e-12)
            assert (np.asarray(value) == 0).all() == (t <= 2 * (4 - layer))
    assert before is params


def test_patterns_make_labels_for_optax_too():
    by_name = {"plain": ["*/b", re.compile("^nothing|head/w$")], "decayed": "*"}
    with pytest.raises(lrs.ScheduleError, match=r"labels: groups must be .*got 'head/\*'"):
        labels({**by_name, "late": "head/*"})(PARAMS)
    own = inject(optax.sgd, labels=labels(by_name), learning_rate={"plain": LR, "decayed": 0.1 * LR})
    peer = optax.multi_transform({"plain": optax.sgd(LR), "decayed": optax.sgd(0.1 * LR)}, labels(by_name))
    close(run(own)[0], run(peer)[0], rtol=2e-6)
    expressions = inject(optax.sgd, learning_rate={re.compile("b$|head/w"): LR, "*": 0.1 * LR})
    close(run(expressions)[0], run(own)[0], rtol=0)
    assert set(current(run(expressions, steps=1)[1][0])["learning_rate"]) == {"b$|head/w", "*"}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: inject(optax.sgd, learning_rat=LR), r"did you mean learning_rate"),
        (lambda: inject(0.1, learning_rate=LR), r"factory must be a function"),
        (lambda: inject(optax.sgd, learning_rate=lrs.cosine()), r"profile.over\(steps\)"),
        (
            lambda: inject(optax.sgd, learning_rate={"tail/*": LR, "*": LR}).init(PARAMS),
            r"'tail/\*' \(it matches none of them",
        ),
        (lambda: inject(optax.sgd, learning_rate={"head/*": LR}).init(PARAMS), r"got body/b, body/w$"),
        (lambda: inject(optax.sgd, learning_rate=LR, labels={"body": "a"}), r"labels must be None"),
        (
            lambda: inject(optax.sgd, learning_rate={"a": LR}, labels={"body": "a", "head": "b"}).init(PARAMS),
            r"'b' included",
        ),
    ],
)
def test_what_does_not_fit_is_an_error(made, message):
    with pytest.raises(lrs.ScheduleError, match=message):
        made()


# ---- dtypes


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("tx", [
    inject(optax.adamw, learning_rate=LR, b2=lrs.constant(0.999), weight_decay=lrs.constant(0.1)),
    inject(optax.sgd, learning_rate=LR, momentum=lrs.constant(0.9)),
    optax.adamw(LR),
    optax.sgd(LR),
    inject(optax.adam, learning_rate={"head/*": LR, "*": 0.1 * LR}),
])  # fmt: skip
def test_updates_and_states_keep_their_dtypes(tx, dtype):
    params = jax.tree.map(lambda x: x.astype(dtype), PARAMS)
    state = tx.init(params)
    updates, after = jax.jit(tx.update)(gradients(params), state, params)
    assert {x.dtype for x in jax.tree.leaves(updates)} == {jnp.dtype(dtype)}
    assert [x.dtype for x in jax.tree.leaves(after)] == [x.dtype for x in jax.tree.leaves(state)]
    assert all(np.isfinite(np.asarray(x, np.float32)).all() for x in jax.tree.leaves(updates))


def test_a_decay_near_1_is_not_rounded_to_1_for_bfloat16_parameters():
    tx = inject(optax.adam, learning_rate=0.1, b2=lrs.constant(0.999))
    params = jnp.ones(4, jnp.bfloat16)
    updates, state = tx.update(params, tx.init(params), params)
    assert float(current(state)["b2"]) == pytest.approx(0.999, abs=1e-7)
    np.testing.assert_allclose(np.asarray(updates, np.float32), -0.1, rtol=0.02)


# ---- the step


def test_a_whole_run_in_one_scan():
    tx = inject(optax.adam, learning_rate=LR, b1=lrs.linear().over(9, 0.9, 0.8))

    @jax.jit
    def train(params):
        def step(carry, _):
            params, state = carry
            updates, state = tx.update(gradients(params), state, params)
            return (optax.apply_updates(params, updates), state), current(state)["learning_rate"]

        return jax.lax.scan(step, (params, tx.init(params)), None, length=12)

    (params, state), rates = train(PARAMS)
    np.testing.assert_allclose(rates, LR.sample(12), rtol=2e-6, atol=1e-12)
    close(params, run(tx)[0], rtol=2e-5, atol=1e-7)
    assert int(at(state)) == 12


def test_the_counter_stops_at_the_largest_integer():
    tx = inject(optax.sgd, learning_rate=lrs.linear().over(2**31 - 1))
    state = tx.init(PARAMS)._replace(step=jnp.int32(2**31 - 2))
    for expected in (2**31 - 1, 2**31 - 1):
        _, state = tx.update(PARAMS, state, PARAMS)
        assert int(at(state)) == expected
    assert float(current(state)["learning_rate"]) == 0.0


def test_schedules_over_samples_with_a_batch_size_that_grows():
    by_samples = lrs.linear().over(1_000)
    batch = lrs.piecewise([4], [16, 64])
    tx = inject(optax.sgd, learning_rate=by_samples)

    @jax.jit
    def update(state, t):
        return tx.update(PARAMS, state, PARAMS, count=batch(t))[1]

    state, seen = tx.init(PARAMS), 0
    for t in range(10):
        state = update(state, jnp.int32(t))
        assert float(current(state)["learning_rate"]) == pytest.approx(by_samples(seen), rel=1e-6)
        seen += int(batch(t))
        assert int(at(state)) == seen
    _, state = tx.update(PARAMS, state, PARAMS, count=2**31 - 2)
    assert int(at(state)) == 2**31 - 1


def test_samples_beyond_the_counter_are_refused():
    tx = inject(optax.sgd, learning_rate={"head/*": lrs.linear().over(10**12), "*": 0.1})
    state = tx.init(PARAMS)
    with pytest.raises(lrs.ScheduleError, match=r"learning_rate\['head/\*'\].*int32 counter"):
        tx.update(PARAMS, state, PARAMS, count=4096)
    _, state = tx.update(PARAMS, state, PARAMS)
    assert float(current(state)["learning_rate"]["head/*"]) == 1.0


def test_samples_beyond_int32_count_under_x64():
    with jax.enable_x64(True):
        tx = inject(optax.sgd, learning_rate=lrs.linear().over(10**12))
        state = tx.init(PARAMS)
        for _ in range(3):
            _, state = jax.jit(tx.update)(PARAMS, state, PARAMS, count=25 * 10**10)
        assert int(at(state)) == 75 * 10**10
        assert float(current(state)["learning_rate"]) == 0.5


def test_the_state_is_a_pytree_of_arrays():
    state = inject(optax.adam, learning_rate=BY_PATTERN).init(PARAMS)
    assert isinstance(state, InjectState)
    assert all(isinstance(x, jax.Array) for x in jax.tree.leaves(state))
