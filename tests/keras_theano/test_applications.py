"""Whole networks of keras.applications: the same weights give the same numbers as on TensorFlow."""

import json
import subprocess
import sys

import pytest

NAMES = ["VGG16", "ResNet50", "MobileNetV2", "EfficientNetB0"]

# Run by both engines; what differs is in the three lines put before it.
COMMON = """
import numpy as np

def build(name):
    model = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=10)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0  # the engines draw different random numbers
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model
"""

ON_TENSORFLOW = (
    """
import os, sys
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
"""
    + COMMON
    + """
for name in sys.argv[2:]:
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    model = build(name)
    for weight in model.weights:  # as after some training: no batch norm that does nothing
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif weight.path.endswith(("beta", "moving_mean")):
            weight.assign(rng.normal(0, 0.1, weight.shape))
    x = rng.uniform(0, 255 if name.startswith("Eff") else 1, (4, 64, 64, 3)).astype("float32")
    y = rng.integers(0, 10, 4)
    found = {"x": x, "y": y, "outputs": model.predict(x, verbose=0)}
    before = model.get_weights()
    found["loss"] = model.train_on_batch(x, y)
    for i, (old, new) in enumerate(zip(before, model.get_weights())):
        found[f"before_{i}"], found[f"change_{i}"] = old, new - old
    np.savez(f"{sys.argv[1]}/{name}.npz", **found)
"""
)

ON_THEANO = (
    """
import json, sys, time
import keras_theano, keras
"""
    + COMMON
    + """
folder, name = sys.argv[1:]
model = build(name)
there = np.load(f"{folder}/{name}.npz")
before = [there[f"before_{i}"] for i in range(len(model.weights))]
model.set_weights(before)
outputs = model.predict(there["x"], verbose=0)
started = time.perf_counter()
loss = model.train_on_batch(there["x"], there["y"])
seconds = time.perf_counter() - started
changes = [there[f"change_{i}"] for i in range(len(before))]
# Of a bias before batch norm the gradient is zero, and its change nothing but rounding.
floor = max(map(np.linalg.norm, changes)) / 1000
worst = max(
    np.linalg.norm(new - old - change) / max(np.linalg.norm(change), floor)
    for old, new, change in zip(before, model.get_weights(), changes)
)
print(json.dumps({
    "outputs": float(abs(outputs - there["outputs"]).max()),
    "largest": float(abs(outputs).max()),
    "loss": abs(float(loss) - float(there["loss"])),
    "step": float(worst),
    "seconds": seconds,
}))
"""
)


def run(code, *arguments):
    """Run `code` in a Python of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory):
    """A folder with weights, a batch and TensorFlow's results for each network."""
    folder = tmp_path_factory.mktemp("applications")
    run(ON_TENSORFLOW, folder, *NAMES)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_a_training_step_are_tensorflows(on_tensorflow, name):
    found = json.loads(run(ON_THEANO, on_tensorflow, name))
    assert found["largest"] > 0.1, "outputs of ten classes"
    assert found["outputs"] < 1e-4
    assert found["loss"] < 1e-3
    # Each weight's change, gradient and moving averages alike, as a part of its own size. Where a
    # ReLU's input is nearly zero, rounding decides: over fifty layers that makes a few per cent.
    assert found["step"] < 0.05
    assert found["seconds"] < 300, "tracing, compiling and one step, on a busy machine"
