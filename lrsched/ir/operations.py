"""The operations that terms are made of, with the dtypes (b: boolean, i, f, q: fraction) of arguments and results."""

from __future__ import annotations

import math
import operator

INF = math.inf
MOST_ROWS = 100_000
FEW = 256
CONSTANTS = frozenset({"const", "column", "bound"})
NUMBER, DTYPE, NAME = map(operator.attrgetter, ("num", "dtype", "op"))

# name: (dtypes of the arguments, dtype of the result); "n" is any of the numbers, the same for all.
OPERATIONS: dict[str, tuple[str, str]] = {
    "add": ("nn", "n"),
    "sub": ("nn", "n"),
    "mul": ("nn", "n"),
    "neg": ("n", "n"),
    "minimum": ("nn", "n"),
    "maximum": ("nn", "n"),
    "floordiv": ("ii", "i"),
    "mod": ("ii", "i"),
    "muldiv": ("iiii", "i"),
    "mulmod": ("iiii", "i"),
    "floor": ("f", "i"),
    "real": ("i", "f"),
    "div": ("ff", "f"),
    "sqrt": ("f", "f"),
    "exp": ("f", "f"),
    "expm1": ("f", "f"),
    "log": ("f", "f"),
    "log1p": ("f", "f"),
    "sin": ("f", "f"),
    "pow": ("ff", "f"),
    "ipow": ("fi", "f"),
    "lt": ("nn", "b"),
    "le": ("nn", "b"),
    "eq": ("nn", "b"),
    "where": ("bnn", "n"),
    "search": ("ti", "i"),
    "gather": ("ti", "n"),
    "noise": ("ii", "f"),
    "valuation": ("i", "i"),
    "share": ("fi", "i"),
    "checked": ("bf", "f"),
    "call": ("c", "f"),
}
SCALAR = {"cos": ("f", "f")}  # what only code for one step at a time is written with
READY = {  # the result of arguments of these dtypes, where none of them has to become real
    (op, dtypes.replace("n", dtype)): result.replace("n", dtype)
    for op, (dtypes, result) in (OPERATIONS | SCALAR).items()
    for dtype in "fi"
}
