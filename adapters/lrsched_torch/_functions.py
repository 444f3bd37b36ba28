"""The functions inside a ``LambdaLR``: Transformers' own are known by their names and arguments."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import lrsched as lrs
from lrsched.presets import transformers as presets

__all__ = ["read_function"]

Maker = Callable[..., lrs.Schedule]


def _cosine(base: float, **numbers: Any) -> lrs.Schedule:
    """Two schedulers have functions of one name; the one with a floor says so."""
    if "min_lr_rate" in numbers:
        return presets.get_cosine_with_min_lr_schedule_with_warmup(base, **numbers)
    return presets.get_cosine_schedule_with_warmup(base, **numbers)


def _polynomial(base: float, lr_init: float, **numbers: Any) -> lrs.Schedule:
    """The end is a rate, meant for groups that begin with ``lr_init``."""
    made = presets.get_polynomial_decay_schedule_with_warmup(lr_init, **numbers)
    return made if base == lr_init else base / lr_init * made


MAKERS: dict[str, Maker] = {
    "_get_constant_lambda": presets.get_constant_schedule,
    "_get_constant_schedule_with_warmup_lr_lambda": presets.get_constant_schedule_with_warmup,
    "_get_linear_schedule_with_warmup_lr_lambda": presets.get_linear_schedule_with_warmup,
    "_get_cosine_schedule_with_warmup_lr_lambda": _cosine,
    "_get_cosine_with_hard_restarts_schedule_with_warmup_lr_lambda": (
        presets.get_cosine_with_hard_restarts_schedule_with_warmup
    ),
    "_get_cosine_with_min_lr_schedule_with_warmup_lr_rate_lambda": (
        presets.get_cosine_with_min_lr_schedule_with_warmup_lr_rate
    ),
    "_get_polynomial_decay_schedule_with_warmup_lr_lambda": _polynomial,
    "_get_inverse_sqrt_schedule_lr_lambda": presets.get_inverse_sqrt_schedule,
    "_get_wsd_scheduler_lambda": presets.get_wsd_schedule,
}


def read_function(function: Any, base: float) -> lrs.Schedule | None:
    """The rates ``base * function(t)`` as a schedule; None if the function does not say what they are.

    A schedule says so itself, and so does a function of Transformers' ``get_*_schedule*``, by its name and the
    arguments that a ``functools.partial`` holds. Its values are compared, as other versions may mean something else.
    """
    if isinstance(function, lrs.Schedule):
        return base * function
    inner = function.func if isinstance(function, functools.partial) else function
    maker = MAKERS.get(getattr(inner, "__name__", ""))
    if maker is None or getattr(inner, "__module__", None) != "transformers.optimization":
        return None
    numbers = getattr(function, "keywords", {})
    longest = max((n for n in numbers.values() if isinstance(n, int)), default=1_000)
    try:
        made = maker(base, **numbers)
        return made if _agree(made, function, base, 2 * longest + 100) else None
    except (TypeError, ValueError, ArithmeticError):  # arguments of another version
        return None


def _agree(made: lrs.Schedule, function: Callable[[int], float], base: float, stop: int) -> bool:
    """Whether both give the same rates, but at joints, where rounding may shift the function's by a step."""
    joints = {edge + i for edge in made.boundaries(stop) for i in (-1, 0, 1)}
    steps = {*range(50), *(k * stop // 200 for k in range(200))} - joints
    return all(math.isclose(made(t), base * function(t), rel_tol=1e-9, abs_tol=1e-9 * abs(base)) for t in steps)
