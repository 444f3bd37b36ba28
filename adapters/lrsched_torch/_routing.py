"""Parameter groups by patterns of parameter names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from lrsched.adapting import fail
from lrsched.grouping import Pattern, assign, joint, label_of

__all__ = ["ParameterGroups", "param_groups"]


class ParameterGroups(list[dict[str, Any]]):
    """Groups for an optimizer, each with its ``name``, and in ``schedules`` what a scheduler takes for them."""

    schedules: dict[str, Any]


def param_groups(
    model: torch.nn.Module,
    groups: Iterable[Pattern] | Mapping[str, Any] | None = None,
    **hyperparameters: Any,
) -> ParameterGroups:
    """The parameters of a model in groups, by patterns of their names, and the schedules of each group.

    Patterns are those of ``lrsched.grouping``: ``"encoder.*"``, ``"blocks.{0..11}.*"``, ``"*{bias,norm*}"``, or a
    compiled regular expression; the first that matches counts, every parameter needs one and every pattern a
    parameter.

        groups = param_groups(model, lr={"head.*": high, "*": low}, weight_decay={"*bias": 0.0, "*": 0.1})
        optimizer = torch.optim.AdamW(groups)
        scheduler = Scheduler(optimizer, **groups.schedules)

    Args:
        model: the module whose parameters are meant.
        groups: patterns, each of which makes a group of its name, or a dictionary of a pattern or several by name of
            the group. Without it, the patterns of the hyperparameters make the groups.
        hyperparameters: what the scheduler is to drive, such as ``lr=``: one schedule or number, or a dictionary: by
            names of the groups where ``groups`` are given, by patterns where they are not.

    Returns:
        A list of groups in the order of the model's parameters, with ``.schedules``.

    Raises:
        ScheduleError: a parameter without a pattern, a pattern without a parameter, a name that is no group.

    Example:
        >>> import torch, lrsched as lrs
        >>> from lrsched_torch import Scheduler
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
        >>> lr = lrs.warmup(10)
        >>> groups = param_groups(model, lr={"2.*": lr, "*": 0.1 * lr}, weight_decay={"*bias": 0.0, "*": 0.1})
        >>> [group["name"] for group in groups]
        ['*', '* & *bias', '2.* & *', '2.* & *bias']
        >>> optimizer = torch.optim.SGD(groups, lr=1.0)
        >>> scheduler = Scheduler(optimizer, **groups.schedules)
        >>> scheduler.step(count=10)
        >>> scheduler.get_last_lr(), [group["weight_decay"] for group in optimizer.param_groups]
        ([0.1, 0.1, 1.0, 1.0], [0.1, 0.0, 0.1, 0.0])
    """
    named = dict(model.named_parameters())
    by_pattern = {key: value for key, value in hyperparameters.items() if isinstance(value, Mapping)}
    if groups is None and not by_pattern:
        fail(
            "param_groups", "groups", "patterns, unless a hyperparameter is given by patterns", groups, wrong_type=True
        )
    if groups is None:
        labels, found = joint(named, {key: list(value) for key, value in by_pattern.items()}, where="param_groups")
    else:
        given = groups if isinstance(groups, Mapping) else list(groups)
        labels, found = assign(named, given, where="param_groups"), None
    made = ParameterGroups()
    for label in dict.fromkeys(labels):
        params = [p for p, its in zip(named.values(), labels, strict=True) if its == label]
        made.append({"params": params, "name": label})
    made.schedules = dict(hyperparameters)
    for key, value in by_pattern.items():
        texts = {label_of(name): schedule for name, schedule in value.items()}
        made.schedules[key] = texts if found is None else {label: texts[found[label][key]] for label in found}
    return made
