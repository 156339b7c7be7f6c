"""An unsupported Python, or none, gets one clear line; the versions named agree everywhere."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from course_in_small import ROOT, SmallCourse
from packaging.specifiers import SpecifierSet

from tools import environment

GATE = ROOT / "tools" / "environment.py"
WANTED = "this course needs Python 3.11, 3.12 or 3.13"
posix = pytest.mark.skipif(os.name == "nt", reason="tools/find-python is for make")


def old_pythons() -> list[str]:
    """Unsupported Pythons on this machine: on the PATH, or beside this one (pyenv and the like)."""
    names = ["python2.7", *(f"python3.{minor}" for minor in range(5, 11)), "python3.14"]
    places = [None, *Path(sys.base_prefix).parent.glob("*/bin")]
    found = {shutil.which(name, path=place) for name in names for place in places} - {None}
    return sorted(path for path in found if starts(path))


def starts(python: str) -> bool:
    # pyenv leaves stand-ins on the PATH that only print what else could be selected.
    return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


def pretend_python(folder: Path, name: str, version: str) -> Path:
    """A command that is this Python but says that it is another version."""
    numbers = tuple(int(number) for number in version.split("."))
    disguise = folder / f"{name}.py"
    disguise.write_text(
        "import runpy, sys\n"
        f"sys.version, sys.version_info, sys.executable = {version!r}, {numbers!r}, {name!r}\n"
        "sys.argv = sys.argv[1:]\n"
        "if sys.argv[0] == '-c':\n    exec(sys.argv[1])\n"
        "else:\n    sys.path.insert(0, __import__('os').path.dirname(sys.argv[0]))\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    command = folder / name
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{disguise}" "$@"\n')
    command.chmod(0o755)
    return command


@pytest.fixture
def root(tmp_path) -> Path:
    """A course that has no uv of its own: the one in this course's build folder would fetch a Python."""
    return SmallCourse(tmp_path / "course", tmp_path / "wheels").root


def path_without_python(folder: Path) -> dict[str, str]:
    """Environment variables with which only sh, dirname, make and ``folder`` are found."""
    for tool in ("sh", "dirname", "make"):
        if found := shutil.which(tool):
            (folder / tool).symlink_to(found)
    return {"PATH": str(folder)}


def find_python(
    root: Path, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["sh", str(root / "tools" / "find-python"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("python", old_pythons())
def test_real_unsupported_pythons_get_one_line(python):
    done = subprocess.run([python, str(GATE), "lab"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "is not supported: " + WANTED in done.stderr


@posix
@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.10.13", "3.14.0", "4.0.0"])
def test_other_versions_get_one_line(tmp_path, version):
    python = pretend_python(tmp_path, "otherpython", version)
    done = subprocess.run([str(python), str(GATE), "lab"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"Python {version} (otherpython) is not supported: {WANTED}. "
        "Install one of them, or name one you have: make lab PYTHON=python3.12"
    ]


@posix
def test_no_python_at_all_gets_one_line(root, tmp_path):
    done = find_python(root, path_without_python(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("No supported Python found: " + WANTED)


@posix
def test_only_old_pythons_get_one_line_that_names_them(root, tmp_path):
    environment = path_without_python(tmp_path)
    pretend_python(tmp_path, "python3", "3.9.18")
    pretend_python(tmp_path, "python", "2.7.18")
    done = find_python(root, environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "(python3 is 3.9.18, python is 2.7.18): " + WANTED in done.stderr


@posix
def test_a_supported_python_is_found_behind_an_old_one(root, tmp_path):
    environment = path_without_python(tmp_path)
    pretend_python(tmp_path, "python3", "3.9.18")
    pretend_python(tmp_path, "python3.12", "3.12.1")
    assert find_python(root, environment).stdout == "python3.12\n"
    pretend_python(tmp_path, "python3", "3.11.7")
    assert find_python(root, environment).stdout == "python3\n", (
        "the learner's own python3 goes first"
    )


@posix
def test_a_named_python_is_taken_or_refused_but_never_replaced(root, tmp_path):
    environment = path_without_python(tmp_path)
    old = pretend_python(tmp_path, "python3.9", "3.9.18")
    pretend_python(tmp_path, "python3", "3.11.7")
    assert WANTED in find_python(root, environment, str(old)).stderr
    missing = find_python(root, environment, "nonesuch")
    assert missing.returncode == 1
    assert missing.stderr == f"PYTHON=nonesuch does not start: {WANTED}.\n"


@posix
@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("target", ["lab", "test"])
def test_make_refuses_with_that_line_alone(root, tmp_path, target):
    environment = path_without_python(tmp_path)
    pretend_python(tmp_path, "python3", "3.8.18")
    done = subprocess.run(
        ["make", target], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert WANTED in first
    assert second.startswith("make: ***")


def test_the_supported_versions_are_the_same_everywhere():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    supported = SpecifierSet(pyproject["project"]["requires-python"])
    versions = [f"3.{minor}" for minor in range(5, 20) if f"3.{minor}.0" in supported]
    assert (environment.OLDEST, environment.NEWEST) == ((3, 11), (3, 13))
    assert versions == ["3.11", "3.12", "3.13"]
    for file in ("tools/environment.py", "tools/find-python"):
        assert WANTED in (ROOT / file).read_text()
    assert re.search(r"Python 3\.11, 3\.12 or 3\.13", (ROOT / "README.md").read_text())
