"""One schedule for each layer: rates that fall towards the input, rates by group, gradual unfreezing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, overload

from lrsched.algebra import fields
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import check_choice, check_count, fail
from lrsched.foundation.numbers import is_jax
from lrsched.schedules.spans import Constant, Hold

__all__ = ["discriminative", "layerwise", "unfreezing"]

LEVEL = fields.real(allowed="a schedule or a finite number")
DECAY = fields.real(low=0.0, open_low=True, allowed="a number > 0")
FACTOR = fields.real(low=0.0)


def layerwise(schedule: Schedule, depth: int, decay: Any) -> tuple[Schedule, ...]:
    """Layer-wise rate decay: the last layer follows the schedule, each layer below it a share of that.

    Formula: s_i(t) = decay**(depth - 1 - i) * s(t) for layer i = 0 (nearest the input) to depth - 1

    ELECTRA and BEiT count the embedding as layer 0 and the head as the last: depth = blocks + 2. ULMFiT's
    discriminative fine-tuning is decay = 1/2.6. fastai's ``slice(low, high)`` is
    decay = (low / high)**(1 / (depth - 1)) on a schedule that peaks at ``high``.

    Args:
        schedule: what the last layer follows; a number is a constant one.
        depth: number of layers, an integer >= 1.
        decay: factor from one layer to the next below, > 0; usually 0.65 to 0.95.

    Returns:
        ``depth`` schedules, the one nearest the input first. They have one structure, so that a batch of them
        (``lrsched_optax.stack``) is one schedule with a number for each layer.

    Raises:
        ScheduleError: an argument outside its range.

    Source: Howard and Ruder, "Universal Language Model Fine-tuning" (2018); Clark et al., "ELECTRA" (2020).

    Example:
        >>> import lrsched as lrs
        >>> [s(0) for s in layerwise(lrs.linear().over(10), 3, 0.5)]
        [0.25, 0.5, 1.0]
        >>> layers = lrs.grouping.layer_patterns("embed*", "blocks.{0..11}.*", "head*")
        >>> rates = dict(zip(layers, layerwise(3e-4 * lrs.warmup(100), len(layers), 0.75), strict=True))
        >>> f"{rates['blocks.11.*'](100):.3g}"
        '0.000225'
    """
    base, count = _schedule("layerwise", schedule), check_count("layerwise", "depth", depth, 1)
    decay = DECAY.check("layerwise", "decay", decay)
    return tuple(decay ** (count - 1 - i) * base for i in range(count))


@overload
def discriminative(schedule: Schedule, factors: Mapping[Any, Any]) -> dict[Any, Schedule]: ...
@overload
def discriminative(schedule: Schedule, factors: Sequence[Any]) -> tuple[Schedule, ...]: ...
def discriminative(schedule: Schedule, factors: Any) -> Any:
    """Discriminative rates: one schedule times a factor for each group.

    Formula: s_g(t) = factor_g * s(t)

    Args:
        schedule: what the groups have in common; a number is a constant one.
        factors: factor of each group, >= 0: a dictionary by label or pattern, or a sequence. 0 freezes a group.

    Returns:
        A dictionary of schedules by the same keys, or a tuple of schedules.

    Raises:
        ScheduleError: factors that are neither, or one that is no number >= 0.

    Source: Howard and Ruder, "Universal Language Model Fine-tuning" (2018).

    Example:
        >>> import lrsched as lrs
        >>> rates = discriminative(0.1 * lrs.cosine().over(100), {"encoder*": 0.1, "*": 1.0})
        >>> rates["encoder*"](0) == 0.1 * rates["*"](0)
        True
    """
    base = _schedule("discriminative", schedule)
    if isinstance(factors, Mapping):
        return {key: _factor(key, factor) * base for key, factor in factors.items()}
    if isinstance(factors, str) or not isinstance(factors, Sequence):
        fail("discriminative", "factors", "a dictionary or a sequence of numbers", factors, wrong_type=True)
    return tuple(_factor(i, factor) * base for i, factor in enumerate(factors))


def unfreezing(schedules: Sequence[Schedule], starts: int | Sequence[int], clock: str = "own") -> tuple[Schedule, ...]:
    """Gradual unfreezing: the schedule of a layer starts at a step of its own; before, its rate is 0.

    Formula: u_i(t) = 0 for t < k_i; from there on s_i(t - k_i) (``clock="own"``: the layer runs its schedule from the
    beginning, warm-up included) or s_i(t) (``clock="common"``: it joins where the other layers are).

    For one schedule: ``hold(k, 0.0) >> s``, or ``hold(k, 0.0) >> s.advanced(k)``.

    Args:
        schedules: one for each layer, the one nearest the input first, as :func:`layerwise` gives them.
        starts: the step at which each layer starts, in the same order; or one number k, for the last layer at 0, the
            one below it at k, the next at 2k and so on.
        clock: "own" or "common".

    Returns:
        As many schedules. A rate of 0 freezes parameters under SGD and Adam, decoupled weight decay included where
        the rate multiplies it; what an optimizer remembers of the gradients grows meanwhile.

    Raises:
        ScheduleError: an argument of another kind or length, or "common" and a schedule that is over when it starts.

    Source: Howard and Ruder, "Universal Language Model Fine-tuning" (2018), who unfreeze one layer each epoch.

    Example:
        >>> import lrsched as lrs
        >>> layers = [lrs.linear().over(4)] * 2
        >>> [[s(t) for t in (0, 1, 2, 3, 4, 5)] for s in unfreezing(layers, 2)]
        [[0.0, 0.0, 1.0, 0.75, 0.5, 0.25], [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]]
        >>> [s(3) for s in unfreezing(layers, 2, clock="common")]
        [0.25, 0.25]
    """
    name = "unfreezing"
    if isinstance(schedules, Schedule) or not isinstance(schedules, Sequence):
        fail(name, "schedules", "a sequence of schedules, one for each layer", schedules, wrong_type=True)
    layers = [_schedule(name, schedule, f"schedules[{i}]") for i, schedule in enumerate(schedules)]
    check_choice(name, "clock", clock, ("own", "common"))
    if isinstance(starts, Sequence) and not isinstance(starts, str):
        at = [check_count(name, f"starts[{i}]", start) for i, start in enumerate(starts)]
        if len(at) != len(layers):
            fail(name, "starts", f"as many as schedules ({len(layers)})", len(at))
    else:
        every = check_count(name, "starts", starts)
        at = [every * (len(layers) - 1 - i) for i in range(len(layers))]
    if clock == "own":
        return tuple(Hold(k, 0.0) >> layer for k, layer in zip(at, layers, strict=True))
    return tuple(Hold(k, 0.0) >> _joined(i, k, layer) for i, (k, layer) in enumerate(zip(at, layers, strict=True)))


def _joined(i: int, start: int, layer: Schedule) -> Schedule:
    if not is_jax(layer.duration) and layer.duration != math.inf and start >= layer.duration and start:
        fail("unfreezing", f"starts[{i}]", f"before the end of its schedule ({layer.duration})", start)
    return layer.advanced(start)


def _schedule(where: str, value: Any, argument: str = "schedule") -> Schedule:
    return value if isinstance(value, Schedule) else Constant(LEVEL.check(where, argument, value))


def _factor(key: Any, factor: Any) -> Any:
    return FACTOR.check("discriminative", f"factors[{key!r}]", factor)
