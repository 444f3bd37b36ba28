"""Calls that mean something else in PyTorch, two writers of one number, reports that never come: each is said."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")
from torch.optim.lr_scheduler import (  # noqa: E402
    ChainedScheduler,
    CosineAnnealingWarmRestarts,
    LinearLR,
    SequentialLR,
    StepLR,
)

from lrsched_torch import PlateauScheduler, Scheduler  # noqa: E402

LR = 0.1 * (lrs.warmup(4) >> lrs.cosine().over(20))
FALL = lrs.linear().over(10)


def make(n: int = 1, **more: Any) -> Any:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "name": f"g{i}"} for i in range(n)]
    return torch.optim.SGD(groups, **{"lr": 1.0, "momentum": 0.9, **more})


def rate(optimizer: Any) -> float:
    return float(optimizer.param_groups[0]["lr"])


# ---- a step, a metric, a count


@pytest.mark.parametrize("given", [5, 0, 2.75, 2.31, torch.tensor(2.31), torch.tensor(3), np.float64(0.5), "x", True])
def test_what_stands_alone_in_step_is_refused_and_counts_nothing(given: Any) -> None:
    optimizer = make()
    scheduler = Scheduler(optimizer, lr=LR)
    for stepped in (0, 1):
        for call in (lambda: scheduler.step(given), lambda: scheduler.step(epoch=given)):
            with pytest.raises(lrs.ScheduleError) as caught:
                call()
            for way in ("Scheduler.step: epoch must be left out", "step()", "step(count=n)", "seek(t)"):
                assert way in str(caught.value)
        assert scheduler.last_epoch == stepped and rate(optimizer) == LR(stepped)
        scheduler.step(None)


def test_a_loop_on_shares_of_epochs() -> None:
    ours, theirs = make(), make()
    mine = Scheduler(ours, lr=lrs.cosine().over(10).restarted())
    other = CosineAnnealingWarmRestarts(theirs, 10)
    for epoch in range(12):
        for i in range(4):
            ours.step()
            theirs.step()
            mine.seek(epoch + i / 4)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                other.step(epoch + i / 4)
            assert rate(ours) == pytest.approx(rate(theirs), abs=1e-12)
    assert mine.last_epoch == 11.75
    mine.seek(3)
    mine.step()
    assert mine.last_epoch == 4 and rate(ours) == lrs.cosine().over(10)(4)


@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf, "3", None, True, torch.zeros(2), 10**400], ids=str)
def test_steps_that_are_none(wrong: Any) -> None:
    optimizer = make()
    scheduler = Scheduler(optimizer, lr=LR)
    scheduler.step()
    for call in (scheduler.seek, lambda x: scheduler.step(count=x)):
        with pytest.raises(lrs.ScheduleError):
            call(wrong)
        assert scheduler.last_epoch == 1 and rate(optimizer) == LR(1)
    ending = Scheduler(make(), lr=LR.after("error"))
    with pytest.raises(lrs.ScheduleError):
        ending.seek(25)
    assert ending.last_epoch == 0


@pytest.mark.parametrize("of_tensors", [False, True])
def test_a_step_that_a_schedule_refuses_leaves_all_as_it_was(of_tensors: bool) -> None:
    """Also what other hyperparameters have by then, in groups of numbers and of tensors."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=torch.tensor(1.0) if of_tensors else 1.0)
    falling, ending = lrs.linear().over(10), lrs.linear().over(3).after("error")
    scheduler = Scheduler(optimizer, weight_decay=falling, lr=ending)
    scheduler.step(count=2)
    scheduler.step(count=0)
    for call in (scheduler.step, scheduler.step, lambda: scheduler.step(count=5), lambda: scheduler.seek(9)):
        with pytest.raises(lrs.ScheduleError, match="past the end"):
            call()
        assert scheduler.last_epoch == 2 and optimizer.param_groups[0]["weight_decay"] == falling(2)
        assert rate(optimizer) == pytest.approx(ending(2))
    scheduler.replace(lr=falling)
    scheduler.step()
    assert scheduler.last_epoch == 3 and rate(optimizer) == pytest.approx(falling(3))


ONES = [torch.tensor(2), torch.tensor([2]), torch.tensor([[2.0]]), torch.tensor(2.0, dtype=torch.float64), np.int64(2),
        np.float32(2.0), np.array(2), 2.0, 2]  # fmt: skip


