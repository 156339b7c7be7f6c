"""Every committed lesson is tidy, and each rule of tidiness catches what it is there for."""

import copy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.hygiene import BOX_ROWS, MAX_CODE_LINES, MAX_COLUMNS, MAX_WORDS, problems, setup_source
from tools.notebook import lessons

PICTURE = '<img alt="A rising line." src="data:image/png;base64,iVBORw0K/tmp/abc">'


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_lesson_is_tidy(path):
    assert problems(nbformat.read(path, as_version=4), path) == []


def test_there_are_lessons():
    assert lessons()[0].name == "00-start-here.ipynb"


@pytest.fixture
def good():
    """A small notebook that breaks no rule."""
    box = "| **Engine** | Keras on Theano |\n|:---|:---|\n"
    box += "\n".join(f"| **{row}** | words |" for row in BOX_ROWS)
    show = new_output("display_data", {"text/html": PICTURE, "text/plain": "<Figure>"})
    code = [
        (setup_source(), []),
        ("x = 1\nprint(x)", [new_output("stream", name="stdout", text="1\n")]),
        ("fig", [show]),
        ("lesson.finish()", []),
    ]
    cells = [
        new_code_cell(source, execution_count=n, outputs=outputs)
        for n, (source, outputs) in enumerate(code, 1)
    ]
    return new_notebook(cells=[new_markdown_cell("# 42 Title\n\n" + box), *cells])


def found(notebook):
    return "\n".join(problems(notebook, Path("42-none.ipynb")))


def test_good_notebook_has_no_problem(good):
    assert found(good) == ""


def test_error_output(good):
    error = new_output("error", ename="ValueError", evalue="bad shape", traceback=[])
    good.cells[2].outputs = [error]
    assert "committed with an error: ValueError: bad shape" in found(good)


def test_no_outputs(good):
    for cell in good.cells[1:]:
        cell.outputs, cell.execution_count = [], None
    assert "not run" in found(good)


def test_counts_but_no_output(good):
    for cell in good.cells[1:]:
        cell.outputs = []
    assert "no cell has an output" in found(good)


@pytest.mark.parametrize(
    ("source", "output", "stored"),
    [
        ("table(head, rows)", None, False),
        ("rows = []\ntable(\n    head, rows\n)  # shown", None, False),
        ("%matplotlib inline\ntable(head, rows)", None, False),
        ("table(head, rows)", {"text/plain": "<IPython.core.display.Markdown object>"}, False),
        ("table(head, rows)", {"text/html": "<details><pre>It is 1.</pre></details>"}, False),
        ("table(head, rows)", {"text/markdown": "| a | b |\n|:---|---:|\n| 1 | 2 |"}, True),
        ("table(head, rows)", {"text/html": "<details><table></table></details>"}, True),
        ("shown = table(head, rows)", None, True),
        ("table(head, rows)\nx = 1", None, True),
        ("pages.table(head, rows)", None, True),
        ("", None, True),
    ],
)
def test_table_that_is_not_stored(good, source, output, stored):
    outputs = [new_output("display_data", output)] if output else []
    good.cells[2].update(source=source, outputs=outputs)
    assert ("cell 3: its table is not stored" in found(good)) == (not stored)


@pytest.mark.parametrize("counts", [[1, 3, 2, 4], [2, 3, 4, 5], [1, 2, 4, 5], [1, 2, 2, 3]])
def test_counts_out_of_order(good, counts):
    for cell, count in zip(good.cells[1:], counts, strict=True):
        cell.execution_count = count
    assert "in order, from 1" in found(good)


@pytest.mark.parametrize("html", ['<img src="x.png">', '<img alt=" " src="x.png">', "<svg></svg>"])
def test_html_picture_without_alt(good, html):
    good.cells[3].outputs[0].data["text/html"] = html
    assert "cell 4: has a picture without alternative text" in found(good)


def test_plain_png(good):
    good.cells[3].outputs[0].data = {"image/png": "iVBORw0K", "text/plain": "<Figure>"}
    assert "set `fig.alt`" in found(good)


@pytest.mark.parametrize("text", ["![](x.png)", '<img src="x.png">'])
def test_markdown_picture_without_alt(good, text):
    good.cells.insert(1, new_markdown_cell(text))
    assert "cell 2: has a picture without alternative text" in found(good)


@pytest.mark.parametrize("where", ["source", "stream", "html", "markdown"])
@pytest.mark.parametrize(
    "path", ["/" + "root/course/x.npz", "/tmp/x", "/home/ada/x", "C:\\Users\\Ada"]
)
def test_machine_path(good, where, path):
    if where == "source":
        good.cells[2].source = f"open({path!r})"
    elif where == "stream":
        good.cells[2].outputs[0].text = f"saved to {path}\n"
    elif where == "html":
        good.cells[3].outputs[0].data["text/html"] = PICTURE + f"<p>{path}</p>"
    else:
        good.cells[0].source += f"\n\nSee {path}."
    assert "names a path of one machine" in found(good)


def test_path_like_parts_of_links_are_fine(good):
    good.cells[0].source += "\n\nSee https://example.org/home/tmp/x and [it](../work/x.md)."
    assert found(good) == ""


def test_memory_address(good):
    good.cells[2].outputs[0].text = "<function f at 0x7f12ab34cd56>\n"
    assert "memory address" in found(good)


@pytest.mark.parametrize(
    "url", ["http://localhost:8888/lab", "http://127.0.0.1/x", "https://box.internal/x"]
)
def test_private_host(good, url):
    good.cells[0].source += f"\n\n[link]({url})"
    assert "no public host" in found(good)


def test_long_cell(good):
    good.cells[2].source = "\n".join(["x = 1"] * (MAX_CODE_LINES + 1))
    assert "one idea a cell" in found(good)


