"""Damaged states: either they load and mean what they say, or they are refused and nothing has changed."""

from __future__ import annotations

import copy
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lrsched as lrs
from mutants import mutants, shown

torch = pytest.importorskip("torch")
from lrsched_torch import PlateauScheduler, Scheduler, Snapshots  # noqa: E402

LR = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(20))
OTHER = 0.3 * lrs.linear().over(30)


def optimizer(groups: int = 2) -> Any:
    torch.manual_seed(0)
    rows = [{"params": [torch.nn.Parameter(torch.zeros(2))], "name": f"g{i}", "lr": 0.5 + i} for i in range(groups)]
    return torch.optim.AdamW(rows, lr=1.0)


def plain(on: str) -> Any:
    return Scheduler(optimizer(), lr=LR, weight_decay=[OTHER, None], on_mismatch=on)


def by_name(on: str) -> Any:
    return Scheduler(optimizer(), lr={"g0": LR, 1: OTHER}, beta1=lrs.constant(0.8), relative=True, on_mismatch=on)


def follows(on: str) -> Any:
    return PlateauScheduler(optimizer(), lrs.Plateau(0.5, 0, smallest=0.01), lr=LR, on_mismatch=on)


def greedy(on: str) -> Any:
    return PlateauScheduler(optimizer(), lrs.Greedy(0.5, 1, window=2), lr=[LR, OTHER], on_mismatch=on)


def trained(make: Callable[[str], Any], on: str = "error", steps: int = 5) -> Any:
    scheduler = make(on)
    for t in range(steps):
        if isinstance(scheduler, PlateauScheduler):
            scheduler.observe(1.0 + t % 2)
        scheduler.step()
        if t == 2:
            scheduler.replace(lr=OTHER)
    return scheduler


def bits(scheduler: Any) -> str:
    groups = [{k: v for k, v in g.items() if k != "params"} for g in scheduler.optimizer.param_groups]
    return shown([scheduler.state_dict(), groups, repr(scheduler), scheduler.values_at(scheduler.last_epoch)])


TEXTS = ("schedules", "history", "groups", "plateau", "plateau_state")


def opened(state: Any) -> Any:
    """A state with its texts as what they say."""
    return {key: json.loads(value) if key in TEXTS else value for key, value in state.items()}


def closed(state: Any) -> Any:
    """A state with its texts, damaged ones included."""
    if not isinstance(state, dict):
        return state
    return {key: shown(value) if key in TEXTS else value for key, value in state.items()}


def schedule_of(rule: Any, name: str, row: int | None) -> Any:
    """What a group follows, by the data of a rule."""
    if rule is None:
        return None
    ((kind, entries),) = rule.items()
    if kind == "each":
        data = entries[row] if row is not None and row < len(entries) else None
    else:
        named = {name: entries[0]} if kind == "all" else dict(entries)
        data = named.get(name, named.get(row))
    return None if data is None else lrs.from_dict(data)


def plain_reading(scheduler: Any, state: Any, t: Any) -> list[Any]:
    """The rates that a state gives at a step, group by group and name by name."""
    scale, rates = getattr(scheduler, "scale", 1.0), []
    known = {group["name"]: group for group in state["groups"]}
    for group in scheduler.optimizer.param_groups:
        its = known.get(group["name"])
        schedule = schedule_of(state["schedules"].get("lr"), group["name"], None if its is None else its["row"])
        base = (its or {}).get("initial", {}).get("lr", 0.5 + int(group["name"][1:])) if state["relative"] else 1.0
        rates.append(group["lr"] if schedule is None else base * (scale * schedule(t)))
    return rates


@pytest.mark.parametrize("on", ["error", "saved", "mine"])
@pytest.mark.parametrize("make", [plain, by_name, follows, greedy])
def test_a_damaged_state_loads_as_it_reads_or_changes_nothing(make: Callable[[str], Any], on: str) -> None:
    state = trained(make).state_dict()
    target = trained(make, on, 2)
    before, refused = bits(target), 0
    start = copy.deepcopy(target.state_dict())
    seed = len(on) + len(make.__name__)
    inside = map(closed, mutants(opened(state), 90, seed=seed))
    for case, mutant in enumerate([*mutants(state, 60, seed=seed), *inside]):
        try:
            target.load_state_dict(mutant)
        except lrs.ScheduleError:
            refused += 1
            assert bits(target) == before, f"{case}: {shown(mutant)}"
            continue
        assert target.last_epoch == mutant["last_epoch"] < 2**53
        if target.last_epoch >= 0:
            read = opened(mutant if "schedules" in mutant and on != "mine" else target.state_dict())
            for _ in range(3):
                try:
                    target.step()
                except lrs.ScheduleError:
                    break
                wanted = plain_reading(target, read, target.last_epoch)
                assert target.get_last_lr() == pytest.approx(wanted, rel=1e-15), f"{case}: {shown(mutant)}"
        target = trained(make, on, 2)
        assert target.state_dict() == start
    assert refused > 50


