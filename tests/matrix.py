"""Composed expressions by number: bases times methods, with whole, fractional and squeezing changes of the clock."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import lrsched as lrs

BASES = (
    "linear().over(7)",
    "cosine().over(12, end=0.125)",
    "cosine().sampled(times=4).over(7, end=0.125)",
    "rex().sampled(times=3).over(9)",
    "linear().sampled(at=(0.3, 0.5, 0.8)).over(11)",
    "staircase((0.25, 0.6), (1.0, 0.5, 0.1)).over(9)",
    "staircase((0.1, 0.2, 0.3, 0.5, 0.7, 0.9), (1.0, 0.9, 0.8, 0.6, 0.4, 0.2, 0.1)).over(13)",
    "knots((0.0, 0.4, 1.0), (1.0, 0.3, 0.1)).over(10)",
    "phases((1.0, linear()), (3.0, cosine())).over(7)",
    "phases((1.0, flat()), (2.0, rex().sampled(times=2))).over(8)",
    "linear().delayed(0.4).over(6)",
    "cosine().mirrored().over(8)",
    "tanh().normalised().over(9)",
    "warmup(3) >> cosine().over(5)",
    "warmup(4, skip_zero=True) >> hold(2, 0.5) >> linear().over(4)",
    "hold(2) >> hold(2, 0.5) >> hold(1, 0.25)",
    "hold(1) >> hold(1, 0.5) >> hold(1, 0.25) >> hold(1, 0.1)",
    " >> ".join(f"linear().over({n}, start={n}.0)" for n in (1, 2, 3, 2, 1, 2)),
    "(cosine().sampled(times=4).over(7, end=0.125) >> cosine().over(5))",
    "linear().sampled(times=3).over(1) >> hold(2, 0.0)",
    "table((0.5, 0.25, 1.0, 0.75, 0.1))",
    "multi_step((2, 5, 9)).lasting(12)",
    "piecewise((3, 4), (1.0, 0.5, 0.2)).lasting(7)",
    "step_decay(3, 0.5).lasting(10)",
    "silver_steps(7)",
    "geometric(6, 1.0, 0.01)",
    "(warmup(2) >> linear().over(3)).per_epoch(3)",
    "cosine().over(10).sampled(every=3)",
    "cosine().over(10).sampled(at=(3, 4, 8))",
    "linear().over(4) * (hold(2) >> hold(3, 0.5))",
)

METHODS = (
    "stretched(0.3)", "stretched(0.5)", "stretched(1.1)", "stretched(2.5)", "stretched(3.0)",
    "restarted()", "restarted(times=2, gamma=0.5)", "restarted(t_mult=2)", "restarted(t_mult=1.3)",
    "restarted(times=3, t_mult=1.7)", "restarted(times=3, t_mult=0.5)", "restarted(times=4, t_mult=0.7, gamma=0.9)",
    "reversed()", "mirrored()", "extended(2, 3)", "extended(1, 19)", "advanced(1)", "advanced(3)", "delayed(2)",
    "lasting(3)", "lasting(25)", "cooldown(2, 3)", "cooldown(1, 2)", "after('repeat')", "after('mirror')", "after(0.125)",
    "sampled(every=2)", "sampled(every=5)", "sampled(at=(1, 3))", "per_epoch(2)", "warmup(2)", "then(hold(2, 0.25))",
    "clipped(0.2, 0.7)", "rescaled(5)", "rescaled(20)",
)  # fmt: skip


def composed(depth: int, rnd: random.Random, count: int) -> Iterator[tuple[str, Any]]:
    """Expressions that methods make of bases, ``depth`` of them one after another; what is refused is left out."""
    while count > 0:
        methods = [rnd.choice(METHODS) for _ in range(depth)]
        schedule = made(base := rnd.choice(BASES), *methods)
        if schedule is not None:
            yield text_of(base, *methods), schedule
            count -= 1


def text_of(base: str, *methods: str) -> str:
    """A base with methods, one after another."""
    return f"({base})" + "".join("." + method for method in methods)


def made(base: str, *methods: str) -> Any:
    """The expression; None if it is refused when it is built."""
    try:
        return eval(text_of(base, *methods), vars(lrs))
    except lrs.ScheduleError:
        return None


def steps_of(schedule: Any, rnd: random.Random) -> list[int]:
    """The first steps, and some later ones."""
    return [*range(24), *(rnd.randrange(24, 200) for _ in range(6))]
