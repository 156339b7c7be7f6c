"""JupyterLab in a real browser: a server of its own, and what a person does in a notebook."""

import contextlib
import os
import sys
import time
from pathlib import Path

from tools import browser

ROOT = Path(__file__).resolve().parents[2]
SECTION_HEIGHT = 1600  # pixels of page in one picture, so that it can be read

READY = """async () => {
    const widget = window.jupyterapp.shell.currentWidget;
    await widget.context.ready;
    await widget.sessionContext.ready;
}"""
# The promise resolves when the last cell has run; it is false if a cell failed.
RUN_ALL = """async (seconds) => await Promise.race([
    window.jupyterapp.commands.execute('notebook:run-all-cells'),
    new Promise((_, reject) => setTimeout(
        () => reject(new Error(`Run all took more than ${seconds} s`)), 1000 * seconds)),
])"""
# The height in view and the height down to the last cell, without the room to scroll past it.
HEIGHTS = """outer => {
    const cells = outer.querySelectorAll('.jp-Cell');
    const end = cells[cells.length - 1].getBoundingClientRect().bottom;
    return [outer.clientHeight, end - outer.getBoundingClientRect().top + outer.scrollTop];
}"""
CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .map(cell => cell.model.toJSON())
    .filter(cell => cell.cell_type === 'code')"""


@contextlib.contextmanager
def server(arguments: list[str], folder: Path, seconds: float = 90):
    """Run Python with arguments that start JupyterLab, with settings of its own in a folder; yield its address."""
    command = [sys.executable, *arguments, "--LabApp.expose_app_in_browser=True"]
    log = folder / "server.log"
    environment = server_environment(folder)
    with browser.jupyter(command, folder, environment, log, seconds) as (_, address):
        yield address


def server_environment(folder: Path) -> dict[str, str]:
    """A learner's environment variables: no test packages, and none of this user's settings."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "KERAS_BACKEND")}
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        environment[f"JUPYTER_{name}"] = str(folder / name.lower())
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(folder / "workspaces")
    environment["IPYTHONDIR"] = str(folder / "ipython")
    return environment


def open_notebook(page, address: str, notebook: str) -> None:
    """Open a notebook, given by its path below the server's folder, and wait for its kernel."""
    page.goto(f"{address}/lab/tree/{notebook}?token={browser.TOKEN}&reset")
    wait_for_kernel(page)


def wait_for_kernel(page) -> None:
    """Wait until the notebook in front is loaded and its kernel is up."""
    page.wait_for_function(
        "window.jupyterapp?.shell?.currentWidget?.sessionContext", timeout=60_000
    )
    page.evaluate(READY)


def run_all(page, seconds: float) -> bool:
    """Choose "Run all cells"; return whether all of them ran."""
    return page.evaluate(RUN_ALL, seconds)


def slider_moves_its_figure(page, seconds: float = 20) -> None:
    """Move the first slider by keyboard, there and back, and assert that its figure follows."""
    cell = page.locator(".jp-CodeCell:has(.noUi-handle):has(.jp-OutputArea img)").first
    handle, image = cell.locator(".noUi-handle").first, cell.locator(".jp-OutputArea img").first
    handle.scroll_into_view_if_needed()
    handle.focus()
    value, picture = handle.get_attribute("aria-valuenow"), image.get_attribute("src")
    there, back = ("ArrowRight", "ArrowLeft")
    if value == handle.get_attribute("aria-valuemax"):
        there, back = back, there

    page.keyboard.press(there)
    wait_for_picture(page, image, lambda src: src != picture, seconds)
    assert handle.get_attribute("aria-valuenow") != value
    assert image.evaluate("image => image.complete && image.naturalWidth > 100")
    handle.focus()
    page.keyboard.press(back)
    wait_for_picture(page, image, lambda src: src == picture, seconds)


def wait_for_picture(page, image, wanted, seconds: float) -> None:
    """Wait until ``wanted`` is true of an image's source; AssertionError if it never is."""
    deadline = time.monotonic() + seconds
    while not wanted(image.get_attribute("src")):
        assert time.monotonic() < deadline, "the figure did not follow the slider"
        page.wait_for_timeout(100)


def photograph(page, folder: Path, name: str) -> list[Path]:
    """Save the whole notebook as pictures of at most SECTION_HEIGHT pixels; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{name}-*.png"):
        old.unlink()
    page.set_viewport_size({"width": 1200, "height": SECTION_HEIGHT})
    outer = page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer").first
    visible, whole = outer.evaluate(HEIGHTS)
    paths = []
    for top in range(0, round(whole), visible):
        outer.evaluate("(element, top) => { element.scrollTop = top; }", top)
        page.wait_for_timeout(500)
        paths.append(folder / f"{name}-{len(paths) + 1}.png")
        page.screenshot(path=str(paths[-1]))
    return paths
