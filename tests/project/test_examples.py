"""The examples run on the engine, and each is a Keras program but for the line that selects it."""

import ast
import re

import pytest
from course_in_small import ROOT

from examples.__main__ import EXAMPLES, main
from utils.processes import run_programs


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_names_no_engine(name):
    """Nothing of Theano or TensorFlow in it: what runs here runs on Keras's other engines as it is."""
    tree = ast.parse((ROOT / "examples" / f"{name}.py").read_text("utf-8"))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert imported <= {"keras_theano", "keras", "numpy", "utils"}
    assert not [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("keras_theano.")
    ]


def test_they_run_and_make_a_table(capsys):
    main(["--few"])
    header, line, *rows = capsys.readouterr().out.splitlines()
    assert (header.count("|"), line.count("|")) == (5, 5)
    assert [row.split(" | ")[0].strip("| ") for row in rows] == list(EXAMPLES)
    for row in rows:
        assert re.search(r"\| theano \| [a-z, ]+ \d+(\.\d+)? \| \d+ \|$", row), row


def test_the_page_runs_a_script_as_it_is(tmp_path):
    """The command of the engine's page selects the engine for a script that does not name it."""
    page = (ROOT / "keras_theano" / "README.md").read_text("utf-8")
    (command,) = re.findall(r'python -c "(import keras_theano, runpy; [^"]+)"', page)
    script = "import keras\nif __name__ == '__main__':\n    print(keras.backend.backend())\n"
    (tmp_path / "mnist_convnet.py").write_text(script, "utf-8")
    program = f"import os; os.chdir({str(tmp_path)!r}); {command}"
    assert run_programs({"script": program})["script"] == "theano\n"
