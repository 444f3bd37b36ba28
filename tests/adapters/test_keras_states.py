"""Damaged configurations and files: they give what they say, or a ScheduleError; snapshots are whole or not there."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from mutants import mutants, shown

keras = pytest.importorskip("keras")
from lrsched_keras import (  # noqa: E402
    GroupedOptimizer,
    LearningRate,
    PlateauCallback,
    SnapshotCallback,
    snapshot_ensemble,
)

LR = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(20))
CYCLES = 0.1 * lrs.cosine().over(2).restarted()


def test_a_damaged_rate_is_refused_or_read() -> None:
    config, read = LearningRate(LR, 2).get_config(), 0
    for mutant in mutants(config, 300):
        try:
            rate = LearningRate.from_config(mutant)
        except lrs.ScheduleError:
            continue
        read += 1
        assert rate.schedule == lrs.from_dict(mutant["schedule"]) and rate.accumulation == mutant["accumulation"]
        assert isinstance(rate.schedule, lrs.Schedule) and mutant.keys() == config.keys(), shown(mutant)
    assert 0 < read < 150


def optimizers() -> list[Any]:
    by_name = {"head": "*head/*", "rest": [re.compile("body"), "*"]}
    return [
        GroupedOptimizer(keras.optimizers.AdamW(), learning_rate={"*head/*": LR, "*": 0.5}, weight_decay=0.1),
        GroupedOptimizer(keras.optimizers.SGD(), by_name, learning_rate={"head": LR, "rest": 0.5}),
        GroupedOptimizer(keras.optimizers.SGD(), ["*head/*", "*"], learning_rate=LR),
    ]


@pytest.mark.skipif(not hasattr(keras.optimizers, "MultiOptimizer"), reason="Keras before 3.15")
@pytest.mark.parametrize("which", range(3))
def test_a_damaged_optimizer_is_refused_or_read(which: int) -> None:
    config, read = optimizers()[which].get_config(), 0
    assert GroupedOptimizer.from_config(config).get_config() == config
    for mutant in mutants(config, 100, seed=which):
        try:
            found = GroupedOptimizer.from_config(mutant)
        except lrs.ScheduleError:
            continue
        read += 1
        assert found.get_config().keys() == mutant.keys(), shown(mutant)
        assert len(found.get_config()["hyperparameters"]) <= len(mutant["hyperparameters"])
    assert read < 90
    with pytest.raises(lrs.ScheduleError, match=r"GroupedOptimizer\.from_config: config must be .*without groups"):
        GroupedOptimizer.from_config({key: value for key, value in config.items() if key != "groups"})


# ---- files


def line(width: int = 1) -> Any:
    model = keras.Sequential([keras.Input((width,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5), loss="mse")
    return model


def fit(callback: Any, epochs: int = 2, width: int = 1, **more: Any) -> Any:
    x = np.ones((4, width), "float32")
    return line(width).fit(x, np.ones((4, 1)), batch_size=1, epochs=epochs, verbose=0, callbacks=[callback], **more)


def test_a_damaged_file_of_a_plateau_is_refused_or_read(tmp_path: Path) -> None:
    path = tmp_path / "plateau.json"
    rule = lrs.Plateau(0.5, 0)
    fit(PlateauCallback(rule, "loss", path=path), 3)
    assert [file.name for file in tmp_path.iterdir()] == ["plateau.json"]
    record = json.loads(path.read_text())
    callback, read = PlateauCallback(rule, "loss", path=path), 0
    callback.set_model(line())
    for mutant in mutants(record, 300):
        try:
            path.write_text(json.dumps(mutant))
        except (TypeError, ValueError):
            continue
        before = (callback._bases, callback.metrics)
        try:
            callback._read(path, 3)
        except lrs.ScheduleError as error:
            assert "plateau.json" in str(error) or "LearningRate.from_config" in str(error)
            assert before == (callback._bases, callback.metrics)
        else:
            read += 1
            again = json.loads(path.read_text())
            assert (again["rates"], dict(again["metrics"])) == (callback._bases, callback.metrics)
    assert 0 < read < 150
    for text in ("", "[" * 100_000, "{", "\x00"):
        path.write_text(text)
        with pytest.raises(lrs.ScheduleError, match=r"plateau\.json is no JSON"):
            callback._read(path, 3)


def test_half_a_snapshot_is_named(tmp_path: Path) -> None:
    snapshots = SnapshotCallback(tmp_path, CYCLES)
    fit(snapshots)
    assert sorted(tmp_path.iterdir()) == sorted(snapshots.paths)
    half = snapshots.paths[0]
    half.write_bytes(half.read_bytes()[:2000])
    with pytest.raises(lrs.ScheduleError, match=r"cycle-1\.keras"):
        snapshot_ensemble(snapshots.paths)


@pytest.mark.parametrize("name", ["", "{cycle}.weights.h5"])
def test_a_save_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: Any, name: str) -> None:
    snapshots = SnapshotCallback(tmp_path / name, CYCLES)
    fit(snapshots, 1)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert len(before) == 2

    def full(self: Any, path: Any, **_: Any) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("no room")

    monkeypatch.setattr(keras.Model, "save", full)
    monkeypatch.setattr(keras.Model, "save_weights", full)
    again = SnapshotCallback(tmp_path / name, CYCLES)
    with pytest.raises(OSError, match="no room"):
        fit(again)
    assert again.paths == []
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


PROGRAM = """
import resource, sys
limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from test_keras_states import CYCLES, SnapshotCallback, fit
fit(SnapshotCallback(sys.argv[1], CYCLES), 1, width=int(sys.argv[2]))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")
@pytest.mark.parametrize("fate", ["killed", "no room"])
def test_a_process_that_dies_in_a_save(tmp_path: Path, fate: str) -> None:
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    width, limit = (20_000_000, resource.RLIM_INFINITY) if fate == "killed" else (500_000, 200_000)
    folder = tmp_path / "snapshots"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(width), str(limit)],
        cwd=here, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    if fate == "killed":
        until = time.monotonic() + 120
        while not list(folder.glob(".lrsched-*")) and time.monotonic() < until:
            assert process.poll() is None, process.stderr and process.stderr.read()
        process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode in (1, -signal.SIGKILL), errors
    assert not list(folder.glob("cycle-*"))
    assert bool(list(folder.glob(".lrsched-*"))) == (fate == "killed"), errors
    resumed = SnapshotCallback(folder, CYCLES)
    fit(resumed, 1)
    assert sorted(folder.iterdir()) == sorted(resumed.paths)
