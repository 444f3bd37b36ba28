"""The state that shows the hyperparameters in use, and reading it out of any nesting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import lrsched as lrs
from lrsched.adapting import State, entry, fail, holds_arrays, is_jax, mapping_of, read_state, real, text, whole
from lrsched.feedback import PlateauState
from lrsched.greedy import GreedyState

__all__ = ["InjectState", "ReduceState", "add_steps", "at", "check_horizon", "current", "read_inject"]

STEP_OF_OPTAX = {"InjectStatefulHyperparamsState", "InjectHyperparamsState", "ScaleByScheduleState"}


class InjectState(NamedTuple):
    """The state of :func:`inject`.

    ``step`` is the number of updates made (or samples seen), ``values`` what the last update used, by name: a scalar,
    or a dictionary of them by group. Before the first update they are what that one will use.
    """

    step: jax.Array
    values: dict[str, Any]
    inner: Any


class ReduceState(NamedTuple):
    """The state of :func:`reduce_on_plateau`: the reducer's own."""

    plateau: PlateauState | GreedyState


def _step(where: str, name: str, value: Any) -> jax.Array:
    """The reader of a step: JAX's as it is, and a whole number as one of JAX's."""
    if is_jax(value):
        return value
    number = whole()(where, name, value)
    kind = jnp.result_type(int)
    if number > np.iinfo(kind).max:
        fail(where, name, f"within the {kind} counter", value)
    return jnp.asarray(number, kind)


def _values_in_use(where: str, name: str, value: Any) -> Any:
    """The reader of the values that the last update used: JAX's as they are, finite numbers, and both by group."""
    if isinstance(value, Mapping):
        return {key: _values_in_use(where, f"{name}[{key!r}]", item) for key, item in value.items()}
    return value if is_jax(value) else real()(where, name, value)


class _Read(State):
    """The numbers of an :class:`InjectState`."""

    step: jax.Array = entry(_step)
    values: dict[str, Any] = mapping_of(text, _values_in_use)


def read_inject(where: str, state: Any) -> InjectState:
    """The state as it is used, its numbers checked where a checkpoint gave back such as are not JAX's."""
    if not isinstance(state, InjectState):
        fail(where, "state", "an InjectState", state, wrong_type=True)
    found = read_state(where, _Read, {"step": state.step, "values": state.values})
    return InjectState(found.step, found.values, state.inner)


def add_steps(step: jax.Array, count: Any = 1) -> jax.Array:
    """``step + count`` that stops at the largest integer of its type instead of wrapping."""
    largest = np.array(np.iinfo(step.dtype).max, step.dtype)
    more = jnp.asarray(count).astype(step.dtype)
    return jnp.where(step > largest - more, largest, step + more)


def check_horizon(where: str, argument: str, schedule: Any, dtype: Any) -> None:
    """Refuse a schedule over samples that ends where the counter cannot go."""
    if isinstance(schedule, lrs.Schedule) and not holds_arrays(schedule):
        try:
            jax.tree.leaves(schedule)
        except lrs.ScheduleError as error:
            allowed = f"a schedule within the {dtype} counter of samples (enable x64, or count in larger units)"
            raise lrs.ScheduleError(f"{where}: {argument} must be {allowed}, got {schedule!r}") from error


def _is_known(node: Any) -> bool:
    return isinstance(node, InjectState | ReduceState) or type(node).__name__ in STEP_OF_OPTAX


