"""Makes the web book, `build/book/index.html`, from the lessons as they are saved; runs no cell.

    python tools/book.py            # what `make book` runs
    python tools/book.py --pdf      # and build/book/pdf/*.pdf, each page as a browser prints it
    python tools/book.py --links    # no book: asks each address that the pages link to whether it is there

Sphinx gets copies, in build/book-source, of the pages that `PAGES` names, at the same places as in
the repository. In a copy, links to what is no page of the book lead to the repository, and the set-up
cell is folded away. Everything else is said in book/conf.py. What Sphinx warns of is an error.
"""

import argparse
import base64
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, from anywhere

from tools import browser, guesses, hygiene  # noqa: E402
from tools.build_environment import BOOK_PACKAGES  # noqa: E402
from utils.workbook import LESSONS, lessons  # noqa: E402

CONFIGURATION = ROOT / "book"
SOURCE = ROOT / "build" / "book-source"
BOOK = ROOT / "build" / "book"
DATA = ROOT / "data"
PAGES = [*lessons(), LESSONS / "glossary.md", LESSONS / "README.md"]
PAGES += [DATA / "README.md", *sorted(DATA.glob("*/README.md"))]
# What --pdf prints: the lessons, what they reach, and the glossary.
PRINTED = [page for page in PAGES if page.is_relative_to(LESSONS)]
# In book/index.md: here is the list of a folder's lessons.
LIST = re.compile(r"<!-- lessons of (.*) -->")
PICTURE = re.compile(r'<img [^>]*src="data:image/\w+;base64,([^"]+)"')
THUMBNAIL = (720, 450)  # pixels of a lesson's picture on the first page
# Of a link in Markdown, what it leads to; where it leads outside or within the page there is no match.
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)[^)\s#]+")
# For those who change a page of the data, and nobody who reads it.
NOTE = re.compile(r"^[*_]Made from .*[*_]\n?", re.M)
# What ends the page about the data in the book: its cards stand below it in the navigation.
CARDS = "\n```{toctree}\n:hidden:\n:glob:\n\n*/README\n```\n"
# A table that is folded away, as the theme has all others: with room about its columns, and to move on a phone.
TABLE = ('<div class="pst-scrollable-table-container"><table class="table">', "</table></div>")
# What lessons say to somebody who has a kernel, and what the book says instead.
FOR_READERS = {
    "You wrote down no guess. What came out": "What came out",
    "Run this cell to change:": "In the notebook you can change:",
}


def main() -> int:
    """Make the book; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pdf", action="store_true", help="print each page to a PDF, too")
    parser.add_argument("--links", action="store_true", help="only try the links that lead outside")
    options = parser.parse_args()
    if not BOOK_PACKAGES.exists():
        sys.exit(f"What makes the book is not in {BOOK_PACKAGES.name}: `make book` puts it there.")
    for folder in (SOURCE, BOOK):
        shutil.rmtree(folder, ignore_errors=True)
    gather(SOURCE)
    if options.links:
        return sphinx(SOURCE, BOOK, "linkcheck")
    status = sphinx(SOURCE, BOOK)
    if status == 0 and options.pdf:
        print_pages(BOOK)
    if status == 0:
        print(f"The book is made: {(BOOK / 'index.html').relative_to(ROOT)}")
    return status


def gather(folder: Path) -> None:
    """Copy the book's pages to a folder, in the form in which Sphinx reads them."""
    for page in PAGES:
        copy = folder / page.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if page.suffix == ".ipynb":
            nbformat.write(for_the_book(nbformat.read(page, as_version=4), page), copy)
        else:
            ends = CARDS if page.parent == DATA else ""
            text = NOTE.sub("", page.read_text("utf-8"))
            copy.write_text(with_links(text, page) + ends, encoding="utf-8")
    shutil.copytree(DATA / "thumbnails", folder / "data" / "thumbnails")
    first_page = (CONFIGURATION / "index.md").read_text("utf-8")
    first_page = first_page.replace("COURSE_URL", hygiene.COURSE_URL)
    listed = LIST.sub(lambda found: lessons_of(LESSONS / found[1], folder), first_page)
    (folder / "index.md").write_text(listed, encoding="utf-8")


