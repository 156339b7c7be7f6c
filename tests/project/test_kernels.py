"""The measurement of several kernels at once, on small notebooks."""

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from tools import kernels


@pytest.fixture
def small(tmp_path):
    """Writes a notebook of one cell; returns its path."""

    def small(source):
        path = tmp_path / "09-small.ipynb"
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
        return path

    return small


def test_memory_of_all_kernels_and_the_time_of_the_slowest(small):
    path = small("import time\nx = b'1' * 300_000_000\ntime.sleep(2)")
    seconds, one = kernels.at_once(path, 1)
    _, two = kernels.at_once(path, 2)
    assert seconds > 2
    assert 0.3 < one < 0.5
    assert 0.28 < two - one < 0.5


def test_a_lesson_that_fails_is_told(small):
    with pytest.raises(CellExecutionError, match="no such thing"):
        kernels.at_once(small("raise ValueError('no such thing')"), 2)
