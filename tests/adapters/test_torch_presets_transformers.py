"""lrs.presets.transformers against transformers.optimization, at every step of three lengths, for random arguments."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import lrsched as lrs

torch = pytest.importorskip("torch")
originals = pytest.importorskip("transformers.optimization")
presets = lrs.presets.transformers

RATES = st.floats(1e-3, 10.0)
SHARES = st.floats(0.0, 0.99)
COUNTS = st.integers(0, 9)
TOTALS = st.integers(0, 24)
STEPS = 3 * 34 + 2
WAVES = st.one_of(st.sampled_from([0.5, 1, 2]), st.floats(0.1, 3.0))


def options(**strategies: Any) -> Any:
    return st.fixed_dictionaries(strategies)


RUN = {"num_warmup_steps": COUNTS, "num_training_steps": TOTALS}
FLOOR = {"num_cycles": WAVES, "min_lr_rate": SHARES}
KINDS = {
    "linear": st.just({}),
    "cosine": options(num_cycles=WAVES),
    "cosine_with_restarts": options(num_cycles=st.integers(1, 4)),
    "polynomial": options(lr_end=st.floats(0.0, 9e-4), power=st.floats(0.5, 3.0)),
    "constant": st.just({}),
    "constant_with_warmup": st.just({}),
    "inverse_sqrt": options(timescale=st.one_of(st.none(), st.integers(1, 20))),
    "cosine_with_min_lr": options(**FLOOR),
    "cosine_warmup_with_min_lr": options(warmup_lr_rate=st.one_of(st.none(), SHARES), **FLOOR),
    "warmup_stable_decay": options(
        num_decay_steps=COUNTS,
        num_stable_steps=COUNTS,
        warmup_type=st.sampled_from(["linear", "cosine", "1-sqrt"]),
        decay_type=st.sampled_from(["linear", "cosine", "1-sqrt"]),
        min_lr_ratio=SHARES,
        num_cycles=WAVES,
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_presets_give_what_transformers_computes(name):
    @settings(max_examples=200, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(RATES, options(**RUN), KINDS[name])
    def check(base, run, arguments):
        run = {**run, "num_training_steps": None} if name == "warmup_stable_decay" else run
        if name == "polynomial":  # else transformers divides by zero
            run = {**run, "num_training_steps": run["num_training_steps"] + run["num_warmup_steps"] + 1}
        ours = presets.get_scheduler(name, base, **run, scheduler_specific_kwargs=arguments)
        assert lrs.parse(repr(ours)) == ours
        target = torch.optim.SGD([torch.zeros(1)], lr=base)
        original = originals.get_scheduler(name, target, **run, scheduler_specific_kwargs=arguments)
        expected = base * np.array([original.lr_lambdas[0](t) for t in range(STEPS)])
        found = ours.sample(STEPS)
        assert np.abs(found - expected).max() <= 1e-12 * max(base, np.abs(expected).max()), (ours, found, expected)

    check()


def test_every_name_of_transformers_is_here_or_follows_a_metric():
    names = {kind.value for kind in originals.TYPE_TO_SCHEDULER_FUNCTION}
    assert names - set(presets.SCHEDULERS) == {"reduce_lr_on_plateau", "greedy"}
    for kind, original in originals.TYPE_TO_SCHEDULER_FUNCTION.items():
        if kind.value in presets.SCHEDULERS:
            assert presets.SCHEDULERS[kind.value].__name__ == original.__name__
            assert presets.get_scheduler(kind, 1.0, 2, 9, {"num_decay_steps": 2} if "stable" in kind.value else {"min_lr": 0.1} if "min_lr" in kind.value else None)(3) >= 0  # fmt: skip


@pytest.mark.parametrize("ratio", [0.03, 0.07, 0.1, 1 / 3])
def test_a_warmup_ratio_is_that_of_training_arguments(ratio):
    arguments = pytest.importorskip("transformers.training_args").TrainingArguments
    asked = SimpleNamespace(warmup_steps=ratio, warmup_ratio=ratio)
    for steps in (1, 10, 100, 997):
        ours = presets.get_scheduler("linear", 1.0, num_training_steps=steps, warmup_ratio=ratio)
        assert ours == presets.get_scheduler("linear", 1.0, arguments.get_warmup_steps(asked, steps), steps)
