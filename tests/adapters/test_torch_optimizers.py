"""Whatever has parameter groups: wrappers, chains, several optimizers; the rate that is shown is the rate that is used."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")
from lrsched_torch import PlateauScheduler, Scheduler  # noqa: E402

LR = 0.1 * lrs.warmup(4)
SGD, ADAM = torch.optim.SGD, torch.optim.Adam


def parameters(n: int = 1) -> list[Any]:
    return [torch.nn.Parameter(torch.zeros(1)) for _ in range(n)]


def graded(optimizer: Any) -> Any:
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = torch.ones_like(p)
    return optimizer


class Bare:
    """Groups and a step, and nothing else."""

    def __init__(self, optimizer: Any, attribute: str = "inner") -> None:
        setattr(self, attribute, optimizer)
        self.at = attribute

    @property
    def param_groups(self) -> Any:
        return getattr(self, self.at).param_groups

    def step(self) -> None:
        getattr(self, self.at).step()

    def load_state_dict(self, state: Any) -> None:
        getattr(self, self.at).load_state_dict(state)


class Referring(Bare):
    """It holds the list of groups itself, which a load leaves behind."""

    param_groups = None

    def __init__(self, optimizer: Any, attribute: str = "optim") -> None:
        super().__init__(optimizer, attribute)
        self.param_groups = optimizer.param_groups


class Fresh(torch.optim.Optimizer):
    """Over several optimizers: an ``Optimizer`` that never called its ``__init__``, with a new list at each look."""

    def __init__(self, *optimizers: Any) -> None:
        self.chained_optimizers = list(optimizers)

    @property
    def param_groups(self) -> Any:
        return [group for optimizer in self.chained_optimizers for group in optimizer.param_groups]

    def step(self, closure: Any = None) -> None:
        for optimizer in self.chained_optimizers:
            optimizer.step()


class Tuple(Fresh):
    """Groups that are no list."""

    @property
    def param_groups(self) -> Any:
        return tuple(super().param_groups)


def post_local(optimizer: Any) -> Any:
    pytest.importorskip("torch.distributed.optim")
    from torch.distributed.algorithms.model_averaging.averagers import ModelAverager
    from torch.distributed.optim import PostLocalSGDOptimizer

    class Averager(ModelAverager):
        def __init__(self) -> None:
            self.step = 0

        def average_parameters(self, params: Any) -> None:
            self.step += 1

    return PostLocalSGDOptimizer(optimizer, Averager())


class Listing(list[Any]):
    """A list of optimizers that is one."""

    @property
    def param_groups(self) -> Any:
        return [group for optimizer in self for group in optimizer.param_groups]

    def step(self) -> None:
        for optimizer in self:
            optimizer.step()

    def load_state_dict(self, state: Any) -> None:
        self[0].load_state_dict(state)


WRAPPERS: dict[str, Any] = {
    "bare": Bare,
    "in a wrapper in a wrapper": lambda optimizer: Bare(Bare(optimizer, "optim"), "original_optimizer"),
    "in a list": Fresh,
    "in a tuple": Tuple,
    "a list": lambda optimizer: Listing([optimizer]),
    "by reference": Referring,
    "PostLocalSGDOptimizer": post_local,
}


@pytest.mark.parametrize("kind", WRAPPERS)
def test_wrappers_are_driven_and_followed_after_a_load(kind: str) -> None:
    inner = SGD([{"params": parameters()} for _ in range(2)], lr=1.0)
    wrapper = WRAPPERS[kind](inner)
    scheduler = Scheduler(wrapper, lr=LR)
    assert scheduler.optimizer is wrapper
    graded(inner)
    for t in range(3):
        before = inner.param_groups[0]["params"][0].item()
        wrapper.step()
        assert before - inner.param_groups[0]["params"][0].item() == pytest.approx(LR(t), rel=1e-5)
        scheduler.step()
    state = {**inner.state_dict(), "step": 0}
    for group in state["param_groups"]:
        group["lr"] = 7.0
    for load in (
        inner.load_state_dict,
        inner.load_state_dict if isinstance(wrapper, Fresh) else wrapper.load_state_dict,
    ):
        load(copy.deepcopy(state))
        assert [group["lr"] for group in inner.param_groups] == [LR(3)] * 2 == scheduler.get_last_lr()
    inner.add_param_group({"params": parameters(), "lr": 9.0})
    wrapper.step()
    assert inner.param_groups[-1]["lr"] == LR(3)
    scheduler.step()
    assert scheduler.get_last_lr() == [LR(4)] * 3
    if wrapper.param_groups[0] is not inner.param_groups[0]:
        with pytest.raises(lrs.ScheduleError, match="give optim of the"):
            Scheduler(wrapper, lr=LR)
        wrapper = wrapper.optim
    resumed = Scheduler(wrapper, lr=LR)
    resumed.load_state_dict(scheduler.state_dict())
    assert resumed.get_last_lr() == [LR(4)] * 3


class Container(torch.optim.Optimizer):
    """Groups of its own over the parameters of the optimizers inside, which never look at them."""

    def __init__(self, *optimizers: Any) -> None:
        self.optimizers = list(optimizers)
        super().__init__([p for o in optimizers for g in o.param_groups for p in g["params"]], {"lr": 1.0})

    def step(self, closure: Any = None) -> None:
        for optimizer in self.optimizers:
            optimizer.step()


def test_groups_that_no_update_reads_are_an_error_that_names_those_to_drive() -> None:
    container = Container(SGD(parameters(), lr=1.0), SGD(parameters(), lr=1.0))
    message = r"optimizer must be the one whose groups the updates read .*SGD in its 'optimizers'.* got 'Container'"
    with pytest.raises(lrs.ScheduleError, match=message):
        Scheduler(container, lr=LR)
    assert container.param_groups[0]["lr"] == 1.0
    scheduler = Scheduler(container.optimizers, lr=LR)
    scheduler.step()
    assert [o.param_groups[0]["lr"] for o in container.optimizers] == [LR(1)] * 2


def test_a_wrapper_whose_groups_were_left_behind_is_an_error() -> None:
    wrapper = Referring(SGD(parameters(), lr=1.0), "original_optimizer")
    wrapper.load_state_dict(wrapper.original_optimizer.state_dict())
    with pytest.raises(lrs.ScheduleError, match="give original_optimizer of the Referring instead"):
        Scheduler(wrapper, lr=LR)


class Synchronised(Container):
    """It carries its groups over before each update, as PyTorch's ``ZeroRedundancyOptimizer`` does."""

    def _sync_param_groups(self) -> None:
        for group, optimizer in zip(self.param_groups * 2, self.optimizers, strict=False):
            optimizer.param_groups[0]["lr"] = group["lr"]

    def step(self, closure: Any = None) -> None:
        self._sync_param_groups()
        super().step()


