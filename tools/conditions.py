"""Runs lessons as they are run elsewhere than here, from top to bottom, and prints a table of what failed.

    make conditions                     # every lesson, every way; two hours
    make conditions LESSON="03 10"      # some lessons
    make conditions ARGS="--way twice"  # one way

twice: each cell twice, as by somebody who tries it again; a lesson that goes back breaks on names that a later cell took.
    Cells that say something else the second time, seconds, memory and numbers of layers apart, are named on standard error.
    See whether they go on from what the first run left: a training that did, and the figures in the text do not hold. What may
    differ is in conditions.toml, with the reason; in a lesson that stands there, another difference is a fault.
begun: from each section that says that it can be begun with, after as many code cells as it names.
apart: without a network, and from a folder that cannot be written to, whose name has spaces and an umlaut. Linux only: it
asks the kernel for a namespace of its own (unshare, ip and mount), and takes what is committed.
killed: the kernel is killed halfway, as by a system that has no more memory, and the lesson runs from the top in a new one.

Outputs are not saved. A lesson fails by an error in a cell, and so by a checkpoint outside its band.
"""

import argparse
import copy
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file

from tools import notebook  # noqa: E402

DIED = "the kernel died"
#: What a section says that can be begun with.
BEGIN = re.compile(r"You can begin here: run the first (\w+) code cells")
COUNTS = ("no", "one", "two", "three", "four", "five", "six")
#: Of the clone, below a new temporary folder.
NAME = "Kurs für Übende/thinking in keras"
#: $1: the folder; the rest: a command. Pages of a read-only folder can still be read; a build folder is not needed.
APART = """
set -e
ip link set lo up
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
cd "$1"
if touch here 2>/dev/null; then echo "the folder can be written to"; exit 1; fi
shift
exec "$@"
"""

#: What no two runs share; a picture's alternative text says what it shows, and `dense_3` is Keras's third layer of a name.
PASSING = re.compile(r'[\d.,]+\s(?:s|ms|seconds|[MG]B)\b|src="[^"]*"|(?<=[a-z0-9])_\d+\b')
#: Lessons that were looked through -> ids of the cells that may say something else -> why.
MAY_DIFFER = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))

#: Run in a kernel, kills it a second later, in whatever it then does.
KILL = """
import os, signal, threading
threading.Timer(1, os.kill, (os.getpid(), signal.SIGKILL)).start()
"""


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; return 0 only if every lesson ran whole in every way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers or paths; all, if none is given")
    parser.add_argument("--way", choices=WAYS, action="append", help="repeatable; all, if none")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    chosen = [notebook.lesson_path(text) for text in options.lessons] or notebook.own_kernels()
    if options.here:
        fault = run(chosen[0])
        print(fault)
        return bool(fault)
    ways = options.way or WAYS
    if "apart" in ways and shutil.which("unshare") is None:
        parser.error("a folder and a network apart need Linux, and its command unshare")
    failed = 0
    print("| lesson | way | seconds | fault |\n|:---|:---|---:|:---|", flush=True)
    for way in ways:
        for path in chosen:
            started = time.monotonic()
            fault = WAYS[way](path)
            seconds = time.monotonic() - started
            print(f"| {path.stem} | {way} | {seconds:.0f} | {fault} |", flush=True)
            failed += bool(fault)
    return 1 if failed else 0


def run(path: Path, change: Callable[[list], list] = list) -> str:
    """Run a notebook in a fresh kernel; its first fault in one line, empty if there is none.

    change: takes the notebook's cells, and returns those to run.
    """
    lesson = nbformat.read(path, as_version=4)
    cells = lesson.cells
    for cell in filter(is_code, cells):
        cell.outputs = []
    lesson.cells = change(cells)
    try:
        notebook.execute(lesson, path.parent, timeout=1800)
    except CellExecutionError as error:
        numbers = {cell.id: n for n, cell in enumerate(cells)}
        cell = next(
            cell
            for cell in lesson.cells
            if any(output.output_type == "error" for output in cell.get("outputs", []))
        )
        return f"cell {numbers[cell.id]}: {error.ename}: {error.evalue}".replace("\n", " ")[:300]
    except DeadKernelError:
        return DIED
    return ""


def twice(path: Path) -> str:
    """The first fault of a lesson whose code cells are all run twice."""
    pairs = []

    def doubled(cells: list) -> list:
        pairs.extend((copy.deepcopy(cell), cell) for cell in cells)
        return [each for pair in pairs for each in pair[1 - is_code(pair[1]) :]]

    fault = run(path, doubled)
    known = MAY_DIFFER.get(path.stem)
    for n, (first, second) in enumerate(pairs):
        if said(first) != said(second) and second.id not in (known or {}):
            told = f"cell {n} ({second.id}): the second time {difference(first, second)}"
            print(f"{path.stem}, {told}", file=sys.stderr)
            fault = fault or ("" if known is None else told)
    return fault


def said(cell) -> list[str]:
    """The lines that a cell's outputs say in words, but for warnings and what no two runs share."""
    texts = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":  # which comes in pieces
            texts.append(output.text if output.name == "stdout" else "")
        elif data := output.get("data"):
            # Beside a page or a table, plain text says nothing.
            kinds = ("text/html", "text/markdown", "text/plain")
            texts.append(next((data[kind] for kind in kinds if kind in data), "") + "\n")
    return PASSING.sub("", "".join(texts)).splitlines()


def difference(first, second) -> str:
    """The first line that a cell did not say again, and what it said in its place, shortened."""
    lines = itertools.zip_longest(said(first), said(second), fillvalue="")
    before, after = next((a, b) for a, b in lines if a != b)
    start = max(0, len(os.path.commonprefix([before, after])) - 20)
    return f"{after[start : start + 60]!r}, not {before[start : start + 60]!r}"


def begun(path: Path) -> str:
    """The first fault of a lesson from any section that says that it can be begun with; most say nothing."""
    for n, cell in enumerate(nbformat.read(path, as_version=4).cells):
        found = not is_code(cell) and BEGIN.search(cell.source)
        if found:
            fault = run(path, partial(begun_at, n=n, first=COUNTS.index(found[1])))
            if fault:
                return f"begun at cell {n}: {fault}"
    return ""


def begun_at(cells: list, n: int, first: int) -> list:
    """The first code cells, so many, and all from cell n on."""
    return [*[cell for cell in cells[:n] if is_code(cell)][:first], *cells[n:]]


def killed(path: Path) -> str:
    """The first fault of a lesson that is run from the top after its kernel was killed halfway."""
    half = lambda cells: len(cells) // 2
    kill = nbformat.v4.new_code_cell(KILL)
    ended = run(path, lambda cells: [*cells[: half(cells)], kill, *cells[half(cells) :]])
    return run(path) if ended == DIED else f"its kernel was not killed: {ended}"


def is_code(cell) -> bool:
    return cell.cell_type == "code"


def apart(path: Path) -> str:
    """The first fault of a lesson without a network, from a folder that is odd and cannot be written to."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / NAME
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        lesson = str(path.resolve().relative_to(ROOT))
        command = [sys.executable, "tools/conditions.py", "--here", lesson]
        done = subprocess.run(
            ["unshare", "-rnm", "sh", "-c", APART, "sh", str(clone), *command],
            # Kernels take the course from the clone, although the environment knows this folder.
            env={**os.environ, "PYTHONPATH": str(clone)},
            capture_output=True,
            text=True,
        )
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return lines[-1] if done.returncode and lines else ""


WAYS = {"twice": twice, "begun": begun, "apart": apart, "killed": killed}

if __name__ == "__main__":
    sys.exit(main())
