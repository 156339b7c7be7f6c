"""Short Python programs, each in a process of its own, side by side.

Keras keeps the engine it started with, so a comparison of engines needs one process for each.
"""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["environment", "run_programs"]

ROOT = Path(__file__).resolve().parent.parent


def environment() -> dict[str, str]:
    """The environment variables for a Python of its own: it finds the course, and chooses its own engine."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONIOENCODING": "utf-8",
        "TF_CPP_MIN_LOG_LEVEL": "2",  # no chatter; errors still show
        "MPLBACKEND": "agg",  # a notebook's own backend needs the notebook
    }
    for name in ("KERAS_BACKEND", "KERAS_THEANO_ENGINE"):
        variables.pop(name, None)
    return variables


def run_programs(programs: dict[str, str], timeout: float = 300) -> dict[str, str]:
    """Run Python programs at the same time and return what each printed.

    Args:
        programs: name -> source code. The course's packages can be imported in it.
        timeout: seconds after which a program is stopped.

    Returns:
        Name -> text printed on standard output.

    Raises:
        RuntimeError: a program failed or took too long; the message names it and ends with the
            last lines it wrote on standard error. The others are stopped.
    """
    running = {
        name: subprocess.Popen(
            [sys.executable, "-c", source],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for name, source in programs.items()
    }
    try:
        return {name: _printed(name, process, timeout) for name, process in running.items()}
    finally:
        for process in running.values():
            if process.poll() is None:
                process.kill()
                process.communicate()


def _printed(name, process, timeout):
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"The program {name!r} was stopped after {timeout} s.") from None
    if process.returncode:
        last = "\n".join(errors.strip().splitlines()[-8:])
        raise RuntimeError(f"The program {name!r} failed:\n{last}")
    return output
