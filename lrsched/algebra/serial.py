"""Expressions as plain data: dictionaries and JSON with a format number."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

from lrsched.algebra.fields import REQUIRED, field_of, names_of
from lrsched.algebra.registry import KINDS, MAX_DEPTH
from lrsched.foundation.errors import ScheduleError, fail
from lrsched.ir.expression import Expression

__all__ = ["FORMAT", "fingerprint", "from_dict", "from_json", "to_dict", "to_json"]

FORMAT = 1


def to_dict(node: Any) -> dict[str, Any]:
    """See :meth:`lrsched.Schedule.to_dict`."""
    return {"format": FORMAT, **_plain(node.concrete("saved"))}


def _plain(value: Any) -> Any:
    if isinstance(value, Expression):
        kind: Any = type(value)
        fields = ((field_of(kind, n).label or n, getattr(value, n)) for n in names_of(kind))
        return {"kind": kind.kind_name, **{name: _plain(x) for name, x in fields}}
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
    if data.get("format") != FORMAT or isinstance(data.get("format"), bool):
        fail("from_dict", "format", f"{FORMAT}, the one this version reads", data.get("format"))
    return _node({key: value for key, value in data.items() if key != "format"}, 0)


def from_json(text: str | bytes) -> Any:
    """The schedule or profile that :meth:`Schedule.to_json` wrote.

    Example:
        >>> import lrsched as lrs
        >>> lrs.from_json(lrs.cosine().to_json())
        cosine()
    """
    if not isinstance(text, str | bytes | bytearray):
        fail("from_json", "text", "a string", text, wrong_type=True)
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ScheduleError(f"from_json: this is no JSON: {error}") from None
    return from_dict(data)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a finite number")


def _node(data: Mapping[str, Any], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ScheduleError(f"from_dict: expressions nest at most {MAX_DEPTH} deep")
    name = data.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        near = difflib.get_close_matches(str(name)[:100], list(KINDS), 1)
        raise ScheduleError(
            f"from_dict: kind must be a known kind, got {str(name)[:100]!r}"
            + (f"; did you mean {near[0]!r}?" if near else "")
        )
    cls = KINDS[name]
    labels = {field_of(cls, n).label or n: n for n in names_of(cls)}
    unknown = sorted(set(map(str, data)) - {"kind", *labels})
    if unknown:
        raise ScheduleError(f"from_dict: {name} has no field {unknown[0]!r}; its fields are {', '.join(labels)}")
    values = {n: _value(cls, n, data[label], depth) for label, n in labels.items() if label in data}
    for label, n in labels.items():
        if n not in values and field_of(cls, n).default is REQUIRED:
            raise ScheduleError(f"from_dict: {name} needs the field {label!r}")
    return cls(**values)


def _value(cls: type[Any], name: str, value: Any, depth: int) -> Any:
    spec = field_of(cls, name)
    if spec.form == "node" and isinstance(value, Mapping):
        return _node(value, depth + 1)
    if spec.form == "nodes" and isinstance(value, list | tuple):
        return tuple(_node(v, depth + 1) if isinstance(v, Mapping) else v for v in value)
    if spec.form == "numbers":
        if not isinstance(value, list | tuple) or not all(isinstance(p, list | tuple) and len(p) == 2 for p in value):
            fail("from_dict", name, "a list of pairs", value, wrong_type=True)
        return tuple((k, v) for k, v in value)
    return value
