"""PyTorch's own schedulers over a schedule: saved, resumed, and told of the state of another one."""

from __future__ import annotations

import io

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")

from torch.optim.lr_scheduler import CyclicLR, LambdaLR, MultiplicativeLR, SequentialLR, StepLR  # noqa: E402

S = lrs.warmup(4) >> lrs.cosine().over(16, end=0.1)
KINDS = {
    "LambdaLR": LambdaLR,
    "MultiplicativeLR": MultiplicativeLR,
    "CyclicLR": lambda o, s: CyclicLR(o, 0.1, 1.0, 4, scale_fn=s, scale_mode="iterations"),
    "SequentialLR": lambda o, s: SequentialLR(o, [StepLR(o, 2), LambdaLR(o, s)], [3]),
}


def make():
    w = torch.nn.Parameter(torch.zeros(1))
    return torch.optim.SGD([{"params": [w]}], lr=1.0, momentum=0.9)


def walked(optimizer, scheduler, steps):
    rates = []
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        rates.append(scheduler.get_last_lr())
    return rates


def stored(*states):
    """What a checkpoint that allows no code gives back."""
    file = io.BytesIO()
    torch.save(states, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_resumes(kind):
    optimizer = make()
    scheduler = KINDS[kind](optimizer, S)
    walked(optimizer, scheduler, 5)
    of_optimizer, of_scheduler = stored(optimizer.state_dict(), scheduler.state_dict())
    again = make()
    resumed = KINDS[kind](again, S)
    again.load_state_dict(of_optimizer)
    resumed.load_state_dict(of_scheduler)
    assert walked(again, resumed, 6) == walked(optimizer, scheduler, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_another_schedule_is_refused(kind):
    state = KINDS[kind](make(), S).state_dict()
    with pytest.raises(lrs.ScheduleError, match=r"schedule must be that of the saved state.*16, end=0\.1.*got"):
        KINDS[kind](make(), 2 * S).load_state_dict(state)


def test_a_saved_state_says_which_schedule():
    assert LambdaLR(make(), S).state_dict()["lr_lambdas"] == [{"schedule": repr(S)}]


def test_a_schedule_for_each_group():
    optimizer = make()
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    state = LambdaLR(optimizer, [S, 2 * S]).state_dict()
    LambdaLR(optimizer, [S, 2 * S]).load_state_dict(state)
    with pytest.raises(lrs.ScheduleError, match="schedule must be"):
        LambdaLR(optimizer, [2 * S, S]).load_state_dict(state)


def test_a_state_of_a_function_says_nothing():
    state = LambdaLR(make(), lambda t: 1.0).state_dict()
    resumed = LambdaLR(make(), S)
    resumed.load_state_dict(state)
    assert resumed.last_epoch == 0
