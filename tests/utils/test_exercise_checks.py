"""utils.exercises, on a small lesson of its own: blanks, kinds of answers, hints, solutions, guesses."""

import importlib.util
import sys
from decimal import Decimal
from fractions import Fraction

import ipywidgets
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from utils import answers, exercises

MODULE = """
def solution_1():
    # the fingers of a hand
    return 2 + 3  # and the thumb

def check_1(n):
    assert n != 4, "Did you count the last one?"
    assert n == 5, "Count again."
    return "All five."

HINTS_1 = ["the first hint", "the second hint"]

def solution_2():
    def double(x):
        return 2 * x

    return double

def check_2(double):
    assert double(3) == 6, "3 should give 6."

HINTS_2 = ["think", "think more"]
"""


@pytest.fixture(autouse=True)
def small_lesson(tmp_path, monkeypatch):
    (tmp_path / "lesson_42.py").write_text(MODULE)
    for name in ["03", "03b"]:
        own = f'def solution_1():\n    return "{name}"\n\ndef check_1(text):\n    assert text == "{name}"\n'
        (tmp_path / f"lesson_{name}.py").write_text(own)
    monkeypatch.setattr(exercises, "SOLUTIONS", tmp_path)
    exercises.forget()


def full_stop(x):
    """A docstring is no answer."""
    ...


def passes(x):
    pass


def returns_dots(x):
    return ...


def hands_on_dots(x):
    return [x, ...]


def half_done(x):
    factor = ...
    return factor * x


@pytest.mark.parametrize(
    "answer",
    [
        ...,
        full_stop,
        passes,
        returns_dots,
        hands_on_dots,
        half_done,
        [1, ...],
        (..., 2),
        {"a": ...},
    ],
)
def test_blank(answer, capsys):
    number = "42.2" if callable(answer) else "42.1"
    exercises.check(number, answer)
    assert capsys.readouterr().out.startswith("… Not yet:")


@pytest.mark.parametrize("answer", [lambda x: 2 * x, lambda x: x + x])
def test_right_function(answer, capsys):
    exercises.check("42.2", answer)
    assert capsys.readouterr().out == "✔ Right.\n"


@pytest.mark.parametrize(("exercise", "lesson"), [("3.1", "03"), ("3b.1", "03b")])
def test_a_part_of_a_lesson_has_exercises_of_its_own(exercise, lesson):
    assert exercises.grade(exercise, lesson).state == "right"


def test_right_value_is_praised(capsys):
    exercises.check("42.1", 5)
    assert capsys.readouterr().out == "✔ Right. All five.\n"


def test_wrong_answer_gets_a_thought_and_not_the_solution(capsys):
    exercises.check("42.1", 4)
    printed = capsys.readouterr().out
    assert printed.startswith("✘ Not right yet. Did you count the last one?")
    assert 'hint("42.1")' in printed and "5" not in printed.replace("42.1", "")


def test_function_that_fails_is_reported_not_raised(capsys):
    exercises.check("42.2", lambda x: x["a"])
    assert "could not be used: TypeError: 'int' object is not" in capsys.readouterr().out


def test_function_with_an_assert_of_its_own_is_reported():
    def double(x):
        raise AssertionError  # as a plain `assert` does, where pytest does not rewrite it

    assert exercises.grade("42.2", double).message == "An `assert` in your answer does not hold."


def test_function_that_returns_none_after_work_is_wrong_not_blank(capsys):
    def prints(x):
        print(2 * x)

    exercises.check("42.2", prints)
    assert "✘ Not right yet. double gives nothing back: write `return`" in capsys.readouterr().out


def test_hints_come_one_by_one(capsys):
    for _ in range(3):
        exercises.hint("42.1")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "Hint 1 of 2: the first hint"
    assert printed[1] == "Hint 2 of 2: the second hint"
    assert "last hint" in printed[2]
    assert printed[3] == "Hint 2 of 2: the second hint"


