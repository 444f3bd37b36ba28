"""Errors of what a function is made of, told in the names of its own arguments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lrsched.foundation.errors import ScheduleError, fail


@contextmanager
def speaking_as(where: str, **names: str) -> Iterator[None]:
    """Errors of the kinds that ``where`` is made of, in the names of its own arguments."""
    try:
        yield
    except ScheduleError as error:
        if error.told is None or str(error).startswith(f"{where}: "):
            raise
        argument, allowed, value = error.told
        told = (names.get(argument, argument), allowed, value, isinstance(error, TypeError))
    else:
        return
    fail(where, *told[:3], wrong_type=told[3])
