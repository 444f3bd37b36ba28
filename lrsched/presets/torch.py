"""``torch.optim.lr_scheduler`` and ``torch.optim.swa_utils.SWALR``, PyTorch 2.13, as schedules.

The base rate of the group stands where PyTorch takes the optimizer; ``OneCycleLR`` and ``CyclicLR``, which set the rate
themselves, have none. ``last_epoch=k`` gives the schedule from step ``k + 1`` on, as a scheduler that resumes.
Multiplying rates from step to step makes PyTorch drift by some 1e-14 per step; here every step is computed afresh.
``ReduceLROnPlateau`` is no function of the step: it is ``lrsched.Plateau(dialect="torch")``.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from lrsched.algebra.arguments import Above, Children, Count, Counts, Positive, Rate, Real, Reals, checked
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.sequence import sequence
from lrsched.foundation.errors import ScheduleError, check_choice, check_count, fail
from lrsched.presets._parts import (
    COSINE,
    LINEAR,
    ONE,
    between,
    child_of,
    drops,
    factor,
    geometric_drop,
    joined_at,
    resumed,
    steps_down,
    times,
)
from lrsched.presets._torch_cycles import one_cycle, total_steps_of, triangles
from lrsched.profiles.shapes import Polynomial
from lrsched.schedules.endless import MultiStep, Piecewise
from lrsched.schedules.spans import Constant, Hold, Warmup
from lrsched.schedules.tables import table

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "CyclicLR_momentum",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "OneCycleLR_momentum",
    "PolynomialLR",
    "SWALR",
    "SequentialLR",
    "StepLR",
]

LONGEST = 1_000_000


def StepLR(base: Rate, step_size: int, gamma: Above = 0.1, last_epoch: int = -1) -> Schedule:
    """The rate falls by a factor every so many steps.

    Formula: base * gamma**(t // step_size)

    Args:
        base: the group's rate.
        step_size: updates between two falls, at least 1.
        gamma: factor, at least 0.
        last_epoch: the last step already made; -1 at the beginning.

    Example:
        >>> from lrsched import presets
        >>> presets.torch.StepLR(1.0, step_size=2, gamma=0.5).sample(5).tolist()
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    step_size = check_count("StepLR", "step_size", step_size, 1)
    return resumed("StepLR", base * steps_down(step_size, gamma), last_epoch)


def MultiStepLR(base: Rate, milestones: Reals, gamma: Above = 0.1, last_epoch: int = -1) -> Schedule:
    """The rate falls by a factor at each milestone, as often as the milestone is given.

    Formula: base * gamma**#{m : 0 <= m <= t}

    Args:
        base: the group's rate.
        milestones: steps, in any order; a negative one is never met.
        gamma: factor, at least 0.
        last_epoch: the last step already made; -1 at the beginning.

    Example:
        >>> from lrsched import presets
        >>> presets.torch.MultiStepLR(1.0, [2, 2, 4], gamma=0.5).sample(5).tolist()
        [1.0, 1.0, 0.25, 0.25, 0.125]
    """
    met = sorted(m for m in milestones if m >= 0)
    return resumed("MultiStepLR", base * drops(met, gamma), last_epoch)


def ConstantLR(base: Rate, factor: Any = 1 / 3, total_iters: Count = 5, last_epoch: int = -1) -> Schedule:
    """A share of the rate at first, all of it after.

    Formula: base * (factor if t < total_iters else 1)

    Args:
        base: the group's rate.
        factor: a share in [0, 1].
        total_iters: updates made with the share; 0 keeps it for ever, as PyTorch does.
        last_epoch: the last step already made; -1 at the beginning.

    PyTorch divides by zero at ``total_iters`` when ``factor`` is 0; here the rate is then ``base``.

    Example:
        >>> from lrsched import presets
        >>> presets.torch.ConstantLR(1.0, factor=0.5, total_iters=2).sample(4).tolist()
        [0.5, 0.5, 1.0, 1.0]
    """
    share = between("ConstantLR", "factor", factor, 0, 1)
    steps = check_count("ConstantLR", "total_iters", total_iters)
    course = Hold(steps, share) >> ONE if steps else Constant(share)
    return resumed("ConstantLR", base * course, last_epoch)


def LinearLR(
    base: Rate, start_factor: Real = 1 / 3, end_factor: Real = 1.0, total_iters: Count = 5, last_epoch: int = -1
) -> Schedule:
    """A line from one share of the rate to another, held after.

    Formula: base * (start + (end - start) * min(t, total_iters) / total_iters)

    Args:
        base: the group's rate.
        start_factor: a share in (0, 1].
        end_factor: a share in [0, 1].
        total_iters: length of the line, in updates; 0 keeps the first share for ever, as PyTorch does.
        last_epoch: the last step already made; -1 at the beginning.

    Example:
        >>> from lrsched import presets
        >>> presets.torch.LinearLR(1.0, start_factor=0.25, total_iters=3).sample(5).tolist()
        [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    start = between("LinearLR", "start_factor", start_factor, 0, 1, open_low=True)
    end = between("LinearLR", "end_factor", end_factor, 0, 1)
    steps = check_count("LinearLR", "total_iters", total_iters)
    course = Warmup(steps, start, end) if steps else Constant(start)
    return resumed("LinearLR", base * course, last_epoch)


def PolynomialLR(base: Rate, total_iters: Count = 5, power: Above = 1.0, last_epoch: int = -1) -> Schedule:
    """A polynomial fall to 0, held after.

    Formula: base * (1 - min(t, total_iters) / total_iters)**power

    Args:
        base: the group's rate.
        total_iters: length of the fall, in updates; 0 leaves the rate alone, as PyTorch does.
        power: exponent, at least 0; 0 leaves the rate alone.
        last_epoch: the last step already made; -1 at the beginning.

    Example:
        >>> from lrsched import presets
        >>> presets.torch.PolynomialLR(1.0, total_iters=4, power=2.0).sample(6).tolist()
        [1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """
    steps = check_count("PolynomialLR", "total_iters", total_iters)
    course = Polynomial(power).over(steps) if steps and power != 0 else ONE
    return resumed("PolynomialLR", base * course, last_epoch)


def ExponentialLR(base: Rate, gamma: Above, last_epoch: int = -1) -> Schedule:
    """The rate falls by a factor every step.

    Formula: base * gamma**t

    Args:
        base: the group's rate.
        gamma: factor, at least 0.
        last_epoch: the last step already made; -1 at the beginning.

    Example:
        >>> from lrsched import presets
        >>> presets.torch.ExponentialLR(1.0, gamma=0.5).sample(3).tolist()
        [1.0, 0.5, 0.25]
    """
    return resumed("ExponentialLR", base * geometric_drop(gamma), last_epoch)


def CosineAnnealingLR(base: Rate, T_max: Real, eta_min: Real = 0.0, last_epoch: int = -1) -> Schedule:
    """Half a cosine wave down to ``eta_min`` in ``T_max`` steps, and on along the wave: up again, without end.

    Formula: eta_min + (base - eta_min) * (1 + cos(pi * t / T_max)) / 2, for every t

    Args:
        base: the group's rate.
        T_max: half a wave, in updates; need not be whole.
        eta_min: the rate at the foot of the wave.
        last_epoch: the last step already made; -1 at the beginning.

    To stop at the foot, as most mean to: ``cosine().over(T_max, base, eta_min)``.
    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import presets
        >>> presets.torch.CosineAnnealingLR(1.0, T_max=4, eta_min=0.1).sample(7).round(6).tolist()
        [1.0, 0.868198, 0.55, 0.231802, 0.1, 0.231802, 0.55]
    """
    return resumed("CosineAnnealingLR", _wave("CosineAnnealingLR", base, T_max, eta_min), last_epoch)


def _wave(where: str, base: Any, half: Any, low: Any) -> Schedule:
    half = between(where, "T_max", half, 0, 2**53, open_low=True)
    whole = float(half).is_integer()
    steps = int(half) if whole else 1
    scaled = isinstance(low, int | float) and low == 0
    wave = (COSINE.over(steps) if scaled else COSINE.over(steps, base, low)).mirrored().restarted()
    wave = wave if whole else wave.stretched(half)
    return base * wave if scaled else wave


def CosineAnnealingWarmRestarts(
    base: Rate, T_0: int, T_mult: int = 1, eta_min: Real = 0.0, last_epoch: int = -1
) -> Schedule:
    """Cosine cycles, each ``T_mult`` times as long as the one before; a cycle's last update is above ``eta_min``.

    Formula: eta_min + (base - eta_min) * (1 + cos(pi * c / T)) / 2, T = T_0 * T_mult**i, c steps into cycle i

    Args:
        base: the group's rate.
        T_0: updates of the first cycle, at least 1.
        T_mult: growth of the cycles, an integer, at least 1.
        eta_min: the rate that a cycle falls towards.
        last_epoch: the last step already made; -1 at the beginning.

    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import presets
        >>> presets.torch.CosineAnnealingWarmRestarts(1.0, T_0=2, T_mult=2).sample(6).round(6).tolist()
        [1.0, 0.5, 1.0, 0.853553, 0.5, 0.146447]
    """
    name = "CosineAnnealingWarmRestarts"
    first, growth = check_count(name, "T_0", T_0, 1), check_count(name, "T_mult", T_mult, 1)
    return resumed(name, COSINE.over(first, base, eta_min).restarted(t_mult=growth), last_epoch)


def CyclicLR(
    base_lr: Real,
    max_lr: Real,
    step_size_up: Real = 2000,
    step_size_down: Real = None,
    mode: str = "triangular",
    gamma: Above = 1.0,
    scale_fn: Any = None,
    scale_mode: str = "cycle",
    cycle_momentum: bool = True,
    base_momentum: Real = 0.8,
    max_momentum: Real = 0.9,
    last_epoch: int = -1,
) -> Schedule:
    """Lines up and down between two rates; see ``CyclicLR_momentum`` for the momentum that goes with it.

    Formula: base_lr + (max_lr - base_lr) * triangle(t) * scale, scale 1, 2**-(cycle - 1) or gamma**t by mode

    Args:
        base_lr, max_lr: the rates at the foot and at the top.
        step_size_up, step_size_down: updates of the two sides, the second as long as the first by default.
        mode: "triangular", "triangular2" or "exp_range", whose t counts from the beginning of training.
        gamma: factor per update of "exp_range".
        scale_fn: instead of a mode, a schedule (or the name of a registered function) of the number of the cycle,
            from 1, or of the step, whichever ``scale_mode`` says. Other functions are no data and are refused.
        scale_mode: "cycle" or "iterations".
        cycle_momentum, base_momentum, max_momentum: for ``CyclicLR_momentum``, which takes the same arguments.
        last_epoch: the last step already made; -1 at the beginning.

    PyTorch divides by zero when ``step_size_up`` is 0; here a cycle then begins at its top.
    Source: Smith (2017).

    Example:
        >>> from lrsched import presets
        >>> presets.torch.CyclicLR(0.0, 1.0, step_size_up=2, mode="triangular2").sample(9).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25, 0.0]
    """
    sides = (step_size_up, step_size_down, mode, gamma, scale_fn, scale_mode)
    return resumed("CyclicLR", triangles("CyclicLR", base_lr, max_lr, *sides), last_epoch)


def CyclicLR_momentum(
    base_lr: Real,
    max_lr: Real,
    step_size_up: Real = 2000,
    step_size_down: Real = None,
    mode: str = "triangular",
    gamma: Above = 1.0,
    scale_fn: Any = None,
    scale_mode: str = "cycle",
    cycle_momentum: bool = True,
    base_momentum: Real = 0.8,
    max_momentum: Real = 0.9,
    last_epoch: int = -1,
) -> Schedule:
    """The momentum that ``CyclicLR`` sets when it is given these arguments: lowest where the rate is highest.

    Formula: max_momentum - (max_momentum - base_momentum) * triangle(t) * scale

    Args:
        base_lr, max_lr: not used.
        step_size_up, step_size_down, mode, gamma, scale_fn, scale_mode, last_epoch: see ``CyclicLR``.
        cycle_momentum: must be true.
        base_momentum, max_momentum: its smallest and largest value.

    Example:
        >>> from lrsched import presets
        >>> presets.torch.CyclicLR_momentum(0.0, 1.0, step_size_up=2).sample(4).round(6).tolist()
        [0.9, 0.85, 0.8, 0.85]
    """
    check_choice("CyclicLR_momentum", "cycle_momentum", cycle_momentum, (True,))
    sides = (step_size_up, step_size_down, mode, gamma, scale_fn, scale_mode)
    course = triangles("CyclicLR_momentum", max_momentum, base_momentum, *sides)
    return resumed("CyclicLR_momentum", course, last_epoch)


def OneCycleLR(
    max_lr: Real,
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: Any = 0.3,
    anneal_strategy: str = "cos",
    cycle_momentum: bool = True,
    base_momentum: Real = 0.85,
    max_momentum: Real = 0.95,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
    three_phase: bool = False,
    last_epoch: int = -1,
) -> Schedule:
    """Up to the peak, then far down by the last update; see ``OneCycleLR_momentum`` for its momentum.

    Formula: max_lr / div -> max_lr until step pct_start * T - 1 (it may lie between two updates),
    then -> max_lr / (div * final_div) at step T - 1

    Args:
        max_lr: the peak.
        total_steps: T, length of the run, in updates; or else
        epochs, steps_per_epoch: whose product it is.
        pct_start: share of the run spent rising, in [0, 1].
        anneal_strategy: "cos" or "linear".
        cycle_momentum, base_momentum, max_momentum: for ``OneCycleLR_momentum``, which takes the same arguments.
        div_factor: the peak over the first rate.
        final_div_factor: the first rate over the last.
        three_phase: fall to the first rate as fast as it rose (until 2 * pct_start * T - 2), then to the last.
        last_epoch: the last step already made; -1 at the beginning.

    Asked for one step more, PyTorch rises again or falls below 0, then raises; here the last rate is held. It divides
    by zero when ``pct_start * T`` is 1; here the first rate is then the peak, or without a fall the last.
    Source: Smith and Topin (2018).

    Example:
        >>> from lrsched import presets
        >>> presets.torch.OneCycleLR(1.0, total_steps=10).sample(5).round(6).tolist()
        [0.04, 0.52, 1.0, 0.950485, 0.811746]
    """
    total = total_steps_of("OneCycleLR", total_steps, epochs, steps_per_epoch)
    first = 1.0 / div_factor
    levels = (first, 1.0, first, first / final_div_factor) if three_phase else (first, 1.0, first / final_div_factor)
    course = one_cycle("OneCycleLR", total, pct_start, anneal_strategy, three_phase, levels)
    return resumed("OneCycleLR", max_lr * course, last_epoch)


def OneCycleLR_momentum(
    max_lr: Real,
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: Any = 0.3,
    anneal_strategy: str = "cos",
    cycle_momentum: bool = True,
    base_momentum: Real = 0.85,
    max_momentum: Real = 0.95,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
    three_phase: bool = False,
    last_epoch: int = -1,
) -> Schedule:
    """The momentum that ``OneCycleLR`` sets when it is given these arguments: lowest where the rate is highest.

    Formula: max_momentum -> base_momentum while the rate rises, back while it falls; then held

    Args:
        max_lr, div_factor, final_div_factor: not used.
        total_steps, epochs, steps_per_epoch, pct_start, anneal_strategy, three_phase, last_epoch: see ``OneCycleLR``.
        cycle_momentum: must be true.
        base_momentum, max_momentum: its smallest and largest value.

    Example:
        >>> from lrsched import presets
        >>> presets.torch.OneCycleLR_momentum(1.0, total_steps=10).sample(4).round(6).tolist()
        [0.95, 0.9, 0.85, 0.854952]
    """
    name = "OneCycleLR_momentum"
    check_choice(name, "cycle_momentum", cycle_momentum, (True,))
    total = total_steps_of(name, total_steps, epochs, steps_per_epoch)
    high, low = max_momentum, base_momentum
    levels = (high, low, high, high) if three_phase else (high, low, high)
    return resumed(name, one_cycle(name, total, pct_start, anneal_strategy, three_phase, levels), last_epoch)


def LambdaLR(base: Rate, lr_lambda: Any, last_epoch: int = -1) -> Schedule:
    """The rate times a function of the step.

    Formula: base * f(t)

    Args:
        base: the group's rate.
        lr_lambda: f: a schedule, a number, or the name of a function registered with ``lrsched.register``.
            Other functions are no data and are refused.
        last_epoch: the last step already made; -1 at the beginning.

    Example:
        >>> from lrsched import linear, presets
        >>> presets.torch.LambdaLR(0.5, linear().over(2))
        0.5 * linear().over(2)
    """
    return resumed("LambdaLR", base * factor("LambdaLR", "lr_lambda", lr_lambda), last_epoch)


def MultiplicativeLR(base: Rate, lr_lambda: Any, last_epoch: int = -1) -> Schedule:
    """The rate multiplied at every step after the first by a function of that step.

    Formula: base * f(1) * f(2) * ... * f(t); f(0) is not used

    Args:
        base: the group's rate.
        lr_lambda: f: a number, ``piecewise`` or ``multi_step``, or a schedule of at most a million steps
            (``.lasting(n)`` makes one of any), whose last value stays the factor after its end.
        last_epoch: the last step already made; -1 at the beginning.

    The algebra has no running product of any schedule: such a value takes all the steps before it, and a schedule is
    evaluated at every step at one cost. Constant factors are powers; others are multiplied here, into a table.

    Example:
        >>> from lrsched import presets, table
        >>> presets.torch.MultiplicativeLR(1.0, 0.5).sample(4).tolist()
        [1.0, 0.5, 0.25, 0.125]
        >>> presets.torch.MultiplicativeLR(1.0, table([9, 0.5, 1.0])).sample(4).tolist()
        [1.0, 0.5, 0.5, 0.5]
    """
    return resumed("MultiplicativeLR", base * _running_product(lr_lambda), last_epoch)


def _running_product(lr_lambda: Any) -> Schedule:
    factors = factor("MultiplicativeLR", "lr_lambda", lr_lambda)
    if isinstance(factors, Constant):
        return geometric_drop(factors.value)
    if isinstance(factors, Piecewise | MultiStep):
        return _powers(factors)
    n = factors.duration
    if n > LONGEST or factors.goes_on:
        allowed = f"a number, piecewise, multi_step, or a schedule of at most {LONGEST} steps"
        fail("MultiplicativeLR", "lr_lambda", allowed, factors)
    values = factors.sample(n + 1)
    products = tuple(np.cumprod([1.0, *values[1:-1]]).tolist())
    last = float(values[-1])
    return table(products) >> products[-1] * last * geometric_drop(last)


def _powers(factors: Piecewise | MultiStep) -> Schedule:
    """The running product of constants, a power in each piece; that of the first step is 1."""
    starts = [0, *factors.boundaries(2**53 - 1)]
    parts = [geometric_drop(float(factors(0)))]
    for start, end in itertools.pairwise(starts):
        parts[-1] = parts[-1].lasting(end - start)
        value = float(factors(end))
        parts.append(times(float(parts[-1](end - start - 1)) * value, geometric_drop(value)))
    return sequence(*parts)


def SWALR(
    base: Rate, swa_lr: Real, anneal_epochs: Count = 10, anneal_strategy: str = "cos", last_epoch: int = -1
) -> Schedule:
    """From the rate at hand to the constant rate at which weights are averaged.

    Formula: swa_lr * a + base * (1 - a), a = (1 - cos(pi * t / n)) / 2 or t / n, 1 from t = n on

    Args:
        base: the rate that the group has when averaging begins.
        swa_lr: the rate of averaging.
        anneal_epochs: n, calls of ``step`` in between; with 0 the rate is ``swa_lr`` at once.
        anneal_strategy: "cos" or "linear".
        last_epoch: the last step already made; -1 at the beginning.

    Source: Izmailov et al. (2018).

    Example:
        >>> from lrsched import presets
        >>> presets.torch.SWALR(1.0, swa_lr=0.1, anneal_epochs=4).sample(6).round(6).tolist()
        [1.0, 0.868198, 0.55, 0.231802, 0.1, 0.1]
    """
    strategy = check_choice("SWALR", "anneal_strategy", anneal_strategy, ("cos", "linear"))
    shape = COSINE if strategy == "cos" else LINEAR
    return resumed("SWALR", shape.over(anneal_epochs, base, swa_lr), last_epoch)


def SequentialLR(base: Rate, schedulers: Children, milestones: Counts, last_epoch: int = -1) -> Schedule:
    """One schedule after the other, each on a clock of its own that starts at its milestone, from the base rate.

    Formula: s0(t) for t < m0, s1(t - m0) for m0 <= t < m1, ...

    Args:
        base: the group's rate.
        schedulers: schedules (presets given the base rate), or functions that make one of the base rate.
        milestones: steps, in increasing order, one fewer than schedulers.
        last_epoch: the last step already made; -1 at the beginning.

    A child that PyTorch lets go on from whatever the rate is, ``SWALR``, is given that rate as its own ``base``: what
    the child before gives at its last step. In PyTorch the clocks of a sequence in a sequence do not restart; here
    they do.

    Example:
        >>> from lrsched.presets.torch import CosineAnnealingLR, LinearLR, SequentialLR
        >>> rise, fall = LinearLR(1.0, 0.1, total_iters=4), CosineAnnealingLR(1.0, T_max=4)
        >>> SequentialLR(1.0, [rise, fall], milestones=[4]).sample(8).round(6).tolist()
        [0.1, 0.325, 0.55, 0.775, 1.0, 0.853553, 0.5, 0.146447]
    """
    name = "SequentialLR"
    children = [child_of(name, "schedulers", child, base) for child in schedulers]
    return resumed(name, joined_at(name, "schedulers", children, milestones, "milestones"), last_epoch)


def ChainedScheduler(schedulers: Children, base: Positive = None) -> Schedule:
    """Several schedulers that each multiply the same rate.

    Formula: base * (s0(t) / base) * (s1(t) / base) * ...

    Args:
        schedulers: schedules (presets given the base rate), or functions that make one of the base rate.
        base: the group's rate. Without it the schedules are multiplied as they are: give the rate to one, 1 to others.

    Right for the schedulers that multiply what they find: Step, MultiStep, Constant, Linear, Exponential, Polynomial,
    MultiplicativeLR, and CosineAnnealingLR to 0 within T_max. The others write over what schedulers before them did, in
    PyTorch, or (with eta_min) mix with it; here they are multiplied all the same.

    Example:
        >>> from lrsched.presets.torch import ChainedScheduler, ConstantLR, ExponentialLR
        >>> parts = [ConstantLR(1.0, 0.1, total_iters=3), ExponentialLR(1.0, 0.9)]
        >>> ChainedScheduler(parts, 1.0).sample(5).round(6).tolist()
        [0.1, 0.09, 0.081, 0.729, 0.6561]
    """
    if not schedulers:
        raise ScheduleError("ChainedScheduler: give at least one scheduler")
    if base is None:
        first, *others = (child_of("ChainedScheduler", "schedulers", child, 1.0) for child in schedulers)
        product = first
        for other in others:
            product = product * other
        return product
    product = base * _share(schedulers[0], base)
    for child in schedulers[1:]:
        product = product * _share(child, base)
    return product


def _share(child: Any, base: Any) -> Schedule:
    """What a child multiplies the base rate with."""
    if isinstance(child, Schedule):
        return child / base
    return child_of("ChainedScheduler", "schedulers", child, 1.0)


globals().update({name: checked(globals()[name]) for name in __all__})
