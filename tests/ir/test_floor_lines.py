"""The floors of lines on the grid of whole numbers, against arithmetic with fractions."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from lrsched.ir.floor_lines import FloorLine, lowest

TOP = 2**31 - 1


def test_short_lines_have_the_same_floor() -> None:
    rnd = random.Random(1)
    for _ in range(4000):
        limit, over, other = rnd.randint(1, 60), rnd.choice((rnd.randint(1, 300), 10**6 - 17)), rnd.randint(1, 999)
        slope, start = Fraction(rnd.randrange(over), over), Fraction(rnd.randrange(other), other)
        line = FloorLine.through(slope, start, limit)
        assert 0 <= line.times <= line.over <= 2 * limit
        assert [line.at(t) for t in range(limit + 1)] == [math.floor(slope * t + start) for t in range(limit + 1)]


def test_short_lines_as_long_as_a_run() -> None:
    rnd = random.Random(2)
    for _ in range(50):
        slope, start = Fraction(rnd.random()), Fraction(rnd.random())
        line = FloorLine.through(slope, start, TOP)
        assert line.over < 2**32
        for t in (0, 1, TOP - 1, TOP, *(rnd.randrange(TOP) for _ in range(200))):
            assert line.at(t) == math.floor(slope * t + start)


def test_the_lowest_remainder() -> None:
    rnd = random.Random(3)
    for _ in range(4000):
        over, limit = rnd.randint(1, rnd.choice((30, 5000))), rnd.randint(0, 80)
        times, more = rnd.randrange(over), rnd.randrange(over)
        heights = [(times * t + more) % over for t in range(limit + 1)]
        assert heights[lowest(times, more, over, limit)] == min(heights)


@pytest.mark.parametrize("target", ["python", "numpy", "jax"])
def test_wide_products_divided(target: str) -> None:
    """floor((t * times + more) / over) and the rest, with products of two words."""
    if target == "jax":
        pytest.importorskip("jax")
    from lrsched import targets

    rnd = random.Random(4)
    table = targets.table(target)
    for _ in range(12):
        over = rnd.randrange(2**30, 2**32)
        times, more = rnd.randrange(over // 2), rnd.randrange(over)
        builder = table.builder()
        steps = [0, 1, TOP, rnd.randrange(TOP), rnd.randrange(2**16)]
        roots = (builder.muldiv(builder.step(), times, over, more), builder.mulmod(builder.step(), times, over, more))
        loaded = [_loaded(table, root) for root in roots]
        for t in steps:
            step = np.array([t], dtype=np.int32) if target == "jax" else np.array([float(t)])
            values = [int(np.asarray(f(t if target == "python" else step)).ravel()[0]) for f in loaded]
            whole, rest = divmod(t * times + more, over)
            assert (values[0], values[1] % 2**32) == (
                whole,
                rest,
            )  # a rest beyond the integers with a sign wraps around


def _loaded(table: Any, root: Any) -> Any:
    if table.name != "python":
        return table.load(*table.function(root))
    from lrsched.targets import _python

    space: dict[str, Any] = {}
    exec("def schedule(t):\n" + _python.body(root, space), space)
    return space["schedule"]
