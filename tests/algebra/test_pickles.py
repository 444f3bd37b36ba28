"""Pickles of the version in which modules lay elsewhere load, whatever they name."""

import base64
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import lrsched as lrs

FROZEN = dict(map(str.split, (Path(__file__).parents[1] / "golden" / "pickles.txt").read_text().splitlines()))
RUN = 3e-4 * (lrs.warmup(500) >> lrs.cosine().over(9500))
EXPECTED = {
    "warmup": lrs.warmup,
    "cosine": lrs.cosine,
    "Schedule": lrs.Schedule,
    "Profile": lrs.Profile,
    "plan": lrs.plan,
    "plot": lrs.plot,
    "identify": lrs.identify,
    "parse": lrs.parse,
    "a_schedule": lrs.warmup(5),
    "a_profile": lrs.cosine(),
    "run": RUN,
    "nested": {"a": [RUN]},
    "Plateau": lrs.Plateau(),
    "PlateauState": lrs.Plateau().init(),
    "Greedy": lrs.Greedy(),
    "class_product": type(2.0 * lrs.warmup(5)),
    "class_bent": type(lrs.cosine().bent(0.5)),
}


def loaded(name: str):
    return pickle.loads(base64.b64decode(FROZEN[name]))


@pytest.mark.parametrize("name", EXPECTED)
def test_values_classes_and_functions(name):
    assert loaded(name) == EXPECTED[name]


def test_what_was_made_of_them():
    assert loaded("partial")() == lrs.warmup(500)
    assert isinstance(loaded("ScheduleError"), lrs.ScheduleError) and "-5" in str(loaded("ScheduleError"))
    assert isinstance(loaded("ParseError"), lrs.ParseError)
    assert [f.name for f in loaded("findings")] == [f.name for f in RUN.check(10_000)]
    assert str(loaded("description")) == str(RUN.describe(100))
    assert loaded("identification").schedule(3) == 0.1
    assert set(FROZEN) == {
        *EXPECTED,
        "partial",
        "ScheduleError",
        "ParseError",
        "findings",
        "description",
        "identification",
    }


@pytest.mark.parametrize("name", ["ScheduleError", "findings", "run"])
def test_a_process_that_has_imported_nothing(name):
    code = f"import pickle, base64; print(type(pickle.loads(base64.b64decode({FROZEN[name]!r}))).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.strip() in ("ScheduleError", "tuple", "Product"), done.stderr
