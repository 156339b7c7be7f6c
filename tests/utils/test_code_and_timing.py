"""Code is counted as a reader would, edited as in an editor, and times are medians, taken in turns."""

import inspect
import time
import traceback

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from utils import code, timing


def by_hand(x, y):
    """Words that do not count."""
    z = np.maximum(x, 0)  # nor do these
    for row in y:
        z = z + row.sum()
        if z.sum() > 0:
            return z
    return [n for n in z]


def test_size_counts_statements_and_foreign_names():
    found = code.size(by_hand)
    assert found.statements == 6
    assert found.names == ("maximum", "np", "sum")


def test_size_needs_source():
    with pytest.raises(TypeError):
        code.size(len)


total = 100  # of the same name as what `add_up` makes, as happens in a notebook


def add_up(numbers):
    total = 0
    doubled = [2 * number for number in numbers]
    print(np.size(doubled))
    for number in doubled:
        total = total + number
    return total


def test_edited_function_and_lines_touched():
    thrice, lines = code.edited(add_up, [("2 *", "3 *"), ("total + number", "total + number + 1")])
    assert (thrice([1, 2]), lines) == (11, 2)
    assert add_up([1, 2]) == 6, "the function itself is not changed"
    same, lines = code.edited(add_up, [])
    assert (same([1, 2]), lines) == (6, 0)


def test_edit_of_what_is_not_there():
    with pytest.raises(ValueError, match="add_up has no 'minus'"):
        code.edited(add_up, [("2 *", "3 *"), ("minus", "plus")])


def test_omissions(capsys):
    def outcome(function):
        try:
            return function([1, 2])
        except NameError as error:  # UnboundLocalError too
            return type(error).__name__

    found = {statement: outcome(without) for statement, without in code.omissions(add_up)}
    assert found == {
        "total = 0": "UnboundLocalError",
        "doubled = [2 * number for number in numbers]": "NameError",
        "print(np.size(doubled))": 6,
        "total = total + number": 0,
    }


def count_down():
    total = 3
    return total


def test_what_is_left_out_is_not_found_around_the_function():
    ((_, without),) = code.omissions(count_down)
    with pytest.raises(NameError):
        without()


def test_milliseconds_is_the_median():
    pauses = iter([0.2, 0.01, 0.02, 0.02, 0.03])
    assert 20 <= timing.milliseconds(lambda: time.sleep(next(pauses))) < 100
    assert 0 <= timing.milliseconds(lambda: None, rounds=1) < 10


def test_race_takes_turns_and_leaves_the_first_round_out():
    turns = []

    def runner(name, first):
        def run():
            time.sleep(first if name not in turns else 0.001)
            turns.append(name)

        return run

    times = timing.race({"a": runner("a", 0.3), "b": runner("b", 0.0)}, rounds=3)
    assert "".join(turns) == "abababab"
    assert times.keys() == {"a", "b"} and 1 <= times["a"] < 100


def test_tagged_cells_of_a_notebook_run_in_order(tmp_path):
    cells = [new_code_cell(source) for source in ("n = 1", "n = 10", "n = n + 1\ndouble = 2 * n")]
    cells[0].metadata.tags = cells[2].metadata.tags = ["train"]
    cells.append(new_markdown_cell("n = 5", metadata={"tags": ["train"]}))
    path = tmp_path / "99-small.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    made = code.run_cells(path, "train")
    assert (made["n"], made["double"]) == (2, 4)
    with pytest.raises(ValueError, match="99-small.ipynb has no code cell with the tag 'test'"):
        code.run_cells(path, "test")


def test_the_source_of_what_tagged_cells_make_can_be_read(tmp_path):
    source = "n = 1\n\n\ndef broken(x):\n    return x / 0  # here"
    cell = new_code_cell(source, metadata={"tags": ["train"]})
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "99-small.ipynb")
    broken = code.run_cells(tmp_path / "99-small.ipynb", "train")["broken"]
    assert inspect.getsource(broken) == "def broken(x):\n    return x / 0  # here"
    with pytest.raises(ZeroDivisionError) as error:
        broken(1)
    assert "return x / 0  # here" in "".join(traceback.format_exception(error.value))
