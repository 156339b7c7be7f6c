"""Linear algebra on stacks of matrices as PyTensor Ops with gradients.

Inputs are float32 or float64 tensors (..., m, n): the last two axes are the matrices, the axes
before them a stack. PyTensor has Ops for single matrices that it maps over a stack; these call
LAPACK for the whole stack through NumPy, behave alike on every PyTensor release, and have
gradients for stacks too. Gradients follow Giles (2008), "Collected matrix derivative results for
forward and reverse mode algorithmic differentiation", and Seeger et al. (2017),
"Auto-differentiating linear algebra".
"""

import numpy as np
import pytensor.tensor as pt
import scipy.linalg
from pytensor.graph.basic import Apply

from ._base import TensorOp, connected, is_disconnected
from .sizes import size_of


def _t(x):
    return x.swapaxes(-1, -2)


def _tensor(like, shape, dtype=None):
    return pt.TensorType(dtype or like.dtype, shape)()


def _smaller(m, n):
    return None if None in (m, n) else min(m, n)


def _eye(x, length=None):
    length = size_of(x, -1) if length is None else length
    return pt.eye(length, dtype=x.dtype)


class _MatrixOp(TensorOp):
    """An Op on one stack of matrices.

    Subclasses give `shapes(stack, m, n)`: the outputs' shapes, of ints and None while the graph is
    built; `compute(x)`: the outputs' arrays; and `jax_compute(jax, x)`: the same of JAX's arrays. JAX
    gives NaN where NumPy raises numpy.linalg.LinAlgError.
    """

    square = False

    def make_node(self, x):
        x = pt.as_tensor_variable(x)
        if x.ndim < 2 or not x.dtype.startswith(("float", "complex")):
            raise TypeError(
                f"{type(self).__name__} works on stacks (..., m, n) of floating-point matrices, "
                f"but got shape {x.type.shape} and dtype {x.dtype}."
            )
        *stack, m, n = x.type.shape
        if self.square:
            if None not in (m, n) and m != n:
                raise ValueError(
                    f"{type(self).__name__} needs square matrices, but got shape {x.type.shape}."
                )
            m = n = n if m is None else m
        shapes = self.shapes(tuple(stack), m, n)
        kinds = self.dtypes(x.dtype, len(shapes))
        outputs = [_tensor(x, shape, kind) for shape, kind in zip(shapes, kinds, strict=True)]
        return Apply(self, [x], outputs)

    def dtypes(self, dtype, count):
        return [dtype] * count

    def perform(self, node, inputs, output_storage):
        results = self.compute(inputs[0])
        for storage, result, output in zip(output_storage, results, node.outputs, strict=True):
            storage[0] = np.asarray(result, output.dtype)

    def jax_function(self, node):
        import jax

        return lambda x: list(self.jax_compute(jax, x))


class Cholesky(_MatrixOp):
    """The lower triangular L with x = L L'. Raises numpy.linalg.LinAlgError where there is none."""

    square = True

    def shapes(self, stack, m, n):
        return [(*stack, n, n)]

    def compute(self, x):
        return [np.linalg.cholesky(x)]

    def jax_compute(self, jax, x):
        return [jax.numpy.linalg.cholesky(x)]

    def pullback(self, inputs, outputs, output_grads):
        (lower,), (grad,) = outputs, output_grads
        inner = pt.tril(_t(lower) @ pt.tril(grad))
        inner = (inner + _t(pt.tril(inner, -1))) / 2
        # L^-T inner L^-1, by two triangular solves.
        half = solve_triangular(_t(lower), inner, lower=False)
        return [_t(solve_triangular(_t(lower), _t(half), lower=False))]


class Inverse(_MatrixOp):
    square = True

    def shapes(self, stack, m, n):
        return [(*stack, n, n)]

    def compute(self, x):
        return [np.linalg.inv(x)]

    def jax_compute(self, jax, x):
        return [jax.numpy.linalg.inv(x)]

    def pullback(self, inputs, outputs, output_grads):
        inverse = _t(outputs[0])
        return [-(inverse @ output_grads[0] @ inverse)]


