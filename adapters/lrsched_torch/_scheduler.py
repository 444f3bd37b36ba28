"""The scheduler: any hyperparameter of any parameter group follows a schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import index, is_
from typing import Any, Literal

import torch
from torch.compiler import is_compiling
from torch.optim.lr_scheduler import LRScheduler

from lrsched.adapting import check_choice, check_count, check_real, fail
from lrsched_torch._driver import Driver
from lrsched_torch._keys import copied, plain, raw
from lrsched_torch._loading import settled
from lrsched_torch._notices import alarm
from lrsched_torch._optimizers import given_optimizers, owners_of
from lrsched_torch._per_epoch import watch
from lrsched_torch._rules import Plan, read_plan
from lrsched_torch._state import Past, pack

__all__ = ["Scheduler"]

Schedules = Any  # a schedule or number, one per group, or a dictionary by group name; by optimizer, for several

MADE = (
    "_common",
    "_own",
    "_groups",
    "_list",
    "_size",
    "_hooks",
    "_seen",
    "_numbers",
    "_over",
    "_sole",
)  # made again for a copy

_eagerly: list[Callable[..., None]] = []  # ``Scheduler._advance``, which compiled programs run uncompiled


class Scheduler(Driver, LRScheduler):
    """Drive the learning rate and any other number in the parameter groups of an optimizer.

    Update t uses ``schedule(t)``, from the first update: build the scheduler after the optimizer, and call ``step()``
    once after each update.

    Each hyperparameter takes one schedule (or number) for every group, a list with one per group, or a dictionary by
    the groups' ``"name"`` (or position); None leaves a group alone. ``beta1`` and ``beta2`` are the members of
    ``betas``. Only what is asked for is touched. A tensor is written in place, the float64 value rounded to its dtype,
    and groups that share one tensor get one each. Several optimizers, in a dictionary by names or a list, take one
    schedule for all, or a dictionary (or list) of what each of them takes.

    ``get_last_lr()``, ``lr_at(t)`` for the present step, and ``group["lr"]`` are the same numbers. A group that is
    added later follows a single schedule; lists and dictionaries that do not name it leave it alone. A group is known
    again by its ``"name"``, else by its ``"param_names"``, else by its position among those that have neither.

    Args:
        optimizer: a ``torch.optim.Optimizer``, or whatever else has a sequence ``param_groups``; or several, in a
            dictionary by names or a list.
        lr: the schedule or schedules of the learning rate.
        relative: multiply the value that each group had when it was first seen, which is kept in the group as
            ``initial_<key>`` and in the state, instead of replacing it.
        last_epoch: index of the last update that was made, as in PyTorch: -1 begins at step 0, k at step k + 1, which
            is all that a resumed run needs.
        on_mismatch: what ``load_state_dict`` does with the state of another schedule, or of other initial values if
            relative: ``"error"``, go on with ``"mine"``, or with the ``"saved"`` one.
        check: whether a mistake that shows at the joints of a schedule (``schedule.check``) gives a
            ``ScheduleWarning``.
        hyperparameters: ``momentum=``, ``weight_decay=``, ``beta1=``, ``eps=``: any number in the groups.

    Raises:
        ScheduleError: nothing is given to follow, a hyperparameter or a group's name does not exist, a list has
            the wrong length, ``last_epoch`` is below -1, or the updates read other groups than the optimizer shows.

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
        check: bool = True,
        **hyperparameters: Schedules,
    ) -> None:
        where = type(self).__name__
        places = self._start(where, optimizer)
        check_choice(where, "on_mismatch", on_mismatch, ("error", "mine", "saved"))
        for name, value in (("relative", relative), ("check", check)):
            if not isinstance(value, bool):
                fail(where, name, "True or False", value, wrong_type=True)
        no_past: Past = ()
        plan = read_plan(where, {"lr": lr, **hyperparameters}, places, self._optimizers)
        if not plan:
            fail(where, "lr", "a schedule, unless another hyperparameter has one", lr, wrong_type=True)
        self.last_epoch = check_count(where, "last_epoch", plain(last_epoch), -1) + 1
        self.relative, self.on_mismatch, self._check = relative, on_mismatch, check
        self._check_values(plan, places, self.last_epoch)  # an error of a schedule comes before any change
        self._plan, self._past = plan, no_past
        _prepare()
        if check:
            alarm(where, plan)
        self._attach()
        self._write()
        self._enter()
        watch(self)

    @property
    def optimizer(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The optimizer, of several the first; another one may be put in its place, with groups of the same names."""
        self._combined()
        return next(iter(self._optimizers.values()))

    @optimizer.setter
    def optimizer(self, new: Any) -> None:
        where = type(self).__name__
        if None not in self._optimizers:
            fail(where, "optimizer", "left as it is, where there are several", new)
        self._look(where, given_optimizers(where, new))
        self._let_go()
        self._forget()
        self._attach()
        if self._writes():
            self._write()

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
            >>> scheduler.step(count=2)
            >>> scheduler.replace(lr=lrs.linear().over(4).extended(2, 12))
            >>> scheduler.step(count=5)
            >>> scheduler.get_last_lr(), scheduler.lr_at(1)
            ([0.25], [0.75])
        """
        where = f"{type(self).__name__}.replace"
        if self._has_changed():
            self._refresh()
        new = read_plan(where, hyperparameters, self._places(), self._optimizers)
        if self.last_epoch >= 0:
            self._check_values(new, self._places(), self.last_epoch)  # an error of a schedule comes before any change
            self._claim(where)
        if self._check:
            alarm(where, new)
        kept = {key: rule for key, rule in self._plan.items() if key not in hyperparameters}
        self._change(kept | new)
        if self.last_epoch >= 0:
            self._write()
        else:
            self._refresh()
        self._enter()

    def _change(self, plan: Plan) -> None:
        if plan != self._plan:
            past = self._past[-1][0] if self._past else 0
            if self.last_epoch > past:
                self._past = (*self._past, (self.last_epoch, self._plan))
            self._plan = plan
            self._forget()

    # -- stepping

    def step(  # type: ignore[override]
        self, epoch: None = None, *, count: Any = 1, applied: bool = True
    ) -> None:
        """Count updates, and write the values that the next one uses.

        Once per update of the optimizer: not per micro-batch under gradient accumulation, nor per process. A schedule
        over samples or tokens is stepped by their number, over all processes: ``step(count=batch_size)``.

        Args:
            epoch: nothing. A step to go to is an argument of :meth:`seek`, a metric one of ``PlateauScheduler.step``.
            count: how far to go, a number >= 0.
            applied: False if the update was skipped, as by a ``GradScaler`` that found an overflow: nothing is counted.

        Raises:
            ScheduleError: ``epoch`` is given, ``count`` is no number >= 0, or another scheduler steps the same.
        """
        if epoch is not None or is_compiling() or self._careful:
            return _eagerly[0](self, count, applied, epoch)
        if not applied:
            return None
        if type(count) is not int or count != 1:
            count = _number(f"{type(self).__name__}.step", "count", count)
        t = self.last_epoch + count
        groups, own = self._source.param_groups, self._own
        if (
            groups is not self._list
            or len(groups) != self._size
            or (own is not None and not all(map(is_, groups, self._groups)))
        ):
            return _eagerly[0](self, count)
        try:
            for function, key in self._common:
                if type(groups[0][key]) is not float:
                    return _eagerly[0](self, count)
                value = function(t)
                for group in groups:
                    group[key] = value
            if own is not None and not own.write(t):
                return _eagerly[0](self, count)
        except Exception:
            self._write()
            raise
        self.last_epoch = t
        return None

    def _advance(self, count: Any, applied: bool = True, epoch: Any = None) -> None:
        """``step`` with a look at everything: at groups that changed or hold tensors, and at who else steps."""
        where, begins = f"{type(self).__name__}.step", self.last_epoch < 0
        if epoch is not None and not (begins and type(epoch) is int and epoch == 0):  # SequentialLR before PyTorch 2.9
            allowed = "left out: step() counts an update, step(count=n) counts n, seek(t) goes to step t"
            fail(where, "epoch", allowed, plain(epoch))
        if applied:
            number = _number(where, "count", count)
            self._claim(where, begins)
            self._go(0 if begins else self.last_epoch + number)

    def _go(self, t: Any) -> None:
        """Write the values of a step; of one that a schedule refuses nothing is left."""
        before, self.last_epoch = self.last_epoch, t
        try:
            self._write()
        except Exception:
            self.last_epoch = before
            if before >= 0:
                self._write()
            raise

    def seek(self, t: Any) -> None:
        """Go to a step, as loops over shares of epochs do: ``seek(epoch + i / batches)``.

        Args:
            t: a step, a number >= 0.

        Raises:
            ScheduleError: ``t`` is no such number, or another scheduler steps the same.

        Example:
            >>> import torch, lrsched as lrs
            >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            >>> scheduler = Scheduler(optimizer, lr=lrs.linear().over(10))
            >>> scheduler.seek(2.5)
            >>> scheduler.get_last_lr()
            [0.75]
        """
        where = f"{type(self).__name__}.seek"
        number = _number(where, "t", t)
        self._check_values(self._plan, self._places(), number)  # an error of a schedule comes before any change
        self._claim(where, self.last_epoch < 0)
        self._go(number)

    def detach(self) -> None:
        """Let go of the optimizer, which keeps the values that it has; another scheduler may step them now."""
        self._let_go()
        self._detached = self._careful = True

    def _update_lr(self, epoch: int | None = None) -> None:
        """What PyTorch's SequentialLR calls: begin, at a step."""
        self._claim(f"{type(self).__name__}.step", begins=True)
        self._go(self.last_epoch + 1 if epoch is None else epoch)

    # -- reading

    def values_at(self, t: Any) -> dict[str, list[Any]]:
        """The values of update t by hyperparameter, one per group: past ones as they were, later ones as planned now.

        Args:
            t: a step, a number >= 0.
        """
        t = plain(t)
        return self._values(next((plan for until, plan in self._past if t < until), self._plan), t)

    @property
    def values(self) -> dict[str, float]:
        """The numbers in force, for a logger: ``"lr"`` where there is one group, ``"lr/head"`` where there are several.

        Groups without a name are numbered; groups of several optimizers come after the name of theirs.
        """
        if self._has_changed():
            self._refresh()
        labels = _labels(owners_of(self._source), [known.name for known in self._here])
        found = {}
        for key in self._plan:
            for label, group in zip(labels, self._groups, strict=True):
                if (value := raw(group, key)) is not None:
                    found["/".join((key, *label))] = float(value)
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
        return [copied(group["lr"]) for group in self._source.param_groups]

    def get_lr(self) -> list[Any]:
        """The learning rates of the present step."""
        return self.lr_at(self.last_epoch)

    @property
    def base_lrs(self) -> list[Any]:  # type: ignore[override]
        """The learning rate of each group when it was first seen if relative, else the one that it holds."""
        return [copied(group.get("initial_lr", group["lr"])) for group in self._source.param_groups]

    @property
    def _last_lr(self) -> list[Any]:  # type: ignore[override]
        return self.get_last_lr()

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self.schedules.items())
        return f"{type(self).__name__}({given}, step={self.last_epoch})"

    # -- state

    def state_dict(self) -> dict[str, Any]:
        """The step, the schedules, those before them, and the groups with their initial values: plain data.

        The names and types are the same whatever the schedules are, so that a state of a distributed checkpoint is
        loaded into a scheduler of others; ``torch.load(weights_only=True)`` reads it back, and so does JSON.
        """
        if self._has_changed():
            self._refresh()
        return pack(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where a state was saved, before or after the optimizer is restored.

        The step alone, ``{"last_epoch": t}``, is enough. A state with schedules is accepted if its run began with this
        scheduler's schedules, or follows them now; what replaced them on the way is taken over. What the state says of
        a group is found by the group's name, else by its parameters' names, else by its position among the groups that
        have neither; a group that the state does not know keeps what it has.

        Args:
            state_dict: what ``state_dict`` gave.

        Raises:
            ScheduleError: it is the state of something else; or of other schedules or initial values and
                ``on_mismatch`` is "error"; or it cannot be told which group is which. Nothing has changed then.
        """
        where = f"{type(self).__name__}.load_state_dict"
        self._check_attached(where)
        if self._has_changed():
            self._refresh()
        found = settled(self, where, state_dict)
        self.last_epoch, self.relative = found.last_epoch, found.relative
        self._plan, self._past = found.plan, found.past
        self._known, self._here = found.known, found.here
        self._forget()
        self._refresh()
        if self.last_epoch >= 0:
            self._claim(where, begins=True)
            self._write()

    def __getstate__(self) -> dict[str, Any]:
        if self._has_changed():
            self._refresh()
        return {key: value for key, value in self.__dict__.items() if key not in MADE}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hooks, self._seen, self._numbers = [], [], set()
        _prepare()
        self._forget()
        self._groups = list(self._source.param_groups)
        if not self._detached:
            self._attach()
            self._refresh()
            self._enter()


def _prepare() -> None:
    """Keep the compiler away from what follows the step; it is loaded with the first optimizer anyway."""
    if not _eagerly:
        _eagerly.append(torch.compiler.disable(Scheduler._advance))  # type: ignore[no-untyped-call]


def _number(where: str, name: str, value: Any) -> Any:
    """A count or a step: an integer, or a real number, >= 0."""
    value = plain(value)
    try:
        number: Any = index(value)
    except TypeError:
        number = check_real(where, name, value, "a number >= 0")
    if number < 0 or isinstance(value, bool):
        fail(where, name, "a number >= 0", value)
    if number >= 2**53:
        fail(where, name, "a number below 2**53", value)
    return number


def _labels(owners: list[Any], names: list[str | None]) -> list[tuple[str, ...]]:
    """What tells each group from the others: its optimizer, where there are several, and its name or its number."""
    labels = []
    for i, (owner, name) in enumerate(zip(owners, names, strict=True)):
        theirs = [other for other, known in zip(names, owners, strict=True) if known == owner]
        group = () if len(theirs) == 1 else (str(i - owners.index(owner)),)
        if group and name is not None and theirs.count(name) == 1:
            group = (name,)
        labels.append(group if owner is None else (str(owner), *group))
    return labels
