"""Numbers of all processes that train together."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["gathered"]


def gathered(value: float) -> list[float]:
    """The value of every process, in the order of their ranks; the own one alone where there is one process.

    On TensorFlow it is the own one too: there metrics are variables of the strategy, one for all replicas.
    """
    return _in_torch(value) if keras.backend.backend() == "torch" else _in_jax(value)


def _in_torch(value: float) -> list[float]:
    import torch.distributed as distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return [value]
    found = [0.0] * distributed.get_world_size()
    distributed.all_gather_object(found, value)
    return found


def _in_jax(value: float) -> list[float]:
    if keras.backend.backend() != "jax":
        return [value]
    import jax

    if jax.process_count() == 1:
        return [value]
    import numpy as np
    from jax.experimental import multihost_utils

    bits: Any = np.frombuffer(np.float64(value).tobytes(), np.uint32)
    rows = np.asarray(multihost_utils.process_allgather(bits))
    return [float(np.frombuffer(row.tobytes(), np.float64)[0]) for row in rows]
