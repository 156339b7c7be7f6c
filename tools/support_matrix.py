"""Runs the course where others run it: ``python tools/support_matrix.py [environment ...]``.

Builds an environment for each column of the support matrix, in build/support-matrix/, and runs the
unit tests of `keras_theano` and `utils` and the lessons in it:

    colab    Python 3.13 with the versions that Google Colab has, constraints-colab.txt
    newest   Python 3.12 with requirements.lock
    bare     Python 3.12 with the package keras_theano and what that asks for, and without the course:
             no TensorFlow, JAX or torch

In the first two, lesson 00 and Part 1 also run on Keras on TensorFlow and on JAX, and on Theano's
mode jax: with the environment variable that asks for it, and no change of a notebook.

``--quick`` runs "bare" and "colab", and in that the tests most likely to fail with
other versions, and the first lessons. An environment is kept, and built anew when what it is built
from has changed. A Python that is not on this machine (it is looked for on the PATH, then under
pyenv) is said: its environment is left out, which fails where it was asked for by name, or with
``--quick`` built with the Python running this.
"""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import build_environment, installer, notebook, wheel  # noqa: E402

FOLDER = ROOT / "build" / "support-matrix"
COLAB = ROOT / "tools" / "constraints-colab.txt"
LOCK, TEST_LOCK = build_environment.LOCK, build_environment.TEST_LOCK
LESSONS = [str(path.relative_to(ROOT)) for path in notebook.own_kernels()]

QUIET = ("-q", "-p", "no:cacheprovider", "--durations=5", "--durations-min=10")
UNIT = ("-m", "pytest", "tests/keras_theano", "tests/utils", "-m", "not slow", *QUIET)
NBVAL = ("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600")
NOTEBOOKS = ("-m", "pytest", *LESSONS, *NBVAL, *QUIET)
PART_1 = ("-m", "pytest", *(name for name in LESSONS if "part2" not in name), *NBVAL, *QUIET)
# What touches PyTensor's and Keras's insides, and so depends on their versions.
QUICK_UNIT = (
    "-m",
    "pytest",
    *(
        f"tests/keras_theano/test_{name}.py"
        for name in ("engine", "core", "rnn", "fuse_updates", "pytensor_ops_vm", "user_errors")
    ),
    "tests/keras_theano/test_seeing.py",
    "-m",
    "not slow",
    *QUIET,
)
QUICK_NOTEBOOKS = ("-m", "pytest", *LESSONS[:3], *NBVAL, *QUIET)
# No test framework here: what is shown is that nothing but these packages is needed.
ALONE = (str(ROOT / "tests" / "keras_theano" / "train_alone.py"),)


class MissingPython(Exception):
    """There is no such Python on this machine."""


@dataclass(frozen=True)
class Check:
    """One thing that is run in an environment: arguments for its Python, and settings."""

    title: str
    command: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    #: Whether the course is there, or only what is installed.
    course: bool = True


@dataclass(frozen=True)
class Environment:
    """One column of the matrix."""

    name: str
    python: str
    #: What pip (or uv) is asked to install, and the files that change it.
    install: tuple[str, ...]
    built_from: tuple[Path, ...]
    #: What is run in it, and what for ``--quick``.
    checks: tuple[Check, ...]
    quick: tuple[Check, ...] = ()


WHOLE = (
    Check("unit tests", UNIT),
    Check("lessons", NOTEBOOKS),
    Check("Part 1 on TensorFlow", PART_1, (("KERAS_THEANO_ENGINE", "tensorflow"),)),
    Check("Part 1 on JAX", PART_1, (("KERAS_THEANO_ENGINE", "jax"),)),
    Check("Part 1 on Theano's mode jax", PART_1, (("KERAS_THEANO_MODE", "jax"),)),
)
ALONE_CHECKS = (Check("training without another engine", ALONE, course=False),)
ENVIRONMENTS = {
    one.name: one
    for one in (
        Environment(
            "colab",
            "3.13",
            ("-r", str(ROOT / "pyproject.toml"), "jax", "-c", str(COLAB)),
            (ROOT / "pyproject.toml", COLAB),
            WHOLE,
            (Check("some unit tests", QUICK_UNIT), Check("lessons 00 to 02", QUICK_NOTEBOOKS)),
        ),
        Environment(
            "newest",
            "3.12",
            ("-r", str(LOCK), "-r", str(TEST_LOCK)),
            (LOCK, TEST_LOCK),
            WHOLE,
        ),
        Environment(
            "bare",
            "3.12",
            ("{wheel}", "-c", "{pins}"),
            (LOCK, wheel.ENGINE / "pyproject.toml", *sorted(wheel.ENGINE.glob("**/*.py"))),
            ALONE_CHECKS,
            ALONE_CHECKS,
        ),
    )
}


