"""One call of every recipe with arguments of a usual size: what the catalogue draws and the tests run."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from lrsched import recipes
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.profiles.shapes import Cosine, Linear, Rex
from lrsched.schedules.spans import Hold, Warmup

__all__ = ["EXAMPLES", "Example", "examples"]


@dataclasses.dataclass(frozen=True)
class Example:
    """A call of the recipe ``name``, and how long to run what it gives; by default for its own length."""

    name: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    run: int | None = None

    def __str__(self) -> str:
        options = (f"{name}={value!r}" for name, value in self.options.items())
        return f"recipes.{self.name}({', '.join([*map(repr, self.arguments), *options])})"

    def made(self) -> Any:
        """What the recipe gives: a schedule, but for the few that give a profile, two schedules or a vector."""
        return getattr(recipes, self.name)(*self.arguments, **self.options)

    def schedules(self) -> dict[str, Schedule]:
        """The schedules of the example by name; a profile is laid over 1000 updates, a vector gives none."""
        made = self.made()
        if isinstance(made, Profile):
            return {"": made.over(1_000)}
        if isinstance(made, Schedule):
            return {"": made}
        return dict(made._asdict()) if isinstance(made, recipes.companions.Seesaw) else {}

    def expressions(self) -> list[str]:
        """What the recipe gives as text: one expression, two with their names, or the numbers of a vector."""
        made = self.made()
        if isinstance(made, Schedule | Profile):
            return [repr(made)]
        if isinstance(made, np.ndarray):
            return [", ".join(f"{x:.4f}" for x in made)]
        return [f"{name} = {part!r}" for name, part in made._asdict().items()]

    def steps(self, schedule: Schedule) -> int:
        """Length of the example's run, in updates."""
        if self.run is not None:
            return self.run
        assert schedule.duration < math.inf, f"say how long to run {self}"
        return int(schedule.duration)


class _Call:
    """Notes the arguments of one call; ``run`` is the length of the run where the recipe does not say it."""

    def __init__(self, *arguments: Any, run: int | None = None, **options: Any) -> None:
        self.arguments, self.options, self.run = arguments, options, run


_WARMUPS = {
    "batch_warmup": _Call(0.1, steps=500, ratio=8, run=1_000),
    "cosine_warmup": _Call(0.1, steps=500, run=1_000),
    "geometric_warmup": _Call(0.1, steps=500, run=1_000),
    "inverse_sqrt_floor": _Call(0.1, warmup=100, floor=0.2, run=1_000),
    "inverse_sqrt_hold": _Call(0.1, timescale=200, warmup=50, run=1_000),
    "inverse_sqrt_lr": _Call(0.1, warmup=100, run=1_000),
    "inverse_sqrt_raw": _Call(warmup=200, run=1_000),
    "inverse_sqrt_shifted": _Call(0.1, warmup=100, timescale=300, run=1_000),
    "inverse_sqrt_since": _Call(0.1, warmup=100, run=1_000),
    "linear_warmup": _Call(0.1, steps=500, run=1_000),
    "logarithmic_warmup": _Call(0.1, steps=500, run=1_000),
    "noam": _Call(512, warmup=200, run=1_000),
    "noam_hold": _Call(0.1, warmup=100, hold=300, run=1_000),
    "polynomial_warmup": _Call(0.1, steps=500, run=1_000),
    "power_law": _Call(0.1, warmup=100, power=0.8, run=1_000),
    "radam_rectification": _Call(0.99, run=1_000),
    "root_warmup": _Call(0.1, steps=500, run=1_000),
    "saturating_warmup": _Call(0.1, timescale=200, run=1_000),
    "trapezoid": _Call(0.1, steps=1_000, warmup=100, decay=200),
    "untuned_exponential": _Call(0.1, beta2=0.99, run=1_000),
    "untuned_linear": _Call(0.1, beta2=0.99, run=1_000),
    "warmup_constant": _Call(0.1, warmup=200, run=1_000),
    "warmup_cosine": _Call(0.1, steps=1_000, warmup=100, end=0.1),
    "warmup_linear": _Call(0.1, steps=1_000, warmup=100),
    "warmup_polynomial": _Call(0.1, steps=1_000, warmup=100),
    "warmup_stable_decay": _Call(0.1, steps=1_000, warmup=100, decay=200),
}

