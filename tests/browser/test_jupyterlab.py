"""Notebooks in JupyterLab as a learner meets them: opened, run by "Run all", a slider moved.

Pictures of the pages are kept in build/pages/browser, to be looked at.
"""

import lab_in_browser as lab
import nbformat
import pytest

from tools import browser, colab

PICTURES = lab.ROOT / "build" / "pages" / "browser"

SLIDER = """
from matplotlib.figure import Figure
from utils.widgets import explore

def draw(slope=2):
    figure = Figure()
    figure.alt = f"a line of slope {slope}"
    figure.subplots().plot([0, slope])
    return figure

explore(draw, slope=(1, 5))
"""
LEARNERS_KERNEL = """
import sys
assert not any(".testdeps" in folder for folder in sys.path)
"""


def write_notebook(path, *cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c.strip()) for c in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)


def test_a_slider_moves_its_figure(page, course):
    address, folder = course
    write_notebook(folder / "slider.ipynb", LEARNERS_KERNEL, SLIDER)
    lab.open_notebook(page, address, "slider.ipynb")
    assert lab.run_all(page, seconds=60)
    assert colab.faults(page.evaluate(lab.CELLS)) == []
    lab.slider_moves_its_figure(page)
    assert lab.photograph(page, PICTURES, "slider")[0].stat().st_size > 10_000


def test_a_slider_that_moves_nothing_is_noticed(page, course):
    address, folder = course
    write_notebook(folder / "deaf.ipynb", SLIDER.replace("[0, slope]", "[0, 1]"))
    lab.open_notebook(page, address, "deaf.ipynb")
    assert lab.run_all(page, seconds=60)
    with pytest.raises(AssertionError, match="did not follow the slider"):
        lab.slider_moves_its_figure(page, seconds=5)


def test_buttons_below_an_exercise_give_hints_and_the_solution(page, course):
    address, folder = course
    imports = "from utils.exercises import check"
    checks = [f'hours = {answer}\ncheck("0.1", hours)' for answer in ("...", "3")]
    write_notebook(folder / "exercise.ipynb", imports, *checks)
    lab.open_notebook(page, address, "exercise.ipynb")
    assert lab.run_all(page, seconds=60)
    blank, wrong = (page.locator(".jp-CodeCell").nth(n).locator(".jp-OutputArea") for n in (1, 2))
    button = lambda output, word: output.get_by_role("button", name=word)
    button(wrong, "Solution").wait_for()
    assert button(blank, "Hint").count() == 1 and button(blank, "Solution").count() == 0
    assert blank.bounding_box()["height"] < 70, "one line of text and one small row"

    button(wrong, "Hint").click()
    wrong.get_by_text("Hint 1 of 2: How many minutes").wait_for()
    button(wrong, "Solution").click()
    wrong.get_by_text("hours = 15 * 75 / 60").wait_for()
    assert lab.photograph(page, PICTURES, "exercise")


def test_a_failing_cell_is_noticed(page, course):
    address, folder = course
    write_notebook(folder / "failing.ipynb", "1 / 0", "print('after')")
    lab.open_notebook(page, address, "failing.ipynb")
    assert not lab.run_all(page, seconds=60)
    assert colab.faults(page.evaluate(lab.CELLS)) == [
        "ZeroDivisionError in: `1 / 0`",
        "not run: `print('after')`",
    ]


HOW_PRINTED_WORDS_BREAK = """() => {
    const output = document.body.appendChild(document.createElement('div'));
    output.className = 'jp-OutputArea-output';
    return getComputedStyle(output.appendChild(document.createElement('pre'))).wordBreak;
}"""


def test_make_lab_opens_the_first_notebook_without_questions(page, tmp_path):
    arguments = [str(lab.ROOT / "tools" / "environment.py"), "lab"]
    with lab.server(arguments, tmp_path, seconds=240) as address:  # it may check first
        page.goto(f"{address}/?token={browser.TOKEN}")
        lab.wait_for_kernel(page)
        opened = page.evaluate("window.jupyterapp.shell.currentWidget.context.path")
        assert opened == "work/00-start-here.ipynb"
        assert page.locator(".jp-Dialog").count() == 0
        assert page.locator(".jp-toast-message").count() == 0
        assert page.evaluate(HOW_PRINTED_WORDS_BREAK) == "normal"


# Patterns below lessons/, each of which must match one file.
LESSONS = ["00-*.ipynb", "part1/01-*.ipynb"]


@pytest.mark.parametrize("pattern", LESSONS)
def test_a_lesson_runs_and_its_widget_works(page, course, pattern):
    address, folder = course
    (path,) = (folder / "lessons").glob(pattern)  # a lesson that is missing is a failure
    lab.open_notebook(page, address, path.relative_to(folder).as_posix())
    ran = lab.run_all(page, seconds=400)
    assert colab.faults(page.evaluate(lab.CELLS)) == []
    assert ran
    lab.slider_moves_its_figure(page)
    assert lab.photograph(page, PICTURES, path.stem)
