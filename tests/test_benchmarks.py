"""The benchmark itself: it measures what it says, notices wrong results, and writes what it found."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shutil
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

import lrsched  # noqa: E402
from benchmarks import exact, hand, machine, report  # noqa: E402
from benchmarks import run as running  # noqa: E402
from benchmarks.__main__ import main  # noqa: E402
from benchmarks.kinds import Calls, Counts, Instances, Once, Ranges, Steps, Values  # noqa: E402
from benchmarks.measure import QUICK, Effort, Spread, calibrate, interleave, ratios  # noqa: E402
from benchmarks.peers import Stepper  # noqa: E402
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
        "judging",
        "judging-bytes",
        "judging-compare",
        "judging-gradient",
        "judging-law-gradient",
    ]
    assert set(wanted) <= set(names)
    without = {row.name for row in ROWS if all(c.target is None for c in row.contenders)}
    assert without <= {"compile", "build", "nesting", "import-value"}, "a row says what is to be reached"
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
    quick = interleave({"a": logged("a", 1e-3), "d": logged("d", 1e-6)}, TINY, frozenset("d"))
    assert None not in quick["d"], "only what takes longer than a slice sits out"


def test_a_row_takes_its_time_and_no_more():
    """What a contender does outside of what it reports counts too."""

    def loop(n):
        time.sleep(0.01)
        return 1e-6

    assert len(interleave({"a": loop}, TINY, once=True)["a"]) == TINY.least


def test_a_patient_row_is_measured_for_longer():
    def made():
        return lambda: time.sleep(1e-4)

    rounds = []
    for patience in (1, 8):
        row = Row("x", "x", Calls(), (by_hand("a", made),), "a", patience=patience)
        rounds.append(running.run(row, TINY).figures[0].rounds)
    assert rounds[0] <= TINY.most < rounds[1] <= 8 * TINY.most


def test_interruptions_of_work_on_threads_are_part_of_it(monkeypatch):
    """Elsewhere a slice that the system interrupted is taken again."""
    import benchmarks.measure

    switches, counts = iter(range(10**6)), []
    monkeypatch.setattr(benchmarks.measure, "interruptions", lambda: next(switches))
    for threads in (False, True):
        runs = []
        row = Row(
            "x", "x", Once(), (by_hand("a", lambda runs=runs: lambda: runs.append(1) or 1e-3),), "a", threads=threads
        )
        found = running.run(row, TINY).figures[0].rounds
        counts.append(len(runs) - 1)
        assert counts[-1] == found * (1 if threads else benchmarks.measure.TRIES)


def test_schedulers_are_measured_after_their_warm_up():
    made = []

    def fresh():
        made.append(0)
        place = len(made) - 1

        def advance():
            made[place] += 1

        return Stepper(advance, lambda: [1.0])

    kind = Steps(check_until=3, begin=7)
    loop = kind.loop(fresh)
    assert len(made) > 1 and set(made) == {7}
    for _ in range(len(made)):
        loop(2)
    assert set(made) == {9}
    kind.checked(fresh)
    assert made[-1] == 3, "errors are looked for from the first update on"
    rows = {row.name: row for row in ROWS}
    assert all(rows[name].kind.begin > 500 for name in ("torch-1", "torch-100"))


def test_instances_take_turns():
    made = []

    def fresh():
        made.append(0)
        place = len(made) - 1

        def call():
            made[place] += 1

        return call

    loop = Instances().loop(fresh)
    for _ in range(2 * len(made)):
        loop(3)
    assert len(made) > 1 and set(made) == {6}


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
    assert result.leads == () and result.best("peer") is None
    assert report.cells(wrong, "s")[-1] == "wrong"
    assert exact.errors(TRUE, CHECKS, [late(t) for t in CHECKS]).share > running.CORRECT


def test_a_correct_peer_that_is_faster_is_named():
    row = Row(
        "x", "x", Counts(), (ours("ours", lambda: lambda: 30.0, value=40), peer("peer", lambda: lambda: 20.0)), "ours"
    )
    result = running.run(row, TINY)
    (lead,) = result.ahead
    assert lead.peer is result.figures[1] and lead.ratio.median == 1.5 and result.figures[0].reached
    text = report.markdown([result], [], machine.described(), quick=True)
    assert "ahead on the same work: \n\n- `x`: peer; ours to it 1.50, one round\n" in text
    assert "within noise: none." in text


def judged(*contenders):
    """A result of contenders and what each of them took in every round."""
    made = []
    for contender, times in contenders:
        reference = ratios(times, contenders[0][1])
        made.append(running.Figure(contender, Spread.of([t for t in times if t]), Spread.of(reference), times=times))
    row = Row("x", "x", Calls(), tuple(c for c, _ in contenders), contenders[0][0].name)
    return running.Result(row, tuple(made))


NOISE = (0.9, 1.1, 1.0, 0.95, 1.05, 0.85, 1.15, 1.0)


def test_a_peer_is_ahead_where_it_is_cheaper_in_three_rounds_of_four():
    """Rounds rise and fall together, so that medians apart would show the first peer within noise too."""
    own = tuple(5.0 * x for x in NOISE)
    ahead = tuple(0.98 * t for t in own)
    close = tuple(t / (1.02 + 0.6 * (x - 1)) for t, x in zip(own, NOISE, strict=True))
    result = judged(
        (ours("ours", None), own), (peer("ahead", None), ahead), (peer("close", None), close), (peer("no", None), own)
    )
    assert [lead.peer.contender.name for lead in result.ahead] == ["ahead"]
    (lead,) = result.close
    assert lead.peer.contender.name == "close" and lead.ratio.low < 1 < lead.ratio.median < 1.05
    first, second = report.verdicts([result])
    assert "- `x`: ahead; ours to it 1.02" in first and "close" not in first
    assert "- `x`: close; ours to it 1.02 (0.98–1.06), 8 rounds" in second and "ahead;" not in second
    data = report.plain([result], [], machine.described(), quick=True)["rows"][0]
    assert [x["peer"] for x in data["ahead"]] == ["ahead"] and data["within noise"][0]["rounds"] == 8


def test_like_is_compared_with_like():
    """A peer is set beside the best of ours on its own work, and beside nothing where there is none."""
    fast, slow = (1.0,) * 5, (3.0,) * 5
    result = judged(
        (ours("fast", None, work="short"), fast),
        (ours("slow", None, ratio=5.0, work="long"), slow),
        (ours("slower", None, work="long"), (4.0,) * 5),
        (peer("theirs", None, work="long"), (2.0,) * 5),
        (peer("other", None, work="alone"), (0.5,) * 5),
    )
    (lead,) = result.leads
    assert (lead.peer.contender.name, lead.ours.contender.name, lead.ratio.median) == ("theirs", "slow", 1.5)
    assert result.best("peer", "short") is None
    assert report.summary([result])[0][-1] == "2.00 theirs"


def test_rounds_that_one_sat_out_do_not_count():
    result = judged((ours("ours", None), (1.0, 4.0, 9.0)), (peer("rare", None), (None, 2.0, None)))
    (lead,) = result.ahead
    assert lead.ratio == Spread(2.0, 2.0, 2.0) and lead.rounds == result.figures[1].rounds == 1


def test_the_first_value_is_compared_on_both_kinds_of_work():
    (row,) = chosen("import-value")
    found = {(c.role, c.work): c.name for c in row.contenders if "fvcore" in c.name or c.role == "ours"}
    assert found == {
        ("ours", ""): "lrsched",
        ("peer", ""): "fvcore",
        ("ours", "beyond NumPy"): "lrsched, NumPy imported before",
        ("peer", "beyond NumPy"): "fvcore, NumPy imported before",
    }


def test_every_peer_has_a_counterpart():
    for row in ROWS:
        own = {c.work for c in row.contenders if c.role == "ours"}
        assert {c.work for c in row.contenders if c.role == "peer"} <= own, row.name


def test_what_is_absent_is_said():
    def absent():
        raise Missing("thing is not installed")

    row = Row("x", "x", Ranges(10, (0,)), (by_hand("a", lambda: np.arange), peer("b", absent)), "a")
    result = running.run(row, TINY)
    assert "thing is not installed" in report.cells(result.figures[1], "s") and result.leads == ()


@pytest.mark.parametrize("name", ["import", "import-value"])
def test_a_module_in_a_package_that_is_absent_is_said_too(name, monkeypatch):
    dotted = {"transformers": "transformers.optimization", "ignite": "ignite.handlers", "fvcore": "fvcore"}
    for module in (*dotted, *dotted.values()):  # which another test may have imported
        monkeypatch.setitem(sys.modules, module, None)
    row = next(row for row in chosen(name) if row.name == name)
    gone = tuple(c for c in row.contenders if c.name.startswith(tuple(dotted.values())))
    assert gone, "peers whose modules have dotted names"
    reference = by_hand("reference", lambda: lambda: 1.0)
    contenders = (reference, *(dataclasses.replace(c, slow=False) for c in gone))
    found = running.run(dataclasses.replace(row, kind=Counts(), contenders=contenders, reference="reference"), TINY)
    for figure in found.figures[1:]:
        assert figure.missing.endswith("is not installed") and figure.missing in report.cells(figure, "s")


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


def test_figures_tell_themselves_from_their_targets():
    """A figure is on the side of its limit that it was judged to be on; digits are added as needed, and else not."""

    def told(x, limit):
        return report.ratio(Spread.of([x]), limit)

    assert [told(x, 1.0) for x in (0.97, 0.998, 1.0, 1.002, 1.00003, 1.02)] == [
        "0.97",
        "1.00",
        "1.00",
        "1.002",
        "1.00003",
        "1.02",
    ]
    assert [told(x, 1.048) for x in (1.0477, 1.0483, 1.06)] == ["1.048", "1.05", "1.06"]
    assert told(12.04, 12.0) == "12.04" and told(1234.4, 1234.0) == "1,234.4" and told(0.01404, 0.014) == "0.01404"
    assert report.ratio(Spread(1.0004, 0.9, 1.1), 1.0) == "1.0004 (0.9000–1.1000)"
    assert [report.amount(x, "s", 2e-3) for x in (1.9996e-3, 2.0004e-3, 2.2e-3)] == ["2 ms", "2.0004 ms", "2.2 ms"]
    assert report.amount(120.0, "instructions", 100) == "120" and report.amount(100_300, "bytes", 1e5) == "100.3 kB"
    for seed in range(200):
        limit, x = 1 + seed % 7 / 10, 1 + seed % 7 / 10 + (seed - 100) * 1e-5
        assert (float(told(x, limit)) <= limit) == (x <= limit)


def test_a_missed_target_reads_as_missed():
    row = Row(
        "x",
        "x",
        Counts(),
        (
            by_hand("a", lambda: lambda: 1000.0),
            ours("b", lambda: lambda: 1003.0, ratio=1),
            peer("c", lambda: lambda: 1001.0),
        ),
        "a",
    )
    result = running.run(row, TINY)
    assert report.cells(result.figures[1], "")[2:7:4] == ("1.003", "MISSED")
    assert report.summary([result])[0][2:5] == ("1.003", "≤ 1", "NO")
    assert report.verdicts([result])[0].endswith("b to it 1.002, one round")


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
    assert f"Measured: lrsched {lrsched.__version__}" in text
    data = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert data["machine"]["revision"] in text
    assert data["quick"] and [row["name"] for row in data["rows"]] == ["range-short"]
    figures = {figure["name"]: figure for figure in data["rows"][0]["figures"]}
    assert figures["one NumPy expression"]["ratio"]["median"] == 1.0
    assert figures["s.sample(n)"]["error"]["ulp"] < 17 and figures["s.sample(n)"]["correct"]


def test_a_pattern_without_rows_is_an_error():
    command = [sys.executable, "-m", "benchmarks", "--only", "nothing"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "there are value, " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--only", "torch-1*", "value-far"], "value-far value-far-restarts torch-1 torch-100"),
        (["--only", "value-far", "--only", "torch-100"], "value-far value-far-restarts torch-100"),
        (["--only", "nesting", "memory", "--only", "nest*"], "pieces-memory nesting memory"),
    ],
)
def test_several_patterns(arguments, names, capsys):
    assert main([*arguments, "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names.split()
    assert main([*arguments, "nothing", "--list"]) == 2
    assert "no row is called 'nothing'" in capsys.readouterr().err


def test_the_help_says_what_a_quick_run_leaves_out(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.replace("-\n", "-").split())
    left_out = text.partition("--quick leaves out")[2]
    for row in ROWS:
        slow = [c.name for c in row.contenders if c.slow]
        assert not slow or f"of {row.name}: {' / '.join(slow)}" in left_out


def git(root, *arguments):
    command = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def test_what_was_measured_is_named(tmp_path, monkeypatch):
    version = f"lrsched {lrsched.__version__}"
    assert machine.revision(tmp_path / "absent") == version
    if shutil.which("git") is not None:
        (tmp_path / "benchmarks").mkdir()
        for file in ("code.py", "benchmarks/RESULTS.md"):
            (tmp_path / file).write_text("1")
        git(tmp_path, "init")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-m", "x")
        (tmp_path / "benchmarks" / "RESULTS.md").write_text("2")
        clean = machine.revision(tmp_path)
        assert re.fullmatch(re.escape(version) + r", commit [0-9a-f]{12}", clean)
        assert machine.revision(tmp_path / "benchmarks") == version, "a checkout around it is another's"
        (tmp_path / "code.py").write_text("2")
        assert machine.revision(tmp_path) == f"{clean}, dirty"
    monkeypatch.setenv("PATH", "")
    assert machine.revision(tmp_path) == version


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
    assert shares["lrsched.ir.term"] > 0 and "lrsched.targets.emit" in shares
    assert spent(lambda x: lrs.constant(x), [1.0, 2.0])["lrsched.algebra.constructor"] > 0


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
