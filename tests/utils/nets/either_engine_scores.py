"""The Frechet distance is the formula's, and refuses what it cannot judge."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from threadpoolctl import threadpool_info

from utils.nets import frechet

RANDOM = np.random.default_rng(0)


def with_exact(mean, covariance, rows=50):
    """Rows whose mean and covariance are these, up to rounding."""
    d = len(mean)
    x = RANDOM.normal(size=(rows, d))
    x -= x.mean(0)
    q, _ = np.linalg.qr(x)
    return mean + q * np.sqrt(rows - 1) @ np.linalg.cholesky(covariance).T


def random_covariance(d):
    root = RANDOM.normal(size=(d, d))
    return root @ root.T + 0.1 * np.eye(d)


@pytest.mark.parametrize("d", [1, 2, 10])
def test_it_is_the_formula(d):
    (m, n), a, b = RANDOM.normal(size=(2, d)), random_covariance(d), random_covariance(d)
    expected = ((m - n) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b)).real
    found = frechet(with_exact(m, a), with_exact(n, b, rows=33))
    assert found == pytest.approx(expected, rel=1e-9)
    assert frechet(with_exact(n, b), with_exact(m, a)) == pytest.approx(expected, rel=1e-9)


def test_in_one_dimension():
    # (m - n)² + (s - t)²
    found = frechet(with_exact([1.0], [[4.0]]), with_exact([-2.0], [[25.0]]))
    assert found == pytest.approx(9 + 9, rel=1e-12)


def test_covariances_that_commute():
    axes, _ = np.linalg.qr(RANDOM.normal(size=(4, 4)))
    s, t = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 2.0, 0.5, 5.0])
    a, b = axes * s**2 @ axes.T, axes * t**2 @ axes.T
    found = frechet(with_exact(np.zeros(4), a), with_exact(np.ones(4), b))
    assert found == pytest.approx(4 + ((s - t) ** 2).sum(), rel=1e-9)


@pytest.mark.parametrize("offset", [0, 1000])
@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_it_is_0_for_the_same_and_of_the_features_unit_squared(scale, offset):
    a, b = RANDOM.normal(size=(100, 8)) + offset, RANDOM.normal(size=(100, 8)) + offset
    assert 0 <= frechet(scale * a, scale * a) < 1e-12 * (scale * (offset + 1)) ** 2
    assert frechet(scale * a, scale * b) == pytest.approx(scale**2 * frechet(a, b), rel=1e-6)
    assert frechet(a.astype("float32"), b) == pytest.approx(frechet(a, b), rel=1e-2)


def test_features_that_depend_on_one_another_or_never_change():
    # Ten copies of one row, and a feature that is always 0: both covariances are singular.
    a = np.tile(RANDOM.normal(size=(1, 5)), (20, 1))
    assert frechet(a, a) == 0
    b = np.hstack([RANDOM.normal(size=(40, 4)), np.zeros((40, 1))])
    assert frechet(b, b) < 1e-12 and np.isfinite(frechet(a, b))


@pytest.mark.parametrize(
    "a, b, words",
    [
        ((9, 5), (10, 5), "a has 9 rows of 5 features, too few .* at least 10 rows"),
        ((10, 5), (1, 5), "b has 1 rows of 5 features, too few"),
        ((10, 5), (12, 4), "a has 5 features, and b has 4"),
        ((10,), (10,), r"a has the shape \(10,\): it needs a row for each picture"),
        ((10, 1), (10, 2, 2), r"b has the shape \(10, 2, 2\)"),
        ((10, 0), (10, 0), "too few"),
    ],
)
def test_what_cannot_be_judged_is_refused(a, b, words):
    with pytest.raises(ValueError, match=words):
        frechet(np.ones(a), np.ones(b))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_refused(bad):
    b = np.ones((10, 2))
    b[3, 1] = bad
    with pytest.raises(ValueError, match="b holds NaN or infinity"):
        frechet(np.ones((10, 2)), b)


def test_its_small_tables_take_one_thread_and_give_the_others_back(monkeypatch):
    # Two threads wait for each other by spinning: beside other programs 0.9 s of two processors for
    # 2,000 rows, in place of 0.01 s of one.
    threads = lambda: [
        pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
    ]
    before, within, svd = threads(), [], np.linalg.svd
    monkeypatch.setattr(np.linalg, "svd", lambda *a, **k: within.append(threads()) or svd(*a, **k))
    frechet(RANDOM.normal(size=(40, 4)), RANDOM.normal(size=(40, 4)))
    assert within == [[1] * len(before)] and threads() == before
