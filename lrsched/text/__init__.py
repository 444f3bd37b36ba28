"""Text as expressions, without running any code: the way back from ``repr``, with names for numbers not known yet.

``tokens`` cuts a text into signs, names and numbers, ``numbers`` computes with the numbers, exactly where a length is
needed, ``vocabulary`` says which names an expression may call, ``parser`` builds the expression while it reads, and
``reading`` holds what users call.

It may import every expression of the library and what is below. A new function of the library is understood as soon as
it is in the list of its own folder; a new suffix of numbers is a line of ``tokens``, a new operator one of ``numbers``.
"""

from lrsched.text.reading import names, parse, profile, read, schedule
from lrsched.text.tokens import ParseError, number, told
from lrsched.text.vocabulary import functions, methods

__all__ = ["ParseError", "functions", "methods", "names", "number", "parse", "profile", "read", "schedule", "told"]
