"""Gradients where a function has a kink are TensorFlow's: equal elements share or the first gets all."""

import numpy as np
import pytest
from slopes import on_this_engine, table, tensorflows, write_tensorflows

pytestmark = pytest.mark.slow

INF, NAN = np.inf, np.nan
ROW = np.array([1, 3, 3, 2, 3])
ROWS = np.array([[1, 3, 3], [3, 2, 3], [0, 0, 0]])
SIGNED = np.array([[3, -3, 3, 0], [0, 0, 0, 0], [0, 3, 4, 4]])
SERIES = np.array([0, 1, 1, 1, 2, 2, 0, 0]).reshape(1, 8, 1)
IMAGE = np.array([0, 1, 1, 1, 2, 2, 0, 0, 2, 2, 3, 3, 1, 1, 1, 1]).reshape(1, 4, 4, 1)
VOLUME = np.stack([IMAGE, IMAGE[:, ::-1]], axis=1)
MATRICES = np.array([[[3, -3], [3, 3]], [[0, 0], [0, 0]], [[1, 0], [0, 1]]])
IDS = np.array([0, 0, 1, 1, 0])


def reductions(ops):
    for name in ("max", "min", "amax", "amin", "ptp", "nanmax", "nanmin", "median"):
        function = getattr(ops, name, None)
        if function is None:
            continue  # older releases of Keras
        yield f"{name} of all", function, ROW
        yield f"{name} of rows", lambda x, f=function: f(x, axis=1), ROWS
        yield f"{name} of columns", lambda x, f=function: f(x, axis=0, keepdims=True), ROWS
        yield f"{name} of two axes", lambda x, f=function: f(x, axis=(0, 2)), VOLUME[..., 0]
        if name.startswith("nan"):
            yield f"{name} with NaN", function, np.array([1, 3, NAN, 3, 1])
    for name, start in (("max", 3.0), ("max", 2.0), ("min", 0.0), ("min", 1.0)):
        function = getattr(ops, name)
        yield f"{name} from {start}", lambda x, f=function, s=start: f(x, axis=1, initial=s), ROWS
    yield "quantile", lambda x: ops.quantile(x, 0.5), ROW
    for order in (INF, -INF, 1, 0):
        yield f"norm {order}", lambda x, o=order: ops.norm(x, ord=o, axis=-1), SIGNED
    for order in (1, -1, INF, -INF):
        yield f"norm of a matrix {order}", lambda x, o=order: ops.norm(x, o, (-2, -1)), MATRICES
    for order in (2, -2):  # of the first matrix, the singular values are equal but for rounding
        yield f"norm of a matrix {order}", lambda x, o=order: ops.norm(x, o, (1, 2)), MATRICES[1:]
    yield "sort", lambda x: ops.sort(x, axis=1), ROWS
    yield "top_k", lambda x: ops.top_k(x, 2)[0], ROWS
    yield "segment_max", lambda x: ops.segment_max(x, IDS, 2), ROW
    yield "segment_min", lambda x: ops.segment_min(-x, IDS, 2), ROW


def pooling(ops):
    from keras import layers

    for name, x in (("1D", SERIES), ("2D", IMAGE), ("3D", VOLUME)):
        layer = getattr(layers, f"GlobalMaxPooling{name}")()
        yield f"GlobalMaxPooling{name}", layer, x
    for padding in ("valid", "same"):
        for size, step in ((2, 2), (3, 1), (3, 2)):
            name = f"max_pool {size} {step} {padding}"
            yield name, lambda x, a=(size, step, padding): ops.max_pool(x, *a), SERIES
            yield f"{name} 2D", lambda x, a=(size, step, padding): ops.max_pool(x, *a), IMAGE
    if hasattr(ops, "adaptive_max_pool"):
        yield "adaptive_max_pool", lambda x: ops.adaptive_max_pool(x, 3), SERIES
        yield "adaptive_max_pool 2D", lambda x: ops.adaptive_max_pool(x, (3, 2)), IMAGE


KINKS = np.array([-7, -6, -3, -2, -1, -0.5, -0.0, 0, 0.5, 1, 2, 3, 6, 7])
# (name, further arguments). Not celu, whose slope at 0 TensorFlow makes 2 of two times 1, and not
# sparsemax, whose slope where elements are equal TensorFlow takes for a constant's.
ACTIVATIONS = [
    *(
        (name,)
        for name in [
            "relu",
            "relu6",
            "leaky_relu",
            "elu",
            "selu",
            "gelu",
            "softsign",
            "hard_sigmoid",
        ]
    ),
    *(
        (name,)
        for name in ["hard_silu", "hard_tanh", "sparse_sigmoid", "sparse_plus", "silu", "softplus"]
    ),
    *((name, 0.5) for name in ("soft_shrink", "hard_shrink", "elu", "leaky_relu")),
    *[("leaky_relu", slope) for slope in (-0.5, 0.0, 2.0)],
    ("threshold", 0.5, 0.25),
    ("threshold", 0.0, 5.0),
]


