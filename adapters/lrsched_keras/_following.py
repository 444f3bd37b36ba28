"""Attributes that a compiled train step holds as constants, made to follow a schedule inside it.

On JAX and TensorFlow, Keras reads ``optimizer.momentum`` once, when the train step is traced, so that setting it later
changes nothing. Here the optimizer's ``apply`` puts the schedule's value at the optimizer's own count in its place,
traced or not, and the number back afterwards.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import keras

from lrsched_keras._rate import Evaluator

__all__ = ["follow", "unfollow"]


class _Value:
    """A number inside an update: arithmetic goes to the value, questions to what the optimizer was made with.

    Optimizers ask ``momentum != 0`` to choose what to build; a traced value cannot answer, and one answer must do for
    all steps.
    """

    def __init__(self, value: Any, nominal: float) -> None:
        self.value, self.nominal = value, nominal

    def __jax_array__(self) -> Any:
        return self.value

    def __tf_tensor__(self, dtype: Any = None, name: Any = None) -> Any:
        return self.value if dtype is None else keras.ops.cast(self.value, dtype)

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    @property
    def shape(self) -> Any:
        return ()

    def __neg__(self) -> Any:
        return -self.value

    def __bool__(self) -> bool:
        return bool(self.nominal)

    def __hash__(self) -> int:
        return id(self)


def _forward(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: _Value, other: Any) -> Any:
        other = other.value if isinstance(other, _Value) else other
        return function(self.value, other)

    def reflected(self: _Value, other: Any) -> Any:
        return function(other, self.value)

    return reflected if name.startswith("__r") else method


def _asked(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: function(self.nominal, other.nominal if isinstance(other, _Value) else other)


for _name in ("add", "sub", "mul", "truediv", "pow"):
    for _method in (f"__{_name}__", f"__r{_name}__"):
        setattr(_Value, _method, _forward(_method, getattr(operator, _name)))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(_Value, f"__{_name}__", _asked(getattr(operator, _name)))


class _Apply:
    """``optimizer.apply`` with values that follow; it stands in the optimizer in the place of its method."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.values: dict[str, tuple[Evaluator, float]] = {}

    def __call__(self, grads: Any, trainable_variables: Any = None) -> Any:
        held = {name: getattr(self.optimizer, name) for name in self.values}
        count = keras.ops.convert_to_tensor(self.optimizer._iterations)
        try:
            for name, (value, nominal) in self.values.items():
                setattr(self.optimizer, name, _Value(value(count), nominal))
            return type(self.optimizer).apply(self.optimizer, grads, trainable_variables)
        finally:
            for name, number in held.items():
                setattr(self.optimizer, name, number)


def follow(optimizer: Any, name: str, value: Evaluator) -> bool:
    """Make an attribute follow; True if it did not already, so that what is compiled must be compiled anew."""
    apply = optimizer.__dict__.get("apply")
    if apply is None:
        apply = optimizer.apply = _Apply(optimizer)
    known = apply.values.get(name)
    if known is not None and known[0] == value:
        return False
    nominal = known[1] if known else (getattr(optimizer, name) or 1.0)
    apply.values[name] = (value, float(nominal))
    return True


def unfollow(optimizer: Any, name: str) -> bool:
    """Leave the attribute as the number that it is; True if it followed."""
    apply = optimizer.__dict__.get("apply")
    if apply is None or name not in apply.values:
        return False
    del apply.values[name]
    if not apply.values:
        del optimizer.apply
    return True
