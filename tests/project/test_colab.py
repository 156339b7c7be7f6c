"""`make colab` has Colab's versions and nothing else, sees what went wrong, and keeps one table."""

import sys

import nbformat
import pytest

from tools import colab, notebook
from tools.support_matrix import COLAB

LESSON = notebook.own_kernels()[1]
ROW = {"runs on": "CPU", "set-up cell": "2 s", "all cells": "40 s", "memory": "1.0 GB"}


def cell(*outputs, source="model.fit()\nmore()", ran=True, tags=()):
    count = 1 if ran else None
    rest = {"metadata": {"tags": list(tags)}, "outputs": list(outputs)}
    return {"source": source, "execution_count": count, **rest}


ERROR = {"output_type": "error", "ename": "ValueError"}
COMPLAINT = {"output_type": "stream", "name": "stderr", "text": "a warning\nof two lines"}
CHATTER = {
    "output_type": "stream",
    "name": "stderr",
    "text": "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795745412.4 7168 device_compiler.h:196] Compiled cluster using XLA!\n",
}
LOGGED = {**CHATTER, "text": CHATTER["text"] + "E0000 00:00:1795745412.4 7168 a.cc:1] failed\n"}
PRINTED = {"output_type": "stream", "name": "stdout", "text": "3"}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (cell(PRINTED), []),
        (cell(ERROR), ["ValueError in: `model.fit()`"]),
        (cell(ERROR, tags=["raises-exception"]), []),
        (cell(ran=False), ["not run: `model.fit()`"]),
        (cell(ran=False, source=" \n"), []),
        (cell(PRINTED, COMPLAINT), ["on standard error: `a warning`"]),
        (cell(CHATTER), []),
        (cell(LOGGED), ["on standard error: `E0000 00:00:1795745412.4 7168 a.cc:1] failed`"]),
    ],
)
def test_what_went_wrong_in_a_cell_is_seen(seen, expected):
    assert colab.faults([seen]) == expected


def test_what_is_installed_is_what_colab_has():
    pins = [line for line in COLAB.read_text("utf-8").splitlines() if "==" in line]
    asked = colab.colab().install
    assert set(pins) - set(asked) == {pin for pin in pins if pin.startswith("tensorflow-cpu")}
    names = {pin.partition("==")[0] for pin in asked}
    # Colab has neither; the engine and the lessons have to do without them there.
    assert not names & {"onednn-cpu-gomp", "jupyterlab", "nbval"}
    assert {"keras", "pytensor", "tensorflow", "jax", "notebook", "ipywidgets"} <= names


def test_packages_that_come_go_or_are_replaced_are_noticed(tmp_path):
    before = colab.installed(sys.executable)
    assert any(name.startswith("keras==") for name in before)
    assert before == colab.installed(sys.executable)


def test_each_lesson_has_one_row_in_order():
    other = notebook.own_kernels()[0]
    page = "# About\n\n" + colab.HEAD
    for path, row in [(LESSON, ROW), (other, ROW), (LESSON, {**ROW, "all cells": "50 s"})]:
        page = colab.with_row(page, path, row)
    first, second = page.removeprefix("# About\n\n" + colab.HEAD).splitlines()
    assert first.startswith(f"| [{other.stem}](") and first.endswith("| 40 s | 1.0 GB |")
    assert second.startswith(f"| [{LESSON.stem}](part1/{LESSON.name})") and "50 s" in second


def test_cells_that_draw_a_widget_are_counted():
    drawn = [cell(source="explore(f, a=[1])"), cell(source=["labels = {}\n", "explore(f, a=[1])"])]
    others = [cell(source="def f(a):\n    explore(a)"), cell(source="from utils import explore")]
    assert colab.explored([*drawn, *others]) == 2


def test_every_widget_of_a_lesson_was_moved():
    cells = {
        path.stem: [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        for path in notebook.own_kernels()
    }
    for line in colab.PAGE.read_text("utf-8").partition(colab.HEAD)[2].splitlines():
        name, *_, moved, _, _ = [word.strip() for word in line.split("|")][1:]
        count = colab.explored(cells[name.partition("]")[0][1:]])
        assert moved == f"{count} of {count}", name


def test_every_lesson_has_a_row_and_nothing_is_amiss():
    table = colab.PAGE.read_text("utf-8").partition(colab.HEAD)[2]
    rows = [[word.strip() for word in line.split("|")] for line in table.splitlines()]
    named = {row[1].partition("]")[0][1:] for row in rows}
    lessons = {path.stem for path in notebook.own_kernels()}
    assert named == lessons
    assert [row for row in rows if row[-2]] == []
