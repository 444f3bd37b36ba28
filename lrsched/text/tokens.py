"""The words of a text, one after another, and the error that says where a mistake is."""

from __future__ import annotations

import re

from lrsched.foundation.errors import ScheduleError, show

SUFFIXES = {"k": 3, "M": 6, "B": 9, "T": 12}
LONGEST_NUMBER = 400
WINDOW = 100  # the most characters of a line that are shown above a caret
BLANK = r"\s*+(?:\#[^\n]*+\s*+)*+"  # comments too
NUMBER = r"(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?+|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]++)?+[kMBT]?+(?!\w)"
TOKEN = re.compile(
    rf"""{BLANK}(?:(?P<number>{NUMBER})
    |(?P<name>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<string>'[^'\\\n]*'|"[^"\\\n]*")
    |(?P<sign>>>|\*\*|//|[-+*/().,=\[\]])
    |(?P<end>\Z))""",
    re.VERBOSE,
)
BLANKS, NUMBERS, WORD = re.compile(BLANK), re.compile(NUMBER), re.compile(r"\.?[0-9]\w*(?:\.\w+)?")


class ParseError(ScheduleError):
    """Text that is no expression; ``position`` is the offset of the mistake in ``text``."""

    def __init__(self, message: str, text: str, position: int) -> None:
        line = text.count("\n", 0, position) + 1
        column = position - (text.rfind("\n", 0, position) + 1) + 1
        where = f"column {column}" if line == 1 else f"line {line}, column {column}"
        super().__init__(f"parse: {message} (at {where})")
        self.text, self.position = text, position

    @property
    def pointed(self) -> str:
        """The message, the line of the text that it is about, and a caret under the mistake."""
        start = self.text.rfind("\n", 0, self.position) + 1
        stop = self.text.find("\n", start)
        line = self.text[start : stop if stop >= 0 else None]
        column = self.position - start
        left = max(0, min(column - WINDOW // 2, len(line) - WINDOW))
        shown = "".join(c if c.isprintable() else " " for c in line[left : left + WINDOW])
        return f"{str(self).removeprefix('parse: ')}\n  {shown}\n  {' ' * (column - left)}^"


def told(error: ScheduleError) -> str:
    """An error as lines for people: one that says what is wrong, and for text a caret under the mistake."""
    return error.pointed if isinstance(error, ParseError) else str(error).removeprefix("parse: ")


def number(text: str) -> int | float | None:
    """The number that a text is, such as ``10_000``, ``1e4``, ``1.5k`` or ``250B``, or None.

    It is an int if it is whole and written without point and exponent, and else the float64 nearest to it.
    """
    if len(text) > LONGEST_NUMBER or not NUMBERS.fullmatch(text):
        return None
    return literal(text)


def literal(token: str) -> int | float:
    """The number that is written so."""
    if token.isdigit():
        return int(token)
    digits = token.replace("_", "")
    zeros = SUFFIXES.get(digits[-1], 0)
    digits = digits[:-1] if zeros else digits
    if digits.isdigit():
        return int(digits) * 10**zeros
    if not zeros:
        return float(digits)
    mantissa, _, exponent = digits.lower().partition("e")
    return float(f"{mantissa}e{int(exponent or 0) + zeros}")


def _stranger(text: str, position: int) -> str:
    """What is wrong where no token is."""
    if text[position] in "'\"":
        return "this string does not end"
    word = WORD.match(text, position)
    if word:
        return f"{show(word[0])} is no number; one may end in {', '.join(SUFFIXES)}"
    return f"unexpected character {text[position]!r}"


class Tokens:
    """One word of a text at a time: its ``sort``, the ``token`` itself, and where it starts."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        self.sort, self.token, self.start = "", "", 0
        self.next()

    def error(self, message: str, position: int | None = None) -> ParseError:
        """An error at this word, or at a position."""
        return ParseError(message, self.text, self.start if position is None else position)

    def next(self) -> None:
        """Read one token."""
        match = TOKEN.match(self.text, self.position)
        if match is None:
            blank = BLANKS.match(self.text, self.position)
            assert blank is not None
            raise self.error(_stranger(self.text, blank.end()), blank.end())
        self.sort = str(match.lastgroup)
        self.token = match.group(self.sort)
        self.start, self.position = match.start(self.sort), match.end()

    def take(self, sign: str) -> bool:
        """Whether the next token is ``sign``; if so, it is read."""
        if self.sort != "sign" or self.token != sign:
            return False
        self.next()
        return True

    def expect(self, sign: str) -> None:
        """Read ``sign``, which must be next."""
        if not self.take(sign):
            found = "the end of the text" if self.sort == "end" else show(self.token)
            raise self.error(f"expected {sign!r}, found {found}")

    def names_argument(self) -> bool:
        """Whether this token is the name of an argument, as in ``end=0.1``."""
        if self.sort != "name":
            return False
        blank = BLANKS.match(self.text, self.position)
        after = blank.end() if blank else 0
        return self.text[after : after + 1] == "=" and self.text[after + 1 : after + 2] != "="
