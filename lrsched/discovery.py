"""Reading a rate off an LR range test, and layer-wise trust ratios: pure functions of plain arrays."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lrsched.foundation.errors import BELOW_1, check_count, check_real, fail
from lrsched.foundation.numbers import is_jax

Vector = NDArray[np.float64]

SLIDE_WIDTH = 15
SLIDE_THRESHOLD = 0.005
BEGUN, DONE = 0.1, 0.9
SHARE = ("a number in [0, 1)", 0.0, BELOW_1)
ABOVE_1 = ("a number > 1", math.nextafter(1.0, 2.0))


@dataclasses.dataclass(frozen=True, slots=True)
class Suggestions:
    """Rates read off one range test, by the name of the rule; None where the curve does not support the rule.

    ``dataclasses.asdict`` gives them as a dictionary. What each means is said by :func:`suggest`.
    """

    steepest: float | None
    valley: float | None
    slide: float | None
    minimum: float | None
    base: float | None
    max: float | None


def smooth(losses: ArrayLike, beta: float = 0.98) -> Vector:
    """The debiased exponential moving average of a series of losses.

    m(i) = beta * m(i-1) + (1 - beta) * loss(i), m(-1) = 0; the result is m(i) / (1 - beta**(i+1)), so that the first
    element is the first loss and no element is drawn to 0. A NaN makes all later elements NaN.

    Args:
        losses: real vector of n losses.
        beta: weight of the past, in [0, 1); 0 gives the losses back.

    Returns:
        float64 vector of n.

    Raises:
        ScheduleError: if the losses are not a real vector or beta is outside [0, 1).

    Source: the bias correction of Kingma and Ba (2015).

    Example:
        >>> smooth([1.0, 1.0, 4.0], beta=0.5).tolist()
        [1.0, 1.0, 2.7142857142857144]
    """
    values = _vector("smooth", "losses", losses)
    return _smooth(values, check_real("smooth", "beta", beta, *SHARE))


def _smooth(values: Vector, beta: float) -> Vector:
    if beta == 0.0:
        return values.copy()
    means = np.empty_like(values)
    mean = 0.0
    for i, value in enumerate(values.tolist()):
        mean = beta * mean + (1.0 - beta) * value
        means[i] = mean / (1.0 - beta ** (i + 1))
    return means


def diverged(losses: ArrayLike, divergence: float = 4.0) -> int | None:
    """The first index at which a series of (smoothed) losses has diverged, or None.

    Diverged is a loss that is NaN, or above best + (divergence - 1) * |best| for the best loss up to there: for a
    positive best that is ``divergence`` times the best, and a negative best is no trap.

    Args:
        losses: real vector of n losses.
        divergence: a number > 1.

    Raises:
        ScheduleError: if the losses are not a real vector or divergence is not above 1.

    Source: the stop rule of fastai's ``lr_find`` (Howard and Gugger, 2020).

    Example:
        >>> diverged([2.0, 1.0, 3.0, 4.5, 2.0])
        3
        >>> diverged([2.0, 1.0, 3.0]) is None
        True
    """
    values = _vector("diverged", "losses", losses)
    return _first(np.isnan(values) | _above_best(values, check_real("diverged", "divergence", divergence, *ABOVE_1)))


def _above_best(values: Vector, divergence: float) -> NDArray[np.bool_]:
    best = np.fmin.accumulate(values)
    with np.errstate(all="ignore"):
        return values > np.where(best >= 0, divergence * best, best - (divergence - 1.0) * best)


def _first(flags: NDArray[np.bool_]) -> int | None:
    return int(flags.argmax()) if flags.any() else None


def suggest(
    rates: ArrayLike,
    losses: ArrayLike,
    *,
    smoothing: float = 0.98,
    divergence: float = 4.0,
    skip_start: int | None = None,
    skip_end: int = 5,
) -> Suggestions:
    """Every known suggestion from an LR range test, by name.

    The losses are smoothed (:func:`smooth`), cut after the step at which they diverge (:func:`diverged`) and before
    the first that is not finite, and trimmed by ``skip_start`` at the start and ``skip_end`` at the end. On what is
    left, L over rates r:

    - ``steepest``: the r where dL / d(log r) is most negative.
    - ``valley``: a point at half of the middle third of the longest falling subsequence.
    - ``slide``: from the right, while the gradients of L (per step) 15 steps apart differ by more than 0.005, the left
      one moves on; the last r it passed. The threshold is in the loss's unit.
    - ``minimum``: a tenth of the r at the smallest L.
    - ``base`` and ``max``, the ends of a cyclical schedule: where L begins to fall and where it has all but stopped,
      namely the first r by which a tenth, and nine tenths, of the way from the first L to the smallest are done.

    A suggestion is None where the curve does not support it (too few points, or a loss that never falls).

    Args:
        rates: the rate of each step, increasing positive vector of n >= 2.
        losses: the loss of each step as measured, real vector of n; NaN and infinities are allowed.
        smoothing: weight of the past in the average, in [0, 1); 0 for losses that are smoothed already.
        divergence: a number > 1.
        skip_start: steps left out at the start; None for a tenth of n.
        skip_end: steps left out at the end of what was run until divergence.

    Raises:
        ScheduleError: for vectors that do not fit the above, naming the argument.

    Source: Smith, "Cyclical Learning Rates" (2017), for the test, ``base`` and ``max`` (which he reads by eye);
    fastai's ``lr_find`` for the others (Howard and Gugger, 2020).

    Example:
        >>> rates = np.geomspace(1e-5, 1.0, 101)
        >>> result = suggest(rates, 1.0 + (np.log10(rates) + 2.0) ** 2, smoothing=0.0, skip_end=0)
        >>> f"{result.minimum:.1e} {result.base:.1e} {result.max:.1e}"
        '1.0e-03 4.5e-05 1.8e-03'
    """
    steps = _rates(rates)
    values = _vector("suggest", "losses", losses)
    if len(values) != len(steps):
        fail("suggest", "losses", f"as many as rates ({len(steps)})", len(values))
    first = len(steps) // 10 if skip_start is None else check_count("suggest", "skip_start", skip_start)
    last = check_count("suggest", "skip_end", skip_end)
    curve = _smooth(values, check_real("suggest", "smoothing", smoothing, *SHARE))
    with np.errstate(all="ignore"):
        end = _end(curve, check_real("suggest", "divergence", divergence, *ABOVE_1), last)
        return _suggestions(steps[first:end], curve[first:end])


def _end(curve: Vector, divergence: float, skip_end: int) -> int:
    """Where the usable part of the curve ends: short of the end of the run, of NaN and of infinities."""
    stop = _first(_above_best(curve, divergence))
    run = len(curve) if stop is None else stop + 1
    broken = _first(~np.isfinite(curve))
    return max(0, run - skip_end if broken is None else min(run - skip_end, broken))


def _suggestions(rates: Vector, curve: Vector) -> Suggestions:
    base, top = _ends(rates, curve)
    return Suggestions(
        steepest=_steepest(rates, curve),
        valley=_valley(rates, curve),
        slide=_slide(rates, curve),
        minimum=float(rates[curve.argmin()]) / 10 if len(curve) else None,
        base=base,
        max=top,
    )


def _steepest(rates: Vector, curve: Vector) -> float | None:
    if len(curve) < 2:
        return None
    slopes = np.diff(curve) / np.diff(np.log(rates))
    return float(rates[slopes.argmin()]) if slopes.min() < 0 else None


def _valley(rates: Vector, curve: Vector) -> float | None:
    lengths = np.ones(len(curve), dtype=np.int64)
    for i in range(1, len(curve)):
        higher = lengths[:i][curve[:i] > curve[i]]
        lengths[i] = 1 + higher.max(initial=0)
    if len(curve) < 2 or lengths.max() < 2:
        return None
    stop = int(lengths.argmax())
    start = stop - int(lengths[stop])
    third = (stop - start) / 3
    return float(rates[max(0, start + int(third) + int(third / 2))])


def _slide(rates: Vector, curve: Vector) -> float | None:
    if len(curve) <= SLIDE_WIDTH:
        return None
    gradients = np.gradient(curve)
    left = len(curve) - 1 - SLIDE_WIDTH
    found = left
    while left >= 0 and abs(gradients[left + SLIDE_WIDTH] - gradients[left]) > SLIDE_THRESHOLD:
        found = left
        left -= 1
    return float(rates[found])


def _ends(rates: Vector, curve: Vector) -> tuple[float | None, float | None]:
    """Smith's base and max: both or neither, since a cycle needs two different rates."""
    if len(curve) < 2 or curve.min() >= curve[0]:
        return None, None
    share = (curve[0] - curve) / (curve[0] - curve.min())
    base, top = int((share >= BEGUN).argmax()), int((share >= DONE).argmax())
    return (float(rates[base]), float(rates[top])) if base < top else (None, None)


