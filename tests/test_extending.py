"""What docs/extending.md builds is whole: each kind of thing evaluates, prints, reads back and is stored as the library's own."""

from __future__ import annotations

import pickle
import re
import sys

import numpy as np
import pytest

import lrsched as lrs
import strategies
import test_docs
from test_docs import registries  # noqa: F401 (a fixture)

PAGE = test_docs.DOCS / "extending.md"
pytestmark = [
    pytest.mark.skipif(not PAGE.exists(), reason="the pages are not part of the wheel"),
    pytest.mark.usefixtures("registries"),
]
STEPS = np.arange(140)


@pytest.fixture
def page(monkeypatch, tmp_path):
    """The names that the page has defined."""
    test_docs.run(test_docs.whole(PAGE), "extending", monkeypatch, tmp_path)
    return sys.modules["docs_extending"]


def gauss(page):
    """A fall and a rise, so that both sides of the profile are read."""
    shape, falling = page.Gauss(2.0), [np.exp(-2.0 * min(t / 100, 1.0) ** 2) for t in STEPS]
    return 0.5 * shape.over(100, end=0.1) + lrs.warmup(100, profile=shape), [
        0.5 * (0.1 + 0.9 * p) + 1.0 - p for p in falling
    ]


def halving(page):
    return page.Halving(7).delayed(20), [1 / (1 + max(t - 20, 0) // 7) for t in STEPS]


def softened(page):
    inner = lrs.warmup(50) >> lrs.linear().over(60)
    values = [t / 50 if t < 50 else max(1 - (t - 50) / 60, 0.0) for t in STEPS]
    return page.Softened(inner, 0.25), [s / (1 + s / 0.25) for s in values]


def twice(page):
    falling = [(1 + np.cos(np.pi * min((t - 20) / 40, 1.0))) / 2 if t < 60 else 0.0 for t in STEPS]
    later = [(1 + np.cos(np.pi * min((t - 60) / 60, 1.0))) / 4 for t in STEPS]
    return page.twice(0.1, 120, 20), [0.1 * (t / 20 if t < 20 else falling[t] if t < 60 else later[t]) for t in STEPS]


MADE = pytest.mark.parametrize("made", [gauss, halving, softened, twice])


@MADE
def test_values_on_every_target(page, made):
    schedule, exact = made(page)
    close = {"rtol": 1e-13, "atol": 1e-16}
    np.testing.assert_allclose([schedule(int(t)) for t in STEPS], exact, **close)
    np.testing.assert_allclose(schedule(STEPS), exact, **close)
    np.testing.assert_allclose(schedule.sample(len(STEPS)), exact, **close)
    np.testing.assert_allclose(lrs.compile(schedule, "docs_numpy")(STEPS * 1.0), exact, **close)


@MADE
def test_values_under_jax_also_as_an_argument(page, made):
    jax = pytest.importorskip("jax")
    schedule, exact = made(page)
    np.testing.assert_allclose(jax.jit(schedule)(STEPS.astype(np.int32)), exact, rtol=2e-6, atol=1e-8)
    np.testing.assert_allclose(
        jax.jit(lambda s, t: s(t))(schedule, STEPS.astype(np.int32)), exact, rtol=2e-6, atol=1e-8
    )
    leaves, structure = jax.tree.flatten(schedule)
    assert len(leaves) >= 2 and jax.tree.unflatten(structure, leaves) == schedule


@MADE
def test_text_and_data_read_back(page, made):
    schedule, _ = made(page)
    assert lrs.parse(repr(schedule)) == schedule == lrs.from_json(schedule.to_json())
    assert pickle.loads(pickle.dumps(schedule)) == schedule and hash(lrs.parse(repr(schedule))) == hash(schedule)
    assert len(schedule.fingerprint()) == 64 and schedule != schedule * 2
    assert (
        lrs.parse(repr(schedule.restarted(times=2))) == schedule.restarted(times=2) if schedule.duration < 1e9 else True
    )


def test_wrong_fields_are_named(page):
    with pytest.raises(lrs.ScheduleError, match="docs_gauss: width must be a finite number > 0, got -1"):
        page.Gauss(-1)
    with pytest.raises(lrs.ScheduleError, match="docs_softened: schedule must be a Schedule, got 1"):
        page.Softened(1, 0.5)
    with pytest.raises(lrs.ScheduleError, match="docs_halving"):
        lrs.parse("docs_halvin(3)")


def test_the_target_gives_the_numbers_of_numpy(page):
    steps = np.arange(300.0)
    for seed in range(80):
        schedule = strategies.seeded(seed, "Schedule", 3)
        try:
            expected = lrs.compile(schedule, "numpy")(steps)
        except lrs.ScheduleError:  # past an end that is an error: the page's target says NaN
            continue
        with np.errstate(all="ignore"):
            found = np.broadcast_to(lrs.compile(schedule, "docs_numpy")(steps), steps.shape)
        np.testing.assert_array_equal(found, expected, repr(schedule))


def test_the_table_of_operations_names_each(page):
    text = PAGE.read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)", row)} == set(lrs.targets.OPERATIONS)


def test_the_page_uses_public_names_alone():
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        found = re.match(r"(?:from (lrsched[\w.]*) import|import (lrsched[\w.]*))", line)
        if found:
            public = {"lrsched", "lrsched.algebra", "lrsched.schedules"}
            assert (found[1] or found[2]) in public and not re.search(r"\b_\w", line), line


def test_a_combinator_of_ones_own_is_laid_out_again(page):
    soft = page.Softened(lrs.warmup(10) >> lrs.hold(10), 1.0)
    assert soft.rescaled(40) == page.Softened(lrs.warmup(20) >> lrs.hold(20), 1.0)
    assert (2.0 * soft >> lrs.hold(20)).rescaled(80).boundaries() == (20, 40)
