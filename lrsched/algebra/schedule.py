"""The base of all schedules: operators, combinators and readings."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lrsched.algebra import pytree, state_dicts  # noqa: F401 (every kind is known to JAX and to Flax)
from lrsched.algebra.answers import ANSWERS, answer_inside
from lrsched.algebra.arithmetic import Arithmetic
from lrsched.algebra.doors import report
from lrsched.algebra.node import children, holds_arrays
from lrsched.algebra.registry import BASES, KINDS, built
from lrsched.algebra.rescaling import Scale, rescale, rescaled
from lrsched.foundation.argument_names import speaking_as
from lrsched.foundation.errors import ScheduleError, check_count, fail
from lrsched.foundation.numbers import is_jax
from lrsched.foundation.records import Record

if TYPE_CHECKING:
    from lrsched.algebra.profile import Profile
    from lrsched.inspection.description import Description
    from lrsched.inspection.findings import Finding


class Schedule(Arithmetic["Schedule"]):
    """A value for every step, with a duration in steps or ``math.inf``.

    Call it with a step (an int, a float, a NumPy or JAX array, a tracer); combine it with ``>> + - * / **``;
    past its duration it holds its terminal value.

    Example:
        >>> from lrsched import cosine, warmup
        >>> lr = 3e-4 * (warmup(500) >> cosine().over(9_500, end=0.1))
        >>> lr(0), lr(500), round(lr(123_456), 12)
        (0.0, 0.0003, 3e-05)
    """

    __slots__ = ()
    _base, _family, _number = "Schedule", "", "constant"

    if TYPE_CHECKING:

        def __call__(self, t: Any) -> Any:
            """The value at step t."""

        steps: Any

    @property
    def duration(self) -> Any:
        """Number of steps, or ``math.inf``: that of the field ``steps``, unless a kind says otherwise."""
        return self.steps

    def edge(self, t: int, back: bool = False, ends: bool = False) -> int | None:
        """The first boundary after step t, or the last before it (``back``), inside (0, duration).

        With ``ends`` where an outermost cycle ends, which may be the duration. One question costs one of each node,
        whatever the number of cycles.
        """
        marks = () if ends else self.milestones
        i = bisect.bisect_left(marks, t) - 1 if back else bisect.bisect_right(marks, max(t, 0))
        return marks[i] if 0 <= i < len(marks) and marks[i] > 0 else None

    def walk_edges(self, stop: Any, ends: bool = False) -> Iterator[int]:
        """The boundaries below ``stop``, or the ends of cycles up to it, one by one."""
        found = self.edge(0, ends=ends)
        while found is not None and (found <= stop if ends else found < stop):
            yield found
            found = self.edge(found, ends=ends)

    @property
    def lasts(self) -> Any:
        """The duration, found once."""
        memo = self._memo
        if "lasts" not in memo:
            memo["lasts"] = self.duration
        return memo["lasts"]

    def in_cycle(self, t: int) -> bool:
        """Whether step t lies in a cycle."""
        return any(inner.in_cycle(t) for inner in self._inside())

    def _first_value(self) -> Any:
        """The value at step 0, as it was given where that is exactly it."""
        return self(0)

    # -- what a kind says of itself and of what is inside it, where it is not as most are

    shows_parts: ClassVar[bool] = False  # a description shows its parts in time, one by one, and not the whole
    if TYPE_CHECKING:
        counts_phases: Any  # it counts cycles, samples or steps, for ever: its clock begins at an integer
        reach: Any  # it can be asked for steps below: from there on, a step that it counts would be no count
        after_policy: Any  # what ``after`` says of the steps past the duration
        milestones: Any  # the steps that it was given for something to happen at
        goes_on: Any  # whether a policy inside decides what comes after the duration
        endless_edges: Any  # whether there is no end to the boundaries, of this schedule or of one inside
        stretches: Any  # whether a clock runs slower somewhere inside
    else:
        counts_phases, reach, after_policy, milestones = False, math.inf, None, ()
        goes_on, endless_edges, stretches = map(answer_inside, ANSWERS)

    def parts_in_time(self, stop: Any = None) -> Iterable[Part]:
        """The schedules inside that run forwards; of cycles the first, or all that begin below ``stop``."""
        return map(Part, self._inside())

    def parts_from(self, start: int, stop: Any) -> Iterable[Part]:
        """The parts in time, those that end before ``start`` perhaps left out."""
        return self.parts_in_time(stop)

    def laid(self, first: int, last: int) -> Iterable[Laid] | None:
        """What steps ``first`` to ``last - 1`` are made of, within the duration; None if that is no other schedules."""
        return None

    def scaled(self) -> tuple[Schedule, float, float] | None:
        """The one schedule inside, and the factor and the shift that make its values those of this one."""
        return None

    def ramp(self) -> Ramp | None:
        """The line or the half wave that this is within its duration."""
        return None

    def changes(self, first: int, last: int) -> NDArray[np.int64] | None:
        """The steps between ``first`` and ``last`` at which alone the value may change.

        None, whatever the range, if it may at any.
        """
        return None

    is_level: ClassVar[bool] = False  # all its values are the same

    def varying(self) -> Schedule | None:
        """The one schedule inside whose values this one changes, each by itself and by constants; None if none is."""
        return None

    def _inside(self) -> list[Schedule]:
        return [child for child in children(self) if isinstance(child, Schedule)]

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        """This schedule with every boundary where ``scale`` says; ``steps`` is the new duration if it is finite.

        What a kind leaves to this has no length of its own but a field called ``steps``, and what is inside it.
        """
        values = {name: getattr(self, name) for name in self._declared}
        for name, spec in self._declared.items():
            if spec.base == "Schedule":
                inner = values[name]
                values[name] = rescale(inner, scale) if spec.form == "node" else [rescale(s, scale) for s in inner]
        if "steps" in values and steps is not None:
            values["steps"] = steps
        return type(self)(**values)

    # -- in time

    def __rshift__(self, other: Any) -> Schedule:
        return self.then(other) if isinstance(other, Schedule) else NotImplemented

    def then(self, *schedules: Schedule) -> Schedule:
        """This schedule, then the others, each on its own clock: ``self >> a >> b``."""
        return KINDS["sequence"].of(self, *schedules)  # type: ignore[attr-defined]

    def warmup(self, steps: Any, start: Any = 0.0, profile: Profile | None = None, skip_zero: bool = False) -> Schedule:
        """A rise from ``start`` to this schedule's own first value, then this schedule.

        ``warmup(steps, start, s(0), profile, skip_zero) >> s``

        Example:
            >>> from lrsched import constant
            >>> constant(0.2).warmup(2).sample(3).tolist()
            [0.0, 0.1, 0.2]
        """
        rise = built("linear") if profile is None else profile
        begun: Schedule = built("warmup", steps, start, self._first_value(), rise, skip_zero)
        return begun >> self

    def restarted(self, times: int | None = None, t_mult: Any = 1, gamma: Any = 1.0) -> Schedule:
        """Cycle i is this schedule stretched to ``round(T0 * t_mult**i)`` steps (at least 1), times ``gamma**i``.

        Args:
            times: number of cycles, or None for ever (which needs t_mult >= 1).
            t_mult: growth of the cycle length.
            gamma: factor on the value, per cycle.

        Source: Loshchilov and Hutter (2017).

        Example:
            >>> from lrsched import linear
            >>> linear().over(2).restarted(t_mult=2).sample(6).tolist()
            [1.0, 0.5, 1.0, 0.75, 0.5, 0.25]
        """
        return built("restarted", self, times, t_mult, gamma)

    def mirrored(self) -> Schedule:
        """There and back: ``s(t)``, then ``s(2n - t)``; lasts 2n steps."""
        return built("mirrored", self)

    def reversed(self) -> Schedule:
        """``s(n - t)``."""
        return built("reversed", self)

    def stretched(self, k: Any) -> Schedule:
        """``s(t / k)``, k > 0."""
        return built("stretched", self, k)

    def rescaled(self, total: Any) -> Schedule:
        """The same shape in ``total`` steps: every boundary b moves to ``round(b * total / n)``.

        By a whole ratio k that is ``b * k``. By another one, two kinds of boundaries come where a stretch puts them,
        at the first step at or after their place: those that are counted by a number of steps for ever
        (``step_decay``, ``sampled(every=...)``, ``per_epoch``, endless restarts) where that is no whole number in the
        new run, and those inside what is reversed, mirrored, extended, stretched by a fraction or grows by one.

        Example:
            >>> from lrsched import hold, linear
            >>> (hold(10) >> linear().over(90)).rescaled(1000)
            hold(100) >> linear().over(900)
        """
        return rescaled(self, total)

    def extended(self, at: Any, total: Any) -> Schedule:
        """The past up to step ``at`` unchanged, the rest stretched or squeezed to end at ``total``.

        Example:
            >>> from lrsched import linear
            >>> linear().over(4).extended(2, 6).sample(7).tolist()
            [1.0, 0.75, 0.5, 0.375, 0.25, 0.125, 0.0]
        """
        return built("extended", self, at, total)

    def advanced(self, k: Any) -> Schedule:
        """``s(t + k)``: starts k steps in."""
        return built("advanced", self, k)

    def delayed(self, k: Any) -> Schedule:
        """Hold the first value for k steps, then run."""
        return built("delayed", self, k)

    def lasting(self, n: Any) -> Schedule:
        """Cut or held to exactly n steps."""
        return built("lasting", self, n)

    def cooldown(self, at: Any, steps: Any, profile: Profile | None = None, end: Any = 0.0) -> Schedule:
        """From step ``at`` on, fall from whatever the value is there to ``end`` in ``steps`` steps.

        ``at`` may be the duration or lie past it: the schedule then holds its terminal value up to there.

        ``s.lasting(at) >> profile.over(steps, start=s(at), end=end)``

        Example:
            >>> from lrsched import constant
            >>> constant(0.2).cooldown(at=2, steps=2).sample(5).tolist()
            [0.2, 0.2, 0.2, 0.1, 0.0]
        """
        if not is_jax(at):
            at = check_count("cooldown", "at", at)
        shape: Any = built("linear") if profile is None else profile
        if not getattr(shape, "takes_progress", False):
            fail("cooldown", "profile", "a Profile", profile, wrong_type=True)
        with speaking_as("cooldown"):
            return self.lasting(at) >> shape.over(steps, start=self(at), end=end)

    def after(self, policy: Any) -> Schedule:
        """What is given past the duration: "hold", "error", "repeat", "mirror", "extrapolate" or a number."""
        return built("after", self, policy)

    # -- in sampling

    def sampled(self, every: Any = None, *, at: Any = None) -> Schedule:
        """Sample and hold: read the schedule every ``every`` steps, or at the steps ``at``.

        Example:
            >>> from lrsched import linear
            >>> linear().over(4).sampled(every=2).sample(4).tolist()
            [1.0, 1.0, 0.5, 0.5]
        """
        if (every is None) == (at is None):
            raise ScheduleError("sampled: give exactly one of every and at")
        return built("sampled_every", self, every) if at is None else built("sampled_at", self, at)

    def per_epoch(self, steps_per_epoch: Any) -> Schedule:
        """A schedule that counts epochs, each of whose values is held for ``steps_per_epoch`` updates."""
        return built("per_epoch", self, steps_per_epoch)

    # -- in value

    def clipped(self, low: Any, high: Any) -> Schedule:
        """Never below ``low`` nor above ``high``."""
        return built("clipped", self, low, high)

    def perturbed(self, scale: Any, seed: Any) -> Schedule:
        """``s(t) * (1 + scale*n)`` with n in [-1, 1) from a hash of seed and step: the same bits everywhere."""
        return built("perturbed", self, scale, seed)

    def __truediv__(self, other: Any) -> Schedule:
        lifted = self.lift(other)
        return NotImplemented if lifted is None else built("quotient", self, lifted)

    def __rtruediv__(self, other: Any) -> Schedule:
        lifted = self.lift(other)
        return NotImplemented if lifted is None else built("quotient", lifted, self)

    def __rpow__(self, base: Any) -> Schedule:
        lifted = self.lift(base)
        return NotImplemented if lifted is None else built("raised", base, self)

    # -- reading

    def sample(self, start: Any, stop: Any = None, *, out: Any = None, dtype: Any = None) -> Any:
        """The values of a range of steps as a float64 vector: ``sample(n)`` or ``sample(start, stop)``.

        Args:
            start, stop: the range; with one argument, the first that many steps.
            out: an array of the right length to fill instead of a new one.
            dtype: of the new array; float64 unless said otherwise.

        Example:
            >>> from lrsched import warmup
            >>> warmup(4).sample(2, 6).tolist()
            [0.5, 0.75, 1.0, 1.0]
        """
        from lrsched.sampling import sample

        return sample(self, start, stop, out=out, dtype=dtype)

    def boundaries(self, stop: Any = None) -> tuple[int, ...]:
        """The steps inside (0, min(stop, duration)) at which one piece hands over to the next, increasing.

        Raises:
            ScheduleError: there is no end to them and no ``stop`` is given.
        """
        from lrsched.sampling import boundaries

        return boundaries(self, stop)

    def cycle_ends(self, stop: Any) -> tuple[int, ...]:
        """The last step of each outermost cycle below ``stop``, or of the schedule if it has no cycles."""
        from lrsched.sampling import cycle_ends

        return cycle_ends(self, stop)

    def sum(self, n: Any) -> float:
        """The sum of the first n values."""
        from lrsched.sampling import total

        return total(self, n)

    def first_below(self, x: Any, stop: Any) -> int | None:
        """The first step below ``stop`` whose value is less than x, or None."""
        from lrsched.sampling import first_below

        return first_below(self, x, stop)

    def describe(self, steps: int | None = None) -> Description:
        """The schedule's segments, extremes, mean, total and cycles in a run of ``steps`` updates.

        Args:
            steps: length of the run; the duration by default, or far enough to see an endless schedule's shape.

        Returns:
            A record whose text is a table; it also shows itself in notebooks.

        Example:
            >>> from lrsched import cosine, warmup
            >>> print((0.1 * (warmup(10) >> cosine().over(90))).describe())
            0.1 * (warmup(10) >> cosine().over(90))
            <BLANKLINE>
             steps  first         last  expression
              0..9      0         0.09  0.1 * warmup(10)
            10..99    0.1  3.04586e-05  0.1 * cosine().over(90)
            <BLANKLINE>
            run    100 steps, the schedule's own length
            peak   0.1 at step 10
            floor  0 at step 0
            mean   0.05
            total  5
        """
        return report("describe", self, steps)

    def check(
        self, steps: int, *, limit: float | None = None, steps_per_epoch: int | None = None
    ) -> tuple[Finding, ...]:
        """What may be wrong with this schedule in a run of ``steps`` updates, the most severe first.

        Args:
            steps: length of the run, in updates.
            limit: the largest rate at which training is stable, if it is known.
            steps_per_epoch: updates in an epoch, if known: makes sure of epochs given where steps were meant.

        Returns:
            Findings, each with ``severity`` ("note", "warning" or "error"), ``step``, ``sentence``, ``remedy``
            and ``name``. A sound schedule gives no warning and no error.

        Example:
            >>> from lrsched import cosine, warmup
            >>> lr = 3e-4 * warmup(500) >> cosine().over(9_500)
            >>> for finding in lr.check(10_000):
            ...     print(finding.severity, finding.step, finding.sentence)
            error 500 The warm-up jumps at its joint, from 0.0003 to 1.
            note 0 The first update is made with rate 0.
        """
        return report("check", self, steps, limit=limit, steps_per_epoch=steps_per_epoch)

    def plot(self, steps: int | None = None, ax: Any = None, *, log: bool = False) -> Any:
        """Draw this schedule with matplotlib, its phases shaded and labelled; returns the axes.

        Args:
            steps: length of the run; the duration by default, or far enough to see an endless schedule's shape.
            ax: the axes to draw on; new ones by default.
            log: a logarithmic scale of values.
        """
        return report("plot", self, steps, ax=ax, log=log)

    def _repr_html_(self) -> str:
        return f"<pre>{repr(self)[1:-1]}</pre>" if holds_arrays(self) else report("picture", self)


BASES["Schedule"] = Schedule


class Laid(Record):
    """The first ``length`` steps of a part, ``times`` times one after the other from step ``start`` on, scaled."""

    part: Schedule
    start: int
    length: int
    times: int = 1
    factor: float = 1.0


class Ramp(Record):
    """From ``start`` to ``end`` in a number of steps, ``ahead`` of them passed at step 0: a line, or half a wave."""

    steps: int
    start: float
    end: float
    waves: bool
    ahead: int = 0


class Part(Record):
    """A schedule inside another, on the clock of that one: its step 0 is at ``start``, one takes ``pace`` steps.

    ``last`` says that the part decides what comes at the end of the whole; ``cycle`` numbers what comes back, from 1.
    """

    schedule: Schedule
    start: Any = 0
    pace: Any = 1
    last: bool = True
    cycle: int = 0

    def at(self, step: Any) -> int:
        """The step of the other at which a step of this one begins."""
        return math.ceil(self.start + step * self.pace)


def multiples(every: int, first: int, last: int) -> NDArray[np.int64]:
    """The multiples of a number between ``first`` and ``last``."""
    return np.arange(first // every * every + every, last, every)


def among(steps: Any, first: int, last: int) -> NDArray[np.int64]:
    """Those of some steps, in order, that lie between ``first`` and ``last``, each once."""
    found = np.asarray(steps[bisect.bisect_right(steps, first) : bisect.bisect_left(steps, last)], dtype=np.int64)
    return found[np.diff(found, prepend=first) > 0]
