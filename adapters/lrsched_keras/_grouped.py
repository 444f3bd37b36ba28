"""One optimizer for each group of variables, by patterns of their paths."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
from keras import ops as keras_ops

import lrsched as lrs
from lrsched import grouping
from lrsched.adapting import (
    State,
    check_real,
    entry,
    fail,
    list_of,
    mapping_of,
    none_or,
    one_of,
    read_state,
    real,
    text,
    tuple_of,
    whole,
)
from lrsched_keras._common import by_group, concrete_schedule
from lrsched_keras._optimizers import MultiOptimizer, batches_per_update, number, settable
from lrsched_keras._rate import LearningRate

__all__ = ["GroupedOptimizer"]

ops: Any = keras_ops


@keras.saving.register_keras_serializable(package="lrsched", name="GroupedOptimizer")
class GroupedOptimizer(MultiOptimizer):  # type: ignore[misc]
    """An optimizer whose learning rate, weight decay and other numbers differ by group of variables.

    Each group has a copy of ``optimizer`` of its own, with a schedule as its rate. Patterns are those of
    ``lrsched.grouping``, for the paths that Keras gives variables (``variable.path``, such as
    ``"sequential/head/kernel"``): ``"*/head/*"``, ``"*block_{0..11}/*"``, ``"*{bias,gamma,beta}"``, or a compiled
    regular expression; the first that matches counts, every trainable variable needs one and every pattern a variable.

    It is an optimizer like any other in ``compile`` and ``fit``, saves and loads with the model, and counts one update
    for all groups: layer-wise rates (``lrs.layerwise``), gradual unfreezing (``lrs.unfreezing``) and discriminative
    rates (``lrs.discriminative``) are dictionaries of schedules. With accumulated gradients the schedules count
    updates. ``global_clipnorm`` of the optimizer is taken over all groups. A :class:`PlateauCallback` scales the rates
    of all groups, a :class:`ScheduleCallback` sets another number in all of them.

    Args:
        optimizer: the optimizer of every group; what the hyperparameters do not name is its.
        groups: patterns, each of which makes a group of its name, or a dictionary of a pattern or several by name of
            the group. Without it, the patterns of the hyperparameters make the groups.
        loss_scale_factor, name: as for every optimizer of Keras.
        hyperparameters: numbers of the optimizer by name, at least one of them a dictionary: by names of the groups
            where ``groups`` are given, by patterns where they are not. ``learning_rate`` takes schedules and numbers,
            the others take numbers.

    Raises:
        ScheduleError: an argument is wrong; or, when the model is built for training, a variable has no pattern or a
            pattern no variable.

    Example:
        >>> import lrsched as lrs, numpy as np
        >>> lr = 0.1 * lrs.warmup(10)
        >>> optimizer = GroupedOptimizer(keras.optimizers.AdamW(), learning_rate={"*head/*": lr, "*": 0.1 * lr},
        ...                              weight_decay={"*bias": 0.0, "*": 0.004})
        >>> layers = [keras.layers.Dense(4, name="body"), keras.layers.Dense(1, name="head")]
        >>> model = keras.Sequential([keras.Input((3,)), *layers])
        >>> model.compile(optimizer, loss="mse")
        >>> history = model.fit(np.ones((5, 3)), np.ones((5, 1)), batch_size=1, verbose=0)
        >>> {label: round(rate, 4) for label, rate in optimizer.rates.items()}
        {'*': 0.005, '* & *bias': 0.005, '*head/* & *': 0.05, '*head/* & *bias': 0.05}
    """

    def __init__(
        self,
        optimizer: Any,
        groups: Iterable[grouping.Pattern] | Mapping[str, Any] | None = None,
        *,
        loss_scale_factor: float | None = None,
        name: str | None = None,
        **hyperparameters: Any,
    ) -> None:
        _check_optimizer(optimizer)
        super().__init__(_Members(), loss_scale_factor, name)
        self._given = _Given(optimizer, groups, hyperparameters)
        self.global_clipnorm = optimizer.global_clipnorm

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the groups, in the order of ``optimizers``; none before the optimizer is built."""
        return tuple(self._optimizer_map.labels)

    @property
    def rates(self) -> dict[str, float]:
        """The rate that the next update uses, by group."""
        pairs = zip(self.labels, self.optimizers, strict=True)
        return {label: number(optimizer.learning_rate) for label, optimizer in pairs}

    def build(self, var_list: Any) -> None:
        """Divide the variables into groups.

        Args:
            var_list: what is trained.

        Raises:
            ScheduleError: a variable without a pattern, or a pattern without a variable.
        """
        if self.built:
            return
        labels, values = self._given.of([variable.path for variable in var_list])
        made = {label: self._given.member(values[label]) for label in dict.fromkeys(labels)}
        self._optimizer_map.labels = list(made)
        self._optimizer_map.by_variable = {
            id(variable): made[label] for variable, label in zip(var_list, labels, strict=True)
        }
        super().build(var_list)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """One update of every group.

        Args:
            grads: gradients, in the order of the variables.
            trainable_variables: the variables; by default those that the optimizer was built with.
        """
        if self.global_clipnorm:
            grads = _clipped(grads, self.global_clipnorm * (self.loss_scale_factor or 1.0))
        super().apply(grads, trainable_variables)

    def get_config(self) -> dict[str, Any]:
        """The optimizer, the patterns and the schedules, as plain data."""
        return {
            **self._given.to_config(),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> GroupedOptimizer:
        """The optimizer that ``get_config`` describes.

        Raises:
            ScheduleError: it describes something else.
        """
        where = f"{cls.__name__}.from_config"
        found = read_state(where, _Config, config, "config", "that of a GroupedOptimizer")
        groups = (_named if found.named else none_or(list_of(_pattern)))(where, "groups", found.groups)
        try:
            optimizer = keras.optimizers.deserialize(copy.deepcopy(found.optimizer), custom_objects)
            _check_optimizer(optimizer)
            values = dict(found.hyperparameters)
            _check_names(optimizer, values)
            return cls(optimizer, groups, loss_scale_factor=found.loss_scale_factor, name=found.name, **values)
        except lrs.ScheduleError:
            raise
        except Exception as error:
            raise lrs.ScheduleError(f"{where}: optimizer must be one that Keras reads: {error}") from error


class _Members:
    """Which optimizer a variable has: what ``MultiOptimizer`` calls its map."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.by_variable: dict[int, Any] = {}

    def __call__(self, variable: Any) -> Any:
        return self.by_variable[id(variable)]


class _Given:
    """The groups and their values, as given and checked."""

    def __init__(self, optimizer: Any, groups: Any, hyperparameters: Mapping[str, Any]) -> None:
        where = "GroupedOptimizer"
        if groups is not None:
            groups = dict(groups) if isinstance(groups, Mapping) else _several(groups)
        elif not any(map(by_group, hyperparameters.values())):
            fail(where, "groups", "patterns, unless a hyperparameter is given by patterns", groups, wrong_type=True)
        _check_names(optimizer, hyperparameters)
        self.groups: Any = groups
        self.optimizer: Any = keras.optimizers.serialize(optimizer)
        every = batches_per_update(optimizer)
        self.values: dict[str, Any] = {
            name: {key: _value(f"{name}[{grouping.label_of(key)!r}]", name, one, every) for key, one in value.items()}
            if by_group(value)
            else _value(name, name, value, every)
            for name, value in hyperparameters.items()
        }

    def of(self, paths: list[str]) -> tuple[Sequence[str], dict[str, dict[str, Any]]]:
        """A label for each path, and the values of each label by name."""
        where = "GroupedOptimizer"
        grouped = {name: value for name, value in self.values.items() if isinstance(value, Mapping)}
        common = {name: value for name, value in self.values.items() if name not in grouped}
        if self.groups is None:
            labels, chosen = grouping.joint(paths, {name: list(by) for name, by in grouped.items()}, where=where)
            texts = {name: {grouping.label_of(key): one for key, one in by.items()} for name, by in grouped.items()}
            found = {label: {name: texts[name][key] for name, key in keys.items()} for label, keys in chosen.items()}
            return labels, {label: common | values for label, values in found.items()}
        labels = grouping.assign(paths, self.groups, where=where)
        for name, by_label in grouped.items():
            for label in by_label:
                if label not in labels:
                    fail(where, name, f"a dictionary by group names: {', '.join(dict.fromkeys(labels))}", label)
        return labels, {
            label: common | {name: by[label] for name, by in grouped.items() if label in by} for label in labels
        }

    def member(self, values: dict[str, Any]) -> Any:
        """The optimizer of one group."""
        described = copy.deepcopy(self.optimizer)
        described["config"] |= {"global_clipnorm": None, **values}
        rate = values.get("learning_rate")
        if isinstance(rate, LearningRate):
            described["config"]["learning_rate"] = keras.saving.serialize_keras_object(rate)
        return keras.optimizers.deserialize(described)

    def to_config(self) -> dict[str, Any]:
        """Plain data."""
        groups = [[_told(key), _told(its)] for key, its in self.groups.items()] if isinstance(self.groups, dict) else (
            None if self.groups is None else [_told(pattern) for pattern in self.groups]
        )  # fmt: skip
        rows = []
        for name, value in self.values.items():
            if isinstance(value, Mapping):
                rows.append([name, [[_told(key), _plain(one)] for key, one in value.items()]])
            else:
                rows.append([name, _plain(value)])
        named = isinstance(self.groups, dict)
        optimizer = copy.deepcopy(self.optimizer)
        return {"optimizer": optimizer, "groups": groups, "named": named, "hyperparameters": rows}


def _check_optimizer(optimizer: Any) -> None:
    kinds = MultiOptimizer | keras.optimizers.LossScaleOptimizer
    if not isinstance(optimizer, keras.optimizers.Optimizer) or isinstance(optimizer, kinds):
        fail("GroupedOptimizer", "optimizer", "one plain optimizer of Keras", optimizer, wrong_type=True)
    if optimizer.global_clipnorm and batches_per_update(optimizer) > 1:
        fail("GroupedOptimizer", "global_clipnorm", "None where gradients are accumulated", optimizer.global_clipnorm)


def _check_names(optimizer: Any, names: Iterable[str]) -> None:
    known = [name for name in settable(optimizer) if name != "global_clipnorm"]
    for name in names:
        if name not in known:
            fail("GroupedOptimizer", "hyperparameters", f"numbers of the optimizer: {', '.join(known)}", name)


def _several(patterns: Any) -> list[Any]:
    if isinstance(patterns, str):
        fail(
            "GroupedOptimizer",
            "groups",
            "several patterns, or a dictionary of them by label",
            patterns,
            wrong_type=True,
        )
    return list(patterns)


def _value(argument: str, name: str, value: Any, every: int) -> Any:
    """A number, or a rate that follows a schedule."""
    if isinstance(value, LearningRate):
        value = value.schedule
    if name == "learning_rate" and not isinstance(value, int | float):
        return LearningRate(concrete_schedule("GroupedOptimizer", value, argument), every)
    return float(check_real("GroupedOptimizer", argument, value, "a number (a ScheduleCallback makes it follow one)"))


def _plain(value: Any) -> Any:
    return value.get_config() if isinstance(value, LearningRate) else value


def _told(patterns: Any) -> Any:
    """Patterns, one or several, as plain data."""
    if isinstance(patterns, re.Pattern):
        return {"regex": patterns.pattern, "flags": patterns.flags}
    return patterns if isinstance(patterns, str) else [_told(pattern) for pattern in patterns]


def _pattern(where: str, name: str, data: Any) -> Any:
    """The reader of a pattern."""
    if isinstance(data, str):
        return data
    found = read_state(where, _Regex, data, name, "a pattern, or a regular expression and its flags")
    try:
        return re.compile(found.regex, found.flags)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise lrs.ScheduleError(f"{where}: {name} must be a regular expression: {error}") from None


def _patterns(where: str, name: str, data: Any) -> Any:
    """The reader of patterns, one or several."""
    return list(list_of(_pattern)(where, name, data)) if isinstance(data, list | tuple) else _pattern(where, name, data)


def _named(where: str, name: str, data: Any) -> Any:
    """The reader of patterns by name of the group."""
    return dict(list_of(tuple_of(text, _patterns))(where, name, data))


def _number(where: str, name: str, data: Any) -> Any:
    """The reader of a number, or of a rate that follows a schedule."""
    return LearningRate.from_config(data) if isinstance(data, dict) else real()(where, name, data)


def _hyperparameter(where: str, name: str, data: Any) -> Any:
    """The reader of a value for all groups, or of values by pattern."""
    if not isinstance(data, list | tuple):
        return _number(where, name, data)
    return dict(list_of(tuple_of(_pattern, _number))(where, name, data))


def _anything(where: str, name: str, data: Any) -> Any:
    return data


class _Regex(State):
    """A regular expression as plain data."""

    regex: str = entry(text)
    flags: int = whole()


class _Config(State):
    """What ``get_config`` says."""

    optimizer: dict[str, Any] = mapping_of(text, _anything)
    groups: Any = entry(_anything)
    named: bool = one_of(True, False)
    hyperparameters: Any = list_of(tuple_of(text, _hyperparameter))
    loss_scale_factor: float | None = none_or(real())
    name: str = entry(text)


def _clipped(grads: Any, norm: float) -> list[Any]:
    """The gradients of all groups, with a common norm of at most a given one."""
    dense = [None if grad is None else ops.convert_to_tensor(grad) for grad in grads]
    total = ops.sqrt(sum(ops.sum(ops.square(ops.cast(grad, "float32"))) for grad in dense if grad is not None))
    factor = norm / ops.maximum(total, norm)
    return [None if grad is None else grad * ops.cast(factor, grad.dtype) for grad in dense]
