"""`keras.ops.linalg` on Theano: stacks of matrices (..., m, n) throughout."""

import functools
import math

import numpy as np
import pytensor
import pytensor.tensor as pt
from keras.src import tree
from pytensor.graph.basic import Variable

from keras_theano.pytensor_ops import linalg, reductions, steep
from keras_theano.pytensor_ops.sizes import size_of, sizes_of
from keras_theano.src.core import convert_to_tensor
from keras_theano.src.loop_body import rebuild
from keras_theano.src.missing import missing_op
from keras_theano.src.sizes import canonical_axes
from keras_theano.src.tensor import Tensor, as_symbol, floating, op, promote, run_graph

__getattr__ = missing_op("linalg")


def _matrices(name, *args):
    """Return the arguments as PyTensor variables of one floating dtype that LAPACK has."""
    variables = floating(*args)
    dtype = variables[0].type.dtype
    if dtype not in ("float64", "complex64", "complex128"):
        dtype = "float32"
    variables = tuple(as_symbol(v, dtype) for v in variables)
    if variables[0].type.ndim < 2:
        raise ValueError(
            f"`{name}` expects input of rank >= 2. "
            f"Received input with shape {variables[0].type.shape}."
        )
    return variables


def _matrix_op(function):
    """An op on matrices that gives float16 of float16, which LAPACK has not."""

    @op
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        results = function(*args, **kwargs)
        tensors = [leaf for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, Variable)]
        if {tensor.type.dtype for tensor in tensors} != {"float16"}:
            return results
        return tree.map_structure(
            lambda result: pt.cast(result, "float16") if result.type.dtype == "float32" else result,
            results,
        )

    return wrapper


def _transposed(x):
    return x.swapaxes(-1, -2)


@_matrix_op
def cholesky(a, upper=False):
    (a,) = _matrices("cholesky", a)
    lower = linalg.Cholesky()(_transposed(a) if upper else a)
    return _transposed(lower) if upper else lower


@_matrix_op
def cholesky_inverse(a, upper=False):
    """Return the inverse of the matrix whose Cholesky factor is `a`."""
    (a,) = _matrices("cholesky_inverse", a)
    identity = pt.broadcast_to(pt.eye(size_of(a, -1), dtype=a.type.dtype), sizes_of(a))
    inverse = linalg.SolveTriangular(lower=not upper)(a, identity)
    return inverse @ _transposed(inverse) if upper else _transposed(inverse) @ inverse


@_matrix_op
def det(a):
    return linalg.Determinant()(*_matrices("det", a))


@op
def eig(a):
    return tuple(linalg.Eig()(*_matrices("eig", a)))


@_matrix_op
def eigh(a):
    return tuple(linalg.Eigh()(*_matrices("eigh", a)))


@_matrix_op
def inv(a):
    return linalg.Inverse()(*_matrices("inv", a))


@_matrix_op
def lu_factor(a):
    return tuple(linalg.LUFactor()(*_matrices("lu_factor", a)))


@_matrix_op
def qr(x, mode="reduced"):
    if mode not in {"reduced", "complete"}:
        raise ValueError(
            "`mode` argument value not supported. Expected one of {'reduced', 'complete'}. "
            f"Received: mode={mode}"
        )
    return tuple(linalg.QR(mode == "complete")(*_matrices("qr", x)))


def _same_stack(a, b):
    """Return `a` and `b` with equal leading axes."""
    stack = sizes_of(a)[:-2]
    if sizes_of(b)[:-2] == stack:
        return a, b
    stack = pt.broadcast_shape(a[..., 0, 0], b[..., 0, 0])
    return tuple(pt.broadcast_to(x, (*stack, *sizes_of(x)[-2:])) for x in (a, b))


def _solve(name, solver, a, b):
    a, b = _matrices(name, a, b)
    if b.type.ndim == a.type.ndim - 1:
        return solver(a, b[..., None])[..., 0]
    return solver(*_same_stack(a, b))


@_matrix_op
def solve(a, b):
    return _solve("solve", linalg.Solve(), a, b)


@_matrix_op
def solve_triangular(a, b, lower=False):
    return _solve("solve_triangular", linalg.SolveTriangular(bool(lower)), a, b)


@_matrix_op
def svd(x, full_matrices=True, compute_uv=True):
    (x,) = _matrices("svd", x)
    if not compute_uv:
        return linalg.SingularValues()(x)
    return tuple(linalg.SVD(bool(full_matrices))(x))


@_matrix_op
def lstsq(a, b, rcond=None):
    """Return the smallest x that minimises |a x - b|, for a (m, n) and b (m,) or (m, k)."""
    a, b = _matrices("lstsq", a, b)
    if a.type.ndim != 2 or b.type.ndim not in (1, 2):
        raise TypeError(
            "`lstsq` needs a matrix `a` and a vector or matrix `b`, but got shapes "
            f"{a.type.shape} and {b.type.shape}."
        )
    return linalg.PseudoInverse(rcond)(a) @ b


@op
def matrix_rank(x, tol=None):
    (x,) = _matrices("matrix_rank", x)
    values = linalg.SingularValues()(x)
    if tol is None:
        largest = pt.max(values, axis=-1, keepdims=True)
        longer = pt.maximum(size_of(x, -1), size_of(x, -2))
        tol = largest * longer.astype(x.type.dtype) * np.finfo(x.type.dtype).eps
    else:
        tol = as_symbol(tol)[..., None]
    return pt.sum(values > tol, axis=-1, dtype="int32")


@_matrix_op
def pinv(x, rcond=None):
    return linalg.PseudoInverse(rcond)(*_matrices("pinv", x))


