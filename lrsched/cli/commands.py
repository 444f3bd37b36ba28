"""The subcommands about expressions: what each reads, writes and returns as exit status."""

from __future__ import annotations

import csv
import difflib
import inspect
import io
import json
import shutil
import sys
import textwrap
from typing import Any

import numpy as np

from lrsched import compiler
from lrsched.algebra.schedule import Schedule
from lrsched.cli import inputs
from lrsched.cli.arguments import KEY, LIMIT, ONE, PER_EPOCH, SET, SEVERAL, STEPS, argument, count, picture, real, takes
from lrsched.cli.outputs import drawn, say, screen
from lrsched.foundation.errors import ScheduleError
from lrsched.foundation.errors import show as spelled
from lrsched.inspection import describe, description

NOTHING = "no findings"
BLOCK = 1 << 16
LONGEST_DIFF = 1 << 27
LEVEL = {"note": "cyan", "warning": "yellow", "error": "bold red"}


def _steps(arguments: Any, schedule: Schedule, guess: bool = False) -> int:
    """The length of the run: what is given, or the schedule's own."""
    given: int | None = arguments.steps
    if given is None and not guess and not 0 < schedule.duration < float("inf"):
        raise ScheduleError("this schedule has no length of its own: say how long the run is with --steps N")
    return describe.horizon(schedule) if given is None else given


# ---- show and check


