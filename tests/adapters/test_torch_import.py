"""PyTorch's own schedulers read into the algebra: every class, random arguments, every step, any moment."""

from __future__ import annotations

import inspect
import math
import random
import warnings

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")

from torch.optim import lr_scheduler as theirs  # noqa: E402
from torch.optim.swa_utils import SWALR  # noqa: E402

from lrsched_torch import PlateauScheduler, Scheduler, from_scheduler  # noqa: E402

STEPS = 60


def make(*rates):
    return torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": r} for r in rates or (0.1,)], lr=1.0, momentum=0.9
    )


def rate(rng):
    return rng.choice((1.0, 0.1, 3e-4, rng.uniform(1e-6, 2.0)))


def lambdas(rng):
    return rng.choice((lrs.warmup(7), lrs.cosine().over(20), 0.9 * lrs.linear().over(30, end=0.5)))


def products(rng):
    return rng.choice((lrs.constant(0.97), lrs.table([0.9, 1.1, 0.8, 1.0]), lrs.linear().over(9, start=1.0, end=0.9)))


CLASSES = {
    theirs.LambdaLR: lambda o, rng: theirs.LambdaLR(o, [lambdas(rng) for _ in o.param_groups]),
    theirs.MultiplicativeLR: lambda o, rng: theirs.MultiplicativeLR(o, [products(rng) for _ in o.param_groups]),
    theirs.StepLR: lambda o, rng: theirs.StepLR(o, rng.randint(1, 20), rng.choice((0.1, 0.5, 1.1, 0.0))),
    theirs.MultiStepLR: lambda o, rng: theirs.MultiStepLR(
        o, [rng.randint(0, STEPS) for _ in range(rng.randrange(5))], rng.choice((0.1, 0.7))
    ),
    theirs.ConstantLR: lambda o, rng: theirs.ConstantLR(o, rng.uniform(0.01, 1), rng.randint(0, 30)),
    theirs.LinearLR: lambda o, rng: theirs.LinearLR(o, rng.uniform(0.01, 1), rng.uniform(0.01, 1), rng.randint(1, 30)),
    theirs.ExponentialLR: lambda o, rng: theirs.ExponentialLR(o, rng.uniform(0.5, 1.05)),
    theirs.PolynomialLR: lambda o, rng: theirs.PolynomialLR(o, rng.randint(1, 80), rng.choice((1.0, 2.0, 0.5, 0.9))),
    theirs.CosineAnnealingLR: lambda o, rng: theirs.CosineAnnealingLR(o, rng.randint(2, 80), rng.choice((0.0, 1e-5))),
    theirs.CosineAnnealingWarmRestarts: lambda o, rng: theirs.CosineAnnealingWarmRestarts(
        o, rng.randint(1, 9), rng.randint(1, 3), rng.choice((0.0, 1e-5))
    ),
    theirs.OneCycleLR: lambda o, rng: theirs.OneCycleLR(
        o,
        [rate(rng) for _ in o.param_groups],
        STEPS,
        pct_start=rng.choice((0.3, 0.25, rng.uniform(0.1, 0.45))),
        anneal_strategy=rng.choice(("cos", "linear")),
        three_phase=rng.random() < 0.5,
        div_factor=rng.choice((25.0, 10.0)),
    ),
    theirs.CyclicLR: lambda o, rng: theirs.CyclicLR(
        o,
        1e-4,
        [rate(rng) for _ in o.param_groups],
        rng.randint(1, 15),
        rng.choice((None, rng.randint(1, 15))),
        mode=rng.choice(("triangular", "triangular2", "exp_range")),
        gamma=0.97,
    ),
    SWALR: lambda o, rng: SWALR(o, rate(rng), rng.randint(0, 20), rng.choice(("cos", "linear"))),
    theirs.SequentialLR: lambda o, rng: sequence(o, rng),
    theirs.ChainedScheduler: lambda o, rng: chain(o, rng),
    Scheduler: lambda o, rng: Scheduler(o, lr=lambdas(rng), relative=rng.random() < 0.5),
}
PARTS = [k for k in CLASSES if k not in (theirs.SequentialLR, theirs.ChainedScheduler, theirs.OneCycleLR, Scheduler)]
FACTORS = [k for k in PARTS if k.__name__ in ("StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR")]
FACTORS += [theirs.PolynomialLR, theirs.MultiplicativeLR]


def sequence(optimizer, rng):
    children = [CLASSES[rng.choice(PARTS)](optimizer, rng) for _ in range(rng.randint(1, 4))]
    milestones = sorted(rng.sample(range(1, STEPS), len(children) - 1))
    return theirs.SequentialLR(optimizer, children, milestones)


