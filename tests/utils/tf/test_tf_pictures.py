"""PSNR and SSIM are `tf.image`'s and the formulas', and the usual mistakes are refused in words."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from utils.data import load_picture
from utils.tf import psnr, ssim

RANDOM = np.random.default_rng(0)
CAT = load_picture("chelsea")[:96, :128]


def noisy(picture, sigma):
    """With noise of exactly this standard deviation, where nothing is cut off at 0 or 255."""
    signs = RANDOM.choice([-1, 1], picture.shape)
    return np.clip(picture, sigma, 255 - sigma).astype(int), signs * sigma


def test_noise_of_sigma_10_is_28_13_decibels():
    clean, noise = noisy(CAT, 10)
    a, b = clean.astype("uint8"), (clean + noise).astype("uint8")
    assert float(psnr(a, b)) == pytest.approx(10 * np.log10(255**2 / 100), abs=1e-4)
    assert f"{float(psnr(a, b)):.2f}" == "28.13"


@pytest.mark.parametrize("measure", [psnr, ssim])
@pytest.mark.parametrize("limits", [(0, 255), (0, 1), (-1, 1), (5.0, 7.5)])
def test_a_picture_measures_the_same_in_all_limits(measure, limits):
    a, b = np.stack([CAT, CAT[::-1]]), RANDOM.integers(0, 256, (2, *CAT.shape)).astype("uint8")
    low, high = limits
    as_floats = [low + (high - low) * x.astype("float64") / 255 for x in (a, b)]
    expected = getattr(tf.image, measure.__name__)(a, b, 255)
    assert expected.shape == (2,)
    np.testing.assert_allclose(measure(a, b), expected, rtol=1e-6)
    for dtype in ("float32", "float64"):
        found = measure(*(x.astype(dtype) for x in as_floats), limits=limits)
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-6)


def test_ssim_is_the_formula():
    a = CAT.astype("float64")
    b = np.clip(a + RANDOM.normal(0, 20, a.shape), 0, 255)

    def blur(x):  # a window of 11 pixels; only squares that lie within count
        return gaussian_filter(x, 1.5, radius=5, axes=(0, 1))[5:-5, 5:-5]

    mean_a, mean_b = blur(a), blur(b)
    spread_a, spread_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    together = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    by_hand = (2 * mean_a * mean_b + c1) * (2 * together + c2)
    by_hand /= (mean_a**2 + mean_b**2 + c1) * (spread_a + spread_b + c2)
    assert float(ssim(a, b, limits=(0, 255))) == pytest.approx(by_hand.mean(), abs=1e-4)


def test_known_answers():
    assert float(ssim(CAT, CAT)) == 1
    assert np.isinf(float(psnr(CAT, CAT)))
    brighter = CAT // 2 + 20
    assert float(psnr(CAT // 2, brighter)) == pytest.approx(20 * np.log10(255 / 20), abs=1e-4)
    scores = [float(ssim(CAT, sum(noisy(CAT, s)).astype("uint8"))) for s in (2, 10, 50)]
    assert scores[0] > 0.95 > scores[1] > scores[2]


def test_grey_and_single_pictures_and_within_tf_function():
    grey = tf.constant(CAT[None, :, :, :1])
    assert psnr(grey[0], grey[0] // 2).shape == () and psnr(grey, grey // 2).shape == (1,)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, None], tf.float32)] * 2)
    def both(a, b):
        return psnr(a, b, (0, 255)), ssim(a, b, (0, 255))

    floats = [x.astype("float32")[None] for x in (CAT, CAT // 2)]
    np.testing.assert_allclose(
        both(*floats), [psnr(CAT, CAT // 2)[None], ssim(CAT, CAT // 2)[None]], 1e-5
    )


def test_gradients_pass():
    a, b = tf.constant(RANDOM.uniform(size=(2, 12, 12, 1)), tf.float32)
    for measure in (psnr, ssim):
        with tf.GradientTape() as tape:
            tape.watch(a)
            score = measure(a, b, (0, 1))
        assert float(tf.reduce_max(tf.abs(tape.gradient(score, a)))) > 1e-3


SMALL = np.zeros((6, 240, 1), "uint8")
FLOATS = CAT / 255


@pytest.mark.parametrize(
    "a, b, limits, words",
    [
        (
            CAT,
            FLOATS,
            None,
            "One is of uint8, the other of float64: make both uint8, or both floats",
        ),
        (CAT, FLOATS, (0, 1), "One is of uint8, the other of float64"),
        (CAT.astype(int), CAT.astype(int), (0, 255), "One is of int64"),
        (CAT > 9, CAT > 9, None, "One is of bool"),
        (FLOATS, FLOATS, None, "Say what is black and white"),
        (FLOATS, FLOATS, 1.0, "limits is a pair, black before white, not 1.0"),
        (FLOATS, FLOATS, (1, 0), "limits is a pair"),
        (CAT, CAT, (0, 1), "White is 255 in pictures of uint8"),
        (255 * FLOATS, FLOATS, (0, 1), r"numbers, .* to 2.*, do not go with limits=\(0, 1\)"),
        (FLOATS, 2 * FLOATS - 1, (0, 1), "numbers, -.* do not go with"),
        (FLOATS, FLOATS, (0, 255), "brightest number is 0.8196, and limits say that white is 255"),
        (CAT, CAT[:-1], None, r"one shape can be compared, not \(96, 128, 3\) and \(95"),
        (CAT[..., 0], CAT[..., 0], None, r"Grey ones need an axis more: picture\[..., None\]"),
        (CAT[None, ..., 0], CAT[None, ..., 0], None, "1 to 4 channels"),
    ],
)
@pytest.mark.parametrize("measure", [psnr, ssim])
def test_mistakes_are_refused(measure, a, b, limits, words):
    with pytest.raises(ValueError, match=words):
        measure(a, b, limits)


def test_ssim_refuses_pictures_smaller_than_its_squares():
    with pytest.raises(ValueError, match="11 x 11 pixels: pictures of 6 x 240 are too small"):
        ssim(SMALL, SMALL)
    assert np.isinf(psnr(SMALL, SMALL))


def test_a_little_overshoot_is_allowed():
    assert float(psnr(1.2 * FLOATS - 0.1, FLOATS, (0, 1))) > 15
