"""What the outcomes of Keras's tests amount to, once held against the list of exclusions."""

import platform
import re
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tests.conformance.exclusions import Exclusion, matcher
from tests.conformance.suite import Results

COLUMNS = ("passed", "failed", "skipped", "excluded")


@dataclass(frozen=True)
class Verdict:
    """How the run went.

    Attributes:
        by_test: For each test one of `COLUMNS`; "skipped" is by Keras itself.
        stale: Exclusions of which every test was run and none failed: they can go.
        unmatched: Exclusions that match no test: an error in the list.
    """

    by_test: dict[str, str]
    stale: list[Exclusion]
    unmatched: list[Exclusion]

    @property
    def failed(self) -> list[str]:
        return sorted(name for name, what in self.by_test.items() if what == "failed")

    @property
    def ok(self) -> bool:
        return not self.failed and not self.unmatched and bool(self.by_test)


def judge(
    results: Results, exclusions: list[Exclusion], complete: bool, whole_files: bool = True
) -> Verdict:
    """Hold the outcomes against the list.

    Args:
        complete: All folders were run. If not, an exclusion is held to match a test only where
            its file was collected.
        whole_files: All tests of the files were run. If not, an exclusion may match none.
    """
    excluded = matcher(row.pattern for row in exclusions)
    never_run = matcher(row.pattern for row in exclusions if not row.run)
    by_test = {
        name: "excluded" if outcome.outcome == "failed" and excluded(name) else outcome.outcome
        for name, outcome in results.outcomes.items()
    }
    by_test |= {name: "excluded" for name in results.collected if never_run(name)}
    files = {_file(name) for name in results.collected}
    unmatched, stale = [], []
    for row in exclusions:
        tests = list(filter(matcher([row.pattern]), results.collected))
        if tests and not any(by_test.get(name, "excluded") == "excluded" for name in tests):
            stale.append(row)
        if not tests and (complete or whole_files and _file(row.pattern) in files):
            unmatched.append(row)
    return Verdict(by_test, stale, unmatched)


def _file(name):
    return name.partition("::")[0]


def table(by_test: dict[str, str], folders: list[str]) -> str:
    """Return the counts as a Markdown table, a row for each folder and one for the whole."""
    rows = [(folder, _count(by_test, folder + "/")) for folder in folders]
    rows.append(("**all**", _count(by_test, "")))
    lines = [f"| folder | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for label, counts in rows:
        lines.append(f"| {label} | " + " | ".join(f"{counts[c]:,}" for c in COLUMNS) + " |")
    return "\n".join(lines)


def _count(by_test, prefix):
    return Counter(what for name, what in by_test.items() if name.startswith(prefix))


def reasons(by_test: dict[str, str], exclusions: list[Exclusion]) -> str:
    """Return how many tests each reason excludes, as a Markdown table, the most first."""
    matches = {}
    for row in exclusions:
        matches.setdefault(row.reason, []).append(row.pattern)
    names = [name for name, what in by_test.items() if what == "excluded"]
    counts = {why: sum(map(matcher(patterns), names)) for why, patterns in matches.items()}
    lines = ["| excluded | why |", "|---|---|"]
    for why, count in sorted(counts.items(), key=lambda item: -item[1]):
        lines.append(f"| {count} | {' '.join(why.split())} |")
    return "\n".join(lines)


def versions() -> str:
    """Return the versions that the results hold for, in one line."""
    packages = ("Keras", "PyTensor", "NumPy", "SciPy", "TensorFlow")
    named = {"TensorFlow": ("tensorflow-cpu", "tensorflow")}
    found = []
    for package in packages:
        for name in named.get(package, (package,)):
            try:
                found.append(f"{package} {metadata.version(name)}")
                break
            except metadata.PackageNotFoundError:
                pass
    return ", ".join([f"Python {platform.python_version()}", *found])


def badge(document: Path) -> str:
    """Return the counts that a results file records, as one line for the README.

    Raises:
        ValueError: the file records none.
    """
    text = document.read_text(encoding="utf-8")
    row = re.search(r"^\| \*\*all\*\* \| (.+) \|$", text, re.MULTILINE)
    if not row:
        raise ValueError(f"{document} has no row of totals")
    counts = dict(zip(COLUMNS, row[1].split(" | "), strict=True))
    return ", ".join(f"{counts[column]} {column}" for column in COLUMNS)
