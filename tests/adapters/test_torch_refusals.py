"""States of something else, unknown names, histories that cannot be read, and rates of an unusual shape."""

from __future__ import annotations

from typing import Any

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")
from lrsched_torch import PlateauScheduler, Scheduler, from_scheduler  # noqa: E402

LR = 0.1 * lrs.linear().over(10)


def optimizer() -> Any:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=1.0)


def plateau_state() -> dict[str, Any]:
    scheduler = PlateauScheduler(optimizer(), lrs.Plateau(patience=0, factor=0.5), lr=LR)
    for metric in (1.0, 2.0, 3.0):
        scheduler.step(metric)
    assert scheduler.scale < 1
    return scheduler.state_dict()


def test_a_plateau_state_is_no_state_of_a_scheduler() -> None:
    with pytest.raises(lrs.ScheduleError, match=r"state_dict must be the state of a Scheduler.*plateau"):
        Scheduler(optimizer(), lr=LR).load_state_dict(plateau_state())
    mine = Scheduler(optimizer(), lr=LR, on_mismatch="mine")
    mine.load_state_dict(plateau_state())
    assert mine.last_epoch == 3 and mine.get_last_lr() == [LR(3)]


def test_a_scheduler_state_is_no_state_of_a_plateau() -> None:
    plain = Scheduler(optimizer(), lr=LR)
    plain.step(count=3)
    target = PlateauScheduler(optimizer(), lrs.Plateau(), lr=LR)
    with pytest.raises(lrs.ScheduleError, match="state of a PlateauScheduler"):
        target.load_state_dict(plain.state_dict())
    assert target.last_epoch == 0
    target.load_state_dict({"last_epoch": 3})
    assert target.get_last_lr() == [LR(3)]


@pytest.mark.parametrize("key", ["history", "groups", "relative"])
def test_a_damaged_state_is_refused(key: str) -> None:
    state = Scheduler(optimizer(), lr=LR).state_dict()
    del state[key]
    with pytest.raises(lrs.ScheduleError, match=f"a state without {key}"):
        Scheduler(optimizer(), lr=LR).load_state_dict(state)


def test_an_unknown_name_is_refused_without_a_schedule_too() -> None:
    with pytest.raises(lrs.ScheduleError, match="momentom"):
        Scheduler(optimizer(), lr=LR, momentom=None)
    with pytest.raises(lrs.ScheduleError, match="momentom"):
        Scheduler(optimizer(), lr=LR).replace(momentom=None)
    with pytest.raises(lrs.ScheduleError, match="lr must be a schedule for at least one group"):
        Scheduler(optimizer(), lr={})


def test_a_group_that_was_just_added_is_read_and_a_history_is_not() -> None:
    target = optimizer()
    scheduler = Scheduler(target, lr=LR)
    target.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.5})
    assert from_scheduler(scheduler) in (LR, [LR, LR])
    scheduler.step(count=2)
    scheduler.replace(lr=2.0 * LR)
    with pytest.raises(lrs.ScheduleError, match="never replaced"):
        from_scheduler(scheduler)


def test_a_tensor_of_one_element_is_a_rate_whatever_its_shape() -> None:
    target = torch.optim.Adam([torch.nn.Parameter(torch.zeros(2))], lr=torch.tensor([0.5]))
    scheduler = Scheduler(target, lr=LR)
    scheduler.step(count=2)
    rate = target.param_groups[0]["lr"]
    assert rate.shape == (1,) and rate.item() == pytest.approx(LR(2), rel=1e-7)


def test_a_profile_among_the_schedulers_of_pytorch_is_told_what_makes_it_a_schedule() -> None:
    """They call it with counts, and the first two, 0 and 1, are progress as well."""
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer(), lrs.cosine())
    scheduler.optimizer.step()
    scheduler.step()
    with pytest.raises(
        lrs.ScheduleError, match=r"what counts steps must be a schedule \(profile.over\(steps\) makes one\)"
    ):
        scheduler.step()


def test_a_schedule_that_has_no_value_now_changes_nothing() -> None:
    over = lrs.linear().over(2).after("error")
    target = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=1.0, momentum=0.9)
    with pytest.raises(lrs.ScheduleError, match="past the end"):
        Scheduler(target, lr=LR, momentum=over, last_epoch=4)
    assert (target.param_groups[0]["lr"], target.param_groups[0]["momentum"]) == (1.0, 0.9)
    scheduler = Scheduler(target, lr=LR, last_epoch=4)
    before = scheduler.state_dict()
    with pytest.raises(lrs.ScheduleError, match="past the end"):
        scheduler.replace(lr=over)
    assert scheduler.state_dict() == before and scheduler.schedules == {"lr": LR}
    scheduler.step()
    assert scheduler.get_last_lr() == [LR(6)]
