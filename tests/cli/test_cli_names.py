"""The command with names, suffixes, and configurations whose entries refer to each other."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

import lrsched as lrs
from lrsched import cli
from lrsched.cli import inputs
from lrsched.foundation.errors import ScheduleError

LR = "peak * plan(total, warmup(0.03 * total), cosine())"
MEANT = "0.0003 * (warmup(300) >> cosine().over(9700))"
SET = ("--set", "total=10k", "--set", "peak=3e-4")


def ran(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    try:
        status = cli.main([*arguments])
    except SystemExit as stopped:
        status = int(str(stopped.code))
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize("command", ["show", "sample", "check", "convert", "source"])
def test_every_command_takes_names(command: str, capsys: Any) -> None:
    if command == "show":
        pytest.importorskip("rich")
    status, out, err = ran(capsys, command, LR, *SET)
    assert (status, err) == (0, "")
    assert out == ran(capsys, command, MEANT)[1]


def test_two_expressions_share_names(capsys: Any, tmp_path: Path) -> None:
    status, out, _ = ran(capsys, "diff", LR, f"{MEANT} * scale", *SET, "--set", "scale=1")
    assert status == 0 and "the same value" in out
    pytest.importorskip("matplotlib")
    assert (
        ran(capsys, "plot", "hold(a)", "hold(b)", "-o", str(tmp_path / "a.png"), "--set", "a=3", "--set", "b=4")[0] == 0
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            (LR, "--set", "total=10k"),
            "unknown name 'peak' (numbers are given for total; the names in this text are peak, total) (at column 1)\n  peak * plan",
        ),
        (
            (LR,),
            "(a number is given by its name, as in parse(text, peak=1000); the names in this text are peak, total)",
        ),
        ((LR, *SET, "--set", "epoch=3"), "--set epoch: no such name is used; used are: peak, total"),
        (("hold(3)", "--set", "epoch=3"), "--set epoch: no such name is used; used are: none"),
        ((LR, *SET, "--set", "total=3"), "--set gives a name two numbers"),
        ((LR, "--set", "total"), "argument --set: must be NAME=NUMBER, such as total=10000, got total"),
        ((LR, "--set", "total=many"), "argument --set: must be NAME=NUMBER"),
        ((LR, "--set", "total=10K"), "argument --set: must be NAME=NUMBER"),
        ((LR, "--set", "warmup=3"), "the name of a number must be an ASCII identifier that is no name of this library"),
        ((LR, "--set", "=3"), "the name of a number must be"),
    ],
)
def test_wrong_names_are_named(arguments: tuple[str, ...], said: str, capsys: Any) -> None:
    status, out, err = ran(capsys, "check", *arguments)
    assert (status, out) == (2, "") and said in err


def test_numbers_may_end_in_a_letter(capsys: Any) -> None:
    assert ran(capsys, "sample", "rex().over(1.5k)", "--steps", "0.002k")[1].count("\n") == 3
    assert (
        ran(capsys, "check", "rex().over(1k)", "--steps", "1k", "--limit", "0.01k", "--steps-per-epoch", "1k")[0] == 0
    )
    assert "must be an integer >= 1, got 0.5" in ran(capsys, "sample", "rex().over(5)", "--steps", "0.5")[2]
    assert "must be an integer >= 1, got 1K" in ran(capsys, "sample", "rex().over(5)", "--steps", "1K")[2]
    assert ran(capsys, "convert", "hold(n)", "--set", "n=-3")[2].count("got -3") == 1


def test_comments_in_text_files(capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "lr.txt").write_text("# the rate\n0.1 * (  # peak\n  rex().over(5)\n)\n")
    assert ran(capsys, "convert", str(tmp_path / "lr.txt"), "--to", "expression")[1] == "0.1 * rex().over(5)\n"


CONFIG = """
total: 10_000
peak: 3e-4
half: ${peak}
stages:
  - ${peak} * warmup(${total})
  - constant(0.5)
  - lr: ${.total} * hold(3)
    total: 7
train:
  total: ${total}
  lr: ${peak} * plan(${.total}, warmup(0.03 * ${..total}), cosine())
  rate: 0.001
  count: 2
  text: "3e-4"
  product: peak * 2
