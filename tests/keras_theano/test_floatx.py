"""`keras.config.set_floatx("float64")` computes in 64 bits, as on TensorFlow; float32 stays 32 bits."""

import json

import keras
import numpy as np
import pytest
from keras import dtype_policies, ops

from utils.processes import run_programs

PROGRAM = """
import json
import keras, numpy as np
from keras import layers, ops

keras.config.set_floatx("float64")
rng = np.random.default_rng(0)

def model(*inner, shape):
    result = keras.Sequential([layers.Input(shape), *inner])
    weights = np.random.default_rng(1)
    result.set_weights([weights.normal(size=w.shape) / 3 for w in result.get_weights()])
    # Of momentum 0.5, because TensorFlow rounds Python's 0.9 to 32 bits.
    result.compile(keras.optimizers.SGD(0.125, momentum=0.5), "mse", metrics=["mae"])
    return result

MODELS = {
    "dense": (layers.Dense(4, "tanh"), layers.LayerNormalization(epsilon=0.125), layers.Dense(1)),
    "lstm": (layers.LSTM(3, return_sequences=True), layers.GRU(3), layers.Dense(1)),
    "conv": (layers.Conv1D(3, 2, activation="relu"), layers.GlobalAveragePooling1D(), layers.Dense(1)),
    "embedding": (layers.Embedding(5, 3), layers.Flatten(), layers.Dense(1)),
}
SHAPES = {"dense": (3,), "lstm": (5, 2), "conv": (6, 2), "embedding": (4,)}
found = {}
for name, inner in MODELS.items():
    net = model(*inner, shape=SHAPES[name])
    x = rng.normal(size=(8, *SHAPES[name])) if name != "embedding" else rng.integers(0, 5, (8, 4))
    y = rng.normal(size=(8, 1))
    history = net.fit(x, y, epochs=3, verbose=0, shuffle=False).history
    predicted = net.predict(x, verbose=0)
    assert predicted.dtype == "float64" and {w.dtype for w in net.weights} == {"float64"}
    found[name] = [history["loss"], history["mae"], predicted.ravel().tolist()]
    found[name] += [np.ravel(w).tolist() for w in net.get_weights()]
third = np.ones(3) / 3
found["ops"] = [
    np.asarray(value, "float64").ravel().tolist() + [keras.backend.standardize_dtype(value.dtype)]
    for value in (
        ops.add(third, 1.0), ops.mean(third), ops.matmul(third, third), ops.exp(third),
        ops.softmax(third), ops.sqrt(np.arange(3)), ops.ones(2), ops.cast(np.arange(2), "float64"),
        ops.divide(np.arange(3), 3), ops.std(third * np.arange(3)), ops.linalg.norm(third),
    )
]
print(json.dumps(found))
"""
ENGINES = {
    "tensorflow": "import os; os.environ['KERAS_BACKEND'] = 'tensorflow'",
    "vm": "import keras_theano; keras_theano.set_mode('vm')",
    "jax": "import keras_theano; keras_theano.set_mode('jax')",
}


@pytest.fixture(scope="module")
def found():
    """What each engine computes, {engine: {model: numbers}}."""
    printed = {
        engine: run_programs({engine: start + PROGRAM})[engine] for engine, start in ENGINES.items()
    }
    return {engine: json.loads(text.splitlines()[-1]) for engine, text in printed.items()}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["vm", "jax"])
def test_64_bits_are_those_of_tensorflow(mode, found):
    for name, theirs in found["tensorflow"].items():
        for ours, other in zip(found[mode][name], theirs, strict=True):
            if name == "ops":
                assert ours[-1] == other[-1] == "float64"
                ours, other = ours[:-1], other[:-1]
            np.testing.assert_allclose(ours, other, rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.fixture
def floatx():
    """Sets floatx for one test."""
    yield keras.config.set_floatx
    keras.config.set_floatx("float32")


@pytest.mark.parametrize(
    ("name", "wide", "complex_result"),
    [("float64", "float64", "complex128"), ("float32", "float32", "complex64")],
)
def test_promotion_keeps_what_floatx_is(name, wide, complex_result, floatx):
    floatx(name)
    assert ops.add(np.ones(2), 1.5).dtype == wide
    assert ops.add(np.ones(2, complex), 1.5).dtype == complex_result
    assert ops.add(keras.KerasTensor((2,), "float64"), 1.5).dtype == wide
    assert ops.add(np.ones(2, "float32"), 1.5).dtype == "float32"
    assert ops.add(np.ones(2, int), 1).dtype == "int32"


def test_floatx_is_followed_by_whichever_name_it_is_set(floatx):
    for function in (keras.config.set_floatx, keras.backend.set_floatx):
        function("float64")
        assert ops.mean(np.ones(2)).dtype == "float64"
        function("float32")
        assert ops.mean(np.ones(2)).dtype == "float32"
    with pytest.raises(ValueError, match="Unknown `floatx`"):
        floatx("float63")


def test_mixed_precision_stays_as_it_was(floatx):
    layer = keras.layers.Dense(2, dtype=dtype_policies.DTypePolicy("mixed_float16"))
    floatx("float64")
    assert layer(np.ones((1, 2))).dtype == "float16" and layer.kernel.dtype == "float32"
