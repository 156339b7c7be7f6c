"""The JAX mode: every Op and every kind of model computes what the interpreter computes."""

import importlib
import inspect
import pkgutil
import re
import warnings

import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from keras import layers, ops

import keras_theano
from benchmarks.nets import NETS
from keras_theano import pytensor_ops, setting
from keras_theano.pytensor_ops import (
    activations,
    array,
    control_flow,
    conv,
    ctc,
    linalg,
    losses,
    normalization,
    pool,
    random,
    recurrent,
    reductions,
)
from keras_theano.pytensor_ops import math as math_ops
from keras_theano.pytensor_ops._base import TensorOp
from keras_theano.src import modes

jax = pytest.importorskip("jax", reason="JAX is in .testdeps")
jax_mode = importlib.import_module("keras_theano.src.jax_mode")  # which needs JAX

RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def _jax_mode():
    keras_theano.set_mode("jax")
    yield
    keras_theano.set_mode("vm")
    setting._chosen = None


# --- Every Op ------------------------------------------------------------------------------------


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def positive(n):
    x = normal(2, n, n)
    return x @ x.swapaxes(1, 2) + np.eye(n, dtype="float32")


def ints(high, *shape):
    return RNG.integers(0, high, shape).astype("int32")


def gate(*shape):
    return RNG.uniform(0.1, 0.9, shape).astype("float32")


def while_loop():
    """x = 2 x + y until x reaches 50, with its gradient."""
    x, y = pt.scalar("x", dtype="float32"), pt.scalar("y", dtype="float32")
    loop = control_flow.WhileLoop(
        control_flow.InnerGraph([x, y], [x < 50], modes.compile_for_vm),
        control_flow.InnerGraph([x, y], [x * np.float32(2) + y], modes.compile_for_vm),
    )
    return lambda a, b: [loop(a, b), *pytensor.grad(loop(a, b), [a, b])]


def custom_gradient(x, y):
    op = control_flow.CustomGradient(1, lambda cotangents: [cotangents[0] * np.float32(3)])
    return [op(x * y, x), pytensor.grad(op(x * y, x).sum(), x)]


SETTINGS = ((2, 1), "same", (1, 1), 1)
IMAGE, KERNEL, PLACES = normal(2, 6, 5, 3), normal(3, 2, 3, 4), normal(2, 3, 5, 4)
STATES, CELLS, GATES = normal(5, 2, 3), normal(5, 2, 3), gate(4, 2, 12)
MASK = np.array([[1, 1], [1, 0], [0, 1], [1, 1]], bool)
SPREAD = positive(3) * np.arange(1, 4, dtype="float32")[:, None]
CTC_INPUTS = (
    np.log(np.full((2, 6, 4), 0.25, "float32") * gate(2, 6, 4)),
    np.array([[1, 2, 2], [3, 1, 0]], "int32"),
    np.array([3, 2], "int32"),
    np.array([6, 5], "int32"),
)
SEED = np.array([3, 4], "uint32")

