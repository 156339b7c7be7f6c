"""Lesson 09's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    # a slope is 2 * error / values, and that is 0.00001 for:
    return 1e-5 * 192 * 128 * 3 / 2, 1e-5 * 768 * 512 * 3 / 2


def check_1(two_amounts):
    small, large = two_amounts
    assert not np.isclose(small, 0.737, atol=0.01), (
        "The slope of a square d * d is not d. What is it?"
    )
    assert not np.isclose(small, 0.123, atol=0.003), (
        "How many numbers has a pixel in colour? The mean is over all of them."
    )
    assert not np.isclose(small, 5e-6), (
        "That is for a sum. In a mean each square is divided by the number of values."
    )
    assert not np.isclose(small, 5.9, atol=0.1), "The smaller picture comes first."
    assert np.isclose(small, 0.369, atol=0.01), (
        "Write down the loss with all its values, and take its slope for a single one: 2 * error, "
        "divided by how many values there are. For which error is that 0.00001?"
    )
    assert np.isclose(large, 5.9, atol=0.1), (
        "The first is right. How many times as many values has the larger picture?"
    )
    return "0.37 and 5.9: the larger the picture, the sooner SciPy believes that it has arrived."


HINTS_1 = [
    "The loss is (d1² + d2² + ... ) / n. Its slope for d1 alone is 2 * d1 / n.",
    "2 * d / n = 0.00001, so d = 0.00001 * n / 2, with n = 192 * 128 * 3.",
]


def wrong_1():
    n, larger = 192 * 128 * 3, 768 * 512 * 3
    return [
        (1e-5 * n, 1e-5 * larger),
        (1e-5 * n / 6, 1e-5 * larger / 6),
        (5e-6, 5e-6),
        (1e-5 * larger / 2, 1e-5 * n / 2),
        (1e-5 * n / 2, 1e-5 * n / 2),
        0.37,
        ("a", "b"),
    ]


def solution_2():
    def my_gram(features):
        places = features.reshape(-1, features.shape[-1])
        return places.T @ places / len(places)

    return my_gram


def check_2(my_gram):
    map_ = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    right = np.einsum("hwc,hwd->cd", map_, map_) / 20
    mine = my_gram(map_.copy())
    assert mine.shape != (20, 20), (
        "That compares places with places. How large would it be for fire3, with 31 x 47 places? "
        "Style should not know about places."
    )
    assert mine.shape != (4, 5, 5) and mine.shape != (4, 3, 3), (
        "There should be one matrix for the whole map: put all places into one row first."
    )
    assert mine.shape == (3, 3), (
        f"For three channels the matrix is 3 x 3; yours has the shape {mine.shape}."
    )
    assert not np.allclose(mine, 20 * right, rtol=1e-3), (
        "That is the sum over places. What should be the same for a picture twice as large?"
    )
    assert not np.allclose(mine, right * 20 / 3, rtol=1e-3), (
        "You divided by the channels. What should be the same for a picture twice as large?"
    )
    assert not np.allclose(mine, right / 3, rtol=1e-3), (
        "Divided by places and channels. It is the mean over places alone."
    )
    centred = map_ - map_.mean((0, 1))
    assert not np.allclose(mine, np.einsum("hwc,hwd->cd", centred, centred) / 20, rtol=1e-3), (
        "That is the covariance: you took off the means first. Style keeps them; they hold much of "
        "the colours."
    )
    assert np.allclose(mine, right, rtol=1e-3), (
        f"The mean of channel 0 times channel 1 over all places is {right[0, 1]:.3f}; yours says "
        f"{mine[0, 1]:.3f}."
    )
    return "One matrix product is enough, whatever the size of the picture."


HINTS_2 = [
    "reshape(-1, channels) puts all places into rows. Which product of two matrices adds up over rows?",
    "places.T @ places has the sums; divide by how many places there are.",
]


def wrong_2():
    def rows(features):
        return features.reshape(-1, features.shape[-1])

    def covariance(features):
        centred = rows(features) - rows(features).mean(0)
        return centred.T @ centred / len(centred)

    return [
        lambda features: rows(features) @ rows(features).T / features.shape[-1],
        lambda features: rows(features).T @ rows(features),
        lambda features: rows(features).T @ rows(features) / features.shape[-1],
        lambda features: rows(features).T @ rows(features) / features.size,
        lambda features: np.swapaxes(features, 1, 2) @ features / features.shape[1],
        lambda features: rows(features).mean(0),
        covariance,
        lambda features: print(features),
        0.5,
    ]


def solution_3():
    # mirrored, shuffled, doubled, moved down
    return [True, True, False, False]


def check_3(stays_the_same):
    assert len(stays_the_same) == 4, f"Four changes, four values; yours are {len(stays_the_same)}."
    mirrored, shuffled, doubled, moved = stays_the_same
    assert shuffled, "A mean does not depend on the order of what it is taken of."
    assert mirrored, (
        "Is a map that is mirrored not a map whose places are in another order? (For the *picture* it "
        "is another matter: a stamp that looks for strokes to the left finds others then.)"
    )
    assert not doubled, "2 a times 2 b: what becomes of the mean of a * b?"
    assert not moved, "Most places are only shuffled. But one row was lost, and zeros came instead."
    return "A mirrored map is a shuffled one. A mirrored picture is not: its map has other numbers."


HINTS_3 = [
    "For each change ask: are the same lists of numbers still there, as often as before?",
    "Mirroring and shuffling change the order alone. Doubling makes all products four times as "
    "large, and moving loses a row.",
]


def wrong_3():
    return [
        [False, True, False, False],
        [True, True, False, True],
        [True, True, True, False],
        [True, False, False, False],
        [False, False, False, False],
        [True, True],
        [True, True, False],
        "b",
    ]


def solution_4():
    def keep_colours(painted, photo):
        brighter = (painted - photo) @ np.array([0.299, 0.587, 0.114])
        return photo + brighter[..., None]

    return keep_colours


def check_4(keep_colours):
    rng = np.random.default_rng(0)
    painted, photo = rng.uniform(60, 200, (2, 6, 8, 3))
    weights = np.array([0.299, 0.587, 0.114])
    given = painted.copy(), photo.copy()
    try:
        mixed = keep_colours(*given)
    except ValueError as error:
        if "broadcast" not in str(error):
            raise
        raise AssertionError(
            "The brightness of these pictures has the shape (6, 8), one number a pixel: `[..., None]` gives it a "
            "third axis, to be added to three channels."
        ) from None
    assert np.array_equal(given, (painted, photo)), (
        "Your function changed the pictures that it was given, and later cells need them: make a new one."
    )
    assert np.shape(mixed) == (6, 8, 3), (
        f"A picture of 6 x 8 pixels in three colours is wanted, not {np.shape(mixed)}."
    )
    colours = lambda picture: picture - (picture @ weights)[..., None]
    assert not np.allclose(mixed, painted, atol=1), "That is the painted picture, unchanged."
    assert not np.allclose(colours(mixed), colours(painted), atol=1), (
        "It has the painting's colours: is it the wrong way round? What are the mean colours of the two, and of yours?"
    )
    grey = np.repeat((painted @ weights)[..., None], 3, -1)
    assert not np.allclose(mixed, grey, atol=1), (
        "That is the painted one in grey. Where does the photo's colour come in?"
    )
    assert not np.allclose(mixed, photo + grey, atol=1), (
        "Added to the photo's own brightness it becomes too bright: only the *difference* is added."
    )
    plain = photo + (painted - photo).mean(-1, keepdims=True)
    assert not np.allclose(mixed, plain, atol=1), (
        "You took the plain mean of the channels. To the eye green counts for more than blue."
    )
    assert np.allclose(mixed @ weights, painted @ weights, atol=1), (
        "The result's brightness should be that of the painted picture, pixel by pixel."
    )
    assert np.allclose(colours(mixed), colours(photo), atol=1), (
        "Each channel of a pixel has to be moved by the same amount, or its colour changes."
    )
    dark, bright = np.full((2, 2, 3), 20.0), np.full((2, 2, 3), 240.0)
    dark[..., 0] = bright[..., 2] = 0  # colours in which some channel ends below 0 or above 255
    for one, other in ((dark, bright), (bright, dark)):
        right = other + ((one - other) @ weights)[..., None]
        found = np.asarray(keep_colours(one.copy(), other.copy()), float)
        assert np.allclose(found.clip(0, 255), right.clip(0, 255), atol=1), (
            "Some channels end below 0 or above 255, and uint8 begins anew there. Clip first, or leave the numbers as "
            "they are."
        )
    return "Three channels moved alike: the hue stays, the strokes come."


HINTS_4 = [
    "How much brighter is the painted picture in each pixel? That is one number a pixel: "
    "(painted - photo) @ weights, with the three weights of the text.",
    "photo + brighter[..., None] adds it to each of the three channels.",
]


def wrong_4():
    weights = np.array([0.299, 0.587, 0.114])
    grey = lambda picture: (picture @ weights)[..., None]
    return [
        lambda painted, photo: painted + grey(photo - painted),
        lambda painted, photo: np.repeat(grey(painted), 3, -1),
        lambda painted, photo: photo + grey(painted),
        lambda painted, photo: photo + (painted - photo).mean(-1, keepdims=True),
        lambda painted, photo: photo + (grey(painted) - grey(photo)).mean(),
        lambda painted, photo: painted - photo,
        lambda painted, photo: (painted + photo) / 2,
        lambda painted, photo: photo + painted - photo,
        lambda painted, photo: photo + (painted - photo) @ weights,
        lambda painted, photo: np.add(photo, grey(painted - photo), out=photo),
        lambda painted, photo: (photo + grey(painted - photo)).astype("uint8"),
        lambda painted, photo: print(painted),
        0.5,
    ]
