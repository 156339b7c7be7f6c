"""Sorting, searching and counting, and the statistics that come from order."""

import builtins

import numpy as np
import pytensor.tensor as pt
from keras.src.backend.common import dtypes
from keras.src.backend.common.backend_utils import canonicalize_axis
from pytensor.raise_op import CheckAndRaise

from keras_theano.pytensor_ops import array, reductions
from keras_theano.pytensor_ops.sizes import sizes_of, with_shape
from keras_theano.src.numpy_ops.creation import linspace
from keras_theano.src.numpy_ops.helpers import as_float, cast, float_compute, op, scalar
from keras_theano.src.numpy_ops.shapes import moveaxis, ravel, take_along_axis
from keras_theano.src.sizes import as_axes, keep_axes, product, slice_axis
from keras_theano.src.tensor import as_symbol, promote

__all__ = [
    "argpartition", "argsort", "bincount", "digitize", "histogram", "isin", "median",
    "nanmedian", "nanpercentile", "nanquantile", "percentile", "quantile", "searchsorted",
    "sort", "unique",
]  # fmt: skip


@op(static=("axis",))
def sort(x, axis=-1):
    x = as_symbol(x)
    if not x.type.ndim:
        return x
    if axis is None:
        x, axis = ravel(x), 0
    return pt.sort(x, axis=canonicalize_axis(axis, x.type.ndim))


@op(static=("axis",))
def argsort(x, axis=-1):
    x = as_symbol(x)
    if axis is None or not x.type.ndim:
        x, axis = ravel(x), 0
    axis = canonicalize_axis(axis, x.type.ndim)
    return pt.cast(pt.argsort(x, axis=axis, kind="stable"), "int32")


@op(static=("kth", "axis"))
def argpartition(x, kth, axis=-1):
    x = as_symbol(x)
    if axis is None:
        x, axis = ravel(x), 0
    place = array.ArgPartition(int(kth))(moveaxis(x, axis, -1))
    return moveaxis(pt.cast(place, "int32"), -1, axis)


_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(x, q, axis, method, keepdims, skip_nan):
    """The quantiles `q` (0 to 1) of `x` over `axis`; the axes of `q` come first in the result."""
    if method not in _METHODS:
        raise ValueError(f"`method` must be one of {_METHODS}. Received: method={method}")
    x, dtype = float_compute(x)
    q = cast(as_symbol(q), x.type.dtype)
    ndim = x.type.ndim
    axes = as_axes(axis, ndim)
    rest = [i for i in range(ndim) if i not in axes]
    lead = [sizes_of(x)[i] for i in rest]
    count = product([sizes_of(x)[i] for i in axes])
    rows = pt.reshape(x.dimshuffle([*rest, *axes]), [*lead, count], ndim=len(lead) + 1)
    ordered = sort(rows)  # NaN comes last
    last = cast(pt.as_tensor_variable(count), x.type.dtype) - 1
    if skip_nan:
        number = pt.sum(cast(pt.invert(pt.isnan(rows)), x.type.dtype), axis=-1, keepdims=True)
        place = pt.maximum((number - 1) * pt.flatten(q), scalar(0, x))
    else:
        place = last * pt.flatten(q)

    def at(place):
        place = cast(pt.minimum(place, last), "int64")
        if skip_nan:
            return take_along_axis(ordered, place, -1)
        return array.Take(len(lead))(ordered, place)

    below, above = pt.floor(place), pt.ceil(place)
    if method == "linear":
        share = place - below
        low, high = at(below), at(above)
        result = pt.switch(pt.eq(share, 0), low, low * (1 - share) + high * share)
    elif method == "midpoint":
        low, high = at(below), at(above)
        result = pt.switch(pt.eq(below, above), low, (low + high) / 2)
    elif method == "nearest":
        result = at(pt.round(place, mode="half_to_even"))
    else:
        result = at(below if method == "lower" else above)
    if not skip_nan:
        spoilt = pt.any(pt.isnan(rows), axis=-1, keepdims=True)
        result = pt.switch(spoilt, scalar(np.nan, x), result)
    result = moveaxis(result, -1, 0)
    result = pt.reshape(result, [*sizes_of(q), *lead], ndim=q.type.ndim + len(lead))
    result = keep_axes(result, tuple(i + q.type.ndim for i in axes), keepdims)
    return cast(result, dtype)


@op(static=("axis",))
def quantile(x, q, axis=None, method="linear", keepdims=False):
    return _quantile(x, q, axis, method, keepdims, skip_nan=False)


@op(static=("axis",))
def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    return _quantile(x, q, axis, method, keepdims, skip_nan=True)


def _hundredth(q, x):
    """Percent as a fraction, computed in the dtype of the quantile."""
    return cast(as_symbol(q), float_compute(x)[0].type.dtype) / 100


@op(static=("axis",))
def percentile(x, q, axis=None, method="linear", keepdims=False):
    return _quantile(x, _hundredth(q, x), axis, method, keepdims, skip_nan=False)


@op(static=("axis",))
def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    return _quantile(x, _hundredth(q, x), axis, method, keepdims, skip_nan=True)


@op(static=("axis",))
def median(x, axis=None, keepdims=False):
    return _quantile(x, 0.5, axis, "midpoint", keepdims, skip_nan=False)