def _found(state: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The states that hold hyperparameters, outer ones first, each with the keys and indices that lead to it."""
    for keys, node in jax.tree_util.tree_flatten_with_path(state, is_leaf=_is_known)[0]:
        if _is_known(node):
            here = path + tuple(_word(key) for key in keys if not isinstance(key, jax.tree_util.GetAttrKey))
            yield here, node
            for field in ("inner", "inner_state"):
                if hasattr(node, field):
                    yield from _found(getattr(node, field), here)


def _word(key: Any) -> str:
    return str(getattr(key, "key", getattr(key, "idx", key)))


def _state_of(where: str, opt_state: Any) -> list[tuple[tuple[str, ...], Any]]:
    found = list(_found(getattr(opt_state, "opt_state", opt_state)))
    if not found:
        kind = type(opt_state).__name__
        fail(where, "opt_state", "the state of an optimizer that holds inject(...) somewhere", kind, wrong_type=True)
    return found


def _values(node: Any) -> dict[str, Any]:
    if isinstance(node, InjectState):
        return node.values
    if isinstance(node, ReduceState):
        return {"plateau_scale": node.plateau.scale}
    return dict(getattr(node, "hyperparams", {}))


def _plain(value: Any) -> Any:
    """A scalar as an array of JAX, out of the box that a framework may keep it in; or several by group."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    leaves = jax.tree.leaves(value)
    return jnp.asarray(leaves[0]) if len(leaves) == 1 else value


def current(opt_state: Any) -> dict[str, Any]:
    """The hyperparameters that the last update used, by name.

    They are found wherever the state lies: inside ``optax.chain``, ``multi_transform``, ``MultiSteps``, ``masked``,
    ``apply_if_finite`` or another ``inject``. States of ``optax.inject_hyperparams`` are read too, and
    :func:`reduce_on_plateau` shows its multiplier as ``plateau_scale``. A name that occurs at several places is
    preceded by the keys and indices that lead there: ``"body/learning_rate"``.

    Args:
        opt_state: the state of an optimizer, or an object with an ``opt_state``.

    Returns:
        A dictionary of scalar arrays of JAX, whatever a framework boxes its states in; of dictionaries by group where
        :func:`inject` was given groups. ``f"{value:.2e}"`` writes one, ``value.item()`` is its number. Before the
        first update, the values that the first one will use.

    Raises:
        ScheduleError: there is no such state in it, or none that keeps the values in use.

    Example:
        >>> import jax.numpy as jnp, lrsched as lrs, optax
        >>> from lrsched_optax import inject
        >>> tx = optax.chain(optax.clip(1.0), inject(optax.sgd, learning_rate=lrs.warmup(4), momentum=0.9))
        >>> state = tx.init(jnp.zeros(2))
        >>> for _ in range(3):
        ...     _, state = tx.update(jnp.ones(2), state)
        >>> {name: round(float(value), 6) for name, value in current(state).items()}, int(at(state))
        ({'learning_rate': 0.5, 'momentum': 0.9}, 3)
    """
    found = _state_of("current", opt_state)
    rows = [(path, name, value) for path, node in found for name, value in _values(node).items()]
    if not rows:
        way = "the state of inject(optimizer, learning_rate=schedule) (the step alone is at(opt_state))"
        fail(
            "current",
            "opt_state",
            f"one that holds the values in use: {way}",
            type(opt_state).__name__,
            wrong_type=True,
        )
    names = [name for _, name, _ in rows]
    once = {name for name in names if names.count(name) == 1}
    values: dict[str, Any] = {}
    for path, name, value in rows:
        key = name if name in once else "/".join((*path, name))
        while key in values:
            key += "'"
        values[key] = _plain(value)
    return values


def at(opt_state: Any) -> Any:
    """The number of updates that the optimizer has made: the step that the next one will use.

    Of several states in one optimizer the outermost, first one counts; ``optax.inject_hyperparams`` and
    ``optax.scale_by_schedule`` are read too. Where :func:`inject` counts samples, it is the number of samples.

    Args:
        opt_state: the state of an optimizer, or an object with an ``opt_state``.

    Returns:
        An integer scalar of JAX.

    Raises:
        ScheduleError: nothing in the state counts steps.

    Example:
        >>> import jax.numpy as jnp, lrsched as lrs, optax
        >>> from lrsched_optax import inject
        >>> tx = optax.MultiSteps(inject(optax.adam, learning_rate=lrs.warmup(4)), every_k_schedule=2)
        >>> state = tx.init(jnp.zeros(2))
        >>> for _ in range(6):
        ...     _, state = tx.update(jnp.ones(2), state)
        >>> int(at(state))
        3
    """
    counting = [node for _, node in _state_of("at", opt_state) if not isinstance(node, ReduceState)]
    if not counting:
        fail("at", "opt_state", "a state that counts steps", type(opt_state).__name__, wrong_type=True)
    return _plain(counting[0].step if isinstance(counting[0], InjectState) else counting[0].count)