class Determinant(_MatrixOp):
    """Output (...)."""

    square = True

    def shapes(self, stack, m, n):
        return [stack]

    def compute(self, x):
        return [np.linalg.det(x)]

    def jax_compute(self, jax, x):
        return [jax.numpy.linalg.det(x)]

    def pullback(self, inputs, outputs, output_grads):
        return [(output_grads[0] * outputs[0])[..., None, None] * _t(inv(inputs[0]))]


class SLogDet(_MatrixOp):
    """Outputs: sign (...) of the determinant, and logarithm (...) of its absolute value."""

    square = True

    def shapes(self, stack, m, n):
        return [stack, stack]

    def compute(self, x):
        return np.linalg.slogdet(x)

    def jax_compute(self, jax, x):
        return jax.numpy.linalg.slogdet(x)

    def pullback(self, inputs, outputs, output_grads):
        if is_disconnected(output_grads[1]):
            return [pt.zeros_like(inputs[0])]
        return [output_grads[1][..., None, None] * _t(inv(inputs[0]))]


def _reciprocal_or_0(x):
    is_zero = pt.eq(x, 0)
    return pt.switch(is_zero, 0, 1 / pt.switch(is_zero, 1, x)).astype(x.dtype)


def _one_over_gaps(values):
    """1 / (values[j] - values[i]) at (..., i, j), and 0 where the two are equal."""
    return _reciprocal_or_0(values[..., None, :] - values[..., :, None])


class Eigh(_MatrixOp):
    """Eigenvalues (..., n) and eigenvectors (..., n, n) of symmetric matrices, ascending.

    Where eigenvalues are equal, the gradient of the eigenvectors, which does not exist there, leaves
    out what would turn them into one another, as on TensorFlow.
    """

    square = True

    def shapes(self, stack, m, n):
        return [(*stack, n), (*stack, n, n)]

    def compute(self, x):
        return np.linalg.eigh(x)

    def jax_compute(self, jax, x):
        # NumPy looks at the lower triangle only.
        return jax.numpy.linalg.eigh(x, symmetrize_input=False)

    def pullback(self, inputs, outputs, output_grads):
        values, vectors = outputs
        grad_values, grad_vectors = connected(outputs, output_grads)
        inner = grad_values[..., None, :] * _eye(vectors)
        if not is_disconnected(output_grads[1]):
            inner = inner + _one_over_gaps(values) * (_t(vectors) @ grad_vectors)
        grad = vectors @ inner @ _t(vectors)
        return [(grad + _t(grad)) / 2]


class Eig(_MatrixOp):
    """Complex eigenvalues (..., n) and eigenvectors (..., n, n); has no gradient."""

    square = True

    def shapes(self, stack, m, n):
        return [(*stack, n), (*stack, n, n)]

    def dtypes(self, dtype, count):
        return [np.result_type(dtype, np.complex64).name] * count

    def compute(self, x):
        return np.linalg.eig(x)

    def jax_compute(self, jax, x):
        return jax.numpy.linalg.eig(x)


class SingularValues(_MatrixOp):
    """Singular values (..., min(m, n)), largest first."""

    def shapes(self, stack, m, n):
        return [(*stack, _smaller(m, n))]

    def compute(self, x):
        return [np.linalg.svd(x, compute_uv=False)]

    def jax_compute(self, jax, x):
        return [jax.numpy.linalg.svd(x, compute_uv=False)]

    def pullback(self, inputs, outputs, output_grads):
        u, _, vt = SVD(full=False)(inputs[0])
        return [(u * output_grads[0][..., None, :]) @ vt]


