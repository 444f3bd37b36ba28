"""Every row of the benchmark, in the order of the report."""

from benchmarks.row import Row
from benchmarks.rows import cold, judging, memory, optimizers, pieces, programs, ranges, training, values

__all__ = ["ROWS", "chosen"]

ROWS: tuple[Row, ...] = (
    *values.ROWS,
    *optimizers.ROWS,
    *ranges.ROWS,
    *programs.ROWS,
    *training.ROWS,
    *pieces.ROWS,
    *memory.ROWS,
    *judging.ROWS,
    *cold.ROWS,
)


def chosen(*patterns: str) -> tuple[Row, ...]:
    """The rows whose name contains one of the texts (``value``), or matches it if it has wildcards (``range-*``)."""
    from fnmatch import fnmatchcase

    wanted = [pattern if any(c in pattern for c in "*?[") else f"*{pattern}*" for pattern in patterns]
    return tuple(row for row in ROWS if any(fnmatchcase(row.name, pattern) for pattern in wanted))