def trust_ratio(
    weight_norm: Any, gradient_norm: Any, weight_decay: Any = 0.0, coefficient: Any = 0.001, eps: Any = 0.0
) -> Any:
    """The factor by which LARS scales the rate of one layer.

    coefficient * |w| / (|g| + weight_decay * |w| + eps), and 1 where |w| or |g| is 0.

    With weight decay the paper adds the norms. ``optax.lars`` takes the norm of the sum g + weight_decay * w instead:
    pass that as ``gradient_norm``, with ``weight_decay=0``, for its numbers.

    Args:
        weight_norm: norm of the layer's weights, >= 0: a number, or a NumPy or JAX array of one norm per layer.
        gradient_norm: norm of its gradient, of a shape that broadcasts with that of ``weight_norm``.
        weight_decay: the decay that the optimizer adds to the gradient, >= 0.
        coefficient: the trust coefficient, >= 0.
        eps: added to the denominator, >= 0.

    Returns:
        A float for numbers, else an array of the broadcast shape, JAX's if any argument is.

    Raises:
        ScheduleError: for an argument that is not real or is negative; JAX values are not checked.

    Source: You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks" (2017), equation 6.

    Example:
        >>> trust_ratio(2.0, 0.5, coefficient=0.01)
        0.04
        >>> trust_ratio(0.0, 0.5)
        1.0
    """
    given = {
        "weight_norm": weight_norm,
        "gradient_norm": gradient_norm,
        "weight_decay": weight_decay,
        "coefficient": coefficient,
        "eps": eps,
    }
    w, g, decay, trust, small = (_norm(name, value) for name, value in given.items())
    if any(map(is_jax, given.values())):
        import jax.numpy as jnp

        return _trust(jnp, w, g, decay, trust, small)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        ratio = _trust(np, w, g, decay, trust, small)
    return float(ratio) if all(isinstance(value, float) for value in (w, g)) else ratio


