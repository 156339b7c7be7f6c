"""Builds the learner's environment from the lock files, checks it, and runs things in it.

Standard library only: this runs before anything is installed. A finished folder carries a stamp
with the hash of the lock file it was built from; a folder without one is rebuilt from scratch, so
an interrupted build heals itself. One build at a time: a file lock is held, by uv and pip too.
"""

import argparse
import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from installer import (  # beside this file, however this file is imported
    BUILD,
    TICK,
    UV_FOLDER,
    Refusal,
    clean_environment,
    install,
    say,
    with_ticks,
)

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PREVIOUS = ROOT / ".venv-previous"
CLASSIC = ROOT / ".venv-classic"  # see classic.py
TEST_PACKAGES = ROOT / ".testdeps"
BOOK_PACKAGES = ROOT / ".bookdeps"
PYTHONS = ROOT / ".python"  # see find-python
LOCK = ROOT / "requirements.lock"
TEST_LOCK = ROOT / "requirements-test.lock"
BOOK_LOCK = ROOT / "requirements-book.lock"
STAMP = "thinking-in-keras.json"
START = "work/00-start-here.ipynb"  # the learner's copy: utils/workbook.py

# Measured on Linux with two cores; see the README.
DOWNLOAD_MB, DISK_GB, TIME = 570, 2.5, "half a minute"
ROOM_GB = 4.0  # the environment, and what pip would keep of the downloads and its temporary files


def main(arguments=None):
    """Run one command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="environment.py", description=__doc__.splitlines()[0])
    parser.add_argument(
        "command",
        choices=["supported", "build", "check", "lab", "test", "quick", "book", "run", "clean"],
        help="supported: only say whether this Python will do; build: make .venv; check: build, then "
        "try everything the lessons import; lab: the same, then open JupyterLab; test and quick: "
        "build, then run all or the quick tests; book: build, then make the web book; run: build, then "
        "run Python with the arguments that follow; clean: remove everything that was built",
    )
    parser.add_argument(
        "--exact",
        action="store_true",
        help="rebuild .venv if it was made with another Python than the one running this",
    )
    parser.add_argument(
        "--here",
        action="store_true",
        help="use the Python running this (conda, for example) as it is, and build nothing",
    )
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="handed on to what is run")
    options = parser.parse_args(arguments)
    rest = options.rest[1:] if options.rest[:1] == ["--"] else options.rest
    try:
        refuse_unsupported_build()
        if options.command == "supported":
            return 0
        if options.command == "clean":
            return clean()
        if options.here:
            python = Path(sys.executable)
            link_course(python)
        else:
            python = build(options.exact)
        if options.command in ("check", "lab", "test"):
            check(python, always=options.command == "check")
        if options.command == "lab":
            return open_lab(python, rest)
        if options.command in ("test", "quick"):
            build_test_packages(python)
            rest = [str(ROOT / "tools" / "run_tests.py"), options.command, *rest]
        if options.command in ("test", "book"):
            build_book_packages(python)
        if options.command == "book":
            rest = [str(ROOT / "tools" / "book.py"), *rest]
        return run(python, rest) if rest else 0
    except Refusal as refusal:
        print(f"\n{refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from a clean state.", file=sys.stderr)
        return 130


def refuse_unsupported_build():
    """Raise Refusal where the course's packages have no builds for this computer or Python."""
    advice = "The lessons run without any installation in Google Colab."
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise Refusal(
            f"TensorFlow has no build for Macs with an Intel processor any more. {advice}"
        )
    if sys.maxsize < 2**32:
        raise Refusal(f"{sys.executable} is a 32-bit Python: this course needs a 64-bit one.")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise Refusal(f"{sys.executable} is a free-threaded Python: use an ordinary one.")


# ---------------------------------------------------------------- building


