"""Every Python block of the pages in docs runs and gives what its comments say; links lead somewhere."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

import lrsched
import test_readme
from lrsched import targets, text
from lrsched.algebra import registry as _registry
from lrsched.schedules.custom import FUNCTIONS

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = [p for p in sorted(DOCS.glob("*.md")) if p.name not in ("catalogue.md", "cheatsheet.md", "configs.md")]
FRAMEWORKS = ("jax", "optax", "torch", "keras", "matplotlib", "lightning", "transformers")
TRAINED = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]  # trainers warn of much that is their own

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the pages are not part of the wheel")


@pytest.fixture
def registries():
    """What a page registers is forgotten, so that tests over the registries do not see it."""
    held = [_registry.KINDS, FUNCTIONS, targets.REGISTERED]
    before = [dict(registry) for registry in held]
    text.vocabulary._forget(None)
    yield
    for registry, kept in zip(held, before, strict=True):
        registry.clear()
        registry.update(kept)
    text.vocabulary._forget(None)


def whole(page):
    """The blocks of a page as one program, each line where it stands."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * (text.count("\n") + 1)
    for block in test_readme.BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1))
        for i, line in enumerate(block[1].splitlines()):
            lines[first + i] = line
    return "\n".join(lines)


def same(got, value, line):
    numbers = value if isinstance(value, tuple | list) else [value]
    if all(isinstance(x, int | float) and not isinstance(x, bool) for x in numbers):
        value = pytest.approx(value, rel=1e-6, abs=0)
    assert got == value, line


PROMISE = re.compile(r"^(?P<code>[^#\s].*?)\s+# -> (?P<value>.+)$")


def promised(code):
    """``expression  # -> value`` as a call that compares the two."""

    def turn(line):
        found = PROMISE.match(line)
        return f"_same(({found['code']}), ({found['value']}), {line!r})" if found else line

    return "\n".join(turn(line) for line in code.splitlines())


def run(code, name, monkeypatch, folder):
    """Run a program as a module in a file, since some packages read the source of classes."""
    module = types.ModuleType(f"docs_{name}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    file = folder / f"docs_{name}.py"
    file.write_text(promised(code), encoding="utf-8")
    module.__dict__.update(_same=same, __file__=str(file))
    exec(compile(promised(code), str(file), "exec", dont_inherit=True), module.__dict__)


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=TRAINED if p.stem == "trainers" else [], id=p.stem) for p in PAGES]
)
def test_blocks_run_and_keep_their_word(page, registries, monkeypatch, tmp_path):
    code = whole(page)
    for name in FRAMEWORKS:
        if re.search(rf"^(import|from) {name}\b", code, re.MULTILINE):
            pytest.importorskip(name)
    assert sum(map(bool, map(PROMISE.match, code.splitlines()))) >= 4
    run(code, page.stem, monkeypatch, tmp_path)


def test_a_wrong_promise_is_noticed():
    with pytest.raises(AssertionError, match="1 \\+ 1"):
        exec(promised("1 + 1   # -> 3"), {"_same": same})


LATER = {"catalogue.md", "cheatsheet.md"}


def test_links_lead_to_pages_that_exist():
    readme = DOCS.parent / "README.md"
    for page in [*DOCS.glob("*.md"), readme]:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists() or Path(target).name in LATER, f"{page.name}: {target}"


def test_names_in_the_pages_exist():
    for page in PAGES:
        for name in re.findall(r"\blrs\.([A-Za-z_]+)", page.read_text(encoding="utf-8")):
            assert hasattr(lrsched, name), f"{page.name}: lrs.{name}"
