"""The browser that tests and tools open pages with, and a Jupyter server whose pages it opens."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
PLACES = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
]
# Chromium fetches nothing by itself. It refuses its sandbox to root and in many containers, and the
# pages are our own.
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
TOKEN = "only-for-this-run"


def program() -> str:
    """Return the path of an installed Chromium or Chrome.

    Raises:
        RuntimeError: there is none.
    """
    for name in [os.environ.get("CHROMIUM"), *NAMES, *PLACES]:
        if name and (found := shutil.which(name)):
            return found
    raise RuntimeError(
        "Chromium or Chrome is needed to open pages, and there is none: install one (on Debian: "
        "apt install chromium), or set CHROMIUM to the path of one."
    )


def launch(playwright):
    """Start a browser without a window, for Playwright (it is in .testdeps) to work."""
    return playwright.chromium.launch(executable_path=program(), args=OPTIONS)


def headless(html: Path, *options: str) -> str:
    """Let a browser without a window open a page, and return what it prints.

    options: Chromium's own, which say what to do with the page: ``--dump-dom``, say.
    """
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [
                program(), *OPTIONS, "--headless", "--hide-scrollbars", f"--user-data-dir={profile}",
                "--virtual-time-budget=5000", *options, html.as_uri(),
            ],
            check=True, capture_output=True, timeout=300, encoding="utf-8",
        )  # fmt: skip
    return done.stdout


@contextlib.contextmanager
def jupyter(
    command: list[str], folder: Path, environment: dict[str, str], log: Path, seconds: float = 120
):
    """Run a command that starts JupyterLab or Notebook 6; yield its process and its address.

    The command is given the options for a free port and no window; the page's token is `TOKEN`.

    Args:
        folder: where it runs.
        environment: its variables.
        log: the file that what it says is written to.
        seconds: after which it must answer.

    Raises:
        RuntimeError: it did not start; the message has its log.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*command, "--no-browser", "--allow-root", f"--port={port}", "--port-retries=0"],
            cwd=folder,
            env={**environment, "JUPYTER_TOKEN": TOKEN},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(process, address, log, seconds)
        yield process, address
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(process: subprocess.Popen, address: str, log: Path, seconds: float) -> None:
    """Return when a Jupyter server answers; raise RuntimeError with its log when it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError("Jupyter did not start:\n" + log.read_text("utf-8"))
