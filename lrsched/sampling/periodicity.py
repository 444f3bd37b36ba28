"""A pass that finds what repeats: what depends on the step through one quotient (a hold) or one remainder (a cycle).

Each such part of a schedule is a function of its own, computed once for each quotient, or once for each step of a
cycle, and spread over the range. So short holds and cycles are no ranges of their own.
"""

from __future__ import annotations

import math
from typing import Any

from lrsched.ir.term import Builder, Term, named
from lrsched.ir.walk import arguments, in_order
from lrsched.sampling.rewriting import replaced_terms
from lrsched.sampling.runtime import Repeated

__all__ = ["Repeats", "repeats_in"]

LONGEST_HOLD = 4_096
LONGEST_CYCLE = 8_192
WIDEST = 2**40  # of a divisor
MANY = 16  # parts, each with a function of its own
DIVISORS = {"floordiv": 1, "mod": 1, "muldiv": 2}  # which argument is the divisor
Name = tuple[Any, ...]  # of what a term depends on
NOTHING: Name = ()
ALL: Name = ("all",)


def repeats_in(b: Builder, root: Term) -> Repeats | None:
    """What repeats in the root, if anything does that is worth it."""
    quotients = (t for t in b.computed.values() if t.op in DIVISORS)
    if not any(t.args[DIVISORS[t.op]].op == "const" for t in quotients):
        return None
    found = Repeats(root)
    return found if 0 < len(found.parts) <= MANY else None


class Repeats:
    """What each term depends on: nothing, one hold, one cycle, or the step in another way.

    A hold is named by the integer that is divided, and the numbers of its quotient ``(x * times + more) // over``;
    a cycle by the integer and its length. ``parts`` are the largest terms that depend on one of them, where all that
    does is a real number.
    """

    def __init__(self, root: Term) -> None:
        self.names: dict[int, Name] = {}
        self.sizes: dict[Name, tuple[str, Any]] = {}
        self.sources: dict[Name, list[Term]] = {}
        parts: dict[int, Term] = {}
        others: set[Name] = set()  # quotients at whose steps ranges end all the same
        self.root = root = named(root)
        self.terms = in_order(root)
        for term in self.terms.values():
            inner = arguments(term)
            name = self.names[term.num] = self._name(term, {self.names[a.num] for a in inner} - {NOTHING})
            if name == ALL:
                found = [a for a in inner if self.names[a.num] not in (NOTHING, ALL)]
                parts |= {a.num: a for a in found if a.dtype == "f"}
                others |= {_quotient(self.names[a.num]) for a in found if a.dtype != "f"}
        if self.names[root.num] not in (NOTHING, ALL):
            parts[root.num] = root
        self.parts = [part for part in parts.values() if _quotient(self.names[part.num]) not in others]

    @property
    def least(self) -> int:
        """How long a range has to be for repeated values to be computed once."""
        sizes = [self.sizes[self.names[part.num]] for part in self.parts]
        cycles = [size for form, size in sizes if form == "cycle"]
        return max(8 * max(cycles) if cycles else 32 * math.ceil(min(size for _, size in sizes)), 1_024)

    def spread(self) -> Term:
        """The root with functions of a quotient or a remainder in the place of what depends on the step through it."""
        return replaced_terms(self.root, {part.num: self._spread(part) for part in self.parts})

    def _spread(self, part: Term) -> Term:
        """A part as a function of its quotient or remainder, read at each step."""
        b, name = part.b, self.names[part.num]
        form, size = self.sizes[name]
        sources = self.sources[name]
        if form == "cycle":
            step = b.step(0, size - 1)
        else:
            step = b.step(max(min(s.lo for s in sources), -b.limit - 1), max(s.hi for s in sources))
        values = Repeated(replaced_terms(part, {source.num: step for source in sources}), size)
        return b.term(form, (values, self.terms[name[1]], *map(b.lift, name[2:])), "f", part.lo, part.hi)

    def _name(self, term: Term, inner: set[Name]) -> Name:
        """What a term depends on, if its operands depend on what is named in ``inner``."""
        if term.op in ("step", "bound", "column", "call", "checked"):
            return ALL
        if not inner:
            return NOTHING
        if len(inner) == 1 and ALL not in inner:
            return inner.pop()
        return self._hold(term) or self._cycle(term) or ALL

    def _hold(self, term: Term) -> Name | None:
        """``(x * times + more) // over``, which stays for two steps at least."""
        if term.op not in ("floordiv", "muldiv"):
            return None
        x, numbers = named(term.args[0]), [a.value for a in term.args[1:]]
        times, over, more = (1, *numbers, 0) if term.op == "floordiv" else numbers
        if term.op == "floordiv" and x.op == "mul" and isinstance(x.args[1].value, int):
            x, times = named(x.args[0]), x.args[1].value
        if not all(isinstance(k, int) for k in (times, over, more)) or not 0 < 2 * times <= over < WIDEST:
            return None
        return self._found(term, ("hold", x.num, times, over, more), over / times, LONGEST_HOLD)

    def _cycle(self, term: Term) -> Name | None:
        """``mod(x, n)``, or ``x - (x // n) * n``."""
        x, n = (named(a) for a in term.args) if term.op in ("mod", "sub") else (term, term)
        if term.op == "sub":
            count = named(n.args[0]) if n.op == "mul" else n
            n = n.args[1] if n.op == "mul" else n
            if count.op != "floordiv" or named(count.args[0]) is not x or count.args[1] is not n:
                return None
        if not isinstance(n.value, int) or n.value < 2:
            return None
        return self._found(term, ("cycle", x.num, n.value), n.value, LONGEST_CYCLE)

    def _found(self, term: Term, name: Name, size: Any, most: int) -> Name | None:
        """The name of what the term is a source of, unless it is too long to be worth it."""
        if size > most:
            return None
        self.sizes[name] = name[0], size
        self.sources.setdefault(name, []).append(term)
        return name


def _quotient(name: Name) -> Name:
    """The integer that is divided, and the divisor."""
    return name[1], name[3 if name[0] == "hold" else 2]
