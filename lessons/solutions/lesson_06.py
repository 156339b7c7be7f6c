"""Lesson 06's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np
from scipy.special import softmax


def solution_1():
    return np.log(80)


def check_1(loss_of_ignorance):
    loss = loss_of_ignorance
    assert not np.isclose(loss, np.log2(80), atol=0.01), "That is in bits. We count in nats."
    assert not np.isclose(loss, np.log10(80), atol=0.01), "The natural logarithm: np.log."
    assert not np.isclose(loss, np.log(1 / 80), atol=0.01), "A loss is minus the logarithm."
    assert loss != 80, "80 is how many choices it has (the *perplexity*). What is its logarithm?"
    assert not np.isclose(loss, 1 / 80), "That is the probability of each. What is the loss?"
    assert np.isclose(loss, np.log(80), atol=0.005), (
        "Each character gets the probability 1/80, also the right one. Minus its logarithm?"
    )
    return "ln 80 = 4.382. Whatever has a larger loss than that is worse than knowing nothing."


HINTS_1 = [
    "Which probability does the right character get, if all 80 get the same?",
    "Minus the natural logarithm of 1/80, which is the logarithm of 80.",
]


def wrong_1():
    return [np.log2(80), 80, np.log(1 / 80), 1 / 80, np.log10(80), np.log(26), "4.38"]


def solution_2():
    def lesson_of(codes, start, length):
        return codes[start : start + length], codes[start + 1 : start + length + 1]

    return lesson_of


def check_2(lesson_of):
    for start, length in ((0, 4), (5, 3), (2, 10)):
        codes = np.arange(100, 130)
        x, y = lesson_of(codes, start, length)
        assert x.shape == (length,), f"{length} inputs are wanted; these have the shape {x.shape}."
        assert x[0] == codes[start], f"The first input is codes[{start}]. Which one is yours?"
        assert not np.array_equal(x, y), (
            "Inputs and targets are the same. What is the easiest way to be perfect here?"
        )
        assert y.shape == x.shape, (
            f"Each of the {length} inputs needs a target; yours are {y.size}. The last target is a "
            "character that is no input any more."
        )
        assert not np.array_equal(y, x - 1), "Those are the letters before. Which comes after?"
        assert np.array_equal(x, codes[start : start + length]), "The inputs are codes in a row."
        assert np.array_equal(y, codes[start + 1 : start + length + 1]), (
            f"For the input codes[{start}] the target is codes[{start + 1}], and so on."
        )
    return "One text gives as many tasks as it has letters."


HINTS_2 = [
    "For 'whal' the targets are 'hale'. The two overlap in all but one letter at each end.",
    "codes[start : start + length], and the same slice with 1 added at both ends.",
]


def wrong_2():
    def same(codes, start, length):
        x = codes[start : start + length]
        return x, x

    return [
        same,
        lambda codes, start, length: (codes[start : start + length], codes[start + length]),
        lambda codes, start, length: (
            codes[start : start + length],
            codes[start + 1 : start + length],
        ),
        lambda codes, start, length: (
            codes[start + 1 : start + length + 1],
            codes[start : start + length],
        ),
        lambda codes, start, length: (codes[:length], codes[1 : length + 1]),
        lambda codes, start, length: codes[start : start + length],
        lambda codes, start, length: print(start, length),
    ]


def solution_3():
    def step_back(blame, n, Wh):
        inside = blame / 2 * (1 - n**2)  # half goes through tanh, times its slope
        before = blame / 2 + inside @ Wh.T  # half goes straight back, the rest by W_h
        return inside, before

    return step_back


def _nudged(loss, place):
    """The slope of a loss for each number of an array, by nudging."""
    slope = np.zeros_like(place)
    for index in np.ndindex(place.shape):
        nudge = np.zeros_like(place)
        nudge[index] = 1e-5
        slope[index] = (loss(place + nudge) - loss(place - nudge)) / 2e-5
    return slope


def check_3(step_back):
    rng = np.random.default_rng(0)
    old, into, blame = rng.normal(size=(3, 2, 4))  # h before, what stands inside of tanh, the blame
    Wh = rng.normal(size=(4, 4)) / 2
    n = np.tanh(into)
    inside, before = step_back(blame.copy(), n.copy(), Wh.copy())
    assert inside.shape == before.shape == (2, 4), (
        f"For 2 texts and 4 units each should be 2 x 4; yours are {inside.shape} and {before.shape}."
    )
    assert not np.allclose(inside, blame * (1 - n**2), rtol=1e-3), (
        "That is the line of the lesson's loop, where all of the new state comes out of tanh. Which "
        "part of it does here?"
    )
    assert not np.allclose(inside, blame / 2, rtol=1e-3), (
        "On its way back through tanh the blame is multiplied by the slope of tanh."
    )
    # The loss whose slope for the new state is `blame`.
    right = _nudged(lambda x: (blame * (old + np.tanh(x)) / 2).sum(), into)
    assert np.allclose(inside, right, rtol=1e-3, atol=1e-5), (
        f"Nudging what stands inside of tanh gives {right[0].round(3)} for the first text; your "
        f"`inside` is {inside[0].round(3)}."
    )
    assert not np.allclose(before, inside @ Wh.T, rtol=1e-3), (
        "The state before has two ways into the new one, and only one of them leads through tanh."
    )
    assert not np.allclose(before, blame / 2 + inside @ Wh, rtol=1e-3), (
        "Forwards it was h @ Wh. From a number of the new state back to one of the old, which way "
        "round is the table read?"
    )
    right = _nudged(lambda h: (blame * (h + np.tanh(into + (h - old) @ Wh)) / 2).sum(), old)
    assert np.allclose(before, right, rtol=1e-3, atol=1e-5), (
        f"Nudging the state before gives {right[0].round(3)} for the first text; your `before` is "
        f"{before[0].round(3)}."
    )
    return (
        "Half of the blame passes untouched, whatever the weights are. Section 6 comes back to it."
    )


HINTS_3 = [
    "The state before moves the new one in two ways: directly, by a half, and inside of tanh. Slopes "
    "of several ways add up.",
    "inside = blame / 2 * (1 - n**2); before is blame / 2, and what comes back by inside @ Wh.T.",
]


def wrong_3():
    def as_in_the_lesson(blame, n, Wh):
        inside = blame * (1 - n**2)
        return inside, inside @ Wh.T

    def one_way(blame, n, Wh):
        inside = blame / 2 * (1 - n**2)
        return inside, inside @ Wh.T

    def wrong_way_round(blame, n, Wh):
        inside = blame / 2 * (1 - n**2)
        return inside, blame / 2 + inside @ Wh

    def all_of_it(blame, n, Wh):
        inside = blame / 2 * (1 - n**2)
        return inside, blame + inside @ Wh.T

    return [
        as_in_the_lesson,
        one_way,
        wrong_way_round,
        all_of_it,
        lambda blame, n, Wh: (blame / 2, blame / 2 + blame / 2 @ Wh.T),
        lambda blame, n, Wh: (blame / 2 * (1 - n), blame / 2),
        lambda blame, n, Wh: blame / 2 * (1 - n**2),
        0.5,
    ]


def solution_4():
    return 0.9**50, 0.01 ** (1 / 200)


def check_4(factor_and_weight):
    factor, weight = factor_and_weight
    assert not np.isclose(factor, 45), "One step back: times 0.9. Two steps back?"
    assert not np.isclose(factor, 0.9), "That is one step. Fifty of them?"
    assert not np.isclose(factor, 0.1**50), "Each step keeps 0.9 of it, not 0.1."
    assert np.isclose(factor, 0.9**50, rtol=0.05), "Multiply by 0.9 fifty times."
    assert weight < 1, "At 1 or more nothing is lost. One hundredth is to be left."
    assert not np.isclose(weight, 1 - 0.99 / 200, atol=1e-5), (
        "Blame is multiplied at each step, so the loss of each step is not the same. Which number "
        "gives 0.01 when multiplied by itself 200 times?"
    )
    assert not np.isclose(weight, 0.01 ** (1 / 50), atol=1e-4), "After 200 steps, not 50."
    assert np.isclose(weight**200, 0.01, rtol=0.1), (
        f"{weight:.4g} to the power 200 is {weight**200:.2g}; it should be 0.01."
    )
    return "0.0052, and 0.977. A little more or less than 1 decides all."


HINTS_4 = [
    "Each step multiplies by w, so k steps multiply by w to the power k.",
    "For the second number: which w has w**200 = 0.01? The 200th root, 0.01 ** (1 / 200).",
]


def wrong_4():
    return [
        (45, 0.977),
        (0.9, 0.977),
        (0.9**50, 1 - 0.99 / 200),
        (0.9**50, 0.01 ** (1 / 50)),
        (0.9**50, 1.0),
        (0.0052, 0.98),
        (0.1**50, 0.977),
        0.9**50,
        ("a", "b"),
    ]


def solution_5():
    return 3 * (32 * 128 + 128 * 128 + 2 * 128)


def check_5(n_weights):
    assert n_weights != 3 * (32 * 128 + 128 * 128 + 128), (
        "Look at the shape of the bias: how many rows has it?"
    )
    assert n_weights != 3 * (32 * 128 + 128 * 128), "The tables are right. And the biases?"
    assert n_weights != 32 * 128 + 128 * 128 + 2 * 128, "That is one of three."
    assert n_weights != 4 * (32 * 128 + 128 * 128 + 128), "That is an LSTM, which has four."
    assert n_weights == 3 * (32 * 128 + 128 * 128 + 2 * 128), (
        "Tables of 32 x 128 (from the letter) and of 128 x 128 (from the state), three of each; "
        "and the biases."
    )
    return "By the length of the text it does not grow: the same weights serve at every step."


HINTS_5 = [
    "One of its three parts: a table from 32 numbers to 128 and one from 128 to 128. And biases: "
    "see the shapes that the cell prints.",
    "3 * (32 * 128 + 128 * 128 + 2 * 128): Keras's GRU has two biases for each unit and part.",
]


def wrong_5():
    return [
        3 * (32 * 128 + 128 * 128 + 128),
        3 * (32 * 128 + 128 * 128),
        32 * 128 + 128 * 128 + 2 * 128,
        4 * (32 * 128 + 128 * 128 + 128),
        128 * 128,
        "62208",
    ]


def solution_6():
    def sharpen(p, temperature):
        powers = p ** (1 / temperature)
        return powers / powers.sum()

    return sharpen


def check_6(sharpen):
    p = np.array([0.5, 0.3, 0.2])
    cold, warm, hot = (sharpen(p.copy(), t) for t in (0.5, 1.0, 2.0))
    assert np.shape(cold) == (3,), "One probability for each character, in an array."
    assert np.isclose(np.sum(hot), 1), (
        "The new probabilities must add up to 1: divide by their sum."
    )
    assert not np.allclose(cold, p), (
        "At a temperature of 0.5 nothing has changed. Dividing all by the same number and then by "
        "their sum undoes itself. Scores are logarithms of probabilities: to divide those by 2, what "
        "do you do with the probabilities?"
    )
    assert not np.allclose(cold, softmax(p / 0.5)), (
        "softmax makes probabilities of scores. These are probabilities already: take powers."
    )
    assert cold[0] > p[0], (
        "Which temperature should always take the likeliest? Yours is the other way round."
    )
    assert np.allclose(warm, p), "At a temperature of 1 nothing may change."
    for t, got in ((0.5, cold), (2.0, hot)):
        right = p ** (1 / t) / (p ** (1 / t)).sum()
        assert np.allclose(got, right), (
            f"At {t} it should give {right.round(3)}, and gives {np.round(got, 3)}."
        )
    return "At 0.5 probabilities are squared, at 2 their roots are taken."


HINTS_6 = [
    "p to the power 1 / temperature; then their sum is no longer 1. What do you divide by?",
    "powers = p ** (1 / temperature), and powers / powers.sum().",
]


def wrong_6():
    return [
        lambda p, temperature: (p / temperature) / (p / temperature).sum(),
        lambda p, temperature: p**temperature / (p**temperature).sum(),
        lambda p, temperature: p ** (1 / temperature),
        lambda p, temperature: np.exp(p / temperature) / np.exp(p / temperature).sum(),
        lambda p, temperature: (p == p.max()) * 1.0,
        lambda p, temperature: print(p, temperature),
        0.5,
    ]


# What the solution needs of the lesson, for trying it outside of it.
def encode(text):
    return np.array([ord(letter) % 80 for letter in text])


def forget(net):
    net.get_layer("memory").reset_state()


class _Counting:
    """A network whose scores tell which letters it has read since it last forgot."""

    input_shape = (1, None)

    def __init__(self):
        self.read = []

    def get_layer(self, name):
        return self

    def reset_state(self):
        self.read = []

    def predict_on_batch(self, x):
        x = np.asarray(x)
        scores = np.zeros((*x.shape, 80), "float32")
        for n, code in enumerate(x[0]):
            self.read.append(int(code))
            for age, past in enumerate(reversed(self.read)):
                scores[0, n, past % 80] += 0.7**age
        return scores


def solution_7():
    def after(net, text):
        forget(net)
        for letter in text:
            scores = net.predict_on_batch(encode(letter)[None])
        return softmax(scores[0, -1])

    return after


def check_7(after):
    net = _Counting()
    first, read = after(net, "abc"), list(net.read)
    assert np.shape(first) == (80,), (
        f"80 probabilities are wanted, those after the last letter; yours have the shape {np.shape(first)}."
    )
    assert not np.allclose(first, after(_Counting(), "c")), (
        "After 'abc' it gives the same as after 'c'. When does it forget?"
    )
    net.predict_on_batch([[7]])  # somebody else has let it read meanwhile
    assert np.allclose(after(net, "abc"), first), (
        "Asked a second time, after another text, it gives another answer: it still remembers that "
        "text. Who makes it forget, and when?"
    )
    assert np.isclose(np.sum(first), 1, atol=1e-4), "Probabilities add up to 1: softmax."
    assert len(read) == 3, (
        f"After 'abc' it should remember the three letters; it remembers {len(read)}."
    )
    return "Forget once, before the first letter, and never in between."


HINTS_7 = [
    "Put a print into the loop: what does the network still know when it reads the last letter?",
    "forget(net) belongs before the loop. Without any forget, the second text would follow the first.",
]


def wrong_7():
    def forgets(net, text):
        for letter in text:
            forget(net)
            scores = net.predict_on_batch(encode(letter)[None])
        return softmax(scores[0, -1])

    def never(net, text):
        for letter in text:
            scores = net.predict_on_batch(encode(letter)[None])
        return softmax(scores[0, -1])

    def forgets_afterwards(net, text):
        for letter in text:
            scores = net.predict_on_batch(encode(letter)[None])
        forget(net)
        return softmax(scores[0, -1])

    def scores_only(net, text):
        forget(net)
        return net.predict_on_batch(encode(text)[None])[0, -1]

    def twice(net, text):
        forget(net)
        for _ in range(2):
            scores = net.predict_on_batch(encode(text)[None])
        return softmax(scores[0, -1])

    def all_of_them(net, text):
        forget(net)
        return softmax(net.predict_on_batch(encode(text)[None]), axis=-1)

    return [forgets, never, forgets_afterwards, scores_only, twice, all_of_them, 0.5]
