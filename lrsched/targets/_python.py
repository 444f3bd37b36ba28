"""Plain Python on one number: source text that needs nothing but ``math``."""

from __future__ import annotations

import bisect
import itertools
import math
import operator
import re
from typing import Any

import numpy as np

from lrsched.foundation.errors import EARLIER, ScheduleError, ScheduleTypeError
from lrsched.ir.term import Term
from lrsched.targets.emit import Dialect, Target, emit, plain_number

INF = float("inf")
WHOLE = 2**53

HELPERS = {
    "step": '''
def step(t):
    """A step that is no plain int, as a float; raises for what is no step."""
    real = hasattr(t, "__float__") or hasattr(t, "__index__")
    if not real or type(t).__name__.startswith(("bool", "complex")):
        raise TypeError(f"step must be a number >= 0, got {t!r}")
    try:
        number = float(t)
    except OverflowError:
        number = inf
    if not 0.0 <= number < inf:
        raise ValueError(f"step must be a finite number >= 0, got {t!r}")
    return int(t) if number == int(number) else number
''',
    "refused": """
def refused(t, reach):
    if t < 0: raise ValueError(f"step must be >= 0, got {t}")
    raise ValueError(f"step must be below {reach}, got {t if t < 10**99 else 'a number of 100 digits or more'}")
""",
    "divide": """
def divide(a, b):
    if b != 0:
        return a / b
    return nan if a == 0 or a != a else copysign(inf, a) * copysign(1.0, b)
""",
    "power": """
def power(a, b):
    try:
        return pow(a, b)
    except OverflowError:
        return -inf if a < 0 and b % 2 == 1 else inf
    except ValueError:
        return inf if a == 0 else nan
""",
    "exponential": """
def exponential(a):
    return exp(a) if a < 709.0 else (inf if a > 709.782712893384 else exp(a)) if a == a else a
""",
    "exponential_rest": """
def exponential_rest(a):
    return expm1(a) if a < 709.0 else (inf if a > 709.782712893384 else expm1(a)) if a == a else a
""",
    "logarithm": """
def logarithm(a):
    return log(a) if a > 0 else -inf if a == 0 else nan
""",
    "logarithm_rest": """
def logarithm_rest(a):
    return log1p(a) if a > -1 else -inf if a == -1 else nan
""",
    "root": """
def root(a):
    return sqrt(a) if a >= 0 else nan
""",
    "sine": """
def sine(a):
    return sin(a) if -inf < a < inf else nan
""",
    "smaller": """
def smaller(a, b):
    return a if a < b or a != a else b
""",
    "larger": """
def larger(a, b):
    return a if a > b or a != a else b
""",
    "mix": """
def mix(x):
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)
""",
    "noise": """
def noise(seed, t):
    x = mix(mix(mix(mix(t & 0xFFFFFFFF) ^ (t >> 32)) ^ (seed & 0xFFFFFFFF)) ^ (seed >> 32) ^ 0x9E3779B9)
    return (x >> 8) * 1.1920928955078125e-07 - 1.0
""",
    "passed": """
def passed(thresholds, t):
    low, high = 0, len(thresholds)
    while low < high:
        middle = (low + high) // 2
        if t < thresholds[middle]:
            high = middle
        else:
            low = middle + 1
    return low
""",
    "checked": """
def checked(wrong, value):
    if wrong:
        raise ValueError("step must be below the duration: it is past the end of the schedule, an error by its policy")
    return value
""",
}
NEEDS = {"noise": ("mix",)}
FEW, CROWD = 3, 4
MATH = ("copysign", "cos", "exp", "expm1", "floor", "inf", "log", "log1p", "nan", "pow", "sin", "sqrt")
BUILTINS = (float, hasattr, int, len, round, type, OverflowError, TypeError, ValueError)  # those that the texts name
SPACE: dict[str, Any] = {name: getattr(math, name) for name in MATH}  # and each helper from its first use on
SPACE |= {"__builtins__": {}} | {builtin.__name__: builtin for builtin in BUILTINS}
SPACE |= {"passed": bisect.bisect_right, "numpy": np}
SPACE |= {"ScheduleError": ScheduleError, "ScheduleTypeError": ScheduleTypeError}


