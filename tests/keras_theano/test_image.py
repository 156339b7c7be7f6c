"""`keras.ops.image` on Theano: values against JAX and SciPy, unknown sizes, gradients, messages."""

import colorsys

import numpy as np
import pytest
import scipy.ndimage
from keras import ops

from keras_theano.src import image
from tests.keras_theano.ways import check_gradient, run_all_ways

jax = pytest.importorskip("jax")

RNG = np.random.default_rng(3)
IMAGES = RNG.random((2, 7, 9, 3)).astype("float32")


def both_formats(function, expected, **kwargs):
    np.testing.assert_allclose(
        run_all_ways(lambda x: function(x, data_format="channels_last", **kwargs), IMAGES),
        expected,
        rtol=1e-4,
        atol=1e-5,
    )
    first = run_all_ways(
        lambda x: function(x, data_format="channels_first", **kwargs), np.moveaxis(IMAGES, -1, 1)
    )
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), expected, rtol=1e-4, atol=1e-5)
    single = function(IMAGES[0], data_format="channels_last", **kwargs)
    np.testing.assert_allclose(single, expected[0], rtol=1e-4, atol=1e-5)


def test_colours():
    hsv = np.apply_along_axis(lambda rgb: colorsys.rgb_to_hsv(*rgb), -1, IMAGES)
    both_formats(image.rgb_to_hsv, hsv)
    np.testing.assert_allclose(
        run_all_ways(lambda x: image.hsv_to_rgb(x), hsv.astype("float32")), IMAGES, atol=1e-5
    )
    both_formats(image.rgb_to_grayscale, IMAGES @ np.array([[0.2989], [0.587], [0.114]]))
    check_gradient(image.rgb_to_hsv, IMAGES[:1, :2, :2])
    check_gradient(image.hsv_to_rgb, hsv[:1, :2, :2])


def test_gray_has_neither_hue_nor_saturation():
    gray = np.array([[[[0, 0, 0], [0.4, 0.4, 0.4], [1, 1, 1]]]], "float32")
    expected = [[[[0, 0, 0], [0, 0, 0.4], [0, 0, 1]]]]
    np.testing.assert_allclose(image.rgb_to_hsv(gray), expected)


@pytest.mark.parametrize("method", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("size", [(4, 13), (14, 5)])
def test_resize(method, antialias, size):
    expected = jax.image.resize(IMAGES, (2, *size, 3), method, antialias=antialias)
    both_formats(image.resize, expected, size=size, interpolation=method, antialias=antialias)


def test_resize_of_images_of_unknown_size():
    import pytensor.tensor as pt

    from keras_theano.src import modes
    from keras_theano.src.tensor import Tensor

    x = pt.TensorType("float32", (None, None, None, 3))()
    for settings in ({}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}):
        y = image.resize(Tensor(x), (4, 4), antialias=True, **settings)
        assert y.shape == (None, 4, 4, 3)
        (value,) = modes.compile_function([x], [y.symbol])(IMAGES)
        expected = image.resize(IMAGES, (4, 4), antialias=True, **settings)
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


def test_resize_keeps_the_aspect_ratio_by_cropping_or_padding():
    cropped = image.resize(IMAGES, (7, 7), crop_to_aspect_ratio=True)
    np.testing.assert_allclose(cropped, IMAGES[:, :, 1:8], rtol=1e-6)
    padded = image.resize(IMAGES, (9, 9), pad_to_aspect_ratio=True, fill_value=0.25)
    np.testing.assert_allclose(padded[:, 1:8], IMAGES, rtol=1e-6)
    np.testing.assert_allclose(padded[:, [0, 8]], 0.25)


