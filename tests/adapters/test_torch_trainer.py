"""Transformers' Trainer with the mixin: rates, names, logs, checkpoints, and what is refused."""

from __future__ import annotations

import doctest
from typing import ClassVar

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from torch.optim.lr_scheduler import LambdaLR  # noqa: E402

from lrsched_torch import Scheduler  # noqa: E402
from lrsched_torch.transformers import WithSchedules  # noqa: E402

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

ROWS, SIZE, ACCUMULATE = 18, 2, 2  # 9 batches and 5 updates in an epoch
TEXT = "0.1 * plan(total, warmup(0.2 * total), cosine())"


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner = torch.nn.Linear(1, 1)

    def forward(self, x, labels):
        return {"loss": (self.inner(x) - labels).square().mean()}


class Trained(WithSchedules, transformers.Trainer):
    """A trainer whose ``seen`` are the numbers that each update used in the first group."""

    keys = ("lr",)

    def create_optimizer(self, *given):
        optimizer = super().create_optimizer(*given)
        self.seen = []
        optimizer.register_step_pre_hook(lambda o, *_: self.seen.append([o.param_groups[0][key] for key in self.keys]))
        return optimizer


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return ROWS

    def __getitem__(self, i):
        return {"x": torch.tensor([i / ROWS]), "labels": torch.tensor([2 * i / ROWS])}


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return (Rows()[i] for i in range(ROWS))


def trained(folder, schedules, resume=None, kind=Trained, data=None, **options):
    given = transformers.TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=SIZE, gradient_accumulation_steps=ACCUMULATE, use_cpu=True,
        **{"num_train_epochs": 3, "report_to": [], "save_strategy": "no", "logging_steps": 1, "disable_tqdm": True, **options},
    )  # fmt: skip
    it = kind(Net(), given, train_dataset=data or Rows(), **({} if schedules is None else {"schedules": schedules}))
    it.train(resume_from_checkpoint=resume)
    return it


def test_updates_are_counted_and_the_names_are_the_trainers(tmp_path):
    class Both(Trained):
        keys = ("lr", "weight_decay")

    decay = "0.1 * warmup(epoch) + 1 / batch + world"
    it = trained(tmp_path, {"lr": TEXT, "weight_decay": decay}, kind=Both)
    s = lrs.parse(TEXT, total=15)
    wd = lrs.parse(decay, epoch=5, batch=SIZE * ACCUMULATE, world=1)
    assert it.seen == [[s(t), wd(t)] for t in range(15)]
    assert it.lr_scheduler.last_epoch == 15


def test_the_length_is_that_of_the_trainer(tmp_path):
    s = lrs.parse(TEXT, total=7)
    assert trained(tmp_path, {"lr": TEXT}, max_steps=7).seen == [[s(t)] for t in range(7)]
    assert trained(tmp_path, {"lr": TEXT}, max_steps=7, data=Stream()).seen == [[s(t)] for t in range(7)]


def test_a_class_may_hold_them(tmp_path):
    class Mine(Trained):
        schedules: ClassVar = {"lr": TEXT, "relative": True}

    s = lrs.parse(TEXT, total=15)
    it = trained(tmp_path, None, kind=Mine, learning_rate=0.5)
    assert it.seen == [[pytest.approx(0.5 * s(t), rel=1e-15)] for t in range(15)]


def test_every_number_is_logged_by_name(tmp_path):
    it = trained(tmp_path, {"lr": TEXT, "weight_decay": {0: "0.1 * warmup(total)"}})
    s, wd = lrs.parse(TEXT, total=15), lrs.parse("0.1 * warmup(15)")
    rows = [row for row in it.state.log_history if "learning_rate" in row]
    assert [row["step"] for row in rows] == list(range(1, 16))
    for t, row in enumerate(rows):
        assert row["lr/0"] == row["lr/1"] == row["learning_rate"] == s(t)
        assert row["weight_decay/0"] == wd(t) and row["weight_decay/1"] == 0.0


def test_numbers_in_tensorboard(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path))
    trained(tmp_path, {"lr": [TEXT, None], "weight_decay": "0.5"}, report_to=["tensorboard"])
    file, *_ = tmp_path.rglob("events.out.tfevents.*")
    events = EventAccumulator(str(file)).Reload()
    s = lrs.parse(TEXT, total=15)
    assert [e.value for e in events.Scalars("train/lr/0")] == pytest.approx([s(t) for t in range(15)], rel=1e-6)
    assert {"train/weight_decay/0", "train/weight_decay/1"} <= set(events.Tags()["scalars"])


