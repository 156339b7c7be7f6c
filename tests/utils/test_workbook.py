"""A learner's work survives pulling, updating and resetting: real git, real lessons, real commands."""

import copy
import datetime
import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import IPython
import nbformat
import pytest

from utils import exercises, lesson, progress, workbook

ROOT = Path(__file__).resolve().parents[2]
START, ONE = "00-start-here.ipynb", "part1/01-recognise-anything.ipynb"
# The cell of exercise 0.1 in the real lesson 00, its neighbours, and a text cell.
HOURS, BEFORE_HOURS, HALVE, TEXT = "a041cf99", "052cfe58", "4302b781", "7b15161a"
ANSWER = 'hours = 15 * 75 / 60\n\ncheck("0.1", hours)'


class Course:
    """The course as it is published, and a learner's clone of it."""

    def __init__(self, folder):
        self.origin, self.clone = folder / "published", folder / "mon cours d'été"
        for name in (START, ONE):
            path = self.origin / "lessons" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "lessons" / name, path)
        shutil.copy(ROOT / "lessons" / "glossary.md", self.origin / "lessons")
        (self.origin / "utils").mkdir()
        for name in ("utils/__init__.py", "utils/workbook.py", ".gitignore"):
            shutil.copy(ROOT / name, self.origin / name)
        self.git(self.origin, "init", "-q", "-b", "main")
        self.publish()
        self.git(folder, "clone", "-q", self.origin.as_uri(), str(self.clone))
        self.old = self.clone / "work" / "old"

    def git(self, folder, *arguments):
        names = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org"}
        names |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=kept | names, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def publish(self):
        self.git(self.origin, "add", "-A")
        self.git(self.origin, "commit", "-q", "-m", "a version")

    def pull(self):
        """What the README tells a learner to do; nothing may be in its way."""
        self.git(self.clone, "pull", "-q", "--ff-only")
        assert self.git(self.clone, "status", "--porcelain") == ""

    def run(self, *arguments, status=0):
        """Run the command, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "utils.workbook", *arguments],
            cwd=self.clone, capture_output=True, encoding="utf-8", check=False,
            env={**os.environ, "PYTHONUTF8": "1"},
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def new(self, change, name=START):
        """Publish a new version of a lesson, and pull it."""
        edit(self.origin / "lessons" / name, change)
        self.publish()
        self.pull()

    def work(self, name=START):
        return self.clone / "work" / name

    def sources(self, name=START):
        """The text of each cell of the learner's copy, by id, in order; the file is valid."""
        notebook = nbformat.read(self.work(name), as_version=4)
        nbformat.validate(notebook)
        return {cell.id: cell.source for cell in notebook.cells}


def edit(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook.cells)
    nbformat.write(notebook, path)


def cell_of(cells, cell_id):
    (found,) = (cell for cell in cells if cell.id == cell_id)
    return found


def says(cell_id, source):
    """A change: the cell's text."""
    return lambda cells: cell_of(cells, cell_id).update(source=source)


def deletes(cell_id):
    return lambda cells: cells.remove(cell_of(cells, cell_id))


def adds(after, source, cell_id="mine"):
    def change(cells):
        place = cells.index(cell_of(cells, after)) + 1
        cells.insert(place, nbformat.v4.new_code_cell(source, id=cell_id))

    return change


def moves(cell_id, after):
    def change(cells):
        cell = cell_of(cells, cell_id)
        cells.remove(cell)
        cells.insert(cells.index(cell_of(cells, after)) + 1, cell)

    return change


def all_of(*changes):
    return lambda cells: [change(cells) for change in changes]


@pytest.fixture
def course(tmp_path):
    course = Course(tmp_path)
    course.run("fill")
    return course


def test_copies_are_made_once_and_never_written_over(course):
    published = nbformat.read(ROOT / "lessons" / START, as_version=4)
    fresh = nbformat.read(course.work(), as_version=4)
    assert [c.id for c in fresh.cells] == [c.id for c in published.cells]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in fresh.cells)
    edit(course.work(), says(HOURS, ANSWER))
    before = course.work().read_bytes()
    assert course.run("fill") == ""
    assert course.work().read_bytes() == before
    course.work(ONE).unlink()
    assert course.run("fill") == "New in work/, your own copies of the lessons: 01.\n"
    assert course.git(course.clone, "status", "--porcelain") == ""


