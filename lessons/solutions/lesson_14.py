"""Lesson 14's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    # both hold 5 x 10 pixels, and either 100 + 100 - 50
    return 50 / 150


def check_1(iou_of_squares):
    found = iou_of_squares
    assert not np.isclose(found, 0.5), (
        "Half of a square is shared. But of how many pixels is that a share: how many does the union hold?"
    )
    assert not np.isclose(found, 0.25), (
        "200 pixels counts the shared ones twice. How many different pixels are there?"
    )
    assert not np.isclose(found, 2 / 3), (
        "That is one square over the union. Which pixels are in both?"
    )
    assert not np.isclose(found, 3), "The union stands below: the IoU is never above 1."
    assert np.isclose(found, 1 / 3, atol=0.006), (
        "Draw them, and count: pixels in both squares, and pixels in at least one of them."
    )
    return "Half an overlap is a third in IoU: it is a strict judge."


HINTS_1 = [
    "How many pixels are in both squares? In at least one of them?",
    "50 pixels are in both. The two squares have 200 together, but 50 of those are counted twice.",
]


def wrong_1():
    return [0.5, 0.25, 2 / 3, 3, 50, 0.4, 0]


def solution_2():
    def mean_iou(counts):
        both = np.diag(counts)
        either = counts.sum(axis=0) + counts.sum(axis=1) - both
        there = either > 0  # a class that is nowhere has no IoU
        return np.mean(both[there] / either[there])

    return mean_iou


def check_2(mean_iou):
    counts = np.array([[80, 5, 3], [10, 20, 0], [6, 4, 30]])
    both, rows, columns = np.diag(counts), counts.sum(1), counts.sum(0)
    with np.errstate(all="ignore"):
        found = float(mean_iou(counts))
    assert not np.isclose(found, both.sum() / counts.sum()), (
        "That is the accuracy of pixels, which black does well in."
    )
    assert not np.isclose(found, both.sum() / (rows + columns - both).sum()), (
        "You add up all classes and divide once: the large ones decide. One IoU a class first, then their mean."
    )
    assert not np.isclose(found, np.mean(both / rows)), (
        "You divide by what is of a class in truth. Whoever paints all birds gets all of bird. What else "
        "belongs to the union?"
    )
    assert not np.isclose(found, np.mean(both / columns)), (
        "You divide by what is called a class. What else belongs to the union?"
    )
    assert not np.isclose(found, np.mean(both / (rows + columns))), (
        "A row and a column both hold the pixels on the diagonal. How often do you count them?"
    )
    assert not np.isclose(found, np.mean(2 * both / (rows + columns))), "That is the mean Dice."
    right = np.mean(both / (rows + columns - both))
    assert np.isclose(found, right), (
        f"For {counts.tolist()} it should be {right:.4f}, and yours is {found:.4f}."
    )
    with np.errstate(all="ignore"):
        found = float(mean_iou(np.array([[90, 0, 0], [10, 0, 0], [0, 0, 0]])))
    assert not np.isnan(found), (
        "A class that is in neither makes 0 / 0, and the mean becomes NaN. Leave the class out."
    )
    assert not np.isclose(found, (0.9 + 0 + 1) / 3), (
        "A class that is in neither counts as perfect in yours. Paint all black: how good does that look?"
    )
    assert not np.isclose(found, (0.9 + 0 + 0) / 3), (
        "A class that is in neither counts as missed in yours. Was there anything to find?"
    )
    assert not np.isclose(found, 0.9), (
        "A class that is in the truth and never in the guess has an IoU, which is 0. Only one that is in "
        "neither is left out."
    )
    assert np.isclose(found, 0.45), (
        "For a table with one class that is missed, and one that is in neither, the mean of two is right: "
        f"0.45, and yours is {found:.4f}."
    )
    found = float(mean_iou(np.array([[80, 20], [0, 0]])))
    assert np.isclose(found, 0.4), (
        "A class that is painted and never there in truth has an IoU, which is 0. Only one that is in neither is "
        f"left out. For [[80, 20], [0, 0]] it should be 0.4, and yours is {found:.4f}."
    )
    counts = np.diag([10, 20, 30, 40, 50]) + 1
    found, right = float(mean_iou(counts)), np.mean([11 / 19, 21 / 29, 31 / 39, 41 / 49, 51 / 59])
    assert np.isclose(found, right), (
        f"For a table of five classes it should be {right:.4f}, and yours is {found:.4f}: how many classes has it?"
    )
    return "So one table, from all pictures, is enough for accuracy, IoU and Dice."


HINTS_2 = [
    "np.diag(counts) are the pixels that are in both. Which sums hold all pixels of a class in truth, and "
    "all that are called so?",
    "The union is the row's sum plus the column's, less the diagonal, which is in both.",
    "Take the mean over the classes whose union is not empty.",
]


def wrong_2():
    def unions(counts):
        return counts.sum(0) + counts.sum(1) - np.diag(counts)

    def perfect(counts):
        either = unions(counts)
        return np.mean(np.where(either > 0, np.diag(counts) / np.maximum(either, 1), 1))

    def missed(counts):
        return np.mean(np.diag(counts) / np.maximum(unions(counts), 1))

    def only_hit(counts):
        there = np.diag(counts) > 0
        return np.mean(np.diag(counts)[there] / unions(counts)[there])

    def only_true(counts):
        there = counts.sum(1) > 0
        return np.mean(np.diag(counts)[there] / unions(counts)[there])

    def first_three(counts):
        there = unions(counts)[:3] > 0
        return np.mean(np.diag(counts)[:3][there] / unions(counts)[:3][there])

    return [
        only_true,
        first_three,
        lambda counts: np.trace(counts) / counts.sum(),
        lambda counts: np.mean(np.diag(counts) / unions(counts)),
        lambda counts: np.nanmean(np.diag(counts) / counts.sum(1)),
        lambda counts: np.nanmean(np.diag(counts) / counts.sum(0)),
        lambda counts: np.nanmean(np.diag(counts) / (counts.sum(0) + counts.sum(1))),
        lambda counts: np.nanmean(2 * np.diag(counts) / (counts.sum(0) + counts.sum(1))),
        lambda counts: np.trace(counts) / unions(counts).sum(),
        perfect,
        missed,
        only_hit,
    ]


def solution_3():
    # halfway between 2 and 4 is 3, the number of another class
    return "fruit"


def check_3(class_between):
    found = class_between.strip().lower().removeprefix("a ")
    assert found not in ("none", "no class", "nothing", "background"), (
        "Each number is a class. What is the mean of 2 and 4?"
    )
    found = found.replace("fruits", "fruit").removesuffix("s")
    assert found not in ("bird", "flower", "both"), (
        "Nearest would choose one of the two. Bilinear computes a mean of the two numbers: which one?"
    )
    assert found in ("fruit", "vegetable", "fruit or vegetable"), (
        "Compute the mean of the two numbers, and look it up in NAMES."
    )
    return "A seam of fruit between bird and flower. Numbers of classes are names, and names have no mean."


HINTS_3 = ["What is the mean of 2 and 4?", "Which class has the number 3? NAMES[3] says it."]


def wrong_3():
    return ["none", "bird", "flower", "background", "mammal", "both"]


def solution_4():
    # each layer adds 12 to what there was, and the last one sees what the three before it have added
    return 48 + 4 * 12, 48 + 3 * 12


def check_4(maps_of_block):
    found = [int(count) for count in maps_of_block]
    assert found != [84, 96], "Both are right, in the other order: what the block hands on first."
    assert len(found) == 2, "A pair: maps handed on, and maps that the last layer sees."
    assert found[0] != 48, "That is what the layers made, or what was given. And the two together?"
    assert found[0] != 60, "Only one layer of four is counted."
    assert found[0] == 96, "What was given, and 12 more from each of the four layers."
    assert found[1] != 96, "The last layer cannot see its own maps."
    assert found[1] not in (12, 48, 60), (
        "In a dense block a layer sees what the block was given *and* what all layers before it made."
    )
    assert found[1] == 84, "How many layers stand before the last one? Each has added 12."
    return "Each layer is narrow, and sees a great deal."


HINTS_4 = [
    "What does a layer receive, and what does it add?",
    "The first layer sees 48, and then there are 60. What does the second see?",
]


def wrong_4():
    return [
        (96, 96),
        (48, 36),
        (48, 84),
        (60, 48),
        (96, 48),
        (96, 60),
        (96, 12),
        (84, 96),
        (192, 84),
    ]
