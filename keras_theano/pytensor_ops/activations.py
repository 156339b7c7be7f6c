"""Activation functions as single Ops, each with its derivative as another.

Written out in PyTensor's element-wise functions, an activation is up to a dozen nodes forward and
back, and some of those functions (softplus, expm1, log1p, erf) are slow without a C compiler. Here
the value is a few passes of NumPy, and the derivative is worked out from the value where it can be.
The same functions in PyTensor's own terms (`Curve.symbol`) serve for second derivatives and JAX.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from scipy.special import erf

from keras_theano.pytensor_ops._base import (
    TensorOp,
    compute_dtype,
    is_disconnected,
    output_array,
)
from keras_theano.pytensor_ops._threads import split

BLOCK = 1 << 17  # elements: half a megabyte of float32, so that a block stays in the cache


class Curve(NamedTuple):
    """An activation function.

    Attributes:
        value: (x, *params) -> array; the function in NumPy.
        slope: (x, y, *params) -> array; its derivative at x, where it has the value y.
        symbol: (x, *params) -> variable; the function in PyTensor.
    """

    value: Callable
    slope: Callable
    symbol: Callable


class _ElementwiseOp(TensorOp):
    """Props: name, a key of `CURVES`; params, the curve's numbers; and in_place.

    In place, which only the interpreted VM asks for, the last input's memory becomes the output's.
    """

    __props__ = ("name", "params", "in_place")

    def __init__(self, name, *params, in_place=False):
        self.name = name
        self.params = params
        self.curve = CURVES[name]
        self.in_place = in_place
        if in_place:
            self.destroy_map = {0: [self.inputs - 1]}

    def overwriting(self):
        """The same in place."""
        return type(self)(self.name, *self.params, in_place=True)

    def output(self, inputs, outputs):
        """The array to write into."""
        last = inputs[-1]
        if not self.in_place:
            return output_array(outputs[0], last.shape, last.dtype)
        outputs[0][0] = last
        return last

    def __str__(self):
        return f"{type(self).__name__}{{{', '.join(map(str, (self.name, *self.params)))}}}"

    def output_shapes(self, node, input_shapes):
        return [input_shapes[0]]

    def symbolic_value(self, x):
        # PyTensor would round Python's floats to its floatX.
        return self.curve.symbol(x, *(np.asarray(param, x.type.dtype) for param in self.params))


class Activation(_ElementwiseOp):
    """Apply a curve to each element of a floating-point tensor."""

    inputs = 1

    def make_node(self, x):
        x = _float_variable(self.name, x)
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        def value(out, x):
            if self.name == "relu" and out.dtype == x.dtype:
                # A whole array of zeros: with a single one NumPy's maximum takes three times as long.
                np.maximum(x, np.zeros_like(x), out=out)
            else:
                out[...] = self.curve.value(x, *self.params)

        _by_blocks(value, inputs, self.output(inputs, outputs))

    def pullback(self, inputs, outputs, output_grads):
        (x,), (y,), (dy,) = inputs, outputs, output_grads
        # ReLU's slope can be seen from its value: then nothing else needs x, and y can take its place.
        x = y if self.name == "relu" else x
        return [ActivationGradient(self.name, *self.params)(x, y, dy)]

    def symbolic(self, x):
        return pt.cast(self.symbolic_value(x), x.type.dtype)


class ActivationGradient(_ElementwiseOp):
    """Multiply `dy` by the slope of the curve at `x`, where its value is `y`."""

    inputs = 3

    def make_node(self, x, y, dy):
        x = pt.as_tensor_variable(x)
        y, dy = (pt.cast(variable, x.type.dtype) for variable in (y, dy))
        return Apply(self, [x, y, dy], [x.type()])

    def perform(self, node, inputs, outputs):
        def product(out, x, y, dy):
            np.multiply(dy, self.curve.slope(x, y, *self.params), out=out, casting="same_kind")

        _by_blocks(product, inputs, self.output(inputs, outputs))

    def connection_pattern(self, node):
        # y follows from x: its part of the derivative is counted there.
        return [[True], [False], [True]]

    def pullback(self, inputs, outputs, output_grads):
        x, y, dy = inputs
        weight = output_grads[0] * dy
        slope = pytensor.grad(pt.sum(self.symbolic_value(x)), x)
        bend = pytensor.grad(
            pt.sum(slope * weight), x, consider_constant=[weight], disconnected_inputs="ignore"
        )
        return [bend, pytensor.gradient.disconnected_type(), self(x, y, output_grads[0])]

    def symbolic(self, x, y, dy):
        slope = pytensor.grad(pt.sum(self.symbolic_value(x)), x)
        return pt.cast(dy * slope, x.type.dtype)


def _by_blocks(function, arrays, out):
    """Call ``function(block of out, *blocks of arrays)``, the blocks shared out among threads."""
    inner = compute_dtype(out.dtype)
    flat = [np.ascontiguousarray(array).reshape(-1) for array in arrays]
    target = out.reshape(-1) if out.flags.c_contiguous else np.empty(out.size, out.dtype)

    @np.errstate(all="ignore")
    def part(piece):
        for start in range(piece.start, piece.stop, BLOCK):
            block = slice(start, min(start + BLOCK, piece.stop))
            function(target[block], *(array[block].astype(inner, copy=False) for array in flat))

    split(out.size, out.size, part)
    if not out.flags.c_contiguous:
        out[...] = target.reshape(out.shape)


def _float_variable(name, x):
    x = pt.as_tensor_variable(x)
    if not x.type.dtype.startswith("float"):
        raise TypeError(f"{name} works on floating-point tensors, but got dtype {x.type.dtype}.")
    return x


# --- Values and slopes in NumPy ------------------------------------------------------------------
# Written with `out=` where that saves an array: on large layers memory is what these cost.


def _sigmoid(x):
    y = np.negative(x)
    np.exp(y, out=y)
    y += 1
    return np.reciprocal(y, out=y)


def _softplus(x):
    # log1p(e) as log(1 + e) plus what rounding 1 + e lost: NumPy's log1p is ten times slower.
    e = np.abs(x)
    np.negative(e, out=e)
    np.exp(e, out=e)
    total = e + 1
    e -= total - 1
    e /= total
    e += np.log(total, out=total)
    e += np.maximum(x, 0, out=total)
    return e


def _expm1_of_negative(x):
    """exp(min(x, 0)) - 1, through tanh, which keeps small results exact and is fast."""
    t = np.minimum(x, 0)
    t *= 0.5
    np.tanh(t, out=t)
    rest = 1 - t
    t *= 2
    t /= rest
    return t


_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def _elu(x, alpha, scale=1.0):
    y = _expm1_of_negative(x)
    y *= alpha * scale
    y += scale * np.maximum(x, 0)
    return y


def _elu_slope(x, y, alpha):
    return np.where(x > 0, x.dtype.type(1), y + x.dtype.type(alpha))


def _selu(x):
    return _elu(x, _SELU_ALPHA, _SELU_SCALE)


def _selu_slope(x, y):
    # As ELU's, but at 0 the slope is that above.
    scale = x.dtype.type(_SELU_SCALE)
    return np.where(x >= 0, scale, y + x.dtype.type(_SELU_ALPHA * _SELU_SCALE))


def _celu(x, alpha):
    return alpha * _elu(x / alpha, 1.0)


def _celu_slope(x, y, alpha):
    return np.where(x > 0, x.dtype.type(1), y / alpha + x.dtype.type(1))


def _silu(x):
    y = _sigmoid(x)
    y *= x
    return y


def _silu_slope(x, y):
    s = _sigmoid(x)
    return s + y * (1 - s)


_GELU_SCALE = float(np.sqrt(2 / np.pi))


def _gelu_inner(x):
    """tanh(sqrt(2 / pi) (x + 0.044715 x^3))."""
    t = x * x
    t *= 0.044715 * _GELU_SCALE
    t += _GELU_SCALE
    t *= x
    return np.tanh(t, out=t)


def _gelu(x):
    y = _gelu_inner(x)
    y += 1
    y *= x
    y *= 0.5
    return y


def _gelu_slope(x, y):
    t = _gelu_inner(x)
    inner_slope = x * x
    inner_slope *= 3 * 0.044715 * _GELU_SCALE
    inner_slope += _GELU_SCALE
    inner_slope *= 1 - t * t
    inner_slope *= x
    inner_slope += t
    inner_slope += 1
    inner_slope *= 0.5
    return inner_slope


def _gelu_exact(x):
    y = erf(x * float(np.sqrt(0.5)))
    y += 1
    y *= x
    y *= 0.5
    return y


def _gelu_exact_slope(x, y):
    # y / x is the normal distribution's cumulative; erf is by far the slowest part.
    cumulative = np.where(np.abs(x) > 1e-20, y / x, x.dtype.type(0.5))
    density = np.exp(-0.5 * x * x)
    density *= x
    density *= float(1 / np.sqrt(2 * np.pi))
    cumulative += density
    return cumulative


def _squareplus(x, b):
    return 0.5 * (x + np.sqrt(x * x + b))


def _sparse_plus(x):
    half = np.clip(0.5 * (x + 1), 0, 1)
    return np.where(x >= 1, x, half * half)


def _leaky_relu(x, negative_slope):
    y = x * negative_slope
    return (np.maximum if negative_slope <= 1 else np.minimum)(x, y, out=y)


def _hard_sigmoid(x):
    y = x * (1 / 6)
    y += 0.5
    return np.clip(y, 0, 1, out=y)


def _scaled_mask(mask, x, scale):
    return np.multiply(mask, x.dtype.type(scale))


def _gelu_symbol(x):
    return 0.5 * x * (1 + pt.tanh(_GELU_SCALE * (x + 0.044715 * x * x * x)))


def _elu_symbol(x, alpha):
    return pt.switch(x > 0, x, alpha * pt.expm1(pt.minimum(x, 0)))


def _selu_symbol(x):
    return _SELU_SCALE * pt.switch(x >= 0, x, _SELU_ALPHA * pt.expm1(pt.minimum(x, 0)))


def _between_0_and_1(x):
    """`x` clipped, flat at 0 and 1 already: the slope of PyTensor's `clip` there is 1."""
    return pt.switch(x <= 0, pt.zeros_like(x), pt.switch(x >= 1, pt.ones_like(x), x))


