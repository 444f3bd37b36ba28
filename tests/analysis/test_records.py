"""Records: values that print with their assumptions, pickle, compare, save, and are pytrees."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest

import lrsched as lrs
from lrsched.analysis import records
from lrsched.analysis.records import Result, record


@record
class Sample(Result):
    """A record as others are."""

    value: float
    values: np.ndarray
    peaks: tuple[float, float]
    steps: int
    schedule: lrs.Schedule

    assumes: ClassVar = ("the loss is convex", "word " * 30)

    def table(self):
        return [("what", "value"), ("value", records.number(self.value)), ("steps", str(self.steps))]

    @property
    def notes(self):
        return ("it is <small>",)


def made(**changes):
    fields = {"value": 0.5, "values": np.arange(3.0), "peaks": (1.0, 2.0), "steps": 3, "schedule": lrs.linear().over(3)}
    return Sample(**(fields | changes))


def test_a_record_prints_its_table_then_notes_and_assumptions():
    lines = str(made()).splitlines()
    assert lines[:8] == [
        "what    value",
        "value  0.5000",
        "steps       3",
        "",
        "note:",
        "  - it is <small>",
        "",
        "assumes:",
    ]
    assert all(len(line) <= records.WIDTH for line in lines) and lines[9:][1].startswith("    word")
    html = made()._repr_html_()
    assert "&lt;small&gt;" in html and "<small>" not in html and "assumes: the loss is convex" in html


def test_a_record_is_a_frozen_value():
    one = made()
    assert one == made() and hash(one) == hash(made()) and pickle.loads(pickle.dumps(one)) == one
    assert one == made(values=-np.arange(-0.0, -3.0, -1.0)) and hash(one) == hash(made(values=np.array([-0.0, 1, 2])))
    nans = made(value=float("nan"), values=np.array([np.nan]))
    assert nans == made(value=float("nan"), values=np.array([np.nan])) and nans != one
    for changes in ({"value": 1.0}, {"values": np.arange(4.0)}, {"peaks": (1.0, 3.0)}, {"steps": 4}):
        assert made(**changes) != one and hash(made(**changes)) != hash(one)
    assert one != 3
    with pytest.raises(AttributeError):
        one.value = 2.0


def test_a_record_is_plain_data_that_is_read_back():
    text = made().to_json()
    assert json.loads(text)["schedule"] == "linear().over(3)"
    back = records.read_record("f", text, {"Sample": Sample})
    assert (back.value, back.peaks, back.steps) == (0.5, (1.0, 2.0), 3)


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "no JSON"), ("[]", "kind is one of Sample"), ('{"kind": []}', "kind is one of Sample"),
     ('{"kind": "Other"}', "kind is one of Sample"), ('{"kind": "Sample", "value": 1}', "a Sample with value, values"),
     ("[" * 100_000, "no JSON")],
)  # fmt: skip
def test_other_data_are_refused(text, told):
    with pytest.raises(lrs.ScheduleError, match=told):
        records.read_record("f", text, {"Sample": Sample})


def test_a_record_is_a_pytree_whose_counts_are_structure():
    jax = pytest.importorskip("jax")
    leaves, tree = jax.tree.flatten(made())
    assert len(leaves) == 1 + 1 + 2 + 3 and jax.tree.unflatten(tree, leaves) == made()
    assert jax.tree.structure(made(steps=4)) != tree
    doubled = jax.jit(lambda s: jax.tree.map(lambda x: x * 2, s))(made())
    assert doubled.steps == 3 and float(doubled.value) == 1.0
    names = [str(path[0].name) for path, _ in jax.tree_util.tree_flatten_with_path(made())[0]]
    assert names[:3] == ["value", "values", "peaks"]
    for use in (str, hash, lambda s: s == made(), lambda s: s.to_json(), lambda s: s._repr_html_()):
        with pytest.raises(lrs.ScheduleError, match="this Sample holds JAX values"):
            use(doubled)
    assert repr(doubled) == "<Sample that holds JAX values>"
    assert jax.tree.unflatten(tree, [object()] * len(leaves)).steps == 3


def test_records_made_before_jax_is_imported_are_pytrees_too():
    pytest.importorskip("jax")
    code = (
        "import sys, lrsched as lrs; from lrsched.analysis.records import Result, record\n"
        "@record\nclass One(Result):\n    value: 'float'\n"
        "assert 'jax' not in sys.modules\nimport jax\nprint(jax.tree.leaves([One(2.0), lrs.constant(3.0)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[2.0, 3.0]\n", done.stderr
