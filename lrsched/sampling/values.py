"""What a term can be on a range of steps: a number, a step counted up or down, a line, an operation on arrays.

The scalar code and the array code of a filler are both written from these values; they hold text, not numbers.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from lrsched.foundation.records import Record
from lrsched.targets.emit import plain_number

__all__ = ["ONE", "ZERO", "Affine", "ArrayOp", "Known", "Line", "Scalar", "UnfitError", "Value", "literal"]

BEYOND = 1 << 80  # more than any step
SMALLEST, LARGEST = 1e-280, 1e280  # products of such numbers do not leave the normal ones unnoticed


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


class ArrayOp:
    """An operation on arrays, by its name in the table of operations, or "wave", "patch", "choice"."""

    def __init__(self, op: str, operands: tuple[Any, ...], uses: int = 0) -> None:
        self.op, self.operands, self.uses = op, operands, uses

    @property
    def counts(self) -> bool:
        """Whether this is a choice between steps counted one way and another."""
        return self.op == "choice" and all(isinstance(side, Affine) for side in self.operands[1:])


class Line(Record):
    """``factor * base + shift`` of an affine step or an array."""

    factor: Scalar
    base: Affine | ArrayOp
    shift: Scalar


Value = Scalar | Affine | Line | ArrayOp
Known = dict[int, Value]  # by the numbers of terms


def literal(value: Any) -> Scalar:
    """A known number."""
    if isinstance(value, Fraction):
        value = float(value)
    size = abs(value) if value == value else math.inf
    return Scalar(plain_number(value, ""), value, size, size, nonzero=value != 0)


ONE, ZERO = literal(1.0), literal(0.0)
