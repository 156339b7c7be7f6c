"""Cross-entropy Ops against JAX and finite differences."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.gradient import verify_grad
from pytensor_ops_reference import PLAIN, need_jax, run, run_both

from keras_theano.pytensor_ops.losses import softmax_cross_entropy, sparse_softmax_cross_entropy

SHAPES = [(5, 4), (1, 1), (3, 2, 6), (4,), (0, 3)]


def draw(shape):
    rng = np.random.default_rng(2)
    logits = 3 * rng.normal(size=shape)
    return logits, np.asarray(rng.integers(0, shape[-1], shape[:-1])), rng.random(shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_values_against_jax(shape):
    jax = need_jax()
    logits, labels, targets = draw(shape)
    rows = np.asarray(jax.nn.log_softmax(logits, axis=-1))
    sparse, dense = run(
        [], [sparse_softmax_cross_entropy(logits, labels), softmax_cross_entropy(logits, targets)]
    )
    expected = -np.take_along_axis(rows, labels[..., None], -1)[..., 0]
    np.testing.assert_allclose(sparse, expected, atol=1e-12)
    np.testing.assert_allclose(dense, -(targets * rows).sum(-1), atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 4), (3, 2, 6), (4,)])
def test_finite_differences_twice(shape):
    logits, labels, targets = draw(shape)
    rng = np.random.default_rng(0)
    for loss, point in (
        (lambda x: sparse_softmax_cross_entropy(x, labels), [logits]),
        (softmax_cross_entropy, [logits, targets]),
    ):
        verify_grad(loss, point, rng=rng, mode=PLAIN)

        def squared_gradients(*point, loss=loss):
            gradients = pytensor.grad((loss(*point) ** 2).sum(), list(point))
            return sum((g**2).sum() for g in gradients)

        verify_grad(squared_gradients, point, rng=rng, mode=PLAIN)


def test_large_logits():
    """Where exp() overflows, and where softmax rounds to 0 and its logarithm to -inf."""
    logits = np.array([[1e4, 0.0, -1e4], [0.0, -2000.0, 0.0]], "float32")
    x = pt.fmatrix()
    loss = sparse_softmax_cross_entropy(x, np.array([2, 1]))
    value, slope = run([x], [loss, pytensor.grad(loss.sum(), x)], logits)
    np.testing.assert_allclose(value, [2e4, 2000 + np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(slope, [[1, 0, -1], [0.5, -1, 0.5]], atol=1e-6)


def test_impossible_class_has_no_probability():
    logits = np.array([[-np.inf, 0.0, 0.0]])
    value = run([], sparse_softmax_cross_entropy(logits, np.array([1])))
    np.testing.assert_allclose(value, [np.log(2)])
    assert run([], sparse_softmax_cross_entropy(logits, np.array([0]))) == np.inf


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int64"])
def test_dtypes(dtype):
    logits, labels, targets = draw((5, 4))
    half, whole = logits.astype("float16"), logits.astype("float32")
    labels = labels.astype(dtype)
    value = run([], sparse_softmax_cross_entropy(whole, labels))
    assert value.dtype == "float32"
    small = run([], sparse_softmax_cross_entropy(half, labels))
    assert small.dtype == "float16"
    np.testing.assert_allclose(small, value, rtol=5e-3, atol=5e-3)
    assert softmax_cross_entropy(half, targets.astype("float16")).dtype == "float16"


def test_static_shapes():
    x = pt.tensor(dtype="float32", shape=(None, 7, 10))
    loss = sparse_softmax_cross_entropy(x, pt.tensor(dtype="int32", shape=(None, 7)))
    assert loss.type.shape == (None, 7)
    assert pytensor.grad(loss.sum(), x).type.shape == x.type.shape


def test_jax_mode():
    logits, labels, targets = draw((4, 5))
    x, t = pt.tensor(dtype="float64", shape=(4, 5)), pt.tensor(dtype="float64", shape=(4, 5))
    i = pt.tensor(dtype="int64", shape=(4,))
    losses = [sparse_softmax_cross_entropy(x, i), softmax_cross_entropy(x, t)]
    gradients = pytensor.grad(sum((loss**2).sum() for loss in losses), [x, t])
    run_both([x, t, i], [*losses, *gradients], logits, targets, labels)


class TestBadInput:
    logits = np.zeros((2, 3))

    @pytest.mark.parametrize("label", [-1, 3])
    def test_label_out_of_range(self, label):
        with pytest.raises(ValueError, match=f"Label {label} is outside the range of the 3"):
            run([], sparse_softmax_cross_entropy(self.logits, np.array([0, label])))

    def test_kinds(self):
        with pytest.raises(TypeError, match="Labels must be integers"):
            sparse_softmax_cross_entropy(self.logits, np.zeros(2))
        with pytest.raises(TypeError, match="cast it"):
            softmax_cross_entropy(self.logits.astype("int64"), self.logits)

    def test_shapes(self):
        with pytest.raises(ValueError, match="one axis fewer"):
            sparse_softmax_cross_entropy(self.logits, np.zeros((2, 1), int))
        with pytest.raises(ValueError, match="one label for each row"):
            run([], sparse_softmax_cross_entropy(self.logits, np.zeros(3, int)))
        with pytest.raises(ValueError, match="Targets of rank 1"):
            softmax_cross_entropy(self.logits, np.zeros(3))
        with pytest.raises(ValueError, match=r"Targets of shape \(2, 1\)"):
            run([], softmax_cross_entropy(self.logits, np.zeros((2, 1))))
