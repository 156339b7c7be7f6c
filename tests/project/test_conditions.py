"""What the conditions must find, on small notebooks."""

import shutil
import subprocess
import sys

import nbformat
import pytest
from course_in_small import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import conditions, notebook

HTML = "from IPython.display import HTML, display; x += 1; "


def write(path, *sources):
    cells = [new_markdown_cell("A lesson"), *(new_code_cell(source) for source in sources)]
    for cell, name in zip(cells[1:], "abcd", strict=False):
        cell.id = name
    nbformat.write(new_notebook(cells=cells), path)
    return path


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (["x = 1", "x = x + 1"], ""),
        (["x = 1", "y = x\ndel x"], "cell 2: NameError: name 'x' is not defined"),
        (["import os", "os._exit(1)"], "the kernel died"),
    ],
)
def test_cells_run_twice(tmp_path, cells, fault):
    path = write(tmp_path / "09-small.ipynb", *cells)
    assert conditions.twice(path) == fault


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("print(x)", ""),
        ("x += 1; print('one\\n', x)", "cell 2 (b): the second time ' 3', not ' 2'"),
        (
            "x += 1; print('a' * 90, x)",
            f"cell 2 (b): the second time '{'a' * 19} 3', not '{'a' * 19} 2'",
        ),
        ("x += 1; x", "cell 2 (b): the second time '3', not '2'"),
        (
            HTML.replace("HTML", "Markdown") + "display(Markdown(f'| {x} |'))",
            "cell 2 (b): the second time '| 3 |', not '| 2 |'",
        ),
        ("x += 1; print(f'{x} s, at most {x / 3:.2f}\xa0GB, in dense_{x}')", ""),
        ("x += 1; import sys; print(x, file=sys.stderr)", ""),
        (HTML + 'display(HTML(f\'<img alt="a line" src="{x}">\'))', ""),
        (
            HTML + "display(HTML(f'<img alt=\"ends at {x}\">'))",
            "cell 2 (b): the second time '<img alt=\"ends at 3\">', not '<img alt=\"ends at 2\">'",
        ),
    ],
)
def test_a_second_run_that_says_something_else_is_a_fault(
    tmp_path, monkeypatch, capsys, last, told
):
    monkeypatch.setattr(conditions, "MAY_DIFFER", {"09-small": {"a": "another cell"}})
    path = write(tmp_path / "09-small.ipynb", "x = 1", last)
    assert conditions.twice(path) == told
    assert capsys.readouterr().err == (f"09-small, {told}\n" if told else "")


@pytest.mark.parametrize(
    ("may_differ", "told"), [({}, True), ({"09-small": {"b": "a counter"}}, False)]
)
def test_it_is_none_where_it_may_be_or_nobody_has_looked(
    tmp_path, monkeypatch, capsys, may_differ, told
):
    monkeypatch.setattr(conditions, "MAY_DIFFER", may_differ)
    path = write(tmp_path / "09-small.ipynb", "x = 1", "x += 1; print(x)")
    assert conditions.twice(path) == ""
    assert bool(capsys.readouterr().err) == told


def test_what_may_differ_is_a_cell_of_a_lesson_and_has_a_reason():
    lessons = {path.stem: path for path in notebook.own_kernels()}
    for lesson, cells in conditions.MAY_DIFFER.items():
        ids = {cell.id for cell in nbformat.read(lessons[lesson], as_version=4).cells}
        assert set(cells) <= ids
        assert all(len(reason.split()) > 2 for reason in cells.values())


def test_a_fault_in_a_first_run_is_found(tmp_path):
    path = write(tmp_path / "09-small.ipynb", "1", "2", "1 / 0")
    assert conditions.twice(path) == "cell 3: ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("last", "fault"),
    [
        ("a + b", ""),
        ("c", "begun at cell 4: cell 5: NameError: name 'c' is not defined"),
    ],
)
def test_a_section_to_begin_with(tmp_path, last, fault):
    path = write(tmp_path / "09-small.ipynb", "a = 1", "b = 2", "c = 3", last)
    lesson = nbformat.read(path, as_version=4)
    text = "(You can begin here: run the first two code cells, and go on.)"
    lesson.cells.insert(4, new_markdown_cell(text))
    nbformat.write(lesson, path)
    assert conditions.begun(path) == fault


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (["x = 1", "x", "import time; time.sleep(3)"], ""),
        (["1", "2"], "its kernel was not killed: "),
        (["open('half', 'x').close()", "2", "import time; time.sleep(3)"],
         "cell 1: FileExistsError: [Errno 17] File exists: 'half'"),
    ],
)  # fmt: skip
def test_a_kernel_killed_halfway(tmp_path, monkeypatch, cells, fault):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "09-small.ipynb", *cells)
    assert conditions.killed(path) == fault


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A repository with what the tool needs, and one lesson; returns the function that writes the lesson."""
    folder = tmp_path / "course"
    shutil.copytree(ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("utils", "keras_theano", "tests"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "lessons").mkdir()
    monkeypatch.setattr(conditions, "ROOT", folder)

    def lesson(*sources):
        path = write(folder / "lessons" / "09-small.ipynb", *sources)
        for words in (
            ("init", "-q"),
            ("add", "-A"),
            ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "one"),
        ):
            subprocess.run(["git", *words], cwd=folder, check=True)
        return path

    return lesson


@pytest.mark.skipif(
    sys.platform != "linux"
    or bool(subprocess.run(["unshare", "-rnm", "true"], capture_output=True).returncode),
    reason="no namespaces here",
)
@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import os; assert os.getcwd().endswith('Übende/thinking in keras/lessons')", ""),
        ("open('note.txt', 'w')", "cell 1: OSError: [Errno 30] Read-only file system: 'note.txt'"),
        (
            "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)",
            "cell 1: OSError: [Errno 101] Network is unreachable",
        ),
    ],
)
def test_apart(course, source, fault):
    assert conditions.apart(course(source)) == fault
