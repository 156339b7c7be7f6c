"""Raw PyTensor runs at once in `keras_theano.interpreter()`: no compiler, no warning, no wait."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from keras import layers
from pytensor.compile import ProfileStats
from pytensor.compile.builders import OpFromGraph
from pytensor.ifelse import ifelse
from pytensor.link.vm import VM
from pytensor.scan import until
from pytensor.scan.op import Scan

import keras_theano
from utils.graphs import draw_graph, graph_operations

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(2)
X = RNG.normal(size=(5, 3)).astype("float32")
W = RNG.normal(size=(3, 3)).astype("float32")


@pytest.fixture(autouse=True)
def _interpreted():
    with pytensor.config.change_flags(mode=keras_theano.interpreter()):
        yield
    keras_theano.set_mode("vm")


def functions_within(function):
    """A compiled function and those of the inner graphs in it, and in these."""
    yield function
    for node in function.maker.fgraph.apply_nodes:
        if isinstance(node.op, (Scan, OpFromGraph)):
            yield from functions_within(node.op.fn)


def is_interpreted(function):
    return all(
        isinstance(one.vm, VM) and not any(hasattr(thunk, "cthunk") for thunk in one.vm.thunks)
        for one in functions_within(function)
    )


# --- In a process of its own ---------------------------------------------------------------------

RECURRENT = """
import sys, time
began = time.perf_counter()
import pytensor, pytensor.tensor as pt, numpy as np
{imports}
pytensor.config.mode = keras_theano.interpreter()
ready = time.perf_counter()
x, w = pt.fmatrix("x"), pytensor.shared(np.full((3, 3), 0.5, "float32"))
def step(x, h):
    return pt.tanh(x + h @ w)
