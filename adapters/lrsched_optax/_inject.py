"""Schedules for any hyperparameter of any Optax factory, for all parameters or by group."""

from __future__ import annotations

import difflib
import inspect
import numbers
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import lrsched as lrs
from lrsched.adapting import A_SCHEDULE, fail, given_schedule, is_jax, is_number
from lrsched_optax._content import content
from lrsched_optax._groups import Groups
from lrsched_optax._state import InjectState, add_steps, check_horizon, read_inject

__all__ = ["inject"]


def inject(
    factory: Callable[..., Any], /, *, labels: Any = None, **hyperparameters: Any
) -> optax.GradientTransformationExtraArgs:
    """An optimizer of Optax whose hyperparameters follow schedules, with a state that shows the values in use.

    At update t every schedule s gives s(t), and the optimizer is ``factory`` with these values in place of numbers:

        tx = inject(optax.adamw, learning_rate=lr, b1=beta, weight_decay=1e-4)

    A hyperparameter may also be a dictionary of schedules or numbers by group. The keys are patterns for the names of
    parameters (``"head/*"``; those of ``lrsched.grouping``, the first that matches counts), or the labels of a tree
    given as ``labels``, as for ``optax.multi_transform``. Each group then has an optimizer of its own:

        tx = inject(optax.adamw, learning_rate={"head/*": lr, "*": 0.1 * lr}, weight_decay={"*bias": 0.0, "*": wd})

    Values are computed in JAX's float type, whatever the parameters' dtype; updates have the dtype of gradient and
    parameter, and the inner state keeps the dtypes that it started with. Constants reach the factory as they are:
    numbers, booleans, random keys.

    Where schedules count samples or tokens, say in each update how many were seen:
    ``tx.update(gradients, state, params, count=batch_size)``. The count may be traced, and follow a schedule
    (``lrsched.units.size``). Count the whole batch, ``jax.lax.psum(mine, axis)`` where devices share it: the rate is
    then the same for any number of devices.

    Args:
        factory: what makes the transformation: ``optax.adamw``, ``optax.sgd``, a function of one's own.
        labels: None, or a tree of labels (a prefix of the parameters' tree), or a function from parameters to it. A
            model that is callable, such as Equinox's, is a tree.
        hyperparameters: by the factory's names for them: schedules, their texts or data, numbers, or dictionaries of
            these by group; what is none is handed on as it is.

    Returns:
        A gradient transformation with extra arguments, whose state is an :class:`InjectState`; read it with
        :func:`current` and :func:`at` out of any nesting. Two with equal arguments are equal and hash alike, so that
        a program compiled for one serves the other; arrays and functions are equal to themselves alone.

    Raises:
        ScheduleError: an argument that the factory does not have, a group that no parameter belongs to, a parameter
            that belongs to none, or a schedule over samples that is too long for the counter.

    Example:
        >>> import jax.numpy as jnp, lrsched as lrs, optax
        >>> tx = inject(optax.sgd, learning_rate={"head": lrs.constant(1.0), "*": 0.5 * lrs.warmup(2)})
        >>> params = {"body": jnp.zeros(()), "head": jnp.zeros(())}
        >>> state = tx.init(params)
        >>> for _ in range(2):
        ...     updates, state = tx.update({"body": jnp.ones(()), "head": jnp.ones(())}, state, params)
        >>> float(updates["body"]), float(updates["head"]), int(state.step)
        (-0.25, -1.0, 2)
    """
    _check_names(factory, hyperparameters)
    return _Injected(factory, labels, {k: _given(k, v) for k, v in hyperparameters.items()}).transformation()


def _given(name: str, value: Any) -> Any:
    """A hyperparameter with the texts and data of schedules read; other words, such as "bfloat16", are none."""
    if _tells_a_schedule(value):
        return given_schedule("inject", name, value)
    if not isinstance(value, Mapping):
        return value
    found = {key: _given(f"{name}[{key!r}]", item) for key, item in value.items()}
    _check_values(name, found)
    return value if all(found[key] is item for key, item in value.items()) else found


