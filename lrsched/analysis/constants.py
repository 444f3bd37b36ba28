"""Laws whose constants are published, or fitted to published loss curves."""

from __future__ import annotations

from lrsched.analysis.annealing import AnnealingLaw
from lrsched.analysis.law import Law
from lrsched.analysis.multi_power import MultiPowerLaw

__all__ = ["published"]

PEAKS = (3e-4, 3e-4)
WARMUP = 2160
MULTI_POWER = {
    "25m": (3.04045406, 0.52468604, 0.50786857, 363.78751622, 2.06560812, 0.58279013, 0.64142257),
    "100m": (2.6514477, 0.60115152, 0.45295811, 437.9464276, 2.13245612, 0.59785199, 0.65523644),
    "400m": (2.37474466, 0.65421216, 0.42878731, 523.42464371, 2.02462735, 0.59350493, 0.63472457),
}
ANNEALING = {"25m": (3.158, 0.512, 0.516, 0.403), "100m": (2.788, 0.593, 0.455, 0.481)}

published: dict[str, Law] = {
    **{f"mpl-{size}": MultiPowerLaw(*c, peaks=PEAKS, name=f"mpl-{size}") for size, c in MULTI_POWER.items()},
    **{
        f"annealing-{size}": AnnealingLaw(*c, warmup=WARMUP, peaks=PEAKS, name=f"annealing-{size}")
        for size, c in ANNEALING.items()
    },
}
