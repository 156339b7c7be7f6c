"""What the tests of the project's tools share."""

import sys

import pytest
from course_in_small import SmallCourse

from tools import installer


@pytest.fixture(scope="session")
def uv():
    """The path of a uv, as the set-up finds it."""
    return installer.find_uv(sys.executable) or pytest.skip("uv cannot be had here")


@pytest.fixture
def small_course(request, tmp_path):
    """A small course in a folder whose name has a space and a letter outside ASCII.

    It is built with uv; with the parameter "pip" there is none.
    """
    folder = tmp_path / "mon cours d'été"
    folder.mkdir()
    tool = getattr(request, "param", "uv")
    uv = request.getfixturevalue("uv") if tool == "uv" else None
    return SmallCourse(folder, tmp_path / "wheels", uv)