@pytest.mark.parametrize("method", sorted(image.SCALE_AND_TRANSLATE_METHODS))
@pytest.mark.parametrize("antialias", [False, True])
def test_scale_and_translate(method, antialias):
    scale, shift = np.array([0.7, 1.6], "float32"), np.array([1.2, -2.0], "float32")
    shape = (2, 6, 12, 3)
    expected = jax.image.scale_and_translate(IMAGES, shape, (1, 2), scale, shift, method, antialias)
    actual = run_all_ways(
        lambda x: image.scale_and_translate(
            x, (None, *shape[1:]), scale, shift, (1, 2), method, antialias
        ),
        IMAGES,
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", sorted(image.MAP_COORDINATES_FILL_MODES))
@pytest.mark.parametrize("order", [0, 1])
def test_map_coordinates(mode, order):
    x = IMAGES[0]
    # A little off whole and half numbers, where rounding has two answers.
    places = RNG.integers(-40, 60, (3, 5, 6)) / 4 + 0.07
    places = places.astype("float32")
    expected = jax.scipy.ndimage.map_coordinates(x, places, order, mode, 0.5)
    actual = run_all_ways(
        lambda x, c: image.map_coordinates(x, c, order, mode, 0.5), x, places, batched=0
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    if order:
        check_gradient(lambda x, c: image.map_coordinates(x, c, 1, mode, 0.5), x, places)


@pytest.mark.parametrize("mode", sorted(image.AFFINE_TRANSFORM_FILL_MODES))
@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_affine_transform(mode, method):
    transform = np.array([0.9, 0.3, -1.03, -0.2, 1.1, 0.51, 0, 0], "float32")
    a0, a1, a2, b0, b1, b2 = transform[:6].astype("float64")
    row, column = np.mgrid[:7, :9]
    places = [b0 * column + b1 * row + b2, a0 * column + a1 * row + a2]
    expected = np.stack(
        [
            np.stack(
                [
                    jax.scipy.ndimage.map_coordinates(
                        one[..., c], places, {"nearest": 0, "bilinear": 1}[method], mode, 0.2
                    )
                    for c in range(3)
                ],
                axis=-1,
            )
            for one in IMAGES
        ]
    )
    both_formats(
        image.affine_transform,
        expected,
        transform=transform,
        interpolation=method,
        fill_mode=mode,
        fill_value=0.2,
    )


def test_affine_transform_has_gradients_for_images_and_transforms():
    transforms = np.array(
        [[0.9, 0.3, 0.13, -0.2, 1.1, 0.51, 0.01, 0], [1, 0, 0.6, 0, 1, 0.7, 0, 0.02]]
    )
    check_gradient(image.affine_transform, IMAGES[:, :3, :3, :1], transforms)


def test_perspective_transform_takes_corners_to_corners():
    corners = np.array([[0, 0], [8, 0], [0, 6], [8, 6]], "float32")
    same = run_all_ways(lambda x: image.perspective_transform(x, corners, corners), IMAGES)
    np.testing.assert_allclose(same, IMAGES, atol=1e-4)
    inner = np.array([[1, 2], [7, 1], [2, 5], [6, 6]], "float32")
    moved = image.perspective_transform(IMAGES, inner, corners)
    for (column, row), (from_column, from_row) in zip(
        corners.astype(int), inner.astype(int), strict=True
    ):
        np.testing.assert_allclose(
            moved[:, row, column], IMAGES[:, from_row, from_column], atol=1e-3
        )


def test_gaussian_blur():
    expected = np.stack(
        [
            scipy.ndimage.gaussian_filter(one, (1.3, 0.8, 0), mode="constant", radius=(2, 3, 0))
            for one in IMAGES
        ]
    )
    both_formats(image.gaussian_blur, expected, kernel_size=(7, 5), sigma=(0.8, 1.3))
    check_gradient(image.gaussian_blur, IMAGES[:1, :4, :4])


def test_sobel_edges():
    expected = np.zeros((*IMAGES.shape, 2))
    for place in np.ndindex(2, 3):
        plane = IMAGES[place[0], ..., place[1]]
        for axis in (0, 1):
            edges = scipy.ndimage.sobel(plane, axis=axis, mode="constant")
            expected[place[0], ..., place[1], axis] = edges
    np.testing.assert_allclose(run_all_ways(image.sobel_edges, IMAGES), expected, atol=1e-5)
    first = image.sobel_edges(np.moveaxis(IMAGES, -1, 1), "channels_first")
    np.testing.assert_allclose(np.moveaxis(first, 1, -2), expected, atol=1e-5)


def test_extract_patches():
    patches = run_all_ways(lambda x: ops.image.extract_patches(x, (3, 2), strides=(2, 3)), IMAGES)
    assert patches.shape == (2, 3, 3, 18)
    np.testing.assert_allclose(patches[1, 2, 1], IMAGES[1, 4:7, 3:5].ravel(), rtol=1e-6)


def test_elastic_transform():
    call = lambda x: image.elastic_transform(x, alpha=3.0, sigma=1.5, seed=4)
    moved = run_all_ways(call, IMAGES)
    assert moved.shape == IMAGES.shape and np.abs(moved - IMAGES).max() > 0.05
    assert moved.min() >= IMAGES.min() - 1e-6 and moved.max() <= IMAGES.max() + 1e-6
    still = image.elastic_transform(IMAGES, alpha=0.0, sigma=1.5, seed=4)
    np.testing.assert_allclose(still, IMAGES, rtol=1e-6)


def test_whole_numbers_are_rounded_not_cut():
    x = np.array([[[[0], [255]], [[255], [0]]]], "uint8")
    shift = np.array([1, 0, 0.4, 0, 1, 0, 0, 0], "float32")
    y = image.affine_transform(x, shift)
    assert y.dtype == "uint8"
    np.testing.assert_array_equal(y[0, :, 0, 0], [102, 153])


def test_bad_input_is_refused_in_the_users_terms():
    for call, message in (
        (lambda: image.resize(IMAGES, (4, 4), interpolation="box"), "interpolation"),
        (lambda: image.resize(IMAGES, (4, 4), fill_mode="wrap"), "fill_mode"),
        (lambda: image.resize(IMAGES[0, 0], (4, 4)), "rank"),
        (lambda: image.resize(IMAGES, (4,)), "two elements"),
        (lambda: image.rgb_to_hsv(IMAGES[..., :2]), "3 channels"),
        (lambda: image.rgb_to_hsv(np.zeros((2, 2, 3), "uint8")), "float dtype"),
        (lambda: image.map_coordinates(IMAGES, np.zeros((2, 5)), 1), "First dim"),
        (lambda: image.map_coordinates(IMAGES, np.zeros((4, 5)), 3), "order"),
        (lambda: image.affine_transform(IMAGES, np.zeros((1, 1, 8))), "transform rank"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
