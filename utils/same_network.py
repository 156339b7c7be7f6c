"""One small network for digits, so that every engine can be given the same one.

Weights and batches are drawn by NumPy's `RandomState`, whose numbers are the same in every version,
so lessons 02 and 08, their tests, and Keras 2.3.1 on Theano 1.0.5 under Python 3.7 all train from the
same weights on the same batches, and their losses can be compared. Each layer is `x @ kernel + bias`,
with ReLU between two layers and softmax after the last one; training is plain SGD on the mean
cross-entropy of a batch.
"""

from __future__ import annotations  # Python 3.7 reads this file too

from collections.abc import Iterator, Sequence

import numpy as np

__all__ = ["BATCH", "LEARNING_RATE", "SIZES", "STEPS", "batches", "initial_weights"]

SIZES = (784, 100, 10)  # pixels, hidden units, classes
LEARNING_RATE = 0.1
STEPS = 50
BATCH = 64


def initial_weights(
    sizes: Sequence[int] = SIZES, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Glorot and Bengio's (2010) uniform weights and zero biases, one pair a layer.

    Args:
        sizes: units of each layer, the input's first.
        seed: 0 to 2**32 - 1.

    Returns:
        For each layer a pair: kernel `(inputs, units)` and bias `(units,)`, float32.

    Raises:
        ValueError: fewer than two sizes, or one below 1.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes needs at least an input and an output, not {sizes!r}.")
    random = np.random.RandomState(seed)
    weights = []
    for inputs, units in zip(sizes[:-1], sizes[1:]):  # noqa: B905 - new in Python 3.10
        limit = np.sqrt(6 / (inputs + units))
        kernel = random.uniform(-limit, limit, size=(inputs, units))
        weights.append((kernel.astype("float32"), np.zeros(units, "float32")))
    return weights


def batches(
    x: np.ndarray, y: np.ndarray, size: int = BATCH, steps: int = STEPS, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield `steps` batches: shuffled epochs, one after the other, without a smaller last batch.

    Args:
        x: `(n, ...)`.
        y: `(n, ...)`, a row for each of x.
        size: examples in a batch, 1 to n.
        steps: how many batches.
        seed: 0 to 2**32 - 1.

    Yields:
        pairs `(x[rows], y[rows])` with `size` rows.

    Raises:
        ValueError: x and y of different lengths, or a size outside 1 to n; at the first batch.
    """
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} rows and y {len(y)}.")
    if not 1 <= size <= len(x):
        raise ValueError(f"A batch of {size} from {len(x)} examples.")
    random = np.random.RandomState(seed)
    in_epoch = len(x) // size
    for step in range(steps):
        place = step % in_epoch
        if place == 0:
            order = random.permutation(len(x))
        rows = order[place * size : (place + 1) * size]
        yield x[rows], y[rows]
