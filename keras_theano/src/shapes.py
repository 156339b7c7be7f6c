"""Sizes of symbols: ints where they are known, symbolic scalars where they are not."""

import pytensor.tensor as pt
from pytensor.graph.basic import Variable


def size(x, axis):
    """Return the length of `x` along `axis`: an int, or a scalar where it is unknown."""
    static = x.type.shape[axis]
    return x.shape[axis] if static is None else static


def sizes(x):
    """Return the whole shape of `x`, as `size` gives it."""
    return tuple(size(x, axis) for axis in range(x.type.ndim))


def with_shape(x, shape):
    """Return `x` with what `shape` knows of its sizes in its type.

    Args:
        shape: One entry per axis: an int, None, or a symbolic scalar (both unknown).
    """
    known = tuple(None if n is None or isinstance(n, Variable) else int(n) for n in shape)
    merged = tuple(
        new if old is None else old for old, new in zip(x.type.shape, known, strict=True)
    )
    return x if merged == x.type.shape else pt.specify_shape(x, merged)


def canonical_axes(axis, ndim):
    """Return `axis` (int, sequence of ints, or None for all) as a tuple of ints from 0 on."""
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(f"Axis {a} does not exist in a tensor of rank {ndim}.")
    return tuple(a % ndim for a in axes)


def along_axis(x, axis, matrix):
    """Multiply every line of `x` along `axis` with `matrix` (old length, new length)."""
    axis %= x.type.ndim
    lines = pt.moveaxis(x, axis, -1)
    *lead, _ = sizes(lines)
    flat = pt.dot(pt.reshape(lines, (-1, size(lines, -1))), matrix)
    shape = (*lead, size(matrix, 1))
    return pt.moveaxis(with_shape(pt.reshape(flat, shape), shape), -1, axis)
