"""What is worth knowing of a schedule before the run: notes, each with its number and its source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lrsched.algebra.schedule import Schedule
from lrsched.analysis.averages import averaging
from lrsched.analysis.bound import convex_bound
from lrsched.analysis.rates import rates_of
from lrsched.analysis.records import number
from lrsched.analysis.transferring import transfer
from lrsched.foundation.errors import ABOVE_0, BELOW_1, check_real, fail
from lrsched.inspection.findings import Finding
from lrsched.profiles import linear

__all__ = ["advise", "judge", "reference"]

LAST, COOLDOWN = 0.2, 0.2
LOW, WASTED = 1e-3, 0.02
STANDING, SHORT, SHARP = 0.05, 0.05, 1e-6
NEAR = 1e-9  # as a share: 2 / (1 - 0.999) is a little more than 2000
BOUND = "(convex theory: Schaipp et al. 2025)"
AVERAGE = "(AdamW as an average: Wang and Aitchison 2024)"


def advise(
    schedule: Schedule, steps: int | None = None, *, weight_decay: Any = None, beta2: Any = None, tuned: Any = None
) -> tuple[Finding, ...]:
    """What theory and experience say of a schedule: notes that are no findings of ``check`` and change no exit status.

    The notes, by name: "no-cooldown" (what a linear cooldown would give), "wasted-tail" (updates at hardly any rate),
    "sharp-last" (a last rate at which the published bound explodes), "short-warmup" (for Adam's second moment),
    "frozen-init" and "short-memory" (what AdamW's last weights are made of), "peak-transfer" (a tuned peak, moved).

    Args:
        schedule: the schedule.
        steps: length of the run in updates; by default its own.
        weight_decay: that of AdamW, a number or a schedule, for notes on what it averages.
        beta2: that of Adam, in (0, 1), for a note on the warm-up.
        tuned: a schedule whose peak was tuned, that peak, and the steps of its run; None stands for its own.

    Raises:
        ScheduleError: an argument outside its range.

    Example:
        >>> import lrsched as lrs
        >>> for note in lrs.analysis.advise(3e-4 * lrs.hold(10_000)):
        ...     print(note.name, note.sentence)
        no-cooldown The last rate is 100% of the peak: the shape is 3.27, and 2.16 with a linear cooldown ...
    """
    if not isinstance(schedule, Schedule):
        fail("advise", "schedule", "a schedule", schedule, wrong_type=True)
    schedule.concrete("judged in words")
    rates = rates_of("advise", schedule, steps, argument="schedule")
    if beta2 is not None:
        check_real("advise", "beta2", beta2, "a number in (0, 1)", ABOVE_0, BELOW_1)
    return judge("advise", schedule, rates, weight_decay=weight_decay, beta2=beta2, tuned=reference("advise", tuned))


def reference(where: str, tuned: Any) -> tuple[Any, float] | None:
    """The rates of a tuned run and its peak, from (schedule, peak, steps)."""
    if tuned is None:
        return None
    if not isinstance(tuned, tuple | list) or len(tuned) != 3:
        fail(where, "tuned", "(schedule, peak, steps); None stands for the schedule's own", tuned, wrong_type=True)
    schedule, peak, steps = tuned
    rates = rates_of(where, schedule, steps, argument="tuned[0]", count="tuned[2]")
    peak = float(rates.max()) if peak is None else peak
    return rates, check_real(where, "tuned[1]", peak, "a peak > 0", ABOVE_0)


def judge(
    where: str, schedule: Schedule, rates: Any, *, weight_decay: Any, beta2: Any = None, tuned: Any
) -> tuple[Finding, ...]:
    """The notes on rates that are known."""
    found = [*_cooldown(schedule, rates), *_tail(rates), *_warmup(rates, beta2)]
    if weight_decay is not None:
        found += _average(rates, weight_decay)
    if tuned is not None:
        found.append(_peak(rates, *tuned))
    return tuple(found)


def _note(step: int, name: str, sentence: str, remedy: str) -> Finding:
    return Finding("note", int(step), sentence, remedy, name)


def _cooldown(schedule: Schedule, rates: Any) -> Iterator[Finding]:
    last, size = rates[-1] / rates.max(), rates.size
    length = round(COOLDOWN * size)
    if last <= LAST or not length:
        return
    cooled = schedule.cooldown(size - length, length, linear()).sample(size)
    here, there = convex_bound(rates).shape, convex_bound(cooled).shape
    if there < here:
        sentence = (
            f"The last rate is {last:.0%} of the peak: the shape is {here:.3g}, and {there:.3g} with a linear cooldown "
            f"over the last {length:,} updates; smaller is better {BOUND}."
        )
        yield _note(size - 1, "no-cooldown", sentence, f"Write .cooldown({size - length}, {length}).")


def _tail(rates: Any) -> Iterator[Finding]:
    peak, size = rates.max(), rates.size
    low = size - 1 - int(np.flatnonzero(rates >= LOW * peak)[-1])
    if low > WASTED * size:
        sentence = f"The last {low:,} updates, {low / size:.1%} of the run, have less than {LOW:g} of the peak {BOUND}."
        yield _note(size - low, "wasted-tail", sentence, "They move nothing: end earlier, or decay over the whole run.")
    sharp = np.flatnonzero(rates)[-2:]
    if sharp.size == 2 and rates[sharp[1]] < SHARP * rates[sharp[0]]:
        ratio = rates[sharp[1]] / rates[sharp[0]]
        sentence = f"The last rate is {ratio:.1e} of the one before: the published bound divides by it, and explodes."
        yield _note(sharp[1], "sharp-last", sentence, "Judge it with the last step free, as is the default here.")


def _warmup(rates: Any, beta2: float | None) -> Iterator[Finding]:
    if beta2 is None:
        return
    length, needed = int(np.argmax(rates >= (1 - NEAR) * rates.max())), 2.0 / (1.0 - beta2)
    if length < (1 - NEAR) * needed:
        sentence = (
            f"The peak is reached after {length:,} updates, and Adam's second moment takes about 2/(1 - beta2) = "
            f"{needed:,.0f} (Ma and Yarats 2021)."
        )
        yield _note(0, "short-warmup", sentence, f"Warm up over about {needed:,.0f} updates, if the start is unstable.")


def _average(rates: Any, weight_decay: Any) -> Iterator[Finding]:
    found = averaging(rates, weight_decay)
    if STANDING < found.init < 1.0:
        sentence = (
            f"The first weights still make {found.init:.0%} of the last ones, so that weight decay hardly acts in this "
            f"run {AVERAGE}."
        )
        yield _note(rates.size - 1, "frozen-init", sentence, "A larger peak * weight decay, or a longer run, lets it.")
    if 0 < found.window < SHORT * rates.size:
        sentence = (
            f"The last weights average over {found.window:,.0f} updates, {found.window / rates.size:.1%} of the run "
            f"{AVERAGE}."
        )
        yield _note(rates.size - 1, "short-memory", sentence, "A smaller peak * weight decay remembers more.")


def _peak(rates: Any, tuned: Any, peak: float) -> Finding:
    moved, given = transfer(peak, tuned, rates), float(rates.max())
    sentence = (
        f"The tuned peak {number(peak, 3)} becomes {number(moved.peak, 3)} here ({number(moved.low, 2)} to "
        f"{number(moved.high, 2)}), and this schedule has {number(given, 3)} {BOUND}."
    )
    return _note(int(np.argmax(rates)), "peak-transfer", sentence, f"Multiply it by {number(moved.peak / given, 3)}.")
