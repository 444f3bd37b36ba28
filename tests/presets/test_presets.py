"""lrs.presets without the libraries: the golden lists, one file a library, each row a call and what it gives."""

import importlib
import inspect
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import lrsched as lrs
import record_presets as recorder

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "presets"
LIBRARIES = sorted(lrs.presets.__all__)


def rows(library: str) -> list[dict]:
    return json.loads((GOLDEN / f"{library}.json").read_text())


@pytest.mark.parametrize("library", LIBRARIES)
def test_golden_lists(library):
    """The numbers of the released packages, taken down once; a schedule among the arguments is given as text."""
    module = getattr(lrs.presets, library)
    for row in rows(library):
        ours = getattr(module, row["name"])(
            *map(read, row.get("args", [])), **{k: read(v) for k, v in row["kwargs"].items()}
        )
        values = np.array(row["values"])
        found = ours.sample(len(values))
        assert np.abs(found - values).max() <= row["tolerance"] * np.abs(values).max(), (row, found.tolist())
        assert lrs.parse(repr(ours)) == ours
        assert lrs.from_json(ours.to_json()) == ours


RECORDED = sorted([*recorder.DRAWN, "GradualWarmupScheduler"])


@pytest.mark.parametrize("name", RECORDED)
def test_what_the_packages_compute_for_random_arguments(name):
    """timm and warmup_scheduler, written down by ``record_presets.py``: every step, and two lengths beyond the end."""
    sets = [row for row in recorder.read() if row[1] == name]
    assert len(sets) == recorder.SETS
    for i, (library, _, positional, named, values) in enumerate(sets):
        ours = getattr(getattr(lrs.presets, library), name)(*map(read, positional), **named)
        assert np.abs(ours.sample(len(values)) - values).max() <= 1e-12 * np.abs(values).max(), (positional, named)
        assert i % 5 or lrs.parse(repr(ours)) == ours
        if library == "timm" and named.get("cycle_mul", 1) >= 1:
            assert len(values) == 3 * recorder.length(named) + 2


def read(value):
    if isinstance(value, str) and "(" in value:
        return lrs.parse(value)
    if isinstance(value, list):
        return [read(v) for v in value]
    if isinstance(value, dict):
        return {int(k) if k.isdigit() else k: read(v) for k, v in value.items()}
    return value


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_preset_has_a_golden_list_and_an_example(library):
    module = getattr(lrs.presets, library)
    named = {row["name"] for row in rows(library)}
    for name in module.__all__:
        assert name in named, name
        text = inspect.getdoc(getattr(module, name))
        assert "Example:" in text and "Args:" in text and ("Formula:" in text or name.startswith("get_scheduler")), name


