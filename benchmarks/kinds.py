"""How each kind of row is timed or counted, and how its results are read for the check against exact values."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import cycle, repeat
from time import perf_counter
from typing import Any, Literal, Protocol

import numpy as np

__all__ = ["Calls", "Counts", "Instances", "Kind", "NewProcess", "Once", "Ranges", "Steps", "Values"]

INSTANCES = 5
Unit = Literal["s", "bytes", "instructions", "calls", ""]


class Kind(Protocol):
    """What a row needs to know of its kind.

    ``unit`` is that of a figure; ``once`` says that a repetition is a thing of its own (a process, a compilation).
    """

    @property
    def unit(self) -> Unit:
        """Of figures."""

    @property
    def once(self) -> bool:
        """Whether each repetition is measured by itself."""

    def loop(self, made: Any) -> Callable[[int], float]:
        """A function of a number of repetitions that does them and returns the seconds (or the count) of all."""

    def checked(self, made: Any, most: int | None = None) -> tuple[Sequence[int], Any] | None:
        """Some steps, at most so many, and the values found there; None if there are none to check."""


def _repeated(call: Callable[[], Any]) -> Callable[[int], float]:
    def loop(n: int) -> float:
        start = perf_counter()
        for _ in repeat(None, n):
            call()
        return perf_counter() - start

    return loop


def _in_turn(fresh: Callable[[], Callable[[], Any]]) -> Callable[[int], float]:
    """Slices of calls on several instances in turn: where a single one lies in memory is luck."""
    loops = cycle([_repeated(fresh()) for _ in range(INSTANCES)])

    def loop(n: int) -> float:
        return next(loops)(n)

    return loop


def _few(steps: tuple[int, ...], most: int | None) -> tuple[int, ...]:
    """Some of the steps, evenly spread."""
    return steps if most is None else steps[:: max(1, len(steps) // most)]


@dataclasses.dataclass(frozen=True)
class Values:
    """``made(t)`` for one step after another."""

    steps: tuple[int, ...]
    checks: tuple[int, ...]
    unit: Unit = "s"
    once: bool = False

    def loop(self, made: Any) -> Callable[[int], float]:
        """n calls, on the steps in turn."""
        steps = self.steps

        def loop(n: int) -> float:
            whole, rest = divmod(n, len(steps))
            last = steps[:rest]
            start = perf_counter()
            for _ in repeat(None, whole):
                for t in steps:
                    made(t)
            for t in last:
                made(t)
            return perf_counter() - start

        return loop

    def checked(self, made: Any, most: int | None = None) -> tuple[Sequence[int], Any]:
        """The values at the steps to check, in the type that the contender computes in."""
        steps = _few(self.checks, most)
        return steps, np.array([made(t) for t in steps])


@dataclasses.dataclass(frozen=True)
class Ranges:
    """``made(n)``: the first n values."""

    n: int
    checks: tuple[int, ...]
    unit: Unit = "s"
    once: bool = False

    def loop(self, made: Any) -> Callable[[int], float]:
        """Whole ranges."""
        return _repeated(lambda: made(self.n))

    def checked(self, made: Any, most: int | None = None) -> tuple[Sequence[int], Any]:
        """The values at the steps to check."""
        return self.checks, np.asarray(made(self.n))[list(self.checks)]


@dataclasses.dataclass(frozen=True)
class Steps:
    """A scheduler of an optimizer: ``made()`` is a fresh :class:`benchmarks.peers.Stepper`.

    Each is measured from ``begin`` updates on, so that the phase that a schedule begins with does not count, however
    many updates are measured.
    """

    check_until: int
    begin: int = 0
    unit: Unit = "s"
    once: bool = False

    def loop(self, made: Any) -> Callable[[int], float]:
        """One update after another, on several instances in turn."""

        def begun() -> Callable[[], Any]:
            advance: Callable[[], Any] = made().advance
            for _ in range(self.begin):
                advance()
            return advance

        return _in_turn(begun)

    def checked(self, made: Any, most: int | None = None) -> tuple[Sequence[int], Any]:
        """The rates that a fresh instance writes; every group must get the same."""
        fresh = made()
        steps, found = [], []
        for calls in range(self.check_until):
            if calls + fresh.shift >= 0:
                rates = fresh.rates()
                steps.append(calls + fresh.shift)
                found.append(rates[0] if min(rates) == max(rates) else float("nan"))
            fresh.advance()
        return steps, np.array(found, dtype=np.float64)


@dataclasses.dataclass(frozen=True)
class Calls:
    """``made()``, whatever it does."""

    unit: Unit = "s"
    once: bool = False

    def loop(self, made: Any) -> Callable[[int], float]:
        """Calls."""
        return _repeated(made)

    def checked(self, made: Any, most: int | None = None) -> None:
        """Nothing to check."""


@dataclasses.dataclass(frozen=True)
class Instances:
    """``made()`` is a fresh function, ready to be called: several of them take turns, as schedulers do."""

    unit: Unit = "s"
    once: bool = False

    def loop(self, made: Any) -> Callable[[int], float]:
        """Calls, each slice on another instance."""
        return _in_turn(made)

    def checked(self, made: Any, most: int | None = None) -> None:
        """Nothing to check."""


@dataclasses.dataclass(frozen=True)
class Once:
    """``made()`` does its work from nothing and returns the seconds that took; short work is done ``often``."""

    often: bool = False
    unit: Unit = "s"

    @property
    def once(self) -> bool:
        """Whether each repetition is measured by itself."""
        return not self.often

    def loop(self, made: Any) -> Callable[[int], float]:
        """One piece of work."""
        return lambda n: sum(made() for _ in range(n))

    def checked(self, made: Any, most: int | None = None) -> None:
        """Nothing to check."""


def caching() -> dict[str, str]:
    """The environment, with bytecode kept: what is compiled anew at each import is nobody's usual case."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclasses.dataclass(frozen=True)
class NewProcess:
    """``made`` is a program that prints seconds; each repetition is a new process, with its bytecode written before."""

    unit: Unit = "s"
    once: bool = True

    def loop(self, made: Any) -> Callable[[int], float]:
        """One process after another."""

        def run() -> float:
            command = [sys.executable, "-c", made]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=caching())
            return float(done.stdout.split()[-1])

        run()
        return lambda n: sum(run() for _ in range(n))

    def checked(self, made: Any, most: int | None = None) -> None:
        """Nothing to check."""


@dataclasses.dataclass(frozen=True)
class Counts:
    """``made()`` counts something that noise cannot change; it is asked once."""

    unit: Unit = "instructions"
    once: bool = True

    def loop(self, made: Any) -> Callable[[int], float]:
        """The count."""
        return lambda n: made()

    def checked(self, made: Any, most: int | None = None) -> None:
        """Nothing to check."""
