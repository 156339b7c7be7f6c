"""A small Transformer on real prose: TensorFlow's loss and gradients, and it learns."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Run by both engines after their imports. Lines of different length, padded with zeros: the mask
# travels from the embedding through Keras's own attention and one written in keras.ops.
COMMON = """
import json
import numpy as np
from keras import layers, ops
from utils.data import load_prose

LENGTH, WIDTH = 40, 48

@keras.saving.register_keras_serializable("test")
class AddPositions(layers.Layer):
    supports_masking = True

    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], initializer="random_normal", name="table")

    def call(self, x):
        return x + self.table

class OwnAttention(layers.Layer):
    # One head, causal, blind to padding; only keras.ops.

    supports_masking = True

    def build(self, shape):
        self.query, self.key, self.value = (
            self.add_weight(shape=(shape[-1], shape[-1]), name=name)
            for name in ("query", "key", "value")
        )

    def call(self, x, mask=None):
        scores = ops.einsum("bid,bjd->bij", x @ self.query, x @ self.key) / WIDTH**0.5
        place = ops.arange(ops.shape(x)[1])
        allowed = place[:, None] >= place[None, :]
        if mask is not None:
            allowed = ops.logical_and(allowed, mask[:, None, :])
        weights = ops.softmax(ops.where(allowed, scores, -1e9))
        return ops.matmul(weights, x @ self.value)

def build(letters):
    text = keras.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(letters, WIDTH, mask_zero=True)(text)
    x = AddPositions()(x)
    attended = layers.MultiHeadAttention(4, WIDTH // 4)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(x + attended)
    x = layers.LayerNormalization()(x + OwnAttention()(x))
    hidden = layers.Dense(2 * WIDTH, "gelu")(x)
    x = layers.LayerNormalization()(x + layers.Dense(WIDTH)(hidden))
    return keras.Model(text, layers.Dense(letters)(x))

def batches(count, lines=32):
    prose = load_prose("moby-dick").train[:200_000].lower()
    alphabet = {letter: place for place, letter in enumerate(sorted(set(prose)), start=1)}
    ids = np.array([alphabet[letter] for letter in prose], "int32")
    rng = np.random.default_rng(5)
    starts = rng.integers(0, len(ids) - LENGTH - 1, count * lines)
    windows = ids[starts[:, None] + np.arange(LENGTH + 1)]
    long = rng.integers(LENGTH // 2, LENGTH + 1, count * lines)
    windows = np.where(np.arange(LENGTH + 1) <= long[:, None], windows, 0)
    return windows[:, :-1], windows[:, 1:], len(alphabet) + 1, ids

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
"""

ON_TENSORFLOW = (
    'import os, sys\nos.environ["KERAS_BACKEND"] = "tensorflow"\nimport keras\n'
    + COMMON
    + """
keras.utils.set_random_seed(3)
x, y, letters, _ = batches(1)
model = build(letters)
model.compile(keras.optimizers.SGD(1.0), LOSS)
before = model.get_weights()
logits = model.predict(x, verbose=0)
loss = model.train_on_batch(x, y)
weights = {f"before_{i}": array for i, array in enumerate(before)}
gradients = {f"gradient_{i}": a - b for i, (a, b) in enumerate(zip(before, model.get_weights()))}
np.savez(sys.argv[1], logits=logits, loss=loss, **weights, **gradients)
"""
)

ON_THEANO = (
    "import sys\nimport keras_theano, keras\n"
    + COMMON
    + """
there = np.load(sys.argv[1])
x, y, letters, _ = batches(1)
model = build(letters)
before = [there[f"before_{i}"] for i in range(len(model.weights))]
model.set_weights(before)
model.compile(keras.optimizers.SGD(1.0), LOSS)
logits = model.predict(x, verbose=0)
loss = model.train_on_batch(x, y)
worst = {}
for i, (old, new) in enumerate(zip(before, model.get_weights())):
    gradient = there[f"gradient_{i}"]
    error = np.linalg.norm(old - new - gradient) / max(np.linalg.norm(gradient), 1e-3)
    worst[model.weights[i].path] = float(error)
real = x > 0
print(json.dumps({
    "logits": float(abs(logits - there["logits"])[real].max()),
    "loss": float(loss), "loss there": float(there["loss"]), "worst": worst,
}))
"""
)

LEARNING = (
    "import sys\nimport keras_theano, keras\n"
    + COMMON
    + """
keras.utils.set_random_seed(3)
x, y, letters, ids = batches(300)
model = build(letters)
model.compile(keras.optimizers.Adam(0.003), LOSS)
start = model.evaluate(x[:960], y[:960], verbose=0)
model.fit(x[960:], y[960:], batch_size=32, verbose=0)
end = model.evaluate(x[:960], y[:960], verbose=0)
share = np.bincount(ids)[1:] / len(ids)
entropy = float(-(share[share > 0] * np.log(share[share > 0])).sum())
print(json.dumps({"start": start, "end": end, "letter entropy": entropy, "letters": letters}))
"""
)


def run(code, *arguments):
    """Run `code` in a Python of its own, from the course's folder; return its last line as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout else None


@pytest.mark.slow
def test_loss_and_gradients_are_tensorflows(tmp_path):
    file = tmp_path / "there.npz"
    run(ON_TENSORFLOW, file)
    found = run(ON_THEANO, file)
    assert found["logits"] < 1e-4
    assert abs(found["loss"] - found["loss there"]) < 1e-5 * found["loss there"]
    assert len(found["worst"]) > 20
    too_far = {path: error for path, error in found["worst"].items() if error > 1e-3}
    assert not too_far


@pytest.mark.slow
def test_it_learns_prose():
    found = run(LEARNING)
    assert found["start"] > 0.8 * found["letter entropy"], "nothing is known before training"
    # Who knows only how often each letter occurs cannot get below this entropy.
    assert found["end"] < 0.85 * found["letter entropy"]