def test_a_container_that_carries_its_groups_over_is_driven() -> None:
    container = Synchronised(SGD(parameters(), lr=1.0), SGD(parameters(), lr=1.0))
    scheduler = Scheduler(container, lr=LR)
    scheduler.step()
    container.step()
    assert [o.param_groups[0]["lr"] for o in container.optimizers] == [LR(1)] * 2


@pytest.mark.parametrize(
    "wrong", [None, [], {}, "sgd", 3, [SGD(parameters(), lr=1.0), 3], {0: 1}, torch.zeros(1)], ids=str
)
def test_what_is_no_optimizer(wrong: Any) -> None:
    with pytest.raises(lrs.ScheduleError, match="Scheduler: optimizer must be"):
        Scheduler(wrong, lr=LR)


def test_another_optimizer_in_the_place_of_one() -> None:
    scheduler = Scheduler(SGD([{"params": parameters(), "name": n} for n in "xy"], lr=1.0), lr={"x": LR, "y": 2 * LR})
    scheduler.step()
    old, new = scheduler.optimizer, SGD([{"params": parameters(), "name": n} for n in "yx"], lr=5.0)
    scheduler.optimizer = new
    assert scheduler.optimizer is new and scheduler.get_last_lr() == [2 * LR(1), LR(1)]
    state = new.state_dict()
    state["param_groups"][0]["lr"] = 9.0
    new.load_state_dict(state)
    assert new.param_groups[0]["lr"] == 2 * LR(1)
    assert not old._optimizer_load_state_dict_post_hooks and not old._optimizer_step_pre_hooks
    with pytest.raises(lrs.ScheduleError, match="optimizer must be"):
        scheduler.optimizer = 3


