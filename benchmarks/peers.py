"""The same schedules in other libraries, each imported when it is asked for."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import math
import os
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.row import Missing

__all__ = [
    "Shape",
    "Stepper",
    "fvcore_join",
    "fvcore_value",
    "ignite_stepper",
    "jitted",
    "keras_polynomial",
    "keras_range",
    "keras_restarts",
    "keras_schedule",
    "keras_value",
    "load",
    "on_range",
    "optax_jitted_value",
    "optax_join",
    "optax_polynomial",
    "optax_range",
    "optax_restarts",
    "optax_schedule",
    "optax_value",
    "optimizer",
    "rates",
    "stepper",
    "timm_stepper",
    "timm_value",
    "torch_lambda",
    "torch_one_cycle",
    "torch_sequential",
    "transformers",
    "transformers_value",
]


@dataclasses.dataclass(frozen=True)
class Shape:
    """A linear warm-up to ``peak``, then half a cosine to ``peak * end`` at step ``total``."""

    peak: float
    warmup: int
    total: int
    end: float


@dataclasses.dataclass
class Stepper:
    """A scheduler that writes rates into an optimizer; ``rates`` after k calls are those of update ``k + shift``."""

    advance: Callable[[], Any]
    rates: Callable[[], Sequence[float]]
    shift: int = 0


def load(name: str) -> Any:
    """A module of a peer, or :class:`Missing`."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    if name.startswith("timm."):
        _schedulers_of_timm()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise Missing(f"{name.partition('.')[0]} is not installed") from error


def _schedulers_of_timm() -> None:
    """Let timm's scheduler files load without its models, which need a torchvision built for the same torch."""
    if "timm" in sys.modules:
        return
    found = importlib.util.find_spec("timm")
    if found is None or found.origin is None:
        raise Missing("timm is not installed")
    shell = types.ModuleType("timm")
    shell.__path__ = [str(Path(found.origin).parent)]
    sys.modules["timm"] = shell


# ---- one value at any step


def fvcore_value(s: Shape) -> Callable[[int], Any]:
    """fvcore's composite scheduler, called with the share of training done."""
    where, total = _fvcore(s), s.total
    return lambda t: where(t / total)


def _fvcore(s: Shape) -> Any:
    p = load("fvcore.common.param_scheduler")
    parts = [p.LinearParamScheduler(0.0, s.peak), p.CosineParamScheduler(s.peak, s.peak * s.end)]
    share = s.warmup / s.total
    return p.CompositeParamScheduler(parts, [share, 1 - share], ["rescaled", "rescaled"])


def transformers_value(s: Shape) -> Callable[[int], Any]:
    """The factor that transformers gives to LambdaLR, times the peak."""
    factor, peak = transformers(s, optimizer(1, s.peak)).lr_lambdas[0], s.peak
    return lambda t: peak * factor(t)


def timm_value(s: Shape) -> Callable[[int], Any]:
    """timm's own evaluation for one group."""
    scheduler = _timm(s, optimizer(1, s.peak))
    return lambda t: scheduler._get_lr(t)[0]


def optax_schedule(s: Shape) -> Callable[[Any], Any]:
    """Optax's warm-up and cosine."""
    optax: Any = load("optax")
    return optax.warmup_cosine_decay_schedule(0.0, s.peak, s.warmup, s.total, s.peak * s.end)


def optax_value(s: Shape) -> Callable[[int], Any]:
    """The schedule called from Python, as a float."""
    schedule = optax_schedule(s)
    return lambda t: float(schedule(t))


def optax_jitted_value(s: Shape) -> Callable[[int], Any]:
    """The schedule jitted, as a float."""
    schedule = load("jax").jit(optax_schedule(s))
    return lambda t: float(schedule(t))


def keras_schedule(s: Shape) -> Any:
    """Keras' cosine with its own warm-up."""
    schedules = load("keras").optimizers.schedules
    return schedules.CosineDecay(0.0, s.total - s.warmup, s.end, warmup_target=s.peak, warmup_steps=s.warmup)


def keras_value(s: Shape) -> Callable[[int], Any]:
    """The schedule called from Python, as a float."""
    schedule = keras_schedule(s)
    return lambda t: float(schedule(t))


def fvcore_join(levels: Sequence[tuple[float, float]]) -> Callable[[int], Any]:
    """Straight pieces of one length."""
    p = load("fvcore.common.param_scheduler")
    parts, n = [p.LinearParamScheduler(a, b) for a, b in levels], len(levels)
    shares = [1 / n] * (n - 1)
    return p.CompositeParamScheduler(parts, [*shares, 1 - math.fsum(shares)], ["rescaled"] * n)


# ---- rates of a torch optimizer


def optimizer(groups: int, peak: float) -> Any:
    """Plain gradient descent on one number a group."""
    torch = load("torch")
    return torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(groups)], lr=peak)


def rates(opt: Any) -> Callable[[], Sequence[float]]:
    """What the groups hold now."""
    return lambda: [float(group["lr"]) for group in opt.param_groups]


def stepper(make: Callable[[Any], Any], s: Shape, groups: int) -> Callable[[], Stepper]:
    """A scheduler whose ``step()`` moves on by one update."""

    def fresh() -> Stepper:
        opt = optimizer(groups, s.peak)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler = make(opt)
            opt.step()
        return Stepper(scheduler.step, rates(opt))

    fresh()
    return fresh


def torch_lambda(s: Shape, opt: Any, factor: Callable[[int], float]) -> Any:
    """LambdaLR with a closure for the whole schedule."""
    return load("torch.optim.lr_scheduler").LambdaLR(opt, factor)


