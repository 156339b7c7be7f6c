"""Argument handling that the array functions share: dtypes, axes, and sizes known or not."""

import builtins
import functools
import inspect

import numpy as np
import pytensor.tensor as pt
from keras.src.backend import config

from keras_theano.src import tensor
from keras_theano.src.tensor import as_symbol, is_array, promote, supported_dtype


def as_float(x):
    """`x` as a floating-point variable: integers and bools become Keras's `floatx`."""
    return promote(x, at_least=float)[0]


def as_bool(x):
    x = as_symbol(x)
    return x if x.type.dtype == "bool" else pt.neq(x, 0)


def is_bool(x):
    return x.type.dtype == "bool"


def is_integer(x):
    return "int" in x.type.dtype


def is_float(x):
    return x.type.dtype.startswith("float")


def is_complex(x):
    return x.type.dtype.startswith("complex")


def dtype_or_floatx(dtype):
    return supported_dtype(dtype or config.floatx())


def float_compute(x):
    """`x` as floating point to calculate with, and the dtype of the result.

    Sums of float16 overflow and lose digits, so they are taken in float32.
    """
    x = as_float(x)
    dtype = x.type.dtype
    return (pt.cast(x, "float32") if dtype == "float16" else x), dtype


def cast(x, dtype):
    """`x` in `dtype`, without a node where it has that dtype."""
    return x if x.type.dtype == dtype else pt.cast(x, dtype)


def scalar(value, x):
    """A Python number as a constant of the dtype of `x`."""
    return np.asarray(value, x.type.dtype)


# --- Arguments that shape the graph ---------------------------------------------------------------


def op(function=None, static=()):
    """As `tensor.op`, for functions of which sizes, axes or counts may come as NumPy arrays.

    Args:
        static: Names of such arguments: they decide the graph's structure, so arrays given for
            them are read while it is built.
    """
    if function is None:
        return functools.partial(op, static=static)
    wrapped = tensor.op(function)
    if not static:
        return wrapped
    places = [i for i, name in enumerate(inspect.signature(function).parameters) if name in static]

    @functools.wraps(function)
    def with_static(*args, **kwargs):
        for i in places:
            if i < len(args) and _holds_array(args[i]):
                args = (*args[:i], _as_python(args[i]), *args[i + 1 :])
        for name in static:
            if name in kwargs and _holds_array(kwargs[name]):
                kwargs[name] = _as_python(kwargs[name])
        return wrapped(*args, **kwargs)

    return with_static


def _holds_array(value):
    if isinstance(value, (list, tuple)):
        return builtins.any(_holds_array(part) for part in value)
    return is_array(value)


def _as_python(value):
    if isinstance(value, (list, tuple)):
        return type(value)(_as_python(part) for part in value)
    return value.tolist() if is_array(value) else value
