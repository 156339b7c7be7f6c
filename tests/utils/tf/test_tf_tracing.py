"""The retrace counter names what changed, and only what changed."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from utils.tf import RetraceError, count_traces


@count_traces
@tf.function
def _step(images, rate=0.1, batch=None):
    return tf.reduce_sum(images) * tf.cast(rate, tf.float32)


@pytest.fixture
def step():
    """A fresh counted function."""
    return count_traces(_step.function.python_function)


def why(step):
    return [tuple(map(dataclasses.astuple, trace.changes)) for trace in step.traces[1:]]


def test_nothing_changes_one_trace(step):
    for value in range(5):
        assert float(step(tf.fill([2, 3], float(value)))) == pytest.approx(0.6 * value)
    assert (step.count, step.calls) == (1, 5)
    assert step.report() == "_step: 1 of 5 calls traced\n  call 1: the first"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((tf.zeros([2]),), (tf.zeros([3]),), ("images", "shape", "(2)", "(3)")),
        ((tf.zeros([2, 3]),), (tf.zeros([3]),), ("images", "shape", "(2, 3)", "(3)")),
        ((np.zeros(2, "f4"),), (np.zeros(4, "f4"),), ("images", "shape", "(2)", "(4)")),
        (
            (tf.zeros([2]), tf.constant(1.0)),
            (tf.zeros([2]), tf.constant(1)),
            ("rate", "dtype", "float32", "int32"),
        ),
        ((tf.zeros([2]), 0.1), (tf.zeros([2]), 0.2), ("rate", "number", "0.1", "0.2")),
        ((tf.zeros([2]), 1, "a"), (tf.zeros([2]), 1, "b"), ("batch", "value", "'a'", "'b'")),
        (
            (tf.zeros([2]), tf.constant(0.1)),
            (tf.zeros([2]), 0.1),
            ("rate", "type", "tensor", "Python value"),
        ),
        (
            (tf.zeros([2]), 1, {"x": [tf.zeros(1), tf.zeros(2)]}),
            (tf.zeros([2]), 1, {"x": [tf.zeros(1), tf.zeros(3)]}),
            ("batch['x'][1]", "shape", "(2)", "(3)"),
        ),
        (
            (tf.zeros([2]), 1, {"x": [1]}),
            (tf.zeros([2]), 1, {"x": [1, 2]}),
            ("batch['x']", "items", "1", "2"),
        ),
        (
            (tf.zeros([2]), 1, {"x": 1}),
            (tf.zeros([2]), 1, {"y": 1}),
            ("batch", "items", "(x)", "(y)"),
        ),
        ((tf.zeros([2]), 1, (1,)), (tf.zeros([2]), 1, [1]), ("batch", "type", "tuple", "list")),
    ],
)
def test_the_argument_is_named(step, first, second, expected):
    step(*first)
    step(*second)
    assert why(step) == [(expected,)]
    assert expected[0] in step.report() and expected[3] in step.report()


def test_it_compares_with_the_most_similar_call(step):
    step(tf.zeros([2]), 0.1)
    step(tf.zeros([5]), 0.2)
    step(tf.zeros([2]), 0.3)
    assert why(step)[1] == (("rate", "number", "0.1", "0.3"),)


def test_two_changes_are_both_named(step):
    step(tf.zeros([2]), 0.1)
    step(images=tf.zeros([3]), rate=0.2)
    assert [change[0] for change in why(step)[0]] == ["images", "rate"]


def test_another_object_of_a_class(step):
    class Thing:
        pass

    one, other = Thing(), Thing()
    for thing in (one, one, other):
        step(tf.zeros([2]), 1.0, thing)
    assert step.count == 2
    assert "batch: a Thing before, another one now" in step.report()


def test_what_surrounds_the_call():
    step = count_traces(lambda x: x + 1)
    step(tf.zeros(2))
    with tf.distribute.get_strategy().scope(), tf.init_scope():
        step(tf.zeros(2))
    with tf.Graph().as_default():
        step(tf.zeros(2))
    assert why(step) == [()]
    assert "no argument changed" in step.report()


def test_making_variables_is_one_call_that_traces_twice():
    made = []

    def step(x):
        if not made:
            made.append(tf.Variable(2.0))
        return made[0] * x

    step = count_traces(step)
    assert step(tf.constant(3.0)) == 6
    assert (step.count, step.traces[0].times) == (1, 2)
    assert "traced twice to make its variables" in step.report()


def test_each_instance_has_a_count_of_its_own():
    class Model:
        @count_traces
        @tf.function
        def step(self, x):
            return 2 * x

    one, other = Model(), Model()
    one.step(tf.zeros(2))
    one.step(tf.zeros(3))
    other.step(tf.zeros(4))
    assert (one.step.count, other.step.count, Model.step.count) == (2, 1, 0)
    assert [change[0] for change in why(one.step)[0]] == ["x"]


def test_the_limit_is_an_error_that_says_why(step):
    step = count_traces(_step.function.python_function, limit=2)
    step(tf.zeros([2]))
    step(tf.zeros([3]))
    step(tf.zeros([2]))
    with pytest.raises(RetraceError, match=r"(?s)More than 2 calls traced.*images: shape \(3\)"):
        step(tf.zeros([4]))


def test_options_reach_tf_function():
    @count_traces(reduce_retracing=True)
    def step(x):
        return x + 1

    for size in (2, 3, 4, 5):
        step(tf.zeros([size]))
    assert step.count == 2
    assert step.__name__ == "step"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: count_traces(3), TypeError, "wants a function, not int"),
        (lambda: count_traces(tf.abs, limit=0), ValueError, "first call always traces"),
        (lambda: count_traces(_step.function, jit_compile=True), TypeError, "give jit_compile"),
    ],
)
def test_wrong_uses_are_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_an_error_of_the_function_comes_through(step):
    with pytest.raises(TypeError, match="images"):
        step()
    assert step.calls == 0
