"""How well a label for every pixel is found, and where the errors lie."""

import numpy as np
import numpy.typing as npt
from keras import ops

__all__ = ["edge_distance", "iou"]

_PIECE = 1 << 18  # labels that are counted at once


def iou(truth: npt.ArrayLike, guess: npt.ArrayLike, classes: int) -> np.ndarray:
    """Intersection over union of each class, over all pixels together: `np.nanmean` of it is the mean IoU.

    Of the pixels that are of a class in truth or by the guess, the share that is so in both. A class
    that is in neither has none: NaN, which `np.nanmean` passes over, as `keras.metrics.MeanIoU` does.

    >>> truth = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    >>> guess = np.array([[0, 1, 1, 0], [0, 1, 1, 0]])
    >>> iou(truth, guess, classes=3).round(2).tolist()
    [0.33, 0.33, nan]

    Source: J. Long, E. Shelhamer and T. Darrell, "Fully convolutional networks for semantic segmentation",
    2015; tested against `keras.metrics.MeanIoU` and scikit-learn's `jaccard_score`.

    Args:
        truth: labels, whole numbers from 0 to classes - 1, of any shape; array or tensor.
        guess: the same, not scores.
        classes: how many there are.

    Returns:
        float64 `(classes,)`.

    Raises:
        ValueError: other shapes, no pixels, fewer than 2 classes, or what is no label of a class.
    """
    truth, guess = _labels(truth, "truth"), _labels(guess, "guess")
    if truth.shape != guess.shape:
        raise ValueError(
            f"truth has the shape {truth.shape} and guess {guess.shape}: they need a label for each pixel."
        )
    if not truth.size or classes < 2:
        raise ValueError(
            f"iou needs pixels, and 2 classes or more, not {truth.size} pixels of {classes} classes."
        )
    for name, labels in (("truth", truth), ("guess", guess)):
        if not (labels.min() >= 0 and labels.max() < classes):
            wrong = labels[(labels < 0) | (labels >= classes)][0]
            raise ValueError(
                f"{name} has the label {wrong}, and {classes} classes have 0 to {classes - 1}. Leave out "
                "what is not to count: iou(truth[keep], guess[keep], classes)."
            )
    # scikit-learn's confusion_matrix takes seventy times as long: 0.15 s for a million pixels. `bincount`
    # takes eight bytes a label, so large arrays are counted in pieces.
    table = np.zeros(classes**2, "int64")
    truth, guess = truth.ravel(), guess.ravel()
    for begin in range(0, truth.size, _PIECE):
        pair = [labels[begin : begin + _PIECE].astype("int64") for labels in (truth, guess)]
        table += np.bincount(classes * pair[0] + pair[1], minlength=classes**2)
    table = table.reshape(classes, classes)
    both = table.diagonal()
    either = table.sum(axis=0) + table.sum(axis=1) - both
    return np.divide(both, either, out=np.full(classes, np.nan), where=either > 0)


def edge_distance(labels: npt.ArrayLike) -> np.ndarray:
    """How far each pixel is from the nearest one with another label, in pixels.

    >>> edge_distance(np.array([[0, 0, 0, 2, 2], [0, 0, 0, 2, 2]]))[0].tolist()
    [3.0, 2.0, 1.0, 1.0, 2.0]

    Source: SciPy's `distance_transform_edt`, once for each label; tested against a look at all pairs of pixels.

    Args:
        labels: whole numbers or bool, `(height, width)` or `(n, height, width)`; array or tensor.

    Returns:
        float64 of the same shape, 1 beside an edge; infinite in a picture with one label only.

    Raises:
        ValueError: another shape, or numbers that are no labels.
    """
    from scipy.ndimage import distance_transform_edt

    labels = _labels(labels, "labels")
    if labels.ndim not in (2, 3) or labels.shape[-1] == 1:
        raise ValueError(
            f"Labels have the shape (height, width) or (n, height, width), not {labels.shape}"
            + (": take labels[..., 0]." if labels.shape[-1:] == (1,) else ".")
        )
    distances = np.full(labels.shape, np.inf)
    size = labels.shape[-2:]
    for picture, distance in zip(
        labels.reshape(-1, *size), distances.reshape(-1, *size), strict=True
    ):
        kinds = np.unique(picture)
        for kind in kinds if len(kinds) > 1 else ():
            inside = picture == kind
            distance[inside] = distance_transform_edt(inside)[inside]
    return distances


def _labels(labels, name):
    labels = np.asarray(ops.convert_to_numpy(labels))
    if labels.dtype.kind not in "iub":
        raise ValueError(
            f"{name} has numbers of {labels.dtype}, and labels are whole numbers: of scores take "
            "argmax(axis=-1)."
        )
    return labels
