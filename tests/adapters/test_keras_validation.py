"""Rules whose metric is not due in every epoch."""

import json

import numpy as np
import pytest

import lrsched as lrs

keras = pytest.importorskip("keras")
from keras_models import data, line  # noqa: E402

from lrsched_keras import PlateauCallback, ScheduleCallback  # noqa: E402

CUTS = lrs.Plateau(factor=0.5, patience=0, threshold=1e9, threshold_mode="abs")


def validated(callback, epochs=6, frequency=2, metrics=None, **arguments):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), loss="mse", metrics=metrics)
    arguments = {"validation_data": data(2), "validation_freq": frequency} | arguments
    return model.fit(*data(2), epochs=epochs, verbose=0, callbacks=callback, **arguments).history


@pytest.mark.parametrize("frequency", [1, 2, 3, [2, 5]], ids=str)
@pytest.mark.parametrize("path", [False, True])
def test_epochs_without_validation_are_no_observations(tmp_path, frequency, path):
    """Also where the run goes on in another callback: they are passed over, and not missing."""
    when = [e for e in range(6) if ((e + 1) in frequency if isinstance(frequency, list) else (e + 1) % frequency == 0)]
    scales = [0.5 ** max(0, sum(v < e for v in when) - 1) for e in range(6)]
    if path:
        path = tmp_path / "plateau.json"
        validated([PlateauCallback(CUTS, path=path)], 3, frequency)
        second = PlateauCallback(CUTS, path=path)
        rates = validated([second], 6, frequency, initial_epoch=3)["learning_rate"]
        np.testing.assert_allclose(rates, 0.1 * np.array(scales[3:]), rtol=1e-6)
        assert json.loads(path.read_text())["metrics"] == [[e, second.metrics[e]] for e in range(6)]
    else:
        second = PlateauCallback(CUTS)
        np.testing.assert_allclose(
            validated([second], 6, frequency)["learning_rate"], 0.1 * np.array(scales), rtol=1e-6
        )
    assert [e for e, metric in second.metrics.items() if metric is not None] == when


def test_a_schedule_beside_a_rule_that_is_not_due():
    logs = validated([ScheduleCallback(0.1 * lrs.warmup(6), unit="epoch"), PlateauCallback(CUTS)])
    np.testing.assert_allclose(logs["learning_rate"], 0.1 * np.arange(6) / 6 * [1, 1, 1, 1, 0.5, 0.5], rtol=1e-6)


def test_a_metric_that_never_comes_is_named_as_soon_as_that_is_known():
    class Count(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.epochs = epoch + 1

    def refused(message, epochs, monitor, **arguments):
        count = Count()
        with pytest.raises(lrs.ScheduleError, match=f"monitor must be one of the metrics {message}, got '{monitor}"):
            validated([count, PlateauCallback(CUTS, monitor)], **arguments)
        assert count.epochs == epochs

    refused("loss, mae, val_loss, val_mae", 2, "val_acc", metrics=["mae"])
    refused("loss", 1, "accuracy")
    refused("loss", 1, "val_loss", validation_data=None)
    refused("loss", 1, "val_loss", frequency=7, validation_data=None)
    with pytest.raises(lrs.ScheduleWarning, match=r"'val_loss' never came, .* the last epoch had loss"):
        validated([PlateauCallback(CUTS)], frequency=7)
    assert validated([PlateauCallback(CUTS)], 2, 1, validation_data=None, validation_split=0.5)["learning_rate"]


def test_a_metric_of_a_callback_that_reports_every_few_epochs():
    """Once it has come, epochs without it are no observations."""

    class Report(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch % 2 == 0:
                logs["accuracy"] = 1.0

    logs = validated([Report(), PlateauCallback(CUTS, "accuracy")])
    np.testing.assert_allclose(logs["learning_rate"], 0.1 * np.array([1, 1, 1, 0.5, 0.5, 0.25]), rtol=1e-6)


def test_in_a_loop_of_ones_own_a_metric_may_come_later():
    model, plateau = line(keras.optimizers.SGD(0.5)), PlateauCallback(CUTS)
    callbacks = keras.callbacks.CallbackList([plateau], model=model)
    for found in (False, True):
        callbacks.on_train_begin()
        for epoch in range(3):
            callbacks.on_epoch_begin(epoch)
            callbacks.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 1.0} if found and epoch else {"loss": 1.0})
        if found:
            callbacks.on_train_end()
            assert plateau.scale == 0.5
        else:
            with pytest.raises(lrs.ScheduleWarning, match="'val_loss' never came"):
                callbacks.on_train_end()
