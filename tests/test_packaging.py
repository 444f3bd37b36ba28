"""What an installed distribution promises: a light import, types, one version, honest requirements."""

import ast
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lrsched

DISTRIBUTION = "lrsched-algebra"
PACKAGES = ("lrsched", "lrsched_torch", "lrsched_optax", "lrsched_keras")
HEAVY = ("jax", "jaxlib", "optax", "torch", "keras", "tensorflow", "matplotlib", "scipy", "pandas", "sklearn", "rich")
ROOT = Path(__file__).resolve().parent.parent


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.submodule_search_locations, f"{package} is not installed"
    return Path(next(iter(spec.submodule_search_locations)))


def project() -> dict:
    file = ROOT / "pyproject.toml"
    if not file.exists():
        pytest.skip("no pyproject.toml beside the tests")
    return tomllib.loads(file.read_text(encoding="utf-8"))["project"]


def test_names_load_numpy_and_nothing_else_heavy():
    loaded = run(
        "import sys, lrsched; lrsched.warmup; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ).split()
    assert "numpy" in loaded
    assert not set(HEAVY) & set(loaded)


def test_evaluating_on_the_host_imports_no_framework():
    code = "import sys, lrsched as l; s = 3e-4 * (l.warmup(5) >> l.cosine().over(9)); s(3), s.sample(14), repr(s)"
    loaded = run(f"{code}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))").split()
    assert not set(HEAVY) & set(loaded)


@pytest.mark.parametrize("package", PACKAGES)
def test_types_are_shipped(package):
    assert (folder(package) / "py.typed").is_file()


def test_version_is_that_of_the_distribution():
    assert lrsched.__version__ == importlib.metadata.version(DISTRIBUTION)


def test_command_is_installed():
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="lrsched")
    assert command.value == "lrsched.cli:main"
    assert callable(command.load())


def test_python_minus_m_is_the_command():
    done = subprocess.run([sys.executable, "-m", "lrsched", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [DISTRIBUTION, lrsched.__version__]


def test_numpy_is_the_only_requirement():
    assert [re.split(r"\W", wanted)[0] for wanted in project()["dependencies"]] == ["numpy"]


def extras() -> dict[str, list[str]]:
    return project()["optional-dependencies"]


def named(want: str) -> str:
    return re.split(r"[^\w.-]", want)[0].lower()


def test_extras_pin_no_version():
    """An exact version, or a highest one, would move what a program has installed."""
    assert {"jax", "torch", "keras", "plot", "cli", "demo", "integrations", "bench", "test"} == set(extras())
    pinned = [want for wanted in extras().values() for want in wanted if re.search(r"==|~=|<|!=|@", want)]
    assert not pinned


def test_extras_are_complete_and_agree():
    brought = {name: {named(want) for want in wanted} for name, wanted in extras().items()}
    for name in ("torch", "bench", "integrations", "test"):
        assert "torch" in brought[name], f"{name} is not complete by itself: it lacks torch"
    floors: dict[str, set[str]] = {}
    for want in (want for wanted in extras().values() for want in wanted if ">=" in want):
        floors.setdefault(named(want), set()).add(want)
    assert all(len(asked) == 1 for asked in floors.values()), "one lowest version everywhere"


def test_constraints_pin_each_direct_dependency_of_the_tests_once():
    extras()
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", pin) for pin in pins)
    names = [named(pin) for pin in pins]
    assert len(set(names)) == len(names)
    wanted = {named(want) for name in ("test", "integrations", "bench") for want in extras()[name]}
    assert set(names) == wanted - {DISTRIBUTION} | {
        "tensorflow-cpu"
    }  # which .ci/run puts into an environment of its own


@pytest.mark.parametrize("package", PACKAGES[1:])
def test_adapters_use_public_names_only(package):
    for file in folder(package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            private = [name for name in names if re.match(r"lrsched\.(.*\.)?_[^_]", name)]
            assert not private, f"{file.name}:{node.lineno} imports {private}"


def test_core_does_not_know_the_adapters():
    for file in folder("lrsched").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) lrsched_", text, re.MULTILINE), file.name


WRONG_INSTALL = re.compile(r"pip install (-\S+ )*[\"']?lrsched(?!-algebra)")


def test_nobody_is_told_to_install_the_other_project():
    assert WRONG_INSTALL.search("pip install lrsched") and WRONG_INSTALL.search('pip install -U "lrsched[demo]"')
    assert not WRONG_INSTALL.search('pip install "lrsched-algebra[demo]"')
    files = [path for package in PACKAGES for path in folder(package).rglob("*.py")]
    files += [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    told = [path.name for path in files if WRONG_INSTALL.search(path.read_text(encoding="utf-8"))]
    assert not told
