"""The command `lrsched`: reads the arguments and hands over to the module that does the work.

Parsing needs the standard library alone, so the command starts wherever the package is installed; what a subcommand
needs beyond NumPy is imported when it runs, and named, with the extra that brings it, when it is missing.
"""

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from lrsched import __version__
from lrsched.cli import commands as _commands
from lrsched.cli.inputs import told
from lrsched.foundation.errors import ScheduleError

DISTRIBUTION = "lrsched-algebra"

EXTRAS = {"rich": "cli", "yaml": "cli", "matplotlib": "plot"}

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
    """Run the command with the given arguments (those of the process by default) and return its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
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
        return _fail(f'{missing} is missing: install this package with its extra, as in pip install -e ".[{extra}]"')
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except ScheduleError as error:
        return _fail(told(error), 2)
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        return _fail(f"{error.filename}: {what}" if error.filename else what, 2)
    return status


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the nearest known command."""

    def error(self, message: str) -> NoReturn:
        unknown = re.fullmatch(r"argument COMMAND: invalid choice: ('.*') \(choose from (.*)\)", message, re.DOTALL)
        if unknown:
            near = difflib.get_close_matches(unknown[1].strip("'"), re.findall(r"\w+", unknown[2]), 1)
            known = f"did you mean {near[0]!r}?" if near else f"there are: {unknown[2].replace(chr(39), '')}"
            message = f"unknown command {unknown[1]}; {known}"
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help has examples)\n")


def _fail(message: str, status: int = 1) -> int:
    print(f"lrsched: {message}", file=sys.stderr)  # noqa: T201
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
    _commands.add(added, _at_least, _picture)
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
    parser.add_argument("--steps", type=_at_least(20), default=100, help="updates per schedule (default: %(default)s)")
    parser.add_argument("--seed", type=_at_least(0), default=0, help="seed of split, weights and batches (default: 0)")
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


def _whole(number: float) -> int:
    """1e5 as the integer that it is."""
    if not number.is_integer():
        raise ValueError(f"{number} is no integer")
    return int(number)


class _at_least:  # noqa: N801 (a reader of integers, used like a function)
    """Read an integer of at least `smallest`, and say so when it is not."""

    def __init__(self, smallest: int) -> None:
        self.smallest = smallest

    def __call__(self, text: str) -> int:
        try:
            value = int(text) if "e" not in text.lower() else _whole(float(text))
        except (ValueError, OverflowError):
            value = self.smallest - 1
        if value < self.smallest:
            raise argparse.ArgumentTypeError(f"must be an integer >= {self.smallest}, got {text}")
        return value
