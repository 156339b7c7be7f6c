"""Exercises that check themselves: `check`, `hint`, `solution`, and `reveal` for guesses.

In a notebook, exercise 2 of lesson 1:

    def accuracy(guesses, labels):
        return ...

    check("1.2", accuracy)

Why not otter-grader, which was tried first: it brings some 90 packages to install and seconds of
import, prints its hint below a traceback, and does not run its embedded tests on Colab. What the
course needs of a grader is what stands below.

The answers live apart from the notebooks, in `lessons/solutions/lesson_01.py` and so on. For
exercise 2 that module defines, and `tests/notebooks/test_exercises.py` tries:

    def solution_2():       the reference solution; returns the right answer
    def check_2(accuracy):  `assert condition, "what to think about"`; may return a word of praise
    HINTS_2                 list of str, from a nudge to nearly the answer
    def wrong_2():          a list of plausible wrong answers, each of which `check_2` must refuse

`check_2` gets the answer in the type of the reference solution (`utils.answers`): a number as
Python's, whatever the learner has it in; of a function, its results. Answers of another kind, and
functions that lack a `return` or an argument, have been refused before. The name of its argument
is that of the exercise: `solution("1.2")` prints `def accuracy(...)`, or `accuracy = ...`.
"""

import ast
import dis
import html
import importlib.util
import inspect
import reprlib
import sys
import textwrap
import types
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import ascii_lowercase

from utils import answers, printing, progress, workbook

__all__ = [
    "Verdict",
    "check",
    "forget",
    "grade",
    "hint",
    "lesson",
    "material",
    "numbered",
    "reveal",
    "solution",
    "tally",
]

SOLUTIONS = Path(__file__).resolve().parent.parent / "lessons" / "solutions"


@dataclass(frozen=True)
class Verdict:
    """What became of an answer: `state` is "right", "wrong" or "blank"; `message` is for people."""

    state: str
    message: str


_states: dict[str, str] = {}  # exercise -> state of its last check
_hints_shown: dict[str, int] = {}
_tried: set[str] = set()
_MISSING = object()


def check(exercise: str, answer: object = _MISSING) -> None:
    """Check an answer and print a line: right, not yet, or what to think about. Never raises
    for a wrong answer, so that a notebook with blanks still runs from top to bottom. In Jupyter
    and Colab, until it is right, buttons for a hint and, after a try, the solution stand below it.

    Args:
        exercise: lesson and number, such as `"1.2"`, or `"8b.1"` in lesson 08b.
        answer: the learner's answer, a value or a function; `...` is a blank.
    """
    exercise = str(exercise)  # 1.2 without quotes is clear enough
    if not _find_or_say(exercise):
        return
    verdict = grade(exercise, answer)
    if _states.get(exercise) != "right":  # solved stays solved while one plays on
        _states[exercise] = verdict.state
    if verdict.state != "blank":
        _tried.add(exercise)
    progress.exercise(exercise, verdict.state)
    mark = {"right": "✔ Right.", "wrong": "✘ Not right yet.", "blank": "… Not yet:"}[verdict.state]
    print(f"{mark} {verdict.message}".rstrip())
    if verdict.state != "right" and _has_widgets():
        _show_buttons(exercise, tried=verdict.state == "wrong")
    elif verdict.state == "wrong":
        print(f'  hint("{exercise}") says more.')


def grade(exercise: str, answer: object = _MISSING) -> Verdict:
    """The `Verdict` on an answer, without printing or remembering it.

    Raises:
        ValueError: there is no such exercise.
    """
    number, module = _find(exercise)
    name = _name(number, module)
    if answer is _MISSING:
        return Verdict("blank", f'hand over your answer, too: check("{exercise}", {name}).')
    if _is_blank(answer):
        message = f"replace the three dots of exercise {exercise} and run this cell again."
        return Verdict("blank", message)
    reference = _reference(number, module)
    try:
        if callable(reference):
            example = _example(number, module)
            answer = answers.as_function(answer, reference, example, name)
        else:
            answer = answers.as_like(answer, reference)
        praise = getattr(module, f"check_{number}")(answer)
    except answers.Blank:
        return Verdict("blank", "there are still three dots to replace in your answer.")
    except AssertionError as error:
        return Verdict("wrong", str(error) or "An `assert` in your answer does not hold.")
    except Exception as error:  # a learner's function may raise anything
        if "ellipsis" in str(error):
            return Verdict("blank", "there are still three dots to replace in your answer.")
        return Verdict("wrong", f"Your answer could not be used: {type(error).__name__}: {error}")
    return Verdict("right", praise or "")


