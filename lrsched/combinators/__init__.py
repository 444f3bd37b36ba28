"""Schedules made of schedules: sequences, arithmetic, restarts, and changes of the clock."""

# ruff: noqa: F401 (what other code knows by the names of this package)

from lrsched.algebra.node import flatten_left
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
from lrsched.combinators.cycles import Mirrored, Restarted, Reversed, backwards, cycle_lengths, periodic
from lrsched.combinators.rescaling import rescale, rescale_to, rescaled, rescaled_fields
from lrsched.combinators.sampled import PerEpoch, SampledAt, SampledEvery
from lrsched.combinators.sequence import Sequence, sequence
from lrsched.combinators.shifting import Advanced, After, Delayed, Lasting
from lrsched.combinators.stretching import COUNTING, Extended, Stretched
from lrsched.combinators.wrapper import MOST_CYCLES, b_number, check_finite, goes_on, inner_edges

__all__ = ["Sequence", "joined", "maximum", "minimum", "negated", "rescaled", "rescaled_fields", "sequence", "sum"]
