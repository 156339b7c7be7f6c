"""tools/handed_in.py makes one table of what a class handed in, whatever the files are, and runs none of it."""

import csv
import json
import os
import pickle
import re
import subprocess
import sys

import nbformat
import pytest
from course_in_small import ROOT
from nbclient import NotebookClient

from tools import handed_in
from tools.handed_in import as_text, collect, learner_of, rows
from tools.notebook import patiently
from utils import exercises, workbook
from utils.workbook import KEY

START = ROOT / "lessons" / "00-start-here.ipynb"


def copy():
    """A learner's fresh copy of lesson 00, cut down to what it takes to do its exercises."""
    notebook = json.loads(START.read_text(encoding="utf-8"))
    base = [f"{cell['id']} {workbook.fingerprint(cell)}" for cell in notebook["cells"]]
    checks = [cell for cell in notebook["cells"] if "check(" in "".join(cell["source"])]
    kept = [c for c in notebook["cells"] if c["cell_type"] == "markdown" or c in checks]
    begin = "from utils import lesson\nfrom utils.exercises import check\nlesson.start()"
    hold = 'lesson.checkpoint("slope learnt on Theano", 2.9, 2.8, 3.0)'
    notebook["cells"] = [code("begin", begin), *kept, code("hold", hold)]
    notebook["metadata"][KEY] = {"lesson": START.name, "cells": base}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    return notebook


def code(cell_id, source, text=""):
    outputs = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
    cell = {"cell_type": "code", "id": cell_id, "metadata": {}, "source": source}
    return cell | {"outputs": outputs, "execution_count": None}


def text(source):
    return {"cell_type": "markdown", "id": "text", "metadata": {}, "source": source}


def page(*cells, **metadata):
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def answer(notebook, exercise, source):
    """Write an answer into the cell of an exercise."""
    (cell,) = (c for c in notebook["cells"] if f'check("{exercise}"' in "".join(c["source"]))
    check = "".join(cell["source"]).splitlines()[-1]
    cell["source"] = f"{source}\n\n\n{check}"
    return notebook


def right(exercise):
    return exercises._printed(*exercises._find(exercise))


def run(notebook, folder):
    """Run a notebook in a real kernel, as a learner does, an error where there is one."""
    notebook = nbformat.reads(json.dumps(notebook), as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, allow_errors=True, resources=resources)
    done = patiently(client.execute)()
    return json.loads(nbformat.writes(done))


@pytest.fixture(scope="module")
def class_(tmp_path_factory):
    """What three learners handed in of lesson 00, each run in a real kernel."""
    folder = tmp_path_factory.mktemp("class")
    done = answer(
        answer(answer(copy(), "0.1", right("0.1")), "0.2", right("0.2")), "0.3", right("0.3")
    )
    below = [n for n, c in enumerate(done["cells"]) if "Exercise 0.4" in "".join(c["source"])]
    done["cells"].insert(below[0] + 1, code("mine", "# 26 epochs, then 57"))
    half = answer(
        answer(copy(), "0.1", right("0.1")), "0.2", "def halve(numbers):\n    return numbers"
    )
    error = answer(copy(), "0.3", "def step(w, r):\n    return (")
    for learner, notebook in [("Jürgen Weiß", done), ("Zoë", half), ("Åsa", error)]:
        put(folder / learner / START.name, run(notebook, ROOT))
    put(folder / "Zoë" / "progress.json", {"00": {"tries": {"0.1": 1, "0.2": 5}}})
    return folder


