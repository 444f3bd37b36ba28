"""Rates that follow what training reports: pure reducers ``(state, metric) -> state`` with a multiplier to read.

A reducer is an immutable value, its state a plain tuple of numbers. Nothing is hidden between calls, so a run resumes
from a saved state, several metrics are several states, and the same rule runs on floats and inside ``jax.jit``:

    lr = schedule(t) * plateau.scale(state)

``reducer`` is their common base, ``scalars`` the arithmetic that is the same on floats and on tracers, ``plateau``
and ``greedy`` the rules. The folder imports ``foundation`` alone: a rule multiplies a rate and knows no schedule. A new
rule is a file with one reducer, handed on here and named in the public list.
"""

from lrsched.feedback.greedy import Greedy, GreedyState
from lrsched.feedback.plateau import Plateau, PlateauState, agreed

__all__ = ["Greedy", "GreedyState", "Plateau", "PlateauState", "agreed"]
