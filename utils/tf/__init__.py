"""What makes custom TensorFlow code pleasant: the library of Part 2.

    from utils.tf import check_gradients, check_shapes, count_traces, descend, fit

- `devices`: take no more GPU memory than needed; see what is there; split a CPU in two to try
  `tf.distribute`.
- `tracing`: count how often `tf.function` traces, and name the argument that made it.
- `shapes`: say once what the axes are called, and be told where they disagree.
- `gradients`: compare a gradient, a custom one too, with finite differences.
- `minimising`: SciPy's optimizers over a tensor, such as a picture, with a budget and to resume.
- `training`: a loop with a progress bar, a history, early stopping, and checkpoints to resume from.
- `descent`, `distribute`: the step in that loop, for losses of any kind, in mixed precision, and on several
  devices.
- `serving`: a process without Keras that answers for an exported model over HTTP.
- `penalty`: holds the slope of a GAN's critic.
- `pictures`: how near one picture comes to another.

Each name is imported when it is first asked for, and TensorFlow with it; `import utils.tf` alone does
not. It does not touch the devices: memory can still be limited afterwards. It works with `tf.Tensor`,
`tf.Variable` and `tf.function`; with Keras models and optimizers too, if Keras runs on TensorFlow.
"""

from importlib import import_module

_NAMES = {
    "descent": ["descend"],
    "devices": ["cap_memory", "describe_devices", "gpu_memory", "grow_memory", "split_cpu"],
    "distribute": ["distributed"],
    "gradients": ["GradientError", "GradientReport", "check_gradients"],
    "minimising": ["Minimum", "minimise"],
    "penalty": ["gradient_penalty"],
    "pictures": ["psnr", "ssim"],
    "serving": ["ModelServer", "serve"],
    "shapes": ["ShapeError", "check_shapes"],
    "tracing": ["CountedFunction", "RetraceError", "Trace", "count_traces"],
    "training": ["fit"],
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found  # from now on it is found without this function
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
