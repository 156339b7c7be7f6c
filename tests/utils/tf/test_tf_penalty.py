"""The gradient penalty is exact for critics whose gradient is known, and its own gradient is right."""

import numpy as np
import pytest
import tensorflow as tf

from utils.tf import check_gradients, gradient_penalty

RANDOM = np.random.default_rng(0)
REAL, FAKE = RANDOM.normal(size=(2, 6, 4, 4, 1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("target", [1.0, 0.0, 2.5])
def test_a_linear_critic_has_one_gradient_everywhere(target, dtype):
    w = RANDOM.normal(size=(16, 1))
    penalty = gradient_penalty(
        lambda x: tf.reshape(x, (-1, 16)) @ w.astype(dtype),
        REAL.astype(dtype),
        FAKE.astype(dtype),
        target,
    )
    assert penalty.dtype == dtype
    exact = (np.linalg.norm(w) - target) ** 2
    assert float(penalty) == pytest.approx(exact, rel=1e-6 if dtype == "float32" else 1e-14)


def test_three_times_one_pixel_costs_4():
    assert float(gradient_penalty(lambda x: 3 * x[:, 1, 2, 0], REAL, FAKE)) == 4


def test_each_example_has_its_own_gradient_and_the_mean_is_over_them():
    # The gradient of |x|²/2 is x. Where both examples are alike, so is the mixture.
    half_square = lambda x: tf.reduce_sum(x**2, (1, 2, 3)) / 2
    lengths = np.linalg.norm(REAL.reshape(6, -1), axis=1)
    found = float(gradient_penalty(half_square, REAL, REAL))
    assert found == pytest.approx(((lengths - 1) ** 2).mean(), rel=1e-12)


def shares(**options):
    """The proportions that were drawn, of 4,000 examples of several numbers."""
    seen = []
    critic = lambda x: seen.append(x) or tf.reduce_sum(x, 1)
    gradient_penalty(critic, tf.zeros((4000, 3)), tf.ones((4000, 3)), **options)
    (mixed,) = seen
    assert (mixed == mixed[:, :1]).numpy().all(), "one proportion for all numbers of an example"
    return mixed[:, 0].numpy()


def test_proportions_are_uniform_and_of_each_example():
    found = np.sort(shares(seed=0))
    assert found[0] >= 0 and found[-1] <= 1
    assert np.abs(found - np.linspace(0, 1, 4000)).max() < 0.03


def test_seeds():
    assert (shares(seed=3) == shares(seed=3)).all() and (shares(seed=3) != shares(seed=4)).any()
    assert (shares() != shares()).any()
    generator = tf.random.Generator.from_seed(1)
    first, second = shares(seed=generator), shares(seed=generator)
    assert (first != second).any()
    generator.reset_from_seed(1)
    assert (shares(seed=generator) == first).all()


def perceptron(activation):
    weights = [tf.Variable(RANDOM.normal(size=shape)) for shape in ((16, 5), (5,), (5, 1))]
    kernel, bias, out = weights
    return weights, lambda x: activation(tf.reshape(x, (-1, 16)) @ kernel + bias) @ out


def test_its_gradient_is_right_for_weights_and_examples():
    weights, critic = perceptron(tf.tanh)
    check_gradients(
        lambda real, fake: gradient_penalty(critic, real, fake, seed=1),
        REAL,
        FAKE,
        variables=weights,
    )


def test_where_nothing_slopes_there_is_no_nan():
    weights, critic = perceptron(tf.nn.relu)
    weights[1].assign(-1e3 * np.ones(5))  # all units asleep
    for target, cost in ((1.0, 1.0), (0.0, 0.0)):
        with tf.GradientTape() as tape:
            penalty = gradient_penalty(critic, REAL, FAKE, target)
        assert float(penalty) == cost
        slopes = tape.gradient(penalty, weights, unconnected_gradients="zero")
        assert all((slope.numpy() == 0).all() for slope in slopes)


def test_it_trains_a_critic_to_the_length():
    w = tf.Variable(tf.fill((16, 1), 2.0))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            penalty = gradient_penalty(
                lambda x: tf.reshape(x, (-1, 16)) @ w,
                REAL.astype("float32"),
                FAKE.astype("float32"),
            )
        w.assign_sub(0.2 * tape.gradient(penalty, w))
        return penalty

    for _ in range(40):
        step()
    assert float(tf.norm(w)) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_small_gradients_count_in_16_bits(dtype):
    real = tf.cast(REAL, dtype)
    penalty = gradient_penalty(lambda x: 1e-4 * x[:, 0, 0, 0], real, real, target=0)
    assert penalty.dtype == tf.float32
    assert float(penalty) == pytest.approx(1e-8, rel=0.02)


WHOLE = np.ones((6, 4, 4, 1), "uint8")


@pytest.mark.parametrize(
    "critic, real, fake, options, words",
    [
        (None, REAL, FAKE[:5], {}, r"one shape and type, not \(6, 4, 4, 1\) of float64 and \(5,"),
        (None, REAL, FAKE.astype("float32"), {}, "float64 and .* of float32"),
        (None, WHOLE, WHOLE, {}, "Examples are floats .* of uint8"),
        (None, REAL[:, 0, 0, 0], FAKE[:, 0, 0, 0], {}, r"floats of shape \(n, ...\), not \(6,\)"),
        (None, REAL, FAKE, {"target": -1}, "never below 0, as target=-1"),
        (lambda x: tf.reduce_mean(x), REAL, FAKE, {}, r"score each example, .* not \(\)"),
        (lambda x: x[:, 0, :, 0], REAL, FAKE, {}, r"not \(6, 4\)"),
        (lambda x: x, REAL, FAKE, {}, r"not \(6, 4, 4, 1\)"),
        (lambda x: tf.ones(6), REAL, FAKE, {}, "does not depend on the examples"),
    ],
)
def test_what_cannot_be_is_refused(critic, real, fake, options, words):
    with pytest.raises(ValueError, match=words):
        gradient_penalty(critic or (lambda x: x[:, 0]), real, fake, **options)