_DECAYS = {
    "bent_cosine": _Call(0.1, steps=1_000),
    "budgeted_linear": _Call(0.1, steps=1_000, budget=0.25),
    "compounding": _Call(0.001, 0.1, factor=1.01, run=1_000),
    "constant_factor": _Call(0.1, steps=300, run=1_000),
    "cosine_decay": _Call(0.1, steps=1_000),
    "cosine_linear": _Call(0.1, steps=1_000),
    "cosine_power": _Call(0.1, steps=1_000, power=2.0),
    "decaying_exponential": _Call(0.1, steps=1_000),
    "exp_hyperbolic_decay": _Call(0.1, steps=1_000, bound=1_200, end=0.01),
    "exponential_every": _Call(0.1, timescale=300, factor=0.5, run=1_000),
    "exponential_lr": _Call(0.1, gamma=0.996, run=1_000),
    "flat_cosine": _Call(0.1, steps=1_000),
    "flat_linear": _Call(0.1, steps=1_000),
    "geometric_decay": _Call(0.1, steps=1_000, end=0.01),
    "half_life": _Call(0.1, updates=200, run=1_000),
    "hyperbolic_decay": _Call(0.1, steps=1_000, bound=1_200),
    "inverse_time_lr": _Call(0.1, rate=0.01, run=1_000),
    "inverse_time_stairs": _Call(0.1, every=100, rate=0.5, run=1_000),
    "inverse_time_to": _Call(0.1, steps=1_000, end=0.1),
    "k_decay": _Call(0.1, steps=1_000),
    "knot_profile": _Call(0.1, 1_000, (0, 0.3, 0.8, 1), (1, 0.9, 0.2, 0)),
    "linear_decay": _Call(0.1, steps=1_000),
    "linear_ramp": _Call(0.02, 0.1, steps=500, begin=200, run=1_000),
    "multi_step_lr": _Call(0.1, [500, 750], run=1_000),
    "natural_exponential": _Call(0.1, rate=0.004, run=1_000),
    "one_minus_square_power": _Call(0.1, steps=1_000),
    "piecewise_constant": _Call([300, 600], [0.1, 0.05, 0.01], run=1_000),
    "piecewise_cosine": _Call([(0, 0.01), (200, 0.1), (600, 0.04), (1_000, 0.0)]),
    "piecewise_linear": _Call([(0, 0.01), (200, 0.1), (600, 0.04), (1_000, 0.0)]),
    "polynomial_decay": _Call(0.1, steps=1_000),
    "power_ramp": _Call(0.1, 0.0, steps=1_000),
    "quarter_cosine": _Call(0.1, steps=1_000),
    "refined_decay": _Call(0.1, [3, 2.5, 2, 1.8, 1.6, 1.5, 1.4, 1.3, 1.2, 1.2, 1.1, 1.1, 1, 1, 1, 1]),
    "rex_decay": _Call(0.1, steps=1_000),
    "sampled_decay": _Call(0.1, 1_000, Rex(), "10%"),
    "sampling_rate": _Call(Linear(), "25-50-75"),
    "smooth_profile": _Call(0.1, 1_000, (0, 0.3, 0.8, 1), (1, 0.9, 0.2, 0)),
    "step_lr": _Call(0.1, every=200, gamma=0.5, run=1_000),
    "tanh_decay": _Call(0.1, steps=1_000),
}

_CYCLES = {
    "abs_sine": _Call(0.01, 0.1, period=250, run=1_000),
    "cosine_periods": _Call(0.1, [200, 300, 500], [1.0, 0.7, 0.4], [0.1, 0.07, 0.04]),
    "cyclic": _Call(0.01, 0.1, up=50, down=200, run=1_000),
    "exp_range": _Call(0.01, 0.1, half_period=100, gamma=0.998, run=1_000),
    "growth_decay": _Call(0.001, 0.1, 125, Cosine(), Rex(0.9), run=1_000),
    "multi_period_cosine": _Call(0.1, steps=1_000, cycles=2.5, run=1_000),
    "one_cycle": _Call(0.1, steps=1_000),
    "one_cycle_decay": _Call(0.01, 0.1, up=300, down=300, rate=0.01, run=1_000),
    "one_cycle_momentum": _Call(steps=1_000),
    "one_cycle_three_phase": _Call(0.1, steps=1_000),
    "polynomial_cycles": _Call(0.1, steps=250, run=1_000),
    "sawtooth": _Call(0.1, 0.01, period=200, run=1_000),
    "sgdr": _Call(0.1, first=100, run=1_500),
    "sgdr_floor": _Call(0.1, first=100, floor=0.2, gamma=0.7, run=1_500),
    "sgdr_warmup": _Call(0.1, first=250, warmup=50, cycles=4, gamma=0.8),
    "slanted_triangular": _Call(0.1, steps=1_000),
    "snapshot": _Call(0.1, steps=1_000, cycles=5),
    "tri_stage": _Call(0.1, warmup=100, hold=400, decay=500),
    "triangular": _Call(0.01, 0.1, half_period=100, run=1_000),
    "triangular2": _Call(0.01, 0.1, half_period=100, run=1_000),
}

