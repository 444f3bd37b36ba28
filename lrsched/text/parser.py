"""From words to an expression, built while it is read, without running any code."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from lrsched.algebra.node import Node
from lrsched.algebra.profile import Profile
from lrsched.algebra.registry import MAX_DEPTH
from lrsched.algebra.schedule import Schedule
from lrsched.algebra.spelling import POWER, PRODUCT, SHIFT, SUM, UNARY
from lrsched.foundation.errors import ScheduleError, listed, show
from lrsched.text.numbers import APPLY, PowerError, applied, applied_by_jax, is_number, is_plain, negated, too_large
from lrsched.text.tokens import LONGEST_NUMBER, ParseError, Tokens, literal
from lrsched.text.vocabulary import CONSTANTS, PREFIXES, can_be_given, foreign, functions, methods, nearest

BINARY = {">>": SHIFT, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "**": POWER}


class _Parser(Tokens):
    """Reads one text; ``numbers`` are what names in it stand for, ``used`` those that it had."""

    def __init__(self, text: str, numbers: Mapping[str, Any]) -> None:
        self.numbers, self.used, self.depth = numbers, set[str](), 0
        super().__init__(text)

    def whole(self) -> Any:
        if self.sort == "end":
            raise self.error("the text is empty")
        value = self.expression(SHIFT)
        if self.sort != "end":
            raise self.error(f"unexpected {show(self.token)}")
        return value

    def expression(self, level: int) -> Any:
        """An expression whose operators bind at least as tight as ``level``."""
        self.depth += 1
        if self.depth > 3 * MAX_DEPTH:
            raise self.error("the text is nested too deep")
        value = self.unary(level)
        more: list[tuple[Any, int]] = []
        while self.sort == "sign" and BINARY.get(self.token, 0) >= level:
            sign, position = self.token, self.start
            self.next()
            tighter = POWER if sign == "**" else BINARY[sign] + 1
            right = self.expression(UNARY if sign == "**" else tighter)
            if _lengthens(sign, value, right):
                more.append((negated(right) if sign == "-" else right, position))
            else:
                value = self.combine(sign, self.lengthened(value, more), right, position)
        self.depth -= 1
        return self.lengthened(value, more)

    def lengthened(self, value: Any, more: list[tuple[Any, int]]) -> Any:
        """A sequence, sum or product with all its further operands at once: a long one is read in linear time."""
        if not more:
            return value
        parts = (*value.parts, *(value.lift(operand) for operand, _ in more))
        _, position = more[0]
        more.clear()
        return self.made(lambda: type(value)(parts), position)

    def unary(self, level: int) -> Any:
        if self.sort == "sign" and self.token in "+-" and level <= POWER:
            sign, position = self.token, self.start
            self.next()
            value = self.expression(UNARY)
            if not (isinstance(value, Node) or is_number(value)):
                raise self.error(f"{sign!r} needs a number or an expression", position)
            return negated(value) if sign == "-" else value
        return self.trailer(self.atom())

    def atom(self) -> Any:
        sort, token, start = self.sort, self.token, self.start
        if sort == "number":
            self.next()
            return self.number(token, start)
        if sort == "string":
            self.next()
            return token[1:-1]
        if sort == "name":
            self.next()
            return self.named(token, start)
        if self.take("("):
            return self.bracketed(")", start)
        if self.take("["):
            return list(self.bracketed("]", start))
        found = "the end of the text" if sort == "end" else show(token)
        raise self.error(f"expected an expression, found {found}")

    def number(self, token: str, start: int) -> Any:
        if len(token) > LONGEST_NUMBER:
            raise self.error("this number is too long", start)
        return self.bounded(literal(token), start)

    def bounded(self, value: Any, position: int) -> Any:
        if too_large(value):
            raise self.error("this number is too large", position)
        return value

    def bracketed(self, closing: str, start: int) -> Any:
        """What is in parentheses: an expression, or a tuple."""
        items: list[Any] = []
        comma = closing == "]"
        while not self.take(closing):
            if self.sort == "end":
                raise self.error("this bracket is never closed", start)
            items.append(self.expression(SHIFT))
            if self.take(","):
                comma = True
            elif not (self.sort == "sign" and self.token == closing):
                self.expect(closing)
        return tuple(items) if comma or not items else items[0]

    def named(self, name: str, start: int) -> Any:
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in self.numbers:
            self.used.add(name)
            if self.sort == "sign" and self.token == "(":
                raise self.error(f"{name!r} is a number here; it is not called", start)
            return self.numbers[name]
        prefixed = False
        while name in PREFIXES and self.take("."):
            prefixed = True
            name, start = self.name_after_dot()
        if self.sort != "sign" or self.token != "(":
            known = name in functions()
            wrong = self.unknown(name, functions()) if prefixed or foreign(name) else self.unbound(name)
            raise self.error(f"{name!r} must be called: {name}(...)" if known else wrong, start)
        if name not in functions():
            raise self.error(self.unknown(name, functions()), start)
        return self.call(functions()[name], name, start)

    def name_after_dot(self) -> tuple[str, int]:
        if self.sort != "name":
            raise self.error("expected a name after '.'")
        name, start = self.token, self.start
        self.next()
        return name, start

    def unknown(self, name: str, known: Any) -> str:
        return f"unknown name {name[:100]!r}{foreign(name) or nearest(name, known)}"

    def unbound(self, name: str) -> str:
        """What is wrong with a name that stands for no number."""
        message = self.unknown(name, self.numbers or functions())
        if not can_be_given(name):
            return message
        try:
            free = sorted(free_names(self.text))
        except ParseError:  # of what comes later in the text
            free = []
        known = f"numbers are given for {listed(sorted(self.numbers))}"
        asked = known if self.numbers else f"a number is given by its name, as in parse(text, {name[:100]}=1000)"
        return f"{message} ({asked}{f'; the names in this text are {listed(free)}' if len(free) > 1 else ''})"

    def trailer(self, value: Any) -> Any:
        """Method calls after a value, and a power."""
        while self.take("."):
            name, start = self.name_after_dot()
            if not isinstance(value, Node):
                raise self.error(f"{_described(value)} has no method {name[:100]!r}", start)
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
            if self.sort == "end":
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
            if not self.take(",") and not (self.sort == "sign" and self.token == ")"):
                self.expect(")")
        signature = _signature(getattr(function, "__func__", function), hasattr(function, "__func__"))
        try:
            self.bound(signature, name, positional, keywords, places)
        except TypeError as error:
            raise self.error(f"{name}: {error}", start) from None
        meant = functools.partial(_place_in, signature, places)
        return self.made(lambda: function(*positional, **keywords), start, meant)

    def keyword(self) -> str | None:
        if not self.names_argument():
            return None
        name = self.token
        self.next()
        self.expect("=")
        return name

    def made(self, build: Callable[[], Any], position: int, place: Callable[[str], int | None] | None = None) -> Any:
        """What ``build`` returns, its errors placed in the text."""
        try:
            return build()
        except ParseError:
            raise
        except (ScheduleError, TypeError) as error:
            where = place(str(error)) if place else None
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
                message = f"{called} has no argument {name[:100]!r}{nearest(name, signature.parameters)}"
                raise self.error(message, places[name])
        signature.bind(*positional, **keywords)

    def combine(self, sign: str, a: Any, b: Any, position: int) -> Any:
        strangers = [x for x in (a, b) if sign == ">>" and not isinstance(x, Schedule)]
        if strangers:
            opened = self.text.count("(", 0, position) > self.text.count(")", 0, position)
            hint = "; is a ')' missing before it?" if opened and not isinstance(strangers[0], Node) else ""
            raise self.error(f"'>>' joins schedules, not {_described(strangers[0])}{hint}", position)
        plain = is_plain(a) and is_plain(b)
        if not plain and (isinstance(a, Node) or isinstance(b, Node)):
            if sign == "//":
                raise self.error("'//' is for numbers only", position)
            return self.made(lambda: APPLY[sign](a, b), position)
        if not plain and not (is_number(a) and is_number(b)):
            raise self.error(f"{sign!r} needs numbers or expressions", position)
        if not plain:
            return self.made(lambda: applied_by_jax(sign, a, b), position)
        try:
            return self.bounded(applied(sign, a, b), position)
        except PowerError as error:
            raise self.error(str(error), position) from None
        except (ZeroDivisionError, OverflowError, ValueError):
            raise self.error(f"{a!r} {sign} {b!r} has no value", position) from None


def free_names(text: str) -> frozenset[str]:
    """The names in a text that stand for numbers, as its words alone tell."""
    words = Tokens(text)
    found: set[str] = set()
    before: str | None = ""  # the sign before a word, None after what may be an operand
    while words.sort != "end":
        sort, name, start = words.sort, words.token, words.start
        free = sort == "name" and before != "." and not words.names_argument()
        words.next()
        if sort != "sign" and before is None:
            raise words.error(f"unexpected {show(name)}", start)
        if free and not (words.sort == "sign" and words.token == "(") and name not in found and can_be_given(name):
            found.add(name)
        before = name if sort == "sign" and name not in (")", "]") else None
    return frozenset(found)


FLAT = {">>": "sequence", "+": "sum", "-": "sum", "*": "product"}  # what an operator makes longer


def _lengthens(sign: str, value: Any, right: Any) -> bool:
    """Whether an operation makes a sequence, a sum or a product longer by one operand."""
    if not isinstance(value, Node) or value.kind_name.rpartition(".")[2] != FLAT.get(sign):
        return False
    base = Schedule if isinstance(value, Schedule) else Profile
    return isinstance(right, base) or (sign != ">>" and is_plain(right))


def _described(value: Any) -> str:
    if isinstance(value, Profile):
        return "a profile, a shape without steps: say how long, as in .over(1000)"
    return "a number" if is_number(value) else f"a {type(value).__name__}"


@functools.cache
def _signature(function: Callable[..., Any], bound: bool) -> inspect.Signature:
    """The signature of a function, or of the method that it is when bound."""
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[1:]) if bound else signature


def _place_in(signature: inspect.Signature, places: Mapping[Any, int], message: str) -> int | None:
    """Where the argument of a call stands in the text that an error names, as in ``warmup: steps must be``."""
    names, named = list(signature.parameters), re.match(r"[\w.]+: (\w+)\b", message)
    if named is None or named[1] not in names:
        return None
    return places.get(named[1], places.get(names.index(named[1])))
