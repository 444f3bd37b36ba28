"""Plateau's dialects against the libraries' own objects, and floats against jitted JAX, on random metric series.

Every argument varies. A jitted rule and its peer are compiled once for a whole batch of series.
"""

from __future__ import annotations

import functools
import json
import math
import os
import random

import numpy as np
import pytest

from lrsched.discovery import trust_ratio
from lrsched.feedback import Greedy, Plateau, PlateauState

os.environ.setdefault("KERAS_BACKEND", "jax")

LENGTH, BATCH = 40, 100
SPECIAL = (math.nan, math.inf, -math.inf)


def random_series(rng, length=LENGTH):
    """Float32 metrics: drifting, stalling, negative, constant, on a coarse grid or a fine one, at times broken."""
    level, drift = rng.choice((-3.0, -1.0, 0.0, 1.0, 3.0)), rng.choice((-0.2, -0.02, 0.0, 0.02, 0.2))
    noise, grid = rng.choice((0.0, 0.0, 0.05, 0.5)), rng.choice((None, 0.25, 0.1))
    broken = rng.choice((0.0, 0.0, 0.05, 0.3))
    series = []
    for i in range(length):
        value = level + drift * i + noise * rng.gauss(0.0, 1.0)
        value = value if grid is None else round(value / grid) * grid
        series.append(float(np.float32(rng.choice(SPECIAL) if rng.random() < broken else value)))
    return series


def random_arguments(rng, dialect):
    return {
        "factor": rng.choice((0.1, 0.3, 0.5, 0.75)),
        "patience": rng.choice((0, 0, 1, 2, 3, 5)),
        "threshold": rng.choice((1e-7, 1e-4, 0.01, 0.1, 0.5, 1.0) + (() if dialect == "optax" else (0.0, 1.5))),
        "mode": "min" if dialect == "optax" else rng.choice(("min", "max")),
        "threshold_mode": "abs" if dialect == "keras" else rng.choice(("rel", "abs")),
        "cooldown": rng.randrange(4),
        "smallest": rng.choice((0.0, 1e-3, 0.02, 0.25, 1.0)),
    }


def torch_rows(arguments, series, rate=1.0, eps=1e-8):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    options = dict(arguments)
    smallest = options.pop("smallest")
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, min_lr=smallest * rate, eps=eps, **options)
    rows = []
    for metric in series:
        scheduler.step(metric)
        rows.append((optimizer.param_groups[0]["lr"], scheduler.num_bad_epochs, scheduler.cooldown_counter))
    return np.array(rows)


class StoredRate:
    """An optimizer as Keras's callback sees it: a learning rate that is kept in float32."""

    def __init__(self, rate=1.0):
        self.learning_rate = rate

    def __setattr__(self, name, value):
        super().__setattr__(name, np.float32(value))


class Model:
    def __init__(self, optimizer):
        self.optimizer = optimizer


def keras_rows(arguments, series, optimizer=None):
    keras = pytest.importorskip("keras")
    options = {name: arguments[name] for name in ("factor", "patience", "mode", "cooldown")}
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor="loss", min_delta=arguments["threshold"], min_lr=arguments["smallest"], **options
    )
    callback.set_model(Model(optimizer or StoredRate()))
    callback.on_train_begin()
    rows = []
    for epoch, metric in enumerate(series):
        callback.on_epoch_end(epoch, {"loss": metric})
        rows.append((float(callback.model.optimizer.learning_rate), callback.wait, callback.cooldown_counter))
    return np.array(rows)


def counted(plateau, series):
    """One row (scale, bad, cooldown) per metric, as the peers' functions give them."""
    state, rows = plateau.init(), []
    for metric in series:
        state = plateau.update(state, metric)
        rows.append((state.scale, state.bad, state.cooldown))
    return np.array(rows)


def optax_scan(arguments, average):
    """A function of one series, traceable: the scales of ``optax.contrib.reduce_on_plateau``."""
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    tolerance = {"rel": ("rtol", "atol"), "abs": ("atol", "rtol")}[arguments["threshold_mode"]]
    rule = optax.contrib.reduce_on_plateau(
        factor=arguments["factor"],
        patience=arguments["patience"],
        cooldown=arguments["cooldown"],
        accumulation_size=average,
        min_scale=arguments["smallest"],
        **dict(zip(tolerance, (arguments["threshold"], 0.0), strict=True)),
    )

    def scales(series):
        one = jax.numpy.ones(())

        def step(state, metric):
            updates, state = rule.update(one, state, value=metric)
            return state, updates

        return jax.lax.scan(step, rule.init(one), series)[1]

    return scales


def jitted(plateau, batch):
    """The scales of a whole batch under one ``jit(vmap(scan))``."""
    jax = pytest.importorskip("jax")
    return np.asarray(jax.jit(jax.vmap(plateau.replay))(np.asarray(batch, np.float32)))


