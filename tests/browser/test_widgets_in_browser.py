"""The words "Run this cell to change: ..." are on the page when, and only when, the controls are dead."""

import lab_in_browser as lab
import nbformat
import pytest
from nbclient import execute
from nbconvert import HTMLExporter

from tools.notebook import tidy

WIDGET = """
import sys

sys.path.insert(0, {root!r})
from matplotlib.figure import Figure
from utils.widgets import explore


def {name}(slope=2):
    figure = Figure()
    figure.alt = f"a line of slope {{slope}}"
    figure.subplots().plot([0, slope])
    return figure


explore({name}, slope=(1, 5))
"""
WORDS = "Run this cell to change: slope."
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext"
SAVE = "window.jupyterapp.commands.execute('docmanager:save')"
RUN_FIRST = """async () => {
    window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0;
    await window.jupyterapp.commands.execute('notebook:run-cell');
}"""


def wait_for(page, words, controls):
    """Wait until so many cells show the words, and so many a slider."""
    page.wait_for_function(
        """([text, words, controls]) => {
            const seen = [...document.querySelectorAll('p')].filter(
                p => p.textContent === text && p.checkVisibility());
            const sliders = [...document.querySelectorAll('.noUi-handle')].filter(
                slider => slider.checkVisibility());
            return seen.length === words && sliders.length === controls;
        }""",
        arg=[WORDS, words, controls],
        timeout=20_000,
    )


@pytest.fixture
def notebook(course):
    """A notebook of two widgets, run and tidied as a lesson is committed."""
    _, folder = course
    cells = [
        nbformat.v4.new_code_cell(WIDGET.format(root=str(lab.ROOT), name=name).strip())
        for name in ("first", "second")
    ]
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(tidy(execute(made)), folder / "two.ipynb")
    return folder / "two.ipynb"


def test_the_words_are_there_when_the_controls_are_not(page, course, notebook):
    address, _ = course
    lab.open_notebook(page, address, "two.ipynb")
    wait_for(page, words=2, controls=0)  # as the lesson was committed
    page.evaluate(RUN_FIRST)
    wait_for(page, words=1, controls=1)
    assert lab.run_all(page, seconds=60)
    wait_for(page, words=0, controls=2)
    lab.slider_moves_its_figure(page)
    wait_for(page, words=0, controls=2)

    page.evaluate(f"{KERNEL}.session.kernel.restart()")
    wait_for(page, words=2, controls=0)
    assert lab.run_all(page, seconds=60)
    wait_for(page, words=0, controls=2)

    page.evaluate(SAVE)
    lab.open_notebook(page, address, "two.ipynb")  # beside the same kernel
    wait_for(page, words=0, controls=2)

    page.evaluate(f"{KERNEL}.shutdown()")
    wait_for(page, words=2, controls=0)
    lab.open_notebook(page, address, "two.ipynb")  # with a new kernel
    wait_for(page, words=2, controls=0)
    # JupyterLab looks for the old controls, on a busy machine for longer.
    page.wait_for_timeout(3000)
    page.get_by_text("Loading widget").first.wait_for(state="hidden", timeout=60_000)
    assert not page.get_by_text("Error displaying widget").first.is_visible()


@pytest.mark.parametrize("committed", [True, False])
def test_a_page_made_of_a_notebook_has_the_words(page, course, notebook, tmp_path, committed):
    if not committed:  # as a learner who has run it exports it
        nbformat.write(execute(nbformat.read(notebook, as_version=4)), notebook)
    html, _ = HTMLExporter(template_name="lab").from_filename(str(notebook))
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri(), wait_until="domcontentloaded")
    wait_for(page, words=2, controls=0)
