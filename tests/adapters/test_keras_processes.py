"""A plateau rule in two processes that train together: one decision, or an error in both."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import lrsched as lrs

pytest.importorskip("keras")

ROOT = Path(__file__).resolve().parent.parent.parent
RULE = lrs.Plateau(0.5, 1, cooldown=1)
SERIES = [[2.0, 3.0, 1.0, 1.0, 4.0, 1.5, 1.5, 1.0], [2.0, 2.5, 1.5, 0.5, 1.0, 1.0, 1.25, 1.25]]

PROGRAM = """
import json, os, sys
rank, port, tests = int(sys.argv[1]), sys.argv[2], sys.argv[3]
sys.path.insert(0, tests)
if os.environ["KERAS_BACKEND"] == "jax":
    import jax
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=rank)
else:
    import torch.distributed
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
import keras
from keras_models import Watch, data, line
import lrsched as lrs
from lrsched_keras import PlateauCallback
RULE = lrs.Plateau(0.5, 1, cooldown=1)

class Report(keras.callbacks.Callback):
    def __init__(self, series):
        super().__init__()
        self.series = series
    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.series[epoch]

def run(ranks, series):
    model, watch = line(keras.optimizers.SGD(0.5)), Watch()
    try:
        callbacks = [Report(series), PlateauCallback(RULE, ranks=ranks), watch]
        watch.on_train_batch_end = lambda *_, **__: None
        model.fit(*data(1), epochs=len(series), verbose=0, callbacks=callbacks)
        return watch.epochs
    except lrs.ScheduleError as error:
        return str(error)

series = json.loads(sys.argv[4])
mine = series[rank]
print(json.dumps([run("mean", mine), run("same", series[0]), run("alone", mine), run("same", mine)]), flush=True)
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.heavy
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_two_processes_take_one_decision_or_say_that_their_metrics_differ(backend):
    pytest.importorskip(backend)
    path = os.pathsep.join([str(ROOT), str(ROOT / "adapters"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "KERAS_BACKEND": backend}
    rest = [str(free_port()), str(Path(__file__).parent), json.dumps(SERIES)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(rank), *rest],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )
        for rank in range(2)
    ]  # fmt: skip
    ends = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], [end[1][-3000:] for end in ends]
    found = [json.loads(out.splitlines()[-1]) for out, _ in ends]

    def rates(series):
        return [0.5 * scale for scale in [1.0, *RULE.replay(series)[:-1]]]

    mean = [sum(pair) / 2 for pair in zip(*SERIES, strict=True)]
    for rank in range(2):
        together, same, alone, differing = found[rank]
        assert together == rates(mean) and same == rates(SERIES[0]) and alone == rates(SERIES[rank])
        assert differing.startswith("agreed: metrics differ: 3.0 on rank 0, 2.5 on rank 1"), differing
    assert rates(SERIES[0]) != rates(SERIES[1]) and len({*rates(mean)}) > 1
