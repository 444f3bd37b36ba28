"""Text and data wherever a schedule goes, and the numbers of the run in texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrsched as lrs
from strategies import expressions

torch = pytest.importorskip("torch")

from lrsched_torch import PlateauScheduler, Scheduler, from_text, param_groups  # noqa: E402

LR = 0.1 * (lrs.warmup(4) >> lrs.cosine().over(16))


def make(*names):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "name": n} for n in names or ("a",)]
    return torch.optim.SGD(groups, lr=1.0, momentum=0.9)


WAYS = {"text": repr, "data": lambda s: s.to_dict(), "data without a format": lambda s: {**s.to_dict(), "format": 1}}


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=30)
@given(st.data())
def test_a_schedule_may_be_text_or_data(way, data):
    s = data.draw(expressions("Schedule", depth=3, big=False))
    given_ = WAYS[way](s)
    optimizer = make("a", "b")
    assert Scheduler(optimizer, lr=given_).schedules == {"lr": s}
    assert Scheduler(optimizer, lr=[given_, None]).schedules == {"lr": [s, None]}
    assert Scheduler(optimizer, lr={"b": given_}).schedules == {"lr": {"b": s}}
    assert PlateauScheduler(optimizer, lrs.Plateau(), lr=given_).schedules == {"lr": s}
    assert from_text(optimizer, given_).schedules == {"lr": s}
    scheduler = Scheduler(optimizer, momentum=given_)
    scheduler.replace(lr=given_, momentum=None)
    assert scheduler.schedules == {"lr": s}


def test_the_text_of_a_number_is_that_constant():
    assert Scheduler(make(), lr="3e-4").get_last_lr() == [3e-4]
    assert from_text(make(), "3e-4").get_last_lr() == [3e-4]


CALLS = {
    "Scheduler: lr": lambda text: Scheduler(make(), lr=text),
    "Scheduler: momentum": lambda text: Scheduler(make(), momentum={"a": text}),
    "Scheduler.replace: lr": lambda text: Scheduler(make(), lr=LR).replace(lr=[text]),
    "PlateauScheduler: lr": lambda text: PlateauScheduler(make(), lrs.Plateau(), lr=text),
    "param_groups: lr": lambda text: param_groups(torch.nn.Linear(1, 1), lr={"*": text}),
    "from_text: text": lambda text: from_text(make(), text),
}


@pytest.mark.parametrize("where", CALLS)
def test_a_mistake_has_a_caret_and_names_the_argument(where):
    with pytest.raises(lrs.ScheduleError) as caught:
        CALLS[where]("0.1 * wramup(4)")
    first, text, caret = str(caught.value).splitlines()
    assert first == f"{where}: unknown name 'wramup'; did you mean 'warmup'? (at column 7)"
    assert text.strip() == "0.1 * wramup(4)" and caret == " " * text.index("wramup") + "^"
    with pytest.raises(lrs.ScheduleError, match=f"{where}: .*kind must be a known kind, got 'wramup'"):
        CALLS[where]({"kind": "wramup"})


# ---- groups


def test_groups_of_texts():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    groups = param_groups(model, lr={"1.*": "0.1 * warmup(4)", "*": lrs.constant(0.5).to_dict()}, momentum="0.9")
    scheduler = Scheduler(torch.optim.SGD(groups, lr=1.0), **groups.schedules)
    scheduler.step(count=2)
    assert scheduler.get_last_lr() == [0.5, 0.05]
    assert [g["momentum"] for g in scheduler.optimizer.param_groups] == [0.9, 0.9]


def test_one_schedule_as_data_is_no_dictionary_of_patterns():
    groups = param_groups(torch.nn.Linear(2, 2), ["*"], lr=LR.to_dict())
    assert groups.schedules == {"lr": LR}


def test_texts_that_wait_for_the_run_stay_texts():
    text = "0.1 * warmup(epoch)"
    assert param_groups(torch.nn.Linear(2, 2), lr={"*": text}).schedules == {"lr": {"*": text}}
    with pytest.raises(lrs.ScheduleError, match="param_groups: lr: unknown name 'epochs'"):
        param_groups(torch.nn.Linear(2, 2), lr={"*": "0.1 * plan(total, warmup(epochs), cosine())"})


# ---- as torchtune calls it


def test_from_text_binds_the_length_of_the_run():
    text = "0.1 * plan(total, warmup(0.1 * total), cosine())"
    scheduler = from_text(make(), text, num_training_steps=50, last_epoch=9)
    assert scheduler.schedules == {"lr": lrs.parse(text, total=50)}
    assert scheduler.last_epoch == 10
    assert from_text(make(), "0.1 * warmup(5)", num_training_steps=50).schedules == {"lr": 0.1 * lrs.warmup(5)}


@pytest.mark.parametrize(
    ("text", "total", "message"),
    [
        ("0.1 * warmup(total)", None, "num_training_steps must be the updates in the run, since the text uses total"),
        ("0.1 * warmup(total)", 0, "num_training_steps must be an integer >= 1, got 0"),
        ("0.1 * warmup(total)", "9", "num_training_steps must be an integer >= 1, got '9'"),
        ("0.1 * warmup(epoch)", 9, "text: unknown name 'epoch'"),
        ("cosine()", 9, "text must be a schedule"),
        (None, 9, "text must be a schedule, a number or a text, got None"),
    ],
)
def test_mistakes_of_from_text(text, total, message):
    with pytest.raises(lrs.ScheduleError, match=f"from_text: {message}"):
        from_text(make(), text, num_training_steps=total)
