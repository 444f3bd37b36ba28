"""What holds the parameter groups: an optimizer, a wrapper of optimizers, or several optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from lrsched.adapting import fail
from lrsched_torch._keys import Group

__all__ = [
    "Joined",
    "Several",
    "defaults_of",
    "everything",
    "given_optimizers",
    "groups_of",
    "hooked",
    "owners_of",
    "registered",
    "source_of",
    "unread",
]

OPTIMIZER = "an optimizer of PyTorch (whatever has a sequence of param_groups), or a list or a dictionary of them"
NO_INNER = ("param_groups", "state", "defaults")  # attributes of an optimizer that hold no optimizers


class Joined:
    """Optimizers inside a wrapper, whose groups it shows one after another."""

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    @property
    def param_groups(self) -> list[Group]:
        return [group for part in self.parts for group in part.param_groups]


class Several:
    """Optimizers by name, with their groups one after another."""

    def __init__(self, parts: dict[Any, Any]) -> None:
        self.parts = parts

    @property
    def param_groups(self) -> list[Group]:
        return [group for part in self.parts.values() for group in part.param_groups]


def given_optimizers(where: str, given: Any) -> dict[Any, Any]:
    """What a caller gave as the optimizer: by name, by position in a list, or under None where it is one."""
    if isinstance(given, Mapping) and not hasattr(given, "param_groups"):
        if not all(isinstance(name, str) for name in given):
            fail(where, "optimizer", "a dictionary of optimizers by names", list(given), wrong_type=True)
        found = dict(given)
    elif isinstance(given, list | tuple) and not hasattr(given, "param_groups"):
        found = dict(enumerate(given))
    else:
        groups_of(where, given)
        return {None: given}
    if not found:
        fail(where, "optimizer", OPTIMIZER, given)
    groups = [id(group) for optimizer in found.values() for group in groups_of(where, optimizer)]
    if len(set(groups)) < len(groups):
        fail(where, "optimizer", "several optimizers that share no parameter group", given)
    return found


def groups_of(where: str, optimizer: Any) -> Sequence[Group]:
    """The parameter groups of an optimizer or of a wrapper."""
    groups = getattr(optimizer, "param_groups", None)
    if not isinstance(groups, Sequence) or not all(isinstance(group, dict) for group in groups):
        fail(where, "optimizer", OPTIMIZER, optimizer, wrong_type=True)
    return groups


def defaults_of(optimizers: Mapping[Any, Any]) -> list[Group]:
    """What the optimizers give to groups that say nothing, where they have such."""
    found = (getattr(optimizer, "defaults", None) for optimizer in optimizers.values())
    return [defaults for defaults in found if isinstance(defaults, dict)]


def source_of(optimizer: Any) -> Any:
    """Whose groups are read by the updates: the inner optimizers that a wrapper shows the groups of, else itself.

    A wrapper may go on showing groups that loading a state has replaced in the optimizer inside it.
    """
    shown = [id(group) for group in optimizer.param_groups]
    last = [x for _, x in _inner(optimizer) if x.param_groups and next(_inner(x, optimizer), None) is None]
    if not last or [id(group) for x in last for group in x.param_groups] != shown:
        return optimizer
    return last[0] if len(last) == 1 else Joined(last)


def unread(where: str, optimizer: Any) -> None:
    """Refuse an optimizer whose groups no update reads, since one inside it has others for the same parameters."""
    if hasattr(optimizer, "_sync_param_groups"):  # it carries its groups over, as ZeroRedundancyOptimizer does
        return
    groups = optimizer.param_groups
    known = {id(group) for group in groups}
    params = {id(p) for group in groups for p in group.get("params", ())}
    for path, inner in _inner(optimizer):
        for group in inner.param_groups:
            if id(group) not in known and any(id(p) in params for p in group.get("params", ())):
                kind = type(optimizer).__name__
                allowed = (
                    f"the one whose groups the updates read (this {kind} has groups of its own for parameters that "
                    f"the {type(inner).__name__} in its {path!r} updates: give {path} of the {kind} instead)"
                )
                fail(where, "optimizer", allowed, kind)


def owners_of(source: Any) -> list[Any]:
    """The name of the optimizer of each group; None where there is but one."""
    if isinstance(source, Several):
        return [name for name, part in source.parts.items() for _ in part.param_groups]
    return [None] * len(source.param_groups)


def hooked(source: Any, name: str, hook: Callable[[], Callable[..., None]]) -> list[Any]:
    """Register a hook, made for each, with the optimizers that make the updates; the handles."""
    handles = []
    for part in source.parts.values() if isinstance(source, Several) else [source]:
        for optimizer in part.parts if isinstance(part, Joined) else [part]:
            handles += registered([optimizer, *(x for _, x in _inner(optimizer))], name, hook())
    return handles


def registered(optimizers: Iterable[Any], name: str, hook: Callable[..., None]) -> list[Any]:
    """Register a hook with the first of some optimizers that takes one: a wrapper need not; the handle, if there is."""
    for optimizer in optimizers:
        try:
            return [getattr(optimizer, name)(hook)]
        except AttributeError:
            continue
    return []


def everything(optimizers: Mapping[Any, Any]) -> list[Any]:
    """The optimizers, and those inside them."""
    found = {id(x): x for optimizer in optimizers.values() for x in (optimizer, *(x for _, x in _inner(optimizer)))}
    return list(found.values())


def _inner(optimizer: Any, above: Any = None) -> Iterator[tuple[str, Any]]:
    """The optimizers inside another (those ``above`` it are not), and those inside them, with the attributes' path."""
    seen, waiting = {id(optimizer), id(above)}, [("", optimizer)]
    while waiting:
        path, holder = waiting.pop()
        if type(holder).__module__.startswith("torch.optim."):  # these hold none, and reading __dict__ slows them down
            continue
        attributes = dict(getattr(holder, "__dict__", {}))
        if isinstance(holder, list | tuple | dict):
            attributes["items"] = holder
        for name, value in attributes.items():
            if name in NO_INNER:
                continue
            held = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else (value,)
            for x in list(held):
                if id(x) not in seen and _is_optimizer(x):
                    seen.add(id(x))
                    waiting.append((f"{path}{name}.", x))
                    yield f"{path}{name}", x


def _is_optimizer(x: Any) -> bool:
    if isinstance(x, type) or not hasattr(x, "param_groups"):
        return False
    groups = x.param_groups
    return isinstance(groups, Sequence) and callable(getattr(x, "step", None))
