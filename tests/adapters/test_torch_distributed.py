"""Distributed checkpoints: a state is read into a scheduler whose schedules have another shape, whoever saved it."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")
dcp = pytest.importorskip("torch.distributed.checkpoint")
from lrsched_torch import PlateauScheduler, Scheduler  # noqa: E402

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]  # the checkpoints warn of much that is their own

LR = 0.1 * (lrs.warmup(4) >> lrs.cosine().over(16))


def make(n: int = 1, lr: float = 1.0) -> Any:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "name": f"g{i}", "lr": lr + i} for i in range(n)]
    return torch.optim.SGD(groups, lr=1.0)


def replanned(n: int = 1, **given: Any) -> Any:
    scheduler = Scheduler(make(n), lr=LR, **given)
    scheduler.step(count=5)
    scheduler.replace(lr=LR.extended(5, 40))
    scheduler.step(count=3)
    return scheduler


def through(saved: Any, into: Any, folder: Any) -> Any:
    dcp.save({"scheduler": saved}, checkpoint_id=folder)
    dcp.load({"scheduler": into}, checkpoint_id=folder)
    return into


def test_a_replanned_run_goes_on(tmp_path: Any) -> None:
    saved = replanned(2, relative=True)
    fresh = through(saved, Scheduler(make(2), lr=LR, relative=True), tmp_path)
    assert fresh.last_epoch == 8 and fresh.get_last_lr() == saved.get_last_lr()
    assert fresh.history == saved.history and fresh.state_dict() == saved.state_dict()
    fresh.step()
    assert fresh.get_last_lr() == saved.lr_at(9)


@pytest.mark.parametrize("mine", [lrs.constant(0.5), 0.1 * lrs.cosine().over(9), [LR, 2 * LR], {"g1": LR}], ids=repr)
def test_on_mismatch_is_asked_whatever_the_shapes_are(mine: Any, tmp_path: Any) -> None:
    saved = replanned(2)
    dcp.save({"scheduler": saved}, checkpoint_id=tmp_path)
    with pytest.raises(Exception, match="lr must be that of the saved state"):  # DCP wraps what is raised on load
        dcp.load({"scheduler": Scheduler(make(2), lr=mine)}, checkpoint_id=tmp_path)
    wins = Scheduler(make(2), lr=mine, on_mismatch="mine")
    wanted = Scheduler(make(2), lr=mine).lr_at(8)
    dcp.load({"scheduler": wins}, checkpoint_id=tmp_path)
    assert wins.last_epoch == 8 and (wins.get_last_lr() == wanted or isinstance(mine, dict))
    theirs = Scheduler(make(2), lr=mine, on_mismatch="saved")
    dcp.load({"scheduler": theirs}, checkpoint_id=tmp_path)
    assert theirs.get_last_lr() == saved.get_last_lr()


@pytest.mark.parametrize(
    "rule", [lrs.Plateau(0.5, 0), lrs.Greedy(0.5, 0, window=2)], ids=lambda rule: type(rule).__name__
)
def test_a_rule_goes_on(rule: Any, tmp_path: Any) -> None:
    saved = PlateauScheduler(make(), rule, lr=LR)
    for metric in (1.0, 2.0, 3.0, 4.0):
        saved.step(metric)
    fresh = through(saved, PlateauScheduler(make(), rule, lr=LR), tmp_path)
    assert fresh.get_last_lr() == saved.get_last_lr() and fresh.scale == saved.scale < 1
    other = PlateauScheduler(make(), lrs.Greedy(0.9) if isinstance(rule, lrs.Plateau) else lrs.Plateau(0.9), lr=LR)
    with pytest.raises(Exception, match="plateau must be that of the saved state"):
        dcp.load({"scheduler": other}, checkpoint_id=tmp_path)


def test_the_keys_and_types_do_not_depend_on_the_schedules(tmp_path: Any) -> None:
    shapes = [
        Scheduler(make(), lr=0.5).state_dict(),
        Scheduler(make(), lr=[LR]).state_dict(),
        replanned(3, relative=True).state_dict(),
        Scheduler({"a": make(), "b": make(2)}, lr={"a": LR}, weight_decay=LR).state_dict(),
    ]
    assert len({tuple((key, type(value)) for key, value in state.items()) for state in shapes}) == 1
    rules = lrs.Plateau(0.5), lrs.Greedy(0.5, window=3)
    assert len({tuple(map(type, PlateauScheduler(make(), rule).state_dict().values())) for rule in rules}) == 1
    for state in shapes:
        torch.save(state, tmp_path / "state.pt")
        assert torch.load(tmp_path / "state.pt", weights_only=True) == state


def _save(rank: int, address: str, folder: str, queue: Any) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    saved = replanned(2, relative=True)
    dcp.save({"scheduler": saved}, checkpoint_id=folder)
    queue.put((rank, saved.get_last_lr()))
    torch.distributed.destroy_process_group()


def test_two_processes_save_and_one_loads(tmp_path: Any) -> None:
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    args = (f"file://{tmp_path}/store", str(tmp_path / "checkpoint"), queue)
    processes = [context.Process(target=_save, args=(rank, *args)) for rank in range(2)]
    for process in processes:
        process.start()
    rates = dict(queue.get(timeout=240) for _ in processes)
    for process in processes:
        process.join()
    turned = torch.optim.SGD([{**group, "params": [torch.nn.Parameter(torch.zeros(2))]} for group in (
        {"name": "g1", "lr": 2.0}, {"name": "g0", "lr": 1.0})], lr=1.0)  # fmt: skip
    fresh = Scheduler(turned, lr=LR, relative=True)
    dcp.load({"scheduler": fresh}, checkpoint_id=tmp_path / "checkpoint")
    assert fresh.get_last_lr() == rates[0][::-1] == rates[1][::-1]
    assert fresh.last_epoch == 8 and len(fresh.history) == 1


def _shard(rank: int, address: str, queue: Any) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    from torch.distributed.algorithms.model_averaging.averagers import PeriodicModelAverager
    from torch.distributed.optim import PostLocalSGDOptimizer, ZeroRedundancyOptimizer

    params = [torch.nn.Parameter(torch.zeros(2)) for _ in range(4)]
    zero = ZeroRedundancyOptimizer(params, torch.optim.SGD, lr=1.0)
    local = PostLocalSGDOptimizer(
        torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=1.0), PeriodicModelAverager(2)
    )
    found = []
    for optimizer, inner in ((zero, zero.optim), (local, local.optim)):
        scheduler = Scheduler(optimizer, lr=LR)
        used: list[float] = []
        inner.register_step_pre_hook(lambda o, *_, used=used: used.append(o.param_groups[0]["lr"]))
        for _ in range(6):
            for group in inner.param_groups:
                for p in group["params"]:
                    p.grad = torch.ones_like(p)
            optimizer.step()
            scheduler.step()
        found.append(used)
    queue.put((rank, found))
    torch.distributed.destroy_process_group()


def test_sharded_and_averaging_optimizers_use_the_rates(tmp_path: Any) -> None:
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=_shard, args=(rank, f"file://{tmp_path}/store", queue)) for rank in range(2)]
    for process in processes:
        process.start()
    found = dict(queue.get(timeout=240) for _ in processes)
    for process in processes:
        process.join()
    assert found[0] == found[1] == [[LR(t) for t in range(6)]] * 2
