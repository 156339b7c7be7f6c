"""Runs the lessons as on Google Colab: ``python tools/colab.py [lesson ...]``, all of them by default.

Installs what Colab has (constraints-colab.txt, Python 3.13; no JupyterLab and no oneDNN), and opens each lesson in
Notebook 6 in a browser: the notebook's file alone, and `google.colab` loaded. Its set-up cell is run and timed, then
all cells are run, and a control of each widget is moved until its picture changes. Amiss is a cell that raised or did not
run, a widget that was not drawn, a picture that did not follow, a label cut off, a package that was added, replaced or
removed, and a set-up cell of over 60 s.

The set-up cell fetches the last commit of this checkout in place of the public address, so that its seconds are without
the network's. The table is in lessons/COLAB.md, where lessons that were not run keep their rows; build/colab/ has
what the cells showed, and pictures of the widgets after they were moved.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file

from tools import browser, build_environment, hygiene, installer, notebook  # noqa: E402
from tools.support_matrix import COLAB, Environment, MissingPython, build  # noqa: E402

PAGE = ROOT / "lessons" / "COLAB.md"
KEPT = ROOT / "build" / "colab"
SETUP_SECONDS, LESSON_SECONDS, PICTURE_SECONDS = 60, 1800, 5
PAGE_SECONDS = 120  # a busy machine may be slow to open a page
HEAD = (
    "| lesson | runs on | set-up cell | all cells | memory | widgets moved | amiss |\n"
    "|:---|:---|---:|---:|---:|---:|:---|\n"
)

# What TensorFlow 2.20 writes on standard error whatever it is asked; errors begin with an E.
CHATTER = re.compile(r"[IW]\d{4} |WARNING: All log messages before absl::InitializeLog|\s*$")
# As on Colab, where the notebook is no file that its kernel knows of.
STARTUP = """
import os, sys, types
sys.modules["google.colab"] = types.ModuleType("google.colab")
os.environ.pop("JPY_SESSION_NAME", None)
"""
INSTALLED = """
from importlib.metadata import distributions
print(*sorted({f"{one.name}=={one.version}" for one in distributions()}), sep="\\n")
"""
# The widgets' extension may come later than the page; a widget that is shown before is not drawn.
READY = """() => window.Jupyter?.notebook?._fully_loaded && Jupyter.notebook.kernel?.is_connected()
    && Jupyter.notebook.kernel.widget_manager"""
LABELS_CUT_OFF = """() => [...document.querySelectorAll('.explore .widget-label')]
    .filter(label => label.scrollWidth > label.clientWidth).map(label => label.textContent)"""
CONTROLS = ".explore .ui-slider-handle, .explore select, .explore input[type=text]"
# Resolves when the kernel has answered for the first code cell, with its seconds.
RUN_SETUP = """() => new Promise(resolve => {
    const notebook = Jupyter.notebook;
    const first = notebook.get_cells().findIndex(cell => cell.cell_type === 'code');
    const started = performance.now();
    notebook.events.one('finished_execute.CodeCell',
        () => resolve((performance.now() - started) / 1000));
    notebook.execute_cells([first]);
})"""
RUN_ALL = "() => Jupyter.notebook.execute_all_cells()"
ENDED = "() => !Jupyter.notebook.get_cells().some(cell => cell.element.hasClass('running'))"
CELLS = """() => Jupyter.notebook.get_cells().map(cell => cell.toJSON())
    .filter(cell => cell.cell_type === 'code')"""


def main(arguments: list[str] | None = None) -> int:
    """Run the lessons named, write the table, and return 0 only if nothing was amiss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", nargs="*", help="a number, or a path; default all")
    named = parser.parse_args(arguments).lesson
    try:
        paths = [notebook.lesson_path(text) for text in named] or notebook.own_kernels()
        sync_playwright = playwright()
        python = build(colab())
    except (ValueError, RuntimeError, MissingPython, installer.Refusal) as error:
        print(error)
        return 1
    well = True
    with sync_playwright() as driver:
        chromium = browser.launch(driver)
        for path in paths:
            print(path.stem, "...", flush=True)
            row = try_out(path, python, chromium)
            print(*(f"    {name}: {value}" for name, value in row.items()), sep="\n", flush=True)
            PAGE.write_text(with_row(PAGE.read_text("utf-8"), path, row), "utf-8")
            well = well and not row["amiss"]
        chromium.close()
    return 0 if well else 1


def playwright():
    """Playwright's way to start a browser.

    Raises:
        installer.Refusal: Playwright is not there.
    """
    sys.path.append(str(build_environment.TEST_PACKAGES))
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        words = "Playwright is not in .testdeps; `make quick` puts it there."
        raise installer.Refusal(words) from None
    return sync_playwright


def colab() -> Environment:
    """What Colab has preinstalled of what lessons need, as an environment of the support matrix."""
    lines = COLAB.read_text("utf-8").splitlines()
    # The smaller build is the one that other columns of the matrix have in place of Colab's.
    pins = [line for line in lines if "==" in line and not line.startswith("tensorflow-cpu")]
    return Environment("google-colab", "3.13", tuple(pins), (COLAB,), ())


