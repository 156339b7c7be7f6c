"""Checks that every op of the engine must pass, whichever family it is of."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from keras import tree

from keras_theano.src import modes
from keras_theano.src.tensor import Tensor, as_symbol


def leaves(result):
    return [leaf for leaf in tree.flatten(result) if leaf is not None]


def assert_close(actual, expected, rtol=1e-5, atol=1e-6):
    """Compare two nested results, leaf by leaf."""
    actual, expected = leaves(actual), leaves(expected)
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=atol)


def compiled(function, *arrays, unknown=0):
    """Run `function` as a compiled graph whose inputs' axis `unknown` has no known size."""
    inputs = []
    for array in arrays:
        shape = list(array.shape)
        if unknown is not None and array.ndim > unknown:
            shape[unknown] = None
        inputs.append(pt.TensorType(array.dtype.name, tuple(shape))())
    outputs = [as_symbol(leaf) for leaf in leaves(function(*map(Tensor, inputs)))]
    found = modes.compile_function(inputs, outputs)(*arrays)
    for value, output in zip(found, outputs, strict=True):
        known = zip(value.shape, output.type.shape, strict=True)
        assert all(b in (None, a) for a, b in known), "the static shape is wrong"
    return found


def check_gradient(function, *arrays, which=None):
    """Compare the gradient of all (or of the chosen) floating results with finite differences.

    The arrays must be float64.
    """

    def scalar_free(*symbols):
        results = leaves(function(*map(Tensor, symbols)))
        results = results if which is None else [results[i] for i in which]
        parts = [as_symbol(r).ravel() for r in results if r.dtype.startswith("float")]
        return pt.concatenate(parts)

    pytensor.gradient.verify_grad(
        scalar_free, list(arrays), rng=np.random.default_rng(3), mode=modes.default_mode()
    )
