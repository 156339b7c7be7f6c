"""Gradients where a slope is infinite: finite where TensorFlow's are; 0 where nothing was taken."""

import numpy as np
import pytest
from slopes import on_this_engine, table, tensorflows, write_tensorflows

INF, NAN = np.inf, np.nan

# --- Slopes that are infinite, or not numbers, beside elements that count --------------------------

STEEP = ["sqrt", "rsqrt", "reciprocal", "log", "log2", "log10", "log1p", "cbrt", "arcsin", "arccos"]
STEEP += ["arctanh", "erfinv", "std", "nanstd", "logsumexp", "mean", "var", "exp", "expm1", "tan"]
PAIRS = ["divide", "power", "arctan2", "hypot", "logaddexp", "divide_no_nan", "mod"]
# The third element is the one that counts.
EDGES = np.array([0, -1, 0.25, 1, -0.0])
WILD = np.array([0, -1, 0.25, 1, -0.0, INF, -INF, NAN])
MASK = np.array([0, 0, 1, 0, 0], "float32")


def ways_to_take_the_third(ops):
    yield "index", lambda y: y[2]
    yield "slice", lambda y: y[2:3]
    yield "mask", lambda y: y * MASK
    yield "where", lambda y: ops.where(MASK > 0, y, 0.0)
    yield "take", lambda y: ops.take(y, [2, 2])
    yield "take_along_axis", lambda y: ops.take_along_axis(y, np.array([2]), 0)
    yield "split", lambda y: ops.split(y, [2, 3])[1]
    yield "maximum of all", lambda y: ops.max(ops.where(MASK > 0, y, -9.0))
    yield "product", lambda y: ops.dot(ops.where(ops.isfinite(y), y, 0.0), MASK)


def behind(ops):
    for name in STEEP[:12]:
        function = getattr(ops, name, None)
        if function is None:
            continue
        for way, take in ways_to_take_the_third(ops):
            yield f"{name} behind {way}", lambda x, f=function, t=take: t(f(x)), EDGES
        yield f"{name} behind wild index", lambda x, f=function: f(x)[2], WILD
    for name in PAIRS:
        function = getattr(ops, name, None)
        if function is None:
            continue
        for way, take in ways_to_take_the_third(ops):
            call = lambda x, y, f=function, t=take: t(f(x, y))
            yield f"{name} behind {way}", call, EDGES, np.array([0, 0.5, 3, 0, -1])


def at_zero(ops):
    rows = np.array([[3, -4, 0], [0, 0, 0], [2, 2, 2]])
    for name in STEEP:
        if hasattr(ops, name):
            yield f"{name} of zeros", getattr(ops, name), np.zeros(3)
            yield f"{name} beside", getattr(ops, name), np.array([0.5, 0, 0.25])
    for name in ("std", "var", "nanstd", "logsumexp"):
        if hasattr(ops, name):
            function = getattr(ops, name)
            yield f"{name} of rows", lambda x, f=function: f(x, axis=1), rows
            yield f"{name} of the first row", lambda x, f=function: f(x, axis=1)[0], rows
    for name in ("nanstd", "nanvar", "nanmean", "nansum", "nanprod"):
        if hasattr(ops, name):
            yield f"{name} with NaN", getattr(ops, name), np.array([1, NAN, 2, 0])
    for order in (None, 1, 2, 3, 0.5, -1, INF, -INF):
        call = lambda x, o=order: ops.norm(x, o, axis=1)
        yield f"norm {order} of rows", call, rows
        yield f"norm {order} of the first row", lambda x, f=call: f(x)[0], rows
    for order in (1, 2, 3):
        yield f"normalize {order}", lambda x, o=order: ops.normalize(x, order=o), rows
    for exponent in (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0):
        yield f"x ** {exponent}", lambda x, e=exponent: ops.power(x, e), EDGES
        yield f"x ** {exponent} behind", lambda x, e=exponent: ops.power(x, e)[2], EDGES
    for base in (-2.0, 0.0, 1.0, 2.0):
        yield f"{base} ** x", lambda x, b=base: ops.power(b, x), EDGES
    yield "logsumexp of -inf", ops.logsumexp, np.array([-INF, 1, 1])
    for name in ("softmax", "log_softmax"):
        yield f"{name} of -inf", getattr(ops, name), np.array([-INF, 1, 1])