def chain(optimizer, rng):
    children = [CLASSES[rng.choice(FACTORS)](optimizer, rng) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.3:
        children.insert(rng.randrange(2), theirs.CosineAnnealingLR(optimizer, STEPS))
    elif rng.random() < 0.3:
        children.append(CLASSES[rng.choice((theirs.LambdaLR, theirs.CosineAnnealingWarmRestarts))](optimizer, rng))
    return theirs.ChainedScheduler(children)


def logged(optimizer, scheduler, steps):
    rows = []
    for _ in range(steps):
        rows.append([g["lr"] for g in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return rows


def columns(found, groups):
    each = found if isinstance(found, list) else [found] * groups
    return [[s(t) for s in each] for t in range(STEPS)]


def agree(ours, real, peak):
    """Within what PyTorch's own products drift by."""
    return all(
        math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12 * peak)
        for mine, its in zip(ours, real, strict=True)
        for a, b in zip(mine, its, strict=True)
    )


def test_every_scheduler_of_pytorch_is_read_or_refused():
    classes = {k for _, k in inspect.getmembers(theirs, inspect.isclass) if issubclass(k, theirs.LRScheduler)}
    classes -= {theirs.LRScheduler, theirs._LRScheduler}
    assert classes - set(CLASSES) == {theirs.ReduceLROnPlateau}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda k: k.__name__)
@pytest.mark.parametrize("seed", range(12))
def test_the_same_rate_at_every_step(kind, seed):
    rng = random.Random(f"{kind.__name__} {seed}")
    rates = [rate(rng) for _ in range(rng.choice((1, 1, 3)))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = make(*rates)
        scheduler = CLASSES[kind](optimizer, rng)
        first = from_scheduler(scheduler)
        at = rng.randrange(1, STEPS - 1)
        rows = logged(optimizer, scheduler, at)
        later = from_scheduler(scheduler)
        rows += logged(optimizer, scheduler, STEPS - at)
    peak = max(max(row) for row in rows)
    assert agree(columns(first, len(rates)), rows, peak), first
    assert agree(columns(later, len(rates)), rows, peak), later
    if kind is not SWALR:
        assert later == first


@pytest.mark.parametrize("kind", [theirs.OneCycleLR, theirs.CyclicLR])
@pytest.mark.parametrize("adam", [False, True])
def test_the_momentum_that_goes_with_a_cycle(kind, adam):
    for seed in range(5):
        rng = random.Random(seed)
        optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.1) if adam else make()
        scheduler = CLASSES[kind](optimizer, rng)
        key = "beta1" if adam else "momentum"
        momentum, rows = from_scheduler(scheduler, key), []
        for _ in range(STEPS - 1):
            group = optimizer.param_groups[0]
            rows.append([group["betas"][0] if adam else group["momentum"]])
            optimizer.step()
            scheduler.step()
        assert agree([[momentum(t)] for t in range(STEPS - 1)], rows, 1.0)
        with pytest.raises(lrs.ScheduleError, match=f"key must be 'lr' or '{key}', got 'weight_decay'"):
            from_scheduler(scheduler, "weight_decay")


def test_one_schedule_or_one_for_each_group():
    optimizer = make(0.1, 0.1)
    assert from_scheduler(theirs.StepLR(optimizer, 3)) == 0.1 * lrs.step_decay(3)
    optimizer = make(0.1, 0.2)
    assert from_scheduler(theirs.StepLR(optimizer, 3)) == [0.1 * lrs.step_decay(3), 0.2 * lrs.step_decay(3)]


def test_a_run_goes_on_with_what_was_imported():
    optimizer = make()
    old = theirs.CosineAnnealingWarmRestarts(optimizer, 5, 2)
    logged(optimizer, old, 23)
    schedule = from_scheduler(old)
    new = Scheduler(optimizer, lr=schedule, last_epoch=old.last_epoch - 1)
    assert new.last_epoch == 23
    assert logged(optimizer, new, 10) == [[schedule(t)] for t in range(23, 33)]


def test_a_tensor_rate_is_read_as_a_number():
    optimizer = make()
    optimizer.param_groups[0]["lr"] = torch.tensor(0.5)
    assert from_scheduler(theirs.StepLR(optimizer, 3)) == 0.5 * lrs.step_decay(3)


def test_a_chain_with_a_cosine_ends_at_its_foot():
    optimizer = make()
    parts = [theirs.LinearLR(optimizer, 0.1, total_iters=5), theirs.CosineAnnealingLR(optimizer, 20)]
    found = from_scheduler(theirs.ChainedScheduler(parts))
    assert found(20) == 0.0
    with pytest.raises(lrs.ScheduleError, match="past the end of the schedule"):
        found(21)


class Mine(theirs.StepLR):
    def get_lr(self):
        return [0.1 for _ in self.base_lrs]


def refused(optimizer):
    step, wave = theirs.StepLR(optimizer, 3), theirs.CosineAnnealingLR(optimizer, 9, 0.01)
    restarts = theirs.CosineAnnealingWarmRestarts(optimizer, 3)
    inner = theirs.ChainedScheduler([step, theirs.ExponentialLR(optimizer, 0.9)])
    return {
        r"scheduler must be one with a formula \(LambdaLR.*SWALR.*got 'Mine'": Mine(optimizer, 3),
        "one with a formula .* got 'ReduceLROnPlateau'": theirs.ReduceLROnPlateau(optimizer),
        "one with a formula .* got 'PlateauScheduler'": PlateauScheduler(optimizer, lrs.Plateau()),
        r"lr_lambda of LambdaLR must be a schedule.*got 'the function refused": theirs.LambdaLR(
            optimizer, lambda t: 1.0
        ),
        "lr_lambda of MultiplicativeLR must be": theirs.MultiplicativeLR(optimizer, math.exp),
        "CosineAnnealingLR sets it": theirs.ChainedScheduler([step, wave]),
        "CosineAnnealingWarmRestarts sets it": theirs.ChainedScheduler([restarts, step]),
        "no ChainedScheduler in a SequentialLR": theirs.SequentialLR(optimizer, [inner, step], [4]),
    }


def test_what_has_no_formula_is_a_clear_error():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedulers = refused(make())
    for message, scheduler in schedulers.items():
        with pytest.raises(lrs.ScheduleError, match=message):
            from_scheduler(scheduler)
    with pytest.raises(TypeError, match="scheduler must be a scheduler of PyTorch"):
        from_scheduler(lrs.warmup(3))
    with pytest.raises(lrs.ScheduleError, match="StepLR drives nothing else, got 'momentum'"):
        from_scheduler(theirs.StepLR(make(), 3), "momentum")
