"""Trainers that never tell a metric: a PlateauScheduler in Lightning and in Transformers' Trainer says so, once."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")
from lrsched_torch import PlateauScheduler  # noqa: E402

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]  # these programs warn of much that is their own

RULE = lrs.Plateau(0.5, patience=1)


def silences(found: Any) -> int:
    return sum(w.category is lrs.ScheduleWarning and "no metric came in 2 steps" in str(w.message) for w in found)


@pytest.mark.parametrize("told", [False, True])
def test_lightning(told: bool) -> None:
    lightning = pytest.importorskip("lightning.pytorch", reason="lightning is not installed")

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            self.log("loss", 1.0, on_step=False, on_epoch=True)
            return self.model(batch[0]).square().mean()

        def configure_optimizers(self) -> Any:
            self.scheduler = PlateauScheduler(torch.optim.SGD(self.parameters(), lr=1.0), RULE)
            config = {"scheduler": self.scheduler, "monitor": "loss", "reduce_on_plateau": told}
            return {"optimizer": self.scheduler.optimizer, "lr_scheduler": config}

    module = Module()
    rows = torch.utils.data.TensorDataset(torch.ones(8, 1))
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        trainer = lightning.Trainer(**quiet, enable_checkpointing=False, max_epochs=5)
        trainer.fit(module, torch.utils.data.DataLoader(rows, batch_size=4))
    assert silences(found) == (0 if told else 1)
    assert module.scheduler.scale == (0.25 if told else 1.0)


@pytest.mark.parametrize("told", [False, True])
def test_trainer(told: bool, tmp_path: Any) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(1, 1)

        def forward(self, x: Any, labels: Any) -> Any:
            return {"loss": 0.0 * (self.inner(x) - labels).square().mean() + 1.0}

    class Tells(transformers.TrainerCallback):
        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, lr_scheduler: Any, **_: Any) -> None:
            lr_scheduler.observe(metrics["eval_loss"])

    data = [{"x": torch.ones(1), "labels": torch.ones(1)}] * 8
    net = Net()
    scheduler = PlateauScheduler(torch.optim.SGD(net.parameters(), lr=1.0), RULE)
    given = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=6, per_device_train_batch_size=2, eval_strategy="steps", eval_steps=1,
        use_cpu=True, report_to=[], save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        transformers.Trainer(
            net, given, train_dataset=data, eval_dataset=data, optimizers=(scheduler.optimizer, scheduler),
            callbacks=[Tells()] if told else [],
        ).train()  # fmt: skip
    assert silences(found) == (0 if told else 1)
    assert scheduler.scale == (0.25 if told else 1.0)
