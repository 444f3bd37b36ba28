"""Schedules of lrsched in Keras 3, on its JAX, PyTorch and TensorFlow backends.

:class:`LearningRate` is the rate of an optimizer, saved with the model.
"""

from lrsched_keras._rate import LearningRate
from lrsched_keras._target import install

__all__ = ["LearningRate"]

install()
