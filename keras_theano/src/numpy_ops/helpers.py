"""Argument handling that the array functions share: dtypes, axes, and sizes known or not."""

import builtins
import functools
import inspect
import math

import numpy as np
import pytensor.tensor as pt
from keras.src.backend import config
from keras.src.backend.common.backend_utils import canonicalize_axis
from pytensor.graph.basic import Variable as TheanoVariable

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


def sizes_of(x):
    """The shape of `x`: ints where known, symbolic scalars where not."""
    return [x.shape[axis] if size is None else size for axis, size in enumerate(x.type.shape)]


def product(sizes):
    """The product of sizes: an int where all are known."""
    known = math.prod(size for size in sizes if not isinstance(size, TheanoVariable))
    for size in sizes:
        if isinstance(size, TheanoVariable):
            known = known * size
    return known


def as_axes(axis, ndim):
    """`axis` (None, int or several) as a tuple of distinct non-negative ints, ascending."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = [canonicalize_axis(int(a), ndim) for a in axes]
    if len(set(axes)) < len(axes):
        raise ValueError(f"Duplicate value in `axis`. Received: axis={axis}")
    return tuple(sorted(axes))


def as_sizes(shape):
    """A shape given as an int, an array or a sequence, as a list of ints and symbolic scalars."""
    if isinstance(shape, TheanoVariable):
        if not shape.type.ndim:
            return [shape]
        return [shape[i] for i in range(shape.type.shape[0])]
    if isinstance(shape, (int, np.integer)):
        return [int(shape)]
    return [size if isinstance(size, TheanoVariable) else int(size) for size in shape]


def with_shape(x, shape):
    """Declare static sizes that are known but that PyTensor lost."""
    if _all_known(x, shape):
        return x
    return pt.specify_shape(x, tuple(shape))


def _all_known(x, shape):
    return builtins.all(
        size is None or size == known for size, known in zip(shape, x.type.shape, strict=True)
    )


def keep_axes(result, axes, keepdims):
    """Put the reduced `axes` back into `result` as axes of size 1, if `keepdims`."""
    return pt.expand_dims(result, axes) if keepdims and axes else result


def slice_axis(x, axis, key):
    """Index `x` with `key` along one axis."""
    return x[(slice(None),) * axis + (key,)]


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

# Arrays given for these are read while the graph is built: they decide its structure.
_STATIC = {
    *("M", "N", "axes", "axis", "axis1", "axis2", "axisa", "axisb", "axisc", "decimals"),
    *("destination", "indices_or_sections", "k", "kth", "minlength", "n", "newshape", "num"),
    *("offset", "pad_width", "repeats", "shape", "source"),
}


def op(function):
    """As `tensor.op`, for functions whose sizes, axes and counts may come as NumPy arrays."""
    wrapped = tensor.op(function)
    names = list(inspect.signature(function).parameters)
    places = [i for i, name in enumerate(names) if name in _STATIC]
    if not places:
        return wrapped

    @functools.wraps(function)
    def with_static(*args, **kwargs):
        for i in places:
            if i < len(args) and _holds_array(args[i]):
                args = (*args[:i], _as_python(args[i]), *args[i + 1 :])
        for name, value in kwargs.items():
            if name in _STATIC and _holds_array(value):
                kwargs[name] = _as_python(value)
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
