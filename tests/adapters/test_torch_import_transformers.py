"""``from_scheduler`` on what Transformers and Accelerate make, and on what nobody can read."""

from __future__ import annotations

import functools
import types
import warnings

import pytest
from hypothesis import Phase, given, settings

import lrsched as lrs

torch = pytest.importorskip("torch")
originals = pytest.importorskip("transformers.optimization")

from test_torch_presets_transformers import KINDS, RATES, RUN, options  # noqa: E402
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiplicativeLR  # noqa: E402

from lrsched_torch import Scheduler, from_scheduler  # noqa: E402


def make(*rates, lr=0.1):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates or (lr,)]
    return torch.optim.SGD(groups, lr=lr)


@pytest.mark.parametrize("name", KINDS)
def test_transformers_schedulers_are_read(name):
    @settings(max_examples=60, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(RATES, RATES, options(**RUN), KINDS[name])
    def check(base, other, run, arguments):
        run = {**run, "num_training_steps": None} if name == "warmup_stable_decay" else run
        if name == "polynomial":  # else transformers divides by zero
            run = {**run, "num_training_steps": run["num_training_steps"] + run["num_warmup_steps"] + 1}
        optimizer = make(base, other, lr=base)
        scheduler = originals.get_scheduler(name, optimizer, **run, scheduler_specific_kwargs=arguments)
        found = from_scheduler(scheduler)
        found = found if isinstance(found, list) else [found, found]
        for t in range(80):
            expected = [rate * scheduler.lr_lambdas[0](t) for rate in (base, other)]
            assert [s(t) for s in found] == pytest.approx(expected, rel=1e-9, abs=1e-9 * max(base, other))

    check()


def test_the_expression_is_the_one_of_the_presets():
    scheduler = originals.get_cosine_schedule_with_warmup(make(lr=3e-4), 50, 1000)
    assert from_scheduler(scheduler) == lrs.presets.transformers.get_cosine_schedule_with_warmup(3e-4, 50, 1000)
    floor = originals.get_cosine_with_min_lr_schedule_with_warmup(make(lr=3e-4), 50, 1000, min_lr_rate=0.1)
    assert from_scheduler(floor)(1000) == pytest.approx(3e-5)


def test_wrappers_are_opened():
    scheduler = originals.get_linear_schedule_with_warmup(make(), 2, 6)
    assert from_scheduler(types.SimpleNamespace(scheduler=scheduler)) == from_scheduler(scheduler)
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    prepared = accelerate.Accelerator(cpu=True).prepare_scheduler(scheduler)
    assert type(prepared) is not type(scheduler)
    assert from_scheduler(prepared) == 0.1 * (lrs.warmup(2) >> lrs.linear().over(4))


def impostor(t, *, num_warmup_steps, num_training_steps):
    return 1.0


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("_get_linear_schedule_with_warmup_lr_lambda", {"num_warmup_steps": 2, "num_training_steps": 9}),  # means else
        ("_get_constant_lambda", {"num_warmup_steps": 2, "num_training_steps": 9}),  # has other arguments
    ],
)
def test_a_function_that_means_something_else_is_not_taken_at_its_word(monkeypatch, name, numbers):
    monkeypatch.setattr(impostor, "__name__", name)
    monkeypatch.setattr(impostor, "__module__", "transformers.optimization")
    with pytest.raises(lrs.ScheduleError, match="got 'the function impostor'"):
        from_scheduler(LambdaLR(make(), functools.partial(impostor, **numbers)))


def test_a_function_of_that_name_from_elsewhere_is_not_read(monkeypatch):
    monkeypatch.setattr(impostor, "__name__", "_get_constant_lambda")
    with pytest.raises(lrs.ScheduleError, match="got 'the function impostor'"):
        from_scheduler(LambdaLR(make(), functools.partial(impostor, num_warmup_steps=1, num_training_steps=1)))


# ---- what cannot be read


class Falling(LRScheduler):
    def get_lr(self):
        return [base * max(0.0, 1 - self.last_epoch / 300) for base in self.base_lrs]


class Broken(LRScheduler):
    def get_lr(self):
        if self.last_epoch > 10:
            raise RuntimeError("no rates any more")
        return self.base_lrs


def message(scheduler):
    with pytest.raises(lrs.ScheduleError) as caught:
        from_scheduler(scheduler)
    return str(caught.value)


@pytest.mark.parametrize(
    ("make_it", "text"),
    [
        (lambda o: LambdaLR(o, lambda t: min(1.0, t / 50)), "0.1 * (warmup(50) >> hold(950))"),
        (lambda o: MultiplicativeLR(o, lambda t: 0.99), "0.1 * exponential_decay(0.99)"),
        (lambda o: Falling(o), "0.1 * (linear().over(300) >> hold(700, value=0.0))"),
    ],
    ids=["LambdaLR", "MultiplicativeLR", "a class of somebody else's"],
)
def test_what_its_first_steps_look_like_is_said(make_it, text):
    optimizer = make()
    scheduler = make_it(optimizer)
    assert f"lrsched.identify makes of its first 1,000 steps: {text} (error" in message(scheduler)
    assert scheduler.last_epoch == 0 and scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]]


def test_a_function_is_asked_for_its_first_steps_in_mid_run_too():
    optimizer = make()
    scheduler = LambdaLR(optimizer, lambda t: min(1.0, t / 50))
    for _ in range(60):
        optimizer.step()
        scheduler.step()
    assert "warmup(50)" in message(scheduler)
    assert scheduler.last_epoch == 60 and optimizer.param_groups[0]["lr"] == 0.1


def test_nothing_is_said_where_nothing_can_be():
    assert "identify" not in message(Broken(make()))
    falling = Falling(make())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        falling.step()
    assert "identify" not in message(falling)
    assert "no shape that it knows" in message(LambdaLR(make(), lambda t: (t * 7919 % 101) / 101))


def test_what_was_read_goes_on():
    optimizer = make()
    old = originals.get_linear_schedule_with_warmup(optimizer, 2, 6)
    for _ in range(3):
        optimizer.step()
        old.step()
    before = optimizer.param_groups[0]["lr"]
    new = Scheduler(optimizer, lr=from_scheduler(old), last_epoch=old.last_epoch - 1)
    assert new.last_epoch == 3 and new.get_last_lr() == pytest.approx([before])
