"""What may be wrong with a schedule in a run of given length, found before the run.

The rules are in ``value_rules`` (values, lengths, units) and ``joint_rules`` (joints and shapes); each is a
generator of findings. :func:`placed` tells them where on the clock of the run each part of an expression lies.
"""

from __future__ import annotations

import itertools

from lrsched.algebra.schedule import Part, Schedule
from lrsched.foundation.errors import ABOVE_0, check_count, check_real
from lrsched.inspection.findings import PLACES, SEVERITIES, Finding, Run, placed
from lrsched.inspection.joint_rules import RULES as JOINT_RULES
from lrsched.inspection.value_rules import RULES as VALUE_RULES


def check(
    schedule: Schedule, steps: int, *, limit: float | None = None, steps_per_epoch: int | None = None
) -> tuple[Finding, ...]:
    """See :meth:`lrsched.Schedule.check`."""
    schedule.concrete("checked")
    steps = check_count("check", "steps", steps, 1)
    if limit is not None:
        limit = check_real("check", "limit", limit, "a number > 0, or None", ABOVE_0)
    if steps_per_epoch is not None:
        steps_per_epoch = check_count("check", "steps_per_epoch", steps_per_epoch, 1)
    parts = tuple(itertools.islice(placed(Part(schedule)), PLACES))
    run = Run(schedule, steps, limit, steps_per_epoch, parts)
    found = dict.fromkeys(finding for rule in (*VALUE_RULES, *JOINT_RULES) for finding in rule(run))
    return tuple(sorted(found, key=lambda f: (-SEVERITIES.index(f.severity), f.step, f.name)))
