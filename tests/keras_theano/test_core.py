"""Loops, branches, indexing and custom gradients on Theano: eager, compiled, with gradients."""

import operator

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytensor
import pytest
from graph_checks import assert_close, check_gradient, compiled
from keras import ops

from keras_theano.src import control_flow as flow
from keras_theano.src import core, modes
from keras_theano.src.tensor import Tensor
from keras_theano.src.tracing import TraceScope

RNG = np.random.default_rng(4)
X = RNG.normal(size=(5, 3)).astype("float32")
W = RNG.normal(size=(3, 3)).astype("float32")


def gradients(function):
    """A function that returns the gradients of the sum of all floating results."""

    def wrapped(*tensors):
        results = [r for r in keras.tree.flatten(function(*tensors)) if "float" in r.dtype]
        loss = sum(ops.sum(r) for r in results)
        return [Tensor(g) for g in pytensor.grad(loss.symbol, [t.symbol for t in tensors])]

    return wrapped


def check_against_jax(function, reference, *arrays, unknown=None):
    """Values, eager and compiled, and gradients."""
    expected = reference(*arrays)
    assert_close(function(*arrays), expected)
    assert_close(compiled(function, *arrays, unknown=unknown), expected)

    def loss(*args):
        leaves = [r for r in jax.tree.leaves(reference(*args)) if r.dtype.kind == "f"]
        return sum(jnp.sum(leaf) for leaf in leaves)

    wanted = jax.grad(loss, tuple(range(len(arrays))))(*arrays)
    assert_close(compiled(gradients(function), *arrays, unknown=unknown), wanted, rtol=1e-4)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("unroll", [1, True])
def test_scan(reverse, unroll):
    def body(module, matmul):
        def step(carry, x, w):
            h, total = carry
            h = module.tanh(matmul(h, w) + x["a"])
            return (h, total + x["b"]), (h, h * total)

        return step

    def engine(x, w, h):
        step = body(ops, ops.matmul)
        xs = {"a": x, "b": ops.sum(x, axis=1)}
        init = (h, ops.zeros((), "float32"))
        return flow.scan(lambda c, e: step(c, e, w), init, xs, reverse=reverse, unroll=unroll)

    def reference(x, w, h):
        step = body(jnp, jnp.matmul)
        xs = {"a": x, "b": jnp.sum(x, axis=1)}
        return jax.lax.scan(lambda c, e: step(c, e, w), (h, jnp.float32(0)), xs, reverse=reverse)

    check_against_jax(engine, reference, X, W, X[0])
    if unroll == 1:
        assert_close(compiled(engine, X, W, X[0], unknown=0), reference(X, W, X[0]))


def test_scan_without_sequence_and_its_messages():
    _, ys = flow.scan(lambda c, _: (c * 2, c), np.float32(1), length=4)
    assert ys.tolist() == [1, 2, 4, 8]
    with pytest.raises(ValueError, match="length"):
        flow.scan(lambda c, x: (c, x), np.float32(1))
    with pytest.raises(ValueError, match="different lengths"):
        flow.scan(lambda c, x: (c, x), np.float32(1), X, length=3)
    with pytest.raises(ValueError, match="keep its shape"):
        compiled(lambda x: flow.scan(lambda c, e: (ops.stack([c, c]), e), x[0], x), X)


def test_loop_invariant_work_is_done_once():
    def function(x, w):
        return flow.scan(lambda c, e: (c, ops.matmul(e, ops.exp(w))), x[0], x)[1]

    inputs = [core.placeholder(a.shape, "float32") for a in (X, W)]
    result = function(*inputs).symbol
    scan_node = next(
        n
        for n in pytensor.graph.traversal.applys_between([i.symbol for i in inputs], [result])
        if "Scan" in type(n.op).__name__
    )
    inner = [str(n.op) for n in scan_node.op.fgraph.toposort()]
    assert not any("exp" in name.lower() and "expand" not in name.lower() for name in inner)


def test_variables_assigned_in_a_loop_keep_their_values_between_steps():
    counter = keras.Variable(10.0)

    def step(carry, x):
        counter.assign(counter + x)
        return carry + counter.value, ops.multiply(counter, 1)

    x = np.array([1.0, 2.0, 3.0], "float32")
    with TraceScope() as scope:
        total, seen = flow.scan(step, np.float32(0), x)
        after = counter.value
        updates = scope.updates()
    found = modes.compile_function([], [total.symbol, seen.symbol, after.symbol], updates)()
    assert [v.tolist() for v in found] == [40, [11, 13, 16], 16]
    assert counter.numpy() == 16
    counter.assign(10.0)
    assert flow.scan(step, np.float32(0), x)[0] == 40
    assert counter.numpy() == 16


def test_while_loop():
    def engine(x, w):
        def body(i, v):
            return i + 1, ops.tanh(ops.matmul(v, w))

        return flow.while_loop(lambda i, v: ops.less(i, 4), body, (np.int32(0), x))[1]

    def reference(x, w):
        for _ in range(4):
            x = jnp.tanh(x @ w)
        return x

    check_against_jax(engine, reference, X, W)
    assert_close(compiled(engine, X, W), reference(X, W))


