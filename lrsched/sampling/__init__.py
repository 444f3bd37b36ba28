"""From a formula to vectors of values: ranges of steps in rows, each filled in one way, and what is read off.

``rows`` says how the steps of a schedule are filled, ``lines`` fills straight lines and half waves, ``program``
computes anything else with the operations of the NumPy target; ``filler`` keeps the rows of a schedule, ``readings``
are its methods. This folder may import ``targets``, ``ir`` and ``foundation``, and knows of a schedule its formula, its
edges and what it says of itself (``scaled``, ``laid``, ``ramp``, ``changes``, ``is_level``). What is above imports from
here, and no file below.

A kind that says nothing of itself is computed, which is never wrong and at most a few times as slow. To fill one
faster: one of those methods, and a case in ``tests/sampling``.
"""

from lrsched.sampling.filler import Filler
from lrsched.sampling.readings import boundaries, cycle_ends, first_below, sample, total

__all__ = ["Filler", "boundaries", "cycle_ends", "first_below", "sample", "total"]
