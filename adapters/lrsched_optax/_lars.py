"""LARS during the warm-up only."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

import lrsched as lrs
from lrsched.adapting import check_count
from lrsched_optax._groups import is_function
from lrsched_optax._schedules import lifted
from lrsched_optax._state import InjectState, add_steps, check_horizon, read_inject

__all__ = ["lars_warmup"]


def lars_warmup(
    learning_rate: Any, steps: int, *, coefficient: float = 0.001, eps: float = 0.0, mask: Any = True
) -> optax.GradientTransformationExtraArgs:
    """Each layer's rate is the schedule times its trust ratio in the first ``steps`` updates, then the schedule.

    update t of a layer with weights w and incoming update g:  -s(t) * r * g,
    r = ``lrs.trust_ratio(|w|, |g|, coefficient=coefficient, eps=eps)`` for t < steps, 1 from then on. With momentum and
    weight decay as in LARS:

        optax.chain(optax.add_decayed_weights(1e-4), lars_warmup(lr, 500), optax.trace(0.9))

    which is ``optax.lars(lr, 1e-4)`` as long as the warm-up lasts, and SGD with momentum afterwards.

    Args:
        learning_rate: a schedule or a number.
        steps: length of the warm-up in updates, an integer >= 0; in samples or tokens where updates say how many they
            saw, as for :func:`inject`: ``tx.update(gradients, state, params, count=batch_size)``.
        coefficient: the trust coefficient, >= 0.
        eps: added to the norm of the update, >= 0.
        mask: a tree of booleans (or a prefix of the parameters' tree, or a function from parameters to one) that says
            which layers have a trust ratio; biases and norms usually have none.

    Returns:
        A gradient transformation, which needs the parameters at each update; :func:`current` and :func:`at` read it.

    Raises:
        ScheduleError: an argument outside its range.

    Source: You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks" (2017), for the ratio.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> tx = lars_warmup(1.0, steps=1, coefficient=0.25)
        >>> w = jnp.asarray([3.0, 4.0])
        >>> state = tx.init(w)
        >>> for _ in range(2):
        ...     updates, state = tx.update(jnp.asarray([0.0, 1.0]), state, w)
        ...     print([float(x) for x in updates])
        [-0.0, -1.25]
        [-0.0, -1.0]
    """
    schedule = lifted("lars_warmup", "learning_rate", learning_rate)
    length = check_count("lars_warmup", "steps", steps)
    lrs.trust_ratio(1.0, 1.0, coefficient=coefficient, eps=eps)

    def rate_at(step: Any) -> Any:
        return jnp.asarray(schedule(step), jnp.result_type(float))

    def init(params: Any) -> InjectState:
        del params
        step = jnp.zeros((), jnp.result_type(int))
        return InjectState(step, {"learning_rate": rate_at(step)}, ())

    def update(
        updates: Any, state: Any, params: Any = None, *, count: Any = None, **extra: Any
    ) -> tuple[Any, InjectState]:
        del extra
        state = read_inject("lars_warmup", state)
        if count is not None:
            check_horizon("lars_warmup", "learning_rate", schedule, state.step.dtype)
        if params is None:
            raise lrs.ScheduleError("lars_warmup: update needs the parameters: update(gradients, state, params)")
        rate, warming = rate_at(state.step), state.step < length

        def scaled(trusted: Any, g: Any, w: Any) -> Any:
            ratio = lrs.trust_ratio(_norm(w), _norm(g), coefficient=coefficient, eps=eps)
            return (-rate * jnp.where(trusted & warming, ratio, 1.0) * g).astype(g.dtype)

        tree = mask(params) if is_function(mask) else mask
        found = jax.tree.map(lambda m, g, w: jax.tree.map(lambda *x: scaled(m, *x), g, w), tree, updates, params)
        return found, InjectState(add_steps(state.step, 1 if count is None else count), {"learning_rate": rate}, ())

    return optax.GradientTransformationExtraArgs(init, update)


def _norm(x: Any) -> Any:
    return jnp.sqrt(jnp.sum(jnp.square(jnp.abs(x.astype(jnp.promote_types(x.dtype, jnp.float32))))))
