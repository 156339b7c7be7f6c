"""Lesson 02 at full size takes the whole public set: tried on its own cells, with a small server in place of the publisher's.

The server's set has the form of the real one and a few of the pack's digits, so its accuracies are
outside the bands of the full size: that those count is tried too.
"""

import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import numpy as np
import pytest

from utils.data import load_digits

ROOT = Path(__file__).resolve().parents[2]
LESSON = ROOT / "lessons" / "part1" / "02-how-a-network-learns.ipynb"

# The test's own server in place of the publisher's address and checksum.
HEAD = """
import sys
from utils.data import full_size
full_size._KERAS_DATASETS, full_size._MNIST = sys.argv[1], {"mnist.npz": sys.argv[2]}
"""
DIGITS = "print('DIGITS', x_train.shape, x_val.shape, x_test.shape)"
BEGINNING = "import keras_theano", "digits = load_digits("
TRAINING = "def fit_logistic(", "def network(", "mlp.fit(x_all", '"MLP", mlp_test'


def cells(*parts):
    """The sources of lesson 02's cells that have these parts, in the lesson's order."""
    sources = [c.source for c in nbformat.read(LESSON, as_version=4).cells if c.cell_type == "code"]
    found = [source for source in sources if any(part in source for part in parts)]
    assert len(found) == len(parts)
    return found


@pytest.fixture
def server(tmp_path):
    """A server of `mnist.npz` with 60 + 20 digits; attributes `url`, `sha256` and `asked`, a list of paths."""
    folder = tmp_path / "published"
    folder.mkdir()
    (x, y), (x_test, y_test) = load_digits(full=False).train, load_digits(full=False).test
    file = folder / "mnist.npz"
    np.savez(file, x_train=x[:60], y_train=np.uint8(y[:60]), x_test=x_test[:20], y_test=y_test[:20])

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *args):
            server.asked.append(self.path)

        def log_message(self, *args):
            pass

    place = ("127.0.0.1", 0)
    with http.server.ThreadingHTTPServer(
        place, functools.partial(Handler, directory=folder)
    ) as server:
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        server.sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def run(sources, server, tmp_path, url=None, **variables):
    """Run cells of the lesson in a Python of their own, one after the other; the ended process."""
    kept = {k: v for k, v in os.environ.items() if k != "THINKING_IN_KERAS_FULL"}
    return subprocess.run(
        [sys.executable, "-c", "\n".join([HEAD, *sources]), url or server.url, server.sha256],
        cwd=ROOT,
        env={**kept, "THINKING_IN_KERAS_CACHE": str(tmp_path / "cache"), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_at_full_size_the_lesson_trains_on_the_published_set_and_is_held_to_its_bands(
    server, tmp_path
):
    *most, checkpoints = cells(*BEGINNING, *TRAINING)
    sources = [*most, DIGITS, checkpoints]
    done = run(["my_guess = ...", *sources], server, tmp_path, THINKING_IN_KERAS_FULL="1")
    assert "Full size: the full public data sets" in done.stdout, done.stderr[-2000:]
    assert "DIGITS (48, 784) (12, 784) (20, 784)" in done.stdout, done.stderr[-2000:]
    assert server.asked == ["/mnist.npz"]
    last = done.stderr.strip().splitlines()[-1]
    assert "CheckpointError" in last and "linear classifier, test accuracy" in last
    assert "(expected 0.915 to 0.93)" in last

    again = run([*cells(*BEGINNING), DIGITS], server, tmp_path, THINKING_IN_KERAS_FULL="1")
    assert "DIGITS (48, 784)" in again.stdout and server.asked == ["/mnist.npz"]  # from the cache


def test_without_the_setting_nothing_is_asked_of_the_network(server, tmp_path):
    done = run([*cells(*BEGINNING), DIGITS], server, tmp_path)
    assert "DIGITS (3200, 784) (800, 784) (1000, 784)" in done.stdout, done.stderr[-2000:]
    assert "Full size" not in done.stdout and server.asked == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/moved", ["Could not download", "404"]),
        ("", ["is not the file this course was made with"]),
    ],
)
def test_a_download_that_fails_says_what_to_do(server, tmp_path, path, words):
    if not path:
        server.sha256 = "0" * 64
    url = server.url + path
    done = run(cells(*BEGINNING), server, tmp_path, url, THINKING_IN_KERAS_FULL="1")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("utils.data.packs.DataError")
    for word in (*words, "THINKING_IN_KERAS_FULL, the lesson uses the data in the checkout"):
        assert word in last, last
