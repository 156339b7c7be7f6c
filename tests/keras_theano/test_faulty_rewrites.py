"""Compiled expressions are what their floats make them, at 0, inf and NaN as elsewhere."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from keras import Sequential, layers, ops
from keras.metrics import PearsonCorrelation

from keras_theano.src import modes
from keras_theano.src.tensor import Tensor, as_symbol

SPECIAL = [0, 1, -1, 2, 0.5, np.inf, -np.inf, np.nan, 1e-30, 1e30, -1e-30, 100]
X, Y = (grid.ravel().astype("float32")[:, None] for grid in np.meshgrid(SPECIAL, SPECIAL))

# Rules of algebra that hold for numbers, but not for floats.
EXPRESSIONS = {
    "x / x": lambda np, x, y: x / x,
    "x * (1 / x)": lambda np, x, y: x * np.reciprocal(x),
    "x * y / x": lambda np, x, y: x * y / x,
    "x / (x * y)": lambda np, x, y: x / (x * y),
    "(x + y) / x": lambda np, x, y: (x + y) / x,
    "x / y / y": lambda np, x, y: x / y / y,
    "x / (y / x)": lambda np, x, y: x / (y / x),
    "2 * x / 2": lambda np, x, y: 2 * x / 2,
    "x / |x|": lambda np, x, y: x / np.absolute(x),
    "0 / x": lambda np, x, y: 0 / x,
    "x - x": lambda np, x, y: x - x,
    "x + y - x": lambda np, x, y: x + y - x,
    "-x + x": lambda np, x, y: -x + x,
    "x + 1e10 - 1e10": lambda np, x, y: x + 1e10 - 1e10,
    "x**-1 * x**1": lambda np, x, y: np.power(x, -1.0) * np.power(x, y) * np.power(x, 2.0),
    "sign(1 / x)": lambda np, x, y: np.sign(np.reciprocal(x)),
    "sign(1 / |x|)": lambda np, x, y: np.sign(1 / np.absolute(x)),
    "1 / sqrt(x)": lambda np, x, y: np.reciprocal(np.sqrt(x)),
    "sum of squares": lambda np, x, y: np.sum(np.square(x * y), axis=1),
    "x == x": lambda np, x, y: x == x,
    "x != x": lambda np, x, y: x != x,
    "x < x": lambda np, x, y: x < x,
    "x <= x": lambda np, x, y: x <= x,
    "x >= x": lambda np, x, y: x >= x,
    "max(x, x)": lambda np, x, y: np.maximum(x, x),
    "max(x - x)": lambda np, x, y: np.max(x - x, axis=1),
    "sum(x / x)": lambda np, x, y: np.sum(x / x, axis=1),
}
# What JAX's own compiler does all the same.
XLA = ["x / y / y", "x / (y / x)", "x + 1e10 - 1e10"]


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_algebra(name, mode):
    if mode == "jax" and name in XLA:
        pytest.skip("The same as a function that is compiled by JAX itself.")
    expression = EXPRESSIONS[name]
    symbols = [pt.TensorType("float32", shape=(None, 1))() for _ in "xy"]
    output = as_symbol(expression(ops, *map(Tensor, symbols)))
    (got,) = modes.compile_function(symbols, [output])(X, Y)
    with np.errstate(all="ignore"):
        right = expression(np, X, Y)
    np.testing.assert_allclose(got, right, rtol=1e-6)


def test_sums_of_integers_are_still_simplified():
    """Of which sizes and indices are made: in the lengths of loops and the shapes of layers."""
    n, m = pt.lscalars("n", "m")
    function = modes.compile_function([n, m], [n + m - n])
    assert function(3, 4) == [4]
    assert [str(node.op) for node in function.maker.fgraph.apply_nodes] == ["DeepCopyOp"]


def test_a_correlation_over_one_element_is_not_defined(mode):
    """As on TensorFlow and JAX; the deviation from the mean is 0, which is divided by its size."""
    model = Sequential([layers.Input((3, 1)), layers.Dense(1)])
    model.compile(loss="mse", metrics=[PearsonCorrelation(axis=-1)])
    x = np.arange(6, dtype="float32").reshape(2, 3, 1)
    assert np.isnan(model.evaluate(x, x, verbose=0)[1])


class Times(layers.Layer):
    def call(self, x):
        return x * x


HUGE = np.full((2, 4, 4, 3), np.inf, "float32")
EAGER = {
    "divide": lambda: ops.divide(HUGE, HUGE),
    "exp": lambda: ops.exp(1e4 * np.ones(3, "float32")),
    "log": lambda: ops.log(np.zeros(3, "float32")),
    "matmul": lambda: ops.matmul(HUGE[..., 0], HUGE[..., 0]),
    "conv": lambda: ops.conv(HUGE, np.zeros((2, 2, 3, 1), "float32")),
    "conv, in threads": lambda: ops.conv(
        np.full((8, 64, 64, 3), np.inf, "float32"), np.zeros((3, 3, 3, 8), "float32")
    ),
    "lu_factor": lambda: ops.lu_factor(np.zeros((2, 2), "float32")),
    "GRU of infinite states": lambda: layers.GRU(1, recurrent_activation="relu6")(
        np.full((1, 2, 1), 6e4, "float16")
    ),
    "a layer of Python's operators": lambda: Times(dtype="float16")(np.full(3, 6e4, "float16")),
    "ConvLSTM1D": lambda: layers.ConvLSTM1D(1, 2)(HUGE),
}


@pytest.mark.parametrize("call", EAGER.values(), ids=EAGER)
@pytest.mark.filterwarnings("error")
def test_an_eager_call_does_not_warn_of_numbers_without_value(call):
    call()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_rewriting_fails_nowhere(name, dtype, capfd):
    x, y = (pt.TensorType(dtype, shape=(None, 1))() for _ in "xy")
    output = as_symbol(EXPRESSIONS[name](ops, Tensor(x), Tensor(y)))
    slopes = (
        pytensor.grad(output.sum(), [x, y], disconnected_inputs="ignore")
        if (output.dtype == dtype)
        else []
    )
    modes.compile_function([x, y], [output, *slopes])
    assert capfd.readouterr().err == ""
