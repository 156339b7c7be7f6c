"""`keras.ops.image` on Theano: colours, resizing, and sampling at other places than the pixels."""

import itertools

import numpy as np
import pytensor.tensor as pt
from keras.src.backend import config
from keras.src.backend.common.backend_utils import canonicalize_axis
from keras.src.random.seed_generator import draw_seed
from pytensor.graph.basic import Constant

from keras_theano.pytensor_ops.conv import depthwise_conv
from keras_theano.pytensor_ops.random import RandomDraw
from keras_theano.pytensor_ops.sizes import size_of, sizes_of, with_shape
from keras_theano.src.linalg import solve
from keras_theano.src.missing import missing_op
from keras_theano.src.sizes import along_axis
from keras_theano.src.tensor import (
    Tensor,
    TheanoVariable,
    as_symbol,
    op,
    promote_to_float,
    run_graph,
)

__getattr__ = missing_op("image")

RESIZE_INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")
AFFINE_TRANSFORM_INTERPOLATIONS = {"nearest": 0, "bilinear": 1}  # the splines' orders
AFFINE_TRANSFORM_FILL_MODES = {"constant", "nearest", "wrap", "mirror", "reflect"}
MAP_COORDINATES_FILL_MODES = AFFINE_TRANSFORM_FILL_MODES
SCALE_AND_TRANSLATE_METHODS = {
    "linear",
    "bilinear",
    "trilinear",
    "cubic",
    "bicubic",
    "tricubic",
    "lanczos3",
    "lanczos5",
}


# --- Arguments -----------------------------------------------------------------------------------


def _format(data_format):
    if data_format is None:
        return config.image_data_format()
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
            f"Received: data_format={data_format}"
        )
    return data_format


def _check_rank(images):
    if images.type.ndim not in (3, 4):
        raise ValueError(
            "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received input with shape: images.shape={images.type.shape}"
        )


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected of one {choices}. "
            f"Received: {name}={value}"
        )


def _as_batch(images, data_format):
    """Images as (batch, height, width, channels)."""
    if data_format == "channels_first":
        images = pt.moveaxis(images, -3, -1)
    return images if images.type.ndim == 4 else pt.expand_dims(images, 0)


def _like_given(batch, images, data_format):
    """Undo `_as_batch`."""
    if images.type.ndim == 3:
        batch = batch[0]
    return pt.moveaxis(batch, -1, -3) if data_format == "channels_first" else batch


def _round(x):
    """Round to whole numbers, halves away from zero."""
    return pt.sign(x) * pt.floor(pt.abs(x) + np.asarray(0.5, x.type.dtype))


def _back_to(x, dtype):
    """Cast a result to the dtype of what it was made from."""
    if x.type.dtype == dtype:
        return x
    return pt.cast(x if dtype.startswith("float") else _round(x), dtype)


# --- Colours -------------------------------------------------------------------------------------


@op
def rgb_to_grayscale(images, data_format=None):
    images = as_symbol(images)
    axis = -1 if _format(data_format) == "channels_last" else -3
    _check_rank(images)
    if images.type.shape[axis] not in (1, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received input with shape: images.shape={images.type.shape}"
        )
    if images.type.shape[axis] == 1:
        return images
    (values,) = promote_to_float(images)
    # Luma of ITU-R BT.601, to the four digits that tf.image uses
    weights = np.asarray([0.2989, 0.5870, 0.1140], values.type.dtype)
    gray = along_axis(values, axis, as_symbol(weights[:, None]))
    return pt.cast(gray, images.type.dtype)


def _planes(images, data_format):
    """Three colour planes, and the axis that they were cut from."""
    axis = -1 if _format(data_format) == "channels_last" else -3
    _check_rank(images)
    if not images.type.dtype.startswith("float"):
        raise ValueError(
            "Invalid images dtype: expected float dtype. "
            f"Received: images.dtype={images.type.dtype}"
        )
    if images.type.shape[axis] not in (3, None):
        raise ValueError(
            "Input images must have 3 channels, but received images with "
            f"{images.type.shape[axis]} channels."
        )
    return [pt.moveaxis(images, axis, -1)[..., plane] for plane in range(3)], axis


