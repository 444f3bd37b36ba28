"""Frozen records that cost nothing to declare: the code that ``dataclasses`` writes for a class takes most of a ms."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar, dataclass_transform


@dataclass_transform(frozen_default=True)
class Record:
    """The base of classes whose annotations are fields, with a constructor like that of a frozen dataclass.

    Type checkers know the constructor. Equality is identity.
    """

    _names: ClassVar[tuple[str, ...]]
    _defaults: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        cls._names = (*getattr(cls, "_names", ()), *cls.__annotations__)
        cls._defaults = {name: getattr(cls, name) for name in cls._names if hasattr(cls, name)}

    def __init__(self, *values: Any, **named: Any) -> None:
        space = self.__dict__
        space.update(self._defaults)
        space.update(zip(self._names, values), **named)  # noqa: B905 (the last may have defaults)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a {type(self).__name__} never changes: cannot set {name!r}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


Some = TypeVar("Some", bound=Record)


def replaced(record: Some, **changes: Any) -> Some:
    """The record with other values of some fields."""
    made = object.__new__(type(record))
    made.__dict__.update(record.__dict__, **changes)
    return made
