"""What adapters to frameworks build on, besides the algebra itself: checks of arguments and walks over fields."""

from lrsched._errors import ScheduleTypeError, check_choice, check_count, check_real, fail
from lrsched._fields import field_of, is_jax
from lrsched._node import Node, children, holds_arrays, names_of, walk

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
