"""Clamps of sides of conditions, for targets that compute both sides: left out where nothing can come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from lrsched.ir.term import Builder, Term
from lrsched.targets.clamp_elimination import unclamped

LIMIT = 2**31 - 1


def builder() -> Builder:
    return Builder(branching=False, limit=LIMIT, weighed=True)


def below(root: Term) -> Iterator[Term]:
    yield root
    for part in root.args:
        if isinstance(part, Term):
            yield from below(part)


def sides(before: Callable[[Term], Any], after: Callable[[Term], Any] | None = None) -> Term:
    """``before`` on the steps below 100, else ``after``, each on a clock marked as clamped."""
    b = builder()
    t = b.step()
    early = b.lt(t, 100)
    first = b.narrow(t, hi=b.lift(99), on=(early, True))
    second = b.narrow(t, lo=b.lift(100), on=(early, False))
    return b.where(early, before(first), 0.0 if after is None else after(second))


def clamps(root: Term) -> int:
    """How many clamps are left, once those that are not needed are gone."""
    found = list(below(unclamped(root)))
    assert not any(term.op == "clamp" for term in found)
    return len({term.num for term in found if term.op in ("minimum", "maximum")})


TABLE = np.array([3.0, 2.0, 5.0])


@pytest.mark.parametrize(
    "formula",
    [
        lambda t: t.b.div(t, 100.0),
        lambda t: t.b.sin(t.b.floats(99 - t) * 0.01) * 0.5,
        lambda t: t.b.exp(t.b.neg(t.b.floats(t))),
        lambda t: t.b.floats(t.b.mod(t, 7)),
        lambda t: t.b.gather(TABLE, t.b.search(np.array([20, 50]), t)),
        lambda t: t.b.where(t.b.lt(t, 50), 1.0, 2.0),
    ],
)
def test_a_clamp_is_left_out_where_nothing_can_come_of_it(formula: Callable[[Term], Term]) -> None:
    assert clamps(sides(formula)) == 0


@pytest.mark.parametrize(
    "formula",
    [
        lambda t: t.b.sqrt(t.b.floats(99 - t)),
        lambda t: t.b.pow(t.b.div(99 - t, 99.0), 0.9),
        lambda t: t.b.log(t.b.floats(100 - t)),
        lambda t: t.b.exp(t.b.floats(t)),
        lambda t: t.b.div(1.0, t.b.floats(100 - t)),
        lambda t: t.b.gather(np.arange(100.0), t),
        lambda t: t.b.gather(TABLE, t.b.mod(99 - t, 3)),
        lambda t: t.b.mul(t.b.floats(t), 1e25),
    ],
)
def test_a_clamp_stays_where_something_could_go_wrong(formula: Callable[[Term], Term]) -> None:
    assert clamps(sides(formula)) == 1


def test_a_clamp_stays_outside_of_its_own_side() -> None:
    b = builder()
    t = b.step()
    early, late = b.lt(t, 100), b.lt(t, 200)
    inner = b.floats(b.narrow(t, hi=b.lift(99), on=(early, True)))
    assert clamps(b.where(early, inner, 0.0)) == 0
    assert clamps(b.where(early, 0.0, inner)) == clamps(b.where(late, inner, 0.0)) == clamps(inner) == 1
    assert clamps(b.add(b.where(early, inner, 0.0), inner)) == 1


def test_of_clamps_inside_each_other_both_stay() -> None:
    b = builder()
    t = b.step()
    first = b.lt(t, 100)
    outer = b.narrow(t, lo=b.lift(100), on=(first, False))
    second = b.lt(outer, 200)
    inner = b.narrow(outer, lo=b.lift(200), on=(second, False))
    root = b.where(first, 1.0, b.where(second, b.floats(outer), b.log(b.floats(inner - 199))))
    assert clamps(root) == 2
    assert {term.args[1].value for term in below(unclamped(root)) if term.op == "maximum"} == {100, 200}


def test_both_sides_and_what_they_give() -> None:
    root = sides(lambda t: t.b.floats(t) * 0.5, lambda t: t.b.sqrt(t.b.floats(t - 100)))
    assert clamps(root) == 1


def test_a_kept_clamp_bounds_what_is_really_there() -> None:
    """The range that its argument says to have holds only with the clamp inside that argument."""
    b = builder()
    t = b.step()
    first = b.lt(t, 100)
    early = b.narrow(t, hi=b.lift(99), on=(first, True))
    shifted = b.sub(99, early)
    second = b.lt(shifted, 50)
    inside = b.narrow(shifted, hi=b.lift(49), on=(second, True))
    root = unclamped(b.where(first, b.where(second, b.gather(np.arange(50.0), inside), 1.0), 2.0))
    index = next(term for term in below(root) if term.op == "gather").args[1]
    assert index.op == "minimum" and index.args[1].value == 49
    assert index.args[0].op == "sub" and index.args[0].args[1].op == "minimum"
    assert index.args[0].args[1].args[1].value == 99
