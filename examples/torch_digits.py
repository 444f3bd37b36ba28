"""Digits with PyTorch: a schedule for each part of a network, one schedule with five optimizers, a run that is killed.

Trains a small network on scikit-learn's digits.

1. One schedule, relative to each optimizer's own peak, with SGD, momentum, Adagrad, RMSprop and Adam, against the same
   peak held constant: one table.
2. Backbone and head with different schedules, momentum opposite to the head's rate. A process runs it, saving now and
   then, and is killed; another resumes from the file; the weights are those of a run that nobody touched, bit for bit.

    python examples/torch_digits.py --plot digits.png

Needs the extras ``torch`` and ``demo``.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

import lrsched as lrs
from lrsched_torch import Scheduler, param_groups

STEPS, BATCH = 400, 32
OPTIMIZERS: dict[str, tuple[float, Callable[..., Any]]] = {
    "SGD": (0.5, torch.optim.SGD),
    "momentum": (0.1, lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9)),
    "Adagrad": (0.05, torch.optim.Adagrad),
    "RMSprop": (0.005, torch.optim.RMSprop),
    "Adam": (0.01, torch.optim.Adam),
}


def schedules(steps: int) -> dict[str, Any]:
    """Rates by patterns of parameter names, and a momentum that is low where the head's rate is high."""
    shape = lrs.plan(steps, lrs.warmup(steps // 10), (None, lrs.cosine()))
    backbone = lrs.plan(steps, lrs.hold(steps // 10, 0.0), lrs.warmup(steps // 5), (None, lrs.cosine()))
    return {"lr": {"0.*": 0.05 * backbone, "2.*": 0.2 * shape}, "momentum": 0.95 - 0.15 * shape}


@functools.cache
def data() -> tuple[torch.Tensor, torch.Tensor]:
    """All digits in one fixed order: 1200 to train on, the rest to test."""
    x, y = load_digits(return_X_y=True)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return torch.tensor(x / 16.0, dtype=torch.float32)[order], torch.tensor(y)[order]


def network(seed: int = 0) -> torch.nn.Sequential:
    """A backbone (layer 0) and a head (layer 2)."""
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(64, 48), torch.nn.Tanh(), torch.nn.Linear(48, 10))


def train(model: Any, optimizer: Any, scheduler: Scheduler, stop: int, after: Callable[[float], None]) -> None:
    """Updates up to step ``stop``; the batch of a step depends on the step alone."""
    x, y = data()
    while scheduler.last_epoch < stop:
        generator = torch.Generator().manual_seed(scheduler.last_epoch)
        chosen = torch.randint(0, 1200, (BATCH,), generator=generator)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x[chosen]), y[chosen])
        loss.backward()
        optimizer.step()
        scheduler.step()
        after(loss.item())


@torch.no_grad()
def test_error(model: Any) -> float:
    """Share of the test digits that are misread."""
    x, y = data()
    return float((model(x[1200:]).argmax(-1) != y[1200:]).double().mean())


def compare(steps: int, seeds: int) -> Table:
    """The same schedule with five optimizers: mean test error over seeds of the weights."""
    shape = lrs.plan(steps, lrs.warmup(steps // 20), (None, lrs.cosine()))
    table = Table(
        title=f"One schedule, five optimizers: test error after {steps} updates, mean of {seeds}", box=box.SIMPLE_HEAD
    )
    for name in ("optimizer", "peak rate", "constant", "warm-up, cosine"):
        table.add_column(name, justify="left" if name == "optimizer" else "right")
    for name, (peak, make) in OPTIMIZERS.items():
        errors = [0.0, 0.0]
        for i, schedule in enumerate((lrs.constant(1.0), shape)):
            for seed in range(seeds):
                model = network(seed)
                optimizer = make(model.parameters(), lr=peak)
                scheduler = Scheduler(optimizer, lr=schedule, relative=True)
                train(model, optimizer, scheduler, steps, lambda loss: None)
                errors[i] += test_error(model) / seeds
        cells = [f"{100 * error:.1f} %" for error in errors]
        best = errors.index(min(errors))
        cells[best] = f"[bold]{cells[best]}[/bold]"
        table.add_row(name, f"{peak:g}", *cells)
    return table


def run(steps: int, folder: Path, killed_at: int | None) -> None:
    """Train backbone and head, from the checkpoint if there is one, and log what each update used."""
    model = network()
    groups = param_groups(model, **schedules(steps))
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9)
    scheduler = Scheduler(optimizer, **groups.schedules)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    checkpoint, log = folder / "run.pt", folder / "log.jsonl"
    if checkpoint.exists():
        for name, state in torch.load(checkpoint, weights_only=True).items():
            parts[name].load_state_dict(state)
    with log.open("a") as lines:

        def after(loss: float) -> None:
            step = scheduler.last_epoch - 1
            row = {name: values[-1] for name, values in scheduler.values_at(step).items()}
            row |= {"step": step, "loss": loss, "backbone": scheduler.lr_at(step)[0], "process": os.getpid()}
            lines.write(json.dumps(row) + "\n")
            lines.flush()
            if scheduler.last_epoch % (steps // 8) == 0:
                torch.save({name: part.state_dict() for name, part in parts.items()}, checkpoint)
            if scheduler.last_epoch == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)

        train(model, optimizer, scheduler, steps, after)
    weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
    result = {"weights": hashlib.sha256(weights).hexdigest()[:16], "error": test_error(model)}
    (folder / "result.json").write_text(json.dumps(result))


def start(steps: int, folder: Path, killed_at: int | None = None) -> int:
    """``run`` in a process of its own; its exit status."""
    folder.mkdir(exist_ok=True)
    options = [] if killed_at is None else ["--killed-at", str(killed_at)]
    command = [sys.executable, __file__, "--steps", str(steps), "--run", str(folder), *options]
    return subprocess.run(command, check=False).returncode


def resume(steps: int, folder: Path) -> tuple[Table, list[dict[str, Any]]]:
    """An untouched run beside one that is killed and resumed; what they came to, and the log of the second."""
    table = Table(title="Backbone and head by schedules of their own", box=box.SIMPLE_HEAD)
    for name in ("run", "test error", "weights"):
        table.add_column(name)
    killed_at = steps // 8 * 5 + steps // 12
    start(steps, folder / "untouched")
    status = start(steps, folder / "killed", killed_at)
    start(steps, folder / "killed")
    log = [json.loads(line) for line in (folder / "killed" / "log.jsonl").read_text().splitlines()]
    first = sum(row["process"] == log[0]["process"] for row in log)
    names = {"untouched": "untouched", "killed": f"killed after update {first} (status {status}), resumed"}
    for name, text in names.items():
        found = json.loads((folder / name / "result.json").read_text())
        table.add_row(text, f"{100 * found['error']:.1f} %", found["weights"])
    return table, log


def draw(log: list[dict[str, Any]], path: str) -> None:
    """Rates, momentum and loss of the run that was killed, each process in its own shade."""
    import matplotlib.pyplot as plt

    processes = list(dict.fromkeys(row["process"] for row in log))
    figure, axes = plt.subplots(3, 1, figsize=(8, 7), sharex=True, layout="constrained")
    curves = ((0, "lr", "head", "C0"), (0, "backbone", "backbone", "C1"), (1, "momentum", "momentum", "C2"))
    for process, width, alpha in zip(processes, (6, 1.5), (0.3, 1.0), strict=True):
        rows = [row for row in log if row["process"] == process]
        steps = [row["step"] for row in rows]
        for i, key, label, colour in curves:
            text = f"{label}, {'killed' if width > 2 else 'resumed'}"
            axes[i].plot(steps, [row[key] for row in rows], color=colour, lw=width, alpha=alpha, label=text)
        axes[2].plot(steps, [row["loss"] for row in rows], color="0.2", lw=width / 2, alpha=alpha)
    killed = max(row["step"] for row in log if row["process"] == processes[0])
    for axis in axes:
        axis.axvline(killed, color="C3", ls=":", label="killed")
    for axis, label in zip(axes, ("learning rate", "momentum", "loss"), strict=True):
        axis.set_ylabel(label)
        axis.spines[["top", "right"]].set_visible(False)
    axes[2].set(xlabel="update", yscale="log")
    for axis in axes[:2]:
        axis.legend(frameon=False)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print both tables, and draw the second run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=STEPS, help="updates of each run, at least 24")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each cell of the first table")
    parser.add_argument("--plot", help="where to draw the killed and resumed run, such as digits.png")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--killed-at", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.run:
        run(chosen.steps, Path(chosen.run), chosen.killed_at)
        return
    console = Console()
    console.print(compare(chosen.steps, chosen.seeds))
    with tempfile.TemporaryDirectory() as folder:
        table, log = resume(chosen.steps, Path(folder))
    console.print(table)
    if chosen.plot:
        draw(log, chosen.plot)
        console.print(f"drawn to {chosen.plot}")


if __name__ == "__main__":
    main()
