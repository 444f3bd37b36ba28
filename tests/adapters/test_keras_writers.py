"""One writer for each number: what else sets it is named, and a checkpoint that is restored is none."""

import gc
import weakref

import numpy as np
import pytest

import lrsched as lrs

keras = pytest.importorskip("keras")
from keras_models import Watch, X, Y, data, line, weight  # noqa: E402

from lrsched_keras import GroupedOptimizer, LearningRate, PlateauCallback, ScheduleCallback  # noqa: E402

S = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(9, end=0.1))
MOMENTUM = lrs.linear().over(12, 0.9, 0.5)
RULE = lrs.Plateau(factor=0.5, patience=0, threshold=1e9, threshold_mode="abs")
HOOKS = ("on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end")


class Act(keras.callbacks.Callback):
    """Does something at one of the hooks, from some call on."""

    def __init__(self, hook, action, first=0, last=10**9):
        super().__init__()
        self.action, self.calls, self.first, self.last = action, 0, first, last
        setattr(self, hook, self._call)

    def _call(self, *_, **__):
        if self.first <= self.calls <= self.last:
            self.action(self.model)
        self.calls += 1


def setting(name, value):
    return lambda model: setattr(model.optimizer, name, value)


def sgd(**arguments):
    return keras.optimizers.SGD(0.5, momentum=0.9, **arguments)


def fit(model, callbacks, epochs=3, batches=4, **arguments):
    arguments = {"batch_size": 1, "verbose": 0} | arguments
    return model.fit(*data(batches), epochs=epochs, callbacks=callbacks, **arguments).history


def refused(message, callbacks, *, model=None, **arguments):
    model = model or line(sgd())
    with pytest.raises(lrs.ScheduleError, match=message):
        fit(model, callbacks, **arguments)
    return model


def reduce():
    return keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)


def by_epoch():
    return keras.callbacks.LearningRateScheduler(lambda epoch: 0.7)


# ---- other callbacks


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("make", [reduce, by_epoch])
@pytest.mark.parametrize(
    "ours", [ScheduleCallback(S), ScheduleCallback(S, unit="epoch"), PlateauCallback(RULE, "loss")],
    ids=["step", "epoch", "plateau"],
)  # fmt: skip
def test_a_callback_of_keras_that_sets_the_rate_is_named_when_fit_starts(ours, make, order):
    theirs = make()
    message = f"{type(ours).__name__}: learning_rate must have one writer, but {type(theirs).__name__} sets it too.*"
    model = refused(message + "PlateauCallback .*replace", [ours, theirs][::order])
    assert weight(model) == 0.0


def test_they_are_named_as_well_where_they_come_later():
    """In a list that Keras did not make, or that grows: the number itself tells."""
    model, theirs = line(sgd()), by_epoch()
    theirs.set_model(model)
    refused("something else .* sets it too, 0.7 in the place of 0.0333333", [
        ScheduleCallback(S), keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: theirs.on_epoch_begin(epoch))
    ], model=model, batches=2)  # fmt: skip


def test_what_sets_another_number_is_no_other_writer():
    rates, momenta = Watch(), Watch("momentum")
    fit(line(sgd()), [ScheduleCallback(S), ScheduleCallback(MOMENTUM, "momentum"), rates, momenta])
    assert rates.batches == [S(t) for t in range(12)] and momenta.batches == [MOMENTUM(t) for t in range(12)]
    logs = fit(line(sgd()), [ScheduleCallback(MOMENTUM, "momentum"), reduce()])
    assert logs["momentum"] == [MOMENTUM(3), MOMENTUM(7), MOMENTUM(11)] and logs["learning_rate"][-1] == 0.25


# ---- assignments


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("unit", ["step", "epoch"])
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("name", ["learning_rate", "momentum"])
def test_an_assignment_between_two_updates_is_an_error(name, hook, unit, order):
    both = [ScheduleCallback(S + 0.1, name, unit=unit), Act(hook, setting(name, 0.7))][::order]
    refused(f"ScheduleCallback: {name} of '.*' must have one writer, but something else .* 0.7 in the place of", both)


@pytest.mark.parametrize("hook", HOOKS)
def test_an_assignment_beside_a_rule_is_an_error(hook):
    refused("PlateauCallback: learning_rate of .* 0.7 in the place of 0.5", [
        PlateauCallback(RULE, "loss"), Act(hook, setting("learning_rate", 0.7))])  # fmt: skip


