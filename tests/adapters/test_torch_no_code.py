"""A state of PyTorch's is data: nothing in it becomes code."""

import builtins
import json

import pytest

import lrsched as lrs
from hostile import NAMES, data

torch = pytest.importorskip("torch")
from lrsched_torch import Scheduler  # noqa: E402


def test_states_with_hostile_names_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameter = torch.nn.Parameter(torch.zeros(1))
    scheduler = Scheduler(torch.optim.SGD([parameter], lr=0.1), lr=lrs.constant(0.1))
    state = scheduler.state_dict()
    before = {"rows": [0], "initial": [], "format": 1, "history": []}  # as the format before held it
    text = json.dumps({key: json.loads(state[key]) if key == "schedules" else state[key] for key in state})
    plain = json.dumps({k: v for k, v in lrs.constant(0.1).to_dict().items() if k != "format"})
    assert '"kind": "constant"' in text
    for name in NAMES[::40]:
        found = _replace(json.loads(text), {k: v for k, v in data(name).items() if k != "format"})
        assert found, plain
        old = {**{key: found[key] for key in ("last_epoch", "relative", "schedules")}, **before}
        for state in ({**found, "schedules": json.dumps(found["schedules"])}, old):
            with pytest.raises(lrs.ScheduleError, match="schedules"):
                scheduler.load_state_dict(state)
        scheduler.step()
    assert not hasattr(builtins, "lrsched_broken_into") and not list(tmp_path.iterdir())


def _replace(value, new):
    if isinstance(value, dict):
        if value.get("kind") == "constant":
            return {**({"format": value["format"]} if "format" in value else {}), **new}
        return {key: _replace(inner, new) for key, inner in value.items()}
    return [_replace(inner, new) for inner in value] if isinstance(value, list) else value