def main(arguments=None):
    """Build and check the environments named; return 0 if all that could run passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("environment", nargs="*", help=f"of {', '.join(ENVIRONMENTS)}; default all")
    parser.add_argument("--quick", action="store_true", help="the quick selection")
    parser.add_argument("--build-only", action="store_true", help="run nothing in them")
    parser.add_argument("--keep-going", action="store_true", help="no limit of five failed tests")
    options = parser.parse_args(arguments)
    unknown = set(options.environment) - set(ENVIRONMENTS)
    if unknown:
        parser.error(f"there is no environment {', '.join(sorted(unknown))}")
    rows = []
    quick = [name for name, environment in ENVIRONMENTS.items() if environment.quick]
    for name in options.environment or (quick if options.quick else ENVIRONMENTS):
        environment = ENVIRONMENTS[name]
        try:
            started = time.monotonic()
            python = build(environment, any_python=options.quick)
        except MissingPython as missing:
            rows.append((name, "build", "skipped", 0.0, str(missing)))
            continue
        except subprocess.CalledProcessError as failure:
            rows.append((name, "build", "FAILED", time.monotonic() - started, str(failure)[:200]))
            continue
        rows.append((name, "build", "passed", time.monotonic() - started, versions(python)))
        checks = environment.quick if options.quick else environment.checks
        for check in () if options.build_only else checks:
            command = check.command
            if command[1:2] == ("pytest",) and not options.keep_going:
                command = (*command, "--maxfail=5")
            print(f"\n== {name}: {check.title}", flush=True)
            rows.append(
                (name, check.title, *run(python, command, dict(check.variables), check.course))
            )
    print()
    for name, title, verdict, seconds, remark in rows:
        print(f"{name:8} {title:32} {verdict:8} {seconds:6.0f} s  {remark}")
    bad = {"FAILED", "skipped"} if options.environment else {"FAILED"}
    return 1 if any(row[2] in bad for row in rows) else 0


def build(environment, any_python=False):
    """Make the environment if it is not there or out of date; return its Python.

    any_python: where the Python it is for is not on this machine, use the one running this.

    Raises:
        MissingPython: the Python it is for is not on this machine.
        CalledProcessError: the packages could not be installed.
    """
    folder = FOLDER / environment.name
    python = build_environment.interpreter(folder)
    stamp = folder / "built-from.txt"
    try:
        base = find_python(environment.python)
    except MissingPython as missing:
        if not any_python:
            raise
        print(f"{missing}: building {environment.name} with {platform.python_version()}")
        base = getattr(sys, "_base_executable", sys.executable)
    content = stamp_of(environment, base)
    if stamp.exists() and stamp.read_text() == content and build_environment.answers(python):
        return python
    print(f"Building {folder.relative_to(ROOT)} with {base} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    made = {"{pins}": pins_alone, "{wheel}": lambda: wheel.build_wheel(FOLDER / "wheel")}
    install = [str(made[part]()) if part in made else part for part in environment.install]
    uv = installer.find_uv(sys.executable)
    if uv:
        settings, variables = installer.uv_settings(sys.executable)
        call([uv, "venv", "--quiet", "--python", str(base), str(folder)])
        # Compiled once here, not again by each of the many processes that the tests start.
        compiled = [uv, "pip", "install", "--quiet", "--compile-bytecode", *settings]
        call([*compiled, "--python", python, *install], variables)
    else:
        call([str(base), "-m", "venv", str(folder)])
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        call([*pip, *wheel_names(install)])
    stamp.write_text(content)
    return python


def call(command, environment=None):
    environment = environment or installer.clean_environment()
    subprocess.run([str(part) for part in command], cwd=ROOT, env=environment, check=True)


def wheel_names(install):
    """pip cannot read requirements from pyproject.toml: name them one by one."""
    import tomllib

    project = str(ROOT / "pyproject.toml")
    if project not in install:
        return install
    place = install.index(project) - 1
    names = tomllib.loads(Path(project).read_text())["project"]["dependencies"]
    return [*install[:place], *names, *install[place + 2 :]]


def pins_alone():
    """requirements.lock without its hashes, which would forbid to install a part of it."""
    from tools import lock

    path = FOLDER / "pins.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{pin}\n" for pin in lock.pins(LOCK)))
    return path


def stamp_of(environment, base):
    """What an environment is built from, as text to compare."""
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in environment.built_from]
    return "\n".join([str(base), *environment.install, *digests])


def find_python(version):
    """The path of a Python of this version.

    Raises:
        MissingPython: there is none on the PATH or under pyenv.
    """
    candidates = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += sorted(map(str, pyenv.glob(f"{version}.*/bin/python")), reverse=True)
    for path in filter(None, candidates):
        # pyenv leaves stand-ins on the PATH that only print what else could be selected.
        done = subprocess.run(
            [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
        )
        if done.returncode == 0 and done.stdout.strip() == version:
            return path
    raise MissingPython(f"Python {version} is not on this machine")


def versions(python):
    """The versions of what the matrix is about, as installed."""
    code = (
        "import platform\n"
        "from importlib.metadata import version, PackageNotFoundError\n"
        "print('python', platform.python_version(), end='')\n"
        "for name in ('keras', 'pytensor', 'numpy', 'tensorflow-cpu', 'tensorflow', 'jax', 'ipywidgets'):\n"
        "    try: print(',', name, version(name), end='')\n"
        "    except PackageNotFoundError: pass\n"
    )
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def run(python, command, variables, course=True):
    """Run one check with these environment variables; return verdict, seconds and its last line.

    course: whether it runs in the course's folder and finds its packages; else in the environment's.
    """
    started = time.monotonic()
    kept = build_environment.clean_environment()
    environment = {
        **kept,
        **({"PYTHONPATH": str(ROOT)} if course else {}),
        "PATH": os.pathsep.join([str(Path(python).parent), kept.get("PATH", "")]),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **variables,
    }
    last = ""
    with subprocess.Popen(
        [str(python), *command],
        cwd=ROOT if course else Path(python).parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    verdict = "FAILED" if process.returncode else "passed"
    return verdict, time.monotonic() - started, last.strip("= ")[:120]


if __name__ == "__main__":
    sys.exit(main())
