"""`keras.ops.linalg` on Theano: against NumPy and SciPy, on stacks, with gradients."""

import numpy as np
import pytest
import scipy.linalg
from graph_checks import assert_close, check_gradient, compiled

from keras_theano.src import linalg
from keras_theano.src.tensor import Tensor

RNG = np.random.default_rng(1)
TALL = RNG.normal(size=(2, 4, 3))
WIDE = TALL.swapaxes(-1, -2)
SQUARE = RNG.normal(size=(2, 3, 3)) + 2 * np.eye(3)
SYMMETRIC = SQUARE + SQUARE.swapaxes(-1, -2)
POSITIVE = SQUARE @ SQUARE.swapaxes(-1, -2) + np.eye(3)
TRIANGULAR = np.tril(SQUARE)
RIGHT = RNG.normal(size=(2, 3, 2))
INVERSE = np.linalg.inv(POSITIVE)


def each(function, *stacks):
    return np.stack([function(*matrices) for matrices in zip(*stacks, strict=True)])


# Name, function, arrays, expected. Where a result is arbitrary up to a sign, the function makes of
# it what is not.
CASES = [
    ("cholesky", linalg.cholesky, [POSITIVE], np.linalg.cholesky(POSITIVE)),
    (
        "cholesky upper",
        lambda a: linalg.cholesky(a, upper=True),
        [POSITIVE],
        np.linalg.cholesky(POSITIVE).swapaxes(-1, -2),
    ),
    (
        "cholesky_inverse",
        linalg.cholesky_inverse,
        [np.linalg.cholesky(POSITIVE)],
        INVERSE,
    ),
    (
        "cholesky_inverse upper",
        lambda a: linalg.cholesky_inverse(a, upper=True),
        [np.linalg.cholesky(POSITIVE).swapaxes(-1, -2)],
        INVERSE,
    ),
    ("det", linalg.det, [SQUARE], np.linalg.det(SQUARE)),
    ("inv", linalg.inv, [SQUARE], np.linalg.inv(SQUARE)),
    ("eigh values", lambda a: linalg.eigh(a)[0], [SYMMETRIC], np.linalg.eigh(SYMMETRIC)[0]),
    ("svd values", lambda a: linalg.svd(a)[1], [TALL], np.linalg.svd(TALL)[1]),
    (
        "singular values",
        lambda a: linalg.svd(a, compute_uv=False),
        [WIDE],
        np.linalg.svd(WIDE, compute_uv=False),
    ),
    ("qr", linalg.qr, [TALL], np.linalg.qr(TALL)),
    ("qr square", lambda a: linalg.qr(a, "complete"), [SQUARE], np.linalg.qr(SQUARE)),
    (
        "lu_factor",
        lambda a: linalg.lu_factor(a)[0],
        [SQUARE],
        each(lambda a: scipy.linalg.lu_factor(a)[0], SQUARE),
    ),
    ("solve", linalg.solve, [SQUARE, RIGHT], np.linalg.solve(SQUARE, RIGHT)),
    ("solve vector", linalg.solve, [SQUARE[0], RIGHT[0, :, 0]], None),
    (
        "solve_triangular",
        lambda a, b: linalg.solve_triangular(a, b, lower=True),
        [TRIANGULAR, RIGHT],
        np.linalg.solve(TRIANGULAR, RIGHT),
    ),
    (
        "solve_triangular upper",
        linalg.solve_triangular,
        [TRIANGULAR.swapaxes(-1, -2), RIGHT],
        np.linalg.solve(TRIANGULAR.swapaxes(-1, -2), RIGHT),
    ),
    ("pinv tall", linalg.pinv, [TALL], np.linalg.pinv(TALL)),
    ("pinv wide", linalg.pinv, [WIDE], np.linalg.pinv(WIDE)),
    ("lstsq", linalg.lstsq, [TALL[0], TALL[1, :, :2]], None),
    ("lstsq vector", linalg.lstsq, [WIDE[0], RIGHT[0, :, 0]], None),
]
CASES[13] = (*CASES[13][:3], np.linalg.solve(SQUARE[0], RIGHT[0, :, 0]))
CASES[18] = (*CASES[18][:3], np.linalg.lstsq(TALL[0], TALL[1, :, :2])[0])
CASES[19] = (*CASES[19][:3], np.linalg.lstsq(WIDE[0], RIGHT[0, :, 0])[0])


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_values_unknown_sizes_and_gradients(case):
    name, function, arrays, expected = case
    assert_close(function(*arrays), expected)
    if arrays[0].ndim == 3:
        assert_close(compiled(function, *arrays), expected)
    else:
        assert_close(compiled(function, *arrays, unknown=None), expected)
    # These read a symmetric or triangular matrix: the numbers that vary must stay one.
    if name.startswith(("cholesky", "eigh")) and "inverse" not in name:
        check_gradient(lambda a: function(_symmetric(a)), *arrays)
    else:
        check_gradient(function, *arrays)


