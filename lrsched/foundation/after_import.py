"""What is done as soon as another package has been imported, which is not imported for it."""

from __future__ import annotations

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
    """Sees which modules are imported; the base classes of finders take long to import."""

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in WAITING:
            return None
        others: Any = [finder for finder in sys.meta_path if finder is not self]
        for finder in others:
            spec: ModuleSpec | None = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    self.follow(spec.loader, fullname)
                return spec
        return None

    def follow(self, loader: Any, name: str) -> None:
        """Let the loader of a module do what waits for it when it has run it."""
        run = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            actions = WAITING.pop(name, []) if module.__name__ == name else []
            if not WAITING and self in sys.meta_path:
                sys.meta_path.remove(self)
            for action in actions:
                action()

        loader.exec_module = exec_module