def activations(ops):
    from keras import activations, layers

    for name, *args in ACTIVATIONS:
        function = getattr(ops, name, None)
        if function is not None:
            yield f"{name} {args}", lambda x, f=function, a=args: f(x, *a), KINKS
    for options in (
        {"threshold": 1.0},
        {"negative_slope": 0.5, "max_value": 2.0, "threshold": 0.5},
    ):
        yield f"relu {options}", lambda x, o=options: activations.relu(x, **o), KINKS
        layer = layers.ReLU(**options)
        yield f"ReLU {options}", layer, KINKS[None]
    yield "LeakyReLU", layers.LeakyReLU(), KINKS[None]
    yield "ELU", layers.ELU(0.5), KINKS[None]
    yield "a second slope", lambda x: ops.square(ops.leaky_relu(x) + 1), KINKS


LEFT = np.array([0, 0, 1, 1, -1, 0, 2])
RIGHT = np.array([0, 1, 1, 0, -1, -1, 2])


def elementwise(ops):
    from keras import layers, losses

    for name in ("maximum", "minimum", "fmax", "fmin", "mod", "multiply", "subtract", "copysign"):
        if hasattr(ops, name):
            yield name, getattr(ops, name), LEFT, RIGHT
    for number in (0.0, 1.0):
        for name in ("maximum", "minimum"):
            function = getattr(ops, name)
            yield f"{name} of x and {number}", lambda x, f=function, n=number: f(x, n), KINKS
            yield f"{name} of {number} and x", lambda x, f=function, n=number: f(n, x), KINKS
    for low, high in ((-1, 1), (1, 1), (0, 6), (-0.5, 2)):
        yield f"clip {low} {high}", lambda x, a=low, b=high: ops.clip(x, a, b), KINKS
    for name in ("abs", "absolute", "sign", "floor", "ceil", "round", "trunc", "square", "fabs"):
        if hasattr(ops, name):
            yield name, getattr(ops, name), KINKS
    yield "where", lambda x, y: ops.where(ops.greater(x, y), x, y), LEFT, RIGHT
    for name in ("Maximum", "Minimum"):
        layer = getattr(layers, name)()
        yield name, lambda x, y, f=layer: f([x, y]), ROWS, ROWS[::-1]
    signs = np.where(ROWS > 1, 1.0, -1.0).astype("float32")
    for name in ("MeanAbsoluteError", "Huber", "Hinge", "SquaredHinge", "CategoricalHinge"):
        loss = getattr(losses, name)()
        yield name, lambda x, f=loss: f(signs, x), ROWS - 2


def cases():
    from keras import ops

    families = (reductions, pooling, activations, elementwise)
    return table(case for family in families for case in family(ops))


CASES = cases()

if __name__ == "__main__":
    write_tensorflows(CASES)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return tensorflows(__file__, tmp_path_factory.mktemp("kinks"))


@pytest.mark.parametrize("name", CASES)
def test_gradient_is_tensorflows(name, mode, expected):
    found = on_this_engine(*CASES[name])
    for mine, theirs in zip(found, expected[name], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)


def test_an_embedding_that_stands_three_times_gets_its_slope_once(mode):
    import keras

    embedding = keras.layers.Embedding(2, 1)
    model = keras.Sequential([embedding, keras.layers.GlobalMaxPooling1D()])
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y, found: keras.ops.mean(found))
    x, y = np.array([[1, 1, 1]]), np.zeros((1, 1))
    model.build((None, 3))
    embedding.set_weights([np.array([[0], [0.5]])])
    model.train_on_batch(x, y)
    np.testing.assert_allclose(embedding.get_weights()[0], [[0], [-0.5]])


def test_largest_of_a_loops_step_shares_too(mode):
    from keras import ops

    def function(x):
        return ops.scan(lambda total, row: (total + ops.max(row), ops.max(row)), 0.0 * x[0, 0], x)[
            1
        ]

    (found,) = on_this_engine(function, [ROWS.astype("float32")])
    thirds = [[0, 0.5, 0.5], [1, 0, 1], [1, 1, 1]]
    np.testing.assert_allclose(found, thirds, rtol=1e-6)


def test_slope_at_a_kink_of_a_fused_chain():
    """Of 200 calls the last ones run as machine code, where the processor has it."""
    import pytensor
    import pytensor.tensor as pt

    from keras_theano.src import modes, numpy

    x = pt.vector("x", dtype="float32")
    y = numpy.clip(numpy.maximum(numpy.abs(x), 1.0) * 2 - 3, -1.0, 1.0)
    slope = modes.compile_for_vm([x], [pytensor.grad(y.sum(), x)])
    for _ in range(200):
        found = slope(np.array([-3, -2, -1, 0, 1, 1.5, 2, 3], "float32"))[0]
    np.testing.assert_array_equal(found, [0, -2, -2, 0, 2, 2, 2, 0])


def test_second_gradient_of_a_maximum():
    import pytensor
    import pytensor.tensor as pt

    from keras_theano.pytensor_ops import reductions
    from keras_theano.src import modes

    x = pt.vector("x", dtype="float64")
    slope = pytensor.grad(reductions.max(x) ** 3, x)
    bend = pytensor.grad(slope[1], x)
    (found,) = modes.compile_for_vm([x], [bend])(np.array([1.0, 2.0, 2.0]))
    np.testing.assert_allclose(found, [0, 3, 3])  # 3 y^2 / 2 to each, of which 3 y / 2 to each