@pytest.mark.parametrize("path", workbook.lessons(), ids=lambda path: path.name)
def test_links_of_a_copy_lead_somewhere(path):
    folder = workbook.WORK / path.relative_to(workbook.LESSONS).parent
    there = {workbook.WORK / other.relative_to(workbook.LESSONS) for other in workbook.lessons()}
    for cell in workbook._fresh(path)["cells"]:
        if cell["cell_type"] == "markdown":
            for link in workbook.LINK.findall(cell["source"]):
                target = Path(os.path.normpath(folder / link))
                assert target in there or target.exists(), link


# What the learner did, what the new version brings, what must be in the copy after an update (None:
# no such cell), and what is kept beside it.
NEW = 'hours = ...  # whole ones do\n\ncheck("0.1", hours)'
MERGES = {
    "an answer": (says(HOURS, ANSWER), says(TEXT, "New words."), {HOURS: ANSWER, TEXT: "New words."}, 0),
    "both the same": (says(HOURS, NEW), says(HOURS, NEW), {HOURS: NEW}, 0),
    "both": (says(HOURS, ANSWER), says(HOURS, NEW), {HOURS: ANSWER}, 1),
    "both, in a text": (says(TEXT, "My words."), says(TEXT, "New words."), {TEXT: "My words."}, 1),
    "an answer that spaces surround": (says(HOURS, NEW + "\n"), says(HOURS, NEW), {HOURS: NEW}, 0),
    "a cell of the learner's": (adds(HOURS, "1 + 1"), says(HOURS, NEW), {HOURS: NEW, "mine": "1 + 1"}, 0),
    "a cell deleted": (deletes(TEXT), says(HOURS, NEW), {TEXT: None, HOURS: NEW}, 0),
    "a deleted cell changed": (deletes(TEXT), says(TEXT, "New words."), {TEXT: "New words."}, 0),
    "taken out": (says(HALVE, "1"), deletes(TEXT), {TEXT: None, HALVE: "1"}, 0),
    "taken out and changed": (says(TEXT, "Mine."), deletes(TEXT), {TEXT: "Mine.", f"{TEXT}-gone": workbook.GONE}, 0),
    "a new cell": (says(HOURS, ANSWER), adds(HOURS, "2", "new"), {HOURS: ANSWER, "new": "2"}, 0),
    "moved in the lesson": (says(HOURS, ANSWER), moves(HOURS, HALVE), {HOURS: ANSWER}, 0),
    "moved by the learner": (moves(HOURS, HALVE), says(HALVE, "1"), {HALVE: "1"}, 0),
}  # fmt: skip


@pytest.mark.parametrize(("mine", "new", "expected", "conflicts"), MERGES.values(), ids=MERGES)
def test_answers_are_carried_over(course, mine, new, expected, conflicts):
    edit(course.work(), mine)
    before = course.work().read_bytes()
    course.new(new)
    assert "newer version of 00." in course.run("fill")
    assert course.work().read_bytes() == before
    printed = course.run("update")
    assert "00: brought up to date" in printed and "01: up to date." in printed
    sources = course.sources()
    assert {cell_id: sources.get(cell_id) for cell_id in expected} == expected
    notes = [text for text in sources.values() if text.startswith(workbook.CHANGED)]
    assert len(notes) == conflicts
    assert ("**New in this lesson**" in printed) == bool(conflicts)
    assert (course.old / "00-start-here-1.ipynb").read_bytes() == before
    after = course.work().read_bytes()
    assert "00: up to date." in course.run("update")
    assert course.run("fill") == ""
    assert course.work().read_bytes() == after


def test_cells_stand_where_one_looks_for_them(course):
    mine = all_of(says(HOURS, ANSWER), adds(HOURS, "first"), adds("mine", "second", "mine-2"))
    edit(course.work(), all_of(mine, adds(TEXT, "of a cell that goes", "mine-3")))
    course.new(all_of(says(HOURS, NEW), deletes(TEXT), moves(HOURS, HALVE)))
    course.run("update")
    ids = list(course.sources())
    place = ids.index(HALVE)
    assert ids[place : place + 5] == [HALVE, HOURS, f"{HOURS}-new", "mine", "mine-2"]
    assert ids[ids.index("mine-3") - 1] == "93b69c8a", "behind what stood before the cell that went"
    note = course.sources()[f"{HOURS}-new"]
    assert NEW in note and "```python" in note, "shown, and not run: it would undo the answer"


