"""The list of Keras's tests that may fail on the Theano engine, each with its reason."""

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("exclusions.toml")


@dataclass(frozen=True)
class Exclusion:
    """One row of the list.

    Attributes:
        pattern: Name of a test as "layers/core/dense_test.py::DenseTest::test_basics"; ``*`` stands
            for any characters, and the name of a file for the failure to import it.
        reason: Why the test may fail.
        run: False for a test that must not be run, since it would hang or harm.
    """

    pattern: str
    reason: str
    run: bool = True


def read(path: Path = LIST) -> list[Exclusion]:
    """Read the list: TOML with a table ``[[excluded]]`` for each reason.

    Raises:
        ValueError: a row lacks its reason or its tests, has an unknown key, or repeats another.
    """
    rows = []
    for table in tomllib.loads(path.read_text(encoding="utf-8")).get("excluded", []):
        table = dict(table)
        reason, patterns = table.pop("reason", "").strip(), table.pop("tests", [])
        run = table.pop("run", True)
        if not reason or not patterns or table:
            raise ValueError(
                f"{path.name}: every [[excluded]] has a reason, tests, and maybe run = false; "
                f"this one does not: reason={reason!r}, tests={patterns}, others={sorted(table)}"
            )
        rows += [Exclusion(pattern, reason, run) for pattern in patterns]
    names = [row.pattern for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path.name}: listed twice: {', '.join(twice)}")
    return rows


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a name matches one of the patterns."""
    patterns = list(patterns)
    exact = {pattern for pattern in patterns if "*" not in pattern}
    wild = [".*".join(map(re.escape, p.split("*"))) for p in patterns if "*" in p]
    search = re.compile("|".join(wild)).fullmatch if wild else lambda name: None
    return lambda name: name in exact or search(name) is not None
