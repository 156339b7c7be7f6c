"""Lesson 13's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def softmax(scores):
    """The lesson's own, which exercise 13.2 may use."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def solution_1():
    # Scores ln 3 and 0, their powers of e 3 and 1: weights 3/4 and 1/4.
    return 0.75 * 10 + 0.25 * 20


def check_1(found_value):
    assert not np.isclose(found_value, 10), (
        "That is what a dictionary would find. The score of the second key is 0: is its share nothing?"
    )
    assert not np.isclose(found_value, 15), (
        "That is the mean. Do both keys match the query equally well?"
    )
    assert not np.isclose(found_value, 17.5), (
        "Nearly: which of the two keys points along the query, and what is its value?"
    )
    assert not np.isclose(found_value, 50), (
        "The powers of e are 3 and 1. What do the weights have to add up to?"
    )
    assert not np.isclose(found_value, 10 * np.log(3)), (
        "A score is not yet a weight: first the softmax."
    )
    assert np.isclose(found_value, 12.5), (
        "First both scores, then e to the power of each, then their shares. Which mean of 10 and 20 is it?"
    )
    return "A score of 0 is a quarter here: the softmax leaves nobody without a share."


HINTS_1 = [
    "The scores are ln 3 and 0. What is e to the power of ln 3, and what is e to the power of 0?",
    "The weights are 3 / (3 + 1) and 1 / (3 + 1).",
]


def wrong_1():
    return [10, 15, 17.5, 50, 10 * np.log(3), (12.5, 12.5)]


def solution_2():
    def scaled_attention(q, k, v, mask):
        scores = np.where(mask, q @ k.T / np.sqrt(q.shape[-1]), -1e9)
        return softmax(scores) @ v

    return scaled_attention


def check_2(scaled_attention):
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 1, 1, 0]], bool)
    raw = q @ k.T
    right = softmax(np.where(mask, raw / 2, -np.inf)) @ v
    got = scaled_attention(q.copy(), k.copy(), v.copy(), mask.copy())
    assert got.shape == (3, 2), (
        f"Three queries find values of two numbers, so (3, 2) is wanted, not {got.shape}."
    )

    def is_like(scores):
        return np.allclose(got, scores @ v)

    assert not is_like(softmax(raw / 2) * mask), (
        "The mask comes after your softmax. What do the weights of one row then add up to?"
    )
    assert not is_like(softmax(raw / 2 * mask)), (
        "Your masked scores are 0. What is e to the power of 0?"
    )
    assert not is_like(softmax(raw / 2)), "The mask changes nothing. Where does it come in?"
    assert not is_like(softmax(np.where(mask, raw, -np.inf))), (
        "The scores are not divided. By what are they, and why?"
    )
    assert not is_like(softmax(np.where(mask, raw / 5**0.5, -np.inf))), (
        "You divide by the root of the number of keys. Double the keys: did any score grow?"
    )
    assert not is_like(softmax(np.where(mask, raw / 3**0.5, -np.inf))), (
        "You divide by the root of the number of queries. What is d: how many numbers has one key?"
    )
    assert not is_like(softmax(np.where(mask, raw / 4, -np.inf))), (
        "You divide by d. The deviation of the scores is its root."
    )
    assert not is_like(softmax(np.where(mask, raw / 2, -np.inf).T).T), (
        "Your softmax goes over the queries. Whose shares must add up to 1: those of one query, over "
        "the keys."
    )
    assert not is_like(softmax(np.where(~mask, raw / 2, -1e9))), (
        "True in the mask is where a query may look. Yours looks everywhere else."
    )
    assert np.allclose(got, right, atol=1e-6), (
        "Not yet: the scores q @ k.T over the root of d; a very low score where the mask is False; a "
        "softmax; the values mixed by these weights."
    )
    assert np.allclose(scaled_attention(100 * q, k, v, mask)[1:], _hard(100 * q, k, v, mask)[1:]), (
        "With scores a hundred times as large something masked comes through. Put -1e9 in its place."
    )
    return "Four lines, and all transformers are made of them."


def _hard(q, k, v, mask):
    return softmax(np.where(mask, q @ k.T / 2, -np.inf)) @ v


HINTS_2 = [
    "Scores first: q @ k.T is (n, m). Divide by the root of how many numbers a key has.",
    "np.where(mask, scores, -1e9) comes before the softmax, and the weights @ v after it.",
]


