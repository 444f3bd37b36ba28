"""The subcommand that sets schedules side by side."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

from lrsched import analysis
from lrsched.cli import inputs
from lrsched.foundation.errors import ScheduleError
from lrsched.foundation.files import replacing

__all__ = ["add_arguments", "compare"]

WIDEST = 1000
WITH_THE_LAST = ("", "from", "to", "init")  # columns that belong to the one before
COLOURS = {"best": "green", "tie": "green", "weak": "yellow", "worse": "red"}


def add_arguments(parser: Any, steps: Any, real: Any, picture: Any) -> None:
    """What is known beside the schedules."""
    parser.add_argument("--weight-decay", metavar="X", type=real, help="that of AdamW, for what it averages over")
    parser.add_argument(
        "--law",
        metavar="NAME|FILE",
        action="append",
        default=[],
        help="predict losses: a published law, such as mpl-100m, or a file that `lrsched fit` wrote; once for each",
    )
    parser.add_argument(
        "--tuned", metavar="EXPR", help="a schedule whose peak is known to be good, for the peaks to use"
    )
    parser.add_argument("--peak", metavar="P", type=real, help="its peak (default: the expression's own)")
    parser.add_argument("--tuned-steps", metavar="N", type=steps, help="its run (default: the expression's own length)")
    parser.add_argument("--json", action="store_true", help="write the numbers as JSON")
    parser.add_argument("-o", "--output", metavar="FILE", type=picture, help="draw them as .png, .svg or .pdf too")


def compare(arguments: Any) -> int:
    """A table of schedules, what is to be known of it, and a picture if one is asked for."""
    texts = [*arguments.expressions, *([arguments.tuned] if arguments.tuned else [])]
    given = inputs.schedules(texts, arguments.key, arguments.set)
    _check_tuned(arguments, given[-1])
    tuned = (given.pop(), arguments.peak, arguments.tuned_steps) if arguments.tuned else None
    judged: Any = analysis
    laws = [judged.read_law(name) for name in arguments.law]
    found = judged.compare(given, arguments.steps, weight_decay=arguments.weight_decay, laws=laws, tuned=tuned)
    if arguments.json:
        print(found.to_json(indent=2))  # noqa: T201
    else:
        _show(found)
    if arguments.output:
        _draw(found, arguments.output)
        if not arguments.json:
            print(f"picture written to {arguments.output}")  # noqa: T201
    return 0


def _check_tuned(arguments: Any, last: Any) -> None:
    """Refuse what belongs to a tuned schedule where there is none, and one, the last, of which no length is known."""
    if arguments.tuned and arguments.tuned_steps is None and last.duration == math.inf:
        raise ScheduleError("--tuned-steps must be given, since the schedule of --tuned never ends")
    for name, value in (("--peak", arguments.peak), ("--tuned-steps", arguments.tuned_steps)):
        if value is not None and not arguments.tuned:
            raise ScheduleError(f"{name} belongs to --tuned, the schedule that was tuned: say which that is")


def _show(found: Any) -> None:
    from rich.console import Console
    from rich.text import Text

    from lrsched.analysis.records import bulleted

    is_sized = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(highlight=False, width=None if is_sized else 100)
    for i, row in enumerate(found.rows, 1):
        console.print(Text.assemble((f"{i}  ", "dim"), (row.name, "bold")), soft_wrap=True)
    console.print(Text(f"\n{found.steps:,} updates"))
    for table in _tables(console, found.table(), console.width if is_sized else WIDEST):
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


def _draw(found: Any, output: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    panels = found.plot()
    with replacing(output) as file:
        panels[0].figure.savefig(file, format=output.suffix[1:], dpi=150)