def test_numbers_in_wandb(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    trained(tmp_path, {"lr": TEXT, "weight_decay": "0.5"}, report_to=["wandb"])
    summary = dict(wandb.run.summary)
    wandb.finish()
    assert summary["train/lr/0"] == lrs.parse(TEXT, total=15)(14) and summary["train/weight_decay/0"] == 0.5


def test_a_run_resumes(tmp_path):
    whole = trained(tmp_path, {"lr": TEXT}, save_strategy="steps", save_steps=6)
    again = trained(tmp_path, {"lr": TEXT}, resume=str(tmp_path / "checkpoint-6"))
    assert again.seen == whole.seen[6:]
    assert torch.load(tmp_path / "checkpoint-6" / "scheduler.pt", weights_only=True)["last_epoch"] == 6


def test_a_longer_run_says_which_length_wins(tmp_path):
    trained(tmp_path, {"lr": TEXT}, save_strategy="steps", save_steps=6)
    checkpoint = str(tmp_path / "checkpoint-6")
    with pytest.raises(lrs.ScheduleError, match="lr must be that of the saved state"):
        trained(tmp_path, {"lr": TEXT}, resume=checkpoint, num_train_epochs=4)
    it = trained(tmp_path, {"lr": TEXT, "on_mismatch": "mine"}, resume=checkpoint, num_train_epochs=4)
    s = lrs.parse(TEXT, total=20)
    assert it.seen == [[s(t)] for t in range(6, 20)]


def test_a_lambda_over_a_schedule_is_saved_and_resumes(tmp_path):
    s = lrs.warmup(3) >> lrs.cosine().over(12)

    def run(schedule, resume=None):
        net, seen = Net(), []
        optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
        optimizer.register_step_pre_hook(lambda o, *_: seen.append(o.param_groups[0]["lr"]))
        given = transformers.TrainingArguments(
            output_dir=str(tmp_path), per_device_train_batch_size=SIZE, use_cpu=True, max_steps=12, save_steps=4, report_to=[],
        )  # fmt: skip
        it = transformers.Trainer(
            net, given, train_dataset=Rows(), optimizers=(optimizer, LambdaLR(optimizer, schedule))
        )
        it.train(resume_from_checkpoint=resume)
        return seen

    assert run(s) == [0.5 * s(t) for t in range(12)]
    assert run(s, str(tmp_path / "checkpoint-4")) == [0.5 * s(t) for t in range(4, 12)]
    with pytest.raises(lrs.ScheduleError, match="schedule must be that of the saved state"):
        run(2 * s, str(tmp_path / "checkpoint-4"))


# ---- mistakes


@pytest.mark.parametrize(
    ("schedules", "message"),
    [
        (None, "WithSchedules: schedules must be a dictionary of schedules by hyperparameter, got None"),
        ({}, "schedules must be a dictionary"),
        (TEXT, "schedules must be a dictionary"),
        ({"lr": "0.1 * wramup(4)"}, r"WithSchedules: lr: unknown name 'wramup'; did you mean 'warmup'\?"),
        ({"lr": ["warmup(steps)"]}, "WithSchedules: lr: unknown name 'steps'"),
        ({"lr": "0.1 * plan(total, warmup(99), cosine())"}, "WithSchedules: lr: "),
        ({"lr": 0.1, "momentum": 0.5}, "Scheduler: hyperparameter must be one that"),
    ],
)
def test_mistakes_are_named(tmp_path, schedules, message):
    with pytest.raises(lrs.ScheduleError, match=message):
        trained(tmp_path, schedules)


def test_the_mixin_comes_first():
    with pytest.raises(lrs.ScheduleError, match=r"the bases of Mine must be in the order \(WithSchedules, Trainer\)"):

        class Mine(transformers.Trainer, WithSchedules):
            schedules: ClassVar = {"lr": TEXT}

    class Own(Trained):
        def create_scheduler(self, *given, **named):
            return super().create_scheduler(*given, **named)


def test_an_epoch_without_a_length_is_refused(tmp_path):
    with pytest.raises(lrs.ScheduleError, match="epoch must be used where the trainer knows the length of its data"):
        trained(tmp_path, {"lr": "warmup(epoch)"}, max_steps=7, data=Stream())


def test_a_scheduler_beside_the_schedules_is_refused(tmp_path):
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    given = transformers.TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to=[])
    with pytest.raises(lrs.ScheduleError, match="optimizers must be without a scheduler"):
        Trained(net, given, schedules={"lr": TEXT}, optimizers=(optimizer, Scheduler(optimizer, lr=1.0)))
    assert Trained(net, given, schedules={"lr": TEXT}, optimizers=(optimizer, None)).lr_scheduler is None


def test_the_example(tmp_path, monkeypatch):
    import lrsched_torch.transformers

    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(lrsched_torch.transformers).failed == 0
