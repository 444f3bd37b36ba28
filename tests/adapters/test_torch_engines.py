"""Engines that build, step and save schedulers by themselves: Accelerate, Lightning and DeepSpeed's way of calling."""

from __future__ import annotations

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")

from torch.optim.lr_scheduler import LambdaLR, MultiplicativeLR  # noqa: E402

from lrsched_torch import Scheduler, from_scheduler  # noqa: E402

LR = 0.1 * (lrs.warmup(4) >> lrs.cosine().over(20, end=0.1))


def make():
    torch.manual_seed(0)
    net = torch.nn.Linear(1, 1)
    return net, torch.optim.SGD(net.parameters(), lr=0.5)


# ---- DeepSpeed


class Engine:
    """What ``deepspeed.initialize`` and its engine do with a scheduler, in a few lines."""

    def __init__(self, optimizer, lr_scheduler, accumulation=2):
        self.optimizer, self.accumulation, self.micro, self.overflows = optimizer, accumulation, 0, []
        ready = isinstance(lr_scheduler, torch.optim.lr_scheduler.LRScheduler)
        self.lr_scheduler = lr_scheduler if ready else lr_scheduler(optimizer)

    def step(self, lr_kwargs=None, overflow=False):
        self.micro += 1
        if self.micro % self.accumulation:
            return
        if not overflow:
            self.optimizer.step()
            try:
                self.lr_scheduler.step(**(lr_kwargs or {}))
            except TypeError:
                self.lr_scheduler.step(self.accumulation)
        self.optimizer.zero_grad()

    def get_lr(self):
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self):
        return {"optimizer": self.optimizer.state_dict(), "lr_scheduler": self.lr_scheduler.state_dict()}

    def load_state_dict(self, state):
        self.optimizer.load_state_dict(state["optimizer"])
        self.lr_scheduler.load_state_dict(state["lr_scheduler"])


def test_deepspeed_builds_steps_and_resumes():
    engine = Engine(make()[1], lr_scheduler=lambda opt: Scheduler(opt, lr=LR))
    for i in range(20):
        assert engine.get_lr() == [LR(i // 2)]
        engine.step()
    engine.step()
    engine.step(overflow=True)
    assert engine.get_lr() == [LR(10)]
    again = Engine(make()[1], lr_scheduler=lambda opt: Scheduler(opt, lr=LR))
    again.load_state_dict(engine.state_dict())
    assert again.get_lr() == [LR(10)]


def test_deepspeed_may_be_given_the_count():
    engine = Engine(make()[1], lr_scheduler=lambda opt: Scheduler(opt, lr=LR))
    engine.step({"count": 8})
    engine.step({"count": 8})
    assert engine.get_lr() == [LR(8)]


# ---- Accelerate and Lightning with PyTorch's schedulers over a schedule

KINDS = {"LambdaLR": (LambdaLR, 2 * LR), "MultiplicativeLR": (MultiplicativeLR, 1 - LR)}


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_accelerate_saves_and_restores(kind, tmp_path):
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    build, s = KINDS[kind]
    accelerator = accelerate.Accelerator(cpu=True)

    def prepared(schedule):
        net, optimizer = make()
        return accelerator.prepare(net, optimizer, build(optimizer, schedule))

    def run(prepared_, steps):
        rates = []
        for _ in range(steps):
            prepared_[1].step()
            prepared_[2].step()
            rates += prepared_[2].get_last_lr()
        return rates

    accelerator.free_memory()
    first = prepared(s)
    run(first, 5)
    accelerator.save_state(tmp_path)
    expected = run(first, 5)
    accelerator.free_memory()
    second = prepared(s)
    accelerator.load_state(tmp_path)
    assert run(second, 5) == expected
    assert from_scheduler(second[2]) == from_scheduler(second[2].scheduler)
    accelerator.free_memory()
    prepared(0.5 * s)
    with pytest.raises(lrs.ScheduleError, match="schedule must be that of the saved state"):
        accelerator.load_state(tmp_path)


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_lightning_saves_and_restores(tmp_path):
    pytest.importorskip("lightning.pytorch", reason="lightning is not installed")
    from test_torch_lightning import Module, loader, trainer

    def module(schedule):
        def build(optimizer):
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": LambdaLR(optimizer, schedule), "interval": "step"},
            }

        return Module(scheduler=build)

    whole, first, second = module(LR), module(LR), module(LR)
    trainer().fit(whole, loader())
    begun = trainer(max_epochs=1, enable_checkpointing=True, default_root_dir=tmp_path)
    begun.fit(first, loader())
    begun.save_checkpoint(tmp_path / "run.ckpt")
    trainer().fit(second, loader(), ckpt_path=tmp_path / "run.ckpt", weights_only=True)
    assert first.seen + second.seen == whole.seen
    with pytest.raises(lrs.ScheduleError, match="schedule must be that of the saved state"):
        trainer().fit(module(2 * LR), loader(), ckpt_path=tmp_path / "run.ckpt")


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_fabric_saves_and_restores(tmp_path):
    fabrics = pytest.importorskip("lightning.fabric", reason="lightning is not installed")
    fabric = fabrics.Fabric(accelerator="cpu", devices=1)

    def begun():
        net, optimizer = make()
        net, optimizer = fabric.setup(net, optimizer)
        return {"net": net, "optimizer": optimizer, "scheduler": Scheduler(optimizer, lr=repr(LR), weight_decay="0.1")}

    def run(state, steps):
        rates = []
        for _ in range(steps):
            rates.append(state["optimizer"].param_groups[0]["lr"])
            fabric.backward(state["net"](torch.ones(2, 1)).square().mean())
            state["optimizer"].step()
            state["scheduler"].step()
        return rates

    first, second = begun(), begun()
    assert run(first, 6) == [LR(t) for t in range(6)]
    fabric.save(tmp_path / "run.ckpt", first)
    fabric.load(tmp_path / "run.ckpt", second)
    assert run(second, 6) == run(first, 6) == [LR(t) for t in range(6, 12)]