# Op class -> examples: a function of variables (an Op, or one that uses it), and its arrays.
EXAMPLES = {
    activations.Activation: [(activations.Activation(n), normal(3, 4)) for n in ("gelu", "silu")],
    activations.ActivationGradient: [
        (
            lambda x, dy, name=name: activations.ActivationGradient(name)(
                x, activations.Activation(name)(x), dy
            ),
            *(normal(3, 4) for _ in range(2)),
        )
        for name in ("relu", "silu")
    ],
    activations.Softmax: [
        (activations.Softmax(a, log), normal(3, 4)) for a in (-1, None) for log in (0, 1)
    ],
    activations.SoftmaxGradient: [(activations.SoftmaxGradient(-1), gate(3, 4), normal(3, 4))],
    array.AddAt: [(lambda s, i: array.AddAt(1)(s, i, 6), normal(2, 3, 2), ints(6, 3))],
    array.ArgPartition: [(lambda x: pt.sort(array.ArgPartition(2)(x)[..., :3]), normal(2, 6))],
    array.Bitcast: [(array.Bitcast("int32"), normal(2, 3))],
    array.Take: [
        (array.Take(1), normal(2, 5, 3), np.array([[0, -1], [4, 2]])),
        (array.Take(0, from_end=False), normal(5, 3), np.array([[0, 1], [4, 2]])),
    ],
    control_flow.CustomGradient: [(custom_gradient, normal(3), normal(3))],
    control_flow.WhileLoop: [(while_loop(), np.float32(1), np.float32(0.5))],
    control_flow.WhileLoopGrad: [(while_loop(), np.float32(60), np.float32(0.5))],
    conv.Conv: [(conv.Conv(*SETTINGS), IMAGE, KERNEL)],
    conv.ConvInputGradient: [
        (lambda k, d: conv.ConvInputGradient(*SETTINGS)(k, d, 6, 5), KERNEL, PLACES)
    ],
    conv.ConvKernelGradient: [
        (lambda x, d: conv.ConvKernelGradient(*SETTINGS)(x, d, 3, 2), IMAGE, PLACES)
    ],
    ctc.CTCBeamSearch: [(ctc.CTCBeamSearch(10, 2, 0), CTC_INPUTS[0], CTC_INPUTS[3])],
    ctc.CTCLoss: [(ctc.CTCLoss(0), *CTC_INPUTS)],
    ctc.CTCLossGradient: [(ctc.CTCLossGradient(0), *CTC_INPUTS)],
    linalg.ApplyPivots: [
        (lambda x: linalg.ApplyPivots()(x, linalg.LUFactor()(x)[1]), normal(2, 4, 4))
    ],
    linalg.Cholesky: [(linalg.Cholesky(), positive(3))],
    linalg.Determinant: [(linalg.Determinant(), normal(2, 3, 3))],
    # The eigenvalues' order is arbitrary.
    linalg.Eig: [(lambda x: pt.real(linalg.Eig()(x)[0]).sum(axis=-1), positive(3))],
    linalg.Eigh: [(lambda x: [linalg.Eigh()(x)[0], pt.abs(linalg.Eigh()(x)[1])], positive(3))],
    linalg.Inverse: [(linalg.Inverse(), positive(3))],
    linalg.LUFactor: [(linalg.LUFactor(), normal(2, 4, 4))],
    linalg.PseudoInverse: [(linalg.PseudoInverse(), normal(2, 4, 3))],
    linalg.QR: [
        (lambda x, c=c: [pt.abs(part) for part in linalg.QR(c)(x)], normal(4, 3))
        for c in (False, True)
    ],
    linalg.SLogDet: [(linalg.SLogDet(), normal(2, 3, 3))],
    linalg.SVD: [(lambda x: [pt.abs(part) for part in linalg.SVD(full=False)(x)], normal(4, 3))],
    linalg.SingularValues: [(linalg.SingularValues(), normal(2, 4, 3))],
    linalg.Solve: [(linalg.Solve(), positive(3), normal(2, 3, 2))],
    linalg.SolveTriangular: [
        (linalg.SolveTriangular(b), positive(3), normal(2, 3, 2)) for b in (True, False)
    ],
    losses.ClassLabels: [(lambda y: losses.ClassLabels()(y, 3), np.array([0.0, 2.0], "float32"))],
    losses.CrossEntropy: [(losses.CrossEntropy(), normal(3, 4), gate(3, 4))],
    losses.CrossEntropyGradient: [
        (losses.CrossEntropyGradient(), normal(3, 4), gate(3, 4), normal(3))
    ],
    losses.SparseCrossEntropy: [(losses.SparseCrossEntropy(), normal(3, 4), ints(4, 3))],
    losses.SparseCrossEntropyGradient: [
        (losses.SparseCrossEntropyGradient(), normal(3, 4), ints(4, 3), normal(3))
    ],
    math_ops.FourierTransform: [
        (math_ops.FourierTransform(2, inverse, True), normal(3, 4, 5), normal(3, 4, 5))
        for inverse in (False, True)
    ],
    math_ops.InverseRealFourier: [
        (lambda a, b: math_ops.InverseRealFourier()(a, b, 8), normal(3, 5), normal(3, 5))
    ],
    math_ops.RealFourier: [(lambda x: math_ops.RealFourier()(x, x.shape[0] + 6), normal(3, 7))],
    math_ops.ScatterReduce: [
        (math_ops.ScatterReduce(kind), normal(4, 2), ints(4, 6), normal(6, 2))
        for kind in ("max", "min", "mul")
    ],
    normalization.BatchNormalization: [
        (normalization.batch_normalization, IMAGE, *(gate(3) for _ in range(4)))
    ],
    normalization.BatchNormalizationGradient: [
        (
            normalization.BatchNormalizationGradient(3, 1e-3, own),
            IMAGE,
            *moments,
            gate(3),
            normal(2, 6, 5, 3),
        )
        for own, moments in (
            (False, (gate(3), gate(3))),
            (True, (IMAGE.mean((0, 1, 2)), IMAGE.var((0, 1, 2)))),
        )
    ],
    normalization.Moments: [(normalization.Moments(3), IMAGE)],
    pool.AveragePool: [(lambda x: pool.pool(x, 2, 2, "same", "average"), IMAGE)],
    pool.AveragePoolGradient: [
        (lambda d: pool.AveragePoolGradient((2, 2), (2, 1), "same")(d, 6, 5), normal(2, 3, 5, 3))
    ],
    pool.MaxPool: [(lambda x: pool.pool(x, 2, 2, "same", "max"), IMAGE)],
    pool.MaxPoolGradient: [
        (
            lambda x, d: pytensor.grad((pool.pool(x, 2, 2, "valid") * d).sum(), x),
            IMAGE,
            normal(2, 3, 2, 3),
        )
    ],
    pool.MaxPoolSelect: [
        (
            lambda x, z: pool.MaxPoolSelect((2, 2), (2, 2), ((0, 0), (0, 0)))(
                x, pool.pool(x, 2), z
            ),
            IMAGE,
            normal(2, 6, 5, 3),
        )
    ],
    reductions.Recurrence: [(reductions.Recurrence(1), normal(2, 5, 3), normal(2, 5, 3))],
    recurrent.GRU: [
        (recurrent.GRU(), normal(4, 2, 9), normal(2, 3), normal(3, 9), normal(9)),
        (recurrent.GRU(True), normal(4, 2, 9), normal(2, 3), normal(3, 9), normal(9), MASK),
    ],
    recurrent.GRUGrad: [
        (
            recurrent.GRUGrad(bool(mask)),
            *(STATES, gate(4, 2, 9), normal(4, 2, 3), normal(3, 9), normal(5, 2, 3)),
            *mask,
        )
        for mask in ((), (MASK,))
    ],
    recurrent.LSTM: [
        (recurrent.LSTM(), normal(4, 2, 12), normal(2, 3), normal(2, 3), normal(3, 12)),
        (recurrent.LSTM(True), normal(4, 2, 12), normal(2, 3), normal(2, 3), normal(3, 12), MASK),
    ],
    recurrent.LSTMGrad: [
        (
            recurrent.LSTMGrad(bool(mask)),
            *(STATES, CELLS, GATES, normal(3, 12), normal(5, 2, 3), normal(5, 2, 3)),
            *mask,
        )
        for mask in ((), (MASK,))
    ],
    recurrent.SimpleRNN: [
        (
            recurrent.SimpleRNN(activation, bool(mask)),
            *(normal(4, 2, 3), normal(2, 3), normal(3, 3)),
            *mask,
        )
        for activation in recurrent.ACTIVATIONS
        for mask in ((), (MASK,))
    ],
    recurrent.SimpleRNNGrad: [
        (
            recurrent.SimpleRNNGrad(activation, bool(mask)),
            *(gate(5, 2, 3), normal(3, 3), normal(5, 2, 3)),
            *mask,
        )
        for activation in recurrent.ACTIVATIONS
        for mask in ((), (MASK,))
    ],
}
# Ops with tests of their own below.
APART = {array.Unique, random.Categorical, random.Permutation, random.RandomDraw}


