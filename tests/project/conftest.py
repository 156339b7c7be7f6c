"""What the tests of the project's tools share."""

import pytest
from course_in_small import SmallCourse


@pytest.fixture
def small_course(tmp_path):
    """A small course in a folder whose name has a space and a letter outside ASCII."""
    folder = tmp_path / "mon cours d'été"
    folder.mkdir()
    return SmallCourse(folder, tmp_path / "wheels")