def test_code_that_the_lesson_has_no_more_is_kept_and_stops_no_run(course):
    edit(course.work(), says(HOURS, ANSWER))
    course.new(deletes(HOURS))
    for version in ("New words.", "Newer words."):
        course.run("update")
        cell = cell_of(nbformat.read(course.work(), as_version=4).cells, HOURS)
        assert (cell.cell_type, cell.source) == ("raw", ANSWER)
        assert list(course.sources()).count(f"{HOURS}-gone") == 1
        course.new(says(TEXT, version))


def test_a_second_update_replaces_the_note_of_the_first(course):
    edit(course.work(), says(HOURS, ANSWER))
    for n, version in enumerate([NEW, NEW.replace("whole", "half")], 1):
        course.new(says(HOURS, version))
        course.run("update", "00")
        notes = [text for cell_id, text in course.sources().items() if cell_id == f"{HOURS}-new"]
        assert len(notes) == 1 and version in notes[0]
        assert course.sources()[HOURS] == ANSWER
        assert (course.old / f"00-start-here-{n}.ipynb").exists()
    course.new(says(TEXT, "New words."))
    course.run("update")
    assert version in course.sources()[f"{HOURS}-new"], "kept until the learner deletes it"


def test_a_lesson_that_was_run_again_needs_no_update(course):
    edit(course.work(), says(HOURS, ANSWER))

    def run_again(cells):
        for cell in cells:
            if cell.cell_type == "code":
                cell.outputs = [nbformat.v4.new_output("stream", text="another machine\n")]
                cell.execution_count = 7

    course.new(run_again)
    assert course.run("fill") == ""
    assert "00: up to date." in course.run("update")
    assert not course.old.exists()


def test_a_copy_that_was_only_looked_at_follows_by_itself_and_one_that_was_run_does_not(course):
    def run(cells):
        cell_of(cells, HALVE).outputs = [nbformat.v4.new_output("stream", text="Not yet\n")]

    course.new(says(HOURS, NEW))
    assert course.run("fill") == ""
    assert course.sources()[HOURS] == NEW
    edit(course.work(), run)
    course.new(says(HOURS, ANSWER))
    assert "newer version of 00." in course.run("fill")
    assert course.sources()[HOURS] == NEW


def test_a_lesson_that_is_renamed_and_renamed_again(course):
    exercise = "595b24e8"
    edit(course.work(ONE), says(exercise, "n_weights = 5"))
    shutil.copy(course.work(ONE), course.work("part1/01-recognise-anything-Copy1.ipynb"))
    names = [ONE, "part1/01-name-anything.ipynb", "part2/01-name-it.ipynb"]
    for old, new in zip(names, names[1:], strict=False):
        path = course.origin / "lessons" / new
        path.parent.mkdir(exist_ok=True)
        (course.origin / "lessons" / old).rename(path)
        course.publish()
        course.pull()
        assert course.run("fill") == ""
        assert not course.work(old).exists()
        assert course.sources(new)[exercise] == "n_weights = 5"
    course.new(adds(exercise, "new", "new"), new)
    course.run("update")
    assert course.sources(new)[exercise] == "n_weights = 5" and "new" in course.sources(new)
    assert course.work("part1/01-recognise-anything-Copy1.ipynb").exists()


def test_copies_of_a_copy_are_the_learners_own(course):
    twin = course.work("part1/01-recognise-anything-Copy1.ipynb")
    shutil.copy(course.work(ONE), twin)
    before = twin.read_bytes()
    course.work(ONE).unlink()
    assert "01" in course.run("fill")
    assert course.work(ONE).exists()
    assert twin.read_bytes() == before


def forget_ids(cells):
    for cell in cells:
        cell.id = nbformat.v4.new_code_cell().id


def test_an_editor_that_drops_all_ids(course):
    edit(course.work(), all_of(says(HOURS, ANSWER), adds(HOURS, "1 + 1"), forget_ids))
    course.new(says(TEXT, "New words."))
    course.run("update")
    sources = course.sources()
    assert sources[HOURS] == ANSWER and sources[TEXT] == "New words."
    published = nbformat.read(course.origin / "lessons" / START, as_version=4)
    assert len(sources) == len(published.cells) + 1
    assert list(sources.values())[list(sources).index(HOURS) + 1] == "1 + 1"


