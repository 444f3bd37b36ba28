"""Schedules of registered functions."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.node import forget
from lrsched.algebra.rescaling import Scale, stretch
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import check_count, fail
from lrsched.ir.clock import Clock
from lrsched.ir.term import Term

FUNCTIONS: dict[str, tuple[Callable[..., Any], Any]] = {}


class Called:
    """A registered function and the names of its numbers: what generated code calls, so that no name is written there.

    ``called(*values)(xp, t)`` is ``function(xp, t, **numbers)``, whose shape and kind are checked.
    """

    __slots__ = ("function", "name", "names")

    def __init__(self, name: str, function: Callable[..., Any], names: tuple[str, ...]) -> None:
        self.name, self.function, self.names = name, function, names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Called) and (self.function, self.names) == (other.function, other.names)

    def __hash__(self) -> int:
        return hash((self.name, self.names))

    def __call__(self, *values: Any) -> Callable[[Any, Any], Any]:
        numbers = dict(zip(self.names, values, strict=True))

        def bound(xp: Any, t: Any) -> Any:
            try:
                with np.errstate(all="ignore"):
                    result = self.function(xp, t, **numbers)
            except Exception as error:
                error.add_note(f"raised by the function registered as {self.name!r}")
                raise
            if getattr(result, "shape", None) != t.shape or _letter_of(result) not in NUMERIC:
                self.check(result, t)
            return result

        return bound

    def check(self, result: Any, t: Any) -> None:
        """Refuse what is neither a number nor an array of numbers of the steps' shape."""
        plain = isinstance(result, int | float)
        if not plain and (not hasattr(result, "shape") or _letter_of(result) not in NUMERIC):
            allowed = "an array of numbers of the shape of t"
            fail(f"custom({self.name!r})", "the result of the registered function", allowed, result, wrong_type=True)
        shape = () if plain else tuple(result.shape)
        if shape not in ((), tuple(t.shape)):
            allowed = f"an array of the shape of t, {tuple(t.shape)}"
            fail(f"custom({self.name!r})", "the result of the registered function", allowed, shape)


NUMERIC = "fiubV"  # V: the small floating types that were added to NumPy's


def _letter_of(result: Any) -> str:
    """The letter of an array's type; that of real numbers for types that are not NumPy's."""
    kind: str = getattr(getattr(result, "dtype", None), "kind", "f")
    return kind


def _same_function(one: Any, other: Any) -> bool:
    """Whether two functions compute the same: one definition that has run twice, as cells of notebooks do."""
    if one is other:
        return True
    if not (inspect.isfunction(one) and inspect.isfunction(other)):
        return False
    about = [
        (f.__defaults__, f.__kwdefaults__, [cell.cell_contents for cell in f.__closure__ or ()]) for f in (one, other)
    ]
    codes = [f.__code__.replace(co_firstlineno=1, co_filename="", co_linetable=b"") for f in (one, other)]
    try:
        return codes[0] == codes[1] and bool(about[0] == about[1]) and one.__globals__ is other.__globals__
    except Exception:  # noqa: BLE001 - values of strangers may refuse to be compared in any way
        return False


def register(
    name: str, duration: int | None = None, *, replace: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register ``f(xp, t, **numbers)`` as the formula of ``custom(name, **numbers)``.

    Args:
        name: the name under which it is stored and read back; register it before reading.
        duration: number of steps, or None for ever.
        replace: whether another function may have the name already; schedules that use it then follow the new one.

    The function takes an array namespace (``numpy`` or ``jax.numpy``), the steps and the numbers, and returns an
    array of the same shape.

    Raises:
        ScheduleError: another function or duration has the name; the same definition again is no other.

    Example:
        >>> import lrsched as lrs
        >>> @lrs.register("docs_sawtooth")
        ... def sawtooth(xp, t, *, period):
        ...     return 1.0 - xp.mod(t, period) / period
        >>> lrs.custom("docs_sawtooth", period=4.0)(3)
        0.25
    """
    if not isinstance(name, str) or not name:
        fail("register", "name", "a non-empty string", name, wrong_type=True)
    if "\\" in repr(name):
        fail("register", "name", "a string that is read back as it is printed, without escapes", name)
    if duration is not None:
        duration = check_count("register", "duration", duration)
    lasts = math.inf if duration is None else duration

    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(function):
            fail("register", "function", "a callable f(xp, t, **numbers)", function, wrong_type=True)
        known = FUNCTIONS.get(name)
        if known is not None and known[1] == lasts and _same_function(known[0], function):
            return function
        if known is not None and not replace:
            advice = "a name that no other function has (or say replace=True)"
            fail("register", "name", advice, name)
        FUNCTIONS[name] = (function, lasts)
        if known is not None:
            forget(lambda part: isinstance(part, Custom) and part.name == name)
        return function

    return keep


def custom(name: str, /, **numbers: Any) -> Schedule:
    """A schedule computed by a function registered with :func:`register`; its numbers are named arguments."""
    return Custom(name, tuple(numbers.items()))


@kind("custom")
class Custom(Schedule):
    """A registered function of the step; made by :func:`custom`."""

    name: str = fields.static("str")
    numbers: tuple[tuple[str, float], ...] = fields.numbers()

    def validate(self) -> None:
        if self.name not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS)) or "none yet"
            fail(self.where(), "name", f"registered with lrsched.register first (registered: {known})", self.name)
        given = dict(self.numbers)
        try:
            inspect.signature(FUNCTIONS[self.name][0]).bind(None, None, **given)
        except TypeError as error:
            fail(self.where(), "numbers", f"those that {self.name!r} takes ({error})", given)
        except ValueError:  # a function of C that tells no signature
            return

    @property
    def duration(self) -> Any:
        return FUNCTIONS[self.name][1]

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        return stretch(self, scale, steps)

    def formula(self, clock: Clock) -> Term:
        function, duration = FUNCTIONS[self.name]
        called = Called(self.name, function, tuple(name for name, _ in self.numbers))
        values = [value for _, value in self.numbers]
        if duration == math.inf:
            return clock.b.call(called, clock.time, values)
        return clock.finite(duration, lambda c: c.b.call(called, c.time, values))
