"""Public runs of language models: their rates, and their losses from the folder that LRSCHED_RUNS names."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

WARMUP, PEAK, FLOOR = 2160, 3e-4, 3e-5
FITTED_ON = ("cosine_24000", "constant_24000", "wsdcon_9")
FOLDER = os.environ.get("LRSCHED_RUNS")
needs_runs = pytest.mark.skipif(
    not FOLDER or not (Path(FOLDER) / "llama124m_runs.csv").exists(),
    reason="LRSCHED_RUNS names no folder of public runs",
)


def curve_rates(name: str) -> np.ndarray:
    """The rates of a loss curve of the multi-power law's benchmark."""
    kind, _, number = name.partition("_")
    rise = np.linspace(0, PEAK, WARMUP)
    if kind == "wsdcon":
        return np.r_[rise, np.full(8000 - WARMUP, PEAK), np.full(8000, int(number) * 1e-5)]
    if kind in ("wsd", "wsdld"):
        u = np.arange(4000) / 4000
        tail = PEAK ** (1 - u) * FLOOR**u if kind == "wsd" else PEAK * (1 - u) + FLOOR * u
        return np.r_[rise, np.full(20_000 - WARMUP, PEAK), tail]
    steps = int(number)
    u = np.arange(steps - WARMUP) / (steps - WARMUP)
    return np.r_[
        rise, np.full(len(u), PEAK) if kind == "constant" else FLOOR + (PEAK - FLOOR) / 2 * (1 + np.cos(np.pi * u))
    ]


def curves(size: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Numbers of updates and losses of every curve of a size."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in _rows(f"mpl_{size}.csv"):
        found.setdefault(row["curve"], []).append((int(row["step"]) + 1, float(row["loss"])))
    return {name: (np.array([t for t, _ in pairs]), np.array([y for _, y in pairs])) for name, pairs in found.items()}


def _rows(name: str) -> list[dict[str, str]]:
    with (Path(FOLDER or ".") / name).open() as file:
        return list(csv.DictReader(file))


def final_runs() -> list[dict[str, str]]:
    """The finished runs of 124M parameters with a cooldown, at peaks from 5e-4 on, that did not diverge."""
    rows = _rows("llama124m_runs.csv")
    return [r for r in rows if float(r["loss"]) < 3.4 and float(r["lr"]) >= 5e-4 and r["share"] != "0.0"]


def run_rates(row: dict[str, str]) -> np.ndarray:
    """The rates of a finished run."""
    peak, steps, warmup = float(row["lr"]), int(row["steps"]), int(row["warmup"])
    t = np.arange(steps)
    rates = 0.01 + 0.99 * np.minimum(t / warmup, 1)
    if row["scheduler"] == "wsd":
        begin = steps - int(float(row["share"]) * steps)
        x = np.clip((t - begin) / (steps - begin), 0, 1)
        return peak * rates * (1 - (x if row["decay"] == "linear" else np.sqrt(x)))
    last = 0.1 if row["final_lr"] == "-1" else float(row["final_lr"]) / peak
    u = (t - warmup) / (steps - warmup)
    return peak * np.where(t < warmup, rates, last + (1 - last) * (1 + np.cos(np.pi * u)) / 2)


def cells(rows: list[dict[str, str]]) -> dict[tuple[str, ...], list[dict[str, str]]]:
    """Runs of one shape and horizon, by peak."""
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        last = row["final_lr"] if row["scheduler"] == "cos" else ""
        found.setdefault((row["steps"], row["scheduler"], row["decay"], row["share"], last), []).append(row)
    return {key: sorted(runs, key=lambda r: float(r["lr"])) for key, runs in found.items()}


def spearman(a: object, b: object) -> float:
    """The correlation of ranks."""
    ranks = [np.argsort(np.argsort(values)) for values in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])
