"""Laying parts out over a run of given length."""

from __future__ import annotations

import math
from typing import Any

from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.sequence import sequence
from lrsched.foundation.errors import ScheduleError, check_count, check_real, fail
from lrsched.foundation.numbers import share_of

__all__ = ["plan"]


def plan(total: Any, *parts: Any) -> Schedule:
    """Lay parts out over a run of ``total`` steps, one after the other.

    Args:
        total: the length of the run, an integer >= 1.
        parts: a finite schedule keeps its own length; ``(share, profile)`` or ``(share, profile, end)`` takes
            ``round(share * total)`` steps; a share of None, or a bare profile, takes what is left (at most one).

    Returns:
        The sequence of the parts: what ``>>`` and ``over`` give with the lengths spelled out.

    Raises:
        ScheduleError: the lengths do not add up to ``total``, or a part is none of these.

    Example:
        >>> from lrsched import cosine, plan, warmup
        >>> plan(10_000, warmup(500), (None, cosine(), 0.1))
        warmup(500) >> cosine().over(9500, end=0.1)
    """
    total = check_count("plan", "total", total, 1)
    if not parts:
        raise ScheduleError("plan: give at least one part")
    laid = [_part(total, i, part) for i, part in enumerate(parts)]
    open_ = [i for i, (steps, _) in enumerate(laid) if steps is None]
    if len(open_) > 1:
        raise ScheduleError(f"plan: at most one part may take what is left, got {len(open_)}")
    used = sum(steps for steps, _ in laid if steps is not None)
    if used > total or (not open_ and used != total):
        lengths = ", ".join("the rest" if steps is None else str(steps) for steps, _ in laid)
        raise ScheduleError(f"plan: the lengths must add up to total={total}, got {used} ({lengths})")
    return sequence(*(build(total - used if steps is None else steps) for steps, build in laid))


def _part(total: int, i: int, part: Any) -> tuple[int | None, Any]:
    """The length of a part (None for what is left), and what makes it of a length."""
    if isinstance(part, Schedule):
        if part.duration == math.inf:
            fail("plan", f"part {i}", "a schedule of finite duration; give it a length with .lasting(n)", part)
        return int(part.duration), lambda _: part
    if isinstance(part, Profile):
        return None, part.over
    if not isinstance(part, tuple | list) or not 2 <= len(part) <= 3 or not isinstance(part[1], Profile):
        allowed = "a finite schedule, a profile, (share, profile) or (share, profile, end)"
        fail("plan", f"part {i}", allowed, part, wrong_type=True)
    share, profile, *end = part
    steps = None
    if share is not None:
        allowed = "a share in [0, 1], or None for what is left"
        share = check_real("plan", f"the share of part {i}", share, allowed)
        if not 0 <= share <= 1:
            fail("plan", f"the share of part {i}", allowed, share)
        steps = share_of(share, total)
    return steps, lambda n: profile.over(n, end=end[0]) if end else profile.over(n)
