"""Rates by groups of variables in Keras: what each variable's update used, saved and loaded, with callbacks."""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lrsched as lrs

keras = pytest.importorskip("keras")
from keras_models import Watch, mean_of_predictions  # noqa: E402

from lrsched_keras import GroupedOptimizer, LearningRate, PlateauCallback, ScheduleCallback, range_test  # noqa: E402

BACKEND = keras.backend.backend()
ROOT = Path(__file__).resolve().parent.parent.parent
S = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(9, end=0.1))
RATES = {"*head/*": S, "*block_{0..1}/*": 0.5 * S, "*": 0.25}
NAMES = ["embed", "block_0", "block_1", "head"]


class Free(keras.layers.Layer):
    """A weight that is added to every input, so that its gradient is 1."""

    def build(self, shape):
        self.w = self.add_weight(name="w", shape=(), initializer="zeros")
        self.built = True

    def call(self, inputs):
        return inputs + self.w


def model(optimizer, **arguments):
    made = keras.Sequential([keras.Input((1,)), *(Free(name=name) for name in NAMES)])
    made.compile(optimizer, loss=mean_of_predictions, **arguments)
    return made


def places(made):
    return [float(keras.ops.convert_to_numpy(v)) for v in made.trainable_variables]


class Places(keras.callbacks.Callback):
    """How far each batch moved each weight, downwards."""

    def __init__(self):
        super().__init__()
        self.moves = []

    def on_train_batch_begin(self, batch, logs=None):
        self.before = places(self.model)

    def on_train_batch_end(self, batch, logs=None):
        self.moves.append(np.subtract(self.before, places(self.model)))


def fit(made, batches=6, epochs=2, callbacks=(), **arguments):
    watch = Places()
    x, y = np.ones((batches, 1), "float32"), np.zeros((batches, 1), "float32")
    options = {"batch_size": 1, "verbose": 0, "shuffle": False} | arguments
    made.fit(x, y, epochs=epochs, callbacks=[watch, *callbacks], **options)
    return np.array(watch.moves)


def close(found, schedules, steps):
    expected = [[s if isinstance(s, float) else s(t) for s in schedules] for t in steps]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


ORDER = [0.25, 0.5 * S, 0.5 * S, S]


@pytest.mark.parametrize("how", [{}, {"run_eagerly": True}], ids=str)
def test_each_variable_is_updated_at_the_rate_of_its_group(how):
    optimizer = GroupedOptimizer(keras.optimizers.SGD(), learning_rate=RATES)
    close(fit(model(optimizer, **how)), ORDER, range(12))
    assert optimizer.labels == ("*", "*block_{0..1}/*", "*head/*")
    assert optimizer.rates == pytest.approx({"*": 0.25, "*block_{0..1}/*": 0.5 * S(12), "*head/*": S(12)}, rel=1e-6)


def test_with_accumulated_gradients_schedules_count_updates():
    optimizer = GroupedOptimizer(keras.optimizers.SGD(gradient_accumulation_steps=2), learning_rate=RATES)
    found = fit(model(optimizer), epochs=4)
    assert not found[::2].any()
    close(found[1::2], ORDER, range(12))


def test_layers_and_unfreezing_are_groups_like_any_other():
    layers = lrs.grouping.layer_patterns("*embed/*", "*block_{0..1}/*", "*head/*")
    rates = lrs.unfreezing(lrs.layerwise(S, len(layers), 0.5), 2)
    optimizer = GroupedOptimizer(keras.optimizers.SGD(), learning_rate=dict(zip(layers, rates, strict=True)))
    found = fit(model(optimizer))
    close(found, rates, range(12))
    assert [int(np.flatnonzero(column)[0]) for column in found.T] == [7, 5, 3, 1]  # the warm-up of each begins at 0


def test_discriminative_rates_by_names_of_groups():
    rates = lrs.discriminative(S, {"head": 1.0, "body": 0.1})
    groups = {"head": "*head/*", "body": ["*embed/*", re.compile(r"block_\d/")]}
    optimizer = GroupedOptimizer(keras.optimizers.SGD(), groups, learning_rate=rates)
    close(fit(model(optimizer)), [0.1 * S, 0.1 * S, 0.1 * S, S], range(12))
    assert optimizer.labels == ("body", "head")


