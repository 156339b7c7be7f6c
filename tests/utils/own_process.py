"""Tests that need a Python of their own, in which an engine of Keras is chosen before it is loaded."""

import os
import subprocess
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parents[2]


def assert_tests_pass(path, **variables):
    """Run the tests of a file in a new process with these environment variables (None: without)."""
    paths = [str(COURSE), os.environ.get("PYTHONPATH", "")]
    variables |= {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    environment = {k: v for k, v in (os.environ | variables).items() if v is not None}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=COURSE,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
