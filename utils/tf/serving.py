"""A SavedModel that another process answers for: `with serve(folder) as server: ...`"""

import json
import subprocess
import sys
import tempfile
import threading
import weakref
from pathlib import Path

from utils.processes import environment

__all__ = ["ModelServer", "serve"]

_latest = None


def serve(folder: str | Path, timeout: float = 120) -> "ModelServer":
    """Start a process that answers for a SavedModel over HTTP, on this machine alone.

    The process has TensorFlow and no Keras, and runs on the CPU. It takes the columns of the model's inputs,
    as TensorFlow Serving does:

    - `POST` with `{"instances": [{"miles": 229.0, "carrier": "UA"}]}`, one dict a row, is answered by
      `{"predictions": [[0.21]]}`; a missing number is `null`, and comes to the model as NaN.
    - A question that is wrong is answered with status 400 and `{"error": "..."}`.
    - `GET` is answered by what the model takes, and what became of Keras there.

    It is gone after `close()`, after a `with`, when `serve` is called again, and when this process ends,
    even killed.

    >>> import tempfile
    >>> model = keras.Sequential([keras.Input((1,), name="x"), keras.layers.Rescaling(2.0)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.export(folder, verbose=False)
    ...     with serve(folder) as server:
    ...         connection = HTTPConnection(*server.address)
    ...         connection.request("POST", "/", '{"instances": [{"x": 1.5}]}')
    ...         connection.getresponse().read()
    b'{"predictions": [[3.0]]}'

    Source: TensorFlow Serving's "RESTful API", tensorflow.org/tfx/serving/api_rest, whose questions and answers
    by rows have this form.

    Args:
        folder: what `model.export(folder)` wrote.
        timeout: seconds until it must be ready.

    Returns:
        A `ModelServer`, whose `address` is where to ask.

    Raises:
        RuntimeError: it could not begin, such as without a SavedModel in the folder; the message ends with
            the last lines that it wrote on standard error.
    """
    global _latest
    if _latest is not None:
        _latest.close()  # a cell that is run again leaves no process behind
    _latest = ModelServer(folder, timeout)
    return _latest


class ModelServer:
    """A running process that answers for a SavedModel; see `serve`, which makes it.

    Attributes:
        address: host and port, `("127.0.0.1", 41235)`. The system chose a port that was free.
        pid: the number of the process.
    """

    def __init__(self, folder: str | Path, timeout: float):
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "utils.tf.saved_model_server", str(folder)],
                env=environment() | {"CUDA_VISIBLE_DEVICES": "-1"},  # a GPU is the notebook's
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # stopping a cell does not stop the server
            )
            self.pid = process.pid
            self.close = weakref.finalize(self, _stop, process)  # at the latest when Python ends
            too_late = threading.Timer(timeout, process.kill)
            too_late.start()
            try:
                told = process.stdout.readline()  # empty if the process ended
                if not told:
                    errors.seek(0)
                    last = errors.read().decode(errors="replace").strip().splitlines()[-8:]
                    raise RuntimeError("\n".join([f"Nothing serves {folder}:", *last]))
            except BaseException:  # an interrupted cell, too
                self.close()
                raise
            finally:
                too_late.cancel()
        self.address = ("127.0.0.1", json.loads(told)["port"])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def __repr__(self):
        # Without the port, which would change a saved lesson at every run.
        return f"<model server, {'running' if self.close.alive else 'closed'}>"


def _stop(process):
    process.stdin.close()
    process.kill()  # it has nothing to write down
    process.wait()
    process.stdout.close()
