"""Walks over terms: what a term is made of, and everything below it in an order in which it can be computed."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from lrsched.ir.term import Term, named

Needed = Callable[[Term], list[Term]]


def arguments(term: Term) -> list[Term]:
    """The terms that a term is an operation on, without what is merely known of their ranges."""
    return [named(a) if a.op == "narrow" else a for a in term.args if type(a) is Term]


def below(roots: Iterable[Term], known: Container[int] = (), needed: Needed = arguments) -> dict[int, Term]:
    """The terms that the roots need, themselves among them, and that are not known, by their numbers."""
    found: dict[int, Term] = {}
    waiting = [*roots]
    while waiting:
        term = waiting.pop()
        while term.op == "narrow":
            term = term.args[0]
        if term.num not in found and term.num not in known:
            found[term.num] = term
            if term.op != "const":
                waiting += needed(term)
    return found


def in_order(root: Term, needed: Needed = arguments) -> dict[int, Term]:
    """The terms that the root needs, by their numbers: each after its arguments."""
    return dict(sorted(below([root], needed=needed).items()))
