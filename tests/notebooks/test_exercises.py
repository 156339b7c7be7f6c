"""Every exercise: the reference solution passes, blanks and wrong answers do not, hints hint."""

import re

import nbformat
import pytest

from tools.hygiene import kernel
from tools.notebook import lessons
from utils import exercises


def _number(name):
    """A lesson's number as its exercises have it: "1" of 01-recognise, "8b" of 08b."""
    return name.partition("-")[0].lstrip("0") or "0"


def _exercises():
    """All exercises of `lessons/solutions/`, as pairs (id such as "1.2", module)."""
    found = []
    for path in sorted(exercises.SOLUTIONS.glob("lesson_*.py")):
        module = exercises._load(path)
        lesson = _number(path.stem.removeprefix("lesson_"))
        numbers = [name[6:] for name in vars(module) if name.startswith("check_")]
        found += [(f"{lesson}.{number}", module) for number in numbers]
    return found


EXERCISES = [pytest.param(exercise, module, id=exercise) for exercise, module in _exercises()]


def _part(module, kind, exercise):
    return getattr(module, f"{kind}_{exercise.partition('.')[2]}")


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_reference_solution_is_right(exercise, module):
    verdict = exercises.grade(exercise, _part(module, "solution", exercise)())
    assert verdict.state == "right", verdict.message


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_wrong_answers_are_refused(exercise, module):
    wrong = _part(module, "wrong", exercise)()
    assert len(wrong) >= 2, "two plausible wrong answers at least"
    for answer in wrong:
        verdict = exercises.grade(exercise, answer)
        assert verdict.state == "wrong", f"{answer!r} gave {verdict}"
        assert verdict.message, f"{answer!r} is refused without a word"


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_blank_is_not_yet(exercise, module):
    assert exercises.grade(exercise, ...).state == "blank"


@pytest.mark.parametrize(("exercise", "module"), EXERCISES)
def test_hints_lead_there_in_steps(exercise, module):
    hints = _part(module, "HINTS", exercise)
    assert isinstance(hints, (list, tuple)) and len(hints) >= 2
    assert all(isinstance(hint, str) and len(hint) > 15 for hint in hints)


# A supplement in a kernel of its own (02b) belongs to its lesson: it has no `utils`, so no exercises.
FULL_LESSONS = [path for path in lessons() if kernel(nbformat.read(path, 4)) == "python3"]


@pytest.mark.parametrize("path", FULL_LESSONS, ids=lambda path: path.name)
def test_lesson_and_solutions_name_the_same_exercises(path):
    """Each check in the notebook has a solution and the other way round, and at least three."""
    lesson = _number(path.name)
    notebook = nbformat.read(path, as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    asked = set(re.findall(r'^check\("([\w.]+)"', code, flags=re.MULTILINE))
    kept = {exercise for exercise, _ in _exercises() if exercise.startswith(f"{lesson}.")}
    assert asked == kept
    assert len(asked) >= (3 if lesson != "0" else 1)
    assert not re.search(r'^(solution|hint)\("', code, flags=re.MULTILINE), "learners call these"


def test_solutions_belong_to_lessons():
    numbers = {_number(path.name) for path in FULL_LESSONS}
    assert {exercise.partition(".")[0] for exercise, _ in _exercises()} <= numbers


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_lesson_has_notes_for_teachers(path):
    name = path.name.partition("-")[0] if path in FULL_LESSONS else path.name[:2]
    notes = exercises.SOLUTIONS / f"lesson_{name}.md"
    assert notes.is_file(), f"write {notes.name}: plan, stumbling blocks, open exercises"
    text = notes.read_text("utf-8")
    assert all(heading in text for heading in ("## Plan", "## Where learners stumble"))
