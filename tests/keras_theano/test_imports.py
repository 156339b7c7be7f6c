"""The engine's modules import one another one way: no circles, and no import hidden in a function."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import keras_theano

ROOT = Path(keras_theano.__file__).resolve().parent
# Imports within functions that have to be there, with the reason.
LATER = {
    "Keras's engine is chosen before Keras is imported": {
        ("keras_theano", "keras_theano.pytensor_ops.elementwise"),
        ("keras_theano", "keras_theano.pytensor_ops.interpreter"),
        ("keras_theano", "keras_theano.src.modes"),
        ("keras_theano", "keras_theano.src.tensor"),
        ("keras_theano", "keras_theano.src.tracing"),
        ("keras_theano.hook", "keras_theano.src.numpy_ops.shapes"),
        ("keras_theano.hook", "keras_theano.src.rnn"),
    },
    "JAX is imported in the mode jax only": {
        ("keras_theano.src.modes", "keras_theano.src.jax_mode"),
        ("keras_theano.pytensor_ops.array", "keras_theano.pytensor_ops.jax_graph"),
        ("keras_theano.pytensor_ops.control_flow", "keras_theano.pytensor_ops.jax_graph"),
    },
}


def module_name(path):
    parts = ("keras_theano", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports(name):
    """Yield (module of the engine, whether within a function) for each import of a module."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    within = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names = [f"{base}.{alias.name}" for alias in node.names]
            found = [each if each in MODULES else base for each in names]
        else:
            continue
        for each in found:
            if each in MODULES and each != name:
                yield each, id(node) in within


def test_imports_are_seen():
    assert ("keras_theano.src.tensor", False) in set(imports("keras_theano.src.core"))
    assert ("keras_theano.src.jax_mode", True) in set(imports("keras_theano.src.modes"))
    assert ("keras_theano.pytensor_ops._onednn", False) in set(
        imports("keras_theano.pytensor_ops.conv_onednn")
    )


def test_there_are_no_circles():
    TopologicalSorter({name: {one for one, _ in imports(name)} for name in MODULES}).prepare()


def test_imports_stand_at_the_top():
    later = {(name, one) for name in MODULES for one, within in imports(name) if within}
    assert later == set.union(*LATER.values())


def test_arrows_do_not_run_back_up():
    """Ops know nothing of Keras, the Keras half nothing of what is built on it."""
    below = {
        "keras_theano.pytensor_ops": ("keras_theano.src", "keras_theano.seeing"),
        "keras_theano.src": ("keras_theano.seeing", "keras_theano.mixing", "keras_theano.hook"),
        "keras_theano.src.numpy_ops": ("keras_theano.src.core", "keras_theano.src.nn"),
    }
    wrong = [
        (name, one)
        for name in MODULES
        for part, above in below.items()
        if f"{name}.".startswith(f"{part}.")
        for one, _ in imports(name)
        if one.startswith(above)
    ]
    assert wrong == []
