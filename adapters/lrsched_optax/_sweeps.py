"""Many schedules as one batch, for ``jax.vmap``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lrsched as lrs
from lrsched.adapting import Node, check_count, fail, field_of, holds_arrays, names_of

__all__ = ["stack", "tabulate"]


def _checked(where: str, schedules: Any) -> list[Any]:
    if isinstance(schedules, Node):
        fail(where, "schedules", "a sequence of schedules", schedules, wrong_type=True)
    found = list(schedules)
    if not found:
        fail(where, "schedules", "a sequence of at least one schedule", found)
    for i, schedule in enumerate(found):
        if not isinstance(schedule, Node):
            fail(where, f"schedules[{i}]", "a schedule", schedule, wrong_type=True)
    return found


def stack(schedules: Sequence[Any]) -> Any:
    """Schedules of one structure as one schedule whose every number is a vector: a batch for ``jax.vmap``.

        losses = jax.vmap(train)(stack([make(peak, n) for peak in peaks for n in lengths]))

    ``train`` gets a schedule that it may call, combine and hand on as usual, and is compiled once for the whole batch.
    Everything that is a number may differ: peaks, durations, powers, boundaries, milestones. What is structure must
    agree: kinds, number of pieces, ``times`` and ``t_mult`` of restarts. For schedules of different structure see
    :func:`tabulate`. Element i is ``jax.tree.map(lambda leaf: leaf[i], batch)``.

    Args:
        schedules: a sequence of n schedules (or profiles).

    Returns:
        A schedule that holds arrays of a leading dimension n: real numbers in JAX's float type, counts in its int type.

    Raises:
        ScheduleError: the structures differ (the message says where), or a count is too large for JAX's int type.

    Example:
        >>> import jax, lrsched as lrs
        >>> batch = stack([peak * (lrs.warmup(2) >> lrs.cosine().over(n)) for peak, n in [(1.0, 4), (0.5, 8)]])
        >>> [round(x, 3) for x in jax.vmap(lambda schedule: schedule(4))(batch).tolist()]
        [0.5, 0.427]
    """
    found = _checked("stack", schedules)
    flat: list[Any] = [jax.tree.flatten(schedule) for schedule in found]
    for i, (leaves, structure) in enumerate(flat):
        if structure != flat[0][1] or [np.shape(x) for x in leaves] != [np.shape(x) for x in flat[0][0]]:
            fail(
                "stack",
                f"schedules[{i}]",
                "of the structure of schedules[0], which differs in " + _difference(found[0], found[i]) + "; tabulate()"
                " gives schedules of different structure a common form",
                found[i],
            )
    columns = [
        jnp.stack([jnp.asarray(x) for x in column]) for column in zip(*(leaves for leaves, _ in flat), strict=True)
    ]
    return jax.tree.unflatten(flat[0][1], columns)


def _difference(first: Any, other: Any, path: str = "") -> str:
    """Where two expressions first differ in structure, in words."""
    place = path or "the expression"
    if type(first) is not type(other):
        return f"{place}: {first.where()} there, {other.where()} here"
    for name in names_of(type(first)):
        spec, a, b = field_of(type(first), name), getattr(first, name), getattr(other, name)
        here = f"{path}.{name}" if path else f"{first.where()}.{name}"
        if spec.form == "node":
            found = _difference(a, b, here)
        elif spec.form in ("nodes", "reals", "counts") and len(a) != len(b):
            found = f"the length of {here}: {len(a)} there, {len(b)} here"
        elif spec.form == "nodes":
            pairs = zip(a, b, strict=True)
            found = next(filter(None, (_difference(x, y, f"{here}[{i}]") for i, (x, y) in enumerate(pairs))), "")
        elif spec.form in ("real", "count", "reals", "counts"):
            found = f"{here}: {a!r} there, {b!r} here" if first.fixed_counts() and a != b else ""
        else:
            found = f"{here}: {a!r} there, {b!r} here" if a != b else ""
        if found:
            return found
    return "" if path else "which numbers are fixed"


def tabulate(schedules: Sequence[lrs.Schedule], steps: int) -> Any:
    """Schedules of any structure in their common form: a batch of tables of their first ``steps`` values.

    The batch goes where that of :func:`stack` goes. Beyond the last step each keeps its last value.

    Args:
        schedules: a sequence of n schedules.
        steps: how many values are kept, an integer >= 1.

    Returns:
        A ``table`` that holds values of shape (n, steps) in JAX's float type.

    Raises:
        ScheduleError: there is no schedule, one of them holds JAX arrays, or ``steps`` is no positive integer.

    Example:
        >>> import jax, lrsched as lrs
        >>> batch = tabulate([lrs.constant(0.5), lrs.linear().over(4), lrs.multi_step([2])], 4)
        >>> batch.values.shape, [round(x, 3) for x in jax.vmap(lambda schedule: schedule(2))(batch).tolist()]
        ((3, 4), [0.5, 0.5, 0.1])
    """
    found = _checked("tabulate", schedules)
    count = check_count("tabulate", "steps", steps, 1)
    for i, schedule in enumerate(found):
        if not isinstance(schedule, lrs.Schedule) or holds_arrays(schedule):
            fail("tabulate", f"schedules[{i}]", "a schedule of plain numbers", schedule, wrong_type=True)
    return stack([lrs.table(schedule.sample(count).tolist()) for schedule in found])
