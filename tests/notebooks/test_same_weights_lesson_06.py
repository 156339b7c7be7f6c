"""Lesson 06's claim: by hand, by `scan` and in Keras, the same weights give the same numbers.

What is tried is the lesson's own code, its cells tagged "same-network", with several seeds, in a process
of its own since Keras's engine cannot be changed.
"""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
LESSON = ROOT / "lessons" / "part1" / "06-recurrent.ipynb"

HEAD = """
import json
import keras_theano
import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
from keras import layers
from scipy.special import softmax
"""
TAIL = """
found = []
for seed in range(5):
    codes = np.random.default_rng(seed).integers(80, size=(30, 16, 33))
    codes[:, :, 1::2] = codes[:, :, ::2][:, :, :16] // 2  # something to learn
    batches = [(batch[:, :-1], batch[:, 1:]) for batch in codes]
    runs = [way(random_weights(seed), batches) for way in (by_numpy, by_theano, by_keras)]
    apart = [np.abs(np.subtract(losses, runs[0][0])).max() for losses, _ in runs[1:]]
    apart += [
        np.abs(a - b).max() for _, weights in runs[1:] for a, b in zip(weights, runs[0][1])
    ]
    found.append({"losses": [float(loss) for loss in runs[0][0]], "apart": float(max(apart))})
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def trained():
    cells = nbformat.read(LESSON, as_version=4).cells
    own = [c.source for c in cells if "same-network" in c.metadata.get("tags", [])]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([HEAD, *own, TAIL])],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_losses_and_weights_agree_to_1e_5(trained):
    assert [len(seed["losses"]) for seed in trained] == [30] * 5
    assert all(seed["apart"] < 1e-5 for seed in trained)


def test_the_network_learns(trained):
    for seed in trained:
        assert abs(seed["losses"][0] - np.log(80)) < 0.3, "near ln 80, as one that knows nothing"
        assert seed["losses"][-1] < seed["losses"][0] - 0.1
