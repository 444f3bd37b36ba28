"""The cheat sheet's lines of Keras, run by Keras."""

from __future__ import annotations

import numpy as np
import pytest

import test_cheatsheet as sheet

keras = pytest.importorskip("keras")

ROWS = sheet.rows("Keras")


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_has_the_values_of_keras(theirs: str, ours: str) -> None:
    schedule = eval(theirs, vars(keras.optimizers.schedules).copy())
    steps = [0, 1, 9, 10, 11, 30, 31, 50, 61, 80, 81, 99, 100, 150]
    ours_there = sheet.rated(sheet.here(ours))[steps]
    np.testing.assert_allclose(ours_there, [float(schedule(t)) for t in steps], rtol=0, atol=1e-6 * sheet.LR)
