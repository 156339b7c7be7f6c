"""CONTRIBUTING.md and the other pages name what exists, and every file has a row that says what to run."""

import re
import subprocess

import pytest
from course_in_small import ROOT
from git_files import git_files

PAGES = [
    "README.md",
    "TEACHING.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "keras_theano/README.md",
    "utils/README.md",
]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## Changed this?")[2].partition("## Habits")[0].splitlines()
    if line.startswith("| ") and not line.startswith("| changed")
]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def paths(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_every_file_has_a_row():
    named = tuple(path for row in ROWS for path in paths(row[0]))
    assert [file for file in git_files() if not file.startswith(named)] == []


def test_what_a_row_names_exists():
    assert [p for row in ROWS for p in paths(row[0]) if not (ROOT / p).exists()] == []


@pytest.mark.parametrize("command", sorted({c for row in ROWS for c in paths(" ".join(row[1:]))}))
def test_what_a_row_says_to_run_can_be_run(command):
    make, target, *rest = command.split(maxsplit=2)
    assert (make, target in TARGETS) == ("make", True)
    arguments = " ".join(rest)
    for path in re.findall(r"tests/[\w/.]+", arguments):
        assert (ROOT / path).exists(), path
    if words := re.search(r"-k '([^']+)'", arguments):
        files = {path.name for path in (ROOT / "tests" / "keras_theano").glob("test_*.py")}
        for word in words[1].split(" or "):
            assert any(word in name for name in files), word


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    path = ROOT / page
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (path.parent / target).exists()] == []


def test_the_engine_says_what_its_page_says():
    page = (ROOT / "keras_theano" / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"`(tests/[\w/.]+|src/[\w/.]+|pytensor_ops/[\w/.]+)`", page):
        folder = ROOT if path.startswith("tests") else ROOT / "keras_theano"
        assert (folder / path).exists(), path


def changes() -> dict[str, list[str]]:
    """The lines of each version in CHANGELOG.md, by its heading."""
    _, *parts = (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n## ")
    return {heading: lines for heading, *lines in (part.splitlines() for part in parts)}


def test_the_newest_version_is_the_one_that_the_engine_names():
    unreleased, *released = changes()
    assert unreleased == "Unreleased"
    version, day = released[0].split(" - ")
    source = (ROOT / "keras_theano" / "__init__.py").read_text("utf-8")
    assert f'\n__version__ = "{version}"\n' in source
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day)


@pytest.mark.parametrize("version", changes())
def test_each_change_is_sorted_by_what_it_is_and_where(version):
    kind = place = None
    seen = []
    for line in changes()[version]:
        if line.startswith("### "):
            kind, place = line[4:], None
        elif line.startswith("#### "):
            place = line[5:]
            seen.append((kind, place))
        elif line.startswith("- "):
            assert place, f"under {kind}, but neither Lessons, Engine nor Tools: {line}"
    order = [(k, p) for k in ("Added", "Changed", "Fixed") for p in ("Lessons", "Engine", "Tools")]
    assert seen == [one for one in order if one in seen]


def test_no_file_holds_a_merge_that_was_not_ended():
    assert git_files()
    markers = ["-e", "^<<<<<<< ", "-e", "^>>>>>>> "]
    found = subprocess.run(
        ["git", "grep", "-lI", *markers], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (1, "")
