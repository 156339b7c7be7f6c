"""Writes requirements.lock, requirements-test.lock, requirements-book.lock and environment.yml from
pyproject.toml, and requirements-classic.lock, requirements-uv.lock and requirements-slides.lock from
what is below.

For maintainers: ``make lock`` keeps the pins that still fit, ``make lock UPGRADE=1`` takes the newest, and ``make upgrade``
tests them, too. Each ends with a table of what moved since the last commit; ``--moved`` prints that alone.
It is uv that resolves, the one that the set-up uses. The files name no package index.
"""

import argparse
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).resolve().parent))
import installer

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
TEST_LOCK = ROOT / "requirements-test.lock"
BOOK_LOCK = ROOT / "requirements-book.lock"
CLASSIC_LOCK = ROOT / "requirements-classic.lock"
UV_LOCK = installer.UV_LOCK
SLIDES_LOCK = ROOT / "requirements-slides.lock"
LOCKS = [LOCK, TEST_LOCK, BOOK_LOCK, CLASSIC_LOCK, UV_LOCK, SLIDES_LOCK]
CONDA = ROOT / "environment.yml"
CONDA_PYTHON = "3.12"

# Keras 2.3.1 on Theano 1.0.5 as a Jupyter kernel, with the last NumPy, SciPy and h5py they bear.
CLASSIC = """\
[project]
name = "classic"
version = "0"
requires-python = ">=3.7,<3.9"
dependencies = [
    "keras==2.3.1",
    "theano==1.0.5",
    "numpy<1.22",
    "scipy<1.8",
    "h5py<3",
    "ipykernel>=6",
]
[tool.uv]
environments = ["python_version < '3.9' and implementation_name == 'cpython'"]
"""

# What the set-up fetches first, to install the rest with.
UV = """\
[project]
name = "uv-alone"
version = "0"
requires-python = ">=3.8"
dependencies = ["uv>=0.13,<0.14"]
"""

# reveal.js, as a package of PyPI brings it; tools/slides.py takes nothing else of it.
SLIDES = """\
[project]
name = "slides"
version = "0"
requires-python = ">=3.11"
dependencies = ["sphinx-revealjs>=3.2,<4"]
"""

COMPILE = ["pip", "compile", "--quiet", "--universal"]
COMPILE += ["--generate-hashes", "--no-annotate", "--no-header"]
COMPILE += ["--no-emit-index-url", "--no-emit-find-links"]

CONDA_HEAD = f"""\
# For conda users, and for mybinder-style hubs: conda gives Python, pip the very packages that
# requirements.lock pins (conda's channels lag behind, and lack some of these versions).
#     conda env create -f environment.yml && conda activate thinking-in-keras
#     python tools/environment.py --here lab
# Made by `make lock` from requirements.lock; not edited by hand.
name: thinking-in-keras
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python={CONDA_PYTHON}
  - pip
  - pip:
"""


def main() -> None:
    """Resolve, write the seven files, and print what moved."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument("--moved", action="store_true", help="only print what moved")
    options = parser.parse_args()
    if not options.moved:
        write_locks(["--upgrade"] if options.upgrade else [])
    print(what_moved({lock.name: (committed(lock), lock.read_text()) for lock in LOCKS}))


def write_locks(upgrade: list[str]) -> None:
    """Resolve, and write the seven files; upgrade: uv's option to take the newest, or nothing."""
    compile_lock(LOCK, *upgrade)
    with tempfile.TemporaryDirectory() as folder:
        learners = {name_and_version(block) for block in blocks(LOCK)}
        for extra, lock in (("test", TEST_LOCK), ("book", BOOK_LOCK)):
            whole = Path(folder, "whole.lock")
            whole.write_text(LOCK.read_text() + (lock.read_text() if lock.exists() else ""))
            compile_lock(whole, "--extra", extra, "--constraint", str(LOCK), *upgrade)
            lock.write_text(
                "".join(b for b in blocks(whole) if name_and_version(b) not in learners)
            )
        for output, text, python, *options in (
            (CLASSIC_LOCK, CLASSIC, "3.7"),
            (UV_LOCK, UV, "3.8"),
            (SLIDES_LOCK, SLIDES, "3.11", "--no-deps"),
        ):
            project = Path(folder, "pyproject.toml")
            project.write_text(text)
            compile_lock(output, *options, *upgrade, project=project, python=python)
    CONDA.write_text(conda_environment(LOCK))