def _sparse_plus_symbol(x):
    return pt.switch(x <= -1, pt.zeros_like(x), pt.switch(x >= 1, x, pt.sqr(x + 1) / 4))


CURVES = {
    "relu": Curve(
        lambda x: np.maximum(x, 0),
        lambda x, y: y > 0,
        lambda x: pt.switch(x > 0, x, pt.zeros_like(x)),
    ),
    "relu6": Curve(
        lambda x: np.clip(x, 0, 6),
        lambda x, y: (y > 0) & (y < 6),
        lambda x: pt.switch(x > 0, pt.switch(x < 6, x, 6 * pt.ones_like(x)), pt.zeros_like(x)),
    ),
    "sigmoid": Curve(_sigmoid, lambda x, y: y * (1 - y), pt.sigmoid),
    "tanh": Curve(np.tanh, lambda x, y: 1 - y * y, pt.tanh),
    "tanh_shrink": Curve(
        lambda x: x - np.tanh(x), lambda x, y: np.square(x - y), lambda x: x - pt.tanh(x)
    ),
    "softplus": Curve(_softplus, lambda x, y: _sigmoid(x), pt.softplus),
    "log_sigmoid": Curve(
        lambda x: -_softplus(-x), lambda x, y: _sigmoid(-x), lambda x: -pt.softplus(-x)
    ),
    "softsign": Curve(
        lambda x: x / (1 + np.abs(x)),
        lambda x, y: np.square(1 / (1 + np.abs(x))),
        lambda x: x / (1 + pt.abs(x)),
    ),
    "soft_shrink": Curve(
        lambda x, threshold: x - np.clip(x, -threshold, threshold),
        lambda x, y, threshold: np.abs(x) > threshold,
        lambda x, threshold: x - pt.clip(x, -threshold, threshold),
    ),
    "hard_shrink": Curve(
        lambda x, threshold: x * (np.abs(x) > threshold),
        lambda x, y, threshold: np.abs(x) > threshold,
        lambda x, threshold: pt.switch(pt.abs(x) > threshold, x, pt.zeros_like(x)),
    ),
    "threshold": Curve(
        lambda x, threshold, default: np.where(x > threshold, x, x.dtype.type(default)),
        lambda x, y, threshold, default: x > threshold,
        lambda x, threshold, default: pt.switch(x > threshold, x, default * pt.ones_like(x)),
    ),
    "silu": Curve(_silu, _silu_slope, lambda x: x * pt.sigmoid(x)),
    "squareplus": Curve(
        _squareplus,
        lambda x, y, b: y / (2 * y - x),
        lambda x, b: 0.5 * (x + pt.sqrt(pt.sqr(x) + b)),
    ),
    "sparse_plus": Curve(
        _sparse_plus, lambda x, y: np.clip(0.5 * (x + 1), 0, 1), _sparse_plus_symbol
    ),
    "sparse_sigmoid": Curve(
        lambda x: np.clip(0.5 * (x + 1), 0, 1),
        lambda x, y: _scaled_mask(np.abs(x) < 1, x, 0.5),
        lambda x: _between_0_and_1(0.5 * (x + 1)),
    ),
    "leaky_relu": Curve(
        _leaky_relu,
        lambda x, y, slope: np.where(x > 0, x.dtype.type(1), x.dtype.type(slope)),
        lambda x, slope: pt.switch(x > 0, x, slope * x),
    ),
    "hard_sigmoid": Curve(
        _hard_sigmoid,
        lambda x, y: _scaled_mask(np.abs(x) < 3, x, 1 / 6),
        lambda x: _between_0_and_1(x / 6 + 0.5),
    ),
    "hard_silu": Curve(
        lambda x: x * _hard_sigmoid(x),
        lambda x, y: _hard_sigmoid(x) + x * _scaled_mask(np.abs(x) < 3, x, 1 / 6),
        lambda x: x * _between_0_and_1(x / 6 + 0.5),
    ),
    "hard_tanh": Curve(
        lambda x: np.clip(x, -1, 1), lambda x, y: np.abs(x) <= 1, lambda x: pt.clip(x, -1, 1)
    ),
    "elu": Curve(_elu, _elu_slope, _elu_symbol),
    "selu": Curve(_selu, _selu_slope, _selu_symbol),
    "celu": Curve(_celu, _celu_slope, lambda x, alpha: alpha * _elu_symbol(x / alpha, 1.0)),
    "gelu": Curve(_gelu, _gelu_slope, _gelu_symbol),
    "gelu_exact": Curve(
        _gelu_exact,
        _gelu_exact_slope,
        lambda x: 0.5 * x * (1 + pt.erf(x * float(np.sqrt(0.5)))),
    ),
}


