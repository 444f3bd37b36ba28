"""JAX values in texts: wherever a real number may be, arithmetic on them included."""

from __future__ import annotations

from typing import Any

import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

TEXT = "peak * 2 / (1 + peak) * warmup(10, start=-floor) + floor ** 2 - 3 * floor >> constant(peak)"
TEXTS = [
    TEXT,
    "linear().over(5, end=floor * peak)",
    "table([peak, floor, 1]) * peak",
    "polynomial(peak + 1).over(9)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_traced_number_is_the_number(text: str) -> None:
    given = {"peak": 0.5, "floor": 0.25}
    given = {name: value for name, value in given.items() if name in lrs.names(text)}
    plain = lrs.parse(text, **given)

    @jax.jit
    def rate(numbers: dict[str, Any], t: Any) -> Any:
        return lrs.parse(text, **numbers)(t)

    for t in (0, 3, 9, 10, 50):
        assert rate(given, t) == pytest.approx(plain(t), rel=1e-5, abs=1e-7)
    assert jax.grad(lambda peak: lrs.parse(text, **(given | {"peak": peak}))(3.0))(0.5) is not None


def test_concrete_values_and_lengths() -> None:
    assert lrs.parse("hold(n) >> constant(x)", n=jnp.int32(3), x=jnp.float32(0.5))(jnp.int32(5)) == 0.5
    assert float(jax.jit(lambda n: lrs.parse("linear().over(n)", n=n)(2))(4)) == 0.5
    assert jax.jit(lambda x: x * lrs.parse("hold(3).restarted(times=n)", n=2)(0))(2.0) == 2.0


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("hold(n)", jnp.array([1, 2]), "n must be a single real number"),
        ("hold(n)", jnp.bool_(True), "n must be a single real number"),
        ("hold(n)", jnp.complex64(1), "n must be a single real number"),
        ("hold(3).restarted(times=n)", jnp.int32(2), "a plain number, fixed when the schedule is built"),
        ("n.over(3)", jnp.float32(2), "a number has no method"),
        ("n + None", jnp.float32(2), "needs numbers or expressions"),
        ("n >> hold(3)", jnp.float32(2), "joins schedules, not a number"),
        ("n * 2", jnp.float32(2), "a bare number is no schedule"),
    ],
)
def test_what_is_refused(text: str, value: Any, said: str) -> None:
    with pytest.raises(lrs.ScheduleError, match=said):
        lrs.parse(text, n=value)


def test_a_traced_number_where_structure_is_meant() -> None:
    for text in ("hold(3).restarted(times=n)", "hold(3).restarted(t_mult=n)"):
        with pytest.raises(lrs.ScheduleError):
            jax.jit(lambda n, text=text: lrs.parse(text, n=n)(0))(3)
