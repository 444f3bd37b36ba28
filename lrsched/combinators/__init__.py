"""Schedules made of schedules: sequences, arithmetic, restarts, and changes of the clock.

A *part* is a schedule inside another one, of whatever kind; a *piece* is a part of a sequence. The files by what they
do: ``rescaling`` lays a schedule out over another length, ``wrapper`` holds what all changes of one schedule share,
``sequence`` puts one behind the other, ``planning`` by shares of a run; ``cycles``, ``shifting``, ``stretching`` and
``sampled`` change the clock, ``arithmetic`` the values. A sequence is lowered by ``pieces`` (plain numbers) or
``traced_pieces`` (JAX values), both with ``shared_blends``, by which pieces of several kinds become one formula.

These files import each other in this order alone, and what is below them: schedules, profiles, algebra, ir. A new
combinator is a class in the file of its family: its fields, its duration, its formula and its edges. What else is
asked of it has defaults in ``Schedule``: ``cycles``, ``parts_in_time`` (for ``check``, and ``describe`` where it
``shows_parts``), ``varying``, ``goes_on``, ``_rescaled``. A method of ``Schedule`` makes it.
"""

# ruff: noqa: F401, I001 (what other code knows by the names of this package; kinds are registered in this order)

from lrsched.combinators.sequence import Sequence, sequence
from lrsched.combinators.arithmetic import (
    Clipped,
    Maximum,
    Minimum,
    Negative,
    Perturbed,
    Power,
    Product,
    Quotient,
    Raised,
    Sum,
    joined,
    maximum,
    minimum,
    negated,
    sum,
)
from lrsched.combinators.cycles import Mirrored, Restarted, Reversed
from lrsched.combinators.shifting import Advanced, After, Delayed, Lasting
from lrsched.combinators.stretching import Extended, Stretched
from lrsched.combinators.sampled import PerEpoch, SampledAt, SampledEvery
from lrsched.combinators.rescaling import rescaled

__all__ = ["Sequence", "joined", "maximum", "minimum", "negated", "rescaled", "sequence", "sum"]