def _trust(xp: Any, w: Any, g: Any, decay: Any, trust: Any, small: Any) -> Any:
    still = (w == 0) | (g == 0)
    below = xp.where(still, 1.0, g + decay * w + small)
    return xp.where(still, 1.0, trust * w / below)


def _norm(name: str, value: Any) -> Any:
    """A number >= 0 as a float, an array of them as it is, JAX values unchecked."""
    if is_jax(value):
        return value
    allowed = "a real number >= 0, or an array of them"
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        fail("trust_ratio", name, allowed, value, wrong_type=True)
    if (array < 0).any():
        fail("trust_ratio", name, allowed, value)
    return value if isinstance(value, (np.ndarray, np.generic)) else (float(array) if array.ndim == 0 else array)


def _vector(where: str, argument: str, values: ArrayLike) -> Vector:
    """``values`` as a float64 vector; text, booleans, complex numbers and None are refused."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        fail(where, argument, "a vector of real numbers", values, wrong_type=True)
    if array.dtype.kind not in "iufV" or (array.dtype.kind == "V" and array.dtype.names is not None):
        fail(where, argument, "a vector of real numbers", values, wrong_type=True)
    if array.ndim != 1:
        fail(where, argument, "of shape (n,)", array.shape)
    return array.astype(np.float64)


def _rates(rates: ArrayLike) -> Vector:
    vector = _vector("suggest", "rates", rates)
    if len(vector) < 2:
        fail("suggest", "rates", "at least 2 points", len(vector))
    if not np.isfinite(vector).all() or vector[0] <= 0:
        at = int((~np.isfinite(vector) | (vector <= 0)).argmax())
        fail("suggest", f"rates[{at}]", "a finite number > 0", float(vector[at]))
    if not (np.diff(vector) > 0).all():
        at = int((np.diff(vector) <= 0).argmax()) + 1
        fail("suggest", f"rates[{at}]", f"above rates[{at - 1}] ({float(vector[at - 1])!r})", float(vector[at]))
    return vector
