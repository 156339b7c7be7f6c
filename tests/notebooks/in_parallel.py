"""pytest on two notebooks at a time: ``python -m tests.notebooks.in_parallel lessons --nbval-lax ...``.

What only the tests need, pytest-xdist among it, is on this process's path and its workers', and not in
the environment: the kernels that they start run, like a learner's, without it.
"""

import sys

from tools.build_environment import TEST_PACKAGES

sys.path.append(str(TEST_PACKAGES))

import pytest

# A notebook's cells stay together; a kernel may hold 2 GB and keeps more than one core busy.
TWO = ["-n", "2", "--dist=loadfile"]

if __name__ == "__main__":
    sys.exit(pytest.main([*TWO, *sys.argv[1:]]))
