"""What oneDNN computes against NumPy; and that all goes on where it is missing."""

import importlib.metadata
import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from ctypes.util import find_library

import numpy as np
import pytest
from pytensor_ops_reference import CONV_CASES, conv_arrays, naive_conv

from keras_theano.pytensor_ops import (
    _onednn,
    conv_numpy,
    conv_onednn,
    matmul,
    normalization_onednn,
    pool_onednn,
)
from keras_theano.pytensor_ops.normalization import BatchNormalization as Normalization
from keras_theano.pytensor_ops.normalization import BatchNormalizationGradient, Moments
from keras_theano.pytensor_ops.pool import MaxPool, MaxPoolGradient
from keras_theano.pytensor_ops.windows import as_padding, output_sizes, resolve_padding
from utils.processes import run_programs

PROVIDED = sys.platform == "linux" and platform.machine() == "x86_64" and bool(find_library("gomp"))
needs_onednn = pytest.mark.skipif(
    not PROVIDED and not _onednn.available(), reason="oneDNN is not installed"
)


@pytest.fixture
def without_onednn(monkeypatch):
    """A switch that turns oneDNN off for the rest of a test."""
    return lambda: monkeypatch.setenv(_onednn.VARIABLE, "0")


def close(found, expected):
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found / scale, expected / scale, atol=2e-6)


@pytest.mark.skipif(not PROVIDED, reason="the package is for Linux on x86-64 with libgomp")
def test_it_is_part_of_the_environment():
    assert importlib.metadata.version(_onednn.PACKAGE)
    assert _onednn.available()


@needs_onednn
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("case", CONV_CASES)
def test_convolution_and_its_gradients(case, has_bias):
    x, kernel, (strides, padding, dilation, groups) = conv_arrays(case, 3, "float32")
    double = [a.astype("float64") for a in (x, kernel)]
    y = naive_conv(*double, strides, padding, dilation, groups)
    random = np.random.default_rng(0)
    bias = random.normal(size=y.shape[-1]).astype("float32") if has_bias else None
    dy = random.normal(size=y.shape).astype("float32")
    window = kernel.shape[:-2]
    pads = resolve_padding(
        as_padding(padding, len(window)), x.shape[1:-1], window, strides, dilation
    )
    settings = strides, dilation, pads, groups
    found = [np.empty(shape, "float32") for shape in (y.shape, x.shape, kernel.shape)]
    assert conv_onednn.forward(x, kernel, *settings, found[0], bias)
    assert conv_onednn.input_gradient(kernel, dy, *settings, found[1])
    assert conv_onednn.kernel_gradient(x, dy, *settings, found[2])
    close(found[0], y + (bias if has_bias else 0))
    expected = [np.empty(a.shape) for a in (x, kernel)]
    wide = dy.astype("float64")  # which oneDNN does not compute
    conv_numpy.input_gradient(double[1], wide, *settings, expected[0])
    conv_numpy.kernel_gradient(double[0], wide, *settings, expected[1])
    close(found[1], expected[0])
    close(found[2], expected[1])


@needs_onednn
def test_arrays_with_gaps_and_turned_kernels():
    random = np.random.default_rng(0)
    x = random.normal(size=(4, 9, 9, 8)).astype("float32")[::2, :, :, ::2]
    kernel = random.normal(size=(5, 4, 3, 3)).astype("float32").transpose(2, 3, 1, 0)[::-1]
    out = np.empty((2, 7, 7, 5), "float32")
    settings = (1, 1), (1, 1), ((0, 0), (0, 0)), 1
    assert conv_onednn.forward(x, kernel, *settings, out, None)
    close(out, naive_conv(x, kernel, (1, 1), "valid", (1, 1), 1))


@needs_onednn
@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_other_dtypes_are_left_to_numpy(dtype):
    x, kernel = np.ones((1, 4, 4, 1), dtype), np.ones((2, 2, 1, 1), dtype)
    settings = (1, 1), (1, 1), ((0, 0), (0, 0)), 1
    out = np.zeros((1, 3, 3, 1), dtype)
    assert not conv_onednn.forward(x, kernel, *settings, out, None)
    assert not out.any()


@needs_onednn
@pytest.mark.parametrize(
    "shape, axis",
    [
        ((6, 5, 7, 16), 3),
        ((6, 5, 7, 20), 3),
        ((40, 32), 1),
        ((6, 4, 5, 7), 1),
        ((3, 8, 2, 6, 8), 4),
    ],
)
def test_normalization(shape, axis, without_onednn):
    random = np.random.default_rng(0)
    x = (3 + 2 * random.normal(size=shape)).astype("float32")
    dy = random.normal(size=shape).astype("float32")
    scale, offset = random.uniform(0.5, 2, (2, shape[axis])).astype("float32")
    y, dx = np.empty_like(x), np.empty_like(x)
    mean, variance = normalization_onednn.forward(x, scale, offset, axis, 1e-3, y)
    gradients = normalization_onednn.gradient(x, mean, variance, scale, dy, axis, 1e-3, dx)

    without_onednn()
    double = x.astype("float64")
    moments = performed(Moments(axis), double)
    op = Normalization(axis, 1e-3, own_moments=True)
    op_gradient = BatchNormalizationGradient(axis, 1e-3, own_moments=True)
    close(mean, moments[0])
    close(variance, moments[1])
    close(y, performed(op, double, *moments, scale, offset)[0])
    expected = performed(op_gradient, double, *moments, scale, dy.astype("float64"))
    close(dx, expected[0])
    close(gradients, np.stack(expected[3:]))


