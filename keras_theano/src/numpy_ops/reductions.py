"""Sums, means, extremes: functions that take axes away."""

import builtins

import numpy as np
import pytensor.tensor as pt
from keras.src.backend.common.backend_utils import canonicalize_axis
from pytensor.graph.basic import Variable as TheanoVariable
from pytensor.tensor.extra_ops import CumOp

from keras_theano.pytensor_ops import reductions, steep
from keras_theano.pytensor_ops.sizes import sizes_of
from keras_theano.src.numpy_ops.helpers import (
    as_bool,
    as_float,
    cast,
    float_compute,
    is_bool,
    is_complex,
    is_float,
    is_integer,
    op,
    scalar,
)
from keras_theano.src.sizes import as_axes, keep_axes, product
from keras_theano.src.tensor import as_symbol, promote, supported_dtype

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumprod",
    "cumsum", "max", "mean", "min", "nanargmax", "nanargmin", "nancumprod", "nancumsum",
    "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "prod", "ptp",
    "std", "sum", "var",
]  # fmt: skip


def sum_dtype(dtype):
    """Keras sums small integers in 32 bits."""
    if dtype in ("bool", "int8", "int16"):
        return "int32"
    if dtype in ("uint8", "uint16"):
        return "uint32"
    return dtype


@op(static=("axis",))
def sum(x, axis=None, keepdims=False):
    x = as_symbol(x)
    axes = as_axes(axis, x.type.ndim)
    dtype = sum_dtype(x.type.dtype)
    return keep_axes(pt.sum(x, axis=axes, dtype=dtype), axes, keepdims)


@op(static=("axis",))
def prod(x, axis=None, keepdims=False, dtype=None):
    x = as_symbol(x)
    axes = as_axes(axis, x.type.ndim)
    dtype = supported_dtype(dtype) if dtype is not None else sum_dtype(x.type.dtype)
    return keep_axes(reductions.Product(axes, dtype)(pt.cast(x, dtype)), axes, keepdims)


def count_of(x, axes):
    """How many elements each result of a reduction over `axes` comes from, in the dtype of `x`."""
    sizes = sizes_of(x)
    count = product([sizes[axis] for axis in axes])
    if isinstance(count, TheanoVariable):
        return pt.cast(count, x.type.dtype)
    return np.asarray(count, x.type.dtype)


@op(static=("axis",))
def mean(x, axis=None, keepdims=False):
    x = as_float(x)
    dtype = x.type.dtype
    axes = as_axes(axis, x.type.ndim)
    if dtype == "float16":  # sums of float16 overflow
        x = pt.cast(x, "float32")
    return pt.cast(keep_axes(pt.sum(x, axis=axes) / count_of(x, axes), axes, keepdims), dtype)


@op(static=("axis",))
def var(x, axis=None, keepdims=False):
    x = as_float(x)
    dtype = x.type.dtype
    axes = as_axes(axis, x.type.ndim)
    if dtype == "float16":
        x = pt.cast(x, "float32")
    deviation = x - mean(x, axes, keepdims=True)
    if is_complex(x):
        squares = pt.sqr(pt.real(deviation)) + pt.sqr(pt.imag(deviation))
        dtype = squares.type.dtype
    else:
        squares = pt.sqr(deviation)
    return pt.cast(mean(squares, axes, keepdims), dtype)


@op(static=("axis",))
def std(x, axis=None, keepdims=False):
    return steep.root(var(x, axis, keepdims))


def _extreme(name, theano_max, worst, x, axis, keepdims, initial):
    axes = as_axes(axis, x.type.ndim)
    if initial is None and builtins.any(x.type.shape[axis] == 0 for axis in axes):
        raise ValueError(f"`{name}` of an empty tensor needs the argument `initial`.")
    if initial is None:
        result = theano_max(x, axis=axes) if axes else x
    else:
        # One element more along the reduced axes, so that empty tensors have one as well. It is not
        # `initial` itself, which must not share the gradient of elements that equal it.
        rest = [i for i in range(x.type.ndim) if i not in axes]
        sizes = sizes_of(x)
        lead, count = [sizes[i] for i in rest], product([sizes[i] for i in axes])
        rows = pt.reshape(x.dimshuffle([*rest, *axes]), [*lead, count], ndim=len(lead) + 1)
        extra = pt.alloc(scalar(worst(x.type.dtype), x), *lead, 1)
        result = theano_max(pt.join(len(lead), rows, extra), axis=len(lead))
        better = pt.maximum if name == "max" else pt.minimum
        result = better(result, as_symbol(initial, x.type.dtype))
    return keep_axes(result, axes, keepdims)


