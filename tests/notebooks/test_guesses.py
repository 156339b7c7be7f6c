"""tools.guesses: which outputs answer a guess, and that they are folded away, whole, in a saved lesson."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tools import guesses, hygiene
from tools.notebook import lessons, tidy
from utils.lesson import read_checkpoints

LINE = "✔ Checkpoint accuracy: 0.9184 (expected 0.9 to 0.96)\n"
PICTURE = '<img alt="A rising line." src="data:image/png;base64,iVBORw0K">'


def cells(*sources):
    return [new_code_cell(source) for source in sources]


@pytest.mark.parametrize(
    ("sources", "answers", "unasked"),
    [
        (["a = ...", "reveal(a, 1)"], {1}, []),
        (["a = ...  # of 8", "print(run())", "reveal(a, 1)", "print(2)"], {1, 2}, []),
        (["a = ...\nb = ...", "reveal(a, 1)\nreveal(b, 2)"], {1}, []),
        (["a = ...", "reveal(\n    a,\n    1,\n)"], {1}, []),
        (["a = ...", "reveal(a, 1)", "x", "a = ...", "reveal(a, 2)"], {1, 4}, []),
        (["a = ...", "x", "reveal(a, 1)", "reveal(a, 2)"], {1, 2, 3}, []),
        (["x", "reveal(a, 1)"], set(), ["a"]),
        (["n = ...", 'check("1.1", n)'], set(), []),
        (["def f():\n    a = ...", "reveal(a, 1)"], set(), ["a"]),
    ],
)
def test_what_answers_a_guess(sources, answers, unasked):
    assert guesses.answering(cells(*sources)) == (answers, unasked)


def test_text_between_is_left_alone():
    page = [*cells("a = ..."), new_markdown_cell("We run it."), *cells("reveal(a, 1)")]
    assert guesses.answering(page)[0] == {2}


@pytest.mark.parametrize(
    ("output", "seen"),
    [
        (new_output("stream", name="stdout", text="a < b & c\n"), "<pre>a &lt; b &amp; c\n</pre>"),
        (new_output("display_data", {"text/html": PICTURE, "text/plain": "<Figure>"}), PICTURE),
        (new_output("display_data", {"text/markdown": "| a |\n|--|\n| 7 |"}), "<td>7</td>"),
        (new_output("execute_result", {"text/plain": "{1, 2}"}, execution_count=1), "{1, 2}"),
    ],
)
def test_every_kind_of_output_is_folded_whole(output, seen):
    (folded,) = guesses.fold([output])
    page = folded.data["text/html"]
    assert page.startswith("<details") and page.endswith("</details>")
    assert page.count("<details") == 1 and seen in page.partition("</summary>")[2]
    assert folded.data["text/plain"] == guesses.PLAIN
    assert guesses.is_folded([folded]) and not guesses.is_folded([output])
    assert guesses.fold([folded]) == [folded]


def test_an_error_is_not_folded_away():
    outputs = [
        new_output("stream", name="stdout", text="x"),
        new_output("error", ename="E", evalue="e", traceback=[]),
    ]
    assert guesses.fold(outputs) == outputs


def test_checkpoints_are_read_from_what_is_folded_away():
    text = "You wrote down no guess. What came out: <b>45 & 3</b>.\n" + LINE
    outputs = [new_output("stream", name="stdout", text=text)]
    assert guesses.printed(guesses.fold(outputs)) == guesses.printed(outputs) == text
    assert [one.value for one in read_checkpoints(guesses.printed(guesses.fold(outputs)))] == [
        0.9184
    ]


def guessing_notebook(tags=()):
    page = cells("a = ...", "run()", "reveal(a, 1)", "after()")
    for cell in page[1:]:
        cell.outputs = [new_output("stream", name="stdout", text="45 of 49\n")]
        cell.metadata["tags"] = list(tags)
    return nbformat.v4.new_notebook(cells=page)


def test_tidy_folds_what_answers_a_guess_and_nothing_else():
    page = tidy(guessing_notebook()).cells
    assert [guesses.is_folded(cell.outputs) for cell in page[1:]] == [True, True, False]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda page: page.cells[0].update(source="x = 1"), "no cell before it says `a = ...`"),
        (
            lambda page: page.cells[1].update(
                outputs=[new_output("stream", name="stdout", text="45\n")]
            ),
            "cell 2: shows what came out before a guess is made",
        ),
        (
            lambda page: page.cells[2].outputs[0].data.update({"text/plain": "45"}),
            "cell 3: shows what came out before a guess is made",
        ),
        (
            lambda page: page.cells[2].metadata.update(tags=["nbval-check-output"]),
            "cell 3: what is folded away cannot be compared",
        ),
    ],
)
def test_hygiene_finds_a_guess_that_is_answered(tmp_path, spoil, problem):
    page = tidy(guessing_notebook())
    assert not [what for what in hygiene.problems(page, tmp_path / "x.ipynb") if "guess" in what]
    spoil(page)
    assert problem in "\n".join(hygiene.problems(page, tmp_path / "x.ipynb"))


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_no_stored_output_of_a_lesson_answers_a_guess(path):
    page = nbformat.read(path, as_version=4).cells
    answers, unasked = guesses.answering(page)
    assert not unasked
    assert [n for n in answers if not guesses.is_folded(page[n].outputs)] == []
