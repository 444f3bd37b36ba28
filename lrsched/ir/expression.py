"""What the compiler needs of an expression: a formula, and a few words about it."""

from __future__ import annotations

from typing import Any, ClassVar, Self


class Expression:
    """What can be lowered: a formula on a clock, or on a progress."""

    __slots__ = ()
    takes_progress: ClassVar[bool] = False  # whether it is called with progress in [0, 1] and not with a step
    reach: Any  # the steps at which it can be asked for are below it
    _arrays: bool  # whether some number in it is an array or a tracer, so that it evaluates on JAX only

    def formula(self, clock: Any, /) -> Any:
        """The value on a clock; on a progress p and 1 - p."""
        raise NotImplementedError

    def concrete(self, purpose: str) -> Self:
        """This expression, or an error that says what it cannot be ``purpose`` for."""
        raise NotImplementedError

    def evaluable(self) -> Self:
        """This expression, or an error if it holds something that stands for a number and is none."""
        raise NotImplementedError

    def twin(self) -> Self:
        """The same expression as another object, so that a function may hold it without a reference cycle."""
        raise NotImplementedError
