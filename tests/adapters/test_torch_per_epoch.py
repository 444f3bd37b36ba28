"""A scheduler that Lightning steps once an epoch: said once, where updates seem to be meant."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")
pytest.importorskip("lightning.pytorch", reason="lightning is not installed")

from test_torch_lightning import EPOCHS, Module, loader, trainer  # noqa: E402

from lrsched_torch import PlateauScheduler, Scheduler  # noqa: E402

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

STEPS = 0.1 * (lrs.warmup(2) >> lrs.cosine().over(13))  # as many as the run has updates


def said(make, *more, **options):
    """What is said in a run of three epochs of five batches."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        trainer(**options).fit(Module(scheduler=make), loader())
    return [str(w.message) for w in found if issubclass(w.category, lrs.ScheduleWarning)]


def plain(lr, **options):
    return lambda o: ([o], [Scheduler(o, lr=lr, **options)])


def config(lr, **config):
    return lambda o: {"optimizer": o, "lr_scheduler": {"scheduler": Scheduler(o, lr=lr), **config}}


def test_it_is_said_once_with_what_to_write():
    (message,) = said(plain(STEPS))
    assert message.startswith("Scheduler: Lightning steps it once an epoch")
    assert '"interval": "step"' in message and "lrsched_torch.lightning.Schedules" in message


@pytest.mark.parametrize(
    "make",
    [
        plain([STEPS]),
        plain({0: STEPS}),
        config(STEPS, interval="epoch"),
        plain(lrs.inverse_sqrt(4000)),
        plain(0.1 * lrs.multi_step([30, 60])),
        lambda o: ([o], [PlateauScheduler(o, lrs.Plateau(), lr=STEPS)]),
    ],
)
def test_it_is_said_of_what_counts_more_than_the_epochs(make):
    assert len(said(make)) == 1


def test_it_is_said_in_a_run_of_one_epoch_too():
    assert len(said(plain(STEPS), max_epochs=1)) == 1
    assert len(said(plain(STEPS), max_epochs=-1, max_steps=7)) == 1


@pytest.mark.parametrize(
    "make",
    [
        plain(0.1 * lrs.linear().over(EPOCHS)),
        plain(0.1 * lrs.multi_step([1, 2])),
        plain(0.1 * lrs.cosine().over(1).restarted()),
        config(STEPS, interval="step"),
        plain(0.1),
        plain({0: 0.2 * lrs.constant(1.0)}),
        lambda o: ([o], [PlateauScheduler(o, lrs.Plateau(patience=10))]),  # whose metric comes once an epoch
        lambda o: ([o], [torch.optim.lr_scheduler.StepLR(o, 1)]),
    ],
)
def test_nothing_is_said_of_what_may_count_epochs(make):
    assert said(make) == []


def test_nothing_is_said_where_the_module_steps_by_itself():
    class Manual(Module):
        def __init__(self, **options):
            super().__init__(**options)
            self.automatic_optimization = False

        def training_step(self, batch, index):
            self.manual_backward(super().training_step(batch, index))
            self.optimizers().step()
            self.lr_schedulers().step()

    with warnings.catch_warnings():
        warnings.simplefilter("error", lrs.ScheduleWarning)
        trainer().fit(Manual(scheduler=plain(STEPS)), loader())


def test_a_scheduler_of_a_plain_loop_says_nothing():
    w = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([w], lr=1.0)
    scheduler = Scheduler(optimizer, lr=STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            optimizer.step()
            scheduler.step()
    assert scheduler.get_last_lr() == [STEPS(4)]


def test_a_compiled_update_is_compiled_once():
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    w = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([w], lr=torch.tensor(1.0))
    w.grad = torch.ones(2)
    scheduler = Scheduler(optimizer, lr=STEPS)
    update = torch.compile(optimizer.step, backend=backend)
    for _ in range(5):
        update()
        scheduler.step()
    assert len(graphs) == 1


def test_an_optimizer_without_hooks_is_driven_all_the_same():
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    w = torch.nn.Parameter(torch.zeros(1))
    prepared = accelerate.Accelerator(cpu=True).prepare(torch.optim.SGD([w], lr=1.0))
    assert Scheduler(prepared, lr=0.5).get_last_lr() == [0.5]


def test_nothing_looks_where_lightning_is_not_loaded():
    code = """
import sys, torch, lrsched_torch
optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
scheduler = lrsched_torch.Scheduler(optimizer, lr=0.5)
print(len(optimizer._optimizer_step_pre_hooks), any("lightning" in name for name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["1", "False"]
