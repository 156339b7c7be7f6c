"""Runs what CI runs, one stage after another, and ends with a table and pytest's kind of summary.

Run inside .venv by ``make test``, ``make quick`` and ``make notebooks``. A stage that fails does not stop those after it.
What follows the selection is handed to pytest in place of the unit tests' folder and marks.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file

from tools import browser  # noqa: E402

REPORTS = ROOT / "build" / "reports"

LINT = ["ruff", "check", "."]
FORMAT = ["ruff", "format", "--check", "."]
# A file's tests stay together: they share what is dear to make.
PARALLEL = ["-n", "logical", "--maxprocesses=4", "--dist=loadfile"]
UNIT = ["pytest", "tests", "--ignore=tests/browser", *PARALLEL]
NBVAL = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600"]
# A kernel takes up to 2 GB. Alone, a lesson leaves a third of two cores idle.
NOTEBOOKS = ["pytest", "lessons", *NBVAL, "-n", "2", "--dist=loadfile"]
BROWSER = ["pytest", "tests/browser", *PARALLEL]
# Runs pytest in processes of its own, and writes one report like pytest's.
CONFORMANCE = ["tests.conformance", "--subset"]
LESSON_01 = ["pytest", "lessons/part1/01-recognise-anything.ipynb", *NBVAL]
# Settings of a developer or of a machine, which the tests have to do without: without bytecode that is kept, each of their
# many processes would compile all that it imports anew, some ten seconds for TensorFlow.
SETTINGS = ("KERAS_THEANO_ENGINE", "THINKING_IN_KERAS_FULL", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Stage:
    """One command of the test run, and what it may see."""

    name: str
    command: list[str]
    #: JAX and Playwright, in .testdeps, are for tests; a notebook's kernel must run without them.
    test_packages: bool = False
    #: When it has printed nothing for so long it is taken to hang, is killed, and has failed.
    silent_minutes: float = 15
    #: It opens pages in a browser.
    browser: bool = False
    #: It runs the unit tests, of which some can be chosen.
    unit: bool = False
    #: What Keras runs on in the lessons of Part 1; their own engine, Theano, if empty.
    engine: str = ""


ALL_NOTEBOOKS = Stage("notebooks", NOTEBOOKS)
STAGES = {
    "notebooks": [ALL_NOTEBOOKS],
    "quick": [
        Stage("lint", LINT),
        Stage("format", FORMAT),
        Stage("unit tests", [*UNIT, "-m", "not slow"], test_packages=True, unit=True),
    ],
    "test": [
        Stage("lint", LINT),
        Stage("format", FORMAT),
        Stage("unit tests", UNIT, test_packages=True, unit=True),
        Stage("Keras's own tests", CONFORMANCE, test_packages=True),
        ALL_NOTEBOOKS,
        Stage("lesson 01 on TensorFlow", LESSON_01, engine="tensorflow"),
        Stage("browser", BROWSER, test_packages=True, browser=True),
    ],
}


def main(arguments: list[str] | None = None) -> int:
    """Run the stages of one selection; return 0 only if every one of them passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("selection", choices=STAGES)
    parser.add_argument("pytest", nargs=argparse.REMAINDER, help="which unit tests: pytest's own")
    options = parser.parse_args(arguments)
    stages = STAGES[options.selection]
    if options.pytest:
        stages = [
            replace(stage, command=["pytest", *options.pytest]) if stage.unit else stage
            for stage in stages
        ]
    if any(stage.browser for stage in stages):
        try:
            browser.program()
        except RuntimeError as error:
            print(error)
            return 1
    started = time.monotonic()
    rows, total = [], Counter()
    for stage in stages:
        print(f"\n== {stage.name}: python -m {' '.join(stage.command)}", flush=True)
        passed, seconds, counts = run(stage)
        total += counts
        rows.append((stage.name, "passed" if passed else "FAILED", seconds, summary(counts)))
    print("\n" + "\n".join(f"{n:23} {verdict:7} {s:6.0f} s  {c}" for n, verdict, s, c in rows))
    failed = [name for name, verdict, *_ in rows if verdict == "FAILED"]
    if failed:
        print("Failed: " + ", ".join(failed))
    print(f"==== {summary(total)} in {time.monotonic() - started:.2f}s ====", flush=True)
    return 1 if failed else 0


def run(stage: Stage) -> tuple[bool, float, Counter]:
    """Run one stage; return whether it passed, its seconds, and its tests counted by outcome."""
    command = [sys.executable, "-m", *stage.command]
    report = REPORTS / (stage.name.replace(" ", "-") + ".xml")
    reports = stage.command[0] in ("pytest", "tests.conformance")
    if reports:
        REPORTS.mkdir(parents=True, exist_ok=True)
        report.unlink(missing_ok=True)
        command.append(f"--junitxml={report}")
    if stage.command[0] == "pytest":
        command += ["-q", "-ra", "--durations=10", "--durations-min=5"]
    # Unbuffered, so that silence means that nothing moves.
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    environment = {**kept, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1"}
    if stage.engine:
        environment["KERAS_THEANO_ENGINE"] = stage.engine
    if stage.test_packages:
        environment["PYTHONPATH"] = str(ROOT / ".testdeps")
    started = time.monotonic()
    status = passing_on(command, environment, 60 * stage.silent_minutes)
    if status is None:
        print(f"\n{stage.name} printed nothing for {stage.silent_minutes:g} minutes: stopped.")
    counts = read_report(report) if reports else Counter()
    return status == 0 and not counts["errors"], time.monotonic() - started, counts


def passing_on(command: list[str], environment: dict, silence: float) -> int | None:
    """Run a command and print what it prints; return its status, or None if it was silent too long.

    A limit to the whole time would fail a slow or busy machine, on which nothing hangs.
    """
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=os.name == "posix",
    )
    printed = time.monotonic()

    def pass_on():
        nonlocal printed
        while piece := os.read(process.stdout.fileno(), 1 << 16):
            printed = time.monotonic()
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()

    reader = threading.Thread(target=pass_on, daemon=True)
    reader.start()
    try:
        while True:
            try:
                status = process.wait(timeout=min(1, silence))
            except subprocess.TimeoutExpired:
                if time.monotonic() - printed > silence:
                    return None
            else:
                reader.join(timeout=10)
                return status
    finally:
        if process.poll() is None:
            stop(process)


def stop(process: subprocess.Popen) -> None:
    """Kill a process, with those that it has started where the system can tell."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def read_report(path: Path) -> Counter:
    """Count the tests of a JUnit report by outcome; a missing one (pytest crashed) is an error."""
    if not path.exists():
        return Counter(errors=1)
    counts = Counter()
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        failed, errors, skipped = (
            int(suite.get(key, 0)) for key in ("failures", "errors", "skipped")
        )
        counts += Counter(
            passed=int(suite.get("tests", 0)) - failed - errors - skipped,
            failed=failed,
            errors=errors,
            skipped=skipped,
        )
    return counts


def summary(counts: Counter) -> str:
    """Counts in pytest's words, ``3 failed, 40 passed``."""
    order = ("failed", "passed", "skipped", "errors")
    return ", ".join(f"{counts[word]} {word}" for word in order if counts[word])


if __name__ == "__main__":
    sys.exit(main())
