"""Who writes a number: of several schedulers of one key, the one that steps.

Building a scheduler makes no writer of it: PyTorch's ``SequentialLR`` holds several, and steps one. The first that
steps is the one; another that was there by then is refused when it steps, unless it begins (at the joint of a sequence,
or by loading a state).
"""

from __future__ import annotations

import sys
import weakref
from typing import Any

from torch.optim.lr_scheduler import ChainedScheduler, SequentialLR

import lrsched as lrs
from lrsched.adapting import fail
from lrsched_torch._keys import copied

__all__ = ["Writer"]

_alive: weakref.WeakSet[Any] = weakref.WeakSet()


class Writer:
    """A scheduler among those of the same numbers."""

    _groups: list[Any]
    _numbers: set[tuple[int, str]]  # what is driven: groups, by the identity of their first parameter, and keys
    _tensors: bool
    _careful: bool  # whether a step has to look at more than the numbers
    _sole: bool = False  # whether those that drive the same know that this one does
    _over: Any = None  # a weak reference to the one that took over
    _detached: bool = False
    _joined: bool = False  # by a sequence that has not stepped yet

    def _enter(self) -> None:
        """Be there: whoever steps next among those of the same numbers is their writer."""
        _alive.add(self)
        self._waken()
        for other in self._rivals():
            other._waken()

    def _waken(self) -> None:
        """Have the next step look who else writes."""
        self._sole, self._careful = False, True

    def _driven(self) -> set[tuple[int, str]]:
        """What is driven at present."""
        raise NotImplementedError

    def _rivals(self) -> list[Any]:
        """Those that drive some of the same: seemingly, and then by the parameters that the groups hold by now.

        Parameters may have been replaced in a group, and others have their identity since.
        """
        mine = self._numbers
        found = [other for other in list(_alive) if other is not self and not mine.isdisjoint(other._numbers)]
        for scheduler in (self, *found) if found else ():
            scheduler._numbers = scheduler._driven()
        return [other for other in found if not self._numbers.isdisjoint(other._numbers)]

    def _passed(self) -> Any:
        """The scheduler that writes what this one did, if there is one."""
        other = None if self._over is None else self._over()
        return None if other is None or other._detached or self._numbers.isdisjoint(other._numbers) else other

    def _check_attached(self, where: str) -> None:
        if self._detached:
            raise lrs.ScheduleError(f"{where}: this scheduler was detached from its optimizer; build another")

    def _claim(self, where: str, begins: bool = False) -> None:
        """Be the writer, or say who is."""
        self._check_attached(where)
        if self._joined:
            self._check_chain()
        if self._sole:
            self._careful = self._tensors or self._joined
            return
        other = None if begins else self._passed()
        if other is not None:
            both = self._numbers & other._numbers
            keys = ", ".join(sorted({key for _, key in both}))
            raise lrs.ScheduleError(
                f"{where}: {keys} must be stepped by one scheduler, and {other!r} does it; "
                f"multiply the schedules (a * b) for one scheduler of both, or let go of one by detach()"
            )
        for rival in self._rivals():
            rival._over = weakref.ref(self)
            rival._waken()
        self._over, self._sole, self._careful = None, True, self._tensors or self._joined

    def _combined(self) -> None:
        """Be held by a scheduler of PyTorch's that holds others: they ask for the optimizer when they are built.

        ``SequentialLR`` wants an initial rate in each group. ``ChainedScheduler`` is refused where another one drives
        the same: it steps all, one after another, and the last one's number would stand.
        """
        frame = sys._getframe(1).f_back
        if frame is None:
            return
        if frame.f_code is SequentialLR.__init__.__code__:
            self._joined = self._careful = True
            for group in self._groups:
                if "lr" in group:
                    group.setdefault("initial_lr", copied(group["lr"]))
        elif frame.f_code is ChainedScheduler.__init__.__code__:
            self._refuse_chain(frame.f_locals["schedulers"])

    def _check_chain(self) -> None:
        """Be stepped by no ``ChainedScheduler`` by way of a sequence, as shows at the first step of a finished one."""
        frame: Any = sys._getframe(1)
        while frame is not None:
            if frame.f_code is SequentialLR.__init__.__code__:
                return
            if frame.f_code is ChainedScheduler.step.__code__:
                chained, mine = frame.f_locals["self"]._schedulers, frame.f_locals["scheduler"]
                self._refuse_chain([self, *(other for other in chained if other is not mine)])
            frame = frame.f_back
        self._joined = False

    def _refuse_chain(self, schedulers: Any) -> None:
        mine = self._numbers
        for other in schedulers:
            if isinstance(other, Writer):
                alike = other is not self and not mine.isdisjoint(other._numbers)
            else:
                alike = any(key == "lr" for _, key in mine)
            if alike:
                product = "a product of schedules is one scheduler, Scheduler(optimizer, lr=a * b)"
                found = [type(scheduler).__name__ for scheduler in schedulers]
                fail("ChainedScheduler", "schedulers", f"of different hyperparameters ({product})", found)
