"""Two devices come to the weights of one; `test_tf_with_keras.py` runs this in a process of its own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils.tf import descend, distributed, fit, split_cpu

TWO = tf.distribute.MirroredStrategy(split_cpu(2))
ONE = tf.distribute.get_strategy()
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(50, 6, 6, 1)).astype("float32")
Y = RANDOM.integers(0, 3, 50)


class Training:
    """A network and an optimizer that live on the devices of a strategy, and their step."""

    def __init__(self, strategy, wrap=lambda optimizer: optimizer):
        self.strategy = strategy
        with strategy.scope():
            keras.utils.set_random_seed(1)
            self.model = keras.Sequential(
                [
                    keras.Input((6, 6, 1)),
                    keras.layers.Conv2D(4, 3, activation="relu"),
                    keras.layers.Flatten(),
                    keras.layers.Dense(3),
                ]
            )
            self.optimizer = wrap(keras.optimizers.Adam(0.01))
            self.optimizer.build(self.model.trainable_variables)
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")

    def step(self, x, y):
        loss = lambda: self.loss(y, self.model(x, training=True))
        return {"loss": descend(loss, self.optimizer, self.model.trainable_variables)}

    def run(self, batch=16, epochs=3, **options):
        data = tf.data.Dataset.from_tensor_slices((X, Y))
        batches = lambda epoch: data.shuffle(50, seed=epoch).batch(batch)
        step = distributed(self.step, self.strategy)
        return fit(step, batches, epochs, progress=False, **options)

    @property
    def weights(self):
        return [weight.numpy() for weight in self.model.weights]


# Parts are equal with batches of 10; of 16 the last batch is 2, of 7 it is 1 and too small.
@pytest.mark.parametrize("batch", [10, 16, 25, 49 // 3])
def test_two_devices_come_to_the_weights_of_one(batch):
    alone, both = Training(ONE), Training(TWO)
    start = both.weights
    histories = [training.run(batch) for training in (alone, both)]
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-5)
    for a, b, first in zip(alone.weights, both.weights, start, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
        assert np.abs(a - first).max() > 0.02, "it learnt something"
    for weight in both.model.weights:
        copies = TWO.experimental_local_results(weight.value)
        assert len(copies) == 2 and (copies[0].numpy() == copies[1].numpy()).all()


def test_one_device_by_a_strategy_is_one_device():
    wrapped, bare = Training(ONE), Training(ONE)
    wrapped.run()
    data = tf.data.Dataset.from_tensor_slices((X, Y))
    fit(tf.function(bare.step), lambda n: data.shuffle(50, seed=n).batch(16), 3, progress=False)
    for a, b in zip(wrapped.weights, bare.weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_it_is_saved_and_resumed_on_two_devices(tmp_path):
    straight, first, second = Training(TWO), Training(TWO), Training(TWO)
    straight.run(epochs=3)
    for training, epochs in ((first, 2), (second, 3)):
        state = {"model": training.model, "optimizer": training.optimizer}
        training.run(epochs=epochs, checkpoint=tmp_path, state=state)
    for a, b in zip(straight.weights, second.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_scaled_on_two_devices_is_scaled_on_one():
    alone, both = (Training(s, keras.optimizers.LossScaleOptimizer) for s in (ONE, TWO))
    alone.run(), both.run()
    for a, b in zip(alone.weights, both.weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("where", [0, 9], ids=["on the first device", "on the second"])
def test_an_overflow_on_one_device_leaves_the_step_out_on_all(where):
    with TWO.scope():
        w = keras.Variable(3.0)
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
        optimizer.build([w])
    step = distributed(lambda x: descend(lambda: w * x, optimizer, [w]), TWO)
    x = np.ones(10, "float32")
    x[where] = np.inf
    step(x)
    assert w.numpy() == 3 and optimizer.dynamic_scale.numpy() == 2.0**14
    step(np.ones(10, "float32"))
    assert w.numpy() == pytest.approx(2.9)


def test_metrics_are_means_over_the_whole_batch_of_any_structure():
    def step(inputs, weight):
        return {"mean": tf.reduce_mean(inputs["x"]), "rows": tf.shape(weight)[0]}

    found = distributed(step, TWO)({"x": np.arange(5.0)}, tf.ones((5, 2)))
    assert float(found["mean"]) == pytest.approx(2.0)
    assert float(found["rows"]) == pytest.approx((3 * 3 + 2 * 2) / 5)


def scalar_loss():
    training = Training(TWO)
    training.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return training.run()


def beside_the_devices():
    training = Training(TWO)
    with TWO.scope():
        return training.step(X, Y)


def on_two(step, *batch):
    return lambda: distributed(step, TWO)(*batch)


@pytest.mark.parametrize(
    "action, words",
    [
        (scalar_loss, r"shape \(\): several devices need a loss for each example"),
        (beside_the_devices, r"runs on each: distributed\(step"),
        (on_two(tf.reduce_mean, np.ones(1)), "batch of 1 is too small for 2 devices"),
        (on_two(lambda x, y: 0.0, np.ones(3), np.ones(4)), "needs one number of examples"),
        (on_two(lambda x: 0.0, 1.0), "needs one number of examples"),
        (on_two(lambda x: None, np.ones(4)), "step returned nothing"),
        (on_two(lambda x: x, np.ones((4, 2))), "a metric is one number"),
    ],
)
def test_what_cannot_be_is_refused(action, words):
    with pytest.raises(ValueError, match=words):
        action()
