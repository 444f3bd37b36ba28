"""Terms as source text: one statement per shared term, one block per side of a condition."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched.foundation.records import Record
from lrsched.ir.operations import NUMBER
from lrsched.ir.term import Builder, Term, named
from lrsched.ir.walk import arguments, below, in_order

Template = str | Callable[[Term], str]
Search = Callable[["_Writer", Term, str, int], str | None]
PREFIXES = frozenset({"custom", "table", "v"})  # with a counter, the names of objects that code uses
INDENT = "    "
LONGEST = 12
DEEPEST = 20  # levels of indentation, of which Python takes a hundred
ROWS = 3
LEAVES = frozenset({"step", "const", "bound", "column"})
CHOICES = frozenset({"minimum", "maximum", "where", "checked"})
SUMS = frozenset({"add", "sub", "mul", "neg"})
NO_TYPES: Mapping[str, str] = {}
Guards = Mapping[tuple[bool, bool], str]
NO_GUARDS: Guards = {}


class Dialect(Record):
    """How a target writes operations.

    ``templates`` maps each operation to a format string of its arguments, or to a function of the term that gives
    one. ``branching`` dialects compute one side of a condition only. ``twice`` names operations whose template
    repeats an argument. ``rows`` says that what is read at one index of several tables comes from one table of rows,
    which lies together in memory. ``search`` writes the statements that find an index among thresholds and gives the
    variable, or None where the template serves better. ``number`` writes a constant, ``table`` makes an array of them
    what the code reads; ``guards`` are the lines that check a step, where the first or the last steps are or both;
    ``types`` names the type of a
    variable by the dtype of its term, in languages that declare them. ``real`` makes a result real where whole
    numbers compute as they are.
    """

    templates: Mapping[str, Template]
    branching: bool = False
    number: Callable[[Any, str], str] = lambda value, dtype: repr(value)
    table: Callable[[Any], Any] = lambda values: values
    guards: Callable[[int], Guards] = lambda reach: NO_GUARDS
    twice: frozenset[str] = frozenset()
    conditional: tuple[str, str, str] = ("if {0}:", "else:", "")
    assign: str = "{0} = {1}"
    result: str = "return {0}"
    search: Search | None = None
    rows: bool = False
    types: Mapping[str, str] = NO_TYPES
    real: str | None = None
    called: str = ""


class Target:
    """What an expression is lowered for: a name, and a way to write operations."""

    def __init__(self, name: str, dialect: Dialect) -> None:
        self.name, self.dialect = name, dialect

    def builder(self, real_steps: bool = False) -> Builder:
        """A builder of terms for this target."""
        return Builder(branching=self.dialect.branching, limit=2**53, real_steps=real_steps)


def emit(root: Term, dialect: Dialect, objects: dict[str, Any], reach: int = 0) -> list[str]:
    """The lines of the body of a function of ``t`` that returns ``root``; what they name is added to the objects.

    Steps are below ``reach``, if there is one.
    """
    writer = _Writer(dialect, objects, dialect.guards(reach))
    high = reach - 1 if reach else root.b.limit
    stages = _stages(root, [], 0, high, {}) if dialect.branching else [(0, root)]
    if dialect.rows and root.b.gathered >= ROWS:
        writer.rows = _rows(below([value for _, value in stages]).values())
    last, value = stages[-1]
    writer.tree(stages, last + (last // 10 if value.is_const else 10 * last), 1)
    return writer.apart + writer.lines


Given = dict[int, bool]
Stage = tuple[int, Term]


def _pushed(root: Term, given: Given) -> Term:
    """An operation on a condition as a condition on operations, so that each side returns at once.

    Conditions that are ``given`` hold or fail where the term is computed.
    """
    inner, chain = _condition_below(root)
    return _on_sides(inner, chain, given) if inner.op == "where" else root


def _condition_below(root: Term) -> tuple[Term, list[Term]]:
    """The condition that a term is an operation on, and the operations between; else the term itself."""
    chain: list[Term] = []
    inner = root
    while inner.op not in ("where", "checked", "call"):
        varying = [a for a in inner.args if type(a) is Term and not a.is_const]
        if len(varying) != 1 or inner.op in ("search", "gather", "narrow"):
            return root, []
        chain.append(inner)
        inner = varying[0]
    return (inner, chain) if inner.op == "where" else (root, [])


def _on_sides(term: Term, chain: list[Term], given: Given) -> Term:
    """The operations of a chain on each side of a condition."""
    if term.op == "where":
        condition, yes, no = term.args
        known = given.get(condition.num)
        if known is not None:
            return _on_sides(yes if known else no, chain, given)
        early, late = ({**given, condition.num: holds} for holds in (True, False))
        return term.b.where(condition, _on_sides(yes, chain, early), _on_sides(no, chain, late))
    return _pushed(_applied(term, chain), given)


def _applied(term: Term, chain: list[Term]) -> Term:
    """The operations of a chain on another term."""
    for step in reversed(chain):
        build = term.b.mul if step.op == "mul" else functools.partial(term.b.make, step.op)
        term = build(*[a if a.is_const else term for a in step.args])
    return term


def _rows(terms: Iterable[Term]) -> dict[int, tuple[Term, ...]]:
    """For each reading of a table, all readings at the same index of tables of that length, where there are several."""
    groups: dict[tuple[int, int], list[Term]] = {}
    for term in terms:
        if term.op == "gather" and isinstance(term.args[0], np.ndarray):
            groups.setdefault((named(term.args[1]).num, len(term.args[0])), []).append(term)
    together = [tuple(sorted(group, key=NUMBER)) for group in groups.values() if len(group) >= ROWS]
    return {term.num: group for group in together for term in group}


def _stages(root: Term, chain: list[Term], low: int, high: int, given: Given) -> list[Stage]:
    """The first step and the value of each stretch of [low, high] on which conditions on the step do not change.

    The value is that of a chain of operations on ``root``.
    """
    if root.op != "where":
        root, chain = _condition_below(_applied(root, chain))
        root = root if chain else named(root)
    found = change_of(root.args[0], low, high) if root.op == "where" else None
    if found is None:
        return [(low, _on_sides(root, chain, given) if root.op == "where" else root)]
    step, early = found
    condition, before, after = root.args if early else (root.args[0], *root.args[:0:-1])
    if not low < step <= high:
        return _stages(after if step <= low else before, chain, low, high, given)
    earlier = _stages(before, chain, low, step - 1, {**given, condition.num: early})
    later = _stages(after, chain, step, high, {**given, condition.num: not early})
    return earlier + (later[1:] if later[0][1] is earlier[-1][1] else later)


def change_of(condition: Term, low: int, high: int) -> tuple[int, bool] | None:
    """The step of [low, high] from which on a condition changes, and whether it holds before it."""
    if condition.op not in ("lt", "le", "eq"):
        return None
    a, c = map(named, condition.args)
    if a.op == "step" and a.dtype == "i" and c.op == "const":
        bound = c.args[0]
        if condition.op == "eq":
            if not low <= bound <= high:
                return low, True
            return (bound + 1, True) if bound == low else (bound, False) if bound == high else None
        return bound + (condition.op == "le"), True
    if c.op == "step" and c.dtype == "i" and a.op == "const" and condition.op != "eq":
        return a.args[0] + (condition.op == "lt"), False
    return None


def _may_be_whole(root: Term) -> bool:
    """Whether a real term may come out as a whole number where "real" changes nothing."""
    found: dict[int, bool] = {}
    carried: dict[int, list[Term]] = {}

    def needed(term: Term) -> list[Term]:
        carried[term.num] = _carried(term)
        return carried[term.num]

    for number, term in in_order(root, needed=needed).items():
        known = [found[part.num] for part in carried.get(number, ())]
        found[number] = (True in known if term.op in CHOICES else False not in known) if known else term.op == "real"
    return found[root.num]


def _carried(term: Term) -> list[Term]:
    """The parts whose whole numbers make a term one."""
    if term.op in CHOICES:
        return arguments(term)[term.op in ("where", "checked") :]
    return [] if term.op not in SUMS or True in [part.is_const for part in term.args] else arguments(term)


def _is_plain(term: Term) -> bool:
    """Whether nothing is computed for a term."""
    return term.is_const or term.op == "step"


class _Writer:
    def __init__(self, dialect: Dialect, objects: dict[str, Any], guards: Guards) -> None:
        self.dialect, self.objects, self.guards = dialect, objects, guards
        self.lines: list[str] = []
        self.apart: list[str] = []  # functions that the lines call
        self.count = 0
        self.inputs: dict[int, list[Term]] = {}
        self.rows: dict[int, tuple[Term, ...]] = {}
        self.joined: dict[int, Any] = {}

    def leaf(self, value: Term, level: int, place: tuple[bool, bool]) -> None:
        """Return the value, once the step is checked; ``place`` says whether the first and the last steps are here."""
        if place in self.guards:
            self.line(level, self.guards[place])
        self.block(value, {}, level, returns=True)

    def tree(self, stages: list[Stage], end: int, level: int, first: bool = True, last: bool = True) -> None:
        """Return the value in the stage that a step is in, found by comparisons that halve the steps up to ``end``."""
        start, value = stages[0]
        if len(stages) == 1:
            self.leaf(value, level, (first, last))
            return
        middle = (start + end) // 2
        cut = 1
        while cut + 1 < len(stages) and stages[cut][0] + stages[cut + 1][0] < 2 * middle:
            cut += 1  # the step nearest to the middle
        step = stages[cut][0]
        head, _, tail = self.dialect.conditional
        self.line(level, head.format(f"t < {self.dialect.number(step, 'i')}"))
        self.tree(stages[:cut], step, level + 1, first, False)
        if tail:
            self.line(level, tail)
        self.tree(stages[cut:], end, level, False, last)

    def block(self, root: Term, known: dict[int, str], level: int, returns: bool = False) -> str:
        """Write what ``root`` needs; its expression, or a return statement."""
        root = named(root)
        if level > DEEPEST and self.dialect.called and not _is_plain(root) and root.num not in known:
            return self._apart(root, known, level, returns)
        if returns and self._branches(root):
            return self._returning(root, known, level)
        expression = self._needed(root, dict(known), level)
        if returns:
            expression = _bare(expression)
            whole = self.dialect.real is not None and _may_be_whole(root)
            expression = str(self.dialect.real).format(expression) if whole else expression
            self.line(level, self.dialect.result.format(expression))
        return expression

    def _apart(self, root: Term, known: dict[int, str], level: int, returns: bool) -> str:
        """Write the block as a function of its own, which begins at the margin again, and call it."""
        outer, self.lines = self.lines, []
        self.block(root, dict(known), 2, returns=True)
        inner, self.lines = self.lines, outer
        used = set(re.findall(r"\bx\d+\b", "\n".join(inner)))
        names = ", ".join(sorted(used.intersection(re.findall(r"\bx\d+\b", " ".join(map(str, known.values()))))))
        name = self.name()
        self.apart += [INDENT + self.dialect.called.format(name, names), *inner]
        if returns:
            self.line(level, self.dialect.result.format(f"{name}({names})"))
        return f"{name}({names})"

    def line(self, level: int, text: str) -> None:
        """Write a line."""
        self.lines.append(INDENT * level + text)

    def _branches(self, term: Term) -> bool:
        """Whether a term becomes two blocks."""
        if term.op != "where" or not self.dialect.branching:
            return False
        return not (_is_plain(term.args[1]) and _is_plain(term.args[2]))

    def _returning(self, root: Term, known: dict[int, str], level: int) -> str:
        head, _, tail = self.dialect.conditional
        known = dict(known)
        for part in self._shared_with_arms(root, known):
            self._needed(part, known, level, shared=True)
        condition = self._needed(root.args[0], known, level)
        self.line(level, head.format(_bare(condition)))
        self.block(root.args[1], known, level + 1, returns=True)
        if tail:
            self.line(level, tail)
        return self.block(root.args[2], known, level, returns=True)

    def _shared_with_arms(self, root: Term, known: dict[int, str]) -> list[Term]:
        """Terms that the condition needs on all its sides and an arm too: computed once, before the condition."""
        condition, _ = self._direct(named(root.args[0]), known)
        arms = below(root.args[1:], known)
        shared = [term for term in condition if term.num in arms and term.args and not term.is_const]
        return sorted(shared, key=NUMBER)

    def _needed(self, root: Term, known: dict[int, str], level: int, shared: bool = False) -> str:
        """Write the statements below ``root`` in order; its own expression."""
        root = named(root)
        if root.num not in known and root.op not in LEAVES:
            direct, uses = self._direct(root, known)
            uses[root.num] += 2 * shared
            sizes: dict[int, int] = {}
            for term in sorted(direct, key=NUMBER):
                if term.num not in known:
                    self._write(term, known, sizes, uses[term.num], level)
        return self.text(root, known)

    def text(self, term: Term, known: dict[int, str]) -> str:
        """The step, a number, or a term that has been written."""
        while term.op == "narrow":
            term = term.args[0]
        op = term.op
        if op == "const":
            value = term.args[0]
            return self.dialect.number(float(value) if type(value) is Fraction else value, term.dtype)
        if op in LEAVES:
            return "t" if op == "step" else self.object("v", term.args[0])
        return known[term.num]

    def _write(self, term: Term, known: dict[int, str], sizes: dict[int, int], uses: int, level: int) -> None:
        if term.op == "where" and self._branches(term):
            known[term.num] = self._choice(term, known, level)
            sizes[term.num] = 1
            return
        if term.num in self.rows:
            self._row(self.rows[term.num], known, level)
            return
        if term.op == "search" and self.dialect.search and len(term.args[0]) > 3:
            found = self.dialect.search(self, term, self.text(term.args[1], known), level)
            if found:
                known[term.num], sizes[term.num] = found, 1
                return
        expression = self._expression(term, known)
        size = 1 + max([sizes.get(a.num, 0) for a in self.inputs[term.num]], default=1)
        if uses > 1 or size > LONGEST:
            name = self.name()
            self.line(level, self._typed(term.dtype) + self.dialect.assign.format(name, _bare(expression)))
            expression, size = name, 1
        known[term.num], sizes[term.num] = expression, size

    def _row(self, group: tuple[Term, ...], known: dict[int, str], level: int) -> None:
        """Read what several tables hold at one index."""
        first = group[0]
        if first.num not in self.joined:
            self.joined[first.num] = tuple(zip(*[term.args[0].tolist() for term in group], strict=True))
        names = [self.name() for _ in group]
        known.update({term.num: name for term, name in zip(group, names, strict=True)})
        index = _bare(self.text(first.args[1], known))
        self.line(level, f"{', '.join(names)} = {self.object('table', self.joined[first.num])}[{index}]")

    def _typed(self, dtype: str) -> str:
        """The type of a variable and a space, where variables are declared."""
        return f"{self.dialect.types[dtype]} " if self.dialect.types else ""

    def name(self) -> str:
        """A fresh variable."""
        self.count += 1
        return f"x{self.count}"

    def _choice(self, term: Term, known: dict[int, str], level: int) -> str:
        name = self.name()
        head, other, tail = self.dialect.conditional
        if self.dialect.types:
            self.line(level, f"{self._typed(term.dtype)}{name};")
        self.line(level, head.format(_bare(self.text(term.args[0], known))))
        for arm, opening in ((term.args[1], ""), (term.args[2], other)):
            if opening:
                self.line(level, opening)
            value = self.block(arm, known, level + 1)
            self.line(level + 1, self.dialect.assign.format(name, _bare(value)))
        if tail:
            self.line(level, tail)
        return name

    def _inputs(self, term: Term) -> list[Term]:
        """The arguments to be written before the term itself."""
        found = self.inputs.get(term.num)
        if found is None:
            needed = term.args[:1] if term.op == "where" and self._branches(term) else term.args
            parts = [named(a) if a.op == "narrow" else a for a in needed if type(a) is Term]
            found = self.inputs[term.num] = [part for part in parts if part.op not in LEAVES]
        return found

    def _direct(self, root: Term, known: dict[int, str]) -> tuple[list[Term], dict[int, int]]:
        """Terms computed in this block whatever the conditions say, and how often each of them is used."""
        uses = {root.num: 0}
        found, choices = [root], []
        for term in found:  # which grows on the way
            often = 2 if term.op in self.dialect.twice else 1
            for part in self._inputs(term):
                number = part.num
                if number in uses:
                    uses[number] += often
                elif number not in known:
                    uses[number] = often
                    found.append(part)
            if term.op == "where" and self._branches(term):
                choices.append(term)
        for number in below([arm for term in choices for arm in term.args[1:]], known):
            if number in uses:
                uses[number] += 2
        return found, uses

    def _expression(self, term: Term, known: dict[int, str]) -> str:
        template = self.dialect.templates[term.op]
        arguments = self._arguments(term, known)
        if term.op == "add" and term.dtype == "i" and term.args[1].op == "const" and term.args[1].args[0] < 0:
            template = self.dialect.templates["sub"]
            arguments[1] = self.dialect.number(-term.args[1].args[0], "i")
        return (template if isinstance(template, str) else template(term)).format(*arguments)

    def _arguments(self, term: Term, known: dict[int, str]) -> list[str]:
        if term.op == "call":
            function, t, *values = term.args
            numbers = ", ".join(_bare(self.text(value, known)) for value in values)
            return [self.object("custom", function), self.text(t, known), numbers]
        return [self.text(a, known) if type(a) is Term else self.object("table", a) for a in term.args]

    def object(self, prefix: str, value: Any) -> str:
        """The name of an object that the code uses: a word of this module's and a number, never one from outside."""
        assert prefix in PREFIXES, prefix
        value = self.dialect.table(value) if isinstance(value, np.ndarray) else value
        plain = isinstance(value, tuple) or callable(value)
        for name, held in self.objects.items():
            if held is value or (plain and type(held) is type(value) and held == value):
                return name
        name = f"{prefix}{sum(n.startswith(prefix) for n in self.objects)}"
        self.objects[name] = value
        return name


def _bare(expression: str) -> str:
    """The expression without parentheses that enclose all of it."""
    if not (expression.startswith("(") and expression.endswith(")")):
        return expression
    depth, inner = 0, expression[1:-1]
    for part in inner.split(")")[:-1]:
        depth += part.count("(") - 1
        if depth < 0:
            return expression
    return inner


def plain_number(value: Any, dtype: str) -> str:
    """A constant as Python writes it: a plain number, so that no text from outside gets into the source."""
    assert type(value) in (int, float, bool), value
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if value != value else ("inf" if value > 0 else "-inf")
    text = repr(value)
    return f"({text})" if text.startswith("-") else text