def hint(exercise: str) -> None:
    """Print the exercise's next hint; after the last one, say how to see the solution."""
    if not (found := _find_or_say(exercise)):
        return
    text, is_last = _next_hint(exercise, *found)
    print(text)
    if is_last:
        print(f'That was the last hint. After a try, solution("{exercise}") shows one answer.')


def solution(exercise: str) -> None:
    """Print the reference solution, to be pasted over the blank, once the learner has checked an
    answer of their own.
    """
    exercise = str(exercise)
    if not (found := _find_or_say(exercise)):
        return
    if exercise not in _tried and exercise not in progress.read(workbook.current())["exercises"]:
        print("Have a try first, even a wild one: a solution read too early does not stick.")
        return
    print(_printed(*found))


def reveal(guess: object, truth: object, note: str = "") -> None:
    """Print a guess that was written down before, beside what came out.

    Args:
        guess: the guess: a number, words, a list, or a dict that names each; `...` if none was made.
        truth: what came out.
        note: a sentence put behind it.
    """
    made = "You wrote down no guess" if _is_blank(guess) else f"Your guess: {_in_words(guess)}"
    printing.say(f"{made}. What came out: {_in_words(truth)}. {note}".rstrip())


def _in_words(value):
    """A value as one reads it aloud: no braces, brackets or quotation marks."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_in_words(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple, set)):
        return ", ".join(map(_in_words, value))
    return str(value)


def material(exercise: str, *given: object) -> object:
    """What an exercise examines, made out of sight by its module's `material_N`."""
    number, module = _find(exercise)
    return getattr(module, f"material_{number}")(*given)


def numbered(lesson: str) -> list[str]:
    """The exercises of a lesson that check themselves, such as `["1.1", "1.2"]`, in order.

    Args:
        lesson: its number, with zeros or without, such as `"01"`.
    """
    path = _module_path(lesson)
    numbers = [name[6:] for name in vars(_load(path)) if name.startswith("check_")] if path else []
    return [f"{lesson.lstrip('0') or 0}.{number}" for number in sorted(numbers, key=int)]


def lesson() -> str | None:
    """The number of the lesson that runs, as `"01"`: that of the learner's copy, or else of the
    exercises checked in this kernel; None if neither tells.
    """
    path = _module_path(next(iter(_states), "").partition(".")[0])
    return workbook.current() or (path and path.stem.removeprefix("lesson_"))


def tally() -> str:
    """One line on the exercises of this lesson: how many are right, and which are open."""
    known = numbered(lesson() or "")
    if not known:
        return "Exercises: this lesson has none that check themselves."
    states = progress.read(workbook.current())["exercises"] | _states
    still_open = [exercise for exercise in known if states.get(exercise) != "right"]
    right = len(known) - len(still_open)
    rest = f" Open: {', '.join(still_open)}." if still_open else ""
    return f"Exercises: {right} right of the {len(known)} that check themselves.{rest}"


def forget() -> None:
    """Forget all tries and hints of this kernel: a lesson begins."""
    _states.clear()
    _hints_shown.clear()
    _tried.clear()


def _find(exercise):
    lesson, _, number = str(exercise).partition(".")
    path = _module_path(lesson)
    if path is None:
        raise ValueError(
            f'There is no exercise {reprlib.repr(exercise)}. Say it as in check("1.2", answer).'
        )
    module = _load(path)
    if not hasattr(module, f"check_{number}"):
        raise ValueError(
            f"There is no exercise {exercise!r} with a check: it is an open one, or the number is "
            f"mistyped. Lesson {lesson} checks {', '.join(numbered(lesson))}."
        )
    return number, module


