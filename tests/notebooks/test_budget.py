"""What the notebook run must refuse: tried on small notebooks, each in its own pytest."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.notebooks.budget import budget, faults, taken

ROOT = Path(__file__).resolve().parent.parent.parent

FAKE_ENGINE = (
    "import sys, types\n"
    "keras = types.ModuleType('keras')\n"
    "keras.backend = types.SimpleNamespace(backend=lambda: {engine!r})\n"
    "sys.modules['keras'] = keras"
)


@pytest.fixture
def run(tmp_path):
    """Run a notebook of the given cells as CI does; returns pytest's exit status and output."""

    def run(*sources, folder="part2", name="09-small.ipynb", options=(), **variables):
        path = tmp_path / folder / name
        path.parent.mkdir()
        cells = [new_code_cell(source, execution_count=n) for n, source in enumerate(sources, 1)]
        nbformat.write(new_notebook(cells=cells), path)
        command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env"]
        command += ["-p", "tests.notebooks.budget", "-p", "no:cacheprovider", "-q", str(path)]
        command += [*options, "--nbval-cell-timeout=10"]  # nbval notices a dead kernel only by this
        kept = {n: v for n, v in os.environ.items() if not n.startswith("KERAS_THEANO_")}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**kept, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_good_notebook_passes_and_is_reported(run):
    status, output = run("from utils import lesson", "lesson.checkpoint('loss', 0.5, 0, 1)")
    assert status == 0, output
    assert "09-small.ipynb" in output and "GB of 2.0" in output


def test_notebook_beside_others_is_judged_and_reported(run):
    status, output = run("import time; time.sleep(0.1)", options=["-n", "1"])
    assert status == 0 and "09-small.ipynb" in output and "GB of 2.0" in output, output
    loads = "sys.modules['tensorflow'] = types.ModuleType('tensorflow')"
    status, output = run(
        FAKE_ENGINE.format(engine="theano"), loads, folder="part1", options=["-n", "1"]
    )
    assert status == 1 and "loaded TensorFlow, although Keras runs on Theano" in output, output


@pytest.mark.parametrize("value", ["1.5", "-0.1", "float('nan')"])
def test_checkpoint_outside_its_band_fails(run, value):
    status, output = run("from utils import lesson", f"lesson.checkpoint('loss', {value}, 0, 1)")
    assert status == 1
    assert "CheckpointError" in output and "is outside its band" in output


def test_theano_lesson_that_loads_tensorflow_fails(run):
    loads = "sys.modules['tensorflow'] = types.ModuleType('tensorflow')"
    status, output = run(FAKE_ENGINE.format(engine="theano"), loads, folder="part1")
    assert status == 1
    assert "loaded TensorFlow, although Keras runs on Theano" in output


def test_part_1_on_tensorflow_fails(run):
    status, output = run(FAKE_ENGINE.format(engine="tensorflow"), folder="part1")
    assert status == 1
    assert "Keras ran on tensorflow instead of theano" in output


@pytest.mark.parametrize("engine", ["tensorflow", "jax", "theano"])
def test_part_1_runs_on_the_engine_that_the_variable_names(run, engine):
    loads = (
        "sys.modules['tensorflow'] = types.ModuleType('tensorflow')" if engine != "theano" else ""
    )
    cells = [FAKE_ENGINE.format(engine=engine), loads]
    status, output = run(*cells, folder="part1", KERAS_THEANO_ENGINE=engine)
    assert status == 0, output


def test_part_1_that_chooses_its_engine_itself_fails_where_the_variable_names_another(run):
    keras = FAKE_ENGINE.format(engine="theano")
    status, output = run(keras, folder="part1", KERAS_THEANO_ENGINE="tensorflow")
    assert status == 1
    assert "Keras ran on theano instead of tensorflow" in output


@pytest.mark.parametrize(
    "clock, processor, beside, seconds",
    [
        (276.0, 95.0, False, 95.0),
        (80.0, 140.0, False, 80.0),
        (276.0, 200.0, True, 150.0),
        (276.0, 260.0, True, 195.0),  # too slow
    ],
)
def test_other_programs_are_no_fault_of_a_notebook(clock, processor, beside, seconds):
    assert taken(clock, processor, beside) == seconds


def test_memory_over_budget_fails(run):
    status, output = run("x = bytearray(2_100_000_000)\nx[::4096] = b'1' * len(x[::4096])")
    assert status == 1
    assert "2.0 GB is the most" in output


def test_slow_widget_fails(run):
    widget = (
        "import time\nfrom matplotlib.figure import Figure\nfrom utils.widgets import explore\n"
        "def work(seconds=0.0):\n"
        "    end = time.process_time() + seconds\n"
        "    while time.process_time() < end:\n        pass\n"
        "    return Figure()\n"
        "explore(work, seconds=(0.0, 1.6))"
    )
    status, output = run(widget)
    assert status == 1
    assert "for work(seconds=1.6)" in output


def test_dead_kernel_fails(run):
    status, output = run("x = 1", "import os\nos._exit(1)")
    assert status == 1, output


@pytest.mark.parametrize(
    ("name", "expected"), [("00-a", (20, 2.0)), ("01-a", (150, 1.5)), ("15-a", (150, 2.0))]
)
def test_budgets(name, expected):
    assert budget(Path(f"lessons/{name}.ipynb")) == expected


@pytest.mark.parametrize("name", ["KERAS_THEANO_ENGINE", "KERAS_THEANO_MODE"])
def test_an_engine_that_compiles_more_may_take_more(run, name):
    keras = FAKE_ENGINE.format(engine="jax" if name.endswith("ENGINE") else "theano")
    status, output = run(keras, folder="part1", name="01-small.ipynb", **{name: "jax"})
    assert status == 0 and "s of 300" in output and "GB of 3.75" in output, output


def test_faults_of_time():
    path = Path("lessons/00-start-here.ipynb")
    assert faults(path, 24.9, 0.5, None, False) == []
    assert faults(path, 25.1, 0.5, None, False) == [
        "took 25 s; 20 s is the most, on two quiet cores"
    ]
