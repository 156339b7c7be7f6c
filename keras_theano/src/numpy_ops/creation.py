"""Functions that make tensors from sizes and numbers."""

import builtins

import numpy as np
import pytensor.tensor as pt
from keras.src.backend import config
from keras.src.backend.common import dtypes
from keras.src.backend.common.backend_utils import canonicalize_axis
from pytensor.graph.basic import Variable as TheanoVariable

from keras_theano.pytensor_ops.sizes import sizes_of
from keras_theano.src.numpy_ops.elementwise import power
from keras_theano.src.numpy_ops.helpers import cast, dtype_or_floatx, is_integer, op
from keras_theano.src.sizes import as_sizes
from keras_theano.src.tensor import as_symbol, supported_dtype

__all__ = [
    "arange", "array", "bartlett", "blackman", "empty", "empty_like", "eye", "full",
    "full_like", "geomspace", "hamming", "hanning", "identity", "kaiser", "linspace",
    "logspace", "ones", "ones_like", "tri", "tril", "triu", "vander", "zeros", "zeros_like",
]  # fmt: skip


@op(static=("shape",))
def zeros(shape, dtype=None):
    return pt.zeros(as_sizes(shape), dtype_or_floatx(dtype))


@op(static=("shape",))
def ones(shape, dtype=None):
    return pt.ones(as_sizes(shape), dtype_or_floatx(dtype))


@op(static=("shape",))
def full(shape, fill_value, dtype=None):
    return pt.alloc(as_symbol(fill_value, dtype_or_floatx(dtype)), *as_sizes(shape))


@op
def full_like(x, fill_value, dtype=None):
    x = as_symbol(x)
    return pt.alloc(as_symbol(fill_value, supported_dtype(dtype or x.type.dtype)), *sizes_of(x))


@op
def zeros_like(x, dtype=None):
    return full_like(as_symbol(x), 0, dtype)


@op
def ones_like(x, dtype=None):
    return full_like(as_symbol(x), 1, dtype)


@op
def arange(start, stop=None, step=None, dtype=None):
    if dtype is None:
        numbers = [number for number in (start, stop, step) if number is not None]
        dtype = dtypes.result_type(*(getattr(number, "dtype", type(number)) for number in numbers))
    dtype = supported_dtype(dtype)
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if not builtins.any(isinstance(number, TheanoVariable) for number in (start, stop, step)):
        return pt.constant(np.arange(start, stop, step).astype(dtype))
    parts = [as_symbol(number) for number in (start, stop, step)]
    whole = builtins.all(is_integer(part) for part in parts)
    compute = "int64" if whole else "float64"
    return pt.cast(pt.arange(*(pt.cast(part, compute) for part in parts)), dtype)


@op(static=("N", "M", "k"))
def eye(N, M=None, k=0, dtype=None):
    M = N if M is None else M
    return pt.eye(N, M, k, dtype=dtype_or_floatx(dtype))


def _triangle(x, keep):
    """`x` where `keep(row, column)` says so, else 0."""
    if x.type.ndim < 2:
        raise ValueError(f"A tensor of two axes or more is needed; got shape {x.type.shape}.")
    rows, columns = sizes_of(x)[-2:]
    mask = keep(pt.arange(rows)[:, None], pt.arange(columns)[None, :])
    return pt.switch(mask, x, np.zeros((), x.type.dtype))


@op(static=("k",))
def tril(x, k=0):
    return _triangle(as_symbol(x), lambda row, column: pt.ge(row + k, column))


@op(static=("k",))
def triu(x, k=0):
    return _triangle(as_symbol(x), lambda row, column: pt.le(row + k, column))


@op
def array(x, dtype=None):
    x = as_symbol(x, None if dtype is None else supported_dtype(dtype))
    return pt.tensor_copy(x)


@op(static=("shape",))
def empty(shape, dtype=None):
    return zeros(shape, dtype)


@op
def empty_like(x, dtype=None):
    return zeros_like(as_symbol(x), dtype)


@op(static=("n",))
def identity(n, dtype=None):
    return eye(n, dtype=dtype)


@op(static=("N", "M", "k"))
def tri(N, M=None, k=0, dtype=None):
    columns = N if M is None else M
    mask = pt.ge(pt.arange(N)[:, None] + k, pt.arange(columns)[None, :])
    return pt.cast(mask, dtype_or_floatx(dtype))


def _range_dtype(dtype, *numbers):
    if dtype is not None:
        return supported_dtype(dtype)
    kinds = (getattr(number, "dtype", type(number)) for number in numbers)
    return dtypes.result_type(*kinds, float)


