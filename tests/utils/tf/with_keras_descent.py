"""A step down a loss is the optimizer's, in 16 bits too; `test_tf_with_keras.py` runs this in a process."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils.nets import frozen
from utils.tf import descend, fit

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 6)).astype("float32")
Y = (X[:, :1] * X[:, 1:2] + X[:, 2:3]).astype("float32")


def perceptron(policy="float32"):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(32, "relu", dtype=policy),
            keras.layers.Dense(1, dtype=policy),
        ]
    )


def weights(model):
    return [weight.numpy() for weight in model.weights]


@pytest.fixture
def float16():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


# ---------------------------------------------------------------- one loss, two losses


@pytest.mark.parametrize("reduced", [True, False], ids=["a scalar", "a loss for each example"])
def test_steps_are_those_of_keras(reduced):
    ours, keras_own = perceptron(), perceptron()
    optimizer = keras.optimizers.Adam(0.01)

    @tf.function
    def step(x, y):
        def loss():
            squares = tf.reduce_sum((ours(x) - y) ** 2, axis=1)
            return tf.reduce_mean(squares) if reduced else squares

        return descend(loss, optimizer, ours.trainable_variables)

    batches = [(X[n : n + 16], Y[n : n + 16]) for n in range(0, 64, 16)]
    found = fit(step, batches, epochs=3, progress=False)
    keras_own.compile(keras.optimizers.Adam(0.01), "mse")
    expected = keras_own.fit(X, Y, batch_size=16, epochs=3, shuffle=False, verbose=0).history
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)
    for a, b in zip(weights(ours), weights(keras_own), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_two_losses_each_move_their_own_weights():
    """A game with a known course: x learns to raise x * y, y to lower it, by turns."""
    x, y = keras.Variable(1.0), keras.Variable(0.5)
    up, down = keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2)

    @tf.function
    def step(_):
        return {
            "x": descend(lambda: -x * y, up, [x]),
            "y": descend(lambda: x * y, down, [y]),
        }

    history = fit(step, [0], epochs=3, progress=False)
    a, b, expected = 1.0, 0.5, {"x": [], "y": []}
    for _ in range(3):
        expected["x"].append(-a * b)
        a += 0.1 * b
        expected["y"].append(a * b)
        b -= 0.2 * a
    assert history == {name: pytest.approx(values) for name, values in expected.items()}
    assert (float(x), float(y)) == (pytest.approx(a), pytest.approx(b))


def test_tf_variables_and_generators_of_variables():
    w = tf.Variable(3.0)
    optimizer = keras.optimizers.SGD(0.5)
    descend(lambda: w**2, optimizer, (v for v in [w]))
    assert float(w) == 0


# ---------------------------------------------------------------- mixed precision


def descents(loss, optimizer, variables, steps):
    compiled = tf.function(lambda: descend(loss, optimizer, variables))
    return [float(compiled()) for _ in range(steps)]


@pytest.mark.parametrize("scaled", [True, False])
def test_slopes_too_small_for_16_bits_arrive_if_the_loss_is_scaled(scaled):
    # The slope, 1e-8, is less than half of the smallest number of float16.
    w = keras.Variable(1.0)
    optimizer = keras.optimizers.SGD(1e6)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    descents(
        lambda: tf.cast(1e-8 * tf.cast(tf.cast(w, tf.float16), tf.float32), tf.float32),
        optimizer,
        [w],
        1,
    )
    assert float(w) == (pytest.approx(1 - 1e6 * 1e-8, rel=0.01) if scaled else 1.0)


def test_the_scale_does_not_change_what_is_learnt():
    plain, scaled = perceptron(), perceptron()
    for model, optimizer in (
        (plain, keras.optimizers.Adam(0.01)),
        (scaled, keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))),
    ):
        descents(lambda: (model(X) - Y)[:, 0] ** 2, optimizer, model.trainable_variables, 5)  # noqa: B023
    for a, b in zip(weights(plain), weights(scaled), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_model_in_float16_learns_what_one_in_float32_does(float16):
    losses = {}
    for policy in ("float32", "mixed_float16"):
        model = perceptron(policy)
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))
        compute = lambda: (tf.cast(model(X), tf.float32) - Y)[:, 0] ** 2  # noqa: B023
        losses[policy] = descents(compute, optimizer, model.trainable_variables, 60)
        assert model.weights[0].dtype == "float32"
    assert losses["mixed_float16"][-1] < 0.2 * losses["mixed_float16"][0]
    np.testing.assert_allclose(losses["mixed_float16"], losses["float32"], rtol=0.05)
    assert losses["mixed_float16"] != losses["float32"]


def test_a_loss_in_float16_is_scaled_without_overflow(float16):
    w = keras.Variable(10.0)  # 10 * 32,768 is more than float16 can hold
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    assert descents(lambda: tf.cast(w, tf.float16) ** 2, optimizer, [w], 1) == [100.0]
    assert float(optimizer.dynamic_scale) == 2.0**14, "the slope overflowed, the loss did not"
    descents(lambda: tf.cast(w, tf.float16) ** 2, optimizer, [w], 8)
    assert 0 < float(w) < 10


def test_a_step_that_overflows_is_left_out_and_the_scale_halved():
    w = keras.Variable(2.0)
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1))
    too_steep = keras.Variable(np.inf)
    descents(lambda: too_steep * w, optimizer, [w], 2)
    assert float(w) == 2 and float(optimizer.dynamic_scale) == 2.0**13
    assert int(optimizer.iterations) == 0
    too_steep.assign(1.0)
    descents(lambda: too_steep * w, optimizer, [w], 1)
    assert float(w) == pytest.approx(1.9) and float(optimizer.dynamic_scale) == 2.0**13


def test_float16_without_scaling_is_refused(float16):
    w = keras.Variable(2.0)
    with pytest.raises(ValueError, match=r"LossScaleOptimizer\(keras.optimizers.Adam\(...\)\)"):
        descend(lambda: w**2, keras.optimizers.Adam(), [w])
    descend(lambda: w**2, keras.optimizers.SGD(0.1, loss_scale_factor=1024.0), [w])
    assert float(w) == pytest.approx(1.6)


# ---------------------------------------------------------------- refused


MODEL = perceptron()


@pytest.mark.parametrize(
    "loss, variables, words",
    [
        (lambda: tf.constant(1.0), [], r"no variables \(are all layers frozen\?\)"),
        (
            lambda: (MODEL(X) - Y) ** 2,
            MODEL.trainable_variables,
            r"shape \(64, 1\): make it a scalar",
        ),
        (lambda: 0.0, MODEL.trainable_variables, "does not depend on sequential.*kernel, seq"),
        (
            lambda: tf.reduce_mean(MODEL(X).numpy() ** 2),
            MODEL.trainable_variables,
            "NumPy cuts the gradient",
        ),
        (lambda: MODEL.weights[0][0, 0] ** 2, MODEL.weights[:2], "does not depend on [^,]*bias: "),
    ],
)
def test_what_cannot_be_learnt_is_refused(loss, variables, words):
    before = weights(MODEL)
    with pytest.raises(ValueError, match=words):
        descend(loss, keras.optimizers.SGD(0.1), variables)
    assert all((a == b).all() for a, b in zip(before, weights(MODEL), strict=True))


def test_a_frozen_model_has_nothing_to_learn():
    with frozen(MODEL), pytest.raises(ValueError, match="are all layers frozen"):
        descend(lambda: 0.0, keras.optimizers.SGD(0.1), MODEL.trainable_variables)