GROUP = {"optimizer": None, "row": 0, "name": "g0", "params": [], "here": True, "initial": {}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"history": "true"}, {"history": "[[4]]"}, {"history": '[["x", {}]]'}, {"history": "[[-5, {}]]"},
        {"history": "[[3, {}], [2, {}]]"}, {"history": []}, {"history": "[" * 100_000}, {"history": "9" * 5_000},
        {"schedules": '{"lr": "x"}'}, {"schedules": '{"lr": []}'}, {"schedules": "[1]"}, {"schedules": {}},
        {"schedules": '{"named": [[1]]}'}, {"schedules": '{"lr": {"all": []}}'}, {"schedules": "{"},
        {"schedules": shown({"lr": {"evil": [LR.to_dict()]}})},
        {"schedules": shown({"lr": {"all": [LR.to_dict()] * 3}})},
        {"schedules": shown({"lr": {"all": [lrs.cosine().to_dict()]}})},
        {"schedules": shown({"lr": {"all": [LR.to_dict()], "each": []}})},
        {"schedules": shown({"lr": {"split": [["a", {"split": []}]]}})}, {"relative": "False"},
        {"last_epoch": 10**400}, {"last_epoch": 2**63}, {"last_epoch": True}, {"last_epoch": -2}, {"groups": "x"},
        {"groups": '["x"]'}, {"groups": "{}"}, {"groups": shown([GROUP | {"row": -1}])}, {"groups": shown([GROUP] * 2)},
        {"groups": shown([GROUP | {"initial": {"lr": float("nan")}}])}, {"groups": shown([GROUP | {"name": 3}])},
        {"groups": shown([GROUP | {"initial": {"lr": "1.0"}}])}, {"groups": shown([GROUP | {"here": 1}])},
    ],
    ids=lambda wrong: str(wrong)[:60],
)  # fmt: skip
def test_what_a_state_may_not_say(wrong: dict[str, Any]) -> None:
    target = trained(plain, "saved")
    before = bits(target)
    with pytest.raises(lrs.ScheduleError, match=rf"Scheduler\.load_state_dict: .*{next(iter(wrong))}.*got "):
        target.load_state_dict({**target.state_dict(), **wrong})
    assert bits(target) == before
    target.step()
    assert target.last_epoch == 6


def test_a_schedule_that_has_ended_with_an_error_is_refused_before_anything_changes() -> None:
    ending = LR.after("error")
    target = Scheduler(optimizer(), lr=ending)
    before = bits(target)
    with pytest.raises(lrs.ScheduleError):
        target.load_state_dict({"last_epoch": 500})
    assert bits(target) == before


def test_a_scale_outside_my_own_range_is_brought_into_it() -> None:
    state = trained(follows, steps=8).state_dict()
    mine = PlateauScheduler(optimizer(), lrs.Plateau(0.5, 0, smallest=0.5), lr=LR, on_mismatch="mine")
    mine.load_state_dict(state)
    assert mine.scale == 0.5 > json.loads(state["plateau_state"])[0]


# ---- snapshots

CYCLES = 0.1 * lrs.cosine().over(2).restarted()


def run(folder: Path | None = None, width: int = 3, steps: int = 6) -> Any:
    model = torch.nn.Linear(width, 1)
    scheduler = Scheduler(torch.optim.SGD(model.parameters(), lr=0.1), lr=CYCLES)
    return Snapshots(model, scheduler, steps, folder=folder)


def drive(snapshots: Any, steps: int) -> Any:
    for _ in range(steps):
        snapshots.scheduler.optimizer.step()
        snapshots.scheduler.step()
        snapshots.step()
    return snapshots


def test_damaged_snapshots_are_refused_and_change_nothing() -> None:
    source, target = drive(run(), 6), drive(run(), 4)
    state = source.state_dict()
    assert sorted(state["snapshots"]) == [1, 3, 5]
    before = {end: dict(kept) for end, kept in target.state_dict()["snapshots"].items()}
    loaded = 0
    for mutant in mutants(state, 300, seed=3):
        try:
            target.load_state_dict(mutant)
        except lrs.ScheduleError as error:
            assert "Snapshots.load_state_dict: " in str(error)
        else:
            loaded += 1
            assert not target.taken or target.predict(torch.zeros(2, 3)).shape == (2, 1)
            target.load_state_dict({"snapshots": before})
        found = target.state_dict()["snapshots"]
        assert found.keys() == before.keys()
        assert all(found[end][key] is before[end][key] for end in found for key in found[end])
    assert loaded < 100
    with pytest.raises(lrs.ScheduleError, match=r"snapshots\[1\]\['weight'\] must be a tensor of shape \(1, 3\)"):
        target.load_state_dict(drive(run(width=4), 2).state_dict())


def test_half_a_file_is_no_snapshot(tmp_path: Path) -> None:
    snapshots = drive(run(tmp_path), 6)
    assert snapshots.taken == [1, 3, 5]
    for end, size in ((1, 0), (3, 500)):
        path = tmp_path / f"snapshot-{end}.pt"
        path.write_bytes(path.read_bytes()[:size])
    assert snapshots.taken == [5]
    torch.save({"other": torch.zeros(1)}, tmp_path / "snapshot-5.pt")
    with pytest.raises(lrs.ScheduleError, match=r"snapshot-5\.pt must be a state of the model"):
        snapshots.predict(torch.zeros(1, 3))


KILLED = """
import resource, sys
limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from test_torch_states import drive, run
drive(run(sys.argv[1], width=int(sys.argv[2])), 6)
"""


def start(folder: Path, width: int, limit: int = resource.RLIM_INFINITY) -> Any:
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder), str(width), str(limit)],
        cwd=here, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")
def test_killed_in_the_middle_of_a_save(tmp_path: Path) -> None:
    width = 30_000_000
    process = start(tmp_path, width)
    until = time.monotonic() + 120
    while not any(file.stat().st_size > 1000 for file in tmp_path.glob(".*")) and time.monotonic() < until:
        assert process.poll() is None, process.stderr.read()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = list(tmp_path.glob(".lrsched-*"))
    assert left and not list(tmp_path.glob("snapshot-*"))
    resumed = run(tmp_path)
    assert resumed.taken == []
    assert drive(resumed, 6).taken == [1, 3, 5]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")
def test_no_room_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, 1_000_000, 200_000)
    _, errors = process.communicate()
    assert process.returncode == 1, errors
    assert list(tmp_path.iterdir()) == []
