"""Convolution Ops against the definition, the adjoint identity, finite differences and JAX."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad
from pytensor_ops_reference import (
    CONV_CASES,
    PLAIN,
    conv_arrays,
    naive_conv,
    need_jax,
    run,
    run_both,
)
from scipy.signal import correlate

from keras_theano.pytensor_ops import _threads, conv_numpy
from keras_theano.pytensor_ops.conv import (
    conv,
    conv_input_gradient,
    conv_kernel_gradient,
    depthwise_conv,
)
from keras_theano.pytensor_ops.windows import same_padding

SMALL = [
    "pointwise-strided",
    "strided-same",
    "dilated-strided",
    "groups",
    "depthwise-strided",
    "1d",
]


def unknown(array):
    return pt.tensor(dtype=array.dtype.name, shape=(None,) * array.ndim)


def known(array):
    return pt.tensor(dtype=array.dtype.name, shape=array.shape)


def all_three(x, kernel, settings, dy):
    """Value and both gradients, as numbers, from graphs that know no shape beforehand."""
    inputs = [unknown(a) for a in (x, kernel, dy)]
    y = conv(*inputs[:2], *settings)
    gradients = pytensor.grad(None, inputs[:2], known_grads={y: inputs[2]})
    return run(inputs, [y, *gradients], x, kernel, dy)


@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize("case", CONV_CASES)
def test_value_and_adjoints(case, batch):
    x, kernel, settings = conv_arrays(case, batch)
    expected = naive_conv(x, kernel, *settings)
    dy = np.random.default_rng(0).normal(size=expected.shape)
    y, dx, dkernel = all_three(x, kernel, settings, dy)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    assert dx.shape == x.shape and dkernel.shape == kernel.shape
    # For a map that is linear in each input the gradients are exact iff, for any direction,
    # <conv(x', k), dy> = <x', dx> and <conv(x, k'), dy> = <k', dkernel>.
    rng = np.random.default_rng(1)
    for _ in range(3):
        other, turn = rng.normal(size=x.shape), rng.normal(size=kernel.shape)
        np.testing.assert_allclose(
            np.sum(naive_conv(other, kernel, *settings) * dy), np.sum(other * dx), atol=1e-10
        )
        np.testing.assert_allclose(
            np.sum(naive_conv(x, turn, *settings) * dy), np.sum(turn * dkernel), atol=1e-10
        )


def test_value_against_scipy():
    x, kernel, _ = conv_arrays("3x3")
    y = run([], conv(x, kernel))
    for sample in range(x.shape[0]):
        for number in range(kernel.shape[-1]):
            expected = correlate(x[sample], kernel[..., number], mode="valid")[..., 0]
            np.testing.assert_allclose(y[sample, ..., number], expected, atol=1e-12)


@pytest.mark.parametrize("case", ["3x3-same", "strided-same", "dilated", "groups", "depthwise"])
def test_against_jax(case):
    jax = need_jax()
    x, kernel, (strides, padding, dilation, groups) = conv_arrays(case)

    def reference(x, kernel):
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            strides,
            padding.upper(),
            rhs_dilation=dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )

    expected, pull = jax.vjp(reference, x, kernel)
    dy = np.random.default_rng(0).normal(size=expected.shape)
    ours = all_three(x, kernel, (strides, padding, dilation, groups), dy)
    for mine, theirs in zip(ours, (expected, *pull(dy)), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-10)


@pytest.mark.parametrize("case", SMALL)
def test_finite_differences(case):
    x, kernel, settings = conv_arrays(case, batch=1)
    rng = np.random.default_rng(0)
    verify_grad(lambda x, k: conv(x, k, *settings), [x, kernel], rng=rng, mode=PLAIN)


@pytest.mark.parametrize("case", SMALL)
def test_second_order(case):
    x, kernel, settings = conv_arrays(case, batch=1)
    rng = np.random.default_rng(0)

    def squared_gradients(x, kernel):
        cost = (conv(x, kernel, *settings) ** 3).sum()
        dx, dkernel = pytensor.grad(cost, [x, kernel])
        return (dx**2).sum() + (dkernel**2).sum()

    scale = 0.3  # keeps the sixth powers within what finite differences can resolve
    verify_grad(squared_gradients, [scale * x, scale * kernel], rng=rng, mode=PLAIN)


@pytest.mark.parametrize("case", CONV_CASES)
def test_static_and_inferred_shapes(case):
    x, kernel, settings = conv_arrays(case)
    expected = naive_conv(x, kernel, *settings).shape
    y = conv(known(x), known(kernel), *settings)
    assert y.type.shape == expected
    dx, dkernel = pytensor.grad(y.sum(), y.owner.inputs)
    assert dx.type.shape == x.shape and dkernel.type.shape == kernel.shape
    # Without static shapes, the graph of the shape must do without the convolution itself.
    inputs = [unknown(x), unknown(kernel)]
    y = conv(*inputs, *settings)
    assert y.type.shape == (None,) * y.ndim
    function = pytensor.function(
        inputs,
        [y.shape, *(g.shape for g in pytensor.grad(y.sum(), inputs))],
        mode="FAST_RUN" if pytensor.config.cxx else pytensor.compile.mode.Mode("py", "fast_run"),
        on_unused_input="ignore",
    )
    shapes = function(x, kernel)
    assert [tuple(s) for s in shapes] == [expected, x.shape, kernel.shape]
    assert not any("Conv" in type(n.op).__name__ for n in function.maker.fgraph.apply_nodes)


def test_partly_known_shape():
    x = pt.tensor(dtype="float32", shape=(None, 28, None, 1))
    y = conv(x, np.zeros((3, 3, 1, 8), "float32"), 2, "same")
    assert y.type.shape == (None, 14, None, 8)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-5), ("float16", 2e-2)])
def test_other_dtypes(dtype, tolerance):
    x, kernel, settings = conv_arrays("3x3-same", dtype=dtype)
    expected = naive_conv(x.astype("float64"), kernel.astype("float64"), *settings)
    dy = np.ones(expected.shape, dtype)
    ours = all_three(x, kernel, settings, dy)
    assert {a.dtype.name for a in ours} == {dtype}
    np.testing.assert_allclose(ours[0], expected, rtol=tolerance, atol=10 * tolerance)


def test_float16_sums_in_float32():
    """4096 ones: a running sum in float16 stops at 2048."""
    x, kernel = np.ones((1, 64, 64, 1), "float16"), np.ones((64, 64, 1, 1), "float16")
    assert run([], conv(x, kernel)).item() == 4096


def test_mixed_dtypes_meet():
    x, kernel = np.ones((1, 4, 1), "float32"), np.ones((2, 1, 1), "float64")
    assert conv(x, kernel).dtype == "float64"


@pytest.mark.parametrize("case", ["3x3-same", "strided", "pointwise", "groups", "depthwise"])
def test_strided_memory(case):
    """Inputs that are views: transposed, reversed, every other one, broadcast."""
    x, kernel, settings = conv_arrays(case)
    expected = naive_conv(x, kernel, *settings)
    dy = np.random.default_rng(0).normal(size=expected.shape)
    plain = all_three(x, kernel, settings, dy)
    wide = np.repeat(x, 2, axis=-1)[..., ::2]
    turned = np.ascontiguousarray(x[:, ::-1])[:, ::-1]
    fortran = np.asfortranarray(x)
    for view in (wide, turned, fortran):
        assert not view.flags.c_contiguous
        ours = all_three(view, np.asfortranarray(kernel), settings, np.asfortranarray(dy))
        for mine, theirs in zip(ours, plain, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-12)
    constant = np.broadcast_to(dy.dtype.type(1), dy.shape)
    for mine, theirs in zip(
        all_three(x, kernel, settings, constant),
        all_three(x, kernel, settings, np.ones_like(dy)),
        strict=True,
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


@pytest.mark.parametrize("case", CONV_CASES)
def test_chunks_and_threads_change_nothing(case, monkeypatch):
    """Chunks as small as one row of places, and each sample with a thread of its own."""
    x, kernel, settings = conv_arrays(case, batch=5)
    dy = np.random.default_rng(0).normal(size=naive_conv(x, kernel, *settings).shape)
    monkeypatch.setattr(_threads, "workers", 1)
    expected = all_three(x, kernel, settings, dy)
    monkeypatch.setattr(conv_numpy, "CHUNK_BYTES", 64)
    in_chunks = all_three(x, kernel, settings, dy)
    monkeypatch.setattr(_threads, "workers", 4)
    monkeypatch.setattr(_threads, "LEAST_ELEMENTS", 0)
    in_threads = all_three(x, kernel, settings, dy)
    for a, b, c in zip(expected, in_chunks, in_threads, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-12)
        np.testing.assert_allclose(c, a, atol=1e-12)


@pytest.mark.parametrize(("least", "parts"), [(13, 1), (12, 4), (0, 4)])
def test_threads_share_work_from_the_size_that_is_set(least, parts, monkeypatch):
    """What the test above, and pooling's, rely on: their arrays are small."""
    monkeypatch.setattr(_threads, "workers", 4)
    monkeypatch.setattr(_threads, "LEAST_ELEMENTS", least)
    pieces = _threads.split(8, 12, lambda piece: list(range(piece.start, piece.stop)))
    assert len(pieces) == parts and sum(pieces, []) == list(range(8))


