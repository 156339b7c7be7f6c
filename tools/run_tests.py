"""Runs what CI runs, one stage after another, and ends with a table and pytest's kind of summary.

Run inside .venv by ``make test`` and ``make quick``. A stage that fails does not stop those after it.
"""

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "build" / "reports"

LINT = ["ruff", "check", "."]
FORMAT = ["ruff", "format", "--check", "."]
UNIT = ["pytest", "tests", "--ignore=tests/browser"]
NOTEBOOKS = ["pytest", "lessons", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600"]
BROWSER = ["pytest", "tests/browser"]
# Runs pytest in processes of its own, and writes one report like pytest's.
CONFORMANCE = ["tests.conformance", "--subset"]


@dataclass(frozen=True)
class Stage:
    """One command of the test run, and what it may see."""

    name: str
    command: list[str]
    #: JAX and Playwright, in .testdeps, are for tests; a notebook's kernel must run without them.
    test_packages: bool = False
    #: After this it is taken to hang, is killed, and has failed.
    minutes: float = 30


STAGES = {
    "quick": [
        Stage("lint", LINT),
        Stage("format", FORMAT),
        Stage("unit tests", [*UNIT, "-m", "not slow"], test_packages=True),
    ],
    "test": [
        Stage("lint", LINT),
        Stage("format", FORMAT),
        Stage("unit tests", UNIT, test_packages=True),
        Stage("Keras's own tests", CONFORMANCE, test_packages=True),
        Stage("notebooks", NOTEBOOKS),
        Stage("browser", BROWSER, test_packages=True),
    ],
}


def main(arguments: list[str] | None = None) -> int:
    """Run the stages of one selection; return 0 only if every one of them passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("selection", choices=STAGES)
    stages = STAGES[parser.parse_args(arguments).selection]
    started = time.monotonic()
    rows, total = [], Counter()
    for stage in stages:
        print(f"\n== {stage.name}: python -m {' '.join(stage.command)}", flush=True)
        passed, seconds, counts = run(stage)
        total += counts
        rows.append((stage.name, "passed" if passed else "FAILED", seconds, summary(counts)))
    print("\n" + "\n".join(f"{n:14} {verdict:7} {s:6.0f} s  {c}" for n, verdict, s, c in rows))
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
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    if stage.test_packages:
        environment["PYTHONPATH"] = str(ROOT / ".testdeps")
    started = time.monotonic()
    try:
        status = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=60 * stage.minutes,
        ).returncode
    except subprocess.TimeoutExpired:
        print(f"{stage.name} did not end within {stage.minutes:g} minutes")
        status = 1
    counts = read_report(report) if reports else Counter()
    return status == 0 and not counts["errors"], time.monotonic() - started, counts


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
