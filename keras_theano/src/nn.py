"""`keras.ops.nn` on Theano: activations, convolution, pooling, losses, normalisation, attention."""

import math

import numpy as np
import pytensor.tensor as pt
from keras.src.backend import config
from keras.src.backend.common.backend_utils import (
    canonicalize_axis,
    compute_conv_transpose_output_shape,
    compute_conv_transpose_padding_args_for_jax,
)

from keras_theano.pytensor_ops import conv as conv_ops
from keras_theano.pytensor_ops import losses, normalization, reductions
from keras_theano.pytensor_ops.activations import Activation, Softmax
from keras_theano.pytensor_ops.ctc import CTCBeamSearch, CTCLoss
from keras_theano.pytensor_ops.pool import pool
from keras_theano.pytensor_ops.sizes import size_of, sizes_of, with_shape
from keras_theano.src.missing import missing_op
from keras_theano.src.sizes import along_axis
from keras_theano.src.tensor import as_symbol, op, promote_to_float, supported_dtype

__getattr__ = missing_op("nn")


# --- Activations ---------------------------------------------------------------------------------

# Of these, integers stay integers, as the results are whole numbers too.
_WHOLE = ("relu", "relu6", "hard_tanh")


@op
def _activate(x, name, *params):
    x = as_symbol(x)
    dtype = x.type.dtype
    if dtype.startswith("complex"):
        raise ValueError(f"`{name}` of complex numbers is not defined. Received: {dtype}")
    (values,) = promote_to_float(x)
    y = Activation(name, *(float(param) for param in params))(values)
    return pt.cast(y, dtype) if name in _WHOLE and dtype != "bool" else y


def relu(x):
    return _activate(x, "relu")


def relu6(x):
    return _activate(x, "relu6")


def sigmoid(x):
    return _activate(x, "sigmoid")


def sparse_sigmoid(x):
    return _activate(x, "sparse_sigmoid")


def tanh(x):
    return _activate(x, "tanh")


def tanh_shrink(x):
    return _activate(x, "tanh_shrink")


def softplus(x):
    return _activate(x, "softplus")


def softsign(x):
    return _activate(x, "softsign")


def soft_shrink(x, threshold=0.5):
    return _activate(x, "soft_shrink", threshold)


def sparse_plus(x):
    return _activate(x, "sparse_plus")


def silu(x):
    return _activate(x, "silu")


def squareplus(x, b=4):
    return _activate(x, "squareplus", b)


def log_sigmoid(x):
    return _activate(x, "log_sigmoid")


def leaky_relu(x, negative_slope=0.2):
    return _activate(x, "leaky_relu", negative_slope)


def hard_sigmoid(x):
    return _activate(x, "hard_sigmoid")


def hard_silu(x):
    return _activate(x, "hard_silu")


def elu(x, alpha=1.0):
    return _activate(x, "elu", alpha)


def selu(x):
    return _activate(x, "selu")


def gelu(x, approximate=True):
    return _activate(x, "gelu" if approximate else "gelu_exact")


def celu(x, alpha=1.0):
    return _activate(x, "celu", alpha)


def hard_tanh(x):
    return _activate(x, "hard_tanh")


def hard_shrink(x, threshold=0.5):
    return _activate(x, "hard_shrink", threshold)


def threshold(x, threshold, default_value):
    return _activate(x, "threshold", threshold, default_value)


@op
def glu(x, axis=-1):
    (x,) = promote_to_float(x)
    axis = canonicalize_axis(axis, x.type.ndim)
    total = size_of(x, axis)
    if isinstance(total, int) and total % 2:
        raise ValueError(
            f"glu needs an even number of values along `axis`. Received: axis={axis}, "
            f"x.shape={x.type.shape}"
        )
    half, before = total // 2, (slice(None),) * axis
    values, gates = x[(*before, slice(0, half))], x[(*before, slice(half, total))]
    return values * Activation("sigmoid")(gates)


@op
def softmax(x, axis=-1):
    return _softmax(x, axis, log=False)


@op
def log_softmax(x, axis=-1):
    return _softmax(x, axis, log=True)


