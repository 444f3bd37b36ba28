"""Groups on any model, the same optimizer twice, and states as they come back from a checkpoint or a framework."""

from __future__ import annotations

import functools
import json
import pickle
import re
import types

import numpy as np
import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
import jax.numpy as jnp  # noqa: E402

from lrsched_optax import InjectState, at, current, inject, labels, lars_warmup, paths  # noqa: E402

LR = 0.1 * (lrs.warmup(10) >> lrs.cosine().over(90))
RATES = {"*bias": 0.5 * LR, "*": LR}
heavy = pytest.mark.heavy
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


def ones(tree):
    return jax.tree.map(jnp.ones_like, tree)


# ---- models


class Callable:
    """A model that is a tree and can be called, as those of Equinox are, with a rule that fails on anything else."""

    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias

    def __call__(self, x):
        return x @ self.weight + self.bias


jax.tree_util.register_pytree_with_keys(
    Callable,
    lambda m: ([(jax.tree_util.GetAttrKey("weight"), m.weight), (jax.tree_util.GetAttrKey("bias"), m.bias)], None),
    lambda _, children: Callable(*children),
)

TREES = {
    "callable": Callable(jnp.ones((2, 2)), jnp.ones(2)),
    "haiku": {"mlp/~/linear_0": {"w": jnp.ones(2), "bias": jnp.ones(2)}, "mlp/~/linear_1": {"w": jnp.ones(2)}},
    "nested": [{"w": jnp.ones(2)}, ({"bias": jnp.ones(2)},)],
    "holes": {"a": None, "b": {"w": jnp.ones(2), "bias": jnp.ones(2)}},
}


def check_groups(tx, params):
    """At ``init`` and at ``update``: each parameter moves by the rate of its group."""
    state = tx.init(params)
    for t in range(4):
        updates, state = jax.jit(tx.update)(ones(params), state, params)
        for name, update in zip(paths(params), jax.tree.leaves(updates), strict=True):
            expected = -LR(t) * (0.5 if name.endswith("bias") else 1.0)
            np.testing.assert_allclose(update, np.full(np.shape(update), expected), rtol=2e-6, atol=1e-9)
    assert set(current(state)["learning_rate"]) == set(RATES)


@pytest.mark.parametrize("params", TREES.values(), ids=TREES)
def test_patterns_work_on_any_tree(params):
    check_groups(inject(optax.sgd, learning_rate=RATES), params)
    check_groups(inject(optax.sgd, learning_rate=RATES, labels=labels(list(RATES))), params)
    tree = labels(list(RATES))(params)
    check_groups(inject(optax.sgd, learning_rate=RATES, labels=tree), params)
    check_groups(inject(optax.sgd, learning_rate=RATES, labels=functools.partial(lambda tree, _: tree, tree)), params)


def test_a_mask_of_a_callable_model_is_a_tree():
    params = TREES["callable"]
    tx = lars_warmup(LR, 100, mask=Callable(True, False))
    updates, _ = tx.update(ones(params), tx.init(params)._replace(step=jnp.int32(10)), params)
    np.testing.assert_allclose(updates.bias, -LR(10) * np.ones(2), rtol=1e-6)
    assert not np.allclose(updates.weight, -LR(10))


@heavy
@quiet
def test_equinox_models():
    eqx = pytest.importorskip("equinox")
    model = eqx.nn.MLP(2, 1, 2, 2, key=jax.random.key(0))
    params = eqx.filter(model, eqx.is_inexact_array)
    assert paths(params)[:2] == ["layers/0/weight", "layers/0/bias"]
    check_groups(inject(optax.sgd, learning_rate=RATES), params)
    tree = labels(list(RATES))(params)
    check_groups(inject(optax.sgd, learning_rate=RATES, labels=tree), params)
    tx = inject(optax.adamw, learning_rate=LR, weight_decay={"*bias": 0.0, "*": 0.01})
    state = tx.init(params)

    @eqx.filter_jit
    def step(model, state, x):
        gradients = eqx.filter_grad(lambda m: jnp.sum(jax.vmap(m)(x) ** 2))(model)
        updates, state = tx.update(gradients, state, eqx.filter(model, eqx.is_inexact_array))
        return eqx.apply_updates(model, updates), state

    for _ in range(3):
        model, state = step(model, state, jnp.ones((4, 2)))
    assert at(state) == 3 and float(current(state)["weight_decay"]["*"]) == pytest.approx(0.01)


