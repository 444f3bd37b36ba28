"""Laws by their names, and laws kept in files."""

from __future__ import annotations

from pathlib import Path

from lrsched.analysis.annealing import AnnealingLaw
from lrsched.analysis.constants import published
from lrsched.analysis.law import Law
from lrsched.analysis.multi_power import MultiPowerLaw
from lrsched.analysis.records import read_record
from lrsched.analysis.signal_noise import SignalNoiseLaw
from lrsched.foundation.errors import ScheduleError, fail
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
    try:
        if "\0" in str(source) or not Path(source).exists():
            fail("read_law", "source", f"one of {names}", str(source))
        text = read_text(Path(source))
    except OSError as error:
        raise ScheduleError(f"read_law: {source}: {(error.strerror or str(error)).lower()}") from None
    except ScheduleError as error:
        if error.told:
            raise
        raise ScheduleError(f"read_law: {source}: {error}") from None
    law: Law = read_record("read_law", text, KINDS)
    return law