def _softmax(x, axis, log):
    (x,) = promote_to_float(x)
    return Softmax(None if axis is None else _sum_axis(x, axis), log)(x)


def _sum_axis(x, axis):
    """The axis from 0 on; a scalar, which has none, is its own only class (None: all axes)."""
    return canonicalize_axis(axis, x.type.ndim) if x.type.ndim else None


@op
def sparsemax(x, axis=-1):
    (x,) = promote_to_float(x)
    axis = canonicalize_axis(axis, x.type.ndim)
    logits = pt.moveaxis(x, axis, -1)
    descending = -pt.sort(-logits, axis=-1)
    totals = pt.cumsum(descending, axis=-1)
    ranks = pt.arange(1, size_of(logits, -1) + 1, dtype=x.type.dtype)
    supported = pt.cast(descending * ranks > totals - 1, x.type.dtype)
    count = pt.sum(supported, axis=-1, keepdims=True)
    level = (pt.sum(descending * supported, axis=-1, keepdims=True) - 1) / count
    return with_shape(pt.moveaxis(pt.maximum(logits - level, 0), -1, axis), x.type.shape)


# --- Pooling and convolution ---------------------------------------------------------------------


def _check_channels(found, wanted):
    if None not in (found, wanted) and found != wanted:
        raise ValueError(
            "The number of input channels must match the kernel's input channels. Received: "
            f"input channels={found}, kernel input channels={wanted}."
        )


def _to_channels_last(x, data_format):
    return pt.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def _from_channels_last(x, data_format):
    return pt.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def _format(data_format):
    if data_format is None:
        return config.image_data_format()
    data_format = str(data_format).lower()
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
            f"Received: data_format={data_format}"
        )
    return data_format


def _pool(x, pool_size, strides, padding, data_format, mode):
    if padding not in ("same", "valid"):
        raise ValueError(f"Invalid padding '{padding}', must be 'same' or 'valid'.")
    data_format = _format(data_format)
    (x,) = promote_to_float(x)
    x = _to_channels_last(x, data_format)
    return _from_channels_last(pool(x, pool_size, strides, padding, mode), data_format)


@op
def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    return _pool(inputs, pool_size, strides, padding, data_format, "max")


@op
def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    return _pool(inputs, pool_size, strides, padding, data_format, "average")


def _adaptive_pool(x, output_size, data_format, pool_axis):
    data_format = _format(data_format)
    (x,) = promote_to_float(x)
    rank = x.type.ndim - 2
    if rank not in (1, 2, 3):
        raise ValueError("Adaptive pooling supports only 1D/2D/3D inputs.")
    output_size = (output_size,) * rank if isinstance(output_size, int) else tuple(output_size)
    first = 1 if data_format == "channels_last" else 2
    for axis, places in enumerate(output_size, start=first):
        x = pool_axis(x, axis, places)
    return x


def _adaptive_windows(x, axis, places):
    """First and one past the last position of each place's window along `axis`."""
    total = size_of(x, axis)
    place = np.arange(places)
    return place * total // places, -(-(place + 1) * total // places)


@op
def adaptive_average_pool(inputs, output_size, data_format=None):
    def pool_axis(x, axis, places):
        start, stop = (as_symbol(edge)[:, None] for edge in _adaptive_windows(x, axis, places))
        position = pt.arange(size_of(x, axis))[None, :]
        inside = pt.cast((position >= start) & (position < stop), x.type.dtype)
        weights = inside / pt.cast(stop - start, x.type.dtype)
        return along_axis(x, axis, weights.T)

    return _adaptive_pool(inputs, output_size, data_format, pool_axis)