def test_presets_are_loaded_when_asked_for():
    code = """
import sys, lrsched as lrs
assert not any(m.startswith("lrsched.presets") for m in sys.modules)
lrs.presets.torch.StepLR(1.0, 2)
heavy = {"torch", "jax", "optax", "keras", "transformers", "timm"} & set(sys.modules)
assert not heavy, heavy
assert "lrsched.presets.optax" not in sys.modules
assert {"torch"} <= set(dir(lrs.presets)) and "presets" in dir(lrs)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'caffe'"):
        _ = lrs.presets.caffe


@pytest.mark.parametrize("library", LIBRARIES)
def test_modules_name_what_they_offer(library):
    module = importlib.import_module(f"lrsched.presets.{library}")
    public = [
        n
        for n, f in vars(module).items()
        if inspect.isfunction(f) and f.__module__.startswith("lrsched.presets") and not n.startswith("_")
    ]
    assert set(module.__all__) <= set(public) and module.__all__ == sorted(module.__all__)


def test_what_cannot_be_written_is_refused():
    preset = lrs.presets.torch
    for made, message in (
        (
            lambda: preset.LambdaLR(1.0, lambda t: 1.0),
            "lr_lambda must be a schedule, a number, or the name of a function",
        ),
        (lambda: preset.CyclicLR(0.0, 1.0, scale_fn=abs), "scale_fn must be a schedule"),
        (lambda: preset.CyclicLR(0.0, 1.0, mode="square"), "mode must be one of 'triangular'"),
        (lambda: preset.CyclicLR(0.0, 1.0, 0), "step_size_up + step_size_down must be positive, got 0"),
        (
            lambda: preset.MultiplicativeLR(1.0, lrs.step_decay(2)),
            "lr_lambda must be a number, piecewise, multi_step, or a schedule of at most",
        ),
        (lambda: preset.LinearLR(1.0, start_factor=0.0), "start_factor must be a number in (0, 1], got 0.0"),
        (lambda: preset.ConstantLR(1.0, factor=1.5), "factor must be a number in [0, 1], got 1.5"),
        (lambda: preset.OneCycleLR(1.0, 10, pct_start=2.0), "pct_start must be a number in [0, 1]"),
        (lambda: preset.OneCycleLR_momentum(1.0, 10, cycle_momentum=False), "cycle_momentum must be one of True"),
        (lambda: preset.CosineAnnealingLR(1.0, T_max=0), "T_max must be a number in (0,"),
        (lambda: preset.CosineAnnealingWarmRestarts(1.0, 4, 1.5), "T_mult must be an integer >= 1, got 1.5"),
        (lambda: preset.StepLR(1.0, 0), "step_size must be an integer >= 1, got 0"),
        (lambda: preset.StepLR(1.0, 2, -1.0), "gamma must be"),
        (lambda: preset.StepLR(1.0, 2, last_epoch=-2), "last_epoch must be an integer >= -1, got -2"),
        (
            lambda: preset.SequentialLR(1.0, [preset.StepLR(1.0, 2)], [3]),
            "milestones must be one fewer than the 1 schedulers",
        ),
        (
            lambda: preset.SequentialLR(1.0, [preset.StepLR(1.0, 2)] * 3, [3, 2]),
            "milestones must be in increasing order",
        ),
        (lambda: preset.SequentialLR(1.0, [0.5], []), "schedulers must be schedules, or functions"),
        (lambda: preset.ChainedScheduler([]), "give at least one scheduler"),
    ):
        with pytest.raises(lrs.ScheduleError) as error:
            made()
        assert message in str(error.value)


def test_registered_functions_serve_where_pytorch_takes_lambdas():
    @lrs.register("presets_halving")
    def halving(xp, t):
        return 0.5**t

    assert lrs.presets.torch.LambdaLR(2.0, "presets_halving").sample(3).tolist() == [2.0, 1.0, 0.5]
    cyclic = lrs.presets.torch.CyclicLR(0.0, 1.0, 1, scale_fn="presets_halving")
    assert cyclic.sample(4).tolist() == [0.0, 0.5, 0.0, 0.25]


NONSENSE = (
    math.nan, math.inf, -math.inf, -1, 0, 0.5, 1e12, 10**12, True, "x", None, 2**53, 1e308, 1e-308, 10**400, 1j, b"x",
    [], [0.5], [3, 4], ["x"], [None], [math.nan], [[1]], [abs], (1,), {}, {"a": "b"}, {1: 0.5, "a": 1}, {None: 1}, object(), abs,
    lrs.linear(), lrs.linear().over(3), [lrs.linear().over(3)],
)  # fmt: skip


@pytest.mark.parametrize("library", LIBRARIES)
def test_nonsense_is_refused_in_the_name_of_the_preset(library):
    """In every argument, numbers where a sequence is meant and the reverse included; names that no one takes are Python's."""
    module = getattr(lrs.presets, library)
    for row in rows(library):
        preset = getattr(module, row["name"])
        bound = inspect.signature(preset).bind(
            *map(read, row.get("args", [])), **{k: read(v) for k, v in row["kwargs"].items()}
        )
        for name in inspect.signature(preset).parameters:
            for nonsense in NONSENSE:
                try:
                    preset(**{**bound.arguments, name: nonsense})
                except lrs.ScheduleError as error:
                    assert str(error).startswith(f"{preset.__name__}: "), (name, nonsense, error)
                except TypeError as error:
                    assert "keyword" in str(error), (name, nonsense, error)


@pytest.mark.parametrize("ratio", [0, 0.03, 0.07, 0.1, 1 / 3, 1.0])
def test_a_warmup_ratio_is_rounded_up_as_the_trainer_does(ratio):
    preset = lrs.presets.transformers.get_scheduler
    for steps in (1, 10, 100, 997):
        assert preset("cosine", 0.1, num_training_steps=steps, warmup_ratio=ratio) == preset(
            "cosine", 0.1, math.ceil(steps * ratio), steps
        )
    for given in ({}, {"warmup_ratio": 0.1, "num_warmup_steps": 3}):
        with pytest.raises(lrs.ScheduleError, match="needs num_warmup_steps or warmup_ratio, one of them"):
            preset("linear", 0.1, num_training_steps=10, **given)
    with pytest.raises(lrs.ScheduleError, match=r"^get_scheduler: warmup_ratio must be a number in \[0, 1\], got 1.5"):
        preset("linear", 0.1, num_training_steps=10, warmup_ratio=1.5)
