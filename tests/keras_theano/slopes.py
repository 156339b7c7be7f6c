"""Gradients of a table of functions, on this engine and, by a process of its own, on TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np


def weights(shape):
    """Different for each element of the result, to tell which one a gradient came from."""
    return np.arange(1, 1 + np.prod(shape), dtype="float32").reshape(shape)


def table(cases):
    """Cases, (name, function, *arguments), as {name: (function, float32 arrays)}."""
    return {name: (f, [np.asarray(arg, "float32") for arg in args]) for name, f, *args in cases}


def on_this_engine(function, arrays):
    """The gradients of all elements of `function(*arrays)`, weighted and added up."""
    import pytensor
    import pytensor.tensor as pt

    from keras_theano.src import modes
    from keras_theano.src.tensor import Tensor, as_symbol

    symbols = [pt.TensorType(array.dtype.name, array.shape)() for array in arrays]
    y = as_symbol(function(*map(Tensor, symbols)))
    cost = (y * weights(y.type.shape)).sum()
    options = {"disconnected_inputs": "ignore", "return_disconnected": "zero"}
    gradients = pytensor.grad(cost, symbols, **options)
    return [np.asarray(g) for g in modes.compile_function(symbols, gradients)(*arrays)]


def _on_tensorflow(function, arrays):
    import tensorflow as tf

    variables = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        y = function(*variables)
        cost = tf.reduce_sum(y * weights(tuple(y.shape)))
    gradients = tape.gradient(cost, variables, unconnected_gradients="zero")
    return [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def write_tensorflows(cases):
    """What the child process does: write the gradients of a table to the file it was given."""
    found = {name: [g.tolist() for g in _on_tensorflow(*case)] for name, case in cases.items()}
    Path(sys.argv[1]).write_text(json.dumps(found))


def tensorflows(file, folder):
    """Run a test file on TensorFlow, where it calls `write_tensorflows`; return its gradients."""
    path = folder / "tensorflow.json"
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, file, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(path.read_text())
