"""Restored states: numbers of the host are read or refused, those of JAX are taken as they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from mutants import mutants, shown

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
import jax.numpy as jnp  # noqa: E402

from lrsched_optax import InjectState, current, inject, lars_warmup, reduce_on_plateau  # noqa: E402

LR = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(20))
GRADIENT = jnp.ones(2)


def transformations() -> list[Any]:
    return [
        inject(optax.sgd, learning_rate=LR, momentum=0.9),
        inject(optax.sgd, learning_rate={"a": LR, "*": 0.5}),
        lars_warmup(LR, 3),
    ]


def trees() -> list[Any]:
    return [GRADIENT, {"a": GRADIENT, "b": GRADIENT}, GRADIENT]


def trained(which: int, steps: int = 4) -> Any:
    tx, gradients = transformations()[which], trees()[which]
    state = tx.init(gradients)
    for _ in range(steps):
        _, state = tx.update(gradients, state, gradients)
    return state


@pytest.mark.parametrize("which", range(3))
def test_a_state_of_host_numbers_goes_on_bit_for_bit(which: int) -> None:
    tx, gradients, state = transformations()[which], trees()[which], trained(which)
    expected, after = tx.update(gradients, state, gradients)
    for convert in (np.asarray, lambda x: np.asarray(x).item()):
        host = InjectState(convert(state.step), jax.tree.map(convert, state.values), state.inner)
        found, again = tx.update(gradients, host, gradients)
        assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), (found, again), (expected, after)))
        assert again.step.dtype == after.step.dtype


@pytest.mark.parametrize("which", range(3))
def test_a_damaged_state_is_refused_or_read(which: int) -> None:
    tx, gradients, state = transformations()[which], trees()[which], trained(which)
    numbers = {"step": 4, "values": jax.tree.map(float, state.values)}
    read = 0
    for mutant in mutants(numbers, 100, seed=which):
        if not isinstance(mutant, dict) or mutant.keys() != numbers.keys():
            continue
        try:
            found, after = tx.update(gradients, InjectState(**mutant, inner=state.inner), gradients)
        except lrs.ScheduleError:
            continue
        read += 1
        assert int(after.step) == mutant["step"] + 1 > 0, shown(mutant)
        assert math.isfinite(sum(map(float, jax.tree.leaves(current(after)))))
        assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(found))
    assert 0 < read < 70


@pytest.mark.parametrize("step", [-1, 1.5, True, "4", None, math.nan, 2**31, 10**400, np.float32(4), np.zeros(2, int)])
def test_what_a_step_may_not_be(step: Any) -> None:
    if type(step) is int and step == 2**31 and jax.config.read("jax_enable_x64"):
        pytest.skip("the counter is wider")
    for which in range(3):
        tx, gradients, state = transformations()[which], trees()[which], trained(which, 1)
        with pytest.raises(lrs.ScheduleError, match="step must be"):
            tx.update(gradients, state._replace(step=step), gradients)


def test_what_is_no_state_and_numbers_that_are_none() -> None:
    tx, state = transformations()[0], trained(0, 1)
    for wrong in (None, {}, (), optax.EmptyState()):
        with pytest.raises(TypeError, match="inject: state must be an InjectState"):
            tx.update(GRADIENT, wrong, GRADIENT)
    with pytest.raises(lrs.ScheduleError, match=r"inject: values\['momentum'\] must be a finite number, got nan"):
        tx.update(GRADIENT, state._replace(values=state.values | {"momentum": math.nan}), GRADIENT)


def test_the_state_of_another_optimizer_is_refused() -> None:
    """Though one that keeps no state would not look at it; what was trained on is the state of an equal optimizer."""
    rate = lrs.linear().over(10)
    adam, sgd = (inject(factory, learning_rate=rate) for factory in (optax.adam, optax.sgd))
    state = adam.init(GRADIENT)
    for update in (sgd.update, jax.jit(sgd.update)):
        with pytest.raises(lrs.ScheduleError, match="state must be that of sgd and these parameters"):
            update(GRADIENT, state, GRADIENT)
    with pytest.raises(lrs.ScheduleError, match="state must be that of adam"):
        adam.update(GRADIENT, sgd.init(GRADIENT), GRADIENT)
    assert inject(optax.adam, learning_rate=0.1).update(GRADIENT, state, GRADIENT)[1].step == 1


def test_traced_states_are_taken_as_they_are() -> None:
    tx, state = transformations()[0], trained(0, 1)
    expected = tx.update(GRADIENT, state, GRADIENT)[0]
    assert (jax.jit(tx.update)(GRADIENT, state, GRADIENT)[0] == expected).all()
    nan = state._replace(values=jax.tree.map(lambda x: x * jnp.nan, state.values))
    assert (tx.update(GRADIENT, nan, GRADIENT)[0] == expected).all()


def test_the_state_of_a_plateau() -> None:
    tx = reduce_on_plateau(lrs.Plateau(0.5, 0))
    state = tx.init(GRADIENT)
    for loss in (1.0, 1.0):
        _, state = tx.update(GRADIENT, state, GRADIENT, value=loss)
    for i, (name, entry) in enumerate(zip(state.plateau._fields, state.plateau, strict=True)):
        host = state._replace(plateau=state.plateau._replace(**{name: np.asarray(entry).item()}))
        assert (tx.update(GRADIENT, host, GRADIENT, value=None)[0] == 0.5).all()
        wrong = [-3, "3", None, 1j, {}, math.nan if i == 0 else [], 3.0 if i == 0 else True]
        for value in wrong[1:] if name in ("best", "mean") else wrong:
            with pytest.raises(lrs.ScheduleError, match=f"{name} in the state must be"):
                damaged = state._replace(plateau=state.plateau._replace(**{name: value}))
                tx.update(GRADIENT, damaged, GRADIENT, value=1.0)
