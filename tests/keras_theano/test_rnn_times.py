"""Every recurrent layer, with every argument, trains in seconds, prints nothing and computes right.

What one node computes is quick anyway. The rest runs by `scan`, whose inner graphs PyTensor
rewrites for long, and runs slowly where a rewriting fails: a step of an LSTM with recurrent dropout
took 16 seconds once. Times are those of this thread on the processor, which other processes' work
does not lengthen much.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

pytestmark = pytest.mark.filterwarnings("ignore:Layer 'flatten.*destroy the mask")

BATCH, STEPS, FEATURES, UNITS = 16, 12, 4, 8
FIRST_STEP = 20  # seconds, compiling included
LATER_STEPS = 50  # times a plain LSTM's: one that runs number by number takes more than 100


class Normalized(keras.layers.Layer):
    """A simple recurrent cell with layer normalization."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = self.state_size = self.output_size = units
        self.normalization = layers.LayerNormalization()

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units))
        self.recurrent = self.add_weight(shape=(self.units, self.units), initializer="orthogonal")
        self.normalization.build((None, self.units))

    def call(self, x, states):
        h = ops.tanh(self.normalization(x @ self.kernel + states[0] @ self.recurrent))
        return h, [h]


class Attentive(keras.layers.Layer):
    """An LSTM cell that looks up a memory at each step by what it knows so far."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.state_size, self.output_size = [units, units], units
        self.cell, self.score = layers.LSTMCell(units), layers.Dense(1)

    def build(self, shape):
        self.memory = self.add_weight(shape=(5, self.output_size))
        self.cell.build((shape[0], shape[-1] + self.output_size))
        self.score.build((None, 5, 2 * self.output_size))

    def call(self, x, states):
        known = ops.repeat(ops.expand_dims(states[0], 1), 5, axis=1)
        memory = ops.broadcast_to(self.memory, ops.shape(known))
        scores = self.score(ops.tanh(ops.concatenate([memory, known], axis=-1)))
        found = ops.sum(ops.softmax(scores, axis=1) * memory, axis=1)
        return self.cell(ops.concatenate([x, found], axis=-1), states)


SERIES, IMAGES, VOLUMES = (STEPS, FEATURES), (4, 6, 6, 2), (4, 5, 5, 5, 2)
PARTS = (3, STEPS, FEATURES)
RECURRENT = {"LSTM": layers.LSTM, "GRU": layers.GRU, "SimpleRNN": layers.SimpleRNN}
VARIANTS = {
    "plain": {},
    "dropout": {"dropout": 0.25},
    "recurrent_dropout": {"recurrent_dropout": 0.25},
    "both dropouts, all outputs, masked": {
        "dropout": 0.25,
        "recurrent_dropout": 0.25,
        "return_sequences": True,
    },
    "unrolled": {"unroll": True},
    "unrolled, recurrent_dropout": {"unroll": True, "recurrent_dropout": 0.25},
    "relu": {"activation": "relu"},
    "softsign": {"activation": "softsign"},
    "all outputs, masked": {"return_sequences": True},
    "states": {"return_state": True, "stateful": True, "activation": "elu"},
    "backwards": {"go_backwards": True, "activation": "elu"},
}
# Name -> (the layer, the shape of a sample).
CASES = {
    f"{kind}, {name}": (lambda make=make, options=options: make(UNITS, **options), SERIES)
    for kind, make in RECURRENT.items()
    for name, options in VARIANTS.items()
}


def rnn(*cells, **options):
    return layers.RNN(cells[0] if len(cells) == 1 else list(cells), **options)


CASES |= {
    "LSTM, hard_sigmoid": (
        lambda: layers.LSTM(UNITS, recurrent_activation="hard_sigmoid"),
        SERIES,
    ),
    "GRU, reset before": (lambda: layers.GRU(UNITS, reset_after=False), SERIES),
    "two LSTMs, recurrent_dropout": (
        lambda: keras.Sequential(
            [
                layers.LSTM(UNITS, recurrent_dropout=0.25, return_sequences=True),
                layers.LSTM(UNITS, recurrent_dropout=0.25),
            ]
        ),
        SERIES,
    ),
    "Bidirectional, recurrent_dropout": (
        lambda: layers.Bidirectional(layers.LSTM(UNITS, recurrent_dropout=0.25)),
        SERIES,
    ),
    "cells, stacked": (lambda: rnn(layers.LSTMCell(UNITS), layers.GRUCell(UNITS)), SERIES),
    "cells, stacked, dropout": (
        lambda: rnn(
            layers.LSTMCell(UNITS, recurrent_dropout=0.25), layers.LSTMCell(UNITS, dropout=0.25)
        ),
        SERIES,
    ),
    "cell of one's own": (lambda: rnn(Normalized(UNITS)), SERIES),
    "cell with attention": (lambda: rnn(Attentive(UNITS)), SERIES),
    "TimeDistributed Dense": (lambda: layers.TimeDistributed(layers.Dense(3)), SERIES),
    "TimeDistributed LSTM": (lambda: layers.TimeDistributed(layers.LSTM(3)), PARTS),
    "TimeDistributed LSTM, recurrent_dropout": (
        lambda: layers.TimeDistributed(layers.LSTM(3, recurrent_dropout=0.25)),
        PARTS,
    ),
    "ConvLSTM1D": (lambda: layers.ConvLSTM1D(3, 3), (4, 8, 2)),
    "ConvLSTM2D": (lambda: layers.ConvLSTM2D(3, 3), IMAGES),
    "ConvLSTM2D, dropout": (
        lambda: layers.ConvLSTM2D(3, 3, dropout=0.25, recurrent_dropout=0.25),
        IMAGES,
    ),
    "ConvLSTM3D": (lambda: layers.ConvLSTM3D(2, 3), VOLUMES),
}


def model_of(name, optimizer="rmsprop"):
    make, shape = CASES[name]
    inputs = keras.Input(batch_shape=(BATCH, *shape))
    found = layers.Masking(-9.0)(inputs) if "masked" in name else inputs
    found = make()(found)
    found = found[0] if isinstance(found, (list, tuple)) else found
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(found)))
    model.compile(optimizer, "mse")
    return model


def batch_for(name):
    """Samples, of which the first lack some steps if the layer is masked, and targets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, *CASES[name][1])).astype("float32")
    if "masked" in name:
        x[:5, 7:] = -9
    return x, rng.normal(size=(BATCH, 1)).astype("float32")