def test_a_copy_that_does_not_know_what_it_began_with(course):
    """As one that was copied by hand out of lessons/: what differs counts as the learner's."""
    shutil.copy(course.clone / "lessons" / START, course.work())
    edit(course.work(), says(HOURS, ANSWER))
    course.new(says(TEXT, "New words."))
    assert "newer version of 00." in course.run("fill")
    course.run("update")
    sources = course.sources()
    assert sources[HOURS] == ANSWER
    assert "your own" not in sources[TEXT]
    assert "New words." in sources[f"{TEXT}-new"]
    assert course.run("fill") == ""


DAMAGED = {
    "cut off": lambda text: text[:5000],
    "empty": lambda text: "",
    "another": lambda text: "[]",
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_copy_is_named_and_the_others_are_updated(course, damage):
    edit(course.work(ONE), says("595b24e8", "n_weights = 5"))
    course.work().write_text(damage(course.work().read_text()))
    before = course.work().read_bytes()
    course.new(adds("595b24e8", "new", "new"), ONE)
    assert "work/00-start-here.ipynb is" in course.run("fill")
    printed = course.run("update", status=1)
    assert 'workbook.reset("00") puts it aside' in printed and "Traceback" not in printed
    assert course.sources(ONE)["595b24e8"] == "n_weights = 5"
    assert course.work().read_bytes() == before
    course.run("reset", "00")
    assert HOURS in course.sources()
    assert (course.old / "00-start-here-1.ipynb").read_bytes() == before


def test_a_damaged_lesson_of_the_course_is_named(course):
    (course.clone / "lessons" / START).write_text("<<<<<<< HEAD")
    assert "git restore lessons/00-start-here.ipynb" in course.run("fill", status=1)


@pytest.mark.parametrize("state", ["answered", "deleted", "moved"])
def test_reset_of_one_exercise(course, state):
    change = {
        "answered": says(HOURS, ANSWER),
        "deleted": deletes(HOURS),
        "moved": moves(HOURS, HALVE),
    }
    edit(course.work(), all_of(says(HALVE, "mine"), change[state]))
    before = course.work().read_bytes()
    printed = course.run("reset", "0.1")
    assert "Exercise 0.1 is as new" in printed and "work/old/00-start-here-1.ipynb" in printed
    sources = course.sources()
    assert sources[HOURS] == 'hours = ...\n\ncheck("0.1", hours)'
    assert sources[HALVE] == "mine"
    if state == "deleted":
        assert list(sources).index(HOURS) == list(sources).index(BEFORE_HOURS) + 1
    assert (course.old / "00-start-here-1.ipynb").read_bytes() == before


def test_reset_of_an_open_exercise_is_its_first_cell(course):
    edit(course.work(ONE), says("595b24e8", "n_weights = 5"))
    course.run("reset", "1.5")
    published = nbformat.read(ROOT / "lessons" / ONE, as_version=4)
    (heading,) = (n for n, cell in enumerate(published.cells) if "**Exercise 1.5" in cell.source)
    expected = published.cells[heading + 1]
    assert course.sources(ONE)[expected.id] == expected.source
    assert course.sources(ONE)["595b24e8"] == "n_weights = 5"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("update", "77"), "There is no lesson '77'. Lessons: 00, 01."),
        (("reset", "77"), "There is no lesson '77'"),
        (("reset", "1.77"), "There is no exercise '1.77'"),
        (("reset", "x.1"), "There is no lesson 'x'"),
        (("reset", "1b"), "There is no lesson '1b'"),
    ],
)
def test_what_is_not_there_is_named(course, arguments, message):
    printed = course.run(*arguments, status=1)
    assert message in printed and "Traceback" not in printed


@pytest.mark.parametrize("number", [1, "1", "01", "8b", "08b", "0", "00", 0])
def test_a_number_names_a_lesson(number):
    assert workbook.lesson_of(number).name.lstrip("0").startswith(f"{number}-".lstrip("0"))


# ---------------------------------------------------------------- in a kernel


@pytest.fixture
def here(course, monkeypatch):
    """As in a kernel: the module looks at the learner's clone, and is told which notebook it runs in."""
    for name in ("ROOT", "LESSONS", "WORK"):
        path = {"ROOT": "", "LESSONS": "lessons", "WORK": "work"}[name]
        monkeypatch.setattr(workbook, name, (course.clone / path).resolve())
    shell = types.SimpleNamespace(user_ns={}, inputs=[])
    shell.set_next_input = shell.inputs.append
    shell.events = types.SimpleNamespace(register=lambda event, function: None)
    shell.history_manager = types.SimpleNamespace(input_hist_raw=["", 'workbook.update("00")'])
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setenv("JPY_SESSION_NAME", str(course.work()))
    course.shell = shell
    return course


