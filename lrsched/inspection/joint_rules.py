"""Rules about pieces that do not meet, and about decays that rise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lrsched.algebra.node import walk
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Part, Schedule
from lrsched.combinators.arithmetic import Minimum, Product
from lrsched.inspection.describe import spread, unwrapped
from lrsched.inspection.description import number
from lrsched.inspection.findings import Finding, Run, alike, end_of, placed, rises
from lrsched.profiles.operators import Mirrored as MirroredProfile
from lrsched.profiles.piecewise import Phases
from lrsched.schedules.endless import ExponentialDecay, MultiStep, Piecewise, StepDecay
from lrsched.schedules.spans import Constant, Hold, Over

JOINTS = 200
PARTS, LOOKED, VALUED = 50, 20, 3  # of a quick look: parts, joints in each, and joints of which values are computed

# ---- joints and shapes


def jump_at_joint(run: Run) -> Iterator[Finding]:
    """Pieces that do not meet."""
    for whole in run.parts:
        for step, before, after, first in _joints(run, whole, JOINTS):
            yield from _joint(run, step, before, after, first)


def first_error(schedule: Schedule) -> Finding | None:
    """A mistake for certain at one of the first joints of a finite schedule: an error of ``check``, found cheaply."""
    if not 0 < schedule.duration < math.inf:
        return None
    parts = tuple(itertools.islice(placed(Part(schedule)), PARTS))
    run = Run(schedule, int(schedule.duration), None, None, parts)
    joints = (joint for whole in parts for joint in _joints(run, whole, LOOKED))
    doubtful = (joint for joint in joints if _warms(joint[1]) or _scales_the_first(*joint[1:]))
    found = (finding for joint in itertools.islice(doubtful, VALUED) for finding in _joint(run, *joint))
    return next((finding for finding in found if finding.severity == "error"), None)


def _joints(run: Run, whole: Part, most: int) -> Iterator[tuple[int, Schedule, Schedule, bool]]:
    """The joints of a part, with the pieces on either side and whether the one before is the first."""
    pieces = tuple(itertools.islice(whole.schedule.parts_in_time(), most + 1))
    for a, b in itertools.pairwise(pieces):
        before, after, step = a.schedule, b.schedule, whole.at(b.start)
        if step >= run.steps:
            break
        if before.duration and after.duration and b.start == a.start + before.duration * a.pace:
            yield step, before, after, before is pieces[0].schedule


def _joint(run: Run, step: int, before: Schedule, after: Schedule, first: bool) -> Iterator[Finding]:
    left, right = end_of(before), float(after(0))
    if alike(left, right, 0.01) or not math.isfinite(left + right) or step < 1:
        return
    if alike(run.value(step - 1), run.value(step), 0.001) or _keeps_pace(after, left, right):
        return
    change = f"from {number(left)} to {number(right)}"
    if _warms(before):
        remedy = "End the warm-up where the next piece starts."
        if _scale(before) is not None and _scale(after) is None:
            remedy = f"'*' binds tighter than '>>': write {_scale(before)!r} * (warm-up >> decay), with parentheses."
        sentence = f"The warm-up jumps at its joint, {change}."
        yield Finding("error", step, sentence, remedy, "warmup-jump")
    elif _scales_the_first(before, after, first) and right > 20 * abs(left):
        remedy = f"'*' binds tighter than '>>': write {_scale(before)!r} * (... >> ...), with parentheses."
        yield Finding("error", step, f"The rate jumps at a joint, {change}.", remedy, "jump")
    elif not _meant(before, after, left, right, first):
        remedy = "Let the next piece start where this one ends: over(steps, start=...)."
        yield Finding("warning", step, f"The rate jumps at a joint, {change}.", remedy, "jump")


def _scales_the_first(before: Schedule, after: Schedule, first: bool) -> bool:
    """Whether the first piece alone has a factor, as where parentheses are missing."""
    return first and _scale(before) is not None and _scale(after) is None


def _keeps_pace(after: Schedule, left: float, right: float) -> bool:
    """Whether the change at the joint is about that of the next step: a line that goes on."""
    change = float(after(1)) - right if after.duration > 1 else 0.0
    return (right - left) * change > 0 and abs(right - left) <= 1.5 * abs(change)


def _meant(before: Schedule, after: Schedule, left: float, right: float, first: bool) -> bool:
    """Whether a jump is one that people make on purpose: between levels, a restart, a fall to a level."""
    if _warms(after) or (_level(before) and (_level(after) or (first and right > left))):
        return True
    top = _top(before)
    return left < 0.99 * top and right <= 1.01 * top and (_falls(after) or alike(right, top, 0.01))


def _scale(node: Schedule) -> float | None:
    """The number that multiplies a piece, if one does."""
    if isinstance(node, Product):
        return next((float(p.value) for p in node.parts if isinstance(p, Constant)), None)
    return None


def _bare(node: Schedule) -> Any:
    """The piece without numbers that are added, multiplied or divided."""
    return [*unwrapped(node)][-1]


def _warms(node: Schedule) -> bool:
    return rises(_bare(node))


def _level(node: Schedule) -> bool:
    return isinstance(_bare(node), Hold | Constant | Piecewise | MultiStep)


def _top(node: Schedule) -> float:
    return float(np.max(node.after("hold")(spread(0, int(min(node.duration, 2**53 - 1))))))


def _falls(node: Schedule) -> bool:
    far = 2**20
    return (end_of(node) if node.duration <= far else float(node(far))) < float(node(0))


def rises_in_decay(run: Run) -> Iterator[Finding]:
    """A decay that goes up."""
    bounded = {id(child) for part in run.parts if isinstance(part.schedule, Minimum) for child in walk(part.schedule)}
    for part in run.parts:
        node = part.schedule
        if part.start >= run.steps:
            continue
        if isinstance(node, MultiStep | StepDecay | ExponentialDecay) and node.gamma > 1 and id(node) not in bounded:
            step = part.at(node.milestones[0] if node.milestones else getattr(node, "every", 1))
            if step < run.steps:
                remedy = f"A gamma below 1 lowers the rate, such as {number(1 / node.gamma)}."
                yield _rise(step, f"{node!r} multiplies the rate by {number(node.gamma)}: it rises.", remedy)
        if isinstance(node, Over) and abs(node.end) < abs(node.start) and node.steps:
            where = _rise_of(node.profile)
            if where is not None and part.at(math.ceil(where * node.steps)) < run.steps:
                sentence = f"The rate rises within a decay: {node.profile!r} goes up at {where:.0%} of its way."
                yield _rise(part.at(math.ceil(where * node.steps)), sentence, "Look at the values of the profile.")
        if isinstance(node, Piecewise):
            turn = _turn(node.values)
            if turn is not None and part.at(node.starts[turn - 1]) < run.steps:
                sentence = f"The rate falls and then rises again, to {number(node.values[turn])}."
                yield _rise(part.at(node.starts[turn - 1]), sentence, "Look at the order of the values.")


def _rise(step: int, sentence: str, remedy: str) -> Finding:
    return Finding("warning", step, sentence, remedy, "rises-in-decay")


def _rise_of(profile: Profile) -> float | None:
    """Where a profile that starts at its top first goes up, or None; those made to go up and down are left alone."""
    if any(isinstance(p, MirroredProfile | Phases) for p in walk(profile)):
        return None
    u = np.linspace(0.0, 1.0, 2001)
    y = np.asarray(profile(u))
    size = float(np.max(y) - np.min(y))
    if not np.isfinite(y).all() or size == 0:
        return None
    if np.all(np.diff(y) >= -1e-9 * size):
        return float(u[1]) if y[-1] > y[0] and y[0] > 0.5 else None
    if y[0] < np.max(y) - 1e-6 * size:
        return None
    ups = np.flatnonzero(np.diff(y) > 1e-6 * size)
    return float(u[ups[0]]) if ups.size else None


def _turn(values: tuple[float, ...]) -> int | None:
    """The index of the first value above the one before, after a fall."""
    fallen = False
    for i in range(1, len(values)):
        if fallen and values[i] > values[i - 1]:
            return i
        fallen = fallen or values[i] < values[i - 1]
    return None


RULES: tuple[Callable[[Run], Iterator[Finding]], ...] = (jump_at_joint, rises_in_decay)
