"""Rules about a schedule's values, about lengths that do not fit the run, and about epochs given for updates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched.algebra.node import walk
from lrsched.algebra.schedule import Part, Schedule
from lrsched.combinators.arithmetic import Negative, Power, Quotient, Raised
from lrsched.combinators.sampled import PerEpoch, SampledAt
from lrsched.combinators.shifting import Lasting
from lrsched.inspection.describe import defined, looks, spread
from lrsched.inspection.description import number
from lrsched.inspection.findings import PLACES, Finding, Run, alike, end_of, placed, rises
from lrsched.profiles.shapes import Exponential, InverseTime, Tanh
from lrsched.schedules.endless import StepDecay
from lrsched.schedules.spans import Constant, Over

LONGEST = 2**31

# ---- values


# name, which values, what is said and what to do, of the value and the limit
BAD: tuple[tuple[str, Callable[[Any, float], Any], str, str], ...] = (
    (
        "not-a-number",
        lambda v, limit: np.isnan(v),
        "The rate is NaN.",
        "Look for a division by 0 or a root of a negative value.",
    ),
    (
        "infinite",
        lambda v, limit: np.isinf(v),
        "The rate is {0}.",
        "Look for a division by 0, or bound it with .clipped(low, high).",
    ),
    (
        "negative",
        lambda v, limit: v < 0,
        "The rate is negative, {0}.",
        "Bound it with lrs.maximum(schedule, 0), or look for a wrong sign or end.",
    ),
    (
        "above-limit",
        lambda v, limit: v > limit,
        "The rate, {0}, is above the limit of {1:g}.",
        "Lower the peak, or bound the rate with lrs.minimum(schedule, limit).",
    ),
)


def bad_values(run: Run) -> Iterator[Finding]:
    """NaN, infinite and negative values, and those above a limit: the first of each sort."""
    limit, left = math.inf if run.limit is None else run.limit, list(BAD)
    for steps, values in looks(run.schedule, defined(run.schedule, run.steps)):
        for sort in [*left]:
            name, test, sentence, remedy = sort
            with np.errstate(invalid="ignore"):
                found = np.flatnonzero(test(values, limit))
            if found.size:
                left.remove(sort)
                first = int(found[0])
                said = sentence.format(number(values[first]), limit)
                yield Finding("error", int(steps[first]), said, remedy, name)


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
    """A warm-up that takes the whole run: an error where something else was to come, a note where nothing was."""
    n = run.schedule.duration
    if n == run.steps and _ends_on_top(run, end_of(run.schedule)):
        yield from _only_rises(run)
        return
    for part in _warmups(run):
        if part.start < run.steps:
            end = part.at(part.schedule.duration)
            if end >= run.steps and end > part.start:
                sentence = f"The warm-up lasts until step {end:,}, but the run has {run.steps:,} updates."
                remedy = "Make the warm-up shorter; if it counts updates and the run counts epochs, use one unit."
                yield Finding("error", max(0, part.at(0)), sentence, remedy, "warmup-too-long")


def _warmups(run: Run) -> list[Part]:
    """The warm-ups of the rate, without those that a formula counts with, such as divisors, powers and differences."""
    inside = (n for n in walk(run.schedule) if isinstance(n, Power | Raised | Negative) or _divides(n))
    counted = {id(part) for node in inside for part in walk(node)}
    return [part for part in run.parts if rises(part.schedule) and id(part.schedule) not in counted]


def _divides(node: Any) -> bool:
    return isinstance(node, Quotient) and not isinstance(node.right, Constant)


def _only_rises(run: Run) -> Iterator[Finding]:
    """A schedule that rises to its end, run for exactly its own length."""
    warm = next((part for part in _warmups(run) if part.at(part.schedule.duration) == run.steps), None)
    if warm is not None and run.value(0) <= 0.1 * run.value(run.steps - 1):
        end = number(end_of(run.schedule))
        sentence = f"The whole run is warm-up: {end} would be the rate of update {run.steps:,}, the first after it."
        yield Finding(
            "note", max(0, warm.at(0)), sentence, "In a longer run, put >> and what comes next.", "only-warmup"
        )


def run_too_short(run: Run) -> Iterator[Finding]:
    """The schedule goes on when the run is over."""
    n = run.schedule.duration
    if not run.steps < n < math.inf:
        return
    last, end = run.value(run.steps - 1), end_of(run.schedule)
    if _at_rest(run, last, int(n)):
        return
    sentence = f"The run ends after {run.steps:,} of the schedule's {int(n):,} steps, at {number(last)}"
    sentence += "." if alike(last, end) else f"; its end, {number(end)}, is never reached."
    remedy = f"Lay the schedule out for the run: .rescaled({run.steps})."
    yield Finding("warning", run.steps - 1, sentence, remedy, "run-too-short")


def _at_rest(run: Run, last: float, n: int) -> bool:
    """Whether all that is left of a schedule that has risen is its last value, to a thousandth."""
    if n > LONGEST or not run.value(0) < last < math.inf:
        return False
    left = run.schedule.after("hold")(spread(run.steps, n))
    return bool(np.all(np.abs(left - last) <= 1e-3 * abs(last)))


def run_too_long(run: Run) -> Iterator[Finding]:
    """The run goes on when the schedule is over."""
    n = run.schedule.duration
    if not n < run.steps or n == 0:
        return
    policies = (part.schedule.after_policy for part in run.parts if part.last)
    policy = next((policy for policy in policies if policy is not None), None)
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
        node = part.schedule
        if isinstance(node, Lasting) and part.last and 0 < node.n < node.schedule.duration < math.inf:
            reached, end = float(node(node.n)), end_of(node.schedule)
            if not alike(reached, end) and part.at(node.n) <= run.steps:
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
        late = [m for m in part.schedule.milestones if part.at(m) >= run.steps]
        if late and part.start < run.steps:
            sentence = f"The milestone {late[0]:,} takes effect at step {part.at(late[0]):,}, "
            sentence += f"after the last of the run's {run.steps:,} updates."
            remedy = "Give milestones in updates, below the length of the run."
            yield Finding("warning", run.steps - 1, sentence, remedy, "milestone-beyond")


def short_last_cycle(run: Run) -> Iterator[Finding]:
    """Restarts whose last cycle is cut by the end."""
    windows = [(run.schedule, run.steps, Fraction(0), Fraction(1))] if run.schedule.duration >= run.steps else []
    cut = ((part, part.schedule) for part in run.parts if part.last)
    windows += [(s.schedule, s.n, Fraction(p.start), Fraction(p.pace)) for p, s in cut if isinstance(s, Lasting)]
    for schedule, stop, start, pace in windows:
        last = schedule.edge(stop - 1, ends=True) if stop > 0 and schedule.duration == math.inf else None
        if last is None or last <= stop or not schedule.in_cycle(stop - 1):
            continue
        begin = schedule.edge(stop, True, True) or _first_cycle(schedule, stop)
        length, done = last - begin, stop - begin
        if 0 < done < 0.95 * length and not _at_its_foot(schedule, begin, stop, length):
            at = math.ceil(start + begin * pace)
            rate = number(schedule(stop - 1))
            sentence = f"The run ends {done:,} steps into a cycle of {length:,}, with the rate at {rate}."
            remedy = f"End the run with a cycle, at step {begin:,} or {last:,}, or change their length."
            yield Finding("warning", at, sentence.replace(" 1 steps", " 1 step"), remedy, "short-last-cycle")


def _at_its_foot(schedule: Schedule, begin: int, stop: int, length: int) -> bool:
    """Whether a cycle that is cut at ``stop`` has come down to its smallest value by then."""
    values = schedule(spread(begin, begin + length))
    low, high = float(np.min(values)), float(np.max(values))
    return float(schedule(stop)) - low < 0.01 * (high - low)


def _first_cycle(schedule: Schedule, stop: int) -> int:
    """Where the first cycle begins, if it is the one that lies at ``stop``."""
    starts = (part.at(0) for part in itertools.islice(placed(Part(schedule)), PLACES) if part.cycle)
    return max((int(start) for start in starts if start < stop), default=0)


# ---- units


def epochs_for_steps(run: Run) -> Iterator[Finding]:
    """Numbers that look like epochs in a run that counts updates."""
    if run.schedule.duration < run.steps and _counts_epochs(run):
        n = int(run.schedule.duration)
        sentence = f"The schedule is over after {n:,} of {run.steps:,} updates: it seems to count epochs."
        yield _epochs("error" if run.steps_per_epoch else "warning", n, sentence)
    for part in run.parts:
        node = part.schedule
        if any(isinstance(other.schedule, PerEpoch) for other in run.parts) or part.start >= run.steps:
            continue
        marks = () if isinstance(node, SampledAt) else node.milestones
        if marks and 1 <= marks[-1] <= 1000 and 100 * part.at(marks[-1]) <= run.steps:
            sentence = f"The last milestone, {marks[-1]:,}, comes in the first hundredth of {run.steps:,} updates: "
            yield _epochs("warning", part.at(marks[-1]), sentence + "it seems to be an epoch.")
        if isinstance(node, StepDecay) and node.gamma < 1:
            last = node.gamma ** ((run.steps - part.at(0)) / float(node.every * part.pace))
            if last < 1e-12 and node.every <= 1000:
                sentence = f"step_decay(every={node.every}) leaves {last:.0e} of the rate after {run.steps:,} updates: "
                yield _epochs("warning", part.at(node.every), sentence + "it seems to count epochs.")
        if rises(node) and 1 <= node.duration <= 30 and 2000 * part.at(node.duration) <= run.steps:
            sentence = f"The warm-up takes {node.duration:,} of {run.steps:,} updates: it seems to count epochs."
            yield _epochs("warning", part.at(0), sentence)


def _epochs(severity: str, step: int, sentence: str) -> Finding:
    remedy = "Let the schedule count epochs with .per_epoch(steps_per_epoch), or multiply its lengths."
    return Finding(severity, step, sentence, remedy, "epochs-for-steps")


def _counts_epochs(run: Run) -> bool:
    """Whether the whole schedule seems to be laid out in epochs."""
    n = run.schedule.duration
    if n == math.inf or n < 2 or any(part.last and part.schedule.after_policy is not None for part in run.parts):
        return False
    if run.steps_per_epoch is not None and run.steps_per_epoch > 1:
        return abs(run.steps / run.steps_per_epoch - n) <= 1
    if _ends_on_top(run, end_of(run.schedule)):
        return False
    whole = run.steps % int(n) == 0
    return n <= 1000 and run.steps >= (20 if whole else 50) * n


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
)
