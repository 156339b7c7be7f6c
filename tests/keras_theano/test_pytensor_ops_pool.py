"""Pooling Ops against the definition, finite differences and JAX."""

import itertools

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad
from pytensor_ops_reference import PLAIN, need_jax, pads_of, run, run_both

from keras_theano.pytensor_ops import _threads
from keras_theano.pytensor_ops.pool import pool

# sizes, window, strides, padding
CASES = {
    "2x2": ((6, 8), (2, 2), (2, 2), "valid"),
    "rest": ((7, 9), (2, 2), (2, 2), "valid"),
    "overlapping": ((7, 9), (3, 3), (2, 2), "valid"),
    "overlapping-same": ((7, 8), (3, 3), (2, 2), "same"),
    "stride-1-same": ((5, 6), (3, 2), (1, 1), "same"),
    "stride-beyond-window": ((9, 9), (2, 1), (4, 3), "valid"),
    "asymmetric": ((5, 6), (3, 3), (2, 1), ((2, 0), (0, 1))),
    "whole": ((4, 5), (4, 5), (1, 1), "valid"),
    "window-beyond-input": ((2, 3), (5, 5), (2, 2), "same"),
    "1d": ((9,), (3,), (2,), "same"),
    "3d": ((4, 5, 6), (2, 3, 2), (2, 2, 1), "same"),
}
MODES = ["max", "average"]


def draw(case, batch=2):
    """Distinct values, so that each window has one largest."""
    sizes, *settings = CASES[case]
    shape = (batch, *sizes, 3)
    values = np.linspace(-2.0, 2.0, int(np.prod(shape)))
    return np.random.default_rng(0).permutation(values).reshape(shape), settings


def naive_pool(x, dy, window, strides, padding, mode):
    """Pooling and its gradient by their definitions, one window after another."""
    sizes = x.shape[1:-1]
    pads = pads_of(padding, sizes, window, strides, (1,) * len(window))
    places = [
        (n + sum(pad) - w) // s + 1
        for n, w, s, pad in zip(sizes, window, strides, pads, strict=True)
    ]
    out = np.zeros((x.shape[0], *places, x.shape[-1]))
    dx = np.zeros_like(x)
    for place in itertools.product(*map(range, places)):
        index = tuple(
            slice(max(0, p * s - before), max(0, p * s - before + w))
            for p, s, w, (before, _) in zip(place, strides, window, pads, strict=True)
        )
        for sample, channel in itertools.product(range(x.shape[0]), range(x.shape[-1])):
            seen, back = x[(sample, *index, channel)], dx[(sample, *index, channel)]
            given = 0 if dy is None else dy[(sample, *place, channel)]
            if mode == "max":
                out[(sample, *place, channel)] = seen.max()
                back[np.unravel_index(seen.argmax(), seen.shape)] += given
            else:
                out[(sample, *place, channel)] = seen.mean()
                back += given / seen.size
    return out, dx


def value_and_gradient(x, dy, settings, mode):
    inputs = [pt.tensor(dtype=a.dtype.name, shape=(None,) * a.ndim) for a in (x, dy)]
    y = pool(inputs[0], *settings, mode)
    dx = pytensor.grad(None, inputs[0], known_grads={y: inputs[1]})
    return run(inputs, [y, dx], x, dy)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient(case, mode, monkeypatch):
    x, settings = draw(case, batch=3)
    shape = naive_pool(x, None, *settings, mode)[0].shape
    dy = np.random.default_rng(1).normal(size=shape)
    expected = naive_pool(x, dy, *settings, mode)
    for workers in (1, 3):
        monkeypatch.setattr(_threads, "workers", workers)
        monkeypatch.setattr(_threads, "LEAST_ELEMENTS", 0)
        for ours, theirs in zip(value_and_gradient(x, dy, settings, mode), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_empty_batch(mode):
    x, dy = np.zeros((0, 6, 6, 2)), np.zeros((0, 3, 3, 2))
    y, dx = value_and_gradient(x, dy, [2, 2, "valid"], mode)
    assert y.shape == dy.shape and dx.shape == x.shape


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", ["rest", "overlapping-same", "asymmetric", "1d"])
def test_finite_differences_twice(case, mode):
    x, settings = draw(case, batch=1)
    rng = np.random.default_rng(0)
    verify_grad(lambda x: pool(x, *settings, mode), [x], rng=rng, mode=PLAIN, eps=1e-4)

    def squared_gradient(x):
        (dx,) = pytensor.grad((pool(x, *settings, mode) ** 3).sum(), [x])
        return (dx**2).sum()

    verify_grad(squared_gradient, [x], rng=rng, mode=PLAIN, eps=1e-5)


def test_ties_go_to_the_first_as_in_jax():
    jax = need_jax()
    x = np.zeros((1, 5, 5, 1))
    x[0, 2, 2:] = 1
    settings = [(3, 3), (1, 1), "valid"]

    def reference(x):
        return jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 3, 3, 1), (1, 1, 1, 1), "VALID")

    expected, pull = jax.vjp(reference, x)
    dy = np.random.default_rng(0).normal(size=expected.shape)
    y, dx = value_and_gradient(x, dy, settings, "max")
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(dx, pull(dy)[0], atol=1e-12)


def test_nan_is_not_hidden():
    x = np.zeros((1, 4, 4, 1))
    x[0, 1, 0] = np.nan
    y = run([], pool(x, 2))
    assert np.isnan(y[0, 0, 0, 0]) and np.isfinite(y[0, 1:]).all()


@pytest.mark.parametrize("mode", MODES)
def test_float16(mode):
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 2)).astype("float16")
    y, dx = value_and_gradient(x, np.ones((1, 3, 3, 2), "float16"), [2, 2, "valid"], mode)
    assert y.dtype == dx.dtype == "float16"
    expected = naive_pool(x.astype("float64"), None, (2, 2), (2, 2), "valid", mode)[0]
    np.testing.assert_allclose(y, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES)
def test_static_shapes(case, mode):
    x, settings = draw(case)
    expected = naive_pool(x, None, *settings, mode)[0].shape
    variable = pt.tensor(dtype="float64", shape=x.shape)
    y = pool(variable, *settings, mode)
    assert y.type.shape == expected
    assert pytensor.grad(y.sum(), variable).type.shape == x.shape
    open_end = pool(pt.tensor(dtype="float64", shape=(None, *x.shape[1:])), *settings, mode)
    assert open_end.type.shape == (None, *expected[1:])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", ["rest", "overlapping-same", "1d"])
def test_jax_mode(case, mode):
    x, settings = draw(case)
    variable = pt.tensor(dtype="float64", shape=x.shape)
    y = pool(variable, *settings, mode)
    first = pytensor.grad((y**3).sum(), variable)
    second = pytensor.grad((first**2).sum(), variable)
    run_both([variable], [y, first, second], x)


def test_bad_input():
    x = np.zeros((2, 5, 5, 3), "float32")
    with pytest.raises(TypeError, match="int32; cast it"):
        pool(x.astype("int32"), 2)
    with pytest.raises(ValueError, match="window of 6"):
        pool(x, 6)
    with pytest.raises(ValueError, match="`mode`"):
        pool(x, 2, mode="median")
    with pytest.raises(ValueError, match="`window`"):
        pool(x, (2, 2, 2))
    with pytest.raises(ValueError, match="spatial axis"):
        pool(x[0, 0], 2)
