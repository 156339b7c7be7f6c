"""Lesson 03's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    def slide(picture, stamp):
        rows = picture.shape[0] - stamp.shape[0] + 1
        columns = picture.shape[1] - stamp.shape[1] + 1
        answer = np.zeros((rows, columns))
        for row in range(rows):
            for column in range(columns):
                window = picture[row : row + stamp.shape[0], column : column + stamp.shape[1]]
                answer[row, column] = (window * stamp).sum()
        return answer

    return slide


def check_1(slide):
    from scipy.signal import correlate2d

    rng = np.random.default_rng(0)
    picture, stamp = rng.random((28, 28)), rng.normal(size=(3, 3))
    answer = slide(picture, stamp)
    assert answer.shape != (28, 28), (
        "28 rows of answers: how many places has a stamp of 3 rows in a picture of 28, if it may not "
        "stick out?"
    )
    assert answer.shape != (25, 25), (
        "25 rows of answers are one too few: the stamp's upper row may lie on row 0, and also on row 25."
    )
    assert answer.shape == (26, 26), f"The answers have the shape {answer.shape}, not (26, 26)."
    assert not np.allclose(answer, correlate2d(picture, stamp[::-1, ::-1], "valid")), (
        "Your stamp is turned round. Put a single 1 at its right: which way does the picture move, and "
        "which way did it move in the lesson?"
    )
    assert not np.allclose(answer, correlate2d(picture, stamp.T, "valid")), (
        "Your stamp is mirrored: rows and columns have changed places."
    )
    truth = correlate2d(picture, stamp, "valid")
    assert np.allclose(answer, truth, atol=1e-5), (
        f"The upper left answer is {answer[0, 0]:.3f}; by hand, (picture[:3, :3] * stamp).sum(), it "
        f"is {truth[0, 0]:.3f}. And the one beside it?"
    )
    wide, small = rng.random((4, 9)), rng.normal(size=(2, 3))
    try:
        answer = slide(wide, small)
    except (ValueError, IndexError) as error:
        raise AssertionError(
            "For 28 x 28 and 3 x 3 it is right. With a picture of 4 x 9 and a stamp of 2 x 3 it stops "
            f"({error}): take the sizes from the arrays."
        ) from None
    assert answer.shape == (3, 7) and np.allclose(answer, correlate2d(wide, small, "valid")), (
        "For 28 x 28 and 3 x 3 it is right. Now try a picture of 4 x 9 with a stamp of 2 x 3: take the "
        "sizes from the arrays."
    )
    return "Two loops, nine products and a sum: that is all that a convolution does."


HINTS_1 = [
    "How many rows has the answer? The stamp's upper row may lie on row 0 of the picture, and at the "
    "lowest where its last row still lies on the picture.",
    "picture[row : row + stamp.shape[0], column : column + stamp.shape[1]] is what the stamp covers. "
    "Multiply it by the stamp, add up, and write the sum into an array of zeros.",
]


def wrong_1():
    from scipy.signal import convolve2d, correlate2d

    def from_the_corner(picture, stamp):
        return (picture[:3, :3] * stamp).sum()

    def three_by_three(picture, stamp):
        rows, columns = picture.shape[0] - 2, picture.shape[1] - 2
        return sum(
            stamp[i, j] * picture[i : i + rows, j : j + columns] for i in range(3) for j in range(3)
        )

    def square_stamp(picture, stamp):
        side = len(stamp)
        rows, columns = picture.shape[0] - side + 1, picture.shape[1] - side + 1
        return [
            [(picture[i : i + side, j : j + side] * stamp).sum() for j in range(columns)]
            for i in range(rows)
        ]

    return [
        lambda picture, stamp: correlate2d(picture, stamp, "same"),
        lambda picture, stamp: convolve2d(picture, stamp, "valid"),
        lambda picture, stamp: correlate2d(picture, stamp, "valid")[:-1, :-1],
        lambda picture, stamp: correlate2d(picture, stamp.T, "valid"),
        lambda picture, stamp: correlate2d(picture, stamp, "valid") / 9,
        from_the_corner,
        three_by_three,
        square_stamp,
    ]


def solution_2():
    # a stamp weighs 3 x 3 places of all 32 maps, and has one bias; there are 64 stamps
    return 64 * (3 * 3 * 32 + 1)


def check_2(n_weights):
    assert n_weights != 64 * (3 * 3 + 1), (
        "Those are stamps for one map. How thick is a stamp that looks at 32 maps at once?"
    )
    assert n_weights != 64 * 3 * 3 * 32, "What does such a stamp answer to an all-black picture?"
    assert n_weights != 64 * 3 * 3 * 32 + 32, "Who has a bias: each map below, or each stamp?"
    assert n_weights != 3 * 3 * 32 + 1, "That is one stamp. The layer has 64 of them."
    assert n_weights == 18_496, (
        "Count one stamp first: how many numbers of how many maps does it weigh?"
    )
    return "And it does not matter how large the picture is."


HINTS_2 = [
    "A stamp covers 3 x 3 places. At each place there are now 32 numbers, one of each map.",
    "One stamp has 3 x 3 x 32 weights and one bias. There are 64 stamps.",
]


def wrong_2():
    return [640, 18_432, 18_464, 289, 576]


def solution_3():
    # 10 pixels below, and one step of 4 pixels more on each side
    return 10 + 4 + 4


def check_3(side):
    assert side != 7, (
        "Three stamps without the pools see 7. One step of the third stamp: how many pixels of the "
        "picture is it?"
    )
    assert side != 14, "And the two pools, do they see nothing new?"
    assert side != 10, "That is where the lesson stopped. There is a third layer of stamps now."
    assert side != 12, (
        "The third stamp adds two steps at its side. But how many pixels is a step, after two pools?"
    )
    assert side != 18 * 18, "That is the area. Pixels along one side are asked for."
    assert side == 18, (
        "From 10 on: a stamp looks at its place and one more on each side. Each step is how many "
        "pixels of the picture?"
    )
    return "Each pool doubles the step, so that depth makes a network far-sighted quickly."


HINTS_3 = [
    "After one pool, neighbouring places are two pixels of the picture apart. After two pools?",
    "Below the third stamp a place sees 10 pixels, and places are 4 pixels apart. The stamp covers "
    "three of them.",
]


def wrong_3():
    return [7, 14, 10, 12, 324, 22]


def solution_4():
    def worth_it(scores_a, scores_b):
        differences = np.asarray(scores_b) - np.asarray(scores_a)
        error = differences.std(ddof=1) / np.sqrt(len(differences))
        return differences.mean(), error

    return worth_it


def check_4(worth_it):
    a = [0.70, 0.76, 0.73, 0.79]
    b = [0.74, 0.79, 0.76, 0.77]
    differences = np.subtract(b, a)
    mean, error = worth_it(a, b)
    assert not np.isclose(mean, max(b) - max(a)), (
        "The best of a and the best of b? Run a again with nothing changed: how far off is its own "
        "next best? Subtract seed by seed, and take the mean."
    )
    assert not np.isclose(mean, -0.02), "b minus a: positive where b is better."
    assert not np.isclose(mean, abs(differences).mean()), (
        "In one of the test's pairs b is worse. Leave the difference its sign."
    )
    spread = np.std(differences, ddof=1)
    assert not np.isclose(mean, spread / 2), "The mean comes first, and then its error."
    assert np.isclose(mean, 0.02), (
        f"The mean difference of the test's pairs is 0.02, not {mean:.3f}."
    )
    apart = np.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 4)
    assert not np.isclose(error, apart, rtol=0.05), (
        "That is the error if the runs had nothing in common. But the first of each has the same seed "
        "and the same pictures: what cancels if you subtract first?"
    )
    assert not np.isclose(error, spread), (
        "That is the spread of one difference. The mean of four wavers less: divide by the root of how "
        "many there are."
    )
    assert not np.isclose(error, np.std(differences) / 2), (
        "Nearly: with so few differences, NumPy's std is too small. ddof=1 divides by one fewer."
    )
    assert np.isclose(error, spread / 2), (
        f"The standard error of the test's four differences is {spread / 2:.4f}, and yours is "
        f"{error:.4f}. What do you take the standard deviation of, and what do you divide it by?"
    )
    same = worth_it([0.1, 0.2, 0.4], [0.3, 0.4, 0.6])
    assert np.allclose(same, (0.2, 0)), (
        "If b is better by the same amount in each pair, the error is 0."
    )
    return "More than two errors from zero is worth a second look; less is noise until shown otherwise."


HINTS_4 = [
    "Subtract first, seed by seed. What you have then is one list of differences.",
    "The standard error of a mean is the standard deviation (ddof=1) divided by the square root of "
    "how many numbers there are.",
]


def wrong_4():
    def best_of_each(a, b):
        return max(b) - max(a), 0.0

    def unpaired(a, b):
        a, b = np.asarray(a), np.asarray(b)
        return b.mean() - a.mean(), np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))

    def turned(a, b):
        d = np.subtract(a, b)
        return d.mean(), d.std(ddof=1) / np.sqrt(len(d))

    def spread(a, b):
        d = np.subtract(b, a)
        return d.mean(), d.std(ddof=1)

    def biased(a, b):
        d = np.subtract(b, a)
        return d.mean(), d.std() / np.sqrt(len(d))

    def without_signs(a, b):
        d = np.subtract(b, a)
        return abs(d).mean(), d.std(ddof=1) / np.sqrt(len(d))

    def error_first(a, b):
        d = np.subtract(b, a)
        return d.std(ddof=1) / np.sqrt(len(d)), d.mean()

    def without_root(a, b):
        d = np.subtract(b, a)
        return d.mean(), d.std(ddof=1) / len(d)

    return [
        best_of_each,
        unpaired,
        turned,
        spread,
        biased,
        without_signs,
        error_first,
        without_root,
    ]


CAUSES = ("too small", "by heart", "dropout", "batch norm's clock")


def material_5(runs):
    """Four learning curves without their names, by letter: the question is what made each."""
    return {
        "A": runs["dropout"][0],
        "B": runs["too small"][0],
        "C": runs["batch norm 0.99"][0],
        "D": runs["nothing"][0],
    }


def solution_5():
    return "dropout, too small, batch norm's clock, by heart"


def check_5(causes):
    named = [cause.strip(" .\n").lower() for cause in causes.split(",")]
    assert len(named) == 4, "Name four causes, with commas between them: those of A, B, C and D."
    said = dict(zip("ABCD", named, strict=True))
    unknown = [cause for cause in said.values() if cause not in CAUSES]
    assert not unknown, f"{unknown[0]!r} is none of the four causes: {', '.join(CAUSES)}."
    assert said["C"] != "by heart", (
        "C: validation near chance while training goes well looks like learning by heart. Ask the net "
        "about its training pictures, as the lesson did: what does it get?"
    )
    assert said["A"] != "batch norm's clock", (
        "A: nothing lags behind here, validation is the higher one. Which of the two was measured with "
        "something switched off at random?"
    )
    assert said["A"] == "dropout", (
        "A: validation lies above training. No leak: which of the two was measured with dropout on?"
    )
    assert said["B"] == "too small", (
        "B: the two curves lie together, and low. Would it learn by heart if it could?"
    )
    assert said["C"] == "batch norm's clock", "C: what does evaluation use that training does not?"
    assert said["D"] == "by heart", "D: training climbs on and validation stays behind."
    return "A look at both curves is the first thing to do with any network that disappoints."


HINTS_5 = [
    "Begin with the pair that can have one cause only: validation near chance, training fine.",
    "Dropout is on in training and off in validation. A network that is too small is as bad on what "
    "it has seen as on what it has not.",
]


def wrong_5():
    return [
        "dropout, too small, by heart, batch norm's clock",
        "by heart, too small, batch norm's clock, dropout",
        "batch norm's clock, too small, dropout, by heart",
        "dropout, by heart, batch norm's clock, too small",
        "a leak, too small, batch norm's clock, by heart",
        "batch norm's clock",
    ]
