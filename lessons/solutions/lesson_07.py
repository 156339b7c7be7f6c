"""Lesson 07's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    return 1 / 3, 0


def check_1(two_ious):
    first, second = two_ious
    assert not (first == 0 and np.isclose(second, 1 / 3, atol=0.005)), (
        "The right two, the wrong way round: the first pair of boxes comes first."
    )
    assert not np.isclose(first, 0.5), (
        "Intersection over *what*? In the union, each piece that both cover is counted once."
    )
    assert not np.isclose(first, 0.25), (
        "8 over 32: the two areas together hold the shared piece twice. Take it off once."
    )
    assert first not in (8, 24), "That is an area. The IoU is one area over another."
    assert np.isclose(first, 1 / 3, atol=0.005), (
        "How many unit squares do both boxes cover, and how many does at least one of them?"
    )
    assert not np.isclose(second, 0.25), (
        "The shared width came out as -2, and the height too. What is their product? And how wide "
        "is what two boxes share that do not meet?"
    )
    assert second == 0, "Do these two share anything?"
    return "1/3 and 0. Half a box aside is already down to a third."


HINTS_1 = [
    "Draw the two boxes on squared paper. Both have 16 squares, and they share 2 columns of 4.",
    "Shared 8; in either 16 + 16 - 8 = 24. The second pair does not meet at all.",
]


def wrong_1():
    return [
        (0.5, 0),
        (0.25, 0),
        (1 / 3, 0.25),
        (8, 0),
        (1 / 3, -0.25),
        (1 / 3, 1),
        1 / 3,
        ("1/3", "0"),
        (0, 1 / 3),
    ]


def solution_2():
    def mirrored(box, width):
        left, top, right, bottom = box
        return width - right, top, width - left, bottom

    return mirrored


def check_2(mirrored):
    for width in (100, 192):
        box = (10, 20, 40, 90)
        got = np.asarray(mirrored(box, width), float)
        assert got.shape == (4,), "Four numbers: left, top, right, bottom."
        assert got[0] < got[2], "Is left still smaller than right?"
        assert not np.array_equal(got, box), "Nothing has moved."
        assert list(got[[1, 3]]) == [20, 90], "Left and right change places. Top and bottom stay."
        assert not np.array_equal(got[[0, 2]], [width - 41, width - 11]), (
            "Right is the edge just outside of the box: the box from 0 to the width must stay itself."
        )
        assert np.array_equal(got, [width - 40, 20, width - 10, 90]), (
            f"In a scene of the width {width} the left edge {box[0]} is so far from the left; then "
            f"it is as far from the right. Your box is {got.tolist()}."
        )
        whole = np.asarray(mirrored((0, 0, width, width), width), float)
        assert list(whole) == [0, 0, width, width], "A box as wide as the scene stays as it is."
    return "Mirror it twice, and you have the old box: a test that needs no answer by hand."


HINTS_2 = [
    "A box that begins 10 pixels from the left edge ends 10 pixels from the right edge afterwards.",
    "The new left edge comes from the old right one: width - right.",
]


def wrong_2():
    return [
        lambda box, width: (width - box[0], box[1], width - box[2], box[3]),
        lambda box, width: (width - 1 - box[2], box[1], width - 1 - box[0], box[3]),
        lambda box, width: (box[2], box[1], box[0], box[3]),
        lambda box, width: box,
        lambda box, width: (box[0], width - box[3], box[2], width - box[1]),
        lambda box, width: (192 - box[2], box[1], 192 - box[0], box[3]),
        lambda box, width: width - box[2],
    ]


def solution_3():
    # each cell: 512 weights and a bias; all cells at once: four weighted sums of 11 x 11 x 512
    return 512 + 1, 11 * 11 * 512 * 4 + 4


def check_3(weights_of_two):
    cells, flat = weights_of_two
    assert cells != 512, "What is the score of a cell in which all 512 numbers are 0? (the bias)"
    assert cells != 11 * 11 * 513, "All cells are asked by the *same* weights."
    assert cells != 9 * 512 + 1, "The filter is 1 x 1: it looks at a single cell."
    assert cells == 513, "One weight for each of the 512 numbers of a cell, and a bias."
    assert flat != 11 * 11 * 512 * 4, "Each of the four has a bias as well."
    assert flat not in (512 * 4 + 4, 11 * 11 * 4 + 4), (
        "Flatten makes one long row of the whole map: how long is it?"
    )
    assert flat != 11 * 11 * 512 + 1, "That is one of the four numbers."
    assert flat == 11 * 11 * 512 * 4 + 4, (
        "11 x 11 cells of 512 numbers, each joined with each of four outputs; and four biases."
    )
    return "513 against 247,812: nearly five hundred times as many, for the same map."


HINTS_3 = [
    "How many inputs has one output of each layer? Each input costs a weight, each output a bias.",
    "512 + 1 for the convolution; (11 * 11 * 512 + 1) * 4 for the dense layer.",
]


def wrong_3():
    return [
        (512, 247_812),
        (513, 247_808),
        (513, 2052),
        (62_073, 247_812),
        (4609, 247_812),
        (513, 61_953),
        513,
    ]


def solution_4():
    def as_convolution(kernel, rows, columns):
        return kernel.reshape(rows, columns, -1, kernel.shape[1])

    return as_convolution


def check_4(as_convolution):
    rng = np.random.default_rng(0)
    for rows, columns, channels, outputs in ((2, 3, 4, 5), (3, 3, 2, 1)):
        maps = rng.normal(size=(rows, columns, channels))
        kernel = rng.normal(size=(rows * columns * channels, outputs))
        got = as_convolution(kernel.copy(), rows, columns)
        right = (rows, columns, channels, outputs)
        assert np.shape(got) == right, (
            f"Of a map of {rows} x {columns} x {channels} and {outputs} outputs the kernel has the shape "
            f"{right}; yours has {np.shape(got)}."
        )
        here = np.tensordot(maps, np.asarray(got), 3)
        assert np.allclose(here, maps.ravel() @ kernel), (
            "The shape is right, but the weights have changed places: at each place the filter gives "
            "another sum than the dense layer. In which order does Flatten write a map down?"
        )
    return "The same weights in the same order, in another shape. Nothing is computed."


HINTS_4 = [
    "Flatten writes a map row by row, in a row cell by cell, in a cell channel by channel; that is "
    "also the order in which NumPy reads and writes.",
    "kernel.reshape(rows, columns, -1, kernel.shape[1]): -1 lets NumPy work out the channels.",
]


def wrong_4():
    def channels_first(kernel, rows, columns):
        parts = kernel.reshape(-1, rows, columns, kernel.shape[1])
        return parts.transpose(1, 2, 0, 3)

    def columns_first(kernel, rows, columns):
        parts = kernel.reshape(columns, rows, -1, kernel.shape[1])
        return parts.transpose(1, 0, 2, 3)

    return [
        channels_first,
        columns_first,
        lambda kernel, rows, columns: kernel,
        lambda kernel, rows, columns: kernel.reshape(rows, columns, -1),
        lambda kernel, rows, columns: kernel.T.reshape(rows, columns, -1, kernel.shape[1]),
        lambda kernel, rows, columns: kernel.reshape(1, 1, -1, kernel.shape[1]),
    ]


def solution_5():
    def block(x, f):
        return x + f(x)

    return block


def check_5(block):
    x = np.array([1.0, -2.0])
    got = np.asarray(block(x.copy(), lambda x: 0 * x))  # a block may write over its x: x += f(x)
    assert not np.array_equal(got, [1, 0]), (
        "The ReLU comes behind the plus, in the network: give back the sum itself."
    )
    assert np.allclose(got, x), (
        "Take an f that gives 0 for everything. There the block is to hand on what it gets: x."
    )
    x = np.array([1.0, 2.0, 4.0])
    got = np.asarray(block(x.copy(), lambda x: x**2 + 1))
    assert got.shape == x.shape, f"x is a row of 3 numbers; your block gives {got.shape}."
    assert not np.allclose(got, x), "f has to be called as well, or the block can learn nothing."
    assert not np.allclose(got, x * (x**2 + 2)), "f(x) is added to x; nothing is multiplied."
    assert not np.allclose(got, x - x**2 - 1), "What f gives is added, not taken off."
    assert np.allclose(got, x + x**2 + 1), (
        "For f(x) = x ** 2 + 1 and x = 2 the block gives 2 + 5 = 7. What does yours give, and why?"
    )
    return "One plus sign. If f is 0 the block is the identity, whatever else is in it."


HINTS_5 = [
    "Two ways lead from x to the plus: one through f, and one past it.",
    "f(x) is what comes from the first way, and x is what comes by the road. Return their sum.",
]


def wrong_5():
    return [
        lambda x, f: f(x),  # a plain block
        lambda x, f: f(x + f(x)),  # the road leads into f once more
        lambda x, f: x,
        lambda x, f: x * (1 + f(x)),
        lambda x, f: x - f(x),
        lambda x, f: f(x) + f(x),
        lambda x, f: np.maximum(x + f(x), 0),
    ]


def solution_6():
    # of 15 blocks choose the 2 that are gone through; and each way round the lost block is left
    return 15 * 14 // 2, 2**14


def check_6(two_counts):
    through_two, left = two_counts
    assert through_two != 15 * 14, "First block 3, then block 8: is that another pair than 8 and 3?"
    assert through_two not in (15, 2, 30), (
        "With three blocks there would be 3 ways through just two of them: 1 and 2, 1 and 3, 2 and 3."
    )
    assert through_two == 105, "Choose 2 blocks of 15; the others are passed by."
    assert left not in (2**15, 2**15 - 1), "That many there were before. Which went through it?"
    assert left != 14, "Each of the 14 others can still be gone through or passed by."
    assert left == 2**14, "At each of the 14 blocks that are left there are two ways to go on."
    return "105 and 16,384, half of the ways. In a plain network there is one way, and it is cut."


HINTS_6 = [
    "Each block doubles the number of ways. Draw three blocks, and count.",
    "15 * 14 / 2 pairs of blocks; and 2 to the power of the 14 blocks that are left.",
]


def wrong_6():
    return [
        (210, 2**14),
        (105, 2**15),
        (105, 14),
        (30, 2**14),
        (105, 2**15 - 1),
        (15, 2**14),
        105,
    ]