def test_a_lesson_says_when_there_is_a_newer_one(here, capsys):
    lesson.start()
    assert "newer version" not in capsys.readouterr().out
    edit(here.work(), says(HOURS, ANSWER))
    here.new(says(TEXT, "New words."))
    lesson.start()
    assert "There is a newer version of this lesson." in capsys.readouterr().out
    here.work().write_text("{")
    assert workbook.notice() == "", "a lesson begins, whatever its file looks like"


@pytest.mark.parametrize("told", [None, "", "no such file.ipynb", "utils/workbook.py"])
def test_a_lesson_says_nothing_where_it_cannot_tell(here, monkeypatch, told):
    monkeypatch.delenv("JPY_SESSION_NAME")
    if told is not None:
        monkeypatch.setenv("JPY_SESSION_NAME", str(here.clone / told))
    here.new(says(TEXT, "New words."))
    assert workbook.notice() == ""


def test_progress_is_remembered_in_a_file_of_the_learners(here, monkeypatch, capsys):
    file = here.work("progress.json")
    exercises.forget()
    exercises.check("0.1", ...)
    exercises.check("0.1", 3)
    exercises.check("0.1", 18.75)
    exercises.check("0.1", 3)
    exercises.check("0.2", 3)
    exercises.check("1.1", 2565)  # of another lesson: nothing is noted
    lesson.checkpoint("loss", 1, 0, 2)
    lesson.finish()
    today = datetime.date.today().isoformat()
    assert json.loads(file.read_text()) == {
        "00": {
            "exercises": {"0.1": "right", "0.2": "wrong"},
            "tries": {"0.1": 2, "0.2": 1},
            "checkpoints": ["loss"],
            "finished": today,
        }
    }
    capsys.readouterr()
    lesson.start()  # as in a new kernel: it forgets
    assert "Welcome back: 0.1 is done." in capsys.readouterr().out
    exercises.solution("0.2")
    assert "Have a try first" not in capsys.readouterr().out
    lesson.finish()
    assert "1 right of the 3 that check themselves. Open: 0.2, 0.3." in capsys.readouterr().out
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    lesson.overview()
    start, one = shown[0].data.splitlines()[2:]
    assert start.endswith(f"| 15 minutes | 1 of 3 | run to the end on {today} |")
    assert one.startswith(f"| [01 Recognise anything]({ONE}) | ")
    assert one.endswith(f" | 0 of {len(exercises.numbered('01'))} |  |")
    file.unlink()
    lesson.start()
    assert "Welcome back" not in capsys.readouterr().out


def test_the_overview_names_newer_lessons_and_its_button_updates_them(here, monkeypatch):
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    edit(here.work(ONE), says("595b24e8", "n_weights = 5"))
    lesson.overview()
    assert len(shown) == 1 and "newer than your copy" not in shown[0].data
    here.new(adds("595b24e8", "new", "new"), ONE)
    lesson.overview()
    assert f"]({ONE}) |" in shown[1].data and "newer than your copy" in shown[1].data
    shown[2].children[0].click()
    assert here.sources(ONE)["595b24e8"] == "n_weights = 5" and "new" in here.sources(ONE)
    lesson.overview()
    assert len(shown) == 4 and "newer than your copy" not in shown[3].data
    here.work(ONE).write_text("{")
    lesson.overview()
    assert len(shown) == 5 and 'your copy is damaged: `workbook.reset("01")`' in shown[4].data
    monkeypatch.setenv("JPY_SESSION_NAME", str(here.clone / "lessons" / START))
    lesson.overview()  # as when the course's own page is saved: nothing of whoever saves it
    assert len(shown) == 6 and "your copy" not in shown[5].data


@pytest.mark.parametrize("place", ["lessons", ".", None])
def test_elsewhere_nothing_is_noted(here, monkeypatch, place):
    monkeypatch.delenv("JPY_SESSION_NAME")
    if place:
        (here.clone / START).write_text("{}")
        monkeypatch.setenv("JPY_SESSION_NAME", str(here.clone / place / START))
    exercises.check("0.1", 18.75)
    lesson.checkpoint("loss", 1, 0, 2)
    lesson.finish()
    assert not here.work("progress.json").exists()


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"00": 1}'])
def test_a_damaged_progress_file_is_put_aside(here, damaged):
    here.work("progress.json").write_text(damaged)
    lesson.start()
    exercises.check("0.1", 18.75)
    assert progress.read("00")["exercises"] == {"0.1": "right"}
    assert (here.old / "progress-1.json").read_text() == damaged


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("00", ("01 Recognise anything", ONE)),
        ("01", None),
    ],
)
def test_the_following_lesson(here, number, expected):
    assert workbook.following(number) == expected


