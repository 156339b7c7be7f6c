"""Lesson 08b's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def _graph(function, *tensors):
    """The graph of a learner's function; it may not leave TensorFlow."""
    import tensorflow as tf

    as_written = function.__wrapped__  # a graph has no values, which our wrapper reads
    try:
        return tf.function(as_written).get_concrete_function(*tensors).graph
    except (AttributeError, NotImplementedError) as error:
        raise AssertionError(f"Inside a graph there is no NumPy: {error}") from None


def solution_1():
    import tensorflow as tf

    def new_centres(points, nearest, centres):
        k = centres.shape[0]
        means = tf.math.unsorted_segment_mean(points, nearest, k)
        sizes = tf.math.unsorted_segment_sum(tf.ones_like(nearest), nearest, k)
        return tf.where(sizes[:, None] > 0, means, centres)

    return new_centres


def check_1(new_centres):
    import tensorflow as tf

    points = tf.constant([[1.0, 2.0], [3.0, 4.0], [-8.0, 0.0], [5.0, 6.0]])
    nearest = tf.constant([1, 1, 3, 1], tf.int64)
    centres = tf.constant([[9.0, 9.0], [7.0, 7.0], [-2.0, 5.0], [6.0, 6.0]])
    try:
        moved = new_centres(points, nearest, centres)
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        assert "shape" not in str(error) and "SelectV2" not in str(error), (
            "The shapes do not fit. tf.where needs its condition as a column, one row a centre: "
            "shape (4, 1), as of sizes[:, None] > 0."
        )
        raise
    assert moved.shape == (4, 2), (
        f"Four centres in the plane should come out, shape (4, 2), not {moved.shape}."
    )
    assert np.isfinite(moved).all(), "There is a nan: the mean of no points."
    assert not np.allclose(moved[1], [9, 12]), "The sum of the points is not their mean."
    assert np.allclose(moved[1], [3, 4]) and np.allclose(moved[3], [-8, 0]), (
        "A centre with points should move to their mean: three points belong to centre 1, one to "
        f"centre 3. They come out at {moved[1].tolist()} and {moved[3].tolist()}, "
        "and should at [3, 4] and [-8, 0]."
    )
    assert not np.allclose(moved[0], 0), "Centre 0 has no points, and jumped to the origin."
    assert np.allclose(moved[[0, 2]], [[9, 9], [-2, 5]]), (
        "Centres 0 and 2 have no points and should stay at [9, 9] and [-2, 5]. They come out at "
        f"{moved[0].tolist()} and {moved[2].tolist()}."
    )
    around = tf.constant([[1.0, 1.0], [-1.0, -1.0]])
    moved = new_centres(around, tf.constant([0, 0], tf.int64), centres[:1])
    assert np.allclose(moved, 0), (
        "A mean may well be 0: two points around the origin should bring their centre there. Count "
        "the points of each centre instead."
    )
    _graph(new_centres, points, nearest, centres)
    return "Count before you divide: the same care is due to every mean of a group."


HINTS_1 = [
    "tf.math.unsorted_segment_mean gives the means, with 0 where a centre has no points. How do "
    "you find out how many points each centre has?",
    "tf.math.unsorted_segment_sum of ones counts them; tf.where(sizes[:, None] > 0, means, centres) "
    "chooses.",
]


def wrong_1():
    import tensorflow as tf

    def mean(points, nearest, centres):
        return tf.math.unsorted_segment_mean(points, nearest, centres.shape[0])

    def by_numpy(points, nearest, centres):
        sums = tf.math.unsorted_segment_sum(points, nearest, centres.shape[0]).numpy()
        with np.errstate(all="ignore"):
            return sums / np.bincount(nearest, minlength=len(centres))[:, None]

    def where_zero(points, nearest, centres):
        means = mean(points, nearest, centres)
        return tf.where(means == 0, centres, means)

    def total(points, nearest, centres):
        means = tf.math.unsorted_segment_sum(points, nearest, centres.shape[0])
        sizes = tf.math.unsorted_segment_sum(tf.ones_like(nearest), nearest, centres.shape[0])
        return tf.where(sizes[:, None] > 0, means, centres)

    def only_used(points, nearest, centres):
        means = mean(points, nearest, centres)
        return tf.gather(means, tf.unique(nearest)[0])

    def row(points, nearest, centres):
        sizes = tf.math.unsorted_segment_sum(tf.ones_like(nearest), nearest, centres.shape[0])
        return tf.where(sizes > 0, mean(points, nearest, centres), centres)

    def leaves_tensorflow(points, nearest, centres):
        points, nearest, moved = points.numpy(), nearest.numpy(), centres.numpy().copy()
        for k in set(nearest):
            moved[k] = points[nearest == k].mean(axis=0)
        return moved

    return [
        mean,
        row,
        leaves_tensorflow,
        by_numpy,
        where_zero,
        total,
        only_used,
        lambda points, nearest, centres: centres,
        lambda points, nearest, centres: print(nearest),
        0.0,
    ]


def solution_2():
    import tensorflow as tf

    def nearest_centre(points, centres):
        products = points @ tf.transpose(centres)
        return tf.argmin(tf.reduce_sum(centres**2, axis=1) - 2 * products, axis=1)

    return nearest_centre


