"""The arithmetic that kinds lower to: some thirty operations on integers, reals and booleans.

A :class:`Builder` shares equal terms, folds constants on the host (integers and fractions exactly), and keeps the
range of every term, so that comparisons and clamps that cannot matter disappear. Constants are plain numbers,
*columns* (one number per piece of a sequence, with the term that picks the piece) or JAX values; operations on
constants run at once, and only what depends on the step becomes a term.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched.foundation.numbers import is_jax
from lrsched.ir import folding, simplify
from lrsched.ir.columns import aligned, ends
from lrsched.ir.integers import check_whole
from lrsched.ir.intervals import is_bounded, range_of
from lrsched.ir.operations import CONSTANTS, DTYPE, INF, NAME, NUMBER, OPERATIONS, READY, SCALAR
from lrsched.ir.simplify import chosen, eased, halved, moved, scaled


class Term:
    """One operation applied to terms; arithmetic operators build further terms."""

    __slots__ = ("args", "b", "dtype", "hi", "is_const", "lo", "num", "op")

    def __init__(self, b: Builder, op: str, args: tuple[Any, ...], dtype: str, lo: Any, hi: Any) -> None:
        self.b, self.op, self.args, self.dtype, self.lo, self.hi = b, op, args, dtype, lo, hi
        self.is_const = op in CONSTANTS  # known when the schedule is compiled (per piece, for a column)
        b.made = self.num = b.made + 1

    @property
    def value(self) -> Any:
        """The plain number of a constant, or None."""
        return self.args[0] if self.op == "const" else None

    def equals(self, number: float) -> bool:
        """Whether this is a constant equal to ``number``, in every piece."""
        if self.op == "const":
            return bool(self.args[0] == number)
        return self.op == "column" and bool(self.lo == self.hi == number)

    def __add__(self, other: Any) -> Term:
        return self.b.add(self, other)

    def __radd__(self, other: Any) -> Term:
        return self.b.add(other, self)

    def __sub__(self, other: Any) -> Term:
        return self.b.sub(self, other)

    def __rsub__(self, other: Any) -> Term:
        return self.b.sub(other, self)

    def __mul__(self, other: Any) -> Term:
        return self.b.mul(self, other)

    def __rmul__(self, other: Any) -> Term:
        return self.b.mul(other, self)

    def __truediv__(self, other: Any) -> Term:
        return self.b.div(self, other)

    def __rtruediv__(self, other: Any) -> Term:
        return self.b.div(other, self)

    def __neg__(self) -> Term:
        return self.b.neg(self)


def _function(op: str) -> Callable[[Builder, Any], Term]:
    """The method of a builder that makes an operation on one number."""
    return lambda self, a: self.make(op, self.lift(a))


class Builder:
    """Makes terms, once each.

    ``branching`` targets run one side of a condition only; for the others inner clocks are clamped into their
    range, since both sides are computed. ``limit`` is the largest integer of the target's clock. ``weighed`` targets
    are those in which every operation counts, since their programs are compiled and optimised as a whole: clamps that
    a condition makes needless are marks (see :mod:`lrsched.targets.clamp_elimination`), and a sine that is right to
    the last place, rising wherever its argument does, is relied upon. ``constants`` computes an operation on
    constants of which some are JAX values.
    """

    def __init__(
        self,
        *,
        branching: bool,
        limit: int,
        real_steps: bool = False,
        weighed: bool = False,
        constants: Callable[[str, list[Any]], Any] = folding.fold,
    ) -> None:
        self.branching, self.limit, self.weighed = branching, limit, weighed
        self.single = limit < 2**53  # integers have 32 bits, and reals too
        self.made = self.gathered = 0
        self.beyond = False  # whether there is a constant that is no integer of the target
        self.real_steps, self.constants = real_steps, constants
        self._known: dict[Any, Term] = {}
        self.computed: dict[Any, Term] = {}
        self._numbers: dict[Any, Term] = {}
        self.grids: dict[Term, dict[Term, int]] = {}  # indices of several columns at once, with the sizes of each
        self.forks = 0  # how many changes of the clock with two sides are being lowered
        self.clocks: dict[int, list[Any]] = {}  # those changes, each followed by the clocks it was lowered on
        self.lowered: dict[Any, tuple[Any, Any, Any]] = {}  # what expressions became, with what they became it on

    # -- constants

    def step(self, lo: int = 0, hi: int | None = None) -> Term:
        """The step itself."""
        dtype = "f" if self.real_steps else "i"
        return self.term("step", (), dtype, lo, self.limit if hi is None else hi)

    def lift(self, value: Any) -> Term:
        """``value`` as a term: a number becomes a constant, a JAX value is bound."""
        given = type(value)
        if given is Term:
            return value
        if given is int or (given is float and value == value):
            name = (given, value or str(value))  # 0.0 is not -0.0
            known = self._numbers.get(name)
            if known is None:
                self.beyond = self.beyond or (given is int and not self.fits(value))
                dtype = "i" if given is int else "f"
                known = self._numbers[name] = Term(self, "const", (value,), dtype, value, value)
            return known
        return self._lifted(value)

    def _lifted(self, value: Any) -> Term:
        """What is neither a plain number nor a term, as a term."""
        if isinstance(value, bool | np.bool_):
            return self.term("const", (bool(value),), "b", 0, 1)
        if isinstance(value, np.generic | float):
            plain = value.item() if isinstance(value, np.generic) else float(value)
            return self.lift(plain) if plain == plain else self.term("const", (math.nan,), "f", -INF, INF)
        if isinstance(value, Fraction):
            whole = value.denominator == 1
            return self.lift(value.numerator) if whole else self.term("const", (value,), "q", value, value)
        return self.bound(value)

    def bound(self, value: Any) -> Term:
        """A value that only JAX can compute with."""
        dtype = {"i": "i", "u": "i", "b": "b"}.get(np.dtype(value.dtype).kind, "f")
        return Term(self, "bound", (value,), dtype, -INF, INF)

    def column(self, values: Any, index: Term) -> Term:
        """One number per piece, and the term that says which piece."""
        if index.op == "const":
            return self.lift(values[index.args[0]])
        if is_jax(values):
            return self.gather(values, index, self.bound(values).dtype)
        values = folding.narrowed(values)
        dtype = {"i": "i", "O": "q", "f": "f"}[values.dtype.kind]
        return Term(self, "column", (values, index), dtype, *ends(values))

    def floats(self, term: Any) -> Term:
        """The term as a real number."""
        term = term if type(term) is Term else self.lift(term)
        if term.dtype == "f":
            return term
        if term.op == "const":
            return self.lift(folding.to_float(term.args[0]))
        if term.op == "column":
            return self.column(folding.to_floats(term.args[0]), term.args[1])
        return self.make("real", term)

    def settled(self, term: Any) -> Term:
        """A column as the term that reads it; anything else unchanged."""
        term = self.lift(term)
        if term.op != "column":
            return term
        values, index = term.args
        if values.dtype.kind == "O" or max(abs(term.lo), abs(term.hi)) > self.limit:
            return self.gather(folding.to_floats(values), index)
        return self._gathered(values, index, term.dtype, term.lo, term.hi)

    # -- terms

    def term(self, op: str, args: tuple[Any, ...], dtype: str, lo: Any, hi: Any) -> Term:
        """A term of known range: the one there is, or a new one."""
        name = (op, dtype, lo, hi, *[a.num if type(a) is Term else identity(a) for a in args])
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = Term(self, op, args, dtype, lo, hi)
        return known

    def make(self, op: str, *terms: Term) -> Term:
        """An operation on terms: what was made of the same ones before, or a new term."""
        name = (op, *map(NUMBER, terms))
        found = self.computed.get(name)
        if found is None:
            found = self.computed[name] = self._new(op, terms)
        return found

    def _new(self, op: str, terms: tuple[Term, ...]) -> Term:
        """Fold constants, unify dtypes, find the range, share the term."""
        ops = [*map(NAME, terms)]
        if CONSTANTS.issuperset(ops) and op not in SCALAR:
            folded = self._fold(op, terms, ops)
            if folded is not None:
                return folded
        if "column" in ops:
            return self.make(op, *map(self.settled, terms))
        if "checked" in ops and not self.branching and op != "where" and OPERATIONS[op][1] in "nf":
            return self._checked_late(op, terms)
        dtype = READY.get((op, "".join(map(DTYPE, terms))))
        if dtype is None or self.beyond:
            same, dtype = self._unified(op, terms)
            if same != terms:
                return self.make(op, *same)
        lo, hi = range_of(op, terms)
        if dtype == "i":
            lo, hi = max(lo, -self.limit - 1), min(hi, self.limit)
        return Term(self, op, terms, dtype, lo, hi)

    def _unified(self, op: str, terms: tuple[Term, ...]) -> tuple[tuple[Term, ...], str]:
        """Numbers of all dtypes as one dtype, and real what has to be; the dtype of the result."""
        dtypes, result = OPERATIONS.get(op) or SCALAR[op]
        common = ""
        for t, k in zip(terms, dtypes, strict=True):
            if k == "i" and t.dtype != "i":
                check_whole(t)
            if k == "n":
                real = t.dtype not in "ib" or (t.op == "const" and not self.fits(t.args[0]))
                common = "f" if real else common or t.dtype
        reals = "fn" if common == "f" else "f"
        same = [self.floats(t) if k in reals else t for t, k in zip(terms, dtypes, strict=True)]
        return tuple(same), common if result == "n" else result

    def _checked_late(self, op: str, terms: tuple[Term, ...]) -> Term:
        """Checks after the operation, so that a side of a condition that is not taken is not checked."""
        result = self.make(op, *(t.args[1] if t.op == "checked" else t for t in terms))
        for t in terms:
            result = self.checked(t.args[0], result) if t.op == "checked" else result
        return result

    def _fold(self, op: str, terms: tuple[Term, ...], ops: list[str]) -> Term | None:
        values = [t.args[0] for t in terms]
        if "bound" in ops and any(map(is_jax, values)):
            return None if "column" in ops else self.bound(self.constants(op, values))
        if "column" not in ops:
            return self.lift(folding.fold(op, values))
        together = aligned(self, terms) if op in folding.ON_COLUMNS else None
        if together is None:
            return None
        index = next(t.args[1] for t in together if t.op == "column")
        return self.column(folding.on_columns(op, [t.args[0] for t in together]), index)

    # -- arithmetic

    def add(self, a: Any, c: Any) -> Term:
        """a + c."""
        a = a if type(a) is Term else self.lift(a)
        c = c if type(c) is Term else self.lift(c)
        if a.is_const and not c.is_const:
            a, c = c, a
        if not c.is_const or a.is_const:
            return self.make("add", a, c)
        if c.equals(0):
            return a
        if c.op == "const" and c.dtype == "i" and a.dtype == "i":
            if a.op == "add" and a.args[1].op == "const" and self.fits(a.args[1].args[0] + c.args[0]):
                return self.add(a.args[0], a.args[1].args[0] + c.args[0])
            if a.op == "sub" and a.args[0].op == "const" and self.fits(a.args[0].args[0] + c.args[0]):
                return self.sub(a.args[0].args[0] + c.args[0], a.args[1])
        return self.make("add", a, c)

    def sub(self, a: Any, c: Any) -> Term:
        """a - c."""
        a = a if type(a) is Term else self.lift(a)
        c = c if type(c) is Term else self.lift(c)
        if a.is_const is c.is_const:
            return self.make("sub", a, c)
        if c.op == "const" and c.dtype == "i" and a.dtype == "i":
            return self.add(a, -c.args[0])
        if a.op == "const" and a.dtype == "i" and c.dtype == "i":
            if c.op == "add" and c.args[1].op == "const" and self.fits(a.args[0] - c.args[1].args[0]):
                return self.sub(a.args[0] - c.args[1].args[0], c.args[0])
            if c.op == "sub" and c.args[0].op == "const" and self.fits(a.args[0] - c.args[0].args[0]):
                return self.add(c.args[1], a.args[0] - c.args[0].args[0])
        return a if c.is_const and c.equals(0) else self.make("sub", a, c)

    def fits(self, value: int) -> bool:
        """Whether a constant is an integer of the target."""
        return abs(value) <= self.limit

    def mul(self, a: Any, c: Any) -> Term:
        """a * c."""
        a = a if type(a) is Term else self.lift(a)
        c = c if type(c) is Term else self.lift(c)
        if a.is_const or c.is_const:
            known, other = (a, c) if a.is_const else (c, a)
            if known.equals(1) and not other.is_const:
                return other
            if a.dtype == c.dtype == "i":
                for x in (known, other):
                    if x.op == "const" and x.args[0] == 0:
                        return x
        if self.branching and (a.op == "real" or c.op == "real"):
            a, c = eased(self, a, c), eased(self, c, a)
        if self.branching and (a.op == "add" or c.op == "add"):
            found = scaled(self, a, c) if a.op == "add" else scaled(self, c, a)
            if found is not None:
                return found
        return self.make("mul", a, c)

    def div(self, a: Any, c: Any) -> Term:
        """a / c, a real number; exact between exact constants."""
        a, c = self.lift(a), self.lift(c)
        if c.equals(1) and not a.is_const:
            return self.floats(a)
        return self.make("div", a, c)

    def minimum(self, a: Any, c: Any) -> Term:
        """The smaller; NaN if either is."""
        return simplify.extreme(self, "minimum", a, c)

    def maximum(self, a: Any, c: Any) -> Term:
        """The larger; NaN if either is."""
        return simplify.extreme(self, "maximum", a, c)

    muldiv, pow, ipow = simplify.muldiv, simplify.power, simplify.whole_power
    search, narrow, known = simplify.search, simplify.narrow, simplify.known

    def floordiv(self, a: Any, c: Any) -> Term:
        """floor(a / c) of integers, c > 0."""
        a, c = self.lift(a), self.lift(c)
        if c.equals(1):
            return a
        if c.op == "const" and not a.is_const and c.args[0] > 0 and a.lo // c.args[0] == a.hi // c.args[0]:
            return self.lift(int(a.lo // c.args[0]))
        return self.make("floordiv", a, c)

    def mod(self, a: Any, c: Any) -> Term:
        """a - c * floor(a / c) of integers, c > 0."""
        a, c = self.lift(a), self.lift(c)
        return self.lift(0) if c.equals(1) else self.make("mod", a, c)

    def mulmod(self, a: Any, times: Any, over: Any, more: Any = 0) -> Term:
        """(a * times + more) mod over of integers >= 0, exactly, whatever the width; more < over."""
        a, times, over, more = self.lift(a), self.lift(times), self.lift(over), self.lift(more)
        return self.lift(0) if over.equals(1) else self.make("mulmod", a, times, over, more)

    def floor(self, a: Any) -> Term:
        """The integer at or below a."""
        a = self.lift(a)
        return a if a.dtype == "i" else self.make("floor", a)

    # -- conditions

    def lt(self, a: Any, c: Any) -> Term:
        """a < c."""
        return self._compare("lt", a, c)

    def le(self, a: Any, c: Any) -> Term:
        """a <= c."""
        return self._compare("le", a, c)

    def eq(self, a: Any, c: Any) -> Term:
        """a == c."""
        return self._compare("eq", a, c)

    def _compare(self, op: str, a: Any, c: Any) -> Term:
        a = a if type(a) is Term else self.lift(a)
        c = c if type(c) is Term else self.lift(c)
        if op != "eq" and (a.op == "sub" or c.op == "sub"):
            a, c = halved(self, op, a, c)
        if a.op == "add" or c.op == "add":
            a, c = moved(self, a, c)
        if is_bounded(a) and is_bounded(c):
            if a.hi < c.lo or (op == "le" and a.hi <= c.lo):
                return self.lift(op != "eq")
            if a.lo > c.hi or (op == "lt" and a.lo >= c.hi):
                return self.lift(False)
        return self.make(op, a, c)

    def where(self, condition: Any, yes: Any, no: Any) -> Term:
        """``yes`` where the condition holds, else ``no``."""
        condition = condition if type(condition) is Term else self.lift(condition)
        yes = yes if type(yes) is Term else self.lift(yes)
        no = no if type(no) is Term else self.lift(no)
        if condition.op == "const":
            return yes if condition.args[0] else no
        if yes is no:
            return yes
        return self.make("where", condition, yes, no) if self.branching else chosen(self, condition, yes, no)

    # -- functions

    neg, sqrt, exp, expm1, log, log1p, sin = map(_function, ("neg", "sqrt", "exp", "expm1", "log", "log1p", "sin"))

    def cos(self, a: Term) -> Term:
        """The cosine, where one step at a time is computed."""
        return self.make("cos", a)

    def gather(self, table: Any, index: Any, dtype: str = "f") -> Term:
        """table[index]."""
        index = self.lift(index)
        if index.op == "const":  # outside where no step leads
            i = index.args[0]
            return self.lift(table[min(max(i, 0), len(table) - 1) if isinstance(table, np.ndarray) else i])
        low, high = ends(table) if isinstance(table, np.ndarray) else (-INF, INF)
        return self._gathered(table, index, dtype, low, high)

    def _gathered(self, table: Any, index: Term, dtype: str, low: Any, high: Any) -> Term:
        if low == high:
            return self.lift(table[0])
        check_whole(index)
        self.gathered += 1
        return self.term("gather", (table, self.settled(index)), dtype, low, high)

    def checked(self, wrong: Any, value: Any) -> Term:
        """``value``, or an error where ``wrong`` holds (NaN on JAX)."""
        wrong = self.lift(wrong)
        if wrong.op == "const" and not wrong.args[0]:
            return self.lift(value)
        return self.term("checked", (wrong, self.floats(self.settled(value))), "f", -INF, INF)

    def valuation(self, t: Any) -> Term:
        """The exponent of 2 in the integer t > 0."""
        return self.make("valuation", self.floor(t))

    def share(self, x: Any, n: Any) -> Term:
        """round(x * n) for a real x and an integer n, exactly, ties to even."""
        return self.make("share", self.lift(x), self.lift(n))

    def noise(self, seed: Any, t: Any) -> Term:
        """A number in [-1, 1) for every seed and step, the same bits on every target."""
        return self.make("noise", self.lift(seed), self.floor(t))

    def call(self, function: Callable[..., Any], t: Any, values: Iterable[Any]) -> Term:
        """A function of numbers that gives one of an array namespace and the step: ``function(*values)(xp, t)``."""
        args = (function, self.floats(self.settled(t)), *map(self.settled, values))
        return Term(self, "call", args, "f", -INF, INF)


def named(term: Term) -> Term:
    """The term itself, without what is merely known of its range."""
    while term.op == "narrow":
        term = term.args[0]
    return term


def identity(arg: Any) -> Any:
    """What tells a value from others: numbers by type and value, all but arrays of them as objects."""
    if isinstance(arg, np.ndarray) and arg.dtype.kind != "O":
        return (arg.dtype.char, arg.shape, arg.tobytes())
    if isinstance(arg, int | float | Fraction):
        return (type(arg).__name__, arg, math.copysign(1.0, arg) if isinstance(arg, float) else 0)
    return ("object", id(arg))
