"""Schedules of lrsched in Keras 3, on its JAX, PyTorch and TensorFlow backends.

:class:`LearningRate` is the rate of an optimizer, saved with the model; :class:`ScheduleCallback` sets any number of
an optimizer.
"""

from lrsched_keras._rate import LearningRate
from lrsched_keras._schedule_callback import ScheduleCallback
from lrsched_keras._target import install

__all__ = ["LearningRate", "ScheduleCallback"]

install()
