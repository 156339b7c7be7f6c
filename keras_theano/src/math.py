"""`keras.ops` of general mathematics on Theano: segments, ranking, Fourier transforms."""

import numpy as np
import pytensor.tensor as pt
from keras.src.utils.module_utils import scipy
from pytensor.gradient import disconnected_grad

from keras_theano.pytensor_ops import steep
from keras_theano.pytensor_ops.linalg import slogdet
from keras_theano.pytensor_ops.math import (
    FourierTransform,
    InverseRealFourier,
    RealFourier,
    ScatterReduce,
)
from keras_theano.pytensor_ops.reductions import highest, lowest
from keras_theano.pytensor_ops.sizes import size_of, sizes_of, with_shape
from keras_theano.src.missing import missing_op
from keras_theano.src.sizes import canonical_axes
from keras_theano.src.tensor import as_symbol, floating, op

__getattr__ = missing_op("math")


# --- Segments ------------------------------------------------------------------------------------


def _segments(data, segment_ids, num_segments):
    """Return data, ids and count, with a spare last segment that takes what has no valid id."""
    data, ids = as_symbol(data), as_symbol(segment_ids)
    if num_segments is None:
        num_segments = pt.max(ids) + 1
    ids = pt.switch((ids < 0) | (ids >= num_segments), num_segments, ids).astype("int64")
    return data, ids, num_segments


def _segment_reduce(data, segment_ids, num_segments, kind, identity):
    data, ids, count = _segments(data, segment_ids, num_segments)
    base = pt.full((count + 1, *sizes_of(data)[1:]), identity(data.type.dtype), data.type.dtype)
    return with_shape(ScatterReduce(kind)(base, ids, data)[:-1], (count, *data.type.shape[1:]))


@op
def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    data, ids, count = _segments(data, segment_ids, num_segments)
    base = pt.zeros((count + 1, *sizes_of(data)[1:]), data.type.dtype)
    total = pt.inc_subtensor(base[ids], data)[:-1]
    return with_shape(total, (count, *data.type.shape[1:]))


@op
def segment_max(data, segment_ids, num_segments=None, sorted=False):
    """Maximum of each segment; -inf (for integers: their lowest value) for an empty one."""
    return _segment_reduce(data, segment_ids, num_segments, "max", lowest)


@op
def segment_min(data, segment_ids, num_segments=None, sorted=False):
    """Minimum of each segment; inf (for integers: their highest value) for an empty one."""
    return _segment_reduce(data, segment_ids, num_segments, "min", highest)


@op
def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    return _segment_reduce(data, segment_ids, num_segments, "mul", lambda dtype: 1)


# --- Ranking -------------------------------------------------------------------------------------


@op
def top_k(x, k, sorted=True):
    """Return the `k` largest values along the last axis, largest first, and their int32 places.

    Among equal values the first comes first.
    """
    x = as_symbol(x)
    length = size_of(x, -1)
    if isinstance(length, int) and k > length:
        raise ValueError(f"top_k: k={k} is more than the {length} values along the last axis.")
    # A stable sort of the reversed axis, read backwards, keeps equal values in their order.
    order = length - 1 - pt.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    shape = (*x.type.shape[:-1], k)
    places = order[..., :k]
    values = with_shape(pt.take_along_axis(x, places, axis=-1), shape)
    return values, with_shape(places.astype("int32"), shape)


@op
def in_top_k(targets, predictions, k):
    """Tell for each row of predictions whether fewer than `k` values exceed the target's."""
    targets, predictions = as_symbol(targets), as_symbol(predictions)
    chosen = pt.take_along_axis(predictions, pt.expand_dims(targets.astype("int64"), -1), axis=-1)
    above = pt.gt(predictions, pt.switch(pt.isnan(chosen), -np.inf, chosen))
    result = pt.lt(pt.sum(above, axis=-1, dtype="int64"), k)
    return with_shape(result, targets.type.shape)


@op
def logsumexp(x, axis=None, keepdims=False):
    (x,) = floating(x)
    axes = canonical_axes(axis, x.type.ndim)
    if not axes:
        return x
    # Subtracting the largest keeps exp in range; infinities would make it nan.
    largest = pt.max(x, axis=axes, keepdims=True)
    largest = pt.switch(pt.isinf(largest), 0, largest).astype(x.type.dtype)
    largest = disconnected_grad(largest)
    result = pt.log(pt.sum(pt.exp(x - largest), axis=axes, keepdims=True)) + largest
    return result if keepdims else pt.squeeze(result, axis=axes)


@op
def cdist(x, y):
    """Euclidean distances between rows: (..., n, d) and (..., m, d) give (..., n, m)."""
    x, y = floating(x, y)
    if x.type.ndim < 2 or y.type.ndim < 2:
        raise ValueError("`cdist` inputs must have rank >= 2")
    widths = (x.type.shape[-1], y.type.shape[-1])
    if None not in widths and widths[0] != widths[1]:
        raise ValueError("Last dimension of inputs to `cdist` must match")
    difference = pt.expand_dims(x, -2) - pt.expand_dims(y, -3)
    return steep.root(pt.sum(pt.sqr(difference), axis=-1))


# --- Element-wise --------------------------------------------------------------------------------


@op
def rsqrt(x):
    (x,) = floating(x)
    return steep.reciprocal(steep.sqrt(x))


@op
def erf(x):
    return pt.erf(*floating(x))


@op
def erfc(x):
    return pt.erfc(*floating(x))


@op
def erfinv(x):
    return steep.erfinv(*floating(x))


@op
def logdet(x):
    """Logarithm of the absolute determinant of (..., n, n) matrices."""
    return slogdet(*floating(x))[1]


