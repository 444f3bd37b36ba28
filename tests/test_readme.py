"""Every Python block of the README runs as a script of its own and gives what its `# ->` comments say.

What the README says of the command, of installing and of the screens holds too.
"""

import ast
import itertools
import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

import lrsched as lrs
from lrsched import cli

README = Path(__file__).resolve().parent.parent / "README.md"
FRAMEWORKS = ("jax", "optax", "torch", "keras", "matplotlib", "lrsched_torch", "lrsched_optax", "lrsched_keras")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMISE = re.compile(r"^(?P<code>\S.*?)\s+# -> (?P<value>.+)$")


class Section(NamedTuple):
    title: str
    code: str


def sections(text: str) -> Iterator[Section]:
    """Put the blocks under one heading together, each line where it stands in the file."""
    starts = [0, *(found.start() for found in re.finditer(r"^## ", text, re.MULTILINE)), len(text)]
    for start, stop in pairwise(starts):
        title = text[start:stop].lstrip("# ").splitlines()[0] if text[start:stop].strip() else ""
        lines = [""] * text.count("\n", 0, stop)
        for block in BLOCK.finditer(text, start, stop):
            first = text.count("\n", 0, block.start(1))
            for offset, line in enumerate(block[1].splitlines()):
                lines[first + offset] = line
        if any(lines):
            yield Section(title, "\n".join(lines))


def blocks(text: str) -> Iterator[Section]:
    """Give every block alone, each line where it stands in the file."""
    for block in BLOCK.finditer(text):
        before = text[: block.start(1)]
        title = re.findall(r"^##? (.*)$", before, re.MULTILINE)[-1]
        first = before.count("\n")
        yield Section(f"{title}, line {first + 1}", "\n" * first + block[1])


def promised(code: str) -> str:
    """Turn `expression  # -> value` into a call that compares the two; line numbers stay."""

    def turn(line: str) -> str:
        found = PROMISE.match(line)
        return f"_same(({found['code']}), {found['value']}, {line!r})" if found else line

    return "\n".join(turn(line) for line in code.splitlines())


def same(got: object, value: object, line: str) -> None:
    wanted = value if isinstance(value, bool | str) else pytest.approx(value, rel=1e-6, abs=0)
    assert got == wanted, line


def needed(code: str) -> set[str]:
    """Find the frameworks that a block imports."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found & set(FRAMEWORKS)


def read() -> list[Section]:
    return list(blocks(README.read_text(encoding="utf-8"))) if README.exists() else []


@pytest.mark.parametrize("section", [pytest.param(section, id=section.title) for section in read()])
def test_blocks_run_and_keep_their_word(section):
    for name in sorted(needed(section.code)):
        pytest.importorskip(name)
    exec(compile(promised(section.code), str(README), "exec"), {"_same": same})


def test_a_wrong_promise_is_noticed():
    (section,) = sections("# t\n\n## a\n```python\nx = 2\nx + 1  # -> 4\n```\n")
    with pytest.raises(AssertionError, match="x \\+ 1"):
        exec(promised(section.code), {"_same": same})


def test_blocks_are_found_and_most_make_promises():
    text = README.read_text(encoding="utf-8")
    found = list(blocks(text))
    assert sum(1 for section in found for line in section.code.splitlines() if PROMISE.match(line)) >= 20
    assert text.count("```python") == len(found) >= len(list(sections(text))) >= 6


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def losses() -> str:
    """A log of six short runs, with losses that a law made."""
    law = lrs.analysis.SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, peaks=(3e-4, 3e-3))
    lines = ["run,expression,steps,step,loss"]
    for share, peak in itertools.product((10, 2.5), (3e-4, 1e-3, 3e-3)):
        schedule = peak * lrs.minimum(1, share * lrs.linear().over(2000))
        for step, loss in zip((500, 1000, 2000), law.predict(schedule, at=[500, 1000, 2000]).tolist(), strict=True):
            lines.append(f'{share}-{peak},"{schedule!r}",,{step},{loss!r}')
    return "\n".join(lines) + "\n"


def test_the_commands_run_as_they_stand(tmp_path, monkeypatch, capsys):
    for name in ("rich", "yaml", "matplotlib"):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    (config,) = fenced("yaml")
    Path("config.yaml").write_text(config, encoding="utf-8")
    Path("runs.csv").write_text(losses(), encoding="utf-8")
    lines = [line for text in fenced("sh") for line in text.splitlines() if line.startswith("lrsched ")]
    ran = set()
    for line in lines:
        words = shlex.split(line, comments=True)
        target = words[words.index(">") + 1] if ">" in words else None
        assert cli.main(words[1 : words.index(">") if target else None]) == (words[1] == "diff"), line
        printed = capsys.readouterr().out
        assert printed, line
        if target:
            Path(target).write_text(printed, encoding="utf-8")
        ran.add(words[1])
    assert ran == {run.__name__ for run in cli.COMMANDS} - {"demo"}
    assert Path("rates.png").stat().st_size > 10_000


def test_the_mistake_reads_as_it_stands(capsys):
    (text,) = [text for text in fenced("text") if text.startswith("$ ")]
    command, _, told = text.partition("\n")
    assert cli.main(shlex.split(command)[2:]) == 2
    assert capsys.readouterr().err == told


def test_the_extras_that_it_names_exist():
    project = tomllib.loads((README.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = set(re.findall(r"\.\[([a-z,]+)\]", README.read_text(encoding="utf-8")))
    assert {"demo", "test", "torch", "cli,plot"} <= named
    assert {name for group in named for name in group.split(",")} <= set(project["optional-dependencies"])


def test_two_commands_try_it_out():
    (demo, tests) = [line for text in fenced("sh") for line in text.splitlines() if "&&" in line]
    assert demo.startswith('pip install -e ".[demo]" && ')
    assert tests == 'pip install -c constraints.txt -e ".[test]" && pytest -n 2'


def test_the_table_of_the_demo_names_its_schedules():
    from lrsched.cli import demo

    (table,) = [text for text in fenced("text") if "accuracy" in text]
    rows = {line[:20].strip(): line.split() for line in table.splitlines()[2:]}
    declared = demo.schedules(100)
    assert list(rows) == list(declared)
    for name, words in rows.items():
        assert [float(word) for word in words[-3:]] == [float(f"{declared[name](t):.2g}") for t in (0, 50, 99)]
