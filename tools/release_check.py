"""Runs all that a release has to pass, one stage after another: ``make release-check``; hours.

    make release-check                  # what has not passed yet, then a table
    make release-check STAGE=book       # one stage, though it has passed before
    make release-check ARGS=--again     # all of it, from the beginning
    make upgrade                        # raises the pins, then all but the ten runs, on what is not committed yet

A stage is a command of the Makefile, and can be run by hand as the table prints it. What passed is kept in
build/release-check/ with the commit that it passed for, so that the same command goes on after an interruption. A release is a
commit: changes that are not committed are refused, and a stage that makes some has failed.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "release-check"


@dataclass(frozen=True)
class Stage:
    """One thing that a release has to pass."""

    name: str
    #: What is handed to make.
    make: tuple[str, ...]


RUNS = 10
STAGES = [
    Stage("wheel", ("matrix", "ARGS=bare")),
    Stage("tests", ("test",)),
    Stage("conformance", ("conformance",)),
    Stage("matrix", ("matrix", "ARGS=colab newest")),
    Stage("book", ("book", "ARGS=--pdf")),
    Stage("links", ("book", "ARGS=--links")),
    Stage("data", ("data",)),
    Stage("conditions", ("conditions",)),
    *(Stage(f"notebooks-{n}", ("notebooks",)) for n in range(1, RUNS + 1)),
]
#: What new pins have to pass: stage "tests" runs the notebooks once.
UPGRADE = [stage for stage in STAGES if not stage.name.startswith("notebooks-")]


def main(arguments: list[str] | None = None) -> int:
    """Run the stages asked for; return 0 only if every one has passed for this commit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [stage.name for stage in STAGES]
    parser.add_argument("stage", nargs="*", metavar="stage", help=f"of {', '.join(names)}")
    parser.add_argument("--again", action="store_true", help="run what has passed before, too")
    parser.add_argument("--upgrade", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := set(options.stage) - set(names):
        parser.error(f"there is no stage {', '.join(sorted(unknown))}; stages: {', '.join(names)}")
    if (changed := changes()) and not options.upgrade:
        print(
            f"A release is a commit, and this is changed:\n{changed}\nCommit it, or put it aside."
        )
        return 1
    checked = state()
    FOLDER.mkdir(parents=True, exist_ok=True)
    stages = UPGRADE if options.upgrade else STAGES
    asked = [stage for stage in stages if stage.name in options.stage or not options.stage]
    anew = options.again or bool(options.stage)
    for stage in asked:
        if anew or recorded(stage, checked)["verdict"] != "passed":
            run(stage, checked)
    rows = [(stage, recorded(stage, checked)) for stage in stages]
    more = " and what is not committed" if changed else ""
    print(f"\nRelease check of {checked[:12]}{more}\n")
    for stage, row in rows:
        command = " ".join(["make", *(quoted(word) for word in stage.make)])
        print(f"{stage.name:13} {row['verdict']:14} {row['seconds']:6.0f} s  {command}")
        if row["last"]:
            print(f"{'':13} {row['last']}")
    return 0 if all(row["verdict"] == "passed" for stage, row in rows if stage in asked) else 1


def run(stage: Stage, checked: str) -> None:
    """Run one stage, keep what it prints in a log, and record how it ended."""
    print(f"\n==== {stage.name}: make {' '.join(stage.make)}", flush=True)
    record(stage, checked, "not finished", 0, "")
    # What was given to the make that runs this must not reach the one that it starts.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    started, last = time.monotonic(), ""
    with (
        open(FOLDER / f"{stage.name}.log", "w", encoding="utf-8") as log,
        subprocess.Popen(
            command(stage),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        for line in process.stdout:
            print(line, end="", flush=True)
            log.write(line)
            if not line.startswith("make: "):  # which says only that its command failed
                last = line.strip("= \n") or last
    verdict = "FAILED" if process.returncode else "passed"
    if verdict == "passed" and state() != checked:
        verdict, last = "CHANGED FILES", " ".join(changes().split())
    record(stage, checked, verdict, time.monotonic() - started, last[:100])


def command(stage: Stage) -> list[str]:
    """The command line of a stage."""
    return ["make", *stage.make]


def recorded(stage: Stage, checked: str) -> dict:
    """How a stage ended for what is checked: its verdict, seconds and last line."""
    try:
        row = json.loads((FOLDER / f"{stage.name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        row = {}
    nothing = {"verdict": "not run", "seconds": 0, "last": ""}
    return row if row.get("checked") == checked else nothing


def record(stage: Stage, checked: str, verdict: str, seconds: float, last: str) -> None:
    row = {"checked": checked, "verdict": verdict, "seconds": seconds, "last": last}
    (FOLDER / f"{stage.name}.json").write_text(json.dumps(row), "utf-8")


def state() -> str:
    """What is checked: the commit, and a fingerprint of what differs from it, if anything does."""
    commit, changed = git("rev-parse", "HEAD"), changes()
    if not changed:
        return commit
    difference = changed + git("diff", "HEAD")
    return f"{commit}+{hashlib.sha256(difference.encode()).hexdigest()}"


def changes() -> str:
    """What differs from the commit that is checked out, as git lists it; empty if nothing does."""
    return git("status", "--porcelain")


def git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def quoted(word: str) -> str:
    """A word of a make command line as one types it: ``ARGS="colab newest"``."""
    name, equals, value = word.partition("=")
    return f'{name}="{value}"' if equals and " " in value else word


if __name__ == "__main__":
    sys.exit(main())
