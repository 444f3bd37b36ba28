"""NumPy on arrays of steps: integers are kept as float64, exactly up to 2**53."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lrsched.foundation.errors import ScheduleError
from lrsched.targets.array_calls import CallTarget


def _search(thresholds: Any, t: Any) -> Any:
    return np.searchsorted(thresholds, t, side="right").astype(np.float64)


def _gather(table: Any, index: Any) -> Any:
    """Entries of a table; any entry for an index outside, on a side of a condition that is not taken."""
    return table.take(np.asarray(index).astype(np.intp), mode="clip")


def _mix(x: Any) -> Any:
    x = (x ^ (x >> np.uint64(16))) * np.uint64(0x7FEB352D) & np.uint64(0xFFFFFFFF)
    x = (x ^ (x >> np.uint64(15))) * np.uint64(0x846CA68B) & np.uint64(0xFFFFFFFF)
    return x ^ (x >> np.uint64(16))


def _noise(seed: int, t: Any) -> Any:
    step = np.asarray(t).astype(np.uint64)
    low, high = np.uint64(seed & 0xFFFFFFFF), np.uint64((seed >> 32) ^ 0x9E3779B9)
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    x = _mix(_mix(_mix(_mix(step & mask) ^ (step >> half)) ^ low) ^ high)
    return (x >> np.uint64(8)).astype(np.float64) * 2.0**-23 - 1.0


def _muldiv(t: Any, times: Any, over: Any, more: Any) -> Any:
    """floor((t * times + more) / over) without overflow."""
    return np.asarray(np.floor_divide(*_scaled(t, times, over, more)), dtype=np.float64)


def _mulmod(t: Any, times: Any, over: Any, more: Any) -> Any:
    """(t * times + more) mod over without overflow."""
    return np.asarray(np.mod(*_scaled(t, times, over, more)), dtype=np.float64)


def _scaled(t: Any, times: Any, over: Any, more: Any) -> tuple[Any, Any]:
    """t * times + more, and over, as 64-bit integers where they fit, else as Python's."""
    t, times, over, more = (_integers(x) for x in (t, times, over, more))
    wide = t.size and float(t.max()) * float(times.max()) + float(more.max()) >= 2.0**62
    dtype = object if wide else np.int64
    return t.astype(dtype) * times.astype(dtype) + more.astype(dtype), over.astype(dtype)


def _integers(x: Any) -> Any:
    x = np.asarray(x)
    return x.astype(np.int64) if x.dtype.kind == "f" else x


def _valuation(t: Any) -> Any:
    step = np.asarray(t).astype(np.int64)
    return np.log2((step & -step).astype(np.float64))


def _checked(wrong: Any, value: Any) -> Any:
    if np.any(wrong):
        raise ScheduleError(
            "step must be below the duration: it is past the end of the schedule, an error by its policy"
        )
    return value


def _call(function: Any, t: Any) -> Any:
    return np.asarray(function(np, np.asarray(t, dtype=np.float64)), dtype=np.float64)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "neg": np.negative,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "floordiv": np.floor_divide,
    "mod": np.mod,
    "muldiv": _muldiv,
    "mulmod": _mulmod,
    "floor": np.floor,
    "real": lambda a: a,
    "div": np.divide,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "pow": np.power,
    "ipow": np.power,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "where": np.where,
    "search": _search,
    "gather": _gather,
    "noise": _noise,
    "valuation": _valuation,
    "share": lambda x, n: np.round(x * n),
    "checked": _checked,
    "call": _call,
}


SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<=", "eq": "=="}
INFIX = {op: f"({{0}} {sign} {{1}})" for op, sign in SIGNS.items()}
TARGET = CallTarget("numpy", OPERATIONS, **INFIX, neg="(-{0})", real="{0}")
