"""Gradients of products are the product rule's, whatever factors are 0, and second ones too."""

import numpy as np
import pytest
from graph_checks import check_gradient
from slopes import on_this_engine

ROWS = np.array([[1, 0, 3, 0], [0, 0, 0, 0], [1, 2, 3, 4], [0, 2, 3, 4], [2, 3, 0, 5]])


def product_rule(x, weights):
    """The slope of sum(weights * cumprod(x)) for a vector: each product without one factor."""
    slope = np.zeros(len(x))
    for k, weight in enumerate(weights):
        for j in range(k + 1):
            slope[j] += weight * np.prod(np.delete(x[: k + 1], j))
    return slope


@pytest.mark.parametrize(
    "x", [[1, 0, 3], [0, 0, 0], [0, 2, 0, 4], [0], [2, 3], [5, 0, 0, 2, 3, 0], []], ids=str
)
@pytest.mark.parametrize("name", ["cumprod", "nancumprod", "prod"])
def test_slope_of_products_is_the_product_rules(name, x, mode):
    from keras import ops

    function = getattr(ops, name, None)
    if function is None:
        pytest.skip("this Keras has no such function")
    if not x and name == "prod":
        pytest.skip("one number, of no factors")
    x = np.array(x, "float32")
    weights = np.arange(1, len(x) + 1)
    expected = product_rule(x, [0] * (len(x) - 1) + [1] if name == "prod" else weights)
    np.testing.assert_allclose(on_this_engine(function, [x])[0], expected, rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("name", ["cumprod", "prod"])
def test_products_along_axes(name, axis, mode):
    from keras import ops

    check_gradient(lambda x: getattr(ops, name)(x, axis=axis), ROWS.astype("float64"))


@pytest.mark.parametrize("name", ["cumprod", "prod"])
def test_second_gradients_of_products(name):
    import pytensor

    from keras_theano.src import numpy

    def slope(x):
        products = getattr(numpy, name)(x.symbol, axis=1)
        return pytensor.grad(((1 + products) ** 2).sum(), x.symbol)

    check_gradient(slope, ROWS.astype("float64"))


def test_slope_of_a_long_cumulative_product_costs_little():
    from keras import ops

    x = np.full(100_000, 0.5, "float32")
    x[::2] = 2
    (found,) = on_this_engine(lambda x: ops.cumprod(x)[-1:], [x])
    np.testing.assert_array_equal(found, 1 / x)
