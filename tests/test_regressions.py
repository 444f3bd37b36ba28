"""Expressions that random search found wrong once, each as small as it could be made: on every target, for good."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
import oracle
import strategies

TOP = 2**31 - 1
EARLY = tuple(range(40))
FAR = (0, 1, 2, 2**20 + 3, 2**29, 1022050301, TOP - 1, TOP)
FOUND: dict[str, tuple[str, tuple[float, ...]]] = {
    "sequences of one length inside sequences": (
        " >> ".join(
            f"(0.5 * ({' >> '.join(f'{c}.5 * flat(0.5).over(7)' for c in (i, 1, 2, 3, 1))}))" for i in range(5)
        ),
        EARLY,
    ),
    "local steps at the last integer of a target": (
        "silver_steps(2147483645).stretched(0.001)",
        (2147482, 2147483, 2147484, TOP),
    ),
    "samples beyond the integers of a target": (
        "(tanh(0.5, 0.9).over(3, 10.0, 2.5).per_epoch(1000000).sampled(every=101) * hold(10**15)).extended(12, 101)",
        (11, 12, 13, 100, 101),
    ),
    "a part that is over before its cycles begin": (
        "(inverse_time_decay(1e-05) + silver_steps(1)).advanced(2).lasting(9).restarted(t_mult=1.9)",
        EARLY,
    ),
    "epochs that all end with the last step": (
        "linear().over(3).restarted(times=4, t_mult=2).per_epoch(3).extended(30, 31)",
        EARLY,
    ),
    "a line that goes on under a stretch, near zero": (
        "cosine().over(1, start=10.0, end=1.61).after('extrapolate').stretched(1.5).restarted(times=7, t_mult=4.065)",
        EARLY,
    ),
    "a delay after which a phase has no steps": (
        "warmup(7, start=5.9, end=0.75, profile=phases((1.0, linear()), (10.0, knots((0.0, 1.0), (0.25, 0.0)))).delayed(0.75))",
        EARLY,
    ),
    "a product of profiles whose pairs do not add up to 1": (
        "(tanh(lower=3.0, upper=3.907) * one_minus_power(power=1e-05)).over(3, start=1e-05, end=0.25)",
        EARLY,
    ),
    "a delay that rounds to whole cycles of growing length": (
        "linear().delayed(0.9).over(5, start=2.0, end=0.4).restarted(t_mult=2)",
        EARLY,
    ),
    "two tables over the cycles, one of them cut shorter": (
        "(step_decay(101).lasting(4).restarted(t_mult=1.1, gamma=0.9).lasting(20).after('mirror') ** 1e-05).stretched(2.0)",
        EARLY,
    ),
    "many parts between two updates, held at the end of the last": (
        "(" + " >> ".join(f"linear().over({10 + i}, start={2 + i}.0, end={4 + i}.0)" for i in range(6)) + ")"
        ".lasting(1000000).stretched(0.001)",
        (0, 1, 10, 200, 999, 1000, 2000),
    ),
    "a stretch that ends between two steps, read between them": (
        "linear().over(1).stretched(1.5)",
        (1, 1.25, 1.75, 2.5),
    ),
    "a cycle that ends between two steps, read between them": (
        "linear().over(3, 1.0, 2.0).lasting(5).stretched(1.5).restarted(t_mult=1.3)",
        (4.25, 4.6, 6.2),
    ),
    "growing cycles that start before the clock": (
        "linear().over(1, start=0.0, end=0.5).lasting(2).reversed().restarted(t_mult=1.4, gamma=0.001).advanced(1)",
        (0, 1, 2, 5, 10**9),
    ),
    "the turn of a squeezed mirror belongs to the step before it": (
        "piecewise((3,), (1.0, 5.0)).lasting(3).mirrored().stretched(2/3)",
        (1, 2, 3),
    ),
    "the turn of a stretched mirror": ("step_decay(1, 0.5).lasting(4).mirrored().stretched(2.0)", (7, 8, 9)),
    "a squeezed clock that runs back ends before 0": (
        "piecewise((0,), (0.5, 0.0)).lasting(3).reversed().stretched(0.5)",
        (0, 1, 2),
    ),
    "a clock that runs back ends within a step": (
        "linear().over(3, start=0.5, endpoint=True).advanced(2).reversed().stretched(0.6)",
        (0, 1, 2),
    ),
    "a table read back from within a step": (
        "table((0.5, 2.0, 3.0, 4.0)).advanced(2).reversed().stretched(0.6)",
        (1, 2),
    ),
    "growing cycles inside growing cycles": (
        "table((0.5, 0.0, 0.0)).advanced(1).restarted(times=2, t_mult=0.5).restarted(times=2, t_mult=0.2)",
        (2, 3, 4),
    ),
    "the cycle that begins with the last step": ("hold(1).restarted(t_mult=2.0, gamma=0.5)", (2**30, TOP - 1, TOP)),
    "growing cycles beyond the integers of the clock": (
        "hold(1).restarted(t_mult=2.0, gamma=0.5).advanced(2**30)",
        (2**30 - 2, 2**30 - 1, TOP),
    ),
    "growing cycles of a squeezed clock": (
        "linear().over(2).restarted(t_mult=2.0, gamma=0.5).stretched(0.001)",
        (0, 1, 2**24 + 1, 2**29, 2**29 + 1, TOP - 1, TOP),
    ),
    "waves in growing cycles of a squeezed clock": (
        "cosine().over(3).restarted(t_mult=1.7, gamma=0.5).stretched(0.013)",
        (0, 1, 447002176, 1292897679, 1293934751, TOP),
    ),
    "a fast power on an extended clock, at its whole steps": (
        "exponential_decay(4.597).lasting(100).extended(12, 103)",
        (11, 12, 13, 103, 10**6),
    ),
    "a rise far below what it rises to": (
        "one_minus_power(power=5.372).over(10**9, start=0.0, end=10.0, endpoint=True).per_epoch(2)",
        (0, 2, 3, 4, 5, 10, 100, 2 * 10**9),
    ),
    "the end of a product with a factor below 0": (
        (
            "(knots((0.0, 0.12, 0.25, 1.0), (3.0, -0.549, 3.0, -0.549)) * one_minus_power(power=1e-05))"
            ".warped(1.5).over(100, end=10.0)"
        ),
        (0, 1, 50, 99, 100, 101, TOP),
    ),
    "the end of a product of bent shapes": (
        (
            "warmup(9, start=2.579, end=10.0, profile=knots((0.0, 0.25, 0.5, 1.0), (3.417, 0.25, 0.0, 1.0)).bent(-0.613)"
            ".reversed() * 0.1 * one_minus_power(power=10.0), skip_zero=True)"
        ),
        (0, 7, 8, 9, TOP),
    ),
    "a phase without a step in one of two cycles": (
        (
            "warmup(12, start=0.001, end=0.892, profile=phases((1.0, cosine()), (1e-05, exponential(rate=1.366))))"
            ".restarted(times=2, t_mult=0.25, gamma=0.75)"
        ),
        (0, 11, 12, 13, 14, 15, 16),
    ),
    "a shape that hardly falls, normalised": (
        "tanh(lower=4.249).normalised().over(2147483645, start=1e-05, end=0.5)",
        (0, 1, 2, 2147483629, 2147483644, TOP),
    ),
    "a mirror whose turn is beyond the integers of the clock": (
        "linear().over(2147483645).delayed(7).perturbed(0.5, 2).mirrored()",
        (0, 1, 2, 8, TOP - 1, TOP),
    ),
    "pieces that end beyond the integers of the clock": (
        "(linear().over(2147483646) >> table((1e-05, -1.0, 3.084)) >> hold(3)).stretched(1.0)",
        (0, TOP - 2, TOP - 1, TOP),
    ),
    "noise of a squeezed clock, beyond the integers": ("constant(1.0).perturbed(0.5, 7).stretched(0.3)", FAR),
    "noise of a clock squeezed hard": ("constant(1.0).perturbed(0.5, 2**40 + 7).stretched(1e-5)", FAR),
    "noise far ahead of the clock": ("constant(1.0).perturbed(0.5, 7).advanced(5 * 10**9).stretched(0.37)", FAR),
    "noise held beyond the integers": ("hold(3 * 10**9 + 1).perturbed(0.5, 7).stretched(0.37)", FAR),
    "noise that runs back from beyond the integers": (
        "hold(10**12).perturbed(0.5, 7).advanced(7).mirrored().stretched(0.0013)",
        FAR,
    ),
    "noise that a squeezed clock stops": ("hold(10**12).perturbed(0.5, 7).reversed().stretched(0.01)", FAR),
    "a slow power on a stretched clock": (
        "exponential_decay(0.9999).stretched(1.5)",
        (0, 1, 3, 1000, 10**4, 100001, 10**6),
    ),
    "a number near 1 raised to large values": ("1.00001 ** linear().over(1000, 5000, 0)", (0, 1, 10, 999, 1000)),
    "slow powers one after the other": (
        " >> ".join(f"exponential_decay(0.9999{i}).lasting(10**5)" for i in range(7)),
        (0, 1000, 60000, 99999, 100000, 180000, 299999, 650000, 700000),
    ),
    "slow powers one after the other, stretched": (
        f"({' >> '.join(f'exponential_decay(0.9999{i}).stretched(1.7).lasting(10**5)' for i in range(7))}).stretched(1.3)",
        (0, 1000, 60000, 100000, 180000, 299999, 650000, 700000),
    ),
    "epochs that run back from beyond the integers": (
        "warmup(2147483645, start=0.75, end=4.414).per_epoch(11).reversed()",
        FAR,
    ),
    "cycles that run back from beyond the integers": (
        "linear().over(10**9).restarted(times=5, gamma=0.5, t_mult=1.3).reversed()",
        FAR,
    ),
    "a power that runs back from beyond the integers": (
        "exponential_decay(0.999999999).lasting(4 * 10**9).reversed()",
        FAR,
    ),
    "cycles that start beyond the integers": (
        "linear().over(7).lasting(2147483645).restarted(times=7, t_mult=3.0, gamma=0.1)",
        (0, 1, 7, 2147483644, 2147483645, TOP - 1, TOP),
    ),
    "samples beyond the integers of the clock": (
        "one_minus_power(power=0.001).over(1000000000, start=0.196, end=4.574).stretched(3.451).sampled(every=11).reversed()",
        FAR,
    ),
    "samples of noise beyond the integers": ("constant(1.0).perturbed(0.5, 7).sampled(every=11).stretched(0.2)", FAR),
    "a table on a side that no step takes": (
        (
            "((0.5 + linear().over(9)).stretched(2.0).then((0.1 + linear().over(9)).stretched(3.0)).reversed()"
            " * chebyshev_steps(5, 2.0, 10.75, fractal=False).mirrored().after(0.125)).lasting(20).extended(0, 1)"
        ),
        (0, 1, 2, TOP),
    ),
    "a table of a clock far ahead": (
        "(piecewise((), (1.378,)) / chebyshev_steps(5, 0.75, 1.0, fractal=False).mirrored()).advanced(2147483645)",
        (0, 1, 2, TOP),
    ),
    "cycles cut in a squeezed piece": (
        "(linear().over(10).restarted(gamma=0.5).lasting(1) >> hold(1)).restarted(times=7, t_mult=0.25)",
        (0, 1, 7, 8, 9, TOP),
    ),
    "a place a little after the start of a stretched cycle": (
        "(hold(207) >> one_minus_power().over(11, end=0.1).restarted(times=3)).stretched(0.3333333333333333)",
        (68, 69, 70, 72, 73, 76, 77, 78, 79, 80),
    ),
    "a place a little before the end of a stretched cycle": (
        "(rex().over(10, start=2.0, end=0.01).restarted(times=5) >> polynomial().over(5).restarted(times=3)).stretched(1.3)",
        (12, 13, 14, 26, 64, 65, 71, 72, 78),
    ),
    "joints inside stretched cycles": (
        "(linear().over(10, start=0.0, end=0.3) >> linear().over(10, start=0.3)).restarted().stretched(0.3333333333333333)",
        (3, 4, 13, 93, 173, 10**6, TOP - 1),
    ),
    "joints inside cycles shorter than a step": (
        "(linear().over(7, 0.01, 0.0005) >> linear().over(7, 0.0005, 0.01)).restarted(gamma=0.999).stretched(0.001).lasting(20)",
        EARLY,
    ),
    "samples of a rise that begins a step ahead, in stretched cycles": (
        "warmup(10, profile=linear().sampled(at=(0.25, 0.5)), skip_zero=True).restarted().stretched(5.865)",
        EARLY,
    ),
    "the last sample of an extension, between two steps after it": (
        "linear().sampled(times=3).over(95, end=0.01).extended(6, 11)",
        (5, 6, 10, 11, 11.25, 12, 40.5),
    ),
    "a delay inside extended cycles": (
        "cosine().delayed(0.3).over(40).restarted(times=2, t_mult=1.5).extended(30, 172)",
        (29, 30, 42, 43, 44, 45, 46, 58, 59, 60, 171, 172),
    ),
    "knots inside stretched cycles": (
        "knots((0.0, 0.3, 0.7, 1.0), (1.0, 0.6, 0.5, 0.0)).over(40, 2.0).restarted(times=3, t_mult=2.0, gamma=0.5).stretched(1.3)",
        (0, 15, 16, 51, 52, 153, 154, 155, 156, 363, 364),
    ),
    "samples on the way back in stretched cycles": (
        "linear().sampled(times=5).over(11, 0.3, 0.1).mirrored().restarted().lasting(500).stretched(0.3333333333333333)",
        (*EARLY, 55, 77, 99, 165, 166, 167),
    ),
    "the end of a cycle that a stretch cuts": ("linear().over(10).restarted().lasting(15).stretched(1.57)", EARLY),
    "the end of a cycle that a squeeze cuts": ("linear().over(10).restarted().lasting(15).stretched(0.57)", EARLY),
    "there and back again, stretched": ("linear().over(10).after('mirror').lasting(15).stretched(1.57)", EARLY),
    "there and back again, squeezed and stretched": (
        "(linear().over(10).after('mirror').lasting(15) >> hold(10)).stretched(0.57).stretched(3.7)",
        EARLY,
    ),
    "a mirror of one step": (
        "linear().over(1, 0.1, -3.0).restarted(t_mult=1.25, gamma=0.5).lasting(1).mirrored()",
        EARLY,
    ),
    "short repeats of a stretched clock": (
        "inverse_sqrt(1e-05).lasting(4).after('repeat').stretched(1.91)",
        (7, 8, 191, 9000, 9001, 9002, 10**9 + 7),
    ),
    "a sample at the end belongs to the step before it": (
        "geometric(2, 0.2, 0.5).extended(1, 101).sampled(every=101)",
        (0, 100, 101, 102),
    ),
    "a mirror longer than the clock": ("linear().over(2147483646).mirrored()", (0, TOP - 2, TOP - 1, TOP)),
    "the last entry of a stretched table": (
        "table((0.5, 3.193, 2.91), interpolate=True).extended(0, 2147483646).extended(10, 1000000)",
        (10, 688542, 10**6),
    ),
    "epochs at the end of an extension": (
        "silver_steps(3).per_epoch(2).after('repeat').extended(1, 2)",
        (0, 1, 2, 3),
    ),
    "cycles of a stretched restart, far out": (
        "linear().over(10).restarted().stretched(1.7)",
        (16, 17, 18, 10**9 + 7, 2**31 - 2),
    ),
    "cycles that begin between two steps": ("linear().over(5).restarted().stretched(0.5)", (2, 3, 5, 7, 8, 10**9 + 3)),
    "drops of a stretched decay, far out": ("step_decay(1000, 0.999999).stretched(1.7)", (10**6, 10**9, 2**31 - 2)),
    "places inside two stretches": (
        "staircase((0.3, 0.7), (1.0, 2.0, 3.0)).over(10).stretched(1.3).restarted(times=900).stretched(1.7)",
        (6, 7, 15, 16, 10**4 + 7),
    ),
    "sample times inside two stretches": (
        "linear().sampled(times=7).over(10).stretched(1.1).restarted(t_mult=1.5).stretched(0.7)",
        (1, 5, 10, 999, 10**6),
    ),
    "silver steps and a short ramp in growing stretched cycles": (
        "minimum(silver_steps(3), linear().over(2, 0.0, 0.5, endpoint=True)).restarted(t_mult=1.9).stretched(2.0)",
        (3, 4, 17),
    ),
    "noise beyond the integers of the clock": ("constant(0.5).perturbed(0.5, 0).advanced(3)", (0, TOP - 1, TOP)),
    "repeats beyond the integers of the clock": (
        "inverse_time_decay(0.5).lasting(3).after('repeat').advanced(3)",
        (0, TOP - 2, TOP - 1, TOP),
    ),
    "a section that begins after its clock has stopped": (
        "cosine().delayed(0.3).over(100, 2.0, 0.01).lasting(10).stretched(1.1)",
        (0, 5, 9, 11, 200),
    ),
    "a power ahead of the clock": ("exponential_decay(0.996).advanced(100)", (0, 99, 10**4)),
    "a slow power beyond the integers of the clock": ("exponential_decay(0.99999999).advanced(10**9)", (0, 10**9, TOP)),
    "drops beyond the integers of the clock": ("step_decay(10**9, 0.5).advanced(10**9)", (0, 10**9, TOP)),
    "cycles beyond the integers of the clock": (
        "linear().over(3 * 2**29).restarted(gamma=0.5).advanced(2**30)",
        (0, 2**29, TOP - 1, TOP),
    ),
    "a rise that starts near the last step": (
        "warmup(4, profile=knots((0.0, 0.2, 1.0), (0.0, 0.5, 0.0)), skip_zero=True).delayed(2147483645)",
        (TOP - 3, TOP - 2, TOP - 1),
    ),
    "a clock that runs back from beyond the integers": (
        "warmup(9, 1.5, -1.5, exponential(), skip_zero=True).reversed().lasting(9).extended(5, 2147483646).stretched(1.5)",
        (7, 8, 9, 19, 10**6, TOP - 1),
    ),
}


def cases() -> Iterable[tuple[Any, list[float]]]:
    """Every expression that was found wrong, and where to look at it."""
    return [(lrs.parse(text), list(steps)) for text, steps in FOUND.values()]


@pytest.mark.parametrize("name", FOUND)
def test_found_by_search_on_the_host(name: str) -> None:
    text, steps = FOUND[name]
    schedule = lrs.parse(text)
    data = schedule.to_dict()
    for t in steps:
        whole = t == int(t)
        found = {"python": schedule(t), "numpy": float(schedule(np.array([t]))[0])}
        if whole and t < TOP:
            found["sample"] = float(schedule.sample(int(t), int(t) + 2)[0])
        for target, value in found.items():
            own = None if whole else Fraction(math.floor(t))
            complaint = oracle.complaint(data, t, value) and oracle.complaint(data, t, value, own=own)
            assert not complaint, f"{target}: {complaint}\n{text}"


def test_found_by_search_in_jax() -> None:
    jax = pytest.importorskip("jax")
    x64 = bool(jax.config.jax_enable_x64)
    kind, step = (oracle.FLOAT64, np.int64) if x64 else (oracle.FLOAT32, np.int32)
    rows, functions = [], []
    for s, steps in cases():
        try:
            functions.append(lrs.compile(s, "jax"))
        except lrs.ScheduleError:  # noise on a clock that is ahead of integers of 32 bits
            assert "perturbed" in repr(s) and not x64, repr(s)
        else:
            rows.append((s, np.array([t for t in steps if t == int(t)], dtype=step)))
    values = jax.jit(lambda steps: [f(t) for f, t in zip(functions, steps, strict=True)])([t for _, t in rows])
    for (schedule, steps), found in zip(rows, values, strict=True):
        for t, value in zip(steps.tolist(), np.asarray(found, dtype=np.float64).tolist(), strict=True):
            complaint = oracle.complaint(schedule.to_dict(), t, value, kind)
            assert not complaint, f"{complaint}\n{schedule!r}"


def test_found_by_search_in_jax_with_float64() -> None:
    pytest.importorskip("jax")
    here = Path(__file__)
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", str(here)]
    environment = os.environ | {"JAX_ENABLE_X64": "1"}
    chosen = [*command, "-k", "test_found_by_search_in_jax and not float64"]
    result = subprocess.run(
        chosen, env=environment, capture_output=True, text=True, cwd=here.parent.parent, check=False
    )
    assert result.returncode == 0 and "1 passed" in result.stdout, result.stdout[-3000:] + result.stderr[-1000:]


def test_strategies_reach_what_was_found() -> None:
    """The search that found these draws nested changes of the clock: a check of the search itself."""
    names = {"restarted", "stretched", "mirrored", "reversed", "extended", "advanced", "per_epoch", "after"}
    drawn = "".join(repr(strategies.seeded(seed, depth=6)) for seed in range(60))
    assert all(f".{name}(" in drawn for name in names)