def try_out(path: Path, python: str | Path, chromium) -> dict:
    """Run one lesson in a new machine, as Colab would give it; return its row of the table by heading."""
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "content"
        content.mkdir()
        lesson = nbformat.read(path, as_version=4)
        setup = next(cell for cell in lesson.cells if cell.cell_type == "code")
        setup.source = setup.source.replace("/content/course", str(content / "course"))
        nbformat.write(lesson, content / path.name)
        before = installed(python)
        with server(python, Path(folder)) as (process, address):
            page = chromium.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(1000 * PAGE_SECONDS)
            page.goto(f"{address}/notebooks/{path.name}?token={browser.TOKEN}")
            page.wait_for_function(READY)
            page.evaluate("() => Jupyter.notebook.clear_all_output()")
            setup_seconds = page.evaluate(RUN_SETUP)
            clock, processor = time.monotonic(), processor_seconds(process)
            page.evaluate(RUN_ALL)
            page.wait_for_function(ENDED, timeout=1000 * LESSON_SECONDS, polling=500)
            clock = time.monotonic() - clock
            processor = processor_seconds(process) - processor
            cells = page.evaluate(CELLS)
            cut_off = page.evaluate(LABELS_CUT_OFF)
            widgets = [moves(page, cell) for cell in page.locator(".code_cell:has(.explore)").all()]
            keep(page, path.stem, cells)
            page.close()
        changed = sorted(before ^ installed(python))
    amiss = faults(cells)
    wanted = explored(cells)
    if len(widgets) < wanted:
        amiss.append(f"{len(widgets)} of {wanted} widgets are drawn")
    amiss += [f"widget {n} does not move" for n, moved in enumerate(widgets, 1) if not moved]
    amiss += [f"label cut off: {label}" for label in cut_off]
    amiss += [f"changed {name}" for name in changed]
    if setup_seconds > SETUP_SECONDS:
        amiss.append(f"more than {SETUP_SECONDS} s for the set-up cell")
    text = "".join(said(output) for cell in cells for output in cell["outputs"])
    device = re.search(r"Keras \S+ on .*, (?:on the )?([A-Z]{3})\b", text)
    memory = re.findall(r"^\d+ s, at most (.*) of memory\.$", text, re.M)
    return {
        "runs on": device[1] if device else "",
        "set-up cell": f"{setup_seconds:.0f} s",
        "all cells": f"{min(clock, processor):.0f} s",  # other programs lengthen the first
        "memory": memory[-1] if memory else "",
        "widgets moved": f"{sum(widgets)} of {wanted}",
        "amiss": "; ".join(amiss),
    }


def processor_seconds(server: subprocess.Popen) -> float:
    """What the kernel of a server, and what it ran, have had of the processors."""
    (kernel,) = psutil.Process(server.pid).children()
    return sum(kernel.cpu_times()[:4])


def moves(page, cell) -> bool:
    """Move the controls of a cell by the keyboard, one after another, until its picture changes."""
    picture = cell.locator(".output img").first
    before = picture.get_attribute("src")
    changed = lambda: picture.get_attribute("src") != before
    for control in cell.locator(CONTROLS).all():
        control.scroll_into_view_if_needed()
        if control.get_attribute("type") == "text":
            control.fill("good")
        for key in ("ArrowRight", "End", "ArrowDown", "Home", "Enter"):
            control.focus()
            page.keyboard.press(key)
            deadline = time.monotonic() + PICTURE_SECONDS
            while time.monotonic() < deadline and not changed():
                page.wait_for_timeout(100)
            if changed():
                return True
    return False


def keep(page, name: str, cells: list[dict]) -> None:
    """Save what the cells showed, and the widgets as they look now."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(cells, indent=1), encoding="utf-8")
    for number, cell in enumerate(
        page.locator(".code_cell:has(.explore) .output_wrapper").all(), 1
    ):
        cell.screenshot(path=str(KEPT / f"{name}-widget-{number}.png"))


def faults(cells: list[dict]) -> list[str]:
    """What a person would see went wrong in code cells as a file has them: they raised, did not run, or complained."""
    found = []
    for cell in cells:
        first = "".join(cell["source"]).strip().partition("\n")[0]
        expected = "raises-exception" in cell["metadata"].get("tags", [])
        if first and cell["execution_count"] is None:
            found.append(f"not run: `{first}`")
        for output in cell["outputs"]:
            if output["output_type"] == "error" and not expected:
                found.append(f"{output['ename']} in: `{first}`")
            if output.get("name") == "stderr":
                lines = [line for line in said(output).splitlines() if not CHATTER.match(line)]
                found += [f"on standard error: `{line}`" for line in lines[:1]]
    return found


def explored(cells: list[dict]) -> int:
    """How many of some code cells, as a file has them, draw a widget."""
    return sum(bool(re.search(r"^explore\(", "".join(cell["source"]), re.M)) for cell in cells)


def said(output: dict) -> str:
    """What an output printed."""
    return "".join(output.get("text", ""))


def installed(python: str | Path) -> set[str]:
    """What is installed, as ``pip freeze`` has it."""
    done = subprocess.run([python, "-c", INSTALLED], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@contextlib.contextmanager
def server(python: str | Path, folder: Path):
    """Run Notebook 6 on a folder's `content`, as a new machine; yield its process and its address.

    Raises:
        RuntimeError: it did not start; the message has its log.
    """
    startup = folder / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "colab.py").write_text(STARTUP, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": hygiene.COURSE_URL,
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
    }
    # A picture may be larger than what Notebook 6 lets through in a second.
    command = [str(python), "-m", "notebook", "--NotebookApp.iopub_data_rate_limit=1e10"]
    log = folder / "server.log"
    with browser.jupyter(command, folder / "content", environment, log) as started:
        yield started


def with_row(text: str, path: Path, row: dict) -> str:
    """The page with the row of one lesson in its table, in the order of the lessons."""
    intro, _, table = text.partition(HEAD)
    rows = {line.partition("](")[0]: line for line in table.splitlines() if line}
    link = path.relative_to(PAGE.parent).as_posix()
    cells = [f"[{path.stem}]({link})", *(value.replace("|", "\\|") for value in row.values())]
    rows[f"| [{path.stem}"] = f"| {' | '.join(cells)} |"
    return intro + HEAD + "\n".join(sorted(rows.values())) + "\n"


if __name__ == "__main__":
    sys.exit(main())
