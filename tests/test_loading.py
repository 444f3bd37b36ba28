"""`import lrsched` loads NumPy and the core; other names load what they take; every module can be the first imported."""

import ast
import importlib
import pickle
import subprocess
import sys
import types
from pathlib import Path

import pytest

import alone
import lrsched as lrs
from lrsched.algebra.fields import REQUIRED, Field
from lrsched.foundation.records import replaced
from lrsched.ir.floor_lines import FloorLine

SEE = "import sys; before = set(sys.modules)\ndef new(): return sorted(set(sys.modules) - before)\n"


def run(code: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_import_loads_numpy_and_the_core_alone():
    heavy = ("jax", "torch", "keras", "optax", "matplotlib", "rich", "yaml", "json", "difflib", "lrsched.text")
    lazy = (
        "lrsched.recipes",
        "lrsched.presets",
        "lrsched.feedback",
        "lrsched.inspection",
        "lrsched.display",
        "lrsched.cli",
    )
    code = f"import lrsched; print('numpy' in new(), [name for name in {heavy + lazy} if name in sys.modules])"
    assert run(SEE + code) == ["True []"]


def test_what_is_no_name_is_an_attribute_error_and_loads_nothing():
    code = """import lrsched
for name in ("does_not_exist", "__wrapped__", "_repr_html_", "plam"):
    try:
        getattr(lrsched, name)
    except AttributeError as error:
        print(error)
before = set(sys.modules)
try:
    from lrsched import does_not_exist
except ImportError as error:
    print(str(error).partition(" (")[0])
dir(lrsched), lrsched.__version__, lrsched.__all__, lrsched.__doc__
print(new())"""
    names = ("does_not_exist", "__wrapped__", "_repr_html_", "plam")
    told = [f"module 'lrsched' has no attribute {name!r}" for name in names]
    assert run(SEE + code) == [*told, "cannot import name 'does_not_exist' from 'lrsched'", "[]"]


def test_the_first_call_loads_nothing_more():
    code = """import lrsched
before = set(sys.modules)
schedule = 0.1 * (lrsched.warmup(5) >> lrsched.cosine().over(20, end=0.5))
schedule(3)
print(new())"""
    assert run(SEE + code) == ["[]"]


def test_dir_and_star_import_before_anything_is_loaded():
    code = """import lrsched
known, before = dir(lrsched), set(sys.modules)
print(sorted({*lrsched.__all__, "__all__", "__version__", "compile", "sum", "targets"} - set(known)), new())
from lrsched import *
print([name for name in lrsched.__all__ if globals()[name] is not getattr(lrsched, name)], sorted(set(known) - set(dir(lrsched))))
help("lrsched.warmup")"""
    first, second, *told = run(SEE + code)
    assert [first, second] == ["[] []", "[] []"]
    assert "warmup" in " ".join(told) and "no Python documentation" not in " ".join(told)


def typed() -> dict[str, str]:
    """The names that type checkers see and programs load later, and the modules that they come from."""
    (block,) = (node for node in ast.parse(Path(lrs.__file__).read_text(encoding="utf-8")).body
                if isinstance(node, ast.If) and isinstance(node.test, ast.Name))  # fmt: skip
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_type_checkers_see_every_name_where_it_is():
    assert len(lrs.__all__) == len(set(lrs.__all__))
    homes = typed()
    assert set(homes) == set(lrs.LATER) <= set(lrs.__all__)
    for name, home in homes.items():
        assert home == f"lrsched.{lrs.LATER[name]}".rstrip("."), name
        found = importlib.import_module(f"lrsched.{name}" if home == "lrsched" else home)
        assert getattr(lrs, name) is (found if home == "lrsched" else getattr(found, name)), name


def test_names_are_not_shadowed_by_modules():
    names = {*lrs.__all__, "compile", "sum"}
    before = {name: getattr(lrs, name) for name in names}
    for module in alone.modules():
        importlib.import_module(module)
    modules = {module.removeprefix("lrsched.") for module in alone.modules()}
    assert names & modules == {name for name in names if isinstance(before[name], types.ModuleType)}
    assert all(getattr(lrs, name) is before[name] for name in names)


def test_each_module_can_be_the_first():
    done = subprocess.run([sys.executable, alone.__file__], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(alone.modules()) > 70


def test_a_schedule_is_unpickled_where_nothing_was_imported():
    expression = 0.1 * (lrs.warmup(5) >> lrs.rex(0.5).over(20).clipped(0.2, 2.0))
    code = "import pickle, sys; x = pickle.loads(bytes.fromhex(sys.argv[1])); print(x); print(x(7), x.sample(9).sum())"
    assert run(code, pickle.dumps(expression).hex()) == [
        repr(expression),
        f"{expression(7)} {expression.sample(9).sum()}",
    ]


def test_a_kind_cannot_take_the_name_of_one_that_is_not_loaded_yet():
    code = """
from lrsched.algebra.constructor import kind
from lrsched.algebra.schedule import Schedule
try:
    @kind("power_decay")
    class Mine(Schedule):
        pass
except ValueError as error:
    print(error)
import lrsched
print(lrsched.power_decay(0.5, 10)(0))"""
    told, value = run(code)
    assert told.startswith("kind: name must be a name that no other kind has") and value == "1.0"


def test_records_have_the_fields_that_they_declare_and_never_change():
    line = FloorLine(3, more=1, over=2)
    assert (line.at(5), replaced(line, more=5).at(5), repr(line)) == (8, 10, "FloorLine(times=3, more=1, over=2)")
    assert Field("real", low=0.0).default is REQUIRED and Field("real", 0.5).default == 0.5
    with pytest.raises(AttributeError, match="a FloorLine never changes: cannot set 'more'"):
        line.more = 2


THREADS = """
import alone, sys, threading
sys.setswitchinterval(1e-6)
def name(): import lrsched; return lrsched.warmup(4)(1)
def another(): from lrsched import linear; return linear().over(4)(2)
def module(): from lrsched.serial import from_dict; return from_dict({"format": 1, "kind": "constant", "value": 0.5})(3)
def later(): import lrsched; return lrsched.parse("hold(2, 0.75)")(0)
def recipe(): from lrsched import recipes; return recipes.sgdr(1.0, 4)(0)
def kinds(): from lrsched import units; return float(units.size(2, 0))
WORK = (name, another, module, later, recipe, kinds)
for round in range(15):
    alone.forget()
    found, start = {}, threading.Barrier(len(WORK))
    def work(do):
        start.wait()
        try:
            found[do.__name__] = do()
        except BaseException as error:
            found[do.__name__] = repr(error)
    threads = [threading.Thread(target=work, args=[do]) for do in WORK]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert list(map(found.get, [do.__name__ for do in WORK])) == [0.25, 0.5, 0.5, 0.75, 1.0, 2.0], found
print("sound")
"""


def test_threads_that_are_all_the_first():
    assert run(f"import sys; sys.path.insert(0, '.')\n{THREADS}") == ["sound"]


@pytest.mark.parametrize("module", ["adapting", "text", "presets.torch", "recipes", "cli"])
def test_a_module_alone_brings_the_package_with_it(module):
    assert run(f"import lrsched.{module}; print(lrsched.warmup(4)(1))") == ["0.25"]
