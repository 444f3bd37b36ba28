"""The operators that schedules and profiles share, each on the kinds of its base."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from lrsched.algebra.batching import longer
from lrsched.algebra.node import NO_NUMBERS, Node
from lrsched.algebra.registry import BASES, KINDS, built

S = TypeVar("S")  # the base itself: Schedule or Profile


class Arithmetic(Node, Generic[S]):
    """``+ - *`` with numbers and expressions of the same base, ``**`` with numbers, and the sign."""

    __slots__ = ()
    _base: ClassVar[str]  # the name of the base, in BASES
    _family: ClassVar[str]  # what the names of the kinds that operators make begin with
    _number: ClassVar[str]  # the kind that a number becomes among operands

    @classmethod
    def lift(cls, value: Any) -> Any:
        """A number as an expression; None for anything that is neither a number nor an expression of this base."""
        if isinstance(value, BASES[cls._base]):
            return value
        return None if isinstance(value, NO_NUMBERS) else built(cls._number, value)

    def _joined(self, name: str, a: Any, b: Any) -> Any:
        """``a`` and ``b`` under an n-ary operator, flattened on the left, as it is evaluated."""
        first, second = self.lift(a), self.lift(b)
        if first is None or second is None:
            return NotImplemented
        operator: Any = KINDS[self._family + name]
        return longer(first, (second,)) if isinstance(first, operator) else operator((first, second))

    def __add__(self, other: Any) -> S:
        return self._joined("sum", self, other)

    def __radd__(self, other: Any) -> S:
        return self._joined("sum", other, self)

    def __sub__(self, other: Any) -> S:
        lifted = self.lift(other)
        if lifted is None:
            return NotImplemented
        return self._joined("sum", self, -lifted)

    def __rsub__(self, other: Any) -> S:
        return self._joined("sum", other, -self)

    def __mul__(self, other: Any) -> S:
        return self._joined("product", self, other)

    def __rmul__(self, other: Any) -> S:
        return self._joined("product", other, self)

    def __pow__(self, power: Any) -> S:
        if isinstance(power, Node):
            return NotImplemented
        return built(self._family + "power", self, power)

    def __neg__(self) -> S:
        negative: S = built(self._family + "negative", self)
        return negative
