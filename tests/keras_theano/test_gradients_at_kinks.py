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


def cases():
    from keras import ops

    return table(case for family in (reductions, pooling) for case in family(ops))


CASES = cases()

if __name__ == "__main__":
    write_tensorflows(CASES)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return tensorflows(__file__, tmp_path_factory.mktemp("kinks"))


@pytest.fixture(params=["vm", "jax"])
def mode(request):
    import keras_theano
    from keras_theano import setting

    if request.param == "jax":
        pytest.importorskip("jax", reason="JAX is in .testdeps")
    keras_theano.set_mode(request.param)
    yield
    keras_theano.set_mode("vm")
    setting._chosen = None


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


def test_second_gradient_of_a_maximum():
    import pytensor
    import pytensor.tensor as pt

    from keras_theano.pytensor_ops import reductions
    from keras_theano.src import modes

    x = pt.vector("x", dtype="float64")
    slope = pytensor.grad(reductions.max(x) ** 3, x)
    bend = pytensor.grad(slope[1], x)
    (found,) = modes.interpret([x], [bend])(np.array([1.0, 2.0, 2.0]))
    np.testing.assert_allclose(found, [0, 3, 3])  # 3 y^2 / 2 to each, of which 3 y / 2 to each
