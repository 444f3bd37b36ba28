"""The command: its arguments, what it says when something is missing, and the demo as it really runs."""

import io
import math
import sys

import numpy as np
import pytest

from lrsched import cli
from lrsched.cli.main import _parser


def demo_module():
    for name in ("jax", "optax", "sklearn", "rich"):
        pytest.importorskip(name)
    from lrsched.cli import demo

    return demo


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demmo"], "lrsched: unknown command 'demmo'; did you mean 'demo'? (lrsched --help has examples)"),
        (["xyz"], "unknown command 'xyz'; there are: show, plot, "),
        (["check", "rex().over(5)", "--steps", "1.5e0"], "lrsched check: argument --steps: must be an integer >= 1"),
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
    out, err = capsys.readouterr()
    assert (stopped.value.code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_the_command_alone_prints_its_help(capsys):
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: lrsched") and max(map(len, out.splitlines())) <= 80


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
    assert (out, err) == (
        "",
        f'lrsched: {missing} is missing: install this package with its extra, as in pip install -e ".[demo]"\n',
    )


def test_the_extra_that_is_named_has_what_is_missing(monkeypatch, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "a.yaml").write_text("lr: rex().over(5)\n")
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert cli.main(["plot", str(tmp_path / "a.yaml"), "-o", str(tmp_path / "a.png")]) == 1
    assert "yaml is missing" in (said := capsys.readouterr().err) and '".[cli]"' in said


def test_a_broken_installation_is_not_called_a_missing_extra(monkeypatch):
    demo = sys.modules.get("lrsched.cli.demo") or __import__("lrsched.cli.demo").demo

    def run(**_):
        raise ModuleNotFoundError("No module named 'lrsched.gone'", name="lrsched.gone")

    monkeypatch.setattr(demo, "run", run)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["demo"])


def test_batches_are_whole_shuffled_epochs():
    from lrsched.cli import demo

    size, steps = 3 * demo.BATCH + 5, 8
    picked = demo.batches(size, steps, seed=3)
    assert picked.shape == (steps, demo.BATCH)
    for epoch in (picked[:3], picked[3:6]):
        assert len(np.unique(epoch)) == 3 * demo.BATCH
    assert not np.array_equal(picked[:3], picked[3:6])
    assert np.array_equal(picked, demo.batches(size, steps, seed=3))
    assert not np.array_equal(picked, demo.batches(size, steps, seed=4))


def test_the_four_schedules_are_what_they_say():
    from lrsched.cli import demo

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
    for said in (
        "worst..best",
        "of 5 networks",
        "warm-up + cosine",
        "REX, per iteration",
        "one-cycle",
        "t = 20",
        "%",
        "cosine()",
    ):
        assert said in printed
    from matplotlib.image import imread

    pixels = imread(io.BytesIO(picture.read_bytes()))
    assert pixels.shape == (600, 1500, 4)
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 50


# ---- the subcommands about expressions

LR = "3e-4 * (warmup(500) >> cosine().over(9_500))"
WRONG = "3e-4 * warmup(500) >> cosine().over(9_500)"


