"""Expressions as plain data: dictionaries and JSON with a format number."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sized
from typing import Any

from lrsched.algebra.fields import REQUIRED, are_pairs, field_of, names_of
from lrsched.algebra.registry import KINDS, MAX_DEPTH
from lrsched.foundation.errors import ScheduleError, fail, show
from lrsched.ir.expression import Expression

FORMAT = 1
LONGEST_JSON = 20_000_000
MOST, NODE_COST = 10**7, 10  # what one reading takes: so many numbers, and a node costs as much as ten


def to_dict(node: Any) -> dict[str, Any]:
    """See :meth:`lrsched.Schedule.to_dict`."""
    return {"format": FORMAT, **_plain(node.concrete("saved"))}


def _plain(value: Any) -> Any:
    if isinstance(value, Expression):
        kind: Any = type(value)
        fields = ((field_of(kind, n).label or n, getattr(value, n)) for n in names_of(kind))
        return {"kind": kind.stored_as or kind.kind_name, **{name: _plain(x) for name, x in fields}}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def to_json(node: Any, indent: int | None = None) -> str:
    """See :meth:`lrsched.Schedule.to_json`."""
    return json.dumps(to_dict(node), indent=indent, allow_nan=False)


def fingerprint(node: Any) -> str:
    """See :meth:`lrsched.Schedule.fingerprint`."""
    import hashlib

    text = json.dumps(to_dict(node), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def from_dict(data: Mapping[str, Any]) -> Any:
    """The schedule or profile that :meth:`Schedule.to_dict` wrote.

    Raises:
        ScheduleError: the data are of another format, or name an unknown kind or field.

    Example:
        >>> import lrsched as lrs
        >>> lrs.from_dict(lrs.warmup(5).to_dict())
        warmup(5)
    """
    if not isinstance(data, Mapping):
        fail("from_dict", "data", "a mapping", data, wrong_type=True)
    form = data.get("format")
    if isinstance(form, bool) or not isinstance(form, int | float) or form != FORMAT:
        fail("from_dict", "format", f"{FORMAT}, the one this version reads", form)
    try:
        return _Reading().node(data, 0)[0]
    except RecursionError:
        raise ScheduleError("from_dict: the expression is nested deeper than Python may recurse") from None


def from_json(text: str | bytes) -> Any:
    """The schedule or profile that :meth:`Schedule.to_json` wrote.

    Example:
        >>> import lrsched as lrs
        >>> lrs.from_json(lrs.cosine().to_json())
        cosine()
    """
    if not isinstance(text, str | bytes | bytearray):
        fail("from_json", "text", "a string", text, wrong_type=True)
    if len(text) > LONGEST_JSON:
        raise ScheduleError(f"from_json: the text must have at most {LONGEST_JSON} characters, got {len(text)}")
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ScheduleError(f"from_json: this is no JSON: {error}") from None
    return from_dict(data)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a finite number")


class _Reading:
    """One reading of data: what is shared there is read once, and counts as often as it occurs."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[Any, Any | None, int]] = {}  # by identity: the data, the node, its cost

    def node(self, data: Mapping[str, Any], depth: int) -> tuple[Any, int]:
        """The node that a mapping describes, and what it costs."""
        if depth > MAX_DEPTH:
            raise ScheduleError(f"from_dict: expressions nest at most {MAX_DEPTH} deep")
        if id(data) in self.known:
            _, found, cost = self.known[id(data)]
            if found is None:
                raise ScheduleError("from_dict: a part holds itself")
            return found, cost
        self.known[id(data)] = data, None, 0
        cls, labels = _kind(data, depth)
        values, cost = {}, NODE_COST
        for label, name in labels.items():
            if label in data:
                values[name], more = self.value(cls, name, data[label], depth)
                cost = _affordable(cost + more)
            elif field_of(cls, name).default is REQUIRED:
                raise ScheduleError(f"from_dict: {cls.kind_name} needs the field {label!r}")
        made = cls(**values)
        self.known[id(data)] = data, made, cost
        return made, cost

    def value(self, cls: type[Any], name: str, value: Any, depth: int) -> tuple[Any, int]:
        """What a field is given, and what it costs."""
        form = field_of(cls, name).form
        if form == "node" and isinstance(value, Mapping):
            return self.node(value, depth + 1)
        if form == "nodes" and isinstance(value, list | tuple):
            return self.nodes(value, depth)
        if form in ("reals", "counts") and isinstance(value, Iterable):
            if not isinstance(value, Sized):
                fail("from_dict", name, "a sequence of numbers", value, wrong_type=True)
            return value, _affordable(len(value))
        if form == "numbers":
            if not are_pairs(value):
                fail("from_dict", name, "a list of pairs", value, wrong_type=True)
            return tuple((key, number) for key, number in value), _affordable(len(value))
        return value, 0

    def nodes(self, values: Any, depth: int) -> tuple[Any, int]:
        """The nodes of a list, and what they cost together."""
        found, cost = [], 0
        for value in values:
            made, more = self.node(value, depth + 1) if isinstance(value, Mapping) else (value, 1)
            found.append(made)
            cost = _affordable(cost + more)
        return tuple(found), cost


def _affordable(cost: int) -> int:
    if cost > MOST:
        raise ScheduleError(f"from_dict: the data have more than {MOST // NODE_COST:,} parts or {MOST:,} numbers")
    return cost


def _kind(data: Mapping[str, Any], depth: int) -> tuple[type[Any], dict[str, str]]:
    """The kind that a mapping names, and its fields by their labels; what else the mapping holds is an error."""
    name = data.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        shown = name[:100] if isinstance(name, str) else show(name)
        near = difflib.get_close_matches(shown, list(KINDS), 1)
        raise ScheduleError(
            f"from_dict: kind must be a known kind, got {shown!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    cls = KINDS[name]
    labels = {field_of(cls, n).label or n: n for n in names_of(cls)}
    allowed = {"kind", *labels, *(() if depth else ("format",))}
    unknown = [key for key in data if not (isinstance(key, str) and key in allowed)]
    if unknown:
        raise ScheduleError(f"from_dict: {name} has no field {show(unknown[0])}; its fields are {', '.join(labels)}")
    return cls, labels
