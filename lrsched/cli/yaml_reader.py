"""YAML as plain data: no aliases, so that a text holds what it shows, and no deep nesting."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.constructor import SafeConstructor

LONGEST_NUMBER = 400


def load(text: str, deepest: int) -> Any:
    """What a text of YAML holds, or a ValueError that says why it is not read."""
    try:
        loader = _Loader(text)
        loader.room = deepest
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise ValueError(error) from None


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # untyped where its stubs are missing
    room = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise ValueError(f"aliases are not read, such as *{self.peek_event().anchor[:100]}")
        if self.room == 0:
            raise ValueError("it is nested too deep")
        self.room -= 1
        node = super().compose_node(parent, index)
        self.room += 1
        return node


def _number(construct: Any) -> Any:
    """A reader of numbers that refuses long ones, since their cost grows with the square of the digits."""

    def constructed(loader: Any, node: Any) -> Any:
        if len(node.value) > LONGEST_NUMBER:
            raise ValueError("a number is too long")
        return construct(loader, node)

    return constructed


_Loader.add_constructor("tag:yaml.org,2002:int", _number(SafeConstructor.construct_yaml_int))
_Loader.add_constructor("tag:yaml.org,2002:float", _number(SafeConstructor.construct_yaml_float))
