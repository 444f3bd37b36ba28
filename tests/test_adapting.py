"""What adapters take as a schedule: the same in all of them."""

from __future__ import annotations

from typing import Any

import pytest

import lrsched as lrs
from lrsched.adapting import given_schedule

RATE = 0.1 * (lrs.warmup(4) >> lrs.cosine().over(8))


@pytest.mark.parametrize("given", [RATE, repr(RATE), RATE.to_dict(), f"  {RATE!r}  # as in a file"])
def test_a_schedule_its_text_and_its_data_are_one(given: Any) -> None:
    assert given_schedule("Scheduler", "lr", given) == RATE


@pytest.mark.parametrize("given", [3e-4, "3e-4", "0.3 / 1k"])
def test_a_number_and_its_text_are_that_constant(given: Any) -> None:
    assert given_schedule("Scheduler", "lr", given) == lrs.constant(3e-4)


def test_names_in_a_text_are_numbers() -> None:
    assert given_schedule("f", "lr", "warmup(2 * epoch)", {"epoch": 3}) == lrs.warmup(6)


@pytest.mark.parametrize(
    ("given", "names", "message"),
    [
        ("0.1 * warmpu(4)", None, "f: lr: unknown name 'warmpu'.*warmup.*\n  0.1 .*\n        \\^"),
        ("warmup(total)", None, "f: lr: unknown name 'total'"),
        ("warmup(4)", {"total": 4}, "f: lr must be a text that uses total, got 'warmup"),
        (RATE, {"total": 4}, "f: lr must be a text that uses the names given .total."),
        ("warmup(warmup)", {"warmup": 4}, "f: lr: the name of a number must be"),
        ("cosine()", None, r"f: lr must be a schedule \(profile.over\(steps\) makes one\), got cosine"),
        (lrs.cosine(), None, r"f: lr must be a schedule \(profile.over\(steps\) makes one\), got cosine"),
        ({"kind": "x"}, None, "f: lr: from_dict: kind must be a known kind, got 'x'"),
        ({"lr": 1}, None, "f: lr must be a schedule, a number or a text, got {'lr': 1}"),
        (True, None, "f: lr must be a schedule, a number or a text, got True"),
        (float("inf"), None, "f: lr must be a finite number, got inf"),
    ],
)
def test_anything_else_names_the_argument(given: Any, names: Any, message: str) -> None:
    with pytest.raises(lrs.ScheduleError, match=message):
        given_schedule("f", "lr", given, names)
