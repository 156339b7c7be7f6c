"""What a lesson's text states in figures is held by a cell, an output or a source; the few others have a reason."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import guesses, hygiene, prose_figures
from utils.workbook import LESSONS, lessons, number_of

NOWHERE = LESSONS / "part1" / "42-none.ipynb"
RUN = "accuracy 0.917, 45 of 49 right\n27.4 s, then 1.13 ms a step; 79,510 weights, (64,784)"


def found(text, *, code="", outputs=()):
    """What the check lists for a notebook of one text and one code cell."""
    notebook = new_notebook(
        cells=[new_markdown_cell(text), new_code_cell(code, outputs=list(outputs))]
    )
    return [figure for _, figure in prose_figures.unvouched(notebook, NOWHERE)]


def stream(text):
    return new_output("stream", name="stdout", text=text)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        # as it is printed, or rounded
        ("It reads 0.917 of them, or 0.92, or 92 %, 92 percent, 92 of 100.", []),
        ("About 90 % are right, nearly 0.9, and 45 of 49 in the test.", []),
        ("It has 79,510 weights, about 80,000, for 64 pictures of 784 pixels.", []),
        ("It takes 27 s to the first step, 27.4 seconds, and 1.1 ms for the others.", []),
        # not what is printed
        ("It reads 0.91 of them, or 93 %; 46 of 49.", ["0.91", "93 %", "46"]),
        ("It has 79,511 weights, 79.6 thousand.", ["79,511", "79.6 thousand"]),
        ("About 80 % are right.", ["About 80 %"]),
        # to one digit nearly anything rounds
        ("A share of 0.9, and 1 ms.", ["0.9", "1 ms"]),
        # seconds and bytes want their unit there, and no other beside the number
        ("In 27 ms, 784 MB, 45 minutes.", ["27 ms", "784 MB"]),
    ],
)
def test_a_figure_that_the_lesson_prints(text, missing):
    assert found(text, outputs=[stream(RUN)]) == missing


@pytest.mark.parametrize(
    "text",
    [
        "Lessons 13 and 14, sections 15 to 19, exercise 8.1 and Exercise 16.2, Part 2.",
        "Since 1998, and in 2017. TensorFlow 2.16, Keras 2.3.1 and Python 3.11 to 3.13; CC BY-SA 3.0.",
        "The 10 scores of 3 x 3 filters, twelve times, a hundred, 1 or 10.",
        "VGG16, float32, GPL-2, 64 bits, a 32-bit number, 10⁻⁹, w².",
        "Call `f(0.37)`, or $0.37 x$, or $$x^{37}$$ or\n\n```python\nx = 0.37\n```",
        "See [here](page.html?x=0.37), <kbd>Q</kbd>.",
        "## 37. A heading",
        "| **Time to run** | 90 s on 2 CPU cores |\n| **Memory** | 1.2 GB |",
        "| 13 Attention | 14 Segmentation |",
        "A layer of 28 × 28 + 10 = 794 numbers is what 28 = 28 is.",
    ],
)
def test_no_figure(text):
    assert found(text, code="28") == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("It was 0.37 (Krizhevsky et al. 2012).", []),
        ("It was 0.37, as [they say](https://example.org/x).", []),
        ("It was 0.37; see [Colab](https://colab.research.google.com/x).", ["0.37"]),
        ("It was 0.37.\n\nSee [them](https://example.org/x).", ["0.37"]),
        ("- It was 0.37.\n- See [them](https://example.org/x).", ["0.37"]),
        ("SqueezeNet has 118 breeds ([card](../../data/squeezenet/README.md)).", []),
        ("SqueezeNet has 119 breeds ([card](../../data/squeezenet/README.md)).", ["119"]),
        ("It has 118 breeds ([word](../glossary.md#loss)).", ["118"]),
        ("28 × 28 = 785", ["785"]),
    ],
)
def test_a_cited_source(text, missing):
    assert found(text, code="28") == missing


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("rate = 0.37  # 0.368", None),
        ("x", new_output("execute_result", {"text/plain": "0.3712"})),
        ("x", new_output("display_data", {"text/html": '<img alt="It falls to 0.37." src="x">'})),
        ("x", new_output("display_data", {"text/html": "<td>0.3699</td>"})),
        ("x", new_output("display_data", {"text/html": "<svg><text>37%</text></svg>"})),
        ("x", new_output("display_data", {"text/markdown": "| here | 37 % |"})),
        ("x", guesses.fold([stream("0.37 it is")])[0]),
    ],
)
def test_where_a_figure_may_stand(code, output):
    assert found("It is 0.37.", code=code, outputs=[output] if output else []) == []


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("fig", {"text/html": '<img alt="A line." width="537" src="data:;base64,+537+">'}),
        ("fig", {"text/html": "<style>a{top:537px}</style><p>A line.</p>"}),
        ("fig", {"text/html": "<p>A line.</p>", "text/plain": "<Figure size 537x400>"}),
        ("x", {"text/plain": "537.1.2, x537, 1,537"}),
        ("lesson.finish()", {"text/plain": "537 s, at most 0.5 GB of memory."}),
    ],
)
def test_where_a_figure_may_not_stand(code, output):
    output = new_output("display_data", output)
    assert found("537", code=code, outputs=[output]) == ["537"]


def test_an_exercise_is_vouched_for_by_its_solution():
    lesson = next(path for path in lessons() if number_of(path) == "08b")
    notebook = new_notebook(cells=[new_markdown_cell("**Exercise 8b.3.** For 20,000 points?")])
    assert prose_figures.unvouched(notebook, lesson) == []
    notebook.cells[0].source = "For 20,000 points?"
    assert prose_figures.unvouched(notebook, lesson) == [(1, "20,000")]


def test_allowances(monkeypatch, tmp_path):
    allowed = tmp_path / "allowed.toml"
    allowed.write_text('[[figure]]\nlesson = "42"\nsays = "took 37 s"\nwhy = "history"\n')
    monkeypatch.setattr(prose_figures, "ALLOWED", allowed)
    assert found("It *took* 37 s.") == []
    assert found("It took 38 s. It lasted 37 s.") == ["38 s", "37 s"]
    notebook = new_notebook(cells=[new_markdown_cell("It took 37 s.")])
    assert prose_figures.stale(notebook, NOWHERE) == []
    notebook.cells.append(new_code_cell("x", outputs=[stream("37 s")]))
    assert prose_figures.stale(notebook, NOWHERE) == ["took 37 s"]
    assert prose_figures.unvouched(notebook, Path("43-other.ipynb")) == []


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_no_allowance_is_stale(path):
    assert prose_figures.stale(nbformat.read(path, as_version=4), path) == []


def test_allowances_are_for_a_lesson_and_have_a_reason():
    entries = prose_figures.allowances()
    assert {entry["lesson"] for entry in entries} <= {number_of(path) for path in lessons()}
    assert all(set(entry) == {"lesson", "says", "why"} and entry["why"] for entry in entries)


def test_hygiene_lists_it():
    notebook = new_notebook(cells=[new_markdown_cell("# 42\n\nIt is 0.37.")])
    assert any("cell 1: says '0.37', which" in what for what in hygiene.problems(notebook, NOWHERE))
