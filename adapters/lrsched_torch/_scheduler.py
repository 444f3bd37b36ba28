"""The scheduler: any hyperparameter of any parameter group follows a schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import index, is_
from typing import Any, Literal

import torch
from torch.compiler import is_compiling
from torch.optim.lr_scheduler import LRScheduler

from lrsched.adapting import check_choice, check_count, check_real, fail
from lrsched_torch._driver import Driver, copied, groups_of
from lrsched_torch._keys import has, number
from lrsched_torch._per_epoch import watch
from lrsched_torch._rules import Plan, check_plan, read_plan
from lrsched_torch._state import Past, pack, unpack

__all__ = ["Scheduler"]

Schedules = Any  # a schedule or number, one per group, or a dictionary by group name

_eagerly: list[Callable[..., None]] = []  # ``Scheduler._advance``, which compiled programs run uncompiled


class Scheduler(Driver, LRScheduler):
    """Drive the learning rate and any other number in the parameter groups of an optimizer.

    Update t uses ``schedule(t)``, from the first update: build the scheduler after the optimizer, and call ``step()``
    once after each update.

    Each hyperparameter takes one schedule (or number) for every group, a list with one per group, or a dictionary by
    the groups' ``"name"`` (or position); None leaves a group alone. ``beta1`` and ``beta2`` are the members of
    ``betas``. Only what is asked for is touched. A tensor is written in place, the float64 value rounded to its dtype,
    and groups that share one tensor get one each.

    ``get_last_lr()``, ``lr_at(t)`` for the present step, and ``group["lr"]`` are the same numbers. A group that is
    added later follows a single schedule; lists and dictionaries that do not name it leave it alone.

    Args:
        optimizer: a ``torch.optim.Optimizer``, or a wrapper that has its ``param_groups`` and
            ``defaults``.
        lr: the schedule or schedules of the learning rate.
        relative: multiply the value that each group had when it was first seen, which is kept in the group as
            ``initial_<key>`` and in the state, instead of replacing it.
        last_epoch: index of the last update that was made, as in PyTorch: -1 begins at step 0, k at step k + 1, which
            is all that a resumed run needs.
        on_mismatch: what ``load_state_dict`` does with the state of another schedule: ``"error"``, go on with
            ``"mine"``, or with the ``"saved"`` one.
        hyperparameters: ``momentum=``, ``weight_decay=``, ``beta1=``, ``eps=``: any number in the groups.

    Raises:
        ScheduleError: nothing is given to follow, a hyperparameter or a group's name does not exist, a list has
            the wrong length, or ``last_epoch`` is below -1.

    Example:
        >>> import torch, lrsched as lrs
        >>> w = torch.nn.Parameter(torch.zeros(2))
        >>> optimizer = torch.optim.SGD([w], lr=1.0, momentum=0.9)
        >>> lr = 0.1 * (lrs.warmup(2) >> lrs.cosine().over(8))
        >>> scheduler = Scheduler(optimizer, lr=lr, momentum=0.95 - 0.5 * lr)
        >>> for _ in range(2):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> optimizer.param_groups[0]["lr"], scheduler.get_last_lr(), scheduler.lr_at(1)
        (0.1, [0.1], [0.05])
    """

    _step_count = 1  # read and counted up by programs that drive schedulers; the step is last_epoch

    def __init__(
        self,
        optimizer: Any,
        lr: Schedules = None,
        *,
        relative: bool = False,
        last_epoch: int = -1,
        on_mismatch: Literal["error", "mine", "saved"] = "error",
        **hyperparameters: Schedules,
    ) -> None:
        where = type(self).__name__
        groups = groups_of(where, optimizer)
        check_choice(where, "on_mismatch", on_mismatch, ("error", "mine", "saved"))
        if not isinstance(relative, bool):
            fail(where, "relative", "True or False", relative, wrong_type=True)
        plan = read_plan(where, {"lr": lr, **hyperparameters}, groups, optimizer.defaults)
        if not plan:
            fail(where, "lr", "a schedule, unless another hyperparameter has one", lr, wrong_type=True)
        self.last_epoch = check_count(where, "last_epoch", last_epoch, -1) + 1
        self.relative, self.on_mismatch = relative, on_mismatch
        self._past: Past = ()
        _prepare()
        self._start(optimizer, plan)
        self._write()
        watch(self)

    # -- the schedules

    @property
    def schedules(self) -> dict[str, Any]:
        """What each hyperparameter follows now, as it was given: a schedule, a list or a dictionary."""
        return {key: rule.given for key, rule in self._plan.items()}

    @property
    def history(self) -> list[tuple[Any, dict[str, Any]]]:
        """What was followed before: pairs of the step at which it ended, and the schedules by hyperparameter."""
        return [(until, {key: rule.given for key, rule in plan.items()}) for until, plan in self._past]

    def replace(self, **hyperparameters: Schedules) -> None:
        """Follow other schedules from the present step on.

        The next update t uses ``new(t)``: a schedule counts from the beginning of the run, as before, so that
        ``replace(lr=lr.extended(scheduler.last_epoch, total))`` re-plans a run that grows or shrinks. What was
        followed up to now is kept in the state, and a run that resumes by the script that began it goes on with the
        replacement.

        Args:
            hyperparameters: as for the scheduler itself; those not named stay as they are, None stops driving one.

        Raises:
            ScheduleError: as for the scheduler itself.

        Example:
            >>> import torch, lrsched as lrs
            >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            >>> scheduler = Scheduler(optimizer, lr=lrs.linear().over(4))
            >>> scheduler.step(2)
            >>> scheduler.replace(lr=lrs.linear().over(4).extended(2, 12))
            >>> scheduler.step(5)
            >>> scheduler.get_last_lr(), scheduler.lr_at(1)
            ([0.25], [0.75])
        """
        groups = self.optimizer.param_groups
        new = read_plan(f"{type(self).__name__}.replace", hyperparameters, groups, self.optimizer.defaults)
        kept = {key: rule for key, rule in self._plan.items() if key not in hyperparameters}
        self._change(kept | new)
        self._write()

    def _change(self, plan: Plan) -> None:
        if plan != self._plan:
            past = self._past[-1][0] if self._past else 0
            if self.last_epoch > past:
                self._past = (*self._past, (self.last_epoch, self._plan))
            self._plan = plan
            self._forget()

    # -- stepping

    def step(  # pyright: ignore[reportIncompatibleMethodOverride] - PyTorch's own argument is deprecated
        self, count: Any = 1, *, applied: bool = True
    ) -> None:
        """Count updates, and write the values that the next one uses.

        Once per update of the optimizer: not per micro-batch under gradient accumulation, nor per process. A schedule
        over samples or tokens is stepped by their number, over all processes: ``step(batch_size)``.

        Args:
            count: how far to go, a number >= 0.
            applied: False if the update was skipped, as by a ``GradScaler`` that found an overflow: nothing is counted.

        Raises:
            ScheduleError: ``count`` is no number >= 0.
        """
        if self._tensors or is_compiling():
            return _eagerly[0](self, count, applied)
        if not applied:
            return None
        if count != 1 or type(count) is not int:
            count = self._checked(count)
        self.last_epoch = t = self.last_epoch + count
        groups, own = self.optimizer.param_groups, self._own
        if (
            groups is not self._list
            or len(groups) != self._size
            or (own is not None and not all(map(is_, groups, self._groups)))
        ):
            return _eagerly[0](self, 0)
        for function, key in self._common:
            if type(groups[0][key]) is not float:
                return _eagerly[0](self, 0)
            value = function(t)
            for group in groups:
                group[key] = value
        if own is not None and not own.write(t):
            return _eagerly[0](self, 0)
        return None

    def _advance(self, count: Any, applied: bool = True) -> None:
        """``step`` with a look at every group, for groups that changed or hold tensors."""
        if applied:
            self.last_epoch += self._checked(count)
            self._write()

    def _checked(self, count: Any) -> Any:
        where = f"{type(self).__name__}.step"
        try:
            number: Any = index(count)
        except TypeError:
            number = check_real(where, "count", count, "a number >= 0")
        if number < 0 or isinstance(count, bool):
            fail(where, "count", "a number >= 0", count)
        if not number and self.last_epoch < 0:  # how SequentialLR before PyTorch 2.9 begins a scheduler
            return -self.last_epoch
        return number

    def _update_lr(self, epoch: int | None = None) -> None:
        """What PyTorch's SequentialLR calls: go to a step."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._write()

    # -- reading

    def values_at(self, t: Any) -> dict[str, list[Any]]:
        """The values of update t by hyperparameter, one per group: past ones as they were, later ones as planned now.

        Args:
            t: a step, a number >= 0.
        """
        return self._values(next((plan for until, plan in self._past if t < until), self._plan), t)

    @property
    def values(self) -> dict[str, float]:
        """The numbers in force, for a logger: ``"lr"`` where there is one group, ``"lr/head"`` where there are several.

        Groups without a name are numbered.
        """
        groups = self.optimizer.param_groups
        found = {}
        for key in self._plan:
            for i, group in enumerate(groups):
                if has(group, key):
                    found[key if len(groups) == 1 else f"{key}/{group.get('name', i)}"] = number(group, key)
        return found

    def lr_at(self, t: Any) -> list[Any]:
        """The learning rates of update t, one per group, as in :meth:`values_at`.

        Args:
            t: a step, a number >= 0.
        """
        known = self.values_at(t).get("lr")
        return self.get_last_lr() if known is None else known

    def get_last_lr(self) -> list[Any]:
        """The learning rates that the groups hold; copies, where they are tensors."""
        return [copied(group["lr"]) for group in self.optimizer.param_groups]

    def get_lr(self) -> list[Any]:
        """The learning rates of the present step."""
        return self.lr_at(self.last_epoch)

    @property
    def base_lrs(self) -> list[Any]:  # type: ignore[override]
        """The learning rate of each group when it was first seen if relative, else the one that it holds."""
        return [copied(group.get("initial_lr", group["lr"])) for group in self.optimizer.param_groups]

    @property
    def _last_lr(self) -> list[Any]:  # type: ignore[override]
        return self.get_last_lr()

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self.schedules.items())
        return f"{type(self).__name__}({given}, step={self.last_epoch})"

    # -- state

    def state_dict(self) -> dict[str, Any]:
        """The step, the schedules, those before them and the initial values: plain data.

        ``torch.load(weights_only=True)`` reads it back, and so does JSON.
        """
        if self._has_changed():
            self._refresh()
        return pack(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where a state was saved, before or after the optimizer is restored.

        The step alone, ``{"last_epoch": t}``, is enough. A state with schedules is accepted if its run began with this
        scheduler's schedules, or follows them now; what replaced them on the way is taken over.

        Args:
            state_dict: what ``state_dict`` gave.

        Raises:
            ScheduleError: it is the state of something else, or of another schedule and ``on_mismatch`` is "error".
        """
        where = f"{type(self).__name__}.load_state_dict"
        found = unpack(self, where, state_dict)
        groups = self.optimizer.param_groups
        check_plan(where, found.schedules, groups, self.optimizer.defaults)
        rows = self._rows_now(found.rows)
        self._values_of(found.schedules, rows, found.last_epoch)  # an error of a schedule comes before any change
        self.last_epoch, self.relative = found.last_epoch, found.relative
        self._plan, self._past = found.schedules, found.history
        self._restore(rows, {(row, key): base for row, key, base in found.initial})
        self._forget()
        self._write()

    def __getstate__(self) -> dict[str, Any]:
        if self._has_changed():
            self._refresh()
        made = ("_common", "_own", "_groups", "_list", "_size")
        return {key: value for key, value in self.__dict__.items() if key not in made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _prepare()
        self._forget()
        self._groups = list(self.optimizer.param_groups)
        self._attach()
        self._refresh()


def _prepare() -> None:
    """Keep the compiler away from what follows the step; it is loaded with the first optimizer anyway."""
    if not _eagerly:
        _eagerly.append(torch.compiler.disable(Scheduler._advance))  # type: ignore[no-untyped-call]
