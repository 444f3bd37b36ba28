"""What every law of the loss does: predict from rates, say for which peaks it is good, print, draw."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from lrsched.analysis.rates import namespace, rates_of
from lrsched.analysis.records import Result, axes, number
from lrsched.combinators.arithmetic import minimum
from lrsched.foundation.errors import ScheduleError, check_count, check_real, fail
from lrsched.foundation.numbers import any_jax, is_jax
from lrsched.profiles.shapes import linear
from lrsched.schedules.spans import constant

__all__ = ["Law", "counts_of", "power"]

SLACK = 1.5  # how far beyond the peaks that were fitted a prediction still stands
DRAWN = 20_000
LONGEST = 1000


class Law(Result):
    """The base of the laws: a loss as a function of the rates alone.

    A law declares its parameters, ``POSITIVE`` (those that are not negative) and ``losses``; its last fields are
    ``peaks``, the least and the largest peak rate of the runs that it was fitted to, ``name``, and ``remarks``, what
    its user has to know, in sentences.
    """

    POSITIVE: ClassVar[tuple[str, ...]] = ()
    assumes: ClassVar[tuple[str, ...]] = (
        "the loss depends on the rates alone: one model, data, batch size, optimizer and weight decay.",
        "the schedule is like those of the runs fitted.",
        "not to be trusted for schedules without a cooldown if all runs had one, for diverging rates, in longer runs.",
    )
    peaks: tuple[float, float]
    name: str
    remarks: tuple[str, ...]

    def __post_init__(self) -> None:
        where = type(self).__name__
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.type == "float" and not is_jax(value):
                value = check_real(where, field.name, value)
                if field.name in self.POSITIVE and value < 0:
                    fail(where, field.name, "a number >= 0", value)
                object.__setattr__(self, field.name, value)
        object.__setattr__(self, "peaks", _checked_peaks(where, self.peaks))
        object.__setattr__(self, "remarks", tuple(self.remarks))
        for said in (self.name, *self.remarks):
            if not isinstance(said, str) or not said.isprintable() or len(said) > LONGEST:
                fail(where, "name and remarks", f"printable texts of at most {LONGEST} characters", said)

    def losses(self, rates: Any, at: Any) -> Any:
        """The loss after each of ``at`` updates, of checked rates; inf before the first rate above 0."""
        raise NotImplementedError

    def held(self, levels: Any, counts: Any) -> Any:
        """The last loss of a run that keeps each of ``levels`` for some of ``counts`` updates."""
        return self.losses(namespace(levels).repeat(levels, counts), np.array([int(np.sum(counts))]))[0]

    def predict(self, rates: Any, steps: Any = None, at: Any = None) -> Any:
        """The loss after the last update of a run, or after each of ``at`` updates.

        Args:
            rates: a schedule, or a vector with the rate of every update.
            steps: updates of the run; the duration of the schedule, or the length of the vector, if it is None.
            at: numbers of updates made, from 1 to ``steps``. The loss of a log at index t is the one after t + 1.

        Returns:
            A float; a vector where ``at`` is one. It is inf where no rate above 0 has been used yet. With JAX values
            a JAX array, which can be differentiated.

        Raises:
            ScheduleError: the rates, the steps or ``at`` are none, or the law has no finite value there.

        Example:
            >>> import lrsched as lrs
            >>> law = lrs.analysis.published["mpl-100m"]
            >>> run = 3e-4 * (lrs.warmup(500) >> lrs.cosine().over(9500, end=0.1))
            >>> round(law.predict(run), 3)
            3.148
            >>> law.predict(run, at=[1000, 10_000]).round(3).tolist()
            [3.958, 3.148]
        """
        where = f"{type(self).__name__}.predict"
        given = rates_of(where, rates, steps)
        wanted = counts_of(where, len(given) if at is None else at, len(given))
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is an error below
            found = self.losses(given, np.atleast_1d(wanted))
        if not is_jax(found):
            _check_finite(where, found, given, np.atleast_1d(wanted))
            return float(found[0]) if np.ndim(wanted) == 0 else found
        return found[0] if np.ndim(wanted) == 0 else found

    def covers(self, peak: float) -> bool:
        """Whether predictions at a peak rate stand: between two thirds of the least fitted peak and 1.5 of the largest.

        Example:
            >>> import lrsched as lrs
            >>> lrs.analysis.published["mpl-100m"].covers(3e-4), lrs.analysis.published["mpl-100m"].covers(1e-3)
            (True, False)
        """
        low, high = self.peaks
        return bool(low / SLACK <= peak <= SLACK * high)

    @property
    def notes(self) -> tuple[str, ...]:
        """What its user has to know."""
        low, high = self.peaks
        seen = f"a peak of {low:.4g}" if low == high else f"peaks from {low:.4g} to {high:.4g}"
        return (f"fitted to runs with {seen}; not good beyond {low / SLACK:.2g} to {high * SLACK:.2g}.", *self.remarks)

    def table(self) -> list[tuple[str, ...]]:
        """One parameter a line."""
        fields = [f for f in dataclasses.fields(self) if f.type in ("float", "int")]  # type: ignore[arg-type]
        values = [(f.name, f.type, getattr(self, f.name)) for f in fields]
        return [(self.name, "value"), *((name, str(v) if kind == "int" else number(v, 6)) for name, kind, v in values)]

    def plot(self, ax: Any = None) -> Any:
        """Draw the loss that it predicts along three runs of 20,000 updates at its largest peak; return the axes."""
        self.concrete("drawn")
        ax = axes(ax)
        ramp = linear()
        shapes = {
            "constant": constant(1.0),
            "cooldown over 20 %": minimum(1.0, 5 * ramp.over(DRAWN)),
            "linear": ramp.over(DRAWN),
        }
        at = np.unique(np.linspace(DRAWN // 20, DRAWN, 200).astype(int))
        for label, shape in shapes.items():
            ax.plot(at, self.predict(self.peaks[1] * shape, DRAWN, at), label=label)
        ax.set(xlabel="updates", ylabel="predicted loss", title=f"{self.name}, peak {self.peaks[1]:g}")
        ax.legend(frameon=False)
        return ax


def _checked_peaks(where: str, peaks: Any) -> tuple[float, float]:
    """The least and the largest peak."""
    allowed = "two numbers, 0 < least <= largest peak of the runs fitted"
    if not isinstance(peaks, tuple | list) or len(peaks) != 2:
        fail(where, "peaks", allowed, peaks, wrong_type=True)
    if any_jax(peaks):
        return peaks[0], peaks[1]
    low, high = (check_real(where, "peaks", value, allowed) for value in peaks)
    if not 0 < low <= high:
        fail(where, "peaks", allowed, peaks)
    return low, high


def counts_of(where: str, at: Any, steps: int) -> Any:
    """Numbers of updates made: an integer, or a vector of them, from 1 to ``steps``."""
    try:
        found: Any = np.asarray(at)
    except ValueError:  # rows of several lengths
        fail(where, "at", "numbers of updates made, in a vector", at, wrong_type=True)
    if found.ndim == 0:
        found = np.int64(check_count(where, "at", at, 1))
    else:
        is_whole = found.dtype.kind in "iu" or (found.dtype.kind == "f" and (found == np.floor(found)).all())
        if found.ndim != 1 or not is_whole or not np.isfinite(found).all():
            fail(where, "at", "numbers of updates made, in a vector", at, wrong_type=True)
        found = found.astype(np.int64)
    if np.size(found) and not (np.min(found) >= 1 and np.max(found) <= steps):
        wrong = np.atleast_1d(found)[(np.atleast_1d(found) < 1) | (np.atleast_1d(found) > steps)][0]
        fail(where, "at", f"from 1 to {steps:,}, the updates of the run", int(wrong))
    return found


def _check_finite(where: str, losses: Any, rates: Any, at: Any) -> None:
    wrong = ~np.isfinite(losses)
    if wrong.any():
        wrong[wrong] = at[wrong] > np.argmax(rates > 0)
    if wrong.any():
        place = int(at[np.argmax(wrong)])
        raise ScheduleError(
            f"{where}: the law has no finite loss after {place:,} updates of rates whose largest is {rates.max():g}"
        )


def power(xp: Any, factor: Any, total: Any, exponent: Any) -> Any:
    """``factor * total ** -exponent``; inf, without a warning or an endless slope, where the total is 0."""
    some = total > 0
    return xp.where(some, factor * xp.where(some, total, 1.0) ** -exponent, np.inf)
