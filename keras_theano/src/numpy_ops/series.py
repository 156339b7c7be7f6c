"""Statistics of series."""

import numpy as np
import pytensor.tensor as pt
from keras.src.backend.common.backend_utils import canonicalize_axis

from keras_theano.pytensor_ops import array
from keras_theano.src.numpy_ops.elementwise import conjugate, real
from keras_theano.src.numpy_ops.helpers import as_float, cast, op
from keras_theano.src.numpy_ops.products import matmul
from keras_theano.src.numpy_ops.reductions import mean
from keras_theano.src.numpy_ops.shapes import diff, pad, transpose
from keras_theano.src.sizes import slice_axis
from keras_theano.src.tensor import as_symbol, promote

__all__ = ["corrcoef", "correlate", "trapezoid"]


@op
def corrcoef(x):
    x = as_float(x)
    if x.type.ndim > 2:
        raise ValueError(f"`corrcoef` needs one or two axes. Received: x.shape={x.type.shape}")
    if x.type.ndim < 2:
        x = pt.expand_dims(x, tuple(range(2 - x.type.ndim)))
        rows_were_lost = True
    else:
        rows_were_lost = False
    deviation = x - mean(x, axis=1, keepdims=True)
    covariance = pt.dot(deviation, transpose(conjugate(deviation)))
    spread = pt.sqrt(real(pt.diagonal(covariance)))
    result = covariance / spread[:, None] / spread[None, :]
    return result[0, 0] if rows_were_lost else result


@op
def correlate(x1, x2, mode="valid"):
    x1, x2 = promote(x1, x2, at_least=float)
    if x1.type.ndim != 1 or x2.type.ndim != 1 or None in x1.type.shape + x2.type.shape:
        raise ValueError(
            "`correlate` needs two tensors of one axis, of known sizes. Received shapes "
            f"{x1.type.shape} and {x2.type.shape}"
        )
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"`mode` must be 'valid', 'same' or 'full'. Received: mode={mode}")
    if x1.type.shape[0] < x2.type.shape[0]:
        return conjugate(correlate(x2, x1, mode))[::-1]
    long, short = x1.type.shape[0], x2.type.shape[0]
    # How far the short series may stick out on the left and on the right.
    left, right = {
        "valid": (0, 0),
        "same": (short // 2, short - short // 2 - 1),
        "full": (short - 1, short - 1),
    }[mode]
    padded = pad(x1, [(left, right)])
    count = long + left + right - short + 1
    windows = array.Take(0)(padded, np.add.outer(np.arange(count), np.arange(short)))
    return matmul(windows, conjugate(x2))


@op(static=("axis",))
def trapezoid(y, x=None, dx=1.0, axis=-1):
    y = as_float(y)
    axis = canonicalize_axis(axis, y.type.ndim)
    if x is None:
        width = cast(as_symbol(dx), y.type.dtype)
    else:
        y, x = promote(y, x)
        if x.type.ndim == 1:
            width = diff(x)
            width = pt.expand_dims(width, tuple(range(1, y.type.ndim - axis)))
        else:
            width = diff(x, axis=axis)
    after, before = slice_axis(y, axis, slice(1, None)), slice_axis(y, axis, slice(None, -1))
    return pt.sum(width * (after + before) / 2, axis=axis)
