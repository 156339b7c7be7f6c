"""One measurement, in a process of its own, on whichever engine the environment selects.

``python -m benchmarks.child STARTED NET BATCH STEPS EPOCHS BUSY`` prints one line of JSON. STARTED
is the `time.time()` at which the process was started, BUSY the number of epochs that are trained
beside a process that keeps one core busy. Also run by Python 3.7 with Keras 2.3.1.
"""

import contextlib
import json
import os
import subprocess
import sys
import time


def main(arguments):
    started, net = float(arguments[0]), arguments[1]
    batch, steps, epochs, busy = [int(argument) for argument in arguments[2:]]
    if os.environ["KERAS_BACKEND"] == "theano" and "THEANORC" not in os.environ:
        import keras_theano  # noqa: F401 - before Keras
    import keras

    imported = time.time()
    from benchmarks.nets import DEPTHS, NETS

    model_and_data = dict(NETS, **DEPTHS)[net]
    x, y = model_and_data.data(batch * steps)
    model = model_and_data.build()
    ends = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert float(logs["loss"]) > 0  # also waits for an engine that runs ahead
            ends.append(time.time())

    def train(epochs):
        """Train; return how long the epochs after the first took, the median."""
        del ends[:]
        model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0, callbacks=[Clock()])
        lasted = sorted(b - a for a, b in zip(ends[:-1], ends[1:]))  # noqa: B905 - Python 3.7
        return lasted[len(lasted) // 2]

    fitting = time.time()
    epoch = train(epochs)
    result = {
        "import": imported - started,
        "first_epoch": ends[0] - started,
        "compile": ends[0] - fitting - epoch,
        "step": epoch / steps,
        "memory": peak_memory(),
    }
    if busy:
        with busy_process():
            result["busy"] = train(1 + busy) / steps
    print(json.dumps(result))


@contextlib.contextmanager
def busy_process():
    """Keep one core busy meanwhile, as a browser or another program may."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def peak_memory():
    """Return the most memory this process has held, in bytes; None where the system won't say."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    main(sys.argv[1:])
