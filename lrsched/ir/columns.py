"""Columns of constants, one number per piece: their range, and several of them over the same index."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.ir.operations import FEW, MOST_ROWS

if TYPE_CHECKING:
    from lrsched.ir.term import Builder, Term


def ends(values: np.ndarray) -> tuple[Any, Any]:
    """The smallest and the largest number of an array, as plain numbers."""
    if values.size <= FEW:
        numbers = values.tolist()
        if values.dtype.kind != "f" or not math.isnan(sum(numbers)):
            return min(numbers), max(numbers)
    low, high = values.min(), values.max()
    return (low.item(), high.item()) if isinstance(low, np.generic) else (low, high)


def aligned(b: Builder, terms: Sequence[Term]) -> list[Term] | None:
    """Constants with every column over the same index; None where that would take too many rows.

    Exact columns over different indices become columns over a grid, each pair of pieces a cell of it.
    """
    columns = [t for t in terms if t.op == "column"]
    if all(t.args[1] is columns[0].args[1] for t in columns):
        return list(terms)
    sizes = {index: size for t in columns for index, size in _indices(b, t)}
    if math.prod(sizes.values()) > MOST_ROWS or any(t.dtype == "f" for t in columns):
        return None
    cell = b.lift(0)
    for index, size in sizes.items():
        cell = b.add(b.mul(cell, size), index)
    b.grids[cell] = sizes
    return [_spread(b, t, sizes, cell) if t.op == "column" else t for t in terms]


def _indices(b: Builder, column: Term) -> Iterable[tuple[Term, int]]:
    """The indices that a column is over, each with the number of its values."""
    values, index = column.args
    return b.grids.get(index, {index: len(values)}).items()


def _spread(b: Builder, column: Term, sizes: dict[Term, int], cell: Term) -> Term:
    """The column with a row for every combination of the indices."""
    own = dict(_indices(b, column))
    shape = [size if index in own else 1 for index, size in sizes.items()]
    order = [list(own).index(index) for index in sizes if index in own]
    values = column.args[0].reshape(tuple(own.values())).transpose(order).reshape(shape)
    return b.column(np.broadcast_to(values, tuple(sizes.values())).reshape(-1), cell)
