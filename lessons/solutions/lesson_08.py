"""Lesson 08's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def divide(number, divisor):
    """The lesson's divider, for the solution below."""
    if number < 0 or divisor < 1:
        raise ValueError(f"This divider knows no signs and no zero: {number}, {divisor}")
    return number // divisor


def solution_1():
    def floor_divide(number, divisor):
        quotient = divide(abs(number), abs(divisor))
        if (number < 0) == (divisor < 0):
            return quotient
        exact = quotient * abs(divisor) == abs(number)
        return -quotient if exact else -quotient - 1  # down, not towards zero

    return floor_divide


def check_1(floor_divide):
    tried = [(a, b) for a in range(-20, 21) for b in range(-6, 7) if b]
    found = {pair: floor_divide(*pair) for pair in tried}
    for (a, b), quotient in found.items():
        told = f"floor_divide({a}, {b}) gives {quotient}, and {a} // {b} is {a // b}. "
        if a >= 0 and b > 0:
            assert quotient == a // b, told + "Without signs, divide does it alone."
        if a % b == 0:
            assert quotient != a // b - 1, told + "Is the division exact?"
            assert quotient == a // b, told + "When is a quotient negative?"
    for (a, b), quotient in found.items():
        told = f"floor_divide({a}, {b}) gives {quotient}, and {a} // {b} is {a // b}. "
        if a < 0 and b < 0:
            assert quotient == a // b, told + "Minus by minus?"
        assert quotient == a // b, (
            told + "Python rounds down, not towards zero. When do these differ?"
        )
    big = 3**60
    assert floor_divide(-big, 7) == -big // 7, (
        "Small numbers are right, a large one is not. Did a float get in? They have 16 digits."
    )
    return "Now you know what `//` spares you every day."


HINTS_1 = [
    "Divide the absolute values first. Which two cases of signs give a negative result?",
    "In those two cases: if the division is exact, -quotient, and otherwise one less. Multiply "
    "back to see whether it is exact.",
]


def wrong_1():
    def towards_zero(a, b):
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient

    def always_one_less(a, b):
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient - 1

    def forgets_divisor(a, b):
        return a // abs(b)

    def minus_minus(a, b):
        return -(abs(a) // abs(b)) if a < 0 or b < 0 else a // b

    def by_floats(a, b):
        return int(np.floor(a / b))

    return [
        divide,
        towards_zero,
        always_one_less,
        forgets_divisor,
        minus_minus,
        by_floats,
        lambda a, b: abs(a) // abs(b),
        lambda a, b: print(a, b),
        -4,
    ]


def solution_2():
    return 2 * 784 * 100, 784 * 100  # (with tf.Variable, with Keras)


def check_2(numbers_of_weights):
    quiet, with_keras = numbers_of_weights
    assert (quiet, with_keras) != (78_400, 156_800), "The right numbers; the other way round."
    assert 100 not in (quiet - 78_400, with_keras - 78_400), "There is no bias in these layers."
    assert with_keras == 78_400, (
        "In Keras the layer is made once and called twice. How many arrows from 784 pixels to "
        "100 units?"
    )
    assert quiet != 78_400, (
        "That is what one would want. How often does the line with tf.Variable run?"
    )
    assert quiet == 156_800, "Each run of the line with tf.Variable makes 784 × 100 new numbers."
    return (
        "A layer that is a function makes weights at each call; one that is an object keeps them."
    )


HINTS_2 = [
    "The function is called twice, and so is each line in it. The Keras layer is one object.",
    "One kernel has 784 × 100 numbers. With tf.Variable there are two kernels, in Keras one.",
]


def wrong_2():
    return [
        (78_400, 78_400),
        (156_800, 156_800),
        (78_400, 156_800),
        (157_000, 78_500),
        (156_800, 78_500),
        (2, 1),
        156_800,
        ("two", "one"),
    ]


def solution_3():
    import tensorflow as tf

    def train_step(kernel, bias, x, y, rate):
        with tf.GradientTape() as tape:
            scores = x @ kernel + bias
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores)
            loss = tf.reduce_mean(losses)
        kernel_slope, bias_slope = tape.gradient(loss, [kernel, bias])
        kernel.assign_sub(rate * kernel_slope)
        bias.assign_sub(rate * bias_slope)
        return loss

    return train_step


