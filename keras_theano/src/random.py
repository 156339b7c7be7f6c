"""`keras.random` on Theano. Every draw is a pure function of its seed.

The numbers depend on the seed and on the mode: the CPU modes draw with NumPy, JAX mode with JAX.
"""

import numpy as np
import pytensor.tensor as pt
from keras.src.backend.config import floatx
from keras.src.random.seed_generator import SeedGenerator as SeedGenerator
from keras.src.random.seed_generator import draw_seed
from keras.src.random.seed_generator import make_default_seed as make_default_seed

from keras_theano.pytensor_ops.random import Categorical, Permutation, RandomDraw
from keras_theano.src.missing import missing_op
from keras_theano.src.tensor import (
    Tensor,
    TheanoVariable,
    as_symbol,
    eager_dtype,
    is_array,
    op,
)

__getattr__ = missing_op("random")


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    return _uniform(_sizes(shape), minval, maxval, _dtype(dtype), _seed(seed))


@op
def _uniform(shape, minval, maxval, dtype, seed):
    minval, maxval = as_symbol(minval, dtype), as_symbol(maxval, dtype)
    return _draw("uniform", shape, dtype, seed) * (maxval - minval) + minval


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return _scaled("normal", _sizes(shape), mean, stddev, _dtype(dtype), _seed(seed))


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return _scaled("truncated_normal", _sizes(shape), mean, stddev, _dtype(dtype), _seed(seed))


@op
def _scaled(distribution, shape, mean, stddev, dtype, seed):
    drawn = _draw(distribution, shape, dtype, seed)
    return drawn * as_symbol(stddev, dtype) + as_symbol(mean, dtype)


def randint(shape, minval, maxval, dtype="int32", seed=None):
    return _randint(_sizes(shape), minval, maxval, _dtype(dtype), _seed(seed))


@op
def _randint(shape, minval, maxval, dtype, seed):
    bounds = (as_symbol(minval, "int64"), as_symbol(maxval, "int64"))
    return _draw("integers", shape, dtype, seed, *bounds)


def gamma(shape, alpha, dtype=None, seed=None):
    return _parametric("gamma", _sizes(shape), _dtype(dtype), _seed(seed), alpha)


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    return _parametric("binomial", _sizes(shape), _dtype(dtype), _seed(seed), counts, probabilities)


def beta(shape, alpha, beta, dtype=None, seed=None):
    return _parametric("beta", _sizes(shape), _dtype(dtype), _seed(seed), alpha, beta)


@op
def _parametric(distribution, shape, dtype, seed, *params):
    return _draw(distribution, shape, dtype, seed, *(as_symbol(p, "float64") for p in params))


def dropout(inputs, rate, noise_shape=None, seed=None):
    """Zero a random part of `inputs` and scale the rest by 1 / (1 - rate).

    The probability is exact to 1/65536. None in `noise_shape` stands for the input's size.
    """
    if rate == 0.0:
        return inputs
    if noise_shape is not None:
        noise_shape = tuple(noise_shape)
    return _dropout(inputs, float(rate), noise_shape, _seed(seed))


@op
def _dropout(inputs, rate, noise_shape, seed):
    inputs = as_symbol(inputs)
    if rate == 1.0:
        return pt.zeros_like(inputs)
    sizes = [
        inputs.shape[axis] if size is None else size for axis, size in enumerate(inputs.type.shape)
    ]
    if noise_shape is not None:
        if len(noise_shape) != len(sizes):
            raise ValueError(
                f"Argument `noise_shape` of dropout must have one entry per axis of the inputs. "
                f"Received: noise_shape={noise_shape}, inputs.shape={inputs.type.shape}"
            )
        sizes = [
            known if size is None else size for known, size in zip(sizes, noise_shape, strict=True)
        ]
    dtype = inputs.type.dtype if inputs.type.dtype.startswith("float") else floatx()
    mask = _draw("dropout_mask", sizes, dtype, seed, pt.constant(1 - rate, dtype="float64"))
    return pt.cast(inputs * mask, inputs.type.dtype)


def categorical(logits, num_samples, dtype="int32", seed=None):
    return _categorical(logits, num_samples, _dtype(dtype), _seed(seed))


@op
def _categorical(logits, num_samples, dtype, seed):
    logits = as_symbol(logits)
    if logits.type.ndim != 2:
        raise ValueError(
            "Argument `logits` of categorical must have shape (batch, classes). "
            f"Received: logits.shape={logits.type.shape}"
        )
    return Categorical(dtype)(as_symbol(seed), logits, num_samples)


def shuffle(x, axis=0, seed=None):
    """Put the slices of `x` along `axis` in random order; each slice stays whole."""
    return _shuffle(x, axis, _seed(seed))


@op
def _shuffle(x, axis, seed):
    x = as_symbol(x)
    order = Permutation()(as_symbol(seed), x.type.shape[axis] or x.shape[axis])
    return pt.take(x, order, axis=axis)


def _draw(distribution, shape, dtype, seed, *params):
    draw = RandomDraw(distribution, dtype, len(params))
    return draw(as_symbol(seed), *params, *shape)


def _dtype(dtype):
    return eager_dtype(dtype or floatx())


def _seed(seed):
    """Return the seed's state: drawn from a `SeedGenerator` or an int, or given as it is."""
    if is_array(seed) or isinstance(seed, (Tensor, TheanoVariable)):
        return seed
    return draw_seed(seed)


def _sizes(shape):
    """Return a shape as a tuple of Python ints (static, for `op`) and scalar Tensors."""
    shape = shape if isinstance(shape, (list, tuple, np.ndarray)) else (shape,)
    return tuple(int(size) if is_array(size) else size for size in shape)
