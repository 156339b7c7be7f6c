"""What becomes a tensor and how: conversion, dtypes and shapes."""

import numpy as np
import pytensor.tensor as pt
from keras.src import tree
from keras.src.backend.common import variables
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.variables import Variable as KerasVariable

from keras_theano.src.bfloat16 import is_bfloat16
from keras_theano.src.tensor import (
    TEXT,
    Tensor,
    as_array,
    as_symbol,
    eager_dtype,
    is_array,
    op,
    supported_dtype,
)


def standardize_dtype(dtype):
    """Return the dtype's name as Keras does, which is "string" for NumPy's dtypes of text, too."""
    return "string" if getattr(dtype, "kind", None) in TEXT else variables.standardize_dtype(dtype)


def is_float_dtype(dtype):
    return variables.is_float_dtype(standardize_dtype(dtype))


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """Return `x` as a `Tensor` if it is symbolic, else as a NumPy array.

    Args:
        x: Array, number, nested list, Keras variable or `Tensor`; a TensorFlow tensor of text, as
            Keras's text layers give it, becomes an array of bytes.
        dtype: Name of the wanted dtype; None keeps the one `x` has. "string" leaves text as it is.

    Raises:
        ValueError: sparse or ragged is asked for, or `x` is no number.
        NotImplementedError: Theano has no such dtype.
    """
    if sparse:
        raise ValueError("`sparse=True` is not supported with the Theano engine")
    if ragged:
        raise ValueError("`ragged=True` is not supported with the Theano engine")
    if dtype is not None:
        dtype = eager_dtype(dtype)
    if dtype == "string" or (not is_array(x) and getattr(x, "dtype", None) == "string"):
        return np.asarray(x)
    if isinstance(x, KerasVariable):
        x = x.value
    if isinstance(x, Tensor) or _is_symbolic(x):
        symbol = as_symbol(x, dtype and supported_dtype(dtype))
        return x if isinstance(x, Tensor) and symbol is x.symbol else Tensor(symbol)
    if is_array(x):
        array = np.asarray(x)
        if array.dtype.kind in "biufc" or is_bfloat16(array):
            return array if dtype is None or array.dtype == dtype else _cast_array(array, dtype)
    return _cast_array(as_array(x, dtype), dtype)


def _cast_array(array, dtype):
    if dtype is None:
        return array
    with np.errstate(all="ignore"):
        return array.astype(dtype)


def _is_symbolic(x):
    if isinstance(x, pt.TensorVariable):
        return True
    return isinstance(x, (list, tuple)) and any(
        _is_symbolic(leaf)
        or isinstance(leaf, Tensor)
        or (isinstance(leaf, KerasVariable) and isinstance(leaf.value, Tensor))
        for leaf in tree.flatten(x)
    )


def convert_to_numpy(x):
    """Return `x` as a NumPy array.

    Raises:
        TypeError: `x` is a `Tensor`, which has no value before its graph runs.
    """
    if isinstance(x, KerasVariable):
        x = x.value
    if isinstance(x, Tensor):
        x.__array__()
    return np.array(x)


def is_tensor(x):
    return isinstance(x, Tensor) or is_array(x)


def shape(x):
    """Return the shape of `x`: ints where known, scalar int `Tensor`s where not.

    A `KerasTensor` has no graph to ask, so its unknown sizes stay None.
    """
    if isinstance(x, (KerasTensor, KerasVariable)):
        return x.shape
    if not isinstance(x, Tensor):
        return np.shape(x)
    sizes = x.symbol.shape
    return tuple(
        Tensor(pt.cast(sizes[axis], "int32")) if size is None else size
        for axis, size in enumerate(x.shape)
    )


@op
def cast(x, dtype):
    dtype = supported_dtype(dtype)
    x = as_symbol(x)
    if x.type.dtype == dtype:
        return x
    if x.type.dtype.startswith("complex") and not dtype.startswith("complex"):
        x = pt.real(x)
    return pt.cast(x, dtype)


def placeholder(shape, dtype, name=None):
    """Return a new symbolic input as a `Tensor`; None in `shape` is an unknown size."""
    return Tensor(pt.TensorType(supported_dtype(dtype), shape=tuple(shape))(name))
