"""Schedules over samples and tokens in Keras, whose batches are of one size, of several, of a size that grows."""

import contextlib

import numpy as np
import pytest

import lrsched as lrs

keras = pytest.importorskip("keras")
from keras_models import Watch, X, Y, line, weight  # noqa: E402

from lrsched_keras import LearningRate, ScheduleCallback, SnapshotCallback  # noqa: E402

BACKEND = keras.backend.backend()
S = 0.1 * (lrs.warmup(20) >> lrs.cosine().over(80, end=0.1))
GROWING = lrs.piecewise([3, 6], [4, 8, 20])


def fit(model, rows, size, epochs, callbacks, **arguments):
    x, y = np.ones((rows, 1), "float32"), np.zeros((rows, 1), "float32")
    model.fit(x, y, batch_size=size, epochs=epochs, verbose=0, callbacks=callbacks, **arguments)
    return model


def batches(sizes):
    for size in sizes:
        yield np.repeat(X, size, 0), np.repeat(Y, size, 0)


@pytest.mark.parametrize("epoch", [0, 2])
def test_every_update_uses_the_value_after_the_samples_before_it(epoch):
    """Two updates of 4 rows and one of 2 in an epoch."""
    watch, model = Watch(), line(keras.optimizers.SGD(0.5))
    fit(model, 10, 4, 5, [ScheduleCallback(S, unit="sample", batch=[4, 4, 2]), watch], initial_epoch=epoch)
    seen = [10 * e + n for e in range(epoch, 5) for n in (0, 4, 8)]
    assert watch.batches == [S(n) for n in seen]
    assert weight(model) == pytest.approx(-sum(map(S, seen)), rel=1e-5)


@pytest.mark.parametrize("world", [1, 2, 8])
def test_one_curve_for_any_world_size(world):
    """What a process sees of a batch differs; what an update sees does not."""
    watch, mine = Watch(), 16 // world
    fit(line(keras.optimizers.SGD(0.5)), 8 * mine, mine, 1, [ScheduleCallback(S, unit="sample", batch=16), watch])
    assert watch.batches == [S(16 * t) for t in range(8)]


