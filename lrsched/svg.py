"""Pictures of schedules as SVG, for notebooks, made of text alone."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np

from lrsched._terminal import envelope
from lrsched.describe import Description, cells, defined, describe, number

__all__ = ["curve", "document", "table"]

WIDTH, HEIGHT = 560, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 12, 26
COLUMNS = 480
STAIRS = 120


def curve(schedule: Any, steps: int | None = None) -> str:
    """The schedule's curve in a run, as an SVG element with a scale and marks at the boundaries."""
    shown = describe(schedule, steps)
    known = defined(schedule, shown.steps)
    low, high = envelope(schedule, known, min(COLUMNS, known))
    finite = np.isfinite(low)
    bottom, top = (min(0.0, float(np.min(low[finite]))), float(np.max(high[finite]))) if finite.any() else (0.0, 1.0)
    if top == bottom:
        bottom, top = (0.0, top) if top > 0 else (bottom - 1.0, bottom + 1.0)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (value - bottom) / (top - bottom))

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / shown.steps

    body = [*_scale(bottom, top, shown.steps, y), *_marks(shown, x)]
    for stretch in _stretches(finite):
        points = [f"{x(i * known / len(low)):.1f},{y(value):.1f}" for i in stretch for value in _ends(low, high, i)]
        if known <= STAIRS:
            points = [f"{x(i + k):.1f},{y(low[i]):.1f}" for i in stretch for k in (0, 1)]
        last = f"{x((stretch[-1] + 1) * known / len(low)):.1f}"
        body.append(f'<polyline points="{" ".join(points)} {last},{points[-1].split(",")[1]}" {LINE}/>')
    text = html.escape(shown.expression if len(shown.expression) < 500 else shown.expression[:497] + "...")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'{head} role="img" font-family="sans-serif" font-size="11"><title>{text}</title>{"".join(body)}</svg>'


LINE = 'fill="none" stroke="#1f77b4" stroke-width="1.6" stroke-linejoin="round"'


def _ends(low: Any, high: Any, i: int) -> tuple[float, ...]:
    """The values drawn in one column: both extremes, in the order that keeps the line short."""
    a, b = float(low[i]), float(high[i])
    if a == b:
        return (a,)
    return (b, a) if (i and abs(float(low[i - 1]) - b) < abs(float(high[i - 1]) - a)) or not i else (a, b)


def _stretches(finite: Any) -> list[list[int]]:
    """The runs of columns that have a value."""
    found: list[list[int]] = []
    for i in np.flatnonzero(finite).tolist():
        if found and found[-1][-1] == i - 1:
            found[-1].append(i)
        else:
            found.append([i])
    return found


def _scale(bottom: float, top: float, steps: int, y: Any) -> list[str]:
    right, base = WIDTH - RIGHT, HEIGHT - BOTTOM
    lines = []
    for value in (bottom, (bottom + top) / 2, top):
        level = f"{y(value):.1f}"
        lines.append(f'<path d="M{LEFT} {level}H{right}" stroke="#8884" fill="none"/>')
        label = f'<text x="{LEFT - 6}" y="{level}" dy="0.35em" text-anchor="end" fill="#777">{value:.3g}</text>'
        lines.append(label)
    for place, anchor, text in ((LEFT, "start", "0"), (right, "end", f"{steps:,} steps")):
        lines.append(f'<text x="{place}" y="{base + 16}" text-anchor="{anchor}" fill="#777">{text}</text>')
    return lines


def _marks(shown: Description, x: Any) -> list[str]:
    """Every other segment shaded, when there are few."""
    if not shown.complete or len(shown.segments) > 40:
        return []
    height = HEIGHT - TOP - BOTTOM
    rest = []
    for segment in shown.segments[1::2]:
        left, width = x(segment.start), x(segment.stop) - x(segment.start)
        rest.append(f'<rect x="{left:.1f}" y="{TOP}" width="{width:.1f}" height="{height}" fill="#8882"/>')
    return rest


def table(shown: Description) -> str:
    """A description as an HTML table and a line of readings."""
    rows = []
    for segment in shown.shown():
        steps, first, last, text = (html.escape(cell) for cell in cells(segment))
        rows.append(f"<tr><td>{steps}</td><td>{first}</td><td>{last}</td><td><code>{text}</code></td></tr>")
    head = "".join(f"<th>{name}</th>" for name in ("steps", "first", "last", "expression"))
    facts = " · ".join(f"{name} {html.escape(text)}" for name, text in shown.facts())
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table><p>{facts}</p>"


def document(schedule: Any) -> str:
    """What a notebook shows of a schedule: curve, description and expression."""
    shown = describe(schedule)
    if not math.isfinite(shown.peak):
        return f"<div><pre>{html.escape(shown.expression)}</pre><p>peak {number(shown.peak)}</p></div>"
    return f"<div>{curve(schedule)}{table(shown)}<pre>{html.escape(shown.expression)}</pre></div>"
