"""The study of the bound on digits, made small: it runs, and what it shows holds."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

for package in ("jax", "sklearn"):
    pytest.importorskip(package)

SCRIPT = Path(__file__).parents[2] / "examples" / "bound_study.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the examples are not part of this copy")


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("bound_study", SCRIPT)
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    yield made
    del sys.modules[spec.name]


def test_peaks_follow_the_bound_and_shapes_its_order(program):
    part = dataclasses.replace(program.PARTS["a"], peaks=tuple(np.geomspace(0.02, 0.4, 5)), seeds=4)
    seen = []
    found = program.study(part, ("linear", "cosine", "wsd .2", "constant"), seen.append)
    assert seen == [1, 2, 3, 4] and found.curves.shape == (4, 5)
    assert found.following >= 0.9 and found.agreement >= 0.8
    for reference in ("linear", "cosine"):
        moved, regret, alone, without = found.transfer(reference)
        assert moved < alone and regret <= without / 2
    assert "yes: peaks follow" in "\n".join(program.report(part, found))


def test_the_reading_of_curves(program):
    peaks = np.geomspace(0.01, 1.0, 9)
    curve = np.exp((np.log(peaks / 0.13)) ** 2)
    assert program.best(curve, peaks) == pytest.approx(0.13, rel=1e-9)
    assert program.best(np.arange(9.0) + 1, peaks) == 0.01
    wall = np.array([3.0, 2.0, 1.0, np.inf])
    assert program.best(wall, peaks[:4]) <= peaks[2] and program.read_at(wall, peaks[:4], peaks[1]) == pytest.approx(
        2.0
    )
    assert all(program.read_at(wall, peaks[:4], p) >= 1.0 for p in np.geomspace(1e-3, 10, 50))
    assert program.ranks([3.0, 1.0, 2.0]).tolist() == [3, 1, 2]


def test_the_program_prints_its_tables_and_draws(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "study.png"
    small = ["--steps", "20", "--peaks", "3", "--seeds", "2", "--shapes", "constant", "wsd .2", "-o", str(picture)]
    done = subprocess.run([sys.executable, str(SCRIPT), *small], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("where the bound is wrong") == 2 and done.stdout.count("from cosine: rms") == 2
    assert "b: 2 of 2 seeds" in done.stderr and picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("given", "told"),
    [(("--seeds", "1"), "--seeds: must be at least 2, got 1"), (("-o", "a.foo"), "must end in .png"),
     (("-o", "no/such/folder/a.png"), "in a folder that is there")],
)  # fmt: skip
def test_what_would_fail_after_the_training_is_refused_before(program, monkeypatch, capsys, given, told):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *given])
    with pytest.raises(SystemExit):
        program.main()
    assert told in capsys.readouterr().err