@op
def adaptive_max_pool(inputs, output_size, data_format=None):
    def pool_axis(x, axis, places):
        start, stop = (as_symbol(edge)[:, None] for edge in _adaptive_windows(x, axis, places))
        reach = -(-size_of(x, axis) // places) + 1
        position = start + pt.arange(reach)[None, :]
        x = pt.moveaxis(x, axis, -1)
        windows = x[..., pt.minimum(position, x.shape[-1] - 1)]
        windows = pt.switch(position < stop, windows, np.asarray(-np.inf, x.type.dtype))
        # The gradient goes to the first of equal ones, as that of `max_pool`.
        first = pt.argmax(windows, axis=-1, keepdims=True)
        largest = pt.take_along_axis(windows, first, axis=-1)[..., 0]
        return pt.moveaxis(with_shape(largest, windows.type.shape[:-1]), -1, axis)

    return _adaptive_pool(inputs, output_size, data_format, pool_axis)


def _conv_padding(padding):
    if isinstance(padding, str):
        padding = padding.lower()
        if padding not in ("valid", "same", "causal"):
            raise ValueError(
                "The `padding` argument must be one of 'valid', 'same', 'causal'. "
                f"Received: padding={padding}"
            )
    return padding


@op
def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    data_format = _format(data_format)
    inputs, kernel = promote_to_float(inputs, kernel)
    x = _to_channels_last(inputs, data_format)
    channels, per_group = x.type.shape[-1], kernel.type.shape[-2]
    groups = 1
    if channels is not None and per_group is not None:
        if channels % per_group:
            raise ValueError(
                "The number of input channels must be evenly divisible by kernel's in_channels. "
                f"Received input channels {channels} and kernel in_channels {per_group}."
            )
        groups = channels // per_group
    y = conv_ops.conv(x, kernel, strides, _conv_padding(padding), dilation_rate, groups)
    return _from_channels_last(y, data_format)


@op
def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    data_format = _format(data_format)
    inputs, kernel = promote_to_float(inputs, kernel)
    x = _to_channels_last(inputs, data_format)
    _check_channels(x.type.shape[-1], kernel.type.shape[-2])
    y = conv_ops.depthwise_conv(x, kernel, strides, _conv_padding(padding), dilation_rate)
    return _from_channels_last(y, data_format)


@op
def separable_conv(
    inputs,
    depthwise_kernel,
    pointwise_kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
):
    data_format = _format(data_format)
    between = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(between, pointwise_kernel, data_format=data_format)


@op
def conv_transpose(
    inputs,
    kernel,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
):
    data_format = _format(data_format)
    inputs, kernel = promote_to_float(inputs, kernel)
    x = _to_channels_last(inputs, data_format)
    _check_channels(x.type.shape[-1], kernel.type.shape[-1])
    window = kernel.type.shape[:-2]
    rank = len(window)
    strides = (strides,) * rank if isinstance(strides, int) else tuple(strides)
    rates = (dilation_rate,) * rank if isinstance(dilation_rate, int) else tuple(dilation_rate)
    target = compute_conv_transpose_output_shape(
        sizes_of(x), window, None, strides, padding, output_padding, dilation_rate=rates
    )[1:-1]
    spread = compute_conv_transpose_padding_args_for_jax(
        x.type.shape, kernel.type.shape, strides, padding, output_padding, rates
    )
    # The convolution whose gradient this is reads `target` places padded by these amounts. It
    # cannot leave out more places at the end than a stride jumps over: those are zeros, put last.
    pads, computed = [], []
    for width, rate, stride, spread_by, places in zip(
        window, rates, strides, spread, target, strict=True
    ):
        before, after = (width - 1) * rate - spread_by[0], (width - 1) * rate - spread_by[1]
        missing = max(0, -after - (stride - 1))
        pads.append((before, max(0, after)))
        computed.append(places - missing)
    y = conv_ops.conv_input_gradient(kernel, x, computed, strides, pads, rates)
    missing = [(0, total - done) for total, done in zip(target, computed, strict=True)]
    if any(not isinstance(after, int) or after for _, after in missing):
        y = _pad_with_zeros(y, [(0, 0), *missing, (0, 0)])
    return _from_channels_last(y, data_format)


def _pad_with_zeros(x, widths):
    # Not pt.pad: it compiles a function of its own, in PyTensor's default mode, which takes long.
    shape = [n + before + after for n, (before, after) in zip(sizes_of(x), widths, strict=True)]
    place = tuple(
        slice(before, before + n) for n, (before, _) in zip(sizes_of(x), widths, strict=True)
    )
    return with_shape(pt.set_subtensor(pt.zeros(shape, x.type.dtype)[place], x), shape)


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def _patch_index(rows, columns, kernel_size, dilation, stride):
    """Row and column of each patch element, to index (kH, kW, rows, columns) places at once."""
    index = []
    for places, width, rate, step in zip(
        (rows, columns), kernel_size, dilation, stride, strict=True
    ):
        offsets = np.arange(width)[:, None] * rate
        index.append(offsets + pt.arange(places)[None, :] * step)
    return index[0][:, None, :, None], index[1][None, :, None, :]


@op
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Cut images (N, C, H, W) into patches: (N, C * kH * kW, number of patches)."""
    x = as_symbol(input)
    kernel_size, dilation = _pair(kernel_size), _pair(dilation)
    padding, stride = _pair(padding), _pair(stride)
    if any(padding):
        x = _pad_with_zeros(x, [(0, 0), (0, 0), *((pad, pad) for pad in padding)])
    places = [
        (size_of(x, axis + 2) - dilation[axis] * (kernel_size[axis] - 1) - 1) // stride[axis] + 1
        for axis in range(2)
    ]
    rows, columns = _patch_index(*places, kernel_size, dilation, stride)
    patches = x[:, :, rows, columns]
    shape = (size_of(x, 0), size_of(x, 1) * math.prod(kernel_size), places[0] * places[1])
    return with_shape(pt.reshape(patches, shape), shape)


@op
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Add patches (N, C * kH * kW, number of patches) up to images (N, C, *output_size)."""
    x = as_symbol(x)
    output_size, kernel_size, dilation = _pair(output_size), _pair(kernel_size), _pair(dilation)
    padding, stride = _pair(padding), _pair(stride)
    padded = [total + 2 * pad for total, pad in zip(output_size, padding, strict=True)]
    places = [
        (padded[axis] - dilation[axis] * (kernel_size[axis] - 1) - 1) // stride[axis] + 1
        for axis in range(2)
    ]
    batch, channels = size_of(x, 0), size_of(x, 1) // math.prod(kernel_size)
    patches = pt.reshape(x, (batch, channels, *kernel_size, *places))
    rows, columns = _patch_index(*places, kernel_size, dilation, stride)
    canvas = pt.zeros((batch, channels, *padded), dtype=x.type.dtype)
    image = pt.inc_subtensor(canvas[:, :, rows, columns], patches)
    height, width = (
        slice(pad, pad + total) for pad, total in zip(padding, output_size, strict=True)
    )
    return with_shape(image[:, :, height, width], (batch, channels, *output_size))


@op
def depth_to_space(x, block_size, data_format="channels_last"):
    x = _to_channels_last(as_symbol(x), data_format)
    batch, height, width, channels = sizes_of(x)
    channels = channels // block_size**2
    if data_format == "channels_last":
        blocks = pt.reshape(x, (batch, height, width, block_size, block_size, channels))
        blocks = blocks.transpose(0, 1, 3, 2, 4, 5)
    else:  # here a channel's block is innermost, not outermost
        blocks = pt.reshape(x, (batch, height, width, channels, block_size, block_size))
        blocks = blocks.transpose(0, 1, 4, 2, 5, 3)
    shape = (batch, height * block_size, width * block_size, channels)
    return _from_channels_last(with_shape(pt.reshape(blocks, shape), shape), data_format)


@op
def space_to_depth(x, block_size, data_format="channels_last"):
    x = _to_channels_last(as_symbol(x), data_format)
    batch, height, width, channels = sizes_of(x)
    height, width = height // block_size, width // block_size
    blocks = pt.reshape(x, (batch, height, block_size, width, block_size, channels))
    order = (0, 1, 3, 2, 4, 5) if data_format == "channels_last" else (0, 1, 3, 5, 2, 4)
    shape = (batch, height, width, channels * block_size**2)
    result = pt.reshape(blocks.transpose(*order), shape)
    return _from_channels_last(with_shape(result, shape), data_format)


# --- Encodings -----------------------------------------------------------------------------------


def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    if num_classes is None:  # keras.utils.to_categorical counts the classes of an array
        num_classes = int(np.max(x)) + 1
    return _one_hot(x, num_classes, axis, dtype, sparse)


@op
def _one_hot(x, num_classes, axis, dtype, sparse):
    _refuse_sparse(sparse)
    x = as_symbol(x)
    dtype = supported_dtype(dtype or config.floatx())
    hot = pt.eq(pt.expand_dims(x, -1), np.arange(num_classes))
    hot = pt.cast(hot, dtype)
    return pt.moveaxis(hot, -1, axis) if axis not in (-1, x.type.ndim) else hot


@op
def multi_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    _refuse_sparse(sparse)
    x = pt.cast(as_symbol(x), "int32")
    return pt.max(one_hot(x, num_classes, axis=axis, dtype=dtype), axis=1 if x.type.ndim > 1 else 0)


def _refuse_sparse(sparse):
    if sparse:
        raise ValueError("`sparse=True` is not supported with the Theano engine")


# --- Losses --------------------------------------------------------------------------------------


def _check_same_shape(target, output):
    if not _may_equal(target.type.shape, output.type.shape):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. Received: "
            f"target.shape={target.type.shape}, output.shape={output.type.shape}"
        )


