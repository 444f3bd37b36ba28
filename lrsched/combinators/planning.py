"""Laying parts out over a run of given length."""

from __future__ import annotations

from typing import Any

from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.sequence import sequence
from lrsched.foundation.errors import ScheduleError, check_count, check_real, fail
from lrsched.foundation.numbers import is_jax, share_of


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
    total = total if is_jax(total) else check_count("plan", "total", total, 1)
    if not parts:
        raise ScheduleError("plan: give at least one part")
    laid = [_part(total, i, part) for i, part in enumerate(parts)]
    open_ = [i for i, (steps, _) in enumerate(laid) if steps is None]
    if len(open_) > 1:
        raise ScheduleError(f"plan: at most one part may take what is left, got {len(open_)}")
    used = sum(steps for steps, _ in laid if steps is not None)
    known = type(used) is type(total) is int
    if known and (used > total or (not open_ and used != total)):
        lengths = ", ".join("the rest" if steps is None else str(steps) for steps, _ in laid)
        raise ScheduleError(f"plan: the lengths must add up to total={total}, got {used} ({lengths})")
    return sequence(*(build(total - used if steps is None else steps) for steps, build in laid))


def _part(total: Any, i: int, part: Any) -> tuple[Any, Any]:
    """The length of a part (None for what is left), and what makes it of a length."""
    if isinstance(part, Schedule):
        if type(part.duration) is float:
            fail("plan", f"part {i}", "a schedule of finite duration; give it a length with .lasting(n)", part)
        return part.duration, lambda _: part
    if isinstance(part, Profile):
        return None, part.over
    if not isinstance(part, tuple | list) or not 2 <= len(part) <= 3 or not isinstance(part[1], Profile):
        allowed = "a finite schedule, a profile, (share, profile) or (share, profile, end)"
        fail("plan", f"part {i}", allowed, part, wrong_type=True)
    share, profile, *end = part
    steps = None if share is None else _steps(total, i, share)
    return steps, lambda n: profile.over(n, end=end[0]) if end else profile.over(n)


def _steps(total: Any, i: int, share: Any) -> Any:
    """The steps that a share of the run is, as an array where only the run knows them."""
    if not is_jax(share):
        allowed = "a share in [0, 1], or None for what is left"
        share = check_real("plan", f"the share of part {i}", share, allowed)
        if not 0 <= share <= 1:
            fail("plan", f"the share of part {i}", allowed, share)
        if not is_jax(total):
            return share_of(share, total)
    from lrsched.targets._jax import OPERATIONS

    return OPERATIONS["share"](share, total)
