"""What a step of the scheduler costs, counted, and that nothing is overlooked for it."""

from __future__ import annotations

import gc
import sys
from fractions import Fraction

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")

from lrsched_torch import Scheduler  # noqa: E402

LR = 0.1 * (lrs.warmup(5) >> lrs.cosine().over(20, end=0.1))
OTHER = lrs.linear().over(30)


def optimizer(groups, **more):
    made = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.5 + 0.1 * i} for i in range(groups)]
    return torch.optim.SGD([{**group, **more} for group in made], lr=1.0, momentum=0.9)


def calls(run):
    """How many functions, those written in C included, a call calls."""
    count = 0

    def note(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    gc.disable()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count - 1


SHAPES = {
    "one": (lambda n: {"lr": LR}, 0),
    "relative": (lambda n: {"lr": LR, "relative": True}, 0),
    "two keys, relative": (lambda n: {"lr": LR, "momentum": OTHER, "relative": True}, 0),
    "a list of two schedules": (lambda n: {"lr": [LR if i % 2 else OTHER for i in range(n)]}, 0),
    "a list of as many": (lambda n: {"lr": [(0.1 + i) * LR for i in range(n)]}, 3),
    "a list of as many, relative": (lambda n: {"lr": [(0.1 + i) * LR for i in range(n)], "relative": True}, 3),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_calls_no_function_for_a_group_but_its_schedule(shape):
    """A schedule is ``sin`` and itself, and what it follows is looked at once."""
    given, each = SHAPES[shape]
    found = []
    for n in (4, 104):
        scheduler = Scheduler(optimizer(n), **given(n))
        scheduler.step(count=7)
        scheduler.step()
        found.append(calls(scheduler.step))
    few, many = found
    assert few <= 15 + 4 * each and many - few <= 100 * each, found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [float, int, Fraction], ids=lambda kind: kind.__name__)
def test_every_group_gets_its_value(shape, kind):
    given = SHAPES[shape][0](4)
    made = optimizer(4)
    for group in made.param_groups:
        group["lr"] = kind(group["lr"] * 10)
    bases = [float(group["lr"]) for group in made.param_groups]
    scheduler = Scheduler(made, **given)
    rows = given["lr"] if isinstance(given["lr"], list) else [given["lr"]] * 4
    for t in range(30):
        values = [s(t) for s in rows]
        wanted = [b * v for b, v in zip(bases, values, strict=True)] if given.get("relative") else values
        assert [group["lr"] for group in made.param_groups] == wanted == scheduler.lr_at(t)
        assert all(type(group["lr"]) is float for group in made.param_groups)
        if "momentum" in given:
            assert [group["momentum"] for group in made.param_groups] == [0.9 * OTHER(t)] * 4
        made.step()
        scheduler.step()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("which", [(0,), (2,), (1, 3), (0, 1, 2, 3)])
def test_tensors_and_numbers_that_are_put_in_later_are_noticed(shape, which):
    """Before an update at the latest, in any group; a tensor in place of every number also by the step itself."""
    given = SHAPES[shape][0](4)
    for early in (False, len(which) == 4):
        made = optimizer(4)
        rates = [group["lr"] for group in made.param_groups]
        scheduler = Scheduler(made, **given)
        scheduler.step()
        tensors = {i: torch.tensor(0.0, dtype=torch.float64) for i in which}
        for i, tensor in tensors.items():
            made.param_groups[i]["lr"] = tensor
        if early:
            scheduler.step()
        made.step()
        for _ in range(2):
            t = scheduler.last_epoch
            rows = given["lr"] if isinstance(given["lr"], list) else [given["lr"]] * 4
            wanted = [(rates[i] if given.get("relative") else 1.0) * s(t) for i, s in enumerate(rows)]
            assert [float(group["lr"]) for group in made.param_groups] == wanted
            assert all(made.param_groups[i]["lr"] is tensor for i, tensor in tensors.items())
            scheduler.step()
            made.step()


@pytest.mark.parametrize("kind", [tuple, list])
@pytest.mark.parametrize("relative", [False, True])
def test_members_of_betas(kind, relative):
    """Written as cheaply as other numbers, and noticed when they become tensors."""
    found = []
    for n in (4, 104):
        groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "betas": kind((0.5, 0.25))} for _ in range(n)]
        adam = torch.optim.Adam(groups, lr=1.0)
        scheduler = Scheduler(adam, beta1=OTHER, beta2=0.5 * OTHER, relative=relative)
        scheduler.step(count=7)
        scheduler.step()
        found.append(calls(scheduler.step))
        wanted = kind((OTHER(9) * (0.5 if relative else 1.0), 0.5 * OTHER(9) * (0.25 if relative else 1.0)))
        assert all(group["betas"] == wanted and type(group["betas"]) is kind for group in adam.param_groups)
    assert found[1] - found[0] <= 200, found
    tensor = torch.tensor(0.0, dtype=torch.float64)
    adam.param_groups[2]["betas"] = kind((tensor, 0.5))
    scheduler.step()
    assert adam.param_groups[2]["betas"][0] is tensor and float(tensor) == OTHER(10) * (0.5 if relative else 1.0)
    assert adam.param_groups[3]["betas"][0] == float(tensor) and type(adam.param_groups[3]["betas"][0]) is float


@pytest.mark.parametrize("shape", SHAPES)
def test_a_group_put_in_the_place_of_another_is_noticed_by_the_step(shape):
    given = SHAPES[shape][0](4)
    made = optimizer(4)
    scheduler = Scheduler(made, **given)
    scheduler.step(count=3)
    old, made.param_groups[1] = made.param_groups[1], {**optimizer(1).param_groups[0], "lr": 7.0}
    kept = old["lr"]
    scheduler.step()
    assert old["lr"] == kept, "what is gone is left alone"
    if not isinstance(given["lr"], list):
        assert made.param_groups[1]["lr"] == (7.0 if given.get("relative") else 1.0) * LR(4)
    elif "two" in shape or "many" in shape:
        assert made.param_groups[1]["lr"] == 7.0, "a list does not name it"
