"""The cheat sheet's lines of PyTorch, run by PyTorch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import test_cheatsheet as sheet

torch = pytest.importorskip("torch")

ROWS = sheet.rows("PyTorch")
SHORT = {"OneCycleLR": 100}


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_has_the_rates_of_pytorch(theirs: str, ours: str) -> None:
    names = {**vars(torch.optim.lr_scheduler), **vars(torch.optim.swa_utils)}
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=sheet.LR, momentum=0.9)
    steps = SHORT.get(theirs.split("(", maxsplit=1)[0], sheet.STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = eval(theirs, {**names, "opt": optimizer})
        rates = []
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    np.testing.assert_allclose(sheet.rated(sheet.here(ours), steps), rates, rtol=0, atol=1e-12)