def test_solution_after_a_try(capsys):
    exercises.solution("42.2")
    assert "Have a try first" in capsys.readouterr().out
    exercises.check("42.2", ...)  # a blank is no try
    exercises.solution("42.2")
    assert "return 2 * x" not in capsys.readouterr().out
    exercises.check("42.2", lambda x: x)
    exercises.solution("42.2")
    assert capsys.readouterr().out.endswith("says more.\ndef double(x):\n    return 2 * x\n")


def test_the_solution_has_the_name_of_the_exercise_and_keeps_comments(capsys):
    exercises.check("42.1", 1)
    capsys.readouterr()
    exercises.solution("42.1")
    assert capsys.readouterr().out == "# the fingers of a hand\nn = 2 + 3  # and the thumb\n"


def test_the_tally_counts_what_the_lesson_has_and_names_what_is_open():
    none = "Exercises: this lesson has none that check themselves."
    assert (exercises.tally(), exercises.lesson()) == (none, None)
    exercises.check("42.2", lambda x: 2 * x)
    one = "Exercises: 1 right of the 2 that check themselves. Open: 42.1."
    assert (exercises.tally(), exercises.lesson()) == (one, "42")
    exercises.check("42.1", ...)
    assert exercises.tally() == one
    exercises.check("42.1", 5)
    assert exercises.tally() == "Exercises: 2 right of the 2 that check themselves."
    exercises.check("42.1", 6)
    assert exercises.tally() == "Exercises: 2 right of the 2 that check themselves."


@pytest.mark.parametrize(
    ("lesson", "known"), [("42", ["42.1", "42.2"]), ("03b", ["3b.1"]), ("7", [])]
)
def test_exercises_of_a_lesson(lesson, known):
    assert exercises.numbered(lesson) == known


@pytest.mark.parametrize(
    "name", ["42.9", "43.1", "nonsense", "", 43.1, None, lambda x: 2 * x, np.arange(1000)]
)
def test_unknown_exercise_is_told_not_raised(name, capsys):
    exercises.check(name, 5)
    printed = capsys.readouterr().out
    assert printed.startswith("There is no exercise") and len(printed) < 150
    assert exercises.lesson() is None
    with pytest.raises(ValueError, match="There is no exercise"):
        exercises.grade(name, 5)


def test_the_number_of_an_exercise_without_quotes(capsys):
    exercises.check(42.1, 5)
    assert capsys.readouterr().out == "✔ Right. All five.\n"
    exercises.solution(42.1)
    assert "n = 2 + 3" in capsys.readouterr().out
    assert "1 right of the 2" in exercises.tally()


def test_a_check_without_an_answer(capsys):
    exercises.check("42.1")
    assert capsys.readouterr().out == ('… Not yet: hand over your answer, too: check("42.1", n).\n')


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda: 6, "calls it as double(x), and yours is double(): too many positional arguments."),
        (lambda x, y: 6, "and yours is double(x, y): missing a required argument: 'y'."),
        (np.square, "3 should give 6."),
        (lambda x: "6", "What double gives back is text: leave out the quotes."),
        (lambda x: [6, 6], "What double gives back is a list of length 2, and one number is"),
        (6, "The answer is the function itself: write double, without brackets behind it."),
        ("double", "That is text: leave out the quotes."),
    ],
)
def test_functions_that_cannot_be_judged(function, told):
    verdict = exercises.grade("42.2", function)
    assert verdict.state == "wrong" and told in verdict.message


class Symbol:
    def __array__(self, dtype=None, copy=None):
        raise NotImplementedError("a symbol of some engine")


MASK = np.array([True, False])
PAIR = (25, 4.0)