def for_the_book(notebook, path: Path):
    """A lesson, changed in place: links led on, set-up cell folded away, language named, readers spoken to."""
    notebook.metadata.language_info["pygments_lexer"] = "ipython3"  # Python, and lines for a shell
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = with_links(cell.source, path)
        elif cell.source == hygiene.setup_source():
            cell.metadata.setdefault("tags", []).append("hide-input")
        for output in cell.get("outputs", []):
            if page := output.get("data", {}).get("text/html"):
                output.data["text/html"] = for_readers(page)
    return notebook


def for_readers(page: str) -> str:
    """What a cell showed, with the book's words and tables."""
    for said, instead in FOR_READERS.items():
        page = page.replace(said, instead)
    return (
        page.replace("<table>", TABLE[0]).replace("</table>", TABLE[1])
        if "<table>" in page
        else page
    )


def with_links(text: str, page: Path, folder: Path | None = None) -> str:
    """A page's Markdown, in which links to what is not in the book lead to the repository.

    folder: the one that the text is read in, if that is not the page's own.

    Raises:
        ValueError: a link leads nowhere.
    """

    def lead_on(found):
        target = (page.parent / found[0]).resolve()
        if not target.exists():
            raise ValueError(f"{page.relative_to(ROOT)} links to {found[0]}, which is not there.")
        if target in PAGES:
            return Path(os.path.relpath(target, folder or page.parent)).as_posix()
        kind = "tree" if target.is_dir() else "blob"
        return f"{hygiene.COURSE_URL}/{kind}/main/{target.relative_to(ROOT).as_posix()}"

    return LINK.sub(lead_on, text)


def lessons_of(part: Path, folder: Path) -> str:
    """The lessons that lie in a folder, as a list: picture, title, and what the lesson begins with.

    The pictures are written to the folder of the book's pages.
    """
    items = []
    for path in (path for path in PAGES if path.parent == part and path.suffix == ".ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        title, begins, *_ = re.sub(r"^#+ ", "", cells[0].source).split("\n\n")
        begins = re.sub(r"\s[^.!?]*:$", "", begins)  # what the sentence announces is not there
        link = path.relative_to(ROOT).as_posix()
        picture = write_thumbnail(cells, folder / f"{path.stem}.webp")
        items.append(
            f"<li>\n\n{picture}\n\n**[{title}]({link})**\n\n{with_links(begins, path, ROOT)}\n\n</li>"
        )
    return "\n".join(['<ul class="lessons">', *items, "</ul>"])


def write_thumbnail(cells, path: Path) -> str:
    """Write a lesson's first picture, whole, to a small one; its Markdown, empty without any."""
    from PIL import Image, ImageOps

    for cell in cells:
        for output in cell.get("outputs", []):
            page = output.get("data", {}).get("text/html", "")
            if (found := PICTURE.search(page)) and not page.startswith(guesses.BEGIN):
                picture = Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB")
                ImageOps.pad(picture, THUMBNAIL, color="white").save(path)
                return f"![]({path.name})"
    return ""


def sphinx(source: Path, book: Path, builder: str = "html") -> int:
    """Run one of Sphinx's builders on a folder of pages; return its status, not 0 after a warning."""
    command = [sys.executable, "-m", "sphinx", "--jobs", "auto", "--quiet"]
    command += [
        "--builder",
        builder,
        "--fail-on-warning",
        "--keep-going",
        "--doctree-dir",
        str(source / ".doctrees"),
    ]
    command += ["--conf-dir", str(CONFIGURATION), str(source), str(book)]
    paths = [str(BOOK_PACKAGES), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode


def print_pages(book: Path) -> None:
    """Print the pages of `PRINTED` to build/book/pdf/, each to a file of its name."""
    folder = book / "pdf"
    folder.mkdir(exist_ok=True)
    for page in PRINTED:
        html = (book / page.relative_to(ROOT)).with_suffix(".html")
        pdf = folder / f"{page.stem}.pdf"
        browser.headless(html, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")


if __name__ == "__main__":
    sys.exit(main())
