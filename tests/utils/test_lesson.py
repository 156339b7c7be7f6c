"""utils.lesson: checkpoints, engine check, seeds, memory."""

import os
import platform
import random
import subprocess
import sys
import types

import numpy as np
import pytest

from utils import lesson
from utils.processes import run_programs


@pytest.fixture
def fake_keras(monkeypatch):
    """A module in Keras's place, so that no engine is needed; its seeds are recorded."""
    seeds = []
    keras = types.ModuleType("keras")
    keras.__version__ = "3.15.1"
    keras.backend = types.SimpleNamespace(backend=lambda: "theano")
    keras.utils = types.SimpleNamespace(set_random_seed=seeds.append)
    keras.seeds = seeds
    monkeypatch.setitem(sys.modules, "keras", keras)
    return keras


@pytest.mark.parametrize("value", [0.9, 0.95, 1.0, np.float32(0.95), np.array(0.95), np.ones(1)])
def test_checkpoint_in_its_band_prints_one_line(value, capsys):
    lesson.checkpoint("held-out accuracy", value, 0.9, 1.0)
    printed = capsys.readouterr().out
    assert printed.startswith("✔ Checkpoint held-out accuracy: ")
    assert printed.endswith(" (expected 0.9 to 1)\n") and printed.count("\n") == 1


@pytest.mark.parametrize("value", [0.8999, 1.0001, float("nan"), float("inf"), -float("inf")])
def test_checkpoint_outside_raises_and_says_where_to_look(value):
    with pytest.raises(AssertionError, match="Restart the kernel") as error:
        lesson.checkpoint("accuracy", value, 0.9, 1.0)
    assert "accuracy" in str(error.value) and "expected 0.9 to 1" in str(error.value)


def test_checkpoint_with_its_own_advice():
    with pytest.raises(lesson.CheckpointError, match="Are the channels BGR"):
        lesson.checkpoint("accuracy", 0.1, 0.9, 1.0, look="Are the channels BGR?")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", 1, 2, 1), "is empty"),
        (("a", 1, float("nan"), 1), "is empty"),
        (("a: b", 1, 0, 1), "without a colon"),
        (("a", [1, 2], 0, 3), r"shape \(2,\)"),
        (("a", "much", 0, 3), "could not convert"),
    ],
)
def test_checkpoint_refuses_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        lesson.checkpoint(*arguments)


def test_printed_checkpoints_are_read_back(capsys):
    lesson.checkpoint("held-out accuracy", 0.94321, 0.9, 1.0)
    print("accuracy: 3 (expected 1 to 2)")  # not a checkpoint's line
    lesson.checkpoint("loss (nats)", 1.5e-7, 0, 1e-5)
    assert lesson.read_checkpoints(capsys.readouterr().out) == [
        lesson.Checkpoint("held-out accuracy", 0.9432, 0.9, 1.0),
        lesson.Checkpoint("loss (nats)", 1.5e-7, 0.0, 1e-5),
    ]


@pytest.mark.parametrize(
    ("text", "indent", "lines"),
    [
        ("short", 0, ["short"]),
        ("", 0, [""]),
        ("word " * 20, 0, ["word " * 16 + "word", "word word word"]),
        ("word " * 20, 4, ["word " * 16 + "word", "    word word word"]),
        (
            "  moved in, " + "word " * 20,
            4,
            ["  moved in, " + "word " * 14 + "word"] + [4 * " " + "word " * 4 + "word"],
        ),
        (
            "one\n\n" + "word " * 18 + "\nthree",
            2,
            ["one", "", "word " * 16 + "word", "  word", "three"],
        ),
        ("an empty line follows\n", 0, ["an empty line follows", ""]),
        ("in-one-piece " * 7, 0, ["in-one-piece " * 5 + "in-one-piece", "in-one-piece"]),
        (ValueError("no such place"), 0, ["ValueError: no such place"]),
        (KeyError("n"), 0, ["KeyError: 'n'"]),
        (RuntimeError("one\ntwo"), 0, ["RuntimeError: one", "two"]),
    ],
)
def test_say_breaks_long_lines_and_keeps_the_breaks_that_are_there(text, indent, lines, capsys):
    lesson.say(text, indent=indent)
    printed = capsys.readouterr().out
    assert printed == "".join(f"{line}\n" for line in lines)
    assert max(map(len, lines)) <= 88


def test_start_without_keras_for_an_engine(monkeypatch):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    with pytest.raises(RuntimeError, match="Run the cell above first"):
        lesson.start("theano")


def test_start_on_the_wrong_engine(fake_keras):
    with pytest.raises(RuntimeError, match="runs on 'theano' here.*wants 'tensorflow'.*restart"):
        lesson.start("tensorflow")


def test_start_with_an_unknown_engine(fake_keras):
    with pytest.raises(ValueError, match="'torch' is not one of theano, tensorflow, jax"):
        lesson.start("torch")


