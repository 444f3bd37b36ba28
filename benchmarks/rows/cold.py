"""What happens once: imports, building, compiling, the first call."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from time import perf_counter
from typing import Any

import lrsched as lrs
from benchmarks import hand as written
from benchmarks import peers
from benchmarks.kinds import Calls, NewProcess, Once
from benchmarks.row import Missing, Row, hand, ours, peer
from benchmarks.rows._shared import SHORT, schedule, true
from benchmarks.run import installed
from lrsched import cosine, linear, rex, warmup

FIRST_CALL = 2e-3
CLOCK = "from time import perf_counter as now\n"

COSINE = "warm-up and cosine"
EXPRESSIONS = {
    COSINE: "3e-4 * (s.warmup(500) >> s.cosine().over(9_500, end=0.1))",
    "warm-up times restarts": "0.1 * s.warmup(100) * s.cosine().over(1_000).restarted(t_mult=2, gamma=0.9)",
    "plan of five parts": (
        "3e-4 * s.plan(10_000, s.warmup(500), s.hold(1_000), (0.3, s.cosine(), 0.5), "
        "s.hold(500, 0.5), (None, s.one_minus_power(), 0.01))"
    ),
    "sampled REX": "0.1 * s.rex().sampled(times=20).over(10_000)",
    "100 pieces": "s.hold(10).then(*(s.linear().over(10, 1 + i % 7, 0.5) for i in range(99)))",
}


def _import(name: str, before: str = "", after: str = "") -> Callable[[], str]:
    """A program that imports a module; what is imported ``before`` does not count, what is done ``after`` does."""

    def made() -> str:
        if not installed(name):
            raise Missing(f"{name} is not installed")
        quiet = "import os, warnings; os.environ.setdefault('KERAS_BACKEND', 'jax'); warnings.simplefilter('ignore')\n"
        return f"{CLOCK}{quiet}{before}\nstart = now()\nimport {name}\n{after}\nprint(now() - start)"

    return made


def _first(expression: str, call: str) -> Callable[[], str]:
    head = f"{CLOCK}import lrsched as s, numpy as np\nlr = {expression}\nsteps = np.arange(1_000)\n"
    return lambda: f"{head}start = now()\n{call}\nprint(now() - start)"


CLOSURE = """import math
def closure(peak, warmup, total, end):
    def lr(t):
        if t < warmup:
            return peak * t / warmup
        return end + 0.5 * (peak - end) * (1 + math.cos(math.pi * (min(t, total) - warmup) / (total - warmup)))
    return lr
