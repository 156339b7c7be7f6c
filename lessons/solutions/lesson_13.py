"""Lesson 13's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def softmax(scores):
    """The lesson's own, which exercises 13.2 and 13.3 may use."""
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
    def causal_head(x, query_w, key_w, value_w):
        q, k, v = x @ query_w, x @ key_w, x @ value_w
        past = np.tri(len(x)) > 0
        scores = np.where(past, q @ k.T / np.sqrt(k.shape[-1]), -1e9)
        return softmax(scores) @ v

    return causal_head


def check_3(causal_head):
    rng = np.random.default_rng(0)
    # Tokens, and the numbers of vectors, keys and values, have different roots.
    x = rng.normal(size=(6, 5))
    matrices = [rng.normal(size=(5, width)) for width in (7, 7, 3)]
    q, k, v = (x @ w for w in matrices)
    past, scores = np.tri(6) > 0, q @ k.T / 7**0.5
    got = causal_head(x.copy(), *(w.copy() for w in matrices))
    assert got.shape == (6, 3), (
        f"Six tokens find values of three numbers, so (6, 3) is wanted, not {got.shape}."
    )

    def is_like(weights):
        return np.allclose(got, weights @ v, atol=1e-6)

    def masked(scores, mask=past):
        return softmax(np.where(mask, scores, -1e9))

    assert not is_like(softmax(scores)), (
        "Every token looks at all six. May the first one look at the last?"
    )
    assert not np.allclose(got[1:], (masked(scores, np.tri(6, k=-1) > 0) @ v)[1:], atol=1e-6), (
        "Yours looks only at those before it. May a token look at itself?"
    )
    assert not is_like(masked(scores, past.T)), (
        "The last token looks only at itself, and the first at all. Which half of the square is the past?"
    )
    assert not is_like(softmax(scores * past)), (
        "The scores of the future are 0 with you. What is e to the power of 0?"
    )
    assert not is_like(softmax(scores) * past), (
        "Your mask comes after the softmax. What do the weights of one row then add up to?"
    )
    assert not is_like(masked(scores.T)), (
        "Each row of scores belongs to a query, each column to a key. Yours are the other way round."
    )
    for divisor, message in {
        1: "The scores are not divided.",
        5**0.5: "You divide by the root of how many numbers x has. How many has a key?",
        3**0.5: "You divide by the root of how many numbers a value has. How many has a key?",
        6**0.5: "You divide by the root of the number of tokens. How many numbers has a key?",
        7: "You divide by how many numbers a key has. The deviation of the scores is its root.",
    }.items():
        assert not is_like(masked(scores * 7**0.5 / divisor)), message
    assert not np.allclose(got, np.where(past, scores, -1e9) @ v), (
        "These are scores, not weights: where is the softmax?"
    )
    assert is_like(masked(scores)), (
        "Not yet: queries, keys and values are x @ each matrix; the scores q @ k.T over the root of how "
        "many numbers a key has; a very low score in the future; a softmax; the values by these weights."
    )
    # Another length and other widths; then real scores far below 0.
    x = rng.uniform(0.5, 1, size=(4, 3))
    for size, message in {
        1: "With four tokens and other widths it is not right. Is every size taken from x and the matrices?",
        100: "With real scores of -10,000 the future comes through. Is your low score low enough? Put -1e9.",
    }.items():
        low, high = (
            -size * rng.uniform(0.5, 1, size=(3, 2)),
            size * rng.uniform(0.5, 1, size=(3, 2)),
        )
        matrices = [low, high, rng.normal(size=(3, 8))]
        q, k, v = (x @ w for w in matrices)
        right = softmax(np.where(np.tri(4) > 0, q @ k.T / 2**0.5, -1e9)) @ v
        assert np.allclose(causal_head(x.copy(), *(w.copy() for w in matrices)), right), message
    return "`MultiHeadAttention` with `use_causal_mask=True` does the same in each head."


HINTS_3 = [
    "Queries, keys and values first: x @ query_w and so on. The scores q @ k.T are a square, (n, n).",
    "np.tri(len(x)) > 0 is True where a token may look. np.where puts -1e9 in place of the other scores.",
]


