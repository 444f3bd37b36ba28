"""Schedules for the numbers of a Keras optimizer, through callbacks."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lrsched as lrs

keras = pytest.importorskip("keras")
from keras_models import Watch, X, Y, data, line, moves, weight  # noqa: E402

from lrsched_keras import LearningRate, ScheduleCallback  # noqa: E402

BACKEND = keras.backend.backend()
S = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(9, end=0.1))
MOMENTUM = lrs.linear().over(12, 0.9, 0.5)
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="JAX's own way")


def sgd(**arguments):
    return keras.optimizers.SGD(0.5, momentum=0.9, **arguments)


def walk(rates, momenta):
    """Where a weight of gradient 1 goes under SGD."""
    place = speed = 0.0
    places = []
    for rate, momentum in zip(rates, momenta, strict=True):
        speed = momentum * speed - rate
        place += speed
        places.append(place)
    return places


def fit(model, batches=4, epochs=3, callbacks=(), **arguments):
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: places.append(weight(model)))
    places = []
    arguments = {"batch_size": 1, "verbose": 0} | arguments
    model.fit(*data(batches), epochs=epochs, callbacks=[*callbacks, keep], **arguments)
    return places


@pytest.mark.parametrize("how", [{}, {"run_eagerly": True}], ids=str)
def test_every_update_uses_what_is_logged(how):
    rates, momenta = Watch(), Watch("momentum")
    model = line(sgd(), **how)
    places = fit(model, callbacks=[ScheduleCallback(S), ScheduleCallback(MOMENTUM, "momentum"), rates, momenta])
    assert rates.batches == [S(t) for t in range(12)] and momenta.batches == [MOMENTUM(t) for t in range(12)]
    assert model.history.history["learning_rate"] == [S(3), S(7), S(11)] == rates.epochs
    assert model.history.history["momentum"] == [MOMENTUM(3), MOMENTUM(7), MOMENTUM(11)]
    np.testing.assert_allclose(places, walk(S.sample(12), MOMENTUM.sample(12))[3::4], rtol=1e-5)
    assert type(model.optimizer.momentum) is float and model.optimizer.momentum == MOMENTUM(11)
    assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) == pytest.approx(S(11), rel=1e-6)


@pytest.mark.parametrize(("batches", "k"), [(4, 2), (3, 2), (5, 3)])
def test_accumulated_batches_are_one_update(batches, k):
    rates, total = Watch(), batches * 3
    momenta = ScheduleCallback(MOMENTUM, "momentum")
    model = line(sgd(gradient_accumulation_steps=k))
    places = fit(model, batches, callbacks=[ScheduleCallback(S), momenta, rates])
    assert rates.batches == [S(i // k) for i in range(total)]
    assert places[-1] == pytest.approx(walk(S.sample(total // k), MOMENTUM.sample(total // k))[-1], rel=1e-5)


@pytest.mark.parametrize("name", ["learning_rate", "momentum"])
def test_epochs_as_the_unit(name):
    values, watch = lrs.table([0.5, 0.25, 0.125]), Watch(name)
    places = fit(line(sgd()), callbacks=[ScheduleCallback(values, name, unit="epoch"), watch])
    assert watch.epochs == [0.5, 0.25, 0.125] and watch.batches == np.repeat(watch.epochs, 4).tolist()
    fixed = np.full(12, 0.5 if name == "momentum" else 0.9)
    both = (fixed, watch.batches) if name == "momentum" else (watch.batches, fixed)
    np.testing.assert_allclose(places, walk(*both)[3::4], rtol=1e-5)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_epochs_of_unknown_length():
    for name, unit in (("momentum", "epoch"), ("learning_rate", "step"), ("momentum", "step")):
        model, watch = line(sgd()), Watch(name)
        callbacks = [ScheduleCallback(MOMENTUM, name, unit=unit), watch]
        model.fit(((X, Y) for _ in range(6)), shuffle=False, verbose=0, callbacks=callbacks)
        assert watch.batches == [MOMENTUM(0 if unit == "epoch" else t) for t in range(6)]


OPTIMIZERS = [
    ("Adam", "beta_1"), ("Adam", "epsilon"), ("AdamW", "weight_decay"), ("Adam", "weight_decay"), ("Adamax", "beta_2"),
    ("Lion", "beta_1"), ("RMSprop", "rho"), ("SGD", "clipnorm"), ("SGD", "learning_rate"), ("Muon", "momentum"),
]  # fmt: skip


MORE = [
    ("Adam", "beta_2"), ("Nadam", "beta_1"), ("Lion", "beta_2"), ("Lamb", "beta_1"), ("Adadelta", "rho"),
    ("Adafactor", "beta_2_decay"), ("Ftrl", "beta"), ("SGD", "global_clipnorm"), ("RMSprop", "momentum"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("optimizer", "name"), [*OPTIMIZERS, *(pytest.param(*one, marks=pytest.mark.heavy) for one in MORE)]
)
def test_any_number_of_any_optimizer(optimizer, name):
    """The compiled run goes where an uncompiled one goes whose attribute is set by hand."""
    schedule = lrs.linear().over(6, -0.9, -0.5) if name == "beta_2_decay" else lrs.linear().over(6, 0.9, 0.5)
    more = {"momentum": 0.9} if (optimizer, name) == ("RMSprop", "momentum") else {}
    made = [line(getattr(keras.optimizers, optimizer)(0.1, **more), run_eagerly=eager) for eager in (False, True)]
    for model in made:
        model.trainable_variables[0].assign([[3.0]])
    fit(made[0], 3, 2, [ScheduleCallback(schedule, name)])
    for t in range(6):
        setattr(made[1].optimizer, name, schedule(t))
        made[1].train_on_batch(X, Y)
    assert weight(made[0]) == pytest.approx(weight(made[1]), rel=2e-5)
    assert weight(made[0]) != 3.0


def test_the_schedule_takes_over_from_a_compiled_constant_and_gives_back():
    model = line(sgd())
    fit(model, 2, 1)
    start = weight(model)
    speed = float(keras.ops.convert_to_numpy(model.optimizer.momentums[0])[0, 0])
    fit(model, 2, 1, [ScheduleCallback(lrs.constant(0.25), "momentum")])
    first = 0.25 * speed - 0.5
    second = 0.25 * first - 0.5
    assert weight(model) == pytest.approx(start + first + second, rel=1e-6)
    fit(model, 1, 1)
    assert weight(model) == pytest.approx(start + first + second + 0.25 * second - 0.5, rel=1e-6)


def test_a_momentum_of_zero_on_the_way():
    schedule = lrs.table([0.9, 0.0, 0.9, 0.5])
    places = fit(line(sgd()), 1, 4, [ScheduleCallback(schedule, "momentum")])
    np.testing.assert_allclose(places, walk([0.5] * 4, schedule.sample(4)), rtol=1e-6)


def test_train_on_batch_and_loops_of_ones_own():
    model = line(sgd())
    callbacks = [ScheduleCallback(S), ScheduleCallback(MOMENTUM, "momentum")]
    for callback in callbacks:
        callback.set_model(model)
    found = moves(model, 12, lambda i: [callback.on_train_batch_begin(i) for callback in callbacks])
    expected = -np.diff([0.0, *walk(S.sample(12), MOMENTUM.sample(12))])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_a_callback_list_in_a_loop_of_ones_own():
    model, watch = line(sgd()), Watch()
    callbacks = keras.callbacks.CallbackList([ScheduleCallback(S, unit="epoch"), watch], model=model)
    callbacks.on_train_begin()
    for epoch in range(3):
        callbacks.on_epoch_begin(epoch)
        for batch in range(2):
            callbacks.on_train_batch_begin(batch)
            callbacks.on_train_batch_end(batch, {"loss": model.train_on_batch(X, Y)})
        callbacks.on_epoch_end(epoch, {})
    callbacks.on_train_end()
    assert watch.epochs == [S(0), S(1), S(2)] and weight(model) != 0


@on_jax
def test_a_loop_of_ones_own_in_jax():
    import jax

    optimizer, variables = sgd(), [keras.Variable(0.0)]
    optimizer.build(variables)
    model = line(optimizer)
    callback = ScheduleCallback(MOMENTUM, "momentum")
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    step = jax.jit(lambda state, w: optimizer.stateless_apply(state, [w[0] * 0 + 1.0], w))
    state, w, places = [v.value for v in optimizer.variables], [variables[0].value], []
    for _ in range(6):
        w, state = step(state, w)
        places.append(float(w[0]))
    np.testing.assert_allclose(places, walk([0.5] * 6, MOMENTUM.sample(6)), rtol=1e-5)


# ---- resuming


@pytest.mark.parametrize("k", [None, 2])
def test_a_second_fit_goes_on_where_the_first_stopped(k):
    model, watch = line(sgd(gradient_accumulation_steps=k)), Watch()
    for start in (0, 2):
        fit(
            model,
            2,
            start + 2,
            [ScheduleCallback(S), ScheduleCallback(MOMENTUM, "momentum"), watch],
            initial_epoch=start,
        )
    assert watch.batches == [S(i // (k or 1)) for i in range(8)]
    count = 8 // (k or 1)
    assert weight(model) == pytest.approx(walk(S.sample(count), MOMENTUM.sample(count))[-1], rel=1e-5)


@pytest.mark.parametrize("k", [None, 2])
def test_a_new_optimizer_begins_at_the_initial_epoch(k):
    watch, momenta = Watch(), Watch("momentum")
    model = line(sgd(gradient_accumulation_steps=k))
    callbacks = [ScheduleCallback(S), ScheduleCallback(MOMENTUM, "momentum"), watch, momenta]
    fit(model, 2, 5, callbacks, initial_epoch=2)
    fit(model, 2, 6, callbacks, initial_epoch=5)
    steps = [i // (k or 1) for i in range(4, 12)]
    assert watch.batches == [S(t) for t in steps] and momenta.batches == [MOMENTUM(t) for t in steps]
    used = sorted(set(steps))
    assert weight(model) == pytest.approx(walk([S(t) for t in used], [MOMENTUM(t) for t in used])[-1], rel=1e-5)


def test_a_new_optimizer_in_the_middle_of_unknown_epochs_is_an_error():
    model = line(sgd())
    generator = ((X, Y) for _ in range(4))
    with pytest.raises(lrs.ScheduleError, match=r"steps_per_epoch must be known to begin a new optimizer at epoch 2"):
        model.fit(generator, initial_epoch=2, epochs=3, shuffle=False, verbose=0, callbacks=[ScheduleCallback(S)])


class Stop(keras.callbacks.Callback):
    def __init__(self, epoch, batch):
        super().__init__()
        self.place, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.place:
            raise KeyboardInterrupt


@pytest.mark.parametrize("frequency", ["epoch", 1])
@pytest.mark.parametrize("unit", ["step", "epoch"])
def test_backup_and_restore(tmp_path, frequency, unit):
    def run(*more):
        model, watch, momenta = line(sgd()), Watch(), Watch("momentum")
        backup = keras.callbacks.BackupAndRestore(tmp_path, save_freq=frequency)
        schedules = [ScheduleCallback(S, unit=unit), ScheduleCallback(MOMENTUM, "momentum", unit=unit)]
        with contextlib.suppress(KeyboardInterrupt):
            fit(model, 4, 3, [*schedules, watch, momenta, backup, *more])
        return watch.batches, momenta.batches, weight(model)

    first = run(Stop(1, 2))
    seen = 6 if frequency == 1 else 4
    rates, momenta, place = run()
    assert len(first[0]) == 6 and len(rates) == 8
    steps = list(range(seen, seen + 8)) if unit == "step" else [1] * 4 + [2] * 4
    before = list(range(seen)) if unit == "step" else ([0] * 4 + [1] * 4)[:seen]
    assert rates == [S(t) for t in steps] and momenta == [MOMENTUM(t) for t in steps]
    whole = before + steps
    assert place == pytest.approx(walk([S(t) for t in whole], [MOMENTUM(t) for t in whole])[-1], rel=1e-5)


def test_checkpoints_are_made_during_the_run_and_load(tmp_path):
    model = line(sgd())
    save = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    fit(model, callbacks=[ScheduleCallback(S), ScheduleCallback(MOMENTUM, "momentum"), save])
    from keras_models import mean_of_predictions

    loaded = keras.models.load_model(tmp_path / "2.keras", {"mean_of_predictions": mean_of_predictions})
    assert loaded.optimizer.momentum == MOMENTUM(7)
    places = fit(loaded, 4, 3, [ScheduleCallback(S), ScheduleCallback(MOMENTUM, "momentum")], initial_epoch=2)
    assert places == [weight(model)]


# ---- wrappers


def test_loss_scaling_is_seen_through():
    model, watch = line(keras.optimizers.LossScaleOptimizer(sgd(), initial_scale=4.0)), Watch()
    fit(model, callbacks=[ScheduleCallback(S), ScheduleCallback(MOMENTUM, "momentum"), watch])
    assert watch.batches == [S(t) for t in range(12)]
    assert weight(model) == pytest.approx(walk(S.sample(12), MOMENTUM.sample(12))[-1], rel=1e-5)


def test_an_update_that_is_skipped_does_not_count():
    model = line(keras.optimizers.LossScaleOptimizer(sgd(), initial_scale=4.0))
    watch = Watch()
    x = np.ones((4, 1), "float32")
    x[1] = np.inf
    model.fit(x, Y.repeat(4, 0), batch_size=1, shuffle=False, verbose=0,
              callbacks=[ScheduleCallback(S), ScheduleCallback(MOMENTUM, "momentum"), watch])  # fmt: skip
    assert watch.batches == [S(0), S(1), S(1), S(2)]
    assert weight(model) == pytest.approx(walk(S.sample(3), MOMENTUM.sample(3))[-1], rel=1e-5)


def test_several_optimizers_in_one():
    parts = [keras.optimizers.SGD(0.5, momentum=0.9), keras.optimizers.Adam(0.5)]
    chosen = keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(parts[0], {".*b/.*": parts[1]}))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="a"), keras.layers.Dense(1, name="b")])
    model.compile(chosen, loss="mse")
    watch = Watch()
    fit(model, callbacks=[ScheduleCallback(S), watch])
    assert watch.batches == [S(t) for t in range(12)]
    for part in parts:
        assert float(keras.ops.convert_to_numpy(part.learning_rate)) == pytest.approx(S(11), rel=1e-6)


@on_jax
def test_several_steps_in_one_execution():
    model = line(sgd(), steps_per_execution=3)
    places = fit(model, 6, 2, [ScheduleCallback(MOMENTUM, "momentum")])
    np.testing.assert_allclose(places, walk([0.5] * 12, MOMENTUM.sample(12))[5::6], rtol=1e-5)
    with pytest.raises(lrs.ScheduleError, match=r"steps_per_execution must be 1 .* got 3; give the optimizer Learning"):
        fit(line(sgd(), steps_per_execution=3), callbacks=[ScheduleCallback(S)])


# ---- mistakes


def test_mistakes_are_named_when_fit_starts():
    def refused(message, *callbacks, optimizer=None):
        model = line(optimizer or sgd())
        with pytest.raises(lrs.ScheduleError, match=message):
            fit(model, callbacks=callbacks)
        assert weight(model) == 0.0

    refused(r"hyperparameter must be one that '\w+' has: learning_rate, .*momentum.* got 'momentun \(did you mean momentum", ScheduleCallback(S, "momentun"))  # fmt: skip
    refused(r"got 'beta_1", ScheduleCallback(S, "beta_1"))
    refused(r"got 'nesterov", ScheduleCallback(S, "nesterov"))
    refused(r"got 'gradient_accumulation_steps", ScheduleCallback(S, "gradient_accumulation_steps"))
    refused("momentum of .* must be made > 0", ScheduleCallback(S, "momentum"), optimizer=keras.optimizers.SGD(0.1))
    refused("two callbacks set momentum", ScheduleCallback(S, "momentum"), ScheduleCallback(MOMENTUM, "momentum"))
    for rate in (LearningRate(S), keras.optimizers.schedules.CosineDecay(0.1, 10)):
        refused(r"is itself a schedule, .*; give the optimizer a number", ScheduleCallback(S),
                optimizer=keras.optimizers.SGD(rate))  # fmt: skip


def test_mistakes_are_named_when_the_callback_is_made():
    with pytest.raises(lrs.ScheduleError, match="unit must be one of 'step', 'epoch', 'sample', got 'batch'"):
        ScheduleCallback(S, unit="batch")
    with pytest.raises(TypeError, match="schedule must be a schedule, a number or a text"):
        ScheduleCallback(keras.optimizers.schedules.CosineDecay(0.1, 10))
    with pytest.raises(TypeError, match="hyperparameter must be the name of an attribute"):
        ScheduleCallback(S, 3)
    callback = ScheduleCallback(S)
    callback.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    with pytest.raises(lrs.ScheduleError, match="call compile first"):
        callback.on_train_begin()


def test_a_number_is_a_constant_schedule():
    watch = Watch("momentum")
    fit(line(sgd()), 2, 1, [ScheduleCallback(0.5, "momentum"), watch])
    assert watch.batches == [0.5, 0.5]


RESTORED = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
import keras
from keras_models import data, line
import lrsched as lrs
from lrsched_keras import LearningRate, ScheduleCallback
s = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(9, end=0.1))
folder, killed = sys.argv[2], sys.argv[3] == "killed"

class Log(keras.callbacks.Callback):
    def __init__(self, name, end):
        super().__init__()
        self.name, self.end = name, end
    def on_train_batch_begin(self, batch, logs=None):
        self.used = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
    def on_train_batch_end(self, batch, logs=None):
        print(json.dumps([self.name, self.used, logs.get("learning_rate")]), flush=True)
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2 and killed:
            self.end()

def interrupt():
    raise KeyboardInterrupt

for k in (1, 3):
    accumulation = k if k > 1 else None
    for name, rate in (("schedule", LearningRate(s, k)), ("callback", 0.5)):
        model = line(keras.optimizers.SGD(rate, gradient_accumulation_steps=accumulation))
        callbacks = [ScheduleCallback(s)] if name == "callback" else []
        last = (name, k) == ("callback", 3)
        end = (lambda: os.kill(os.getpid(), signal.SIGKILL)) if last else interrupt
        backup = keras.callbacks.BackupAndRestore(f"{folder}/{name}{k}")
        try:
            model.fit(*data(4), batch_size=1, epochs=4, verbose=0, callbacks=[*callbacks, Log(f"{name}{k}", end), backup])
        except KeyboardInterrupt:
            pass
"""


def test_the_rates_of_runs_that_are_killed_and_restored(tmp_path):
    """In two processes, by schedule and by callback, with and without accumulation."""
    root = Path(__file__).resolve().parent.parent.parent
    path = os.pathsep.join([str(root), str(root / "adapters"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "KERAS_BACKEND": BACKEND}

    def run(how):
        command = [sys.executable, "-c", RESTORED, str(Path(__file__).parent), str(tmp_path), how]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == (-9 if how == "killed" else 0), done.stderr
        return [json.loads(row) for row in done.stdout.splitlines()]

    rows = run("killed") + run("restored")
    for k in (1, 3):
        for name in ("schedule", "callback"):
            found = [row for row in rows if row[0] == f"{name}{k}"]
            expected = [S(i // k) for i in range(16)]
            np.testing.assert_allclose([used for _, used, _ in found], expected, rtol=5e-7)
            assert [logged for _, _, logged in found] == (expected if name == "callback" else [None] * 16)