def ran(capsys, *arguments, given=None, monkeypatch=None):
    """Exit status, standard output and standard error of a command."""
    if given is not None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    status = cli.main(list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


def test_show_has_curve_description_and_findings(capsys):
    pytest.importorskip("rich")
    status, out, err = ran(capsys, "show", LR)
    assert (status, err) == (0, "")
    for said in (
        "0.0003 * (warmup(500) >> cosine().over(9500))",
        "┤",
        "500..9,999",
        "peak   0.0003 at step 500",
        "note at step 0",
    ):
        assert said in out
    dots = [line for line in out.splitlines() if "┤" in line]
    assert len(dots) == 13 and all(any(0x2800 < ord(c) < 0x2900 for c in line) for line in dots)
    assert max(len(line) for line in out.splitlines() if not line.startswith("note at")) <= 100


def test_show_counts_the_cycles_that_it_leaves_out(capsys):
    pytest.importorskip("rich")
    assert "and 1,999,989 more cycles" in ran(capsys, "show", "linear().over(10).restarted(times=2_000_000)")[1]


def test_the_curve_goes_where_the_schedule_goes():
    from lrsched import linear
    from lrsched.display.terminal import curve

    lines = [line.partition("┤")[2] for line in curve(linear().over(400), 400, width=20, height=5)[:5]]
    assert all(line == line.rstrip() for line in lines)
    ink = [[c != " " for c in line.ljust(20)] for line in lines]
    assert all(sum(column) in (1, 2) for column in zip(*ink, strict=True))
    first = [next(i for i, row in enumerate(ink) if row[x]) for x in range(20)]
    assert first == sorted(first) and first[0] == 0 and ink[4][19]


@pytest.mark.parametrize(
    ("expression", "more", "status", "said"),
    [
        (LR, [], 0, "note at step 0"),
        (LR, ["--steps", "10000"], 0, "note at step 0"),
        ("rex().over(100)", [], 0, "no findings"),
        (WRONG, [], 1, "error at step 500: The warm-up jumps at its joint"),
        (LR, ["--steps", "400"], 1, "error at step 0: The warm-up lasts until step 500"),
        (LR, ["--steps", "8000"], 0, "warning at step 7,999: The run ends after 8,000"),
        (LR, ["--limit", "1e-4"], 1, "above the limit of 0.0001"),
        (
            "warmup(5) >> linear().over(85)",
            ["--steps", "35190", "--steps-per-epoch", "391"],
            1,
            "seems to count epochs",
        ),
    ],
)
def test_check_fails_on_errors_alone(expression, more, status, said, capsys):
    found, out, err = ran(capsys, "check", expression, *more)
    assert (found, err) == (status, "") and said in out


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("3e-4 * cosin().over(9)", "unknown name 'cosin'; did you mean 'cosine'?", 7),
        ("cosine().ovr(9)", "unknown name 'ovr'; did you mean 'over'?", 9),
        ("warmup(-5)", "warmup: steps must be an integer >= 0, got -5", 7),
        ("warmup(5, end=True)", "warmup: end must be", 10),
        ("cosine().over(9, ned=0.1)", "over has no argument 'ned'; did you mean 'end'?", 17),
        ("OneCycle(0.1, 100)", "unknown name 'OneCycle'; did you mean 'one_cycle'?", 0),
        ("StepLR(0.1, 30)", "unknown name 'StepLR'; lrs.presets.torch.StepLR, called in Python, prints as", 0),
        ("(warmup(5 >> rex().over(4))", "'>>' joins schedules, not a number; is a ')' missing before it?", 10),
        ("warmup(5) >> rex()", "'>>' joins schedules, not a profile, a shape without steps", 10),
        ("warmup(5", "expected ')', found the end of the text", 8),
        ("0.1 +", "expected an expression, found the end of the text", 5),
    ],
)
def test_a_mistake_is_one_line_with_a_caret_under_it(text, message, column, capsys):
    status, out, err = ran(capsys, "check", text, "--steps", "10")
    first, shown, caret = err.splitlines()
    assert (status, out) == (2, "")
    assert first.startswith(f"lrsched: {message}") and shown == f"  {text}" and caret == "  " + " " * column + "^"


def test_a_mistake_far_into_a_long_text_is_shown_in_a_window(capsys):
    text = "0.1 * (" + " >> ".join(["linear().over(100)"] * 50) + " >> linar().over(5))"
    _, _, err = ran(capsys, "check", text)
    _, shown, caret = err.splitlines()
    assert len(shown) <= 102 and shown[caret.index("^") :].startswith("linar")


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("a.txt", LR + "\n", None),
        ("a.json", f'"{LR}"', None),
        ("a.json", f'{{"train": {{"lr": "{LR}", "steps": 3}}}}', "train.lr"),
        ("a.toml", f"[train]\nlr = '{LR}'\nsteps = 10\n", "train.lr"),
        ("a.toml", f"lr = '{LR}'\n", None),
        ("a.yaml", f"train:\n  lr: {LR}\n  steps: 3\n", "train.lr"),
        ("a.yml", f"lr: {LR}\n", None),
    ],
)
def test_expressions_are_read_from_files(name, text, key, tmp_path, capsys):
    if name.endswith(("yaml", "yml")):
        pytest.importorskip("yaml")
    file = tmp_path / name
    file.write_text(text)
    more = ["--key", key] if key else []
    assert ran(capsys, "convert", str(file), "--to", "expression", *more)[:2] == (
        0,
        "0.0003 * (warmup(500) >> cosine().over(9500))\n",
    )


