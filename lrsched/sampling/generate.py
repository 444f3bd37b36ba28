"""Schedules as code that fills ranges: conditions hoisted out of the loops, array arithmetic in each leaf.

The generated function takes ranges one after the other. Its scalar code asks the conditions and finds ``end``, the step
up to which all that it computed stays, and the leaf that is reached fills the steps from ``t`` to ``end``.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from lrsched.foundation.records import Record
from lrsched.ir.clock import Clock
from lrsched.ir.term import Builder, Term, named
from lrsched.ir.walk import arguments, in_order
from lrsched.sampling.array_code import BLOCK, Blocks
from lrsched.sampling.periodicity import repeats_in
from lrsched.sampling.rewriting import replaced_terms
from lrsched.sampling.runtime import CALLED
from lrsched.sampling.scalar_code import ScalarCode
from lrsched.sampling.term_values import TermValues
from lrsched.sampling.values import Known, Scalar, UnfitError

__all__ = ["generated", "loaded", "lowered"]

SHORT = 128  # steps; where ranges are shorter than that, the generated function gives up
COPIES = 6  # of what follows a condition, before code grows too long
ELEMENTWISE = frozenset({"add", "sub", "mul", "neg", "div", "minimum", "maximum", "real", "sqrt", "exp", "expm1"})

HEAD = """\
def fill(t, lo, hi, out):
    spare = None if out.dtype is float64 and out.flags.c_contiguous else empty(min(hi - t, {block}))
    {buffers}waves, count, mark = {{}}, 0, t
    while t < hi:
        count += 1
        if not count & 31:
            if t - mark < {short}: return t
            mark = t
        end = hi
