"""Ops on arrays that PyTensor lacks, or that its interpreter runs slowly."""

import math

import numpy as np
import pytensor.tensor as pt
from pytensor import config
from pytensor.gradient import DisconnectedType, grad_not_implemented
from pytensor.graph.basic import Apply
from pytensor.scalar.basic import (
    BinaryScalarOp,
    UnaryScalarOp,
    exp,
    same_out,
    specific_out,
    switch,
    upcast_out,
)
from pytensor.scalar.basic import bool as scalar_bool
from pytensor.tensor.elemwise import Elemwise
from scipy.sparse import csc_array

from keras_theano.pytensor_ops._base import (
    Differentiable,
    TensorOp,
    disconnected,
    size_input,
    static_size,
)

# --- Element-wise functions -----------------------------------------------------------------------


class _NumpyFunction(Differentiable):
    """A scalar op that is a NumPy ufunc, named in `nfunc_spec`.

    PyTensor's interpreter calls the ufunc on whole arrays; its JAX mode takes JAX's function of
    the same name.
    """

    def impl(self, *numbers):
        return getattr(np, self.nfunc_spec[0])(*numbers)

    def pullback(self, inputs, outputs, output_grads):
        """Zero: unless a subclass says otherwise, the function is a step or is of integers."""
        return [_zero_gradient(x) for x in inputs]

    def c_code(self, *args, **kwargs):
        raise NotImplementedError(f"{self} has no C implementation.")


def _zero_gradient(x):
    return x.zeros_like() if x.type.dtype.startswith("float") else x.zeros_like(config.floatX)


class _Hypot(_NumpyFunction, BinaryScalarOp):
    nfunc_spec = ("hypot", 2, 1)

    def pullback(self, inputs, outputs, output_grads):
        (h,), (gz,) = outputs, output_grads
        length = switch(h.zeros_like() < h, h, h.zeros_like() + 1)  # at 0 the gradient is 0
        return [gz * x / length for x in inputs]


class _LogAddExp(_NumpyFunction, BinaryScalarOp):
    nfunc_spec = ("logaddexp", 2, 1)

    def pullback(self, inputs, outputs, output_grads):
        (z,), (gz,) = outputs, output_grads
        # Where one is infinite, the result is that one.
        return [gz * switch(x >= z, x.ones_like(), exp(x - z)) for x in inputs]


class _Cbrt(_NumpyFunction, UnaryScalarOp):
    nfunc_spec = ("cbrt", 1, 1)

    def pullback(self, inputs, outputs, output_grads):
        (z,), (gz,) = outputs, output_grads
        return [gz / (3 * z * z)]


class _Ldexp(_NumpyFunction, BinaryScalarOp):
    nfunc_spec = ("ldexp", 2, 1)

    def pullback(self, inputs, outputs, output_grads):
        return [ldexp_scalar(output_grads[0], inputs[1]), _zero_gradient(inputs[1])]


class _Nextafter(_NumpyFunction, BinaryScalarOp):
    nfunc_spec = ("nextafter", 2, 1)

    def pullback(self, inputs, outputs, output_grads):
        return [output_grads[0], _zero_gradient(inputs[1])]


class _Heaviside(_NumpyFunction, BinaryScalarOp):
    nfunc_spec = ("heaviside", 2, 1)

    def pullback(self, inputs, outputs, output_grads):
        x, at_zero = inputs
        zero = at_zero.zeros_like()
        return [_zero_gradient(x), switch(x * x > 0, zero, output_grads[0])]


class _Signbit(_NumpyFunction, UnaryScalarOp):
    nfunc_spec = ("signbit", 1, 1)


class _Gcd(_NumpyFunction, BinaryScalarOp):
    nfunc_spec = ("gcd", 2, 1)


class _Lcm(_NumpyFunction, BinaryScalarOp):
    nfunc_spec = ("lcm", 2, 1)


