"""A lesson as slides, made from its notebook as it is saved: one file, which needs no network.

    python tools/slides.py 03        # -> build/slides/03-convolutions.html; open it in a browser

A section begins a slide to the right, what does not fit goes on below it: arrow keys, or the space bar for all in
order; F for the whole screen, O for an overview. What answers a guess stays folded until it is clicked.
reveal.js comes from the package that requirements-slides.lock pins, fetched once into build/reveal.
"""

import argparse
import copy
import os
import shutil
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, from anywhere

from tools import hygiene, installer, notebook  # noqa: E402
from utils import workbook  # noqa: E402

BUILD = ROOT / "build"
LOCK = ROOT / "requirements-slides.lock"
REVEAL = BUILD / "reveal"
TEMPLATE = Path(__file__).with_name("slides_template")
BELONGS = (
    "belongs"  # the tag of an output's cell: it stays with its code where a slide can hold both
)


def reveal() -> Path:
    """The folder of reveal.js, fetched by pip if the pinned version is not there yet.

    Raises:
        installer.Refusal: it cannot be had; the message says why.
    """
    pinned = LOCK.read_text(encoding="utf-8").split()[0]
    stamp = REVEAL / "version"
    if not stamp.exists() or stamp.read_text() != pinned:
        shutil.rmtree(REVEAL, ignore_errors=True)
        options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(LOCK)]
        command = installer.pip_install(sys.executable, *options, "--target", str(REVEAL))
        status, log = installer.run_showing_progress(command, "reveal.log")
        if status:
            raise installer.Refusal(installer.explain(log, "reveal", LOCK))
        stamp.write_text(pinned)
    return REVEAL / "sphinx_revealjs" / "_static" / "revealjs" / "dist"


def as_slides(lesson: nbformat.NotebookNode, place: Path) -> nbformat.NotebookNode:
    """A notebook whose cells are as small as can be, each with what nbconvert's slides want to know.

    Args:
        lesson: the notebook as it is saved; it is not changed.
        place: its path, from which its links lead.

    Returns:
        A notebook in which a heading begins a slide, a text is cut into its paragraphs, and each output
        of code is a cell of its own behind it.
    """
    cells = []
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            cells += [_cell(cell, text) for text in blocks(_online(cell.source, place))]
        elif cell.cell_type == "code" and cell.source != hygiene.setup_source():
            cells.append(_cell(cell, cell.source, outputs=[]))
            for output in cell.outputs:
                piece = _cell(cell, cell.source, outputs=[_online_output(output, place)])
                piece.metadata.tags = [BELONGS]
                cells.append(piece)
    for n, piece in enumerate(cells):
        piece.id = f"slide-{n}"
    return nbformat.from_dict({**lesson, "cells": cells})


def blocks(text: str) -> list[str]:
    """A Markdown text cut into headings, paragraphs, lists, tables and so on; from HTML on
    it is left in one piece."""
    from markdown_it import MarkdownIt

    lines = text.splitlines()
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    starts = [token.map[0] for token in tokens if token.map and token.level == 0]
    html = [token.map[0] for token in tokens if token.type == "html_block"]
    starts = [n for n in starts if n <= min(html, default=n)]
    edges = [*dict.fromkeys([0, *starts]), len(lines)]
    pieces = ["\n".join(lines[a:b]) for a, b in zip(edges, edges[1:], strict=False)]
    return [piece for piece in pieces if piece.strip()]


def _cell(cell, source, **changed):
    made = copy.deepcopy(cell)
    made.update(source=source, **changed)
    made.metadata = nbformat.from_dict({})
    if cell.cell_type == "markdown" and source.startswith(("# ", "## ")):
        made.metadata.slideshow = {"slide_type": "slide"}
    elif cell.cell_type == "markdown" and source.startswith("### "):
        made.metadata.slideshow = {"slide_type": "subslide"}
    return made


def _online(text, place):
    """A text whose links to files of the course lead to its page: the slides lie elsewhere."""

    def led(link):
        target = Path(os.path.normpath(place.resolve().parent / link[0]))
        if not target.is_relative_to(ROOT):
            return link[0]
        return f"{hygiene.COURSE_URL}/blob/main/{target.relative_to(ROOT).as_posix()}"

    return workbook.LINK.sub(led, text)


def _online_output(output, place):
    output = copy.deepcopy(output)
    if "text/markdown" in output.get("data", {}):
        output.data["text/markdown"] = _online(output.data["text/markdown"], place)
    return output


def make(place: Path) -> Path:
    """Write the slides of a lesson; return the path of the file.

    Raises:
        installer.Refusal: reveal.js cannot be had.
    """
    from nbconvert import SlidesExporter
    from traitlets.config import Config

    dist = reveal()
    lesson = notebook.with_formulas(as_slides(nbformat.read(place, as_version=4), place))
    told = {
        "title": lesson.cells[0].source.lstrip("# "),
        "reveal_js": (dist / "reveal.js").read_text(encoding="utf-8"),
        "reveal_css": (dist / "reveal.css").read_text(encoding="utf-8"),
        "style": (TEMPLATE / "slides.css").read_text(encoding="utf-8"),
        "script": (TEMPLATE / "slides.js").read_text(encoding="utf-8"),
    }
    exporter = SlidesExporter(
        config=Config({"TagRemovePreprocessor": {"enabled": True, "remove_input_tags": {BELONGS}}}),
        template_name=TEMPLATE.name,
        extra_template_basedirs=[str(TEMPLATE.parent)],
    )
    page, _ = exporter.from_notebook_node(lesson, resources={"slides": told})
    path = BUILD / "slides" / f"{place.stem}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def main(arguments: list[str] | None = None) -> int:
    """Run one command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="slides.py", description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers, such as 03; all, if none is given")
    options = parser.parse_args(arguments)
    try:
        places = [notebook.lesson_path(text) for text in options.lessons] or workbook.lessons()
        for place in places:
            print(make(place))
    except (ValueError, installer.Refusal) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
