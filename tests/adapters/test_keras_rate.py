"""The rate of a Keras optimizer: its values, in compiled steps, under accumulation, saved and loaded."""

import copy
import importlib.util
import json
import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lrsched as lrs

keras = pytest.importorskip("keras")
from keras_models import X, Y, data, line, moves, weight  # noqa: E402

import strategies  # noqa: E402
from lrsched_keras import LearningRate, ScheduleCallback  # noqa: E402

BACKEND = keras.backend.backend()
ROOT = Path(__file__).resolve().parent.parent.parent
S = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(7, end=0.1))
LONG = [2**24 - 1, 2**24, 2**24 + 1, 2**24 + 2, 10**9, 10**9 + 1, 2**31 - 2]
on_tensors = pytest.mark.skipif(BACKEND == "jax", reason="JAX has a target of its own")
on_torch = pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's own way")


def close(found, expected, ulp=4):
    np.testing.assert_allclose(np.asarray(found, float), expected, rtol=ulp * 2.0**-23, atol=0)


@pytest.mark.parametrize("step", [int, keras.Variable, keras.ops.convert_to_tensor])
def test_the_value_at_any_kind_of_step(step):
    rate = LearningRate(S)
    kind = {} if step is int else {"dtype": "int32"}
    kind |= {"trainable": False} if step is keras.Variable else {}
    close([rate(step(t, **kind)) for t in range(12)], S.sample(12))


@pytest.mark.parametrize(
    "schedule",
    [
        lrs.multi_step(LONG, gamma=0.5),
        lrs.linear().over(2**31 - 1),
        lrs.cosine().over(10**9).restarted(),
        lrs.step_decay(2**24 + 1, 0.75),
    ],
    ids=["multi_step", "linear", "restarted", "step_decay"],
)
def test_every_step_has_its_own_value(schedule):
    rate = LearningRate(schedule)
    close([rate(keras.ops.convert_to_tensor(t, "int32")) for t in LONG], [schedule(t) for t in LONG])


def test_an_optimizer_far_into_a_run_switches_at_the_very_step():
    rate = LearningRate(lrs.piecewise([2**24 + 1], [1.0, 0.5]))
    model = line(keras.optimizers.SGD(rate))
    model.optimizer.build(model.trainable_variables)
    model.optimizer.variables[0].assign(2**24 - 1)
    close(moves(model, 4), [1.0, 1.0, 0.5, 0.5])


@pytest.mark.parametrize("how", [{}, {"run_eagerly": True}, {"jit_compile": False}], ids=str)
def test_every_update_of_fit_uses_its_rate(how):
    model, places = line(keras.optimizers.SGD(LearningRate(S)), **how), [0.0]
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: places.append(weight(model)))
    model.fit(X, Y, epochs=12, verbose=0, callbacks=[keep])
    np.testing.assert_allclose(-np.diff(places), S.sample(12), atol=1e-7)


@pytest.mark.parametrize("optimizer", ["Adam", "AdamW", "RMSprop", "Lion"])
def test_optimizers_take_it_as_they_take_a_number(optimizer):
    one = line(getattr(keras.optimizers, optimizer)(LearningRate(lrs.constant(0.01))))
    other = line(getattr(keras.optimizers, optimizer)(0.01))
    np.testing.assert_allclose(moves(one, 3), moves(other, 3), rtol=1e-5)


@pytest.mark.parametrize("k", [2, 3])
def test_under_accumulation_the_rate_follows_updates(k):
    model = line(keras.optimizers.SGD(LearningRate(S, accumulation=k), gradient_accumulation_steps=k))
    found = moves(model, 8 * k)
    np.testing.assert_allclose(found[k - 1 :: k], S.sample(8), atol=1e-7)
    assert not found.reshape(8, k)[:, :-1].any()


def test_a_schedule_over_samples_with_growing_batches():
    batch, samples = lrs.piecewise([3], [8, 32]), 0.1 * lrs.linear().over(200)
    model = line(keras.optimizers.SGD(LearningRate(lrs.units.in_updates(samples, batch, 6))))
    np.testing.assert_allclose(moves(model, 6), [samples(n) for n in (0, 8, 16, 24, 56, 88)], atol=1e-7)