def _symmetric(x):
    return Tensor((x.symbol + x.symbol.swapaxes(-1, -2)) / 2)


def test_vectors_of_eigh_and_svd_rebuild_the_matrix_with_gradients():
    def from_eigh(a):
        values, vectors = (t.symbol for t in linalg.eigh(_symmetric(a)))
        return Tensor((vectors * values[..., None, :] ** 3) @ vectors.swapaxes(-1, -2))

    def from_svd(a):
        u, s, vt = (t.symbol for t in linalg.svd(a, full_matrices=False))
        return Tensor((u * s[..., None, :] ** 3) @ vt)

    assert_close(compiled(from_eigh, SYMMETRIC), SYMMETRIC @ SYMMETRIC @ SYMMETRIC, rtol=1e-4)
    check_gradient(from_eigh, SYMMETRIC)
    for x in (TALL, WIDE):
        assert_close(compiled(from_svd, x), x @ x.swapaxes(-1, -2) @ x, rtol=1e-4)
        check_gradient(from_svd, x)


def test_whole_bases_and_eig():
    u, s, vt = linalg.svd(TALL)
    assert u.shape == (2, 4, 4) and vt.shape == (2, 3, 3)
    assert_close((u[..., :3] * s[..., None, :]) @ vt, TALL, atol=1e-5)
    values, vectors = linalg.eig(SQUARE)
    assert_close(SQUARE @ vectors, vectors * values[:, None, :], atol=1e-5)
    q, r = linalg.qr(TALL, mode="complete")
    assert q.shape == (2, 4, 4) and r.shape == (2, 4, 3)
    assert_close(q @ r, TALL, atol=1e-5)


ORDERS = [
    *((order, axis) for order in (None, 0, 1, 2, 3, -1, np.inf, -np.inf) for axis in (0, -1)),
    *(
        (order, axis)
        for order in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
        for axis in ((1, 2), (2, 0))
    ),
    (None, None),
]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("order, axis", ORDERS)
def test_norm(order, axis, keepdims):
    def function(x):
        return linalg.norm(x, ord=order, axis=axis, keepdims=keepdims)

    assert_close(compiled(function, TALL), np.linalg.norm(TALL, order, axis, keepdims))
    if keepdims and order != 0:
        check_gradient(function, TALL)


def test_matrix_rank():
    x = np.stack([np.outer([1.0, 2, 3], [1.0, 1, 1]), np.eye(3)])
    assert linalg.matrix_rank(x).tolist() == [1, 3]
    assert linalg.matrix_rank(np.diag([5.0, 1e-3]), tol=0.01) == 1


def test_rcond_drops_small_singular_values():
    x = np.diag([1.0, 1e-3])
    assert_close(linalg.pinv(x, rcond=0.01), np.linalg.pinv(x, rcond=0.01))
    assert_close(linalg.lstsq(x, np.ones(2), rcond=0.01), np.array([1.0, 0.0]))


def test_jvp():
    def function(a, b):
        return a @ b, a * 2

    a, b = TALL[0].astype("float32"), RIGHT[0].astype("float32")
    da, db = a[::-1] + 1, b[::-1] - 1
    outputs, tangents = linalg.jvp(function, (a, b), (da, db))
    assert_close(outputs, (a @ b, a * 2))
    assert_close(tangents, (da @ b + a @ db, da * 2))
    outputs, tangents, aux = linalg.jvp(lambda a: (a * a, a + 1), (a,), (da,), has_aux=True)
    assert_close((tangents, aux), (2 * a * da, a + 1))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="rank >= 2"):
        linalg.inv(np.ones(3))
    with pytest.raises(ValueError, match="square"):
        linalg.det(TALL)
    with pytest.raises(ValueError, match="mode"):
        linalg.qr(TALL, mode="full")
    with pytest.raises(ValueError, match="ord"):
        linalg.norm(TALL, ord="half", axis=(0, 1))
    with pytest.raises(ValueError, match="axis"):
        linalg.norm(TALL, axis=(0, 1, 2))
    with pytest.raises(np.linalg.LinAlgError):
        linalg.cholesky(-np.eye(2))
