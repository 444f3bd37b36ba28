"""The command: its arguments, what it says when something is missing, and the demo as it really runs."""

import io
import math
import sys

import numpy as np
import pytest

from lrsched import cli


def demo_module():
    for name in ("jax", "optax", "sklearn", "rich"):
        pytest.importorskip(name)
    from lrsched import demo

    return demo


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: COMMAND"),
        (["demmo"], "invalid choice: 'demmo'"),
        (["demo", "--steps", "19"], "--steps: must be an integer >= 20, got 19"),
        (["demo", "--steps", "many"], "--steps: must be an integer >= 20, got many"),
        (["demo", "--seed", "-1"], "--seed: must be an integer >= 0, got -1"),
        (["demo", "--plot", "rates.xyz"], "--plot: must end in .png, .svg, .pdf, got rates.xyz"),
        (["demo", "--plot", "no/such/folder/rates.png"], "--plot: the folder no/such/folder does not exist"),
    ],
)
def test_wrong_arguments_are_named(arguments, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["jax", "optax", "sklearn", "rich"])
def test_a_missing_package_is_one_line_with_the_extra(missing, monkeypatch, capsys):
    for name in ("jax", "optax", "sklearn", "rich"):
        if name != missing:
            monkeypatch.setitem(sys.modules, name, type(sys)(name))
    if missing == "rich":
        monkeypatch.delitem(sys.modules, "rich.console", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    assert cli.main(["demo"]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f'lrsched: {missing} is missing: pip install "lrsched-algebra[demo]"\n')


def test_a_broken_installation_is_not_called_a_missing_extra(monkeypatch):
    demo = sys.modules.get("lrsched.demo") or __import__("lrsched.demo").demo

    def run(**_):
        raise ModuleNotFoundError("No module named 'lrsched.gone'", name="lrsched.gone")

    monkeypatch.setattr(demo, "run", run)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["demo"])


def test_batches_are_whole_shuffled_epochs():
    from lrsched import demo

    size, steps = 3 * demo.BATCH + 5, 8
    picked = demo.batches(size, steps, seed=3)
    assert picked.shape == (steps, demo.BATCH)
    for epoch in (picked[:3], picked[3:6]):
        assert len(np.unique(epoch)) == 3 * demo.BATCH
    assert not np.array_equal(picked[:3], picked[3:6])
    assert np.array_equal(picked, demo.batches(size, steps, seed=3))
    assert not np.array_equal(picked, demo.batches(size, steps, seed=4))


def test_the_four_schedules_are_what_they_say():
    from lrsched import demo

    rates = {name: schedule.sample(200) for name, schedule in demo.schedules(200, peak=0.5).items()}
    t = np.arange(200)
    cosine = 0.25 * (1 + np.cos(math.pi * (t - 20) / 180))
    np.testing.assert_allclose(rates["constant"], np.full(200, 0.5), rtol=0)
    np.testing.assert_allclose(rates["warm-up + cosine"], np.where(t < 20, t / 40, cosine), rtol=1e-12, atol=1e-17)
    np.testing.assert_allclose(rates["REX, per iteration"], 0.5 * (1 - t / 200) / (1 - t / 400), rtol=1e-12)
    assert rates["one-cycle"].argmax() == 60
    assert rates["one-cycle"][0] == pytest.approx(0.5 / 25)
    assert rates["one-cycle"].max() == 0.5


def test_training_learns_follows_the_schedule_and_repeats():
    demo = demo_module()
    import lrsched as lrs

    data, steps = demo.load(seed=1), 120
    assert not set(map(bytes, data.images)) >= set(map(bytes, data.held_out_images))
    ticks = []
    first = demo.train(lrs.constant(0.2), data, steps, 1, lambda: ticks.append(1))
    again = demo.train(lrs.constant(0.2), data, steps, 1, lambda: None)
    frozen = demo.train(lrs.constant(0.0), data, steps, 1, lambda: None)
    stopped = demo.train(lrs.hold(60, 0.2) >> lrs.constant(0.0), data, steps, 1, lambda: None)
    assert len(ticks) == steps == len(first.losses)
    assert first.accuracy > 0.9 > 0.3 > frozen.accuracy
    assert np.array_equal(first.losses, again.losses)
    np.testing.assert_array_equal(stopped.losses[:60], first.losses[:60])
    assert stopped.accuracy != frozen.accuracy


def test_demo_prints_the_table_and_writes_the_picture(tmp_path, capsys):
    demo_module()
    pytest.importorskip("matplotlib")
    picture = tmp_path / "demo.png"
    assert cli.main(["demo", "--steps", "40", "--seed", "5", "--plot", str(picture)]) == 0
    printed = capsys.readouterr().out
    for said in ("Held-out accuracy", "warm-up + cosine", "REX, per iteration", "one-cycle", "t = 20", "%", "cosine()"):
        assert said in printed
    from matplotlib.image import imread

    pixels = imread(io.BytesIO(picture.read_bytes()))
    assert pixels.shape == (600, 1500, 4)
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 50
