"""Rates that follow a metric."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import lrsched as lrs
from lrsched.adapting import check_choice, check_real, fail, saved_rule, saved_rule_state
from lrsched_torch._keys import plain
from lrsched_torch._notices import warn
from lrsched_torch._scheduler import Scheduler, Schedules
from lrsched_torch._state import json_text

__all__ = ["PlateauScheduler"]

OWN = ("plateau", "plateau_state")
OPTIONS = {"relative", "last_epoch", "on_mismatch", "check"}
SILENCE = (
    "PlateauScheduler: no metric came in {} steps, so that there is none to follow: step(metric) and observe(metric) "
    "tell it. In Lightning, give 'reduce_on_plateau': True beside 'monitor', or call "
    "self.lr_schedulers().observe(metric) in on_validation_epoch_end; in Transformers' Trainer, call "
    "lr_scheduler.observe(metrics['eval_loss']) in the on_evaluate of a callback. (check=False says that it is meant.)"
)


class PlateauScheduler(Scheduler):
    """A :class:`Scheduler` whose learning rates are ``schedule(t) * plateau.scale(state)``.

    ``step(metric)`` counts an update, or an epoch if the schedule counts epochs, and reports a metric, as PyTorch's
    ``ReduceLROnPlateau`` does. Where updates are counted and metrics come once in a while, call ``step()`` per update
    and ``observe(metric)`` when there is one. Without a schedule, each group keeps the rate that it has, scaled. Other
    hyperparameters are not scaled. ``lr_at`` and ``values_at`` multiply every step, past ones too, with the present
    scale.

    ``lrs.Plateau(dialect="torch")`` cuts where PyTorch does. PyTorch's ``eps`` and ``min_lr`` are in units of the rate:
    for a base rate b they are ``eps=1e-8 / b`` and ``smallest=min_lr / b`` here.

    Args:
        optimizer: as for :class:`Scheduler`.
        plateau: a ``lrs.Plateau`` or ``lrs.Greedy``.
        lr: the schedule or schedules of the learning rate.
        ranks: what to do where ``torch.distributed`` runs several processes: "same", they must report the same metric,
            and each is told if they differ; "mean", all take the mean of theirs; "alone", each for itself. The first
            two communicate: every process has to report.
        options: everything that :class:`Scheduler` takes.

    Raises:
        ScheduleError: as for :class:`Scheduler`; ``plateau`` is no such rule.

    Example:
        >>> import torch, lrsched as lrs
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        >>> scheduler = PlateauScheduler(optimizer, lrs.Plateau(factor=0.5, patience=1), lr=0.1 * lrs.warmup(2))
        >>> for loss in [1.0, 0.9, 0.9, 0.9]:
        ...     scheduler.step(loss)
        >>> scheduler.get_last_lr(), scheduler.scale
        ([0.05], 0.5)
    """

    def __init__(
        self,
        optimizer: Any,
        plateau: lrs.Plateau | lrs.Greedy,
        lr: Schedules = None,
        *,
        ranks: Literal["same", "mean", "alone"] = "same",
        **options: Any,
    ) -> None:
        if not isinstance(plateau, lrs.Plateau | lrs.Greedy):
            fail("PlateauScheduler", "plateau", "a lrsched.Plateau or lrsched.Greedy", plateau, wrong_type=True)
        check_choice("PlateauScheduler", "ranks", ranks, ("same", "mean", "alone"))
        self.plateau: Any = plateau
        self.ranks = ranks
        self._state: Any = plateau.init()
        self._silent: int | None = 0  # steps without a metric; None once one came, or that was said
        self._follows = lr is not None or bool(options.keys() - OPTIONS)
        if lr is None:
            lr, options = lrs.constant(1.0), {**options, "relative": True}
        super().__init__(optimizer, lr, **options)

    @property
    def scale(self) -> float:
        """What the schedule is multiplied by at present."""
        return float(self.plateau.scale(self._state))

    def step(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, metric: Any = None, *, count: Any = 1, applied: bool = True
    ) -> None:
        """Count an update, and report a metric if there is one; then write the rates that the next update uses.

        Args:
            metric: a real number or a tensor of one, or None.
            count, applied: as for :class:`Scheduler`.

        Raises:
            ScheduleError: the metric is no number, or processes that must agree report different ones.
        """
        begun = metric if self.last_epoch < 0 else None  # SequentialLR before PyTorch 2.9 begins it by step(0)
        if metric is not None and begun is None:
            self.observe(metric)
        super().step(begun, count=count, applied=applied)
        if self._silent is not None and applied:
            self._wait()

    def _wait(self) -> None:
        """Notice that no metric comes, once: after a patience of steps, if they stand for reports.

        Where a schedule is stepped with every update, a report may come after any number of them; then at its end.
        """
        self._silent = silent = (self._silent or 0) + 1
        if silent <= self.plateau.patience or not self._check:
            return
        rules = (self._plan[key] for key in ("lr",) if key in self._plan)
        over = all(schedule.duration <= self.last_epoch for rule in rules for schedule in rule.schedules)
        if not self._follows or over or self._updates > silent:
            self._silent = None
            warn(SILENCE.format(silent))

    def observe(self, metric: Any) -> None:
        """Report a metric without counting an update.

        Args:
            metric: a real number or a tensor of one.
        """
        value = _agreed(plain(metric), self.ranks)
        before, after = self._state, self.plateau.update(self._state, value)
        self._silent = None
        if self.plateau.scale(before) == self.plateau.scale(after):
            self._state = after
            return
        writes = self._writes()
        if writes:
            self._claim("PlateauScheduler.observe")
        self._state = after
        self._forget()
        if writes:
            self._write()

    def _factor(self, key: str) -> float:
        return self.scale if key == "lr" else 1.0

    def state_dict(self) -> dict[str, Any]:
        """The state of a :class:`Scheduler`, the rule, and what it remembers: plain data."""
        rule, known = json.dumps(self.plateau.to_dict()), json.dumps(self._state)
        return {**super().state_dict(), "plateau": rule, "plateau_state": known}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where a state was saved, in the middle of patience or cooldown too.

        The step alone, ``{"last_epoch": t}``, restores the schedule and leaves the rule as it is.

        Args:
            state_dict: what ``state_dict`` gave.

        Raises:
            ScheduleError: as for :class:`Scheduler`; the state is of another rule and ``on_mismatch`` is "error".
        """
        where = "PlateauScheduler.load_state_dict"
        state = state_dict if isinstance(state_dict, Mapping) else {}
        if "schedules" in state and "plateau" not in state and self.on_mismatch == "error":
            fail(where, "state_dict", "the state of a PlateauScheduler", "a state without plateau, of a Scheduler")
        own = {key: value for key, value in state.items() if key in OWN}
        rule, known = self._read_rule(where, own) if own else (self.plateau, self._state)
        super().load_state_dict({key: value for key, value in state.items() if key not in OWN} if own else state_dict)
        self.plateau, self._state = rule, known
        self._silent = 0 if known == rule.init() else None
        self._forget()
        if self.last_epoch >= 0:
            self._write()

    def _read_rule(self, where: str, own: Mapping[str, Any]) -> tuple[Any, Any]:
        """The rule to go on with, and what it remembers."""
        rule, saved = self.plateau, _read(where, "plateau", own.get("plateau"), saved_rule)
        if saved != rule and self.on_mismatch == "error":
            fail(where, "plateau", f"that of the saved state, {saved!r}", rule)
        known = _read(where, "plateau_state", own.get("plateau_state"), saved_rule_state(saved))
        if saved == rule or self.on_mismatch == "saved":
            return saved, known
        if type(saved) is type(rule):
            low, high = rule.bounds
            known = known._replace(scale=min(max(known.scale, low), high))
        return rule, saved_rule_state(rule)(where, "plateau_state", known)


def _read(where: str, name: str, value: Any, reader: Any) -> Any:
    """JSON text, or the data themselves as the format before has them."""
    return (json_text(reader) if isinstance(value, str) else reader)(where, name, value)


def _agreed(metric: Any, ranks: str) -> Any:
    """The metric that every process takes."""
    where, distributed = "PlateauScheduler", _distributed()
    if ranks == "alone" or distributed is None:
        return metric
    value = metric if isinstance(metric, float) else check_real(where, "metric", metric)
    found: list[float] = [0.0] * distributed.get_world_size()
    distributed.all_gather_object(found, value)
    if ranks == "mean":
        return lrs.agreed(found, differ="mean")
    if any(repr(other) != repr(found[0]) for other in found):
        fail(where, "metric", "the same in every process (or ranks='mean')", found)
    return value


def _distributed() -> Any:
    """``torch.distributed`` where it runs more than one process, else None."""
    import torch.distributed as found

    running = found.is_available() and found.is_initialized() and found.get_world_size() > 1
    return found if running else None
