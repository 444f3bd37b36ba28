"""Counts have one limit, 2**53: on every target, in every inner clock, at every door."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import constant, cosine, hold, linear, step_decay, warmup
from lrsched.algebra import fields, registry

LIMIT = 2**53
LARGE = [LIMIT, LIMIT + 1, 2**63, 10**30, 10**400, 10**5000]
CYCLE = linear().over(10)

COUNTED: dict[str, Callable[[int], Any]] = {
    "over": lambda n: cosine().over(n),
    "warmup": lambda n: warmup(n),
    "hold": lambda n: hold(n),
    "plan": lambda n: lrs.plan(n, cosine()),
    "multi_step": lambda n: lrs.multi_step((3, n)),
    "piecewise": lambda n: lrs.piecewise((3, n), (1, 2, 3)),
    "step_decay": lambda n: step_decay(n),
    "sampled every": lambda n: cosine().over(5).sampled(every=n),
    "sampled at": lambda n: cosine().over(100).sampled(at=(0, n)),
    "times of a profile": lambda n: cosine().sampled(times=n),
    "per_epoch": lambda n: cosine().over(5).per_epoch(n),
    "advanced": lambda n: step_decay(3).advanced(n),
    "delayed": lambda n: CYCLE.delayed(n),
    "lasting": lambda n: CYCLE.lasting(n),
    "extended": lambda n: CYCLE.extended(3, n),
    "restarted": lambda n: CYCLE.restarted(n),
    "rescaled": lambda n: CYCLE.rescaled(n),
    "cooldown": lambda n: CYCLE.cooldown(3, n),
    "silver_steps": lambda n: lrs.silver_steps(n),
    "register": lambda n: lrs.register("limited", n),
    "text": lambda n: lrs.parse(f"hold({n})") if n < 10**39 else hold(n),
    "data": lambda n: lrs.from_dict({"format": 1, "kind": "hold", "steps": n, "value": 1.0}),
    "boundaries": lambda n: CYCLE.restarted().boundaries(n),
    "cycle_ends": lambda n: CYCLE.restarted().cycle_ends(n),
    "sum": lambda n: constant(1.0).sum(n),
    "first_below": lambda n: constant(1.0).first_below(0.5, n),
    "describe": lambda n: CYCLE.describe(n),
    "check": lambda n: CYCLE.check(n),
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_count_is_below_the_limit_or_an_error_that_says_so(name: str) -> None:
    for n in LARGE:
        with pytest.raises(lrs.ScheduleError, match=r"below 2\*\*53, got ") as caught:
            COUNTED[name](n)
        assert len(str(caught.value)) < 300


ADDED: list[Callable[[], Any]] = [
    lambda: hold(LIMIT - 1) >> hold(1),
    lambda: hold(5) >> hold(5) >> hold(LIMIT - 10),
    lambda: hold(LIMIT - 10) >> (hold(5) >> hold(5)),
    lambda: hold(LIMIT // 2).mirrored(),
    lambda: hold(LIMIT // 10 + 1).restarted(10),
    lambda: hold(10).restarted(60, t_mult=2),
    lambda: hold(10).restarted(200, t_mult=1.3),
    lambda: hold(LIMIT // 2).stretched(2),
    lambda: hold(LIMIT // 2).per_epoch(2),
    lambda: hold(LIMIT - 3).delayed(3),
    lambda: hold(3).stretched(1e300),
]


@pytest.mark.parametrize("build", ADDED)
def test_a_duration_that_adds_up_to_more_is_an_error(build: Callable[[], Any]) -> None:
    with pytest.raises(lrs.ScheduleError, match=r"the duration must be below 2\*\*53, got "):
        build()


def test_what_never_ends_begins_below_the_limit() -> None:
    """However it is joined, so that its text reads back."""
    first, second, endless = hold(LIMIT - 2), hold(2, 0.5), constant(0.1)
    data = (hold(1) >> second >> endless).to_dict()
    data["parts"][0]["steps"] = LIMIT - 2
    for join in (
        lambda: first >> second >> endless,
        lambda: first >> (second >> endless),
        lambda: first.then(second, endless),
        lambda: lrs.from_dict(data),
        lambda: lrs.parse(f"hold({LIMIT - 2}) >> hold(2) >> constant(0.1)"),
    ):
        with pytest.raises(lrs.ScheduleError, match=r"the duration must be below 2\*\*53"):
            join()
    assert (hold(LIMIT - 2) >> hold(1, 0.5) >> endless)(LIMIT - 1) == 0.1


def test_every_kind_that_takes_one_schedule_lasts_less_than_the_limit() -> None:
    """Whatever kinds there are, and come: a finite duration is a count."""
    long = hold(LIMIT - 1)
    for kind in registry.KINDS.values():
        declared = {name: fields.field_of(kind, name) for name in fields.names_of(kind)}
        if [spec.base for spec in declared.values() if spec.form == "node"] != ["Schedule"]:
            continue
        numbers = {name: spec for name, spec in declared.items() if spec.form in ("real", "count")}
        for values in itertools.product((1, 3), repeat=len(numbers)):
            given = dict(zip(numbers, values, strict=True))
            others = {n: long for n, spec in declared.items() if spec.form == "node"}
            others |= {n: (1, 2) for n, spec in declared.items() if spec.form == "counts"}
            others |= {
                n: {"policy": "hold", "count": 3, "real": 2.0}[s.base]
                for n, s in declared.items()
                if s.form == "static"
            }
            try:
                made = kind(**given, **others)
            except lrs.ScheduleError:
                continue
            assert isinstance(made, lrs.Schedule)
            assert made.duration == math.inf or made.duration < LIMIT, made


CALLED: dict[str, Callable[[Any, Any], Any]] = {
    "called": lambda s, t: s(t),
    "python": lambda s, t: lrs.compile(s, "python")(t),
    "numpy": lambda s, t: lrs.compile(s, "numpy")(np.array([t], dtype=object if t >= 2**63 else None).astype(float)),
    "numpy of one": lambda s, t: s(np.array([float(t)])),
    "real": lambda s, t: s(float(t)),
    "fraction": lambda s, t: s(Fraction(t) + Fraction(1, 3)),
    "sample": lambda s, t: s.sample(t, t + 1),
    "jax": lambda s, t: lrs.compile(s, "jax")(t),
}
ENDLESS = [step_decay(3), CYCLE, warmup(5) >> CYCLE.restarted(), lrs.inverse_sqrt(5), CYCLE.after("extrapolate")]


@pytest.mark.parametrize("how", CALLED)
@pytest.mark.parametrize("schedule", ENDLESS, ids=repr)
def test_a_step_is_below_the_limit_on_every_target(schedule: Any, how: str) -> None:
    if how == "jax":
        pytest.importorskip("jax")
    for t in (LIMIT, LIMIT + 1, 2**60, 2**63, 10**40):
        with pytest.raises(lrs.ScheduleError):
            CALLED[how](schedule, t)
    if how not in ("numpy", "numpy of one", "real"):
        with pytest.raises(lrs.ScheduleError):
            CALLED[how](schedule, 10**400)


def test_the_source_for_c_gives_nan_beyond_the_limit() -> None:
    from lrsched.compiler import source

    assert f"t >= {LIMIT}) return NAN" in source(CYCLE, "c")
    assert f"t >= {LIMIT - 8}) return NAN" in source(CYCLE.restarted().advanced(8), "c")


INNER: dict[str, Callable[[Any], Any]] = {
    "advanced": lambda s: s.advanced(8) if s.duration > 8 else s,
    "delayed": lambda s: s.delayed(8),
    "stretched": lambda s: s.stretched(3),
    "squeezed": lambda s: s.stretched(0.3),
    "grown": lambda s: s.stretched(1.7),
    "sampled": lambda s: s.sampled(every=100),
    "epochs": lambda s: s.per_epoch(7),
    "later": lambda s: hold(13) >> s,
    "at": lambda s: s.sampled(at=(3, 9, LIMIT - 5)),
}
OUTER: list[Any] = [
    CYCLE.restarted(),
    step_decay(3, 0.5) + linear().over(7).restarted(),
    constant(1.0).perturbed(0.1, 1),
    CYCLE.restarted(t_mult=1.5),
    cosine().over(10).after("extrapolate"),
    (linear().over(9) >> hold(3)).after("mirror"),
    cosine().sampled(times=3).over(9).after("repeat"),
]


@pytest.mark.parametrize("names", list(itertools.product(INNER, [None, *INNER])), ids=str)
def test_the_targets_agree_up_to_the_limit_or_refuse(names: tuple[str, str | None]) -> None:
    """An inner clock that runs ahead of the outer one comes to its limit earlier."""
    for start in OUTER:
        schedule = start
        for name in names:
            schedule = INNER[name](schedule) if name else schedule
        for t in (LIMIT - 1, LIMIT - 2, LIMIT - 9, LIMIT - 100, 2**52 + 1):
            found = [_value(lambda: schedule(t)), _value(lambda: schedule(np.array([t]))[0])]  # noqa: B023
            found.append(_value(lambda: schedule.sample(t, t + 1)[0]))  # noqa: B023
            if None in found:
                assert found == [None] * 3, (schedule, t)
            else:
                assert max(found) - min(found) <= 1e-9 * max(map(abs, found)), (schedule, t, found)


def _value(call: Callable[[], Any]) -> Any:
    try:
        return float(call())
    except lrs.ScheduleError:
        return None


def test_a_clock_that_is_ahead_is_refused_where_it_would_pass_the_limit() -> None:
    ahead = CYCLE.restarted().advanced(8)
    assert ahead(LIMIT - 9) == ahead(np.array([LIMIT - 9]))[0] == ahead.sample(LIMIT - 9, LIMIT - 8)[0]
    with pytest.raises(lrs.ScheduleError, match="step must be below 9,007,199,254,740,984, got 9007199254740991"):
        ahead(LIMIT - 1)
    assert lrs.inverse_sqrt(10).advanced(8)(LIMIT - 1) > 0, "nothing is counted here"


REAL: list[Any] = [np.timedelta64(3, "s"), np.timedelta64("NaT"), Fraction(10**400), 10**400]


@pytest.mark.parametrize("x", REAL, ids=repr)
def test_what_is_no_float_is_no_real_number(x: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: constant(x),
        lambda: CYCLE.stretched(x),
        lambda: cosine().bent(x),
        lambda: CYCLE.restarted(t_mult=x),
        lambda: CYCLE(x),
        lambda: cosine()(x),
        lambda: CYCLE.first_below(x, 10),
        lambda: lrs.knots((0, 1), (x, 1)),
    ]
    for call in calls:
        with pytest.raises(lrs.ScheduleError):
            call()


@pytest.mark.parametrize("values", [range(10**12), range(2**70), itertools.count()], ids=repr)
def test_endless_sequences_are_refused_before_they_are_read(values: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: lrs.table(values),
        lambda: lrs.multi_step(values),
        lambda: lrs.piecewise(values, (1.0,)),
        lambda: lrs.knots(values, (1.0,)),
        lambda: CYCLE.sampled(at=values),
    ]
    for call in calls[: 2 if isinstance(values, itertools.count) else None]:
        with pytest.raises(lrs.ScheduleError, match="at most 16777216 numbers"):
            call()


def test_growth_and_the_number_of_growing_cycles_have_limits_that_are_named() -> None:
    with pytest.raises(lrs.ScheduleError, match="t_mult must be at most 1000000, got 1e"):
        CYCLE.restarted(t_mult=1e308)
    with pytest.raises(lrs.ScheduleError, match="no more than 100000 cycles, the limit"):
        CYCLE.restarted(t_mult=1.0001)
    with pytest.raises(lrs.ScheduleError, match="times must be at most 100000, the limit of cycles"):
        CYCLE.restarted(10**6, t_mult=0.5)
    assert CYCLE.restarted(t_mult=10**6)(10**13) == pytest.approx((10**7 + 10) / 10**13)
