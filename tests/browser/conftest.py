"""A browser, and JupyterLab on a copy of the lessons, so that nothing here changes them."""

import json
import shutil

import lab_in_browser as lab
import pytest
from playwright.sync_api import sync_playwright

from tools.browser import launch


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A new, empty window, large enough for a notebook."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """JupyterLab's address and the folder it serves: a copy of lessons/."""
    folder = tmp_path_factory.mktemp("jupyter")
    served = folder / "served"
    ignored = shutil.ignore_patterns(".ipynb_checkpoints", "_build")
    shutil.copytree(lab.ROOT / "lessons", served / "lessons", ignore=ignored)
    # Every cell in the page at once, so that it can be looked at as a whole.
    tracker = folder / "settings" / "@jupyterlab" / "notebook-extension"
    tracker.mkdir(parents=True)
    (tracker / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
    arguments = ["-m", "jupyterlab", f"--ServerApp.root_dir={served}"]
    with lab.server(arguments, folder) as address:
        yield address, served
