"""Products that are taken out of a loop's steps: the same numbers, from fewer products a step."""

import keras_theano  # the engine, before Keras

# isort: split
import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from graph_checks import assert_close
from keras import layers, ops
from pytensor.scan.op import Scan

from keras_theano.pytensor_ops.vm_ops import SharedDot
from keras_theano.src import modes

RNG = np.random.default_rng(5)
TIME, BATCH, FEATURES, UNITS = 6, 4, 3, 5
NAMES = (
    "merge_within_steps",
    "push_out_products_of_sequences",
    "push_out_products_of_results",
    "push_out_sums_of_products",
)


@pytest.fixture(autouse=True)
def in_the_vm():
    """Where there is a GPU, models would run on it."""
    before = keras_theano.mode()
    keras_theano.set_mode("vm")
    yield
    keras_theano.set_mode(before)


def loop(step, x, h, *fixed, **options):
    return pytensor.scan(
        step,
        sequences=[x],
        outputs_info=[h],
        non_sequences=fixed,
        mode=modes.interpreter(),
        return_updates=False,
        **options,
    )


def tanh_step(x, h, w, u, b):
    return pt.tanh(pt.dot(x, w) + pt.dot(h, u) + b)


def scaled_step(x, h, w, u, b):
    """The products are of more than a sequence or a state as it is."""
    return pt.tanh(pt.dot(2 * x + 1, w) + b[None] + pt.dot(h * 0.5, u))


LOOPS = {
    "states": lambda x, h, w, u, b: loop(tanh_step, x, h, w, u, b),
    "last state": lambda x, h, w, u, b: loop(tanh_step, x, h, w, u, b)[-1],
    "backwards": lambda x, h, w, u, b: loop(tanh_step, x, h, w, u, b, go_backwards=True),
    "some steps": lambda x, h, w, u, b: loop(tanh_step, x, h, w, u, b, n_steps=3),
    "scaled": lambda x, h, w, u, b: loop(scaled_step, x, h, w, u, b),
    "truncated": lambda x, h, w, u, b: loop(tanh_step, x, h, w, u, b, truncate_gradient=2),
}


def products_in_steps(function):
    return [
        sum(isinstance(inner.op, SharedDot) for inner in node.op.fn.maker.fgraph.apply_nodes)
        for node in function.maker.fgraph.toposort()
        if isinstance(node.op, Scan)
    ]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", LOOPS)
def test_values_and_gradients_stay(name, known):
    shapes = [(TIME, BATCH, FEATURES), (BATCH, UNITS), (FEATURES, UNITS), (UNITS, UNITS), UNITS]
    arrays = [RNG.normal(size=shape).astype("float32") for shape in shapes]
    static = [a.shape if known else (None,) * a.ndim for a in arrays]
    inputs = [pt.TensorType("float32", shape)() for shape in static]
    result = LOOPS[name](*inputs)
    weights = RNG.normal(size=UNITS).astype("float32")
    outputs = [result, *pytensor.grad((result * weights).sum(), inputs)]
    functions = [
        pytensor.function(inputs, outputs, mode=mode)
        for mode in (modes.interpreter(), modes.interpreter().excluding(*NAMES))
    ]
    assert_close(*[function(*arrays) for function in functions])
    pushed, plain = map(products_in_steps, functions)
    assert plain == [2, 2]
    # That with the state, which only the step before gives; and what is no product as a result.
    assert pushed == [1, 2 if name == "scaled" else 1]


def test_a_product_by_matmul_and_by_one_that_changes():
    """A product with a matrix that is made in the step stays there."""
    x, w = RNG.normal(size=(TIME, BATCH, FEATURES)), RNG.normal(size=(FEATURES, FEATURES))
    inputs = [pt.TensorType("float64", a.shape)() for a in (x, w)]
    result = loop(lambda x, h, w: h + x @ w + pt.dot(x, w * h.sum()), inputs[0], x[0], inputs[1])
    function = pytensor.function(inputs, result, mode=modes.interpreter())
    h, expected = x[0], []
    for row in x:
        h = h + row @ w + row @ (w * h.sum())
        expected.append(h)
    assert_close(function(x, w), np.stack(expected))
    assert products_in_steps(function) == [1]


FIXED = RNG.normal(size=(FEATURES, BATCH))


def add_product(x, y, total):
    return total + pt.dot(x.T, y)


def add_made_product(x, y, total):
    return pt.dot(pt.exp(x).T, pt.tanh(y) * x.sum()) + total


