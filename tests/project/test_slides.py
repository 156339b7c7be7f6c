"""A lesson's slides have all that the notebook shows, cut into pieces that can be laid out, and fetch nothing."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import hygiene, installer, slides
from utils import workbook

COURSE = hygiene.COURSE_URL + "/blob/main/"
PLACE = workbook.LESSONS / "part1" / "03-convolutions.ipynb"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("# A\n\nfirst\nline\n\nsecond", ["# A", "first\nline", "second"]),
        ("## A\ntext", ["## A", "text"]),
        ("- a\n\n- b\n\ntext", ["- a\n\n- b", "text"]),
        ("| a |\n|---|\n| b |\n\ntext", ["| a |\n|---|\n| b |", "text"]),
        ("```python\na\n\nb\n```\ntext", ["```python\na\n\nb\n```", "text"]),
        ("    code\n\n    more\n\ntext", ["    code\n\n    more", "text"]),
        ("> a\n\ntext", ["> a", "text"]),
        (
            "## A\n\n<details><summary>s</summary>\n\nhidden\n\n</details>",
            ["## A", "<details><summary>s</summary>\n\nhidden\n\n</details>"],
        ),
        ("", []),
    ],
)
def test_a_text_is_cut_where_its_blocks_end(text, pieces):
    assert [piece.strip("\n") for piece in slides.blocks(text)] == pieces


def test_headings_begin_slides_and_outputs_stand_behind_their_code():
    outputs = [new_output("stream", name="stdout", text="one"), new_output("display_data", {"text/plain": "two"})]  # fmt: skip
    lesson = new_notebook(
        cells=[
            new_markdown_cell("# Title\n\nWords."),
            new_code_cell(hygiene.setup_source()),
            new_markdown_cell("### Below"),
            new_code_cell("print(1)", outputs=outputs),
        ]
    )
    before = nbformat.writes(lesson)
    made = slides.as_slides(lesson, PLACE)
    assert nbformat.writes(lesson) == before
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type") for cell in made.cells]
    assert kinds == ["slide", None, "subslide", None, None, None]
    tags = [cell.metadata.get("tags") for cell in made.cells[3:]]
    assert tags == [None, ["belongs"], ["belongs"]]
    assert [cell.outputs for cell in made.cells[3:]] == [[], outputs[:1], outputs[1:]]
    assert len({cell.id for cell in made.cells}) == len(made.cells)


@pytest.mark.parametrize(
    ("link", "led"),
    [
        ("[a](../../data/fashion/README.md)", f"[a]({COURSE}data/fashion/README.md)"),
        ("[a](02-how.ipynb)", f"[a]({COURSE}lessons/part1/02-how.ipynb)"),
        ("[a](../glossary.md#loss)", f"[a]({COURSE}lessons/glossary.md#loss)"),
        ("[a](https://keras.io)", "[a](https://keras.io)"),
        ("[a](#below)", "[a](#below)"),
    ],
)
def test_links_lead_to_the_courses_page(link, led):
    output = new_output("display_data", {"text/markdown": link})
    lesson = new_notebook(cells=[new_markdown_cell(link), new_code_cell("x", outputs=[output])])
    text, _, shown = slides.as_slides(lesson, PLACE).cells
    assert (text.source, shown.outputs[0].data["text/markdown"]) == (led, led)
    assert output.data["text/markdown"] == link


@pytest.mark.parametrize("path", workbook.lessons(), ids=lambda path: path.stem)
def test_nothing_of_a_lesson_is_lost(path):
    lesson = nbformat.read(path, as_version=4)
    made = slides.as_slides(lesson, path)
    texts = "".join("".join(c.source.split()) for c in made.cells if c.cell_type == "markdown")
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            assert "".join(slides._online(cell.source, path).split()) in texts
    shown = [output for cell in made.cells for output in cell.get("outputs", [])]
    assert len(shown) == sum(len(cell.get("outputs", [])) for cell in lesson.cells)


def test_without_a_network_a_sentence_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(installer, "BUILD", tmp_path)
    monkeypatch.setattr(slides, "REVEAL", tmp_path / "reveal")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert slides.main(["03"]) == 1
    assert installer.NO_BUILD in capsys.readouterr().err
    assert not (tmp_path / "reveal" / "version").exists()


def test_an_unknown_lesson_is_said_so(capsys):
    assert slides.main(["99"]) == 1
    assert "There is no lesson '99'" in capsys.readouterr().err
