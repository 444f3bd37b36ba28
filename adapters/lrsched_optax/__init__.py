"""Schedules of lrsched in Optax, and in JAX programs at large.

A schedule is an Optax schedule as it is: ``optax.adamw(schedule)``. This package adds a fixed dtype
(:func:`as_schedule`), schedules for any hyperparameter with the values in sight (:func:`inject`, :func:`current`,
:func:`at`), groups of parameters by name (:func:`labels`, :func:`paths`), sweeps in one compiled program
(:func:`stack`, :func:`tabulate`), snapshots at the ends of cycles (:class:`Snapshots`), and rules that need what
training reports (:func:`reduce_on_plateau`, :func:`range_test`, :func:`lars_warmup`).
"""

from lrsched_optax._groups import labels, paths
from lrsched_optax._inject import inject
from lrsched_optax._lars import lars_warmup
from lrsched_optax._plateau import reduce_on_plateau
from lrsched_optax._range_test import RangeTest, range_test
from lrsched_optax._schedules import as_schedule
from lrsched_optax._snapshots import Snapshots, SnapshotState
from lrsched_optax._state import InjectState, ReduceState, at, current
from lrsched_optax._sweeps import stack, tabulate

__all__ = [
    "InjectState",
    "RangeTest",
    "ReduceState",
    "SnapshotState",
    "Snapshots",
    "as_schedule",
    "at",
    "current",
    "inject",
    "labels",
    "lars_warmup",
    "paths",
    "range_test",
    "reduce_on_plateau",
    "stack",
    "tabulate",
]
