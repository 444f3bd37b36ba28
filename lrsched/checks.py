"""What may be wrong with a schedule in a run of given length, found before the run.

A rule is a generator of findings; :data:`RULES` lists them all. Rules that look at a kind use :func:`placed`, which
says where on the clock of the run each part of an expression lies.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched._errors import check_count, check_real, fail
from lrsched._node import children
from lrsched._schedule import Schedule
from lrsched._sequence import Sequence
from lrsched.combinators import (
    Advanced,
    After,
    Delayed,
    Lasting,
    Negative,
    PerEpoch,
    Product,
    Quotient,
    Restarted,
    Reversed,
    SampledAt,
    Stretched,
    Sum,
)
from lrsched.describe import CHUNK, number
from lrsched.profiles import Exponential, InverseTime, Phases, Profile, Tanh
from lrsched.profiles import Mirrored as MirroredProfile
from lrsched.schedules import (
    Constant,
    ExponentialDecay,
    Hold,
    MultiStep,
    Over,
    Piecewise,
    StepDecay,
    Warmup,
)

__all__ = ["RULES", "SEVERITIES", "Finding", "check"]

SEVERITIES = ("note", "warning", "error")
JOINTS = 200
PLACES = 5000


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something worth knowing before the run: how severe, from which step on, what, and what to do about it.

    ``name`` is the same for all findings of one kind, for programs; ``severity`` is "note", "warning" or "error".
    """

    severity: str
    step: int
    sentence: str
    remedy: str
    name: str

    def __str__(self) -> str:
        return f"{self.severity} at step {self.step:,}: {self.sentence} {self.remedy}"


@dataclasses.dataclass(frozen=True)
class Run:
    """What the rules look at: the schedule, the run, and where each part lies in it."""

    schedule: Schedule
    steps: int
    limit: float | None
    steps_per_epoch: int | None
    parts: tuple[Placed, ...]

    def value(self, step: int) -> float:
        """The value of one update."""
        return float(self.schedule(step))


@dataclasses.dataclass(frozen=True)
class Placed:
    """A part of the expression, on the clock of the run: its local step 0 is at ``start``, one takes ``pace`` steps.

    ``last`` says that the part decides what comes at the end of the whole; ``lead`` is the first sequence's head.
    """

    node: Schedule
    start: Fraction
    pace: Fraction
    last: bool

    def at(self, step: Any) -> int:
        """The step of the run at which a local step begins."""
        return math.ceil(self.start + step * self.pace)


def check(
    schedule: Schedule, steps: int, *, limit: float | None = None, steps_per_epoch: int | None = None
) -> tuple[Finding, ...]:
    """See :meth:`lrsched.Schedule.check`."""
    schedule.concrete("checked")
    steps = check_count("check", "steps", steps, 1)
    if limit is not None:
        limit = check_real("check", "limit", limit, "a number > 0, or None")
        if limit <= 0:
            fail("check", "limit", "a number > 0, or None", limit)
    if steps_per_epoch is not None:
        steps_per_epoch = check_count("check", "steps_per_epoch", steps_per_epoch, 1)
    parts = tuple(itertools.islice(placed(schedule), PLACES))
    run = Run(schedule, steps, limit, steps_per_epoch, parts)
    found = {finding for rule in RULES for finding in rule(run)}
    return tuple(sorted(found, key=lambda f: (-SEVERITIES.index(f.severity), f.step, f.name)))


def placed(
    schedule: Schedule, start: Any = Fraction(0), pace: Any = Fraction(1), last: bool = True
) -> Iterator[Placed]:
    """The schedule and the parts of it that run forwards, each with its place; of a cycle, the first one."""
    yield Placed(schedule, start, pace, last)
    if isinstance(schedule, Sequence):
        local = 0
        for i, part in enumerate(schedule.parts):
            yield from placed(part, start + local * pace, pace, last and i == len(schedule.parts) - 1)
            local += part.duration
    elif isinstance(schedule, Stretched):
        yield from placed(schedule.schedule, start, pace * Fraction(schedule.k), last)
    elif isinstance(schedule, PerEpoch):
        yield from placed(schedule.schedule, start, pace * schedule.steps_per_epoch, last)
    elif isinstance(schedule, Delayed):
        yield from placed(schedule.schedule, start + schedule.k * pace, pace, last)
    elif isinstance(schedule, Advanced):
        yield from placed(schedule.schedule, start - schedule.k * pace, pace, last)
    elif not isinstance(schedule, Reversed):
        for child in children(schedule):
            if isinstance(child, Schedule):
                yield from placed(child, start, pace, last and not isinstance(schedule, Restarted))


