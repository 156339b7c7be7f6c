"""What can go wrong with data on disk and on the way: each a clear error or a recovery."""

import errno
import functools
import hashlib
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from utils.data import downloads, packs
from utils.data.downloads import cache_dir, fetch_full
from utils.data.packs import DataError, load_arrays, pack_path

CONTENT = np.random.default_rng(0).integers(0, 256, 2_000_000, np.uint8).tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
fetch = functools.partial(fetch_full, pause=0.01, timeout=5)


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT at /set.bin and can be told to misbehave."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.cut_after: int | None = None  # bytes of an answer after which the line is cut
        self.cuts_left = 10**9
        self.ranges = True
        self.status: int | None = None
        self.requests: list[str | None] = []
        self.delay = threading.Event()
        self.delay.set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/set.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.requests.append(wanted)
        server.delay.wait(5)
        if server.status:
            return self.send_error(server.status)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if wanted and server.ranges and start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.end_headers()
            return
        body = server.content[start:]
        self.send_response(206 if wanted and server.ranges else 200)
        self.send_header("Content-Length", str(len(body)))
        if wanted and server.ranges:
            end, total = len(server.content) - 1, len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{end}/{total}")
        self.end_headers()
        if server.cut_after is not None and server.cuts_left > 0:
            server.cuts_left -= 1
            body = body[: server.cut_after]
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(downloads.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.suffix != ".lock"}


# ---------------------------------------------------------------- downloads


def test_downloads_once_and_then_needs_no_server(server, cache):
    assert fetch(server.url, SHA256).read_bytes() == CONTENT
    server.shutdown()
    assert fetch(server.url, SHA256) == cache / "set.bin"
    assert server.requests == [None]
    assert files_in(cache) == {"set.bin"}


def test_resumes_after_each_cut(server):
    server.cut_after, server.cuts_left = 700_000, 2
    assert fetch(server.url, SHA256).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=700000-", "bytes=1400000-"]


def test_resumes_in_a_later_call(server, cache):
    server.cut_after = 0
    part = cache / "set.bin.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT[:1_500_000])
    with pytest.raises(DataError, match="goes on from there"):
        fetch(server.url, SHA256, attempts=2)
    assert part.stat().st_size == 1_500_000
    server.cut_after = None
    assert fetch(server.url, SHA256).read_bytes() == CONTENT
    assert set(server.requests) == {"bytes=1500000-"}


def test_starts_over_when_the_server_knows_no_ranges(server):
    server.ranges, server.cut_after, server.cuts_left = False, 700_000, 1
    assert fetch(server.url, SHA256).read_bytes() == CONTENT


def test_a_part_of_another_version_is_thrown_away(server, cache):
    part = cache / "set.bin.part"
    part.parent.mkdir()
    part.write_bytes(b"x" * 1000)
    assert fetch(server.url, SHA256).read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(server, cache):
    part = cache / "set.bin.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT + b"more")
    assert fetch(server.url, SHA256).read_bytes() == CONTENT


def test_a_complete_part_is_used_as_it_is(server, cache):
    part = cache / "set.bin.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT)
    assert fetch(server.url, SHA256).read_bytes() == CONTENT
    assert server.requests == ["bytes=2000000-"]


def test_wrong_content_is_refused_and_not_kept(server, cache):
    server.content = b"<html>please log in</html>"
    with pytest.raises(DataError, match="is not the file this course was made with"):
        fetch(server.url, SHA256)
    assert files_in(cache) == set()


def test_a_damaged_file_in_the_cache_is_fetched_anew(server, cache):
    cache.mkdir()
    (cache / "set.bin").write_bytes(CONTENT[:-1] + b"?")
    assert fetch(server.url, SHA256).read_bytes() == CONTENT


def test_a_missing_page_is_said_at_once(server):
    server.status = 404
    with pytest.raises(DataError, match="404"):
        fetch(server.url, SHA256)
    assert len(server.requests) == 1


def test_a_busy_server_is_asked_again(server):
    server.status = 503
    with pytest.raises(DataError, match="503"):
        fetch(server.url, SHA256, attempts=3)
    assert len(server.requests) == 3


def test_no_network(server, cache):
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match="Is there a network"):
        fetch(server.url, SHA256, attempts=2)
    assert files_in(cache) == set()


def test_a_silent_server_counts_as_cut(server):
    server.delay.clear()
    with pytest.raises(DataError, match="timed out"):
        fetch(server.url, SHA256, attempts=1, timeout=0.2)
    server.delay.set()


def test_two_processes_fetch_a_file_once(server, cache):
    code = (
        "import sys; from utils.data.downloads import fetch_full; "
        "print(fetch_full(sys.argv[1], sys.argv[2], pause=0.01).stat().st_size)"
    )
    server.delay.clear()  # the first request waits until both processes are under way
    command = [sys.executable, "-c", code, server.url, SHA256]
    environment = os.environ | {"PYTHONPATH": str(packs.COURSE_ROOT)}
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    threading.Timer(2, server.delay.set).start()
    assert [process.communicate(timeout=60)[0].strip() for process in both] == ["2000000"] * 2
    assert server.requests == [None]
    assert files_in(cache) == {"set.bin"}


