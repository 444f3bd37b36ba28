"""What the scalar code of a filler computes with: names, literals, lines in the step."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from lrsched.foundation.records import Record
from lrsched.targets.emit import plain_number

__all__ = ["Affine", "Linear", "Node", "Scalar", "UnfitError"]


BEYOND = 1 << 80
SMALLEST, LARGEST = 1e-280, 1e280


class UnfitError(Exception):
    """The schedule has no ranges to speak of: its pieces depend on computed real numbers."""


class Scalar(Record):
    """A name or a literal; ``value`` if known; ``least`` and ``most`` bound the size of a value other than 0.

    ``minus`` is what a negative is the negative of; ``nonzero`` says that it is never 0.
    """

    text: str
    value: Any = None
    least: float = 0.0
    most: float = math.inf
    minus: Scalar | None = None
    nonzero: bool = False


class Affine:
    """``factor * step + offset``, an integer."""

    def __init__(self, factor: Scalar, offset: Scalar) -> None:
        self.factor, self.offset, self.uses = factor, offset, 0

    @property
    def sign(self) -> int:
        """1 or -1 for a step counted up or down, else 0."""
        return self.factor.value if self.factor.value in (1, -1) else 0


class Node:
    """An operation on arrays, by its name in the table of operations, or "wave", "patch", "choice"."""

    def __init__(self, op: str, operands: tuple[Any, ...], uses: int = 0) -> None:
        self.op, self.operands, self.uses = op, operands, uses

    @property
    def counts(self) -> bool:
        """Whether this is a choice between steps counted one way and another."""
        return self.op == "choice" and all(isinstance(side, Affine) for side in self.operands[1:])


class Linear(Record):
    """``factor * base + shift`` of an affine step or an array."""

    factor: Scalar
    base: Affine | Node
    shift: Scalar


Value = Scalar | Affine | Linear | Node
Pairs = list[tuple[str, Scalar, Scalar]]
Known = dict[int, Value]


def literal(value: Any) -> Scalar:
    """A known number."""
    if isinstance(value, Fraction):
        value = float(value)
    size = abs(value) if value == value else math.inf
    return Scalar(plain_number(value, ""), value, size, size, nonzero=value != 0)


def _least(op: str, operands: list[Scalar]) -> float:
    """How small a result other than 0 can be: a sum is a multiple of the last place of the smaller operand."""
    if op in ("add", "sub"):
        return min(x.least for x in operands) * 2.0**-53
    return 0.0


ONE, ZERO = literal(1.0), literal(0.0)