"""


def lowered(formula: Callable[[Clock], Term], b: Builder) -> Term:
    """The formula as a term of whole steps."""
    t = b.step()
    return b.floats(b.settled(formula(Clock(b, t, t))))


class Made(Record):
    """The source of a filler, the objects that it names, and the length from which on there is another; 0 if none."""

    source: str
    objects: dict[str, Any]
    repeating: int


def generated(formula: Callable[[Clock], Term], length: int = 0) -> Made:
    """The code that fills ranges; no source if the schedule has no ranges to speak of.

    In ranges of some length what repeats in short holds and cycles is computed once.
    """
    b = Builder(branching=True, limit=2**53, exact_ends=True)
    root = lowered(formula, b)
    repeats = repeats_in(b, root)
    least = repeats.least if repeats else 0
    source, objects = _written(repeats.spread()) if repeats and length >= least else ("", {})
    return Made(source, objects, least) if source else Made(*_written(root), least)


def _written(root: Term) -> tuple[str, dict[str, Any]]:
    """The source of a filler and the objects that it names; no source if the schedule has no ranges to speak of."""
    writer = _Writer()
    try:
        writer.tail(root, {}, [])
    except UnfitError:
        return "", {}
    buffers = "".join(f"whole_b{k + 1} = empty(min(hi - t, {BLOCK}))\n    " for k in range(writer.blocks.buffers))
    buffers += "".join(f"line{k + 1}, made{k + 1} = None, -1\n    " for k in range(writer.blocks.most_lines))
    buffers += "".join(f"passed_{table}, coming_{table} = 0, None\n    " for table in writer.code.searches)
    buffers += "".join(
        f"{name} = {form}(values_{name}, min(hi - t, {BLOCK}))\n    " for name, form in writer.code.repeats.items()
    )
    head = HEAD.format(block=BLOCK, buffers=buffers, short=32 * SHORT)
    source = head + "\n".join(_needed(writer.code.lines)) + "\n    return t\n"
    return source, writer.code.objects


class _Writer:
    """Writes the body of the loop over ranges: scalar code into ``code``, and the loops of ``blocks`` in each leaf.

    ``known`` are the values of terms on the range, by their numbers; ``patches`` single values at single steps.
    """

    def __init__(self) -> None:
        self.code = ScalarCode()
        self.values = TermValues(self.code)
        self.blocks = Blocks(self.code)
        self.forms = Forms()
        self.copies = 0

    def tail(self, root: Term, known: Known, patches: list[tuple[Scalar, Scalar]]) -> None:
        """Fill the range with a term, then write the patches, the outermost last."""
        root = named(root)
        clamp = self._clamp(root, known)
        if clamp is not None:
            self._either_side(root, clamp, known, patches)
            return
        if root.op == "where" and self._tail_where(root, known, patches):
            return
        distributed = None if root.op == "where" or self.forms.of(root) == "number" else self._distributed(root)
        if distributed is not None:
            self.tail(distributed, known, patches)
            return
        self.blocks.fill(self.values.value(root, known))
        for step, single in reversed(patches):
            self.blocks.patch(step, single)
        self.code.line("t = end")
        self.code.line("continue")

    def _clamp(self, root: Term, known: Known) -> Term | None:
        """The first step among what the root needs that is the smaller or larger of two."""
        if self.copies >= COPIES:
            return None
        direct = self.values.direct(root, known).values()
        return next((t for t in direct if t.op in ("minimum", "maximum") and self.forms.of(t) == "step"), None)

    def _either_side(self, root: Term, clamp: Term, known: Known, patches: list[tuple[Scalar, Scalar]]) -> None:
        """Fill the range with the root for either side of a clamp."""
        self.copies += 1
        a, c = clamp.args
        first, second = (a, c) if clamp.op == "minimum" else (c, a)
        holds = self.values.value(root.b.le(a, c), known)
        sides = tuple(replaced_terms(root, {clamp.num: side}) for side in (first, second))
        if not isinstance(holds, Scalar):
            raise UnfitError
        if holds.value is not None:
            self.tail(sides[not holds.value], known, patches)
            return
        with self.code.under(f"if {holds.text}:"):
            self.tail(sides[0], dict(known), patches)
        self.tail(sides[1], known, patches)

    def _tail_where(self, root: Term, known: Known, patches: list[tuple[Scalar, Scalar]]) -> bool:
        """Fill the range with the chosen side of a condition; False if it is no condition on the whole range."""
        condition, yes, no = root.args
        if condition.op == "eq":
            for operand in condition.args:
                self.values.value(operand, known)
            step = self.values.single_step(condition, known)
            single = self.values.value(yes, known) if step is not None else None
            if step is None or not isinstance(single, Scalar):
                return False
            self.tail(no, known, [*patches, (step, single)])
            return True
        holds = self.values.value(condition, known)
        if not isinstance(holds, Scalar):
            return False
        self.values.hoisted(yes, no, known)
        with self.code.under(f"if {holds.text}:"):
            self.tail(yes, dict(known), patches)
        self.tail(no, known, patches)
        return True

    def _distributed(self, root: Term) -> Term | None:
        """An operation on a condition as a condition on operations: each side on its own, while there are few."""
        chain: list[Term] = []
        inner, copies = root, 0
        while inner.op in ELEMENTWISE:
            operands = [named(a) for a in inner.args]
            ahead = max(operands, key=self._leads)
            copies += any(self.forms.of(a) != "number" for a in operands if a is not ahead)
            chain.append(inner)
            inner = ahead
            if inner.op != "where" and not self._leads(inner):
                return None
        if inner.op != "where" or not chain or (copies and (inner.args[0].op == "eq" or self.copies + copies > COPIES)):
            return None
        self.copies += copies
        condition, yes, no = inner.args
        return root.b.where(condition, _on_side(chain, inner, yes), _on_side(chain, inner, no))

    def _leads(self, term: Term) -> bool:
        """Whether one or two elementwise operations lead to a condition."""
        waiting, seen = [term], 0
        while waiting and seen < 20:
            term, seen = waiting.pop(), seen + 1
            if term.op == "where":
                return True
            if term.op in ELEMENTWISE:
                waiting.extend(named(a) for a in term.args)
        return False


class Forms:
    """Whether a term is a "number" on a range, an integer that follows the "step", or a "vector"."""

    def __init__(self) -> None:
        self.known: dict[int, str] = {}

    def of(self, root: Term) -> str:
        """The form of a term."""
        for number, term in in_order(root, self.known).items():
            self.known[number] = self._form(term, {self.known[a.num] for a in arguments(term)})
        return self.known[named(root).num]

    def _form(self, term: Term, parts: set[str]) -> str:
        """The form of a term whose operands have these."""
        if term.op == "step":
            return "step"
        if "vector" in parts or term.op in ("call", "hold", "cycle"):
            return "vector"
        if "step" not in parts or term.op in ("search", "floordiv", "muldiv", "lt", "le", "eq"):
            return "number"
        return "step" if term.dtype == "i" and term.op not in ("gather", "valuation") else "vector"


def _on_side(chain: list[Term], inner: Term, term: Term) -> Term:
    """The operations of the chain on ``term`` instead of ``inner``."""
    before = inner
    for step in reversed(chain):
        args = [term if named(a) is before else a for a in step.args]
        before, term = step, term.b.make(step.op, *args)
    return term


def _needed(lines: list[str]) -> list[str]:
    """The lines without assignments that nothing reads."""
    read = Counter(name for line in lines for name in re.findall(r"\bx\d+\b", line))
    kept: list[str] = []
    for i in reversed(range(len(lines))):
        line = lines[i]
        assigned = re.match(r" +(x\d+) = ", line)
        if assigned and read[assigned[1]] == 1 and not lines[i - 1].endswith(":"):
            read.subtract(re.findall(r"\bx\d+\b", line))
            continue
        kept.append(line)
    return kept[::-1]


def loaded(source: str, objects: dict[str, Any]) -> Callable[[int, int, int, Any], int]:
    """The function that the source defines."""
    space = {**_space(), **objects}
    exec(compile(source, "<lrsched range>", "exec"), space)  # noqa: S102 - text generated above
    loaded: Callable[[int, int, int, Any], int] = space["fill"]
    return loaded


@functools.cache
def _space() -> dict[str, Any]:
    """What every filler may call: helpers of scalar code, operations on arrays, steps and waves."""
    from lrsched.targets._numpy import OPERATIONS
    from lrsched.targets._python import BUILTINS, HELPERS, MATH

    space: dict[str, Any] = {"numpy": np, "empty": np.empty, "copy": np.array, "float64": np.dtype(np.float64)}
    space |= {"__builtins__": {}} | {builtin.__name__: builtin for builtin in (*BUILTINS, max, min)}
    space |= {name: getattr(math, name) for name in MATH}
    exec(compile("".join(HELPERS.values()), "<lrsched helpers>", "exec"), space)  # noqa: S102 - own text
    return (
        space
        | {f"{op}_": f for op, f in OPERATIONS.items()}
        | CALLED
        | {"gather_": _taken, "checked": OPERATIONS["checked"]}
    )


def _taken(table: Any, index: Any) -> Any:
    """Entries of a table; any entry where an index that nobody reads lies outside."""
    return table.take(index.astype(np.intp), mode="clip")
