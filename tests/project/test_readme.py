"""What the README says is there, is there: lessons, files, commands, versions."""

import re

import nbformat
import pytest
from course_in_small import ROOT

from tools import hygiene, lock, notebook

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text()
LESSONS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in notebook.lessons()
    # One for another kernel (02b) is a part of its lesson.
    if hygiene.kernel(nbformat.read(path, as_version=4)) == "python3"
)


def linked() -> list[str]:
    """The files of this repository that the README links to."""
    return [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]


def test_every_link_leads_somewhere():
    assert [target for target in linked() if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_is_in_the_table(lesson):
    (row,) = (line for line in README.splitlines() if f"]({lesson})" in line)
    assert row.endswith("| ready |")


def test_only_lessons_that_exist_are_called_ready():
    assert README.count("| ready |") == len(LESSONS)


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= targets
    phony = MAKEFILE.partition(".PHONY:")[2].splitlines()[0].split()
    assert set(phony) == targets


def test_the_clone_address_is_the_courses():
    assert f"git clone {hygiene.COURSE_URL} " in README


@pytest.mark.parametrize("name", ["keras", "pytensor", "tensorflow", "numpy"])
def test_the_versions_are_those_of_the_lock(name):
    pinned = {
        str(pin.specifier).removeprefix("==") for pin in lock.pins(lock.LOCK) if pin.name == name
    }
    rows = [line for line in README.splitlines() if line.startswith("| pinned")]
    assert len(rows) == 2
    column = {"keras": 3, "pytensor": 4, "tensorflow": 5, "numpy": 6}[name]
    assert {row.split("|")[column].strip() for row in rows} == pinned
