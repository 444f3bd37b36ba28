"""Schedules inside compiled training steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import peers
from benchmarks.kinds import Counts, Instances, Once
from benchmarks.row import Contender, Row, hand, ours, peer
from benchmarks.rows._shared import SHORT, joined, schedule
from benchmarks.rows.programs import LENGTH, compiled, instructions, masked, optax_pieces

ARRAYS = 60
CONSTANT = 3e-4


def update(rate: Any) -> tuple[Callable[..., Any], tuple[Any, Any]]:
    """An AdamW step of a network of thirty layers, 60 arrays in all, and its arguments."""
    jax, optax = peers.load("jax"), peers.load("optax")
    np_, optimizer = jax.numpy, optax.adamw(rate)
    params = [np_.full(shape, 0.01) for _ in range(ARRAYS // 2) for shape in ((16, 16), (16,))]
    x = np_.linspace(-1.0, 1.0, 128).reshape(8, 16)

    def loss(p: Any) -> Any:
        y = x
        for weights, bias in zip(p[::2], p[1::2], strict=True):
            y = np_.tanh(y @ weights + bias)
        return np_.mean((y - x) ** 2)

    def step(params: Any, state: Any) -> Any:
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    return step, (params, optimizer.init(params))


def network(rate: Any) -> tuple[Callable[..., Any], tuple[Any, Any]]:
    """An Adam step of a small network on 32 examples, and its arguments."""
    jax, optax = peers.load("jax"), peers.load("optax")
    np_, optimizer = jax.numpy, optax.adam(rate)
    keys = jax.random.split(jax.random.key(0), 4)
    x, y = jax.random.normal(keys[0], (32, 64)), jax.random.normal(keys[1], (32, 10))
    params = [
        0.1 * jax.random.normal(keys[2], (64, 128)),
        np_.zeros(128),
        0.1 * jax.random.normal(keys[3], (128, 10)),
        np_.zeros(10),
    ]

    def loss(p: Any) -> Any:
        return np_.mean((np_.tanh(x @ p[0] + p[1]) @ p[2] + p[3] - y) ** 2)

    def step(params: Any, state: Any) -> Any:
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    return step, (params, optimizer.init(params))


Program = Callable[[Any], tuple[Callable[..., Any], tuple[Any, Any]]]


def _counted(program: Program, rate: Callable[[], Any]) -> Callable[[], Callable[[], float]]:
    def made() -> Callable[[], float]:
        step, arguments = program(rate())
        return lambda: float(instructions(compiled(step, *arguments)[0]))

    return made


def _timed(program: Program, rate: Callable[[], Any]) -> Callable[[], Callable[[], float]]:
    def made() -> Callable[[], float]:
        step, arguments = program(rate())
        return lambda: compiled(step, *arguments)[1]

    return made


def _trained(rate: Callable[[], Any]) -> Callable[[], Callable[[], Any]]:
    """Networks to be trained, one step after another; each is compiled for itself."""
    jax = peers.load("jax")

    def fresh() -> Callable[[], Any]:
        step, state = network(rate())
        jitted = jax.jit(step)

        def train() -> None:
            nonlocal state
            state = jax.block_until_ready(jitted(*state))

        train()
        return train

    return fresh


def _run(rate: Callable[[], Any]) -> Callable[[], Callable[[], Callable[[], Any]]]:
    return lambda: _trained(rate)


def _constant() -> Any:
    return CONSTANT


def _short() -> Any:
    return schedule(SHORT)


def _many(count: int) -> Callable[[], Any]:
    return lambda: joined(count, LENGTH)


def _compared(measured: Callable[[Callable[[], Any]], Callable[[], Any]], limit: float) -> tuple[Contender, ...]:
    """Schedules of this library and of Optax in the same step; ``measured`` makes what is measured of a rate."""
    short = "warm-up and cosine"
    return (
        ours(short, measured(_short), ratio=limit, work=short),
        ours("100 pieces", measured(_many(100)), ratio=limit, work="100 pieces"),
        ours("1000 pieces", measured(_many(1_000)), ratio=limit, work="1000 pieces"),
        peer(f"optax, {short}", measured(lambda: peers.optax_schedule(SHORT)), work=short),
        peer("optax, 100 pieces", measured(lambda: optax_pieces(100)), work="100 pieces", slow=True),
    )


INSTRUCTIONS = Row(
    "train-instructions",
    "Instructions of a training step of 60 arrays",
    Counts(),
    (
        hand("constant rate", _counted(update, _constant)),
        hand("masked sum, 100 pieces", _counted(update, lambda: masked(100))),
        *_compared(partial(_counted, update), 1.05),
    ),
    "constant rate",
    note="optax.adamw with another rate each. XLA copies a schedule's arithmetic into the update of every array, "
    "unless it ends in a reduction. Optax's join of 1000 pieces compiles for minutes; it is left out.",
)

COMPILING = Row(
    "train-compile",
    "Seconds to trace and compile a training step of 60 arrays",
    Once(),
    (
        hand("constant rate", _timed(update, _constant)),
        hand("masked sum, 100 pieces", _timed(update, lambda: masked(100)), slow=True),
        *_compared(partial(_timed, update), 1.1),
    ),
    "constant rate",
    patience=15,
    threads=True,
)

SMALL = Row(
    "train-small",
    "A small training step, jitted",
    Instances(),
    (
        hand("constant rate", _run(_constant)),
        *_compared(_run, 1.05),
    ),
    "constant rate",
    note="64 to 128 to 10 units, 32 examples, Adam. There is nothing to win here for short schedules. XLA hands parts "
    "of a step to a second thread or does not, which takes it anything from 60 to 100 microseconds: only many rounds "
    "on several compiled instances tell a few percent.",
    patience=5,
    threads=True,
)

SMALL_COMPILING = Row(
    "train-small-compile",
    "Seconds to trace and compile a small training step",
    Once(),
    (
        hand("constant rate", _timed(network, _constant)),
        *_compared(partial(_timed, network), 1.1),
    ),
    "constant rate",
    patience=10,
    threads=True,
)

ROWS = (INSTRUCTIONS, COMPILING, SMALL, SMALL_COMPILING)