def _tells_a_schedule(value: Any) -> bool:
    """Whether a value is the text of a call or of a number, or what ``to_dict`` gives."""
    if isinstance(value, str):
        return "(" in value or value.lstrip()[:1] in {*"0123456789."}
    return isinstance(value, Mapping) and isinstance(value.get("kind"), str)


def _check_values(name: str, by_group: Mapping[Any, Any]) -> None:
    followed = any(isinstance(item, lrs.Schedule) for item in by_group.values())
    for key, item in by_group.items():
        if isinstance(item, lrs.Profile) or (followed and not is_value(item)):
            fail("inject", f"{name}[{key!r}]", f"{A_SCHEDULE}, or a number", item, wrong_type=True)


def is_grouped(value: Any) -> bool:
    """Whether a hyperparameter is a dictionary of values by group."""
    return isinstance(value, Mapping) and bool(value) and all(is_value(x) for x in value.values())


def is_value(value: Any) -> bool:
    """Whether the value is a schedule or a number, so that the state shows it; keys and booleans are none."""
    if is_jax(value):
        return jnp.ndim(value) == 0 and is_number(value)
    return isinstance(value, lrs.Schedule) or (isinstance(value, numbers.Real) and not isinstance(value, bool))


def _check_names(factory: Callable[..., Any], hyperparameters: Mapping[str, Any]) -> None:
    if not callable(factory):
        fail("inject", "factory", "a function that makes an optimizer, such as optax.adamw", factory, wrong_type=True)
    known = inspect.signature(factory).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
    for name, value in hyperparameters.items():
        if name not in known and not takes_any:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            fail("inject", "a hyperparameter", f"one of {', '.join(known)}", name + hint, wrong_type=True)
        if isinstance(value, lrs.Profile):
            fail("inject", name, f"{A_SCHEDULE}, or a number", value, wrong_type=True)


def _type_shown(value: Any) -> Any:
    """The type that a constant has in the state: integers stay integers where JAX's hold them."""
    if is_jax(value) and value.dtype.kind in "iu":
        return value.dtype
    whole = isinstance(value, numbers.Integral) and abs(int(value)) <= np.iinfo(jnp.result_type(int)).max
    return jnp.result_type(int if whole else float)


class _Method:
    """A method of an optimizer, equal to that of an equal one: what is compiled for the one serves the other."""

    def __init__(self, owner: _Injected, name: str) -> None:
        self.owner, self.name = owner, name

    def __call__(self, *args: Any, **extra: Any) -> Any:
        """What the method returns."""
        return getattr(self.owner, self.name)(*args, **extra)

    def __repr__(self) -> str:
        return f"<{self.name} of inject({getattr(self.owner.factory, '__name__', self.owner.factory)})>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Method) and (self.name, self.owner.content) == (other.name, other.owner.content)

    def __hash__(self) -> int:
        return hash((self.name, self.owner.content))


