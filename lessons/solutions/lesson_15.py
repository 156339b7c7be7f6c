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
    "A share is known when the last of its flights has landed. When is that, for all of 2013? And for "
    "May?",
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
    assert weights == 104 * 8, "How many rows has the table, and how many numbers has each?"
    assert changed != 104 * 8, "Which rows did the batch read? What is the slope of the others?"
    assert changed != 5 * 8, "Destination 3 comes three times. How many *different* rows are read?"
    assert changed not in (3, 5), "That is a number of rows. How many numbers has a row?"
    assert changed == 3 * 8, "Which rows are read? Each has as many numbers as the table is wide."
    return "A row whose name is not in the batch stays as it is: rare names learn slowly."


HINTS_2 = [
    "A number that the batch did not use cannot have made the loss larger or smaller.",
    "Write down the rows that the batch reads, each of them once. How long is a row?",
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
        known = max(len(y) - days, 0)
        earlier[len(y) - known :] = y[:known]
        return earlier

    return lag


def check_3(lag):
    y = np.arange(10, 20, dtype="float64")
    try:
        given = lag(y.copy(), 3)
    except ValueError as error:  # NumPy's words for two lengths that differ
        raise AssertionError(
            f"lag(y, 3) on ten days stops: {error}. Are as many numbers put in as there is room for? (+ "
            "adds arrays, and np.concatenate joins them.)"
        ) from None
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
    corners = (
        (10, 1, "One day before, all but the first day have a number."),
        (10, 0, "No days before a day is that day itself. (y[:-0] is y[:0], which is empty.)"),
        (5, 5, "Five days before any of five days nothing is known: five times np.nan."),
        (5, 7, "Seven days before any of five days nothing is known: five times np.nan."),
    )
    for length, days, meant in corners:
        y = np.arange(1, length + 1, dtype="float64")
        right = [y[i - days] if i >= days else np.nan for i in range(length)]
        asked = f"Three days back are right, but lag({y}, {days}) "
        try:
            yours = lag(y.copy(), days)
        except (IndexError, ValueError) as error:
            raise AssertionError(f"{asked}stops: {error}. {meant}") from None
        assert np.array_equal(yours, right, equal_nan=True), f"{asked}gives {yours}. {meant}"
    return "Write this test for every column that you make: change the future, and look what moves."


HINTS_3 = [
    "Begin with np.full(len(y), np.nan), and fill in what is known.",
    "Write y and the answer one below the other, for five days and 2 back. How many numbers of y find a "
    "place, and where does the first of them stand? And for 0 back, 5 back, 7 back?",
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

    def too_short(y, days):
        return np.concatenate([np.full(days, np.nan), y[:-days]])

    def stops(y, days):
        earlier = np.full(len(y), np.nan)
        earlier[days:] = y[:-days]
        return earlier

    def of_lists(y, days):
        return [np.nan] * days + y[:-days]

    return [
        too_short,
        stops,
        of_lists,
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