@pytest.mark.parametrize("two", ONES, ids=repr)
def test_one_element_is_a_number(two: Any) -> None:
    optimizer = make()
    scheduler = Scheduler(optimizer, lr=LR, last_epoch=two)
    assert scheduler.last_epoch == 3
    scheduler.step(count=two)
    assert scheduler.last_epoch == 5 and rate(optimizer) == LR(5)
    scheduler.seek(two)
    assert scheduler.last_epoch == 2 and scheduler.lr_at(two) == [LR(2)] == scheduler.get_last_lr()
    assert scheduler.state_dict()["last_epoch"] == 2


# ---- the numbers in force


def test_values_are_numbers_by_name_and_group() -> None:
    one = Scheduler(make(), lr=LR, momentum=0.5)
    one.step()
    assert one.values == {"lr": LR(1), "momentum": 0.5}
    optimizer = make(2)
    del optimizer.param_groups[1]["name"]
    optimizer.param_groups[1]["lr"] = torch.tensor(0.5)
    three = Scheduler(optimizer, lr={"g0": LR})
    three.step(count=2)
    assert three.values == {"lr/g0": LR(2), "lr/1": 0.5}
    assert all(type(value) is float for value in three.values.values())


# ---- two writers


@pytest.mark.parametrize("order", ["ba", "ab", "aab", "bba"])
def test_the_second_that_steps_a_key_is_refused(order: str) -> None:
    optimizer = make()
    both = {"a": Scheduler(optimizer, lr=0.5 * LR), "b": Scheduler(optimizer, lr=0.25 * LR)}
    *first, last = order
    for name in first:
        both[name].step()
    with pytest.raises(
        lrs.ScheduleError, match=r"Scheduler\.step: lr must be stepped by one scheduler.*a \* b.*detach"
    ):
        both[last].step()
    with pytest.raises(lrs.ScheduleError, match=r"Scheduler\.seek: lr must be stepped by one"):
        both[last].seek(3)
    with pytest.raises(lrs.ScheduleError, match=r"Scheduler\.replace: lr must be stepped by one"):
        both[last].replace(lr=LR)
    winner = both[first[0]]
    assert both[last].last_epoch == 0 and rate(optimizer) == winner.lr_at(len(first))[0]
    winner.step()
    optimizer.load_state_dict(optimizer.state_dict())
    assert rate(optimizer) == winner.lr_at(len(order))[0], "the other one does not write after a load"


def test_a_later_scheduler_takes_over() -> None:
    optimizer = make()
    first = Scheduler(optimizer, lr=LR)
    first.step(count=3)
    second = Scheduler(optimizer, lr=FALL)
    second.step()
    with pytest.raises(lrs.ScheduleError, match="stepped by one scheduler"):
        first.step()
    first.load_state_dict({"last_epoch": 7})
    assert rate(optimizer) == LR(7)
    first.step()
    with pytest.raises(lrs.ScheduleError, match="stepped by one scheduler"):
        second.step()


def test_a_scheduler_that_is_only_built_takes_nothing_over() -> None:
    optimizer = make()
    first = Scheduler(optimizer, lr=LR)
    first.step()
    second = Scheduler(optimizer, lr=FALL)
    first.step()
    assert rate(optimizer) == LR(2)
    with pytest.raises(lrs.ScheduleError, match="stepped by one scheduler"):
        second.step()


def test_who_is_detached_or_gone_is_no_writer() -> None:
    for end in ("detach", "del"):
        optimizer = make()
        first, second = Scheduler(optimizer, lr=LR), Scheduler(optimizer, lr=FALL)
        first.step()
        if end == "detach":
            first.detach()
            for call, given in ((first.step, ()), (first.seek, (2,)), (first.load_state_dict, ({"last_epoch": 2},))):
                with pytest.raises(lrs.ScheduleError, match="was detached from its optimizer"):
                    call(*given)
            del call
            assert first.lr_at(2) == [LR(2)] and first.state_dict()["last_epoch"] == 1
        else:
            del first
            gc.collect()
        second.step()
        optimizer.load_state_dict(optimizer.state_dict())
        assert rate(optimizer) == FALL(1)


def test_other_numbers_other_groups_and_copies_are_no_second_writers() -> None:
    optimizer = make(2)
    lr, momentum = Scheduler(optimizer, lr={"g0": LR}), Scheduler(optimizer, momentum=FALL)
    other = Scheduler(optimizer, lr={"g1": FALL})
    twin = copy.deepcopy(lr), pickle.loads(pickle.dumps(lr))
    for _ in range(3):
        for scheduler in (lr, momentum, other, *twin):
            scheduler.step()
    assert lr.get_last_lr() == [LR(3), FALL(3)] and optimizer.param_groups[1]["momentum"] == FALL(3)
    momentum.replace(lr=FALL)
    momentum.step()
    for scheduler in (lr, other):
        with pytest.raises(lrs.ScheduleError, match="lr must be stepped by one scheduler"):
            scheduler.step()


