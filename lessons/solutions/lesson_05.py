"""Lesson 05's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import math

import numpy as np


def solution_1():
    def encode(text, numbers, length):
        found = [numbers.get(word, 1) for word in text.split()][:length]
        return found + [0] * (length - len(found))

    return encode


def check_1(encode):
    numbers = {"a": 2, "good": 3, "film": 4, "not": 5}

    def coded(text, length):
        return [int(number) for number in encode(text, numbers, length)]

    row = coded("a good film", 3)
    assert row == [2, 3, 4], f'"a good film" in 3 numbers is [2, 3, 4]; this gives {row}.'
    row = coded("a dreary film", 3)
    assert row != [2, 0, 4], "How will the network tell an unknown word from no word at all?"
    assert len(row) == 3 and row != [2, 4, 0], (
        "The unknown word has vanished. Somebody wrote something there: which number says so?"
    )
    assert row == [2, 1, 4], f"An unknown word has the number 1; this gives {row}."
    row = coded("good film", 4)
    assert len(row) == 4, f"4 numbers are wanted, and {len(row)} came: what fills a short sentence?"
    assert row != [0, 0, 3, 4], "The zeros belong at the end, as the class Vocabulary puts them."
    assert row == [3, 4, 0, 0], f'"good film" in 4 numbers is [3, 4, 0, 0]; this gives {row}.'
    row = coded("a good film not a good", 4)
    assert row != [4, 5, 2, 3], (
        "You cut off the beginning of a long sentence; keep the first words."
    )
    assert len(row) == 4, f"A long sentence gives {len(row)} numbers, and not 4."
    assert row == [2, 3, 4, 5], f"The first four words are wanted; this gives {row}."
    return "0 for no word, 1 for a word nobody knows: two different things."


HINTS_1 = [
    "Three steps: split the text at spaces, look each word up, make the list as long as it should be. "
    "numbers.get(word, 1) looks a word up and gives 1 if it is not there.",
    "found[:length] cuts a list, and found + [0] * how_many lengthens it.",
]


def wrong_1():
    def unknown_is_padding(text, numbers, length):
        found = [numbers.get(word, 0) for word in text.split()][:length]
        return found + [0] * (length - len(found))

    def unknown_left_out(text, numbers, length):
        found = [numbers[word] for word in text.split() if word in numbers][:length]
        return found + [0] * (length - len(found))

    def front_cut(text, numbers, length):
        found = [numbers.get(word, 1) for word in text.split()][-length:]
        return found + [0] * (length - len(found))

    def front_padded(text, numbers, length):
        found = [numbers.get(word, 1) for word in text.split()][:length]
        return [0] * (length - len(found)) + found

    def not_padded(text, numbers, length):
        return [numbers.get(word, 1) for word in text.split()][:length]

    def not_cut(text, numbers, length):
        found = [numbers.get(word, 1) for word in text.split()]
        return found + [0] * (length - len(found))

    return [
        unknown_is_padding,
        unknown_left_out,
        front_cut,
        front_padded,
        not_padded,
        not_cut,
    ]


def solution_2():
    def log_odds(in_praise, in_blame, n_praise, n_blame):
        return np.log((in_praise + 1) / (n_praise + 2)) - np.log((in_blame + 1) / (n_blame + 2))

    return log_odds


def check_2(log_odds):
    with np.errstate(all="ignore"):
        try:
            rare = log_odds(3, 0, 100, 100)
        except (ZeroDivisionError, ValueError):
            rare = math.inf
    assert np.isfinite(rare), (
        "What comes out if no blame has the word? Count one more on each side."
    )
    fair = log_odds(10, 10, 50, 500)
    assert abs(fair) > 1e-9, (
        "10 of 50 and 10 of 500 is not the same: are there as many sentences on both sides?"
    )
    wanted = math.log(11 / 52) - math.log(11 / 502)
    assert not np.isclose(fair, -wanted), "The sign: a word of praise should come out positive."
    assert not np.isclose(fair, math.exp(wanted)), "That is the ratio; its logarithm was asked for."
    assert not np.isclose(fair, wanted / math.log(10)), "The natural logarithm, please: np.log."
    assert not np.isclose(fair, math.log(11 / 51) - math.log(11 / 501)), (
        "Each side gets two more sentences, one with the word and one without it."
    )
    assert not np.isclose(fair, math.log(11 / 50) - math.log(11 / 500)), (
        "If 50 of 50 sentences had the word, this part would be above 1. What did you add to 50?"
    )
    assert np.isclose(fair, wanted), (
        f"10 of 50 against 10 of 500 should give {wanted:.3f}, and not {fair:.3f}."
    )
    assert np.isclose(rare, math.log(4)), (
        f"3 of 100 against none of 100 should give {math.log(4):.3f}, and not {rare:.3f}: of the two "
        "more sentences, one has the word."
    )
    return "Add these up for the words of a sentence, and you have naive Bayes, older than any network."


HINTS_2 = [
    "The part of the praising sentences with the word is in_praise / n_praise. Pretend that there are two "
    "more, one with the word and one without it.",
    "(in_praise + 1) / (n_praise + 2) for praise, the same for blame, and the difference of the "
    "logarithms of the two.",
]


def wrong_2():
    return [
        lambda a, b, n, m: np.log(a / n) - np.log(b / m),
        lambda a, b, n, m: np.log((a + 1) / (b + 1)),
        lambda a, b, n, m: np.log((b + 1) / (m + 2)) - np.log((a + 1) / (n + 2)),
        lambda a, b, n, m: ((a + 1) / (n + 2)) / ((b + 1) / (m + 2)),
        lambda a, b, n, m: np.log10((a + 1) / (n + 2)) - np.log10((b + 1) / (m + 2)),
        lambda a, b, n, m: np.log((a + 1) / n) - np.log((b + 1) / m),
        lambda a, b, n, m: np.log((a + 1) / (n + 1)) - np.log((b + 1) / (m + 1)),
        lambda a, b, n, m: math.log(a / n / (b / m)),
        lambda a, b, n, m: np.log((a + 2) / (n + 2)) - np.log((b + 2) / (m + 2)),
    ]


def solution_3():
    # Single words and an average know no order; pairs and stamps may have met "not bad".
    return [True, False, True, False]


def check_3(must_agree):
    assert len(must_agree) == 4, "Four answers are asked for, one for each program."
    words, pairs, average, stamps = must_agree
    assert not stamps, (
        "A stamp's largest answer counts, wherever it stands. But how many words does one stamp see "
        "at once, and which three does it meet in each sentence?"
    )
    assert not pairs, 'Which of the two sentences has the pair "not bad"?'
    assert words, "Count the words of both sentences. Does a count differ?"
    assert average, "Does a mean change if the things averaged change places?"
    return "The two hold the same words, and who sees no order must answer alike. The others may differ."


HINTS_3 = [
    "Write down, for each of the four, what it makes of the first sentence before it weighs anything.",
    "Both sentences have the same five words. Who of the four could tell that they change places?",
]


def wrong_3():
    return [
        [True, False, False, False],
        [False, False, True, False],
        [True, False, True, True],
        [True, True, True, False],
        [True, True, True, True],
        [False, False, False, False],
        [True, True],
    ]


def solution_4():
    def standard_errors(only_a, only_b):
        return (only_b - only_a) / np.sqrt(only_a + only_b)

    return standard_errors


def check_4(standard_errors):
    value = standard_errors(204, 232)
    assert not np.isclose(value, 28 / 436), (
        "That is the lead as a share of the coins. How far from half do 436 coins land by chance?"
    )
    assert not np.isclose(value, -28 / 436**0.5), "The sign: above 0 if B is ahead."
    assert not np.isclose(value, 14 / 436**0.5), (
        "B has 14 more than half, but the standard deviation of heads is half of the root of 436."
    )
    assert not np.isclose(value, 28 / 436**0.5 * 2), (
        "A's count falls as B's rises: the difference of the two swings twice as far as one of them."
    )
    assert not np.isclose(value, 28), "That is the lead itself. How large a lead does chance give?"
    assert np.isclose(value, 28 / 436**0.5), f"204 and 232 should give 1.34, and not {value:.2f}."
    assert np.isclose(standard_errors(50, 50), 0), "50 and 50 is no lead at all."
    return (
        "1.3 standard errors: one coin in five gives as much to one side or the other. Not on this."
    )


HINTS_4 = [
    "Chance gives heads to half of n coins, give or take the root of n, divided by 2. How far is "
    "only_b from half of all?",
    "Half of all is (only_a + only_b) / 2, so B is (only_b - only_a) / 2 above it. Divide that by "
    "np.sqrt(only_a + only_b) / 2.",
]


def wrong_4():
    return [
        lambda a, b: (b - a) / (a + b),
        lambda a, b: (a - b) / np.sqrt(a + b),
        lambda a, b: b - a,
        lambda a, b: (b - a) / 2 / np.sqrt(a + b),
        lambda a, b: 2 * (b - a) / np.sqrt(a + b),
        lambda a, b: abs(b - a) / np.sqrt(2113),
    ]