@op
def norm(x, ord=None, axis=None, keepdims=False):
    """Return vector or matrix norms, with NumPy's meanings of `ord` and `axis`."""
    x = as_symbol(x)
    if not x.type.dtype.startswith(("float", "complex")):
        (x,) = promote(x, at_least=float)
    ndim = x.type.ndim
    if axis is None and ord is None:
        return _vector_norm(x, 2, canonical_axes(None, ndim), keepdims)
    if axis is None and ndim not in (1, 2):
        raise ValueError(
            f"`norm` with ord={ord!r} needs `axis` for a tensor of rank {ndim}: one axis for "
            "vectors, two for matrices."
        )
    axes = canonical_axes(axis, ndim)
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(
            f"Invalid axis values: `norm` needs one or two different axes. Received: axis={axis}"
        )
    return _matrix_norm(x, "fro" if ord is None else ord, axes, keepdims)


def _vector_norm(x, ord, axes, keepdims):
    magnitudes = pt.abs(x)
    if ord == math.inf:
        return reductions.max(magnitudes, axis=axes, keepdims=keepdims)
    if ord == -math.inf:
        return reductions.min(magnitudes, axis=axes, keepdims=keepdims)
    if ord == 0:
        return pt.sum(pt.neq(x, 0), axis=axes, keepdims=keepdims).astype(magnitudes.type.dtype)
    if ord == 1:
        return pt.sum(magnitudes, axis=axes, keepdims=keepdims)
    if ord == 2:
        return steep.root(pt.sum(pt.sqr(magnitudes), axis=axes, keepdims=keepdims))
    if isinstance(ord, str):
        raise ValueError(
            f"Invalid `ord` argument for vector norm. Received: ord={ord!r} (expected a number)"
        )
    ord = as_symbol(ord, magnitudes.type.dtype)
    total = pt.sum(steep.root_of_any_order(magnitudes, ord), axis=axes, keepdims=keepdims)
    return steep.root_of_any_order(total, 1 / ord)


def _matrix_norm(x, ord, axes, keepdims):
    if ord == "fro":
        return _vector_norm(x, 2, axes, keepdims)
    extreme = reductions.max if ord in (1, 2, math.inf) else reductions.min
    row, column = axes
    if ord in (1, -1, math.inf, -math.inf):
        along, across = (row, column) if ord in (1, -1) else (column, row)
        totals = pt.sum(pt.abs(x), axis=along, keepdims=True)
        result = extreme(totals, axis=across, keepdims=True)
    elif ord in (2, -2, "nuc"):
        values = linalg.SingularValues()(pt.moveaxis(x, axes, (-2, -1)))
        reduce = pt.sum if ord == "nuc" else extreme
        result = pt.expand_dims(reduce(values, axis=-1), tuple(sorted(axes)))
    else:
        raise ValueError(
            "Invalid `ord` argument for matrix norm. "
            f"Received: ord={ord!r} (expected 'fro', 'nuc', 1, -1, 2, -2, inf or -inf)"
        )
    return result if keepdims else pt.squeeze(result, axis=axes)


# --- Forward derivatives -------------------------------------------------------------------------


def jvp(fun, primals, tangents, has_aux=False):
    """Return `fun(*primals)` and its derivative in the direction of `tangents`.

    Args:
        fun: Function of tensors. With `has_aux` it returns (outputs, more), else outputs.
        primals, tangents: Sequences of the same structure, shapes and floating dtypes.

    Returns:
        (outputs, their derivatives), and `more` with `has_aux`.
    """
    given = [as_symbol(leaf) for leaf in tree.flatten((primals, tangents))]
    count = len(given) // 2
    if len(given) != 2 * count or len(tree.flatten(primals)) != count:
        raise ValueError("`jvp` needs one tangent for each primal.")
    types = [x.type for x in given[:count]]
    points, directions = [type_() for type_ in types], [type_() for type_ in types]
    result = fun(*tree.pack_sequence_as(primals, [Tensor(x) for x in points]))
    outputs, *more = result if has_aux else (result,)
    symbols = [as_symbol(leaf) for leaf in tree.flatten(outputs)]
    derivatives = _push_forward(symbols, points, directions)
    structure = (outputs, outputs, *more)
    flat = [*symbols, *derivatives, *(as_symbol(leaf) for leaf in tree.flatten(more))]
    if any(isinstance(leaf, Tensor) for leaf in tree.flatten((primals, tangents))):
        given = [as_symbol(x, type_.dtype) for x, type_ in zip(given, types * 2, strict=True)]
        found = [Tensor(x) for x in rebuild(flat, [*points, *directions], given)]
    else:
        arrays = [
            convert_to_tensor(leaf, dtype=type_.dtype)
            for leaf, type_ in zip(tree.flatten((primals, tangents)), types * 2, strict=True)
        ]
        found = run_graph([*points, *directions], flat, arrays)
    return tuple(tree.pack_sequence_as(structure, found))


def _push_forward(outputs, points, directions):
    """Forward derivatives by going backward twice: the first result is linear in its cotangents."""
    cotangents = [output.type() for output in outputs]
    backward = pytensor.grad(
        None,
        points,
        known_grads=dict(zip(outputs, cotangents, strict=True)),
        disconnected_inputs="ignore",
        return_disconnected="zero",
    )
    along = sum(pt.sum(g * d) for g, d in zip(backward, directions, strict=True))
    found = pytensor.grad(
        along, cotangents, disconnected_inputs="ignore", return_disconnected="zero"
    )
    # Being linear, it needs the cotangents for their shapes, and to be other than 0, at most.
    return rebuild(found, cotangents, [pt.ones_like(output) for output in outputs])