def compile_lock(
    output: Path, *options: str, project: Path = ROOT / "pyproject.toml", python: str = "3.11"
) -> None:
    """Let uv resolve a pyproject.toml into a lock file; pins already in it are kept if they fit.

    Raises:
        RuntimeError: there is no uv, and it could not be fetched.
    """
    uv = installer.find_uv(sys.executable)
    if uv is None:
        raise RuntimeError("uv cannot be had: pip could not fetch it, see build/uv-by-pip.log.")
    command = [uv, *COMPILE, *options, "--python-version", python, "--output-file", str(output)]
    subprocess.run([*command, str(project)], cwd=project.parent, check=True)


def committed(lock: Path) -> str:
    """A lock file as it is in the commit that is checked out; empty if it is not there."""
    command = ["git", "show", f"HEAD:./{lock.name}"]
    done = subprocess.run(command, cwd=lock.parent, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def what_moved(locks: dict[str, tuple[str, str]]) -> str:
    """A Markdown table of the packages whose versions differ; what the course asks for is in bold.

    locks: name of a lock file -> its text before and after.
    """
    rows = []
    for name, (before, after) in locks.items():
        old, new = versions(before), versions(after)
        for package in sorted(old.keys() | new.keys()):
            was, becomes = old.get(package, "-"), new.get(package, "-")
            if was != becomes:
                shown = f"**{package}**" if package in direct() else package
                rows.append(f"| {name} | {shown} | {was} | {becomes} |")
    if not rows:
        return "No version moved since the last commit."
    return "\n".join(["| file | package | before | now |", "|---|---|---|---|", *rows])


def versions(lock: str) -> dict[str, str]:
    """Name of a package -> its versions, of which there may be one for each Python, in a lock's text."""
    found: dict[str, list[str]] = {}
    for entry in entries(lock):
        name, _, version = name_and_version(entry).partition("==")
        found.setdefault(name, []).append(version)
    return {name: ", ".join(dict.fromkeys(several)) for name, several in found.items()}


def direct() -> set[str]:
    """The packages that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return {Requirement(line).name for group in groups for line in group}


def blocks(lock: Path) -> list[str]:
    """A lock file's entries, each with its hash lines."""
    return entries(lock.read_text())


def entries(text: str) -> list[str]:
    """The entries of a lock file's text, each with its hash lines."""
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        if line[:1].isspace():
            found[-1] += line
        else:
            found.append(line)
    return found


def pins(lock: Path) -> list[Requirement]:
    """A lock file's entries without their hashes."""
    return [Requirement(block.split("\\\n")[0]) for block in blocks(lock)]


def name_and_version(block: str) -> str:
    """``name==version`` of an entry, whatever its marker."""
    return block.split()[0]


def conda_environment(lock: Path) -> str:
    """The text of environment.yml: every pin of a lock file that holds for CONDA_PYTHON."""
    lines = []
    for pin in pins(lock):
        if pin.marker is None:
            lines.append(str(pin))
        elif on_some_computer(pin):
            # The Python is fixed, so only a condition on the computer has to stay.
            computer = "platform" in str(pin.marker) or "os_name" in str(pin.marker)
            lines.append(str(pin) if computer else f"{pin.name}{pin.specifier}")
    return CONDA_HEAD + "".join(f"      - {line}\n" for line in lines).replace('"', "'")


def on_some_computer(pin: Requirement) -> bool:
    """Whether a pin's marker can hold on CONDA_PYTHON, on Linux, macOS or Windows."""
    computers = [
        {"sys_platform": "linux", "os_name": "posix", "platform_machine": "x86_64"},
        {"sys_platform": "linux", "os_name": "posix", "platform_machine": "aarch64"},
        {"sys_platform": "darwin", "os_name": "posix", "platform_machine": "arm64"},
        {"sys_platform": "win32", "os_name": "nt", "platform_machine": "AMD64"},
    ]
    python = {"python_version": CONDA_PYTHON, "python_full_version": CONDA_PYTHON + ".0"}
    return any(
        pin.marker.evaluate({**default_environment(), **python, **computer})
        for computer in computers
    )


if __name__ == "__main__":
    sys.exit(main())
