"""Lesson 08's claims: four ways to write a network, and two engines under one, give the same numbers.

What is tried is the lesson's own code: its cells tagged "same-network" and "two-engines", with
other seeds than the lesson's, in processes of their own since Keras's engine cannot be changed.
"""

import ast
import json
from pathlib import Path

import nbformat
import numpy as np
import pytest

from utils import same_network
from utils.processes import run_programs

LESSONS = Path(__file__).resolve().parents[2] / "lessons"
LESSON = LESSONS / "part2" / "08-keras-moves-to-tensorflow.ipynb"
LESSON_02 = LESSONS / "part1" / "02-how-a-network-learns.ipynb"
WAYS = ["learn_in_tensorflow_1", "learn_in_tensorflow_2", "learn_in_theano", "learn_in_keras"]

FOUR_WAYS = """
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
import json
import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
import tensorflow as tf
from keras.layers import Dense
from utils import same_network
from utils.data import load_digits

tf1 = tf.compat.v1
pytensor.config.floatX, pytensor.config.mode = "float32", "FAST_COMPILE"
CELLS
x, y = load_digits().train
x, y = (x.reshape(-1, 784) / 255).astype("float32"), y.astype("int64")
apart = {}
for seed in [1, 2]:
    batches = list(same_network.batches(x, y, seed=seed))
    runs = [
        learn(same_network.initial_weights(seed=seed), batches, same_network.LEARNING_RATE)
        for learn in [WAYS]
    ]
    losses = [np.abs(np.subtract(run[0], runs[0][0])).max() for run in runs[1:]]
    weights = [np.abs(a - b).max() for run in runs[1:] for a, b in zip(run[1], runs[0][1])]
    apart[seed] = [float(max(losses)), float(max(weights)), float(runs[0][0][-1])]
print(json.dumps(apart))
"""


def tagged(path, tag):
    """The source of a lesson's cells with a tag."""
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if tag in cell.metadata.get("tags", [])]


def two_programs(seed, steps):
    """The lesson's two programs, as it makes them, with another seed and number of steps."""
    namespace = {}
    exec(tagged(LESSON, "two-engines")[0], namespace)
    (learn,) = [cell for cell in tagged(LESSON, "same-network") if "def learn_in_keras" in cell]
    program = namespace["PROGRAM"].replace("STEPS", f"{steps}, seed={seed}")
    program = program.replace("initial_weights()", f"initial_weights(seed={seed})")
    program = program.replace("FUNCTION", learn)
    return {name: f"{choose}\n{program}" for name, choose in namespace["engines"].items()}


def test_lesson_shows_four_ways():
    found = [ast.parse(cell).body[0].name for cell in tagged(LESSON, "same-network")]
    assert found == WAYS


def test_two_of_them_are_those_of_lesson_02():
    """The lesson says "word for word"."""
    assert tagged(LESSON, "same-network")[2:] == tagged(LESSON_02, "same-network")[1:]


def test_four_ways_agree_to_1e_5():
    cells = "\n".join(tagged(LESSON, "same-network"))
    program = FOUR_WAYS.replace("CELLS", cells).replace("WAYS", ", ".join(WAYS))
    apart = json.loads(run_programs({"four ways": program})["four ways"].splitlines()[-1])
    for losses, weights, last in apart.values():
        assert losses < 1e-5 and weights < 1e-5
        assert last < 1.2, "the network does not learn"


@pytest.mark.parametrize("seed", [0, 3])
def test_two_engines_agree_to_1e_5(seed):
    printed = run_programs(two_programs(seed, same_network.STEPS))
    told = {name: json.loads(text.splitlines()[-1]) for name, text in printed.items()}
    assert [told[name][0] for name in ("Theano", "TensorFlow")] == ["theano", "tensorflow"]
    (_, _, losses, weights), (_, _, other_losses, other_weights) = told.values()
    assert len(losses) == same_network.STEPS and losses[-1] < 1.2 < losses[0]
    assert np.abs(np.subtract(losses, other_losses)).max() < 1e-5
    for a, b in zip(weights, other_weights, strict=True):
        assert np.abs(np.subtract(a, b)).max() < 1e-5
