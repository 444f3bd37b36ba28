"""Straight lines and half waves: steps of one pace, without a formula for each of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrsched.sampling.program import BLOCK, DOWN, RAMP

LONG = 4_096  # steps from which on waves are added up from tables
TABLE = 1_024
ROWS = 64  # a product of a thousand columns and more rows than these would wake the threads of BLAS


def line(out: Any, first: int, up: bool, slope: float, shift: float) -> None:
    """``slope * m + shift`` for m = first, first + 1, ..., or first, first - 1, ...

    Each block is a table of what the line gains within it, and its value where it is nearest to the shift: both have
    one sign, so that nothing cancels.
    """
    size = len(out)
    if size <= BLOCK:
        np.multiply(RAMP[:size] if up else DOWN[BLOCK - size :], slope, out)
        np.add(out, (first if up else first - size + 1) * slope + shift, out)
        return
    table = (RAMP if up else DOWN) * slope
    for low in range(0, size, BLOCK):
        block = out[low : low + BLOCK]
        n = len(block)
        least = first + low if up else first - low - n + 1
        np.add(table[:n] if up else table[BLOCK - n :], least * slope + shift, out=block)


def wave(out: Any, first: int, up: bool, angle: float, factor: float, shift: float) -> None:
    """``factor * sin(angle * m)**2 + shift`` for m = first, first + 1, ..., or first, first - 1, ...

    In long runs, rows of a table times (sin^2 a, sin a cos a, cos^2 a, 1) of each row's smallest angle.
    """
    size, whole = len(out), 0
    if size >= LONG:
        table, whole = _table(angle, up), size - size % TABLE
        for low in range(0, whole, ROWS * TABLE):
            rows = min(ROWS, (whole - low) // TABLE)
            firsts = np.arange(low, low + rows * TABLE, TABLE, dtype=np.float64)
            smallest = first + firsts if up else first - (TABLE - 1) - firsts
            weights = _weights(smallest, angle, factor, shift)
            np.matmul(weights, table, out=out[low : low + rows * TABLE].reshape(rows, TABLE))
    rest = out[whole:]
    steps = RAMP[: len(rest)]
    np.add(steps, first + whole, out=rest) if up else np.subtract(first - whole, steps, out=rest)
    np.multiply(rest, angle, out=rest)
    np.sin(rest, out=rest)
    np.multiply(rest, rest, out=rest)
    np.multiply(rest, factor, out=rest)
    np.add(rest, shift, out=rest)


def _weights(smallest: Any, angle: float, factor: float, shift: float) -> Any:
    """What multiplies the rows of the table, for each smallest angle."""
    turned = smallest * angle
    sine, cosine = np.sin(turned), np.cos(turned)
    weights = np.empty((len(turned), 4))
    np.multiply(sine, sine, out=weights[:, 0])
    np.multiply(sine, cosine, out=weights[:, 1])
    np.multiply(cosine, cosine, out=weights[:, 2])
    weights[:, :3] *= factor
    weights[:, 3] = shift
    return weights


def _table(angle: float, up: bool) -> Any:
    """(cos^2, 2 sin cos, sin^2, 1) of the multiples of an angle, counted up or down."""
    turn = RAMP[:TABLE] * angle
    sine, cosine = np.sin(turn), np.cos(turn)
    table = np.stack([cosine * cosine, 2.0 * sine * cosine, sine * sine, np.ones(TABLE)])
    return table if up else np.ascontiguousarray(table[:, ::-1])
