"""Schedules of lrsched in Keras 3, on its JAX, PyTorch and TensorFlow backends.

:class:`LearningRate` is the rate of an optimizer, saved with the model; :class:`ScheduleCallback` sets any number of
an optimizer; :class:`GroupedOptimizer` has rates by groups of variables. :class:`PlateauCallback` and
:func:`range_test` follow what training reports; :class:`SnapshotCallback` and :func:`snapshot_ensemble` save a model at
the end of each cycle, and average the saved ones.
:func:`from_schedule` reads Keras's own schedules.
"""

from lrsched_keras._grouped import GroupedOptimizer
from lrsched_keras._importer import from_schedule
from lrsched_keras._plateau import PlateauCallback
from lrsched_keras._range_test import RangeTest, range_test
from lrsched_keras._rate import LearningRate
from lrsched_keras._schedule_callback import ScheduleCallback
from lrsched_keras._snapshots import SnapshotCallback, snapshot_ensemble
from lrsched_keras._target import install

__all__ = [
    "GroupedOptimizer",
    "LearningRate",
    "PlateauCallback",
    "RangeTest",
    "ScheduleCallback",
    "SnapshotCallback",
    "from_schedule",
    "range_test",
    "snapshot_ensemble",
]

install()