h = pytensor.scan(step, sequences=x, outputs_info=pt.zeros(3, "float32"), return_updates=False)
loss = (h[-1] ** 2).sum()
train = pytensor.function([x], loss, updates=[(w, w - 0.1 * pytensor.grad(loss, w))])
losses = [float(train(np.ones((5, 3), "float32"))) for _ in range(3)]
import json
print(json.dumps([losses, time.perf_counter() - ready, keras_theano.mode()]))
"""


def recurrent_losses():
    """By hand, in float64."""
    w = np.full((3, 3), 0.5)
    for _ in range(3):
        h = [np.zeros(3)]
        for _ in range(5):
            h.append(np.tanh(1 + h[-1] @ w))
        yield (h[-1] ** 2).sum()
        back, slope = 2 * h[-1], np.zeros((3, 3))
        for before, after in zip(h[-2::-1], h[:0:-1], strict=True):
            back = back * (1 - after**2)
            slope += np.outer(before, back)
            back = w @ back
        w = w - 0.1 * slope


@pytest.mark.parametrize(
    ("mode", "imports"),
    [
        ("vm", "import keras_theano"),
        pytest.param("vm", "import keras_theano, keras", marks=pytest.mark.slow),
        pytest.param("jax", "import keras_theano, keras", marks=pytest.mark.slow),
        pytest.param("numba", "import keras_theano", marks=pytest.mark.slow),
        pytest.param("c", "import keras_theano", marks=pytest.mark.slow),
    ],
)
def test_a_loop_and_its_gradient_say_nothing_and_take_a_second(mode, imports, tmp_path):
    if mode == "jax":
        pytest.importorskip("jax", reason="JAX is in .testdeps")
    variables = {
        **os.environ,
        "KERAS_THEANO_MODE": mode,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "PYTENSOR_FLAGS": f"base_compiledir={tmp_path}",
    }
    done = subprocess.run(
        [sys.executable, "-c", RECURRENT.format(imports=imports)],
        env=variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.stderr == ""
    losses, seconds, used = json.loads(done.stdout)
    np.testing.assert_allclose(losses, list(recurrent_losses()), rtol=1e-5)
    # On two idle cores it takes 0.9 s. PyTensor's default compiles for a minute.
    assert seconds < 20
    assert used == mode
    # Nothing was compiled, and no BLAS looked for: that would leave files here.
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# --- What PyTensor has -----------------------------------------------------------------------------

x, v, s = pt.fmatrix("x"), pt.fvector("v"), pt.fscalar("s")


def scan(*args, **kwargs):
    return pytensor.scan(*args, **kwargs, return_updates=False)


def running(values, start=0.0):
    return scan(lambda a, b: a + b, sequences=values, outputs_info=np.float32(start))


def power(base, most):
    """Doubled until it exceeds `most`."""
    return scan(lambda a: (2 * a, until(a > most)), outputs_info=base, n_steps=100)


def chained(values):
    return scan(
        lambda now, h: pt.tanh(now + h @ W), sequences=values, outputs_info=pt.zeros_like(values[0])
    )


def chained_by_hand(values):
    h, all_h = np.zeros(3), []
    for row in values:
        h = np.tanh(row + h @ W)
        all_h.append(h)
    return np.array(all_h)


square_plus = OpFromGraph([v], [v**2 + 1])

# Name -> (inputs, outputs, arrays, expected).
CASES = {
    "element by element": ([x], pt.tanh(x * 2) - 1, [X], np.tanh(X * 2) - 1),
    "product": ([x], x @ W + x[0], [X], X @ W + X[0]),
    "product of batches": ([x], pt.stack([x, x]) @ W, [X], np.stack([X, X]) @ W),
    "softmax": (
        [x],
        pt.special.log_softmax(x, axis=1),
        [X],
        X - np.log(np.exp(X).sum(1, keepdims=True)),
    ),
    "inverse": ([x], pt.linalg.inv(x.T @ x), [X], np.linalg.inv(X.T @ X)),
    "gradient": ([x], pytensor.grad((x**3).sum(), x), [X], 3 * X**2),
    "loop": ([x], chained(x), [X], chained_by_hand(X)),
    "loop after a loop": ([x], chained(chained(x)), [X], chained_by_hand(chained_by_hand(X))),
    "loop of unknown length": ([s], power(s, 50), [np.float32(1)], 2.0 ** np.arange(1, 8)),
    "loop in a loop": (
        [x],
        scan(lambda row: running(row)[-1], sequences=x),
        [X],
        X.sum(1),
    ),
    "gradient of a loop in a loop": (
        [x],
        pytensor.grad(scan(lambda row: running(row**2)[-1], sequences=x).sum(), x),
        [X],
        2 * X,
    ),
    "second gradient of a loop": (
        [v],
        pytensor.grad(pytensor.grad(running(v**3)[-1], v).sum(), v),
        [X[0]],
        6 * X[0],
    ),
    "branch": ([s], ifelse(s > 0, s * 2, s / 2), [np.float32(-3)], -1.5),
    "branch in a loop": (
        [v],
        scan(lambda a: ifelse(pt.gt(a, 0), a * 2, a / 2), sequences=v),
        [X[0]],
        np.where(X[0] > 0, X[0] * 2, X[0] / 2),
    ),
    "graph as an operation": ([v], square_plus(v), [X[0]], X[0] ** 2 + 1),
    "its gradient": ([v], pytensor.grad(square_plus(v).sum(), v), [X[0]], 2 * X[0]),
    "its loop": ([x], scan(square_plus, sequences=x), [X], X**2 + 1),
}


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_values(name, given):
    """With the mode set for all functions, and given to one while the default is PyTensor's own."""
    inputs, outputs, arrays, expected = CASES[name]
    interpreter = keras_theano.interpreter()
    default, given = ("Mode", {"mode": interpreter}) if given else (interpreter, {})
    with pytensor.config.change_flags(mode=default):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            function = pytensor.function(inputs, outputs, **given)
            found = function(*arrays)
        evaluated = outputs.eval(dict(zip(inputs, arrays, strict=True)), **given)
        assert is_interpreted(function)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-5)
    np.testing.assert_array_equal(evaluated, found)


def test_the_steps_of_a_loop_run_as_fast_as_a_graph():
    """A chain of element-wise steps is one pass over memory, not one Python call an element."""
    function = pytensor.function([x], chained(x))
    (inner,) = list(functions_within(function))[1:]
    assert "BlockwiseElemwise" in {type(n.op).__name__ for n in inner.maker.fgraph.apply_nodes}


