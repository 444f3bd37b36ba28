"""The base of all profiles: operators, combinators, and the way to a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lrsched.algebra import pytree, state_dicts  # noqa: F401 (every kind is known to JAX and to Flax)
from lrsched.algebra.arithmetic import Arithmetic
from lrsched.algebra.registry import BASES, built
from lrsched.foundation.errors import ScheduleError
from lrsched.ir.progress import Progress
from lrsched.ir.term import Builder, Term

if TYPE_CHECKING:
    from lrsched.algebra.schedule import Schedule


Pair = tuple[Any, Any]


class Profile(Arithmetic["Profile"]):
    """A shape ``p(u)`` over progress ``u`` in [0, 1], most often falling from 1 to 0.

    Call it with a number, a NumPy array or a JAX array; ``+ - * **`` combine profiles and numbers;
    :meth:`over` lays it over a number of steps.

    Example:
        >>> from lrsched import cosine, linear
        >>> round((cosine() * linear())(0.5), 6)
        0.25
    """

    __slots__ = ()
    _base, _family, _number = "Profile", "profile.", "flat"
    takes_progress = True
    first: ClassVar[float | None] = 1.0
    last: ClassVar[float | None] = 0.0
    sided: ClassVar[bool] = False
    steady: ClassVar[bool] = False
    between_ends: ClassVar[bool] = False  # none of its values lies beyond both of its ends

    if TYPE_CHECKING:
        ramp: Any  # "line" or "wave", and whether it rises, where it is one of these

        def __call__(self, u: Any) -> Any:
            """The value at progress u."""

    else:
        ramp = None

    def formula(self, x: Progress) -> Pair:
        """(p, 1 - p) at progress x."""
        return self.side(x, False), self.side(x, True)

    def side(self, x: Progress, rest: bool) -> Any:
        """1 - p at progress x if it is the ``rest`` that is asked for, else p; kinds define this or the formula."""
        return self.formula(x)[rest]

    def changes(self, steps: int, first: int, last: int) -> NDArray[np.int64] | None:
        """The steps of so many, between ``first`` and ``last``, at which alone it changes.

        None, whatever the range, if it may at any.
        """
        return None

    def nearer(self, x: Progress) -> Pair:
        """Whether p <= 1 - p at progress x, and the smaller of the two."""
        b = x.b
        p, q = (b.floats(b.settled(v)) for v in self.formula(x))
        return smaller(b, p, q)

    def as_power(self) -> tuple[Any, bool] | None:
        """The exponent of a profile that is a power of what is left, or (True) 1 less a power of what is done."""
        return None

    def over(self, steps: Any, start: Any = 1.0, end: Any = 0.0, endpoint: bool = False) -> Schedule:
        """The schedule ``end + (start - end) * p(t / steps)`` of ``steps`` steps.

        Args:
            steps: the duration, an integer >= 0, in updates.
            start: the value where the profile is 1.
            end: the value where the profile is 0.
            endpoint: reach u = 1 at the last update (``t / (steps - 1)``), as ``numpy.linspace`` does.

        Raises:
            ScheduleError: ``steps`` is no integer >= 0, or an end is not finite.

        Example:
            >>> from lrsched import linear
            >>> linear().over(4, end=0.2).sample(5).tolist()
            [1.0, 0.8, 0.6000000000000001, 0.4, 0.2]
        """
        return built("over", self, steps, start, end, endpoint)

    def bent(self, d: Any) -> Profile:
        """``y / ((1 - d) + d*y)`` of the profile's value y: d > 0 stays high longer; ``d < 1``.

        ``linear().bent(d)`` has the values of ``rex(d)``. Chen, Wolfe and Kyrillidis (2022).
        """
        return built("profile.bent", self, d)

    def warped(self, k: Any) -> Profile:
        """``p(u**k)``, k > 0: the k-decay of Zhang and Li (2020)."""
        return built("profile.warped", self, k)

    def reversed(self) -> Profile:
        """``p(1 - u)``."""
        return built("profile.reversed", self)

    def mirrored(self) -> Profile:
        """There and back: ``p(2u)`` in the first half, ``p(2 - 2u)`` in the second."""
        return built("profile.mirrored", self)

    def delayed(self, share: Any) -> Profile:
        """Hold the first level for a share of the whole, then run the profile in the rest."""
        return built("profile.delayed", self, share)

    def normalised(self) -> Profile:
        """``(p(u) - p(1)) / (p(0) - p(1))``: from exactly 1 to exactly 0."""
        return built("profile.normalised", self)

    def sampled(self, times: int | None = None, *, at: Any = None) -> Profile:
        """Sample and hold: read the profile ``times`` times at equal distances, or at the shares ``at``.

        Args:
            times: number of equal intervals; the value held in each is the profile at its beginning.
            at: increasing shares in (0, 1]; before the first, the value at u = 0 is held.

        Example:
            >>> from lrsched import linear
            >>> linear().sampled(times=2).over(4).sample(4).tolist()
            [1.0, 1.0, 0.5, 0.5]
        """
        if (times is None) == (at is None):
            raise ScheduleError("sampled: give exactly one of times and at")
        return built("profile.sampled_times", self, times) if at is None else built("profile.sampled_at", self, at)


BASES["Profile"] = Profile


def smaller(b: Builder, p: Term, q: Term) -> tuple[Term, Term]:
    """Whether p <= q, and the smaller one: of reals a choice, since a minimum has half of both gradients at a tie."""
    first = b.le(p, q)
    return first, b.where(first, p, q) if "f" in (p.dtype, q.dtype) else b.minimum(p, q)