# ---- PyTorch's own combinations


class Earlier(SequentialLR):
    """It begins a scheduler by ``step(0)``, as before PyTorch 2.9."""

    def step(self) -> None:
        self.last_epoch += 1
        i = sum(self.last_epoch >= m for m in self._milestones)
        if self.last_epoch in self._milestones:
            self._schedulers[i].step(0)
        else:
            self._schedulers[i].step()
        self._last_lr = self._schedulers[i].get_last_lr()


def test_a_parameter_that_went_to_another_optimizer_makes_no_second_writer() -> None:
    first = make()
    a, parameters = Scheduler(first, lr=0.5), first.param_groups[0]["params"]
    a.step()
    first.param_groups[0]["params"] = [torch.nn.Parameter(torch.zeros(1))]  # in place, as sharding does
    b = Scheduler(torch.optim.SGD(parameters, lr=1.0), lr=0.25)
    for scheduler in (b, a, b, a):
        scheduler.step()
    assert (a.get_last_lr(), b.get_last_lr()) == ([0.5], [0.25])


@pytest.mark.parametrize("kind", [SequentialLR, Earlier])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("plateau", [False, True])
def test_a_sequence_of_ours(kind: Any, turned: bool, plateau: bool) -> None:
    def built() -> tuple[Any, Any]:
        optimizer = make()
        makers: list[Any] = [
            lambda: Scheduler(optimizer, lr=LR),
            lambda: PlateauScheduler(optimizer, lrs.Plateau(), lr=FALL) if plateau else Scheduler(optimizer, lr=FALL),
            lambda: Scheduler(optimizer, lr=0.5 * LR),
        ]
        made = [make_one() for make_one in (makers[::-1] if turned else makers)]
        return optimizer, kind(optimizer, made[::-1] if turned else made, [4, 8])

    wanted = [LR(t) for t in range(4)] + [FALL(t) for t in range(4)] + [0.5 * LR(t) for t in range(4)]
    optimizer, sequence = built()
    for t, value in enumerate(wanted):
        assert rate(optimizer) == value == sequence.get_last_lr()[0]
        again, resumed = built()
        resumed.load_state_dict(copy.deepcopy(sequence.state_dict()))
        again.load_state_dict(optimizer.state_dict())
        assert rate(again) == value
        again.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
        again.step()
        assert [group["lr"] for group in again.param_groups] == [value] * 2
        resumed.step()
        if t + 1 < len(wanted):
            assert rate(again) == wanted[t + 1]
        optimizer.step()
        sequence.step()


def test_ours_in_a_sequence_with_theirs() -> None:
    optimizer = make()
    sequence = SequentialLR(optimizer, [LinearLR(optimizer, 0.25, total_iters=4), Scheduler(optimizer, lr=FALL)], [4])
    rates = []
    for _ in range(6):
        rates.append(rate(optimizer))
        optimizer.step()
        sequence.step()
    assert rates == pytest.approx([0.25, 0.4375, 0.625, 0.8125, 1.0, 0.9])


def test_a_chain_of_ours_is_refused_where_another_drives_the_same() -> None:
    optimizer = make()
    ours, theirs = Scheduler(optimizer, lr=LR), StepLR(optimizer, 2)
    for chain in ([ours, theirs], [theirs, ours], [ours, Scheduler(optimizer, lr=FALL)]):
        with pytest.raises(lrs.ScheduleError, match=r"ChainedScheduler: schedulers must be .*lr=a \* b.*'Scheduler'"):
            ChainedScheduler(chain)
    chained = ChainedScheduler([theirs, Scheduler(optimizer, momentum=FALL)])
    optimizer.step()
    chained.step()
    assert optimizer.param_groups[0]["momentum"] == FALL(1)


def test_a_chain_is_refused_where_a_sequence_brings_ours() -> None:
    optimizer = make()
    ours = [Scheduler(optimizer, lr=LR), Scheduler(optimizer, lr=FALL)]
    chained = ChainedScheduler([SequentialLR(optimizer, ours, [4]), StepLR(optimizer, 2)])
    optimizer.step()
    with pytest.raises(lrs.ScheduleError, match=r"ChainedScheduler: schedulers must be .*lr=a \* b"):
        chained.step()
    optimizer = make()
    ours = [Scheduler(optimizer, momentum=LR), Scheduler(optimizer, momentum=FALL)]
    chained = ChainedScheduler([SequentialLR(optimizer, ours, [4]), StepLR(optimizer, 2)])
    for _ in range(6):
        optimizer.step()
        chained.step()
    assert optimizer.param_groups[0]["momentum"] == FALL(2)


