"""Tests of the engine: Keras runs on it, and JAX, where the test folder has it, checks values."""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "theano"

import keras_theano  # before Keras, whose choice of engine it extends
from keras_theano import setting

# isort: split
import pytensor
import pytest

# A rewriting that fails is an error here; PyTensor would print it and go on with slower nodes.
pytensor.config.on_opt_error = "raise"

_TESTDEPS = Path(__file__).resolve().parents[2] / ".testdeps"


def _made_for_this_python():
    try:
        stamp = json.loads((_TESTDEPS / "thinking-in-keras.json").read_text())
    except FileNotFoundError:
        return False
    return stamp["python"] == "{}.{}".format(*sys.version_info)


if _made_for_this_python() and str(_TESTDEPS) not in sys.path:
    sys.path.append(str(_TESTDEPS))


@pytest.fixture(params=["vm", pytest.param("jax", marks=pytest.mark.slow)])
def mode(request):
    """Both modes that most people use, one after the other."""
    if request.param == "jax":
        pytest.importorskip("jax", reason="JAX is in .testdeps")
    keras_theano.set_mode(request.param)
    yield request.param
    keras_theano.set_mode("vm")
    setting._chosen = None
