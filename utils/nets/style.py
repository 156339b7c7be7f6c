"""How far apart two pictures are for a network that looks at them: in what they show, and in style.

    eyes = taps(squeezenet(include_top=False, input_shape=(None, None, 3)), ["fire3", "fire5"])
    seen, wanted = eyes(preprocess(photo)), eyes(preprocess(painting))
    content_distance(seen["fire3"], wanted["fire3"])
    style_distance(seen["fire5"], wanted["fire5"])

Distances are relative to what they are measured from, so that a weight means the same for every layer
and for pictures of every size. By Keras alone, so on every engine; gradients pass through all of it.
"""

from collections.abc import Callable, Mapping

import keras
from keras import ops

from utils.nets.taps import taps

__all__ = ["FeatureLoss", "content_distance", "gram", "style_distance", "total_variation"]


def gram(features: keras.KerasTensor) -> keras.KerasTensor:
    """Which features occur together: for each pair of channels the mean product over all places.

    Where in the picture they do is lost: shuffling the places changes nothing.

        >>> map = np.array([[[[1.0, 0.0], [3.0, 2.0]]]])  # one row of two places, two channels
        >>> print(np.array(gram(map)))
        [[[5. 3.]
          [3. 2.]]]

    Source: L. Gatys, A. Ecker and M. Bethge, "A neural algorithm of artistic style", 2015, who divide by the
    number of places in the loss.

    Args:
        features: float `(n, height, width, channels)`, array or tensor.

    Returns:
        `(n, channels, channels)`, in float32 at least.

    Raises:
        ValueError: another shape.
    """
    features = _maps(features)
    n, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (n, height * width, channels))
    products = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
    return products / ops.cast(height * width, products.dtype)


def content_distance(features: keras.KerasTensor, target: keras.KerasTensor) -> keras.KerasTensor:
    """How different two feature maps are, place by place: the squared difference, relative to the target.

        >>> target = np.ones((1, 4, 4, 8))
        >>> print(np.array(content_distance(0.5 * target, target)))
        [0.25]

    Source: L. Gatys, A. Ecker and M. Bethge, "A neural algorithm of artistic style", 2015, whose content loss
    is not relative.

    Args:
        features: float `(n, ...)`, array or tensor.
        target: the same shape; or `(1, ...)`, for all of them.

    Returns:
        `(n,)`: 0 for equal maps, 1 for a map of zeros.

    Raises:
        ValueError: shapes that do not go together.
    """
    features, target = floats(features), floats(target)
    if len(features.shape) != len(target.shape) or not all(
        a == b or None in (a, b) for a, b in zip(features.shape[1:], target.shape[1:], strict=True)
    ):
        raise ValueError(
            f"Features of the shape {tuple(features.shape)} and a target of {tuple(target.shape)} cannot be "
            "compared: both have to come from the same layer, and from pictures of the same size."
        )
    axes = tuple(range(1, len(features.shape)))
    size = ops.sum(ops.square(target), axes)
    return ops.sum(ops.square(features - target), axes) / ops.maximum(size, keras.config.epsilon())


def style_distance(features: keras.KerasTensor, target: keras.KerasTensor) -> keras.KerasTensor:
    """How different the Gram matrices of two feature maps are, relative to the target's.

        >>> features = np.arange(24.0).reshape(1, 2, 3, 4)
        >>> mirrored = features[:, :, ::-1]
        >>> print(np.array(style_distance(mirrored, features)))
        [0.]

    Source: L. Gatys, A. Ecker and M. Bethge, "A neural algorithm of artistic style", 2015, whose style loss
    is not relative.

    Args:
        features: float `(n, height, width, channels)`, array or tensor.
        target: features of the same layer, also of a picture of another size, or, so that it is not computed
            again and again, their Gram matrices `(n, channels, channels)`; n may be 1.

    Returns:
        `(n,)`: 0 for the same style, 1 for a map of zeros.

    Raises:
        ValueError: features of another shape, or with another number of channels.
    """
    found = gram(features)
    target = target if len(target.shape) == 3 else gram(target)
    if found.shape[1:] != target.shape[1:]:
        raise ValueError(
            f"Features with {found.shape[-1]} channels and a target with {target.shape[-1]} cannot be "
            "compared: both have to come from the same layer."
        )
    return content_distance(found, target)