def torch_sequential(s: Shape, opt: Any) -> Any:
    """A warm-up and a cosine, joined. LinearLR refuses to start at 0."""
    lr = load("torch.optim.lr_scheduler")
    rise = lr.LinearLR(opt, start_factor=1e-12, total_iters=s.warmup)
    fall = lr.CosineAnnealingLR(opt, s.total - s.warmup, eta_min=s.peak * s.end)
    return lr.SequentialLR(opt, [rise, fall], [s.warmup])


def torch_one_cycle(s: Shape, opt: Any, start: float) -> Any:
    """OneCycleLR, whose warm-up is a cosine and which ends one update earlier."""
    lr = load("torch.optim.lr_scheduler")
    share = (s.warmup + 1) / (s.total + 1)
    return lr.OneCycleLR(
        opt,
        s.peak,
        total_steps=s.total + 1,
        pct_start=share,
        div_factor=s.peak / start,
        final_div_factor=start / (s.peak * s.end),
        cycle_momentum=False,
    )


def transformers(s: Shape, opt: Any) -> Any:
    make = load("transformers.optimization").get_cosine_with_min_lr_schedule_with_warmup
    return make(opt, s.warmup, s.total, min_lr_rate=s.end)


def _timm(s: Shape, opt: Any) -> Any:
    make = load("timm.scheduler.cosine_lr").CosineLRScheduler
    length = s.total - s.warmup
    return make(opt, length, lr_min=s.peak * s.end, warmup_t=s.warmup, warmup_lr_init=0.0, warmup_prefix=True)


def timm_stepper(s: Shape, groups: int) -> Callable[[], Stepper]:
    """timm is told the update; its caller counts."""

    def fresh() -> Stepper:
        opt = optimizer(groups, s.peak)
        scheduler, t = _timm(s, opt), 0

        def advance() -> None:
            nonlocal t
            t += 1
            scheduler.step(t)

        return Stepper(advance, rates(opt))

    fresh()
    return fresh


def ignite_stepper(s: Shape, groups: int) -> Callable[[], Stepper]:
    """ignite's cosine with its warm-up; its first call writes the rate of the first update."""
    p = load("ignite.handlers.param_scheduler")

    def fresh() -> Stepper:
        opt = optimizer(groups, s.peak)
        fall = p.CosineAnnealingScheduler(opt, "lr", s.peak, s.peak * s.end, s.total - s.warmup)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            both = p.create_lr_scheduler_with_warmup(fall, 0.0, s.warmup + 1, s.peak)
        return Stepper(lambda: both(None), rates(opt), shift=-1)

    fresh()
    return fresh


# ---- ranges and programs


def optax_join(levels: Sequence[tuple[float, float]], length: int) -> Callable[[Any], Any]:
    """Straight pieces joined by Optax."""
    optax: Any = load("optax")
    parts = [optax.linear_schedule(a, b, length) for a, b in levels]
    return optax.join_schedules(parts, [length * (i + 1) for i in range(len(levels) - 1)])


def optax_polynomial(peak: float, total: int, power: float) -> Callable[[Any], Any]:
    """Optax's polynomial decay to 0."""
    optax: Any = load("optax")
    return optax.polynomial_schedule(peak, 0.0, power, total)


def optax_restarts(peak: float, first: int, end: float, cycles: int) -> Callable[[Any], Any]:
    """Optax's SGDR, cycle by cycle, each twice as long."""
    optax: Any = load("optax")
    one = {"init_value": peak, "peak_value": peak, "warmup_steps": 0, "end_value": peak * end}
    return optax.sgdr_schedule([{**one, "decay_steps": first * 2**i} for i in range(cycles)])


def keras_restarts(peak: float, first: int, end: float) -> Callable[[int], Any]:
    """Keras' restarts on all steps at once, jitted."""
    schedules = load("keras").optimizers.schedules
    return keras_range(schedules.CosineDecayRestarts(peak, first, t_mul=2.0, m_mul=1.0, alpha=end))


def keras_polynomial(peak: float, total: int, power: float) -> Callable[[int], Any]:
    """Keras' polynomial decay to 0 on all steps at once, jitted."""
    schedules = load("keras").optimizers.schedules
    return keras_range(schedules.PolynomialDecay(peak, total, 0.0, power))


def keras_range(schedule: Any) -> Callable[[int], Any]:
    """A schedule of Keras on all steps, jitted; one with a warm-up asks about each step, and is mapped over them."""
    jax = load("jax")
    if load("keras").backend.backend() != "jax":
        raise Missing("keras runs on another backend than jax")
    each = schedule if getattr(schedule, "warmup_target", None) is None else jax.vmap(schedule)
    return on_range(jax.jit(each))


def on_range(function: Callable[[Any], Any]) -> Callable[[int], Any]:
    """A JAX function of an array of steps, as a function of the number of steps."""
    jax = load("jax")

    def sample(n: int) -> Any:
        return function(jax.numpy.arange(n)).block_until_ready()

    return sample


def optax_range(schedule: Callable[[Any], Any]) -> Callable[[int], Any]:
    """Optax under jit and vmap."""
    jax = load("jax")
    return on_range(jax.jit(jax.vmap(schedule)))


def jitted(text: Callable[[Any, Any], Any]) -> Callable[[int], Any]:
    """A hand-written expression of ``(numpy namespace, steps)``, jitted in float32."""
    jax = load("jax")
    return on_range(jax.jit(lambda t: text(jax.numpy, t)))
