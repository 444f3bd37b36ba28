"""Plateau, snapshots and the range test on Keras models."""

import contextlib
import json
import random

import numpy as np
import pytest

import lrsched as lrs

keras = pytest.importorskip("keras")
from keras_models import Watch, X, Y, data, line, moves, weight  # noqa: E402

import lrsched_keras._plateau  # noqa: E402
from lrsched_keras import (  # noqa: E402
    LearningRate,
    PlateauCallback,
    ScheduleCallback,
    SnapshotCallback,
    range_test,
    snapshot_ensemble,
)

BACKEND = keras.backend.backend()
SERIES = [round(x, 2) for x in np.random.default_rng(3).normal(size=16).cumsum() / 3 + 8]
RULE = lrs.Plateau(factor=0.5, patience=0, cooldown=1, smallest=0.01)
SCALES = [1.0, *RULE.replay(SERIES)]


class Report(keras.callbacks.Callback):
    """Puts a known series in the place of a measured metric."""

    def __init__(self, series=SERIES, name="val_loss"):
        super().__init__()
        self.series, self.name = series, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.series[epoch]


class Stop(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def rate(model):
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def run(model, callbacks, epochs=16, batches=1, **arguments):
    model.fit(*data(batches), batch_size=1, epochs=epochs, verbose=0, callbacks=callbacks, **arguments)
    return model


# ---- plateau


def test_the_series_has_cuts_to_speak_of():
    assert len(set(SCALES)) > 3


@pytest.mark.parametrize("seed", range(12))
def test_the_dialect_of_keras_cuts_where_keras_does(seed):
    rnd = random.Random(seed)
    mode, cooldown, patience = rnd.choice(["min", "max"]), rnd.randrange(4), rnd.randrange(4)
    rule = lrs.Plateau(0.5, patience, 0.05, mode, "abs", cooldown, 2**-4, "keras")
    theirs = keras.callbacks.ReduceLROnPlateau("m", 0.5, patience, 0, mode, 0.05, cooldown, 2**-4)
    found = []
    for callback in (PlateauCallback(rule, "m"), theirs):
        series = random.Random(seed + 100)
        model = line(keras.optimizers.SGD(1.0))
        callback.set_model(model)
        callback.on_train_begin()
        rates = []
        for epoch in range(40):
            callback.on_epoch_begin(epoch)
            callback.on_epoch_end(epoch, {"m": round(series.gauss(0, 1) / (1 + epoch / 4), 1)})
            rates.append(rate(model))
        found.append(rates)
    assert found[0] == found[1] and found[0][-1] < 1.0


def test_without_a_schedule_the_rate_that_there_is_is_scaled():
    model, plateau = line(keras.optimizers.SGD(0.5)), PlateauCallback(RULE)
    run(model, [Report(), plateau])
    np.testing.assert_allclose(model.history.history["learning_rate"], 0.5 * np.array(SCALES[:-1]), rtol=1e-6)
    assert rate(model) == pytest.approx(0.5 * SCALES[-1]) and plateau.scale == SCALES[-1]
    assert weight(model) == pytest.approx(-0.5 * sum(SCALES[:-1]), rel=1e-5)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("unit", ["step", "epoch"])
def test_a_schedule_and_a_rule_multiply_in_any_order(first, unit):
    schedule, watch = 0.1 * lrs.warmup(6, start=0.1), Watch()
    both = [ScheduleCallback(schedule, unit=unit), PlateauCallback(RULE)]
    model = run(line(keras.optimizers.SGD(0.5)), [Report(), *both[first:], *both[:first], watch], batches=2)
    steps = [t if unit == "step" else t // 2 for t in range(32)]
    expected = [schedule(t) * SCALES[i // 2] for i, t in enumerate(steps)]
    np.testing.assert_allclose(watch.batches, expected, rtol=1e-12)
    assert weight(model) == pytest.approx(-sum(expected), rel=1e-5)


@pytest.mark.parametrize("k", [1, 2])
def test_the_rate_of_a_compiled_schedule_is_scaled(k):
    schedule = 0.1 * lrs.warmup(6, start=0.1)
    optimizer = keras.optimizers.SGD(LearningRate(schedule, k), gradient_accumulation_steps=k if k > 1 else None)
    model, places = line(optimizer), [0.0]
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: places.append(weight(model)))
    run(model, [Report(), PlateauCallback(RULE), keep], batches=2)
    per_epoch = 2 // k
    expected = [schedule(t) * SCALES[t // per_epoch] for t in range(16 * per_epoch)]
    np.testing.assert_allclose(-np.diff(places), np.reshape(expected, (16, -1)).sum(1), rtol=1e-4)


def test_a_warm_up_and_two_metrics():
    other, warm = [*SERIES[8:], *SERIES[:8]], 0.5 * lrs.warmup(6)
    greedy = lrs.Greedy(factor=0.8, patience=1)
    callbacks = [ScheduleCallback(warm), PlateauCallback(RULE), PlateauCallback(greedy, "accuracy")]
    model = run(line(keras.optimizers.SGD(0.5)), [Report(), Report(other, "accuracy"), *callbacks])
    expected = [warm(t) * a * b for t, a, b in zip(range(16), SCALES, [1.0, *greedy.replay(other)], strict=False)]
    np.testing.assert_allclose(model.history.history["learning_rate"], expected, rtol=1e-12)
    assert weight(model) == pytest.approx(-sum(expected), rel=1e-5) and len(set(expected)) > 6


@pytest.mark.parametrize("start", [pytest.param("number", marks=pytest.mark.heavy), "schedule", "callback"])
def test_a_run_goes_on_at_any_epoch_in_another_process(tmp_path, start):
    """Nothing survives but what is in files: a new model, a new rule, a new callback each time."""
    schedule = 0.1 * lrs.warmup(6, start=0.1)

    def attempt(*more):
        optimizer = keras.optimizers.SGD(LearningRate(schedule) if start == "schedule" else 0.5)
        callbacks = [ScheduleCallback(schedule)] if start == "callback" else []
        plateau, model = PlateauCallback(RULE, path=tmp_path / "plateau.json"), line(optimizer)
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        with contextlib.suppress(KeyboardInterrupt):
            run(model, [Report(), *callbacks, plateau, backup, *more])
        return model, plateau

    for epoch in (1, 4, 6, 9):
        attempt(Stop(epoch))
    model, plateau = attempt()
    bases = [0.5] * 16 if start == "number" else schedule.sample(16)
    whole = line(keras.optimizers.SGD(LearningRate(schedule) if start == "schedule" else 0.5))
    callbacks = [ScheduleCallback(schedule)] if start == "callback" else []
    run(whole, [Report(), *callbacks, PlateauCallback(RULE)])
    assert weight(model) == weight(whole)
    assert weight(model) == pytest.approx(-np.dot(bases, SCALES[:-1]), rel=1e-5)
    assert plateau.scale == SCALES[-1] and json.loads((tmp_path / "plateau.json").read_text())["monitor"] == "val_loss"


@pytest.mark.parametrize("stop", range(16))
def test_the_state_at_any_epoch_is_that_of_a_run_that_never_stopped(tmp_path, stop):
    states = []
    for first, last in ((0, stop), (stop, 16)):
        model, plateau = line(keras.optimizers.SGD(0.5)), PlateauCallback(RULE, path=tmp_path / "plateau.json")
        plateau.set_model(model)
        plateau.on_train_begin()
        for epoch in range(first, last):
            plateau.on_epoch_begin(epoch)
            plateau.on_epoch_end(epoch, {"val_loss": SERIES[epoch]})
            states.append((plateau.state, rate(model)))
    expected, single = RULE.init(), line(keras.optimizers.SGD(0.5))
    for metric, (found, value) in zip(SERIES, states, strict=True):
        expected = RULE.update(expected, metric)
        single.optimizer.learning_rate = 0.5 * RULE.scale(expected)
        assert found == expected and value == rate(single)


def test_the_same_callback_goes_on_and_begins_anew():
    model, plateau = line(keras.optimizers.SGD(0.5)), PlateauCallback(RULE)
    for start in range(0, 16, 4):
        run(model, [Report(), plateau], start + 4, initial_epoch=start)
    assert plateau.scale == SCALES[-1] and rate(model) == pytest.approx(0.5 * SCALES[-1])
    run(model, [Report(), plateau], 2)
    assert plateau.scale == RULE.replay(SERIES[:2])[-1]
    assert rate(model) == pytest.approx(0.5 * SCALES[-1] * plateau.scale)


def test_processes_agree_or_are_told(monkeypatch):
    def several(value):
        return [value, value + 1.0]

    monkeypatch.setattr(lrsched_keras._plateau, "gathered", several)
    with pytest.raises(lrs.ScheduleError, match=r"metrics differ: 1\.0 on rank 0, 2\.0 on rank 1"):
        run(line(keras.optimizers.SGD(0.5)), [Report([1.0]), PlateauCallback(RULE)], 1)
    for ranks, metric in (("mean", 1.5), ("alone", 1.0)):
        plateau = PlateauCallback(RULE, ranks=ranks)
        run(line(keras.optimizers.SGD(0.5)), [Report([1.0]), plateau], 1)
        assert plateau.metrics == {0: metric}


def test_mistakes_of_the_plateau_are_named(tmp_path):
    for wrong in (0.5, keras.callbacks.ReduceLROnPlateau()):
        with pytest.raises(TypeError, match=r"plateau must be a lrsched\.Plateau"):
            PlateauCallback(wrong)
    with pytest.raises(lrs.ScheduleError, match="ranks must be one of"):
        PlateauCallback(RULE, ranks="some")

    def refused(message, callback, rate=0.5, **arguments):
        with pytest.raises(lrs.ScheduleError, match=message):
            run(line(keras.optimizers.SGD(rate)), [Report(), callback], 3, **arguments)

    path = tmp_path / "plateau.json"
    refused("monitor must be one of the metrics .*val_loss.*, got 'val_acc'", PlateauCallback(RULE, "val_acc"))
    refused("path must be the file of a run that goes on at epoch 2", PlateauCallback(RULE, path=path), initial_epoch=2)
    refused("must be a number or a LearningRate", PlateauCallback(RULE), keras.optimizers.schedules.CosineDecay(0.1, 9))
    run(line(keras.optimizers.SGD(0.5)), [Report(), PlateauCallback(RULE, path=path)], 2)
    refused("belongs to another rule: its plateau is", PlateauCallback(lrs.Plateau(), path=path), initial_epoch=2)
    kept = PlateauCallback(RULE, path=path)
    with pytest.raises(lrs.ScheduleError, match="the metric of epoch 2 is not known; list PlateauCallback before"):
        run(line(keras.optimizers.SGD(0.5)), [Report(), kept], 5, initial_epoch=4)


# ---- snapshots

CYCLES = 0.1 * lrs.cosine().over(3).restarted(t_mult=2)


class Places(keras.callbacks.Callback):
    """The weight after every batch."""

    def __init__(self):
        super().__init__()
        self.places = []

    def on_train_batch_end(self, batch, logs=None):
        self.places.append(weight(self.model))


def load(path):
    return weight(keras.models.load_model(path, compile=False))


@pytest.mark.parametrize("k", [None, 2])
def test_a_snapshot_is_the_model_after_the_last_update_of_a_cycle(tmp_path, k):
    model, places = line(keras.optimizers.SGD(0.1, gradient_accumulation_steps=k)), Places()
    snapshots = SnapshotCallback(tmp_path, CYCLES)
    run(model, [places, ScheduleCallback(CYCLES), snapshots], 10, 5)
    ends = CYCLES.cycle_ends(50 // (k or 1))
    assert [path.name for path in snapshots.paths] == [f"cycle-{i + 1}.keras" for i in range(len(ends))]
    assert len(ends) == (3 if k else 4)
    assert [load(path) for path in snapshots.paths] == [places.places[(end + 1) * (k or 1) - 1] for end in ends]


def test_names_weights_and_epochs(tmp_path):
    schedule = 0.1 * lrs.cosine().over(2).restarted()
    model, places = line(keras.optimizers.SGD(0.1)), Places()
    snapshots = SnapshotCallback(str(tmp_path / "deep" / "{step}-{cycle}.weights.h5"), schedule, unit="epoch")
    run(model, [places, ScheduleCallback(schedule, unit="epoch"), snapshots], 5, 3)
    assert [path.name for path in snapshots.paths] == ["1-1.weights.h5", "3-2.weights.h5"]
    for path, place in zip(snapshots.paths, (places.places[5], places.places[11]), strict=True):
        model.load_weights(path)
        assert weight(model) == place


def test_a_restored_run_saves_under_the_same_names(tmp_path):
    whole = SnapshotCallback(tmp_path / "whole", CYCLES)
    run(line(keras.optimizers.SGD(0.1)), [ScheduleCallback(CYCLES), whole], 12, 4)
    for epoch in (3, 7, -1):
        snapshots = SnapshotCallback(tmp_path / "parts", CYCLES)
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        with contextlib.suppress(KeyboardInterrupt):
            run(line(keras.optimizers.SGD(0.1)), [ScheduleCallback(CYCLES), snapshots, backup, Stop(epoch)], 12, 4)
    assert len(whole.paths) == 4
    assert [load(path) for path in whole.paths] == [load(tmp_path / "parts" / path.name) for path in whole.paths]


def test_a_schedule_without_cycles_is_saved_at_its_end(tmp_path):
    snapshots = SnapshotCallback(tmp_path, lrs.cosine().over(4))
    run(line(keras.optimizers.SGD(0.1)), [snapshots], 3, 2)
    assert [load(path) for path in snapshots.paths] == [pytest.approx(-0.4)]


def classifier(seed):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((3,))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dropout(0.5)(keras.layers.Dense(4)(inputs)))
    return keras.Model(inputs, {"a": keras.layers.Dense(2, activation="softmax")(hidden), "b": hidden})


def test_an_ensemble_predicts_the_mean(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    models = [classifier(seed) for seed in range(3)]
    models[0].save(tmp_path / "saved.keras")
    ensemble = snapshot_ensemble([tmp_path / "saved.keras", *models[1:]])
    found = ensemble.predict(x, batch_size=7, verbose=0)
    for name in ("a", "b"):
        expected = np.mean([model.predict(x, verbose=0)[name] for model in models], axis=0)
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-6)


def test_an_ensemble_is_evaluated_like_any_model():
    ensemble = snapshot_ensemble([line(keras.optimizers.SGD(0.1)) for _ in range(2)])
    for i, member in enumerate(ensemble.members):
        member.trainable_variables[0].assign([[float(i)]])
    ensemble.compile(loss="mse", metrics=["mae"])
    assert ensemble.evaluate(X, Y, verbose=0, return_dict=True) == {"loss": 0.25, "mae": 0.5}
    assert not ensemble.trainable_variables


def test_mistakes_of_snapshots_are_named(tmp_path):
    with pytest.raises(lrs.ScheduleError, match="schedule must be one that has cycles, or ends"):
        SnapshotCallback(tmp_path, lrs.multi_step([3]))
    for name in ("model.keras", "{epoch}.keras", "{cycle.keras"):
        with pytest.raises(lrs.ScheduleError, match=r"path must be a folder, or a file name with \{cycle\}"):
            SnapshotCallback(tmp_path / name, CYCLES)
    with pytest.raises(lrs.ScheduleError, match="unit must be one of"):
        SnapshotCallback(tmp_path, CYCLES, unit="cycle")
    for wrong in ([], "a.keras", line(keras.optimizers.SGD(0.1))):
        with pytest.raises(lrs.ScheduleError, match="models must be a list of at least one model or path"):
            snapshot_ensemble(wrong)
    with pytest.raises(TypeError, match="models must be models or paths, got 3"):
        snapshot_ensemble([3])


# ---- range test


def network():
    keras.utils.set_random_seed(1)
    layers = [keras.Input((3,)), keras.layers.Dense(8, activation="relu"), keras.layers.BatchNormalization()]
    return keras.Sequential([*layers, keras.layers.Dropout(0.2), keras.layers.Dense(1)])


def problem():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    return x, (x @ [[1.0], [2.0], [-1.0]]).astype("float32")


def state(model):
    return [np.array(keras.ops.convert_to_numpy(v)) for v in (*model.variables, *model.optimizer.variables)]


@pytest.mark.parametrize(
    "given",
    [0.01, pytest.param(LearningRate(lrs.linear().over(20, 0.05, 0.01)), marks=pytest.mark.heavy)],
    ids=["number", "schedule"],
)
def test_a_range_test_leaves_the_model_as_it_was(given):
    x, y = problem()
    ends = []
    for tested in (False, True):
        model = network()
        model.compile(keras.optimizers.Adam(given), loss="mse")
        model.fit(x, y, epochs=1, shuffle=False, verbose=0)
        if tested:
            before, optimizer = state(model), model.optimizer
            found = range_test(model, x, y, batch_size=16, smallest=1e-4, largest=1.0, steps=20)
            assert model.optimizer is optimizer and len(found.rates) > 10
            assert all(np.array_equal(a, b) for a, b in zip(before, state(model), strict=True))
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
        ends.append(state(model))
    assert all(np.array_equal(a, b) for a, b in zip(*ends, strict=True))


@pytest.mark.parametrize("k", [None, 2])
def test_the_rates_and_losses_are_those_of_the_sweep(k):
    """The loss of this model is its weight, and every update lowers it by the rate."""
    seen = []
    model = line(keras.optimizers.SGD(0.5, gradient_accumulation_steps=k))
    model.trainable_variables[0].assign([[50.0]])
    found = range_test(model, *data(4), batch_size=2, smallest=0.01, largest=1.0, steps=12, smoothing=0.0,
                       progress=lambda *row: seen.append(row))  # fmt: skip
    np.testing.assert_allclose(found.rates, lrs.range_sweep(0.01, 1.0, 12).sample(12))
    np.testing.assert_allclose(found.losses, 50.0 - np.cumsum([0.0, *found.rates[:-1]]), rtol=1e-5)
    assert [row[0] for row in seen] == list(range(12)) and weight(model) == 50.0


def test_it_stops_when_the_loss_diverges_and_suggests_what_works():
    x, y = problem()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)]
    found = range_test(model, iter(batches), smallest=1e-4, largest=10.0, steps=80, smoothing=0.5)
    assert len(found.rates) < 80 and 0.01 < found.suggestions.minimum < 0.5


@pytest.mark.heavy
@pytest.mark.parametrize(("kind", "largest"), [("SGD", 100.0), ("Adam", 10.0)])
def test_a_suggestion_is_within_a_factor_of_3_of_the_best_of_a_grid(kind, largest):
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 16.0).astype("float32"), y[order].astype("int32")
    keras.utils.set_random_seed(0)
    layers = [keras.Input((64,)), keras.layers.Dense(32, "tanh"), keras.layers.Dense(10)]
    model, optimizer = keras.Sequential(layers), getattr(keras.optimizers, kind)(1.0)
    model.compile(optimizer, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    optimizer.build(model.trainable_variables)
    start = [(v, np.array(keras.ops.convert_to_numpy(v))) for v in (*model.variables, *optimizer.variables)]

    def trained(rate):
        for variable, value in start:
            variable.assign(value)
        optimizer.learning_rate = rate
        model.fit(x, y, batch_size=64, epochs=2, shuffle=False, verbose=0)
        return np.nan_to_num(model.evaluate(x, y, batch_size=599, verbose=0), nan=np.inf)

    grid = [10 ** (k / 4) for k in range(-16, 5)]
    best = grid[int(np.argmin([trained(rate) for rate in grid]))]
    for variable, value in start:
        variable.assign(value)
    sweep = {"smallest": 1e-5, "largest": largest, "steps": 140, "smoothing": 0.9}
    found = range_test(model, x, y, batch_size=64, **sweep)
    assert best / 3 <= found.suggestions.steepest <= best * 3, (best, found.suggestions)


def test_it_works_before_a_model_is_built_and_with_weights_of_samples():
    x, y = problem()
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    found = range_test(model, [(x, y, np.ones(64))], steps=5, largest=0.1, smoothing=0.0)
    assert model.built and len(found.losses) == 5


def test_mistakes_of_the_range_test_are_named():
    model = line(keras.optimizers.SGD(0.1))
    with pytest.raises(lrs.ScheduleError, match="call compile first"):
        range_test(network(), X, Y)
    with pytest.raises(lrs.ScheduleError, match="batches must be at least one batch"):
        range_test(model, [])
    with pytest.raises(TypeError, match=r"a batch must be \(x, y\)"):
        range_test(model, [X])
    with pytest.raises(lrs.ScheduleError, match=r"x and y must be arrays of one length > 0, got \[1, 3\]"):
        range_test(model, X, np.zeros((3, 1)))
    with pytest.raises(lrs.ScheduleError, match="steps"):
        range_test(model, X, Y, steps=1)
    with pytest.raises(lrs.ScheduleError, match="batch_size"):
        range_test(model, X, Y, batch_size=0)
    assert moves(model, 1)[0] == pytest.approx(0.1)
