"""utils.exercises, on a small lesson of its own: blanks, hints, solutions, guesses."""

import pytest

from utils import exercises

MODULE = """
def solution_1():
    return 5

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
        own = f'def check_1(answer):\n    assert answer == "{name}"\n'
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


def half_done(x):
    factor = ...
    return factor * x


@pytest.mark.parametrize(
    "answer", [..., full_stop, passes, returns_dots, half_done, [1, ...], (..., 2), {"a": ...}]
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
    assert "could not be used: TypeError" in capsys.readouterr().out


def test_function_that_returns_none_after_work_is_wrong_not_blank(capsys):
    def prints(x):
        print(2 * x)

    exercises.check("42.2", prints)
    assert "✘ Not right yet." in capsys.readouterr().out


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
    assert "return 2 * x" in capsys.readouterr().out


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


@pytest.mark.parametrize("name", ["42.9", "43.1", "nonsense", ""])
def test_unknown_exercise(name):
    with pytest.raises(ValueError, match="There is no exercise"):
        exercises.check(name, 1)


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
