"""Convolution by oneDNN: what `conv_numpy` tries before it computes itself.

Each function takes the arguments of its namesake there, and returns False, with nothing done, where
oneDNN is not installed or has no fast code for the case. Arrays with channels last go in as they
are. The kernel is brought into the layout that suits the code, and its gradient out of it.
"""

import math

import numpy as np

from . import _onednn
from ._onednn import (
    BIAS,
    LEAST_PRODUCT,
    MOST_SPATIAL_AXES,
    SOURCE,
    SOURCE_GRADIENT,
    TARGET,
    TARGET_GRADIENT,
    TRAINING,
    WEIGHTS,
    WEIGHTS_GRADIENT,
    Primitive,
    channels_last,
    contiguous,
    engine,
    layout,
    sizes,
)
from ._threads import LEAST_ELEMENTS
from .windows import output_size

_DIRECT = 1


def forward(x, kernel, strides, dilation, pads, groups, out, bias):
    """Compute the convolution of `x` with `kernel`, plus `bias` unless None, into `out`."""
    code = _code("forward", x, kernel, strides, dilation, pads, groups, bias)
    if code is None:
        return False
    added = () if bias is None else ((BIAS, bias),)
    code.run((SOURCE, x), (TARGET, out), (WEIGHTS, code.arranged(kernel)), *added)
    return True


def input_gradient(kernel, dy, strides, dilation, pads, groups, out):
    """Compute the gradient of `forward` for its input, given that for its output, into `out`."""
    code = _code("backward_data", out, kernel, strides, dilation, pads, groups)
    if code is None:
        return False
    code.run((SOURCE_GRADIENT, out), (TARGET_GRADIENT, dy), (WEIGHTS, code.arranged(kernel)))
    return True


def kernel_gradient(x, dy, strides, dilation, pads, groups, out):
    """Compute the gradient of `forward` for its kernel, given that for its output, into `out`."""
    code = _code("backward_weights", x, out, strides, dilation, pads, groups)
    if code is None:
        return False
    gradient = _onednn.buffer(code.layouts[WEIGHTS_GRADIENT])
    code.run((SOURCE, x), (TARGET_GRADIENT, dy), (WEIGHTS_GRADIENT, gradient))
    code.rearrange(gradient, out)
    return True


def _code(kind, x, kernel, strides, dilation, pads, groups, bias=None):
    if not _onednn.computes(x) or len(strides) > MOST_SPATIAL_AXES:
        return None
    settings = strides, dilation, tuple(pads), groups, bias is not None
    return _find_code(kind, x.shape, kernel.shape, *settings)


@_onednn.kept
def _find_code(kind, x_shape, kernel_shape, strides, dilation, pads, groups, has_bias):
    code = _Convolution(kind, x_shape, kernel_shape, strides, dilation, pads, groups, has_bias)
    code.primitive.refuse()
    return code


class _Convolution:
    """One of the three computations, for fixed shapes.

    Attributes:
        layouts: The layout of each argument, by its number.
    """

    def __init__(self, kind, x_shape, kernel_shape, strides, dilation, pads, groups, has_bias):
        places = [*map(output_size, x_shape[1:-1], kernel_shape, strides, dilation, pads)]
        source = channels_last(x_shape)
        target = channels_last((x_shape[0], *places, kernel_shape[-1]))
        given, left_open = _kernel_layouts(kernel_shape, groups)
        holes = [rate - 1 for rate in dilation]  # oneDNN counts what a window leaves out
        settings = [sizes(values) for values in (strides, holes, *zip(*pads, strict=True))]
        bias = layout(kernel_shape[-1:], (1,)) if has_bias else None
        small = math.prod(kernel_shape) * x_shape[0] * math.prod(places) < LEAST_PRODUCT
        arguments = (engine(), TRAINING, _DIRECT, source, left_open, bias, target, *settings)
        self.primitive = Primitive("convolution_forward", *arguments, small=small)
        if kind != "forward":
            bias = () if kind == "backward_data" else (bias,)
            arguments = (engine(), _DIRECT, source, left_open, *bias, target, *settings)
            hint = self.primitive.description
            self.primitive = Primitive(f"convolution_{kind}", *arguments, hint, small=small)
        weights = WEIGHTS_GRADIENT if kind == "backward_weights" else WEIGHTS
        chosen = self.primitive.layout_of(weights)
        self.layouts = {SOURCE: source, TARGET: target, weights: chosen}
        self.layouts |= {SOURCE_GRADIENT: source, TARGET_GRADIENT: target, BIAS: bias}
        self._from, self._to = (given, chosen) if weights == WEIGHTS else (chosen, given)
        arguments = (self._from, engine(), self._to, engine())
        self._reorder = Primitive(
            "reorder", *arguments, small=math.prod(kernel_shape) < LEAST_ELEMENTS
        )

    def run(self, *arguments):
        """Compute; each argument is (its number, its array)."""
        self.primitive.run(
            *(
                (number, self.layouts[number], np.ascontiguousarray(array))
                for number, array in arguments
            )
        )

    def arranged(self, kernel):
        """Return the kernel as the code wants it."""
        result = _onednn.buffer(self._to)
        self.rearrange(kernel, result)
        return result

    def rearrange(self, kernel, out):
        """Bring the kernel into the layout of the code, or its gradient back from that."""
        kernel = np.ascontiguousarray(kernel)
        self._reorder.run((SOURCE, self._from, kernel), (TARGET, self._to, out))


def _kernel_layouts(shape, groups):
    """The layout of a kernel (*window, channels of a group, filters), and one left open."""
    *window, channels, (filters, step) = zip(shape, contiguous(shape), strict=True)
    axes = [(filters // groups, step), channels, *window]
    if groups > 1:
        axes.insert(0, (groups, filters // groups * step))
    lengths, strides = zip(*axes, strict=True)
    return layout(lengths, strides), layout(lengths)
