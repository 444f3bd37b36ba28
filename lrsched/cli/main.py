"""The command `lrsched`: reads the arguments and hands over to the module that does the work.

Parsing needs the standard library alone, so the command starts wherever the package is installed; what a subcommand
needs beyond NumPy is imported when it runs, and named, with the extra that brings it, when it is missing.
"""

import argparse
import contextlib
import difflib
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import lrsched.cli.commands as _commands
from lrsched import __version__
from lrsched.cli.inputs import told
from lrsched.foundation.errors import ScheduleError, printable, shortened
from lrsched.text import number

DISTRIBUTION = "lrsched-algebra"

EXTRAS = {"rich": "cli", "yaml": "cli", "matplotlib": "plot"}

LARGEST = 2**53 - 1
LONGEST_LINE = 1000
REAL = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[kMBT]?")

PICTURES = (".png", ".svg", ".pdf")

EXAMPLES = """examples:
  lrsched show "3e-4 * (warmup(500) >> cosine().over(9_500))"
  lrsched check config.yaml --key train.lr --steps 10000
  lrsched recipes

lrsched COMMAND --help says more about one.
"""

DEMO_EXAMPLES = """examples:
  lrsched demo
  lrsched demo --steps 200 --seed 7 --plot demo.png
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the given arguments (those of the process by default) and return its exit status.

    Whatever a person types or a file holds, and whatever the standard streams are, ends in a status; an error is one
    line on standard error, with status 2.
    """
    try:
        return _written(sys.argv[1:] if argv is None else list(argv))
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except (ValueError, OSError, MemoryError, ArithmeticError, RecursionError) as error:
        return _fail(_words(error))


def _words(error: Exception) -> str:
    """What an error means to the person who typed the command."""
    if isinstance(error, ScheduleError):
        return told(error)
    if isinstance(error, OSError):
        what = (error.strerror or str(error)).lower()
        return f"{error.filename}: {what}" if error.filename else what
    if isinstance(error, UnicodeEncodeError):
        return f"standard output cannot show this in its encoding, {error.encoding}; PYTHONIOENCODING=utf-8 can"
    if isinstance(error, MemoryError):
        return f"this takes more memory than there is. {error}".rstrip()
    if isinstance(error, RecursionError):
        return "this is nested too deep"
    return f"{type(error).__name__}: {error}"


def _written(given: list[str]) -> int:
    """Run the command, and write all that it has to say."""
    if sys.stdout is None or sys.stdout.closed:
        raise ScheduleError("standard output is closed")
    try:
        return _run(given)
    finally:
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            _drop_output()
            raise


def _run(given: list[str]) -> int:
    parser = _parser()
    if not given:
        parser.print_help()
        return 0
    arguments = parser.parse_args(given)
    try:
        status: int = arguments.run(arguments)
    except ModuleNotFoundError as error:
        missing = (error.name or "lrsched").partition(".")[0]
        if missing == "lrsched":
            raise
        extra = arguments.extra if arguments.extra == "demo" else EXTRAS.get(missing, arguments.extra)
        hint = f'install this package with its extra, as in pip install -e ".[{extra}]"'
        return _fail(f"{missing} is missing: {hint}", 1)
    return status


def _drop_output() -> None:
    """Let go of what standard output could not write, so that nothing tries again when the process ends."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the nearest known command."""

    def error(self, message: str) -> NoReturn:
        unknown = re.fullmatch(r"argument COMMAND: invalid choice: ('.*') \(choose from (.*)\)", message, re.DOTALL)
        if unknown:
            near = difflib.get_close_matches(unknown[1].strip("'"), re.findall(r"\w+", unknown[2]), 1)
            known = f"did you mean {near[0]!r}?" if near else f"there are: {unknown[2].replace(chr(39), '')}"
            message = f"unknown command {unknown[1]}; {known}"
        self.exit(_fail(f"{_line(message)} ({self.prog} --help has examples)", program=self.prog))

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write the help or the version; unlike the method of the base, fail where that fails."""
        file.write(message)


def _line(text: str) -> str:
    """One line of a message, bounded."""
    return shortened(printable(text), LONGEST_LINE)


def _fail(message: str, status: int = 2, program: str = "lrsched") -> int:
    lines = "\n".join(map(_line, message.split("\n")))
    with contextlib.suppress(AttributeError, OSError, ValueError):  # where there is no standard error, or it is full
        encoding = sys.stderr.encoding or "utf-8"
        sys.stderr.write(f"{program}: {lines}\n".encode(encoding, "backslashreplace").decode(encoding))
        sys.stderr.flush()
    return status


def commands() -> list[str]:
    """Give the names of the subcommands."""
    return [*(name for name, *_ in _commands.TABLE), "demo"]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="lrsched",
        description="An algebra of learning-rate schedules.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{DISTRIBUTION} {__version__}")
    added: Any = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _commands.add(added, _at_least, _real, _picture)
    _add_demo(added)
    return parser


def _add_demo(added: Any) -> None:
    parser = added.add_parser(
        "demo",
        help="train a small network under four schedules",
        description="Train a small network on scikit-learn's digits with JAX and Optax\n"
        "under four schedules, and compare what they reach.",
        epilog=DEMO_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps, seed = _at_least(20, 10**6), _at_least(0, 2**32 - 1)
    parser.add_argument("--steps", type=steps, default=100, help="updates per schedule (default: %(default)s)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of split, weights and batches (default: 0)")
    parser.add_argument("--plot", metavar="FILE", type=_picture, help="write rates and losses as a .png, .svg or .pdf")
    parser.set_defaults(run=_demo, extra="demo")


def _demo(arguments: argparse.Namespace) -> int:
    from lrsched.cli import demo

    return demo.run(steps=arguments.steps, seed=arguments.seed, plot=arguments.plot)


def _picture(text: str) -> Path:
    """Read the name of a picture file that can be written, so that a mistake costs no training."""
    file = Path(text)
    if file.suffix not in PICTURES:
        raise argparse.ArgumentTypeError(f"must end in {', '.join(PICTURES)}, got {text}")
    if not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder {file.parent} does not exist")
    return file


class _at_least:  # noqa: N801 (a reader of integers, used like a function)
    """Read an integer of at least `smallest` in plain digits, or one such as 1e5 or 5k, and say so when it is none."""

    def __init__(self, smallest: int, largest: int = LARGEST) -> None:
        self.smallest, self.largest = smallest, largest

    def __call__(self, text: str) -> int:
        value = _number(text)
        if not (value.is_integer() and value >= self.smallest):
            raise argparse.ArgumentTypeError(f"must be an integer >= {self.smallest}, got {text}")
        if value > self.largest:
            raise argparse.ArgumentTypeError(f"must be an integer <= {self.largest}, got {text}")
        return int(value)


def _number(text: str) -> float:
    """Read a number in plain digits, with a suffix or not; what is none is not a number."""
    found = number(text) if REAL.fullmatch(text) else None
    return math.nan if found is None else math.inf if found > sys.float_info.max else float(found)


def _real(text: str) -> float:
    """Read a finite number >= 0."""
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a finite number >= 0, got {text}")
    return value
