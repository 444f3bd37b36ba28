"""Parameter groups by patterns of parameter names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from lrsched.adapting import fail
from lrsched.grouping import Pattern, assign, joint, label_of, matches
from lrsched_torch._rules import is_by_name
from lrsched_torch._text import read_texts

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
    parameter. Frozen parameters (``requires_grad=False``) are left out, and need no pattern: for LoRA+,
    ``param_groups(model, lr={"*lora_B*": 16 * lr, "*lora_A*": lr})``.

        groups = param_groups(model, lr={"head.*": high, "*": low}, weight_decay={"*bias": 0.0, "*": 0.1})
        optimizer = torch.optim.AdamW(groups)
        scheduler = Scheduler(optimizer, **groups.schedules)

    Args:
        model: the module whose parameters are meant.
        groups: patterns, each of which makes a group of its name, or a dictionary of a pattern or several by name of
            the group. Without it, the patterns of the hyperparameters make the groups.
        hyperparameters: what the scheduler is to drive, such as ``lr=``: one schedule, number or text, or a dictionary
            of these: by names of the groups where ``groups`` are given, by patterns where they are not.

    Returns:
        A list of groups in the order of the model's parameters, with ``.schedules``.

    Raises:
        ScheduleError: a parameter without a pattern, a pattern without a parameter, a name that is no group, a model
            that is all frozen, a text that makes no schedule.

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
    hyperparameters = {key: read_texts("param_groups", key, value) for key, value in hyperparameters.items()}
    by_pattern = {key: value for key, value in hyperparameters.items() if is_by_name(value)}
    if groups is None and not by_pattern:
        fail(
            "param_groups", "groups", "patterns, unless a hyperparameter is given by patterns", groups, wrong_type=True
        )
    named, frozen = _parameters(model)
    if groups is None:
        patterns = {key: _trained([*value], named, frozen) for key, value in by_pattern.items()}
        (labels, found), left_out = joint(named, patterns, where="param_groups"), set[str]()
    else:
        given = groups if isinstance(groups, Mapping) else list(groups)
        labels, found = assign(named, _trained(given, named, frozen), where="param_groups"), None
        left_out = {label_of(name) for name in given} - {*labels}
    made = ParameterGroups()
    for label in dict.fromkeys(labels):
        params = [p for p, its in zip(named.values(), labels, strict=True) if its == label]
        made.append({"params": params, "name": label})
    made.schedules = dict(hyperparameters)
    for key, value in by_pattern.items():
        texts = {label_of(name): schedule for name, schedule in value.items() if label_of(name) not in left_out}
        made.schedules[key] = texts if found is None else {label: texts[found[label][key]] for label in found}
    return made


def _parameters(model: torch.nn.Module) -> tuple[dict[str, torch.nn.Parameter], list[str]]:
    """The parameters that are trained, and the names of the others."""
    every = dict(model.named_parameters())
    trained = {name: p for name, p in every.items() if p.requires_grad}
    if every and not trained:
        fail("param_groups", "model", "a module with a parameter that requires a gradient", type(model).__name__)
    return trained, [name for name in every if name not in trained]


def _trained(groups: Any, trained: Iterable[str], frozen: list[str]) -> Any:
    """Patterns, or several by label, without those that decide for frozen parameters and for no other."""
    if not frozen:
        return groups
    by_label = groups if isinstance(groups, Mapping) else {"": groups}
    several = {k: [v] if isinstance(v, str | re.Pattern) else list(v) for k, v in by_label.items()}
    order = [pattern for patterns in several.values() for pattern in patterns]

    def deciding(names: Iterable[str]) -> set[Pattern | None]:
        return {next((pattern for pattern in order if matches(pattern, name)), None) for name in names}

    idle = deciding(frozen) - deciding(trained)
    kept = {label: [pattern for pattern in patterns if pattern not in idle] for label, patterns in several.items()}
    return {k: v for k, v in kept.items() if v} if groups is by_label else kept[""]
