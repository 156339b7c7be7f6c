"""The release check runs what the Makefile has, goes on where it stopped, and passes a commit only as a whole."""

import json
import re
import subprocess
import sys

import pytest
from course_in_small import ROOT

from tools import release_check, run_tests, support_matrix
from tools.release_check import Stage

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.M))


def test_every_stage_is_a_command_of_the_makefile():
    assert len({stage.name for stage in release_check.STAGES}) == len(release_check.STAGES)
    for stage in release_check.STAGES:
        target, *variables = stage.make
        assert target in TARGETS, stage.name
        assert all(word.startswith("ARGS=") for word in variables), stage.name


def test_matrix_wheel_book_links_data_and_ten_runs_are_in_it():
    made = [" ".join(stage.make) for stage in release_check.STAGES]
    for command in (
        "test",
        "conformance",
        "matrix ARGS=bare",
        "matrix ARGS=colab newest",
        "data",
        "conditions",
    ):
        assert made.count(command) == 1, command
    assert {"book ARGS=--pdf", "book ARGS=--links"} < set(made)
    assert made.count("notebooks") == 10
    # ... and what CI runs of the notebooks is what is run ten times.
    (alone,) = run_tests.STAGES["notebooks"]
    assert alone in run_tests.STAGES["test"]


def test_an_upgrade_runs_all_of_it_but_the_ten_runs():
    recipe = re.search(r"^upgrade:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert recipe[1].splitlines() == [
        "\t$(course) run tools/lock.py --upgrade",
        "\t$(course) run tools/release_check.py --upgrade",
        "\t$(course) run tools/lock.py --moved",
    ]
    left_out = [stage.name for stage in release_check.STAGES if stage not in release_check.UPGRADE]
    assert left_out == [f"notebooks-{n}" for n in range(1, 11)]


def test_the_page_for_maintainers_names_every_stage():
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (step,) = re.findall(r"^4\. `make release-check` runs(.*?)^5\.", page, flags=re.M | re.S)
    said = {"conformance": "Keras's own tests", "data": "data packs", "links": "links that lead"}
    for stage in release_check.STAGES:
        name = stage.name.partition("-")[0]
        assert said.get(name, name) in step, name


@pytest.mark.parametrize(("named", "status"), [([], 0), (["newest"], 1)])
def test_an_environment_named_for_a_python_that_is_not_here_has_not_passed(
    monkeypatch, named, status
):
    def build(environment, any_python):
        raise support_matrix.MissingPython(f"Python {environment.python} is not on this machine")

    monkeypatch.setattr(support_matrix, "build", build)
    assert support_matrix.main(named) == status


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A git repository with one file, in which stages are Python programs, not make's targets."""
    for words in (
        ("init", "-q"),
        ("config", "user.email", "a@b.c"),
        ("config", "user.name", "a"),
        ("commit", "-q", "--allow-empty", "-m", "one"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / ".git" / "info" / "exclude").write_text("build/\n")
    monkeypatch.setattr(release_check, "ROOT", tmp_path)
    monkeypatch.setattr(release_check, "FOLDER", tmp_path / "build" / "release-check")
    monkeypatch.setattr(release_check, "command", lambda stage: [sys.executable, "-c", *stage.make])
    return tmp_path


def stages(monkeypatch, **programs):
    listed = [Stage(name, (program,)) for name, program in programs.items()]
    monkeypatch.setattr(release_check, "STAGES", listed)
    monkeypatch.setattr(release_check, "UPGRADE", listed[:-1])


def verdicts(capfd):
    """The verdicts of the table that was printed, and the stages that were run."""
    output = capfd.readouterr().out
    table = output.partition("Release check of")[2]
    found = dict(re.findall(r"^(\w+) +(\w+(?: \w+)*) +\d+ s ", table, flags=re.M))
    return found, re.findall(r"^==== (\w+):", output, flags=re.M)


def test_what_passed_is_not_run_again_until_there_is_another_commit(course, monkeypatch, capfd):
    stages(monkeypatch, one="print('fine')", two="raise SystemExit(3)", three="print('good')")
    assert release_check.main([]) == 1
    found, ran = verdicts(capfd)
    assert found == {"one": "passed", "two": "FAILED", "three": "passed"}
    assert ran == ["one", "two", "three"], "one that fails does not stop the others"
    stages(monkeypatch, one="print('fine')", two="print('mended')", three="print('good')")
    assert release_check.main([]) == 0
    assert verdicts(capfd)[1] == ["two"]
    assert release_check.main([]) == 0
    assert verdicts(capfd)[1] == []
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "two"], cwd=course, check=True)
    assert release_check.main([]) == 0
    assert verdicts(capfd)[1] == ["one", "two", "three"]
    assert release_check.main(["--again"]) == 0
    assert verdicts(capfd)[1] == ["one", "two", "three"]


