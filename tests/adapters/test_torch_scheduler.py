"""The scheduler: values used, groups that come and go, tensors, errors. No update is made with another value."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import warnings
import weakref

import numpy as np
import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")

from lrsched_torch import Scheduler  # noqa: E402

LR = 0.1 * (lrs.warmup(5) >> lrs.cosine().over(20, end=0.1))
WD = 0.01 * lrs.linear().over(30)
SGD, ADAM = torch.optim.SGD, torch.optim.Adam


def parameters(n=1):
    return [torch.nn.Parameter(torch.full((2,), float(i + 1))) for i in range(n)]


def make(n=1, kind=SGD, names=(), **options):
    """An optimizer of n groups of one parameter each."""
    groups = [{"params": [p]} for p in parameters(n)]
    for group, name in zip(groups, names, strict=False):
        group["name"] = name
    return kind(groups, **{"lr": 1.0, **options})


def used(optimizer, scheduler, steps, keys=("lr",), advance=lambda s: s.step()):
    """The values in the groups at each update, read by the optimizer itself while it runs."""
    rows = []
    handle = optimizer.register_step_pre_hook(
        lambda o, *_: rows.append([[float(g[k]) for g in o.param_groups] for k in keys])
    )
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = torch.ones_like(p) * 1e-3
    for _ in range(steps):
        optimizer.step()
        advance(scheduler)
    handle.remove()
    return rows


def expected(*schedules, steps, groups=1):
    return [[[s(t)] * groups for s in schedules] for t in range(steps)]


def test_it_is_a_scheduler_of_pytorch():
    optimizer = make()
    scheduler = Scheduler(optimizer, lr=LR)
    assert isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler)
    assert scheduler.optimizer is optimizer
    assert scheduler.last_epoch == 0
    assert scheduler.get_last_lr() == scheduler.get_lr() == scheduler._last_lr == [LR(0)]
    assert scheduler.lr_at(7) == [LR(7)]
    assert "step" not in vars(optimizer)
    assert repr(scheduler) == f"Scheduler(lr={LR!r}, step=0)"


@pytest.mark.parametrize("groups", [1, 3])
def test_every_update_uses_the_value_of_its_step(groups):
    optimizer = make(groups)
    scheduler = Scheduler(optimizer, lr=LR, weight_decay=WD)
    rows = used(optimizer, scheduler, 40, ("lr", "weight_decay"))
    assert rows == expected(LR, WD, steps=40, groups=groups)
    assert scheduler.lr_at(40) == scheduler.get_last_lr() == [LR(40)] * groups
    assert scheduler.values_at(3) == {"lr": [LR(3)] * groups, "weight_decay": [WD(3)] * groups}


KINDS = {
    "SGD": (SGD, {}),
    "Adam": (ADAM, {}),
    "AdamW fused": (torch.optim.AdamW, {"fused": True}),
    "AdamW foreach": (torch.optim.AdamW, {"foreach": True}),
}


@pytest.mark.heavy
@pytest.mark.parametrize("groups", [1, 3, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_long_runs_bit_for_bit(kind, groups):
    factory, options = KINDS[kind]
    optimizer = make(groups, factory, **options)
    total = 15_000
    lr = 1e-3 * (lrs.warmup(300) >> lrs.cosine().over(total - 300, end=0.1)).perturbed(0.1, seed=3)
    each = [lr, 2 * lr, lr.sampled(every=50)]
    scheduler = Scheduler(optimizer, lr=[each[i % 3] for i in range(groups)])
    got = np.asarray(used(optimizer, scheduler, total))[:, 0, :]
    for i, schedule in enumerate(each[:groups]):
        expected = [schedule(t) for t in range(total)]
        assert all(got[:, j].tolist() == expected for j in range(i, groups, 3))


def test_any_number_of_the_groups_follows():
    optimizer = make(2, ADAM, weight_decay=0.1)
    optimizer.param_groups[1]["temperature"] = 2.0
    before = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    drop = lrs.linear().over(10, start=0.9, end=0.8)
    scheduler = Scheduler(optimizer, beta1=drop, eps=1e-6 * lrs.warmup(3), temperature=lrs.hold(2) >> lrs.constant(5.0))
    rows = used(optimizer, scheduler, 5, ("lr", "weight_decay", "eps"))
    assert rows == [[[1.0] * 2, [0.1] * 2, [1e-6 * lrs.warmup(3)(t)] * 2] for t in range(5)]
    assert [g["betas"] for g in optimizer.param_groups] == [(drop(5), 0.999)] * 2
    assert optimizer.param_groups[1]["temperature"] == 5.0
    for group, known in zip(optimizer.param_groups, before, strict=True):
        assert set(group) == {*known, "params"}
        assert {k: group[k] for k in known if k not in ("betas", "eps", "temperature")} == {
            k: known[k] for k in known if k not in ("betas", "eps", "temperature")
        }


def test_groups_by_position_and_by_name():
    for given in ([LR, None, 2 * LR], {"body": LR, "head": 2 * LR}, {0: LR, "head": 2 * LR}):
        optimizer = make(3, names=["body", "neck", "head"])
        scheduler = Scheduler(optimizer, lr=given, weight_decay={"neck": 0.5})
        rows = used(optimizer, scheduler, 12, ("lr", "weight_decay"))
        assert rows == [[[LR(t), 1.0, (2 * LR)(t)], [0, 0.5, 0]] for t in range(12)]
        assert scheduler.lr_at(9) == [LR(9), 1.0, (2 * LR)(9)]
        assert scheduler.schedules == {"lr": given, "weight_decay": {"neck": lrs.constant(0.5)}}


def test_relative_multiplies_what_each_group_had():
    optimizer = make(3)
    for i, group in enumerate(optimizer.param_groups):
        group["lr"] = 0.3 + i
    scheduler = Scheduler(optimizer, lr=LR, relative=True)
    assert used(optimizer, scheduler, 30) == [[[(0.3 + i) * LR(t) for i in range(3)]] for t in range(30)]
    assert [g["initial_lr"] for g in optimizer.param_groups] == scheduler.base_lrs == [0.3, 1.3, 2.3]
    assert scheduler.lr_at(3) == [(0.3 + i) * LR(3) for i in range(3)]


def test_it_begins_where_it_is_told():
    optimizer = make()
    scheduler = Scheduler(optimizer, lr=LR, last_epoch=6)
    assert scheduler.last_epoch == 7
    assert used(optimizer, scheduler, 5) == [[[LR(t)]] for t in range(7, 12)]


@pytest.mark.parametrize("order", ["step first", "no update at all", "update overridden", "two schedulers"])
def test_no_order_warns(order):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer = make()
        scheduler = Scheduler(optimizer, lr=LR)
        if order == "update overridden":
            optimizer.step = lambda closure=None: None
        if order == "two schedulers":
            Scheduler(optimizer, weight_decay=WD).step()
        if order != "no update at all":
            optimizer.step()
        for _ in range(3):
            scheduler.step()
        scheduler.get_lr()
        assert optimizer.param_groups[0]["lr"] == LR(3)


def test_schedulers_and_optimizers_go_when_they_are_dropped():
    gc.disable()
    try:
        optimizer = make()
        scheduler = Scheduler(optimizer, lr=LR, weight_decay=[WD])
        optimizer.step()
        scheduler.step()
        seen = weakref.ref(scheduler), weakref.ref(optimizer)
        del scheduler
        assert seen[0]() is None
        assert not optimizer._optimizer_step_pre_hooks and not optimizer._optimizer_load_state_dict_post_hooks
        del optimizer
        assert seen[1]() is None
    finally:
        gc.enable()


def test_a_skipped_update_does_not_count():
    optimizer = make()
    scheduler = Scheduler(optimizer, lr=LR)
    for t in range(6):
        scheduler.step(applied=t % 2 == 0)
    assert scheduler.last_epoch == 3
    assert optimizer.param_groups[0]["lr"] == LR(3)


def test_grad_scaler_skips_an_overflow():
    optimizer, w = make(), None
    w = optimizer.param_groups[0]["params"][0]
    scheduler, scaler = Scheduler(optimizer, lr=LR), torch.amp.GradScaler("cpu", init_scale=4.0)
    applied = []
    for loss in (1.0, math.inf, 1.0):
        scaler.scale((w * loss).sum()).backward()
        scale = scaler.get_scale()
        scaler.step(optimizer)
        scaler.update()
        applied.append(scaler.get_scale() >= scale)
        scheduler.step(applied=applied[-1])
        optimizer.zero_grad()
    assert applied == [True, False, True]
    assert scheduler.last_epoch == 2


@pytest.mark.parametrize("world", [1, 3, 8])
def test_a_schedule_over_samples_with_a_batch_that_grows(world):
    lr = 0.1 * (lrs.warmup(1_000) >> lrs.cosine().over(9_000))
    batch = lrs.linear().over(10_000, start=32, end=128)
    optimizer = make()
    scheduler = Scheduler(optimizer, lr=lr)
    known = lrs.units.seen(batch, 160, counts="samples").tolist()
    for before in known[:-1]:
        assert scheduler.last_epoch == before
        assert optimizer.param_groups[0]["lr"] == lr(before)
        size = lrs.units.size(batch, before)
        scheduler.step(count=sum(lrs.units.share(size, world, rank) for rank in range(world)))
    assert scheduler.last_epoch == known[-1] > 10_000


def test_counts_of_every_kind():
    optimizer = make()
    scheduler = Scheduler(optimizer, lr=LR)
    for count, step in ((np.int64(2), 2), (0, 2), (0.5, 2.5), (torch.tensor(3), 5.5)):
        scheduler.step(count=count)
        assert scheduler.last_epoch == step
        assert optimizer.param_groups[0]["lr"] == LR(step)
    for wrong in (-1, "2", math.nan, True, None):
        with pytest.raises(lrs.ScheduleError, match=r"Scheduler\.step: count must be a number >= 0, got"):
            scheduler.step(count=wrong)


def test_groups_added_later():
    optimizer = make(1, names=["body"])
    one, listed, named = (
        Scheduler(optimizer, lr=LR),
        Scheduler(optimizer, weight_decay=[WD]),
        Scheduler(optimizer, momentum={"body": LR}),
    )
    used(optimizer, one, 3, advance=lambda s: [x.step() for x in (one, listed, named)])
    optimizer.add_param_group({"params": parameters(), "lr": 7.0, "name": "head"})
    rows = used(
        optimizer, one, 2, ("lr", "weight_decay", "momentum"), lambda s: [x.step() for x in (one, listed, named)]
    )
    assert [row[0] for row in rows] == [[LR(3)] * 2, [LR(4)] * 2]
    assert [row[1:] for row in rows] == [[[WD(t), 0], [LR(t), 0]] for t in (3, 4)]
    assert one.get_last_lr() == [LR(5)] * 2


def test_a_group_added_later_has_its_own_base():
    optimizer = make(1)
    scheduler = Scheduler(optimizer, lr=LR, relative=True)
    used(optimizer, scheduler, 4)
    optimizer.add_param_group({"params": parameters(), "lr": 7.0})
    assert used(optimizer, scheduler, 2) == [[[LR(t), 7 * LR(t)]] for t in (4, 5)]


def test_groups_removed():
    for shrink in (lambda o: o.param_groups.pop(0), lambda o: setattr(o, "param_groups", o.param_groups[1:])):
        optimizer = make(3)
        scheduler = Scheduler(optimizer, lr=[LR, 2 * LR, 3 * LR])
        used(optimizer, scheduler, 3)
        shrink(optimizer)
        assert used(optimizer, scheduler, 2) == [[[(2 * LR)(t), (3 * LR)(t)]] for t in (3, 4)]
        optimizer.param_groups.reverse()
        assert used(optimizer, scheduler, 2) == [[[(3 * LR)(t), (2 * LR)(t)]] for t in (5, 6)]


def test_no_groups_at_all():
    optimizer = make()
    scheduler = Scheduler(optimizer, lr=LR)
    optimizer.param_groups.clear()
    scheduler.step()
    assert scheduler.get_last_lr() == []
    assert Scheduler(optimizer, lr=LR).lr_at(4) == []


def test_a_group_replaced_in_place():
    optimizer = make(3)
    scheduler = Scheduler(optimizer, lr=[LR, 2 * LR, 3 * LR])
    optimizer.param_groups[1] = {**optimizer.param_groups[1], "lr": 5.0}
    assert used(optimizer, scheduler, 1) == [[[LR(0), 5.0, (3 * LR)(0)]]]


class Wrapper:
    """An optimizer around another, with its groups and no hooks."""

    def __init__(self, inner):
        self.inner, self.defaults = inner, inner.defaults

    @property
    def param_groups(self):
        return self.inner.param_groups

    def step(self):
        self.inner.step()


def test_optimizers_that_wrap_others():
    optimizer = make(2)
    wrapper = Wrapper(optimizer)
    scheduler = Scheduler(wrapper, lr=LR)
    rows = []
    for _ in range(5):
        rows.append([g["lr"] for g in optimizer.param_groups])
        wrapper.step()
        scheduler.step()
    assert rows == [[LR(t)] * 2 for t in range(5)]


class EarlierSequence(torch.optim.lr_scheduler.SequentialLR):
    """It begins a scheduler by ``step(0)``, as before PyTorch 2.9."""

    def step(self):
        self.last_epoch += 1
        if self.last_epoch == self._milestones[0]:
            self._schedulers[1].step(0)
        else:
            self._schedulers[self.last_epoch > self._milestones[0]].step()


@pytest.mark.parametrize("kind", [torch.optim.lr_scheduler.SequentialLR, EarlierSequence])
def test_inside_pytorchs_own_sequence(kind):
    optimizer = make()
    first = torch.optim.lr_scheduler.ConstantLR(optimizer, 0.5, 100)
    second = Scheduler(optimizer, lr=LR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sequence = kind(optimizer, [first, second], [3])
        got = []
        for _ in range(8):
            got.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            sequence.step()
    assert got == [0.5] * 3 + [LR(t) for t in range(5)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_tensors_are_written_in_place_and_owned(dtype):
    shared = torch.tensor(0.5, dtype=dtype)
    optimizer = make(3, lr=shared)
    scheduler = Scheduler(optimizer, lr=[LR, 2 * LR, None])
    tensors = [g["lr"] for g in optimizer.param_groups]
    assert len({id(t) for t in [*tensors, optimizer.defaults["lr"]]}) == 4
    for t in range(30):
        assert all(g["lr"] is tensor for g, tensor in zip(optimizer.param_groups, tensors, strict=True))
        assert tensors[0].dtype == dtype
        assert tensors[0] == torch.tensor(LR(t), dtype=dtype)
        assert tensors[1] == torch.tensor((2 * LR)(t), dtype=dtype)
        assert tensors[2] == 0.5
        optimizer.step()
        scheduler.step()
    copies = scheduler.get_last_lr()
    copies[0].zero_()
    assert tensors[0] == torch.tensor(LR(30), dtype=dtype)


def test_a_tensor_rate_does_not_drift():
    lr = 0.1 * lrs.cosine().over(1_000, end=0.5)
    optimizer = make(lr=torch.tensor(1.0))
    scheduler = Scheduler(optimizer, lr=lr, relative=True)
    for _ in range(1_000):
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == torch.tensor(lr(1_000))
    assert optimizer.param_groups[0]["initial_lr"] == 1.0


def test_a_rate_that_becomes_a_tensor_stays_one():
    optimizer = make(2)
    scheduler = Scheduler(optimizer, lr=LR)
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(0.0)
    scheduler.step()
    assert all(g["lr"] == torch.tensor(LR(1)) and g["lr"].ndim == 0 for g in optimizer.param_groups)
    optimizer.add_param_group({"params": parameters(), "lr": torch.tensor(0.0)})
    used(optimizer, scheduler, 1)
    assert all(isinstance(g["lr"], torch.Tensor) and g["lr"] == torch.tensor(LR(2)) for g in optimizer.param_groups)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # the compiler's own, when it is loaded
@pytest.mark.parametrize("inside", [True, False])
def test_a_compiled_step_is_compiled_once(inside):
    torch._dynamo.reset()
    graphs = []

    def backend(module, inputs):
        graphs.append(module)
        return module.forward

    optimizer = make(2, ADAM, lr=torch.tensor(1.0))
    scheduler = Scheduler(optimizer, lr=LR)

    def update():
        optimizer.step()
        if inside:
            scheduler.step()

    compiled = torch.compile(update, backend=backend)
    for t in range(40):
        for group in optimizer.param_groups:
            group["params"][0].grad = torch.ones(2)
            assert group["lr"] == torch.tensor(LR(t))
        compiled()
        if not inside:
            scheduler.step()
    assert len(graphs) == 1
    torch._dynamo.reset()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_a_captured_graph_follows_the_schedule():
    w = torch.nn.Parameter(torch.zeros(2, device="cuda"))
    optimizer = ADAM([w], lr=torch.tensor(1.0, device="cuda"), capturable=True)
    scheduler = Scheduler(optimizer, lr=LR)
    w.grad = torch.ones_like(w)
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        optimizer.step()
        scheduler.step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        optimizer.step()
    for t in range(1, 30):
        assert optimizer.param_groups[0]["lr"].item() == torch.tensor(LR(t)).item()
        before = w[0].item()
        graph.replay()
        assert math.isclose(before - w[0].item(), LR(t), rel_tol=1e-3)
        scheduler.step()


def test_copies_and_pickles_go_on_by_themselves():
    optimizer = make(2)
    scheduler = Scheduler(optimizer, lr=[LR, 2 * LR], relative=True)
    used(optimizer, scheduler, 3)
    for twin in (copy.deepcopy(scheduler), pickle.loads(pickle.dumps(scheduler))):
        assert twin.optimizer is not optimizer
        assert used(twin.optimizer, twin, 4) == [[[LR(t), (2 * LR)(t)]] for t in range(3, 7)]
    assert scheduler.get_last_lr() == [LR(3), (2 * LR)(3)]


ERRORS = [
    ({}, "lr must be a schedule, unless another hyperparameter has one, got None"),
    ({"lr": "cosine"}, "lr: 'cosine' must be called: cosine(...)"),
    ({"lr": lrs.cosine()}, "lr must be a schedule (profile.over(steps) makes one)"),
    ({"lr": True}, "lr must be a schedule"),
    ({"lr": math.nan}, "lr must be a finite number, got nan"),
    ({"lr": [LR]}, "lr must be one schedule for each of the 2 parameter groups, got 'a list of 1'"),
    ({"lr": {"tail": LR}}, "lr must be a dictionary by group names ('body', 'head') or positions 0 to 1, got 'tail'"),
    ({"lr": {2: LR}}, "lr must be a dictionary by group names ('body', 'head') or positions 0 to 1, got 2"),
    ({"weight_decy": WD}, "hyperparameter must be one that a parameter group holds as a number"),
    ({"momentun": WD}, "(lr, momentum, dampening, weight_decay), got 'momentun'"),
    ({"beta1": WD}, "got 'beta1'"),
    ({"nesterov": WD}, "got 'nesterov'"),
    ({"lr": LR, "last_epoch": -2}, "last_epoch must be an integer >= -1, got -2"),
    ({"lr": LR, "last_epoch": 1.5}, "last_epoch must be an integer >= -1, got 1.5"),
    ({"lr": LR, "on_mismatch": "theirs"}, "on_mismatch must be one of"),
    ({"lr": LR, "relative": 1}, "relative must be True or False, got 1"),
]


@pytest.mark.parametrize(("given", "message"), ERRORS, ids=str)
def test_mistakes_are_named_where_they_are_made(given, message):
    optimizer = make(2, names=["body", "head"])
    before = copy.deepcopy([{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups])
    with pytest.raises(lrs.ScheduleError) as caught:
        Scheduler(optimizer, **given)
    assert message in str(caught.value)
    assert str(caught.value).startswith("Scheduler: ")
    assert [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups] == before


def test_other_mistakes():
    with pytest.raises(TypeError, match="Scheduler: optimizer must be an optimizer of PyTorch"):
        Scheduler([torch.zeros(1)], lr=LR)
    with pytest.raises(lrs.ScheduleError, match="none has a name"):
        Scheduler(make(), lr={"body": LR})
    optimizer = make(2)
    optimizer.param_groups[0]["warmth"] = 1.0
    with pytest.raises(lrs.ScheduleError, match="warmth must be None for group 1, which holds lr, momentum"):
        Scheduler(optimizer, warmth=[LR, LR])
    Scheduler(optimizer, warmth=LR)
    assert "warmth" not in optimizer.param_groups[1]


def test_schedules_of_arrays_are_refused():
    jnp = pytest.importorskip("jax.numpy")
    with pytest.raises(lrs.ScheduleError, match="lr must be a schedule of plain numbers"):
        Scheduler(make(), lr=jnp.asarray(0.1) * lrs.warmup(3))


def test_two_schedulers_on_one_optimizer():
    optimizer = make()
    lr, decay = Scheduler(optimizer, lr=LR), Scheduler(optimizer, weight_decay=WD)
    rows = used(optimizer, lr, 10, ("lr", "weight_decay"), lambda s: (lr.step(), decay.step()))
    assert rows == expected(LR, WD, steps=10)
