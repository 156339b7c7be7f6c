"""Lesson 13b's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    # Three sounds for six words: of each group one of its words can be right.
    return 3 / 6


def check_1(best_share):
    assert not np.isclose(best_share, 1), (
        "You hear the first sound: can you know which of the three words is meant?"
    )
    assert not np.isclose(best_share, 1 / 6), "Is there not a single word that you can be sure of?"
    assert not np.isclose(best_share, 1 / 3), (
        "That is your share of raise, rays and raze alone. The other three words do better."
    )
    assert not np.isclose(best_share, (1 / 3 + 1 / 2 + 1) / 3), (
        "That is the mean over three sounds. But the words are read out equally often, and three of the six "
        "have the first sound."
    )
    assert not np.isclose(best_share, 3), "A share: 3 of how many?"
    assert np.isclose(best_share, 0.5), (
        "Say you always write the same word for the same sound. How many of the six are then right?"
    )
    return "One word for each sound: different sounds, divided by words."


HINTS_1 = [
    "Of three words that sound alike you are right in one of three, whichever you write.",
    "Three words at 1/3, two at 1/2, one at 1: what is their mean?",
]


def wrong_1():
    # all; one word; the first group; a mean over sounds; a count; what is lost for sure
    return [1, 1 / 6, 1 / 3, (1 / 3 + 1 / 2 + 1) / 3, 3, 2 / 3]


def solution_2():
    # A word without a fault is fed the same letters either way, and one with a fault has it either way.
    return 511


def check_2(words_right):
    assert words_right != 489, "Those are the words with a fault under teacher forcing."
    assert not np.isclose(words_right, 0.511), "A number of words, out of 1,000."
    assert words_right >= 511, (
        "Fewer? Take a word that is right under teacher forcing: which letter would the network have "
        "fed itself otherwise?"
    )
    assert words_right <= 511, (
        "More? Take a word with a fault under teacher forcing. Up to its first fault, is anything "
        "different if the network feeds itself?"
    )
    return "The first fault is common to both. Only what comes behind it differs."


HINTS_2 = [
    "Follow one word letter by letter, under teacher forcing and without it. Where do they part?",
    "Until the first fault the network is fed the same letters. So which words are without a fault?",
]


def wrong_2():
    # fewer, as errors add up; many fewer (every fault spoils all that follows); more; the rest; a share
    return [450, 261, 600, 489, 0.511, 0, 1000]


def solution_3():
    # Greedy takes c, then a; a width of 2 keeps c and k, and finds kn.
    return 0.6 * 0.4, 0.3 * 0.9


def check_3(chances):
    greedy, wide = chances
    assert not (np.isclose(greedy, 0.27) and np.isclose(wide, 0.24)), (
        "The other way round: first the width of 1."
    )
    assert not np.isclose(greedy, 0.27), (
        "A width of 1 takes the likeliest first letter: which is it?"
    )
    assert not np.isclose(greedy, 0.6) and not np.isclose(greedy, 0.4), (
        "How likely are both letters together, the first and the second?"
    )
    assert not np.isclose(greedy, 1), "Its chances are multiplied along the word, not added."
    assert np.isclose(greedy, 0.24), (
        "The likeliest first letter, and the likeliest after it: 0.6 times what?"
    )
    assert not np.isclose(wide, 0.24), (
        "A width of 2 keeps c and k. Let both of them grow, and compare all five words."
    )
    assert not np.isclose(wide, 0.9) and not np.isclose(wide, 0.3), (
        "How likely are both letters together, the first and the second?"
    )
    assert not np.isclose(wide, 0.1), "q is the third letter: does a width of 2 keep it?"
    assert not np.isclose(wide, 0.51), (
        "That is the chance of either of two words. How likely is the better one?"
    )
    assert np.isclose(wide, 0.27), "Of the words that begin with c or k, which is the likeliest?"
    return "The better word begins with the letter that is second best."


HINTS_3 = [
    "A word is as likely as its first letter, times its second letter after that first one.",
    "0.6 x 0.4 for the one, and 0.3 x 0.9 for the other.",
]


def wrong_3():
    return [
        (0.24, 0.24),
        (0.27, 0.24),
        (0.27, 0.27),
        (0.6, 0.3),
        (0.4, 0.9),
        (1.0, 1.2),
        (0.24, 0.9),
        (0.24, 0.1),
        (0.24, 0.51),
        (0.24, 0.21),
        0.24,
    ]


def solution_4():
    # he stands there 7 + 5 times, er 5 + 1 + 1. Joined, he is one letter: r follows it five times, and e only twice.
    return 7 + 5, 5


def check_4(join_counts):
    first, second = join_counts
    assert (first, second) != (5, 12), "The other way round: first the first join."
    assert first not in (2, 3), (
        "In how many words a pair is does not matter. How often do these words stand there?"
    )
    assert first != 7, (
        "er is there 5 + 1 + 1 times, and he in `he` alone seven times. Is he in another word, too?"
    )
    assert first != 14, "Those are all words. Which pair is in most of them, and in how many?"
    assert first == 12, "Count each pair as often as its words stand in the text. Which has most?"
    assert second != 7, (
        "Count anew after the first join. Where do e and r still stand side by side, and how often?"
    )
    assert second != 2, "So often e and r are left. But does any pair stand there more often now?"
    assert second != 12, "All of these are one letter by now. What stands beside it most often?"
    assert second == 5, "After the first join, he is one letter. Beside which one is it most often?"
    return (
        "First he, then her: a common word becomes one piece. newer and wider keep an e and an r."
    )


HINTS_4 = [
    "Count h-e and e-r: each as often as the words that have it.",
    "he is joined first. Then he-r stands there five times, and e-r only in newer and wider.",
]


def wrong_4():
    # er first; words counted once; not counted anew; what is left of er; the same once more; the other way round
    return [(7, 12), (3, 2), (2, 1), (12, 7), (12, 2), (12, 12), (5, 12), (14, 5), (12, 6), 12]
