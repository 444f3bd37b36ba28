"""Where the time goes: importing, building, compiling, first calls."""

from __future__ import annotations

import cProfile
import dataclasses
import pstats
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lrsched as lrs
from benchmarks.kinds import caching
from benchmarks.rows.cold import MADE

__all__ = ["Section", "imported", "sections", "spent"]

REPEATS = 40
LEAST = 0.02  # share of a stage below which a module is not named


@dataclasses.dataclass(frozen=True)
class Section:
    """A table of the report that is no comparison."""

    title: str
    note: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def sections() -> tuple[Section, ...]:
    """All of them."""
    return _of_import(), _of_stages()


# ---- import


def imported(text: str) -> dict[str, int]:
    """Microseconds that each module took by itself, from what ``python -X importtime`` writes."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        name = rest.rpartition("|")[2].strip()
        if line.startswith("import time:") and own.strip().isdigit():
            found[name] = found.get(name, 0) + int(own)
    return found


def _of_import() -> Section:
    # what an interpreter imports when it starts is none of the library's
    before = imported(_importing("pass"))
    found = {
        name: own for name, own in imported(_importing("import lrsched; lrsched.warmup")).items() if name not in before
    }
    owners: dict[str, int] = defaultdict(int)
    for name, own in found.items():
        owners[_owner(name)] += own
    total = sum(owners.values()) or 1
    lines = [(f"all of {owner}", _ms(own), f"{own / total:.0%}") for owner, own in sorted(owners.items())]
    largest = sorted(((own, name) for name, own in found.items() if _owner(name) != "numpy"), reverse=True)[:12]
    lines += [(f"`{name}`", _ms(own), f"{own / total:.0%}") for own, name in largest]
    note = (
        "Nothing is loaded before a name is used. One process under `-X importtime`, each module by itself; "
        "the modules are the largest outside NumPy."
    )
    return Section("`import lrsched` and the first name", note, ("module", "time", "share"), tuple(lines))


def _importing(program: str) -> str:
    command = [sys.executable, "-X", "importtime", "-c", program]
    for _ in range(2):  # the first writes what bytecode is missing
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=caching())
    return done.stderr


def _owner(name: str) -> str:
    top = name.partition(".")[0]
    return top if top in ("numpy", "lrsched") else "the standard library"


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:.1f} ms"


# ---- building, compiling, first calls


def spent(work: Callable[[Any], Any], inputs: list[Any]) -> dict[str, float]:
    """The share of time that each module of the library, and all else, takes by itself."""
    profile = cProfile.Profile()
    profile.enable()
    for each in inputs:
        work(each)
    profile.disable()
    stats: Mapping[tuple[str, int, str], tuple[int, int, float, float, Any]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    found: dict[str, float] = defaultdict(float)
    for (file, _, function), (_, _, own, _, _) in stats.items():
        found[_place(file, function)] += own
    total = sum(found.values()) or 1.0
    return {name: own / total for name, own in found.items()}


def _place(file: str, function: str) -> str:
    path = Path(file)
    if "lrsched" in path.parts:
        return "lrsched." + ".".join(path.with_suffix("").parts[path.parts.index("lrsched") + 1 :])
    if file == "~":
        return "Python's `compile` and `exec`" if "compile" in function or "exec" in function else "built-in functions"
    if file.startswith("<") and not file.startswith("<frozen"):
        return "generated code"
    return "the standard library and NumPy"


def _of_stages() -> Section:
    numbers = [1.0 + 1e-6 * i for i in range(1, REPEATS + 1)]
    several = [(make, x) for make in MADE.values() for x in numbers]
    stages: dict[str, tuple[Callable[[Any], Any], Callable[[], list[Any]]]] = {
        "building": (lambda each: each[0](each[1]), lambda: several),
        'compile(s, "python")': (lambda s: lrs.compile(s, "python"), lambda: [make(x) for make, x in several]),
        'compile(s, "numpy")': (lambda s: lrs.compile(s, "numpy"), lambda: [make(x) for make, x in several]),
        "first call": (lambda s: s(600), lambda: [make(x) for make, x in several]),
    }
    found = {stage: spent(work, inputs()) for stage, (work, inputs) in stages.items()}
    names = sorted({n for shares in found.values() for n, share in shares.items() if share >= LEAST})
    names.sort(key=lambda n: -found["first call"].get(n, 0.0))
    lines = tuple(
        (f"`{n}`" if n.startswith("lrsched.") else n, *(f"{shares.get(n, 0.0):.0%}" for shares in found.values()))
        for n in names
    )
    note = f"Shares of each stage by module, under `cProfile`: {REPEATS} each of {', '.join(MADE)}."
    return Section("Building, compiling, first call", note, ("module", *found), lines)
