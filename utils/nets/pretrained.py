"""SqueezeNet, a small convolutional network trained on ImageNet, as a plain Keras model.

It works on every Keras engine. The names follow `keras.applications`: build the network with
`squeezenet()`, prepare images with `preprocess()`, read the answer with `decode_predictions()`.
Where the weights come from: data/squeezenet/README.md.
"""

import keras
import numpy as np
from keras import layers

from utils.data.packs import pack_path

IMAGE_SIZE = 227
SMALLEST = 29  # height and width of which one place is left at the end
# What was subtracted from the blue, green and red channel when the network was trained.
IMAGENET_MEAN_BGR = (104.006, 116.669, 122.679)


def squeezenet(
    include_top: bool = True,
    weights: str | None = "imagenet",
    classes: int = 1000,
    input_shape: tuple[int | None, int | None, int] = (IMAGE_SIZE, IMAGE_SIZE, 3),
) -> keras.Model:
    """SqueezeNet 1.1, with 1.24 million weights.

    >>> squeezenet(include_top=False).output_shape
    (None, 13, 13, 512)

    Source: F. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016,
    version 1.1 of the network.

    Args:
        include_top: True for the whole network, `(n, height, width, 3)` to `(n, classes)`
            probabilities; False to stop at the last fire module, whose output for images of
            227x227 has the shape `(n, 13, 13, 512)`.
        weights: "imagenet" for the trained weights, None for random ones.
        classes: number of classes of the top; the trained one has 1000.
        input_shape: height, width (each at least 29, or None for any) and 3.

    Returns:
        A `keras.Model` for float32 input made by `preprocess`.

    Raises:
        ValueError: unknown `weights`, trained weights with another number of classes, or pictures
            too small to get through; where `input_shape` has None, said when one is given.
        DataError: the weights' file is missing or damaged.
    """
    if weights not in ("imagenet", None):
        raise ValueError(f'weights must be "imagenet" or None, not {weights!r}')
    if weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(
            f"The trained top has 1000 classes, not {classes}: use include_top=False and put a "
            "head of your own on it, or weights=None."
        )
    _check_size(input_shape)
    model = _network(input_shape, classes if weights is None else 1000)
    if weights == "imagenet":
        model.load_weights(pack_path("squeezenet", "squeezenet.weights.h5"))
    if include_top:
        return model
    return keras.Model(model.input, model.get_layer("fire9").output, name="squeezenet_body")


def _network(input_shape, classes):
    x = image = layers.Input(input_shape, name="image")
    if None in input_shape:
        x = SizeCheck(name="size_check")(image)
    x = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu", name="conv1")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    x = _fire(x, 16, 64, name="fire2")
    x = _fire(x, 16, 64, name="fire3")
    x = layers.MaxPooling2D(3, strides=2, name="pool3")(x)
    x = _fire(x, 32, 128, name="fire4")
    x = _fire(x, 32, 128, name="fire5")
    x = layers.MaxPooling2D(3, strides=2, name="pool5")(x)
    x = _fire(x, 48, 192, name="fire6")
    x = _fire(x, 48, 192, name="fire7")
    x = _fire(x, 64, 256, name="fire8")
    x = _fire(x, 64, 256, name="fire9")
    x = layers.Dropout(0.5, name="drop9")(x)
    x = layers.Conv2D(classes, 1, name="conv10")(x)
    x = layers.GlobalAveragePooling2D(name="pool10")(x)
    return keras.Model(image, layers.Softmax(name="softmax")(x), name="squeezenet")


@keras.saving.register_keras_serializable("course")
class SizeCheck(layers.Layer):
    """Lets pictures pass, and refuses those of which nothing would be left: `(n, 0, 0, 512)`."""

    def call(self, images: keras.KerasTensor) -> keras.KerasTensor:
        _check_size(images.shape[1:])
        return images

    # Else Keras would find it by a call with JAX's symbolic sizes.
    def compute_output_shape(self, shape: tuple) -> tuple:
        _check_size(shape[1:])
        return shape