def wrong_2():
    def after(q, k, v, mask):
        return (softmax(q @ k.T / np.sqrt(q.shape[-1])) * mask) @ v

    def zero(q, k, v, mask):
        return softmax(q @ k.T / np.sqrt(q.shape[-1]) * mask) @ v

    def no_mask(q, k, v, mask):
        return softmax(q @ k.T / np.sqrt(q.shape[-1])) @ v

    def no_root(q, k, v, mask):
        return softmax(np.where(mask, q @ k.T, -1e9)) @ v

    def root_of_keys(q, k, v, mask):
        return softmax(np.where(mask, q @ k.T / np.sqrt(len(k)), -1e9)) @ v

    def by_d(q, k, v, mask):
        return softmax(np.where(mask, q @ k.T / q.shape[-1], -1e9)) @ v

    def over_queries(q, k, v, mask):
        scores = np.where(mask, q @ k.T / np.sqrt(q.shape[-1]), -1e9)
        return softmax(scores.T).T @ v

    def other_way(q, k, v, mask):
        return softmax(np.where(mask, -1e9, q @ k.T / np.sqrt(q.shape[-1]))) @ v

    def gentle(q, k, v, mask):
        return softmax(np.where(mask, q @ k.T / np.sqrt(q.shape[-1]), -9)) @ v

    def weights_only(q, k, v, mask):
        return softmax(np.where(mask, q @ k.T / np.sqrt(q.shape[-1]), -1e9))

    return [
        after,
        zero,
        no_mask,
        no_root,
        root_of_keys,
        by_d,
        over_queries,
        other_way,
        gentle,
        weights_only,
        12.5,
    ]


def solution_3():
    return 1 + 2 + 3 + 4 + 5 + 6


def check_3(possible_weights):
    assert possible_weights != 15, "May a word look at itself?"
    assert possible_weights != 36, "May the first word look at the last?"
    assert possible_weights != 6, "May a word look only at itself? Draw the square."
    assert possible_weights != 30, "Those are all but the diagonal. Where does the future stand?"
    assert possible_weights != 18, (
        "Half of 36, and the diagonal counts as a whole: draw the square."
    )
    assert possible_weights == 21, (
        "The first word may look at 1, the second at 2, the third at ...?"
    )
    return "A triangle with its diagonal."


HINTS_3 = [
    "Draw a square of six rows and six columns. Which cells of the third row may be other than 0?",
    "1 + 2 + 3 + ... for six rows.",
]


def wrong_3():
    return [15, 36, 6, 30, 18, (21, 15)]


def solution_4():
    return 17 / 20, 2 / 5


def check_4(accuracies):
    with_padding, without = accuracies
    assert not np.isclose(with_padding, 0.4) or not np.isclose(without, 0.85), (
        "The other way round: first the accuracy in which the padding counts."
    )
    assert not np.isclose(with_padding, 0.75), (
        "That is the padding alone. It also gets two of the real tokens right."
    )
    assert not np.isclose(with_padding, 17), "A share: 17 of how many?"
    assert np.isclose(with_padding, 0.85), "How many of all 20 tokens are right?"
    assert not np.isclose(without, 0.1), "2 of how many real tokens?"
    assert not np.isclose(without, 2 / 15), (
        "There are 15 tokens of padding, and how many real ones?"
    )
    assert np.isclose(without, 0.4), "How many of the real tokens are right?"
    return "0.85 looks like a good network. How many of these 20 needed any French?"


HINTS_4 = [
    "15 tokens of padding are right in any case. How many are right in all?",
    "17 of 20, and 2 of 5.",
]


def wrong_4():
    return [(0.4, 0.85), (0.75, 0.4), (0.85, 0.1), (0.85, 2 / 15), (17, 2), (0.85, 0.85), 0.85]


def solution_5():
    # A word without a fault is fed the same letters either way, and one with a fault has it either way.
    return 511


def check_5(words_right):
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


HINTS_5 = [
    "Follow one word letter by letter, under teacher forcing and without it. Where do they part?",
    "Until the first fault the network is fed the same letters. So which words are without a fault?",
]


def wrong_5():
    # fewer, as errors add up; many fewer (every fault spoils all that follows); more; the rest; a share
    return [450, 261, 600, 489, 0.511, 0, 1000]