# ---- values


def bad_values(run: Run) -> Iterator[Finding]:
    """NaN, infinite and negative values, and those above a limit."""
    wanted: dict[str, Callable[[Any], Any]] = {
        "not-a-number": np.isnan,
        "infinite": np.isinf,
        "negative": lambda v: v < 0,
    }
    if run.limit is not None:
        limit = run.limit
        wanted["above-limit"] = lambda v: v > limit
    for name, step, value in _first(run, wanted):
        yield Finding("error", step, SENTENCES[name].format(number(value), run.limit), REMEDIES[name], name)


SENTENCES = {
    "not-a-number": "The rate is NaN.",
    "infinite": "The rate is {0}.",
    "negative": "The rate is negative, {0}.",
    "above-limit": "The rate, {0}, is above the limit of {1:g}.",
}
REMEDIES = {
    "not-a-number": "Look for a division by 0 or a root of a negative value.",
    "infinite": "Look for a division by 0, or bound it with .clipped(low, high).",
    "negative": "Bound it with lrs.maximum(schedule, 0), or look for a wrong sign or end.",
    "above-limit": "Lower the peak, or bound the rate with lrs.minimum(schedule, limit).",
}


def _first(run: Run, wanted: dict[str, Callable[[Any], Any]]) -> Iterator[tuple[str, int, float]]:
    """Name, step and value of the first value of each wanted sort."""
    left = dict(wanted)
    stop = _end_of_values(run)
    for start in range(0, stop, CHUNK):
        values = run.schedule.sample(start, min(stop, start + CHUNK))
        with np.errstate(invalid="ignore"):
            hits = {name: np.flatnonzero(sort(values)) for name, sort in left.items()}
        for name, places in hits.items():
            if places.size:
                del left[name]
                yield name, start + int(places[0]), float(values[places[0]])


def _end_of_values(run: Run) -> int:
    """How many steps of the run have a value."""
    raises = [p for p in run.parts if isinstance(p.node, After) and p.node.policy == "error"]
    return int(min(run.steps, run.schedule.duration)) if raises else run.steps


def zero_first(run: Run) -> Iterator[Finding]:
    """The first update changes nothing."""
    if run.value(0) == 0:
        yield Finding(
            "note",
            0,
            "The first update is made with rate 0.",
            "To use it, give the warm-up skip_zero=True or a start above 0.",
            "zero-first",
        )


# ---- lengths


def warmup_too_long(run: Run) -> Iterator[Finding]:
    """A warm-up that takes the whole run."""
    for part in run.parts:
        if _rises(part.node) and part.start < run.steps:
            end = part.at(part.node.duration)
            if end >= run.steps and end > part.start:
                sentence = f"The warm-up lasts until step {end:,}, but the run has {run.steps:,} updates."
                remedy = "Make the warm-up shorter; if it counts updates and the run counts epochs, use one unit."
                yield Finding("error", part.at(0), sentence, remedy, "warmup-too-long")


def _rises(node: Schedule) -> bool:
    return isinstance(node, Warmup) and abs(node.start) < abs(node.end)


def run_too_short(run: Run) -> Iterator[Finding]:
    """The schedule goes on when the run is over."""
    n = run.schedule.duration
    if not run.steps < n < math.inf:
        return
    last, end = run.value(run.steps - 1), float(run.schedule.after("hold")(int(n)))
    sentence = f"The run ends after {run.steps:,} of the schedule's {int(n):,} steps, at {number(last)}"
    sentence += "." if _close(last, end) else f"; its end, {number(end)}, is never reached."
    remedy = f"Lay the schedule out for the run: .rescaled({run.steps})."
    yield Finding("warning", run.steps - 1, sentence, remedy, "run-too-short")


