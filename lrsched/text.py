"""Text as expressions, without running any code."""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

from lrsched.algebra.node import Node
from lrsched.algebra.profile import Profile
from lrsched.algebra.registry import KINDS, MAX_DEPTH
from lrsched.algebra.schedule import Schedule
from lrsched.algebra.spelling import _OPERATORS, LONGEST, POWER, PRODUCT, SHIFT, SUM, UNARY
from lrsched.foundation.errors import ScheduleError, fail, show

__all__ = ["ParseError", "parse"]


class ParseError(ScheduleError):
    """Text that is no expression; ``position`` is the offset of the mistake in ``text``."""

    def __init__(self, message: str, text: str, position: int) -> None:
        line = text.count("\n", 0, position) + 1
        column = position - (text.rfind("\n", 0, position) + 1) + 1
        where = f"column {column}" if line == 1 else f"line {line}, column {column}"
        super().__init__(f"parse: {message} (at {where})")
        self.text, self.position = text, position


TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)
    |(?P<name>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<string>'[^'\\\n]*'|"[^"\\\n]*")
    |(?P<sign>>>|\*\*|//|[-+*/().,=\[\]])
    |(?P<end>\Z))""",
    re.VERBOSE,
)
BLANKS, KEYWORD = re.compile(r"\s*"), re.compile(r"[A-Za-z_]\w*\s*=(?!=)")
CONSTANTS = {"None": None, "True": True, "False": False, "inf": math.inf}
BINARY = {">>": SHIFT, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "**": POWER}
PREFIXES = ("lrs", "lrsched", "recipes", "presets")


def parse(text: str) -> Any:
    """The schedule or profile that an expression in this library's names describes.

    Only names of this library, its methods, numbers, strings, tuples and arithmetic are understood; nothing else is
    run. A bare number is refused.

    Args:
        text: an expression, such as ``repr`` of a schedule.

    Raises:
        ParseError: (a ScheduleError) says what is wrong and where, with the nearest known name.

    Example:
        >>> import lrsched as lrs
        >>> lrs.parse("3e-4 * (warmup(500) >> cosine().over(9_500, end=1/10))")
        0.0003 * (warmup(500) >> cosine().over(9500, end=0.1))
    """
    if not isinstance(text, str):
        fail("parse", "text", "a string", text, wrong_type=True)
    if len(text) > LONGEST:
        raise ScheduleError(f"parse: the text must have at most {LONGEST} characters, got {len(text)}")
    try:
        value = _Parser(text).whole()
    except RecursionError:
        raise ParseError("the text is nested too deep", text, 0) from None
    if isinstance(value, Node):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ParseError("a bare number is no schedule; write constant(...)", text, 0)
    raise ParseError("this is no schedule and no profile", text, 0)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.position, self.depth = text, 0, 0
        self.kind, self.token, self.start = "", "", 0
        self.next()

    def error(self, message: str, position: int | None = None) -> ParseError:
        return ParseError(message, self.text, self.start if position is None else position)

    def next(self) -> None:
        """Read one token."""
        match = TOKEN.match(self.text, self.position)
        if match is None:
            blank = BLANKS.match(self.text, self.position)
            assert blank is not None
            character = self.text[blank.end()]
            what = "this string does not end" if character in "'\"" else f"unexpected character {character!r}"
            raise self.error(what, blank.end())
        self.kind = str(match.lastgroup)
        self.token = match.group(self.kind)
        self.start, self.position = match.start(self.kind), match.end()

    def take(self, sign: str) -> bool:
        """Whether the next token is ``sign``; if so, it is read."""
        if self.kind != "sign" or self.token != sign:
            return False
        self.next()
        return True

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            found = "the end of the text" if self.kind == "end" else show(self.token)
            raise self.error(f"expected {sign!r}, found {found}")

    def whole(self) -> Any:
        if self.kind == "end":
            raise self.error("the text is empty")
        value = self.expression(SHIFT)
        if self.kind != "end":
            raise self.error(f"unexpected {show(self.token)}")
        return value

    def expression(self, level: int) -> Any:
        """An expression whose operators bind at least as tight as ``level``."""
        self.depth += 1
        if self.depth > 3 * MAX_DEPTH:
            raise self.error("the text is nested too deep")
        value = self.unary(level)
        pending: list[Any] = []
        more: list[Any] = []
        while self.kind == "sign" and BINARY.get(self.token, 0) >= level:
            sign, position = self.token, self.start
            self.next()
            tighter = POWER if sign == "**" else BINARY[sign] + 1
            right = self.expression(UNARY if sign == "**" else tighter)
            if _lengthens(sign, value, right):
                more.append(-right if sign == "-" else right)
                continue
            value = self.lengthened(value, more, position)
            if sign == ">>" and level == SHIFT:
                pending.append((value, position)) if not pending else None
                pending.append((right, position))
                continue
            value = self.combine(sign, value, right, position)
        self.depth -= 1
        return self.joined(pending) if pending else self.lengthened(value, more, self.start)

    def lengthened(self, value: Any, more: list[Any], position: int) -> Any:
        """A sum or product with all its further operands at once, so that a long one is read in linear time."""
        if not more:
            return value
        kind, parts = type(value), value.parts
        lifted = map(value.lift, tuple(more))
        more.clear()
        return self.made(lambda: kind((*parts, *lifted)), position)

    def joined(self, pending: list[Any]) -> Any:
        """A long ``a >> b >> c`` as one sequence."""
        for value, position in pending:
            if not isinstance(value, Schedule):
                opened = self.text.count("(", 0, position) > self.text.count(")", 0, position)
                hint = "; is a ')' missing before it?" if opened and not isinstance(value, Node) else ""
                raise self.error(f"'>>' joins schedules, not {_kind_of(value)}{hint}", position)
        return self.made(lambda: pending[0][0].then(*(v for v, _ in pending[1:])), pending[0][1])

    def unary(self, level: int) -> Any:
        if self.kind == "sign" and self.token in "+-" and level <= POWER:
            sign, position = self.token, self.start
            self.next()
            value = self.expression(UNARY)
            if isinstance(value, bool) or not isinstance(value, Node | int | float):
                raise self.error(f"{sign!r} needs a number or an expression", position)
            return -value if sign == "-" else value  # type: ignore[operator]
        return self.trailer(self.atom())

    def atom(self) -> Any:
        kind, token, start = self.kind, self.token, self.start
        if kind == "number":
            self.next()
            return self.number(token, start)
        if kind == "string":
            self.next()
            return token[1:-1]
        if kind == "name":
            self.next()
            return self.named(token, start)
        if self.take("("):
            return self.bracketed(")", start)
        if self.take("["):
            return list(_as_tuple(self.bracketed("]", start)))
        found = "the end of the text" if kind == "end" else show(token)
        raise self.error(f"expected an expression, found {found}")

    def number(self, token: str, start: int) -> Any:
        digits = token.replace("_", "")
        if len(digits) > 400:
            raise self.error("this number is too long", start)
        return self.bounded(int(digits) if digits.isdigit() else float(digits), start)

    def bounded(self, value: Any, position: int) -> Any:
        if isinstance(value, complex) or abs(value) > (10**40 if isinstance(value, int) else 1.7e308) or value != value:
            raise self.error("this number is too large", position)
        return value

    def bracketed(self, closing: str, start: int) -> Any:
        """What is in parentheses: an expression, or a tuple."""
        items: list[Any] = []
        comma = closing == "]"
        while not self.take(closing):
            if self.kind == "end":
                raise self.error("this bracket is never closed", start)
            items.append(self.expression(SHIFT))
            if self.take(","):
                comma = True
            elif not (self.kind == "sign" and self.token == closing):
                self.expect(closing)
        return tuple(items) if comma or not items else items[0]

    def named(self, name: str, start: int) -> Any:
        if name in CONSTANTS:
            return CONSTANTS[name]
        while name in PREFIXES and self.take("."):
            name, start = self.name_after_dot()
        if self.kind != "sign" or self.token != "(":
            known = name in functions()
            message = f"{name!r} must be called: {name}(...)" if known else self.unknown(name, functions())
            raise self.error(message, start)
        if name not in functions():
            raise self.error(self.unknown(name, functions()), start)
        return self.call(functions()[name], name, start)

    def name_after_dot(self) -> tuple[str, int]:
        if self.kind != "name":
            raise self.error("expected a name after '.'")
        name, start = self.token, self.start
        self.next()
        return name, start

    def unknown(self, name: str, known: Any) -> str:
        return f"unknown name {name[:100]!r}{_foreign(name) or _nearest(name, known)}"

    def trailer(self, value: Any) -> Any:
        """Method calls after a value, and a power."""
        while self.take("."):
            name, start = self.name_after_dot()
            if not isinstance(value, Node):
                raise self.error(f"{_kind_of(value)} has no method {name[:100]!r}", start)
            base = Schedule if isinstance(value, Schedule) else Profile
            if name not in methods(base):
                raise self.error(self.unknown(name, methods(base)), start)
            value = self.call(getattr(value, name), name, start)
        return value

    def call(self, function: Callable[..., Any], name: str, start: int) -> Any:
        self.expect("(")
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        places: dict[Any, int] = {}
        while not self.take(")"):
            if self.kind == "end":
                raise self.error(f"the arguments of {name!r} are never closed", start)
            place = self.start
            key = self.keyword()
            places[len(positional) if key is None else key] = place
            value = self.expression(SHIFT)
            if key is None and keywords:
                raise self.error("a positional argument follows a named one")
            if key is None:
                positional.append(value)
            elif key in keywords:
                raise self.error(f"the argument {show(key)} is given twice")
            else:
                keywords[key] = value
            if not self.take(",") and not (self.kind == "sign" and self.token == ")"):
                self.expect(")")
        signature = _signature(getattr(function, "__func__", function), hasattr(function, "__func__"))
        try:
            self.bound(signature, name, positional, keywords, places)
        except TypeError as error:
            raise self.error(f"{name}: {error}", start) from None
        return self.made(lambda: function(*positional, **keywords), start, _Places(signature, places))

    def keyword(self) -> str | None:
        match = KEYWORD.match(self.text, self.start) if self.kind == "name" else None
        if match is None:
            return None
        name = self.token
        self.next()
        self.expect("=")
        return name

    def made(self, build: Callable[[], Any], position: int, places: _Places | None = None) -> Any:
        """What ``build`` returns, its errors placed in the text."""
        try:
            return build()
        except ParseError:
            raise
        except (ScheduleError, TypeError) as error:
            where = places.of(str(error)) if places else None
            raise self.error(str(error), position if where is None else where) from None
        except (ValueError, OverflowError, ZeroDivisionError, AttributeError) as error:
            raise self.error(f"these arguments have no meaning: {error}", position) from None

    def bound(
        self,
        signature: inspect.Signature,
        called: str,
        positional: list[Any],
        keywords: dict[str, Any],
        places: dict[Any, int],
    ) -> None:
        """Whether the arguments fit; a name that is no parameter is named, with the nearest one."""
        kinds = {p.kind for p in signature.parameters.values()}
        for name in keywords:
            if name not in signature.parameters and inspect.Parameter.VAR_KEYWORD not in kinds:
                message = f"{called} has no argument {name[:100]!r}{_nearest(name, signature.parameters)}"
                raise self.error(message, places[name])
        signature.bind(*positional, **keywords)

    def combine(self, sign: str, a: Any, b: Any, position: int) -> Any:
        if isinstance(a, Node) or isinstance(b, Node):
            if sign == "//":
                raise self.error("'//' is for numbers only", position)
            return self.made(lambda: _APPLY[sign](a, b), position)
        if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in (a, b)):
            raise self.error(f"{sign!r} needs numbers or expressions", position)
        if sign == ">>":
            raise self.error("'>>' joins schedules, not numbers", position)
        if sign == "**" and abs(b) * max(1.0, math.log2(abs(a) + 2)) > 1100:
            raise self.error("this power is too large", position)
        try:
            return self.bounded(_APPLY[sign](a, b), position)
        except (ZeroDivisionError, OverflowError, ValueError):
            raise self.error(f"{a!r} {sign} {b!r} has no value", position) from None


_APPLY: dict[str, Callable[[Any, Any], Any]] = {
    ">>": lambda a, b: a >> b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "**": lambda a, b: a**b,
}


def _lengthens(sign: str, value: Any, right: Any) -> bool:
    """Whether an operation makes a sum or a product longer by one operand."""
    if not isinstance(value, Node) or value.kind_name.rpartition(".")[2] != {
        "+": "sum",
        "-": "sum",
        "*": "product",
    }.get(sign):
        return False
    base = Schedule if isinstance(value, Schedule) else Profile
    return isinstance(right, base) or (isinstance(right, int | float) and not isinstance(right, bool))


def _as_tuple(value: Any) -> Any:
    return value if isinstance(value, tuple) else (value,)


def _kind_of(value: Any) -> str:
    if isinstance(value, Profile):
        return "a profile, a shape without steps: say how long, as in .over(1000)"
    return "a number" if isinstance(value, int | float) else f"a {type(value).__name__}"


def _foreign(name: str) -> str:
    """Where a name of another library is found."""
    from lrsched import presets

    owner = next((p for p in presets.__all__ if name in getattr(presets, p).__all__), None)
    return f"; lrs.presets.{owner}.{name}, called in Python, prints as an expression" if owner else ""


def _nearest(name: str, known: Any) -> str:
    """The known name that looks most like one, as a question; upper and lower case are the same."""
    lower = {str(k).lower().replace("_", ""): str(k) for k in known}
    near = difflib.get_close_matches(name[:100].lower().replace("_", ""), list(lower), 1)
    return f"; did you mean {lower[near[0]]!r}?" if near else ""


@functools.cache
def _signature(function: Callable[..., Any], bound: bool) -> inspect.Signature:
    """The signature of a function, or of the method that it is when bound."""
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[1:]) if bound else signature


class _Places:
    """Where each argument of a call stands in the text."""

    def __init__(self, signature: inspect.Signature, places: dict[Any, int]) -> None:
        self.names, self.places = list(signature.parameters), places

    def of(self, message: str) -> int | None:
        """The place of the argument that an error names, as in ``warmup: steps must be``."""
        named = re.match(r"[\w.]+: (\w+)\b", message)
        if named is None or named[1] not in self.names:
            return None
        return self.places.get(named[1], self.places.get(self.names.index(named[1])))


def functions() -> dict[str, Callable[..., Any]]:
    """The names that an expression may call: the library's, and every registered kind that is made by its name."""
    return _functions(len(KINDS))


@functools.cache
def _functions(kinds: int) -> dict[str, Callable[..., Any]]:
    from lrsched import combinators, profiles, recipes, schedules

    modules = (recipes, profiles, schedules, combinators)
    found: dict[str, Callable[..., Any]] = {name: getattr(m, name) for m in modules for name in m.__all__}
    del found["register"]
    for name, kind in KINDS.items():
        if name.isidentifier() and not kind.method and name not in _OPERATORS:
            found.setdefault(name, kind)
    return found


@functools.cache
def methods(base: type) -> frozenset[str]:
    """The methods of a base that make a new expression: those that say so."""
    made = ((name, getattr(value, "__annotations__", {}).get("return")) for name, value in vars(base).items())
    return frozenset(name for name, result in made if result in ("Schedule", "Profile") and not name.startswith("_"))
