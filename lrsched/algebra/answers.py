"""What holds of a schedule where it holds of one inside."""

from __future__ import annotations

from typing import Any

from lrsched.algebra.registry import ON_NEW_KIND

__all__ = ["ANSWERS", "answer_inside"]

ANSWERS = ("goes_on", "endless_edges", "stretches")


def answer_inside(name: str) -> property:
    """Whether it holds of a schedule inside."""
    return property(lambda self: any(getattr(inner, name) for inner in self._inside()))


def _settle(made: Any) -> None:
    """A kind with nothing inside answers no, without being asked for it."""
    if all(field.base != "Schedule" for field in made._declared.values()):
        for name in ANSWERS:
            if isinstance(getattr(made, name, None), property):
                setattr(made, name, False)


ON_NEW_KIND.append(_settle)
