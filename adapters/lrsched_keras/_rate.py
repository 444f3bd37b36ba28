"""A schedule as the learning rate of a Keras optimizer."""

from __future__ import annotations

import sys
from typing import Any

import keras

import lrsched as lrs
from lrsched.adapting import State, check_count, entry, read_state, saved_schedule, whole
from lrsched_keras._common import concrete_schedule
from lrsched_keras._target import on_tensors

__all__ = ["Evaluator", "LearningRate", "float_type"]


@keras.saving.register_keras_serializable(package="lrsched", name="LearningRate")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A schedule as a ``LearningRateSchedule`` of Keras: ``keras.optimizers.Adam(LearningRate(s))``.

    Update t uses s(t), t = iterations // accumulation. Keras hands schedules the count of batches, which is the count
    of updates unless the optimizer has ``gradient_accumulation_steps=k``; then say ``accumulation=k``. The count stays
    an integer, so that every step has its own value; Keras's own schedules count in float32. The value is float32, or
    float64 where that is Keras's float type.

    A model that is compiled with it saves and loads with the schedule in it, as plain data; the program that loads it
    imports ``lrsched_keras`` first.

    Args:
        schedule: the schedule, or a number, a text or data as one.
        accumulation: batches in one update, an integer >= 1: the optimizer's ``gradient_accumulation_steps``.
        numbers: for the names in a text, which are bound: the configuration has the schedule.

    Raises:
        ScheduleError: the schedule is none, or holds arrays; or, when training starts, ``accumulation`` is not that of
            the optimizer.

    Example:
        >>> import lrsched as lrs
        >>> rate = LearningRate(0.1 * (lrs.warmup(4) >> lrs.cosine().over(8)), accumulation=2)
        >>> [round(float(rate(batch)), 4) for batch in (0, 1, 2, 4, 8, 16)]
        [0.0, 0.0, 0.025, 0.05, 0.1, 0.05]
        >>> LearningRate.from_config(rate.get_config()) == rate
        True
        >>> LearningRate("0.1 * (warmup(0.25 * total) >> cosine().over(0.75 * total))", total=16)
        LearningRate(0.1 * (warmup(4) >> cosine().over(12)))
    """

    def __init__(self, schedule: Any, accumulation: int = 1, **numbers: Any) -> None:
        super().__init__()
        self.schedule = concrete_schedule("LearningRate", schedule, names=numbers)
        self.accumulation = check_count("LearningRate", "accumulation", accumulation, 1)
        self._value = Evaluator(self.schedule, self.accumulation)

    def __call__(self, step: Any) -> Any:
        """The rate of the update that comes after ``step`` batches.

        Args:
            step: a whole number, a tensor or a variable of Keras.

        Returns:
            A tensor of the backend.
        """
        if not tracing():
            self._check_optimizer(sys._getframe(1))
        return self._value(step)

    def _check_optimizer(self, frame: Any) -> None:
        """Compare with the optimizer that asks, if an optimizer asks."""
        for _ in range(12):
            if frame is None:
                return
            if frame.f_code.co_name == "_get_current_learning_rate":
                optimizer = frame.f_locals.get("self")
                steps = getattr(optimizer, "gradient_accumulation_steps", None) or 1
                if steps != self.accumulation:
                    raise lrs.ScheduleError(
                        f"LearningRate: accumulation must be {steps}, the gradient_accumulation_steps of"
                        f" {optimizer.name!r}, got {self.accumulation}"
                    )
                return
            frame = frame.f_back

    def get_config(self) -> dict[str, Any]:
        """The schedule as plain data, and the accumulation."""
        return {"schedule": self.schedule.to_dict(), "accumulation": self.accumulation}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRate:
        """The rate that ``get_config`` describes.

        Raises:
            ScheduleError: it describes something else.
        """
        found = read_state(f"{cls.__name__}.from_config", _Config, config, "config", "that of a LearningRate")
        return cls(found.schedule, found.accumulation)

    def __reduce__(self) -> Any:
        return LearningRate, (self.schedule, self.accumulation)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LearningRate):
            return NotImplemented
        return self.schedule == other.schedule and self.accumulation == other.accumulation

    def __hash__(self) -> int:
        return hash((LearningRate, self.schedule, self.accumulation))

    def __repr__(self) -> str:
        more = f", accumulation={self.accumulation}" if self.accumulation != 1 else ""
        return f"LearningRate({self.schedule!r}{more})"


class _Config(State):
    """What ``get_config`` says."""

    schedule: lrs.Schedule = entry(saved_schedule)
    accumulation: int = whole(1)


class Evaluator:
    """``schedule((step + before) // every + after)`` as a tensor, at any step and inside any compiled program.

    JAX traces the schedule. PyTorch reads the step on the host, which costs less than a schedule's worth of small
    kernels, except inside ``torch.compile``, where a read would break the graph; there, and in TensorFlow, the
    schedule is arithmetic in float64 on the device.
    """

    def __init__(self, schedule: lrs.Schedule, every: int = 1, before: int = 0, after: int = 0) -> None:
        self.schedule, self.every, self.before, self.after = schedule, every, before, after
        self.on_tensors: Any = None if keras.backend.backend() == "jax" else on_tensors(schedule)

    def __call__(self, step: Any) -> Any:
        """The value after ``step`` batches, a whole number or a tensor."""
        count: Any = keras.ops.convert_to_tensor(step)
        if keras.backend.backend() == "jax":
            return keras.ops.cast(self.schedule(self.clock(count)), float_type())
        if keras.backend.backend() == "torch" and not tracing():
            return keras.ops.convert_to_tensor(self.schedule(self.clock(int(count))), float_type())
        whole = self.clock(keras.ops.cast(count, "int64"))
        whole = whole * keras.ops.cast(whole > 0, "int64")  # Keras's maximum asks a cache, which PyTorch warns of
        return keras.ops.cast(self.on_tensors(keras.ops.cast(whole, "float64")), float_type())

    def clock(self, count: Any) -> Any:
        """The schedule's step after ``count`` batches."""
        return (count + self.before) // self.every + self.after

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evaluator) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self.schedule, self.every, self.before, self.after


def float_type() -> str:
    """What values are given in: float32, or float64 if that is Keras's float type."""
    return "float64" if keras.config.floatx() == "float64" else "float32"


def tracing() -> bool:
    """Whether PyTorch is compiling this call."""
    if keras.backend.backend() != "torch":
        return False
    import torch

    return torch.compiler.is_compiling()
