"""The subcommands about expressions: what each reads, writes and returns as exit status."""

from __future__ import annotations

import argparse
import csv
import difflib
import inspect
import io
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lrsched import compiler
from lrsched.algebra.schedule import Schedule
from lrsched.cli import fitting, inputs, judging
from lrsched.foundation.errors import ScheduleError, shortened
from lrsched.foundation.errors import show as spelled
from lrsched.foundation.files import replacing
from lrsched.inspection import describe, description

__all__ = ["add", "check", "convert", "diff", "identify", "plot", "recipes", "sample", "show", "source"]

Commands = Any
NOTHING = "no findings"
BLOCK = 1 << 16
LONGEST_RUN, LONGEST_DIFF = 2**53 - 1, 1 << 27
LEVEL = {"note": "cyan", "warning": "yellow", "error": "bold red"}

SOURCES = """An expression is an argument in quotes, "-" (standard input), or the name of a
.json, .yaml, .toml or .txt file that holds one. --key says which entry of the
file, as in train.lr or stages.0; ${...} in a file is the value of another entry.
Numbers may end in k, M, B or T."""


def add(
    commands: Commands,
    count: Callable[[int], Callable[[str], int]],
    real: Callable[[str], float],
    picture: Callable[[str], Path],
) -> None:
    """Add the subcommands to a parser; ``count``, ``real`` and ``picture`` read numbers and names of pictures."""
    steps = count(1)
    for name, function, help_, examples in TABLE:
        parser = commands.add_parser(
            name,
            help=help_,
            description=f"{help_[0].upper()}{help_[1:]}.",
            epilog="\n".join(
                [*(() if name in ("recipes", "identify", "fit") else (SOURCES, "")), "examples:", *examples]
            ),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _arguments(parser, name, steps, real, picture)
        parser.set_defaults(run=function, extra="plot" if name == "plot" else "cli")


def _arguments(parser: argparse.ArgumentParser, name: str, steps: Any, real: Any, picture: Any) -> None:
    if name == "recipes":
        parser.add_argument("query", nargs="*", help="words that the name or the description must have")
        return
    if name == "identify":
        parser.add_argument("log", nargs="?", help="a CSV of steps and rates, or of rates; standard input by default")
        parser.add_argument("--tolerance", type=real, help="as a share of the largest rate (default: by its digits)")
        return
    if name == "fit":
        parser.add_argument("runs", nargs="?", help="a CSV of runs and losses; standard input by default")
        parser.add_argument("--law", choices=tuple(fitting.LAWS), default="signal-noise", help="(default: %(default)s)")
        return
    _given(parser, name, steps, real)
    if name == "compare":
        judging.add_arguments(parser, steps, real, picture)
    if name == "plot":
        parser.add_argument("-o", "--output", metavar="FILE", type=picture, required=True, help=".png, .svg or .pdf")
        parser.add_argument("--log", action="store_true", help="a logarithmic scale of rates")
    if name == "sample":
        parser.add_argument("--format", choices=("csv", "json"), default="csv", help="(default: %(default)s)")
    if name == "convert":
        parser.add_argument("--to", choices=("json", "expression"), help="what to write (default: what was not given)")
    if name == "source":
        parser.add_argument("--language", choices=("python", "c"), default="python", help="(default: %(default)s)")
    if name == "diff":
        parser.add_argument(
            "--tolerance",
            type=real,
            default=1e-12,
            help="largest difference that counts as none, as a share of the value (default: %(default)s)",
        )


def _given(parser: argparse.ArgumentParser, name: str, steps: Any, real: Any) -> None:
    """The arguments that say which schedule, and which run."""
    if name == "diff":
        parser.add_argument("a", metavar="A", help="an expression or a file")
        parser.add_argument("b", metavar="B", help="another")
    elif name in ("plot", "compare"):
        parser.add_argument("expressions", nargs="+", help="expressions or files")
    else:
        parser.add_argument("expression", nargs="?", help="an expression or a file; standard input by default")
    parser.add_argument("--key", help="the entry of a file to read, dots leading into tables")
    parser.add_argument(
        "--set",
        metavar="NAME=NUMBER",
        type=inputs.named,
        action="append",
        default=[],
        help="the number that a name in the expression stands for, such as total=10000; once for each name",
    )
    if name not in ("convert", "source"):
        parser.add_argument("--steps", type=steps, help="length of the run, in updates; the schedule's own by default")
    if name in ("show", "check"):
        parser.add_argument("--limit", type=real, help="largest stable rate: a larger one is an error")
        parser.add_argument("--steps-per-epoch", type=steps, help="updates in an epoch, to recognise epochs")


def _steps(arguments: Any, schedule: Schedule, guess: bool = False) -> int:
    """The length of the run: what is given, or the schedule's own."""
    given: int | None = arguments.steps
    if given is None and not guess and not 0 < schedule.duration < float("inf"):
        raise ScheduleError("this schedule has no length of its own: say how long the run is with --steps N")
    return _bounded(describe.horizon(schedule) if given is None else given, LONGEST_RUN)


def _bounded(steps: int, most: int) -> int:
    if steps > most:
        raise ScheduleError(f"a run of {steps:.3g} steps is too long here: say with --steps N, at most {most:,}")
    return steps


# ---- show and check


def show(arguments: Any) -> int:
    """Curve, description and findings."""
    from rich.console import Console
    from rich.text import Text

    from lrsched.display.terminal import curve

    schedule = inputs.schedule(arguments.expression, arguments.key, arguments.set)
    steps = _steps(arguments, schedule, guess=True)
    console = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100)
    shown = describe.describe(schedule, steps)
    console.print(Text(shown.expression, style="bold"), soft_wrap=True)
    console.print()
    width = max(20, min(console.width, 100) - 14)
    for line in curve(schedule, min(steps, describe.defined(schedule, steps)), width):
        console.print(Text(line, style="green", no_wrap=True))
    console.print()
    console.print(_table(shown))
    for name, text in shown.facts():
        console.print(Text.assemble((f"{name:<7}", "dim"), text))
    findings = schedule.check(steps, limit=arguments.limit, steps_per_epoch=arguments.steps_per_epoch)
    console.print()
    for finding in findings:
        head = (f"{finding.severity} at step {finding.step:,}: ", LEVEL[finding.severity])
        console.print(Text.assemble(head, f"{finding.sentence} {finding.remedy}"), soft_wrap=not console.is_terminal)
    if not findings:
        console.print(Text(NOTHING, style="dim"))
    return 0