@heavy
@quiet
def test_nnx_modules_at_init_and_at_update():
    nnx = pytest.importorskip("flax.nnx")
    model = nnx.Sequential(nnx.Linear(2, 3, rngs=nnx.Rngs(0)), nnx.Linear(3, 1, rngs=nnx.Rngs(1)))
    state = nnx.state(model, nnx.Param)
    assert paths(state) == paths(nnx.pure(state)) and paths(state)[0] == "layers/0/bias"
    check_groups(inject(optax.sgd, learning_rate=RATES), nnx.pure(state))
    tx = inject(optax.sgd, learning_rate=RATES, momentum={"layers/0/*": 0.0, "*": lrs.constant(0.5)})
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer):
        gradients = nnx.grad(lambda m: jnp.sum(m(jnp.ones((4, 2))) ** 2))(model)
        optimizer.update(model, gradients)

    for t in range(3):
        step(model, optimizer)
        values = current(optimizer)
        assert values["learning_rate"]["*bias"] == pytest.approx(0.5 * LR(t), rel=2e-6)
        assert isinstance(values["momentum"]["*"], jax.Array) and isinstance(at(optimizer), jax.Array)
        assert f"{values['momentum']['*']:.3f} {at(optimizer):d}" == f"0.500 {t + 1}"
        assert json.loads(json.dumps(jax.tree.map(lambda v: v.item(), values)))["momentum"]["*"] == 0.5


@heavy
@quiet
def test_linen_models_boxed_or_not():
    nn = pytest.importorskip("flax.linen")

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x):
            boxed = nn.with_partitioning(nn.initializers.ones, (None, "x"))
            return nn.Dense(1)(nn.Dense(2, kernel_init=boxed, bias_init=nn.with_partitioning(nn.initializers.ones, ("x",)))(x))  # fmt: skip

    params = Model().init(jax.random.key(0), jnp.ones((1, 2)))["params"]
    assert paths(params)[:2] == ["Dense_0/bias", "Dense_0/kernel"] == paths(nn.meta.unbox(params))[:2]
    for tree in (params, nn.meta.unbox(params)):
        check_groups(inject(optax.sgd, learning_rate=RATES), tree)


@heavy
@quiet
def test_a_schedule_in_a_train_state_of_flax():
    train_state = pytest.importorskip("flax.training.train_state")
    tx = inject(optax.sgd, learning_rate=RATES)
    state = train_state.TrainState.create(apply_fn=lambda *_: None, params=TREES["haiku"], tx=tx)
    state = jax.jit(lambda s: s.apply_gradients(grads=ones(s.params)))(state)
    assert at(state) == 1 and current(state)["learning_rate"]["*"] == 0.0


def test_texts_and_data_are_schedules():
    text = repr(LR)
    tx = inject(
        optax.adamw, learning_rate={"*bias": text, "*": LR.to_dict()}, b1=text, weight_decay="1e-4", mu_dtype="bfloat16"
    )
    assert tx == inject(
        optax.adamw, learning_rate={"*bias": LR, "*": LR}, b1=LR, weight_decay=lrs.constant(1e-4), mu_dtype="bfloat16"
    )
    for wrong, where in (
        ({"*": "0.1 * cosin()"}, r"learning_rate\['\*'\]: unknown name 'cosin'"),
        ("cosine()", "learning_rate must be a schedule"),
    ):
        with pytest.raises(lrs.ScheduleError, match="inject: " + where):
            inject(optax.sgd, learning_rate=wrong)


def test_dictionaries_and_words_of_other_meanings_are_handed_on():
    seen = {}
    given = {
        "mask": types.MappingProxyType({"a": {"b": True}}),
        "names": {"head": "group-1"},
        "run": "my run",
        "kind": {"kind": {"w": True}},
    }
    inject(lambda learning_rate, **rest: seen.update(rest) or optax.sgd(learning_rate), learning_rate=LR, **given).init(
        jnp.ones(2)
    )
    assert all(seen[name] is value for name, value in given.items())


