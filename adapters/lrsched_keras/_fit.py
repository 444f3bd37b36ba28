"""The ``fit`` that calls a callback: what Keras does not tell its callbacks, read off the calling functions.

In a loop of one's own there is no ``fit``, and nothing is known.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import keras

__all__ = ["is_validated", "other_writers"]


def _callers() -> Iterator[tuple[str, dict[str, Any]]]:
    """The calling functions from the inside out: their names and what their variables hold."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        yield frame.f_code.co_name, frame.f_locals
        frame = frame.f_back


def other_writers() -> list[str]:
    """Callbacks of Keras in the same list that set the learning rate, by name."""
    kinds = keras.callbacks.ReduceLROnPlateau | keras.callbacks.LearningRateScheduler
    for _, variables in _callers():
        around = variables.get("self")
        if isinstance(around, keras.callbacks.CallbackList):
            return [type(callback).__name__ for callback in around.callbacks if isinstance(callback, kinds)]
    return []


def is_validated(model: Any) -> bool:
    """Whether the run validates after some of its epochs, as far as is known."""
    for name, variables in _callers():
        if name == "fit" and variables.get("self") is model and "validation_data" in variables:
            return variables["validation_data"] is not None
    return True