_LLM = {
    "capacity_decay": _Call(0.1, steps=1_000, beta=2.0),
    "decaying_stable": _Call(0.1, steps=1_000, warmup=50, decay=200, timescale=300),
    "deepseek_multi_step": _Call(0.1, steps=1_000, warmup=20),
    "exponential_cooldown": _Call(0.05),
    "half_cosine": _Call(0.1, steps=1_000, warmup=100),
    "infinite_schedule": _Call(0.1, warmup=100, cooldown=300, constant=400, anneal=200),
    "inverse_linear_cooldown": _Call(),
    "lowered_linear_cooldown": _Call(),
    "minicpm": _Call(0.1, steps=1_000, warmup=100, decay=200, half=40),
    "mirror_cosine_cooldown": _Call(),
    "power_lr": _Call(0.1, steps=1_000, warmup=50, decay=200),
    "power_scheduler": _Call(0.02, 10**12, 128, warmup=10**10, decay=10**11),
    "rsqrt_cooldown": _Call(0.1, steps=1_000, warmup=50, cooldown=200, timescale=300),
    "wsd_s": _Call(0.1, [400, 300, 300], warmup=50, decay=60),
}

_RUNS = {
    "apertus_8b": _Call(),
    "apertus_8b_batch": _Call(run=15 * 10**12),
    "deepseek_v2": _Call(),
    "deepseek_v2_batch": _Call(run=10**12),
    "deepseek_v2_lite": _Call(),
    "deepseek_v3": _Call(),
    "deepseek_v3_batch": _Call(run=10**12),
    "glm45": _Call(22 * 10**12, warmup=10**11),
    "glm45_batch": _Call(run=10**12),
    "kimi_k2": _Call(),
    "llama3_405b": _Call(),
    "llama3_anneal": _Call(8e-7),
    "llama3_batch": _Call(run=5 * 10**12),
    "olmo2_32b": _Call(),
    "olmo3_7b": _Call(),
    "olmo3_anneal": _Call(steps=1_000, warmup=200),
    "smollm3": _Call(),
}

_COMPANIONS = {
    "adafactor_beta2": _Call(run=1_000),
    "adamc_weight_decay": _Call(0.1, 0.02 * (Warmup(100) >> Cosine().over(900)), peak=0.02),
    "bias_corrected_decay": _Call(0.99, run=1_000),
    "chebyshev_fractal": _Call(0.1, period=16, condition=20, run=64),
    "ema_warmup": _Call(0.9, steps=8, run=20),
    "grimmer_long_steps": _Call(1.0, run=35),
    "linear_scaling": _Call(Warmup(500, 256.0, 1024.0), base=256, run=1_000),
    "merge_weights": _Call(Cosine(), 10),
    "momentum_warmup": _Call(run=1_000),
    "seesaw": _Call(0.1, 256, steps=1_000),
    "silver": _Call(1.0, levels=6),
    "sqrt_scaling": _Call(Warmup(500, 256.0, 1024.0), base=256, run=1_000),
    "swa": _Call(0.1 * (Hold(100) >> Cosine().over(900, end=0.1)), at=750, average=0.05, anneal=50, run=1_000),
    "weight_decay_ramp": _Call(0.04, 0.4, steps=1_000, profile=Cosine()),
    "weight_decay_to_zero": _Call(0.1, steps=1_000),
}

EXAMPLES = {
    name: Example(name, call.arguments, call.options, call.run)
    for group in (_WARMUPS, _DECAYS, _CYCLES, _LLM, _RUNS, _COMPANIONS)
    for name, call in group.items()
}


def examples() -> dict[str, Example]:
    """The example of every recipe, in the order in which the catalogue shows them."""
    return dict(EXAMPLES)
