"""The two settings: the engine that Keras gets, and of Theano the mode, which says what computes."""

import functools
import importlib.metadata
import importlib.util
import os
import sys

ENGINE_VARIABLE = "KERAS_THEANO_ENGINE"
ENGINES = ("theano", "tensorflow", "jax")

VARIABLE = "KERAS_THEANO_MODE"
MODES = {
    "vm": "PyTensor's virtual machine on NumPy and SciPy: nothing to compile, starts at once",
    "numba": "machine code by Numba: compiles for a minute or more",
    "c": "machine code by the C++ compiler g++ or clang++, kept on disk for the next time",
    "jax": "JAX and its compiler XLA, on the GPU where JAX has one",
}
_PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin")

_chosen = None
_automatic = None


@functools.cache  # the engine of a process cannot change, whatever becomes of the variable
def engine():
    """Return the engine that `import keras_theano` selects: "theano", or the one that the
    environment variable `KERAS_THEANO_ENGINE` names, "tensorflow" or "jax".

    Raises:
        ValueError: there is no such engine.
        ModuleNotFoundError: it is not installed.
    """
    name = os.environ.get(ENGINE_VARIABLE, "").strip().lower() or "theano"
    what = f"The environment variable {ENGINE_VARIABLE}={name}"
    if name not in ENGINES:
        raise ValueError(f"{what}: there is no such engine. Choose {', '.join(ENGINES)}.")
    if name != "theano" and importlib.util.find_spec(name) is None:
        raise ModuleNotFoundError(
            f"{what}: this engine is not installed. `pip install {name}` installs it (in a notebook "
            f"`%pip install {name}`, then restart the kernel); without the variable Keras runs on "
            "Theano.",
            name=name,
        )
    return name


def other_engine(what):
    """Return the error to raise where Keras was given another engine and `what`, in words, needs ours."""
    return RuntimeError(
        f"{what} belongs to Keras on Theano, and here Keras runs on {engine()!r}, as the environment "
        f"variable {ENGINE_VARIABLE} says. Without the variable you can use it."
    )


def set_mode(name):
    """Choose the mode.

    It holds from now on, for models that were compiled before, too: their functions are compiled
    anew when they are next used. Weights and random state stay. Without a call, the environment
    variable `KERAS_THEANO_MODE` decides, and where there is none, "auto".

    Args:
        name: "vm", "numba", "c", "jax", or "auto": "jax" where there is an NVIDIA GPU and a JAX that
            can use it, as on Google Colab, and "vm" everywhere else.

    Raises:
        ValueError: there is no such mode.
        ModuleNotFoundError: JAX is not installed.
        RuntimeError: there is no C++ compiler.
    """
    global _chosen
    _check(name, f"set_mode({name!r})")
    _chosen = name
    if mode() != "jax" and "keras_theano.src.jax_mode" in sys.modules:
        sys.modules["keras_theano.src.jax_mode"].return_state()


def mode():
    """Return the name of the mode that is in use: "vm", "numba", "c" or "jax"."""
    name = _setting()
    return _automatic_mode() if name == "auto" else name


def check_environment():
    """Raise, as `set_mode` does, where the environment variable cannot be followed."""
    name = _setting()
    _check(name, f"The environment variable {VARIABLE}={name}")


def is_automatic():
    """Tell whether nobody has chosen the mode."""
    return _setting() == "auto"


def give_up_gpu():
    """Let "auto" mean "vm" from now on: JAX could not use the GPU after all."""
    global _automatic
    _automatic = "vm"


def _setting():
    return _chosen or os.environ.get(VARIABLE, "").strip().lower() or "auto"


def _automatic_mode():
    global _automatic
    if _automatic is None:
        _automatic = "jax" if _has_nvidia_gpu() and _jax_can_use_it() else "vm"
    return _automatic


def _has_nvidia_gpu():
    """Look for the driver's device files: asking JAX would mean importing it."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return False
    return any(map(os.path.exists, ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")))


def _jax_can_use_it():
    if os.environ.get("JAX_PLATFORMS", "cuda").split(",")[0] not in ("", "cuda", "gpu"):
        return False
    return _has_jax() and any(map(_is_installed, _PLUGINS))


def _has_jax():
    return importlib.util.find_spec("jax") is not None


def _is_installed(distribution):
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _check(name, what):
    if name not in MODES and name != "auto":
        raise ValueError(f"{what}: there is no such mode. Choose {', '.join(MODES)} or auto.")
    if name == "jax" and not _has_jax():
        raise ModuleNotFoundError(
            f"{what}: JAX is not installed. `pip install jax` installs it for the CPU, "
            "`pip install jax[cuda12]` for an NVIDIA GPU; Google Colab has it. Without it, choose "
            "the mode vm.",
            name="jax",
        )
    if name == "c" and not _has_compiler():
        raise RuntimeError(
            f"{what}: this mode needs the C++ compiler g++ or clang++, and there is none. Install "
            "one (Debian and Ubuntu: `apt install g++`; macOS: `xcode-select --install`), or choose "
            "the mode vm, which needs none."
        )


def _has_compiler():
    import pytensor

    return bool(pytensor.config.cxx)
