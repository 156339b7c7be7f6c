"""Where the course is published is said in one place: pages, badges and set-up cells agree, and one command changes all."""

import re
import shutil

import nbformat
import pytest
from course_in_small import ROOT
from git_files import git_files

from tools import address, book, hygiene
from utils.workbook import lessons

OLD = hygiene.COURSE_URL.removeprefix(address.GITHUB)
# On GitHub, over https or ssh, as raw text, on Colab, nbviewer or Binder.
NAMED = re.compile(r"(?:github(?:usercontent)?(?:\.com)?[/:]|/gh/)([\w.-]+)/([\w.-]*[\w-])")
TEXT = (".md", ".py", ".ipynb", ".toml", ".yml", ".html", "Makefile", "postBuild")
LESSONS = [
    path for path in lessons() if hygiene.kernel(nbformat.read(path, as_version=4)) == "python3"
]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
def test_a_lesson_is_fetched_and_opened_from_the_courses_address(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert code[0] == hygiene.setup_source()
    badge = hygiene.colab_link(path)
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert badge in text
    assert text.count("colab.research.google.com/github/") == text.count(badge), "and no other"


def others(text):
    """Repositories of which a text names the owner or the name as ours has it, but not both."""
    ours = OLD.split("/")
    named = {(owner, name.removesuffix(".git")) for owner, name in NAMED.findall(text)}
    return {"/".join(one) for one in named if (one[0] == ours[0]) != (one[1] == ours[1])}


def test_no_file_names_another_address_of_the_course():
    named = {
        file: others((ROOT / file).read_text("utf-8"))
        for file in git_files()
        if file.endswith(TEXT)
    }
    assert len(named) > 300
    assert {file: found for file, found in named.items() if found} == {}


@pytest.mark.parametrize(
    "form",
    [
        "https://github.com/{}",
        "git@github.com:{}.git",
        "https://raw.githubusercontent.com/{}/main/README.md",
        "https://colab.research.google.com/github/{}/blob/main/a.ipynb",
        "https://nbviewer.org/github/{}.",
        "https://mybinder.org/v2/gh/{}/HEAD",
    ],
)
def test_another_address_is_seen_in_any_form(form):
    owner, name = OLD.split("/")
    assert others(form.format(OLD)) == set() == others(form.format("some-one/else"))
    for other in (f"{owner}/course", f"some-one/{name}"):
        assert others(form.format(other)) == {other}


def test_the_readme_leads_to_the_clone_and_to_colab():
    page = (ROOT / "README.md").read_text("utf-8")
    assert f"git clone {hygiene.COURSE_URL} " in page
    (colab,) = re.findall(r"\((.*)\)", hygiene.colab_link(ROOT / "lessons/00-start-here.ipynb"))
    assert f"]({colab})" in page


def test_the_book_takes_the_address_from_there():
    for path in (book.CONFIGURATION / "conf.py", book.CONFIGURATION / "index.md"):
        text = path.read_text("utf-8")
        assert OLD not in text and "COURSE_URL" in text


def test_one_command_changes_it_everywhere(tmp_path, monkeypatch, capsys):
    copies = []
    for name in git_files():
        path = ROOT / name
        if path.is_file() and OLD.encode() in path.read_bytes():
            copies.append(tmp_path / name)
            copies[-1].parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copies[-1])
    assert len(copies) > len(LESSONS)
    before = {path: path.read_bytes() for path in copies}
    monkeypatch.setattr(address, "ROOT", tmp_path)
    monkeypatch.setattr(address, "tracked", lambda folder: copies)
    assert address.main(["https://github.com/some-one/a.fork.git"]) == 0
    assert "https://github.com/some-one/a.fork in " in capsys.readouterr().out
    for path in copies:
        text = path.read_bytes()
        assert OLD.encode() not in text, path
        assert text.replace(b"some-one/a.fork", OLD.encode()) == before[path], "nothing else"


@pytest.mark.parametrize(
    "words", [[], ["https://gitlab.com/you/course"], ["you/course"], ["https://github.com/you"]]
)
def test_what_is_no_address_on_github_is_refused(words, monkeypatch, capsys):
    monkeypatch.setattr(address, "moved", None)
    assert address.main(words) == 1
    assert "https://github.com/you/course" in capsys.readouterr().out
