"""Plain data: dictionaries, JSON, fingerprints, pickles, and the frozen files that pin the stored form.

The files under ``golden/`` are only ever read: a change that breaks one breaks what users have stored.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import pickle
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import lrsched as lrs
import strategies
from lrsched import cosine, warmup
from lrsched.algebra import fields, node, registry

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_frozen_files(path: Path) -> None:
    """Each file holds an expression's data, text, fingerprint and some values, as a former version wrote them."""
    frozen = json.loads(path.read_text())
    expression = lrs.from_dict(frozen["data"])
    assert expression.to_dict() == frozen["data"]
    assert lrs.parse(frozen["text"]) == expression
    assert expression.fingerprint() == frozen["fingerprint"]
    for t, value in frozen["values"]:
        assert expression(t) == pytest.approx(value, rel=1e-13, abs=1e-300), t


def test_every_kind_has_a_frozen_file() -> None:
    held = {path.stem for path in GOLDEN}
    assert set(registry.KINDS) <= held, "write its file once, with the values an independent formula gives"


@given(strategies.expressions())
def test_round_trips(expression: Any) -> None:
    data = expression.to_dict()
    assert (
        lrs.from_dict(data) == expression == lrs.from_json(expression.to_json()) == lrs.from_json(expression.to_json(2))
    )
    assert lrs.from_json(expression.to_json().encode()) == expression
    assert json.loads(expression.to_json()) == data and data["format"] == 1
    assert pickle.loads(pickle.dumps(expression)) == expression == copy.deepcopy(expression) == copy.copy(expression)
    assert lrs.from_dict(json.loads(json.dumps(data, sort_keys=True))) == expression


@given(strategies.expressions(depth=4), strategies.expressions(depth=4))
def test_fingerprints_tell_expressions_apart(a: Any, b: Any) -> None:
    assert (a.fingerprint() == b.fingerprint()) == (a == b)
    text = json.dumps(a.to_dict(), sort_keys=True, separators=(",", ":"))
    assert a.fingerprint() == hashlib.sha256(text.encode()).hexdigest()


def test_fingerprints_are_stable() -> None:
    expected = lrs.from_dict(cosine().over(10).to_dict()).fingerprint()
    program = "import lrsched; print(lrsched.cosine().over(10).fingerprint())"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == expected
    assert warmup(5).fingerprint() == warmup(5, start=0, end=1, profile=lrs.linear(), skip_zero=False).fingerprint()


def test_stored_data_name_every_field() -> None:
    for kind in registry.KINDS.values():
        data = strategies.Maker(random.Random(3)).one_of(kind, 3).to_dict()
        labels = {fields.field_of(kind, n).label or n for n in node.names_of(kind)}
        assert set(data) == labels | {"format", "kind"}


def test_defaults_may_be_left_out() -> None:
    assert lrs.from_dict({"format": 1, "kind": "warmup", "steps": 5}) == warmup(5)


REFUSED: list[tuple[Any, str]] = [
    ({}, "format"),
    ({"format": 2, "kind": "linear"}, "format must be 1"),
    ({"format": True, "kind": "linear"}, "format"),
    ({"format": "1", "kind": "linear"}, "format"),
    ({"format": 1}, "kind"),
    ({"format": 1, "kind": "lienar"}, "did you mean 'linear'"),
    ({"format": 1, "kind": ["linear"]}, "kind"),
    ({"format": 1, "kind": None}, "kind"),
    ({"format": 1, "kind": "linear", "power": 1}, "no field 'power'"),
    ({"format": 1, "kind": "warmup"}, "needs the field 'steps'"),
    ({"format": 1, "kind": "warmup", "steps": "5"}, "steps"),
    ({"format": 1, "kind": "warmup", "steps": 5.5}, "steps"),
    ({"format": 1, "kind": "warmup", "steps": True}, "steps"),
    ({"format": 1, "kind": "warmup", "steps": -1}, "got -1"),
    ({"format": 1, "kind": "warmup", "steps": None}, "steps"),
    ({"format": 1, "kind": "warmup", "steps": 5, "profile": 3}, "profile"),
    ({"format": 1, "kind": "warmup", "steps": 5, "profile": {"kind": "hold", "steps": 3}}, "profile"),
    ({"format": 1, "kind": "sequence", "parts": [{"kind": "hold", "steps": 3}, 3]}, "parts"),
    ({"format": 1, "kind": "sequence", "parts": []}, "parts"),
    ({"format": 1, "kind": "table", "values": "123"}, "values"),
    ({"format": 1, "kind": "table", "values": {"1": 2}}, "values"),
    ({"format": 1, "kind": "table", "values": [None]}, "values"),
    ({"format": 1, "kind": "constant", "value": math.inf}, "value"),
    ({"format": 1, "kind": "constant", "value": [1.0]}, "value"),
    ({"format": 1, "kind": "custom", "name": "never registered", "numbers": []}, "never registered"),
    ({"format": 1, "kind": "custom", "name": "tests_brief", "numbers": [["a"]]}, "numbers"),
    ({"format": 1, "kind": "custom", "name": "tests_brief", "numbers": 3}, "numbers"),
    ([], "mapping"),
    ("linear", "mapping"),
    (None, "mapping"),
]


@pytest.mark.parametrize(("data", "message"), REFUSED, ids=lambda x: repr(x)[:50])
def test_data_that_are_refused(data: Any, message: str) -> None:
    with pytest.raises(lrs.ScheduleError, match=message):
        lrs.from_dict(data)


@pytest.mark.parametrize("text", ["", "{", "null", "3", "[]", '{"format": 1, "kind": "constant", "value": NaN}',
                                  '{"format": 1, "kind": "constant", "value": 1e999}', "[" * 100_000, '"' + "a" * 10, b"\xff\xfe",
                                  '{"format": 1, "kind": "warmup", "steps": 1, "steps": 2, "x": 3}'])  # fmt: skip
def test_json_that_is_refused(text: Any) -> None:
    with pytest.raises(lrs.ScheduleError):
        lrs.from_json(text)


def test_nesting_is_bounded() -> None:
    data: Any = {"kind": "hold", "steps": 1, "value": 1.0}
    for _ in range(5000):
        data = {"kind": "power", "schedule": data, "power": 1.0}
    with pytest.raises(lrs.ScheduleError, match="deep"):
        lrs.from_dict({"format": 1, **data})
    expression: Any = lrs.hold(3)
    with pytest.raises(lrs.ScheduleError, match="deep"):
        for _ in range(1000):
            expression = expression.clipped(0, 1)
    assert lrs.parse(repr(expression)) == lrs.from_json(expression.to_json()) == expression
    assert expression(0) == 1.0 and expression(np.arange(2)).tolist() == [1, 1] and hash(expression)


def test_values_are_immutable_and_safe_to_share() -> None:
    schedule = warmup(5) >> cosine().over(100)
    for change in (
        lambda: setattr(schedule, "parts", ()),
        lambda: delattr(schedule, "parts"),
        lambda: setattr(schedule, "new", 1),
    ):
        with pytest.raises((AttributeError, TypeError)):
            change()
    fresh = [lrs.from_dict(schedule.to_dict()) for _ in range(8)]
    found: list[Any] = []
    threads = [threading.Thread(target=lambda s=s: found.append([s(t) for t in range(105)])) for s in fresh * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 32 and all(row == found[0] for row in found)
