"""What NumPy and SciPy compute, on whole arrays, for PyTensor's scalar ops: the one place that says it.

PyTensor's `Elemwise` calls a NumPy function where its scalar op names one, and `np.frompyfunc`
elsewhere: a Python call for each element, some hundred times slower. Among the latter are the
casts, and sums and products of more than two terms, which PyTensor's rewrites make.
"""

import functools
import importlib

import numpy as np
import pytensor.scalar as ps
from pytensor.scalar.math import Log1mexp, Softplus, TriGamma
from pytensor.tensor.elemwise import Elemwise
from scipy.special import polygamma

# --- Functions (inputs, out), of which `out` may share its memory with any input ------------------


def _copy(inputs, out):
    np.copyto(out, inputs[0], casting="unsafe")


def _second(inputs, out):
    np.copyto(out, inputs[1], casting="unsafe")


def _switch(inputs, out):
    np.copyto(out, np.where(*inputs), casting="unsafe")


def _clip(inputs, out):
    x, low, high = inputs
    np.copyto(out, np.minimum(np.maximum(x, low), high), casting="unsafe")


def _softplus(inputs, out):
    np.logaddexp(0, inputs[0], out=out, casting="unsafe")


def _log1mexp(inputs, out):
    (x,) = inputs
    # Maechler's rule: each form is exact on its side of -log(2).
    value = np.where(x < -np.log(2.0), np.log1p(-np.exp(x)), np.log(-np.expm1(x)))
    np.copyto(out, value, casting="unsafe")


def _round_half_away(inputs, out):
    (x,) = inputs
    np.trunc(x + np.copysign(0.5, x).astype(x.dtype), out=out, casting="unsafe")


def _trigamma(inputs, out):
    np.copyto(out, polygamma(1, inputs[0]), casting="unsafe")


_OWN = {
    ps.Cast: _copy,
    ps.Clip: _clip,
    ps.Identity: _copy,
    Log1mexp: _log1mexp,
    ps.RoundHalfAwayFromZero: _round_half_away,
    ps.Second: _second,
    Softplus: _softplus,
    ps.Switch: _switch,
    TriGamma: _trigamma,
}


def array_function(op, node):
    """Return a function (inputs, out) that computes a scalar op on arrays, into `out`.

    Args:
        op: The scalar op.
        node: The node (scalar or `Elemwise`) that has the dtypes of inputs and output.
    """
    if type(op) in _OWN:
        return _OWN[type(op)]
    dtype = node.outputs[0].type.dtype
    ufunc = _ufunc(op)
    if ufunc is None or ufunc.nout != 1:
        loop = np.frompyfunc(op.impl, len(node.inputs), 1)  # one element at a time
        return lambda inputs, out: np.copyto(out, loop(*inputs), casting="unsafe")
    options = {"casting": "unsafe"}
    if dtype.startswith("float") and all(i.type.dtype[0] in "iub" for i in node.inputs):
        options["dtype"] = dtype  # else NumPy would compute int8 in float16
    if ufunc.nin == len(node.inputs):
        return lambda inputs, out: ufunc(*inputs, out=out, **options)

    if len(node.inputs) == 1:  # a sum of one term, as rewriting makes it
        return _copy

    def fold(inputs, out):
        ufunc(inputs[0], inputs[1], out=out, **options)
        for x in inputs[2:]:
            ufunc(out, x, out=out, **options)

    return fold


def _ufunc(op):
    """Return the NumPy or SciPy ufunc that a scalar op names, or None."""
    specification = getattr(op, "nfunc_spec", None)
    if not specification:
        return None
    module, _, name = specification[0].rpartition(".")
    found = getattr(importlib.import_module(module) if module else np, name, None)
    return found if isinstance(found, np.ufunc) else None


# --- For PyTensor's own Elemwise ------------------------------------------------------------------


class _Function:
    """What `Elemwise.perform` calls in place of a ufunc: it asks for `nout`."""

    nout = 1

    def __init__(self, function, dtype):
        self._function, self._dtype = function, dtype

    def __call__(self, *arrays):
        out = np.empty(np.broadcast_shapes(*map(np.shape, arrays)), self._dtype)
        self._function(arrays, out)
        return out


def install():
    """Make every `Elemwise` node that PyTensor prepares use these functions where it has none.

    Calls after the first change nothing.
    """
    if hasattr(Elemwise.prepare_node, "original"):
        return
    original = Elemwise.prepare_node

    @functools.wraps(original)
    def prepare_node(self, node, storage_map, compute_map, impl):
        original(self, node, storage_map, compute_map, impl)
        if impl != "c" and _is_slow(self.scalar_op, len(node.inputs)):
            # `perform` looks at the op's own ufunc first, and then at the node's.
            self.ufunc = None
            function = array_function(self.scalar_op, node)
            node.tag.ufunc = _Function(function, node.outputs[0].type.dtype)

    prepare_node.original = original
    Elemwise.prepare_node = prepare_node


def _is_slow(op, n_inputs):
    """Whether PyTensor would call Python for each element, and NumPy can do without."""
    if not getattr(op, "nfunc_spec", None):
        return type(op) in _OWN
    ufunc = _ufunc(op)
    return ufunc is not None and ufunc.nin == 2 and n_inputs != 2
