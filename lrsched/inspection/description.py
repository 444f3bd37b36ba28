"""What a schedule does over a run, as a table of segments."""

from __future__ import annotations

import dataclasses
import html
import math

from lrsched.foundation.errors import shortened

SHOWN = 12
WIDEST = 64
HEAD = ("steps", "first", "last", "expression")


@dataclasses.dataclass(frozen=True)
class Segment:
    """The steps ``start`` to ``stop - 1``, the expression that makes them, and its values at both ends."""

    start: int
    stop: int
    expression: str
    first: float
    last: float


@dataclasses.dataclass(frozen=True)
class Description:
    """What :meth:`lrsched.Schedule.describe` returns; ``str`` of it is the table.

    ``segments`` are the first thousand at most; ``peak_step`` and ``floor_step`` are the first steps with these
    values; ``cycles`` counts the restarts that begin in the run, and is 0 without any. A run of more than 2**27 steps,
    as one that counts tokens, is read at a million steps and at its boundaries, and its total is that of lines between.
    """

    expression: str
    steps: int
    duration: float
    segments: tuple[Segment, ...]
    complete: bool
    peak: float
    peak_step: int
    floor: float
    floor_step: int
    mean: float
    total: float
    cycles: int

    def __str__(self) -> str:
        return "\n".join([self.expression, "", *self.rows(), "", *(f"{k:<6} {v}" for k, v in self.facts())])

    def rows(self) -> list[str]:
        """The table as lines of one width."""
        table = self.table()
        widths = [max(len(row[i]) for row in table) for i in range(3)]
        return ["  ".join([*(c.rjust(w) for c, w in zip(row, widths, strict=False)), row[3]]) for row in table]

    def table(self) -> list[tuple[str, str, str, str]]:
        """The head, and a row for each segment; of many, those in the middle are left out and cycles counted."""
        head, tail = self.segments[: SHOWN - 3], self.segments[-2:]
        if self.complete and len(self.segments) <= SHOWN:
            return [HEAD, *map(_row, self.segments)]
        shown = {s.expression.partition(" of ")[0] for s in (*head, *tail) if s.expression.startswith("cycle ")}
        is_counted = self.cycles and not self.complete
        more = f"and {self.cycles - len(shown):,} more cycles" if is_counted else ""
        return [HEAD, *map(_row, head), ("...", "", "", more), *map(_row, tail)]

    def facts(self) -> list[tuple[str, str]]:
        """Name and text of each reading."""
        if self.duration == math.inf:
            length = " of an endless schedule"
        elif self.duration == self.steps:
            length = ", the schedule's own length"
        else:
            length = f"; the schedule has {self.duration:,}"
        found = [
            ("run", f"{self.steps:,} steps{length}"),
            ("peak", f"{number(self.peak)} at step {self.peak_step:,}"),
            ("floor", f"{number(self.floor)} at step {self.floor_step:,}"),
            ("mean", number(self.mean)),
            ("total", number(self.total)),
        ]
        return [*found, ("cycles", f"{self.cycles:,}")] if self.cycles else found

    def _repr_html_(self) -> str:
        head, *rows = ([html.escape(cell) for cell in row] for row in self.table())
        top = "".join(f"<th>{name}</th>" for name in head)
        body = "".join(f"<tr><td>{a}</td><td>{b}</td><td>{c}</td><td><code>{d}</code></td></tr>" for a, b, c, d in rows)
        facts = " · ".join(f"{name} {html.escape(text)}" for name, text in self.facts())
        return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table><p>{facts}</p>"


def _row(segment: Segment) -> tuple[str, str, str, str]:
    text = shortened(segment.expression, WIDEST)
    return (f"{segment.start:,}..{segment.stop - 1:,}", number(segment.first), number(segment.last), text)


def number(value: float) -> str:
    """A value with six significant digits."""
    return f"{value:.6g}"