def all_ops():
    for module in pkgutil.iter_modules(pytensor_ops.__path__):
        module = importlib.import_module(f"keras_theano.pytensor_ops.{module.name}")
        for name, value in vars(module).items():
            is_op = inspect.isclass(value) and issubclass(value, TensorOp) and value is not TensorOp
            if is_op and value.__module__ == module.__name__ and not name.startswith("_"):
                yield value


def test_every_op_has_an_example():
    assert set(all_ops()) == set(EXAMPLES) | APART


def both_modes(function, *arrays):
    """Results of a graph in JAX mode, with unknown sizes, and by the interpreter."""
    arrays = [np.asarray(a) for a in arrays]
    inputs = [pt.TensorType(a.dtype.name, (None,) * a.ndim)() for a in arrays]
    outputs = function(*inputs)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    found = modes.compile_function(inputs, outputs)(*arrays)
    assert all(isinstance(value, jax.Array) for value in found)
    return [np.asarray(value) for value in found], modes.compile_for_vm(inputs, outputs)(*arrays)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_op_computes_the_same(kind):
    for function, *arrays in EXAMPLES[kind]:
        for by_jax, expected in zip(*both_modes(function, *arrays), strict=True):
            assert by_jax.shape == expected.shape
            np.testing.assert_allclose(by_jax, expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", activations.CURVES)
def test_every_curve_and_its_slope(name):
    count = len(inspect.signature(activations.CURVES[name].slope).parameters) - 2  # x and y
    op = activations.Activation(name, *(0.5, 0.25)[:count])
    x = np.linspace(-4.05, 4, 33, dtype="float32")
    found = both_modes(lambda x: [op(x), pytensor.grad(op(x).sum(), x)], x)
    for by_jax, expected in zip(*found, strict=True):
        np.testing.assert_allclose(by_jax, expected, rtol=1e-4, atol=2e-6)


DRAWS = {
    "uniform": ((), 0.5, 0.29),
    "normal": ((), 0, 1),
    "truncated_normal": ((), 0, 0.88),
    "integers": ((np.int32(0), np.int32(10)), 4.5, 2.87),
    "dropout_mask": ((np.float32(0.8),), 1, 0.5),
    "gamma": ((np.float32(2),), 2, 1.41),
    "binomial": ((np.float32(10), np.float32(0.3)), 3, 1.45),
    "beta": ((np.float32(2), np.float32(3)), 0.4, 0.2),
}


@pytest.mark.parametrize("name", random._DRAWS)
def test_draws_have_their_distribution_and_follow_the_seed(name):
    params, mean, deviation = DRAWS[name]
    dtype = "int32" if name == "integers" else "float32"
    seed, rows = pt.vector(dtype="uint32"), pt.matrix(dtype="float32")
    draw = random.RandomDraw(name, dtype, len(params))(seed, *params, rows.shape[0], 50)
    function = modes.compile_function([seed, rows], [draw])
    x = np.zeros((400, 1), "float32")
    first, again, other = (np.asarray(function(s, x)[0]) for s in (SEED, SEED, SEED + np.uint32(1)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == (400, 50) and first.dtype == dtype
    np.testing.assert_allclose([first.mean(), first.std()], [mean, deviation], rtol=0.05, atol=0.03)


def test_permutations_and_categories():
    seed, logits = pt.vector(dtype="uint32"), pt.matrix(dtype="float32")
    order = random.Permutation()(seed, logits.shape[1])
    classes = random.Categorical("int32")(seed, logits, 500)
    function = modes.compile_function([seed, logits], [order, classes])
    order, classes = function(SEED, np.log(np.array([[0.7, 0.2, 0.1]], "float32")))
    assert sorted(np.asarray(order)) == [0, 1, 2]
    shares = np.bincount(np.asarray(classes)[0], minlength=3) / 500
    np.testing.assert_allclose(shares, [0.7, 0.2, 0.1], atol=0.07)


def test_indexing_and_its_gradient():
    def function(x, i):
        parts = [x[1:3], x[::-2, 1], x[i : i + 2, ::2], x[-1], x[i], x[:, i:], x[2:2]]
        parts = parts[:5] + parts[6:]
        total = sum((part**2).sum() * (n + 1) for n, part in enumerate(parts))
        changed = [
            pt.set_subtensor(x[1:4:2], 7),
            pt.inc_subtensor(x[i : i + 2, 1:3], x[:2, 2:]),
            pt.set_subtensor(x[::-1], x),
            pt.set_subtensor(x[i, ::2], 0),
        ]
        return [*parts, *changed, pytensor.grad(total, x)]

    for by_jax, expected in zip(*both_modes(function, normal(5, 4), np.int32(2)), strict=True):
        np.testing.assert_allclose(by_jax, expected, rtol=1e-5)


def test_what_jax_cannot_know_is_refused_in_plain_words():
    x = pt.vector(dtype="float32")
    for output in (array.Unique(False, False, False, None)(x), x[x > 0]):
        with pytest.raises(Exception, match=r"In JAX mode.*set_mode\('vm'\)"):
            modes.compile_function([x], [output])(normal(4))


# --- Models --------------------------------------------------------------------------------------


def trained(build, data, mode, epochs=2, batch_size=8):
    keras_theano.set_mode(mode)
    keras.utils.set_random_seed(3)
    model = build()
    for layer in model._flatten_layers():
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0  # its masks differ
    x, y = data
    history = model.fit(x, y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0)
    evaluated = np.atleast_1d(model.evaluate(x, y, verbose=0))
    predicted = model.predict(x, verbose=0)
    assert type(predicted) is np.ndarray
    return model, history.history["loss"], evaluated, predicted


@pytest.mark.parametrize("name", NETS)
def test_nets_train_alike(name):
    data = NETS[name].data(20)  # the last batch is smaller
    *_, losses, evaluated, predicted = trained(NETS[name].build, data, "vm")
    *_, by_jax = found = trained(NETS[name].build, data, "jax")
    np.testing.assert_allclose(found[1], losses, rtol=2e-3)
    np.testing.assert_allclose(found[2], evaluated, rtol=2e-3)
    np.testing.assert_allclose(by_jax, predicted, rtol=0.02, atol=2e-3)


def recurrent_net(layer):
    def build():
        words = layers.Input((7,))
        x = layers.Embedding(9, 4, mask_zero=True)(words)
        x = layers.Bidirectional(layer(3, return_sequences=True))(x)
        x = layer(3, recurrent_activation="hard_sigmoid")(x)
        model = keras.Model(words, layers.Dense(1)(x))
        model.compile(keras.optimizers.SGD(0.5), "mse")
        return model

    return build


@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU])
def test_masked_recurrent_layers_train_alike(layer):
    data = ints(9, 12, 7), normal(12, 1)
    by_vm = trained(recurrent_net(layer), data, "vm")
    by_jax = trained(recurrent_net(layer), data, "jax")
    for a, b in zip(by_vm[0].get_weights(), by_jax[0].get_weights(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-4)


class Loops(layers.Layer):
    """Ends of graphs in loops: scan, fori with a computed bound, while, cond, switch, remat."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], shape[-1]))

    def call(self, x):
        x, _ = ops.scan(lambda c, _: (ops.tanh(c @ self.w + c), None), x, length=3)
        n = ops.cast(ops.minimum(ops.max(x) * 0 + 3, 3), "int32")
        x = ops.fori_loop(0, n, lambda i, c: c + ops.sin(c) * ops.cast(i, "float32"), x)
        x = ops.while_loop(lambda c: ops.sum(c**2) < 500, lambda c: c * 1.5, x)
        x = ops.cond(ops.sum(x) > 0, lambda: x * 2, lambda: x @ self.w)
        first = ops.slice(x, (ops.cast(n - 3, "int32"), 0), (2, 2))
        return ops.slice_update(x, (1, 1), first)


def test_loops_and_branches_train_alike():
    def build():
        model = keras.Sequential([layers.Input((4,)), Loops(), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(1e-3), "mse")
        return model

    data = normal(8, 4), normal(8, 1)
    by_vm, by_jax = (trained(build, data, mode) for mode in ("vm", "jax"))
    for a, b in zip(by_vm[0].get_weights(), by_jax[0].get_weights(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-4)


# --- State ---------------------------------------------------------------------------------------


def line(optimizer="adam"):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([layers.Input((2,)), layers.Dropout(0.5), layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


ONES = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")


def test_state_stays_on_the_device_and_what_is_read_is_a_copy():
    model = line()
    model.train_on_batch(*ONES)
    state = [*model.variables, *model.optimizer.variables]
    kernel = model.layers[-1].kernel
    assert all(isinstance(v.shared.container.storage[0], jax.Array) for v in state)
    read, again = kernel.numpy(), np.array(kernel.numpy())
    for _ in range(3):
        model.train_on_batch(*ONES)
    np.testing.assert_array_equal(read, again)
    assert not np.array_equal(read, kernel.numpy())
    read[:] = 100  # its owner's, and no part of the model
    assert kernel.numpy().max() < 100


def test_values_assigned_between_steps_count():
    model = line("sgd")
    model.train_on_batch(*ONES)
    kernel, bias = model.layers[-1].kernel, model.layers[-1].bias
    bias.assign([5.0])
    kernel.assign(np.zeros((2, 1)))
    assert model.predict(ONES[0], verbose=0).ravel().tolist() == [5.0] * 4
    assert model.test_on_batch(*ONES) == pytest.approx(16)
    # One array may come to be the value of two variables.
    other = line("sgd")
    other.layers[-1].kernel.assign(kernel)
    for net in (model, other, model):
        net.train_on_batch(*ONES)


def test_a_variable_that_takes_anothers_value():
    class Swap(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = (self.add_weight(shape=(2,), trainable=False) for _ in range(2))

        def call(self, x):
            a, b = self.a + 0.0, self.b + 0.0
            self.a.assign(b)
            self.b.assign(a)
            return x + self.a

    model = Swap()
    model.compile(loss="mse")
    model.build((None, 2))
    model.a.assign([1, 1])
    model.b.assign([2, 2])
    x = np.zeros((1, 2), "float32")
    for a in (2, 1, 2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # there is nothing to train
            model.train_on_batch(x, x)
        assert (model.a.numpy()[0], model.b.numpy()[0]) == (a, 3 - a)


def test_random_state_advances_and_belongs_to_the_seed():
    def masks():
        keras.utils.set_random_seed(4)
        model = keras.Sequential([layers.Input((50,)), layers.Dropout(0.5)])
        model.compile("sgd", lambda y, p: ops.mean(p**2) + 0 * ops.sum(y))
        x = np.ones((2, 50), "float32")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # there is nothing to train
            return [float(model.train_on_batch(x, x)) for _ in range(3)]

    found = masks()
    assert len(set(found)) > 1
    assert found == masks()


def test_a_model_moves_between_modes_with_its_state():
    def losses(names):
        model = line(keras.optimizers.Adam(0.1))
        model.layers[0].rate = 0.0
        for name in names:
            keras_theano.set_mode(name)
            yield float(model.train_on_batch(*ONES))

    np.testing.assert_allclose(
        list(losses(["jax", "vm", "jax", "jax", "vm"])), list(losses(["vm"] * 5)), rtol=1e-5
    )


# --- Precision, messages, the GPU -----------------------------------------------------------------


def test_wide_graphs_compute_in_64_bits():
    for by_jax, expected in zip(
        *both_modes(lambda x: [pt.exp(x) @ x.T, x.sum()], RNG.normal(size=(4, 3))), strict=True
    ):
        assert by_jax.dtype == "float64"
        np.testing.assert_allclose(by_jax, expected, rtol=1e-12)


PRODUCTS = {
    "matrices": (layers.Lambda(lambda x: ops.matmul(x, x)), (4, 4)),
    "einsum": (layers.Lambda(lambda x: ops.einsum("nij,nkj->nik", x, x)), (3, 4)),
    "dense": (layers.Dense(3), (4,)),
    "convolution": (layers.Conv2D(2, 3), (5, 5, 2)),
    "recurrent": (layers.LSTM(3), (4, 2)),
    "attention": (layers.Lambda(lambda x: layers.Attention()([x, x])), (4, 2)),
}


@pytest.mark.parametrize("asked", [None, "tensorfloat32"])
@pytest.mark.parametrize("kind", PRODUCTS)
def test_products_are_not_rounded_on_a_gpu_unless_jax_was_asked_to(monkeypatch, kind, asked):
    """JAX's default there keeps 10 bits of a float32: lesson 06's losses were off by 6e-4."""
    layer, shape = PRODUCTS[kind]
    programs, evaluate = [], jax_mode.evaluate

    def watched(known, results):
        programs.append(str(jax.make_jaxpr(lambda: evaluate(known, results))()))
        return evaluate(known, results)

    monkeypatch.setattr(jax_mode, "evaluate", watched)
    with jax.default_matmul_precision(asked):
        model = keras.Sequential([layers.Input(shape), layer])
        model.predict(np.ones((2, *shape), "float32"), verbose=0)
    program = "\n".join(programs)
    products = len(re.findall(r"(?:dot_general|conv_general_dilated)\[", program))
    precision = "HIGH" if asked else "HIGHEST"
    assert products > 0
    assert program.count(f"(Precision.{precision}, Precision.{precision})") == products


def test_whole_numbers_that_do_not_fit_are_refused():
    model = keras.Sequential([layers.Input((1,), dtype="int64"), layers.Lambda(lambda x: x + 1)])
    assert model.predict(np.array([[2**31 - 2]]), verbose=0).tolist() == [[2**31 - 1]]
    with pytest.raises(OverflowError, match="fit into 32 bits"):
        model.predict(np.array([[2**31]]), verbose=0)


def test_errors_name_the_layer():
    model = keras.Sequential([layers.Input((None, 2)), layers.Reshape((6,), name="fold")])
    with pytest.raises(Exception, match="layer 'fold'"):
        model.predict(np.zeros((2, 4, 2), "float32"), verbose=0)


def test_sizes_that_fit_by_chance_are_refused_as_by_the_interpreter():
    x, y = (pt.TensorType("float32", (None,))() for _ in range(2))
    function = modes.compile_function([x, y], [x + y])
    np.testing.assert_array_equal(function(normal(3) * 0, normal(3) * 0)[0], np.zeros(3))
    with pytest.raises(ValueError, match="broadcast"):
        function(normal(3), normal(1))


@pytest.mark.parametrize("index", [-1, -6, 5, 7])
def test_an_index_outside_of_the_embedding_gives_nan(index):
    """JAX raises no error from inside its programs."""
    model = keras.Sequential([layers.Input((2,), dtype="int32"), layers.Embedding(5, 3)])
    vectors = model.predict(np.array([[0, index]]), verbose=0)
    assert np.isfinite(vectors[0, 0]).all() and np.isnan(vectors[0, 1]).all()


def test_a_gpu_that_jax_cannot_use_is_told_and_left(monkeypatch):
    monkeypatch.delenv(setting.VARIABLE, raising=False)
    monkeypatch.setattr(setting, "_chosen", None)
    monkeypatch.setattr(setting, "_automatic", "jax")
    monkeypatch.setattr("keras_theano.src.jax_mode.has_gpu", lambda: False)
    with pytest.warns(UserWarning, match="JAX cannot use it"):
        loss = line().train_on_batch(*ONES)
    assert keras_theano.mode() == "vm"
    assert np.isfinite(loss)