class _LeftShift(_NumpyFunction, BinaryScalarOp):
    nfunc_spec = ("left_shift", 2, 1)


class _RightShift(_NumpyFunction, BinaryScalarOp):
    nfunc_spec = ("right_shift", 2, 1)


def _first_out(x, *rest):
    """The result has the dtype of the first argument."""
    return (x,)


ldexp_scalar = _Ldexp(_first_out, name="ldexp")

# Functions of tensors of one dtype, which is the result's, unless said otherwise.
cbrt = Elemwise(_Cbrt(same_out, name="cbrt"))
gcd = Elemwise(_Gcd(upcast_out, name="gcd"))
heaviside = Elemwise(_Heaviside(upcast_out, name="heaviside"))
hypot = Elemwise(_Hypot(upcast_out, name="hypot"))
lcm = Elemwise(_Lcm(upcast_out, name="lcm"))
ldexp = Elemwise(ldexp_scalar)  # (float, integer exponent) -> the float's dtype
left_shift = Elemwise(_LeftShift(upcast_out, name="left_shift"))
logaddexp = Elemwise(_LogAddExp(upcast_out, name="logaddexp"))
nextafter = Elemwise(_Nextafter(upcast_out, name="nextafter"))
right_shift = Elemwise(_RightShift(upcast_out, name="right_shift"))
signbit = Elemwise(_Signbit(specific_out(scalar_bool), name="signbit"))  # -> bool


# --- Gathering and its gradient -------------------------------------------------------------------


class Take(TensorOp):
    """Take the slices of `x` at the places `index` along one axis.

    Its gradient, unlike that of PyTensor's indexing, is a product with a sparse matrix: adding up
    the gradients of an embedding table takes a few passes over them.

    Attributes:
        axis: The axis of `x`, not negative; the axes of `index` take its place in the result.
        from_end: Whether negative indices count from the end. Else they are out of bounds.
    """

    __props__ = ("axis", "from_end")

    def __init__(self, axis, from_end=True):
        self.axis = axis
        self.from_end = from_end

    def make_node(self, x, index):
        x, index = pt.as_tensor_variable(x), pt.as_tensor_variable(index)
        if not index.dtype.startswith(("int", "uint")):
            raise TypeError(f"Indices must be integers, but got dtype {index.dtype}.")
        shape = x.type.shape
        shape = shape[: self.axis] + index.type.shape + shape[self.axis + 1 :]
        return Apply(self, [x, index], [pt.TensorType(x.dtype, shape)()])

    def perform(self, node, inputs, outputs):
        x, index = inputs
        least = 0 if not self.from_end else -x.shape[self.axis]
        try:
            if not self.from_end and index.size and index.min() < 0:
                raise IndexError
            outputs[0][0] = np.asarray(np.take(x, index, axis=self.axis))
        except IndexError:
            raise _out_of_bounds(index, least, x.shape[self.axis]) from None

    def output_shapes(self, node, shapes):
        x, index = shapes
        return [(*x[: self.axis], *index, *x[self.axis + 1 :])]

    def pullback(self, inputs, outputs, output_grads):
        x, index = inputs
        if isinstance(output_grads[0].type, DisconnectedType):
            return disconnected(2)
        size = x.type.shape[self.axis]
        size = x.shape[self.axis] if size is None else size
        return [AddAt(self.axis)(output_grads[0], index, size), *disconnected(1)]

    def connection_pattern(self, node):
        return [[True], [False]]

    def jax_function(self, node):
        import jax.numpy as jnp

        def take(x, index):
            if not self.from_end:  # NaN, as beyond the last
                index = jnp.where(index < 0, x.shape[self.axis], index)
            return jnp.take(x, index, axis=self.axis)

        return take


def _out_of_bounds(index, least, count):
    wrong = index[(index < least) | (index >= count)].ravel()[0]
    return IndexError(
        f"index {wrong} is out of bounds: there are {count} entries, numbered 0 to {count - 1}"
    )


