"""Files read whole and written whole: what is no regular file, or too large, or no text is refused by name; CSVs."""

from __future__ import annotations

import contextlib
import csv
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from lrsched.foundation.errors import ScheduleError, printable

MOST_BYTES = 1 << 26


def read_text(file: Path, where: str = "") -> str:
    """The text of a regular file of at most 64 MiB in UTF-8, its lines ended by newlines.

    Raises:
        ScheduleError: it is something else, or cannot be opened; the message is ``where``, the name, and what is wrong.
    """
    try:
        return _read(file)
    except OSError as error:
        said = (error.strerror or str(error)).lower()
    except ValueError as error:  # no file can have this name, or what it holds is no text
        said = str(error)
    raise ScheduleError(f"{where}{printable(str(file))}: {said}")


def _read(file: Path) -> str:
    with open(file, "rb", opener=_opened_at_once) as handle:
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            raise ScheduleError("this is no regular file")
        data = handle.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ScheduleError(f"this file is too large: at most {MOST_BYTES:,} bytes are read")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise ScheduleError("this is no text in UTF-8") from None


def csv_rows(where: str, lines: Iterable[str], name: str) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of the rows of a CSV that are not empty, spaces around the cells left out.

    Raises:
        ScheduleError: it is no CSV.
    """
    try:
        for number, row in enumerate(csv.reader(lines, strict=True), 1):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield number, cells
    except csv.Error as error:
        raise ScheduleError(f"{where}: {name} is no CSV: {error}") from None


def decimal(cell: str) -> float | None:
    """What Python's own spelling of a decimal number means; a cell of anything else is no number."""
    try:
        return float(cell) if cell.isascii() and "_" not in cell else None
    except ValueError:
        return None


def _opened_at_once(file: str, flags: int) -> int:
    """A descriptor; a pipe that nobody writes into is not waited for."""
    return os.open(file, flags | getattr(os, "O_NONBLOCK", 0))


@contextlib.contextmanager
def drafted(file: Path) -> Iterator[Path]:
    """The path of a new file beside ``file``, of the same suffixes, that takes its place once it is whole.

    An exception leaves ``file`` as it was and nothing beside it; what killed processes left there goes as soon as
    ``file`` is written.
    """
    file = Path(os.path.realpath(file))
    stem = f".lrsched-{zlib.crc32(os.fsencode(file.name)):08x}-"
    made = file.with_name(stem + os.urandom(8).hex() + "".join(file.suffixes[-2:]))
    try:
        yield made
        with made.open("r+b") as written:
            os.fsync(written.fileno())
        with contextlib.suppress(FileNotFoundError):
            made.chmod(stat.S_IMODE(file.stat().st_mode))
        try:
            made.replace(file)
        except FileNotFoundError:  # whoever wrote the same file meanwhile took this one for a leftover
            if not file.exists():
                raise
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    for left in file.parent.glob(stem + "*"):
        with contextlib.suppress(OSError):
            left.unlink()


@contextlib.contextmanager
def replacing(file: Path) -> Iterator[BinaryIO]:
    """A file to write into that takes the place of ``file`` once it is whole; an exception leaves ``file`` as it was.

    What is there and no regular file, such as a device, is written into directly.
    """
    if file.exists() and not file.is_file():
        with file.open("wb") as direct:
            yield direct
    else:
        with drafted(file) as made, made.open("xb") as handle:
            yield handle
