"""LARS during the warm-up only."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch

import lrsched as lrs
from lrsched.adapting import check_count, fail
from lrsched_torch._scheduler import Scheduler

__all__ = ["lars_warmup"]


def lars_warmup(
    scheduler: Scheduler,
    steps: int,
    *,
    coefficient: float = 0.001,
    eps: float = 0.0,
    applies: Callable[[torch.nn.Parameter], bool] = lambda p: True,
) -> Any:
    """Each layer's rate is the schedule times its trust ratio in the first ``steps`` steps, then the schedule.

    Before each update at a step t < ``steps`` the gradient g of a layer with weights w becomes r * g, with

        r = ``lrs.trust_ratio(|w|, |g|, coefficient=coefficient, eps=eps)``,  g with the group's weight decay added,

    so that SGD makes the update of LARS, momentum included. For optimizers whose update is proportional to the
    gradient; Adam's is not. The optimizer is told by its own hook, and nothing is saved: the step decides.

    Args:
        scheduler: the scheduler of the optimizer; its step is read.
        steps: length of the warm-up, an integer >= 0.
        coefficient: the trust coefficient, >= 0.
        eps: added to the norm of the gradient, >= 0.
        applies: which layers have a trust ratio; biases and norms usually have none (``lambda p: p.ndim > 1``).

    Returns:
        A handle, whose ``remove()`` ends it at once.

    Raises:
        ScheduleError: an argument outside its range.

    Source: You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks" (2017), for the ratio.

    Example:
        >>> import torch, lrsched as lrs
        >>> w = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> optimizer = torch.optim.SGD([w], lr=1.0)
        >>> scheduler = Scheduler(optimizer, lr=1.0)
        >>> warming = lars_warmup(scheduler, steps=1, coefficient=0.25)
        >>> for _ in range(2):
        ...     w.grad = torch.tensor([0.0, 1.0])
        ...     optimizer.step()
        ...     scheduler.step()
        ...     print(w.tolist())
        [3.0, 2.75]
        [3.0, 1.75]
    """
    if not isinstance(scheduler, Scheduler):
        fail("lars_warmup", "scheduler", "a lrsched_torch.Scheduler", scheduler, wrong_type=True)
    length = check_count("lars_warmup", "steps", steps)
    lrs.trust_ratio(1.0, 1.0, coefficient=coefficient, eps=eps)
    me = weakref.ref(scheduler)

    def before_update(optimizer: Any, *_: Any) -> None:
        driver = me()
        if driver is None or not driver.last_epoch < length:
            return
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None and applies(p):
                    _scale(p, group.get("weight_decay", 0.0), coefficient, eps)

    return scheduler.optimizer.register_step_pre_hook(before_update)


@torch.no_grad()
def _scale(p: torch.Tensor, decay: Any, coefficient: float, eps: float) -> None:
    """Scale the gradient so that it and the weight decay, which the optimizer adds, come to r * (g + decay * w)."""
    gradient: Any = p.grad
    total = gradient + decay * p
    w, g = (float(torch.linalg.vector_norm(x, dtype=torch.float64)) for x in (p, total))
    ratio = lrs.trust_ratio(w, g, coefficient=coefficient, eps=eps)
    gradient.copy_(ratio * total - decay * p)