def _check_size(shape):
    if any(side is not None and side < SMALLEST for side in shape[:2]):
        raise ValueError(
            f"SqueezeNet halves a picture's sides again and again: pictures of {shape[0]} x {shape[1]} "
            f"are too small, {SMALLEST} x {SMALLEST} are the smallest. Enlarge them."
        )


def _fire(x, squeezed, expanded, name):
    """Squeeze to few channels, then expand twice, looking at single pixels and at 3x3 of them."""
    x = layers.Conv2D(squeezed, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
    one = layers.Conv2D(expanded, 1, activation="relu", name=f"{name}_expand1x1")(x)
    three = layers.Conv2D(expanded, 3, padding="same", activation="relu", name=f"{name}_expand3x3")(
        x
    )
    return layers.Concatenate(name=name)([one, three])


def preprocess(images: np.ndarray | keras.KerasTensor) -> np.ndarray | keras.KerasTensor:
    """RGB images with values from 0 to 255 as the network wants them.

    >>> red = np.array([[[255, 0, 0]]], np.uint8)
    >>> preprocess(red).round().tolist()
    [[[-104.0, -117.0, 132.0]]]

    Source: what `keras.applications` does for networks that were trained with Caffe, as this one was,
    with this network's means.

    Args:
        images: `(n, height, width, 3)` or `(height, width, 3)`, uint8 or float: an array, a tensor of
            the engine (also within a `tf.function`) or the symbolic input of a model.

    Returns:
        float32 of the same shape: channels in the order blue, green, red, less their means. An array
        of an array; a tensor of a tensor, through which gradients pass, and which keeps a wider type.

    Raises:
        ValueError: another shape, or an array of floats that look scaled to 0..1 already.
    """
    # (On Theano a tensor outside of a model is an array.)
    tensor = keras.ops.is_tensor(images) and not isinstance(images, np.ndarray)
    tensor = tensor or isinstance(images, (keras.KerasTensor, keras.Variable))
    if not tensor:
        images = np.asarray(images)
    if len(images.shape) not in (3, 4) or images.shape[-1] != 3:
        raise ValueError(
            "Images must have the shape (n, height, width, 3) or (height, width, 3), "
            f"not {tuple(images.shape)}."
        )
    if tensor:
        dtype = keras.backend.result_type(images.dtype, "float32")
        return keras.ops.flip(keras.ops.cast(images, dtype), -1) - np.array(
            IMAGENET_MEAN_BGR, dtype
        )
    if np.issubdtype(images.dtype, np.floating) and images.size and 0 < images.max() <= 1:
        raise ValueError(
            "The brightest value is at most 1; the network was trained on values from 0 to 255. "
            "Leave the images as uint8, or multiply them by 255."
        )
    return images[..., ::-1].astype("float32") - np.array(IMAGENET_MEAN_BGR, "float32")


def imagenet_classes() -> list[tuple[str, str]]:
    """`(WordNet synset id, name)` of ImageNet's 1000 classes, in the network's order."""
    lines = pack_path("squeezenet", "imagenet_classes.tsv").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines]


def decode_predictions(
    probabilities: np.ndarray, top: int = 5
) -> list[list[tuple[str, str, float]]]:
    """The `top` likeliest ImageNet classes of each image, best first.

    >>> decode_predictions(np.eye(1000)[[285]], top=1)
    [[('n02124075', 'Egyptian cat', 1.0)]]

    Source: the functions of that name in `keras.applications`, whose answers have this form.

    Args:
        probabilities: `(n, 1000)`, as `squeezenet()(...)` or `.predict(...)` returns them.
        top: how many classes to name.

    Returns:
        For each image a list of `(synset id, name, probability)`.

    Raises:
        ValueError: another shape.
        DataError: the file with the names is missing or damaged.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or probabilities.shape[1] != 1000:
        raise ValueError(f"probabilities must have the shape (n, 1000), not {probabilities.shape}")
    classes = imagenet_classes()
    best = np.argsort(probabilities, axis=1)[:, ::-1][:, :top]
    return [
        [(*classes[k], float(row[k])) for k in order]
        for row, order in zip(probabilities, best, strict=True)
    ]
