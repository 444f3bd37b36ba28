"""The subcommands that judge schedules before the run: side by side, and by a law that is fitted to runs."""

from __future__ import annotations

import io
import math
from typing import Any

from lrsched import analysis
from lrsched.cli import inputs
from lrsched.cli.arguments import SEVERAL, argument, count, picture, real, takes
from lrsched.cli.outputs import drawn, is_sized, say, screen, warn
from lrsched.foundation.errors import ScheduleError

LAWS = {"signal-noise": "SignalNoiseLaw", "annealing": "AnnealingLaw"}
WIDEST = 1000
WITH_THE_LAST = ("", "from", "to", "init")  # columns that belong to the one before
COLOURS = {"best": "green", "tie": "green", "weak": "yellow", "worse": "red"}


@takes(
    *SEVERAL,
    argument("--weight-decay", metavar="X", type=real, help="that of AdamW, for what it averages over"),
    argument(
        "--law",
        metavar="NAME|FILE",
        action="append",
        default=[],
        help="predict losses: a published law, such as mpl-100m, or a file that `lrsched fit` wrote; once for each",
    ),
    argument("--tuned", metavar="EXPR", help="a schedule whose peak is known to be good, for the peaks to use"),
    argument("--peak", metavar="P", type=real, help="its peak (default: the expression's own)"),
    argument("--tuned-steps", metavar="N", type=count(1), help="its run (default: the expression's own length)"),
    argument("--json", action="store_true", help="write the numbers as JSON"),
    argument("-o", "--output", metavar="FILE", type=picture, help="draw them as .png, .svg or .pdf too"),
)
def compare(arguments: Any) -> int:
    """Judge schedules before the run: shape, peak to use, predicted loss, what AdamW averages over.

    lrsched compare "linear().over(10k)" "rex().over(10k)" "cosine().over(10k)"
    lrsched compare "rex().over(60k)" --tuned "3e-4 * cosine().over(20k)"
    lrsched compare "3e-4 * rex().over(10k)" --weight-decay 0.1 --law mpl-100m
    """
    texts = [*arguments.expressions, *([arguments.tuned] if arguments.tuned else [])]
    given = inputs.schedules(arguments, *texts)
    _check_tuned(arguments, given[-1])
    tuned = (given.pop(), arguments.peak, arguments.tuned_steps) if arguments.tuned else None
    judged: Any = analysis
    laws = [judged.read_law(name) for name in arguments.law]
    found = judged.compare(given, arguments.steps, weight_decay=arguments.weight_decay, laws=laws, tuned=tuned)
    if arguments.json:
        say(found.to_json(indent=2))
    else:
        _show(found)
    if arguments.output:
        told = drawn(lambda: found.plot()[0].figure, arguments.output)
        if not arguments.json:
            say(told)
    return 0


@takes(
    argument("runs", nargs="?", help="a CSV of runs and losses; standard input by default"),
    argument("--law", choices=tuple(LAWS), default="signal-noise", help="(default: %(default)s)"),
)
def fit(arguments: Any) -> int:
    """Fit a law of the loss to runs: a CSV with the columns run, expression, steps, step and loss.

    lrsched fit runs.csv > law.json
    """
    given: Any = arguments.runs
    runs = io.StringIO(inputs.standard_input()) if given in (None, "-") else given
    found = analysis.fit(runs, getattr(analysis, LAWS[arguments.law]))
    say(found.law.to_json(indent=2))
    warn(str(found))
    return 0


def _check_tuned(arguments: Any, last: Any) -> None:
    """Refuse what belongs to a tuned schedule where there is none, and one, the last, of which no length is known."""
    if arguments.tuned and arguments.tuned_steps is None and last.duration == math.inf:
        raise ScheduleError("--tuned-steps must be given, since the schedule of --tuned never ends")
    for name, value in (("--peak", arguments.peak), ("--tuned-steps", arguments.tuned_steps)):
        if value is not None and not arguments.tuned:
            raise ScheduleError(f"{name} belongs to --tuned, the schedule that was tuned: say which that is")


def _show(found: Any) -> None:
    from rich.text import Text

    from lrsched.analysis.records import bulleted

    console = screen()
    for i, row in enumerate(found.rows, 1):
        console.print(Text.assemble((f"{i}  ", "dim"), (row.name, "bold")), soft_wrap=True)
    console.print(Text(f"\n{found.steps:,} updates"))
    for table in _tables(console, found.table(), console.width if is_sized() else WIDEST):
        console.print(table, crop=False)  # a terminal narrower than one column wraps it
    width = min(100, console.width)
    if found.notes:
        console.print(Text("\n".join(["notes:", *bulleted(found.notes, width), ""])), soft_wrap=True)
    console.print(Text("\n".join(["assumes:", *bulleted(found.assumes, width)]), style="dim"), soft_wrap=True)


def _tables(console: Any, rows: Any, width: int) -> list[Any]:
    """The table; where it is wider than the terminal, one below the other, each with the numbers of the rows."""
    _, *columns = zip(*rows, strict=True)
    parts: list[list[Any]] = []  # columns that stay together
    for column in columns:
        if column[0] in WITH_THE_LAST:
            parts[-1].append(column)
        else:
            parts.append([column])
    blocks: list[list[Any]] = []
    for part in parts:
        if blocks and _width(console, [*blocks[-1], *part]) <= width:
            blocks[-1] += part
        else:
            blocks.append([*part])
    return [_table(block, _width(console, block)) for block in blocks]


def _width(console: Any, columns: Any) -> int:
    """How wide a table of columns is."""
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(max_width=WIDEST), _table(columns)).maximum


def _table(columns: Any, width: int | None = None) -> Any:
    """A table of columns, each its head and its cells, beside the numbers of the rows."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, width=width)
    table.add_column("")
    for name, *_ in columns:
        justify: Any = "left" if name in ("", "finding") else "right"
        table.add_column(name, justify=justify, no_wrap=True)
    for i, cells in enumerate(zip(*(cells for _, *cells in columns), strict=True), 1):
        table.add_row(Text(str(i), style="dim"), *(Text(cell, style=COLOURS.get(cell, "")) for cell in cells))
    return table