@pytest.mark.parametrize("kind", ["AdamW", pytest.param("Nadam", marks=pytest.mark.heavy)])
def test_other_numbers_by_patterns_of_their_own(kind):
    """Each group does what an optimizer of its own does; what no hyperparameter names is the template's."""
    template = getattr(keras.optimizers, kind)(0.5, beta_1=0.8, weight_decay=0.3)
    decay = {"*{embed,block_0}/*": 0.2, "*": 0.0}
    optimizer = GroupedOptimizer(template, learning_rate=RATES, weight_decay=decay, beta_2=0.9)
    made = model(optimizer)
    for variable in made.trainable_variables:
        variable.assign(2.0)
    fit(made)
    assert len(optimizer.labels) == 4 and "*block_{0..1}/* & *{embed,block_0}/*" in optimizer.labels
    expected = []
    for rate, fall in zip(ORDER, (0.2, 0.2, 0.0, 0.0), strict=True):
        rate = rate if isinstance(rate, float) else LearningRate(rate)
        alone = model(getattr(keras.optimizers, kind)(rate, beta_1=0.8, beta_2=0.9, weight_decay=fall),
                      run_eagerly=True)  # fmt: skip
        alone.trainable_variables[0].assign(2.0)
        fit(alone)
        expected.append(places(alone)[0])
    np.testing.assert_allclose(places(made), expected, rtol=1e-5)


@pytest.mark.parametrize("scale", [None, 4.0])
def test_the_global_norm_is_that_of_all_groups(scale):
    template = keras.optimizers.SGD(0.5, global_clipnorm=1.0)
    optimizer = GroupedOptimizer(template, learning_rate={"*head/*": 1.0, "*": 0.5}, loss_scale_factor=scale)
    found = fit(model(optimizer), 2, 1)
    np.testing.assert_allclose(found, [[0.25, 0.25, 0.25, 0.5]] * 2, rtol=1e-5)  # four gradients of 1: each is halved
    small = GroupedOptimizer(keras.optimizers.SGD(0.5, global_clipnorm=9.0), learning_rate={"*": 1.0})
    np.testing.assert_allclose(fit(model(small), 2, 1), np.ones((2, 4)), rtol=1e-6)


def test_loss_scaling_is_seen_through():
    inner = GroupedOptimizer(keras.optimizers.SGD(), learning_rate=RATES)
    made = model(keras.optimizers.LossScaleOptimizer(inner, initial_scale=4.0))
    close(fit(made, callbacks=[PlateauCallback(lrs.Plateau(), "loss")]), ORDER, range(12))


