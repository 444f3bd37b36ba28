"""`lrsched compare`: from a tuned run to the peak of another one, in one command."""

from __future__ import annotations

import json

import pytest

from lrsched import cli

WSD = "plan(60k, warmup(500), flat(), (0.2, linear()))"
COSINE = "plan(20k, warmup(500), cosine())"


def ran(capsys, *arguments):
    try:
        status = cli.main(["compare", *arguments])
    except SystemExit as stopped:
        status = stopped.code
    return status, *capsys.readouterr()


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.mark.parametrize("tuned", [[f"3e-4 * {COSINE}"], [COSINE, "--peak", "3e-4", "--tuned-steps", "20k"]])
def test_the_peak_of_a_longer_run_of_another_shape(capsys, tuned):
    status, out, err = ran(capsys, WSD, "--steps", "60k", "--tuned", *tuned)
    assert (status, err) == (0, "")
    row = next(line for line in out.splitlines() if line.startswith(" 1 "))
    assert row.split() == ["1", "53,750", "2.163", "1.15e-4", "9.2e-5", "1.4e-4"]
    text = " ".join(out.split())
    for said in ("0.534 for the shape and 0.719 for the length", "0.000115 * (warmup(500)", "T**-.5", "124M runs"):
        assert said in text
    for why in ("the total is 90% of the updates here, 50% in the tuned run", "here by (20,000 / 60,000)**0.3"):
        assert why in text
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize(("width", "tables"), [(40, 3), (80, 2), (100, 1)])
def test_a_table_in_a_narrow_terminal_goes_on_below(capsys, monkeypatch, width, tables):
    shapes = "linear().over(10k)", "rex().over(10k)"
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = ran(capsys, *shapes, "--weight-decay", "1e-9", "--tuned", COSINE)
    shown = out[: out.index("notes:")].splitlines()
    rows = [[cell for line in shown if line.startswith(f" {i} ") for cell in line.split()[1:]] for i in (1, 2)]
    assert rows[0][:4] == ["5,000", "2.000", "best", "1.00"] and rows[1][:4] == ["6,138", "2.017", "tie", "0.81"]
    assert [len(row) for row in rows] == [10, 10] and rows[0][-2:] == ["1.000", "frozen-init"]
    assert sum(line.startswith(" 1 ") for line in shown) == tables
    assert max(map(len, out.splitlines())) <= width
    monkeypatch.delenv("COLUMNS")
    whole = ran(capsys, *shapes, "--weight-decay", "0.1", "--law", "mpl-100m", "--tuned", COSINE)[1]
    assert sum(line.startswith(" 1 ") for line in whole.splitlines()) == 1, "one line a row in a pipe"


def test_the_numbers_as_json_and_as_a_picture(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "compared.png"
    status, out, err = ran(capsys, "1e-4 * linear().over(100)", "rex().over(100)", "--json", "-o", str(picture))
    data = json.loads(out)
    assert (status, err, data["steps"], [row["rank"] for row in data["rows"]]) == (0, "", 100, ["best", "tie"])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"picture written to {picture}" in ran(capsys, "rex().over(100)", "-o", str(picture))[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["rex()"], "is a profile"), (["wramup(5)"], "did you mean 'warmup'"), (["constant(1)"], "steps must be given"),
     ([WSD, "--peak", "1"], "--peak belongs to --tuned"), ([WSD, "--tuned-steps", "5"], "--tuned-steps belongs to --tuned"),
     ([WSD, "--tuned", "rex()"], "is a profile"), ([WSD, "--tuned", COSINE, "--peak", "0"], "must be a peak > 0"),
     ([WSD, "--tuned", "constant(1)"], "--tuned-steps must be given"), (["rex().over(5)", "--weight-decay", "2"], "below 1"),
     ([WSD, "--steps", "0"], "--steps: must be an integer >= 1"), (["constant(0)", "--steps", "5"], "one is > 0"),
     (["rex().over(5)", "-o", "picture.gif"], "must end in .png"), ([], "the following arguments are required"),
     (["rex().over(5)", "--weight-decay", "nan"], "must be a finite number"), ([WSD, "--steps", "1e12"], "at most 134,217,728")],
)  # fmt: skip
def test_a_mistake_is_told_with_status_2(capsys, arguments, told):
    status, out, err = ran(capsys, *arguments)
    assert (status, out) == (2, "") and told in err
