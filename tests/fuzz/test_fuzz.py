"""Ten thousand bad inputs, a hundred thousand with THOROUGH=1: each is read or is a clear error, and is soon done with.

Errors are this library's own: one line of bounded length, but for the caret of a text. What is read is sound: it gives
values, has a text, and both its text and its data read back.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from fuzz import inputs

BLOCKS = 20
EACH = 1_250 if os.environ.get("THOROUGH") else 125
LONGEST = 2_000  # characters of a message
PATIENCE = 60  # seconds after which an input counts as one that never ends


@contextmanager
def ends(what: str) -> Iterator[None]:
    """An error where something does not end, on systems that can tell."""

    def stop(*_: Any) -> None:
        raise AssertionError(f"this does not end: {what[:500]}")

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def shown(value: Any) -> str:
    try:
        return repr(value)
    except RecursionError:
        return f"{type(value).__name__} that holds itself"


def attempt(make: Callable[[], Any], given: Any) -> Any:
    """What is made of an input; None where it is refused."""
    with ends(shown(given)), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return make()
        except lrs.ScheduleError as error:
            assert 0 < len(str(error)) < LONGEST, shown(given)
            assert str(error).isprintable() or "\n" in str(error), shown(given)
            return None
        except Exception as error:
            raise AssertionError(f"{shown(given)[:2000]}: {type(error).__name__}: {error}") from error


def is_sound(found: Any) -> None:
    """Values at some steps, alone and together, a text and data that read back, and readings that end."""
    with ends(shown(found)):
        if isinstance(found, lrs.Profile):
            assert isinstance(found(0.3), float)
        else:
            try:
                some = [found(t) for t in (0, 1, 7, 1_000)]
                with np.errstate(all="ignore"):
                    finite = np.isfinite(some)  # infinity has the sign of a zero
                    together = found(np.array([0, 1, 7, 1_000]))
                    np.testing.assert_allclose(together[finite], np.array(some)[finite], rtol=1e-9, atol=1e-300)
                    found.sample(50)
                assert found.duration >= 0 and isinstance(found.check(100), tuple)
            except lrs.ScheduleError as error:
                assert 0 < len(str(error)) < LONGEST
        assert lrs.parse(repr(found)) == found and lrs.from_json(found.to_json()) == found


def read_or_refused(seed: int, draw: Callable[[random.Random], Any], make: Callable[[Any], Any]) -> None:
    """Many inputs, each made into something sound or refused."""
    rnd = random.Random(seed)
    for _ in range(EACH):
        given = draw(rnd)
        found = attempt(lambda given=given: make(given), given)
        if found is not None:
            is_sound(found)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_texts(block: int) -> None:
    read_or_refused(block, inputs.texts, lrs.parse)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_data(block: int) -> None:
    read_or_refused(100 + block, inputs.data, lrs.from_dict)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_arguments(block: int) -> None:
    read_or_refused(200 + block, inputs.arguments, lambda given: given[0](*given[1]))


RULES: list[Any] = [
    lrs.Plateau(factor=0.5, patience=2),
    lrs.Plateau(dialect="keras"),
    lrs.Plateau(cooldown=3, dialect="optax"),
    lrs.Greedy(),
]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_states(block: int) -> None:
    """A rule and what it remembers: read whole and used, or refused; what was given is as it was."""
    rnd = random.Random(300 + block)
    for _ in range(EACH):
        rule = rnd.choice(RULES)
        state = rule.init()
        for _ in range(rnd.randrange(6)):
            state = rule.update(state, rnd.random())
        plain = [x.item() if isinstance(x, np.generic) else x for x in state]
        data = inputs.changed(rnd, plain)
        before = shown(data)
        found = attempt(lambda rule=rule, data=data: rule.update(data, 0.5), data)
        assert shown(data) == before
        if found is not None:
            assert 0.0 <= float(rule.scale(found)) <= (1.0 if isinstance(rule, lrs.Plateau) else math.inf)
        settings = inputs.changed(rnd, json.loads(json.dumps(rule.to_dict())))
        attempt(lambda rule=rule, settings=settings: type(rule).from_dict(settings), settings)
