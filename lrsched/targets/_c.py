"""Plain C on one step: source text that needs nothing but ``math.h`` and ``stdint.h``."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import numpy as np

from lrsched.foundation.errors import ScheduleError
from lrsched.ir.term import Term
from lrsched.targets.emit import Dialect, Target, emit

WIDEST = 2**62

HELPERS = {
    "smaller": "static double smaller(double a, double b) { return a < b || a != a ? a : b; }",
    "larger": "static double larger(double a, double b) { return a > b || a != a ? a : b; }",
    "floordiv": "static int64_t floordiv(int64_t a, int64_t b) { return a / b - (a % b < 0); }",
    "modulo": "static int64_t modulo(int64_t a, int64_t b) { return a % b < 0 ? a % b + b : a % b; }",
    "muldiv": """/* floor((a * m + p) / d), whatever the width of the product; 0 <= a, m and 0 <= p < d < 2^62 */
static int64_t muldiv(int64_t a, int64_t m, int64_t d, int64_t p)
{
    uint64_t q = 0, r = 0, rest = (uint64_t)(a % d);
    for (int i = 62; i >= 0; i--) {
        q <<= 1;
        r <<= 1;
        if (m >> i & 1)
            r += rest;
        q += r / (uint64_t)d;
        r %= (uint64_t)d;
    }
    return a / d * m + (int64_t)(q + (r + (uint64_t)p) / (uint64_t)d);
}""",
    "mulmod": """/* (a * m + p) mod d, by the digits that wrap around */
static int64_t mulmod(int64_t a, int64_t m, int64_t d, int64_t p)
{
    uint64_t q = (uint64_t)muldiv(a, m, d, p);
    return (int64_t)((uint64_t)a * (uint64_t)m + (uint64_t)p - q * (uint64_t)d);
}""",
    "passed": """/* how many of the increasing thresholds are <= t */
