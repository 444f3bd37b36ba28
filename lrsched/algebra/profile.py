"""The base of all profiles: operators, combinators, and the way to a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from lrsched.algebra import pytree  # noqa: F401 (every kind is a pytree)
from lrsched.algebra.fields import BASES
from lrsched.algebra.node import NO_NUMBERS, Node
from lrsched.foundation.errors import ScheduleError
from lrsched.ir.progress import Progress

if TYPE_CHECKING:
    from lrsched.algebra.schedule import Schedule

__all__ = ["Profile"]


Pair = tuple[Any, Any]


class Profile(Node):
    """A shape ``p(u)`` over progress ``u`` in [0, 1], most often falling from 1 to 0.

    Call it with a number, a NumPy array or a JAX array; ``+ - * **`` combine profiles and numbers;
    :meth:`over` lays it over a number of steps.

    Example:
        >>> from lrsched import cosine, linear
        >>> round((cosine() * linear())(0.5), 6)
        0.25
    """

    __slots__ = ()
    takes_progress: ClassVar[bool] = True
    first: ClassVar[float | None] = 1.0
    last: ClassVar[float | None] = 0.0
    sided: ClassVar[bool] = False
    steady: ClassVar[bool] = False

    if TYPE_CHECKING:

        def __call__(self, u: Any) -> Any:
            """The value at progress u."""

    def formula(self, x: Progress) -> Pair:
        """(p, 1 - p) at progress x."""
        return self.side(x, False), self.side(x, True)

    def side(self, x: Progress, rest: bool) -> Any:
        """1 - p at progress x if it is the ``rest`` that is asked for, else p; kinds define this or the formula."""
        return self.formula(x)[rest]

    def nearer(self, x: Progress) -> Pair:
        """Whether p <= 1 - p at progress x, and the smaller of the two."""
        from lrsched.profiles.shapes import smaller

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
        from lrsched.schedules.spans import Over

        return Over(self, steps, start, end, endpoint)

    def bent(self, d: Any) -> Profile:
        """``y / ((1 - d) + d*y)`` of the profile's value y: d > 0 stays high longer; ``d < 1``.

        ``linear().bent(d)`` has the values of ``rex(d)``. Chen, Wolfe and Kyrillidis (2022).
        """
        from lrsched.profiles.operators import Bent

        return Bent(self, d)

    def warped(self, k: Any) -> Profile:
        """``p(u**k)``, k > 0: the k-decay of Zhang and Li (2020)."""
        from lrsched.profiles.operators import Warped

        return Warped(self, k)

    def reversed(self) -> Profile:
        """``p(1 - u)``."""
        from lrsched.profiles.operators import Reversed

        return Reversed(self)

    def mirrored(self) -> Profile:
        """There and back: ``p(2u)`` in the first half, ``p(2 - 2u)`` in the second."""
        from lrsched.profiles.operators import Mirrored

        return Mirrored(self)

    def delayed(self, share: Any) -> Profile:
        """Hold the first level for a share of the whole, then run the profile in the rest."""
        from lrsched.profiles.operators import Delayed

        return Delayed(self, share)

    def normalised(self) -> Profile:
        """``(p(u) - p(1)) / (p(0) - p(1))``: from exactly 1 to exactly 0."""
        from lrsched.profiles.operators import Normalised

        return Normalised(self)

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
        from lrsched.profiles.operators import SampledAt, SampledTimes

        if (times is None) == (at is None):
            raise ScheduleError("sampled: give exactly one of times and at")
        return SampledTimes(self, times) if at is None else SampledAt(self, at)  # type: ignore[arg-type]

    def __add__(self, other: Any) -> Profile:
        from lrsched.profiles.operators import Sum, _joined

        return _joined(Sum, self, other)

    def __radd__(self, other: Any) -> Profile:
        from lrsched.profiles.operators import Sum, _joined

        return _joined(Sum, other, self)

    def __sub__(self, other: Any) -> Profile:
        from lrsched.profiles.operators import Sum, _joined

        lifted = lift(other)
        return NotImplemented if lifted is None else _joined(Sum, self, -lifted)

    def __rsub__(self, other: Any) -> Profile:
        from lrsched.profiles.operators import Sum, _joined

        return _joined(Sum, other, -self)

    def __mul__(self, other: Any) -> Profile:
        from lrsched.profiles.operators import Product, _joined

        return _joined(Product, self, other)

    def __rmul__(self, other: Any) -> Profile:
        from lrsched.profiles.operators import Product, _joined

        return _joined(Product, other, self)

    def __pow__(self, power: Any) -> Profile:
        from lrsched.profiles.operators import Power

        return NotImplemented if isinstance(power, Node) else Power(self, power)

    def __neg__(self) -> Profile:
        from lrsched.profiles.operators import Negative
        from lrsched.profiles.shapes import Flat

        return Flat(-self.level) if isinstance(self, Flat) else Negative(self)


BASES["Profile"] = Profile


def lift(value: Any) -> Profile | None:
    """A number as a flat profile; None for anything that is neither number nor profile."""
    from lrsched.profiles.shapes import Flat

    if isinstance(value, Profile):
        return value
    return None if isinstance(value, NO_NUMBERS) else Flat(value)
