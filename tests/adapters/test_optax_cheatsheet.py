"""The cheat sheet's lines of Optax, run by Optax."""

from __future__ import annotations

import numpy as np
import pytest

import test_cheatsheet as sheet

optax = pytest.importorskip("optax")

ROWS = sheet.rows("Optax")


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_has_the_values_of_optax(theirs: str, ours: str) -> None:
    schedule = eval(theirs, vars(optax).copy())
    steps = [*range(0, sheet.STEPS, 7), 1, 9, 10, 11, 29, 30, 31, 50, 79, 80, 81, 90, 99, 100, 101]
    ours_there = sheet.rated(sheet.here(ours))[steps]
    np.testing.assert_allclose(ours_there, [float(schedule(t)) for t in steps], rtol=0, atol=1e-6 * sheet.LR)