@pytest.mark.parametrize(
    ("answer", "reference", "same"),
    [
        (Fraction(5, 2), 2.5, 2.5),
        (Decimal("2.5"), 2.5, 2.5),
        (3**60, 1, 3**60),
        (5.0, 5, 5.0),
        ([[np.array([5])]], 5, 5),
        (np.bool_(True), False, True),
        (np.str_("a"), "b", "a"),
        (np.array("a"), "b", "a"),
        (["a"], "b", "a"),
        (range(2), PAIR, (0, 1)),
        (np.array([[25], [4]]), PAIR, (25, 4)),
        ((1, 2, 3), [0.5], [1, 2, 3]),
        (np.array([]), [0.5], []),
        ([1, "a"], [], [1, "a"]),
        ({"b": np.float32(1), "a": [2], "c": 3}, {"a": 1, "b": 1}, {"a": 2, "b": 1}),
    ],
)
def test_the_same_in_the_type_of_the_reference(answer, reference, same):
    found = answers.as_like(answer, reference)
    assert found == same
    assert type(found) is type(same) or isinstance(same, int)


def test_an_array_of_a_list():
    assert answers.as_like([True, np.bool_(False)], MASK).dtype == bool
    assert answers.as_like(5, MASK).shape == ()


@pytest.mark.parametrize(
    ("answer", "reference", "told"),
    [
        ("5", 5, "That is text: leave out the quotes."),
        ("five", 5, "That is text, and one number is asked for."),
        (True, 5, "That is True, and one number is asked for."),
        (1j, 5, "That is 1j, and one number"),
        ([1, 2], 5, "That is a list of length 2, and one number"),
        ([[1, 2], [3]], 5, "That is a list of length 2"),
        (np.zeros((2, 3)), 5, "That is an array of shape (2, 3), and one number"),
        ({5}, 5, "That is of the type set"),
        (None, 5, "That is None, and one number is asked for. Is a `return` missing"),
        (len, 5, "That is a function, and one number is asked for: call it"),
        (int, 5, "That is a function"),
        (Symbol(), 5, "That is a symbol of a graph, which has no value yet"),
        (5, "a", "That is 5, and text in quotes is asked for."),
        (1, True, "That is 1, and True or False is asked for."),
        ("True", True, "leave out the quotes"),
        (25, PAIR, "That is 25, and a tuple such as (1, 2) is asked for."),
        ("25, 4", PAIR, "leave out the quotes"),
        ((25, "4"), PAIR, "Value 2 of your answer is text: leave out the quotes."),
        ((25, 4, 1), PAIR, "That has the length 3, and 2 values are asked for."),
        (((25, 1), 4), PAIR, "Value 1 of your answer is a list of length 2"),
        ({25, 4}, PAIR, "That is of the type set, and a tuple"),
        ((x for x in PAIR), [1], "That is of the type generator, and a list"),
        (None, MASK, "That is None, and an array"),
        ([[True], [True, False]], MASK, "That has rows of different lengths."),
        (["True", "False"], MASK, "That holds text: leave out the quotes."),
        (["group 1", "group 2"], MASK, "That holds text: True and False are asked for."),
        ([True, None], MASK, "That holds something else than numbers."),
        ([1], {"a": 1}, "That is a list of length 1, and a dict"),
        ({"b": 1}, {"a": 1}, "That lacks the key 'a'."),
        ({"a": "1"}, {"a": 1}, "'a' of your answer is text: leave out the quotes."),
    ],
)
def test_another_kind_is_refused_with_a_sentence(answer, reference, told):
    with pytest.raises(AssertionError) as refused:
        answers.as_like(answer, reference)
    assert told in str(refused.value)


@pytest.fixture
def shell(monkeypatch):
    """A shell as that of a notebook's kernel; `shell.shown` has what it displays."""
    shell = InteractiveShell.instance()
    shell.kernel = None
    shell.shown = []
    publish = lambda data, *args, **kwargs: shell.shown.append(data)
    monkeypatch.setattr(shell.display_pub, "publish", publish)
    monkeypatch.setattr(InteractiveShell, "initialized", classmethod(lambda cls: True))
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def boxes(monkeypatch):
    """The rows of buttons that were made, each with what came below it."""
    made = []

    class Box(ipywidgets.VBox):
        def __init__(self, children):
            super().__init__(children)
            made.append(self)

    monkeypatch.setattr(ipywidgets, "VBox", Box)
    return made


