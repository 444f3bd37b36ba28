"""The range test, LARS warm-up, snapshot ensembles, and groups by patterns of names."""

from __future__ import annotations

import numpy as np
import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")

from lrsched_torch import Scheduler, Snapshots, lars_warmup, param_groups, range_test  # noqa: E402

LR = 0.1 * (lrs.warmup(5) >> lrs.cosine().over(20))


def quadratic():
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 32)[:, None]
    model = torch.nn.Sequential(
        torch.nn.Linear(1, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1)
    )
    return model, lambda batch: (model(batch) - 3 * batch).square().mean(), [x, -x]


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_a_range_test_leaves_no_trace(kind):
    model, loss, batches = quadratic()
    optimizer = kind(model.parameters(), lr=0.5)
    loss(batches[0]).backward()
    optimizer.step()
    scheduler = Scheduler(optimizer, lr=LR)

    def everything():
        gradients = [None if p.grad is None else p.grad.tolist() for p in model.parameters()]
        known = {
            k: v.tolist() if isinstance(v, torch.Tensor) else v for s in optimizer.state.values() for k, v in s.items()
        }
        state = {k: v.tolist() for k, v in model.state_dict().items()}
        return repr((state, gradients, known, scheduler.get_last_lr(), torch.get_rng_state().tolist()))

    before = everything()
    found = range_test(loss, optimizer, batches, model=model, steps=60, smoothing=0.5)
    assert everything() == before
    assert len(found.rates) == len(found.losses) <= 60
    assert found.rates.tolist() == lrs.range_sweep(1e-7, 10.0, 60).sample(60).tolist()[: len(found.rates)]
    assert found.losses[0] != found.losses[-1]


def test_a_range_test_uses_the_rates_and_the_batches_it_says():
    w = torch.nn.Parameter(torch.tensor(0.0))
    optimizer = torch.optim.SGD([w], lr=torch.tensor(0.5))
    seen, used = [], []
    handle = optimizer.register_step_pre_hook(lambda o, *_: used.append(float(o.param_groups[0]["lr"])))
    found = range_test(
        lambda b: (seen.append(b), (w - b).square())[1],
        optimizer,
        iter([1.0, 2.0, 3.0]),
        steps=10,
        smallest=1e-3,
        largest=0.1,
        smoothing=0.0,
        divergence=1e9,
    )
    handle.remove()
    assert seen == [1.0, 2.0, 3.0] * 3 + [1.0]
    assert used == [float(np.float32(r)) for r in lrs.range_sweep(1e-3, 0.1, 10).sample(10)]
    assert len(found.losses) == 10
    assert optimizer.param_groups[0]["lr"] == 0.5 and w == 0.0


def test_a_range_test_stops_when_the_loss_diverges(capsys):
    w = torch.nn.Parameter(torch.tensor(1.0))
    optimizer = torch.optim.SGD([w], lr=0.5)
    found = range_test(lambda: w.square(), optimizer, largest=1e4, steps=200, smoothing=0.0, progress=True)
    assert len(found.losses) < 200
    assert found.losses[-1] > 4 * found.losses.min()
    assert 0.01 < found.suggestions.minimum < 1.0
    assert "range test 1/200" in capsys.readouterr().err
    assert found.plot().get_xlabel() == "learning rate"


