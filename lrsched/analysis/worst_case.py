"""The arithmetic of the convex bound, in units of the peak and of the last norm: two sums, and a last step to choose.

A *weighted* rate is a rate times its norm; what is *later* than an update is the sum of the rates after it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["best_step", "least_step", "noise_after", "own_sums", "tails"]

BLOCK = 1 << 14  # rates that stay in the cache together
NEAR, EVALUATIONS = 1e-9, 60

Sums = tuple[Any, Any, Any]
Condition = Callable[[Any, Sums, Any, Any], tuple[Any, Any]]


def tails(xp: Any, rates: Any) -> Any:
    """What is later than each update, added up from the end: differences of sums from the start would lose it."""
    if xp is np:
        later = np.zeros(rates.size)
        np.cumsum(rates[:0:-1], out=later[-2::-1])
        return later
    return xp.concatenate([xp.cumsum(rates[:0:-1])[::-1], xp.zeros(1, rates.dtype)])


def own_sums(xp: Any, rates: Any, weighted: Any) -> tuple[Any, Any]:
    """S and N of the rates up to the last one that is not 0."""
    if xp is np:
        rates = np.trim_zeros(rates, "b") if rates[-1] == 0.0 else rates
        later = tails(xp, rates)
        total, later[-1] = later[0] + rates[0], rates[-1]
        blocks = [slice(i, i + BLOCK) for i in range(0, rates.size, BLOCK)]
        return total, math.fsum(np.dot(weighted[: rates.size][b], weighted[: rates.size][b] / later[b]) for b in blocks)
    later = tails(xp, rates)
    gap = xp.where(later > 0, later, rates)
    return xp.sum(rates), xp.dot(weighted, _quotient(xp, weighted, xp.where(gap > 0, gap, 1)))


def sums(xp: Any, weighted: Any, later: Any, v: Any) -> Sums:
    """Sums of w**2/gap, w**2/gap**2 and v w**2/gap**3, where gap is what is later, and v."""
    if xp is not np:
        return _sums(xp, weighted, later, v)
    blocks = range(0, later.size, BLOCK)
    found = [_sums(np, weighted[i : i + BLOCK], later[i : i + BLOCK], v) for i in blocks]
    first, second, third = (math.fsum(part) for part in zip(*found, strict=True))
    return first, second, third


def _sums(xp: Any, weighted: Any, later: Any, v: Any) -> Sums:
    gap = later + v
    share = _quotient(xp, weighted, gap)
    return xp.dot(weighted, share), xp.dot(share, share), xp.dot(share, share * _quotient(xp, v, gap))


def _quotient(xp: Any, x: Any, y: Any) -> Any:
    """``x / y``, whose derivative in JAX never squares y: the square of a rate is smaller than any float."""
    return x / y if xp is np else _jax_quotient()(x, y)


@functools.cache
def _jax_quotient() -> Any:
    import jax

    @jax.custom_jvp
    def quotient(x: Any, y: Any) -> Any:
        return x / y

    @quotient.defjvp
    def derivative(values: Any, changes: Any) -> Any:
        found = quotient(*values)
        return found, (changes[0] - found * changes[1]) / values[1]

    return quotient


def noise_after(xp: Any, weighted: Any, later: Any, v: Any) -> Any:
    """N with a step v after the last."""
    return v + sums(xp, weighted, later, v)[0]


def best_step(xp: Any, total: Any, weighted: Any, later: Any) -> Any:
    """The v for which N_v / S_v is least."""
    squares = xp.dot(weighted, weighted)
    most = squares / total + xp.sqrt(squares * (squares / total**2 + 1.0))
    return _root(xp, _balanced, (total, 0.0), weighted, later, most, 0.0)


def _balanced(v: Any, found: Sums, total: Any, scale: Any) -> tuple[Any, Any]:
    """((S + v) b + a) / S, of the sums a and b, and its derivative in log v."""
    a, b, c = found
    return ((total + v) * b + a) / total, -2.0 * (total + v) / total * c


def least_step(xp: Any, total: Any, weighted: Any, later: Any, scale: Any, best: Any) -> Any:
    """The v for which scale / S_v + N_v / scale is least: near the best one, or far beyond small rates."""
    most = math.sqrt(2.0) * xp.maximum(xp.sqrt(xp.dot(weighted, weighted)), scale)
    return _root(xp, _pulled, (total, scale), weighted, later, most, xp.maximum(best, scale - total))


def _pulled(v: Any, found: Sums, total: Any, scale: Any) -> tuple[Any, Any]:
    """b + (scale / (S + v))**2 and its derivative in log v."""
    share = scale / (total + v)
    return found[1] + share * share, -2.0 * (found[2] + share * share * (v / (total + v)))


def _root(
    xp: Any, condition: Condition, numbers: tuple[Any, Any], weighted: Any, later: Any, most: Any, start: Any
) -> Any:
    """Where a decreasing condition is 1: Newton's method for its logarithm over that of v, within a bracket.

    At the lower end one term of b is 1, so that the condition is at least that, or there is no smaller step.
    """
    least = xp.maximum(xp.max(weighted - later), xp.finfo(weighted.dtype).tiny)
    start = xp.clip(start, least, most)
    if xp is np:
        with np.errstate(all="ignore"):
            ends = float(np.log(least)), float(np.log(most)), float(np.log(start))
            return _root_on_host(lambda v: condition(v, sums(np, weighted, later, v), *numbers), *ends)
    return _root_in_jax(xp, condition, numbers, weighted, later, (xp.log(least), xp.log(most), xp.log(start)))


def _root_on_host(condition: Callable[[float], tuple[Any, Any]], low: float, high: float, u: float) -> float:
    for _ in range(EVALUATIONS):
        value, slope = condition(math.exp(u))
        low, high = (u, high) if value > 1.0 else (low, u)
        new = u - value * np.log(value) / slope
        if not low <= new <= high:
            new = (low + high) / 2
        if abs(new - u) < NEAR:
            return math.exp(new)
        u = new
    return math.exp(u)


def _root_in_jax(jnp: Any, condition: Condition, numbers: Any, weighted: Any, later: Any, ends: Any) -> Any:
    """The same, without a sync; a last Newton step carries the derivative of the root."""
    import jax

    held = jax.lax.stop_gradient((numbers, weighted, later, ends))
    near = max(NEAR, 8 * float(jnp.finfo(weighted.dtype).eps))

    def is_far(state: Any) -> Any:
        return (state[4] > near) & (state[3] < EVALUATIONS)

    def closer(state: Any) -> Any:
        low, high, u, count, _ = state
        v = jnp.exp(u)
        value, slope = condition(v, sums(jnp, held[1], held[2], v), *held[0])
        low, high = jnp.where(value > 1.0, u, low), jnp.where(value > 1.0, high, u)
        new = u - value * jnp.log(value) / slope
        new = jnp.where((low <= new) & (new <= high), new, (low + high) / 2)
        return low, high, new, count + 1, jnp.abs(new - u)

    v = jnp.exp(jax.lax.while_loop(is_far, closer, (*held[3], 0, jnp.ones_like(ends[2])))[2])
    value, slope = condition(v, sums(jnp, weighted, later, v), *numbers)
    is_root = jnp.abs(value - 1.0) < 0.01
    slope = jax.lax.stop_gradient(jnp.where(is_root, slope, -1.0))
    return jnp.where(is_root, v - v * (value - 1.0) / slope, v)
