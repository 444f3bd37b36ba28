"""The floor plan: a folder imports what is below it and nothing above, inside functions as at the top."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable
from pathlib import Path

import pytest

import lrsched
from lrsched.algebra import doors

HOME = Path(lrsched.__file__).parent

# from the bottom up; the places of one layer do not import each other, but for those named in BESIDE
LAYERS = (
    ("foundation",),
    ("ir", "feedback", "grouping", "discovery"),
    ("targets",),
    ("compiler", "sampling"),
    ("algebra",),
    ("profiles",),
    ("schedules",),
    ("combinators", "layers", "units", "range_test"),
    ("recipes", "presets", "inspection"),
    ("text", "display"),
    ("adapting", "analysis"),
    ("__init__",),
    ("cli", "__main__", "serial", "greedy"),  # the last two are what pickles name
)
# what one place of a layer may import of another one of the same layer, always in this direction
BESIDE = {("__main__", "cli")}
LEVEL = {place: level for level, places in enumerate(LAYERS) for place in places}
LONGEST_FILE, LONGEST_BODY = 500, 35
FREE_OF_LENGTH = ("recipes", "presets")


def modules(home: Path) -> dict[str, Path]:
    """Every module below a package's folder, by its dotted name."""
    found = {}
    for path in sorted(home.rglob("*.py")):
        parts = [home.name, *path.relative_to(home).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)] = path
    return found


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imported(tree: ast.AST, known: Iterable[str], package: str) -> set[str]:
    """The modules of the package that a module imports, anywhere but for type checkers."""
    known, found, waiting = set(known), set(), [tree]
    while waiting:
        node = waiting.pop()
        if is_for_type_checkers(node):
            waiting.extend(node.orelse)
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & known
            found |= inner
            if len(inner) < len(node.names):
                found.add(node.module)
    return {f"{name}.__init__" if name == package else name for name in found if name.partition(".")[0] == package}


def arrows(home: Path) -> dict[str, set[str]]:
    """What each module of a package imports of it."""
    files = modules(home)
    return {name: imported(ast.parse(path.read_text()), files, home.name) - {name} for name, path in files.items()}


def place(module: str) -> str:
    return module.split(".")[1]


def climbing(found: dict[str, set[str]]) -> list[str]:
    """The imports that lead up, or to a neighbour."""
    wrong = []
    for module, others in found.items():
        for other in others:
            here, there = place(module), place(other)
            if here == there or (here, there) in BESIDE:
                continue
            if LEVEL[there] >= LEVEL[here]:
                wrong.append(f"{module} -> {other}")
    return sorted(wrong)


def circles(found: dict[str, set[str]]) -> list[str]:
    """The modules that import themselves by way of others."""
    rest = {module: set(others) & found.keys() for module, others in found.items()}
    while ready := [module for module, others in rest.items() if not others & rest.keys()]:
        for module in ready:
            del rest[module]
    while ready := [m for m in rest if not any(m in others for others in rest.values())]:
        for module in ready:
            del rest[module]
    return sorted(rest)


def bodies(path: Path) -> Iterable[tuple[str, int]]:
    """The length of every function without its signature and docstring."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if body:
                yield f"{path.name}: {node.name}", body[-1].end_lineno - body[0].lineno + 1


def test_every_place_has_a_layer() -> None:
    assert {place(module) for module in modules(HOME)} == LEVEL.keys()


def test_nothing_is_imported_from_above() -> None:
    assert climbing(arrows(HOME)) == []


def test_every_arrow_between_neighbours_is_used() -> None:
    used = {(place(module), place(other)) for module, others in arrows(HOME).items() for other in others}
    assert used >= BESIDE


ADAPTERS = Path(__file__).parents[1] / "adapters"


@pytest.mark.parametrize(
    "home",
    [HOME, *(sorted(p for p in ADAPTERS.iterdir() if p.name.startswith("lrsched_")) if ADAPTERS.is_dir() else ())],
    ids=lambda p: p.name,
)
def test_no_module_imports_itself_by_way_of_others(home: Path) -> None:
    assert circles(arrows(home)) == []


@pytest.mark.parametrize("text", ["from lrsched.combinators import cycles", "def f():\n    from lrsched import text"])
def test_a_planted_import_is_noticed(text: str) -> None:
    found = arrows(HOME)
    found["lrsched.ir.term"] |= imported(ast.parse(text), modules(HOME), "lrsched")
    assert climbing(found) == [f"lrsched.ir.term -> lrsched.{'combinators.cycles' if 'cycles' in text else 'text'}"]
    assert circles(arrows(HOME) | {"lrsched.ir.term": found["lrsched.ir.term"]})


@pytest.mark.parametrize("door", doors.DOORS)
def test_every_door_leads_somewhere(door: str) -> None:
    module, _, function = doors.DOORS[door].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_modules_are_found_by_name_in_few_places() -> None:
    """What an import statement does not show: the doors, targets by their names, and public names loaded later."""
    assert len(doors.DOORS) <= 5
    found = {name for name, path in modules(HOME).items() if "import_module" in path.read_text()}
    assert found == {
        "lrsched.__init__",
        "lrsched.algebra.doors",
        "lrsched.analysis",
        "lrsched.presets",
        "lrsched.targets",
    }


def test_an_import_for_type_checkers_is_none() -> None:
    assert not imported(ast.parse("if TYPE_CHECKING:\n    from lrsched import text"), modules(HOME), "lrsched")


def test_the_listing_reads_like_a_table_of_contents() -> None:
    entries = [p for p in HOME.iterdir() if p.name not in ("__pycache__", "py.typed")]
    assert len([p for p in entries if p.suffix == ".py"]) <= 12
    assert len([p for p in entries if p.is_dir()]) <= 16
    for folder in filter(Path.is_dir, entries):
        doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
        assert len(doc.split()) >= 30, f"{folder.name}: what lives here, what it may import, how a thing is added"


def test_files_and_functions_are_short() -> None:
    for path in modules(HOME).values():
        if path.relative_to(HOME).parts[0] not in FREE_OF_LENGTH:
            assert len(path.read_text().splitlines()) <= LONGEST_FILE, path
        for name, length in bodies(path):
            assert length <= LONGEST_BODY, name