# --- Signals -------------------------------------------------------------------------------------


def _frame_places(length, sequence_length, sequence_stride):
    """Return the (frames, sequence_length) places of a signal's frames."""
    count = (length - sequence_length) // sequence_stride + 1
    if isinstance(count, int):
        starts = np.arange(max(count, 0)) * sequence_stride
    else:
        starts = pt.arange(count) * sequence_stride
    return starts[:, None] + np.arange(sequence_length)


@op
def extract_sequences(x, sequence_length, sequence_stride):
    """Cut the last axis into frames: (..., length) to (..., frames, sequence_length)."""
    x = as_symbol(x)
    return x[..., _frame_places(size_of(x, -1), sequence_length, sequence_stride)]


def _real_and_imaginary(x):
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x}"
        )
    real, imag = as_symbol(x[0]), as_symbol(x[1])
    if real.type.shape != imag.type.shape:
        raise ValueError(
            "Input `x` should be a tuple of two tensors - real and imaginary. "
            "Both the real and imaginary parts should have the same shape. "
            f"Received: x[0].shape = {real.type.shape}, x[1].shape = {imag.type.shape}"
        )
    if not all(part.type.dtype.startswith("float") for part in (real, imag)):
        raise ValueError(
            "At least one tensor in input `x` is not of type float. "
            f"Received: dtypes {real.type.dtype} and {imag.type.dtype}."
        )
    return floating(real, imag)


@op
def _get_complex_tensor_from_tuple(x):  # Keras's name
    real, imag = _real_and_imaginary(x)
    return pt.complex(real, imag)


@op
def fft(x):
    return tuple(FourierTransform()(*_real_and_imaginary(x)))


@op
def fft2(x):
    return tuple(FourierTransform(ndim=2)(*_real_and_imaginary(x)))


@op
def ifft2(x):
    transform = FourierTransform(ndim=2, inverse=True, scaled=True)
    return tuple(transform(*_real_and_imaginary(x)))


@op
def rfft(x, fft_length=None):
    (x,) = floating(x)
    return tuple(RealFourier()(x, size_of(x, -1) if fft_length is None else fft_length))


@op
def irfft(x, fft_length=None):
    real, imag = _real_and_imaginary(x)
    if fft_length is None:
        fft_length = 2 * (size_of(real, -1) - 1)
    return InverseRealFourier()(real, imag, fft_length)


def _window(window, sequence_length, fft_length, dtype):
    """Return the window of `sequence_length` values, centred in `fft_length` values."""
    left = (fft_length - sequence_length) // 2
    right = fft_length - sequence_length - left
    if window is None:
        return pt.ones((fft_length,), dtype)
    if isinstance(window, str):
        if window not in {"hann", "hamming"}:
            raise ValueError(
                "If a string is passed to `window`, it must be one of "
                f'`"hann"`, `"hamming"`. Received: window={window}'
            )
        window = scipy.signal.get_window(window, sequence_length)
    window = as_symbol(window, dtype)
    if window.type.shape != (sequence_length,):
        raise ValueError(
            "The shape of `window` must be equal to [sequence_length]. "
            f"Received: window shape={window.type.shape}"
        )
    return pt.concatenate([np.zeros(left, dtype), window, np.zeros(right, dtype)])


def _mirrored(places, length):
    """Map places before 0 and from `length` on to their mirror images inside the signal."""
    period = pt.maximum(2 * (length - 1), 1)
    return pt.abs((places + length - 1) % period - (length - 1))


@op
def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """Short-time Fourier transform of (..., length) real signals.

    Returns:
        Real and imaginary part, each (..., frames, fft_length // 2 + 1).
    """
    x = as_symbol(x)
    if x.type.dtype not in {"float32", "float64"}:
        raise TypeError(
            "Invalid input type. Expected `float32` or `float64`. "
            f"Received: input type={x.type.dtype}"
        )
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
        )
    weights = _window(window, sequence_length, fft_length, x.type.dtype)
    length = size_of(x, -1)
    margin = fft_length // 2 if center else 0
    places = _frame_places(length + 2 * margin, fft_length, sequence_stride)
    frames = x[..., _mirrored(places - margin, length) if center else places]
    frames = with_shape(frames, (*x.type.shape[:-1], places.shape[0], fft_length))
    return tuple(RealFourier()(frames * weights, fft_length))


@op
def istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """Signal (..., length) from its short-time Fourier transform, by overlap and add."""
    real, imag = _real_and_imaginary(x)
    if real.type.ndim < 2:
        raise ValueError(
            f"Input `x` must have at least 2 dimensions. Received shape: {real.type.shape}"
        )
    weights = _window(window, sequence_length, fft_length, real.type.dtype)
    if window is not None:
        # Where frames overlap, their squared windows add up: the same sum at every `stride`th
        # place of an endless signal, which serves for the ends as well.
        phases = np.arange(fft_length) % sequence_stride
        total = pt.zeros((sequence_stride,), weights.type.dtype)
        total = pt.inc_subtensor(total[phases], pt.sqr(weights))[phases]
        weights = weights / pt.switch(total > 0, total, 1)
    frames = InverseRealFourier()(real, imag, fft_length) * weights
    length_of_all = fft_length + sequence_stride * (size_of(frames, -2) - 1)
    places = _frame_places(length_of_all, fft_length, sequence_stride)
    signal = pt.zeros((*sizes_of(frames)[:-2], length_of_all), frames.type.dtype)
    signal = pt.inc_subtensor(signal[..., places], frames)
    start = fft_length // 2 if center else 0
    if length is not None:
        end = start + length
    else:
        end = length_of_all - fft_length // 2 if center else length_of_all
    return signal[..., start:end]
