"""The test command fails when any stage fails, and ends with a summary that counts every test."""

import subprocess
import sys

import pytest
from course_in_small import ROOT

from tools import browser, run_tests


def test_no_package_of_that_name_hides_the_tests(tmp_path):
    # IPython 7 appends the folder of its extensions to the path, and in it is a package called tests.
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").touch()
    code = f"import sys; sys.path.append({str(tmp_path)!r}); import tests.notebooks.budget"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.fixture
def stages(tmp_path, monkeypatch):
    """Make ``make test`` run two pytest files in tmp_path and one command that fails."""
    (tmp_path / "test_one.py").write_text(
        "import os, pytest\n"
        "def test_a(): assert '.testdeps' in os.environ['PYTHONPATH']\n"
        "@pytest.mark.skip(reason='why')\n"
        "def test_b(): pass\n"
    )
    (tmp_path / "test_two.py").write_text(
        "import os\n"
        "def test_a(): assert 'PYTHONPATH' not in os.environ\n"
        "def test_b(): assert False\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    monkeypatch.setattr(run_tests, "REPORTS", tmp_path / "reports")
    one = run_tests.Stage("one", ["pytest", "test_one.py"], test_packages=True)
    two = run_tests.Stage("two", ["pytest", "test_two.py"])
    style = run_tests.Stage("style", ["no_such_module"])
    monkeypatch.setattr(run_tests, "STAGES", {"test": [style, two, one], "quick": [one]})


def test_all_stages_run_and_one_failure_fails_the_whole(stages, capfd):
    assert run_tests.main(["test"]) == 1
    output = capfd.readouterr().out.splitlines()
    assert output[-2] == "Failed: style, two"
    assert output[-1].startswith("==== 1 failed, 2 passed, 1 skipped in ")
    assert any(line.startswith("one ") and "passed" in line for line in output)


def test_success_is_0(stages, capfd):
    assert run_tests.main(["quick"]) == 0
    assert capfd.readouterr().out.splitlines()[-1].startswith("==== 1 passed, 1 skipped in ")


def test_a_stage_gets_the_engine_it_names_and_no_setting_of_the_developers(
    stages, tmp_path, monkeypatch, capfd
):
    (tmp_path / "test_four.py").write_text(
        "import os\n"
        "def test_a():\n"
        "    assert os.environ.get('KERAS_THEANO_ENGINE') == 'tensorflow'\n"
        "    assert 'THINKING_IN_KERAS_FULL' not in os.environ\n"
        "    assert 'PYTHONDONTWRITEBYTECODE' not in os.environ\n"
        "def test_b(): assert 'KERAS_THEANO_ENGINE' not in os.environ\n"
    )
    monkeypatch.setenv("KERAS_THEANO_ENGINE", "jax")
    monkeypatch.setenv("THINKING_IN_KERAS_FULL", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    command = ["pytest", "test_four.py", "-k"]
    one = run_tests.Stage("one", [*command, "test_a"], engine="tensorflow")
    monkeypatch.setattr(
        run_tests, "STAGES", {"test": [one, run_tests.Stage("b", [*command, "test_b"])]}
    )
    assert run_tests.main(["test"]) == 0, capfd.readouterr().out


def test_a_pytest_that_found_nothing_or_died_fails(stages, tmp_path):
    (tmp_path / "test_one.py").write_text("")
    assert run_tests.main(["quick"]) == 1
    (tmp_path / "test_one.py").write_text("import os; os._exit(0)")
    assert run_tests.read_report(tmp_path / "none.xml")["errors"] == 1
    assert run_tests.main(["quick"]) == 1, "an early exit with status 0 is no success"


def test_a_stage_that_hangs_fails(stages, tmp_path, monkeypatch, capfd):
    (tmp_path / "test_slow.py").write_text("import time\ndef test_a(): time.sleep(600)\n")
    slow = run_tests.Stage("slow", ["pytest", "test_slow.py"], silent_minutes=0.1)
    monkeypatch.setattr(run_tests, "STAGES", {"test": [slow]})
    assert run_tests.main(["test"]) == 1
    assert "slow printed nothing for 0.1 minutes" in capfd.readouterr().out


def test_a_stage_that_is_slow_does_not_hang(stages, tmp_path, monkeypatch):
    (tmp_path / "slow.py").write_text("import time\nfor _ in range(12): print(1); time.sleep(1)")
    slow = run_tests.Stage("slow", ["slow"], silent_minutes=0.1)
    monkeypatch.setattr(run_tests, "STAGES", {"test": [slow]})
    assert run_tests.main(["test"]) == 0, "12 seconds in all, but 6 never passed in silence"


def test_some_unit_tests_can_be_chosen(stages, tmp_path, monkeypatch, capfd):
    (tmp_path / "test_three.py").write_text("def test_a(): pass\ndef test_b(): pass\n")
    unit = run_tests.Stage("unit", ["pytest", "."], test_packages=True, unit=True)
    style = run_tests.Stage("style", ["platform"])
    monkeypatch.setattr(run_tests, "STAGES", {"quick": [style, unit]})
    assert run_tests.main(["quick", "test_three.py", "-k", "b"]) == 0
    output = capfd.readouterr().out
    assert "== style: python -m platform" in output
    assert output.splitlines()[-1].startswith("==== 1 passed in ")


def test_without_a_browser_one_line_says_so_before_anything_runs(stages, monkeypatch, capfd):
    stage = run_tests.Stage("browser", ["pytest", "test_one.py"], browser=True)
    monkeypatch.setattr(run_tests, "STAGES", {"test": [stage]})
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser, "PLACES", [])
    assert run_tests.main(["test"]) == 1
    (line,) = capfd.readouterr().out.splitlines()
    assert "apt install chromium" in line


def test_the_report_of_the_conformance_stage_is_counted(stages, tmp_path, monkeypatch, capfd):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").touch()
    (tmp_path / "tests" / "conformance.py").write_text(
        "import pathlib, sys\n"
        "(report,) = [a.partition('=')[2] for a in sys.argv if a.startswith('--junitxml=')]\n"
        'pathlib.Path(report).write_text(\'<testsuite tests="5" failures="1" skipped="2"/>\')\n'
    )
    stage = run_tests.Stage("conformance", run_tests.CONFORMANCE)
    monkeypatch.setattr(run_tests, "STAGES", {"test": [stage]})
    run_tests.main(["test"])
    assert capfd.readouterr().out.splitlines()[-1].startswith("==== 1 failed, 2 passed, 2 skipped")


def test_what_ci_runs_covers_every_kind_of_test():
    commands = [" ".join(stage.command) for stage in run_tests.STAGES["test"]]
    for word in (
        "ruff check",
        "ruff format --check",
        "tests",
        "lessons",
        "tests/browser",
    ):
        assert any(word in command for command in commands)
    notebooks = [stage for stage in run_tests.STAGES["test"] if "lessons" in stage.command]
    assert not any(stage.test_packages for stage in notebooks), "kernels must not see JAX"
    engines = [stage.engine for stage in run_tests.STAGES["test"] if "--nbval-lax" in stage.command]
    assert engines == ["", "tensorflow"]
    units = {
        name: [stage.name for stage in stages if stage.unit]
        for name, stages in run_tests.STAGES.items()
    }
    assert units == {"test": ["unit tests"], "quick": ["unit tests"], "notebooks": []}