def test_mistakes_of_a_range_test():
    w = torch.nn.Parameter(torch.tensor(1.0))
    optimizer = torch.optim.SGD([w], lr=0.5)
    with pytest.raises(lrs.ScheduleError, match="range_test: batches must be at least one batch"):
        range_test(lambda b: w, optimizer, [])
    with pytest.raises(TypeError, match="range_test: model_step must be a function that gives a scalar tensor"):
        range_test(lambda: 1.0, optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.heavy
@pytest.mark.parametrize(("kind", "largest"), [(torch.optim.SGD, 100.0), (torch.optim.Adam, 10.0)])
def test_a_suggestion_is_within_a_factor_of_3_of_the_best_of_a_grid(kind, largest):
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(x / 16.0, dtype=torch.float32)[order], torch.tensor(y)[order]
    batches = list(zip(x.split(64), y.split(64), strict=True))

    def build():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10))
        return model, kind(model.parameters(), lr=1.0)

    def loss(model, batch):
        return torch.nn.functional.cross_entropy(model(batch[0]), batch[1])

    def trained(rate):
        model, optimizer = build()
        Scheduler(optimizer, lr=rate)
        for batch in batches * 2:
            optimizer.zero_grad()
            loss(model, batch).backward()
            optimizer.step()
        with torch.no_grad():
            return float(loss(model, (x, y)))

    grid = [10 ** (k / 4) for k in range(-16, 5)]
    losses = [trained(rate) for rate in grid]
    best = grid[min(range(len(grid)), key=losses.__getitem__)]
    model, optimizer = build()
    sweep = {"smallest": 1e-5, "largest": largest, "steps": 140, "smoothing": 0.9}
    found = range_test(lambda batch: loss(model, batch), optimizer, batches, **sweep)
    assert best / 3 <= found.suggestions.steepest <= best * 3, (best, found.suggestions)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_lars_during_the_warm_up_as_optax_computes_it(momentum):
    optax, jnp = pytest.importorskip("optax"), pytest.importorskip("jax.numpy")
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype(np.float32) for shape in ((4, 3), (3,))]
    gradients = [[rng.normal(size=x.shape).astype(np.float32) for x in start] for _ in range(8)]
    params = [torch.nn.Parameter(torch.tensor(x)) for x in start]
    rate = 0.5 if momentum else 0.5 * lrs.warmup(8, start=0.1)
    optimizer = torch.optim.SGD(params, lr=1.0, momentum=momentum, weight_decay=0.1)
    scheduler = Scheduler(optimizer, lr=rate)
    lars_warmup(scheduler, 5, coefficient=0.02)
    theirs = optax.lars(rate, 0.1, momentum=momentum, trust_coefficient=0.02)
    known = [jnp.asarray(x) for x in start]
    state = theirs.init(known)
    for t in range(5):
        updates, state = theirs.update([jnp.asarray(g) for g in gradients[t]], state, known)
        known = optax.apply_updates(known, updates)
        for p, g in zip(params, gradients[t], strict=True):
            p.grad = torch.tensor(g)
        optimizer.step()
        scheduler.step()
        for p, x in zip(params, known, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), np.asarray(x), rtol=1e-4, atol=1e-6)
    for p, g in zip(params, gradients[5], strict=True):
        p.grad = torch.tensor(g)
    optimizer.step()
    assert all(np.array_equal(p.grad.numpy(), g) for p, g in zip(params, gradients[5], strict=True))


def test_lars_leaves_layers_alone_and_ends():
    w, b = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([w, b], lr=1.0)
    scheduler = Scheduler(optimizer, lr=LR)
    handle = lars_warmup(scheduler, 5, applies=lambda p: p.ndim > 1)
    w.grad, b.grad = torch.ones(2, 2), torch.ones(2)
    optimizer.step()
    assert w.grad.tolist() == [[pytest.approx(1e-3)] * 2] * 2
    assert b.grad.tolist() == [1.0, 1.0]
    handle.remove()
    w.grad = torch.ones(2, 2)
    optimizer.step()
    assert w.grad.tolist() == [[1.0] * 2] * 2
    for arguments, message in (((scheduler, -1), "steps must be"), ((optimizer, 3), "scheduler must be")):
        with pytest.raises(lrs.ScheduleError, match=message):
            lars_warmup(*arguments)
    with pytest.raises(lrs.ScheduleError, match="coefficient"):
        lars_warmup(scheduler, 3, coefficient=-1.0)


