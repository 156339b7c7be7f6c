"""Building the learner's environment: whole, once, from the lock, whatever gets in the way."""

import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from types import SimpleNamespace

import pytest
from course_in_small import ROOT, SmallCourse, write_command

from tools import build_environment, installer

with_each_tool = pytest.mark.parametrize("small_course", ["uv", "pip"], indirect=True)


@pytest.mark.slow
@with_each_tool
def test_build_ignores_the_users_settings_and_serves_kernels_anywhere(small_course, tmp_path):
    astray = tmp_path / "astray"
    astray.mkdir()
    (astray / "sitecustomize.py").write_text("raise SystemExit('PYTHONPATH was honoured')")
    settings = {
        "PIP_TARGET": str(astray),
        "PIP_USER": "1",
        "PIP_NO_BINARY": ":all:",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "UV_TARGET": str(astray),
        "UV_SYSTEM_PYTHON": "1",
        "UV_NO_BINARY": "1",
        "UV_PYTHON": "3.9",
    }
    done = small_course.run("build", **settings)
    assert done.returncode == 0, done.stdout
    assert "Building the environment" in done.stdout
    assert "MB to download" in done.stdout
    assert "half a minute besides" in done.stdout
    assert small_course.installed("small") == "1.0"
    assert small_course.log.exists(), "the tool that this course is to be built with"
    code = "import utils; print(utils.__file__)"
    found = subprocess.run(
        [str(small_course.python), "-c", code],
        cwd=tmp_path,
        env=small_course.environment(),
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == str(small_course.root / "utils" / "__init__.py"), found.stderr
    assert small_course.installed("smalltest") is None

    again = small_course.run("build")
    assert (again.returncode, again.stdout) == (0, ""), "a finished environment is left alone"

    done = small_course.run("run", "-c", "import os; print('KERAS_BACKEND' in os.environ)")
    assert done.stdout == "False\n"


@pytest.mark.slow
def test_a_changed_lock_replaces_the_environment(small_course):
    small_course.pin(small="1.0", dropped="1.0")
    assert small_course.run("build").returncode == 0
    assert small_course.installed("dropped") == "1.0"

    small_course.pin(small="2.0")
    done = small_course.run("build")
    assert done.returncode == 0, done.stdout
    assert "out of date" in done.stdout
    assert small_course.installed("small") == "2.0"
    assert small_course.installed("dropped") is None
    assert not (small_course.root / ".venv-previous").exists()


@pytest.mark.slow
@with_each_tool
def test_when_the_new_environment_cannot_be_had_the_old_one_is_kept(small_course):
    assert small_course.run("build").returncode == 0
    small_course.pin(small="2.0")
    (small_course.wheels / "small-2.0-py3-none-any.whl").unlink()
    done = small_course.run("build")
    assert done.returncode == 1
    assert "package index cannot be reached" in done.stdout
    assert "as it was before is back" in done.stdout
    assert "Traceback" not in done.stdout
    assert small_course.installed("small") == "1.0"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the program that stands in is a shell script")
@pytest.mark.parametrize(
    ("says", "status", "helped"),
    [("cannot link files here", 2, True), ("illegal instruction", 132, True), ("Hash mismatch", 1, False)],
)  # fmt: skip
def test_where_uv_fails_pip_goes_on_unless_it_would_fail_too(tmp_path, says, status, helped):
    uv = tmp_path / "uv"
    write_command(
        uv, '[ "$1" = --version ] && echo "uv 0.13.9" && exit', f"echo {says}; exit {status}"
    )
    course = SmallCourse(tmp_path / "a course", tmp_path / "wheels", str(uv))
    done = course.run("build")
    assert ("pip tries now" in done.stdout) == helped
    assert (done.returncode, course.installed("small")) == ((0, "1.0") if helped else (1, None))
    assert "Traceback" not in done.stdout


@pytest.mark.slow
@with_each_tool
def test_a_file_that_is_not_the_locked_one_is_refused(small_course):
    lock = small_course.root / "requirements.lock"
    lock.write_text(lock.read_text().split("sha256:")[0] + "sha256:" + "0" * 64 + "\n")
    done = small_course.run("build")
    assert done.returncode == 1
    assert "is not the one requirements.lock names" in done.stdout
    assert not build_environment.read_stamp(small_course.venv)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX's")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize(
    ("small_course", "when"),
    [("uv", "creating"), ("uv", "installing"), ("pip", "installing")],
    indirect=["small_course"],
)
def test_an_interrupted_build_is_made_whole_by_the_next(small_course, how, when):
    sign = small_course.venv / "pyvenv.cfg"
    if when == "installing":
        sign = small_course.log
    building = small_course.start("build")
    deadline = time.monotonic() + 120
    while not sign.exists():
        assert building.poll() is None, building.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(building.pid, how)
    output, _ = building.communicate(timeout=60)
    assert not build_environment.read_stamp(small_course.venv)
    assert "Traceback (most recent call last)" not in output
    if how == signal.SIGINT:
        assert building.returncode == 130
        assert "Stopped." in output

    done = small_course.run("build")
    assert done.returncode == 0, done.stdout
    assert "left unfinished" in done.stdout
    assert small_course.installed("small") == "1.0"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX's")
