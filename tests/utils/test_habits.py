"""Habits that hold in all of utils: hints on what is public, `__all__`, and imports one way."""

import ast
import importlib
from pathlib import Path

import pytest

from utils.processes import run_programs

COURSE = Path(__file__).resolve().parents[2]
FILES = sorted((COURSE / "utils").rglob("*.py"))


def public(body):
    """Functions and methods that others may call, with a name that says where they are."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((f"{node.name}.{name}", method) for name, method in public(node.body))
        elif isinstance(node, ast.FunctionDef):
            dunder = node.name in ("__init__", "__call__", "__getitem__")
            if dunder or not node.name.startswith("_"):
                yield node.name, node


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(COURSE)))
def test_public_functions_have_hints(path):
    for name, node in public(ast.parse(path.read_text(encoding="utf-8")).body):
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        given += filter(None, [node.args.vararg, node.args.kwarg])
        without = [arg.arg for arg in given if arg.annotation is None and arg.arg != "self"]
        assert not without, f"{name}: {without}"
        assert node.returns or node.name == "__init__", f"{name} does not say what it returns"


@pytest.mark.parametrize("package", ["utils.data", "utils.nets", "utils.tf"])
def test_names_handed_on_are_there(package):
    module = importlib.import_module(package)
    assert sorted(set(module.__all__)) == sorted(module.__all__)
    assert all(getattr(module, name) is not None for name in module.__all__)
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = module.nonsense


def test_utils_tf_loads_what_is_asked_for():
    script = (
        "import sys, utils.tf\n"
        "assert 'tensorflow' not in sys.modules\n"
        "assert {'fit', 'check_shapes'} <= set(dir(utils.tf))\n"
        "from utils.tf import check_shapes\n"
        "assert utils.tf.check_shapes is check_shapes and 'check_shapes' in vars(utils.tf)\n"
        "print(sorted(name for name in sys.modules if name.startswith('utils.')))\n"
    )
    printed = run_programs({"utils.tf": script})["utils.tf"]
    assert printed.strip() == "['utils.tf', 'utils.tf.shapes']"


FAR = {"nets": ("utils.tf",), "data": ("utils.tf", "utils.nets"), "": ("utils.tf", "utils.nets")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(COURSE)))
def test_imports_go_one_way(path):
    """What every lesson loads needs neither networks nor TensorFlow, data no network, and so on."""
    folder = path.relative_to(COURSE / "utils").parent.as_posix().strip(".")
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            imported.add(node.module)
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    assert not [name for name in imported if name and name.startswith(FAR.get(folder, ("-",)))]
