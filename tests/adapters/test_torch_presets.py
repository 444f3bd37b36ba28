"""lrs.presets.torch against torch.optim.lr_scheduler: every step of two lengths beyond the end, for random arguments.

Wherever PyTorch multiplies rates from step to step, its roundings add up. There the value to meet, to 1e-12 of the peak,
is that of its own closed form (or of its formula, in rational numbers), and PyTorch's rates are shown to be as far off
as its own roundings can take them, and no farther.
"""

import itertools
import math
import warnings
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lrsched as lrs

torch = pytest.importorskip("torch")
originals = torch.optim.lr_scheduler
presets = lrs.presets.torch

EXAMPLES = settings(max_examples=200)
RATES = st.floats(1e-4, 10.0)
SHARES = st.floats(0.0, 1.0)
COUNTS = st.integers(0, 12)
LENGTHS = st.integers(1, 12)
GAMMAS = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.floats(0.05, 1.1))
WHOLE_OR_NOT = st.one_of(LENGTHS, st.floats(0.5, 12.0))


def optimizer(base: float) -> Any:
    made = torch.optim.SGD([torch.zeros(1)], lr=base, momentum=0.9)
    made._opt_called = True
    return made


def stepped(make: Any, base: float, steps: int, key: str = "lr") -> np.ndarray:
    """What the original writes into the group, step by step."""
    target = optimizer(base)
    scheduler = make(target)
    values = []
    for _ in range(steps):
        values.append(float(target.param_groups[0][key]))
        scheduler.step()
    return np.array(values)


def closed(make: Any, base: float, steps: int) -> np.ndarray:
    """What the original's own closed form gives."""
    scheduler = make(optimizer(base))
    values = []
    for scheduler.last_epoch in range(steps):
        values += scheduler._get_closed_form_lr()
    return np.array(values)


def agrees(ours: lrs.Schedule, theirs: np.ndarray, tolerance: float = 1e-12, peak: float = 1e-300) -> None:
    """Every step, relative to the peak, reached or not; and the text is the algebra's alone."""
    found = ours.sample(len(theirs))
    peak = max(np.abs(theirs).max(), peak)
    worst = np.abs(found - theirs).max() / peak
    assert worst <= tolerance, (worst, ours, found, theirs)
    assert lrs.parse(repr(ours)) == ours


EPSILON = 2.0**-52


def drifts(theirs: np.ndarray, exact: np.ndarray, low: float = 0.0, factors: int = 1) -> None:
    """PyTorch's rates are within its own roundings of the exact ones.

    Each step rounds by an ulp or two of the peak, for every factor. What is multiplied on, the rate above ``low``, takes
    the error along: one made where it was x is x'/x times as large at x'.
    """
    peak, above = np.abs(exact).max(), np.abs(exact - low)
    least = np.minimum.accumulate(np.where(above > 4 * EPSILON * peak, above, np.inf))
    carried = np.maximum.accumulate(np.maximum(above / least, 1.0))
    within(theirs, exact, 2 * factors * (np.arange(len(exact)) + 1) * carried * max(low / max(peak, 1e-300), 1.0))


def within(theirs: np.ndarray, exact: np.ndarray, ulps: np.ndarray) -> None:
    """PyTorch's rates are at most so many ulps of the peak from the exact ones."""
    found = np.abs(theirs - exact) / max(np.abs(exact).max(), 1e-300)
    assert (found <= ulps * EPSILON).all(), (found / EPSILON / ulps, theirs, exact)


def options(**strategies: Any) -> Any:
    return st.fixed_dictionaries(strategies)


CLOSED = {
    "StepLR": options(step_size=LENGTHS, gamma=GAMMAS),
    "MultiStepLR": options(milestones=st.lists(COUNTS, max_size=5), gamma=GAMMAS),
    "ConstantLR": options(factor=st.floats(0.01, 1.0), total_iters=LENGTHS),
    "LinearLR": options(start_factor=st.floats(0.01, 1.0), end_factor=SHARES, total_iters=LENGTHS),
    "ExponentialLR": options(gamma=GAMMAS),
    "PolynomialLR": options(total_iters=LENGTHS, power=st.floats(0.0, 4.0)),
    "CosineAnnealingLR": options(T_max=WHOLE_OR_NOT, eta_min=st.floats(0.0, 1.0)),
}