def total_variation(images: keras.KerasTensor) -> keras.KerasTensor:
    """How rough pictures are: differences of neighbours, below and beside, added up for each pixel.

        >>> board = np.array([[0.0, 1.0], [1.0, 0.0]]).reshape(1, 2, 2, 1)
        >>> print(np.array(total_variation(board)))
        [1.]

    Source: L. Rudin, S. Osher and E. Fatemi, "Nonlinear total variation based noise removal algorithms", 1992;
    tested against `tf.image.total_variation`, which does not divide.

    Args:
        images: float `(n, height, width, channels)`, array or tensor.

    Returns:
        `(n,)`, the mean over all values, in the unit of the pixels: 0 for one even colour.

    Raises:
        ValueError: another shape.
    """
    images = _maps(images, "Pictures")
    down = ops.abs(images[:, 1:] - images[:, :-1])
    along = ops.abs(images[:, :, 1:] - images[:, :, :-1])
    _, height, width, channels = ops.shape(images)
    values = ops.cast(height * width * channels, images.dtype)
    return (ops.sum(down, (1, 2, 3)) + ops.sum(along, (1, 2, 3))) / values


class FeatureLoss(keras.losses.Loss):
    """A loss of pictures that sees with a network: distances of its features, or of their Gram matrices.

        loss = FeatureLoss(squeezenet(), {"fire3": 1.0, "fire5": 0.5}, prepare=preprocess)
        loss(originals, pictures)                # one number; a Keras loss: model.compile(loss=loss)
        to_painting = FeatureLoss(..., kind="gram").towards(painting)
        to_painting(pictures)                    # the painting is looked at once

    The network's weights are not the trained model's, so they do not move.

        >>> network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="seen")])
        >>> picture = np.ones((1, 8, 8, 3))
        >>> float(FeatureLoss(network, {"seen": 1.0})(picture, picture))
        0.0

    Source: J. Johnson, A. Alahi and L. Fei-Fei, "Perceptual losses for real-time style transfer and
    super-resolution", 2016.

    Args:
        network: a Keras model of pictures; computed to the deepest layer that is asked for.
        weights: name of a layer -> weight of its distance.
        kind: "features", what is where (`content_distance`), or "gram", style (`style_distance`).
        prepare: function that makes the network's input of pictures, such as `preprocess`.
        reduction, name: as of every Keras loss; the distances of single pictures are averaged.

    Raises:
        ValueError: no weights, no such layer, or another kind.
    """

    def __init__(
        self,
        network: keras.Model,
        weights: Mapping[str, float],
        kind: str = "features",
        prepare: Callable | None = None,
        reduction: str = "sum_over_batch_size",
        name: str = "feature_loss",
    ):
        super().__init__(name=name, reduction=reduction)
        distances = {"features": content_distance, "gram": style_distance}
        if kind not in distances:
            raise ValueError(f'kind is "features" or "gram", not {kind!r}.')
        self.distance, self.weights = distances[kind], dict(weights)
        self.network, self.prepare = taps(network, self.weights), prepare or (lambda images: images)

    def look(self, images: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """The network's features of pictures, by layer."""
        return self.network(self.prepare(images), training=False)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """The distance of each picture of `y_pred` from that in `y_true`: `(n,)`."""
        return self._distances(self.look(y_pred), self.look(y_true))

    def towards(
        self, target: keras.KerasTensor
    ) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
        """A function of pictures: their mean distance from `target`, which is looked at only now."""
        seen = self.look(target)
        if self.distance is style_distance:
            seen = {name: gram(features) for name, features in seen.items()}
        return lambda images: ops.mean(self._distances(self.look(images), seen))

    def _distances(self, seen, target):
        return sum(
            weight * self.distance(seen[name], target[name])
            for name, weight in self.weights.items()
        )


def floats(values: keras.KerasTensor) -> keras.KerasTensor:
    """A tensor of the engine, of float32 or wider: squares of half precision overflow."""
    values = ops.convert_to_tensor(values)
    return ops.cast(values, keras.backend.result_type(values.dtype, "float32"))


def _maps(values, what="Features"):
    values = floats(values)
    if len(values.shape) != 4:
        raise ValueError(
            f"{what} have the shape (n, height, width, channels), not {tuple(values.shape)}."
        )
    return values
