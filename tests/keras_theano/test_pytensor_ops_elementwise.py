"""What NumPy computes for scalar ops is what they mean, for any number of terms, alone and in chains."""

import numpy as np
import pytensor.scalar as ps
import pytensor.tensor as pt
import pytest
from pytensor.scalar.math import log1mexp, softplus, tri_gamma
from pytensor.tensor.elemwise import Elemwise
from scipy import special

from keras_theano.pytensor_ops.vm_ops import BlockwiseElemwise
from keras_theano.src.tensor import run_graph

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 4)).astype("float32")
Y = RNG.normal(size=(1, 4)).astype("float32")
Z = RNG.normal(size=(3, 1)).astype("float32")
POSITIVE = np.abs(X) + 0.5
INTS = RNG.integers(0, 9, (3, 4), "int32")
BITS = INTS > 4

CASES = {
    "sum of one": (ps.add, [X], X),
    "sum": (ps.add, [X, Y], X + Y),
    "sum of three": (ps.add, [X, Y, Z], X + Y + Z),
    "product of one": (ps.mul, [X], X),
    "product of three": (ps.mul, [X, Y, Z], X * Y * Z),
    "maximum": (ps.maximum, [X, Y], np.maximum(X, Y)),
    "and": (ps.and_, [BITS, BITS[:1]], BITS & BITS[:1]),
    "sum of whole numbers": (ps.add, [INTS, INTS[:1], INTS], 2 * INTS + INTS[:1]),
    "cast": (ps.Cast(ps.int32), [X * 9], (X * 9).astype("int32")),
    "identity": (ps.identity, [X], X),
    "second": (ps.second, [X, Y], np.broadcast_to(Y, X.shape)),
    "switch": (ps.switch, [BITS, X, Y], np.where(BITS, X, Y)),
    "clip": (ps.clip, [X, np.float32(-0.5), np.float32(0.5)], np.clip(X, -0.5, 0.5)),
    "round": (ps.round_half_away_from_zero, [INTS / np.float32(2)], np.floor(INTS / 2 + 0.5)),
    "softplus": (softplus, [X], np.log1p(np.exp(X))),
    "log1mexp": (log1mexp, [-POSITIVE], np.log1p(-np.exp(-POSITIVE))),
    "trigamma": (tri_gamma, [POSITIVE], special.polygamma(1, POSITIVE)),
    "sine of whole numbers": (ps.sin, [INTS], np.sin(INTS)),
    "without a ufunc": (ps.math.gammainc, [POSITIVE, POSITIVE], None),
}


@pytest.mark.parametrize("kind", [Elemwise, BlockwiseElemwise])
@pytest.mark.parametrize("name", CASES)
def test_it_computes_what_it_means(name, kind):
    op, arrays, expected = CASES[name]
    if expected is None:
        expected = special.gammainc(*arrays)
    inputs = [
        pt.TensorType(a.dtype.name, [1 if n == 1 else None for n in a.shape])() for a in arrays
    ]
    output = kind(op)(*inputs)
    (found,) = run_graph(inputs, [output], arrays)
    assert found.dtype == output.type.dtype
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert not any(np.shares_memory(found, array) for array in arrays)
