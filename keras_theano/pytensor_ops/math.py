"""Reductions by index and Fourier transforms as PyTensor Ops."""

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Apply

from ._base import TensorOp, connected, disconnected, jax_sizes, size_input, static_size


class ScatterReduce(TensorOp):
    """Combine rows of `updates` into the rows of `base` that `rows` names.

    Inputs: base (n, ...), rows (m,) of ints in [0, n), updates (m, ...) of base's dtype. Output
    `i` is base[i] combined with all updates[j] that have rows[j] == i. Where several take part in
    one maximum, they share its gradient equally.

    Args:
        kind: "max", "min" or "mul".
    """

    __props__ = ("kind",)
    _UFUNCS = {"max": np.maximum, "min": np.minimum, "mul": np.multiply}

    def __init__(self, kind):
        self.kind = kind

    def make_node(self, base, rows, updates):
        base, rows, updates = (pt.as_tensor_variable(v) for v in (base, rows, updates))
        return Apply(self, [base, rows, updates], [base.type()])

    def perform(self, node, inputs, output_storage):
        base, rows, updates = inputs
        out = base.copy()
        self._UFUNCS[self.kind].at(out, rows, updates)
        output_storage[0][0] = out

    def jax_function(self, node):
        method = {"mul": "multiply"}.get(self.kind, self.kind)
        return lambda base, rows, updates: getattr(base.at[rows], method)(updates)

    def output_shapes(self, node, shapes):
        return [shapes[0]]

    def connection_pattern(self, node):
        return [[True], [False], [True]]

    def pullback(self, inputs, outputs, output_grads):
        base, rows, updates = inputs
        (out,), (grad,) = outputs, output_grads
        if self.kind == "mul":
            parts = self._pullback_mul(base, rows, updates, grad)
        else:
            parts = self._pullback_extremum(base, rows, updates, out, grad)
        return [parts[0], *disconnected(1), parts[1]]

    @staticmethod
    def _pullback_extremum(base, rows, updates, out, grad):
        from_base = pt.eq(base, out).astype(grad.dtype)
        from_updates = pt.eq(updates, out[rows]).astype(grad.dtype)
        share = grad / pt.maximum(pt.inc_subtensor(from_base[rows], from_updates), 1)
        return from_base * share, from_updates * share[rows]

    def _pullback_mul(self, base, rows, updates, grad):
        # Each factor's gradient is the product of the others. Zeros are counted apart, because
        # that product cannot be had by dividing by them.
        def zeros_as_ones(x):
            return pt.switch(pt.eq(x, 0), 1, x).astype(x.dtype)

        def others(x, zeros, product):
            is_zero = pt.eq(x, 0)
            alone = pt.eq(zeros, is_zero.astype(zeros.dtype))
            return pt.switch(alone, product / zeros_as_ones(x), 0)

        zeros = pt.inc_subtensor(
            pt.eq(base, 0).astype(grad.dtype)[rows], pt.eq(updates, 0).astype(grad.dtype)
        )
        product = self(zeros_as_ones(base), rows, zeros_as_ones(updates))
        return (
            grad * others(base, zeros, product),
            grad[rows] * others(updates, zeros[rows], product[rows]),
        )


class FourierTransform(TensorOp):
    """Discrete Fourier transform of complex signals, given and returned as (real, imaginary).

    The gradient is the transform the other way with the other scaling, since the transform is a
    symmetric matrix and real and imaginary part are separate inputs.

    Args:
        ndim: Number of last axes to transform.
        inverse: Whether to transform back.
        scaled: Whether to divide by the number of points.
    """

    __props__ = ("ndim", "inverse", "scaled")

    def __init__(self, ndim=1, inverse=False, scaled=False):
        self.ndim = ndim
        self.inverse = inverse
        self.scaled = scaled

    def make_node(self, real, imag):
        real, imag = pt.as_tensor_variable(real), pt.as_tensor_variable(imag)
        return Apply(self, [real, imag], [real.type(), real.type()])

    def perform(self, node, inputs, output_storage):
        real, imag = inputs
        function = np.fft.ifftn if self.inverse else np.fft.fftn
        # NumPy's "backward" scales the inverse only, "forward" the other one only.
        norm = "backward" if self.inverse == self.scaled else "forward"
        result = function(real + 1j * imag, axes=range(-self.ndim, 0), norm=norm)
        _store(result, output_storage, node)

    def jax_function(self, node):
        import jax.numpy as jnp

        function = jnp.fft.ifftn if self.inverse else jnp.fft.fftn
        norm = "backward" if self.inverse == self.scaled else "forward"

        def transform(real, imag):
            signal = real + 1j * imag
            result = function(signal, axes=range(-self.ndim, 0), norm=norm)
            return result.real, result.imag

        return transform

    def output_shapes(self, node, shapes):
        return shapes

    def pullback(self, inputs, outputs, output_grads):
        adjoint = FourierTransform(self.ndim, not self.inverse, self.scaled)
        return adjoint(*connected(outputs, output_grads))