def same_decisions(ours, theirs, arguments, tolerance=0.0):
    """Equal step by step, save that float32 may flush what is nearly 0; the first difference is shown."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    near = np.abs(ours - theirs) <= tolerance * (np.abs(theirs) + 1e-31)
    wrong = np.flatnonzero(~near.reshape(len(near), -1).all(axis=1))
    assert not wrong.size, f"{arguments}: from call {wrong[0]} {ours[wrong[0] :][:3]} not {theirs[wrong[0] :][:3]}"


def cases(dialect, seed, count=1000):
    rng = random.Random(seed)
    for _ in range(count):
        yield random_arguments(rng, dialect), random_series(rng)


def test_1000_series_as_torch():
    cuts = 0
    for arguments, series in cases("torch", 1):
        rows = counted(Plateau(**arguments, dialect="torch"), series)
        same_decisions(rows, torch_rows(arguments, series), arguments)
        cuts += rows[-1, 0] < 1.0
    assert 300 < cuts < 1000


def test_1000_series_as_keras():
    cuts = 0
    for arguments, series in cases("keras", 2):
        rows = counted(Plateau(**arguments, dialect="keras"), series)
        same_decisions(rows, keras_rows(arguments, series), arguments, tolerance=1e-6)
        cuts += rows[-1, 0] < 1.0
    assert 300 < cuts < 1000


def test_1000_series_as_optax_jitted_and_on_floats():
    jax, rng, cuts = pytest.importorskip("jax"), random.Random(3), 0
    for i in range(1000 // BATCH):
        arguments, average = random_arguments(rng, "optax"), (1, 2, 1, 2, 3)[i % 5]
        batch = [random_series(rng) for _ in range(BATCH)]
        plateau = Plateau(**arguments, dialect="optax", average=average)
        peer_scan = optax_scan(arguments, average)
        both = jax.jit(jax.vmap(lambda s, plateau=plateau, peer_scan=peer_scan: (plateau.replay(s), peer_scan(s))))
        ours, theirs = map(np.asarray, both(np.asarray(batch, np.float32)))
        for series, fast, peer in zip(batch, ours, theirs, strict=True):
            same_decisions(fast, peer, arguments, tolerance=1e-6)
            if average <= 2:  # a mean of more is divided as the compiler sees fit, within its rounding
                same_decisions(plateau.replay(series), peer, arguments, tolerance=1e-5)
        cuts += int((theirs[:, -1] < 1.0).sum())
    assert 300 < cuts < 1000


@pytest.mark.parametrize("dialect", [None, "torch", "keras"])
def test_1000_series_jitted_as_on_floats(dialect):
    rng = random.Random(4)
    for i in range(1000 // BATCH):
        arguments = random_arguments(rng, dialect) | {"average": 1 + (i % 5 == 0), "dialect": dialect}
        batch = [random_series(rng) for _ in range(BATCH)]
        plateau = Plateau(**arguments)
        for series, fast in zip(batch, jitted(plateau, batch), strict=True):
            same_decisions(fast, plateau.replay(series), arguments, tolerance=1e-5)


def test_1000_series_of_the_default_as_torch_where_torch_is_right():
    for arguments, series in cases("torch", 5):
        positive = [abs(metric) for metric in series if not math.isnan(metric)]
        options = arguments | {"threshold": min(arguments["threshold"], 0.5)}
        same_decisions(counted(Plateau(**options, eps=1e-8), positive), torch_rows(options, positive), options)


def test_greedy_jitted_as_on_floats():
    rng = random.Random(6)
    for _ in range(6):
        greedy = Greedy(
            factor=0.5,
            patience=rng.randrange(3),
            threshold=rng.choice((0.0, 0.125)),
            mode=rng.choice(("min", "max")),
            threshold_mode=rng.choice(("rel", "abs")),
            cooldown=rng.randrange(3),
            warmup=rng.randrange(3),
            smallest=rng.choice((0.25, 0.5)),
            window=rng.choice((1, 4)),
            reset=rng.choice((1, 2, None)),
        )
        batch = [[round(value * 4) / 4 if math.isfinite(value) else value for value in random_series(rng)]
                 for _ in range(BATCH)]  # fmt: skip
        for series, fast in zip(batch, jitted(greedy, batch), strict=True):
            same_decisions(fast, greedy.replay(series), greedy)


def test_eps_is_in_units_of_the_scale():
    arguments = {"factor": 0.1, "patience": 0, "smallest": 0.0}
    rates = torch_rows(arguments, [1.0] * 12, rate=1e-3)[:, 0]
    scales = Plateau(0.1, 0, dialect="torch", eps=1e-8 / 1e-3).replay([1.0] * 12)
    same_decisions(scales, rates / 1e-3, arguments, 1e-9)
    assert rates[-1] > 9e-9


def test_keras_real_optimizer_agrees_with_the_stored_rate():
    keras = pytest.importorskip("keras")
    arguments = random_arguments(random.Random(7), "keras") | {"patience": 1, "smallest": 0.02}
    series = [1.0] * 12
    real = keras_rows(arguments, series, keras.optimizers.SGD(learning_rate=1.0))
    assert np.array_equal(real, keras_rows(arguments, series))
    same_decisions(counted(Plateau(**arguments, dialect="keras"), series), real, arguments, 1e-6)


def test_restored_inside_patience_and_cooldown_under_jit():
    jax = pytest.importorskip("jax")
    plateau = Plateau(0.3, 2, cooldown=3, average=2)
    update = jax.jit(plateau.update)
    state = plateau.init("float32")
    for metric in random_series(random.Random(8), 60):
        stored = json.dumps([x.item() for x in state])
        restored = PlateauState(*json.loads(stored))
        after, again = update(state, metric), update(restored, metric)
        assert [x.tobytes() for x in map(np.asarray, after)] == [x.tobytes() for x in map(np.asarray, again)]
        assert all(a.dtype == b.dtype for a, b in zip(after, again, strict=True))
        state = after
    assert float(plateau.scale(state)) < 1.0


def test_started_with_a_dtype_it_is_traced_once():
    jax = pytest.importorskip("jax")
    traces = []

    @jax.jit
    def update(state, metric):
        traces.append(1)
        return plateau.update(state, metric)

    for reducer in (Plateau(0.5, 1), Greedy(window=2)):
        plateau = reducer
        state = reducer.init("float32")
        for _ in range(3):
            state = update(state, np.float32(1.0))
    assert len(traces) == 2


def test_python_state_starts_a_scan():
    jax = pytest.importorskip("jax")
    plateau = Plateau(0.5, 1)
    for dtype in ("float32", "bfloat16", "float16", "int32"):
        metrics = jax.numpy.ones(6, dtype)
        state, _ = jax.lax.scan(lambda s, m: (plateau.update(s, m), None), plateau.init(), metrics)
        assert float(plateau.scale(state)) == plateau.replay([1.0] * 6)[-1]
        assert state.best.dtype == "float32"


def test_with_x64_the_bits_are_those_of_floats():
    jax = pytest.importorskip("jax")
    rng = random.Random(9)
    with jax.enable_x64(True):
        for dialect in (None, "torch"):
            plateau = Plateau(**random_arguments(rng, dialect) | {"patience": 1, "smallest": 1e-3}, dialect=dialect)
            series = [rng.gauss(0.0, 1.0) for _ in range(60)]
            fast = jax.jit(plateau.replay)(jax.numpy.asarray(series))
            assert fast.dtype == "float64"
            assert fast.tolist() == plateau.replay(series)
            assert plateau.init("float64").best.dtype == "float64"


def test_bad_jax_metrics_are_named():
    jax = pytest.importorskip("jax")
    from lrsched.foundation.errors import ScheduleError

    for value in (jax.numpy.ones(2), jax.numpy.array(True), jax.numpy.array(1j)):
        with pytest.raises(ScheduleError, match=r"Plateau\.update: metric must be a real number"):
            Plateau().update(Plateau().init(), value)
        with pytest.raises(ScheduleError, match=r"Plateau\.update: metric must be a real number"):
            jax.jit(Plateau().update)(Plateau().init(), value)
    with pytest.raises(ScheduleError, match=r"Plateau\.replay: metrics must be of shape"):
        Plateau().replay(jax.numpy.ones((2, 2)))
    for dtype in ("float64", "bfloat16", "int32", "nonsense", 3.0):
        with pytest.raises(ScheduleError, match=r"Plateau\.init: dtype must be"):
            Plateau().init(dtype)


def test_a_torch_tensor_is_a_metric():
    torch = pytest.importorskip("torch")
    state = Plateau().update(Plateau().init(), torch.tensor(2.0, requires_grad=True))
    assert state == Plateau().update(Plateau().init(), 2.0)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_trust_ratio_as_optax_lars(weight_decay):
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    rng = np.random.default_rng(10)
    weights = {"a": rng.standard_normal(5), "b": np.zeros(3), "c": rng.standard_normal((2, 2)), "d": np.ones(2)}
    gradients = {name: rng.standard_normal(w.shape) for name, w in weights.items()} | {"d": -weight_decay * np.ones(2)}
    weights, gradients = jax.tree.map(np.float32, (weights, gradients))
    lars = optax.lars(1.0, weight_decay, trust_coefficient=0.01, eps=1e-3, momentum=0.0)
    updates, _ = lars.update(gradients, lars.init(weights), weights)
    norm = np.linalg.norm
    for name, w in weights.items():
        total = gradients[name] + np.float32(weight_decay) * w
        for as_kind in (float, np.float32, jax.numpy.float32):
            ratio = trust_ratio(as_kind(norm(w)), as_kind(norm(total)), coefficient=0.01, eps=1e-3)
            np.testing.assert_allclose(-ratio * total, updates[name], rtol=1e-5)


def test_trust_ratio_traces_and_has_finite_gradients():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    norms = jnp.array([3.0, 0.0, 2.0, 0.0]), jnp.array([4.0, 1.0, 0.0, 0.0])
    expected = trust_ratio(*map(np.asarray, norms), weight_decay=0.1)
    np.testing.assert_allclose(jax.jit(functools.partial(trust_ratio, weight_decay=0.1))(*norms), expected, rtol=1e-6)
    slopes = jax.grad(lambda w, g: trust_ratio(w, g).sum(), argnums=(0, 1))(*norms)
    assert np.isfinite(slopes).all()
