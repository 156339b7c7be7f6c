"""Sizes of variables: ints where they are known, symbolic scalars where they are not."""

import pytensor.tensor as pt
from pytensor.graph.basic import Variable


def size_of(x, axis):
    """Return the length of `x` along `axis`: an int, or a scalar where it is unknown."""
    static = x.type.shape[axis]
    return x.shape[axis] if static is None else static


def sizes_of(x):
    """Return the whole shape of `x`, a list of what `size_of` gives."""
    return [size_of(x, axis) for axis in range(x.type.ndim)]


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