def test_start_seeds_everything_and_reports(fake_keras, capsys):
    draws = []
    for _ in range(2):
        lesson.start("theano", seed=5)
        draws.append((random.random(), np.random.rand()))
    assert draws[0] == draws[1]
    assert fake_keras.seeds == [5, 5]
    assert "Keras 3.15.1 on Theano (PyTensor " in capsys.readouterr().out


@pytest.mark.parametrize("device", ["CPU", "GPU"])
def test_start_says_which_device_the_lesson_runs_on(fake_keras, monkeypatch, device, capsys):
    monkeypatch.setattr(lesson, "device", lambda: device)
    lesson.start("theano")
    assert f"{lesson.engine()}, on the {device}; Python " in capsys.readouterr().out


def test_start_without_keras_names_no_device(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    lesson.start()
    assert "Keras not loaded; Python " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["tensorflow", "jax"])
def test_a_theano_lesson_takes_the_engine_that_was_asked_for(fake_keras, monkeypatch, name, capsys):
    chosen = types.SimpleNamespace(engine=lambda: name)
    monkeypatch.setitem(sys.modules, "keras_theano", chosen)
    fake_keras.backend.backend = lambda: name
    kept = []
    monkeypatch.setattr(lesson.jax_states, "keep", lambda: kept.append(name))
    monkeypatch.setattr(lesson, "device", lambda: "CPU")
    lesson.start("theano")
    assert kept == (["jax"] if name == "jax" else [])
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert f"on {lesson.engine().split(' on ')[1]}, on the CPU;" in first
    assert "written for Theano" in second and f"KERAS_THEANO_ENGINE={name}" in second
    fake_keras.backend.backend = lambda: "torch"  # neither the lesson's nor the one asked for
    with pytest.raises(RuntimeError, match="runs on 'torch' here, and this lesson wants 'theano'"):
        lesson.start("theano")