# ---- optax.tree_map_params

PARAMS = {"body": {"w": jnp.ones((3, 2)), "bias": jnp.zeros(2)}, "head": {"w": jnp.ones(2), "bias": jnp.ones(2)}}
SPECS = jax.tree.map(lambda x: f"{np.shape(x)}", PARAMS)
GROUPED = {
    "one": inject(optax.adam, learning_rate={"head/*": LR, "*": 0.1 * LR}),
    "constant": inject(optax.adamw, learning_rate=LR, weight_decay={"*bias": 0.0, "*": 0.1}),
    "two": inject(optax.adamw, learning_rate={"head/*": LR, "*": 0.1 * LR}, weight_decay={"*bias": 0.0, "*": 0.1}),
    "labels": inject(optax.adam, learning_rate={"a": LR, "b": LR}, labels={"body": "a", "head": "b"}),
    "function": inject(optax.adam, learning_rate={"a": LR, "b": LR}, labels=labels({"a": "body/*", "b": "*"})),
    "of Optax": optax.multi_transform({"a": optax.adam(LR), "b": optax.sgd(LR)}, labels({"a": "body/*", "b": "*"})),
    "chain": optax.chain(optax.clip(1.0), inject(optax.adam, learning_rate={"head/*": LR, "*": LR})),
}


@pytest.mark.parametrize("tx", GROUPED.values(), ids=GROUPED)
def test_states_are_laid_out_as_the_parameters(tx):
    state = jax.eval_shape(tx.init, PARAMS)
    laid = optax.tree_map_params(
        tx, lambda x, spec: x if isinstance(x, optax.MaskedNode) else spec, state, SPECS, transform_non_params=lambda _: "everywhere",
        is_leaf=lambda x: isinstance(x, optax.MaskedNode),
    )  # fmt: skip
    assert jax.tree.structure(laid) == jax.tree.structure(jax.tree.map(lambda _: "", state))
    for (path, spec), leaf in zip(jax.tree_util.tree_flatten_with_path(laid)[0], jax.tree.leaves(state), strict=True):
        moment = any(name in jax.tree_util.keystr(path) for name in (".mu", ".nu"))
        assert spec == (f"{leaf.shape}" if moment else "everywhere")


def test_groups_that_only_the_parameters_show_are_asked_for():
    tx = inject(optax.adam, learning_rate={"head/*": LR, "*": LR}, b1={"*bias": 0.5, "*": 0.9})
    with pytest.raises(lrs.ScheduleError, match=r"which groups learning_rate, b1 make together .*tx\.init, params"):
        optax.tree_map_params(tx, lambda x: x, None)


# ---- what is no hyperparameter


def test_keys_booleans_and_integers_stay_what_they_are():
    seen = {}

    def factory(learning_rate, **rest):
        seen.update(rest)
        return optax.sgd(learning_rate)

    given = {
        "key": jax.random.key(0), "flag": jnp.array(True), "plain": False, "count": 3, "small": jnp.int8(5),
        "wide": 2**40, "legacy": jax.random.PRNGKey(0), "name": "bfloat16", "nothing": None, "number": np.float32(0.5),
    }  # fmt: skip
    tx = inject(factory, learning_rate=LR, **given)
    state = tx.init(jnp.ones(2))
    _, state = jax.jit(tx.update)(jnp.ones(2), state)
    assert all(seen[name] is value for name, value in given.items())
    shown = current(state)
    assert set(shown) == {"learning_rate", "count", "small", "wide", "number"}
    assert [str(shown[name].dtype) for name in ("count", "small", "wide", "number")] == ["int32", "int8", "float32", "float32"]  # fmt: skip


def test_noise_with_a_key():
    params = jnp.ones(3)
    tx = inject(optax.add_noise, eta=LR, gamma=0.55, key=jax.random.key(1))
    own, _ = tx.update(params, tx.init(params)._replace(step=jnp.int32(10)), params)
    theirs = optax.add_noise(LR(10), 0.55, jax.random.key(1))
    np.testing.assert_allclose(own, theirs.update(params, theirs.init(params))[0], rtol=1e-6)


