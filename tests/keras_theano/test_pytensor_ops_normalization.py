"""Batch normalization Ops against JAX and finite differences."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad
from pytensor_ops_reference import PLAIN, need_jax, run, run_both

from keras_theano.pytensor_ops import normalization
from keras_theano.pytensor_ops.normalization import batch_normalization, moments

LAYOUTS = [
    ((5, 3), -1),
    ((1, 3), -1),
    ((4, 6, 5, 3), -1),
    ((4, 6, 5, 3), 1),
    ((2, 3, 4), 0),
    ((7,), 0),
]


def draw(shape, axis):
    rng = np.random.default_rng(3)
    channels = shape[axis]
    x = 2 * rng.normal(size=shape) + 1
    return x, rng.normal(size=channels), rng.normal(size=channels)


def train(x, scale, offset, axis=-1, epsilon=1e-3):
    return batch_normalization(x, *moments(x, axis), scale, offset, epsilon, axis)


def reference(x, scale, offset, axis, epsilon=1e-3):
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    shape = [1] * x.ndim
    shape[axis] = -1
    mean, variance = x.mean(others, keepdims=True), x.var(others, keepdims=True)
    normal = (x - mean) / (variance + epsilon) ** 0.5
    return normal * scale.reshape(shape) + offset.reshape(shape)


@pytest.mark.parametrize("small_chunks", [False, True])
@pytest.mark.parametrize("shape, axis", LAYOUTS)
def test_training_against_jax(shape, axis, small_chunks, monkeypatch):
    jax = need_jax()
    if small_chunks:
        monkeypatch.setattr(normalization, "ROW_ELEMENTS", 8)
        monkeypatch.setattr(normalization, "CHUNK_ELEMENTS", 16)
    values = draw(shape, axis)
    expected, pull = jax.vjp(lambda *v: reference(*v, axis), *values)
    dy = np.random.default_rng(0).normal(size=shape)
    inputs = [pt.tensor(dtype="float64", shape=(None,) * v.ndim) for v in (*values, dy)]
    y = train(*inputs[:3], axis)
    assert y.owner.op.own_moments
    gradients = pytensor.grad(None, inputs[:3], known_grads={y: inputs[3]})
    ours = run(inputs, [y, *gradients], *values, dy)
    for mine, theirs in zip(ours, (expected, *pull(dy)), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-10)


@pytest.mark.parametrize("shape, axis", LAYOUTS)
def test_finite_differences(shape, axis):
    x, scale, offset = draw(shape, axis)
    rng = np.random.default_rng(0)
    variance = scale**2 + 1
    verify_grad(
        lambda *v: batch_normalization(*v, 1e-3, axis),
        [x, offset, variance, scale, offset],
        rng=rng,
        mode=PLAIN,
    )
    for output in (0, 1):
        verify_grad(lambda x, i=output: moments(x, axis)[i], [x], rng=rng, mode=PLAIN)


@pytest.mark.parametrize("own", [True, False])
def test_second_order(own):
    x, scale, offset = draw((4, 3), -1)
    rng = np.random.default_rng(0)

    def squared_gradients(x, scale, offset):
        statistics = moments(x) if own else (offset, pt.sqr(offset) + 1)
        y = batch_normalization(x, *statistics, scale, offset)
        gradients = pytensor.grad((y**3).sum(), [x, scale, offset])
        return sum((g**2).sum() for g in gradients)

    verify_grad(squared_gradients, [0.5 * x, scale, offset], rng=rng, mode=PLAIN)


def test_moments_far_from_zero():
    """A variance as mean(x * x) - mean(x) ** 2 would have no correct digit here."""
    x = np.random.default_rng(0).normal(size=(64, 8, 8, 4)).astype("float32") + 1000
    mean, variance = run([], list(moments(x)))
    np.testing.assert_allclose(mean, x.mean((0, 1, 2), dtype="float64"), rtol=1e-6)
    np.testing.assert_allclose(variance, x.var((0, 1, 2), dtype="float64"), rtol=1e-3)


def test_moments_of_nothing_are_nan():
    mean, variance = run([], list(moments(np.zeros((0, 3)))))
    assert np.isnan(mean).all() and np.isnan(variance).all() and mean.shape == (3,)


def test_moments_of_another_tensor_are_constants():
    """Only the moments of the very same x make the fused training Op."""
    x, z = pt.dmatrices(2)
    y = batch_normalization(x, *moments(z))
    assert not y.owner.op.own_moments
    values = draw((5, 3), -1)[0], draw((6, 3), -1)[0]
    dx = run([x, z], pytensor.grad((y**2).sum(), x), *values)
    mean, inverse = values[1].mean(0), 1 / np.sqrt(values[1].var(0) + 1e-3)
    np.testing.assert_allclose(dx, 2 * (values[0] - mean) * inverse**2)


def test_float16_and_shapes():
    x, scale, offset = (v.astype("float16") for v in draw((4, 6, 5, 3), -1))
    y = train(pt.as_tensor_variable(x), scale, offset)
    assert y.type.shape == x.shape and y.dtype == "float16"
    expected = reference(*(v.astype("float64") for v in (x, scale, offset)), -1)
    np.testing.assert_allclose(run([], y), expected, atol=2e-2)


def test_jax_mode():
    values = draw((4, 5, 6, 3), -1)
    inputs = [pt.tensor(dtype="float64", shape=v.shape) for v in values]
    y = train(*inputs)
    run_both(inputs, [*moments(inputs[0]), y, *pytensor.grad((y**3).sum(), inputs)], *values)


def test_bad_input():
    with pytest.raises(ValueError, match="`scale` holds 4 values"):
        train(pt.as_tensor_variable(np.zeros((2, 3))), np.ones(4), np.ones(3))
    with pytest.raises(ValueError, match="one axis"):
        train(pt.as_tensor_variable(np.zeros((2, 3))), np.ones((1, 3)), np.ones(3))
    with pytest.raises(ValueError, match="`axis` is 2"):
        moments(np.zeros((2, 3)), 2)
    with pytest.raises(TypeError, match="int64; cast it"):
        moments(np.zeros((2, 3), "int64"))
