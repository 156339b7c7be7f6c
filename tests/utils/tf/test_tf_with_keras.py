"""What in utils/tf uses Keras works on Keras on TensorFlow: each file in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
COURSE = HERE.parents[2]


@pytest.mark.parametrize("tests", sorted(path.name for path in HERE.glob("with_keras*.py")))
def test_in_its_own_process(tests):
    paths = [str(COURSE), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
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
