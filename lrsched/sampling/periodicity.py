"""Values that repeat: what depends on the step through one quotient (a hold) or one remainder (a cycle) only.

Each such part of a schedule is a function of its own, computed once for each quotient, or once for each step of a
cycle, and spread over the range. So short holds and cycles are no ranges of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lrsched.ir.term import Builder, Term, named

__all__ = ["Cycle", "Hold", "Repeats", "replaced_terms", "repeats_in"]

LONGEST_HOLD = 4_096
LONGEST_CYCLE = 8_192
WIDEST = 2**40  # of a divisor
MANY = 16  # parts, each with a function of its own
COLUMNS = 6  # holds shorter than this are written step by step of the hold, all holds at once
DIVISORS = {"floordiv": 1, "mod": 1, "muldiv": 2}  # which argument is the divisor
Name = tuple[Any, ...]
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
        self.terms: dict[int, Term] = {}
        self.sizes: dict[Name, tuple[str, Any]] = {}
        self.sources: dict[Name, list[Term]] = {}
        parts: dict[int, Term] = {}
        others: set[Name] = set()  # quotients at whose steps ranges end all the same
        self.root = root = named(root)
        for term in _in_order(root, self.terms):
            inner = [named(a) for a in parts_of(term)]
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
        cycles = [size for kind, size in sizes if kind == "cycle"]
        return max(8 * max(cycles) if cycles else 32 * math.ceil(min(size for _, size in sizes)), 1_024)

    def spread(self) -> Term:
        """The root with functions of a quotient or a remainder in the place of what depends on the step through it."""
        return replaced_terms(self.root, {part.num: self._spread(part) for part in self.parts})

    def _spread(self, part: Term) -> Term:
        b, name = part.b, self.names[part.num]
        kind, size = self.sizes[name]
        sources = self.sources[name]
        if kind == "cycle":
            step = b.step(0, size - 1)
        else:
            step = b.step(max(min(s.lo for s in sources), -b.limit - 1), max(s.hi for s in sources))
        values = Repeated(replaced_terms(part, {source.num: step for source in sources}), size)
        return b.term(kind, (values, self.terms[name[1]], *map(b.lift, name[2:])), "f", part.lo, part.hi)

    def _name(self, term: Term, inner: set[Name]) -> Name:
        if term.op in ("step", "bound", "column", "call", "checked"):
            return ALL
        if not inner:
            return NOTHING
        if len(inner) == 1 and ALL not in inner:
            return inner.pop()
        return self._hold(term) or self._cycle(term) or ALL

    def _hold(self, term: Term) -> Name | None:
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
        if size > most:
            return None
        self.sizes[name] = name[0], size
        self.sources.setdefault(name, []).append(term)
        return name


def _quotient(name: Name) -> Name:
    """The integer that is divided, and the divisor."""
    return name[1], name[3 if name[0] == "hold" else 2]


def _in_order(root: Term, found: dict[int, Term]) -> list[Term]:
    """The terms that the root is made of, each after its own, and in ``found`` by their numbers."""
    waiting = [root]
    while waiting:
        term = named(waiting.pop())
        if term.num not in found:
            found[term.num] = term
            waiting.extend(parts_of(term))
    return [found[number] for number in sorted(found)]


def replaced_terms(root: Term, new: dict[int, Term]) -> Term:
    """The root with other terms in the place of some that it is made of, by their numbers."""
    b, made = root.b, {number: named(term) for number, term in new.items()}
    waiting = [named(root)]
    while waiting:
        term = waiting[-1]
        parts = [named(a) for a in parts_of(term)]
        ahead = [a for a in parts if a.num not in made]
        if ahead and term.num not in made:
            waiting.extend(ahead)
            continue
        waiting.pop()
        if term.num in made:
            continue
        if all(made[a.num] is a for a in parts):
            made[term.num] = term
            continue
        args = [made[named(a).num] if isinstance(a, Term) else a for a in term.args]
        made[term.num] = _again(b, term, args)
    return made[named(root).num]


def _again(b: Builder, term: Term, args: list[Any]) -> Term:
    """The same operation on other arguments."""
    if term.op == "call":
        return b.call(*args[:2], args[2:])
    if term.op == "gather":
        table, index = args
        index = index if index.value is None else min(max(index.value, 0), len(table) - 1)
        return b.gather(table, index, term.dtype)
    if term.op in ("hold", "cycle"):
        return b.term(term.op, tuple(args), "f", term.lo, term.hi)
    again: Term = getattr(b, term.op)(*args) if term.op in ("search", "where", "checked") else b.make(term.op, *args)
    return again


def parts_of(term: Term) -> list[Term]:
    """The terms that a term is made of."""
    return [a for a in term.args if isinstance(a, Term)]


# ---- when a range is filled


class Repeated:
    """A function of the quotient or of the step in the cycle, compiled when it is first called."""

    def __init__(self, root: Term, size: Any) -> None:
        self.root: Term | None = root
        self.size = size
        self.made: Callable[[Any], Any] | None = None

    def __call__(self, first: int, last: int) -> Any:
        """The values from ``first`` to ``last - 1``."""
        root = self.root
        if root is not None:
            self.made = _compiled(root)
            self.root = None
        assert self.made is not None
        steps = np.arange(first, last, dtype=np.float64)
        return np.broadcast_to(self.made(steps), steps.shape)


def _compiled(root: Term) -> Callable[[Any], Any]:
    from lrsched import targets
    from lrsched.targets.array_calls import CallTarget

    target = targets.table("numpy")
    assert isinstance(target, CallTarget)
    return target.load(*target.function(root))


class Hold:
    """Values that stay for some steps; those to come are computed ahead, as many as a block has steps, ``most``."""

    def __init__(self, values: Repeated, most: int) -> None:
        self.values, self.most, self.first, self.ahead = values, most, 0, np.empty(0)

    def fill(self, factor: int, offset: int, over: int, i: int, end: int, out: Any) -> None:
        """The values at ``(factor * t + offset) // over`` for the steps from ``i`` on, as many as ``out`` takes."""
        at, n = factor * i + offset, len(out)
        first, rest = divmod(at, over)
        last = (at + factor * (n - 1)) // over
        if first < self.first or last >= self.first + len(self.ahead):
            final = min((factor * (end - 1) + offset) // over, first + self.most - 1)
            self.first, self.ahead = first, self.values(first, final + 1)
        values = self.ahead[first - self.first : last + 1 - self.first]
        if factor == 1:
            self._even(values, over, rest, out)
            return
        bounds = -((rest - over * np.arange(len(values) + 1)) // factor) if factor else np.zeros(2, dtype=np.int64)
        bounds[0], bounds[-1] = 0, n
        out[:] = np.repeat(values, bounds[1:] - bounds[:-1])

    def _even(self, values: Any, over: int, rest: int, out: Any) -> None:
        """Holds of one length, of which the first has lasted some steps."""
        n = len(out)
        head = min(over - rest, n)
        whole = (n - head) // over
        tail = head + whole * over
        out[:head], middle = values[0], values[1 : 1 + whole]
        if over < COLUMNS:
            for j in range(head, head + over):
                out[j:tail:over] = middle
        else:
            out[head:tail].reshape(whole, over)[...] = middle[:, None]
        out[tail:] = values[-1]


class Cycle:
    """Values that come again after some steps: a table of one cycle and a block more, of ``most`` steps."""

    def __init__(self, values: Repeated, most: int) -> None:
        self.values, self.most, self.table = values, most, np.empty(0)

    def read(self, at: int, n: int) -> Any:
        """The values of ``n`` steps from ``at`` on; not to be written to."""
        size = self.values.size
        if not len(self.table):
            self.table = np.empty(size + self.most)
            self.table[:size], made = self.values(0, size), size
            while made < len(self.table):
                more = min(made, len(self.table) - made)
                self.table[made : made + more] = self.table[:more]
                made += more
        first = at % size
        return self.table[first : first + n]