class AddAt(TensorOp):
    """Add slices up at the places `index` of a new tensor of zeros: what undoes `Take`.

    Inputs are the slices, shaped as what `Take` returns, the indices and the size of the new
    tensor's axis (int or integer scalar).
    """

    __props__ = ("axis",)

    def __init__(self, axis):
        self.axis = axis

    def make_node(self, slices, index, size):
        slices, index = pt.as_tensor_variable(slices), pt.as_tensor_variable(index)
        size = size_input(size)
        shape = slices.type.shape
        shape = (*shape[: self.axis], static_size(size), *shape[self.axis + index.type.ndim :])
        return Apply(self, [slices, index, size], [pt.TensorType(slices.dtype, shape)()])

    def perform(self, node, inputs, outputs):
        slices, index, size = inputs
        size, count, axis = int(size), index.size, self.axis
        before, after = slices.shape[:axis], slices.shape[axis + index.ndim :]
        lead, trail = math.prod(before), math.prod(after)
        place = np.ravel(index).astype("int64")
        if count and (place.min() < -size or place.max() >= size):  # SciPy would write there
            raise _out_of_bounds(place, -size, size)
        place = np.where(place < 0, place + size, place)
        # One column for each slice, with a one in the row where the slice goes.
        dtype = "float32" if slices.dtype == "float16" else slices.dtype
        where = csc_array((np.ones(count, dtype), place, np.arange(count + 1)), shape=(size, count))
        flat = slices.reshape(lead, count, trail).swapaxes(0, 1).reshape(count, lead * trail)
        added = where @ np.ascontiguousarray(flat, dtype)
        added = added.reshape(size, lead, trail).swapaxes(0, 1).reshape(*before, size, *after)
        outputs[0][0] = np.ascontiguousarray(added, dtype=slices.dtype)

    def output_shapes(self, node, shapes):
        slices, index, _ = shapes
        after = slices[self.axis + len(index) :]
        return [(*slices[: self.axis], node.inputs[2], *after)]

    def pullback(self, inputs, outputs, output_grads):
        if isinstance(output_grads[0].type, DisconnectedType):
            return disconnected(3)
        return [Take(self.axis)(output_grads[0], inputs[1]), *disconnected(2)]

    def connection_pattern(self, node):
        return [[True], [False], [False]]

    def jax_function(self, node):
        import jax.numpy as jnp

        known = node.outputs[0].type.shape[self.axis]
        key = (slice(None),) * self.axis

        def add_at(slices, index, size):
            after = slices.shape[self.axis + index.ndim :]
            shape = (*slices.shape[: self.axis], size if known is None else known, *after)
            return jnp.zeros(shape, slices.dtype).at[(*key, index)].add(slices)

        return add_at


# --- Order and bits -------------------------------------------------------------------------------