def _module_path(lesson):
    """The path of the solutions of a lesson, or None."""
    digits = lesson.rstrip(ascii_lowercase)  # a part of a lesson has a letter behind it: 08b
    path = SOLUTIONS / f"lesson_{digits:0>2}{lesson[len(digits) :]}.py"
    return path if digits.isdigit() and path.is_file() else None


def _find_or_say(exercise):
    """The same for a question, where an open exercise is no mistake: None, after saying so."""
    try:
        return _find(exercise)
    except ValueError as error:
        print(error)
        return None


@cache
def _load(path):
    # By path: the folder is no package, and its place does not depend on the working directory.
    spec = importlib.util.spec_from_file_location(f"solutions_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _name(number, module):
    """What the exercise calls its answer."""
    return next(iter(inspect.signature(getattr(module, f"check_{number}")).parameters))


@cache
def _reference(number, module):
    """The right answer."""
    return getattr(module, f"solution_{number}")()


@cache
def _example(number, module):
    """What the reference function gives back when the check calls it first; None if it never does."""

    class FirstCall(BaseException):  # passes by what the check may catch
        pass

    def reference(*args):
        raise FirstCall(_reference(number, module)(*args))

    try:
        getattr(module, f"check_{number}")(reference)
    except FirstCall as call:
        return call.args[0]
    return None


def _printed(number, module):
    """The reference solution in the words of the exercise: `name = ...` or `def name(...)`, with
    what stands above it, comments too.
    """
    name = _name(number, module)
    source = inspect.getsource(getattr(module, f"solution_{number}"))
    end = ast.parse(source).body[0].body[-1]  # return ...
    lines = source.splitlines()
    above, answer = lines[1 : end.lineno - 1], lines[end.lineno - 1 :]
    if isinstance(end.value, ast.Name):  # of the function that is defined above
        answer = []
    else:
        answer[0] = answer[0].replace("return", f"{name} =", 1)
    return textwrap.dedent("\n".join(above + answer)).strip()


def _next_hint(exercise, number, module):
    """The hint that comes next, and whether it is the last one."""
    hints = getattr(module, f"HINTS_{number}")
    shown = min(_hints_shown.get(exercise, 0) + 1, len(hints))
    _hints_shown[exercise] = shown
    return f"Hint {shown} of {len(hints)}: {hints[shown - 1]}", shown == len(hints)


def _has_widgets():
    """Whether this is a notebook's kernel that can show buttons."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel") and importlib.util.find_spec("ipywidgets") is not None


def _show_buttons(exercise, tried):
    """One small row: a hint, and after a try the solution. What they say comes below it. Below a
    right answer there is none: a page that is opened again would show that its widget is gone.
    """
    import ipywidgets
    from IPython.display import display

    def button(word, say):
        made = ipywidgets.Button(description=word, layout={"width": "auto", "height": "26px"})

        def clicked(_):
            text, made.disabled = say(exercise, *_find(exercise))
            below.value += (
                f'<pre style="white-space: pre-wrap; margin: 0 0 8px">{html.escape(text)}</pre>'
            )
            box.children = [row, below]

        made.on_click(clicked)
        return made

    buttons = [button("Hint", _next_hint)]
    if tried:
        buttons.append(button("Solution", lambda _, *found: (_printed(*found), True)))
    row, below = ipywidgets.HBox(buttons), ipywidgets.HTML()
    box = ipywidgets.VBox([row])
    # Without the text that stands for a widget elsewhere: there the functions serve.
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    display({"application/vnd.jupyter.widget-view+json": view}, raw=True)


def _is_blank(answer):
    if answer is ...:
        return True
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, (list, tuple)):
        return any(_is_blank(part) for part in answer)
    return isinstance(answer, types.FunctionType) and _does_nothing(answer)


def _does_nothing(function):
    """Whether a function's body is only `...`, `pass` or a docstring."""
    quiet = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    steps = [step for step in dis.get_instructions(function) if step.opname in quiet]
    return len(steps) == len(list(dis.get_instructions(function))) and all(
        step.argval in (None, ...) for step in steps if step.opname.endswith("CONST")
    )
