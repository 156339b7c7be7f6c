"""Runs one lesson in several kernels at once, as on a machine that learners share, and prints what that takes.

For who sets up a machine for a class: ``make kernels LESSON=03``. The rows stand in TEACHING.md. Memory is read from the
system twice in a second, and what kernels share is counted once (Linux only: elsewhere it is counted in each). Where
other programs are at work too, the seconds say little; the processor's seconds, of all kernels together, say more.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file

from tools import notebook  # noqa: E402

HEAD = (
    "| lesson | kernels at once | seconds | processor seconds of all | memory of all |\n"
    "|:---|---:|---:|---:|---:|"
)


def main(arguments: list[str] | None = None) -> int:
    """Run a lesson in 1, 2 and 4 kernels, or in so many as are asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", help="its number, such as 03")
    parser.add_argument("--kernels", type=int, nargs="+", default=[1, 2, 4], metavar="N")
    options = parser.parse_args(arguments)
    try:
        path = notebook.lesson_path(options.lesson)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{os.cpu_count()} processor cores, load {os.getloadavg()[0]:.1f}\n\n{HEAD}", flush=True)
    for kernels in options.kernels:
        seconds, processor, gigabytes = at_once(path, kernels)
        row = [path.stem, kernels, f"{seconds:.0f}", f"{processor:.0f}", f"{gigabytes:.1f} GB"]
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    return 0


def at_once(path: Path, kernels: int) -> tuple[float, float, float]:
    """Run a notebook in so many kernels at once: the slowest one's seconds, the processor seconds of all together,
    and the most gigabytes of all together.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    started, most, worked = time.monotonic(), 0, {}
    with ThreadPoolExecutor(kernels) as pool:
        lessons = [nbformat.read(path, as_version=4) for _ in range(kernels)]
        runs = [pool.submit(notebook.execute, one, path.parent, 1800) for one in lessons]
        while not all(run.done() for run in runs):
            held, processor = children()
            most = max(most, held)
            worked.update(processor)
            time.sleep(0.5)
    seconds = time.monotonic() - started
    for run in runs:
        run.result()
    return seconds, sum(worked.values()), most / 1e9


def children() -> tuple[int, dict[tuple[int, float], float]]:
    """This process's kernels, and what they have started: the bytes of memory that they hold at the moment, and
    for each, by its id and when it began, the processor seconds that it has taken so far."""
    held, processor = 0, {}
    for process in psutil.Process().children(recursive=True):
        try:
            memory, times = process.memory_full_info(), process.cpu_times()
            held += getattr(memory, "pss", memory.rss)
            processor[process.pid, process.create_time()] = times.user + times.system
        except psutil.Error:  # it has just ended
            continue
    return held, processor


if __name__ == "__main__":
    sys.exit(main())
