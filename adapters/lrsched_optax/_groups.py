"""Groups of parameters, by labels or by patterns of their paths."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any

import jax

from lrsched.adapting import fail

__all__ = ["Groups", "paths"]


def paths(params: Any) -> list[str]:
    """The paths of the parameters, such as ``"layers/0/kernel"``."""
    return [
        jax.tree_util.keystr(keys, simple=True, separator="/")
        for keys, _ in jax.tree_util.tree_flatten_with_path(params)[0]
    ]


class Groups:
    """Hyperparameters given by group, and which group each parameter is in."""

    def __init__(self, labels: Any, values: Mapping[str, Mapping[str, Any]]) -> None:
        self.labels, self.values = labels, {name: dict(by_group) for name, by_group in values.items()}
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
        names = paths(params)
        chosen = {name: [_first(name, by_group, path) for path in names] for name, by_group in self.values.items()}
        for name, by_group in self.values.items():
            for key in by_group:
                if key not in chosen[name]:
                    fail("inject", name, f"a dictionary by patterns of the parameters {', '.join(names)}", key)
        members: dict[str, dict[str, str]] = {}
        for keys in zip(*chosen.values(), strict=True):
            members.setdefault(_label(keys), dict(zip(chosen, keys, strict=True)))
        tree = jax.tree.unflatten(jax.tree.structure(params), [_label(k) for k in zip(*chosen.values(), strict=True)])
        return tree, members


def _label(keys: tuple[str, ...]) -> str:
    return " & ".join(dict.fromkeys(keys))


def _first(name: str, by_group: Mapping[str, Any], path: str) -> str:
    found = next((pattern for pattern in by_group if fnmatch.fnmatchcase(path, pattern)), None)
    if found is None:
        fail("inject", name, f"a dictionary with a pattern for {path!r}, such as '*'", list(by_group))
    return found