def length_of(arguments: dict[str, Any]) -> int:
    return math.ceil(
        max([v for k, v in arguments.items() if k in LENGTH_NAMES] + arguments.get("milestones", []) + [4])
    )


LENGTH_NAMES = ("step_size", "total_iters", "T_max", "T_0", "total_steps", "step_size_up", "anneal_epochs")


@pytest.mark.parametrize("name", CLOSED)
def test_schedulers_with_a_closed_form(name):
    @EXAMPLES
    @given(RATES, CLOSED[name])
    def check(base, arguments):
        original, ours = getattr(originals, name), getattr(presets, name)(base, **arguments)
        exact = closed(lambda o: original(o, **arguments), base, 3 * length_of(arguments) + 2)
        agrees(ours, exact)
        if float(arguments.get("T_max", 1)).is_integer():  # else PyTorch leaves its wave at the first foot
            theirs = stepped(lambda o: original(o, **arguments), base, len(exact))
            drifts(theirs, exact, arguments.get("eta_min", 0.0))

    check()


@EXAMPLES
@given(RATES, options(T_0=LENGTHS, T_mult=st.integers(1, 3), eta_min=st.floats(0.0, 1.0)))
def test_warm_restarts(base, arguments):
    ours = presets.CosineAnnealingWarmRestarts(base, **arguments)
    agrees(ours, stepped(lambda o: originals.CosineAnnealingWarmRestarts(o, **arguments), base, 120))


@EXAMPLES
@given(RATES, options(swa_lr=RATES, anneal_epochs=COUNTS, anneal_strategy=st.sampled_from(["cos", "linear"])))
def test_averaging(base, arguments):
    end, n = arguments["swa_lr"], arguments["anneal_epochs"]
    u = np.minimum(np.arange(3 * n + 3) / max(n, 1), 1) if n else np.ones(3)
    share = u if arguments["anneal_strategy"] == "linear" else (1 - np.cos(np.pi * u)) / 2
    exact = end * share + base * (1 - share)
    agrees(presets.SWALR(base, **arguments), exact)
    theirs = stepped(lambda o: torch.optim.swa_utils.SWALR(o, **arguments), base, len(exact))
    drifts(theirs, exact, end)


CYCLIC = options(
    step_size_up=WHOLE_OR_NOT,
    step_size_down=st.one_of(st.none(), COUNTS, WHOLE_OR_NOT),
    mode=st.sampled_from(["triangular", "triangular2", "exp_range"]),
    gamma=st.floats(0.5, 1.0),
    base_momentum=SHARES,
    max_momentum=SHARES,
)


def cycle_of(t: int, up: float, down: float | None) -> tuple[int, float]:
    """The number of the cycle from 1, and the height of the triangle, exactly."""
    rise, fall = Fraction(up), Fraction(up if down is None else down)
    cycle, into = divmod(Fraction(t), rise + fall)
    return int(cycle) + 1, float(into / rise if into <= rise else (rise + fall - into) / fall)


def cyclic_values(low: float, high: float, arguments: dict[str, Any], scale: Any) -> np.ndarray:
    heights = [cycle_of(t, arguments["step_size_up"], arguments["step_size_down"]) for t in range(STEPS)]
    return np.array([low + (high - low) * x * scale(cycle, t) for t, (cycle, x) in enumerate(heights)])


def ulps_of(up: float, down: float | None) -> np.ndarray:
    """What PyTorch's rounding of ``1 + t / (up + down)`` makes on the shorter side: of a jump, this side or that."""
    down = up if down is None else down
    t, total = np.arange(STEPS), up + down
    ulps = 4 * (t + 2 * total) / min(up, down or up)
    near = np.abs(t / total - np.round(t / total)) < 1e-12
    return np.where(near, np.inf, ulps) if down == 0 and not float(up).is_integer() else ulps


