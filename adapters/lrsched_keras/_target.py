"""The target ``"keras"``: the arithmetic of schedules on tensors of Keras, in float64, for PyTorch and TensorFlow."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops as keras_ops

import lrsched as lrs

__all__ = ["OPERATIONS", "install", "on_tensors"]

ops: Any = keras_ops
MASK = 0xFFFFFFFF


def _wide(x: Any) -> Any:
    """A number or a tensor as a float64 tensor."""
    if ops.is_tensor(x):
        return ops.cast(x, "float64")
    return ops.convert_to_tensor(x if isinstance(x, np.ndarray) else float(x), dtype="float64")


def _whole(x: Any) -> Any:
    return ops.cast(_wide(x), "int64")


def _on(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: function(*map(_wide, args))


def _where(condition: Any, yes: Any, no: Any) -> Any:
    return ops.where(ops.convert_to_tensor(condition), _wide(yes), _wide(no))


def _search(thresholds: Any, t: Any) -> Any:
    t = _wide(t)
    found = ops.searchsorted(_wide(thresholds), ops.reshape(t, (-1,)), side="right")
    return ops.reshape(ops.cast(found, "float64"), ops.shape(t))


def _gather(table: Any, index: Any) -> Any:
    return ops.take(_wide(table), _whole(index))


def _floor(x: Any) -> Any:
    """By way of integers: ``ops.floor`` gives float32, as several other operations of Keras on float64 do."""
    x = _wide(x)
    whole = ops.cast(_whole(x), "float64")
    return whole - ops.cast(x < whole, "float64")


def _floordiv(a: Any, b: Any) -> Any:
    return ops.cast(_whole(a) // _whole(b), "float64")


def _mod(a: Any, b: Any) -> Any:
    return ops.cast(_whole(a) % _whole(b), "float64")


def _minimum(a: Any, b: Any) -> Any:
    a, b = _wide(a), _wide(b)
    return ops.where((a < b) | (a != a), a, b)


def _maximum(a: Any, b: Any) -> Any:
    a, b = _wide(a), _wide(b)
    return ops.where((b < a) | (a != a), a, b)


def _share(x: Any, n: Any) -> Any:
    """The nearest whole number, ties to even."""
    exact = _wide(x) * _wide(n)
    low = _floor(exact)
    odd = ops.equal(_mod(low, 2.0), 1.0)
    up = (exact - low > 0.5) | (ops.equal(exact - low, 0.5) & odd)
    return low + ops.cast(up, "float64")


def _muldiv(t: Any, times: Any, over: Any, more: Any) -> Any:
    """floor((t * times + more) / over)."""
    return ops.cast(_divided(t, times, over, more)[0], "float64")


def _mulmod(t: Any, times: Any, over: Any, more: Any) -> Any:
    """(t * times + more) mod over."""
    return ops.cast(_divided(t, times, over, more)[1], "float64")


def _divided(t: Any, times: Any, over: Any, more: Any) -> tuple[Any, Any]:
    """Quotient and rest, for integers below 2**54: t byte by byte, so that nothing exceeds 64 bits."""
    t, times, over, more = _whole(t), _whole(times), _whole(over), _whole(more)
    quotient, rest = t * 0, t * 0
    for shift in range(48, -8, -8):
        step = rest * 256 + ops.bitwise_and(ops.right_shift(t, shift), 255) * (times % over)
        quotient, rest = quotient * 256 + step // over, step % over
    last = rest + more
    return quotient + t * (times // over) + last // over, last % over


def _mix(x: Any) -> Any:
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = ops.bitwise_and(ops.bitwise_xor(x, ops.right_shift(x, shift)) * factor, MASK)
    return ops.bitwise_xor(x, ops.right_shift(x, 16))


def _noise(seed: int, t: Any) -> Any:
    step = _whole(t)
    x = _mix(ops.bitwise_and(step, MASK))
    for word in (ops.right_shift(step, 32), seed & MASK, (seed >> 32) ^ 0x9E3779B9):
        x = _mix(ops.bitwise_xor(x, word))
    return ops.cast(ops.right_shift(x, 8), "float64") * 2.0**-23 - 1.0


def _valuation(t: Any) -> Any:
    step = _whole(t)
    return ops.log2(ops.cast(ops.bitwise_and(step, -step), "float64"))


def _checked(wrong: Any, value: Any) -> Any:
    return _where(wrong, np.nan, value)


class _Namespace:
    """What a registered function sees as ``xp``: the operations of Keras, and NumPy's constants."""

    def __getattr__(self, name: str) -> Any:
        return getattr(ops, name, None) or getattr(np, name)


def _call(function: Any, t: Any) -> Any:
    return _wide(function(_Namespace(), _wide(t)))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": _on(operator.add),
    "sub": _on(operator.sub),
    "mul": _on(operator.mul),
    "neg": _on(operator.neg),
    "minimum": _minimum,
    "maximum": _maximum,
    "floordiv": _floordiv,
    "mod": _mod,
    "muldiv": _muldiv,
    "mulmod": _mulmod,
    "floor": _floor,
    "real": _wide,
    "div": _on(operator.truediv),
    "sqrt": _on(ops.sqrt),
    "exp": _on(ops.exp),
    "expm1": _on(ops.expm1),
    "log": _on(ops.log),
    "log1p": _on(ops.log1p),
    "sin": _on(ops.sin),
    "pow": _on(ops.power),
    "ipow": _on(ops.power),
    "lt": _on(operator.lt),
    "le": _on(operator.le),
    "eq": _on(ops.equal),
    "where": _where,
    "search": _search,
    "gather": _gather,
    "noise": _noise,
    "valuation": _valuation,
    "share": _share,
    "checked": _checked,
    "call": _call,
}


def on_tensors(schedule: lrs.Schedule) -> Callable[[Any], Any]:
    """The function of a float64 tensor, with its tables as tensors: compilers trace those, and not NumPy's."""
    function: Any = lrs.compile(schedule, "keras")
    space = function.__globals__
    space.update({k: _wide(v) for k, v in space.items() if isinstance(v, np.ndarray)})
    if keras.backend.backend() == "tensorflow":
        tf: Any = importlib.import_module("tensorflow")
        function = tf.autograph.experimental.do_not_convert(function)  # it has no source file to convert
    return function


def install() -> None:
    """Register the target, except on JAX, which has one of its own."""
    if keras.backend.backend() != "jax":
        lrs.register_target("keras", OPERATIONS)
