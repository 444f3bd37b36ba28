"""Every row of the cheat sheet runs: here it has the values that the line of the other library gives.

The lines of PyTorch, Optax, Keras and Transformers run where these are installed (``tests/adapters/test_*_cheatsheet.py``);
all of them run with the presets, which take the same names and arguments, and those of Transformers and timm against
plain formulas as well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrsched as lrs

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cheatsheet.md"
LR, RUN, STEPS = 0.1, 100, 230
BLOCKS = re.findall(
    r"^```python$(.*?)^```$", PAGE.read_text(encoding="utf-8") if PAGE.exists() else "", re.MULTILINE | re.DOTALL
)
HERE: dict[str, Any] = {"lr": LR, "n": RUN}
exec(BLOCKS[0] if BLOCKS else "", HERE)

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not part of the wheel")


def rows(section: str) -> list[list[str]]:
    """The code of each row of a section's table: the first code of every cell."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    body = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    lines = [line for line in (body[1] if body else "").splitlines() if line.startswith("|")][2:]
    found = []
    for line in lines:
        cells = [re.search(r"`([^`]+)`", cell) for cell in line.strip("| ").split(" | ")]
        found.append([code[1] for code in cells if code])
    return found


def here(code: str) -> Any:
    return eval(code, dict(HERE))


def rated(schedule: Any, steps: int = STEPS) -> np.ndarray:
    return np.array([schedule(t) for t in range(steps)])


# ---- the others' formulas


def clip(x: float) -> float:
    return min(max(x, 0.0), 1.0)


def wave(u: float) -> float:
    return (1 + math.cos(math.pi * u)) / 2


Rates = Callable[[int], float]


def after_warmup(w: int, n: int, decay: Callable[[float], float]) -> Callable[[int], float]:
    """Transformers: t / w, then the decay of the share of the rest that is done, which goes beyond 1."""
    return lambda t: t / max(1, w) if t < w else decay((t - w) / max(1, n - w))


class Transformers:
    """Factors of ``LambdaLR`` times the rate of the optimizer."""

    @staticmethod
    def get_constant_schedule(opt: float) -> Rates:
        return lambda t: opt

    @staticmethod
    def get_constant_schedule_with_warmup(opt: float, w: int) -> Rates:
        return lambda t: opt * (t / max(1, w) if t < w else 1.0)

    @staticmethod
    def get_linear_schedule_with_warmup(opt: float, w: int, n: int) -> Rates:
        return lambda t: opt * (t / max(1, w) if t < w else max(0.0, (n - t) / max(1, n - w)))

    @staticmethod
    def get_cosine_schedule_with_warmup(opt: float, w: int, n: int, num_cycles: float = 0.5) -> Rates:
        factor = after_warmup(w, n, lambda u: max(0.0, 0.5 * (1 + math.cos(2 * math.pi * num_cycles * u))))
        return lambda t: opt * factor(t)

    @staticmethod
    def get_cosine_with_hard_restarts_schedule_with_warmup(opt: float, w: int, n: int, num_cycles: int = 1) -> Rates:
        def factor(t: int) -> float:
            if t >= n:
                return 0.0
            return t / w if t < w else wave((num_cycles * (t - w) % (n - w)) / (n - w))

        return lambda t: opt * factor(t)

    @staticmethod
    def get_polynomial_decay_schedule_with_warmup(
        opt: float, w: int, n: int, lr_end: float = 1e-7, power: float = 1.0
    ) -> Rates:
        def rate(t: int) -> float:
            if t < w:
                return opt * t / w
            return lr_end if t > n else (opt - lr_end) * (1 - (t - w) / (n - w)) ** power + lr_end

        return rate

    @staticmethod
    def get_inverse_sqrt_schedule(opt: float, w: int, timescale: int | None = None) -> Rates:
        tau = timescale or w or 10_000
        return lambda t: opt * (t / w if t < w else math.sqrt(tau / (t + tau - w)))

    @staticmethod
    def get_cosine_with_min_lr_schedule_with_warmup(opt: float, w: int, n: int, min_lr_rate: float = 0.0) -> Rates:
        factor = after_warmup(w, n, lambda u: wave(u) * (1 - min_lr_rate) + min_lr_rate)
        return lambda t: opt * factor(t)

    @staticmethod
    def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
        opt: float, w: int, n: int, min_lr_rate: float = 0.0
    ) -> Rates:
        r = min_lr_rate
        return lambda t: opt * ((t + 1) / w if t < w else wave((t - w + 1) / (n - w)) * (1 - r) + r)

    @staticmethod
    def get_wsd_schedule(
        opt: float, w: int, d: int, num_stable_steps: int, decay_type: str = "cosine", min_lr_ratio: float = 0.0
    ) -> Rates:
        s, r = num_stable_steps, min_lr_ratio
        shape = {"cosine": wave, "linear": lambda f: 1 - f, "1-sqrt": lambda f: 1 - math.sqrt(f)}[decay_type]

        def factor(t: int) -> float:
            if t < w:
                return t / w * (1 - r) + r
            if t < w + s:
                return 1.0
            return shape((t - w - s) / d) * (1 - r) + r if t < w + s + d else r

        return lambda t: opt * factor(t)


