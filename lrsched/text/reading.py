"""What users call to read a text: an expression, one of a kind, or the names of the numbers that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrsched.algebra.node import Node
from lrsched.algebra.profile import Profile
from lrsched.algebra.registry import built
from lrsched.algebra.schedule import Schedule
from lrsched.algebra.spelling import LONGEST
from lrsched.foundation.errors import LISTED, ScheduleError, ScheduleTypeError, fail, listed, shortened
from lrsched.text.numbers import given, is_number
from lrsched.text.parser import _Parser, free_names
from lrsched.text.tokens import ParseError
from lrsched.text.vocabulary import can_be_given, nearest


def parse(text: str, **numbers: Any) -> Any:
    """The schedule or profile that an expression in this library's names describes.

    Only names of this library, its methods, numbers, strings, tuples and arithmetic are understood; nothing else is
    run. A bare number is refused. A number may end in k, M, B or T (thousand to trillion); ``#`` begins a comment.

    Any other name stands for a number, which is given by that name. A literal is the real number that its float64 is;
    arithmetic is exact on those where a length or a count is needed, and rounded once, ties to even.

    Args:
        text: an expression, such as ``repr`` of a schedule.
        numbers: the numbers that the names in the text stand for, real or JAX scalars; all of them are used.

    Raises:
        ParseError: (a ScheduleError) says what is wrong and where, with the nearest known name.
        ScheduleError: a number is given that the text does not use, or under a name of the library's own.

    Example:
        >>> import lrsched as lrs
        >>> lrs.parse("3e-4 * (warmup(500) >> cosine().over(9_500, end=1/10))")
        0.0003 * (warmup(500) >> cosine().over(9500, end=0.1))
        >>> lrs.parse("3e-4 * plan(total, warmup(0.03 * total), cosine())", total=10_000)
        0.0003 * (warmup(300) >> cosine().over(9700))
    """
    value, used = read(text, numbers)
    unused = [name for name in numbers if name not in used]
    if unused:
        uses = f"its names are {listed(sorted(used))}" if used else "no name in it stands for a number"
        raise ScheduleError(f"parse: the text does not use {listed(unused)}{nearest(unused[0], used)}; {uses}")
    return value


def schedule(text: str, **numbers: Any) -> Schedule:
    """The schedule that a text describes: :func:`parse`, with an error for a profile.

    Example:
        >>> import lrsched as lrs
        >>> lrs.schedule("warmup(2 * epoch)", epoch=100)
        warmup(200)
    """
    found = parse(text, **numbers)
    if isinstance(found, Schedule):
        return found
    shown = shortened(repr(found), LISTED)
    raise ScheduleTypeError(
        f"schedule: the text must be a schedule, got the profile {shown}, a shape without steps: "
        "say how long, as in .over(1000)"
    )


def profile(text: str, **numbers: Any) -> Profile:
    """The profile that a text describes: :func:`parse`, with an error for a schedule.

    Example:
        >>> import lrsched as lrs
        >>> lrs.profile("cosine() ** power", power=2)
        cosine() ** 2.0
    """
    found = parse(text, **numbers)
    if isinstance(found, Profile):
        return found
    shown = shortened(repr(found), LISTED)
    raise ScheduleTypeError(
        f"profile: the text must be a profile, got the schedule {shown}: give a shape without steps, such as cosine()"
    )


def names(text: str) -> frozenset[str]:
    """The free names of a text: those that stand for numbers, which :func:`parse` takes by these names.

    Args:
        text: an expression; of one that ``parse`` refuses, the names that its words alone tell.

    Raises:
        ParseError: the text has a character or a string that no expression has.

    Example:
        >>> import lrsched as lrs
        >>> sorted(lrs.names("3e-4 * plan(total, warmup(2 * epoch), cosine())"))
        ['epoch', 'total']
    """
    return free_names(_checked(text))


def read(text: str, offered: Mapping[str, Any], *, bare: bool = False) -> tuple[Any, set[str]]:
    """What a text means, and which of the numbers offered it uses; with ``bare``, a number is that constant."""
    _checked(text)
    numbers = {}
    for name, value in offered.items():
        if not can_be_given(name):
            fail("parse", "the name of a number", "an ASCII identifier that is no name of this library", name)
        numbers[name] = given(name, value)
    try:
        parser = _Parser(text, numbers)
        value = parser.whole()
    except RecursionError:
        raise ParseError("the text is nested too deep", text, 0) from None
    if isinstance(value, Node):
        return value, parser.used
    if is_number(value):
        if bare:
            return parser.made(lambda: built("constant", value), 0), parser.used
        raise ParseError("a bare number is no schedule; write constant(...)", text, 0)
    raise ParseError("this is no schedule and no profile", text, 0)


def _checked(text: str) -> str:
    if not isinstance(text, str):
        fail("parse", "text", "a string", text, wrong_type=True)
    if len(text) > LONGEST:
        raise ScheduleError(f"parse: the text must have at most {LONGEST} characters, got {len(text)}")
    return text
