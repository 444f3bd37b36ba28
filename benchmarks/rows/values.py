"""One value on the host."""

from __future__ import annotations

from typing import Any

import lrsched as lrs
from benchmarks import exact, peers
from benchmarks import hand as written
from benchmarks.kinds import Values
from benchmarks.peers import Shape
from benchmarks.row import Row, hand, ours, peer
from benchmarks.rows._shared import SHORT, checks, joined, levels, schedule, shuffled, true
from lrsched import cosine

STEPS = shuffled(SHORT.total, 1000)
MANY, LENGTH = 10_000, 100
FAR = 10**9
LONG = Shape(peak=3e-4, warmup=5, total=4 * FAR, end=0.1)
AT_10, AT_FAR, AT_3_FAR = (tuple(range(start, start + 1000)) for start in (10, FAR, 3 * FAR))


def _at(steps: tuple[int, ...], call: Any) -> Any:
    """A function of an index below 1000 that evaluates one of the steps."""
    return lambda i: call(steps[i])


def _fvcore_join() -> Any:
    where, total = peers.fvcore_join(levels(MANY)), MANY * LENGTH
    return lambda t: where(t / total)


VALUE = Row(
    "value",
    "One value, `s(t)` of a Python int",
    Values(STEPS, checks(SHORT.total, SHORT.warmup)),
    (
        hand("closure", lambda: written.closure(SHORT.peak, SHORT.warmup, SHORT.total, SHORT.end)),
        hand("generated source", lambda: written.generated(SHORT.peak, SHORT.warmup, SHORT.total, SHORT.end)),
        ours("s(t)", lambda: schedule(SHORT), ratio=1.4),
        ours('compile(s, "python")(t)', lambda: lrs.compile(schedule(SHORT), "python"), ratio=1.0),
        peer("fvcore CompositeParamScheduler", lambda: peers.fvcore_value(SHORT)),
        peer("transformers, factor of LambdaLR", lambda: peers.transformers_value(SHORT)),
        peer("timm CosineLRScheduler", lambda: peers.timm_value(SHORT)),
        peer("optax, jitted, to float", lambda: peers.optax_jitted_value(SHORT), single=True),
        peer("optax, to float", lambda: peers.optax_value(SHORT), single=True),
        peer("keras CosineDecay, to float", lambda: peers.keras_value(SHORT), single=True, slow=True),
    ),
    "closure",
    true(SHORT),
    "Linear warm-up for 500 steps, cosine to a tenth at 10,000; steps in random order. "
    "torch and ignite are not here: they only step on.",
)

PIECES = Row(
    "value-pieces",
    "One value of 10,000 straight pieces",
    Values(shuffled(MANY * LENGTH, 1000), checks(MANY * LENGTH, LENGTH, 5_000 * LENGTH)),
    (
        hand("bisect in a closure", lambda: written.bisected(levels(MANY), LENGTH)),
        ours("s(t)", lambda: joined(MANY, LENGTH), ratio=1.2),
        peer("fvcore CompositeParamScheduler", _fvcore_join),
    ),
    "bisect in a closure",
    exact.joined(levels(MANY), LENGTH),
    "optax.join_schedules does not compile at this size.",
)


_CYCLES = 0.1 * cosine().over(10).restarted(t_mult=2)
FAR_ROW = Row(
    "value-far",
    "The value of step 10**9, to that of step 10",
    Values(tuple(range(1000)), ()),
    (
        ours("warm-up and cosine at 10, 11, ...", lambda: _at(AT_10, schedule(LONG))),
        ours("warm-up and cosine at 10**9, ...", lambda: _at(AT_FAR, schedule(LONG)), ratio=1.1),
        ours("warm-up and cosine at 3 * 10**9, ...", lambda: _at(AT_3_FAR, schedule(LONG))),
    ),
    "warm-up and cosine at 10, 11, ...",
    note="A run of 4 * 10**9 steps. The first two lie in the first half of the wave, the third in the second, which "
    "costs two operations more, and beyond 2**30, where Python's integers take two words.",
)

FAR_CYCLES = Row(
    "value-far-restarts",
    "The value of step 10**9 under restarts, to that of step 10",
    Values(tuple(range(1000)), ()),
    (
        ours("restarts at 10, 11, ...", lambda: _at(AT_10, _CYCLES)),
        ours("restarts at 10**9, ...", lambda: _at(AT_FAR, _CYCLES), ratio=1.1),
    ),
    "restarts at 10, 11, ...",
    note="Cycles of 10 * 2**i steps: step 10**9 lies in the 27th.",
)

ROWS = (VALUE, PIECES, FAR_ROW, FAR_CYCLES)
