"""Walks over terms: what a term is made of, in order, and the same with other terms in some places."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from lrsched.ir.term import Builder, Term, named

__all__ = ["arguments", "in_order", "replaced_terms"]


def arguments(term: Term) -> list[Term]:
    """The terms that a term is an operation on, without what is merely known of their ranges."""
    return [named(a) for a in term.args if isinstance(a, Term)]


def in_order(
    root: Term, known: Container[int] = (), needed: Callable[[Term], list[Term]] = arguments
) -> dict[int, Term]:
    """The terms that the root needs and that are not known, by their numbers, operands first."""
    found: dict[int, Term] = {}
    waiting = [root]
    while waiting:
        term = named(waiting.pop())
        if term.num not in found and term.num not in known:
            found[term.num] = term
            waiting.extend(needed(term))
    return dict(sorted(found.items()))


def replaced_terms(root: Term, new: dict[int, Term]) -> Term:
    """The root with other terms in the place of some that it is made of, by their numbers."""
    made = {number: named(term) for number, term in new.items()}
    for term in in_order(root, made).values():
        if all(made[a.num] is a for a in arguments(term)):
            made[term.num] = term
        else:
            args = [made[named(a).num] if isinstance(a, Term) else a for a in term.args]
            made[term.num] = _again(root.b, term, args)
    return made[named(root).num]


def _again(b: Builder, term: Term, args: list[Any]) -> Term:
    """The same operation on other arguments."""
    if term.op == "call":
        function, t, *values = args
        return b.call(function, t, values)
    if term.op == "gather":
        table, index = args
        index = index if index.value is None else min(max(index.value, 0), len(table) - 1)
        return b.gather(table, index, term.kind)
    if term.op in ("hold", "cycle"):
        return b._term(term.op, tuple(args), "f", term.lo, term.hi)
    again: Term = getattr(b, term.op)(*args) if term.op in ("search", "where", "checked") else b._make(term.op, *args)
    return again