STEPS = 3 * 24 + 2
SCALES = {
    "triangular": lambda gamma: lambda cycle, t: 1.0,
    "triangular2": lambda gamma: lambda cycle, t: 0.5 ** (cycle - 1),
    "exp_range": lambda gamma: lambda cycle, t: gamma**t,
}


@EXAMPLES
@given(RATES, RATES, CYCLIC)
def test_cyclic(low, high, arguments):
    scale = SCALES[arguments["mode"]](arguments["gamma"])
    ulps = ulps_of(arguments["step_size_up"], arguments["step_size_down"])
    levels = {"lr": (low, high), "momentum": (arguments["max_momentum"], arguments["base_momentum"])}
    for key, preset in (("lr", presets.CyclicLR), ("momentum", presets.CyclicLR_momentum)):
        exact = cyclic_values(*levels[key], arguments, scale)
        agrees(preset(low, high, **arguments), exact)
        theirs = stepped(lambda o: originals.CyclicLR(o, low, high, **arguments), 1.0, STEPS, key)
        within(theirs, exact, ulps)


@EXAMPLES
@given(RATES, RATES, LENGTHS, WHOLE_OR_NOT, st.sampled_from(["cycle", "iterations"]))
def test_cyclic_with_a_scale_of_its_own(low, high, up, down, mode):
    scale = lrs.inverse_time_decay(0.3)
    arguments = {"step_size_up": up, "step_size_down": down, "scale_mode": mode, "scale_fn": scale}
    exact = cyclic_values(low, high, arguments, lambda cycle, t: scale(cycle if mode == "cycle" else t))
    agrees(presets.CyclicLR(low, high, **arguments), exact)
    theirs = stepped(lambda o: originals.CyclicLR(o, low, high, **arguments), 1.0, STEPS)
    within(theirs, exact, ulps_of(up, down))


ONE_CYCLE = options(
    total_steps=st.integers(1, 40),
    pct_start=SHARES,
    anneal_strategy=st.sampled_from(["cos", "linear"]),
    three_phase=st.booleans(),
    div_factor=st.floats(1.0, 50.0),
    final_div_factor=st.floats(1.0, 1e5),
    base_momentum=SHARES,
    max_momentum=SHARES,
)


@EXAMPLES
@given(RATES, ONE_CYCLE)
def test_one_cycle(peak, arguments):
    """At every update of the run; after it PyTorch raises."""
    steps = arguments["total_steps"]
    assume(arguments["pct_start"] * steps != 1)  # there PyTorch divides by zero
    assume(not 1 - 1e-12 < arguments["pct_start"] < 1)  # there rounding decides whether there is a second phase

    def make(o):
        return originals.OneCycleLR(o, peak, **arguments)

    def values(key):
        target = optimizer(1.0)
        scheduler = make(target)
        found = [target.param_groups[0][key]]
        for _ in range(steps - 1):
            scheduler.step()
            found.append(target.param_groups[0][key])
        return np.array(found)

    rate, momentum = presets.OneCycleLR(peak, **arguments), presets.OneCycleLR_momentum(peak, **arguments)
    agrees(rate, values("lr"), peak=peak)
    agrees(momentum, values("momentum"))
    assert rate(steps) == rate(3 * steps) == rate(steps - 1)
    assert momentum(steps) == momentum(3 * steps) == momentum(steps - 1)


def test_one_cycle_in_epochs():
    given_in_epochs = presets.OneCycleLR(1.0, epochs=4, steps_per_epoch=5)
    assert given_in_epochs == presets.OneCycleLR(1.0, 20)
    with pytest.raises(lrs.ScheduleError, match="give total_steps, or epochs and steps_per_epoch"):
        presets.OneCycleLR(1.0)


