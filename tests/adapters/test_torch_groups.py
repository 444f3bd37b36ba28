"""Groups that moved between saving and loading: what belongs to a group is found by its name, or is an error."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrsched as lrs

torch = pytest.importorskip("torch")
from lrsched_torch import PlateauScheduler, Scheduler  # noqa: E402

LR = lrs.warmup(10)
FROZEN = json.loads((Path(__file__).parent.parent / "golden" / "torch" / "states_1.json").read_text())


def optimizer(*groups: tuple[str | None, float], params: bool = False) -> Any:
    """An optimizer of groups by name and rate; with ``params`` the names are those of their parameters."""
    made: list[dict[str, Any]] = []
    for i, (name, lr) in enumerate(groups):
        w = torch.nn.Parameter(torch.zeros(1))
        if params:
            made.append({"params": [(f"{name}.w{i if name is None else ''}", w)], "lr": lr})
        else:
            made.append({"params": [w], "lr": lr, **({} if name is None else {"name": name})})
    return torch.optim.SGD(made, lr=1.0)


def state_at(steps: Any, *groups: tuple[str | None, float], params: bool = False, **given: Any) -> Any:
    scheduler = Scheduler(optimizer(*groups, params=params), **{"lr": LR, "relative": True, **given})
    scheduler.step(count=steps)
    return scheduler.state_dict()


def loaded(state: Any, *groups: tuple[str | None, float], params: bool = False, **given: Any) -> list[float]:
    scheduler = Scheduler(optimizer(*groups, params=params), **{"lr": LR, "relative": True, **given})
    before = bits(scheduler)
    try:
        scheduler.load_state_dict(state)
    except lrs.ScheduleError:
        assert bits(scheduler) == before
        raise
    return scheduler.get_last_lr()


def bits(scheduler: Any) -> str:
    groups = [{k: v for k, v in g.items() if k != "params"} for g in scheduler.optimizer.param_groups]
    return repr((scheduler.state_dict(), groups, scheduler.history, scheduler.values_at(scheduler.last_epoch)))


THREE = [("embed", 0.1), ("body", 0.01), ("head", 0.001)]


@pytest.mark.parametrize("params", [False, True], ids=["name", "param_names"])
@pytest.mark.parametrize(
    "now", [THREE[1:], THREE[::-1], [("new", 7.0), *THREE], [THREE[2], ("new", 7.0), THREE[0]], THREE[:1]], ids=repr
)
def test_a_group_keeps_what_it_began_with(now: Any, params: bool) -> None:
    assert loaded(state_at(5, *THREE, params=params), *now, params=params) == [lr * LR(5) for _, lr in now]


def test_groups_without_names_go_by_place_where_there_are_as_many() -> None:
    state = state_at(5, ("body", 0.01), (None, 0.1), (None, 0.2))
    assert loaded(state, (None, 0.1), ("body", 0.01), (None, 0.2)) == [0.05, 0.005, 0.1]
    assert loaded(state, ("body", 0.01)) == [0.005]
    for number in (1, 3):
        with pytest.raises(lrs.ScheduleError, match=r"cannot be told which groups.*group 1 \(without a name\).*'name'"):
            loaded(state, ("body", 0.01), *[(None, 0.1)] * number)
        assert loaded(state, *[(None, 0.1)] * number, on_mismatch="mine") == [0.05] * number
    alike = state_at(5, (None, 0.1), (None, 0.2), relative=False)
    assert loaded(alike, *[(None, 1.0)] * 3, relative=False) == [LR(5)] * 3, "one schedule for all needs no names"


def test_groups_of_parameters_that_were_regrouped_are_an_error() -> None:
    def grouped(*groups: str) -> Any:
        made = [{"params": [(name, torch.nn.Parameter(torch.zeros(1))) for name in names]} for names in groups]
        return Scheduler(torch.optim.SGD(made, lr=1.0), lr=LR, relative=True)

    state = grouped("ab", "cd").state_dict()
    grouped("dc", "ef").load_state_dict(state)
    with pytest.raises(
        lrs.ScheduleError, match=r"which groups of the saved state \(the group of a, b, .* are: the group"
    ):
        grouped("a", "bcd").load_state_dict(state)


@pytest.mark.parametrize("params", [False, True], ids=["name", "param_names"])
def test_initial_values_are_part_of_what_must_agree(params: bool) -> None:
    state = state_at(10, ("body", 0.1), ("head", 0.2), params=params)
    now = [("head", 0.2), ("body", 0.03)]
    with pytest.raises(
        lrs.ScheduleError, match=r"initial lr of .*body.* must be that of the saved state, 0\.1, got 0\.03"
    ):
        loaded(state, *now, params=params)
    assert loaded(state, *now, params=params, on_mismatch="mine") == [0.2, 0.03]
    assert loaded(state, *now, params=params, on_mismatch="saved") == [0.2, 0.1]


def test_what_was_chosen_stays_when_the_optimizer_is_loaded_after() -> None:
    old = optimizer(("body", 0.1))
    saved = Scheduler(old, lr=LR, relative=True)
    saved.step(count=10)
    for wins, rate in (("mine", 0.03), ("saved", 0.1)):
        for first in ("optimizer", "scheduler"):
            new = optimizer(("body", 0.03))
            scheduler = Scheduler(new, lr=LR, relative=True, on_mismatch=wins)
            if first == "scheduler":
                scheduler.load_state_dict(saved.state_dict())
            new.load_state_dict(old.state_dict())
            scheduler.load_state_dict(saved.state_dict())
            new.load_state_dict(old.state_dict())
            assert new.param_groups[0]["lr"] == rate == new.param_groups[0]["initial_lr"]


def test_schedules_by_place_follow_the_names() -> None:
    a, b = 0.1 * LR, 0.2 * LR
    state = state_at(5, ("x", 1.0), ("y", 1.0), lr=[a, b], relative=False)
    assert loaded(state, ("y", 1.0), ("x", 1.0), lr=[b, a], relative=False) == [b(5), a(5)]
    with pytest.raises(lrs.ScheduleError, match="lr must be that of the saved state"):
        loaded(state, ("y", 1.0), ("x", 1.0), lr=[a, b], relative=False)
    saved = loaded(state, ("y", 1.0), ("new", 1.0), ("x", 1.0), lr=[a, LR, b], relative=False, on_mismatch="saved")
    assert saved == [b(5), LR(5), a(5)]
    assert loaded(state, ("y", 1.0), lr=[b], relative=False) == [b(5)], "a group that is gone"
    assert loaded(state, ("new", 1.0), ("x", 1.0), lr={1: a, "new": LR}, relative=False) == [LR(5), a(5)]


def test_a_history_follows_the_names() -> None:
    scheduler = Scheduler(optimizer(("x", 1.0), ("y", 1.0)), lr=[0.1 * LR, 0.2 * LR])
    scheduler.step(count=4)
    scheduler.replace(lr={"x": 3 * LR, 1: 4 * LR})
    scheduler.step(count=2)
    turned = Scheduler(optimizer(("y", 1.0), ("x", 1.0)), lr=[0.2 * LR, 0.1 * LR])
    turned.load_state_dict(scheduler.state_dict())
    for t in (2, 8):
        assert turned.lr_at(t) == scheduler.lr_at(t)[::-1]
    again = Scheduler(optimizer(("x", 1.0), ("y", 1.0)), lr=[0.1 * LR, 0.2 * LR])
    again.load_state_dict(turned.state_dict())
    assert again.lr_at(2) == scheduler.lr_at(2) and again.get_last_lr() == scheduler.get_last_lr()


def test_a_group_that_comes_later_is_known_by_its_name() -> None:
    state = state_at(5, *THREE)
    for wins, lr, wanted in (("error", 0.001, 0.0005), ("mine", 9.0, 4.5), ("saved", 9.0, 0.0005)):
        made = optimizer(*THREE[:2])
        scheduler = Scheduler(made, lr=LR, relative=True, on_mismatch=wins)
        scheduler.load_state_dict(state)
        made.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr, "name": "head"})
        made.step()
        assert scheduler.get_last_lr() == [0.05, 0.005, wanted]
    made = optimizer(*THREE[:2])
    scheduler = Scheduler(made, lr=LR, relative=True)
    scheduler.load_state_dict(state)
    made.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 9.0, "name": "head"})
    with pytest.raises(lrs.ScheduleError, match=r"initial lr of group 'head' must be .*0\.001, got 9\.0"):
        made.step()


def test_a_group_without_a_name_that_is_gone_leaves_nothing_to_another() -> None:
    def made(*rates: float) -> Any:
        return Scheduler(optimizer(*[(None, rate) for rate in rates]), lr=LR, relative=True)

    scheduler = made(0.1, 0.2)
    scheduler.step(count=5)
    scheduler.optimizer.param_groups.pop(0)
    fresh = made(0.2)
    fresh.load_state_dict(scheduler.state_dict())
    for one in (scheduler, fresh):
        one.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 7.0})
        one.optimizer.step()
        assert one.get_last_lr() == [0.1, 3.5]


def test_names_that_an_optimizers_state_brings_or_takes() -> None:
    """PyTorch replaces the dictionaries of the groups by the saved ones, names included."""
    for before, after in ((["x", "y"], [None, None]), ([None, None], ["x", "y"])):
        old, new = (optimizer(*[(name, 1.0) for name in names]) for names in (before, after))
        scheduler = Scheduler(new, lr=[LR, 2 * LR])
        scheduler.step(count=5)
        new.load_state_dict(old.state_dict())
        assert [g.get("name") for g in new.param_groups] == before
        assert scheduler.get_last_lr() == [LR(5), 2 * LR(5)]
    made = optimizer(("x", 1.0), ("y", 2.0))
    scheduler = Scheduler(made, lr=LR, relative=True)
    made.param_groups = optimizer(("y", 7.0), ("z", 5.0)).param_groups
    scheduler.step(count=5)
    assert scheduler.get_last_lr() == [1.0, 2.5], "y is known, whoever made it; z is another"


# ---- any regrouping

NAMES = [None, "a", "b", "c", "d"]
BASES = st.sampled_from([0.1, 0.2, 0.4])
GROUPS = st.lists(st.tuples(st.sampled_from(NAMES), BASES, st.sampled_from([1, 2, 3])), min_size=1, max_size=5).filter(
    lambda groups: len({name for name, _, _ in groups if name}) == sum(name is not None for name, _, _ in groups)
)


@st.composite
def regrouped(draw: Any) -> tuple[Any, Any]:
    """Groups by name, base and schedule, and what became of them: left out, renamed, moved, changed, added to."""
    old = draw(GROUPS)
    new = [group for group in old if draw(st.integers(0, 3))]
    for i, (name, base, factor) in enumerate(new):
        if not draw(st.integers(0, 5)):
            base = draw(BASES)
        if not draw(st.integers(0, 5)):
            factor = draw(st.sampled_from([1, 2, 3]))
        if not draw(st.integers(0, 5)):
            free = [x for x in NAMES if x is None or x not in {n for n, _, _ in new}]
            name = draw(st.sampled_from(free))
        new[i] = (name, base, factor)
    taken = {name for name, _, _ in new}
    new += [group for group in draw(GROUPS) if group[0] is None or group[0] not in taken][: draw(st.integers(0, 2))]
    return old, draw(st.permutations(new)) if new else [("e", 0.1, 1)]


def given_for(groups: Any, kind: str) -> Any:
    """The schedules of groups: one, a list, or a dictionary of those that have names; and who is left alone."""
    if kind == "one":
        return LR
    each = [factor * LR for _, _, factor in groups]
    return each if kind == "list" else {name: s for (name, _, _), s in zip(groups, each, strict=True) if name}


def partners(old: Any, new: Any) -> list[Any]:
    """The old group of each new one: None if it had none, "?" if it cannot be told."""
    nameless = [group for group in old if group[0] is None]
    mine = [i for i, group in enumerate(new) if group[0] is None]
    found: list[Any] = [next((g for g in old if g[0] == name), None) if name else None for name, _, _ in new]
    for place, i in enumerate(mine):
        found[i] = nameless[place] if len(nameless) == len(mine) else "?" if nameless else None
    return found


@pytest.mark.parametrize("kind", ["one", "list", "names"])
@given(st.data(), regrouped(), st.sampled_from(["error", "mine", "saved"]), st.booleans(), st.integers(0, 12))
def test_no_rate_differs_from_name_by_name_arithmetic(
    kind: str, data: Any, groups: Any, wins: str, relative: bool, t: int
) -> None:
    old, new = groups
    if kind == "names" and not (any(g[0] for g in old) and any(g[0] for g in new)):
        kind = "one"
    state = state_at(t, *[g[:2] for g in old], lr=given_for(old, kind), relative=relative)
    its = partners(old, new)
    matters = relative or kind == "list"
    doubtful = matters and "?" in its
    driven = [kind != "names" or name is not None for name, _, _ in new]
    unlike = any(
        partner not in (None, "?") and drives and
        ((relative and partner[1] != mine[1]) or (kind != "one" and partner[2] != mine[2]))
        for partner, mine, drives in zip(its, new, driven, strict=True)
    )  # fmt: skip
    refused = (doubtful and wins != "mine") or (unlike and wins == "error")
    given_now = {"lr": given_for(new, kind), "relative": relative, "on_mismatch": wins}
    if refused:
        with pytest.raises(lrs.ScheduleError):
            loaded(state, *[g[:2] for g in new], **given_now)
        return
    wanted = []
    for partner, mine, drives in zip(its, new, driven, strict=True):
        _, base, factor = partner if partner not in (None, "?") and wins == "saved" else mine
        rate = LR(t) * (1 if kind == "one" else factor)
        wanted.append((base * rate if relative else rate) if drives else mine[1])
    assert loaded(state, *[g[:2] for g in new], **given_now) == pytest.approx(wanted, rel=1e-15)


# ---- states of the format before

SHAPE = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(20))
OTHER = 0.3 * lrs.linear().over(30)
TWO, NAMELESS = [("g0", 0.5), ("g1", 1.5)], [(None, 1.5), (None, 2.5)]


def adam(groups: Any) -> Any:
    made = [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": lr} for _, lr in groups]
    for group, (name, _) in zip(made, groups, strict=True):
        group |= {} if name is None else {"name": name}
    return torch.optim.AdamW(made, lr=1.0)


BUILT: dict[str, Any] = {
    "plain": lambda **o: Scheduler(adam(TWO), lr=SHAPE, weight_decay=[OTHER, None], **o),
    "by name, relative": lambda **o: Scheduler(
        adam(TWO), lr={"g0": SHAPE, 1: OTHER}, beta1=lrs.constant(0.8), relative=True, **o
    ),
    "relative": lambda **o: Scheduler(adam([*TWO, ("g2", 2.5)]), lr=SHAPE, relative=True, **o),
    "replaced": lambda **o: Scheduler(adam(TWO), lr=SHAPE, **o),
    "a group removed": lambda **o: Scheduler(adam(NAMELESS), lr=[2 * SHAPE, 3 * SHAPE], relative=True, **o),
    "plateau": lambda **o: PlateauScheduler(adam(TWO), lrs.Plateau(0.5, 0, smallest=0.01), lr=SHAPE, **o),
    "greedy": lambda **o: PlateauScheduler(adam(TWO), lrs.Greedy(0.5, 1, window=2), lr=[SHAPE, OTHER], **o),
    "plateau that heard nothing": lambda **o: PlateauScheduler(adam(TWO), lrs.Plateau(0.5, 3), **o),
}


@pytest.mark.parametrize("case", BUILT)
def test_a_state_of_the_format_before_loads(case: str) -> None:
    known = copy.deepcopy(FROZEN[case])
    assert known["state"]["format"] == 1
    scheduler = BUILT[case]()
    scheduler.load_state_dict(known["state"])
    assert scheduler.get_last_lr() == known["lr"]
    assert scheduler.last_epoch == known["state"]["last_epoch"]
    assert len(scheduler.history) == len(known["state"]["history"])
    again = BUILT[case]()
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == known["lr"] and again.state_dict() == scheduler.state_dict()


def test_a_state_of_the_format_before_names_no_group() -> None:
    state = FROZEN["relative"]["state"]
    t = state["last_epoch"]
    swapped = [("g2", 2.5), ("g1", 1.5), ("g0", 0.5)]
    for wins, rates in (("mine", [2.5, 1.5, 0.5]), ("saved", [0.5, 1.5, 2.5])):
        scheduler = Scheduler(adam(swapped), lr=SHAPE, relative=True, on_mismatch=wins)
        scheduler.load_state_dict(state)
        assert scheduler.get_last_lr() == [rate * SHAPE(t) for rate in rates]
    with pytest.raises(
        lrs.ScheduleError, match=r"initial lr of group 'g2' must be that of the saved state, 0\.5, got 2\.5"
    ):
        Scheduler(adam(swapped), lr=SHAPE, relative=True).load_state_dict(state)
    with pytest.raises(lrs.ScheduleError, match="cannot be told which groups"):
        Scheduler(adam(TWO), lr=SHAPE, relative=True).load_state_dict(state)
    mine = Scheduler(adam(TWO), lr=SHAPE, relative=True, on_mismatch="mine")
    mine.load_state_dict(state)
    assert mine.get_last_lr() == [0.5 * SHAPE(t), 1.5 * SHAPE(t)]