def build(exact=False):
    """Make ``.venv`` what requirements.lock says, if it is not that already; return its Python.

    exact: also rebuild when the environment was made with another Python version than this one.
    """
    python = interpreter(VENV)
    with one_at_a_time():
        stamp = read_stamp(VENV)
        if (
            stamp.get("lock") == digest(LOCK)
            and (not exact or stamp.get("python") == python_version())
            and answers(python)
        ):
            return python
        make_room()
        if stamp:
            say("The environment in .venv is out of date: replacing it.")
            remove(PREVIOUS)
            VENV.rename(PREVIOUS)
        elif VENV.exists():
            say("The environment in .venv was left unfinished: starting it again.")
            remove(VENV)
        say(
            f"Building the environment in .venv with Python {platform.python_version()}: about "
            f"{DOWNLOAD_MB} MB to download, {DISK_GB} GB on disk, {TIME} besides the download."
        )
        started = time.monotonic()
        try:
            create_venv()
            install(python, LOCK)
            link_course(python)
            silence_news()
            write_stamp(VENV, LOCK)
        except BaseException:
            if PREVIOUS.exists():
                remove(VENV)
                PREVIOUS.rename(VENV)
                say(
                    "The environment as it was before is back in .venv. To go on with it:\n  "
                    f"{shown(python)} tools/environment.py --here lab"
                )
            raise
        remove(PREVIOUS)
        say(f"Built in {time.monotonic() - started:.0f} s.")
    return python


def build_test_packages(python):
    """Put what only the tests need in ``.testdeps``, away from the learner's environment."""
    build_beside(python, TEST_PACKAGES, TEST_LOCK, "the tests need", 140)


def build_book_packages(python):
    """Put what only the web book needs in ``.bookdeps``, away from the learner's environment."""
    build_beside(python, BOOK_PACKAGES, BOOK_LOCK, "the web book needs", 18)


def build_beside(python, folder, lock, what, megabytes):
    """Install what a lock file pins in a folder of its own, if it is not that already."""
    with one_at_a_time():
        stamp, version = read_stamp(folder), read_stamp(VENV).get("python", python_version())
        if stamp.get("lock") == digest(lock) and stamp.get("python") == version:
            return
        say(f"Adding what only {what} in {folder.name} (about {megabytes} MB to download).")
        fresh = folder.with_name(f"{folder.name}-unfinished")
        remove(fresh)
        install(python, lock, "--target", str(fresh))
        write_stamp(fresh, lock, version)
        remove(folder)
        fresh.rename(folder)


@contextlib.contextmanager
def one_at_a_time():
    """Hold the build lock; a second ``make`` waits here. The system lets go of it if we die."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "environment.lock", "w") as file:
        # uv and pip inherit the handle: if only their parent is killed, it holds until they end.
        os.set_inheritable(file.fileno(), True)
        waiting = False
        while not lock_file(file):
            if not waiting:
                say("Another command is building the environment here: waiting for it.")
            waiting = True
            time.sleep(0.5)
        yield


def lock_file(file):
    """Try to lock an open file for this process; return whether it worked."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def make_room():
    """Raise Refusal when the disk cannot hold a new environment."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < ROOM_GB:
        raise Refusal(
            f"Only {free:.1f} GB are free on the disk that holds {ROOT}: building needs {ROOM_GB:.0f} GB."
        )


def create_venv():
    """Create an empty virtual environment with pip in it."""
    # Started from .venv itself, the new one must still be founded on the Python underneath.
    base = getattr(sys, "_base_executable", None) or sys.executable
    done = subprocess.run(
        [base, "-m", "venv", str(VENV)],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        close_fds=False,
    )
    if done.returncode == 0:
        return
    if "ensurepip" in done.stdout:
        raise Refusal(
            f"{base} cannot make virtual environments. On Debian and Ubuntu: "
            f"sudo apt install python{python_version()}-venv, then run the same command again."
        )
    raise Refusal(f"{done.stdout.strip()}\n{base} could not make a virtual environment.")


def link_course(python):
    """Make ``utils`` and ``keras_theano`` importable in kernels started in any folder."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run(
        [str(python), "-c", code],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    packages = Path(done.stdout.strip())
    # A relative line needs no encoding (a checkout may lie below a folder with any name).
    try:
        (packages / "thinking-in-keras.pth").write_text(os.path.relpath(ROOT, packages) + "\n")
    except OSError as error:
        raise Refusal(
            f"{packages} cannot be written to ({error.strerror}): {shown(python)}"
        ) from None


def silence_news():
    """Keep JupyterLab from asking about news, and from looking for updates, at the first start."""
    settings = VENV / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    news = {"fetchNews": "false", "checkForUpdates": False}
    overrides = {"@jupyterlab/apputils-extension:notification": news}
    (settings / "overrides.json").write_text(json.dumps(overrides, indent=2) + "\n")


# ---------------------------------------------------------------- using it


