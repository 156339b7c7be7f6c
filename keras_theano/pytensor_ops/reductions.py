"""Extremes and products along axes, with the gradients of this package where elements are equal or
zero (see its docstring).
"""

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.tensor.extra_ops import CumOp
from pytensor.tensor.math import Max as TheanoMax
from pytensor.tensor.math import Prod

from keras_theano.pytensor_ops._base import Differentiable, TensorOp, compute_dtype


class Max(Differentiable, TheanoMax):
    """The largest elements over some axes. Equal ones share the gradient equally.

    PyTensor's own gives each of them all of it.
    """

    def pullback(self, inputs, outputs, output_grads):
        (x,), (y,), (dy,) = inputs, outputs, output_grads
        axes = range(x.type.ndim) if self.axis is None else self.axis
        largest = pt.eq(x, pt.expand_dims(y, axes))
        count = pt.cast(pt.sum(largest, axis=self.axis), compute_dtype(dy.type.dtype).name)
        share = pt.cast(dy / count, dy.type.dtype)
        # Not a product: where the largest is NaN nothing equals it, and the share is infinite.
        return [pt.switch(largest, pt.expand_dims(share, axes), np.asarray(0, dy.type.dtype))]


def max(x, axis=None, keepdims=False):
    """The largest elements of `x` over an axis, a tuple of axes or, by default, all axes."""
    y = Max(axis)(x)
    axes = range(x.type.ndim) if axis is None else axis
    return pt.expand_dims(y, axes) if keepdims else y


def min(x, axis=None, keepdims=False):
    """The smallest elements of a floating-point tensor, as `max`."""
    return -max(-x, axis, keepdims)


def lowest(dtype):
    """What `max` starts from: nothing of this real dtype is smaller."""
    return -np.inf if np.dtype(dtype).kind == "f" else np.iinfo(dtype).min


def highest(dtype):
    """What `min` starts from: nothing of this real dtype is larger."""
    return np.inf if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max


class Product(Differentiable, Prod):
    """The products over some axes.

    PyTensor's own has no second gradient, and JAX has not the function that its first one needs.
    """

    def pullback(self, inputs, outputs, output_grads):
        (x,), (dy,) = inputs, output_grads
        axes = tuple(range(x.type.ndim) if self.axis is None else self.axis)
        order = [axis for axis in range(x.type.ndim) if axis not in axes] + list(axes)
        ordered = x.dimshuffle(order)
        last = x.type.ndim - len(axes)  # of the axes, when those reduced are one
        rows = ordered.reshape((*tuple(ordered.shape)[:last], -1), ndim=last + 1)
        # What a factor is multiplied with is the product of those before it and those after it.
        before = _delayed(CumulativeProduct(last)(rows), last, 1)
        after = _delayed(CumulativeProduct(last)(pt.flip(rows, last)), last, 1)
        rows = before * pt.flip(after, last) * pt.expand_dims(dy, last)
        return [
            rows.reshape(ordered.shape, ndim=x.type.ndim).dimshuffle(np.argsort(order).tolist())
        ]


class CumulativeProduct(Differentiable, CumOp):
    """The products of the first 1, 2, ... elements along an axis.

    PyTensor's own gradient divides by each element, which may be zero.
    """

    def __init__(self, axis):
        super().__init__(axis, "mul")

    def pullback(self, inputs, outputs, output_grads):
        (x,), (y,), (dy,) = inputs, outputs, output_grads
        # y[k] = x[k] y[k - 1], and y[-1] is 1.
        return [_sum_back(x, dy, self.axis) * _delayed(y, self.axis, 1)]


class Recurrence(TensorOp):
    """Solve y[k] = a[k] y[k - 1] + b[k] along an axis, from y[0] = b[0] on; y is shaped like b."""

    __props__ = ("axis",)

    def __init__(self, axis):
        self.axis = axis

    def make_node(self, a, b):
        return Apply(self, [a, b], [b.type()])

    def perform(self, node, inputs, output_storage):
        a, b = (np.moveaxis(x, self.axis, 0) for x in inputs)
        y = np.array(b, compute_dtype(b.dtype))
        for k in range(1, len(y)):
            y[k] += a[k] * y[k - 1]
        y = np.moveaxis(y, 0, self.axis)
        output_storage[0][0] = np.ascontiguousarray(y, node.outputs[0].type.dtype)

    def output_shapes(self, node, shapes):
        return [shapes[1]]

    def pullback(self, inputs, outputs, output_grads):
        db = _sum_back(inputs[0], output_grads[0], self.axis)
        return [db * _delayed(outputs[0], self.axis, 0), db]

    def jax_function(self, node):
        import jax

        def joined(first, second):
            return first[0] * second[0], second[0] * first[1] + second[1]

        return lambda a, b: jax.lax.associative_scan(joined, (a, b), axis=self.axis)[1]


def _sum_back(a, dy, axis):
    """Solve z[k] = dy[k] + a[k + 1] z[k + 1]: what each y[k] of a recurrence adds to the cost."""
    a = _delayed(pt.flip(a, axis), axis, 0)
    return pt.flip(Recurrence(axis)(a, pt.flip(dy, axis)), axis)


def _delayed(x, axis, first):
    """Move the elements of `x` on by one along `axis`, the last one out and `first` in."""
    before = (slice(None),) * axis
    first = pt.full_like(x[(*before, slice(0, 1))], first)
    return pt.join(axis, first, x[(*before, slice(0, -1))])