def put(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def table(folder):
    return {(row[0], row[1]): row[2:] for row in rows(collect(folder)[0])}


def test_notebooks_from_kernels_are_understood(class_):
    shown = table(class_)
    held = str(len(handed_in.course()["00"].checkpoints))
    assert held == "2"
    assert shown["Jürgen Weiß", "00"] == ["3", "3", "", "1", held, "", "0.4", ""]
    assert shown["Zoë", "00"][:5] == ["1", "3", "6", "1", held]
    assert shown["Zoë", "00"][5:] == ["0.2, 0.3", "", "0.2, wrong after 5 tries"]
    assert shown["Åsa", "00"][5:] == ["0.1, 0.2, 0.3 (not run)", "", "SyntaxError in 0.3"]
    said = as_text(*collect(class_))
    assert "lesson 00, handed in by 3: 0.1 by 2, 0.2 by 1 (wrong 1), 0.3 by 1" in said
    assert "Wrong after 3 tries or more:\n  Zoë: 0.2 (5 tries)" in said


def test_the_command_prints_the_table_and_writes_it_for_a_spreadsheet(class_, tmp_path):
    file = tmp_path / "a class.csv"
    command = [sys.executable, "tools/handed_in.py", str(class_), "--csv", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^Zoë +00 +1 +3 +6 ", done.stdout, re.M)
    written = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert written[0] == [heading.strip() for heading in handed_in.HEADINGS]
    assert sorted(row[0] for row in written[1:]) == ["Jürgen Weiß", "Zoë", "Åsa"]


CHECKED = code("one", 'check("1.1", 2565)', "✔ Right. The five biases.\n")
WRONG = code("one", 'check("1.1", 2560)', "✘ Not right yet. What would ...\n")
DEEP = "[" * 200_000
#: What a file holds, and what is said of it; "" where it is read.
FILES = [
    ("empty.ipynb", b"", "is empty"),
    ("blank.ipynb", b" \n", "is empty"),
    ("cut.ipynb", b'{"cells": [', "is damaged"),
    ("binary.ipynb", bytes(range(256)), "is damaged"),
    ("deep.ipynb", DEEP.encode(), "is damaged"),
    ("digits.ipynb", b'{"cells": ' + b"9" * 10_000 + b"}", "is damaged"),
    ("pickled.ipynb", pickle.dumps({"cells": []}), "is damaged"),
    ("page.ipynb", b"<!DOCTYPE html><html></html>", "is a web page"),
    ("merge.ipynb", b'{\n<<<<<<< HEAD\n"cells": []\n=======\n', "both sides of a merge"),
    ("list.ipynb", b"[1, 2]", "is no notebook"),
    ("number.ipynb", b"3", "is no notebook"),
    ("other.ipynb", b'{"cells": {"a": 1}}', "is no notebook"),
    ("old.ipynb", b'{"worksheets": [], "nbformat": 3}', "before 2015"),
    ("foreign.ipynb", json.dumps(page(text("# Biology"))).encode(), "none of this course's"),
    ("nowhere.ipynb", json.dumps(page(code("x", 'check("99.1", 1)'))).encode(), "none of this"),
    ("path.ipynb", json.dumps(page(code("x", 'check("../x.1", 1)'))).encode(), "none of this"),
    ("work.zip", b"PK\x03\x04", "is packed"),
    ("progress.json", b"[]", "is no record of progress"),
    ("progress.json", b"{", "is damaged"),
    ("odd.ipynb", json.dumps(page(CHECKED, 3, None, {}, {"cell_type": 4, "source": {}})).encode(), ""),
    ("bom.ipynb", b"\xef\xbb\xbf" + json.dumps(page(CHECKED)).encode(), ""),
    ("wide.ipynb", json.dumps(page(CHECKED)).encode("utf-16"), ""),
    (
        "types.ipynb",
        json.dumps(
            page(
                CHECKED,
                code("two", ['check("1.2",', 3, " f)"]) | {"outputs": [1, {"output_type": []}]},
                code("three", 'check("1.3", x)') | {"outputs": {"a": 1}},
                code("four", "x") | {"outputs": [{"output_type": "error", "ename": {"a": 1}}]},
                **{KEY: {"lesson": ["x"], "cells": [1, "a b", {}]}},
            )
        ).encode(),
        "",
    ),
    ("metadata.ipynb", json.dumps(page(CHECKED) | {"metadata": [1]}).encode(), ""),
    ("progress.json", b'{"01": {"exercises": {"1.1": "right"}, "tries": {"1.1": "many"}}}', ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "said"), FILES, ids=[f"{n} {s}" for n, _, s in FILES])
def test_any_file_is_read_or_said_to_be_unreadable_and_the_others_are_read(
    tmp_path, name, data, said
):
    put(tmp_path / "Ben" / "01.ipynb", page(CHECKED))
    (tmp_path / "Ann").mkdir()
    (tmp_path / "Ann" / name).write_bytes(data)
    found, faults = collect(tmp_path)
    assert found["Ben"]["01"].states["1.1"] == "right"
    as_text(found, faults).encode("utf-8")
    if said:
        (fault,) = faults
        assert fault.startswith(f"Ann/{name} ") and said in fault
    else:
        assert faults == [] and found["Ann"]["01"].states["1.1"] == "right"


def test_links_devices_and_what_is_too_large_are_not_read(tmp_path, monkeypatch):
    secret = put(tmp_path / "secret.ipynb", page(CHECKED))
    folder = tmp_path / "class"
    put(folder / "Ben" / "01.ipynb", page(CHECKED))
    (folder / "Ben" / "link.ipynb").symlink_to(secret)
    (folder / "all").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "Ben" / "pipe.ipynb")
    put(folder / "Ben" / "large.ipynb", page(text("x" * 2000)))
    (folder / ".ipynb_checkpoints").mkdir()
    put(folder / ".ipynb_checkpoints" / "01.ipynb", page(WRONG))
    monkeypatch.setattr(handed_in, "MAX_BYTES", 1000)
    found, faults = collect(folder)
    assert list(found) == ["Ben"]
    said = "\n".join(faults)
    assert "Ben/link.ipynb is a link" in said and "Ben/pipe.ipynb is no ordinary file" in said
    assert "Ben/large.ipynb is larger than" in said and len(faults) == 3


def test_nothing_that_was_handed_in_is_run(tmp_path):
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')"
    shout = f"__import__('os').system('touch {tmp_path / 'sprung'}')"
    cells = [code("a", f'{trap}\ncheck("1.1", {shout})'), code("b", f"%run {shout}\n!{shout}")]
    put(tmp_path / "class" / "Ann" / "01.ipynb", page(*cells))
    (tmp_path / "class" / "Ann" / "utils.py").write_text(trap)
    (tmp_path / "class" / "Ann" / "conftest.py").write_text(trap)
    command = [sys.executable, str(ROOT / "tools" / "handed_in.py"), "."]
    done = subprocess.run(command, cwd=tmp_path / "class", capture_output=True, encoding="utf-8")
    assert done.returncode == 0 and "Ann" in done.stdout
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("path", "learner"),
    [
        ("Ann/01-recognise-anything.ipynb", "Ann"),
        ("Ann/work/part1/renamed.ipynb", "Ann"),
        ("Jürgen Weiß_123_assignsubmission_file/part1/x.ipynb", "Jürgen Weiß"),
        ("Jürgen Weiß_123_assignsubmission_file_01-recognise-anything.ipynb", "Jürgen Weiß"),
        ("Ann_01-recognise-anything.ipynb", "Ann"),
        ("Ann - 08b-tensorflow-below-keras-Copy1.ipynb", "Ann"),
        ("01-recognise-anything (2) Ann.ipynb", "(2) Ann"),
        ("01-recognise-anything (2).ipynb", ""),
        ("Copy of 01-recognise-anything.ipynb", ""),
        ("01-recognise-anything.ipynb", ""),
        ("part1/01-recognise-anything.ipynb", ""),
        ("progress.json", ""),
        ("Ju\u0308rgen/x.ipynb", "Jürgen"),
        ("\x1b[31mred\x07/x.ipynb", "?[31mred?"),
        ("an\u202ena/x.ipynb", "an?na"),
        ("x" * 300 + "/x.ipynb", "x" * 59 + "…"),
    ],
)
def test_whose_a_file_is(path, learner):
    assert learner_of(handed_in.Path(path)) == learner


