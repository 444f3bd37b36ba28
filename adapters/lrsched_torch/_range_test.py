"""The learning-rate range test on a PyTorch model."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from lrsched.adapting import fail
from lrsched.range_test import Progress, RangeTest, Recorder, repeated
from lrsched_torch._driver import groups_of
from lrsched_torch._keys import put, raw

__all__ = ["RangeTest", "range_test"]


def range_test(
    model_step: Callable[..., Any],
    optimizer: Any,
    batches: Iterable[Any] | None = None,
    *,
    model: torch.nn.Module | None = None,
    smallest: float = 1e-7,
    largest: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.98,
    divergence: float = 4.0,
    progress: Progress = False,
) -> RangeTest:
    """Train for some steps at rising rates, put everything back, and read the rates that suit the model off the losses.

    The rates are those of ``lrs.range_sweep(smallest, largest, steps)``, in every group, one update each; each loss is
    measured before its update. An optimizer whose ``step`` needs a closure, as LBFGS's does, is given one, which may
    call ``model_step`` several times on one batch. It stops when the smoothed loss is above ``divergence`` times its
    best, or NaN. Afterwards the parameters, their gradients, the optimizer's state and rates and the random numbers
    are what they were; what else a model holds (running means) only if ``model`` is given.

    Args:
        model_step: a function of a batch (of nothing, without ``batches``) that gives the loss, a scalar tensor; the
            test computes gradients and updates.
        optimizer: the optimizer that training will use.
        batches: batches of data, begun again when there are too few (an iterator: kept and repeated).
        model: the module whose buffers and other parameters are to be put back too.
        smallest: the first rate, > 0.
        largest: the rate that the sweep rises to, > smallest.
        steps: length of the sweep in updates, an integer >= 2.
        smoothing: weight of the past in the average, in [0, 1), also for the suggestions.
        divergence: a number > 1.
        progress: True for a line on standard error, or a function of (step, rate, loss).

    Returns:
        Rates, losses and suggestions; see ``lrs.suggest`` for what each means. ``.plot()`` draws them.

    Raises:
        ScheduleError: there are no batches, a loss is no scalar tensor, or an argument is outside its range.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (2017).

    Example:
        >>> import torch
        >>> x, w = torch.linspace(-1, 1, 32), torch.nn.Parameter(torch.zeros(()))
        >>> optimizer = torch.optim.SGD([w], lr=0.5)
        >>> found = range_test(lambda x: (w * x - 3 * x).square().mean(), optimizer, [x], smoothing=0.5)
        >>> len(found.rates) == len(found.losses) <= 100, 0.01 < found.suggestions.minimum < 1
        (True, True)
        >>> w.item(), optimizer.param_groups[0]["lr"]
        (0.0, 0.5)
    """
    groups = groups_of("range_test", optimizer)
    recorder = Recorder(smallest, largest, steps, smoothing, divergence, progress)
    data: Iterator[Any] | None = None if batches is None else repeated(batches)
    with _put_back(optimizer, model):
        done = False
        while not done:
            for group in groups:
                put(group, "lr", recorder.rate)
            done = recorder.record(_updated(optimizer, model_step, () if data is None else (next(data),)))
    return recorder.result()


def _updated(optimizer: Any, model_step: Callable[..., Any], batch: tuple[Any, ...]) -> float:
    """Make an update, and give the loss before it."""
    losses: list[float] = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = model_step(*batch)
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            fail("range_test", "model_step", "a function that gives a scalar tensor", loss, wrong_type=True)
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(float(loss.detach()))
        return loss

    if _needs_closure(optimizer):
        optimizer.step(closure)
    else:
        closure()
        optimizer.step()
    return losses[0]


def _needs_closure(optimizer: Any) -> bool:
    """Whether an optimizer cannot make an update without a function that computes the loss."""
    parameters = inspect.signature(optimizer.step).parameters.values()
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


@contextmanager
def _put_back(optimizer: Any, model: torch.nn.Module | None) -> Iterator[None]:
    """Leave parameters, optimizer and random numbers as they were."""
    tensors = {id(p): p for group in optimizer.param_groups for p in group["params"]}
    if model is not None:
        tensors |= {id(x): x for x in (*model.parameters(), *model.buffers())}
    values = [(x, x.detach().clone(), x.grad) for x in tensors.values()]
    rates = [copy.deepcopy(raw(group, "lr")) for group in optimizer.param_groups]
    state = {p: copy.deepcopy(known) for p, known in optimizer.state.items()}
    devices = sorted({x.device.index for x in tensors.values() if x.device.type == "cuda"})
    with torch.random.fork_rng(devices):
        try:
            yield
        finally:
            with torch.no_grad():
                for x, value, gradient in values:
                    x.copy_(value)
                    x.grad = gradient
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                put(group, "lr", rate)
            optimizer.state.clear()
            optimizer.state.update(state)
