"""A kernel that found one of its ports taken is started anew, under nbval and by the author's tool."""

import socket

import nbval.kernel
import pytest
from jupyter_client.connect import LocalPortCache
from nbclient.exceptions import DeadKernelError

from tools import notebook


def failing(*errors):
    """A start that raises these, one at each call, and then returns what it was called with."""
    left = list(errors)

    def start(*args, **options):
        if left:
            raise left.pop(0)
        return args, options

    return start


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_start_is_tried_three_times(times, recwarn):
    start = notebook.patiently(failing(*(RuntimeError(f"no answer {n}") for n in range(times))))
    assert start(1, a=2) == ((1,), {"a": 2})
    said = [f"A kernel is started anew: no answer {n}" for n in range(times)]
    assert [str(found.message) for found in recwarn] == said


@pytest.mark.filterwarnings("ignore:A kernel is started anew")
@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ([RuntimeError("no answer")] * 3, RuntimeError),
        ([DeadKernelError("it died in mid-lesson")], DeadKernelError),
        ([ValueError("no such kernel")], ValueError),
    ],
)
def test_other_faults_and_the_third_pass_through(errors, raised):
    with pytest.raises(raised) as caught:
        notebook.patiently(failing(*errors))()
    assert caught.value is errors[-1]


@pytest.mark.slow
@pytest.mark.parametrize("channel", ["shell", "iopub"])
def test_a_kernel_whose_port_is_taken_is_started_anew(channel, monkeypatch):
    """Of the ports that are picked for the first kernel, one is taken before it comes."""
    find, picked = LocalPortCache.find_available_port, []
    with socket.create_server(("127.0.0.1", 0)) as other:

        def find_or_lose(cache, ip):
            picked.append(find(cache, ip))
            lost = len(picked) == ["shell", "iopub"].index(channel) + 1
            return other.getsockname()[1] if lost else picked[-1]

        monkeypatch.setattr(LocalPortCache, "find_available_port", find_or_lose)
        start = notebook.patiently(nbval.kernel.start_new_kernel)
        with pytest.warns(UserWarning, match="A kernel is started anew: Kernel d"):
            kernel, client = start(startup_timeout=10, kernel_name="python3")
    try:
        assert kernel.is_alive() and len(picked) == 10
        assert client.kernel_info(reply=True, timeout=10)["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
