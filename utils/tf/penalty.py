"""Holds the length of a critic's gradient near 1: the gradient penalty of a Wasserstein GAN."""

from collections.abc import Callable

import numpy.typing as npt
import tensorflow as tf

__all__ = ["gradient_penalty"]


def gradient_penalty(
    critic: Callable,
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    target: float = 1.0,
    seed: int | tf.random.Generator | None = None,
) -> tf.Tensor:
    """How far a critic's gradient is from a length, between real and made examples: mean of (|gradient| - target)².

    Each real example is mixed with a made one, in a proportion drawn uniformly for each pair; there the
    score's gradient is taken, and its length over all numbers of one example.

    >>> w = tf.constant([[3.0], [4.0]])  # a critic whose gradient has the length 5 everywhere
    >>> float(gradient_penalty(lambda x: x @ w, tf.zeros((8, 2)), tf.ones((8, 2))))
    16.0

    The critic scores each example by itself: with batch normalization in it, an example's score depends on
    the others, and the penalty means nothing. Where the critic's gradient is 0, the penalty's is 0 too, not NaN.

    Source: I. Gulrajani et al., "Improved training of Wasserstein GANs", 2017.

    Args:
        critic: takes `(n, ...)`, returns a score for each example, `(n,)` or `(n, 1)`.
        real: float `(n, ...)`, array or tensor.
        fake: the same shape and type. What made them learns nothing by the penalty unless its tape is
            open around this call.
        target: the length wanted, 0 or more.
        seed: where the proportions come from: a whole number for the same ones at each call, a
            `tf.random.Generator` (which `fit` can save), or None for TensorFlow's own.

    Returns:
        A scalar, in the examples' type, at least float32; gradients pass through it to the critic's
        weights.

    Raises:
        ValueError: examples of different shapes, of whole numbers or without an axis more than their
            number; a critic that does not score each example or does not depend on them.
    """
    real, fake = tf.convert_to_tensor(real), tf.convert_to_tensor(fake)
    if not real.shape.is_compatible_with(fake.shape) or real.dtype != fake.dtype:
        raise ValueError(
            "Real and made examples need one shape and type, not "
            f"{real.shape} of {real.dtype.name} and {fake.shape} of {fake.dtype.name}."
        )
    if not real.dtype.is_floating or (real.shape.rank or 0) < 2:
        raise ValueError(
            f"Examples are floats of shape (n, ...), not {real.shape} of {real.dtype.name}."
        )
    if target < 0:
        raise ValueError(f"The length of a gradient is never below 0, as target={target} is.")
    share = tf.cast(_uniform(tf.shape(real)[:1], seed), real.dtype)
    share = tf.reshape(share, [-1] + [1] * (real.shape.rank - 1))
    mixed = real + share * (fake - real)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(mixed)
        scores = critic(mixed)
        if scores.shape.rank not in (1, 2) or scores.shape[1:] not in ([], [1]):
            raise ValueError(
                f"The critic has to score each example, (n,) or (n, 1), not {scores.shape}."
            )
        total = tf.reduce_sum(scores)
    gradients = tape.gradient(total, mixed)
    if gradients is None:
        raise ValueError(
            "The critic's score does not depend on the examples: their gradient is None."
        )
    if gradients.dtype in (tf.float16, tf.bfloat16):  # squares of small ones are 0 there
        gradients = tf.cast(gradients, tf.float32)
    squares = tf.reduce_sum(gradients**2, axis=list(range(1, real.shape.rank)))
    # The root's own derivative at 0 is infinite, and 0 times infinity NaN.
    flat = squares == 0
    lengths = tf.where(
        flat, tf.zeros_like(squares), tf.sqrt(tf.where(flat, tf.ones_like(squares), squares))
    )
    return tf.reduce_mean((lengths - target) ** 2)


def _uniform(shape, seed):
    if seed is None:
        return tf.random.uniform(shape)
    if isinstance(seed, tf.random.Generator):
        return seed.uniform(shape)
    return tf.random.stateless_uniform(shape, (seed, 0))
