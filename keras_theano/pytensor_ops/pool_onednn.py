"""The gradient of max pooling by oneDNN."""

import numpy as np

from . import _onednn
from ._onednn import (
    SOURCE,
    SOURCE_GRADIENT,
    TARGET,
    TARGET_GRADIENT,
    WORKSPACE,
    NotSupported,
    Primitive,
    channels_last,
    engine,
    sizes,
)
from .windows import output_size

_TRAINING, _MAX = 64, 0x1FF
_MOST_SPATIAL_AXES = 3


def max_gradient(x, dy, window, strides, pads, out):
    """Compute the gradient of max pooling for `x`, given that for its output, into `out`.

    Arguments are as in `pool`. Returns False, with nothing done, where oneDNN is not installed or
    has no fast code for the case.
    """
    if x.dtype != "float32" or not _onednn.available():
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
    if 0 in shape or len(window) > _MOST_SPATIAL_AXES:
        return None
    dense = (1,) * len(window)
    places = map(output_size, shape[1:-1], window, strides, dense, pads)
    source, target = channels_last(shape), channels_last((shape[0], *places, shape[-1]))
    holes = (0,) * len(window)
    settings = [sizes(values) for values in (strides, window, holes, *zip(*pads, strict=True))]
    arrays = source, target
    try:
        forward = Primitive("pooling_forward", engine(), _TRAINING, _MAX, *arrays, *settings)
        hint = forward.description
        backward = Primitive("pooling_backward", engine(), _MAX, *arrays, *settings, hint)
    except NotSupported:
        return None
    slow = backward.code().startswith("ref") or forward.code().startswith("ref")
    return None if slow else (forward, backward, source, target)
