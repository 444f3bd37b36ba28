"""The scalar half of a range filler: what is constant on a range of steps, and how far that range goes.

A filler is generated code that takes steps from ``t`` on. Everything that depends on the step through a piece, a
cycle, a sample or a condition only is plain Python, computed once per range; each such computation also lowers
``end`` to the step where it would give another result. What is left is arithmetic on arrays (:mod:`.array_code`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lrsched.ir import folding
from lrsched.ir.term import Term, named
from lrsched.sampling.values import (
    BEYOND,
    Affine,
    Known,
    Linear,
    Node,
    Pairs,
    Scalar,
    UnfitError,
    Value,
    _least,
    literal,
)

__all__ = ["Skeleton"]


class Skeleton:
    """Writes scalar code, and describes the arrays that are left."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.level = 2
        self.objects: dict[str, Any] = {}
        self.names: dict[tuple[int, str], str] = {}
        self.lets: dict[str, Scalar] = {}
        self.last: tuple[list[str], int, int, str, list[str], list[str]] | None = None
        self.held: list[Any] = []
        self.searches: list[str] = []
        self.repeats: dict[str, str] = {}
        self.count = 0

    # ---- text

    def line(self, text: str) -> None:
        """One line at the present level."""
        self.lines.append("    " * self.level + text)

    def name(self) -> str:
        """A fresh variable."""
        self.count += 1
        return f"x{self.count}"

    def kept(self, table: str) -> tuple[str, str]:
        """Variables that live from range to range: the place found in a table, and what the table has there."""
        if table not in self.searches:
            self.searches.append(table)
        return f"place_{table}", f"coming_{table}"

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
        if self.level > 80:
            raise UnfitError
        try:
            yield self.lines
        finally:
            self.lines, self.lets = lines, lets
            self.level -= 1

    def ends(self, step: str) -> None:
        """The range ends before ``step`` at the latest."""
        self.line(f"if {step} < end: end = {step}")

    def table(self, values: Any, form: str = "list") -> str:
        """The name of a table: a list for scalar code, followed by a number that nothing reaches; or an array."""
        key = (id(values), form)
        name = self.names.get(key)
        if name is None:
            name = self.names[key] = f"{form}{len(self.names)}"
            self.objects[name] = [*values.tolist(), BEYOND] if form == "list" else values
            self.held.append(values)
        return name

    # ---- values

    def value(self, root: Term, known: Known) -> Value:
        """What a term is on a range; its scalar code is written."""
        root = named(root)
        direct = self.direct(root, known)
        for number in sorted(direct):
            term = direct[number]
            if number not in known:
                known[number] = self._value(term, known)
        return known[root.num]

    def direct(self, root: Term, known: Known) -> dict[int, Term]:
        """Terms that are needed whatever the conditions say."""
        found: dict[int, Term] = {}
        waiting = [root]
        while waiting:
            term = named(waiting.pop())
            if term.num not in found and term.num not in known:
                found[term.num] = term
                waiting.extend(self._inputs(term))
        return found

    def _inputs(self, term: Term) -> list[Term]:
        if term.op == "where":
            return list(term.args[0].args) if term.args[0].op == "eq" else [term.args[0]]
        return [a for a in term.args if isinstance(a, Term)]

    def _value(self, term: Term, known: Known) -> Value:
        if term.op == "const":
            return literal(term.args[0])
        if term.op == "step":
            return Affine(literal(1), literal(0))
        if term.op in ("where", "call"):
            return self.where(term, known) if term.op == "where" else self._call(term, known)
        if term.op in ("bound", "column"):
            raise UnfitError
        if term.op in ("hold", "cycle"):
            return self._repeated(term, known)
        return self._operation(term, [known[named(a).num] if isinstance(a, Term) else a for a in term.args], known)

    def _operation(self, term: Term, operands: list[Any], known: Known) -> Value:
        from lrsched.sampling import scalar_rules

        if term.op == "checked":
            return self._checked(operands)
        if term.op in ("search", "gather"):
            return (scalar_rules.search if term.op == "search" else scalar_rules.gather)(self, *operands)
        if all(isinstance(x, Scalar) for x in operands):
            return self.scalar(term, operands)
        if term.op == "floor" and isinstance(operands[0], Linear) and isinstance(operands[0].base, Node):
            operands = [self._quotient(named(term.args[0]), known) or operands[0]]
        rule = scalar_rules.RULES.get(term.op)
        found: Value | None = None if rule is None else rule(self, *operands)
        return self.node(term.op, *operands) if found is None else found

    def _quotient(self, term: Term, known: Known) -> Node | None:
        """A quotient that is divided, since the whole numbers in it count, and not multiplied by 1 / the divisor."""
        return self.node("div", *(known[named(a).num] for a in term.args)) if term.op == "div" else None

    def scalar(self, term: Term, operands: list[Any]) -> Scalar:
        """An operation on plain numbers."""
        from lrsched.targets._python import TEMPLATES

        if all(x.value is not None for x in operands):
            return literal(folding.fold(term.op, [x.value for x in operands]))
        if term.op == "real":
            return operands[0]
        template = TEMPLATES[term.op]
        text = template if isinstance(template, str) else template(term)
        sizes = (abs(term.lo), abs(term.hi))
        nonzero = term.lo > 0 or term.hi < 0
        least = max(nonzero * min(sizes), _least(term.op, operands))
        return self.let(text.format(*(x.text for x in operands)), least, max(sizes), nonzero)

    def node(self, op: str, *operands: Any) -> Node:
        """An operation on arrays; counts the uses of its operands."""
        for operand in operands:
            base = operand.base if isinstance(operand, Linear) else operand
            if isinstance(base, Node | Affine):
                base.uses += 1
        return Node(op, operands)

    def _call(self, term: Term, known: Known) -> Node:
        function, *inputs = term.args
        name = f"custom{len(self.objects)}"
        self.objects[name] = function
        return self.node("call", name, *(known[named(a).num] for a in inputs))

    def _repeated(self, term: Term, known: Known) -> Node:
        """What repeats in holds or cycles: an array, by the name of its values and what is known of the quotient."""
        from lrsched.sampling import scalar_rules

        values, *numbers = term.args
        name = self.names.setdefault((id(values), term.op), f"{term.op}{len(self.repeats)}")
        self.repeats[name], self.objects[f"values_{name}"] = term.op, values
        return scalar_rules.repeated(self, term.op, name, *(known[named(a).num] for a in numbers))

    def _checked(self, operands: list[Any]) -> Value:
        wrong, value = operands
        if not isinstance(wrong, Scalar):
            raise UnfitError
        self.line(f"if {wrong.text}: checked(True, 0.0)")
        return value

    # ---- conditions

    def place(self, condition: Term, known: Known) -> Scalar | None:
        """The single step at which an equality holds, if it is one between the step and a number."""
        from lrsched.sampling import scalar_rules

        a, c = (known[named(x).num] for x in condition.args)
        return scalar_rules.place(self, a, c) or scalar_rules.place(self, c, a)

    def where(self, term: Term, known: Known) -> Value:
        """One side of a condition, chosen once per range; an exception at a single step becomes a patch."""
        from lrsched.sampling import scalar_rules

        condition, yes, no = term.args
        if condition.op == "eq":
            place = self.place(condition, known)
            if place is not None:
                return self._patched(place, self.value(yes, known), self.value(no, known))
            a, c = (known[named(x).num] for x in condition.args)
            holds: Value = scalar_rules.equal(self, a, c)
        else:
            holds = known[named(condition).num]
        if isinstance(holds, Scalar):
            if holds.value is not None:
                return self.value(yes if holds.value else no, known)
            return self._choice(holds, yes, no, known)
        if any(a.dtype == "i" for a in condition.args if isinstance(a, Term)):
            raise UnfitError
        return self.node("where", holds, self.value(yes, known), self.value(no, known))

    def _patched(self, place: Scalar, single: Value, other: Value) -> Value:
        if isinstance(single, Scalar) and isinstance(other, Linear | Node):
            return self.node("patch", other, place, single)
        from lrsched.sampling.scalar_rules import at_once

        return self._joined(at_once(self, place), single, [], other, [])

    def hoisted(self, yes: Term, no: Term, known: Known) -> None:
        """Compute what both sides of a condition need, before it."""
        first, second = self.direct(yes, known), self.direct(no, known)
        for number in sorted(first.keys() & second.keys()):
            self.value(first[number], known)

    def _choice(self, holds: Scalar, yes: Term, no: Term, known: Known) -> Value:
        self.hoisted(yes, no, known)
        with self.inside() as early:
            first = self.value(yes, dict(known))
        with self.inside() as late:
            second = self.value(no, dict(known))
        return self._joined(holds, first, early, second, late)

    def _joined(self, holds: Scalar, first: Value, early: list[str], second: Value, late: list[str]) -> Value:
        """Both sides written, and the value that either of them leaves."""
        deeper = "    " * (self.level + 1)
        pairs, value = self._common(holds, first, second)
        for name, one, other in pairs:
            early.append(f"{deeper}{name} = {one.text}")
            late.append(f"{deeper}{name} = {other.text}")
        if early or late:
            self._sides(holds.text, early, late)
        return self.node("choice", holds, first, second) if value is None else value

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
        if isinstance(a, Linear) and isinstance(c, Linear):
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

    def _common_line(self, holds: Scalar, a: Linear, c: Linear) -> tuple[Pairs, Value | None]:
        """One line over steps that are counted up on one side and down on the other."""
        if not isinstance(a.base, Affine) or not isinstance(c.base, Affine) or not a.base.sign or not c.base.sign:
            return [], None
        pairs, both = [], []
        for one, other in ((a.factor, c.factor), (a.shift, c.shift)):
            same = one.text == other.text
            both.append(one if same else self._either(one, other))
            if not same:
                pairs.append((both[-1].text, one, other))
        return pairs, Linear(both[0], self.node("choice", holds, a.base, c.base), both[1])

    def _either(self, a: Scalar, c: Scalar) -> Scalar:
        return Scalar(self.name(), None, min(a.least, c.least), max(a.most, c.most))
