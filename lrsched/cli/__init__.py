"""The command `lrsched`: its arguments, its subcommands, and what they write.

``main`` parses the arguments and hands them to one function of ``commands`` or ``judging``; ``inputs`` reads the
schedules, logs and configurations that they name; an error becomes one line. ``demo`` and ``catalogue`` are programs of
their own that take longer and load more.

It may import everything, and nothing imports it but ``lrsched.__main__``. A new subcommand is a function that declares
what it ``takes`` and whose docstring is its help, and its name in the list of ``main``; what it computes belongs to a
layer below, where programs can call it too.
"""

from lrsched.cli.main import COMMANDS, main

__all__ = ["COMMANDS", "main"]
