"""The interpreted VM: a PyTensor mode that runs graphs as they are, on NumPy and SciPy.

Our engine runs models on it; on Keras's other engines, graphs that are written in PyTensor itself.
"""

import copy
import functools
import sys

import numpy as np
import pytensor
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.mode import Mode, optdb
from pytensor.graph.basic import Apply
from pytensor.graph.rewriting.basic import GraphRewriter, dfs_rewriter
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.link.vm import Loop, Stack, VMLinker
from pytensor.scan.op import Scan
from pytensor.scan.rewriting import scan_seqopt1  # a module in PyTensor 2

from keras_theano.pytensor_ops import elementwise, faulty_rewrites, push_out, shape_inference
from keras_theano.pytensor_ops._threads import steps
from keras_theano.pytensor_ops.vm_ops import ForTheVM


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


def interpreter():
    """Return the PyTensor mode that runs graphs as they are, on NumPy and SciPy: at once.

    It looks for no compiler and no BLAS, writes no cache, and is the same in every mode of the
    engine. PyTensor takes it wherever it takes a mode:

        pytensor.config.mode = keras_theano.interpreter()  # from here on, for all functions
        pytensor.function([x], y, mode=keras_theano.interpreter())  # for this one
    """
    include = ["fast_run", "for_the_vm", "keep_marks"]
    rewrites = RewriteDatabaseQuery(include=include, exclude=[*_LEFT_OUT, *faulty_rewrites.FAULTY])
    return Mode(_NamingLinker(use_cloop=False, c_thunks=False), rewrites)


@functools.cache
def install():
    """Register what the VM's rewriting needs. Calls after the first change nothing."""
    # Casts and long sums would otherwise run one number at a time.
    elementwise.install()
    # Compiling recurrent layers would otherwise take most of a minute.
    shape_inference.install()
    # Algebra that holds for integers alone is kept from floats.
    faulty_rewrites.install()
    # A loop's steps do nothing twice, and matrix products leave them.
    pushers = {
        push_out.merge_within_steps: 0.5,
        push_out.push_out_products_of_sequences: 3.1,
        push_out.push_out_products_of_results: 3.2,
        push_out.push_out_sums_of_products: 4.1,  # what PyTensor takes out of the loop comes first
    }
    for rewriter, position in pushers.items():
        one_pass = dfs_rewriter(rewriter, ignore_newtrees=True)
        scan_seqopt1.register(rewriter.__name__, one_pass, "for_the_vm", position=position)
    # Last of all, the element-wise chains that PyTensor has fused and the matrix products become
    # ops that the VM runs well: PyTensor's own would run element by element in Python.
    optdb.register("ForTheVM", ForTheVM(), "for_the_vm", position=1000)
    # The steps of loops run on the VM as the graph around them does.
    optdb.register("InterpretInside", InterpretInside(), "for_the_vm", position=1001)
