"""The command that fits a law to runs."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Any

from lrsched.cli.inputs import standard_input

__all__ = ["LAWS", "fit"]

LAWS = {"signal-noise": "SignalNoiseLaw", "annealing": "AnnealingLaw"}


def fit(arguments: Any) -> int:
    """The law as JSON on standard output; its table, and what to know of it, on standard error."""
    from lrsched import analysis

    given = arguments.runs
    runs = io.StringIO(standard_input()) if given in (None, "-") else given
    found = analysis.fit(runs, getattr(analysis, LAWS[arguments.law]))
    sys.stdout.write(found.law.to_json(indent=2) + "\n")
    with contextlib.suppress(AttributeError, OSError, ValueError):  # where there is no standard error, or it is full
        sys.stderr.write(f"{found}\n")
        sys.stderr.flush()
    return 0
