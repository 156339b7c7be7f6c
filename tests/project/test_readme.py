"""What the README says is there, is there: lessons, files, commands, versions."""

import re

import pytest
from course_in_small import ROOT

from tools import book, hygiene, lock, notebook
from utils import workbook

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text()
LESSONS = sorted(path.relative_to(ROOT).as_posix() for path in notebook.own_kernels())


def linked() -> list[str]:
    """The files of this repository that the README links to."""
    return [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]


def test_every_link_leads_somewhere():
    files = [target for target in linked() if not target.startswith("#")]
    assert [target for target in files if not (ROOT / target).exists()] == []
    headings = {line.lstrip("# ").lower() for line in README.splitlines() if line.startswith("#")}
    assert {target[1:] for target in linked() if target.startswith("#")} <= headings


def test_a_picture_of_a_lesson_stands_above_the_commands_and_says_what_it_shows():
    ((alt, picture, lesson),) = re.findall(
        r"\[!\[([^\]]+)\]\(([^)]+)\)\]\(([^)]+)\)", README.partition("## Start")[0]
    )
    assert len(alt) > 60
    assert (ROOT / picture).stat().st_size < 100_000, "the page comes at once"
    assert lesson in LESSONS


def test_the_book_is_where_the_readme_says_and_gives_the_same_commands():
    assert f"`{(book.BOOK / 'index.html').relative_to(ROOT).as_posix()}`" in README
    said = re.search(r"\n\n    (git clone .*)\n    (make lab)\n", README).groups()
    page = (book.CONFIGURATION / "index.md").read_text("utf-8")
    block = page.replace("COURSE_URL", hygiene.COURSE_URL).split("\n```\n")[1]
    assert tuple(block.splitlines()) == said
    assert "two commands" in README and "two commands" in page


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_is_in_the_table(lesson):
    rows = [line for line in README.splitlines() if line.startswith("|")]
    (row,) = (line for line in rows if f"]({lesson})" in line)
    minutes = re.match(r"\d+", workbook.minutes(ROOT / lesson))[0]
    assert row.endswith(f"| {minutes} |"), "as its box says"


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= targets
    phony = MAKEFILE.partition(".PHONY:")[2].splitlines()[0].split()
    assert set(phony) == targets


@pytest.mark.parametrize("name", ["keras", "pytensor", "tensorflow", "numpy"])
def test_the_versions_are_those_of_the_lock(name):
    pinned = {
        str(pin.specifier).removeprefix("==") for pin in lock.pins(lock.LOCK) if pin.name == name
    }
    rows = [line for line in README.splitlines() if line.startswith("| pinned")]
    assert len(rows) == 2
    column = {"keras": 3, "pytensor": 4, "tensorflow": 5, "numpy": 6}[name]
    assert {row.split("|")[column].strip() for row in rows} == pinned
