"""What is done as soon as another package has been imported, which is not imported for it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

WAITING: dict[str, list[Callable[[], None]]] = {}


def after_import(name: str, action: Callable[[], None]) -> None:
    """Call ``action`` when the module called ``name`` has been imported: now, or as soon as it is."""
    if sys.modules.get(name) is not None:
        __import__(name)  # waits for a thread that is importing it
        if not getattr(sys.modules[name].__spec__, "_initializing", False):
            action()
            return
    if not WAITING:
        sys.meta_path.insert(0, _AfterImport())
    WAITING.setdefault(name, []).append(action)


class _AfterImport:
    """Sees which modules are imported; the finders after it find them. Their base classes take long to import."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in WAITING:
            return None
        later: Any = [*itertools.dropwhile(lambda finder: finder is not self, sys.meta_path)][1:]
        found = (finder.find_spec(fullname, path, target) for finder in later)
        spec: ModuleSpec | None = next(filter(None, found), None)
        if spec is not None and spec.loader is not None:
            loader: Any = _Loader(spec.loader, fullname, self)
            spec.loader = loader
        return spec


class _Loader:
    def __init__(self, loader: Any, name: str, finder: Any) -> None:
        self.loader, self.name, self.finder = loader, name, finder

    def __getattr__(self, name: str) -> Any:
        if name == "loader":  # a copy that has nothing yet
            raise AttributeError(name)
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self.loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        actions = WAITING.pop(self.name, [])
        if not WAITING and self.finder in sys.meta_path:
            sys.meta_path.remove(self.finder)
        for action in actions:
            action()
