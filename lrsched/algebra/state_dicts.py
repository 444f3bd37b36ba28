"""Schedules and profiles in the state dicts of Flax: ``flax.serialization`` saves and restores trees that hold them."""

from __future__ import annotations

from typing import Any

from lrsched.algebra.node import Node, holds_arrays
from lrsched.algebra.pytree import flatten, unflatten
from lrsched.algebra.registry import for_every_kind
from lrsched.foundation.errors import fail, listed


def _register(kind: type[Node]) -> None:
    from flax import serialization

    flax: Any = serialization  # which has no types
    flax.register_serialization_state(kind, _state_of, _restored, override=True)


def _state_of(node: Node) -> dict[str, Any]:
    """The numbers of an expression by their names; its structure is that of the target they are restored to."""
    leaves, layout = flatten(node)
    return dict(zip(layout.names, leaves, strict=True))


def _restored(target: Node, state: Any) -> Any:
    """The target with other numbers, checked as its constructors do."""
    from lrsched.algebra.serial import from_dict, to_dict

    _, layout = flatten(target)
    names = layout.names
    if not isinstance(state, dict) or state.keys() != set(names):
        given = listed(state) if isinstance(state, dict) else state
        fail("from_state_dict", f"the state of {target!r}", f"its numbers, {listed(names)}", given)
    found = unflatten(layout, [state[name] for name in names])
    return found.evaluable() if holds_arrays(found) else from_dict(to_dict(found))


for_every_kind("flax.serialization", _register)
