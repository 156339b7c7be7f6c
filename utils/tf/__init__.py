"""What makes custom TensorFlow code pleasant: the library of Part 2.

    from utils.tf import check_gradients, check_shapes, count_traces, fit

- `devices`: take no more GPU memory than needed; see what is there; split a CPU in two to try
  `tf.distribute`.
- `tracing`: count how often `tf.function` traces, and name the argument that made it.
- `shapes`: say once what the axes are called, and be told where they disagree.
- `gradients`: compare a gradient, a custom one too, with finite differences.
- `training`: a loop with a progress bar, a history, early stopping, and checkpoints to resume from.

Importing this package imports TensorFlow, which `import utils` alone does not. It does not touch the
devices: memory can still be limited afterwards. It works with `tf.Tensor`, `tf.Variable` and
`tf.function`; with Keras models and optimizers too, if Keras runs on TensorFlow.
"""

from utils.tf.devices import cap_memory, describe_devices, gpu_memory, grow_memory, split_cpu
from utils.tf.gradients import GradientError, GradientReport, check_gradients
from utils.tf.shapes import ShapeError, check_shapes
from utils.tf.tracing import CountedFunction, RetraceError, Trace, count_traces
from utils.tf.training import fit

__all__ = [
    "CountedFunction",
    "GradientError",
    "GradientReport",
    "RetraceError",
    "ShapeError",
    "Trace",
    "cap_memory",
    "check_gradients",
    "check_shapes",
    "count_traces",
    "describe_devices",
    "fit",
    "gpu_memory",
    "grow_memory",
    "split_cpu",
]
