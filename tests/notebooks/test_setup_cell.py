"""The setup cell: on Colab it fetches the course, run twice too; elsewhere it changes nothing. And what follows it."""

import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest

from tools.hygiene import COURSE_URL, setup_source

ROOT = Path(__file__).resolve().parent.parent.parent
PART_2 = sorted((ROOT / "lessons" / "part2").glob("[0-9]*.ipynb"))

# As a notebook does: IPython turns the line with `!` into Python. The folder is the test's own.
RUN = """
import sys, types
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
if {colab}:
    sys.modules["google.colab"] = types.ModuleType("google.colab")
before = list(sys.path)
for again in range(2):
    shell.run_cell({cell!r}).raise_error()
if {colab}:
    import utils.lesson
    print("FOUND", utils.lesson.ROOT)
else:
    print("UNCHANGED", sys.path == before)
"""


def run(tmp_path, colab):
    """Run the setup cell in a new Python that does not know the course, offline."""
    course = tmp_path / "content" / "course"
    course.parent.mkdir()
    cell = setup_source().replace("/content/course", str(course))
    code = textwrap.dedent(RUN.format(colab=colab, cell=cell))
    # Git fetches from this checkout in place of the course's public address; -S and the one path
    # leave out the .pth file by which the laptop's environment finds the course.
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": next(path for path in sys.path if path.endswith("site-packages")),
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": COURSE_URL,
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
    }
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + done.stderr, course


@pytest.mark.skipif(sys.platform == "win32", reason="Colab is Linux; the cell uses its shell")
def test_on_colab_the_course_is_fetched_and_found(tmp_path):
    output, course = run(tmp_path, colab=True)
    assert f"FOUND {course}" in output, output
    assert (course / "lessons").is_dir()
    assert "fatal" not in output


def test_elsewhere_nothing_happens(tmp_path):
    output, course = run(tmp_path, colab=False)
    assert "UNCHANGED True" in output, output
    assert not course.exists()


def test_it_installs_nothing():
    assert "pip" not in setup_source() and "install" not in setup_source()


@pytest.mark.parametrize("path", PART_2, ids=lambda path: path.name)
def test_tensorflow_does_not_call_it_an_error_that_there_is_no_gpu(path):
    # Its build for GPUs, which Colab has, does so at level 2.
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    (line,) = (line for line in "\n".join(code).splitlines() if "TF_CPP_MIN_LOG_LEVEL=" in line)
    assert 'TF_CPP_MIN_LOG_LEVEL="3"' in line
