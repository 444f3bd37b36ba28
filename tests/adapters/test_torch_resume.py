"""Saving and restoring: at any step, in any order, in a new process, the same bits; another schedule is refused."""

from __future__ import annotations

import functools
import json
import pathlib
import random
import subprocess
import sys

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")

from lrsched_torch import Scheduler  # noqa: E402

LR = 0.05 * (lrs.warmup(7) >> lrs.cosine().over(20).restarted(t_mult=2, gamma=0.9))
BETA = lrs.linear().over(100, start=0.95, end=0.85)
TOTAL = 90
KINDS = {
    "SGD": (torch.optim.SGD, {"momentum": 0.9}, {"lr": LR, "momentum": BETA}),
    "Adam": (torch.optim.Adam, {}, {"lr": [LR, 2 * LR], "beta1": BETA}),
    "AdamW": (torch.optim.AdamW, {"foreach": True}, {"lr": {"head": LR}, "weight_decay": 0.1 * LR}),
    "relative": (torch.optim.Adam, {}, {"lr": LR, "beta1": BETA, "relative": True}),
    "tensor": (torch.optim.Adam, {"lr": torch.tensor(0.5)}, {"lr": LR, "relative": True}),
}


class Run:
    """A model of two groups, its optimizer, and its scheduler once there is one."""

    def __init__(self, kind):
        self.kind = kind
        torch.manual_seed(0)
        self.model = torch.nn.Linear(3, 1)
        factory, options, self.schedules = KINDS[kind]
        names = dict(self.model.named_parameters())
        groups = [{"params": [names["weight"]], "name": "body"}, {"params": [names["bias"]], "name": "head"}]
        self.optimizer = factory(groups, **{"lr": 0.5, **options})

    def scheduled(self, **more):
        self.scheduler = Scheduler(self.optimizer, **{**self.schedules, **more})
        return self

    def train(self, start, stop):
        for t in range(start, stop):
            x = torch.tensor([[t % 5 - 2.0, t % 3, 1.0]])
            self.optimizer.zero_grad()
            (self.model(x) - 1.0).square().sum().backward()
            self.optimizer.step()
            self.scheduler.step()
        return self

    def save(self):
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}

    def bits(self):
        rates = [{k: g[k] for k in ("lr", "momentum", "weight_decay", "betas") if k in g} for g in self.groups()]
        return repr([p.tolist() for p in self.model.parameters()]) + repr(rates)

    def groups(self):
        return self.optimizer.param_groups


def checkpoint(run, path):
    torch.save({name: part.state_dict() for name, part in run.save().items()}, path)


def resumed(order, kind, path):
    """A run restored from a file, its parts built and restored in some order."""
    saved = torch.load(path, weights_only=True)
    run = Run(kind)
    step = saved["scheduler"]["last_epoch"]
    if order == "optimizer, scheduler":
        run.scheduled().optimizer.load_state_dict(saved["optimizer"])
        run.scheduler.load_state_dict(saved["scheduler"])
    elif order == "scheduler, optimizer":
        run.scheduled().scheduler.load_state_dict(saved["scheduler"])
        run.optimizer.load_state_dict(saved["optimizer"])
    elif order == "scheduler built last":
        run.optimizer.load_state_dict(saved["optimizer"])
        run.scheduled().scheduler.load_state_dict(saved["scheduler"])
    elif order == "built at the step":
        run.optimizer.load_state_dict(saved["optimizer"])
        run.scheduled(last_epoch=step - 1)
    else:
        run.scheduled().scheduler.load_state_dict({"last_epoch": step})
        run.optimizer.load_state_dict(saved["optimizer"])
    run.model.load_state_dict(saved["model"])
    return run, step


ORDERS = (
    "optimizer, scheduler",
    "scheduler, optimizer",
    "scheduler built last",
    "built at the step",
    "the step alone",
)


@functools.cache
def uninterrupted(kind):
    return Run(kind).scheduled().train(0, TOTAL).bits()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_restored_at_random_steps_it_gives_the_same_bits(order, kind, tmp_path):
    rng = random.Random(order + kind)
    whole = uninterrupted(kind)
    at, run = 0, Run(kind).scheduled()
    for stop in sorted(rng.sample(range(TOTAL), 8)):
        run.train(at, stop)
        checkpoint(run, tmp_path / "run.pt")
        run, at = resumed(order, kind, tmp_path / "run.pt")
        assert at == stop
    assert run.train(at, TOTAL).bits() == whole


