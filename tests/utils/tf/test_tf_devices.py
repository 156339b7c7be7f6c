"""Devices: processes of their own, since TensorFlow's devices can be set up once."""

import pytest

from utils.processes import run_programs


def python(code):
    return run_programs({"devices": code})["devices"].splitlines()


def test_importing_utils_imports_no_tensorflow():
    assert python("import sys, utils, utils.lesson; print('tensorflow' in sys.modules)") == [
        "False"
    ]


def test_a_cpu_is_split_for_a_strategy_which_averages_over_its_parts():
    printed = python(
        "import tensorflow as tf\n"
        "from utils.tf import describe_devices, split_cpu\n"
        "parts = split_cpu(2)\n"
        "print(parts, 'split into 2 logical devices' in describe_devices())\n"
        "strategy = tf.distribute.MirroredStrategy(parts)\n"
        "def replica(): return tf.cast(tf.distribute.get_replica_context()"
        ".replica_id_in_sync_group, tf.float32)\n"
        "print(strategy.num_replicas_in_sync,"
        " float(strategy.reduce('MEAN', strategy.run(replica), axis=None)))\n"
        "print(split_cpu(2))\n"
        "try: split_cpu(3)\n"
        "except RuntimeError as error: print(error)\n"
    )
    assert printed[:3] == ["['CPU:0', 'CPU:1'] True", "2 0.5", "['CPU:0', 'CPU:1']"]
    assert "already started its devices" in printed[3] and "Restart the kernel" in printed[3]


def test_the_report_starts_nothing_and_says_what_is_there():
    printed = python(
        "import tensorflow as tf\n"
        "from utils.tf import cap_memory, describe_devices, gpu_memory, grow_memory, split_cpu\n"
        "print(describe_devices())\n"
        "split_cpu(2)  # still possible\n"
        "gpus = len(tf.config.list_physical_devices('GPU'))\n"
        "print(len(grow_memory()) == gpus)\n"
        "try: gpu_memory('GPU:9')\n"
        "except ValueError as error: print(error)\n"
        "for wrong in (lambda: cap_memory(0), lambda: split_cpu(0)):\n"
        "    try: wrong()\n"
        "    except ValueError as error: print(error)\n"
    )
    assert printed[0].startswith("TensorFlow 2.")
    assert printed[1].startswith("CPU:0 ") and printed[1].endswith(" cores")
    assert printed[-4] == "True"
    assert "no 'GPU:9' here" in printed[-3]
    assert "above 0 GiB" in printed[-2] and "cannot be split into 0" in printed[-1]


class FakeGPU:
    """What TensorFlow says of a GPU; the calls that set it up are kept."""

    device_type, name = "GPU", "/physical_device:GPU:0"

    def __init__(self, monkeypatch, tf):
        self.growth, self.parts, config = False, None, tf.config
        cpus = config.list_physical_devices("CPU")

        def physical(kind=None):
            return {"GPU": [self], "CPU": cpus}.get(kind, [*cpus, self])

        def parts(device):
            return self.parts if device is self else None

        details = {"device_name": "Test X", "compute_capability": (9, 0)}
        monkeypatch.setattr(config, "list_physical_devices", physical)
        monkeypatch.setattr(config, "get_logical_device_configuration", parts)
        monkeypatch.setattr(config, "set_logical_device_configuration", self.set_parts)
        experimental = config.experimental
        monkeypatch.setattr(experimental, "get_device_details", lambda _: details)
        monkeypatch.setattr(experimental, "get_memory_growth", lambda _: self.growth)
        monkeypatch.setattr(experimental, "set_memory_growth", self.set_growth)

    def set_growth(self, device, growth):
        if self.parts:
            raise ValueError("Cannot set memory growth on device when virtual devices configured")
        self.growth = growth

    def set_parts(self, device, parts):
        self.parts = parts


@pytest.fixture
def gpu(monkeypatch):
    import tensorflow as tf

    return FakeGPU(monkeypatch, tf)


def test_a_gpu_takes_all_grows_or_is_capped(gpu):
    from utils.tf import cap_memory, describe_devices, grow_memory

    def told():
        return describe_devices().splitlines()[-1]

    start = "GPU:0    Test X, compute capability 9.0; "
    assert told() == start + "takes nearly all memory at the first use"
    assert grow_memory() == ["GPU:0"] and gpu.growth is True
    assert told() == start + "takes memory as it needs it"
    assert cap_memory(1.5) == ["GPU:0"]
    assert gpu.parts[0].memory_limit == 1536
    assert told() == start + "takes at most 1.5 GiB"
    with pytest.raises(RuntimeError, match="either has a cap or grows"):
        grow_memory()
