"""Lesson 04's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    def shrunk_mean(stars, prior, k=5):
        return (sum(stars) + k * prior) / (len(stars) + k)

    return shrunk_mean


def check_1(shrunk_mean):
    one, hundred = [5.0], [4.5] * 100
    try:
        of_one, of_none = shrunk_mean(one, 3.5, 5), shrunk_mean([], 3.5, 5)
    except ZeroDivisionError:
        raise AssertionError("What would you guess of a film that nobody has rated?") from None
    assert not np.isclose(of_one, 5), (
        "That is the film's plain mean. How many people gave this film its five?"
    )
    assert np.isclose(of_none, 3.5), (
        f"A film without a rating gets {of_none:.2f}. What would you guess of such a film?"
    )
    assert of_one < shrunk_mean(hundred, 3.5, 5), (
        "One five still ranks above a hundred times 4.5: invent more ratings than one."
    )
    assert np.isclose(of_one, (5 + 5 * 3.5) / 6), (
        f"For a single five and a prior of 3.5 that gives {of_one:.2f}. With five invented ratings "
        "of 3.5 beside it, how many ratings are there in all, and what is their sum?"
    )
    assert np.isclose(shrunk_mean([2.0, 3.0], 4.0, 2), 3.25), (
        "With another k it is not right: is there a 5 left in the function where k belongs?"
    )
    return "The next paragraphs call this ridge regression; k is its alpha."


HINTS_1 = [
    "Pretend that k more people rated the film, and that each gave it the prior.",
    "The sum is sum(stars) + k * prior. How many ratings is that the sum of?",
]


def wrong_1():
    return [
        lambda stars, prior, k=5: sum(stars) / len(stars),
        lambda stars, prior, k=5: sum(stars) / (len(stars) + k),
        lambda stars, prior, k=5: (sum(stars) + prior) / (len(stars) + 1),
        lambda stars, prior, k=5: prior + (sum(stars) - prior) / (len(stars) + k),
        lambda stars, prior, k=5: (sum(stars) + 5 * prior) / (len(stars) + 5),
        lambda stars, prior, k=5: np.mean([*stars, prior]),
        4.5,
        None,
    ]


def solution_2():
    def look_up(matrix, ids):
        return matrix[ids]

    return look_up


def check_2(look_up):
    matrix = np.arange(15.0).reshape(5, 3)
    try:
        rows = look_up(matrix, np.array([4, 0, 4]))
    except IndexError:
        raise AssertionError(
            "Which axis of the matrix counts films, and which their numbers?"
        ) from None
    assert np.shape(rows) == (3, 3), (
        f"Three films with three numbers each are (3, 3), not {np.shape(rows)}."
    )
    assert np.allclose(rows, matrix[[4, 0, 4]]), "Row k of the result belongs to ids[k]."
    several = np.array([[1, 2], [3, 3]])
    try:
        table = look_up(matrix, several)
    except (IndexError, TypeError, ValueError):
        table = None
    assert np.shape(table) == (2, 2, 3) and np.allclose(table, matrix[several]), (
        "Ids may come in any shape: a table of (2, 2) ids gives (2, 2, 3) numbers. Yours does not."
    )
    return "One pair of square brackets is the whole layer."


HINTS_2 = [
    "NumPy takes an array of whole numbers in the square brackets, not only a single one.",
    "matrix[3] is row 3. What is matrix[np.array([3, 0])]?",
]


def wrong_2():
    return [
        lambda matrix, ids: matrix[:, ids],
        lambda matrix, ids: np.eye(len(matrix))[ids],
        lambda matrix, ids: np.stack([matrix[i] for i in ids.ravel()]),
        lambda matrix, ids: matrix[np.unique(ids)],
        lambda matrix, ids: matrix[ids].T,
        np.zeros((3, 3)),
        None,
    ]


def solution_3():
    # each person and each film has 24 numbers and a bias
    return (671 + 9066) * (24 + 1)


def check_3(n_weights):
    assert n_weights != (671 + 9066) * 24, (
        "Which two columns say that a film is good for everybody, and that a person is easily pleased?"
    )
    assert n_weights != (671 + 9066) * 24 * 24, (
        "Is a row multiplied by anything when it is looked up?"
    )
    assert n_weights != 671 * 9066, (
        "That is the number of all pairs of a person and a film. The network has a row for each "
        "person and a row for each film, and no table of pairs."
    )
    assert n_weights != 243_426, (
        "So nearly. Is the mean learnt, or worked out once and added to every guess?"
    )
    assert n_weights == 243_425, "Count for one person first: how many numbers does one own?"
    return "Three weights for each rating: no wonder that it can learn them by heart."


HINTS_3 = [
    "Each person has 24 numbers and a bias, and so has each film.",
    "There are 671 people and 9,066 films, with 25 numbers each.",
]


def wrong_3():
    return [233_688, 243_426, 9737 * 24 * 24, 671 * 9066, 226_650, 24, "243,425", None]


def solution_4():
    # SGD has the slope alone, which is 0; Adam has a memory; L2 has a slope for every row
    return (False, True, True)


def check_4(moves):
    sgd, adam, penalty = moves
    assert not sgd, (
        "Plain SGD steps against the slope alone. What is the slope of a row that the batch never "
        "looked up?"
    )
    assert adam or penalty, (
        "SGD leaves it alone, yes. Adam has a memory for each weight, and L2 is a sum over the whole "
        "table: what do they do with row 5 in a batch that does not hold it?"
    )
    assert adam, (
        "Adam's step is a running average of past slopes. Was that of row 5 zero after the batch before?"
    )
    assert penalty, (
        "The penalty is the sum of the squares of *all* rows. What is its slope for row 5?"
    )
    return "Rows that nobody asked for move too: by Adam's memory, and towards 0 by L2."


HINTS_4 = [
    "For each of the three, ask which numbers make the step for row 5: the slope, and what else?",
    "Try it: moved(...) above takes any network. Compile one with keras.optimizers.Adam(0.1), train "
    "on a batch with film 5, then on one without it.",
]


def wrong_4():
    return [
        (False, False, False),
        (True, True, True),
        (False, True, False),
        (False, False, True),
        ("no", "yes", "yes"),
        (False, True),
        True,
    ]


def solution_5():
    def newest(ratings, share=0.2):
        order = ratings.sort_values("time", kind="stable")
        place = order.groupby("user").cumcount(ascending=False)  # 0 for a person's newest
        size = order.groupby("user")["time"].transform("size")
        return (place < share * size).reindex(ratings.index).to_numpy()

    return newest


def check_5(newest):
    import pandas as pd

    rng = np.random.default_rng(4)
    seconds = np.concatenate(
        [
            1000 + rng.permutation(100),  # three people, one after the other,
            5000 + rng.permutation(50),
            9000 + rng.integers(0, 2, 20),  # the last with ten ratings or so in one second
        ]
    )
    ratings = pd.DataFrame(
        {
            "user": np.repeat([0, 1, 2], [100, 50, 20]),
            "film": np.arange(170),
            "rating": 3.0,
            "time": seconds.astype("datetime64[s]"),
        }
    ).sample(frac=1, random_state=0)
    mask = newest(ratings.copy(), 0.2)
    mask = np.asarray(mask)
    assert mask.shape == (170,) and mask.dtype == bool, (
        "The mask needs one True or False for each rating, in the order of the rows."
    )
    counts = [int(mask[ratings.user == person].sum()) for person in range(3)]
    assert counts[:2] != [20, 10] or counts[2] > 0, (
        "It is right for two people, but the third has no rating held out: ten or so of theirs have the "
        "same newest second. Give ratings of one second different places."
    )
    assert 0 not in counts, (
        f"Of the three people {counts} ratings are held out: somebody has none. A single date for all "
        "holds out those who came last. Which ratings are *this person's* newest?"
    )
    assert counts != [100, 50, 20], "Every rating is held out: what is left to learn from?"
    for person in range(3):
        times, held = ratings.time[ratings.user == person], mask[ratings.user == person]
        assert times[~held].max() <= times[held].min(), (
            "Somebody has a rating in training that is newer than one held out. Print the newest of "
            "the one and the oldest of the other. (Are the rows still in the order they came in?)"
        )
    assert all(abs(n - goal) <= 1 for n, goal in zip(counts, (20, 10, 4), strict=True)), (
        f"Of 100, 50 and 20 ratings {counts} are held out; a fifth of each person's was asked for. "
        "(Several ratings may have the same second.)"
    )
    half = np.asarray(newest(ratings.copy(), 0.5))
    assert abs(half.mean() - 0.5) < 0.02, "With share=0.5 it does not hold out half."
    return "Now each person is asked about tomorrow, and known from yesterday."


HINTS_5 = [
    "Sort by time, then count within each person from the newest: pandas has groupby(...).cumcount.",
    "order = ratings.sort_values('time'); order.groupby('user').cumcount(ascending=False) is 0 for a "
    "person's newest. Bring it back into the old order by .reindex(ratings.index).",
]


def wrong_5():
    def one_date(ratings, share=0.2):
        return (ratings.time > ratings.time.quantile(1 - share)).to_numpy()

    def by_chance(ratings, share=0.2):
        return np.random.default_rng(0).random(len(ratings)) < share

    def last_rows(ratings, share=0.2):
        place = ratings.groupby("user").cumcount(ascending=False)
        return (place < share * ratings.groupby("user")["time"].transform("size")).to_numpy()

    def oldest(ratings, share=0.2):
        return (ratings.groupby("user")["time"].rank(method="first", pct=True) <= share).to_numpy()

    def sorted_away(ratings, share=0.2):
        order = ratings.sort_values("time")
        place = order.groupby("user").cumcount(ascending=False)
        return (place < share * order.groupby("user")["time"].transform("size")).to_numpy()

    def whole_seconds(ratings, share=0.2):
        rank = ratings.groupby("user")["time"].rank(method="max", pct=True)
        return (rank > 1 - share).to_numpy()

    def shared_places(ratings, share=0.2):
        return (ratings.groupby("user")["time"].rank(pct=True) > 1 - share).to_numpy()

    return [
        one_date,
        by_chance,
        last_rows,
        oldest,
        sorted_away,
        whole_seconds,
        shared_places,
        0.2,
        None,
    ]