def test_a_tensorflow_lesson_does_not_take_another_engine(fake_keras, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_theano", types.SimpleNamespace(engine=lambda: "jax"))
    fake_keras.backend.backend = lambda: "jax"
    with pytest.raises(RuntimeError, match="wants 'tensorflow'"):
        lesson.start("tensorflow")


CELLS = r"""
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_cell("import keras_theano, keras\nfrom utils import lesson\nlesson.start('theano')")
shell.run_cell("lesson.start('theano')")  # once more, as one does
for cell in (
    "# Theano only: the graph\nprint(keras_theano.device())",
    "print('any engine')  # Theano only",
):
    shell.run_cell(cell).raise_error()
"""


@pytest.mark.parametrize(("name", "left_out"), [("theano", False), ("tensorflow", True)])
def test_cells_for_theano_only_are_left_out_elsewhere_and_say_so(name, left_out, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CELLS],
        capture_output=True,
        text=True,
        cwd=lesson.ROOT,
        env={**os.environ, "KERAS_THEANO_ENGINE": name, "IPYTHONDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    *_, first, second = done.stdout.splitlines()
    assert second == "any engine"
    if left_out:
        assert first.startswith("This cell looks into Keras on Theano; it is left out on Keras ")
        assert f"on TensorFlow {lesson.version('tensorflow', 'tensorflow-cpu')}." in first
    else:
        assert first == "CPU"


PIECES = r"""
import re
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell

def held():
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1e3

shell = InteractiveShell.instance()
for cell in ("import numpy", *[{start!r}] * 2):
    shell.run_cell(cell).raise_error()
before = held()
# Large and small pieces in turn, and the small ones stay: 200 MB, all of it between pieces in use.
shell.run_cell("made = [b'1' * (100_000 if n % 2 else 1000) for n in range(4000)]")
most = held()
shell.run_cell("made = made[::2]")
print(most - before, held() - before, shell.events.callbacks["post_run_cell"])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked to give back")
@pytest.mark.parametrize("started", [False, True])
def test_what_a_cell_has_freed_goes_back_when_it_ends(started, tmp_path):
    start = "from utils import lesson; lesson.start()" if started else "pass"
    done = subprocess.run(
        [sys.executable, "-c", PIECES.format(start=start)],
        capture_output=True,
        text=True,
        cwd=lesson.ROOT,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    most, left, hooks = done.stdout.splitlines()[-1].split(maxsplit=2)
    assert float(most) > 150
    assert float(left) < 30 if started else float(left) > 150, done.stdout
    assert hooks.count("_trim") == started  # once, though the lesson was started twice


@pytest.fixture
def full_size(monkeypatch):
    monkeypatch.setattr(lesson, "full", True)


@pytest.mark.parametrize(
    ("value", "full_band", "shown"),
    [
        (0.98, (0.97, 1), "expected 0.97 to 1"),
        (0.92, None, "expected 0.9 to 0.95"),
    ],
)
def test_at_full_size_the_full_band_counts_where_there_is_one(
    full_size, value, full_band, shown, capsys
):
    lesson.checkpoint("accuracy", value, 0.9, 0.95, full_band=full_band)
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(("value", "full_band"), [(0.92, (0.97, 1)), (0.98, None)])
def test_at_full_size_a_value_outside_its_band_fails(full_size, value, full_band):
    with pytest.raises(lesson.CheckpointError):
        lesson.checkpoint("accuracy", value, 0.9, 0.95, full_band=full_band)


def test_at_small_size_the_full_band_does_not_count(capsys):
    lesson.checkpoint("accuracy", 0.92, 0.9, 0.95, full_band=(0.97, 1))
    assert "expected 0.9 to 0.95" in capsys.readouterr().out
    with pytest.raises(lesson.CheckpointError):
        lesson.checkpoint("accuracy", 0.98, 0.9, 0.95, full_band=(0.97, 1))


def test_an_empty_full_band_is_refused_at_small_size_too():
    with pytest.raises(ValueError, match="band 1 to 0.97 is empty"):
        lesson.checkpoint("accuracy", 0.92, 0.9, 0.95, full_band=(1, 0.97))


@pytest.mark.parametrize(
    ("text", "expected"), [(None, "False"), ("", "False"), ("0", "False"), ("1", "True")]
)
def test_full_size_is_on_where_the_variable_says_so_only(monkeypatch, text, expected):
    monkeypatch.delenv(lesson.FULL_VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(lesson.FULL_VARIABLE, text)
    assert _in_new_python("from utils import lesson; print(lesson.full)") == expected


def test_a_full_size_of_another_word_is_refused(monkeypatch):
    monkeypatch.setenv(lesson.FULL_VARIABLE, "yes")
    code = "try: from utils import lesson\nexcept ValueError as error: print(error)"
    assert "THINKING_IN_KERAS_FULL=yes: 1 asks for the full size" in _in_new_python(code)


def test_start_says_that_it_is_full_size(full_size, capsys):
    lesson.start()
    assert "Full size: the full public data sets" in capsys.readouterr().out


def test_finish_counts_this_lesson_only(capsys):
    lesson.checkpoint("of another lesson", 1, 0, 2)
    lesson.start()
    lesson.checkpoint("of this lesson", 1, 0, 2)
    lesson.finish()
    printed = capsys.readouterr().out
    assert "Checkpoints in their bands: 1." in printed
    assert "GB of memory" in printed


@pytest.mark.parametrize(("gpus", "expected"), [([], "CPU"), (["GPU:0"], "GPU")])
def test_device_on_tensorflow(monkeypatch, gpus, expected):
    tensorflow = types.ModuleType("tensorflow")
    tensorflow.config = types.SimpleNamespace(list_physical_devices=lambda kind: gpus)
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    monkeypatch.delitem(sys.modules, "keras_theano", raising=False)
    assert lesson.device() == expected


# In one process, because starting JAX and Keras takes seconds: JAX's own word (on the processor of
# the test machine), then as where JAX's device is a GPU, and after a return to the mode vm.
ON_THEANO = """
import keras_theano
import keras
from utils import lesson

for mode in ("vm", "jax"):
    keras_theano.set_mode(mode)
    print(mode, lesson.device(), keras_theano.device())

from keras_theano.src import jax_mode

jax_mode.device = lambda: "GPU"
import tensorflow  # as Keras does for some of its layers: its devices are not the engine's

for mode in ("jax", "vm"):
    keras_theano.set_mode(mode)
    print(mode, lesson.device(), keras_theano.device())
"""


def test_device_on_theano_is_what_the_engine_says():
    pytest.importorskip("jax", reason="JAX is in .testdeps")
    import jax

    device = jax.devices()[0].platform.upper()
    printed = run_programs({"theano": ON_THEANO})["theano"].splitlines()
    assert printed == ["vm CPU CPU", f"jax {device} {device}", "jax GPU GPU", "vm CPU CPU"]


@pytest.mark.parametrize("setup", ["", "import numpy\n", "import keras_theano, keras\n"])
def test_device_without_a_gpu_is_the_cpu(setup):
    code = f"{setup}from utils import lesson; print(lesson.device())"
    assert run_programs({"lesson": code})["lesson"] == "CPU\n"


def test_version_of_a_package_that_is_not_there():
    assert lesson.version("no-such-package-here") == "not installed"
    assert lesson.version("no-such-package-here", "numpy") == np.__version__


def _in_new_python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=lesson.ROOT, check=True
    ).stdout.strip()


def test_peak_memory_counts_what_was_held_and_let_go():
    code = (
        "from utils.lesson import peak_memory\n"
        "before = peak_memory()\n"
        "x = b'1' * 300_000_000\n"
        "del x\n"
        "print(peak_memory() - before)"
    )
    assert 250e6 < int(_in_new_python(code)) < 400e6


def test_importing_utils_chooses_no_engine():
    code = (
        "import sys, utils.lesson, utils.figures, utils.exercises, utils.widgets\n"
        "print([m for m in ('keras', 'keras_theano', 'tensorflow', 'matplotlib', 'ipywidgets')"
        " if m in sys.modules])"
    )
    assert _in_new_python(code) == "[]"