@pytest.mark.parametrize("k", [1, 2])
def test_a_batch_that_grows(k):
    sizes = [lrs.units.size(GROWING, t) for t in range(9)]
    watch, model = Watch(), line(keras.optimizers.SGD(0.5, gradient_accumulation_steps=k if k > 1 else None))
    data = batches([size // k for size in sizes for _ in range(k)])
    callbacks = [ScheduleCallback(S, unit="sample", batch=GROWING), watch]
    model.fit(data, epochs=1, steps_per_epoch=9 * k, shuffle=False, verbose=0, callbacks=callbacks)
    seen = lrs.units.seen(GROWING, 9).tolist()
    assert watch.batches == [S(n) for n in seen[:-1] for _ in range(k)]
    assert weight(model) == pytest.approx(-sum(map(S, seen[:-1])), rel=1e-5)
    compiled = line(keras.optimizers.SGD(LearningRate(lrs.units.in_updates(S, GROWING, 9))))
    compiled.fit(batches(sizes), epochs=1, steps_per_epoch=9, shuffle=False, verbose=0)
    assert weight(compiled) == pytest.approx(weight(model), rel=1e-5)


def test_accumulated_batches_of_several_sizes():
    """An update may span the end of an epoch."""
    watch, model = Watch(), line(keras.optimizers.SGD(0.5, gradient_accumulation_steps=2))
    fit(model, 10, 4, 4, [ScheduleCallback(S, unit="sample", batch=[4, 4, 2]), watch])
    assert watch.batches == [S(n) for n in (0, 0, 8, 8, 14, 14, 20, 20, 28, 28, 34, 34)]


def test_tokens_are_counted_one_by_one():
    counts = [7, 3, 12, 5, 0, 9]
    model, rate = line(keras.optimizers.SGD(0.5)), ScheduleCallback(S, unit="sample")
    rate.set_model(model)
    places = [0.0]
    for i, count in enumerate(counts):
        if i == 3:  # another process would begin here
            rate = ScheduleCallback(S, unit="sample")
            rate.seen = sum(counts[:3])
            rate.set_model(model)
        rate.on_train_batch_begin(i)
        model.train_on_batch(X, Y)
        rate.step(count)
        places.append(weight(model))
        assert rate.seen == sum(counts[: i + 1])
    expected = [S(n) for n in np.cumsum([0, *counts[:-1]]).tolist()]
    np.testing.assert_allclose(-np.diff(places), expected, rtol=1e-4, atol=1e-7)


def test_a_count_within_fit_and_one_that_is_missing():
    sizes = [4, 4, 2] * 2
    for k, seen in ((None, [0, 4, 8, 10, 14, 18]), (2, [0, 0, 8, 8, 14, 14])):
        watch, rate, left = Watch(), ScheduleCallback(S, unit="sample"), list(sizes)
        tell = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs, r=rate, n=left: r.step(n.pop(0)))
        fit(line(keras.optimizers.SGD(0.5, gradient_accumulation_steps=k)), 10, 4, 2, [rate, tell, watch])
        assert watch.batches == [S(n) for n in seen]
    with pytest.raises(lrs.ScheduleError, match=r"the last batch was not counted; give batch=..., or call step\(count"):
        fit(line(keras.optimizers.SGD(0.5)), 10, 4, 2, [ScheduleCallback(S, unit="sample")])


class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


def test_a_restored_run_goes_on_and_other_numbers_follow_samples(tmp_path):
    """The momentum too, which is a constant of compiled steps."""
    rule = 0.5 + 4 * S
    whole = line(keras.optimizers.SGD(0.5, momentum=0.9))

    def callbacks():
        options = {"unit": "sample", "batch": [4, 4, 2]}
        return [ScheduleCallback(S, **options), ScheduleCallback(rule, "momentum", **options)]

    compiled, make = [], whole.make_train_function
    whole.make_train_function = lambda force=False: (compiled.append(force), make(force))[1]
    fit(whole, 10, 4, 4, callbacks())
    assert sum(compiled) == (0 if BACKEND == "torch" else 2)  # when the run begins, and when it ends
    for more in ([Stop()], []):
        model, watch = line(keras.optimizers.SGD(0.5, momentum=0.9)), Watch("momentum")
        with contextlib.suppress(KeyboardInterrupt):
            fit(model, 10, 4, 4, [*callbacks(), keras.callbacks.BackupAndRestore(tmp_path), watch, *more])
    assert watch.batches == [rule(n) for n in (20, 24, 28, 30, 34, 38)]
    place = speed = 0.0
    for n in (10 * e + i for e in range(4) for i in (0, 4, 8)):
        speed = rule(n) * speed - S(n)
        place += speed
    assert weight(model) == pytest.approx(weight(whole), rel=1e-6) == pytest.approx(place, rel=1e-5)


class Places(keras.callbacks.Callback):
    def __init__(self, places):
        super().__init__()
        self.places = places

    def on_train_batch_end(self, batch, logs=None):
        self.places.append(weight(self.model))


@pytest.mark.parametrize("k", [1, 2])
def test_a_snapshot_is_taken_after_the_update_that_reaches_the_end_of_a_cycle(tmp_path, k):
    """Cycles of 25 samples, updates of 16: the ends 24 and 74 are reached by updates 1 and 4, 49 by 3, 99 by 6."""
    cycles = 0.1 * lrs.cosine().over(25).restarted()
    model, places = line(keras.optimizers.SGD(0.5, gradient_accumulation_steps=k if k > 1 else None)), []
    keep = Places(places)
    options = {"unit": "sample", "batch": 16}
    name = str(tmp_path / "{cycle}-{step}.weights.h5")
    snapshots = SnapshotCallback(name, cycles, **options)
    fit(model, 16 * 4, 16 // k, 2, [keep, ScheduleCallback(cycles, **options), snapshots])
    assert [path.name.split(".")[0] for path in snapshots.paths] == ["1-24", "2-49", "3-74", "4-99", "5-124"]
    for path, update in zip(snapshots.paths, (1, 3, 4, 6, 7), strict=True):
        model.load_weights(path)
        assert weight(model) == places[(update + 1) * k - 1]
    for wrong in ({"unit": "sample"}, {"batch": 16}):
        with pytest.raises(lrs.ScheduleError, match="batch must be given with the unit 'sample', and None with the"):
            SnapshotCallback(tmp_path, cycles, **wrong)


def test_mistakes_are_named():
    for wrong, message in ((0, "batch must be an integer >= 1, got 0"), (4.0, "batch must be a number of samples"),
                           ([], "batch must be a number of samples"), ([4, 0], r"batch\[1\] must be an integer >= 1"),
                           ("4", "batch must be"), (True, "batch must be")):  # fmt: skip
        with pytest.raises(lrs.ScheduleError, match=message):
            ScheduleCallback(S, unit="sample", batch=wrong)
    with pytest.raises(lrs.ScheduleError, match="unit must be 'sample' where batch is given, got 'step'"):
        ScheduleCallback(S, batch=4)
    for callback in (ScheduleCallback(S), ScheduleCallback(S, unit="sample", batch=4)):
        with pytest.raises(lrs.ScheduleError, match="unit must be 'sample', and batch None"):
            callback.step(4)
    for wrong in (-1, "2", float("nan")):
        with pytest.raises(lrs.ScheduleError, match="step must be a number >= 0"):
            ScheduleCallback(S, unit="sample").step(wrong)
    with pytest.raises(lrs.ScheduleError, match=r"batch must be a list with a size for each batch of an epoch \(3\)"):
        fit(line(keras.optimizers.SGD(0.5)), 10, 4, 1, [ScheduleCallback(S, unit="sample", batch=[4, 4])])
    if BACKEND != "torch":
        with pytest.raises(lrs.ScheduleError, match="batch must be given, in a fit whose steps are known, to make mom"):
            optimizer = keras.optimizers.SGD(0.5, momentum=0.9)
            fit(line(optimizer), 10, 4, 1, [ScheduleCallback(0.5, "momentum", unit="sample")])