def test_the_callbacks_drive_all_groups():
    optimizer = GroupedOptimizer(keras.optimizers.SGD(momentum=0.5), learning_rate=RATES)
    rule = lrs.Plateau(0.5, patience=0, threshold=100.0, threshold_mode="abs")
    made = model(optimizer)
    fit(made, 4, 4, [PlateauCallback(rule, "loss"), ScheduleCallback(0.25, "momentum")])
    scales = [1.0, 1.0, 0.5, 0.25]
    for place, rate in zip(places(made), ORDER, strict=True):
        speed = end = 0.0
        for t in range(16):
            speed = 0.25 * speed - (rate if isinstance(rate, float) else rate(t)) * scales[t // 4]
            end += speed
        assert place == pytest.approx(end, rel=1e-4)


@pytest.mark.parametrize("unit", ["step", "sample"])
def test_a_schedule_for_each_group_in_a_callback(unit):
    groups = {"head": "*head/*", "body": "*"}
    optimizer = GroupedOptimizer(keras.optimizers.SGD(0.1, momentum=0.9), groups)
    scale = 1 if unit == "step" else 4
    rates, momenta = {"head": S, "body": 0.5 * S}, {"head": 0.5 + 4 * S, "body": 0.25}
    options = {"unit": unit, "batch": 4 if unit == "sample" else None}
    callbacks = [ScheduleCallback(rates, **options)]
    callbacks.append(ScheduleCallback(momenta, "momentum", **options))
    made, watch = model(optimizer), Watch("momentum/head")
    fit(made, 4, 3, [*callbacks, watch])
    head, body = (lambda t: S(scale * t)), (lambda t: 0.5 * S(scale * t))
    ends = []
    for rate, momentum in ((body, lambda t: 0.25), (head, lambda t: 0.5 + 4 * head(t))):
        speed = end = 0.0
        for t in range(12):
            speed = momentum(t) * speed - rate(t)
            end += speed
        ends.append(end)
    np.testing.assert_allclose(places(made), [ends[0]] * 3 + [ends[1]], rtol=1e-5)
    assert watch.batches == pytest.approx([0.5 + 4 * head(t) for t in range(12)])
    history = made.history.history
    assert history["learning_rate/head"] == [head(t) for t in (3, 7, 11)]
    assert history["learning_rate/body"] == [body(t) for t in (3, 7, 11)]
    with pytest.raises(lrs.ScheduleError, match=r"schedule must be a dictionary by the groups of .* \(body, head\)"):
        fit(made, 1, 1, [ScheduleCallback({"head": S})])


def test_a_range_test_leaves_the_groups_as_they_were():
    optimizer = GroupedOptimizer(keras.optimizers.SGD(), learning_rate=RATES)
    made = model(optimizer)
    fit(made, 2, 1)
    before = places(made)
    x, y = np.ones((4, 1), "float32"), np.zeros((4, 1), "float32")
    found = range_test(made, x, y, steps=6, smallest=1e-3, largest=0.1, smoothing=0.0)
    np.testing.assert_allclose(-np.diff(found.losses), 4 * found.rates[:-1], rtol=1e-3)
    assert places(made) == before and made.optimizer is optimizer
    close(fit(made, 2, 1), ORDER, range(2, 4))


def test_the_configuration_is_plain_json():
    groups = {"head": ["*head/*", re.compile("HEAD", re.IGNORECASE)], "body": "*"}
    for given in (
        GroupedOptimizer(keras.optimizers.SGD(), learning_rate=RATES | {re.compile("a|b"): 1}),
        GroupedOptimizer(keras.optimizers.AdamW(), groups, learning_rate={"head": S}, beta_1=0.5, name="mine"),
        GroupedOptimizer(keras.optimizers.AdamW(LearningRate(S)), ["*a", "*"], weight_decay={"*a": 0.0}),
    ):
        stored = json.loads(json.dumps(keras.optimizers.serialize(given)))
        again = keras.optimizers.deserialize(stored)
        assert keras.optimizers.serialize(again) == stored
        assert again._given.values == given._given.values and again._given.groups == given._given.groups


LOADED = """
import sys, json, keras, lrsched_keras
sys.path.insert(0, sys.argv[2])
from test_keras_groups import Free, fit, mean_of_predictions
objects = {"Free": Free, "mean_of_predictions": mean_of_predictions}
model = keras.models.load_model(sys.argv[1], custom_objects=objects)
print(json.dumps([fit(model, 6, 1).tolist(), model.optimizer.rates]))
"""


def test_a_saved_model_goes_on_in_another_process(tmp_path):
    optimizer = GroupedOptimizer(keras.optimizers.SGD(momentum=0.5), learning_rate=RATES)
    made = model(optimizer)
    fit(made, 4, 1)
    made.save(tmp_path / "model.keras")
    command = [sys.executable, "-c", LOADED, str(tmp_path / "model.keras"), str(Path(__file__).parent)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "adapters"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "KERAS_BACKEND": BACKEND}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found, rates = json.loads(done.stdout.splitlines()[-1])
    assert found == fit(made, 6, 1).tolist() and rates == optimizer.rates


class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_a_run_that_is_stopped_and_restored_goes_on(tmp_path):
    def run(*more):
        made = model(GroupedOptimizer(keras.optimizers.SGD(), learning_rate=RATES))
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        with contextlib.suppress(KeyboardInterrupt):
            return fit(made, 3, 4, [backup, *more]), places(made)

    assert run(Stop()) is None
    found, ends = run()
    close(found, ORDER, range(6, 12))
    np.testing.assert_allclose(ends, [-sum(r if isinstance(r, float) else r(t) for t in range(12)) for r in ORDER],
                               rtol=1e-5)  # fmt: skip


def test_groups_in_a_loop_of_ones_own():
    x, y = np.ones((1, 1), "float32"), np.zeros((1, 1), "float32")
    unbuilt = keras.Sequential([Free(name=name) for name in NAMES])
    callback = ScheduleCallback(0.25, "momentum")
    for made in (unbuilt, model(None)):
        optimizer = GroupedOptimizer(keras.optimizers.SGD(momentum=0.5), learning_rate=RATES)
        made.compile(optimizer, loss=mean_of_predictions)
        callback.set_model(made)
        if made is unbuilt:
            with pytest.raises(lrs.ScheduleError, match=r"groups of .* are not known before the model is built: give"):
                callback.on_train_batch_begin(0)
            continue
        for i in range(3):
            callback.on_train_batch_begin(i)
            made.train_on_batch(x, y)
    speeds, ends = [0.0] * 4, [0.0] * 4
    for t in range(3):
        speeds = [0.25 * v - (r if isinstance(r, float) else r(t)) for v, r in zip(speeds, ORDER, strict=True)]
        ends = [place + v for place, v in zip(ends, speeds, strict=True)]
    np.testing.assert_allclose(places(made), ends, rtol=1e-5)


def test_mistakes_are_named():
    def refused(message, *arguments, error=lrs.ScheduleError, **hyperparameters):
        with pytest.raises(error, match=message):
            fit(model(GroupedOptimizer(*arguments, **hyperparameters)))

    sgd = keras.optimizers.SGD
    refused("learning_rate must be patterns that match every parameter .* got .*embed/w", sgd(), learning_rate={"*head/*": S})  # fmt: skip
    refused(r"got 'head' \(it matches none of them; did you mean '\*/head/\*'\?\)", sgd(), learning_rate={"head": S, "*": S})  # fmt: skip
    refused("hyperparameters must be numbers of the optimizer: learning_rate, .*got beta_1|got 'beta_1'", sgd(), beta_1={"*": 0.5})  # fmt: skip
    refused("groups must be patterns, unless a hyperparameter", sgd(), error=TypeError, learning_rate=S)
    refused("groups must be several patterns", sgd(), "*", error=TypeError)
    refused("learning_rate must be a dictionary by group names: a, got 'b'", sgd(), {"a": "*"}, learning_rate={"b": S})
    refused(r"weight_decay\['\*'\] must be a number \(a ScheduleCallback", sgd(), error=TypeError, weight_decay={"*": S})  # fmt: skip
    refused(r"learning_rate\['\*'\] must be a schedule \(profile", sgd(), error=TypeError, learning_rate={"*": lrs.cosine()})  # fmt: skip
    refused("optimizer must be one plain optimizer", keras.optimizers.LossScaleOptimizer(sgd()), ["*"], error=TypeError)
    refused("global_clipnorm must be None where", sgd(global_clipnorm=1.0, gradient_accumulation_steps=2), ["*"])


BEFORE = """
import keras
vars(keras.optimizers).pop("MultiOptimizer", None)
from lrsched_keras import GroupedOptimizer, LearningRate, ScheduleCallback
import lrsched as lrs
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(LearningRate(lrs.warmup(4))), "mse")
model.fit(keras.ops.ones((2, 1)), keras.ops.ones((2, 1)), verbose=0)
try:
    GroupedOptimizer(keras.optimizers.SGD(), learning_rate={"*": 0.1})
except ImportError as error:
    print(error)
"""


def test_before_keras_has_an_optimizer_of_several_the_rest_works():
    done = subprocess.run([sys.executable, "-c", BEFORE], capture_output=True, text=True, check=True)
    assert re.search(r"^GroupedOptimizer needs keras>=3\.15, this is [0-9.]+$", done.stdout, re.MULTILINE)


def test_text_and_data_in_the_place_of_schedules():
    text = {"*head/*": S.to_dict(), "*block_{0..1}/*": repr(0.5 * S), "*": "0.25"}
    optimizer = GroupedOptimizer(keras.optimizers.SGD(), learning_rate=text)
    close(fit(model(optimizer), epochs=1), ORDER, range(6))
    same = GroupedOptimizer(keras.optimizers.SGD(), list(RATES), learning_rate=S.to_dict())
    close(fit(model(same), epochs=1), [S] * 4, range(6))
    with pytest.raises(lrs.ScheduleError, match=r"learning_rate\['\*'\]: 'cosine' must be called"):
        GroupedOptimizer(keras.optimizers.SGD(), learning_rate=text | {"*": "cosine"})