@op(static=("axis",))
def nanmedian(x, axis=None, keepdims=False):
    return _quantile(x, 0.5, axis, "midpoint", keepdims, skip_nan=True)


@op
def searchsorted(sorted_sequence, values, side="left"):
    ordered = as_symbol(sorted_sequence)
    if ordered.type.ndim != 1:
        raise ValueError(
            "`searchsorted` only supports 1-D sorted sequences. You can use "
            "`keras.ops.vectorized_map` to extend it to N-D sequences. Received: "
            f"sorted_sequence.shape={ordered.type.shape}"
        )
    ordered, values = promote(ordered, values)
    place = pt.searchsorted(ordered, values, side=side)
    return pt.cast(with_shape(place, values.type.shape), "int32")


@op
def digitize(x, bins):
    return searchsorted(as_symbol(bins), x, side="right")


@op
def isin(x1, x2, assume_unique=False, invert=False):
    x1, x2 = promote(x1, x2)
    ordered = sort(ravel(x2))
    if ordered.type.shape[0] == 0:
        found = pt.zeros_like(x1, dtype="bool")
    else:
        # A last element to compare with, should all of `x2` be smaller.
        place = pt.minimum(pt.searchsorted(ordered, x1), sizes_of(ordered)[0] - 1)
        found = pt.eq(array.Take(0)(ordered, with_shape(place, x1.type.shape)), x1)
    return pt.invert(found) if invert else found


@op(static=("axis",))
def unique(
    x,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
):
    x = as_symbol(x)
    if axis is not None:
        axis = canonicalize_axis(axis, x.type.ndim)
    wanted = (return_index, return_inverse, return_counts)
    outputs = array.Unique(*wanted, axis)(x, return_list=True)
    values = outputs.pop(0)
    results = [values if size is None else _resize(values, axis or 0, size, fill_value or 0)]
    for is_wanted, name in zip(wanted, ("index", "inverse", "counts"), strict=True):
        if not is_wanted:
            continue
        part = pt.cast(outputs.pop(0), "int32")
        if name == "inverse" and axis is None:
            part = pt.reshape(part, sizes_of(x), ndim=x.type.ndim)
        elif name != "inverse" and size is not None:
            part = _resize(part, 0, size, 0 if name == "counts" else 1)
        results.append(part)
    return results[0] if len(results) == 1 else tuple(results)


def _resize(x, axis, size, fill):
    """Cut `x` to `size` along `axis`, or lengthen it with `fill`."""
    sizes = sizes_of(x)
    sizes[axis] = size
    filler = pt.alloc(as_symbol(fill, x.type.dtype), *sizes)
    sizes = [None] * x.type.ndim
    sizes[axis] = size
    return with_shape(slice_axis(pt.join(axis, x, filler), axis, slice(0, size)), sizes)


@op(static=("minlength",))
def bincount(x, weights=None, minlength=0, sparse=False):
    if sparse:
        raise ValueError("`sparse=True` is not supported with the Theano engine")
    x = as_symbol(x)
    if x.type.ndim not in (1, 2):
        raise ValueError(f"`bincount` needs one or two axes. Received: x.shape={x.type.shape}")
    if weights is None:
        dtype, weights = "int32", pt.alloc(np.asarray(1, "int32"), *sizes_of(x))
    else:
        weights = as_symbol(weights)
        dtype = dtypes.result_type(x.type.dtype, weights.type.dtype)
        weights = cast(weights, dtype)
    place = cast(x, "int64")
    refuse = CheckAndRaise(ValueError, "`bincount` counts whole numbers from 0; some here are less")
    place = refuse(place, pt.all(pt.ge(place, 0)))
    # The -1 stands for the largest of no numbers.
    largest = pt.max(pt.join(0, pt.flatten(place), np.asarray([-1])))
    bins = pt.maximum(largest + 1, minlength)
    if x.type.ndim == 1:
        return array.AddAt(0)(weights, place, bins)
    rows = sizes_of(x)[0]
    place = place + (pt.arange(rows) * bins)[:, None]
    counts = array.AddAt(0)(pt.flatten(weights), pt.flatten(place), rows * bins)
    return pt.reshape(counts, (rows, bins))


@op
def histogram(x, bins=10, range=None):
    x = as_symbol(x)
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"`bins` has to be a positive int. Received: bins={bins}")
    flat = pt.flatten(as_float(x))
    if range is None or not builtins.any(range):
        low, high = reductions.min(flat), reductions.max(flat)
    else:
        low, high = (as_symbol(end, flat.type.dtype) for end in range)
    one = pt.eq(low, high)
    low, high = pt.switch(one, low - 0.5, low), pt.switch(one, high + 0.5, high)
    edges = linspace(cast(low, flat.type.dtype), cast(high, flat.type.dtype), bins + 1)
    place = pt.searchsorted(edges, flat, side="right") - 1
    place = pt.switch(pt.eq(flat, edges[-1]), bins - 1, place)
    inside = pt.and_(pt.ge(place, 0), pt.lt(place, bins))
    place = pt.switch(inside, place, 0)
    counts = array.AddAt(0)(pt.cast(inside, "int32"), place, bins)
    if x.type.dtype.startswith("float"):  # as Keras declares
        return pt.cast(counts, x.type.dtype), pt.cast(edges, x.type.dtype)
    return counts, edges
