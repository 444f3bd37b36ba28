"""Indices are integers: none is counted in reals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrsched.foundation.errors import ScheduleError

if TYPE_CHECKING:
    from lrsched.ir.term import Term


def check_whole(term: Term) -> None:
    """An error for an index that is counted in reals: a number on its way was no integer of the target.

    Lengths that a program is given as reals are what they are.
    """
    if term.dtype == "i":
        return
    waiting, seen = [term], {term.num}
    while waiting:
        one = waiting.pop()
        if one.op == "bound" and one.dtype == "f":
            return
        found = [a for a in one.args if hasattr(a, "op") and a.num not in seen]
        seen.update(a.num for a in found)
        waiting += found
    raise ScheduleError(
        "this schedule changes its pieces too finely for the integers of this target: stretch it by a fraction with "
        "a smaller denominator, sample or restart it outside of the stretch, or let it last for fewer steps"
    )
