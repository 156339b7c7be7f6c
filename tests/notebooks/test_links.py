"""Links between lessons, glossary, data cards and other files of the course lead somewhere."""

import re
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

import nbformat
import pytest

from tools.notebook import LESSONS, lessons

LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")


def anchors(markdown):
    """The anchors that GitHub and JupyterLab give to the headings of a Markdown text."""
    headings = re.findall(r"^#+ +(.+?) *$", markdown, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(text, folder):
    """Relative links of a Markdown text in `folder` that lead to no file or to no heading."""
    broken = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = unquote(link).partition("#")
        path = (folder / file).resolve()
        if file and not path.exists():
            broken.append(link)
            continue
        if file.endswith(".md") and anchor and anchor not in anchors(path.read_text("utf-8")):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_links_of_a_lesson(path):
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert broken_links(text, path.parent) == []


@pytest.mark.parametrize("path", sorted(LESSONS.glob("*.md")), ids=lambda path: path.name)
def test_links_of_a_page(path):
    text = path.read_text("utf-8")
    text = re.sub(r"`[^`\n]*`|^    .*$", "", text, flags=re.MULTILINE)  # examples are no links
    assert broken_links(text, path.parent) == []


def test_glossary_is_in_order():
    names = re.findall(r"^### (.+)$", (LESSONS / "glossary.md").read_text("utf-8"), re.MULTILINE)
    # As in a dictionary, é stands with e.
    assert names == sorted(names, key=lambda name: normalize("NFD", name.lower()))


def test_every_word_of_the_glossary_is_linked_by_a_lesson():
    cells = [cell for path in lessons() for cell in nbformat.read(path, as_version=4).cells]
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    linked = {unquote(link).partition("glossary.md#")[2] for link in LINK.findall(text)}
    words = anchors((LESSONS / "glossary.md").read_text("utf-8")) - {"glossary"}
    assert sorted(words - linked) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "here.md").write_text("# One Thing (two)\n")
    good = "[a](here.md) [b](here.md#one-thing-two) [c](https://example.org/x) [d](#top)"
    assert broken_links(good, tmp_path) == []
    bad = "[a](gone.md) [b](here.md#other)"
    assert broken_links(bad, tmp_path) == ["gone.md", "here.md#other"]
    assert broken_links("![a](gone.png)", Path("/")) == []  # pictures are the hygiene test's
