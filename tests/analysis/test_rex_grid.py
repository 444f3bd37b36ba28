"""The study of profiles, sampling rates and budgets: a small one as it really runs, and what it makes of numbers."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "rex_grid.py"
if not SCRIPT.exists():
    pytest.skip("the examples are not part of this copy", allow_module_level=True)
for package in ("jax", "sklearn", "matplotlib"):
    pytest.importorskip(package)


@pytest.fixture(scope="module")
def grid():
    spec = importlib.util.spec_from_file_location("rex_grid", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_small_grid_prints_tables_progress_and_what_it_does_not_show(tmp_path):
    picture = tmp_path / "grid.png"
    sizes = ["--budgets", "5", "9", "--peaks", "2", "--seeds", "3"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *sizes, "-o", str(picture)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("\nevery update") == 4 and "less REX at every update" in done.stdout
    assert done.stdout.count("REX is better than linear") == 2 and "not shown:" in done.stdout
    assert "336 runs, 3 seeds" in done.stdout
    assert done.stderr.splitlines()[0].startswith("5 updates: 3 of 3 seeds") and picture.stat().st_size > 10_000


def test_every_cell_has_the_rates_that_its_name_says(grid):
    rates = grid.rates(150).reshape(len(grid.PROFILES), len(grid.SAMPLINGS), 150)
    counts = [[len(np.unique(row)) for row in profile] for profile in rates]
    assert all(row == [3, 3, 4, 10, 20, 100, 150] for row in counts) and (rates[:, :, 0] == 1).all()
    few = grid.rates(37).reshape(len(grid.PROFILES), len(grid.SAMPLINGS), 37)
    assert (few[:, -2] == few[:, -1]).all()


def test_a_grid_of_the_least_size_learns(grid):
    found = grid.errors(37, np.array([0.002, 0.3]), 4, lambda done: None)
    assert found.shape == (4, 7, 2, 4)
    cells, best = grid.at_best_peak(found)
    assert (best == 1).all() and cells.shape == (4, 7, 4)
    assert (cells < 30).all() and cells.mean() < 0.5 * found[:, :, 0].mean()
    again = grid.errors(37, np.array([0.3]), 4, lambda done: None)
    np.testing.assert_allclose(again[:, :, 0], cells, atol=0.4)


def test_differences_are_paired(grid):
    a = np.array([5.0, 7.0, 9.0, 11.0])
    mean, error = grid.difference(a + np.array([0.1, 0.3, 0.1, 0.3]), a)
    assert mean == pytest.approx(0.2) and error == pytest.approx(np.std([0.1, 0.3, 0.1, 0.3], ddof=1) / 2)


def test_what_is_within_two_standard_errors_is_not_shown(grid):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, (4, 7, 8))
    cells = 5 + noise
    cells[grid.EXPONENTIAL] += 1
    cells[grid.EXPONENTIAL, 0] -= 0.5
    text = "\n".join(grid.claims([600], {600: cells}))
    shown, _, rest = text.partition("not shown:")
    assert "exponential at 7 of 7 sampling rates is worse" in shown and "held at 50-75" in shown
    assert "REX is better than linear" in rest
    cells[grid.REX, grid.EVERY] -= 1
    assert "REX is better than linear" in "\n".join(grid.claims([600], {600: cells})).partition("not shown:")[0]
    cells[grid.REX, grid.EVERY] += 3
    rest = "\n".join(grid.claims([600], {600: cells})).partition("not shown:")[2]
    assert "exponential at 0 of 7" in rest and "REX is within two standard errors" in rest


@pytest.mark.parametrize(
    ("given", "told"),
    [(("--seeds", "1"), "--seeds: must be at least 2, got 1"), (("-o", "a.foo"), "must end in .png"),
     (("-o", "no/such/folder/a.png"), "in a folder that is there")],
)  # fmt: skip
def test_what_would_fail_after_the_training_is_refused_before(grid, monkeypatch, capsys, given, told):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *given])
    with pytest.raises(SystemExit):
        grid.main()
    assert told in capsys.readouterr().err
