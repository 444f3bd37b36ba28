"""The example on digits, in short."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("keras")
pytest.importorskip("sklearn")
FILE = Path(__file__).resolve().parent.parent.parent / "examples" / "keras_digits.py"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the examples are not part of the wheel")


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("keras_digits", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_ensemble_beats_its_last_member_on_noisy_labels(example):
    last, together = example.ensemble(epochs=9, cycles=3, seeds=1)
    assert together < last - 0.01


@pytest.mark.heavy
def test_the_plateau_cuts_and_the_warm_up_rises(example):
    rates = example.plateau(8)
    assert max(rates) == pytest.approx(0.5) and rates[0] < 0.3


@pytest.mark.heavy
def test_the_range_test_finds_a_rate_for_a_cycle_that_trains(example):
    cycle, _ = example.one_cycle(example.suggested(), epochs=3, seeds=1)
    assert cycle < 0.15