def test_full_disk(server, cache, monkeypatch):
    class FullDisk:
        def __init__(self, stream):
            self.stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.stream.close()

        def write(self, chunk):
            if self.stream.tell() + len(chunk) > 1_000_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.stream.write(chunk)

    def open_on_full_disk(path, mode="r", *args, **kwargs):
        stream = open(path, mode, *args, **kwargs)  # noqa: SIM115 (closed by FullDisk)
        return FullDisk(stream) if mode in ("ab", "wb") else stream

    monkeypatch.setattr(downloads, "open", open_on_full_disk, raising=False)
    with pytest.raises(DataError, match="No space left on device.*THINKING_IN_KERAS_CACHE"):
        fetch(server.url, SHA256)
    assert files_in(cache) <= {"set.bin.part"}
    monkeypatch.undo()
    monkeypatch.setenv(downloads.CACHE_VARIABLE, str(cache))
    assert fetch(server.url, SHA256).read_bytes() == CONTENT


def test_read_only_cache(server, cache, monkeypatch):
    # Tests may run as root, whom no permission stops: so the system's refusal is simulated.
    def refuse(self, *args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DataError, match="Cannot write to the cache folder.*Read-only file system"):
        fetch(server.url, SHA256)


def test_a_read_only_cache_that_holds_the_file_will_do(server, cache, monkeypatch):
    cache.mkdir()
    (cache / "set.bin").write_bytes(CONTENT)
    monkeypatch.setattr(Path, "mkdir", lambda *a, **k: pytest.fail("wrote to the cache"))
    assert fetch(server.url, SHA256) == cache / "set.bin"
    assert server.requests == []


def test_a_checksum_must_look_like_one(server):
    with pytest.raises(ValueError, match="not a SHA-256"):
        fetch(server.url, "abc")


def test_the_cache_is_outside_the_checkout(monkeypatch):
    monkeypatch.delenv(downloads.CACHE_VARIABLE)
    assert packs.COURSE_ROOT not in cache_dir().parents


# ---------------------------------------------------------------- packs in the checkout


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """A pack of one array, which a test may damage."""
    folder = tmp_path / "data" / "small"
    folder.mkdir(parents=True)
    np.savez_compressed(folder / "small.npz", x=np.arange(1000))
    content = (folder / "small.npz").read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    (folder / "files.json").write_text(
        f'{{"small.npz": {{"bytes": {len(content)}, "sha256": "{checksum}"}}}}'
    )
    monkeypatch.setattr(packs, "DATA", tmp_path / "data")
    return folder


def test_a_sound_pack(pack):
    assert load_arrays("small", "small.npz")["x"].sum() == 499_500


def test_a_missing_file(pack):
    (pack / "small.npz").unlink()
    with pytest.raises(DataError, match="data/small/small.npz is missing. `git checkout"):
        pack_path("small", "small.npz")


def test_a_truncated_file(pack):
    content = (pack / "small.npz").read_bytes()
    (pack / "small.npz").write_bytes(content[:-10])
    with pytest.raises(DataError, match=f"{len(content):,} were expected: it was cut short"):
        pack_path("small", "small.npz")


def test_an_altered_file_also_after_it_was_found_right(pack):
    path = pack_path("small", "small.npz")
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match="SHA-256 is .* was expected"):
        pack_path("small", "small.npz")


def test_a_sound_file_is_read_for_its_checksum_only_once(pack, monkeypatch):
    pack_path("small", "small.npz")
    monkeypatch.setattr(packs, "sha256", lambda path: pytest.fail("read again"))
    pack_path("small", "small.npz")


def test_pickles_are_refused(pack):
    np.savez(pack / "small.npz", x=np.array([{}], object))
    content = (pack / "small.npz").read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    (pack / "files.json").write_text(
        f'{{"small.npz": {{"bytes": {len(content)}, "sha256": "{checksum}"}}}}'
    )
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_arrays("small", "small.npz")


def test_unknown_names_are_named(pack):
    with pytest.raises(DataError, match="no data pack 'large'. Packs here: small"):
        pack_path("large", "x")
    with pytest.raises(DataError, match="has no file 'x'"):
        pack_path("small", "x")


def test_a_damaged_list_of_files(pack):
    (pack / "files.json").write_text("{")
    with pytest.raises(DataError, match="files.json is damaged"):
        pack_path("small", "small.npz")


def test_a_copy_without_data(tmp_path, monkeypatch):
    monkeypatch.setattr(packs, "DATA", tmp_path / "nowhere")
    with pytest.raises(DataError, match="full checkout"):
        pack_path("small", "x")
