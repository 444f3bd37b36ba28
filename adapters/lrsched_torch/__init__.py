"""Schedules of lrsched in PyTorch."""

from lrsched_torch._scheduler import Scheduler

__all__ = ["Scheduler"]
