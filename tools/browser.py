"""The browser that tests and the notebook author's tool open pages with."""

import os
import shutil

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
