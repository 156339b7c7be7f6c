"""Convolution over any number of spatial axes, with its two gradients, as PyTensor Ops.

Layout: inputs and outputs (batch, *spatial, channels), kernels (*window, in / groups, out), as
Keras has them. `strides` and `dilation` are an int or one int per spatial axis; for `padding` see
`windows`. As in every deep-learning library, the kernel is not turned round: this is correlation.

The three Ops are each linear in either input and are each other's gradients, so gradients of any
order can be taken.
"""

import pytensor.tensor as pt
from pytensor.graph.basic import Apply

from . import conv_numpy
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
from .sizes import size_of
from .windows import as_padding, as_tuple, output_sizes, resolve_padding


class _ConvOp(TensorOp):
    """What the three Ops share: their settings and how they meet the sizes of a call."""

    __props__ = ("strides", "padding", "dilation", "groups")

    def __init__(self, strides, padding, dilation, groups):
        self.rank = len(strides)
        self.strides = strides
        self.padding = padding
        self.dilation = dilation
        self.groups = groups

    def sibling(self, op_class):
        return op_class(self.strides, self.padding, self.dilation, self.groups)

    def check_rank(self, **variables):
        for name, variable in variables.items():
            if variable.ndim != self.rank + 2:
                raise ValueError(
                    f"A {self.rank}-dimensional convolution needs `{name}` of rank "
                    f"{self.rank + 2}, but got rank {variable.ndim} "
                    f"(shape {variable.type.shape})."
                )

    def check_channels(self, channels, kernel_shape):
        """Raise ValueError where channels (None where unknown), kernel and groups do not agree."""
        per_group, filters = kernel_shape[-2:]
        if None not in (channels, per_group) and channels != per_group * self.groups:
            raise ValueError(
                f"The input has {channels} channels, but the kernel of shape {kernel_shape} with "
                f"{self.groups} group(s) needs {per_group * self.groups}."
            )
        if filters is not None and filters % self.groups:
            raise ValueError(
                f"The number of filters ({filters}) must be a multiple of the number of groups "
                f"({self.groups})."
            )

    def output_sizes(self, sizes, window):
        return output_sizes(sizes, window, self.strides, self.padding, self.dilation)

    def check_output(self, dy, sizes, window):
        """Raise ValueError where the gradient `dy` has another size than the output had."""
        expected = tuple(self.output_sizes(sizes, window))
        if dy.shape[1:-1] != expected:
            raise ValueError(
                f"The output of this convolution has spatial shape {expected}, but its gradient "
                f"has {dy.shape[1:-1]}."
            )

    def arguments(self, sizes, window):
        """Strides, dilation and resolved pads for `conv_numpy`."""
        pads = resolve_padding(self.padding, sizes, window, self.strides, self.dilation)
        return self.strides, self.dilation, pads

    def run(self, routine, first, second, arguments, storage, shape, *bias):
        """Compute `routine` into the output storage, in float32 where the dtype is float16.

        `bias` is what the forward routine adds, if anything.
        """
        dtype = first.dtype
        inner = compute_dtype(dtype)
        out = output_array(storage, shape, dtype)
        result = out if inner == dtype else output_array([None], shape, inner)
        routine(
            first.astype(inner, copy=False),
            second.astype(inner, copy=False),
            *arguments,
            self.groups,
            result,
            *(vector.astype(inner, copy=False) for vector in bias),
        )
        if result is not out:
            out[...] = result

    def jax_conv(self, x, kernel):
        """The convolution in JAX, of which JAX itself derives the transposes."""
        import jax

        pads = resolve_padding(
            self.padding, x.shape[1:-1], kernel.shape[:-2], self.strides, self.dilation
        )
        spatial = "DHW"[3 - self.rank :]
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            self.strides,
            pads,
            rhs_dilation=self.dilation,
            dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
            feature_group_count=self.groups,
        )


