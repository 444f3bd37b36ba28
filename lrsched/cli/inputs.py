"""Expressions as a command gets them: from an argument, standard input, or a JSON, YAML, TOML or text file."""

from __future__ import annotations

import contextlib
import json
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lrsched.algebra.schedule import Schedule
from lrsched.algebra.serial import from_dict
from lrsched.algebra.spelling import LONGEST
from lrsched.cli.interpolation import Entries, child, children
from lrsched.foundation.errors import LISTED, ScheduleError, listed, shortened, show
from lrsched.foundation.files import MOST_BYTES, read_text
from lrsched.schedules import constant
from lrsched.text import read as parsed

LONGEST_NAME = 1000
LONGEST_CONFIG = 1_000_000  # of YAML and TOML, whose readers are slow
DEEPEST = 100


def _yaml(text: str) -> Any:
    import yaml  # noqa: F401 (what is missing is said by its name)

    from lrsched.cli.yaml_reader import load

    return load(text, DEEPEST)


READERS: dict[str, tuple[str, Callable[[str], Any], int]] = {
    ".json": ("JSON", json.loads, LONGEST),
    ".yaml": ("YAML", _yaml, LONGEST_CONFIG),
    ".yml": ("YAML", _yaml, LONGEST_CONFIG),
    ".toml": ("TOML", tomllib.loads, LONGEST_CONFIG),
    ".txt": ("text", str.strip, LONGEST),
}


