"""How graphs become functions, in each of the modes that `keras_theano.set_mode` has."""

import contextlib
import contextvars
import sys
import warnings

import numpy as np
import pytensor
from pytensor.compile.mode import Mode
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.link.vm import VMLinker

from keras_theano import setting
from keras_theano.pytensor_ops.faulty_rewrites import FAULTY
from keras_theano.pytensor_ops.interpreter import interpreter
from keras_theano.src.fuse_updates import fuse_updates
from keras_theano.src.lock import engine_lock

_for_the_vm = contextvars.ContextVar("for_the_vm", default=False)


@contextlib.contextmanager
def in_vm():
    """While it is active, graphs are compiled for the interpreted VM, whatever mode is set."""
    token = _for_the_vm.set(True)
    try:
        yield
    finally:
        _for_the_vm.reset(token)


def current():
    """Return the name of the mode in use, as `keras_theano.mode`, where its GPU has been tried."""
    if _for_the_vm.get():
        return "vm"
    if setting.mode() == "jax" and setting.is_automatic():
        from keras_theano.src import jax_mode

        if not jax_mode.has_gpu():
            warnings.warn(
                "There is an NVIDIA GPU, but JAX cannot use it, so models run on the processor. "
                "To see why, run `import jax; jax.devices('gpu')`."
            )
            setting.give_up_gpu()
    return setting.mode()


def device():
    """Return what models compute on: "CPU" or "GPU" ("TPU", where JAX finds one).

    All modes but jax compute on the processor; in the mode jax, it is JAX's default device.
    """
    if current() != "jax":
        return "CPU"
    from keras_theano.src import jax_mode

    return jax_mode.device()


def default_mode():
    """The PyTensor mode of the graphs that PyTensor compiles. (In JAX mode these are few.)"""
    return _MODES.get(current(), interpreter)()


def of_a_loop():
    """The mode as an argument of `pytensor.scan`: none from PyTensor 3.3 on, where a loop has the
    mode of the function around it."""
    return {} if hasattr(FunctionGraph, "freeze") else {"mode": default_mode()}


def _numba():
    return pytensor.compile.mode.NUMBA.including("keep_marks").excluding(*FAULTY)


# Matrix products by NumPy, whose BLAS is there: looking for another to link to takes seconds, and
# pip installs none.
_NO_BLAS = ["BlasOpt", "c_blas", "specialize_matmul_to_batched_dot"]


def _c():
    exclude = [*_NO_BLAS, *FAULTY]
    rewrites = RewriteDatabaseQuery(include=["fast_run", "keep_marks"], exclude=exclude)
    return Mode(VMLinker(use_cloop=True), rewrites)


_MODES = {"vm": interpreter, "numba": _numba, "c": _c}


def compile_function(inputs, outputs, updates=()):
    """Compile a graph in the mode that is set.

    Args:
        inputs: PyTensor variables that the function takes as arrays.
        outputs: PyTensor variables it returns.
        updates: Pairs (shared variable, new value).

    Returns:
        A function of arrays that returns a list of arrays (in JAX mode, JAX's).
    """
    if current() == "jax":
        from keras_theano.src.jax_mode import JaxFunction

        return JaxFunction(inputs, outputs, updates)
    return _pytensor_function(inputs, outputs, fuse_updates(updates), default_mode())


def compile_for_vm(inputs, outputs):
    """Make a graph a function that the VM runs, whatever mode is set: for eager calls."""
    return _pytensor_function(inputs, outputs, (), interpreter())


@np.errstate(all="ignore")  # PyTensor computes what is constant, such as 0 / 0, on the way
def _pytensor_function(inputs, outputs, updates, mode):
    return pytensor.function(
        inputs,
        outputs,
        updates=updates,
        mode=mode,
        on_unused_input="ignore",
        accept_inplace=True,
    )


def lend(variable):
    """Return the value of a shared variable as a NumPy array, to be read only.

    It may be the variable's very memory, but stays as it is: `take_back` sees to that.
    """
    with engine_lock:
        variable.lent = True
        jax_mode = sys.modules.get("keras_theano.src.jax_mode")
        return jax_mode.host_value(variable) if jax_mode else variable.get_value(borrow=True)


def take_back(variable):
    """Give a shared variable that is about to be written to other memory than it has lent."""
    if getattr(variable, "lent", False):
        variable.lent = False
        storage = variable.container.storage
        if isinstance(storage[0], np.ndarray):
            storage[0] = storage[0].copy()
