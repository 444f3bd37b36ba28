"""Judging schedules before the run: bounds, averages and laws of a million rates, beside one running sum of them."""

from __future__ import annotations

import functools
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import lrsched as lrs
from benchmarks import peers
from benchmarks.kinds import Calls, Counts
from benchmarks.row import Row, hand, ours

N, TRACED, COMPARED = 1_000_000, 100_000, 100_000
PEAK, DECAY = 3e-4, 0.1
MOST = 10 * 8 * N  # bytes of ten vectors


def judged() -> Any:
    """The functions measured."""
    return lrs.analysis


@functools.cache
def rates() -> Any:
    """A million rates, no two neighbours alike but at the peak."""
    return (PEAK * (lrs.warmup(N // 100) >> lrs.cosine().over(N - N // 100, end=0.1))).sample(N)


def _law(name: str) -> Any:
    return judged().SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, (PEAK, PEAK)) if name == "own" else judged().published[name]


CALLS: dict[str, tuple[Callable[[], Any], float]] = {
    "convex_bound, own last step": (lambda: judged().convex_bound(rates(), last="own"), 12),
    "convex_bound": (lambda: judged().convex_bound(rates()), 70),
    "averaging": (lambda: judged().averaging(rates(), DECAY), 25),
    "convex_bound_curve, 200 points": (lambda: judged().convex_bound_curve(rates()), 500),
    "SignalNoiseLaw, last step": (lambda: _law("own").predict(rates()), 150),
    "MultiPowerLaw, last step": (lambda: _law("mpl-100m").predict(rates()), 150),
    "AnnealingLaw, last step": (lambda: _law("annealing-100m").predict(rates()), 150),
}


def _ready(call: Callable[[], Any]) -> Callable[[], Callable[[], Any]]:
    """The call, with everything loaded that it takes."""

    def made() -> Callable[[], Any]:
        call()
        return call

    return made


RATES = Row(
    "judging",
    "Judging 1,000,000 rates",
    Calls(),
    (
        hand("np.cumsum", lambda: functools.partial(np.cumsum, rates())),
        *(ours(name, _ready(call), ratio=most, slow="curve" in name) for name, (call, most) in CALLS.items()),
    ),
    "np.cumsum",
    note="A vector is given, so that nothing is sampled. Warm-up and cosine: the rate changes at every step, "
    "which is the most that the multi-power law can have to do.",
)


def _beyond(call: Callable[[], Any]) -> Callable[[], Callable[[], float]]:
    """The most bytes that a call holds at once."""

    def count() -> float:
        call()
        tracemalloc.start()
        try:
            call()
            return float(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()

    return lambda: count


MEMORY = Row(
    "judging-bytes",
    "Memory of judging 1,000,000 rates",
    Counts("bytes"),
    (
        hand("np.cumsum", _beyond(lambda: np.cumsum(rates()))),
        *(ours(name, _beyond(call), value=MOST) for name, (call, _) in CALLS.items()),
    ),
    "np.cumsum",
    note="Bytes of Python and NumPy beside the rates, the result included.",
)

FIVE = (
    "warmup(n // 20) >> linear().over(19 * n // 20)",
    "warmup(n // 20) >> rex().over(19 * n // 20)",
    "warmup(n // 20) >> hold(3 * n // 4) >> one_minus_power().over(n // 5)",
    "warmup(n // 20) >> cosine().over(19 * n // 20, end=0.1)",
    "warmup(n // 20) >> constant(1)",
)


def _comparison() -> Callable[[], Any]:
    schedules = [PEAK * lrs.schedule(text, n=COMPARED) for text in FIVE]
    law = _law("mpl-100m")
    return lambda: judged().compare(schedules, COMPARED, weight_decay=DECAY, laws=[law])


COMPARE = Row(
    "judging-compare",
    "Five schedules of 100,000 steps side by side, with AdamW's average and a law",
    Calls(),
    (
        hand("sampled", lambda: lambda: [(PEAK * lrs.schedule(t, n=COMPARED)).sample(COMPARED) for t in FIVE]),
        ours("compare", _comparison, value=1.0),
    ),
    "sampled",
)


def _compiled(gradient: bool, law: bool) -> Callable[[], Callable[[], Any]]:
    def made() -> Callable[[], Any]:
        jax = peers.load("jax")
        value = _law("own").predict if law else lambda e: judged().convex_bound(e).best
        program = jax.jit(jax.value_and_grad(value) if gradient else value)
        given = jax.numpy.asarray(rates()[:: N // TRACED])
        return lambda: jax.block_until_ready(program(given))

    return made


GRADIENT = Row(
    "judging-gradient",
    "The bound of 100,000 rates and its gradient, compiled by JAX",
    Calls(),
    (
        ours("convex_bound", _compiled(gradient=False, law=False)),
        ours("convex_bound and its gradient", _compiled(gradient=True, law=False), ratio=10),
    ),
    "convex_bound",
)
LAW_GRADIENT = Row(
    "judging-law-gradient",
    "A law's loss of 100,000 rates and its gradient, compiled by JAX",
    Calls(),
    (
        ours("SignalNoiseLaw", _compiled(gradient=False, law=True)),
        ours("SignalNoiseLaw and its gradient", _compiled(gradient=True, law=True), ratio=10),
    ),
    "SignalNoiseLaw",
)

ROWS = (RATES, MEMORY, COMPARE, GRADIENT, LAW_GRADIENT)
