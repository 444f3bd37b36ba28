"""Laws by their names, and laws kept in files."""

from __future__ import annotations

import os
from pathlib import Path

from lrsched.analysis.annealing import AnnealingLaw
from lrsched.analysis.constants import published
from lrsched.analysis.law import Law
from lrsched.analysis.multi_power import MultiPowerLaw
from lrsched.analysis.records import read_record
from lrsched.analysis.signal_noise import SignalNoiseLaw
from lrsched.foundation.errors import fail
from lrsched.foundation.files import read_text

__all__ = ["read_law"]

KINDS = {kind.__name__: kind for kind in (SignalNoiseLaw, MultiPowerLaw, AnnealingLaw)}


def read_law(source: str | Path) -> Law:
    """A law by its name in ``published``, or from a file: the JSON that ``law.to_json()`` and ``lrsched fit`` write.

    Raises:
        ScheduleError: there is neither such a name nor such a file, or the file holds no law.

    Example:
        >>> import lrsched as lrs
        >>> lrs.analysis.read_law("mpl-100m").loss
        2.6514477
    """
    if isinstance(source, str) and source in published:
        return published[source]
    if not isinstance(source, str | Path):
        fail("read_law", "source", "the name of a law or of a file", source, wrong_type=True)
    names = f"{', '.join(published)}, or the name of a .json file"
    if not os.path.exists(source):  # noqa: PTH110 (which says no of names that no file can have)
        fail("read_law", "source", f"one of {names}", str(source))
    text = read_text(Path(source), "read_law: ")
    law: Law = read_record("read_law", text, KINDS)
    return law