class ArgPartition(TensorOp):
    """Indices that put the `kth` smallest element of the last axis in its sorted place, smaller
    ones before it and larger ones after it. Integers, so there is no gradient.
    """

    __props__ = ("kth",)

    def __init__(self, kth):
        self.kth = kth

    def make_node(self, x):
        x = pt.as_tensor_variable(x)
        return Apply(self, [x], [pt.TensorType("int64", x.type.shape)()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = np.argpartition(inputs[0], self.kth, axis=-1)

    def output_shapes(self, node, shapes):
        return shapes

    def pullback(self, inputs, outputs, output_grads):
        return [inputs[0].zeros_like(dtype=config.floatX)]

    def jax_function(self, node):
        import jax.numpy as jnp

        return lambda x: jnp.argpartition(x, self.kth, axis=-1)


class Bitcast(TensorOp):
    """Read the same bytes as another dtype; the last axis grows or shrinks with the item size.

    Bits have no gradient.
    """

    __props__ = ("dtype",)

    def __init__(self, dtype):
        self.dtype = dtype

    def _last(self, dtype, size):
        """The size of the last axis after, from that before."""
        old, new = np.dtype(dtype).itemsize, np.dtype(self.dtype).itemsize
        return size * old // new

    def make_node(self, x):
        x = pt.as_tensor_variable(x)
        shape = list(x.type.shape)
        if np.dtype(x.dtype).itemsize != np.dtype(self.dtype).itemsize:
            if not shape:
                raise ValueError(
                    f"A scalar of {x.dtype} cannot be viewed as {self.dtype}: the sizes differ."
                )
            if shape[-1] is not None:
                bits = shape[-1] * np.dtype(x.dtype).itemsize
                if bits % np.dtype(self.dtype).itemsize:
                    raise ValueError(
                        f"The last axis of shape {tuple(shape)} and dtype {x.dtype} does not fill "
                        f"whole numbers of {self.dtype}."
                    )
                shape[-1] = self._last(x.dtype, shape[-1])
        return Apply(self, [x], [pt.TensorType(self.dtype, shape)()])

    def perform(self, node, inputs, outputs):
        # A copy: the result may be written to.
        outputs[0][0] = np.array(np.ascontiguousarray(inputs[0]).view(self.dtype)).reshape(
            inputs[0].shape[:-1] + (-1,) if inputs[0].ndim else ()
        )

    def output_shapes(self, node, shapes):
        (shape,) = shapes
        if shape:
            shape = (*shape[:-1], self._last(node.inputs[0].dtype, shape[-1]))
        return [shape]

    def pullback(self, inputs, outputs, output_grads):
        return [inputs[0].zeros_like(dtype=config.floatX)]

    def jax_function(self, node):
        return lambda x: x.view(self.dtype)


class Unique(TensorOp):
    """The distinct values of a tensor, ascending, and what is asked for of: where each comes
    first, which of them each element is, and how often each comes.

    PyTensor's op of this name takes all NaNs for one value; Keras counts each for itself.

    Attributes:
        return_index, return_inverse, return_counts: Which further int64 outputs to return.
        axis: Compare slices along this axis; None compares the elements of the whole tensor.
    """

    __props__ = ("return_index", "return_inverse", "return_counts", "axis")

    def __init__(self, return_index, return_inverse, return_counts, axis):
        self.return_index = return_index
        self.return_inverse = return_inverse
        self.return_counts = return_counts
        self.axis = axis

    def make_node(self, x):
        x = pt.as_tensor_variable(x)
        shape = [None] if self.axis is None else list(x.type.shape)
        length = None
        if self.axis is not None:
            length, shape[self.axis] = shape[self.axis], None
        elif None not in x.type.shape:
            length = int(np.prod(x.type.shape))
        lengths = [
            *([None] if self.return_index else []),
            *([length] if self.return_inverse else []),
            *([None] if self.return_counts else []),
        ]
        outputs = [pt.TensorType(x.dtype, shape)()]
        return Apply(self, [x], outputs + [pt.TensorType("int64", (n,))() for n in lengths])

    def perform(self, node, inputs, outputs):
        results = np.unique(
            inputs[0],
            return_index=self.return_index,
            return_inverse=self.return_inverse,
            return_counts=self.return_counts,
            axis=self.axis,
            equal_nan=False,
        )
        results = results if isinstance(results, tuple) else (results,)
        for storage, result, variable in zip(outputs, results, node.outputs, strict=True):
            # NumPy releases differ in the shape of the inverse.
            storage[0] = result if variable.type.ndim == result.ndim else np.ravel(result)

    def jax_function(self, node):
        from keras_theano.pytensor_ops.jax_graph import SIZE_DEPENDS

        raise NotImplementedError(SIZE_DEPENDS.format("the number of distinct values"))

    def pullback(self, inputs, outputs, output_grads):
        return [
            grad_not_implemented(self, 0, inputs[0], "the number of distinct values may change")
        ]
