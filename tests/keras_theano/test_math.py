"""`keras.ops` of mathematics on Theano: against JAX and SciPy, unknown sizes, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import scipy.special
from graph_checks import assert_close, check_gradient, compiled

from keras_theano.src import math

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 6))
IDS = np.array([2, 0, 2, -1, 0, 5])
DATA = RNG.normal(size=(6, 3))
COMPLEX = (X, RNG.normal(size=X.shape))


def segments(name):
    """JAX's result; its empty segments, and ids out of range, are as here."""
    valid = (IDS >= 0) & (IDS < 4)
    reduce = getattr(jax.ops, name)
    return np.asarray(reduce(DATA[valid].astype("float32"), IDS[valid], 4))


def parts(z):
    return np.real(z), np.imag(z)


# Name, function of the arrays, the arrays, expected value (None: compared elsewhere).
CASES = [
    *(
        (name, lambda d, name=name: getattr(math, name)(d, IDS, 4), [DATA], segments(name))
        for name in ("segment_sum", "segment_max", "segment_min", "segment_prod")
    ),
    ("top_k", lambda x: math.top_k(x, 3)[0], [X], np.asarray(jax.lax.top_k(X, 3)[0])),
    ("logsumexp", math.logsumexp, [X], scipy.special.logsumexp(X)),
    (
        "logsumexp axes",
        lambda x: math.logsumexp(x, axis=(0, -1), keepdims=True),
        [X],
        scipy.special.logsumexp(X, axis=(0, -1), keepdims=True),
    ),
    ("rsqrt", math.rsqrt, [X**2 + 0.1], 1 / np.sqrt(X**2 + 0.1)),
    ("erf", math.erf, [X], scipy.special.erf(X)),
    ("erfc", math.erfc, [X], scipy.special.erfc(X)),
    ("erfinv", math.erfinv, [np.tanh(X)], scipy.special.erfinv(np.tanh(X))),
    (
        "cdist",
        math.cdist,
        [X, X[:, :2] + 1],
        np.linalg.norm(X[:, :, None] - X[:, None, :2] - 1, axis=-1),
    ),
    ("logdet", math.logdet, [X[:, :, :3]], np.linalg.slogdet(X[:, :, :3])[1]),
    (
        "extract_sequences",
        lambda x: math.extract_sequences(x, 3, 2),
        [X],
        np.stack([X[..., 0:3], X[..., 2:5]], axis=-2),
    ),
    ("fft", lambda a, b: math.fft((a, b)), COMPLEX, parts(np.fft.fft(X + 1j * COMPLEX[1]))),
    ("fft2", lambda a, b: math.fft2((a, b)), COMPLEX, parts(np.fft.fft2(X + 1j * COMPLEX[1]))),
    ("ifft2", lambda a, b: math.ifft2((a, b)), COMPLEX, parts(np.fft.ifft2(X + 1j * COMPLEX[1]))),
    *(
        ("rfft", lambda x, n=n: math.rfft(x, n), [X], parts(np.fft.rfft(X, n)))
        for n in (None, 4, 5, 9)
    ),
    *(
        (
            "irfft",
            lambda a, b, n=n: math.irfft((a, b), n),
            COMPLEX,
            np.fft.irfft(X + 1j * COMPLEX[1], n),
        )
        for n in (None, 7, 8, 13)
    ),
]
SIGNAL = RNG.normal(size=(1, 50))


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_values_unknown_sizes_and_gradients(case):
    name, function, arrays, expected = case
    assert_close(function(*arrays), expected)
    assert_close(compiled(function, *arrays, unknown=None), expected)
    # Segment ids have the length of the first axis, so the table cannot leave it open.
    if not name.startswith("segment"):
        assert_close(compiled(function, *arrays), expected)
        assert_close(compiled(function, *arrays, unknown=X.ndim - 1), expected)
    if name not in ("segment_max", "segment_min"):
        check_gradient(function, *arrays)


def test_segments_of_unknown_number():
    ids = np.array([1, 0, 3, 1, 1, 0])
    expected = np.asarray(jax.ops.segment_sum(DATA.astype("float32"), ids, 4))
    assert_close(math.segment_sum(DATA, ids), expected)
    found = compiled(lambda d, i: math.segment_sum(d, i), DATA, ids)
    assert_close(found, expected)


