"""What commands take: readers of numbers and of names, and the arguments that several of them share."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lrsched.text import number

LARGEST = 2**53 - 1
REAL = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[kMBT]?")
PICTURES = (".png", ".svg", ".pdf")


def count(smallest: int, largest: int = LARGEST) -> Callable[[str], int]:
    """A reader of integers in a range, in plain digits or as 1e5 or 5k, that says so where it finds none."""

    def read(text: str) -> int:
        value = _number(text)
        if not (value.is_integer() and value >= smallest):
            raise argparse.ArgumentTypeError(f"must be an integer >= {smallest}, got {text}")
        if value > largest:
            raise argparse.ArgumentTypeError(f"must be an integer <= {largest}, got {text}")
        return int(value)

    return read


def real(text: str) -> float:
    """Read a finite number >= 0."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a finite number >= 0, got {text}")
    return value


def _number(text: str) -> float:
    """Read a number in plain digits, with a suffix or not; what is none is not a number."""
    found = number(text) if REAL.fullmatch(text) else None
    return math.nan if found is None else math.inf if found > sys.float_info.max else float(found)


def named(text: str) -> tuple[str, Any]:
    """Read a name and the number it stands for, such as total=10000."""
    name, _, written = (part.strip() for part in text.partition("="))
    found = number(written.removeprefix("-"))
    if found is None:
        raise argparse.ArgumentTypeError(f"must be NAME=NUMBER, such as total=10000, got {text}")
    return name, -found if written.startswith("-") else found


def picture(text: str) -> Path:
    """Read the name of a picture file that can be written, so that a mistake costs no training."""
    file = Path(text)
    if file.suffix not in PICTURES:
        raise argparse.ArgumentTypeError(f"must end in {', '.join(PICTURES)}, got {text}")
    if not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder {file.parent} does not exist")
    return file


# ---- declarations

Run = Callable[[Any], int]
Argument = tuple[tuple[str, ...], dict[str, Any]]


def argument(*names: str, **options: Any) -> Argument:
    """An argument of a command, as :meth:`argparse.ArgumentParser.add_argument` takes it."""
    return names, options


def takes(*arguments: Argument) -> Callable[[Run], Run]:
    """Declare what a command takes. Its docstring is its help: a sentence, then examples."""

    def declared(run: Run) -> Run:
        vars(run)["takes"] = arguments
        return run

    return declared


KEY = argument("--key", help="the entry of a file to read, dots leading into tables")
SET = argument(
    "--set",
    metavar="NAME=NUMBER",
    type=named,
    action="append",
    default=[],
    help="the number that a name in the expression stands for, such as total=10000; once for each name",
)
STEPS = argument("--steps", type=count(1), help="length of the run, in updates; the schedule's own by default")
ONE = (argument("expression", nargs="?", help="an expression or a file; standard input by default"), KEY, SET)
SEVERAL = (argument("expressions", nargs="+", help="expressions or files"), KEY, SET, STEPS)
LIMIT = argument("--limit", type=real, help="largest stable rate: a larger one is an error")
PER_EPOCH = argument("--steps-per-epoch", type=count(1), help="updates in an epoch, to recognise epochs")
