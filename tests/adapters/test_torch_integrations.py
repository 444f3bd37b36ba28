"""Lightning, Accelerate, Transformers' Trainer and DDP: the rate of every update, and of every resumed one."""

from __future__ import annotations

import os
import socket

import pytest

import lrsched as lrs

torch = pytest.importorskip("torch")

from lrsched_torch import PlateauScheduler, Scheduler  # noqa: E402

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]  # these programs warn of much that is their own

LR = 0.1 * (lrs.warmup(4) >> lrs.cosine().over(20, end=0.1))
BATCHES, EPOCHS = 6, 3


def rows(n=4 * BATCHES):
    x = torch.linspace(-1, 1, n)[:, None]
    return torch.utils.data.TensorDataset(x, 2 * x)


def loader(n=4 * BATCHES):
    return torch.utils.data.DataLoader(rows(n), batch_size=4)


def model():
    torch.manual_seed(0)
    return torch.nn.Linear(1, 1)


def watch(optimizer, keys=("lr",)):
    """A list that grows by the values in the first group at each update."""
    seen = []
    optimizer.register_step_pre_hook(lambda o, *_: seen.append([o.param_groups[0][key] for key in keys]))
    return seen


def values(*schedules, steps, start=0):
    return [[s(t) for s in schedules] for t in range(start, steps)]


# ---- Lightning


def lightning():
    return pytest.importorskip("lightning.pytorch", reason="lightning is not installed")


def module(make, **config):
    class Module(lightning().LightningModule):
        def __init__(self):
            super().__init__()
            self.model = model()

        def training_step(self, batch, index):
            loss = (self.model(batch[0]) - batch[1]).square().mean()
            self.log("loss", 1.0, on_step=False, on_epoch=True)
            return loss

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=1.0, momentum=0.9)
            self.scheduler, self.seen = make(optimizer), watch(optimizer, ("lr", "momentum"))
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.scheduler, **config}}

    return Module()


def trainer(**options):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    return lightning().Trainer(**{**quiet, "enable_checkpointing": False, "max_epochs": EPOCHS, **options})


def test_lightning_by_steps_under_accumulation():
    momentum = 0.95 - LR
    mine = module(lambda o: Scheduler(o, lr=LR, momentum=momentum), interval="step")
    trainer(accumulate_grad_batches=2).fit(mine, loader())
    updates = BATCHES * EPOCHS // 2
    assert mine.seen == values(LR, momentum, steps=updates)
    assert mine.scheduler.last_epoch == updates


