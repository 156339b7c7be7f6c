"""Builds ``.venv-classic``, Keras 2.3.1 on Theano 1.0.5, and makes it a Jupyter kernel.

It serves lessons/part1/02b, tests/oracle and the benchmarks. ``make classic`` builds it, where a Python
3.7 or 3.8 is found: the one that the variable COURSE_CLASSIC_PYTHON names, else one on the PATH, else
one of pyenv's. It is built once for each state of requirements-classic.lock. The kernel is
installed in the environment of the Python that runs this file, and nowhere else.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import build_environment as build

VENV = build.CLASSIC
LOCK = build.ROOT / "requirements-classic.lock"
VERSIONS = ("3.8", "3.7")
VARIABLE = "COURSE_CLASSIC_PYTHON"
KERNEL, KERNEL_TITLE = "keras-2017", "2017: Keras 2.3.1 on Theano 1.0.5"


def find_python() -> str:
    """Return the path of a Python 3.7 or 3.8.

    Raises:
        build.Refusal: There is none, or COURSE_CLASSIC_PYTHON names something else.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if version_of(named) not in VERSIONS:
            raise build.Refusal(f"{VARIABLE} names {named}, which is no Python 3.7 or 3.8.")
        return named
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for version in VERSIONS:
        on_path = shutil.which(f"python{version}")
        # On the PATH may be pyenv's stand-in for a version that is not the active one.
        candidates = [*([on_path] if on_path else []), *pyenv.glob(f"{version}.*/bin/python")]
        for python in map(str, candidates):
            if version_of(python) == version:
                return python
    raise build.Refusal(
        "Keras 2.3.1 on Theano 1.0.5 needs a Python 3.7 or 3.8, and none was found on the PATH or "
        f"among pyenv's. {VARIABLE}=/path/to/python names one; conda has one: "
        "conda env create -f environment-classic.yml"
    )


def version_of(python: str) -> str:
    """``3.8`` for a Python 3.8; empty for anything that does not start."""
    code = "import sys; print('{}.{}'.format(*sys.version_info))"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def ensure() -> Path:
    """Build the environment if it is not there as the lock file has it; return its Python.

    Raises:
        build.Refusal: No suitable Python, or a package could not be installed.
    """
    python = build.interpreter(VENV)
    with build.one_at_a_time():
        stamp = build.read_stamp(VENV)
        if stamp.get("lock") == build.digest(LOCK) and build.answers(python):
            configure()  # anew, for the folder may have been moved
            return python
        base = find_python()
        build.say("Building .venv-classic: Keras 2.3.1 on Theano 1.0.5 (about 75 MB to download).")
        build.remove(VENV)
        subprocess.run(
            [base, "-m", "venv", str(VENV)],
            env=build.clean_environment(),
            stdin=subprocess.DEVNULL,
            check=True,
        )
        build.install(python, LOCK)
        configure()
        build.write_stamp(VENV, LOCK, version_of(base))
    return python


def configure() -> None:
    """Write Theano's and Keras's settings into the environment, so that none are made elsewhere."""
    theano = ["[global]", "floatX = float32", f"base_compiledir = {VENV / 'compiled'}"]
    # Theano wants a BLAS to link to; the one inside NumPy's package is one, under another name.
    # A linker's options cannot have spaces in them, so a folder with one goes without.
    for library in VENV.glob("lib/python*/site-packages/numpy.libs/libopenblas*.so"):
        if platform.system() == "Linux" and " " not in str(VENV):
            folder = VENV / "blas"
            folder.mkdir(exist_ok=True)
            (folder / "libopenblas.so").unlink(missing_ok=True)
            (folder / "libopenblas.so").symlink_to(library)
            flags = f"-L{folder} -lopenblas -Wl,-rpath,{library.parent}"
            theano += ["[blas]", f"ldflags = {flags}"]
    (VENV / "theanorc").write_text("\n".join(theano) + "\n")


def environment(**variables: str) -> dict[str, str]:
    """The variables to run the classic Python with: its own settings, nothing of the user's."""
    astray = {"THEANO_FLAGS", "KERAS_HOME"}
    kept = {k: v for k, v in build.clean_environment().items() if k not in astray}
    return {
        **kept,
        "KERAS_BACKEND": "theano",
        "KERAS_HOME": str(VENV / "keras"),
        "THEANORC": str(VENV / "theanorc"),
        **variables,
    }


def install_kernel(prefix: Path = Path(sys.prefix)) -> Path:
    """Make ``.venv-classic`` a kernel of the Jupyter in an environment; return the kernel's folder.

    Args:
        prefix: the environment's folder, such as ``.venv``.

    Raises:
        build.Refusal: ``.venv-classic`` could not be built.
    """
    python = ensure()
    build.link_course(python)
    folder = prefix / "share" / "jupyter" / "kernels" / KERNEL
    folder.mkdir(parents=True, exist_ok=True)
    settings = ("KERAS_BACKEND", "KERAS_HOME", "THEANORC")
    kernel = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": KERNEL_TITLE,
        "language": "python",
        # The variables emptied would lead it astray; a kernel is started with all of Jupyter's.
        "env": {name: environment()[name] for name in settings}
        | {"THEANO_FLAGS": "", "PYTHONPATH": "", "PYTHONHOME": ""},
    }
    (folder / "kernel.json").write_text(json.dumps(kernel, indent=1) + "\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    try:
        install_kernel()
        print(f'JupyterLab has the kernel "{KERNEL_TITLE}" now; for it is lesson 02b in part1.')
    except build.Refusal as refusal:
        sys.exit(str(refusal))
