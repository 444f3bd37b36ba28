"""The schedules of other libraries, by the names and arguments that they have there, written in this algebra.

``lrs.presets.torch``, ``.optax``, ``.keras``, ``.transformers``, ``.timm`` and ``.warmup_scheduler``. None of those
packages needs to be installed. What a preset returns is an ordinary schedule: print it to see what the original is
made of, combine it with others, compile it anywhere.

One file for each library, loaded when it is asked for; ``_parts`` has what several share. The folder may import
``recipes`` and ``inspection`` beside it and all that is below. A new preset is a function in its library's file,
under the original's name and with the original's arguments, named in ``__all__``, and a row of golden values in the
tests; a new library is a file and its name below.

Example:
    >>> import lrsched as lrs
    >>> lrs.presets.torch.StepLR(0.1, step_size=30)
    0.1 * step_decay(30)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrsched.presets import keras, optax, timm, torch, transformers, warmup_scheduler

__all__ = ["keras", "optax", "timm", "torch", "transformers", "warmup_scheduler"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'lrsched.presets' has no attribute {name!r}")
    return importlib.import_module(f"lrsched.presets.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
