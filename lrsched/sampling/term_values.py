"""What each term of a formula is on a range of steps: its scalar code is written, its arrays are described.

Terms are taken in the order of their numbers, operands first. A condition that is constant on a range is asked once,
before the arrays, and only the side that it chooses is computed.
"""

from __future__ import annotations

from typing import Any

from lrsched.ir import folding
from lrsched.ir.term import Term, named
from lrsched.ir.walk import arguments, in_order
from lrsched.sampling import scalar_operations
from lrsched.sampling.scalar_code import ScalarCode
from lrsched.sampling.values import Affine, ArrayOp, Known, Line, Scalar, UnfitError, Value, literal
from lrsched.targets._python import TEMPLATES

__all__ = ["TermValues"]


class TermValues:
    """The values of terms on a range. What is ``known`` already, by the numbers of terms, is not computed again."""

    def __init__(self, code: ScalarCode) -> None:
        self.code = code

    def value(self, root: Term, known: Known) -> Value:
        """What a term is on a range; its scalar code is written."""
        for number, term in self.direct(root, known).items():
            if number not in known:
                known[number] = self._value(term, known)
        return known[named(root).num]

    def direct(self, root: Term, known: Known) -> dict[int, Term]:
        """Terms that are needed whatever the conditions say, operands first."""
        return in_order(root, known, _needed)

    def hoisted(self, yes: Term, no: Term, known: Known) -> None:
        """Compute what both sides of a condition need, before it."""
        first, second = self.direct(yes, known), self.direct(no, known)
        for number, term in first.items():
            if number in second:
                self.value(term, known)

    def _value(self, term: Term, known: Known) -> Value:
        """A term's value where its operands are known."""
        if term.op == "const":
            return literal(term.args[0])
        if term.op == "step":
            return Affine(literal(1), literal(0))
        if term.op in ("bound", "column"):
            raise UnfitError
        if term.op == "where":
            return self._where(term, known)
        operands = [known[named(a).num] if isinstance(a, Term) else a for a in term.args]
        if term.op == "call":
            return self.code.array_op("call", self.code.function(operands[0]), *operands[1:])
        if term.op in ("hold", "cycle"):
            name = self.code.repeated(operands[0], term.op)
            return scalar_operations.repeated(self.code, term.op, name, *operands[1:])
        return self._operation(term, operands, known)

    def _operation(self, term: Term, operands: list[Any], known: Known) -> Value:
        """An operation on scalars as scalar code; on others as its function says, or else on arrays."""
        if term.op != "checked" and all(isinstance(x, Scalar) for x in operands):
            return self._scalar(term, operands)
        if term.op == "floor" and isinstance(operands[0], Line) and isinstance(operands[0].base, ArrayOp):
            operands = [self._divided(named(term.args[0]), known) or operands[0]]
        operation = scalar_operations.SCALAR_OPERATIONS.get(term.op)
        found = None if operation is None else operation(self.code, *operands)
        return self.code.array_op(term.op, *operands) if found is None else found

    def _divided(self, term: Term, known: Known) -> ArrayOp | None:
        """A quotient that is divided, since the whole numbers in it count, and not multiplied by 1 / the divisor."""
        return self.code.array_op("div", *(known[named(a).num] for a in term.args)) if term.op == "div" else None

    def _scalar(self, term: Term, operands: list[Scalar]) -> Scalar:
        """An operation on plain numbers."""
        if all(x.value is not None for x in operands):
            return literal(folding.fold(term.op, [x.value for x in operands]))
        if term.op == "real":
            return operands[0]
        template = TEMPLATES[term.op]
        text = template if isinstance(template, str) else template(term)
        sizes = (abs(term.lo), abs(term.hi))
        nonzero = term.lo > 0 or term.hi < 0
        # a sum other than 0 is a multiple of the last place of the smaller operand
        smallest = min(x.least for x in operands) * 2.0**-53 if term.op in ("add", "sub") else 0.0
        least = max(nonzero * min(sizes), smallest)
        return self.code.let(text.format(*(x.text for x in operands)), least, max(sizes), nonzero)

    # ---- conditions

    def single_step(self, condition: Term, known: Known) -> Scalar | None:
        """The one step at which an equality holds, if it is one between a step counted up or down and a number."""
        a, c = (known[named(x).num] for x in condition.args)
        return scalar_operations.step_of_equality(self.code, a, c)

    def _where(self, term: Term, known: Known) -> Value:
        """One side of a condition, chosen once per range; an exception at a single step becomes a patch."""
        condition, yes, no = term.args
        if condition.op == "eq":
            step = self.single_step(condition, known)
            if step is not None:
                return self._patched(step, self.value(yes, known), self.value(no, known))
            a, c = (known[named(x).num] for x in condition.args)
            holds = scalar_operations.equal(self.code, a, c)
        else:
            holds = known[named(condition).num]
        if isinstance(holds, Scalar):
            if holds.value is not None:
                return self.value(yes if holds.value else no, known)
            return self._chosen(holds, yes, no, known)
        if any(a.dtype == "i" for a in condition.args if isinstance(a, Term)):
            raise UnfitError
        return self.code.array_op("where", holds, self.value(yes, known), self.value(no, known))

    def _patched(self, step: Scalar, single: Value, other: Value) -> Value:
        """A single value at one step: written over an array, or on a range of its own."""
        if isinstance(single, Scalar) and isinstance(other, Line | ArrayOp):
            return self.code.array_op("patch", other, step, single)
        return self.code.joined(scalar_operations.at_single_step(self.code, step), single, other)

    def _chosen(self, holds: Scalar, yes: Term, no: Term, known: Known) -> Value:
        """Either side, each computed where it is chosen."""
        self.hoisted(yes, no, known)
        with self.code.inside() as early:
            first = self.value(yes, dict(known))
        with self.code.inside() as late:
            second = self.value(no, dict(known))
        return self.code.joined(holds, first, second, early, late)


def _needed(term: Term) -> list[Term]:
    """The terms that an operation needs in any case: of a choice, its condition alone."""
    if term.op == "where":
        return list(term.args[0].args) if term.args[0].op == "eq" else [term.args[0]]
    return arguments(term)
