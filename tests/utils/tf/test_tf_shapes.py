"""Shape checks: what is named agrees, eagerly, while tracing, and when a traced function runs."""

import numpy as np
import pytest
import tensorflow as tf

from utils.tf import ShapeError, check_shapes


def test_sizes_come_back_by_name():
    sizes = check_shapes(np.zeros((4, 5, 6, 3)), "batch height width 3", tf.zeros(4), "batch")
    assert sizes == {"batch": 4, "height": 5, "width": 6}


@pytest.mark.parametrize(
    ("shape", "axes", "sizes"),
    [
        ((2, 3, 4), "... last", {"last": 4}),
        ((2, 3, 4), "first ...", {"first": 2}),
        ((2, 3, 4), "a ... b", {"a": 2, "b": 4}),
        ((2, 4), "a ... b", {"a": 2, "b": 4}),
        ((2, 3), "_ n", {"n": 3}),
        ((), "", {}),
        ((2, 2), "n n", {"n": 2}),
        ((0, 3), "n 3", {"n": 0}),
    ],
)
def test_patterns(shape, axes, sizes):
    assert check_shapes(tf.zeros(shape), axes) == sizes
    assert check_shapes(tf.Variable(tf.zeros(shape)), axes) == sizes


WRONG = [
    (((4, 5), "a b", (3,), "a"), 'tensor 2, "a": axis 0, a, is 3, but 4 in tensor 1.'),
    (((4, 5), "n 3"), 'tensor 1, "n 3": axis 1 is 5, but 3 was asked for.'),
    (((4, 5), "n n"), 'tensor 1, "n n": axis 1, n, is 5, but 4 in tensor 1.'),
    (((4, 5), "n"), r'tensor 1, "n": 1 axes are asked for, but its shape is \(4, 5\).'),
    (((4,), "n m ..."), r'at least 2 axes are asked for, but its shape is \(4\).'),
    (((7, 4), "n ... 3"), "axis -1 is 4, but 3 was asked for"),
]  # fmt: skip


def tensors(arguments):
    return [tf.zeros(each) if isinstance(each, tuple) else each for each in arguments]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_difference_is_named(arguments, message):
    with pytest.raises(ShapeError, match=message):
        check_shapes(*tensors(arguments))


def traced(arguments, signature):
    """`check_shapes` in a `tf.function` of the tensors, whose shapes are known as the signature says."""
    shapes, patterns = arguments[::2], arguments[1::2]
    specs = [tf.TensorSpec(signature(shape)) for shape in shapes]

    @tf.function(input_signature=specs)
    def function(*tensors):
        pairs = [each for pair in zip(tensors, patterns, strict=True) for each in pair]
        return check_shapes(*pairs)

    return function(*map(tf.zeros, shapes))


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_while_tracing(arguments, message):
    with pytest.raises(ShapeError, match=message):
        traced(arguments, lambda shape: shape)


@pytest.mark.parametrize("signature", [lambda shape: [None] * len(shape), lambda shape: None])
@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_when_it_runs(arguments, message, signature):
    known_rank = signature((1,)) is not None and "axes are asked for" in message
    error = ShapeError if known_rank else tf.errors.InvalidArgumentError
    name = message.partition(" is ")[0].split(":")[0] if "axis" in message else "axes are asked for"
    with pytest.raises(error, match=name.replace('"', r'.?"')):
        traced(arguments, signature)


@pytest.mark.parametrize("signature", [lambda shape: [None] * len(shape), lambda shape: None])
def test_unknown_sizes_come_back_as_tensors(signature):
    arguments = ((4, 5), "batch width", (4,), "batch")
    assert {k: int(v) for k, v in traced(arguments, signature).items()} == {"batch": 4, "width": 5}


def test_a_size_known_somewhere_is_returned_as_an_int():
    @tf.function(input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([7])])
    def function(x, y):
        assert check_shapes(x, "batch 3", y, "batch") == {"batch": 7}
        return x

    function(tf.zeros([7, 3]), tf.zeros([7]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="axis 0, batch"):
        function(tf.zeros([6, 3]), tf.zeros([7]))


def test_sizes_may_be_asked_for():
    assert check_shapes(tf.zeros([2, 28]), "n width", width=28) == {"width": 28, "n": 2}
    with pytest.raises(ShapeError, match="axis 1, width, is 27, but 28 was asked for"):
        check_shapes(tf.zeros([2, 27]), "n width", width=28)


@pytest.mark.parametrize(
    ("arguments", "sizes", "error", "message"),
    [
        ((), {}, ValueError, "each tensor with its axes"),
        ((np.zeros(3),), {}, ValueError, "each tensor with its axes"),
        ((np.zeros(3), ["n"]), {}, ValueError, "one str"),
        ((np.zeros(3), "n-1"), {}, ValueError, "'n-1' is no name"),
        ((np.zeros(3), "... ..."), {}, ValueError, "may come once"),
        ((np.zeros(3), "n"), {"m": 3}, ValueError, "no tensor has an axis m"),
        (([1, 2], "n"), {}, TypeError, "list is no tensor"),
        ((tf.ragged.constant([[1], [2, 3]]), "n m"), {}, TypeError, "RaggedTensor is no tensor"),
    ],
)
def test_mistakes_in_the_call(arguments, sizes, error, message):
    with pytest.raises(error, match=message):
        check_shapes(*arguments, **sizes)
