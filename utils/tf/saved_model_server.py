"""Answers for a SavedModel over HTTP, in a process of its own into which Keras cannot come.

    python -m utils.tf.saved_model_server FOLDER

`utils.tf.serve` starts it, and says what it answers. It prints its port as one line of JSON, answers on
this machine alone, and ends when its standard input does: so it never outlives the notebook that began it.
"""

import json
import math
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["BadRequest", "SavedModel"]

HOST = "127.0.0.1"  # nobody else can ask
LARGEST = 4_000_000  # bytes of a question


class BadRequest(ValueError):
    """A question that cannot be answered; the message tells who asked what to mend."""


class SavedModel:
    """A function from rows to predictions, read from a folder that `model.export` wrote.

    Once one is loaded, this process cannot import Keras any more.

    Args:
        folder: its signature `serving_default` takes one tensor for each column, of shape (None,) or
            (None, 1).
    """

    def __init__(self, folder: str):
        sys.modules["keras"] = None  # TensorFlow would load it as well
        import tensorflow as tf

        self._tf = tf
        self._loaded = tf.saved_model.load(folder)  # holds the tables and weights of the next line
        self._answer = self._loaded.signatures["serving_default"]
        self._columns = self._answer.structured_input_signature[1]

    def about(self) -> dict:
        """What it takes, and what became of Keras in this process."""
        try:
            import keras  # noqa: F401
        except ImportError as error:
            imported = f"{type(error).__name__}: {error}"
        else:
            imported = "it can be imported"
        there = [n for n, m in sys.modules.items() if n.partition(".")[0] == "keras" and m]
        columns = {name: spec.dtype.name for name, spec in self._columns.items()}
        return {"columns": columns, "modules of keras": there, "import keras": imported}

    def predict(self, question: object) -> dict:
        """Answer `{"instances": [{column: value, ...}, ...]}` by `{"predictions": [...]}`.

        Raises:
            BadRequest: it has another form, or the graph cannot take a value.
        """
        rows = question.get("instances") if isinstance(question, dict) else None
        if not isinstance(rows, list) or not rows:
            raise BadRequest('Ask {"instances": [row, ...]} with at least one row.')
        for number, row in enumerate(rows):
            if not isinstance(row, dict) or row.keys() != self._columns.keys():
                raise BadRequest(f"Row {number} has to have the columns {sorted(self._columns)}.")
        inputs = {name: self._column(name, spec, rows) for name, spec in self._columns.items()}
        try:
            (answer,) = self._answer(**inputs).values()
        except self._tf.errors.InvalidArgumentError as error:
            # Before and after the cause stand the names of nodes in the graph.
            lines = [line for line in error.message.splitlines() if line and "[[" not in line]
            raise BadRequest(f"The model cannot take this: {lines[-1]}") from error
        answer = answer.numpy()
        for number, finite in enumerate(map(_all_finite, answer)):
            if not finite:
                raise BadRequest(f"Row {number}: the model has no number for it.")
        return {"predictions": answer.tolist()}

    def _column(self, name, spec, rows):
        kind = spec.dtype
        if kind.is_integer:
            read, limits = _whole, (kind.min, kind.max)
        elif kind.is_floating:
            read, limits = _number, (float(kind.min), float(kind.max))
        else:
            read, limits = _text, None
        values = []
        for number, row in enumerate(rows):
            value, where = read(row[name]), f"Row {number}, {name}"
            if value is None:
                raise BadRequest(f"{where}: it has to be {KINDS[read]}, not {_json(row[name])}.")
            if limits and (value < limits[0] or value > limits[1]):  # NaN is neither
                raise BadRequest(f"{where}: {_json(value)} is too large.")
            values.append(value)
        return self._tf.reshape(self._tf.constant(values, kind), [-1, *spec.shape[1:]])


def _text(value):
    return value if isinstance(value, str) else None


def _whole(value):
    return value if type(value) is int else None  # True is no number


def _number(value):
    """A number that is missing is `null`: JSON has no NaN."""
    return math.nan if value is None else value if type(value) in (int, float) else None


KINDS = {_text: "text", _whole: "a whole number", _number: "a number or null"}


def _json(value):
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _all_finite(values):
    return all(map(math.isfinite, values.ravel()))


def _no_json(word):
    raise BadRequest(f"{word} is no JSON: a number that is missing is null.")


def _handler(model):
    class Handler(BaseHTTPRequestHandler):
        timeout = 30  # seconds that a question may take to arrive

        def do_GET(self):
            self._send(200, model.about())

        def do_POST(self):
            try:
                self._send(200, model.predict(self._question()))
            except BadRequest as error:
                self._send(400, {"error": str(error)})

        def _question(self):
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LARGEST:
                raise BadRequest(f"Say Content-Length: at most {LARGEST} bytes.")
            try:
                return json.loads(self.rfile.read(int(length)), parse_constant=_no_json)
            except BadRequest:
                raise
            except (ValueError, RecursionError) as error:
                raise BadRequest(f"This is no JSON: {error}") from error

        def _send(self, status, answer):
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            """Nothing: nobody reads this process's standard error."""

    return Handler


def main(folder: str) -> None:
    """Serve the model in `folder` on a free port until standard input ends."""
    with ThreadingHTTPServer((HOST, 0), _handler(SavedModel(folder))) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(json.dumps({"port": server.server_port}), flush=True)
        sys.stdin.buffer.read()  # it ends when whoever began this closes it, or is gone
        server.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