def _loaded(text: str, suffix: str) -> Any:
    """What a text holds in the format of a suffix."""
    form, reader, most = READERS[suffix]
    if len(text) > most:
        raise ScheduleError(f"at most {most:,} characters of {form} are read, got {len(text):,}")
    try:
        return reader(text)
    except (ValueError, OverflowError) as error:
        raise ScheduleError(f"this is no {form}: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ScheduleError(f"this is no {form}: it is nested too deep") from None


class Given:
    """The numbers that names in an expression stand for, and which of them were used."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        self.numbers, self.used = dict(pairs), set[str]()
        if len(self.numbers) < len(pairs):
            raise ScheduleError(f"--set gives a name two numbers: {listed(name for name, _ in pairs)}")

    def parsed(self, text: str, bare: bool = False) -> Any:
        """The expression that a text is; with ``bare``, a number is that constant."""
        value, used = parsed(text, self.numbers, bare=bare)
        self.used |= used
        return value

    def check(self) -> None:
        """Refuse numbers for names that are in no text."""
        unused = [name for name in self.numbers if name not in self.used]
        if unused:
            raise ScheduleError(
                f"--set {unused[0]}: no such name is used; used are: {listed(sorted(self.used)) or 'none'}"
            )


def read(arguments: Any, *texts: str | None) -> list[tuple[Any, str]]:
    """What texts mean, and whether each is written as "expression" or as "json".

    A text is an expression, JSON, ``-`` or None for standard input, or the name of a file. ``arguments.key`` names an
    entry of a file, dots leading into tables and lists; a file with one entry needs none. ``arguments.set`` are the
    numbers that names stand for, each in one of the texts at least.
    """
    files, given = [_is_file(text) for text in texts], Given(arguments.set)
    found = [
        _read(text, arguments.key if file or not any(files) else None, given)
        for text, file in zip(texts, files, strict=True)
    ]
    given.check()
    return found


def schedules(arguments: Any, *texts: str | None) -> list[Schedule]:
    """The same, schedules; a profile is refused with what it lacks."""
    return [_schedule(found) for found, _ in read(arguments, *texts)]


def schedule(arguments: Any) -> Schedule:
    """The one that ``arguments.expression`` means."""
    return schedules(arguments, arguments.expression)[0]


def _schedule(found: Any) -> Schedule:
    if isinstance(found, Schedule):
        return found
    shown = shortened(repr(found), LISTED)
    raise ScheduleError(f"{shown} is a profile, a shape without steps: say how long, as in {shown}.over(1000)")


def _read(argument: str | None, key: str | None, given: Given) -> tuple[Any, str]:
    if argument is None and not _is_closed(sys.stdin) and sys.stdin.isatty():
        raise ScheduleError("say which schedule: an expression in quotes, the name of a file, or - for standard input")
    if argument is None or argument == "-":
        return _meant(standard_input().strip(), key, "standard input", given)
    if not _is_file(argument):
        return _meant(argument, key, "the argument", given)
    text = read_text(Path(argument))
    try:
        found = _loaded(text, Path(argument).suffix)
    except ScheduleError as error:
        raise ScheduleError(f"{argument}: {error}") from None
    return _entry(found, key, argument, given)


def _is_closed(stream: Any) -> bool:
    return stream is None or bool(stream.closed)


def standard_input() -> str:
    """All of standard input, up to the size that a file may have."""
    if _is_closed(sys.stdin):
        raise ScheduleError("standard input is closed")
    try:
        text = sys.stdin.read(MOST_BYTES + 1)
    except UnicodeError:
        raise ScheduleError("standard input: this is no text in its encoding") from None
    if len(text) > MOST_BYTES:
        raise ScheduleError(f"standard input: at most {MOST_BYTES:,} characters are read")
    return text


def _is_file(argument: str | None) -> bool:
    """Whether an argument is the name of a file; one that this command does not read is an error."""
    if argument is None or "(" in argument:
        return False
    file = Path(argument)
    if file.suffix not in READERS and len(argument) < LONGEST_NAME and file.is_file():
        raise ScheduleError(f"{argument}: the name of a file must end in {', '.join(READERS)}")
    return file.suffix in READERS


def _meant(text: str, key: str | None, where: str, given: Given) -> tuple[Any, str]:
    """Text that is JSON where it looks like it, and an expression otherwise."""
    if text.startswith("{"):
        return _entry(_loaded(text, ".json"), key, where, given)
    if key is None:
        return given.parsed(text), "expression"
    for suffix in (".toml", ".yaml") if where == "standard input" else ():
        with contextlib.suppress(ScheduleError):
            data = _loaded(text, suffix)
            if isinstance(data, Mapping):
                break
    else:
        raise ScheduleError(f"--key names an entry of a file; {where} is none")
    return _entry(data, key, where, given)


def _entry(data: Any, key: str | None, where: str, given: Given) -> tuple[Any, str]:
    try:
        path, data = _chosen(data, key)
    except ScheduleError as error:
        raise ScheduleError(f"{where}: {error}") from None
    if isinstance(data, int | float) and not isinstance(data, bool):
        return constant(data), "expression"
    if isinstance(data, str):
        return given.parsed(data.strip(), bare=True), "expression"
    if isinstance(data, Mapping) and "kind" in data:
        return from_dict({"format": 1, **data}), "json"
    if isinstance(data, Mapping) and data:
        raise ScheduleError(f"{where}: say which entry with --key; there are: {_names(data, path)}")
    where = ", ".join([where, *filter(None, [listed([".".join(path)])])])
    raise ScheduleError(f"{where}: expected an expression or the JSON of one, got {show(data)[:40]!r}")


def _chosen(root: Any, key: str | None) -> tuple[list[str], Any]:
    """The entry that a key leads to, or the only one, and its path; references to others are followed."""
    entries, path = Entries(root), list[str]()
    data, place = entries.value(root, ())
    for name in key.split(".") if key else ():
        try:
            data, place = entries.value(child(data, name), (*place, name))
        except KeyError:
            missing, known = show(".".join([*path, name])), _names(children(data), path) or "none"
            raise ScheduleError(f"there is no entry {missing}; there are: {known}") from None
        path.append(name)
    while isinstance(data, Mapping) and "kind" not in data and len(data) == 1 and len(path) < DEEPEST:
        ((name, data),) = data.items()
        data, place = entries.value(data, (*place, str(name)))
        path.append(str(name))
    return path, entries.whole(data, place) if isinstance(data, Mapping) and "kind" in data else data


def _names(names: Iterable[Any], path: list[str]) -> str:
    """The entries of a table or a list, as ``--key`` takes them."""
    return listed(".".join([*path, str(name)]) for name in names)
