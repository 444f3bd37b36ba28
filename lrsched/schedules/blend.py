"""A profile between two values, with both ends exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lrsched.algebra.profile import Profile
from lrsched.foundation.numbers import is_jax
from lrsched.foundation.records import replaced
from lrsched.ir import folding
from lrsched.ir.progress import Progress
from lrsched.ir.term import Builder, Term, named
from lrsched.profiles.shapes import Linear, power_of, power_rest


class Choice:
    """One of several profiles, for targets that compute them all."""

    sided, steady, first, last = True, False, None, None

    def __init__(self, profiles: Sequence[Profile], choose: Callable[[Sequence[Term]], Term]) -> None:
        self.profiles, self.choose = profiles, choose

    def nearer(self, x: Progress) -> tuple[Term, Term]:
        """See :meth:`Profile.nearer`."""
        powers = {i: found for i, p in enumerate(self.profiles) if (found := p.as_power()) is not None}
        if len(powers) > 1:
            one = self._power(x, powers)
            pairs = [one if i in powers else p.nearer(x) for i, p in enumerate(self.profiles)]
        else:
            pairs = [p.nearer(x) for p in self.profiles]
        later, weights = zip(*pairs, strict=True)
        return self.choose(later), self.choose(weights)

    def _power(self, x: Progress, powers: Mapping[int, tuple[Any, bool]]) -> tuple[Term, Term]:
        """All powers as one: of what is left or of what is done, with the exponent of the group."""
        b, some = x.b, next(iter(powers.values()))
        all_ = [powers.get(i, some) for i in range(len(self.profiles))]
        power, turned = (self.choose([b.lift(v) for v in values]) for values in zip(*all_, strict=True))
        done, left = b.where(turned, x.left, x.done), b.where(turned, x.done, x.left)
        y = replaced(x, done=done, left=left, raw=None)
        p, q = power_of(y, y.z, y.left, power), power_rest(y, power)
        return b.le(b.where(turned, q, p), b.where(turned, p, q)), b.minimum(p, q)

    def formula(self, x: Progress) -> tuple[Term, Term]:
        """See :meth:`Profile.formula`."""
        shapes, rests = zip(*(profile.formula(x) for profile in self.profiles), strict=True)
        return self.choose(shapes), self.choose(rests)

    def side(self, x: Progress, rest: bool) -> Term:
        """See :meth:`Profile.side`."""
        return self.choose([profile.side(x, rest) for profile in self.profiles])


LINEAR = Linear()
MOSTLY = 0.51


def blend(x: Progress, profile: Profile | Choice, start: Any, end: Any) -> Term:
    """``end + (start - end) * p``, measured from the end of smaller value, with both ends exact."""
    b, x = x.b, x if profile.first is None else x.simple()
    start, end = b.floats(start), b.floats(end)
    same = start.op == end.op == "const" and start.args[0] == end.args[0]
    if same or (x.left.equals(0) and profile.last == 0.0):
        return b.settled(end)
    falling = _falls(b, start, end)
    if not b.branching and (profile.sided or not falling.is_const):
        gap = _gap(falling, start, end) if b.weighed and profile.steady else None
        return _from_both_ends(x, profile, start, end) if gap is None else _from_one_end(x, profile, gap, start, end)
    near, far = _levels(falling, start, end)
    weight, span = _weight(x, profile, falling), _span(near, far)
    value = _between(near, far, span, weight)
    if not b.branching and profile.first == 1.0 and profile.last == 0.0:
        return b.where(_at_far_end(x, falling), far, value)  # where the weight is 0, near is exact by itself
    if (profile.first is None and value is weight) or (b.branching and _reaches(near, far, span)):
        return value
    if profile.first == 1.0:
        return _with_exact_ends(x, profile, value, start, end, near, far)
    known = not getattr(profile, "_arrays", False)  # else the far end keeps the gradient of what the run knows
    return b.where(b.eq(weight, 1.0), far if known else b.add(b.mul(span, b.sub(weight, 1.0)), far), value)


def _weight(x: Progress, profile: Profile | Choice, falling: Term) -> Term:
    """p where the size falls, 1 - p where it rises."""
    b = x.b
    if falling.op == "const":
        return b.floats(b.settled(profile.side(x, not falling.args[0])))
    p, q = (b.floats(b.settled(v)) for v in profile.formula(x))
    return b.where(falling, p, q)


def _levels(falling: Term, start: Term, end: Term) -> tuple[Term, Term]:
    """The level of smaller size and the other one."""
    b, index = falling.b, _index(start, end)
    if not b.branching or index is None or falling.is_const:
        return b.where(falling, end, start), b.where(falling, start, end)
    first, second = _array(start), _array(end)
    down = np.abs(first) >= np.abs(second)
    return b.column(np.where(down, second, first), index), b.column(np.where(down, first, second), index)


def _index(near: Term, far: Term) -> Term | None:
    """The index of two levels that are known in every piece; None if they are not, or the same in all."""
    columns = [t for t in (near, far) if t.op == "column"]
    known = all(t.op in ("const", "column") and not is_jax(t.args[0]) for t in (near, far))
    return columns[0].args[1] if columns and known else None


def _from_both_ends(x: Progress, profile: Profile | Choice, start: Term, end: Term) -> Term:
    """``end + span * p`` where p is the smaller, ``start - span * (1 - p)`` elsewhere: both ends are exact as they are.

    Nothing cancels whichever end is the smaller, so that it need not be known.
    """
    b = x.b
    start, end = b.settled(start), b.settled(end)
    later, weight = profile.nearer(x)
    part = b.mul(b.sub(start, end), weight)
    return b.where(later, b.add(part, end), b.sub(start, part))


def _gap(falling: Term, start: Term, end: Term) -> Term | None:
    """What leads from the smaller of two known levels of one sign exactly to the other, in the target's numbers."""
    b = falling.b
    if not falling.is_const or any(t.op not in ("const", "column") or is_jax(t.args[0]) for t in (start, end)):
        return None
    near, far = np.broadcast_arrays(*(_array(t) for t in _levels(falling, start, end)))
    if np.any(np.sign(near) * np.sign(far) < 0):
        return None
    gap, index = folding.gap(near, far, b.single), _index(start, end)
    if gap is None:
        return None
    return b.lift(float(gap)) if index is None else b.column(gap, index)


