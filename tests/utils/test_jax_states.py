"""utils.jax_states: recurrent layers keep their state on Keras's JAX engine."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import keras_theano, keras, numpy as np
from keras import layers
from utils import jax_states

kinds = {
    "SimpleRNN": lambda: layers.SimpleRNN(3, return_sequences=True, stateful=True),
    "LSTM": lambda: layers.LSTM(3, return_sequences=True, stateful=True),
    "GRU": lambda: layers.GRU(3, return_sequences=True, stateful=True),
    "a cell": lambda: layers.RNN(layers.LSTMCell(3), return_sequences=True, stateful=True),
    "twice": lambda: keras.Sequential(
        [layers.GRU(3, return_sequences=True, stateful=True) for _ in range(2)]
    ),
}
jax_states.keep()
jax_states.keep()
x = np.random.default_rng(0).normal(size=(2, 8, 4)).astype("float32")
for name, kind in kinds.items():
    keras.utils.set_random_seed(0)
    inner = kind()
    net = keras.Sequential([keras.Input(batch_shape=(2, None, 4)), inner])
    free = keras.Sequential([keras.Input(batch_shape=(2, None, 4)), kind()])
    free.set_weights(net.get_weights())
    whole = free.predict_on_batch(x)
    halves = np.split(x, 2, axis=1)
    def forget():
        for layer in getattr(inner, "layers", [inner]):
            layer.reset_state()
    ways = {
        "predict_on_batch": net.predict_on_batch,
        "predict": lambda x: net.predict(x, batch_size=2, verbose=0),
        "evaluate": lambda x: net.evaluate(x, np.zeros_like(whole[:, :4]), batch_size=2, verbose=0),
    }
    net.compile(loss="mse")
    for way, call in ways.items():
        forget()
        parts = [call(half) for half in halves]
        if way == "evaluate":
            error = abs(parts[1] - (whole[:, 4:] ** 2).mean())
        else:
            error = np.abs(np.concatenate(parts, axis=1) - whole).max()
        assert error < 1e-6, (name, way, error)
    forget()
    net.compile("sgd", "mse")
    net.optimizer.learning_rate = 0.0
    for half in halves:
        net.train_on_batch(half, np.zeros_like(whole[:, :4]))
    after = [variable.numpy() for variable in net.non_trainable_variables]
    net.save_weights("kept.weights.h5")
    free.load_weights("kept.weights.h5")  # the state is not in the file
    assert len(net.weights) == len(net.trainable_variables)
    assert all(value.any() for value in after if value.dtype == "float32"), name
print("all right")
"""


def test_recurrent_layers_keep_their_state_on_jax(tmp_path):
    pytest.importorskip("jax", reason="JAX is in .testdeps")
    environment = {
        **os.environ,
        "KERAS_THEANO_ENGINE": "jax",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "all right", done.stderr[-2000:]
