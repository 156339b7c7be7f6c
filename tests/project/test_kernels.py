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


WORK = """
import time
x = b'1' * 300_000_000
while time.process_time() < 3:
    pass
time.sleep(2)
"""


def test_memory_and_processor_seconds_of_all_kernels_and_the_time_of_the_slowest(small, capfd):
    path = small(WORK)
    seconds, processor, one = kernels.at_once(path, 1)
    _, both, two = kernels.at_once(path, 2)
    assert capfd.readouterr() == ("", ""), "nothing comes between the rows of the table"
    assert seconds > 5
    assert 2.9 <= processor < 4  # the system counts in hundredths, and not quite from the start
    assert 5.8 <= both < 8
    assert 0.3 < one < 0.5
    assert 0.28 < two - one < 0.5


def test_a_lesson_that_fails_is_told(small):
    with pytest.raises(CellExecutionError, match="no such thing"):
        kernels.at_once(small("raise ValueError('no such thing')"), 2)


def test_a_lesson_that_is_not_there_is_told_in_one_line(capsys):
    assert kernels.main(["99"]) == 1
    assert capsys.readouterr().err.startswith("There is no lesson '99'.")