def _step(kernel, bias, x, y, rate):
    """The step by NumPy: the loss before, the kernel and the bias after it."""
    scores = x @ kernel + bias
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    error = (p - np.eye(p.shape[1])[y]) / len(y)
    return loss, kernel - rate * x.T @ error, bias - rate * error.sum(0)


def check_3(train_step):
    import tensorflow as tf

    random = np.random.default_rng(0)
    before, offset = random.normal(size=(4, 3)), random.normal(size=3)
    x, y, rate = random.normal(size=(5, 4)), np.array([0, 2, 1, 2, 2]), 0.5
    loss, after, offset_after = _step(before, offset, x, y, rate)
    kernel, bias = tf.Variable(before), tf.Variable(offset)
    answer = train_step(kernel, bias, tf.constant(x), tf.constant(y), rate)
    moved, moved_bias = kernel.numpy() - before, bias.numpy() - offset
    assert np.any(moved), "The kernel is as it was. Does your step change the variable, in place?"
    assert not np.allclose(moved, before - after), "The loss climbs. Against the slope, or along?"
    later = _step(after, offset_after, x, y, rate)[0]
    assert not np.isclose(answer, later), "That is the loss after the change."
    assert not np.isclose(answer, len(y) * loss), "That is the sum of the losses."
    assert np.isclose(answer, loss), (
        f"The loss should be {loss:.4f} and is {answer:.4f}. TensorFlow's function takes "
        "scores, and makes the softmax itself."
    )
    assert np.allclose(moved, after - before), (
        "The loss is right, and the kernel moves, but not by the rate times its slope."
    )
    assert np.any(moved_bias), "The kernel is right. There is another variable that learns."
    assert np.allclose(moved_bias, offset_after - offset), "The kernel is right, the bias is not."
    return "Three things: record, play backwards, change in place."


HINTS_3 = [
    "Compute scores and loss inside `with tf.GradientTape() as tape:`. Which two variables does "
    "tape.gradient(loss, [...]) need?",
    "learn_in_tensorflow_2 has nearly all of it: tf.reduce_mean of "
    "tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores), then assign_sub(rate * slope) for "
    "each of the two variables, then return the loss.",
]


def wrong_3():
    import tensorflow as tf

    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits

    def step(reduce=tf.reduce_mean, sign=1, activation=lambda scores: scores, learns=2):
        def train_step(kernel, bias, x, y, rate):
            variables = [kernel, bias][:learns]
            with tf.GradientTape() as tape:
                loss = reduce(entropy(y, activation(x @ kernel + bias)))
            for variable, slope in zip(variables, tape.gradient(loss, variables), strict=True):
                variable.assign_sub(sign * rate * slope)
            return loss

        return train_step

    def nothing_back(kernel, bias, x, y, rate):
        step()(kernel, bias, x, y, rate)

    def names_only(kernel, bias, x, y, rate):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(entropy(y, x @ kernel + bias))
        slopes = tape.gradient(loss, [kernel, bias])
        kernel, bias = kernel - rate * slopes[0], bias - rate * slopes[1]
        return loss

    def loss_after(kernel, bias, x, y, rate):
        step()(kernel, bias, x, y, rate)
        return tf.reduce_mean(entropy(y, x @ kernel + bias))

    def without_rate(kernel, bias, x, y, rate):
        return step()(kernel, bias, x, y, 1)

    return [
        step(tf.reduce_sum),
        step(lambda losses: losses),
        step(sign=-1),
        step(activation=tf.nn.softmax),
        step(learns=1),
        nothing_back,
        names_only,
        loss_after,
        without_rate,
        0.5,
    ]
