"""Expressions as a command gets them: from an argument, standard input, or a JSON, YAML, TOML or text file."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lrsched._errors import ScheduleError
from lrsched._schedule import Schedule
from lrsched.serial import from_dict
from lrsched.text import ParseError, parse

__all__ = ["expression", "read", "schedule", "told"]

WINDOW = 100


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScheduleError(f"this is no YAML: {' '.join(str(error).split())}") from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScheduleError(f"this is no JSON: {error}") from None


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScheduleError(f"this is no TOML: {error}") from None


READERS: dict[str, Callable[[str], Any]] = {
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".toml": _toml,
    ".txt": str.strip,
}


def expression(argument: str | None, key: str | None = None) -> Any:
    """The schedule or profile that an argument means."""
    return read(argument, key)[0]


def read(argument: str | None, key: str | None = None) -> tuple[Any, str]:
    """What an argument means, and whether it is written as "expression" or as "json".

    The argument is an expression, JSON, ``-`` or None for standard input, or the name of a file. ``key`` names an
    entry of a file, dots leading into tables; a file with one entry needs none.
    """
    if argument is None or argument == "-":
        return _meant(sys.stdin.read().strip(), key, "standard input")
    file = Path(argument)
    if file.suffix in READERS and "(" not in argument:
        try:
            found = READERS[file.suffix](file.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise ScheduleError(f"{argument}: this is no text in UTF-8") from None
        except ScheduleError as error:
            raise ScheduleError(f"{argument}: {error}") from None
        return _entry(found, key, argument)
    return _meant(argument, key, "the argument")


def schedule(argument: str | None, key: str | None = None) -> Schedule:
    """The same, a schedule; a profile is refused with what it lacks."""
    found = expression(argument, key)
    if isinstance(found, Schedule):
        return found
    raise ScheduleError(f"{found!r} is a profile, a shape without steps: say how long, as in {found!r}.over(1000)")


def _meant(text: str, key: str | None, where: str) -> tuple[Any, str]:
    """Text that is JSON where it looks like it, and an expression otherwise."""
    if text.startswith("{"):
        return _entry(_json(text), key, where)
    if key is not None:
        raise ScheduleError(f"--key names an entry of a file; {where} is an expression")
    return parse(text), "expression"


def _entry(data: Any, key: str | None, where: str) -> tuple[Any, str]:
    for name in key.split(".") if key else ():
        if not isinstance(data, Mapping) or name not in data:
            known = ", ".join(map(str, data)) if isinstance(data, Mapping) else "none"
            raise ScheduleError(f"{where}: there is no entry {name!r}; there are: {known}")
        data = data[name]
    while isinstance(data, Mapping) and "kind" not in data and len(data) == 1:
        data = next(iter(data.values()))
    if isinstance(data, str):
        return parse(data.strip()), "expression"
    if isinstance(data, Mapping) and "kind" in data:
        return from_dict({"format": 1, **data}), "json"
    if isinstance(data, Mapping) and data:
        raise ScheduleError(f"{where}: say which entry with --key; there are: {', '.join(map(str, data))}")
    raise ScheduleError(f"{where}: expected an expression or the data of one, got {type(data).__name__}")


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
