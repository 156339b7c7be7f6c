"""The browser that tests and the notebook author's tool open pages with."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
PLACES = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
]


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


def headless(html: Path, *options: str) -> str:
    """Let a browser without a window open a page, and return what it prints.

    options: Chromium's own, which say what to do with the page: ``--dump-dom``, say.
    """
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [
                program(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-sync", "--hide-scrollbars",
                f"--user-data-dir={profile}", "--virtual-time-budget=5000", *options, html.as_uri(),
            ],
            check=True, capture_output=True, timeout=300, encoding="utf-8",
        )  # fmt: skip
    return done.stdout
