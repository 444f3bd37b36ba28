"""A configuration of Keras's is data: nothing in it becomes code."""

import builtins

import pytest

import lrsched as lrs
from hostile import NAMES, data

keras = pytest.importorskip("keras")
from lrsched_keras import LearningRate  # noqa: E402


def test_configurations_with_hostile_names_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = LearningRate(lrs.constant(0.1)).get_config()
    for name in NAMES[::40]:
        with pytest.raises(lrs.ScheduleError, match="ASCII identifier"):
            LearningRate.from_config(config | {"schedule": data(name)})
    assert not hasattr(builtins, "lrsched_broken_into") and not list(tmp_path.iterdir())