def _fractions(num, endpoint):
    """Where each of `num` places stands between start (0) and stop (1), in float64."""
    gaps = num - 1 if endpoint else num
    return np.arange(num) / builtins.max(gaps, 1)


def _between(start, stop, num, endpoint, axis, compute):
    """`num` numbers from `start` to `stop`, along a new `axis`."""
    if num < 0:
        raise ValueError(f"`num` must not be negative. Received: num={num}")
    start, stop = (pt.cast(as_symbol(number), compute) for number in (start, stop))
    ndim = builtins.max(start.type.ndim, stop.type.ndim)
    axis = canonicalize_axis(axis, ndim + 1)
    place = np.asarray(_fractions(num, endpoint), compute).reshape(
        [num if i == axis else 1 for i in range(ndim + 1)]
    )
    start, stop = (
        pt.expand_dims(pt.expand_dims(end, tuple(range(ndim - end.type.ndim))), axis)
        for end in (start, stop)
    )
    # This form meets both ends exactly.
    return start * (1 - place) + stop * place


@op(static=("num", "axis"))
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    dtype = _range_dtype(dtype, start, stop)
    compute = dtype if dtype in ("float32", "float64") else "float64"
    result = _between(start, stop, num, endpoint, axis, compute)
    if "int" in dtype:
        result = pt.floor(result)
    result = cast(result, dtype)
    if not retstep:
        return result
    gaps = num - 1 if endpoint else num
    width = cast(as_symbol(stop), compute) - cast(as_symbol(start), compute)
    return result, width / gaps if gaps else pt.full_like(width, np.nan)


@op(static=("num", "axis"))
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    dtype = _range_dtype(dtype, start, stop)
    powers = _between(start, stop, num, endpoint, axis, "float64")
    return cast(pt.pow(cast(as_symbol(base), "float64"), powers), dtype)


@op(static=("num", "axis"))
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    dtype = _range_dtype(dtype, start, stop)
    start, stop = (cast(as_symbol(number), "float64") for number in (start, stop))
    # Of one sign: the logarithms are those of the absolute values.
    size = _between(pt.log(pt.abs(start)), pt.log(pt.abs(stop)), num, endpoint, axis, "float64")
    sign = _between(pt.sign(start), pt.sign(start) + 0 * stop, num, endpoint, axis, "float64")
    return cast(sign * pt.exp(size), dtype)


@op(static=("N",))
def vander(x, N=None, increasing=False):
    x = as_symbol(x)
    if x.type.ndim != 1:
        raise ValueError(f"`vander` needs one axis. Received: x.shape={x.type.shape}")
    N = sizes_of(x)[0] if N is None else N
    powers = pt.arange(N)
    if not increasing:
        powers = powers[::-1]
    return power(x[:, None], cast(powers, x.type.dtype)[None, :])


# --- Windows --------------------------------------------------------------------------------------


def _window(name, shape_at):
    """An op that returns a window of `x` points; `shape_at` maps 0 ... 1 to the window's value."""

    def window(x):
        points = cast(as_symbol(x), "int64")
        place = cast(pt.arange(points), "float64") / pt.maximum(points - 1, 1)
        # One point alone stands at the window's middle.
        place = pt.switch(pt.eq(points, 1), np.asarray(0.5), place)
        return cast(shape_at(place), config.floatx())

    window.__name__ = window.__qualname__ = name
    return op(window)


def _cosines(*weights):
    """A sum of cosines of whole numbers of turns."""

    def shape_at(place):
        total = np.asarray(weights[0])
        for turns, weight in enumerate(weights[1:], 1):
            total = total + weight * pt.cos(2 * np.pi * turns * place)
        return total

    return shape_at


bartlett = _window("bartlett", lambda place: 1 - pt.abs(2 * place - 1))
blackman = _window("blackman", _cosines(0.42, -0.5, 0.08))
hamming = _window("hamming", _cosines(0.54, -0.46))
hanning = _window("hanning", _cosines(0.5, -0.5))


@op
def kaiser(x, beta):
    points = cast(as_symbol(x), "int64")
    beta = cast(as_symbol(beta), "float64")
    place = cast(pt.arange(points), "float64") / pt.maximum(points - 1, 1)
    place = pt.switch(pt.eq(points, 1), np.asarray(0.5), place)
    arch = pt.sqrt(pt.maximum(1 - pt.sqr(2 * place - 1), np.asarray(0.0)))
    return cast(pt.i0(beta * arch) / pt.i0(beta), config.floatx())
