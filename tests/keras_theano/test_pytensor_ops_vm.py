"""The ops that the interpreted VM runs for element-wise chains, products and sums."""

import keras_theano  # noqa: F401 - the engine, before Keras

# isort: split
import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.basic import Apply
from pytensor.scan.op import Scan
from pytensor.tensor.elemwise import Elemwise

from keras_theano.pytensor_ops import _threads, vm_ops
from keras_theano.pytensor_ops._base import TensorOp
from keras_theano.pytensor_ops.activations import CURVES, Activation
from keras_theano.pytensor_ops.conv import conv
from keras_theano.pytensor_ops.normalization import batch_normalization, moments
from keras_theano.pytensor_ops.pool import MaxPool, pool
from keras_theano.src import modes
from keras_theano.src.tensor import Tensor

RNG = np.random.default_rng(0)


def ops_of(function):
    return [type(node.op) for node in function.maker.fgraph.apply_nodes]


def tensor(shape, dtype="float32"):
    return pt.TensorType(dtype, shape=shape)()


@pytest.mark.parametrize("rows", [0, 1, 7, 5000])
def test_fused_chain_with_broadcast_bias(rows):
    x, bias = tensor((None, 33)), tensor((1, 33))
    y = pt.exp(-pt.sqr(x + bias)) * 2 + pt.switch(x > 0, x, 0.1 * x) - pt.maximum(x, bias)
    function = modes.compile_function([x, bias], [y])
    assert vm_ops.BlockwiseElemwise in ops_of(function)
    a, b = RNG.normal(size=(rows, 33)).astype("f4"), RNG.normal(size=(1, 33)).astype("f4")
    expected = np.exp(-((a + b) ** 2)) * 2 + np.where(a > 0, a, 0.1 * a) - np.maximum(a, b)
    (found,) = function(a, b)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_every_order_of_memory_gives_the_same():
    x, z = tensor((None, None)), tensor((None, None))
    function = modes.compile_function([x, z], [pt.tanh(x) * z + pt.sqrt(abs(z)) / 3])
    a, b = RNG.normal(size=(200, 300)).astype("f4"), RNG.normal(size=(200, 300)).astype("f4")
    expected = np.tanh(a) * b + np.sqrt(abs(b)) / 3
    for first in (a, np.asfortranarray(a), np.repeat(a, 2, 1)[:, ::2]):
        np.testing.assert_allclose(function(first, b)[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("terms", [2, 3, 40])
def test_sums_of_many_terms(terms):
    inputs = [tensor((None,)) for _ in range(terms)]
    function = modes.compile_function(inputs, [pt.add(*inputs) * 2])
    arrays = [RNG.normal(size=50_000).astype("f4") for _ in range(terms)]
    np.testing.assert_allclose(function(*arrays)[0], 2 * sum(arrays), rtol=1e-3, atol=1e-4)


def test_updates_in_place_read_the_old_values():
    # Momentum: both new values need the old ones, and both may be written over them.
    start = RNG.normal(size=70_000).astype("f4")
    w = pytensor.shared(start.copy(), shape=start.shape)
    v = pytensor.shared(np.ones_like(start), shape=start.shape)
    new_v = 0.9 * v + w
    function = modes.compile_function([], [w.sum()], [(v, new_v), (w, w - 0.1 * new_v + v)])
    expected_w, expected_v = start, np.ones_like(start)
    for _ in range(5):
        total = expected_w.sum(dtype="f8")
        old_v = expected_v
        expected_v = np.float32(0.9) * expected_v + expected_w
        expected_w = expected_w - np.float32(0.1) * expected_v + old_v
        assert float(function()[0]) == pytest.approx(total, abs=0.5)
    np.testing.assert_allclose(v.get_value(), expected_v, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(w.get_value(), expected_w, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8", "bool", "float16", "float64"])
def test_dtypes(dtype):
    x = tensor((None,), dtype)
    y = pt.sqrt(pt.cast(x, "float32")) + pt.cast(pt.eq(x, x), "float32")
    a = np.abs(RNG.normal(size=9) * 5).astype(dtype)
    (found,) = modes.compile_function([x], [y])(a)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.sqrt(a.astype("f4")) + 1, rtol=1e-3)


def test_an_operation_without_a_ufunc():
    x = tensor((None,), "float64")
    (found,) = modes.compile_function([x], [pt.gammainc(2.0, x) + pt.tri_gamma(x + 1)])(
        np.array([0.5, 2.0])
    )
    from scipy import special

    expected = special.gammainc(2.0, [0.5, 2.0]) + special.polygamma(1, [1.5, 3.0])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 4, 5), (700, 900, 20), (1, 900, 700), (64, 1, 33)])
