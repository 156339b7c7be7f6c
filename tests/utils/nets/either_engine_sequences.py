"""Beam search, means without padding and twin tests; `test_nets.py` runs this once on each engine."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops

from utils.nets import beam_search, masked_mean, twins

RANDOM = np.random.default_rng(0)

# ---------------------------------------------------------------- beam search


def log_chances(text, vocabulary, seed):
    """A model that depends on all that was written: log-probabilities of the next token."""
    scores = np.random.default_rng([seed, *text]).normal(size=vocabulary)
    return scores - np.log(np.exp(scores).sum())


def step_of(vocabulary, seed):
    return lambda tokens: np.array([log_chances(text, vocabulary, seed) for text in tokens])


def log_probability(text, vocabulary, seed, start):
    return sum(
        log_chances([*start, *text[:n]], vocabulary, seed)[token] for n, token in enumerate(text)
    )


def everything(vocabulary, length, end):
    """All that can be written: up to the first end, or to the full length."""
    texts = itertools.product(range(vocabulary), repeat=length)
    return {text[: text.index(end) + 1] if end in text else text for text in texts}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("end", [None, 0, 2])
@pytest.mark.parametrize("normalise", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("vocabulary, length", [(3, 4), (4, 3), (5, 1)])
def test_a_wide_beam_is_exhaustive_search(seed, end, normalise, vocabulary, length):
    start = [1, 2]
    expected = {
        text: log_probability(text, vocabulary, seed, start)
        for text in everything(vocabulary, length, end)
    }
    ranked = sorted(expected, key=lambda text: -expected[text] / len(text) ** normalise)
    found = beam_search(
        step_of(vocabulary, seed), start, vocabulary**length, length, end, normalise
    )
    assert [tokens for tokens, _ in found] == ranked
    np.testing.assert_allclose([total for _, total in found], [expected[text] for text in ranked])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("end", [None, 3])
@pytest.mark.parametrize("normalise", [0.0, 1.0])
def test_a_beam_of_one_is_greedy(seed, end, normalise):
    text = []
    while len(text) < 8 and end not in text:
        text.append(int(log_chances([0, *text], 6, seed).argmax()))
    ((tokens, total),) = beam_search(step_of(6, seed), 0, 1, 8, end, normalise)
    assert tokens == tuple(text)
    assert total == pytest.approx(log_probability(text, 6, seed, [0]))


def by_definition(seed, vocabulary, width, length, end):
    """The search in other words: a list of texts, sorted and cut each time."""
    texts = [()]
    for _ in range(length):
        longer = []
        for text in texts:
            if end in text:
                longer.append(text)
            else:
                longer += [(*text, token) for token in range(vocabulary)]
        texts = sorted(longer, key=lambda t: -log_probability(t, vocabulary, seed, [0]))[:width]
    return texts


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("width", [2, 3, 7])
def test_beams_in_between_keep_the_best_at_each_step(seed, width):
    found = beam_search(step_of(4, seed), 0, width, 5, end=1)
    assert [tokens for tokens, _ in found] == by_definition(seed, 4, width, 5, end=1)
    assert [type(part) for part in found[0]] == [tuple, float]
    assert all(type(token) is int for tokens, _ in found for token in tokens)


def test_what_a_step_is_asked():
    asked = []

    def step(tokens):
        asked.append(tokens)
        return step_of(5, 0)(tokens)

    beam_search(step, [4, 1], 3, 4)
    assert [tokens.shape for tokens in asked] == [(1, 2), (3, 3), (3, 4), (3, 5)]
    assert all(tokens.dtype == "int64" for tokens in asked)
    assert all((tokens[:, :2] == [4, 1]).all() for tokens in asked)


def test_a_network_may_be_the_step_and_the_search_ends_with_the_last_sequence():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([layers.Embedding(6, 8), layers.Flatten(), layers.Dense(6)])
    asked = 0

    def step(tokens):
        nonlocal asked
        asked += 1
        scores = network(tokens[:, -1:]) + 20.0 * (np.arange(6) == 5) * (tokens.shape[1] > 2)
        return ops.log_softmax(ops.cast(scores, "float32"))

    found = beam_search(step, 0, 2, 100, end=5)
    assert asked == 3 and all(tokens[-1] == 5 for tokens, _ in found)


def test_forbidden_tokens_are_never_written():
    with np.errstate(divide="ignore"):
        only_two = np.log([[0.0, 0.5, 0.5, 0.0]])
    found = beam_search(lambda tokens: only_two.repeat(len(tokens), 0), 0, 100, 3)
    assert {tokens for tokens, _ in found} == set(itertools.product([1, 2], repeat=3))
    assert [total for _, total in found] == pytest.approx([np.log(1 / 8)] * 8)


@pytest.mark.parametrize("width", [1, 3])
def test_of_equals_the_first_wins(width):
    found = beam_search(lambda tokens: np.log(np.full((len(tokens), 4), 0.25)), 0, width, 2)
    assert [tokens for tokens, _ in found] == [(0, 0), (0, 1), (0, 2)][:width]


def chain(seed, tokens=4):
    """Log-probabilities (tokens, tokens): which token follows which; half of them cannot follow."""
    chances = np.random.default_rng(seed).random((tokens, tokens)) ** 4 + 1e-9
    chances[np.random.default_rng(seed + 1).random((tokens, tokens)) < 0.3] = 0
    chances[:, 0] += 0.01  # something can always follow
    with np.errstate(divide="ignore"):
        return np.log(chances / chances.sum(axis=1, keepdims=True))


def along(table, text, start=0):
    return sum(table[a, b] for a, b in zip((start, *text), text, strict=False))


def in_chains(tables):
    return lambda tokens, which: tables[which, tokens[:, -1]]


@pytest.mark.parametrize("end", [None, 2])
def test_many_searches_that_are_wide_are_exhaustive_searches_of_their_chains(end):
    tables = np.stack([chain(seed) for seed in range(6)])
    for table, found in zip(
        tables, beam_search(in_chains(tables), 0, 4**5, 5, end, many=6), strict=True
    ):
        chances = {text: along(table, text) for text in everything(4, 5, end)}
        possible = {text: chance for text, chance in chances.items() if chance > -np.inf}
        assert {text for text, _ in found} == set(possible)
        totals = [total for _, total in found]
        np.testing.assert_allclose(totals, sorted(possible.values(), reverse=True))
        np.testing.assert_allclose(totals, [possible[text] for text, _ in found])


@pytest.mark.parametrize("end", [None, 2])
def test_many_searches_of_width_one_are_greedy(end):
    tables = np.stack([chain(seed) for seed in range(6)])
    for table, ((tokens, total),) in zip(
        tables, beam_search(in_chains(tables), 0, 1, 7, end, many=6), strict=True
    ):
        text = [0]
        while len(text) < 8 and end not in text[1:]:
            text.append(int(table[text[-1]].argmax()))
        assert tokens == tuple(text[1:]) and total == pytest.approx(along(table, tokens))


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("end, normalise", [(None, 0.0), (3, 0.0), (3, 1.0)])
def test_many_searches_at_once_find_what_each_finds_alone(width, end, normalise):
    seeds, options = range(7), {"end": end, "normalise": normalise}

    def step(tokens, which):
        pairs = zip(tokens, which, strict=True)
        return np.array([log_chances(text, 5, seeds[number]) for text, number in pairs])

    alone = [beam_search(step_of(5, seed), [1, 2], width, 6, **options) for seed in seeds]
    assert beam_search(step, [1, 2], width, 6, many=len(seeds), **options) == alone
    assert beam_search(step, [1, 2], width, 6, many=1, **options) == alone[:1]
    assert beam_search(step, [1, 2], width, 6, many=0, **options) == []


def test_a_search_that_has_ended_is_not_asked_about_any_more():
    asked = []

    def step(tokens, which):
        asked.append(which.tolist())
        sure = np.where(tokens.shape[1] > which, 1, 0)  # search 0 ends first, then 1, then 2
        with np.errstate(divide="ignore"):
            return np.log(np.eye(2)[sure])

    found = beam_search(step, 0, 1, 9, end=1, many=3)
    assert asked == [[0, 1, 2], [1, 2], [2]]
    assert [tokens for ((tokens, _),) in found] == [(1,), (0, 1), (0, 0, 1)]


EVEN = np.log(np.full((1, 4), 0.25))


@pytest.mark.parametrize(
    "step, options, words",
    [
        (EVEN, {"width": 0}, "width is a whole number of 1 or more, not 0"),
        (EVEN, {"width": 2.0}, "width is a whole number of 1 or more, not 2.0"),
        (EVEN, {"length": 0}, "length is a whole number of 1 or more, not 0"),
        (EVEN, {"start": []}, r"at least one, not \[\]"),
        (EVEN, {"start": "a"}, "start is a token"),
        (EVEN, {"start": [[1], [2]]}, "start is a token"),
        (EVEN, {"end": 4}, "knows 4 tokens, from 0 on: 4 cannot be the end"),
        (EVEN[0], {}, r"must return \(1, vocabulary\).* not \(4,\)"),
        (EVEN[:, None], {}, r"not \(1, 1, 4\)"),
        (EVEN.repeat(2, 0), {}, r"asked about 1 sequences .* not \(2, 4\)"),
        (EVEN[:, :0], {}, r"not \(1, 0\)"),
        (np.exp(EVEN), {}, "add up to 1, not to 5.14: of scores take log_softmax"),
        (np.array([[1.0, 2.0, 300.0]]), {}, "of scores take log_softmax"),
        (EVEN * np.nan, {}, "not to nan"),
        (np.full((1, 4), -np.inf), {}, "forbids every token"),
    ],
)
def test_searches_that_cannot_be_are_refused(step, options, words):
    with pytest.raises(ValueError, match=words):
        beam_search(lambda tokens: step, **{"start": 0, "width": 2, "length": 2, **options})


@pytest.mark.parametrize(
    "many, words",
    [
        (-1, "many is a whole number of 0 or more, not -1"),
        (2.0, "many is a whole number of 0 or more, not 2.0"),
        (2, "forbids every token of search 1:"),
    ],
)
def test_many_searches_that_cannot_be_are_refused(many, words):
    def step(tokens, which):
        return np.where(which[:, None] == 1, -np.inf, EVEN)

    with pytest.raises(ValueError, match=words):
        beam_search(step, 0, 2, 2, many=many)


# ---------------------------------------------------------------- means without padding

VALUES = RANDOM.normal(size=(4, 5, 3)).astype("float32")
MASK = RANDOM.random((4, 5)) < 0.5
MASK[0], MASK[1] = True, False


@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1, (0, 1), (1, 2)])
@pytest.mark.parametrize(
    "mask",
    [MASK, MASK[:, 0], MASK[:, :1], RANDOM.random((4, 5, 3)) < 0.5, MASK[:, :, None], ~MASK[1:2]],
)
def test_masked_mean_is_numpys(mask, axis):
    hidden = ~np.broadcast_to(mask.reshape(*mask.shape, *[1] * (3 - mask.ndim)), VALUES.shape)
    expected = np.ma.mean(np.ma.array(VALUES, mask=hidden), axis=axis)
    found = masked_mean(np.where(hidden, np.nan, VALUES), mask, axis)
    np.testing.assert_allclose(ops.convert_to_numpy(found), np.ma.filled(expected, 0), atol=1e-6)


def test_it_is_keras_mean_over_steps_but_for_empty_rows():
    found = ops.convert_to_numpy(masked_mean(VALUES, MASK, axis=1))
    by_keras = ops.convert_to_numpy(layers.GlobalAveragePooling1D()(VALUES, mask=MASK))
    np.testing.assert_allclose(found[MASK.any(1)], by_keras[MASK.any(1)], atol=1e-6)
    assert np.isnan(by_keras[1]).all() and (found[1] == 0).all()


def test_many_half_precision_and_whole_numbers():
    many = np.full(100_000, 3.0, "float16")
    assert float(masked_mean(many, many > 0)) == 3
    assert float(masked_mean(np.array([1, 2, 30]), np.array([True, True, False]))) == 1.5


class Weights(layers.Layer):
    def build(self, shape):
        self.values = self.add_weight(shape=VALUES.shape, initializer=lambda *a, **k: VALUES)

    def call(self, x):
        spoilt = ops.convert_to_tensor(self.values) + np.where(
            MASK[:, :, None], 0, np.float32("nan")
        )
        return ops.sum(masked_mean(spoilt, MASK, axis=1)) + 0 * x


def test_what_is_masked_learns_nothing_and_an_empty_row_spoils_nothing():
    layer = Weights()
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y, out: ops.sum(out))
    model.fit(np.zeros((1, 1)), np.zeros((1, 1)), verbose=0)
    slopes = VALUES - layer.values.numpy()
    expected = MASK / np.maximum(MASK.sum(1, keepdims=True), 1)
    np.testing.assert_allclose(
        slopes, np.broadcast_to(expected[..., None], VALUES.shape), atol=1e-6
    )


def test_within_a_model_of_unknown_lengths_with_the_mask_of_an_embedding():
    words = keras.Input((None,), dtype="int32")
    embedding = layers.Embedding(9, 3, mask_zero=True)
    model = keras.Model(words, masked_mean(embedding(words), embedding.compute_mask(words), axis=1))
    found = ops.convert_to_numpy(model(np.array([[3, 5, 0, 0], [0, 0, 0, 0]])))
    table = embedding.embeddings.numpy()
    np.testing.assert_allclose(found, [(table[3] + table[5]) / 2, np.zeros(3)], atol=1e-6)


@pytest.mark.parametrize(
    "mask, words",
    [
        (MASK.astype("int32"), "not of int32: tokens != 0"),
        (MASK.astype("float32"), "not of float32"),
        (MASK.T, r"mask of the shape \(5, 4\) does not go with values of \(4, 5, 3\)"),
        (MASK[:, :3], r"\(4, 3\)"),
        (MASK[:, :, None, None], r"\(4, 5, 1, 1\)"),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask, words):
    with pytest.raises(ValueError, match=words):
        masked_mean(VALUES, mask)


# ---------------------------------------------------------------- twins

X = RANDOM.normal(size=(2, 6, 4)).astype("float32")


def poke(x):
    x[:, 4] += 1
    return x


def self_attention(**options):
    keras.utils.set_random_seed(0)
    look = layers.MultiHeadAttention(2, 3)
    return lambda x: look(x, x, **options)


def first_four(function):
    return lambda x: function(x)[:, :4]


def padded_to(length):
    return lambda words: np.pad(words, ((0, 0), (0, length - words.shape[1])))


WORDS = np.array([[3, 4, 1], [5, 2, 2]])


def bag(mask_zero):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [layers.Embedding(9, 8, mask_zero=mask_zero), layers.GlobalAveragePooling1D()]
    )


def order(x):
    return x[:, [5, 0, 1, 2, 4, 3]]


@pytest.mark.parametrize(
    "tight, leaking, inputs, change",
    [
        (first_four(self_attention(use_causal_mask=True)), first_four(self_attention()), X, poke),
        (bag(True), bag(False), WORDS, padded_to(5)),
        (lambda x: ops.max(x, 1), lambda x: ops.max(x[:, :3], 1), X, order),
    ],
)
def test_twins_tell_the_tight_from_the_leaking(tight, leaking, inputs, change):
    before = inputs.copy()
    assert 0 <= twins(tight, inputs, change) < 1e-6
    with pytest.raises(AssertionError, match="The change moves .* outputs, most at"):
        twins(leaking, inputs, change)
    np.testing.assert_array_equal(inputs, before)


def test_twins_that_move_along():
    assert twins(self_attention(), X, order, outputs=order) < 1e-6
    with pytest.raises(AssertionError, match="The change moves"):
        twins(self_attention(use_causal_mask=True), X, order, outputs=order)


def test_where_the_worst_is_and_of_which_output():
    def function(inputs):
        return {"a": inputs["x"] * 0, "b": (inputs["x"][0] * 2, inputs["y"])}

    def change(inputs):
        return {"x": inputs["x"] + np.array([[0, 0.5], [9, 9]]), "y": inputs["y"]}

    inputs = {"x": np.ones((2, 2)), "y": np.zeros(3)}
    with pytest.raises(
        AssertionError, match=r"1 of 9 outputs, most at \[1\] of output 2, from 2 to 3"
    ):
        twins(function, inputs, change)


def test_the_tolerance_grows_with_the_largest_number():
    numbers = np.array([1.0, 1000.0])
    assert twins(lambda x: x, numbers, lambda x: x + 5e-4, tolerance=1e-6) == pytest.approx(5e-4)
    with pytest.raises(AssertionError, match="2 of 2 outputs"):
        twins(lambda x: x, numbers, lambda x: x + 5e-3, tolerance=1e-6)
    with pytest.raises(AssertionError, match="1 of 1 outputs"):
        twins(lambda x: x[:1] / 1000, numbers, lambda x: x + 5e-3, tolerance=1e-6)


def test_infinite_scores_may_stay_and_tensors_may_come_in():
    def logits(x):
        return np.where([True, False], -np.inf, np.asarray(ops.convert_to_numpy(x))[:, :2] * 0)

    assert twins(logits, ops.convert_to_tensor(X[0]), lambda x: x + 1) == 0
    assert twins(lambda text: len(text[0]), ["chat"], lambda text: ["ahct"]) == 0


def random_answer(x):
    return RANDOM.normal(size=3)


@pytest.mark.parametrize(
    "function, change, words",
    [
        (ops.abs, lambda x: x, "gives the inputs back as they were"),
        (ops.abs, lambda x: x.sort(), "must return the inputs that it has changed"),
        (
            ops.abs,
            lambda x: x[:, :3],
            r"shapes \[\(2, 6, 4\)\], and with the change have \[\(2, 3, 4\)\]",
        ),
        (random_answer, poke, "another result when called again"),
        (lambda x: x * np.nan, poke, "NaN among the outputs"),
        (lambda x: x[:0], poke, "no numbers to compare"),
        (lambda x: [], poke, "no numbers to compare"),
    ],
)
def test_tests_that_prove_nothing_are_refused(function, change, words):
    with pytest.raises(ValueError, match=words):
        twins(function, X, change)