def wrong_3():
    def head(mask=lambda n: np.tri(n) > 0, root=lambda x, k, v: np.sqrt(k.shape[-1]), low=-1e9):
        def causal_head(x, query_w, key_w, value_w):
            q, k, v = x @ query_w, x @ key_w, x @ value_w
            scores = np.where(mask(len(x)), q @ k.T / root(x, k, v), low)
            return softmax(scores) @ v

        return causal_head

    def squared(x, query_w, key_w):
        return (x @ query_w) @ (x @ key_w).T / np.sqrt(key_w.shape[-1])

    def zeros(x, query_w, key_w, value_w):
        return softmax(squared(x, query_w, key_w) * np.tri(len(x))) @ (x @ value_w)

    def after(x, query_w, key_w, value_w):
        return softmax(squared(x, query_w, key_w)) * np.tri(len(x)) @ (x @ value_w)

    def over_queries(x, query_w, key_w, value_w):
        scores = np.where(np.tri(len(x)) > 0, squared(x, query_w, key_w), -1e9)
        return softmax(scores.T).T @ (x @ value_w)

    def turned(x, query_w, key_w, value_w):
        scores = np.where(np.tri(len(x)) > 0, squared(x, query_w, key_w).T, -1e9)
        return softmax(scores) @ (x @ value_w)

    def no_softmax(x, query_w, key_w, value_w):
        return np.where(np.tri(len(x)) > 0, squared(x, query_w, key_w), -1e9) @ (x @ value_w)

    def weights_only(x, query_w, key_w, value_w):
        return softmax(np.where(np.tri(len(x)) > 0, squared(x, query_w, key_w), -1e9))

    def by_x(x, query_w, key_w, value_w):
        scores = np.where(np.tri(len(x)) > 0, x @ x.T / np.sqrt(x.shape[-1]), -1e9)
        return softmax(scores) @ (x @ value_w)

    masks = [
        lambda n: np.ones((n, n), bool),
        lambda n: np.tri(n, k=-1) > 0,
        lambda n: np.tri(n).T > 0,
        lambda n: np.eye(n) > 0,
        lambda n: np.tri(6)[:n, :n] < 1,
    ]
    roots = [
        lambda x, k, v: 1,
        lambda x, k, v: k.shape[-1],
        lambda x, k, v: np.sqrt(len(k)),
        lambda x, k, v: np.sqrt(x.shape[-1]),
        lambda x, k, v: np.sqrt(v.shape[-1]),
        lambda x, k, v: 7**0.5,  # right for one size only
    ]
    return [
        *(head(mask=mask) for mask in masks),
        *(head(root=root) for root in roots),
        *(head(low=low) for low in (-9, -100, -1000)),
        zeros,
        after,
        over_queries,
        turned,
        no_softmax,
        weights_only,
        by_x,
        21,
    ]


def solution_4():
    def real_accuracy(written, true):
        real = true != 0
        return (written == true)[real].mean()

    return real_accuracy


def check_4(real_accuracy):
    # The first row is the exercise's; the second is longer, has a 0 too early and a token too late.
    true = np.zeros((2, 20), int)
    true[0, :5], true[1, :12] = [7, 3, 9, 4, 2], np.arange(1, 13)
    written = true.copy()
    written[0, :3], written[1, [2, 5]], written[1, 12] = [1, 1, 1], 0, 6
    first = real_accuracy(written[:1].copy(), true[:1].copy())
    assert not np.isclose(first, 0.85), (
        "The padding counts with you: 17 of 20. How many of these needed any French?"
    )
    assert not np.isclose(first, 0.1), (
        "2 right ones over all 20 places. How many tokens are really there?"
    )
    assert not np.isclose(first, 2), "That is how many are right. A share of what?"
    assert not np.isclose(first, 40), "Give a share between 0 and 1, not percent."
    assert not np.isclose(first, 0.6), "That is the share of wrong ones."
    assert np.isclose(first, 0.4), (
        "In the exercise's sentence, 2 of 5 tokens that are there are right."
    )
    both = real_accuracy(written.copy(), true.copy())
    assert not np.isclose(both, 12 / 15) and not np.isclose(both, 12 / 16), (
        "You go by the tokens that were written. If a network writes padding too early, is that no fault?"
    )
    assert not np.isclose(both, 12 / 18), (
        "Of a token that was written behind the end of the sentence you make a fault. Only places where "
        "`true` holds a token count here."
    )
    assert not np.isclose(both, (2 / 5 + 10 / 12) / 2), (
        "That is the mean of the sentences' accuracies, so a short sentence's tokens count for more. "
        "Count tokens: how many are right in all, of how many?"
    )
    assert np.isclose(both, 12 / 17), (
        "In a second test, with two sentences, 12 of 17 tokens are right. Only `true` says where padding "
        "is; there `written` may hold anything."
    )
    return "It counts as `ignore_class=0` does in the loss."


HINTS_4 = [
    "`written == true` is an array of True and False. At which places does it count?",
    "`true != 0` says where tokens are. An array in square brackets picks: (...)[true != 0].mean().",
]


def wrong_4():
    def everywhere(written, true):
        return (written == true).mean()

    def over_all(written, true):
        return ((written == true) & (true != 0)).mean()

    def counted(written, true):
        return ((written == true) & (true != 0)).sum()

    def percent(written, true):
        return 100 * (written == true)[true != 0].mean()

    def faults(written, true):
        return (written != true)[true != 0].mean()

    def by_written(written, true):
        return (written == true)[written != 0].mean()

    def by_both(written, true):
        return (written == true)[(written != 0) & (true != 0)].mean()

    def by_either(written, true):
        return (written == true)[(written != 0) | (true != 0)].mean()

    def by_sentence(written, true):
        right = (written == true) & (true != 0)
        return (right.sum(axis=1) / (true != 0).sum(axis=1)).mean()

    def first_five(written, true):
        return (written == true)[:, :5].mean()

    def exact(written, true):
        return (written == true).all(axis=1).mean()

    return [
        everywhere,
        over_all,
        counted,
        percent,
        faults,
        by_written,
        by_both,
        by_either,
        by_sentence,
        first_five,
        exact,
        0.4,
    ]