def test_two_builds_at_once_make_one_environment(small_course):
    both = [small_course.start("build") for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sum("Building the environment" in output for output in outputs) == 1
    assert sum("waiting for it" in output for output in outputs) == 1
    assert small_course.installed("small") == "1.0"


@pytest.mark.slow
def test_an_environment_whose_python_is_gone_is_rebuilt(small_course):
    assert small_course.run("build").returncode == 0
    small_course.python.unlink()
    done = small_course.run("build")
    assert done.returncode == 0, done.stdout
    assert small_course.installed("small") == "1.0"


@pytest.mark.slow
@with_each_tool
@pytest.mark.parametrize(
    ("command", "script", "name"), [("quick", "run_tests.py", "test"), ("book", "book.py", "book")]
)
def test_packages_for_tests_and_book_stay_out_of_the_environment(
    small_course, command, script, name
):
    folder, package = f".{name}deps", f"small{name}"
    see = f"import sys; sys.path.append({folder!r}); import {package}; print({package}.%s)"
    (small_course.root / "tools" / script).write_text(see % "__file__")
    done = small_course.run(command)
    assert done.returncode == 0, done.stdout
    assert done.stdout.strip().endswith(os.path.join(folder, f"{package}.py"))
    assert small_course.installed(package) is None

    small_course.pin(f"requirements-{name}.lock", **{package: "3.0"})
    assert small_course.run(command).returncode == 0
    assert small_course.run("run", "-c", see % "version").stdout == "3.0\n"

    assert small_course.run("clean").returncode == 0
    assert not small_course.venv.exists()
    assert not (small_course.root / folder).exists()
    assert (small_course.root / "lessons").exists()


@pytest.mark.slow
def test_the_check_names_what_is_wrong_and_runs_until_it_passes(small_course):
    script = small_course.root / "tools" / "check_environment.py"
    script.write_text("print('TensorFlow ... cannot be used.'); raise SystemExit(1)")
    notebook = small_course.root / "lessons" / "00-start-here.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    done = small_course.run("lab")
    assert done.returncode == 1
    assert "not in order: TensorFlow ... cannot be used." in done.stdout
    assert "Opening JupyterLab" not in done.stdout

    script.write_text("import os; print('TensorFlow ...', flush=True); os.abort()")
    done = small_course.run("lab")
    assert done.returncode == 1
    assert "crashed" in done.stdout
    assert "Colab" in done.stdout

    script.write_text("print('all is well')")
    done = small_course.run("lab")
    assert "all is well" in done.stdout
    assert "New in work/, your own copies of the lessons: 00." in done.stdout
    assert f"Opening JupyterLab on {build_environment.START}" in done.stdout
    assert "No module named 'jupyter_server'" in done.stdout, "this course in miniature has none"
    script.write_text("raise SystemExit('checked twice')")
    assert "Opening JupyterLab" in small_course.run("lab").stdout

    notebook.unlink()
    (small_course.root / build_environment.START).unlink()
    done = small_course.run("lab")
    assert done.returncode == 1
    assert "not a whole copy of the course" in done.stdout


@pytest.fixture
def hub(small_course, tmp_path):
    """What repo2docker gives a course after environment.yml: a Python of its own, first on the PATH.

    Returns a function that runs postBuild there with a program in place of the check.
    """
    venv.create(tmp_path / "conda", symlinks=os.name == "posix")
    shutil.copy(ROOT / "postBuild", small_course.root)
    lesson = small_course.root / "lessons" / "00-start-here.ipynb"
    lesson.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')

    def post_build(check):
        (small_course.root / "tools" / "check_environment.py").write_text(check)
        path = os.pathsep.join([str(tmp_path / "conda" / "bin"), os.environ["PATH"]])
        return subprocess.run(
            ["./postBuild"],
            cwd=small_course.root,
            env=small_course.environment(PATH=path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    return post_build


@pytest.mark.skipif(os.name == "nt", reason="images that repo2docker builds run Linux")
def test_post_build_lets_kernels_find_the_course_and_makes_the_copies(small_course, hub, tmp_path):
    done = hub("import sys, utils; print(sys.prefix, utils.__file__)")
    assert done.returncode == 0, done.stderr
    python, course = tmp_path / "conda", small_course.root / "utils" / "__init__.py"
    assert f"{python} {course}" in done.stdout, "the check is run by the image's Python"
    assert not small_course.venv.exists(), "which is used as it is"
    assert (small_course.root / build_environment.START).exists()
    found = subprocess.run(
        [str(python / "bin" / "python"), "-c", "import utils; print(utils.__file__)"],
        cwd=tmp_path,
        env=small_course.environment(),
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == str(course), found.stderr


@pytest.mark.skipif(os.name == "nt", reason="images that repo2docker builds run Linux")
def test_an_image_in_which_something_is_wrong_is_not_built(small_course, hub):
    done = hub("print('NumPy ... cannot be used.'); raise SystemExit(1)")
    assert done.returncode == 1
    assert "not in order: NumPy ... cannot be used." in done.stderr
    assert not (small_course.root / build_environment.START).exists()


def test_a_disk_without_room_is_refused_before_anything_is_touched(monkeypatch):
    usage = SimpleNamespace(free=1.5e9)
    monkeypatch.setattr(build_environment.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(build_environment.Refusal, match=r"Only 1\.5 GB are free"):
        build_environment.make_room()


@pytest.mark.parametrize(
    ("system", "machine", "message"),
    [("darwin", "x86_64", "Intel"), ("darwin", "arm64", None), ("linux", "x86_64", None)],
)
def test_macs_that_tensorflow_left_behind_are_refused(monkeypatch, system, machine, message):
    monkeypatch.setattr(build_environment.sys, "platform", system)
    monkeypatch.setattr(build_environment.platform, "machine", lambda: machine)
    if message is None:
        build_environment.refuse_unsupported_build()
    else:
        with pytest.raises(build_environment.Refusal, match=message):
            build_environment.refuse_unsupported_build()


def test_the_stamp_does_not_depend_on_line_endings(tmp_path):
    unix, windows = tmp_path / "unix", tmp_path / "windows"
    unix.write_bytes(b"a==1\nb==2\n")
    windows.write_bytes(b"a==1\r\nb==2\r\n")
    assert build_environment.digest(unix) == build_environment.digest(windows)
    assert build_environment.digest(unix) != build_environment.digest(tmp_path / __file__)


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("ERROR: [Errno 28] No space left on device", "The disk is full."),
        ("cause: No space left on device (os error 28)", "The disk is full."),
        ("Temporary failure in name resolution", "The package index cannot be reached."),
        ("cause: client error (Connect)", "The package index cannot be reached."),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "PIP_CERT="),
        ("cause: invalid peer certificate: UnknownIssuer", "PIP_CERT="),
        ("cause: Hash mismatch for `small==1.0`", "not the one requirements.lock names"),
        ("something new", "pip could not install the packages."),
    ],
)
def test_failures_of_pip_and_uv_are_explained(log, cause):
    assert cause in installer.explain(log, "pip", build_environment.LOCK)


def test_venv_missing_from_debians_python_is_explained(monkeypatch):
    broken = SimpleNamespace(returncode=1, stdout="ensurepip is not available")
    monkeypatch.setattr(build_environment.subprocess, "run", lambda *a, **k: broken)
    with pytest.raises(build_environment.Refusal, match=r"apt install python3\.\d+-venv"):
        build_environment.create_venv()


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_hands_the_arguments_on(small_course):
    (small_course.root / "tools" / "environment.py").write_text("import sys; print(sys.argv[1:])")
    done = subprocess.run(
        ["make", "lab", f"PYTHON={sys.executable}", "ARGS=--no-browser --port 9000"],
        cwd=small_course.root,
        env=small_course.environment(),
        capture_output=True,
        text=True,
    )
    expected = ["--exact", "lab", "--no-browser", "--port", "9000"]
    # The first line is the question whether this Python is supported.
    assert done.stdout.splitlines()[-1] == str(expected), done.stderr