def _table(shown: description.Description) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("steps", "first", "last"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("expression", overflow="fold")
    for segment in shown.shown():
        table.add_row(*description.cells(segment))
    return table


def check(arguments: Any) -> int:
    """Findings, one a line; status 1 if one is an error."""
    schedule = inputs.schedule(arguments.expression, arguments.key, arguments.set)
    findings = schedule.check(
        _steps(arguments, schedule), limit=arguments.limit, steps_per_epoch=arguments.steps_per_epoch
    )
    for finding in findings:
        _say(str(finding))
    if not findings:
        _say(NOTHING)
    return int(any(finding.severity == "error" for finding in findings))


def plot(arguments: Any) -> int:
    """A picture of one or more schedules."""
    import matplotlib as mpl

    mpl.use("Agg")
    from lrsched.display.plotting import plot as draw

    schedules = inputs.schedules(arguments.expressions, arguments.key, arguments.set)
    named = {shortened(repr(s), 80): s for s in schedules}
    steps = _bounded(arguments.steps or max(map(describe.horizon, schedules)), LONGEST_RUN)
    axes = draw(named, steps, log=arguments.log)
    with replacing(arguments.output) as file:
        axes.figure.savefig(file, format=arguments.output.suffix[1:], dpi=150)
    _say(f"picture written to {arguments.output}")
    return 0


# ---- values and text


def sample(arguments: Any) -> int:
    """Steps and rates."""
    schedule = inputs.schedule(arguments.expression, arguments.key, arguments.set)
    steps = _steps(arguments, schedule)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    as_json = arguments.format == "json"
    sys.stdout.write("[" if as_json else "step,value\n")
    for start in range(0, steps, BLOCK):
        values = schedule.sample(start, min(steps, start + BLOCK)).tolist()
        if as_json:
            sys.stdout.write((", " if start else "") + json.dumps(values)[1:-1])
        else:
            writer.writerows(enumerate(values, start))
    sys.stdout.write("]\n" if as_json else "")
    return 0


def convert(arguments: Any) -> int:
    """An expression as JSON, or JSON as an expression."""
    found, form = inputs.read(arguments.expression, arguments.key, arguments.set)
    wanted = arguments.to or ("expression" if form == "json" else "json")
    _say(found.to_json(indent=2) if wanted == "json" else repr(found))
    return 0


def source(arguments: Any) -> int:
    """A function in Python or C that needs nothing of this library."""
    _say(
        compiler.source(
            inputs.expression(arguments.expression, arguments.key, arguments.set), arguments.language
        ).rstrip()
    )
    return 0


# ---- recipes and differences


def recipes(arguments: Any) -> int:
    """The recipes whose name or description has all the words."""
    from lrsched import recipes as known

    query = " ".join(arguments.query)
    words = query.lower().split()
    found = {}
    for name in sorted(known.__all__):
        text = inspect.getdoc(getattr(known, name)) or ""
        if all(word in f"{name} {text}".lower() for word in words):
            found[name] = text
    if not found:
        near = difflib.get_close_matches(query[:100], known.__all__, 1)
        hint = f"did you mean {near[0]!r}?" if near else "lrsched recipes lists them all"
        raise ScheduleError(f"no recipe speaks of {spelled(query)}; {hint}")
    if query in found:
        _explain(query, getattr(known, query))
        return 0
    margin = max(map(len, found)) + 2
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1000
    for name, text in found.items():
        first = " ".join(text.replace("``", "").split("\n\n")[0].split())
        lines = textwrap.wrap(first, max(30, width - margin))
        _say(
            "\n".join(f"{head:<{margin}}{line}" for head, line in zip([name, *[""] * len(lines)], lines, strict=False))
        )
    return 0


def _explain(name: str, recipe: Any) -> None:
    """A recipe's arguments and description, and what an example of it gives."""
    from lrsched.recipes._examples import examples

    text = (inspect.getdoc(recipe) or "").replace("``", "")
    _say(name + _arguments_of(recipe))
    _say("\n".join(f"    {line}".rstrip() for line in text.splitlines()))
    example = examples()[name]
    _say(f"\n    {example} gives\n" + "\n".join(f"    {text}" for text in example.expressions()))


def _arguments_of(function: Any) -> str:
    """The arguments of a function and their defaults, without types."""
    signature = inspect.signature(function)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def diff(arguments: Any) -> int:
    """Where two schedules differ; status 1 if they do."""
    a, b = inputs.schedules([arguments.a, arguments.b], arguments.key, arguments.set)
    lengths = [s.duration for s in (a, b) if s.duration != float("inf")]
    steps = arguments.steps or int(max(lengths, default=0)) or max(describe.horizon(a), describe.horizon(b))
    _bounded(steps, LONGEST_DIFF)
    first, second = a.sample(steps), b.sample(steps)
    with np.errstate(invalid="ignore"):
        apart = np.abs(first - second)
        wide = ~(apart <= arguments.tolerance * np.maximum(np.abs(first), np.abs(second)))
    wide &= ~((first == second) | (np.isnan(first) & np.isnan(second)))
    places = np.flatnonzero(wide)
    _say(f"A  {a!r}\nB  {b!r}")
    if not places.size:
        _say(f"the same value at all {steps:,} steps" + (" (the same expression)" if a == b else ""))
        return 0
    most = int(places[np.nanargmax(np.where(np.isnan(apart[places]), np.inf, apart[places]))])
    _say(f"they differ at {places.size:,} of {steps:,} steps, in {_ranges(places)}")
    for name, t in (("first", int(places[0])), ("most", most), ("last", int(places[-1]))):
        _say(f"  {name:<6} step {t:>10,}   A {description.number(first[t]):<12} B {description.number(second[t])}")
    return 1


def _ranges(places: Any) -> str:
    """Runs of steps, the first five."""
    cuts = np.flatnonzero(np.diff(places) > 1)
    starts, ends = np.r_[places[0], places[cuts + 1]], np.r_[places[cuts], places[-1]]
    texts = [f"{a:,}" if a == b else f"{a:,}..{b:,}" for a, b in zip(starts[:5], ends[:5], strict=True)]
    return ", ".join(texts) + (f" and {len(starts) - 5:,} more ranges" if len(starts) > 5 else "")


def identify(arguments: Any) -> int:
    """The expression behind logged rates; status 1 if it does not make all of them."""
    from lrsched.inspection.identify import identify as found_in
    from lrsched.inspection.identify import numbers

    log = arguments.log
    values = numbers(io.StringIO(inputs.standard_input()), "standard input") if log in (None, "-") else log
    found = found_in(values, tolerance=arguments.tolerance)
    _say(repr(found.schedule) if found.recognised else "no expression that makes these rates")
    if 0 < found.recognised < 1:
        _say(f"an expression makes {found.recognised:.0%} of the log; the rest is its own numbers, in tables")
    if found.recognised:
        _say(f"off by {found.error:.1e} of the largest rate, at most")
    return 0 if found.fits else 1


def _say(text: str) -> None:
    print(text)  # noqa: T201


EXPRESSION = '"3e-4 * (warmup(500) >> cosine().over(9_500))"'
TABLE: tuple[tuple[str, Callable[[Any], int], str, tuple[str, ...]], ...] = (
    (
        "show",
        show,
        "show the curve, the description and the findings",
        (
            f"  lrsched show {EXPRESSION}",
            "  lrsched show config.yaml --key train.lr --steps 20k",
            '  lrsched show "plan(total, warmup(0.03 * total), cosine())" --set total=10k',
            "  echo 'rex().over(1000)' | lrsched show",
        ),
    ),
    (
        "plot",
        plot,
        "draw one or more schedules into a file",
        ('  lrsched plot "cosine().over(1000)" "rex().over(1000)" -o rates.png',),
    ),
    (
        "compare",
        judging.compare,
        "judge schedules before the run: shape, peak to use, predicted loss, what AdamW averages over",
        (
            '  lrsched compare "linear().over(10k)" "rex().over(10k)" "cosine().over(10k)"',
            '  lrsched compare "rex().over(60k)" --tuned "3e-4 * cosine().over(20k)"',
            '  lrsched compare "3e-4 * rex().over(10k)" --weight-decay 0.1 --law mpl-100m',
        ),
    ),
    (
        "sample",
        sample,
        "write the rate of every update",
        (
            f"  lrsched sample {EXPRESSION} --format json",
            '  lrsched sample "inverse_sqrt(4000)" --steps 20000 > rates.csv',
        ),
    ),
    (
        "check",
        check,
        "find mistakes before the run; the exit status is 1 if one is an error",
        (
            f"  lrsched check {EXPRESSION} --steps 10000",
            "  lrsched check config.toml --key lr --steps 10000 --limit 1e-3",
        ),
    ),
    (
        "convert",
        convert,
        "turn an expression into JSON, or JSON into an expression",
        (
            '  lrsched convert "cosine().over(1000)" > lr.json',
            "  lrsched convert lr.json",
        ),
    ),
    (
        "source",
        source,
        "write a function in Python or C that needs nothing of this library",
        (
            '  lrsched source "0.1 * rex().over(1000)" > rate.py',
            '  lrsched source "0.1 * rex().over(1000)" --language c > rate.c',
        ),
    ),
    (
        "identify",
        identify,
        "find the expression that made logged rates; the exit status is 1 if none did",
        (
            "  lrsched identify rates.csv",
            '  lrsched sample "0.1 * rex().over(1000)" | lrsched identify',
        ),
    ),
    (
        "fit",
        fitting.fit,
        "fit a law of the loss to runs: a CSV with the columns run, expression, steps, step and loss",
        ("  lrsched fit runs.csv > law.json",),
    ),
    (
        "recipes",
        recipes,
        "list the known recipes, or search them, or explain one",
        (
            "  lrsched recipes",
            "  lrsched recipes restarts",
            "  lrsched recipes one_cycle",
        ),
    ),
    (
        "diff",
        diff,
        "say where two schedules differ; the exit status is 1 if they do",
        ('  lrsched diff "warmup(100) >> cosine().over(900)" "warmup(100) * cosine().over(1000)"',),
    ),
)