def test_loss_scaling_is_seen_through():
    inner = keras.optimizers.SGD(LearningRate(S))
    model = line(keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0))
    np.testing.assert_allclose(moves(model, 6), S.sample(6), atol=1e-7)


@pytest.mark.parametrize(("steps", "accumulation"), [(None, 2), (2, 1), (2, 4)])
@pytest.mark.parametrize("scaled", [False, True])
def test_a_mismatch_is_reported_when_training_starts(steps, accumulation, scaled):
    optimizer = keras.optimizers.SGD(LearningRate(S + 1.0, accumulation), gradient_accumulation_steps=steps)
    model = line(keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer)
    with pytest.raises(lrs.ScheduleError, match=f"accumulation must be {steps or 1},.*got {accumulation}"):
        model.fit(*data(3), batch_size=1, verbose=0)
    if BACKEND != "jax":  # JAX empties the variables while fit runs
        assert weight(model) == 0.0


def test_what_is_no_schedule_is_refused():
    with pytest.raises(TypeError, match=r"schedule \(profile.over\(steps\) makes one\), got cosine"):
        LearningRate(lrs.cosine())
    with pytest.raises(TypeError, match="schedule must be a schedule, a number or a text"):
        LearningRate([0.1])
    with pytest.raises(lrs.ScheduleError, match=r"LearningRate: schedule: 'cosine' must be called"):
        LearningRate("cosine")
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(lrs.ScheduleError, match="accumulation must be an integer >= 1"):
            LearningRate(S, wrong)
    assert LearningRate(0.5).schedule == lrs.constant(0.5)


def test_text_data_and_numbers_for_names():
    bound = LearningRate("0.1 * plan(total, warmup(0.25 * total), cosine())", 2, total=1e3)
    assert bound.schedule == 0.1 * lrs.plan(1000, lrs.warmup(250), lrs.cosine()) and bound.accumulation == 2
    assert LearningRate.from_config(json.loads(json.dumps(bound.get_config()))) == bound == LearningRate(
        bound.schedule.to_dict(), accumulation=2)  # fmt: skip
    assert LearningRate("3e-4").schedule == lrs.constant(3e-4)
    for wrong, numbers, message in (
        ("warmup(totl)", {"total": 9}, "totl.*total"),
        ("warmup(9)", {"total": 9}, "schedule must be a text that uses total"),
        (S, {"total": 9}, "schedule must be a text that uses the names given"),
        ("warmup(total)", {"total": -1}, "steps must be an integer >= 0"),
    ):
        with pytest.raises(lrs.ScheduleError, match=message):
            LearningRate(wrong, **numbers)


def test_numbers_for_names_in_callbacks():
    callback = ScheduleCallback("warmup(epoch)", unit="epoch", epoch=5)
    assert callback.schedule == lrs.warmup(5)
    assert ScheduleCallback(S.to_dict()).schedule == S
    texts = {"*kernel": "warmup(epoch)", "*": "linear().over(total)", "*bias": 0.5}
    assert ScheduleCallback(texts, epoch=5, total=9).schedule == {
        "*kernel": lrs.warmup(5), "*": lrs.linear().over(9), "*bias": lrs.constant(0.5)}  # fmt: skip
    with pytest.raises(lrs.ScheduleError, match="schedule must be texts that use epochs"):
        ScheduleCallback(texts, epoch=5, total=9, epochs=3)
    with pytest.raises(lrs.ScheduleError, match=r"schedule\['\*'\]: unknown name 'total'"):
        ScheduleCallback(texts, epoch=5)


def test_a_schedule_in_the_place_of_a_rate_names_what_makes_it_one():
    """Optax takes a schedule as it is; Keras calls what it is given without the count."""
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.learning_rate = S
    for wrong in (keras.optimizers.SGD(S), keras.optimizers.SGD(learning_rate=S), optimizer):
        with pytest.raises(lrs.ScheduleError, match=r"takes lrsched_keras\.LearningRate\(schedule\) as its rate"):
            line(wrong).fit(X, Y, verbose=0)
        with pytest.raises(TypeError, match=r"step must be given, schedule\(t\)"):
            float(wrong.learning_rate)
    with pytest.raises(TypeError, match=r"LearningRate\(profile\.over\(steps\)\)"):
        line(keras.optimizers.SGD(0.1 * lrs.cosine())).fit(X, Y, verbose=0)