# ---- a group added late, under a compiled update


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # the compiler's own, when it is loaded
@pytest.mark.parametrize("kind", [SGD, ADAM])
@pytest.mark.parametrize("rate", [1.0, torch.tensor(1.0)], ids=["float", "tensor"])
def test_a_late_group_under_a_compiled_update_has_its_rate_from_the_first(kind: Any, rate: Any) -> None:
    def graphs(scheduled: bool) -> tuple[int, float]:
        torch._dynamo.reset()
        found: list[Any] = []
        optimizer = kind(parameters(), lr=rate)
        scheduler = Scheduler(optimizer, lr=LR) if scheduled else None

        def backend(module: Any, inputs: Any) -> Any:
            found.append(module)
            return module.forward

        update = torch.compile(optimizer.step, backend=backend)
        for t in range(5):
            graded(optimizer)
            update()
            if scheduler is None:
                optimizer.param_groups[0]["lr"] = LR(t + 1) if rate == 1.0 and isinstance(rate, float) else rate
            else:
                scheduler.step()
        (late,) = parameters()
        optimizer.add_param_group({"params": [late], "lr": rate if isinstance(rate, float) else rate.clone()})
        graded(optimizer)
        update()
        return len(found), -late.item()

    count, moved = graphs(True)
    assert moved == pytest.approx(LR(5), rel=1e-5)
    assert count == graphs(False)[0], "as many graphs as without a scheduler"
    torch._dynamo.reset()


# ---- several optimizers


def two(**more: Any) -> dict[str, Any]:
    groups = [
        {"params": parameters(), "name": "embed", "lr": 0.5},
        {"params": parameters(), "name": "head", "lr": 0.25},
    ]
    return {"muon": SGD(parameters(), lr=1.0, momentum=0.9), "adamw": torch.optim.AdamW(groups, **more)}


FALL = lrs.linear().over(10)


def test_several_optimizers_take_one_schedule_or_each_its_own() -> None:
    both = two()
    scheduler = Scheduler(both, lr={"muon": LR, "adamw": {"head": FALL}}, momentum=0.5, weight_decay={"adamw": FALL})
    assert scheduler.optimizer is both["muon"]
    scheduler.step()
    assert scheduler.get_last_lr() == scheduler.lr_at(1) == [LR(1), 0.5, FALL(1)]
    assert both["adamw"].param_groups[1]["lr"] == FALL(1) == both["adamw"].param_groups[0]["weight_decay"]
    assert both["muon"].param_groups[0]["weight_decay"] == 0.0
    assert scheduler.schedules["lr"] == {"muon": LR, "adamw": {"head": FALL}}
    assert scheduler.values == {
        "lr/muon": LR(1), "lr/adamw/embed": 0.5, "lr/adamw/head": FALL(1), "momentum/muon": 0.5,
        "weight_decay/muon": 0.0, "weight_decay/adamw/embed": FALL(1), "weight_decay/adamw/head": FALL(1),
    }  # fmt: skip
    relative = Scheduler(two(), lr=LR, relative=True)
    relative.step()
    assert relative.get_last_lr() == [LR(1), 0.5 * LR(1), 0.25 * LR(1)] and relative.base_lrs == [1.0, 0.5, 0.25]
    listed = Scheduler(list(two().values()), lr=[LR, [FALL, None]])
    listed.step()
    assert listed.get_last_lr() == [LR(1), FALL(1), 0.25]


