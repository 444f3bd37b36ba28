"""Schedules and feedback in Keras, on scikit-learn's digits, on any backend.

    KERAS_BACKEND=jax python examples/keras_digits.py

finds a rate with a range test, trains one cycle of the rate with the momentum going the opposite way, trains with a
plateau rule on top of a warm-up, and saves the snapshots of one run with restarts on noisy labels, to compare the
ensemble of them with its last member.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from sklearn.datasets import load_digits

import lrsched as lrs
from lrsched_keras import (
    PlateauCallback,
    ScheduleCallback,
    SnapshotCallback,
    range_test,
    snapshot_ensemble,
)

BATCH, TRAINED, WRONG = 32, 896, 0.3
UPDATES = TRAINED // BATCH  # in an epoch
Data = tuple[tuple[Any, Any], tuple[Any, Any]]


def say(*lines: str) -> None:
    """Print lines at once."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def digits(seed: int, wrong: float = 0.0) -> Data:
    """Training digits, a share of whose labels is drawn anew, and test digits; another split for every seed."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    x, y = x[order].astype("float32") / 16, y[order]
    noisy = np.where(rng.random(len(y)) < wrong, rng.integers(0, 10, len(y)), y)
    return (x[:TRAINED], noisy[:TRAINED]), (x[TRAINED:], y[TRAINED:])


def network(optimizer: Any, seed: int) -> Any:
    """One hidden layer."""
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((64,)), keras.layers.Dense(64, "tanh"), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential(layers)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def sgd(**arguments: Any) -> Any:
    """An optimizer whose rate and momentum the callbacks set."""
    return keras.optimizers.SGD(0.1, momentum=0.9, **arguments)


def error(model: Any, x: Any, y: Any) -> float:
    """The share of wrong answers."""
    return float(np.mean(np.argmax(model.predict(x, batch_size=256, verbose=0), -1) != y))


def fit(model: Any, data: Any, epochs: int, callbacks: list[Any], **arguments: Any) -> dict[str, list[float]]:
    """Train, and give the history."""
    found = model.fit(*data, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=callbacks, **arguments)
    return found.history


def suggested() -> float:
    """The rate a range test suggests for the one cycle: where its losses fall most steeply."""
    train, _ = digits(0)
    found = range_test(network(sgd(), 0), *train, batch_size=BATCH, smallest=1e-4, smoothing=0.9).suggestions
    say(f"range test: steepest {found.steepest:.3g}, valley {found.valley:.3g}, minimum/10 {found.minimum:.3g}")
    return found.steepest or 0.1


def one_cycle(peak: float, epochs: int, seeds: int) -> tuple[float, float]:
    """Test errors of one cycle with opposite momentum, and of a constant rate, means over seeds."""
    steps, cycles, constants = epochs * UPDATES, [], []
    rate, momentum = lrs.recipes.one_cycle(peak, steps), lrs.recipes.one_cycle_momentum(steps)
    for seed in range(seeds):
        train, test = digits(seed)
        for schedules, errors in (((rate, momentum), cycles), ((0.1 * peak, 0.9), constants)):
            model = network(sgd(), seed)
            callbacks = [ScheduleCallback(schedules[0]), ScheduleCallback(schedules[1], "momentum")]
            history = fit(model, train, epochs, callbacks)
            errors.append(error(model, *test))
            if seed == 0 and errors is cycles:
                shown = [
                    f"{rate:.3g}/{m:.3g}" for rate, m in zip(history["learning_rate"], history["momentum"], strict=True)
                ]
                say(f"one cycle, rate/momentum at the end of each epoch: {' '.join(shown)}")
    say(f"test error: one cycle {np.mean(cycles):.2%}, constant {np.mean(constants):.2%}, {seeds} seeds")
    return float(np.mean(cycles)), float(np.mean(constants))


def plateau(epochs: int) -> list[float]:
    """The rates of a warm-up under a plateau rule that watches the loss of held-out digits."""
    train, test = digits(1)
    rule = PlateauCallback(lrs.Plateau(factor=0.5, patience=1, threshold=0.01), monitor="val_loss")
    warm = ScheduleCallback(0.5 * lrs.warmup(2 * UPDATES))
    history = fit(network(sgd(), 1), train, epochs, [warm, rule], validation_data=test)
    say(f"plateau: rates {' '.join(f'{rate:.3g}' for rate in history['learning_rate'])}")
    say(f"         held-out loss {history['val_loss'][0]:.3f} -> {history['val_loss'][-1]:.3f}, scale {rule.scale:g}")
    return history["learning_rate"]


def ensemble(epochs: int, cycles: int, seeds: int) -> tuple[float, float]:
    """Test errors of the last snapshot and of the mean of all, on noisy labels, means over seeds."""
    schedule = 0.3 * lrs.cosine().over(epochs * UPDATES // cycles).restarted(times=cycles)
    last, together = [], []
    for seed in range(seeds):
        train, test = digits(seed, WRONG)
        with tempfile.TemporaryDirectory() as folder:
            snapshots = SnapshotCallback(folder, schedule)
            fit(network(sgd(weight_decay=0.003), seed), train, epochs, [ScheduleCallback(schedule), snapshots])
            last.append(error(snapshot_ensemble(snapshots.paths[-1:]), *test))
            together.append(error(snapshot_ensemble(snapshots.paths), *test))
    gain = np.array(last) - together
    say(
        f"{WRONG:.0%} of the labels drawn anew, {cycles} cycles of {epochs // cycles} epochs, {seeds} seeds:",
        f"test error: last snapshot {np.mean(last):.2%}, ensemble {np.mean(together):.2%};"
        f" gain {gain.mean():.2%} ± {gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else 0:.2%}",
    )
    return float(np.mean(last)), float(np.mean(together))


def main() -> None:
    """Run the four parts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=10, help="length of the short runs")
    parser.add_argument("--cycles", type=int, default=5, help="snapshots of the long run, of 6 epochs each")
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    begun = time.perf_counter()
    say(f"Keras {keras.__version__} on {keras.backend.backend()}")
    one_cycle(suggested(), chosen.epochs, chosen.seeds)
    plateau(2 * chosen.epochs)
    ensemble(6 * chosen.cycles, chosen.cycles, chosen.seeds)
    say(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
