"""Lesson 13c's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    # he stands there 7 + 5 times, er 5 + 1 + 1. Joined, he is one letter: r follows he five times, and a single e twice.
    return 7 + 5, 5


def check_1(join_counts):
    first, second = join_counts
    assert (first, second) != (5, 12), "The other way round: first the first join."
    assert first not in (2, 3), (
        "In how many words a pair is does not matter. How often do these words stand there?"
    )
    assert first != 7, (
        "er is there 5 + 1 + 1 times, and he in `he` alone seven times. Is he in another word, too?"
    )
    assert first != 14, "Those are all words. Which pair is in most of them, and in how many?"
    assert first == 12, "Count each pair as often as its words stand in the text. Which has most?"
    assert second != 7, (
        "Count anew after the first join. Where do e and r still stand side by side, and how often?"
    )
    assert second != 2, "So often e and r are left. But does any pair stand there more often now?"
    assert second != 12, "All of these are one letter by now. What stands beside it most often?"
    assert second == 5, "After the first join, he is one letter. Beside which one is it most often?"
    return (
        "First he, then her: a common word becomes one piece. newer and wider keep an e and an r."
    )


HINTS_1 = [
    "Count h-e and e-r: each as often as the words that have it.",
    "he is joined first. Then he-r stands there five times, and e-r only in newer and wider.",
]


def wrong_1():
    # er first; words counted once; not counted anew; the other way round; what is left of er; the same once more;
    # the second first; all words; the second too large; one number
    return [(7, 12), (3, 2), (2, 1), (12, 7), (12, 2), (12, 12), (5, 12), (14, 5), (12, 6), 12]


def solution_2():
    # From the letters: each join goes through the pieces from the left, and puts one in place of two.
    def cut_word(word, joins):
        pieces = list(word)
        for left, right in joins:
            n = 0
            while n < len(pieces) - 1:
                if (pieces[n], pieces[n + 1]) == (left, right):
                    pieces[n : n + 2] = [left + right]
                n += 1
        return pieces

    return cut_word


def check_2(cut_word):
    assert cut_word("cat", []) == ["c", "a", "t"], (
        "Without any join, cat is its three letters: c, a, t."
    )
    assert cut_word("he", [("h", "e")]) == ["he"], (
        "By the join of h and e, he is one piece. What do you put in place of the two?"
    )
    try:
        found = cut_word("where", [("h", "e")])
    except IndexError:
        raise AssertionError(
            "A join makes the list shorter, so a `for` over its first length runs past its end: take "
            "`while n < len(pieces) - 1`."
        ) from None
    assert found == ["w", "he", "r", "e"], (
        "Of where, h and e are joined, and w, r and the last e stay as they are."
    )
    two = [("h", "e"), ("he", "r")]
    found = cut_word("where", two)
    assert found != ["w", "he", "r", "e"], (
        "The second join takes a piece that the first has made: he and r. Go on from what is joined."
    )
    assert found == ["w", "her", "e"], "By h-e and then he-r, where is w, her, e."
    assert cut_word("hehe", [("h", "e")]) == ["he", "he"], (
        "In hehe, h and e stand side by side twice. Are both joined?"
    )
    other = cut_word("her", [("e", "r"), ("h", "e")])
    assert other != ["her"], (
        "Here e-r is joined first, and then h stands before er, not before e: h-e is not there. Does "
        "yours join h with a half of a piece?"
    )
    assert other == ["h", "er"], (
        "Here e-r was learnt first, so it is joined first, and no e is left for h-e. In which order do you go?"
    )
    alike = cut_word("her", [("e", "r"), ("h", "e"), ("he", "r")])
    assert alike == ["h", "er"], (
        "The last of these joins puts he and r together, and here h stands beside er. They spell the same: "
        "compare the two pieces themselves."
    )
    assert cut_word("aaa", [("a", "a")]) == ["aa", "a"], (
        "From the left: of three a, the first two are joined, and the third has none left beside it."
    )
    assert cut_word("aaaa", [("a", "a")]) == ["aa", "aa"], (
        "Of four a, the first two are joined, and then the other two. The new piece is no single a."
    )
    joins = [("h", "e")]
    cut_word("he", joins)
    assert joins == [("h", "e")], "The list of joins has changed. It is needed for the next word."
    return "The order in which the joins were learnt decides, and not which piece is the longest."


HINTS_2 = [
    "`pieces = list(word)` are the letters. One loop over the joins, and within it one over the places: a `while`, "
    "since the list gets shorter as it goes.",
    "Side by side at place n: `pieces[n] == left and pieces[n + 1] == right`.",
    "`pieces[n : n + 2] = [left + right]` puts one in place of two, and the loop is `while n < len(pieces) - 1`.",
]


def wrong_2():
    def letters_only(word, joins):
        return list(word)

    def first_place_only(word, joins):
        pieces = list(word)
        for left, right in joins:
            for n in range(len(pieces) - 1):
                if (pieces[n], pieces[n + 1]) == (left, right):
                    pieces[n : n + 2] = [left + right]
                    break
        return pieces

    def first_join_only(word, joins):
        return solution_2()(word, joins[:1])

    def last_join_first(word, joins):
        return solution_2()(word, joins[::-1])

    def of_letters_alone(word, joins):
        return solution_2()(word, [pair for pair in joins if len("".join(pair)) == 2])

    def from_the_right(word, joins):
        pieces = list(word)
        for left, right in joins:
            for n in reversed(range(len(pieces) - 1)):
                if pieces[n : n + 2] == [left, right]:
                    pieces[n : n + 2] = [left + right]
        return pieces

    def takes_them_out(word, joins):
        pieces = list(word)
        for left, right in joins:
            n = 0
            while n < len(pieces) - 1:
                if (pieces[n], pieces[n + 1]) == (left, right):
                    pieces[n : n + 2] = []
                n += 1
        return pieces

    def of_text_with_spaces(word, joins):
        text = " ".join(word)
        for left, right in joins:
            text = text.replace(f"{left} {right}", left + right)
        return text.split()

    def compares_what_they_spell(word, joins):
        pieces = list(word)
        for left, right in joins:
            n = 0
            while n < len(pieces) - 1:
                if pieces[n] + pieces[n + 1] == left + right:
                    pieces[n : n + 2] = [left + right]
                n += 1
        return pieces

    def runs_past_the_end(word, joins):
        pieces = list(word)
        for left, right in joins:
            for n in range(len(pieces) - 1):
                if (pieces[n], pieces[n + 1]) == (left, right):
                    pieces[n : n + 2] = [left + right]
        return pieces

    def one_text(word, joins):
        return ["|".join(solution_2()(word, joins))]

    def last_join_only(word, joins):
        return solution_2()(word, joins[-1:])

    def uses_up_the_joins(word, joins):
        found = solution_2()(word, joins)
        joins.clear()
        return found

    return [
        letters_only,
        first_place_only,
        first_join_only,
        last_join_first,
        of_letters_alone,
        from_the_right,
        takes_them_out,
        of_text_with_spaces,
        compares_what_they_spell,
        runs_past_the_end,
        one_text,
        last_join_only,
        uses_up_the_joins,
        ["w", "her", "e"],
    ]


def solution_3():
    # e 4 times in ours and 3 in theirs, l 2 and 3, f 2 and 1, s 2 and 3: 3 + 2 + 1 + 2 letters in common.
    return 8 / 10, 8 / 15


def check_3(shares):
    precision, recall = shares
    assert not np.isclose(precision, 1), (
        "Each letter of ours stands somewhere in theirs. But of f they have one, and ours has two: how "
        "many of ours can be counted?"
    )
    assert not (np.isclose(precision, 8 / 15) and np.isclose(recall, 0.8)), (
        "The other way round: precision is the share of our runs, recall that of theirs."
    )
    assert max(precision, recall) <= 1, "Both are shares, between 0 and 1: a quarter is 0.25."
    assert np.isclose(precision, 0.8, atol=0.005), (
        "Ours has ten letters: e four times, l, f and s twice each. How many of them does theirs have?"
    )
    assert not np.isclose(recall, 8 / 19), (
        "Spaces do not count. How many letters and signs has theirs?"
    )
    assert not np.isclose(recall, 8 / 14), "The full stop counts as a letter does."
    assert not np.isclose(recall, 10 / 15), (
        "Ten letters of ours, of fifteen. But not all ten have one to answer to in theirs."
    )
    assert np.isclose(recall, 8 / 15, atol=0.005), (
        "The same letters in common as for the precision, as a share of theirs: all but the spaces."
    )
    return "Repeating what is sure keeps the precision high. It is the recall that misses the rest."


HINTS_3 = [
    "Count in ours: e 4, l 2, f 2, s 2. And in theirs?",
    "In theirs: e 3, l 3, f 1, s 3, and five more signs. Of each letter take the smaller count.",
    "3 + 2 + 1 + 2 = 8 in common, of 10 in ours. And of how many in theirs?",
]


def wrong_3():
    # unclipped; swapped; kinds of letters; counts; with spaces; without the full stop; one number; all of ours found;
    # one share twice; per cent
    return [
        (1, 10 / 15),
        (8 / 15, 0.8),
        (1, 4 / 9),
        (8, 8),
        (0.8, 8 / 19),
        (0.8, 8 / 14),
        0.8,
        (0.8, 10 / 15),
        (0.8, 0.8),
        (80, 53.3),
    ]
