"""The page on the architecture: its picture is the table of the layers, and every place that it names is there."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from pathlib import Path

import pytest

import test_layers
from test_layers import BESIDE, HOME, LAYERS, LEVEL

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
TEXT = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
BLOCKS = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PICTURE = next((found[2].splitlines() for found in BLOCKS.finditer(TEXT) if found[1] == "text"), [])
NAMED = re.findall(r"`([^`\n]+)`", BLOCKS.sub("", TEXT))

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not part of the wheel")


def chains(line: str) -> list[list[list[str]]]:
    """The places of a line of the picture: those between dots, each of them in steps along its arrows."""
    places = re.split(r" {3,}", line)[0]
    return [[step.split(", ") for step in chain.split(" → ")] for chain in places.split(" · ")]


def test_the_picture_is_the_table_of_the_layers() -> None:
    drawn = [{place for step in itertools.chain(*chains(line)) for place in step} for line in reversed(PICTURE)]
    assert drawn == [set(places) for places in LAYERS]


def test_the_arrows_are_those_between_neighbours() -> None:
    steps = [pair for line in PICTURE for chain in chains(line) for pair in itertools.combinations(chain, 2)]
    assert {(a, b) for here, there in steps for a in here for b in there} == BESIDE


def defined(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """What a module or a class defines, by name."""
    found: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.If):
            found |= defined([*node.body, *node.orelse])
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id: node for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


@functools.cache
def parsed(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text(encoding="utf-8")).body


def gone(name: str) -> str:
    """What is missing of a dotted name, or nothing."""
    files = test_layers.modules(HOME)
    parts = ["lrsched", *name.split(".")]
    size = max(i for i in range(1, len(parts) + 1) if i == 1 or ".".join(parts[:i]) in files)
    if size == 1:
        return f"there is no module {name}"
    path = files[".".join(parts[:size])]
    body = parsed(path)
    for i in range(size, len(parts)):
        node = defined(body).get(parts[i])
        if node is None:
            return f"{name}: no {parts[i]} in {'.'.join(parts[1:i])} ({path.relative_to(HOME.parent)})"
        body = node.body if isinstance(node, ast.ClassDef) else []
    return ""


def test_every_place_that_is_named_is_there() -> None:
    dotted = {name for name in NAMED if re.fullmatch(r"\w+(\.\w+)+", name) and name.split(".")[0] in LEVEL}
    paths = {name for name in NAMED if re.fullmatch(r"[\w.]+(/[\w.]*)+", name)}
    assert len(dotted) >= 30 and len(paths) >= 4
    missing = [said for name in sorted(dotted) if (said := gone(name))]
    missing += [f"there is no {path}" for path in sorted(paths) if not (ROOT / path).exists()]
    assert not missing, "docs/architecture.md: " + "; ".join(missing)


def test_a_name_that_is_gone_is_noticed() -> None:
    assert gone("ir.term.Builder.floats") == gone("ir.lower") == gone("text.reading.parse") == ""
    assert (
        gone("ir.term.Builder.floated") == "ir.term.Builder.floated: no floated in ir.term.Builder (lrsched/ir/term.py)"
    )
    assert gone("reading.first") == "there is no module reading.first"


def test_every_place_that_is_named_has_a_file() -> None:
    """No name of the page escapes the test above: what stands in backticks is checked, or code, or a name of the page."""
    free = {"lrsched", "repr", "__call__", *(name.rpartition(".")[2] for name in NAMED if "." in name)}
    for name in NAMED:
        checked = name.split(".")[0] in {*LEVEL, "lrs"} or "/" in name or not re.fullmatch(r"[\w.]+", name)
        assert checked or name in free, f"{name}: say where it is, as in ir.lower.lower"