class Conv(_ConvOp):
    """Convolution: inputs x and kernel, output (batch, *places, filters)."""

    def make_node(self, x, kernel):
        x, kernel = float_inputs("Convolution", x, kernel)
        self.check_rank(x=x, kernel=kernel)
        self.check_channels(x.type.shape[-1], kernel.type.shape)
        places = self.output_sizes(x.type.shape[1:-1], kernel.type.shape[:-2])
        shape = (x.type.shape[0], *places, kernel.type.shape[-1])
        return Apply(self, [x, kernel], [pt.tensor(dtype=x.dtype, shape=shape)])

    def perform(self, node, inputs, output_storage):
        x, kernel, *bias = inputs  # a bias where `vm_ops.BiasedConv` has one
        self.check_channels(x.shape[-1], kernel.shape)
        sizes, window = x.shape[1:-1], kernel.shape[:-2]
        shape = (x.shape[0], *self.output_sizes(sizes, window), kernel.shape[-1])
        arguments = self.arguments(sizes, window)
        self.run(conv_numpy.forward, x, kernel, arguments, output_storage[0], shape, *bias)

    def output_shapes(self, node, shapes):
        x, kernel = shapes
        return [(x[0], *self.output_sizes(x[1:-1], kernel[:-2]), kernel[-1])]

    def jax_function(self, node):
        return self.jax_conv

    def pullback(self, inputs, outputs, cotangents):
        x, kernel = inputs
        (dy,) = cotangents
        sizes = [size_of(x, axis) for axis in range(1, self.rank + 1)]
        window = [size_of(kernel, axis) for axis in range(self.rank)]
        return [
            self.sibling(ConvInputGradient)(kernel, dy, *sizes),
            self.sibling(ConvKernelGradient)(x, dy, *window),
        ]


class ConvInputGradient(_ConvOp):
    """Gradient of `Conv` for x: inputs kernel, dy and the spatial sizes of x, output like x.

    It is also the transposed convolution of `dy`.
    """

    def make_node(self, kernel, dy, *sizes):
        kernel, dy = float_inputs("Transposed convolution", kernel, dy)
        self.check_rank(kernel=kernel, dy=dy)
        sizes = [size_input(size) for size in sizes]
        per_group = kernel.type.shape[-2]
        shape = (
            dy.type.shape[0],
            *map(static_size, sizes),
            None if per_group is None else per_group * self.groups,
        )
        return Apply(self, [kernel, dy, *sizes], [pt.tensor(dtype=dy.dtype, shape=shape)])

    def perform(self, node, inputs, output_storage):
        kernel, dy, *sizes = inputs
        sizes = tuple(int(size) for size in sizes)
        window = kernel.shape[:-2]
        channels = kernel.shape[-2] * self.groups
        if dy.shape[-1] != kernel.shape[-1]:
            raise ValueError(
                f"A kernel of shape {kernel.shape} makes {kernel.shape[-1]} filters, but the "
                f"gradient of the output has {dy.shape[-1]}."
            )
        self.check_channels(channels, kernel.shape)
        self.check_output(dy, sizes, window)
        shape = (dy.shape[0], *sizes, channels)
        arguments = self.arguments(sizes, window)
        self.run(conv_numpy.input_gradient, kernel, dy, arguments, output_storage[0], shape)

    def output_shapes(self, node, shapes):
        kernel, dy = shapes[:2]
        return [(dy[0], *node.inputs[2:], kernel[-2] * self.groups)]

    def connection_pattern(self, node):
        return [[True], [True], *([False] for _ in range(self.rank))]

    def jax_function(self, node):
        def function(kernel, dy, *sizes):
            sizes = jax_sizes(node.inputs[2:], node.outputs[0].type.shape[1:-1], sizes)
            shape = (dy.shape[0], *sizes, kernel.shape[-2] * self.groups)
            return jax_transpose(lambda x: self.jax_conv(x, kernel), shape, dy)

        return function

    def pullback(self, inputs, outputs, cotangents):
        kernel, dy = inputs[:2]
        (dx,) = cotangents
        window = [size_of(kernel, axis) for axis in range(self.rank)]
        return [
            self.sibling(ConvKernelGradient)(dx, dy, *window),
            self.sibling(Conv)(dx, kernel),
            *disconnected(self.rank),
        ]