@pytest.mark.parametrize("transposed", [False, True])
def test_shared_dot(shape, transposed):
    n, k, m = shape
    a, b = tensor((None, None)), tensor((None, None))
    function = modes.compile_function([a, b], [pt.dot(a.T if transposed else a, b)])
    assert vm_ops.SharedDot in ops_of(function)
    x, y = RNG.normal(size=(n, k)).astype("f4"), RNG.normal(size=(k, m)).astype("f4")
    (found,) = function(np.ascontiguousarray(x.T) if transposed else x, y)
    np.testing.assert_allclose(found, x @ y, rtol=1e-3, atol=1e-3)


def test_a_product_of_matrices_that_do_not_fit_is_refused():
    a, b = tensor((None, None)), tensor((None, None))
    function = modes.compile_function([a, b], [pt.dot(a, b)])
    with pytest.raises(ValueError):
        function(np.ones((2, 3), "f4"), np.ones((4, 5), "f4"))


@pytest.mark.parametrize("shape", [(64, 26, 26, 32), (5, 1, 1, 3), (0, 3, 3, 2), (3, 3, 3, 0)])
def test_shared_sum(shape):
    x = tensor((None, None, None, None))
    function = modes.compile_function([x], [x.sum(axis=(0, 1, 2))])
    assert vm_ops.SharedSum in ops_of(function)
    a = RNG.normal(1, 1, size=shape).astype("f4")
    (found,) = function(a)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, a.sum((0, 1, 2), dtype="f8"), rtol=1e-6, atol=1e-5)


def test_one_result_as_two_outputs():
    from pytensor.scalar import Composite, add, get_scalar_type, identity, mul
    from pytensor.tensor.elemwise import Elemwise

    a, b = get_scalar_type("float32")(), get_scalar_type("float32")()
    product = mul(a, b)
    both = Composite([a, b], [product, product, identity(a), add(product, a)])
    x, y = tensor((None,)), tensor((None,))
    function = modes.compile_function([x, y], Elemwise(both)(x, y))
    p, q = RNG.normal(size=(2, 40_000)).astype("f4")
    for found, expected in zip(function(p, q), (p * q, p * q, p, p * q + p), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(64, 13, 13, 32), (1, 1, 7, 5), (50, 3), (2, 1), (97, 1, 101)])
