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
    assert 0 <= best_share <= 1, "A share lies between 0 and 1: a quarter is 0.25."
    assert np.isclose(best_share, 0.5), (
        "Say you always write the same word for the same sound. How many of the six are then right?"
    )
    return "One word for each sound: different sounds, divided by words."


HINTS_1 = [
    "Of three words that sound alike you are right in one of three, whichever you write.",
    "Three words at 1/3, two at 1/2, one at 1: what is their mean?",
]


def wrong_1():
    # all; one word; the first group; a mean over sounds; a count; what is lost for sure; per cent
    return [1, 1 / 6, 1 / 3, (1 / 3 + 1 / 2 + 1) / 3, 3, 2 / 3, 50]


def solution_2():
    # A word without a fault is fed the same letters either way, and one with a fault has it either way.
    return 511


def check_2(words_right):
    assert words_right != 489, "Those are the words with a fault under teacher forcing."
    assert words_right == 0 or words_right >= 1, "That looks like a share. How many of 1,000 words?"
    assert words_right >= 511, (
        "Fewer? Take a word that is right under teacher forcing: which letter would the network have "
        "fed itself otherwise?"
    )
    assert words_right <= 511, (
        "More? Take a word with a fault under teacher forcing. Up to its first fault, is anything "
        "different if the network feeds itself?"
    )
    return "The first fault is common to both. Only what comes after it differs."


HINTS_2 = [
    "Follow one word letter by letter, under teacher forcing and without it. Where do they part?",
    "Until the first fault the network is fed the same letters. So which words are without a fault?",
]


def wrong_2():
    # fewer, as errors add up; many fewer (every fault spoils all that follows); more; the rest; a share
    return [450, 261, 600, 489, 0.511, 0.6, 0, 1000]


def solution_3():
    # Each beginning grows by each letter that may follow it; then the best of all are kept.
    def grow(beginnings, next_chances, width):
        longer = [
            (text + letter, p * chance)
            for text, p in beginnings
            for letter, chance in next_chances(text).items()
        ]
        return sorted(longer, key=lambda pair: pair[1], reverse=True)[:width]

    return grow


def _network(text):
    """The network of the exercise."""
    after = {"": {"c": 0.6, "k": 0.3, "q": 0.1}, "c": {"a": 0.4, "o": 0.35, "e": 0.25}}
    after |= {"k": {"n": 0.9, "e": 0.1}, "q": {"u": 1.0}}
    return after[text]


def _other_network(text):
    """Another one, whose best letters are not the first in the dict."""
    return {"in": {"k": 0.2, "n": 0.8}, "o": {"r": 0.3, "f": 0.7}}[text]


def check_3(grow):
    first = grow([("", 1.0)], _network, 2)
    assert len(first) == 2, (
        f"From the empty beginning, a width of 2 keeps two of c, k and q, and yours keeps {len(first)}."
    )
    assert {len(text) for text, _ in first} == {1}, (
        "All texts are one letter longer than their beginnings: text + letter."
    )
    assert dict(first).keys() == {"c", "k"}, (
        "From the empty beginning a width of 2 keeps c (0.6) and k (0.3), the two likeliest."
    )
    assert first[0][0] == "c", "Right texts, but the best one comes first."
    start = [("c", 0.6), ("k", 0.3)]
    texts = grow(start, _network, 5)
    assert len(texts) == 5, "c grows by three letters and k by two: a width of 5 keeps all of them."
    found = dict(texts)
    assert found.keys() == {"ca", "co", "ce", "kn", "ke"}, (
        "c grows by a, o and e, and k by n and e: which are the five texts?"
    )
    assert not np.isclose(found["kn"], 0.9), (
        "kn has 0.9 in yours: how likely are both letters together, the first and the second?"
    )
    assert not np.isclose(found["kn"], 1.2), (
        "Chances are multiplied along a text, not added: one of 1.2 there cannot be."
    )
    assert np.isclose(found["kn"], 0.27) and np.isclose(found["ca"], 0.24), (
        "How likely is a longer text: the chance of its beginning, times what?"
    )
    assert [text for text, _ in texts] == ["kn", "ca", "co", "ce", "ke"], (
        "The best one comes first, whichever beginning it has."
    )
    two = [text for text, _ in grow(start, _network, 2)]
    assert two == ["kn", "ca"], (
        f"Of c and k a width of 2 keeps kn and ca, and yours keeps {' and '.join(two)}."
    )
    few = grow([("o", 0.5), ("in", 0.4)], _other_network, 3)
    assert [text for text, _ in few] == ["of", "inn", "or"], (
        "For another network, width 3: of o (0.5, then f 0.7 or r 0.3) and in (0.4, then n 0.8 or k "
        f"0.2) yours keeps {', '.join(text for text, _ in few)}. Take the three best of all four."
    )
    assert grow([("k", 0.3)], _network, 5) == grow([("k", 0.3)], _network, 2), (
        "With fewer texts than the width, all of them are kept."
    )
    return "All beginnings compete with each other. A width of 2 finds kn (0.27), a width of 1 only ca (0.24)."


HINTS_3 = [
    "Collect all longer texts in one list: for each beginning, for each letter that may come next.",
    "A longer text is as likely as its beginning, times the chance of its new letter.",
    "`sorted(longer, key=lambda pair: pair[1], reverse=True)` puts the likeliest first. Of it take `width`.",
]


def wrong_3():
    def every(beginnings, next_chances, join=lambda p, chance: p * chance):
        return [
            (text + letter, join(p, chance))
            for text, p in beginnings
            for letter, chance in next_chances(text).items()
        ]

    def best(longer, width, reverse=True):
        return sorted(longer, key=lambda pair: pair[1], reverse=reverse)[:width]

    def forgets_the_beginning(beginnings, next_chances, width):
        return best(every(beginnings, next_chances, lambda p, chance: chance), width)

    def adds(beginnings, next_chances, width):
        return best(every(beginnings, next_chances, lambda p, chance: p + chance), width)

    def worst_first(beginnings, next_chances, width):
        return best(every(beginnings, next_chances), width, reverse=False)

    def in_the_order_found(beginnings, next_chances, width):
        return every(beginnings, next_chances)[:width]

    def keeps_all(beginnings, next_chances, width):
        return best(every(beginnings, next_chances), None)

    def keeps_so_many_of_each(beginnings, next_chances, width):
        return [pair for each in beginnings for pair in best(every([each], next_chances), width)]

    def grows_the_best_alone(beginnings, next_chances, width):
        return best(every(beginnings[:1], next_chances), width)

    def greedy_for_each(beginnings, next_chances, width):
        return best([best(every([each], next_chances), 1)[0] for each in beginnings], width)

    def writes_only_the_letter(beginnings, next_chances, width):
        return best([(text[-1:], p) for text, p in every(beginnings, next_chances)], width)

    def sorted_by_text(beginnings, next_chances, width):
        return sorted(every(beginnings, next_chances))[:width]

    return [
        forgets_the_beginning,
        adds,
        worst_first,
        in_the_order_found,
        keeps_all,
        keeps_so_many_of_each,
        grows_the_best_alone,
        greedy_for_each,
        writes_only_the_letter,
        sorted_by_text,
        (0.24, 0.27),
    ]
