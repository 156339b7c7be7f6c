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
    # by cosine: 2, 0, 1, 4, 3; by the dot product: 1, 0, 2, 4, 3
    best = rank_of(point, candidates, 2)
    assert best != 0, "Your nearest has the rank 0. How many are nearer than the nearest? Add one."
    assert best != 5, "Your nearest comes last. Is a large cosine near or far?"
    assert best != 3, (
        "The place (9, 9, 9) won although it points elsewhere: it is only long. What does the cosine "
        "divide by?"
    )
    assert best != 2, (
        "argsort says which candidate stands first, second, ...; its entry at `right` is not the rank "
        "of `right`. Count those that are nearer."
    )
    assert rank_of(point * 7, candidates, 1) == 3, (
        "(9, 9, 9) should be the third. The cosine looks at directions alone: by lengths or distances "
        "you get another order."
    )
    order = [2, 0, 1, 4, 3]
    for rank, right in enumerate(order, 1):
        got = rank_of(point, candidates, right)
        assert got == rank, f"Candidate {right} should have the rank {rank}, and has {got}."
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

    return [product, from_zero, farthest_first, distance, winner, sorted_once, 1]


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
    assert np.isclose(share, 5 / 53, atol=0.001), (
        "All 53 places are equally likely for the right noun. How many of them are good?"
    )
    assert not np.isclose(rank, 26.5), (
        "The mean of 1 and 2 is 1.5, not 1. The mean of 1, 2, ... 53?"
    )
    assert not np.isclose(rank, 26), "The first has rank 1, not 0."
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

    return [
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
    loss = hinge(scores.copy(), 1, 0.2)
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

    return [with_right, no_floor, floor_on_sum, mean, worst, other_sign, 0.4]