@op(static=("axis",))
def max(x, axis=None, keepdims=False, initial=None):
    x = as_symbol(x)
    if is_bool(x):
        return pt.cast(max(pt.cast(x, "uint8"), axis, keepdims, initial), "bool")
    return _extreme("max", reductions.max, reductions.lowest, x, axis, keepdims, initial)


@op(static=("axis",))
def min(x, axis=None, keepdims=False, initial=None):
    x = as_symbol(x)
    if is_bool(x):
        return pt.cast(min(pt.cast(x, "uint8"), axis, keepdims, initial), "bool")
    if is_integer(x):
        # PyTensor's minimum is -max(-x), which unsigned integers and -128 of int8 do not survive.
        def theano_min(x, axis):
            return pt.invert(reductions.max(pt.invert(x), axis=axis))
    else:
        theano_min = reductions.min
    return _extreme("min", theano_min, reductions.highest, x, axis, keepdims, initial)


@op(static=("axis",))
def amax(x, axis=None, keepdims=False):
    return max(x, axis, keepdims)


@op(static=("axis",))
def amin(x, axis=None, keepdims=False):
    return min(x, axis, keepdims)


def _arg_extreme(theano_arg, x, axis, keepdims):
    ndim = x.type.ndim
    if not ndim:
        return pt.zeros((), "int32")
    if axis is None:
        result = theano_arg(pt.flatten(x), axis=0)
        axes = tuple(range(ndim))
    else:
        axes = as_axes(axis, ndim)
        result = theano_arg(x, axis=axes[0])
    return keep_axes(pt.cast(result, "int32"), axes, keepdims)


@op(static=("axis",))
def argmax(x, axis=None, keepdims=False):
    return _arg_extreme(pt.argmax, as_symbol(x), axis, keepdims)


@op(static=("axis",))
def argmin(x, axis=None, keepdims=False):
    x = as_symbol(x)
    reverse = pt.invert if is_integer(x) or is_bool(x) else pt.neg
    return _arg_extreme(pt.argmax, reverse(x), axis, keepdims)


@op(static=("axis",))
def all(x, axis=None, keepdims=False):
    x = as_bool(x)
    axes = as_axes(axis, x.type.ndim)
    return keep_axes(pt.all(x, axis=axes) if axes else x, axes, keepdims)


@op(static=("axis",))
def any(x, axis=None, keepdims=False):
    x = as_bool(x)
    axes = as_axes(axis, x.type.ndim)
    return keep_axes(pt.any(x, axis=axes) if axes else x, axes, keepdims)


@op(static=("axis",))
def count_nonzero(x, axis=None):
    x = as_bool(x)
    return pt.sum(x, axis=as_axes(axis, x.type.ndim), dtype="int32")


def _cumulative(op_on_axis, x, axis, dtype):
    x = as_symbol(x)
    if dtype is not None:
        x = pt.cast(x, supported_dtype(dtype))
    elif is_bool(x):
        x = pt.cast(x, "int32")
    if axis is None:
        x, axis = pt.flatten(x), 0
    dtype = x.type.dtype
    if is_integer(x):
        # NumPy adds small integers up in 64 bits, whatever type PyTensor expects.
        x = cast(x, "uint64" if dtype.startswith("uint") else "int64")
    return cast(op_on_axis(canonicalize_axis(axis, x.type.ndim))(x), dtype)


@op(static=("axis",))
def cumsum(x, axis=None, dtype=None):
    return _cumulative(CumOp, x, axis, dtype)


@op(static=("axis",))
def cumprod(x, axis=None, dtype=None):
    return _cumulative(reductions.CumulativeProduct, x, axis, dtype)


@op(static=("axis",))
def ptp(x, axis=None, keepdims=False):
    x = as_symbol(x)
    return max(x, axis, keepdims) - min(x, axis, keepdims)


