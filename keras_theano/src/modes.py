"""How graphs become functions, in each of the modes that `keras_theano.set_mode` has."""

import contextlib
import contextvars
import copy
import sys
import warnings

import numpy as np
import pytensor
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Apply
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.link.vm import Loop, Stack, VMLinker
from pytensor.scan.op import Scan

from keras_theano import setting
from keras_theano.pytensor_ops._threads import steps
from keras_theano.src.fuse_updates import fuse_updates
from keras_theano.src.lock import engine_lock


class _InterpretedScan(Scan):
    """A `Scan` that the VM runs, with BLAS's threads held back."""

    def make_thunk(self, *args, **kwargs):
        return steps()(super().make_thunk(*args, **kwargs))


class InterpretInside(GraphRewriter):
    """Gives inner graphs that name no mode, such as the steps of `pytensor.scan`, the interpreter.

    PyTensor would compile them as its default says, whatever the mode of the graph around them.
    """

    def apply(self, fgraph):
        pairs = []
        # The last first: a node made here reads what is in the graph until that is replaced in turn.
        for node in reversed(fgraph.toposort()):
            if isinstance(node.op, Scan):
                changes = {"mode": node.op.mode or interpreter()}
            elif isinstance(node.op, OpFromGraph) and "mode" not in node.op.kwargs:
                changes = {"kwargs": {**node.op.kwargs, "mode": interpreter()}}
            else:
                continue
            op = copy.copy(node.op.clone())
            vars(op).update(changes, _fn=None)
            if isinstance(op, Scan):
                op.__class__ = _InterpretedScan
            outputs = [variable.clone() for variable in node.outputs]
            Apply(op, node.inputs, outputs)
            pairs += zip(node.outputs, outputs, strict=True)
        fgraph.replace_all_validate(pairs, reason="interpret_inside")


class _NamingLoop(Loop):
    """PyTensor's loop over a function's nodes, but an error tells which node failed.

    The original adds the graph's description to the message instead. NumPy's warnings of inf and
    NaN stay away: they name no layer, and in mixed precision a step with inf is nothing unusual.
    """

    @np.errstate(all="ignore")
    def __call__(self):
        _bring_state_home(self)
        if self.time_thunks:  # profiling
            return super().__call__()
        for storage in self.pre_call_clear:
            storage[0] = None
        clear_after = self.post_thunk_clear or [()] * len(self.thunks)
        node = None
        try:
            for thunk, node, unused in zip(  # noqa: B007 - the error below names the node
                self.thunks, self.nodes, clear_after, strict=True
            ):
                thunk()
                for storage in unused:
                    storage[0] = None
        except Exception as error:
            error.theano_node = node
            raise
        return self.perform_updates()


class _LazyStack(Stack):
    """PyTensor's way to run a graph of which only parts may be computed (`ifelse`)."""

    @np.errstate(all="ignore")
    def __call__(self, *args, **kwargs):
        _bring_state_home(self)
        return super().__call__(*args, **kwargs)


def _bring_state_home(vm):
    """Make what JAX holds of a function's shared variables NumPy arrays: both modes may be used."""
    jax_mode = sys.modules.get("keras_theano.src.jax_mode")
    if jax_mode:
        for variable, cell in zip(vm.fgraph.inputs, vm.input_storage, strict=True):
            cell[0] = jax_mode.as_host_array(cell[0], variable)


class _NamingLinker(VMLinker):
    def make_all(self, *args, **kwargs):
        # The function of an inner graph (of `remat`) is PyTensor 3.3's to link: without this, with
        # C code where there is a compiler, for minutes.
        with pytensor.config.change_flags(cxx=""):
            return super().make_all(*args, **kwargs)

    def make_vm(self, *args, **kwargs):
        vm = super().make_vm(*args, **kwargs)
        vm.__class__ = {Loop: _NamingLoop, Stack: _LazyStack}[type(vm)]
        return vm


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


def interpreter():
    """Return the PyTensor mode that runs graphs as they are, on NumPy and SciPy: at once.

    It looks for no compiler and no BLAS, writes no cache, and is the same in every mode of the
    engine. PyTensor takes it wherever it takes a mode:

        pytensor.config.mode = keras_theano.interpreter()  # from here on, for all functions
        pytensor.function([x], y, mode=keras_theano.interpreter())  # for this one
    """
    include = ["fast_run", "for_the_vm", "keep_marks"]
    rewrites = RewriteDatabaseQuery(include=include, exclude=[*_LEFT_OUT, *_FAULTY])
    return Mode(_NamingLinker(use_cloop=False, c_thunks=False), rewrites)


# PyTensor's rewrites that the VM does without -> why.
_LEFT_OUT = {
    "local_dot22_to_dot22scalar": "A factor of a product costs nothing in the chain that follows it.",
    "inplace_elemwise": "ForTheVM sees to what may be done in place.",
    "c_blas": "Looking for a BLAS to link to makes PyTensor 2.38 warn a learner that there is none.",
    "gemm_optimizer": "A product with a sum in one is two passes in NumPy, and without SharedDot's threads.",
    "local_careduce_fusion": "A sum into which PyTensor 2.38 has fused its argument is right in C alone.",
    "local_gemm_to_gemv": "A product with a row or column made by it cannot do float16, and prints an error.",
    "local_subtensor_merge_slice": "Slices of slices, merged, make the gradient of stacked cells grow "
    "without end.",
}
if "pytensor.sparse" in sys.modules:  # PyTensor 2.38 loads it at once
    # Later versions register the name when they load it, and could not if a mode had named it before.
    _LEFT_OUT["local_usmm"] = "It asks for that BLAS as well; its products are of sparse matrices."
# PyTensor's rewrites that are wrong, in every mode -> how.
_FAULTY = {
    "local_subtensor_of_reduce": "A part of a sum becomes a sum of a part, in a dtype that it forgets.",
    "useless_symmetric_transpose": "Stacks of diagonal matrices count as symmetric along any two axes.",
}


def _numba():
    return pytensor.compile.mode.NUMBA.including("keep_marks").excluding(*_FAULTY)


# Matrix products by NumPy, whose BLAS is there: looking for another to link to takes seconds, and
# pip installs none.
_NO_BLAS = ["BlasOpt", "c_blas", "specialize_matmul_to_batched_dot"]


def _c():
    exclude = [*_NO_BLAS, *_FAULTY]
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