def test_restored_in_a_new_process(tmp_path):
    for kind in KINDS:
        checkpoint(Run(kind).scheduled().train(0, 31), tmp_path / f"{kind}.pt")
    ran = subprocess.run([sys.executable, __file__, tmp_path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert len(found) == len(KINDS) * len(ORDERS)
    for name, bits in found.items():
        assert bits == uninterrupted(name.split(":")[0]), name


def _continue_all(folder):
    found = {}
    for kind in KINDS:
        for order in ORDERS:
            run, step = resumed(order, kind, pathlib.Path(folder) / f"{kind}.pt")
            found[f"{kind}:{order}"] = run.train(step, TOTAL).bits()
    sys.stdout.write(json.dumps(found))


@pytest.mark.parametrize("order", ["optimizer, scheduler", "scheduler, optimizer"])
def test_an_optimizer_saved_before_the_scheduler_stepped(order, tmp_path):
    run = Run("SGD").scheduled().train(0, 20)
    stale = {"optimizer": run.optimizer.state_dict(), "model": run.model.state_dict()}
    stale["optimizer"]["param_groups"] = [dict(g, lr=LR(19)) for g in stale["optimizer"]["param_groups"]]
    torch.save({**stale, "scheduler": run.scheduler.state_dict()}, tmp_path / "run.pt")
    again, step = resumed(order, "SGD", tmp_path / "run.pt")
    assert again.groups()[0]["lr"] == LR(20)
    assert again.train(step, TOTAL).bits() == run.train(20, TOTAL).bits()


def test_the_state_is_plain_data(tmp_path):
    run = Run("relative").scheduled().train(0, 9)
    run.scheduler.replace(lr={"head": LR, 0: 2 * LR})
    state = run.scheduler.state_dict()
    assert json.loads(json.dumps(state)) == state
    assert state["last_epoch"] == 9
    torch.save(state, tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt", weights_only=True) == state
    twin = Run("relative").scheduled()
    twin.scheduler.load_state_dict(json.loads(json.dumps(state)))
    assert twin.scheduler.state_dict() == state
    assert twin.scheduler.get_last_lr() == run.scheduler.get_last_lr()


def test_another_schedule_is_refused_by_both_names():
    state = Run("SGD").scheduled().train(0, 9).scheduler.state_dict()
    other = 0.1 * lrs.rex().over(50)
    run = Run("SGD").scheduled(lr=other)
    before = run.scheduler.state_dict()
    with pytest.raises(lrs.ScheduleError) as caught:
        run.scheduler.load_state_dict(state)
    for part in (repr(LR), repr(other), "'mine'", "'saved'", "Scheduler.load_state_dict: lr must be"):
        assert part in str(caught.value)
    assert run.scheduler.state_dict() == before
    for given, message in (({"momentum": None}, "momentum must be"), ({"relative": True}, "relative must be")):
        with pytest.raises(lrs.ScheduleError, match=message):
            Run("SGD").scheduled(**given).scheduler.load_state_dict(state)
    with pytest.raises(lrs.ScheduleError, match="weight_decay must be"):
        Run("SGD").scheduled(weight_decay=LR).scheduler.load_state_dict(state)


def test_the_caller_says_which_schedule_wins():
    state = Run("SGD").scheduled().train(0, 9).scheduler.state_dict()
    other = 0.1 * lrs.rex().over(50)
    mine = Run("SGD").scheduled(lr=other, on_mismatch="mine")
    mine.scheduler.load_state_dict(state)
    assert [g["lr"] for g in mine.groups()] == [other(9)] * 2
    assert mine.scheduler.lr_at(4) == [LR(4)] * 2
    assert mine.scheduler.history == [(9, {"lr": LR, "momentum": BETA})]
    saved = Run("SGD").scheduled(lr=other, on_mismatch="saved")
    saved.scheduler.load_state_dict(state)
    assert [g["lr"] for g in saved.groups()] == [LR(9)] * 2
    assert saved.scheduler.state_dict() == state


def test_a_replacement_is_recorded_and_resumed(tmp_path):
    def trained(stop):
        run = Run("SGD").scheduled().train(0, 12)
        run.scheduler.replace(lr=LR.lasting(60).extended(12, 100))
        run.train(12, 20).scheduler.replace(momentum=0.5)
        return run.train(20, stop)

    longer = LR.lasting(60).extended(12, 100)
    whole = trained(TOTAL)
    for t in (0, 11, 12, 40, 95):
        assert whole.scheduler.lr_at(t) == [(LR if t < 12 else longer)(t)] * 2
    assert whole.scheduler.values_at(15)["momentum"] == [BETA(15)] * 2
    assert [until for until, _ in whole.scheduler.history] == [12, 20]
    for order in ORDERS[:3]:
        checkpoint(trained(31), tmp_path / "run.pt")
        run, step = resumed(order, "SGD", tmp_path / "run.pt")
        assert run.scheduler.schedules == {"lr": longer, "momentum": lrs.constant(0.5)}
        assert run.train(step, TOTAL).bits() == whole.bits()
        assert run.scheduler.state_dict() == whole.scheduler.state_dict()


def test_a_replacement_takes_effect_at_once_and_rewinds():
    run = Run("SGD").scheduled().train(0, 5)
    early = run.scheduler.state_dict()
    run.train(5, 10)
    run.scheduler.replace(lr=[None, 3 * LR], weight_decay=LR)
    assert [g["lr"] for g in run.groups()] == [LR(10), (3 * LR)(10)]
    run.scheduler.step()
    assert [g["lr"] for g in run.groups()] == [LR(10), (3 * LR)(11)]
    assert [g["weight_decay"] for g in run.groups()] == [LR(11)] * 2
    run.scheduler.load_state_dict(early)
    assert run.scheduler.history == []
    assert [g["lr"] for g in run.groups()] == [LR(5)] * 2
    with pytest.raises(lrs.ScheduleError, match=r"Scheduler\.replace: lr must be one schedule for each of the 2"):
        run.scheduler.replace(lr=[LR])
    with pytest.raises(lrs.ScheduleError, match=r"Scheduler\.replace: hyperparameter must be"):
        run.scheduler.replace(temperature=LR)
    assert run.scheduler.schedules["lr"] == LR


def test_replaced_before_the_first_update_it_leaves_no_trace():
    run = Run("SGD").scheduled()
    run.scheduler.replace(lr=2 * LR)
    assert run.scheduler.history == []
    assert run.groups()[0]["lr"] == (2 * LR)(0)


@pytest.mark.parametrize("relative", [False, True])
def test_groups_added_and_removed_before_a_save(relative):
    def grown():
        run = Run("SGD").scheduled(lr=LR, momentum=None, relative=relative)
        run.extra = torch.nn.Parameter(torch.ones(1))
        return run

    run = grown().train(0, 8)
    run.optimizer.add_param_group({"params": [run.extra], "lr": 3.0})
    run.train(8, 12)
    twin = grown()
    twin.scheduler.load_state_dict(run.scheduler.state_dict())
    twin.optimizer.add_param_group({"params": [twin.extra], "lr": 9.9})
    twin.optimizer.load_state_dict(run.optimizer.state_dict())
    assert twin.scheduler.get_last_lr() == run.scheduler.get_last_lr()
    assert twin.scheduler.get_last_lr()[2] == (3.0 * LR(12) if relative else LR(12))
    twin.optimizer.param_groups.pop(0)
    third = grown()
    third.optimizer.param_groups.pop(0)
    third.optimizer.add_param_group({"params": [third.extra], "lr": 3.0})
    twin.scheduler.step()
    third.scheduler.load_state_dict(twin.scheduler.state_dict())
    assert third.scheduler.get_last_lr() == twin.scheduler.get_last_lr()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "state_dict must be the state of a scheduler, with a last_epoch"),
        ([], "state_dict must be the state of a scheduler"),
        ({"last_epoch": -1}, "last_epoch must be a step >= 0, got -1"),
        ({"last_epoch": "7"}, "last_epoch must be a step >= 0"),
        ({"last_epoch": 3, "T_max": 10}, "or last_epoch alone, got 'a state with T_max'"),
        ({"last_epoch": 3, "schedules": {}, "format": 99}, "format must be 1"),
    ],
)
def test_states_of_something_else_are_refused(state, message):
    run = Run("SGD").scheduled()
    with pytest.raises(lrs.ScheduleError) as caught:
        run.scheduler.load_state_dict(state)
    assert message in str(caught.value)
    assert run.scheduler.last_epoch == 0


def test_a_run_goes_on_from_pytorchs_own_bookkeeping():
    run = Run("SGD").scheduled()
    theirs = torch.optim.lr_scheduler.LRScheduler.state_dict
    state = {"last_epoch": 6, "_step_count": 7, "base_lrs": [0.5, 0.5], "_last_lr": [0.1, 0.1]}
    assert callable(theirs)
    run.scheduler.load_state_dict(state)
    assert run.scheduler.get_last_lr() == [LR(6)] * 2


if __name__ == "__main__":
    _continue_all(sys.argv[1])
