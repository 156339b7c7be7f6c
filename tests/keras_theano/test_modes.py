"""The setting `mode`: how it is chosen, and the modes that need no JAX."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import keras_theano
from keras_theano import setting

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _restore(monkeypatch):
    monkeypatch.setattr(setting, "_automatic", None)
    monkeypatch.delenv(setting.VARIABLE, raising=False)
    yield
    monkeypatch.undo()
    keras_theano.set_mode("vm")
    setting._chosen = None


def python(code, **variables):
    """Run code in a fresh Python that does not see JAX; return it, ended."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", setting.VARIABLE)}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "KERAS_BACKEND": "theano", **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


# --- The choice ----------------------------------------------------------------------------------


def test_environment_variable_or_call_choose_the_mode_before_keras_is_loaded():
    code = (
        "import sys, keras_theano\n"
        "print(keras_theano.mode())\n"
        "keras_theano.set_mode('vm')\n"
        "print(keras_theano.mode(), 'keras' in sys.modules)"
    )
    done = python(code, KERAS_THEANO_MODE="Numba")
    assert done.stdout.split() == ["numba", "vm", "False"], done.stderr


@pytest.mark.parametrize(
    ("variables", "error", "words"),
    [
        (
            {"KERAS_THEANO_MODE": "gpu"},
            "ValueError",
            ["KERAS_THEANO_MODE=gpu", "vm, numba, c, jax"],
        ),
        ({"KERAS_THEANO_MODE": "jax"}, "ModuleNotFoundError", ["pip install jax", "mode vm"]),
        (
            {"KERAS_THEANO_MODE": "c", "PYTENSOR_FLAGS": "cxx="},
            "RuntimeError",
            ["C++ compiler", "apt install g++", "mode vm"],
        ),
    ],
)
def test_a_mode_that_cannot_be_is_refused_at_once(variables, error, words):
    without_jax = "import sys; sys.modules['jax'] = None; "
    done = python(without_jax + "import keras_theano", **variables)
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith(error)
    for word in words:
        assert word in message


def test_set_mode_refuses_and_keeps_what_was_set():
    keras_theano.set_mode("numba")
    with pytest.raises(ValueError, match="no such mode"):
        keras_theano.set_mode("fast")
    assert keras_theano.mode() == "numba"


@pytest.mark.parametrize(
    ("device", "plugin", "variables", "expected"),
    [
        (True, True, {}, "jax"),
        (False, True, {}, "vm"),
        (True, False, {}, "vm"),
        (True, True, {"CUDA_VISIBLE_DEVICES": ""}, "vm"),
        (True, True, {"CUDA_VISIBLE_DEVICES": "0"}, "jax"),
        (True, True, {"JAX_PLATFORMS": "cpu"}, "vm"),
        (True, True, {"KERAS_THEANO_MODE": "vm"}, "vm"),
    ],
)
def test_automatic_mode_is_jax_where_it_has_a_gpu(monkeypatch, device, plugin, variables, expected):
    for name in ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(setting, "_chosen", None)
    monkeypatch.setattr(setting.os.path, "exists", lambda path: device and "nvidia" in path)
    monkeypatch.setattr(setting, "_has_jax", lambda: True)
    monkeypatch.setattr(setting, "_is_installed", lambda name: plugin and "cuda12" in name)
    assert keras_theano.mode() == expected


def test_no_jax_is_imported_by_the_engine_outside_of_jax_mode():
    code = """
import sys, keras_theano
importers = []
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jax", "jaxlib"):
            frame = sys._getframe(1)
            while "importlib" in frame.f_code.co_filename:
                frame = frame.f_back
            importers.append(frame.f_code.co_filename)
            raise ImportError(f"blocked: {name}")
sys.meta_path.insert(0, Blocked())
import keras, numpy as np
model = keras.Sequential([keras.layers.LSTM(3), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(np.ones((4, 5, 2), "float32"), np.ones((4, 1), "float32"), verbose=0)
model.predict(np.ones((4, 5, 2), "float32"), verbose=0)
ours = [name for name in importers if "keras_theano" in name or "pytensor" in name]
print(keras_theano.mode(), ours, [name for name in sys.modules if name.startswith("jax")])
try:
    import jax
except ImportError:
    print("blocked", len(importers) > 0)
"""
    done = python(code, CUDA_VISIBLE_DEVICES="")
    assert done.stdout.splitlines() == ["vm [] []", "blocked True"], done.stderr


# --- The same numbers in the modes that compile ---------------------------------------------------


def small_net(kind):
    if kind == "mlp":
        shape, hidden = (6,), [layers.Dense(8, activation="relu"), layers.Dropout(0.25)]
    else:
        shape = (8, 8, 1)
        hidden = [layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]
    model = keras.Sequential([layers.Input(shape), *hidden, layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def run(kind):
    """Train, evaluate and predict; the batches are of two sizes."""
    keras.utils.set_random_seed(3)
    model = small_net(kind)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, *model.input_shape[1:])).astype("float32")
    y = rng.integers(0, 3, 20)
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False).history
    return [
        *history["loss"],
        *model.evaluate(x, y, verbose=0),
        *model.predict(x, verbose=0).ravel(),
        *(w.sum() for w in model.get_weights()),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
@pytest.mark.parametrize("mode", ["numba", "c"])
def test_compiling_modes_give_the_same_numbers(mode, kind):
    keras_theano.set_mode("vm")
    expected = run(kind)
    keras_theano.set_mode(mode)
    np.testing.assert_allclose(run(kind), expected, rtol=1e-4, atol=1e-5)


def test_compiling_says_nothing_of_what_is_constant_and_no_number(recwarn):
    """PyTensor divides 0 by 0 while it rewrites, where a regularizer has no pair of rows."""
    regularizer = keras.regularizers.OrthogonalRegularizer()
    model = keras.Sequential([layers.Input((1,)), layers.Dense(1, kernel_regularizer=regularizer)])
    model.compile("sgd", "mse")
    assert np.isnan(model.train_on_batch(np.ones((1, 1)), np.ones((1, 1))))  # as on TensorFlow
    assert not recwarn.list


def test_a_model_goes_on_in_another_mode():
    """Its functions are compiled anew, and its state stays."""
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")

    def losses(modes):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([layers.Input((2,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
        for mode in modes:
            keras_theano.set_mode(mode)
            yield model.train_on_batch(x, y)

    np.testing.assert_allclose(
        list(losses(["vm", "numba", "vm"])), list(losses(["vm"] * 3)), rtol=1e-5
    )
