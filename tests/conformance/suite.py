"""Runs Keras's own tests, as its wheel ships them, in processes that may crash or hang."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
#: JAX is what Keras's tests of dtypes compare with; `make test` installs it there.
TEST_PACKAGES = ROOT / ".testdeps"
FOLDERS = [
    "activations",
    "backend/common",
    "callbacks",
    "constraints",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "saving",
    "trainers",
    "utils",
]
#: So many test files at most share a process: importing Keras anew is dear, a lost process too.
FILES_PER_CHUNK = 8
#: Test files of more bytes than this have a process of their own.
LARGE_FILE = 60_000


@dataclass(frozen=True)
class Outcome:
    """What became of one test: "passed", "failed" or "skipped" (by Keras itself), and why."""

    outcome: str
    seconds: float
    message: str


@dataclass
class Results:
    """The names of all tests in the files that were run, and the outcomes of those that ran."""

    collected: set[str] = field(default_factory=set)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def add(self, other: "Results") -> None:
        self.collected |= other.collected
        self.outcomes |= other.outcomes


@dataclass(frozen=True)
class Suite:
    """What is run, and how.

    Attributes:
        source: Folder of test files that stands for ``keras/src``.
        work: Folder for logs and temporary files; emptied first.
        never_run: Patterns of tests that are collected and not run.
        one_in: Run one test of so many: a choice by name that is always the same.
        seconds: Limit for one test.
        words: Which tests of the files, as pytest's ``-k``; all if empty.
    """

    source: Path
    work: Path
    never_run: tuple[str, ...] = ()
    one_in: int = 1
    seconds: float = 300
    words: str = ""


def keras_source() -> Path:
    """Return the folder ``keras/src`` of the installed Keras, without importing it."""
    return Path(metadata.distribution("keras").locate_file("keras/src")).resolve()


def chunks(source: Path, folders: list[str]) -> list[list[Path]]:
    """Return the test files of ``source``/folder, dealt out to processes, the largest first.

    Args:
        folders: Folders, or single test files.

    Raises:
        ValueError: a folder has no tests.
    """
    dealt = []
    for folder in folders:
        files = _test_files(source / folder)
        if not files:
            raise ValueError(f"Keras has no tests in {folder!r}")
        alone = [file for file in files if file.stat().st_size > LARGE_FILE]
        others = [file for file in files if file not in alone]
        count = -(-len(others) // FILES_PER_CHUNK)
        dealt += [[file] for file in alone] + [others[i::count] for i in range(count)]
    return sorted(dealt, key=lambda files: -sum(file.stat().st_size for file in files))


def _test_files(path):
    return [path] if path.is_file() else sorted(path.rglob("*_test.py"))


def read(work: Path) -> Results:
    """Return the results of an earlier run, of which ``work`` was the folder."""
    results = Results()
    for record in sorted(work.rglob("*.jsonl"), key=lambda path: (path.parent, int(path.stem))):
        _add_record(record.parent, int(record.stem), results)
    return results


def not_run(source: Path, results: Results) -> list[str]:
    """Return the test files of all `FOLDERS` of which the results know nothing."""
    known = {name.partition("::")[0] for name in results.collected}
    files = [path for folder in FOLDERS for path in _test_files(source / folder)]
    names = [path.relative_to(source).as_posix() for path in files]
    return sorted(name for name in names if name not in known)


def run(
    suite: Suite,
    todo: list[list[Path]],
    workers: int,
    report: Callable[[list[Path], Results], None],
) -> Results:
    """Run chunks, ``workers`` at a time; ``report`` is called as each is done.

    Raises:
        FileNotFoundError: JAX is not there.
    """
    if not (TEST_PACKAGES / "jax").is_dir():
        raise FileNotFoundError(f"Keras's tests need JAX in {TEST_PACKAGES}: run `make quick`")
    shutil.rmtree(suite.work, ignore_errors=True)
    suite.work.mkdir(parents=True)
    total = Results()
    with ThreadPoolExecutor(workers) as pool:
        running = {
            pool.submit(run_chunk, replace(suite, work=suite.work / f"{i:03}"), files): files
            for i, files in enumerate(todo)
        }
        for future in as_completed(running):
            total.add(future.result())
            report(running[future], future.result())
    return total


def run_chunk(suite: Suite, files: list[Path]) -> Results:
    """Run test files, in as many processes as it takes to get past tests that kill theirs."""
    suite.work.mkdir()
    results = Results()
    while True:
        attempt = len(list(suite.work.glob("*.log")))
        _run_process(suite, files, attempt, results.outcomes)
        end = _add_record(suite.work, attempt, results)
        if end == "finished":
            return results
        if end == "in a test":
            continue
        if len(files) > 1:
            # It died while collecting. Which file was it?
            results = Results()
            for file in files:
                alone = replace(suite, work=suite.work / file.stem)
                results.add(run_chunk(alone, [file]))
            return results
        name = files[0].relative_to(suite.source).as_posix()
        results.collected.add(name)
        results.outcomes[name] = Outcome("failed", 0.0, _why_it_died(suite.work, attempt))
        return results


def _add_record(work, attempt, results):
    """Add what a process recorded to the results; return how it ended.

    Returns:
        "finished", "in a test" (which has failed), or "while collecting".
    """
    record = work / f"{attempt}.jsonl"
    events = (
        [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    )
    started = None
    for event in events:
        if event["event"] == "collected":
            results.collected.update(event["names"])
        elif event["event"] == "start":
            started = event["name"]
        elif event["event"] == "outcome":
            # A file that cannot be imported is recorded under its own name.
            results.collected.add(event["name"])
            results.outcomes[event["name"]] = Outcome(
                event["outcome"], event["seconds"], event["message"]
            )
            started = None
    if started is not None:
        results.outcomes[started] = Outcome("failed", 0.0, _why_it_died(work, attempt))
        return "in a test"
    return "finished" if any(e["event"] == "finished" for e in events) else "while collecting"


def _run_process(suite, files, attempt, done):
    """Run pytest once over the tests that have no outcome yet; it writes attempt.jsonl."""
    record = suite.work / f"{attempt}.jsonl"
    leave_out = suite.work / f"{attempt}-leave-out.json"
    leave_out.write_text(json.dumps([*suite.never_run, *done]))
    temporary = suite.work / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "pytest", *map(str, files)]
    command += ["-q", "--tb=short", "--continue-on-collection-errors"]
    command += ["-c", str(HERE / "pytest.ini"), f"--rootdir={suite.source.parents[1]}"]
    command += [f"--confcutdir={suite.source}", "-p", "no:cacheprovider", "-p", "keras_conformance"]
    command += [f"--conformance-source={suite.source}", f"--conformance-record={record}"]
    command += [f"--conformance-leave-out={leave_out}", f"--conformance-one-in={suite.one_in}"]
    command += [f"--conformance-seconds={suite.seconds}", "-k", suite.words]
    with (suite.work / f"{attempt}.log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=temporary,
            env=_environment(temporary),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        process.wait()
    # Processes that a test started and that outlived it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    shutil.rmtree(temporary, ignore_errors=True)


def _environment(temporary):
    """Return what a test process sees: this engine, JAX to compare with, no GPU, one thread."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "KERAS_"))}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, HERE, TEST_PACKAGES))),
        "KERAS_BACKEND": "theano",
        "JAX_PLATFORMS": "cpu",
        "KERAS_HOME": str(temporary / "keras"),
        "TMPDIR": str(temporary),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
    }


def _why_it_died(work, attempt):
    lines = (work / f"{attempt}.log").read_text(errors="replace").split("\n")
    told = [line.strip() for line in lines if line.strip()]
    # faulthandler's traceback starts with the innermost call.
    at = next((i for i, line in enumerate(told) if line.startswith(("Timeout", "Fatal"))), None)
    end = " / ".join(told[at : at + 4] if at is not None else told[-2:])
    return f"killed or hung its process: {end}"[:400]
