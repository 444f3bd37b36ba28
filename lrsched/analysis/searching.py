"""Two ways down: the simplex of Nelder and Mead, and L-BFGS where JAX and Optax are installed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Lowest", "has_gradients", "lbfgs", "nelder_mead"]

Objective = Callable[[Any], Any]
RESTARTS, SIZE = 4, 0.25
MOST_EVALUATIONS, MOST_ITERATIONS = 4_000, 400
FLAT, STILL = 1e-10, 5  # as a share of the value; iterations in a row
LONGEST, ENOUGH, MOST_HALVINGS = 2.0, 1e-4, 40  # a step in one parameter; the share of the slope that it has to win


class Lowest(NamedTuple):
    """The lowest value found, where it is, and how often the objective was asked."""

    place: Any
    value: float
    evaluations: int


def nelder_mead(objective: Objective, start: Any) -> Lowest:
    """The simplex method, begun anew around the best place until that brings nothing more."""
    best = Lowest(np.asarray(start, np.float64), _value(objective, start), 1)
    with np.errstate(over="ignore", invalid="ignore"):  # an objective may fall without end
        for _ in range(RESTARTS):
            before, best = best.value, _simplex(objective, best)
            if not best.value < before - FLAT * abs(before):
                break
    return best


def _value(objective: Objective, place: Any) -> float:
    value = float(objective(place))
    return value if value == value else np.inf


def _simplex(objective: Objective, begun: Lowest) -> Lowest:
    """One run of the method, with the usual factors: reflect 1, expand 2, contract and shrink one half."""
    count, calls = len(begun.place), begun.evaluations
    corners = [begun.place, *(begun.place + SIZE * row for row in np.eye(count))]
    values = [begun.value, *(_value(objective, corner) for corner in corners[1:])]
    calls += count
    while calls < MOST_EVALUATIONS:
        order = np.argsort(values, kind="stable")
        corners, values = [corners[i] for i in order], [values[i] for i in order]
        if _is_flat(corners, values):
            break
        middle = np.mean(corners[:-1], axis=0)
        tried = _reflected(objective, middle, corners[-1], values)
        calls += len(tried)
        value, place = min(tried, key=lambda pair: pair[0])
        if value < values[-1]:
            corners[-1], values[-1] = place, value
        else:
            corners = [corners[0], *((corner + corners[0]) / 2 for corner in corners[1:])]
            values = [values[0], *(_value(objective, corner) for corner in corners[1:])]
            calls += count
    least = int(np.argmin(values))
    return Lowest(corners[least], values[least], calls)


def _is_flat(corners: list[Any], values: list[float]) -> bool:
    spread = max(float(np.abs(corner - corners[0]).max()) for corner in corners[1:])
    return spread < 1e-6 and values[-1] - values[0] <= FLAT * abs(values[0])


def _reflected(objective: Objective, middle: Any, worst: Any, values: list[float]) -> list[tuple[float, Any]]:
    """The places tried in the worst one's stead, with their values."""
    place = 2 * middle - worst
    value = _value(objective, place)
    tried = [(value, place)]
    if value < values[0]:
        farther = 3 * middle - 2 * worst
        tried.append((_value(objective, farther), farther))
    elif not value < values[-2]:
        nearer = (middle + (place if value < values[-1] else worst)) / 2
        tried.append((_value(objective, nearer), nearer))
    return tried


def has_gradients() -> bool:
    """Whether JAX and Optax are installed."""
    return find_spec("jax") is not None and find_spec("optax") is not None


def double_precision() -> contextlib.AbstractContextManager[Any]:
    """JAX with float64, for as long as the context lasts."""
    import jax
    from jax import experimental

    home: Any = jax if hasattr(jax, "enable_x64") else experimental
    context: contextlib.AbstractContextManager[Any] = home.enable_x64(True)
    return context


def lbfgs(objective: Objective, start: Any) -> Lowest:
    """L-BFGS in float64 with the directions of Optax, each followed for as long as it goes down, until that is nothing.

    The line search is a loop of Python around one compiled gradient: as a part of the program, it would be compiled
    with several copies of the objective, which takes far longer than the search.
    """
    import jax
    import jax.numpy as jnp
    import optax

    method = optax.scale_by_lbfgs()
    turned, asked = jax.jit(method.update), jax.jit(jax.value_and_grad(objective))
    place = jnp.asarray(start, float)
    (value, slope), state = asked(place), method.init(place)
    calls, still = 1, 0
    for _ in range(MOST_ITERATIONS):
        steepest, state = turned(slope, state, place)
        if not float(slope @ steepest) > 0:  # memory of a place that curves the other way
            steepest, state = slope, method.init(place)
        longest = float(jnp.abs(steepest).max())
        if not longest > 0:
            break
        step = min(1.0, LONGEST / longest)
        for _ in range(MOST_HALVINGS):
            after = place - step * steepest
            lower, ahead = asked(after)
            calls += 1
            if float(lower) <= float(value) - ENOUGH * step * float(slope @ steepest):
                break
            step /= 2
        else:
            break
        still = still + 1 if float(value - lower) <= FLAT * abs(float(value)) else 0
        place, value, slope = after, lower, ahead
        if still == STILL:
            break
    return Lowest(np.asarray(place), float(value), calls)
