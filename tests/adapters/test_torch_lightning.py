"""Lightning's trainer with the callback: what is counted, logged, saved and resumed, and what is refused."""

from __future__ import annotations

import csv
import doctest
import math
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")
lightning = pytest.importorskip("lightning.pytorch", reason="lightning is not installed")

from lightning.pytorch.loggers import CSVLogger  # noqa: E402

from lrsched_torch import Scheduler, param_groups  # noqa: E402
from lrsched_torch.lightning import Schedules  # noqa: E402

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]  # Lightning warns of much that is its own

BATCHES, SIZE, EPOCHS = 5, 4, 3
TEXT = "0.1 * plan(total, warmup(0.2 * total), cosine())"


class Module(lightning.LightningModule):
    """One weight, trained by SGD; ``seen`` are the numbers that each update used."""

    def __init__(self, keys=("lr",), scheduler=None, groups=None):
        super().__init__()
        torch.manual_seed(0)
        self.model = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Linear(2, 1))
        self.keys, self.scheduler, self.groups, self.seen = keys, scheduler, groups, []

    def training_step(self, batch, index):
        return (self.model(batch[0]) - batch[1]).square().mean()

    def configure_optimizers(self):
        groups = self.parameters() if self.groups is None else self.groups(self)
        optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9, weight_decay=0.5)
        optimizer.register_step_pre_hook(lambda o, *_: self.seen.append([o.param_groups[0][key] for key in self.keys]))
        return optimizer if self.scheduler is None else self.scheduler(optimizer)


def loader(n=SIZE * BATCHES, **options):
    x = torch.linspace(-1, 1, n)[:, None]
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 2 * x), **{"batch_size": SIZE, **options})


def trainer(*callbacks, **options):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    given = {**quiet, "enable_checkpointing": False, "max_epochs": EPOCHS, **options}
    return lightning.Trainer(**given, callbacks=list(callbacks))


def rates(*callbacks, data=None, module=None, **options):
    module = module or Module()
    trainer(*callbacks, **options).fit(module, data or loader())
    return [row[0] for row in module.seen] if module.keys == ("lr",) else module.seen


def values(s, steps, start=0):
    return [s(t) for t in range(start, steps)]


# ---- what is counted


@pytest.mark.parametrize("accumulate", [1, 2, 5])
def test_updates_are_counted_and_the_names_are_the_trainers(accumulate):
    epoch = math.ceil(BATCHES / accumulate)
    total = epoch * EPOCHS
    given = {"lr": TEXT, "weight_decay": "0.1 * warmup(epoch) + 1 / batch + world"}
    module = Module(("lr", "weight_decay"))
    found = rates(Schedules(**given), module=module, accumulate_grad_batches=accumulate)
    s = lrs.parse(TEXT, total=total)
    wd = lrs.parse(given["weight_decay"], epoch=epoch, batch=SIZE * accumulate, world=1)
    assert found == [[s(t), wd(t)] for t in range(total)]


def test_the_length_is_that_of_the_trainer():
    s = lrs.parse(TEXT, total=7)
    assert rates(Schedules(lr=TEXT), max_steps=7) == values(s, 7)
    assert rates(Schedules(lr=TEXT), limit_train_batches=2) == values(lrs.parse(TEXT, total=6), 6)


def test_batches_are_counted_up_to_each_update():
    s = lrs.linear().over(40)
    found = rates(Schedules(lr=s, unit="batch"), accumulate_grad_batches=2)
    assert found == [s(t) for epoch in range(EPOCHS) for t in (5 * epoch, 5 * epoch + 2, 5 * epoch + 4)]


@pytest.mark.parametrize("accumulate", [1, 3])
def test_samples_are_counted_up_to_each_update(accumulate):
    n, s = 18, lrs.linear().over(100)  # the last batch of an epoch has 2 samples
    found = rates(Schedules(lr=s, unit="sample"), data=loader(n), accumulate_grad_batches=accumulate)
    starts = [0, 4, 8, 12, 16] if accumulate == 1 else [0, 12]
    assert found == [s(epoch * n + t) for epoch in range(EPOCHS) for t in starts]


def test_samples_by_names():
    text = "0.1 * plan(total * batch, warmup(2 * epoch * batch), cosine())"
    s = lrs.parse(text, total=15, epoch=5, batch=4)
    assert rates(Schedules(lr=text, unit="sample")) == [s(4 * t) for t in range(15)]


