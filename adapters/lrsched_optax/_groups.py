"""Groups of parameters, by labels or by patterns of their paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax

from lrsched import grouping
from lrsched.adapting import fail

__all__ = ["Groups", "labels", "paths"]


def paths(params: Any) -> list[str]:
    """The names of the parameters, such as ``"layers/0/kernel"``, in the order of their leaves.

    Args:
        params: a pytree.

    Example:
        >>> import jax.numpy as jnp
        >>> paths({"body": [{"w": jnp.zeros(2)}], "head": jnp.zeros(2)})
        ['body/0/w', 'head']
    """
    return [
        jax.tree_util.keystr(keys, simple=True, separator="/")
        for keys, _ in jax.tree_util.tree_flatten_with_path(params)[0]
    ]


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
    given = groups if isinstance(groups, Mapping) else list(groups)

    def label(params: Any) -> Any:
        chosen = grouping.assign(paths(params), given, where="labels")
        return jax.tree.unflatten(jax.tree.structure(params), chosen)

    return label


class Groups:
    """Hyperparameters given by group, and which group each parameter is in."""

    def __init__(self, labels: Any, values: Mapping[str, Mapping[Any, Any]]) -> None:
        self.labels, self.patterns = labels, {name: list(by_group) for name, by_group in values.items()}
        self.values = {
            name: {grouping.label_of(key) if labels is None else key: value for key, value in by_group.items()}
            for name, by_group in values.items()
        }
        if labels is not None and not values:
            fail("inject", "labels", "None when no hyperparameter is a dictionary by group", labels)

    def of(self, params: Any) -> tuple[Any, dict[str, dict[str, str]]]:
        """A tree of labels, and for each label the key of every grouped hyperparameter."""
        return self._labelled(params) if self.labels is not None else self._matched(params)

    def _labelled(self, params: Any) -> tuple[Any, dict[str, dict[str, str]]]:
        tree = self.labels(params) if callable(self.labels) else self.labels
        leaves: list[Any] = jax.tree.leaves(tree)
        present = list(dict.fromkeys(leaves))
        for name, by_group in self.values.items():
            for label in present:
                if label not in by_group:
                    fail("inject", name, f"a value for every label, {label!r} included", list(by_group))
            for key in by_group:
                if key not in present:
                    fail("inject", name, f"a dictionary by the labels {', '.join(map(repr, present))}", key)
        return tree, {label: {name: label for name in self.values} for label in present}  # noqa: C420

    def _matched(self, params: Any) -> tuple[Any, dict[str, dict[str, str]]]:
        chosen, members = grouping.joint(paths(params), self.patterns, where="inject")
        return jax.tree.unflatten(jax.tree.structure(params), chosen), members