@pytest.mark.parametrize("on_disk", [True, False])
def test_snapshots_at_the_ends_of_cycles(on_disk, tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    lr = 0.1 * lrs.cosine().over(4).restarted(t_mult=2)
    folder = tmp_path / "snapshots" if on_disk else None

    def built():
        scheduler = Scheduler(optimizer, lr=lr)
        return scheduler, Snapshots(model, scheduler, 28, folder=folder)

    scheduler, snapshots = built()
    saved, x = {}, torch.randn(5, 2)
    for t in range(28):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()
        scheduler.step()
        snapshots.step()
        if t in (3, 11, 27):
            model.eval()
            saved[t] = model(x).detach().softmax(-1)
            model.train()
        if t == 13:
            state = scheduler.state_dict(), snapshots.state_dict()
            scheduler, snapshots = built()
            scheduler.load_state_dict(state[0])
            snapshots.load_state_dict(state[1])
    assert snapshots.taken == [3, 11, 27]
    now = [p.tolist() for p in model.parameters()]
    for last, ends in ((None, [3, 11, 27]), (2, [11, 27])):
        found = snapshots.predict(x, last=last, activation=lambda z: z.softmax(-1))
        torch.testing.assert_close(found, sum(saved[end] for end in ends) / len(ends))
    assert [p.tolist() for p in model.parameters()] == now
    assert model.training and all(m.training for m in model.modules())
    with pytest.raises(lrs.ScheduleError, match="one of the snapshots"):
        snapshots.state(5)


def test_snapshots_follow_a_replacement_and_steps_that_count_samples():
    model = torch.nn.Linear(1, 1)
    lr = lrs.cosine().over(100).restarted()
    scheduler = Scheduler(torch.optim.SGD(model.parameters(), lr=0.1), lr=lr)
    snapshots = Snapshots(model, scheduler, 400)
    for _ in range(10):
        scheduler.step(count=32)
        snapshots.step()
    assert snapshots.taken == [99, 199, 299]
    scheduler.replace(lr=lr.lasting(320) >> lrs.cosine().over(50).restarted())
    for _ in range(3):
        scheduler.step(count=25)
        snapshots.step()
    assert snapshots.taken == [99, 199, 299, 369]


def test_mistakes_of_snapshots():
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(lrs.ScheduleError, match="one whose lr is a single schedule"):
        Snapshots(model, Scheduler(optimizer, lr=[LR]), 9)
    snapshots = Snapshots(model, Scheduler(optimizer, lr=LR), 25)
    with pytest.raises(lrs.ScheduleError, match=r"after the first cycle ends \(at \[24\]\)"):
        snapshots.predict(torch.zeros(1, 1))


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(3))
        self.head = torch.nn.Linear(2, 2)
        self.head.weight = self.body[0].weight


def test_groups_by_patterns_of_names():
    groups = param_groups(Tied(), lr={"head.*": 2 * LR, "body.{0..1}.*": 0.5 * LR, "*": LR}, momentum=0.9)
    assert [(g["name"], len(g["params"])) for g in groups] == [("body.{0..1}.*", 4), ("*", 2), ("head.*", 1)]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    scheduler = Scheduler(optimizer, **groups.schedules)
    scheduler.step(count=7)
    assert scheduler.get_last_lr() == [(0.5 * LR)(7), LR(7), (2 * LR)(7)]
    assert {g["momentum"] for g in optimizer.param_groups} == {0.9}


def test_groups_of_a_name_each():
    groups = param_groups(Tied(), {"late": "head.*", "early": ["body.0.*", "*"]}, lr={"late": LR})
    assert [(g["name"], len(g["params"])) for g in groups] == [("early", 6), ("late", 1)]
    scheduler = Scheduler(torch.optim.SGD(groups, lr=1.0), **groups.schedules)
    assert scheduler.get_last_lr() == [1.0, LR(0)]


def test_layerwise_rates_by_patterns():
    layers = [f"body.{i}.*" for i in range(3)] + ["head.*"]
    rates = dict(zip(layers, lrs.layerwise(LR, len(layers), 0.5), strict=True))
    scheduler = Scheduler(torch.optim.SGD(groups := param_groups(Tied(), lr=rates), lr=1.0), **groups.schedules)
    scheduler.step(count=5)
    assert [r / LR(5) for r in scheduler.get_last_lr()] == [0.125, 0.25, 0.5, 1.0]


def test_mistakes_in_patterns_are_named():
    for given, message in (
        ({"lr": {"head.*": LR}}, "param_groups: lr must be patterns that match every parameter"),
        ({"lr": {"tail.*": LR, "*": LR}}, r"'tail\.\*' \(it matches none of them\)"),
        ({"lr": LR}, "param_groups: groups must be patterns, unless"),
        ({"groups": ["head.*"]}, "param_groups: groups must be patterns that match every"),
    ):
        with pytest.raises(lrs.ScheduleError, match=message):
            param_groups(Tied(), **given)
    groups = param_groups(Tied(), ["*"], lr={"head": LR})
    with pytest.raises(lrs.ScheduleError, match="lr must be a dictionary by group names"):
        Scheduler(torch.optim.SGD(groups, lr=1.0), **groups.schedules)