# What is looked at -> (step, what is made of the sums, options, whether the product leaves the loop)
SUMS = {
    "last": (add_product, lambda sums: sums[-1], {}, True),
    "last of some": (add_product, lambda sums: sums[-1], {"n_steps": 3}, True),
    "backwards": (add_product, lambda sums: sums[-1], {"go_backwards": True, "n_steps": 3}, True),
    "made in the step": (add_made_product, lambda sums: sums[-1], {}, True),
    "all": (add_product, lambda sums: sums, {}, False),
    "first and last": (add_product, lambda sums: sums[0] + sums[-1], {}, False),
    "last but one": (add_product, lambda sums: sums[-2], {}, False),
    "read in the step": (
        lambda x, y, total: pt.dot(x.T, y) + total * pt.tanh(total).sum(),
        lambda sums: sums[-1],
        {},
        False,
    ),
    "of what stays": (
        lambda x, y, total: total + pt.dot(FIXED, pt.tanh(y) * pt.cumsum(x).sum()),
        lambda sums: sums[-1],
        {},
        False,
    ),
}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", SUMS)
def test_a_sum_of_products_is_one_product(name, known):
    step, taken, options, leaves = SUMS[name]
    shapes = [(TIME, BATCH, FEATURES), (TIME, BATCH, UNITS), (FEATURES, UNITS)]
    arrays = [RNG.normal(size=shape) for shape in shapes]
    inputs = [pt.TensorType("float64", a.shape if known else (None,) * 3)() for a in arrays[:2]]
    inputs.append(pt.TensorType("float64", arrays[2].shape)())
    # As a loop's gradient has it: the sums with what they begin with, of which the last is taken.
    sums = pytensor.scan(
        step,
        sequences=inputs[:2],
        outputs_info=[inputs[2]],
        mode=modes.interpreter(),
        return_updates=False,
        **options,
    )
    sums = sums.owner.inputs[0] if name != "all" else sums  # from `states[1:]` back to the states
    outputs = taken(sums)
    functions = [
        pytensor.function(inputs, outputs, mode=mode)
        for mode in (
            modes.interpreter(),
            modes.interpreter().excluding(*NAMES, "scan_push_out_add"),
        )
    ]
    assert_close(*[function(*arrays) for function in functions])
    pushed, plain = map(products_in_steps, functions)
    assert sum(plain) == 1
    assert sum(pushed) == (0 if leaves else 1)


class OwnCell(layers.Layer):
    state_size = output_size = UNITS

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], UNITS))
        self.recurrent = self.add_weight(shape=(UNITS, UNITS))
        self.bias = self.add_weight(shape=(UNITS,))

    def call(self, x, states):
        sums = ops.matmul(x, self.kernel) + ops.matmul(states[0], self.recurrent) + self.bias
        h = 0.5 * states[0] + 0.5 * ops.tanh(sums)
        return h, [h]


@pytest.mark.parametrize("sequences", [True, False])
def test_an_own_cell_trains_with_one_product_a_step_each_way(sequences):
    model = keras.Sequential(
        [keras.Input((TIME, FEATURES)), layers.RNN(OwnCell(), return_sequences=sequences)]
    )
    model.compile("sgd", "mse")
    x = RNG.normal(size=(BATCH, TIME, FEATURES)).astype("float32")
    model.train_on_batch(x, model.predict(x, verbose=0) + 1)
    (function,) = model.train_function.step.functions
    assert products_in_steps(function) == [1, 1]


@pytest.mark.parametrize("cell", [layers.GRUCell, layers.LSTMCell])
def test_cells_one_upon_another_compile_without_building_the_loops_again_and_again(
    cell, monkeypatch
):
    """A loop was made anew for each matrix, with steps in which the gradient stood many times."""
    sizes, init = [], Scan.__init__

    def counting(self, *args, **kwargs):
        init(self, *args, **kwargs)
        sizes.append(len(self.fgraph.apply_nodes))

    cells = [cell(3 + i, dropout=0.1, recurrent_dropout=0.1) for i in range(2)]
    model = keras.Sequential([keras.Input((3, 4)), layers.RNN(cells)])
    model.compile("sgd", "mse")
    monkeypatch.setattr(Scan, "__init__", counting)
    model.train_on_batch(np.zeros((2, 3, 4)), np.zeros((2, 4)))
    # 24 and 23, also of three and five cells; without what this module does 33 and more.
    assert len(sizes) <= 25
    # The last: those of the steps that run.
    assert sizes[-1] < 150
