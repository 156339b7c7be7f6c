"""Masked recurrent layers give what Keras on TensorFlow gives: outputs, states and gradients."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# Run on each engine alone: the same weights, data and masks, by this very file.
CASES = [f"{kind}/{rest}" for kind in ("LSTM", "GRU") for rest in ("right/all", "holes/last")]
CASES += ["LSTM/left/all/backwards", "GRU/holes/all/backwards", "SimpleRNN/holes/all"]
CASES += ["Bidirectional/holes/all", "Stacked/holes/all"]
CASES += ["SimpleRNN/holes/last", "SimpleRNN/left/all/backwards", "BidirectionalSimple/holes/all"]
CASES += [f"SimpleRNN/right/all/{name}" for name in ("relu", "sigmoid", "linear")]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Layer 'flatten.*destroy the mask"),
]


def masks():
    """Steps that count, (batch, time): padded after, before, with holes; the last row is empty."""
    lengths = np.array([6, 4, 1, 0])
    right = np.arange(6) < lengths[:, None]
    holes = np.array([[1, 0, 1, 1, 0, 1], [0, 0, 1, 0, 1, 0], [0, 1, 1, 1, 1, 1], [0] * 6], bool)
    return {"right": right, "left": right[:, ::-1], "holes": holes}


def layer_of(kind, **options):
    from keras import layers

    if kind == "Bidirectional":
        return layers.Bidirectional(layers.LSTM(4, **options))
    if kind == "BidirectionalSimple":
        return layers.Bidirectional(layers.SimpleRNN(4, **options))
    if kind == "Stacked":
        return layers.RNN([layers.LSTMCell(3), layers.LSTMCell(4)], **options)
    return getattr(layers, kind)(4, return_state=True, **options)


def results(case):
    """Outputs, states, and weights after a step of training, as nested lists."""
    import keras

    kind, mask, sequences, *more = case.split("/")
    rng = np.random.default_rng(7)
    # Masking leaves out the steps that are -9 throughout.
    steps = masks()[mask]
    x = np.where(steps[..., None], rng.normal(size=(4, 6, 5)), -9.0).astype("float32")
    inputs = keras.Input((6, 5))
    options = {"return_sequences": sequences == "all"}
    for word in more:
        options |= {"go_backwards": True} if word == "backwards" else {"activation": word}
    found = layer_of(kind, **options)(keras.layers.Masking(-9.0)(inputs))
    model = keras.Model(inputs, found)
    model.set_weights([rng.normal(size=w.shape) * 0.4 for w in model.get_weights()])
    outputs = model.predict(x, verbose=0)
    first = found[0] if isinstance(found, (list, tuple)) else found
    trained = keras.Model(inputs, keras.layers.Flatten()(first))
    trained.compile(keras.optimizers.SGD(1.0), "mse")
    loss = trained.train_on_batch(x, rng.normal(size=(4, *trained.output_shape[1:])))
    values = [*keras.tree.flatten(outputs), loss, *trained.get_weights()]
    return [np.asarray(value).tolist() for value in values]


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory):
    path = tmp_path_factory.mktemp("masks") / "tensorflow.json"
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(path.read_text())


@pytest.mark.parametrize("case", CASES)
def test_as_on_tensorflow(case, on_tensorflow):
    mine, theirs = results(case), on_tensorflow[case]
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps({case: results(case) for case in CASES}))
