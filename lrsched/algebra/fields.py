"""Declared fields: what an argument may be, how it is normalised, and what it becomes under JAX.

One declaration serves the check of an argument, equality, text, JSON, the pytree and the generated test data.
"""

from __future__ import annotations

import itertools
import keyword
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.algebra.registry import BASES
from lrsched.foundation.errors import LIMIT, check_choice, check_count, check_real, fail
from lrsched.foundation.numbers import any_jax, is_jax, is_number, is_whole
from lrsched.foundation.records import Record
from lrsched.ir.expression import Expression

if TYPE_CHECKING:
    from lrsched.algebra.node import Node


REQUIRED: Any = object()
NUMBERS = ("real", "count")  # forms of single numbers
MOST_ITEMS = 2**24  # of a sequence of numbers
POLICIES = ("hold", "error", "repeat", "mirror", "extrapolate")


class Field(Record):
    """What one field of a kind may hold.

    ``form`` is "real", "count", "reals", "counts" (numbers and tuples of numbers, leaves under JAX), "static",
    "node", "nodes" or "numbers" (a mapping of names to reals). ``lengthens`` says of a real that
    durations depend on it.
    """

    form: str
    default: Any = REQUIRED
    allowed: str = ""
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    base: str = ""
    choices: tuple[Any, ...] = ()
    optional: bool = False
    least: int = 0
    label: str = ""
    lengthens: bool = False

    @property
    def is_leaf(self) -> bool:
        """Whether JAX sees the field as an array leaf."""
        return self.form in ("real", "count", "reals", "counts")

    def strangers(self, value: Any) -> list[Any]:
        """What a field of numbers holds that is neither a number nor an array of numbers of its type."""
        if self.form == "numbers":
            value = tuple(number for _, number in value)
        elif not self.is_leaf:
            return []
        several = self.form in ("reals", "counts", "numbers") and isinstance(value, tuple)
        check = is_whole if self.form in ("count", "counts") else is_number
        return [x for x in (value if several else (value,)) if not check(x)]

    def describe(self) -> str:
        """What is allowed, as an error message says it."""
        return self.allowed or _range_text(self)

    def check(self, where: str, name: str, value: Any) -> Any:
        """The normalised value, or an error that names the argument."""
        return self.checker()(where, name, value)

    def checker(self) -> Callable[[str, str, Any], Any]:
        """The method that checks a value of the field's form."""
        return getattr(self, f"check_{self.form}")

    def check_real(self, where: str, name: str, value: Any) -> Any:
        """One real number within the field's range; a JAX scalar passes as it is."""
        plain = float(value) if type(value) is int and -(2**53) < value < 2**53 else value
        if type(plain) is float and self.low < plain < self.high:
            return plain + 0.0  # -0.0 becomes 0.0
        if is_jax(value):
            return value
        number = check_real(where, name, value, self.describe())
        too_low = number < self.low or (self.open_low and number == self.low)
        if too_low or number > self.high or (self.open_high and number == self.high):
            fail(where, name, self.describe(), value)
        return number

    def check_count(self, where: str, name: str, value: Any) -> Any:
        """One integer of at least ``low``; a JAX scalar passes as it is."""
        if type(value) is int and max(self.low, 0) <= value < self.high:
            return value
        given: Any = value
        if (is_jax(given) and given.dtype.kind in "iu") or (given is None and self.optional):
            return given
        return check_count(where, name, value, int(max(self.low, 0)), self.high)

    def check_reals(self, where: str, name: str, value: Any) -> Any:
        """Several real numbers; a JAX array passes as it is."""
        return self._each(self.check_real, where, name, value)

    def check_counts(self, where: str, name: str, value: Any) -> Any:
        """Several integers; a JAX array passes as it is."""
        return self._each(self.check_count, where, name, value)

    def _each(self, check: Callable[[str, str, Any], Any], where: str, name: str, value: Any) -> Any:
        if is_jax(value):
            return value
        return tuple(check(where, f"{name}[{i}]", x) for i, x in enumerate(self.check_items(where, name, value)))

    def check_items(self, where: str, name: str, value: Any) -> list[Any]:
        """The items of a sequence, which is no text and no array of one number."""
        scalar = isinstance(value, np.ndarray) and value.ndim == 0
        if isinstance(value, str | bytes | dict | set | Expression) or scalar or not isinstance(value, Iterable):
            fail(where, name, self.allowed or "a sequence of numbers", value, wrong_type=True)
        if isinstance(value, range) and len(value[: MOST_ITEMS + 1]) > MOST_ITEMS:
            fail(where, name, f"a sequence of at most {MOST_ITEMS} numbers", value)
        items = list(itertools.islice(value.tolist() if isinstance(value, np.ndarray) else value, MOST_ITEMS + 1))
        if len(items) > MOST_ITEMS:
            fail(where, name, f"a sequence of at most {MOST_ITEMS} numbers", f"{type(value).__name__} of more")
        if len(items) < self.least:
            fail(where, name, f"a sequence of at least {self.least} number{'s' * (self.least != 1)}", value)
        return items

    def check_mapping(self, where: str, name: str, value: Any) -> Any:
        """A mapping, or None where there need be none."""
        if not isinstance(value, Mapping) and not (value is None and self.optional):
            fail(where, name, self.allowed, value, wrong_type=True)
        return value

    def check_node(self, where: str, name: str, value: Any) -> Any:
        """An expression of the field's base."""
        if not isinstance(value, BASES[self.base]):
            fail(where, name, f"a {self.base}", value, wrong_type=True)
        return value

    def check_nodes(self, where: str, name: str, value: Any) -> Any:
        """Expressions of the field's base, as a tuple."""
        if type(value) is not tuple and (not isinstance(value, Sequence) or isinstance(value, str)):
            fail(where, name, f"a sequence of {self.base}s", value, wrong_type=True)
        if len(value) < self.least:
            fail(where, name, f"at least one {self.base}", value)
        base = BASES[self.base]
        for i, item in enumerate(value):
            if not isinstance(item, base):
                fail(where, f"{name}[{i}]", f"a {self.base}", item, wrong_type=True)
        return tuple(value)

    def check_static(self, where: str, name: str, value: Any) -> Any:
        """A plain value: one of the choices, a policy, a count, a string or a number."""
        if value is None and self.optional:
            return None
        if self.choices:
            return check_choice(where, name, value, self.choices)
        if self.base == "policy":
            if isinstance(value, str) and value in POLICIES:
                return value
            allowed = f"one of {', '.join(map(repr, POLICIES))}, or a finite number"
            return fail(where, name, allowed, value, wrong_type=not isinstance(value, str))
        if is_jax(value):
            fail(where, name, "a plain number, fixed when the schedule is built", value, wrong_type=True)
        if self.base == "str" and not isinstance(value, str):
            fail(where, name, "a string", value, wrong_type=True)
        checks = {"count": self.check_count, "real": self.check_real}
        return checks[self.base](where, name, value) if self.base in checks else value

    def check_numbers(self, where: str, name: str, value: Any) -> Any:
        """Pairs of a name and a number, sorted; every name is an identifier, so that it can be one in any text."""
        pairs: Any = list(value.items()) if isinstance(value, Mapping) else value
        if not are_pairs(pairs):
            fail(where, name, "numbers by name", value, wrong_type=True)
        for key, _ in pairs:
            if not (type(key) is str and key.isascii() and key.isidentifier() and not keyword.iskeyword(key)):
                fail(where, f"the name of a number in {name}", "an ASCII identifier that is no keyword", key)
        if len({key for key, _ in pairs}) < len(pairs):
            fail(where, name, "numbers of different names", [key for key, _ in pairs])
        return tuple(sorted((key, self.check_real(where, key, x)) for key, x in pairs))


