"""The text of a filler's scalar code: lines, variables, tables, and both sides of a condition.

Nothing here knows of terms. :mod:`.term_values` and :mod:`.scalar_operations` say what is computed,
:mod:`.array_code` writes the loops that fill the output, all into one :class:`ScalarCode`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lrsched.sampling.values import BEYOND, Affine, ArrayOp, Line, Scalar, UnfitError, Value, literal

__all__ = ["ScalarCode"]

DEEPEST = 80
Pairs = list[tuple[str, Scalar, Scalar]]  # a variable, and what it is on either side


class ScalarCode:
    """Lines of code at a level, with the objects that they name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.level = 2
        self.objects: dict[str, Any] = {}
        self.names: dict[tuple[int, str], str] = {}
        self.lets: dict[str, Scalar] = {}
        self.last: tuple[list[str], int, int, str, list[str], list[str]] | None = None  # the condition just written
        self.held: list[Any] = []
        self.searches: list[str] = []
        self.repeats: dict[str, str] = {}
        self.count = 0

    # ---- lines and variables

    def line(self, text: str) -> None:
        """One line at the present level."""
        self.lines.append("    " * self.level + text)

    def name(self) -> str:
        """A fresh variable."""
        self.count += 1
        return f"x{self.count}"

    def let(self, text: str, least: float = 0.0, most: float = math.inf, nonzero: bool = False) -> Scalar:
        """A variable for an expression; the one that holds it already, where there is one."""
        found = self.lets.get(text)
        if found is None:
            found = Scalar(self.name(), None, least, most, nonzero=nonzero)
            self.line(f"{found.text} = {text}")
        else:
            least, most, nonzero = max(least, found.least), min(most, found.most), nonzero or found.nonzero
        self.lets[text] = found = Scalar(found.text, None, least, most, nonzero=nonzero)
        return found

    @contextmanager
    def inside(self) -> Iterator[list[str]]:
        """Lines one level deeper, held back."""
        (lines, self.lines), (lets, self.lets) = (self.lines, []), (self.lets, dict(self.lets))
        self.level += 1
        if self.level > DEEPEST:
            raise UnfitError
        try:
            yield self.lines
        finally:
            self.lines, self.lets = lines, lets
            self.level -= 1

    @contextmanager
    def under(self, opening: str) -> Iterator[None]:
        """A line, and what follows one level deeper."""
        self.line(opening)
        with self.inside() as lines:
            yield
        self.lines.extend(lines)

    def ends(self, step: str) -> None:
        """The range ends before ``step`` at the latest."""
        self.line(f"if {step} < end: end = {step}")

    # ---- objects

    def table(self, values: Any, form: str = "list") -> str:
        """The name of a table: a list for scalar code, followed by a number that nothing reaches; or an array."""
        key = (id(values), form)
        name = self.names.get(key)
        if name is None:
            name = self.names[key] = f"{form}{len(self.names)}"
            self.objects[name] = [*values.tolist(), BEYOND] if form == "list" else values
            self.held.append(values)
        return name

    def kept(self, table: str) -> tuple[str, str]:
        """Variables that live from range to range: how much of a table is passed, and what the table has there."""
        if table not in self.searches:
            self.searches.append(table)
        return f"passed_{table}", f"coming_{table}"

    def repeated(self, values: Any, form: str) -> str:
        """The name of values that repeat in holds or cycles."""
        name = self.names.setdefault((id(values), form), f"{form}{len(self.repeats)}")
        self.repeats[name], self.objects[f"values_{name}"] = form, values
        return name

    def function(self, function: Any) -> str:
        """The name of a function of arrays."""
        name = f"custom{len(self.objects)}"
        self.objects[name] = function
        return name

    # ---- values

    def array_op(self, op: str, *operands: Any) -> ArrayOp:
        """An operation on arrays; counts the uses of its operands."""
        for operand in operands:
            base = operand.base if isinstance(operand, Line) else operand
            if isinstance(base, ArrayOp | Affine):
                base.uses += 1
        return ArrayOp(op, operands)

    def joined(
        self, holds: Scalar, first: Value, second: Value, early: list[str] | None = None, late: list[str] | None = None
    ) -> Value:
        """The value that either side of a condition leaves; ``early`` and ``late`` are the lines of the sides."""
        early, late, deeper = early or [], late or [], "    " * (self.level + 1)
        pairs, value = self._common(holds, first, second)
        for name, one, other in pairs:
            early.append(f"{deeper}{name} = {one.text}")
            late.append(f"{deeper}{name} = {other.text}")
        if early or late:
            self._sides(holds.text, early, late)
        return self.array_op("choice", holds, first, second) if value is None else value

    def _sides(self, holds: str, early: list[str], late: list[str]) -> None:
        """Lines for either answer to a question; in one with those before, where it is the same question."""
        start = len(self.lines)
        if self.last is not None and self.last[0] is self.lines and self.last[2:4] == (start, holds):
            start, early, late = self.last[1], self.last[4] + early, self.last[5] + late
            del self.lines[start:]
        self.line(f"if {holds}:")
        self.lines.extend(early or ["    " * (self.level + 1) + "pass"])
        if late:
            self.line("else:")
            self.lines.extend(late)
        self.last = (self.lines, start, len(self.lines), holds, early, late)

    def _common(self, holds: Scalar, a: Value, c: Value) -> tuple[Pairs, Value | None]:
        """One form for two values, and the names that it takes on each side; None for arrays."""
        if isinstance(a, Scalar) and isinstance(c, Scalar):
            both = self._either(a, c)
            return [(both.text, a, c)], both
        if isinstance(a, Line) and isinstance(c, Line):
            return self._common_line(holds, a, c)
        if isinstance(a, Scalar | Affine) and isinstance(c, Scalar | Affine):
            one, other = (x if isinstance(x, Affine) else Affine(literal(0), x) for x in (a, c))
            offset = self._either(one.offset, other.offset)
            pairs = [(offset.text, one.offset, other.offset)]
            if one.factor.value is not None and one.factor.value == other.factor.value:
                return pairs, Affine(one.factor, offset)
            factor = self._either(one.factor, other.factor)
            return [*pairs, (factor.text, one.factor, other.factor)], Affine(factor, offset)
        return [], None

    def _common_line(self, holds: Scalar, a: Line, c: Line) -> tuple[Pairs, Value | None]:
        """One line over steps that are counted up on one side and down on the other."""
        if not isinstance(a.base, Affine) or not isinstance(c.base, Affine) or not a.base.sign or not c.base.sign:
            return [], None
        pairs, both = [], []
        for one, other in ((a.factor, c.factor), (a.shift, c.shift)):
            same = one.text == other.text
            both.append(one if same else self._either(one, other))
            if not same:
                pairs.append((both[-1].text, one, other))
        return pairs, Line(both[0], self.array_op("choice", holds, a.base, c.base), both[1])

    def _either(self, a: Scalar, c: Scalar) -> Scalar:
        """A fresh variable for one of two scalars."""
        return Scalar(self.name(), None, min(a.least, c.least), max(a.most, c.most))
