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
    # n, d, m and c have different roots. The second query scores 0 everywhere, the last one has no real key.
    q, k, v = rng.normal(size=(4, 7)), rng.normal(size=(6, 7)), rng.normal(size=(6, 3))
    q[1] = 0
    mask = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0] * 6], bool)
    raw, root = q @ k.T, 7**0.5
    with np.errstate(invalid="ignore"):
        got = scaled_attention(q.copy(), k.copy(), v.copy(), mask.copy())
    assert got.shape == (4, 3), (
        f"Four queries find values of three numbers, so (4, 3) is wanted, not {got.shape}."
    )

    def is_like(weights):
        return np.allclose(got[:3], (weights @ v)[:3])

    def masked(scores):
        return np.where(mask, scores, -1e9)

    assert not is_like(softmax(raw / root) * mask), (
        "The mask comes after your softmax. What do the weights of one row then add up to?"
    )
    assert not is_like(softmax(raw / root * mask)), (
        "Your masked scores are 0. What is e to the power of 0?"
    )
    assert not is_like(softmax(raw / root)), "The mask changes nothing. Where does it come in?"
    for divisor, message in {
        1: "The scores are not divided. By what are they, and why?",
        2: "You divide by 2, or by the root of the number of queries. How many numbers has one key?",
        3: "You divide by how many numbers a value has. The scores are sums over those of a key.",
        5**0.5: "You divide by the root of 5. Which root is it: how many numbers has one key?",
        6
        ** 0.5: "You divide by the root of the number of keys. Double the keys: did any score grow?",
        7: "You divide by d. The deviation of the scores is its root.",
    }.items():
        assert not is_like(softmax(masked(raw / divisor))), message
    assert not is_like(softmax(masked(raw / root).T).T), (
        "Your softmax goes over the queries. Whose shares must add up to 1: those of one query, over "
        "the keys."
    )
    assert not is_like(softmax(np.where(mask, -1e9, raw / root))), (
        "True in the mask is where a query may look. Yours looks everywhere else."
    )
    right = softmax(masked(raw / root)) @ v
    assert np.allclose(got[[0, 2]], right[[0, 2]], atol=1e-6), (
        "Not yet: the scores q @ k.T over the root of d; a very low score where the mask is False; a "
        "softmax; the values mixed by these weights."
    )
    assert np.allclose(got[1], right[1], atol=1e-6), (
        "A query of zeros scores 0 with real keys too. Go by the mask, not by the score."
    )
    assert np.isfinite(got[3]).all(), (
        "A query without a single real key finds NaN with you. Put -1e9 in place of minus infinity."
    )
    # Other sizes, and real scores far below 0: a fill of -100 would be the highest score of all.
    q = np.stack([rng.normal(size=5), np.full(5, -1e4)])
    k, v = rng.uniform(0.5, 1, size=(4, 5)), rng.normal(size=(4, 2))
    mask = np.array([[1, 1, 0, 0], [0, 1, 0, 1]], bool)
    right = softmax(np.where(mask, q @ k.T / 5**0.5, -1e9)) @ v
    assert np.allclose(scaled_attention(q.copy(), k.copy(), v.copy(), mask.copy()), right), (
        "With other sizes, and real scores of -10,000 and less, something masked comes through. Is "
        "your low score low enough? Put -1e9. And is every size taken from q, k and v?"
    )
    return "Four lines, and all transformers are made of them."


HINTS_2 = [
    "Scores first: q @ k.T is (n, m). Divide by the root of how many numbers a key has.",
    "np.where(mask, scores, -1e9) comes before the softmax, and the weights @ v after it.",
]


def wrong_2():
    def divided_by(divisor):
        return lambda q, k, v, mask: softmax(np.where(mask, q @ k.T / divisor(q, k, v), -1e9)) @ v

    def filled_with(low):
        return lambda q, k, v, mask: softmax(np.where(mask, scores(q, k), low)) @ v

    def scores(q, k):
        return q @ k.T / np.sqrt(q.shape[-1])

    def after(q, k, v, mask):
        return (softmax(scores(q, k)) * mask) @ v

    def zero(q, k, v, mask):
        return softmax(scores(q, k) * mask) @ v

    def zero_is_masked(q, k, v, mask):
        product = scores(q, k) * mask
        return softmax(np.where(product == 0, -1e9, product)) @ v

    def no_mask(q, k, v, mask):
        return softmax(scores(q, k)) @ v

    def causal(q, k, v, mask):
        return softmax(np.where(np.tri(*mask.shape) > 0, scores(q, k), -1e9)) @ v

    def over_queries(q, k, v, mask):
        return softmax(np.where(mask, scores(q, k), -1e9).T).T @ v

    def over_all(q, k, v, mask):
        powers = np.exp(np.where(mask, scores(q, k), -1e9))
        return powers / powers.sum() @ v

    def other_way(q, k, v, mask):
        return softmax(np.where(mask, -1e9, scores(q, k))) @ v

    def root_after(q, k, v, mask):
        return softmax(np.where(mask, q @ k.T, -1e9)) / np.sqrt(q.shape[-1]) @ v

    def weights_only(q, k, v, mask):
        return softmax(np.where(mask, scores(q, k), -1e9))

    divisors = [
        lambda q, k, v: 1,
        lambda q, k, v: 2,
        lambda q, k, v: 7**0.5,  # right for one size only
        lambda q, k, v: q.shape[-1],
        lambda q, k, v: v.shape[1],
        lambda q, k, v: np.sqrt(len(k)),
        lambda q, k, v: np.sqrt(len(k) - 1),
        lambda q, k, v: np.sqrt(len(q)),
        lambda q, k, v: np.sqrt(len(q) + 1),
    ]
    return [
        *map(divided_by, divisors),
        *map(filled_with, [-9, -100, -300, -np.inf]),
        after,
        zero,
        zero_is_masked,
        no_mask,
        causal,
        over_queries,
        over_all,
        other_way,
        root_after,
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
    assert not np.isclose(with_padding, 85), "Give shares between 0 and 1, not percent."
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
    return [
        (0.4, 0.85),
        (0.75, 0.4),
        (0.85, 0.1),
        (0.85, 2 / 15),
        (17, 2),
        (85, 40),
        (0.85, 0.85),
        0.85,
    ]