@takes(*ONE, STEPS, LIMIT, PER_EPOCH)
def show(arguments: Any) -> int:
    """Show the curve, the description and the findings.

    lrsched show "3e-4 * (warmup(500) >> cosine().over(9_500))"
    lrsched show config.yaml --key train.lr --steps 20k
    lrsched show "plan(total, warmup(0.03 * total), cosine())" --set total=10k
    echo 'rex().over(1000)' | lrsched show
    """
    from rich.text import Text

    from lrsched.display.terminal import curve

    schedule = inputs.schedule(arguments)
    steps = _steps(arguments, schedule, guess=True)
    console = screen()
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
    (*names, last), *rows = shown.table()
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(last, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


@takes(*ONE, STEPS, LIMIT, PER_EPOCH)
def check(arguments: Any) -> int:
    """Find mistakes before the run; the exit status is 1 if one is an error.

    lrsched check "3e-4 * (warmup(500) >> cosine().over(9_500))" --steps 10000
    lrsched check config.toml --key lr --steps 10000 --limit 1e-3
    """
    schedule = inputs.schedule(arguments)
    findings = schedule.check(
        _steps(arguments, schedule), limit=arguments.limit, steps_per_epoch=arguments.steps_per_epoch
    )
    for finding in findings:
        say(str(finding))
    if not findings:
        say(NOTHING)
    return int(any(finding.severity == "error" for finding in findings))


@takes(
    *SEVERAL,
    argument("-o", "--output", metavar="FILE", type=picture, required=True, help=".png, .svg or .pdf"),
    argument("--log", action="store_true", help="a logarithmic scale of rates"),
)
def plot(arguments: Any) -> int:
    """Draw one or more schedules into a file.

    lrsched plot "cosine().over(1000)" "rex().over(1000)" -o rates.png
    """
    schedules = inputs.schedules(arguments, *arguments.expressions)
    steps = arguments.steps or max(map(describe.horizon, schedules))

    def figure() -> Any:
        from lrsched.display.plotting import plot as draw

        return draw(schedules, steps, log=arguments.log).figure

    say(drawn(figure, arguments.output))
    return 0


# ---- values and text


@takes(
    *ONE,
    STEPS,
    argument("--format", choices=("csv", "json"), default="csv", help="(default: %(default)s)"),
)
def sample(arguments: Any) -> int:
    """Write the rate of every update.

    lrsched sample "3e-4 * (warmup(500) >> cosine().over(9_500))" --format json
    lrsched sample "inverse_sqrt(4000)" --steps 20000 > rates.csv
    """
    schedule = inputs.schedule(arguments)
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


@takes(
    *ONE,
    argument("--to", choices=("json", "expression"), help="what to write (default: what was not given)"),
)
def convert(arguments: Any) -> int:
    """Turn an expression into JSON, or JSON into an expression.

    lrsched convert "cosine().over(1000)" > lr.json
    lrsched convert lr.json
    """
    ((found, form),) = inputs.read(arguments, arguments.expression)
    wanted = arguments.to or ("expression" if form == "json" else "json")
    say(found.to_json(indent=2) if wanted == "json" else repr(found))
    return 0


@takes(
    *ONE,
    argument("--language", choices=("python", "c"), default="python", help="(default: %(default)s)"),
)
def source(arguments: Any) -> int:
    """Write a function in Python or C that needs nothing of this library.

    lrsched source "0.1 * rex().over(1000)" > rate.py
    lrsched source "0.1 * rex().over(1000)" --language c > rate.c
    """
    ((found, _),) = inputs.read(arguments, arguments.expression)
    say(compiler.source(found, arguments.language).rstrip())
    return 0


# ---- recipes and differences


@takes(argument("query", nargs="*", help="words that the name or the description must have"))
def recipes(arguments: Any) -> int:
    """List the known recipes, or search them, or explain one.

    lrsched recipes
    lrsched recipes restarts
    lrsched recipes one_cycle
    """
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
        say("\n".join(f"{head:<{margin}}{line}" for head, line in zip([name, *[""] * len(lines)], lines, strict=False)))
    return 0


def _explain(name: str, recipe: Any) -> None:
    """A recipe's arguments and description, and what an example of it gives."""
    from lrsched.recipes._examples import examples

    text = (inspect.getdoc(recipe) or "").replace("``", "")
    say(name + _arguments_of(recipe))
    say("\n".join(f"    {line}".rstrip() for line in text.splitlines()))
    example = examples()[name]
    say(f"\n    {example} gives\n" + "\n".join(f"    {text}" for text in example.expressions()))


def _arguments_of(function: Any) -> str:
    """The arguments of a function and their defaults, without types."""
    signature = inspect.signature(function)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


@takes(
    argument("a", metavar="A", help="an expression or a file"),
    argument("b", metavar="B", help="another"),
    KEY,
    SET,
    STEPS,
    argument(
        "--tolerance",
        type=real,
        default=1e-12,
        help="largest difference that counts as none, as a share of the value (default: %(default)s)",
    ),
)
def diff(arguments: Any) -> int:
    """Say where two schedules differ; the exit status is 1 if they do.

    lrsched diff "warmup(100) >> cosine().over(900)" "warmup(100) * cosine().over(1000)"
    """
    a, b = inputs.schedules(arguments, arguments.a, arguments.b)
    lengths = [s.duration for s in (a, b) if s.duration != float("inf")]
    steps = arguments.steps or int(max(lengths, default=0)) or max(describe.horizon(a), describe.horizon(b))
    if steps > LONGEST_DIFF:
        raise ScheduleError(
            f"a run of {steps:.3g} steps is too long here: say with --steps N, at most {LONGEST_DIFF:,}"
        )
    first, second = a.sample(steps), b.sample(steps)
    with np.errstate(invalid="ignore"):
        apart = np.abs(first - second)
        wide = ~(apart <= arguments.tolerance * np.maximum(np.abs(first), np.abs(second)))
    wide &= ~((first == second) | (np.isnan(first) & np.isnan(second)))
    places = np.flatnonzero(wide)
    say(f"A  {a!r}\nB  {b!r}")
    if not places.size:
        say(f"the same value at all {steps:,} steps" + (" (the same expression)" if a == b else ""))
        return 0
    most = int(places[np.nanargmax(np.where(np.isnan(apart[places]), np.inf, apart[places]))])
    say(f"they differ at {places.size:,} of {steps:,} steps, in {_ranges(places)}")
    for name, t in (("first", int(places[0])), ("most", most), ("last", int(places[-1]))):
        say(f"  {name:<6} step {t:>10,}   A {description.number(first[t]):<12} B {description.number(second[t])}")
    return 1


def _ranges(places: Any) -> str:
    """Runs of steps, the first five."""
    cuts = np.flatnonzero(np.diff(places) > 1)
    starts, ends = np.r_[places[0], places[cuts + 1]], np.r_[places[cuts], places[-1]]
    texts = [f"{a:,}" if a == b else f"{a:,}..{b:,}" for a, b in zip(starts[:5], ends[:5], strict=True)]
    return ", ".join(texts) + (f" and {len(starts) - 5:,} more ranges" if len(starts) > 5 else "")


@takes(
    argument("log", nargs="?", help="a CSV of steps and rates, or of rates; standard input by default"),
    argument("--tolerance", type=real, help="as a share of the largest rate (default: by its digits)"),
)
def identify(arguments: Any) -> int:
    """Find the expression that made logged rates; the exit status is 1 if none did.

    lrsched identify rates.csv
    lrsched sample "0.1 * rex().over(1000)" | lrsched identify
    """
    from lrsched.inspection.identify import identify as found_in
    from lrsched.inspection.identify import numbers

    log = arguments.log
    values = numbers(io.StringIO(inputs.standard_input()), "standard input") if log in (None, "-") else log
    found = found_in(values, tolerance=arguments.tolerance)
    say(repr(found.schedule) if found.recognised else "no expression that makes these rates")
    if 0 < found.recognised < 1:
        say(f"an expression makes {found.recognised:.0%} of the log; the rest is its own numbers, in tables")
    if found.recognised:
        say(f"off by {found.error:.1e} of the largest rate, at most")
    return 0 if found.fits else 1


@takes(
    argument("--steps", type=count(20, 10**6), default=100, help="updates per schedule (default: %(default)s)"),
    argument("--seed", type=count(0, 2**32 - 1), default=0, help="seed of split, weights and batches (default: 0)"),
    argument("--plot", metavar="FILE", type=picture, help="write rates and losses as a .png, .svg or .pdf"),
)
def demo(arguments: Any) -> int:
    """Train a small network on scikit-learn's digits under four schedules, with JAX and Optax.

    lrsched demo
    lrsched demo --steps 200 --seed 7 --plot demo.png
    """
    from lrsched.cli.demo import run

    return run(steps=arguments.steps, seed=arguments.seed, plot=arguments.plot)
