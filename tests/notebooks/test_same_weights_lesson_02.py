"""Lesson 02's claim: by hand, in Theano and in Keras, the same weights give the same numbers.

What is tried is the lesson's own code: its cells tagged "same-network" and the notes' solution of
exercise 2.7, with several seeds, in a process of its own since Keras's engine cannot be changed.
"""

import ast
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

from utils import same_network

ROOT = Path(__file__).resolve().parents[2]
LESSON = ROOT / "lessons" / "part1" / "02-how-a-network-learns.ipynb"
NOTES = ROOT / "lessons" / "solutions" / "lesson_02.md"

HEAD = """
import json
import keras_theano
import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
from keras.layers import Dense
from utils import same_network
from utils.data import load_digits

pytensor.config.mode = "FAST_COMPILE"
"""
TAIL = """
x, y = load_digits().train
x = (x.reshape(-1, 784) / 255).astype("float32")
found = []
for seed in range(2):
    batches = list(same_network.batches(x, y, seed=seed))
    runs = [
        learn(same_network.initial_weights(seed=seed), batches, same_network.LEARNING_RATE)
        for learn in (learn_by_hand, learn_in_theano, learn_in_keras)
    ]
    apart = [np.abs(np.subtract(losses, runs[0][0])).max() for losses, _ in runs[1:]]
    apart += [
        np.abs(a - b).max() for _, weights in runs[1:] for a, b in zip(weights, runs[0][1])
    ]
    found.append({"losses": [float(loss) for loss in runs[0][0]], "apart": float(max(apart))})
weights = same_network.initial_weights()
model = keras.Sequential([keras.Input((784,)), Dense(100, "relu"), Dense(10, "softmax")])
model.set_weights([weight for pair in weights for weight in pair])
model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
expected = []
for batch in batches:
    model.reset_metrics()
    expected.append(model.train_on_batch(*batch))
losses, _ = learn_with_momentum(weights, batches, 0.01)
momentum = float(np.abs(np.subtract(losses, expected)).max())
print(json.dumps({"seeds": found, "momentum": momentum}))
"""


def lesson_cells():
    """The source of the three ways to train, as they stand in the lesson."""
    cells = nbformat.read(LESSON, as_version=4).cells
    return [c.source for c in cells if "same-network" in c.metadata.get("tags", [])]


@pytest.fixture(scope="module")
def trained():
    momentum = re.search(
        r"```python\n(def learn_with_momentum.*?)```", NOTES.read_text("utf-8"), re.S
    )
    program = "\n".join([HEAD, *lesson_cells(), momentum[1], TAIL])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_lesson_shows_three_ways():
    names = [ast.parse(cell).body[0].name for cell in lesson_cells()]
    assert names == ["learn_by_hand", "learn_in_theano", "learn_in_keras"]


def test_losses_and_weights_agree_to_1e_5(trained):
    for seed in trained["seeds"]:
        assert len(seed["losses"]) == same_network.STEPS
        assert seed["apart"] < 1e-5


def test_the_network_learns(trained):
    for seed in trained["seeds"]:
        assert 2.1 < seed["losses"][0] < 2.6, "near ln 10, as of a network that knows nothing"
        assert np.mean(seed["losses"][-5:]) < 1.0


def test_momentum_of_the_notes_is_that_of_keras(trained):
    assert trained["momentum"] < 1e-5


# ---------------------------------------------------------------- utils.same_network


def test_weights_and_batches_are_the_same_everywhere():
    """Also printed by Python 3.8 with NumPy 1.21: what the classic environment trains from."""
    digest = hashlib.sha256()
    for kernel, bias in same_network.initial_weights():
        digest.update(kernel.tobytes() + bias.tobytes())
    numbers = np.arange(130)
    for x, _ in same_network.batches(numbers, numbers, steps=5):
        digest.update(x.astype("int64").tobytes())
    assert digest.hexdigest()[:16] == "70ebbad09a099677"


def test_initial_weights_are_glorots():
    (kernel, bias), (last, _) = same_network.initial_weights((300, 200, 10), seed=4)
    assert kernel.shape == (300, 200) and bias.shape == (200,) and last.shape == (200, 10)
    assert kernel.dtype == bias.dtype == "float32"
    assert not bias.any()
    limit = np.sqrt(6 / 500)
    assert abs(kernel).max() <= limit and abs(kernel).max() > 0.99 * limit
    assert not np.array_equal(kernel, same_network.initial_weights((300, 200, 10), seed=5)[0][0])


def test_batches_are_shuffled_epochs():
    x = np.arange(10)
    drawn = list(same_network.batches(x, -x, size=3, steps=7, seed=1))
    assert all(len(a) == 3 and (a == -b).all() for a, b in drawn)
    first, second = (np.concatenate([a for a, _ in drawn[n : n + 3]]) for n in (0, 3))
    assert len(set(first)) == len(set(second)) == 9, "each example once an epoch"
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: same_network.initial_weights((3,)), "at least an input and an output"),
        (lambda: same_network.initial_weights((3, 0)), "at least an input and an output"),
        (lambda: next(same_network.batches([1], [1, 2], 1)), "1 rows and y 2"),
        (lambda: next(same_network.batches(np.arange(3), np.arange(3), 4)), "4 from 3"),
        (lambda: next(same_network.batches(np.arange(3), np.arange(3), 0)), "0 from 3"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


# ---------------------------------------------------------------- the table of idioms


def test_todays_idioms_exist():
    """Every dotted name in the right column of the table old -> today is there."""
    import pytensor.printing
    import pytensor.tensor.special  # makes pt.special

    cells = nbformat.read(LESSON, as_version=4).cells
    text = next(c.source for c in cells if "| 2017 | today |" in c.source)
    rows = [row.split("|")[2] for row in text.splitlines() if row.startswith("| `")]
    names = re.findall(r"\b(?:pytensor|pt)(?:\.\w+)+", " ".join(rows))
    assert len(names) >= 12
    for name in names:
        first, *rest = name.split(".")
        value = {"pytensor": pytensor, "pt": pytensor.tensor}[first]
        for part in rest:
            value = getattr(value, part)
