"""Max and average pooling over any number of spatial axes, as PyTensor Ops.

Inputs (batch, *spatial, channels). Padding never counts: a maximum ignores it, and an average
divides by the number of real inputs under the window, as TensorFlow's does.
"""

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply

from . import pool_onednn
from ._base import (
    TensorOp,
    compute_dtype,
    disconnected,
    float_inputs,
    jax_sizes,
    jax_transpose,
    output_array,
    size_input,
    static_size,
)
from ._threads import split
from .activations import Activation
from .conv_numpy import chunks
from .sizes import size_of
from .windows import as_padding, as_tuple, output_sizes, resolve_padding


def tap_spans(tap, size, places, stride, before):
    """Which windows see a real input at their place `tap` along one axis, and which input.

    Returns (slice of windows, slice of inputs), both empty where none does.
    """
    first = max(0, -((tap - before) // stride))
    last = min(places - 1, (size - 1 - tap + before) // stride)
    if last < first:
        return slice(0, 0), slice(0, 0)
    start = first * stride + tap - before
    return slice(first, last + 1), slice(start, start + (last - first) * stride + 1, stride)


class _PoolOp(TensorOp):
    """What pooling Ops share: their settings and how they meet the sizes of a call."""

    __props__ = ("window", "strides", "padding")

    def __init__(self, window, strides, padding):
        self.rank = len(window)
        self.window = window
        self.strides = strides
        self.padding = padding
        self.dilation = (1,) * self.rank

    def sibling(self, op_class):
        return op_class(self.window, self.strides, self.padding)

    def pads(self, sizes):
        return resolve_padding(self.padding, sizes, self.window, self.strides, self.dilation)

    def places(self, sizes):
        return output_sizes(sizes, self.window, self.strides, self.padding, self.dilation)

    def check_rank(self, variable):
        if variable.ndim != self.rank + 2:
            raise ValueError(
                f"{self.rank}-dimensional pooling needs an input of rank {self.rank + 2}, but got "
                f"rank {variable.ndim} (shape {variable.type.shape})."
            )

    def pooled_type(self, x):
        shape = (x.type.shape[0], *self.places(x.type.shape[1:-1]), x.type.shape[-1])
        return pt.tensor(dtype=x.dtype, shape=shape)

    def pooled_shape(self, x):
        return (x.shape[0], *self.places(x.shape[1:-1]), x.shape[-1])

    def taps(self, sizes):
        """Yield, for each place of the window, the indices (of outputs, of inputs) it joins."""
        pads = self.pads(sizes)
        places = self.places(sizes)
        for tap in np.ndindex(*self.window):
            spans = [
                tap_spans(t, size, n, s, before)
                for t, size, n, s, (before, _) in zip(
                    tap, sizes, places, self.strides, pads, strict=True
                )
            ]
            if all(outputs.stop > outputs.start for outputs, _ in spans):
                yield (
                    (slice(None), *(outputs for outputs, _ in spans)),
                    (slice(None), *(inputs for _, inputs in spans)),
                )

    def counts(self, sizes, dtype):
        """Number of real inputs under each window, shape (*places, 1)."""
        pads = self.pads(sizes)
        result = np.ones((1,) * (self.rank + 1), dtype)
        for axis, (size, n, w, s, (before, _)) in enumerate(
            zip(sizes, self.places(sizes), self.window, self.strides, pads, strict=True)
        ):
            start = np.arange(n) * s - before
            count = np.minimum(start + w, size) - np.maximum(start, 0)
            shape = [1] * (self.rank + 1)
            shape[axis] = n
            # A window that lies in the padding alone has no average; it gives 0, not 0 / 0.
            result = result * np.maximum(count, 1).astype(dtype).reshape(shape)
        return result

    def output_shapes(self, node, shapes):
        x = shapes[0]
        return [(x[0], *self.places(x[1:-1]), x[-1])]

    def jax_windows(self, x, start, reduce):
        """Reduce each window of a JAX array, `start` standing for what is padding."""
        import jax

        sizes = x.shape[1:-1]
        pads = self.pads(sizes)
        return jax.lax.reduce_window(
            x,
            x.dtype.type(start),
            reduce,
            (1, *self.window, 1),
            (1, *self.strides, 1),
            ((0, 0), *pads, (0, 0)),
        )

    def jax_max(self, x):
        import jax

        return self.jax_windows(x, -np.inf, jax.lax.max)

    def jax_average(self, x):
        import jax

        counts = self.counts(x.shape[1:-1], x.dtype)
        return self.jax_windows(x, 0, jax.lax.add) / counts


def sample_chunks(array, samples):
    """Cut a slice of samples so that a piece stays in cache while every tap passes over it."""
    for start, stop, _, _ in chunks(samples.stop - samples.start, 1, array[:1].nbytes):
        yield slice(samples.start + start, samples.start + stop)


class MaxPool(_PoolOp):
    """Largest input under each window; NaN where there is one.

    Where several are largest, the gradient goes to the first in row order, as in TensorFlow.
    """

    def make_node(self, x):
        (x,) = float_inputs("Pooling", x)
        self.check_rank(x)
        return Apply(self, [x], [self.pooled_type(x)])

    def perform(self, node, inputs, output_storage):
        (x,) = inputs
        out = output_array(output_storage[0], self.pooled_shape(x), x.dtype)
        taps = list(self.taps(x.shape[1:-1]))
        whole = taps and all(
            s == slice(0, n) for s, n in zip(taps[0][0][1:], out.shape[1:-1], strict=True)
        )

        def part(samples):
            for piece in sample_chunks(x, samples):
                source, target = x[piece], out[piece]
                if whole:
                    target[...] = source[taps[0][1]]
                else:
                    target[...] = -np.inf
                for outputs, places in taps[1:] if whole else taps:
                    goal = target[outputs]
                    np.maximum(goal, source[places], out=goal)

        split(x.shape[0], x.size, part)

    def jax_function(self, node):
        return self.jax_max

    def pullback(self, inputs, outputs, cotangents):
        return [self.sibling(MaxPoolGradient)(inputs[0], outputs[0], cotangents[0])]


class MaxPoolGradient(_PoolOp):
    """Gradient of `MaxPool`: inputs x, the pooled y and the gradient for y; output like x."""

    def make_node(self, x, y, dy):
        x, y, dy = float_inputs("Pooling", x, y, dy)
        for variable in (x, y, dy):
            self.check_rank(variable)
        return Apply(self, [x, y, dy], [pt.tensor(dtype=x.dtype, shape=x.type.shape)])

    def perform(self, node, inputs, output_storage):
        x, y, dy = inputs
        out = output_array(output_storage[0], x.shape, x.dtype)
        if pool_onednn.max_gradient(
            x, dy, self.window, self.strides, self.pads(x.shape[1:-1]), out
        ):
            return
        taps = list(self.taps(x.shape[1:-1]))
        # Windows side by side: an input is in one of them at most.
        apart = all(s >= w for s, w in zip(self.strides, self.window, strict=True))

        def part(samples):
            for piece in sample_chunks(x, samples):
                source, top, target = x[piece], y[piece], out[piece]
                # What of dy has not yet gone to an input. NumPy multiplies a float by a bool
                # slowly, so the mask is made a float first, in one buffer.
                left = np.array(dy[piece])
                share = np.empty_like(left)
                hit = np.empty(left.shape, bool)
                target[...] = 0
                for outputs, places in taps:
                    given, found = share[outputs], hit[outputs]
                    np.equal(source[places], top[outputs], out=found)
                    np.copyto(given, found)
                    rest = left[outputs]
                    given *= rest
                    rest -= given
                    if apart:
                        target[places] = given
                    else:
                        goal = target[places]
                        goal += given

        split(x.shape[0], x.size, part)

    def output_shapes(self, node, shapes):
        return [shapes[0]]

    def connection_pattern(self, node):
        return [[False], [False], [True]]

    def jax_function(self, node):
        def function(x, y, dy):
            import jax

            return jax.vjp(self.jax_max, x)[1](dy)[0]

        return function

    def pullback(self, inputs, outputs, cotangents):
        x, y, _ = inputs
        return [*disconnected(2), self.sibling(MaxPoolSelect)(x, y, cotangents[0])]


class MaxPoolSelect(_PoolOp):
    """Transpose of `MaxPoolGradient`: inputs x, the pooled y and z like x; output like y.

    Takes from z what stands where x has its maximum under each window.
    """

    def make_node(self, x, y, z):
        x, y, z = float_inputs("Pooling", x, y, z)
        for variable in (x, y, z):
            self.check_rank(variable)
        return Apply(self, [x, y, z], [pt.tensor(dtype=x.dtype, shape=y.type.shape)])

    def perform(self, node, inputs, output_storage):
        x, y, z = inputs
        out = output_array(output_storage[0], y.shape, x.dtype)
        out[...] = 0
        waiting = np.ones(y.shape, bool)
        for outputs, places in self.taps(x.shape[1:-1]):
            hit = (x[places] == y[outputs]) & waiting[outputs]
            waiting[outputs] ^= hit
            out[outputs] += z[places] * hit

    def output_shapes(self, node, shapes):
        return [shapes[1]]

    def connection_pattern(self, node):
        return [[False], [False], [True]]

    def jax_function(self, node):
        def function(x, y, z):
            import jax

            def scatter(dy):
                return jax.vjp(self.jax_max, x)[1](dy)[0]

            return jax.linear_transpose(scatter, y)(z)[0]

        return function

    def pullback(self, inputs, outputs, cotangents):
        x, y, _ = inputs
        return [*disconnected(2), self.sibling(MaxPoolGradient)(x, y, cotangents[0])]


class AveragePool(_PoolOp):
    """Mean of the real inputs under each window."""

    def make_node(self, x):
        (x,) = float_inputs("Pooling", x)
        self.check_rank(x)
        return Apply(self, [x], [self.pooled_type(x)])

    def perform(self, node, inputs, output_storage):
        (x,) = inputs
        inner = compute_dtype(x.dtype)
        shape = self.pooled_shape(x)
        out = output_array(output_storage[0], shape, x.dtype)
        result = out if inner == x.dtype else np.empty(shape, inner)
        scale = 1 / self.counts(x.shape[1:-1], inner)
        taps = list(self.taps(x.shape[1:-1]))

        def part(samples):
            for piece in sample_chunks(x, samples):
                source, target = x[piece], result[piece]
                target[...] = 0
                for outputs, places in taps:
                    goal = target[outputs]
                    goal += source[places]
                target *= scale

        split(x.shape[0], x.size, part)
        if result is not out:
            out[...] = result

    def jax_function(self, node):
        return self.jax_average

    def pullback(self, inputs, outputs, cotangents):
        (x,) = inputs
        sizes = [size_of(x, axis) for axis in range(1, self.rank + 1)]
        return [self.sibling(AveragePoolGradient)(cotangents[0], *sizes)]


class AveragePoolGradient(_PoolOp):
    """Gradient of `AveragePool`: inputs dy and the spatial sizes of x; output like x."""

    def make_node(self, dy, *sizes):
        (dy,) = float_inputs("Pooling", dy)
        self.check_rank(dy)
        sizes = [size_input(size) for size in sizes]
        shape = (dy.type.shape[0], *map(static_size, sizes), dy.type.shape[-1])
        return Apply(self, [dy, *sizes], [pt.tensor(dtype=dy.dtype, shape=shape)])

    def perform(self, node, inputs, output_storage):
        dy, *sizes = inputs
        sizes = tuple(int(size) for size in sizes)
        inner = compute_dtype(dy.dtype)
        shape = (dy.shape[0], *sizes, dy.shape[-1])
        out = output_array(output_storage[0], shape, dy.dtype)
        result = out if inner == dy.dtype else np.empty(shape, inner)
        scale = 1 / self.counts(sizes, inner)
        taps = list(self.taps(sizes))

        def part(samples):
            for piece in sample_chunks(result, samples):
                given, target = dy[piece] * scale, result[piece]
                target[...] = 0
                for outputs, places in taps:
                    goal = target[places]
                    goal += given[outputs]

        split(dy.shape[0], result.size, part)
        if result is not out:
            out[...] = result

    def output_shapes(self, node, shapes):
        dy = shapes[0]
        return [(dy[0], *node.inputs[1:], dy[-1])]

    def connection_pattern(self, node):
        return [[True], *([False] for _ in range(self.rank))]

    def jax_function(self, node):
        def function(dy, *sizes):
            sizes = jax_sizes(node.inputs[1:], node.outputs[0].type.shape[1:-1], sizes)
            shape = (dy.shape[0], *sizes, dy.shape[-1])
            return jax_transpose(self.jax_average, shape, dy)

        return function

    def pullback(self, inputs, outputs, cotangents):
        return [self.sibling(AveragePool)(cotangents[0]), *disconnected(self.rank)]


def pool(x, window, strides=None, padding="valid", mode="max"):
    """Pool `x` (batch, *spatial, channels) over windows; returns (batch, *places, channels).

    `window` and `strides` (by default the window) are an int or one int per spatial axis;
    `padding` as in `windows`; `mode` is "max" or "average". Integer inputs are refused with
    TypeError, settings that do not fit the input with ValueError.
    """
    x = pt.as_tensor_variable(x)
    ops = {"max": MaxPool, "average": AveragePool}
    if mode not in ops:
        raise ValueError(f'`mode` must be "max" or "average", but got {mode!r}.')
    rank = x.ndim - 2
    if rank < 1:
        raise ValueError("Pooling needs (batch, at least one spatial axis, channels).")
    window = as_tuple(window, rank, "window")
    strides = window if strides is None else as_tuple(strides, rank, "strides")
    op = ops[mode](window, strides, as_padding(padding, rank))
    node = x.owner
    if mode == "max" and node is not None and node.op == Activation("relu"):
        # The largest of what ReLU leaves is what ReLU leaves of the largest: the same values and
        # gradients, and ReLU's work is done on the pooled, smaller array.
        result = node.op(op(*node.inputs))
        vars(result.tag).update(vars(node.outputs[0].tag))  # it is still that layer's ReLU
        return result
    return op(x)