def test_convert_goes_both_ways_through_files_and_standard_input(tmp_path, capsys, monkeypatch):
    import lrsched as lrs

    status, written, _ = ran(capsys, "convert", LR)
    assert status == 0 and lrs.from_json(written) == lrs.parse(LR)
    (tmp_path / "lr.json").write_text(written)
    assert ran(capsys, "convert", str(tmp_path / "lr.json"))[1] == f"{lrs.parse(LR)!r}\n"
    assert ran(capsys, "convert", given=written, monkeypatch=monkeypatch)[1] == f"{lrs.parse(LR)!r}\n"
    assert ran(capsys, "convert", "-", given=LR, monkeypatch=monkeypatch)[1] == written


@pytest.mark.parametrize(
    ("name", "text", "key", "said"),
    [
        ("a.json", "{", None, "a.json: this is no JSON"),
        ("a.toml", "x = ", None, "a.toml: this is no TOML"),
        ("a.toml", "a = 1\nb = 2\n", None, "say which entry with --key; there are: a, b"),
        ("a.toml", "a = 1\nb = 2\n", "c", "there is no entry 'c'; there are: a, b"),
        ("a.toml", "a = true\nb = 2\n", "a", "a.toml, a: expected an expression or the JSON of one, got 'True'"),
        ("a.toml", "x = {a = 1, b = 2}\n", None, "say which entry with --key; there are: x.a, x.b"),
        ("a.cfg", "rex().over(5)", None, "a.cfg: the name of a file must end in .json, .yaml"),
        ("a.json", '{"kind": "warmap", "steps": 5}', None, "did you mean 'warmup'?"),
    ],
)
def test_wrong_files_are_named(name, text, key, said, tmp_path, capsys):
    (tmp_path / name).write_text(text)
    status, out, err = ran(capsys, "check", str(tmp_path / name), *(["--key", key] if key else []))
    assert (status, out, err.count("\n")) == (2, "", 1) and said in err


def test_a_missing_file_a_profile_and_an_endless_run_are_named(capsys):
    assert ran(capsys, "check", "nowhere.json") == (2, "", "lrsched: nowhere.json: no such file or directory\n")
    assert "rex() is a profile" in ran(capsys, "check", "rex()")[2]
    assert "say how long the run is with --steps N" in ran(capsys, "check", "inverse_sqrt(10)")[2]


def test_sample_writes_every_rate_exactly(capsys):
    import json

    import lrsched as lrs

    values = lrs.parse(LR).sample(700).tolist()
    _, out, _ = ran(capsys, "sample", LR, "--steps", "700")
    assert out.splitlines()[0] == "step,value"
    assert [float(line.split(",")[1]) for line in out.splitlines()[1:]] == values
    assert json.loads(ran(capsys, "sample", LR, "--steps", "700", "--format", "json")[1]) == values


def test_source_runs_alone(capsys):
    import lrsched as lrs

    _, out, _ = ran(capsys, "source", LR)
    space = {}
    exec(out, space)
    assert "lrsched" not in out and [space["schedule"](t) for t in (0, 499, 5_000)] == [
        lrs.parse(LR)(t) for t in (0, 499, 5_000)
    ]
    assert "double schedule(int64_t t)" in ran(capsys, "source", LR, "--language", "c")[1]


def test_recipes_are_listed_searched_and_explained(capsys):
    from lrsched import recipes

    listed = [line.split()[0] for line in ran(capsys, "recipes")[1].splitlines() if not line.startswith(" ")]
    assert listed == sorted(recipes.__all__)
    assert ran(capsys, "recipes", "Restarts", "warm") == ran(capsys, "recipes", "Restarts warm")
    found = ran(capsys, "recipes", "Restarts warm")[1]
    assert "sgdr " in found and "one_cycle" not in found
    assert ran(capsys, "recipes", "one_cycle")[1].startswith("one_cycle(peak, steps, rise=0.3,")
    told = "    recipes.sgdr(0.1, first=100) gives\n    0.1 * cosine().over(100).restarted(t_mult=2.0)\n"
    assert ran(capsys, "recipes", "sgdr")[1].endswith(told)
    assert ran(capsys, "recipes", "zzz") == (
        2,
        "",
        "lrsched: no recipe speaks of 'zzz'; lrsched recipes lists them all\n",
    )
    assert "did you mean 'one_cycle'?" in ran(capsys, "recipes", "oncycle")[2]
    assert "``" not in ran(capsys, "recipes", "one_cycle")[1]


