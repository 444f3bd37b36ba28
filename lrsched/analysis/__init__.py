"""Schedules judged before the run: what theory, and laws fitted to runs, say of their rates, and what they assume.

Every function takes the rates of a run, a schedule and its steps or a vector (``rates``), and returns a *record*
(``records``): a frozen dataclass that prints as a table with its assumptions below, draws itself, pickles, compares by
value and is a pytree of JAX. ``bound`` has the worst case of convex theory (its arithmetic is ``worst_case``),
``transferring`` moves a tuned peak to another shape and horizon, ``averages`` reads AdamW as an average, ``noise`` has
noise scales. ``law`` is the base of the laws that predict losses (``signal_noise``, ``multi_power``, ``annealing``;
``constants`` has published ones, ``law_files`` reads them), ``fitting`` fits them to ``runs``, ``quadratic`` is an
exact model, ``optimizing`` finds shapes by ``searching``; ``comparing`` sets schedules side by side and ``advice``
says what is worth knowing of one.

It may import ``text``, ``display``, ``inspection`` and what is below them, NumPy alone, and JAX where it is given JAX
values. A new judgement is a file with a function and its record, and a line in ``NAMES``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lrsched.analysis.advice import advise as advise
    from lrsched.analysis.annealing import AnnealingLaw as AnnealingLaw
    from lrsched.analysis.averages import Averaging as Averaging
    from lrsched.analysis.averages import averaging as averaging
    from lrsched.analysis.bound import ConvexBound as ConvexBound
    from lrsched.analysis.bound import Curve as Curve
    from lrsched.analysis.bound import convex_bound as convex_bound
    from lrsched.analysis.bound import convex_bound_curve as convex_bound_curve
    from lrsched.analysis.comparing import Comparison as Comparison
    from lrsched.analysis.comparing import compare as compare
    from lrsched.analysis.constants import published as published
    from lrsched.analysis.fitting import Fit as Fit
    from lrsched.analysis.fitting import fit as fit
    from lrsched.analysis.law import Law as Law
    from lrsched.analysis.law_files import read_law as read_law
    from lrsched.analysis.multi_power import MultiPowerLaw as MultiPowerLaw
    from lrsched.analysis.noise import gradient_noise_scale as gradient_noise_scale
    from lrsched.analysis.noise import noise_scale as noise_scale
    from lrsched.analysis.optimizing import Found as Found
    from lrsched.analysis.optimizing import optimize as optimize
    from lrsched.analysis.optimizing import optimize_shape as optimize_shape
    from lrsched.analysis.quadratic import Risk as Risk
    from lrsched.analysis.quadratic import power_spectrum as power_spectrum
    from lrsched.analysis.quadratic import quadratic_risk as quadratic_risk
    from lrsched.analysis.signal_noise import SignalNoiseLaw as SignalNoiseLaw
    from lrsched.analysis.transferring import Transfer as Transfer
    from lrsched.analysis.transferring import transfer as transfer

NAMES: dict[str, str] = {  # where each name is; its file is loaded when it is first used
    "AnnealingLaw": "annealing",
    "Averaging": "averages",
    "Comparison": "comparing",
    "ConvexBound": "bound",
    "Curve": "bound",
    "Fit": "fitting",
    "Found": "optimizing",
    "Law": "law",
    "MultiPowerLaw": "multi_power",
    "Risk": "quadratic",
    "SignalNoiseLaw": "signal_noise",
    "Transfer": "transferring",
    "advise": "advice",
    "averaging": "averages",
    "compare": "comparing",
    "convex_bound": "bound",
    "convex_bound_curve": "bound",
    "fit": "fitting",
    "gradient_noise_scale": "noise",
    "noise_scale": "noise",
    "optimize": "optimizing",
    "optimize_shape": "optimizing",
    "power_spectrum": "quadratic",
    "published": "constants",
    "quadratic_risk": "quadratic",
    "read_law": "law_files",
    "transfer": "transferring",
}

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
