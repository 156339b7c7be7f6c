"""Array implementations for element-wise ops that PyTensor's interpreter runs one number at a time.

PyTensor's `Elemwise` calls a NumPy function where its scalar op names one, and `np.frompyfunc`
elsewhere: a Python call for each element, some hundred times slower. Among the latter are the
casts, and sums and products of more than two terms, which PyTensor's rewrites make.
"""

import functools

import numpy as np
import pytensor.scalar as ps
from pytensor.scalar.basic import Add, Cast, Clip, Identity, Mul, RoundHalfAwayFromZero, Second
from pytensor.scalar.math import Log1mexp, Softplus, TriGamma
from pytensor.tensor.elemwise import Elemwise
from scipy.special import polygamma


def _second(x, y):
    return np.array(np.broadcast_to(y, np.broadcast_shapes(np.shape(x), np.shape(y))))


def _round_half_away(x):
    return np.trunc(x + np.copysign(0.5, x).astype(x.dtype))


def _softplus(x):
    return np.logaddexp(x.dtype.type(0), x)


def _log1mexp(x):
    # Maechler's rule: each form is exact on its side of -log(2).
    return np.where(x < -np.log(2.0), np.log1p(-np.exp(x)), np.log(-np.expm1(x))).astype(x.dtype)


def _trigamma(x):
    return polygamma(1, x)


def _fold(function):
    def fold(*arrays):
        return functools.reduce(function, arrays)

    return fold


_FIXED = {
    Clip: np.clip,
    Identity: np.copy,
    Log1mexp: _log1mexp,
    RoundHalfAwayFromZero: _round_half_away,
    Second: _second,
    Softplus: _softplus,
    TriGamma: _trigamma,
}
_FOLDED = {
    Add: np.add,
    Mul: np.multiply,
    ps.AND: np.bitwise_and,
    ps.OR: np.bitwise_or,
    ps.XOR: np.bitwise_xor,
    ps.ScalarMaximum: np.maximum,
    ps.ScalarMinimum: np.minimum,
}


class _Function:
    """What `Elemwise.perform` calls in place of a ufunc: it asks for `nout`."""

    nout = 1

    def __init__(self, function):
        self._function = function

    def __call__(self, *arrays):
        return self._function(*arrays)


def array_function(scalar_op, n_inputs):
    """Return a function over arrays for `scalar_op`; None where PyTensor has one or we have not."""
    if isinstance(scalar_op, Cast):
        dtype = scalar_op.o_type.dtype
        return lambda x: np.asarray(x).astype(dtype)
    kind = type(scalar_op)
    if kind in _FIXED:
        return _FIXED[kind]
    if kind in _FOLDED and n_inputs != 2:
        return _fold(_FOLDED[kind])
    return None


def install():
    """Make every `Elemwise` node that PyTensor prepares use these functions. Calls after the first
    change nothing.
    """
    if hasattr(Elemwise.prepare_node, "original"):
        return
    original = Elemwise.prepare_node

    @functools.wraps(original)
    def prepare_node(self, node, storage_map, compute_map, impl):
        original(self, node, storage_map, compute_map, impl)
        if impl != "c":
            function = array_function(self.scalar_op, len(node.inputs))
            if function is not None:
                # `perform` looks at the op's own ufunc first, and then at the node's.
                self.ufunc = None
                node.tag.ufunc = _Function(function)

    prepare_node.original = original
    Elemwise.prepare_node = prepare_node
