"""Schedules in plain YAML: LightningCLI, Hydra, and the way torchtune builds a scheduler."""

from __future__ import annotations

import importlib
import warnings

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")
yaml = pytest.importorskip("yaml", reason="pyyaml is not installed")

from lrsched_torch import Scheduler, from_text  # noqa: E402

LR = "0.1 * plan(total, warmup(0.2 * total), cosine())"


def make():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)


# ---- LightningCLI


def ran(folder, text, *arguments):
    """The numbers that the updates of a run used that a YAML file describes."""
    pytest.importorskip("jsonargparse", reason="jsonargparse is not installed")
    cli = pytest.importorskip("lightning.pytorch.cli", reason="lightning is not installed")
    from test_torch_lightning import Module, loader

    class Configured(Module):
        configure_optimizers = cli.LightningModule.configure_optimizers

        def __init__(self, seen: int = 0):
            super().__init__(("lr", "weight_decay", "momentum"))

        def on_before_optimizer_step(self, optimizer):
            self.seen.append([optimizer.param_groups[0][key] for key in self.keys])

        def train_dataloader(self):
            return loader()

    (folder / "config.yaml").write_text(text, encoding="utf-8")
    quiet = ["--trainer.logger=false", "--trainer.enable_progress_bar=false", "--trainer.enable_checkpointing=false"]
    more = ["--trainer.accelerator=cpu", "--trainer.enable_model_summary=false", "--trainer.max_epochs=2"]
    args = ["fit", "--config", str(folder / "config.yaml"), *quiet, *more, *arguments]
    made = cli.LightningCLI(Configured, args=args, save_config_callback=None, seed_everything_default=0)
    return made.model.seen


CALLBACK = """
optimizer:
  class_path: torch.optim.SGD
  init_args: {lr: 1.0, momentum: 0.9}
trainer:
  callbacks:
    - class_path: lrsched_torch.lightning.Schedules
      init_args:
        lr: 0.1 * plan(total, warmup(0.2 * total), cosine())
        weight_decay: 3e-4
      dict_kwargs:
        momentum: 0.9 - 0.5 * linear().over(epoch)
"""


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_lightning_cli_drives_the_callback(tmp_path):
    lr, momentum = lrs.parse(LR, total=10), lrs.parse("0.9 - 0.5 * linear().over(5)")
    assert ran(tmp_path, CALLBACK) == [[lr(t), 3e-4, momentum(t)] for t in range(10)]


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_lightning_cli_reads_lists_data_and_units(tmp_path):
    text = CALLBACK.replace(
        "lr: 0.1 * plan(total, warmup(0.2 * total), cosine())",
        "lr: [{kind: warmup, steps: 20}]\n        unit: sample\n        clock: time.time",
    ).replace("over(epoch)", "over(40)")
    assert [row[0] for row in ran(tmp_path, text)] == [lrs.warmup(20)(4 * t) for t in range(10)]


SCHEDULER = """
optimizer:
  class_path: torch.optim.SGD
  init_args: {lr: 1.0, momentum: 0.9}
lr_scheduler:
  class_path: lrsched_torch.Scheduler
  init_args:
    lr: 0.1 * (warmup(2) >> cosine().over(8))
"""


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_lightning_cli_steps_a_scheduler_once_an_epoch_and_that_is_said(tmp_path):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        seen = ran(tmp_path, SCHEDULER)
    assert [row[0] for row in seen] == [0.0] * 5 + [0.05] * 5
    (message,) = [str(w.message) for w in found if issubclass(w.category, lrs.ScheduleWarning)]
    assert "trainer.callbacks" in message


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", [SCHEDULER, CALLBACK])
def test_a_mistake_in_a_file_has_a_caret(tmp_path, text, capsys):
    with pytest.raises((lrs.ScheduleError, SystemExit)) as caught:
        ran(tmp_path, text.replace("cosine()", "cosin()"))
    shown = str(caught.value) + capsys.readouterr().err
    assert "unknown name 'cosin'; did you mean 'cosine'?" in shown and "^" in shown


# ---- Hydra


def instantiate(text, **options):
    hydra = pytest.importorskip("hydra", reason="hydra-core is not installed")
    omegaconf = pytest.importorskip("omegaconf", reason="omegaconf is not installed")
    return hydra.utils.instantiate(omegaconf.OmegaConf.create(yaml.safe_load(text)), **options)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_hydra_builds_a_scheduler():
    partial = instantiate("""
_target_: lrsched_torch.Scheduler
_partial_: true
lr: 0.1 * (warmup(10) >> cosine().over(90))
momentum: {0: 0.9 * hold(5)}
""")
    scheduler = partial(make())
    assert scheduler.schedules == {
        "lr": 0.1 * (lrs.warmup(10) >> lrs.cosine().over(90)),
        "momentum": {0: 0.9 * lrs.hold(5)},
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_hydra_hands_on_interpolated_texts_lists_and_data():
    node = """
peak: 0.1
scheduler:
  _target_: lrsched_torch.Scheduler
  _partial_: true
  lr: ["${peak} * warmup(10)"]
  momentum: {kind: warmup, steps: 7}
"""
    assert instantiate(node).scheduler(make()).schedules == {"lr": [0.1 * lrs.warmup(10)], "momentum": lrs.warmup(7)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_hydra_shows_the_mistake():
    with pytest.raises(Exception, match=r"Scheduler: lr: unknown name 'wramup'; did you mean 'warmup'"):
        instantiate("{_target_: lrsched_torch.Scheduler, _partial_: true, lr: wramup(3)}")(make())


# ---- torchtune


def component(text, *arguments, **named):
    """What torchtune does with a node: the function named there, with the node's entries and what a recipe adds."""
    node = yaml.safe_load(text)
    module, _, name = node.pop("_component_").rpartition(".")
    return getattr(importlib.import_module(module), name)(*arguments, **node, **named)


def test_torchtune_builds_a_scheduler():
    node = """
_component_: lrsched_torch.from_text
text: 2e-5 * plan(total, warmup(0.1 * total), cosine())
"""
    scheduler = component(node, make(), num_training_steps=200, last_epoch=49)
    assert isinstance(scheduler, Scheduler) and scheduler.last_epoch == 50
    expected = lrs.parse("2e-5 * plan(200, warmup(20), cosine())")
    assert scheduler.get_last_lr() == [expected(50)]
    assert from_text(make(), "2e-5").get_last_lr() == [2e-5]