FACTORS = st.one_of(
    st.floats(0.1, 1.1),
    st.lists(st.floats(0.1, 1.1), min_size=1, max_size=8).map(lrs.table),
    st.builds(lambda n, e: lrs.linear().over(n, 1.0, e), COUNTS, st.floats(0.5, 1.0)),
    st.builds(
        lambda places, values: lrs.piecewise(sorted(places), values[: len(places) + 1]),
        st.sets(st.integers(1, 20), min_size=1, max_size=3),
        st.lists(st.floats(0.1, 1.1), min_size=4, max_size=4),
    ),
    st.builds(lrs.multi_step, st.lists(st.integers(1, 20), max_size=3).map(sorted), st.floats(0.1, 1.0)),
)


@EXAMPLES
@given(RATES, FACTORS)
def test_functions_of_the_step(base, factors):
    def function(t):
        return factors if isinstance(factors, float) else factors(t)

    agrees(presets.LambdaLR(base, factors), stepped(lambda o: originals.LambdaLR(o, function), base, 64))
    multiplied = stepped(lambda o: originals.MultiplicativeLR(o, function), base, 64)
    agrees(presets.MultiplicativeLR(base, factors), multiplied)


RESTARTS = options(T_0=LENGTHS, T_mult=st.integers(1, 3), eta_min=st.floats(0.0, 1.0))
WAVES = options(T_max=LENGTHS, eta_min=st.floats(0.0, 1.0))
CHILDREN = st.one_of(
    *(CLOSED[name].map(lambda a, name=name: (name, a)) for name in CLOSED if name != "CosineAnnealingLR"),
    WAVES.map(lambda a: ("CosineAnnealingLR", a)),
    RESTARTS.map(lambda a: ("CosineAnnealingWarmRestarts", a)),
    FACTORS.map(lambda f: ("LambdaLR", {"lr_lambda": f})),
)


@st.composite
def sequences(draw):
    children = draw(st.lists(CHILDREN, min_size=1, max_size=4))
    return children, sorted(draw(st.lists(COUNTS, min_size=len(children) - 1, max_size=len(children) - 1)))


def child_of(target: Any, name: str, arguments: dict[str, Any]) -> Any:
    factors = arguments.get("lr_lambda")
    if isinstance(factors, float):
        return originals.LambdaLR(target, lambda t: factors)
    return getattr(originals, name)(target, **arguments)


def alone(name: str, arguments: dict[str, Any], base: float, steps: int) -> np.ndarray:
    """The closed form of a child, or what it steps through where that is computed afresh at every step."""
    make = closed if name in CLOSED else stepped
    return make(lambda o: child_of(o, name, arguments), base, steps)


@EXAMPLES
@given(RATES, sequences())
def test_sequences(base, drawn):
    """Every child from its milestone on a clock of its own, for two lengths beyond the beginning of the last."""
    children, milestones = drawn
    made = [getattr(presets, name)(base, **arguments) for name, arguments in children]
    steps = 3 * 12 + 2 + (milestones or [0])[-1]
    ours = presets.SequentialLR(base, made, milestones)
    theirs = stepped(
        lambda o: originals.SequentialLR(o, [child_of(o, n, a) for n, a in children], milestones), base, steps
    )
    parts = []
    for (name, arguments), (begin, end) in zip(children, itertools.pairwise([0, *milestones, steps]), strict=True):
        if begin < end:
            parts.append(alone(name, arguments, base, end - begin))
            drifts(theirs[begin:end], parts[-1], arguments.get("eta_min", 0.0))
    agrees(ours, np.concatenate(parts))


MULTIPLYING = [n for n in CLOSED if n != "CosineAnnealingLR"]


