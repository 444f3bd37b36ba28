"""What the first rates of a scheduler look like that cannot be read."""

from __future__ import annotations

import copy
import textwrap
import types
import warnings
from typing import Any

from torch.optim import lr_scheduler as theirs

import lrsched as lrs

__all__ = ["first_steps"]

STEPS, SHOWN = 1_000, 300
FUNCTIONS = (theirs.LambdaLR, theirs.MultiplicativeLR)  # their rates follow from the step, wherever they stand


def first_steps(scheduler: Any, i: int) -> str:
    """A sentence on the rates that a scheduler gives a group in its first steps; empty if they cannot be had."""
    try:
        found = lrs.identify(_rates(scheduler, i))
    except Exception:  # noqa: BLE001 - a scheduler of somebody else's may fail in any way
        return ""
    shown = (
        textwrap.shorten(str(found), SHOWN, placeholder=" ...") if found.recognised == 1.0 else "no shape that it knows"
    )
    return f"; lrsched.identify makes of its first {STEPS:,} steps: {shown}"


def _rates(scheduler: Any, i: int) -> list[float]:
    """The rates of the first steps, from a copy over groups without parameters."""
    if scheduler.last_epoch > 0 and not isinstance(scheduler, FUNCTIONS):
        raise ValueError("a scheduler in mid-run may not be begun anew")
    groups = [{key: value for key, value in g.items() if key != "params"} for g in scheduler.optimizer.param_groups]
    stand_in = types.SimpleNamespace(param_groups=copy.deepcopy(groups))
    again = copy.deepcopy(scheduler, {id(scheduler.optimizer): stand_in})
    for group in stand_in.param_groups:
        group["lr"] = group.get("initial_lr", group["lr"])
    again.last_epoch, again._step_count, again._is_initial = -1, 2, True  # as PyTorch begins one, without reminders
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(STEPS):
            again.step()
            again._is_initial = False
            rates.append(float(stand_in.param_groups[i]["lr"]))
    return rates
