"""Element-wise functions that are infinitely steep somewhere, such as the square root at 0.

PyTensor multiplies the gradient of a result by the function's slope, so that an element which
nothing was made of (one that was not taken, or was masked) gets 0 times infinity, NaN. Here it gets
0. Being equal to PyTensor's, these functions are rewritten, fused and compiled as PyTensor's are.
"""

import copy
import functools

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, NullType
from pytensor.graph.op import Op
from pytensor.scalar import basic as scalar
from pytensor.tensor.elemwise import Elemwise

from keras_theano.pytensor_ops import array

_PULLBACK = "pullback" if hasattr(Op, "pullback") else "L_op"  # see `_base.Differentiable`


def _kept_zero(pullback, flat_at_zero, inputs, outputs, output_grads):
    """What `pullback` returns, but 0 for NaN where the result's gradient is 0.

    For NaN only: where the slope is finite, a second gradient goes through the product.
    """
    (dy,) = output_grads
    gradients = pullback(inputs, outputs, output_grads)
    if isinstance(dy.type, (DisconnectedType, NullType)):
        return gradients
    kept = []
    for dx in gradients:
        if not isinstance(dx.type, (DisconnectedType, NullType)):
            dx = _unless_nan_where_zero(dy, dx)
            if flat_at_zero:
                dx = scalar.switch(scalar.eq(inputs[0], 0), np.asarray(0, dx.type.dtype), dx)
        kept.append(dx)
    return kept


def _unless_nan_where_zero(factor, product):
    """The product, but 0 where it is NaN and the factor is 0."""
    spoilt = scalar.and_(scalar.eq(factor, 0), scalar.isnan(product))
    return scalar.switch(spoilt, np.asarray(0, product.type.dtype), product)


def _steep(function, pullback=None, flat_at_zero=False):
    """The element-wise `function` with another gradient.

    Args:
        function: PyTensor's function of tensors.
        pullback: Its gradient, as an Op's; by default PyTensor's.
        flat_at_zero: Whether the slope is 0 where the first argument is 0.
    """
    op = copy.copy(function.scalar_op)
    pullback = pullback or getattr(op, _PULLBACK)
    setattr(op, _PULLBACK, functools.partial(_kept_zero, pullback, flat_at_zero))
    return Elemwise(op, name=function.name, nfunc_spec=function.nfunc_spec)


def _power_pullback(inputs, outputs, output_grads):
    """As on TensorFlow, the exponent of a base that is not positive has the slope 0."""
    (x, y), (z,), (dz,) = inputs, outputs, output_grads
    base = _unless_nan_where_zero(y, dz * y * x ** (y - 1))
    exponent = dz * z * scalar.log(scalar.switch(x > 0, x, scalar.second(x, 1)))
    return [base, exponent]


sqrt = _steep(pt.sqrt)
cbrt = _steep(array.cbrt)
reciprocal = _steep(pt.reciprocal)
true_div = _steep(pt.true_div)
power = _steep(pt.pow, _power_pullback)
log, log2, log10, log1p = (_steep(f) for f in (pt.log, pt.log2, pt.log10, pt.log1p))
arcsin, arccos = _steep(pt.arcsin), _steep(pt.arccos)
arccosh, arctanh = _steep(pt.arccosh), _steep(pt.arctanh)
arctan2 = _steep(pt.arctan2)
mod = _steep(pt.mod)
erfinv = _steep(pt.erfinv)

# For lengths and deviations: at 0, where those have a kink, their slope is 0.
root = _steep(pt.sqrt, flat_at_zero=True)
root_of_any_order = _steep(pt.pow, _power_pullback, flat_at_zero=True)
