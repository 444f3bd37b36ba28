"""Schedules judged before the run: what theory, and laws fitted to runs, say of their rates, and what they assume.

Every function takes the rates of a run, a schedule and its steps or a vector (``rates``), and returns a *record*
(``records``): a frozen dataclass that prints as a table with its assumptions below, draws itself, pickles, compares by
value and is a pytree of JAX. ``bound`` has the worst case of convex theory (its arithmetic is ``worst_case``),
``transferring`` moves a tuned peak to another shape and horizon, ``averages`` reads AdamW as an average, ``noise`` has
noise scales; ``laws`` predict losses, ``fitting`` fits them to runs, ``quadratic`` is an exact model, ``optimizing``
searches shapes; ``comparing`` sets schedules side by side and ``advice`` says what is worth knowing of one.

It may import ``text``, ``display``, ``inspection`` and what is below them, NumPy alone, and JAX where it is given JAX
values. A new judgement is a file with a function and its record, and a line in ``NAMES``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lrsched.analysis.advice import advise as advise
    from lrsched.analysis.averages import Averaging as Averaging
    from lrsched.analysis.averages import averaging as averaging
    from lrsched.analysis.bound import ConvexBound as ConvexBound
    from lrsched.analysis.bound import Curve as Curve
    from lrsched.analysis.bound import convex_bound as convex_bound
    from lrsched.analysis.bound import convex_bound_curve as convex_bound_curve
    from lrsched.analysis.comparing import Comparison as Comparison
    from lrsched.analysis.comparing import compare as compare
    from lrsched.analysis.noise import gradient_noise_scale as gradient_noise_scale
    from lrsched.analysis.noise import noise_scale as noise_scale
    from lrsched.analysis.transferring import Transfer as Transfer
    from lrsched.analysis.transferring import transfer as transfer

NAMES: dict[str, str] = {
    "Averaging": "averages",
    "Comparison": "comparing",
    "ConvexBound": "bound",
    "Curve": "bound",
    "Transfer": "transferring",
    "advise": "advice",
    "averaging": "averages",
    "compare": "comparing",
    "convex_bound": "bound",
    "convex_bound_curve": "bound",
    "gradient_noise_scale": "noise",
    "noise_scale": "noise",
    "transfer": "transferring",
}  # where each name is; its file is loaded when it is first used

__all__: list[str] = []

if not TYPE_CHECKING:
    __all__ += [*NAMES]  # noqa: PLE0604 (names all the same)

    def __getattr__(name):
        if name not in NAMES:
            raise AttributeError(f"module 'lrsched.analysis' has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"lrsched.analysis.{NAMES[name]}"), name)
        return found


def __dir__() -> list[str]:
    return sorted({*NAMES, *(name for name in globals() if name[:2] == "__")})
