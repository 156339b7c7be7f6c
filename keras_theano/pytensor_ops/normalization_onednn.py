"""Batch normalization by the moments of its own input, by oneDNN: one call instead of NumPy's many.

Both functions return None, with nothing done, where oneDNN is not installed or has no fast code for
the case. Like `normalization` they take the axis of the channels, and vectors along it.
"""

import ctypes
import math

import numpy as np

from . import _onednn
from ._onednn import (
    MEAN,
    OFFSET,
    OFFSET_GRADIENT,
    SCALE,
    SCALE_GRADIENT,
    SOURCE,
    SOURCE_GRADIENT,
    TARGET,
    TARGET_GRADIENT,
    TRAINING,
    VARIANCE,
    Primitive,
    channels_last,
    contiguous,
    engine,
    layout,
)
from ._threads import LEAST_ELEMENTS

_BACKWARD = 128
_USE_SCALE, _USE_SHIFT = 2, 4


def forward(x, scale, offset, axis, epsilon, out):
    """Normalize `x` into `out`; return its mean and variance."""
    code = _code("forward", x, axis, epsilon)
    if code is None:
        return None
    moments = np.empty((2, x.shape[axis]), x.dtype)
    vectors = {MEAN: moments[0], VARIANCE: moments[1], SCALE: scale, OFFSET: offset}
    code.run({SOURCE: x, TARGET: out}, vectors)
    return moments


def gradient(x, mean, variance, scale, dy, axis, epsilon, out):
    """Compute the gradient for x into `out`; return those for scale and offset."""
    code = _code("backward", x, axis, epsilon)
    if code is None:
        return None
    gradients = np.empty((2, x.shape[axis]), x.dtype)
    vectors = {MEAN: mean, VARIANCE: variance, SCALE: scale}
    vectors |= {SCALE_GRADIENT: gradients[0], OFFSET_GRADIENT: gradients[1]}
    code.run({SOURCE: x, TARGET_GRADIENT: dy, SOURCE_GRADIENT: out}, vectors)
    return gradients


def _code(kind, x, axis, epsilon):
    return _find_code(kind, x.shape, axis, epsilon) if _onednn.computes(x) else None


@_onednn.kept
def _find_code(kind, shape, axis, epsilon):
    code = _Normalization(kind, shape, axis, epsilon)
    code.primitive.refuse("nspc")
    return code


class _Normalization:
    """One of the two computations, for one shape."""

    def __init__(self, kind, shape, axis, epsilon):
        channels, inner = shape[axis], math.prod(shape[axis + 1 :])
        if inner == 1:
            # Two axes would do, but the fast code wants samples, then places, then channels.
            self.array = channels_last((shape[0], math.prod(shape[1:axis]), 1, channels))
        else:
            as_four = (math.prod(shape[:axis]), channels, inner, 1)
            self.array = layout(as_four, contiguous(as_four))
        self.vector = layout((channels,), (1,))
        rest = ctypes.c_float(epsilon), _USE_SCALE | _USE_SHIFT
        name = "batch_normalization"
        array = self.array
        small = math.prod(shape) < LEAST_ELEMENTS
        arguments = (engine(), TRAINING, array, array, *rest)
        self.primitive = Primitive(f"{name}_forward", *arguments, small=small)
        if kind == "backward":
            hint = self.primitive.description
            arguments = (engine(), _BACKWARD, array, array, array, *rest, hint)
            self.primitive = Primitive(f"{name}_backward", *arguments, small=small)

    def run(self, arrays, vectors):
        """Compute; `arrays` and `vectors` are by the number of the argument."""
        self.primitive.run(
            *((n, self.array, np.ascontiguousarray(array)) for n, array in arrays.items()),
            *((n, self.vector, np.ascontiguousarray(vector)) for n, vector in vectors.items()),
        )
