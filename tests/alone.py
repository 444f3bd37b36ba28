"""A program: each module of the package is the first that is imported, and everything works from there.

``python alone.py`` goes through them without JAX, ``python alone.py jax`` through every third with JAX imported before.
"""

import importlib
import importlib.util
import pickle
import pkgutil
import sys

TEXT = "0.1 * (warmup(5) >> cosine().over(20, end=0.5).clipped(0.2, 2.0))"
LEAVES = [0.1, 5, 0.0, 1.0, 20, 1.0, 0.5, 0.2, 2.0]
JAX = (
    "lrsched.ir.jax_integers",
    "lrsched.targets._jax",
    "lrsched.targets.threshold_search",
)  # what only the use of JAX imports
YAML = ("lrsched.cli.yaml_reader",)  # what only the reading of YAML imports
finders = list(sys.meta_path)


def modules():
    import lrsched

    names = ["lrsched", *(found.name for found in pkgutil.walk_packages(lrsched.__path__, "lrsched."))]
    absent = [*([] if importlib.util.find_spec("jax") else JAX), *([] if importlib.util.find_spec("yaml") else YAML)]
    return [name for name in names if name not in absent]


def forget():
    """As in a new process."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "lrsched"]:
        del sys.modules[name]
    sys.meta_path[:] = finders


def built(saved):
    from lrsched.profiles import cosine
    from lrsched.schedules import warmup

    return 0.1 * (warmup(5) >> cosine().over(20, end=0.5).clipped(0.2, 2.0))


def unpickled(saved):
    return pickle.loads(saved)


def parsed(saved):
    from lrsched.text import parse

    return parse(TEXT)


def touched(saved):
    import lrsched

    assert callable(lrsched.plan)
    return 0.1 * (lrsched.warmup(5) >> lrsched.cosine().over(20, end=0.5).clipped(0.2, 2.0))


WAYS = (built, unpickled, parsed, touched)  # each module is followed by one of them, by another with JAX


def read(expression):
    return [expression(t) for t in range(30)], expression.sample(30).tolist(), expression.boundaries()


def known_to_jax():
    """Whether JAX knows every kind there is, or will be told."""
    node = sys.modules.get("lrsched.algebra.registry")
    if node is None or not node.KINDS:
        return True
    if "jax" in sys.modules:
        return set(node.KINDS.values()) == sys.modules["lrsched.algebra.pytree"].REGISTERED
    return [type(finder).__name__ for finder in sys.meta_path].count("_AfterImport") == 1


def check(name, way, saved, values):
    forget()
    importlib.import_module(name)
    assert known_to_jax(), "JAX is not told of kinds"
    expression = way(saved)
    assert known_to_jax(), "JAX is not told of later kinds"
    if "jax" in sys.modules:
        assert sys.modules["jax"].tree.leaves(expression) == LEAVES
    assert read(expression) == values
    assert repr(expression) == TEXT
    assert pickle.dumps(expression) == saved
    assert len(sys.modules["lrsched.algebra.registry"].KINDS) > 60


def main():
    import lrsched

    expression = lrsched.parse(TEXT)
    saved, values = pickle.dumps(expression), read(expression)
    names = modules()[:: 3 if "jax" in sys.modules else 1]
    for i, name in enumerate(names, len(sys.argv)):
        way = WAYS[i % len(WAYS)]
        try:
            check(name, way, saved, values)
        except BaseException as error:
            error.add_note(f"{name} first, then {way.__name__}")
            raise
    sys.stdout.write(f"{len(names)}\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["jax"]:
        import jax  # noqa: F401
    main()
