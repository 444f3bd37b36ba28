"""Another schedule in mid-run."""

import numpy as np
import pytest

import lrsched as lrs

keras = pytest.importorskip("keras")
from keras_models import Watch, X, Y, data, line, weight  # noqa: E402

from lrsched_keras import GroupedOptimizer, PlateauCallback, ScheduleCallback  # noqa: E402

OLD = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(9, end=0.1))
NEW = lrs.linear().over(20, 0.9, 0.5)


def sgd(**arguments):
    return keras.optimizers.SGD(0.5, momentum=0.9, **arguments)


class Replace(keras.callbacks.Callback):
    """Replaces the schedule of a callback after some batches."""

    def __init__(self, callback, schedule, batches):
        super().__init__()
        self.callback, self.schedule, self.left = callback, schedule, batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            self.callback.replace(self.schedule)


def walk(rates, momenta):
    place = speed = 0.0
    for rate, momentum in zip(rates, momenta, strict=True):
        speed = momentum * speed - rate
        place += speed
    return place


@pytest.mark.parametrize("name", ["learning_rate", "momentum"])
@pytest.mark.parametrize("unit", ["step", "epoch", "sample"])
def test_the_next_update_uses_the_new_schedule(name, unit):
    """What is logged and what the (compiled) update does."""
    old, batch = NEW / 2, 2 if unit == "sample" else None
    callback, model, watch = ScheduleCallback(old, name, unit, batch=batch), line(sgd()), Watch(name)
    model.fit(*data(4), batch_size=1, epochs=3, verbose=0, callbacks=[callback, watch, Replace(callback, NEW, 6)])
    if unit == "epoch":
        expected = [schedule(epoch) for epoch, schedule in ((0, old), (1, old), (2, NEW)) for _ in range(4)]
    else:
        expected = [(old if t < 6 else NEW)(2 * t if unit == "sample" else t) for t in range(12)]
    assert watch.batches == expected and callback.schedule == NEW
    fixed = [0.5 if name == "momentum" else 0.9] * 12
    both = (fixed, expected) if name == "momentum" else (expected, fixed)
    assert weight(model) == pytest.approx(walk(*both), rel=1e-5)


def test_a_run_that_grows_and_one_that_starts_again():
    for at, new in ((5, OLD.extended(5, 40)), (5, lrs.constant(0.2).warmup(4).delayed(5))):
        callback, watch = ScheduleCallback(OLD), Watch()
        model = line(sgd())
        model.fit(*data(12), batch_size=1, verbose=0, callbacks=[callback, watch, Replace(callback, new, at)])
        assert watch.batches == [(OLD if t < at else new)(t) for t in range(12)]


def test_a_rule_goes_on_scaling():
    rule = PlateauCallback(lrs.Plateau(factor=0.5, patience=0, threshold=1e9, threshold_mode="abs"), "loss")
    callback, watch = ScheduleCallback(OLD), Watch()
    more = [callback, rule, watch, Replace(callback, NEW, 9)]
    line(sgd()).fit(*data(4), batch_size=1, epochs=4, verbose=0, callbacks=more)
    scales = np.repeat([1.0, 1.0, 0.5, 0.25], 4)
    assert watch.batches == [(OLD if t < 9 else NEW)(t) * scales[t] for t in range(16)]


def test_before_and_between_runs_and_in_a_loop_of_ones_own():
    callback, model, watch = ScheduleCallback(OLD), line(sgd()), Watch()
    callback.replace("0.5 * warmup(total)", total=8)
    assert callback.schedule == 0.5 * lrs.warmup(8)
    model.fit(*data(4), batch_size=1, verbose=0, callbacks=[callback, watch])
    callback.replace(NEW.to_dict())
    model.fit(*data(4), batch_size=1, verbose=0, callbacks=[callback, watch])
    assert watch.batches == [(0.5 * lrs.warmup(8))(t) for t in range(4)] + [NEW(t) for t in range(4, 8)]
    momenta = ScheduleCallback(0.5, "momentum")
    momenta.set_model(model)
    places = [weight(model)]
    for i in range(4):
        if i == 2:
            momenta.replace(0.25)
        momenta.on_train_batch_begin(i)
        model.train_on_batch(X, Y)
        places.append(weight(model))
    speeds, rate = np.diff(places), NEW(7)
    np.testing.assert_allclose(speeds[1:], [0.5 * speeds[0] - rate, 0.25 * speeds[1] - rate, 0.25 * speeds[2] - rate], rtol=1e-5)  # fmt: skip


def test_groups_are_replaced_by_groups():
    lr = {"*kernel": OLD, "*bias": 0.5 * OLD}
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(GroupedOptimizer(keras.optimizers.SGD(0.1), list(lr), momentum={"*kernel": 0.5}), "mse")
    callback, watch = ScheduleCallback(lr), Watch("learning_rate/*bias")
    with pytest.raises(
        lrs.ScheduleError, match=r"ScheduleCallback.replace: schedule must be a dictionary by the groups"
    ):
        model.fit(*data(4), batch_size=1, verbose=0, callbacks=[callback, Replace(callback, {"*": NEW}, 2)])
    assert callback.schedule == lr
    more = [callback, watch, Replace(callback, {"*bias": NEW, "*kernel": NEW / 2}, 2)]
    model.fit(*data(4), batch_size=1, verbose=0, callbacks=more)
    assert watch.batches == [OLD(2) / 2, OLD(3) / 2, NEW(4), NEW(5)]


def test_what_is_no_schedule_changes_nothing():
    callback = ScheduleCallback(OLD)
    for wrong in (lrs.cosine(), "cosine", [0.1], {"*": OLD}):
        with pytest.raises(lrs.ScheduleError, match=r"ScheduleCallback.replace: schedule"):
            line(sgd()).fit(*data(4), batch_size=1, verbose=0, callbacks=[callback, Replace(callback, wrong, 2)])
        assert callback.schedule == OLD
