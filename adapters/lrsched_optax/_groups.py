"""Groups of parameters, by labels or by patterns of their paths."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax

from lrsched import grouping
from lrsched.adapting import fail
from lrsched_optax._content import content

__all__ = ["Groups", "is_function", "labels", "paths"]

BOXES = {"flax.nnx": "Variable", "flax.core.meta": "AxisMetadata"}  # what holds a parameter as its ``value``


def paths(params: Any) -> list[str]:
    """The names of the parameters, such as ``"layers/0/kernel"``, in the order of their leaves.

    A parameter has one name whether the tree holds it as an array or in a box of Flax's (``nnx.Variable``,
    ``nn.Partitioned``): ``"bias"``, never ``"bias/value"``.

    Args:
        params: a pytree: an Equinox model, the state of an NNX module, dictionaries of any nesting.

    Example:
        >>> import jax.numpy as jnp
        >>> paths({"body": [{"w": jnp.zeros(2)}], "head": jnp.zeros(2)})
        ['body/0/w', 'head']
    """
    boxes = tuple(getattr(sys.modules[module], box) for module, box in BOXES.items() if module in sys.modules)
    names = []
    for keys, found in jax.tree_util.tree_flatten_with_path(params, is_leaf=lambda x: isinstance(x, boxes))[0]:
        inside = jax.tree_util.tree_flatten_with_path(found)[0] if isinstance(found, boxes) else [((), found)]
        names += [jax.tree_util.keystr((*keys, *more[1:]), simple=True, separator="/") for more, _ in inside]
    return names


def is_function(value: Any) -> bool:
    """Whether a value is called for a tree; a model that can be called, such as Equinox's, is a tree itself."""
    return callable(value) and (isinstance(value, functools.partial) or jax.tree_util.all_leaves([value]))


def is_stand_in(params: Any) -> bool:
    """Whether it is ``optax.tree_map_params`` that asks, which shows no parameters."""
    return type(params).__name__ == "_ParamsPlaceholder"


def labels(groups: Iterable[grouping.Pattern] | Mapping[str, Any]) -> Callable[[Any], Any]:
    """Labels by patterns, for the ``labels`` of :func:`inject`, ``optax.multi_transform`` and ``optax.partition``.

    Args:
        groups: patterns as in ``lrsched.grouping``, whose text is the label; or a dictionary of a pattern, or several,
            by label. The first that matches counts.

    Returns:
        A function from parameters to a tree of labels. It raises a ScheduleError for a parameter that no pattern
        matches and for a pattern that decides for none.

    Example:
        >>> import jax.numpy as jnp
        >>> by_name = labels({"plain": ["*bias", "norm/*"], "decayed": "*"})
        >>> by_name({"body": {"bias": jnp.zeros(2), "kernel": jnp.zeros(2)}, "norm": {"scale": jnp.ones(2)}})
        {'body': {'bias': 'plain', 'kernel': 'decayed'}, 'norm': {'scale': 'plain'}}
    """
    return _Labels(groups if isinstance(groups, Mapping) else tuple(groups))


class _Labels:
    """What :func:`labels` returns: equal to another of equal patterns."""

    def __init__(self, groups: Any) -> None:
        self.groups, self.content = groups, content(groups)

    def __call__(self, params: Any) -> Any:
        """The tree of labels."""
        if is_stand_in(params):
            return params
        chosen = grouping.assign(paths(params), self.groups, where="labels")
        return jax.tree.unflatten(jax.tree.structure(params), chosen)

    def __eq__(self, other: object) -> bool:
        return self.content == other.content if isinstance(other, _Labels) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.content)


class Groups:
    """Hyperparameters given by group, and which group each parameter is in."""

    def __init__(self, labels: Any, values: Mapping[str, Mapping[Any, Any]]) -> None:
        self.labels, self.patterns = labels, {name: list(by_group) for name, by_group in values.items()}
        self.values = {
            name: {grouping.label_of(key) if labels is None else key: value for key, value in by_group.items()}
            for name, by_group in values.items()
        }
        self.seen: dict[tuple[str, ...], dict[str, dict[str, str]]] = {}  # the groups of the parameters so far
        if labels is not None and not values:
            fail("inject", "labels", "None when no hyperparameter is a dictionary by group", labels)

    def of(self, params: Any) -> tuple[Any, dict[str, dict[str, str]]]:
        """A tree of labels, and for each label the key of every grouped hyperparameter."""
        if is_stand_in(params):
            return params, self._of_any()
        return self._labelled(params) if self.labels is not None else self._matched(params)

    def _of_any(self) -> dict[str, dict[str, str]]:
        """The groups of parameters that are not shown: every pattern and every label has some."""
        if self.labels is not None or len(self.values) == 1:
            return {label: self._only(label) for label in next(iter(self.values.values()))}
        if len(self.seen) != 1:
            names, way = ", ".join(self.values), "call init with them before, jax.eval_shape(tx.init, params) is enough"
            fail("inject", "the parameters", f"known, to tell which groups {names} make together ({way})", "none")
        return next(iter(self.seen.values()))

    def _labelled(self, params: Any) -> tuple[Any, dict[str, dict[str, str]]]:
        tree = self.labels(params) if is_function(self.labels) else self.labels
        leaves: list[Any] = jax.tree.leaves(tree)
        present = list(dict.fromkeys(leaves))
        for name, by_group in self.values.items():
            for label in present:
                if label not in by_group:
                    fail("inject", name, f"a value for every label, {label!r} included", list(by_group))
            for key in by_group:
                if key not in present:
                    fail("inject", name, f"a dictionary by the labels {', '.join(map(repr, present))}", key)
        return tree, {label: self._only(label) for label in present}

    def _only(self, label: str) -> dict[str, str]:
        """The members of a group in which every hyperparameter has the same label."""
        return {name: label for name in self.values}  # noqa: C420

    def _matched(self, params: Any) -> tuple[Any, dict[str, dict[str, str]]]:
        chosen, members = grouping.joint(paths(params), self.patterns, where="inject")
        self.seen[tuple(sorted(members))] = members
        return jax.tree.unflatten(jax.tree.structure(params), chosen), members
