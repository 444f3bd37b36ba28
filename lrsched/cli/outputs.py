"""What commands write: lines, tables on a console, pictures, and what is wrong."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lrsched.foundation.files import replacing


def say(text: str) -> None:
    """A line, or several, on standard output."""
    print(text)  # noqa: T201


def warn(text: str) -> None:
    """A line, or several, on standard error, in the letters that it has."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # where there is no standard error, or it is full
        encoding = sys.stderr.encoding or "utf-8"
        sys.stderr.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
        sys.stderr.flush()


def is_sized() -> bool:
    """Whether standard output has a width."""
    return sys.stdout.isatty() or "COLUMNS" in os.environ


def screen() -> Any:
    """A console as wide as standard output, or 100 characters."""
    from rich.console import Console

    return Console(highlight=False, width=None if is_sized() else 100)


def drawn(figure: Callable[[], Any], file: Path) -> str:
    """Make a figure of matplotlib, write it into a file, and say so."""
    import matplotlib as mpl

    mpl.use("Agg")
    made = figure()
    with replacing(file) as written:
        made.savefig(written, format=file.suffix[1:], dpi=150)
    return f"picture written to {file}"
