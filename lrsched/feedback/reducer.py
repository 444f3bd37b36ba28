"""What the reducers share: a state of plain numbers, on floats or on JAX scalars, and the checks of their arguments."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, Generic, Self, TypeVar, cast

from lrsched.feedback.scalars import COUNTS, FLOATS, Scalars, on_jax, real_scalar, single
from lrsched.foundation.errors import ABOVE_0, BELOW_1, check_choice, check_count, check_real, fail
from lrsched.foundation.numbers import is_jax
from lrsched.foundation.states import list_of

REALS = frozenset({"scale", "best", "mean", "recent"})

S = TypeVar("S", bound=tuple[Any, ...])


class Reducer(Generic[S]):
    """What the reducers share: plain data in and out, reading the scale, replaying a series."""

    state_type: type[S]
    factor: float
    patience: int
    threshold: float
    mode: str
    threshold_mode: str
    cooldown: int
    smallest: float
    largest: float = 1.0

    def __post_init__(self) -> None:
        name = type(self).__name__
        check_choice(name, "mode", self.mode, ("min", "max"))
        check_choice(name, "threshold_mode", self.threshold_mode, ("rel", "abs"))
        between = ("a number between 0 and 1, both excluded", ABOVE_0, BELOW_1)
        self._set(
            factor=check_real(name, "factor", self.factor, *between),
            patience=check_count(name, "patience", self.patience, below=COUNTS),
            threshold=check_real(name, "threshold", self.threshold, "a finite number >= 0", 0.0),
            cooldown=check_count(name, "cooldown", self.cooldown, below=COUNTS),
            smallest=check_real(name, "smallest", self.smallest, "a number in [0, 1]", 0.0, 1.0),
        )

    def _set(self, **values: object) -> None:
        """Set fields of a frozen instance."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def init(self, dtype: Any = None) -> S:
        """The state before the first metric.

        Args:
            dtype: None for Python numbers, which also start a ``lax.scan``; ``"float32"`` or ``"float64"`` for JAX
                scalars, with which a jitted function is traced once instead of twice.

        Raises:
            ScheduleError: for another dtype, or float64 while x64 is disabled.
        """
        if dtype is None:
            return self._start()
        on = _asked_for(type(self).__name__ + ".init", dtype)
        return cast_state(on, self._start())

    def _start(self) -> S:
        raise NotImplementedError

    def _judge(self, on: Scalars, state: S, metric: Any) -> S:
        raise NotImplementedError

    def update(self, state: S, metric: Any) -> S:
        """The state after one more metric.

        Args:
            state: what ``init``, ``update`` or a stored list gave.
            metric: a real number, a NumPy or JAX scalar or a tracer. When it or the state is JAX's, so is the result:
                reals have the dtype of ``state.best`` (JAX's default float if the state is of Python numbers), counts
                are int32, so that the carry of a ``lax.scan`` is stable.

        Raises:
            ScheduleError: for a metric that is not a real scalar, or a state of another kind.
        """
        name = type(self).__name__ + ".update"
        state = self._read(name, "state", state)
        value = real_scalar(name, "metric", metric)
        on = _numbers_of(state, value)
        return cast_state(on, self._judge(on, cast_state(on, state), on.real(value)))

    def scale(self, state: S) -> Any:
        """The multiplier in force: a float, or a JAX scalar if the state is JAX's."""
        return cast(Any, self._read(type(self).__name__ + ".scale", "state", state)).scale

    def replay(self, metrics: Iterable[Any]) -> Any:
        """The multipliers that a recorded series leads to: element i is in force after metric i.

        Args:
            metrics: an iterable of n real numbers, or a JAX array of shape (n,), which runs as one ``lax.scan``.

        Returns:
            A list of n floats, or a JAX array of shape (n,).
        """
        if is_jax(metrics):
            return self._scan(metrics)
        if isinstance(metrics, (str, bytes)) or not isinstance(metrics, Iterable):
            fail(type(self).__name__ + ".replay", "metrics", "an iterable of real numbers", metrics, wrong_type=True)
        state, scales = self.init(), []
        for metric in metrics:
            state = self.update(state, metric)
            scales.append(self.scale(state))
        return scales

    def _scan(self, metrics: Any) -> Any:
        if metrics.ndim != 1:
            fail(type(self).__name__ + ".replay", "metrics", "of shape (n,)", metrics.shape)
        import jax

        def step(state: S, metric: Any) -> tuple[S, Any]:
            state = self.update(state, metric)
            return state, self.scale(state)

        return jax.lax.scan(step, cast_state(on_jax(), self._start()), metrics)[1]

    def _read(self, where: str, name: str, state: Any) -> S:
        """The state that ``state`` is, or that the stored list was: a reader of :mod:`lrsched.foundation.states`."""
        state_class: Any = self.state_type
        plain = isinstance(state, (list, tuple)) and not hasattr(state, "_fields")
        if type(state) is not state_class and (not plain or len(state) != len(state_class._fields)):
            fail(where, name, f"a {state_class.__name__} or the list that it was", state, wrong_type=True)
        return cast(
            S, state_class(*[self._entry(where, name, *e) for e in zip(state_class._fields, state, strict=True)])
        )

    def _entry(self, where: str, state: str, name: str, value: Any) -> Any:
        """One entry of a state; what is JAX's is taken as it is."""
        if is_jax(value):
            return value
        here = f"{name} in the {state}"
        if name == "recent":
            size = len(self._start()[-1])
            if isinstance(value, list | tuple) and len(value) != size:
                fail(where, state, f"one whose recent holds {size} metrics, as window says", value)
            return list_of(_real)(where, here, value)
        if name not in REALS:
            return check_count(where, here, value, below=COUNTS)
        number, (low, high) = real_scalar(where, here, value), self.bounds
        if name == "scale" and not min(low, single(low)) <= number <= max(high, single(high)):
            fail(where, here, f"a number in [{low:g}, {high:g}]", value)
        return number

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest scale and the highest one."""
        return self.smallest, self.largest

    def to_dict(self) -> dict[str, Any]:
        """The arguments by name, defaults included: plain data."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(cast(Any, self))}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reducer whose ``to_dict`` is ``data``.

        Raises:
            ScheduleError: for an unknown name or a bad value.
        """
        names = [field.name for field in dataclasses.fields(cast(Any, cls))]
        for name in data:
            if name not in names:
                fail(cls.__name__ + ".from_dict", "name", "one of " + ", ".join(names), name)
        return cls(**data)

    def __repr__(self) -> str:
        usual = self._usual()
        given = ", ".join(f"{name}={value!r}" for name, value in self.to_dict().items() if value != usual[name])
        return f"{type(self).__name__}({given})"

    def _usual(self) -> dict[str, Any]:
        """The arguments that ``repr`` leaves out."""
        return type(self)().to_dict()


def _asked_for(where: str, dtype: Any) -> Scalars:
    """JAX scalars of the dtype asked for, if it is one that JAX gives."""
    import jax.numpy as jnp

    widest = str(jnp.dtype(jnp.result_type(float)))
    try:
        name = str(jnp.dtype(dtype))
    except TypeError:
        name = ""
    if name not in {"float32", widest}:
        fail(where, "dtype", "None, 'float32' or, with x64 enabled, 'float64'", dtype)
    return on_jax(name)


def _real(where: str, name: str, value: Any) -> Any:
    return value if is_jax(value) else real_scalar(where, name, value)


def _leaves(state: tuple[Any, ...]) -> list[Any]:
    """The numbers of a state, those of its inner tuples included."""
    return [leaf for entry in state for leaf in (entry if isinstance(entry, tuple) else (entry,))]


def _numbers_of(state: tuple[Any, ...], metric: object) -> Scalars:
    """Floats, or JAX scalars as soon as the metric or anything in the state is one."""
    best = cast(Any, state).best
    if is_jax(best):
        return on_jax(best.dtype)
    return on_jax() if is_jax(metric) or any(map(is_jax, _leaves(state))) else FLOATS


def cast_state(on: Scalars, state: S) -> S:
    """Every number of the state in the type that it has on numbers like these."""
    state_class: Any = type(state)

    def convert(name: str, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(on.real, value))
        return on.real(value) if name in REALS else on.count(value)

    return cast(S, state_class(*map(convert, state_class._fields, state)))


def select(on: Scalars, condition: Any, yes: S, no: S) -> S:
    """The state ``yes`` where the condition holds, else ``no``."""
    state_class: Any = type(yes)

    def pick(a: Any, b: Any) -> Any:
        return tuple(map(pick, a, b)) if isinstance(a, tuple) else on.where(condition, a, b)

    return cast(S, state_class(*map(pick, yes, no)))


def _bar(on: Scalars, best: Any, mode: str, threshold_mode: str, threshold: float) -> Any:
    """The value that a metric must pass to count as better: ``rel`` is a share of |best|, so no sign is a trap."""
    toward = -threshold if mode == "min" else threshold
    if threshold_mode == "abs":
        return best + toward
    return on.where(best >= 0, best * (1.0 + toward), best * (1.0 - toward))


def is_better(on: Scalars, rule: Reducer[Any], state: Any, metric: Any) -> Any:
    """Whether ``metric`` beats the best so far by the threshold; the first one does unless it is the worst infinity."""
    worst = math.inf if rule.mode == "min" else -math.inf

    def better(best: Any, metric: Any) -> Any:
        bar = on.where(state.seen > 0, _bar(on, best, rule.mode, rule.threshold_mode, rule.threshold), worst)
        return metric < bar if rule.mode == "min" else metric > bar

    return on.in_double(better, state.best, metric)
