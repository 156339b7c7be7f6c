"""Random numbers as pure functions of a seed, so that a graph that draws can be rewritten freely.

PyTensor's own random variables carry a generator from call to call. Keras carries two unsigned
integers instead and advances them itself, as with JAX's keys: the same seed gives the same numbers
in every graph and process. In JAX mode JAX's generator draws them, so the numbers differ there.
"""

import numpy as np
import pytensor.tensor as pt
from numpy.random import SFC64, Generator, SeedSequence
from pytensor.gradient import grad_not_implemented
from pytensor.graph.basic import Apply

from keras_theano.pytensor_ops._base import (
    TensorOp,
    compute_dtype,
    disconnected,
    jax_sizes,
    size_input,
    static_size,
)


class RandomDraw(TensorOp):
    """Draw an array of independent numbers.

    Inputs are the seed (2 unsigned integers), the distribution's parameters (tensors that
    broadcast against the drawn shape) and the sizes of the axes (int64 scalars).

    Attributes:
        distribution: A key of `_DRAWS`.
        dtype: Name of the drawn dtype.
        n_params: How many of the inputs are parameters.
    """

    __props__ = ("distribution", "dtype", "n_params")

    def __init__(self, distribution, dtype, n_params):
        self.distribution = distribution
        self.dtype = dtype
        self.n_params = n_params

    def make_node(self, seed, *inputs):
        params = [pt.as_tensor_variable(param) for param in inputs[: self.n_params]]
        sizes = [size_input(size) for size in inputs[self.n_params :]]
        shape = tuple(static_size(size) for size in sizes)
        output = pt.TensorType(self.dtype, shape=shape)()
        return Apply(self, [pt.as_tensor_variable(seed), *params, *sizes], [output])

    def perform(self, node, inputs, outputs):
        seed, *rest = inputs
        params, shape = rest[: self.n_params], tuple(int(size) for size in rest[self.n_params :])
        drawn = _DRAWS[self.distribution](generator(seed), params, shape, np.dtype(self.dtype))
        outputs[0][0] = np.asarray(drawn).astype(self.dtype, copy=False)

    def output_shapes(self, node, input_shapes):
        return [tuple(node.inputs[1 + self.n_params :])]

    def connection_pattern(self, node):
        is_param = [False] + [True] * self.n_params
        return [[known] for known in is_param + [False] * (len(node.inputs) - len(is_param))]

    def pullback(self, inputs, outputs, output_grads):
        reason = f"The derivative of {self.distribution} draws by their parameters is not known."
        params = [
            grad_not_implemented(self, 1 + place, param, reason)
            for place, param in enumerate(inputs[1 : 1 + self.n_params])
        ]
        return [*disconnected(1), *params, *disconnected(len(inputs) - 1 - self.n_params)]

    def jax_function(self, node):
        """Return the same draw in JAX: a function of this node's inputs."""
        import jax

        shape = node.outputs[0].type.shape
        draw = _jax_draws(jax)[self.distribution]

        def drawn(seed, *inputs):
            sizes = node.inputs[1 + self.n_params :], shape, inputs[self.n_params :]
            key = jax.random.fold_in(jax.random.key(seed[0]), seed[1])
            return draw(key, inputs[: self.n_params], jax_sizes(*sizes), self.dtype).astype(
                self.dtype
            )

        return drawn


class Permutation(TensorOp):
    """Draw a random order of `size` things: int64 indices."""

    def make_node(self, seed, size):
        size = size_input(size)
        output = pt.TensorType("int64", shape=(static_size(size),))()
        return Apply(self, [pt.as_tensor_variable(seed), size], [output])

    def perform(self, node, inputs, outputs):
        seed, size = inputs
        outputs[0][0] = generator(seed).permutation(int(size))

    def output_shapes(self, node, input_shapes):
        return [(node.inputs[1],)]

    def connection_pattern(self, node):
        return [[False], [False]]

    def pullback(self, inputs, outputs, output_grads):
        return disconnected(2)

    def jax_function(self, node):
        import jax

        def drawn(seed, size):
            key = jax.random.fold_in(jax.random.key(seed[0]), seed[1])
            (count,) = jax_sizes(node.inputs[1:], node.outputs[0].type.shape, [size])
            return jax.random.permutation(key, count)

        return drawn