@op(static=("axis",))
def average(x, axis=None, weights=None):
    if weights is None:
        return mean(as_symbol(x), axis)
    x, weights = promote(x, weights, at_least=float)
    if weights.type.ndim != x.type.ndim:
        axes = as_axes(axis, x.type.ndim)
        if axis is None or weights.type.ndim != len(axes):
            raise ValueError(
                "`weights` must have the shape of `x`, or that of its reduced axes. Received: "
                f"x.shape={x.type.shape}, weights.shape={weights.type.shape}, axis={axis}"
            )
        order = np.argsort(
            np.argsort(
                [
                    canonicalize_axis(a, x.type.ndim)
                    for a in (axis if isinstance(axis, (list, tuple)) else (axis,))
                ]
            )
        )
        weights = weights.dimshuffle(list(np.argsort(order)))
        around = tuple(i for i in range(x.type.ndim) if i not in axes)
        weights = pt.expand_dims(weights, around)
    weights = pt.alloc(weights, *sizes_of(x)) if weights.type.shape != x.type.shape else weights
    return sum(x * weights, axis) / sum(weights, axis)


# --- Reductions that leave NaN out ----------------------------------------------------------------


def _without_nan(x, instead):
    """`x` with `instead` for NaN."""
    return pt.switch(pt.isnan(x), scalar(instead, x), x) if is_float(x) else x


@op(static=("axis",))
def nansum(x, axis=None, keepdims=False):
    return sum(_without_nan(as_symbol(x), 0), axis, keepdims)


@op(static=("axis",))
def nanprod(x, axis=None, keepdims=False):
    return prod(_without_nan(as_symbol(x), 1), axis, keepdims)


@op(static=("axis",))
def nancumsum(x, axis=None, dtype=None):
    return cumsum(_without_nan(as_symbol(x), 0), axis, dtype)


@op(static=("axis",))
def nancumprod(x, axis=None, dtype=None):
    return cumprod(_without_nan(as_symbol(x), 1), axis, dtype)


def _nan_extreme(reduce, worst, x, axis, keepdims):
    x = as_symbol(x)
    result = reduce(_without_nan(x, worst), axis, keepdims)
    if not is_float(x):
        return result
    return pt.switch(all(pt.isnan(x), axis, keepdims), scalar(np.nan, x), result)


@op(static=("axis",))
def nanmax(x, axis=None, keepdims=False):
    return _nan_extreme(max, -np.inf, x, axis, keepdims)


@op(static=("axis",))
def nanmin(x, axis=None, keepdims=False):
    return _nan_extreme(min, np.inf, x, axis, keepdims)


def _nan_arg(find, worst, x, axis, keepdims):
    """The place of an extreme; -1 where all are NaN."""
    x = as_symbol(x)
    place = find(_without_nan(x, worst), axis, keepdims)
    if not is_float(x):
        return place
    return pt.switch(all(pt.isnan(x), axis, keepdims), scalar(-1, place), place)


@op(static=("axis",))
def nanargmax(x, axis=None, keepdims=False):
    return _nan_arg(argmax, -np.inf, x, axis, keepdims)


@op(static=("axis",))
def nanargmin(x, axis=None, keepdims=False):
    return _nan_arg(argmin, np.inf, x, axis, keepdims)


def _nan_mean(x, axis, keepdims, nan):
    """The mean of `x` but for the elements at which `nan` holds."""
    count = sum(cast(pt.invert(nan), x.type.dtype), axis, keepdims)
    return sum(pt.switch(nan, scalar(0, x), x), axis, keepdims) / count


@op(static=("axis",))
def nanmean(x, axis=None, keepdims=False):
    x, dtype = float_compute(x)
    return cast(_nan_mean(x, axis, keepdims, pt.isnan(x)), dtype)


@op(static=("axis",))
def nanvar(x, axis=None, keepdims=False):
    x, dtype = float_compute(x)
    nan = pt.isnan(x)
    deviation = pt.switch(nan, scalar(0, x), x - _nan_mean(x, axis, True, nan))
    return cast(_nan_mean(pt.sqr(deviation), axis, keepdims, nan), dtype)


@op(static=("axis",))
def nanstd(x, axis=None, keepdims=False):
    return steep.root(nanvar(as_symbol(x), axis, keepdims))
