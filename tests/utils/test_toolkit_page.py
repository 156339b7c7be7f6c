"""utils/README.md shows the whole toolkit: every public name of utils.nets and utils.tf, and no other, and where each is used."""

import ast
import importlib
import re
from pathlib import Path

import nbformat
import pytest

from tools import notebook

COURSE = Path(__file__).resolve().parents[2]
PAGE = (COURSE / "utils" / "README.md").read_text(encoding="utf-8")
LINES_OF_A_SCREEN = 50


@pytest.mark.parametrize("package", ["utils.nets", "utils.tf"])
def test_the_table_has_the_public_names_each_once(package):
    table = PAGE.partition(f"| `{package}` |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = re.findall(r"`(\w+)`", "".join(rows))
    assert sorted(named) == sorted(importlib.import_module(package).__all__)


def test_the_page_fits_on_a_screen():
    assert len(PAGE.splitlines()) <= LINES_OF_A_SCREEN


def test_the_page_is_linked():
    for page in ("README.md", "lessons/AUTHORING.md"):
        assert "utils/README.md)" in (COURSE / page).read_text(encoding="utf-8"), page


def imported():
    """Name -> the lessons whose cells import it from the toolkit, such as 08b, in order."""
    found = {}
    for lesson in notebook.lessons():
        number = lesson.name.partition("-")[0]
        for cell in nbformat.read(lesson, as_version=4).cells:
            if cell.cell_type == "code" and "from utils." in cell.source:
                for node in ast.walk(ast.parse(re.sub("^[%!].*", "", cell.source, flags=re.M))):
                    module = getattr(node, "module", "") or ""  # of an import from it
                    if re.match(r"utils\.(nets|tf)\b", module):
                        for alias in node.names:
                            found.setdefault(alias.name, set()).add(number)
    return found


def test_the_last_column_names_the_lessons_that_import_them():
    everywhere = "all from 08"
    lessons = imported()
    from_08 = [path.name.partition("-")[0] for path in notebook.lessons() if "part2" in str(path)]
    for names, *_, column in re.findall(r"^\| (`\w+`.*?) \|(.*?)\|(.*?)\| (.*?) ?\|$", PAGE, re.M):
        used = set().union(*(lessons.get(name, ()) for name in re.findall(r"`(\w+)`", names)))
        said = from_08 if column == everywhere else column.split(", ") if column else []
        assert said == sorted(used), names