lr = closure(3e-4, 500, 10_000, 3e-5)
"""

BY_HAND = f"{CLOCK}{CLOSURE}start = now()\nlr(600)\nprint(now() - start)"

OPTAX_LR = "import optax\nlr = optax.warmup_cosine_decay_schedule(0.0, 3e-4, 500, 10_000, 3e-5)\n"
OPTAX = f"{CLOCK}{OPTAX_LR}start = now()\nfloat(lr(600))\nprint(now() - start)"


def _optax_first() -> str:
    if not installed("optax"):
        raise Missing("optax is not installed")
    return OPTAX


FVCORE = """import fvcore.common.param_scheduler as p
parts = [p.LinearParamScheduler(0.0, 3e-4), p.CosineParamScheduler(3e-4, 3e-5)]
where = p.CompositeParamScheduler(parts, [0.05, 0.95], ["rescaled", "rescaled"])
value = where(600 / 10_000)"""

TORCH = """import torch
opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-4)
rise = torch.optim.lr_scheduler.LinearLR(opt, start_factor=1e-12, total_iters=500)
fall = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 9_500, eta_min=3e-5)
value = torch.optim.lr_scheduler.SequentialLR(opt, [rise, fall], [500]).get_last_lr()[0]"""


def _value(package: str, program: str, true: float, before: str = "") -> Callable[[], str]:
    """A program that goes from its first import to a value, which has to be right."""

    def made() -> str:
        if package and not installed(package):
            raise Missing(f"{package} is not installed")
        return f"{CLOCK}{before}\nstart = now()\n{program}\nprint(now() - start)\nassert abs(value - {true!r}) <= 1e-9"

    return made


IMPORT = Row(
    "import",
    "Import, in a new process",
    NewProcess(),
    (
        hand("numpy", _import("numpy")),
        ours("lrsched", _import("lrsched"), ratio=1.4),
        peer("torch", _import("torch"), slow=True),
        peer("optax", _import("optax"), slow=True),
        peer("keras", _import("keras"), slow=True),
        peer("transformers.optimization", _import("transformers.optimization"), slow=True),
        peer("ignite.handlers.param_scheduler", _import("ignite.handlers.param_scheduler"), slow=True),
    ),
    "numpy",
    note="lrsched loads NumPy and its own core.",
)

AT_600 = float(true(SHORT)(600))
OURS = f"import lrsched as s\nvalue = ({EXPRESSIONS['warm-up and cosine']})(600)"

VALUE = Row(
    "import-value",
    "Import, build and the first value, in a new process",
    NewProcess(),
    (
        hand("closure", _value("", f"{CLOSURE}value = lr(600)", AT_600)),
        ours("lrsched", _value("", OURS, AT_600)),
        ours("lrsched, NumPy imported before", _value("", OURS, AT_600, "import numpy"), work="beyond NumPy"),
        peer("fvcore", _value("fvcore.common.param_scheduler", FVCORE, AT_600)),
        peer(
            "fvcore, NumPy imported before",
            _value("fvcore.common.param_scheduler", FVCORE, AT_600, "import numpy"),
            work="beyond NumPy",
        ),
        peer("optax", _value("optax", f"{OPTAX_LR}value = float(lr(600))", AT_600), slow=True),
        peer("torch SequentialLR, at step 0", _value("torch", TORCH, 0.0), slow=True),
    ),
    "closure",
    note="A warm-up and a cosine. Of what lrsched takes, NumPy's import is the largest part; fvcore and the closure do "
    "without it, a program that trains does not. So there are two kinds of work, all of it and what is beyond NumPy, "
    "and lrsched is compared with fvcore on each: it loads an algebra and generates code, fvcore one file of classes. "
    "PyTorch's schedulers give no value but that of the next step.",
)

FIRST = Row(
    "first-call",
    "The first call in a new process, everything imported and built",
    NewProcess(),
    (
        hand("closure", lambda: BY_HAND),
        *(ours(name, _first(text, "lr(600)"), value=FIRST_CALL, work=name) for name, text in EXPRESSIONS.items()),
        ours(f"{COSINE}, lr.sample(1_000)", _first(EXPRESSIONS[COSINE], "lr.sample(1_000)"), work="range"),
        ours(f"{COSINE}, lr(array)", _first(EXPRESSIONS[COSINE], "lr(steps)"), work="array"),
        peer("optax, to float", _optax_first, work=COSINE, slow=True),
    ),
    "closure",
    note="Lowering, generating and compiling the code of that schedule.",
    patience=5,
)


def _fresh(make: Callable[[float], Any], use: Callable[[Any], Any]) -> Callable[[], float]:
    """Seconds of the first use of a schedule that nothing has seen before."""
    number = count(1)

    def run() -> float:
        s = make(1.0 + 1e-6 * next(number))
        start = perf_counter()
        use(s)
        return perf_counter() - start

    return run


def _five(x: float) -> Any:
    last = (None, lrs.one_minus_power(), 0.01)
    parts = (warmup(500), lrs.hold(1_000), (0.3, cosine(), 0.5), lrs.hold(500, 0.5), last)
    return x * lrs.plan(10_000, *parts)


def _hundred(x: float) -> Any:
    return lrs.hold(10, x).then(*(linear().over(10, x + i % 7, 0.5) for i in range(99)))


MADE: dict[str, Callable[[float], Any]] = {
    "warm-up and cosine": lambda x: x * schedule(SHORT),
    "warm-up times restarts": lambda x: x * (warmup(100) * cosine().over(1_000).restarted(t_mult=2, gamma=0.9)),
    "plan of five parts": _five,
    "sampled REX": lambda x: x * rex().sampled(times=20).over(10_000),
    "100 pieces": _hundred,
}


def _called(make: Callable[[float], Any]) -> Callable[[], Any]:
    return lambda: _fresh(make, lambda s: s(600))


def _compiled(make: Callable[[float], Any], target: str) -> Callable[[], Any]:
    return lambda: _fresh(make, lambda s: lrs.compile(s, target))


WARM = Row(
    "first-call-warm",
    "The first call of a new schedule, in a process that has used others",
    Once(often=True),
    tuple(ours(name, _called(make), value=FIRST_CALL) for name, make in MADE.items()),
    "warm-up and cosine",
)

COMPILING = Row(
    "compile",
    "Compiling a new schedule",
    Once(often=True),
    tuple(
        ours(f"{name}, {target}", _compiled(make, target))
        for name, make in MADE.items()
        for target in ("python", "numpy")
    ),
    "warm-up and cosine, python",
)

BUILDING = Row(
    "build",
    "Building a schedule",
    Calls(),
    (
        hand("closure", lambda: lambda: written.closure(SHORT.peak, SHORT.warmup, SHORT.total, SHORT.end)),
        ours(COSINE, lambda: lambda: schedule(SHORT), work=COSINE),
        ours("plan of five parts", lambda: lambda: _five(1.0), work="plan"),
        ours("100 pieces", lambda: lambda: _hundred(1.0), work="100 pieces"),
        peer("fvcore, warm-up and cosine", lambda: _building(peers.fvcore_value), work=COSINE),
        peer("optax, warm-up and cosine", lambda: _building(peers.optax_schedule), work=COSINE),
        peer("keras CosineDecay", lambda: _building(peers.keras_schedule), work=COSINE),
        peer("torch SequentialLR, with its optimizer", lambda: _building(_sequential), work=COSINE),
    ),
    "closure",
    note="Warm-up and cosine are seven expressions here. Each constructor checks the type and the range of every field "
    "and makes a value that never changes, compares by its parts, and can be hashed, written and read back. Of the "
    "others, Optax checks that the decay has steps and returns closures, Keras checks the same and keeps its "
    "arguments, fvcore checks that the shares of its parts add up to 1; torch computes the first rate.",
)


def _building(make: Callable[[Any], Any]) -> Callable[[], Any]:
    make(SHORT)
    return lambda: make(SHORT)


def _sequential(s: peers.Shape) -> Any:
    return peers.torch_sequential(s, peers.optimizer(1, s.peak))


ROWS = (IMPORT, VALUE, FIRST, WARM, COMPILING, BUILDING)
