"""Inputs that break programs: texts, data, states and arguments, each made from good ones by a numbered generator."""

from __future__ import annotations

import json
import math
import random
import re
from typing import Any

import strategies
from lrsched.algebra import fields, registry

TOKENS = re.compile(r"[A-Za-z_]\w*|[0-9.]+(?:e[+-]?\d+)?|\s+|>>|\*\*|.")
NUMBERS = (0, -1, 1, 2, 7, 0.5, -0.0, 1e-320, 5e-324, 1e308, 1.8e308, 1e16, 2**31, 2**53 - 1, 2**53, 10**30, 10**400)
STRANGE: tuple[Any, ...] = (
    *NUMBERS,
    *(math.nan, math.inf, -math.inf, True, None, "", "3", "cosine", "\x00", "é" * 300, b"x", 1j, object(), print),
    *([], [[]], {}, {"kind": "cosine"}, {"kind": []}, (1,), [1, "a"], range(5), {1, 2}, [1e300] * 3),
)
WORDS = ("(", ")", ",", ">>", "**", "*", "/", "-", "+", "=", "[", "]", ".", "'", '"', "#", "\\", "\n", "\t", "k", "M")
NAMES = ("cosine", "warmup", "plan", "restarted", "over", "total", "__class__", "lambda", "import", "t_mult", "sampled")


def texts(rnd: random.Random) -> str:
    """The text of an expression in which some words are others."""
    words = TOKENS.findall(repr(strategies.seeded(rnd.randrange(10**6), depth=rnd.randrange(1, 4))))
    for _ in range(rnd.randrange(1, 5)):
        i = rnd.randrange(len(words)) if words else 0
        new = rnd.choice((rnd.choice(WORDS), rnd.choice(NAMES), str(rnd.choice(NUMBERS)), words[i] if words else ""))
        words[i : i + rnd.choice((0, 1, 1, 2))] = [new] * rnd.choice((0, 1, 1, 1, 2, 50))
    return "".join(words)


def data(rnd: random.Random) -> Any:
    """The data of an expression in which some entries are others."""
    found = strategies.seeded(rnd.randrange(10**6), depth=rnd.randrange(1, 4)).to_dict()
    return changed(rnd, json.loads(json.dumps(found)))


def changed(rnd: random.Random, whole: Any) -> Any:
    """Data in which some entries are lost, strange or doubled."""
    for _ in range(rnd.randrange(1, 4)):
        holders = [x for x in _below(whole) if x]
        if not holders:
            return rnd.choice(STRANGE)
        holder = rnd.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key, other = rnd.choice(keys), rnd.choice(STRANGE)
        roll = rnd.random()
        if roll < 0.2:
            del holder[key]
        elif roll < 0.3 and isinstance(holder, dict):
            holder[rnd.choice(("kind", "x", "format", "parts", 3))] = other
        elif roll < 0.4:
            holder[key] = rnd.choice(holders)
        else:
            holder[key] = other
    return whole


def _below(whole: Any) -> list[Any]:
    """The lists and tables that data hold, themselves among them."""
    found, seen = [whole] if isinstance(whole, list | dict) else [], set[int]()
    for holder in found:  # which grows on the way
        inner = holder.values() if isinstance(holder, dict) else holder
        seen.add(id(holder))
        found += [x for x in inner if isinstance(x, list | dict) and id(x) not in seen]
    return found


def arguments(rnd: random.Random) -> tuple[Any, list[Any]]:
    """A kind, and arguments that it may not take."""
    kind = registry.KINDS[rnd.choice(sorted(registry.KINDS))]
    made = strategies.Maker(rnd)
    good = made.one_of(kind, 2)
    values = [getattr(good, name) for name in fields.names_of(kind)]
    for _ in range(rnd.randrange(1, 3)):
        if values:
            values[rnd.randrange(len(values))] = rnd.choice((*STRANGE, *values, made.expression("Profile", 1)))
    return kind, values[: rnd.choice((len(values), len(values), len(values), rnd.randrange(len(values) + 1)))]
