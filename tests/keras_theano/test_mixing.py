"""Theano's variables and functions among Keras's layers, and layers written in Theano."""

import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from keras import layers

from keras_theano.mixing import as_tensor, as_variable, assignments, for_keras
from keras_theano.src import modes

rng = np.random.default_rng(5)


def function(inputs, outputs, **options):
    return pytensor.function(inputs, outputs, mode=modes.interpreter(), **options)


def test_a_model_on_a_theano_variable_follows_its_weights():
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(16, "relu", name="hidden"),
            layers.Dropout(0.5),
            layers.Dense(3, "softmax"),
        ]
    )
    x = rng.normal(size=(8, 20))
    pixels = pt.tensor("pixels", dtype="float32", shape=(None, 20))
    y = as_variable(model(as_tensor(pixels)))
    kernel = as_variable(model.get_layer("hidden").kernel)
    run = function([pixels], [y, pytensor.grad(y[:, 0].sum(), kernel)])
    x = x.astype("float32")
    np.testing.assert_allclose(run(x)[0], model.predict(x, verbose=0), rtol=1e-5)
    gradient = run(x)[1]
    step, weights = np.zeros_like(gradient), kernel.get_value()
    place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
    step[place] = 1e-2
    values = []
    for sign in (1, -1):
        model.get_layer("hidden").kernel.assign(weights + sign * step)
        values.append(run(x)[0][:, 0].sum())
    assert (values[0] - values[1]) / 2e-2 == pytest.approx(gradient[place], rel=0.02)


def test_what_a_layer_changes_is_kept_or_refused():
    layer = layers.BatchNormalization(momentum=0.5)
    layer.build((None, 3))
    x = pt.matrix("x", dtype="float32")
    with pytest.raises(ValueError, match="assignments()"):
        layer(as_tensor(x), training=True)
    with assignments() as changes:
        y = as_variable(layer(as_tensor(x), training=True))
    run = function([x], y, updates=changes.updates())
    run(np.full((4, 3), 2, "float32"))
    np.testing.assert_allclose(layer.moving_mean.numpy(), 1.0)


def test_a_theano_function_in_layers():
    @for_keras
    def swish(x):
        return x * pt.sigmoid(x)

    x = rng.normal(size=(6, 4)).astype("float32")
    expected = x / (1 + np.exp(-x))
    assert isinstance(swish(x), np.ndarray)
    np.testing.assert_allclose(swish(x), expected, rtol=1e-5)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Activation(swish), layers.Lambda(swish), layers.Dense(1)]
    )
    assert model.layers[0](x) == pytest.approx(expected)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    history = model.fit(x, x.sum(axis=1), epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0] / 2
    with pytest.raises(TypeError, match="keras.layers.Lambda"):
        swish(keras.Input((4,)))


def test_layers_may_be_written_in_theano():
    class Outer(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1],), initializer="ones", name="w")

        def call(self, x):
            x = as_variable(x)
            return as_tensor(pt.exp(-pt.sqr(x[:, :, None] - as_variable(self.w)).sum(axis=1)))

    model = keras.Sequential([keras.Input((4,)), Outer(), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = model.layers[0].w.numpy().copy()
    x = rng.normal(size=(6, 4)).astype("float32")
    model.fit(x, x.sum(axis=1), verbose=0)
    assert np.abs(model.layers[0].w.numpy() - before).max() > 1e-5


def test_what_is_no_variable_is_refused():
    with pytest.raises(TypeError, match="keras.layers.Lambda"):
        as_variable(keras.Input((3,)))
    with pytest.raises(TypeError, match="Not a PyTensor variable"):
        as_tensor(np.ones(3))
    dense = layers.Dense(2)
    dense.build((None, 3))
    assert as_variable(dense.kernel) is dense.kernel.shared
    assert as_variable(2.0).eval() == 2
