"""States with something wrong in them, by seed: what is deleted, retyped, nested, huge, negative or no number."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Iterator
from typing import Any

import lrsched as lrs

STRANGE: tuple[Any, ...] = (
    None, True, False, "", "x", "3", "False", b"3", 0, -1, 1.5, -0.5, 3, 10**9, 2**63, -(2**63), 10**400, 1e308, -1e308,
    math.nan, math.inf, -math.inf, 1j, [], [[]], {}, {"x": 1}, {"evil": [1]}, (), [1, 2], [[4]], [[-5, {}]], [None],
    ["x"], object, object(), range(3), {1: 2}, lrs.cosine().to_dict(), lrs.constant(0.5).to_dict(),
    lrs.cosine().over(5), lrs.cosine(), {"all": []}, {"all": [lrs.cosine().to_dict()]}, {"named": [[1]]},
    {"kind": "constant", "value": "x", "format": 1}, {"format": 1, "kind": "sum", "parts": []},
)  # fmt: skip


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in nested data: the keys and indices that lead there."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list | tuple) else ()
    for key, value in list(pairs):
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(data: Any, path: tuple[Any, ...], how: Any) -> Any:
    """The data with what stands at a place put through a function of its container, its key and its value."""
    kind = type(data)
    made = dict(data) if isinstance(data, dict) else list(data)
    key, *rest = path
    if rest:
        made[key] = changed(made[key], tuple(rest), how)
    else:
        how(made, key, made[key])
    if kind is tuple or hasattr(kind, "_fields"):
        return tuple(made) if kind is tuple or len(made) != len(kind._fields) else kind(*made)
    return made


def _delete(container: Any, key: Any, value: Any) -> None:
    del container[key]


def _double(container: Any, key: Any, value: Any) -> None:
    if isinstance(container, list):
        container.insert(key, copy.deepcopy(value))
    else:
        container[f"{key}2"] = copy.deepcopy(value)


def mutants(data: Any, count: int, seed: int = 0) -> Iterator[Any]:
    """``count`` copies of a state, each with one or two things wrong."""
    rng = random.Random(seed)
    known = list(places(data))
    shallow = [path for path in known if len(path) <= 3]
    for _ in range(count):
        made = data
        for _ in range(rng.choice((1, 1, 1, 2))):
            path = rng.choice(rng.choice((known, shallow)))
            strange = rng.choice(STRANGE)
            how = rng.choice(
                (
                    _delete,
                    _double,
                    _nudge,
                    _nudge,
                    lambda c, k, v, s=strange: c.__setitem__(k, s),
                    lambda c, k, v, s=strange: c.__setitem__(k, s),
                    lambda c, k, v, s=strange: c.__setitem__(k, s),
                    lambda c, k, v: c.__setitem__(k, [v]),
                    lambda c, k, v: c.__setitem__(k, {"x": v}),
                    lambda c, k, v: c.__setitem__(k, str(v)),
                    lambda c, k, v, s=strange: c.__setitem__(s if isinstance(c, dict) and _hashes(s) else k, v),
                )
            )
            try:
                made = changed(made, path, how)
            except (KeyError, IndexError, TypeError):
                continue  # what the first change took away
        yield made
    yield from (x for x in STRANGE if not isinstance(x, type(data)) and x is not None)


def _nudge(container: Any, key: Any, value: Any) -> None:
    """Another number of the same kind, which may well be right."""
    container[key] = value + 1 if type(value) is int else value * 0.5


def _hashes(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def shown(data: Any) -> str:
    """The data as text, for comparisons bit by bit and for messages."""
    try:
        return json.dumps(data, default=repr)
    except (TypeError, ValueError):
        return f"<{type(data).__name__}>"
