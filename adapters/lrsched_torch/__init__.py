"""Schedules of lrsched in PyTorch."""

from lrsched_torch._importing import from_scheduler
from lrsched_torch._lars import lars_warmup
from lrsched_torch._plateau import PlateauScheduler
from lrsched_torch._range_test import RangeTest, range_test
from lrsched_torch._routing import ParameterGroups, param_groups
from lrsched_torch._scheduler import Scheduler
from lrsched_torch._snapshots import Snapshots
from lrsched_torch._text import from_text

__all__ = [
    "ParameterGroups",
    "PlateauScheduler",
    "RangeTest",
    "Scheduler",
    "Snapshots",
    "from_scheduler",
    "from_text",
    "lars_warmup",
    "param_groups",
    "range_test",
]