def test_a_learners_own_work_folder_is_one_learner(tmp_path):
    put(tmp_path / "Ann" / "00-start-here.ipynb", page(code("x", 'check("0.1", 1)')))
    put(tmp_path / "Ann" / "part1" / "01-recognise-anything.ipynb", page(WRONG))
    put(tmp_path / "Ann" / "progress.json", {"01": {"exercises": {"1.1": "right"}}})
    assert [key for key in table(tmp_path / "Ann")] == [("Ann", "00"), ("Ann", "01")]
    assert table(tmp_path / "Ann")["Ann", "01"][0] == "1"


def test_lessons_that_were_not_begun_make_no_rows(tmp_path):
    for learner in ("Ann", "Ben"):
        for lesson in workbook.lessons():
            place = tmp_path / learner / lesson.relative_to(workbook.LESSONS)
            put(place, workbook._fresh(lesson))
    begun = answer(workbook._fresh(START), "0.1", right("0.1"))
    put(tmp_path / "Ann" / START.name, begun)
    put(tmp_path / "Ben" / "progress.json", {})
    put(tmp_path / "Ann" / "progress.json", {"01": {"exercises": {"1.1": "right"}}})
    assert sorted(table(tmp_path)) == [("Ann", "00"), ("Ann", "01")]
    assert table(tmp_path)["Ann", "00"][5] == "0.1 (not run), 0.2, 0.3"
    assert "absent" not in table(tmp_path)["Ann", "01"][5], "its copy is blank, and there"
    assert collect(tmp_path)[1] == ["Ben handed in lessons in which nothing was run or written."]


def test_what_a_class_handed_in_does_not_get_into_the_repository():
    page = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
    names = re.findall(r"FOLDER=(\S+)", page) + re.findall(r"--csv (\S+?)\"", page)
    assert len(names) >= 3
    for name in set(names):
        path = f"{name}/Ada/notes.txt" if "." not in name else name
        status = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode
        if status == 128:
            pytest.skip("not a git checkout")
        assert status == 0, f"{name} is not in .gitignore"