def test_the_following_lesson_of_the_course_is_never_an_aside():
    numbers = [workbook.number_of(path) for path in workbook.lessons()]
    links = [workbook.following(number) for number in numbers]
    assert links[-1] is None and not any("02b" in link for link in filter(None, links))
    for path, link in zip(workbook.lessons()[:-1], links, strict=False):
        assert (path.parent / link[1]).exists()


def test_who_works_in_the_courses_own_copy_is_told(here, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(here.clone / "lessons" / START))
    assert "Yours is work/00-start-here.ipynb." in workbook.notice()
    here.work().unlink()
    assert "workbook.fill()" in workbook.notice()


def test_in_the_lesson_itself_the_empty_exercise_comes_below(here):
    before = here.work().read_bytes()
    workbook.reset("0.1")
    assert here.shell.inputs == ['hours = ...\n\ncheck("0.1", hours)']
    assert here.work().read_bytes() == before


def test_an_update_from_within_waits_for_the_page_to_be_saved(here):
    here.new(says(TEXT, "New words."))
    with pytest.raises(workbook.WorkbookError, match="Save this page first"):
        workbook.update()
    assert here.sources()[TEXT] != "New words."
    edit(here.work(), adds(HOURS, 'workbook.update("00")'))
    workbook.update("00")
    assert here.sources()[TEXT] == "New words."


def test_a_file_that_another_tab_saves_meanwhile_is_left_alone(here, monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME")
    edit(here.work(), says(HALVE, "mine"))
    here.new(says(TEXT, "New words."))
    merge = workbook.merge

    def slow_merge(mine, new):
        edit(here.work(), says(HOURS, ANSWER))
        return merge(mine, new)

    monkeypatch.setattr(workbook, "merge", slow_merge)
    with pytest.raises(workbook.WorkbookError, match="saved in another window"):
        workbook.update("00")
    assert here.sources()[HOURS] == ANSWER
    monkeypatch.setattr(workbook, "merge", merge)
    workbook.update("00")
    sources = here.sources()
    assert (sources[HOURS], sources[HALVE], sources[TEXT]) == (ANSWER, "mine", "New words.")


def test_an_interrupted_write_leaves_the_file_whole(here, monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME")
    edit(here.work(), says(HOURS, ANSWER))
    before = here.work().read_bytes()
    here.new(says(TEXT, "New words."))

    def full(self, *arguments, **options):
        with open(self, "w") as file:
            file.write("{")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(workbook.WorkbookError, match="No space left on device"):
            workbook.update("00")
    assert here.work().read_bytes() == before
    workbook.update("00")
    assert here.sources()[HOURS] == ANSWER


@pytest.mark.parametrize("number", [None, "00"])
def test_on_colab_the_open_page_is_updated_into_a_download(here, monkeypatch, capsys, number):
    page = json.loads(here.work().read_text(encoding="utf-8"))
    page["metadata"]["colab"] = {"name": "Copy of 00-start-here.ipynb"}
    cells = {cell["id"]: cell for cell in page["cells"]}
    cells[HOURS]["source"] = ANSWER.splitlines(keepends=True)
    for cell in page["cells"]:  # as Colab did for years
        cell["metadata"]["id"] = cell.pop("id")
    colab, downloads = types.ModuleType("google.colab"), []
    colab._message = types.SimpleNamespace(
        blocking_request=lambda *a, **k: {"ipynb": copy.deepcopy(page)}
    )
    colab.files = types.SimpleNamespace(download=downloads.append)
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    here.new(says(TEXT, "New words."))
    workbook.update(number)
    assert downloads == [str(here.work())]
    sources = here.sources()
    assert (sources[HOURS], sources[TEXT]) == (ANSWER, "New words.")
    assert "Upload notebook" in capsys.readouterr().out
    with pytest.raises(workbook.WorkbookError, match="is not lesson 01"):
        workbook.update("01")
    workbook.reset("0.2")
    assert here.shell.inputs[0].startswith("def halve(numbers):")