def inside(ops):
    """In branches, loops and half precision."""
    import keras

    x = np.array([0, 4])
    rows = np.array([[0, 4], [0, 9], [3, 3]])

    def root(x):
        return ops.sqrt(x)[1] + ops.max(x)

    yield "cond", lambda x: ops.cond(x[1] > 0, lambda: root(x), lambda: x[0]), x
    yield "switch", lambda x: ops.switch(1, [lambda x: x[0], root], x), x
    yield "fori_loop", lambda x: ops.fori_loop(0, 3, lambda i, y: y * root(x), x[1]), x
    yield "vectorized_map", lambda x: ops.vectorized_map(root, x), rows
    yield "map", lambda x: ops.map(root, x), rows
    yield "scan", lambda x: ops.scan(lambda y, row: (y + root(row), y), 0.0 * x[0, 0], x)[0], rows
    yield "associative_scan", lambda x: ops.associative_scan(ops.maximum, x), rows
    if hasattr(keras, "remat"):
        yield "remat", lambda x: keras.remat(root)(x), x
    yield "float16", lambda x: ops.cast(root(ops.cast(x, "float16")), "float32"), np.array([0, 4])
    yield "float16 ties", lambda x: ops.cast(ops.max(ops.cast(x, "float16")), "float32"), [2, 2, 1]


def layers_and_losses(ops):
    from keras import constraints, layers, losses, regularizers

    rows = np.array([[0, 0, 0], [1, 2, 2]], "float32")
    targets = np.array([[1, 0, 0], [1, 2, 2]], "float32")
    for name in ("CosineSimilarity", "KLDivergence", "Poisson", "BinaryCrossentropy"):
        loss = getattr(losses, name)()
        yield name, lambda y, f=loss: f(targets, y), rows
        yield f"{name} of targets", lambda t, y, f=loss: f(t, y), rows, targets
    for name in ("CategoricalCrossentropy", "MeanSquaredLogarithmicError", "LogCosh"):
        loss = getattr(losses, name)()
        yield name, lambda y, f=loss: f(targets, y), rows
    # Its gradients at 0 are 1e12 on TensorFlow, by a smaller epsilon than that of Keras.
    yield "UnitNormalization", lambda x: layers.UnitNormalization()(x)[1], rows
    dot = layers.Dot(axes=1, normalize=True)
    yield "Dot", lambda x, y: dot([x, y]), rows, targets
    for name in ("MaxNorm", "UnitNorm", "MinMaxNorm"):
        yield name, getattr(constraints, name)(axis=1), rows
    yield "orthogonal", regularizers.OrthogonalRegularizer(), rows
    for name in ("LayerNormalization", "GroupNormalization", "RMSNormalization"):
        if not hasattr(layers, name):
            continue
        layer = getattr(layers, name)(**({"groups": 1} if name.startswith("Group") else {}))
        layer.build((None, 3))
        yield name, layer, rows


def cases():
    from keras import ops

    families = (behind, at_zero, inside, layers_and_losses)
    return table(case for family in families for case in family(ops))


CASES = cases()

if __name__ == "__main__":
    write_tensorflows(CASES)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return tensorflows(__file__, tmp_path_factory.mktemp("zeros"))


# TensorFlow's contradict the function there: it gives both arguments of `hypot` twice their slopes
# where they are equal, and of `logaddexp` all to the first.
OWN = ("hypot", "logaddexp")


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_gradient_is_tensorflows_where_that_is_finite(name, mode, expected):
    function, arrays = CASES[name]
    for mine, theirs in zip(on_this_engine(function, arrays), expected[name], strict=True):
        theirs = np.array(theirs, float)
        finite = np.isfinite(theirs)
        np.testing.assert_allclose(mine[finite], theirs[finite], rtol=1e-3, atol=1e-5)
        if "behind" in name or name == "orthogonal":
            assert np.isfinite(mine).all(), "0 times infinity"


# --- Finite where TensorFlow's are not ------------------------------------------------------------