def check_2(nearest_centre):
    import tensorflow as tf

    random = np.random.default_rng(0)
    points = tf.constant(random.normal(1, 3, (50, 4)), tf.float32)
    centres = tf.constant(random.normal(1, 3, (6, 4)), tf.float32)
    try:
        answer = nearest_centre(points, centres)
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        assert "Matrix size-incompatible" not in str(error), (
            "The product's inner sizes differ: points are (50, 4) and centres (6, 4). "
            "tf.transpose turns one of them."
        )
        raise
    assert answer.shape == (50,), (
        f"One number for each of the 50 points is wanted; this has the shape {answer.shape}."
        + (" Along which axis is the least one sought?" if answer.shape == (6,) else "")
    )
    squares = ((points.numpy()[:, None] - centres.numpy()) ** 2).sum(-1)
    assert not np.array_equal(answer, squares.argmax(1)), "That is the farthest one. The sign?"
    right = (answer == squares.argmin(1)).mean()
    assert right == 1, (
        f"{right:.0%} of the points get the right centre. Which terms of (x - c)² differ from "
        "centre to centre?"
    )
    for operation in _graph(nearest_centre, points, centres).get_operations():
        for tensor in operation.outputs:
            assert tensor.shape.rank is None or tensor.shape.rank < 3, (
                f"Right, but the graph still holds a tensor of shape {tuple(tensor.shape)}, made "
                f"by {operation.type}. Let a matrix product make the term in the middle."
            )
    return "A matrix product: what every machine for networks does best."


HINTS_2 = [
    "Of x² - 2xc + c² leave out x². What is -2xc for all points and all centres at once?",
    "points @ tf.transpose(centres) has a row for each point and a column for each centre; add "
    "tf.reduce_sum(centres**2, axis=1), and take tf.argmin along axis 1.",
]


def wrong_2():
    import tensorflow as tf

    def with_table(points, centres):
        return tf.argmin(tf.reduce_sum((points[:, None] - centres) ** 2, axis=-1), axis=1)

    def squares_of(centres):
        return tf.reduce_sum(centres**2, axis=1)

    return [
        with_table,
        lambda p, c: tf.argmin(squares_of(c) + 2 * p @ tf.transpose(c), axis=1),
        lambda p, c: tf.argmax(squares_of(c) - 2 * p @ tf.transpose(c), axis=1),
        lambda p, c: tf.argmax(p @ tf.transpose(c), axis=1),
        lambda p, c: tf.argmin(squares_of(c) - p @ tf.transpose(c), axis=1),
        lambda p, c: tf.argmin(squares_of(c) - 2 * p @ tf.transpose(c), axis=0),
        lambda p, c: squares_of(c) - 2 * p @ tf.transpose(c),
        lambda p, c: tf.argmin(squares_of(c) - 2 * p @ c, axis=1),
        lambda p, c: print(p),
        3,
    ]


def solution_3():
    # points × points × coordinates × bytes
    return 20_000 * 20_000 * 2 * 4 / 1e9


def check_3(gigabytes):
    assert not np.isclose(gigabytes, 1.6), "Each point has two coordinates."
    assert not np.isclose(gigabytes, 6.4), "float32: four bytes a number, not eight."
    assert not np.isclose(gigabytes, 0.8), "That is how many billion numbers. In bytes?"
    assert not np.isclose(gigabytes, 0.24), (
        "Thirteen times as many points are more than thirteen times as many pairs."
    )
    assert not np.isclose(gigabytes, 3200) and not np.isclose(gigabytes, 3.2e9), (
        "The right digits; in another unit. A gigabyte has 10⁹ bytes."
    )
    assert not np.isclose(gigabytes, 3, rtol=0.01), (
        "Nearly. In which unit? GiB, of 2³⁰ bytes, are larger than the gigabytes of 10⁹ asked for; "
        "and give one decimal."
    )
    assert np.isclose(gigabytes, 3.2, rtol=0.02), "Points times points times 2 times 4 bytes."
    return "More than many laptops have left. XLA never makes this table; batches of rows help too."


HINTS_3 = [
    "How many pairs are there? Each has two differences, each of four bytes.",
    "20,000 × 20,000 × 2 × 4 bytes, divided by 10⁹.",
]


def wrong_3():
    return [1.6, 6.4, 0.8, 0.24, 3200, 3.2e9, 2.98, 3, 18, "3.2", None]


def solution_4():
    # 1, 2 and 3.0; every scalar tensor of float32, np.float32(7) too; the tensor of shape (1,)
    return 3 + 1 + 1


def check_4(n_traces):
    assert n_traces != 8, "Not every call: double(2) comes twice. What else shares a graph?"
    assert n_traces != 1, "Python numbers become constants of the graph."
    assert n_traces != 7, "The second tensor has the type and the shape of the first."
    assert n_traces != 6, (
        "Nearly. An np.float32 is handed over as a tensor: does one of that type and shape have a "
        "graph already?"
    )
    assert n_traces != 4, "A tensor of another shape: can it use the same graph?"
    assert n_traces != 3, "1 and 2 are different constants, and 3.0 a third one."
    assert n_traces == 5, "Go through the calls one by one: is there a graph for it already?"
    return "1, 2, 3.0, a scalar tensor, a tensor of shape (1,)."


HINTS_4 = [
    "A new Python number makes a new graph. A tensor makes one if its type or shape is new.",
    "1, 2 and 3.0 make three. The first scalar tensor makes the fourth; 5.0 and np.float32(7) use it.",
]


def wrong_4():
    return [8, 1, 7, 6, 4, 3, 2, "five", None]