static int64_t passed(const int64_t *thresholds, int64_t count, int64_t t)
{
    int64_t low = 0, high = count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (t < thresholds[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}""",
    "mix": """static uint64_t mix(uint64_t x)
{
    x = ((x ^ (x >> 16)) * 0x7FEB352DULL) & 0xFFFFFFFFULL;
    x = ((x ^ (x >> 15)) * 0x846CA68BULL) & 0xFFFFFFFFULL;
    return x ^ (x >> 16);
}""",
    "noise": """static double noise(uint64_t seed, uint64_t t)
{
    uint64_t x = mix(mix(t & 0xFFFFFFFFULL) ^ (t >> 32));
    x = mix(mix(x ^ (seed & 0xFFFFFFFFULL)) ^ (seed >> 32) ^ 0x9E3779B9ULL);
    return (double)(x >> 8) * 1.1920928955078125e-07 - 1.0;
}""",
    "valuation": """static int64_t valuation(int64_t t)
{
    int64_t k = 0;
    while (!(t >> k & 1))
        k++;
    return k;
}""",
}
NEEDS = {"noise": ("mix",), "mulmod": ("muldiv",)}


def _number(value: Any, dtype: str) -> str:
    if dtype == "b":
        return str(int(value))
    if dtype == "i":
        if not -(2**63) < value < 2**64:
            raise ScheduleError(f"source: the number {value} of this expression is too large for C's integers")
        text = str(int(value)) + ("ULL" if value >= 2**63 else "LL" if abs(value) >= 2**31 else "")
    else:
        text = _real(float(value))
    return f"({text})" if text.startswith("-") else text


def _real(value: float) -> str:
    if value != value:
        return "NAN"
    if value in (np.inf, -np.inf):
        return "INFINITY" if value > 0 else "-INFINITY"
    return repr(value)


def _extreme(sign: str, name: str) -> Any:
    return lambda term: (
        f"({{0}} {sign} {{1}} ? {{0}} : {{1}})" if all(a.dtype == "i" for a in term.args) else f"{name}({{0}}, {{1}})"
    )


def _wide(name: str) -> Any:
    """A product of two words divided, of numbers that C's integers hold."""

    def template(term: Term) -> str:
        if any(not a.lo >= 0 or (a.hi >= WIDEST and a.is_const) for a in term.args):
            raise ScheduleError("source: a length of this expression is too finely divided for C's integers")
        return f"{name}({{0}}, {{1}}, {{2}}, {{3}})"

    return template


def _mul(term: Term) -> str:
    """A product of integers that may be wider than C's wraps around instead of being undefined."""
    first, second = (max(abs(a.lo), abs(a.hi)) for a in term.args)
    if term.dtype == "i" and first * second >= 2**63:
        return "((int64_t)((uint64_t){0} * (uint64_t){1}))"
    return "({0} * {1})"


def _call(term: Term) -> NoReturn:
    raise ScheduleError("source: a custom schedule is a Python function and cannot be written as source")


TEMPLATES: dict[str, Any] = {
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": _mul,
    "neg": "(-{0})",
    "minimum": _extreme("<", "smaller"),
    "maximum": _extreme(">", "larger"),
    "floordiv": "floordiv({0}, {1})",
    "mod": "modulo({0}, {1})",
    "muldiv": _wide("muldiv"),
    "mulmod": _wide("mulmod"),
    "floor": "((int64_t)floor({0}))",
    "real": "((double){0})",
    "div": "({0} / {1})",
    "sqrt": "sqrt({0})",
    "exp": "exp({0})",
    "expm1": "expm1({0})",
    "log": "log({0})",
    "log1p": "log1p({0})",
    "sin": "sin({0})",
    "pow": "pow({0}, {1})",
    "ipow": "pow({0}, (double){1})",
    "lt": "({0} < {1})",
    "le": "({0} <= {1})",
    "eq": "({0} == {1})",
    "where": "({0} ? {1} : {2})",
    "search": lambda term: f"passed({{0}}, {len(term.args[0])}, {{1}})",
    "gather": "{0}[{1}]",
    "noise": "noise({0}, (uint64_t){1})",
    "valuation": "valuation({0})",
    "share": "((int64_t)nearbyint({0} * (double){1}))",
    "checked": "({0} ? NAN : {1})",
    "call": _call,
}
DIALECT = Dialect(
    TEMPLATES | {"cos": "cos({0})"},
    branching=True,
    number=_number,
    twice=frozenset({"minimum", "maximum"}),
    conditional=("if ({0}) {{", "} else {", "}"),
    assign="{0} = {1};",
    result="return {0};",
    types={"i": "int64_t", "f": "double", "q": "double", "b": "int"},
)


TARGET = Target("c", DIALECT)


def _table(name: str, values: Any) -> str:
    whole = values.dtype.kind in "iu"
    texts = [_number(v, "i" if whole else "f").strip("()") for v in values.tolist()]
    rows = [", ".join(texts[i : i + 8]) for i in range(0, len(texts), 8)]
    return f"static const {'int64_t' if whole else 'double'} {name}[] = {{\n    " + ",\n    ".join(rows) + "};\n"


def source(root: Term, comment: str, reach: int) -> str:
    """C99 for a lowered expression: ``double schedule(int64_t t)``, or of ``double t`` where it is one of progress.

    A negative step gives NaN, and so does one that is not below ``reach``.
    On machines with fused multiplication, compile with ``-ffp-contract=off`` for the bits
    that Python gives.

    Raises:
        ScheduleError: the expression has a custom part or a number too large for C.
    """
    objects: dict[str, Any] = {}
    progress, lines = root.b.real_steps, emit(root, DIALECT, objects)
    outside = "!(t >= 0.0 && t <= 1.0)" if progress else f"t < 0 || t >= {reach}"
    head = [f"double schedule({'double' if progress else 'int64_t'} t)", "{", f"    if ({outside}) return NAN;"]
    body = "\n".join([*head, *lines, "}"])
    tables = [_table(key, values) for key, values in objects.items()]
    above = [f"/* {comment.replace('*/', '* /')} */", "#include <math.h>", "#include <stdint.h>", ""]
    return "\n".join([*above, *_helpers(body), *tables, body]) + "\n"


def _helpers(text: str) -> list[str]:
    """The helpers that the text calls, those that they call first."""
    used = [name for name in HELPERS if re.search(rf"\b{name}\(", text)]
    needed = {inner for name in used for inner in NEEDS.get(name, ())} | set(used)
    return [HELPERS[name] + "\n" for name in HELPERS if name in needed]
