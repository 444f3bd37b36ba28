"""Schedules known by name, each a plain function whose body is one expression of the algebra.

Peak and number of steps come first; lengths are updates, or shares of the run where it is known; ``start`` and ``end``
are shares of the peak. What an argument may be is declared by its annotation (``lrsched.algebra.arguments``).

The files go by what a recipe is for: ``warmups``, ``decays``, ``cycles``, ``llm`` (shapes of
language models), ``runs`` (their published runs) and ``companions`` (momentum, batch size, weight decay).

The folder may import the kinds and what is below them; no kind knows a recipe. A new
recipe is a function in its file, named in ``__all__``, with an example in ``_examples``; the public name
``lrsched.recipes.name``, ``parse`` and the catalogue follow.
"""

from __future__ import annotations

from lrsched.algebra.arguments import checked
from lrsched.recipes import companions, cycles, decays, llm, runs, warmups
from lrsched.recipes.companions import *  # noqa: F403
from lrsched.recipes.cycles import *  # noqa: F403
from lrsched.recipes.decays import *  # noqa: F403
from lrsched.recipes.llm import *  # noqa: F403
from lrsched.recipes.runs import *  # noqa: F403
from lrsched.recipes.warmups import *  # noqa: F403

FILES = (warmups, decays, cycles, llm, runs, companions)

__all__ = [name for file in FILES for name in file.__all__ if name[0].islower()]

globals().update({name: checked(globals()[name]) for name in __all__})
