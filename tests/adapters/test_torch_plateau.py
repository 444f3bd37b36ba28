"""Rates that follow a metric: PyTorch's decisions, schedules beside them, states, several processes."""

from __future__ import annotations

import json
import math
import random
import warnings

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")

from lrsched_torch import PlateauScheduler  # noqa: E402

LR = 0.1 * (lrs.warmup(5) >> lrs.linear().over(95, end=0.5))


def make(n=1, lr=0.1):
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(n)], lr=lr)


def noisy(rng, length):
    level, series = 3.0, []
    for _ in range(length):
        level *= rng.choice((1.0, 1.0, 0.9, 1.05))
        series.append(rng.choice((level,) * 12 + (math.nan, math.inf, -level)))
    return series


def test_pytorchs_own_decisions_on_random_series():
    rng, cuts = random.Random(4), 0
    for _ in range(300):
        base, smallest = rng.choice((1.0, 0.1, 3e-4)), rng.choice((0.0, 1e-3, 0.3))
        eps = rng.choice((1e-8, 0.0, 0.02))
        common = {
            "factor": rng.choice((0.1, 0.5, 0.9)),
            "patience": rng.randrange(4),
            "threshold": rng.choice((0.0, 1e-4, 0.1)),
            "mode": rng.choice(("min", "max")),
            "threshold_mode": rng.choice(("rel", "abs")),
            "cooldown": rng.randrange(4),
        }
        ours, theirs = make(lr=base), make(lr=base)
        rule = lrs.Plateau(**common, smallest=smallest, eps=eps, dialect="torch")
        mine = PlateauScheduler(ours, rule)
        other = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **common, min_lr=smallest * base, eps=eps * base)
        for metric in noisy(rng, 40):
            mine.step(metric)
            other.step(metric)
            rates = ours.param_groups[0]["lr"], theirs.param_groups[0]["lr"]
            assert math.isclose(*rates, rel_tol=1e-12), (rule, rates)
        cuts += mine.scale < 1
    assert cuts > 200


def test_schedule_times_scale():
    optimizer = make(2)
    plateau = lrs.Plateau(0.5, 1)
    scheduler = PlateauScheduler(optimizer, plateau, lr=[LR, 2 * LR], weight_decay=0.1 * LR)
    state = plateau.init()
    for t in range(60):
        scale = plateau.scale(state)
        assert scheduler.get_last_lr() == scheduler.lr_at(t) == [scale * LR(t), scale * (2 * LR)(t)] or scale == 1.0
        assert optimizer.param_groups[0]["weight_decay"] == (0.1 * LR)(t)
        optimizer.step()
        scheduler.step()
        if t % 4 == 3:
            metric = 1.0 / (1 + t) if t < 20 else 1.0
            scheduler.observe(metric)
            state = plateau.update(state, metric)
            assert scheduler.last_epoch == t + 1
    assert scheduler.scale == plateau.scale(state) < 0.2


def test_without_a_schedule_each_group_keeps_its_rate():
    optimizer = make(2)
    optimizer.param_groups[1]["lr"] = torch.tensor(0.4)
    scheduler = PlateauScheduler(optimizer, lrs.Greedy(0.5, 0, largest=2.0))
    assert scheduler.get_last_lr() == [0.1, torch.tensor(0.4)]
    for metric in (2.0, torch.tensor(1.0)):
        scheduler.step(metric)
    assert scheduler.get_last_lr() == [0.2, torch.tensor(0.8)]
    scheduler.step(math.nan)
    scheduler.step(9.0, count=3, applied=False)
    assert scheduler.get_last_lr() == [0.1, torch.tensor(0.4)]
    assert scheduler.last_epoch == 3