def run_too_long(run: Run) -> Iterator[Finding]:
    """The run goes on when the schedule is over."""
    n = run.schedule.duration
    if not n < run.steps or n == 0:
        return
    policy = next((p.node.policy for p in run.parts if p.last and isinstance(p.node, After)), None)
    if policy == "error":
        sentence = f"The schedule ends at step {int(n):,} and raises an error after it; the run goes on."
        remedy = f"Lay it out for the run: .rescaled({run.steps})."
        yield Finding("error", int(n), sentence, remedy, "run-too-long")
    if policy is not None or _counts_epochs(run):
        return
    end, over = float(run.schedule(int(n))), run.steps - int(n)
    if (end == 0 or 10 * over > n) and not _ends_on_top(run, end):
        sentence = f"The schedule ends at step {int(n):,}; the last {over:,} updates are made with {number(end)}."
        remedy = f"Lay it out for the run with .rescaled({run.steps}), or say what comes with .after(...)."
        yield Finding("warning", int(n), sentence, remedy, "run-too-long")


def _ends_on_top(run: Run, end: float) -> bool:
    """Whether the schedule only rises to where it then stays, as a warm-up alone does."""
    n = int(min(run.schedule.duration, 2**20))
    return end > 0 and end >= float(np.max(run.schedule.sample(n)))


def end_never_reached(run: Run) -> Iterator[Finding]:
    """An end that was asked for and is not where the schedule ends."""
    for part in run.parts:
        node = part.node
        if isinstance(node, Lasting) and part.last and node.n < node.schedule.duration < math.inf:
            reached, end = float(node(node.n)), float(node.schedule.after("hold")(int(node.schedule.duration)))
            if not _close(reached, end) and part.at(node.n) <= run.steps:
                sentence = (
                    f"The schedule is cut after {node.n:,} of {node.schedule.duration:,} steps, at {number(reached)};"
                )
                sentence += f" its end, {number(end)}, is never reached."
                remedy = f"Lay it out anew with .rescaled({node.n}) instead of .lasting({node.n})."
                yield Finding("warning", part.at(node.n) - 1, sentence, remedy, "end-never-reached")
        if isinstance(node, Over) and node.end != 0 and isinstance(node.profile, Exponential | InverseTime | Tanh):
            rest = float(node.profile(1.0))
            if 0.05 < rest < float(node.profile(0.0)) and part.at(node.steps) <= run.steps:
                end = node.end + (node.start - node.end) * rest
                sentence = f"{node.profile!r} falls to {rest:.2g} of its height, so the end is {number(end)}"
                sentence += f", not {number(node.end)}."
                remedy = f"Use {node.profile!r}.normalised(), which reaches its end."
                yield Finding("warning", max(0, part.at(node.steps) - 1), sentence, remedy, "end-never-reached")


def milestone_beyond(run: Run) -> Iterator[Finding]:
    """Milestones that the run never reaches."""
    for part in run.parts:
        given = _milestones(part.node)
        late = [m for m in given if part.at(m) >= run.steps]
        if late and part.start < run.steps:
            sentence = f"The milestone {late[0]:,} takes effect at step {part.at(late[0]):,}, "
            sentence += f"after the last of the run's {run.steps:,} updates."
            remedy = "Give milestones in updates, below the length of the run."
            yield Finding("warning", run.steps - 1, sentence, remedy, "milestone-beyond")


def _milestones(node: Schedule) -> tuple[int, ...]:
    if isinstance(node, MultiStep):
        return node.milestones
    if isinstance(node, Piecewise):
        return node.starts
    return node.at if isinstance(node, SampledAt) else ()


def short_last_cycle(run: Run) -> Iterator[Finding]:
    """Restarts whose last cycle is cut by the end."""
    windows = [(run.schedule, run.steps, Fraction(0), Fraction(1))] if run.schedule.duration >= run.steps else []
    windows += [
        (p.node.schedule, p.node.n, p.start, p.pace) for p in run.parts if isinstance(p.node, Lasting) and p.last
    ]
    for schedule, stop, start, pace in windows:
        ends = sorted({int(e) for e in _cycle_ends(schedule, stop)})
        if not ends or ends[-1] < stop:
            continue
        begin = ends[-2] + 1 if len(ends) > 1 else max((int(e) for e in _edges_below(schedule, stop)), default=0)
        length, done = ends[-1] + 1 - begin, stop - begin
        if done < 0.95 * length:
            at = math.ceil(start + begin * pace)
            sentence = f"The run ends {done:,} steps into a cycle of {length:,}, with the rate at {number(schedule(stop - 1))}."
            remedy = f"End the run with a cycle, at step {begin:,} or {ends[-1] + 1:,}, or change their length."
            yield Finding("warning", at, sentence.replace(" 1 steps", " 1 step"), remedy, "short-last-cycle")


