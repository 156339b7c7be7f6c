"""A variable that was assigned to stands for itself: gradients end there, as on TensorFlow."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_theano import gradients
from keras_theano.src.tracing import CompiledStep


def trace(step, *starts):
    """Run `step(variables)` once, compiled; return what it returns, and the variables' new values."""
    variables = [keras.Variable(np.float32(start)) for start in starts]
    found = CompiledStep(lambda data: step(*variables))(np.zeros(1, "float32"))
    values = [None if value is None else float(value) for value in found]
    return values, [float(v.numpy()) for v in variables]


def state_of_a_weight(w, s):
    s.assign(w * 2)
    return gradients(s * 5 + w * 3, [w, s])


def weight_read_before_and_after(w, s):
    before = w * 3
    w.assign(w * s)
    return gradients(before + w * w, [w, s])


def two_assignments(w, s):
    w.assign(w * s)
    first = w * 2
    w.assign(w * s)
    return gradients(first + w * 7, [w, s])


def assigned_and_not_read(w, s):
    before = w * s
    w.assign(w * 100)
    return gradients(before, [w, s])


def optimizers_in_turn(w, s):
    """As in a GAN: the second loss is computed with what the first optimizer has changed."""
    (slope,) = gradients(ops.square(w * s), [w])
    w.assign(w - 0.1 * slope)
    return [slope, *gradients(w * s, [s, w])]


def assigned_in_a_branch(w, s):
    ops.cond(ops.convert_to_tensor(w) > 0, lambda: w.assign(w * s), lambda: w.assign(w))
    return gradients(w * w, [w, s])


# Function, starts, what it returns, the variables' new values; worked out by hand.
CASES = [
    (state_of_a_weight, (2, 1), [3, 5], (2, 4)),
    (weight_read_before_and_after, (2, 4), [3 + 2 * 8, None], (8, 4)),
    (two_assignments, (2, 4), [2 + 7, None], (32, 4)),
    (assigned_and_not_read, (2, 4), [4, 2], (200, 4)),
    (optimizers_in_turn, (2, 3), [36, 2 - 3.6, 3], (2 - 3.6, 3)),
    (assigned_in_a_branch, (2, 4), [2 * 8, None], (8, 4)),
]


@pytest.mark.parametrize(
    ("step", "starts", "slopes", "values"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_gradients_end_at_an_assignment(step, starts, slopes, values):
    found, after = trace(step, *starts)
    assert after == pytest.approx(values, rel=1e-5)
    assert [slope is None for slope in found] == [slope is None for slope in slopes]
    for slope, right in zip(found, slopes, strict=True):
        assert right is None or slope == pytest.approx(right, rel=1e-5)


def test_a_layer_that_normalizes_its_weights_trains_as_on_tensorflow():
    layer = keras.layers.SpectralNormalization(keras.layers.Dense(2, use_bias=False))
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    layer.layer.kernel.assign([[1.0, -1.0], [0.5, 2.0], [0.0, 1.5]])
    layer.vector_u.assign(np.ones(layer.vector_u.shape))
    x = np.array([[1.0, 2.0, -1.0], [0.0, 1.0, 1.0]], "float32")
    y = np.array([[1.0, 0.0], [0.0, 1.0]], "float32")
    losses = [float(model.train_on_batch(x, y)) for _ in range(3)]
    np.testing.assert_allclose(losses, TENSORFLOW, rtol=1e-4)


# `train_on_batch`, three times, of Keras 3.15.1 on TensorFlow 2.21 with the same numbers.
TENSORFLOW = [0.14635224640369415, 0.4490375518798828, 0.9812696576118469]
