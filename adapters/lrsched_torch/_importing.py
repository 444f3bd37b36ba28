"""Reading PyTorch's own schedulers into the algebra."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NoReturn

from torch.optim import lr_scheduler as theirs
from torch.optim.swa_utils import SWALR

import lrsched as lrs
from lrsched.adapting import fail
from lrsched.presets import torch as presets
from lrsched_torch._first_steps import first_steps
from lrsched_torch._functions import read_function
from lrsched_torch._scheduler import Scheduler

__all__ = ["from_scheduler"]

Reader = Callable[[Any, int, float], lrs.Schedule]


def from_scheduler(scheduler: Any, key: str = "lr") -> lrs.Schedule | list[lrs.Schedule]:
    """The schedule that one of PyTorch's schedulers follows: its rate at every step, counted from its first.

    Read from the scheduler's arguments and the initial rates of the groups, so that it is the same at whatever step it
    is imported. To go on with it in mid-run:

        Scheduler(optimizer, lr=from_scheduler(old), last_epoch=old.last_epoch - 1)

    All schedulers of ``torch.optim.lr_scheduler`` that have a formula, and ``SWALR``, whose beginning is the rate at
    which it began to anneal; what Transformers' ``get_*_schedule*`` and ``get_scheduler`` make, a ``LambdaLR`` over a
    function that says by its name and arguments what it is; and wrappers such as Accelerate's, whose ``.scheduler`` is
    one of these. PyTorch multiplies the rate on from step to step, and drifts by some 1e-14 a step; here
    every step is computed afresh. Past the end of ``OneCycleLR``, where PyTorch raises, the last rate is held.

    ``ChainedScheduler`` is the product of its parts where each multiplies what it finds; one that sets the rate itself
    must come last, and is then the whole of it. With a ``CosineAnnealingLR`` (to 0), which starts anew at its foot, the
    product ends there and later steps are errors.

    Args:
        scheduler: the scheduler, at any step.
        key: ``"momentum"`` (or ``"beta1"``) for what ``OneCycleLR`` and ``CyclicLR`` do to that.

    Returns:
        A schedule, or where groups differ a list with one for each.

    Raises:
        ScheduleError: it has no formula: ``ReduceLROnPlateau``, a ``LambdaLR`` over a function instead of a schedule, a
            class of somebody else's (the message then says what :func:`lrsched.identify` makes of the first steps), or
            a combination in which PyTorch's schedulers disturb each other.

    Example:
        >>> import torch, lrsched as lrs
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        >>> rise = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=5)
        >>> fall = torch.optim.lr_scheduler.StepLR(optimizer, 30)
        >>> from_scheduler(fall)
        0.1 * step_decay(30)
        >>> from_scheduler(torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], [5]))
        0.1 * warmup(5, start=0.1) >> 0.1 * step_decay(30)
    """
    while not isinstance(scheduler, theirs.LRScheduler) and hasattr(scheduler, "scheduler"):
        scheduler = scheduler.scheduler  # a wrapper's own
    if not isinstance(scheduler, theirs.LRScheduler):
        fail("from_scheduler", "scheduler", "a scheduler of PyTorch", scheduler, wrong_type=True)
    groups = scheduler.optimizer.param_groups
    if key == "lr":
        found = [_read(scheduler, i, _base(scheduler, i)) for i in range(len(groups))]
    else:
        found = [_momentum(scheduler, i, key) for i in range(len(groups))]
    alike = len(found) > 0 and all(schedule == found[0] for schedule in found)
    return found[0] if alike else found


def _base(scheduler: Any, i: int) -> float:
    group = scheduler.optimizer.param_groups[i]
    return float(group.get("initial_lr", group["lr"]))


def _read(scheduler: Any, i: int, base: float) -> lrs.Schedule:
    reader = READERS.get(type(scheduler))
    if reader is None:
        known = ", ".join(kind.__name__ for kind in READERS)
        _refuse(scheduler, i, "scheduler", f"one with a formula ({known})", type(scheduler).__name__)
    return reader(scheduler, i, base)


def _refuse(s: Any, i: int, argument: str, allowed: str, found: str) -> NoReturn:
    """The error for a scheduler that cannot be read, with what its first steps look like."""
    try:
        fail("from_scheduler", argument, allowed, found, wrong_type=argument != "scheduler")
    except lrs.ScheduleError as error:
        raise type(error)(f"{error}{first_steps(s, i)}") from None


def _schedule_of(s: Any, i: int, function: Any) -> lrs.Schedule:
    """A function that a scheduler holds, if it is data."""
    if not isinstance(function, lrs.Schedule):
        inner = function.func if isinstance(function, functools.partial) else function
        name = getattr(inner, "__qualname__", type(inner).__qualname__)
        allowed = "a schedule, which is a function too (lrsched.register and lrsched.custom make one of any formula)"
        argument = "scale_fn" if isinstance(s, theirs.CyclicLR) else "lr_lambda"
        _refuse(s, i, f"{argument} of {type(s).__name__}", allowed, f"the function {name}")
    return function


def _lambda(s: Any, i: int, base: float) -> lrs.Schedule:
    found = read_function(s.lr_lambdas[i], base)
    return _schedule_of(s, i, s.lr_lambdas[i]) if found is None else found


def _multiplicative(s: Any, i: int, base: float) -> lrs.Schedule:
    return presets.MultiplicativeLR(base, _schedule_of(s, i, s.lr_lambdas[i]))


def _cosine(s: Any, i: int, base: float) -> lrs.Schedule:
    return presets.CosineAnnealingLR(base, s.T_max, s.eta_min)


def _one_cycle_arguments(s: Any, i: int) -> dict[str, Any]:
    group, first = s.optimizer.param_groups[i], s._schedule_phases[0]["end_step"]
    return {
        "max_lr": group["max_lr"],
        "total_steps": s.total_steps,
        "pct_start": (first + 1) / s.total_steps,
        "anneal_strategy": s._anneal_func_type,
        "div_factor": group["max_lr"] / group["initial_lr"],
        "final_div_factor": group["initial_lr"] / group["min_lr"],
        "three_phase": len(s._schedule_phases) == 3,
    }


def _cyclic_arguments(s: Any, i: int) -> dict[str, Any]:
    up = s.step_ratio * s.total_size
    up = float(round(up)) if math.isclose(up, round(up), rel_tol=1e-12) else up
    custom = s._scale_fn_custom
    return {
        "base_lr": float(s.base_lrs[i]),
        "max_lr": s.max_lrs[i],
        "step_size_up": up,
        "step_size_down": s.total_size - up,
        "mode": s.mode,
        "gamma": s.gamma,
        "scale_fn": None if custom is None else _schedule_of(s, i, custom),
        "scale_mode": s.scale_mode,
    }


def _momentum(s: Any, i: int, key: str) -> lrs.Schedule:
    cyclic = type(s) in (theirs.OneCycleLR, theirs.CyclicLR) and s.cycle_momentum
    driven = ("beta1" if s.use_beta1 else "momentum") if cyclic else None
    if key != driven:
        allowed = "'lr'" + (f" or {driven!r}" if driven else f": {type(s).__name__} drives nothing else")
        fail("from_scheduler", "key", allowed, key)
    group = s.optimizer.param_groups[i]
    ends = {"base_momentum": group["base_momentum"], "max_momentum": group["max_momentum"]}
    if type(s) is theirs.OneCycleLR:
        return presets.OneCycleLR_momentum(**_one_cycle_arguments(s, i), **ends)
    return presets.CyclicLR_momentum(**_cyclic_arguments(s, i), **ends)


def _swa(s: Any, i: int, base: float) -> lrs.Schedule:
    """From the rate at which annealing began, which is worked out from the present one."""
    group = s.optimizer.param_groups[i]
    now, end, n = float(group["lr"]), float(group["swa_lr"]), s.anneal_epochs
    done = s.anneal_func(max(0.0, min(1.0, (s._step_count - 1) / n))) if n else 1.0
    begun = (now - done * end) / (1 - done) if done < 1 else base
    return presets.SWALR(begun, end, n, s._anneal_strategy)


def _sequence(s: Any, i: int, base: float) -> lrs.Schedule:
    """Each child anew from the initial rate, but for two kinds that go on from whatever the rate is."""
    parts: list[lrs.Schedule] = []
    for child, (start, stop) in zip(s._schedulers, itertools.pairwise([0, *s._milestones, math.inf]), strict=True):
        if isinstance(child, theirs.SequentialLR | theirs.ChainedScheduler):
            kind = type(child).__name__
            fail("from_scheduler", "schedulers", f"no {kind} in a SequentialLR, which cannot restart one", kind)
        if stop > start:
            at_hand = parts[-1](parts[-1].duration - 1) if parts else None
            part = _child(child, i, base, at_hand)
            parts.append(part if stop - start in (math.inf, part.duration) else part.lasting(int(stop - start)))
    return parts[0].then(*parts[1:]) if len(parts) > 1 else parts[0]


def _child(child: Any, i: int, base: float, at_hand: float | None) -> lrs.Schedule:
    if type(child) is SWALR:
        end = float(child.optimizer.param_groups[i]["swa_lr"])
        return presets.SWALR(base if at_hand is None else at_hand, end, child.anneal_epochs, child._anneal_strategy)
    if type(child) is theirs.MultiplicativeLR and at_hand is not None:
        factors = _schedule_of(child, i, child.lr_lambdas[i])
        return presets.MultiplicativeLR(at_hand * factors(0), factors)
    if type(child) is theirs.ConstantLR and child.total_iters == 0 and at_hand is not None:
        return lrs.constant(base)  # alone it keeps its share for ever
    return _read(child, i, base)


def _chain(s: Any, i: int, base: float) -> lrs.Schedule:
    """The product of schedulers that multiply what they find; the last word of one that does not."""
    children = _flattened(s)
    if type(children[-1]) not in CHAINABLE or len(children) == 1:
        return _read(children[-1], i, base)
    product: lrs.Schedule = lrs.constant(base)
    end = math.inf
    for child in children:
        kind = type(child).__name__
        if type(child) not in CHAINABLE or getattr(child, "eta_min", 0.0) != 0.0:
            reason = f"schedulers that multiply the rate, or at last one that sets it; {kind} sets it"
            fail("from_scheduler", "schedulers of a ChainedScheduler", reason, [type(c).__name__ for c in children])
        if isinstance(child, theirs.CosineAnnealingLR):
            end = min(end, child.T_max)
        product = product * _read(child, i, 1.0)
    return product if end == math.inf else product.lasting(int(end) + 1).after("error")


def _flattened(s: Any) -> list[Any]:
    return [c for child in s._schedulers for c in (_flattened(child) if type(child) is type(s) else [child])]


def _ours(s: Any, i: int, base: float) -> lrs.Schedule:
    if s.history:
        allowed = "one whose schedules were never replaced (its history holds the former ones)"
        fail("from_scheduler", "scheduler", allowed, type(s).__name__)
    if s._has_changed():
        s._refresh()
    schedule = s._schedule_of(s._plan, s._here[i], s._groups[i], "lr")
    if schedule is None:
        return lrs.constant(float(s.optimizer.param_groups[i]["lr"]))
    return base * schedule if s.relative else schedule


READERS: dict[type, Reader] = {
    theirs.LambdaLR: _lambda,
    theirs.MultiplicativeLR: _multiplicative,
    theirs.StepLR: lambda s, i, base: presets.StepLR(base, s.step_size, s.gamma),
    theirs.MultiStepLR: lambda s, i, base: presets.MultiStepLR(base, sorted(s.milestones.elements()), s.gamma),
    theirs.ConstantLR: lambda s, i, base: presets.ConstantLR(base, s.factor, s.total_iters),
    theirs.LinearLR: lambda s, i, base: presets.LinearLR(base, s.start_factor, s.end_factor, s.total_iters),
    theirs.ExponentialLR: lambda s, i, base: presets.ExponentialLR(base, s.gamma),
    theirs.PolynomialLR: lambda s, i, base: presets.PolynomialLR(base, s.total_iters, s.power),
    theirs.CosineAnnealingLR: _cosine,
    theirs.CosineAnnealingWarmRestarts: lambda s, i, base: presets.CosineAnnealingWarmRestarts(
        base, s.T_0, s.T_mult, s.eta_min
    ),
    theirs.OneCycleLR: lambda s, i, base: presets.OneCycleLR(**_one_cycle_arguments(s, i)),
    theirs.CyclicLR: lambda s, i, base: presets.CyclicLR(**_cyclic_arguments(s, i)),
    theirs.SequentialLR: _sequence,
    theirs.ChainedScheduler: _chain,
    SWALR: _swa,
    Scheduler: _ours,
}
CHAINABLE = (
    theirs.StepLR,
    theirs.MultiStepLR,
    theirs.ConstantLR,
    theirs.LinearLR,
    theirs.ExponentialLR,
    theirs.PolynomialLR,
    theirs.MultiplicativeLR,
    theirs.CosineAnnealingLR,
)
