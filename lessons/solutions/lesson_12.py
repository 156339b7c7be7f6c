"""Lesson 12's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    def rank_of(point, candidates, right):
        lengths = np.linalg.norm(candidates, axis=1)  # that of the point is the same for all
        near = candidates @ point / lengths
        return (near > near[right]).sum() + 1

    return rank_of


def check_1(rank_of):
    point = np.array([1.0, 0.0, 0.0])
    candidates = np.array([[2, 1, 0], [9, 9, 9], [0.5, 0, 0.1], [-3, 1, 0], [0, 1, 1.0]])
    right = [2, 3, 1, 5, 4]  # the ranks by cosine; by the dot product: 2, 1, 3, 5, 4
    try:
        ranks = [rank_of(point, candidates, number) for number in range(5)]
    except np.exceptions.AxisError:
        raise AssertionError(
            "`cosine` wants a table of places on both sides, and a point is one row of numbers: "
            "point[None] makes a table of one row of it."
        ) from None
    except IndexError:
        raise AssertionError(
            "An index went too far. `right` is one of the candidates' numbers. Did `cosine` give you a "
            "table of one row? Its row is number 0."
        ) from None
    assert all(rank == int(rank) for rank in ranks), (
        f"A rank is a whole number, and yours is {ranks[2]:.2f}. Is that the cosine itself? How many "
        "candidates have a larger one?"
    )
    places_in_line = [2, 0, 1, 4, 3]  # what argsort gives
    assert ranks not in (places_in_line, [place + 1 for place in places_in_line]), (
        "argsort says which candidate stands first, second, ...; its entry at `right` is not the rank "
        "of `right`. Count those that are nearer."
    )
    assert len(set(ranks)) > 1, (
        f"Each of five candidates has the rank {ranks[0]}. The rank of the one with the number `right` "
        "is asked for, not the number of the nearest."
    )
    assert ranks != [rank - 1 for rank in right], (
        "Your nearest has the rank 0. How many are nearer than the nearest? Add one."
    )
    assert ranks != [rank + 1 for rank in right], (
        "Your nearest has the rank 2. Does the right one count itself among those that are nearer? "
        "And then you add one?"
    )
    assert ranks[2] != 5, "Your nearest comes last. Is a large cosine near or far?"
    assert ranks[1] != 1, (
        "The place (9, 9, 9) won although it points elsewhere: it is only long. What does the cosine "
        "divide by?"
    )
    assert rank_of(point * 7, candidates, 1) == 3, (
        "(9, 9, 9) should be the third. The cosine looks at directions alone: by lengths or distances "
        "you get another order."
    )
    for number, (got, rank) in enumerate(zip(ranks, right)):
        assert got == rank, f"Candidate {number} should have the rank {rank}, and has {got}."
    return "Count those that are nearer than the right one, and add one."


HINTS_1 = [
    "First the cosine of the point with each candidate. How many of these are larger than that of the "
    "right one?",
    "near = candidates @ point / np.linalg.norm(candidates, axis=1); then (near > near[right]).sum(), "
    "and one more.",
]


def wrong_1():
    def product(point, candidates, right):
        near = candidates @ point
        return (near > near[right]).sum() + 1

    def from_zero(point, candidates, right):
        near = candidates @ point / np.linalg.norm(candidates, axis=1)
        return (near > near[right]).sum()

    def farthest_first(point, candidates, right):
        near = candidates @ point / np.linalg.norm(candidates, axis=1)
        return (near < near[right]).sum() + 1

    def distance(point, candidates, right):
        far = np.linalg.norm(candidates - point, axis=1)
        return (far < far[right]).sum() + 1

    def winner(point, candidates, right):
        return (candidates @ point / np.linalg.norm(candidates, axis=1)).argmax()

    def sorted_once(point, candidates, right):
        near = candidates @ point / np.linalg.norm(candidates, axis=1)
        return np.argsort(-near)[right] + 1

    def itself_too(point, candidates, right):
        near = candidates @ point / np.linalg.norm(candidates, axis=1)
        return (near >= near[right]).sum() + 1

    def backwards(point, candidates, right):
        near = candidates @ point / np.linalg.norm(candidates, axis=1)
        return np.argsort(near)[::-1][right]

    def cosine_itself(point, candidates, right):
        return (candidates @ point / np.linalg.norm(candidates, axis=1))[right]

    def cosine(a, b):
        a, b = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
        return a @ b.T

    def no_table(point, candidates, right):
        near = cosine(point, candidates)
        return (near > near[right]).sum() + 1

    def no_row(point, candidates, right):
        near = cosine(point[None], candidates)
        return (near > near[right]).sum() + 1

    shortcuts = [itself_too, backwards, cosine_itself, no_table, no_row]
    return [product, from_zero, farthest_first, distance, winner, sorted_once, *shortcuts, 1]


def solution_2():
    return 5 / 53, (1 + 53) / 2


def check_2(by_chance):
    share, rank = by_chance
    assert not np.isclose(share, 1 / 53), "That is the first place alone. There are five."
    assert not np.isclose(share, 1 / 5), "The right noun may stand in any of 53 places."
    assert not np.isclose(share, 5 / 1000), (
        "SqueezeNet has 1000 classes, but who are the candidates?"
    )
    assert share <= 1, "A share lies between 0 and 1: give it first, and then the mean rank."
    assert round(share, 3) not in (0.09, 0.1), (
        "Nearly. Give the share with three digits, or as a fraction."
    )
    drawn = "Nearly. Were they drawn at random? Both can be said exactly, by counting places."
    assert not 0.0005 < abs(share - 5 / 53) < 0.006, drawn
    assert np.isclose(share, 5 / 53, atol=0.001), (
        "All 53 places are equally likely for the right noun. How many of them are good?"
    )
    assert not np.isclose(rank, 26.5), (
        "The mean of 1 and 2 is 1.5, not 1. The mean of 1, 2, ... 53?"
    )
    assert not np.isclose(rank, 26), "The first has rank 1, not 0."
    assert not 0 < abs(rank - 27) < 0.45, drawn
    assert np.isclose(rank, 27), "What is the mean of 1, 2, ... 53?"
    return "0.094 and 27: what every result of this lesson has to be held against."


HINTS_2 = [
    "In random order the right noun is as likely in the first place as in the last.",
    "Five good places out of 53; and the mean of the whole numbers from 1 to 53.",
]


def wrong_2():
    return [
        (1 / 53, 27),
        (1 / 5, 27),
        (5 / 53, 26.5),
        (5 / 53, 26),
        (0.09, 27),
        (27, 5 / 53),
        (5 / 1000, 500.5),
        (500 / 53, 27),
        (0.0962, 26.92),
        (0.0941, 27.03),
        5 / 53,
        ("a", "b"),
    ]


def solution_3():
    def shuffled(places, rng):
        return rng.permutation(places)  # a copy, its rows in random order

    return shuffled


def check_3(shuffled):
    places = np.arange(40.0).reshape(10, 4)
    given = places.copy()
    got = shuffled(given, np.random.default_rng(0))
    assert np.array_equal(given, places), (
        "`places` itself was changed. Everything after it would go on with the shuffled ones. "
        "rng.shuffle works in place; rng.permutation makes a copy."
    )
    assert got.shape == places.shape, f"10 places of 4 numbers are wanted, not {got.shape}."
    assert not np.array_equal(got, places), "Nothing was shuffled."
    rows = {tuple(row) for row in places}
    assert not np.array_equal(got[:, 0] // 4, np.arange(10)) or {tuple(r) for r in got} == rows, (
        "Each class kept its own numbers, in another order. What do we want to cut: what a place "
        "is, or whose it is?"
    )
    assert {tuple(row) for row in got} == rows, (
        "Some places are no place of a class any more: two were mixed, or some were drawn twice. Move "
        "whole rows, each once."
    )
    assert not np.array_equal(got, shuffled(places.copy(), np.random.default_rng(1))), (
        "With another rng it should come out otherwise: let `rng` draw."
    )
    assert np.array_equal(got, shuffled(places.copy(), np.random.default_rng(0))), (
        "With the same rng it should come out the same, so that others can repeat it. Who draws in "
        "yours: `rng`, or `np.random`?"
    )
    return "All places are still there. Only whose they are has changed."


HINTS_3 = [
    "A row is a class's place. Whole rows have to move, each to another class.",
    "rng.permutation(places) gives a copy with the rows in random order.",
]


def wrong_3():
    def in_place(places, rng):
        rng.shuffle(places)
        return places

    def columns(places, rng):
        return rng.permutation(places, axis=1)

    def drawn(places, rng):
        return places[rng.integers(0, len(places), len(places))]

    def numbers(places, rng):
        return rng.permuted(places, axis=0)

    def own_rng(places, rng):
        return np.random.default_rng(5).permutation(places)

    def global_rng(places, rng):
        return np.random.permutation(places)

    return [
        global_rng,
        in_place,
        columns,
        drawn,
        numbers,
        own_rng,
        lambda places, rng: places,
        lambda places, rng: rng.permutation(len(places)),
        lambda places, rng: rng.normal(size=places.shape),
    ]


def solution_4():
    def hinge(scores, right, margin):
        costs = np.maximum(0, margin - scores[right] + scores)
        return costs.sum() - costs[right]  # a word is not its own wrong answer

    return hinge


def check_4(hinge):
    scores = np.array([0.1, 0.5, 0.4, 0.6])
    given = scores.copy()
    loss = hinge(given, 1, 0.2)
    assert np.array_equal(given, scores), (
        "`scores` itself was changed, and whoever handed it over still needs it. Work on a copy, or "
        "subtract the right word's cost from the sum."
    )
    assert not np.isclose(loss, hinge(scores.copy(), 1, 0.5)), (
        "With a margin of 0.5 you have the same loss as with 0.2. Does your function use its `margin`?"
    )
    assert not np.isclose(loss, 0.6), (
        "0.2 too much, the margin. Can the right word be its own wrong answer? Leave it out."
    )
    assert not np.isclose(loss, 0.2), (
        "The word with the cosine 0.1 is farther than the margin: it costs nothing. Yours earns "
        "something for it. Where does max(0, ...) belong?"
    )
    assert not np.isclose(loss, 0.4 / 3), "The sum over the wrong words, not their mean."
    assert not np.isclose(loss, 0.3), "Not the worst wrong word alone: the sum over all of them."
    assert np.isclose(loss, 0.4), (
        f"For the scores {scores.tolist()}, number 1 and a margin of 0.2 it should be 0 + 0.1 + 0.3 = "
        f"0.4, and is {loss:.2f}."
    )
    assert np.isclose(hinge(np.array([0.9, 0.2, -0.3]), 0, 0.3), 0), (
        "All wrong words are farther by more than the margin, so the loss is 0."
    )
    assert np.isclose(hinge(np.array([0.2, 0.2, 0.2]), 2, 1.0), 2.0), (
        "Two wrong words as near as the right one cost a margin each, 2 in all."
    )
    return (
        "Once all wrong words are far enough away, there is nothing left to learn from the picture."
    )


HINTS_4 = [
    "For each word: margin - scores[right] + its own score, but never below 0. For the right word that "
    "is the margin.",
    "costs = np.maximum(0, margin - scores[right] + scores); their sum without costs[right].",
]


def wrong_4():
    def with_right(scores, right, margin):
        return np.maximum(0, margin - scores[right] + scores).sum()

    def no_floor(scores, right, margin):
        costs = margin - scores[right] + scores
        return costs.sum() - costs[right]

    def floor_on_sum(scores, right, margin):
        costs = margin - scores[right] + scores
        return np.maximum(0, costs.sum() - costs[right])

    def mean(scores, right, margin):
        return np.maximum(0, margin - scores[right] + np.delete(scores, right)).mean()

    def worst(scores, right, margin):
        return np.maximum(0, margin - scores[right] + np.delete(scores, right)).max()

    def other_sign(scores, right, margin):
        return np.maximum(0, margin + scores[right] - np.delete(scores, right)).sum()

    def fixed_margin(scores, right, margin):
        return np.maximum(0, 0.1 - scores[right] + np.delete(scores, right)).sum()

    def overwritten(scores, right, margin):
        score, scores[right] = scores[right], -np.inf
        return np.maximum(0, margin - score + scores).sum()

    return [
        fixed_margin,
        overwritten,
        with_right,
        no_floor,
        floor_on_sum,
        mean,
        worst,
        other_sign,
        0.4,
    ]
