"""Fetches full-size public sets into the user's cache, and resumes where a connection broke."""

import http.client
import os
import re
import time
import urllib.error
import urllib.request
from pathlib import Path

from utils.data.packs import DataError, has_sha256, sha256

CACHE_VARIABLE = "THINKING_IN_KERAS_CACHE"

# What to do where a download fails, for all messages about that.
INSTEAD = (
    "Without full=True, and without the environment variable THINKING_IN_KERAS_FULL, the lesson uses "
    "the data in the checkout."
)

_CHUNK = 1 << 18


def cache_dir() -> Path:
    """Folder for what `full=True` downloads: outside the checkout, in the user's cache.

    Set the environment variable `THINKING_IN_KERAS_CACHE` to move it.
    """
    import pooch

    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(pooch.os_cache("thinking-in-keras"))


def fetch_full(
    url: str,
    sha256_expected: str,
    file: str | None = None,
    *,
    attempts: int = 5,
    pause: float = 1.0,
    timeout: float = 30.0,
) -> Path:
    """Path of a full-size public file in the cache, downloaded if it is not there yet.

    The download goes to `<file>.part` and takes the final name only once its SHA-256 is right, so
    a half-written file is never used. A cut connection is resumed where it broke, also by a
    later call in a new process. Processes that ask for the same file at once wait for one
    another, and the file is fetched once.

    Args:
        url: where the file is published.
        sha256_expected: SHA-256 of the whole file, 64 hexadecimal digits.
        file: name in the cache, may hold forward slashes; default: the last part of `url`.
        attempts: how often in a row to try without getting a single new byte.
        pause: seconds to wait after the first failure; doubles with each further one.
        timeout: seconds without an answer after which the connection counts as cut.

    Raises:
        DataError: no network, the server refuses, the content is not the expected one, or the
            cache folder cannot be written or is full.
    """
    from filelock import FileLock

    if not re.fullmatch(r"[0-9a-f]{64}", sha256_expected):
        raise ValueError(f"not a SHA-256 in lower-case hexadecimal digits: {sha256_expected!r}")
    target = cache_dir() / (file or url.rsplit("/", 1)[-1])
    if _is_whole(target, sha256_expected):
        return target
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if _is_whole(target, sha256_expected):  # another process was first
                return target
            _fetch_part(url, part, sha256_expected, attempts, pause, timeout)
            os.replace(part, target)
    except OSError as error:
        raise DataError(
            f"Cannot write to the cache folder {target.parent}: {error.strerror or error}. Free some "
            f"space, or set the environment variable {CACHE_VARIABLE} to a folder with room."
        ) from error
    return target


class _Cut(Exception):
    """The connection failed or ended early; trying again may help."""


def _is_whole(path: Path, expected: str) -> bool:
    return path.exists() and has_sha256(path, expected)


def _fetch_part(url, part, expected, attempts, pause, timeout):
    """Complete `part` until its checksum is right, resuming what is there."""
    resumed = part.exists()
    _download(url, part, attempts, pause, timeout)
    found = sha256(part)
    if found != expected and resumed:
        # What an earlier run left may belong to another version: once more, from the start.
        part.unlink()
        _download(url, part, attempts, pause, timeout)
        found = sha256(part)
    if found != expected:
        part.unlink()
        raise DataError(
            f"What {url} sends is not the file this course was made with: its SHA-256 is {found}, "
            f"{expected} was expected. It was thrown away. A proxy or log-in page may have answered "
            f"instead; if not, the publisher has changed the file. {INSTEAD}"
        )


def _download(url, part, attempts, pause, timeout):
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            return _receive(url, part, before, timeout)
        except _Cut as cut:
            gained = part.exists() and part.stat().st_size > before
            failures = 1 if gained else failures + 1
            if failures >= attempts:
                raise DataError(
                    f"Could not download {url}: {cut}. Is there a network? What has arrived is kept, "
                    f"and the next call goes on from there. {INSTEAD}"
                ) from cut
            time.sleep(pause * 2 ** (failures - 1))


def _receive(url, part, start, timeout):
    """One request for the bytes from `start` on, appended to `part`; `_Cut` if it ends early."""
    from tqdm.auto import tqdm

    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=timeout
        )
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing beyond `start`: the file is whole, or was never this one
            if error.headers.get("Content-Range") == f"bytes */{start}":
                return
            part.unlink()
            raise _Cut("the server does not know the part that is here") from error
        if error.code in (408, 425, 429) or error.code >= 500:
            raise _Cut(f"the server answered {error.code} {error.reason}") from error
        raise DataError(
            f"Could not download {url}: {error.code} {error.reason}. {INSTEAD}"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(str(getattr(error, "reason", error)) or type(error).__name__) from error

    with response:
        partial = response.status == 206
        if partial and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise _Cut("the server sent another part than the one asked for")
        length = response.headers.get("Content-Length")
        have = start if partial else 0  # a server without ranges starts over
        total = have + int(length) if length is not None else None
        with (
            open(part, "ab" if partial else "wb") as stream,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=part.stem) as bar,
        ):
            while True:
                try:
                    chunk = response.read(_CHUNK)
                except (OSError, http.client.HTTPException) as error:
                    raise _Cut(str(error) or type(error).__name__) from error
                if not chunk:
                    break
                stream.write(chunk)
                have += len(chunk)
                bar.update(len(chunk))
    if total is not None and have < total:
        raise _Cut(f"the connection ended after {have:,} of {total:,} bytes")