class Categorical(TensorOp):
    """Draw class numbers (batch, draws) from unnormalised log-probabilities (batch, classes).

    Attributes:
        dtype: Name of the drawn dtype.
    """

    __props__ = ("dtype",)

    def __init__(self, dtype):
        self.dtype = dtype

    def make_node(self, seed, logits, draws):
        logits, draws = pt.as_tensor_variable(logits), size_input(draws)
        shape = (logits.type.shape[0], static_size(draws))
        output = pt.TensorType(self.dtype, shape=shape)()
        return Apply(self, [pt.as_tensor_variable(seed), logits, draws], [output])

    def perform(self, node, inputs, outputs):
        seed, logits, draws = inputs
        batch, classes = logits.shape
        weights = np.exp(logits.astype("float64") - logits.max(axis=1, keepdims=True))
        cumulated = np.cumsum(weights, axis=1)
        cumulated /= cumulated[:, -1:]
        # Row i is moved to [i, i + 1], so that one search serves all rows.
        row = np.arange(batch)[:, None]
        points = generator(seed).random((batch, int(draws))) + row
        found = np.searchsorted((cumulated + row).ravel(), points.ravel(), side="right")
        found = found.reshape(points.shape) - row * classes
        outputs[0][0] = np.clip(found, 0, classes - 1).astype(self.dtype)

    def output_shapes(self, node, input_shapes):
        return [(input_shapes[1][0], node.inputs[2])]

    def connection_pattern(self, node):
        return [[False]] * 3

    def pullback(self, inputs, outputs, output_grads):
        return disconnected(3)

    def jax_function(self, node):
        import jax

        def drawn(seed, logits, draws):
            key = jax.random.fold_in(jax.random.key(seed[0]), seed[1])
            (count,) = jax_sizes(node.inputs[2:], node.outputs[0].type.shape[1:], [draws])
            shape = (logits.shape[0], count)
            picked = jax.random.categorical(key, logits[..., None], axis=1, shape=shape)
            return picked.astype(self.dtype)

        return drawn


def generator(seed):
    """Return a NumPy generator that depends on nothing but the seed's two integers."""
    return Generator(SFC64(SeedSequence([int(part) for part in np.asarray(seed).ravel()])))


def _uniform(rng, params, shape, dtype):
    if dtype == "float16":
        # float16 has 11 significant bits: more would round up to 1, which is excluded.
        return rng.integers(0, 2048, shape) / 2048
    return rng.random(shape, dtype=dtype)


def _normal(rng, params, shape, dtype):
    return rng.standard_normal(shape, dtype=compute_dtype(dtype))


def _truncated_normal(rng, params, shape, dtype):
    drawn = rng.standard_normal(shape, dtype=compute_dtype(dtype))
    flat = drawn.reshape(-1)
    (outside,) = np.nonzero(np.abs(flat) > 2)
    while outside.size:  # a twentieth of what is left each time
        flat[outside] = rng.standard_normal(outside.size, dtype=drawn.dtype)
        outside = outside[np.abs(flat[outside]) > 2]
    return drawn


def _integers(rng, params, shape, dtype):
    low, high = params
    return rng.integers(low, high, shape, dtype=dtype)


def _dropout_mask(rng, params, shape, dtype):
    """Zeros, and 1 / keep_prob with probability keep_prob (to the nearest 1/65536)."""
    (keep_prob,) = params
    count = int(np.prod(shape))
    # 16 random bits decide each place: half the cost of drawing a float32 for it.
    bits = rng.bit_generator.random_raw((count + 3) // 4).view(np.uint16)[:count].reshape(shape)
    keep = bits < np.uint16(min(round(float(keep_prob) * 65536), 65535))
    return np.multiply(keep, dtype.type(1 / keep_prob))


def _gamma(rng, params, shape, dtype):
    return rng.standard_gamma(params[0].astype("float64"), shape)


def _binomial(rng, params, shape, dtype):
    counts, probabilities = params
    return rng.binomial(np.asarray(counts, dtype="int64"), probabilities, shape)


def _beta(rng, params, shape, dtype):
    return rng.beta(params[0], params[1], shape)


_DRAWS = {
    "uniform": _uniform,
    "normal": _normal,
    "truncated_normal": _truncated_normal,
    "integers": _integers,
    "dropout_mask": _dropout_mask,
    "gamma": _gamma,
    "binomial": _binomial,
    "beta": _beta,
}


def _jax_draws(jax):
    random, jnp = jax.random, jax.numpy
    return {
        "uniform": lambda key, p, shape, dtype: random.uniform(key, shape, dtype),
        "normal": lambda key, p, shape, dtype: random.normal(key, shape, dtype),
        "truncated_normal": lambda key, p, shape, dtype: random.truncated_normal(
            key, -2.0, 2.0, shape, dtype
        ),
        "integers": lambda key, p, shape, dtype: random.randint(key, shape, p[0], p[1], dtype),
        "dropout_mask": lambda key, p, shape, dtype: jnp.where(
            random.bernoulli(key, p[0], shape), 1 / p[0], 0
        ),
        "gamma": lambda key, p, shape, dtype: random.gamma(key, p[0], shape, dtype),
        "binomial": lambda key, p, shape, dtype: random.binomial(key, p[0], p[1], shape, dtype),
        "beta": lambda key, p, shape, dtype: random.beta(key, p[0], p[1], shape, dtype),
    }