# ---- restored states


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("number", [int, np.int64, np.int32, np.uint8, np.uint32, lambda n: np.asarray(n, np.int64)])
def test_counts_come_back_as_any_integer(number, wide):
    tx = inject(optax.adam, learning_rate=RATES)
    with jax.enable_x64(wide):
        params = TREES["haiku"]
        state = tx.init(params)
        for _ in range(3):
            _, state = tx.update(ones(params), state, params)
        expected, after = tx.update(ones(params), state, params)
        host = pickle.loads(pickle.dumps(jax.tree.map(np.asarray, state)))._replace(step=number(3))
        assert isinstance(at(host), jax.Array) and at(host) == 3
        assert all(isinstance(v, jax.Array) for v in current(host)["learning_rate"].values())
        for update in (tx.update, jax.jit(tx.update)):
            found, again = update(ones(params), host, params)
            assert at(again) == at(after) == 4
            for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
                np.testing.assert_allclose(x, y, rtol=1e-6)


def test_a_count_restored_as_a_short_integer_goes_on_beyond_it():
    tx = inject(optax.sgd, learning_rate=1e-3 * lrs.warmup(1_000))
    state = tx.init(jnp.ones(2))._replace(step=np.uint8(255))
    for _ in range(2):
        _, state = tx.update(jnp.ones(2), state)
    assert at(state) == 257 and float(current(state)["learning_rate"]) == pytest.approx(256e-6)


def test_the_state_of_other_groups_is_refused():
    params = TREES["haiku"]
    state = inject(optax.adam, learning_rate=RATES).init(params)
    with pytest.raises(
        lrs.ScheduleError, match=r"inject: state must be that of the same groups of learning_rate, \*, "
    ):
        inject(optax.adam, learning_rate={"*": LR}).update(ones(params), state, params)
    with pytest.raises(lrs.ScheduleError, match="inject: state must be that of the same groups of b1, "):
        inject(optax.adam, learning_rate=RATES, b1={"*": 0.5}).update(ones(params), state, params)


def test_a_state_of_wide_numbers_goes_on_without_them():
    tx, params = inject(optax.sgd, learning_rate=RATES), TREES["haiku"]
    with jax.enable_x64(True):
        state = tx.init(params)
        _, state = tx.update(ones(params), state, params)
        host = jax.tree.map(np.asarray, state)
    _, after = tx.update(ones(params), host, params)
    assert at(after) == 2 and float(current(after)["learning_rate"]["*"]) == pytest.approx(LR(1), rel=1e-6)


@pytest.mark.parametrize("tx", [optax.adamw(LR), inject(optax.sgd, learning_rate=LR, nesterov=True), optax.sgd(0.1)])
def test_a_state_without_values_in_use_says_what_to_do(tx):
    state = tx.init(jnp.ones(2))
    if isinstance(state, InjectState):
        assert set(current(state)) == {"learning_rate"}
    else:
        with pytest.raises(lrs.ScheduleError, match=r"current: opt_state must be .*inject\("):
            current(state)


# ---- the same optimizer twice


def makers():
    yield lambda: inject(optax.adamw, learning_rate=0.1 * (lrs.warmup(10) >> lrs.cosine().over(90)), b1=0.8)
    yield lambda: inject(
        optax.adamw, learning_rate={"a": lrs.constant(0.1), "*": 0.5}, nesterov=True, mask={"a": True, "b": False}
    )
    yield lambda: inject(optax.sgd, learning_rate={re.compile("a"): LR, "*": 0.5 * LR}, accumulator_dtype="bfloat16")
    yield lambda: inject(optax.sgd, learning_rate={"x": LR, "y": 0.1}, labels={"a": "x", "b": "y"})
    yield lambda: inject(optax.sgd, learning_rate={"x": LR, "y": 0.1}, labels=labels({"x": "a", "y": ["b", "c*"][:1]}))
    yield lambda: inject(optax.sgd, learning_rate={"*": LR, "a": 0.1})
    yield lambda: inject(optax.sgd, learning_rate={"a": 0.1, "*": LR})
    yield lambda: inject(optax.sgd, learning_rate=1, momentum=0.9)
    yield lambda: inject(optax.sgd, learning_rate=1.0, momentum=0.9)
    yield lambda: inject(optax.sgd, learning_rate=True, momentum=0.9)
    yield lambda: inject(optax.adam, learning_rate=1.0, b1=0.9)


