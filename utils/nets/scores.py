"""How far apart two sets of pictures are, by what a network makes of them."""

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

__all__ = ["frechet"]


def frechet(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """The (squared) Frechet distance of two sets of features, each taken for a Gaussian.

    |mean a - mean b|² + trace(A + B - 2 (A B)^½), with the covariances A and B. It is 0 for equal
    Gaussians and has the features' unit, squared. Its value falls with the number of rows, so compare
    sets of one size only. With the features of an Inception network it is known as *FID*.

    >>> a, b = np.random.default_rng(0).normal(size=(2, 10_000, 4))
    >>> round(frechet(a, a), 9), round(frechet(a, 3 * b + 1))
    (0.0, 20)

    (In each of the four features (0 - 1)² from the means and (1 - 3)² from the widths.)

    Source: D. Dowson and B. Landau, "The Fréchet distance between multivariate normal distributions",
    1982; M. Heusel et al., "GANs trained by a two time-scale update rule ...", 2017.

    Args:
        a: features `(n, d)`, a row for each picture, n at least 2 d.
        b: features `(m, d)`, m at least 2 d.

    Returns:
        The distance, 0 or more, computed in double precision.

    Raises:
        ValueError: not two tables with the same columns, fewer than 2 rows for each column, from which
            no covariance can be told, or numbers that are not finite.
    """
    with threadpool_limits(1, "blas"):  # small tables: more threads spin, waiting for one another
        (mean_a, root_a), (mean_b, root_b) = _gaussian(a, "a"), _gaussian(b, "b")
        if len(mean_a) != len(mean_b):
            raise ValueError(f"a has {len(mean_a)} features, and b has {len(mean_b)}.")
        # With A = Q'Q and B = R'R, the trace of (A B)^½ is the sum of the singular values of Q R'.
        shared = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    apart = ((mean_a - mean_b) ** 2).sum() + (root_a**2).sum() + (root_b**2).sum() - 2 * shared
    return max(float(apart), 0.0)  # rounding alone can bring it below 0


def _gaussian(features, name):
    """The mean, and a root R of the covariance R'R."""
    features = np.asarray(features, "float64")
    if features.ndim != 2:
        raise ValueError(f"{name} has the shape {features.shape}: it needs a row for each picture.")
    rows, columns = features.shape
    if rows < 2 * columns or columns == 0:
        raise ValueError(
            f"{name} has {rows} rows of {columns} features, too few to tell how they vary together: at "
            f"least {max(2 * columns, 2)} rows are needed."
        )
    if not np.isfinite(features).all():
        raise ValueError(f"{name} holds NaN or infinity.")
    mean = features.mean(axis=0)
    return mean, np.linalg.qr(features - mean, mode="r") / np.sqrt(rows - 1)
