"""The example on digits runs, and its killed run ends with the weights of the untouched one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "torch_digits.py"


@pytest.mark.heavy
@pytest.mark.skipif(not EXAMPLE.exists(), reason="the examples are not part of the wheel")
def test_the_example_runs(tmp_path):
    for name in ("torch", "sklearn", "rich", "matplotlib"):
        pytest.importorskip(name)
    command = [sys.executable, EXAMPLE, "--steps", "64", "--seeds", "1", "--plot", tmp_path / "digits.png"]
    environment = {**os.environ, "MPLBACKEND": "Agg", "COLUMNS": "120"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"killed after update 45 \(status -9\), resumed", ran.stdout), ran.stdout
    weights = re.findall(r"\b[0-9a-f]{16}\b", ran.stdout)
    assert len(weights) == 2 and weights[0] == weights[1]
    assert all(name in ran.stdout for name in ("SGD", "momentum", "Adagrad", "RMSprop", "Adam"))
    assert (tmp_path / "digits.png").stat().st_size > 10_000
