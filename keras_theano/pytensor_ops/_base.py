"""What all Ops of this package share: gradients on every PyTensor release, output storage, sizes."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Constant
from pytensor.graph.op import Op
from pytensor.graph.replace import clone_replace


class Differentiable:
    """What Ops, scalar ones too, derive from first that write their gradient as `pullback`.

    PyTensor 2.x asks an Op for `L_op`, PyTensor 3.x for `pullback` (and warns about `L_op`). The
    two have the same arguments, so the older name is supplied only where the newer is unknown.
    """

    if not hasattr(Op, "pullback"):

        def L_op(self, inputs, outputs, output_grads):
            return self.pullback(inputs, outputs, output_grads)


class Sized:
    """What Ops derive from first that give their outputs' sizes as `output_shapes(node, shapes)`.

    PyTensor's name for it is `infer_shape`, which gets the graph as well before PyTensor 3.3.
    """

    def __init_subclass__(cls, **kwargs):
        if "output_shapes" in vars(cls):
            cls.infer_shape = lambda self, *arguments: self.output_shapes(*arguments[-2:])
        super().__init_subclass__(**kwargs)


class TensorOp(Sized, Differentiable, Op):
    """An Op on dense tensors."""

    __props__ = ()

    def jax_function(self, node):
        """Return this node's work as a JAX function of its inputs.

        None, unless a subclass has one, stands for what JAX makes of `symbolic(*inputs)`: the same
        outputs from PyTensor's own Ops.
        """
        return None


def jax_transpose(function, shape, cotangent):
    """Apply the transpose of a linear JAX function of an array of this shape."""
    import jax

    return jax.linear_transpose(function, jax.ShapeDtypeStruct(shape, cotangent.dtype))(cotangent)[
        0
    ]


def jax_sizes(variables, static_shape, values):
    """Sizes as JAX needs them, ints: from a node's inputs, its output's type or their values."""
    known = [
        static if static is not None else static_size(variable)
        for variable, static in zip(variables, static_shape, strict=True)
    ]
    try:
        return tuple(
            int(value) if size is None else size for size, value in zip(known, values, strict=True)
        )
    except TypeError as error:
        raise ValueError(
            "JAX mode needs spatial sizes that are known while the graph is built."
        ) from error


def gradient_by_symbols(symbolic, inputs, cotangents):
    """Gradients for `inputs` of the outputs of `symbolic(*inputs)`, given those outputs' own.

    They are taken on fresh variables, so that an input which is computed from another one gets
    its own share only.
    """
    fresh = [variable.type() for variable in inputs]
    seeds = [
        (output, given.type(), given)
        for output, given in zip(symbolic(*fresh), cotangents, strict=True)
        if not is_disconnected(given)
    ]
    # One cost, not `known_grads`: an output may be used in making another.
    cost = sum((output * seed).sum() for output, seed, _ in seeds)
    gradients = pytensor.grad(cost, fresh, disconnected_inputs="ignore")
    replacement = dict(zip(fresh, inputs, strict=True))
    replacement |= {seed: given for _, seed, given in seeds}
    return clone_replace(gradients, replace=replacement)


def is_disconnected(variable):
    """Tell whether a cotangent says that the cost does not depend on this output."""
    return isinstance(variable.type, DisconnectedType)


def connected(outputs, output_grads):
    """The cotangents of `outputs`, with zeros where the cost does not depend on one."""
    return [
        pt.zeros_like(output) if is_disconnected(grad) else grad
        for output, grad in zip(outputs, output_grads, strict=True)
    ]


def disconnected(count):
    """`count` gradients for inputs through which no gradient flows (sizes, integer labels)."""
    return [disconnected_type() for _ in range(count)]


def float_inputs(op_name, *inputs):
    """Turn inputs into tensor variables of one common floating-point dtype.

    Raises TypeError where an input is not floating-point: a convolution of integers is nearly
    always a forgotten cast, and its gradient would be undefined.
    """
    variables = [pt.as_tensor_variable(value) for value in inputs]
    for variable in variables:
        if not variable.dtype.startswith("float"):
            raise TypeError(
                f"{op_name} works on floating-point tensors, but got dtype {variable.dtype}; "
                "cast it first."
            )
    dtype = np.result_type(*(variable.dtype for variable in variables)).name
    return [v if v.dtype == dtype else v.astype(dtype) for v in variables]


def size_input(size):
    """A size (int or integer scalar variable) as an int64 scalar variable."""
    # An int would become int8, and its cast would no longer be a constant with a known value.
    variable = pt.as_tensor_variable(np.int64(size) if isinstance(size, int) else size)
    if variable.ndim or not variable.dtype.startswith(("int", "uint")):
        raise TypeError(f"A size must be an integer scalar, but got {variable.type}.")
    return variable if variable.dtype == "int64" else variable.astype("int64")


def static_size(variable):
    """The value of a size that is known while the graph is built, else None."""
    return int(variable.data) if isinstance(variable, Constant) else None


def output_array(storage, shape, dtype):
    """The array to write an output into: the last call's, where PyTensor kept it and it fits."""
    array = storage[0]
    shape = tuple(shape)
    if (
        array is None
        or array.shape != shape
        or array.dtype != dtype
        or not array.flags.c_contiguous
        or not array.flags.writeable
    ):
        array = storage[0] = np.empty(shape, dtype)
    return array


def compute_dtype(dtype):
    """The dtype to compute in: float16 has no BLAS and too few digits for long sums."""
    return np.dtype("float32") if dtype == "float16" else np.dtype(dtype)
