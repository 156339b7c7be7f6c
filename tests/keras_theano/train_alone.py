"""Trains, saves and loads models where no other engine, and no test framework, is installed.

Run by `tools/support_matrix.py` in its environment "bare", where keras_theano is installed from its wheel.
"""

import importlib.metadata
import importlib.util
import sys
import tempfile
from pathlib import Path

import keras_theano

import keras  # isort: skip
import numpy as np
from keras import layers

OTHERS = ("tensorflow", "jax", "torch")


def learns(name, model, x, y, epochs):
    """Train a model and compare the loss before and after, here and in a copy loaded from disk."""
    model.compile(keras.optimizers.Adam(0.02), "mse")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)
    after = model.evaluate(x, y, verbose=0)
    print(f"{name}: loss {before:.4f} before, {after:.4f} after {epochs} epochs")
    assert after < before / 4, (before, after)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6
    )


def main():
    """Raise AssertionError if anything goes wrong, or if another engine is there at all."""
    installed = [name for name in OTHERS if importlib.util.find_spec(name)]
    assert not installed, f"{installed} are installed here: nothing would be shown"
    assert keras.backend.backend() == "theano"
    engine = importlib.metadata.distribution("keras-theano")
    found = Path(keras_theano.__file__)
    assert found.samefile(engine.locate_file("keras_theano/__init__.py")), (
        f"{found} is not its file"
    )
    print(f"keras-theano {engine.version}, from {engine.locate_file('')}")
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)

    x = np.linspace(-1, 1, 256, dtype="float32")[:, None]
    dense = [layers.Dense(32, "relu"), layers.Dense(1)]
    learns("dense", keras.Sequential([keras.Input((1,)), *dense]), x, x**2, 30)

    images = rng.normal(size=(128, 8, 8, 1)).astype("float32")
    brightest = images.max(axis=(1, 2))
    conv = [layers.Conv2D(8, 3, activation="relu"), layers.BatchNormalization()]
    conv += [layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.1), layers.Dense(1)]
    learns("convolutions", keras.Sequential([keras.Input((8, 8, 1)), *conv]), images, brightest, 15)

    steps = rng.integers(0, 4, size=(128, 6))
    recurrent = [layers.Embedding(4, 4), layers.LSTM(8), layers.Dense(1)]
    model = keras.Sequential([keras.Input((6,), dtype="int32"), *recurrent])
    learns("LSTM", model, steps, steps[:, -1:].astype("float32"), 15)

    loaded = [name for name in OTHERS if name in sys.modules]
    assert not loaded, loaded


if __name__ == "__main__":
    main()
