"""Writes ``golden/presets/recorded.npz``: what timm 1.0.31 and warmup_scheduler 0.3 compute for random arguments.

``python tests/record_presets.py`` where both are installed. 200 sets of arguments for each scheduler, every step of
the schedule and of two lengths more (fewer where the original raises); the values are those that the original leaves
in the group of an optimizer.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SETS = 200
FILE = Path(__file__).parent / "golden" / "presets" / "recorded.npz"


def warmed(rnd: random.Random, **more: Any) -> dict[str, Any]:
    """Arguments with those of a warm-up, in half of the cases."""
    if rnd.random() < 0.5:
        return more
    return {**more, "warmup_t": rnd.randint(1, 6), "warmup_lr_init": rnd.choice([0.0, rnd.uniform(0, 0.5)])}


def cycles(rnd: random.Random, **more: Any) -> dict[str, Any]:
    """The arguments that timm's three schedulers in cycles share."""
    mul = rnd.choice([1.0, 1.0, 2.0, 3.0, 1.5, 0.5, rnd.uniform(0.6, 2.5)])
    return warmed(
        rnd,
        t_initial=rnd.randint(1, 12),
        lr_min=rnd.choice([0.0, rnd.uniform(0, 0.1)]),
        cycle_mul=mul,
        cycle_decay=rnd.choice([1.0, 0.5, rnd.uniform(0.3, 1.2)]),
        cycle_limit=rnd.randint(0, 4 if mul < 1.8 else 3),
        warmup_prefix=rnd.random() < 0.5,
        **more,
    )


def wsd(rnd: random.Random) -> dict[str, Any]:
    total = rnd.randint(1, 20)
    chosen = {
        "decay_fn": rnd.choice(["linear", "1-sqrt", "cosine", "power", "exp"]),
        "decay_power": rnd.uniform(0.2, 3.0),
        "decay_ratio": rnd.uniform(0.01, 0.9),
        "stable_fn": rnd.choice(["constant", "rsqrt", "power"]),
        "stable_power": rnd.uniform(0.2, 2.0),
    }
    made = warmed(rnd, t_initial=total, decay_t=rnd.randint(1, total), lr_min=rnd.choice([0.0, 0.05]), **chosen)
    return made if "warmup_t" in made and rnd.random() < 0.5 else {**made, "stable_timescale": rnd.uniform(1, 9)}


DRAWN: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "CosineLRScheduler": lambda rnd: cycles(rnd, k_decay=rnd.choice([1.0, rnd.uniform(0.5, 2.5)])),
    "PolyLRScheduler": lambda rnd: cycles(rnd, power=rnd.uniform(0.3, 3.0), k_decay=rnd.choice([1.0, 1.7])),
    "TanhLRScheduler": lambda rnd: cycles(rnd, lb=rnd.uniform(-8, -1), ub=rnd.uniform(0, 4)),
    "StepLRScheduler": lambda rnd: warmed(
        rnd,
        decay_t=rnd.choice([rnd.randint(1, 9), rnd.uniform(0.5, 9)]),
        decay_rate=rnd.uniform(0.1, 1.1),
        warmup_prefix=rnd.random() < 0.5,
    ),
    "MultiStepLRScheduler": lambda rnd: warmed(
        rnd,
        decay_t=sorted(rnd.randint(0, 20) for _ in range(rnd.randint(1, 4))),
        decay_rate=rnd.uniform(0.1, 1.1),
        warmup_prefix=rnd.random() < 0.5,
    ),
    "WSDLRScheduler": wsd,
}


def length(given: dict[str, Any]) -> int:
    """Updates until nothing changes any more, or, of a schedule without an end, after which much has changed."""
    if "t_initial" in given:
        total = sum(given["t_initial"] * given.get("cycle_mul", 1) ** i for i in range(given.get("cycle_limit", 1)))
    else:
        total = max(given["decay_t"]) if isinstance(given["decay_t"], list) else 2 * given["decay_t"]
    return math.ceil(total) + given.get("warmup_t", 0)


def timm_values(name: str, base: float, given: dict[str, Any], steps: int) -> list[float]:
    import timm.scheduler
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=base)
    scheduler = getattr(timm.scheduler, name)(optimizer, **given)
    values = []
    for t in range(steps):
        try:
            scheduler.step(t)
        except ValueError:  # cycles that shrink have all ended: timm takes the logarithm of a negative number
            break
        values.append(float(optimizer.param_groups[0]["lr"]))
    return values


def after(rnd: random.Random, top: float) -> tuple[str | None, Callable[[Any], Any] | None]:
    """A scheduler to follow a warm-up: as text of this library, and made by PyTorch for an optimizer."""
    from torch.optim import lr_scheduler as theirs

    every, gamma, rate = rnd.randint(1, 6), rnd.uniform(0.2, 1.0), rnd.uniform(0.1, 2.0)
    return rnd.choice(
        [
            (None, None),
            (f"{top!r} * step_decay({every}, {gamma!r})", lambda o: theirs.StepLR(o, every, gamma)),
            (
                f"{top!r} * cosine().over({every}).restarted(t_mult=2)",
                lambda o: theirs.CosineAnnealingWarmRestarts(o, every, 2),
            ),
            (
                f"{top!r} * inverse_time_decay({rate!r})",
                lambda o: theirs.LambdaLR(o, lambda t: 1 / (1 + rate * t)),
            ),
        ]
    )


def gradual(rnd: random.Random) -> tuple[list[Any], list[float]]:
    import torch
    from warmup_scheduler import GradualWarmupScheduler

    base, times, steps = rnd.uniform(1e-3, 5), rnd.choice([1.0, rnd.uniform(1, 9)]), rnd.randint(1, 15)
    text, make = after(rnd, base * times)
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=base)
    optimizer._opt_called = True  # type: ignore[attr-defined]
    scheduler = GradualWarmupScheduler(optimizer, times, steps, make and make(optimizer))
    optimizer.param_groups[0]["lr"] = 0.0 if times == 1.0 else base
    values = []
    for _ in range(3 * steps + 4):
        values.append(float(optimizer.param_groups[0]["lr"]))
        scheduler.step()
    return [base, times, steps, *([text] if text else [])], values


def record() -> tuple[list[Any], list[list[float]]]:
    """The sets of arguments as (module, name, positional, named), and the values of each."""
    sets, values = [], []
    for name, draw in DRAWN.items():
        rnd = random.Random(name)
        for _ in range(SETS):
            base, given = rnd.uniform(1e-3, 5), draw(rnd)
            sets.append(["timm", name, [base], given])
            values.append(timm_values(name, base, given, 3 * length(given) + 2))
    rnd = random.Random("GradualWarmupScheduler")
    for _ in range(SETS):
        positional, found = gradual(rnd)
        sets.append(["warmup_scheduler", "GradualWarmupScheduler", positional, {}])
        values.append(found)
    return sets, values


def read() -> list[tuple[str, str, list[Any], dict[str, Any], np.ndarray]]:
    """What was recorded: module, name, positional and named arguments, values."""
    with np.load(FILE) as stored:
        sets = json.loads(stored["sets"].tobytes())
        values = np.split(stored["values"], np.cumsum(stored["steps"])[:-1])
    return [(*drawn, found) for drawn, found in zip(sets, values, strict=True)]


if __name__ == "__main__":
    sets, values = record()
    text = np.frombuffer(json.dumps(sets).encode(), dtype=np.uint8)
    np.savez_compressed(FILE, sets=text, values=np.concatenate(values), steps=[len(row) for row in values])
