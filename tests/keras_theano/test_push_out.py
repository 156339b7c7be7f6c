"""Products that are taken out of a loop's steps: the same numbers, from fewer products a step."""

import keras_theano  # noqa: F401 - the engine, before Keras

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
NAMES = ("push_out_products_of_sequences", "push_out_products_of_results")


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
