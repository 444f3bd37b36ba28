"""Expressions as a command gets them: from an argument, standard input, or a JSON, YAML, TOML or text file."""

from __future__ import annotations

import contextlib
import json
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lrsched.algebra.schedule import Schedule
from lrsched.algebra.serial import from_dict
from lrsched.algebra.spelling import LONGEST
from lrsched.foundation.errors import LISTED, ScheduleError, listed, shortened, show
from lrsched.foundation.files import MOST_BYTES, read_text
from lrsched.text import ParseError, parse

__all__ = ["expression", "read", "schedule", "schedules", "standard_input", "told"]

WINDOW = 100
LONGEST_NAME = 1000
LONGEST_CONFIG = 1_000_000  # of YAML and TOML, whose readers are slow
DEEPEST = 100


def _yaml(text: str) -> Any:
    import yaml  # noqa: F401 (what is missing is said by its name)

    from lrsched.cli.yaml_reader import load

    return load(text, DEEPEST)


def _json(text: str) -> Any:
    return json.loads(text)


def _toml(text: str) -> Any:
    return tomllib.loads(text)


READERS: dict[str, tuple[str, Callable[[str], Any], int]] = {
    ".json": ("JSON", _json, LONGEST),
    ".yaml": ("YAML", _yaml, LONGEST_CONFIG),
    ".yml": ("YAML", _yaml, LONGEST_CONFIG),
    ".toml": ("TOML", _toml, LONGEST_CONFIG),
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


def expression(argument: str | None, key: str | None = None) -> Any:
    """The schedule or profile that an argument means."""
    return read(argument, key)[0]


def read(argument: str | None, key: str | None = None) -> tuple[Any, str]:
    """What an argument means, and whether it is written as "expression" or as "json".

    The argument is an expression, JSON, ``-`` or None for standard input, or the name of a file. ``key`` names an
    entry of a file, dots leading into tables; a file with one entry needs none.
    """
    if argument is None and not _is_closed(sys.stdin) and sys.stdin.isatty():
        raise ScheduleError("say which schedule: an expression in quotes, the name of a file, or - for standard input")
    if argument is None or argument == "-":
        return _meant(standard_input().strip(), key, "standard input")
    if not _is_file(argument):
        return _meant(argument, key, "the argument")
    try:
        found = _loaded(read_text(Path(argument)), Path(argument).suffix)
    except ScheduleError as error:
        raise ScheduleError(f"{argument}: {error}") from None
    return _entry(found, key, argument)


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


def _is_file(argument: str) -> bool:
    """Whether an argument is the name of a file; one that this command does not read is an error."""
    if "(" in argument:
        return False
    file = Path(argument)
    if file.suffix not in READERS and len(argument) < LONGEST_NAME and file.is_file():
        raise ScheduleError(f"{argument}: the name of a file must end in {', '.join(READERS)}")
    return file.suffix in READERS


def schedule(argument: str | None, key: str | None = None) -> Schedule:
    """The same, a schedule; a profile is refused with what it lacks."""
    found = expression(argument, key)
    if isinstance(found, Schedule):
        return found
    shown = shortened(repr(found), LISTED)
    raise ScheduleError(f"{shown} is a profile, a shape without steps: say how long, as in {shown}.over(1000)")


def schedules(arguments: Sequence[str], key: str | None = None) -> list[Schedule]:
    """Several; ``key`` is for those that are files."""
    files = [_is_file(argument) for argument in arguments]
    return [
        schedule(argument, key if file or not any(files) else None)
        for argument, file in zip(arguments, files, strict=True)
    ]


def _meant(text: str, key: str | None, where: str) -> tuple[Any, str]:
    """Text that is JSON where it looks like it, and an expression otherwise."""
    if text.startswith("{"):
        return _entry(_loaded(text, ".json"), key, where)
    if key is None:
        return parse(text), "expression"
    for suffix in (".toml", ".yaml") if where == "standard input" else ():
        with contextlib.suppress(ScheduleError):
            data = _loaded(text, suffix)
            if isinstance(data, Mapping):
                break
    else:
        raise ScheduleError(f"--key names an entry of a file; {where} is none")
    return _entry(data, key, where)


def _entry(data: Any, key: str | None, where: str) -> tuple[Any, str]:
    path: list[str] = []
    for name in key.split(".") if key else ():
        if not isinstance(data, Mapping) or name not in data:
            known = _names(data, path) if isinstance(data, Mapping) else "none"
            missing = show(".".join([*path, name]))
            raise ScheduleError(f"{where}: there is no entry {missing}; there are: {known}")
        path.append(name)
        data = data[name]
    while isinstance(data, Mapping) and "kind" not in data and len(data) == 1 and len(path) < DEEPEST:
        ((name, data),) = data.items()
        path.append(str(name))
    if isinstance(data, str):
        return parse(data.strip()), "expression"
    if isinstance(data, Mapping) and "kind" in data:
        return from_dict({"format": 1, **data}), "json"
    if isinstance(data, Mapping) and data:
        raise ScheduleError(f"{where}: say which entry with --key; there are: {_names(data, path)}")
    where = ", ".join([where, *filter(None, [listed([".".join(path)])])])
    raise ScheduleError(f"{where}: expected an expression or the JSON of one, got {show(data)[:40]!r}")


def _names(data: Mapping[Any, Any], path: list[str]) -> str:
    """The entries of a table, as ``--key`` takes them."""
    return listed(".".join([*path, str(name)]) for name in data)


def told(error: ScheduleError) -> str:
    """An error as lines for people: one that says what is wrong, and for text a caret under the mistake."""
    message = str(error).removeprefix("parse: ")
    if not isinstance(error, ParseError):
        return message
    start = error.text.rfind("\n", 0, error.position) + 1
    stop = error.text.find("\n", start)
    line = error.text[start : stop if stop >= 0 else None]
    column = error.position - start
    left = max(0, min(column - WINDOW // 2, len(line) - WINDOW))
    shown = "".join(c if c.isprintable() else " " for c in line[left : left + WINDOW])
    return f"{message}\n  {shown}\n  {' ' * (column - left)}^"
