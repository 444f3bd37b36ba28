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
from benchmarks.rows._shared import SHORT, schedule
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


def _import(name: str, before: str = "") -> Callable[[], str]:
    """A program that imports a module; what is imported ``before`` does not count."""

    def made() -> str:
        if not installed(name):
            raise Missing(f"{name} is not installed")
        quiet = "import os, warnings; os.environ.setdefault('KERAS_BACKEND', 'jax'); warnings.simplefilter('ignore')\n"
        return f"{CLOCK}{quiet}{before}\nstart = now()\nimport {name}\nprint(now() - start)"

    return made


def _first(expression: str, call: str) -> Callable[[], str]:
    head = f"{CLOCK}import lrsched as s, numpy as np\nlr = {expression}\nsteps = np.arange(1_000)\n"
    return lambda: f"{head}start = now()\n{call}\nprint(now() - start)"


BY_HAND = """from time import perf_counter as now
import math
def closure(peak, warmup, total, end):
    def lr(t):
        if t < warmup:
            return peak * t / warmup
        return end + 0.5 * (peak - end) * (1 + math.cos(math.pi * (min(t, total) - warmup) / (total - warmup)))
    return lr
lr = closure(3e-4, 500, 10_000, 3e-5)
start = now()
lr(600)
print(now() - start)"""

OPTAX = f"""{CLOCK}
import optax
lr = optax.warmup_cosine_decay_schedule(0.0, 3e-4, 500, 10_000, 3e-5)
start = now()
float(lr(600))
print(now() - start)"""


def _optax_first() -> str:
    if not installed("optax"):
        raise Missing("optax is not installed")
    return OPTAX


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
)

BEYOND = Row(
    "import-beyond",
    "Import beyond NumPy's own, in a new process",
    NewProcess(),
    (
        ours("lrsched", _import("lrsched", "import numpy")),
        peer("fvcore.common.param_scheduler", _import("fvcore.common.param_scheduler", "import numpy")),
        peer("torch", _import("torch", "import numpy"), slow=True),
        peer("optax", _import("optax", "import numpy"), slow=True),
    ),
    "lrsched",
    note="fvcore's schedulers are one file that needs nothing but `math`.",
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


ROWS = (IMPORT, BEYOND, FIRST, WARM, COMPILING, BUILDING)