@pytest.mark.parametrize("number", ["learning_rate", "momentum"])
def test_a_schedule_in_the_place_of_a_rate_is_named_by_callbacks_too(number):
    model = line(keras.optimizers.SGD(S, momentum=0.9))
    with pytest.raises(
        lrs.ScheduleError, match=r"the learning rate of .* must be a number, or LearningRate\(schedule\)"
    ):
        model.fit(X, Y, verbose=0, callbacks=[ScheduleCallback(S, number)])


def test_no_step_comes_before_the_first():
    """A whole number is refused or counts as 0, and a tensor counts as 0: no rate is below those of the schedule."""
    close(LearningRate(1.0 + lrs.warmup(10))(keras.ops.convert_to_tensor(0)), 1.0)
    try:
        close(LearningRate(1.0 + lrs.warmup(10))(-3), 1.0)
    except lrs.ScheduleError as error:
        assert BACKEND == "torch" and "got -3" in str(error)


def test_a_tensor_as_the_step_names_what_takes_it():
    values = [keras.Variable(5, dtype="int32", trainable=False)]
    values += [] if BACKEND == "jax" else [keras.ops.convert_to_tensor(5), keras.ops.convert_to_tensor(5.0)]
    taker = {"tensorflow": r"lrsched_keras\.LearningRate", "torch": r"lrsched_torch\.Scheduler"}
    for value in values:
        name = r"lrsched_keras\.LearningRate" if isinstance(value, keras.Variable) else taker[BACKEND]
        for expression in (S, lrs.cosine()):
            with pytest.raises(TypeError, match=f"array of them .*{name}"):
                expression(value)
        close(LearningRate(S)(value), S(5))