@op
def rgb_to_hsv(images, data_format=None):
    images = as_symbol(images)
    (red, green, blue), axis = _planes(images, data_format)
    dtype = images.type.dtype
    zero, one, sixth = (np.asarray(number, dtype) for number in (0, 1, 1 / 6))
    value = pt.maximum(pt.maximum(red, green), blue)
    spread = value - pt.minimum(pt.minimum(red, green), blue)
    gray = spread <= np.finfo(dtype).eps
    safe_spread = pt.switch(gray, one, spread)
    saturation = pt.switch(
        value > np.finfo(dtype).eps, spread / pt.switch(value > 0, value, one), zero
    )
    # The strongest colour gives the third of the circle, the difference of the others the rest.
    turn = sixth / safe_spread
    hue = pt.switch(
        pt.eq(value, green),
        turn * (blue - red) + np.asarray(2 / 6, dtype),
        turn * (red - green) + np.asarray(4 / 6, dtype),
    )
    hue = pt.switch(pt.eq(value, red), turn * (green - blue), hue)
    hue = pt.switch(gray, zero, hue)
    hue = hue + pt.cast(hue < 0, dtype)
    return pt.stack([hue, saturation, value], axis=axis)


@op
def hsv_to_rgb(images, data_format=None):
    images = as_symbol(images)
    (hue, saturation, value), axis = _planes(images, data_format)
    place = (hue - pt.floor(hue)) * 6
    shares = (
        pt.clip(pt.abs(place - 3) - 1, 0, 1),
        pt.clip(2 - pt.abs(place - 2), 0, 1),
        pt.clip(2 - pt.abs(place - 4), 0, 1),
    )
    planes = [value * (1 - saturation * (1 - share)) for share in shares]
    return pt.cast(pt.stack(planes, axis=axis), images.type.dtype)


# --- Resizing ------------------------------------------------------------------------------------


def _triangle(x):
    return pt.maximum(0, 1 - x)


def _keys_cubic(x):
    """Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), a = -1/2."""
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return pt.switch(x < 1, near, pt.switch(x < 2, far, 0))


def _lanczos(radius):
    def kernel(x):
        # The window and the sinc are 1 at zero, where their formula divides by zero.
        safe = pt.switch(x > 1e-3, x, 1)
        angle = np.pi * safe
        value = radius * pt.sin(angle) * pt.sin(angle / radius) / (angle * angle)
        return pt.switch(x > radius, 0, pt.switch(x > 1e-3, value, 1))

    return kernel


_KERNELS = {
    "linear": _triangle,
    "bilinear": _triangle,
    "trilinear": _triangle,
    "cubic": _keys_cubic,
    "bicubic": _keys_cubic,
    "tricubic": _keys_cubic,
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}


def _resampling_weights(old, new, scale, translation, method, antialias):
    """What each old pixel along an axis contributes to each new one: (old, new).

    Args:
        old, new: Numbers of pixels, ints or symbolic scalars.
        scale, translation: Floating-point scalars: a place p goes to p * scale + translation.
    """
    scale, translation = promote_to_float(scale, translation, at_least="float32")
    dtype = scale.type.dtype
    inverse = 1 / scale
    # Downscaling needs a wider kernel, or the pixels between the samples would be lost.
    width = pt.maximum(inverse, 1) if antialias else pt.ones_like(inverse)
    half = np.asarray(0.5, dtype)
    centre = (pt.arange(new).astype(dtype) + half - translation) * inverse - half
    distance = pt.abs(centre[None, :] - pt.arange(old).astype(dtype)[:, None]) / width
    weights = _KERNELS[method](distance)
    total = pt.sum(weights, axis=0, keepdims=True)
    enough = pt.abs(total) > 1000 * float(np.finfo("float32").eps)
    weights = pt.switch(enough, weights / pt.switch(enough, total, 1), 0)
    inside = (centre >= -half) & (centre <= pt.as_tensor_variable(old).astype(dtype) - half)
    weights = pt.switch(inside[None, :], weights, 0)
    known = all(isinstance(n, int) for n in (old, new))
    if known and isinstance(scale, Constant) and isinstance(translation, Constant):
        weights = pt.constant(run_graph([], [weights], [])[0])
    return weights


