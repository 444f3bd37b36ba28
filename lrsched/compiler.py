"""From an expression to functions: one lowering, one generated function per target, cached on the expression."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from lrsched import targets
from lrsched.foundation.errors import (
    A_SCHEDULE,
    EARLIER,
    LIMIT,
    ScheduleError,
    ScheduleTypeError,
    check_choice,
    fail,
    power_of_two,
)
from lrsched.foundation.numbers import float_type, is_jax
from lrsched.ir.expression import Expression
from lrsched.ir.lower import lower
from lrsched.targets import _python as py

__all__ = ["calling", "compile", "source"]

A_STEP = f"a number in [0, 1]; what counts steps must be {A_SCHEDULE}"  # where a profile is called with an integer
# what takes a step that is a tensor of a framework, by the package that its type is from
TAKES_TENSORS = {
    "tensorflow": "lrsched_keras.LearningRate(schedule) takes tensors of TensorFlow",
    "keras": "lrsched_keras.LearningRate(schedule) takes tensors and variables of Keras",
    "torch": "lrsched_torch.Scheduler(optimizer, lr=schedule) follows it in PyTorch; a tensor's value is t.item()",
    "mlx": "in MLX write lambda t: mx.array(schedule(t.item()))",
}


def compile(node: Any, target: str, dtype: Any = None) -> Callable[[Any], Any]:
    """The bare function of an expression for one target.

    Args:
        node: a schedule or a profile.
        target: "python" (one step), "numpy" (arrays), "jax" (arrays and tracers) or a registered one.
        dtype: of the result; the target's own float type unless said otherwise.

    Returns:
        A function of the step. Its ``source`` is readable text; that of "python" runs alone.

    Raises:
        ScheduleError: there is no such target, or the expression holds arrays and the target is not JAX.

    Example:
        >>> import lrsched as lrs
        >>> print(lrs.compile(lrs.warmup(500) >> lrs.constant(1.0), "python")(250))
        0.5
    """
    if not isinstance(node, Expression):
        fail("compile", "the expression", "a schedule or a profile", node, wrong_type=True)
    chosen = targets.table(target)
    if target == "c":
        raise ScheduleTypeError("compile: the target 'c' is text only: lrsched.compiler.source(s, 'c')")
    node.evaluable() if target == "jax" else node.concrete(f"compiled for {target}")
    builders: dict[str, Callable[..., Any]] = {"python": _python, "numpy": _numpy, "jax": _jax}
    if target in builders:
        return builders[target](node, dtype)
    return _registered(node, chosen, dtype)


def source(node: Any, language: str = "python") -> str:
    """Source text that computes an expression on its own: nothing of this library is needed to run it.

    Args:
        node: a schedule or a profile.
        language: "python" (needs ``math``) or "c" (C99; needs ``math.h`` and ``stdint.h``).

    Raises:
        ScheduleError: the expression cannot stand alone: it has a ``custom`` part, or arrays.

    Example:
        >>> import lrsched as lrs
        >>> from lrsched.compiler import source
        >>> print(source(3e-4 * (lrs.warmup(500) >> lrs.constant(1.0)), "c"))
        /* 0.0003 * (warmup(500) >> constant(1.0)) */
        #include <math.h>
        #include <stdint.h>
        <BLANKLINE>
        double schedule(int64_t t)
        {
            if (t < 0 || t >= 9007199254740992) return NAN;
            ...
        }
    """
    check_choice("source", "language", language, ("python", "c"))
    if not isinstance(node, Expression):
        fail("source", "the expression", "a schedule or a profile", node, wrong_type=True)
    node.concrete("written as source")
    if language == "c":
        from lrsched.targets import _c

        return _c.source(lower(node, _c.TARGET.builder(node.takes_progress)), repr(node), _reach(node))
    text, objects = _python_source(node)
    if any(name.startswith("custom") for name in objects):
        raise ScheduleError("source: a custom schedule is a Python function and cannot be written as source")
    return py.complete(text, objects)


def _variant(node: Any, target: Any, real: bool) -> tuple[str, dict[str, Any]]:
    source, objects = target.function(lower(node, target.builder(real)))
    return source, objects


def _reach(node: Any) -> int:
    """The steps that a schedule can be asked for are below it; 0 for a profile, which has none."""
    if node.takes_progress:
        return 0
    reach: Any = min(LIMIT, node.reach)
    return reach


# ---- Python


def _python(node: Any, dtype: Any = None) -> Callable[[Any], Any]:
    if dtype is not None:
        number = float_type("compile", dtype).type
        bare = _python(node)
        converted: Any = lambda t: number(bare(t))  # noqa: E731
        converted.source = bare.source  # type: ignore[attr-defined]
        return converted
    source, objects = _python_source(node)
    function: Any = py.loaded(source, objects)
    function.source = py.complete(source, objects)
    return function


def _python_body(node: Any, real: bool, objects: dict[str, Any]) -> str:
    """The lines of a function of a step, which refuse those that it cannot be asked for; what they name is added."""
    return py.body(lower(node, py.TARGET.builder(real)), objects, _reach(node))


def _python_source(node: Any) -> tuple[str, dict[str, Any]]:
    """The function of a step; steps between whole ones have one of their own where they are computed otherwise."""
    objects: dict[str, Any] = {}
    if node.takes_progress:
        return "def schedule(t):\n    t = float(t)\n" + _python_body(node, True, objects), objects
    whole, between = (_python_body(node, real, objects) for real in (False, True))
    if between == whole:
        return "def schedule(t):\n    if type(t) is not int: t = step(t)\n" + whole, objects
    guard = "    if type(t) is not int:\n        t = step(t)\n        if type(t) is float: return between(t)\n"
    return f"def between(t):\n{between}\ndef schedule(t):\n{guard}{whole}", objects


# ---- NumPy


def _numpy(node: Any, dtype: Any = None) -> Callable[[Any], Any]:
    target = targets.table("numpy")
    source, objects = _variant(node, target, node.takes_progress)
    whole, reach = target.load(source, objects), _reach(node)
    between: list[Callable[[Any], Any]] = []
    dtype = float_type("compile", np.float64 if dtype is None else dtype)

    def schedule(t: Any) -> Any:
        steps, is_real = (_progress(t), False) if node.takes_progress else _steps(t, reach)
        if is_real and not between:
            between.append(target.load(*_variant(node, target, True)))
        with np.errstate(all="ignore"):
            value = (between[0] if is_real else whole)(steps)
        result = np.broadcast_to(np.asarray(value, dtype=np.float64), np.shape(steps)).astype(dtype, copy=True)
        return result if result.ndim else result[()]

    schedule.source = source  # type: ignore[attr-defined]
    return schedule


def _steps(t: Any, reach: int) -> tuple[Any, bool]:
    """Steps below ``reach`` as contiguous float64, and whether some lie between whole steps."""
    steps, kind = _floats("schedule", "step", "a number >= 0", t)
    if steps.size and not (steps.min() >= 0 and steps.max() < reach):
        if steps.min() >= 0 and steps.max() < math.inf:
            _too_late(reach, t)
        before = steps.min() < 0 and kind == "i"
        fail("schedule", "step", f"finite and >= 0 ({EARLIER})" if before else "finite and >= 0", t)
    return steps, kind == "f" and bool(np.any(steps != np.floor(steps)))


def _too_late(reach: int, t: Any) -> NoReturn:
    fail("schedule", "step", f"below {power_of_two(reach)}", t)


def _progress(u: Any) -> Any:
    values, kind = _floats("profile", "progress", "a number in [0, 1]", u)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        fail("profile", "progress", "in [0, 1]" if kind == "f" else A_STEP, u)
    return values


def _floats(where: str, name: str, allowed: str, given: Any) -> tuple[Any, str]:
    """What is given to a function of arrays as contiguous float64, and the kind of its type."""
    array = np.asarray(given)
    if array.dtype.kind not in "iuf":
        fail(where, name, f"{allowed}, or an array of them", given, wrong_type=True)
    return np.ascontiguousarray(array, dtype=np.float64).reshape(array.shape), array.dtype.kind


# ---- JAX


def _jax(node: Any, dtype: Any = None) -> Callable[[Any], Any]:
    target = targets.table("jax")
    wanted = target_type(dtype)
    loaded: dict[Any, Callable[[Any], Any]] = {}
    reach = math.inf if node._arrays or node.takes_progress else _reach(node)

    def variant(real: bool) -> Callable[[Any], Any]:
        from jax.numpy import result_type

        name = (real, result_type(float))
        if name not in loaded:
            loaded[name] = target.load(*_variant(node, target, real))
        return loaded[name]

    def schedule(t: Any) -> Any:
        import jax.numpy as jnp

        steps = jnp.asarray(t if is_jax(t) else _counted(t, reach))
        if node.takes_progress and is_jax(t) and steps.dtype.kind in "iu":
            fail("profile", "progress", A_STEP, t, wrong_type=True)
        if steps.dtype.kind not in "iuf" and not jnp.issubdtype(steps.dtype, jnp.floating):
            where, name = ("profile", "progress") if node.takes_progress else ("schedule", "step")
            fail(where, name, "integers or real numbers", t, wrong_type=True)
        real = node.takes_progress or not jnp.issubdtype(steps.dtype, jnp.integer)
        if node.takes_progress:
            steps = jnp.clip(steps.astype(jnp.result_type(float)), 0.0, 1.0)
        value = target.run(variant(real), steps)
        return value if wanted is None else value.astype(wanted)

    schedule.source = _variant(node, target, node.takes_progress)[0] if not node._arrays else ""  # type: ignore[attr-defined]
    return schedule


def _counted(t: Any, reach: float) -> Any:
    """Steps of the host, if JAX counts that far."""
    from jax.numpy import result_type

    array = np.asarray(t)
    if array.dtype.kind in "iu" or (array.dtype == object and isinstance(t, int)):
        last = int(np.iinfo(result_type(int)).max)
        if array.size and array.max() >= min(reach, last + 1):
            wide = "" if last >= reach else ", the integers that JAX counts in (enable x64)"
            fail("schedule", "step", f"below {power_of_two(min(int(reach), last + 1))}{wide}", t)
    return t


def target_type(dtype: Any) -> Any:
    """The JAX type asked for, or None for JAX's own."""
    if dtype is None:
        return None
    import jax.numpy as jnp

    wanted = float_type("compile", dtype)
    if wanted == jnp.float64 and jnp.result_type(float) != jnp.float64:
        fail("compile", "dtype", "float64 only when jax_enable_x64 is set", dtype)
    return wanted