def test_standard_input_may_be_a_configuration(capsys, monkeypatch):
    pytest.importorskip("yaml")
    for text in (f"train:\n  lr: {LR}\n  steps: 3\n", f"[train]\nlr = '{LR}'\n", f'{{"train": {{"lr": "{LR}"}}}}'):
        status, out, _ = ran(
            capsys, "convert", "--key", "train.lr", "--to", "expression", given=text, monkeypatch=monkeypatch
        )
        assert (status, out) == (0, "0.0003 * (warmup(500) >> cosine().over(9500))\n")
        assert "no entry 'train.x'" in ran(capsys, "check", "--key", "train.x", given=text, monkeypatch=monkeypatch)[2]
    assert "standard input is none" in ran(capsys, "check", "--key", "a", given="[1", monkeypatch=monkeypatch)[2]


def test_rates_that_sample_writes_are_identified(tmp_path, capsys, monkeypatch):
    _, table, _ = ran(capsys, "sample", LR)
    (tmp_path / "rates.csv").write_text(table)
    for given in (None, table):
        status, out, err = ran(
            capsys, "identify", *([] if given else [str(tmp_path / "rates.csv")]), given=given, monkeypatch=monkeypatch
        )
        assert (status, err, out.splitlines()[0]) == (0, "", "0.0003 * (warmup(500) >> cosine().over(9500))")
    status, out, _ = ran(capsys, "identify", given="3\n1\n2\n5\n4\n7\n", monkeypatch=monkeypatch)
    assert (status, out) == (1, "no expression that makes these rates\n")


def test_diff_says_where_two_schedules_differ(capsys):
    status, out, _ = ran(
        capsys, "diff", "hold(5) >> hold(5, 0.5)", "hold(5) >> hold(2, 0.5) >> hold(2) >> hold(1, 0.5)"
    )
    assert status == 1 and "they differ at 2 of 10 steps, in 7..8" in out and "A 0.5" in out
    status, out, _ = ran(capsys, "diff", "rex(0.5).over(10)", "linear().bent(0.5).over(10)")
    assert (status, out.splitlines()[-1]) == (0, "the same value at all 10 steps")
    assert "(the same expression)" in ran(capsys, "diff", LR, LR)[1]


def test_plot_writes_a_picture_of_several_schedules(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture, file = tmp_path / "rates.png", tmp_path / "lr.toml"
    file.write_text("[train]\nlr = '1e-4 * rex().over(10_000)'\nsteps = 5\n")
    told = f"picture written to {picture}\n"
    assert ran(capsys, "plot", LR, str(file), "--key", "train.lr", "-o", str(picture)) == (0, told, "")
    from matplotlib.image import imread

    pixels = imread(io.BytesIO(picture.read_bytes()))
    assert pixels.shape[2] == 4 and len(np.unique(pixels.reshape(-1, 4), axis=0)) > 50


@pytest.mark.parametrize(
    "command",
    ["show", "plot", "compare", "sample", "check", "convert", "source", "identify", "recipes", "diff", "demo"],
)
def test_every_help_has_examples_that_parse(command, capsys):
    import shlex

    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    out = capsys.readouterr().out
    examples = [line.strip() for line in out.partition("examples:")[2].splitlines() if line.strip()]
    assert stopped.value.code == 0 and examples
    for example in examples:
        words = shlex.split(example.partition(" > ")[0].partition("| ")[2] or example.partition(" > ")[0])
        assert words[0] == "lrsched"
        _parser().parse_args([w for w in words[1:] if w != "demo.png"] if "--plot" not in words else words[1:])
