"""Averages that leave out padding."""

import keras
from keras import ops

from utils.nets.style import floats

__all__ = ["masked_mean"]


def masked_mean(
    values: keras.KerasTensor,
    mask: keras.KerasTensor,
    axis: int | tuple[int, ...] | None = None,
) -> keras.KerasTensor:
    """The mean of those values that a mask lets through: of a loss, say, without the padding.

    The mask is one of Keras's: True counts (in NumPy's `np.ma` True is left out), and the last axes of
    the values may be missing, so that `(n, steps)` masks `(n, steps, features)`. What is masked has no
    influence, NaN and infinity included, and no gradient. Where nothing counts the mean is 0, so that
    an empty row does not turn everything into NaN.

    >>> losses = np.array([[0.5, 1.5, 9.0], [9.0, 9.0, 9.0]])
    >>> words = np.array([[7, 4, 0], [0, 0, 0]])
    >>> print(np.array(masked_mean(losses, words != 0, axis=1)), float(masked_mean(losses, words != 0)))
    [1. 0.] 1.0

    (`keras.layers.GlobalAveragePooling1D` takes a mask too; of a row without a step it makes NaN.)

    Source: Keras's guide "Understanding masking & padding",
    keras.io/guides/understanding_masking_and_padding; tested against NumPy's `np.ma.mean`.

    Args:
        values: array or tensor of any shape; computed in float32 at least.
        mask: bool, of the shape of the values' first axes, or 1 along some of them.
        axis: over which the mean is taken; None: all.

    Returns:
        The values' shape without `axis`.

    Raises:
        ValueError: a mask that is not bool, or of another shape.
    """
    values, mask = floats(values), ops.convert_to_tensor(mask)
    if keras.backend.standardize_dtype(mask.dtype) != "bool":
        raise ValueError(
            f"A mask is True where values count, not of {keras.backend.standardize_dtype(mask.dtype)}: "
            "tokens != 0, say."
        )
    missing = len(values.shape) - len(mask.shape)
    if missing < 0 or any(
        m not in (1, None, v) and v is not None
        for m, v in zip(mask.shape, values.shape, strict=False)
    ):
        raise ValueError(
            f"A mask of the shape {tuple(mask.shape)} does not go with values of {tuple(values.shape)}: it "
            "needs the shape of their first axes."
        )
    for _ in range(missing):
        mask = ops.expand_dims(mask, -1)
    mask = ops.logical_and(mask, ops.ones_like(values, dtype="bool"))
    total = ops.sum(ops.where(mask, values, ops.zeros_like(values)), axis)
    return total / ops.maximum(ops.sum(ops.cast(mask, values.dtype), axis), 1)