def test_the_only_epoch_and_the_last_batch_too():
    """No update uses another rate unseen: what comes after ours, before the one update there is, is told after it."""
    for hook in ("on_epoch_begin", "on_train_batch_begin"):
        unit = "epoch" if hook == "on_epoch_begin" else "step"
        both = [ScheduleCallback(S, unit=unit), Act(hook, setting("learning_rate", 0.7))]
        refused("0.7 in the place of 0;", both, epochs=1, batches=1)


def test_another_schedule_as_the_rate_is_an_error():
    model = line(keras.optimizers.SGD(LearningRate(S)))
    other = LearningRate(0.5 * S)
    refused(r"PlateauCallback: .* LearningRate\(0.5 \* .* in the place of LearningRate\(", [
        PlateauCallback(RULE, "loss"), Act("on_epoch_end", setting("learning_rate", other))], model=model)  # fmt: skip


@pytest.mark.parametrize("floats", ["float32", "float64", "float16", "bfloat16"])
def test_what_the_variable_holds_already_is_no_other_value(floats):
    """Rates are float32 (or less) in the variable: writing back what was read changes nothing."""
    if (floats, keras.backend.backend()) == ("float64", "jax"):
        pytest.skip("JAX has float64 only where all is")
    before = keras.config.floatx()
    keras.config.set_floatx(floats)
    try:
        again = Act("on_train_batch_end", lambda model: setting("learning_rate", read(model))(model))
        watch, model = Watch(), line(sgd())
        fit(model, [ScheduleCallback(S / 3), again, PlateauCallback(RULE, "loss"), watch], 2)
        refused(
            r"(0\.7|0\.70\d*|0\.69\d*) in the place of",
            [ScheduleCallback(S), Act("on_epoch_end", setting("learning_rate", 0.7))],
        )
    finally:
        keras.config.set_floatx(before)
    assert watch.batches[:4] == [(S / 3)(t) for t in range(4)]


def read(model):
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


def test_a_group_that_is_assigned_to():
    lr = {"*kernel": S, "*": 0.5 * S}
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(GroupedOptimizer(keras.optimizers.SGD(0.1), list(lr), momentum={"*": 0.9, "*kernel": 0.8}), "mse")
    change = Act("on_epoch_end", lambda model: setattr(model.optimizer.optimizers[1], "learning_rate", 0.7))
    refused("learning_rate of .* 0.7 in the place of 0.05", [ScheduleCallback(lr), change], model=model)


def test_in_a_loop_of_ones_own():
    model, callback = line(sgd()), ScheduleCallback(S)
    callback.set_model(model)
    for i in range(3):
        callback.on_train_batch_begin(i)
        model.train_on_batch(X, Y)
    model.optimizer.learning_rate = 0.7
    with pytest.raises(lrs.ScheduleError, match=r"0.7 in the place of 0.0666667; leave one out"):
        callback.on_train_batch_begin(3)


def test_nothing_keeps_the_optimizer_of_a_run_that_is_over():
    def run(callbacks):
        model = line(sgd())
        fit(model, callbacks)
        return weakref.ref(model.optimizer)

    made = [run([]), run([ScheduleCallback(S), ScheduleCallback(MOMENTUM, "momentum"), PlateauCallback(RULE, "loss")])]
    gc.collect()
    assert (made[0]() is None) <= (made[1]() is None)


def test_a_rate_that_is_set_before_the_run_is_taken_over():
    model, watch = line(sgd()), Watch()
    for rate in (0.3, 0.7):
        model.optimizer.learning_rate = rate
        fit(model, [ScheduleCallback(S), watch], 1)
    assert watch.batches == [S(t) for t in range(8)]


# ---- restoring