def test_results_are_not_overwritten_by_the_next_call():
    x, kernel, settings = conv_arrays("3x3-same")
    inputs = [unknown(x), unknown(kernel)]
    function = pytensor.function(inputs, conv(*inputs, *settings), mode=PLAIN)
    first = function(x, kernel)
    kept = first.copy()
    function(2 * x, kernel)
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_kernel_layout(multiplier):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 6, 7, 3)), rng.normal(size=(3, 2, 3, multiplier))
    y = run([], depthwise_conv(x, kernel, 1, "same"))
    for channel in range(3):
        alone = naive_conv(
            x[..., channel : channel + 1],
            kernel[:, :, channel : channel + 1],
            (1, 1),
            "same",
            (1, 1),
            1,
        )
        part = y[..., channel * multiplier : (channel + 1) * multiplier]
        np.testing.assert_allclose(part, alone, atol=1e-12)


def test_transposed_convolution_repeats_the_kernel():
    """One lit place, spread by the kernel over an output of stride times the size."""
    dy = np.zeros((1, 3, 3, 1))
    dy[0, 1, 1, 0] = 1
    kernel = np.arange(4.0).reshape(2, 2, 1, 1)
    up = run([], conv_input_gradient(kernel, dy, (6, 6), 2, "same"))
    expected = np.zeros((6, 6))
    expected[2:4, 2:4] = [[0, 1], [2, 3]]
    np.testing.assert_array_equal(up[0, ..., 0], expected)


