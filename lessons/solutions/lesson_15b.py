"""Lesson 15b's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    def numbers_of(names, vocabulary):
        place = {name: number for number, name in enumerate(vocabulary, 1)}  # 0 is kept
        return [place.get(name, 0) for name in names]

    return numbers_of


def _as_list(numbers):
    """A tuple or an array will do as well."""
    return [int(number) for number in numbers]


def check_1(numbers_of):
    vocabulary = ["AA", "B6", "UA"]
    try:
        new = _as_list(numbers_of(["ZZ"], vocabulary))
    except (ValueError, KeyError, IndexError) as error:
        raise AssertionError(
            f"At the first new name it stops: {type(error).__name__}. What will be served in January?"
        ) from None
    assert len(new) == 1, "One name was asked, so one number should come, for a new name too."
    known = _as_list(numbers_of(["AA", "UA", "B6", "AA"], vocabulary))
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
    mixed = _as_list(numbers_of(["", "UA", "aa"], vocabulary))
    assert mixed == [0, 3, 0], f"'', 'UA' and 'aa' should give 0, 3, 0, and give {mixed}."
    assert _as_list(numbers_of(["AA"], ["UA", "AA"])) == [2], (
        "With the vocabulary UA, AA the name AA is the second. Keep the vocabulary's order, and sort nothing."
    )
    return "The network has rows for 0, 1, 2, ...; what row 0 has learnt is the next question."


HINTS_1 = [
    "A dictionary from name to number answers at once, and its get() has an answer for a name that it lacks.",
    "enumerate(vocabulary, 1) counts from 1, and leaves the 0 for names that are not there.",
]


def wrong_1():
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


def solution_2():
    def seconds(batches, read, step):
        in_turn = batches * (read + step)
        # the first is only read, the last only trained on; between, the slower of the two counts
        ahead = read + (batches - 1) * max(read, step) + step
        return in_turn, ahead

    return seconds


def check_2(seconds):
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


HINTS_2 = [
    "Draw two lines of time, one for the reader and one for the network, for three batches.",
    "The first batch is read while nothing trains, the last is trained on while nothing is read. In between both "
    "work at once: which of the two decides when the next step can begin?",
]


def wrong_2():
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


def solution_3():
    def of_all(means, sizes):
        total = sum(mean * size for mean, size in zip(means, sizes, strict=True))
        return total / sum(sizes)

    return of_all


def check_3(of_all):
    found = of_all([0.2, 0.8], [3, 1])
    assert not np.isclose(found, 0.5), (
        "Each device has one vote in your mean. But one had three examples, and the other a single one."
    )
    assert not np.isclose(found, 0.65), "You gave the larger weight to the smaller part."
    assert not np.isclose(found, 1.4), (
        "That is the sum of all four losses. How many examples are there?"
    )
    assert not np.isclose(found, 0.7), "Divide by the number of examples, not of devices."
    assert np.isclose(found, 0.35), (
        "Three examples with a mean of 0.2 and one with 0.8: write down the four losses, and take their mean. It is "
        f"0.35, not {found:.2f}."
    )
    for means, sizes in [([0.4, 0.2, 0.9], [5, 5, 2]), ([0.3], [7]), ([0.1, 0.5], [4, 4])]:
        right = np.average(means, weights=sizes)
        found = of_all(means, sizes)
        assert np.isclose(found, right), (
            f"Means {means} of {sizes} examples should give {right:.3f}, not {found:.3f}."
        )
    return "The slopes are averaged in the same way, and then nobody can tell how many devices there were."


HINTS_3 = [
    "Write down every example's loss as if it were the mean of its part. What is the mean of that list?",
    "The sum of a part's losses is its mean times its size.",
]


def wrong_3():
    def one_vote_each(means, sizes):
        return sum(means) / len(means)

    def not_divided(means, sizes):
        return sum(mean * size for mean, size in zip(means, sizes, strict=True))

    def by_devices(means, sizes):
        return sum(mean * size for mean, size in zip(means, sizes, strict=True)) / len(sizes)

    def small_counts_most(means, sizes):
        weights = [sum(sizes) - size for size in sizes]
        return sum(mean * weight for mean, weight in zip(means, weights, strict=True)) / sum(
            weights
        )

    return [one_vote_each, not_divided, by_devices, small_counts_most, 0.35]
