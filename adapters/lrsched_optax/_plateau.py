"""Rates that follow a metric, as a gradient transformation."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

import lrsched as lrs
from lrsched.adapting import check_choice, fail
from lrsched_optax._state import ReduceState

__all__ = ["reduce_on_plateau"]

MISSING = object()


def reduce_on_plateau(
    plateau: lrs.Plateau | lrs.Greedy, *, axis_name: Any = None, differ: str = "mean"
) -> optax.GradientTransformationExtraArgs:
    """Scale updates by what a plateau rule makes of the metric that each update reports.

    ``update(gradients, state, params, value=metric)``: the rule sees the metric first, then the updates are multiplied
    by its scale. Put it last in a chain; the rate is schedule(t) * scale. With ``value=None`` an update reports
    nothing and the scale stays. The state holds nine numbers at most, so a run restored from it goes on as if it had
    never stopped; ``current`` shows the multiplier as ``plateau_scale``.

    Under ``pmap`` or ``shard_map`` each device has a metric of its own. Give the ``axis_name``, and all devices decide
    by one: the metric that they agree on, or else its mean. Processes that run programs of their own gather the metrics
    and pass ``lrs.agreed(metrics)``.

    Args:
        plateau: a ``lrs.Plateau`` or ``lrs.Greedy``; its dialect ``"optax"`` decides as
            ``optax.contrib.reduce_on_plateau`` does. To judge the mean of k values, give the rule ``average=k``.
        axis_name: the mapped axis, or a tuple of axes, over whose devices the metrics are compared; None for none.
        differ: what happens when they are not equal: "mean", or "error", which in JAX makes the scale NaN from then on.

    Returns:
        A gradient transformation with the extra argument ``value``, a real scalar, traced or not. Updates keep their
        dtypes.

    Raises:
        ScheduleError: ``plateau`` is no such rule, or an update does not say its ``value``.

    Example:
        >>> import jax.numpy as jnp, lrsched as lrs, optax
        >>> tx = optax.chain(optax.sgd(1.0), reduce_on_plateau(lrs.Plateau(factor=0.5, patience=1)))
        >>> state = tx.init(jnp.zeros(()))
        >>> for loss in [1.0, 0.9, 0.9, 0.9]:
        ...     updates, state = tx.update(jnp.ones(()), state, value=loss)
        >>> float(updates)
        -0.5
    """
    if not isinstance(plateau, lrs.Plateau | lrs.Greedy):
        fail("reduce_on_plateau", "plateau", "a lrsched.Plateau or lrsched.Greedy", plateau, wrong_type=True)
    check_choice("reduce_on_plateau", "differ", differ, ("mean", "error"))
    rule: Any = plateau

    def init(params: Any) -> ReduceState:
        del params
        return ReduceState(rule.init("float32"))

    def update(
        updates: Any, state: Any, params: Any = None, *, value: Any = MISSING, **extra: Any
    ) -> tuple[Any, ReduceState]:
        del params, extra
        if value is MISSING:
            fail(
                "reduce_on_plateau",
                "update",
                "given value=metric (or value=None for none)",
                "no value",
                wrong_type=True,
            )
        known = state.plateau
        if value is not None:
            value, same = (value, True) if axis_name is None else _agreed(value, axis_name)
            known = rule.update(known, value)
            if differ == "error" and same is not True:
                known = known._replace(scale=jnp.where(same, known.scale, jnp.nan))
        scale = rule.scale(known)
        return jax.tree.map(lambda g: (g * scale).astype(g.dtype), updates), ReduceState(known)

    return optax.GradientTransformationExtraArgs(init, update)


def _agreed(value: Any, axis_name: Any) -> tuple[Any, Any]:
    """The metric of all devices, and whether they had the same one; equal ones are used as they are."""
    lax: Any = jax.lax  # whose collectives have no types
    value = jnp.asarray(value, jnp.result_type(float))
    lowest, highest = lax.pmin(value, axis_name), lax.pmax(value, axis_name)
    lost = lax.pmean(jnp.isnan(value).astype(value.dtype), axis_name)
    same = (lost == 1) | ((lost == 0) & (lowest == highest))
    return jnp.where(same, value, lax.pmean(value, axis_name)), same
