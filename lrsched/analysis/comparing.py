"""Schedules side by side: shape, peak, predicted losses, averaging and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lrsched.algebra.schedule import Schedule
from lrsched.analysis.advice import judge, reference
from lrsched.analysis.averages import averaging
from lrsched.analysis.bound import THEORY, convex_bound
from lrsched.analysis.rates import rates_of
from lrsched.analysis.records import Result, number, record
from lrsched.analysis.transferring import EXPONENT, HIGH, LOW, MEASURED, Transfer, transfer
from lrsched.foundation.errors import ScheduleError, check_count, fail, listed, shortened, show
from lrsched.inspection.findings import Finding

__all__ = ["Comparison", "Row", "compare"]

TIE, WEAK = 1.02, 1.08
WIDEST = 64
OF_A_LAW = ("predict", "covers", "name", "notes", "assumes")
SHAPES = (
    (
        "shape: the worst case of convex theory, without momentum: an order of shapes, and no loss; it says nothing of "
        "a warm-up's length, of restarts, or of optimizers that average in place of a decay (schedule-free)"
    ),
)


@record
class Row(Result):
    """One schedule of a :class:`Comparison`.

    ``total`` is the sum of the rates over the peak: updates at full peak; ``shape`` that of :func:`convex_bound`, and
    ``rank`` what it is beside the best one: "best", "tie", "weak" or "worse"; ``peak`` is the largest rate as given,
    ``times`` how much higher a peak the shape bears than the first row; ``transfer`` the tuned peak, moved here;
    ``losses`` are one a law, at the peak as given; ``window`` and ``init`` are those of :func:`averaging`, at the
    moved peak where there is one; ``findings`` are the warnings and errors of ``check``, and what ``advise`` says.
    """

    name: str
    schedule: Schedule
    total: float
    shape: float
    peak: float
    times: float
    transfer: Transfer | None
    losses: tuple[float, ...]
    window: float | None
    init: float | None
    findings: tuple[Finding, ...]
    rank: str

    assumes: ClassVar[Any] = THEORY

    def table(self) -> list[tuple[str, ...]]:
        """The row as it is alone."""
        return [
            ("what", "value"),
            ("schedule", self.name),
            ("total", number(self.total)),
            ("shape", number(self.shape)),
        ]


@record
class Comparison(Result):
    """What :func:`compare` returns: ``rows`` in the order given, of runs of ``steps`` updates.

    ``laws`` are the laws whose losses the rows hold; ``tuned`` is the tuned schedule, its peak and its steps.
    """

    rows: tuple[Row, ...]
    laws: tuple[Any, ...]
    weight_decay: Any
    tuned: Any
    steps: int

    @property
    def assumes(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the numbers shown assume, each once."""
        said = [*SHAPES, *(MEASURED if self.tuned else MEASURED[:1])]
        by_law: dict[str, list[str]] = {}
        for law in self.laws:
            for sentence in law.assumes:
                by_law.setdefault(sentence, []).append(law.name)
        said += [f"{', '.join(names)}: {sentence}" for sentence, names in by_law.items()]
        if self.weight_decay is not None:
            at = "at the peak to use" if self.tuned else "at the peaks as given"
            said.append(f"window and init: AdamW, whose weight decay is decoupled and multiplied by the rate, {at}")
        return tuple(said)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of these numbers in particular."""
        return (*_on_ranks(self), *_on_peaks(self), *_on_laws(self), *_on_findings(self))

    def order(self, by: str = "shape") -> tuple[Row, ...]:
        """The rows, the smallest first, by "total", "shape", "times", "window", "init" or the name of a law."""
        names = [law.name for law in self.laws]
        known = ("total", "shape", "times", *(() if self.weight_decay is None else ("window", "init")), *names)
        if by not in known:
            fail("order", "by", f"one of {', '.join(known)}", by)
        place = names.index(by) if by in names else None
        return tuple(sorted(self.rows, key=lambda r: getattr(r, by) if place is None else r.losses[place]))

    def table(self) -> list[tuple[str, ...]]:
        """One row a schedule."""
        columns = [
            ("schedule", *(shortened(row.name, WIDEST) for row in self.rows)),
            ("total", *(f"{row.total:,.0f}" for row in self.rows)),
            ("shape", *(f"{row.shape:.3f}" for row in self.rows)),
        ]
        if len(self.rows) > 1:
            columns.append(("", *(row.rank for row in self.rows)))
            columns.append(("peak x", *(f"{row.times:.2f}" for row in self.rows)))
        if self.tuned:
            moved = [row.transfer for row in self.rows if row.transfer]
            columns.append(("peak to use", *(number(one.peak, 3) for one in moved)))
            columns.append(("from", *(number(one.low, 2) for one in moved)))
            columns.append(("to", *(number(one.high, 2) for one in moved)))
        if self.weight_decay is not None:
            columns.append(("window", *(f"{row.window:,.0f}" for row in self.rows)))
            columns.append(("init", *(f"{row.init:.3f}" for row in self.rows)))
        for i, law in enumerate(self.laws):
            losses = (f"{row.losses[i]:.4f}{' ' if law.covers(row.peak) else '*'}" for row in self.rows)
            columns.append((f"loss, {law.name}", *losses))
        if any(row.findings for row in self.rows):
            columns.append(("finding", *(row.findings[0].name if row.findings else "" for row in self.rows)))
        return list(zip(*columns, strict=True))

    def plot(self, ax: Any = None) -> Any:
        """Rates, bounds along the run, each at its own best peak, and with weight decay the shares of the updates."""
        from lrsched.analysis.pictures import draw_comparison

        return draw_comparison(self, ax)


def compare(
    schedules: Any, steps: int | None = None, *, weight_decay: Any = None, laws: Any = (), tuned: Any = None
) -> Comparison:
    """Set schedules side by side before the run: which shape, what peak, what loss, and how sure that is.

    Args:
        schedules: a schedule, a list of them, or a dict of them by name; the peaks are told relative to the first one.
        steps: length of the run in updates; by default that of the longest schedule.
        weight_decay: that of AdamW, a number or a schedule, for what it averages over.
        laws: a law, or several, that predict the loss at the peaks as given: those of ``published``, or fitted ones.
        tuned: (schedule, peak, steps) of a run whose peak is known to be good, for the peak to use of each row; a peak
            or steps of None are the schedule's own.

    Returns:
        A :class:`Comparison`; it prints as a table, with what may be believed of it below.

    Raises:
        ScheduleError: an argument outside its range.

    Source: as for :func:`convex_bound`, :func:`transfer`, :func:`averaging` and the laws.

    Example:
        >>> import lrsched as lrs
        >>> shapes = {"linear": lrs.linear().over(60_000), "wsd": lrs.plan(60_000, lrs.flat(), (0.2, lrs.linear()))}
        >>> found = lrs.compare(shapes, tuned=(lrs.cosine().over(20_000), 3e-4, None))
        >>> for row in found.rows:
        ...     print(row.name, row.rank, f"{row.transfer.peak:.2g}, {row.transfer.low:.2g} to {row.transfer.high:.2g}")
        linear best 0.00022, 0.00018 to 0.00026
        wsd weak 0.00011, 9.2e-05 to 0.00013
    """
    given = _named(schedules)
    steps = _steps([schedule for _, schedule in given], steps)
    laws = _laws(laws)
    known = reference("compare", tuned)
    rows = [_row(name, schedule, steps, weight_decay, laws, known) for name, schedule in given]
    best, first = min(row["shape"] for row in rows), rows[0]["times"]
    made = tuple(Row(**row | {"times": row["times"] / first, "rank": _rank(row["shape"], best)}) for row in rows)
    named = (tuned[0], known[1], known[0].size) if known else None
    return Comparison(made, laws, weight_decay, named, steps)


def _row(name: str, schedule: Schedule, steps: int, weight_decay: Any, laws: Any, known: Any) -> dict[str, Any]:
    """The numbers of one schedule, on one vector of its rates."""
    rates = rates_of("compare", schedule, steps, argument=f"schedules[{show(name)}]")
    bound = convex_bound(rates)
    moved = transfer(known[1], known[0], rates) if known else None
    shares = rates / rates.max()
    used = shares * moved.peak if moved else rates
    average = None if weight_decay is None else averaging(used, weight_decay)
    found = [finding for finding in schedule.check(steps) if finding.severity != "note"]
    return {
        "name": name,
        "schedule": schedule,
        "total": float(shares.sum()),
        "shape": bound.shape,
        "peak": float(rates.max()),
        "times": bound.base,
        "transfer": moved,
        "losses": tuple(float(law.predict(rates)) for law in laws),
        "window": average and average.window,
        "init": average and average.init,
        "findings": (*found, *judge("compare", schedule, used, weight_decay=weight_decay, tuned=None)),
    }


def _rank(shape: float, best: float) -> str:
    if shape == best:
        return "best"
    return "tie" if shape <= TIE * best else "weak" if shape <= WEAK * best else "worse"


# ---- arguments


def _named(schedules: Any) -> list[tuple[str, Schedule]]:
    """The schedules and what they are called; equal ones may stand in a list twice."""
    if isinstance(schedules, Schedule):
        schedules = [schedules]
    if not isinstance(schedules, Mapping | list | tuple) or not schedules:
        fail("compare", "schedules", "a schedule, or a list or a dict of them", schedules, wrong_type=True)
    given = schedules.items() if isinstance(schedules, Mapping) else [(repr(s), s) for s in schedules]
    for name, schedule in given:
        if not isinstance(schedule, Schedule):
            allowed = "a schedule; a profile needs .over(steps)"
            fail("compare", f"schedules[{show(name)}]", allowed, schedule, wrong_type=True)
        schedule.concrete("compared")
    return [(str(name), schedule) for name, schedule in given]


def _steps(schedules: list[Schedule], steps: Any) -> int:
    if steps is None:
        finite = [int(s.duration) for s in schedules if s.duration != float("inf")]
        if not finite:
            fail("compare", "steps", "given, since no schedule ends", steps, wrong_type=True)
        steps = max(finite)
    return check_count("compare", "steps", steps, 1)


def _laws(laws: Any) -> tuple[Any, ...]:
    given = (laws,) if isinstance(laws, Result) else laws
    allowed = "a law, or a list of them: those of lrs.analysis.published, or the law of a fit"
    if not isinstance(given, Sequence) or not all(hasattr(law, name) for law in given for name in OF_A_LAW):
        fail("compare", "laws", allowed, laws, wrong_type=True)
    return tuple(given)


# ---- notes


def _on_ranks(found: Comparison) -> list[str]:
    if len(found.rows) < 2:
        return []
    return [
        "shape: a tie is within 2 % of the best, which nothing here can tell apart; weak is within 8 %",
        "peak x: how much higher a peak the shape bears than the first row, in runs of one length",
    ]


def _on_peaks(found: Comparison) -> list[str]:
    if not found.tuned:
        return []
    schedule, peak, steps = found.tuned
    text = shortened(repr(schedule), WIDEST) if isinstance(schedule, Schedule) else "the rates given"
    moved = [(row, row.transfer) for row in found.rows if row.transfer]
    shapes = listed(number(one.shape_factor, 3) for _, one in moved)
    said = [f"peak to use: {peak:g}, tuned over {steps:,} updates of {text}"]
    said[0] += f", times {shapes} for the shape and {number(moved[0][1].horizon_factor, 3)} for the length"
    said += _on_factors(found, schedule, steps)
    if len(moved) == 1:
        row, one = moved[0]
        factor = float(f"{one.peak / row.peak:.3g}")
        said.append(f"so write {factor * row.schedule!r}")
    return [*said, *dict.fromkeys(note for _, one in moved for note in one.notes)]


def _on_factors(found: Comparison, tuned: Any, steps: int) -> list[str]:
    """Why a peak moves, and what its range leaves out."""
    rates = rates_of("compare", tuned, steps)
    shares = f"{listed(f'{row.total / found.steps:.0%}' for row in found.rows)} of the updates here"
    shape = f"{shares}, {rates.mean() / rates.max():.0%} in the tuned run"
    if steps == found.steps:
        length = "the runs are equally long, so that the range is one peak"
    else:
        length = f"longer runs take lower peaks, here by ({steps:,} / {found.steps:,})**{EXPONENT:g}; "
        length += f"the range is that with {HIGH:g} and {LOW:g} in place of {EXPONENT:g}"
        length += "".join(
            f" ({law.name} says {a / (1 + a):.2g}: analysis.transfer(..., exponent=law) takes that)"
            for law in found.laws
            if (a := getattr(law, "exponent", None)) is not None
        )
    return [
        f"for the shape: a run that stays near its peak for longer takes a lower one; the total is {shape}",
        f"for the length: {length}, and leaves out how far the shape's factor may be off",
    ]


def _on_laws(found: Comparison) -> list[str]:
    said = []
    for i, law in enumerate(found.laws):
        said += [f"loss, {law.name}: at the peaks as given; {note}" for note in law.notes]
        inside = [(row.losses[i], row.shape, k) for k, row in enumerate(found.rows, 1) if law.covers(row.peak)]
        if len(inside) < len(found.rows):
            said.append(f"*: the peak is too far from there, so that {law.name} predicts nothing and chooses no peak")
        said += _on_order(law.name, sorted(inside))
        said += _on_best_peaks(law, found)
    return said


def _on_best_peaks(law: Any, found: Comparison) -> list[str]:
    """The peaks that a law would choose, if it can."""
    if not hasattr(law, "best_peak"):
        return []
    try:
        peaks = [law.best_peak(row.schedule, found.steps) for row in found.rows]
    except ScheduleError:  # it was fitted at one peak, or without noise
        return []
    each = listed(number(peak, 3) + ("" if law.covers(peak) else "*") for peak in peaks)
    return [f"the best peak by {law.name}{', row by row' if len(peaks) > 1 else ''}: {each}"]


def _on_order(law: str, rows: list[tuple[float, float, int]]) -> list[str]:
    """Why a law and the bound put other schedules first, if they do."""
    shape, place = min(((shape, k) for _, shape, k in rows), default=(0.0, 0))
    if not rows or rows[0][1] <= TIE * shape:
        return []
    why = "the law speaks of the peaks as given, the bound of each shape at its own best one"
    return [f"law-disagrees: {law} puts row {rows[0][2]} first, and the bound row {place}; {why}"]


def _on_findings(found: Comparison) -> list[str]:
    """The first finding of every row, each kind once, as it is said of the first row that has it."""
    rows: dict[str, list[int]] = {}
    for i, row in enumerate(found.rows):
        if row.findings:
            rows.setdefault(row.findings[0].name, []).append(i)
    said = []
    for name, places in rows.items():
        one, others = found.rows[places[0]].findings[0], listed(str(i + 1) for i in places[1:])
        where = f"row {places[0] + 1}" + (f", and {others} alike" if others else "") if len(found.rows) > 1 else ""
        said.append(f"{name}{f' ({where})' if where else ''}: {one.sentence} {one.remedy}")
    return said
