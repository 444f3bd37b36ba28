"""What a row of the benchmark declares: one piece of work, who does it, and what is to be reached."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from benchmarks.kinds import Kind

__all__ = ["Contender", "Missing", "Row", "Target", "hand", "ours", "peer"]

Role = Literal["hand", "ours", "peer"]
Exact = Callable[[int], Any]


class Missing(Exception):  # noqa: N818 - an answer, not an error
    """What a contender needs is not installed."""


@dataclasses.dataclass(frozen=True)
class Target:
    """The most that a figure may be: a ratio to the reference, or the row's own unit."""

    limit: float
    of: Literal["ratio", "value"] = "ratio"


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way to do the work of a row.

    Attributes:
        make: builds what is measured; raises :class:`Missing` or ImportError where something is not installed.
        exact: the exact values, where this contender's schedule is not the row's.
        single: its floats are float32 values.
        slow: checked at few steps, measured in few rounds if it takes longer than a slice, and not at all by
            ``--quick``.
        work: which of the row's kinds of work it does, where there are several: like is compared with like.
    """

    name: str
    role: Role
    make: Callable[[], Any]
    target: Target | None = None
    exact: Exact | None = None
    single: bool = False
    slow: bool = False
    work: str = ""


def hand(name: str, make: Callable[[], Any], **more: Any) -> Contender:
    """Hand-written code."""
    return Contender(name, "hand", make, **more)


def ours(
    name: str, make: Callable[[], Any], ratio: float | None = None, value: float | None = None, **more: Any
) -> Contender:
    """This library; ``ratio`` or ``value`` is the most to be reached."""
    target = Target(ratio) if ratio is not None else Target(value, "value") if value is not None else None
    return Contender(name, "ours", make, target, **more)


def peer(name: str, make: Callable[[], Any], **more: Any) -> Contender:
    """Another library."""
    return Contender(name, "peer", make, **more)


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        reference: the contender that ratios are to.
        exact: the true value of a step.
        patience: how many times as long as another row, and in as many times the rounds, this one is measured.
        threads: the work is spread over threads, so that being interrupted is a part of it.
    """

    name: str
    title: str
    kind: Kind
    contenders: tuple[Contender, ...]
    reference: str
    exact: Exact | None = None
    note: str = ""
    patience: float = 1.0
    threads: bool = False

    def __post_init__(self) -> None:
        names = [c.name for c in self.contenders]
        if len(set(names)) != len(names) or self.reference not in names:
            raise ValueError(f"{self.name}: contenders need different names, one of them the reference")