def _from_one_end(x: Progress, profile: Profile | Choice, gap: Term, start: Term, end: Term) -> Term:
    """``near + gap * p`` where p is exactly 0 and 1 at its ends, and as exact as it can be near them."""
    b, falling = x.b, _falls(x.b, start, end)
    return b.add(b.mul(gap, _weight(x, profile, falling)), b.where(falling, end, start))


def _between(near: Term, far: Term, span: Term, weight: Term) -> Term:
    """``near + span * weight``; counted from ``far`` where the weight is 1 less something small."""
    b = weight.b
    if b.branching and weight.op == "where":
        condition, yes, no = weight.args
        return b.where(condition, _between(near, far, span, yes), _between(near, far, span, no))
    if b.branching and weight.op == "sub" and weight.args[0].equals(1.0) and _reaches(near, far, span):
        rest = weight.args[1]
        if rest.hi <= MOSTLY:
            return _crest(near, far, named(rest)) or b.sub(far, b.mul(span, rest))
    return b.add(b.mul(span, weight), near)


def _crest(near: Term, far: Term, rest: Term) -> Term | None:
    """``far - (far - near) * sin(a)**2`` as ``middle + half * cos(2a)``, for levels of one sign and a constant pace."""
    wave, again = rest.args if rest.op == "mul" else (rest, None)
    angle = wave.args[0] if wave is again and wave.op == "sin" else rest
    if angle.op != "mul" or angle.args[1].op != "const":
        return None
    b, index, low, high = rest.b, _index(near, far), near.args[0], far.args[0]
    middle = low / 2 + high / 2
    half = high - middle
    one_sign = ((low >= 0) & (high >= 0)) | ((low <= 0) & (high <= 0))
    fits = one_sign & (middle + half == high)
    if not (fits if index is None else np.all(fits)):
        return None
    wave = b.cos(b.mul(angle.args[0], 2 * angle.args[1].args[0]))
    if index is None:
        return b.add(b.mul(half, wave), middle)
    return b.add(b.mul(b.column(half, index), wave), b.column(middle, index))


def _reaches(near: Term, far: Term, span: Term) -> bool:
    """Whether near + span is far, exactly."""
    if near.op == far.op == "const":
        return bool(near.args[0] + span.args[0] == far.args[0])
    known = near.b.branching and _index(near, far) is not None
    return known and folding.every(_array(near) + _array(span) == _array(far))


def _span(near: Term, far: Term) -> Term:
    """far - near, one unit in its last place aside where near + span would else miss far."""
    b = near.b
    if near.op == far.op == "const":
        span = far - near
        return b.lift(folding.reaching(near.args[0], far.args[0], span.args[0])) if span.op == "const" else span
    index = _index(near, far)
    if index is None or not b.branching:
        return far - near
    with np.errstate(all="ignore"):
        first, second = _array(near), _array(far)
        return b.column(folding.reaching(first, second, second - first), index)


def _sizes(level: Term) -> tuple[Any, Any]:
    """The least and the largest size that a level may have."""
    low, high = sorted((abs(level.lo), abs(level.hi)))
    return 0 if level.lo < 0 < level.hi else low, high


def _falls(b: Builder, start: Term, end: Term) -> Term:
    """Whether the size falls from start to end; known at once for plain numbers and for columns that agree."""
    if start.op == end.op == "const":
        return b.lift(abs(start.value) >= abs(end.value))
    if start.is_const and end.is_const and "bound" not in (start.op, end.op):
        (low, most), (least, high) = map(_sizes, (start, end))
        if low >= high or most <= least:
            return b.lift(low >= high)
        first, second = (np.abs(_array(v)) for v in (start, end))
        if folding.every(first >= second):
            return b.lift(True)
        if folding.every(first <= second):
            return b.lift(False)
        index = next(t.args[1] for t in (start, end) if t.op == "column")
        return b.eq(b.settled(b.column((first >= second).astype(np.int64), index)), 1)
    return b.le(end * end, start * start)


def _array(term: Term) -> Any:
    return np.asarray(term.args[0], dtype=np.float64)


def _with_exact_ends(
    x: Progress, profile: Profile | Choice, value: Term, start: Term, end: Term, near: Term, far: Term
) -> Term:
    """The value, replaced at an end where rounding could move it off the number given."""
    b = x.b
    if profile.last == 0.0 and not (near is end and b.branching):
        value = b.where(b.eq(x.left, 0), end, value)
    if profile.first == 1.0 and not (near is start and b.branching):
        value = b.where(b.eq(x.done, 0), start, value)
    return value


def _at_far_end(x: Progress, falling: Term) -> Term:
    """Whether all is left of what falls, or all is done of what rises."""
    if falling.op == "const":
        return x.b.eq(x.done if falling.args[0] else x.left, 0)
    return x.b.eq(x.b.where(falling, x.left, x.done), x.total)
