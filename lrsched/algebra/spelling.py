"""Expressions as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lrsched.algebra.fields import REQUIRED, field_of, names_of
from lrsched.ir.expression import Expression

SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(1, 7)
LONGEST = 20_000_000


def spell(node: Any, level: int = 0) -> str:
    """The expression that rebuilds a node, in parentheses where ``level`` binds tighter."""
    name = node.kind_name.rpartition(".")[2]
    writer = _OPERATORS.get(name)
    text, own = writer(node) if writer else (_called(node), ATOM)
    return f"({text})" if own < level else text


def _number(node: Any) -> float | None:
    """The number that a node is inside an operator, or None."""
    if node.kind_name == "constant":
        return float(node.value)
    return float(node.level) if node.kind_name == "flat" else None


def _operands(parts: Any, levels: list[int]) -> list[str]:
    """Operands as text: numbers bare, but never two bare ones first."""
    numbers = [_number(part) for part in parts]
    spelled = []
    for i, (part, number) in enumerate(zip(parts, numbers, strict=True)):
        bare = number is not None and not (i == 0 and numbers[1] is not None)
        spelled.append(repr(number) if bare else spell(part, levels[min(i, 1)]))
    return spelled


def _sequence(node: Any) -> tuple[str, int]:
    return " >> ".join(spell(part, SUM) for part in node.parts), SHIFT


def _sum(node: Any) -> tuple[str, int]:
    texts = _operands(node.parts, [SUM, PRODUCT])
    text = texts[0]
    for part, operand in zip(node.parts[1:], texts[1:], strict=True):
        negative = part.kind_name.endswith("negative")
        if negative:
            text += " - " + spell(_only(part), PRODUCT + 1)
        elif operand.startswith("-") and _number(part) is not None:
            text += " - " + operand[1:]
        else:
            text += " + " + operand
    return text, SUM


def _only(node: Any) -> Any:
    return getattr(node, names_of(type(node))[0])


def _product(node: Any) -> tuple[str, int]:
    return " * ".join(_operands(node.parts, [PRODUCT, UNARY])), PRODUCT


def _quotient(node: Any) -> tuple[str, int]:
    return " / ".join(_operands((node.left, node.right), [PRODUCT, UNARY])), PRODUCT


def _power(node: Any) -> tuple[str, int]:
    return f"{spell(_only(node), ATOM)} ** {node.power!r}", POWER


def _raised(node: Any) -> tuple[str, int]:
    return f"{node.base!r} ** {spell(node.schedule, UNARY)}", POWER


def _negative(node: Any) -> tuple[str, int]:
    return "-" + spell(_only(node), UNARY), UNARY


def _phases(node: Any) -> tuple[str, int]:
    pairs = zip(node.weights, node.profiles, strict=True)
    return "phases(" + ", ".join(f"({w!r}, {spell(p)})" for w, p in pairs) + ")", ATOM


def _extreme(node: Any) -> tuple[str, int]:
    numbers = [_number(part) for part in node.parts]
    texts = [spell(part) if x is None else repr(x) for part, x in zip(node.parts, numbers, strict=True)]
    return f"{node.kind_name}({', '.join(texts)})", ATOM


def _custom(node: Any) -> tuple[str, int]:
    return ", ".join([f"custom({node.name!r}", *(f"{k}={v!r}" for k, v in node.numbers)]) + ")", ATOM


_OPERATORS: dict[str, Callable[[Any], tuple[str, int]]] = {
    "sequence": _sequence,
    "sum": _sum,
    "product": _product,
    "quotient": _quotient,
    "power": _power,
    "raised": _raised,
    "negative": _negative,
    "phases": _phases,
    "minimum": _extreme,
    "maximum": _extreme,
    "custom": _custom,
}


def _called(node: Any) -> str:
    """``name(arguments)``, or ``child.method(arguments)``; defaults are left out."""
    names = list(names_of(type(node)))
    head = node.kind_name
    if node.method:
        head = spell(getattr(node, names.pop(0)), ATOM) + "." + node.method
    arguments = []
    for name in names:
        spec, value = field_of(type(node), name), getattr(node, name)
        required = spec.default is REQUIRED
        if required and node.method != "sampled":
            arguments.append(_plain(value))
        elif required or value != spec.default or type(value) is not type(spec.default):
            arguments.append(f"{spec.label or name}={_plain(value)}")
    return f"{head}({', '.join(arguments)})"


def _plain(value: Any) -> str:
    return spell(value) if isinstance(value, Expression) else repr(value)
