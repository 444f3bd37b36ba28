"""Every Python block of the README runs, section by section, and gives what its `# ->` comments say."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

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
    return list(sections(README.read_text(encoding="utf-8"))) if README.exists() else []


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
    found = list(sections(text))
    assert sum(1 for section in found for line in section.code.splitlines() if PROMISE.match(line)) >= 20
    assert text.count("```python") == len(BLOCK.findall(text)) >= len(found) >= 6
