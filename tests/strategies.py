"""Random expressions, made from the registry of kinds and their declared fields: no kind is named here.

``Maker`` draws from any ``random.Random``; :func:`expressions` gives Hypothesis one that it can shrink. Fields are
drawn each for itself, then arranged in different ways (sorted, of other lengths, within the duration of a child)
until the kind's own checks accept them.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

import lrsched as lrs
import oracle
from lrsched.algebra import batching, fields, registry
from lrsched.algebra import node as _node
from lrsched.schedules.custom import FUNCTIONS

BIG = (2**24 - 1, 2**24, 2**24 + 1, 10**6, 10**9, 2**31 - 3, 2**31 - 2)
NICE = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.5, 2.0, 3.0, 10.0, 1e-3, 1e-5, -0.5, -1.0, -2.0)
POLICIES = (*fields.POLICIES, 0.0, 0.125)
Variant = tuple[int, ...]


def _endless(xp: Any, t: Any, **numbers: Any) -> Any:
    return sum(numbers.values(), 1.0) / (1.0 + t)


def _brief(xp: Any, t: Any, **numbers: Any) -> Any:
    return 2.0 - t / 40.0 + 0.0 * sum(numbers.values(), 0.0)


lrs.register("tests_endless")(_endless)
lrs.register("tests_brief", duration=40)(_brief)
oracle.CUSTOM["tests_endless"] = (lambda t, **numbers: (1 + sum(numbers.values())) / (1 + t), math.inf)
oracle.CUSTOM["tests_brief"] = (lambda t, **numbers: 2 - t / 40, 40)


class Maker:
    """Builds expressions from a source of random numbers."""

    def __init__(self, random: random.Random, *, big: bool = True) -> None:
        self.random, self.big = random, big
        self.accepted: dict[str, list[tuple[Variant, ...]]] = {}

    def expression(self, base: str, depth: int) -> Any:
        """An expression of a base ("Schedule" or "Profile") that nests at most ``depth`` deep."""
        for _ in range(50):
            leaves = [k for k in kinds_of(base) if is_leaf(k)]
            others = [k for k in kinds_of(base) if not is_leaf(k)]
            shaped = [k for k in leaves if node_fields(k)] or leaves
            roll = self.random.random()
            kinds = others if depth > 1 and roll < 0.75 else shaped if roll < 0.5 else leaves
            found = self.of_kind(self.random.choice(kinds), depth)
            if found is not None:
                return found
        raise AssertionError(f"no {base} of depth {depth} in 50 attempts")

    def one_of(self, kind: type[_node.Node], depth: int) -> Any:
        """An expression of one kind."""
        for _ in range(30):
            found = self.of_kind(kind, depth)
            if found is not None:
                return found
        raise AssertionError(f"the strategies cannot make a {kind.kind_name}; teach them what its fields may hold")

    def of_kind(self, kind: type[_node.Node], depth: int) -> Any:
        """An expression of one kind, or None if nothing drawn was accepted."""
        material = {name: self.material(fields.field_of(kind, name), depth) for name in fields.names_of(kind)}
        known = self.accepted.setdefault(kind.kind_name, [])
        variants = itertools.product(*(range(len(options)) for options in material.values()))
        tried: set[Any] = set()
        for choice in itertools.chain(known, itertools.islice(variants, 600)):
            if choice in tried or any(i >= len(o) for i, o in zip(choice, material.values(), strict=True)):
                continue
            tried.add(choice)
            made = build(kind, {n: o[i] for (n, o), i in zip(material.items(), choice, strict=True)})
            if made is not None:
                if choice not in known:
                    known.append(choice)
                return made
        return None

    # ---- what a field may hold, in several arrangements; a callable takes the other fields' first child

    def material(self, spec: fields.Field, depth: int) -> list[Any]:
        return getattr(self, spec.form)(spec, depth)

    def one_real(self, spec: fields.Field) -> float:
        low, high = spec.low, spec.high
        for _ in range(40):
            x = self.random.choice(NICE) if self.random.random() < 0.6 else round(self.random.uniform(-3, 6), 3)
            if low > -math.inf and high < math.inf and self.random.random() < 0.8:
                x = self.random.choice((0.0, 0.25, 0.5, 0.75, 1.0, self.random.random())) * (high - low) + low
            if low <= x <= high and not (spec.open_low and x == low) and not (spec.open_high and x == high):
                return float(x)
        return next(x for x in (1.0, 0.5, 2.0, -1.0) if low < x < high)

    def one_count(self, spec: fields.Field) -> int:
        if self.big and self.random.random() < 0.15:
            return self.random.choice(BIG)
        return int(max(spec.low, 0)) + self.random.choice((0, 1, 2, 3, 5, 7, 10, 12, 40, 100))

    def real(self, spec: fields.Field, depth: int) -> list[Any]:
        x = self.one_real(spec)
        return [x, x + 10.0] if spec.high == math.inf else [x]

    def count(self, spec: fields.Field, depth: int) -> list[Any]:
        n, small = self.one_count(spec), self.random.choice((0, 1, 2, 5))
        within = lambda child: int(spec.low) + n % max(1, _length(child) - int(spec.low))  # noqa: E731
        beyond = lambda child: _length(child) + small + 1  # noqa: E731
        return [n, within, beyond]

    def reals(self, spec: fields.Field, depth: int) -> list[Any]:
        values = [self.one_real(spec) for _ in range(max(spec.least, 1) + self.random.choice((0, 1, 2)))]
        ordered = sorted({*values, *(self.one_real(spec) for _ in range(12))})
        options: list[Any] = []
        for size in (4, 3, 2, 1, 5):
            options += [tuple((values * 5)[:size]), tuple(ordered[:size])]
            options += [(0.0, *[x for x in ordered if 0 < x < 1][: size - 2], 1.0)]
        start = self.random.choice((0, 3))
        return [tuple(values), *options[start:], *options[:start]]

    def counts(self, spec: fields.Field, depth: int) -> list[Any]:
        values = {self.one_count(spec) for _ in range(8)}
        ordered = sorted(values)
        return [tuple(ordered[:size]) for size in self.random.sample((0, 1, 2, 3, 4), 5) if size >= spec.least]

    def static(self, spec: fields.Field, depth: int) -> list[Any]:
        if spec.choices:
            return self.random.sample(spec.choices, len(spec.choices))
        if spec.base == "policy":
            return [self.random.choice(POLICIES)]
        if spec.base == "count":
            options = [
                int(max(spec.low, 0)) + self.random.choice((0, 1, 2, 3, 4, 6)),
                2 ** self.random.choice((0, 1, 3)),
            ]
            return [None, *options] if spec.optional and self.random.random() < 0.3 else options
        if spec.base == "str":
            return [self.random.choice([name for name in FUNCTIONS if name.startswith("tests_")])]
        x = self.one_real(spec)
        return [x, 1.0 + max(x, 0.05)]

    def node(self, spec: fields.Field, depth: int) -> list[Any]:
        child = self.expression(spec.base, max(1, depth - 1))
        if isinstance(child, lrs.Schedule):
            n = self.random.choice((1, 4, 9, 20))
            return [child, child.lasting(n)]
        return [child]

    def nodes(self, spec: fields.Field, depth: int) -> list[Any]:
        size = self.random.choice((2, 2, 3))
        parts = tuple(self.expression(spec.base, max(1, depth - 1)) for _ in range(size))
        if not isinstance(parts[0], lrs.Schedule):
            return [parts[:size] for size in (len(parts), 2, 1, 3) if size <= len(parts)]
        if self.random.random() < 0.2:
            parts = self.many_alike(parts)
        return [parts, (*(p.lasting(self.random.choice((0, 1, 5, 12))) for p in parts[:-1]), parts[-1])]

    def many_alike(self, parts: tuple[Any, ...]) -> tuple[Any, ...]:
        """Pieces that differ in their numbers alone, enough of them to be compiled together."""
        count = self.random.choice((6, 9))
        few = [p if p.duration == math.inf or 3 * p.duration < 2**53 else p.lasting(_length(p)) for p in parts]
        return tuple((self.random.choice((0.5, 2.0, 3.0)) * few[i % 2]).stretched(1.0 + i % 3) for i in range(count))

    def numbers(self, spec: fields.Field, depth: int) -> list[Any]:
        names = self.random.sample(("a", "b", "gain"), self.random.choice((0, 1, 2)))
        return [tuple((name, abs(self.one_real(spec))) for name in sorted(names))]


def build(kind: type[_node.Node], values: dict[str, Any]) -> Any:
    """The expression, or None if the kind refuses these fields."""
    child = next((v for v in values.values() if isinstance(v, lrs.Schedule)), None)
    if any(callable(v) and not isinstance(v, _node.Node) for v in values.values()) and child is None:
        return None
    if child is not None and not _length(child) > 0:
        return None
    filled = {k: v(child) if callable(v) and not isinstance(v, _node.Node) else v for k, v in values.items()}
    try:
        return kind(**filled)
    except lrs.ScheduleError:
        return None


def _length(child: Any) -> int:
    return int(min(child.duration, 2**31 - 2))


def is_leaf(kind: type[_node.Node]) -> bool:
    """Whether a kind can be made without another expression of its own base."""
    return all(not issubclass(kind, registry.BASES[fields.field_of(kind, n).base]) for n in node_fields(kind))


def node_fields(kind: type[_node.Node]) -> list[str]:
    return [n for n in fields.names_of(kind) if fields.field_of(kind, n).form in ("node", "nodes")]


# in which order kinds are drawn, whichever file is imported first: a number goes on meaning the same expression
ORDER = (
    "flat linear cosine polynomial one_minus_power exponential inverse_time logarithmic rex tanh knots pchip staircase "
    "phases profile.sum profile.product profile.power profile.negative profile.bent profile.warped profile.reversed "
    "profile.mirrored profile.delayed profile.normalised profile.sampled_times profile.sampled_at over warmup constant "
    "hold multi_step step_decay piecewise exponential_decay inverse_time_decay inverse_sqrt power_decay geometric table "
    "silver_steps chebyshev_steps custom sequence sum product minimum maximum quotient power raised negative clipped "
    "perturbed restarted reversed mirrored stretched extended advanced delayed lasting after sampled_every sampled_at "
    "per_epoch"
)
PLACES = {name: place for place, name in enumerate(ORDER.split())}


def kinds_of(base: str) -> list[type[_node.Node]]:
    """The registered kinds of a base, those that tests made up left out."""
    found = [k for k in registry.KINDS.values() if issubclass(k, registry.BASES[base])]
    return sorted(found, key=lambda k: PLACES.get(k.kind_name, len(PLACES)))


@st.composite
def expressions(draw: Callable[[Any], Any], base: str = "Schedule", depth: int = 6, big: bool = True) -> Any:
    """Any expression of a base, up to ``depth`` deep."""
    rnd = draw(st.randoms(use_true_random=False))
    return Maker(rnd, big=big).expression(base, draw(st.integers(1, depth)))


def seeded(seed: int, base: str = "Schedule", depth: int | None = None, big: bool = True) -> Any:
    """The expression of a number: the same in every run."""
    rnd = random.Random(seed)
    return Maker(rnd, big=big).expression(base, depth or 1 + seed % 6)


def single(expression: Any) -> Any:
    """The expression with its real numbers as float32 holds them: what it is when it is passed as an argument."""

    def rounded(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(rounded, value))
        return float(np.float32(value)) if isinstance(value, float) else value

    return batching.map_every_leaf(expression, rounded)


def steps_of(schedule: Any, rnd: random.Random, count: int = 16, limit: int = 2**31 - 1) -> list[int]:
    """Steps worth looking at: both ends, around every length in the expression and their sums, around 2**24."""
    lengths = sorted(set(_lengths(schedule.to_dict())))
    near = {0, 1, 2, 3, 2**24 - 1, 2**24, 2**24 + 1, limit - 1, limit}
    places = {0, *lengths, *(a + b for a in lengths[:6] for b in lengths[:6]), *(2 * a for a in lengths)}
    if schedule.duration != math.inf:
        places |= {int(schedule.duration), int(schedule.duration) // 2}
    near |= {place + i for place in places for i in (-1, 0, 1)}
    found = sorted(t for t in near if 0 <= t <= limit)
    chosen = set(rnd.sample(found, min(len(found), count)))
    top = int(min(schedule.duration, max([*lengths, 10]) * 4, limit))
    return sorted(chosen | {rnd.randint(0, top) for _ in range(max(2, count // 4))})


def _lengths(data: Any) -> Iterator[int]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key not in ("format", "seed"):
                yield from _lengths(value)
    elif isinstance(data, list):
        yield from itertools.chain.from_iterable(map(_lengths, data))
    elif isinstance(data, int) and not isinstance(data, bool):
        yield data
