"""Terms made again, with others in the place of some that they are made of."""

from __future__ import annotations

from typing import Any

from lrsched.ir.term import Builder, Term, named
from lrsched.ir.walk import arguments, in_order

__all__ = ["replaced_terms"]


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
        return b.gather(table, index, term.dtype)
    if term.op in ("hold", "cycle"):
        return b.term(term.op, tuple(args), "f", term.lo, term.hi)
    again: Term = getattr(b, term.op)(*args) if term.op in ("search", "where", "checked") else b.make(term.op, *args)
    return again
