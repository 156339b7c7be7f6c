"""What TensorFlow computes on, and how much memory it may take there.

TensorFlow takes nearly all memory of every GPU as soon as it computes anything, so the functions that
change this come first in a notebook, before any tensor is made. After that they refuse.
"""

import os

import tensorflow as tf

__all__ = ["cap_memory", "describe_devices", "gpu_memory", "grow_memory", "split_cpu"]


def grow_memory() -> list[str]:
    """Let TensorFlow take GPU memory as it needs it, instead of nearly all of it at the start.

    Source: TensorFlow's guide "Use a GPU", tensorflow.org/guide/gpu.

    Returns:
        The GPUs it now holds for, such as `["GPU:0"]`; empty without a GPU.

    Raises:
        RuntimeError: TensorFlow has computed something already and took memory the other way, or a
            GPU has a cap, which already takes its memory as it is needed.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        _before_first_use(tf.config.experimental.set_memory_growth, gpu, True)
    return [_short(gpu) for gpu in gpus]


def cap_memory(gibibytes: float) -> list[str]:
    """Let TensorFlow take at most so much memory of each GPU.

    Source: TensorFlow's guide "Use a GPU", tensorflow.org/guide/gpu.

    Args:
        gibibytes: above 0, in GiB (2**30 bytes).

    Returns:
        The GPUs with a cap, such as `["GPU:0"]`; empty without a GPU.

    Raises:
        RuntimeError: TensorFlow has computed something already, or `grow_memory` came before.
        ValueError: a cap that is not above 0.
    """
    if not gibibytes > 0:
        raise ValueError(f"A cap has to be above 0 GiB, not {gibibytes!r}.")
    gpus = tf.config.list_physical_devices("GPU")
    cap = tf.config.LogicalDeviceConfiguration(memory_limit=gibibytes * 1024)
    for gpu in gpus:
        _before_first_use(tf.config.set_logical_device_configuration, gpu, [cap])
    return [_short(gpu) for gpu in gpus]


def split_cpu(count: int) -> list[str]:
    """Make one CPU look like several, to try `tf.distribute` without a second device.

    The parts share the same cores, so nothing gets faster.

    Source: the page of `tf.config.set_logical_device_configuration`, which splits a CPU so.

    Args:
        count: at least 1.

    Returns:
        Names to hand to a strategy: `tf.distribute.MirroredStrategy(split_cpu(2))`.

    Raises:
        RuntimeError: TensorFlow has computed something already with another number of parts.
        ValueError: fewer than 1.
    """
    if count < 1:
        raise ValueError(f"A CPU cannot be split into {count!r} parts.")
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    _before_first_use(tf.config.set_logical_device_configuration, cpu, parts)
    return [f"CPU:{number}" for number in range(count)]


def describe_devices() -> str:
    """What TensorFlow can compute on, one line a device, as a text to print.

    Reading it starts nothing: memory can still be limited afterwards.

    Source: `tf.config.list_physical_devices` and `tf.config.experimental.get_device_details`.

    Returns:
        Such as `"CPU:0    8 cores\\nGPU:0    Tesla T4, compute capability 7.5; takes ..."`.
    """
    lines = [f"TensorFlow {tf.__version__}"]
    for device in tf.config.list_physical_devices():
        facts = {"CPU": _cpu, "GPU": _gpu}.get(device.device_type, lambda _: "")(device)
        lines.append(f"{_short(device):8} {facts}".rstrip())
    if not tf.config.list_physical_devices("GPU"):
        lines.append("no GPU that TensorFlow can use")
    return "\n".join(lines)


def gpu_memory(device: str = "GPU:0") -> dict[str, int]:
    """Bytes of GPU memory that tensors hold now, and the most they held so far.

    Source: `tf.config.experimental.get_memory_info`.

    Args:
        device: a GPU's short name.

    Returns:
        `"current"` and `"peak"`, in bytes.

    Raises:
        ValueError: there is no such GPU. (TensorFlow does not count a CPU's memory;
            `utils.lesson.peak_memory` does.)
    """
    known = [_short(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    if device not in known:
        raise ValueError(f"There is no {device!r} here. GPUs: {', '.join(known) or 'none'}.")
    return tf.config.experimental.get_memory_info(device)


def _short(device):
    return device.name.removeprefix("/physical_device:")


def _cpu(device):
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = tf.config.get_logical_device_configuration(device) or []
    split = f", split into {len(parts)} logical devices" if len(parts) > 1 else ""
    return f"{usable} cores{split}"


def _gpu(device):
    details = tf.config.experimental.get_device_details(device)
    name = details.get("device_name", "GPU")
    if "compute_capability" in details:
        name += ", compute capability {}.{}".format(*details["compute_capability"])
    (part, *_) = tf.config.get_logical_device_configuration(device) or [None]
    if part is not None and part.memory_limit:
        return f"{name}; takes at most {part.memory_limit / 1024:.3g} GiB"
    if tf.config.experimental.get_memory_growth(device):
        return f"{name}; takes memory as it needs it"
    return f"{name}; takes nearly all memory at the first use"


def _before_first_use(change, *arguments):
    try:
        change(*arguments)
    except RuntimeError as error:
        raise RuntimeError(
            "TensorFlow has already started its devices, and they cannot be changed any more. Restart "
            "the kernel and call this right after the imports, before anything is computed."
        ) from error
    except ValueError as error:
        raise RuntimeError(
            f"A GPU either has a cap or grows, not both; choose one of the two. ({error})"
        ) from error
