"""Expressions as frozen values of declared fields, and the door for authors of kinds."""

from lrsched.algebra import fields
from lrsched.algebra.node import kind
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule

__all__ = ["Profile", "Schedule", "fields", "kind"]