def test_while_loop_whose_length_depends_on_values():
    def engine(x):
        return flow.while_loop(
            lambda v: ops.less(ops.sum(ops.square(v)), 1000.0), lambda v: v * 2.0, x
        )

    def steps(x):
        n = 0
        while np.sum((x * 2.0**n) ** 2) < 1000:
            n += 1
        return n

    for x in (X, X * 100):
        assert_close(compiled(engine, x), x * 2.0 ** steps(x))
        assert_close(compiled(gradients(engine), x), np.full_like(x, 2.0 ** steps(x)))
    limited = flow.while_loop(lambda v: v < 100, lambda v: v + 1, 0, maximum_iterations=3)
    assert limited == 3
    limited = compiled(
        lambda v: flow.while_loop(
            lambda u: ops.less(u, 100.0), lambda u: u + 1.0, v, maximum_iterations=3
        ),
        np.float32(0).reshape(()),
    )
    assert limited[0] == 3


def test_fori_loop_with_known_and_unknown_bounds():
    def engine(x):
        return flow.fori_loop(1, 4, lambda i, v: v * ops.cast(i, "float32"), x)

    check_against_jax(engine, lambda x: x * 6.0, X)
    found = compiled(
        lambda x, n: flow.fori_loop(1, n, lambda i, v: v * ops.cast(i, "float32"), x),
        X,
        np.int32(5).reshape(()),
        unknown=None,
    )
    assert_close(found, X * 24)
    assert flow.fori_loop(3, 3, lambda i, v: v + 1, np.float32(2)) == 2


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 2, 5, 8])
def test_associative_scan(length, reverse):
    x = RNG.normal(size=(2, length, 3)).astype("float32")
    y = RNG.normal(size=(2, length, 3)).astype("float32")

    def combine(a, b):  # composition of affine maps: associative, not commutative
        return a[0] * b[0], a[1] * b[0] + b[1]

    check_against_jax(
        lambda a, b: flow.associative_scan(combine, (a, b), reverse=reverse, axis=1),
        lambda a, b: jax.lax.associative_scan(combine, (a, b), reverse=reverse, axis=1),
        x,
        y,
    )


def test_map_and_vectorized_map():
    for name in ("map", "vectorized_map"):
        check_against_jax(
            lambda x, w, name=name: getattr(flow, name)(
                lambda row: {"a": ops.matmul(row, w), "b": ops.sum(row)}, x
            ),
            lambda x, w: {"a": x @ w, "b": x.sum(1)},
            X,
            W,
        )


def test_switch_and_cond_choose_at_run_time():
    branches = [lambda v: v * 2.0, lambda v: ops.exp(v), lambda v: v - 1.0]
    expected = [X * 2, np.exp(X), X - 1]
    for index, place in ((-3, 0), (0, 0), (1, 1), (2, 2), (9, 2)):
        array = np.int32(index).reshape(())
        assert_close(flow.switch(array, branches, X), expected[place])
        assert_close(compiled(lambda i, x: flow.switch(i, branches, x), array, X), expected[place])


def test_cond_reads_and_assigns_variables_in_the_chosen_branch_only():
    read, counted = keras.Variable(2.0), keras.Variable(0.0)

    def count():
        counted.assign(counted + 1)
        return read * 10.0

    pred = core.placeholder((), "bool")
    with TraceScope() as scope:
        result = core.cond(pred, count, lambda: counted * 1.0)
        updates = scope.updates()
    function = modes.compile_function([pred.symbol], [result.symbol], updates)
    assert [float(function(p)[0]) for p in (False, True, True, False)] == [0, 20, 20, 2]
    assert counted.numpy() == 2 and read.numpy() == 2


@pytest.mark.parametrize("reduction", [None, "add", "max", "min", "mul"])
def test_scatter_update(reduction):
    # JAX has no gradient of products with repeated places, nor an order of repeated settings.
    once = reduction in (None, "mul")
    indices = np.array([[0, 1], [4, 2], [-2, 0]] if once else [[0, 1], [4, 2], [0, 1], [-1, 0]])
    updates = RNG.normal(size=len(indices)).astype("float32")
    method = {None: "set", "mul": "multiply"}.get(reduction, reduction)

    def reference(x, u):
        return getattr(jnp.asarray(x).at[tuple(indices.T)], method)(u, unique_indices=once)

    check_against_jax(
        lambda x, u: flow.scatter_update(x, indices, u, reduction), reference, X, updates
    )
    rows = np.array([[3], [1], [3]])
    if not once:
        check_against_jax(
            lambda x, u: flow.scatter_update(x, rows, u, reduction),
            lambda x, u: getattr(jnp.asarray(x).at[rows[:, 0]], method)(u),
            X,
            X[:3] * 2,
        )


def test_scatter_update_names_an_unknown_reduction():
    with pytest.raises(ValueError, match="reduction"):
        flow.scatter_update(X, [[0, 0]], [1.0], "mean")


