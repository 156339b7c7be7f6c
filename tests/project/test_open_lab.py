"""JupyterLab as `make lab` opens it says one line, the address, and leaves the user's home as it was."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tornado.websocket import websocket_connect

from tools import build_environment, installer

# Everything that a lesson makes write: Keras, Matplotlib's fonts, PyTensor's and Numba's code.
LESSON = """
import keras_theano, keras, matplotlib.pyplot as plt, numpy as np
model = keras.Sequential([keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
plt.plot([1, 2]); plt.savefig(__import__("io").BytesIO())
__import__("pytensor").config.compiledir  # machine code, with the modes that compile
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home, and a course's folder that is not this one for what is written."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith(("JUPYTER_", "XDG_")) or name in installer.own_folders({}):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    monkeypatch.setattr(installer, "ROOT", tmp_path / "l'été, a course")
    return folder


@pytest.fixture
def lab(home, monkeypatch):
    """Start JupyterLab as `make lab` does, with more options; it is stopped when the test ends."""
    started = []

    def start(*options):
        with monkeypatch.context() as patch:
            patch.setattr(build_environment, "START", "lessons/00-start-here.ipynb")
            patch.setattr(build_environment, "run", lambda python, rest: [str(python), *rest])
            # The copies of the lessons are not made.
            patch.setattr(build_environment.subprocess, "run", lambda *command, **settings: None)
            command = build_environment.open_lab(Path(sys.executable), ["--no-browser", *options])
        process = subprocess.Popen(
            command,
            cwd=build_environment.ROOT,
            env=installer.clean_environment() | {"PYTHONPATH": str(build_environment.ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def run_in_kernel(address: str, token: str, code: str) -> dict:
    """Start a kernel and run code in it, as JupyterLab in a browser does; return the reply's content."""
    request = urllib.request.Request(f"{address}/api/kernels?token={token}", data=b"{}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        kernel = json.load(answer)["id"]
    content = {"code": code, "silent": False, "allow_stdin": False}
    header = {"msg_id": "1", "msg_type": "execute_request", "username": "", "session": "1"}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}

    async def run():
        channels = f"{address.replace('http', 'ws')}/api/kernels/{kernel}/channels?session_id=1&token={token}"
        connection = await websocket_connect(channels)
        await connection.write_message(json.dumps({**message, "channel": "shell"}))
        while True:
            answer = json.loads(await connection.read_message())
            if answer["header"]["msg_type"] == "execute_reply":
                return answer["content"]

    return asyncio.run(asyncio.wait_for(run(), timeout=240))


@pytest.mark.slow
def test_one_line_says_where_it_is_and_a_lesson_leaves_the_home_alone(home, lab):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        server = lab(f"--port={taken}")
        line = server.stdout.readline()
    found = re.fullmatch(
        r"JupyterLab runs, on port (\d+) because (\d+) is taken; Ctrl-C here stops it\. "
        r"Open (http://localhost:\1)/lab/tree/lessons/00-start-here\.ipynb\?token=(\w+)\n",
        line,
    )
    assert found, line
    assert int(found[2]) == taken
    with urllib.request.urlopen(f"{found[3]}/lab?token={found[4]}", timeout=60) as page:
        assert b"JupyterLab" in page.read()
    with pytest.raises(urllib.error.HTTPError, match="403"):  # without the token
        urllib.request.urlopen(f"{found[3]}/api/kernels", timeout=60)
    reply = run_in_kernel(found[3], found[4], LESSON)
    assert reply["status"] == "ok", reply
    assert sorted(path.name for path in (installer.ROOT / ".home").iterdir()) == [
        "ipython", "jupyter", "keras", "matplotlib", "pytensor",
    ]  # fmt: skip
    assert list(home.rglob("*")) == []
    server.send_signal(signal.SIGTERM)
    rest, _ = server.communicate(timeout=60)
    chatter = [line for line in rest.splitlines() if "received signal" not in line]
    assert chatter == []


@pytest.mark.parametrize("flags", ["", "mode=FAST_COMPILE"])
def test_pytensor_reads_its_folder_whatever_is_in_the_path(monkeypatch, flags):
    monkeypatch.setattr(installer, "ROOT", Path('/a, "course"/d\'été'))
    chosen = installer.own_folders({"PYTENSOR_FLAGS": flags} if flags else {})["PYTENSOR_FLAGS"]
    code = "from pytensor.configparser import parse_config_string as p; print(p(input()))"
    done = subprocess.run(
        [sys.executable, "-c", code], input=chosen, capture_output=True, text=True, check=True
    )
    read = eval(done.stdout)  # a dict's own words
    assert read.pop("base_compiledir") == str(installer.ROOT / ".home" / "pytensor")
    assert read == ({"mode": "FAST_COMPILE"} if flags else {})


def test_a_folder_of_the_users_own_stays():
    own = {"KERAS_HOME": "/mine", "PYTENSOR_FLAGS": "base_compiledir=/mine"}
    chosen = installer.own_folders(own)
    assert own.keys().isdisjoint(chosen)
    assert "IPYTHONDIR" in chosen
