"""One measurement, in a process of its own, on whichever engine the environment selects.

``python -m benchmarks.child STARTED NET BATCH STEPS EPOCHS`` prints one line of JSON. STARTED is
the `time.time()` at which the process was started. Also run by Python 3.7 with Keras 2.3.1.
"""

import json
import os
import sys
import time


def main(arguments):
    started, net, batch, steps, epochs = arguments
    started, batch, steps, epochs = float(started), int(batch), int(steps), int(epochs)
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

    fitting = time.time()
    model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0, callbacks=[Clock()])
    lasted = sorted(b - a for a, b in zip(ends[:-1], ends[1:]))  # noqa: B905 - Python 3.7
    epoch = lasted[len(lasted) // 2]
    result = {
        "import": imported - started,
        "first_epoch": ends[0] - started,
        "compile": ends[0] - fitting - epoch,
        "step": epoch / steps,
        "memory": peak_memory(),
    }
    print(json.dumps(result))


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
