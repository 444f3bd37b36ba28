"""PyTorch's cyclic and one-cycle schedulers: rate and momentum are the same course between other levels."""

from __future__ import annotations

import itertools
import math
from typing import Any

from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.sequence import sequence
from lrsched.foundation.errors import ScheduleError, check_choice, check_count, fail
from lrsched.presets._parts import COSINE, LINEAR, between, factor, geometric_drop
from lrsched.profiles.piecewise import knots
from lrsched.schedules.spans import Constant

__all__ = ["one_cycle", "total_steps_of", "triangles"]

MODES = ("triangular", "triangular2", "exp_range")


def triangles(
    where: str, low: Any, high: Any, up: Any, down: Any, mode: Any, gamma: Any, scale_fn: Any, scale_mode: Any
) -> Schedule:
    """``low + (high - low) * triangle(t) * scale``: a line up in ``up`` steps, a line down in ``down``, and again."""
    up = between(where, "step_size_up", up, 0, 2**53)
    down = up if down is None else between(where, "step_size_down", down, 0, 2**53)
    if up + down <= 0:
        fail(where, "step_size_up + step_size_down", "positive", up + down)
    if scale_fn is not None:
        scale = factor(where, "scale_fn", scale_fn)
        if check_choice(where, "scale_mode", scale_mode, ("cycle", "iterations")) == "cycle":
            scale = _by_cycle(scale, up + down)
        return low + (high - low) * _triangle(0.0, 1.0, up, down) * scale
    mode = check_choice(where, "mode", mode, MODES)
    if mode == "triangular":
        return _triangle(low, high, up, down)
    if mode == "triangular2":
        return low + (high - low) * _triangle(0.0, 1.0, up, down, gamma=0.5)
    return low + (high - low) * _triangle(0.0, 1.0, up, down) * geometric_drop(gamma)


def _triangle(low: Any, high: Any, up: float, down: float, gamma: float = 1.0) -> Schedule:
    if up.is_integer() and down.is_integer():
        rise, fall = LINEAR.over(int(up), low, high), LINEAR.over(int(down), high, low)
        return sequence(*(side for side in (rise, fall) if side.duration)).restarted(gamma=gamma)
    peak = up / (up + down)
    shape = knots((0.0, peak, 1.0), (0.0, 1.0, 0.0)) if 0 < peak < 1 else LINEAR
    over = shape.over(1, high, low) if peak > 0 and peak < 1 else shape.over(1, *((low, high) if peak else (high, low)))
    return over.restarted(gamma=gamma).stretched(up + down)


def _by_cycle(scale: Schedule, period: float) -> Schedule:
    """A schedule of the number of the cycle, from 1, as one of the step."""
    counted = scale.advanced(1)
    return counted.per_epoch(int(period)) if period.is_integer() else counted.sampled(every=1).stretched(period)


def total_steps_of(where: str, total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    """``total_steps``, or ``epochs * steps_per_epoch``."""
    if total_steps is not None:
        return check_count(where, "total_steps", total_steps, 1)
    if epochs is None or steps_per_epoch is None:
        raise ScheduleError(f"{where}: give total_steps, or epochs and steps_per_epoch")
    return check_count(where, "epochs", epochs, 1) * check_count(where, "steps_per_epoch", steps_per_epoch, 1)


def one_cycle(where: str, total: int, pct: Any, strategy: Any, three_phase: Any, levels: tuple[Any, ...]) -> Schedule:
    """The course through two or three phases between ``levels``, one more than there are phases.

    The phases end at ``pct*total - 1`` (``2*pct*total - 2``) and ``total - 1``, which may lie between two steps.
    """
    pct = between(where, "pct_start", pct, 0, 1)
    shape = COSINE if check_choice(where, "anneal_strategy", strategy, ("cos", "linear")) == "cos" else LINEAR
    last, top = total - 1, _snapped(float(pct * total) - 1.0, total)
    foot = 2.0 * top if three_phase else top
    if top <= 0:
        return _fall(shape, levels[-2:], last - foot, last)
    if top.is_integer():
        begun = int(foot)
        there = sequence(*(shape.over(int(top), a, b) for a, b in itertools.pairwise(levels[:-1])))
    else:
        begun, up = math.floor(foot) + 1, shape.over(1, *levels[:2])
        there = ((up.mirrored() if three_phase else up) >> Constant(levels[-2])).stretched(top).lasting(begun)
    if foot < last:
        return there >> _fall(shape, levels[-2:], last - foot, last - begun)
    return there if there.duration == last == foot else there.lasting(last) >> Constant(there(last))


def _snapped(step: float, total: int) -> float:
    """The whole step that rounding alone keeps ``step`` from being."""
    whole = float(round(step))
    return whole if whole and abs(step - whole) <= 1e-14 * total else step


def _fall(shape: Profile, levels: tuple[Any, ...], length: float, steps: int) -> Schedule:
    """The last ``steps`` steps of a course of ``length`` steps, which may be more and begin between two steps."""
    start, end = levels
    if steps == 0:
        return Constant(end)
    if length.is_integer():
        course = shape.over(int(length), start, end)
        return course.advanced(int(length) - steps) if length > steps else course
    return (shape.over(1, end, start) >> Constant(start)).stretched(length).lasting(steps).reversed()