def test_slice_and_slice_update():
    check_against_jax(lambda x: flow.slice(x, (1, 0), (3, -1)), lambda x: jnp.asarray(x)[1:4], X)
    check_against_jax(
        lambda x, u: flow.slice_update(x, (2, 1), u),
        lambda x, u: jax.lax.dynamic_update_slice(x, u, (2, 1)),
        X,
        W[:2, :2],
    )
    start = np.array([2, 1])
    found = compiled(lambda x, s: flow.slice(x, s, (2, 2)), X, start, unknown=None)
    assert_close(found, X[2:4, 1:3])


def test_unstack():
    check_against_jax(lambda x: flow.unstack(x, axis=1), lambda x: list(jnp.asarray(x).T), X)
    with pytest.raises(ValueError, match="num"):
        compiled(flow.unstack, X)


def test_custom_gradient_takes_the_place_of_the_real_one():
    @flow.custom_gradient
    def clipped(x, w):
        def gradient(upstream):
            return ops.clip(upstream * w, -0.1, 0.1), ops.zeros_like(w) + 3.0

        return x * w, gradient

    w = np.float32(5).reshape(())
    assert_close(clipped(X, w), X * 5)
    found = compiled(gradients(clipped), X, w)
    assert_close(found, [np.full_like(X, 0.1), np.array(3.0)])


def test_remat_keeps_nothing_and_has_the_same_gradient():
    def block(x, w):
        return ops.tanh(ops.matmul(ops.exp(x), w))

    x, w = X * 0.5, W * 0.1
    check_against_jax(flow.remat(block), lambda x, w: jnp.tanh(jnp.exp(x) @ w), x, w)
    inputs = [core.placeholder(a.shape, "float32") for a in (x, w)]
    grads = [g.symbol for g in gradients(flow.remat(block))(*inputs)]
    function = modes.compile_function([i.symbol for i in inputs], grads)
    outer = [str(n.op).lower() for n in function.maker.fgraph.toposort()]
    assert not any("tanh" in name or "matmul" in name for name in outer), outer


def test_gradients_by_finite_differences():
    x = RNG.normal(size=(4, 2))
    check_gradient(lambda t: flow.scatter_update(t, [[0, 1], [2, 0]], x[:2, 0], "max"), x)
    places = [[0, 1], [2, 0], [0, 1], [3, 1]]
    check_gradient(lambda t, u: flow.scatter_update(t, places, u, "mul"), x, x[:, 0])
    check_gradient(lambda t, u: flow.scatter_update(t, places, u, "mul"), x * 0, x[:, 0])


# --- Operators with an array on the left ---------------------------------------------------------

LEFT = [np.full((5, 3), 2, "float32"), np.float32(2), np.array(2.0, "float32"), np.full(3, 2)]
OPERATORS = (
    "add sub mul truediv floordiv mod pow lt le gt ge eq ne iadd isub imul itruediv ifloordiv"
)


@pytest.mark.parametrize("name", [*OPERATORS.split(), "imod", "ipow"])
@pytest.mark.parametrize("left", LEFT, ids=["array", "scalar", "no axes", "whole numbers"])
def test_an_array_and_a_tensor(name, left):
    function = getattr(operator, name)
    before = left.copy()
    value = compiled(lambda x: function(left, x), X)
    assert_close(value, getattr(operator, name.removeprefix("i"))(left, X))
    np.testing.assert_array_equal(left, before)  # `left += tensor` leaves the array as it was


def test_a_matrix_product_of_an_array_and_a_tensor():
    assert_close(compiled(lambda x: W @ x, W), W @ W)


@pytest.mark.parametrize("name", [*OPERATORS.split(), "imod", "ipow", "matmul"])
def test_an_array_and_a_variable(name):
    """As in an own cell, whose first states are an array: `states[0] @ self.kernel`."""
    function, left = getattr(operator, name), LEFT[0]
    variable = keras.Variable(X.T if name == "matmul" else X)

    def in_a_layer(x):
        with keras.StatelessScope(state_mapping=[(variable, x)]):
            return function(left, variable)

    value = np.asarray(variable)
    expected = getattr(operator, name.removeprefix("i"))(left, value)
    assert_close(compiled(in_a_layer, value, unknown=None), expected)
    assert_close(function(left.copy(), variable), expected)


@pytest.mark.parametrize("start", [ops.zeros(()), ops.zeros((5, 3)), ops.array(0.0), np.zeros(3)])
def test_a_sum_that_begins_with_an_array(start):
    def total(x):
        found = start
        for _ in range(3):
            found += x
        return found

    assert_close(compiled(total, X), 3 * X)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.exp(x),
        lambda x: np.add.reduce(x),
        lambda x: np.add(X, x, out=np.zeros_like(X)),
        lambda x: np.add(X, x, where=X > 0),
    ],
)
def test_other_functions_of_numpy_are_refused(call):
    with pytest.raises(TypeError, match="keras.ops"):
        call(Tensor(pytensor.tensor.matrix()))