@pytest.mark.parametrize(("answer", "words"), [(..., ["Hint"]), (4, ["Hint", "Solution"])])
def test_buttons_stand_below_in_one_row(shell, boxes, answer, words, capsys):
    exercises.check("42.1", answer)
    (box,) = boxes
    (row,) = box.children
    assert [button.description for button in row.children] == words
    # Nothing but a widget's view: where no widget lives nothing is seen, and a saved lesson has none.
    assert [list(data) for data in shell.shown] == [["application/vnd.jupyter.widget-view+json"]]
    assert shell.shown[0]["application/vnd.jupyter.widget-view+json"]["model_id"] == box.model_id
    assert capsys.readouterr().out.count("\n") == 1


def test_no_buttons_below_a_right_answer(shell, boxes, capsys):
    exercises.check("42.1", 5)
    assert capsys.readouterr().out == "✔ Right. All five.\n"
    assert (boxes, shell.shown) == ([], [])


def test_buttons_say_what_the_functions_say(shell, boxes, capsys):
    exercises.check("42.2", lambda x: x)
    (box,) = boxes
    ask, show = box.children[0].children
    capsys.readouterr()
    ask.click()
    _, below = box.children
    assert "Hint 1 of 2: think</pre>" in below.value and not ask.disabled
    ask.click()
    assert "Hint 2 of 2: think more</pre>" in below.value and ask.disabled
    show.click()
    assert "def double(x):\n    return 2 * x</pre>" in below.value and show.disabled
    assert capsys.readouterr().out == ""


def test_what_the_buttons_show_is_text_not_html(shell, boxes, monkeypatch):
    monkeypatch.setattr(exercises, "_printed", lambda *found: "n = 1 < 2 & x")
    exercises.check("42.1", 4)
    boxes[0].children[0].children[1].click()
    assert "n = 1 &lt; 2 &amp; x" in boxes[0].children[1].value


def test_no_buttons_without_a_kernel_or_ipywidgets(shell, boxes, monkeypatch, capsys):
    find = importlib.util.find_spec
    hidden = lambda name: None if name == "ipywidgets" else find(name)
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", hidden)
        exercises.check("42.1", 4)
    del shell.kernel  # as in IPython in a terminal
    exercises.check("42.1", 4)
    monkeypatch.delitem(sys.modules, "IPython")  # plain Python
    exercises.check("42.1", 4)
    assert capsys.readouterr().out.count('hint("42.1") says more.') == 3
    assert (boxes, shell.shown) == ([], [])


def test_hint_and_solution_of_an_open_exercise_say_that_there_is_none(capsys):
    exercises.hint("42.9")
    exercises.solution("42.9")
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert "open one" in first and first.endswith("Lesson 42 checks 42.1, 42.2.")


def test_reveal(capsys):
    exercises.reveal(5, 7, "The teapot is hard.")
    exercises.reveal(..., 7)
    assert capsys.readouterr().out == (
        "Your guess: 5. What came out: 7. The teapot is hard.\n"
        "You wrote down no guess. What came out: 7.\n"
    )


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (0.26, "0.26"),
        ("SimpleRNN", "SimpleRNN"),
        ([5.85, 6.16], "5.85, 6.16"),
        ((90, 98), "90, 98"),
        (["nearest"], "nearest"),
        ({"MLP": "0.0", "convnet": "3.3"}, "MLP: 0.0; convnet: 3.3"),
        ({"tanh": [27.6, 14.2], "relu": [0.0]}, "tanh: 27.6, 14.2; relu: 0.0"),
        ({20: 706}, "20: 706"),
        (np.array([1, 2]), "[1 2]"),
    ],
)
def test_reveal_says_lists_and_dicts_in_words(truth, said, capsys):
    exercises.reveal(truth, truth)
    assert capsys.readouterr().out == f"Your guess: {said}. What came out: {said}.\n"


def test_reveal_breaks_long_lines(capsys):
    exercises.reveal(..., ["loss"] * 40, "A note.")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1 and max(map(len, lines)) <= 88