def check(python, always=False):
    """Try every import and version the lessons rely on; done once after each build."""
    stamp = read_stamp(VENV)
    if stamp.get("checked") and python == interpreter(VENV) and not always:
        return
    say("Checking that everything the lessons import is there and works (about 20 s):")
    script = ROOT / "tools" / "check_environment.py"
    # From lessons/, so that the check sees what a kernel sees.
    child = subprocess.Popen(
        [str(python), str(script)],
        cwd=ROOT / "lessons",
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    last = ""
    for line in with_ticks(child.stdout, TICK):
        last = line or last
        print("  " + (line or "(still at work)\n"), end="", flush=True)
    status = child.wait()
    if status < 0 or status > 1:
        # No Python exception: the process itself was killed, as by an illegal instruction.
        raise Refusal(
            f"Python crashed (status {status}) just after the line above. If that was TensorFlow, this "
            "processor may lack the AVX instructions that TensorFlow is built for: use Google Colab."
        )
    if status:
        raise Refusal(
            f"The environment is not in order: {last.strip()}\nTo rebuild it: make clean lab"
        )
    if python == interpreter(VENV):
        (VENV / STAMP).write_text(json.dumps({**stamp, "checked": True}))


def open_lab(python, rest):
    """Open JupyterLab on the learner's copy of the first notebook; returns when it is stopped."""
    copies = [str(python), "-m", "utils.workbook", "fill"]
    subprocess.run(copies, cwd=ROOT, env=clean_environment(), stdin=subprocess.DEVNULL)
    if not (ROOT / START).exists():
        raise Refusal(f"{START} is missing: this folder is not a whole copy of the course.")
    say(f"Opening JupyterLab on {START} ...")
    options = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{START}"]
    # A kernel that is not encrypted warns about that here each time that one starts.
    options += ["--Application.log_level=ERROR", "--KernelManager.transport_encryption=auto"]
    # tools/jupyterlab/custom.css
    options += ["--LabApp.custom_css=True"]
    # Looking for language servers, it would call npm, which writes a log in the user's home.
    options += ["--LanguageServerManager.autodetect=False"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options += ["--ServerApp.allow_root=True"]
    return run(python, [str(ROOT / "tools" / "open_lab.py"), *options, *rest])


def run(python, arguments):
    """Run Python with these arguments in the course's folder; return the exit status."""
    os.chdir(ROOT)
    command = [str(python), *arguments]
    sys.stdout.flush()
    if os.name != "nt":
        # Not a child: Ctrl-C then reaches JupyterLab alone, which asks before it stops.
        os.execve(command[0], command, clean_environment())
    return subprocess.run(command, env=clean_environment()).returncode


def clean():
    """Remove the environment and every other thing that was built; lessons and work stay."""
    with one_at_a_time():
        for folder in (VENV, PREVIOUS, TEST_PACKAGES, BOOK_PACKAGES, CLASSIC, UV_FOLDER, PYTHONS):
            remove(folder)
        for name in (".pytest_cache", ".ruff_cache"):
            remove(ROOT / name)
    say("Removed the environments and the test packages.")
    return 0


# ---------------------------------------------------------------- small pieces


def python_version():
    return "{}.{}".format(*sys.version_info)


def interpreter(venv):
    """The path of a virtual environment's Python, whether or not it is there."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def shown(path):
    """A path as one would type it in the course's folder."""
    try:
        return path.relative_to(ROOT)
    except ValueError:
        return path


def answers(python):
    """Whether a Python starts (it does not when the one underneath was removed)."""
    try:
        return subprocess.run([str(python), "-c", ""], env=clean_environment()).returncode == 0
    except OSError:
        return False


def digest(path):
    """SHA-256 of a lock file, the same whatever line endings git gave it."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise Refusal(f"{path.name} is missing: this is not a whole copy of the course.") from None
    return hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest()


def read_stamp(folder):
    """What a finished folder was built from; empty if it was not finished."""
    try:
        return json.loads((folder / STAMP).read_text())
    except (OSError, ValueError):
        return {}


def write_stamp(folder, lock, version=None):
    stamp = {"lock": digest(lock), "python": version or python_version()}
    unfinished = folder / (STAMP + ".new")
    unfinished.write_text(json.dumps(stamp))
    unfinished.replace(folder / STAMP)


def remove(folder):
    """Delete a folder; its stamp goes first, so that a half-deleted one is never taken for whole."""
    (folder / STAMP).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)