def _cycle_ends(schedule: Schedule, stop: int) -> list[int]:
    if schedule.duration < math.inf or stop > 10**7:
        return []
    return schedule.cycles(stop) or []


def _edges_below(schedule: Schedule, stop: int) -> list[int]:
    restarts = [p for p in itertools.islice(placed(schedule), PLACES) if isinstance(p.node, Restarted)]
    return [p.at(0) for p in restarts if p.at(0) < stop]


# ---- units


def epochs_for_steps(run: Run) -> Iterator[Finding]:
    """Numbers that look like epochs in a run that counts updates."""
    if run.schedule.duration < run.steps and _counts_epochs(run):
        n = int(run.schedule.duration)
        sentence = f"The schedule is over after {n:,} of {run.steps:,} updates: it seems to count epochs."
        yield _epochs("error" if run.steps_per_epoch else "warning", n, sentence)
    for part in run.parts:
        if any(isinstance(other.node, PerEpoch) for other in run.parts) or part.start >= run.steps:
            continue
        marks = [*_milestones(part.node)] if not isinstance(part.node, SampledAt) else []
        if marks and 1 <= marks[-1] <= 1000 and 100 * part.at(marks[-1]) <= run.steps:
            sentence = f"The last milestone, {marks[-1]:,}, comes in the first hundredth of {run.steps:,} updates: "
            yield _epochs("warning", part.at(marks[-1]), sentence + "it seems to be an epoch.")
        if isinstance(part.node, StepDecay) and part.node.gamma < 1:
            last = part.node.gamma ** ((run.steps - part.at(0)) / float(part.node.every * part.pace))
            if last < 1e-12 and part.node.every <= 1000:
                sentence = (
                    f"step_decay(every={part.node.every}) leaves {last:.0e} of the rate after {run.steps:,} updates: "
                )
                yield _epochs("warning", part.at(part.node.every), sentence + "it seems to count epochs.")
        if _rises(part.node) and 1 <= part.node.duration <= 30 and 2000 * part.at(part.node.duration) <= run.steps:
            sentence = f"The warm-up takes {part.node.duration:,} of {run.steps:,} updates: it seems to count epochs."
            yield _epochs("warning", part.at(0), sentence)


def _epochs(severity: str, step: int, sentence: str) -> Finding:
    remedy = "Let the schedule count epochs with .per_epoch(steps_per_epoch), or multiply its lengths."
    return Finding(severity, step, sentence, remedy, "epochs-for-steps")


def _counts_epochs(run: Run) -> bool:
    """Whether the whole schedule seems to be laid out in epochs."""
    n = run.schedule.duration
    if n == math.inf or n < 2:
        return False
    if run.steps_per_epoch is not None and run.steps_per_epoch > 1:
        return abs(run.steps / run.steps_per_epoch - n) <= 1
    if _ends_on_top(run, float(run.schedule.after("hold")(int(n)))):
        return False
    whole = run.steps % int(n) == 0
    return n <= 1000 and run.steps >= (20 if whole else 50) * n


# ---- joints and shapes


def jump_at_joint(run: Run) -> Iterator[Finding]:
    """Pieces that do not meet."""
    for part in run.parts:
        if not isinstance(part.node, Sequence):
            continue
        local = 0
        head = part.node.parts[0]
        for before, after in itertools.islice(itertools.pairwise(part.node.parts), JOINTS):
            local += before.duration
            step = part.at(local)
            if step >= run.steps:
                break
            if before.duration and after.duration:
                yield from _joint(run, step, before, after, first=before is head)


