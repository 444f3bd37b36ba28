"""What adapters to frameworks build on, besides the algebra itself: checks of arguments and walks over fields."""

from lrsched.algebra.fields import field_of, names_of
from lrsched.algebra.node import Node, children, holds_arrays, walk
from lrsched.foundation.errors import ScheduleTypeError, check_choice, check_count, check_real, fail
from lrsched.foundation.numbers import is_jax

__all__ = [
    "Node",
    "ScheduleTypeError",
    "check_choice",
    "check_count",
    "check_real",
    "children",
    "fail",
    "field_of",
    "holds_arrays",
    "is_jax",
    "names_of",
    "walk",
]