TRACED = """
import tensorflow as tf, lrsched as lrs, lrsched_keras
s = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(7))
rate = lrsched_keras.LearningRate(s)
for compiled in (tf.function(lambda t: rate(t)), tf.function(rate), tf.function(lambda t: rate(t), jit_compile=True)):
    assert abs(float(compiled(tf.constant(2))) - s(2)) < 1e-8
assert [round(float(x), 6) for x in tf.data.Dataset.range(3).map(rate)] == [round(s(t), 6) for t in range(3)]
for wrong in (lambda t: s(t), s):
    for staged in (lambda f: tf.function(f)(tf.constant(2)), lambda f: list(tf.data.Dataset.range(3).map(f))):
        try:
            staged(wrong)
        except lrs.ScheduleError as error:
            assert "lrsched_keras.LearningRate(schedule) takes tensors of TensorFlow" in str(error), error
        else:
            raise AssertionError
"""


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's own way")
def test_inside_a_traced_function_nothing_is_warned_of():
    path = os.pathsep.join([str(ROOT), str(ROOT / "adapters"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", TRACED], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "AutoGraph" not in done.stderr


def test_a_schedule_of_arrays_is_refused():
    jnp = pytest.importorskip("jax.numpy")
    with pytest.raises(lrs.ScheduleError, match="plain numbers"):
        LearningRate(lrs.constant(1.0) * jnp.float32(2.0))


@pytest.mark.parametrize("seed", range(6))
def test_the_configuration_is_plain_json(seed):
    rate = LearningRate(strategies.seeded(seed), accumulation=seed + 1)
    stored = json.loads(json.dumps(rate.get_config()))
    assert LearningRate.from_config(stored) == rate
    assert hash(LearningRate.from_config(stored)) == hash(rate)
    kept = keras.saving.serialize_keras_object(rate)
    assert keras.saving.deserialize_keras_object(json.loads(json.dumps(kept))) == rate


def test_it_is_copied_and_pickled():
    rate = LearningRate(S, 2)
    assert pickle.loads(pickle.dumps(rate)) == rate == copy.deepcopy(rate)
    assert float(pickle.loads(pickle.dumps(rate))(4)) == float(rate(4))


def test_an_optimizer_is_made_again_from_its_configuration():
    optimizer = keras.optimizers.Adam(LearningRate(S, 2), gradient_accumulation_steps=2)
    again = keras.optimizers.deserialize(json.loads(json.dumps(keras.optimizers.serialize(optimizer))))
    assert again.get_config() == optimizer.get_config()
    assert repr(again._learning_rate) == f"LearningRate({S!r}, accumulation=2)"


LOADED = """
import sys, json, keras, lrsched_keras
sys.path.insert(0, sys.argv[2])
from keras_models import moves, mean_of_predictions
model = keras.models.load_model(sys.argv[1], custom_objects={"mean_of_predictions": mean_of_predictions})
print(json.dumps(list(moves(model, 5))))
"""


def test_a_saved_model_goes_on_in_another_process(tmp_path):
    model = line(keras.optimizers.SGD(LearningRate(S), momentum=0.5))
    moves(model, 4)
    model.save(tmp_path / "model.keras")
    command = [sys.executable, "-c", LOADED, str(tmp_path / "model.keras"), str(Path(__file__).parent)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "adapters"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "KERAS_BACKEND": BACKEND}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == list(moves(model, 5))


@on_tensors
def test_the_arithmetic_on_tensors_is_that_of_the_host():
    steps = [0, 1, 2, 3, 5, 7, 10, 20, 40, 100, 1000, *strategies.BIG]
    for seed in range(150):
        schedule = strategies.seeded(seed, depth=3)
        expected = []
        for t in steps:
            try:
                expected.append(schedule(t))
            except lrs.ScheduleError:
                expected.append(np.nan)
        found = np.asarray(lrs.compile(schedule, "keras")(keras.ops.convert_to_tensor(steps, "float64")))
        size = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
        np.testing.assert_allclose(
            np.broadcast_to(found, len(steps)), expected, rtol=1e-9, atol=1e-12 * size, err_msg=repr(schedule)
        )


@on_tensors
def test_wide_products_are_exact_on_tensors():
    from lrsched_keras import _target

    rnd = random.Random(1)
    for _ in range(500):
        t, over = rnd.randrange(2**31), rnd.randrange(1, 2 ** rnd.randrange(1, 54))
        times, more = rnd.randrange(over), rnd.randrange(over)
        found = _target._divided(keras.ops.convert_to_tensor(t, "float64"), times, over, more)
        assert tuple(map(int, found)) == divmod(t * times + more, over)


@on_torch
@pytest.mark.parametrize(
    "schedule",
    [S, lrs.multi_step([3, 5, 7, 9]), lrs.table([0.1, 0.2, 0.4]), S.perturbed(0.1, 3)],
    ids=lambda s: s.kind_name,
)
def test_torch_compile_keeps_one_graph(schedule):
    import torch._dynamo.testing

    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounter()
    rate, count = LearningRate(schedule, 2), torch.zeros((), dtype=torch.int64)
    compiled = torch.compile(lambda t: rate(t), backend=counter, fullgraph=True)
    found = []
    for _ in range(20):
        found.append(float(compiled(count)))
        count += 1
    close(found, np.repeat(schedule.sample(10), 2), ulp=1)
    assert counter.frame_count == 1


GRAPH = """
import keras, numpy as np, lrsched as lrs, lrsched_keras
s = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(7))
x, y = np.ones((8, 1), "float32"), np.zeros((8, 1), "float32")
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
model.compile(keras.optimizers.SGD(lrsched_keras.LearningRate(s)), loss=lambda y, p: keras.ops.mean(p, axis=-1))
model.fit(x, y, batch_size=1, verbose=0)
assert abs(float(model.get_weights()[0][0, 0]) + s.sum(8)) < 1e-6
"""


@pytest.mark.skipif(
    BACKEND == "tensorflow" or importlib.util.find_spec("tensorflow") is None,
    reason="TensorFlow is not installed, or the backend of all these tests",
)
def test_the_rate_in_a_tensorflow_graph():
    path = os.pathsep.join([str(ROOT), str(ROOT / "adapters"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run([sys.executable, "-c", GRAPH], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