def finite_cases():
    """Name: (function, its argument, the gradient of the results times 1, 2, ...)."""
    from keras import ops

    return {
        "std of equal numbers": (ops.std, [2, 2, 2], [0, 0, 0]),
        "norm of zeros": (ops.norm, [0, 0], [0, 0]),
        "norm 3 of zeros": (lambda x: ops.norm(x, 3), [0, 0], [0, 0]),
        "log where": (lambda x: ops.where(x > 0, ops.log(x), 0.0), [0, 1], [0, 2]),
        "1 / x where": (lambda x: ops.where(x > 0, 1 / x, 0.0), [0, 2], [0, -0.5]),
        "0 ** 0": (lambda x: ops.power(x, 0.0), [0, 1], [0, 0]),
    }


FINITE = finite_cases()


@pytest.mark.parametrize("name", FINITE)
def test_finite_where_tensorflows_is_not(name, mode):
    function, x, slope = FINITE[name]
    (found,) = on_this_engine(function, [np.array(x, "float32")])
    np.testing.assert_allclose(found, slope, atol=1e-6)


# What PyTensor makes of such sums must not be lost: exp(1000) is infinite, and so is 1 / exp(-1000).
STABLE = {
    "log(1 + exp)": (lambda ops, x: ops.log(1 + ops.exp(x)), [0.5, 0, 1]),
    "log(exp)": (lambda ops, x: ops.log(ops.exp(x)), [1, 1, 1]),
    "log(sigmoid)": (lambda ops, x: ops.log(1 / (1 + ops.exp(-x))), [0.5, 1, 0]),
}


@pytest.mark.parametrize("name", STABLE)
def test_stable_sums_stay_stable(name):
    import pytensor
    import pytensor.tensor as pt
    from keras import ops

    from keras_theano.src import modes
    from keras_theano.src.tensor import Tensor

    function, slope = STABLE[name]
    x, w = pt.vector("x", dtype="float32"), pt.vector("w", dtype="float32")
    y = function(ops, Tensor(x)).symbol
    found = modes.compile_for_vm([x, w], [pytensor.grad((y * w).sum(), x)])
    values = found(np.array([0, -1000, 1000], "float32"), np.array([2, 2, 2], "float32"))[0]
    np.testing.assert_allclose(values, 2 * np.array(slope), rtol=1e-6)


@pytest.mark.parametrize(
    "name, x, bend",
    [
        ("sqrt", 1, 0.5),
        ("log", 1, 2),
        ("reciprocal", 1, 2),
        ("arcsin", np.sin(1), 2 / np.cos(1) ** 2),
    ],
)
def test_second_gradient_where_the_first_is_0(name, x, bend, mode):
    """That of (f(x) - 1)^2, or of f(x)^2 for the logarithm, at its minimum."""
    import pytensor
    import pytensor.tensor as pt
    from keras import ops

    from keras_theano.src import modes
    from keras_theano.src.tensor import Tensor

    v = pt.vector("v", dtype="float32")
    y = (getattr(ops, name)(Tensor(v)).symbol - int(name != "log")) ** 2
    slope = pytensor.grad(y.sum(), v)
    found = modes.compile_function([v], [pytensor.grad(slope.sum(), v)])(np.array([x], "float32"))
    np.testing.assert_allclose(found[0], [bend], rtol=1e-5)


def test_forward_derivatives_where_the_result_is_0(mode):
    from keras_theano.src.linalg import jvp
    from keras_theano.src.numpy import log, stack

    one = np.array([1.0], "float32")
    for function, expected in ((log, [1]), (lambda x: stack([log(x), -log(x)]), [[1], [-1]])):
        np.testing.assert_allclose(jvp(function, (one,), (one,))[1], expected)


MATRICES = {"equal": np.eye(3), "zero": np.zeros((3, 3)), "two equal": np.diag([1, 1, 2])}


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize("name", ["eigh", "svd"])
def test_decompositions_with_equal_values_have_finite_gradients(name, output, matrix, mode):
    from keras import ops

    options = {"full_matrices": False} if name == "svd" else {}
    x = MATRICES[matrix].astype("float32")
    (found,) = on_this_engine(lambda x: getattr(ops, name)(x, **options)[output], [x])
    assert np.isfinite(found).all()