@pytest.mark.parametrize(("columns", "fine"), [(MAX_COLUMNS, True), (MAX_COLUMNS + 1, False)])
def test_long_line(good, columns, fine):
    good.cells[2].source = f"x = {'1' * (columns - 4)}"
    assert ("columns of code" not in found(good)) == fine


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("x" * MAX_COLUMNS, True),
        ("x" * (MAX_COLUMNS + 1), False),
        ("short\n" * 50, True),
        (f"short\n{'x' * (MAX_COLUMNS + 1)}\nshort", False),
    ],
)
def test_long_print(good, text, fine):
    good.cells[2].outputs = [new_output("stream", name="stdout", text=text)]
    assert ("of which a page shows" not in found(good)) == fine


def test_setup_cell_is_no_wider_than_other_code():
    assert max(map(len, setup_source().splitlines())) <= MAX_COLUMNS


@pytest.mark.parametrize(
    "text", ["It works.\n\n## Next", "# 42 Title\n## Next", "Two.\n\n```\n# x\n```\n### Next"]
)
def test_heading_within_a_cell(good, text):
    good.cells.insert(1, new_markdown_cell(text))
    assert "cell 2: a heading begins a cell: cut before" in found(good)


@pytest.mark.parametrize(
    "text", ["## Next\n\nIt works.", "\n## Next", "See:\n\n```python\n# no heading\n```\n\n#5"]
)
def test_heading_at_the_beginning(good, text):
    good.cells.insert(1, new_markdown_cell(text))
    assert found(good) == ""


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("word " * MAX_WORDS, True),
        ("word " * (MAX_WORDS + 1), False),
        ("word " * MAX_WORDS + "\n\n" + "word " * MAX_WORDS, True),
        ("- " + "word " * 100 + "\n- " + "word " * 100, True),
        ("```\n" + "word " * 200 + "\n```", True),
    ],
)
def test_long_paragraph(good, text, fine):
    good.cells.insert(1, new_markdown_cell(text))
    assert ("cell 2: a paragraph of" not in found(good)) == fine


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("Floats shall have 32 bits.", False),
        ("Keras does it unasked.", False),
        ("It is lesson 02's but for three things.", False),
        ("Zero does for a single layer.", False),
        ("What it does, for a marshall, is not but fortune.", True),
    ],
)
def test_old_words(good, text, fine):
    good.cells.insert(1, new_markdown_cell(text))
    assert ("find a word of today" not in found(good)) == fine


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("A badger is wrong, but not foolish. A badger is wrong, but not foolish.", False),
        ("It is enough, and from there on it rises,\nand from there on it rises, because.", False),
        ("If you can get more pictures, get more pictures.", True),
        ("Rows of numbers: 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0.", True),
    ],
)
def test_the_same_phrase_twice(good, text, fine):
    good.cells.insert(1, new_markdown_cell(text))
    assert ("says twice" not in found(good)) == fine


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('reveal(my_guess, "the neck")', "reveals what was typed, 'the neck'"),
        ('reveal(..., f"{x} times", "the neck")', ""),
        ("reveal(..., x)", ""),
        ("exec(text, names)", "exec(...) is machinery"),
        ("model.eval()", ""),
        ("picture_grid(x, y, inches=1)", "pictures of 1 inches are too small"),
        ("picture_grid(x, y, inches=1.75)", ""),
        ("explore(draw, n_photos=(1, 9))", "a control is called 'n photos'"),
        ("explore(draw, rate=(0, 1), k=(1, 9))", "a control is called 'k'"),
        ("explore(draw, lr=(0, 1))", "a control is called 'lr'"),
        ('explore(draw, labels={"k": "k"}, k=(1, 9))', "a control is called 'k'"),
        ('explore(draw, labels={"k": ""}, k=(1, 9))', "a control is called ''"),
        ("explore(draw, labels=words, k=(1, 9))", "write the labels"),
        ("explore(draw, learning_rate=(0, 1), rows_of_it=(1, 9))", ""),
        ('explore(draw, labels={"w": "weight w"}, w=(0, 1))', ""),
        ("explore(draw, **menus)", ""),
    ],
)
def test_calls(good, source, message):
    good.cells[2].source = source
    assert message in found(good) if message else found(good) == ""


def test_star_import(good):
    good.cells[2].source = "from numpy import *"
    assert "star import from numpy" in found(good)


def test_stderr(good):
    good.cells[2].outputs = [new_output("stream", name="stderr", text="Warning: x\n")]
    assert "stderr" in found(good)


def test_widget_view(good):
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "VBox()"}
    good.cells[2].outputs = [new_output("display_data", view)]
    assert "widget's view" in found(good)


def test_timing_magic(good):
    good.cells[2].source = "%%time\nx = 1"
    assert "%%time" in found(good)


@pytest.mark.parametrize("row", BOX_ROWS)
def test_box_row_missing(good, row):
    good.cells[0].source = good.cells[0].source.replace(f"| **{row}** |", "| other |")
    assert f"the lesson box lacks the row(s) {row}" in found(good)


def test_no_title(good):
    good.cells[0].source = good.cells[0].source.replace("# 42", "42")
    assert "begin with the title" in found(good)


def test_setup_cell_changed(good):
    good.cells[1].source += "\nimport os"
    assert "not the setup cell" in found(good)


def test_no_finish(good):
    good.cells[-1].source = "x"
    assert "lesson.finish()" in found(good)


def test_too_large_file(good, tmp_path):
    large = copy.deepcopy(good)
    path = tmp_path / "42-large.ipynb"
    large.cells[3].outputs[0].data["text/html"] = PICTURE.replace("iVBO", "A" * 4_100_000)
    nbformat.write(large, path)
    assert any("4 MB" in what for what in problems(large, path))
