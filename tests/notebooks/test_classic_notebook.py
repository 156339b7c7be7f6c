"""Lesson 02b in its own kernel: Keras 2.3.1 on Theano 1.0.5 finds the numbers of lesson 02."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from tools.notebook import patiently
from utils import same_network
from utils.data import load_digits

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import build_environment  # noqa: E402 - found in tools/
import classic  # noqa: E402

PART_1 = ROOT / "lessons" / "part1"
CLASSIC = PART_1 / "02b-the-same-network-in-2017.ipynb"
LESSON = PART_1 / "02-how-a-network-learns.ipynb"


def printed(notebook):
    """What each code cell that printed anything printed."""
    outputs = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    return ["".join(output.get("text", "") for output in cell) for cell in outputs if cell]


def losses_by_hand():
    """Fifty losses by lesson 02's own NumPy code."""
    cells = nbformat.read(LESSON, as_version=4).cells
    (by_hand,) = (cell.source for cell in cells if cell.source.startswith("def learn_by_hand"))
    names = {"np": np}
    exec(by_hand, names)
    x, y = load_digits().train
    order = np.random.RandomState(0).permutation(len(x))[:3200]
    x = (x.reshape(-1, 784) / 255).astype("float32")[order]
    batches = same_network.batches(x, y[order])
    weights = same_network.initial_weights()
    return names["learn_by_hand"](weights, batches, same_network.LEARNING_RATE)[0]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook as executed now, with the losses of both ways printed by a cell added at the end."""
    prefix = tmp_path_factory.mktemp("jupyter")
    try:
        classic.install_kernel(prefix)
    except build_environment.Refusal as reason:
        if "needs a Python 3.7 or 3.8" in str(reason):
            pytest.skip(str(reason))
        raise
    notebook = nbformat.read(CLASSIC, as_version=4)
    ask = (
        "import json\n"
        "print(json.dumps({w: [float(n) for n in losses] for w, (losses, _) in runs.items()}))"
    )
    notebook.cells.append(new_code_cell(ask))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(prefix / "share" / "jupyter"))
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name=classic.KERNEL,
            resources={"metadata": {"path": str(PART_1)}},
        )
        patiently(client.execute)()
    return notebook


@pytest.mark.slow
def test_all_fifty_losses_are_those_of_lesson_02(executed):
    losses = json.loads(printed(executed)[-1])
    assert set(losses) == {"Theano", "Keras"}
    expected = losses_by_hand()
    assert len(expected) == 50
    for found in losses.values():
        assert np.abs(np.subtract(found, expected)).max() < 1e-5


@pytest.mark.slow
def test_it_ran_on_what_it_says_and_prints_what_was_committed(executed):
    now, committed = printed(executed), printed(nbformat.read(CLASSIC, as_version=4))
    assert now[0].startswith("Keras 2.3.1 on Theano 1.0.5\n")
    assert now[1] == committed[1], "other digits"
    numbers = [
        [float(word) for word in text[2].split() if "." in word] for text in (now, committed)
    ]
    assert np.allclose(*numbers, rtol=0, atol=1e-5) and len(numbers[0]) == 4


def test_the_notebook_names_the_kernel_that_make_classic_installs():
    kernel = nbformat.read(CLASSIC, as_version=4).metadata.kernelspec
    assert (kernel.name, kernel.display_name) == (classic.KERNEL, classic.KERNEL_TITLE)


def test_the_kernel_starts_the_old_python_with_its_own_settings(tmp_path, monkeypatch):
    python = tmp_path / "bin" / "python"
    monkeypatch.setattr(classic, "ensure", lambda: python)
    monkeypatch.setattr(build_environment, "link_course", lambda python: None)
    folder = classic.install_kernel(tmp_path / "env")
    assert folder == tmp_path / "env" / "share" / "jupyter" / "kernels" / classic.KERNEL
    kernel = json.loads((folder / "kernel.json").read_text())
    assert kernel["argv"][0] == str(python) and "{connection_file}" in kernel["argv"]
    assert kernel["display_name"] == "2017: Keras 2.3.1 on Theano 1.0.5"
    assert kernel["env"]["KERAS_BACKEND"] == "theano"
    assert kernel["env"]["PYTHONPATH"] == kernel["env"]["THEANO_FLAGS"] == ""


def test_the_run_over_all_lessons_leaves_it_out():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "lessons/part1"]
    command += ["--nbval-lax", "--nbval-current-env"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert LESSON.name in done.stdout and done.returncode == 0
    assert CLASSIC.name not in done.stdout