class SVD(_MatrixOp):
    """Outputs u, s, vt with x = u diag(s) vt. The whole bases (`full`) have no gradient."""

    __props__ = ("full",)

    def __init__(self, full):
        self.full = full

    def shapes(self, stack, m, n):
        k = _smaller(m, n)
        if self.full:
            return [(*stack, m, m), (*stack, k), (*stack, n, n)]
        return [(*stack, m, k), (*stack, k), (*stack, k, n)]

    def compute(self, x):
        return np.linalg.svd(x, full_matrices=self.full)

    def jax_compute(self, jax, x):
        return jax.numpy.linalg.svd(x, full_matrices=self.full)

    def pullback(self, inputs, outputs, output_grads):
        u, s, vt = outputs
        if self.full:
            if not all(is_disconnected(output_grads[i]) for i in (0, 2)):
                raise NotImplementedError(
                    "The gradient of svd's vectors needs full_matrices=False: the vectors that "
                    "fill up the whole bases are arbitrary."
                )
            u, s, vt = SVD(full=False)(inputs[0])
        v = _t(vt)
        du, ds, dvt = connected((u, s, vt), output_grads)
        grad = ds[..., None, :] * _eye(s, size_of(s, -1))
        if is_disconnected(output_grads[0]) and is_disconnected(output_grads[2]):
            return [u @ grad @ vt]
        dv = _t(dvt)
        factors = _one_over_gaps(pt.sqr(s))
        utdu, vtdv = _t(u) @ du, vt @ dv
        grad = grad + factors * (utdu - _t(utdu)) * s[..., None, :]
        grad = grad + s[..., :, None] * factors * (vtdv - _t(vtdv))
        total = u @ grad @ vt
        # What the bases cannot express: nothing where the matrix is square.
        over_s = _reciprocal_or_0(s)[..., None, :]
        total = total + ((du - u @ utdu) * over_s) @ vt
        return [total + u @ _t((dv - v @ vtdv) * over_s)]


class QR(_MatrixOp):
    """Outputs q (..., m, k) and r (..., k, n), k = min(m, n), or m where `complete`."""

    __props__ = ("complete",)

    def __init__(self, complete):
        self.complete = complete

    def shapes(self, stack, m, n):
        k = m if self.complete else _smaller(m, n)
        return [(*stack, m, k), (*stack, k, n)]

    def compute(self, x):
        return np.linalg.qr(x, mode="complete" if self.complete else "reduced")

    def jax_compute(self, jax, x):
        return jax.numpy.linalg.qr(x, mode="complete" if self.complete else "reduced")

    def pullback(self, inputs, outputs, output_grads):
        *_, m, n = inputs[0].type.shape
        if None in (m, n) or m < n or (self.complete and m != n):
            raise NotImplementedError(
                "The gradient of qr exists for mode='reduced' and matrices with at least as many "
                f"rows as columns; these have shape {(m, n)}."
            )
        q, r = outputs
        dq, dr = connected(outputs, output_grads)
        inner = r @ _t(dr) - _t(dq) @ q
        inner = pt.tril(inner) + _t(pt.tril(inner, -1))
        # (dq + q inner) r^-T
        return [_t(solve_triangular(r, _t(dq + q @ inner), lower=False))]


class LUFactor(_MatrixOp):
    """Outputs lu (..., m, n), L below the diagonal and U above, and int32 pivots (..., k)."""

    def shapes(self, stack, m, n):
        return [(*stack, m, n), (*stack, _smaller(m, n))]

    def dtypes(self, dtype, count):
        return [dtype, "int32"]

    def compute(self, x):
        m, n = x.shape[-2:]
        lu = np.empty_like(x)
        pivots = np.empty((*x.shape[:-2], min(m, n)), "int32")
        # (`scipy.linalg.lu_factor` calls this too, but warns of a pivot of 0, which is a result here.)
        (getrf,) = scipy.linalg.get_lapack_funcs(("getrf",), (x,))
        for place in np.ndindex(x.shape[:-2]):
            lu[place], pivots[place], _ = getrf(x[place])
        return lu, pivots

    def jax_compute(self, jax, x):
        return jax.lax.linalg.lu(x)[:2]

    def pullback(self, inputs, outputs, output_grads):
        *_, m, n = inputs[0].type.shape
        if m is None or m != n:
            raise NotImplementedError(
                f"The gradient of lu_factor exists for square matrices; these have {(m, n)}."
            )
        (lu, pivots), grad = outputs, output_grads[0]
        lower, upper = pt.tril(lu, -1) + _eye(lu), pt.triu(lu)
        inner = pt.tril(_t(lower) @ pt.tril(grad, -1), -1) + pt.triu(pt.triu(grad) @ _t(upper))
        inner = solve_triangular(_t(lower), inner, lower=False)
        inner = _t(solve_triangular(upper, _t(inner), lower=False))
        return [ApplyPivots()(inner, pivots)]


