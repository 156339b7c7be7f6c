"""What every lesson begins and ends with: seeds, figure style, engine report, checkpoints.

    import keras_theano  # the engine; Part 2 sets KERAS_BACKEND to "tensorflow" instead
    import keras
    from utils import lesson

    lesson.start("theano")
    ...
    lesson.checkpoint("held-out accuracy", accuracy, 0.90, 1.00)
    ...
    lesson.finish()

This module never imports Keras or an engine by itself: the notebook chooses the engine first.
"""

import contextlib
import ctypes
import importlib.metadata
import os
import platform
import random
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from utils import exercises, figures, jax_states, progress, workbook
from utils.printing import say

__all__ = [
    "ROOT",
    "Checkpoint",
    "CheckpointError",
    "checkpoint",
    "cores",
    "device",
    "engine",
    "finish",
    "full",
    "overview",
    "peak_memory",
    "read_checkpoints",
    "say",
    "start",
    "version",
]

ROOT = workbook.ROOT  # the course's folder

# Where each engine's version is found; TensorFlow's CPU build goes by another package name.
ENGINES = {
    "theano": ("Theano (PyTensor {})", ("pytensor",)),
    "tensorflow": ("TensorFlow {}", ("tensorflow", "tensorflow-cpu")),
    "jax": ("JAX {}", ("jax",)),
}
FULL_VARIABLE = "THINKING_IN_KERAS_FULL"
# The first line of a cell that looks into our engine, and is left out on another.
THEANO_ONLY = "# Theano only"


class CheckpointError(AssertionError):
    """A result lies outside the band in which the lesson expects it."""


@dataclass(frozen=True)
class Checkpoint:
    """One checked result: its name, value and the band `low` to `high` that holds it."""

    name: str
    value: float
    low: float
    high: float


def _is_set(variable):
    text = os.environ.get(variable, "").strip()
    if text not in ("", "0", "1"):
        raise ValueError(
            f"The environment variable {variable}={text}: 1 asks for the full size; 0, or no such "
            "variable, for the size that an ordinary laptop can do."
        )
    return text == "1"


#: Whether lessons use the full public data sets and train longer, for a GPU: `True` where the environment
#: variable THINKING_IN_KERAS_FULL is 1, or where a cell says `lesson.full = True` before it is used.
full: bool = _is_set(FULL_VARIABLE)

_started = time.perf_counter()
_checkpoints: list[Checkpoint] = []


def start(expected_engine: str | None = None, seed: int = 1) -> None:
    """Begin a lesson: fix the seeds, set the figure style, say which engine and device the lesson
    runs on and whether there is a newer version of the learner's copy. From then on, what a cell has
    freed goes back to the system when the cell ends (on Linux).

    Args:
        expected_engine: `"theano"`, `"tensorflow"` or `"jax"`, checked against what Keras runs on;
            None for a lesson that does not use Keras in its own process. Where a lesson expects
            Theano, the engine that the environment variable KERAS_THEANO_ENGINE names will do:
            cells that begin with the line `# Theano only` are then left out, and say so.
        seed: for `random`, NumPy's global generator and Keras.

    Raises:
        RuntimeError: Keras is not imported yet, or runs on another engine.
        ValueError: an engine this course does not know.
    """
    global _started
    if expected_engine is not None:
        _require(expected_engine)
    random.seed(seed)
    np.random.seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)
    figures.use_style()
    exercises.forget()
    _give_freed_memory_back()
    _checkpoints.clear()
    _started = time.perf_counter()
    on = f"{engine()}, on the {device()}" if "keras" in sys.modules else engine()
    print(f"{on}; Python {platform.python_version()}, {cores()} CPU cores; seed {seed}")
    if expected_engine == "theano" and (other := _engine_in_theanos_place()):
        print(f"The lesson is written for Theano; KERAS_THEANO_ENGINE={other} chose this engine.")
        _leave_theano_only_cells_out()
        if other == "jax":
            jax_states.keep()
    if full:
        print(f"Full size: the full public data sets and long training, on this {device()}.")
    states = progress.read(workbook.current())["exercises"]
    if done := sorted(exercise for exercise, state in states.items() if state == "right"):
        print(f"Welcome back: {', '.join(done)} {'are' if len(done) > 1 else 'is'} done.")
    if news := workbook.notice():
        print(news)


