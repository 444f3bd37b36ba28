"""Schedules made of schedules: sequences, arithmetic, restarts, and changes of the clock.

A *part* is a schedule inside another one, of whatever kind; a *piece* is a part of a sequence. The files by what they
do: ``wrapper`` holds what all changes of one schedule share, ``sequence`` puts one behind the other, ``planning`` by
shares of a run; ``cycles``, ``shifting``, ``stretching`` and ``sampled`` change the clock, ``arithmetic`` the values. A
sequence is lowered by ``pieces`` (plain numbers) or ``traced_pieces`` (JAX values), both with ``shared_blends``, by
which pieces of several kinds become one formula.

The folder may import schedules, profiles, algebra and what is below them; its files never import in a circle. A new
combinator is a class in the file of its family: its fields, its duration, its formula and its edges. What else is
asked of it has defaults in ``Schedule``: ``cycles``, ``parts_in_time`` (for ``check``, and ``describe`` where it
``shows_parts``), ``varying``, ``goes_on``, ``_rescaled``. A method of ``Schedule`` makes it.
"""

# ruff: noqa: F401, I001 (kinds are registered in this order)

from typing import Any

from lrsched.algebra.registry import class_named
from lrsched.combinators.sequence import Sequence as Sequence
from lrsched.combinators.arithmetic import maximum, minimum
from lrsched.combinators.arithmetic import sum as sum
from lrsched.combinators import cycles, shifting, stretching, sampled
from lrsched.combinators.planning import plan

__all__ = ["maximum", "minimum", "plan"]


def __getattr__(name: str) -> Any:
    return class_named(__name__, name)