@pytest.mark.parametrize("profiled", [False, True])
def test_shared_values_updates_and_givens(profiled):
    profile = ProfileStats(atexit_print=False) if profiled else None
    w = pytensor.shared(W, name="w")
    h = scan(lambda row, total: total + (row @ w).sum(), sequences=x, outputs_info=pt.zeros(()))
    loss = h[-1]
    slope = pytensor.grad(loss, w)
    step = pytensor.function([x], loss, updates=[(w, w - 0.1 * slope)], profile=profile)
    np.testing.assert_allclose(step(X), (X @ W).sum(), rtol=1e-4)
    expected = W - 0.1 * X.sum(0)[:, None]
    np.testing.assert_allclose(w.get_value(), expected, rtol=1e-4)
    other = pytensor.function([], loss, givens={x: X, w: np.ones((3, 3), "float32")})
    np.testing.assert_allclose(other(), 3 * X.sum(), rtol=1e-4)
    np.testing.assert_allclose(w.get_value(), expected, rtol=1e-4)
    if profiled:
        assert profile.fct_callcount == 1 and profile.apply_time


@pytest.mark.filterwarnings("ignore:RandomStream is deprecated", "ignore:The no_default_updates")
def test_random_streams():
    stream = pt.random.utils.RandomStream(5)
    draw = stream.normal(size=(4,))
    again = pytensor.function([], draw)
    first, second = again(), again()
    assert not np.array_equal(first, second)
    still = pytensor.function([], draw, no_default_updates=True)
    np.testing.assert_array_equal(still(), still())
    stream.seed(5)
    np.testing.assert_array_equal(again(), first)


def test_pictures_name_what_a_fused_chain_does():
    tanh = pytensor.function([x], (pt.tanh(2 * x) - 1) @ W)
    fused, product = graph_operations(tanh)
    assert {"Mul", "Tanh"} <= set(fused.split(", ")) and "Dot" in product
    assert fused in draw_graph(tanh).alt
    assert "Scan" in graph_operations(pytensor.function([x], chained(x)))
    assert "SharedDot" in pytensor.dprint(tanh, file="str")


# --- With a model of Keras --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["vm", "jax"])
def test_weights_of_a_model_may_be_read_and_changed(mode):
    """Also where JAX holds them, in each way of running: in order, lazily, in a loop."""
    if mode == "jax":
        pytest.importorskip("jax", reason="JAX is in .testdeps")
    keras_theano.set_mode(mode)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, use_bias=False)])
    model.compile("sgd", "mse")

    def train():
        model.fit(X, X, verbose=0)
        return model.layers[0].kernel.numpy()

    kernel = model.layers[0].kernel.shared
    graphs = {
        "in order": (pt.tanh(x @ kernel), lambda now: np.tanh(X @ now)),
        "lazily": (ifelse(kernel.sum() > 1e9, x, x @ kernel), lambda now: X @ now),
        "in a loop": (scan(lambda row: row @ kernel, sequences=x), lambda now: X @ now),
    }
    for graph, expected in graphs.values():
        function = pytensor.function([x], graph)
        for _ in range(2):
            now = train()
            np.testing.assert_allclose(function(X), expected(now), rtol=1e-5, atol=1e-6)
    double = pytensor.function([], updates=[(kernel, kernel * 2)])
    now = train()
    double()
    np.testing.assert_allclose(model.predict(X, verbose=0), X @ now * 2, rtol=1e-5, atol=1e-6)
    assert np.isfinite(train()).all()


def test_what_pytensor_loads_later_still_registers_its_rewrites():
    """A name that a mode leaves out counts as taken, and its module could not be loaded any more."""
    program = (
        "import keras_theano, pytensor, pytensor.tensor as pt; x = pt.scalar('x');"
        "pytensor.function([x], x + 1, mode=keras_theano.interpreter());"
        "import pytensor.sparse, pytensor.scan, pytensor.tensor.signal; print('loaded')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=200
    )
    assert done.stdout == "loaded\n", done.stderr