@pytest.mark.parametrize("rule", [lrs.Plateau(0.5, 2, cooldown=2), lrs.Greedy(0.5, 1, window=3)], ids=repr)
def test_restored_anywhere_it_goes_on_bit_for_bit(rule, tmp_path):
    series = noisy(random.Random(1), 60)
    whole, rates = PlateauScheduler(make(), rule, lr=LR), []
    for metric in series:
        whole.step(metric)
        rates.append(whole.get_last_lr())
    assert len({r[0] / LR(t + 1) for t, r in enumerate(rates)}) > 3
    scheduler = PlateauScheduler(make(), rule, lr=LR)
    for i, metric in enumerate(series):
        torch.save(scheduler.state_dict(), tmp_path / "state.pt")
        state = torch.load(tmp_path / "state.pt", weights_only=True)
        assert json.loads(json.dumps(state)) == state
        scheduler = PlateauScheduler(make(), rule, lr=LR)
        scheduler.load_state_dict(state)
        scheduler.step(metric)
        assert scheduler.get_last_lr() == rates[i]


def test_the_state_of_another_rule():
    saved = PlateauScheduler(make(), lrs.Plateau(0.5, 0), lr=LR)
    for metric in (1.0, 1.0):
        saved.step(metric)
    state = saved.state_dict()
    scheduler = PlateauScheduler(make(), lrs.Greedy(), lr=LR)
    with pytest.raises(lrs.ScheduleError, match=r"plateau must be that of the saved state, Plateau\(factor=0.5"):
        scheduler.load_state_dict(state)
    assert scheduler.last_epoch == 0
    for rule, wins in ((lrs.Plateau(0.25, 0), "mine"), (lrs.Greedy(), "saved")):
        scheduler = PlateauScheduler(make(), rule, lr=LR, on_mismatch=wins)
        scheduler.load_state_dict(state)
        scheduler.step(1.0)
        assert scheduler.scale == (0.125 if wins == "mine" else 0.25)
    scheduler = PlateauScheduler(make(), lrs.Plateau(), lr=LR)
    scheduler.load_state_dict({"last_epoch": 9})
    assert scheduler.get_last_lr() == [LR(9)]


def test_mistakes_are_named():
    with pytest.raises(TypeError, match=r"PlateauScheduler: plateau must be a lrsched\.Plateau"):
        PlateauScheduler(make(), 0.1)
    with pytest.raises(lrs.ScheduleError, match="PlateauScheduler: ranks must be one of"):
        PlateauScheduler(make(), lrs.Plateau(), ranks="first")
    with pytest.raises(lrs.ScheduleError, match="PlateauScheduler: hyperparameter must be"):
        PlateauScheduler(make(), lrs.Plateau(), momentun=LR)
    with pytest.raises(lrs.ScheduleError, match="metric must be a real number"):
        PlateauScheduler(make(), lrs.Plateau(), lr=LR).step("0.5")


def test_it_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler = PlateauScheduler(make(), lrs.Plateau(), lr=LR)
        scheduler.step(torch.nn.Parameter(torch.tensor(1.0)) * 2)
        scheduler.step()
    assert scheduler.last_epoch == 2


def _rank(rank, ranks, address, queue):
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    scheduler = PlateauScheduler(make(), lrs.Plateau(0.5, 0), lr=0.1, ranks=ranks)
    try:
        for metric in ((1.0, 1.0), (math.nan, math.nan), (0.5, 1.5)):
            scheduler.step(metric[rank])
        found = scheduler.get_last_lr()
    except lrs.ScheduleError as error:
        found = str(error)
    queue.put((rank, found))
    torch.distributed.destroy_process_group()


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("ranks", "found"),
    [
        ("same", ["PlateauScheduler: metric must be the same in every process (or ranks='mean'), got [0.5, 1.5]"] * 2),
        ("mean", [[0.05]] * 2),
        ("alone", [[0.1], [0.05]]),
    ],
)
def test_processes_decide_alike_or_say_that_they_differ(ranks, found, tmp_path):
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    args = (ranks, f"file://{tmp_path}/store", queue)
    processes = [context.Process(target=_rank, args=(rank, *args)) for rank in range(2)]
    for process in processes:
        process.start()
    results = dict(queue.get(timeout=120) for _ in processes)
    for process in processes:
        process.join()
    assert [results[0], results[1]] == found