def test_a_stage_runs_alone(course, monkeypatch, capfd):
    stages(
        monkeypatch,
        one="raise SystemExit(1)",
        two="print('last words')\nprint('make: *** [Makefile:44: book] Error 1')",
    )
    assert release_check.main(["two"]) == 0
    found, ran = verdicts(capfd)
    assert (found, ran) == ({"one": "not run", "two": "passed"}, ["two"])
    assert release_check.main(["two"]) == 0
    assert verdicts(capfd)[1] == ["two"], "asked for by name, it is run again"
    log = (course / "build/release-check/two.log").read_text()
    assert log == "last words\nmake: *** [Makefile:44: book] Error 1\n"
    row = release_check.recorded(release_check.STAGES[1], release_check.state())
    assert row["last"] == "last words"
    with pytest.raises(SystemExit):
        release_check.main(["three"])
    assert "there is no stage three; stages: one, two" in capfd.readouterr().err


def test_an_interrupted_stage_has_not_passed(course, monkeypatch, capfd):
    stages(monkeypatch, one="print('fine')", two="print('fine')")
    assert release_check.main([]) == 0
    monkeypatch.setattr(release_check, "command", lambda stage: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        release_check.main(["two"])
    row = release_check.recorded(release_check.STAGES[1], release_check.state())
    assert row["verdict"] == "not finished"


def test_changes_that_are_not_committed_are_refused(course, monkeypatch, capfd):
    stages(monkeypatch, one="print('fine')")
    (course / "new.txt").write_text("")
    assert release_check.main([]) == 1
    assert "?? new.txt" in capfd.readouterr().out


def test_an_upgrade_is_checked_before_it_is_committed(course, monkeypatch, capfd):
    pins = course / "requirements.lock"
    for words in (["add", "."], ["commit", "-qm", "two"]):
        pins.write_text("a==1\n")
        subprocess.run(["git", *words], cwd=course, check=True)
    pins.write_text("a==2\n")
    stages(monkeypatch, one="print('fine')", two="raise SystemExit(1)", ten="print('fine')")
    assert release_check.main([]) == 1, "which are no release"
    assert "M requirements.lock" in capfd.readouterr().out
    assert release_check.main(["--upgrade"]) == 1
    found, ran = verdicts(capfd)
    assert (found, ran) == ({"one": "passed", "two": "FAILED"}, ["one", "two"])
    stages(monkeypatch, one="print('fine')", two="print('mended')", ten="print('fine')")
    assert release_check.main(["--upgrade"]) == 0
    assert verdicts(capfd)[1] == ["two"]
    pins.write_text("a==3\n")
    stages(monkeypatch, one="print('fine')", two=f"open({str(pins)!r}, 'a').write('b==1')", ten="")
    assert release_check.main(["--upgrade"]) == 1
    found, ran = verdicts(capfd)
    assert (found, ran) == ({"one": "passed", "two": "CHANGED FILES"}, ["one", "two"])


def test_a_stage_that_changes_files_fails(course, monkeypatch, capfd):
    stages(monkeypatch, one="open('new.txt', 'w')")
    assert release_check.main([]) == 1
    assert verdicts(capfd)[0] == {"one": "CHANGED FILES"}
    (row,) = (course / "build" / "release-check").glob("*.json")
    assert json.loads(row.read_text())["last"] == "?? new.txt"
