"""The benchmark itself: it measures what it says, notices wrong results, and writes what it found."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("the benchmark is part of a checkout, not of the wheel", allow_module_level=True)
pytest.importorskip("rich")
sys.path.insert(0, str(ROOT))

from benchmarks import exact, hand, machine, report  # noqa: E402
from benchmarks import run as running  # noqa: E402
from benchmarks.kinds import Calls, Counts, Ranges, Values  # noqa: E402
from benchmarks.measure import QUICK, Effort, Spread, calibrate, interleave, ratios  # noqa: E402
from benchmarks.profiles import imported, spent  # noqa: E402
from benchmarks.row import Missing, Row, Target, ours, peer  # noqa: E402
from benchmarks.row import hand as by_hand  # noqa: E402
from benchmarks.rows import ROWS, chosen  # noqa: E402

SHAPE = (3e-4, 50, 1_000, 0.1)
TINY = Effort(slice_s=1e-4, row_s=0.05, least=5, most=9, slow_rounds=2)
TRUE = exact.warmup_cosine(*SHAPE)
CHECKS = (0, 1, 49, 50, 51, 500, 998, 999)


def test_every_piece_of_work_has_rows():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    wanted = [
        "value",
        "value-pieces",
        "value-far",
        "torch-1",
        "torch-100",
        "torch-resume",
        "range-cosine",
        "range-restarts",
        "range-rex",
        "range-linear",
        "range-polynomial",
        "range-joined",
        "range-short",
        "jax-instructions",
        "jax-pieces",
        "jax-pieces-compile",
        "train-instructions",
        "train-compile",
        "train-small",
        "train-small-compile",
        "import",
        "first-call",
        "memory",
        "pieces-build",
        "pieces-memory",
        "nesting",
    ]
    assert set(wanted) <= set(names)
    without = {row.name for row in ROWS if all(c.target is None for c in row.contenders)}
    assert without <= {"compile", "build", "nesting", "import-beyond", "import-value"}, (
        "a row says what is to be reached"
    )
    assert {row.name for row in chosen("torch")} == {"torch-1", "torch-100", "torch-resume"}
    assert [row.name for row in chosen("*-pieces")] == ["value-pieces", "jax-pieces"]


def test_a_row_needs_names_that_differ_and_a_reference():
    with pytest.raises(ValueError, match="the reference"):
        Row("x", "x", Calls(), (by_hand("a", lambda: None),), "b")
    with pytest.raises(ValueError, match="different names"):
        Row("x", "x", Calls(), (by_hand("a", lambda: None), ours("a", lambda: None)), "a")


# ---- measuring


def test_quartiles():
    assert Spread.of([3.0]) == Spread(3.0, 3.0, 3.0)
    assert Spread.of([4.0, 1.0, 3.0, 2.0, 5.0]) == Spread(3.0, 2.0, 4.0)


def test_ratios_are_taken_within_a_round():
    assert ratios([2.0, 40.0, None], [1.0, 10.0, 3.0]) == [2.0, 4.0]


def test_a_slice_is_filled():
    def loop(n):
        return n * 1e-6

    count, seconds = calibrate(loop, 1e-3)
    assert count == 1000 and seconds == pytest.approx(1e-6)
    assert calibrate(lambda n: 5.0 * n, 1e-3)[0] == 1


def test_contenders_take_turns():
    calls = []

    def logged(name, seconds):
        def loop(n):
            calls.append(name)
            return seconds * n

        return loop

    found = interleave({"a": logged("a", 1e-3), "b": logged("b", 2e-3), "c": logged("c", 1.0)}, TINY, frozenset("c"))
    assert {len(times) for times in found.values()} == {TINY.most}
    assert sum(t is not None for t in found["c"]) == TINY.slow_rounds
    measured = "".join(calls)[-TINY.most * 2 :]
    assert "ab" in measured and "ba" in measured, "in an order that changes"
    assert measured.count("a") in range(TINY.most - 2, TINY.most + 3)
    assert ratios(found["b"], found["a"]) == pytest.approx([2.0] * TINY.most)


def test_a_row_takes_its_time_and_no_more():
    """What a contender does outside of what it reports counts too."""

    def loop(n):
        time.sleep(0.01)
        return 1e-6

    assert len(interleave({"a": loop}, TINY, once=True)["a"]) == TINY.least


def test_what_takes_longer_is_seen_to_take_longer():
    def spin(seconds):
        def work():
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                pass

        return work

    row = Row("x", "x", Calls(), (by_hand("a", lambda: spin(1e-4)), ours("b", lambda: spin(4e-4), ratio=2)), "a")
    result = running.run(row, TINY)
    assert 3 < result.figures[1].ratio.median < 5
    assert result.figures[1].reached is False and result.missed == (result.figures[1],)


# ---- errors


def test_hand_written_code_is_right():
    for made in (hand.closure(*SHAPE), hand.generated(*SHAPE)):
        assert exact.errors(TRUE, CHECKS, [made(t) for t in CHECKS]).share < 1e-15
    for sample in (hand.expression_warmup_cosine, hand.blocked_warmup_cosine, hand.angle_addition):
        assert exact.errors(TRUE, CHECKS, sample(*SHAPE)(1_000)[list(CHECKS)]).share < 2e-15
    cycles = exact.cosine_restarts(0.1, 100, 0.1)
    steps = (0, 99, 100, 299, 300, 301, 4_999)
    for sample in (hand.expression_restarts, hand.blocked_restarts, hand.angle_addition_restarts):
        assert exact.errors(cycles, steps, sample(0.1, 100, 0.1)(5_000)[list(steps)]).share < 2e-15
    levels = [(1.0, 0.5), (0.75, 0.25), (0.5, 0.9)]
    joined, steps = exact.joined(levels, 100), (0, 99, 100, 101, 199, 200, 299)
    assert exact.errors(joined, steps, hand.blocked_joined(levels, 100)(300)[list(steps)]).share < 1e-15
    assert (
        exact.errors(joined, (*steps, 300, 1000), [hand.bisected(levels, 100)(t) for t in (*steps, 300, 1000)]).share
        < 1e-15
    )


def test_a_wrong_step_is_seen():
    values = np.array([float(TRUE(t)) for t in CHECKS])
    assert exact.errors(TRUE, CHECKS, values).ulp <= 0.5
    values[5] = float(TRUE(501))
    assert exact.errors(TRUE, CHECKS, values).share > 1e-3
    values[5] = math.nan
    assert exact.errors(TRUE, CHECKS, values).share == math.inf
    single = np.array([float(TRUE(t)) for t in CHECKS], dtype=np.float32)
    assert exact.errors(TRUE, CHECKS, single).ulp <= 0.5, "counted in the type that the result has"


def test_nobody_wins_by_being_wrong():
    def late(t):
        return float(TRUE(max(t - 1, 0)))

    right = hand.closure(*SHAPE)
    row = Row(
        "x",
        "x",
        Values(tuple(range(1000)), CHECKS),
        (
            by_hand("right", lambda: right),
            ours("slow", lambda: lambda t: right(right(t) and t)),
            peer("late", lambda: lambda t: 0.0),
        ),
        "right",
        TRUE,
    )
    result = running.run(row, TINY)
    wrong = result.figures[2]
    assert wrong.ratio.median < result.figures[1].ratio.median and not wrong.correct
    assert result.ahead is None and result.best("peer") is None
    assert report.cells(wrong, "s")[-1] == "wrong"
    assert exact.errors(TRUE, CHECKS, [late(t) for t in CHECKS]).share > running.CORRECT


def test_a_correct_peer_that_is_faster_is_named():
    row = Row(
        "x", "x", Counts(), (ours("ours", lambda: lambda: 30.0, value=40), peer("peer", lambda: lambda: 20.0)), "ours"
    )
    result = running.run(row, TINY)
    assert result.ahead is result.figures[1] and result.figures[0].reached
    assert "- `x`: peer" in report.markdown([result], [], machine.described(), quick=True)


def test_what_is_absent_is_said():
    def absent():
        raise Missing("thing is not installed")

    row = Row("x", "x", Ranges(10, (0,)), (by_hand("a", lambda: np.arange), peer("b", absent)), "a")
    result = running.run(row, TINY)
    assert "thing is not installed" in report.cells(result.figures[1], "s") and result.ahead is None


# ---- writing


def test_figures_are_written_with_fitting_units():
    assert [report.amount(x, "s") for x in (94e-9, 2.3e-6, 0.0123, 1.5)] == ["94 ns", "2.3 µs", "12.3 ms", "1.5 s"]
    assert [report.amount(x, "bytes") for x in (12.0, 683e3, 80e6)] == ["12 B", "683 kB", "80 MB"]
    assert report.amount(99_754, "instructions") == "99,754"
    assert [report.ratio(Spread.of([x])) for x in (0.014, 0.14, 1.234, 12.34, 1234.5)] == [
        "0.014",
        "0.14",
        "1.23",
        "12.3",
        "1,234",
    ]


def test_the_command_writes_markdown_and_json(tmp_path):
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--quick",
        "--only",
        "range-short",
        "--output",
        str(tmp_path / "found.md"),
    ]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "found.md").read_text(encoding="utf-8")
    assert "A quick run" in text and "| s.sample(n) |" in text
    assert re.search(r"All of it took \d+\.\d minutes\.", text)
    data = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert data["quick"] and [row["name"] for row in data["rows"]] == ["range-short"]
    figures = {figure["name"]: figure for figure in data["rows"][0]["figures"]}
    assert figures["one NumPy expression"]["ratio"]["median"] == 1.0
    assert figures["s.sample(n)"]["error"]["ulp"] < 17 and figures["s.sample(n)"]["correct"]


def test_a_pattern_without_rows_is_an_error():
    command = [sys.executable, "-m", "benchmarks", "--only", "nothing"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "there are value, " in done.stderr


def test_the_machine_is_described_without_names():
    import getpass
    import socket

    text = json.dumps(machine.described())
    assert {"processor", "cores", "versions"} <= set(machine.described())
    assert socket.gethostname() not in text and f"/{getpass.getuser()}/" not in text


def test_committed_results_name_no_place():
    results = ROOT / "benchmarks" / "RESULTS.md"
    if not results.exists():
        pytest.skip("no results are committed")
    for file in (results, results.with_suffix(".json")):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w.])/(?:home|root|usr|tmp|work)\b|https?://|localhost", text)
    data = json.loads(results.with_suffix(".json").read_text(encoding="utf-8"))
    assert not data["quick"] and {row["name"] for row in data["rows"]} == {row.name for row in ROWS}


def test_the_readme_quotes_ratios_of_the_results():
    """Each number of its table is that of a row, within a quarter, since another run is never quite the same."""
    readme, results = ROOT / "README.md", ROOT / "benchmarks" / "RESULTS.json"
    section = re.search(r"^## Speed$(.*?)^## ", readme.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if section is None or not results.exists():
        pytest.skip("no results are quoted")
    rows = {row["name"]: row for row in json.loads(results.read_text(encoding="utf-8"))["rows"]}
    lines = re.findall(r"^\|[^|]*\| `([a-z0-9-]+)` \| ([\d.]+) \|([^|]*)\|$", section[1], re.MULTILINE)
    assert len(lines) >= 5
    for name, own, others in lines:
        figures = [f for f in rows[name]["figures"] if f.get("ratio") and f["correct"]]
        for who, number in [("", own), *re.findall(r"([A-Za-z]\w+) ([\d,.]+\d)", others)]:
            role, quoted = ("peer" if who else "ours"), float(number.replace(",", ""))
            found = [f["ratio"]["median"] for f in figures if f["role"] == role and who.lower() in f["name"].lower()]
            assert any(0.75 < quoted / ratio < 1.25 for ratio in found), (name, who, quoted, found)


# ---- profiles


def test_import_times_are_read():
    text = "import time: self [us] | cumulative | imported package\nimport time:       120 |        130 |   numpy.core\nimport time: 7 | 9 | lrsched\n"
    assert imported(text) == {"numpy.core": 120, "lrsched": 7}


def test_time_is_given_to_the_module_that_spends_it():
    import lrsched as lrs

    shares = spent(lambda x: lrs.compile(x * lrs.cosine().over(100), "python"), [1.0, 2.0, 3.0])
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["lrsched._term"] > 0 and "lrsched._emit" in shares
    assert spent(lambda x: lrs.constant(x), [1.0, 2.0])["generated code"] > 0, "constructors are written on demand"


def test_targets_are_ratios_or_figures():
    row = Row(
        "x",
        "x",
        Counts(),
        (ours("a", lambda: lambda: 100.0, value=99), ours("b", lambda: lambda: 150.0, ratio=1.5)),
        "a",
    )
    first, second = running.run(row, QUICK).figures
    assert first.reached is False and second.reached is True
    assert first.contender.target == Target(99, "value")
    assert report.target(second, "") == "≤ 1.5"