def _may_equal(shape, other):
    return len(shape) == len(other) and all(
        a is None or b is None or a == b for a, b in zip(shape, other, strict=True)
    )


def _source(output, op_class, **attributes):
    """The input of the Op that made `output` if it is of this kind, else None.

    A loss of probabilities that come straight from a softmax or sigmoid is worked out from their
    logits, as Keras on TensorFlow does: nothing is lost where a probability rounds to 0 or 1.
    """
    node = output.owner
    if node is None or not isinstance(node.op, op_class):
        return None
    if any(getattr(node.op, name) != value for name, value in attributes.items()):
        return None
    return node.inputs[0]


def _log_of_probabilities(x):
    return pt.log(pt.clip(x, *_probability_bounds(x)))


def _probability_bounds(x):
    epsilon = config.epsilon()
    return np.asarray(epsilon, x.type.dtype), np.asarray(1 - epsilon, x.type.dtype)


@op
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    target, output = promote_to_float(target, output)
    _check_same_shape(target, output)
    if not output.type.ndim:
        raise ValueError(
            "Arguments `target` and `output` must be at least rank 1. Received: "
            f"target.shape={target.type.shape}, output.shape={output.type.shape}"
        )
    axis = canonicalize_axis(axis, output.type.ndim)
    logits = output if from_logits else _source(output, Softmax, axis=axis, log=False)
    if logits is not None:
        return losses.softmax_cross_entropy(
            pt.moveaxis(logits, axis, -1), pt.moveaxis(target, axis, -1)
        )
    output = output / pt.sum(output, axis=axis, keepdims=True)
    return -pt.sum(target * _log_of_probabilities(output), axis=axis)