def test_symbolic_same_padding():
    size = pt.lscalar()
    function = pytensor.function([size], same_padding(size, 3, 2), mode=PLAIN)
    for value in range(1, 9):
        assert tuple(map(int, function(value))) == same_padding(value, 3, 2)


@pytest.mark.parametrize("case", SMALL)
def test_jax_mode(case):
    x, kernel, settings = conv_arrays(case)
    inputs = [known(x), known(kernel)]
    y = conv(*inputs, *settings)
    first = pytensor.grad((y**2).sum(), inputs)
    second = pytensor.grad(sum((g**2).sum() for g in first), inputs)
    y_value = run_both(inputs, [y, *first, *second], x, kernel)[0]
    np.testing.assert_allclose(y_value, naive_conv(x, kernel, *settings), atol=1e-10)


class TestBadInput:
    x = np.zeros((2, 5, 5, 3), "float32")

    def test_integers(self):
        with pytest.raises(TypeError, match="int64; cast it"):
            conv(self.x.astype("int64"), np.zeros((3, 3, 3, 4), "float32"))

    def test_channels(self):
        with pytest.raises(ValueError, match="3 channels"):
            conv(self.x, np.zeros((3, 3, 2, 4), "float32"))

    def test_channels_at_run_time(self):
        x, kernel = pt.ftensor4(), pt.ftensor4()
        with pytest.raises(ValueError, match="3 channels"):
            run([x, kernel], conv(x, kernel), self.x, np.zeros((3, 3, 2, 4), "float32"))

    def test_groups(self):
        with pytest.raises(ValueError, match="multiple of the number of groups"):
            conv(self.x, np.zeros((3, 3, 1, 4), "float32"), groups=3)

    def test_window_too_large(self):
        with pytest.raises(ValueError, match="window of 6"):
            conv(self.x, np.zeros((6, 6, 3, 4), "float32"))

    def test_window_too_large_at_run_time(self):
        x, kernel = pt.ftensor4(), pt.ftensor4()
        with pytest.raises(ValueError, match="window of 6"):
            run([x, kernel], conv(x, kernel), self.x, np.zeros((6, 6, 3, 4), "float32"))

    def test_rank(self):
        with pytest.raises(ValueError, match="rank 4, but got rank 3"):
            conv(self.x, np.zeros((3, 3, 4), "float32"))

    def test_settings(self):
        kernel = np.zeros((3, 3, 3, 4), "float32")
        with pytest.raises(ValueError, match="`strides`"):
            conv(self.x, kernel, strides=(1, 2, 3))
        with pytest.raises(ValueError, match="`dilation`"):
            conv(self.x, kernel, dilation=0)
        with pytest.raises(ValueError, match="`padding`"):
            conv(self.x, kernel, padding="full")
        with pytest.raises(ValueError, match="`padding`"):
            conv(self.x, kernel, padding=((1, 1),))
        with pytest.raises(ValueError, match="`padding`"):
            conv(self.x, kernel, padding=((1, 1), (-1, 0)))

    def test_gradient_of_another_size(self):
        kernel = np.zeros((3, 3, 3, 4))
        with pytest.raises(ValueError, match=r"spatial shape \(3, 3\)"):
            run([], conv_input_gradient(kernel, np.zeros((2, 4, 4, 4)), (5, 5)))
        with pytest.raises(ValueError, match=r"spatial shape \(3, 3\)"):
            run([], conv_kernel_gradient(np.zeros((2, 5, 5, 3)), np.zeros((2, 4, 4, 4)), (3, 3)))
