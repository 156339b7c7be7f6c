"""Convolution in NumPy, shaped for BLAS. Channels last, kernel ``(*window, in / groups, out)``.

The columns of a convolution (every window laid out as a row) take ``prod(window)`` times the
input's memory. They are built a chunk at a time in a buffer that stays in the processor's cache,
and each chunk goes through one matrix product: no large temporary is written to main memory.
Measured, this beats both one product over all columns and one product per kernel tap.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import conv_onednn
from ._threads import split

# Bytes of columns in work at once. Flat between 0.5 and 2 MB on processors with 0.5-1 MB of
# second-level cache; much smaller chunks pay for calls, much larger ones for main memory.
CHUNK_BYTES = 1 << 20


def window_view(x, window, strides, dilation):
    """All windows of `x` (batch, *spatial, channels) as a view without a copy.

    The shape is (batch, *places, *window, channels), but with the last window axis and the
    channels merged into one where they lie next to each other in memory: longer runs copy faster.
    """
    rank = len(window)
    spatial = x.strides[1:-1]
    places = tuple(
        (x.shape[1 + i] - (window[i] - 1) * dilation[i] - 1) // strides[i] + 1 for i in range(rank)
    )
    shape = (x.shape[0], *places, *window, x.shape[-1])
    steps = (
        x.strides[0],
        *(s * n for s, n in zip(spatial, strides, strict=True)),
        *(s * n for s, n in zip(spatial, dilation, strict=True)),
        x.strides[-1],
    )
    channels = x.shape[-1]
    if steps[-2] == channels * steps[-1]:
        shape = (*shape[:-2], shape[-2] * channels)
        steps = (*steps[:-2], steps[-1])
    return as_strided(x, shape, steps, writeable=False)


def chunks(batch, rows, row_bytes):
    """Cut (batch, rows) into pieces of at most CHUNK_BYTES: whole samples, or rows of one sample.

    Yields (first sample, last, first row, last), the ends exclusive.
    """
    samples = max(1, CHUNK_BYTES // max(1, rows * row_bytes))
    step = rows if rows * row_bytes <= CHUNK_BYTES else max(1, CHUNK_BYTES // row_bytes)
    for start in range(0, batch, samples):
        stop = min(batch, start + samples)
        for row in range(0, rows, step):
            yield start, stop, row, min(rows, row + step)


class Padded:
    """Hands out samples of `x` with zeros around them, in a buffer used again for each chunk."""

    def __init__(self, x, pads):
        self.x = x
        self.pads = pads
        self.buffer = None
        self.range = None

    def __call__(self, start, stop):
        if not any(before or after for before, after in self.pads):
            return self.x[start:stop]
        count = stop - start
        if self.range != (start, stop):
            if self.buffer is None:
                spatial = [
                    size + before + after
                    for size, (before, after) in zip(self.x.shape[1:-1], self.pads, strict=True)
                ]
                self.buffer = np.zeros((count, *spatial, self.x.shape[-1]), self.x.dtype)
            inner = tuple(
                slice(before, before + size)
                for size, (before, _) in zip(self.x.shape[1:-1], self.pads, strict=True)
            )
            self.buffer[(slice(count), *inner)] = self.x[start:stop]
            self.range = (start, stop)
        return self.buffer[:count]


def is_pointwise(window, pads):
    return math.prod(window) == 1 and not any(b or a for b, a in pads)


def turned_pads(window, dilation, pads):
    """Padding that makes the gradient of a stride-1 convolution a convolution of its own."""
    return [
        ((w - 1) * d - before, (w - 1) * d - after)
        for w, d, (before, after) in zip(window, dilation, pads, strict=True)
    ]


def every(strides):
    """Index of the places that a pointwise convolution with strides looks at."""
    return (slice(None), *(slice(None, None, s) for s in strides))


def columns(x, window, strides, dilation, pads, places):
    """Yield (start, stop, row, end, columns): im2col in chunks, the buffer used again."""
    depth = math.prod(window) * x.shape[-1]
    row_places = math.prod(places[1:])
    padded = Padded(x, pads)
    buffer = None
    for start, stop, row, end in chunks(x.shape[0], places[0], row_places * depth * x.itemsize):
        view = window_view(padded(start, stop), window, strides, dilation)[:, row:end]
        count = (stop - start) * (end - row) * row_places
        if buffer is None:
            buffer = np.empty((count, depth), x.dtype)
        part = buffer[:count]
        np.copyto(part.reshape(view.shape), view)
        yield start, stop, row, end, part


def dense_forward(x, kernel, strides, dilation, pads, out):
    """Convolution of `x` with `kernel`, one group, into `out` (batch, *places, filters)."""
    window, filters = kernel.shape[:-2], kernel.shape[-1]
    flat = np.ascontiguousarray(kernel).reshape(-1, filters)
    if is_pointwise(window, pads):
        np.dot(x[every(strides)].reshape(-1, x.shape[-1]), flat, out=out.reshape(-1, filters))
        return
    places = out.shape[1:-1]
    for start, stop, row, end, part in columns(x, window, strides, dilation, pads, places):
        np.dot(part, flat, out=out[start:stop, row:end].reshape(-1, filters))


def dense_kernel_gradient(x, dy, strides, dilation, pads, out):
    """Gradient of `dense_forward` for its kernel, given that for its output, into `out`."""
    window = out.shape[:-2]
    filters = dy.shape[-1]
    flat = out.reshape(-1, filters)
    if is_pointwise(window, pads):
        np.dot(x[every(strides)].reshape(-1, x.shape[-1]).T, dy.reshape(-1, filters), out=flat)
        return
    dy = np.ascontiguousarray(dy)
    flat[...] = 0
    product = np.empty_like(flat)
    for start, stop, row, end, part in columns(x, window, strides, dilation, pads, dy.shape[1:-1]):
        np.dot(part.T, dy[start:stop, row:end].reshape(-1, filters), out=product)
        flat += product


def dense_input_gradient(kernel, dy, strides, dilation, pads, out):
    """Gradient of `dense_forward` for its input, given that for its output, into `out`.

    With stride 1 it is itself a convolution, of the padded `dy` with the kernel turned round.
    Otherwise each chunk's columns are added up where they came from.
    """
    window = kernel.shape[:-2]
    if is_pointwise(window, pads):
        flat = kernel.reshape(kernel.shape[-2:]).T
        if all(s == 1 for s in strides):
            np.dot(dy.reshape(-1, dy.shape[-1]), flat, out=out.reshape(-1, out.shape[-1]))
        else:
            out[...] = 0
            product = np.dot(dy.reshape(-1, dy.shape[-1]), flat)
            out[every(strides)] = product.reshape(*dy.shape[:-1], flat.shape[1])
        return
    around = turned_pads(window, dilation, pads)
    if (
        all(s == 1 for s in strides)
        and min(map(min, around)) >= 0
        and dy.shape[-1] <= 2 * out.shape[-1]
    ):
        turned = kernel[(slice(None, None, -1),) * len(window)].swapaxes(-1, -2)
        dense_forward(dy, turned, strides, dilation, around, out)
        return
    scatter_columns(kernel, dy, strides, dilation, pads, out)


def scatter_columns(kernel, dy, strides, dilation, pads, out):
    """`dense_input_gradient` for any stride: col2im, one strided addition per tap of the kernel."""
    window = kernel.shape[:-2]
    channels = kernel.shape[-2]
    flat = np.ascontiguousarray(kernel).reshape(-1, kernel.shape[-1]).T
    dy = np.ascontiguousarray(dy)
    places = dy.shape[1:-1]
    row_places = math.prod(places[1:])
    sizes = [n + before + after for n, (before, after) in zip(out.shape[1:-1], pads, strict=True)]
    inner = tuple(
        slice(before, before + n) for n, (before, _) in zip(out.shape[1:-1], pads, strict=True)
    )
    row_bytes = row_places * flat.shape[1] * dy.itemsize
    whole = None
    for start, stop, row, end in chunks(dy.shape[0], places[0], row_bytes):
        if whole is None:
            whole = np.empty((stop - start, *sizes, channels), out.dtype)
        target = whole[: stop - start]
        if row == 0:
            target[...] = 0
        part = np.dot(dy[start:stop, row:end].reshape(-1, dy.shape[-1]), flat)
        part = part.reshape(stop - start, end - row, *places[1:], *window, channels)
        for tap in np.ndindex(*window):
            begin = [t * d for t, d in zip(tap, dilation, strict=True)]
            begin[0] += row * strides[0]
            spans = (end - row, *places[1:])
            index = tuple(
                slice(b, b + (n - 1) * s + 1, s)
                for b, n, s in zip(begin, spans, strides, strict=True)
            )
            target[(slice(None), *index)] += part[(..., *tap, slice(None))]
        if end == places[0]:
            out[start:stop] = target[(slice(None), *inner)]


def depthwise_views(x, window, strides, dilation, places):
    """Look at padded `x` (batch, *spatial, channels) as windows whose rows run over channels too.

    Yields (slice of the last window axis, view), the views being (batch, *places without the
    last, *window, last place times channels): with stride 1 one view of `x` itself, otherwise
    one of each of the interleaved inputs that are a stride apart. Rows are long that way, and one
    `einsum` goes through all taps while a row is in the nearest cache.
    """
    rank, channels = len(window), x.shape[-1]
    step, rate, width = strides[-1], dilation[-1], window[-1]
    if step == 1:
        parts = [(slice(0, width), x)]
    elif rate == 1:
        parts = [(slice(i, None, step), x[..., i::step, :]) for i in range(min(step, width))]
    else:
        parts = [(slice(i, i + 1), x[..., i * rate :: step, :]) for i in range(width)]
    for taps, part in parts:
        part = np.ascontiguousarray(part)
        shape = (
            part.shape[0],
            *places[:-1],
            *window[:-1],
            len(range(width)[taps]),
            places[-1] * channels,
        )
        steps = (
            part.strides[0],
            *(n * s for n, s in zip(part.strides[1:rank], strides, strict=False)),
            *(n * d for n, d in zip(part.strides[1:rank], dilation, strict=False)),
            part.strides[rank] * (rate if step == 1 else 1),
            part.itemsize,
        )
        yield taps, as_strided(part, shape, steps, writeable=False)


def depthwise_axes(rank):
    """`einsum` axes of a window view, of the output and of the kernel."""
    places, window, row = [*range(rank)], [*range(rank, 2 * rank)], [2 * rank]
    return places + window + row, places + row, window + row


def depthwise_forward(x, kernel, strides, dilation, pads, out):
    """Convolution with one group per channel into `out`."""
    window, filters = kernel.shape[:-2], kernel.shape[-1]
    places = out.shape[1:-1]
    weights = np.tile(kernel.reshape(*window, filters), places[-1])
    seen, made, used = depthwise_axes(len(window))
    padded = Padded(repeat_channels(x, filters), pads)
    for start, stop in samples(out):
        rows = out[start:stop].reshape(stop - start, *places[:-1], -1)
        for number, (taps, view) in enumerate(
            depthwise_views(padded(start, stop), window, strides, dilation, places)
        ):
            if number == 0:
                np.einsum(view, seen, weights[..., taps, :], used, made, out=rows)
            else:
                rows += np.einsum(view, seen, weights[..., taps, :], used, made)


def depthwise_kernel_gradient(x, dy, strides, dilation, pads, out):
    """Gradient of `depthwise_forward` for its kernel, given that for its output, into `out`."""
    window, filters = out.shape[:-2], out.shape[-1]
    places = dy.shape[1:-1]
    seen, made, used = depthwise_axes(len(window))
    padded = Padded(repeat_channels(x, filters), pads)
    wide = np.zeros((*window, places[-1] * filters), out.dtype)
    for start, stop in samples(dy):
        rows = dy[start:stop].reshape(stop - start, *places[:-1], -1)
        for taps, view in depthwise_views(padded(start, stop), window, strides, dilation, places):
            wide[..., taps, :] += np.einsum(view, seen, rows, made, used)
    out[...] = wide.reshape(*window, places[-1], filters).sum(axis=-2).reshape(out.shape)


def depthwise_input_gradient(kernel, dy, strides, dilation, pads, out):
    """Gradient of `depthwise_forward` for its input, given that for its output, into `out`."""
    window, filters = kernel.shape[:-2], kernel.shape[-1]
    channels = out.shape[-1]
    around = turned_pads(window, dilation, pads)
    if filters == channels and all(s == 1 for s in strides) and min(map(min, around)) >= 0:
        turned = kernel[(slice(None, None, -1),) * len(window)]
        depthwise_forward(dy, turned, strides, dilation, around, out)
        return
    weights = kernel.reshape(*window, filters)
    sizes = [n + before + after for n, (before, after) in zip(out.shape[1:-1], pads, strict=True)]
    inner = tuple(
        slice(before, before + n) for n, (before, _) in zip(out.shape[1:-1], pads, strict=True)
    )
    for start, stop in samples(dy):
        given = dy[start:stop]
        whole = np.zeros((stop - start, *sizes, filters), out.dtype)
        product = np.empty(given.shape, out.dtype)
        for tap in np.ndindex(*window):
            index = tap_index(tap, dy.shape[1:-1], strides, dilation)
            whole[index] += np.multiply(given, weights[tap], out=product)
        whole = whole[(slice(None), *inner)]
        if filters != channels:
            whole = whole.reshape(*whole.shape[:-1], channels, -1).sum(axis=-1)
        out[start:stop] = whole


def repeat_channels(x, filters):
    """`x` with each channel as often as the depthwise kernel has filters for it."""
    return x if x.shape[-1] == filters else np.repeat(x, filters // x.shape[-1], axis=-1)


def samples(array):
    """Cut the batch into pieces of about CHUNK_BYTES; yields (first, last), the end exclusive."""
    for start, stop, _, _ in chunks(array.shape[0], 1, array[:1].nbytes):
        yield start, stop


def tap_index(tap, places, strides, dilation):
    """Index of what one tap of the window sees of a padded input (batch, *spatial, channels)."""
    return (
        slice(None),
        *(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, n, s, d in zip(tap, places, strides, dilation, strict=True)
        ),
    )


def work(kernel, dy):
    """Size of a convolution for `split`: its columns, or its output where that is larger."""
    return dy.size * max(1, math.prod(kernel.shape[:-1]) // max(1, kernel.shape[-1]))


def uses_blas(groups, channels):
    """Whether a convolution is made of matrix products: all but one with a group per channel."""
    return groups == 1 or groups < channels


def forward(x, kernel, strides, dilation, pads, groups, out, bias=None):
    """Convolution of `x` with `kernel` in any number of groups, plus `bias` if any, into `out`."""
    arguments = strides, dilation, pads
    if conv_onednn.forward(x, kernel, *arguments, groups, out, bias):
        return

    def part(piece):
        if groups == 1:
            dense_forward(x[piece], kernel, *arguments, out[piece])
        elif groups == x.shape[-1]:
            depthwise_forward(x[piece], kernel, *arguments, out[piece])
        else:
            for inputs, filters in group_slices(x.shape[-1], out.shape[-1], groups):
                result = np.empty(out[piece][..., filters].shape, out.dtype)
                dense_forward(x[piece][..., inputs], kernel[..., filters], *arguments, result)
                out[piece][..., filters] = result
        if bias is not None:
            out[piece] += bias

    split(x.shape[0], work(kernel, out), part, blas=uses_blas(groups, x.shape[-1]))


def kernel_gradient(x, dy, strides, dilation, pads, groups, out):
    """Gradient of `forward` for `kernel`, given that for its output, into `out`."""
    arguments = strides, dilation, pads
    if conv_onednn.kernel_gradient(x, dy, *arguments, groups, out):
        return

    def part(piece):
        total = out if piece == slice(0, x.shape[0]) else np.empty_like(out)
        if groups == 1:
            dense_kernel_gradient(x[piece], dy[piece], *arguments, total)
        elif groups == x.shape[-1]:
            depthwise_kernel_gradient(x[piece], dy[piece], *arguments, total)
        else:
            for inputs, filters in group_slices(x.shape[-1], dy.shape[-1], groups):
                result = np.empty(out[..., filters].shape, out.dtype)
                dense_kernel_gradient(
                    x[piece][..., inputs], dy[piece][..., filters], *arguments, result
                )
                total[..., filters] = result
        return total

    totals = split(x.shape[0], work(out, dy), part, blas=uses_blas(groups, x.shape[-1]))
    if len(totals) > 1:
        np.sum(totals, axis=0, out=out)


def input_gradient(kernel, dy, strides, dilation, pads, groups, out):
    """Gradient of `forward` for `x`, given that for its output, into `out`."""
    arguments = strides, dilation, pads
    if conv_onednn.input_gradient(kernel, dy, *arguments, groups, out):
        return

    def part(piece):
        if groups == 1:
            dense_input_gradient(kernel, dy[piece], *arguments, out[piece])
        elif groups == out.shape[-1]:
            depthwise_input_gradient(kernel, dy[piece], *arguments, out[piece])
        else:
            for inputs, filters in group_slices(out.shape[-1], dy.shape[-1], groups):
                result = np.empty(out[piece][..., inputs].shape, out.dtype)
                dense_input_gradient(
                    kernel[..., filters], dy[piece][..., filters], *arguments, result
                )
                out[piece][..., inputs] = result

    split(dy.shape[0], work(kernel, dy), part, blas=uses_blas(groups, out.shape[-1]))


def group_slices(channels, filters, groups):
    """Yield, for each group, the slices of its input channels and of its filters."""
    wide, many = channels // groups, filters // groups
    for group in range(groups):
        yield (
            slice(group * wide, (group + 1) * wide),
            slice(group * many, (group + 1) * many),
        )