# --- Softmax -------------------------------------------------------------------------------------


class _SoftmaxOp(TensorOp):
    """Attributes: axis, the one that sums to one (None: all), and log, whether to take the log."""

    __props__ = ("axis", "log")

    def __init__(self, axis, log=False):
        self.axis = axis
        self.log = log

    def output_shapes(self, node, input_shapes):
        return [input_shapes[0]]


class Softmax(_SoftmaxOp):
    """Softmax of a floating-point tensor along an axis, or its logarithm."""

    def make_node(self, x):
        x = _float_variable("Softmax", x)
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        x = inputs[0].astype(compute_dtype(inputs[0].dtype), copy=False)
        with np.errstate(all="ignore"):
            y = np.asarray(x - x.max(axis=self.axis, keepdims=True))
            if self.log:
                y -= np.log(np.exp(y).sum(axis=self.axis, keepdims=True))
            else:
                np.exp(y, out=y)
                y /= y.sum(axis=self.axis, keepdims=True)
        outputs[0][0] = y.astype(inputs[0].dtype, copy=False)

    def pullback(self, inputs, outputs, output_grads):
        (dy,) = output_grads
        if is_disconnected(dy):
            return [dy]
        return [SoftmaxGradient(self.axis, self.log)(outputs[0], dy)]

    def jax_function(self, node):
        import jax

        function = jax.nn.log_softmax if self.log else jax.nn.softmax
        return lambda x: function(x, axis=self.axis)