class RealFourier(TensorOp):
    """Fourier transform of real signals along the last axis: the half with frequencies >= 0.

    Inputs: x (..., any), cut or padded with zeros to `points` (int scalar). Outputs: real and
    imaginary part, both (..., points // 2 + 1).
    """

    __props__ = ()

    def make_node(self, x, points):
        x, points = pt.as_tensor_variable(x), size_input(points)
        n = static_size(points)
        shape = (*x.type.shape[:-1], None if n is None else n // 2 + 1)
        kind = pt.TensorType(x.dtype, shape)
        return Apply(self, [x, points], [kind(), kind()])

    def perform(self, node, inputs, output_storage):
        x, points = inputs
        # In double precision: in single, a result would depend on its neighbours in the batch.
        _store(np.fft.rfft(x.astype("float64"), int(points)), output_storage, node)

    def jax_function(self, node):
        import jax.numpy as jnp

        def transform(x, points):
            (points,) = jax_sizes(node.inputs[1:], (None,), [points])
            result = jnp.fft.rfft(x, points)
            return result.real, result.imag

        return transform

    def output_shapes(self, node, shapes):
        return [(*shapes[0][:-1], node.inputs[1] // 2 + 1)] * 2

    def connection_pattern(self, node):
        return [[True, True], [False, False]]

    def pullback(self, inputs, outputs, output_grads):
        x, points = inputs
        weights = _half_weights(points, x.dtype) / points.astype(x.dtype)
        real, imag = (g / weights for g in connected(outputs, output_grads))
        grad = InverseRealFourier()(real, imag, points)
        return [_resize_last(grad, x.shape[-1]), *disconnected(1)]


class InverseRealFourier(TensorOp):
    """The real signal of `points` values that has the given half spectrum.

    Inputs: real and imaginary part (..., any), cut or padded with zeros to points // 2 + 1;
    points (int scalar). Output: (..., points).
    """

    __props__ = ()

    def make_node(self, real, imag, points):
        real, imag = pt.as_tensor_variable(real), pt.as_tensor_variable(imag)
        points = size_input(points)
        shape = (*real.type.shape[:-1], static_size(points))
        return Apply(self, [real, imag, points], [pt.TensorType(real.dtype, shape)()])

    def perform(self, node, inputs, output_storage):
        real, imag, points = inputs
        result = np.fft.irfft(real + 1j * imag, int(points))
        output_storage[0][0] = result.astype(node.outputs[0].dtype, copy=False)

    def jax_function(self, node):
        import jax.numpy as jnp

        def transform(real, imag, points):
            (points,) = jax_sizes(node.inputs[2:], node.outputs[0].type.shape[-1:], [points])
            return jnp.fft.irfft(real + 1j * imag, points)

        return transform

    def output_shapes(self, node, shapes):
        return [(*shapes[0][:-1], node.inputs[2])]

    def connection_pattern(self, node):
        return [[True], [True], [False]]

    def pullback(self, inputs, outputs, output_grads):
        real, _, points = inputs
        weights = _half_weights(points, real.dtype) / points.astype(real.dtype)
        parts = RealFourier()(output_grads[0], points)
        return [*(_resize_last(g * weights, real.shape[-1]) for g in parts), *disconnected(1)]


def _store(result, output_storage, node):
    for storage, part in zip(output_storage, (result.real, result.imag), strict=True):
        storage[0] = np.ascontiguousarray(part, node.outputs[0].dtype)


def _half_weights(points, dtype):
    """How many of the whole spectrum's terms each term of the half spectrum stands for."""
    k = pt.arange(points // 2 + 1)
    return pt.switch(pt.eq(k, 0) | pt.eq(2 * k, points), 1, 2).astype(dtype)


def _resize_last(x, length):
    """Cut or pad with zeros the last axis of `x`."""
    missing = pt.maximum(length - x.shape[-1], 0)
    padding = pt.zeros((*(x.shape[i] for i in range(x.ndim - 1)), missing), x.dtype)
    return pt.concatenate([x[..., :length], padding], axis=-1)
