"""The gradient of max pooling by oneDNN."""

import math

import numpy as np

from . import _onednn
from ._onednn import (
    MOST_SPATIAL_AXES,
    SOURCE,
    SOURCE_GRADIENT,
    TARGET,
    TARGET_GRADIENT,
    TRAINING,
    WORKSPACE,
    Primitive,
    channels_last,
    engine,
    sizes,
)
from ._threads import LEAST_ELEMENTS
from .windows import output_size

_MAX = 0x1FF


def max_gradient(x, dy, window, strides, pads, out):
    """Compute the gradient of max pooling for `x`, given that for its output, into `out`.

    Arguments are as in `pool`. Returns False, with nothing done, where oneDNN is not installed or
    has no fast code for the case.
    """
    if not _onednn.computes(x) or len(window) > MOST_SPATIAL_AXES:
        return False
    code = _find_code(x.shape, window, strides, tuple(pads))
    if code is None:
        return False
    forward, backward, source, target = code
    # The forward code notes where each maximum stands. Its maxima are not used: it ignores NaN.
    places = _onednn.buffer(forward.layout_of(WORKSPACE))
    maxima = _onednn.buffer(target)
    x, dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    workspace = (WORKSPACE, forward.layout_of(WORKSPACE), places)
    forward.run((SOURCE, source, x), (TARGET, target, maxima), workspace)
    backward.run((TARGET_GRADIENT, target, dy), (SOURCE_GRADIENT, source, out), workspace)
    return True


@_onednn.kept
def _find_code(shape, window, strides, pads):
    dense = (1,) * len(window)
    places = map(output_size, shape[1:-1], window, strides, dense, pads)
    source, target = channels_last(shape), channels_last((shape[0], *places, shape[-1]))
    holes = (0,) * len(window)
    settings = [sizes(values) for values in (strides, window, holes, *zip(*pads, strict=True))]
    arguments = (_MAX, source, target, *settings)
    small = math.prod(shape) < LEAST_ELEMENTS
    forward = Primitive("pooling_forward", engine(), TRAINING, *arguments, small=small)
    hint = forward.description
    backward = Primitive("pooling_backward", engine(), *arguments, hint, small=small)
    forward.refuse()
    backward.refuse()
    return forward, backward, source, target
