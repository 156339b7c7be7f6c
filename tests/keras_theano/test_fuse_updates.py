"""Element-wise updates become one node each, and mean what they meant before."""

import keras
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.traversal import io_toposort
from pytensor.scalar.basic import Composite
from pytensor.tensor.elemwise import Elemwise

from keras_theano.pytensor_ops import vm_ops
from keras_theano.src import modes
from keras_theano.src.fuse_updates import fuse_updates


def shared(shape, name=None, seed=0):
    values = np.random.RandomState(seed).uniform(0.5, 1.5, shape).astype("float32")
    return pytensor.shared(values, name=name, shape=shape)


def nodes(updates):
    return io_toposort([], [value for _, value in updates])


def after_one_call(updates):
    """Values of the variables after their updates, with the variables put back."""
    before = [variable.get_value() for variable, _ in updates]
    modes.compile_function([], [], updates)()
    found = [variable.get_value() for variable, _ in updates]
    for (variable, _), value in zip(updates, before, strict=True):
        variable.set_value(value)
    return found


def momentum(weights, velocity, rate):
    gradient = pt.tanh(weights) * 2
    faster = velocity * np.float32(0.9) - gradient * rate
    return [(velocity, faster), (weights, weights + faster * np.float32(1.5))]


def test_updates_with_common_parts_become_one_node():
    updates = momentum(shared((3, 4)), shared((3, 4), seed=1), shared(()))
    fused = fuse_updates(updates)
    elementwise = [n for n in nodes(fused) if isinstance(n.op, Elemwise)]
    assert len(elementwise) == 1 and len(elementwise[0].outputs) == 2
    assert [variable for variable, _ in fused] == [variable for variable, _ in updates]
    for found, expected in zip(after_one_call(fused), after_one_call(updates), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_depends_on_no_variable_of_the_shape_is_computed_once():
    rate = shared(())
    pairs = [(shared((3, 4), seed=i), shared((3, 4), seed=i + 9)) for i in range(3)]
    updates = [u for pair in pairs for u in momentum(*pair, pt.sqrt(rate + np.float32(1)))]
    fused = fuse_updates(updates)
    assert sum(str(node.op) == "Sqrt" for node in nodes(fused)) == 1
    for found, expected in zip(after_one_call(fused), after_one_call(updates), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [(shared(()), shared(()) + np.float32(1))],
        lambda: [(shared((2, 3)), pt.dot(shared((2, 2)), shared((2, 3))))],
        lambda: [(shared((1, 1)), pt.constant([[2.0]], dtype="float32") * np.float32(3))],
    ],
    ids=["scalar", "no element-wise end", "constants alone"],
)
def test_left_alone(make):
    updates = make()
    assert fuse_updates(updates) == updates


def test_rows_columns_and_constants_are_broadcast_as_before():
    x, row, column = shared((3, 4)), shared((1, 4), seed=1), shared((3, 1), seed=2)
    row, column = pt.specify_shape(row, (1, 4)), pt.specify_shape(column, (3, 1))
    table = np.arange(12, dtype="float32").reshape(3, 4)
    updates = [(x, (x * row - column) * table + pt.constant([[2.0]], dtype="float32"))]
    fused = fuse_updates(updates)
    assert len([n for n in nodes(fused) if isinstance(n.op, Elemwise)]) == 1
    np.testing.assert_allclose(after_one_call(fused)[0], after_one_call(updates)[0], rtol=1e-6)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.Adam(0.01, amsgrad=True, clipnorm=0.5),
        lambda: keras.optimizers.RMSprop(0.01, momentum=0.9, centered=True, weight_decay=0.01),
        lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, use_ema=True),
    ],
    ids=["adam", "rmsprop", "sgd"],
)
def test_training_is_the_same_without_fusion(optimizer, monkeypatch):
    random = np.random.RandomState(0)
    x, y = random.normal(size=(32, 5)).astype("float32"), random.randint(0, 3, 32)

    def train():
        keras.utils.set_random_seed(0)
        hidden = [keras.layers.Dense(8, activation="relu"), keras.layers.BatchNormalization()]
        model = keras.Sequential([keras.Input((5,)), *hidden, keras.layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer(), loss)
        for _ in range(10):
            model.train_on_batch(x, y)
        return model.get_weights()

    fused = train()
    monkeypatch.setattr("keras_theano.src.fuse_updates.fuse_updates", lambda updates: updates)
    for found, expected in zip(fused, train(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_variables_are_updated_in_their_own_memory():
    weights, velocity = shared((64, 64)), shared((64, 64), seed=1)
    function = modes.compile_function([], [], momentum(weights, velocity, shared(())))
    buffer = weights.get_value(borrow=True)
    before = buffer.copy()
    function()
    assert weights.get_value(borrow=True) is buffer
    assert not np.array_equal(buffer, before)


def test_an_old_value_that_is_still_wanted_is_not_overwritten():
    x = shared((64, 64))
    old = x.get_value()
    function = modes.compile_function([], [x * np.float32(3)], [(x, x * np.float32(2))])
    (returned,) = function()
    np.testing.assert_allclose(returned, old * 3, rtol=1e-6)
    np.testing.assert_allclose(x.get_value(), old * 2, rtol=1e-6)


def test_two_variables_that_read_each_other():
    x, y = shared((64, 64)), shared((64, 64), seed=1)
    old_x, old_y = x.get_value(), y.get_value()
    modes.compile_function([], [], [(x, x + y), (y, pt.dot(x, y) + y)])()
    np.testing.assert_allclose(x.get_value(), old_x + old_y, rtol=1e-6)
    np.testing.assert_allclose(y.get_value(), old_x @ old_y + old_y, rtol=1e-4)
    x.set_value(old_x)
    y.set_value(old_y)
    modes.compile_function([], [], [(x, x + y), (y, x - y)])()
    np.testing.assert_allclose(x.get_value(), old_x + old_y, rtol=1e-6)
    np.testing.assert_allclose(y.get_value(), old_x - old_y, rtol=1e-6)


def test_a_new_value_that_is_read_as_well_is_computed_on_whole_arrays(monkeypatch):
    """PyTensor's fusion puts our node into one of its own, as where a layer's `call` masks its kernel by `assign`."""
    weights, mask, x = shared((4, 6)), np.tri(4, 6, dtype="float32"), pt.fmatrix()
    expected = weights.get_value() * mask
    one_by_one, array_function = [], vm_ops.array_function

    def watched(op, node):
        one_by_one.extend([op] * isinstance(op, Composite))
        return array_function(op, node)

    monkeypatch.setattr(vm_ops, "array_function", watched)
    new = weights * mask
    function = modes.compile_function([x], [pt.dot(x, new)], [(weights, new)])
    ones = np.ones((2, 4), "float32")
    for _ in range(vm_ops.RUNS + 1):  # the last may be computed by machine code
        np.testing.assert_allclose(function(ones)[0], ones @ expected, rtol=1e-6)
        np.testing.assert_array_equal(weights.get_value(), expected)
    assert not one_by_one
