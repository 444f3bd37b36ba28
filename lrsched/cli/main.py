"""The command `lrsched`: reads the arguments and hands over to the module that does the work.

Parsing needs the standard library alone, so the command starts wherever the package is installed; what a subcommand
needs beyond NumPy is imported when it runs, and named, with the extra that brings it, when it is missing.
"""

import argparse
import contextlib
import difflib
import inspect
import os
import re
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from lrsched import __version__
from lrsched.cli import commands, judging
from lrsched.cli.arguments import KEY
from lrsched.cli.outputs import warn
from lrsched.foundation.errors import ScheduleError, printable, shortened
from lrsched.text import told

DISTRIBUTION = "lrsched-algebra"

COMMANDS: tuple[Any, ...] = (
    commands.show, commands.plot, judging.compare, commands.sample, commands.check, commands.convert,
    commands.source, commands.identify, judging.fit, commands.recipes, commands.diff, commands.demo,
)  # fmt: skip
EXTRAS = {"matplotlib": "plot"}  # and all else "cli"

LONGEST_LINE = 1000

EXAMPLES = """examples:
  lrsched show "3e-4 * (warmup(500) >> cosine().over(9_500))"
  lrsched check config.yaml --key train.lr --steps 10000
  lrsched recipes

lrsched COMMAND --help says more about one.
"""

SOURCES = """An expression is an argument in quotes, "-" (standard input), or the name of a
.json, .yaml, .toml or .txt file that holds one. --key says which entry of the
file, as in train.lr or stages.0; ${...} in a file is the value of another entry.
Numbers may end in k, M, B or T.

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
        extra = "demo" if arguments.run is commands.demo else EXTRAS.get(missing, "cli")
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
    warn(f"{program}: {lines}")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="lrsched",
        description="An algebra of learning-rate schedules.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{DISTRIBUTION} {__version__}")
    parsers: Any = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for run in COMMANDS:
        sentence, _, examples = (inspect.getdoc(run) or f"{run.__name__.capitalize()}.").partition("\n\n")
        command = parsers.add_parser(
            run.__name__,
            help=sentence[0].lower() + sentence[1:-1],
            description=sentence,
            epilog=(SOURCES if KEY in run.takes else "") + "examples:\n" + textwrap.indent(examples, "  "),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for names, options in run.takes:
            command.add_argument(*names, **options)
        command.set_defaults(run=run)
    return parser