def engine() -> str:
    """What Keras runs on, in words, such as `"Keras 3.15.1 on Theano (PyTensor 3.0.7)"`."""
    if "keras" not in sys.modules:
        return "Keras not loaded"
    keras = sys.modules["keras"]
    name = keras.backend.backend()
    words, packages = ENGINES.get(name, (name, ()))
    return f"Keras {keras.__version__} on {words.format(version(*packages))}"


def device() -> str:
    """The device that does the arithmetic: `"CPU"` or `"GPU"`, as the engine tells."""
    # On Theano first: there, too, Keras loads TensorFlow for some of its layers.
    if "keras_theano" in sys.modules and not _engine_in_theanos_place():
        return sys.modules["keras_theano"].device()
    if "keras" in sys.modules and sys.modules["keras"].backend.backend() == "jax":
        return sys.modules["jax"].default_backend().upper()
    if "tensorflow" in sys.modules:
        return "GPU" if sys.modules["tensorflow"].config.list_physical_devices("GPU") else "CPU"
    return "CPU"


def version(*packages: str) -> str:
    """The version of the first of `packages` that is installed, or `"not installed"`."""
    for package in packages:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "not installed"


def cores() -> int:
    """How many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _require(expected):
    if expected not in ENGINES:
        raise ValueError(f"Engine {expected!r} is not one of {', '.join(ENGINES)}.")
    if "keras" not in sys.modules:
        raise RuntimeError("Run the cell above first: it chooses the engine and imports Keras.")
    active = sys.modules["keras"].backend.backend()
    if active != expected and not (expected == "theano" and active == _engine_in_theanos_place()):
        raise RuntimeError(
            f"Keras runs on {active!r} here, and this lesson wants {expected!r}. The engine is "
            "chosen once, when Keras is imported: restart the kernel (Kernel > Restart Kernel) "
            "and run the cells from the top."
        )


def _engine_in_theanos_place():
    """The engine that `import keras_theano` has selected, as it was asked to; None for its own."""
    keras_theano = sys.modules.get("keras_theano")
    name = keras_theano.engine() if keras_theano else "theano"
    return None if name == "theano" else name


def _leave_theano_only_cells_out():
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell and _without_theano not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(_without_theano)


def _without_theano(lines):
    """IPython's way to change a cell before it runs: its lines in, lines out."""
    if lines and lines[0].startswith(THEANO_ONLY):
        return [f"print('This cell looks into Keras on Theano; it is left out on {engine()}.')\n"]
    return lines


def _give_freed_memory_back():
    """Let each cell end by giving the system what is free: glibc keeps it, in pieces between those in use."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell and platform.libc_ver()[0] == "glibc":
        shell.events.register("post_run_cell", _trim)


def _trim(result):
    """IPython's way to do something after a cell."""
    ctypes.CDLL(None).malloc_trim(0)


def checkpoint(
    name: str,
    value: npt.ArrayLike,
    low: float,
    high: float,
    look: str | None = None,
    full_band: tuple[float, float] | None = None,
) -> None:
    """Hold a result to the band in which the lesson expects it, and print one line.

    The line is also what `tools/notebook.py headlines` reads from the saved notebook.

    Args:
        name: what was measured, without a colon.
        value: number, scalar array or scalar tensor.
        low, high: the band, both ends included.
        look: a sentence that says where to look if the value is outside; a general one
            if None.
        full_band: the band, in place of `low` and `high`, where `lesson.full` is true; None where full
            data and longer training do not change the result.

    Raises:
        CheckpointError: the value is outside the band, or is not a number (NaN).
        ValueError: `low > high`, a colon in the name, or a value with more than one element.
    """
    for lowest, highest in [(low, high), full_band or (low, high)]:
        if not lowest <= highest:
            raise ValueError(f"Checkpoint {name!r}: the band {lowest} to {highest} is empty.")
    if full and full_band:
        low, high = full_band
    if ":" in name or "\n" in name:
        raise ValueError(f"Checkpoint {name!r}: the name must be one line without a colon.")
    array = np.asarray(value, dtype="float64")
    if array.size != 1:
        raise ValueError(f"Checkpoint {name!r} needs one number; shape {array.shape} was given.")
    number = float(array.reshape(()))
    line = f"{name}: {number:.4g} (expected {low:.4g} to {high:.4g})"
    if not low <= number <= high:  # also catches NaN, which compares false with everything
        look = look or (
            "Was a cell skipped, changed or run twice? Restart the kernel and run all cells from "
            "the top; if the value is still outside, compare the versions that the setup cell "
            "prints with those in the saved notebook."
        )
        raise CheckpointError(f"✘ Checkpoint {line} is outside its band. {look}")
    _checkpoints.append(Checkpoint(name, number, low, high))
    progress.checkpoint(name)
    print(f"✔ Checkpoint {line}")


