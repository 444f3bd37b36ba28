"""Expressions as frozen values of declared fields, and the door for authors of kinds.

``registry`` holds the kinds by name, ``fields`` says what a field may be, ``node`` is the base of every expression and
``kind`` what makes one of a class; ``constructor`` follows from the fields, and so do ``spelling`` (text), ``serial``
(data), ``pytree`` and ``batching`` (JAX), ``state_dicts`` (Flax). ``arithmetic`` has the operators that the two bases
share, ``schedule`` and ``profile`` their methods, each of which makes a kind by its name; ``rescaling`` lays a schedule
out again. ``arguments`` declares what functions take that build expressions: recipes and presets.

It may import ``compiler``, ``sampling`` and what is below. What reports on a schedule lies above and is reached through
the table in ``doors``. A new method of a base touches ``schedule`` or ``profile`` alone; the parser then knows it.
"""

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule

__all__ = ["Profile", "Schedule", "fields", "kind"]
