"""`keras.random` on Theano: the distributions' moments, and that a seed fixes the numbers."""

import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import stats

from keras_theano.src import modes, random
from keras_theano.src.tensor import Tensor
from tests.keras_theano.ways import run_all_ways

SEED = np.array([7, 1], "uint32")
MANY = (40, 1000)

# Name, arguments, the distribution that SciPy has for it.
CONTINUOUS = [
    ("uniform", (-1.0, 3.0), stats.uniform(-1, 4)),
    ("normal", (2.0, 0.5), stats.norm(2, 0.5)),
    ("truncated_normal", (2.0, 0.5), stats.truncnorm(-2, 2, 2, 0.5)),
    ("gamma", (1.7,), stats.gamma(1.7)),
    ("beta", (1.5, 3.0), stats.beta(1.5, 3)),
]
DISCRETE = [
    ("randint", (-2, 5), stats.randint(-2, 5)),
    ("binomial", (9, 0.3), stats.binom(9, 0.3)),
]


@pytest.mark.parametrize(("name", "args", "law"), CONTINUOUS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_continuous_distributions(name, args, law, dtype):
    drawn = getattr(random, name)(MANY, *args, dtype=dtype, seed=SEED)
    assert drawn.shape == MANY and drawn.dtype == dtype
    # A fixed seed: no chance of a test that fails now and then.
    assert stats.kstest(drawn.ravel().astype("float64"), law.cdf).pvalue > 0.001


@pytest.mark.parametrize(("name", "args", "law"), DISCRETE)
def test_discrete_distributions(name, args, law):
    drawn = getattr(random, name)(MANY, *args, dtype="int32", seed=SEED)
    assert drawn.dtype == "int32"
    values, counts = np.unique(drawn, return_counts=True)
    expected = law.pmf(values) * drawn.size
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("name", [case[0] for case in CONTINUOUS + DISCRETE])
def test_numbers_follow_from_the_seed_alone(name):
    args = {case[0]: case[1] for case in CONTINUOUS + DISCRETE}[name]
    function = getattr(random, name)
    first = function((3, 4), *args, seed=5)
    np.testing.assert_array_equal(first, function((3, 4), *args, seed=5))
    assert (first != function((3, 4), *args, seed=6)).any()
    # The same within a compiled function, and for a size that is known only when it runs.
    seed, x = pt.vector(dtype="uint32"), pt.matrix(dtype="float32")
    traced = function((Tensor(x.shape[0]), 4), *args, seed=Tensor(seed))
    assert traced.shape == (None, 4)
    compiled = modes.compile_function([seed, x], [traced.symbol])
    np.testing.assert_array_equal(
        compiled(np.array([5, 0], "uint32"), np.zeros((3, 1), "float32"))[0], first
    )


def test_float16_uniform_excludes_its_upper_end():
    drawn = random.uniform((200, 1000), dtype="float16", seed=3)
    assert drawn.dtype == "float16" and drawn.min() >= 0 and drawn.max() < 1


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_its_gradient_is_its_mask(rate):
    x = np.ones((200, 500), "float32")
    dropped = run_all_ways(lambda x: random.dropout(x, rate, seed=SEED), x)
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / (1 - rate)], rtol=1e-6)
    error = np.sqrt(rate * (1 - rate) / x.size)
    assert abs((dropped == 0).mean() - rate) < 4 * error
    symbol = pt.matrix(dtype="float32")
    slope = pytensor.grad(random.dropout(Tensor(symbol), rate, seed=SEED).symbol.sum(), symbol)
    np.testing.assert_array_equal(modes.compile_function([symbol], [slope])(x)[0], dropped)


def test_dropout_noise_shape_is_shared_along_axes_of_size_one():
    x = np.ones((6, 5, 4), "float32")
    y = run_all_ways(lambda x: random.dropout(x, 0.5, (None, 1, None), seed=SEED), x)
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], x.shape))
    assert 0 < (y == 0).mean() < 1
    np.testing.assert_array_equal(random.dropout(x, 0.0), x)
    np.testing.assert_array_equal(random.dropout(x, 1.0), 0 * x)
    with pytest.raises(ValueError, match="noise_shape"):
        random.dropout(x, 0.5, (6, 1), seed=SEED)


def test_categorical_draws_in_proportion_and_never_the_impossible():
    odds = np.array([[1, 0, 3], [0, 5, 5]], "float32")
    with np.errstate(divide="ignore"):
        logits = np.log(odds) + np.array([[700], [-700]], "float32")
    drawn = random.categorical(logits, 20000, seed=SEED)
    assert drawn.shape == (2, 20000) and drawn.dtype == "int32"
    for row, weights in zip(drawn, odds, strict=True):
        counts = np.bincount(row, minlength=3) / row.size
        np.testing.assert_allclose(counts, weights / weights.sum(), atol=0.015)
        assert (counts[weights == 0] == 0).all()
    with pytest.raises(ValueError, match="logits"):
        random.categorical(logits[0], 3, seed=SEED)


def test_shuffle_moves_whole_slices():
    x = np.arange(60).reshape(10, 6)
    y = run_all_ways(lambda x: random.shuffle(x, seed=SEED), x)
    assert (y != x).any()
    np.testing.assert_array_equal(y[np.argsort(y[:, 0])], x)
    across = random.shuffle(x, axis=1, seed=SEED)
    np.testing.assert_array_equal(across[:, np.argsort(across[0])], x)


def test_seed_generator_advances():
    generator = keras.random.SeedGenerator(3)
    first, second = (keras.random.normal((4,), seed=generator) for _ in range(2))
    assert (first != second).all()
    again = keras.random.SeedGenerator(3)
    np.testing.assert_array_equal(first, keras.random.normal((4,), seed=again))
