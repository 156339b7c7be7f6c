"""Keras 3 on Theano (maintained today as PyTensor).

    import keras_theano  # selects the engine: must come before keras
    import keras

    keras.backend.backend()  # 'theano'

The setting is the mode, which says what computes a model's functions: `set_mode(name)`, or the
environment variable KERAS_THEANO_MODE; `mode()` tells which one is in use, and `device()` what it
computes on, "CPU" or "GPU".

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
from keras_theano.setting import mode, set_mode

__all__ = ["Tensor", "device", "gradients", "interpreter", "mode", "set_mode"]


def _select():
    """Make "theano" the engine of the Keras that is about to be imported.

    Raises:
        RuntimeError: Keras is already up with another engine.
        ValueError: there is no such mode as the environment variable names.
    """
    setting.check_environment()
    config = sys.modules.get("keras.src.backend.config")
    if config is not None and config.backend() != "theano":
        raise RuntimeError(
            f"Keras is already running on {config.backend()!r}, and the engine of a running Keras "
            "cannot be changed. Restart the kernel (or the Python process) and put "
            "`import keras_theano` before `import keras`."
        )
    os.environ["KERAS_BACKEND"] = "theano"
    hook.install()


_select()


def __getattr__(name):
    # Lazily, because these load Keras, and the engine must be chosen before that.
    if name in ("device", "gradients", "interpreter", "Tensor"):
        from keras_theano.src import modes, tensor, tracing

        return {
            "device": modes.device,
            "gradients": tracing.gradients,
            "interpreter": modes.interpreter,
            "Tensor": tensor.Tensor,
        }[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
