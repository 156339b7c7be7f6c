"""Lesson 15's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    # a whole year's share is known when the year is over, that of May in June
    return 1, 2, 2, 3, 1


def check_1(when):
    arrival, visibility, delay, year, may = when
    for moment in when:
        assert moment in (1, 2, 3), f"1, 2 or 3 is asked for each; {moment} is none of them."
    assert arrival == 1, "The planned hour of arrival: is it printed on the ticket?"
    assert visibility == 2, (
        "The visibility: who measured it, and when? (A forecast of it would be another column.)"
    )
    assert delay == 2, (
        "The departure delay: from which moment on can those who wait at the destination know it?"
    )
    assert year == 3, (
        "The share of all of 2013: on 1 July, which of these flights have not left yet? Is the flight "
        "that we ask about among them?"
    )
    assert may == 1, "The share of May: on 1 June, is any of these flights still to come?"
    return "Nothing in such a table says when a column is known. You have to ask."


HINTS_1 = [
    "For each column imagine the day on which somebody writes the number down.",
    "Two are known weeks before, two at departure. The fifth counts flights that have not flown yet.",
]


def wrong_1():
    return [
        (1, 1, 2, 3, 1),
        (1, 2, 3, 3, 1),
        (1, 2, 1, 3, 1),
        (1, 2, 2, 1, 1),
        (1, 2, 2, 2, 1),
        (1, 2, 2, 3, 3),
        (3, 2, 2, 3, 1),
        (0, 2, 2, 3, 1),
        (1, 2, 2, 3),
        2,
    ]


def solution_2():
    # three different rows of 8 numbers are read; all others have a slope of 0
    return 104 * 8, 3 * 8


def check_2(weights_and_changed):
    weights, changed = weights_and_changed
    assert weights != 104 + 8, "A table has rows *times* columns."
    assert weights != 105 * 8, (
        "A row too many, or a bias? Row 0, for names never seen, is one of the 104, and a row that is "
        "picked has no bias."
    )
    assert weights == 104 * 8, "104 rows, of 8 numbers each."
    assert changed != 104 * 8, "Which rows did the batch read? What is the slope of the others?"
    assert changed != 5 * 8, "Destination 3 comes three times. How many *different* rows are read?"
    assert changed not in (3, 5), "That is a number of rows. How many numbers has a row?"
    assert changed == 3 * 8, "The rows 3, 17 and 50 are read, with 8 numbers each."
    return "A row whose name is not in the batch stays as it is: rare names learn slowly."


HINTS_2 = [
    "A number that the batch did not use cannot have made the loss larger or smaller.",
    "104 rows of 8. And the batch reads the rows 3, 17 and 50.",
]


def wrong_2():
    return [
        (832, 832),
        (832, 40),
        (832, 3),
        (832, 5),
        (112, 24),
        (840, 24),
        (824, 24),
        (832, 0),
        (832, 8),
        832,
    ]


def solution_3():
    def lag(y, days):
        earlier = np.full(len(y), np.nan)
        earlier[days:] = y[: len(y) - days]
        return earlier

    return lag


def check_3(lag):
    y = np.arange(10, 20, dtype="float64")
    given = lag(y.copy(), 3)
    assert given.shape == y.shape, (
        f"One number a day goes in, {len(y)} in all; {given.size} come out."
    )
    assert not np.array_equal(given[:3], y[-3:]), (
        "What stands in the first places? Those are the last days: a forecast would know its future."
    )
    later = y.copy()
    later[5:] += 100
    moved = lag(later, 3)
    assert np.array_equal(given[:8], moved[:8], equal_nan=True), (
        "We changed day 5 and what follows, and something moved before day 8. Does it look ahead?"
    )
    assert np.isnan(given[:3]).all(), (
        "Three days before the first three days nothing is known: np.nan stands there, so that nobody "
        "takes an invented number for a real one."
    )
    assert np.array_equal(given[3:], y[:-3]), (
        f"Day 3 gets the number of day 0, which is {y[0]:g}; yours is {given[3]:g}."
    )
    assert np.array_equal(lag(y, 1)[1:], y[:-1]), "Try it with one day as well."
    return "Write this test for every column that you make: change the future, and look what moves."


HINTS_3 = [
    "Begin with np.full(len(y), np.nan), and fill in what is known.",
    "earlier[days:] = y[: len(y) - days].",
]


def wrong_3():
    def shortened(y, days):
        return y[:-days]

    def padded(y, days):
        return np.concatenate([np.zeros(days), y[:-days]])

    def repeated(y, days):
        return np.concatenate([np.full(days, y[0]), y[:-days]])

    def ahead(y, days):
        return np.concatenate([y[days:], np.full(days, np.nan)])

    def one_off(y, days):
        return np.concatenate([np.full(days + 1, np.nan), y[: -days - 1]])

    def centred(y, days):
        return np.convolve(y, np.ones(2 * days + 1) / (2 * days + 1), "same")

    def filled(y, days):
        return np.concatenate([np.full(days, y.mean()), y[:-days]])

    return [
        lambda y, days: np.roll(y, days),
        lambda y, days: y,
        shortened,
        padded,
        repeated,
        ahead,
        one_off,
        centred,
        filled,
        lambda y, days: y - days,
        lambda y: y,
    ]


def solution_4():
    def numbers_of(names, vocabulary):
        place = {name: number for number, name in enumerate(vocabulary, 1)}  # 0 is kept
        return [place.get(name, 0) for name in names]

    return numbers_of


def check_4(numbers_of):
    vocabulary = ["AA", "B6", "UA"]
    try:
        new = numbers_of(["ZZ"], vocabulary)
    except (ValueError, KeyError, IndexError) as error:
        raise AssertionError(
            f"At the first new name it stops: {type(error).__name__}. What will be served in January?"
        ) from None
    assert len(new) == 1, "One name was asked, so one number should come, for a new name too."
    known = numbers_of(["AA", "UA", "B6", "AA"], vocabulary)
    assert len(known) == 4, f"Four names were asked, and {len(known)} numbers came."
    assert new != [4], (
        "A new name gets a row of its own behind the others. The embedding was made before: has it that row?"
    )
    assert new != [-1], "Row -1 is the last row, in Python: a new airline would be taken for UA."
    assert known != [0, 2, 1, 0], (
        "AA has the number 0, and so has a name that is not there: the network cannot tell them apart."
    )
    assert known != [1, 2, 3, 1], (
        "Numbered as they appear in the question, AA, UA, B6: the next question would number them otherwise. "
        "Whose order has the network learnt?"
    )
    assert known == [1, 3, 2, 1] and new == [0], (
        f"AA, UA, B6, AA should give 1, 3, 2, 1, and give {known}; ZZ should give 0, and gives {new[0]}."
    )
    mixed = numbers_of(["", "UA", "aa"], vocabulary)
    assert mixed == [0, 3, 0], f"'', 'UA' and 'aa' should give 0, 3, 0, and give {mixed}."
    assert numbers_of(["AA"], ["UA", "AA"]) == [2], (
        "With the vocabulary UA, AA the name AA is the second. Keep the vocabulary's order, and sort nothing."
    )
    return "And whoever trains should see row 0, too: leave out rare names, or some at random."


HINTS_4 = [
    "A dictionary from name to number answers at once, and its get() has an answer for a name that it lacks.",
    "place = {name: number for number, name in enumerate(vocabulary, 1)}, then place.get(name, 0).",
]


def wrong_4():
    def stops(names, vocabulary):
        return [vocabulary.index(name) + 1 for name in names]

    def from_zero(names, vocabulary):
        place = {name: number for number, name in enumerate(vocabulary)}
        return [place.get(name, 0) for name in names]

    def last(names, vocabulary):
        place = {name: number for number, name in enumerate(vocabulary, 1)}
        return [place.get(name, -1) for name in names]

    def behind(names, vocabulary):
        place = {name: number for number, name in enumerate(vocabulary, 1)}
        return [place.get(name, len(vocabulary) + 1) for name in names]

    def left_out(names, vocabulary):
        return [vocabulary.index(name) + 1 for name in names if name in vocabulary]

    def by_appearance(names, vocabulary):
        seen = list(dict.fromkeys(names))
        return [seen.index(name) + 1 if name in vocabulary else 0 for name in names]

    def in_order(names, vocabulary):
        place = {name: number for number, name in enumerate(sorted(vocabulary), 1)}
        return [place.get(name, 0) for name in names]

    return [stops, from_zero, last, behind, left_out, by_appearance, in_order]


def solution_5():
    def seconds(batches, read, step):
        in_turn = batches * (read + step)
        # the first is only read, the last only trained on; between, the slower of the two counts
        ahead = read + (batches - 1) * max(read, step) + step
        return in_turn, ahead

    return seconds


def check_5(seconds):
    in_turn, ahead = seconds(100, 0.02, 0.01)
    assert abs(in_turn - 1.0) > 1e-6 or abs(ahead - 3.0) > 1e-6, (
        "Each step waits for a batch. What is the first number, then?"
    )
    assert abs(in_turn - 3.0) < 1e-6, (
        f"100 times 20 ms and 10 ms, one after the other, are 3.00 s, not {in_turn:.2f} s."
    )
    assert abs(ahead - 1.0) > 1e-6, (
        "Your second number is that of the training alone. Can a batch be trained on before it has come?"
    )
    assert abs(ahead - 1.5) > 1e-6, (
        "Half the time, as with two workers that share all work evenly. These two share nothing: one reads, one "
        "trains. Who waits for whom?"
    )
    assert abs(ahead - 2.0) > 1e-6, (
        "Nearly: the slower of the two counts. But what happens while the last batch is trained on? Try one batch."
    )
    for batches, read, step in [(100, 0.02, 0.01), (100, 0.01, 0.02), (1, 0.3, 0.2), (3, 0.5, 0.5)]:
        both, right = seconds(batches, read, step), read + (batches - 1) * max(read, step) + step
        assert abs(both[0] - batches * (read + step)) < 1e-6, (
            f"With {batches} batches, {read} s to read and {step} s to train, in turn, it should be "
            f"{batches * (read + step):.2f} s, not {both[0]:.2f} s."
        )
        assert abs(both[1] - right) < 1e-6, (
            f"With {batches} batches, {read} s to read and {step} s to train, one ahead: draw two lines, one for the "
            f"reader, one for the network. It should be {right:.2f} s, not {both[1]:.2f} s."
        )
    return "So prefetching wins most, a half, where both take the same time."


HINTS_5 = [
    "Draw two lines of time, one for the reader and one for the network, for three batches.",
    "The first batch is read while nothing trains, the last is trained on while nothing is read; between them "
    "batches - 1 times the slower of the two.",
]


def wrong_5():
    def training_alone(batches, read, step):
        return batches * (read + step), batches * step

    def halved(batches, read, step):
        return batches * (read + step), batches * (read + step) / 2

    def slower(batches, read, step):
        return batches * (read + step), batches * max(read, step)

    def faster(batches, read, step):
        return batches * (read + step), read + (batches - 1) * min(read, step) + step

    def swapped(batches, read, step):
        return read + (batches - 1) * max(read, step) + step, batches * (read + step)

    def reader_only(batches, read, step):
        return batches * (read + step), batches * read + step

    return [training_alone, halved, slower, faster, swapped, reader_only, 0.9]
