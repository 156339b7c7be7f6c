"""Keras 3 on Theano (maintained today as PyTensor).

    import keras_theano  # selects the engine: must come before keras
    import keras

    keras.backend.backend()  # 'theano'

There are two settings, and both know the word jax:

- KERAS_THEANO_ENGINE, an environment variable: what is under Keras. "theano" is the default. With
  "tensorflow" or "jax" this import selects that engine of Keras's own in place of ours, so a program or
  notebook that begins with the two lines above runs on it as it is. `engine()` tells which one it is.
- The mode, for Theano only: what computes the graphs that our engine makes of a model. It is set by
  `set_mode(name)` or the environment variable KERAS_THEANO_MODE; `mode()` tells which one is in use,
  and `device()` what it computes on, "CPU" or "GPU".

So with KERAS_THEANO_ENGINE=jax there is no Theano: Keras's own code for JAX runs. With
KERAS_THEANO_MODE=jax the model is a Theano graph, as ever, which JAX's compiler makes a program of.

On another engine PyTensor itself works as it does beside ours, and so does `interpreter`; what looks into
our engine (`gradients`, `Tensor`, `device`, `keras_theano.seeing`, `keras_theano.mixing`) says that it is not there.

| mode | computes with | for |
|---|---|---|
| vm | NumPy and SciPy, node by node | the processor: nothing to install, starts at once |
| jax | one program by JAX's compiler | an NVIDIA GPU; on the processor, long trainings |
| numba | machine code by Numba | seeing what PyTensor does by default; slow to start |
| c | machine code by a C++ compiler | seeing what Theano used to do; slow to start |
| auto | jax where JAX can use an NVIDIA GPU (as on Google Colab), vm elsewhere | the default |

In all modes but jax, convolutions in 32 bits, and with them batch normalization, the gradient of
max pooling and large matrix products, are computed by oneDNN where it is installed (see
`pytensor_ops/_onednn.py`; its package comes with this one on Linux on x86-64), as Theano's were by
cuDNN, and by NumPy elsewhere: the same numbers but for their last digits, two to five times slower.
KERAS_THEANO_ONEDNN=0 leaves all to NumPy.

In the mode vm, chains of element-wise operations that have run a few times become machine code by
LLVM, in the background (see `pytensor_ops/machine_code.py`); the numbers stay the same to the last
bit. KERAS_THEANO_LLVM=0 leaves these to NumPy too.

`keras.config.set_floatx("float64")`, called before anything else of Keras, computes in 64 bits.

Threads may share a model: each gets what it would get alone. They take turns, one batch at a time
(see `src/lock.py`).

JAX is imported in the mode jax only. There, each new shape of a batch is compiled for; numbers are
in 32 bits unless the model's are wider; random numbers are JAX's, so others than in the modes that
share NumPy's; and values are not checked: an index out of range gives NaN instead of an error.
Calls outside of a model, such as `keras.ops.add(a, b)` on arrays, run on NumPy in every mode.

Gradients are Keras's on TensorFlow where a function has no single slope: of equal elements, a
maximum over an axis gives each an equal share (see `pytensor_ops`, which has all of the rule).
PyTensor's own functions, such as `pytensor.tensor.max`, keep their own gradients.

Graphs that are written in PyTensor itself (`pytensor.function`, `scan`, `grad`, `eval`) do not
follow this setting: by default, PyTensor makes machine code of each, for seconds to minutes. One
line lets it run them as they are, at once, as the mode vm runs models:

    import pytensor

    pytensor.config.mode = keras_theano.interpreter()

It also does for one function alone, `pytensor.function([x], y, mode=keras_theano.interpreter())`.
Such functions may read and change a model's weights (`variable.shared`) in every mode.

Importing this package only chooses the engine; the implementation, laid out like Keras's own
backends, is in `keras_theano.src` and loads with Keras.
"""

import os
import sys

from keras_theano import hook, setting
from keras_theano.setting import engine, mode, set_mode

#: The course's too: both pyproject.toml read it here.
__version__ = "1.0.0"

__all__ = ["Tensor", "device", "engine", "gradients", "interpreter", "mode", "set_mode"]


def _select():
    """Choose the engine of the Keras that is about to be imported.

    Raises:
        RuntimeError: Keras is already up with another engine.
        ValueError: there is no such engine, or no such mode, as the environment variable names.
        ModuleNotFoundError: the engine or the mode needs a package that is not installed.
    """
    chosen = engine()
    if chosen == "theano":
        setting.check_environment()
    config = sys.modules.get("keras.src.backend.config")
    if config is not None and config.backend() != chosen:
        raise RuntimeError(
            f"Keras is already running on {config.backend()!r}, and the engine of a running Keras "
            "cannot be changed. Restart the kernel (or the Python process) and put "
            "`import keras_theano` before `import keras`."
        )
    os.environ["KERAS_BACKEND"] = chosen
    if chosen == "theano":
        hook.install()
    else:
        # No chatter; errors still show. And TensorFlow adds in the same order on every processor.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
        _prepare_pytensor()


def _prepare_pytensor():
    """Give graphs written in PyTensor itself 32-bit floats, and its casts and long sums their speed.

    Our engine does so, and more, when it loads (see `src/setup.py`).
    """
    import pytensor

    from keras_theano.pytensor_ops import elementwise

    pytensor.config.floatX = "float32"
    elementwise.install()


_select()


def __getattr__(name):
    # Lazily, because these load Keras, and the engine must be chosen before that.
    if name in ("device", "gradients", "interpreter", "Tensor"):
        if engine() != "theano":
            if name != "interpreter":
                raise setting.other_engine(f"keras_theano.{name}")
            from keras_theano.pytensor_ops import interpreter

            interpreter.install()
            return interpreter.interpreter
        from keras_theano.src import modes, tensor, tracing

        return {
            "device": modes.device,
            "gradients": tracing.gradients,
            "interpreter": modes.interpreter,
            "Tensor": tensor.Tensor,
        }[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