# ---- mistakes that show at a joint

WRONG = 3e-4 * lrs.warmup(50) >> lrs.cosine().over(950)


def warned(build: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        build()
    for warning in found:
        assert warning.category is lrs.ScheduleWarning and warning.filename == __file__
    return [str(warning.message) for warning in found]


def test_a_mistake_at_a_joint_gives_a_warning_once() -> None:
    assert issubclass(lrs.ScheduleWarning, UserWarning)
    for given in (WRONG, [WRONG, LR], {"g1": WRONG}):
        (message,) = warned(lambda given=given: Scheduler(make(2), lr=given, momentum=FALL))
        assert message.startswith("Scheduler: lr=3e-4 * warmup(50) >> ".replace("3e-4", "0.0003"))
        assert "with parentheses" in message and "check=False" in message
        assert warned(lambda given=given: Scheduler(make(2), lr=given, check=False)) == []
    (message,) = warned(lambda: PlateauScheduler(make(), lrs.Plateau(), lr=WRONG))
    assert message.startswith("PlateauScheduler: lr=")
    scheduler = Scheduler(make(), lr=LR)
    assert len(warned(lambda: scheduler.replace(lr=WRONG))) == 1
    with pytest.raises(lrs.ScheduleError, match="check must be True or False"):
        Scheduler(make(), lr=LR, check="yes")


@pytest.mark.parametrize(
    "lr",
    [
        LR, 0.1, FALL, lrs.constant(0.1), WRONG >> lrs.constant(0.1), lrs.warmup(0) >> FALL, lrs.multi_step([3, 9]),
        0.1 * lrs.cosine().over(10).restarted(times=50), lrs.hold(0), lrs.table([1.0, 0.1, 5.0]), LR.restarted(),
        lrs.piecewise([3, 5], [0.1, 1.0, 0.1]), 0.1 * lrs.plan(1000, lrs.warmup(20), (None, lrs.cosine())),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_sound_or_endless_gives_none(lr: Any) -> None:
    assert warned(lambda: Scheduler(make(), lr=lr)) == []


def test_a_look_at_joints_costs_what_it_shows() -> None:
    """Few values are computed, however many joints there are."""
    pieces = [0.1 * (1 + i % 7) * lrs.warmup(10) for i in range(60)]
    assert len(warned(lambda: Scheduler(make(), lr=lrs.plan(30_000, *pieces, (None, lrs.cosine()))))) == 1
    many = [0.1 * (1 + i) * (lrs.warmup(10 + i) >> FALL) for i in range(300)]
    assert warned(lambda: Scheduler(make(300), lr=many)) == []


# ---- a report that never comes


def silent(steps: int, updates: int = 1, rule: Any = None, **given: Any) -> tuple[Any, list[str]]:
    optimizer = make()
    scheduler = PlateauScheduler(optimizer, rule or lrs.Plateau(0.5, patience=3), **given)

    def run() -> None:
        for _ in range(steps):
            for _ in range(updates):
                optimizer.step()
            scheduler.step()

    return scheduler, warned(run)


def test_a_plateau_that_hears_nothing_says_so_once() -> None:
    for rule in (lrs.Plateau(0.5, patience=3), lrs.Greedy(0.5, patience=3)):
        assert silent(3, rule=rule)[1] == []
        (message,) = silent(50, rule=rule)[1]
        for part in (
            "no metric came in 4 steps",
            "reduce_on_plateau",
            "observe(",
            "Trainer",
            "on_evaluate",
            "check=False",
        ):
            assert part in message
    assert silent(50, check=False)[1] == []
    assert len(silent(10, updates=7, lr=LR)[1]) == 1, "steps that are epochs"
    assert len(silent(24, lr=LR)[1]) == 1, "the schedule has ended"


def test_a_plateau_that_is_stepped_with_every_update_waits_for_its_epoch() -> None:
    assert silent(23, lr=LR)[1] == []
    scheduler, _ = silent(3)
    assert warned(lambda: [scheduler.observe(1.0), *(scheduler.step() for _ in range(50))]) == []
    scheduler, _ = silent(3)
    assert warned(lambda: [scheduler.step(1.0), *(scheduler.step() for _ in range(50))]) == []
    known = scheduler.state_dict()
    resumed, _ = silent(0)
    resumed.load_state_dict(known)
    assert warned(lambda: [resumed.step() for _ in range(50)]) == []
    assert warned(lambda: [resumed.step(applied=False) for _ in range(50)]) == []
