"""utils/README.md shows the whole toolkit: every public name of utils.nets and utils.tf, and no other."""

import importlib
import re
from pathlib import Path

import pytest

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
