"""A learner's copy in JupyterLab: looked at without a question, told of a newer version, updated from within,
progress kept."""

import shutil
import subprocess
import sys

import lab_in_browser as lab
import nbformat
import pytest

TYPED = 'hours = 18.75\ncheck("0.1", hours)'
TEXT = "() => window.jupyterapp.shell.currentWidget.content.widgets.map(c => c.model.sharedModel.source)"
LAST = """() => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.length - 1;
}"""
SAVED = """async () => {
    await window.jupyterapp.commands.execute('docmanager:save');
    await window.jupyterapp.shell.currentWidget.context.ready;
}"""
KERNEL_TOLD = "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.info; }"
CHANGED = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"
PRINTED = """() => window.jupyterapp.shell.currentWidget.content.activeCell.model.toJSON().outputs
    .map(output => output.text ?? output.evalue).flat().join('')"""


def publish(folder, text, name="00-start-here.ipynb"):
    """A version of a small lesson, which imports the course from its own folder."""
    cells = [
        nbformat.v4.new_markdown_cell(text, id="text"),
        nbformat.v4.new_code_cell(f"import sys\n\nsys.path.insert(0, {str(folder)!r})", id="setup"),
        nbformat.v4.new_code_cell(
            "from utils import lesson, workbook\nfrom utils.exercises import check\n\nlesson.start()",
            id="start",
        ),
        nbformat.v4.new_code_cell('hours = ...\ncheck("0.1", hours)', id="hours"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    path = folder / "lessons" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture
def clone(tmp_path):
    """JupyterLab's address and the folder it serves: a learner's clone, its copies made."""
    folder = tmp_path / "clone"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(lab.ROOT / "utils", folder / "utils", ignore=ignored)
    publish(folder, "Old words.")
    publish(folder, "# 01 The second", "part1/01-the-second.ipynb")
    shutil.copytree(lab.ROOT / "lessons" / "solutions", folder / "lessons" / "solutions")
    subprocess.run([sys.executable, "-m", "utils.workbook", "fill"], cwd=folder, check=True)
    arguments = ["-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    with lab.server(arguments, tmp_path) as address:
        yield address, folder


def type_into(page, n, text):
    """Click into a cell and write this in place of what it says."""
    page.locator(".jp-Notebook .jp-Cell").nth(n).locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(text)


def add_below(page, text):
    """Write a new cell below the last one."""
    page.evaluate(LAST)
    page.evaluate("window.jupyterapp.commands.execute('notebook:insert-cell-below')")
    type_into(page, len(page.evaluate(TEXT)) - 1, text)


def run_cell(page):
    """Run the cell in front; return what it printed, or the message of its error."""
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-cell')")
    return page.evaluate(PRINTED)


def test_an_answer_comes_into_the_newer_version(page, clone):
    address, folder = clone
    lab.open_notebook(page, address, "work/00-start-here.ipynb")
    type_into(page, 3, TYPED)
    assert lab.run_all(page, seconds=60)
    printed = str(page.evaluate(lab.CELLS))
    assert "Right." in printed and "newer version" not in printed
    page.evaluate(SAVED)

    publish(folder, "New words.")
    assert lab.run_all(page, seconds=60)
    assert "There is a newer version of this lesson." in str(page.evaluate(lab.CELLS))

    add_below(page, 'workbook.update("00")')
    assert "Save this page first" in run_cell(page)
    page.evaluate(SAVED)
    assert "brought up to date with your answers" in run_cell(page)
    page.evaluate("void window.jupyterapp.commands.execute('docmanager:reload')")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.wait_for_function(f"({TEXT})()[0] === 'New words.'", timeout=20_000)
    assert page.evaluate(TEXT)[3:] == [TYPED, 'workbook.update("00")']
    assert lab.run_all(page, seconds=60)
    assert "newer version" not in str(page.evaluate(lab.CELLS)[:3])

    type_into(page, 4, 'workbook.reset("0.1")')
    assert "is in the cell below" in run_cell(page)
    page.wait_for_function(f"({TEXT})().length === 6", timeout=20_000)
    assert page.evaluate(TEXT)[3:] == [
        TYPED,
        'workbook.reset("0.1")',
        'hours = ...\ncheck("0.1", hours)',
    ]
    assert (folder / "work" / "old" / "00-start-here-1.ipynb").exists()


def test_a_copy_that_was_only_looked_at_has_nothing_to_save(page, clone):
    address, _ = clone
    lab.open_notebook(page, address, "work/part1/01-the-second.ipynb")
    page.evaluate(KERNEL_TOLD)
    page.wait_for_timeout(1000)  # time enough to write what the kernel said into the page
    assert page.evaluate(CHANGED) is False
    type_into(page, 3, TYPED)
    assert page.evaluate(CHANGED) is True


def test_progress_survives_a_restart_and_leads_on(page, clone):
    address, folder = clone
    lab.open_notebook(page, address, "work/00-start-here.ipynb")
    for answer, verdict in [("hours = 3", "Not right yet."), ("hours = 18.75", "Right.")]:
        type_into(page, 3, f'{answer}\ncheck("0.1", hours)')
        assert lab.run_all(page, seconds=60)
        assert verdict in str(page.evaluate(lab.CELLS)[2])
    page.evaluate(SAVED)
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.reload()
    lab.wait_for_kernel(page)
    add_below(page, "lesson.finish()")
    assert lab.run_all(page, seconds=60)
    _, start, _, end = page.evaluate(lab.CELLS)
    assert "Welcome back: 0.1 is done." in str(start)
    assert "1 right of the 3 that check themselves. Open: 0.2, 0.3." in str(end)
    page.locator(".jp-OutputArea a", has_text="01 The second").click()
    page.wait_for_function(
        "window.jupyterapp.shell.currentWidget?.context?.path === 'work/part1/01-the-second.ipynb'",
        timeout=20_000,
    )
    assert (folder / "work" / "progress.json").exists()
