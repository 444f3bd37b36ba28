"""Logs read back: the expression that made them, its error as measured, and tables for what no shape fits."""

from __future__ import annotations

import numpy as np
import pytest

import lrsched as lrs
from lrsched import (
    cosine,
    exponential,
    hold,
    inverse_sqrt,
    linear,
    multi_step,
    one_minus_power,
    polynomial,
    recipes,
    rex,
    warmup,
)

LR = 3e-4 * (warmup(500) >> cosine().over(9_500, end=0.1))

KNOWN = [
    (LR, 10_000),
    (3e-4 * (warmup(500) >> hold(6_500) >> one_minus_power().over(3_000)), 10_000),
    (0.1 * (hold(400) >> cosine().over(600)), 1_000),
    (0.1 * (warmup(100, skip_zero=True) >> cosine().over(900)), 1_000),
    (6e-4 * (hold(100) >> hold(50, 0.5) >> linear().over(80, start=0.5)), 230),
    (0.1 * rex().over(1_000), 1_000),
    (0.1 * polynomial(3.0).over(1_000, end=0.01), 1_000),
    (0.1 * exponential(3.0).over(1_000, end=0.02), 1_000),
    (0.1 * cosine().over(100, endpoint=True), 100),
    (0.1 * linear().over(100, endpoint=True), 100),
    (0.1 * multi_step([30, 60, 80]), 100),
    (0.1 * lrs.step_decay(30), 120),
    (0.1 * cosine().over(100).restarted(t_mult=2), 1_000),
    (0.1 * cosine().over(100).restarted(gamma=0.9), 600),
    (0.1 * (warmup(50) >> cosine().over(100).restarted(t_mult=2)), 750),
    (1e-3 * lrs.exponential_decay(0.999), 3_000),
    (1e-3 * lrs.inverse_time_decay(0.01), 500),
    (2e-3 * (warmup(10) >> inverse_sqrt(10)), 1_000),
    (2e-3 * (warmup(400) >> inverse_sqrt(400).advanced(400)), 4_000),
    (recipes.one_cycle(0.1, 1_000), 1_000),
    (lrs.constant(0.1), 50),
]


def measured(schedule, steps, rates):
    return np.max(np.abs(schedule(np.asarray(steps)) - rates)) / np.max(np.abs(rates))


@pytest.mark.parametrize(("schedule", "steps"), KNOWN, ids=lambda x: str(x)[:50])
def test_the_expression_that_made_a_log_comes_back(schedule, steps):
    found = lrs.identify(schedule.sample(steps))
    assert found.schedule == schedule
    assert found.recognised == 1.0 and found.fits and found.error < 1e-12


@pytest.mark.parametrize(("schedule", "steps"), KNOWN, ids=lambda x: str(x)[:50])
def test_rounding_to_single_precision_does_not_matter(schedule, steps):
    log = schedule.sample(steps).astype(np.float32)
    found = lrs.identify(log)
    assert found.recognised == 1.0 and found.error < 1e-6
    assert found.schedule == schedule or len(repr(found.schedule)) < len(repr(schedule)) + 20
    assert found.error == pytest.approx(measured(found.schedule, np.arange(steps), log.astype(float)), abs=1e-15)


def test_a_log_of_every_fiftieth_update_and_one_cut_short():
    steps = np.arange(0, 10_000, 50)
    assert lrs.identify(np.c_[steps, LR(steps)]).schedule == LR
    assert lrs.identify(LR.sample(6_000)).schedule == LR


def test_a_csv_of_steps_and_rates_with_six_digits(tmp_path):
    file = tmp_path / "rates.csv"
    rows = [f"{t},{LR(t):.6g}" for t in range(10_000)]
    file.write_text("step,lr\n" + "\n".join(rows) + "\n")
    found = lrs.identify(file, tolerance=1e-5)
    assert found.schedule == LR and 0 < found.error < 1e-5
    file.write_text("lr\n" + "\n".join(row.split(",")[1] for row in rows))
    assert lrs.identify(str(file), tolerance=1e-5).schedule == LR


def test_triangles_come_back_in_value():
    log = recipes.triangular(0.01, 0.1, 100).sample(1_000)
    found = lrs.identify(log)
    assert found.recognised == 1.0 and "restarted" in repr(found.schedule)
    assert np.allclose(found.schedule.sample(1_000), log, rtol=1e-12)


def test_a_foreign_log_is_read_too():
    t = np.arange(1_000)
    log = 0.05 * (1 + np.cos(np.pi * t / 1_000))
    assert lrs.identify(log).schedule == 0.1 * cosine().over(1_000)


