"""The cheat sheet's lines of PyTorch, run by PyTorch."""

from __future__ import annotations

import re
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


LATER = sheet.rows("Transformers")


@pytest.mark.parametrize(("theirs", "ours"), LATER, ids=[row[0] for row in LATER])
def test_a_row_has_the_rates_of_transformers(theirs: str, ours: str) -> None:
    module = pytest.importorskip("transformers.optimization")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=sheet.LR)
    scheduler = eval(theirs, {**vars(module), "opt": optimizer})
    rates = [sheet.LR * scheduler.lr_lambdas[0](t) for t in range(sheet.STEPS)]
    np.testing.assert_allclose(sheet.rated(sheet.here(ours)), rates, rtol=0, atol=1e-13)


def test_the_names_in_brackets_are_those_of_get_scheduler() -> None:
    module = pytest.importorskip("transformers.optimization")
    named = re.findall(r"`(get_\w+)\([^`]*`[^|]*\(\"(\w+)\"\)", sheet.PAGE.read_text(encoding="utf-8"))
    assert len(named) == 10
    for function, name in named:
        assert module.TYPE_TO_SCHEDULER_FUNCTION[module.SchedulerType(name)].__name__ == function
