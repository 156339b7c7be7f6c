"""One op, every way of running it: eagerly, compiled with an unknown batch size, traced, derived."""

import numpy as np
import pytensor
import pytensor.tensor as pt
from keras import KerasTensor, tree
from keras.src import backend

from keras_theano.src import modes
from keras_theano.src.tensor import Tensor, as_symbol


def run_all_ways(function, *arrays, batched=None):
    """Return what `function` gives for arrays, after checking that all ways agree.

    Args:
        batched: How many of the arrays, from the first, get an unknown first size (default: all).
    """
    batched = len(arrays) if batched is None else batched
    eager = tree.flatten(function(*arrays))
    shapes = [
        (None, *array.shape[1:]) if place < batched else array.shape
        for place, array in enumerate(arrays)
    ]
    symbols = [
        pt.TensorType(array.dtype.name, shape=shape)()
        for array, shape in zip(arrays, shapes, strict=True)
    ]
    traced = tree.flatten(function(*(Tensor(symbol) for symbol in symbols)))
    compiled = modes.compile_function(symbols, [as_symbol(out) for out in traced])(*arrays)
    specs = tree.flatten(
        backend.compute_output_spec(
            function,
            *(
                KerasTensor(shape, array.dtype.name)
                for array, shape in zip(arrays, shapes, strict=True)
            ),
        )
    )
    for value, other, spec in zip(eager, compiled, specs, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-5, atol=1e-6)
        assert value.dtype == other.dtype == spec.dtype
        assert len(spec.shape) == value.ndim
        for known, size in zip(spec.shape, value.shape, strict=True):
            assert known is None or known == size
        # Only what depends on the batch may be unknown.
        assert sum(known is None for known in spec.shape) <= 1
    return eager if len(eager) > 1 else eager[0]


def check_gradient(function, *arrays, second=False):
    """Compare gradients with finite differences, in float64."""
    rng = np.random.default_rng(11)
    arrays = [np.asarray(array, "float64") for array in arrays]

    def symbolic(*symbols):
        return as_symbol(function(*(Tensor(symbol) for symbol in symbols)))

    pytensor.gradient.verify_grad(symbolic, arrays, rng=rng, mode=modes.default_mode())
    if second:

        def slope(*symbols):
            return pytensor.grad(pt.sum(pt.sqr(symbolic(*symbols))), symbols[0])

        pytensor.gradient.verify_grad(slope, arrays, rng=rng, mode=modes.default_mode())
