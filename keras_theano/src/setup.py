"""All that this engine changes in PyTensor, Keras and the process, in one place: `install`.

What it changes in Keras's modules as they load is in `keras_theano.hook`, of which each table has a
line a change. Five modules let go of locks and threads in a forked process (`register_at_fork`);
nothing else in `keras_theano` acts on import.
"""

import functools

import pytensor
from keras.src.backend import config
from keras.src.backend.common import dtypes
from pytensor.compile.mode import optdb
from pytensor.tensor import _as_tensor_variable

from keras_theano.pytensor_ops import interpreter
from keras_theano.src import memory
from keras_theano.src.layer_marks import KeepMarks
from keras_theano.src.operators import add_operators
from keras_theano.src.tensor import Tensor

_keras_set_floatx = config.set_floatx


@functools.cache
def install():
    """Make the changes, when the engine's modules have loaded. Calls after the first change nothing."""
    # Python's operators, in terms of `keras.ops`.
    add_operators()
    # PyTensor's functions take Keras's tensors.
    _as_tensor_variable.register(Tensor, lambda x, name=None, ndim=None, **kwargs: x.symbol)
    # Keras's floatx is PyTensor's, too, and 64 bits are 64 bits where it asks for them.
    config.set_floatx = set_floatx
    _follow_floatx()
    # PyTensor would note Python's stack at every node it makes, which slows the building of a
    # graph; errors name layers instead (errors.py).
    pytensor.config.traceback__limit = 0
    pytensor.config.traceback__compile_limit = 0
    # What the interpreted VM rewrites in a graph, and PyTensor's ops that it runs.
    interpreter.install()
    # While a graph is rewritten, what replaces a layer's variable belongs to the layer.
    optdb.register("KeepMarks", KeepMarks(), "keep_marks", position=-10)
    # glibc keeps freed arrays at hand, for the whole process.
    memory.keep_freed_memory()


@functools.wraps(_keras_set_floatx)
def set_floatx(value):
    _keras_set_floatx(value)
    _follow_floatx()


def _follow_floatx():
    """Let PyTensor and Keras's promotion of dtypes mean Keras's floatx.

    PyTensor reads Python's floats by a floatX of its own. Keras's promotion makes 32 bits of 64 on
    all engines but TensorFlow; here it does while floatx has no more than 32 itself.
    """
    floatx = config.floatx()
    pytensor.config.floatX = floatx if floatx != "bfloat16" else "float32"
    wide = floatx == "float64"
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64" if wide else "float32"
    dtypes.BIT64_TO_BIT32_DTYPE["complex128"] = "complex128" if wide else "complex64"