@pytest.mark.parametrize("unit", ["step", "epoch"])
@pytest.mark.parametrize("hook", HOOKS)
def test_a_checkpoint_that_is_loaded_in_mid_run_is_no_writer(tmp_path, hook, unit):
    """Of another run, with another rate in it: the run goes on from there, at the schedule's rate of that count."""
    path, watch = tmp_path / "old.weights.h5", Watch()
    old = line(sgd())
    fit(old, [], 2)  # 8 batches at 0.5
    old.save_weights(path)
    load = Act(hook, lambda model: model.load_weights(path), 2, 2)
    model = line(sgd())
    fit(model, [ScheduleCallback(S, unit=unit), load, watch], 4)
    assert int(model.optimizer.iterations) > 8
    if unit == "step" and hook == "on_train_batch_end":
        assert watch.batches == [S(t) for t in (0, 1, 2, *range(8, 21))]
    if unit == "epoch":
        assert watch.batches == [S(i // 4) for i in range(16)]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("unit", ["step", "epoch"])
def test_a_run_that_falls_back_to_its_last_checkpoint_goes_on(tmp_path, unit, wrapped):
    """As guards against NaN do: a save each epoch, then twice back to it in the middle of the next."""
    path, watch = tmp_path / "last.weights.h5", Watch()
    optimizer = keras.optimizers.LossScaleOptimizer(sgd(), initial_scale=4.0) if wrapped else sgd()
    save = Act("on_epoch_end", lambda model: model.save_weights(path))
    back = [Act("on_train_batch_end", lambda model: model.load_weights(path), i, i) for i in (5, 6)]
    model = line(optimizer)
    fit(model, [ScheduleCallback(S, unit=unit), save, *back, watch], 3)
    steps = (0, 1, 2, 3, 4, 5, 4, 4, 5, 6, 7, 8) if unit == "step" else np.repeat(range(3), 4)
    assert watch.batches == [S(int(t)) for t in steps]


def test_one_batch_back_is_no_writer(tmp_path):
    path, watch = tmp_path / "last.weights.h5", Watch()
    save = Act("on_train_batch_end", lambda model: model.save_weights(path), 0, 2)
    back = Act("on_train_batch_end", lambda model: model.load_weights(path), 3, 3)
    fit(line(sgd()), [ScheduleCallback(S), save, back, watch], 2)
    assert watch.batches == [S(t) for t in (0, 1, 2, 3, 3, 4, 5, 6)]


def test_after_a_restore_the_next_assignment_is_noticed(tmp_path):
    path = tmp_path / "start.weights.h5"
    start = line(sgd())
    start.optimizer.build(start.trainable_variables)
    start.save_weights(path)
    refused("0.7 in the place of 0.0333333", [
        ScheduleCallback(S), Act("on_train_batch_end", lambda model: model.load_weights(path), 2, 2),
        Act("on_train_batch_end", setting("learning_rate", 0.7), 4, 4)])  # fmt: skip


def test_a_state_that_is_set_without_keras_loading_it_is_no_writer():
    """As from a checkpoint of another library: all variables, the count among them, take older values."""
    states, watch = [], Watch()

    def keep(model):
        states.append([np.array(keras.ops.convert_to_numpy(v)) for v in model.optimizer.variables])

    def back(model):
        for variable, value in zip(model.optimizer.variables, states[0], strict=True):
            variable.assign(value)

    fit(line(sgd()), [ScheduleCallback(S), Act("on_epoch_end", keep), Act("on_train_batch_end", back, 6, 6),
                      PlateauCallback(lrs.Plateau(), "loss"), watch], 4)  # fmt: skip
    assert watch.batches == [S(t) for t in (0, 1, 2, 3, 4, 5, 6, *range(4, 13))]


@pytest.mark.parametrize("base", ["number", "callback"])
def test_a_rule_sees_through_backups(tmp_path, base):
    def run(epochs):
        more = [ScheduleCallback(S)] if base == "callback" else []
        rule = PlateauCallback(RULE, "loss", path=tmp_path / "rule.json")
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
        return fit(line(sgd()), [*more, rule, backup], epochs)["learning_rate"]

    rates = run(2) + run(4)
    expected = [0.5, 0.5, 0.25, 0.125] if base == "number" else [S(3), S(7), 0.5 * S(11), 0.25 * S(15)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_loss_scaling_that_skips_updates_is_no_writer():
    x = np.ones((4, 1), "float32")
    x[1] = x[2] = np.inf
    model, watch = line(keras.optimizers.LossScaleOptimizer(sgd(), initial_scale=4.0)), Watch()

    def run(*more):
        callbacks = [ScheduleCallback(S), *more, watch]
        model.fit(x, Y.repeat(4, 0), batch_size=1, shuffle=False, epochs=2, verbose=0, callbacks=callbacks)

    run()
    assert watch.batches == [S(t) for t in (0, 1, 1, 1, 2, 3, 3, 3)]
    inner = model.optimizer.inner_optimizer
    with pytest.raises(lrs.ScheduleError, match=r"0\.7 in the place of"):
        run(Act("on_train_batch_end", lambda model: setattr(inner, "learning_rate", 0.7), 1))