@op
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    target = as_symbol(target)
    (output,) = promote_to_float(output)
    if not output.type.ndim:
        raise ValueError(
            f"Argument `output` must be at least rank 1. Received: output.shape={output.type.shape}"
        )
    target = losses.ClassLabels()(target, size_of(output, axis))
    if target.type.ndim == output.type.ndim and target.type.shape[-1] == 1:
        target = pt.squeeze(target, -1)
    axis = canonicalize_axis(axis, output.type.ndim)
    given = output.type.shape
    if not _may_equal(target.type.shape, given[:axis] + given[axis + 1 :]):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last "
            f"dimension: target.shape={target.type.shape}, output.shape={given}"
        )
    logits = output if from_logits else _source(output, Softmax, axis=axis, log=False)
    if logits is not None:
        return losses.sparse_softmax_cross_entropy(pt.moveaxis(logits, axis, -1), target)
    output = pt.moveaxis(output, axis, -1)
    rows = pt.reshape(output, (-1, size_of(output, -1)))
    picked = rows[pt.arange(rows.shape[0]), pt.reshape(target, (-1,))]
    picked = pt.reshape(picked, sizes_of(target), ndim=target.type.ndim)
    return with_shape(-_log_of_probabilities(picked / pt.sum(output, axis=-1)), target.type.shape)


