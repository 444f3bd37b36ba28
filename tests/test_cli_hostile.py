"""The command under hostile arguments, files and streams: it ends in a status, and says on one line what is wrong."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lrsched import cli
from lrsched.cli import inputs
from lrsched.foundation import files

for package in ("rich", "yaml", "matplotlib"):  # what the command and its pictures take
    pytest.importorskip(package)

LR = "rex().over(5)"


def ran(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    try:
        status = cli.main(list(arguments))
    except SystemExit as stopped:
        status = stopped.code
    return status, *capsys.readouterr()


def is_refused(capsys: Any, *arguments: str) -> str:
    """What a command says that refuses its arguments as it should: one bounded, printable line."""
    status, out, err = ran(capsys, *arguments)
    assert (status, out) == (2, ""), (status, out, err)
    assert err.startswith("lrsched") and err.endswith("\n")
    first = err.splitlines()[0]
    assert len(first) < 1200 and first.isprintable()
    return err


# ---- files


def bomb() -> str:
    rows = ['a0: &a0 "lol"']
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 20)]
    return "\n".join(rows)


YAML = [
    (bomb(), "aliases are not read, such as *a0"),
    ("a: &a {kind: constant, value: 1.0}\nb: {kind: sum, parts: [*a, *a]}", "aliases are not read"),
    ("&a {x: *a}", "aliases are not read, such as *a"),
    ("lr: 2020-99-99", "month must be in 1..12"),
    ('lr: !!int "x"', "invalid literal"),
    ('lr: !!float "x"', "could not convert"),
    ("lr: " + "9" * 5000, "a number is too long"),
    ("lr: 0x" + "f" * 10_000, "a number is too long"),
    ("lr: 1" + ":59" * 10_000, "a number is too long"),
    ("[" * 100_000, "nested too deep"),
    ("[" * 5000 + "]" * 5000, "nested too deep"),
    ("".join(f"{'  ' * i}a:\n" for i in range(900)), "nested too deep"),
    ("- " * 5000 + "x", "nested too deep"),
    ("a: 'x\n", "this is no YAML"),
    ("#" * 1_000_001, "at most 1,000,000 characters of YAML are read, got 1,000,001"),
    ("lr: [2020-01-01]", "expected an expression or the JSON of one, got '[datetime.date(2020, 1, 1)]'"),
]


@pytest.mark.parametrize(("text", "said"), YAML, ids=lambda x: x[:24])
def test_yaml_that_is_no_plain_data_is_refused(text: str, said: str, tmp_path: Path, capsys: Any) -> None:
    pytest.importorskip("yaml")
    (tmp_path / "a.yaml").write_text(text)
    assert said in is_refused(capsys, "check", str(tmp_path / "a.yaml"), "--key", "a19" if "a19" in text else "lr")


OTHER = [
    ("a.json", "[" * 200_000, "nested too deep"),
    ("a.json", '{"a": ' * 90_000, "nested too deep"),
    ("a.json", "9" * 5000, "this is no JSON"),
    ("a.json", json.dumps({"k" * 10**6: {"a": 1, "b": 2}}), "there are: kkk"),
    ("a.json", json.dumps({"a" * 300: {"\x1b[31mred\n": 1, "b": 2}}), "there are: aaa"),
    ("a.json", json.dumps({"\x1b[31mred\n\u202e\ud800": {"x": 1, "y": 2}}), r"\x1b[31mred\n\u202e\ud800.x"),
    ("a.json", json.dumps({str(i): i for i in range(10_000)}), ", ..."),
    ("a.json", json.dumps([0] * 10**6), "got '[0, 0, 0, "),
    ("a.json", json.dumps({"kind": "x" * 10**6}), "kind must be a known kind"),
    ("a.json", json.dumps({"kind": "linear", "y" * 10**6: 1}), "linear has no field 'yyy"),
    ("a.json", json.dumps({"kind": "warmup", "steps": "7" * 10**6}), "steps must be an integer"),
    ("a.json", json.dumps({"kind": "warmup", "steps": [[[1] * 10**5] * 10]}), "steps must be an integer"),
    ("a.toml", ".".join("a" * 5000) + " = 1", "there are: a.a.a."),
    ("a.toml", ".".join("a" * 5000) + " = {b = 1, c = 2}", "there are: a.a.a."),
    ("a.toml", "a = " + "[" * 10_000, "nested too deep"),
    ("a.toml", "#" * 1_000_001, "at most 1,000,000 characters of TOML"),
    ("a.txt", "x" * 10**6, "must be called"),
    ("a.txt", "(" * 10**5, "nested too deep"),
    ("a.txt", "", "the text is empty"),
]


@pytest.mark.parametrize(("name", "text", "said"), OTHER, ids=lambda x: x[:24])
def test_other_files_are_refused_in_a_bounded_line(
    name: str, text: str, said: str, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / name).write_text(text)
    err = is_refused(capsys, "check", str(tmp_path / name))
    assert said in err or name == "a.txt"


def test_files_of_other_encodings_are_named(tmp_path: Path, capsys: Any) -> None:
    for data in (LR.encode("utf-16"), b"\xff\xfe\x00", b"lr: \xe9"):
        (tmp_path / "a.yaml").write_bytes(data)
        assert "this is no text in UTF-8" in is_refused(capsys, "check", str(tmp_path / "a.yaml"))
        assert "this is no text in UTF-8" in is_refused(capsys, "identify", str(tmp_path / "a.yaml"))
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbf" + LR.encode() + b"\r\n")
    assert ran(capsys, "convert", str(tmp_path / "b.txt"), "--to", "expression") == (0, f"{LR}\n", "")


@pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.toml", "a.txt"])
def test_pipes_and_devices_are_refused_at_once(name: str, tmp_path: Path, capsys: Any) -> None:
    os.mkfifo(tmp_path / name)
    assert "this is no regular file" in is_refused(capsys, "check", str(tmp_path / name))
    assert "this is no regular file" in is_refused(capsys, "identify", str(tmp_path / name))
    (tmp_path / f"zero{Path(name).suffix}").symlink_to("/dev/zero")
    assert "this is no regular file" in is_refused(capsys, "check", str(tmp_path / f"zero{Path(name).suffix}"))
    assert "this is no regular file" in is_refused(capsys, "identify", "/dev/zero")
    assert "directory" in is_refused(capsys, "identify", str(tmp_path))


def test_a_file_of_a_gigabyte_is_not_read_whole(tmp_path: Path, capsys: Any) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    try:
        assert "too large: at most 67,108,864 bytes" in is_refused(capsys, "check", str(tmp_path / "a.json"))
        assert tracemalloc.get_traced_memory()[1] < 3 * files.MOST_BYTES
    finally:
        tracemalloc.stop()


# ---- arguments


@pytest.mark.parametrize(
    "text", ["٣", "1_0", " 7", "+7", "1e400", "nan", "inf", "1e-1", "0x10", "１", "", "9" * 10_000, "1e16", "1e17", "é"]
)
def test_integers_are_plain_digits(text: str, capsys: Any) -> None:
    assert "argument --steps: must be an integer" in is_refused(capsys, "check", "constant(1)", "--steps", text)


@pytest.mark.parametrize("text", ["nan", "-1", "inf", "1_0.5", "٣", "1e999", "x"])
def test_tolerances_are_finite_and_not_negative(text: str, capsys: Any) -> None:
    for command in (["diff", "constant(1)", "constant(2)", "--steps", "3"], ["identify"]):
        assert "--tolerance" in is_refused(capsys, *command, f"--tolerance={text}")
    assert "--limit" in is_refused(capsys, "check", LR, f"--limit={text}")


def test_numbers_that_are_allowed(capsys: Any) -> None:
    assert ran(capsys, "check", "constant(1)", "--steps", "1e5")[0] == 0
    assert ran(capsys, "check", "constant(1)", "--steps", "1.5e1", "--limit", "2.")[0] == 0
    assert ran(capsys, "diff", "constant(1)", "constant(1.05)", "--steps", "3", "--tolerance", ".1")[0] == 0


ARGUMENTS = [
    ["check", "\x1b[31m" + "x" * 5000],
    ["check", "a.cfg\x00.txt"],
    ["check", "x" * 300],
    ["check", "x" * 300 + ".yaml"],
    ["check", "\ud800\u202e"],
    ["check", "\udcff.json"],
    ["check", "cosine().over(" + "9" * 5000 + ")"],
    ["check", "("],
    ["check", "{"],
    ["check", '{"kind": ' + "[" * 5000],
    ["check", LR, "--key", "\x1b"],
    ["check", "warmup(5, " + "z" * 5000 + "=1)"],
    ["check", "warmup(5, " + "z" * 5000 + "=1, " + "z" * 5000 + "=1)"],
    ["check", "1" + " ) " + "z" * 5000],
    ["sample", "cosine()"],
    ["sample", "constant(1)"],
    ["sample", "+".join(["cosine()"] * 500)],
    ["check", "cosine().over(10**30)"],
    ["show", "cosine().over(10**30)"],
    ["diff", LR, "constant(1)", "--steps", "1e12"],
    ["recipes", "z" * 100_000],
    ["recipes", "\x1b[31m"],
    ["\x1b[31m" + "x" * 5000],
    ["show", LR, "--\x1b[31m"],
    ["plot", LR, "-o", "/nowhere/x.png"],
    ["plot", LR, "-o", "x" * 300 + ".png"],
    ["plot", LR, "-o", "\x1b[31m"],
    ["plot", LR, "-o", "\x00.png"],
    ["demo", "--seed", "4294967296"],
    ["demo", "--steps", "1000001"],
    ["identify", "\x00"],
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=lambda a: ascii(a)[:40])
def test_arguments_of_any_kind_are_refused_in_a_line(arguments: list[str], capsys: Any) -> None:
    is_refused(capsys, *arguments)


def texts() -> list[str]:
    """Random words of expressions, of JSON, of YAML and of neither."""
    random_ = random.Random(5)
    words = ("cosine()", ".over(", "5", ")", "(", ">>", "warmup", "hold(3)", ",", "*", "1e300", "-", '{"kind": ', '"', "linear", "}", ": ",
             "[", "]", "\n", "&a ", "*a", "!!int ", "\x00", "\ud800", "é", "9" * 30, "0x", "nan", "lr", "=", "'", "#", " ")  # fmt: skip
    return ["".join(random_.choices(words, k=random_.randint(1, 9))) for _ in range(150)]


def test_random_texts_end_in_a_status(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    suffixes = [".json", ".toml", ".txt", ".csv"]
    suffixes += [".yaml"] * bool(importlib.util.find_spec("yaml"))
    for i, text in enumerate(texts()):
        suffix = suffixes[i % len(suffixes)]
        file = tmp_path / f"a{suffix}"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        command = ["identify", str(file)] if suffix == ".csv" else ["sample", str(file), "--steps", "3"]
        for arguments in (
            command,
            ["check", "--steps", "9", text.replace("\x00", " ")],
            ["check", "--steps=3", "--key", "lr"],
        ):
            monkeypatch.setattr(sys, "stdin", io.StringIO(text))
            status, _, err = ran(capsys, *arguments)
            assert status in (0, 1, 2), (arguments, text)
            assert (status == 2) == bool(err) and "Traceback" not in err, (arguments, text)


# ---- streams


class Broken(io.StringIO):
    """A stream that fails when it is written, or when it is flushed."""

    def __init__(self, error: BaseException, at: str) -> None:
        super().__init__()
        self.error, self.at = error, at

    def write(self, text: str) -> int:
        if self.at == "write":
            raise self.error
        return super().write(text)

    def flush(self) -> None:
        raise self.error


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


COMMANDS = [
    ["check", LR],
    ["convert", LR],
    ["source", LR],
    ["sample", LR],
    ["sample", LR, "--format", "json"],
    ["diff", LR, LR],
    ["show", LR],
    ["recipes"],
    ["recipes", "sgdr"],
    ["--help"],
    ["sample", "--help"],
    ["--version"],
    [],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda a: " ".join(a) or "alone")
def test_output_that_nothing_takes_is_an_error(arguments: list[str], capsys: Any, monkeypatch: Any) -> None:
    full = OSError(28, "No space left on device")
    for stream, status, said in (
        (None, 2, "lrsched: standard output is closed\n"),
        (closed(), 2, "lrsched: standard output is closed\n"),
        (Broken(full, "flush"), 2, "lrsched: no space left on device\n"),
        (Broken(full, "write"), 2, "lrsched: no space left on device\n"),
        (Broken(BrokenPipeError(32, "Broken pipe"), "write"), 1, ""),
        (Broken(BrokenPipeError(32, "Broken pipe"), "flush"), 1, ""),
    ):
        monkeypatch.setattr(sys, "stdout", stream)
        try:
            found = cli.main(arguments)
        except SystemExit as stopped:
            found = stopped.code
        monkeypatch.undo()
        assert (found, capsys.readouterr().err) == (status, said), (stream, arguments)


def test_an_encoding_without_the_letters_is_an_error(monkeypatch: Any, capsys: Any) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert cli.main(["show", LR]) == 2
    monkeypatch.undo()
    assert "cannot show this in its encoding, ascii" in capsys.readouterr().err


def test_what_is_wrong_is_said_in_any_encoding(monkeypatch: Any) -> None:
    for stream in (io.TextIOWrapper(io.BytesIO(), encoding="ascii"), None, closed(), Broken(OSError(28, "x"), "write")):
        monkeypatch.setattr(sys, "stderr", stream)
        assert cli.main(["check", "cosiné()"]) == 2
        if isinstance(stream, io.TextIOWrapper):
            assert b"'\\xe9'" in stream.buffer.getvalue() and stream.buffer.getvalue().count(b"\n") == 3
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (None, "standard input is closed"),
        (closed(), "standard input is closed"),
        (
            io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), encoding="utf-8"),
            "standard input: this is no text in its encoding",
        ),
        (io.StringIO("\x00" * 1000), "unexpected character"),
    ],
)
@pytest.mark.parametrize("command", ["check", "identify"])
def test_input_that_cannot_be_read_is_an_error(
    stream: Any, said: str, command: str, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setattr(sys, "stdin", stream)
    assert said in is_refused(capsys, command) or (command == "identify" and stream is not None)
    if isinstance(stream, io.TextIOWrapper):
        stream.seek(0)


class Endless(io.StringIO):
    """A stream that never ends."""

    def read(self, size: int | None = -1) -> str:
        assert size is not None and size >= 0, "an endless stream is not read whole"
        return "1" * size


@pytest.mark.parametrize("command", ["check", "identify"])
def test_endless_input_is_an_error(command: str, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(sys, "stdin", Endless())
    monkeypatch.setattr(inputs, "MOST_BYTES", 1000)
    assert "standard input: at most 1,000 characters are read" in is_refused(capsys, command)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError("Unable to allocate 7 TiB"), 2, "this takes more memory than there is. Unable to allocate 7 TiB"),
        (RecursionError(), 2, "this is nested too deep"),
        (OverflowError("int too large"), 2, "OverflowError: int too large"),
        (ValueError("a\n\x1b[31m"), 2, "ValueError: a"),
        (PermissionError(13, "Permission denied", "a.txt"), 2, "a.txt: permission denied"),
    ],
)
def test_what_a_command_raises_ends_in_a_status(
    error: BaseException, status: int, said: str, monkeypatch: Any, capsys: Any
) -> None:
    def raising(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(inputs, "schedule", raising)
    found, out, err = ran(capsys, "check", LR)
    assert (found, out) == (status, "") and err.startswith(f"lrsched: {said}") and "\x1b" not in err


def test_an_error_in_this_library_still_shows_where_it_is(monkeypatch: Any) -> None:
    monkeypatch.setattr(inputs, "schedule", lambda *_: None)
    with pytest.raises(AttributeError):
        cli.main(["check", LR])


def test_sample_holds_one_block(monkeypatch: Any, capsys: Any) -> None:
    class Nowhere(io.StringIO):
        def write(self, text: str) -> int:
            return len(text)

    used = []
    ran(capsys, "sample", "linear().over(1000000)", "--steps", "9")
    for steps in ("10000", "40000"):
        for form in ("csv", "json"):
            monkeypatch.setattr(sys, "stdout", Nowhere())
            monkeypatch.setattr(sys.modules["lrsched.cli.commands"], "BLOCK", 1000)
            tracemalloc.start()
            assert cli.main(["sample", "linear().over(1000000)", "--steps", steps, "--format", form]) == 0
            used.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            monkeypatch.undo()
    assert max(used[2:]) < 1.2 * max(used[:2])


def test_blocks_make_one_output(monkeypatch: Any, capsys: Any) -> None:
    for form in ("csv", "json"):
        whole = ran(capsys, "sample", "warmup(9) >> rex().over(22)", "--format", form)
        monkeypatch.setattr(sys.modules["lrsched.cli.commands"], "BLOCK", 7)
        assert ran(capsys, "sample", "warmup(9) >> rex().over(22)", "--format", form) == whole
        monkeypatch.undo()


# ---- real processes

PYTHON = [sys.executable, "-m", "lrsched"]


def process(command: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """A command line of the shell, in which ``lrs`` is the command."""
    line = command.replace("lrs ", " ".join(PYTHON) + " ")
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False, **more)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (f"lrs check '{LR}' >&-", 2, "lrsched: standard output is closed\n"),
        (f"lrs sample '{LR}' > /dev/full", 2, "lrsched: no space left on device\n"),
        ("lrs --help > /dev/full", 2, "lrsched: no space left on device\n"),
        ("lrs check <&-", 2, "lrsched: standard input is closed\n"),
        (f"lrs check '{LR}x' 2> /dev/full", 2, ""),
        (f"PYTHONIOENCODING=ascii lrs show '{LR}' > /dev/null", 2, "encoding, ascii"),
        ("lrs sample 'constant(1)' --steps 1e15 | head -2 > /dev/null", 0, ""),
    ],
)
def test_streams_of_a_real_process(command: str, status: int, said: str) -> None:
    found = process(command)
    assert found.returncode == status and "Traceback" not in found.stderr
    assert said in found.stderr and found.stderr.count("\n") == bool(said)


def test_a_signal_to_a_real_process() -> None:
    lines = [
        "import signal, sys, _thread; from lrsched import cli; from lrsched.cli import inputs",
        "signal.signal(signal.SIGINT, signal.default_int_handler)",  # a job in the background is started without it
        "inputs.schedule = lambda *_: _thread.interrupt_main() or [None for _ in range(10**7)]",
        "sys.exit(cli.main(['check', 'x']))",
    ]
    found = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stderr) == (130, "lrsched: interrupted\n")


# ---- pictures


def test_a_picture_is_whole_or_as_it_was(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "a.png"
    assert ran(capsys, "plot", LR, "-o", str(picture))[0] == 0
    picture.chmod(0o640)
    before = picture.read_bytes()

    def stopping(error: BaseException) -> Callable[..., Any]:
        def fsync(_: int) -> None:
            raise error

        return fsync

    for error, status in ((OSError(28, "No space left on device"), 2), (KeyboardInterrupt(), 130)):
        monkeypatch.setattr(files.os, "fsync", stopping(error))
        assert ran(capsys, "plot", "rex().over(50)", "-o", str(picture))[0] == status
        assert picture.read_bytes() == before and list(tmp_path.iterdir()) == [picture]
        assert ran(capsys, "plot", "rex().over(50)", "-o", str(tmp_path / "b.png"))[0] == status
        assert list(tmp_path.iterdir()) == [picture]
    monkeypatch.undo()
    (tmp_path / "link.png").symlink_to(picture)
    assert ran(capsys, "plot", "rex().over(50)", "-o", str(tmp_path / "link.png"))[0] == 0
    assert (tmp_path / "link.png").is_symlink() and picture.read_bytes() != before
    assert picture.stat().st_mode & 0o777 == 0o640
    (tmp_path / "full.png").symlink_to("/dev/full")
    assert "no space left on device" in is_refused(capsys, "plot", LR, "-o", str(tmp_path / "full.png"))


@pytest.mark.parametrize(
    "name", ["$x^$", "$", r"\$x$", "\ud800", "\x1b[31m", "a\nb", "%s {0}", "x" * 10_000, "$\\frac"]
)
def test_names_are_drawn_letter_by_letter(name: str) -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    import lrsched as lrs

    for schedules in ({name: lrs.rex().over(5)}, {name: {name: lrs.rex().over(5)}}):
        axes = lrs.plot(schedules, 5)
        axes.figure.canvas.draw()
        assert len(axes.lines[0].get_label()) < 300
        plt.close(axes.figure)
