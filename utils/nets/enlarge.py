"""Enlarging maps inside a network: sub-pixel convolution, and a start without a checkerboard."""

import keras
from keras import ops

__all__ = ["NearestStart", "SubPixel"]


@keras.saving.register_keras_serializable("course")
class SubPixel(keras.layers.Layer):
    """Makes maps `scale` times as large from groups of channels (*pixel shuffle*, *depth to space*).

    `(n, height, width, scale² * c)` becomes `(n, scale * height, scale * width, c)`, of any dtype; the
    channels come last. Channel `(i * scale + j) * c + k` goes to row i, column j of its block, in
    channel k: the order of `tf.nn.depth_to_space` (PyTorch's has the block innermost). It has no
    weights: the convolution before it learns, on the small map.

    >>> blocks = np.arange(8.0).reshape(1, 1, 2, 4)
    >>> ops.convert_to_numpy(SubPixel(2)(blocks))[0, :, :, 0].astype(int).tolist()
    [[0, 1, 4, 5], [2, 3, 6, 7]]

    Source: W. Shi et al., "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", 2016.

    Args:
        scale: how many times as large, a whole number of 1 or more.

    Raises:
        ValueError: another scale, input that has not four axes, or a number of channels that is not a
            multiple of scale².
    """

    def __init__(self, scale: int, **options: object):
        super().__init__(**options)
        self.scale = _checked(scale)

    # (`keras.ops.depth_to_space` does the same, from Keras 3.14 on.)
    def call(self, maps: keras.KerasTensor) -> keras.KerasTensor:
        r = self.scale
        *_, channels = self.compute_output_shape(maps.shape)
        n, height, width, _ = ops.shape(maps)
        blocks = ops.reshape(maps, (n, height, width, r, r, channels))
        blocks = ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
        return ops.reshape(blocks, (n, height * r, width * r, channels))

    def compute_output_shape(self, shape: tuple) -> tuple:
        if len(shape) != 4 or shape[3] is None or shape[3] % self.scale**2:
            raise ValueError(
                f"SubPixel({self.scale}) needs maps of shape (n, height, width, channels), their channels "
                f"a multiple of {self.scale**2}, not {tuple(shape)}."
            )
        n, height, width, channels = shape
        larger = (side and side * self.scale for side in (height, width))
        return (n, *larger, channels // self.scale**2)

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable("course")
class NearestStart(keras.initializers.Initializer):
    """Start of the convolution before a `SubPixel` layer (*ICNR*): first it copies each pixel.

    All channels of one block begin with the same weights, so that the untrained pair of layers is a
    smaller convolution, enlarged by its nearest neighbours: no checkerboard to unlearn.

    >>> enlarge = keras.Sequential([
    ...     keras.layers.Conv2D(3 * 2**2, 3, kernel_initializer=NearestStart(2)), SubPixel(2)])
    >>> large = ops.convert_to_numpy(enlarge(np.random.rand(1, 5, 5, 3)))
    >>> large.shape, bool((large[:, ::2, ::2] == large[:, 1::2, 1::2]).all())
    ((1, 6, 6, 3), True)

    Source: A. Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017.

    Args:
        scale: that of the `SubPixel` layer.
        start: initializer of the smaller convolution's kernel, as `kernel_initializer` takes it.

    Raises:
        ValueError: another scale than a whole number of 1 or more; on use, a kernel whose last axis is
            not a multiple of scale².
    """

    def __init__(self, scale: int, start: str | keras.initializers.Initializer = "glorot_uniform"):
        self.scale = _checked(scale)
        self.start = keras.initializers.get(start)

    def __call__(self, shape: tuple, dtype: str | None = None) -> keras.KerasTensor:
        *rest, channels = shape
        if channels % self.scale**2:
            raise ValueError(
                f"NearestStart({self.scale}) needs a multiple of {self.scale**2} output channels, "
                f"not {channels}."
            )
        kernel = self.start((*rest, channels // self.scale**2), dtype=dtype)
        return ops.concatenate([kernel] * self.scale**2, axis=-1)

    def get_config(self) -> dict:
        return {"scale": self.scale, "start": keras.initializers.serialize(self.start)}


def _checked(scale):
    if not isinstance(scale, int) or scale < 1:
        raise ValueError(f"scale is a whole number of 1 or more, not {scale!r}.")
    return scale