_LINE = re.compile(
    r"^✔ Checkpoint (?P<name>[^:\n]+): (?P<value>\S+) \(expected (?P<low>\S+) to (?P<high>\S+)\)$",
    re.MULTILINE,
)


def read_checkpoints(text: str) -> list[Checkpoint]:
    """The checkpoints in a printed text, as `checkpoint` prints them: a list of `Checkpoint`."""
    return [
        Checkpoint(m["name"], float(m["value"]), float(m["low"]), float(m["high"]))
        for m in _LINE.finditer(text)
    ]


def finish() -> None:
    """End a lesson: one line each for the checkpoints, the exercises, time and memory, and the next lesson.

    A checkpoint outside its band has raised before, so the ones counted here all held.
    """
    progress.finished()
    print(f"✔ Checkpoints in their bands: {len(_checkpoints)}.")
    print(exercises.tally())
    print(
        f"{time.perf_counter() - _started:.0f} s, at most {peak_memory() / 1e9:.1f} GB of memory."
    )
    here = exercises.lesson()
    with contextlib.suppress(workbook.WorkbookError):  # a damaged lesson is no fault of this one
        if here and (after := workbook.following(here)):
            _show_link("Next:", *after)


def overview() -> None:
    """Show the lessons that are there, with links as from lesson 00; in a learner's copy also what
    they did of each, and where one is newer than their copy, a button that carries their answers over.
    """
    from IPython.display import display

    rows, some_newer, own = [], False, workbook.current() is not None
    for path in workbook.lessons():
        number = workbook.number_of(path)
        noted, known = progress.read(number if own else None), exercises.numbered(number)
        right = sum(noted["exercises"].get(exercise) == "right" for exercise in known)
        state = f"run to the end on {noted['finished']}" if noted["finished"] else ""
        try:
            if own and workbook.is_newer(path):
                some_newer, state = True, "newer than your copy"
        except workbook.WorkbookError:
            state = f'your copy is damaged: `workbook.reset("{number}")`'
        link = f"[{workbook.title(path)}]({path.relative_to(workbook.LESSONS).as_posix()})"
        done = f"{right} of {len(known)}" if known else ""
        minutes, *_ = workbook.minutes(path).split(" with ")  # the table must fit the page
        rows.append([link, minutes, done, state])
    display(figures.table(["lesson", "to read", "exercises done", ""], rows, others=":---"))
    if some_newer:
        display(_update_button())


def _update_button():
    import ipywidgets

    button = ipywidgets.Button(
        description="Carry my answers over into the newer lessons", layout={"width": "auto"}
    )
    said = ipywidgets.Output()

    def update(button):
        button.disabled = True
        with said:
            try:
                workbook.update()
            except workbook.WorkbookError as error:
                print(error)
                button.disabled = False

    button.on_click(update)
    return ipywidgets.VBox([button, said])


def _show_link(words, title, link):
    """Show a link, as in the notebook; its title alone where no notebook is, or no link would lead."""
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
        from IPython.display import display

        if "google.colab" not in sys.modules:
            text = {"text/plain": f"{words} {title}", "text/markdown": f"{words} [{title}]({link})"}
            display(text, raw=True)
            return
    print(words, title)


def peak_memory() -> int:
    """The most memory this process has held so far, in bytes (resident set)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux a child starts out with its parent's maximum.
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1])
    if sys.platform == "win32":
        import psutil  # comes with ipykernel

        return psutil.Process().memory_info().peak_wset
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