class SoftmaxGradient(_SoftmaxOp):
    """Gradient of `Softmax` from its value `y` and the gradient `dy`."""

    def make_node(self, y, dy):
        y = pt.as_tensor_variable(y)
        return Apply(self, [y, pt.cast(dy, y.type.dtype)], [y.type()])

    def perform(self, node, inputs, outputs):
        dtype = inputs[0].dtype
        y, dy = (array.astype(compute_dtype(dtype), copy=False) for array in inputs)
        with np.errstate(all="ignore"):
            if self.log:
                dx = dy - np.exp(y) * dy.sum(axis=self.axis, keepdims=True)
            else:
                dx = np.asarray(dy * y)
                dx -= y * dx.sum(axis=self.axis, keepdims=True)
        outputs[0][0] = np.asarray(dx).astype(dtype, copy=False)

    def pullback(self, inputs, outputs, output_grads):
        (y, dy), (given,) = inputs, output_grads
        if self.log:
            weighted = given * pt.exp(y)
            return [-weighted * self._total(dy), given - self._total(weighted)]
        return [given * (dy - self._total(dy * y)) - dy * self._total(given * y), self(y, given)]

    def _total(self, x):
        return pt.sum(x, axis=self.axis, keepdims=True)

    def symbolic(self, y, dy):
        if self.log:
            return dy - pt.exp(y) * self._total(dy)
        return y * (dy - self._total(dy * y))