@op
def binary_crossentropy(target, output, from_logits=False):
    target, output = promote_to_float(target, output)
    _check_same_shape(target, output)
    logits = output if from_logits else _source(output, Activation, name="sigmoid")
    if logits is not None:
        # -t log(s(x)) - (1 - t) log(1 - s(x)), as log(1 - s(x)) = log(s(x)) - x
        return Activation("softplus")(logits) - target * logits
    low, high = _probability_bounds(output)
    output = pt.clip(output, low, high)
    return -(target * pt.log(output) + (1 - target) * pt.log(1 - output))


@op
def ctc_loss(target, output, target_length, output_length, mask_index=0):
    (output,) = promote_to_float(output, at_least="float32")
    target, target_length, output_length = (
        pt.cast(as_symbol(labels), "int32") for labels in (target, target_length, output_length)
    )
    log_probabilities = Softmax(output.type.ndim - 1, log=True)(output)
    return CTCLoss(int(mask_index))(log_probabilities, target, target_length, output_length)


@op
def ctc_decode(
    inputs,
    sequence_lengths,
    strategy="greedy",
    beam_width=100,
    top_paths=1,
    merge_repeated=True,
    mask_index=0,
):
    (inputs,) = promote_to_float(inputs, at_least="float32")
    lengths = pt.cast(as_symbol(sequence_lengths), "int32")
    if mask_index is None:
        mask_index = size_of(inputs, -1) - 1
    if strategy == "greedy":
        return _ctc_greedy(inputs, lengths, merge_repeated, mask_index)
    if strategy == "beam_search":
        log_probabilities = Softmax(inputs.type.ndim - 1, log=True)(inputs)
        search = CTCBeamSearch(int(beam_width), int(top_paths), int(mask_index))
        return tuple(search(log_probabilities, lengths))
    raise ValueError(
        f"Invalid strategy {strategy}. Supported values are 'greedy' and 'beam_search'."
    )


def _ctc_greedy(inputs, lengths, merge_repeated, mask_index):
    best = pt.cast(pt.argmax(inputs, axis=-1), "int32")
    steps = pt.arange(size_of(inputs, 1))
    outside = steps[None, :] >= lengths[:, None]
    blank = np.int32(mask_index) if isinstance(mask_index, int) else pt.cast(mask_index, "int32")
    best = pt.switch(outside, blank, best)
    scores = pt.switch(outside, np.asarray(0, inputs.type.dtype), reductions.max(inputs, axis=-1))
    drop = pt.eq(best, blank)
    if merge_repeated:
        repeated = pt.eq(best[:, 1:], best[:, :-1])
        drop = drop | pt.concatenate([pt.zeros_like(drop[:, :1]), repeated], axis=1)
    # Blanks go to the end, in place of the labels that follow them.
    order = pt.argsort(pt.switch(drop, steps.shape[0], steps[None, :]), axis=-1)
    labels = pt.take_along_axis(pt.switch(drop, np.int32(-1), best), order, axis=-1)
    labels = with_shape(labels, best.type.shape)
    return labels[None], -pt.sum(scores, axis=1)[:, None]


@op
def psnr(x1, x2, max_val):
    x1, x2 = promote_to_float(x1, x2)
    if not _may_equal(x1.type.shape, x2.type.shape):
        raise ValueError(
            f"Input shapes {x1.type.shape} and {x2.type.shape} must match for PSNR calculation."
        )
    error = pt.mean(pt.sqr(x1 - x2))
    ten, twenty = (np.asarray(factor, x1.type.dtype) for factor in (10, 20))
    return twenty * pt.log10(as_symbol(max_val, x1.type.dtype)) - ten * pt.log10(error)


# --- Normalisation -------------------------------------------------------------------------------


