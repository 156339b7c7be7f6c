"""A Jupyter server for a browser has a page of ours, ends with what needed it, and says why it did not start."""

import os
import sys
import urllib.error
import urllib.request

import pytest

from tools import browser


@pytest.fixture
def start(tmp_path):
    """Runs a command as the server."""
    return lambda command: browser.jupyter(
        [sys.executable, *command], tmp_path, dict(os.environ), tmp_path / "log", seconds=60
    )


def test_a_server_that_does_not_start_says_why(start):
    with (
        pytest.raises(RuntimeError, match="no room today"),
        start(["-c", "exit('no room today')"]),
    ):
        pass


@pytest.mark.slow
def test_it_answers_to_the_token_alone_and_is_gone_afterwards(start):
    with start(["-m", "jupyter_server"]) as (process, address):
        with urllib.request.urlopen(f"{address}/api/kernels?token={browser.TOKEN}") as answer:
            assert answer.read() == b"[]"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{address}/api/kernels")
    assert process.poll() is not None