def test_a_bias_along_the_last_axis(shape):
    x = tensor((None,) * len(shape))
    bias, rows = tensor((None,)), tensor((None,) + (1,) * (len(shape) - 1))
    function = modes.compile_function([x, bias, rows], [x * 2 + bias, pt.sqr(x - bias) * rows])
    a, b = RNG.normal(size=shape).astype("f4"), RNG.normal(size=shape[-1]).astype("f4")
    r = RNG.normal(size=(shape[0],) + (1,) * (len(shape) - 1)).astype("f4")
    if shape[0] == 1:
        r = r[:1]
    first, second = function(a, b, r)
    np.testing.assert_allclose(first, a * 2 + b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(second, (a - b) ** 2 * r, rtol=1e-4, atol=1e-5)


def compiled(inputs, outputs):
    return pytensor.function(inputs, outputs, mode=modes.interpreter())


@pytest.mark.parametrize("swapped", [False, True])
def test_a_product_adds_the_bias(swapped):
    x, kernel = (
        pt.matrix(shape=(None, 3), dtype="float32"),
        pt.matrix(shape=(3, 5), dtype="float32"),
    )
    bias = pt.vector(shape=(5,), dtype="float32")
    product = x @ kernel
    function = compiled([x, kernel, bias], bias + product if swapped else product + bias)
    assert vm_ops.BiasedDot in ops_of(function) and vm_ops.SharedDot not in ops_of(function)
    a, b, c = (RNG.normal(size=s).astype("float32") for s in ((4, 3), (3, 5), 5))
    np.testing.assert_allclose(function(a, b, c), a @ b + c, rtol=1e-5)


def test_what_else_reads_the_product_gets_it_without_the_bias():
    x, kernel, bias = pt.matrix(), pt.matrix(), pt.vector(shape=(5,))
    product = pt.specify_shape(x, (None, 3)) @ pt.specify_shape(kernel, (3, 5))
    function = compiled([x, kernel, bias], [product, product + bias])
    assert vm_ops.BiasedDot not in ops_of(function)
    a, b, c = (RNG.normal(size=s).astype(x.dtype) for s in ((4, 3), (3, 5), 5))
    plain, biased = function(a, b, c)
    np.testing.assert_allclose(plain, a @ b, rtol=1e-5)
    np.testing.assert_allclose(biased, a @ b + c, rtol=1e-5)


def test_one_number_for_all_is_no_bias():
    x, kernel, one = pt.dmatrix(), pt.dmatrix(), pt.vector(shape=(1,), dtype="float64")
    function = compiled([x, kernel, one], x @ kernel + one)
    assert vm_ops.BiasedDot not in ops_of(function)
    a, b = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 5))
    np.testing.assert_allclose(function(a, b, [2.0]), a @ b + 2)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_convolution_adds_the_bias(dtype, groups):
    x, kernel = (
        pt.tensor(dtype=dtype, shape=(None, 6, 7, 4)),
        pt.tensor(dtype=dtype, shape=(3, 3, 4 // groups, 6)),
    )
    bias = pt.tensor(dtype=dtype, shape=(6,))
    alone = conv(x, kernel, 1, "same", 1, groups)
    function = compiled([x, kernel, bias], alone + bias)
    assert vm_ops.BiasedConv in ops_of(function)
    a, b, c = (RNG.normal(size=s).astype(dtype) for s in ((2, 6, 7, 4), (3, 3, 4 // groups, 6), 6))
    expected = compiled([x, kernel], alone)(a, b).astype("float64") + c
    np.testing.assert_allclose(
        function(a, b, c), expected, atol=2e-2 if dtype == "float16" else 1e-5
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_normalization_and_its_moments_are_one_node(dtype):
    x = pt.tensor(dtype=dtype, shape=(None, 4, 5, 16))
    scale, offset = pt.tensor(dtype=dtype, shape=(16,)), pt.tensor(dtype=dtype, shape=(16,))
    mean, variance = moments(x)
    y = batch_normalization(x, mean, variance, scale, offset)
    again = batch_normalization(x, mean, variance, offset, scale)  # by the same moments
    function = compiled([x, scale, offset], [y, mean, variance, again])
    assert ops_of(function).count(vm_ops.NormalizationByMoments) == 1
    a, b, c = (RNG.normal(size=s).astype(dtype) for s in ((6, 4, 5, 16), 16, 16))
    double = a.astype("float64")
    m, v = double.mean((0, 1, 2)), double.var((0, 1, 2))
    normal = (double - m) / np.sqrt(v + 1e-3)
    for found, expected in zip(
        function(a, b, c), (normal * b + c, m, v, normal * c + b), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_relu_and_max_pooling_change_places_and_nothing_else():
    """With ties at zero and below, and a NaN."""
    x = pt.tensor(dtype="float32", shape=(None, 6, 6, 2))
    values = RNG.integers(-2, 3, (3, 6, 6, 2)).astype("float32")
    values[0, 0, 0, 0] = np.nan
    dy = RNG.normal(size=(3, 3, 3, 2)).astype("float32")

    def both(y):
        return compiled([x], [y, pytensor.grad(None, x, known_grads={y: pt.as_tensor(dy)})])(values)

    y, dx = both(pool(Activation("relu")(x), 2))
    as_written = MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)))(Activation("relu")(x))
    expected, expected_dx = both(as_written)
    np.testing.assert_array_equal(y, expected)
    assert np.isnan(y[0, 0, 0, 0])
    dx[0, :2, :2, 0] = expected_dx[0, :2, :2, 0] = 0  # nobody can say what a NaN passes on
    np.testing.assert_array_equal(dx, expected_dx)


def test_an_activation_writes_over_what_nobody_else_reads():
    x, kernel = pt.fmatrix(), pt.fmatrix()
    product = x @ kernel
    y = Activation("relu")(product)
    a, b = (RNG.normal(size=s).astype("float32") for s in ((4, 3), (3, 5)))
    (node,) = [
        node
        for node in compiled([x, kernel], y).maker.fgraph.toposort()
        if type(node.op) is Activation
    ]
    assert node.op.in_place
    np.testing.assert_allclose(compiled([x, kernel], y)(a, b), np.maximum(a @ b, 0), rtol=1e-5)
    kept, after = compiled([x, kernel], [product, y])(a, b)
    np.testing.assert_allclose(kept, a @ b, rtol=1e-5)
    np.testing.assert_allclose(after, np.maximum(a @ b, 0), rtol=1e-5)
    # An argument is the caller's, and a view is another's memory.
    before = a.copy()
    compiled([x], Activation("relu")(x))(a)
    compiled([x], Activation("relu")(x.T))(a)
    np.testing.assert_array_equal(a, before)


@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid", "gelu", "softplus"])
def test_a_loop_whose_outputs_are_activations_is_rewritten_whole(name, capfd):
    """PyTensor's scan forbids that an output of its graph is written over something else."""
    x, kernel = pt.fmatrix(), pt.fmatrix()
    outputs = pytensor.scan(
        lambda row, last, kernel: Activation(name)(last @ kernel + row),
        sequences=[x],
        outputs_info=[pt.zeros(3, "float32")],
        non_sequences=[kernel],
        mode=modes.interpreter(),
        return_updates=False,
    )
    function = compiled([x, kernel], [outputs, pytensor.grad(outputs.sum(), x)])
    loops = [n.op for n in function.maker.fgraph.toposort() if isinstance(n.op, Scan)]
    assert len(loops) == 2
    for loop in loops:
        assert Elemwise not in ops_of(loop.fn)  # all are `BlockwiseElemwise`
    a, b = (RNG.normal(size=s).astype("float32") for s in ((5, 3), (3, 3)))
    last, expected = np.zeros(3, "float32"), []
    for row in a:
        last = CURVES[name].value(last @ b + row)
        expected.append(last)
    np.testing.assert_allclose(function(a, b)[0], expected, rtol=1e-5, atol=1e-6)
    assert capfd.readouterr().err == ""


class Watch(TensorOp):
    """Passes a tensor on, and notes how many threads BLAS has got and whether this is a step."""

    __props__ = ()
    seen = []

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        self.seen.append((_threads.stepping(), _threads._blas and _threads._blas[0]()))
        output_storage[0][0] = inputs[0].copy()

    def pullback(self, inputs, outputs, output_grads):
        return [watch(output_grads[0])]


watch = Watch()


class WatchedCell(keras.layers.Layer):
    state_size = 3

    def call(self, x, states):
        new = keras.ops.tanh(Tensor(watch((x + states[0]).symbol)))
        return new, [new]


def watched_while(x):
    def body(i, value):
        return i + 1, Tensor(watch((value * 0.5).symbol))

    return keras.ops.while_loop(lambda i, value: i < 3, body, (np.int32(0), x[0]))[1]


WATCHED = {
    "pytensor.scan": lambda x: Tensor(
        pytensor.scan(lambda row: watch(row), sequences=[x.symbol], return_updates=False)
    ),
    "ops.scan": lambda x: keras.ops.scan(
        lambda carry, row: (Tensor(watch((carry + row).symbol)), carry), x[0], x
    )[0],
    "own cell": lambda x: keras.layers.RNN(WatchedCell())(x[None]),
    "while_loop": watched_while,
}


@pytest.mark.parametrize("name", WATCHED)
@pytest.mark.parametrize("with_gradient", [False, True])
def test_blas_has_one_thread_in_the_steps_of_a_loop(name, with_gradient):
    x = pt.matrix("x", shape=(4, 3), dtype="float32")
    result = (WATCHED[name](Tensor(x)).symbol ** 2).sum()
    if with_gradient:
        result = pytensor.grad(result, x)
    function = pytensor.function([x], result, mode=modes.interpreter())
    before = _threads._blas and _threads._blas[0]()
    watch.seen.clear()
    function(np.ones((4, 3), "float32"))
    assert len(watch.seen) >= 3
    assert {stepping for stepping, _ in watch.seen} == {True}
    assert {threads for _, threads in watch.seen} <= {None, 1}
    assert not _threads.stepping()
    assert before == (_threads._blas and _threads._blas[0]())


@pytest.mark.skipif(_threads._blas is None, reason="BLAS's threads cannot be held back here")
def test_large_products_of_a_step_are_shared_out(monkeypatch):
    monkeypatch.setattr(_threads, "workers", 2)
    pieces = []
    for work in (_threads.LEAST_STEP - 1, _threads.LEAST_STEP):
        with _threads.steps():
            pieces.append(len(_threads.split(8, work, lambda part: part, blas=True)))
    assert pieces == [1, 2]
