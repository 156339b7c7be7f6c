"""The gradient checker accepts right gradients and finds each kind of wrong one."""

import numpy as np
import pytest
import tensorflow as tf

from utils.tf import GradientError, check_gradients

RANDOM = np.random.RandomState(0)
MATRIX = RANDOM.normal(size=(4, 3)).astype("float32")


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (lambda x: x**3, [MATRIX]),
        (tf.sin, [1e3]),
        (lambda x, w: tf.nn.softmax(x @ w), [MATRIX, MATRIX.T]),
        (lambda x: tf.nn.conv2d(x, tf.ones([2, 2, 1, 2], x.dtype), 1, "SAME"), [np.ones((1, 4, 4, 1))]),
        (lambda x: tf.linalg.inv(x), [np.eye(3) + 0.1 * MATRIX[:3]]),
        (lambda x: {"a": x, "b": [tf.exp(x), 2 * x]}, [MATRIX]),
        (lambda x: 1e-6 * tf.sin(x), [MATRIX]),
        (lambda table, rows: tf.gather(table, rows), [MATRIX, [0, 2, 2]]),
    ],
)  # fmt: skip
def test_right_gradients_pass(function, inputs):
    report = check_gradients(function, *inputs)
    assert report.wrong == 0
    assert report.largest < 1e-6
    assert report.checked == sum(np.size(x) for x in inputs if np.asarray(x).dtype.kind == "f")
    assert f"{np.size(inputs[0])} of {np.size(inputs[0])} slopes checked" in str(report)


def custom(value, gradient):
    @tf.custom_gradient
    def function(x):
        return value(x), lambda upstream: gradient(x, upstream)

    return function


def test_a_right_custom_gradient_passes():
    check_gradients(custom(tf.square, lambda x, upstream: 2 * x * upstream), MATRIX)


@pytest.mark.parametrize(
    "gradient",
    [
        lambda x, upstream: x * upstream,  # the factor 2 forgotten
        lambda x, upstream: -2 * x * upstream,
        lambda x, upstream: 2 * x,  # ignores what comes from above
        lambda x, upstream: 2.00001 * x * upstream,
        lambda x, upstream: 2 * x * tf.reduce_sum(upstream),
        lambda x, upstream: tf.zeros_like(x),
    ],
)
def test_wrong_custom_gradients_are_found(gradient):
    with pytest.raises(GradientError, match="slopes are wrong"):
        check_gradients(custom(tf.square, gradient), MATRIX)


def test_one_wrong_element_is_found_and_named():
    def gradient(x, upstream):
        return 2 * x * upstream * tf.constant([1.0, 1.0, 3.0], x.dtype)

    x = np.array([0.5, -1.0, 2.0])
    with pytest.raises(
        GradientError, match=r"1 of 3 slopes are wrong.\ninput 1.*at \[2\] the gradient"
    ) as e:
        check_gradients(custom(tf.square, gradient), x)
    found, expected = (
        float(word) for word in str(e.value).split() if word[:1] in "-0123456789" and "." in word
    )
    assert found == pytest.approx(3 * expected, rel=1e-5)


def test_a_cut_path_is_found():
    with pytest.raises(GradientError, match="gradient is None, which means 0, and the slope"):
        check_gradients(lambda x: tf.stop_gradient(x) * 2, [1.0])
    assert check_gradients(lambda x, y: 2 * x, [1.0], [1.0]).wrong == 0, "y does not matter"


def test_a_kink_is_said_to_be_one():
    with pytest.raises(GradientError, match="kink or a jump"):
        check_gradients(tf.nn.relu, [-1.0, 0.0, 1.0])
    check_gradients(tf.nn.relu, [-1.0, 0.5, 1.0])


def test_of_large_inputs_some_elements_are_checked():
    x = RANDOM.normal(size=(30, 30))
    report = check_gradients(tf.exp, x, elements=20)
    assert report.checked == 20
    assert "20 of 900 slopes checked" in str(report)


def test_variables_are_checked_and_keep_their_values():
    w = tf.Variable(MATRIX.T, dtype=tf.float64, name="w")
    before = w.numpy()
    report = check_gradients(lambda x: tf.tanh(x @ w), MATRIX, variables=[w])
    assert report.checked == 24 and "w:0, shape (3, 4)" in str(report)
    assert np.array_equal(w.numpy(), before)
    wrong = custom(tf.square, lambda x, upstream: x * upstream)
    with pytest.raises(GradientError, match="w:0.*12 wrong"):
        check_gradients(lambda x: x @ wrong(w), MATRIX, variables=[w])
    assert np.array_equal(w.numpy(), before)


@pytest.mark.parametrize(
    ("function", "inputs", "options", "error", "message"),
    [
        (tf.identity, [[1, 2]], {}, ValueError, "nothing to check"),
        (tf.identity, [np.zeros((0, 3))], {}, ValueError, "nothing to check"),
        (lambda: 1.0, [], {}, ValueError, "nothing to check"),
        (lambda x: tf.cast(x, tf.float32), [1.0], {}, ValueError, "returned float32"),
        (lambda x: None, [1.0], {}, ValueError, "returned NoneType"),
        (tf.math.log, [-1.0], {}, ValueError, "not finite"),
        (lambda x: tf.nn.dropout(x, 0.5), [MATRIX], {}, ValueError, "another result"),
        (tf.math.abs, [1j], {}, TypeError, "complex"),
        (tf.exp, [1.0], {"variables": [tf.Variable(1.0)]}, TypeError, "float32, too coarse"),
    ],
)
def test_what_cannot_be_checked_is_refused(function, inputs, options, error, message):
    with pytest.raises(error, match=message):
        check_gradients(function, *inputs, **options)
