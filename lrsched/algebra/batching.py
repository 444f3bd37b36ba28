"""Expressions as a structure and its leaves, and equal structures stacked into columns."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lrsched.algebra.fields import NUMBERS, Field
from lrsched.algebra.node import ON_DEMAND, Node, leaves_of, make, prepare, set_arrays, set_field, walk
from lrsched.algebra.registry import MAX_DEPTH

SHAPES: dict[type[Node], Callable[[Node], Any]] = {}  # how each kind's fields that are no single numbers are read


def longer(node: Any, parts: tuple[Any, ...], *, before: bool = False) -> Any:
    """A node of many parts with more of them behind or before: those that it has are not looked at again."""
    kind, depth = type(node), max(part._depth for part in parts)
    every = parts + node.parts if before else node.parts + parts
    if depth >= MAX_DEPTH:
        return kind(every)
    made = object.__new__(kind)
    set_field(made, "parts", every)
    set_arrays(made, node._arrays or True in [part._arrays for part in parts])
    prepare(made, max(node._depth, depth + 1))
    return made


FIXED = (int, float, tuple)  # leaves that are part of the structure: the same in every row


class Stack:
    """The parts of a sequence in groups: one node whose leaves hold a row for each of its places.

    ``entries`` are pairs (node, places); the leaves of a group of one place have no row dimension.
    """

    def __init__(self, entries: tuple[tuple[Any, tuple[int, ...]], ...], size: int) -> None:
        self.entries, self.size = entries, size

    def __iter__(self) -> Iterator[Any]:
        return (node for node, _ in self.entries)

    def __len__(self) -> int:
        return self.size

    def plain(self) -> Any:
        """A plain tuple of parts where there is nothing stacked but host numbers."""
        parts: list[Any] = [None] * self.size
        for node, places in self.entries:
            if len(places) == 1:
                parts[places[0]] = node
                continue
            leaves = itertools.chain.from_iterable(map(leaves_of, walk(node)))
            numbers = (x for x in leaves if not isinstance(x, FIXED))
            if not all(isinstance(x, np.ndarray) and x.ndim >= 1 and len(x) == len(places) for x in numbers):
                return self
            for row, place in enumerate(places):
                parts[place] = self.row(node, row)
        return tuple(parts)

    def row(self, node: Any, row: int) -> Any:
        """One part of a group."""

        def pick(x: Any) -> Any:
            if isinstance(x, FIXED):
                return x
            value = x[row]
            if isinstance(value, np.ndarray):
                return tuple(value.tolist())
            return value.item() if isinstance(value, np.generic) else value

        return map_every_leaf(node, pick, settle=True)

    @property
    def last(self) -> Any:
        """The node of the last place."""
        return next(node for node, places in self.entries if self.size - 1 in places)

    def part(self, i: int) -> Any:
        """The i-th part by itself."""
        for node, places in self.entries:
            if i in places:
                return node if len(places) == 1 else self.row(node, places.index(i))
        raise IndexError(i)


def map_every_leaf(node: Node, function: Callable[[Any], Any], settle: bool = False) -> Any:
    """The same structure with ``function`` of every leaf; ``settle`` unpacks stacks that have become plain."""
    return _combined([node], lambda spec, leaves: function(leaves[0]), settle)


def _combined(nodes: Sequence[Any], leaf: Callable[[Field, list[Any]], Any], settle: bool = False) -> Any:
    """A node of the structure that all of some have, with what ``leaf`` makes of their leaves."""
    kind = type(nodes[0])
    values: dict[str, Any] = {}
    for name, spec in kind._declared.items():
        given = list(map(operator.attrgetter(name), nodes))
        value = given[0]
        if spec.is_leaf:
            value = leaf(spec, given)
        elif spec.form == "numbers":
            value = tuple((row[0][0], leaf(spec, [number for _, number in row])) for row in zip(*given, strict=True))
        elif spec.form == "node":
            value = _combined(given, leaf, settle)
        elif isinstance(value, Stack):
            parts = tuple((_combined([child], leaf, settle), places) for child, places in value.entries)
            value = Stack(parts, value.size)
            value = value.plain() if settle else value
        elif spec.form == "nodes":
            value = tuple(_combined(row, leaf, settle) for row in zip(*given, strict=True))
        values[name] = value
    return make(kind, values)


column_structure = operator.attrgetter("_structure")  # what nodes that share columns have in common


def _finds_structure(node: Node) -> Any:
    kind = type(node)
    if kind not in SHAPES:
        SHAPES[kind] = _shape(kind)
    return SHAPES[kind](node)


ON_DEMAND["_structure"] = _finds_structure


def _shape(kind: type[Node]) -> Callable[[Node], Any]:
    fields = [(name, spec) for name, spec in kind._declared.items() if spec.form not in NUMBERS]
    if kind.fixed_length is not Node.fixed_length or any(spec.form in ("nodes", "numbers") for _, spec in fields):
        own = kind.kind_name
        return lambda node: (own, *[_part(spec, getattr(node, name)) for name, spec in fields], node.fixed_length())
    names = [f"{name}._structure" if spec.form == "node" else name for name, spec in fields]
    return operator.attrgetter("kind_name", *names)


def _part(spec: Field, value: Any) -> Any:
    if spec.form == "node":
        return value._structure
    if spec.form == "nodes":
        return tuple(map(column_structure, value))
    return tuple(name for name, _ in value) if spec.form == "numbers" else value


def stack_into(nodes: Sequence[Node | None], column: Callable[[list[Any]], Any]) -> Any:
    """One node whose numbers are columns over ``nodes``; a None takes the numbers of some other node."""
    some = next(node for node in nodes if node is not None)
    return stacked([some if node is None else node for node in nodes], column)


def stacked(nodes: list[Any], column: Callable[[list[Any]], Any]) -> Any:
    """One node whose numbers are columns over nodes of one structure."""
    return _combined(nodes, lambda spec, row: row[0] if spec.form in ("reals", "counts") else column(row))
