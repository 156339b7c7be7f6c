"""Tries every version and import the lessons rely on, one line each; exit status 1 on the first fault.

Run by the Python to be checked (tools/build_environment.py does). The ranges are pyproject.toml's,
so that an environment made by conda or Colab is judged by the same rule.
"""

import importlib
import os
import sys
import time
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The order matters: TensorFlow is last, so that a processor it cannot run on is seen as that.
MODULES = [
    ("numpy", "NumPy"),
    ("scipy", "SciPy"),
    ("sklearn", "scikit-learn"),
    ("pandas", "pandas"),
    ("matplotlib.pyplot", "Matplotlib"),
    ("PIL.Image", "Pillow"),
    ("ipywidgets", "ipywidgets"),
    ("jupyterlab", "JupyterLab"),
    ("pytensor", "PyTensor (Theano's present name)"),
    ("utils", "the course's utils"),
    ("keras_theano", "Keras on Theano"),
    ("tensorflow", "TensorFlow"),
]


def main() -> int:
    """Check versions, then imports; return the exit status."""
    faults = [fault for line in requirements() if (fault := version_fault(line))]
    if faults:
        print("not as pyproject.toml asks: " + "; ".join(faults))
        return 1
    print("versions are as pyproject.toml asks", flush=True)
    os.environ.pop("KERAS_THEANO_ENGINE", None)  # the lessons' default engine is the one to check
    # Without the second, TensorFlow tells about newer processors before it knows its log level.
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")
    for module, name in MODULES:
        print(f"{name} ...", end=" ", flush=True)
        started = time.perf_counter()
        try:
            fault = import_fault(module)
        except Exception as error:  # whatever an import may raise, the learner gets one line
            fault = f"{type(error).__name__}: {error}"
        if fault:
            print(f"cannot be used. {fault}")
            return 1
        print(f"{time.perf_counter() - started:.1f} s", flush=True)
    return 0


def requirements() -> list[str]:
    """The course's direct dependencies, as pyproject.toml writes them."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"]["dependencies"]


def version_fault(line: str) -> str | None:
    """What is wrong with the installed version of one requirement, if anything."""
    from packaging.requirements import Requirement  # comes with JupyterLab

    requirement = Requirement(line)
    if requirement.marker and not requirement.marker.evaluate():
        return None
    # Colab and GPU machines have the plain TensorFlow, which serves as well as the CPU build.
    names = [requirement.name]
    if requirement.name == "tensorflow-cpu":
        names.append("tensorflow")
    for name in names:
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        if requirement.specifier.contains(installed, prereleases=True):
            return None
        return f"{name} is {installed}, wanted {requirement.specifier}"
    return f"{requirement.name} is not installed"


def import_fault(module: str) -> str | None:
    """Import one module; return what is wrong with what was imported, if anything."""
    imported = importlib.import_module(module)
    if module in ("utils", "keras_theano"):
        found = Path(imported.__file__).resolve()
        if not found.is_relative_to(ROOT):
            return f"{module} was found in {found.parent}, not in this copy of the course."
    if module == "keras_theano":
        import keras

        if keras.backend.backend() != "theano":
            return f"Keras runs on {keras.backend.backend()} instead of Theano."
    return None


if __name__ == "__main__":
    sys.exit(main())