@pytest.mark.parametrize("name, empty", [("segment_max", -np.inf), ("segment_min", np.inf)])
def test_gradient_of_segment_extremes_goes_to_the_extreme(name, empty):
    def occupied(data):
        result = getattr(math, name)(data, IDS, 4)
        return result[0], result[2]  # the two segments that are not empty

    assert np.all(getattr(math, name)(DATA, IDS, 4)[[1, 3]] == empty)
    check_gradient(occupied, DATA)


def test_product_gradient_with_zeros():
    data = np.array([0.0, 2.0, 3.0, 0.0, 0.0, 5.0])
    ids = np.array([0, 0, 0, 1, 1, 2])
    check_gradient(lambda d: math.segment_prod(d, ids, 3), data)


def test_top_k_takes_the_first_of_equal_values():
    x = np.array([[1, 3, 3, 2, 3], [0, 0, 0, 0, 0]])
    values, places = math.top_k(x, 3)
    expected = jax.lax.top_k(x, 3)
    assert_close((values, places), expected)
    assert places.dtype == "int32"
    with pytest.raises(ValueError, match="k=9"):
        math.top_k(x, 9)


def test_in_top_k_counts_ties_as_in_and_nan_as_out():
    predictions = np.array([[0.1, 0.9, 0.9], [0.5, 0.2, np.nan], [1, 2, 3]], "float32")
    targets = np.array([2, 2, 1])
    assert math.in_top_k(targets, predictions, 1).tolist() == [True, False, False]
    assert math.in_top_k(targets, predictions, 2).tolist() == [True, False, True]


def test_logsumexp_of_infinities_and_large_values():
    x = np.array([[-np.inf, -np.inf], [1000.0, 1000.0], [np.inf, 0.0]])
    with np.errstate(divide="ignore"):
        found = math.logsumexp(x, axis=1)
    assert_close(found, np.array([-np.inf, 1000 + np.log(2), np.inf]))


@pytest.mark.parametrize("window", ["hann", "hamming", None])
@pytest.mark.parametrize("center", [True, False])
def test_stft_against_scipy_and_its_inverse(window, center):
    length, stride, points = 12, 3, 16

    def transform(x):
        return math.stft(x, length, stride, points, window, center)

    def back(real, imag):
        return math.istft((real, imag), length, stride, points, SIGNAL.shape[1], window, center)

    x = np.pad(SIGNAL, [(0, 0), (8, 8)], mode="reflect") if center else SIGNAL
    weights = np.ones(16) if window is None else scipy.signal.get_window(window, length)
    weights = weights if window is None else np.pad(weights, 2)
    starts = range(0, x.shape[1] - points + 1, stride)
    expected = np.stack([np.fft.rfft(x[:, s : s + points] * weights) for s in starts], axis=1)
    spectrum = transform(SIGNAL)
    assert_close(spectrum, parts(expected), atol=1e-5)
    assert_close(compiled(transform, SIGNAL, unknown=1), parts(expected), atol=1e-5)
    check_gradient(transform, SIGNAL[:, :24])
    if window is not None:
        middle = slice(16, 30)  # the ends are covered by fewer frames
        assert_close(back(*spectrum)[:, middle], SIGNAL[:, middle], atol=1e-5)
    check_gradient(back, *spectrum)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="real and imaginary"):
        math.fft(X)
    with pytest.raises(ValueError, match="same shape"):
        math.fft((X, X[0]))
    with pytest.raises(ValueError, match="not of type float"):
        math.fft((X, X.astype("int32")))
    with pytest.raises(ValueError, match="rank >= 2"):
        math.cdist(X[0, 0], X)
    with pytest.raises(TypeError, match="float32"):
        math.stft(X.astype("float16"), 4, 2, 4)
    with pytest.raises(ValueError, match="hann"):
        math.stft(X, 4, 2, 4, window="square")


def test_erf_keeps_integers_out():
    assert math.erf(np.arange(3)).dtype == "float32"
    assert_close(math.erf(np.arange(3)), jax.lax.erf(jnp.arange(3.0)))
