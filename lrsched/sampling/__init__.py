"""From a formula to vectors of values: ranges of steps, filled by generated code, and what is read off a schedule.

The passes, in their order:

====================  ================================================================================================
lower for ranges      ``generate.lowered``: the formula as a term of whole steps (the terms of ``lrsched.ir``)
find what repeats     ``periodicity``: short holds and cycles become functions of their own (``rewriting`` puts them in)
hoist conditions      ``generate``: conditions leave the loops; each side of one gets loops of its own, while few
scalar code           ``term_values``, ``scalar_operations``: what is constant on a range, and how far the range goes
array code            ``array_code``: what is left is arithmetic in place, in blocks that stay in cache
load                  ``generate.loaded``: the text compiled, with the functions of ``runtime`` that it calls
====================  ================================================================================================

``values`` are what a term can be on a range, ``scalar_code`` the text that is written; ``filler`` keeps the code of a
schedule and runs it, ``readings`` are the methods of a schedule. This folder may import ``targets``, ``ir`` and
``foundation``, and knows of a schedule its formula and its edges. What is above imports from here, and no file below.

To fill an operation better than on arrays: a function in ``scalar_operations``, its line in ``SCALAR_OPERATIONS``, and
a case in ``tests/sampling/test_sample.py``. Without one, the operation is an array operation of the NumPy target.

``Filler.together`` is the plain way: blocks through the NumPy target, as for any array of steps. It is the reference
that the tests compare generated code with, and what runs where pieces are short. The rest of the folder pays by time
alone. Milliseconds for 2 * 10**6 values, generated / plain (the least of 21 each, in turn, on two busy cores):
warm-up and cosine 1.7 / 41, restarts 2.4 / 48, samples held for 100 steps 1.4 / 63, 1,000 straight pieces 3.3 / 23.
"""

from lrsched.sampling.filler import Filler
from lrsched.sampling.readings import boundaries, cycle_ends, first_below, sample, total

__all__ = ["Filler", "boundaries", "cycle_ends", "first_below", "sample", "total"]