def _registered(node: Any, target: Any, dtype: Any) -> Callable[[Any], Any]:
    source, objects = _variant(node, target, node.takes_progress)
    function: Any = target.load(source, objects)
    function.source = source
    return function


# ---- calling an expression


def calling(node: Expression) -> Callable[[Any], Any]:
    """The function behind ``node(t)``: plain ints run the generated code at once, the rest is dispatched."""
    caller = _Caller(node.twin())
    if node._arrays or node.takes_progress:
        return caller
    objects: dict[str, Any] = {"other": caller}
    # faster than type(t), which compile() keeps: torch.compile traces through that without a break
    head = "def schedule(t):\n    if t.__class__ is not int: return other(t)\n"
    function: Any = py.loaded(head + _python_body(node, False, objects), objects)
    function.__defaults__ = (None,)  # a call without a step is told what is missing
    return function


def _no_number(where: str, name: str, allowed: str, t: Any) -> NoReturn:
    """Say what a step may be, and what takes the one that was given."""
    if t is None:
        call, rate = ("(u)", ".over(steps)") if where == "profile" else ("(t)", "")
        allowed = f"given, {where}{call}; a Keras optimizer takes lrsched_keras.LearningRate({where}{rate}) as its rate"
    package = type(t).__module__.partition(".")[0]
    hint = f" ({TAKES_TENSORS[package]})" if package in TAKES_TENSORS else ""
    fail(where, name, allowed + hint, t, wrong_type=True)


