"""utils/nets works on both engines. An engine is chosen once per process, so each has its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
COURSE = HERE.parents[2]


@pytest.mark.parametrize("engine", ["theano", "tensorflow"])
@pytest.mark.parametrize("tests", sorted(path.name for path in HERE.glob("either_engine*.py")))
def test_on(engine, tests):
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    paths = [str(COURSE), os.environ.get("PYTHONPATH", "")]
    environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "COURSE_ENGINE": engine,
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / tests)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=COURSE,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


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