def test_names_are_no_formulas_for_a_spreadsheet(tmp_path):
    put(tmp_path / "class" / "=1+1" / "01.ipynb", page(CHECKED))
    handed_in.write_csv(tmp_path / "x.csv", collect(tmp_path / "class")[0])
    assert "\n'=1+1,01," in (tmp_path / "x.csv").read_text(encoding="utf-8-sig")


@pytest.mark.parametrize(
    ("cells", "state"),
    [
        ([CHECKED], "right"),
        ([WRONG], "wrong"),
        ([WRONG, CHECKED], "right"),
        ([CHECKED, WRONG], "right"),  # solved stays solved
        ([code("x", 'check("1.1", 2565)')], "not run"),
        ([code("x", 'check("1.1", x)', "✘ Not right yet. a\n✔ Right.\n")], "right"),
        ([code("x", 'check("1.1", x)', "I say: ✔ Right.\n")], "not run"),
        ([code("x", 'check("1.1", x)\ncheck("1.2", y)', "✘ Not right yet.\n✔ Right.\n")], "wrong"),
        ([code("x", 'check("1.1", x)\ncheck("1.2", y)', "✔ Right.\n")], "wrong"),
        ([text('check("1.1", 2565)'), code("x", 'check("1.2", f)')], None),
    ],
)  # fmt: skip
def test_the_state_of_an_exercise(tmp_path, cells, state):
    put(tmp_path / "Ann" / "renamed by Ann.ipynb", page(*cells))
    assert collect(tmp_path)[0]["Ann"]["01"].states.get("1.1") == state


def test_a_blank_is_no_answer_and_a_lesson_in_two_files_is_one(tmp_path):
    lesson = json.loads((ROOT / "lessons/part1/01-recognise-anything.ipynb").read_text())
    for cell in lesson["cells"]:
        cell.pop("outputs", None)
    put(tmp_path / "Ann" / "01-recognise-anything.ipynb", lesson)
    put(tmp_path / "Ann" / "again.ipynb", page(CHECKED))
    count = len(handed_in.course()["01"].checked)
    assert table(tmp_path)["Ann", "01"][:2] == ["1", str(count)]
    assert "not run" not in table(tmp_path)["Ann", "01"][5]


def test_two_lessons_in_one_notebook_are_two_rows(tmp_path):
    put(
        tmp_path / "Ann" / "all.ipynb",
        page(CHECKED, code("y", 'check("2.1", f)', "✘ Not right yet.\n")),
    )
    assert sorted(table(tmp_path)) == [("Ann", "01"), ("Ann", "02")]


def test_a_lesson_without_checks_is_known_by_its_copy_or_its_name(tmp_path):
    name = "02b-the-same-network-in-2017"
    put(tmp_path / "Ann" / f"{name}.ipynb", page(text("x")))
    put(tmp_path / "Ben" / "x.ipynb", page(text("x"), **{KEY: {"lesson": f"part1/{name}.ipynb"}}))
    assert sorted(table(tmp_path)) == [("Ann", "02b"), ("Ben", "02b")]


def test_a_learner_with_no_notebook_is_named(tmp_path):
    put(tmp_path / "Ann" / "01.ipynb", page(CHECKED))
    put(tmp_path / "Ann" / "notes.txt", [])
    put(tmp_path / "Ben" / "report.pdf", [])
    assert collect(tmp_path)[1] == ["Ben handed in no notebook, but Ben/report.pdf."]


def test_hundreds_of_files_take_seconds(tmp_path):
    lesson = (ROOT / "lessons/part1/01-recognise-anything.ipynb").read_bytes()
    for n in range(300):
        (tmp_path / f"learner {n}").mkdir()
        (tmp_path / f"learner {n}" / "01.ipynb").write_bytes(lesson if n < 30 else b"{")
    found, faults = collect(tmp_path)
    assert (len(found), len(faults)) == (30, 270)


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_without_notebooks_is_said_so(tmp_path, capsys, folder):
    (tmp_path / "empty").mkdir()
    assert handed_in.main([str(tmp_path / folder)]) == 1
    assert "There is no " in capsys.readouterr().err


def test_every_lesson_can_be_handed_in_as_it_is():
    for path in workbook.lessons():
        lesson = handed_in.course()[workbook.number_of(path)]
        (found,) = handed_in.lessons_in(handed_in.read_notebook(path), path.stem)
        assert found is lesson
        work = handed_in.Work()
        handed_in.understand(handed_in.read_notebook(path), lesson, work)
        assert set(work.states) == set(lesson.checked) and not work.errors and not work.written
        assert set(work.states.values()) <= {"blank"}


def test_a_folder_whose_name_is_not_unicode_is_read(tmp_path):
    name = os.fsdecode(b"M\xfcller")
    put(tmp_path / name / "01.ipynb", page(CHECKED))
    ((learner, _),) = table(tmp_path)
    learner.encode("utf-8")