@op
def moments(x, axes, keepdims=False, synchronized=False):
    if synchronized:
        raise NotImplementedError(
            "Argument synchronized=True is not supported with the Theano engine."
        )
    x = as_symbol(x)
    dtype = x.type.dtype
    # The range of float16 is too small for sums and squares.
    (x,) = promote_to_float(x, at_least="float32")
    axes = (axes,) if isinstance(axes, int) else axes
    axes = tuple(canonicalize_axis(axis, x.type.ndim) for axis in axes)
    kept = [axis for axis in range(x.type.ndim) if axis not in axes]
    if len(kept) == 1:
        mean, variance = normalization.moments(x, kept[0])
        if keepdims:
            mean, variance = (pt.expand_dims(value, sorted(axes)) for value in (mean, variance))
    else:
        mean = pt.mean(x, axis=axes, keepdims=True)
        variance = pt.mean(pt.sqr(x - mean), axis=axes, keepdims=keepdims)
        mean = mean if keepdims else pt.squeeze(mean, axes)
    if dtype == "float16":
        bounds = np.finfo("float16")
        mean, variance = (
            pt.cast(pt.clip(value, np.float32(bounds.min), np.float32(bounds.max)), dtype)
            for value in (mean, variance)
        )
    return mean, variance


@op
def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    vectors = [vector for vector in (mean, variance, offset, scale) if vector is not None]
    x, *vectors = promote_to_float(x, *vectors)
    remaining = iter(vectors)
    mean, variance = next(remaining), next(remaining)
    offset = None if offset is None else next(remaining)
    scale = None if scale is None else next(remaining)
    return normalization.batch_normalization(x, mean, variance, scale, offset, epsilon, axis)


# --- Attention -----------------------------------------------------------------------------------


@op
def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """Attend from `query` (B, T, N, H) to `key` and `value` (B, S, K, H).

    N is a multiple of K: each key head serves N / K query heads. `bias` and `mask` are
    (B or 1, N or 1, T, S), or lack leading axes. Returns (B, T, N, depth of value).
    """
    if flash_attention:
        raise ValueError("Flash attention is not supported with the Theano engine.")
    query, key, value = promote_to_float(query, key, value)
    if any(x.type.ndim != 4 for x in (query, key, value)):
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. Received: "
            f"query.shape={query.type.shape}, key.shape={key.type.shape}, "
            f"value.shape={value.type.shape}."
        )
    dtype = query.type.dtype
    heads, key_heads = query.type.shape[2], key.type.shape[2]
    if heads != key_heads:
        if not heads or not key_heads or heads % key_heads:
            raise ValueError(
                "The number of query heads must be a multiple of the number of key heads. "
                f"Received: query.shape={query.type.shape}, key.shape={key.type.shape}"
            )
        owner = np.repeat(np.arange(key_heads), heads // key_heads)
        key, value = key[:, :, owner], value[:, :, owner]
    depth = size_of(query, 3)
    if scale is None:
        scale = 1 / math.sqrt(depth) if isinstance(depth, int) else depth**-0.5
    inner = "float32" if dtype == "float16" else dtype
    logits = pt.matmul(query.transpose(0, 2, 1, 3), key.transpose(0, 2, 3, 1))
    logits = pt.cast(logits, inner) * as_symbol(scale, inner)
    if attn_logits_soft_cap is not None:
        logits = logits / (1 + pt.abs(logits) / np.asarray(attn_logits_soft_cap, inner))
    if bias is not None:
        logits = logits + _per_head(as_symbol(bias, inner), heads)
    allowed = _attention_mask(logits, mask, is_causal, heads)
    if allowed is not None:
        never = np.asarray(-0.7 * np.finfo(inner).max, inner)
        logits = pt.switch(allowed, logits, never)
    weights = pt.cast(Softmax(3)(logits), dtype)
    return pt.matmul(weights, value.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)


def _per_head(x, heads):
    """`x` with axes (batch, heads, query, key), those it lacks of size one."""
    if x.type.ndim == 3:
        return pt.expand_dims(x, 0 if x.type.shape[0] == heads else 1)
    return pt.expand_dims(x, list(range(4 - x.type.ndim)))


def _attention_mask(logits, mask, is_causal, heads):
    allowed = None
    if mask is not None:
        allowed = _per_head(pt.cast(as_symbol(mask), "bool"), heads)
    if is_causal:
        queries, keys = pt.arange(size_of(logits, 2)), pt.arange(size_of(logits, 3))
        past = (queries[:, None] >= keys[None, :])[None, None]
        allowed = past if allowed is None else allowed & past
    return allowed