class ApplyPivots(TensorOp):
    """Undo the row exchanges that `LUFactor` made. Inputs (..., m, n) and pivots (..., k)."""

    def make_node(self, x, pivots):
        return Apply(self, [x, pivots], [x.type()])

    def perform(self, node, inputs, output_storage):
        x, pivots = inputs
        out = x.copy()
        for place in np.ndindex(x.shape[:-2]):
            for row in range(pivots.shape[-1] - 1, -1, -1):
                other = pivots[(*place, row)]
                out[(*place, [row, other])] = out[(*place, [other, row])]
        output_storage[0][0] = out

    def jax_function(self, node):
        import jax
        import jax.numpy as jnp

        def function(x, pivots):
            # Row i of the factored matrix was row order[i] before.
            order = jax.lax.linalg.lu_pivots_to_permutation(pivots, x.shape[-2])
            return jnp.take_along_axis(x, jnp.argsort(order, axis=-1)[..., None], axis=-2)

        return function


class PseudoInverse(_MatrixOp):
    """Moore-Penrose inverse (..., n, m); singular values up to `rcond` times the largest are 0.

    Golub and Pereyra (1973) give the gradient, valid where the rank does not change.
    """

    __props__ = ("rcond",)

    def __init__(self, rcond=None):
        self.rcond = rcond

    def shapes(self, stack, m, n):
        return [(*stack, n, m)]

    def compute(self, x):
        return [np.linalg.pinv(x, self.tolerance(x))]

    def tolerance(self, x):
        return max(x.shape[-2:]) * np.finfo(x.dtype).eps if self.rcond is None else self.rcond

    def jax_compute(self, jax, x):
        return [jax.numpy.linalg.pinv(x, self.tolerance(x))]

    def pullback(self, inputs, outputs, output_grads):
        (x,), (p,), (grad,) = inputs, outputs, output_grads
        grad_t, p_t = _t(grad), _t(p)
        return [
            (grad_t - x @ (p @ grad_t)) @ (p @ p_t)
            + (p_t @ p) @ (grad_t - (grad_t @ p) @ x)
            - p_t @ grad @ p_t
        ]


class SolveTriangular(TensorOp):
    """The x with a x = b, for triangular a (..., n, n) and b (..., n, k) of the same stack."""

    __props__ = ("lower",)

    def __init__(self, lower):
        self.lower = lower

    def make_node(self, a, b):
        return Apply(self, [a, b], [b.type()])

    def perform(self, node, inputs, output_storage):
        a, b = inputs
        out = np.empty_like(b)
        for place in np.ndindex(b.shape[:-2]):
            out[place] = scipy.linalg.solve_triangular(
                a[place], b[place], lower=self.lower, check_finite=False
            )
        output_storage[0][0] = out

    def jax_function(self, node):
        import jax

        return lambda a, b: jax.lax.linalg.triangular_solve(a, b, left_side=True, lower=self.lower)

    def output_shapes(self, node, shapes):
        return [shapes[1]]

    def pullback(self, inputs, outputs, output_grads):
        a, _ = inputs
        grad_b = SolveTriangular(not self.lower)(_t(a), output_grads[0])
        keep = pt.tril if self.lower else pt.triu
        return [-keep(grad_b @ _t(outputs[0])), grad_b]


class Solve(TensorOp):
    """The x with a x = b, for a (..., n, n) and b (..., n, k) of the same stack."""

    def make_node(self, a, b):
        return Apply(self, [a, b], [b.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.linalg.solve(*inputs)

    def jax_function(self, node):
        import jax

        return jax.numpy.linalg.solve

    def output_shapes(self, node, shapes):
        return [shapes[1]]

    def pullback(self, inputs, outputs, output_grads):
        grad_b = self(_t(inputs[0]), output_grads[0])
        return [-(grad_b @ _t(outputs[0])), grad_b]


def inv(x):
    return Inverse()(x)


def slogdet(x):
    return tuple(SLogDet()(x))


def solve_triangular(a, b, lower):
    return SolveTriangular(lower)(a, b)