@EXAMPLES
@given(RATES, st.lists(st.one_of(*(CLOSED[n].map(lambda a, n=n: (n, a)) for n in MULTIPLYING)), min_size=1, max_size=4))
def test_chains(base, children):
    steps = 3 * 12 + 2
    made = [getattr(presets, name)(base, **arguments) for name, arguments in children]
    exact = base * np.prod([alone(n, a, 1.0, steps) for n, a in children], axis=0)
    agrees(presets.ChainedScheduler(made, base), exact)
    functions = [lambda b, n=n, a=a: getattr(presets, n)(b, **a) for n, a in children]
    agrees(presets.ChainedScheduler(functions, base), exact)
    ones = [getattr(presets, n)(1.0, **a) for n, a in children]
    agrees(presets.ChainedScheduler([base * ones[0], *ones[1:]]), exact)
    theirs = stepped(
        lambda o: originals.ChainedScheduler([getattr(originals, n)(o, **a) for n, a in children]), base, steps
    )
    drifts(theirs, exact, factors=len(children))


def test_a_sequence_of_functions_and_the_rate_at_hand():
    """A child that goes on from the rate at hand is given it."""

    def make(o):
        children = [originals.LinearLR(o, 0.1, total_iters=6), torch.optim.swa_utils.SWALR(o, 0.05, anneal_epochs=3)]
        return originals.SequentialLR(o, children, [4])

    rise = presets.LinearLR(1.0, 0.1, total_iters=6)
    children = [lambda base: presets.LinearLR(base, 0.1, total_iters=6), presets.SWALR(rise(3), 0.05, anneal_epochs=3)]
    agrees(presets.SequentialLR(1.0, children, [4]), stepped(make, 1.0, 20))


def test_where_pytorch_stays_at_its_first_value():
    """No length at all: the share for ever, the rate for ever."""
    for name, arguments in (
        ("ConstantLR", {"factor": 0.3, "total_iters": 0}),
        ("LinearLR", {"start_factor": 0.3, "total_iters": 0}),
        ("PolynomialLR", {"total_iters": 0}),
        ("MultiStepLR", {"milestones": [-3, 0, 2]}),
        ("MultiStepLR", {"milestones": [0, 2], "gamma": 0.0}),
    ):
        theirs = stepped(lambda o, n=name, a=arguments: getattr(originals, n)(o, **a), 2.0, 6)
        agrees(getattr(presets, name)(2.0, **arguments), theirs)


def test_where_pytorch_divides_by_zero():
    with pytest.raises(ZeroDivisionError):
        stepped(lambda o: originals.ConstantLR(o, 0.0, 2), 1.0, 4)
    assert presets.ConstantLR(1.0, 0.0, 2).sample(4).tolist() == [0.0, 0.0, 1.0, 1.0]
    with pytest.raises(ZeroDivisionError):
        originals.OneCycleLR(optimizer(1.0), 1.0, 10, pct_start=0.1)
    assert presets.OneCycleLR(1.0, 10, pct_start=0.1)(0) == 1.0
    with pytest.raises(ZeroDivisionError):
        originals.CyclicLR(optimizer(1.0), 0.0, 1.0, step_size_up=0, step_size_down=4)
    assert presets.CyclicLR(0.0, 1.0, 0, 4).sample(5).tolist() == [1.0, 0.75, 0.5, 0.25, 1.0]


@settings(max_examples=60)
@given(RATES, st.one_of(*(CLOSED[n].map(lambda a, n=n: (n, a)) for n in CLOSED)), COUNTS)
def test_resuming(base, child, last):
    """``last_epoch=k`` goes on from step k + 1 of the same schedule."""
    name, arguments = child
    whole = getattr(presets, name)(base, **arguments)
    later = getattr(presets, name)(base, **arguments, last_epoch=last)
    np.testing.assert_allclose(later.sample(30), whole.sample(last + 1, last + 31), rtol=0, atol=1e-13 * base)
    target = optimizer(base)
    target.param_groups[0]["initial_lr"] = base
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = getattr(originals, name)(target, **arguments, last_epoch=last)
    assert scheduler.last_epoch == last + 1
    scheduler._get_closed_form_lr()
    assert abs(later(0) - scheduler._get_closed_form_lr()[0]) <= 1e-12 * base