def test_lightning_by_epochs():
    mine = module(lambda o: Scheduler(o, lr=LR), interval="epoch")
    trainer().fit(mine, loader())
    assert [lr for lr, _ in mine.seen] == [LR(t // BATCHES) for t in range(BATCHES * EPOCHS)]


def test_lightning_reports_the_metric_of_an_epoch():
    plateau = lrs.Plateau(0.5, 0)
    mine = module(
        lambda o: PlateauScheduler(o, plateau, lr=0.1), interval="epoch", monitor="loss", reduce_on_plateau=True
    )
    trainer().fit(mine, loader())
    assert [lr for lr, _ in mine.seen] == [0.1] * (2 * BATCHES) + [0.05] * BATCHES


def test_lightning_resumes(tmp_path):
    whole = module(lambda o: Scheduler(o, lr=LR), interval="step")
    trainer().fit(whole, loader())
    first = module(lambda o: Scheduler(o, lr=LR), interval="step")
    begun = trainer(max_epochs=1, enable_checkpointing=True, default_root_dir=tmp_path)
    begun.fit(first, loader())
    begun.save_checkpoint(tmp_path / "run.ckpt")
    second = module(lambda o: Scheduler(o, lr=LR), interval="step")
    trainer().fit(second, loader(), ckpt_path=tmp_path / "run.ckpt", weights_only=True)
    assert first.seen + second.seen == whole.seen
    assert all(torch.equal(a, b) for a, b in zip(second.parameters(), whole.parameters(), strict=True))


# ---- Accelerate


def accelerated(accelerator, accumulate=1):
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    scheduler, seen = Scheduler(optimizer, lr=LR), watch(optimizer)
    net, optimizer, data, prepared = accelerator.prepare(net, optimizer, loader(), scheduler)
    for _ in range(EPOCHS):
        for x, y in data:
            with accelerator.accumulate(net):
                accelerator.backward((net(x) - y).square().mean())
                optimizer.step()
                if accelerator.step_scheduler_with_optimizer or accelerator.sync_gradients:
                    prepared.step()
                optimizer.zero_grad()
    return scheduler, prepared, seen, [p.tolist() for p in net.parameters()]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_accelerate_prepares_it(accumulate):
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=accumulate)
    scheduler, prepared, seen, _ = accelerated(accelerator)
    updates = BATCHES * EPOCHS // accumulate
    assert prepared.scheduler is scheduler
    assert seen == values(LR, steps=updates)
    assert prepared.get_last_lr() == [LR(updates)]
    state = prepared.state_dict()
    assert state["last_epoch"] == updates


def test_a_scheduler_of_a_prepared_optimizer():
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    net = model()
    prepared = accelerate.Accelerator(cpu=True).prepare(torch.optim.SGD(net.parameters(), lr=1.0))
    scheduler = Scheduler(prepared, lr=LR)
    scheduler.step(count=7)
    state = prepared.state_dict()
    state["param_groups"][0]["lr"] = 5.0
    prepared.load_state_dict(state)
    assert prepared.param_groups[0]["lr"] == LR(7)
    prepared.add_param_group({"params": model().parameters(), "lr": 5.0})
    prepared.step()
    assert scheduler.get_last_lr() == [LR(7)] * 2


def test_accelerate_saves_and_restores(tmp_path):
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    accelerator = accelerate.Accelerator(cpu=True)
    scheduler, _, _, params = accelerated(accelerator)
    accelerator.save_state(tmp_path / "run")
    scheduler.step(count=5)
    accelerator.load_state(tmp_path / "run")
    assert scheduler.last_epoch == BATCHES * EPOCHS
    assert scheduler.get_last_lr() == [LR(BATCHES * EPOCHS)]
    assert params


# ---- Transformers


def test_transformers_trainer(tmp_path):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model()

        def forward(self, x, labels):
            return {"loss": (self.inner(x) - labels).square().mean()}

    data = [{"x": x, "labels": y} for x, y in rows()]

    def run(steps, resume=None):
        net = Net()
        optimizer = torch.optim.AdamW(net.parameters(), lr=1.0)
        scheduler, seen = Scheduler(optimizer, lr=LR, beta1=0.9 - LR), watch(optimizer)
        given = transformers.TrainingArguments(
            output_dir=str(tmp_path), max_steps=steps, per_device_train_batch_size=2, gradient_accumulation_steps=2,
            use_cpu=True, report_to=[], save_steps=5, logging_steps=1, disable_tqdm=True, seed=1,
        )  # fmt: skip
        it = transformers.Trainer(net, given, train_dataset=data, optimizers=(optimizer, scheduler))
        it.train(resume_from_checkpoint=resume)
        logged = [row["learning_rate"] for row in it.state.log_history if "learning_rate" in row]
        return seen, logged, scheduler, [p.tolist() for p in net.parameters()]

    seen, logged, scheduler, params = run(14)
    assert seen == values(LR, steps=14)
    assert len(logged) == 14 and set(logged) <= {LR(t) for t in range(15)}
    assert scheduler.last_epoch == 14
    again, _, resumed, same = run(14, str(tmp_path / "checkpoint-5"))
    assert again == values(LR, start=5, steps=14)
    assert resumed.last_epoch == 14
    assert same == params


# ---- several processes


def _trained(rank, world, how, address, queue):
    torch.set_num_threads(1)
    if how == "accelerate":
        import accelerate

        os.environ.update({"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), **address})
        accelerator = accelerate.Accelerator(cpu=True, step_scheduler_with_optimizer=False)
        assert accelerator.num_processes == world
        scheduler, _, seen, params = accelerated(accelerator)
    else:
        torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=world)
        net = torch.nn.parallel.DistributedDataParallel(model())
        optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
        scheduler, seen = Scheduler(optimizer, lr=LR), watch(optimizer)
        sampler = torch.utils.data.DistributedSampler(rows(), world, rank, shuffle=False)
        data = torch.utils.data.DataLoader(rows(), batch_size=4 // world, sampler=sampler)
        for _ in range(EPOCHS):
            for i, (x, y) in enumerate(data):
                optimizer.zero_grad()
                (net(x) - y).square().mean().backward()
                optimizer.step()
                scheduler.step()
                if i == 2:
                    state = scheduler.state_dict()
                    scheduler = Scheduler(optimizer, lr=LR)
                    scheduler.load_state_dict(state)
        params = [p.tolist() for p in net.parameters()]
    queue.put((rank, scheduler.last_epoch, seen, params))
    torch.distributed.destroy_process_group()


def _free():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize("how", ["DDP", "accelerate"])
def test_two_processes_count_updates(how, tmp_path):
    if how == "accelerate":
        pytest.importorskip("accelerate", reason="accelerate is not installed")
    context = torch.multiprocessing.get_context("spawn")
    queue = context.Queue()
    address = f"file://{tmp_path}/store" if how == "DDP" else {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free())}
    processes = [context.Process(target=_trained, args=(rank, 2, how, address, queue)) for rank in range(2)]
    for process in processes:
        process.start()
    found = sorted(queue.get(timeout=240) for _ in processes)
    for process in processes:
        process.join()
    (_, steps, seen, params), other = found
    assert other[1:] == (steps, seen, params)
    assert steps == (BATCHES * EPOCHS if how == "DDP" else BATCHES * EPOCHS // 2)
    assert seen == values(LR, steps=steps)