def _range_text(field: Field) -> str:
    low, high = field.low, field.high
    if low == 0 and high == math.inf:
        return "a finite number > 0" if field.open_low else "a finite number >= 0"
    if low == -math.inf and high < math.inf:
        return f"a finite number {'<' if field.open_high else '<='} {high:g}"
    if low > -math.inf and high < math.inf:
        return f"a number in {'(' if field.open_low else '['}{low:g}, {high:g}{')' if field.open_high else ']'}"
    return "a finite number"


def are_pairs(value: Any) -> bool:
    """Whether a value is a list of pairs, as data hold numbers by name."""
    return isinstance(value, list | tuple) and all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value)


def real(*, default: Any = REQUIRED, **limits: Any) -> Any:
    """A real number: a float, and a float leaf under JAX."""
    return Field("real", default, **limits)


def positive(*, default: Any = REQUIRED, lengthens: bool = False) -> Any:
    """A real number above 0."""
    return real(default=default, low=0.0, open_low=True, lengthens=lengthens)


def count(*, default: Any = REQUIRED, low: int = 0, below: int = LIMIT) -> Any:
    """A whole number of steps, below 2**53 unless said otherwise: an int, and an integer leaf under JAX."""
    return Field("count", default, low=low, high=below)


def reals(**limits: Any) -> Any:
    """A tuple of real numbers: one float leaf under JAX."""
    return Field("reals", **limits)


def counts(**limits: Any) -> Any:
    """A tuple of whole numbers: one integer leaf under JAX."""
    return Field("counts", **{"high": LIMIT, **limits})


def static(base: str, *, default: Any = REQUIRED, **limits: Any) -> Any:
    """A plain value that JAX never traces: "count", "real", "str", or one of ``choices``."""
    return Field("static", default, base=base, **{"high": LIMIT if base == "count" else math.inf, **limits})


def node(base: str, *, default: Any = REQUIRED) -> Any:
    """A child expression: "Schedule" or "Profile"."""
    return Field("node", default, base=base)


def nodes(base: str) -> Any:
    """A tuple of child expressions, at least one."""
    return Field("nodes", base=base, least=1)


def numbers() -> Any:
    """Named real numbers, as sorted pairs."""
    return Field("numbers")


def names_of(kind: type[Node]) -> tuple[str, ...]:
    """The names of a kind's fields, in order."""
    found: tuple[str, ...] = kind.__match_args__  # type: ignore[attr-defined]
    return found


def field_of(kind: type[Node], name: str) -> Field:
    """The specification of one field of a kind."""
    return kind._declared[name]


def check_increasing(where: str, argument: str, values: Any) -> None:
    """Refuse a tuple of numbers that does not increase."""
    if isinstance(values, tuple) and not any_jax(values):
        for before, after in itertools.pairwise(values):
            if not before < after:
                fail(where, argument, "increasing", values)
