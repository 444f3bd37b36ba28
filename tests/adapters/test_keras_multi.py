"""Schedules by pattern for Keras's own ``MultiOptimizer``."""

import re

import numpy as np
import pytest

import lrsched as lrs

keras = pytest.importorskip("keras")
if not hasattr(keras.optimizers, "MultiOptimizer"):
    pytest.skip("this Keras has none", allow_module_level=True)
from keras_models import Watch, data  # noqa: E402

from lrsched_keras import LearningRate, PlateauCallback, ScheduleCallback  # noqa: E402

S = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(9, end=0.1))
T = lrs.linear().over(12, 0.9, 0.5)


def sgd():
    return keras.optimizers.SGD(0.5, momentum=0.9)


def model(*patterns, default=None):
    """Layers a and b, with an optimizer for each pattern and a default one."""
    parts = [default or sgd(), *(sgd() for _ in patterns)]
    chosen = keras.optimizers.OptimizerMap(parts[0], dict(zip(patterns, parts[1:], strict=True)))
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="a"), keras.layers.Dense(1, name="b")])
    made.compile(keras.optimizers.MultiOptimizer(chosen), loss="mse")
    return made, parts


def fit(made, callbacks, epochs=3):
    return made.fit(*data(4), batch_size=1, epochs=epochs, verbose=0, callbacks=callbacks).history


def rate(optimizer):
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


@pytest.mark.parametrize("patterns", [("*b/*", "*"), (re.compile("/?b/"), "*a/*")], ids=["text", "regex"])
@pytest.mark.parametrize("name", ["learning_rate", "momentum"])
def test_each_optimizer_follows_the_pattern_of_its_variables(name, patterns):
    made, (first, second) = model(".*b/.*")
    labels = [p if isinstance(p, str) else p.pattern for p in patterns]
    watches = [Watch(f"{name}/{label}") for label in labels]
    fit(made, [ScheduleCallback({patterns[0]: S, patterns[1]: T}, name), *watches])
    assert watches[0].batches == [S(t) for t in range(12)] and watches[1].batches == [T(t) for t in range(12)]
    if name == "learning_rate":
        np.testing.assert_allclose([rate(first), rate(second)], [T(11), S(11)], rtol=1e-6)
    else:
        assert (first.momentum, second.momentum) == (T(11), S(11))


def test_it_trains_as_two_runs_by_hand():
    def by_hand(t, parts):
        parts[0].learning_rate, parts[1].learning_rate = T(t), S(t)

    ends = []
    for ours in (True, False):
        keras.utils.set_random_seed(1)
        made, parts = model(".*b/.*")
        if ours:
            fit(made, [ScheduleCallback({"*b/*": S, "*": T})])
        else:
            for t in range(12):
                by_hand(t, parts)
                made.train_on_batch(*data(1))
        ends.append([np.array(keras.ops.convert_to_numpy(v)) for v in made.trainable_variables])
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_one_pattern_may_take_several_optimizers_and_one_without_variables_is_left_alone():
    made, (rest, a, b) = model(".*a/.*", ".*b/.*")
    watch = Watch("learning_rate/*")
    fit(made, [ScheduleCallback({"*": S}), watch])
    assert watch.batches == [S(t) for t in range(12)]
    np.testing.assert_allclose([rate(rest), rate(a), rate(b)], [0.5, S(11), S(11)], rtol=1e-6)


def test_rules_scale_and_other_writers_are_noticed():
    keras.utils.set_random_seed(1)
    made, (_, second) = model(".*b/.*")
    rule = PlateauCallback(lrs.Plateau(factor=0.5, patience=0, threshold=1e9, threshold_mode="abs"), "loss")
    logs = fit(made, [ScheduleCallback({"*b/*": S, "*": 0.1 * T}), rule])
    assert logs["learning_rate/*b/*"] == [S(3), S(7), 0.5 * S(11)]
    change = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: setattr(second, "learning_rate", 0.7))
    with pytest.raises(lrs.ScheduleError, match=r"learning_rate of .* 0\.7 in the place of"):
        fit(made, [ScheduleCallback({"*b/*": S, "*": T}), change])


def test_mistakes_name_the_variables():
    def refused(message, schedule, made=None):
        made = made or model(".*b/.*")[0]
        with pytest.raises(lrs.ScheduleError, match=message):
            fit(made, [ScheduleCallback(schedule)])

    refused(r"patterns of which one takes all variables of '\w+' \(.*[ab]/kernel, .*[ab]/bias\), got \['\*kernel', '\*bias'\]",
            {"*kernel": S, "*bias": T})  # fmt: skip
    refused(r"patterns that match every parameter .*, got .*a/kernel", {"*b/*": S})
    refused(r"patterns that each decide for one .* got '\*c/\*'", {"*c/*": S, "*": T})
    made, _ = model(".*b/.*", default=keras.optimizers.SGD(LearningRate(S)))
    refused("is itself a schedule", {"*b/*": S, "*": T}, made)
    single = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    single.compile(keras.optimizers.SGD(0.1), loss="mse")
    refused("one schedule, as the model has one optimizer", {"*": S}, single)