def seconds(action):
    start = time.thread_time()
    action()
    return time.thread_time() - start


def times(name):
    """Seconds of the first step, and of the quickest of some more."""
    model, batch = model_of(name), batch_for(name)
    first = seconds(lambda: model.train_on_batch(*batch))
    later = min(seconds(lambda: model.train_on_batch(*batch)) for _ in range(5))
    model.predict(batch[0], batch_size=BATCH, verbose=0)
    return first, later


@pytest.fixture(scope="module")
def plain():
    return times("LSTM, plain")[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_trains_in_seconds_and_prints_nothing(name, plain, capfd, caplog):
    first, later = times(name)
    assert capfd.readouterr().err == ""
    assert not caplog.records  # which go to stderr outside of pytest
    assert first < FIRST_STEP
    assert later < LATER_STEPS * plain


def results(name):
    """Outputs, loss, and weights after a step of training, as nested lists."""
    model, (x, y) = model_of(name, keras.optimizers.SGD(0.1)), batch_for(name)
    rng = np.random.default_rng(7)
    model.set_weights([rng.normal(size=w.shape) * 0.4 for w in model.get_weights()])
    outputs = model.predict(x, batch_size=BATCH, verbose=0)
    values = [outputs, model.train_on_batch(x, y), *model.get_weights()]
    return [np.asarray(value).tolist() for value in values]


# Random numbers are each engine's own.
DETERMINISTIC = [name for name in CASES if "dropout" not in name]


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory):
    path = tmp_path_factory.mktemp("recurrent") / "tensorflow.json"
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(path.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_as_on_tensorflow(name, on_tensorflow):
    mine, theirs = results(name), on_tensorflow[name]
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("rates", [(0.25, 0.0), (0.0, 0.25), (0.25, 0.5)])
@pytest.mark.parametrize("kind", RECURRENT)
def test_dropout_is_the_cells(kind, rates):
    """A sequence has one mask for all steps: the cell, called step by step, gives the same."""
    options = {"dropout": rates[0], "recurrent_dropout": rates[1], "seed": 3}
    x, _ = batch_for("LSTM, plain")
    models = []
    for unroll in (False, True):
        layer = RECURRENT[kind](UNITS, return_sequences=True, unroll=unroll, **options)
        model = keras.Sequential([keras.Input(batch_shape=x.shape), layer])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        if models:
            model.set_weights(models[0].get_weights())
        models.append(model)
    cell = type(layer.cell).from_config({**layer.cell.get_config(), "name": "alone"})
    cell.build((BATCH, FEATURES))
    cell.set_weights(models[0].get_weights())
    states = layer.get_initial_state(BATCH)
    cell.get_dropout_mask(x[:, 0])
    cell.get_recurrent_dropout_mask(states[0])
    expected = []
    for t in range(STEPS):
        output, states = cell(x[:, t], states, training=True)
        expected.append(ops.convert_to_numpy(output))
    outputs = np.stack(expected, axis=1)
    goal = np.zeros_like(outputs)
    for model in models:
        loss = model.train_on_batch(x, goal)
        np.testing.assert_allclose(loss, np.square(outputs).mean(), rtol=1e-5)
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps({name: results(name) for name in DETERMINISTIC}))