class _Injected:
    """An optimizer and its hyperparameters, compared by what they are."""

    def __init__(self, factory: Callable[..., Any], labels: Any, hyperparameters: dict[str, Any]) -> None:
        self.factory = factory
        self.groups = Groups(labels, {k: v for k, v in hyperparameters.items() if is_grouped(v)})
        self.shared = {k: v for k, v in hyperparameters.items() if k not in self.groups.values}
        self.shown = {k: v for k, v in self.shared.items() if is_value(v)} | self.groups.values
        self.arguments = (factory, labels, hyperparameters)
        self.content = content(self.arguments)
        self.known: set[Any] = set()  # structures of parameters and states that belong together

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.arguments

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        return optax.GradientTransformationExtraArgs(_Method(self, "init"), _Method(self, "update"))

    def values(self, step: Any) -> dict[str, Any]:
        """What each hyperparameter is at a step, as the state shows it."""

        def at_step(value: Any) -> Any:
            if isinstance(value, lrs.Schedule):
                return jnp.asarray(value(step), jnp.result_type(float))
            return jnp.asarray(value, _type_shown(value))

        return {k: {g: at_step(x) for g, x in v.items()} if k in self.groups.values else at_step(v)
                for k, v in self.shown.items()}  # fmt: skip

    def inner(self, values: dict[str, Any], params: Any) -> optax.GradientTransformationExtraArgs:
        """The optimizer that has these values."""

        def chosen(name: str, value: Any, now: Any) -> Any:
            return now if isinstance(value, lrs.Schedule) else value

        shared = {k: chosen(k, v, values.get(k)) for k, v in self.shared.items()}
        if not self.groups.values:
            return optax.with_extra_args_support(self.factory(**shared))
        labels, members = self.groups.of(params)
        transforms: dict[Any, Any] = {
            label: self.factory(
                **shared, **{k: chosen(k, self.groups.values[k][key], values[k][key]) for k, key in keys.items()}
            )
            for label, keys in members.items()
        }
        return optax.transforms.partition(transforms, lambda _: labels)  # labels of a model may be callable, as it is

    def init(self, params: Any) -> InjectState:
        step = jnp.zeros((), jnp.result_type(int))
        values = self.values(step)
        return InjectState(step, values, self.inner(values, params).init(params))

    def update(
        self, updates: Any, state: Any, params: Any = None, *, count: Any = None, **extra: Any
    ) -> tuple[Any, InjectState]:
        state = read_inject("inject", state)
        if count is not None:
            self.check_horizon(state.step.dtype)
            extra["count"] = count
        values = self.values(state.step)
        self.check_groups(values, state.values)
        optimizer = self.inner(values, updates)
        self.check_inner(optimizer, updates if params is None else params, state.inner)
        found, inner = optimizer.update(updates, state.inner, params, **extra)
        step = add_steps(state.step, 1 if count is None else count)
        return _like_inputs(found, updates, params), InjectState(step, values, _like(inner, state.inner))

    def check_groups(self, values: dict[str, Any], held: dict[str, Any]) -> None:
        """Refuse the state of other groups, which has other optimizers in it."""
        for name in self.groups.values:
            found = held.get(name)
            if not isinstance(found, Mapping) or found.keys() != values[name].keys():
                allowed = f"that of the same groups of {name}, {', '.join(map(str, values[name]))}"
                fail("inject", "state", allowed, list(found) if isinstance(found, Mapping) else found)

    def check_inner(self, optimizer: Any, params: Any, held: Any) -> None:
        """Refuse the state of another optimizer, which this one may not even look at."""
        shape = jax.tree.structure((params, held))
        if shape not in self.known:
            made: Any = jax.tree.structure(jax.eval_shape(optimizer.init, params))
            if made != jax.tree.structure(held):
                name = getattr(self.factory, "__name__", self.factory)
                fail("inject", "state", f"that of {name} and these parameters (init makes one)", held)
            self.known.add(shape)

    def check_horizon(self, dtype: Any) -> None:
        """Refuse a schedule over samples that ends where the counter cannot go."""
        followed = list(self.shared.items())
        followed += [(f"{k}[{g!r}]", v) for k, by_group in self.groups.values.items() for g, v in by_group.items()]
        for name, schedule in followed:
            check_horizon("inject", name, schedule, dtype)


def _like(new: Any, old: Any) -> Any:
    """The state with the dtypes that it had."""

    def cast(x: Any, y: Any) -> Any:
        return x.astype(y.dtype) if hasattr(x, "dtype") and hasattr(y, "dtype") and x.dtype != y.dtype else x

    return jax.tree.map(cast, new, old)


def _like_inputs(found: Any, updates: Any, params: Any) -> Any:
    """The updates in the dtype that gradient and parameter have together."""
    if params is None:
        return _like(found, updates)
    both = jax.tree.map(lambda g, p: np.empty((), jnp.promote_types(g.dtype, p.dtype)), updates, params)
    return _like(found, both)