class _Caller:
    """Finds the target for a step of any type, and keeps what it compiled."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.known: dict[str, Callable[[Any], Any]] = {}

    def __call__(self, t: Any = None) -> Any:
        if is_jax(t) or self.node._arrays:
            return self.on_jax(t)
        if isinstance(t, np.ndarray):
            return self.get("numpy")(t)
        return self.get("python")(self.number(t))

    def get(self, target: str) -> Callable[[Any], Any]:
        """The function for a target, compiled once."""
        if target not in self.known:
            self.known[target] = compile(self.node, target)
        return self.known[target]

    def number(self, t: Any) -> Any:
        """One step (or progress) as a plain number."""
        profile = self.node.takes_progress
        name, allowed = ("progress", "a number in [0, 1]") if profile else ("step", "a finite number >= 0")
        where = "profile" if profile else "schedule"
        if isinstance(t, bool | np.bool_) or not isinstance(t, numbers.Real):
            _no_number(where, name, allowed + ", or an array of them", t)
        try:
            value = int(t) if isinstance(t, numbers.Integral) else float(t)
        except OverflowError:
            value = math.inf
        except TypeError:  # a span of time is an integer of NumPy's, and none
            fail(where, name, allowed + ", or an array of them", t, wrong_type=True)
        if not 0 <= value < math.inf or (profile and value > 1):
            whole = type(value) is int
            fail(where, name, A_STEP if profile and whole else f"{allowed} ({EARLIER})" if whole else allowed, t)
        if not profile and value >= LIMIT:
            _too_late(LIMIT, t)
        return value

    def on_jax(self, t: Any) -> Any:
        """A JAX array goes through a jitted function; a tracer is traced through."""
        import jax
        from jax.core import Tracer

        if not isinstance(t, jax.Array):
            t = self.number(t) if not isinstance(t, np.ndarray) else t
        traced = isinstance(t, Tracer) or self.node._arrays
        name = "jax" if traced else f"jitted {jax.numpy.result_type(float)}"
        if name not in self.known:
            self.known[name] = compile(self.node, "jax") if traced else jax.jit(compile(self.node, "jax"))
        return self.known[name](t)
