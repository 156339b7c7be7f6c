"""A model answers over HTTP without Keras; `test_tf_with_keras.py` runs this in a process of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils.processes import environment
from utils.tf import serve
from utils.tf import serving as module

ROW = {"carrier": "UA", "weekday": 3, "miles": 229.0}
N = 200
RANDOM = np.random.default_rng(0)


def columns(rows):
    def column(name, dtype):
        return tf.constant([[row[name]] for row in rows], dtype)

    floats = [[np.nan if row["miles"] is None else row["miles"]] for row in rows]
    names = {"carrier": column("carrier", "string"), "weekday": column("weekday", "int32")}
    return names | {"miles": tf.constant(floats, "float32")}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    inputs = {
        "carrier": keras.Input((1,), dtype="string", name="carrier"),
        "weekday": keras.Input((1,), dtype="int32", name="weekday"),
        "miles": keras.Input((), name="miles"),
    }
    lookup = keras.layers.StringLookup(vocabulary=["AA", "UA"])
    parts = [
        keras.layers.Flatten()(keras.layers.Embedding(3, 4)(lookup(inputs["carrier"]))),
        keras.layers.Flatten()(keras.layers.Embedding(7, 4)(inputs["weekday"])),
        keras.ops.nan_to_num(keras.layers.Reshape((1,))(inputs["miles"] / 1000)),
    ]
    x = keras.layers.Concatenate()(parts)
    return keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(x))


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    model.export(path, verbose=False)
    return path


@pytest.fixture(scope="module")
def server(folder):
    with module.ModelServer(folder, timeout=120) as running:
        yield running


def ask(server, body, method="POST", headers=None):
    connection = HTTPConnection(*server.address, timeout=60)
    text = body if isinstance(body, (bytes, str)) else json.dumps(body)
    connection.request(method, "/", text, headers or {})
    answer = connection.getresponse()
    return answer.status, json.load(answer)


def answers(address):
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError:
        return False
    return True


def gone(address, within=20):
    end = time.monotonic() + within
    while answers(address) and time.monotonic() < end:
        time.sleep(0.1)
    return not answers(address)


def test_answers_are_those_of_the_model(model, server):
    rows = [
        {
            "carrier": ["AA", "UA", "never seen", "é", ""][n % 5],
            "weekday": int(RANDOM.integers(7)),
            "miles": None if n % 7 == 0 else float(RANDOM.normal(1000, 700)),
        }
        for n in range(N)
    ]
    status, answer = ask(server, {"instances": rows})
    assert status == 200
    expected = model.predict(
        {name: x[:, 0] if name == "miles" else x for name, x in columns(rows).items()}, verbose=0
    )
    np.testing.assert_allclose(answer["predictions"], expected, rtol=0, atol=1e-6)
    assert len({tuple(row) for row in answer["predictions"]}) > N / 2
    for row, value in zip(rows[:10], expected[:10], strict=True):
        np.testing.assert_allclose(
            ask(server, {"instances": [row]})[1]["predictions"], [value], atol=1e-6
        )


def test_keras_is_not_there(server):
    status, about = ask(server, None, "GET")
    assert status == 200
    assert about["columns"] == {"carrier": "string", "weekday": "int32", "miles": "float32"}
    assert about["modules of keras"] == []
    assert about["import keras"].startswith("ModuleNotFoundError")


@pytest.mark.parametrize(
    "body, words",
    [
        ("", "no JSON"),
        ("{instances", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("1" * 5000, "no JSON: Exceeds the limit"),
        (json.dumps({"instances": [ROW | {"miles": float("nan")}]}), "NaN is no JSON"),
        (json.dumps({"instances": [ROW | {"miles": float("inf")}]}), "Infinity is no JSON"),
        (None, "at least one row"),
        ([ROW], "at least one row"),
        ({"rows": [ROW]}, "at least one row"),
        ({"instances": []}, "at least one row"),
        ({"instances": ROW}, "at least one row"),
        ({"instances": [ROW, 5]}, "Row 1 has to have the columns"),
        ({"instances": [{"carrier": "UA"}]}, r"Row 0 has .*\['carrier', 'miles', 'weekday'\]"),
        ({"instances": [ROW | {"tail": 1}]}, "Row 0 has to have the columns"),
        ({"instances": [ROW, ROW | {"carrier": 7}]}, "Row 1, carrier: it has to be text, not 7"),
        ({"instances": [ROW | {"carrier": None}]}, "has to be text, not null"),
        ({"instances": [ROW | {"miles": "far"}]}, 'a number or null, not "far"'),
        ({"instances": [ROW | {"miles": [229]}]}, r"a number or null, not \[229\]"),
        ({"instances": [ROW | {"miles": True}]}, "a number or null, not true"),
        ({"instances": [ROW | {"miles": 10**400}]}, r"Row 0, miles: 1000+\.\.\. is too large"),
        ({"instances": [ROW | {"miles": -1e39}]}, r"miles: -1e\+39 is too large"),
        ('{"instances": [{"carrier": "UA", "weekday": 3, "miles": 1e999}]}', "is too large"),
        ({"instances": [ROW | {"weekday": 3.5}]}, "a whole number, not 3.5"),
        ({"instances": [ROW | {"weekday": None}]}, "a whole number, not null"),
        ({"instances": [ROW | {"weekday": 10**12}]}, "Row 0, weekday: 10+ is too large"),
        ({"instances": [ROW | {"weekday": 10**40}]}, "Row 0, weekday: 10+ is too large"),
        ({"instances": [ROW | {"weekday": 2**32 + 3}]}, "weekday: 4294967299 is too large"),
        ({"instances": [ROW | {"weekday": True}]}, "a whole number, not true"),
        ({"instances": [ROW, ROW | {"weekday": 9}]}, r"cannot take this: .*= 9 is not in \[0, 7\)$"),
    ],
)  # fmt: skip
def test_a_wrong_question_is_answered_in_words(server, body, words):
    status, answer = ask(server, body)
    assert status == 400
    assert list(answer) == ["error"]
    assert re.search(words, answer["error"]), answer


def test_a_question_that_is_too_long_or_of_no_length_is_refused(server):
    for length in (str(10**12), "-5", "many"):
        status, answer = ask(server, "{}", headers={"Content-Length": length})
        assert status == 400 and "Content-Length" in answer["error"]
    assert ask(server, {"instances": [ROW]})[0] == 200, "and it is still there"


def test_only_this_machine_can_ask(server):
    assert server.address[0] == "127.0.0.1"
    _, port = server.address
    if sys.platform == "linux":
        assert answers(server.address)
        assert not answers(("127.0.0.2", port)), "it listens at other addresses, too"


@pytest.mark.parametrize("leave", ["error within with", "serve again"])
def test_it_leaves_no_process(folder, leave):
    server = serve(folder)
    assert answers(server.address)
    assert "running" in repr(server)
    if leave == "error within with":
        with pytest.raises(ZeroDivisionError), server:
            1 / 0  # noqa: B018
    else:
        with serve(folder) as other:
            assert answers(other.address)
    assert not answers(server.address)
    with pytest.raises(OSError):
        os.kill(server.pid, 0)
    server.close()  # once more does no harm
    assert "closed" in repr(server)


def started(monkeypatch):
    """The processes that are begun from now on."""
    processes, begin = [], subprocess.Popen
    monkeypatch.setattr(
        module.subprocess,
        "Popen",
        lambda *a, **k: processes.append(begin(*a, **k)) or processes[-1],
    )
    return processes


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer of signals here")
def test_a_cell_that_is_interrupted_leaves_no_process(folder, monkeypatch):
    processes = started(monkeypatch)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            serve(folder)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert [process.poll() is not None for process in processes] == [True]


@pytest.mark.parametrize("end", ["by itself", "killed"])
def test_it_ends_with_the_process_that_began_it(folder, end):
    program = (
        "import time; from utils.tf import serve\n"
        f"server = serve({str(folder)!r})\n"
        "print(server.address[1], flush=True)\n"
        f"time.sleep({60 if end == 'killed' else 0})\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program], env=environment(), stdout=subprocess.PIPE, text=True
    )
    address = ("127.0.0.1", int(owner.stdout.readline()))
    if end == "killed":
        assert answers(address)
        owner.kill()
    owner.wait(60)
    owner.stdout.close()
    assert gone(address)


def test_it_says_why_it_could_not_begin(tmp_path, monkeypatch):
    processes = started(monkeypatch)
    with pytest.raises(RuntimeError, match=r"Nothing serves .*:\n(.|\n)*SavedModel"):
        serve(tmp_path / "nothing here")
    assert processes[0].poll() is not None


def test_it_is_stopped_if_it_takes_too_long(folder, monkeypatch):
    processes = started(monkeypatch)
    with pytest.raises(RuntimeError, match="Nothing serves"):
        serve(folder, timeout=0.05)
    assert processes[0].poll() is not None
