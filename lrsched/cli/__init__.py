"""The command `lrsched`: its arguments, its subcommands, and what they write."""

from lrsched.cli.main import commands, main

__all__ = ["commands", "main"]
