"""What a schedule does over a run, as a table of segments."""

from __future__ import annotations

import dataclasses
import html
import math

from lrsched.foundation.errors import shortened

__all__ = ["Description", "Segment", "cells", "number"]


SHOWN = 12
WIDEST = 64


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
        """The segments as lines of one width, the middle ones left out when there are many."""
        table = [("steps", "first", "last", "expression"), *map(self.cells, self.shown())]
        widths = [max(len(row[i]) for row in table) for i in range(3)]
        return ["  ".join([*(c.rjust(w) for c, w in zip(row, widths, strict=False)), row[3]]) for row in table]

    def shown(self) -> list[Segment | None]:
        """The segments that fit a screen; None stands for those left out."""
        found: list[Segment | None] = list(self.segments)
        if self.complete and len(found) <= SHOWN:
            return found
        head = found[: SHOWN - 3]
        return [*head, None, *found[-2:]]

    def cells(self, segment: Segment | None) -> tuple[str, str, str, str]:
        """A row of the table; that of the segments left out says how many cycles they are, where they are many."""
        if segment is None and not self.complete and self.cycles:
            shown = {s.expression.partition(" of ")[0] for s in self.shown() if s and s.expression.startswith("cycle ")}
            return ("...", "", "", f"and {self.cycles - len(shown):,} more cycles")
        return cells(segment)

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
        rows = []
        for segment in self.shown():
            steps, first, last, text = map(html.escape, self.cells(segment))
            rows.append(f"<tr><td>{steps}</td><td>{first}</td><td>{last}</td><td><code>{text}</code></td></tr>")
        head = "".join(f"<th>{name}</th>" for name in ("steps", "first", "last", "expression"))
        facts = " · ".join(f"{name} {html.escape(text)}" for name, text in self.facts())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table><p>{facts}</p>"


def cells(segment: Segment | None) -> tuple[str, str, str, str]:
    """A segment as the texts of a row."""
    if segment is None:
        return ("...", "", "", "")
    text = shortened(segment.expression, WIDEST)
    return (f"{segment.start:,}..{segment.stop - 1:,}", number(segment.first), number(segment.last), text)


def number(value: float) -> str:
    """A value with six significant digits."""
    return f"{value:.6g}"
