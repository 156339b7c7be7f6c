"""Runs Keras's own tests, unmodified, on the Theano engine: ``make conformance``.

Fails if a test fails that is not in exclusions.toml, or if a row there matches no test. All
outcomes go to build/conformance/junit.xml, pytest's logs beside it.
"""

import argparse
import re
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from tests.conformance import exclusions, suite, verdict

BUILD = suite.ROOT / "build" / "conformance"
RECORDED = suite.HERE / "RESULTS.md"
#: ``--subset`` runs one test of so many.
SUBSET = 5
#: Characters that XML cannot hold: the control characters, ends of lines apart.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; return 0 if the engine conforms."""
    options = _parse(arguments)
    if options.badge:
        print(verdict.badge(RECORDED))
        return 0
    started = time.monotonic()
    rows = exclusions.read()
    never_run = tuple(row.pattern for row in rows if not row.run)
    one_in = SUBSET if options.subset else 1
    build = options.output.resolve()
    source = suite.keras_source()
    chosen = suite.Suite(source, build, never_run, one_in, options.seconds, options.words)
    todo = suite.chunks(chosen.source, options.folders)
    print(f"Keras's own tests, from {len(options.folders)} folders; {verdict.versions()}")
    results = suite.Results()
    for work in options.add:
        results.add(suite.read(work))
    results.add(suite.run(chosen, todo, options.workers, _Progress(chosen.source, len(todo))))
    left_out = suite.not_run(chosen.source, results)
    complete = not left_out and not options.words
    judged = verdict.judge(results, rows, complete, whole_files=not options.words)
    minutes = (time.monotonic() - started) / 60
    _write_junit(options.junitxml or build / "junit.xml", results, judged)
    document = _document(judged, rows, options, minutes, complete)
    (build / "summary.md").write_text(document, encoding="utf-8")
    if options.record:
        if options.subset or not complete:
            print(f"Not recorded: {len(left_out)} test files, or most of the tests, were not run.")
            return 2
        RECORDED.write_text(document, encoding="utf-8")
    print("\n" + document)
    _print_faults(results, judged)
    return 0 if judged.ok else 1


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument(
        "folders", nargs="*", default=suite.FOLDERS, help="folders or test files of keras/src"
    )
    parser.add_argument("--subset", action="store_true", help=f"one test of {SUBSET}, every folder")
    parser.add_argument("-k", dest="words", default="", help="only these, as pytest's -k")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time")
    parser.add_argument("--seconds", type=float, default=300, help="limit for one test")
    parser.add_argument("--output", type=Path, default=BUILD, help="folder, emptied first")
    parser.add_argument(
        "--add", type=Path, nargs="+", default=[], help="outputs of earlier runs; later ones count"
    )
    parser.add_argument("--junitxml", type=Path, help="file of all outcomes")
    parser.add_argument("--record", action="store_true", help=f"write {RECORDED.name}")
    parser.add_argument("--badge", action="store_true", help="print the recorded counts")
    return parser.parse_args(arguments)


class _Progress:
    """Prints a line for each chunk that is done."""

    def __init__(self, source, total):
        self._source, self._total, self._done = source, total, 0
        self._started = time.monotonic()

    def __call__(self, files: list[Path], results: suite.Results):
        self._done += 1
        counts = Counter(outcome.outcome for outcome in results.outcomes.values())
        first = files[0].relative_to(self._source).as_posix()
        what = first if len(files) == 1 else f"{first} and {len(files) - 1} more"
        said = ", ".join(f"{counts[k]} {k}" for k in ("passed", "failed", "skipped") if counts[k])
        minutes = (time.monotonic() - self._started) / 60
        print(f"[{self._done}/{self._total}] {minutes:5.1f} min  {what}: {said}", flush=True)


def _write_junit(path, results, judged):
    """Write the outcomes as JUnit XML; an excluded failure counts as skipped."""
    counts = Counter(judged.by_test.values())
    suite_element = ElementTree.Element(
        "testsuite",
        name="conformance",
        tests=str(len(judged.by_test)),
        failures=str(counts["failed"]),
        errors=str(len(judged.unmatched)),
        skipped=str(counts["skipped"] + counts["excluded"]),
    )
    for name, what in sorted(judged.by_test.items()):
        ran = results.outcomes.get(name)
        file, _, test = name.partition("::")
        seconds = str(ran.seconds) if ran else "0"
        case = ElementTree.SubElement(
            suite_element, "testcase", classname=file, name=test, time=seconds
        )
        if what != "passed":
            tag = "failure" if what == "failed" else "skipped"
            message = f"{what}: {ran.message if ran else 'never run'}"
            ElementTree.SubElement(case, tag, message=_UNPRINTABLE.sub("?", message))
    ElementTree.ElementTree(suite_element).write(path, encoding="utf-8", xml_declaration=True)


def _document(judged, rows, options, minutes, complete):
    extent = f"one test of {SUBSET}" if options.subset else "all tests"
    took = f"{minutes:.0f} minutes with {options.workers} processes at a time"
    if options.add:
        took = f"in {1 + len(options.add)} runs"
    return "\n".join(
        [
            "# Keras's own tests on the Theano engine",
            "",
            f"{verdict.versions()}; {extent}, {took}.",
            "",
            verdict.table(judged.by_test, suite.FOLDERS if complete else options.folders),
            "",
            "*skipped*: by Keras itself. *excluded*: fails, and is listed with its reason in "
            "exclusions.toml:",
            "",
            verdict.reasons(judged.by_test, rows),
            "",
        ]
    )


def _print_faults(results, judged):
    for row in judged.unmatched:
        print(f"The exclusion {row.pattern!r} matches no test: mend or remove it.")
    for row in judged.stale:
        print(f"The exclusion {row.pattern!r} can go: none of its tests fails.")
    if judged.failed:
        print(f"{len(judged.failed)} tests failed:")
        for name in judged.failed:
            print(f"  {name}: {results.outcomes[name].message}")
    print("The engine conforms." if judged.ok else "The engine does NOT conform.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
