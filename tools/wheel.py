"""Builds the engine's wheel, without a network: ``make wheel`` puts it in build/wheel/.

The course itself is no package to hand on: it runs from its folder, where its lessons and data are.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "keras_theano"
WHEELS = ROOT / "build" / "wheel"
PIP_WHEEL = ["-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
# With the setuptools of this environment, and no package else.
PIP_WHEEL += ["--no-index", "--no-deps", "--no-build-isolation"]


def build_wheel(folder: Path) -> Path:
    """Build the wheel of `keras_theano` in a folder, in place of those there; return its path.

    Raises:
        CalledProcessError: pip could not build it; it has said why.
    """
    shutil.rmtree(folder, ignore_errors=True)
    environment = {name: v for name, v in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryDirectory() as place:
        # setuptools builds beside the sources, and takes what it finds there from the time before.
        copy = Path(place, ENGINE.name)
        unwanted = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
        shutil.copytree(ENGINE, copy, ignore=unwanted)
        command = [sys.executable, *PIP_WHEEL, "--wheel-dir", str(folder), str(copy)]
        subprocess.run(command, cwd=place, env=environment, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


if __name__ == "__main__":
    print(build_wheel(WHEELS).relative_to(ROOT))
