"""Schedules as code that fills ranges: conditions outside, one stretch of array arithmetic in each leaf."""

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
from lrsched.sampling.array_code import BLOCK, Blocks
from lrsched.sampling.periodicity import Cycle, Hold, repeats_in, replaced_terms
from lrsched.sampling.runtime import CALLED, DOWN, RAMP
from lrsched.sampling.scalar_code import Skeleton
from lrsched.sampling.values import Known, Scalar, UnfitError

__all__ = ["generated", "loaded", "lowered"]

SHORT = 128
COPIES = 6
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
    writer = _Writer()
    try:
        writer.tail(root, {}, [])
    except UnfitError:
        return "", {}
    buffers = "".join(f"whole_b{k + 1} = empty(min(hi - t, {BLOCK}))\n    " for k in range(writer.blocks.buffers))
    buffers += "".join(f"line{k + 1}, made{k + 1} = None, -1\n    " for k in range(writer.blocks.most_lines))
    buffers += "".join(f"place_{table}, coming_{table} = 0, None\n    " for table in writer.w.searches)
    buffers += "".join(
        f"{name} = {kind}(values_{name}, min(hi - t, {BLOCK}))\n    " for name, kind in writer.w.repeats.items()
    )
    head = HEAD.format(block=BLOCK, buffers=buffers, short=32 * SHORT)
    source = head + "\n".join(_needed(writer.w.lines)) + "\n    return t\n"
    return source, writer.w.objects


class _Writer:
    """Writes the body of the loop over ranges: conditions outside, one stretch of array code in each leaf."""

    def __init__(self) -> None:
        self.w = Skeleton()
        self.blocks = Blocks(self.w)
        self.forms = Forms()
        self.copies = 0

    def tail(self, root: Term, known: Known, patches: list[tuple[Scalar, Scalar]]) -> None:
        """Fill the range with a term, then write the patches, the outermost last."""
        w, root = self.w, named(root)
        clamp = self._clamp(root, known)
        if clamp is not None:
            self._side(root, clamp, known, patches)
            return
        if root.op == "where" and self._tail_where(root, known, patches):
            return
        pushed = None if root.op == "where" or self.forms.of(root) == "number" else self._pushed(root)
        if pushed is not None:
            self.tail(pushed, known, patches)
            return
        self.blocks.fill(w.value(root, known))
        for place, single in reversed(patches):
            self.blocks.patch(place, single)
        w.line("t = end")
        w.line("continue")

    def _clamp(self, root: Term, known: Known) -> Term | None:
        """The first step among what the root needs that is the smaller or larger of two."""
        if self.copies >= COPIES:
            return None
        direct = self.w.direct(root, known)
        for number in sorted(direct):
            if direct[number].op in ("minimum", "maximum") and self.forms.of(direct[number]) == "step":
                return direct[number]
        return None

    def _side(self, root: Term, clamp: Term, known: Known, patches: list[tuple[Scalar, Scalar]]) -> None:
        """Fill the range with the root for either side of a clamp."""
        self.copies += 1
        a, c = clamp.args
        first, second = (a, c) if clamp.op == "minimum" else (c, a)
        holds = self.w.value(root.b.le(a, c), known)
        sides = tuple(replaced_terms(root, {clamp.num: side}) for side in (first, second))
        if not isinstance(holds, Scalar) or holds.value is not None:
            self.tail(sides[not (isinstance(holds, Scalar) and holds.value)], known, patches)
            return
        self.w.line(f"if {holds.text}:")
        with self.w.inside() as lines:
            self.tail(sides[0], dict(known), patches)
        self.w.lines.extend(lines)
        self.tail(sides[1], known, patches)

    def _tail_where(self, root: Term, known: Known, patches: list[tuple[Scalar, Scalar]]) -> bool:
        w = self.w
        condition, yes, no = root.args
        if condition.op == "eq":
            for operand in condition.args:
                w.value(operand, known)
            place = w.place(condition, known)
            single = w.value(yes, known) if place is not None else None
            if place is None or not isinstance(single, Scalar):
                return False
            self.tail(no, known, [*patches, (place, single)])
            return True
        holds = w.value(condition, known)
        if not isinstance(holds, Scalar):
            return False
        w.hoisted(yes, no, known)
        w.line(f"if {holds.text}:")
        with w.inside() as lines:
            self.tail(yes, dict(known), patches)
        w.lines.extend(lines)
        self.tail(no, known, patches)
        return True

    def _pushed(self, root: Term) -> Term | None:
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
        return root.b.where(condition, _outside(chain, inner, yes), _outside(chain, inner, no))

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
        waiting = [named(root)]
        while waiting:
            term = waiting[-1]
            parts = [named(a) for a in term.args if isinstance(a, Term)]
            ahead = [a for a in parts if a.num not in self.known]
            if ahead:
                waiting.extend(ahead)
                continue
            self.known[term.num] = self._form(term, {self.known[a.num] for a in parts})
            waiting.pop()
        return self.known[named(root).num]

    def _form(self, term: Term, parts: set[str]) -> str:
        if term.op == "step":
            return "step"
        if "vector" in parts or term.op in ("call", "hold", "cycle"):
            return "vector"
        if "step" not in parts or term.op in ("search", "floordiv", "muldiv", "lt", "le", "eq"):
            return "number"
        return "step" if term.dtype == "i" and term.op not in ("gather", "valuation") else "vector"


def _outside(chain: list[Term], inner: Term, term: Term) -> Term:
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
    space |= {"ramp": RAMP, "down": DOWN, "hold": Hold, "cycle": Cycle} | {name: getattr(math, name) for name in MATH}
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
