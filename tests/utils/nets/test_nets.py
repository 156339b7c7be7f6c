"""utils/nets works on both engines. An engine is chosen once per process, so each has its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.utils.own_process import COURSE, assert_tests_pass

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize("engine", ["theano", "tensorflow"])
@pytest.mark.parametrize("tests", sorted(path.name for path in HERE.glob("either_engine*.py")))
def test_on(engine, tests):
    assert_tests_pass(HERE / tests, KERAS_BACKEND=None, COURSE_ENGINE=engine)


def test_any_size_on_jax():
    pytest.importorskip("jax")
    program = (
        "import numpy as np\n"
        "from utils.nets import squeezenet\n"
        "body = squeezenet(include_top=False, input_shape=(None, None, 3))\n"
        "print(body.predict(np.zeros((1, 64, 96, 3)), verbose=0).shape)\n"
    )
    paths = [str(COURSE), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert done.stdout.strip() == "(1, 3, 5, 512)", done.stdout + done.stderr[-2000:]
