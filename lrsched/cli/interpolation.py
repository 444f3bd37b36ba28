"""``${...}`` in a configuration, as OmegaConf means it: the value of another entry; no function is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lrsched.foundation.errors import ScheduleError, listed, show

REFERENCE = re.compile(r"(?<!\\)\$\{([^${}]*)\}")
PATH = re.compile(r"(\.*)([^.\[\]:]+(?:\.[^.\[\]:]+|\[[^.\[\]:]+\])*)")
PARTS = re.compile(r"[^.\[\]]+")
DEEPEST, LONGEST = 100, 1_000_000

Place = tuple[str, ...]


def child(data: Any, name: str) -> Any:
    """The entry of a table or a list; KeyError if there is none."""
    if isinstance(data, list) and re.fullmatch("[0-9]{1,9}", name) and int(name) < len(data):
        return data[int(name)]
    if not isinstance(data, Mapping):
        raise KeyError(name)
    return data[name]


def children(data: Any) -> Any:
    """The names of the entries of a table or a list."""
    return data if isinstance(data, Mapping) else range(len(data)) if isinstance(data, list) else ()


class Entries:
    """The entries of a file, each read once, in bounded time and memory."""

    def __init__(self, root: Any) -> None:
        self.root, self.made = root, 0
        self.known: dict[Place, tuple[Any, Place]] = {}
        self.waiting: list[Place] = []

    def value(self, data: Any, place: Place) -> tuple[Any, Place]:
        """What an entry is, and where that stands: if the text at a place refers to others, theirs."""
        if not isinstance(data, str) or "${" not in data:
            return data, place
        if place not in self.known:
            if place in self.waiting:
                raise ScheduleError(f"{show('.'.join(place))} refers to itself")
            if len(self.waiting) >= DEEPEST:
                raise ScheduleError(f"more than {DEEPEST} entries refer to each other")
            self.waiting.append(place)
            self.known[place] = self._replaced(data, place)
            self.waiting.pop()
        return self.known[place]

    def whole(self, data: Any, place: Place) -> Any:
        """A table or a list with all that is in it."""
        data, place = self.value(data, place)
        if isinstance(data, Mapping):
            return {name: self.whole(entry, (*place, str(name))) for name, entry in data.items()}
        if isinstance(data, list):
            return [self.whole(entry, (*place, str(i))) for i, entry in enumerate(data)]
        return data

    def _replaced(self, text: str, place: Place) -> tuple[Any, Place]:
        whole = REFERENCE.fullmatch(text.strip())
        if whole:
            return self._found(whole[1], place)
        made = REFERENCE.sub(lambda match: self._spelled(match[1], place), text)
        if re.search(r"(?<!\\)\$\{", made):
            raise ScheduleError(f"this reference is not understood: {show(made[made.index('${') :])}")
        return made, place

    def _spelled(self, reference: str, place: Place) -> str:
        value, _ = self._found(reference, place)
        if not (value is None or isinstance(value, str | int | float)):
            raise ScheduleError(f"{show('${' + reference + '}')} is no number and no text, so no part of one")
        text = str(value)
        self.made += len(text)
        if self.made > LONGEST:
            raise ScheduleError(f"references make more than {LONGEST:,} characters")
        return text

    def _found(self, reference: str, place: Place) -> tuple[Any, Place]:
        path = PATH.fullmatch(reference.strip())
        if path is None or len(path[1]) > len(place):
            called = "; functions such as oc.env are not called here" if ":" in reference else ""
            raise ScheduleError(f"this reference is not understood: {show('${' + reference + '}')}{called}")
        data: Any = self.root
        here: Place = ()
        parts = [*(place[: -len(path[1])] if path[1] else ()), *PARTS.findall(path[2])]
        for part in parts:
            data, here = self.value(data, here)
            try:
                data = child(data, part)
            except KeyError:
                known = listed(children(data))
                raise ScheduleError(
                    f"{show('${' + reference + '}')}: no entry {show(part)}; there are: {known}"
                ) from None
            here = (*here, part)
        return self.value(data, here)