@pytest.mark.parametrize("check", [True, False])
def test_a_mistake_at_a_joint_may_be_meant(check):
    s = 0.1 * (lrs.warmup(5) >> lrs.warmup(5))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        assert rates(Schedules(lr=s, check=check)) == values(s, 15)
    said = [str(w.message) for w in found if issubclass(w.category, lrs.ScheduleWarning)]
    assert len(said) == check and all("check=False" in message for message in said)


class Clock:
    """Seconds that pass where a test says so."""

    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


class Slow(Module):
    def __init__(self, clock, validation=0.0, **options):
        super().__init__(**options)
        self.clock, self.validation = clock, validation

    def training_step(self, batch, index):
        self.clock.now += 1.5
        return super().training_step(batch, index)

    def validation_step(self, batch, index):
        self.clock.now += self.validation


def test_seconds_are_counted_with_those_of_validation():
    s, clock = lrs.linear().over(100), Clock()
    module = Slow(clock, validation=0.25)
    data = trainer(Schedules(lr=s, unit="second", clock=clock), num_sanity_val_steps=2)
    data.fit(module, loader(), loader())
    assert [row[0] for row in module.seen] == [s(1.5 * t + 1.25 * (t // 5)) for t in range(15)]


def test_updates_by_hand_are_counted_one_by_one():
    class Manual(Module):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False

        def training_step(self, batch, index):
            self.manual_backward(super().training_step(batch, index))
            for _ in range(1 + index % 2):
                self.optimizers().step()

    s = lrs.linear().over(100)
    assert rates(Schedules(lr=s), module=Manual(), max_epochs=1) == [s(t) for t in (0, 1, 1, 3, 4, 4, 6)]


def test_several_optimizers_count_batches_with_an_update():
    class Two(Module):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False

        def configure_optimizers(self):
            return [torch.optim.SGD(layer.parameters(), lr=1.0) for layer in self.model]

        def training_step(self, batch, index):
            loss = super().training_step(batch, index)
            self.manual_backward(loss)
            for optimizer in self.optimizers()[: 1 + index % 2]:
                self.seen.append([optimizer.param_groups[0]["lr"]])
                optimizer.step()

    try:
        Scheduler([Two().configure_optimizers()[0]], lr=1.0)
    except lrs.ScheduleError:
        pytest.skip("one optimizer for each scheduler")
    module = Two()
    trainer(Schedules(lr="0.1 * cosine().over(total)")).fit(module, loader())
    s = lrs.parse("0.1 * cosine().over(15)")
    assert [row[0] for row in module.seen] == [
        s(5 * e + i) for e in range(3) for i in range(5) for _ in range(1 + i % 2)
    ]


class Told(Slow):
    """A module whose processes write down the rates that they used."""

    def __init__(self, folder, late):
        super().__init__(Clock())
        self.folder, self.late = folder, late

    def training_step(self, batch, index):
        self.clock.now += self.late * self.global_rank  # processes have clocks of their own
        return super().training_step(batch, index)

    def on_train_end(self):
        torch.save([row[0] for row in self.seen], f"{self.folder}/rates-{self.global_rank}.pt")


class Own(Schedules):
    """Its clock is that of the module, in whichever process."""

    def on_fit_start(self, trainer, module):
        self.clock = module.clock
        super().on_fit_start(trainer, module)


@pytest.mark.parametrize("unit", ["step", "sample", "second"])
def test_processes_agree(tmp_path, unit):
    text = {
        "step": "plan(total, cosine()) + world + batch",
        "sample": "linear().over(100)",
        "second": "linear().over(100)",
    }
    options = {"strategy": "ddp_spawn", "devices": 2}
    trainer(Own(lr=text[unit], unit=unit), **options).fit(Told(tmp_path, 0.3), loader(SIZE * BATCHES * 2))
    found = [torch.load(tmp_path / f"rates-{rank}.pt") for rank in range(2)]
    s = lrs.parse(text[unit], **({"total": 15, "world": 2, "batch": 8} if unit == "step" else {}))
    pace = {"step": 1, "sample": 8, "second": 1.5}[unit]
    assert found[0] == found[1] == [s(pace * t) for t in range(15)]


# ---- groups


def test_schedules_by_group():
    def groups(module):
        return param_groups(module.model, {"body": "0.*", "head": "1.*"})

    callback = Schedules(lr={"head": TEXT, "body": "0.5"}, momentum=["0.8", None])
    module = Module(groups=groups)
    trainer(callback).fit(module, loader())
    s = lrs.parse(TEXT, total=15)
    assert callback.scheduler.lr_at(4) == [0.5, s(4)]
    assert callback.scheduler.values == {"lr/body": 0.5, "lr/head": s(15), "momentum/body": 0.8, "momentum/head": 0.9}


# ---- logs


def test_every_number_is_logged_by_name(tmp_path):
    def groups(module):
        return param_groups(module.model, {"body": "0.*", "head": "1.*"})

    callback = Schedules(lr={"head": TEXT, "body": "0.5"}, weight_decay="0.1 * warmup(total)")
    logger = CSVLogger(tmp_path)
    trainer(callback, logger=logger, log_every_n_steps=2).fit(Module(groups=groups), loader())
    text = Path(logger.log_dir, "metrics.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    s, wd = lrs.parse(TEXT, total=15), lrs.parse("0.1 * warmup(15)")
    steps = [int(row["step"]) for row in rows]
    assert steps == [1, 3, 5, 7, 9, 11, 13]
    for t, row in zip(steps, rows, strict=True):
        assert float(row["lr/head"]) == s(t) and float(row["lr/body"]) == 0.5
        assert float(row["weight_decay/head"]) == float(row["weight_decay/body"]) == wd(t)


def test_numbers_in_tensorboard(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from lightning.pytorch.loggers import TensorBoardLogger
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path)
    trainer(Schedules(lr=TEXT, momentum="0.5"), logger=logger, log_every_n_steps=1).fit(Module(), loader())
    events = EventAccumulator(logger.log_dir).Reload()
    s = lrs.parse(TEXT, total=15)
    assert {"lr", "momentum"} <= set(events.Tags()["scalars"])
    assert [e.value for e in events.Scalars("lr")] == pytest.approx(values(s, 15), rel=1e-6)


def test_numbers_in_wandb(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed")
    from lightning.pytorch.loggers import WandbLogger

    monkeypatch.setenv("WANDB_MODE", "offline")
    logger = WandbLogger(save_dir=tmp_path, offline=True)
    trainer(Schedules(lr=TEXT, momentum="0.5"), logger=logger, log_every_n_steps=1).fit(Module(), loader())
    summary = dict(logger.experiment.summary)
    logger.experiment.finish()
    assert summary["lr"] == lrs.parse(TEXT, total=15)(14) and summary["momentum"] == 0.5


# ---- checkpoints


def resumed(folder, make, module=Module, **options):
    """The rates of a run that is saved after an epoch and goes on from there by another trainer."""
    first, second = module(), module()
    begun = trainer(make(), max_epochs=1, enable_checkpointing=True, default_root_dir=folder, **options)
    begun.fit(first, loader())
    begun.save_checkpoint(folder / "run.ckpt")
    trainer(make(), **options).fit(second, loader(), ckpt_path=folder / "run.ckpt", weights_only=True)
    return [row[0] for row in first.seen], [row[0] for row in second.seen]


@pytest.mark.parametrize("unit", ["step", "batch", "sample"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_run_resumes(tmp_path, unit, accumulate):
    s = 0.1 * (lrs.warmup(9) >> lrs.cosine().over(60))
    options = {"accumulate_grad_batches": accumulate}
    before, after = resumed(tmp_path, lambda: Schedules(lr=s, unit=unit), **options)
    assert before + after == rates(Schedules(lr=s, unit=unit), **options)


def test_seconds_between_runs_are_not_counted(tmp_path):
    s, clock = lrs.linear().over(100), Clock()

    def make():
        clock.now += 1e6
        return Schedules(lr=s, unit="second", clock=clock)

    before, after = resumed(tmp_path, make, module=lambda: Slow(clock))
    assert before + after == [s(1.5 * t) for t in range(15)]


def test_a_checkpoint_without_it_goes_on_at_its_step(tmp_path):
    s = 0.1 * (lrs.warmup(9) >> lrs.cosine().over(60))
    first, second = Module(), Module()
    begun = trainer(max_epochs=1, enable_checkpointing=True, default_root_dir=tmp_path)
    begun.fit(first, loader())
    begun.save_checkpoint(tmp_path / "run.ckpt")
    trainer(Schedules(lr=s)).fit(second, loader(), ckpt_path=tmp_path / "run.ckpt")
    assert [row[0] for row in second.seen] == values(s, 15, start=5)
    with pytest.raises(lrs.ScheduleError, match="unit must be 'step' to resume from a checkpoint"):
        trainer(Schedules(lr=s, unit="sample")).fit(Module(), loader(), ckpt_path=tmp_path / "run.ckpt")


@pytest.mark.parametrize(
    ("saved", "given", "message"),
    [
        ({"lr": "0.1"}, {"lr": "0.2"}, r"lr must be that of the saved state, constant\(0\.1\), got constant\(0\.2\)"),
        ({"lr": TEXT}, {"lr": TEXT, "unit": "batch"}, "unit must be that of the saved state, 'step', got 'batch'"),
    ],
)
def test_the_state_of_another_definition_is_refused(tmp_path, saved, given, message):
    begun = trainer(Schedules(**saved), enable_checkpointing=True, default_root_dir=tmp_path)
    begun.fit(Module(), loader())
    begun.save_checkpoint(tmp_path / "run.ckpt")
    with pytest.raises(lrs.ScheduleError, match=message):
        trainer(Schedules(**given), max_epochs=5).fit(Module(), loader(), ckpt_path=tmp_path / "run.ckpt")


def test_a_longer_run_says_which_length_wins(tmp_path):
    begun = trainer(Schedules(lr=TEXT), enable_checkpointing=True, default_root_dir=tmp_path)
    begun.fit(Module(), loader())
    begun.save_checkpoint(tmp_path / "run.ckpt")
    with pytest.raises(lrs.ScheduleError, match="lr must be that of the saved state"):
        trainer(Schedules(lr=TEXT), max_epochs=5).fit(Module(), loader(), ckpt_path=tmp_path / "run.ckpt")
    module = Module()
    callback = Schedules(lr=TEXT, on_mismatch="mine")
    trainer(callback, max_epochs=5).fit(module, loader(), ckpt_path=tmp_path / "run.ckpt")
    assert [row[0] for row in module.seen] == values(lrs.parse(TEXT, total=25), 25, start=15)


@pytest.mark.parametrize(("unit", "pace"), [("step", 1), ("sample", SIZE)])
def test_the_same_trainer_goes_on(unit, pace):
    s = 0.1 * (lrs.warmup(9) >> lrs.cosine().over(60))
    module = Module()
    it = trainer(Schedules(lr=s, unit=unit), max_epochs=1)
    it.fit(module, loader())
    it.fit_loop.max_epochs = 2
    it.fit(module, loader())
    assert [row[0] for row in module.seen] == [s(pace * t) for t in range(10)]


def test_another_trainer_begins_anew():
    s = 0.1 * lrs.warmup(9)
    callback = Schedules(lr=s)
    assert rates(callback) == rates(callback) == values(s, 15)


# ---- mistakes


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lr": "0.1 * wramup(4)"}, r"Schedules: lr: unknown name 'wramup'; did you mean 'warmup'\? \(at column 7\)"),
        ({"lr": {"a": "0.1 * warmup(steps)"}}, "Schedules: lr: unknown name 'steps'"),
        ({}, "Schedules: lr must be a schedule, unless"),
        ({"lr": 1.0, "unit": "epoch"}, "unit must be one of 'step', 'batch', 'sample', 'second', got 'epoch'"),
        ({"lr": 1.0, "clock": 5}, "clock must be a function that gives seconds, got 5"),
        ({"lr": TEXT, "unit": "second"}, "lr must be a text with lengths in seconds, got '0.1"),
        ({"lr": [TEXT], "unit": "sample"}, r"lr must be a text with lengths in samples \(total \* batch\)"),
        ({"momentum": "warmup(epoch)", "unit": "sample"}, "momentum must be a text with lengths in samples"),
    ],
)
def test_mistakes_are_found_when_it_is_built(given, message):
    with pytest.raises(lrs.ScheduleError, match=message):
        Schedules(**given)


class Endless(torch.utils.data.IterableDataset):
    def __iter__(self):
        while True:
            yield torch.zeros(1), torch.zeros(1)


def scheduled(key):
    def make(optimizer):
        return [optimizer], [Scheduler(optimizer, **{key: 0.5})]

    return make


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ({"lr": TEXT, "unit": "batch"}, {"accumulate_grad_batches": 2}, "lr must be a text with lengths in batches"),
        ({"lr": TEXT}, {"max_epochs": -1}, "total must be a run of known length"),
        (
            {"lr": "warmup(epoch)"},
            {"data": Endless(), "max_steps": 3},
            "epoch must be a training loader of known length",
        ),
        ({"lr": "1/batch"}, {"batch_size": None}, "batch must be one training loader with a batch_size"),
        ({"lr": "0.1 * plan(total, warmup(99), cosine())"}, {}, "Schedules: lr: "),
        ({"lr": 0.1, "nesterov": 1.0}, {}, "Scheduler: hyperparameter must be one that"),
        (
            {"lr": 0.1},
            {"scheduler": scheduled("lr")},
            "lr must be driven by one alone .*got 'a Scheduler beside it'",
        ),
        (
            {"lr": 0.1},
            {"scheduler": lambda o: [[o], [torch.optim.lr_scheduler.StepLR(o, 3)]]},
            "got 'a StepLR beside it'",
        ),
    ],
)
def test_mistakes_are_found_before_training_begins(given, options, message):
    scheduler, data = options.pop("scheduler", None), options.pop("data", None)
    batch = {"batch_size": options.pop("batch_size")} if "batch_size" in options else {}
    module = Module(scheduler=scheduler)
    rows = loader(**batch) if data is None else torch.utils.data.DataLoader(data, batch_size=4)
    with pytest.raises(lrs.ScheduleError, match=message):
        trainer(Schedules(**given), **options).fit(module, rows)
    assert module.seen == []


def test_accumulation_that_changes_has_no_length_in_updates():
    changing = lightning.callbacks.GradientAccumulationScheduler({1: 2})
    with pytest.raises(lrs.ScheduleError, match=r"accumulate_grad_batches must be the same .*, got {1: 2"):
        rates(Schedules(lr=TEXT), changing)
    s = lrs.linear().over(100)
    found = rates(
        Schedules(lr=s, unit="sample"), lightning.callbacks.GradientAccumulationScheduler({1: 2}), max_epochs=2
    )
    assert found == [s(t) for t in (0, 4, 8, 12, 16, 20, 28, 36)]


def test_a_callback_that_brings_a_scheduler_is_refused():
    averaging = lightning.callbacks.StochasticWeightAveraging(swa_lrs=0.5, swa_epoch_start=1)
    with pytest.raises(lrs.ScheduleError, match=r"lr must be driven by one alone .*got 'a SWALR beside it'"):
        rates(Schedules(lr=TEXT), averaging)


def test_a_backbone_that_another_callback_drives_is_left_alone():
    class Split(Module):
        def __init__(self):
            super().__init__()
            self.model[0].requires_grad_(False)
            self.backbone = self.model[0]

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.model[1].parameters(), lr=1.0)
            optimizer.register_step_pre_hook(lambda o, *_: self.seen.append([g["lr"] for g in o.param_groups]))
            return optimizer

    module, s = Split(), lrs.parse(TEXT, total=15)
    tuning = lightning.callbacks.BackboneFinetuning(1, lambda epoch: 1.0, backbone_initial_lr=0.03)
    trainer(Schedules(lr={0: TEXT}), tuning).fit(module, loader())
    assert [row[0] for row in module.seen] == values(s, 15)
    assert [row[1:] for row in module.seen] == [[]] * 5 + [[0.03]] * 10


def test_it_drives_what_another_scheduler_does_not():
    module = Module(("lr", "momentum"), scheduler=scheduled("momentum"))
    assert rates(Schedules(lr="0.25"), module=module)[-1] == [0.25, 0.5]


def test_nothing_is_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error", lrs.ScheduleWarning)
        rates(Schedules(lr=TEXT))


def test_the_example():
    import lrsched_torch.lightning

    assert doctest.testmod(lrsched_torch.lightning) == (0, 3)


OTHER_NAME = """
import sys, warnings
sys.modules["lightning"] = None  # as if it were not installed
warnings.simplefilter("ignore")
import pytorch_lightning, torch
from lrsched_torch.lightning import Schedules
assert issubclass(Schedules, pytorch_lightning.Callback)


class Module(pytorch_lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, index):
        return self.layer(batch[0]).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0)


data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(20, 1)), batch_size=4)
schedules = Schedules(lr="0.1 * plan(total, warmup(0.2 * total), cosine())", unit="step")
quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
pytorch_lightning.Trainer(max_epochs=2, callbacks=[schedules], accelerator="cpu", **quiet).fit(Module(), data)
print(schedules.scheduler.last_epoch)
"""


def test_the_same_package_under_its_other_name():
    pytest.importorskip("pytorch_lightning", reason="pytorch_lightning is not installed")
    done = subprocess.run([sys.executable, "-c", OTHER_NAME], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.split()[-1:] == ["10"], done.stderr
