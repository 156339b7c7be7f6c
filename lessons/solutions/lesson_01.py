"""Lesson 01's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    # 512 weights for each of 5 classes, and a bias for each
    return 512 * 5 + 5


def check_1(n_weights):
    assert n_weights != 512 * 5, "What would this head answer for a picture whose features are 0?"
    assert n_weights != 512 + 5, "Does one weight serve all five classes, or has each its own?"
    assert n_weights != 512 * 4 + 4, "That is the head for four classes. This one has five."
    assert n_weights != 512 + 1, "That is one class. There are five."
    assert n_weights == 2565, "Count for one class first: how many numbers does its score need?"
    return "512 weights and a bias for each class: small beside the 722,496 below it."


HINTS_1 = [
    "How many features does one class weigh? And which number is added after that?",
    "One class needs 512 weights and one bias. There are five classes.",
]


def wrong_1():
    return [2560, 517, 2052, 513, 512, "2565", None]


def solution_2():
    def hold_out(groups, seed=0):
        groups = np.asarray(groups)
        names = np.random.default_rng(seed).permutation(np.unique(groups))
        held_out = np.zeros(len(groups), bool)
        for name in names:
            if held_out.mean() >= 0.25:
                break
            held_out |= groups == name
        return held_out

    return hold_out


def check_2(hold_out):
    for seed, sizes in enumerate(([1] * 40, [5] * 12, [3, 1, 4, 1, 5, 2, 2, 6, 5, 4])):
        groups = np.repeat([f"group {i}" for i in range(len(sizes))], sizes)
        groups = np.random.default_rng(seed).permutation(groups)
        mask = hold_out(groups, seed)
        assert mask.shape == groups.shape and mask.dtype == bool, (
            "The mask needs one True or False for each picture, in the pictures' order."
        )
        split = [name for name in set(groups) if len(set(mask[groups == name])) == 2]
        assert not split, (
            f"{len(split)} of the groups lie on both sides. Which pictures must travel together? "
            "Draw once for each group, not for each picture."
        )
        assert 0 < mask.mean() < 1, "One of the two sides is empty."
        assert 0.15 <= mask.mean() <= 0.45, (
            f"{mask.mean():.0%} of the pictures are held out; about a quarter was asked for."
        )
        again = hold_out(groups, seed)
        assert (again == mask).all(), (
            "The same groups and seed gave another mask: nobody could repeat your result. "
            "Use np.random.default_rng(seed)."
        )
    names = np.array([f"picture {i}" for i in range(40)])
    assert not np.array_equal(hold_out(names, 1), hold_out(names, 2)), (
        "Two seeds hold out the same groups: choose them by chance, from np.random.default_rng(seed)."
    )
    return "Now the test can say something about magpies that nobody has photographed yet."


HINTS_2 = [
    "np.unique(groups) names each group once. Draw from these names, not from the pictures.",
    "Take one group after the other from a shuffled list until a quarter of the pictures is held "
    "out; groups == name is the mask of one group, and a |= b joins masks.",
]


def wrong_2():
    def pictures(groups, seed=0):
        return np.random.default_rng(seed).random(len(groups)) < 0.25

    def last_quarter(groups, seed=0):
        return np.arange(len(groups)) >= 0.75 * len(groups)

    def names(groups, seed=0):
        unique = np.unique(groups)
        return unique[: len(unique) // 4]

    def nobody(groups, seed=0):
        return np.zeros(len(groups), bool)

    def unseeded(groups, seed=0):
        chosen = np.random.default_rng().permutation(np.unique(groups))
        return np.isin(groups, chosen[: max(1, round(len(chosen) * 0.25))])

    def in_order(groups, seed=0):
        mask = np.zeros(len(groups), bool)
        for name in np.unique(groups):
            if mask.mean() < 0.25:
                mask |= groups == name
        return mask

    return [pictures, last_quarter, names, nobody, unseeded, in_order, None]


def material_3(images):
    """The friend's photographs as they reach the network; what was done to them is the question."""
    from utils.nets import preprocess

    return preprocess(images) / 255


def solution_3():
    return "scale"


def check_3(what_is_wrong):
    answer = what_is_wrong.strip().lower()
    assert "dropout" not in answer, (
        "Nothing is overfitted: the network is fine with one array. Compare what the two arrays "
        "look like at the network's door."
    )
    assert answer != "labels", (
        "There are no labels in these arrays, and both groups were labelled the same way."
    )
    assert answer != "channels", (
        "If two channels had changed places, the means would be the same three numbers in another "
        "order. Are they?"
    )
    assert answer == "scale", 'Answer "scale", "channels" or "labels".'
    return (
        "All is 255 times too small: the friend prepared the pictures, then divided by 255 out of "
        "habit. (Divided and never prepared, as in the accident above, they would be 0 to 1.)"
    )


HINTS_3 = [
    "Compare three things: the smallest value, the largest value, and the three channel means.",
    "What would you have to multiply the second array by, to make it look like the first?",
]


def wrong_3():
    return ["channels", "labels", "dropout", "more data", 3]


def solution_4():
    def disagreements(right_a, right_b):
        a, b = np.asarray(right_a, bool), np.asarray(right_b, bool)
        return int((a & ~b).sum()), int((b & ~a).sum())

    return disagreements


def check_4(disagreements):
    a = [True] * 44 + [False] * 6
    b = [True] * 40 + [False] * 4 + [True] * 5 + [False]
    try:
        pair = disagreements(a, b)
    except (AttributeError, TypeError) as error:
        assert "list" not in str(error) and "'bool' object" not in str(error), (
            "A Python list knows neither ~ nor &: make masks first, a = np.array(right_a)."
        )
        raise
    assert pair != (44, 45), "Those are the totals. List only the pictures they differ on."
    assert pair != (5, 4), "The order is: only A right, then only B right."
    assert pair == (4, 5), f"For the boss's two models that gives {pair}, not (4, 5)."
    assert disagreements([True], [True]) == (0, 0), "Both right is no disagreement."
    return "4 against 5: had one photograph come out otherwise, it would be a tie. Ship either."


HINTS_4 = [
    "A picture counts for A if A is right and B is not. Write that for one picture first.",
    "With NumPy masks a and b: (a & ~b).sum() counts the pictures that only A got right.",
]


def wrong_4():
    return [
        lambda a, b: (sum(a), sum(b)),
        lambda a, b: (
            int((np.asarray(b) & ~np.asarray(a)).sum()),
            int((np.asarray(a) & ~np.asarray(b)).sum()),
        ),
        lambda a, b: ((a & ~b).sum(), (b & ~a).sum()),
        lambda a, b: sum(x != y for x, y in zip(a, b, strict=True)),
        lambda a, b: ((a != b).sum(), 0),
        lambda a, b: (sum(x and y for x, y in zip(a, b, strict=True)), 0),
        (4, 5),
    ]
