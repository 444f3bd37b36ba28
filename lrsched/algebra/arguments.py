"""What recipes and presets take: one declaration for each argument, its annotation, checked before the body runs.

The names say in a signature what is allowed. JAX values pass where a number is taken as it is.
"""

from __future__ import annotations

import functools
import inspect
import numbers
import typing
from collections.abc import Callable
from typing import Annotated, Any

from lrsched.algebra.fields import Field
from lrsched.algebra.registry import BASES
from lrsched.foundation.argument_names import speaking_as
from lrsched.foundation.errors import LIMIT, fail
from lrsched.foundation.numbers import is_jax, share_of

HUGE = 1e100  # what is larger is no rate: products of a few such numbers, and quotients, would overflow


class Taken(Field):
    """What one argument of a function may be: numbers of a size that rates have, and counts that work can be done for.

    A count is below ``high``; ``zero`` is what is allowed, as an error says it where a count is 0.
    """

    zero: str = ""

    def check_real(self, where: str, name: str, value: Any) -> Any:
        """A number of a size that rates have, or a schedule where one may multiply; what divides is not too small."""
        if self.base == "Schedule" and isinstance(value, BASES[self.base]):
            return value
        number = super().check_real(where, name, value)
        if not is_jax(number) and (abs(number) > HUGE or (self.low == 0 and self.open_low and number < 1 / HUGE)):
            least = f"{1 / HUGE:g}" if self.low == 0 and self.open_low else "0"
            fail(where, name, f"of a size between {least} and {HUGE:g}", value)
        return number

    def check_count(self, where: str, name: str, value: Any) -> Any:
        """A count below the limit; a text that computes less than a step may mean a share, or a length of none."""
        if isinstance(value, float) and hasattr(value, "__index__") and 0 < value < 1:
            fail(where, name, "at least one step, or a share of the run that is one number, as 0.03 is", float(value))
        number = super().check_count(where, name, value)
        if number is None or is_jax(number):
            return number
        if self.zero and not number:
            fail(where, name, self.zero, value)
        if number >= min(self.high, LIMIT):
            most = "2**53" if self.high > LIMIT else f"{self.high:,}"
            fail(where, name, f"an integer >= {max(self.low, 0):g} and below {most}", value)
        return number


COUNT, REAL, FLAG = Taken("count"), Taken("real"), Taken("static", choices=(False, True))

Count = Annotated[int, COUNT]  # updates, tokens
Steps = Annotated[int, Taken("static", base="count")]  # the same, never a JAX value
Every = Annotated[int, Taken("count", low=1)]
One = Annotated[int, Taken("static", base="count", low=1)]
Length = Annotated[Any, COUNT, "steps"]  # updates, or a share of the run, which is ``steps`` long
TokenLength = Annotated[Any, COUNT, "tokens"]
Real = Annotated[Any, REAL]
Rate = Annotated[Any, Taken("real", base="Schedule")]  # what multiplies the rest: a number, or a schedule
Above = Annotated[Any, Taken("real", low=0.0)]
Positive = Annotated[Any, Taken("real", low=0.0, open_low=True)]
Negative = Annotated[Any, Taken("real", high=0.0, open_high=True)]
Factor = Annotated[Any, Taken("real", low=0.0, high=1.0, open_low=True)]  # per update or cycle of a run without an end
Part = Annotated[Any, Taken("real", low=0.0, high=1.0)]
Share = Annotated[float, Taken("static", base="real", low=0.0, high=1.0, allowed="a share in [0, 1]")]
Counts = Annotated[Any, Taken("counts")]
Reals = Annotated[Any, Taken("reals")]
Schedules = Annotated[Any, Taken("nodes", base="Schedule")]
Children = Annotated[Any, Taken("items", allowed="a sequence of schedules, or of functions that make one")]


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its arguments checked as they are declared; errors of what it is made of are in its name."""
    parameters = inspect.signature(function).parameters
    defaults = {name: given.default for name, given in parameters.items() if given.default is not given.empty}
    needed = parameters.keys() - defaults.keys()

    @functools.wraps(function)
    def call(*args: Any, **values: Any) -> Any:
        given = dict(zip(parameters, args)) | values  # noqa: B905 (the last may have defaults)
        if len(given) < len(args) + len(values) or not needed <= given.keys() <= parameters.keys():
            return function(*args, **values)  # which says what is missing or too much
        with speaking_as(function.__name__):
            for name, (field, *run) in _declared(function).items():
                if name in given and given[name] is not defaults.get(name, given):
                    steps = given.get(run[0], defaults.get(run[0])) if run else None
                    given[name] = field.check(function.__name__, name, _counted(given[name], steps))
            return function(**given)

    return call


def _counted(value: Any, steps: Any) -> Any:
    """A share of the run as the number of steps that it is, where that is known; else what was given.

    A length that a text has computed knows the whole number that it is, and is no share however short it is.
    """
    number: Any = value
    share = isinstance(value, numbers.Real) and not hasattr(value, "__index__") and 0 < number < 1
    is_share = share and isinstance(steps, int)
    return share_of(float(number), steps) if is_share else value


@functools.cache
def _declared(function: Callable[..., Any]) -> dict[str, Any]:
    """What is declared of each argument: a field, and for lengths the argument that is the length of the run."""
    found = {}
    for name, hint in typing.get_type_hints(function, include_extras=True).items():
        if hasattr(hint, "__metadata__"):
            found[name] = hint.__metadata__
        elif hint is bool:
            found[name] = (FLAG,)
        elif name != "return" and hint in BASES.values():
            found[name] = (Field("node", base=hint.__name__),)
    return found
