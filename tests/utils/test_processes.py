"""utils.processes: programs side by side, and what is said of one that fails."""

import time

import pytest

from utils.processes import run_programs


def test_each_program_gives_its_own_text():
    assert run_programs({"a": "print('é')", "b": "print(2 + 2)"}) == {"a": "é\n", "b": "4\n"}


@pytest.mark.parametrize("name", ["KERAS_BACKEND", "KERAS_THEANO_ENGINE"])
def test_programs_find_the_course_and_no_engine_is_inherited(monkeypatch, name):
    monkeypatch.setenv(name, "tensorflow")
    source = f"import os, utils.lesson; print(os.environ.get('{name}'))"
    assert run_programs({"a": source}) == {"a": "None\n"}


def test_they_run_at_the_same_time():
    started = time.perf_counter()
    run_programs({name: "import time; time.sleep(2)" for name in "abcd"})
    assert time.perf_counter() - started < 6


def test_failure_names_the_program_and_ends_with_its_error():
    with pytest.raises(RuntimeError, match="'bad' failed:\n(.|\n)*ValueError: too cold$"):
        run_programs({"good": "print(1)", "bad": "raise ValueError('too cold')"})


def test_timeout_stops_all_of_them():
    started = time.perf_counter()
    with pytest.raises(RuntimeError, match="'slow' was stopped after 1 s"):
        run_programs({name: "import time; time.sleep(60)" for name in ("slow", "b")}, timeout=1)
    assert time.perf_counter() - started < 10