class Timm:
    """Values at the step, as ``step(t)`` sets them."""

    @staticmethod
    def _cycles(shape: Callable[[float], float], opt: float, n: int, low: float, options: dict[str, Any]) -> Rates:
        mul, decay = options.get("cycle_mul", 1.0), options.get("cycle_decay", 1.0)
        limit, prefix = options.get("cycle_limit", 1), options.get("warmup_prefix", False)
        w, first = options.get("warmup_t", 0), options.get("warmup_lr_init", 0.0)

        def rate(t: int) -> float:
            if t < w:
                return first + t * (opt - first) / w
            tau, i, length = t - w if prefix else t, 0, n
            while tau >= length:
                tau, i, length = tau - length, i + 1, int(length * mul)
            return low + (opt * decay**i - low) * shape(tau / length) if i < limit else low

        return rate

    @staticmethod
    def CosineLRScheduler(opt: float, n: int, lr_min: float = 0.0, k_decay: float = 1.0, **options: Any) -> Rates:
        return Timm._cycles(lambda u: wave(u**k_decay), opt, n, lr_min, options)

    @staticmethod
    def TanhLRScheduler(opt: float, n: int, lb: float = -7.0, ub: float = 3.0, lr_min: float = 0.0) -> Rates:
        return Timm._cycles(lambda u: 0.5 * (1 - math.tanh(lb * (1 - u) + ub * u)), opt, n, lr_min, {})

    @staticmethod
    def PolyLRScheduler(opt: float, n: int, power: float = 0.5, lr_min: float = 0.0) -> Rates:
        return Timm._cycles(lambda u: (1 - u) ** power, opt, n, lr_min, {})

    @staticmethod
    def StepLRScheduler(opt: float, decay_t: float, decay_rate: float = 1.0) -> Rates:
        return lambda t: opt * decay_rate ** (t // decay_t)

    @staticmethod
    def MultiStepLRScheduler(opt: float, decay_t: list[int], decay_rate: float = 1.0) -> Rates:
        return lambda t: opt * decay_rate ** sum(m <= t + 1 for m in decay_t)


def names_of(formulas: type) -> dict[str, Any]:
    return {name: getattr(formulas, name) for name in vars(formulas) if not name.startswith("_")}


def golden(rates: Rates, count: int) -> list[float]:
    return [round(rates(t), 6) for t in range(count)]


def test_the_formulas_give_the_lists_checked_against_the_packages() -> None:
    hf, w, n = Transformers, 2, 6
    assert golden(hf.get_linear_schedule_with_warmup(1.0, w, n), 8) == [0, 0.5, 1, 0.75, 0.5, 0.25, 0, 0]
    cosine = [0, 0.5, 1, 0.853553, 0.5, 0.146447, 0, 0.146447, 0.5]
    assert golden(hf.get_cosine_schedule_with_warmup(1.0, w, n), 9) == cosine
    restarts = hf.get_cosine_with_hard_restarts_schedule_with_warmup(1.0, w, n, 2)
    assert golden(restarts, 8) == [0, 0.5, 1, 0.5, 1, 0.5, 0, 0]
    polynomial = hf.get_polynomial_decay_schedule_with_warmup(1.0, w, n, 0.1, 2.0)
    assert golden(polynomial, 8) == [0, 0.5, 1, 0.60625, 0.325, 0.15625, 0.1, 0.1]
    assert golden(hf.get_inverse_sqrt_schedule(1.0, w), 6) == [0, 0.5, 1, 0.816497, 0.707107, 0.632456]
    least = hf.get_cosine_with_min_lr_schedule_with_warmup(1.0, w, n, 0.1)
    assert golden(least, 8) == [0, 0.5, 1, 0.868198, 0.55, 0.231802, 0.1, 0.231802]
    least = hf.get_cosine_with_min_lr_schedule_with_warmup_lr_rate(1.0, w, n, 0.1)
    assert golden(least, 7) == [0.5, 1, 0.868198, 0.55, 0.231802, 0.1, 0.231802]
    wsd = hf.get_wsd_schedule(1.0, 2, 4, 2, "1-sqrt", 0.1)
    assert golden(wsd, 9) == [0.1, 0.55, 1, 1, 1, 0.55, 0.363604, 0.220577, 0.1]
    plain = Timm.CosineLRScheduler(1.0, 8, 0.1, warmup_t=2, warmup_lr_init=0.01)
    assert golden(plain, 9) == [0.01, 0.505, 0.868198, 0.722208, 0.55, 0.377792, 0.231802, 0.134254, 0.1]
    prefixed = Timm.CosineLRScheduler(1.0, 8, 0.1, warmup_t=2, warmup_lr_init=0.01, warmup_prefix=True)
    assert golden(prefixed, 11)[2:4] == [1, 0.965746] and golden(prefixed, 11)[10] == 0.1
    tanh = [0.999999, 0.99999, 0.999877, 0.998499, 0.982014, 0.817574, 0.268941, 0.029312, 0]
    assert golden(Timm.TanhLRScheduler(1.0, 8), 9) == tanh
    assert golden(Timm.MultiStepLRScheduler(1.0, [2, 4], 0.5), 5) == [1, 0.5, 0.5, 0.25, 0.25]
    assert golden(Timm.PolyLRScheduler(1.0, 4, lr_min=0.1), 6) == [1, 0.879423, 0.736396, 0.55, 0.1, 0.1]


# ---- the rows

FORMULAS = {"Transformers": Transformers, "timm": Timm}
AGAINST_FORMULAS = [(section, *row) for section in FORMULAS for row in rows(section)]


@pytest.mark.parametrize(("section", "theirs", "ours"), AGAINST_FORMULAS, ids=[row[1] for row in AGAINST_FORMULAS])
def test_a_row_has_the_values_of_the_other(section: str, theirs: str, ours: str) -> None:
    line = theirs.replace("prefix)", "warmup_prefix=True)")
    rates = eval(line, {**names_of(FORMULAS[section]), "opt": LR})
    np.testing.assert_allclose(rated(here(ours)), [rates(t) for t in range(STEPS)], rtol=0, atol=1e-12 * LR)


NAMED = rows("By the names that people use")


@pytest.mark.parametrize("row", NAMED, ids=[row[-2] for row in NAMED])
def test_a_name_is_its_expression(row: list[str]) -> None:
    recipe, expression = row[-2:]
    assert here(recipe) == here(expression)


@pytest.mark.parametrize(
    "row", [row for section in ("PyTorch", "Optax", "Keras") for row in rows(section)], ids=lambda row: row[0]
)
def test_our_side_is_an_expression_that_reads_back(row: list[str]) -> None:
    schedule = here(row[1])
    assert lrs.parse(repr(schedule)) == schedule and np.isfinite(rated(schedule)).all()


def test_no_row_is_lost() -> None:
    """Every line of every table was read, and names a library's schedule."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    sections = ("PyTorch", "Optax", "Keras", "Transformers", "timm", "By the names that people use")
    found = [row for section in sections for row in rows(section)]
    assert len(found) == len(lines) - len(sections) > 90
    assert all(len(row) in (2, 3) for row in found)


def test_the_plateaus_do_what_their_comments_say() -> None:
    import test_docs

    assert len(BLOCKS) == 2
    exec(test_docs.promised(BLOCKS[1]), {"_same": test_docs.same})


def test_every_import_at_the_top_is_used() -> None:
    text = PAGE.read_text(encoding="utf-8").replace(BLOCKS[0], "")
    assert all(re.search(rf"\b{name}[(.]", text) for name in set(HERE) - {"lr", "n", "__builtins__"})


PRESETS = [
    (section.lower(), *row)
    for section in ("PyTorch", "Optax", "Keras", "Transformers", "timm")
    for row in rows(section)
]
MODULES = {"pytorch": "torch"}
WRITTEN = [
    (r"(OneCycleLR|CyclicLR)\(opt, ", r"\1("),
    (r"lambda t: 0\.95\*\*t", "exponential_decay(0.95)"),
    (r"lambda t: 0\.95", "0.95"),
    (r"^(ChainedScheduler\(.*)\)$", r"\1, opt)"),
    (r"\bprefix\)$", "warmup_prefix=True)"),
]


@pytest.mark.parametrize(("section", "theirs", "ours"), PRESETS, ids=[row[1] for row in PRESETS])
def test_a_row_has_the_values_of_the_preset(section: str, theirs: str, ours: str) -> None:
    """A preset takes the line as it stands, the rate in the place of the optimizer, data in the place of functions."""
    module = pytest.importorskip(f"lrsched.presets.{MODULES.get(section, section)}")
    line = theirs
    for pattern, instead in WRITTEN:
        line = re.sub(pattern, instead, line)
    preset = eval(line, {**HERE, **{name: getattr(module, name) for name in module.__all__}, "opt": LR})
    np.testing.assert_allclose(rated(preset, 99), rated(here(ours), 99), rtol=0, atol=1e-12 * LR)
