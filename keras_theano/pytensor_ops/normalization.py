"""Batch normalization as a few large PyTensor Ops.

NumPy works through an array one innermost run at a time, and with channels last that run is only
as long as there are channels. So arrays are looked at as fewer, longer rows (the spatial axes
merged into the channels, the per-channel vectors repeated to match), a chunk at a time, so that
what one pass leaves in the processor's cache serves the next.
"""

import math

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply

from . import normalization_onednn
from ._base import (
    TensorOp,
    compute_dtype,
    disconnected,
    float_inputs,
    gradient_by_symbols,
    is_disconnected,
    output_array,
)

# A row this long hides what NumPy spends on starting each row.
ROW_ELEMENTS = 1024
CHUNK_ELEMENTS = 1 << 17


class _Rows:
    """An array seen as (outer, row), each row holding every channel one or more times.

    Where the channel axis is the last one, a row is (repeats, channels) flattened; elsewhere it
    is (channels, inner) flattened.
    """

    def __init__(self, shape, axis):
        self.channels = shape[axis]
        self.outer = math.prod(shape[:axis])
        self.inner = math.prod(shape[axis + 1 :])
        self.repeats = 1
        if self.inner == 1:
            for size in reversed(shape[:axis]):
                if self.repeats * self.channels >= ROW_ELEMENTS or size == 0:
                    break
                self.repeats *= size
                self.outer //= size
        self.count = math.prod(shape) // max(1, self.channels)

    def view(self, array):
        return array.reshape(self.outer, self.repeats * self.channels * self.inner)

    def expand(self, vector):
        """A per-channel vector as long as a row."""
        if self.inner == 1:
            return np.tile(vector, self.repeats)
        return np.repeat(vector, self.inner)

    def collapse(self, row):
        """Sum a row into a per-channel vector."""
        return row.reshape(self.repeats, self.channels, self.inner).sum(axis=(0, 2))

    def chunks(self):
        length = self.repeats * self.channels * self.inner
        step = max(1, CHUNK_ELEMENTS // max(1, length))
        for start in range(0, self.outer, step):
            yield slice(start, min(self.outer, start + step))

    def buffer(self, dtype):
        first = next(self.chunks(), slice(0, 0))
        return np.empty(
            (first.stop - first.start, self.repeats * self.channels * self.inner), dtype
        )


def _vector(array, dtype):
    return array.astype(dtype, copy=False)


def _check_axis(axis, ndim):
    if not -ndim <= axis < ndim:
        raise ValueError(f"`axis` is {axis}, but the input has {ndim} axes.")
    return axis % ndim


def _check_vectors(x, axis, **vectors):
    """Raise ValueError where a per-channel vector does not fit (as far as shapes are known)."""
    channels = x.type.shape[axis]
    for name, vector in vectors.items():
        if vector.ndim != 1:
            raise ValueError(f"`{name}` must have one axis, but has shape {vector.type.shape}.")
        size = vector.type.shape[0]
        if None not in (channels, size) and size != channels:
            raise ValueError(
                f"`{name}` holds {size} values, but axis {axis} of the input has size {channels}."
            )


class Moments(TensorOp):
    """Mean and (population) variance of x over all axes but one: two vectors."""

    __props__ = ("axis",)

    def __init__(self, axis):
        self.axis = axis

    def make_node(self, x):
        (x,) = float_inputs("Moments", x)
        vector = pt.tensor(dtype=x.dtype, shape=(x.type.shape[self.axis],))
        return Apply(self, [x], [vector, vector.type()])

    def perform(self, node, inputs, output_storage):
        (x,) = inputs
        dtype = compute_dtype(x.dtype)
        rows = _Rows(x.shape, self.axis)
        wide = rows.view(x)
        mean = rows.collapse(wide.sum(axis=0, dtype=dtype)) / dtype.type(max(1, rows.count))
        centre = rows.expand(mean)
        buffer = rows.buffer(dtype)
        rests, squares = np.zeros((2, wide.shape[1]), dtype)
        for part in rows.chunks():
            centred = np.subtract(wide[part], centre, out=buffer[: part.stop - part.start])
            rests += centred.sum(axis=0)
            squares += np.einsum("nc,nc->c", centred, centred)
        # The first sum was rounded to the digits of its own size; what it missed is seen here.
        rest = rows.collapse(rests) / dtype.type(max(1, rows.count))
        variance = rows.collapse(squares) / dtype.type(max(1, rows.count)) - rest * rest
        mean = mean + rest
        if rows.count == 0:
            mean, variance = np.full_like(mean, np.nan), np.full_like(variance, np.nan)
        output_storage[0][0] = mean.astype(x.dtype, copy=False)
        output_storage[1][0] = variance.astype(x.dtype, copy=False)

    def output_shapes(self, node, shapes):
        return [(shapes[0][self.axis],)] * 2

    def symbolic(self, x):
        others = [axis for axis in range(x.ndim) if axis != self.axis]
        mean = x.mean(axis=others, keepdims=True)
        return pt.squeeze(mean, others), pt.sqr(x - mean).mean(axis=others)

    def pullback(self, inputs, outputs, cotangents):
        (x,), (mean, _) = inputs, outputs
        count = x.size / x.shape[self.axis]
        others = [axis for axis in range(x.ndim) if axis != self.axis]
        dx = pt.zeros_like(x)
        if not is_disconnected(cotangents[0]):
            dx = dx + pt.expand_dims(cotangents[0] / count, others)
        if not is_disconnected(cotangents[1]):
            slope = pt.expand_dims(2 * cotangents[1] / count, others)
            dx = dx + slope * (x - pt.expand_dims(mean, others))
        return [dx.astype(x.dtype)]


class BatchNormalization(TensorOp):
    """Normalize x: inputs x, mean, variance, scale, offset (vectors along `axis`).

    `own_moments` says that mean and variance are those of this same x. Then the gradient for x
    includes what flows through them, in one pass, and they get none of their own.
    """

    __props__ = ("axis", "epsilon", "own_moments")

    def __init__(self, axis, epsilon, own_moments):
        self.axis = axis
        self.epsilon = epsilon
        self.own_moments = own_moments

    def make_node(self, x, mean, variance, scale, offset):
        inputs = float_inputs("Batch normalization", x, mean, variance, scale, offset)
        x, *vectors = inputs
        names = ("mean", "variance", "scale", "offset")
        _check_vectors(x, self.axis, **dict(zip(names, vectors, strict=True)))
        return Apply(self, inputs, [x.type()])

    def perform(self, node, inputs, output_storage):
        x = inputs[0]
        dtype = compute_dtype(x.dtype)
        mean, variance, scale, offset = (_vector(v, dtype) for v in inputs[1:])
        out = output_array(output_storage[0], x.shape, x.dtype)
        rows = _Rows(x.shape, self.axis)
        slope = scale / np.sqrt(variance + dtype.type(self.epsilon))
        shift = rows.expand(offset - mean * slope)
        slope = rows.expand(slope)
        wide, target = rows.view(x), rows.view(out)
        buffer = None if out.dtype == dtype else rows.buffer(dtype)
        for part in rows.chunks():
            result = target[part] if buffer is None else buffer[: part.stop - part.start]
            np.multiply(wide[part], slope, out=result)
            result += shift
            if buffer is not None:
                target[part] = result

    def output_shapes(self, node, shapes):
        return [shapes[0]]

    def connection_pattern(self, node):
        others = not self.own_moments
        return [[True], [others], [others], [True], [True]]

    def symbolic(self, x, mean, variance, scale, offset):
        others = [axis for axis in range(x.ndim) if axis != self.axis]
        slope = scale / pt.sqrt(variance + self.epsilon)
        return x * pt.expand_dims(slope, others) + pt.expand_dims(offset - mean * slope, others)

    def pullback(self, inputs, outputs, cotangents):
        x, mean, variance, scale, _ = inputs
        op = BatchNormalizationGradient(self.axis, self.epsilon, self.own_moments)
        dx, dmean, dvariance, dscale, doffset = op(x, mean, variance, scale, cotangents[0])
        if self.own_moments:
            dmean, dvariance = disconnected(2)
        return [dx, dmean, dvariance, dscale, doffset]


class BatchNormalizationGradient(TensorOp):
    """Gradient of `BatchNormalization`: inputs x, mean, variance, scale and dy.

    Outputs the gradients for x, mean, variance, scale and offset; with `own_moments` those for
    mean and variance are already in the one for x, and are zero.
    """

    __props__ = ("axis", "epsilon", "own_moments")

    def __init__(self, axis, epsilon, own_moments):
        self.axis = axis
        self.epsilon = epsilon
        self.own_moments = own_moments

    def make_node(self, x, mean, variance, scale, dy):
        inputs = float_inputs("Batch normalization", x, mean, variance, scale, dy)
        x, mean = inputs[:2]
        return Apply(self, inputs, [x.type(), *(mean.type() for _ in range(4))])

    def perform(self, node, inputs, output_storage):
        x, dy = inputs[0], inputs[4]
        dtype = compute_dtype(x.dtype)
        mean, variance, scale = (_vector(v, dtype) for v in inputs[1:4])
        out = output_array(output_storage[0], x.shape, x.dtype)
        if self.own_moments:
            vectors = mean, variance, scale
            found = normalization_onednn.gradient(x, *vectors, dy, self.axis, self.epsilon, out)
            if found is not None:
                nothing = np.zeros_like(mean)
                for storage, value in zip(
                    output_storage[1:], (nothing, nothing, *found), strict=True
                ):
                    storage[0] = value
                return
        rows = _Rows(x.shape, self.axis)
        wide, given, target = rows.view(x), rows.view(dy), rows.view(out)
        inverse = 1 / np.sqrt(variance + dtype.type(self.epsilon))

        centre = rows.expand(mean)
        buffer = rows.buffer(dtype)
        sums = np.zeros((2, wide.shape[1]), dtype)
        for part in rows.chunks():
            centred = np.subtract(wide[part], centre, out=buffer[: part.stop - part.start])
            sums[0] += given[part].sum(axis=0, dtype=dtype)
            sums[1] += np.einsum("nc,nc->c", centred, given[part].astype(dtype, copy=False))
        doffset = rows.collapse(sums[0])
        dscale = rows.collapse(sums[1]) * inverse

        slope = scale * inverse
        wide_slope = rows.expand(slope)
        if self.own_moments:
            # dx = slope * (dy - mean(dy) - normalized x * mean(dy * normalized x))
            count = max(1, rows.count)
            tilt = -slope * inverse * dscale / dtype.type(count)
            level = -slope * doffset / dtype.type(count)
            wide_tilt, wide_level = rows.expand(tilt), rows.expand(level)
            dmean, dvariance = np.zeros_like(mean), np.zeros_like(mean)
        else:
            dmean = -slope * doffset
            dvariance = dtype.type(-0.5) * slope * inverse * dscale
        for part in rows.chunks():
            if not self.own_moments:
                target[part] = given[part] * wide_slope
                continue
            result = np.subtract(wide[part], centre, out=buffer[: part.stop - part.start])
            result *= wide_tilt
            result += wide_level
            result += given[part] * wide_slope
            target[part] = result
        for storage, value in zip(
            output_storage[1:], (dmean, dvariance, dscale, doffset), strict=True
        ):
            storage[0] = value.astype(x.dtype, copy=False)

    def output_shapes(self, node, shapes):
        return [shapes[0], *([shapes[1]] * 4)]

    def connection_pattern(self, node):
        others = not self.own_moments
        return [[True] * 5, [others] * 5, [others] * 5, [True] * 5, [True] * 5]

    def symbolic(self, x, mean, variance, scale, dy):
        """The same outputs from PyTensor's own Ops, for the gradients of this gradient."""
        others = [axis for axis in range(x.ndim) if axis != self.axis]
        if self.own_moments:
            mean = x.mean(axis=others)
            variance = pt.sqr(x - pt.expand_dims(mean, others)).mean(axis=others)
        inverse = 1 / pt.sqrt(variance + self.epsilon)
        normal = (x - pt.expand_dims(mean, others)) * pt.expand_dims(inverse, others)
        doffset = dy.sum(axis=others)
        dscale = (dy * normal).sum(axis=others)
        slope = scale * inverse
        if self.own_moments:
            level = dy.mean(axis=others, keepdims=True)
            tilt = (dy * normal).mean(axis=others, keepdims=True)
            dx = pt.expand_dims(slope, others) * (dy - level - normal * tilt)
            return dx, pt.zeros_like(mean), pt.zeros_like(mean), dscale, doffset
        dx = dy * pt.expand_dims(slope, others)
        return dx, -slope * doffset, -0.5 * slope * inverse * dscale, dscale, doffset

    def pullback(self, inputs, outputs, cotangents):
        gradients = gradient_by_symbols(self.symbolic, inputs, cotangents)
        if self.own_moments:
            gradients[1:3] = disconnected(2)
        return gradients


def moments(x, axis=-1):
    """Mean and population variance of `x` over all axes but `axis`, as two vectors.

    float16 is summed in float32. Both are NaN where there is nothing to average.
    """
    x = pt.as_tensor_variable(x)
    return Moments(_check_axis(axis, x.ndim))(x)


def batch_normalization(x, mean, variance, scale=None, offset=None, epsilon=1e-3, axis=-1):
    """Return ``scale * (x - mean) / sqrt(variance + epsilon) + offset``, shaped like `x`.

    `mean`, `variance`, `scale` (None: one) and `offset` (None: zero) are vectors along `axis`.
    Where mean and variance are the `moments` of this same `x`, gradients take the way of Ioffe
    and Szegedy, "Batch Normalization" (2015): one fused Op for all.
    """
    x, mean, variance = (pt.as_tensor_variable(v) for v in (x, mean, variance))
    axis = _check_axis(axis, x.ndim)
    scale = pt.ones_like(mean) if scale is None else pt.as_tensor_variable(scale)
    offset = pt.zeros_like(mean) if offset is None else pt.as_tensor_variable(offset)
    node = mean.owner
    own = (
        node is not None
        and isinstance(node.op, Moments)
        and node.op.axis == axis
        and node.inputs[0] is x
        and node.outputs[0] is mean
        and node.outputs[1] is variance
    )
    return BatchNormalization(axis, float(epsilon), own)(x, mean, variance, scale, offset)
