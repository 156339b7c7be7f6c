"""What the tests of `pytensor_ops` share: modes, the definition of a convolution, and JAX."""

import itertools

import numpy as np
import pytensor
import pytest
from pytensor.compile.mode import Mode
from pytensor.link.vm import VMLinker

# No rewrites: what is run is exactly the Op under test.
PLAIN = Mode(VMLinker(use_cloop=False, c_thunks=False), None)


def run(inputs, outputs, *values, mode=PLAIN):
    return pytensor.function(inputs, outputs, mode=mode, on_unused_input="ignore")(*values)


def need_jax():
    """Return JAX, in double precision."""
    try:
        import jax
    except ImportError:
        pytest.fail("This test compares with JAX, which the `test` extra installs.")
    jax.config.update("jax_enable_x64", True)
    return jax


def run_both(inputs, outputs, *values):
    """Run a graph in JAX mode, check it against the interpreter's answers, return these."""
    need_jax()
    from keras_theano.src.jax_mode import JaxFunction

    plain = run(inputs, outputs, *values)
    by_jax = JaxFunction(inputs, outputs)(*map(np.asarray, values))
    for ours, theirs in zip(plain, by_jax, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)
    return plain


def same_pads(size, window, stride, dilation=1):
    """SAME padding from its definition: ceil(size / stride) outputs, the odd zero at the end."""
    outputs = int(np.ceil(size / stride))
    total = max((outputs - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def pads_of(padding, sizes, window, strides, dilation):
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "same":
        return [same_pads(*axis) for axis in zip(sizes, window, strides, dilation, strict=True)]
    if padding == "causal":
        return [((w - 1) * d, 0) for w, d in zip(window, dilation, strict=True)]
    return padding


def naive_conv(x, kernel, strides, padding, dilation, groups):
    """Convolution by its definition: one output place after another."""
    window = kernel.shape[:-2]
    pads = pads_of(padding, x.shape[1:-1], window, strides, dilation)
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    places = [
        (n - (w - 1) * d - 1) // s + 1
        for n, w, s, d in zip(x.shape[1:-1], window, strides, dilation, strict=True)
    ]
    filters = kernel.shape[-1]
    out = np.zeros((x.shape[0], *places, filters))
    inputs, outputs = x.shape[-1] // groups, filters // groups
    for place in itertools.product(*map(range, places)):
        index = tuple(
            slice(p * s, p * s + (w - 1) * d + 1, d)
            for p, s, w, d in zip(place, strides, window, dilation, strict=True)
        )
        seen = x[(slice(None), *index)]
        for group in range(groups):
            chosen = slice(group * outputs, (group + 1) * outputs)
            part = seen[..., group * inputs : (group + 1) * inputs]
            out[(slice(None), *place, chosen)] = np.tensordot(
                part, kernel[..., chosen], axes=len(window) + 1
            )
    return out


#: Convolutions to try: sizes, window, strides, padding, dilation, groups, channels, filters
CONV_CASES = {
    "pointwise": ((5, 6), (1, 1), (1, 1), "valid", (1, 1), 1, 3, 4),
    "pointwise-strided": ((5, 6), (1, 1), (2, 3), "same", (1, 1), 1, 3, 4),
    "pointwise-padded": ((5, 6), (1, 1), (2, 1), ((1, 0), (2, 1)), (1, 1), 1, 3, 4),
    "3x3": ((7, 8), (3, 3), (1, 1), "valid", (1, 1), 1, 3, 4),
    "3x3-same": ((7, 8), (3, 3), (1, 1), "same", (1, 1), 1, 3, 4),
    "even-window-same": ((7, 8), (2, 4), (1, 1), "same", (1, 1), 1, 3, 4),
    "strided": ((7, 8), (3, 3), (2, 2), "valid", (1, 1), 1, 3, 4),
    "strided-same": ((7, 8), (3, 3), (2, 3), "same", (1, 1), 1, 3, 4),
    "stride-beyond-window": ((9, 11), (2, 1), (4, 3), "valid", (1, 1), 1, 3, 4),
    "rest-after-last-window": ((10, 9), (3, 3), (4, 4), "valid", (1, 1), 1, 3, 4),
    "dilated": ((9, 8), (3, 2), (1, 1), "same", (2, 3), 1, 3, 4),
    "dilated-strided": ((9, 10), (3, 2), (2, 3), ((1, 2), (0, 1)), (2, 3), 1, 3, 4),
    "asymmetric": ((5, 6), (3, 3), (1, 1), ((2, 0), (0, 1)), (1, 1), 1, 3, 4),
    "padding-beyond-window": ((5, 6), (2, 3), (1, 1), ((4, 3), (1, 5)), (1, 1), 1, 3, 4),
    "one-channel": ((7, 8), (3, 3), (1, 1), "same", (1, 1), 1, 1, 5),
    "many-filters": ((7, 8), (3, 3), (1, 1), "same", (1, 1), 1, 2, 9),
    "groups": ((7, 8), (3, 3), (1, 1), "same", (1, 1), 2, 4, 6),
    "groups-strided": ((7, 8), (3, 2), (2, 2), "valid", (1, 1), 3, 6, 3),
    "depthwise": ((7, 8), (3, 3), (1, 1), "same", (1, 1), 4, 4, 4),
    "depthwise-multiplier": ((7, 8), (3, 3), (1, 1), "valid", (1, 1), 3, 3, 6),
    "depthwise-strided": ((7, 9), (3, 3), (2, 2), "same", (1, 1), 4, 4, 4),
    "depthwise-stride-beyond-window": ((9, 9), (2, 2), (3, 3), "valid", (1, 1), 4, 4, 4),
    "depthwise-dilated": ((9, 9), (3, 3), (1, 1), "same", (2, 3), 4, 4, 4),
    "depthwise-all": ((9, 9), (3, 2), (2, 2), ((1, 0), (0, 2)), (2, 3), 2, 2, 4),
    "depthwise-pad-beyond-window": ((5, 5), (2, 2), (1, 1), ((3, 0), (0, 3)), (1, 1), 2, 2, 2),
    "1d": ((9,), (3,), (1,), "same", (1,), 1, 3, 4),
    "1d-causal": ((9,), (3,), (1,), "causal", (2,), 1, 3, 4),
    "1d-causal-strided": ((9,), (3,), (2,), "causal", (1,), 1, 3, 4),
    "1d-depthwise": ((9,), (4,), (2,), "same", (1,), 3, 3, 6),
    "3d": ((4, 5, 6), (2, 3, 2), (1, 1, 1), "same", (1, 1, 1), 1, 3, 4),
    "3d-strided-groups": ((4, 5, 6), (2, 3, 2), (2, 1, 3), "valid", (1, 1, 1), 2, 4, 2),
    "3d-depthwise": ((4, 5, 6), (2, 3, 2), (1, 2, 1), "same", (1, 1, 1), 2, 2, 2),
}


def conv_arrays(case, batch=2, dtype="float64"):
    """(x, kernel, settings) of a case, random but the same every time."""
    sizes, window, *settings, groups, channels, filters = CONV_CASES[case]
    rng = np.random.default_rng(sum(map(ord, case)))
    x = rng.normal(size=(batch, *sizes, channels)).astype(dtype)
    kernel = rng.normal(size=(*window, channels // groups, filters)).astype(dtype)
    return x, kernel, (*settings, groups)