def _resample(x, axis, weights):
    return along_axis(x, axis, pt.cast(weights, x.type.dtype))


def _resize_axis(x, axis, new, interpolation, antialias):
    old = size_of(x, axis)
    if isinstance(old, int) and old == new:
        return x
    if interpolation == "nearest":
        # The pixel under the new pixel's centre, in whole numbers: no rounding to go wrong.
        place = ((2 * np.arange(new) + 1) * old) // (2 * new)
        return pt.take(x, place, axis=axis)
    if isinstance(old, int):
        scale = np.float64(new / old)
    else:
        scale = pt.constant(new, dtype="float32") / pt.cast(old, "float32")
    zero = np.zeros((), getattr(scale, "dtype", "float32"))
    return _resample(x, axis, _resampling_weights(old, new, scale, zero, interpolation, antialias))


def _at_least(a, b):
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else pt.maximum(a, b)


def _at_most(a, b):
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else pt.minimum(a, b)


@op
def resize(
    images,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    data_format = _format(data_format)
    _check_choice("interpolation", interpolation, RESIZE_INTERPOLATIONS)
    if fill_mode != "constant":
        raise ValueError(
            "Invalid value for argument `fill_mode`. Only `'constant'` is supported. "
            f"Received: fill_mode={fill_mode}"
        )
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`."
        )
    if len(size) != 2:
        raise ValueError(
            "Argument `size` must be a tuple of two elements (height, width). "
            f"Received: size={size}"
        )
    images = as_symbol(images)
    _check_rank(images)
    new_height, new_width = (int(length) for length in size)
    x = _as_batch(images, data_format)
    _, height, width, _ = sizes_of(x)
    if crop_to_aspect_ratio:
        cropped_height = _at_least(_at_most(height, width * new_height // new_width), 1)
        cropped_width = _at_least(_at_most(width, height * new_width // new_height), 1)
        top, left = (height - cropped_height) // 2, (width - cropped_width) // 2
        x = x[:, top : top + cropped_height, left : left + cropped_width]
    elif pad_to_aspect_ratio:
        extra = (
            (_at_least(height, width * new_height // new_width) - height) // 2,
            (_at_least(width, height * new_width // new_height) - width) // 2,
        )
        x = _pad(x, *extra, fill_value)
    if interpolation != "nearest":
        (x,) = promote_to_float(x)
    x = _resize_axis(x, 1, new_height, interpolation, antialias)
    x = _resize_axis(x, 2, new_width, interpolation, antialias)
    return _like_given(x, images, data_format)


def _pad(x, rows, columns, value):
    """Put a border of `rows` above and below and `columns` left and right of (B, H, W, C)."""
    batch, height, width, channels = sizes_of(x)
    shape = (batch, height + 2 * rows, width + 2 * columns, channels)
    canvas = pt.full(shape, as_symbol(value, x.type.dtype))
    place = (slice(None), slice(rows, rows + height), slice(columns, columns + width))
    return pt.set_subtensor(canvas[place], x)


@op
def scale_and_translate(
    images, output_shape, scale, translation, spatial_dims, method, antialias=True
):
    _check_choice("method", method, SCALE_AND_TRANSLATE_METHODS)
    (x,) = promote_to_float(images)
    if len(output_shape) != x.type.ndim:
        raise ValueError(
            "Argument `output_shape` must have one entry per axis of `images`. "
            f"Received: output_shape={output_shape}, images.shape={x.type.shape}"
        )
    scale, translation = promote_to_float(scale, translation, at_least="float32")
    for place, dim in enumerate(spatial_dims):
        axis = canonicalize_axis(dim, x.type.ndim)
        old, new = size_of(x, axis), output_shape[axis]
        weights = _resampling_weights(old, new, scale[place], translation[place], method, antialias)
        x = _resample(x, axis, weights)
    return with_shape(x, output_shape)


# --- Sampling at any place -----------------------------------------------------------------------


def _mirror(index, size):
    last = size - 1  # the pattern repeats after 2 * last: its ends are not doubled
    return pt.abs((index + last) % _at_least(2 * last, 1) - last)


_FIX_INDEX = {
    "constant": lambda index, size: pt.clip(index, 0, size - 1),
    "nearest": lambda index, size: pt.clip(index, 0, size - 1),
    "wrap": lambda index, size: index % size,
    "mirror": _mirror,
    "reflect": lambda index, size: (_mirror(2 * index + 1, 2 * size + 1) - 1) // 2,
}


def _neighbours(coordinate, order):
    """Whole places around each coordinate with their weights (None: one)."""
    if order == 0:
        return [(pt.cast(_round(coordinate), "int64"), None)]
    lower = pt.floor(coordinate)
    share = coordinate - lower
    index = pt.cast(lower, "int64")
    return [(index, 1 - share), (index + 1, share)]


def _sample(x, lead, coordinates, order, fill_mode, fill_value):
    """Interpolate `x` at `coordinates`, one array for each axis after those that `lead` indexes.

    Axes of `x` that neither indexes (channels) stay, at the end.
    """
    dtype = x.type.dtype
    trailing = x.type.ndim - len(lead) - len(coordinates)
    choices = []
    for axis, coordinate in enumerate(coordinates, start=len(lead)):
        length = size_of(x, axis)
        choices.append(
            [
                (
                    _FIX_INDEX[fill_mode](index, length),
                    (index >= 0) & (index < length) if fill_mode == "constant" else None,
                    weight,
                )
                for index, weight in _neighbours(coordinate, order)
            ]
        )
    total = None
    for corner in itertools.product(*choices):
        index, inside, weights = zip(*corner, strict=True)
        value = x[(*lead, *index)]
        if fill_mode == "constant":
            known = inside[0]
            for other in inside[1:]:
                known = known & other
            known = pt.shape_padright(known, trailing)
            value = pt.switch(known, value, as_symbol(fill_value, dtype))
        if order:
            weight = weights[0]
            for other in weights[1:]:
                weight = weight * other
            value = value * pt.shape_padright(weight, trailing)
        total = value if total is None else total + value
    return _back_to(total, dtype)


def _sample_batch(x, rows, columns, interpolation, fill_mode, fill_value):
    """Interpolate images (B, H, W, C) at rows and columns (B, h, w)."""
    # Sampling places are never less exact than float32, whatever the images are.
    lead = pt.arange(size_of(x, 0))[:, None, None]
    order = AFFINE_TRANSFORM_INTERPOLATIONS[interpolation]
    return _sample(x, [lead], [rows, columns], order, fill_mode, fill_value)


def _pixel_grid(x, dtype):
    """Rows (H, 1) and columns (1, W) of the pixels of images (B, H, W, C)."""
    _, height, width, _ = sizes_of(x)
    return pt.arange(height).astype(dtype)[:, None], pt.arange(width).astype(dtype)[None, :]


@op
def affine_transform(
    images,
    transform,
    interpolation="bilinear",
    fill_mode="constant",
    fill_value=0,
    data_format=None,
):
    """Take each pixel (x, y) from ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k).

    k = c0 x + c1 y + 1; `transform` is [a0, a1, a2, b0, b1, b2, c0, c1], for one or all images.
    """
    data_format = _format(data_format)
    _check_choice("interpolation", interpolation, set(AFFINE_TRANSFORM_INTERPOLATIONS))
    _check_choice("fill_mode", fill_mode, AFFINE_TRANSFORM_FILL_MODES)
    images = as_symbol(images)
    (transform,) = promote_to_float(transform, at_least="float32")
    _check_rank(images)
    if transform.type.ndim not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of "
            f"transforms). Received input with shape: transform.shape={transform.type.shape}"
        )
    x = _as_batch(images, data_format)
    rows, columns = _projected(x, transform if transform.type.ndim == 2 else transform[None])
    y = _sample_batch(x, rows, columns, interpolation, fill_mode, fill_value)
    return _like_given(with_shape(y, x.type.shape), images, data_format)


def _projected(x, transform):
    """Where each pixel of (B, H, W, C) comes from, by transforms (B or 1, 8): rows and columns."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (transform[:, i, None, None] for i in range(8))
    row, column = (part[None] for part in _pixel_grid(x, transform.type.dtype))
    depth = c0 * column + c1 * row + 1
    from_column = (a0 * column + a1 * row + a2) / depth
    from_row = (b0 * column + b1 * row + b2) / depth
    return from_row, from_column


@op
def perspective_transform(
    images, start_points, end_points, interpolation="bilinear", fill_value=0, data_format=None
):
    data_format = _format(data_format)
    _check_choice("interpolation", interpolation, set(AFFINE_TRANSFORM_INTERPOLATIONS))
    images = as_symbol(images)
    _check_rank(images)
    start_points, end_points = as_symbol(start_points, "float32"), as_symbol(end_points, "float32")
    for name, points in (("start_points", start_points), ("end_points", end_points)):
        if points.type.ndim not in (2, 3) or points.type.shape[-2:] != (4, 2):
            raise ValueError(
                f"Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a "
                f"batch. Received shape: {points.type.shape}"
            )
    if start_points.type.ndim != end_points.type.ndim:
        raise ValueError(
            "start_points and end_points must have the same shape. Received "
            f"start_points.shape={start_points.type.shape}, "
            f"end_points.shape={end_points.type.shape}"
        )
    if start_points.type.ndim == 2:
        start_points, end_points = start_points[None], end_points[None]
    x = _as_batch(images, data_format)
    rows, columns = _projected(x, compute_homography_matrix(start_points, end_points))
    y = _sample_batch(x, rows, columns, interpolation, "constant", fill_value)
    return _like_given(with_shape(y, x.type.shape), images, data_format)


@op
def compute_homography_matrix(start_points, end_points):
    """Projections (N, 8), as `affine_transform` takes them, of end points to start points.

    Both are (N, 4, 2): x and y of four corners.
    """
    start_points, end_points = promote_to_float(start_points, end_points, at_least="float32")
    start_x, start_y = start_points[..., 0], start_points[..., 1]
    end_x, end_y = end_points[..., 0], end_points[..., 1]
    none, one = pt.zeros_like(end_x), pt.ones_like(end_x)
    x_rows = [end_x, end_y, one, none, none, none, -start_x * end_x, -start_x * end_y]
    y_rows = [none, none, none, end_x, end_y, one, -start_y * end_x, -start_y * end_y]
    equations = pt.concatenate([pt.stack(x_rows, axis=-1), pt.stack(y_rows, axis=-1)], axis=1)
    goal = pt.concatenate([start_x, start_y], axis=-1)[..., None]
    return solve(equations, goal)[..., 0]


@op
def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0.0):
    x = as_symbol(inputs)
    (coordinates,) = promote_to_float(coordinates, at_least="float32")
    if coordinates.type.shape[0] != x.type.ndim:
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. "
            f"Received inputs with shape: {x.type.shape} and coordinate leading dim of "
            f"{coordinates.type.shape[0]}"
        )
    if coordinates.type.ndim < 2:
        raise ValueError(
            "Invalid coordinates rank: expected at least rank 2. "
            f"Received input with shape: {coordinates.type.shape}"
        )
    if fill_mode not in MAP_COORDINATES_FILL_MODES:
        raise ValueError(
            "Invalid value for argument `fill_mode`. Expected one of "
            f"{MAP_COORDINATES_FILL_MODES}. Received: fill_mode={fill_mode}"
        )
    if order not in (0, 1):
        raise ValueError(
            f"Invalid value for argument `order`. Expected one of [0, 1]. Received: order={order}"
        )
    places = [coordinates[axis] for axis in range(x.type.ndim)]
    return _sample(x, [], places, order, fill_mode, fill_value)


# --- Filters -------------------------------------------------------------------------------------


def _gaussian(length, sigma):
    place = np.arange(length) - (length - 1) / 2
    weights = pt.exp(-0.5 * pt.sqr(place.astype(sigma.type.dtype) / sigma))
    return weights / pt.sum(weights)


def _blur(x, kernel_size, sigma):
    """Blur (B, H, W, C); an image's two axes one after the other."""
    channels = size_of(x, 3)
    first, second = (_gaussian(kernel_size[i], sigma[i]) for i in (1, 0))
    for kernel in (first[:, None, None, None], second[None, :, None, None]):
        kernel = pt.repeat(kernel, channels, axis=2)
        x = depthwise_conv(x, kernel, padding="same")
    return x


def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    # As ints, the sizes stay known while the graph is built.
    kernel_size = tuple(int(length) for length in kernel_size)
    return _gaussian_blur(images, kernel_size, sigma, _format(data_format))


@op
def _gaussian_blur(images, kernel_size, sigma, data_format):
    images = as_symbol(images)
    _check_rank(images)
    (values,) = promote_to_float(images)
    x = _blur(_as_batch(values, data_format), kernel_size, as_symbol(sigma, values.type.dtype))
    return _back_to(_like_given(x, images, data_format), images.type.dtype)


def elastic_transform(
    images,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    """Move each pixel by a smooth random field.

    Simard et al., "Best Practices for Convolutional Neural Networks Applied to Visual Document
    Analysis" (2003). Rows and columns move independently of each other.

    Args:
        alpha: How far, in pixels for `sigma` times a unit of noise.
        sigma: Width of the blur that smooths the noise, in pixels; has to be a known number, as
            the blur's size follows from it.
    """
    _check_choice("interpolation", interpolation, set(AFFINE_TRANSFORM_INTERPOLATIONS))
    _check_choice("fill_mode", fill_mode, AFFINE_TRANSFORM_FILL_MODES)
    if isinstance(sigma, (Tensor, TheanoVariable)):
        raise ValueError("`sigma` of elastic_transform must be a number, not a symbolic tensor.")
    settings = (float(sigma), interpolation, fill_mode, fill_value, _format(data_format))
    return _elastic_transform(images, alpha, draw_seed(seed), *settings)


@op
def _elastic_transform(
    images, alpha, seed, sigma, interpolation, fill_mode, fill_value, data_format
):
    images = as_symbol(images)
    _check_rank(images)
    x = _as_batch(images, data_format)
    dtype = images.type.dtype if images.type.dtype in ("float32", "float64") else "float32"
    draw = RandomDraw("normal", dtype, 0)
    batch, height, width, _ = sizes_of(x)
    noise = draw(as_symbol(seed), batch, height, width, 2) * np.asarray(sigma, dtype)
    length = int(6 * sigma) | 1
    shift = _blur(noise, (length, length), as_symbol([sigma, sigma], dtype))
    shift = shift * as_symbol(alpha, dtype)
    row, column = _pixel_grid(x, dtype)
    y = _sample_batch(
        x, row + shift[..., 0], column + shift[..., 1], interpolation, fill_mode, fill_value
    )
    return _like_given(with_shape(y, x.type.shape), images, data_format)


@op
def sobel_edges(images, data_format=None):
    """Return the vertical and the horizontal gradient of each channel, on a new last axis."""
    data_format = _format(data_format)
    images = as_symbol(images)
    _check_rank(images)
    (values,) = promote_to_float(images)
    x = _as_batch(values, data_format)
    columns = np.asarray([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], values.type.dtype)
    channels = size_of(x, 3)
    kernel = np.stack([columns.T, columns], axis=-1)[:, :, None]
    kernel = pt.repeat(as_symbol(kernel), channels, axis=2)
    edges = depthwise_conv(x, kernel, padding="same")
    shape = (*sizes_of(x), 2)
    edges = with_shape(pt.reshape(edges, shape), shape)
    if images.type.ndim == 3:
        edges = edges[0]
    if data_format == "channels_first":
        edges = pt.moveaxis(edges, -2, -4)
    return _back_to(edges, images.type.dtype)
