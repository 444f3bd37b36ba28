"""Groups of a model that is frozen in part, and range tests of optimizers that need a closure."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrsched as lrs

torch = pytest.importorskip("torch")

from lrsched_torch import Scheduler, param_groups, range_test  # noqa: E402

LR = 1e-3 * (lrs.warmup(4) >> lrs.cosine().over(16))


class Adapted(torch.nn.Module):
    """A layer with a LoRA adapter, as PEFT names its parameters."""

    def __init__(self):
        super().__init__()
        self.base = torch.nn.Linear(4, 4)
        self.lora_A, self.lora_B = torch.nn.Linear(4, 2, bias=False), torch.nn.Linear(2, 4, bias=False)
        self.base.requires_grad_(False)


def test_lora_plus():
    model = torch.nn.ModuleList(Adapted() for _ in range(3))
    groups = param_groups(model, lr={"*lora_B*": 16 * LR, "*lora_A*": LR})
    assert {g["name"]: len(g["params"]) for g in groups} == {"*lora_A*": 3, "*lora_B*": 3}
    scheduler = Scheduler(torch.optim.AdamW(groups), **groups.schedules)
    scheduler.step(count=7)
    assert scheduler.get_last_lr() == [LR(7), (16 * LR)(7)]


@given(st.lists(st.booleans(), min_size=4, max_size=4).filter(any))
def test_a_group_holds_what_is_trained_of_it(trained):
    model = torch.nn.ModuleList(torch.nn.Linear(1, 1, bias=False) for _ in trained)
    for layer, its in zip(model, trained, strict=True):
        layer.weight.requires_grad_(its)
    rates = {f"{i}.*": (i + 1.0) for i in range(4)}
    names = [f"{i}.*" for i, its in enumerate(trained) if its]
    groups = param_groups(model, lr=rates, weight_decay={re.compile("0|1"): 0.1, "*": 0.0})
    assert [g["name"].split(" & ")[0] for g in groups] == names
    named = param_groups(model, {f"g{i}": f"{i}.*" for i in range(4)}, lr={f"g{i}": i + 1.0 for i in range(4)})
    assert [g["name"] for g in named] == [f"g{name[0]}" for name in names]
    listed = param_groups(model, {"g": ["0.*", "1.*"], "h": ["2.*", "3.*"]}, lr={"g": 1.0, "h": 2.0})
    for made in (groups, named, listed):
        held = [p for g in made for p in g["params"]]
        assert {id(p) for p in held} == {id(p) for p in model.parameters() if p.requires_grad}
        Scheduler(torch.optim.SGD(made, lr=1.0), **made.schedules)


def test_what_cannot_be_meant_is_refused():
    model = Adapted()
    for given_, message in (
        ({"lr": {"*lora_B*": 1.0}}, "lr must be patterns that match every parameter"),
        ({"lr": {"*lora_C*": 1.0, "*": 1.0}}, r"'\*lora_C\*' \(it matches none of them\)"),
        ({"groups": ["*"], "lr": {"tail": LR}}, None),
    ):
        if message is None:
            groups = param_groups(model, **given_)
            with pytest.raises(lrs.ScheduleError, match="lr must be a dictionary by group names"):
                Scheduler(torch.optim.SGD(groups, lr=1.0), **groups.schedules)
        else:
            with pytest.raises(lrs.ScheduleError, match=message):
                param_groups(model, **given_)
    with pytest.raises(lrs.ScheduleError, match=r"model must be a module with a parameter that requires a gradient"):
        param_groups(model.base, ["*"], lr=LR)


# ---- optimizers that need a closure


def test_a_range_test_of_lbfgs():
    x = torch.linspace(-1, 1, 32)
    w = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.LBFGS([w], lr=0.5, max_iter=4)
    asked = []

    def loss(batch):
        asked.append(float(batch[0]))
        return (w * batch - 3 * batch).square().mean()

    found = range_test(loss, optimizer, [x, -x], smoothing=0.0, steps=20, smallest=1e-3, largest=1.0)
    assert len(found.losses) == 20
    assert found.losses[0] == pytest.approx(float((9 * x * x).mean()))
    assert found.losses[-1] < 1e-3 * found.losses[0]
    changes = [asked[0], *(b for a, b in itertools.pairwise(asked) if a != b)]
    assert len(asked) > 20 and changes == [-1.0, 1.0] * 10  # several looks at one batch, then the next one
    assert w.item() == 0.0 and optimizer.param_groups[0]["lr"] == 0.5 and not optimizer.state


def test_an_optimizer_without_need_of_a_closure_gets_none():
    w = torch.nn.Parameter(torch.tensor(1.0))
    optimizer, given_ = torch.optim.SGD([w], lr=0.5), []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: given_.append((args[1:], kwargs)))
    range_test(lambda: w.square(), optimizer, steps=4)
    assert given_ == [((), {})] * 4