def performed(op, *inputs):
    """The outputs of an Op on arrays."""
    node = op.make_node(*inputs)
    storage = [[None] for _ in node.outputs]
    op.perform(node, [np.asarray(v) for v in inputs], storage)
    return [value for (value,) in storage]


@needs_onednn
@pytest.mark.parametrize(
    "sizes, window, strides, padding",
    [
        ((8, 6), (2, 2), (2, 2), "valid"),
        ((7, 9), (3, 2), (2, 1), "same"),
        ((7, 9), (3, 3), (1, 1), ((1, 1), (1, 1))),
        ((9,), (3,), (2,), "same"),
        ((4, 6, 5), (2, 2, 2), (2, 2, 2), "valid"),
    ],
)
def test_gradient_of_max_pooling(sizes, window, strides, padding, without_onednn):
    """With ties, which small integers make: the gradient goes to the first in row order."""
    random = np.random.default_rng(0)
    x = random.integers(-2, 3, (3, *sizes, 16)).astype("float32")
    pad = as_padding(padding, len(window))
    dense = (1,) * len(window)
    places = output_sizes(sizes, window, strides, pad, dense)
    dy = random.normal(size=(3, *places, 16)).astype("float32")
    pads = resolve_padding(pad, sizes, window, strides, dense)
    found = np.empty_like(x)
    assert pool_onednn.max_gradient(x, dy, window, strides, pads, found)
    without_onednn()
    op = MaxPoolGradient(window, strides, pad)
    y = performed(op.sibling(MaxPool), x)[0]
    close(found, performed(op, x, y, dy)[0])


@needs_onednn
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("shape", [(300, 70, 90), (90, 300, 70), (1, 2000, 600), (600, 2000, 1)])
def test_product(shape, transposed, has_bias, without_onednn, monkeypatch):
    rows, inner, columns = shape
    random = np.random.default_rng(0)
    a, b = random.normal(size=(rows, inner)), random.normal(size=(inner, columns))
    bias = random.normal(size=columns) if has_bias else 0
    expected = a @ b + bias
    a, b = (
        np.asfortranarray(m.astype("float32")) if turned else m.astype("float32")
        for m, turned in zip((a, b), transposed, strict=True)
    )
    vector = bias.astype("float32") if has_bias else None
    found = np.empty((rows, columns), "float32")
    arrays = (a, b, found) if vector is None else (a, b, found, vector.reshape(1, -1))
    if matmul._find_code(*((array.shape, array.strides) for array in arrays)) is not None:
        monkeypatch.setattr(matmul, "split", None)  # the way without oneDNN
    matmul.matmul(a, b, found, vector)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    monkeypatch.undo()
    without_onednn()
    other = np.empty_like(found)
    matmul.matmul(a, b, other, vector)
    np.testing.assert_allclose(other, expected, atol=1e-3)


@needs_onednn
def test_many_threads_at_once():
    x, kernel, (strides, _, dilation, groups) = conv_arrays("3x3", 32, "float32")
    settings = strides, dilation, ((0, 0), (0, 0)), groups
    expected = naive_conv(x, kernel, strides, "valid", dilation, groups)

    def once(_):
        out = np.empty(expected.shape, "float32")
        assert conv_onednn.forward(x, kernel, *settings, out, None)
        return out

    with ThreadPoolExecutor(8) as pool:
        for out in pool.map(once, range(64)):
            close(out, expected)


@needs_onednn
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_computes_too():
    """OpenMP's threads do not survive a fork, and would be waited for for ever."""
    code = """
import os, signal
import numpy as np
from keras_theano.pytensor_ops import _onednn, conv_numpy
x, k = np.ones((64, 20, 20, 16), "float32"), np.ones((3, 3, 16, 16), "float32")
settings = (1, 1), (1, 1), ((0, 0), (0, 0)), 1
def compute():
    out = np.empty((64, 18, 18, 16), "float32")
    conv_numpy.forward(x, k, *settings, out)
    assert (out == 144).all()
compute()
assert _onednn.available()
child = os.fork()
if not child:
    signal.alarm(60)
    assert not _onednn.available()
    compute()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
compute()
"""
    run_programs({"fork": code}, timeout=120)


def test_without_the_library(monkeypatch):
    monkeypatch.setattr(_onednn, "_places", lambda: iter(["libno-such-library.so.3"]))
    _onednn._library.cache_clear()
    try:
        assert not _onednn.available()
        x, kernel = np.ones((1, 4, 4, 1), "float32"), np.ones((2, 2, 1, 1), "float32")
        out = np.empty((1, 3, 3, 1), "float32")
        conv_numpy.forward(x, kernel, (1, 1), (1, 1), ((0, 0), (0, 0)), 1, out)
        assert (out == 4).all()
    finally:
        monkeypatch.undo()
        _onednn._library.cache_clear()


def test_loading_leaves_the_environment_as_it_was(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    _onednn._library.cache_clear()
    _onednn.available()
    assert "OMP_WAIT_POLICY" not in os.environ
