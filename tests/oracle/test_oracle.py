"""The same nets on Keras 2.3.1 with Theano 1.0.5, in a process and environment of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import build_environment  # noqa: E402 - found in tools/
import classic  # noqa: E402

RECORD = Path(__file__).with_name("record.py")
NETS = ["mlp_sgd", "mlp_adam", "mlp_rmsprop", "cnn", "lstm"]
NETS += ["gru_reset_after", "gru_reset_before", "embedding"]

# Tiny nets run sooner in Theano's Python than its C code compiles. AbstractConvCheck only insists
# on a C implementation of the convolution.
THEANO = (
    "floatX=float64,cxx=,linker=py,optimizer=fast_compile,optimizer_excluding=AbstractConvCheck"
)

MOMENTUM, EPSILON = 0.99, 1e-3  # Keras's defaults of batch norm, both versions
#: Of the net "cnn": place among the weights of each batch norm's moving variance, and how many
#: values each variance is taken over.
VARIANCES = {4: 10 * 9 * 8, 10: 10}


def run(python, environment, *folders):
    done = subprocess.run(
        [str(python), str(RECORD), *map(str, folders)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return {net: dict(np.load(folders[0] / f"{net}.npz")) for net in NETS}


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """Net -> (what Keras 2.3.1 on Theano recorded, what this engine did from its weights)."""
    try:
        python = classic.ensure()
    except build_environment.Refusal as reason:
        if "needs a Python 3.7 or 3.8" in str(reason):
            pytest.skip(str(reason))
        raise
    old, new = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new")
    flags = f"{THEANO},base_compiledir={tmp_path_factory.mktemp('compiled')}"
    expected = run(python, classic.environment(THEANO_FLAGS=flags), old)
    ours = {name: value for name, value in os.environ.items() if name != "THEANORC"}
    found = run(sys.executable, {**ours, "PYTHONPATH": str(ROOT)}, new, old)
    return {net: (expected[net], found[net]) for net in NETS}


def error(found, expected):
    """The largest difference, relative to the largest of the values expected."""
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("net", NETS)
def test_outputs_and_gradients_are_the_same(recorded, net):
    expected, found = recorded[net]
    assert error(found["outputs"], expected["outputs"]) <= 1e-4
    assert error(found["loss"], expected["loss"]) <= 1e-4
    gradients = [name for name in expected if name.startswith("gradient_")]
    assert len(gradients) >= 5
    for name in gradients:
        assert error(found[name], expected[name]) <= 1e-4, name


@pytest.mark.parametrize("net", NETS)
def test_a_hundred_training_steps_are_the_same(recorded, net):
    expected, found = recorded[net]
    assert len(found["curve"]) == 100
    assert expected["curve"][-4:].mean() < 0.9 * expected["curve"][:4].mean(), "it does not learn"
    assert np.abs(found["curve"] / expected["curve"] - 1).max() <= 1e-3
    for name in (name for name in expected if name.startswith("last_")):
        if net == "cnn" and int(name.removeprefix("last_")) in VARIANCES:
            continue
        assert error(found[name], expected[name]) <= 1e-3, name


@pytest.mark.parametrize("place", VARIANCES)
def test_moving_variance_differs_only_by_what_keras_dropped(recorded, place):
    """Keras 2.3.1 corrected for the sample's size, and on Theano epsilon was in the variance."""
    expected, found = recorded["cnn"]
    size = VARIANCES[place]
    start = MOMENTUM**100 * expected[f"first_{place}"]
    correction = size / (size - (1 + EPSILON))
    learned = (expected[f"last_{place}"] - start) / correction - (1 - MOMENTUM**100) * EPSILON
    assert error(found[f"last_{place}"] - start, learned) <= 1e-3
    assert error(found[f"last_{place}"], expected[f"last_{place}"]) > 1e-4
