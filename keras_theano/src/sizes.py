"""Sizes and axes as Keras's functions take them, and what is done along an axis."""

import math

import numpy as np
import pytensor.tensor as pt
from keras.src.backend.common.backend_utils import canonicalize_axis
from pytensor.graph.basic import Variable

from keras_theano.pytensor_ops.sizes import size_of, sizes_of, with_shape


def product(sizes):
    """The product of sizes: an int where all are known."""
    known = math.prod(size for size in sizes if not isinstance(size, Variable))
    for size in sizes:
        if isinstance(size, Variable):
            known = known * size
    return known


def as_sizes(shape):
    """A shape given as an int, an array or a sequence, as a list of ints and symbolic scalars."""
    if isinstance(shape, Variable):
        if not shape.type.ndim:
            return [shape]
        return [shape[i] for i in range(shape.type.shape[0])]
    if isinstance(shape, (int, np.integer)):
        return [int(shape)]
    return [size if isinstance(size, Variable) else int(size) for size in shape]


def canonical_axes(axis, ndim):
    """Return `axis` (int, sequence of ints, or None for all) as a tuple of ints from 0 on."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(f"Axis {a} does not exist in a tensor of rank {ndim}.")
    return tuple(a % ndim for a in axes)


def as_axes(axis, ndim):
    """`axis` (None, int or several) as a tuple of distinct non-negative ints, ascending."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = [canonicalize_axis(int(a), ndim) for a in axes]
    if len(set(axes)) < len(axes):
        raise ValueError(f"Duplicate value in `axis`. Received: axis={axis}")
    return tuple(sorted(axes))


def keep_axes(result, axes, keepdims):
    """Put the reduced `axes` back into `result` as axes of size 1, if `keepdims`."""
    return pt.expand_dims(result, axes) if keepdims and axes else result


def slice_axis(x, axis, key):
    """Index `x` with `key` along one axis."""
    return x[(slice(None),) * axis + (key,)]


def along_axis(x, axis, matrix):
    """Multiply every line of `x` along `axis` with `matrix` (old length, new length)."""
    axis %= x.type.ndim
    lines = pt.moveaxis(x, axis, -1)
    *lead, _ = sizes_of(lines)
    flat = pt.dot(pt.reshape(lines, (-1, size_of(lines, -1))), matrix)
    shape = (*lead, size_of(matrix, 1))
    return pt.moveaxis(with_shape(pt.reshape(flat, shape), shape), -1, axis)