copy: ${train}
kind: {kind: hold, steps: "${stages[2].total}", value: 0.5}
"""
ENTRIES = [
    ("train.lr", MEANT),
    ("copy.lr", MEANT),
    ("stages.0", "0.0003 * warmup(10000)"),
    ("stages.1", "constant(0.5)"),
    ("stages.2.lr", "7.0 * hold(3)"),
    ("train.rate", "constant(0.001)"),
    ("train.count", "constant(2.0)"),
    ("train.text", "constant(0.0003)"),
    ("half", "constant(0.0003)"),
    ("train.total", "constant(10000.0)"),
]


@pytest.mark.parametrize(("key", "meant"), ENTRIES)
def test_entries_of_a_configuration(key: str, meant: str, capsys: Any, tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    (tmp_path / "a.yaml").write_text(CONFIG)
    status, out, err = ran(capsys, "convert", str(tmp_path / "a.yaml"), "--key", key, "--to", "expression")
    assert (status, out, err) == (0, f"{meant}\n", "")


@pytest.mark.parametrize("key", [key for key, _ in ENTRIES])
def test_references_mean_what_omegaconf_means(key: str) -> None:
    pytest.importorskip("yaml")
    omegaconf = pytest.importorskip("omegaconf")
    from lrsched.cli.yaml_reader import load

    found = inputs._chosen(load(CONFIG, 100), key)[1]
    theirs = omegaconf.OmegaConf.select(omegaconf.OmegaConf.create(CONFIG), key)
    assert lrs.parse(f"1.0 * hold(1) * ({found})") == lrs.parse(f"1.0 * hold(1) * ({theirs})")


def test_json_and_names_in_a_configuration(capsys: Any, tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    (tmp_path / "a.yaml").write_text(CONFIG)
    file = str(tmp_path / "a.yaml")
    assert ran(capsys, "convert", file, "--key", "kind")[1] == "hold(7, value=0.5)\n"
    assert (
        ran(capsys, "convert", file, "--key", "train.product", "--set", "peak=2", "--to", "expression")[1]
        == "constant(4.0)\n"
    )
    (tmp_path / "a.toml").write_text('steps = 5\n[train]\nlr = ["${steps} * hold(3)", 0.5]\n')
    assert (
        ran(capsys, "convert", str(tmp_path / "a.toml"), "--key", "train.lr.0", "--to", "expression")[1]
        == "5.0 * hold(3)\n"
    )
    assert (
        ran(capsys, "convert", str(tmp_path / "a.toml"), "--key", "train.lr.1", "--to", "expression")[1]
        == "constant(0.5)\n"
    )


def said(data: Any, key: str) -> str:
    with pytest.raises(ScheduleError) as caught:
        inputs._entry(data, key, "a.yaml", inputs.Given(()))
    assert len(str(caught.value)) < 1000
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${b}", "a.yaml: '${b}': no entry 'b'; there are: a, c, list"),
        ("${c.b} * hold(3)", "'${c.b}': no entry 'b'; there are: x"),
        ("${a}", "'a' refers to itself"),
        ("2 * ${a}", "'a' refers to itself"),
        ("${..a}", "not understood: '${..a}'"),
        ("${oc.env:HOME}", "functions such as oc.env are not called here"),
        ("${a", "not understood: '${a'"),
        ("${a.${b}}", "no entry 'b'"),
        ("${}", "not understood: '${}'"),
        ("2 * ${c}", "'${c}' is no number and no text"),
        ("${list.2}", "no entry '2'; there are: 0, 1"),
        ("${list[-1]}", "no entry '-1'"),
        ("${list." + "9" * 5000 + "}", "there are: 0, 1"),
        (True, "expected an expression or the JSON of one, got 'True'"),
        ([1], "expected an expression or the JSON of one, got '[1]'"),
        (float("nan"), "constant: value must be a finite number, got nan"),
        (10**400, "constant: value must be a finite number"),
    ],
    ids=lambda x: str(x)[:20],
)
def test_references_that_lead_nowhere(value: Any, expected: str) -> None:
    assert expected in said({"a": value, "c": {"x": 1}, "list": [1, 2]}, "a")


def test_keys_of_lists() -> None:
    data = {"a": [{"lr": 1}, "hold(3)"]}
    assert "there is no entry 'a.2'; there are: a.0, a.1" in said(data, "a.2")
    assert "there is no entry 'a.-1'" in said(data, "a.-1")
    assert "there is no entry 'a.1.0'; there are: none" in said(data, "a.1.0")
    assert inputs._entry(data, "a.0.lr", "x", inputs.Given(())) == (lrs.constant(1), "expression")


def test_references_are_bounded() -> None:
    doubling = {f"a{i}": f"${{a{i + 1}}} + ${{a{i + 1}}}" for i in range(60)} | {"a60": "x" * 1000}
    assert "references make more than 1,000,000 characters" in said(doubling, "a0")
    chain = {f"a{i}": f"${{a{i + 1}}}" for i in range(5000)} | {"a5000": 1}
    assert "more than 100 entries refer to each other" in said(chain, "a0")
    wide = {"kind": "hold", "steps": [f"${{big}}{i}" for i in range(10_000)], "big": "x" * 10_000}
    assert "references make more than 1,000,000 characters" in said({"a": wide, "big": wide["big"]}, "a")
    many = {"a": "${b}" * 200_000, "b": ""}
    assert "the text is empty" in said(many, "a")


def test_a_configuration_from_standard_input(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("yaml")
    monkeypatch.setattr("sys.stdin", io.StringIO(CONFIG))
    assert ran(capsys, "convert", "--key", "train.lr", "--to", "expression")[1] == f"{MEANT}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"lr": 0.5})))
    assert ran(capsys, "convert", "--to", "expression")[1] == "constant(0.5)\n"