class ConvKernelGradient(_ConvOp):
    """Gradient of `Conv` for the kernel: inputs x, dy and the window's sizes, output like it."""

    def make_node(self, x, dy, *window):
        x, dy = float_inputs("Convolution", x, dy)
        self.check_rank(x=x, dy=dy)
        window = [size_input(size) for size in window]
        channels = x.type.shape[-1]
        shape = (
            *map(static_size, window),
            None if channels is None else channels // self.groups,
            dy.type.shape[-1],
        )
        return Apply(self, [x, dy, *window], [pt.tensor(dtype=x.dtype, shape=shape)])

    def perform(self, node, inputs, output_storage):
        x, dy, *window = inputs
        window = tuple(int(size) for size in window)
        sizes = x.shape[1:-1]
        shape = (*window, x.shape[-1] // self.groups, dy.shape[-1])
        self.check_channels(x.shape[-1], shape)
        if x.shape[0] != dy.shape[0]:
            raise ValueError(
                f"The input holds {x.shape[0]} samples, the gradient of the output {dy.shape[0]}."
            )
        self.check_output(dy, sizes, window)
        arguments = self.arguments(sizes, window)
        self.run(conv_numpy.kernel_gradient, x, dy, arguments, output_storage[0], shape)

    def output_shapes(self, node, shapes):
        x, dy = shapes[:2]
        return [(*node.inputs[2:], x[-1] // self.groups, dy[-1])]

    def connection_pattern(self, node):
        return [[True], [True], *([False] for _ in range(self.rank))]

    def jax_function(self, node):
        def function(x, dy, *window):
            window = jax_sizes(node.inputs[2:], node.outputs[0].type.shape[:-2], window)
            shape = (*window, x.shape[-1] // self.groups, dy.shape[-1])
            return jax_transpose(lambda kernel: self.jax_conv(x, kernel), shape, dy)

        return function

    def pullback(self, inputs, outputs, cotangents):
        x, dy = inputs[:2]
        (dkernel,) = cotangents
        sizes = [size_of(x, axis) for axis in range(1, self.rank + 1)]
        return [
            self.sibling(ConvInputGradient)(dkernel, dy, *sizes),
            self.sibling(Conv)(x, dkernel),
            *disconnected(self.rank),
        ]


def _settings(rank, strides, padding, dilation, groups):
    if rank < 1:
        raise ValueError("A convolution needs (batch, at least one spatial axis, channels).")
    if groups < 1:
        raise ValueError(f"`groups` must be a positive integer, but got {groups}.")
    return (
        as_tuple(strides, rank, "strides"),
        as_padding(padding, rank),
        as_tuple(dilation, rank, "dilation"),
        int(groups),
    )


def conv(x, kernel, strides=1, padding="valid", dilation=1, groups=1):
    """Convolve `x` (batch, *spatial, channels) with `kernel` (*window, channels / groups, filters).

    Returns (batch, *places, filters) in the inputs' common floating-point dtype; float16 is
    computed in float32. Raises ValueError for shapes that do not fit each other, TypeError for
    integer inputs.
    """
    x, kernel = pt.as_tensor_variable(x), pt.as_tensor_variable(kernel)
    return Conv(*_settings(x.ndim - 2, strides, padding, dilation, groups))(x, kernel)


def conv_input_gradient(kernel, dy, input_sizes, strides=1, padding="valid", dilation=1, groups=1):
    """Gradient of `conv` for its input, given the gradient `dy` (batch, *places, filters).

    `input_sizes` are the spatial sizes of the input (ints or integer scalar variables). It is
    also the transposed convolution of `dy` to these sizes. Returns (batch, *sizes, channels).
    """
    kernel, dy = pt.as_tensor_variable(kernel), pt.as_tensor_variable(dy)
    settings = _settings(dy.ndim - 2, strides, padding, dilation, groups)
    if len(input_sizes) != dy.ndim - 2:
        raise ValueError(f"`input_sizes` must hold {dy.ndim - 2} sizes, but got {input_sizes}.")
    return ConvInputGradient(*settings)(kernel, dy, *input_sizes)


def conv_kernel_gradient(x, dy, window, strides=1, padding="valid", dilation=1, groups=1):
    """Gradient of `conv` for its kernel, given the gradient `dy` (batch, *places, filters).

    `window` are the kernel's spatial sizes. Returns (*window, channels / groups, filters).
    """
    x, dy = pt.as_tensor_variable(x), pt.as_tensor_variable(dy)
    settings = _settings(x.ndim - 2, strides, padding, dilation, groups)
    if len(window) != x.ndim - 2:
        raise ValueError(f"`window` must hold {x.ndim - 2} sizes, but got {window}.")
    return ConvKernelGradient(*settings)(x, dy, *window)


def depthwise_conv(x, kernel, strides=1, padding="valid", dilation=1):
    """Convolve each channel of `x` with its own filters.

    `kernel` is (*window, channels, multiplier), as in Keras. Returns
    (batch, *places, channels * multiplier).
    """
    x, kernel = pt.as_tensor_variable(x), pt.as_tensor_variable(kernel)
    channels = x.type.shape[-1] or kernel.type.shape[-2]
    if channels is None:
        raise ValueError("A depthwise convolution must know its number of channels.")
    window = [size_of(kernel, axis) for axis in range(kernel.ndim - 2)]
    filters = channels * size_of(kernel, kernel.ndim - 1)
    flat = kernel.reshape((*window, 1, filters))
    return conv(x, flat, strides, padding, dilation, groups=channels)