def test_optimizers_are_equal_as_their_arguments_are():
    first, second = [make() for make in makers()], [make() for make in makers()]
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            assert (one == other) == (i == j), (i, j)
            assert (hash(one) == hash(other)) == (i == j)
    assert first[0] != optax.adamw(LR) and pickle.loads(pickle.dumps(first[0])) == first[0]
    assert pickle.loads(pickle.dumps(first[4])) == first[4]


def test_what_holds_arrays_is_equal_to_itself_alone():
    held, key = jax.tree.map(jnp.asarray, LR), jax.random.key(0)
    for make in (
        lambda: inject(optax.sgd, learning_rate=held),
        lambda: inject(optax.add_noise, eta=LR, gamma=0.5, key=key),
    ):
        assert make() == make() and hash(make()) == hash(make())
    other = jax.tree.map(jnp.asarray, LR)
    assert inject(optax.sgd, learning_rate=held) != inject(optax.sgd, learning_rate=other)
    assert inject(optax.sgd, learning_rate=jnp.float32(1)) != inject(optax.sgd, learning_rate=jnp.float32(1))


def test_an_optimizer_made_anew_is_not_traced_anew():
    traces = []

    @functools.partial(jax.jit, static_argnums=0)
    def step(tx, params, state):
        traces.append(1)
        return tx.update(ones(params), state, params)

    for make in (
        lambda peak: inject(optax.adamw, learning_rate=peak * LR, weight_decay={"*bias": 0.0, "*": 0.1}),
        lambda peak: inject(optax.sgd, learning_rate=peak * LR),
    ):
        del traces[:]
        for peak in (1.0, 1.0, 1.0, 2.0, 1.0):
            tx = make(peak)
            step(tx, PARAMS, tx.init(PARAMS))
        assert len(traces) == 2


# ---- a change in mid-run


@pytest.mark.parametrize("first", [LR, RATES])
def test_a_new_schedule_takes_over_the_old_state(first):
    """One that counts from the beginning as it is; one that counts from now, delayed by the steps made."""
    params = TREES["haiku"]
    old = inject(optax.adam, learning_rate=first)
    state = old.init(params)
    for _ in range(5):
        _, state = old.update(ones(params), state, params)
    later = 0.05 * lrs.linear().over(20)
    changed = {"*bias": later, "*": 0.5 * later} if isinstance(first, dict) else later
    now = int(at(state))
    counted = [
        {k: s.delayed(made) for k, s in changed.items()} if isinstance(changed, dict) else changed.delayed(made)
        for made in (now, at(state))
    ]
    for schedules, offset in ((changed, 0), *((delayed, now) for delayed in counted)):
        new, after = inject(optax.adam, learning_rate=schedules), state
        assert jax.tree.structure(new.init(params)) == jax.tree.structure(state)
        for t in range(5, 9):
            _, after = jax.jit(new.update)(ones(params), after, params)
            shown = current(after)["learning_rate"]
            shown = shown["*bias"] if isinstance(shown, dict) else shown
            assert float(shown) == pytest.approx(later(t - offset), rel=1e-6) and at(after) == t + 1


def test_the_states_of_groups_are_laid_out_by_a_tree_of_specs():
    params = {"head": jnp.ones(2), "body": jnp.ones(2)}
    tx = inject(optax.adam, learning_rate={"head": LR, "*": 0.1 * LR})

    def spec(leaf, its):
        return leaf if isinstance(leaf, optax.MaskedNode) else its

    masked = {"is_leaf": lambda x: isinstance(x, optax.MaskedNode)}
    specs = {"head": "rows", "body": "columns"}
    found = optax.tree_map_params(tx, spec, tx.init(params), specs, **masked)
    by_group = {group: state.inner_state[0].mu for group, state in found.inner.inner_states.items()}
    hidden = optax.MaskedNode()
    assert by_group == {"head": {"head": "rows", "body": hidden}, "*": {"head": hidden, "body": "columns"}}
