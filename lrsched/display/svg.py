"""Pictures of schedules as SVG, for notebooks, made of text alone."""

from __future__ import annotations

import html
import itertools
import math
import re
from typing import Any

from lrsched.display.terminal import envelope, limits
from lrsched.inspection.describe import defined, describe
from lrsched.inspection.description import Description, number

WIDTH, HEIGHT = 560, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 12, 26
COLUMNS = 480
STAIRS = 120


def curve(schedule: Any, shown: Description) -> str:
    """The curve of a schedule that is described, as an SVG element with a scale and marks at the boundaries."""
    points = _outline(schedule, defined(schedule, shown.steps), COLUMNS)
    bottom, top = limits([value for _, value in points])

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - (value - bottom) / (top - bottom))

    def x(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / shown.steps

    body = [*_scale(bottom, top, shown.steps, y), *_marks(shown, x)]
    for known, stretch in itertools.groupby(points, lambda point: math.isfinite(point[1])):
        if known:
            body.append(f'<polyline points="{" ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in stretch)}" {LINE}/>')
    text = html.escape(shown.expression if len(shown.expression) < 500 else shown.expression[:497] + "...")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'{head} role="img" font-family="sans-serif" font-size="11"><title>{text}</title>{"".join(body)}</svg>'


LINE = 'fill="none" stroke="#1f77b4" stroke-width="1.6" stroke-linejoin="round"'


def _outline(schedule: Any, steps: int, columns: int) -> list[tuple[float, float]]:
    """Steps and values to draw a line through: stairs in a short run, else one point a column and its extremes."""
    if steps <= STAIRS:
        return [(x, float(value)) for t, value in enumerate(schedule.sample(steps)) for x in (t, t + 1)]
    columns = min(columns, steps - 1)
    low, high = envelope(schedule, steps, columns)
    edges = [i * steps // columns for i in range(columns)] + [steps - 1]
    ends = [float(schedule(t)) for t in edges]
    slack = 1e-4 * max((abs(value) for value in ends if math.isfinite(value)), default=0.0)
    points: list[tuple[float, float]] = []
    for i in range(columns):
        points.append((edges[i], ends[i]))
        middle = (edges[i] + edges[i + 1]) / 2
        points += [(middle, float(high[i]))] * bool(high[i] > max(ends[i : i + 2]) + slack)
        points += [(middle, float(low[i]))] * bool(low[i] < min(ends[i : i + 2]) - slack)
    return [*points, (edges[-1], ends[-1])]


def _scale(bottom: float, top: float, steps: int, y: Any) -> list[str]:
    right, base = WIDTH - RIGHT, HEIGHT - BOTTOM
    lines = []
    for value in (bottom, (bottom + top) / 2, top):
        level = f"{y(value):.1f}"
        lines.append(f'<path d="M{LEFT} {level}H{right}" stroke="#8884" fill="none"/>')
        lines.append(_label(LEFT - 6, level, f"{value:.3g}"))
    for left, anchor, text in ((LEFT, "start", "0"), (right, "end", f"{steps:,} steps")):
        lines.append(f'<text x="{left}" y="{base + 16}" text-anchor="{anchor}" fill="#777">{text}</text>')
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


def document(schedule: Any) -> str:
    """What a notebook shows of a schedule: curve, description and expression."""
    shown = describe(schedule)
    if not math.isfinite(shown.peak):
        return f"<div><pre>{html.escape(shown.expression)}</pre><p>peak {number(shown.peak)}</p></div>"
    return f"<div>{curve(schedule, shown)}{shown._repr_html_()}<pre>{html.escape(shown.expression)}</pre></div>"


# ---- small pictures

SMALL_WIDTH, SMALL_HEIGHT, SMALL_LEFT, SMALL_RIGHT, SMALL_TOP, SMALL_BASE, SMALL_COLUMNS = 226, 90, 48, 218, 8, 74, 130


def thumbnail(schedule: Any, steps: int) -> str:
    """A small picture of a schedule in a run: the curve, what the two lines stand for, and the length.

    The upper line is the largest value; the lower one 0, or the smallest value where that is more than half of it.
    """
    points = _outline(schedule, steps, SMALL_COLUMNS)
    values = [value for _, value in points]
    bottom, top = min(values), max(values)
    bottom = min(bottom, 0.0) if bottom <= 0.5 * top or bottom == top else bottom
    height, width = SMALL_BASE - SMALL_TOP, SMALL_RIGHT - SMALL_LEFT
    drawn = [
        f"{SMALL_LEFT + width * x / steps:.1f},{SMALL_BASE - height * round((value - bottom) / (top - bottom), 9):.1f}"
        for x, value in points  # rounded, so that the last digits of a value never turn a tenth of a pixel
    ]
    dot = drawn[0].split(",")
    frame = f"M{SMALL_LEFT} {SMALL_TOP}H{SMALL_RIGHT}M{SMALL_LEFT} {SMALL_BASE}H{SMALL_RIGHT}"
    body = [
        f'<path d="{frame}" stroke="#8885" fill="none"/>',
        f'<polyline points="{" ".join(_thinned(drawn))}" {LINE}/>',
        f'<circle cx="{dot[0]}" cy="{dot[1]}" r="2.2" fill="#1f77b4"/>',
        _label(SMALL_LEFT - 5, SMALL_TOP, _brief(top, 1e6)),
        _label(SMALL_LEFT - 5, SMALL_BASE, _brief(bottom, 1e6)),
        _label(SMALL_RIGHT, SMALL_HEIGHT - 7, _brief(steps)),
    ]
    box = f'viewBox="0 0 {SMALL_WIDTH} {SMALL_HEIGHT}" width="{SMALL_WIDTH}" height="{SMALL_HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="9">{"".join(body)}</svg>\n'
    )


def _label(x: float, y: float | str, text: str) -> str:
    return f'<text x="{x}" y="{y}" dy="0.35em" text-anchor="end" fill="#777">{text}</text>'


def _brief(value: float, most: float = 1e8) -> str:
    """A value in the few characters that a small picture has room for; a power of ten stands for ``most`` and more."""
    if not 1e3 <= abs(value) < most:
        return re.sub(r"e\+0*", "e", f"{value:.4g}") if value > 1 else f"{value:.3g}"
    return f"{value:,.0f}"


def _thinned(points: list[str]) -> list[str]:
    """The points of a line without those in the middle of a level."""
    level = [p.split(",")[1] for p in points]
    return [
        p for i, p in enumerate(points) if not 0 < i < len(points) - 1 or not level[i - 1] == level[i] == level[i + 1]
    ]
