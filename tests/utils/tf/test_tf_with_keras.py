"""What in utils/tf uses Keras works on Keras on TensorFlow: each file in a process of its own."""

from pathlib import Path

import pytest

from tests.utils.own_process import assert_tests_pass

HERE = Path(__file__).resolve().parent


SLOW = {"with_keras_cost.py": pytest.mark.slow}
FILES = sorted(path.name for path in HERE.glob("with_keras*.py"))


@pytest.mark.parametrize("tests", [pytest.param(n, marks=SLOW.get(n, ())) for n in FILES])
def test_in_its_own_process(tests):
    assert_tests_pass(HERE / tests, KERAS_BACKEND="tensorflow")
