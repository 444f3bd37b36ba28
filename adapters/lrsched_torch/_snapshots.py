"""Snapshot ensembles: save the model at the end of each cycle, and average what the saved models predict."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile, is_zipfile

import torch
from torch.nn.parameter import is_lazy

import lrsched as lrs
from lrsched.adapting import State, check_count, fail, mapping_of, read_state, replacing, whole
from lrsched_torch._scheduler import Scheduler

__all__ = ["Snapshots"]


@functools.lru_cache(maxsize=16)
def _ends(schedule: lrs.Schedule, steps: int) -> tuple[int, ...]:
    return schedule.cycle_ends(steps)


class Snapshots:
    """Save a model after the last update of each cycle of its schedule, and average predictions over the snapshots.

    Call ``step()`` after ``scheduler.step()``. The ends are ``schedule.cycle_ends(steps)``.

    Args:
        model: the module to save.
        scheduler: the scheduler of its optimizer, whose ``lr`` is one schedule for all groups.
        steps: length of the run, an integer >= 1.
        folder: where to save, one file a snapshot; in memory by default. A run that resumes finds those in its folder.

    Raises:
        ScheduleError: the rate does not follow one schedule, or ``steps`` is no such number.

    Source: Huang et al., "Snapshot Ensembles: Train 1, get M for free" (2017).

    Example:
        >>> import torch, lrsched as lrs
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> scheduler = Scheduler(optimizer, lr=0.1 * lrs.cosine().over(5).restarted())
        >>> snapshots = Snapshots(model, scheduler, steps=15)
        >>> for _ in range(15):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     snapshots.step()
        >>> snapshots.taken, snapshots.predict(torch.zeros(3, 2)).shape
        ([4, 9, 14], torch.Size([3, 1]))
    """

    def __init__(
        self, model: torch.nn.Module, scheduler: Scheduler, steps: int, *, folder: str | Path | None = None
    ) -> None:
        self.model, self.scheduler = model, scheduler
        self.steps = check_count("Snapshots", "steps", steps, 1)
        if not isinstance(self._schedule, lrs.Schedule):
            fail("Snapshots", "scheduler", "one whose lr is a single schedule", self._schedule, wrong_type=True)
        self.folder = None if folder is None else Path(folder)
        self._states: dict[int, dict[str, Any]] = {}
        self._until: Any = None  # the step up to which cycles have been looked at; None before the first call

    @property
    def _schedule(self) -> Any:
        return self.scheduler.schedules.get("lr")

    @property
    def ends(self) -> tuple[int, ...]:
        """The last step of each cycle of the schedule that is followed now."""
        return _ends(self._schedule, self.steps)

    def _path(self, end: int) -> Path | None:
        return None if self.folder is None else self.folder / f"snapshot-{end}.pt"

    @property
    def taken(self) -> list[int]:
        """The steps at which there are snapshots, whole ones: the last ones of their cycles."""
        return [end for end in self.ends if end in self._states or ((path := self._path(end)) and is_zipfile(path))]

    def step(self) -> None:
        """Save the model if the update just made was the last of a cycle."""
        now = self.scheduler.last_epoch
        before = now - 1 if self._until is None else self._until
        self._until = now
        end = max((end for end in self.ends if before <= end < now), default=None)
        if end is None:
            return
        state = copy.deepcopy(self.model.state_dict())
        path = self._path(end)
        if path is None:
            self._states[end] = state
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                torch.save(state, file)

    def state(self, end: int) -> dict[str, Any]:
        """The state of the model that was saved at a step."""
        if end not in self.taken:
            fail("Snapshots", "end", f"one of the snapshots {self.taken}", end)
        path = self._path(end)
        return self._states[end] if path is None else self._checked("state", str(path), _loaded(path))

    @torch.no_grad()
    def predict(
        self, *inputs: Any, last: int | None = None, activation: Callable[[Any], Any] = lambda outputs: outputs
    ) -> Any:
        """The mean of what the snapshots give for some inputs, in evaluation mode; the model stays as it is.

        Args:
            inputs: what the model is called with.
            last: how many of the latest snapshots; all by default.
            activation: what is averaged, as a function of the outputs: ``lambda z: z.softmax(-1)`` for probabilities.

        Raises:
            ScheduleError: there are no snapshots yet.
        """
        chosen = self.taken if last is None else self.taken[-check_count("Snapshots.predict", "last", last, 1) :]
        if not chosen:
            fail("Snapshots.predict", "last", f"asked for after the first cycle ends (at {list(self.ends)})", last)
        modes = {module: module.training for module in self.model.modules()}
        self.model.eval()
        try:
            total = sum(activation(torch.func.functional_call(self.model, self.state(end), inputs)) for end in chosen)
        finally:
            for module, training in modes.items():
                module.training = training
        return total / len(chosen)

    def state_dict(self) -> dict[str, Any]:
        """The snapshots that are in memory, for a checkpoint; those in a folder are there already."""
        return {"snapshots": dict(self._states)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the snapshots of a checkpoint.

        Raises:
            ScheduleError: it holds something else than snapshots of this model.
        """
        where = "Snapshots.load_state_dict"
        self._states, self._until = read_state(where, self._saved, state_dict).snapshots, None

    @property
    def _saved(self) -> type[Any]:
        class Saved(State):
            snapshots: dict[int, dict[str, Any]] = mapping_of(whole(), self._checked)

        return Saved

    def _checked(self, where: str, name: str, state: Any) -> dict[str, Any]:
        """The reader of a state of this model: its names, and tensors of their shapes."""
        mine = self.model.state_dict()
        if not isinstance(state, Mapping) or state.keys() != mine.keys():
            fail(where, name, "a state of the model, with its names", state)
        for key, tensor in mine.items():
            if isinstance(tensor, torch.Tensor) and not is_lazy(tensor):
                found = state[key]
                if not isinstance(found, torch.Tensor) or found.shape != tensor.shape:
                    fail(where, f"{name}[{key!r}]", f"a tensor of shape {tuple(tensor.shape)}", found)
        return dict(state)


def _loaded(path: Path) -> Any:
    try:
        return torch.load(path, weights_only=True)
    except (RuntimeError, OSError, ValueError, EOFError, UnpicklingError, BadZipFile) as error:
        raise lrs.ScheduleError(f"Snapshots: {path} must be a snapshot, and cannot be read: {error}") from error
