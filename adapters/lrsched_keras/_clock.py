"""Which update of a run comes next."""

from __future__ import annotations

from typing import Any

from lrsched.adapting import fail
from lrsched_keras._optimizers import batches_per_update, batches_seen, members

__all__ = ["Clock"]


class Clock:
    """Counts updates as the optimizer does, from ``initial_epoch`` if the optimizer was made anew for it."""

    def __init__(self) -> None:
        self.offset = 0

    def begin(self, where: str, model: Any, params: Any, epoch: int) -> None:
        """Set how far the clock is ahead of the optimizer, at the start of the first epoch of a run."""
        if batches_seen(model) > 0:
            return
        batches: Any = (params or {}).get("steps")
        if epoch > 0 and batches is None:
            fail(where, "steps_per_epoch", f"known to begin a new optimizer at epoch {epoch}", None)
        self.offset = int(epoch * batches) // batches_per_update(members(model)[0]) if epoch > 0 else 0

    def step(self, model: Any, optimizer: Any = None) -> int:
        """Updates made so far by one of the model's optimizers."""
        chosen = members(model)[0] if optimizer is None else optimizer
        return self.after(batches_seen(model), chosen)

    def after(self, batches: int, optimizer: Any) -> int:
        """Updates of an optimizer after a number of batches."""
        return batches // batches_per_update(optimizer) + self.offset
