"""How near one picture comes to another: PSNR and SSIM, by `tf.image`, with the usual mistakes refused."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

__all__ = ["psnr", "ssim"]

WINDOW = 11  # pixels, the side of the squares that SSIM compares


def psnr(
    a: npt.ArrayLike, b: npt.ArrayLike, limits: tuple[float, float] | None = None
) -> tf.Tensor:
    """Peak signal-to-noise ratio of pictures, in decibels: 10 log₁₀(span² / mean squared difference).

    >>> picture = np.full((32, 32, 3), 100, np.uint8)
    >>> noisy = picture + np.random.default_rng(0).choice([-10, 10], picture.shape).astype(np.uint8)
    >>> f"{float(psnr(picture, noisy)):.2f} dB"
    '28.13 dB'

    Source: `tf.image.psnr`, against which and the formula it is tested.

    Args:
        a, b: pictures of one shape, `(height, width, channels)` or `(n, height, width, channels)` with 1
            to 4 channels, both of uint8 or both of floating point; arrays or tensors, also within a
            `tf.function`. Gradients pass through floats.
        limits: what is black and what is white, `(0, 1)`, `(0, 255)` or `(-1, 1)` say; needed for floats,
            and known for uint8. Their difference is the span.

    Returns:
        A float32 tensor, a number for each picture: `()` or `(n,)`; infinite for equal pictures.

    Raises:
        ValueError: shapes or types that do not go together; floats without limits, or far outside of
            them, or within 0 to 1 where white is larger (seen outside of a `tf.function`).
    """
    a, b, span = _comparable(a, b, limits)
    return tf.image.psnr(a, b, span)


def ssim(
    a: npt.ArrayLike, b: npt.ArrayLike, limits: tuple[float, float] | None = None
) -> tf.Tensor:
    """Structural similarity of pictures: 1 for equal ones, near 0 (or below) for unlike ones.

    It compares mean, spread and correlation within all squares of 11 x 11 pixels, weighted by a Gaussian
    of sigma 1.5, in each channel by itself, and takes the mean.

    >>> picture = np.random.default_rng(0).uniform(0, 1, (32, 32, 1))
    >>> [round(float(ssim(picture, other, limits=(0, 1))), 2) for other in (picture, 1 - picture)]
    [1.0, -0.97]

    Source: Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
    2004.

    Args:
        a, b: as `psnr` takes them, at least 11 pixels high and wide.
        limits: as `psnr` takes them.

    Returns:
        A float32 tensor, a number for each picture: `()` or `(n,)`.

    Raises:
        ValueError: as of `psnr`, or pictures that are too small.
    """
    a, b, span = _comparable(a, b, limits)
    height, width = a.shape[-3:-1]
    if any(side is not None and side < WINDOW for side in (height, width)):
        raise ValueError(
            f"SSIM compares squares of {WINDOW} x {WINDOW} pixels: pictures of {height} x {width} are "
            "too small."
        )
    return tf.image.ssim(a, b, span, filter_size=WINDOW, filter_sigma=1.5)


def _comparable(a, b, limits):
    """Both pictures as tensors with black at 0, and the span."""
    a, b = tf.convert_to_tensor(a), tf.convert_to_tensor(b)
    if not a.shape.is_compatible_with(b.shape):
        raise ValueError(
            f"Only pictures of one shape can be compared, not {a.shape} and {b.shape}."
        )
    if a.shape.rank not in (3, 4) or not 1 <= (a.shape[-1] or 1) <= 4:
        raise ValueError(
            "Pictures have the shape (height, width, channels) or (n, height, width, channels), with 1 to "
            f"4 channels, not {a.shape}. Grey ones need an axis more: picture[..., None]."
        )
    if a.dtype == b.dtype == tf.uint8:
        if limits is not None and tuple(np.ravel(limits)) != (0, 255):
            raise ValueError(f"White is 255 in pictures of uint8: leave limits={limits} out.")
        return a, b, 255
    if not (a.dtype.is_floating and b.dtype.is_floating):
        raise ValueError(
            f"One is of {a.dtype.name}, the other of {b.dtype.name}: make both uint8, or both floats with "
            "the same limits."
        )
    low, high = _checked(limits)
    both = [tf.cast(picture, tf.float32) for picture in (a, b)]
    for picture in both:
        _check_range(picture, low, high)
    return both[0] - low, both[1] - low, high - low


def _checked(limits):
    if limits is None:
        raise ValueError("Say what is black and white in pictures of floats: limits=(0, 1), or so.")
    if np.shape(limits) != (2,) or not limits[0] < limits[1]:
        raise ValueError(f"limits is a pair, black before white, not {limits!r}.")
    return limits


def _check_range(picture, low, high):
    if tf.is_symbolic_tensor(picture) or not tf.size(picture):
        return  # within a tf.function there are no numbers yet
    darkest, brightest = float(tf.reduce_min(picture)), float(tf.reduce_max(picture))
    room = (high - low) / 2  # networks and bicubic enlarging overshoot a little
    if darkest < low - room or brightest > high + room:
        raise ValueError(
            f"The picture's numbers, {darkest:.4g} to {brightest:.4g}, do not go with limits=({low}, {high})."
        )
    if high > 2 and low == 0 and 0 < brightest <= 1:
        raise ValueError(
            f"The picture's brightest number is {brightest:.4g}, and limits say that white is {high}."
        )