def _finite(term: Term) -> bool:
    return term.lo > -INF and term.hi < INF


def _div(term: Term) -> str:
    below = term.args[1]
    return "({0} / {1})" if below.lo > 0 or below.hi < 0 else "divide({0}, {1})"


def _pow(term: Term) -> str:
    base, power = term.args
    safe = base.lo >= 0 and base.hi <= 1 and power.lo >= 0
    return "({0} ** {1})" if safe else "power({0}, {1})"


def _extreme(sign: str, name: str) -> Any:
    return lambda term: (
        f"({{0}} if {{0}} {sign} {{1}} else {{1}})" if all(map(_finite, term.args)) else f"{name}({{0}}, {{1}})"
    )


def _search(term: Term) -> str:
    if len(term.args[0]) > FEW:
        return "passed({0}, {1})"
    return "(" + " + ".join(f"({{1}} >= {int(n)})" for n in term.args[0]) + ")"


def _looked_up(writer: Any, term: Term, t: str, level: int) -> str | None:
    """Statements that look up an index near the right one and go on from there; None where thresholds crowd."""
    thresholds, step = term.args
    if thresholds.dtype.kind != "i" or step.dtype != "i" or step.lo < 0 or thresholds[0] < 0:
        return None
    last, size = int(thresholds[-1]), len(thresholds)
    shift = max(0, (last // size).bit_length() - 1)
    if size > CROWD + 1 and thresholds[CROWD + 1] >> shift == thresholds[0] >> shift:
        return None
    bounded = step.hi <= last + (size << shift)
    end = (int(step.hi) if bounded else last) >> shift
    counts = (*thresholds.searchsorted(np.arange(0, (end + 1) << shift, 1 << shift), side="right").tolist(), size)
    if max(map(operator.sub, counts[1:], counts)) > CROWD:
        return None
    name, near = writer.name(), writer.object("table", counts[:-1])
    ahead = writer.object("table", (*thresholds.tolist(), int(step.hi) + 1) if bounded else thresholds)
    if not bounded:
        writer.line(level, f"{name} = {size}")
        writer.line(level, f"if {t} < {last}:")
        level += 1
    writer.line(level, f"{name} = {near}[{t} >> {shift}]")
    writer.line(level, f"while {t} >= {ahead}[{name}]: {name} += 1")
    return name


def _scaled(sign: str) -> Any:
    return lambda term: (
        f"({{0}} * {{1}} {sign} {{2}})" if term.args[3].equals(0) else f"(({{0}} * {{1}} + {{3}}) {sign} {{2}})"
    )


def _guards(reach: int) -> dict[tuple[bool, bool], str]:
    """The checks of negative steps where the first lie, of late ones where the last do; of both in one comparison."""
    early = 'if t < 0: raise ValueError(f"step must be >= 0, got {t}")'
    refusal = f'refused(t, "{"2**53" if reach == WHOLE else f"{reach:,}"}")'
    both = f"if not 0 <= t < {reach}: {refusal}" if reach else early
    return {(True, True): both, (True, False): early, (False, True): f"if t >= {reach}: {refusal}"}


TEMPLATES: dict[str, Any] = {
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "neg": "(-{0})",
    "minimum": _extreme("<", "smaller"),
    "maximum": _extreme(">", "larger"),
    "floordiv": "({0} // {1})",
    "mod": "({0} % {1})",
    "muldiv": _scaled("//"),
    "mulmod": _scaled("%"),
    "floor": "floor({0})",
    "real": "{0}",
    "div": _div,
    "sqrt": lambda term: "sqrt({0})" if term.args[0].lo >= 0 else "root({0})",
    "exp": lambda term: "exp({0})" if term.args[0].hi < 700 else "exponential({0})",
    "expm1": lambda term: "expm1({0})" if term.args[0].hi < 700 else "exponential_rest({0})",
    "log": lambda term: "log({0})" if term.args[0].lo > 0 else "logarithm({0})",
    "log1p": lambda term: "log1p({0})" if term.args[0].lo > -1 else "logarithm_rest({0})",
    "sin": lambda term: "sin({0})" if _finite(term.args[0]) else "sine({0})",
    "pow": _pow,
    "ipow": _pow,
    "lt": "({0} < {1})",
    "le": "({0} <= {1})",
    "eq": "({0} == {1})",
    "where": "({1} if {0} else {2})",
    "search": _search,
    "gather": "{0}[{1}]",
    "noise": "noise({0}, {1})",
    "valuation": "(({0} & -{0}).bit_length() - 1)",
    "share": "round({0} * {1})",
    "checked": "checked({0}, {1})",
    "cos": "cos({0})",
    "call": "float({0}({2})(numpy, numpy.float64({1})))",
}
DIALECT = Dialect(
    TEMPLATES,
    branching=True,
    number=plain_number,
    twice=frozenset({"minimum", "maximum", "search", "valuation"}),
    search=_looked_up,
    real="float({0})",
    called="def {0}({1}):",
    rows=True,
    table=lambda values: tuple(values.tolist()),
    guards=_guards,
)


TARGET = Target("python", DIALECT)


def body(root: Term, objects: dict[str, Any], reach: int = 0) -> str:
    """The lines of a function that returns ``root``; what they need is added to the objects, tables as tuples.

    Steps from ``reach`` on are refused, if there is one.
    """
    return "\n".join(emit(root, DIALECT, objects, reach)) + "\n"


def _spelled(values: tuple[Any, ...]) -> str:
    rows = isinstance(values[0], tuple)
    if all(map(math.isfinite, itertools.chain.from_iterable(values) if rows else values)):
        return repr(values)
    spelled = map(_spelled, values) if rows else (plain_number(v, "").strip("()") for v in values)
    return f"({', '.join(spelled)},)"


def loaded(text: str, objects: dict[str, Any]) -> Any:
    """The function called ``schedule`` that a text defines; its errors are those of this library."""
    for name in HELPERS:
        if name not in SPACE and f"{name}(" in text:
            for inner in (*NEEDS.get(name, ()), name):
                _run(HELPERS[inner], SPACE)
    space = SPACE | objects
    _run(text, space)
    return space["schedule"]


def _run(text: str, space: dict[str, Any]) -> None:
    text = text.replace("raise ValueError(", "raise ScheduleError(").replace(
        "raise TypeError(", "raise ScheduleTypeError("
    )
    text = text.replace('step must be >= 0, got {t}"', f'step must be >= 0, got {{t}} ({EARLIER})"')
    exec(compile(text, "<lrsched python>", "exec"), space)  # noqa: S102 - text generated above


def complete(text: str, objects: dict[str, Any]) -> str:
    """The text with the imports, helpers and tables that it uses in front."""
    tables = {name: values for name, values in objects.items() if isinstance(values, tuple)}
    above = "".join(f"{name} = {_spelled(values)}\n" for name, values in tables.items())
    called = {name for name in HELPERS if re.search(rf"\b{name}\(", text)}
    needed = called.union(*(NEEDS.get(name, ()) for name in called))
    helpers = [helper for name, helper in HELPERS.items() if name in needed]
    used = {*re.findall(r"[a-z]\w*", "\n".join([text, *helpers])), *(name for name in ("inf", "nan") if name in above)}
    names = [name for name in MATH if name in used]
    head = f"from math import {', '.join(names)}\n" if names else ""
    return head + "\n".join([*helpers, "", above + text.rstrip("\n") + "\n"]).lstrip("\n")
