"""Schedules made of schedules: sequences, arithmetic, restarts, and changes of the clock."""

from lrsched.combinators import cycles, sampled, sequence, shifting, stretching  # noqa: F401 (every kind is known)
from lrsched.combinators.arithmetic import maximum, minimum
from lrsched.combinators.arithmetic import sum as sum
from lrsched.combinators.planning import plan

__all__ = ["maximum", "minimum", "plan"]