@pytest.mark.parametrize("digits", [3, 4, 5])
def test_a_log_of_few_digits_is_read_as_well_as_these_allow(digits):
    lr = 3e-4 * (warmup(50) >> cosine().over(450))
    log = [float(f"{x:.{digits}g}") for x in lr.sample(500)]
    found = lrs.identify(log)
    assert found.schedule == lr and found.fits
    assert found.error == pytest.approx(measured(lr, np.arange(500), np.array(log)))
    assert 1e-6 < found.error < 10.0 ** (1 - digits)
    assert not lrs.identify(log, tolerance=1e-6).fits


def test_levels_of_few_digits_are_exact():
    log = np.repeat([0.1, 0.05, 0.01, 0.003], [137, 211, 89, 63])
    found = lrs.identify(log)
    assert found.error < 1e-12 and found.fits and "restarted" not in repr(found.schedule)


def test_a_rate_that_changes_once_an_epoch_counts_epochs():
    lr = (0.05 * cosine().over(50)).per_epoch(20)
    found = lrs.identify(lr.sample(1_000))
    assert found.schedule == lr and found.fits


def test_a_log_that_begins_later_is_read_from_there():
    log = np.c_[np.arange(1, 501), (0.1 * cosine().over(500)).sample(500)]
    found = lrs.identify(log)
    assert found.schedule == 0.1 * cosine().over(500).delayed(1) and found.error < 1e-12
    cut = lrs.identify(np.c_[np.arange(1_000, 2_000), LR.sample(1_000, 2_000)])
    assert not cut.fits and cut.recognised < 0.1 and cut.error < 1e-6


@pytest.mark.parametrize("log", [[0.1, 0.05], [0.1, 0.05, 0.025], [3, 1, 2, 5, 4, 7], [0.1, 0.09, 0.07, 0.02]])
def test_a_few_numbers_prove_nothing(log):
    found = lrs.identify(log)
    assert found.recognised == 0.0 and not found.fits
    assert np.allclose(found.schedule.sample(len(log)), log, rtol=1e-6)


@pytest.mark.parametrize("digits", [4, 6, 17])
@pytest.mark.parametrize(
    "decay", [cosine().over(1_863, end=0.1), linear().over(1_863), hold(1_000) >> linear().over(863)]
)
def test_a_joint_between_two_logged_steps_is_found(decay, digits):
    lr, steps = 3e-4 * (warmup(137) >> decay), np.arange(0, 2_000, 10)
    log = [float(f"{x:.{digits}g}") for x in lr(steps)]
    assert lrs.identify(np.c_[steps, log]).schedule == lr


def test_columns_are_found_by_their_names(tmp_path):
    file = tmp_path / "events.csv"
    rows = [f"{1.5 * t},{t},{LR(t)!r}" for t in range(0, 10_000, 20)]
    file.write_text("\ufeffWall time,Step,Value\n" + "\n".join(rows))
    assert lrs.identify(file).schedule == LR
    file.write_text(
        '"Step","run - loss","run - lr","run - lr__MIN"\n1,2.0,,\n'
        + "\n".join(f"{t},1.0,{LR(t)!r}," for t in range(10_000))
    )
    assert lrs.identify(file).schedule == LR
    file.write_text("a,b,c\n1,2,3\n")
    with pytest.raises(lrs.ScheduleError, match="needs a column of steps and one of rates, got a, b, c"):
        lrs.identify(file)


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_given_a_name(seed):
    rng = np.random.default_rng(seed)
    found = lrs.identify(rng.random(300))
    assert found.recognised < 0.2 and not found.fits
    assert found.error == pytest.approx(
        measured(found.schedule, np.arange(300), np.random.default_rng(seed).random(300))
    )


def test_a_shape_with_noise_on_a_part_is_recognised_in_part():
    log = np.concatenate([0.1 * linear().over(500).sample(500), np.random.default_rng(1).random(100) * 0.1])
    found = lrs.identify(log)
    assert 0.5 < found.recognised < 0.95 and found.error < 1e-6


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.1], "identify: values must be at least 2 rates, got 1"),
        ([0.1, float("nan")], "identify: values[1] must be finite, got nan"),
        ([[3, 0.1], [3, 0.2]], "identify: the steps must be integers >= 0 in increasing order"),
        (np.zeros((3, 3)), "identify: values must be of shape (n,), or (n, 2)"),
        ("nowhere.csv", "identify: nowhere.csv: no such file"),
        ([["a"]], "identify: values must be numbers"),
    ],
)
def test_wrong_logs_are_named(values, said):
    with pytest.raises(lrs.ScheduleError) as error:
        lrs.identify(values)
    assert str(error.value).startswith(said)