def test_several_optimizers_are_one_state_by_name() -> None:
    def made(order: list[str], **more: Any) -> Any:
        both = two()
        given = {"lr": {"muon": LR, "adamw": [FALL, 2 * FALL]}, "relative": True, **more}
        return Scheduler({name: both[name] for name in order}, **given)

    scheduler = made(["muon", "adamw"])
    scheduler.step(count=3)
    state = scheduler.state_dict()
    assert json.loads(json.dumps(state)) == state
    assert state.keys() == Scheduler(SGD(parameters(), lr=1.0), lr=LR).state_dict().keys()
    turned = made(["adamw", "muon"])
    turned.load_state_dict(state)
    rates = scheduler.get_last_lr()
    assert turned.get_last_lr() == [*rates[1:], rates[0]]
    for twin in (copy.deepcopy(scheduler), pickle.loads(pickle.dumps(scheduler))):
        twin.step()
        assert twin.get_last_lr() == scheduler.lr_at(4) and scheduler.get_last_lr() == rates
    with pytest.raises(lrs.ScheduleError, match="lr must be that of the saved state"):
        made(["muon", "adamw"], lr={"muon": FALL, "adamw": [FALL, 2 * FALL]}).load_state_dict(state)


def test_several_optimizers_load_and_grow_each_for_itself() -> None:
    both = two()
    scheduler = Scheduler(both, lr={"muon": LR, "adamw": FALL})
    scheduler.step(count=2)
    state = both["adamw"].state_dict()
    state["param_groups"][1]["lr"] = 9.0
    both["adamw"].load_state_dict(state)
    assert scheduler.get_last_lr() == [LR(2), FALL(2), FALL(2)]
    both["adamw"].add_param_group({"params": parameters(), "name": "new", "lr": 9.0})
    both["adamw"].step()
    assert scheduler.get_last_lr() == [LR(2), FALL(2), FALL(2), FALL(2)]
    plateau = PlateauScheduler(two(), lrs.Plateau(0.5, 0), lr=1.0)
    for _ in range(2):
        plateau.step(1.0)
    assert plateau.get_last_lr() == [0.5] * 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lr": {"moun": LR}}, r"lr must be a schedule, or a dictionary by the optimizers \('muon', 'adamw'\), got"),
        ({"lr": [LR, LR]}, r"lr must be a schedule, or a dictionary by the optimizers"),
        ({"lr": {}}, r"lr must be a schedule, or a dictionary by the optimizers"),
        ({"lr": {"muon": [LR, LR]}}, r"lr\['muon'\] must be one schedule for each of the 1 parameter groups"),
        ({"lr": {"adamw": {"body": LR}}}, r"lr\['adamw'\] must be a dictionary by group names \('embed', 'head'\)"),
        ({"lr": {"muon": lrs.cosine()}}, r"lr\['muon'\] must be a schedule \(profile\.over\(steps\) makes one\)"),
        (
            {"momentum": {"adamw": LR}},
            r"hyperparameter must be one that a parameter group holds as a number .*momentum",
        ),
        ({}, "lr must be a schedule, unless another hyperparameter has one"),
    ],
    ids=str,
)
def test_what_several_optimizers_do_not_take(given: Any, message: str) -> None:
    both = two()
    with pytest.raises(lrs.ScheduleError, match=message):
        Scheduler(both, **given)
    assert [g["lr"] for o in both.values() for g in o.param_groups] == [1.0, 0.5, 0.25]
    with pytest.raises(lrs.ScheduleError, match="several optimizers that share no parameter group"):
        Scheduler([both["muon"], both["muon"]], lr=LR)