def _joint(run: Run, step: int, before: Schedule, after: Schedule, first: bool) -> Iterator[Finding]:
    left, right = float(before.after("hold")(int(before.duration))), float(after(0))
    if _close(left, right, 0.01) or not math.isfinite(left + right) or step < 1:
        return
    if _close(run.value(step - 1), run.value(step), 0.001):
        return
    change = f"from {number(left)} to {number(right)}"
    if _warms(before):
        remedy = "End the warm-up where the next piece starts."
        if _scale(before) is not None and _scale(after) is None:
            remedy = f"'*' binds tighter than '>>': write {_scale(before)!r} * (warm-up >> decay), with parentheses."
        sentence = f"The warm-up jumps at its joint, {change}."
        yield Finding("error", step, sentence, remedy, "warmup-jump")
    elif first and _scale(before) is not None and _scale(after) is None and right > 20 * abs(left):
        remedy = f"'*' binds tighter than '>>': write {_scale(before)!r} * (... >> ...), with parentheses."
        yield Finding("error", step, f"The rate jumps at a joint, {change}.", remedy, "jump")
    elif not _meant(before, after, left, right, first):
        remedy = "Let the next piece start where this one ends: over(steps, start=...)."
        yield Finding("warning", step, f"The rate jumps at a joint, {change}.", remedy, "jump")


def _meant(before: Schedule, after: Schedule, left: float, right: float, first: bool) -> bool:
    """Whether a jump is one that people make on purpose: between levels, a restart, a fall to a level."""
    if _warms(after) or (_level(before) and (_level(after) or (first and right > left))):
        return True
    return _falls(before) and _falls(after) and left < right <= 1.01 * float(before(0))


def _scale(node: Schedule) -> float | None:
    """The number that multiplies a piece, if one does."""
    if isinstance(node, Product):
        return next((float(p.value) for p in node.parts if isinstance(p, Constant)), None)
    return None


def _bare(node: Any) -> Any:
    """The piece without numbers that are added, multiplied or divided."""
    while True:
        if isinstance(node, Product | Sum):
            varying = [p for p in node.parts if not isinstance(p, Constant)]
            if len(varying) != 1:
                return node
            node = varying[0]
        elif isinstance(node, Quotient) and isinstance(node.right, Constant):
            node = node.left
        elif isinstance(node, Lasting | After | Negative):
            node = node.schedule
        else:
            return node


def _warms(node: Schedule) -> bool:
    return _rises(_bare(node))


def _level(node: Schedule) -> bool:
    return isinstance(_bare(node), Hold | Constant | Piecewise | MultiStep)


def _falls(node: Schedule) -> bool:
    n = min(node.duration, 2**20)
    return float(node.after("hold")(int(n)) if n == node.duration else node(int(n))) < float(node(0))


def rises_in_decay(run: Run) -> Iterator[Finding]:
    """A decay that goes up."""
    for part in run.parts:
        node = part.node
        if part.start >= run.steps:
            continue
        if isinstance(node, MultiStep | StepDecay | ExponentialDecay) and node.gamma > 1:
            step = part.at(_milestones(node)[0] if _milestones(node) else getattr(node, "every", 1))
            if step < run.steps:
                remedy = f"A gamma below 1 lowers the rate; did you mean {number(1 / node.gamma)}?"
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
    if any(isinstance(p, MirroredProfile | Phases) for p in _profiles(profile)):
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


def _profiles(profile: Any) -> Iterator[Any]:
    yield profile
    for child in children(profile):
        yield from _profiles(child)


def _turn(values: tuple[float, ...]) -> int | None:
    """The index of the first value above the one before, after a fall."""
    fallen = False
    for i in range(1, len(values)):
        if fallen and values[i] > values[i - 1]:
            return i
        fallen = fallen or values[i] < values[i - 1]
    return None


def _close(a: float, b: float, share: float = 1e-3) -> bool:
    return abs(a - b) <= share * max(abs(a), abs(b))


RULES: tuple[Callable[[Run], Iterator[Finding]], ...] = (
    bad_values,
    zero_first,
    warmup_too_long,
    run_too_short,
    run_too_long,
    end_never_reached,
    milestone_beyond,
    short_last_cycle,
    epochs_for_steps,
    jump_at_joint,
    rises_in_decay,
)
