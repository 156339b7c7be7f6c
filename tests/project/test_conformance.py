"""A run of Keras's tests fails when it should, and the list of exclusions is read strictly."""

import xml.etree.ElementTree as ElementTree

import pytest

from tests.conformance import __main__ as command
from tests.conformance import exclusions, suite, verdict
from tests.conformance.exclusions import Exclusion


def results(**outcomes):
    """Results of tests of one file: name of a test -> "passed", "failed" or "skipped"."""
    named = {f"layers/a_test.py::A::{test}": what for test, what in outcomes.items()}
    found = suite.Results(set(named))
    found.outcomes = {name: suite.Outcome(what, 0.1, "why") for name, what in named.items()}
    return found


def excluded(test, run=True):
    return Exclusion(f"layers/a_test.py::A::{test}", "a reason", run)


def test_a_failure_that_is_not_listed_fails_the_run():
    judged = verdict.judge(results(test_a="passed", test_b="failed"), [], True)
    assert judged.failed == ["layers/a_test.py::A::test_b"] and not judged.ok


def test_a_listed_failure_is_excluded():
    judged = verdict.judge(results(test_a="passed", test_b="failed"), [excluded("*_b")], True)
    assert judged.ok and judged.by_test["layers/a_test.py::A::test_b"] == "excluded"


def test_a_row_that_matches_no_test_fails_the_run():
    rows = [excluded("test_gone")]
    judged = verdict.judge(results(test_a="passed"), rows, True)
    assert judged.unmatched == rows and not judged.ok


def test_a_row_of_a_file_that_was_not_run_is_no_fault():
    rows = [Exclusion("ops/b_test.py::B::test_b", "a reason")]
    assert verdict.judge(results(test_a="passed"), rows, complete=False).ok
    assert not verdict.judge(results(test_a="passed"), rows, complete=True).ok


def test_a_row_is_stale_once_all_its_tests_pass():
    rows = [excluded("test_*")]
    assert verdict.judge(results(test_a="passed", test_b="skipped"), rows, True).stale == rows
    assert not verdict.judge(results(test_a="passed", test_b="failed"), rows, True).stale


def test_a_subset_calls_no_row_stale_whose_tests_it_left_out():
    partly = results(test_a="passed")
    partly.collected.add("layers/a_test.py::A::test_b")
    assert not verdict.judge(partly, [excluded("test_*")], True).stale


def test_a_test_that_must_not_run_counts_as_excluded():
    found = results(test_a="passed")
    found.collected.add("layers/a_test.py::A::test_hangs")
    judged = verdict.judge(found, [excluded("test_hangs", run=False)], True)
    assert judged.by_test["layers/a_test.py::A::test_hangs"] == "excluded" and not judged.stale


def test_a_run_of_nothing_is_no_success():
    assert not verdict.judge(suite.Results(), [], True).ok


def test_the_badge_is_the_row_of_totals(tmp_path):
    judged = verdict.judge(results(a="passed", b="failed", c="skipped"), [], True)
    document = tmp_path / "results.md"
    document.write_text(verdict.table(judged.by_test, ["layers"]))
    assert verdict.badge(document) == "1 passed, 1 failed, 1 skipped, 0 excluded"
    document.write_text("nothing")
    with pytest.raises(ValueError, match="no row of totals"):
        verdict.badge(document)


@pytest.mark.parametrize(
    "text",
    [
        '[[excluded]]\ntests = ["a"]',
        '[[excluded]]\nreason = " "\ntests = ["a"]',
        '[[excluded]]\nreason = "why"',
        '[[excluded]]\nreason = "why"\ntests = ["a"]\nskip = true',
        '[[excluded]]\nreason = "why"\ntests = ["a", "a"]',
    ],
    ids=["no reason", "empty reason", "no tests", "unknown key", "listed twice"],
)
def test_a_row_that_is_not_complete_is_refused(tmp_path, text):
    path = tmp_path / "list.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"list\.toml"):
        exclusions.read(path)


def test_only_a_star_stands_for_other_characters():
    matches = exclusions.matcher(["a_test.py::A::test_*_(1, 2)", "b.py"])
    assert matches("a_test.py::A::test_x_(1, 2)")
    assert not matches("a_test.py::A::test_x_(1, 23)")
    assert matches("b.py") and not matches("b_py")


def test_an_earlier_run_is_read_back(tmp_path):
    (tmp_path / "000").mkdir()
    (tmp_path / "000" / "0.log").write_text("Fatal Python error: Aborted\n")
    (tmp_path / "000" / "0.jsonl").write_text(
        '{"event": "collected", "names": ["a_test.py::test_a", "a_test.py::test_b"]}\n'
        '{"event": "start", "name": "a_test.py::test_a"}\n'
    )
    (tmp_path / "000" / "1.log").write_text("")
    (tmp_path / "000" / "1.jsonl").write_text(
        '{"event": "outcome", "name": "a_test.py::test_b", "outcome": "passed", "seconds": 1.0, '
        '"message": ""}\n{"event": "finished"}\n'
    )
    outcomes = suite.read(tmp_path).outcomes
    assert outcomes["a_test.py::test_a"].message.endswith("Fatal Python error: Aborted")
    assert outcomes["a_test.py::test_b"].outcome == "passed"


def test_nothing_but_a_run_of_everything_is_recorded(tmp_path, monkeypatch):
    def run(*_):
        tmp_path.mkdir(exist_ok=True)
        return results(test_a="passed")

    monkeypatch.setattr(suite, "run", run)
    monkeypatch.setattr(command, "RECORDED", tmp_path / "RESULTS.md")
    assert command.main(["regularizers", "--record", f"--output={tmp_path}"]) == 2
    assert not (tmp_path / "RESULTS.md").exists()


@pytest.mark.slow
def test_the_command_runs_tests_and_judges_them(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "keras" / "src" / "layers"
    folder.mkdir(parents=True)
    (folder / "a_test.py").write_text(
        "import os, keras\n"
        "def test_engine(): assert keras.backend.backend() == 'theano'\n"
        "def test_fails(): assert 1 == 2\n"
        "def test_kills(): os._exit(3)\n"
        "def test_after(): pass\n"
    )
    (folder / "b_test.py").write_text("import no_such_package\n")
    monkeypatch.setattr(suite, "keras_source", lambda: tmp_path / "keras" / "src")
    monkeypatch.setattr(exclusions, "read", lambda: [Exclusion("layers/b_test.py", "not there")])
    report = tmp_path / "report.xml"
    options = ["layers", f"--output={tmp_path / 'out'}", f"--junitxml={report}"]
    assert command.main(options) == 1
    printed = capsys.readouterr().out
    assert "layers/a_test.py::test_fails: assert 1 == 2" in printed
    assert "layers/a_test.py::test_kills: killed or hung its process" in printed
    assert "2 tests failed" in printed
    counted = ElementTree.parse(report).getroot()
    assert (counted.get("tests"), counted.get("failures"), counted.get("skipped")) == (
        "5",
        "2",
        "1",
    )
    (folder / "a_test.py").write_text("def test_a(): pass\n")
    assert command.main(options) == 0
