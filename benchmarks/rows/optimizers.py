"""Setting the rates of a torch optimizer."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from benchmarks import exact, peers
from benchmarks import hand as written
from benchmarks.kinds import Once, Steps
from benchmarks.peers import Shape, Stepper
from benchmarks.row import Missing, Row, hand, ours, peer
from benchmarks.rows._shared import schedule, true

RUN = Shape(peak=3e-4, warmup=500, total=100_000_000, end=0.1)
CHECKED = 1_200
ONE_CYCLE_START = RUN.peak / 25


def _by_hand(groups: int) -> Callable[[], Stepper]:
    """A counter, a closure and a loop over the groups."""
    peers.load("torch")

    def fresh() -> Stepper:
        opt, lr, t = peers.optimizer(groups, RUN.peak), written.closure(RUN.peak, RUN.warmup, RUN.total, RUN.end), 0

        def advance() -> None:
            nonlocal t
            t += 1
            value = lr(t)
            for group in opt.param_groups:
                group["lr"] = value

        for group in opt.param_groups:
            group["lr"] = lr(0)
        return Stepper(advance, peers.rates(opt))

    return fresh


def scheduler() -> Any:
    """This library's scheduler for torch."""
    peers.load("torch")
    import lrsched_torch

    if not hasattr(lrsched_torch, "Scheduler"):
        raise Missing("lrsched_torch has no Scheduler")
    return lrsched_torch.Scheduler


def _ours(groups: int) -> Callable[[], Stepper]:
    make = scheduler()
    return peers.stepper(lambda opt: make(opt, lr=schedule(RUN)), RUN, groups)


def _factor() -> Callable[[int], float]:
    return written.closure(1.0, RUN.warmup, RUN.total, RUN.end)


def _row(groups: int, ratio: float) -> Row:
    def through(make: Callable[[Any], Any]) -> Callable[[], Any]:
        return lambda: peers.stepper(make, RUN, groups)

    return Row(
        f"torch-{groups}",
        f"Setting the rates of a torch optimizer, {groups} group{'s' if groups > 1 else ''}",
        Steps(CHECKED, begin=RUN.warmup + 2),
        (
            hand("loop over the groups", lambda: _by_hand(groups)),
            ours("lrsched_torch.Scheduler.step()", lambda: _ours(groups), ratio=ratio),
            peer("torch LambdaLR", through(lambda opt: peers.torch_lambda(RUN, opt, _factor()))),
            peer("torch SequentialLR", through(lambda opt: peers.torch_sequential(RUN, opt))),
            peer(
                "torch OneCycleLR (cosine warm-up)",
                through(lambda opt: peers.torch_one_cycle(RUN, opt, ONE_CYCLE_START)),
                exact=exact.one_cycle(RUN.peak, ONE_CYCLE_START, RUN.peak * RUN.end, RUN.warmup, RUN.total),
            ),
            peer("transformers", through(lambda opt: peers.transformers(RUN, opt))),
            peer("timm CosineLRScheduler", lambda: peers.timm_stepper(RUN, groups)),
            peer("ignite, with warm-up", lambda: peers.ignite_stepper(RUN, groups)),
        ),
        "loop over the groups",
        true(RUN),
        f"Measured after the warm-up of {RUN.warmup} updates, in which ignite takes many times as long. The "
        f"hand-written loop is no scheduler: no state, no checks. Errors over the first {CHECKED:,} updates, compared "
        "in every group.",
    )


def _resumed(at: int) -> Callable[[], float]:
    """Seconds to make an optimizer and a scheduler that stands at a step, with the rates of that step written."""
    make, s = scheduler(), schedule(Shape(3e-4, 5, 2 * 10**9, 0.1))
    s(3)

    def resume() -> float:
        start = perf_counter()
        opt = peers.optimizer(1, 1.0)
        opt.param_groups[0]["initial_lr"] = 1.0
        make(opt, lr=s, last_epoch=at - 1)
        took = perf_counter() - start
        if not abs(opt.param_groups[0]["lr"] / s(at) - 1) < 1e-12:
            raise AssertionError(f"resumed at {at} with the rate {opt.param_groups[0]['lr']}")
        return took

    return resume


def _replayed(updates: int) -> Callable[[], float]:
    """Seconds for torch's SequentialLR, which can only be stepped on."""
    fresh = peers.stepper(lambda opt: peers.torch_sequential(RUN, opt), RUN, 1)

    def replay() -> float:
        start = perf_counter()
        made = fresh()
        for _ in range(updates):
            made.advance()
        return perf_counter() - start

    return replay


RESUME = Row(
    "torch-resume",
    "A torch scheduler that starts at step 10**9, to one that starts at step 10",
    Once(often=True),
    (
        ours("Scheduler(..., last_epoch=9)", lambda: _resumed(10), work="near"),
        ours("Scheduler(..., last_epoch=10**9 - 1)", lambda: _resumed(10**9), ratio=1.1, work="far"),
        peer("torch SequentialLR, 10 updates", lambda: _replayed(10), work="near"),
        peer("torch SequentialLR, 10,000 updates", lambda: _replayed(10_000), work="far"),
    ),
    "Scheduler(..., last_epoch=9)",
    note="SequentialLR reaches a step through those before it: 10**9 updates are 100,000 times the last line.",
)

ROWS = (_row(1, 3.0), _row(100, 1.5), RESUME)
